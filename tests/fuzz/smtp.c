/* fuzz/smtp.c: what an SMTP server says, read whole and in pieces, and a whole conversation with
 * it; a mail's content and addresses on their way out. */
#include "smtp-imap/smtp_mail.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what))                                                                               \
            abort();                                                                               \
    } while (0)

/* -- replies -------------------------------------------------------------------------------------
 */

static void check_text(const char *text, size_t len)
{
    CHECK(strlen(text) == len);
    for (size_t i = 0; i < len; i++)
        CHECK(text[i] == '\n' || ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f));
}

static void check_reply(const struct smtp_reply *reply)
{
    struct smtp_offers offers;
    struct failure why;

    CHECK(reply->code >= 200 && reply->code <= 599);
    CHECK(!reply->status[0] || reply->status[0] - '0' == reply->code / 100);
    check_text(reply->text, reply->len);
    smtp_offers_read(reply, &offers);
    for (enum smtp_phase phase = SMTP_AT_EHLO; phase <= SMTP_AT_DOT; phase++) {
        const struct rider_failure *failure = &why.failure;

        smtp_failure_read(&why, phase, reply, "Hello Bo");
        check_text(why.detail, strlen(why.detail));
        CHECK(!strchr(why.detail, '@') && !strcasestr(why.detail, "hello bo"));
        CHECK((failure->kind == RIDER_UNCERTAIN) ==
              (phase == SMTP_AT_DOT && (reply->code < 400 || reply->code == 421)));
        CHECK((failure->holds != 0) == (failure->scope == RIDER_MAILBOX));
        CHECK(failure->kind != RIDER_THROTTLED || failure->retry_after >= 1000);
        CHECK(failure->retry_after <= 86400000);
        /* nobody's enrolment fails for what is the mailbox's trouble, nor before RCPT */
        CHECK(phase >= SMTP_AT_RCPT || failure->scope != RIDER_RECIPIENT);
    }
}

/* Reads it all in pieces of `step` bytes; a hash of what was found. */
static uint64_t read_all(const uint8_t *data, size_t size, size_t step)
{
    static struct smtp_reader reader;
    uint64_t hash = 14695981039346656037u;
    enum smtp_read got = SMTP_MORE;

    memset(&reader, 0, sizeof(reader));
    while (size && got != SMTP_BROKEN) {
        size_t piece = step < size ? step : size, used;

        got = smtp_read(&reader, data, piece, &used);
        CHECK(used <= piece && (used == piece || got != SMTP_MORE) && (used || !piece));
        data += used;
        size -= used;
        if (got == SMTP_WHOLE) {
            check_reply(&reader.reply);
            for (const char *c = reader.reply.text; *c; c++)
                hash = (hash ^ (unsigned char)*c) * 1099511628211u;
            hash = (hash ^ (uint64_t)reader.reply.code) * 1099511628211u;
        }
    }
    return hash + (uint64_t)got;
}

/* -- content and addresses -----------------------------------------------------------------------
 */

static void check_content(const char *data, size_t size)
{
    struct text out = {0};
    bool start = true;

    smtp_content(&out, (struct rider_bytes){data, size});
    CHECK(!size == !out.len);
    for (size_t i = 0; i < out.len; i++) {
        char c = out.data[i];

        CHECK(c != '\n' || (i && out.data[i - 1] == '\r'));
        CHECK(c != '\r' || (i + 1 < out.len && out.data[i + 1] == '\n'));
        CHECK(!start || c != '.' || out.data[i + 1] == '.'); /* a dot alone would end it */
        start = c == '\n';
    }
    CHECK(!out.len || start);
    text_free(&out);
}

static void check_address(const char *data, size_t size)
{
    char *address = text_dup_len(data, size < 300 ? size : 300);
    struct rider_message mail = {.size = sizeof(mail),
                                 .marker = address,
                                 .from = "ana@acme.example",
                                 .to = address,
                                 .rfc5322 = {"a\r\n", 3}};
    static const struct smtp_offers all = {true, true, true, true, 1000};
    struct failure why;
    struct text out = {0};

    smtp_mail_from(&out, &mail, &all); /* any marker */
    CHECK(strpbrk(out.data, "\r\n") == out.data + out.len - 2);
    out.len = 0;
    if (smtp_mail_is_sound(&mail, &why)) {
        smtp_rcpt_to(&out, &mail, &all);
        CHECK(strpbrk(out.data, "\r\n") == out.data + out.len - 2);
        CHECK(!strncmp(out.data + 9, address, strlen(address)));
    }
    text_free(&out);
    free(address);
}

/* -- a conversation ------------------------------------------------------------------------------
 */

static struct {
    struct rider_stream_events events;
    void *arg;
    bool open, there;
    unsigned opened, commits, answers, ends;
    int32_t kind;
} line;

static struct rider_stream *line_new(const struct rider_host *host,
                                     const struct rider_stream_request *request,
                                     const struct rider_stream_events *events, void *arg)
{
    (void)host, (void)request;
    CHECK(!line.there);
    line.events = *events;
    line.arg = arg;
    line.there = true;
    line.open = false;
    line.opened++;
    return (struct rider_stream *)(void *)&line;
}

static void line_op(struct rider_stream *stream, struct rider_op *op)
{
    (void)stream, (void)op;
}

static void line_put(struct rider_stream *stream, struct rider_bytes bytes, bool commits)
{
    (void)stream;
    CHECK(line.open);
    if (!commits)
        return;
    CHECK(bytes.len == 3 && memcmp(bytes.data, ".\r\n", 3) == 0);
    line.commits++;
}

static void line_read(struct rider_stream *stream)
{
    (void)stream;
    line.answers++;
    CHECK(line.answers <= line.commits);
}

static void line_hold(struct rider_stream *stream, bool hold)
{
    (void)stream, (void)hold;
}

static void line_close(struct rider_stream *stream)
{
    if (stream)
        line.there = line.open = false;
}

static const void *extension(const struct rider_host *host, const char *id, size_t size)
{
    static const struct rider_streams streams = {sizeof(streams), line_new,  line_op,   line_put,
                                                 line_read,       line_hold, line_close};

    (void)host, (void)id, (void)size;
    return &streams;
}

static struct rider_timer *after(const struct rider_host *host, uint32_t ms, void (*fire)(void *),
                                 void *arg)
{
    (void)host, (void)ms, (void)fire, (void)arg;
    return (struct rider_timer *)(void *)&line;
}

static int64_t monotonic(const struct rider_host *host)
{
    (void)host;
    return 1;
}

static void forget(struct rider_timer *timer)
{
    (void)timer;
}

static void quiet(const struct rider_host *host, int level, const char *format, ...)
{
    (void)host, (void)level, (void)format;
}

static void failed(struct rider_op *op, const struct rider_failure *failure)
{
    (void)op;
    line.ends++;
    line.kind = failure->kind;
}

static void sent(struct rider_op *op, const struct rider_sent *what)
{
    (void)op, (void)what;
    line.ends++;
    line.kind = 0;
    CHECK(line.commits == 1 && line.answers == 1);
}

/* What the server says comes in pieces as long as their first byte says. */
static void converse(const uint8_t *data, size_t size)
{
    static const struct rider_host host = {.size = sizeof(host),
                                           .log = quiet,
                                           .monotonic = monotonic,
                                           .after = after,
                                           .forget = forget,
                                           .fail = failed,
                                           .send_done = sent,
                                           .extension = extension};
    static char url[] = "smtps://mail.acme.example:465";
    struct rider_session session = {.host = &host, .smtp_url = url};
    struct rider_message mail = {.size = sizeof(mail),
                                 .marker = "abc",
                                 .from = "ana@acme.example",
                                 .to = "bo@b.example",
                                 .rfc5322 = {"a\r\n.\r\n", 6}};
    struct rider_op op = {0};
    bool lost;

    memset(&line, 0, sizeof(line));
    smtp_send(&session, &op, &mail);
    while (size && !line.ends) {
        size_t piece = *data++;

        size--;
        piece = piece < size ? piece : size;
        if (!line.open) {
            line.open = true;
            line.events.opened(line.arg);
        }
        if (piece)
            line.events.data(line.arg, (struct rider_bytes){data, piece});
        data += piece;
        size -= piece;
    }
    CHECK(line.opened == 1);
    lost = !line.ends;
    if (lost) { /* of a dot that had left the host makes UNCERTAIN */
        line.there = line.open = false;
        line.events.closed(line.arg, NULL);
    }
    CHECK(line.ends == 1 && line.commits <= 1);
    /* a dot that was written and not answered is never called TRANSIENT by us */
    CHECK(line.kind != RIDER_UNCERTAIN || line.commits > line.answers);
    CHECK(line.commits == line.answers || line.kind == RIDER_UNCERTAIN || lost);
    smtp_finish(&session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size ? (const char *)data : "";

    CHECK(read_all(data, size, size ? size : 1) == read_all(data, size, 1));
    CHECK(read_all(data, size, 3) == read_all(data, size, 61));
    check_content(text, size);
    check_address(text, size);
    converse(data, size);
    return 0;
}
