/* sandbox/microsoft_tokens.c: grants, authorization codes and tokens of the identity platform. */
#include "sandbox/microsoft_tokens.h"

#include "sandbox/jwt.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { CODE_LIFETIME = 600 * 1000 };

static struct map grants, codes, tokens; /* by "address client"; text; text */

struct ms_grant *ms_grant_of(struct ms_account *account, struct client *client)
{
    auto_free char *key = mem_printf("%s %s", account->address, client->id);
    struct ms_grant *grant = map_get_str(&grants, key);

    if (!grant) {
        grant = mem_new(sizeof(*grant));
        grant->account = account;
        grant->client = client;
        map_put_str(&grants, key, grant);
    }
    return grant;
}

size_t ms_grants_end(const struct ms_account *account, bool public_only)
{
    struct ms_grant *grant;
    size_t at = 0, count = 0;

    while ((grant = map_next(&grants, &at, NULL, NULL))) {
        if (grant->account != account || grant->scopes == 0 ||
            (public_only && grant->client->secret))
            continue;
        grant->epoch++;
        grant->scopes = 0;
        count++;
    }
    return count;
}

size_t ms_tokens_expire(const struct ms_account *account)
{
    struct ms_token *token;
    size_t at = 0, count = 0;

    while ((token = map_next(&tokens, &at, NULL, NULL)))
        if (token->grant->account == account && !token->refresh && ms_token_live(token)) {
            token->dead = true;
            count++;
        }
    return count;
}

unsigned ms_admin_scopes(const struct ms_tenant *tenant, const struct client *client)
{
    const struct ms_consented *consented = map_get_str(&tenant->consented, client->id);

    return consented ? consented->scopes : 0;
}

void ms_admin_consent(struct ms_tenant *tenant, const struct client *client, unsigned scopes)
{
    struct ms_consented *consented = map_get_str(&tenant->consented, client->id);

    if (!consented) {
        consented = mem_new(sizeof(*consented));
        map_put_str(&tenant->consented, client->id, consented);
    }
    consented->scopes |= scopes;
}

struct ms_code *ms_code_new(struct ms_grant *grant, unsigned scopes)
{
    struct ms_code *code = mem_new(sizeof(*code));
    auto_free char *random = sbx_random_text(60);

    code->text = mem_printf("1.AX.canary-%s", random);
    code->grant = grant;
    code->scopes = scopes;
    code->expires = world_now() + CODE_LIFETIME;
    map_put_str(&codes, code->text, code);
    return code;
}

struct ms_code *ms_code_get(const char *text)
{
    return text ? map_get_str(&codes, text) : NULL;
}

struct ms_token *ms_token_new(struct ms_grant *grant, unsigned scopes, bool refresh)
{
    const struct ms_settings *settings = &ms_state()->settings;
    struct ms_token *token = mem_new(sizeof(*token));
    auto_free char *random = sbx_random_text(refresh ? 240 : 420);

    token->text = mem_printf("%scanary-%s", refresh ? "0.AX." : "EwB.", random);
    token->grant = grant;
    token->epoch = grant->epoch;
    token->scopes = scopes;
    token->refresh = refresh;
    token->expires =
        world_now() + (refresh ? settings->refresh_lifetime : settings->token_lifetime);
    map_put_str(&tokens, token->text, token);
    return token;
}

struct ms_token *ms_token_get(const char *text)
{
    return text ? map_get_str(&tokens, text) : NULL;
}

bool ms_token_live(const struct ms_token *token)
{
    return !token->dead && token->epoch == token->grant->epoch && world_now() < token->expires;
}

struct ms_token *ms_bearer(const struct sbx_request *request)
{
    const char *header = sbx_request_header(request, "authorization");
    struct ms_token *token =
        header && text_starts_fold(header, "Bearer ") ? ms_token_get(header + 7) : NULL;

    return token && !token->refresh ? token : NULL;
}

char *ms_base(const struct sbx_request *request)
{
    const char *host = request->host && *request->host ? request->host : "localhost";

    return mem_printf("%s://%s", request->secure ? "https" : "http", host);
}

char *ms_id_token(const struct ms_grant *grant, unsigned scopes, const char *base,
                  const char *nonce, const char *access_token)
{
    const struct ms_account *account = grant->account;
    struct json_object *claims = json_object_new_object();
    auto_free char *issuer = mem_printf("%s/login/%s/v2.0", base, account->tenant->id);
    auto_free char *half = jwt_half_hash(access_token);

    sbx_json_put(claims, "ver", "2.0");
    sbx_json_put(claims, "iss", issuer);
    sbx_json_put(claims, "aud", grant->client->id);
    sbx_json_put(claims, "sub", account->sub);
    sbx_json_put(claims, "oid", account->oid);
    sbx_json_put(claims, "tid", account->tenant->id);
    if (scopes & MS_EMAIL)
        sbx_json_put(claims, "email", account->address);
    if (scopes & MS_PROFILE) {
        sbx_json_put(claims, "name", account->name);
        sbx_json_put(claims, "preferred_username", account->address);
    }
    if (nonce)
        sbx_json_put(claims, "nonce", nonce);
    sbx_json_put(claims, "at_hash", half);
    json_object_object_add(claims, "iat", json_object_new_int64(world_now() / 1000));
    json_object_object_add(claims, "nbf", json_object_new_int64(world_now() / 1000));
    json_object_object_add(claims, "exp", json_object_new_int64(world_now() / 1000 + 3600));
    return jwt_make(claims);
}
