/* sandbox/jwt.c: id_tokens signed with RS256, and the key set to check them with. */
#include "sandbox/jwt.h"

#include "sandbox/values.h"

#include "base/mem.h"
#include "base/text.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

static const char key_id[] = "sandbox-1";

void sbx_sha256(const void *data, size_t len, unsigned char hash[32])
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

char *jwt_half_hash(const char *text)
{
    unsigned char hash[32];
    struct buf half = {0};

    sbx_sha256(text, strlen(text), hash);
    text_base64url(&half, hash, 16);
    return buf_take(&half);
}

char *jwt_make(struct json_object *claims)
{
    struct json_object *header = json_object_new_object();
    struct buf token = {0};

    sbx_json_put(header, "alg", "RS256");
    sbx_json_put(header, "kid", key_id);
    sbx_json_put(header, "typ", "JWT");
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
    sbx_json_put(key, name, buf_text(&text));
    BN_free(number);
}

struct json_object *jwt_key_set(void)
{
    struct json_object *set = json_object_new_object(), *keys = json_object_new_array();
    struct json_object *key = json_object_new_object();

    sbx_json_put(key, "kty", "RSA");
    sbx_json_put(key, "alg", "RS256");
    sbx_json_put(key, "use", "sig");
    sbx_json_put(key, "kid", key_id);
    key_number(key, "n", OSSL_PKEY_PARAM_RSA_N);
    key_number(key, "e", OSSL_PKEY_PARAM_RSA_E);
    json_object_array_add(keys, key);
    json_object_object_add(set, "keys", keys);
    return set;
}

bool pkce_fits(const char *challenge, const char *verifier)
{
    unsigned char hash[32];
    auto_buf struct buf text = {0};

    sbx_sha256(verifier, strlen(verifier), hash);
    text_base64url(&text, hash, sizeof(hash));
    return strcmp(buf_text(&text), challenge) == 0;
}
