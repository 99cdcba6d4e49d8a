/* provider/request.c: a plugin's HTTP request: origin checked, budget kept, token added.
 *
 * waiting (for the budgets, in order) -> token (if authorized) -> flying -> the plugin's done. A
 * 401 is an answer, so nothing happened: the token is renewed once and the request repeated. */
#include "provider/private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

enum { TIMEOUT = 60000 };

/* Outlives its request: a credential source can't be told to stop. */
struct ticket {
    struct rider_http *http; /* NULL: nobody waits any more */
    struct loop *loop;
};

static bool changes_nothing(const struct rider_http *http)
{
    const char *method = http->request.method;

    return method && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
}

/* It left, and no 2xx or 4xx came back: what it asked for may have happened. */
static void note_left(struct rider_http *http, bool sent, int status)
{
    bool told = (status >= 200 && status < 300) || (status >= 400 && status < 500);

    if (sent && !told && !changes_nothing(http))
        http->left = true;
    if (http->op && http->left)
        http->op->left = true;
}

/* -- counting --------------------------------------------------------------------------------- */
static void count_off(struct rider_http *http)
{
    struct provider_session *session = http->seat->session;

    if (http->state == HTTP_WAITING && http->op)
        http->op->waiting--;
    if (http->state == HTTP_TOKEN || http->state == HTTP_FLYING) {
        if (http->op)
            http->op->flying--;
        session->in_flight--;
        EACH_SHARE (session, share, i)
            share->in_flight--;
    }
}

void request_leave_op(struct rider_http *http)
{
    if (!http->op)
        return;
    if (http->state == HTTP_WAITING)
        http->op->waiting--;
    if (http->state == HTTP_TOKEN || http->state == HTTP_FLYING)
        http->op->flying--;
    if (http->state == HTTP_FLYING)
        note_left(http, http_sent(http->call), 0);
    list_remove(&http->of_op);
    http->op = NULL;
    http->orphan = true;
}

static void forget_token(struct rider_http *http)
{
    if (http->ticket)
        http->ticket->http = NULL;
    http->ticket = NULL;
    mem_wipe_str(&http->token);
}

static void request_free(struct rider_http *http)
{
    handle_drop(http);
    list_remove(&http->node);
    list_remove(&http->of_op);
    list_remove(&http->queue);
    forget_token(http);
    arena_wipe(&http->arena);
    free(http->error);
    free(http);
}

/* -- ending ----------------------------------------------------------------------------------- */
static void pump_all(struct provider_session *session)
{
    struct provider *provider = session->provider;

    bool together = false;

    EACH_SHARE (session, share, i)
        together = together || share->limits.in_flight;
    if (!together) {
        session_pump(session);
        return;
    }
    LIST_EACH (node, &provider->sessions) {
        session_pump(LIST_ENTRY(node, struct provider_session, node));
    }
}

/* Where all mailboxes share a limit, each has its turn to be asked first. Never below plugin code,
 * since a reload walks the same list. */
static void rotate(struct provider *provider)
{
    struct list *first = provider->sessions.next;

    list_remove(first);
    list_add(&provider->sessions, first);
}

static void answer(struct rider_http *http, const struct rider_http_response *response)
{
    struct seat *seat = http->seat;

    count_off(http);
    http->state = HTTP_ANSWERED;
    handle_drop(http);
    list_remove(&http->node);
    list_remove(&http->of_op);
    list_remove(&http->queue);
    op_weigh(http->op);
    IN_PLUGIN(seat->generation, http->done(http->arg, response));
    request_free(http);
    rotate(seat->session->provider);
    pump_all(seat->session);
}

void request_answer(struct rider_http *http)
{
    struct rider_http_response response = {
        .size = sizeof(response),
        .status = http->renewed ? 401 : 0,
        .sent = http->left || http->renewed,
        .error = http->error,
    };

    answer(http, &response);
}

/* Answers with an error of our own, in the next turn. */
static void answer_soon(struct rider_http *http, char *error)
{
    struct provider_set *set = seat_set(http->seat);

    count_off(http);
    forget_token(http);
    http->state = HTTP_ANSWERED;
    http->error = error;
    list_remove(&http->queue);
    list_add(&set->answered, &http->queue);
    set_kick(set);
}

void request_stop(struct rider_http *http, const char *why)
{
    if (http->state == HTTP_ANSWERED)
        return;
    if (http->state == HTTP_FLYING)
        note_left(http, http_abort(http->call), 0);
    http->renewed = false;
    answer_soon(http, mem_str(why));
}

void request_drop(struct rider_http *http)
{
    struct provider_session *session = http->seat->session;

    if (http->state == HTTP_FLYING)
        note_left(http, http_abort(http->call), 0);
    count_off(http);
    request_free(http);
    pump_all(session);
}

void host_http_abort(struct rider_http *http)
{
    struct provider_op *op;

    if (handle_of(http) != HANDLE_HTTP) /* NULL, or it is over */
        return;
    op = http->op;
    request_drop(http);
    op_weigh(op);
}

/* -- flying ----------------------------------------------------------------------------------- */
static void ask_token(struct rider_http *http, const char *refused);

static void flown(void *arg, const struct http_response *got)
{
    struct rider_http *http = arg;
    struct rider_http_response response = {
        .size = sizeof(response),
        .status = got->status,
        .sent = got->sent,
        .error = got->error,
        .headers = {got->headers.data, got->headers.len},
        .body = {got->body.data, got->body.len},
    };

    http->call = NULL;
    note_left(http, got->sent, got->status);
    if (got->status == 401 && http->request.authorized && !http->renewed && !http->orphan) {
        http->renewed = true;
        http->state = HTTP_TOKEN;
        ask_token(http, http->token);
        return;
    }
    answer(http, &response);
}

static void fly(struct rider_http *http)
{
    const struct rider_http_request *asked = &http->request;
    auto_free char *value = http->token ? mem_printf("Bearer %s", http->token) : NULL;
    struct http_request request = {
        .method = asked->method,
        .url = asked->url,
        .headers = asked->headers,
        .authorization = value,
        .body = {asked->body.data, asked->body.len},
        .timeout_ms = asked->timeout ? asked->timeout : TIMEOUT,
        .replayable = asked->replayable,
    };

    http->state = HTTP_FLYING;
    http->call = http_start(seat_set(http->seat)->http, &request, flown, http);
    if (value)
        mem_wipe(value, strlen(value));
}

/* -- the token -------------------------------------------------------------------------------- */
static void no_token(struct rider_http *http, const struct rider_failure *failure)
{
    struct provider_op *op = http->op;

    if (op && op->no_token.size == 0 && !copy_failure(&op->arena, &op->no_token, failure))
        op->no_token = (struct rider_failure){.size = sizeof(op->no_token),
                                              .kind = RIDER_TRANSIENT,
                                              .scope = RIDER_MAILBOX,
                                              .retry_after = -1,
                                              .detail = "no token could be had"};
    answer_soon(http, mem_str("the host has no valid token for this mailbox"));
}

static void got_token(void *arg, const char *token, const struct rider_failure *failure)
{
    struct ticket *ticket = arg;
    struct rider_http *http = ticket->http;

    loop_busy(ticket->loop, -1);
    free(ticket);
    if (!http)
        return;
    http->ticket = NULL;
    if (!token) {
        no_token(http, failure);
        return;
    }
    mem_wipe_str(&http->token);
    http->token = mem_str(token);
    fly(http);
}

static void ask_token(struct rider_http *http, const char *refused)
{
    struct provider_set *set = seat_set(http->seat);
    struct ticket *ticket = mem_new(sizeof(*ticket));

    ticket->http = http;
    ticket->loop = set->loop;
    http->ticket = ticket;
    loop_busy(set->loop, +1);
    set->credentials.token(set->credentials.arg, http->seat->session->info.mailbox, refused,
                           got_token, ticket);
}

/* -- the budgets ------------------------------------------------------------------------------ */
static void start(struct rider_http *http)
{
    struct provider_session *session = http->seat->session;
    int64_t now = clock_wall();

    list_remove(&http->queue);
    if (http->op) {
        http->op->waiting--;
        http->op->flying++;
    }
    session->in_flight++;
    budget_spend(&session->units, now, http->request.cost);
    EACH_SHARE (session, share, i) {
        share->in_flight++;
        budget_spend(&share->units, now, http->request.cost);
    }
    http->state = HTTP_TOKEN;
    if (http->request.authorized)
        ask_token(http, NULL);
    else
        fly(http);
    op_weigh(http->op);
}

static bool full(uint32_t in_flight, uint32_t limit)
{
    return limit > 0 && in_flight >= limit;
}

/* When the first that waits may start; INT64_MAX: when another has ended, who will pump again. */
static int64_t may_start_at(struct provider_session *session, uint32_t cost, int64_t now)
{
    int64_t at = budget_fits_at(&session->units, now, cost);

    if (full(session->in_flight, session->limits.in_flight))
        return INT64_MAX;
    EACH_SHARE (session, share, i) {
        int64_t of_all = budget_fits_at(&share->units, now, cost);

        if (full(share->in_flight, share->limits.in_flight))
            return INT64_MAX;
        at = of_all > at ? of_all : at;
    }
    return at;
}

void session_pump(struct provider_session *session)
{
    while (!list_empty(&session->waiting)) {
        struct rider_http *http = LIST_ENTRY(session->waiting.next, struct rider_http, queue);
        int64_t now = clock_wall(), at = may_start_at(session, http->request.cost, now);

        if (at == INT64_MAX)
            return;
        if (at > now) {
            loop_timer_at(session->pump, at);
            return;
        }
        start(http);
    }
}

/* -- starting --------------------------------------------------------------------------------- */
static char *refusal(const struct seat *seat, const struct rider_http_request *request)
{
    auto_free char *origin = NULL;

    if (request->method && request->url && request->authorized &&
        generation_names(seat->generation, seat->session->info.access, request->url))
        return NULL;
    origin = request->url ? http_origin(request->url) : NULL;
    if (!request->method || !origin)
        return mem_str("this is no http or https URL, or there is no method");
    if (!request->authorized)
        return NULL;
    if (generation_allows(seat->generation, seat->session->info.access, origin))
        return NULL;
    return mem_printf("no token goes to %s, as the plugin's oauth does not name it in origins",
                      origin);
}

static struct rider_http *copy_request(struct seat *seat, const struct rider_http_request *from)
{
    struct rider_http *http = mem_new(sizeof(*http));
    struct rider_http_request *to = &http->request;

    list_init(&http->node);
    list_init(&http->of_op);
    list_init(&http->queue);
    if (!COPY_STRUCT(to, from))
        *to = (struct rider_http_request){.size = sizeof(*to)};
    to->method = arena_text(&http->arena, to->method);
    to->url = arena_text(&http->arena, to->url);
    to->headers = arena_list(&http->arena, to->headers);
    to->body = arena_bytes(&http->arena, to->body);
    http->seat = seat;
    http->op = op_meant(seat, to->op, "made a request");
    to->op = NULL;
    return http;
}

struct rider_http *host_http(const struct rider_host *host,
                             const struct rider_http_request *request,
                             void (*done)(void *, const struct rider_http_response *), void *arg)
{
    struct seat *seat = (struct seat *)(uintptr_t)host;
    struct rider_http *http;
    char *error;

    if (!seat->session || !done) {
        seat_log(seat, LOG_LEVEL_WARN, "the plugin made a request where there can be none");
        return NULL;
    }
    http = copy_request(seat, request);
    http->done = done;
    http->arg = arg;
    list_add(&seat->requests, &http->node);
    handle_add(http, HANDLE_HTTP);
    if (http->op) {
        list_add(&http->op->requests, &http->of_op);
        http->op->waiting++;
        if (http->op->kind == OP_SEND && !http->request.replayable &&
            http->request.cost > seat->session->send_cost)
            seat->session->send_cost = http->request.cost;
    }
    error = refusal(seat, &http->request);
    if (error) {
        misdeeds.requests_refused++;
        seat_log(seat, LOG_LEVEL_WARN, "a request was refused: %s", error);
        answer_soon(http, error);
    } else if (!changes_nothing(http) && op_holds(http->op)) {
        list_add(&http->op->held, &http->queue);
    } else {
        list_add(&seat->session->waiting, &http->queue);
        session_pump(seat->session);
    }
    op_weigh(http->op);
    return http;
}
