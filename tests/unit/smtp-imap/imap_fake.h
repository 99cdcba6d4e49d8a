/* unit/smtp-imap/imap_fake.h: a rider_host whose streams lead to a scripted IMAP server.
 *
 * Each command must be the next that was foreseen. In a reply $T is the command's tag,
 * and $<bytes$> a literal. */
#ifndef UNIT_IMAP_FAKE_H
#define UNIT_IMAP_FAKE_H
#include "smtp-imap/imap.h"
#include "smtp-imap/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NOW INT64_C(1795282342000) /* 2026-11-21T17:32:22Z */
#define CAPS "IMAP4rev1 LITERAL+ IDLE CONDSTORE ESEARCH UIDPLUS SPECIAL-USE LIST-EXTENDED"

enum {
    ENDED_NOT,
    ENDED_FAIL,
    ENDED_IDENTITY,
    ENDED_SENT,
    ENDED_LIST,
    ENDED_READ,
    ENDED_LABEL,
    ENDED_DONE,
    ENDED_WATCH
};
struct foreseen {
    const char *command, *reply; /* command: how it begins, behind the tag */
};
struct rider_stream {
    struct fake *fake;
    struct rider_stream_events events;
    void *arg;
    char *url;
    struct rider_op *op;
    bool opened, closed;
    struct text in, out; /* written by the plugin and not read yet; to be given to it */
    char tag[64];
    size_t literal; /* bytes of one that still come */
};
struct fake_timer {
    void (*fire)(void *);
    void *arg;
    uint32_t delay;
};
struct fake {
    struct rider_host host;
    const struct rider_provider *provider;
    struct rider_session *session;
    struct rider_op op;
    const char *const *config;
    struct rider_stream *streams[8];
    size_t stream_count;
    struct fake_timer timers[16];
    struct foreseen script[64];
    size_t foreseen, asked;
    size_t piece; /* replies come in pieces of so many bytes; 0: whole */
    const char *refuse;
    struct text literal, memory;
    bool committed;
    int ended, times, hints, losses;
    int32_t kind, scope, how, state;
    uint32_t holds;
    bool final, more;
    char *detail, *id, *message_id, *cursor, *text;
    size_t cursor_len;
    struct text items;
    size_t take;
};
static struct fake *fake_now;

static inline void fake_set(char **slot, const char *value)
{
    free(*slot);
    *slot = text_dup(value);
}

static inline void fake_end(struct rider_op *op, int how)
{
    assert_ptr_equal(op, &fake_now->op);
    fake_now->ended = how;
    fake_now->times++;
}

/* ---- streams ----------------------------------------------------------------------------------
 */

static inline void fake_reply(struct rider_stream *stream, const char *reply)
{
    for (; *reply; reply++) {
        if (reply[0] == '$' && reply[1] == 'T') {
            text_str(&stream->out, stream->tag);
            reply++;
        } else if (reply[0] == '$' && reply[1] == '<') {
            const char *end = strstr(reply, "$>");

            text_printf(&stream->out, "{%zu}\r\n", (size_t)(end - reply - 2));
            text_add(&stream->out, reply + 2, (size_t)(end - reply - 2));
            reply = end + 1;
        } else {
            text_add(&stream->out, reply, 1);
        }
    }
}

static inline struct rider_stream *fake_open(const struct rider_host *host,
                                             const struct rider_stream_request *request,
                                             const struct rider_stream_events *events, void *arg)
{
    struct rider_stream *stream = text_alloc(sizeof(*stream));

    (void)host;
    stream->fake = fake_now;
    stream->events = *events;
    stream->arg = arg;
    stream->url = text_dup(request->url);
    stream->op = request->op;
    assert_true(fake_now->stream_count < 8);
    fake_now->streams[fake_now->stream_count++] = stream;
    return stream;
}

static inline void fake_use(struct rider_stream *stream, struct rider_op *op)
{
    stream->op = op;
}

static inline void fake_command(struct rider_stream *stream, char *line)
{
    struct fake *fake = stream->fake;
    char *space = strchr(line, ' ');
    const char *command = line, *brace = strrchr(line, '{');

    if (strcmp(line, "DONE") != 0 && strncmp(stream->url, "imap", 4) == 0) {
        assert_non_null(space);
        assert_true((size_t)(space - line) >= 16 && (size_t)(space - line) < sizeof(stream->tag));
        assert_int_not_equal(strncmp(stream->tag, line, (size_t)(space - line)), 0); /* a new one */
        memcpy(stream->tag, line, (size_t)(space - line));
        stream->tag[space - line] = '\0';
        command = space + 1;
    }
    if (fake->asked >= fake->foreseen)
        fail_msg("said %s, nothing was foreseen", command);
    if (strncmp(command, fake->script[fake->asked].command,
                strlen(fake->script[fake->asked].command)) != 0)
        fail_msg("said %s, foreseen %s", command, fake->script[fake->asked].command);
    if (brace && line[strlen(line) - 1] == '}') {
        stream->literal = strtoul(brace + 1, NULL, 10) + 2;
        if (!strchr(brace, '+'))
            fake_reply(stream, "+ go on\r\n");
        return;
    }
    fake_reply(stream, fake->script[fake->asked++].reply);
}

static inline void fake_write(struct rider_stream *stream, struct rider_bytes bytes, bool commits)
{
    struct fake *fake = stream->fake;
    const char *at = bytes.data, *end = at + bytes.len;

    assert_true(stream->opened && !stream->closed);
    fake->committed |= commits;
    while (at < end) {
        if (stream->literal) {
            text_add(&fake->literal, at++, 1);
            if (!--stream->literal) {
                fake->literal.len -= 2;
                fake->literal.data[fake->literal.len] = '\0';
                fake_reply(stream, fake->script[fake->asked++].reply);
            }
        } else if (*at == '\n') {
            stream->in.data[stream->in.len - 1] = '\0'; /* the CR */
            fake_command(stream, stream->in.data);
            stream->in.len = 0;
            at++;
        } else {
            text_add(&stream->in, at++, 1);
        }
    }
}

static inline void fake_answered(struct rider_stream *stream)
{
    assert_true(stream->fake->committed);
    stream->fake->committed = false;
}

static inline void fake_close(struct rider_stream *stream)
{
    if (stream)
        stream->closed = true;
}

/* The line breaks. */
static inline void fake_break(struct rider_stream *stream, int32_t kind, const char *detail)
{
    const struct rider_failure why = {.size = sizeof(why),
                                      .kind = kind,
                                      .scope = RIDER_MAILBOX,
                                      .retry_after = -1,
                                      .detail = detail};

    assert_false(stream->closed);
    stream->closed = true;
    stream->events.closed(stream->arg, &why);
}

/* Gives one stream what waits for it. false: nothing did. */
static inline bool fake_turn(struct rider_stream *stream)
{
    struct fake *fake = stream->fake;
    struct text out = stream->out;

    if (stream->closed)
        return false;
    if (!stream->opened) {
        if (fake->refuse) {
            fake_break(stream, RIDER_AUTH, fake->refuse);
            return true;
        }
        stream->opened = true;
        stream->events.opened(stream->arg);
        return true;
    }
    if (!out.len)
        return false;
    stream->out = (struct text){0};
    for (size_t at = 0; at < out.len && !stream->closed;) {
        size_t len = fake->piece && fake->piece < out.len - at ? fake->piece : out.len - at;
        char *copy = text_dup_len(out.data + at, len); /* so that ASan sees who reads further */

        stream->events.data(stream->arg, (struct rider_bytes){copy, len});
        free(copy);
        at += len;
    }
    text_free(&out);
    return true;
}

static inline void fake_pump(struct fake *fake)
{
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < fake->stream_count; i++)
            more |= fake_turn(fake->streams[i]);
    }
}

static inline struct rider_stream *fake_line(struct fake *fake)
{
    for (size_t i = fake->stream_count; i > 0; i--) {
        if (!fake->streams[i - 1]->closed)
            return fake->streams[i - 1];
    }
    return NULL;
}

/* ---- the host ---------------------------------------------------------------------------------
 */

static inline void fake_log(const struct rider_host *host, int level, const char *format, ...)
{
    (void)host, (void)level, (void)format;
}

static inline int64_t fake_wall(const struct rider_host *host)
{
    (void)host;
    return NOW;
}

static inline const char *fake_config(const struct rider_host *host, const char *key)
{
    (void)host;
    for (const char *const *at = fake_now->config; at && *at; at += 2) {
        if (strcmp(*at, key) == 0)
            return at[1];
    }
    if (strcmp(key, "imap") == 0)
        return "imaps://mail.acme.example:993";
    return strcmp(key, "smtp") == 0 ? "smtps://mail.acme.example:465" : NULL;
}

static inline struct rider_bytes fake_recall(const struct rider_host *host, const char *key)
{
    (void)host, (void)key;
    return (struct rider_bytes){fake_now->memory.data, fake_now->memory.len};
}

static inline void fake_remember(const struct rider_host *host, const char *key,
                                 struct rider_bytes bytes)
{
    (void)host, (void)key;
    fake_now->memory.len = 0;
    text_add(&fake_now->memory, bytes.data, bytes.len);
}

static inline struct rider_timer *fake_after(const struct rider_host *host, uint32_t delay,
                                             void (*fire)(void *), void *arg)
{
    (void)host;
    for (size_t i = 0; i < 16; i++) {
        if (!fake_now->timers[i].fire) {
            fake_now->timers[i] = (struct fake_timer){fire, arg, delay};
            return (struct rider_timer *)(void *)&fake_now->timers[i];
        }
    }
    fail_msg("too many timers");
    return NULL;
}

static inline void fake_forget(struct rider_timer *timer)
{
    if (timer)
        ((struct fake_timer *)(void *)timer)->fire = NULL;
}

/* Fires the timers of up to that delay. */
static inline void fake_time(struct fake *fake, uint32_t delay)
{
    struct fake_timer due[16];

    memcpy(due, fake->timers, sizeof(due));
    for (size_t i = 0; i < 16; i++) {
        if (due[i].fire && due[i].delay <= delay) {
            fake->timers[i].fire = NULL;
            due[i].fire(due[i].arg);
        }
    }
}

static inline void fake_watched(struct rider_op *op, const struct rider_watched *watched)
{
    (void)watched;
    fake_end(op, ENDED_WATCH);
}

static inline void fake_hint(const struct rider_host *host)
{
    (void)host;
    fake_now->hints++;
}

static inline void fake_lost(const struct rider_host *host)
{
    (void)host;
    fake_now->losses++;
}

static inline const void *fake_extension(const struct rider_host *host, const char *id, size_t size)
{
    static const struct rider_streams streams = {.size = sizeof(streams),
                                                 .open = fake_open,
                                                 .use = fake_use,
                                                 .write = fake_write,
                                                 .answered = fake_answered,
                                                 .close = fake_close};
    static const struct rider_push_host push = {
        .size = sizeof(push), .watch_done = fake_watched, .hint = fake_hint, .lost = fake_lost};

    (void)host, (void)size;
    if (strcmp(id, RIDER_PUSH) == 0)
        return &push;
    return strcmp(id, RIDER_STREAM) == 0 ? &streams : NULL;
}

static inline void fake_fail(struct rider_op *op, const struct rider_failure *failure)
{
    fake_end(op, ENDED_FAIL);
    fake_now->kind = failure->kind;
    fake_now->scope = failure->scope;
    fake_now->holds = failure->holds;
    fake_set(&fake_now->detail, failure->detail);
    assert_non_null(failure->detail);
}

static inline void fake_identity(struct rider_op *op, const struct rider_identity *identity)
{
    fake_end(op, ENDED_IDENTITY);
    fake_set(&fake_now->id, identity->address);
}

static inline void fake_sent(struct rider_op *op, const struct rider_sent *sent)
{
    fake_end(op, ENDED_SENT);
    fake_now->state = sent->state;
    fake_now->final = sent->final;
    fake_set(&fake_now->id, sent->provider_id);
    fake_set(&fake_now->message_id, sent->message_id);
}

static inline void fake_listed(struct rider_op *op, const struct rider_page *page)
{
    fake_end(op, ENDED_LIST);
    fake_now->more = page->more;
    free(fake_now->cursor);
    fake_now->cursor = text_dup_len(page->cursor.data, page->cursor.len);
    fake_now->cursor_len = page->cursor.len;
}

static inline void fake_body(struct rider_op *op, const struct rider_body *body)
{
    fake_end(op, ENDED_READ);
    fake_set(&fake_now->text, body->text);
}

static inline void fake_labelled(struct rider_op *op, const struct rider_labelled *labelled)
{
    fake_end(op, ENDED_LABEL);
    fake_now->how = labelled->how;
}

static inline void fake_done(struct rider_op *op)
{
    fake_end(op, ENDED_DONE);
}

static inline bool fake_item(struct rider_op *op, const struct rider_reply *reply)
{
    struct text *out = &fake_now->items;

    assert_ptr_equal(op, &fake_now->op);
    if (!fake_now->take)
        return false;
    fake_now->take--;
    text_printf(out, "%d/%d %s %lld [%.*s]", reply->change, reply->where, reply->provider_id,
                (long long)reply->received, (int)reply->headers.len,
                (const char *)reply->headers.data);
    for (const char *const *label = reply->labels; label && *label; label++)
        text_printf(out, " #%s", *label);
    if (reply->report_type)
        text_printf(out, " %s {%.*s} {%.*s}", reply->report_type, (int)reply->report.len,
                    (const char *)reply->report.data, (int)reply->returned.len,
                    (const char *)reply->returned.data);
    text_str(out, "\n");
    return true;
}

static inline void fake_init(struct fake *fake, int32_t access, const char *const *config)
{
    const struct rider_mailbox mailbox = {
        .size = sizeof(mailbox), .address = "ana@acme.example", .access = access};
    struct rider_failure why = {0};

    *fake = (struct fake){
        .host = {.size = sizeof(fake->host),
                 .log = fake_log,
                 .wall_clock = fake_wall,
                 .monotonic = fake_wall,
                 .config = fake_config,
                 .recall = fake_recall,
                 .remember = fake_remember,
                 .after = fake_after,
                 .forget = fake_forget,
                 .fail = fake_fail,
                 .identify_done = fake_identity,
                 .send_done = fake_sent,
                 .list_done = fake_listed,
                 .read_done = fake_body,
                 .label_done = fake_labelled,
                 .done = fake_done,
                 .list_item = fake_item,
                 .extension = fake_extension},
        .provider = rider_provider_v1(),
        .config = config,
        .take = 1000,
    };
    fake_now = fake;
    fake->session = fake->provider->open(&fake->host, &mailbox, &why);
    assert_non_null(fake->session);
}

static inline void fake_finish(struct fake *fake)
{
    assert_null(fake->session->jobs);
    fake->provider->close(fake->session);
    for (size_t i = 0; i < 16; i++)
        assert_null(fake->timers[i].fire);
    for (size_t i = 0; i < fake->stream_count; i++) {
        struct rider_stream *stream = fake->streams[i];

        assert_true(stream->closed);
        text_free(&stream->in);
        text_free(&stream->out);
        free(stream->url);
        free(stream);
    }
    free(fake->detail);
    free(fake->id);
    free(fake->message_id);
    free(fake->cursor);
    free(fake->text);
    text_free(&fake->items);
    text_free(&fake->literal);
    text_free(&fake->memory);
}

static inline void foresee(struct fake *fake, const char *command, const char *reply)
{
    assert_true(fake->foreseen < 64);
    fake->script[fake->foreseen++] = (struct foreseen){command, reply};
}

/* What a new line begins with. */
static inline void foresee_start(struct fake *fake)
{
    foresee(fake, "CAPABILITY",
            "A1 OK [CAPABILITY X] the end of a login\r\n"
            "* CAPABILITY " CAPS "\r\n$T OK done\r\n");
    foresee(fake, "LIST \"\" \"*\" RETURN (SPECIAL-USE)",
            "* LIST (\\HasNoChildren) \"/\" INBOX\r\n"
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent Items\"\r\n"
            "* LIST (\\Junk) \"/\" {4}\r\nJunk\r\n"
            "* LIST (\\Trash) \"/\" Trash\r\n$T OK done\r\n");
}

/* Before an operation: forgets how the last one ended. */
static inline struct rider_op *again(struct fake *fake)
{
    fake->ended = ENDED_NOT;
    fake->times = 0;
    fake->items.len = 0;
    text_str(&fake->items, "");
    fake->kind = fake->scope = 0;
    fake->foreseen = fake->asked = 0;
    fake->op = (struct rider_op){0};
    return &fake->op;
}

/* Lets it run: all that was foreseen must have been said, and there is one end. */
static inline void run(struct fake *fake)
{
    fake_pump(fake);
    if (fake->ended == ENDED_FAIL && fake->asked < fake->foreseen)
        fail_msg("failed: %s", fake->detail);
    assert_int_equal(fake->asked, fake->foreseen);
    assert_int_equal(fake->times, 1);
}
#endif
