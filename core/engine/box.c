/* engine/box.c: a mailbox being worked: what it does next, in which order, and when it wakes. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "config/daemon.h"
#include "engine/internal.h"
#include "mailbox/mailbox.h"
#include "net/loop.h"

#include <errno.h>
#include <string.h>

int64_t backoff(unsigned failures)
{
    int64_t wait = BACKOFF_MIN_MS;

    while (failures-- > 1 && wait < BACKOFF_MAX_MS)
        wait *= 2;
    return wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS;
}

struct box *box_of(struct engine *engine, uint64_t mailbox)
{
    return map_get_u64(&engine->boxes, mailbox);
}

bool box_quiet(const struct box *box)
{
    return !box->sending && !box->listing && !box->planning && !box->asking && !box->working &&
           !box->push.watch.leaving;
}

bool box_idle(const struct box *box)
{
    return !box->sending && !box->planning && box->plan_at > clock_wall();
}

unsigned box_slots(const struct box *box)
{
    struct rider_limits limits = {.size = sizeof(limits)};

    provider_session_limits(box->session, &limits);
    return limits.in_flight ? limits.in_flight : 4;
}

/* At least as many may wait as may fly: what is answered is followed at once by what is already on
 * disk. */
unsigned box_room(const struct box *box)
{
    unsigned room = box_slots(box) * (box->ahead ? box->ahead : 1);

    return box->waiting < room ? room - box->waiting : 0;
}

uint32_t box_patience(const struct box *box)
{
    const struct config_provider *provider =
        config_provider_find(box->engine->options.config, box->mailbox.provider);

    return provider ? (uint32_t)provider->operation_timeout : 0;
}

void box_plan_at(struct box *box, int64_t at)
{
    if (at < box->plan_at) {
        box->plan_at = at;
        box_wake(box);
    }
}

void box_work_at(struct box *box, int64_t at)
{
    if (at < box->work_at)
        box->work_at = at;
}

/* What a gap is counted from has ended: the next may be planned. */
void box_gap_over(struct box *box)
{
    if (!box->gapped)
        return;
    box->gapped = false;
    box_plan_at(box, clock_wall());
}

void box_doubt(struct box *box, struct message_ref ref, int64_t at, unsigned tries)
{
    struct doubt *doubt = mem_new(sizeof(*doubt));

    list_init(&doubt->node);
    doubt->ref = ref;
    doubt->at = at;
    doubt->tries = tries;
    list_add(&box->doubts, &doubt->node);
    box_wake(box);
}

/* -- holds: what a failure says must wait --------------------------------------------------------
 */

static void hold_one(struct box *box, uint32_t holds, int64_t until)
{
    if ((holds & RIDER_HOLDS_SEND) && until > box->hold_send)
        box->hold_send = until;
    if ((holds & RIDER_HOLDS_LIST) && until > box->hold_list)
        box->hold_list = until;
    if ((holds & RIDER_HOLDS_LABEL) && until > box->hold_label)
        box->hold_label = until;
}

/* Kept, so that a restart does not knock at a closed door, and `explain` can say what holds. */
struct kept_hold {
    uint64_t mailbox;
    int64_t send, list, label;
    char *why;
};

static int keep_apply(struct store_txn *txn, void *arg)
{
    const struct kept_hold *kept = arg;
    auto_record(mailbox_pulse) pulse = {0};
    int r = store_pulse_get(txn, kept->mailbox, &pulse);

    if (r < 0 && r != -ENOENT)
        return r;
    pulse.mailbox = kept->mailbox;
    pulse.hold_send = kept->send;
    pulse.hold_list = kept->list;
    pulse.hold_label = kept->label;
    mem_str_set(&pulse.hold_why, kept->why);
    return store_pulse_put(txn, &pulse);
}

static void keep_done(void *arg, int status)
{
    struct kept_hold *kept = arg;

    if (status < 0)
        log_warn("mailbox %llu: what its provider holds up could not be kept: %s",
                 (unsigned long long)kept->mailbox, strerror(-status));
    free(kept->why);
    free(kept);
}

static void hold_box(struct box *box, const struct rider_failure *failure, int64_t until)
{
    struct kept_hold *kept = mem_new(sizeof(*kept));

    hold_one(box, failure->holds, until);
    *kept = (struct kept_hold){.mailbox = box->id,
                               .send = box->hold_send,
                               .list = box->hold_list,
                               .label = box->hold_label,
                               .why = mem_str(failure->detail)};
    engine_submit(box->engine, keep_apply, keep_done, kept);
}

static bool same_reach(const struct box *box, const struct box *other, int32_t scope)
{
    if (strcmp(box->mailbox.provider, other->mailbox.provider) != 0)
        return false;
    return scope == RIDER_SERVICE || (box->mailbox.tenant && other->mailbox.tenant &&
                                      strcmp(box->mailbox.tenant, other->mailbox.tenant) == 0);
}

/* true: it is asked again soon, with a token that answers what was wanted of it. */
static bool refused(struct box *box, const struct rider_failure *failure)
{
    struct mailboxes *mailboxes = box->engine->options.mailboxes;
    const char *why = failure->detail ? failure->detail : "The provider refused our credentials.";

    if (failure->claims)
        return mailbox_challenged(mailboxes, box->id, why, failure->claims);
    mailbox_refused(mailboxes, box->id, why);
    return false;
}

void box_hold(struct box *box, const struct rider_failure *failure, unsigned failures)
{
    int64_t wait = MUTANT(throttle_ignored)    ? 0
                   : failure->retry_after >= 0 ? failure->retry_after
                                               : backoff(failures);
    int64_t until = clock_wall() + wait;
    size_t at = 0;
    struct box *other;

    if (failure->kind == RIDER_AUTH && failure->scope == RIDER_MAILBOX) {
        if (refused(box, failure))
            until = clock_wall() + CHALLENGE_MS;
        hold_one(box, RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL, until);
        return;
    }
    if (failure->scope < RIDER_MAILBOX || !failure->holds)
        return;
    hold_box(box, failure, until);
    /* One mailbox's word for it that the whole service is down: the others soon ask for themselves.
     */
    if (failure->retry_after < 0 && until > clock_wall() + NEIGHBOUR_MS)
        until = clock_wall() + NEIGHBOUR_MS;
    if (failure->scope >= RIDER_TENANT)
        while ((other = map_next(&box->engine->boxes, &at, NULL, NULL)))
            if (other != box && same_reach(box, other, failure->scope))
                hold_box(other, failure, until);
}

/* -- a turn
 * ---------------------------------------------------------------------------------------- */

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t latest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t doubt_at(const struct box *box)
{
    int64_t at = INT64_MAX;

    LIST_EACH (node, &box->doubts)
        at = earliest(at, LIST_ENTRY(node, struct doubt, node)->at);
    return at;
}

static bool can(const struct box *box, uint32_t what)
{
    return (provider_session_can(box->session) & what) != 0;
}

static bool fresh(const struct box *box, int64_t now)
{
    return MUTANT(stale_mint) || !can(box, RIDER_CAN_LIST) ||
           (box->listed_at + FRESH_MS > now &&
            box->listed_at <= now); /* not before it was set back */
}

/* Before it is stale, so that a long page of what we sent ourselves does not hold up the rest. */
static bool due_for_listing(const struct box *box, int64_t now)
{
    return !MUTANT(stale_mint) &&
           (box->more || box->listed_at + REFRESH_MS <= now || box->listed_at > now);
}

static bool may_mint(struct box *box, int64_t now)
{
    if (box->planning || box->plan_at > now || box->hold_send > now || !can(box, RIDER_CAN_SEND))
        return false;
    if (provider_session_send_at(box->session) > now)
        return false;
    return store_free_percent(box->engine->options.store) >= 10;
}

/* Reconcile, then list, then send; labels whenever there are any. */
static void box_act(struct box *box, int64_t now)
{
    bool idle = box_idle(box);

    if (idle && !box->idle)
        box->work_at = 0; /* some of it waited for that */
    box->idle = idle;
    if (!box->asking && doubt_at(box) <= now)
        reconcile_start(box);
    if (!box->working && box->work_at <= now && box->hold_label <= now)
        work_start(box);
    if (!box->listing && can(box, RIDER_CAN_LIST) && box->hold_list <= now &&
        (box->poll_at <= now || push_hinted(box, now) ||
         (!box->list_failures && may_mint(box, now) && box_room(box) && due_for_listing(box, now))))
        poll_start(box);
    if (push_watch_at(box) <= now && can(box, RIDER_CAN_LIST) && box->hold_list <= now)
        push_watch(box);
    if (may_mint(box, now) && box_room(box) && fresh(box, now))
        plan_start(box);
}

static void box_arm(struct box *box, int64_t now)
{
    int64_t next = INT64_MAX, at;

    if (!box->listing && can(box, RIDER_CAN_LIST))
        next = latest(earliest(box->poll_at, push_hint_at(box)), box->hold_list);
    if (push_watch_at(box) != INT64_MAX && can(box, RIDER_CAN_LIST))
        next = earliest(next, latest(push_watch_at(box), box->hold_list));
    if (!box->planning && box_room(box) > 0 && box->plan_at != INT64_MAX) {
        at = box->plan_at > box->hold_send ? box->plan_at : box->hold_send;
        if (provider_session_send_at(box->session) > at)
            at = provider_session_send_at(box->session);
        if (box->listing && at <= now)
            at = INT64_MAX; /* the listing's end brings the next turn */
        else if (at <= now)
            at = box->hold_list > now ? box->hold_list : now + 60000; /* no room on the disk */
        next = earliest(next, at);
    }
    if (!box->asking)
        next = earliest(next, doubt_at(box));
    if (!box->working && box->work_at != INT64_MAX)
        next = earliest(next, box->work_at > box->hold_label ? box->work_at : box->hold_label);
    if (next == INT64_MAX)
        loop_timer_stop(box->timer);
    else
        loop_timer_at(box->timer, next);
}

static void box_free(struct box *box)
{
    struct engine *engine = box->engine;
    uint64_t id = box->id;
    bool reopen = box->reopen;

    LIST_EACH_SAFE (node, &box->doubts) {
        list_remove(node);
        free(LIST_ENTRY(node, struct doubt, node));
    }
    map_take_u64(&engine->boxes, id);
    loop_timer_free(box->timer);
    record_mailbox_finish(&box->mailbox);
    free(box->holds);
    free(box);
    if (reopen && !engine->stopping)
        box_begin(engine, id);
    engine_check_drained(engine);
}

static void session_closed(void *arg)
{
    box_free(arg);
}

/* The clock may have been set back: what is further off than we ever wait was meant for another. */
static void poll_in_time(struct box *box, int64_t now)
{
    int64_t poll = box->engine->options.config->poll;

    if (box->poll_at > now + (poll > BACKOFF_MAX_MS ? poll : BACKOFF_MAX_MS))
        box->poll_at = now;
}

static void box_turn(void *arg)
{
    struct box *box = arg;
    int64_t now = clock_wall();

    box->posted = false;
    send_pump(box);
    if (box->closing || box->engine->stopping || box->engine->frozen) {
        if (box->closing && box->session && box_quiet(box) && !push_leave(box)) {
            struct provider_session *session = box->session;

            box->session = NULL;
            loop_timer_stop(box->timer);
            provider_session_close(session, session_closed, box);
        }
        return;
    }
    poll_in_time(box, now);
    box_act(box, now);
    box_arm(box, now);
}

void box_wake(struct box *box)
{
    if (box->posted || !box->session)
        return;
    box->posted = true;
    loop_post(box->engine->options.loop, box_turn, box);
}

static void timer_fired(void *arg)
{
    box_wake(arg);
}

/* -- opening and closing
 * ----------------------------------------------------------------------------- */

struct memory_put {
    struct engine *engine;
    uint64_t mailbox;
    char *key;
    struct buf sealed;
};

static char *memory_bound(const char *key)
{
    return mem_printf("memory %s", key);
}

static bool memory_get(void *arg, const char *key, struct buf *value)
{
    struct box *box = arg;
    auto_read struct store_txn *txn = NULL;
    auto_buf struct buf sealed = {0};
    auto_free char *bound = memory_bound(key);

    return store_read(box->engine->options.store, &txn) == 0 &&
           store_memory_get(txn, box->id, key, &sealed) == 0 && sealed.len &&
           seal_unbox(box->engine->options.seal, box->id, bound, buf_bytes(&sealed), value) == 0;
}

static int memory_apply(struct store_txn *txn, void *arg)
{
    struct memory_put *put = arg;

    return store_memory_put(txn, put->mailbox, put->key, buf_bytes(&put->sealed));
}

static void memory_done(void *arg, int status)
{
    struct memory_put *put = arg;

    if (status < 0)
        log_warn("mailbox %llu: what the provider wanted remembered was not kept: %s",
                 (unsigned long long)put->mailbox, strerror(-status));
    free(put->key);
    buf_finish(&put->sealed);
    free(put);
}

static void memory_put(void *arg, const char *key, struct bytes value)
{
    struct box *box = arg;
    struct memory_put *put = mem_new(sizeof(*put));
    auto_free char *bound = memory_bound(key);

    put->engine = box->engine;
    put->mailbox = box->id;
    put->key = mem_str(key);
    if (value.len && seal_box(box->engine->options.seal, box->id, bound, value, &put->sealed) < 0) {
        memory_done(put, 0);
        return;
    }
    engine_submit(box->engine, memory_apply, memory_done, put);
}

static void memory_can_changed(void *arg)
{
    box_wake(arg);
}

static bool box_load(struct box *box)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(mailbox_pulse) pulse = {0};
    struct store *store = box->engine->options.store;

    if (store_read(store, &txn) < 0 || store_mailbox_get(txn, box->id, &box->mailbox) < 0)
        return false;
    if (store_pulse_get(txn, box->id, &pulse) == 0) {
        box->listed_at = 0; /* of this process: a restart lists first */
        box->hold_send = pulse.hold_send;
        box->hold_list = pulse.hold_list;
        box->hold_label = pulse.hold_label;
    }
    return box->mailbox.status == MAILBOX_ACTIVE;
}

static bool box_session(struct box *box)
{
    char **settings = mailbox_settings(box->engine->options.mailboxes, box->id);
    struct provider_mailbox_info info = {.mailbox = box->id,
                                         .address = box->mailbox.address,
                                         .access = (enum rider_access)box->mailbox.access,
                                         .granted = (const char *const *)box->mailbox.granted,
                                         .connected_at = box->mailbox.connected_at,
                                         .tenant = box->mailbox.tenant,
                                         .settings = (const char *const *)settings};
    struct provider_memory memory = {.arg = box,
                                     .get = memory_get,
                                     .put = memory_put,
                                     .can_changed = memory_can_changed,
                                     .hint = push_hint,
                                     .lost = push_lost};
    auto_buf struct buf error = {0};
    int r = provider_session_open(box->engine->options.providers, box->mailbox.provider, &info,
                                  &memory, &error, &box->session);

    mem_strv_free(settings);
    if (r < 0)
        log_error("%s: %s", box->mailbox.address, buf_text(&error));
    return r == 0;
}

void box_begin(struct engine *engine, uint64_t mailbox)
{
    struct box *box = box_of(engine, mailbox);

    if (box) {
        box->reopen = box->closing;
        return;
    }
    box = mem_new(sizeof(*box));
    box->engine = engine;
    box->id = mailbox;
    list_init(&box->doubts);
    list_init(&box->ready);
    box->timer = loop_timer_new(engine->options.loop, timer_fired, box);
    map_put_u64(&engine->boxes, mailbox, box);
    if (!box_load(box) || !box_session(box)) {
        box_free(box);
        return;
    }
    recover_start(box);
    push_open(box);
    box_wake(box);
}

void box_end(struct box *box)
{
    box->closing = true;
    box_wake(box);
}
