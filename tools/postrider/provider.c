/* postrider/provider.c: postrider provider, status, audit and reload. */
#include "cli.h"

#include "base/mem.h"

#include <json-c/json.h>
#include <string.h>

static int list(struct cli *cli)
{
    static const char *const heads[] = {"NAME",        "PLUGIN",  "VERSION",
                                        ">GENERATION", ">MAPPED", NULL};
    struct json_object *all;
    struct table *table;
    int result = ask_list(cli, "/v1/providers", "providers", &all);

    if (result != EXIT_OK)
        return result;
    if (cli->json) {
        print_list("providers", all);
    } else {
        table = table_new(heads);
        for (size_t i = 0; i < json_object_array_length(all); i++) {
            struct json_object *json = json_object_array_get_idx(all, i),
                               *mapped = at(json, "generations");

            table_row(table,
                      (const char *[]){text_at(json, "name"), text_at(json, "title"),
                                       text_at(json, "version"), text_at(json, "generation"),
                                       number_text((int64_t)json_object_array_length(mapped))});
        }
        table_print(table, "No providers; name one in the daemon's config.");
    }
    json_object_put(all);
    return EXIT_OK;
}

/* Where an administrator consents before anybody else does. */
static void print_admin_links(struct json_object *links)
{
    if (!links)
        return;
    json_object_object_foreach (links, access, link) {
        auto_free char *label = mem_printf("admin (%s)", access);

        print_line(label, json_object_get_string(link));
    }
}

static int show(struct cli *cli)
{
    static const char *const heads[] = {">GENERATION", "VERSION",     "STATE",
                                        ">SESSIONS",   ">OPERATIONS", ">TIMERS",
                                        ">REQUESTS",   "LOADED",      NULL};
    auto_free char *path = path_of("/v1/providers/", cli->args[0], "");
    auto_answer answer = {0};
    struct json_object *all;
    struct table *table;
    int result = ask_plain(cli, "GET", path, &answer);

    if (result != EXIT_OK)
        return result;
    if (cli->json)
        return print_json(answer.json);
    print_line("provider", text_at(answer.json, "name"));
    print_line("plugin", text_at(answer.json, "title"));
    print_line("version", text_at(answer.json, "version"));
    print_admin_links(at(answer.json, "admin_links"));
    putchar('\n');
    table = table_new(heads);
    all = at(answer.json, "generations");
    for (size_t i = 0; all && i < json_object_array_length(all); i++) {
        struct json_object *json = json_object_array_get_idx(all, i);

        table_row(table, (const char *[]){text_at(json, "generation"), text_at(json, "version"),
                                          text_at(json, "state"), text_at(json, "sessions"),
                                          text_at(json, "operations"), text_at(json, "timers"),
                                          text_at(json, "requests"), time_at(json, "loaded_at")});
    }
    table_print(table, "Nothing of it is loaded.");
    return EXIT_OK;
}

static int reload_provider(struct cli *cli)
{
    auto_free char *path = path_of("/v1/providers/", cli->args[0], "/reload");
    struct json_object *body = json_object_new_object(), *old, *new;
    auto_answer answer = {0};
    int result;

    if (cli->accept_origins)
        json_object_object_add(body, "accept_origins", json_object_new_boolean(true));
    result = ask_json(cli, "POST", path, body, &answer);
    if (result != EXIT_OK)
        return result;
    if (cli->json)
        return print_json(answer.json);
    old = at(answer.json, "old");
    new = at(answer.json, "new");
    printf("%s: generation %s (version ", text_at(answer.json, "provider"),
           text_at(new, "generation"));
    print_text(stdout, text_at(new, "version"));
    printf(") takes new work; generation %s (version ", text_at(old, "generation"));
    print_text(stdout, text_at(old, "version"));
    printf(") finishes what it has.\n");
    return EXIT_OK;
}

/* -- the daemon ----------------------------------------------------------------------------- */

static void print_counts(const char *label, struct json_object *counts)
{
    auto_buf struct buf line = {0};

    if (!counts)
        return;
    json_object_object_foreach (counts, name, value) {
        buf_printf(&line, "%s%s %s", line.len ? ", " : "", json_object_get_string(value), name);
    }
    print_line(label, line.len ? buf_text(&line) : "none");
}

static int status(struct cli *cli)
{
    auto_answer answer = {0};
    struct json_object *json;
    auto_free char *room = NULL;
    int result = ask_plain(cli, "GET", "/v1/status", &answer);

    if (result != EXIT_OK)
        return result;
    json = answer.json;
    if (cli->json)
        return print_json(json);
    room = mem_printf("%lld %% free", (long long)number_at(json, "store_free_percent"));
    print_line("since", time_at(json, "since"));
    print_line("now", time_at(json, "now"));
    print_line("clock", true_at(json, "virtual_clock") ? "virtual (the sandbox's)" : "");
    print_counts("mailboxes", at(json, "mailboxes"));
    print_counts("campaigns", at(json, "campaigns"));
    print_line("in flight", text_at(json, "in_flight"));
    print_line("in doubt", text_at(json, "in_doubt"));
    print_line("store", room);
    if (true_at(json, "frozen"))
        complain("nothing is sent any more", "the disk refused a write",
                 "make the disk sound, then restart the daemon: nothing is lost");
    return true_at(json, "frozen") ? EXIT_REFUSED : EXIT_OK;
}

static int audit(struct cli *cli)
{
    static const char *const heads[] = {"AT", "WHAT", "OF", "MORE", NULL};
    struct json_object *all;
    struct table *table;
    int result = ask_list(cli, "/v1/audit", "audit", &all);

    if (result != EXIT_OK)
        return result;
    if (cli->json) {
        print_list("audit", all);
    } else {
        table = table_new(heads);
        for (size_t i = 0; i < json_object_array_length(all); i++) {
            struct json_object *json = json_object_array_get_idx(all, i);

            table_row(table, (const char *[]){time_at(json, "at"), text_at(json, "verb"),
                                              text_at(json, "object"), text_at(json, "detail")});
        }
        table_print(table, "Nothing was changed yet.");
    }
    json_object_put(all);
    return EXIT_OK;
}

static int reload(struct cli *cli)
{
    auto_answer answer = {0};
    int result = ask_plain(cli, "POST", "/v1/reload", &answer);

    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK)
        puts("Reloaded.");
    return result;
}

const struct verb provider_verbs[] = {
    {"provider", "list", "", "The configured providers.", 0, 0, list},
    {"provider", "show", "NAME", "One provider, and what of its plugin is mapped.", 1, 1, show},
    {"provider", "reload", "NAME [--accept-origins]",
     "Swaps its plugin for what the file holds now, while campaigns run. On any failure the old "
     "one\n"
     "    goes on. A plugin that names new origins is refused unless --accept-origins.",
     1, 1, reload_provider},
    {NULL},
};
const struct verb daemon_verbs[] = {
    {"status", NULL, "", "How the daemon is doing.", 0, 0, status},
    {"audit", NULL, "[--limit N]", "What was changed, and when.", 0, 0, audit},
    {"reload", NULL, "", "The daemon's config and plugins anew.", 0, 0, reload},
    {NULL},
};
