/* engine/work.c: what is done at the provider after its reason is on disk: labels, copies in Sent,
 * drafts, last ids. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/internal.h"

#include <errno.h>
#include <string.h>

/* A look at Sent right after a send may come too early; a copy is worth trying for most of a day.
 */
enum { WORK_TRIES = 10, LOOK_TRIES = 5, FILE_TRIES = 24 };

struct job { /* some work of one kind; labels of one name go together */
    struct box *box;
    struct engine *engine;
    uint64_t mailbox;
    struct work items[WORK_BATCH];
    size_t count;
    bool done;    /* false: later, at */
    bool settled; /* identities that are known by now: there is nothing to ask */
    int64_t at;
    struct outcome *learned; /* what the copy that was filed is known by, or NULL */
    char *why;               /* of the last failure */
    bool given_up;           /* given back by job_apply */
    bool not_ours;           /* the provider files its copies itself, as it found out meanwhile */
};

static void job_free(struct job *job)
{
    for (size_t i = 0; i < job->count; i++)
        record_work_finish(&job->items[i]);
    if (job->learned)
        outcome_free(job->learned);
    free(job->why);
    free(job);
}

static unsigned tries_of(const struct work *work)
{
    return work->kind == WORK_FILE ? FILE_TRIES : WORK_TRIES;
}

/* The bytes were kept for this alone. What the copy is known by is learned now or asked for. */
static int file_over(struct store_txn *txn, struct job *job, const struct work *work)
{
    struct work resolve = {.mailbox = job->mailbox,
                           .enrolment = work->enrolment,
                           .step = work->step,
                           .kind = WORK_RESOLVE,
                           .label = work->label,
                           .due = job->at};
    auto_record(message) message = {0};
    int r = store_body_del(txn, (struct message_ref){work->enrolment, work->step});

    if (r == 0 && job->learned)
        r = outcome_apply(txn, job->learned);
    if (r == 0)
        r = store_message_get(txn, work->enrolment, work->step, &message);
    if (r == 0 && !job->given_up && (!message.final || (work->label && !message.provider_id)))
        r = work_add(txn, &resolve);
    return r == -ENOENT ? 0 : r;
}

static int job_apply(struct store_txn *txn, void *arg)
{
    struct job *job = arg;

    job->given_up = false;
    for (size_t i = 0; i < job->count; i++) {
        struct work item = job->items[i];
        bool last;
        int r;

        item.attempts++;
        item.due = job->at;
        last = job->done || item.attempts >= tries_of(&item);
        job->given_up |= last && job->why;
        r = last ? store_work_del(txn, job->mailbox, item.id) : store_work_put(txn, &item);
        if (r == 0 && last && item.kind == WORK_FILE)
            r = file_over(txn, job, &item);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    return 0;
}

static void say_given_up(const struct job *job)
{
    const struct work *work = &job->items[0];

    if (work->kind == WORK_FILE)
        log_warn("%s: the mail to enrolment %llu, step %u went out, but its copy could not be put "
                 "into Sent: %s. It is not tried again",
                 job->box->mailbox.address, (unsigned long long)work->enrolment, work->step + 1u,
                 job->why);
    else
        log_info("%s: %s: %s", job->box->mailbox.address,
                 work->kind == WORK_LABEL ? work->label : "after a send", job->why);
}

static void job_kept(void *arg, int status)
{
    struct job *job = arg;
    struct box *box = job->box;
    struct engine_tally *tally = &job->engine->tally;

    if (status == 0 && job->given_up)
        say_given_up(job);
    if (status == 0 && job->items[0].kind == WORK_FILE) {
        tally->filed += job->done && !job->why && !job->not_ours;
        tally->unfiled += job->given_up;
    }
    box->working = false;
    /* What failed waits by itself; the rest does not wait for it. */
    box->work_at = status < 0 ? clock_wall() + backoff(++box->work_failures) : 0;
    job_free(job);
    box_wake(box);
}

static void job_end(struct job *job, bool done, int64_t at)
{
    job->done = done;
    job->at = at;
    engine_submit(job->engine, job_apply, job_kept, job);
}

/* Whether trying it again can't help. */
static bool is_hopeless(const struct work *work, const struct rider_failure *failure)
{
    if (failure->kind == RIDER_ABSENT && work->kind == WORK_RESOLVE)
        return work->attempts + 1 >= LOOK_TRIES;
    return failure->kind == RIDER_UNSUPPORTED || failure->kind == RIDER_PERMANENT ||
           failure->kind == RIDER_ABSENT;
}

static void job_failed(struct job *job, const struct rider_failure *failure)
{
    int64_t wait = backoff(job->items[0].attempts + 1);

    mem_str_set(&job->why, failure->detail ? failure->detail : "no reason given");
    if (is_hopeless(&job->items[0], failure)) {
        job_end(job, true, 0);
        return;
    }
    box_hold(job->box, failure, job->items[0].attempts + 1);
    if (failure->retry_after > wait)
        wait = failure->retry_after;
    job_end(job, false, clock_wall() + wait);
}

static void job_done(void *arg, const struct provider_result *result)
{
    struct job *job = arg;

    if (result->failure) {
        job_failed(job, result->failure);
        return;
    }
    job->box->work_failures = 0;
    if (result->labelled)
        job->box->labelled = result->labelled->how;
    job_end(job, true, 0);
}

/* -- the last identity of what was sent ----------------------------------------------------------
 */

static void resolved(struct outcome *outcome, int status)
{
    struct job *job = outcome->then_arg;

    box_work_at(job->box, outcome->work_at);
    outcome_free(outcome);
    job_end(job, status == 0, clock_wall() + backoff(job->items[0].attempts + 1));
}

static void resolve_found(void *arg, const struct provider_result *result)
{
    struct job *job = arg;
    struct outcome *outcome;

    if (result->failure) {
        job_failed(job, result->failure);
        return;
    }
    outcome = outcome_new(
        job->box, (struct message_ref){job->items[0].enrolment, job->items[0].step}, OUTCOME_SENT);
    outcome_ids(outcome, result->sent);
    outcome->final = true; /* there is no more to ask */
    outcome->then = resolved;
    outcome->then_arg = job;
    outcome_commit(outcome);
}

static void filed(void *arg, const struct provider_result *result)
{
    struct job *job = arg;
    struct message_ref ref = {job->items[0].enrolment, job->items[0].step};

    if (!result->failure && result->sent) {
        job->learned = outcome_new(job->box, ref, OUTCOME_SENT);
        outcome_ids(job->learned, result->sent);
    }
    job_done(job, result);
}

/* The store can't be read just now: that is no answer. */
static void ask_later(struct job *job, int error)
{
    mem_str_set(&job->why, strerror(-error));
    job_end(job, false, clock_wall() + backoff(job->items[0].attempts + 1));
}

/* The bytes of what is to be filed; false: they are gone, or not to be had now, and it ends here.
 */
static bool file_bytes(struct job *job, struct store_txn *txn, struct buf *bytes)
{
    struct message_ref ref = {job->items[0].enrolment, job->items[0].step};
    auto_buf struct buf sealed = {0};
    int r = store_body_get(txn, ref, &sealed);

    if (r == 0)
        r = body_unseal(job->engine, job->mailbox, ref, &sealed, bytes);
    if (r == 0)
        return true;
    if (r != -ENOENT && r != -EBADMSG && r != -ENOKEY) {
        ask_later(job, r);
        return false;
    }
    job->why = mem_printf("its bytes are not there any more (%s)", strerror(-r));
    job_end(job, true, 0);
    return false;
}

static void ask_provider(struct job *job)
{
    const struct work *work = &job->items[0];
    auto_read struct store_txn *txn = NULL;
    auto_record(message) message = {0};
    auto_wiped_buf struct buf bytes = {0};
    struct rider_message asked = {.size = sizeof(asked)};
    char token[48];
    int r = store_read(job->engine->options.store, &txn);

    if (r == 0)
        r = store_message_get(txn, work->enrolment, work->step, &message);
    if (r == -ENOENT) {
        job_end(job, true, 0);
        return;
    }
    if (r < 0) {
        ask_later(job, r);
        return;
    }
    if (work->kind == WORK_FILE && !(provider_session_can(job->box->session) & RIDER_CAN_FILE)) {
        job->not_ours = true;
        job_end(job, true, clock_wall());
        return;
    }
    if (work->kind == WORK_FILE && !file_bytes(job, txn, &bytes))
        return;
    seal_token(job->engine->options.seal, work->enrolment, work->step, token);
    asked.marker = token;
    asked.message_id = message.message_id;
    asked.from = message.from;
    asked.to = message.to;
    asked.subject = message.subject;
    asked.thread_id = message.thread_id;
    asked.provider_id = work->kind == WORK_DISCARD ? work->provider_id : message.provider_id;
    asked.minted = message.first_minted_at;
    asked.rfc5322 = (struct rider_bytes){bytes.data, bytes.len};
    if (work->kind == WORK_FILE)
        provider_file(job->box->session, &asked, box_patience(job->box), filed, job);
    else if (work->kind == WORK_DISCARD)
        provider_discard(job->box->session, &asked, box_patience(job->box), job_done, job);
    else
        provider_find(job->box->session, &asked, box_patience(job->box), resolve_found, job);
}

static void put_labels(struct job *job)
{
    const char *ids[WORK_BATCH + 1] = {0}, *add[2] = {job->items[0].label, NULL};
    static const char *const none[] = {NULL};
    struct rider_label_change change = {
        .size = sizeof(change), .provider_ids = ids, .add = add, .remove = none};

    for (size_t i = 0; i < job->count; i++)
        ids[i] = job->items[i].provider_id;
    provider_label(job->box->session, &change, box_patience(job->box), job_done, job);
}

static bool is_settled(struct store_txn *txn, const struct work *work)
{
    auto_record(message) message = {0};

    return work->kind == WORK_RESOLVE &&
           store_message_get(txn, work->enrolment, work->step, &message) == 0 && message.final &&
           (message.provider_id || !work->label);
}

/* Whether this piece goes with what the job has. */
static bool job_takes(struct job *job, struct store_txn *txn, const struct work *work)
{
    if (job->count == 0) {
        job->settled = is_settled(txn, work);
        return true;
    }
    if (job->settled)
        return is_settled(txn, work);
    return work->kind == WORK_LABEL && job->items[0].kind == WORK_LABEL &&
           strcmp(work->label, job->items[0].label) == 0;
}

/* Takes the first piece of work that is due, for a label all that want the same one, and of what
 * is settled all. */
static void job_fill(struct job *job, struct store_txn *txn, int64_t now, int64_t *next_r)
{
    bool idle = box_idle(job->box);
    uint64_t id = 0;

    *next_r = INT64_MAX;
    for (size_t looked = 0; job->count < WORK_BATCH && looked < WORK_LOOK; looked++) {
        struct work work = {0};
        int64_t due;

        if (store_work_next(txn, job->mailbox, id, &work) < 0)
            return;
        id = work.id;
        due = !idle && work.kind == WORK_RESOLVE ? work.due + RESOLVE_LATE_MS : work.due;
        if (due > now) {
            if (due < *next_r)
                *next_r = due;
        } else if (job_takes(job, txn, &work)) {
            job->items[job->count++] = work;
            if (work.kind != WORK_LABEL && !job->settled)
                return; /* asked for alone */
            continue;
        }
        record_work_finish(&work);
    }
}

void work_start(struct box *box)
{
    struct job *job = mem_new(sizeof(*job));
    int64_t next = INT64_MAX;

    job->box = box;
    job->engine = box->engine;
    job->mailbox = box->id;
    {
        auto_read struct store_txn *txn = NULL;

        if (store_read(box->engine->options.store, &txn) == 0)
            job_fill(job, txn, clock_wall(), &next);
    }
    /* While mail goes out, a look a second is enough. */
    box->work_at = box_idle(box) || next > clock_wall() + 1000 ? next : clock_wall() + 1000;
    if (!job->count) {
        job_free(job);
        return;
    }
    box->working = true;
    if (job->settled)
        job_end(job, true, 0);
    else if (job->items[0].kind == WORK_LABEL)
        put_labels(job);
    else
        ask_provider(job);
}
