/* unit/engine/rig.h: an engine with all it stands on, whose provider is tests/plugins/told.c, and
 * time that jumps to whatever is waited for. */
#ifndef UNIT_ENGINE_RIG_H
#define UNIT_ENGINE_RIG_H
#include "base/clock.h"
#include "base/mem.h"
#include "config/daemon.h"
#include "engine/internal.h"
#include "mailbox/mailbox.h"
#include "net/http.h"
#include "net/loop.h"
#include "provider/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANA "ana@acme.example"
#define BEN "ben@acme.example"

struct rig {
    char dir[64];
    struct loop *loop;
    struct http_client *client;
    struct store *store;
    struct seal *seal;
    struct provider_set *set;
    struct mailboxes *mailboxes;
    struct config_daemon *config;
    struct engine *engine;
    const char *public_url;
};
static struct rig rig;

/* -- files ---------------------------------------------------------------------------- */
static inline int rig_shell(const char *format, ...)
{
    char command[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    return system(command);
}

/* What the plugin does from now on: "file transient\nsend later\n". */
static inline void rig_script(const char *text)
{
    auto_free char *path = mem_printf("%s/script", rig.dir), *next = mem_printf("%s.new", path);
    FILE *file = fopen(next, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(rename(next, path), 0);
}

/* How many lines of what the plugin noted begin like this. */
static inline int rig_noted(const char *begin)
{
    auto_free char *path = mem_printf("%s/notes", rig.dir);
    FILE *file = fopen(path, "r");
    char line[512];
    int count = 0;

    while (file && fgets(line, sizeof(line), file))
        count += strncmp(line, begin, strlen(begin)) == 0;
    if (file)
        fclose(file);
    return count;
}

/* -- running -------------------------------------------------------------------------- */
static inline bool rig_once(void *arg)
{
    (void)arg;
    return false;
}

/* Turns the loop until over(arg), jumping to the next moment whenever all rest, but not past
 * `no_further`. */
static inline bool rig_until_at(bool (*over)(void *arg), void *arg, int64_t no_further)
{
    int rests = 0;

    for (int i = 0; i < 10000; i++) {
        int64_t next;

        if (over(arg))
            return true;
        loop_run_until(rig.loop, 2, over, arg);
        next = loop_next_wall(rig.loop);
        next = next > no_further ? no_further : next;
        /* what was posted must have had its turn before time goes on */
        rests = loop_busy_count(rig.loop) || store_waiting(rig.store) ? 0 : rests + 1;
        if (rests > 1 && next != INT64_MAX && next > clock_wall()) {
            clock_set_offset(clock_offset() + next - clock_wall());
            rests = 0;
        }
    }
    return over(arg);
}

static inline bool rig_until(bool (*over)(void *arg), void *arg)
{
    return rig_until_at(over, arg, INT64_MAX);
}

/* Lets what is under way end, and this much virtual time pass. */
static inline bool rig_reached(void *arg)
{
    return clock_wall() >= *(int64_t *)arg && !loop_busy_count(rig.loop);
}

static inline void rig_pass(int64_t ms)
{
    int64_t until = clock_wall() + ms;

    assert_true(rig_until_at(rig_reached, &until, until));
    loop_run_until(rig.loop, 20, rig_once, NULL);
}

struct wanted {
    const char *begin;
    int count;
};
static inline bool rig_is_noted(void *arg)
{
    struct wanted *wanted = arg;

    return rig_noted(wanted->begin) >= wanted->count;
}

static inline void rig_wait_noted(const char *begin, int count)
{
    struct wanted wanted = {begin, count};

    if (!rig_until(rig_is_noted, &wanted))
        fail_msg("\"%s\" was noted %d times, not %d", begin, rig_noted(begin), count);
}

struct said {
    int count, status;
    uint64_t id;
    char text[600];
};
static inline void rig_said(void *arg, int status, uint64_t id, const char *text)
{
    struct said *said = arg;

    said->count++;
    said->status = status;
    said->id = id;
    snprintf(said->text, sizeof(said->text), "%s", text ? text : "");
}

static inline bool rig_is_said(void *arg)
{
    return ((struct said *)arg)->count > 0;
}

static inline uint64_t rig_good(struct said *said)
{
    assert_true(rig_until_at(rig_is_said, said, 0)); /* it needs no time */
    if (said->status < 0)
        fail_msg("%s", said->text);
    return said->id;
}

/* -- the daemon's part ---------------------------------------------------------------- */
static inline void rig_turn(void *arg)
{
    store_turn(arg);
}

static inline void rig_wake(void *arg)
{
    (void)arg;
    loop_post(rig.loop, rig_turn, rig.store);
}

static inline void rig_add_provider(const char *name)
{
    auto_free char *script = mem_printf("%s/script", rig.dir);
    auto_free char *notes = mem_printf("%s/notes", rig.dir);
    const char *settings[] = {"script", script, "notes", notes, NULL};
    auto_buf struct buf error = {0};

    if (provider_set_add(rig.set, name, "told.so", settings, &error) < 0)
        fail_msg("%s", buf_text(&error));
}

static inline void rig_open_rooms(void)
{
    auto_free char *data = mem_printf("%s/data", rig.dir), *key = mem_printf("%s/key", rig.dir);
    auto_free char *plugins = mem_printf("%s/plugins", rig.dir), *why = NULL;
    auto_buf struct buf error = {0};
    struct store_options store = {.dir = data, .map_size = 1 << 26, .wake = rig_wake};
    struct mailboxes_options options = {.base_url = "http://127.0.0.1:8025"};
    struct provider_set_options set = {.data_dir = data, .plugins_dir = plugins};

    options.loop = set.loop = rig.loop = loop_new();
    assert_int_equal(seal_open(key, data, &rig.seal, &why), 0);
    seal_hash_key(rig.seal, store.hash_key);
    assert_int_equal(store_open(&store, &rig.store, &why), 0);
    options.http = set.http = rig.client =
        http_client_new(rig.loop, &(struct http_options){0}, &error);
    assert_int_equal(http_allow_plain(rig.client, "http://127.0.0.1:9"), 0);
    options.store = rig.store;
    options.seal = rig.seal;
    rig.mailboxes = mailboxes_new(&options);
    set.credentials = mailboxes_credentials(rig.mailboxes);
    set.cancel_grace = 50;
    assert_int_equal(provider_set_new(&set, &error, &rig.set), 0);
    mailboxes_set_providers(rig.mailboxes, rig.set);
    rig_add_provider("told");
    rig_add_provider("other");
}

static inline void rig_open(void)
{
    struct engine_options options = {.providers = NULL};

    rig_open_rooms();
    options = (struct engine_options){.loop = rig.loop,
                                      .store = rig.store,
                                      .seal = rig.seal,
                                      .mailboxes = rig.mailboxes,
                                      .providers = rig.set,
                                      .config = rig.config,
                                      .base_url = rig.public_url};
    rig.engine = engine_new(&options);
    engine_start(rig.engine);
}

static inline void rig_drained(void *arg)
{
    *(bool *)arg = true;
}

static inline bool rig_is_true(void *arg)
{
    return *(bool *)arg;
}

static inline void rig_close(void)
{
    bool drained = false;

    engine_stop(rig.engine, 1000, rig_drained, &drained);
    assert_true(loop_run_until(rig.loop, 5000, rig_is_true, &drained));
    store_close(rig.store);
    engine_free(rig.engine);
    provider_set_free(rig.set);
    mailboxes_free(rig.mailboxes);
    http_client_free(rig.client);
    loop_free(rig.loop);
    seal_close(rig.seal);
}

/* As after a crash: what is on disk is all that is left. */
static inline void rig_reopen(void)
{
    rig_close();
    rig_open();
}

static inline int rig_setup(void **state)
{
    static const char yaml[] = "data: /tmp/x\nmaster_key_file: /tmp/key\nplugins: /tmp/p\n"
                               "poll: 60s\nproviders:\n"
                               "  told: {plugin: told.so}\n  other: {plugin: told.so}\n";
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf text = {0};

    (void)state;
    memset(&rig, 0, sizeof(rig));
    strcpy(rig.dir, "/tmp/postrider-engine-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    assert_int_equal(rig_shell("mkdir -m 700 %s/data %s/plugins && cp " BINARY_DIR
                               "/tests/odd/told.so %s/plugins && chmod 644 %s/plugins/told.so",
                               rig.dir, rig.dir, rig.dir, rig.dir),
                     0);
    if (config_daemon_parse("test.yaml", yaml, strlen(yaml), &mistakes, &rig.config) < 0) {
        mistakes_text(&mistakes, &text);
        fail_msg("%s", buf_text(&text));
    }
    rig_script("");
    rig_open();
    return 0;
}

static inline int rig_teardown(void **state)
{
    (void)state;
    rig_close();
    config_daemon_free(rig.config);
    clock_set_offset(0);
    return rig_shell("rm -rf %s", rig.dir);
}

/* -- what is worked with -------------------------------------------------------------- */
struct put {
    struct mailbox mailbox;
    int count;
};

static inline int rig_put_apply(struct store_txn *txn, void *arg)
{
    struct put *put = arg;
    int r = store_next_id(txn, SEQ_MAILBOX, &put->mailbox.id);

    return r < 0 ? r : store_mailbox_put(txn, &put->mailbox);
}

static inline void rig_put_done(void *arg, int status)
{
    struct put *put = arg;

    assert_int_equal(status, 0);
    put->count = 1;
}

static inline bool rig_is_put(void *arg)
{
    return ((struct put *)arg)->count > 0;
}

/* An active mailbox; tenant: or NULL. */
static inline uint64_t rig_mailbox(const char *address, const char *provider, const char *tenant)
{
    struct put put = {.mailbox = {.address = mem_str(address),
                                  .key = mem_str(address),
                                  .provider = mem_str(provider),
                                  .tenant = mem_str(tenant),
                                  .access = RIDER_ACCESS_FULL,
                                  .status = MAILBOX_ACTIVE,
                                  .promise = PROMISE_STRICT,
                                  .connected_at = clock_wall()}};
    uint64_t id;

    store_submit(rig.store, rig_put_apply, rig_put_done, &put);
    assert_true(rig_until_at(rig_is_put, &put, 0));
    id = put.mailbox.id;
    record_mailbox_finish(&put.mailbox);
    assert_int_equal(seal_mailbox_create(rig.seal, id), 0);
    engine_mailbox_changed(rig.engine, id);
    return id;
}

/* A running campaign of one step to these people ("a@b\n..."). */
static inline uint64_t rig_campaign(const char *from, const char *people)
{
    auto_free char *yaml = mem_printf("name: From %s\nfrom: %s\nlabel: Outreach\n"
                                      "window: {days: mon-sun, from: \"00:00\", to: \"24:00\"}\n"
                                      "steps:\n  - subject: Hello\n    text: Hi.\n",
                                      from, from);
    auto_free char *csv = mem_printf("email\n%s", people);
    struct said created = {0}, imported = {0}, started = {0};
    struct engine_import *import;
    auto_buf struct buf error = {0};
    uint64_t id;
    bool full;

    engine_campaign_create(rig.engine, "test.yaml", (struct bytes){yaml, strlen(yaml)}, rig_said,
                           &created);
    id = rig_good(&created);
    assert_int_equal(engine_import_new(rig.engine, id, NULL, NULL, &import, &error), 0);
    engine_import_feed(import, csv, strlen(csv), &full);
    engine_import_finish(import, rig_said, &imported);
    rig_good(&imported);
    engine_campaign_start(rig.engine, id, rig_said, &started);
    rig_good(&started);
    return id;
}

/* The message of the first step to the nth enrolment there ever was. */
static inline int32_t rig_state(uint64_t enrolment)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(message) message = {0};

    assert_int_equal(store_read(rig.store, &txn), 0);
    return store_message_get(txn, enrolment, 0, &message) < 0 ? 0 : message.state;
}

static inline bool rig_has_body(uint64_t enrolment)
{
    auto_read struct store_txn *txn = NULL;
    auto_buf struct buf sealed = {0};

    assert_int_equal(store_read(rig.store, &txn), 0);
    return store_body_get(txn, (struct message_ref){enrolment, 0}, &sealed) == 0;
}

/* How much work of a kind waits; kind 0: all. */
static inline int rig_work(uint64_t mailbox, int32_t kind)
{
    auto_read struct store_txn *txn = NULL;
    uint64_t id = 0;
    int count = 0;

    assert_int_equal(store_read(rig.store, &txn), 0);
    for (;;) {
        auto_record(work) work = {0};

        if (store_work_next(txn, mailbox, id, &work) < 0)
            return count;
        id = work.id;
        count += !kind || work.kind == kind;
    }
}
#endif
