/* sandbox/microsoft_oauth.c: the token endpoint, userinfo, keys and what describes them. */
#include "sandbox/microsoft_tokens.h"

#include "sandbox/jwt.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static const char claims_wanted[] =
    "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"1604106651\"}}}";

/* As shared/specs/oauth-token-endpoint-errors.json. */
void ms_oauth_fail(struct sbx_response *response, int status, const char *error, int code,
                   const char *text, const char *suberror, const char *claims)
{
    struct json_object *object = json_object_new_object(), *codes = json_object_new_array();
    auto_free char *trace = ms_guid("trace", world_random());
    auto_free char *correlation = ms_guid("correlation", world_random());
    char when[32];
    auto_free char *description = NULL;

    ms_time(world_now(), when);
    when[10] = ' ';
    description = mem_printf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", code,
                             text, trace, correlation, when);
    sbx_json_put(object, "error", error);
    sbx_json_put(object, "error_description", description);
    json_object_array_add(codes, json_object_new_int(code));
    json_object_object_add(object, "error_codes", codes);
    sbx_json_put(object, "timestamp", when);
    sbx_json_put(object, "trace_id", trace);
    sbx_json_put(object, "correlation_id", correlation);
    auto_free char *uri = mem_printf("https://login.microsoftonline.com/error?code=%d", code);
    sbx_json_put(object, "error_uri", uri);
    if (suberror)
        sbx_json_put(object, "suberror", suberror);
    if (claims)
        sbx_json_put(object, "claims", claims);
    sbx_response_json(response, status, object);
}

static void note(struct sbx_response *response, const struct ms_account *account,
                 const char *method)
{
    free(response->note);
    response->note = mem_printf("%s %s", account ? account->address : "-", method);
}

bool ms_tenant_fits(const struct ms_account *account, const char *segment)
{
    if (text_same(segment, "common"))
        return true;
    if (text_same(segment, "organizations"))
        return !account->tenant->personal;
    return ms_tenant_get(segment) == account->tenant;
}

static bool tenant_known(const char *segment, struct sbx_response *response)
{
    if (text_same(segment, "common") || text_same(segment, "organizations") ||
        text_same(segment, "consumers") || ms_tenant_get(segment))
        return true;
    ms_oauth_fail(response, 400, "invalid_request", 90002,
                  "Tenant not found. Check to make sure you have the correct tenant ID.", NULL,
                  NULL);
    return false;
}

/* client_secret_post or _basic; a public client has no secret and may send none. */
static struct client *client_check(const struct sbx_request *request, const char *form,
                                   struct sbx_response *response)
{
    auto_free char *id = NULL, *secret = NULL;
    struct client *client;

    client_credentials(request, form, &id, &secret);
    client = client_get(&ms_state()->clients, id);
    if (!client) {
        ms_oauth_fail(response, 400, "unauthorized_client", 700016,
                      "Application was not found in the directory.", NULL, NULL);
        return NULL;
    }
    if (client->secret && secret && strcmp(client->secret, secret) == 0)
        return client;
    if (!client->secret && !secret)
        return client;
    if (!client->secret)
        ms_oauth_fail(response, 401, "invalid_client", 700025,
                      "Client is public so neither 'client_assertion' nor 'client_secret' should "
                      "be presented.",
                      NULL, NULL);
    else if (!secret)
        ms_oauth_fail(response, 401, "invalid_client", 7000218,
                      "The request body must contain the following parameter: 'client_assertion' "
                      "or 'client_secret'.",
                      NULL, NULL);
    else
        ms_oauth_fail(response, 401, "invalid_client", 7000215, "Invalid client secret provided.",
                      NULL, NULL);
    return NULL;
}

struct issue { /* what is to be issued */
    struct ms_grant *grant;
    unsigned scopes; /* of the grant */
    unsigned asked;  /* of the access token */
    const char *nonce;
    bool claims_met;
};

static void token_ok(const struct sbx_request *request, struct sbx_response *response,
                     const struct issue *issue)
{
    const struct ms_settings *settings = &ms_state()->settings;
    struct ms_token *access = ms_token_new(issue->grant, issue->asked, false), *refresh;
    struct json_object *object = json_object_new_object();
    auto_free char *scope = ms_scopes_text(issue->asked, settings->long_scopes);
    int64_t seconds =
        settings->expires_in_set ? settings->expires_in : settings->token_lifetime / 1000 - 1;

    access->challenged_met = issue->claims_met;
    sbx_json_put(object, "token_type", "Bearer");
    sbx_json_put(object, "scope", scope);
    json_object_object_add(object, "expires_in", json_object_new_int64(seconds));
    json_object_object_add(object, "ext_expires_in", json_object_new_int64(seconds));
    sbx_json_put(object, "access_token", access->text);
    if (issue->scopes & MS_OFFLINE) {
        refresh = ms_token_new(issue->grant, issue->scopes, true);
        sbx_json_put(object, "refresh_token", refresh->text);
    }
    if (issue->asked & MS_OPENID) {
        auto_free char *base = ms_base(request);
        auto_free char *token =
            ms_id_token(issue->grant, issue->asked, base, issue->nonce, access->text);

        sbx_json_put(object, "id_token", token);
    }
    sbx_response_json(response, 200, object);
}

/* One access token is for one resource: of Graph's scopes and Outlook's, those that `form` asks
 * for, else Graph's. False: answered. */
static bool resource_choose(const char *form, struct issue *issue, struct sbx_response *response)
{
    auto_free char *text = sbx_parameter(form, "scope", 0);
    unsigned asked = issue->scopes, resource;

    if (text && !ms_scopes_read(text, &asked)) {
        ms_oauth_fail(response, 400, "invalid_scope", 70011,
                      "The provided value for the input parameter 'scope' is not valid.", NULL,
                      NULL);
        return false;
    }
    if ((asked & MS_OUTLOOK) && (asked & MS_GRAPH) && text) {
        ms_oauth_fail(response, 400, "invalid_request", 28000,
                      "Provided value for the input parameter scope is not valid because it "
                      "contains more than one resource.",
                      NULL, NULL);
        return false;
    }
    resource = (asked & MS_GRAPH) ? MS_GRAPH : (asked & MS_OUTLOOK) ? MS_OUTLOOK : MS_GRAPH;
    if (asked & resource &
        ~(issue->grant->scopes | issue->scopes)) { /* any refresh token of theirs will do */
        ms_oauth_fail(response, 400, "invalid_grant", 65001,
                      "The user or administrator has not consented to use the application. Send "
                      "an interactive authorization request for this user and resource.",
                      "consent_required", NULL);
        return false;
    }
    issue->asked = (asked | issue->scopes) & (resource | MS_SIGN_IN);
    return true;
}

static void exchange(const struct sbx_request *request, const char *form, const char *tenant,
                     const struct client *client, struct sbx_response *response)
{
    auto_free char *text = sbx_parameter(form, "code", 0);
    auto_free char *uri = sbx_parameter(form, "redirect_uri", 0);
    auto_free char *verifier = sbx_parameter(form, "code_verifier", 0);
    struct ms_code *code = ms_code_get(text);
    struct issue issue;

    if (!code || code->grant->client != client || !ms_tenant_fits(code->grant->account, tenant)) {
        ms_oauth_fail(response, 400, "invalid_grant", 70000, "The provided code is not valid.",
                      NULL, NULL);
        return;
    }
    note(response, code->grant->account, "oauth.token");
    issue = (struct issue){.grant = code->grant,
                           .scopes = code->scopes,
                           .nonce = code->nonce,
                           .claims_met = code->claims_met};
    if (code->used)
        ms_oauth_fail(response, 400, "invalid_grant", 54005,
                      "OAuth2 Authorization code was already redeemed.", NULL, NULL);
    else if (world_now() >= code->expires)
        ms_oauth_fail(response, 400, "invalid_grant", 70008,
                      "The provided authorization code has expired.", NULL, NULL);
    else if (!uri || strcmp(uri, code->redirect) != 0)
        ms_oauth_fail(response, 400, "invalid_grant", 500112,
                      "The reply address does not match the reply address provided when "
                      "requesting Authorization code.",
                      NULL, NULL);
    else if (code->challenge && (!verifier || !pkce_fits(code->challenge, verifier)))
        ms_oauth_fail(response, 400, "invalid_grant", 501481,
                      "The Code_Verifier does not match the code_challenge supplied in the "
                      "authorization request.",
                      NULL, NULL);
    else if (resource_choose(form, &issue, response)) {
        code->used = true;
        token_ok(request, response, &issue);
    }
}

/* Whether the account's policy lets a refresh pass; if not, answered. */
static bool policy_check(const struct ms_account *account, bool claims, struct issue *issue,
                         struct sbx_response *response)
{
    const char *demand = account->demand;

    issue->claims_met = account->challenge && claims && !account->challenge_interactive;
    if (account->challenge && account->challenge_interactive) {
        ms_oauth_fail(response, 400, "interaction_required", 50076,
                      "Due to a configuration change made by your administrator, you must use "
                      "multi-factor authentication.",
                      "basic_action", account->challenge);
        return false;
    }
    if (!demand)
        return true;
    if (strcmp(demand, "consent") == 0)
        ms_oauth_fail(response, 400, "invalid_grant", 65001,
                      "The user or administrator has not consented to use the application.",
                      "consent_required", NULL);
    else if (strcmp(demand, "blocked") == 0)
        ms_oauth_fail(response, 400, "interaction_required", 53003,
                      "Access has been blocked by Conditional Access policies.", "message_only",
                      NULL);
    else
        ms_oauth_fail(response, 400, "interaction_required", 50076,
                      "Due to a configuration change made by your administrator, or because you "
                      "moved to a new location, you must use multi-factor authentication.",
                      "basic_action", claims_wanted);
    return false;
}

static void refresh(const struct sbx_request *request, const char *form, const char *tenant,
                    const struct client *client, struct sbx_response *response)
{
    auto_free char *text = sbx_parameter(form, "refresh_token", 0);
    auto_free char *claims = sbx_parameter(form, "claims", 0);
    struct ms_token *token = ms_token_get(text);
    struct issue issue;

    if (!token || !token->refresh || token->grant->client != client ||
        !ms_tenant_fits(token->grant->account, tenant)) {
        ms_oauth_fail(response, 400, "invalid_grant", 9002313, "The refresh token is malformed.",
                      "bad_token", NULL);
        return;
    }
    note(response, token->grant->account, "oauth.refresh");
    /* what an admin has consented to meanwhile, a refresh token of before is good for */
    issue = (struct issue){.grant = token->grant,
                           .scopes = token->scopes |
                                     ms_admin_scopes(token->grant->account->tenant, client)};
    if (token->epoch != token->grant->epoch || token->dead) {
        ms_oauth_fail(response, 400, "invalid_grant", 50173,
                      "The provided grant has expired due to it being revoked. The user might "
                      "have changed or reset their password.",
                      "bad_token", NULL);
    } else if (!ms_token_live(token)) {
        ms_oauth_fail(response, 400, "invalid_grant", 700082,
                      "The refresh token has expired due to inactivity.", "token_expired", NULL);
    } else if (policy_check(token->grant->account, claims != NULL, &issue, response) &&
               resource_choose(form, &issue, response)) {
        token->dead = ms_state()->settings.revoke_old;
        token_ok(request, response, &issue);
    }
}

static void token_endpoint(const struct sbx_request *request, struct sbx_response *response,
                           const char *tenant)
{
    auto_free char *form = mem_strn(request->body.data, request->body.len);
    auto_free char *type = sbx_parameter(form, "grant_type", 0);
    struct ms_settings *settings = &ms_state()->settings;
    struct client *client;

    note(response, NULL, "oauth.token");
    if (strcmp(request->method, "POST") != 0) {
        ms_oauth_fail(response, 400, "invalid_request", 900561,
                      "The endpoint only accepts POST requests.", NULL, NULL);
        return;
    }
    if (settings->token_unavailable > 0) {
        settings->token_unavailable--;
        ms_oauth_fail(response, 503, "temporarily_unavailable", 90033,
                      "A transient error has occurred. Please try again.", NULL, NULL);
        return;
    }
    if (!tenant_known(tenant, response))
        return;
    client = client_check(request, form, response);
    if (!client)
        return;
    if (type && strcmp(type, "authorization_code") == 0)
        exchange(request, form, tenant, client, response);
    else if (type && strcmp(type, "refresh_token") == 0)
        refresh(request, form, tenant, client, response);
    else
        ms_oauth_fail(response, 400, "unsupported_grant_type", 70003,
                      "The app requested an unsupported grant type.", NULL, NULL);
}

static void userinfo(const struct sbx_request *request, struct sbx_response *response)
{
    const struct ms_token *token = ms_bearer(request);
    const struct ms_account *account = token ? token->grant->account : NULL;
    struct json_object *object;

    note(response, account, "oauth.userinfo");
    if (!token || !ms_token_live(token) || !(token->scopes & MS_OPENID)) {
        sbx_response_header(response, "www-authenticate", "Bearer error=\"invalid_token\"");
        ms_oauth_fail(response, 401, "invalid_token", 50132, "The session is not valid.", NULL,
                      NULL);
        return;
    }
    object = json_object_new_object();
    sbx_json_put(object, "sub", account->sub);
    if (token->scopes & MS_PROFILE)
        sbx_json_put(object, "name", account->name);
    if (token->scopes & MS_EMAIL)
        sbx_json_put(object, "email", account->address);
    sbx_response_json(response, 200, object);
}

/* As shared/specs/microsoft.openid-configuration.json, with this server's addresses. The issuer
 * of `common` names no tenant. */
static void describe(const struct sbx_request *request, struct sbx_response *response,
                     const char *tenant)
{
    static const char *const endpoints[][2] = {
        {"token_endpoint", "oauth2/v2.0/token"},
        {"authorization_endpoint", "oauth2/v2.0/authorize"},
        {"jwks_uri", "discovery/v2.0/keys"},
    };
    const struct ms_tenant *known = ms_tenant_get(tenant);
    struct json_object *object = json_object_new_object();
    auto_free char *base = ms_base(request);
    auto_free char *issuer = mem_printf("%s/login/%s/v2.0", base, known ? known->id : "{tenantid}");
    auto_free char *info = mem_printf("%s/oidc/userinfo", base);

    sbx_json_put(object, "issuer", issuer);
    sbx_json_put(object, "userinfo_endpoint", info);
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        auto_free char *url = mem_printf("%s/login/%s/%s", base, tenant, endpoints[i][1]);

        sbx_json_put(object, endpoints[i][0], url);
    }
    sbx_response_json(response, 200, object);
    note(response, NULL, "oauth.describe");
}

/* `rest` follows the tenant. */
static bool login_route(const struct sbx_request *request, struct sbx_response *response,
                        const char *tenant, const char *rest)
{
    if (strcmp(rest, "oauth2/v2.0/authorize") == 0)
        ms_authorize(request, response, tenant, false);
    else if (strcmp(rest, "oauth2/v2.0/authorize/consent") == 0)
        ms_authorize(request, response, tenant, true);
    else if (strcmp(rest, "v2.0/adminconsent") == 0 || strcmp(rest, "adminconsent") == 0)
        ms_adminconsent(request, response, tenant, false);
    else if (strcmp(rest, "adminconsent/consent") == 0)
        ms_adminconsent(request, response, tenant, true);
    else if (strcmp(rest, "oauth2/v2.0/token") == 0)
        token_endpoint(request, response, tenant);
    else if (strcmp(rest, "discovery/v2.0/keys") == 0)
        sbx_response_json(response, 200, jwt_key_set());
    else if (strcmp(rest, "v2.0/.well-known/openid-configuration") == 0)
        describe(request, response, tenant);
    else
        return false;
    return true;
}

bool ms_oauth_handle(const struct sbx_request *request, struct sbx_response *response)
{
    static const char prefix[] = "/login/";
    const char *path = request->path;
    auto_free char *tenant = NULL;

    if (strcmp(path, "/oidc/userinfo") == 0) {
        userinfo(request, response);
        return true;
    }
    if (!text_starts(path, prefix))
        return false;
    path += strlen(prefix);
    tenant = mem_strn(path, strcspn(path, "/"));
    path += strlen(tenant);
    note(response, NULL, "oauth.other");
    if (*path != '/' || !login_route(request, response, tenant, path + 1))
        ms_oauth_fail(response, 404, "invalid_request", 90019, "There is nothing at this path.",
                      NULL, NULL);
    sbx_response_header(response, "cache-control", "no-store");
    return true;
}
