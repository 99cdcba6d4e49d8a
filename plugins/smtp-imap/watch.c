/* smtp-imap/watch.c: push by IDLE (RFC 2177), on a line of its own, one a mailbox.
 *
 * A hint is given for whatever is new in INBOX; the host lists. IDLE is begun anew every few
 * minutes: servers may end it after 30, and Gmail after some ten. */
#include "imap.h"

#include <stdlib.h>
#include <string.h>

enum {
    RENEW_LEAST = 9 * 60000,
    RENEW_SPREAD = 3 * 60000, /* so that many mailboxes don't all renew at once */
    ANSWER_WITHIN = 30000,
    AGAIN_AFTER = 10000 /* when the server ended it, which nobody asked for */
};

struct watch {
    struct rider_session *session;
    const struct rider_push_host *push;
    struct rider_op *op; /* until it was told that IDLE has begun */
    struct imap *imap;
    struct rider_timer *timer;
    uint32_t renew;
    bool idling, told;
    bool renewing; /* we said DONE */
};

static void idle(struct watch *watch);

void watch_close(struct rider_session *session)
{
    struct watch *watch = session->watch;

    if (!watch)
        return;
    session->watch = NULL;
    session->host->forget(watch->timer);
    imap_free(watch->imap);
    free(watch);
}

/* Who asked is told why; after that, that it must be asked again. */
static void lost(void *arg, const struct failure *why)
{
    struct watch *watch = arg;
    const struct rider_host *host = watch->session->host;
    const struct rider_push_host *push = watch->push;
    struct rider_op *op = watch->op;

    if (op)
        host->fail(op, &why->failure);
    watch_close(watch->session);
    if (!op)
        push->lost(host);
}

static void no_answer(void *arg)
{
    struct watch *watch = arg;
    struct failure failure;

    watch->timer = NULL;
    failure_say(&failure, RIDER_TRANSIENT, RIDER_MAILBOX, "the IMAP server does not answer IDLE");
    lost(watch, &failure);
}

static void within(struct watch *watch, uint32_t delay, void (*fire)(void *))
{
    const struct rider_host *host = watch->session->host;

    host->forget(watch->timer);
    watch->timer = host->after(host, delay, fire, watch);
}

static void renew(void *arg)
{
    struct watch *watch = arg;

    watch->timer = NULL;
    watch->idling = false;
    watch->renewing = true;
    imap_done(watch->imap);
    within(watch, ANSWER_WITHIN, no_answer);
}

static void begun(struct watch *watch)
{
    const struct rider_watched watched = {.size = sizeof(watched)};

    watch->idling = true;
    within(watch, watch->renew, renew);
    if (watch->told)
        return;
    watch->told = true;
    if (watch->op)
        watch->push->watch_done(watch->op, &watched);
    watch->op = NULL;
    watch->push->hint(watch->session->host); /* for what came before we watched */
}

static void heard(void *arg, const struct imap_response *response)
{
    struct watch *watch = arg;

    if (strcmp(response->tag, "+") == 0)
        begun(watch);
    else if (watch->told &&
             (strcmp(response->name, "EXISTS") == 0 || strcmp(response->name, "FETCH") == 0))
        watch->push->hint(watch->session->host);
}

static void again(void *arg)
{
    struct watch *watch = arg;

    watch->timer = NULL;
    idle(watch);
}

static void ended(void *arg, const struct imap_response *response)
{
    struct watch *watch = arg;
    struct failure failure;

    if (response->status == IMAP_OK && !watch->renewing) {
        watch->idling = false;
        within(watch, AGAIN_AFTER, again);
        return;
    }
    if (response->status == IMAP_OK) {
        idle(watch);
        return;
    }
    imap_refusal(watch->imap, "IDLE", response, &failure);
    lost(watch, &failure);
}

static void idle(struct watch *watch)
{
    watch->renewing = false;
    within(watch, ANSWER_WITHIN, no_answer);
    imap_say(watch->imap, "IDLE", "IDLE", heard, ended, watch);
}

static void opened(void *arg, const struct imap_response *response)
{
    struct watch *watch = arg;
    struct failure failure;

    if (response->status == IMAP_OK) {
        idle(watch);
        return;
    }
    imap_refusal(watch->imap, "EXAMINE", response, &failure);
    lost(watch, &failure);
}

static void ready(void *arg)
{
    struct watch *watch = arg;
    struct failure failure;

    if (watch->imap->has & IMAP_HAS_IDLE) {
        imap_open_folder(watch->imap, "INBOX", false, opened, watch);
        return;
    }
    failure_say(&failure, RIDER_UNSUPPORTED, RIDER_MAILBOX,
                "the IMAP server has no IDLE: the mailbox is asked now and then");
    lost(watch, &failure);
}

static bool is_watched(const struct rider_session *session)
{
    return session->watch && session->watch->told;
}

void plugin_watch(struct rider_session *session, struct rider_op *op,
                  const struct rider_watch *asked)
{
    const struct rider_host *host = session->host;
    const struct rider_push_host *push = host->extension(host, RIDER_PUSH, sizeof(*push));
    const struct rider_watched watched = {.size = sizeof(watched)};
    struct failure failure;
    struct watch *watch;

    (void)asked;
    if (push && is_watched(session)) {
        push->watch_done(op, &watched);
        return;
    }
    if (!push || session->watch || !session->imap_url || session->access < RIDER_ACCESS_HEADERS) {
        failure_say(&failure, session->watch ? RIDER_TRANSIENT : RIDER_UNSUPPORTED, RIDER_MAILBOX,
                    session->watch ? "IDLE is being begun already"
                                   : "this mailbox's access, or this host, has no push");
        host->fail(op, &failure.failure);
        return;
    }
    watch = session->watch = text_alloc(sizeof(*watch));
    watch->session = session;
    watch->push = push;
    watch->op = op;
    watch->renew = RENEW_LEAST + (uint32_t)((uintptr_t)watch / 64 % RENEW_SPREAD);
    watch->imap = imap_new(session, NULL, false, ready, lost, watch);
}

void plugin_unwatch(struct rider_session *session, struct rider_op *op)
{
    struct failure failure;

    if (session->watch && session->watch->op) {
        failure_say(&failure, RIDER_CANCELLED, RIDER_MAILBOX, "the watch was ended meanwhile");
        session->host->fail(session->watch->op, &failure.failure);
    }
    watch_close(session);
    session->host->done(op);
}

bool watch_cancel(struct rider_session *session, struct rider_op *op)
{
    struct failure failure;

    if (!session->watch || session->watch->op != op)
        return false;
    failure_say(&failure, RIDER_TRANSIENT, RIDER_MAILBOX,
                "the IMAP server did not answer in time: IDLE was not begun");
    session->host->fail(op, &failure.failure);
    watch_close(session);
    return true;
}
