/* postrider/servers.c: which servers a new mailbox is on: as was said, or as its domain proposes.
 */
#include "cli.h"

#include "base/mem.h"

#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

static struct json_object *given(struct cli *cli)
{
    struct json_object *map = json_object_new_object();

    for (size_t i = 0; i < cli->set_count; i++) {
        const char *equals = strchr(cli->sets[i], '=');
        auto_free char *key = mem_strn(cli->sets[i], (size_t)(equals - cli->sets[i]));

        json_object_object_add(map, key, json_object_new_string(equals + 1));
    }
    return map;
}

static struct json_object *setting_of(struct json_object *provider, const char *key)
{
    struct json_object *list = at(provider, "mailbox_settings");

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *json = json_object_array_get_idx(list, i);

        if (strcmp(text_at(json, "key"), key) == 0)
            return json;
    }
    return NULL;
}

/* Whether nobody said where this server is. */
static bool is_open(struct json_object *provider, struct json_object *settings, const char *key)
{
    struct json_object *setting = setting_of(provider, key);

    return setting && !*text_at(setting, "fallback") && !at(settings, key);
}

/* On standard error, so that --json stays JSON. */
static void print_proposal(struct json_object *proposal, const char *address)
{
    struct json_object *servers = at(proposal, "settings");

    print_text(stderr, address);
    fputs(" has these servers, by ", stderr);
    print_text(stderr, text_at(proposal, "source"));
    fputs(":\n", stderr);
    json_object_object_foreach (servers, key, value) {
        fprintf(stderr, "  %s ", key);
        print_text(stderr, json_object_get_string(value));
        fputc('\n', stderr);
    }
}

/* The password goes there, so silence is no consent. */
static bool confirmed(struct cli *cli)
{
    char line[16] = "";

    if (cli->yes)
        return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return false;
    fputs("Shall the password go there? [y/N] ", stderr);
    return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static void take_proposal(struct json_object *proposal, struct json_object *provider,
                          struct json_object *settings)
{
    struct json_object *servers = at(proposal, "settings");

    json_object_object_foreach (servers, key, value) {
        if (setting_of(provider, key) && !at(settings, key))
            json_object_object_add(settings, key, json_object_get(value));
    }
}

static int say_which(const char *why)
{
    complain("mailbox add", why,
             "say which: --set imap=imaps://HOST:993 --set smtp=smtps://HOST:465 (imap:// and "
             "smtp:// are with STARTTLS)");
    return EXIT_REFUSED;
}

int choose_servers(struct cli *cli, const char *address, struct json_object *provider,
                   struct json_object **settings_r)
{
    auto_free char *path = path_of("/v1/autoconfig/", address, "");
    struct json_object *settings = given(cli), *proposal = NULL, *list;
    auto_answer answer = {0};
    int result = EXIT_OK;

    *settings_r = settings;
    if (!is_open(provider, settings, "imap") && !is_open(provider, settings, "smtp"))
        return EXIT_OK;
    result = ask_plain(cli, "GET", path, &answer);
    if (result != EXIT_OK)
        return result;
    list = at(answer.json, "proposals");
    proposal = list ? json_object_array_get_idx(list, 0) : NULL;
    if (!proposal)
        return say_which("which servers it is on is not known, and its domain does not say it");
    print_proposal(proposal, address);
    if (!confirmed(cli))
        return say_which("nobody confirmed those servers (--yes does)");
    take_proposal(proposal, provider, settings);
    return EXIT_OK;
}
