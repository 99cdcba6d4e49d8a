/* rider-check/main.c: does a provider's plugin keep to the contract? */
#include "bench.h"

#include "base/log.h"
#include "base/mem.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: rider-check [-q] [-v] [-n TIMES] [--set KEY=VALUE]... PLUGIN.so\n"
    "Tries a provider's plugin against a scripted server on this machine, and says for each check\n"
    "whether it passed. Settings whose key ends in \"url\" point to that server, also imap and "
    "smtp:\n"
    "of a plugin with such lines it tries all but what the server's words should make of them.\n"
    "  -q  say only what failed     -v  with the plugin's own log lines\n"
    "  -n  how often to load and unload it (100)\n";

struct arguments {
    const char *file, *sets[32];
    size_t set_count;
    unsigned times;
    bool quiet;
};

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {{"set", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;

    *arguments = (struct arguments){.times = 100};
    while ((option = getopt_long(argc, argv, "qvn:h", options, NULL)) >= 0) {
        if (option == 's' && strchr(optarg, '=') && arguments->set_count < 32)
            arguments->sets[arguments->set_count++] = optarg;
        else if (option == 'q')
            arguments->quiet = true;
        else if (option == 'v')
            log_set_level(LOG_LEVEL_DEBUG);
        else if (option == 'n')
            arguments->times = (unsigned)strtoul(optarg, NULL, 10);
        else
            return false;
    }
    arguments->file = optind + 1 == argc ? argv[optind] : NULL;
    return arguments->file != NULL;
}

static void set_settings(struct bench *bench, const struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->set_count; i++) {
        const char *text = arguments->sets[i], *equals = strchr(text, '=');
        auto_free char *key = mem_strn(text, (size_t)(equals - text));
        bench_setting(bench, key, equals + 1);
    }
    bench_settings_of_plugin(bench);
}

static void run(struct bench *bench, unsigned times)
{
    bool loaded = bench_load(bench) == 0;

    if (!check(bench, loaded, "loads, and its table is sane%s%s", loaded ? "" : ": ",
               loaded ? "" : buf_text(&bench->error)))
        return;
    check_oauth(bench);
    check_cancel(bench);
    check_close(bench);
    check_answers(bench);
    check_repeat(bench, times);
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct bench bench;

    log_set_level(LOG_LEVEL_ERROR);
    if (!read_arguments(argc, argv, &arguments)) {
        fputs(usage, stderr);
        return 2;
    }
    if (bench_init(&bench, arguments.file) < 0) {
        fprintf(stderr, "rider-check: %s can't be tried: %s\n", arguments.file,
                bench.error.len ? buf_text(&bench.error) : "no such file, or /tmp is full");
        bench_finish(&bench);
        return 2;
    }
    bench.quiet = arguments.quiet;
    set_settings(&bench, &arguments);
    run(&bench, arguments.times);
    bench_unload(&bench);
    printf("%s: %u passed, %u failed\n", arguments.file, bench.passed, bench.failed);
    bench_finish(&bench);
    return bench.failed ? 1 : 0;
}
