/* smtp-imap/identify.c: whose mailbox it is: who can sign in at both servers. */
#include "job.h"

struct identify {
    struct job job;
    bool checking; /* the SMTP server, while the IMAP line waits */
};

static void finish(struct rider_session *session, struct rider_op *op, const struct failure *why)
{
    const struct rider_identity identity = {.size = sizeof(identity),
                                            .address = session->address,
                                            .name = config_text(session->host, "name", NULL)};

    if (why)
        session->host->fail(op, &why->failure);
    else
        session->host->identify_done(op, &identity);
}

static void checked(void *arg, const struct failure *why)
{
    struct identify *it = arg;

    it->checking = false;
    finish(it->job.session, it->job.op, why);
    job_end(&it->job);
}

/* The IMAP line is open: its server took the secret. */
static void start(struct job *job)
{
    struct identify *it = (struct identify *)job;

    it->checking = true;
    job->again = true; /* the SMTP server is asked once */
    smtp_check(job->session, job->op, checked, it);
}

static void release(struct job *job)
{
    if (((struct identify *)job)->checking)
        smtp_cancel(job->session, job->op);
}

static void checked_alone(void *arg, const struct failure *why)
{
    struct rider_op *op = arg;
    struct rider_session *session = op->mine;

    op->mine = NULL;
    finish(session, op, why);
}

void plugin_identify(struct rider_session *session, struct rider_op *op)
{
    if (session->imap_url) {
        job_go(job_new(session, op, sizeof(struct identify), start, release));
        return;
    }
    op->mine = session;
    smtp_check(session, op, checked_alone, op);
}
