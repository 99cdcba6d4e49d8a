/* engine/reconcile.c: asks the provider what became of messages whose end is not known. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "engine/internal.h"

#include <errno.h>
#include <string.h>

enum { REFUSED_TRIES = 10, BROKEN_TRIES = 30 }; /* a good hour; a day: each waits longer */

/* -- after a start: what was open when the last process ended --------------------------------- */

void recover_start(struct box *box)
{
    auto_read struct store_txn *txn = NULL;
    struct message_ref ref = {0};
    int64_t settle = MUTANT(no_settle) ? 0 : provider_session_settle(box->session);
    size_t count = 0;

    if (store_read(box->engine->options.store, &txn) < 0)
        return;
    while (store_open_next(txn, box->id, ref, &ref) == 0) {
        auto_record(message) message = {0};
        int64_t ended;

        if (store_message_get(txn, ref.enrolment, ref.step, &message) < 0)
            continue;
        if (message.state != MESSAGE_INTENDED && message.state != MESSAGE_STAGED)
            continue; /* uncertain ones are a person's to settle; sent ones have work waiting */
        ended = message.ended_at > box->engine->began ? message.ended_at : box->engine->began;
        box_doubt(box, ref, ended + settle, 0);
        count++;
    }
    if (count)
        log_info("%s: %zu messages were under way when we stopped; asking the provider about them",
                 box->mailbox.address, count);
}

/* -- one doubt ----------------------------------------------------------------------------------
 */

struct question {
    struct box *box;
    struct message_ref ref;
    unsigned tries;
    int32_t grade;
    bool had_draft, kept; /* kept: it never came to leaving */
    bool proves;          /* absence is proof: so it was minted, and so it still is */
    char *marker, *message_id, *provider_id, *thread_id, *from, *to, *subject;
    int64_t minted_at;
};

static void question_end(struct question *question)
{
    struct box *box = question->box;

    free(question->marker);
    free(question->message_id);
    free(question->provider_id);
    free(question->thread_id);
    free(question->from);
    free(question->to);
    free(question->subject);
    free(question);
    box->asking = false;
    box_gap_over(box);
    box_wake(box);
}

static void answered(struct outcome *outcome, int status)
{
    struct question *question = outcome->then_arg;
    struct box *box = question->box;

    if (status < 0 && status != -ENOENT)
        box_doubt(box, question->ref, clock_wall() + backoff(question->tries), question->tries + 1);
    box_plan_at(box, outcome->next_due);
    box_work_at(box, outcome->work_at);
    outcome_free(outcome);
    question_end(question);
}

static void conclude(struct question *question, struct outcome *outcome)
{
    outcome->then = answered;
    outcome->then_arg = question;
    outcome_commit(outcome);
}

static void ask_in(struct question *question, int64_t wait)
{
    box_doubt(question->box, question->ref, clock_wall() + wait, question->tries + 1);
    question_end(question);
}

static void ask_again(struct question *question, const struct rider_failure *failure)
{
    box_hold(question->box, failure, question->tries + 1);
    ask_in(question, backoff(question->tries + 1));
}

static void conclude_not_sent(struct question *question, const char *detail)
{
    struct outcome *outcome = outcome_new(question->box, question->ref, OUTCOME_NOT_SENT);

    outcome->again = true;
    mem_str_set(&outcome->detail, detail);
    conclude(question, outcome);
}

static void conclude_uncertain(struct question *question, const char *detail)
{
    struct outcome *outcome = outcome_new(question->box, question->ref, OUTCOME_UNCERTAIN);

    mem_str_set(&outcome->detail, detail);
    log_warn("%s: whether the message to enrolment %llu, step %u went out can't be proved: %s",
             question->box->mailbox.address, (unsigned long long)question->ref.enrolment,
             question->ref.step + 1u, detail);
    conclude(question, outcome);
}

static struct rider_message question_message(const struct question *question)
{
    return (struct rider_message){.size = sizeof(struct rider_message),
                                  .marker = question->marker,
                                  .message_id = question->message_id,
                                  .from = question->from,
                                  .to = question->to,
                                  .subject = question->subject,
                                  .provider_id = question->provider_id,
                                  .thread_id = question->thread_id,
                                  .minted = question->minted_at};
}

static void discarded(void *arg, const struct provider_result *result)
{
    struct question *question = arg;
    int64_t settle, wait;

    if (!result->failure) {
        conclude_not_sent(question,
                          "Its draft was still there and is gone now; it is planned anew.");
        return;
    }
    /* Gone, or perhaps gone: what is in Sent once this has settled tells. */
    box_hold(question->box, result->failure, question->tries + 1);
    settle = provider_session_settle(question->box->session);
    wait = backoff(question->tries + 1);
    ask_in(question, settle > wait ? settle : wait);
}

static void discard_now(struct question *question)
{
    struct rider_message message = question_message(question);

    provider_discard(question->box->session, &message, box_patience(question->box), discarded,
                     question);
}

static void withdrawn(struct outcome *outcome, int status)
{
    struct question *question = outcome->then_arg;

    outcome_free(outcome);
    if (status < 0)
        ask_in(question, backoff(question->tries + 1));
    else
        discard_now(question);
}

/* The draft is there, so nothing was sent; without it nothing can be sent later either. That it was
 * seen is kept first: should the answer to its end be lost, its absence then proves what it should.
 */
static void discard(struct question *question, const struct rider_sent *found)
{
    struct outcome *outcome;

    if (found->provider_id)
        mem_str_set(&question->provider_id, found->provider_id);
    if (!question->had_draft) {
        discard_now(question);
        return;
    }
    outcome = outcome_new(question->box, question->ref, OUTCOME_WITHDRAWN);
    outcome->then = withdrawn;
    outcome->then_arg = question;
    outcome_commit(outcome);
}

/* A grant, or a setting, that was another when it was minted proves nothing now. */
static bool proves(const struct question *question)
{
    return grade_stages(question->grade) ||
           (question->grade == GRADE_OBSERVED && question->proves &&
            (provider_session_can(question->box->session) & RIDER_CAN_FIND));
}

static void absent(struct question *question)
{
    if (question->kept) {
        conclude_not_sent(question, "It had not left when we stopped, so it is planned anew.");
        return;
    }
    if (!proves(question)) {
        conclude_uncertain(question, "This mailbox can't prove that a mail was not sent.");
        return;
    }
    if (question->had_draft) {
        conclude_uncertain(question, "Its draft is gone, and it is neither in Sent nor in trash.");
        return;
    }
    conclude_not_sent(question, "It is neither in drafts nor in Sent nor in trash.");
}

/* Looking ended in doubt itself, or is refused again and again: a person must know. */
static bool is_hopeless(const struct question *question, const struct rider_failure *failure)
{
    switch (failure->kind) {
    case RIDER_UNCERTAIN:
        return true;
    case RIDER_PERMANENT:
        return question->tries >= REFUSED_TRIES;
    default:
        return failure->kind == RIDER_BROKEN && question->tries >= BROKEN_TRIES;
    }
}

static void found(void *arg, const struct provider_result *result)
{
    struct question *question = arg;
    const struct rider_failure *failure = result->failure;

    if (!failure && result->sent->state == RIDER_IS_STAGED) {
        discard(question, result->sent);
    } else if (!failure) {
        struct outcome *outcome = outcome_new(question->box, question->ref, OUTCOME_SENT);

        outcome_ids(outcome, result->sent);
        conclude(question, outcome);
    } else if (failure->kind == RIDER_ABSENT) {
        absent(question);
    } else if (failure->kind == RIDER_UNSUPPORTED) {
        conclude_uncertain(question, "The granted access does not let us look.");
    } else if (is_hopeless(question, failure)) {
        conclude_uncertain(question, failure->detail ? failure->detail : "It can't be looked for.");
    } else {
        ask_again(question, failure);
    }
}

static bool question_load(struct question *question)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(message) message = {0};
    char token[48];

    if (store_read(question->box->engine->options.store, &txn) < 0 ||
        store_message_get(txn, question->ref.enrolment, question->ref.step, &message) < 0 ||
        (message.state != MESSAGE_INTENDED && message.state != MESSAGE_STAGED))
        return false;
    seal_token(question->box->engine->options.seal, question->ref.enrolment, question->ref.step,
               token);
    question->marker = mem_str(token);
    question->message_id = mem_str(message.message_id);
    question->provider_id = mem_str(message.provider_id);
    question->thread_id = mem_str(message.thread_id);
    question->from = mem_str(message.from);
    question->to = mem_str(message.to);
    question->subject = mem_str(message.subject);
    question->minted_at = message.first_minted_at;
    question->grade = message.grade;
    question->had_draft = message.state == MESSAGE_STAGED;
    question->kept = message.grade == GRADE_AT_MOST_ONCE && message.left_at < 0;
    return true;
}

void reconcile_start(struct box *box)
{
    struct question *question = mem_new(sizeof(*question));
    struct doubt *first = NULL;
    struct rider_message message;

    LIST_EACH (node, &box->doubts) {
        struct doubt *doubt = LIST_ENTRY(node, struct doubt, node);

        if (!first || doubt->at < first->at)
            first = doubt;
    }
    question->box = box;
    question->ref = first->ref;
    question->tries = first->tries;
    list_remove(&first->node);
    free(first);
    box->asking = true;
    if (!question_load(question)) {
        question_end(question);
        return;
    }
    if (MUTANT(no_reconcile)) {
        conclude_not_sent(question, "Nobody was asked.");
        return;
    }
    if (!(provider_session_can(box->session) & (RIDER_CAN_FIND | RIDER_CAN_LOOK)) &&
        !grade_stages(question->grade)) {
        if (question->kept)
            absent(question);
        else
            conclude_uncertain(question, "This mailbox's access does not let us look into Sent.");
        return;
    }
    question->proves = provider_session_can(box->session) & RIDER_CAN_FIND;
    message = question_message(question);
    provider_find(box->session, &message, box_patience(box), found, question);
}
