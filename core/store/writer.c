/* store/writer.c: the thread that owns all writes: many applies, one commit. */
#include "store/writer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "store/schema.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { GROUP_JOBS = 1000, GROUP_MS = 5 };

/* -- queues -------------------------------------------------------------------------- */
static void queue_init(struct job_queue *queue)
{
    *queue = (struct job_queue){NULL, &queue->first, 0};
}

static void queue_add(struct job_queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
    queue->count++;
}

static struct job *queue_take(struct job_queue *queue)
{
    struct job *job = queue->first;

    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->count--;
    return job;
}

static void queue_move(struct job_queue *from, struct job_queue *to)
{
    if (!from->first)
        return;
    *to->last = from->first;
    to->last = from->last;
    to->count += from->count;
    queue_init(from);
}

/* -- one commit ---------------------------------------------------------------------- */
/* In a child, so that what fails leaves no trace in its neighbours' transaction. */
static int run_alone(struct store *store, MDB_txn *parent, const struct job *job)
{
    struct store_txn txn = {store, NULL};
    int r = store_error(mdb_txn_begin(store->env, parent, 0, &txn.txn));

    if (r < 0)
        return r;
    r = job->apply(&txn, job->arg);
    if (r < 0) {
        mdb_txn_abort(txn.txn);
        return r;
    }
    return store_error(mdb_txn_commit(txn.txn));
}

/* A child copies every page that it touches, and hardly any apply fails: so all run in the group's
 * own transaction until one does. Then that is thrown away, and each runs again in a child. */
struct group {
    struct store *store;
    struct job_queue *done;
    MDB_txn *txn;
    size_t applied;
    bool alone;
    int error; /* of the transaction: no apply can run */
};

static void group_begin(struct group *group)
{
    group->applied = 0;
    if (mdb_txn_begin(group->store->env, NULL, 0, &group->txn)) {
        group->txn = NULL;
        group->error = -EIO;
    }
}

static void group_run(struct group *group, struct job *job)
{
    struct store_txn txn = {group->store, group->txn};

    if (group->error < 0)
        job->status = group->error;
    else if (group->alone)
        job->status = run_alone(group->store, group->txn, job);
    else
        job->status = job->apply(&txn, job->arg);
    group->applied += job->status >= 0;
}

static void group_run_again(struct group *group)
{
    group->alone = true;
    mdb_txn_abort(group->txn);
    group_begin(group);
    for (struct job *job = group->done->first; job; job = job->next)
        group_run(group, job);
}

static int count_commit(struct store *store, MDB_txn *parent)
{
    struct store_txn txn = {store, parent};
    uint64_t commits = 0;
    int r = store_commits(&txn, &commits);

    if (r < 0 && r != -ENOENT)
        return r;
    return meta_put(&txn, "commits", commits + 1);
}

/* LMDB calls a write that a full disk cut short EIO. Taking that for what it is is safe: only pages
 * that nothing refers to yet were lost. */
static bool disk_is_full(const struct store *store)
{
    struct statvfs disk;

    return !statvfs(store->dir, &disk) && (uint64_t)disk.f_bavail * disk.f_frsize < 1 << 20;
}

/* Once its last page, which makes a commit count, could not be written, LMDB begins nothing more.
 */
static bool is_spoiled(const struct store *store)
{
    MDB_txn *txn;

    if (mdb_txn_begin(store->env, NULL, 0, &txn))
        return true;
    mdb_txn_abort(txn);
    return false;
}

/* 0, -ENOSPC (the store stands as it was), or -EIO: what is on disk is no longer known, or nothing
 * can be written before it is opened again. */
static int group_commit(struct group *group)
{
    const struct store *store = group->store;
    int r = count_commit(group->store, group->txn);

    if (r < 0 && !group->alone) { /* an apply went on after an error that spoils the transaction */
        group_run_again(group);
        r = group->error < 0 ? group->error : count_commit(group->store, group->txn);
    }
    if (r < 0)
        mdb_txn_abort(group->txn);
    else
        r = store_error(mdb_txn_commit(group->txn));
    if (!r || MUTANT(ignore_eio))
        return r == -EIO ? 0 : r;
    if (r != -ENOSPC && !(r == -EIO && disk_is_full(store)))
        return -EIO;
    return is_spoiled(store) ? -EIO : -ENOSPC;
}

static struct job *take_queued(struct store *store)
{
    struct job *job;

    pthread_mutex_lock(&store->lock);
    job = queue_take(&store->queued);
    pthread_mutex_unlock(&store->lock);
    return job;
}

/* Sets what became of each: its own failure, or the commit's. */
static void settle(struct job_queue *jobs, int committed, bool broken)
{
    for (struct job *job = jobs->first; job; job = job->next)
        if (committed < 0 && (broken || !job->status))
            job->status = committed;
}

/* To the loop, which calls each done. */
static void hand_over(struct store *store, struct job_queue *done)
{
    pthread_mutex_lock(&store->lock);
    queue_move(done, &store->ready);
    pthread_cond_signal(&store->finished);
    pthread_mutex_unlock(&store->lock);
    if (store->wake)
        store->wake(store->wake_arg);
}

/* Runs what is queued until nothing is, or the group is full or old, and commits. Nobody waits for
 * company: what comes during a flush is the next group. */
static void run_group(struct store *store, struct job_queue *done)
{
    struct group group = {.store = store, .done = done};
    int64_t until = clock_monotonic() + GROUP_MS;
    struct job *job;
    int r;

    if (atomic_load(&store->broken))
        group.error = -EIO;
    else
        group_begin(&group);
    while (done->count < GROUP_JOBS && (job = take_queued(store))) {
        group_run(&group, job);
        queue_add(done, job);
        if (job->status < 0 && !group.alone && group.txn)
            group_run_again(&group);
        if (clock_monotonic() >= until)
            break;
    }
    if (MUTANT(commit_after_send)) {
        hand_over(store, done);
        usleep(20000);
    }
    r = group.error;
    if (group.txn && group.applied)
        r = group_commit(&group);
    else if (group.txn)
        mdb_txn_abort(group.txn);
    if (r == -EIO)
        atomic_store(&store->broken, true);
    settle(done, r, r == -EIO);
}

/* -- the thread ---------------------------------------------------------------------- */
static bool wait_for_work(struct store *store)
{
    bool more;

    pthread_mutex_lock(&store->lock);
    while (!store->queued.first && !store->closing)
        pthread_cond_wait(&store->work, &store->lock);
    more = store->queued.first != NULL;
    pthread_mutex_unlock(&store->lock);
    return more;
}

static void *run_writer(void *arg)
{
    struct store *store = arg;

    mem_keep_freed(true); /* our own records; wiping them is a tenth of a send */
    while (wait_for_work(store)) {
        struct job_queue done;

        queue_init(&done);
        run_group(store, &done);
        map_shrink(store);
        hand_over(store, &done);
    }
    return NULL;
}

int writer_start(struct store *store)
{
    sigset_t all, before;
    int r;

    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->work, NULL);
    pthread_cond_init(&store->finished, NULL);
    queue_init(&store->queued);
    queue_init(&store->ready);
    if (store->read_only)
        return 0;
    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&store->writer, NULL, run_writer, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    store->writing = !r;
    return -r;
}

void writer_stop(struct store *store)
{
    while (store->waiting) { /* a done may submit again */
        pthread_mutex_lock(&store->lock);
        while (!store->ready.first)
            pthread_cond_wait(&store->finished, &store->lock);
        pthread_mutex_unlock(&store->lock);
        store_turn(store);
    }
    if (store->writing) {
        pthread_mutex_lock(&store->lock);
        store->closing = true;
        pthread_cond_signal(&store->work);
        pthread_mutex_unlock(&store->lock);
        pthread_join(store->writer, NULL);
    }
    pthread_cond_destroy(&store->work);
    pthread_cond_destroy(&store->finished);
    pthread_mutex_destroy(&store->lock);
}

/* -- the loop's side ----------------------------------------------------------------- */
void store_submit(struct store *store, store_apply *apply, store_done *done, void *arg)
{
    struct job *job = mem_new(sizeof *job);

    assert(store->writing);
    job->apply = apply;
    job->done = done;
    job->arg = arg;
    store->waiting++;
    pthread_mutex_lock(&store->lock);
    queue_add(&store->queued, job);
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->lock);
}

static void tell_fatal(struct store *store)
{
    if (!atomic_load(&store->broken) || store->fatal_told || !store->fatal)
        return;
    store->fatal_told = true;
    store->fatal(store->fatal_arg, -EIO);
}

void store_turn(struct store *store)
{
    struct job_queue ready;
    struct job *job;

    queue_init(&ready);
    pthread_mutex_lock(&store->lock);
    queue_move(&store->ready, &ready);
    pthread_mutex_unlock(&store->lock);
    tell_fatal(store); /* before any done: nothing may be sent any more */
    while ((job = queue_take(&ready))) {
        store->waiting--;
        if (job->done)
            job->done(job->arg, job->status);
        free(job);
    }
}

void store_fatal(struct store *store, void (*fatal)(void *arg, int error), void *arg)
{
    store->fatal = fatal;
    store->fatal_arg = arg;
}

size_t store_waiting(const struct store *store)
{
    return store->waiting;
}
