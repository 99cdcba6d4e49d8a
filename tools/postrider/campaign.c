/* postrider/campaign.c: postrider campaign create|people|preview|start|pause|edit|show|list|... */
#include "cli.h"

#include "base/mem.h"
#include "base/text.h"

#include <json-c/json.h>
#include <string.h>

enum { SOURCE_MAX = 4 * 1024 * 1024, REASONS_SHOWN = 20 };

static void print_campaign(struct json_object *json)
{
    static const char *const heads[] = {">PEOPLE",    ">MESSAGES",  ">PLANNED",
                                        ">IN FLIGHT", ">SENT",      ">STOPPED",
                                        ">FAILED",    ">UNCERTAIN", NULL};
    static const char *const more[] = {">ANSWERED",   ">AUTO-REPLIED", ">BOUNCED", ">UNSUBSCRIBED",
                                       ">COMPLAINED", ">INTERESTED",   NULL};
    struct json_object *metrics = at(json, "metrics"), *from = at(json, "mailboxes");
    auto_buf struct buf senders = {0};
    struct table *table;

    for (size_t i = 0; from && i < json_object_array_length(from); i++)
        buf_printf(&senders, "%s%s", i ? ", " : "",
                   json_object_get_string(json_object_array_get_idx(from, i)));
    print_line("campaign", text_at(json, "name"));
    print_line("status", text_at(json, "status"));
    print_line("from", buf_text(&senders));
    print_line("steps", number_text(number_at(json, "steps")));
    print_line("created", time_at(json, "created_at"));
    print_line("started", time_at(json, "started_at"));
    putchar('\n');
    table = table_new(heads);
    table_row(table, (const char *[]){number_text(number_at(metrics, "people")),
                                      number_text(number_at(metrics, "messages")),
                                      number_text(number_at(metrics, "planned")),
                                      number_text(number_at(metrics, "in_flight")),
                                      number_text(number_at(metrics, "sent")),
                                      number_text(number_at(metrics, "stopped")),
                                      number_text(number_at(metrics, "failed")),
                                      number_text(number_at(metrics, "uncertain"))});
    table_print(table, "");
    putchar('\n');
    table = table_new(more);
    table_row(table, (const char *[]){number_text(number_at(metrics, "answered")),
                                      number_text(number_at(metrics, "auto_replied")),
                                      number_text(number_at(metrics, "bounced")),
                                      number_text(number_at(metrics, "unsubscribed")),
                                      number_text(number_at(metrics, "complained")),
                                      number_text(number_at(metrics, "interested"))});
    table_print(table, "");
}

/* A verb that answers with the campaign. */
static int change(struct cli *cli, const char *method, const char *verb)
{
    auto_free char *path = path_of("/v1/campaigns/", cli->args[0], verb);
    auto_answer answer = {0};
    int result = ask_plain(cli, method, path, &answer);

    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK)
        print_campaign(answer.json);
    return result;
}

static int show(struct cli *cli)
{
    return change(cli, "GET", "");
}

static int start(struct cli *cli)
{
    return change(cli, "POST", "/start");
}

static int pause_it(struct cli *cli)
{
    return change(cli, "POST", "/pause");
}

static int remove_it(struct cli *cli)
{
    auto_free char *path = path_of("/v1/campaigns/", cli->args[0], "");
    auto_answer answer = {0};
    int result;

    if (!sure(cli, "%s will be stopped for good.", cli->args[0]))
        return EXIT_REFUSED;
    result = ask_plain(cli, "DELETE", path, &answer);
    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK)
        puts("It is removed. What was sent stays in the ledger.");
    return result;
}

static int list(struct cli *cli)
{
    static const char *const heads[] = {"NAME",      "STATUS",   ">PEOPLE",    ">PLANNED", ">SENT",
                                        ">ANSWERED", ">BOUNCED", ">UNCERTAIN", NULL};
    struct json_object *all;
    struct table *table;
    int result = ask_list(cli, "/v1/campaigns", "campaigns", &all);

    if (result != EXIT_OK)
        return result;
    if (cli->json) {
        print_list("campaigns", all);
    } else {
        table = table_new(heads);
        for (size_t i = 0; i < json_object_array_length(all); i++) {
            struct json_object *json = json_object_array_get_idx(all, i),
                               *metrics = at(json, "metrics");
            const char *cells[] = {text_at(json, "name"),
                                   text_at(json, "status"),
                                   number_text(number_at(metrics, "people")),
                                   number_text(number_at(metrics, "planned")),
                                   number_text(number_at(metrics, "sent")),
                                   number_text(number_at(metrics, "answered")),
                                   number_text(number_at(metrics, "bounced")),
                                   number_text(number_at(metrics, "uncertain"))};

            table_row(table, cells);
        }
        table_print(table, "No campaigns yet; write one, then: postrider campaign create FILE");
    }
    json_object_put(all);
    return EXIT_OK;
}

/* -- people ------------------------------------------------------------------------------- */

static void print_import(struct json_object *json)
{
    struct json_object *reasons = at(json, "reasons");
    size_t count = reasons ? json_object_array_length(reasons) : 0;
    int64_t rejected = number_at(json, "rejected");

    printf("%lld rows: %lld enrolled, %lld were there already, %lld of them suppressed, %lld "
           "rejected\n",
           (long long)number_at(json, "rows"), (long long)number_at(json, "enrolled"),
           (long long)number_at(json, "known"), (long long)number_at(json, "suppressed"),
           (long long)rejected);
    for (size_t i = 0; i < count && i < REASONS_SHOWN; i++) {
        struct json_object *reason = json_object_array_get_idx(reasons, i);

        printf("  row %lld: ", (long long)number_at(reason, "row"));
        print_text(stdout, text_at(reason, "why"));
        putchar('\n');
    }
    if (rejected > REASONS_SHOWN)
        printf("  ... and %lld more (up to 1,000 of them with --json)\n",
               (long long)(rejected - REASONS_SHOWN));
}

static int import_people(struct cli *cli, const char *campaign, const char *file, bool print)
{
    auto_free char *path = path_of("/v1/campaigns/", campaign, "/people");
    auto_answer answer = {0};
    int result = ask_stream(cli, path, file, "text/csv", &answer);

    if (result == EXIT_OK && cli->json && print)
        return print_json(answer.json);
    if (result == EXIT_OK && !cli->json)
        print_import(answer.json);
    return result;
}

static int list_people(struct cli *cli)
{
    static const char *const heads[] = {"PERSON", "STATUS", ">SENT", "NEXT", "WHY", NULL};
    auto_free char *path = path_of("/v1/campaigns/", cli->args[0], "/people");
    struct json_object *all;
    struct table *table;
    int result = ask_list(cli, path, "people", &all);

    if (result != EXIT_OK)
        return result;
    if (cli->json) {
        print_list("people", all);
    } else {
        table = table_new(heads);
        for (size_t i = 0; i < json_object_array_length(all); i++) {
            struct json_object *json = json_object_array_get_idx(all, i);
            auto_free char *sent = mem_printf("%lld/%lld", (long long)number_at(json, "sent"),
                                              (long long)number_at(json, "steps"));
            const char *address = text_at(json, "address");
            const char *cells[] = {*address ? address : "(erased)", text_at(json, "status"), sent,
                                   time_at(json, "due_at"), text_at(json, "why")};

            table_row(table, cells);
        }
        table_print(table, "Nobody is enrolled; add people: postrider campaign people NAME CSV");
    }
    json_object_put(all);
    return EXIT_OK;
}

static int people(struct cli *cli)
{
    return cli->count == 1 ? list_people(cli)
                           : import_people(cli, cli->args[0], cli->args[1], true);
}

/* -- create and edit ---------------------------------------------------------------------- */

static int send_source(struct cli *cli, const char *method, const char *where, const char *file,
                       struct answer *answer)
{
    auto_buf struct buf source = {0}, path = {0};
    const char *slash = strrchr(file, '/');
    int result = read_file(file, SOURCE_MAX, &source);

    if (result != EXIT_OK)
        return result;
    buf_printf(&path, "%s?file=", where);
    text_percent(&path, slash ? slash + 1 : file);
    return ask(cli, method, buf_text(&path), "application/yaml",
               (struct bytes){buf_text(&source), source.len}, answer);
}

static int create(struct cli *cli)
{
    auto_answer answer = {0};
    auto_free char *id = NULL;
    int result = send_source(cli, "POST", "/v1/campaigns", cli->args[0], &answer);

    if (result != EXIT_OK)
        return result;
    if (cli->json)
        print_json(answer.json);
    else
        print_campaign(answer.json);
    id = mem_str(text_at(answer.json, "id"));
    if (cli->people) {
        if (!cli->json)
            putchar('\n');
        result = import_people(cli, id, cli->people, false);
    }
    if (result == EXIT_OK && !cli->json) {
        printf("\nLook at it, then let it go:\n  postrider campaign preview \"");
        print_text(stdout, text_at(answer.json, "name"));
        printf("\"\n  postrider campaign start \"");
        print_text(stdout, text_at(answer.json, "name"));
        printf("\"\n");
    }
    return result;
}

static int edit(struct cli *cli)
{
    auto_free char *path = path_of("/v1/campaigns/", cli->args[0], "");
    auto_answer answer = {0};
    int result = send_source(cli, "PUT", path, cli->args[1], &answer);

    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK)
        print_campaign(answer.json);
    return result;
}

/* -- preview ------------------------------------------------------------------------------ */

static void print_message(struct json_object *json)
{
    const char *error = text_at(json, "error");

    if (colours())
        fputs("\033[1m", stdout);
    printf("── %s  step %lld  %s\n", time_at(json, "planned_at"),
           (long long)number_at(json, "step"), *error ? "can't be sent" : "");
    if (colours())
        fputs("\033[0m", stdout);
    print_line("from", *text_at(json, "from") ? text_at(json, "from") : text_at(json, "mailbox"));
    print_line("to", text_at(json, "to"));
    print_line("subject", text_at(json, "subject"));
    print_line("error", error);
    putchar('\n');
    print_text(stdout, text_at(json, "text"));
    putchar('\n');
    if (*text_at(json, "html"))
        puts("(and the same as HTML)");
}

static int preview(struct cli *cli)
{
    auto_free char *after =
        mem_printf("/preview?limit=%llu", (unsigned long long)(cli->limit ? cli->limit : 5));
    auto_free char *path = path_of("/v1/campaigns/", cli->args[0], after);
    auto_answer answer = {0};
    struct json_object *messages;
    int result = ask_plain(cli, "GET", path, &answer);

    if (result != EXIT_OK)
        return result;
    if (cli->json)
        return print_json(answer.json);
    messages = at(answer.json, "messages");
    for (size_t i = 0; messages && i < json_object_array_length(messages); i++)
        print_message(json_object_array_get_idx(messages, i));
    if (!messages || !json_object_array_length(messages))
        puts("Nobody is enrolled; add people: postrider campaign people NAME CSV");
    else if (number_at(answer.json, "next"))
        puts("(the first people only; more with --limit N)");
    return EXIT_OK;
}

const struct verb campaign_verbs[] = {
    {"campaign", "create", "FILE [--people CSV]",
     "A new campaign from its YAML, as a draft. Every mistake is told at once, with its line.", 1,
     1, create},
    {"campaign", "people", "NAME [CSV] [--limit N]",
     "Enrols people from a CSV file of any size (- is standard input); rows that can't be used "
     "are\n"
     "    told with their number, the rest is imported. Without a file: who is enrolled.",
     1, 2, people},
    {"campaign", "preview", "NAME [--limit PEOPLE]",
     "Every message with its planned time, by the very code that sends.", 1, 1, preview},
    {"campaign", "start", "NAME", "Begins, or goes on after a pause.", 1, 1, start},
    {"campaign", "pause", "NAME", "Sends nothing more until it is started again.", 1, 1, pause_it},
    {"campaign", "edit", "NAME FILE", "Another text; what is not sent yet follows it.", 2, 2, edit},
    {"campaign", "show", "NAME", "One campaign and its numbers.", 1, 1, show},
    {"campaign", "list", "", "All campaigns.", 0, 0, list},
    {"campaign", "remove", "NAME [--yes]", "Stops it for good.", 1, 1, remove_it},
    {"campaign", "watch", "[NAME...] [--interval MS]",
     "The numbers, live, until nothing is left to send (or ^C). Without a name: all that run.", 0,
     1000, campaign_watch},
    {NULL},
};
