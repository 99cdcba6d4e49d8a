/* fuzz/imap.c: what an IMAP server says, whole and in pieces; whole operations with it; cursors,
 * names, dates. */
#include "smtp-imap/cursor.h"
#include "smtp-imap/imap.h"
#include "smtp-imap/job.h"
#include "smtp-imap/mail.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what))                                                                               \
            abort();                                                                               \
    } while (0)

/* -- responses -----------------------------------------------------------------------------------
 */

static uint64_t hash;

static void mix(const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const unsigned char *)data)[i]) * 1099511628211u;
}

static void range(void *arg, uint64_t first, uint64_t last)
{
    (void)arg;
    CHECK(first <= last && last <= UINT32_MAX);
    mix(&first, sizeof(first));
    mix(&last, sizeof(last));
}

/* Every value lies in the response, and lists hold what is behind them. */
static void check_values(const struct imap_response *response, size_t size)
{
    CHECK(response->count <= IMAP_VALUES_MAX);
    for (uint32_t i = 0; i < response->count; i++) {
        const struct imap_value *value = &response->values[i];

        CHECK(value->next > i && value->next <= response->count);
        CHECK(value->type == IMAP_LIST || value->next == i + 1);
        if (value->type == IMAP_LIST)
            continue;
        CHECK(value->data >= response->raw && value->data + value->len <= response->raw + size);
        mix(value->data, value->len);
    }
}

static void check_fetch(const struct imap_response *response)
{
    struct imap_fetch fetch;
    struct imap_part parts[8];
    struct mail mail = {0};
    char type[64], report[64];
    static char *const names[] = {(char *)"from", (char *)"to", NULL};
    struct text kept = {0};

    if (imap_fetch_read(&fetch, response) < 0)
        return;
    CHECK(fetch.uid <= UINT32_MAX && fetch.flags < response->count + 1);
    mix(&fetch.uid, sizeof(fetch.uid));
    CHECK(imap_parts(response, fetch.structure, type, report, parts, 8) <= 8);
    mail_take(&mail, &fetch, response);
    mail_is_report(&mail);
    mail_headers(&kept, &mail.headers, names);
    CHECK(kept.len <= mail.headers.len);
    for (size_t i = 0; i < fetch.count; i++)
        mail_decode(&mail.report, i % 2 ? "base64" : "quoted-printable", fetch.bodies[i].data);
    text_free(&kept);
    mail_free(&mail);
}

static void check_response(struct rider_bytes whole)
{
    struct imap_response response;
    struct imap_folder folder;

    if (imap_response_read(&response, whole) == 0) {
        CHECK(response.tag && *response.tag);
        mix(response.tag, strlen(response.tag));
        mix(response.name, strlen(response.name));
        check_values(&response, whole.len + 1);
        check_fetch(&response);
        imap_search_each(&response, range, NULL);
        if (imap_folder_read(&folder, &response) == 0)
            free(folder.name);
    } else {
        mix("bad", 3);
    }
    imap_response_free(&response);
}

/* The bytes come `step` at a time; what was found must not depend on it. */
static uint64_t read_all(const uint8_t *data, size_t size, size_t step)
{
    struct imap_scan scan = {0};
    size_t at = 0, have = 0, len;

    hash = 14695981039346656037u;
    while (have < size || at < have) {
        char *copy; /* ASan sees who reads beyond what has come */
        int r;

        have = have + step < size ? have + step : size;
        copy = text_dup_len((const char *)data + at, have - at);
        r = imap_whole(&scan, (struct rider_bytes){copy, have - at}, &len);
        free(copy);
        while (r > 0) {
            CHECK(len && len <= have - at && data[at + len - 1] == '\n');
            check_response((struct rider_bytes){data + at, len});
            at += len;
            r = imap_whole(&scan, (struct rider_bytes){data + at, have - at}, &len);
        }
        if (r < 0) {
            mix("over", 4);
            break;
        }
        if (have == size)
            break;
    }
    return hash;
}

/* -- names, dates, cursors -----------------------------------------------------------------------
 */

static void check_texts(const char *data, size_t size)
{
    struct text out = {0}, again = {0};
    struct cursor cursor, same;
    struct mail_id id;
    char *line = text_dup_len(data, size);
    int64_t time = imap_time(data, size);

    if (imap_utf7_encode(&out, line)) {
        CHECK(imap_utf7_decode(&again, text_of(&out), out.len));
        CHECK(strcmp(text_of(&again), line) == 0);
    }
    out.len = again.len = 0;
    imap_utf7_decode(&out, data, size);
    out.len = 0;
    if (imap_quote(&out, line))
        CHECK(!strpbrk(out.data, "\r\n"));
    out.len = 0;
    imap_keyword(&out, line);
    CHECK(strcspn(out.data, " (){%*\"\\]\r\n") == out.len);
    imap_keyword_path(&again, out.data, out.len);
    CHECK(!*line || strcmp(text_of(&again), line) == 0);
    if (time > 0) {
        out.len = 0;
        imap_date(&out, time);
    }
    if (cursor_read(&cursor, (struct rider_bytes){data, size}) == 0) {
        out.len = 0;
        cursor_write(&cursor, &out);
        CHECK(cursor_read(&same, (struct rider_bytes){out.data, out.len}) == 0);
        CHECK(same.count == cursor.count);
        cursor_free(&same);
        cursor_free(&cursor);
    }
    if (mail_id_read(&id, line) == 0) {
        CHECK(id.validity && id.uid && *id.folder);
        free(id.folder);
    }
    text_free(&out);
    text_free(&again);
    free(line);
}

/* -- a whole operation ---------------------------------------------------------------------------
 */

static struct {
    struct rider_stream_events events;
    void *arg;
    bool there, open;
    unsigned ends, items;
    char tag[32];
    struct {
        void (*fire)(void *);
        void *arg;
    } timers[8];
} world;

static struct rider_stream *open_line(const struct rider_host *host,
                                      const struct rider_stream_request *request,
                                      const struct rider_stream_events *events, void *arg)
{
    (void)host, (void)request;
    CHECK(!world.there);
    world.events = *events;
    world.arg = arg;
    world.there = true;
    world.open = false;
    return (struct rider_stream *)(void *)&world;
}

static void use_line(struct rider_stream *stream, struct rider_op *op)
{
    (void)stream, (void)op;
}

/* Nothing but whole lines of ours leaves, without a stray CR or LF. */
static void write_line(struct rider_stream *stream, struct rider_bytes bytes, bool commits)
{
    const char *data = bytes.data, *space = memchr(data, ' ', bytes.len);

    (void)stream, (void)commits;
    CHECK(world.open);
    if (!space || space - data != 16)
        return;
    CHECK(data[bytes.len - 1] == '\n' && !memchr(data, '\r', bytes.len - 2));
    memcpy(world.tag, data, 16);
    world.tag[16] = '\0';
}

static void answered(struct rider_stream *stream)
{
    (void)stream;
}

static void close_line(struct rider_stream *stream)
{
    if (stream)
        world.there = world.open = false;
}

static void watched(struct rider_op *op, const struct rider_watched *what)
{
    (void)op, (void)what;
    world.ends++;
}

static void hint(const struct rider_host *host)
{
    (void)host;
}

static const void *extension(const struct rider_host *host, const char *id, size_t size)
{
    static const struct rider_streams streams = {.size = sizeof(streams),
                                                 .open = open_line,
                                                 .use = use_line,
                                                 .write = write_line,
                                                 .answered = answered,
                                                 .close = close_line};
    static const struct rider_push_host push = {
        .size = sizeof(push), .watch_done = watched, .hint = hint, .lost = hint};

    (void)host, (void)size;
    return strcmp(id, RIDER_PUSH) == 0 ? (const void *)&push : &streams;
}

static struct rider_timer *after(const struct rider_host *host, uint32_t ms, void (*fire)(void *),
                                 void *arg)
{
    (void)host, (void)ms;
    for (size_t i = 0; i < 8; i++) {
        if (!world.timers[i].fire) {
            world.timers[i].fire = fire;
            world.timers[i].arg = arg;
            return (struct rider_timer *)(void *)&world.timers[i];
        }
    }
    abort();
}

static void forget(struct rider_timer *timer)
{
    if (timer)
        memset((void *)timer, 0, sizeof(world.timers[0]));
}

static void fire_all(void)
{
    for (size_t i = 0; i < 8; i++) {
        void (*fire)(void *) = world.timers[i].fire;

        world.timers[i].fire = NULL;
        if (fire)
            fire(world.timers[i].arg);
    }
}

static int64_t wall_clock(const struct rider_host *host)
{
    (void)host;
    return INT64_C(1795282342000);
}

static void quiet(const struct rider_host *host, int level, const char *format, ...)
{
    (void)host, (void)level, (void)format;
}

static const char *config(const struct rider_host *host, const char *key)
{
    (void)host;
    return strcmp(key, "smtp") == 0   ? "smtps://a:1"
           : strcmp(key, "imap") == 0 ? "imaps://a:1"
                                      : NULL;
}

static struct rider_bytes recall(const struct rider_host *host, const char *key)
{
    (void)host, (void)key;
    return (struct rider_bytes){0};
}

static void remember(const struct rider_host *host, const char *key, struct rider_bytes bytes)
{
    (void)host, (void)key, (void)bytes;
}

static void failed(struct rider_op *op, const struct rider_failure *failure)
{
    (void)op;
    CHECK(failure->kind >= RIDER_TRANSIENT && failure->kind <= RIDER_BROKEN);
    for (const char *c = failure->detail; *c; c++)
        CHECK((unsigned char)*c >= 0x20);
    world.ends++;
}

static void sent(struct rider_op *op, const struct rider_sent *what)
{
    (void)op;
    CHECK(what->provider_id && what->state == RIDER_IS_SENT);
    world.ends++;
}

static void listed(struct rider_op *op, const struct rider_page *page)
{
    struct cursor cursor;

    (void)op;
    CHECK(cursor_read(&cursor, page->cursor) == 0);
    cursor_free(&cursor);
    world.ends++;
}

static void read_done(struct rider_op *op, const struct rider_body *body)
{
    (void)op;
    CHECK(body->text && strlen(body->text) <= 256 * 1024);
    world.ends++;
}

static void labelled(struct rider_op *op, const struct rider_labelled *what)
{
    (void)op, (void)what;
    world.ends++;
}

static void done(struct rider_op *op)
{
    (void)op;
    world.ends++;
}

static bool item(struct rider_op *op, const struct rider_reply *reply)
{
    struct mail_id id;

    (void)op;
    CHECK(mail_id_read(&id, reply->provider_id) == 0);
    free(id.folder);
    return world.items++ < 50;
}

static const struct rider_host host = {
    .size = sizeof(host),
    .log = quiet,
    .wall_clock = wall_clock,
    .monotonic = wall_clock,
    .config = config,
    .recall = recall,
    .remember = remember,
    .after = after,
    .forget = forget,
    .fail = failed,
    .send_done = sent,
    .list_done = listed,
    .read_done = read_done,
    .label_done = labelled,
    .done = done,
    .list_item = item,
    .extension = extension,
};

static void begin(struct rider_session *session, struct rider_op *op, unsigned which)
{
    static const char *const headers[] = {"From", "To", NULL};
    static const char *const ids[] = {"INBOX/7/4", NULL}, *const add[] = {"a/b", NULL};
    static const char cursor[] = "1 INBOX:7:4:9:0:0:0";
    const struct rider_provider *provider = rider_provider_v1();
    const struct rider_query query = {.size = sizeof(query),
                                      .cursor = {cursor, which == 1 ? sizeof(cursor) - 1 : 0},
                                      .limit = 20,
                                      .want = RIDER_WANT_REPORT | RIDER_WANT_LABELS,
                                      .headers = headers};
    const struct rider_message message = {.size = sizeof(message),
                                          .marker = "m",
                                          .message_id = "<m@a>",
                                          .rfc5322 = {"A: b\r\n\r\n", 8}};
    const struct rider_label_change change = {
        .size = sizeof(change), .provider_ids = ids, .add = add, .remove = ids + 1};
    const struct rider_watch watch = {.size = sizeof(watch)};
    const struct rider_push *push = provider->extension(RIDER_PUSH, sizeof(*push));

    if (which <= 1)
        provider->list(session, op, &query);
    else if (which == 2)
        provider->find(session, op, &message);
    else if (which == 3)
        provider->file(session, op, &message);
    else if (which == 4)
        provider->label(session, op, &change);
    else if (which == 5)
        provider->read(session, op, ids[0]);
    else
        push->watch(session, op, &watch);
}

/* A piece of what the server says; a byte of 1 is the tag it ought to know. */
static void say(const uint8_t *data, size_t len)
{
    struct text out = {0};

    for (size_t i = 0; i < len; i++) {
        if (data[i] == 1)
            text_str(&out, world.tag);
        else
            text_add(&out, &data[i], 1);
    }
    if (out.len)
        world.events.data(world.arg, (struct rider_bytes){out.data, out.len});
    text_free(&out);
}

/* The first byte says what is done. Pieces end behind a byte of 2; one of 3 lets timers fire. */
static void operate(const uint8_t *data, size_t size)
{
    const struct rider_mailbox mailbox = {
        .size = sizeof(mailbox), .address = "a@b.example", .access = RIDER_ACCESS_FULL};
    const struct rider_provider *provider = rider_provider_v1();
    const struct rider_failure why = {
        .size = sizeof(why), .kind = RIDER_TRANSIENT, .detail = "closed"};
    struct rider_failure refused;
    struct rider_session *session;
    struct rider_op op = {0};

    if (!size)
        return;
    memset(&world, 0, sizeof(world));
    session = provider->open(&host, &mailbox, &refused);
    begin(session, &op, *data % 7u);
    for (size_t at = 1, from = 1; at <= size && world.there; at++) {
        if (!world.open) {
            world.open = true;
            world.events.opened(world.arg);
        }
        if (at < size && data[at] != 2 && data[at] != 3)
            continue;
        if (world.there && at > from)
            say(data + from, at - from);
        if (at < size && data[at] == 3)
            fire_all();
        from = at + 1;
    }
    if (world.there && !world.ends) {
        world.there = world.open = false;
        world.events.closed(world.arg, &why);
    }
    if (!world.ends) /* a filing that waits */
        provider->cancel(session, &op);
    CHECK(world.ends == 1);
    provider->close(session);
    CHECK(!world.there);
    for (size_t i = 0; i < 8; i++)
        CHECK(!world.timers[i].fire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = read_all(data, size, size ? size : 1);

    CHECK(read_all(data, size, size < 512 ? 1 : 61) == whole);
    check_texts((const char *)data, size);
    operate(data, size);
    return 0;
}
