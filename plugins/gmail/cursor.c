/* gmail/cursor.c: how far a mailbox has been read, as bytes that the host keeps. */
#include "cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CURSOR_MAX = 8192 };

static char *word(const char **at)
{
    size_t len = strcspn(*at, " ");
    char *copy = text_dup_len(*at, len);

    *at += len + ((*at)[len] == ' ');
    return copy;
}

/* "-" is nothing. */
static bool optional(const char **at, char **slot)
{
    char *encoded = word(at);
    struct text plain = {0};
    bool good = *encoded && text_unpercent(&plain, encoded) && plain.len;

    if (good && strcmp(encoded, "-") != 0)
        *slot = plain.data;
    else
        text_free(&plain);
    free(encoded);
    return good;
}

int cursor_read(struct cursor *cursor, struct rider_bytes bytes)
{
    char *all, *start, *end;
    const char *at;
    bool good;

    *cursor = (struct cursor){0};
    if (bytes.len > CURSOR_MAX || bytes.len < 5 || memchr(bytes.data, 0, bytes.len) ||
        ((const char *)bytes.data)[bytes.len - 1] == ' ')
        return -1;
    at = all = text_dup_len(bytes.data, bytes.len);
    good = strncmp(at, "1 h ", 4) == 0 || strncmp(at, "1 f ", 4) == 0;
    if (good) {
        cursor->history = at[2] == 'h';
        at += 4;
        start = word(&at);
        errno = 0;
        cursor->start = strtoull(start, &end, 10);
        good = *start >= '0' && *start <= '9' && !*end && !errno && cursor->start &&
               optional(&at, &cursor->token) && optional(&at, &cursor->last) && !*at;
        free(start);
    }
    free(all);
    if (!good)
        cursor_free(cursor);
    return good ? 0 : -1;
}

void cursor_write(const struct cursor *cursor, struct text *out)
{
    const char *const words[] = {cursor->token, cursor->last};

    text_printf(out, "1 %c %" PRIu64, cursor->history ? 'h' : 'f', cursor->start);
    for (int i = 0; i < 2; i++) {
        text_str(out, " ");
        if (words[i] && strcmp(words[i], "-") != 0)
            text_percent(out, words[i]);
        else
            text_str(out, "-");
    }
}

void cursor_free(struct cursor *cursor)
{
    free(cursor->token);
    free(cursor->last);
    *cursor = (struct cursor){0};
}
