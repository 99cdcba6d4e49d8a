/* engine/outcome.c: how an attempt ended, committed together with what follows from it. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "campaign/schedule.h"
#include "engine/internal.h"
#include "mail/ids.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct outcome *outcome_new(struct box *box, struct message_ref ref, enum outcome_verdict verdict)
{
    struct outcome *outcome = mem_new(sizeof(*outcome));

    outcome->box = box;
    outcome->engine = box ? box->engine : NULL;
    outcome->ref = ref;
    outcome->verdict = (int32_t)verdict;
    outcome->now = clock_wall();
    outcome->settle = box && box->session ? provider_session_settle(box->session) : 0;
    outcome->retry_after = -1;
    outcome->next_due = outcome->work_at = INT64_MAX;
    return outcome;
}

void outcome_free(struct outcome *outcome)
{
    free(outcome->provider_id);
    free(outcome->thread_id);
    free(outcome->message_id);
    free(outcome->detail);
    free(outcome);
}

void outcome_ids(struct outcome *outcome, const struct rider_sent *sent)
{
    mem_str_set(&outcome->provider_id, sent->provider_id);
    mem_str_set(&outcome->thread_id, sent->thread_id);
    free(outcome->message_id);
    outcome->message_id = mail_id_bare(sent->message_id); /* its case is the recipient's affair */
    outcome->final = sent->final;
}

void outcome_failure(struct outcome *outcome, const struct rider_failure *failure)
{
    outcome->kind = failure->kind;
    outcome->scope = failure->scope;
    outcome->code = failure->code;
    outcome->retry_after = failure->retry_after;
    mem_str_set(&outcome->detail, failure->detail);
}

/* -- the bytes, kept from intent to settled outcome, and where we file the copy until then -------
 */

static void body_bound(struct message_ref ref, char bound[64])
{
    snprintf(bound, 64, "message %llu.%u", (unsigned long long)ref.enrolment, ref.step);
}

int body_seal(struct engine *engine, uint64_t mailbox, struct message_ref ref, struct bytes bytes,
              struct buf *sealed)
{
    char bound[64];

    body_bound(ref, bound);
    return seal_box(engine->options.seal, mailbox, bound, bytes, sealed);
}

int body_unseal(struct engine *engine, uint64_t mailbox, struct message_ref ref,
                const struct buf *sealed, struct buf *bytes)
{
    char bound[64];

    body_bound(ref, bound);
    return seal_unbox(engine->options.seal, mailbox, bound, buf_bytes(sealed), bytes);
}

int work_add(struct store_txn *txn, const struct work *work)
{
    struct work with_id = *work;
    int r = store_next_id(txn, SEQ_WORK, &with_id.id);

    return r < 0 ? r : store_work_put(txn, &with_id);
}

/* The next step's due time, or the end of the series. */
static int step_on(struct store_txn *txn, struct outcome *outcome, const struct message *message,
                   struct decide_facts *facts)
{
    struct enrolment *enrolment = &facts->enrolment;
    const struct sequence *sequence = facts->sequence;
    struct schedule_input schedule = {.days = sequence->window.days,
                                      .from = sequence->window.from,
                                      .to = sequence->window.to,
                                      .business_days = sequence->business_days,
                                      .holidays = facts->holidays};
    struct decide_input zone = {.sequence = sequence,
                                .zones = outcome->engine->writer.zones,
                                .person_zone = enrolment->zone};
    int r;

    if (message->step < enrolment->step)
        return 0; /* learned late: a later one is known already */
    enrolment->step = (uint16_t)(message->step + 1);
    enrolment->last_sent_at = message->sent_at;
    if (enrolment->status != ENROLMENT_ACTIVE && enrolment->status != ENROLMENT_WAITING)
        return store_enrolment_put(txn, enrolment);
    enrolment->status = ENROLMENT_ACTIVE;
    if (enrolment->step >= sequence->step_count) {
        enrolment->status = ENROLMENT_DONE;
        enrolment->due = INT64_MAX;
        mem_str_set(&enrolment->rule, "finished");
        mem_str_set(&enrolment->why, "Every step was sent.");
        return store_enrolment_put(txn, enrolment);
    }
    r = store_mailbox_get(txn, enrolment->mailbox, &facts->mailbox);
    if (r < 0)
        return r;
    zone.mailbox_zone = facts->mailbox.zone;
    schedule.zone = decide_zone(&zone);
    schedule.holidays_count = brain_holidays(&outcome->engine->writer, sequence, facts->holidays,
                                             ARRAY_LEN(facts->holidays));
    enrolment->due =
        schedule_after(&schedule, message->sent_at, &sequence->steps[enrolment->step].after);
    outcome->next_due = enrolment->due;
    mem_str_set(&enrolment->rule, "delay");
    mem_str_set(&enrolment->why, "The next step waits for its delay.");
    return store_enrolment_put(txn, enrolment);
}

static int label_sent(struct store_txn *txn, struct outcome *outcome, const struct message *message,
                      const struct sequence *sequence)
{
    struct work work = {.mailbox = message->mailbox,
                        .enrolment = message->enrolment,
                        .step = message->step,
                        .kind = WORK_LABEL,
                        .provider_id = message->provider_id,
                        .label = sequence->label,
                        .due = outcome->now};

    if (!sequence->label || !message->provider_id)
        return 0;
    outcome->work_at = work.due;
    return work_add(txn, &work);
}

/* Nobody needs its last identity before somebody answers or the next step is due, and listing may
 * meet it first: so it is asked for when there is nothing to send. Nor can a copy in Sent be
 * labelled before it is known. */
static int resolve_later(struct store_txn *txn, struct outcome *outcome,
                         const struct message *message, char *label)
{
    struct work work = {.mailbox = message->mailbox,
                        .enrolment = message->enrolment,
                        .step = message->step,
                        .kind = WORK_RESOLVE,
                        .label = label,
                        .due = outcome->now + RESOLVE_MS};

    if (message->final && (message->provider_id || !label))
        return 0;
    if (work.due < outcome->work_at)
        outcome->work_at = work.due;
    return work_add(txn, &work);
}

/* The copy in Sent is made after it is on disk that the mail went: a crash makes it once more, and
 * never sends. Where it is made, its identity is asked for only then. */
static int file_later(struct store_txn *txn, struct outcome *outcome, const struct message *message,
                      char *label, bool *filing_r)
{
    auto_buf struct buf sealed = {0};
    struct work work = {.mailbox = message->mailbox,
                        .enrolment = message->enrolment,
                        .step = message->step,
                        .kind = WORK_FILE,
                        .label = label,
                        .due = outcome->now};
    int r = outcome->file ? store_body_get(txn, outcome->ref, &sealed) : -ENOENT;

    *filing_r = r == 0;
    if (r < 0)
        return r == -ENOENT ? store_body_del(txn, outcome->ref) : r;
    outcome->work_at = work.due;
    return work_add(txn, &work);
}

/* The gap to the next mail counts from when this one went, which may be later than its mint. */
static int move_last_sent(struct store_txn *txn, const struct outcome *outcome,
                          const struct message *message, const struct enrolment *enrolment)
{
    auto_record(mailbox_pulse) pulse = {0};
    int r;

    if (enrolment->mailbox != message->mailbox)
        return 0;
    r = store_pulse_get(txn, message->mailbox, &pulse);
    if (r < 0 && r != -ENOENT)
        return r;
    if (outcome->now <= pulse.last_sent_at + GAP_SLACK_MS)
        return 0;
    pulse.mailbox = message->mailbox;
    pulse.last_sent_at = outcome->now;
    return store_pulse_put(txn, &pulse);
}

/* An attempt that ended in doubt may have been taken until it had settled: what counts from here on
 * counts from the latest moment it can have been. */
static int64_t sent_by(const struct outcome *outcome, const struct message *message)
{
    int64_t latest = message->ended_at + outcome->settle;

    return message->ended_at && latest < outcome->now ? latest : outcome->now;
}

static int apply_sent(struct store_txn *txn, struct outcome *outcome, struct message *message,
                      struct decide_facts *facts)
{
    size_t from = message->state == MESSAGE_UNCERTAIN ? COUNT(uncertain) : COUNT(intended);
    bool filing = false;
    int r;

    message->state = MESSAGE_SENT;
    message->sent_at = sent_by(outcome, message);
    message->ended_at = 0;
    message->final = outcome->final;
    mem_str_set(&message->provider_id, outcome->provider_id);
    mem_str_set(&message->thread_id, outcome->thread_id);
    mem_str_set(&message->final_id, outcome->message_id);
    r = store_message_put(txn, message);
    if (r == 0)
        r = file_later(txn, outcome, message, facts->sequence->label, &filing);
    if (r == 0)
        r = counts_move(txn, message->campaign, from, COUNT(sent), 1);
    if (r == 0)
        r = step_on(txn, outcome, message, facts);
    if (r == 0)
        r = move_last_sent(txn, outcome, message, &facts->enrolment);
    if (r == 0)
        r = label_sent(txn, outcome, message, facts->sequence);
    if (r == 0 && !filing)
        r = resolve_later(txn, outcome, message, facts->sequence->label);
    if (r == 0)
        r = answer_pending(txn, &outcome->engine->writer, message, outcome->now);
    return r;
}

static int discard_later(struct store_txn *txn, struct outcome *outcome,
                         const struct message *message)
{
    struct work work = {.mailbox = message->mailbox,
                        .enrolment = message->enrolment,
                        .step = message->step,
                        .kind = WORK_DISCARD,
                        .provider_id = outcome->provider_id,
                        .due = outcome->now};

    if (!outcome->discard || !outcome->provider_id)
        return 0;
    outcome->work_at = work.due;
    return work_add(txn, &work);
}

/* Gives the day's count back: nothing went out. */
static int uncount_send(struct store_txn *txn, const struct message *message)
{
    auto_record(mailbox_pulse) pulse = {0};
    auto_record(lane) lane = {0};
    int r = store_pulse_get(txn, message->mailbox, &pulse);

    if (r == 0 && pulse.sent_today && pulse.last_sent_at >= message->minted_at) {
        pulse.sent_today--;
        r = store_pulse_put(txn, &pulse);
    }
    if (r == 0)
        r = store_lane_get(txn, message->mailbox, message->campaign, &lane);
    if (r == 0 && lane.sent_today && lane.last_sent_at >= message->minted_at) {
        lane.sent_today--;
        r = store_lane_put(txn, &lane);
    }
    return r == -ENOENT ? 0 : r;
}

static bool final_failure(const struct outcome *outcome)
{
    bool message = outcome->scope == RIDER_MESSAGE || outcome->scope == RIDER_RECIPIENT;

    return !outcome->again && message &&
           (outcome->kind == RIDER_PERMANENT || outcome->kind == RIDER_UNSUPPORTED);
}

static int fail_enrolment(struct store_txn *txn, struct outcome *outcome, struct message *message,
                          struct enrolment *enrolment)
{
    int64_t left = enrolment->steps - enrolment->step - 1;
    bool active = enrolment->status == ENROLMENT_ACTIVE || enrolment->status == ENROLMENT_WAITING;
    int r = counts_move(txn, message->campaign, COUNT(intended), COUNT(failed), 1);

    message->state = MESSAGE_FAILED;
    if (r == 0)
        r = store_message_put(txn, message);
    if (r < 0 || !active)
        return r;
    enrolment->status = ENROLMENT_FAILED;
    enrolment->due = INT64_MAX;
    mem_str_set(&enrolment->rule, "refused");
    mem_str_set(&enrolment->why, outcome->detail ? outcome->detail : "The provider refused it.");
    r = store_enrolment_put(txn, enrolment);
    return r < 0 || left <= 0
               ? r
               : counts_move(txn, message->campaign, COUNT(planned), COUNT(stopped), left);
}

static int apply_not_sent(struct store_txn *txn, struct outcome *outcome, struct message *message,
                          struct enrolment *enrolment)
{
    bool active = enrolment->status == ENROLMENT_ACTIVE || enrolment->status == ENROLMENT_WAITING;
    size_t from = message->state == MESSAGE_UNCERTAIN ? COUNT(uncertain) : COUNT(intended);
    int64_t wait = outcome->again || MUTANT(throttle_ignored) ? 0 : backoff(message->attempt);
    int r;

    message->kind = outcome->kind;
    message->scope = outcome->scope;
    message->code = outcome->code;
    message->ended_at = 0;
    mem_str_set(&message->detail, outcome->detail);
    mem_str_set(&message->provider_id, NULL);
    mem_str_set(&message->thread_id, NULL);
    r = discard_later(txn, outcome, message);
    if (r == 0)
        r = store_body_del(txn, outcome->ref);
    if (r == 0)
        r = uncount_send(txn, message);
    if (r < 0)
        return r;
    if (final_failure(outcome) && from == COUNT(intended))
        return fail_enrolment(txn, outcome, message, enrolment);

    message->state = active ? MESSAGE_PLANNED : MESSAGE_STOPPED;
    r = store_message_put(txn, message);
    if (r == 0)
        r = counts_move(txn, message->campaign, from, active ? COUNT(planned) : COUNT(stopped), 1);
    if (r < 0 || !active)
        return r;
    if (outcome->retry_after > wait && !MUTANT(throttle_ignored))
        wait = outcome->retry_after;
    enrolment->status = ENROLMENT_ACTIVE;
    enrolment->due = outcome->next_due = outcome->now + wait;
    mem_str_set(&enrolment->rule, "retry");
    mem_str_set(&enrolment->why, outcome->detail ? outcome->detail : "It is tried again.");
    return store_enrolment_put(txn, enrolment);
}

static int apply_uncertain(struct store_txn *txn, struct outcome *outcome, struct message *message,
                           struct enrolment *enrolment)
{
    int r;

    message->state = MESSAGE_UNCERTAIN;
    mem_str_set(&message->detail, outcome->detail);
    r = store_message_put(txn, message);
    if (r == 0)
        r = counts_move(txn, message->campaign, COUNT(intended), COUNT(uncertain), 1);
    if (r < 0 || enrolment->status != ENROLMENT_ACTIVE)
        return r;
    enrolment->status = ENROLMENT_WAITING;
    enrolment->due = INT64_MAX;
    mem_str_set(&enrolment->rule, "uncertain");
    mem_str_set(&enrolment->why, "Whether the last step went out can't be proved: settle it with "
                                 "`postrider message settle`.");
    return store_enrolment_put(txn, enrolment);
}

static int apply_open(struct store_txn *txn, struct outcome *outcome, struct message *message)
{
    if (outcome->verdict == OUTCOME_STAGED) {
        message->state = MESSAGE_STAGED;
        mem_str_set(&message->provider_id, outcome->provider_id);
        mem_str_set(&message->thread_id, outcome->thread_id);
    } else if (outcome->verdict == OUTCOME_WITHDRAWN) {
        message->state = MESSAGE_INTENDED;
    } else {
        message->ended_at = outcome->now;
        message->kind = outcome->kind;
        message->code = outcome->code;
        mem_str_set(&message->detail, outcome->detail);
    }
    return store_message_put(txn, message);
}

/* Whether they were erased meanwhile or not: the ledger goes on. */
static int load_facts(struct store_txn *txn, const struct outcome *outcome,
                      struct decide_facts *facts)
{
    int r = store_enrolment_get(txn, outcome->ref.enrolment, &facts->enrolment);

    if (r == 0)
        r = store_campaign_get(txn, facts->enrolment.campaign, &facts->campaign);
    return r < 0 ? r : brain_sequence(&outcome->engine->writer, &facts->campaign, &facts->sequence);
}

/* A message that was SENT before, whose last identity is known now, or where its copy lies. */
static int apply_resolved(struct store_txn *txn, struct outcome *outcome, struct message *message)
{
    bool placed = !message->provider_id && outcome->provider_id;
    bool settles = !message->final && outcome->final;
    struct decide_facts facts = {0};
    int r;

    if (outcome->verdict != OUTCOME_SENT || (message->final && !placed))
        return 0;
    if (!message->final) {
        message->final = settles;
        if (outcome->message_id)
            mem_str_set(&message->final_id, outcome->message_id);
        if (outcome->thread_id)
            mem_str_set(&message->thread_id, outcome->thread_id);
    }
    if (outcome->provider_id)
        mem_str_set(&message->provider_id, outcome->provider_id);
    r = store_message_put(txn, message);
    if (r == 0 && placed)
        r = load_facts(txn, outcome, &facts);
    if (r == 0 && placed)
        r = label_sent(txn, outcome, message, facts.sequence);
    decide_facts_finish(&facts);
    return r < 0 || !settles ? r
                             : answer_pending(txn, &outcome->engine->writer, message, outcome->now);
}

int outcome_apply(struct store_txn *txn, void *arg)
{
    struct outcome *outcome = arg;
    struct decide_facts facts = {0};
    auto_record(message) message = {0};
    int r = store_message_get(txn, outcome->ref.enrolment, outcome->ref.step, &message);

    outcome->next_due = outcome->work_at = INT64_MAX;
    if (r < 0)
        return r;
    if (message.state == MESSAGE_SENT)
        return apply_resolved(txn, outcome, &message);
    if (message.state != MESSAGE_INTENDED && message.state != MESSAGE_STAGED &&
        message.state != MESSAGE_UNCERTAIN)
        return 0; /* settled meanwhile */
    r = load_facts(txn, outcome, &facts);
    if (r == 0)
        switch (outcome->verdict) {
        case OUTCOME_SENT:
            r = apply_sent(txn, outcome, &message, &facts);
            break;
        case OUTCOME_NOT_SENT:
            r = apply_not_sent(txn, outcome, &message, &facts.enrolment);
            break;
        case OUTCOME_UNCERTAIN:
            if (message.state != MESSAGE_UNCERTAIN)
                r = apply_uncertain(txn, outcome, &message, &facts.enrolment);
            break;
        default:
            r = apply_open(txn, outcome, &message);
        }
    decide_facts_finish(&facts);
    return r;
}

static void outcome_done(void *arg, int status)
{
    struct outcome *outcome = arg;

    if (status < 0)
        log_error("message of enrolment %llu, step %u: its outcome could not be kept: %s",
                  (unsigned long long)outcome->ref.enrolment, outcome->ref.step, strerror(-status));
    outcome->then(outcome, status);
}

void outcome_commit(struct outcome *outcome)
{
    engine_submit(outcome->engine, outcome_apply, outcome_done, outcome);
}
