/* control/exchange.h: one request and its answer, and the routes that requests take.
 *
 * A route's `act` is called once, when the whole body is here. It either answers at once
 * (exchange_give and the like), or calls exchange_wait, starts what takes time with the exchange as
 * `arg`, and answers in that callback after exchange_back said that somebody is still there. */
#ifndef CONTROL_EXCHANGE_H
#define CONTROL_EXCHANGE_H
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct MHD_Connection;
struct control;
struct engine_import;
struct exchange;
struct json_object;
struct listener;

enum { ROUTE_PARAMS = 2 };

struct route {
    const char *method, *path; /* "/v1/mailboxes/{mailbox}/pause" */
    void (*act)(struct exchange *exchange);
    /* NULL, or: the body is streamed. Called before its first byte; exchange->feed gets the rest */
    void (*begin)(struct exchange *exchange);
    size_t body; /* the longest body, bytes; 0: none is wanted */
};

struct exchange {
    struct list node; /* of its listener */
    struct listener *listener;
    struct control *control;
    struct MHD_Connection *connection; /* NULL: whoever asked has gone */
    const struct route *route;
    char *path, *query; /* raw; query "" when there is none */
    char *params[ROUTE_PARAMS];
    struct buf body;
    size_t swallowed;
    bool begun, acted, suspended, waiting;
    /* streamed bodies */
    void (*feed)(struct exchange *exchange, const void *data, size_t len, bool *full_r);
    void (*drop)(struct exchange *exchange); /* whoever asked went away in the middle of it */
    struct engine_import *import;
    /* what a waiting handler keeps for its callback; freed with the exchange */
    char *note;
    /* the answer */
    bool answered, page;
    unsigned status;
    struct buf out;
    const char *type;
    char *location, *cookie, *allow;
    bool form_anywhere; /* the page's form is led on to a provider's sign-in */
    char nonce[32];
};

/* -- the life of one (exchange.c) -------------------------------------------------------------- */
struct exchange *exchange_new(struct control *control, const char *uri);
void exchange_free(struct exchange *exchange);
/* Suspends until exchange_back; before whatever will call back is started. */
void exchange_wait(struct exchange *exchange);
/* In the callback: true, answer now; false: whoever asked has gone, and the exchange with them. */
bool exchange_back(struct exchange *exchange);

/* -- what was asked ----------------------------------------------------------------------- */
/* A query value, decoded; to be freed. NULL: not there, or not decodable. */
char *exchange_query(const struct exchange *exchange, const char *name);
/* A number in the query, or what stands for it. false: it was no number, and that was answered. */
bool exchange_number(struct exchange *exchange, const char *name, uint64_t otherwise, uint64_t max,
                     uint64_t *value_r);
const char *exchange_header(const struct exchange *exchange, const char *name); /* NULL: none */

/* -- answering ---------------------------------------------------------------------------- */
/* JSON text; `out` is emptied. */
void exchange_give(struct exchange *exchange, unsigned status, struct buf *out);
void exchange_give_json(struct exchange *exchange, unsigned status, struct json_object *json);
/* {"error": {"what", "why", "next"}}; next NULL: what follows the last "; " of why. */
void exchange_refuse(struct exchange *exchange, unsigned status, const char *what, const char *why,
                     const char *next);
/* The same, with the status that fits the errno. */
void exchange_fail(struct exchange *exchange, int error, const char *what, const char *why,
                   const char *next);
unsigned exchange_status_of(int error);

/* -- routes (route.c) --------------------------------------------------------------------- */
/* Finds the route of the exchange's path and sets its params; else answers 404, or 405. */
void route_find(struct exchange *exchange, const char *method, const struct route *const *tables);
/* Whether a path follows a pattern; params_r gets what stands for the {names}, decoded, to be
 * freed. Pure. */
bool route_match(const char *pattern, const char *path, char *params_r[ROUTE_PARAMS]);
/* "METHOD path" a line. */
void route_lines(const struct route *const *tables, struct buf *out);
#endif
