/* graph/cursor.c: how far each folder of a mailbox has been read, as bytes that the host keeps. */
#include "cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CURSOR_MAX = 256 * 1024 };

/* The next word, its percents undone; NULL: none, or a bad one. */
static char *word(const char **at)
{
    size_t len = strcspn(*at, " ");
    char *encoded = text_dup_len(*at, len);
    struct text plain = {0};

    *at += len + ((*at)[len] == ' ');
    if (!len || !text_unpercent(&plain, encoded) || !plain.len)
        text_free(&plain);
    free(encoded);
    return plain.data;
}

/* "-" is nothing. */
static bool optional(const char **at, char **slot)
{
    bool none = strncmp(*at, "- ", 2) == 0 || strcmp(*at, "-") == 0;

    *slot = word(at);
    if (none) {
        free(*slot);
        *slot = NULL;
    }
    return none || *slot;
}

static bool read_folder(const char **at, struct cursor_folder *folder)
{
    char *kind, *time, *end = NULL;
    bool good;

    folder->name = word(at);
    kind = word(at);
    time = word(at);
    errno = 0;
    folder->time = time ? strtoll(time, &end, 10) : 0;
    good = folder->name && kind && strlen(kind) == 1 && strchr("dnsx", *kind) && time && !*end &&
           *time >= '0' && *time <= '9' && !errno && optional(at, &folder->link) &&
           optional(at, &folder->taken);
    if (good)
        folder->kind = *kind;
    free(kind);
    free(time);
    return good && (folder->kind == 's' || folder->kind == 'x') == !folder->link &&
           (!folder->link || (*folder->link == '/' && strlen(folder->link) <= CURSOR_LINK_MAX));
}

int cursor_read(struct cursor *cursor, struct rider_bytes bytes)
{
    char *all;
    const char *at;
    bool good;

    *cursor = (struct cursor){0};
    if (bytes.len > CURSOR_MAX || bytes.len < 2 || memchr(bytes.data, 0, bytes.len))
        return -1;
    all = text_dup_len(bytes.data, bytes.len);
    good = strncmp(all, "1 ", 2) == 0;
    for (at = all + 2; good && *at;)
        good = cursor->count < CURSOR_FOLDERS_MAX &&
               read_folder(&at, &cursor->folders[cursor->count++]);
    free(all);
    if (!good || !cursor->count) {
        cursor_free(cursor);
        return -1;
    }
    return 0;
}

void cursor_write(const struct cursor *cursor, struct text *out)
{
    text_str(out, "1");
    for (size_t i = 0; i < cursor->count; i++) {
        const struct cursor_folder *folder = &cursor->folders[i];
        const char *const words[] = {folder->link, folder->taken};

        text_str(out, " ");
        text_percent(out, folder->name);
        text_printf(out, " %c %" PRId64, folder->kind, folder->time);
        for (int k = 0; k < 2; k++) {
            text_str(out, " ");
            if (words[k] && strcmp(words[k], "-") != 0)
                text_percent(out, words[k]);
            else
                text_str(out, "-");
        }
    }
}

void cursor_free(struct cursor *cursor)
{
    for (size_t i = 0; i < cursor->count; i++) {
        free(cursor->folders[i].name);
        free(cursor->folders[i].link);
        free(cursor->folders[i].taken);
    }
    *cursor = (struct cursor){0};
}

struct cursor_folder *cursor_folder(struct cursor *cursor, const char *name)
{
    for (size_t i = 0; i < cursor->count; i++) {
        if (strcmp(cursor->folders[i].name, name) == 0)
            return &cursor->folders[i];
    }
    return NULL;
}
