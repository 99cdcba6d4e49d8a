/* smtp-imap/job.c: operations that share one IMAP line: who is next, and how each ends. */
#include "job.h"

#include <stdlib.h>
#include <string.h>

enum { REST = 90000 }; /* an idle line is kept for as long: from one poll to the next */

static void next(struct rider_session *session);

static void drop_line(struct rider_session *session)
{
    session->host->forget(session->rest);
    session->rest = NULL;
    imap_free(session->imap);
    session->imap = NULL;
}

static void rested(void *arg)
{
    struct rider_session *session = arg;

    session->rest = NULL;
    drop_line(session);
}

/* Takes the job off the queue and frees it. */
static void leave(struct job *job)
{
    struct job **at = &job->session->jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (job->release)
        job->release(job);
    free(job);
}

/* A line that rested may have died unnoticed: who is given it loses nothing by another one. */
static bool begins_again(struct rider_session *session, const struct failure *why)
{
    struct job *job = session->jobs;

    if (!job || !session->imap->stale || job->again || why->failure.kind != RIDER_TRANSIENT)
        return false;
    job->again = true;
    job->started = false;
    drop_line(session);
    next(session);
    return true;
}

/* A line that could not be opened is nobody's; one that was lost is lost for who had it. */
static void line_failed(void *arg, const struct failure *why)
{
    struct rider_session *session = arg;
    bool was_ready = session->imap->ready;

    if (begins_again(session, why))
        return;
    drop_line(session);
    while (session->jobs) {
        struct job *job = session->jobs;

        session->host->fail(job->op, &why->failure);
        leave(job);
        if (was_ready)
            break;
    }
    next(session);
}

static void line_ready(void *arg)
{
    next(arg);
}

static void next(struct rider_session *session)
{
    struct job *job = session->jobs;

    if (!job) {
        if (session->imap && session->imap->ready && !session->rest) {
            imap_use(session->imap, NULL);
            session->rest = session->host->after(session->host, REST, rested, session);
        }
        return;
    }
    if (session->rest)
        session->imap->stale = true;
    session->host->forget(session->rest);
    session->rest = NULL;
    if (!session->imap) {
        session->imap = imap_new(session, job->op, true, line_ready, line_failed, session);
    } else if (session->imap->ready && !job->started) {
        imap_use(session->imap, job->op);
        job->started = true;
        job->start(job);
    }
}

void *job_new(struct rider_session *session, struct rider_op *op, size_t size,
              void (*start)(struct job *), void (*release)(struct job *))
{
    struct job *job = text_alloc(size), **at = &session->jobs;

    job->session = session;
    job->op = op;
    job->start = start;
    job->release = release;
    while (*at)
        at = &(*at)->next;
    *at = job;
    op->mine = job;
    return job;
}

void job_go(struct job *job)
{
    if (job->session->jobs == job)
        next(job->session);
}

void job_end(struct job *job)
{
    struct rider_session *session = job->session;

    leave(job);
    next(session);
}

void job_fail(struct job *job, const struct failure *why)
{
    job->session->host->fail(job->op, &why->failure);
    job_end(job);
}

void job_refused(struct job *job, const char *doing, const struct imap_response *response)
{
    struct failure failure;

    imap_refusal(job->session->imap, doing, response, &failure);
    job_fail(job, &failure);
}

void job_say(struct job *job, const char *doing, const char *command, imap_heard *untagged,
             imap_heard *then)
{
    imap_say(job->session->imap, doing, command, untagged, then, job);
}

/* A command is under way on the line of the first job: nothing else can be said there. */
bool job_cancel(struct rider_session *session, struct rider_op *op)
{
    const struct rider_host *host = session->host;
    struct failure failure;
    struct job *job = session->jobs;

    while (job && job->op != op)
        job = job->next;
    if (!job)
        return false;
    if (job == session->jobs && session->imap)
        drop_line(session);
    if (op->deadline && host->monotonic(host) >= op->deadline)
        failure_say(&failure, RIDER_TRANSIENT, RIDER_MAILBOX,
                    "the IMAP server did not answer in time");
    else
        failure_say(&failure, RIDER_CANCELLED, RIDER_MESSAGE, "it was cancelled");
    job_fail(job, &failure);
    return true;
}

void job_unsupported(struct rider_session *session, struct rider_op *op, const char *what)
{
    struct failure failure;

    failure_say(&failure, RIDER_UNSUPPORTED, RIDER_MAILBOX,
                "%s is not to be had here: connect the mailbox with more access, or set its imap "
                "server",
                what);
    session->host->fail(op, &failure.failure);
}
