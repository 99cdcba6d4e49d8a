/* provider/credential.h: who is asked for a mailbox's token. Plugins never see one.
 *
 * The mailbox room is this source; tests and rider-check bring their own. */
#ifndef PROVIDER_CREDENTIAL_H
#define PROVIDER_CREDENTIAL_H
#include "postrider/failure.h"

#include <stdint.h>

/* Either token, or failure with token NULL. Both are lent during the call. A failure of kind
 * RIDER_AUTH says that a person must sign in again; any other, that later may work. */
typedef void credential_got_fn(void *arg, const char *token, const struct rider_failure *failure);

struct credential_source {
    void *arg;
    /* Asks for a bearer token (RFC 6750) of this mailbox. `refused` is NULL, or the very token
     * that a server has just answered with 401: give another one, renewed if it is still the
     * current one. `got` is called exactly once, on the loop, never before this returns; a
     * request that no longer wants the token simply ignores it, so there is no cancelling. */
    void (*token)(void *arg, uint64_t mailbox, const char *refused, credential_got_fn *got,
                  void *got_arg);
};
#endif
