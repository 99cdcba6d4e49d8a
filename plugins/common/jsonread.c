/* common/jsonread.c: JSON from a stranger, read with care. */
#include "jsonread.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 40 };

struct json_object *json_read(const void *data, size_t len)
{
    struct json_tokener *tokener;
    struct json_object *root = NULL;

    if (!len || len > INT32_MAX)
        return NULL;
    tokener = json_tokener_new_ex(DEPTH_MAX);
    if (!tokener)
        abort();
    root = json_tokener_parse_ex(tokener, data, (int)len);
    if (json_tokener_get_error(tokener) != json_tokener_success) {
        json_object_put(root);
        root = NULL;
    }
    json_tokener_free(tokener);
    if (root && !json_object_is_type(root, json_type_object)) {
        json_object_put(root);
        root = NULL;
    }
    return root;
}

struct json_object *json_get(struct json_object *object, const char *key, enum json_type type)
{
    struct json_object *value;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type))
        return NULL;
    return value;
}

/* A string without a NUL inside; lent; NULL: there is none. */
const char *json_string(struct json_object *object, const char *key)
{
    struct json_object *value = json_get(object, key, json_type_string);
    const char *string = value ? json_object_get_string(value) : NULL;

    return string && strlen(string) == (size_t)json_object_get_string_len(value) ? string : NULL;
}

size_t json_count(struct json_object *array)
{
    return array ? json_object_array_length(array) : 0;
}

static bool digits(const char *string, uint64_t *value_r)
{
    char *end;

    if (*string < '0' || *string > '9')
        return false;
    errno = 0;
    *value_r = strtoull(string, &end, 10);
    return !errno && !*end;
}

uint64_t json_number(struct json_object *object, const char *key)
{
    const char *string = json_string(object, key);
    struct json_object *number = json_get(object, key, json_type_int);
    uint64_t value = 0;

    if (string && digits(string, &value))
        return value;
    return number && json_object_get_int64(number) > 0 ? json_object_get_uint64(number) : 0;
}

char **json_list(struct json_object *object, const char *key)
{
    struct json_object *array = json_get(object, key, json_type_array);
    size_t count = json_count(array), kept = 0;
    char **list = text_alloc((count + 1) * sizeof(*list));

    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(array, i);

        if (json_object_is_type(item, json_type_string))
            list[kept++] = text_dup(json_object_get_string(item));
    }
    return list;
}
