/* postrider/mailbox.c: postrider mailbox add|secret|list|show|check|invite|pause|resume|
 * disconnect. */
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

static int post_mailbox(struct cli *cli, struct json_object *settings, struct answer *answer)
{
    struct json_object *body = json_object_new_object();

    add_given(body, "address", cli->args[0]);
    add_given(body, "provider", cli->provider);
    add_given(body, "access", cli->access);
    add_given(body, "promise", cli->promise);
    add_given(body, "zone", cli->zone);
    if (settings)
        json_object_object_add(body, "settings", json_object_get(settings));
    return ask_json(cli, "POST", "/v1/mailboxes", body, answer);
}

/* The secret is read first: a slip there leaves nothing half done. */
static int add(struct cli *cli)
{
    auto_free char *path = cli->provider ? path_of("/v1/providers/", cli->provider, "") : NULL;
    auto_answer about = {0}, answer = {0};
    auto_wiped_buf struct buf secret = {0};
    struct json_object *settings = NULL;
    bool by_secret;
    int result;

    if (!path) {
        complain("mailbox add", "which provider is it at?",
                 "add --provider NAME; see: postrider provider list");
        return EXIT_USAGE;
    }
    result = ask_plain(cli, "GET", path, &about);
    if (result != EXIT_OK)
        return result;
    by_secret = strcmp(text_at(about.json, "sign_in"), "secret") == 0;
    if (!by_secret && (cli->secret_file || cli->no_proof || cli->set_count)) {
        complain(
            "mailbox add", "mailboxes at this provider sign in there, and give us no secret",
            "leave out --secret-file, --set and --no-proof: the answer is a link for its owner");
        return EXIT_USAGE;
    }
    if (by_secret)
        result = choose_servers(cli, cli->args[0], about.json, &settings);
    if (by_secret && result == EXIT_OK)
        result = read_secret(cli, cli->args[0], &secret);
    if (result == EXIT_OK)
        result = post_mailbox(cli, settings, &answer);
    json_object_put(settings);
    if (result == EXIT_OK && secret.len)
        return give_secret(cli, cli->args[0], &secret);
    if (result == EXIT_OK && cli->json)
        return print_json(answer.json);
    if (result == EXIT_OK)
        print_link(cli->args[0], answer.json);
    return result;
}

static int secret_of(struct cli *cli)
{
    auto_wiped_buf struct buf secret = {0};
    int result = read_secret(cli, cli->args[0], &secret);

    if (result == EXIT_OK && !secret.len) {
        complain("mailbox secret", "there is none to give",
                 "type it at a terminal, or say which file it is in: --secret-file FILE");
        return EXIT_USAGE;
    }
    return result == EXIT_OK ? give_secret(cli, cli->args[0], &secret) : result;
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

static void print_settings(struct json_object *settings)
{
    if (!settings)
        return;
    json_object_object_foreach (settings, key, value) {
        print_line(key, json_object_get_string(value));
    }
}

static bool has_word(struct json_object *list, const char *word)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), word) == 0)
            return true;
    return false;
}

static const char *labels_text(struct json_object *json)
{
    static const struct {
        const char *word, *text;
    } all[] = {{"labels", "as labels of the mailbox"},
               {"folders", "as copies in folders; nothing is moved"},
               {"none", "not there"}};
    const char *word = text_at(json, "labels");

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(word, all[i].word) == 0)
            return all[i].text;
    return has_word(at(json, "can"), "label") ? "yes; how is known once the first was set" : word;
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
    print_settings(at(json, "settings"));
    print_line("status", status);
    print_line("for the admin", text_at(json, "admin_link"));
    print_line("access", text_at(json, "access"));
    print_line("promise", promise);
    print_words("can", at(json, "can"));
    print_line("labels", labels_text(json));
    print_line("news by", text_at(json, "news"));
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

static void print_asked(struct json_object *asked)
{
    if (!asked)
        return;
    print_text(stdout, text_at(asked, "said"));
    if (true_at(asked, "answered"))
        printf(" It answered in %s ms.", number_text(number_at(asked, "took_ms")));
    printf("\n\n");
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
    print_asked(at(answer.json, "asked"));
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
     "ADDRESS --provider NAME [--access full|headers|send] [--promise strict|fast] [--zone ZONE] "
     "[--secret-file FILE] [--set KEY=VALUE]... [--yes] [--no-proof]",
     "Asks for a mailbox, and prints a link by which its owner consents. Where mailboxes sign in "
     "with "
     "a\n    password, it is asked for without echo (or taken from FILE, - for standard input), "
     "tried, "
     "and a\n    mail to the mailbox itself is seen to arrive; --no-proof leaves that out. With no "
     "password given,\n    its owner can give it at the link. --set says which servers, where the "
     "config "
     "does not.",
     1, 1, add},
    {"mailbox", "secret", "ADDRESS [--secret-file FILE] [--no-proof]",
     "Gives a mailbox its password, or its new one; it is tried before it is kept.", 1, 1,
     secret_of},
    {"mailbox", "list", "", "All mailboxes and how they are.", 0, 0, list},
    {"mailbox", "show", "ADDRESS", "One mailbox: what was granted, what it can do and promise.", 1,
     1, show},
    {"mailbox", "check", "ADDRESS",
     "Asks its provider, and says what stands between it and its work, and what to do. Exit status "
     "1 "
     "if\n    anything does. One whose mail was not seen to arrive yet gets another mail to "
     "itself.",
     1, 1, check},
    {"mailbox", "invite", "ADDRESS", "A new link for its owner; older ones end.", 1, 1, invite},
    {"mailbox", "pause", "ADDRESS", "Sends nothing from it until it is resumed.", 1, 1, pause_it},
    {"mailbox", "resume", "ADDRESS", "Goes on after a pause.", 1, 1, resume},
    {"mailbox", "disconnect", "ADDRESS [--yes]",
     "Revokes its grant, destroys its key, wipes what is kept. The ledger of what was sent stays.",
     1, 1, disconnect},
    {NULL},
};
