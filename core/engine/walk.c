/* engine/walk.c: gives a campaign's enrolments their due times, a batch a transaction, after a
 * start, a resume or an edit. It may be cut off anywhere and begun again. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "campaign/schedule.h"
#include "engine/internal.h"
#include "net/loop.h"

#include <errno.h>
#include <string.h>

enum { WALK_BATCH = 500, AGAIN_MS = 10000 };

struct walk {
    struct list node;         /* in the engine's `walks` while it waits to go on */
    struct loop_timer *again; /* NULL: it never had to wait                      */
    struct engine *engine;
    uint64_t campaign, after;
    /* given back */
    uint64_t last;
    bool over;
};

/* More or fewer steps than before: what is planned follows. */
static int change_steps(struct store_txn *txn, struct enrolment *enrolment,
                        const struct sequence *sequence)
{
    int64_t more = (int64_t)sequence->step_count - enrolment->steps;
    bool open = enrolment->status == ENROLMENT_ACTIVE || enrolment->status == ENROLMENT_WAITING ||
                enrolment->status == ENROLMENT_DONE;
    int r;

    if (!more)
        return 0;
    enrolment->steps = (uint16_t)sequence->step_count;
    if (enrolment->status == ENROLMENT_DONE && enrolment->step < enrolment->steps)
        enrolment->status = ENROLMENT_ACTIVE;
    r = counts_move(txn, enrolment->campaign, COUNT_NONE, COUNT(messages), more);
    return r < 0 ? r
                 : counts_move(txn, enrolment->campaign, COUNT_NONE,
                               open ? COUNT(planned) : COUNT(stopped), more);
}

static int64_t due_of(struct brain *brain, struct decide_facts *facts)
{
    const struct sequence *sequence = facts->sequence;
    struct enrolment *enrolment = &facts->enrolment;
    struct decide_input zone = {.sequence = sequence,
                                .zones = brain->zones,
                                .person_zone = enrolment->zone,
                                .mailbox_zone = facts->mailbox.zone};
    struct schedule_input schedule = {.zone = decide_zone(&zone),
                                      .days = sequence->window.days,
                                      .from = sequence->window.from,
                                      .to = sequence->window.to,
                                      .business_days = sequence->business_days,
                                      .holidays = facts->holidays};

    if (enrolment->step == 0)
        return facts->campaign.started_at;
    schedule.holidays_count =
        brain_holidays(brain, sequence, facts->holidays, ARRAY_LEN(facts->holidays));
    return schedule_after(&schedule, enrolment->last_sent_at,
                          &sequence->steps[enrolment->step].after);
}

/* A first mail that was never minted goes from the senders that the campaign has now. */
static void change_sender(struct enrolment *enrolment, const struct campaign *campaign)
{
    for (size_t i = 0; i < campaign->mailbox_count; i++)
        if (campaign->mailboxes[i] == enrolment->mailbox)
            return;
    if (campaign->mailbox_count)
        enrolment->mailbox = campaign->mailboxes[enrolment->id % campaign->mailbox_count];
}

static int walk_one(struct store_txn *txn, struct walk *walk, uint64_t id)
{
    struct brain *brain = &walk->engine->writer;
    struct decide_facts facts = {0};
    auto_record(message) message = {0};
    struct enrolment *enrolment = &facts.enrolment;
    int r = decide_load_erased(txn, brain, id, &facts);

    if (r == 0)
        r = change_steps(txn, enrolment, facts.sequence);
    if (r == 0 && enrolment->status == ENROLMENT_ACTIVE) {
        if (enrolment->step >= enrolment->steps) {
            enrolment->status = ENROLMENT_DONE;
            enrolment->due = INT64_MAX;
        } else {
            r = store_message_get(txn, id, enrolment->step, &message);
            if (r == -ENOENT && enrolment->step == 0)
                change_sender(enrolment, &facts.campaign);
            if (r == -ENOENT || (r == 0 && message.state == MESSAGE_PLANNED))
                enrolment->due = due_of(brain, &facts);
            r = r == -ENOENT ? 0 : r;
        }
    }
    if (r == 0)
        r = store_enrolment_put(txn, enrolment);
    decide_facts_finish(&facts);
    return r;
}

static int walk_over(struct store_txn *txn, uint64_t id)
{
    auto_record(campaign) campaign = {0};
    int r = store_campaign_get(txn, id, &campaign);

    if (r < 0 || campaign.status != CAMPAIGN_STARTING)
        return r;
    campaign.status = CAMPAIGN_RUNNING;
    return store_campaign_put(txn, &campaign);
}

static int walk_apply(struct store_txn *txn, void *arg)
{
    struct walk *walk = arg;

    walk->last = walk->after;
    walk->over = false;
    for (size_t i = 0; i < WALK_BATCH; i++) {
        auto_record(enrolment) enrolment = {0};
        int r = store_enrolment_next(txn, walk->campaign, walk->last, &enrolment);

        if (r == -ENOENT) {
            walk->over = true;
            return walk_over(txn, walk->campaign);
        }
        if (r == 0)
            r = walk_one(txn, walk, enrolment.id);
        if (r < 0)
            return r;
        walk->last = enrolment.id;
    }
    return 0;
}

static void walk_free(struct walk *walk)
{
    loop_timer_free(walk->again);
    free(walk);
}

static void walk_done(void *arg, int status);

static void walk_on(void *arg)
{
    struct walk *walk = arg;

    list_remove(&walk->node);
    engine_submit(walk->engine, walk_apply, walk_done, walk);
}

/* The disk was full, say: who is to go out waits for that, and nobody needs to start it again. */
static void walk_wait(struct walk *walk, int status)
{
    log_error("campaign %llu: its people could not be given their times: %s; trying again",
              (unsigned long long)walk->campaign, strerror(-status));
    if (!walk->again)
        walk->again = loop_timer_new(walk->engine->options.loop, walk_on, walk);
    list_add(&walk->engine->walks, &walk->node);
    loop_timer_at(walk->again, clock_wall() + AGAIN_MS);
}

static void walk_done(void *arg, int status)
{
    struct walk *walk = arg;

    engine_lane_changed(walk->engine, walk->campaign);
    if (walk->engine->stopping || (status == 0 && walk->over)) {
        walk_free(walk);
    } else if (status < 0) {
        walk_wait(walk, status);
    } else {
        walk->after = walk->last;
        engine_submit(walk->engine, walk_apply, walk_done, walk);
    }
}

void walk_start(struct engine *engine, uint64_t campaign)
{
    struct walk *walk = mem_new(sizeof(*walk));

    walk->engine = engine;
    walk->campaign = campaign;
    engine_submit(engine, walk_apply, walk_done, walk);
}

void walks_finish(struct engine *engine)
{
    while (!list_empty(&engine->walks)) {
        struct walk *walk = LIST_ENTRY(engine->walks.next, struct walk, node);

        list_remove(&walk->node);
        walk_free(walk);
    }
}

void walk_resume(struct engine *engine)
{
    uint64_t *starting = NULL, after = 0;
    size_t count = 0;

    {
        auto_read struct store_txn *txn = NULL;

        if (store_read(engine->options.store, &txn) < 0)
            return;
        for (;;) {
            auto_record(campaign) campaign = {0};

            if (store_campaign_next(txn, after, &campaign) < 0)
                break;
            after = campaign.id;
            if (campaign.status != CAMPAIGN_STARTING)
                continue;
            starting = mem_grow(starting, count + 1, sizeof(*starting));
            starting[count++] = campaign.id;
        }
    }
    for (size_t i = 0; i < count; i++)
        walk_start(engine, starting[i]);
    free(starting);
}
