/* postrider/http.h: an HTTP request that the host makes, authorized if asked, and the budgets it
 * keeps. */
#ifndef POSTRIDER_HTTP_H
#define POSTRIDER_HTTP_H
#include "postrider/basic.h"
#ifdef __cplusplus
extern "C" {
#endif

/* -- the network ---------------------------------------------------------------------- */
struct rider_http_request {
    size_t size;
    struct rider_op *op; /* the operation it belongs to, or NULL       */
    const char *method, *url, *const *headers;
    struct rider_bytes body;
    uint32_t timeout;
    uint32_t cost;   /* in the units of rider_limits               */
    bool authorized; /* the host adds, and once renews, the token  */
    bool replayable; /* may be sent twice by whoever               */
};
struct rider_http_response {
    size_t size;
    int32_t status; /* 0: no answer; read `error` and `sent`      */
    bool sent;      /* part of the request left this machine      */
    const char *error;
    struct rider_bytes headers, body;
};
struct rider_limits { /* per mailbox; config wins; the host keeps   */
    size_t size;
    uint32_t in_flight, units, per_ms, sends_per_minute, recipients_per_day;
};

#ifdef __cplusplus
}
#endif
#endif
