/* sandbox/google_jwt.c: id_tokens signed with RS256, and the key set to check them with. */
#include "sandbox/google_tokens.h"

#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

static const char key_id[] = "sandbox-1";

void google_sha256(const void *data, size_t len, unsigned char hash[32])
{
    EVP_Digest(data, len, hash, NULL, EVP_sha256(), NULL);
}

/* Made when first needed: a key takes a while. */
static EVP_PKEY *signing_key(void)
{
    static EVP_PKEY *key;

    if (!key)
        key = EVP_RSA_gen(2048);
    return key;
}

static void json_part(struct buf *out, struct json_object *object)
{
    const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);

    text_base64url(out, text, strlen(text));
}

static void sign(struct buf *token)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[512];
    size_t len = sizeof(signature);

    if (context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, signing_key()) == 1 &&
        EVP_DigestSign(context, signature, &len, (const unsigned char *)token->data, token->len) ==
            1) {
        buf_add_char(token, '.');
        text_base64url(token, signature, len);
    }
    EVP_MD_CTX_free(context);
}

static void claim_hash(struct json_object *claims, const char *access_token)
{
    unsigned char hash[32];
    auto_buf struct buf half = {0};

    google_sha256(access_token, strlen(access_token), hash);
    text_base64url(&half, hash, 16);
    google_json_put(claims, "at_hash", buf_text(&half));
}

char *google_id_token(const struct google_grant *grant, unsigned scopes, const char *issuer,
                      const char *nonce, const char *access_token)
{
    struct json_object *header = json_object_new_object(), *claims = json_object_new_object();
    const struct google_account *account = grant->account;
    struct buf token = {0};

    google_json_put(header, "alg", "RS256");
    google_json_put(header, "kid", key_id);
    google_json_put(header, "typ", "JWT");
    google_json_put(claims, "iss", issuer);
    google_json_put(claims, "azp", grant->client->id);
    google_json_put(claims, "aud", grant->client->id);
    google_json_put(claims, "sub", account->sub);
    if (scopes & SCOPE_EMAIL) {
        google_json_put(claims, "email", account->address);
        json_object_object_add(claims, "email_verified", json_object_new_boolean(true));
    }
    if (scopes & SCOPE_PROFILE)
        google_json_put(claims, "name", account->name);
    if (nonce)
        google_json_put(claims, "nonce", nonce);
    claim_hash(claims, access_token);
    json_object_object_add(claims, "iat", json_object_new_int64(world_now() / 1000));
    json_object_object_add(claims, "exp", json_object_new_int64(world_now() / 1000 + 3600));

    json_part(&token, header);
    buf_add_char(&token, '.');
    json_part(&token, claims);
    sign(&token);
    json_object_put(header);
    json_object_put(claims);
    return buf_take(&token);
}

static void key_number(struct json_object *key, const char *name, const char *parameter)
{
    BIGNUM *number = NULL;
    unsigned char bytes[512];
    auto_buf struct buf text = {0};
    int len;

    if (EVP_PKEY_get_bn_param(signing_key(), parameter, &number) != 1)
        return;
    len = BN_bn2bin(number, bytes);
    text_base64url(&text, bytes, (size_t)len);
    google_json_put(key, name, buf_text(&text));
    BN_free(number);
}

struct json_object *google_key_set(void)
{
    struct json_object *set = json_object_new_object(), *keys = json_object_new_array();
    struct json_object *key = json_object_new_object();

    google_json_put(key, "kty", "RSA");
    google_json_put(key, "alg", "RS256");
    google_json_put(key, "use", "sig");
    google_json_put(key, "kid", key_id);
    key_number(key, "n", OSSL_PKEY_PARAM_RSA_N);
    key_number(key, "e", OSSL_PKEY_PARAM_RSA_E);
    json_object_array_add(keys, key);
    json_object_object_add(set, "keys", keys);
    return set;
}
