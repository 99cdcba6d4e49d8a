/* rider-check/bench.c: setting a plugin up, and starting its operations. */
#include "bench.h"

#include "base/mem.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool check(struct bench *bench, bool ok, const char *format, ...)
{
    va_list args;

    bench->passed += ok;
    bench->failed += !ok;
    if (ok && bench->quiet)
        return ok;
    printf("%s ", ok ? "ok  " : "FAIL");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    return ok;
}

/* -- tokens and the server -------------------------------------------------------------------- */
struct pending {
    struct loop_timer *timer;
    credential_got_fn *got;
    void *arg;
};

static void give(void *arg)
{
    struct pending *pending = arg;

    loop_timer_free(pending->timer);
    pending->got(pending->arg, "rider-check", NULL);
    free(pending);
}

static void token(void *arg, uint64_t mailbox, const char *refused, credential_got_fn *got,
                  void *got_arg)
{
    struct bench *bench = arg;
    struct pending *pending = mem_new(sizeof(*pending));

    (void)mailbox;
    (void)refused;
    pending->got = got;
    pending->arg = got_arg;
    pending->timer = loop_timer_new(bench->loop, give, pending);
    loop_timer_in(pending->timer, 0);
}

struct pending_login {
    struct loop_timer *timer;
    credential_login_fn *got;
    void *arg;
};

static void give_login(void *arg)
{
    static const struct credential_login password = {.user = "ana@acme.example",
                                                     .secret = "rider-check"};
    struct pending_login *pending = arg;

    loop_timer_free(pending->timer);
    pending->got(pending->arg, &password, NULL);
    free(pending);
}

static void login(void *arg, uint64_t mailbox, const char *refused, credential_login_fn *got,
                  void *got_arg)
{
    struct bench *bench = arg;
    struct pending_login *pending = mem_new(sizeof(*pending));

    (void)mailbox;
    (void)refused;
    pending->got = got;
    pending->arg = got_arg;
    pending->timer = loop_timer_new(bench->loop, give_login, pending);
    loop_timer_in(pending->timer, 0);
}

static void serve(void *arg, const struct standin_request *request, struct standin_reply *reply)
{
    const struct bench *bench = arg;

    (void)request;
    *reply = bench->reply;
}

int bench_init(struct bench *bench, const char *file)
{
    char data[] = "/tmp/rider-check-XXXXXX";
    auto_free char *real = realpath(file, NULL);
    char *copy;

    memset(bench, 0, sizeof(*bench));
    bench->file = file;
    if (!real || !mkdtemp(data))
        return -errno;
    copy = mem_str(real);
    bench->dir = mem_str(dirname(copy));
    free(copy);
    bench->base = mem_str(basename(real));
    bench->data = mem_str(data);
    bench->loop = loop_new();
    bench->http = http_client_new(bench->loop, &(struct http_options){0}, &bench->error);
    bench->standin = standin_new(bench->loop, serve, bench);
    return bench->http && bench->standin ? 0 : -EIO;
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(path);
}

static bool at_rest(void *loop)
{
    return loop_busy_count(loop) == 0;
}

void bench_finish(struct bench *bench)
{
    if (bench->loop) /* tokens that nobody wants any more */
        loop_run_until(bench->loop, 1000, at_rest, bench->loop);
    if (bench->data) {
        auto_free char *run = mem_printf("%s/plugins.run", bench->data);
        remove_dir(run);
        remove_dir(bench->data);
    }
    standin_free(bench->standin);
    http_client_free(bench->http);
    if (bench->loop)
        loop_free(bench->loop);
    for (size_t i = 0; i < bench->settings_count; i++)
        free((char *)(uintptr_t)bench->settings[i]);
    buf_finish(&bench->error);
    free(bench->dir);
    free(bench->base);
    free(bench->data);
}

/* -- settings --------------------------------------------------------------------------------- */
void bench_setting(struct bench *bench, const char *key, const char *value)
{
    for (size_t i = 0; i < bench->settings_count; i += 2)
        if (strcmp(bench->settings[i], key) == 0)
            return;
    if (bench->settings_count + 3 > SETTINGS_MOST)
        return;
    bench->settings[bench->settings_count++] = mem_str(key);
    bench->settings[bench->settings_count++] = mem_str(value);
}

static bool by_password(const struct rider_provider *table)
{
    return table && RIDER_REACHES(table, auth) && (table->auth & RIDER_AUTH_PASSWORD);
}

/* OAuth is optional where there are passwords: its endpoints are then left out. */
static void fill_in(struct bench *bench, const struct rider_setting *setting, bool oauth)
{
    size_t len = RIDER_REACHES(setting, key) && setting->key ? strlen(setting->key) : 0;

    if (len == 4 && (strcmp(setting->key, "imap") == 0 || strcmp(setting->key, "smtp") == 0)) {
        auto_free char *server =
            mem_printf("%s%s", setting->key, strchr(standin_url(bench->standin), ':'));
        bench_setting(bench, setting->key, server);
        bench_setting(bench, "plain", "true");
        bench->lines = true;
    } else if (len >= 3 && oauth && strcmp(setting->key + len - 3, "url") == 0)
        bench_setting(bench, setting->key, standin_url(bench->standin));
    else if (len > 0 && RIDER_REACHES(setting, required) && setting->required)
        bench_setting(bench, setting->key, "rider-check");
}

void bench_settings_of_plugin(struct bench *bench)
{
    static const char *const usual[] = {"api_url", "auth_url", "token_url", "revoke_url",
                                        "userinfo_url"};
    auto_free char *path = mem_printf("%s/%s", bench->dir, bench->base);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, RIDER_ENTRY) : NULL;
    const struct rider_provider *table = NULL;
    rider_provider_fn *entry;

    if (symbol) {
        memcpy(&entry, &symbol, sizeof(entry));
        table = entry();
    }
    for (size_t i = 0; i < ARRAY_LEN(usual) && !by_password(table); i++)
        bench_setting(bench, usual[i], standin_url(bench->standin));
    if (table && RIDER_REACHES(table, settings) && table->settings)
        for (size_t i = 0; table->settings[i]; i++)
            fill_in(bench, table->settings[i], !by_password(table));
    if (library)
        dlclose(library);
}

/* -- loading ---------------------------------------------------------------------------------- */
int bench_load(struct bench *bench)
{
    struct provider_set_options options = {
        .loop = bench->loop,
        .http = bench->http,
        .data_dir = bench->data,
        .plugins_dir = bench->dir,
        .credentials = {.arg = bench, .token = token, .login = login},
        .drain_grace = 500,
        .cancel_grace = 500,
    };
    int r;

    buf_finish(&bench->error);
    r = provider_set_new(&options, &bench->error, &bench->set);
    if (r < 0)
        return r;
    bench->settings[bench->settings_count] = NULL;
    return provider_set_add(bench->set, "checked", bench->base, bench->settings, &bench->error);
}

void bench_unload(struct bench *bench)
{
    provider_set_free(bench->set);
    bench->set = NULL;
}

bool bench_mapped(const char *part)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    bool found = false;

    while (maps && fgets(line, sizeof(line), maps))
        found |= strstr(line, part) != NULL;
    if (maps)
        fclose(maps);
    return found;
}

bool bench_run(struct bench *bench, int64_t ms, bool (*over)(void *arg), void *arg)
{
    return loop_run_until(bench->loop, ms, over, arg);
}

/* -- sessions --------------------------------------------------------------------------------- */
struct provider_session *bench_open(struct bench *bench, enum rider_access access)
{
    struct rider_oauth *oauth = NULL;
    struct provider_session *session = NULL;
    struct provider_mailbox_info info = {
        .mailbox = 1, .address = "ana@acme.example", .access = access};

    buf_finish(&bench->error);
    if (provider_oauth(bench->set, "checked", access, &oauth) == 0)
        info.granted = oauth->scopes;
    if (provider_session_open(bench->set, "checked", &info, NULL, &bench->error, &session) < 0)
        session = NULL;
    provider_oauth_free(oauth);
    return session;
}

static void note_closed(void *arg)
{
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

void bench_close(struct bench *bench, struct provider_session *session)
{
    bool closed = false;

    provider_session_close(session, note_closed, &closed);
    bench_run(bench, 5000, is_true, &closed);
}

/* -- operations ------------------------------------------------------------------------------- */
static void note(void *arg, const struct provider_result *result)
{
    struct ending *ending = arg;

    ending->count++;
    ending->kind = result->failure ? result->failure->kind : 0;
    ending->retry_after = result->failure ? result->failure->retry_after : -1;
    ending->left = result->left;
}

bool ending_over(void *ending)
{
    return ((struct ending *)ending)->count > 0;
}

static bool take(void *arg, const struct rider_reply *reply)
{
    (void)arg;
    (void)reply;
    return true;
}

const char *const op_names[OP_KINDS] = {"identify", "stage", "send", "find", "file",
                                        "discard",  "list",  "read", "label"};

bool op_offered(uint32_t can, int kind)
{
    static const uint32_t needs[OP_KINDS] = {0,
                                             RIDER_CAN_STAGE,
                                             RIDER_CAN_SEND,
                                             RIDER_CAN_FIND,
                                             RIDER_CAN_FILE,
                                             RIDER_CAN_STAGE,
                                             RIDER_CAN_LIST,
                                             RIDER_CAN_READ,
                                             RIDER_CAN_LABEL};
    return (can & needs[kind]) == needs[kind];
}

static const char mail[] = "From: Ana <ana@acme.example>\r\nTo: Bo <bo@example.com>\r\n"
                           "Subject: rider-check\r\nMessage-ID: <check-1@acme.example>\r\n"
                           "X-Postrider-Id: check-1\r\nMIME-Version: 1.0\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\n\r\nHello.\r\n";

struct provider_op *op_start(struct provider_session *session, int kind, uint32_t timeout,
                             struct ending *ending)
{
    static const char *const headers[] = {"From", "Subject", "X-Postrider-Id", NULL};
    static const char *const ids[] = {"no-such-id", NULL}, *const labels[] = {"Out/Check", NULL};
    const struct rider_message message = {
        .size = sizeof(message),
        .marker = "check-1",
        .message_id = "<check-1@acme.example>",
        .from = "ana@acme.example",
        .to = "bo@example.com",
        .rfc5322 = {mail, sizeof(mail) - 1},
        .subject = "rider-check",
        .text = "Hello.",
        .provider_id = kind == 5 ? "no-such-id" : NULL,
        .minted = 1,
    };
    const struct rider_query query = {
        .size = sizeof(query), .since = 1, .limit = 10, .headers = headers};
    const struct rider_label_change change = {
        .size = sizeof(change), .provider_ids = ids, .add = labels};

    switch (kind) {
    case 0:
        return provider_identify(session, timeout, note, ending);
    case 1:
        return provider_stage(session, &message, timeout, note, ending);
    case 2:
        return provider_send(session, &message, timeout, note, ending);
    case 3:
        return provider_find(session, &message, timeout, note, ending);
    case 4:
        return provider_file(session, &message, timeout, note, ending);
    case 5:
        return provider_discard(session, &message, timeout, note, ending);
    case 6:
        return provider_list(session, &query, take, timeout, note, ending);
    case 7:
        return provider_read(session, "no-such-id", timeout, note, ending);
    default:
        return provider_label(session, &change, timeout, note, ending);
    }
}
