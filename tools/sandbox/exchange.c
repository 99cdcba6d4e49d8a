/* sandbox/exchange.c: hands a request to the stand-ins, and lets faults have their way with it. */
#include "sandbox/exchange.h"

#include "base/map.h"
#include "base/mem.h"
#include "sandbox/journal.h"

#include <string.h>

#define ACCOUNTS_MAX 100000

static struct {
    sbx_handler *handler;
    void *arg;
    uint64_t number;
    size_t count;
    struct map pending;  /* by number: to be answered later */
    struct map accounts; /* hash of an Authorization -> the account it was taken for */
} exchanges;

void exchange_set_handler(sbx_handler *handler, void *arg)
{
    exchanges.handler = handler;
    exchanges.arg = arg;
    if (handler == NULL) {
        map_finish(&exchanges.accounts, free);
        map_finish(&exchanges.pending, NULL);
    }
}

size_t exchange_count(void)
{
    return exchanges.count;
}

struct exchange *exchange_new(const struct exchange_ops *ops, void *conn, int version,
                              uint64_t connection, bool reused)
{
    struct exchange *exchange = mem_new(sizeof *exchange);

    list_init(&exchange->node);
    exchange->ops = ops;
    exchange->conn = conn;
    exchange->request.version = version;
    exchange->request.connection = connection;
    exchange->request.reused = reused;
    buf_add_char(&exchange->text, '\0'); /* so that offset 0 is "" */
    exchanges.count++;
    return exchange;
}

static void note(struct exchange *exchange, int status)
{
    exchange->noted = true;
    journal_request(&exchange->request, status, exchange->response.note,
                    exchange->fault.kind != FAULT_NONE ? exchange->fault.name : NULL);
}

static void really_free(struct exchange *exchange)
{
    if (exchange->ran && !exchange->noted) /* its sender did not wait for the answer */
        note(exchange, 0);
    map_take_u64(&exchanges.pending, exchange->request.number);
    loop_timer_stop(&exchange->timer);
    sbx_response_finish(&exchange->response);
    fault_finish(&exchange->fault);
    buf_finish(&exchange->text);
    buf_finish(&exchange->body);
    free(exchange->fields);
    free(exchange->headers);
    free(exchange);
    exchanges.count--;
}

void exchange_free(struct exchange *exchange)
{
    if (exchange == NULL)
        return;
    list_remove(&exchange->node);
    exchange->ops = NULL;
    exchange->conn = NULL;
    /* A request delayed on its way arrives even if who sent it has given up by then. */
    if (exchange->ran && !exchange->answered && exchange->fault.kind == FAULT_DELAY &&
        !exchange->fault.after)
        return;
    really_free(exchange);
}

static size_t keep(struct exchange *exchange, const char *text, size_t len)
{
    size_t at = exchange->text.len;

    buf_add(&exchange->text, text, len);
    buf_add_char(&exchange->text, '\0');
    return at;
}

void exchange_method(struct exchange *exchange, const char *text, size_t len)
{
    exchange->method = keep(exchange, text, len);
}

void exchange_host(struct exchange *exchange, const char *text, size_t len)
{
    exchange->host = keep(exchange, text, len);
}

void exchange_target(struct exchange *exchange, const char *text, size_t len)
{
    const char *mark = NULL, *scheme = len > 7 ? memmem(text, 8, "://", 3) : NULL;

    if (len > 0 && text[0] != '/' && scheme != NULL) { /* absolute form, RFC 9112 3.2.2 */
        const char *host = scheme + 3, *end = text + len;
        const char *path = memchr(host, '/', (size_t)(end - host));

        text = path != NULL ? path : "/";
        len = path != NULL ? (size_t)(end - path) : 1;
    }
    if (len > 0)
        mark = memchr(text, '?', len);
    exchange->path = keep(exchange, text, mark != NULL ? (size_t)(mark - text) : len);
    if (mark != NULL)
        exchange->query = keep(exchange, mark + 1, len - (size_t)(mark - text) - 1);
}

bool exchange_field(struct exchange *exchange, const char *name, size_t name_len, const char *value,
                    size_t len)
{
    if (exchange->text.len + name_len + len > EXCHANGE_HEAD_MAX)
        return false;
    exchange->fields = mem_grow(exchange->fields, exchange->field_count + 2, sizeof(size_t));
    exchange->fields[exchange->field_count++] = keep(exchange, name, name_len);
    exchange->fields[exchange->field_count++] = keep(exchange, value, len);
    return true;
}

bool exchange_body(struct exchange *exchange, const void *data, size_t len)
{
    if (exchange->body.len + len > EXCHANGE_BODY_MAX)
        return false;
    buf_add(&exchange->body, data, len);
    return true;
}

static void resolve(struct exchange *exchange)
{
    struct sbx_request *request = &exchange->request;
    const char *text = exchange->text.data;

    request->number = ++exchanges.number;
    request->method = text + exchange->method;
    request->host = text + exchange->host;
    request->path = text + exchange->path;
    request->query = text + exchange->query;
    request->header_count = exchange->field_count / 2;
    exchange->headers = mem_array(request->header_count + 1, sizeof(struct sbx_header));
    for (size_t i = 0; i < request->header_count; i++) {
        exchange->headers[i].name = text + exchange->fields[2 * i];
        exchange->headers[i].value = text + exchange->fields[2 * i + 1];
    }
    request->headers = exchange->headers;
    request->body = buf_bytes(&exchange->body);
}

/* FNV-1a; the Authorization itself is not kept. 0: there is none. */
static uint64_t authorization_hash(const struct sbx_request *request)
{
    const char *text = sbx_request_header(request, "authorization");
    uint64_t hash = 14695981039346656037u;

    if (text == NULL)
        return 0;
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash | 1;
}

/* Before the stand-in has seen a request, only its Authorization can tell whose it is. */
static const char *known_account(const struct sbx_request *request)
{
    uint64_t hash = authorization_hash(request);
    const char *account = hash != 0 ? map_get_u64(&exchanges.accounts, hash) : NULL;

    return account != NULL ? account : "";
}

static const char *learn_account(const struct exchange *exchange)
{
    const char *note = exchange->response.note;
    size_t len = note != NULL ? strcspn(note, " ") : 0;
    uint64_t hash = authorization_hash(&exchange->request);
    const char *known = known_account(&exchange->request);

    if (hash == 0 || len == 0 || memchr(note, '@', len) == NULL ||
        (strlen(known) == len && memcmp(known, note, len) == 0))
        return known;
    if (exchanges.accounts.count >= ACCOUNTS_MAX)
        map_finish(&exchanges.accounts, free);
    free(map_put_u64(&exchanges.accounts, hash, mem_strn(note, len)));
    return known_account(&exchange->request);
}

static void answer_now(struct exchange *exchange)
{
    note(exchange, exchange->response.status);
    exchange->answered = true;
    if (exchange->ops == NULL)
        really_free(exchange);
    else
        exchange->ops->answer(exchange);
}

static void answer_late(struct loop_timer *timer)
{
    answer_now(LIST_ENTRY(timer, struct exchange, timer));
}

static void drop(struct exchange *exchange, enum exchange_drop how)
{
    note(exchange, 0);
    exchange->answered = true;
    if (exchange->ops == NULL)
        really_free(exchange);
    else
        exchange->ops->drop(exchange, how);
}

static void after(struct exchange *exchange, int64_t ms, void (*fire)(struct loop_timer *))
{
    exchange->timer.fire = fire;
    loop_timer_set(&exchange->timer, ms);
}

static void a_bit_more(struct loop_timer *timer)
{
    struct exchange *exchange = LIST_ENTRY(timer, struct exchange, timer);
    const struct fault *fault = &exchange->fault;
    size_t len = exchange->response.body.len;
    size_t turns = (size_t)(fault->most_ms / fault->ms);

    exchange->released += turns > 0 ? (len + turns - 1) / turns : 1;
    if (exchange->released >= len)
        exchange->released = len;
    else
        after(exchange, fault->ms, a_bit_more);
    exchange->ops->more(exchange);
}

static void answer_slowly(struct exchange *exchange)
{
    exchange->released = 0;
    if (exchange->fault.ms <= 0)
        exchange->fault.ms = 1;
    if (exchange->response.body.len > 0 && exchange->ops != NULL)
        after(exchange, exchange->fault.ms, a_bit_more);
    answer_now(exchange);
}

/* Brings out an answer that is there, as the fault wants it. */
static void bring(struct exchange *exchange)
{
    const struct fault *fault = &exchange->fault;

    if (exchange->response.status == 0)
        exchange->response.status = 500;
    fault_answer(fault, &exchange->response);
    exchange->released = exchange->response.body.len;
    switch (fault->kind) {
    case FAULT_RESET:
        drop(exchange, DROP_RESET);
        return;
    case FAULT_RST_STREAM:
        drop(exchange, DROP_STREAM);
        return;
    case FAULT_GOAWAY:
        drop(exchange, DROP_GOAWAY);
        return;
    case FAULT_HANG:
        if (fault->ms > 0)
            after(exchange, fault->ms, answer_late);
        else
            note(exchange, 0);
        return;
    case FAULT_SLOW:
        answer_slowly(exchange);
        return;
    case FAULT_DELAY:
        if (!fault->after)
            break; /* it was late already */
        after(exchange, fault->ms, answer_late);
        return;
    case FAULT_TRUNCATE:
        exchange->released /= 2;
        exchange->cut = true;
        break;
    case FAULT_NONE:
        if (exchange->response.hold_ms <= 0)
            break;
        after(exchange, exchange->response.hold_ms, answer_late);
        return;
    case FAULT_STATUS:
    case FAULT_GARBAGE:
    case FAULT_EMPTY:
        break;
    }
    answer_now(exchange);
}

/* The answer is there: a fault may strike it. */
static void serve_out(struct exchange *exchange)
{
    struct fault fault;
    const char *account = learn_account(exchange);

    if (exchange->fault.kind == FAULT_NONE && fault_pick(&exchange->request, account, true, &fault))
        exchange->fault = fault;
    bring(exchange);
}

static void serve(struct exchange *exchange)
{
    exchanges.handler(exchanges.arg, &exchange->request, &exchange->response);
    if (exchange->response.later)
        map_put_u64(&exchanges.pending, exchange->request.number, exchange);
    else
        serve_out(exchange);
}

struct sbx_response *sbx_answer_pending(uint64_t number)
{
    struct exchange *exchange = map_get_u64(&exchanges.pending, number);

    return exchange ? &exchange->response : NULL;
}

void sbx_answer_now(uint64_t number)
{
    struct exchange *exchange = map_take_u64(&exchanges.pending, number);

    if (exchange)
        serve_out(exchange);
}

static void serve_late(struct loop_timer *timer)
{
    serve(LIST_ENTRY(timer, struct exchange, timer));
}

void exchange_run(struct exchange *exchange)
{
    struct fault fault;

    resolve(exchange);
    exchange->ran = true;
    if (!fault_pick(&exchange->request, known_account(&exchange->request), false, &fault)) {
        serve(exchange);
        return;
    }
    exchange->fault = fault;
    if (fault.kind == FAULT_DELAY) {
        after(exchange, fault.ms, serve_late);
        return;
    }
    sbx_response_text(&exchange->response, 503, "application/json",
                      "{\"error\":{\"code\":503,\"message\":\"The service is currently "
                      "unavailable.\",\"status\":\"UNAVAILABLE\"}}\n");
    bring(exchange);
}
