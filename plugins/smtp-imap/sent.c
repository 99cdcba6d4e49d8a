/* smtp-imap/sent.c: what is in Sent: find looks there and in the trash, file puts the copy there.
 *
 * A server keeps our Message-ID, and the marker too. Not found proves nothing unless the server
 * itself files what it takes (`sent: server`): else the copy is ours to make, after SENT is on
 * disk. */
#include "seek.h"

#include <stdlib.h>
#include <string.h>

enum { SERVER_FILES_WITHIN = 3000 }; /* when we don't know yet whether it does */

struct sent_job {
    struct job job;
    struct seek seek;
    char *marker, *message_id;
    /* find */
    uint32_t shelf;     /* IMAP_USE_... where is being looked */
    const char *unseen; /* why not all of it was looked through; or NULL */
    /* file */
    struct rider_bytes bytes; /* lent until the operation is finished */
    struct rider_timer *timer;
    bool waited;
};

static void release(struct job *job)
{
    struct sent_job *it = (struct sent_job *)job;

    job->session->host->forget(it->timer);
    seek_free(&it->seek);
    free(it->marker);
    free(it->message_id);
}

static struct sent_job *begin(struct rider_session *session, struct rider_op *op,
                              const struct rider_message *message, void (*start)(struct job *))
{
    struct sent_job *it = job_new(session, op, sizeof(*it), start, release);

    it->marker = text_dup(message->marker);
    it->message_id = text_dup(message->message_id);
    it->bytes = message->rfc5322;
    return it;
}

static void is_there(struct sent_job *it, const char *id, const char *real_id)
{
    const struct rider_sent sent = {.size = sizeof(sent),
                                    .state = RIDER_IS_SENT,
                                    .provider_id = id,
                                    .message_id = real_id ? real_id : it->message_id,
                                    .final = true};

    it->job.session->host->send_done(it->job.op, &sent);
    job_end(&it->job);
}

static void fail(struct sent_job *it, enum rider_kind kind, const char *what)
{
    struct failure failure;

    failure_say(&failure, kind, RIDER_MESSAGE, "%s", what);
    job_fail(&it->job, &failure);
}

static const char no_sent[] = "the IMAP server marks no folder as Sent: name it by the setting "
                              "sent_folder";

/* ---- find -------------------------------------------------------------------------------------
 */

static void looked(struct job *job, const struct failure *why)
{
    struct sent_job *it = (struct sent_job *)job;
    const struct imap_folder *trash = imap_folder_for(job->session->imap, IMAP_USE_TRASH);

    if (it->seek.missing && it->shelf == IMAP_USE_SENT)
        it->unseen = no_sent;
    else if (it->seek.more)
        it->unseen = "the IMAP server's SEARCH names more mails than can be looked through";
    if (why) {
        job_fail(job, why);
    } else if (it->seek.id) {
        is_there(it, it->seek.id, it->seek.real_id);
    } else if (it->shelf == IMAP_USE_SENT && trash) {
        it->shelf = IMAP_USE_TRASH;
        seek_start(&it->seek, job, trash->name, it->marker, it->message_id, looked);
    } else if (it->unseen) {
        fail(it, RIDER_UNSUPPORTED, it->unseen);
    } else {
        fail(it, RIDER_ABSENT, "neither Sent nor the trash holds this message");
    }
}

static void find_start(struct job *job)
{
    struct sent_job *it = (struct sent_job *)job;
    const char *sent = session_sent_folder(job->session);

    it->shelf = IMAP_USE_SENT;
    if (sent)
        seek_start(&it->seek, job, sent, it->marker, it->message_id, looked);
    else
        fail(it, RIDER_UNSUPPORTED, no_sent);
}

void plugin_find(struct rider_session *session, struct rider_op *op,
                 const struct rider_message *message)
{
    if (!session->imap_url || session->access < RIDER_ACCESS_HEADERS)
        job_unsupported(session, op, "looking into Sent");
    else if (!message->marker && !message->message_id)
        job_unsupported(session, op, "looking for a message without a marker");
    else
        job_go(&begin(session, op, message, find_start)->job);
}

/* ---- file -------------------------------------------------------------------------------------
 */

static void appended(void *arg, const struct imap_response *response)
{
    struct sent_job *it = arg;
    const char *made = it->job.session->imap->made_id;
    struct text id = {0};

    if (response->status != IMAP_OK) {
        job_refused(&it->job, "APPEND", response);
        return;
    }
    if (!made) { /* there, and without a name: nobody asks for it but who labels it */
        it->job.session->host->done(it->job.op);
        job_end(&it->job);
        return;
    }
    text_percent(&id, session_sent_folder(it->job.session));
    text_printf(&id, "/%s", made);
    is_there(it, id.data, NULL);
    text_free(&id);
}

static void append(struct sent_job *it)
{
    struct text command = {0};

    text_str(&command, "APPEND ");
    if (!imap_quote(&command, session_sent_folder(it->job.session)))
        text_str(&command, "\"\"");
    text_str(&command, " (\\Seen)");
    imap_say_literal(it->job.session->imap, "APPEND", command.data, it->bytes, appended, it);
    text_free(&command);
}

static void file_start(struct job *job);

static void waited(void *arg)
{
    struct sent_job *it = arg;

    it->timer = NULL;
    file_start(&it->job);
}

/* Servers that file by themselves may take a moment. Once we had to do it, we don't wait again. */
static void looked_before(struct job *job, const struct failure *why)
{
    static const char we[] = "append";
    struct sent_job *it = (struct sent_job *)job;
    const struct rider_host *host = job->session->host;
    bool known = job->session->sent != SENT_AUTO || host->recall(host, "sent").len;

    if (why) {
        job_fail(job, why);
    } else if (it->seek.id) {
        is_there(it, it->seek.id, it->seek.real_id);
    } else if (it->seek.missing) {
        fail(it, RIDER_PERMANENT, no_sent);
    } else if (!known && !it->waited) {
        it->waited = true;
        it->timer = host->after(host, SERVER_FILES_WITHIN, waited, it);
    } else {
        if (!known)
            host->remember(host, "sent", (struct rider_bytes){we, sizeof(we) - 1});
        append(it);
    }
}

static void file_start(struct job *job)
{
    struct sent_job *it = (struct sent_job *)job;
    const char *sent = session_sent_folder(job->session);

    if (sent)
        seek_start(&it->seek, job, sent, it->marker, it->message_id, looked_before);
    else
        fail(it, RIDER_PERMANENT, no_sent);
}

void plugin_file(struct rider_session *session, struct rider_op *op,
                 const struct rider_message *message)
{
    struct failure failure;

    if (!session->imap_url || session->access < RIDER_ACCESS_HEADERS) {
        job_unsupported(session, op, "filing the copy in Sent");
    } else if (!message->rfc5322.len || !message->message_id) {
        failure_say(&failure, RIDER_PERMANENT, RIDER_MESSAGE,
                    "the message's bytes are gone: there is nothing to file");
        session->host->fail(op, &failure.failure);
    } else {
        job_go(&begin(session, op, message, file_start)->job);
    }
}
