/* unit/smtp-imap/smtp_fake.h: a host whose lines are ours to speak on, and one mail. */
#ifndef UNIT_SMTP_FAKE_H
#define UNIT_SMTP_FAKE_H
#include "smtp-imap/plugin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { OPS = 4 };
struct fake_end { /* how an operation ended */
    unsigned times;
    int32_t kind, scope, code; /* kind 0: sent */
    uint32_t holds;
    int64_t retry_after;
    char detail[400], status[16], message_id[64];
};
struct fake {
    struct rider_host host;
    struct rider_session session;
    struct rider_op ops[OPS];
    struct fake_end ends[OPS];
    /* the line */
    struct rider_stream_events events;
    void *arg;
    bool there, open;
    unsigned opened, closed, answered;
    struct rider_op *user;
    struct text out; /* what was written since it was last looked at; "[!]" before
                        what commits */
    /* the timer */
    void (*fire)(void *);
    void *fire_arg;
    uint32_t delay;
    char log[400];
    int64_t now; /* monotonic */
};
static struct fake fake;

#define A_MAIL "Subject: Hello Bo\r\n\r\nHi\r\n.\r\nBye\r\n"
static const struct rider_message a_mail = {
    .size = sizeof(a_mail),
    .marker = "abc2345",
    .message_id = "abc2345@acme.example",
    .from = "ana@acme.example",
    .to = "bo@b.example",
    .rfc5322 = {A_MAIL, sizeof(A_MAIL) - 1},
    .subject = "Hello Bo",
};

/* -- the host
 * ------------------------------------------------------------------------------------
 */

static struct rider_stream *fake_stream(void)
{
    static int there;

    return (struct rider_stream *)(void *)&there;
}

static struct rider_stream *fake_open(const struct rider_host *host,
                                      const struct rider_stream_request *request,
                                      const struct rider_stream_events *events, void *arg)
{
    assert_ptr_equal(host, &fake.host);
    assert_string_equal(request->url, "smtps://mail.acme.example:465");
    assert_false(fake.there); /* one line a mailbox */
    fake.events = *events;
    fake.arg = arg;
    fake.there = true;
    fake.open = false;
    fake.opened++;
    fake.user = request->op;
    fake.out.len = 0;
    return fake_stream();
}

static void fake_use(struct rider_stream *stream, struct rider_op *op)
{
    assert_ptr_equal(stream, fake_stream());
    fake.user = op;
}

static void fake_write(struct rider_stream *stream, struct rider_bytes bytes, bool commits)
{
    assert_ptr_equal(stream, fake_stream());
    assert_true(fake.open);
    if (commits)
        text_str(&fake.out, "[!]");
    text_add(&fake.out, bytes.data, bytes.len);
}

static void fake_answered(struct rider_stream *stream)
{
    assert_ptr_equal(stream, fake_stream());
    fake.answered++;
}

static void fake_hold(struct rider_stream *stream, bool hold)
{
    (void)stream, (void)hold;
}

static void fake_close(struct rider_stream *stream)
{
    if (stream)
        fake.closed++;
    if (stream)
        fake.there = fake.open = false;
}

static const void *fake_extension(const struct rider_host *host, const char *id, size_t min_size)
{
    static const struct rider_streams streams = {.size = sizeof(streams),
                                                 .open = fake_open,
                                                 .use = fake_use,
                                                 .write = fake_write,
                                                 .answered = fake_answered,
                                                 .hold = fake_hold,
                                                 .close = fake_close};

    (void)host, (void)min_size;
    return strcmp(id, RIDER_STREAM) == 0 ? &streams : NULL;
}

static struct rider_timer *fake_after(const struct rider_host *host, uint32_t delay,
                                      void (*fire)(void *), void *arg)
{
    (void)host;
    assert_null(fake.fire);
    fake.fire = fire;
    fake.fire_arg = arg;
    fake.delay = delay;
    return (struct rider_timer *)(void *)&fake.delay;
}

static int64_t fake_monotonic(const struct rider_host *host)
{
    (void)host;
    return fake.now;
}

static void fake_forget(struct rider_timer *timer)
{
    if (timer)
        fake.fire = NULL;
}

__attribute__((format(printf, 3, 4))) static void fake_log(const struct rider_host *host, int level,
                                                           const char *format, ...)
{
    va_list args;

    (void)host, (void)level;
    va_start(args, format);
    vsnprintf(fake.log, sizeof(fake.log), format, args);
    va_end(args);
}

static struct fake_end *fake_end_of(struct rider_op *op)
{
    struct fake_end *end = &fake.ends[op - fake.ops];

    end->times++;
    return end;
}

static void fake_fail(struct rider_op *op, const struct rider_failure *failure)
{
    struct fake_end *end = fake_end_of(op);

    end->kind = failure->kind;
    end->scope = failure->scope;
    end->code = failure->code;
    end->holds = failure->holds;
    end->retry_after = failure->retry_after;
    snprintf(end->detail, sizeof(end->detail), "%s", failure->detail);
    snprintf(end->status, sizeof(end->status), "%s", failure->status ? failure->status : "");
}

static void fake_sent(struct rider_op *op, const struct rider_sent *sent)
{
    struct fake_end *end = fake_end_of(op);

    assert_int_equal(sent->state, RIDER_IS_SENT);
    assert_true(sent->final);
    end->kind = 0;
    snprintf(end->message_id, sizeof(end->message_id), "%s", sent->message_id);
}

/* -- what the tests say
 * --------------------------------------------------------------------------
 */

static void fake_begin(void)
{
    memset(&fake, 0, sizeof(fake));
    fake.host = (struct rider_host){.size = sizeof(fake.host),
                                    .log = fake_log,
                                    .monotonic = fake_monotonic,
                                    .after = fake_after,
                                    .forget = fake_forget,
                                    .fail = fake_fail,
                                    .send_done = fake_sent,
                                    .extension = fake_extension};
    fake.session.host = &fake.host;
    fake.now = 1000;
    fake.session.address = (char *)(size_t) "ana@acme.example";
    fake.session.smtp_url = (char *)(size_t) "smtps://mail.acme.example:465";
}

static void fake_finish(void)
{
    smtp_finish(&fake.session);
    assert_false(fake.there);
    assert_null(fake.fire);
    text_free(&fake.out);
}

static inline void opens(void)
{
    assert_true(fake.there);
    fake.open = true;
    fake.events.opened(fake.arg);
}

static inline void says(const char *text)
{
    assert_true(fake.open);
    fake.events.data(fake.arg, (struct rider_bytes){text, strlen(text)});
}

static inline void hangs_up(int32_t kind)
{
    struct rider_failure why = {.size = sizeof(why),
                                .kind = kind,
                                .scope = RIDER_MAILBOX,
                                .retry_after = -1,
                                .detail = "the server closed it"};

    fake.there = fake.open = false;
    fake.events.closed(fake.arg, &why);
}

static inline void fires(uint32_t delay)
{
    void (*fire)(void *) = fake.fire;

    assert_non_null(fire);
    assert_int_equal(fake.delay, delay);
    fake.fire = NULL;
    fire(fake.fire_arg);
}

#define HEARD(text)                                                                                \
    do {                                                                                           \
        assert_string_equal(text_of(&fake.out), text);                                             \
        text_free(&fake.out);                                                                      \
    } while (0)

static inline void sends(unsigned op, const struct rider_message *message)
{
    memset(&fake.ends[op], 0, sizeof(fake.ends[op]));
    smtp_send(&fake.session, &fake.ops[op], message);
}

static inline void ended(unsigned op, int32_t kind, int32_t scope)
{
    const struct fake_end *end = &fake.ends[op];

    if (end->times != 1 || end->kind != kind || (kind && end->scope != scope))
        fail_msg("ended %u times with kind %d, scope %d: %s", end->times, end->kind, end->scope,
                 end->detail);
}
#endif
