/* sandbox/microsoft_tokens.h: grants, authorization codes and tokens of the identity platform. */
#ifndef SANDBOX_MICROSOFT_TOKENS_H
#define SANDBOX_MICROSOFT_TOKENS_H
#include "sandbox/clients.h"
#include "sandbox/microsoft_scopes.h"
#include "sandbox/microsoft_state.h"
#include "sandbox/http.h"

/* What one account let one client do. Every token carries the epoch it was made in: a revocation
 * ends them all by beginning the next. */
struct ms_grant {
    struct ms_account *account;
    struct client *client;
    unsigned scopes;
    uint64_t epoch;
};

struct ms_token {
    char *text;
    struct ms_grant *grant;
    uint64_t epoch;
    unsigned scopes;
    bool refresh, dead;
    bool challenged_met; /* it was issued in answer to the claims challenge */
    int64_t expires;     /* virtual ms */
};

struct ms_code {
    char *text, *redirect, *challenge, *nonce;
    bool used, claims_met;
    struct ms_grant *grant;
    unsigned scopes;
    int64_t expires;
};

/* What a tenant's admin consented to for all its people. */
struct ms_consented {
    unsigned scopes;
};

struct ms_grant *ms_grant_of(struct ms_account *account, struct client *client);
/* Ends the account's grants; `public_only`: just those of clients without a secret. How many. */
size_t ms_grants_end(const struct ms_account *account, bool public_only);
/* Ends the life of the account's access tokens, and leaves the grant. How many. */
size_t ms_tokens_expire(const struct ms_account *account);
/* What the tenant's admin consented to for this client. */
unsigned ms_admin_scopes(const struct ms_tenant *tenant, const struct client *client);
void ms_admin_consent(struct ms_tenant *tenant, const struct client *client, unsigned scopes);

struct ms_code *ms_code_new(struct ms_grant *grant, unsigned scopes);
struct ms_code *ms_code_get(const char *text);
struct ms_token *ms_token_new(struct ms_grant *grant, unsigned scopes, bool refresh);
struct ms_token *ms_token_get(const char *text); /* dead ones too */
bool ms_token_live(const struct ms_token *token);
/* The token of "Authorization: Bearer", dead or alive, or NULL. */
struct ms_token *ms_bearer(const struct sbx_request *request);

/* A signed id_token. Allocated. `base` is the address of this server. */
char *ms_id_token(const struct ms_grant *grant, unsigned scopes, const char *base,
                  const char *nonce, const char *access_token);
/* "https://127.0.0.1:4711": where this request came in. Allocated. */
char *ms_base(const struct sbx_request *request);

/* /login/ and /oidc/. False: the path is none of these. */
bool ms_oauth_handle(const struct sbx_request *request, struct sbx_response *response);
/* `tenant` is the segment of the path: "common", a domain... */
void ms_authorize(const struct sbx_request *request, struct sbx_response *response,
                  const char *tenant, bool submitted);
void ms_adminconsent(const struct sbx_request *request, struct sbx_response *response,
                     const char *tenant, bool submitted);
/* Whether people of this account's tenant sign in at that segment. */
bool ms_tenant_fits(const struct ms_account *account, const char *segment);
/* An error of the platform, as JSON. */
void ms_oauth_fail(struct sbx_response *response, int status, const char *error, int code,
                   const char *text, const char *suberror, const char *claims);
#endif
