/* base/mem.c: memory that does not fail, and scopes that clean up. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mem_none(void)
{
    fputs("postrider: out of memory; stopping, the store is safe\n", stderr);
    abort();
}

static void *must(void *data)
{
    if (!data)
        mem_none();
    return data;
}

void *mem_new(size_t size)
{
    return must(calloc(1, size ? size : 1));
}

void *mem_array(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1));
}

void *mem_grow(void *old, size_t count, size_t size)
{
    return must(reallocarray(old, count ? count : 1, size ? size : 1));
}

void *mem_dup(const void *data, size_t len)
{
    void *copy = must(malloc(len ? len : 1));

    if (len)
        memcpy(copy, data, len);
    return copy;
}

char *mem_str(const char *text)
{
    return text ? mem_strn(text, strlen(text)) : NULL;
}

char *mem_strn(const char *text, size_t len)
{
    char *copy = must(malloc(len + 1));

    if (len)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *mem_printf(const char *format, ...)
{
    va_list args;
    char *text = NULL;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    return must(len < 0 ? NULL : text);
}

static _Thread_local bool freed_is_kept;

bool mem_keep_freed(bool keep)
{
    bool before = freed_is_kept;

    freed_is_kept = keep;
    return before;
}

bool mem_freed_is_kept(void)
{
    return freed_is_kept;
}

void mem_wipe(void *data, size_t len)
{
    if (data && len)
        explicit_bzero(data, len);
}

void mem_wipe_free(void *data, size_t len)
{
    mem_wipe(data, len);
    free(data);
}

void mem_str_set(char **slot, const char *text)
{
    char *copy = mem_str(text);

    free(*slot);
    *slot = copy;
}

void mem_wipe_str(char **slot)
{
    if (*slot)
        mem_wipe_free(*slot, strlen(*slot));
    *slot = NULL;
}

char **mem_strv(const char *const *list)
{
    size_t count = 0;
    char **copy;

    if (!list)
        return NULL;
    while (list[count])
        count++;
    copy = mem_array(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = mem_str(list[i]);
    return copy;
}

void mem_strv_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}
