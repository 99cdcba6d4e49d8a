/* rider-check/standin.h: a small scripted HTTP/1.1 server on loopback, on the caller's own loop.
 *
 * Each request is shown to `serve`, which says how it is answered. For rider-check and the tests
 * of core/provider; what a provider's API really does is the sandbox's to play. */
#ifndef RIDER_CHECK_STANDIN_H
#define RIDER_CHECK_STANDIN_H
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct standin;

struct standin_request { /* lent during `serve`                    */
    const char *method, *target;
    const char *authorization; /* the header's value, or ""              */
    const char *head;          /* request line and headers               */
    struct bytes body;
};
enum standin_how {
    STANDIN_ANSWER, /* status, headers, body                                    */
    STANDIN_RAW,    /* body as it is, then close                                */
    STANDIN_CUT,    /* the request was read; close without a word               */
    STANDIN_HANG    /* the request was read; never answer                       */
};
struct standin_reply {
    enum standin_how how;
    int status;
    const char *headers; /* whole lines with CRLF, or NULL     */
    const char *body;    /* lent until `serve` was called again, or NULL */
};

/* NULL: no socket to be had (errno). */
struct standin *standin_new(struct loop *loop,
                            void (*serve)(void *arg, const struct standin_request *,
                                          struct standin_reply *),
                            void *arg);
void standin_free(struct standin *standin);             /* NULL is fine              */
const char *standin_url(const struct standin *standin); /* "http://127.0.0.1:4010"   */
size_t standin_served(const struct standin *standin);   /* requests read whole       */
/* From now on: connections are refused (the listening socket is closed). */
void standin_shut(struct standin *standin);
#endif
