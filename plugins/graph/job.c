/* graph/job.c: an operation in flight: one request after the other, and one end. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_READ = 30000, TIMEOUT_SEND = 60000 };

void *graph_job_new(struct rider_session *session, struct rider_op *op, size_t size,
                    void (*release)(struct graph_job *))
{
    struct graph_job *job = text_alloc(size);

    *job =
        (struct graph_job){.next = session->jobs, .session = session, .op = op, .release = release};
    session->jobs = job;
    op->mine = job;
    return job;
}

void graph_job_free(struct graph_job *job)
{
    struct graph_job **at = &job->session->jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (job->release)
        job->release(job);
    free(job);
}

static void answered(void *arg, const struct rider_http_response *response)
{
    struct graph_job *job = arg;

    job->http = NULL;
    job->then(job, response);
}

static void refused_by_host(struct graph_job *job)
{
    struct graph_failure failure;

    if (job->hurry) { /* what counts was done before this request */
        job->hurry(job);
        return;
    }
    graph_failure_say(&failure, RIDER_TRANSIENT, RIDER_SERVICE,
                      "the host refused the request %s; its log says why", job->method);
    graph_job_fail(job, &failure);
}

void graph_job_request(struct graph_job *job, const struct graph_request *request, graph_then *then)
{
    const struct rider_host *host = job->session->host;
    struct text url = {0}, prefer = {0}, type = {0}, match = {0};
    const char *headers[6] = {0};
    size_t count = 0;
    struct rider_http_request http = {
        .size = sizeof(http),
        .op = job->op,
        .method = request->verb,
        .headers = headers,
        .timeout = request->doing == GRAPH_SENDING ? TIMEOUT_SEND : TIMEOUT_READ,
        .cost = request->cost ? request->cost : 1,
        .authorized = true,
        .replayable = request->doing == GRAPH_READING,
    };

    text_printf(&url, "%s%s", job->session->api, request->path);
    text_printf(&prefer, "Prefer: " GRAPH_PREFER "%s%s", request->prefer ? ", " : "",
                request->prefer ? request->prefer : "");
    headers[count++] = prefer.data;
#ifdef POSTRIDER_BUILD
    headers[count++] = "X-Rider-Build: " POSTRIDER_BUILD;
#endif
    if (request->type) {
        text_printf(&type, "Content-Type: %s", request->type);
        headers[count++] = type.data;
    }
    if (request->if_match) {
        text_printf(&match, "If-Match: %s", request->if_match);
        headers[count++] = match.data;
    }
    if (request->body)
        http.body = (struct rider_bytes){request->body->data, request->body->len};
    http.url = url.data;
    job->method = request->method;
    job->doing = request->doing;
    job->then = then;
    job->http = host->http(host, &http, answered, job);
    text_free(&url);
    text_free(&prefer);
    text_free(&type);
    text_free(&match);
    if (!job->http)
        refused_by_host(job);
}

void graph_job_get(struct graph_job *job, const char *method, const char *path, graph_then *then)
{
    const struct graph_request request = {
        .method = method, .verb = "GET", .path = path, .doing = GRAPH_READING};

    graph_job_request(job, &request, then);
}

bool graph_ok(const struct rider_http_response *response)
{
    return response->status >= 200 && response->status < 300;
}

void graph_job_fail(struct graph_job *job, const struct graph_failure *failure)
{
    job->session->host->fail(job->op, &failure->failure); /* which may lie in the job */
    graph_job_free(job);
}

void graph_job_fail_with(struct graph_job *job, const struct rider_http_response *response)
{
    struct graph_failure failure;

    graph_failure_read(job->session->host, job->method, job->doing, response, &failure);
    graph_job_fail(job, &failure);
}

void graph_job_broken(struct graph_job *job)
{
    struct graph_failure failure;

    graph_failure_say(&failure, job->doing == GRAPH_SENDING ? RIDER_UNCERTAIN : RIDER_BROKEN,
                      RIDER_MESSAGE, "Graph's answer to %s cannot be read", job->method);
    graph_job_fail(job, &failure);
}

void graph_unsupported(struct rider_session *session, struct rider_op *op, const char *what)
{
    struct graph_failure failure;

    graph_failure_say(&failure, RIDER_UNSUPPORTED, RIDER_MAILBOX,
                      "%s needs more access than this mailbox's owner granted: send a new "
                      "sign-in link that asks for it",
                      what);
    session->host->fail(op, &failure.failure);
}

void graph_cancel(struct rider_session *session, struct rider_op *op)
{
    for (struct graph_job *job = session->jobs; job; job = job->next) {
        struct graph_failure failure;

        if (job->op != op)
            continue;
        if (job->http)
            session->host->http_abort(job->http);
        job->http = NULL;
        if (job->hurry) {
            job->hurry(job);
            return;
        }
        graph_failure_say(&failure, job->doing == GRAPH_SENDING ? RIDER_UNCERTAIN : RIDER_CANCELLED,
                          RIDER_MESSAGE, "%s was cancelled", job->method ? job->method : "it");
        graph_job_fail(job, &failure);
        return;
    }
}

/* ---- several at once --------------------------------------------------------------------------
 */

static void ask_one(struct graph_job *job, const char *method, enum graph_doing doing,
                    const struct wire_part *part, graph_then *then)
{
    struct text body = {0};
    const struct graph_request request = {.method = method,
                                          .verb = part->verb,
                                          .path = part->path,
                                          .type = part->body ? "application/json" : NULL,
                                          .if_match = part->if_match,
                                          .prefer = part->prefer,
                                          .body = part->body ? &body : NULL,
                                          .doing = doing};

    text_str(&body, part->body);
    graph_job_request(job, &request, then);
    text_free(&body);
}

/* In a batch each part says its preferences itself (facts 4.9). */
static void ask_batch(struct graph_job *job, const char *method, enum graph_doing doing,
                      const struct wire_part *parts, size_t count, graph_then *then)
{
    struct wire_part asked[WIRE_BATCH_MAX] = {0};
    struct text prefer[WIRE_BATCH_MAX] = {0}, body = {0};
    const struct graph_request request = {.method = method,
                                          .verb = "POST",
                                          .path = "/$batch",
                                          .type = "application/json",
                                          .body = &body,
                                          .cost = (uint32_t)count,
                                          .doing = doing};

    for (size_t i = 0; i < count; i++) {
        asked[i] = parts[i];
        text_printf(&prefer[i], GRAPH_PREFER "%s%s", parts[i].prefer ? ", " : "",
                    parts[i].prefer ? parts[i].prefer : "");
        asked[i].prefer = prefer[i].data;
    }
    wire_batch_write(&body, asked, count);
    graph_job_request(job, &request, then);
    for (size_t i = 0; i < count; i++)
        text_free(&prefer[i]);
    text_free(&body);
}

void graph_job_parts(struct graph_job *job, const char *method, enum graph_doing doing,
                     struct wire_part *parts, size_t count, graph_then *then)
{
    wire_parts_clear(parts, count);
    job->batch = count > 1;
    if (count == 1)
        ask_one(job, method, doing, &parts[0], then);
    else
        ask_batch(job, method, doing, parts, count, then);
}

int graph_parts_take(struct graph_job *job, const struct rider_http_response *response,
                     struct wire_part *parts, size_t count, struct graph_failure *failure)
{
    job->session->alone = job->session->alone && !graph_ok(response);
    if (count == 1 && response->status) {
        parts[0].status = response->status;
        text_add(&parts[0].headers, response->headers.data, response->headers.len);
        text_add(&parts[0].answer, response->body.data, response->body.len);
        return 0;
    }
    if (!graph_ok(response)) {
        graph_failure_read(job->session->host, job->method, job->doing, response, failure);
        return -1;
    }
    if (wire_batch_read(parts, count, response->body.data, response->body.len) == 0)
        return 0;
    graph_failure_say(failure, RIDER_BROKEN, RIDER_MAILBOX,
                      "Graph's answer to a batch cannot be read");
    return -1;
}

void graph_part_failure(struct graph_job *job, const struct wire_part *part,
                        struct graph_failure *failure)
{
    const struct rider_http_response inner = {.size = sizeof(inner),
                                              .status = part->status,
                                              .sent = true,
                                              .error = "no answer to this part of a batch",
                                              .headers = {part->headers.data, part->headers.len},
                                              .body = {part->answer.data, part->answer.len}};

    graph_failure_read(job->session->host, job->method, job->doing, &inner, failure);
    /* The host renews at a 401 of a whole request: the next one goes by itself. A challenge is
     * answered by what it says. */
    if (part->status == 401 && job->batch && !failure->failure.claims) {
        job->session->alone = true;
        graph_failure_say(failure, RIDER_TRANSIENT, RIDER_MAILBOX,
                          "the access token ran out within a batch (401 to %s)", job->method);
    }
}
