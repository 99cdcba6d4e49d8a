/* base/text.c: small things done to text everywhere: base64, hex, UTF-8, ASCII case, numbers. */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t utf8_len(const unsigned char *p, size_t left)
{
    uint32_t c;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        n = 2, c = p[0] & 0x1fu;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        n = 3, c = p[0] & 0x0fu;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        n = 4, c = p[0] & 0x07u;
    else
        return 0;
    if (left < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff)
        return 0;
    return c >= 0xd800 && c <= 0xdfff ? 0 : n;
}

bool text_is_utf8(const void *data, size_t len)
{
    const unsigned char *p = data;

    while (len) {
        size_t n = utf8_len(p, len);

        if (!n)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

bool text_has_control(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

void text_lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text + 32);
}

bool text_same(const char *a, const char *b)
{
    return a && b && strcasecmp(a, b) == 0;
}

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_starts_fold(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

bool text_u64(const char *text, uint64_t *value_r)
{
    char *end;
    unsigned long long value;

    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno || *end)
        return false;
    *value_r = value;
    return true;
}

bool text_i64(const char *text, int64_t *value_r)
{
    char *end;
    long long value;

    if (!text || !(*text == '-' || (*text >= '0' && *text <= '9')))
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || *end || end[-1] == '-')
        return false;
    *value_r = value;
    return true;
}

static void encode64(struct buf *out, const void *data, size_t len, const char *last, bool pad)
{
    static const char common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const unsigned char *p = data;
    char table[64], *to = buf_reserve(out, len / 3 * 4 + 5), *from = to;

    memcpy(table, common, 62);
    table[62] = last[0];
    table[63] = last[1];
    for (; len >= 3; p += 3, len -= 3) {
        *to++ = table[p[0] >> 2];
        *to++ = table[(p[0] & 3) << 4 | p[1] >> 4];
        *to++ = table[(p[1] & 15) << 2 | p[2] >> 6];
        *to++ = table[p[2] & 63];
    }
    if (len) {
        unsigned second = len > 1 ? p[1] : 0u;

        *to++ = table[p[0] >> 2];
        *to++ = table[(p[0] & 3u) << 4 | second >> 4];
        if (len > 1)
            *to++ = table[(second & 15) << 2];
        else if (pad)
            *to++ = '=';
        if (pad)
            *to++ = '=';
    }
    buf_advance(out, (size_t)(to - from));
}

void text_base64(struct buf *out, const void *data, size_t len)
{
    encode64(out, data, len, "+/", true);
}

void text_base64url(struct buf *out, const void *data, size_t len)
{
    encode64(out, data, len, "-_", false);
}

static int value64(char c, const char *last)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == last[0])
        return 62;
    return c == last[1] ? 63 : -1;
}

static bool decode64(struct buf *out, const char *text, size_t len, const char *last)
{
    size_t start = out->len;
    uint32_t bits = 0;
    int held = 0; /* how many bits wait */

    while (len && text[len - 1] == '=')
        len--;
    if (len % 4 == 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        int value = value64(text[i], last);

        if (value < 0) {
            buf_truncate(out, start);
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            buf_add_char(out, (char)(bits >> held & 0xff));
        }
    }
    return true;
}

bool text_base64_decode(struct buf *out, const char *text, size_t len)
{
    return decode64(out, text, len, "+/");
}

bool text_base64url_decode(struct buf *out, const char *text, size_t len)
{
    return decode64(out, text, len, "-_");
}

void text_hex(struct buf *out, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;

    for (size_t i = 0; i < len; i++) {
        buf_add_char(out, digits[p[i] >> 4]);
        buf_add_char(out, digits[p[i] & 15]);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool text_hex_decode(struct buf *out, const char *text, size_t len)
{
    size_t start = out->len;

    for (size_t i = 0; i < len; i += 2) {
        int high = hex_value(text[i]), low = i + 1 < len ? hex_value(text[i + 1]) : -1;

        if (high < 0 || low < 0) {
            buf_truncate(out, start);
            return false;
        }
        buf_add_char(out, (char)(high << 4 | low));
    }
    return true;
}

void text_percent(struct buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (isascii(c) && (isalnum(c) || strchr("-._~", c)))
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

bool text_percent_decode(struct buf *out, const char *text, size_t len, bool plus_is_space)
{
    size_t start = out->len;

    for (size_t i = 0; i < len; i++) {
        int high, low;

        if (text[i] != '%') {
            buf_add_char(out, plus_is_space && text[i] == '+' ? ' ' : text[i]);
            continue;
        }
        high = i + 2 < len ? hex_value(text[i + 1]) : -1;
        low = i + 2 < len ? hex_value(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            buf_truncate(out, start);
            return false;
        }
        buf_add_char(out, (char)(high << 4 | low));
        i += 2;
    }
    return true;
}
