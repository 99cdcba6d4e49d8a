/* sandbox/exchange.h: one request and its answer, between a connection and the stand-ins.
 *
 * The HTTP side makes it, adds what it reads, calls exchange_run, and is told by `exchange_ops`
 * what to write. It frees it when all is written or the connection is gone. */
#ifndef SANDBOX_EXCHANGE_H
#define SANDBOX_EXCHANGE_H
#include "base/buf.h"
#include "base/list.h"
#include "sandbox/fault.h"
#include "sandbox/http.h"
#include "sandbox/loop.h"

#include <stdbool.h>
#include <stdint.h>

#define EXCHANGE_BODY_MAX (64u << 20)
#define EXCHANGE_HEAD_MAX (256u << 10)

enum exchange_drop { DROP_RESET, DROP_STREAM, DROP_GOAWAY };

struct exchange;
struct exchange_ops {
    /* The response is there: write its head, and of its body no more than `released`. */
    void (*answer)(struct exchange *exchange);
    void (*more)(struct exchange *exchange);                          /* `released` grew */
    void (*drop)(struct exchange *exchange, enum exchange_drop drop); /* no answer */
};

struct exchange {
    struct list node;               /* the HTTP side's */
    const struct exchange_ops *ops; /* NULL: its connection is gone */
    void *conn;                     /* the HTTP side's */
    int32_t stream;                 /* the HTTP side's */
    struct sbx_request request;
    struct sbx_response response;
    struct buf text;                  /* method, host, target, headers, each with its NUL */
    size_t method, host, path, query; /* where in text; 0: "" */
    size_t *fields;                   /* offsets of name, value, name, value... */
    size_t field_count;               /* names + values */
    struct sbx_header *headers;
    struct buf body;       /* of the request */
    size_t released, sent; /* of the response's body */
    bool cut;              /* the connection (or stream) ends after `released` */
    bool ran;              /* exchange_run was called */
    bool answered;
    bool noted; /* in requests.log */
    struct fault fault;
    struct loop_timer timer;
};

struct exchange *exchange_new(const struct exchange_ops *ops, void *conn, int version,
                              uint64_t connection, bool reused);
void exchange_free(struct exchange *exchange); /* its connection no longer has it */

/* What was read. exchange_field wants the name in lower case. false: too much. */
void exchange_method(struct exchange *exchange, const char *text, size_t len);
void exchange_host(struct exchange *exchange, const char *text, size_t len);
void exchange_target(struct exchange *exchange, const char *text, size_t len);
bool exchange_field(struct exchange *exchange, const char *name, size_t name_len, const char *value,
                    size_t len);
bool exchange_body(struct exchange *exchange, const void *data, size_t len);
void exchange_run(struct exchange *exchange);

void exchange_set_handler(sbx_handler *handler, void *arg);
size_t exchange_count(void); /* under way: not idle while there is any */
#endif
