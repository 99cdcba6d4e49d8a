/* common/headers.c: a mail's headers as JSON APIs give them. */
#include "headers.h"

#include <stdlib.h>
#include <string.h>

void wire_headers_read(struct wire_headers *headers, struct json_object *array, size_t most)
{
    size_t count = json_count(array);

    if (count > most)
        count = most;
    if (!count)
        return;
    headers->list = text_alloc(count * sizeof(*headers->list));
    for (size_t i = 0; i < count; i++) {
        struct json_object *header = json_object_array_get_idx(array, i);
        const char *name = json_string(header, "name"), *value = json_string(header, "value");

        if (name && value && *name)
            headers->list[headers->count++] = (struct wire_header){text_dup(name), text_dup(value)};
    }
}

void wire_headers_free(struct wire_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        free(headers->list[i].name);
        free(headers->list[i].value);
    }
    free(headers->list);
    *headers = (struct wire_headers){0};
}

const char *wire_headers_find(const struct wire_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (text_fold_same(headers->list[i].name, name))
            return headers->list[i].value;
    }
    return NULL;
}

bool wire_is_named(const char *name, char *const *names)
{
    if (!names)
        return true;
    for (; *names; names++) {
        if (text_fold_same(name, *names))
            return true;
    }
    return false;
}

void wire_header_put(struct text *out, const char *name, const char *value)
{
    size_t from = out->len;

    if (strpbrk(name, ": \t\r\n"))
        return;
    text_printf(out, "%s: %s", name, value);
    for (char *c = out->data + from; *c; c++) {
        if (*c == '\r' || *c == '\n')
            *c = ' ';
    }
    text_str(out, "\r\n");
}

void wire_headers_put(struct text *out, const struct wire_headers *headers, char *const *names)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (wire_is_named(headers->list[i].name, names))
            wire_header_put(out, headers->list[i].name, headers->list[i].value);
    }
}
