/* engine/send.c: takes a committed intent to its end at the provider: stage, ask again, send. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "engine/internal.h"

#include <errno.h>
#include <string.h>

/* Asks the store once more, right before the provider is: has this person answered meanwhile? */
static bool still_wanted(const struct sending *sending)
{
    struct engine *engine = sending->box->engine;
    auto_read struct store_txn *txn = NULL;
    auto_record(enrolment) enrolment = {0};
    auto_record(campaign) campaign = {0};

    if (engine->frozen || engine->stopping || sending->box->closing)
        return false;
    if (store_read(engine->options.store, &txn) < 0 ||
        store_enrolment_get(txn, sending->ref.enrolment, &enrolment) < 0 ||
        store_campaign_get(txn, sending->campaign, &campaign) < 0)
        return false;
    return enrolment.status == ENROLMENT_ACTIVE &&
           (campaign.status == CAMPAIGN_RUNNING || campaign.status == CAMPAIGN_STARTING);
}

/* The provider has answered: the next may go while this one's outcome is being committed. */
static void landed(struct box *box)
{
    box->flying--;
    send_pump(box);
}

static void sending_end(struct sending *sending)
{
    struct box *box = sending->box;

    box->sending--;
    sending_free(sending);
    box_gap_over(box);
    box_wake(box);
}

static void ended(struct outcome *outcome, int status)
{
    struct sending *sending = outcome->then_arg;
    struct box *box = sending->box;

    if (status < 0) /* on disk it is still open: ask the provider once it has settled */
        box_doubt(box, sending->ref, clock_wall() + provider_session_settle(box->session), 0);
    else if (outcome->verdict == OUTCOME_DOUBT)
        box_doubt(box, sending->ref, outcome->now + provider_session_settle(box->session), 0);
    box_plan_at(box, outcome->next_due);
    box_work_at(box, outcome->work_at);
    outcome_free(outcome);
    sending_end(sending);
}

static void end_with(struct sending *sending, struct outcome *outcome)
{
    outcome->then = ended;
    outcome->then_arg = sending;
    outcome_commit(outcome);
}

static void end_unwanted(struct sending *sending)
{
    struct outcome *outcome = outcome_new(sending->box, sending->ref, OUTCOME_NOT_SENT);

    sending->box->ahead = 1; /* what waits is given back one by one: keep less */
    outcome->again = true;
    outcome->discard = sending->staged;
    mem_str_set(&outcome->detail, "It was held back right before sending.");
    if (sending->staged)
        mem_str_set(&outcome->provider_id, sending->provider_id);
    end_with(sending, outcome);
}

static void send_wait(struct sending *sending);

/* A failed stage or send: what is certain, and what must wait. */
static void end_failed(struct sending *sending, const struct provider_result *result)
{
    const struct rider_failure *failure = result->failure;
    bool doubt = failure->kind == RIDER_UNCERTAIN || failure->kind == RIDER_BROKEN || result->left;
    struct outcome *outcome =
        outcome_new(sending->box, sending->ref, doubt ? OUTCOME_DOUBT : OUTCOME_NOT_SENT);

    if (MUTANT(blind_retry) && doubt) {
        outcome_free(outcome);
        send_wait(sending);
        return;
    }
    /* A draft that is gone may have been sent: only looking tells. */
    if (sending->staged && failure->kind == RIDER_ABSENT)
        outcome->verdict = OUTCOME_DOUBT;
    outcome_failure(outcome, failure);
    if (outcome->verdict == OUTCOME_NOT_SENT) {
        outcome->discard = sending->staged;
        if (sending->staged)
            mem_str_set(&outcome->provider_id, sending->provider_id);
    }
    log_warn("%s: message %s to enrolment %llu: %s: %s", sending->box->mailbox.address,
             sending->marker, (unsigned long long)sending->ref.enrolment,
             doubt ? "in doubt" : "not sent",
             failure->detail ? failure->detail : "no reason given");
    box_hold(sending->box, failure, ++sending->box->send_failures);
    end_with(sending, outcome);
}

/* -- at most once: what can't be proved later is written down before it can happen ---------------
 */

struct leave {               /* outlives its operation, which may end meanwhile */
    struct sending *sending; /* NULL: the operation is over */
    struct provider_op *op;
    struct message_ref ref;
    uint32_t attempt;
    int64_t now;
};

static int leave_apply(struct store_txn *txn, void *arg)
{
    const struct leave *leave = arg;
    auto_record(message) message = {0};
    int r = store_message_get(txn, leave->ref.enrolment, leave->ref.step, &message);

    if (r < 0)
        return r;
    if (message.state != MESSAGE_INTENDED || message.attempt != leave->attempt)
        return -ESTALE;
    message.left_at = leave->now;
    return store_message_put(txn, &message);
}

static void leave_done(void *arg, int status)
{
    struct leave *leave = arg;

    if (leave->sending) {
        leave->sending->leave = NULL;
        if (status == 0)
            provider_let_go(leave->op);
        else
            provider_cancel(leave->op);
    }
    free(leave);
}

/* Its bytes stand at the door: if we die from here on, nobody can say whether they went. Until this
 * is on disk they stay, so a message without it was not sent. */
static void leaving(void *arg, struct provider_op *op)
{
    struct sending *sending = arg;
    struct leave *leave = mem_new(sizeof(*leave));

    leave->sending = sending;
    leave->op = op;
    leave->ref = sending->ref;
    leave->attempt = sending->attempt;
    leave->now = clock_wall();
    sending->leave = leave;
    engine_submit(sending->box->engine, leave_apply, leave_done, leave);
}

static void send_done(void *arg, const struct provider_result *result)
{
    struct sending *sending = arg;
    struct box *box = sending->box;
    struct outcome *outcome;

    if (sending->leave)
        sending->leave->sending = NULL;
    sending->leave = NULL;
    if (result->failure) {
        end_failed(sending, result);
    } else {
        box->send_failures = 0;
        outcome = outcome_new(box, sending->ref, OUTCOME_SENT);
        outcome_ids(outcome, result->sent);
        outcome->file = provider_session_can(box->session) & RIDER_CAN_FILE;
        end_with(sending, outcome);
    }
    landed(box);
}

static void send_wait(struct sending *sending)
{
    list_add(&sending->box->ready, &sending->node);
    sending->box->waiting++;
}

static void staged_committed(struct outcome *outcome, int status)
{
    struct sending *sending = outcome->then_arg;
    struct box *box = sending->box;

    outcome_free(outcome);
    if (status < 0) { /* its draft is not on our disk: it must not be sent */
        box_doubt(box, sending->ref, clock_wall() + provider_session_settle(box->session), 0);
        sending_end(sending);
        return;
    }
    sending->staged = true;
    send_wait(sending);
    send_pump(box);
}

static void stage_done(void *arg, const struct provider_result *result)
{
    struct sending *sending = arg;
    struct box *box = sending->box;
    struct outcome *outcome;

    if (result->failure) {
        end_failed(sending, result);
    } else {
        mem_str_set(&sending->provider_id, result->sent->provider_id);
        outcome = outcome_new(box, sending->ref, OUTCOME_STAGED);
        outcome_ids(outcome, result->sent);
        outcome->then = staged_committed;
        outcome->then_arg = sending;
        outcome_commit(outcome);
    }
    landed(box);
}

/* What has waited so long that the listing it was minted with is stale is planned again, and so is
 * what the provider would not take now. A draft is there already: it goes or is discarded. */
static bool still_good(const struct sending *sending, int64_t now)
{
    const struct box *box = sending->box;

    if (!still_wanted(sending))
        return false;
    return sending->staged || (sending->planned_at + FRESH_MS > now && box->hold_send <= now &&
                               provider_session_send_at(box->session) <= now);
}

static void fly(struct sending *sending, int64_t now)
{
    struct box *box = sending->box;
    struct rider_message message;

    if (!still_good(sending, now)) {
        end_unwanted(sending);
        return;
    }
    box->flying++;
    sending_message(sending, &message);
    if (grade_stages(sending->grade) && !sending->staged)
        provider_stage(box->session, &message, box_patience(box), stage_done, sending);
    else if (sending->grade == GRADE_AT_MOST_ONCE)
        provider_send_held(box->session, &message, box_patience(box), leaving, send_done, sending);
    else
        provider_send(box->session, &message, box_patience(box), send_done, sending);
}

void send_pump(struct box *box)
{
    unsigned slots = list_empty(&box->ready) ? 0 : box_slots(box);
    int64_t now = clock_wall();

    while (!list_empty(&box->ready) && box->flying < slots) {
        struct list *node = box->ready.next;

        list_remove(node);
        box->waiting--;
        fly(LIST_ENTRY(node, struct sending, node), now);
    }
}

void send_add(struct sending *sending)
{
    sending->box->sending++;
    send_wait(sending);
}
