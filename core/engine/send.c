/* engine/send.c: takes a committed intent to its end at the provider: stage, ask again, send. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "engine/internal.h"

#include <errno.h>
#include <string.h>

/* Asks the store once more, right before the provider is: has this person answered meanwhile? */
static bool still_wanted(struct sending *sending)
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

static void sending_end(struct sending *sending)
{
    struct box *box = sending->box;

    box->sending--;
    sending_free(sending);
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
    if (outcome->work)
        box->work_at = 0;
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

    outcome->again = true;
    outcome->discard = sending->staged;
    mem_str_set(&outcome->detail, "It was held back right before sending.");
    if (sending->staged)
        mem_str_set(&outcome->provider_id, sending->provider_id);
    end_with(sending, outcome);
}

static void send_now(struct sending *sending);

/* A failed stage or send: what is certain, and what must wait. */
static void end_failed(struct sending *sending, const struct provider_result *result)
{
    const struct rider_failure *failure = result->failure;
    bool doubt = failure->kind == RIDER_UNCERTAIN || failure->kind == RIDER_BROKEN || result->left;
    struct outcome *outcome =
        outcome_new(sending->box, sending->ref, doubt ? OUTCOME_DOUBT : OUTCOME_NOT_SENT);

    if (MUTANT(blind_retry) && doubt) {
        outcome_free(outcome);
        send_now(sending);
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

static void send_done(void *arg, const struct provider_result *result)
{
    struct sending *sending = arg;
    struct outcome *outcome;

    if (result->failure) {
        end_failed(sending, result);
        return;
    }
    sending->box->send_failures = 0;
    outcome = outcome_new(sending->box, sending->ref, OUTCOME_SENT);
    outcome_ids(outcome, result->sent);
    end_with(sending, outcome);
}

static void send_now(struct sending *sending)
{
    struct rider_message message;

    if (!still_wanted(sending)) {
        end_unwanted(sending);
        return;
    }
    sending_message(sending, &message);
    provider_send(sending->box->session, &message, box_patience(sending->box), send_done, sending);
}

static void staged_committed(struct outcome *outcome, int status)
{
    struct sending *sending = outcome->then_arg;

    outcome_free(outcome);
    if (status < 0) { /* its draft is not on our disk: it must not be sent */
        box_doubt(sending->box, sending->ref,
                  clock_wall() + provider_session_settle(sending->box->session), 0);
        sending_end(sending);
        return;
    }
    sending->staged = true;
    send_now(sending);
}

static void stage_done(void *arg, const struct provider_result *result)
{
    struct sending *sending = arg;
    struct outcome *outcome;

    if (result->failure) {
        end_failed(sending, result);
        return;
    }
    mem_str_set(&sending->provider_id, result->sent->provider_id);
    outcome = outcome_new(sending->box, sending->ref, OUTCOME_STAGED);
    outcome_ids(outcome, result->sent);
    outcome->then = staged_committed;
    outcome->then_arg = sending;
    outcome_commit(outcome);
}

void send_start(struct sending *sending)
{
    struct rider_message message;

    sending->box->sending++;
    if (sending->grade != GRADE_FENCED) {
        send_now(sending);
        return;
    }
    if (!still_wanted(sending)) {
        end_unwanted(sending);
        return;
    }
    sending_message(sending, &message);
    provider_stage(sending->box->session, &message, box_patience(sending->box), stage_done,
                   sending);
}
