/* tests/plugins/odd.c: a provider that does as a message's subject tells it, also what it must not.
 *
 * Built several times: ODD_VERSION names the build in a request header, ODD_ORIGIN adds an origin,
 * ODD_REFUSE makes every open fail, ODD_NEEDS makes a setting required. */
#include "postrider/provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef ODD_VERSION
#define ODD_VERSION "1.0.0"
#endif

struct job;
struct rider_session {
    const struct rider_host *host;
    struct rider_timer *held; /* "hold": never given back */
    struct job *late;         /* those that wait to finish late */
};

struct job { /* one operation; op->mine */
    struct rider_session *session;
    struct rider_op *op;
    struct rider_http *http;
    struct rider_timer *timer;
    char how[32];
    struct job *next;
};

static const char *base_url(const struct rider_host *host)
{
    const char *url = host->config(host, "api_url");
    return url ? url : "https://odd.example";
}

static bool odd_oauth(const struct rider_host *host, enum rider_access access,
                      struct rider_oauth *out)
{
    static char origin[256];
    static const char *const scopes[] = {"mail", NULL};
    static const char *origins[] = {origin,
#ifdef ODD_ORIGIN
                                    ODD_ORIGIN,
#endif
                                    NULL};

    if (access == RIDER_ACCESS_HEADERS)
        return false;
    snprintf(origin, sizeof(origin), "%s", base_url(host));
    out->authorize_url = origin;
    out->token_url = origin;
    out->scopes = scopes;
    out->origins = origins;
    return true;
}

static struct rider_session *odd_open(const struct rider_host *host,
                                      const struct rider_mailbox *mailbox,
                                      struct rider_failure *why)
{
    struct rider_session *session;

    (void)mailbox;
#ifdef ODD_REFUSE
    why->kind = RIDER_PERMANENT;
    why->detail = "this build opens nothing";
    return NULL;
#endif
    (void)why;
    session = calloc(1, sizeof(*session));
    session->host = host;
    return session;
}

static void odd_close(struct rider_session *session)
{
    while (session->late) {
        struct job *job = session->late;
        session->late = job->next;
        session->host->forget(job->timer);
        free(job);
    }
    free(session);
}

static uint32_t odd_can_now(struct rider_session *session)
{
    struct rider_bytes narrowed = session->host->recall(session->host, "narrowed");
    return narrowed.len > 0 ? RIDER_CAN_SEND : ~0u;
}

static void job_end(struct job *job)
{
    job->op->mine = NULL;
    free(job);
}

static void odd_fail(struct job *job, int32_t kind, const char *detail)
{
    struct rider_failure failure = {.size = sizeof(failure),
                                    .kind = kind,
                                    .scope = RIDER_MAILBOX,
                                    .retry_after = -1,
                                    .detail = detail};
    const struct rider_host *host = job->session->host;
    struct rider_op *op = job->op;

    host->fail(op, &failure);
    job_end(job);
}

static void sent(struct job *job)
{
    struct rider_sent done = {.size = sizeof(done),
                              .state = RIDER_IS_SENT,
                              .provider_id = "odd-1",
                              .thread_id = "odd-thread",
                              .final = true};
    const struct rider_host *host = job->session->host;
    struct rider_op *op = job->op;
    bool twice = strcmp(job->how, "twice") == 0;

    host->send_done(op, &done);
    if (twice)
        host->send_done(op, &done);
    job_end(job);
}

static void answered(void *arg, const struct rider_http_response *response)
{
    struct job *job = arg;

    job->http = NULL;
    if (strcmp(job->how, "hasty") == 0)
        free(job);
    else if (response->status == 200)
        sent(job);
    else if (response->status == 0)
        odd_fail(job, RIDER_TRANSIENT, response->error); /* even if it left: the host knows */
    else if (response->status == 401)
        odd_fail(job, RIDER_AUTH, "refused Bearer abcdef0123456789abcdef");
    else
        odd_fail(job, RIDER_TRANSIENT, "no");
}

static void post(struct job *job, const char *url)
{
    static const char *const headers[] = {"X-Build: " ODD_VERSION, NULL};
    struct rider_http_request request = {.size = sizeof(request),
                                         .op = job->op,
                                         .method = "POST",
                                         .url = url,
                                         .headers = headers,
                                         .body = {job->how, strlen(job->how)},
                                         .cost = 1,
                                         .authorized = true};

    job->http = job->session->host->http(job->session->host, &request, answered, job);
}

static void again(void *arg)
{
    struct rider_session *session = arg;
    session->held = session->host->after(session->host, 3600 * 1000, again, session);
}

static void finish_late(void *arg)
{
    struct job *job = arg;
    struct job **at = &job->session->late;
    struct rider_sent done = {.size = sizeof(done), .state = RIDER_IS_SENT};

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    job->session->host->send_done(job->op, &done);
    free(job);
}

__attribute__((unused)) /* ODD_NO_SEND */
static void
odd_send(struct rider_session *session, struct rider_op *op, const struct rider_message *message)
{
    struct job *job = calloc(1, sizeof(*job));
    char url[300];

    job->session = session;
    job->op = op;
    op->mine = job;
    snprintf(job->how, sizeof(job->how), "%s", message->subject ? message->subject : "");
    snprintf(url, sizeof(url), "%s/send", base_url(session->host));
    if (strcmp(job->how, "foreign") == 0)
        snprintf(url, sizeof(url), "https://elsewhere.example/send");
    if (strcmp(job->how, "spin") == 0) {
        for (volatile bool on = true; on;)
            ;
    }
    if (strcmp(job->how, "never") == 0) {
        job_end(job);
    } else if (strcmp(job->how, "hold") == 0) {
        again(session);
        sent(job);
    } else if (strcmp(job->how, "late") == 0) {
        op->mine = NULL;
        job->timer = session->host->after(session->host, 400, finish_late, job);
        job->next = session->late;
        session->late = job;
    } else if (strcmp(job->how, "at once") == 0 || strcmp(job->how, "twice") == 0) {
        sent(job);
    } else if (strcmp(job->how, "hasty") == 0) { /* it does not wait for the answer */
        struct rider_sent done = {.size = sizeof(done), .state = RIDER_IS_SENT};

        op->mine = NULL;
        post(job, url);
        session->host->send_done(op, &done);
    } else if (strcmp(job->how, "nonsense") == 0) {
        struct rider_page page = {.size = sizeof(page)};
        session->host->list_done(op, &page);
        job_end(job);
    } else if (strcmp(job->how, "odd kind") == 0) {
        odd_fail(job, 77, "unheard of");
    } else {
        post(job, url);
    }
}

static void odd_identify(struct rider_session *session, struct rider_op *op)
{
    struct rider_identity identity = {.size = sizeof(identity), .address = "ana@acme.example"};
    const char *secret = session->host->config(session->host, "secret_key");

    identity.name = secret ? secret : "none";
    identity.tenant = session->host->config(session->host, "colour");
    session->host->identify_done(op, &identity);
}

static void odd_list(struct rider_session *session, struct rider_op *op,
                     const struct rider_query *query)
{
    struct rider_reply reply = {.size = sizeof(reply),
                                .change = RIDER_ARRIVED,
                                .where = RIDER_INBOUND,
                                .provider_id = "m1"};
    struct rider_page page = {.size = sizeof(page), .cursor = {"c1", 2}};

    session->host->remember(session->host, "narrowed", (struct rider_bytes){"x", 1});
    session->host->can_changed(session->host);
    if (query->limit > 0 && !session->host->list_item(op, &reply))
        page.cursor = query->cursor;
    session->host->list_done(op, &page);
}

static void odd_cancel(struct rider_session *session, struct rider_op *op)
{
    struct job *job = op->mine;

    if (!job)
        return;
    session->host->http_abort(job->http);
    odd_fail(job, RIDER_CANCELLED, "cancelled");
}

static const struct rider_setting secret_key = {
    .size = sizeof(secret_key), .key = "secret_key", .secret = true};
static const struct rider_setting colour = {
    .size = sizeof(colour), .key = "colour", .label = "Colour", .fallback = "blue"};
#ifdef ODD_NEEDS
static const struct rider_setting needed = {
    .size = sizeof(needed), .key = "needed", .label = "What it needs", .required = true};
#endif
static const struct rider_setting *const settings[] = {&secret_key, &colour,
#ifdef ODD_NEEDS
                                                       &needed,
#endif
                                                       NULL};
static const struct rider_limits limits = {.size = sizeof(limits), .units = 1000, .per_ms = 1000};

static const struct rider_provider odd = {
#ifdef ODD_SIZE
    .size = ODD_SIZE,
#else
    .size = sizeof(odd),
#endif
    .minor = RIDER_MINOR,
    .can = RIDER_CAN_SEND | RIDER_CAN_LIST,
    .auth = RIDER_AUTH_OAUTH,
    .settle = 1000,
    .id = "odd",
    .name = "Odd",
    .version = ODD_VERSION,
    .settings = settings,
    .limits = &limits,
    .oauth = odd_oauth,
    .open = odd_open,
    .close = odd_close,
    .can_now = odd_can_now,
    .identify = odd_identify,
#ifndef ODD_NO_SEND
    .send = odd_send,
#endif
    .list = odd_list,
    .cancel = odd_cancel,
};
#ifdef ODD_FUTURE
/* A table of some later minor: what it has more, this host must not look at. */
static struct {
    struct rider_provider table;
    const char *more[8];
} future;

const struct rider_provider *rider_provider_v1(void)
{
    future.table = odd;
    future.table.size = sizeof(future);
    future.table.minor = 7;
    return &future.table;
}
#else
RIDER_PROVIDER(odd);
#endif
