/* sandbox/google_tokens.c: OAuth clients, grants, authorization codes and tokens. */
#include "sandbox/google_tokens.h"

#include "sandbox/jwt.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { REFRESH_TOKENS_A_GRANT = 100, CODE_LIFETIME = 600 * 1000 };

static struct map grants, codes, tokens; /* by "address client"; text; text */

struct google_grant *google_grant_of(struct google_account *account, struct client *client)
{
    auto_free char *key = mem_printf("%s %s", account->address, client->id);
    struct google_grant *grant = map_get_str(&grants, key);

    if (!grant) {
        grant = mem_new(sizeof(*grant));
        grant->account = account;
        grant->client = client;
        map_put_str(&grants, key, grant);
    }
    return grant;
}

void google_grant_end(struct google_grant *grant)
{
    grant->epoch++;
    grant->scopes = 0;
    grant->refresh_count = 0;
}

size_t google_grants_end(const struct google_account *account, bool gmail_only)
{
    struct google_grant *grant;
    size_t at = 0, count = 0;

    while ((grant = map_next(&grants, &at, NULL, NULL))) {
        if (grant->account != account || grant->scopes == 0)
            continue;
        if (gmail_only && (grant->scopes & ~(unsigned)SCOPE_SIGN_IN) == 0)
            continue;
        google_grant_end(grant);
        count++;
    }
    return count;
}

size_t google_tokens_expire(const struct google_account *account)
{
    struct google_token *token;
    size_t at = 0, count = 0;

    while ((token = map_next(&tokens, &at, NULL, NULL)))
        if (token->grant->account == account && !token->refresh && google_token_live(token)) {
            token->dead = true;
            count++;
        }
    return count;
}

struct google_code *google_code_new(struct google_grant *grant, unsigned scopes)
{
    struct google_code *code = mem_new(sizeof(*code));
    auto_free char *random = sbx_random_text(40);

    code->text = mem_printf("4/0A-canary-%s", random);
    code->grant = grant;
    code->scopes = scopes;
    code->expires = world_now() + CODE_LIFETIME;
    map_put_str(&codes, code->text, code);
    return code;
}

struct google_code *google_code_get(const char *text)
{
    return text ? map_get_str(&codes, text) : NULL;
}

/* Past a hundred, Google silently drops the oldest. */
static void refresh_keep(struct google_grant *grant, struct google_token *token)
{
    if (grant->refresh_count == REFRESH_TOKENS_A_GRANT) {
        grant->refreshes[0]->dead = true;
        memmove(grant->refreshes, grant->refreshes + 1,
                (REFRESH_TOKENS_A_GRANT - 1) * sizeof(*grant->refreshes));
        grant->refresh_count--;
    }
    grant->refreshes =
        mem_grow(grant->refreshes, grant->refresh_count + 1, sizeof(struct google_token *));
    grant->refreshes[grant->refresh_count++] = token;
}

struct google_token *google_token_new(struct google_grant *grant, unsigned scopes, bool refresh)
{
    struct google_token *token = mem_new(sizeof(*token));
    auto_free char *random = sbx_random_text(refresh ? 72 : 130);

    token->text = mem_printf("%scanary-%s", refresh ? "1//" : "ya29.", random);
    token->grant = grant;
    token->epoch = grant->epoch;
    token->scopes = scopes;
    token->refresh = refresh;
    token->expires = world_now() + google_state()->settings.token_lifetime;
    map_put_str(&tokens, token->text, token);
    if (refresh)
        refresh_keep(grant, token);
    return token;
}

struct google_token *google_token_get(const char *text)
{
    return text ? map_get_str(&tokens, text) : NULL;
}

bool google_token_live(const struct google_token *token)
{
    return !token->dead && token->epoch == token->grant->epoch &&
           (token->refresh || world_now() < token->expires);
}

struct google_token *google_bearer(const struct sbx_request *request)
{
    const char *header = sbx_request_header(request, "authorization");
    struct google_token *token;

    if (!header || !text_starts_fold(header, "Bearer "))
        return NULL;
    token = google_token_get(header + 7);
    return token && !token->refresh && google_token_live(token) ? token : NULL;
}

char *google_id_token(const struct google_grant *grant, unsigned scopes, const char *issuer,
                      const char *nonce, const char *access_token)
{
    struct json_object *claims = json_object_new_object();
    const struct google_account *account = grant->account;
    auto_free char *half = jwt_half_hash(access_token);

    sbx_json_put(claims, "iss", issuer);
    sbx_json_put(claims, "azp", grant->client->id);
    sbx_json_put(claims, "aud", grant->client->id);
    sbx_json_put(claims, "sub", account->sub);
    if (scopes & SCOPE_EMAIL) {
        sbx_json_put(claims, "email", account->address);
        json_object_object_add(claims, "email_verified", json_object_new_boolean(true));
    }
    if (scopes & SCOPE_PROFILE)
        sbx_json_put(claims, "name", account->name);
    if (nonce)
        sbx_json_put(claims, "nonce", nonce);
    sbx_json_put(claims, "at_hash", half);
    json_object_object_add(claims, "iat", json_object_new_int64(world_now() / 1000));
    json_object_object_add(claims, "exp", json_object_new_int64(world_now() / 1000 + 3600));
    return jwt_make(claims);
}
