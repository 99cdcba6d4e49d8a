/* postbox.c: a postrider provider for Postbox, a small mail service with a JSON API.
 *
 * Postbox does not exist; it is here to be replaced by yours. Its whole API:
 *
 *   GET  {api_url}/me                  -> 200 {"address": "ana@acme.example"}
 *   POST {api_url}/send                   Content-Type: message/rfc822, X-Postbox-Tag: <marker>
 *                                      -> 202 {"id": "p1", "thread": "t1"}
 *   GET  {api_url}/sent?tag=<marker>   -> 200 {"id": "p1", "thread": "t1"}, 404: never sent
 *   GET  {api_url}/inbox?after=<cursor>&limit=10
 *                                      -> 200 {"cursor": "c2", "more": false, "items": [{"id":
 * "p2", "thread": "t1", "head": "From: ...\r\n..."}]}
 *
 * and OAuth 2.0 at {auth_url}/authorize and {auth_url}/token. Errors are HTTP statuses. */
#include <postrider/provider.h>

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rider_session { /* one open mailbox; ours to define */
    const struct rider_host *host;
    char api_url[512];
};

/* One operation: made when it starts, freed when it is finished. op->mine leads back to it. */
struct job {
    struct rider_session *session;
    struct rider_op *op;
    struct rider_http *http; /* in flight, or NULL */
    void (*answered)(struct job *job, json_object *answer);
};

/* -- ending an operation: exactly once, and the job with it ----------------------------------- */
static void job_free(struct job *job)
{
    job->op->mine = NULL;
    free(job);
}

static void job_fail(struct job *job, enum rider_kind kind, enum rider_scope scope, int32_t code,
                     int64_t retry_after, const char *detail)
{
    struct rider_failure failure = {
        .size = sizeof(failure),
        .kind = (int32_t)kind,
        .scope = (int32_t)scope,
        .holds = kind == RIDER_THROTTLED ? RIDER_HOLDS_SEND | RIDER_HOLDS_LIST : 0,
        .code = code,
        .retry_after = retry_after,
        .detail = detail,
    };
    job->session->host->fail(job->op, &failure); /* only queues: nothing of ours runs before   */
    job_free(job);                               /* it returns                                 */
}

/* -- from an HTTP answer to a failure --------------------------------------------------------- */
/* The value of a header, if it is a number of seconds: as ms. -1: no hint. */
static int64_t retry_after(struct rider_bytes headers)
{
    static const char name[] = "retry-after:";
    size_t len = sizeof(name) - 1, at = 0;
    const char *text = headers.data;

    while (at + len < headers.len) {
        const char *end = memchr(text + at, '\n', headers.len - at);
        size_t i = 0;
        while (i < len && (text[at + i] | 0x20) == (name[i] | 0x20))
            i++;
        if (i == len)
            return strtoll(text + at + len, NULL, 10) * 1000; /* ends in \r\n, so no overrun */
        if (!end)
            break;
        at = (size_t)(end - text) + 1;
    }
    return -1;
}

static void fail_by_status(struct job *job, const struct rider_http_response *response)
{
    int32_t status = response->status;
    int64_t later = retry_after(response->headers);

    if (status == 0) /* the host makes it UNCERTAIN, if it was a send that left */
        job_fail(job, RIDER_TRANSIENT, RIDER_SERVICE, 0, -1, response->error);
    else if (status == 401)
        job_fail(job, RIDER_AUTH, RIDER_MAILBOX, status, -1, "Postbox refused the token");
    else if (status == 404)
        job_fail(job, RIDER_ABSENT, RIDER_MESSAGE, status, -1, "Postbox does not know it");
    else if (status == 429)
        job_fail(job, RIDER_THROTTLED, RIDER_MAILBOX, status, later, "Postbox asks to slow down");
    else if (status >= 500)
        job_fail(job, RIDER_TRANSIENT, RIDER_SERVICE, status, later, "Postbox has a problem");
    else
        job_fail(job, RIDER_PERMANENT, RIDER_MESSAGE, status, -1, "Postbox refused the request");
}

static const char *text_of(json_object *answer, const char *key)
{
    json_object *value = NULL;

    if (!json_object_object_get_ex(answer, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

static json_object *parse(struct rider_bytes body)
{
    json_tokener *tokener = json_tokener_new();
    json_object *answer;

    if (body.len > (size_t)1 << 22) {
        json_tokener_free(tokener);
        return NULL;
    }
    answer = json_tokener_parse_ex(tokener, body.data ? body.data : "", (int)body.len);
    json_tokener_free(tokener);
    if (answer && json_object_is_type(answer, json_type_object))
        return answer;
    json_object_put(answer);
    return NULL;
}

static void on_response(void *arg, const struct rider_http_response *response)
{
    struct job *job = arg;
    json_object *answer;

    job->http = NULL;
    if (response->status < 200 || response->status > 299) {
        fail_by_status(job, response);
        return;
    }
    answer = parse(response->body);
    if (answer)
        job->answered(job, answer);
    else
        job_fail(job, RIDER_BROKEN, RIDER_MESSAGE, response->status, -1,
                 "Postbox's answer is no JSON object");
    json_object_put(answer);
}

/* -- starting one ----------------------------------------------------------------------------- */
static void job_start(struct rider_session *session, struct rider_op *op, const char *method,
                      const char *const *headers, struct rider_bytes body,
                      void (*answered)(struct job *, json_object *), const char *format, ...)
    RIDER_PRINTF(7, 8);

static void job_start(struct rider_session *session, struct rider_op *op, const char *method,
                      const char *const *headers, struct rider_bytes body,
                      void (*answered)(struct job *, json_object *), const char *format, ...)
{
    struct job *job = calloc(1, sizeof(*job));
    struct rider_http_request request = {.size = sizeof(request),
                                         .op = op,
                                         .method = method,
                                         .headers = headers,
                                         .body = body,
                                         .cost = 1,
                                         .authorized = true, /* the host adds the token */
                                         .replayable = strcmp(method, "GET") == 0};
    char url[1024];
    va_list args;
    int len;

    if (!job)
        abort();
    len = snprintf(url, sizeof(url), "%s", session->api_url);
    va_start(args, format);
    vsnprintf(url + len, sizeof(url) - (size_t)len, format, args);
    va_end(args);
    request.url = url; /* the host copies: what we hand over need only last for the call */
    job->session = session;
    job->op = op;
    job->answered = answered;
    op->mine = job;
    job->http = session->host->http(session->host, &request, on_response, job);
}

/* Everything but unreserved characters as %XX (RFC 3986). */
static void escape(char *out, size_t room, const char *text)
{
    size_t at = 0;

    for (; text && *text && at + 4 < room; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        at += (size_t)snprintf(out + at, room - at, plain ? "%c" : "%%%02X", c);
    }
    out[at] = '\0';
}

/* -- who are you? ----------------------------------------------------------------------------- */
static void identified(struct job *job, json_object *answer)
{
    struct rider_identity identity = {.size = sizeof(identity),
                                      .address = text_of(answer, "address")};

    if (!identity.address) {
        job_fail(job, RIDER_BROKEN, RIDER_MAILBOX, 0, -1,
                 "Postbox did not say whose mailbox it is");
        return;
    }
    job->session->host->identify_done(job->op, &identity);
    job_free(job);
}

static void postbox_identify(struct rider_session *session, struct rider_op *op)
{
    job_start(session, op, "GET", NULL, (struct rider_bytes){NULL, 0}, identified, "/me");
}

/* -- sending, and looking whether it was sent ------------------------------------------------- */
static void sent(struct job *job, json_object *answer)
{
    struct rider_sent done = {
        .size = sizeof(done),
        .state = RIDER_IS_SENT,
        .provider_id = text_of(answer, "id"),
        .thread_id = text_of(answer, "thread"),
        .final = true, /* Postbox keeps our Message-ID, so nothing more is to be learned */
    };

    if (!done.provider_id) {
        /* It was taken, and we can't say under which id: the host will ask `find`. */
        job_fail(job, RIDER_UNCERTAIN, RIDER_MESSAGE, 0, -1, "Postbox gave no id");
        return;
    }
    job->session->host->send_done(job->op, &done);
    job_free(job);
}

static void postbox_send(struct rider_session *session, struct rider_op *op,
                         const struct rider_message *message)
{
    char tag[300];
    const char *const headers[] = {"Content-Type: message/rfc822", tag, NULL};

    snprintf(tag, sizeof(tag), "X-Postbox-Tag: %s", message->marker ? message->marker : "");
    job_start(session, op, "POST", headers, message->rfc5322, sent, "/send");
}

static void postbox_find(struct rider_session *session, struct rider_op *op,
                         const struct rider_message *message)
{
    char tag[300];

    escape(tag, sizeof(tag), message->marker);
    job_start(session, op, "GET", NULL, (struct rider_bytes){NULL, 0}, sent, "/sent?tag=%s", tag);
}

/* -- what came back --------------------------------------------------------------------------- */
/* Hands one item over. false: the host did not take it, so the page ends before it. */
static bool hand_over(struct job *job, json_object *item)
{
    const char *head = text_of(item, "head");
    struct rider_reply reply = {
        .size = sizeof(reply),
        .change = RIDER_ARRIVED,
        .where = RIDER_INBOUND,
        .provider_id = text_of(item, "id"),
        .thread_id = text_of(item, "thread"),
        .headers = {head, head ? strlen(head) : 0},
    };

    if (!reply.provider_id)
        return true; /* nothing that anyone could do with it */
    return job->session->host->list_item(job->op, &reply);
}

static void listed(struct job *job, json_object *answer)
{
    const char *cursor = text_of(answer, "cursor");
    json_object *items = NULL, *more = NULL;
    struct rider_page page = {.size = sizeof(page)};

    if (!cursor || !json_object_object_get_ex(answer, "items", &items) ||
        !json_object_is_type(items, json_type_array)) {
        job_fail(job, RIDER_BROKEN, RIDER_MAILBOX, 0, -1, "Postbox's list is not as documented");
        return;
    }
    for (size_t i = 0; i < json_object_array_length(items); i++)
        if (!hand_over(job, json_object_array_get_idx(items, i))) {
            job_fail(job, RIDER_TRANSIENT, RIDER_MAILBOX, 0, -1, "the page was not taken whole");
            return; /* the cursor stays where it was, and the page is listed again */
        }
    page.cursor = (struct rider_bytes){cursor, strlen(cursor)};
    page.more = json_object_object_get_ex(answer, "more", &more) && json_object_get_boolean(more);
    job->session->host->list_done(job->op, &page);
    job_free(job);
}

static void postbox_list(struct rider_session *session, struct rider_op *op,
                         const struct rider_query *query)
{
    char raw[256], after[768];

    snprintf(raw, sizeof(raw), "%.*s", (int)(query->cursor.len < 255 ? query->cursor.len : 255),
             query->cursor.data ? (const char *)query->cursor.data : "");
    escape(after, sizeof(after), raw);
    job_start(session, op, "GET", NULL, (struct rider_bytes){NULL, 0}, listed,
              "/inbox?after=%s&limit=%u", after, (unsigned)query->limit);
}

/* -- cancelling: hurry, but still finish ------------------------------------------------------ */
static void postbox_cancel(struct rider_session *session, struct rider_op *op)
{
    struct job *job = op->mine;

    if (!job)
        return;
    session->host->http_abort(job->http); /* its callback is not called after this */
    job_fail(job, RIDER_CANCELLED, RIDER_MESSAGE, 0, -1, "cancelled");
}

/* -- signing in, sessions, and the table ------------------------------------------------------ */
static bool postbox_oauth(const struct rider_host *host, enum rider_access access,
                          struct rider_oauth *out)
{
    static char authorize[512], token[512], api[512];
    static const char *const send_only[] = {"send", NULL};
    static const char *const with_replies[] = {"send", "read.headers", NULL};
    static const char *const origins[] = {api, NULL};

    if (access == RIDER_ACCESS_FULL)
        return false; /* Postbox has no such scope */
    snprintf(authorize, sizeof(authorize), "%s/authorize", host->config(host, "auth_url"));
    snprintf(token, sizeof(token), "%s/token", host->config(host, "auth_url"));
    snprintf(api, sizeof(api), "%s", host->config(host, "api_url"));
    out->authorize_url = authorize;
    out->token_url = token;
    out->scopes = access == RIDER_ACCESS_SEND ? send_only : with_replies;
    out->origins = origins;
    return true;
}

static struct rider_session *postbox_open(const struct rider_host *host,
                                          const struct rider_mailbox *mailbox,
                                          struct rider_failure *why)
{
    struct rider_session *session = calloc(1, sizeof(*session));

    (void)mailbox; /* lent until close: keep the pointer if you need address or scopes */
    if (!session) {
        why->kind = RIDER_TRANSIENT;
        why->detail = "out of memory";
        return NULL;
    }
    session->host = host;
    snprintf(session->api_url, sizeof(session->api_url), "%s", host->config(host, "api_url"));
    return session;
}

static void postbox_close(struct rider_session *session)
{
    free(session); /* had we timers or requests of our own, we would give them back here */
}

static const struct rider_setting api_url = {.size = sizeof(api_url),
                                             .key = "api_url",
                                             .label = "Postbox API",
                                             .fallback = "https://api.postbox.example"};
static const struct rider_setting auth_url = {.size = sizeof(auth_url),
                                              .key = "auth_url",
                                              .label = "Postbox sign-in",
                                              .fallback = "https://login.postbox.example"};
static const struct rider_setting client_id = {
    .size = sizeof(client_id), .key = "client_id", .label = "OAuth client id", .required = true};
static const struct rider_setting *const settings[] = {&api_url, &auth_url, &client_id, NULL};

static const struct rider_limits limits = {
    .size = sizeof(limits), .in_flight = 4, .units = 100, .per_ms = 1000};

static const struct rider_provider postbox = {
    .size = sizeof(postbox),
    .minor = RIDER_MINOR,
    .can = RIDER_CAN_SEND | RIDER_CAN_LIST | RIDER_CAN_FIND | RIDER_CAN_THREAD,
    .auth = RIDER_AUTH_OAUTH,
    .settle = 5000, /* /sent knows a mail five seconds later at the latest */
    .id = "postbox",
    .name = "Postbox",
    .version = "1.0.0",
    .settings = settings,
    .limits = &limits,
    .oauth = postbox_oauth,
    .open = postbox_open,
    .close = postbox_close,
    .identify = postbox_identify,
    .send = postbox_send,
    .find = postbox_find,
    .list = postbox_list,
    .cancel = postbox_cancel,
};
RIDER_PROVIDER(postbox);
