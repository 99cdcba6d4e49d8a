/* postrider/failure.h: how an operation fails: what to do, how far it reaches, what must wait. */
#ifndef POSTRIDER_FAILURE_H
#define POSTRIDER_FAILURE_H
#include "postrider/basic.h"
#ifdef __cplusplus
extern "C" {
#endif

/* -- what went wrong: kind says what to do, scope how far it reaches ----------------
 * Whatever a plugin says, the host takes a failed send for UNCERTAIN when it saw a request of
 * that operation leave this machine and no 2xx or 4xx come back.                        */
enum rider_kind { /* one you do not know: UNCERTAIN for send, TRANSIENT otherwise    */
                  RIDER_TRANSIENT = 1,   /* nothing happened; later may work           */
                  RIDER_THROTTLED = 2,   /* the same, and retry_after is meant         */
                  RIDER_AUTH = 3,        /* credentials refused; a person must act     */
                  RIDER_PERMANENT = 4,   /* this request will never work               */
                  RIDER_UNCERTAIN = 5,   /* it may have happened: `find`, never resend */
                  RIDER_ABSENT = 6,      /* looked, and it is not there                */
                  RIDER_CURSOR_LOST = 7, /* the cursor is of no use: list from since   */
                  RIDER_UNSUPPORTED = 8, /* also: the granted access does not allow it */
                  RIDER_CANCELLED = 9,   /* stopped before it took effect              */
                  RIDER_BROKEN = 10      /* the provider spoke and we cannot read it   */
};
enum rider_scope { RIDER_MESSAGE, RIDER_RECIPIENT, RIDER_MAILBOX, RIDER_TENANT, RIDER_SERVICE };
enum { RIDER_HOLDS_SEND = 1, RIDER_HOLDS_LIST = 2, RIDER_HOLDS_LABEL = 4 };
struct rider_failure {
    size_t size;
    int32_t kind, scope;
    uint32_t holds;      /* what must wait: a day's sending ban need
                            not stop listing                           */
    int32_t code;        /* HTTP status or SMTP reply; 0: none         */
    int64_t retry_after; /* from now; -1: the provider gave no hint    */
    const char *status;  /* enhanced status code, "5.1.1", or NULL     */
    const char *claims;  /* what the next sign-in must satisfy, or NULL */
    const char *detail;  /* for the log and the person: no secret, and
                            nothing of a mail                          */
};

#ifdef __cplusplus
}
#endif
#endif
