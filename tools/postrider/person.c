/* postrider/person.c: postrider person, suppression and explain. */
#include "cli.h"

#include "base/mem.h"

#include <json-c/json.h>
#include <string.h>

static void print_fields(struct json_object *fields)
{
    if (!fields)
        return;
    json_object_object_foreach (fields, name, value) {
        printf("    ");
        print_text(stdout, name);
        printf(": ");
        print_text(stdout, value ? json_object_get_string(value) : "");
        putchar('\n');
    }
}

static int show(struct cli *cli)
{
    auto_free char *path = path_of("/v1/people/", cli->args[0], "");
    auto_answer answer = {0};
    struct json_object *campaigns;
    int result = ask_plain(cli, "GET", path, &answer);

    if (result != EXIT_OK)
        return result;
    if (cli->json)
        return print_json(answer.json);
    print_line("person", text_at(answer.json, "address"));
    print_line("since", time_at(answer.json, "created_at"));
    print_line("answered", time_at(answer.json, "answered_at"));
    print_line("suppressed",
               true_at(answer.json, "suppressed") ? text_at(answer.json, "suppressed_why") : "no");
    campaigns = at(answer.json, "campaigns");
    for (size_t i = 0; campaigns && i < json_object_array_length(campaigns); i++) {
        struct json_object *json = json_object_array_get_idx(campaigns, i);

        putchar('\n');
        print_line("campaign", text_at(json, "campaign"));
        print_line("status", text_at(json, "status"));
        print_line("why", text_at(json, "why"));
        print_fields(at(json, "fields"));
    }
    return EXIT_OK;
}

static int done(struct cli *cli, int result, struct answer *answer, const char *said)
{
    if (result == EXIT_OK && cli->json)
        return print_json(answer->json);
    if (result == EXIT_OK)
        puts(said);
    return result;
}

static int erase(struct cli *cli)
{
    auto_free char *path = path_of("/v1/people/", cli->args[0], "");
    auto_answer answer = {0};

    if (!sure(cli, "Everything about %s will be erased.", cli->args[0]))
        return EXIT_REFUSED;
    return done(cli, ask_plain(cli, "DELETE", path, &answer), &answer,
                "Erased. A salted hash stays, so that they are not mailed again.");
}

static int suppress(struct cli *cli)
{
    struct json_object *body = json_object_new_object();
    auto_answer answer = {0};

    json_object_object_add(body, "what", json_object_new_string(cli->args[0]));
    if (cli->why)
        json_object_object_add(body, "why", json_object_new_string(cli->why));
    return done(cli, ask_json(cli, "POST", "/v1/suppressions", body, &answer), &answer,
                "Suppressed: no mail will go there.");
}

static int unsuppress(struct cli *cli)
{
    auto_free char *path = path_of("/v1/suppressions/", cli->args[0], "");
    auto_answer answer = {0};

    return done(cli, ask_plain(cli, "DELETE", path, &answer), &answer,
                "No longer suppressed. Series that were stopped stay stopped.");
}

static int list_suppressions(struct cli *cli)
{
    static const char *const heads[] = {"WHAT", "SINCE", "WHY", NULL};
    struct json_object *all;
    struct table *table;
    int result = ask_list(cli, "/v1/suppressions", "suppressions", &all);

    if (result != EXIT_OK)
        return result;
    if (cli->json) {
        print_list("suppressions", all);
    } else {
        table = table_new(heads);
        for (size_t i = 0; i < json_object_array_length(all); i++) {
            struct json_object *json = json_object_array_get_idx(all, i);
            const char *what = text_at(json, "what");

            table_row(table, (const char *[]){*what ? what : "(erased)", time_at(json, "at"),
                                              text_at(json, "why")});
        }
        table_print(table, "The suppression list is empty.");
    }
    json_object_put(all);
    return EXIT_OK;
}

/* -- explain -------------------------------------------------------------------------------- */

static void tell(const char *indent, const char *label, const char *text)
{
    if (!*text)
        return;
    printf("%s%s", indent, label);
    print_text(stdout, text);
    putchar('\n');
}

static void explain_message(struct json_object *json)
{
    const char *when = time_at(json, "sent_at");

    printf("  step %lld  %s", (long long)number_at(json, "step"), text_at(json, "state"));
    printf("  %s  ", *when ? when : time_at(json, "minted_at"));
    print_text(stdout, text_at(json, "subject"));
    putchar('\n');
    tell("          ", "", text_at(json, "detail"));
    tell("          ", "Message-ID ", text_at(json, "message_id"));
    if (number_at(json, "attempts") > 1)
        printf("          %lld attempts\n", (long long)number_at(json, "attempts"));
}

static void explain_reply(struct json_object *json)
{
    struct json_object *evidence = at(json, "evidence");

    printf("  answer to step %lld: %s  %s  ", (long long)number_at(json, "step"),
           text_at(json, "kind"), time_at(json, "received_at"));
    print_text(stdout, text_at(json, "from"));
    putchar('\n');
    tell("          ", "", text_at(json, "subject"));
    tell("          ", "because: ", text_at(json, "why"));
    for (size_t i = 0; evidence && i < json_object_array_length(evidence); i++) {
        struct json_object *one = json_object_array_get_idx(evidence, i);

        printf("          evidence: %s  ", text_at(one, "kind"));
        print_text(stdout, text_at(one, "text"));
        putchar('\n');
    }
}

static void explain_campaign(struct json_object *json)
{
    struct json_object *messages = at(json, "messages"), *replies = at(json, "replies"),
                       *next = at(json, "next");

    putchar('\n');
    print_text(stdout, text_at(json, "campaign"));
    printf(", from ");
    print_text(stdout, text_at(json, "mailbox"));
    printf(": %s\n", text_at(json, "status"));
    for (size_t i = 0; messages && i < json_object_array_length(messages); i++)
        explain_message(json_object_array_get_idx(messages, i));
    for (size_t i = 0; replies && i < json_object_array_length(replies); i++)
        explain_reply(json_object_array_get_idx(replies, i));
    if (next) {
        printf("  next: step %lld, due %s", (long long)number_at(next, "step"),
               time_at(next, "due_at"));
        if (*text_at(next, "why"))
            printf("; held by %s: ", text_at(next, "rule"));
        print_text(stdout, text_at(next, "why"));
        putchar('\n');
    } else {
        tell("  ", "ended: ", text_at(json, "why"));
    }
}

static int explain(struct cli *cli)
{
    auto_free char *path = path_of("/v1/explain/", cli->args[0], "");
    auto_answer answer = {0};
    struct json_object *campaigns;
    int result = ask_plain(cli, "GET", path, &answer);

    if (result != EXIT_OK)
        return result;
    if (cli->json)
        return print_json(answer.json);
    print_text(stdout, text_at(answer.json, "address"));
    putchar('\n');
    if (true_at(answer.json, "suppressed"))
        tell("  ", "never to be mailed: ", text_at(answer.json, "suppressed_why"));
    tell("  ", "answered ", time_at(answer.json, "answered_at"));
    campaigns = at(answer.json, "campaigns");
    for (size_t i = 0; campaigns && i < json_object_array_length(campaigns); i++)
        explain_campaign(json_object_array_get_idx(campaigns, i));
    return EXIT_OK;
}

const struct verb person_verbs[] = {
    {"person", "show", "ADDRESS", "All that is kept of a person.", 1, 1, show},
    {"person", "erase", "ADDRESS [--yes]",
     "Erases all of it but a salted hash that keeps them from being mailed again.", 1, 1, erase},
    {"person", "suppress", "ADDRESS|@DOMAIN [--why TEXT]",
     "Never mails an address, or a domain, again, and stops what is running.", 1, 1, suppress},
    {"person", "unsuppress", "ADDRESS|@DOMAIN", "Takes it off the suppression list.", 1, 1,
     unsuppress},
    {"suppression", "list", "", "Whom never to mail.", 0, 0, list_suppressions},
    {"explain", NULL, "ADDRESS",
     "What happened to each message to a person and why, with the evidence, and what holds the "
     "next "
     "one.",
     1, 1, explain},
    {NULL},
};
