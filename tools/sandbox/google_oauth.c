/* sandbox/google_oauth.c: the token endpoint, revocation, userinfo and what describes them. */
#include "sandbox/google_oauth.h"

#include "sandbox/google_api.h"
#include "sandbox/google_tokens.h"
#include "sandbox/jwt.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* A token endpoint's error: shared/specs/oauth-token-endpoint-errors.json. */
static void token_fail(struct sbx_response *response, int status, const char *error,
                       const char *description)
{
    struct json_object *object = json_object_new_object();

    sbx_json_put(object, "error", error);
    if (description)
        sbx_json_put(object, "error_description", description);
    sbx_response_json(response, status, object);
}

static void note(struct sbx_response *response, const struct google_account *account,
                 const char *method)
{
    free(response->note);
    response->note = mem_printf("%s %s", account ? account->address : "-", method);
}

/* client_secret_post or client_secret_basic; NULL: answered. */
static struct client *client_check(const struct sbx_request *request, const char *form,
                                   struct sbx_response *response)
{
    auto_free char *id = NULL, *secret = NULL;
    struct client *client;

    client_credentials(request, form, &id, &secret);
    client = client_get(&google_state()->clients, id);
    if (!client) {
        token_fail(response, 401, "invalid_client", "The OAuth client was not found.");
    } else if (!secret && client->secret) {
        token_fail(response, 400, "invalid_request", "client_secret is missing.");
        client = NULL;
    } else if (client->secret && strcmp(secret, client->secret) != 0) {
        token_fail(response, 401, "invalid_client", "Unauthorized");
        client = NULL;
    }
    return client;
}

static char *issuer(const struct sbx_request *request)
{
    return mem_printf("https://%s", request->host ? request->host : "localhost");
}

static void token_ok(const struct sbx_request *request, struct sbx_response *response,
                     struct google_grant *grant, unsigned scopes, bool refresh, const char *nonce)
{
    const struct google_settings *settings = &google_state()->settings;
    struct google_token *access = google_token_new(grant, scopes, false);
    struct json_object *object = json_object_new_object();
    auto_free char *scope = google_scopes_text(scopes);

    sbx_json_put(object, "access_token", access->text);
    json_object_object_add(object, "expires_in",
                           json_object_new_int64(settings->expires_in_set
                                                     ? settings->expires_in
                                                     : settings->token_lifetime / 1000 - 1));
    if (refresh)
        sbx_json_put(object, "refresh_token", google_token_new(grant, scopes, true)->text);
    sbx_json_put(object, "scope", scope);
    sbx_json_put(object, "token_type", "Bearer");
    if (scopes & SCOPE_OPENID) {
        auto_free char *iss = issuer(request);
        auto_free char *token = google_id_token(grant, scopes, iss, nonce, access->text);

        sbx_json_put(object, "id_token", token);
    }
    sbx_response_json(response, 200, object);
}

/* NULL: the verifier is right; else what Google says is wrong with it. */
static const char *verifier_fault(const struct google_code *code, const char *verifier)
{
    if (!code->challenge)
        return NULL;
    if (!verifier || !*verifier)
        return "Missing code verifier.";
    return pkce_fits(code->challenge, verifier) ? NULL : "Invalid code verifier.";
}

static void exchange(const struct sbx_request *request, const char *form, struct client *client,
                     struct sbx_response *response)
{
    auto_free char *text = sbx_parameter(form, "code", 0);
    auto_free char *uri = sbx_parameter(form, "redirect_uri", 0);
    auto_free char *verifier = sbx_parameter(form, "code_verifier", 0);
    struct google_code *code = google_code_get(text);
    const char *fault;

    if (!code || code->used || code->grant->client != client || world_now() >= code->expires) {
        token_fail(response, 400, "invalid_grant", code ? "Bad Request" : "Malformed auth code.");
        return;
    }
    note(response, code->grant->account, "oauth.token");
    fault = verifier_fault(code, verifier);
    if (!uri || strcmp(uri, code->redirect) != 0) {
        token_fail(response, 400, "redirect_uri_mismatch", "Bad Request");
    } else if (fault) {
        token_fail(response, 400, "invalid_grant", fault);
    } else {
        code->used = true;
        token_ok(request, response, code->grant, code->scopes, code->offline, code->nonce);
    }
}

static void refresh(const struct sbx_request *request, const char *form,
                    const struct client *client, struct sbx_response *response)
{
    auto_free char *text = sbx_parameter(form, "refresh_token", 0);
    struct google_token *token = google_token_get(text);
    bool rotate = google_state()->settings.rotate;

    if (token && token->refresh)
        note(response, token->grant->account, "oauth.refresh");
    if (!token || !token->refresh || token->grant->client != client || !google_token_live(token)) {
        token_fail(response, 400, "invalid_grant", "Token has been expired or revoked.");
        return;
    }
    if (rotate)
        token->dead = true;
    token_ok(request, response, token->grant, token->scopes, rotate, NULL);
}

static void token_endpoint(const struct sbx_request *request, struct sbx_response *response)
{
    auto_free char *form = mem_strn(request->body.data, request->body.len);
    auto_free char *type = sbx_parameter(form, "grant_type", 0);
    struct google_settings *settings = &google_state()->settings;
    struct client *client;

    note(response, NULL, "oauth.token");
    if (strcmp(request->method, "POST") != 0) {
        token_fail(response, 405, "invalid_request", "Only POST is allowed.");
        return;
    }
    if (settings->token_unavailable > 0) {
        settings->token_unavailable--;
        token_fail(response, 503, "temporarily_unavailable", "Try again later.");
        return;
    }
    client = client_check(request, form, response);
    if (!client)
        return;
    if (type && strcmp(type, "authorization_code") == 0)
        exchange(request, form, client, response);
    else if (type && strcmp(type, "refresh_token") == 0)
        refresh(request, form, client, response);
    else
        token_fail(response, 400, "unsupported_grant_type", "Invalid grant_type.");
}

/* Either kind of token ends the whole grant. */
static void revoke_endpoint(const struct sbx_request *request, struct sbx_response *response)
{
    auto_free char *form = mem_strn(request->body.data, request->body.len);
    auto_free char *text = sbx_parameter(form, "token", 0);
    struct google_token *token;

    if (!text)
        text = sbx_parameter(request->query, "token", 0);
    token = google_token_get(text);
    note(response, token ? token->grant->account : NULL, "oauth.revoke");
    if (strcmp(request->method, "POST") != 0) {
        token_fail(response, 405, "invalid_request", "Only POST is allowed.");
    } else if (!token || !google_token_live(token)) {
        token_fail(response, 400, "invalid_token", "Token expired or revoked");
    } else {
        google_grant_end(token->grant);
        sbx_response_json(response, 200, json_object_new_object());
    }
}

/* RFC 7662: what a mail server asks about a token that somebody logs in with, so a refresh token is
 * not active here. Google has no such endpoint: its own servers need not ask. Who may ask is any
 * client that says who it is. */
static void introspect(const struct sbx_request *request, struct sbx_response *response)
{
    auto_free char *form = mem_strn(request->body.data, request->body.len);
    auto_free char *text = sbx_parameter(form, "token", 0);
    struct google_token *token = google_token_get(text);
    bool active = token && !token->refresh && google_token_live(token);
    struct json_object *object;

    note(response, token ? token->grant->account : NULL, "oauth.introspect");
    if (strcmp(request->method, "POST") != 0) {
        token_fail(response, 405, "invalid_request", "Only POST is allowed.");
        return;
    }
    if (!client_check(request, form, response))
        return;
    object = json_object_new_object();
    json_object_object_add(object, "active", json_object_new_boolean(active));
    if (active) {
        auto_free char *scope = google_scopes_text(token->scopes);

        sbx_json_put(object, "username", token->grant->account->address);
        sbx_json_put(object, "sub", token->grant->account->sub);
        sbx_json_put(object, "client_id", token->grant->client->id);
        sbx_json_put(object, "scope", scope);
        sbx_json_put(object, "token_type", "Bearer");
        json_object_object_add(object, "exp", json_object_new_int64(token->expires / 1000));
    }
    sbx_response_json(response, 200, object);
}

static void userinfo(const struct sbx_request *request, struct sbx_response *response)
{
    struct google_token *token = google_bearer(request);
    struct json_object *object;

    note(response, token ? token->grant->account : NULL, "oauth.userinfo");
    if (!token || !(token->scopes & SCOPE_SIGN_IN)) {
        sbx_response_header(response, "www-authenticate",
                            "Bearer realm=\"https://accounts.google.com/\", "
                            "error=\"invalid_token\"");
        token_fail(response, 401, "invalid_request", "Invalid Credentials");
        return;
    }
    object = json_object_new_object();
    sbx_json_put(object, "sub", token->grant->account->sub);
    if (token->scopes & SCOPE_PROFILE)
        sbx_json_put(object, "name", token->grant->account->name);
    if (token->scopes & SCOPE_EMAIL) {
        sbx_json_put(object, "email", token->grant->account->address);
        json_object_object_add(object, "email_verified", json_object_new_boolean(true));
    }
    sbx_response_json(response, 200, object);
}

/* As specs/google.openid-configuration.json, with this server's addresses. */
static void describe(const struct sbx_request *request, struct sbx_response *response)
{
    static const char *const endpoints[][2] = {
        {"authorization_endpoint", "/o/oauth2/v2/auth"}, {"token_endpoint", "/token"},
        {"userinfo_endpoint", "/v1/userinfo"},           {"revocation_endpoint", "/revoke"},
        {"introspection_endpoint", "/introspect"},       {"jwks_uri", "/oauth2/v3/certs"},
    };
    struct json_object *object = json_object_new_object();
    auto_free char *base = issuer(request);

    sbx_json_put(object, "issuer", base);
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        auto_free char *url = mem_printf("%s%s", base, endpoints[i][1]);

        sbx_json_put(object, endpoints[i][0], url);
    }
    sbx_response_json(response, 200, object);
    note(response, NULL, "oauth.describe");
}

bool google_oauth_handle(const struct sbx_request *request, struct sbx_response *response)
{
    const char *path = request->path;

    if (strcmp(path, "/token") == 0) {
        token_endpoint(request, response);
    } else if (strcmp(path, "/revoke") == 0) {
        revoke_endpoint(request, response);
    } else if (strcmp(path, "/introspect") == 0) {
        introspect(request, response);
    } else if (strcmp(path, "/v1/userinfo") == 0) {
        userinfo(request, response);
    } else if (strcmp(path, "/oauth2/v3/certs") == 0) {
        sbx_response_json(response, 200, jwt_key_set());
        note(response, NULL, "oauth.certs");
    } else if (strcmp(path, "/.well-known/openid-configuration") == 0) {
        describe(request, response);
    } else {
        return false;
    }
    sbx_response_header(response, "cache-control", "no-store");
    return true;
}
