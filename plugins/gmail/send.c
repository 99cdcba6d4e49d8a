/* gmail/send.c: sends a mail, straight or through a draft that sending consumes, and learns the
 * identity it was delivered with.
 *
 * drafts.create, drafts.send, drafts.delete, messages.send; uploads above what JSON takes. */
#include "gmail.h"

#include <stdlib.h>
#include <string.h>

enum { JSON_MAX = 3500 * 1000 }; /* beyond it the API wants an upload */

struct sending {
    struct gmail_job job;
    const struct rider_message *message; /* lent until the operation is finished */
    bool stage;
    bool threaded; /* the request in flight names a thread */
    bool draft;    /* what is sent is a draft */
    struct rider_sent sent;
    char *id, *thread_id, *message_id;
};

static void release(struct gmail_job *job)
{
    struct sending *it = (struct sending *)job;

    free(it->id);
    free(it->thread_id);
    free(it->message_id);
}

static void finish(struct sending *it, bool final)
{
    struct rider_sent sent = {
        .size = sizeof(sent),
        .state = it->stage ? RIDER_IS_STAGED : RIDER_IS_SENT,
        .provider_id = it->id,
        .thread_id = it->thread_id,
        .message_id = it->message_id,
        .final = final,
    };

    it->job.session->host->send_done(it->job.op, &sent);
    gmail_job_free(&it->job);
}

/* Gmail puts its own Message-ID in place of ours: what answers will name is read back. That it
 * can't be read takes nothing from the sending; `find` may ask again. */
static void got_identity(struct gmail_job *job, const struct rider_http_response *response)
{
    struct sending *it = (struct sending *)job;
    struct wire_message message;
    const char *id;

    if (gmail_ok(response) &&
        wire_message_read(&message, response->body.data, response->body.len) == 0) {
        id = wire_header(&message, "Message-ID");
        it->message_id = id ? wire_id(id) : NULL;
        wire_message_free(&message);
    }
    if (it->message_id)
        gmail_knows_sent(job->session, it->id);
    finish(it, it->message_id != NULL);
}

static void hurry_identity(struct gmail_job *job)
{
    finish((struct sending *)job, false);
}

static void ask_identity(struct sending *it)
{
    static char *const headers[] = {"Message-ID", NULL};
    struct text path = {0};

    if (!(it->job.session->may & GMAIL_MAY_LIST)) { /* nothing can ever be read: that is all */
        finish(it, true);
        return;
    }
    text_str(&path, "/messages/");
    text_percent(&path, it->id);
    gmail_metadata_query(&path, headers);
    it->job.hurry = hurry_identity;
    gmail_job_get(&it->job, "messages.get", path.data, got_identity);
    text_free(&path);
}

static void got_sent(struct gmail_job *job, const struct rider_http_response *response);

/* The JSON that goes with the mail; empty when it says nothing. */
static void put_thread(struct text *body, const struct sending *it)
{
    if (it->threaded) {
        text_str(body, "\"threadId\":");
        text_json(body, it->message->thread_id);
    }
}

static void json_body(struct text *body, const struct sending *it)
{
    text_str(body, it->stage ? "{\"message\":{" : "{");
    put_thread(body, it);
    text_str(body, it->threaded ? ",\"raw\":\"" : "\"raw\":\"");
    text_base64url(body, it->message->rfc5322.data, it->message->rfc5322.len);
    text_str(body, it->stage ? "\"}}" : "\"}");
}

/* multipart/related: the JSON, then the mail as it is. The boundary stands nowhere in the mail. */
static void upload_body(struct text *body, const struct sending *it, struct text *type)
{
    const struct rider_bytes mail = it->message->rfc5322;
    struct text boundary = {0};

    for (unsigned i = 0;; i++) {
        boundary.len = 0;
        text_printf(&boundary, "postrider_upload_%u", i);
        if (!memmem(mail.data, mail.len, boundary.data, boundary.len))
            break;
    }
    text_printf(type, "multipart/related; boundary=%s", boundary.data);
    text_printf(body, "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n%s",
                boundary.data, it->stage ? "{\"message\":{" : "{");
    put_thread(body, it);
    text_printf(body, "%s\r\n--%s\r\nContent-Type: message/rfc822\r\n\r\n", it->stage ? "}}" : "}",
                boundary.data);
    text_add(body, mail.data, mail.len);
    text_printf(body, "\r\n--%s--\r\n", boundary.data);
    text_free(&boundary);
}

static void send_mail(struct sending *it)
{
    bool upload = it->message->rfc5322.len > JSON_MAX;
    struct text url = {0}, body = {0}, type = {0};
    struct gmail_request request = {
        .method = it->stage ? "drafts.create" : "messages.send",
        .verb = "POST",
        .body = &body,
        .doing = GMAIL_SENDING,
    };

    text_printf(&url, "%s%s/gmail/v1/users/me/%s%s", it->job.session->api, upload ? "/upload" : "",
                it->stage ? "drafts" : "messages/send", upload ? "?uploadType=multipart" : "");
    if (upload) {
        upload_body(&body, it, &type);
    } else {
        json_body(&body, it);
        text_str(&type, "application/json");
    }
    request.url = url.data;
    request.type = type.data;
    gmail_job_request(&it->job, &request, got_sent);
    text_free(&url);
    text_free(&body);
    text_free(&type);
}

/* The thread of the step before can be gone, or another mailbox's. The answer proves that nothing
 * was sent, so the mail goes without it: its References still say what it belongs to. */
static bool thread_is_gone(const struct sending *it, const struct rider_http_response *response)
{
    struct wire_error error;

    if (!it->threaded || (response->status != 404 && response->status != 400))
        return false;
    wire_error_read(&error, response->body.data, response->body.len);
    return response->status == 404 || error.thread;
}

static void got_sent(struct gmail_job *job, const struct rider_http_response *response)
{
    struct sending *it = (struct sending *)job;
    struct wire_message message;

    if (thread_is_gone(it, response)) {
        it->threaded = false;
        send_mail(it);
        return;
    }
    if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
        return;
    }
    if (it->stage) {
        struct wire_draft draft;
        struct text id = {0};

        if (wire_draft_read(&draft, response->body.data, response->body.len) < 0) {
            gmail_job_broken(job);
            return;
        }
        text_printf(&id, GMAIL_DRAFT "%s", draft.id);
        it->id = id.data;
        it->thread_id = text_dup(draft.message.thread_id);
        wire_draft_free(&draft);
        finish(it, false);
        return;
    }
    if (wire_message_read(&message, response->body.data, response->body.len) < 0) {
        gmail_job_broken(job);
        return;
    }
    it->id = text_dup(message.id);
    it->thread_id = text_dup(message.thread_id);
    wire_message_free(&message);
    if (it->draft) {
        ask_identity(it);
        return;
    }
    /* Straight means fast: `find` is asked for the identity when there is time. */
    gmail_knows_sent(job->session, it->id);
    finish(it, !(job->session->may & GMAIL_MAY_LIST));
}

/* A draft that is gone was sent, or deleted: `find` tells which. */
static void got_draft_sent(struct gmail_job *job, const struct rider_http_response *response)
{
    struct gmail_failure failure;

    if (response->status == 404) {
        gmail_failure_say(&failure, RIDER_UNCERTAIN, RIDER_MESSAGE,
                          "the draft is no longer there: it was sent before, or deleted");
        failure.failure.code = 404;
        gmail_job_fail(job, &failure);
        return;
    }
    got_sent(job, response);
}

static void send_draft(struct sending *it, const char *draft)
{
    struct text url = {0}, body = {0};
    struct gmail_request request = {.method = "drafts.send",
                                    .verb = "POST",
                                    .type = "application/json",
                                    .body = &body,
                                    .doing = GMAIL_SENDING};

    text_printf(&url, "%s/gmail/v1/users/me/drafts/send", it->job.session->api);
    text_str(&body, "{\"id\":");
    text_json(&body, draft);
    text_str(&body, "}");
    request.url = url.data;
    gmail_job_request(&it->job, &request, got_draft_sent);
    text_free(&url);
    text_free(&body);
}

static void start(struct rider_session *session, struct rider_op *op,
                  const struct rider_message *message, bool stage)
{
    const char *draft = stage ? NULL : gmail_draft_id(message->provider_id);
    struct sending *it;

    if (!(session->may & (stage || draft ? GMAIL_MAY_DRAFT : GMAIL_MAY_SEND))) {
        gmail_unsupported(session, op, stage || draft ? "a draft" : "sending");
        return;
    }
    it = gmail_job_new(session, op, sizeof(*it), release);
    it->message = message;
    it->stage = stage;
    it->draft = draft != NULL;
    it->threaded = message->thread_id && *message->thread_id && !draft;
    if (draft)
        send_draft(it, draft);
    else
        send_mail(it);
}

void gmail_stage(struct rider_session *session, struct rider_op *op,
                 const struct rider_message *message)
{
    start(session, op, message, true);
}

void gmail_send(struct rider_session *session, struct rider_op *op,
                const struct rider_message *message)
{
    start(session, op, message, false);
}

static void discarded(struct gmail_job *job, const struct rider_http_response *response)
{
    const struct rider_host *host = job->session->host;
    struct rider_op *op = job->op;

    if (!gmail_ok(response)) { /* 404 as well: it may have been sent, so the core finds again */
        gmail_job_fail_with(job, response);
        return;
    }
    if (response->status != 204) { /* a proxy's page: the draft may well be there */
        gmail_job_broken(job);
        return;
    }
    gmail_job_free(job);
    host->done(op);
}

void gmail_discard(struct rider_session *session, struct rider_op *op,
                   const struct rider_message *message)
{
    const char *draft = gmail_draft_id(message->provider_id);
    struct gmail_request request = {
        .method = "drafts.delete", .verb = "DELETE", .doing = GMAIL_CHANGING};
    struct gmail_failure failure;
    struct gmail_job *job;
    struct text url = {0};

    if (!(session->may & GMAIL_MAY_DRAFT)) {
        gmail_unsupported(session, op, "deleting a draft");
        return;
    }
    if (!draft) {
        gmail_failure_say(&failure, RIDER_ABSENT, RIDER_MESSAGE,
                          "no draft of this message is known");
        session->host->fail(op, &failure.failure);
        return;
    }
    job = gmail_job_new(session, op, sizeof(*job), NULL);
    text_printf(&url, "%s/gmail/v1/users/me/drafts/", session->api);
    text_percent(&url, draft);
    request.url = url.data;
    gmail_job_request(job, &request, discarded);
    text_free(&url);
}
