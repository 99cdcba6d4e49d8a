/* engine/plan.c: takes what is due in a mailbox and fixes it as intents, in one transaction. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "config/daemon.h"
#include "engine/internal.h"
#include "mail/subject.h"
#include "net/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct plan {
    struct engine *engine;
    struct box *box;
    uint64_t mailbox;
    int64_t now;
    size_t slots, looked;
    size_t in_flight; /* minted before, not known to be sent yet */
    uint32_t can;
    struct lane_hold *held; /* lanes not to be asked, copied from the box */
    size_t held_count;
    /* given back */
    struct list minted;
    size_t minted_count;
    struct lane_hold *holds; /* lanes that may not go before a moment */
    size_t hold_count;
    uint64_t *stale; /* mailboxes to be listed first */
    size_t stale_count;
    int64_t next;
    bool gapped; /* a lane waits for what is in flight, to keep its gap from then */
};

void sending_free(struct sending *sending)
{
    char **texts[] = {
        &sending->marker,      &sending->message_id, &sending->from,      &sending->from_name,
        &sending->to,          &sending->subject,    &sending->text,      &sending->html,
        &sending->in_reply_to, &sending->references, &sending->thread_id, &sending->previous_id,
        &sending->provider_id,
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(*texts[i]);
    buf_wipe(&sending->bytes);
    free(sending);
}

void sending_message(const struct sending *sending, struct rider_message *message_r)
{
    *message_r = (struct rider_message){
        .size = sizeof(*message_r),
        .marker = sending->marker,
        .message_id = sending->message_id,
        .from = sending->from,
        .to = sending->to,
        .rfc5322 = {sending->bytes.data, sending->bytes.len},
        .from_name = sending->from_name,
        .subject = sending->subject,
        .text = sending->text,
        .html = sending->html,
        .in_reply_to = sending->in_reply_to,
        .references = sending->references,
        .thread_id = sending->thread_id,
        .previous_id = sending->previous_id,
        .provider_id = sending->provider_id,
        .minted = sending->minted_at,
    };
}

static void plan_clear(struct plan *plan)
{
    LIST_EACH_SAFE (node, &plan->minted) {
        list_remove(node);
        sending_free(LIST_ENTRY(node, struct sending, node));
    }
    free(plan->holds);
    free(plan->stale);
    plan->holds = NULL;
    plan->stale = NULL;
    plan->hold_count = plan->stale_count = plan->minted_count = plan->looked = 0;
    plan->next = INT64_MAX;
    plan->gapped = false;
}

static void plan_free(struct plan *plan)
{
    plan_clear(plan);
    free(plan->held);
    free(plan);
}

static void plan_hold(struct plan *plan, uint64_t campaign, int64_t until)
{
    plan->holds = mem_grow(plan->holds, plan->hold_count + 1, sizeof(*plan->holds));
    plan->holds[plan->hold_count++] = (struct lane_hold){campaign, until};
}

static bool plan_held(const struct plan *plan, uint64_t campaign)
{
    for (size_t i = 0; i < plan->held_count; i++)
        if (plan->held[i].campaign == campaign && plan->held[i].until > plan->now)
            return true;
    return false;
}

static void plan_stale(struct plan *plan, uint64_t mailbox)
{
    for (size_t i = 0; i < plan->stale_count; i++)
        if (plan->stale[i] == mailbox)
            return;
    plan->stale = mem_grow(plan->stale, plan->stale_count + 1, sizeof(*plan->stale));
    plan->stale[plan->stale_count++] = mailbox;
}

/* A person who got a mail from another of our mailboxes may have answered there: it must have been
 * listed within one poll interval. */
static int others_fresh(struct store_txn *txn, struct plan *plan, const struct decide_facts *facts,
                        bool *fresh_r)
{
    int64_t oldest = plan->now - plan->engine->options.config->poll - FRESH_MS;

    *fresh_r = true;
    for (size_t i = 0; i < facts->person.enrolment_count; i++) {
        auto_record(enrolment) other = {0};
        auto_record(mailbox) mailbox = {0};
        auto_record(mailbox_pulse) pulse = {0};
        int r;

        if (facts->person.enrolments[i] == facts->enrolment.id)
            continue;
        r = store_enrolment_get(txn, facts->person.enrolments[i], &other);
        if (r == -ENOENT || (r == 0 && (other.mailbox == plan->mailbox || !other.last_sent_at)))
            continue;
        if (r == 0)
            r = store_mailbox_get(txn, other.mailbox, &mailbox);
        if (r < 0)
            return r;
        if (mailbox.status != MAILBOX_ACTIVE || mailbox.access < RIDER_ACCESS_HEADERS)
            continue;
        r = store_pulse_get(txn, other.mailbox, &pulse);
        if (r < 0 && r != -ENOENT)
            return r;
        if (pulse.listed_at < oldest || pulse.listed_at > plan->now) {
            plan_stale(plan, other.mailbox);
            *fresh_r = false;
        }
    }
    return 0;
}

int32_t grade_by(uint32_t can, bool fast)
{
    bool stages = (can & RIDER_CAN_STAGE) && (can & RIDER_CAN_FIND);

    if (stages && !(can & RIDER_CAN_FENCE))
        return GRADE_DRAFTED; /* a bare send there leaves less to be found: fast or not */
    if (stages && !fast)
        return GRADE_FENCED;
    return can & RIDER_CAN_FIND ? GRADE_OBSERVED : GRADE_AT_MOST_ONCE;
}

static int32_t grade_of(const struct plan *plan, const struct decide_facts *facts)
{
    bool fast = facts->mailbox.promise == PROMISE_FAST;

    if (facts->sequence->promise == CONFIG_PROMISE_FAST)
        fast = true;
    if (facts->sequence->promise == CONFIG_PROMISE_STRICT)
        fast = false;
    return grade_by(plan->can, fast);
}

static void message_fill(struct message *message, const struct decide_facts *facts,
                         const struct prepared *prepared, int64_t now)
{
    struct buf digest = {0};

    message->enrolment = facts->enrolment.id;
    message->step = facts->enrolment.step;
    message->campaign = facts->campaign.id;
    message->person = facts->person.id;
    message->mailbox = facts->mailbox.id;
    message->state = MESSAGE_INTENDED;
    message->attempt++;
    message->minted_at = now;
    if (!message->first_minted_at)
        message->first_minted_at = now;
    message->ended_at = 0;
    message->left_at = -1;
    message->kind = message->scope = message->code = 0;
    mem_str_set(&message->detail, NULL);
    mem_str_set(&message->provider_id, NULL);
    mem_str_set(&message->thread_id, NULL);
    mem_str_set(&message->message_id, prepared->message_id);
    mem_str_set(&message->subject, prepared->parts.subject);
    free(message->base_subject);
    message->base_subject = mail_subject_base(prepared->parts.subject);
    mem_str_set(&message->to, prepared->to);
    mem_str_set(&message->from, prepared->from);
    seal_digest(prepared->bytes.data, prepared->bytes.len, (uint8_t *)buf_reserve(&digest, 32));
    buf_advance(&digest, 32);
    free((void *)(uintptr_t)message->body_hash.data);
    message->body_hash = (struct bytes){digest.data, digest.len};
}

static struct sending *sending_make(const struct plan *plan, const struct message *message,
                                    struct prepared *prepared)
{
    struct sending *sending = mem_new(sizeof(*sending));

    list_init(&sending->node);
    sending->box = plan->box;
    sending->ref = (struct message_ref){message->enrolment, message->step};
    sending->campaign = message->campaign;
    sending->grade = message->grade;
    sending->attempt = message->attempt;
    sending->minted_at = message->first_minted_at;
    sending->planned_at = plan->now;
    sending->marker = prepared->marker;
    sending->message_id = prepared->message_id;
    sending->from = prepared->from;
    sending->from_name = prepared->from_name;
    sending->to = prepared->to;
    sending->subject = prepared->parts.subject;
    sending->text = prepared->parts.text;
    sending->html = prepared->parts.html;
    sending->in_reply_to = prepared->in_reply_to;
    sending->references = prepared->references;
    sending->thread_id = prepared->thread_id;
    sending->previous_id = prepared->previous_id;
    sending->bytes = prepared->bytes;
    *prepared = (struct prepared){0};
    return sending;
}

static int save_body(struct store_txn *txn, struct plan *plan, const struct message *message,
                     const struct buf *bytes)
{
    struct message_ref ref = {message->enrolment, message->step};
    auto_buf struct buf sealed = {0};
    int r = body_seal(plan->engine, message->mailbox, ref, buf_bytes(bytes), &sealed);

    return r < 0 ? r : store_body_put(txn, ref, buf_bytes(&sealed));
}

/* In memory: the lane's facts are put once, when it has been worked through. */
static void count_send(struct plan *plan, struct decide_facts *facts)
{
    int64_t day = brain_day(&plan->engine->writer, facts->mailbox.zone, plan->now);
    struct mailbox_pulse *pulse = &facts->pulse;
    struct lane *lane = &facts->lane;

    if (MUTANT(gap_forgotten))
        return;
    pulse->mailbox = facts->mailbox.id;
    pulse->sent_today = pulse->day == day ? pulse->sent_today + 1 : 1;
    pulse->day = day;
    pulse->last_sent_at = plan->now;
    if (!pulse->first_sent_at)
        pulse->first_sent_at = plan->now;
    lane->mailbox = facts->mailbox.id;
    lane->campaign = facts->campaign.id;
    lane->sent_today = lane->day == day ? lane->sent_today + 1 : 1;
    lane->day = day;
    lane->last_sent_at = plan->now;
    if (!lane->first_sent_at)
        lane->first_sent_at = plan->now;
}

/* What the mints of a lane counted up. */
static int put_counts(struct store_txn *txn, const struct decide_facts *facts, size_t minted)
{
    int r = counts_move(txn, facts->campaign.id, COUNT(planned), COUNT(intended), (int64_t)minted);

    if (r < 0 || MUTANT(gap_forgotten))
        return r;
    r = store_pulse_put(txn, &facts->pulse);
    return r < 0 ? r : store_lane_put(txn, &facts->lane);
}

/* A step that can't be made for this person: it and what would follow never go. */
static int plan_unmakeable(struct store_txn *txn, struct decide_facts *facts, const char *why)
{
    struct enrolment *enrolment = &facts->enrolment;
    int64_t left = enrolment->steps - enrolment->step;
    int r;

    enrolment->status = ENROLMENT_FAILED;
    enrolment->due = INT64_MAX;
    mem_str_set(&enrolment->rule, "render");
    mem_str_set(&enrolment->why, why);
    r = store_enrolment_put(txn, enrolment);
    if (r == 0)
        r = counts_move(txn, enrolment->campaign, COUNT(planned), COUNT(failed), 1);
    if (r == 0)
        r = counts_move(txn, enrolment->campaign, COUNT(planned), COUNT(stopped), left - 1);
    return r;
}

static int postpone(struct store_txn *txn, struct decide_facts *facts, int64_t at, const char *rule,
                    const char *why)
{
    facts->enrolment.due = at;
    mem_str_set(&facts->enrolment.rule, rule);
    mem_str_set(&facts->enrolment.why, why);
    return store_enrolment_put(txn, &facts->enrolment);
}

/* What the step before is known by at the provider is what this one must refer to. */
static int identity_awaited(struct store_txn *txn, const struct plan *plan,
                            const struct enrolment *enrolment, bool *awaited_r)
{
    auto_record(message) before = {0};
    int r = enrolment->step
                ? store_message_get(txn, enrolment->id, (uint16_t)(enrolment->step - 1), &before)
                : -ENOENT;

    *awaited_r = r == 0 && before.state == MESSAGE_SENT && !before.final &&
                 before.sent_at + IDENTITY_MS > plan->now;
    return r == -ENOENT ? 0 : r;
}

static int mint(struct store_txn *txn, struct plan *plan, struct decide_facts *facts)
{
    struct enrolment *enrolment = &facts->enrolment;
    auto_record(message) message = {0};
    auto_buf struct buf error = {0};
    struct prepared prepared = {0};
    struct prepare_input input = {
        .brain = &plan->engine->writer,
        .sequence = facts->sequence,
        .campaign = &facts->campaign,
        .enrolment = enrolment,
        .person = &facts->person,
        .mailbox = &facts->mailbox,
        .now = plan->now,
    };
    bool awaited;
    int r = identity_awaited(txn, plan, enrolment, &awaited);

    if (r < 0)
        return r;
    if (awaited)
        return postpone(txn, facts, plan->now + RESOLVE_MS, "identity",
                        "What the step before is known by at the provider is asked for first.");
    r = store_message_get(txn, enrolment->id, enrolment->step, &message);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == 0 && message.state != MESSAGE_PLANNED && !MUTANT(double_wake))
        return postpone(txn, facts, INT64_MAX, "ledger", "This step was minted before.");
    r = prepare_message(txn, &input, &prepared, &error);
    if (r < 0) {
        prepared_finish(&prepared);
        return error.len ? plan_unmakeable(txn, facts, buf_text(&error)) : r;
    }
    message_fill(&message, facts, &prepared, plan->now);
    message.grade = grade_of(plan, facts);
    r = save_body(txn, plan, &message, &prepared.bytes);
    if (r == 0)
        r = store_message_put(txn, &message);
    enrolment->due = MUTANT(double_wake) ? enrolment->due : INT64_MAX;
    mem_str_set(&enrolment->rule, "sending");
    mem_str_set(&enrolment->why, "It is on its way.");
    if (r == 0)
        r = store_enrolment_put(txn, enrolment);
    if (r == 0) {
        count_send(plan, facts);
        list_add(&plan->minted, &sending_make(plan, &message, &prepared)->node);
        plan->minted_count++;
    }
    prepared_finish(&prepared);
    return r;
}

static int plan_stop(struct store_txn *txn, const struct plan *plan, struct decide_facts *facts,
                     const struct decision *decision)
{
    struct stop stop = {
        .rule = decide_rule_name(decision->rule), .why = decision->sentence, .now = plan->now};

    if (decision->verdict == DECIDE_DONE) {
        facts->enrolment.status = ENROLMENT_DONE;
        return postpone(txn, facts, INT64_MAX, stop.rule, stop.why);
    }
    return stop_enrolment(txn, &facts->enrolment, &stop);
}

/* Listing takes a moment; where it can't be done at all, asking each second helps nobody. */
static int64_t stale_wait(const struct enrolment *enrolment)
{
    return enrolment->rule && strcmp(enrolment->rule, "stale") == 0 ? 60000 : 1000;
}

/* One enrolment that is due. lane_held_r: nothing more of this campaign for now. */
static int plan_one(struct store_txn *txn, struct plan *plan, struct decide_facts *facts,
                    bool *lane_held_r)
{
    struct decision decision;
    bool fresh;
    int r = decide_ask(txn, &plan->engine->writer, facts, plan->now, &decision);

    if (r < 0)
        return r;
    switch (decision.verdict) {
    case DECIDE_GO:
        if (facts->sequence->limits.gap_max > 0 && plan->in_flight) {
            plan->gapped = *lane_held_r = true;
            return 0;
        }
        r = others_fresh(txn, plan, facts, &fresh);
        if (r < 0)
            return r;
        if (fresh)
            return mint(txn, plan, facts);
        return postpone(txn, facts, plan->now + stale_wait(&facts->enrolment), "stale",
                        "Another mailbox that wrote to this person is listed first.");
    case DECIDE_LATER:
        if (decision.mailbox_wide) {
            plan_hold(plan, facts->campaign.id, decision.at);
            *lane_held_r = true;
            return 0;
        }
        return postpone(txn, facts, decision.at > plan->now ? decision.at : plan->now + 1000,
                        decide_rule_name(decision.rule), decision.sentence);
    default:
        return plan_stop(txn, plan, facts, &decision);
    }
}

/* The people of a lane who are due, one by one; the campaign, its sender and their counts are the
 * same for all of them. */
static int plan_people(struct store_txn *txn, struct plan *plan, struct decide_facts *facts)
{
    bool held = false;

    while (!held && plan->minted_count < plan->slots) {
        int64_t due;
        uint64_t id;
        int r = store_due_next(txn, plan->mailbox, facts->campaign.id, 0, 0, &due, &id);

        if (r == -ENOENT)
            return 0;
        if (r < 0)
            return r;
        if (due > plan->now || ++plan->looked > PLAN_LOOK) {
            if (due < plan->next)
                plan->next = due;
            return 0;
        }
        r = decide_load_person(txn, id, facts);
        if (r == 0)
            r = plan_one(txn, plan, facts, &held);
        if (r < 0)
            return r;
    }
    if (!held)
        plan->next = plan->now; /* all slots taken; there may be more */
    return 0;
}

static int plan_lane(struct store_txn *txn, struct plan *plan, uint64_t campaign)
{
    struct decide_facts facts = {0};
    size_t before = plan->minted_count;
    int r;

    if (before >= plan->slots) {
        plan->next = plan->now;
        return 0;
    }
    r = decide_load_lane(txn, &plan->engine->writer, plan->mailbox, campaign, &facts);
    if (r == 0)
        r = plan_people(txn, plan, &facts);
    if (r == 0 && plan->minted_count > before)
        r = put_counts(txn, &facts, plan->minted_count - before);
    decide_facts_finish(&facts);
    return r;
}

static int plan_apply(struct store_txn *txn, void *arg)
{
    struct plan *plan = arg;
    uint64_t campaign = 0;
    int64_t due;
    int r;

    plan_clear(plan);
    while ((r = store_lane_next(txn, plan->mailbox, campaign, &campaign, &due)) == 0) {
        if (plan_held(plan, campaign))
            continue;
        if (due > plan->now) {
            if (due < plan->next)
                plan->next = due;
            continue;
        }
        r = plan_lane(txn, plan, campaign);
        if (r < 0)
            return r;
    }
    if (MUTANT(no_intent_commit) && plan->minted_count)
        return -ECANCELED;
    return r == -ENOENT ? 0 : r;
}

/* What held before and holds no more goes; what was found now is kept, and wakes the box in time.
 */
static void keep_holds(struct box *box, const struct plan *plan)
{
    size_t kept = 0;

    for (size_t i = 0; i < box->hold_count; i++)
        if (box->holds[i].until > plan->now)
            box->holds[kept++] = box->holds[i];
    box->holds = mem_grow(box->holds, kept + plan->hold_count, sizeof(*box->holds));
    for (size_t i = 0; i < plan->hold_count; i++)
        box->holds[kept++] = plan->holds[i];
    box->hold_count = kept;
    for (size_t i = 0; i < kept; i++)
        box_plan_at(box, box->holds[i].until);
}

/* A provider that was answering faster than a plan takes to reach the disk ran dry meanwhile: then
 * more is kept ready for it. */
static void keep_busy(struct box *box, const struct plan *plan)
{
    bool dry = plan->in_flight && !box->waiting && box->flying < box_slots(box);

    if (dry && plan->minted_count == plan->slots && box->ahead < AHEAD_MAX)
        box->ahead = box->ahead ? box->ahead * 2 : 2;
}

static void plan_done(void *arg, int status)
{
    struct plan *plan = arg;
    struct box *box = plan->box;

    box->planning = false;
    if (MUTANT(no_intent_commit) && status == -ECANCELED)
        status = 0;
    if (status < 0) {
        log_error("%s: nothing could be planned: %s; trying again in a minute",
                  box->mailbox.address, strerror(-status));
        box_plan_at(box, clock_wall() + 60000);
    } else {
        keep_holds(box, plan);
        keep_busy(box, plan);
        box_plan_at(box, plan->next);
        box->gapped = plan->gapped;
        if (!box->sending && !box->asking && list_empty(&box->doubts))
            box_gap_over(box); /* it ended while this was planned */
    }
    for (size_t i = 0; status == 0 && i < plan->stale_count; i++) {
        struct box *other = box_of(box->engine, plan->stale[i]);

        if (other) {
            other->poll_at = 0;
            box_wake(other);
        }
    }
    if (status == 0)
        LIST_EACH_SAFE (node, &plan->minted) {
            list_remove(node);
            send_add(LIST_ENTRY(node, struct sending, node));
        }
    send_pump(box);
    plan_free(plan);
    box_wake(box);
}

void plan_start(struct box *box)
{
    struct plan *plan = mem_new(sizeof(*plan));

    list_init(&plan->minted);
    plan->engine = box->engine;
    plan->box = box;
    plan->mailbox = box->id;
    plan->now = clock_wall();
    plan->can = provider_session_can(box->session);
    plan->slots = box_room(box);
    if (plan->slots > PLAN_BATCH)
        plan->slots = PLAN_BATCH;
    plan->in_flight = box->sending + !list_empty(&box->doubts) + box->asking;
    plan->held = mem_dup(box->holds, box->hold_count * sizeof(*box->holds));
    plan->held_count = box->hold_count;
    box->planning = true;
    box->plan_at = INT64_MAX;
    engine_submit(box->engine, plan_apply, plan_done, plan);
}
