/* engine/push.c: asking a provider to say when something is new, and listing soon when it does.
 *
 * A hint is never the truth: the slow poll goes on as though there were none. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/daemon.h"
#include "engine/internal.h"

#include <errno.h>
#include <string.h>

enum {
    HINT_GAP_MS = 1000,    /* between the beginnings of two listings that hints bring */
    HINT_EACH_MS = 3000,   /* what each of them costs of what may come at once, */
    HINT_BURST_MS = 60000, /* which is 20 */
    RENEW_LEAST_MS = 5000, /* a renewal that is asked for sooner comes then */
    STOOD_MS = 600000,     /* a watch that stood so long was well */
    LOST_MS = 1000,        /* the first loss is mended so soon; further ones back off */
    UNWATCH_MS = 5000      /* real: leaving waits for it no longer */
};

/* -- hints ------------------------------------------------------------------------------------ */

/* Listed as soon as the gap and the rate allow. What fails is left to its back-off. */
static void hint_soon(struct box *box)
{
    struct hints *hints = &box->push.hints;
    int64_t now = clock_wall(), at = now;

    if (hints->waiting || box->list_failures)
        return;
    if (hints->began <= now && hints->began + HINT_GAP_MS > at)
        at = hints->began + HINT_GAP_MS;
    if (hints->spent <= now + HINT_BURST_MS + HINT_EACH_MS && hints->spent - HINT_BURST_MS > at)
        at = hints->spent - HINT_BURST_MS;
    hints->waiting = true;
    hints->at = at;
    box_wake(box);
}

void push_hint(void *arg)
{
    struct box *box = arg;

    box->engine->tally.hints++;
    hint_soon(box);
}

bool push_hinted(const struct box *box, int64_t now)
{
    return box->push.hints.waiting && box->push.hints.at <= now;
}

int64_t push_hint_at(const struct box *box)
{
    return box->push.hints.waiting ? box->push.hints.at : INT64_MAX;
}

/* Whatever brought this listing, it sees what the hint was about. */
void push_listing(struct box *box, int64_t now)
{
    struct hints *hints = &box->push.hints;

    hints->began = now;
    if (!hints->waiting)
        return;
    hints->waiting = false;
    hints->spent =
        (hints->spent > now && hints->spent <= now + HINT_BURST_MS + HINT_EACH_MS ? hints->spent
                                                                                  : now) +
        HINT_EACH_MS;
}

/* -- watches ---------------------------------------------------------------------------------- */

/* Where notices for this mailbox reach us; NULL: nowhere. */
static char *notice_url(const struct box *box)
{
    const char *base = box->engine->options.base_url;
    auto_buf struct buf token = {0};

    if (!base || (strncmp(base, "https://", 8) != 0 && !config_url_is_loopback(base)))
        return NULL;
    seal_link(box->engine->options.seal, "push", box->id, 0, 0, &token);
    return mem_printf("%s/push/%s/%s", base, box->mailbox.provider, buf_text(&token));
}

static void watch_failed(struct box *box, const struct rider_failure *failure)
{
    struct watch *watch = &box->push.watch;
    int64_t wait = backoff(++watch->failures);

    if (failure->kind == RIDER_UNSUPPORTED) {
        log_debug("%s: no push: %s", box->mailbox.address,
                  failure->detail ? failure->detail : "its provider offers none");
        watch->at = INT64_MAX;
        return;
    }
    log_write(watch->failures > 1 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
              "%s: push could not be set up: %s; it is asked for again, and listed every now and "
              "then meanwhile",
              box->mailbox.address, failure->detail ? failure->detail : "no reason given");
    /* Push alone may be what is not granted; where it is all, listing is refused as well. */
    if (failure->kind != RIDER_AUTH)
        box_hold(box, failure, watch->failures);
    if (failure->retry_after > wait)
        wait = failure->retry_after;
    watch->at = clock_wall() + wait;
}

/* What came between two watches was told by neither: it is listed now. */
static void watch_stands(struct box *box, int64_t renew_at)
{
    struct watch *watch = &box->push.watch;
    int64_t now = clock_wall(), soonest = now + RENEW_LEAST_MS;

    watch->failures = 0;
    watch->at = !renew_at ? INT64_MAX : renew_at > soonest ? renew_at : soonest;
    if (!watch->stands)
        hint_soon(box);
    watch->stands = true;
    watch->since = now;
}

static void watch_ended(void *arg, const struct provider_result *result)
{
    struct box *box = arg;
    struct watch *watch = &box->push.watch;

    watch->asking = false;
    if (box->closing)
        return;
    if (watch->moved) /* by a generation that is no longer there */
        watch->at = clock_wall();
    else if (result->failure)
        watch_failed(box, result->failure);
    else
        watch_stands(box, result->watched->renew_at);
    box_wake(box);
}

void push_watch(struct box *box)
{
    auto_free char *url = notice_url(box);

    box->push.watch.asking = true;
    box->push.watch.moved = false;
    provider_watch(box->session, url, box_patience(box), watch_ended, box);
}

void push_open(struct box *box)
{
    box->push.watch.at = provider_session_pushes(box->session) ? clock_wall() : INT64_MAX;
}

int64_t push_watch_at(const struct box *box)
{
    return box->push.watch.asking ? INT64_MAX : box->push.watch.at;
}

/* Also after a reload, whether there is push now or not. */
void push_lost(void *arg)
{
    struct box *box = arg;
    struct watch *watch = &box->push.watch;
    int64_t now = clock_wall();

    if (watch->stands && watch->since + STOOD_MS <= now)
        watch->losses = 0;
    watch->stands = false;
    watch->moved = watch->asking;
    watch->at = provider_session_pushes(box->session)
                    ? now + (watch->losses ? backoff(watch->losses) : LOST_MS)
                    : INT64_MAX;
    watch->losses++;
    box_wake(box);
}

/* -- leaving ---------------------------------------------------------------------------------- */

static void unwatched(void *arg, const struct provider_result *result)
{
    struct box *box = arg;

    if (result->failure)
        log_debug("%s: its push could not be ended: %s", box->mailbox.address,
                  result->failure->detail ? result->failure->detail : "no reason given");
    box->push.watch.leaving = false;
    box_wake(box);
}

/* Who is opened again at once, or after a restart, goes on with what stands. */
static bool leaves_for_long(const struct box *box)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(mailbox) mailbox = {0};

    return !box->engine->stopping && store_read(box->engine->options.store, &txn) == 0 &&
           store_mailbox_get(txn, box->id, &mailbox) == 0 && mailbox.status != MAILBOX_ACTIVE;
}

bool push_leave(struct box *box)
{
    if (!box->push.watch.stands || !leaves_for_long(box))
        return false;
    box->push.watch.stands = false;
    box->push.watch.leaving = true;
    provider_unwatch(box->session, UNWATCH_MS, unwatched, box);
    return true;
}

/* -- notices ---------------------------------------------------------------------------------- */

int engine_notice(struct engine *engine, const char *provider, const char *token,
                  const struct rider_notice *notice, struct rider_notice_answer *answer_r)
{
    uint64_t mailbox, more;
    struct box *box;

    if (seal_link_read(engine->options.seal, "push", token, clock_wall(), &mailbox, &more) < 0)
        return -ENOENT;
    box = box_of(engine, mailbox);
    if (!box || !box->session || box->closing || strcmp(box->mailbox.provider, provider) != 0)
        return -ENOENT;
    return provider_notice(box->session, notice, answer_r);
}
