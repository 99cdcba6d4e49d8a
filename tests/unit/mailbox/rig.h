/* unit/mailbox/rig.h: a mailbox room with all it stands on, a browser, and the sandbox's Google. */
#ifndef UNIT_MAILBOX_RIG_H
#define UNIT_MAILBOX_RIG_H
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "mailbox/internal.h"
#include "net/loop.h"
#include "provider/session.h"
#include "seal/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANA "ana@acme.example"
#define BEN "ben@acme.example"
#define LONG_WAIT 20000

/* stderr is a file while a test runs, and looked through for secrets. */
#define rig_fail(...)                                                                              \
    do {                                                                                           \
        print_message(__VA_ARGS__);                                                                \
        print_message("\n");                                                                       \
        fail();                                                                                    \
    } while (0)

struct rig {
    char dir[64], http[64];
    pid_t sandbox;
    int control, log;
    struct loop *loop;
    struct http_client *client;
    struct store *store;
    struct seal *seal;
    struct provider_set *set;
    struct mailboxes *mailboxes;
    int changes; /* how often somebody was told */
};
static struct rig rig;

/* -- files ---------------------------------------------------------------------------- */
static inline char *rig_read(const char *name)
{
    auto_free char *path = mem_printf("%s/%s", rig.dir, name);
    struct buf text = {0};
    FILE *file = fopen(path, "r");
    size_t len;

    while (file && (len = fread(buf_reserve(&text, 65536), 1, 65536, file)) > 0)
        buf_advance(&text, len);
    if (file)
        fclose(file);
    return text.len ? buf_take(&text) : (buf_finish(&text), mem_str(""));
}

static inline void rig_write(const char *name, const char *text, mode_t mode)
{
    auto_free char *path = mem_printf("%s/%s", rig.dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    fchmod(fd, mode);
    close(fd);
}

static inline int rig_shell(const char *format, ...)
{
    va_list args;
    char command[512];

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    return system(command);
}

/* Every secret of this test, the sandbox's and ours, has "canary" in it. */
static inline void rig_no_canary(void)
{
    assert_int_not_equal(rig_shell("grep -r -a -l canary %s/data %s/run.log", rig.dir, rig.dir), 0);
}

/* -- the sandbox ---------------------------------------------------------------------- */
static inline const char *rig_tell(const char *format, ...)
{
    static char answer[65536];
    char command[2048];
    va_list args;
    size_t len = 0;

    va_start(args, format);
    vsnprintf(command, sizeof(command) - 1, format, args);
    va_end(args);
    for (char *at = command; (at = strchr(at, '\'')); *at = '"')
        ;
    strcat(command, "\n");
    assert_int_equal(write(rig.control, command, strlen(command)), strlen(command));
    do {
        ssize_t part = read(rig.control, answer + len, sizeof(answer) - 1 - len);

        assert_true(part > 0);
        len += (size_t)part;
    } while (answer[len - 1] != '\n');
    answer[len] = '\0';
    if (!strstr(answer, "\"ok\":true"))
        rig_fail("%s: %s", command, answer);
    return answer;
}

/* How many requests of this path the server has seen. */
static inline int rig_count(const char *path)
{
    auto_free char *text = rig_read("requests.log");
    auto_free char *mark = mem_printf("\"path\":\"%s\"", path);
    int count = 0;

    for (const char *at = text; (at = strstr(at, mark)); at++)
        count++;
    return count;
}

static inline void rig_find(const char *text, const char *key, char *value, size_t size)
{
    auto_free char *name = mem_printf("\"%s\":\"", key);
    const char *at = strstr(text, name);

    assert_non_null(at);
    snprintf(value, size, "%.*s", (int)strcspn(at + strlen(name), "\""), at + strlen(name));
}

static inline void rig_start_sandbox(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    auto_free char *path = mem_printf("%s/sandbox.json", rig.dir), *text = NULL;

    rig.sandbox = fork();
    if (rig.sandbox == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execl(BINARY_DIR "/bin/postrider-sandbox", "postrider-sandbox", "--dir", rig.dir, "--clock",
              "hold", NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000 && access(path, R_OK) < 0; i++)
        usleep(10000);
    text = rig_read("sandbox.json");
    rig_find(text, "http", rig.http, sizeof(rig.http));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", rig.dir);
    rig.control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(rig.control, (struct sockaddr *)&address, sizeof(address)), 0);
    rig_tell("{'do': 'google.account.add', 'address': '" ANA "', 'name': 'Ana', 'aliases': "
             "[{'address': 'a@acme.example', 'verification': 'accepted'}]}");
    rig_tell("{'do': 'google.account.add', 'address': '" BEN "', 'name': 'Ben'}");
    rig_tell("{'do': 'google.client.add', 'client_id': 'cid', 'client_secret': 'canary-secret', "
             "'redirect_uris': ['http://127.0.0.1/oauth/cb/*']}");
    rig_tell("{'do': 'google.consent'}");
}

/* -- the daemon's part ---------------------------------------------------------------- */
static inline void rig_turn(void *arg)
{
    store_turn(arg);
}

static inline void rig_wake(void *arg)
{
    loop_post(rig.loop, rig_turn, rig.store);
    (void)arg;
}

static inline void rig_changed(void *arg, uint64_t mailbox)
{
    (void)arg;
    (void)mailbox;
    rig.changes++;
}

static inline void rig_open_store(void)
{
    auto_free char *data = mem_printf("%s/data", rig.dir), *key = mem_printf("%s/key", rig.dir);
    auto_free char *error = NULL;
    struct store_options options = {.dir = data, .map_size = 1 << 26, .wake = rig_wake};

    assert_int_equal(seal_open(key, data, &rig.seal, &error), 0);
    seal_hash_key(rig.seal, options.hash_key);
    assert_int_equal(store_open(&options, &rig.store, &error), 0);
}

static inline void rig_add_provider(const char *name)
{
    auto_free char *secret = mem_printf("%s/secret", rig.dir);
    auto_free char *auth = mem_printf("%s/o/oauth2/v2/auth", rig.http);
    auto_free char *tokens = mem_printf("%s/token", rig.http);
    auto_free char *revoke = mem_printf("%s/revoke", rig.http);
    auto_free char *userinfo = mem_printf("%s/v1/userinfo", rig.http);
    const char *settings[] = {"client_id", "cid",          "client_secret_file",
                              secret,      "auth_url",     auth,
                              "token_url", tokens,         "revoke_url",
                              revoke,      "userinfo_url", userinfo,
                              "api_url",   rig.http,       NULL};
    auto_buf struct buf error = {0};

    if (provider_set_add(rig.set, name, "gmail.so", settings, &error) < 0)
        rig_fail("%s", buf_text(&error));
}

static inline void rig_open(void)
{
    auto_free char *plugins = mem_printf("%s/plugins", rig.dir);
    auto_free char *data = mem_printf("%s/data", rig.dir);
    auto_buf struct buf error = {0};
    struct mailboxes_options options = {.base_url = "http://127.0.0.1:8025",
                                        .changed = rig_changed};
    struct provider_set_options set = {.data_dir = data, .plugins_dir = plugins};

    rig.loop = loop_new();
    rig_open_store();
    rig.client = http_client_new(rig.loop, &(struct http_options){0}, &error);
    assert_non_null(rig.client);
    assert_int_equal(http_allow_plain(rig.client, rig.http), 0);
    options.loop = set.loop = rig.loop;
    options.http = set.http = rig.client;
    options.store = rig.store;
    options.seal = rig.seal;
    rig.mailboxes = mailboxes_new(&options);
    set.credentials = mailboxes_credentials(rig.mailboxes);
    if (provider_set_new(&set, &error, &rig.set) < 0)
        rig_fail("%s", buf_text(&error));
    mailboxes_set_providers(rig.mailboxes, rig.set);
    rig_add_provider("gmail");
    rig_add_provider("other");
}

static inline void rig_close(void)
{
    store_close(rig.store);
    provider_set_free(rig.set);
    mailboxes_free(rig.mailboxes);
    http_client_free(rig.client);
    assert_int_equal(loop_busy_count(rig.loop), 0); /* whatever was begun was counted off */
    loop_free(rig.loop);
    seal_close(rig.seal);
}

static inline int rig_setup(void **state)
{
    auto_free char *path = NULL;
    int fd;

    (void)state;
    memset(&rig, 0, sizeof(rig));
    strcpy(rig.dir, "/tmp/postrider-mailbox-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    assert_int_equal(rig_shell("mkdir -m 700 %s/data %s/plugins && cp " BINARY_DIR
                               "/plugins/gmail.so %s/plugins && chmod 644 %s/plugins/gmail.so",
                               rig.dir, rig.dir, rig.dir, rig.dir),
                     0);
    path = mem_printf("%s/run.log", rig.dir);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    fflush(stderr);
    rig.log = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    rig_write("secret", "canary-secret\n", 0600);
    rig_start_sandbox();
    rig_open();
    return 0;
}

static inline int rig_teardown(void **state)
{

    (void)state;
    rig_close();
    clock_set_offset(0);
    dup2(rig.log, STDERR_FILENO);
    close(rig.log);
    rig_no_canary();
    close(rig.control);
    kill(rig.sandbox, SIGTERM);
    waitpid(rig.sandbox, NULL, 0);
    assert_int_equal(rig_shell("rm -rf %s", rig.dir), 0);
    return 0;
}

/* -- running -------------------------------------------------------------------------- */
static inline bool rig_is_set(void *arg)
{
    return *(int *)arg > 0;
}

static inline void rig_wait(int *count)
{
    assert_true(loop_run_until(rig.loop, LONG_WAIT, rig_is_set, count));
}

static inline bool rig_never(void *arg)
{
    (void)arg;
    return false;
}

static inline bool rig_rests(void *arg)
{
    return loop_busy_count(arg) == 0;
}

static inline void rig_settle(void)
{
    assert_true(loop_run_until(rig.loop, LONG_WAIT, rig_rests, rig.loop));
    loop_run_until(rig.loop, 20, rig_never, NULL);
}

/* -- changes -------------------------------------------------------------------------- */
struct told {
    int count, status;
    uint64_t mailbox;
    char text[600];
};

static inline void rig_told(void *arg, int status, uint64_t mailbox, const char *text)
{
    struct told *told = arg;

    told->count++;
    told->status = status;
    told->mailbox = mailbox;
    snprintf(told->text, sizeof(told->text), "%s", text ? text : "");
    assert_null(strstr(told->text, "canary"));
}

static inline struct told rig_add(const char *address, int access)
{
    struct told told = {0};
    struct mailbox_ask ask = {.address = address, .provider = "gmail", .access = access};

    mailbox_add(rig.mailboxes, &ask, rig_told, &told);
    assert_int_equal(told.count, 0);
    rig_wait(&told.count);
    rig_settle();
    assert_int_equal(told.count, 1);
    return told;
}

typedef void rig_change(struct mailboxes *mailboxes, uint64_t id, mailbox_done *done, void *arg);
static inline struct told rig_do(rig_change *change, uint64_t id)
{
    struct told told = {0};

    change(rig.mailboxes, id, rig_told, &told);
    assert_int_equal(told.count, 0);
    rig_wait(&told.count);
    rig_settle();
    assert_int_equal(told.count, 1);
    return told;
}

static inline struct mailbox rig_mailbox(uint64_t id)
{
    struct mailbox mailbox = {0};

    assert_int_equal(mailbox_load(rig.mailboxes, id, &mailbox), 0);
    return mailbox;
}

static inline int rig_status(uint64_t id)
{
    auto_record(mailbox) mailbox = rig_mailbox(id);

    return mailbox.status;
}

static inline bool rig_has_grant(uint64_t id)
{
    auto_read struct store_txn *txn = NULL;
    auto_buf struct buf sealed = {0};

    assert_int_equal(store_read(rig.store, &txn), 0);
    return store_grant_get(txn, id, &sealed) == 0;
}

/* -- the owner's browser -------------------------------------------------------------- */
struct seen {
    int count, asks;
    enum mailbox_outcome outcome;
    char address[128], text[1024], location[2048], cookie[256];
};

static inline void rig_seen(void *arg, const struct mailbox_page *page)
{
    struct seen *seen = arg;

    seen->count++;
    seen->outcome = page->outcome;
    snprintf(seen->address, sizeof(seen->address), "%s", page->address ? page->address : "");
    snprintf(seen->text, sizeof(seen->text), "%s", page->text ? page->text : "");
    snprintf(seen->location, sizeof(seen->location), "%s", page->location ? page->location : "");
    snprintf(seen->cookie, sizeof(seen->cookie), "%s", page->cookie ? page->cookie : "");
    for (seen->asks = 0; page->asks && page->asks[seen->asks];)
        seen->asks++;
    assert_null(strstr(seen->text, "canary"));
}

static inline void rig_seen_once(struct seen *seen)
{
    assert_int_equal(seen->count, 0); /* never inside the call */
    rig_wait(&seen->count);
    rig_settle();
    assert_int_equal(seen->count, 1);
}

static inline const char *rig_token(const char *link)
{
    const char *at = strstr(link, "/connect/");

    assert_non_null(at);
    return at + strlen("/connect/");
}

static inline struct seen rig_show(const char *link)
{
    struct seen seen = {0};

    mailbox_link_show(rig.mailboxes, rig_token(link), rig_seen, &seen);
    rig_seen_once(&seen);
    return seen;
}

static inline struct seen rig_go(const char *link)
{
    struct seen seen = {0};

    mailbox_link_go(rig.mailboxes, rig_token(link), rig_seen, &seen);
    rig_seen_once(&seen);
    return seen;
}

struct visit {
    int count, status;
    char query[2048];
};

static inline void rig_visited(void *arg, const struct http_response *response)
{
    struct visit *visit = arg;
    struct bytes to = http_header(response->headers, "Location");
    const char *at = to.data ? memchr(to.data, '?', to.len) : NULL;

    visit->count++;
    visit->status = response->status;
    if (at)
        snprintf(visit->query, sizeof(visit->query), "%.*s",
                 (int)(to.len - (size_t)(at + 1 - (const char *)to.data)), at + 1);
}

/* Goes to the provider, whose owner does what google.consent says: the query that comes back. */
static inline struct visit rig_visit(const char *location)
{
    struct visit visit = {0};
    struct http_request request = {.method = "GET", .url = location};

    http_start(rig.client, &request, rig_visited, &visit);
    rig_wait(&visit.count);
    assert_true(visit.status == 303 || visit.status == 302);
    return visit;
}

/* "name=value" of a Set-Cookie, as a browser sends it, among others. */
static inline char *rig_cookie(const struct seen *go)
{
    return mem_printf("theme=dark; %.*s; x=rider_connect", (int)strcspn(go->cookie, ";"),
                      go->cookie);
}

static inline struct seen rig_back(const char *provider, const char *query, const char *cookie)
{
    struct seen seen = {0};

    mailbox_callback(rig.mailboxes, provider, query, cookie, rig_seen, &seen);
    rig_seen_once(&seen);
    return seen;
}

/* The whole way, from the link's button on. */
static inline struct seen rig_consent(const char *link)
{
    struct seen go = rig_go(link);
    auto_free char *cookie = rig_cookie(&go);
    struct visit visit;

    assert_int_equal(go.outcome, CONNECT_REDIRECT);
    visit = rig_visit(go.location);
    return rig_back("gmail", visit.query, cookie);
}

static inline uint64_t rig_connect(const char *address, int access)
{
    struct told added = rig_add(address, access);
    struct seen seen;

    assert_int_equal(added.status, 0);
    seen = rig_consent(added.text);
    if (seen.outcome != CONNECT_DONE)
        rig_fail("outcome %d: %s", (int)seen.outcome, seen.text);
    return added.mailbox;
}

/* -- tokens --------------------------------------------------------------------------- */
struct got {
    int count, order;
    int32_t kind;
    int64_t retry;
    char token[4096], detail[256];
};
static int rig_order;

static inline void rig_got(void *arg, const char *token, const struct rider_failure *failure)
{
    struct got *got = arg;

    assert_true(!token != !failure);
    got->count++;
    got->order = ++rig_order;
    got->kind = failure ? failure->kind : 0;
    got->retry = failure ? failure->retry_after : 0;
    snprintf(got->token, sizeof(got->token), "%s", token ? token : "");
    snprintf(got->detail, sizeof(got->detail), "%s",
             failure && failure->detail ? failure->detail : "");
    assert_null(strstr(got->detail, "canary"));
}

static inline void rig_ask(uint64_t mailbox, const char *refused, struct got *got)
{
    struct credential_source source = mailboxes_credentials(rig.mailboxes);

    *got = (struct got){0};
    loop_busy(rig.loop, 1); /* as who asks does */
    source.token(source.arg, mailbox, refused, rig_got, got);
    assert_int_equal(got->count, 0);
}

static inline struct got rig_token_of(uint64_t mailbox, const char *refused)
{
    struct got got;

    rig_ask(mailbox, refused, &got);
    rig_wait(&got.count);
    loop_busy(rig.loop, -1);
    rig_settle();
    assert_int_equal(got.count, 1);
    return got;
}

/* Both clocks: the sandbox's and ours. */
static inline void rig_later(int64_t ms)
{
    rig_tell("{'do': 'clock.jump', 'by': %lld}", (long long)ms);
    clock_set_offset(clock_offset() + ms);
}
#endif
