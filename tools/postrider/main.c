/* postrider/main.c: the command: finds the verb, reads the options, and says how to use it. */
#include "cli.h"

#include "base/mem.h"
#include "base/text.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct verb *const verb_tables[] = {mailbox_verbs, campaign_verbs, person_verbs,
                                                 reply_verbs,   provider_verbs, daemon_verbs};

enum { OPTION_FIRST = 1000 };
enum option_id {
    OPTION_SOCKET = OPTION_FIRST,
    OPTION_CONFIG,
    OPTION_JSON,
    OPTION_YES,
    OPTION_ACCEPT_ORIGINS,
    OPTION_PROVIDER,
    OPTION_ACCESS,
    OPTION_PROMISE,
    OPTION_ZONE,
    OPTION_PEOPLE,
    OPTION_CAMPAIGN,
    OPTION_WHY,
    OPTION_SECRET_FILE,
    OPTION_SET,
    OPTION_NO_PROOF,
    OPTION_LIMIT,
    OPTION_INTERVAL,
    OPTION_HELP
};
static const struct option options[] = {
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"json", no_argument, NULL, OPTION_JSON},
    {"yes", no_argument, NULL, OPTION_YES},
    {"accept-origins", no_argument, NULL, OPTION_ACCEPT_ORIGINS},
    {"provider", required_argument, NULL, OPTION_PROVIDER},
    {"access", required_argument, NULL, OPTION_ACCESS},
    {"promise", required_argument, NULL, OPTION_PROMISE},
    {"zone", required_argument, NULL, OPTION_ZONE},
    {"people", required_argument, NULL, OPTION_PEOPLE},
    {"campaign", required_argument, NULL, OPTION_CAMPAIGN},
    {"why", required_argument, NULL, OPTION_WHY},
    {"secret-file", required_argument, NULL, OPTION_SECRET_FILE},
    {"set", required_argument, NULL, OPTION_SET},
    {"no-proof", no_argument, NULL, OPTION_NO_PROOF},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* -- help -------------------------------------------------------------------------------------- */

static void print_verb(FILE *to, const struct verb *verb)
{
    fprintf(to, "postrider %s%s%s%s%s", verb->noun, verb->name ? " " : "",
            verb->name ? verb->name : "", *verb->usage ? " " : "", verb->usage);
}

static int print_usage(FILE *to, const char *noun)
{
    bool any = false;

    for (size_t i = 0; i < ARRAY_LEN(verb_tables); i++) {
        for (const struct verb *verb = verb_tables[i]; verb->noun; verb++) {
            if (noun && strcmp(noun, verb->noun) != 0)
                continue;
            any = true;
            fputs("  ", to);
            print_verb(to, verb);
            fputc('\n', to);
        }
    }
    if (any)
        fputs("\nWith every verb: --json (the API's answer), --socket PATH or --config FILE (which "
              "daemon;\nelse POSTRIDER_SOCKET, else /var/lib/postrider/postrider.sock). "
              "More: postrider help VERB\n",
              to);
    return any;
}

static int help(int count, char **words)
{
    bool found = false;

    if (!count) {
        puts("postrider: mail from people's own mailboxes, and who answered\n");
        print_usage(stdout, NULL);
        return EXIT_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(verb_tables); i++) {
        for (const struct verb *verb = verb_tables[i]; verb->noun; verb++) {
            if (strcmp(words[0], verb->noun) != 0 ||
                (count > 1 && (!verb->name || strcmp(words[1], verb->name) != 0)))
                continue;
            if (found)
                putchar('\n');
            found = true;
            print_verb(stdout, verb);
            printf("\n    %s\n", verb->help);
        }
    }
    if (found)
        return EXIT_OK;
    complain(words[0], "there is no such verb", "see: postrider help");
    return EXIT_USAGE;
}

/* -- which daemon ------------------------------------------------------------------------- */

/* The value of a top-level line "key: value" of the daemon's config; NULL: none. The daemon reads
 * all of YAML; for the way to its socket, a plain line is enough. */
static char *config_line(const char *text, const char *key)
{
    size_t key_len = strlen(key);

    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");

        if (len > key_len && strncmp(line, key, key_len) == 0 && line[key_len] == ':') {
            const char *value = line + key_len + 1, *end = line + len;
            const char *comment = strstr(value, " #");

            if (comment && comment < end)
                end = comment;
            while (value < end && strchr(" \t\"'", *value))
                value++;
            while (end > value && strchr(" \t\r\"'", end[-1]))
                end--;
            return end > value ? mem_strn(value, (size_t)(end - value)) : NULL;
        }
        line += len;
        line += *line == '\n';
    }
    return NULL;
}

static char *config_socket(const char *file)
{
    auto_buf struct buf text = {0};
    auto_free char *path = NULL, *data = NULL;
    const char *slash = strrchr(file, '/');

    if (read_file(file, 1024 * 1024, &text) != EXIT_OK)
        return NULL;
    path = config_line(buf_text(&text), "socket");
    if (!path && (data = config_line(buf_text(&text), "data")))
        path = mem_printf("%s/postrider.sock", data);
    if (!path) {
        complain(file, "it has no line that begins with `data:` or `socket:`",
                 "name the socket itself: --socket PATH");
        return NULL;
    }
    if (path[0] == '/' || !slash)
        return mem_str(path);
    return mem_printf("%.*s/%s", (int)(slash - file), file, path);
}

/* -- the command line ----------------------------------------------------------------------- */

static bool read_number(const char *name, const char *text, uint64_t *value)
{
    if (text_u64(text, value) && *value)
        return true;
    complain(name, "it takes a number from 1 on", "see: postrider help");
    return false;
}

static bool add_set(struct cli *cli, const char *text)
{
    const char *equals = strchr(text, '=');

    if (equals && equals > text && cli->set_count < SETS_MAX) {
        cli->sets[cli->set_count++] = text;
        return true;
    }
    complain("--set", equals ? "it was said too often" : "it takes KEY=VALUE",
             "see: postrider help mailbox add");
    return false;
}

/* -1: go on; else an exit status. */
static int take_option(struct cli *cli, int option, bool *help_r)
{
    switch (option) {
    case OPTION_SOCKET:
        mem_str_set(&cli->socket, optarg);
        return -1;
    case OPTION_CONFIG:
        free(cli->socket);
        cli->socket = config_socket(optarg);
        return cli->socket ? -1 : EXIT_USAGE;
    case OPTION_JSON:
        cli->json = true;
        return -1;
    case OPTION_YES:
        cli->yes = true;
        return -1;
    case OPTION_ACCEPT_ORIGINS:
        cli->accept_origins = true;
        return -1;
    case OPTION_NO_PROOF:
        cli->no_proof = true;
        return -1;
    case OPTION_SET:
        return add_set(cli, optarg) ? -1 : EXIT_USAGE;
    case OPTION_LIMIT:
        return read_number("--limit", optarg, &cli->limit) ? -1 : EXIT_USAGE;
    case OPTION_INTERVAL:
        return read_number("--interval", optarg, &cli->interval) ? -1 : EXIT_USAGE;
    case OPTION_HELP:
        *help_r = true;
        return -1;
    default: {
        const char **const texts[] = {
            [OPTION_PROVIDER - OPTION_FIRST] = &cli->provider,
            [OPTION_ACCESS - OPTION_FIRST] = &cli->access,
            [OPTION_PROMISE - OPTION_FIRST] = &cli->promise,
            [OPTION_ZONE - OPTION_FIRST] = &cli->zone,
            [OPTION_PEOPLE - OPTION_FIRST] = &cli->people,
            [OPTION_CAMPAIGN - OPTION_FIRST] = &cli->campaign,
            [OPTION_WHY - OPTION_FIRST] = &cli->why,
            [OPTION_SECRET_FILE - OPTION_FIRST] = &cli->secret_file,
        };

        if (option < OPTION_FIRST || (size_t)(option - OPTION_FIRST) >= ARRAY_LEN(texts) ||
            !texts[option - OPTION_FIRST])
            return EXIT_USAGE; /* getopt has said why */
        *texts[option - OPTION_FIRST] = optarg;
        return -1;
    }
    }
}

static const struct verb *find_verb(int count, char **words, int *used_r)
{
    for (size_t i = 0; count && i < ARRAY_LEN(verb_tables); i++) {
        for (const struct verb *verb = verb_tables[i]; verb->noun; verb++) {
            if (strcmp(verb->noun, words[0]) != 0)
                continue;
            if (verb->name && (count < 2 || strcmp(verb->name, words[1]) != 0))
                continue;
            *used_r = verb->name ? 2 : 1;
            return verb;
        }
    }
    return NULL;
}

static int wrong_verb(int count, char **words)
{
    auto_free char *what = NULL;

    if (!count) {
        fputs("postrider: say what to do\n\n", stderr);
        print_usage(stderr, NULL);
        return EXIT_USAGE;
    }
    what = mem_printf("%s%s%s", words[0], count > 1 ? " " : "", count > 1 ? words[1] : "");
    complain(what, "there is no such verb", "these there are:");
    if (!print_usage(stderr, words[0]))
        print_usage(stderr, NULL);
    return EXIT_USAGE;
}

static int run(struct cli *cli, int count, char **words)
{
    const struct verb *verb;
    int used = 0;

    if (count && strcmp(words[0], "help") == 0)
        return help(count - 1, words + 1);
    verb = find_verb(count, words, &used);
    if (!verb)
        return wrong_verb(count, words);
    cli->count = count - used;
    cli->args = words + used;
    if (cli->count < verb->least || cli->count > verb->most) {
        fputs("postrider: use it so: ", stderr);
        print_verb(stderr, verb);
        fputc('\n', stderr);
        return EXIT_USAGE;
    }
    return verb->run(cli);
}

int main(int argc, char **argv)
{
    const char *given = getenv("POSTRIDER_SOCKET");
    struct cli cli = {0};
    bool wants_help = false;
    int option, result = -1;

    print_start();
    cli.socket = mem_str(given && *given ? given : "/var/lib/postrider/postrider.sock");
    while (result < 0 && (option = getopt_long(argc, argv, "h", options, NULL)) != -1)
        result = take_option(&cli, option == 'h' ? OPTION_HELP : option, &wants_help);
    if (result < 0 && wants_help)
        result = help(argc - optind, argv + optind);
    if (result < 0) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        result = run(&cli, argc - optind, argv + optind);
        curl_global_cleanup();
    }
    free(cli.socket);
    return fflush(stdout) == 0 ? result : EXIT_REFUSED;
}
