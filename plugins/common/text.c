/* common/text.c: text that grows, and the few encodings that providers' protocols need. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *reserve(struct text *text, size_t len)
{
    if (text->room - text->len <= len) {
        size_t room = text->room ? text->room : 64;
        char *data;

        while (room - text->len <= len)
            room *= 2;
        data = realloc(text->data, room);
        if (!data)
            abort();
        text->data = data;
        text->room = room;
    }
    return text->data + text->len;
}

void text_add(struct text *text, const void *data, size_t len)
{
    char *to = reserve(text, len);

    if (len)
        memcpy(to, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void text_str(struct text *text, const char *string)
{
    if (string)
        text_add(text, string, strlen(string));
}

void text_printf(struct text *text, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    if (len < 0)
        abort();
    vsnprintf(reserve(text, (size_t)len), (size_t)len + 1, format, again);
    text->len += (size_t)len;
    va_end(again);
    va_end(args);
}

void text_json(struct text *text, const char *string)
{
    text_str(text, "\"");
    for (; *string; string++) {
        unsigned char c = (unsigned char)*string;

        if (c == '"' || c == '\\')
            text_printf(text, "\\%c", c);
        else if (c < 0x20)
            text_printf(text, "\\u%04x", c);
        else
            text_add(text, string, 1);
    }
    text_str(text, "\"");
}

static bool unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void text_percent(struct text *text, const char *string)
{
    for (; *string; string++) {
        if (unreserved((unsigned char)*string))
            text_add(text, string, 1);
        else
            text_printf(text, "%%%02X", (unsigned char)*string);
    }
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_unpercent(struct text *text, const char *string)
{
    for (; *string; string++) {
        char c = *string;

        if (c == '%') {
            if (hex(string[1]) < 0 || hex(string[2]) < 0)
                return false;
            c = (char)(hex(string[1]) << 4 | hex(string[2]));
            if (!c)
                return false;
            string += 2;
        }
        text_add(text, &c, 1);
    }
    return true;
}

static void encode(struct text *text, const char *digits, const void *data, size_t len)
{
    const unsigned char *in = data;
    char *out = reserve(text, (len + 2) / 3 * 4), *at = out;

    for (; len >= 3; len -= 3, in += 3) {
        *at++ = digits[in[0] >> 2];
        *at++ = digits[(in[0] & 3) << 4 | in[1] >> 4];
        *at++ = digits[(in[1] & 15) << 2 | in[2] >> 6];
        *at++ = digits[in[2] & 63];
    }
    if (len) {
        *at++ = digits[in[0] >> 2];
        *at++ = digits[(in[0] & 3) << 4 | (len > 1 ? in[1] >> 4 : 0)];
        if (len > 1)
            *at++ = digits[(in[1] & 15) << 2];
    }
    text->len += (size_t)(at - out);
    text->data[text->len] = '\0';
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

void text_base64url(struct text *text, const void *data, size_t len)
{
    encode(text, LETTERS "-_", data, len);
}

void text_base64(struct text *text, const void *data, size_t len)
{
    encode(text, LETTERS "+/", data, len);
    text_add(text, "==", (3 - len % 3) % 3);
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-' || c == '+')
        return 62;
    return c == '_' || c == '/' ? 63 : -1;
}

bool text_unbase64(struct text *text, const char *data, size_t len)
{
    uint32_t bits = 0;
    int have = 0;
    char *out = reserve(text, len / 4 * 3 + 3), *at = out;

    for (size_t i = 0; i < len; i++) {
        int value = digit(data[i]);

        if (data[i] == '=' || data[i] == '\r' || data[i] == '\n')
            continue;
        if (value < 0) {
            *out = '\0';
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *at++ = (char)(bits >> have & 0xff);
        }
    }
    text->len += (size_t)(at - out);
    text->data[text->len] = '\0';
    return true;
}

const char *text_of(const struct text *text)
{
    return text->data ? text->data : "";
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

void *text_alloc(size_t size)
{
    void *data = calloc(1, size);

    if (!data)
        abort();
    return data;
}

char *text_dup_len(const char *string, size_t len)
{
    char *copy = text_alloc(len + 1);

    memcpy(copy, string, len);
    return copy;
}

char *text_dup(const char *string)
{
    return string ? text_dup_len(string, strlen(string)) : NULL;
}

char **text_list_dup(const char *const *list)
{
    size_t count = 0;
    char **copy;

    while (list && list[count])
        count++;
    copy = text_alloc((count + 1) * sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = text_dup(list[i]);
    return copy;
}

void text_list_free(char **list)
{
    for (char **item = list; item && *item; item++)
        free(*item);
    free(list);
}

bool text_fold_same(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

const char *text_fold_find(const char *text, const char *lowered)
{
    return strcasestr(text, lowered);
}
