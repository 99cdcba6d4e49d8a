/* smtp-imap/cursor.c: how far each folder has been read, as bytes that the host keeps. */
#include "cursor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CURSOR_MAX = 32768 };

static bool number(const char **at, uint64_t *value_r)
{
    uint64_t value = 0;

    if (**at != ':' || (*at)[1] < '0' || (*at)[1] > '9')
        return false;
    for (++*at; **at >= '0' && **at <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(**at - '0');

        if (value > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *value_r = value;
    return true;
}

static bool read_place(struct cursor *cursor, const char **at)
{
    size_t len = strcspn(*at, " :");
    char *encoded = text_dup_len(*at, len);
    struct text folder = {0};
    uint64_t numbers[6];
    struct place *place = NULL;

    if (len && text_unpercent(&folder, encoded) && !cursor_place(cursor, folder.data))
        place = cursor_add(cursor, folder.data);
    free(encoded);
    text_free(&folder);
    *at += len;
    for (int i = 0; place && i < 6; i++) {
        if (!number(at, &numbers[i]))
            return false;
    }
    if (!place)
        return false;
    place->validity = numbers[0];
    place->next = numbers[1];
    place->modseq = numbers[2];
    place->edge = numbers[3];
    place->since = (int64_t)numbers[4];
    place->seen = (int64_t)numbers[5];
    return place->validity && place->next;
}

int cursor_read(struct cursor *cursor, struct rider_bytes bytes)
{
    bool good = bytes.len < CURSOR_MAX && bytes.len && *(const char *)bytes.data == '1' &&
                !memchr(bytes.data, 0, bytes.len);
    char *all = good ? text_dup_len(bytes.data, bytes.len) : NULL;

    *cursor = (struct cursor){0};
    if (!bytes.len)
        return 0;
    for (const char *at = good ? all + 1 : NULL; good && *at;)
        good = *at++ == ' ' && read_place(cursor, &at);
    free(all);
    if (!good)
        cursor_free(cursor);
    return good ? 0 : -1;
}

void cursor_write(const struct cursor *cursor, struct text *out)
{
    text_str(out, "1");
    for (size_t i = 0; i < cursor->count; i++) {
        const struct place *place = &cursor->places[i];

        text_str(out, " ");
        text_percent(out, place->folder);
        text_printf(out, ":%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRId64 ":%" PRId64,
                    place->validity, place->next, place->modseq, place->edge,
                    place->since > 0 ? place->since : 0, place->seen > 0 ? place->seen : 0);
    }
}

struct place *cursor_place(struct cursor *cursor, const char *folder)
{
    for (size_t i = 0; i < cursor->count; i++) {
        if (strcmp(cursor->places[i].folder, folder) == 0)
            return &cursor->places[i];
    }
    return NULL;
}

struct place *cursor_add(struct cursor *cursor, const char *folder)
{
    if (cursor->count == CURSOR_PLACES_MAX)
        return NULL;
    cursor->places[cursor->count] = (struct place){.folder = text_dup(folder)};
    return &cursor->places[cursor->count++];
}

void cursor_free(struct cursor *cursor)
{
    for (size_t i = 0; i < cursor->count; i++)
        free(cursor->places[i].folder);
    *cursor = (struct cursor){0};
}
