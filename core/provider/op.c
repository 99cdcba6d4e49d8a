/* provider/op.c: operations: begun, kept to their deadline, ended once, delivered. */
#include "provider/private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>

enum { OP_TIMEOUT = 60000 };

const char *op_name(enum op_kind kind)
{
    static const char *const names[] = {
        [OP_IDENTIFY] = "identify", [OP_STAGE] = "stage",     [OP_SEND] = "send",
        [OP_FIND] = "find",         [OP_FILE] = "file",       [OP_DISCARD] = "discard",
        [OP_LIST] = "list",         [OP_READ] = "read",       [OP_LABEL] = "label",
        [OP_WATCH] = "watch",       [OP_UNWATCH] = "unwatch",
    };
    return names[kind];
}

struct provider_op *op_meant(const struct seat *seat, struct rider_op *op, const char *did)
{
    struct provider_op *ours = (struct provider_op *)(void *)op;

    if (!op)
        return NULL;
    if (handle_of(op) == HANDLE_OP && ours->state == OP_RUNNING && ours->seat == seat)
        return ours;
    seat_log(seat, LOG_LEVEL_WARN, "the plugin %s for an operation that is over", did);
    return NULL;
}

/* -- busy or waiting -------------------------------------------------------------------------- */
static void op_busy(struct provider_op *op, bool busy)
{
    if (op->busy == busy)
        return;
    op->busy = busy;
    loop_busy(seat_set(op->seat)->loop, busy ? +1 : -1);
}

/* Who waits for a budget's window, or has the plugin wait on a timer, is at rest: else a virtual
 * clock, which moves when all rest, would never bring that moment. */
void op_weigh(struct provider_op *op)
{
    bool for_budget, for_timer;

    if (!op || op->state != OP_RUNNING)
        return;
    for_budget = op->waiting > 0 && op->flying == 0;
    for_timer =
        list_empty(&op->requests) && list_empty(&op->streams) && !list_empty(&op->seat->timers);
    op_busy(op, !for_budget && !for_timer);
}

void seat_weigh(struct seat *seat)
{
    LIST_EACH (node, &seat->ops) {
        op_weigh(LIST_ENTRY(node, struct provider_op, node));
    }
}

/* -- ending ----------------------------------------------------------------------------------- */
static void set_failure(struct provider_op *op, int32_t kind, int32_t scope, const char *detail)
{
    op->failure = (struct rider_failure){
        .size = sizeof(op->failure),
        .kind = kind,
        .scope = scope,
        .retry_after = -1,
        .detail = detail,
    };
    op->result = (struct provider_result){.failure = &op->failure};
}

static bool token_explains(const struct provider_op *op)
{
    switch (op->failure.kind) {
    case RIDER_ABSENT:
    case RIDER_CURSOR_LOST:
    case RIDER_UNSUPPORTED:
    case RIDER_CANCELLED:
        return false;
    default:
        return op->no_token.size > 0;
    }
}

/* The rules of postrider/failure.h, whatever the plugin said. */
static void judge(struct provider_op *op)
{
    struct rider_failure *failure = &op->failure;

    op->result.left = op->left;
    if (!op->result.failure)
        return;
    if (token_explains(op))
        *failure = op->no_token;
    if (failure->kind < RIDER_TRANSIENT || failure->kind > RIDER_BROKEN)
        failure->kind = op->kind == OP_SEND ? RIDER_UNCERTAIN : RIDER_TRANSIENT;
    if (failure->scope < RIDER_MESSAGE || failure->scope > RIDER_SERVICE)
        failure->scope = RIDER_MAILBOX;
    if (op->kind == OP_SEND && (op->left || failure->kind == RIDER_BROKEN))
        failure->kind = RIDER_UNCERTAIN;
}

/* What has not left yet must not leave after we said that it failed. */
static void release_requests(struct provider_op *op, bool failed)
{
    LIST_EACH_SAFE (node, &op->held) { /* nobody lets them go any more, whatever became of it */
        request_stop(LIST_ENTRY(node, struct rider_http, queue),
                     "the operation that this request belongs to is over");
    }
    LIST_EACH_SAFE (node, &op->requests) {
        struct rider_http *http = LIST_ENTRY(node, struct rider_http, of_op);
        bool gone = http->state == HTTP_FLYING && http_sent(http->call);
        request_leave_op(http);
        op->left |= http->left;
        if (failed && (!gone || op->by_host))
            request_stop(http, "the operation that this request belongs to is over");
    }
}

void op_end(struct provider_op *op)
{
    struct provider_set *set = seat_set(op->seat);

    assert(op->state == OP_RUNNING);
    release_requests(op, op->result.failure != NULL);
    streams_release(op, op->result.failure != NULL);
    op->state = OP_ENDED;
    loop_timer_stop(op->timer);
    judge(op);
    op_busy(op, true);
    list_add(&set->ended, &op->queue);
    set_kick(set);
}

void op_fail(struct provider_op *op, int32_t kind, int32_t scope, const char *detail)
{
    set_failure(op, kind, scope, detail);
    op_end(op);
}

void op_deliver(struct provider_op *op)
{
    struct seat *seat = op->seat;

    op->done(op->arg, &op->result);
    if (op->by_host) {
        op->state = OP_ABANDONED;
        op_busy(op, false);
        list_remove(&op->node);
        list_add(&seat->abandoned, &op->node);
    } else {
        op_retire(op);
    }
    seat_check(seat);
}

void op_retire(struct provider_op *op)
{
    LIST_EACH_SAFE (node, &op->requests) {
        request_leave_op(LIST_ENTRY(node, struct rider_http, of_op));
    }
    LIST_EACH_SAFE (node, &op->streams) {
        stream_leave_op(LIST_ENTRY(node, struct rider_stream, of_op));
    }
    op_busy(op, false);
    list_remove(&op->node);
    list_remove(&op->queue);
    loop_timer_free(op->timer);
    arena_wipe(&op->arena);
    *op = (struct provider_op){.kind = op->kind, .state = OP_RETIRED};
    handle_retire(op);
}

/* -- deadline and cancelling ------------------------------------------------------------------ */
#define CALL(asked, operation, ...)                                                                \
    IN_PLUGIN((asked)->seat->generation,                                                           \
              (asked)->seat->generation->table.operation((asked)->seat->plugin, __VA_ARGS__))

static void end_by_host(struct provider_op *op)
{
    const char *detail = op->asked ? "cancelled, and the plugin did not end it"
                                   : "the plugin did not end it by its deadline";

    misdeeds.never_finished++;
    seat_log(op->seat, LOG_LEVEL_WARN, "the plugin did not finish %s, even when asked to: ended",
             op_name(op->kind));
    op->by_host = true;
    op_fail(op, op->asked ? RIDER_CANCELLED : RIDER_TRANSIENT, RIDER_MESSAGE, detail);
}

static void overdue(void *arg)
{
    struct provider_op *op = arg;

    if (op->cancelled)
        end_by_host(op);
    else
        op_cancel(op, false);
}

void op_cancel(struct provider_op *op, bool asked)
{
    struct generation *generation = op->seat->generation;

    if (op->state != OP_RUNNING || op->cancelled)
        return;
    op->cancelled = true;
    op->asked = asked;
    loop_timer_in(op->timer, generation->provider->set->cancel_grace);
    if (generation->table.cancel) {
        CALL(op, cancel, &op->op);
        return;
    }
    LIST_EACH_SAFE (node, &op->requests) {
        request_stop(LIST_ENTRY(node, struct rider_http, of_op), "cancelled");
    }
    LIST_EACH_SAFE (node, &op->streams) {
        stream_stop(LIST_ENTRY(node, struct rider_stream, of_op), "cancelled");
    }
}

void provider_cancel(struct provider_op *op)
{
    op_cancel(op, true);
}

/* -- beginning -------------------------------------------------------------------------------- */
struct provider_op *op_begin(struct provider_session *session, enum op_kind kind, uint32_t timeout,
                             provider_done_fn *done, void *arg)
{
    struct provider_op *op = mem_new(sizeof(*op));
    struct provider_set *set = session->provider->set;

    assert(!session->closing && session->seat);
    timeout = timeout ? timeout : OP_TIMEOUT;
    op->kind = kind;
    op->seat = session->seat;
    op->done = done;
    op->arg = arg;
    op->op.deadline = clock_monotonic() + timeout;
    list_init(&op->node);
    list_init(&op->queue);
    list_init(&op->requests);
    list_init(&op->streams);
    list_init(&op->held);
    list_add(&op->seat->ops, &op->node);
    handle_add(op, HANDLE_OP);
    op->timer = loop_timer_new(set->loop, overdue, op);
    loop_timer_in(op->timer, timeout);
    op_busy(op, true);
    return op;
}

/* false: ended here, without the plugin. */
static bool admit(struct provider_op *op, uint32_t can)
{
    if ((provider_session_can(op->seat->session) & can) == can)
        return true;
    op_fail(op, RIDER_UNSUPPORTED, RIDER_MAILBOX,
            "this mailbox can't do that, at the access it was granted");
    return false;
}

/* Which of the two it has: looking is enough to be asked. */
static uint32_t finds(struct provider_session *session)
{
    return provider_session_can(session) & RIDER_CAN_LOOK ? RIDER_CAN_LOOK : RIDER_CAN_FIND;
}

static void over_limit(struct provider_op *op, int32_t scope, int64_t wait, const char *detail)
{
    op_fail(op, RIDER_THROTTLED, scope, detail);
    op->failure.retry_after = wait;
    op->failure.holds = RIDER_HOLDS_SEND;
}

static bool within_limits(struct provider_op *op)
{
    struct provider_session *session = op->seat->session;
    struct budget *external =
        session->tenant && tenant_goes_out(&op->message) ? &session->tenant->external : NULL;
    int64_t now = clock_wall(), at = provider_session_send_at(session);

    if (at > now) {
        over_limit(op, RIDER_MAILBOX, at - now, "the mailbox's own sending limit is reached");
        return false;
    }
    at = external ? budget_fits_at(external, now, 1) : now;
    if (at > now) {
        over_limit(op, RIDER_TENANT, at - now,
                   "the organisation's limit of recipients outside is reached for now");
        return false;
    }
    budget_spend(&session->sends, now, 1);
    budget_spend(&session->recipients, now, 1);
    EACH_SHARE (session, share, i) {
        budget_spend(&share->sends, now, 1);
        budget_spend(&share->recipients, now, 1);
    }
    if (external)
        budget_spend(external, now, 1);
    return true;
}

static struct provider_op *begin_message(struct provider_session *session, enum op_kind kind,
                                         uint32_t can, const struct rider_message *message,
                                         uint32_t timeout, provider_done_fn *done, void *arg,
                                         bool *go_r)
{
    struct provider_op *op = op_begin(session, kind, timeout, done, arg);

    *go_r = admit(op, can == RIDER_CAN_FIND ? finds(session) : can);
    if (*go_r && !copy_message(&op->arena, &op->message, message)) {
        op_fail(op, RIDER_PERMANENT, RIDER_MESSAGE, "the message has no size");
        *go_r = false;
    }
    return op;
}

struct provider_op *provider_identify(struct provider_session *session, uint32_t timeout,
                                      provider_done_fn *done, void *arg)
{
    struct provider_op *op = op_begin(session, OP_IDENTIFY, timeout, done, arg);

    CALL(op, identify, &op->op);
    return op;
}

struct provider_op *provider_stage(struct provider_session *session,
                                   const struct rider_message *message, uint32_t timeout,
                                   provider_done_fn *done, void *arg)
{
    bool go;
    struct provider_op *op =
        begin_message(session, OP_STAGE, RIDER_CAN_STAGE, message, timeout, done, arg, &go);

    if (go)
        CALL(op, stage, &op->op, &op->message);
    return op;
}

struct provider_op *provider_send(struct provider_session *session,
                                  const struct rider_message *message, uint32_t timeout,
                                  provider_done_fn *done, void *arg)
{
    bool go;
    struct provider_op *op =
        begin_message(session, OP_SEND, RIDER_CAN_SEND, message, timeout, done, arg, &go);

    if (go && within_limits(op))
        CALL(op, send, &op->op, &op->message);
    return op;
}

struct provider_op *provider_send_held(struct provider_session *session,
                                       const struct rider_message *message, uint32_t timeout,
                                       provider_leaving_fn *leaving, provider_done_fn *done,
                                       void *arg)
{
    bool go;
    struct provider_op *op =
        begin_message(session, OP_SEND, RIDER_CAN_SEND, message, timeout, done, arg, &go);

    op->leaving = leaving;
    if (go && within_limits(op))
        CALL(op, send, &op->op, &op->message);
    return op;
}

bool op_holds(struct provider_op *op)
{
    if (!op || !op->leaving || op->let_go)
        return false;
    if (!op->told) {
        op->told = true;
        op->leaving(op->arg, op);
    }
    return true;
}

void provider_let_go(struct provider_op *op)
{
    struct provider_session *session = op->seat->session;

    if (op->state != OP_RUNNING || op->let_go)
        return;
    op->let_go = true;
    LIST_EACH_SAFE (node, &op->held) {
        list_remove(node);
        list_add(&session->waiting, node);
    }
    LIST_EACH_SAFE (node, &op->streams) {
        stream_let_go(LIST_ENTRY(node, struct rider_stream, of_op));
    }
    session_pump(session);
}

struct provider_op *provider_find(struct provider_session *session,
                                  const struct rider_message *message, uint32_t timeout,
                                  provider_done_fn *done, void *arg)
{
    bool go;
    struct provider_op *op =
        begin_message(session, OP_FIND, RIDER_CAN_FIND, message, timeout, done, arg, &go);

    if (go)
        CALL(op, find, &op->op, &op->message);
    return op;
}

struct provider_op *provider_file(struct provider_session *session,
                                  const struct rider_message *message, uint32_t timeout,
                                  provider_done_fn *done, void *arg)
{
    bool go;
    struct provider_op *op =
        begin_message(session, OP_FILE, RIDER_CAN_FILE, message, timeout, done, arg, &go);

    if (go)
        CALL(op, file, &op->op, &op->message);
    return op;
}

struct provider_op *provider_discard(struct provider_session *session,
                                     const struct rider_message *message, uint32_t timeout,
                                     provider_done_fn *done, void *arg)
{
    bool go;
    struct provider_op *op =
        begin_message(session, OP_DISCARD, RIDER_CAN_STAGE, message, timeout, done, arg, &go);

    if (go)
        CALL(op, discard, &op->op, &op->message);
    return op;
}

struct provider_op *provider_list(struct provider_session *session, const struct rider_query *query,
                                  provider_item_fn *item, uint32_t timeout, provider_done_fn *done,
                                  void *arg)
{
    struct provider_op *op = op_begin(session, OP_LIST, timeout, done, arg);

    op->item = item;
    if (admit(op, RIDER_CAN_LIST))
        CALL(op, list, &op->op, query);
    return op;
}

struct provider_op *provider_read(struct provider_session *session, const char *provider_id,
                                  uint32_t timeout, provider_done_fn *done, void *arg)
{
    struct provider_op *op = op_begin(session, OP_READ, timeout, done, arg);

    if (admit(op, RIDER_CAN_READ))
        CALL(op, read, &op->op, provider_id);
    return op;
}

struct provider_op *provider_label(struct provider_session *session,
                                   const struct rider_label_change *change, uint32_t timeout,
                                   provider_done_fn *done, void *arg)
{
    struct provider_op *op = op_begin(session, OP_LABEL, timeout, done, arg);

    if (admit(op, RIDER_CAN_LABEL))
        CALL(op, label, &op->op, change);
    return op;
}

/* -- words ------------------------------------------------------------------------------------ */
const char *provider_kind_name(int32_t kind)
{
    static const char *const names[] = {
        [RIDER_TRANSIENT] = "transient",
        [RIDER_THROTTLED] = "throttled",
        [RIDER_AUTH] = "auth",
        [RIDER_PERMANENT] = "permanent",
        [RIDER_UNCERTAIN] = "uncertain",
        [RIDER_ABSENT] = "absent",
        [RIDER_CURSOR_LOST] = "cursor lost",
        [RIDER_UNSUPPORTED] = "unsupported",
        [RIDER_CANCELLED] = "cancelled",
        [RIDER_BROKEN] = "broken",
    };
    return kind > 0 && kind < (int32_t)ARRAY_LEN(names) ? names[kind] : "unknown";
}

const char *provider_scope_name(int32_t scope)
{
    static const char *const names[] = {
        [RIDER_MESSAGE] = "message", [RIDER_RECIPIENT] = "recipient", [RIDER_MAILBOX] = "mailbox",
        [RIDER_TENANT] = "tenant",   [RIDER_SERVICE] = "service",
    };
    return scope >= 0 && scope < (int32_t)ARRAY_LEN(names) ? names[scope] : "unknown";
}
