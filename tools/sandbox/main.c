/* sandbox/main.c: postrider-sandbox: the providers of the world on loopback. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/conn.h"
#include "sandbox/control.h"
#include "sandbox/echo.h"
#include "sandbox/fault.h"
#include "sandbox/google.h"
#include "sandbox/journal.h"
#include "sandbox/microsoft.h"
#include "sandbox/post.h"
#include "sandbox/random.h"
#include "sandbox/tls.h"
#include "sandbox/vclock.h"
#include "sandbox/world.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "postrider-sandbox --dir DIR [--seed N] [--clock fast|real|hold] [--pace MS]\n"
    "                  [--start UNIX_MS|2027-01-04T09:00:00Z] [--with-parent]\n"
    "Stand-ins of the mail providers on 127.0.0.1, for tests and first steps. It writes\n"
    "DIR/sandbox.json when it is ready; tools/sandbox/README.md says what one may ask of it.\n";

struct options {
    char *dir; /* absolute */
    uint64_t seed;
    enum vclock_mode mode;
    int64_t pace, start;
    bool with_parent;
};

static struct listener *h2, *h1, *plain;
static struct loop_fd signals;

static void handle(void *arg, const struct sbx_request *request, struct sbx_response *response)
{
    if (echo_is_for(request))
        echo_handle(request, response);
    else if (!microsoft_handle(request, response))
        google_handle(arg, request, response);
}

static bool set_option(struct options *options, int option, const char *value)
{
    uint64_t number;

    switch (option) {
    case 'd':
        mem_str_set(&options->dir, value);
        return true;
    case 's':
        return text_u64(value, &options->seed);
    case 'c':
        return vclock_mode_parse(value, &options->mode);
    case 'p':
        if (!text_u64(value, &number) || number > 3600000)
            return false;
        options->pace = (int64_t)number;
        return true;
    case 't':
        return vclock_parse(value, &options->start);
    case 'w':
        options->with_parent = true;
        return true;
    default:
        return false;
    }
}

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"dir", required_argument, NULL, 'd'},   {"seed", required_argument, NULL, 's'},
        {"clock", required_argument, NULL, 'c'}, {"pace", required_argument, NULL, 'p'},
        {"start", required_argument, NULL, 't'}, {"with-parent", no_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},        {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            exit(0);
        }
        if (!set_option(options, option, optarg)) {
            if (option != '?')
                fprintf(stderr, "postrider-sandbox: \"%s\" does not fit the option before it\n",
                        optarg);
            return false;
        }
    }
    return options->dir != NULL && optind == argc;
}

static int fail(const char *what, const char *path, int r)
{
    const char *next = r == -ENAMETOOLONG ? "choose a --dir with a shorter path"
                       : r == -EADDRINUSE ? "another sandbox runs there: choose another --dir"
                                          : "see to that, or choose another --dir";

    fprintf(stderr, "postrider-sandbox: %s %s: %s; %s\n", what, path, strerror(-r), next);
    return 1;
}

static char *in_dir(const struct options *options, const char *name)
{
    return mem_printf("%s/%s", options->dir, name);
}

static int enter_dir(struct options *options)
{
    char *real;

    if (mkdir(options->dir, 0700) < 0 && errno != EEXIST)
        return -errno;
    real = realpath(options->dir, NULL);
    if (real == NULL)
        return -errno;
    free(options->dir);
    options->dir = real;
    return 0;
}

static void on_signal(struct loop_fd *watch, uint32_t events)
{
    (void)watch;
    (void)events;
    loop_stop();
}

static void signals_closed(struct loop_fd *watch)
{
    (void)watch;
}

static int watch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals.fd < 0)
        return -errno;
    signals.ready = on_signal;
    signals.closed = signals_closed;
    return loop_add(&signals, EPOLLIN);
}

static void add_url(struct json_object *to, const char *key, const char *scheme,
                    const struct listener *listener)
{
    auto_free char *url = mem_printf("%s://127.0.0.1:%d", scheme, listener_port(listener));

    json_object_object_add(to, key, json_object_new_string(url));
}

static void add_path(struct json_object *to, const char *key, const struct options *options,
                     const char *name)
{
    auto_free char *path = in_dir(options, name);

    json_object_object_add(to, key, json_object_new_string(path));
}

/* Whole or not at all: who waits for the file may read it as soon as it is there. */
static int write_whole(const char *path, const char *text)
{
    auto_free char *fresh = mem_printf("%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t len = (ssize_t)strlen(text);

    if (fd < 0)
        return -errno;
    if (write(fd, text, (size_t)len) != len || fsync(fd) < 0) {
        close(fd);
        return -EIO;
    }
    close(fd);
    return rename(fresh, path) < 0 ? -errno : 0;
}

static int announce(const struct options *options)
{
    struct json_object *about = json_object_new_object();
    auto_free char *path = in_dir(options, "sandbox.json");
    int r;

    json_object_object_add(about, "pid", json_object_new_int(getpid()));
    add_url(about, "h2", "https", h2);
    add_url(about, "h1", "https", h1);
    add_url(about, "http", "http", plain);
    add_path(about, "ca", options, "ca.pem");
    add_path(about, "clock", options, "clock.sock");
    add_path(about, "control", options, "control.sock");
    add_path(about, "receiver_log", options, "receiver.log");
    add_path(about, "requests_log", options, "requests.log");
    json_object_object_add(about, "seed", json_object_new_int64((int64_t)options->seed));
    r = write_whole(path, json_object_to_json_string_ext(
                              about, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(about);
    if (r < 0)
        return fail("can't write", path, r);
    printf("postrider-sandbox: ready, see %s\n", path);
    fflush(stdout);
    return 0;
}

static int start_files(const struct options *options, SSL_CTX **h2_tls, SSL_CTX **h1_tls)
{
    auto_free char *requests = in_dir(options, "requests.log");
    auto_free char *receiver = in_dir(options, "receiver.log");
    auto_free char *clock = in_dir(options, "clock.sock");
    auto_free char *control = in_dir(options, "control.sock");
    auto_free char *ca = in_dir(options, "ca.pem");
    int r = journal_start(requests, receiver);

    if (r < 0)
        return fail("can't write the logs in", options->dir, r);
    r = tls_make(ca, h2_tls, h1_tls);
    if (r < 0)
        return fail("can't make", ca, r);
    r = vclock_start(clock, options->mode, options->pace, options->start);
    if (r < 0)
        return fail("can't listen on", clock, r);
    r = control_start(control);
    return r < 0 ? fail("can't listen on", control, r) : 0;
}

static int start(struct options *options)
{
    SSL_CTX *h2_tls = NULL, *h1_tls = NULL;
    int r = loop_start();

    if (r == 0)
        r = watch_signals();
    if (r == 0)
        r = enter_dir(options);
    if (r < 0)
        return fail("can't start in", options->dir, r);
    fault_start(options->seed);
    random_seed(options->seed);
    r = start_files(options, &h2_tls, &h1_tls);
    if (r == 0) {
        r = listener_new(h2_tls, &h2);
        if (r == 0)
            r = listener_new(h1_tls, &h1);
        if (r == 0)
            r = listener_new(NULL, &plain);
        if (r < 0)
            r = fail("can't listen on", "127.0.0.1", r);
    }
    SSL_CTX_free(h2_tls);
    SSL_CTX_free(h1_tls);
    return r;
}

static void settle(void)
{
    vclock_due();
    journal_settle();
}

static void finish(struct options *options)
{
    listener_free(h2);
    listener_free(h1);
    listener_free(plain);
    conn_close_all();
    post_finish();
    control_finish();
    vclock_finish();
    exchange_set_handler(NULL, NULL);
    fault_stop();
    if (signals.fd > 0)
        loop_close(&signals);
    loop_finish();
    journal_finish();
    free(options->dir);
}

static void more_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    static const struct loop_hooks hooks = {
        .settle = settle,
        .wait = vclock_wait,
        .quiet = vclock_quiet,
    };
    struct options options = {.seed = 1, .mode = VCLOCK_FAST};
    pid_t parent = getppid();
    int r;

    if (!read_options(argc, argv, &options)) {
        fputs(usage, stderr);
        free(options.dir);
        return 2;
    }
    if (options.with_parent) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            return 0;
    }
    more_files();
    r = start(&options);
    if (r == 0) {
        exchange_set_handler(handle, NULL);
        echo_register();
        google_register();
        microsoft_register();
        r = announce(&options);
    }
    if (r == 0)
        loop_run(&hooks);
    finish(&options);
    return r;
}
