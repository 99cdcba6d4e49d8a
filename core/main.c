/* main.c: postriderd: reads the config, wires the rooms together, runs until it is told to stop. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "campaign/zones.h"
#include "config/check.h"
#include "config/daemon.h"
#include "control/control.h"
#include "engine/engine.h"
#include "lastword.h"
#include "mail/header.h"
#include "mailbox/mailbox.h"
#include "net/follow.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/watchdog.h"
#include "provider/provider.h"
#include "seal/seal.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { /* exit codes */
       EXIT_CONFIG = 2,
       EXIT_STORE_UNSOUND = 3,
       EXIT_IO =
           74, /* a commit failed: nothing was sent after it; start again when the disk is well */
       DRAIN_MS = 30000
};

struct daemon {
    const char *config_file;
    struct config_daemon *config;
    struct loop *loop;
    struct seal *seal;
    struct store *store;
    struct http_client *http;
    struct follow *follow;
    struct provider_set *providers;
    struct mailboxes *mailboxes;
    struct engine *engine;
    struct control *control;
    struct watchdog *watchdog;
    char *base_url;
    int key_fd; /* held for its lock, to the end of the process */
    bool stopping;
};

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int fail(const char *format, ...)
{
    va_list args;

    fputs("postriderd: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return -1;
}

/* No core, no ptrace by the same user, nothing readable by others. */
static void harden(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    umask(077);
    signal(SIGPIPE, SIG_IGN);
}

/* Tells systemd (or whoever set NOTIFY_SOCKET), sd_notify(3). */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (!path || strlen(path) >= sizeof(address.sun_path))
        return;
    strcpy(address.sun_path, path);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, state, strlen(state), 0, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
        log_debug("NOTIFY_SOCKET: %s", strerror(errno));
    close(fd);
}

/* -- config
 * ---------------------------------------------------------------------------------------- */

static int read_config(const char *file, struct config_daemon **config_r)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf text = {0};

    if (config_daemon_read(file, &mistakes, config_r) == 0) {
        if (!zone_name_valid((*config_r)->zone))
            return fail("zone: \"%s\" is no time zone; write an IANA name such as Europe/Berlin",
                        (*config_r)->zone);
        if (!(*config_r)->retention)
            return 0;
        return fail("retention: not there yet; take it out, and erase people by hand meanwhile: "
                    "postrider person erase ADDRESS");
    }
    mistakes_text(&mistakes, &text);
    fputs(buf_text(&text), stderr);
    return fail("the config has mistakes; nothing was started");
}

/* A provider's part of the config as "key", "value", ..., NULL; free with mem_strv_free. */
static char **settings_of(const struct config_provider *provider)
{
    char **list = mem_array(2 * provider->setting_count + 8, sizeof(*list));
    size_t at = 0;

    for (size_t i = 0; i < provider->setting_count; i++) {
        list[at++] = mem_str(provider->settings[i].key);
        list[at++] = mem_str(provider->settings[i].value);
    }
    if (provider->client_id) {
        list[at++] = mem_str("client_id");
        list[at++] = mem_str(provider->client_id);
    }
    if (provider->client_secret_file) {
        list[at++] = mem_str("client_secret_file");
        list[at++] = mem_str(provider->client_secret_file);
    }
    if (provider->settle >= 0) {
        list[at++] = mem_str("settle");
        list[at] = mem_printf("%lld", (long long)provider->settle);
    }
    return list;
}

/* Plain http is for stand-ins on loopback that the config names, and for nothing else. */
static int allow_stand_ins(struct daemon *daemon, const struct config_provider *provider)
{
    for (size_t i = 0; i < provider->setting_count; i++) {
        const char *url = provider->settings[i].value;
        auto_free char *origin = NULL;

        if (strncmp(url, "http://", 7) != 0)
            continue;
        origin = http_origin(url);
        if (!origin || http_allow_plain(daemon->http, origin) < 0)
            return fail("providers.%s.%s: %s is neither https nor on loopback; write https://",
                        provider->name, provider->settings[i].key, url);
    }
    return 0;
}

/* -- the store
 * --------------------------------------------------------------------------------------- */

static void turn_store(void *arg)
{
    struct daemon *daemon = arg;

    store_turn(daemon->store);
}

static void wake_store(void *arg)
{
    struct daemon *daemon = arg;

    loop_post(daemon->loop, turn_store, daemon);
}

/* LMDB goes on "committing" after a failed sync, so the first failure is the last thing we do. */
static void store_failed(void *arg, int error)
{
    struct daemon *daemon = arg;

    if (daemon->engine)
        engine_freeze(daemon->engine);
    log_error(
        "the store could not be written (%s); nothing is sent any more and the daemon ends now. "
        "Check the disk, then start it again: what is in doubt is asked of the providers",
        strerror(-error));
    _exit(EXIT_IO);
}

/* A clone of the data directory would send the same mails: on this machine its key betrays it. */
static int lock_key(struct daemon *daemon)
{
    const char *path = daemon->config->master_key_file;

    daemon->key_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (daemon->key_fd >= 0 && flock(daemon->key_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return fail(
            "%s: another daemon runs with this master key, and two with one ledger would send "
            "the same mails; stop it first, or start this one with a key and a data directory "
            "of its own",
            path);
    return 0;
}

static int open_store(struct daemon *daemon, bool read_only)
{
    struct store_options options = {.dir = daemon->config->data,
                                    .wake = wake_store,
                                    .wake_arg = daemon,
                                    .read_only = read_only};
    auto_free char *error = NULL;

    if (seal_open(daemon->config->master_key_file, daemon->config->data, &daemon->seal, &error) < 0)
        return fail("%s", error);
    seal_hash_key(daemon->seal, options.hash_key);
    if (store_open(&options, &daemon->store, &error) < 0)
        return fail("%s", error);
    store_fatal(daemon->store, store_failed, daemon);
    return read_only ? 0 : lock_key(daemon);
}

/* -- providers
 * ----------------------------------------------------------------------------------------- */

static int add_provider(struct daemon *daemon, const struct config_provider *provider)
{
    auto_buf struct buf error = {0};
    char **settings;
    int r;

    if (allow_stand_ins(daemon, provider) < 0)
        return -1;
    settings = settings_of(provider);
    r = provider_set_add(daemon->providers, provider->name, provider->plugin,
                         (const char *const *)settings, &error);
    mem_strv_free(settings);
    return r < 0 ? fail("%s", buf_text(&error)) : 0;
}

static bool origins_on_loopback(struct daemon *daemon, const char *name)
{
    bool all = true;

    for (int access = RIDER_ACCESS_SEND; access <= RIDER_ACCESS_FULL; access++) {
        struct rider_oauth *oauth = NULL;

        if (provider_oauth(daemon->providers, name, (enum rider_access)access, &oauth) < 0)
            continue;
        for (size_t i = 0; oauth->origins && oauth->origins[i]; i++)
            all = all && config_url_is_loopback(oauth->origins[i]);
        provider_oauth_free(oauth);
    }
    return all;
}

/* Virtual time is for stand-ins: no mail of a real provider may be sent by it. */
static int follow_clock(struct daemon *daemon)
{
    auto_buf struct buf error = {0};

    if (!daemon->config->clock)
        return 0;
    for (size_t i = 0; i < daemon->config->provider_count; i++)
        if (!origins_on_loopback(daemon, daemon->config->providers[i].name))
            return fail(
                "clock: provider %s talks to hosts beyond loopback; a virtual clock is only "
                "for stand-ins, so take `clock` out",
                daemon->config->providers[i].name);
    if (follow_connect(daemon->loop, daemon->config->clock, &error, &daemon->follow) < 0)
        return fail("%s", buf_text(&error));
    return 0;
}

static int open_providers(struct daemon *daemon)
{
    struct provider_set_options options = {.loop = daemon->loop,
                                           .http = daemon->http,
                                           .data_dir = daemon->config->data,
                                           .plugins_dir = daemon->config->plugins,
                                           .credentials = mailboxes_credentials(daemon->mailboxes)};
    auto_buf struct buf error = {0};

    if (provider_set_new(&options, &error, &daemon->providers) < 0)
        return fail("%s", buf_text(&error));
    for (size_t i = 0; i < daemon->config->provider_count; i++)
        if (add_provider(daemon, &daemon->config->providers[i]) < 0)
            return -1;
    mailboxes_set_providers(daemon->mailboxes, daemon->providers);
    return 0;
}

/* -- wiring
 * ------------------------------------------------------------------------------------------------
 */

static void mailbox_changed(void *arg, uint64_t mailbox)
{
    struct daemon *daemon = arg;

    if (daemon->engine)
        engine_mailbox_changed(daemon->engine, mailbox);
}

static int open_net(struct daemon *daemon)
{
    struct http_options options = {.ca_file = daemon->config->ca_file,
                                   .user_agent = "postrider/1.0"};
    auto_buf struct buf error = {0};

    daemon->http = http_client_new(daemon->loop, &options, &error);
    return daemon->http ? 0 : fail("%s", buf_text(&error));
}

static void open_mailboxes(struct daemon *daemon)
{
    struct mailboxes_options options = {.loop = daemon->loop,
                                        .http = daemon->http,
                                        .store = daemon->store,
                                        .seal = daemon->seal,
                                        .base_url = daemon->base_url,
                                        .changed = mailbox_changed,
                                        .changed_arg = daemon};

    daemon->mailboxes = mailboxes_new(&options);
}

static void open_engine(struct daemon *daemon)
{
    struct engine_options options = {.loop = daemon->loop,
                                     .store = daemon->store,
                                     .seal = daemon->seal,
                                     .mailboxes = daemon->mailboxes,
                                     .providers = daemon->providers,
                                     .config = daemon->config,
                                     .base_url = daemon->config->public_url};

    daemon->engine = engine_new(&options);
}

/* SIGHUP: the config is read again, and each plugin swapped for what its file holds now. */
static int reload(void *arg, struct buf *error)
{
    struct daemon *daemon = arg;
    struct config_daemon *config = NULL;
    auto_mistakes struct mistakes mistakes = {0};
    int r = 0;

    if (config_daemon_read(daemon->config_file, &mistakes, &config) < 0) {
        mistakes_text(&mistakes, error);
        return -EINVAL;
    }
    log_set_level(config->log_level);
    for (size_t i = 0; i < config->provider_count; i++) {
        char **settings = settings_of(&config->providers[i]);
        int failed = provider_set_reload(daemon->providers, config->providers[i].name,
                                         (const char *const *)settings, false, error);

        if (failed < 0) {
            buf_add_char(error, '\n');
            r = failed;
        }
        mem_strv_free(settings);
    }
    config_daemon_free(config);
    return r;
}

static int open_control(struct daemon *daemon)
{
    struct control_options options = {.loop = daemon->loop,
                                      .store = daemon->store,
                                      .seal = daemon->seal,
                                      .engine = daemon->engine,
                                      .mailboxes = daemon->mailboxes,
                                      .providers = daemon->providers,
                                      .config = daemon->config,
                                      .base_url = daemon->base_url,
                                      .reload = reload,
                                      .reload_arg = daemon};
    auto_buf struct buf error = {0};

    daemon->control = control_new(&options, &error);
    return daemon->control ? 0 : fail("%s", buf_text(&error));
}

static void drained(void *arg)
{
    struct daemon *daemon = arg;

    loop_stop(daemon->loop);
}

static void stop(void *arg, int signum)
{
    struct daemon *daemon = arg;

    if (daemon->stopping) {
        log_warn("told twice to stop: not waiting for what is in flight");
        loop_stop(daemon->loop);
        return;
    }
    daemon->stopping = true;
    log_info("%s: finishing what is in flight, then stopping", strsignal(signum));
    notify("STOPPING=1");
    engine_stop(daemon->engine, DRAIN_MS, drained, daemon);
}

static void hang_up(void *arg, int signum)
{
    auto_buf struct buf error = {0};

    (void)signum;
    if (reload(arg, &error) < 0)
        log_error("not all was reloaded; what runs stays as it was: %s", buf_text(&error));
}

static int run(struct daemon *daemon)
{
    if (open_store(daemon, false) < 0 || open_net(daemon) < 0)
        return EXIT_CONFIG;
    open_mailboxes(daemon);
    if (open_providers(daemon) < 0 || follow_clock(daemon) < 0)
        return EXIT_CONFIG;
    open_engine(daemon);
    if (open_control(daemon) < 0)
        return EXIT_CONFIG;
    loop_on_signal(daemon->loop, SIGTERM, stop, daemon);
    loop_on_signal(daemon->loop, SIGINT, stop, daemon);
    loop_on_signal(daemon->loop, SIGHUP, hang_up, daemon);
    daemon->watchdog = watchdog_start(daemon->loop, 0);
    provider_set_watch(daemon->providers, daemon->watchdog);
    engine_start(daemon->engine);
    log_info("ready: %s for owners and candidates, %s for the API", daemon->base_url,
             daemon->config->socket);
    notify("READY=1");
    loop_run(daemon->loop);
    log_info("stopped");
    return 0;
}

static void close_all(struct daemon *daemon)
{
    if (daemon->providers)
        provider_set_watch(daemon->providers, NULL);
    watchdog_stop(daemon->watchdog);
    control_free(daemon->control);
    if (daemon->store)
        store_close(daemon->store);
    engine_free(daemon->engine);
    provider_set_free(daemon->providers);
    mailboxes_free(daemon->mailboxes);
    follow_free(daemon->follow);
    http_client_free(daemon->http);
    loop_free(daemon->loop);
    seal_close(daemon->seal);
    free(daemon->base_url);
    config_daemon_free(daemon->config);
}

/* -- postriderd --check
 * --------------------------------------------------------------------------------------- */

static void print_mistake(void *arg, const char *sentence)
{
    (void)arg;
    puts(sentence);
}

static int check(struct daemon *daemon)
{
    int mistakes;

    if (open_store(daemon, true) < 0)
        return EXIT_CONFIG;
    mistakes = store_check(daemon->store, print_mistake, NULL);
    if (mistakes) {
        printf("%s: not sound; keep a copy, and restore the last good one\n", daemon->config->data);
        return EXIT_STORE_UNSOUND;
    }
    printf("%s: sound\n", daemon->config->data);
    return 0;
}

static int print_routes(void)
{
    auto_buf struct buf routes = {0};

    control_routes(&routes);
    fputs(buf_text(&routes), stdout);
    return 0;
}

/* -- the command line
 * -------------------------------------------------------------------------------------------- */

static void usage(FILE *to)
{
    fputs("usage: postriderd --config FILE [--check | --routes]\n"
          "  --config FILE  the daemon's YAML (see the README)\n"
          "  --check        verify the store, and end\n"
          "  --routes       print the API's routes, and end\n",
          to);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"routes", no_argument, NULL, 'r'},       {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {0}};
    struct daemon daemon = {.key_fd = -1};
    bool only_check = false;
    int option, code;

    harden();
    lastword_install();
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            daemon.config_file = optarg;
            break;
        case 'k':
            only_check = true;
            break;
        case 'r':
            return print_routes();
        case 'v':
            puts("postriderd 1.0.0");
            return 0;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return EXIT_CONFIG;
        }
    }
    if (!daemon.config_file || optind < argc) {
        usage(stderr);
        return EXIT_CONFIG;
    }
    if (read_config(daemon.config_file, &daemon.config) < 0)
        return EXIT_CONFIG;
    log_set_level(daemon.config->log_level);
    mail_init();
    daemon.loop = loop_new();
    daemon.base_url = daemon.config->public_url
                          ? mem_str(daemon.config->public_url)
                          : mem_printf(strchr(daemon.config->listen_host, ':') ? "http://[%s]:%u"
                                                                               : "http://%s:%u",
                                       daemon.config->listen_host, daemon.config->listen_port);
    code = only_check ? check(&daemon) : run(&daemon);
    close_all(&daemon);
    return code;
}
