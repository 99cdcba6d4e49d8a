/* sandbox/google_tokens.h: OAuth clients, grants, authorization codes and tokens. */
#ifndef SANDBOX_GOOGLE_TOKENS_H
#define SANDBOX_GOOGLE_TOKENS_H
#include "sandbox/clients.h"
#include "sandbox/google_scopes.h"
#include "sandbox/google_state.h"
#include "sandbox/http.h"

/* What one account let one client do. Every token carries the epoch it was made in: a revoke or a
 * password change ends them all by beginning the next. */
struct google_grant {
    struct google_account *account;
    struct client *client;
    unsigned scopes;
    uint64_t epoch;
    struct google_token **refreshes; /* the live ones, oldest first: at most 100 */
    size_t refresh_count;
};

struct google_token {
    char *text;
    struct google_grant *grant;
    uint64_t epoch;
    unsigned scopes;
    bool refresh, dead;
    int64_t expires; /* virtual ms; a refresh token's does not count */
};

struct google_code {
    char *text, *redirect, *challenge, *nonce;
    bool plain; /* the challenge is the verifier itself */
    bool offline, used;
    struct google_grant *grant;
    unsigned scopes;
    int64_t expires;
};

/* The grant of that pair, made when there is none. */
struct google_grant *google_grant_of(struct google_account *account, struct client *client);
void google_grant_end(struct google_grant *grant);
/* Ends the account's grants; `gmail_only`: just those with a Gmail scope. How many. */
size_t google_grants_end(const struct google_account *account, bool gmail_only);
/* Ends the life of the account's access tokens, and leaves the grant. How many. */
size_t google_tokens_expire(const struct google_account *account);

struct google_code *google_code_new(struct google_grant *grant, unsigned scopes);
struct google_code *google_code_get(const char *text);
struct google_token *google_token_new(struct google_grant *grant, unsigned scopes, bool refresh);
struct google_token *google_token_get(const char *text); /* dead ones too */
/* Neither expired nor revoked. */
bool google_token_live(const struct google_token *token);
/* The live token of "Authorization: Bearer", or NULL. */
struct google_token *google_bearer(const struct sbx_request *request);

/* A signed id_token. Allocated. */
char *google_id_token(const struct google_grant *grant, unsigned scopes, const char *issuer,
                      const char *nonce, const char *access_token);
#endif
