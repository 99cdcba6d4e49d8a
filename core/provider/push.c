/* provider/push.c: extension push/1: watching, and what a watch has to say. */
#include "provider/private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>

/* -- what the plugin offers ------------------------------------------------------------------- */
void push_read(struct generation *generation)
{
    const void *push = NULL;

    if (generation->table.extension)
        IN_PLUGIN(generation,
                  push = generation->table.extension(RIDER_PUSH, sizeof(struct rider_push)));
    if (!push || !COPY_STRUCT(&generation->push, (const struct rider_push *)push))
        generation->push = (struct rider_push){.size = 0};
}

static const struct rider_push *push_of(const struct provider_session *session)
{
    static const struct rider_push none = {.size = sizeof(none)};

    return session->seat ? &session->seat->generation->push : &none;
}

bool provider_session_pushes(const struct provider_session *session)
{
    return push_of(session)->watch != NULL;
}

void push_moved(struct provider_session *session)
{
    session_news(session, NEWS_LOST);
}

/* -- operations ------------------------------------------------------------------------------- */
static void no_push(struct provider_op *op)
{
    op_fail(op, RIDER_UNSUPPORTED, RIDER_MAILBOX, "this provider has no push");
}

struct provider_op *provider_watch(struct provider_session *session, const char *url,
                                   uint32_t timeout, provider_done_fn *done, void *arg)
{
    struct provider_op *op = op_begin(session, OP_WATCH, timeout, done, arg);
    struct seat *seat = op->seat;
    const struct rider_push *push = push_of(session);
    struct rider_watch watch = {.size = sizeof(watch), .url = arena_text(&op->arena, url)};

    if (push->watch)
        IN_PLUGIN(seat->generation, push->watch(seat->plugin, &op->op, &watch));
    else
        no_push(op);
    return op;
}

struct provider_op *provider_unwatch(struct provider_session *session, uint32_t timeout,
                                     provider_done_fn *done, void *arg)
{
    struct provider_op *op = op_begin(session, OP_UNWATCH, timeout, done, arg);
    struct seat *seat = op->seat;
    const struct rider_push *push = push_of(session);

    if (push->unwatch)
        IN_PLUGIN(seat->generation, push->unwatch(seat->plugin, &op->op));
    else
        no_push(op);
    return op;
}

/* What a plugin writes into may be longer in its header than in ours. */
union padded_answer {
    struct rider_notice_answer answer;
    char room[256];
};

int provider_notice(struct provider_session *session, const struct rider_notice *notice,
                    struct rider_notice_answer *answer_r)
{
    union padded_answer answer = {.answer = {.size = sizeof(struct rider_notice_answer)}};
    const struct rider_push *push = push_of(session);
    struct seat *seat = session->seat;

    if (!push->notice || session->closing)
        return -ENOTSUP;
    IN_PLUGIN(seat->generation, push->notice(seat->plugin, notice, &answer.answer));
    *answer_r = answer.answer;
    if (answer_r->status < 200 || answer_r->status > 599) {
        misdeeds.made_no_sense++;
        seat_log(seat, LOG_LEVEL_WARN, "the plugin answered a notice with status %d",
                 (int)answer_r->status);
        answer_r->status = 500;
        answer_r->body = (struct rider_bytes){NULL, 0};
    }
    return 0;
}

/* -- what the plugin says --------------------------------------------------------------------- */
static struct seat *seat_of(const struct rider_host *host)
{
    return (struct seat *)(uintptr_t)host;
}

/* Also from a generation that drains: listing once too often does no harm. */
static void host_hint(const struct rider_host *host)
{
    const struct seat *seat = seat_of(host);

    if (seat->session)
        session_news(seat->session, NEWS_HINT);
}

static void host_lost(const struct rider_host *host)
{
    const struct seat *seat = seat_of(host);

    if (seat->session && seat->session->seat == seat)
        session_news(seat->session, NEWS_LOST);
}

const struct rider_push_host push_host = {
    .size = sizeof(struct rider_push_host),
    .watch_done = host_watch_done,
    .hint = host_hint,
    .lost = host_lost,
};
