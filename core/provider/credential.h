/* provider/credential.h: who is asked for a mailbox's token or password. Plugins never see one.
 *
 * The mailbox room is this source; tests and rider-check bring their own. */
#ifndef PROVIDER_CREDENTIAL_H
#define PROVIDER_CREDENTIAL_H
#include "postrider/failure.h"

#include <stdbool.h>
#include <stdint.h>

/* Either token, or failure with token NULL. Both are lent during the call. A failure of kind
 * RIDER_AUTH says that a person must sign in again; any other, that later may work. */
typedef void credential_got_fn(void *arg, const char *token, const struct rider_failure *failure);

struct credential_login { /* what a mail server is told (SASL); lent during the call             */
    const char *user;     /* as that server knows the owner, often the address              */
    const char *secret;   /* a password, or a bearer token (RFC 6750)                       */
    bool is_bearer;
};
/* Either login, or failure with login NULL; kinds as above. */
typedef void credential_login_fn(void *arg, const struct credential_login *login,
                                 const struct rider_failure *failure);

struct credential_source {
    void *arg;
    /* Asks for a bearer token (RFC 6750) of this mailbox. `refused` is NULL, or the very token
     * that a server has just answered with 401: give another one, renewed if it is still the
     * current one. `got` is called exactly once, on the loop, never before this returns; a
     * request that no longer wants the token simply ignores it, so there is no cancelling. */
    void (*token)(void *arg, uint64_t mailbox, const char *refused, credential_got_fn *got,
                  void *got_arg);
    /* Asks for what the line of postrider.stream/1 logs in with, under the same rules. `refused` is
     * NULL or a bearer token; a refused password is not asked for again, as there is no other.
     * NULL: the mailbox's address and `token`. */
    void (*login)(void *arg, uint64_t mailbox, const char *refused, credential_login_fn *got,
                  void *got_arg);
};
#endif
