/* base/json.c: JSON that is made and written without fail. */
#include "base/json.h"

#include "base/clock.h"
#include "base/mem.h"

/* What json-c gave, for which there must have been memory. */
static void *must(const void *made)
{
    if (!made)
        mem_none();
    return (void *)(uintptr_t)made;
}

struct json_object *json_map(void)
{
    return must(json_object_new_object());
}

struct json_object *json_list(void)
{
    return must(json_object_new_array());
}

struct json_object *json_string(const char *text)
{
    return text ? must(json_object_new_string(text)) : NULL;
}

struct json_object *json_strn(const char *text, size_t len)
{
    return must(json_object_new_string_len(text, (int)len));
}

struct json_object *json_integer(int64_t value)
{
    return must(json_object_new_int64(value));
}

struct json_object *json_fraction(const char *text)
{
    return must(json_object_new_double_s(strtod(text, NULL), text));
}

struct json_object *json_truth(bool value)
{
    return must(json_object_new_boolean(value));
}

void json_put(struct json_object *to, const char *key, struct json_object *value)
{
    if (json_object_object_add(to, key, value) < 0)
        mem_none();
}

void json_add(struct json_object *list, struct json_object *value)
{
    if (json_object_array_add(list, value) < 0)
        mem_none();
}

void json_text(struct json_object *to, const char *key, const char *text)
{
    json_put(to, key, json_string(text));
}

void json_number(struct json_object *to, const char *key, int64_t value)
{
    json_put(to, key, json_integer(value));
}

void json_flag(struct json_object *to, const char *key, bool value)
{
    json_put(to, key, json_truth(value));
}

void json_time(struct json_object *to, const char *key, int64_t ms)
{
    char text[32];

    json_text(to, key, ms <= 0 || ms == INT64_MAX ? NULL : clock_text(ms, text));
}

void json_write(struct json_object *json, struct buf *out)
{
    buf_add_str(out, must(json_object_to_json_string_ext(
                         json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
}

struct json_object *json_of(const struct buf *text)
{
    return json_tokener_parse(buf_text(text));
}
