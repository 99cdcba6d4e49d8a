/* smtp-imap/job.h: an operation on IMAP: waits for its turn, has the line, ends once. */
#ifndef SMTP_IMAP_JOB_H
#define SMTP_IMAP_JOB_H
#include "imap.h"

struct job {
    struct job *next;
    struct rider_session *session;
    struct rider_op *op;
    bool started;
    bool again;                    /* it may not be started a second time */
    void (*start)(struct job *);   /* session->imap is ready and this job's alone */
    void (*release)(struct job *); /* frees what the job keeps; not the job; or NULL */
};
/* Waits for the line. start is called when it is free, maybe before this returns: fill the job
 * first, then call job_go. */
void *job_new(struct rider_session *session, struct rider_op *op, size_t size,
              void (*start)(struct job *), void (*release)(struct job *));
void job_go(struct job *job);
/* As imap_say, for the job that has the line; arg is the job. */
void job_say(struct job *job, const char *doing, const char *command, imap_heard *untagged,
             imap_heard *then);
/* Each of these ends the job: it is freed, and the next one may begin before they return. */
void job_end(struct job *job); /* the operation was finished */
void job_fail(struct job *job, const struct failure *why);
void job_refused(struct job *job, const char *doing, const struct imap_response *response);

bool job_cancel(struct rider_session *session, struct rider_op *op); /* false: no job's */
/* Fails the operation without a job: its access, or the settings, do not allow it. */
void job_unsupported(struct rider_session *session, struct rider_op *op, const char *what);
#endif
