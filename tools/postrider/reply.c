/* postrider/reply.c: postrider reply and message. */
#include "cli.h"

#include "base/mem.h"
#include "base/text.h"

#include <json-c/json.h>
#include <string.h>

static int list(struct cli *cli)
{
    static const char *const heads[] = {">ID",      "RECEIVED", "KIND", "PERSON",
                                        "CAMPAIGN", "SUBJECT",  NULL};
    auto_buf struct buf path = {0};
    struct json_object *all;
    struct table *table;
    int result;

    buf_add_str(&path, "/v1/replies");
    if (cli->campaign) {
        buf_add_str(&path, "?campaign=");
        text_percent(&path, cli->campaign);
    }
    result = ask_list(cli, buf_text(&path), "replies", &all);
    if (result != EXIT_OK)
        return result;
    if (cli->json) {
        print_list("replies", all);
    } else {
        table = table_new(heads);
        for (size_t i = 0; i < json_object_array_length(all); i++) {
            struct json_object *json = json_object_array_get_idx(all, i);
            const char *person = text_at(json, "person");

            table_row(table, (const char *[]){text_at(json, "id"), time_at(json, "received_at"),
                                              text_at(json, "kind"), *person ? person : "(erased)",
                                              text_at(json, "campaign"), text_at(json, "subject")});
        }
        table_print(table, "Nobody has answered yet.");
    }
    json_object_put(all);
    return EXIT_OK;
}

static void print_reply(struct json_object *json)
{
    struct json_object *evidence = at(json, "evidence");

    print_line("reply", text_at(json, "id"));
    print_line("kind", text_at(json, "kind"));
    print_line("because", text_at(json, "why"));
    print_line("from", text_at(json, "from"));
    print_line("subject", text_at(json, "subject"));
    print_line("received", time_at(json, "received_at"));
    print_line("back on", time_at(json, "returns_at"));
    print_line("campaign", text_at(json, "campaign"));
    print_line("mailbox", text_at(json, "mailbox"));
    print_line("person", text_at(json, "person"));
    print_line("step", text_at(json, "step"));
    print_line("interested", true_at(json, "interested") ? "yes" : "");
    for (size_t i = 0; evidence && i < json_object_array_length(evidence); i++) {
        struct json_object *one = json_object_array_get_idx(evidence, i);
        auto_free char *line = mem_printf("%s: %s", text_at(one, "kind"), text_at(one, "text"));

        print_line("evidence", line);
    }
}

static int finish(struct cli *cli, int result, struct answer *answer)
{
    if (result == EXIT_OK && cli->json)
        return print_json(answer->json);
    if (result == EXIT_OK)
        print_reply(answer->json);
    return result;
}

static int show(struct cli *cli)
{
    auto_free char *path = path_of("/v1/replies/", cli->args[0], "");
    auto_answer answer = {0};

    return finish(cli, ask_plain(cli, "GET", path, &answer), &answer);
}

static int mark(struct cli *cli)
{
    auto_free char *path = path_of("/v1/replies/", cli->args[0], "/mark");
    const char *how = cli->count > 1 ? cli->args[1] : "interested";
    bool interested = strcmp(how, "interested") == 0;
    struct json_object *body;
    auto_answer answer = {0};

    if (!interested && strcmp(how, "not-interested") != 0) {
        complain(how, "a reply is marked interested or not-interested",
                 "see: postrider help reply");
        return EXIT_USAGE;
    }
    body = json_object_new_object();
    json_object_object_add(body, "interested", json_object_new_boolean(interested));
    return finish(cli, ask_json(cli, "POST", path, body, &answer), &answer);
}

/* -- messages ----------------------------------------------------------------------------- */

static int uncertain(struct cli *cli)
{
    static const char *const heads[] = {"MESSAGE", "TO",  "CAMPAIGN", "MAILBOX",
                                        "SINCE",   "WHY", NULL};
    struct json_object *all;
    struct table *table;
    int result = ask_list(cli, "/v1/messages?state=uncertain", "messages", &all);

    if (result != EXIT_OK)
        return result;
    if (cli->json) {
        print_list("messages", all);
        json_object_put(all);
        return EXIT_OK;
    }
    table = table_new(heads);
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        struct json_object *json = json_object_array_get_idx(all, i);

        table_row(table, (const char *[]){text_at(json, "message"), text_at(json, "to"),
                                          text_at(json, "campaign"), text_at(json, "mailbox"),
                                          time_at(json, "minted_at"), text_at(json, "detail")});
    }
    table_print(table, "No message is uncertain.");
    if (json_object_array_length(all))
        puts("\nLook into the mailbox's Sent folder, then say what you saw:\n"
             "  postrider message settle MESSAGE sent|not-sent");
    json_object_put(all);
    return EXIT_OK;
}

static int settle(struct cli *cli)
{
    auto_free char *path = path_of("/v1/messages/", cli->args[0], "/settle");
    bool sent = strcmp(cli->args[1], "sent") == 0;
    struct json_object *body;
    auto_answer answer = {0};
    int result;

    if (!sent && strcmp(cli->args[1], "not-sent") != 0) {
        complain(cli->args[1], "a message is settled as sent or not-sent",
                 "see: postrider help message");
        return EXIT_USAGE;
    }
    body = json_object_new_object();
    json_object_object_add(body, "sent", json_object_new_boolean(sent));
    result = ask_json(cli, "POST", path, body, &answer);
    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK)
        puts(sent ? "Settled: it counts as sent." : "Settled: it is planned again.");
    return result;
}

const struct verb reply_verbs[] = {
    {"reply", "list", "[--campaign NAME] [--limit N]", "Who answered, bounced or opted out.", 0, 0,
     list},
    {"reply", "show", "ID", "One reply, and the evidence by which it was matched.", 1, 1, show},
    {"reply", "mark", "ID [interested|not-interested]",
     "Says whether whoever answered is interested; it is counted.", 1, 2, mark},
    {"message", "uncertain", "",
     "Messages of which nobody can prove whether they were sent. They are never sent again by\n"
     "    themselves.",
     0, 0, uncertain},
    {"message", "settle", "MESSAGE sent|not-sent",
     "Says what an uncertain message was; not-sent plans it again.", 2, 2, settle},
    {NULL},
};
