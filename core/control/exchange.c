/* control/exchange.c: a request while it waits for its answer, and how answers are worded. */
#include "control/exchange.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/listener.h"
#include "engine/engine.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>

struct exchange *exchange_new(struct control *control, const char *uri)
{
    struct exchange *exchange = mem_new(sizeof(*exchange));
    const char *mark = strchr(uri, '?');

    list_init(&exchange->node);
    exchange->control = control;
    exchange->path = mark ? mem_strn(uri, (size_t)(mark - uri)) : mem_str(uri);
    exchange->query = mem_str(mark ? mark + 1 : "");
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    list_remove(&exchange->node);
    if (exchange->drop)
        exchange->drop(exchange);
    for (size_t i = 0; i < ROUTE_PARAMS; i++)
        free(exchange->params[i]);
    free(exchange->path);
    mem_wipe_str(&exchange->query); /* an authorization code may be in it */
    buf_wipe(&exchange->body);
    buf_wipe(&exchange->out);
    free(exchange->note);
    mem_wipe_str(&exchange->location);
    mem_wipe_str(&exchange->cookie);
    free(exchange->allow);
    free(exchange);
}

void exchange_wait(struct exchange *exchange)
{
    exchange->waiting = true;
    listener_suspend(exchange);
}

bool exchange_back(struct exchange *exchange)
{
    exchange->waiting = false;
    if (!exchange->connection) {
        exchange_free(exchange);
        return false;
    }
    listener_resume(exchange);
    return true;
}

/* -- what was asked ----------------------------------------------------------------------- */

char *exchange_query(const struct exchange *exchange, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = exchange->query; *at;) {
        size_t part = strcspn(at, "&");

        if (part > len && strncmp(at, name, len) == 0 && at[len] == '=') {
            struct buf value = {0};

            if (!text_percent_decode(&value, at + len + 1, part - len - 1, true) ||
                memchr(buf_text(&value), '\0', value.len)) {
                buf_finish(&value);
                return NULL;
            }
            return value.len ? buf_take(&value) : mem_str("");
        }
        at += part;
        at += *at == '&';
    }
    return NULL;
}

bool exchange_number(struct exchange *exchange, const char *name, uint64_t otherwise, uint64_t max,
                     uint64_t *value_r)
{
    auto_free char *text = exchange_query(exchange, name);
    auto_free char *why = NULL;

    *value_r = otherwise;
    if (!text || (text_u64(text, value_r) && *value_r <= max))
        return true;
    why = mem_printf("%s must be a number from 0 to %llu", name, (unsigned long long)max);
    exchange_refuse(exchange, 400, "the question was not understood", why,
                    "see GET /openapi.yaml for what can be asked");
    return false;
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* -- answering ---------------------------------------------------------------------------- */

void exchange_give(struct exchange *exchange, unsigned status, struct buf *out)
{
    buf_finish(&exchange->out);
    exchange->out = *out;
    *out = (struct buf){0};
    exchange->status = status;
    exchange->type = "application/json";
    exchange->answered = true;
}

void exchange_give_json(struct exchange *exchange, unsigned status, struct json_object *json)
{
    struct buf out = {0};

    json_write(json, &out);
    json_object_put(json);
    exchange_give(exchange, status, &out);
}

/* Sentences end in what to do: "there is no such reply; see: postrider reply list". */
static const char *last_clause(const char *why)
{
    const char *at = strstr(why, "; "), *last = NULL;

    if (strchr(why, '\n'))
        return NULL;
    for (; at; at = strstr(at + 2, "; "))
        last = at;
    return last;
}

void exchange_refuse(struct exchange *exchange, unsigned status, const char *what, const char *why,
                     const char *next)
{
    struct json_object *json = json_map(), *error = json_map();
    const char *clause = next ? NULL : last_clause(why);
    size_t len = clause ? (size_t)(clause - why) : strlen(why);

    while (len && why[len - 1] == '\n')
        len--;
    json_text(error, "what", what);
    json_put(error, "why", json_strn(why, len));
    if (clause)
        next = clause + 2;
    json_put(error, "next", json_string(next ? next : "correct that and try again"));
    json_put(json, "error", error);
    exchange_give_json(exchange, status, json);
}

unsigned exchange_status_of(int error)
{
    switch (error) {
    case -ENOENT:
        return 404;
    case -EINVAL:
    case -EBADMSG:
        return 422;
    case -EEXIST:
    case -EALREADY:
    case -EBUSY:
    case -EPERM:
    case -ENOTSUP:
    case -ECANCELED:
        return 409;
    case -EACCES:
        return 403;
    case -ENOSPC:
        return 507;
    case -EHOSTUNREACH:
    case -EPROTO:
        return 502;
    case -ETIMEDOUT:
        return 504;
    default:
        return 500;
    }
}

void exchange_fail(struct exchange *exchange, int error, const char *what, const char *why,
                   const char *next)
{
    if (!why || !*why) {
        why = strerror(-error);
        if (!next)
            next = "see the daemon's log";
    }
    exchange_refuse(exchange, exchange_status_of(error), what, why, next);
}
