/* graph/send.c: sends a mail, through a draft whose id is kept first, or straight.
 *
 * The draft is made and sent under one immutable id, so what became of it can be asked for at any
 * time. Straight (sendMail) answers 202 and no id: the mail is looked for in Sent Items later.
 *
 * Each mail goes as MIME, as it was composed: only that carries List-Unsubscribe-Post, In-Reply-To,
 * References and our Message-ID (facts 4.4). What is sent as another address goes as JSON, since
 * MIME's From is not heeded; it has its List-Unsubscribe and its thread by MAPI properties, and no
 * one-click. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

#define IDENTITY "?$select=id,isDraft,conversationId,internetMessageId"

struct sending {
    struct graph_job job;
    bool readable; /* what was sent can be asked for */
    char *id, *conversation, *message_id;
};

static void release(struct graph_job *job)
{
    struct sending *it = (struct sending *)job;

    free(it->id);
    free(it->conversation);
    free(it->message_id);
}

static void finish(struct sending *it, int32_t state, bool final)
{
    struct rider_sent sent = {
        .size = sizeof(sent),
        .state = state,
        .provider_id = it->id,
        .thread_id = it->conversation,
        .message_id = it->message_id,
        .final = final,
    };

    it->job.session->host->send_done(it->job.op, &sent);
    graph_job_free(&it->job);
}

static void message_path(struct text *path, const char *id, const char *rest)
{
    text_str(path, "/me/messages/");
    text_percent(path, id);
    text_str(path, rest);
}

/* ---- after the 202 ----------------------------------------------------------------------------
 */

/* For a while after its 202 a mail can be a draft still, or nowhere (facts 4.2): then `find` asks
 * again. That takes nothing from the sending. */
static void got_identity(struct graph_job *job, const struct rider_http_response *response)
{
    struct sending *it = (struct sending *)job;
    struct wire_message message;
    bool final = false;

    if (graph_ok(response) &&
        wire_message_read(&message, response->body.data, response->body.len) == 0) {
        final = !message.draft && message.message_id;
        if (final) {
            it->conversation = text_dup(message.conversation);
            it->message_id = text_dup(message.message_id);
        }
        wire_message_free(&message);
    }
    finish(it, RIDER_IS_SENT, final);
}

static void hurry_identity(struct graph_job *job)
{
    finish((struct sending *)job, RIDER_IS_SENT, false);
}

static void got_sent(struct graph_job *job, const struct rider_http_response *response)
{
    struct sending *it = (struct sending *)job;
    struct text path = {0};

    if (!graph_ok(response)) {
        graph_job_fail_with(job, response);
    } else if (response->status != 202) {
        graph_job_broken(job); /* a proxy's page, say: nobody took the mail, or Graph did */
    } else if (!it->id) {      /* straight: `find` learns the rest, where it may look at all */
        finish(it, RIDER_IS_SENT, !it->readable);
    } else {
        job->hurry = hurry_identity;
        message_path(&path, it->id, IDENTITY);
        graph_job_get(job, "messages.get", path.data, got_identity);
        text_free(&path);
    }
}

/* A draft that is gone was sent, or deleted: `find` tells which. */
static void got_draft_sent(struct graph_job *job, const struct rider_http_response *response)
{
    struct graph_failure failure;

    if (response->status == 404) {
        graph_failure_say(&failure, RIDER_UNCERTAIN, RIDER_MESSAGE,
                          "the draft is no longer there: it was sent before, or deleted");
        failure.failure.code = 404;
        graph_job_fail(job, &failure);
        return;
    }
    got_sent(job, response);
}

/* ---- what goes out ----------------------------------------------------------------------------
 */

static bool needs_json(const struct rider_session *session, const struct rider_message *message)
{
    return message->from && session->address && !text_fold_same(message->from, session->address);
}

static void put_mail(struct sending *it, const struct rider_message *message, bool straight,
                     graph_then *then)
{
    struct text body = {0};
    struct graph_request request = {.method = straight ? "sendMail" : "messages.create",
                                    .verb = "POST",
                                    .path = straight ? "/me/sendMail" : "/me/messages",
                                    .body = &body,
                                    .doing = GRAPH_SENDING};

    if (needs_json(it->job.session, message)) {
        request.type = "application/json";
        text_str(&body, straight ? "{\"message\":" : "");
        wire_message_write(&body, message);
        text_str(&body, straight ? ",\"saveToSentItems\":true}" : "");
    } else {
        request.type = "text/plain";
        text_base64(&body, message->rfc5322.data, message->rfc5322.len);
    }
    graph_job_request(&it->job, &request, then);
    text_free(&body);
}

static void got_draft(struct graph_job *job, const struct rider_http_response *response)
{
    struct sending *it = (struct sending *)job;
    struct wire_message message;

    if (!graph_ok(response)) {
        graph_job_fail_with(job, response);
        return;
    }
    if (wire_message_read(&message, response->body.data, response->body.len) < 0) {
        graph_job_broken(job);
        return;
    }
    it->id = text_dup(message.id);
    it->conversation = text_dup(message.conversation);
    wire_message_free(&message);
    finish(it, RIDER_IS_STAGED, false);
}

void graph_stage(struct rider_session *session, struct rider_op *op,
                 const struct rider_message *message)
{
    if (!(session->may & GRAPH_MAY_WRITE)) {
        graph_unsupported(session, op, "a draft");
        return;
    }
    put_mail(graph_job_new(session, op, sizeof(struct sending), release), message, false,
             got_draft);
}

static void send_draft(struct sending *it)
{
    struct text path = {0};
    struct graph_request request = {
        .method = "messages.send", .verb = "POST", .doing = GRAPH_SENDING};

    message_path(&path, it->id, "/send");
    request.path = path.data;
    graph_job_request(&it->job, &request, got_draft_sent);
    text_free(&path);
}

void graph_send(struct rider_session *session, struct rider_op *op,
                const struct rider_message *message)
{
    bool draft = message->provider_id && *message->provider_id;
    struct sending *it;

    if (!(session->may & GRAPH_MAY_SEND)) {
        graph_unsupported(session, op, "sending");
        return;
    }
    it = graph_job_new(session, op, sizeof(*it), release);
    it->readable = session->may & GRAPH_MAY_LIST;
    it->id = draft ? text_dup(message->provider_id) : NULL;
    if (draft)
        send_draft(it);
    else
        put_mail(it, message, true, got_sent);
}

/* ---- a draft that is no longer wanted ---------------------------------------------------------
 */

struct discarding {
    struct graph_job job;
    char *path;
};

static void release_discarding(struct graph_job *job)
{
    free(((struct discarding *)job)->path);
}

static void discarded(struct graph_job *job, const struct rider_http_response *response)
{
    const struct rider_host *host = job->session->host;
    struct rider_op *op = job->op;

    if (!graph_ok(response)) { /* 404 and 412 too: it may have been sent, the core finds again */
        graph_job_fail_with(job, response);
        return;
    }
    if (response->status != 204) {
        graph_job_broken(job);
        return;
    }
    graph_job_free(job);
    host->done(op);
}

/* Under the same id a sent mail would be deleted: only what still is a draft is, and only if it
 * has not changed since. */
static void got_state(struct graph_job *job, const struct rider_http_response *response)
{
    struct discarding *it = (struct discarding *)job;
    struct graph_request request = {
        .method = "messages.delete", .verb = "DELETE", .path = it->path, .doing = GRAPH_CHANGING};
    struct graph_failure failure;
    struct wire_message message;

    if (!graph_ok(response)) {
        graph_job_fail_with(job, response);
    } else if (wire_message_read(&message, response->body.data, response->body.len) < 0) {
        graph_job_broken(job);
    } else {
        if (message.draft) {
            request.if_match = message.etag;
            graph_job_request(job, &request, discarded);
        } else {
            graph_failure_say(&failure, RIDER_ABSENT, RIDER_MESSAGE,
                              "it is no draft any more: it was sent");
            graph_job_fail(job, &failure);
        }
        wire_message_free(&message);
    }
}

void graph_discard(struct rider_session *session, struct rider_op *op,
                   const struct rider_message *message)
{
    struct graph_failure failure;
    struct discarding *it;
    struct text path = {0};

    if (!(session->may & GRAPH_MAY_WRITE)) {
        graph_unsupported(session, op, "deleting a draft");
        return;
    }
    if (!message->provider_id || !*message->provider_id) {
        graph_failure_say(&failure, RIDER_ABSENT, RIDER_MESSAGE,
                          "no draft of this message is known");
        session->host->fail(op, &failure.failure);
        return;
    }
    it = graph_job_new(session, op, sizeof(*it), release_discarding);
    message_path(&path, message->provider_id, "");
    it->path = text_dup(path.data);
    text_str(&path, "?$select=id,isDraft");
    graph_job_get(&it->job, "messages.get", path.data, got_state);
    text_free(&path);
}
