/* postrider/watch.c: campaigns, live in the terminal, until nothing is left to send. */
#include "cli.h"

#include "base/mem.h"

#include <json-c/json.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum)
{
    (void)signum;
    interrupted = 1;
}

static void wait_ms(uint64_t ms)
{
    struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL); /* a signal ends it, which is what we want */
}

static bool is_named(struct cli *cli, struct json_object *json)
{
    for (int i = 0; i < cli->count; i++)
        if (strcmp(cli->args[i], text_at(json, "name")) == 0 ||
            strcmp(cli->args[i], text_at(json, "id")) == 0)
            return true;
    return false;
}

/* Without names: all that run. */
static int fetch(struct cli *cli, struct json_object **list_r)
{
    struct json_object *all, *wanted;
    int result = ask_list(cli, "/v1/campaigns", "campaigns", &all);

    if (result != EXIT_OK)
        return result;
    wanted = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        struct json_object *json = json_object_array_get_idx(all, i);

        if (cli->count ? is_named(cli, json) : strcmp(text_at(json, "status"), "draft") != 0)
            json_object_array_add(wanted, json_object_get(json));
    }
    json_object_put(all);
    if (cli->count && json_object_array_length(wanted) < (size_t)cli->count) {
        json_object_put(wanted);
        complain("campaign watch", "not all of these campaigns are here",
                 "see: postrider campaign list");
        return EXIT_REFUSED;
    }
    *list_r = wanted;
    return EXIT_OK;
}

static bool over(struct json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *json = json_object_array_get_idx(list, i),
                           *metrics = at(json, "metrics");
        const char *status = text_at(json, "status");

        if (number_at(metrics, "planned") + number_at(metrics, "in_flight") > 0 ||
            strcmp(status, "starting") == 0)
            return false;
    }
    return true;
}

struct column {
    const char *head, *key;
    bool always; /* else only where a number is not 0, on a terminal */
};
static const struct column columns[] = {
    {">PLANNED", "planned", true},
    {">IN FLIGHT", "in_flight", false},
    {">SENT", "sent", true},
    {">STOPPED", "stopped", false},
    {">FAILED", "failed", false},
    {">UNCERTAIN", "uncertain", false},
    {">ANSWERED", "answered", true},
    {">AUTO-REPLIED", "auto_replied", false},
    {">BOUNCED", "bounced", false},
    {">UNSUBSCRIBED", "unsubscribed", false},
    {">INTERESTED", "interested", false},
};

static bool is_shown(const struct column *column, struct json_object *list)
{
    if (column->always || !isatty(STDOUT_FILENO))
        return true;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (number_at(at(json_object_array_get_idx(list, i), "metrics"), column->key))
            return true;
    return false;
}

static size_t print_all(struct json_object *list)
{
    const char *heads[ARRAY_LEN(columns) + 3] = {"CAMPAIGN", "STATUS"};
    const struct column *shown[ARRAY_LEN(columns)];
    struct table *table;
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (!is_shown(&columns[i], list))
            continue;
        heads[count + 2] = columns[i].head;
        shown[count++] = &columns[i];
    }
    table = table_new(heads);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *json = json_object_array_get_idx(list, i),
                           *metrics = at(json, "metrics");
        const char *cells[ARRAY_LEN(columns) + 2] = {text_at(json, "name"),
                                                     text_at(json, "status")};

        for (size_t k = 0; k < count; k++)
            cells[k + 2] = text_at(metrics, shown[k]->key);
        table_row(table, cells);
    }
    return table_print(table, "No campaign runs; see: postrider campaign list");
}

/* On a terminal the table stays where it is; elsewhere it is printed when it has changed. */
static void draw(struct cli *cli, struct json_object *list, char **before, size_t *lines)
{
    const char *now = json_object_to_json_string(list);

    if (cli->json) {
        puts(now);
    } else if (isatty(STDOUT_FILENO)) {
        if (*lines)
            printf("\033[%zuA\033[J", *lines);
        *lines = print_all(list);
    } else if (!*before || strcmp(*before, now) != 0) {
        print_all(list);
    }
    mem_str_set(before, now);
    fflush(stdout);
}

int campaign_watch(struct cli *cli)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    auto_free char *before = NULL;
    size_t lines = 0;
    int result;

    sigaction(SIGINT, &action, NULL);
    for (;;) {
        struct json_object *list;
        bool done;

        result = fetch(cli, &list);
        if (result != EXIT_OK)
            return result;
        draw(cli, list, &before, &lines);
        done = over(list);
        json_object_put(list);
        if (done || interrupted)
            return EXIT_OK;
        wait_ms(cli->interval ? cli->interval : 1000);
        if (interrupted)
            return EXIT_OK;
    }
}
