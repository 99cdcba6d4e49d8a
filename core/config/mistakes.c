/* config/mistakes.c: the list of what is wrong, as text and as JSON. */
#include "config/check.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void mistakes_add(struct mistakes *mistakes, const char *file, int line, const char *path,
                  const char *right, const char *format, ...)
{
    struct mistake *mistake;
    char *wrong = NULL;
    va_list args;

    if (mistakes->count >= MISTAKES_MAX) {
        mistakes->more = true;
        return;
    }
    va_start(args, format);
    if (vasprintf(&wrong, format, args) < 0)
        wrong = mem_str(format);
    va_end(args);
    mistakes->list = mem_grow(mistakes->list, mistakes->count + 1, sizeof(*mistakes->list));
    mistake = &mistakes->list[mistakes->count++];
    *mistake = (struct mistake){mem_str(file ? file : ""), line, mem_str(path ? path : ""), wrong,
                                mem_str(right)};
}

void mistakes_text(const struct mistakes *mistakes, struct buf *out)
{
    for (size_t i = 0; i < mistakes->count; i++) {
        const struct mistake *m = &mistakes->list[i];

        buf_add_str(out, m->file);
        if (m->line)
            buf_printf(out, ":%d", m->line);
        if (*m->path)
            buf_printf(out, ": %s", m->path);
        buf_printf(out, ": %s%s%s\n", m->wrong, m->right ? "; " : "", m->right ? m->right : "");
    }
    if (mistakes->more)
        buf_add_str(out, "and more: set these right first\n");
}

struct json_object *mistakes_json(const struct mistakes *mistakes)
{
    struct json_object *list = json_list();

    for (size_t i = 0; i < mistakes->count; i++) {
        const struct mistake *m = &mistakes->list[i];
        struct json_object *map = json_map();

        json_text(map, "file", m->file);
        json_number(map, "line", m->line);
        json_text(map, "path", m->path);
        json_text(map, "wrong", m->wrong);
        json_text(map, "right", m->right);
        json_add(list, map);
    }
    return list;
}

static void mistake_finish(struct mistake *mistake)
{
    free(mistake->file);
    free(mistake->path);
    free(mistake->wrong);
    free(mistake->right);
}

void mistakes_take(struct mistakes *mistakes, struct mistakes *from)
{
    for (size_t i = 0; i < from->count; i++) {
        if (mistakes->count >= MISTAKES_MAX) {
            mistakes->more = true;
            mistake_finish(&from->list[i]);
            continue;
        }
        mistakes->list = mem_grow(mistakes->list, mistakes->count + 1, sizeof(*mistakes->list));
        mistakes->list[mistakes->count++] = from->list[i];
    }
    mistakes->more = mistakes->more || from->more;
    free(from->list);
    *from = (struct mistakes){0};
}

void mistakes_finish(struct mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->count; i++)
        mistake_finish(&mistakes->list[i]);
    free(mistakes->list);
    *mistakes = (struct mistakes){0};
}
