/* postrider/mailbox.c: postrider mailbox add|list|show|check|invite|pause|resume|disconnect. */
#include "cli.h"

#include "base/mem.h"

#include <json-c/json.h>
#include <string.h>

static void add_given(struct json_object *body, const char *key, const char *value)
{
    if (value)
        json_object_object_add(body, key, json_object_new_string(value));
}

static void print_link(const char *address, struct json_object *json)
{
    printf("Send this link to the owner of ");
    print_text(stdout, address);
    printf("; it is good for 7 days:\n\n  %s\n\n", text_at(json, "link"));
}

static int add(struct cli *cli)
{
    struct json_object *body = json_object_new_object();
    auto_answer answer = {0};
    int result;

    if (!cli->provider) {
        json_object_put(body);
        complain("mailbox add", "which provider is it at?",
                 "add --provider NAME; see: postrider provider list");
        return EXIT_USAGE;
    }
    add_given(body, "address", cli->args[0]);
    add_given(body, "provider", cli->provider);
    add_given(body, "access", cli->access);
    add_given(body, "promise", cli->promise);
    add_given(body, "zone", cli->zone);
    result = ask_json(cli, "POST", "/v1/mailboxes", body, &answer);
    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK)
        print_link(cli->args[0], answer.json);
    return result;
}

static int list(struct cli *cli)
{
    static const char *const heads[] = {"ADDRESS", "PROVIDER",    "STATUS", "ACCESS",
                                        "PROMISE", ">SENT TODAY", "LISTED", NULL};
    struct json_object *all;
    struct table *table;
    int result = ask_list(cli, "/v1/mailboxes", "mailboxes", &all);

    if (result != EXIT_OK)
        return result;
    if (cli->json) {
        print_list("mailboxes", all);
    } else {
        table = table_new(heads);
        for (size_t i = 0; i < json_object_array_length(all); i++) {
            struct json_object *json = json_object_array_get_idx(all, i);
            const char *grade = text_at(json, "grade");
            const char *cells[] = {text_at(json, "address"),
                                   text_at(json, "provider"),
                                   text_at(json, "status"),
                                   text_at(json, "access"),
                                   *grade ? grade : text_at(json, "promise"),
                                   number_text(number_at(json, "sent_today")),
                                   time_at(json, "listed_at")};

            table_row(table, cells);
        }
        table_print(table, "No mailboxes yet; add one: postrider mailbox add ADDRESS --provider "
                           "NAME");
    }
    json_object_put(all);
    return EXIT_OK;
}

static void print_words(const char *label, struct json_object *list)
{
    auto_buf struct buf line = {0};

    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        buf_printf(&line, "%s%s", i ? ", " : "",
                   json_object_get_string(json_object_array_get_idx(list, i)));
    print_line(label, buf_text(&line));
}

static void print_mailbox(struct json_object *json)
{
    auto_free char *status = mem_printf("%s%s%s", text_at(json, "status"),
                                        *text_at(json, "why") ? ": " : "", text_at(json, "why"));
    auto_free char *promise =
        mem_printf("%s%s%s", text_at(json, "promise"), *text_at(json, "grade") ? ", " : "",
                   text_at(json, "grade"));

    print_line("address", text_at(json, "address"));
    print_line("name", text_at(json, "name"));
    print_line("provider", text_at(json, "provider"));
    print_line("status", status);
    print_line("access", text_at(json, "access"));
    print_line("promise", promise);
    print_words("can", at(json, "can"));
    print_words("aliases", at(json, "aliases"));
    print_line("zone", text_at(json, "zone"));
    print_line("connected", time_at(json, "connected_at"));
    print_line("listed", time_at(json, "listed_at"));
    print_line("last sent", time_at(json, "last_sent_at"));
    print_line("sent today", number_text(number_at(json, "sent_today")));
    print_line("held until", time_at(json, "held_until"));
}

/* A verb that answers with the mailbox. */
static int change(struct cli *cli, const char *method, const char *verb)
{
    auto_free char *path = path_of("/v1/mailboxes/", cli->args[0], verb);
    auto_answer answer = {0};
    int result = ask_plain(cli, method, path, &answer);

    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK)
        print_mailbox(answer.json);
    return result;
}

static int show(struct cli *cli)
{
    return change(cli, "GET", "");
}

static int pause_it(struct cli *cli)
{
    return change(cli, "POST", "/pause");
}

static int resume(struct cli *cli)
{
    return change(cli, "POST", "/resume");
}

static int check(struct cli *cli)
{
    auto_free char *path = path_of("/v1/mailboxes/", cli->args[0], "/check");
    auto_answer answer = {0};
    struct json_object *problems;
    int result = ask_plain(cli, "POST", path, &answer);

    if (result != EXIT_OK)
        return result;
    if (cli->json)
        return print_json(answer.json);
    problems = at(answer.json, "problems");
    for (size_t i = 0; problems && i < json_object_array_length(problems); i++) {
        struct json_object *problem = json_object_array_get_idx(problems, i);

        printf("problem: ");
        print_text(stdout, text_at(problem, "what"));
        printf("\n  ");
        print_text(stdout, text_at(problem, "next"));
        printf("\n\n");
    }
    if (true_at(answer.json, "ok"))
        printf("Nothing stands in its way.\n\n");
    print_mailbox(at(answer.json, "mailbox"));
    return true_at(answer.json, "ok") ? EXIT_OK : EXIT_REFUSED;
}

static int invite(struct cli *cli)
{
    auto_free char *path = path_of("/v1/mailboxes/", cli->args[0], "/invite");
    auto_answer answer = {0};
    int result = ask_plain(cli, "POST", path, &answer);

    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK)
        print_link(cli->args[0], answer.json);
    return result;
}

static int disconnect(struct cli *cli)
{
    auto_free char *path = path_of("/v1/mailboxes/", cli->args[0], "");
    auto_answer answer = {0};
    int result;

    if (!sure(cli, "%s will be revoked, and what is kept of it destroyed.", cli->args[0]))
        return EXIT_REFUSED;
    result = ask_plain(cli, "DELETE", path, &answer);
    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK) {
        print_text(stdout, cli->args[0]);
        printf(" is disconnected. ");
        print_text(stdout, text_at(answer.json, "told"));
        putchar('\n');
    }
    return result;
}

const struct verb mailbox_verbs[] = {
    {"mailbox", "add",
     "ADDRESS --provider NAME [--access full|headers|send] [--promise strict|fast] [--zone ZONE]",
     "Asks for a mailbox, and prints a link by which its owner consents.", 1, 1, add},
    {"mailbox", "list", "", "All mailboxes and how they are.", 0, 0, list},
    {"mailbox", "show", "ADDRESS", "One mailbox: what was granted, what it can do and promise.", 1,
     1, show},
    {"mailbox", "check", "ADDRESS",
     "What stands between it and its work, and what to do. Exit status 1 if anything does.", 1, 1,
     check},
    {"mailbox", "invite", "ADDRESS", "A new link for its owner; older ones end.", 1, 1, invite},
    {"mailbox", "pause", "ADDRESS", "Sends nothing from it until it is resumed.", 1, 1, pause_it},
    {"mailbox", "resume", "ADDRESS", "Goes on after a pause.", 1, 1, resume},
    {"mailbox", "disconnect", "ADDRESS [--yes]",
     "Revokes its grant, destroys its key, wipes what is kept. The ledger of what was sent stays.",
     1, 1, disconnect},
    {NULL},
};
