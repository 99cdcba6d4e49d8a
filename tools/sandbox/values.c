/* sandbox/values.c: hashes, random text, and JSON leniently read. */
#include "sandbox/values.h"

#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

uint64_t sbx_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

uint64_t sbx_hash(uint64_t seed, const char *text, uint64_t n)
{
    uint64_t hash = sbx_mix(seed);

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return sbx_mix(hash ^ sbx_mix(n));
}

double sbx_share(uint64_t hash)
{
    return (double)(hash >> 11) / 9007199254740992.0;
}

char *sbx_random_text(size_t bytes)
{
    struct buf out = {0};
    auto_buf struct buf raw = {0};

    while (raw.len < bytes) {
        uint64_t word = world_random();

        buf_add(&raw, &word, sizeof(word));
    }
    text_base64url(&out, raw.data, bytes);
    return buf_take(&out);
}

char *sbx_lower(const char *text)
{
    char *copy = mem_str(text);

    text_lower(copy);
    return copy;
}

struct json_object *sbx_json_get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (!json_object_is_type(object, json_type_object))
        return NULL;
    json_object_object_get_ex(object, key, &value);
    return value;
}

const char *sbx_json_text(struct json_object *object, const char *key)
{
    struct json_object *value = sbx_json_get(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

int64_t sbx_json_int(struct json_object *object, const char *key, int64_t otherwise)
{
    struct json_object *value = sbx_json_get(object, key);
    int64_t number;

    if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double))
        return json_object_get_int64(value);
    if (json_object_is_type(value, json_type_string) &&
        text_i64(json_object_get_string(value), &number))
        return number;
    return otherwise;
}

double sbx_json_double(struct json_object *object, const char *key, double otherwise)
{
    struct json_object *value = sbx_json_get(object, key);

    if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double))
        return json_object_get_double(value);
    return otherwise;
}

bool sbx_json_bool(struct json_object *object, const char *key, bool otherwise)
{
    struct json_object *value = sbx_json_get(object, key);

    return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
                                                         : otherwise;
}

void sbx_json_put(struct json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, text ? sbx_json_safe(text, strlen(text)) : NULL);
}

struct json_object *sbx_json_safe(const char *text, size_t len)
{
    auto_buf struct buf clean = {0};

    if (text_is_utf8(text, len))
        return json_object_new_string_len(text, (int)len);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x80)
            buf_add_char(&clean, text[i]);
        else
            buf_add_str(&clean, "\xef\xbf\xbd");
    }
    return json_object_new_string_len(buf_text(&clean), (int)clean.len);
}

char **sbx_json_strings(struct json_object *array)
{
    char **list;
    size_t count;

    if (!json_object_is_type(array, json_type_array))
        return NULL;
    count = json_object_array_length(array);
    list = mem_array(count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++)
        list[i] = mem_str(json_object_get_string(json_object_array_get_idx(array, i)));
    return list;
}

struct json_object *sbx_json_read(struct bytes text)
{
    struct json_tokener *tokener;
    struct json_object *object;

    if (text.len == 0)
        return NULL;
    tokener = json_tokener_new();
    object = json_tokener_parse_ex(tokener, text.data, (int)text.len);
    if (json_tokener_get_error(tokener) != json_tokener_success) {
        json_object_put(object);
        object = NULL;
    }
    json_tokener_free(tokener);
    return object;
}

void sbx_response_json(struct sbx_response *response, int status, struct json_object *object)
{
    size_t len;
    const char *text = json_object_to_json_string_length(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

    response->status = status;
    sbx_response_header(response, "content-type", "application/json; charset=UTF-8");
    buf_add(&response->body, text, len);
    json_object_put(object);
}
