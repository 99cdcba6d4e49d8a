/* seal/token.c: message tokens and link tokens: what they say, and a MAC that says it is ours. */
#include "seal/keys.h"

#include "base/text.h"

#include <sodium.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
    MAC_LEN = 16,
    NAME_LEN = 9, /* 56 bits of enrolment, 16 of step */
    TOKEN_BYTES = MAC_LEN + NAME_LEN,
    TOKEN_TEXT = TOKEN_BYTES * 8 / 5,
    LINK_BODY = 24, /* id, more, expires */
    LINK_BYTES = LINK_BODY + MAC_LEN
};

static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 section 6 */

static void put_number(uint8_t *out, size_t len, uint64_t value)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(value >> 8 * (len - 1 - i));
}

static uint64_t get_number(const uint8_t *in, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value = value << 8 | in[i];
    return value;
}

/* -- message tokens ------------------------------------------------------------------ */
/* The name is masked by what its MAC hashes to: a token must not tell its reader how many people
 * have been written to. */
static void mask_name(const struct seal *seal, const uint8_t mac[MAC_LEN], uint8_t name[NAME_LEN])
{
    uint8_t mask[MAC_LEN];

    keyed_hash(seal->secrets->mask, "name", mac, MAC_LEN, mask, sizeof mask);
    for (size_t i = 0; i < NAME_LEN; i++)
        name[i] ^= mask[i];
}

void seal_token(const struct seal *seal, uint64_t enrolment, uint16_t step, char token_r[48])
{
    uint8_t bytes[TOKEN_BYTES], *name = bytes + MAC_LEN;

    assert(enrolment >> 56 == 0);
    put_number(name, 7, enrolment);
    put_number(name + 7, 2, step);
    keyed_hash(seal->secrets->token, "message", name, NAME_LEN, bytes, MAC_LEN);
    mask_name(seal, bytes, name);
    for (size_t i = 0; i < TOKEN_BYTES / 5; i++) {
        uint64_t group = get_number(bytes + 5 * i, 5);

        for (size_t j = 0; j < 8; j++)
            token_r[8 * i + j] = ALPHABET[group >> 5 * (7 - j) & 31];
    }
    token_r[TOKEN_TEXT] = '\0';
}

/* Mail systems on the way may have changed the letters' case. -1: not of the alphabet. */
static int letter_value(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static bool token_bytes(const char *text, uint8_t bytes_r[TOKEN_BYTES])
{
    for (size_t i = 0; i < TOKEN_BYTES / 5; i++) {
        uint64_t group = 0;

        for (size_t j = 0; j < 8; j++) { /* the NUL at the end is no letter either */
            int value = letter_value(text[8 * i + j]);

            if (value < 0)
                return false;
            group = group << 5 | (uint64_t)value;
        }
        put_number(bytes_r + 5 * i, 5, group);
    }
    return letter_value(text[TOKEN_TEXT]) < 0;
}

bool seal_token_read(const struct seal *seal, const char *text, uint64_t *enrolment_r,
                     uint16_t *step_r)
{
    uint8_t bytes[TOKEN_BYTES], *name = bytes + MAC_LEN, mac[MAC_LEN];

    if (!text || !token_bytes(text, bytes))
        return false;
    mask_name(seal, bytes, name);
    keyed_hash(seal->secrets->token, "message", name, NAME_LEN, mac, MAC_LEN);
    if (sodium_memcmp(mac, bytes, MAC_LEN))
        return false;
    *enrolment_r = get_number(name, 7);
    *step_r = (uint16_t)get_number(name + 7, 2);
    return true;
}

/* -- link tokens --------------------------------------------------------------------- */
void seal_link(const struct seal *seal, const char *purpose, uint64_t id, uint64_t more,
               int64_t expires, struct buf *token)
{
    uint8_t bytes[LINK_BYTES];

    put_number(bytes, 8, id);
    put_number(bytes + 8, 8, more);
    put_number(bytes + 16, 8, (uint64_t)expires);
    keyed_hash(seal->secrets->link, purpose, bytes, LINK_BODY, bytes + LINK_BODY, MAC_LEN);
    text_base64url(token, bytes, sizeof bytes);
}

int seal_link_read(const struct seal *seal, const char *purpose, const char *token, int64_t now,
                   uint64_t *id_r, uint64_t *more_r)
{
    auto_buf struct buf out = {0};
    uint8_t mac[MAC_LEN];
    const uint8_t *bytes;
    int64_t expires;

    if (!token || strlen(token) > 2 * LINK_BYTES ||
        !text_base64url_decode(&out, token, strlen(token)) || out.len != LINK_BYTES)
        return -EBADMSG;
    bytes = (const uint8_t *)out.data;
    keyed_hash(seal->secrets->link, purpose, bytes, LINK_BODY, mac, MAC_LEN);
    if (sodium_memcmp(mac, bytes + LINK_BODY, MAC_LEN))
        return -EBADMSG;
    expires = (int64_t)get_number(bytes + 16, 8);
    if (expires && now >= expires)
        return -ETIME;
    *id_r = get_number(bytes, 8);
    *more_r = get_number(bytes + 8, 8);
    return 0;
}
