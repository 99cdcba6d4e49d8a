/* postrider/auth.h: signing in: the plugin describes, the host performs.
 *
 * OAuth 2.0 code flow with PKCE S256 (RFC 6749, RFC 7636, RFC 9700). No token is in any struct
 * here. */
#ifndef POSTRIDER_AUTH_H
#define POSTRIDER_AUTH_H
#include "postrider/basic.h"
#ifdef __cplusplus
extern "C" {
#endif

/* -- signing in: the plugin describes, the host performs ---------------------------- */
enum rider_access {                           /* what a mailbox's owner is asked to grant   */
                    RIDER_ACCESS_SEND = 1,    /* send, nothing read                         */
                    RIDER_ACCESS_HEADERS = 2, /* send, and read headers but no bodies       */
                    RIDER_ACCESS_FULL = 3     /* send, read replies, make and set labels    */
};
enum { RIDER_AUTH_OAUTH = 1, RIDER_AUTH_PASSWORD = 2 };
struct rider_oauth { /* OAuth 2.0 code flow with PKCE (S256)       */
    size_t size;
    const char *authorize_url, *token_url, *revoke_url;
    const char *admin_consent_url;       /* NULL: the provider has no such step        */
    const char *const *authorize_params; /* "access_type=offline", ...                 */
    const char *const *scopes;
    const char *const *origins; /* the only ones an authorized request may go
                                   to: "https://gmail.googleapis.com"         */
    const char *removal;        /* where an account's owner takes the access back by
                                   hand, as a sentence goes on: "at https://..."; or NULL */
};
struct rider_setting { /* one config key; forms build from these     */
    size_t size;
    const char *key, *label, *fallback;
    bool required, secret; /* secret: kept sealed, never handed over     */
    bool of_mailbox;       /* asked for each mailbox, not per provider; by
                              the one named "user" the host logs in      */
};
struct rider_mailbox { /* lent to a session until it closes          */
    size_t size;
    const char *address;
    int32_t access;
    const char *const *granted; /* scopes as granted, maybe fewer than asked  */
    int64_t connected_at;
};
struct rider_identity {
    size_t size;
    const char *subject;        /* the account's never-reused id, or NULL     */
    const char *address, *name; /* the mailbox's primary address              */
    const char *const *aliases; /* may send as; NULL: unknown, empty: none    */
    const char *tenant;         /* shared limits are counted per tenant       */
};

#ifdef __cplusplus
}
#endif
#endif
