/* seal/hash.c: randomness, and hashes with and without a key. */
#include "seal/keys.h"

#include <sodium.h>

#include <string.h>

void seal_random(void *out, size_t len)
{
    randombytes_buf(out, len);
}

uint64_t seal_random_u64(void)
{
    uint64_t value;

    randombytes_buf(&value, sizeof value);
    return value;
}

void keyed_hash(const uint8_t *key, const char *domain, const void *data, size_t len,
                uint8_t *hash_r, size_t hash_len)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, key, SEAL_KEY_LEN, hash_len);
    crypto_generichash_update(&state, (const uint8_t *)domain, strlen(domain) + 1);
    crypto_generichash_update(&state, data, len);
    crypto_generichash_final(&state, hash_r, hash_len);
}

void seal_hash_key(const struct seal *seal, uint8_t key_r[32])
{
    memcpy(key_r, seal->secrets->hash, SEAL_KEY_LEN);
}

void seal_hash(const struct seal *seal, const char *domain, const void *data, size_t len,
               uint8_t hash_r[16])
{
    keyed_hash(seal->secrets->hash, domain, data, len, hash_r, 16);
}

void seal_digest(const void *data, size_t len, uint8_t digest_r[32])
{
    crypto_generichash(digest_r, 32, data, len, NULL, 0);
}

void seal_sha256(const void *data, size_t len, uint8_t digest_r[32])
{
    crypto_hash_sha256(digest_r, data, len);
}
