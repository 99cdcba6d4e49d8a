/* gmail/job.c: an operation in flight: one request after the other, and one end. */
#include "gmail.h"

#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_READ = 30000, TIMEOUT_SEND = 60000 };

void *gmail_job_new(struct rider_session *session, struct rider_op *op, size_t size,
                    void (*release)(struct gmail_job *))
{
    struct gmail_job *job = text_alloc(size);

    job->session = session;
    job->op = op;
    job->release = release;
    job->next = session->jobs;
    session->jobs = job;
    op->mine = job;
    return job;
}

void gmail_job_free(struct gmail_job *job)
{
    struct gmail_job **at = &job->session->jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (job->release)
        job->release(job);
    free(job);
}

static void answered(void *arg, const struct rider_http_response *response)
{
    struct gmail_job *job = arg;

    job->http = NULL;
    job->then(job, response);
}

void gmail_job_request(struct gmail_job *job, const struct gmail_request *request, gmail_then *then)
{
    const struct rider_host *host = job->session->host;
    struct text type = {0};
    const char *headers[4] = {"Accept: application/json"};
    size_t count = 1;
    struct rider_http_request http = {
        .size = sizeof(http),
        .op = job->op,
        .method = request->verb,
        .url = request->url,
        .headers = headers,
        .timeout = request->doing == GMAIL_SENDING ? TIMEOUT_SEND : TIMEOUT_READ,
        .cost = request->cost ? request->cost : gmail_cost(job->session, request->method),
        .authorized = true,
        .replayable = request->doing == GMAIL_READING || request->doing == GMAIL_LABELLING,
    };

#ifdef POSTRIDER_BUILD
    headers[count++] = "X-Rider-Build: " POSTRIDER_BUILD;
#endif
    if (request->type) {
        text_printf(&type, "Content-Type: %s", request->type);
        headers[count++] = type.data;
    }
    if (request->body)
        http.body = (struct rider_bytes){request->body->data, request->body->len};
    headers[count] = NULL;
    job->method = request->method;
    job->doing = request->doing;
    job->then = then;
    job->http = host->http(host, &http, answered, job);
    text_free(&type);
    if (!job->http && job->hurry) {
        job->hurry(job); /* what counts was done before this request */
    } else if (!job->http) {
        struct gmail_failure failure;

        gmail_failure_say(&failure, RIDER_TRANSIENT, RIDER_SERVICE,
                          "the host refused the request %s; its log says why", request->method);
        gmail_job_fail(job, &failure);
    }
}

void gmail_job_get(struct gmail_job *job, const char *method, const char *path, gmail_then *then)
{
    struct text url = {0};
    struct gmail_request request = {.method = method, .verb = "GET", .doing = GMAIL_READING};

    text_printf(&url, "%s/gmail/v1/users/me%s", job->session->api, path);
    request.url = url.data;
    gmail_job_request(job, &request, then);
    text_free(&url);
}

bool gmail_ok(const struct rider_http_response *response)
{
    return response->status >= 200 && response->status < 300;
}

void gmail_job_fail(struct gmail_job *job, const struct gmail_failure *failure)
{
    job->session->host->fail(job->op, &failure->failure); /* which may lie in the job */
    gmail_job_free(job);
}

void gmail_job_fail_with(struct gmail_job *job, const struct rider_http_response *response)
{
    struct gmail_failure failure;

    gmail_failure_read(job->session->host, job->method, job->doing, response, &failure);
    gmail_job_fail(job, &failure);
}

void gmail_job_broken(struct gmail_job *job)
{
    struct gmail_failure failure;

    gmail_failure_say(&failure, job->doing == GMAIL_SENDING ? RIDER_UNCERTAIN : RIDER_BROKEN,
                      RIDER_MESSAGE, "Gmail's answer to %s cannot be read", job->method);
    gmail_job_fail(job, &failure);
}

void gmail_unsupported(struct rider_session *session, struct rider_op *op, const char *what)
{
    struct gmail_failure failure;

    gmail_failure_say(&failure, RIDER_UNSUPPORTED, RIDER_MAILBOX,
                      "%s needs more access than this mailbox's owner granted: send a new "
                      "sign-in link that asks for it",
                      what);
    session->host->fail(op, &failure.failure);
}

void gmail_cancel(struct rider_session *session, struct rider_op *op)
{
    for (struct gmail_job *job = session->jobs; job; job = job->next) {
        struct gmail_failure failure;

        if (job->op != op)
            continue;
        if (job->http)
            session->host->http_abort(job->http);
        job->http = NULL;
        if (job->hurry) {
            job->hurry(job);
            return;
        }
        gmail_failure_say(&failure, job->doing == GMAIL_SENDING ? RIDER_UNCERTAIN : RIDER_CANCELLED,
                          RIDER_MESSAGE, "%s was cancelled", job->method ? job->method : "it");
        gmail_job_fail(job, &failure);
        return;
    }
}

/* ---- messages by batch ------------------------------------------------------------------------
 */

void gmail_metadata_query(struct text *path, char *const *headers)
{
    text_str(path, "?format=metadata");
    for (; headers && *headers; headers++) {
        text_str(path, "&metadataHeaders=");
        text_percent(path, *headers);
    }
    text_str(path, "&fields=id,threadId,labelIds,internalDate,sizeEstimate,payload/headers");
}

void gmail_fetch(struct gmail_job *job, const char *const *ids, size_t count, char *const *headers,
                 gmail_then *then)
{
    struct text body = {0}, path = {0};
    struct gmail_request request = {.method = "messages.get",
                                    .verb = "POST",
                                    .url = job->session->batch,
                                    .type = WIRE_BATCH_TYPE,
                                    .body = &body,
                                    .doing = GMAIL_READING};

    for (size_t i = 0; i < count; i++) {
        path.len = 0;
        text_str(&path, "/gmail/v1/users/me/messages/");
        text_percent(&path, ids[i]);
        gmail_metadata_query(&path, headers);
        wire_batch_add(&body, i, path.data);
    }
    wire_batch_end(&body);
    request.cost = gmail_cost(job->session, "messages.get") * (uint32_t)count;
    gmail_job_request(job, &request, then);
    text_free(&path);
    text_free(&body);
}

int gmail_fetch_take(struct gmail_job *job, const struct rider_http_response *response,
                     const char *const *ids, struct gmail_fetched *fetched, size_t count,
                     size_t *failed_r, struct gmail_failure *failure)
{
    struct wire_part parts[WIRE_BATCH_MAX];

    memset(fetched, 0, count * sizeof(*fetched));
    *failed_r = 0;
    if (!gmail_ok(response)) {
        gmail_failure_read(job->session->host, "messages.get", GMAIL_READING, response, failure);
        return -1;
    }
    if (wire_batch_read(parts, count, response->headers, response->body) < 0) {
        gmail_failure_say(failure, RIDER_BROKEN, RIDER_MAILBOX,
                          "Gmail's answer to a batch cannot be read");
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct rider_http_response inner = {.size = sizeof(inner),
                                            .status = parts[i].status,
                                            .sent = true,
                                            .headers = parts[i].headers,
                                            .body = parts[i].body};

        fetched[i].status = inner.status;
        if (inner.status == 400 && job->session->host->log) /* asking again changes nothing */
            job->session->host->log(job->session->host, 1,
                                    "Gmail refuses message %s (400): it is passed over", ids[i]);
        if (inner.status == 404 || inner.status == 410 || inner.status == 400)
            continue;
        *failed_r = i;
        if (inner.status == 401) { /* the host renews at a 401 of a whole request: the next one's */
            gmail_failure_say(failure, RIDER_TRANSIENT, RIDER_MAILBOX,
                              "the access token ran out within a batch (401 to messages.get)");
            failure->failure.holds = RIDER_HOLDS_LIST;
            return -1;
        }
        if (!gmail_ok(&inner)) {
            gmail_failure_read(job->session->host, "messages.get", GMAIL_READING, &inner, failure);
            return -1;
        }
        if (wire_message_read(&fetched[i].message, inner.body.data, inner.body.len) < 0) {
            gmail_failure_say(failure, RIDER_BROKEN, RIDER_MAILBOX,
                              "Gmail's answer to messages.get cannot be read");
            return -1;
        }
    }
    *failed_r = count;
    return 0;
}

void gmail_fetched_free(struct gmail_fetched *fetched, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wire_message_free(&fetched[i].message);
}
