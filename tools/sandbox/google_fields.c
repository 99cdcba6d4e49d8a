/* sandbox/google_fields.c: Google's partial answers:
 * `fields=id,payload/headers,messages(id,labelIds)`. */
#include "sandbox/google_api.h"

#include "base/mem.h"

#include <string.h>

static void pick_list(struct json_object *from, struct json_object *to, const char **at);
static void pick_one(struct json_object *from, struct json_object *to, const char **at);

/* What follows a name: one name below it, or a list of them. */
static void pick_below(struct json_object *from, struct json_object *to, const char **at)
{
    bool list = *(*at)++ == '(';

    if (!list) {
        pick_one(from, to, at);
        return;
    }
    pick_list(from, to, at);
    if (**at == ')')
        (*at)++;
}

static struct json_object *pick_array(struct json_object *from, const char **at)
{
    struct json_object *array = json_object_new_array();
    const char *start = *at;

    for (size_t i = 0; i < json_object_array_length(from); i++) {
        struct json_object *one = json_object_new_object();

        *at = start;
        pick_below(json_object_array_get_idx(from, i), one, at);
        json_object_array_add(array, one);
    }
    return array;
}

static struct json_object *child_of(struct json_object *from, const char *name)
{
    struct json_object *child = NULL;

    if (json_object_is_type(from, json_type_object))
        json_object_object_get_ex(from, name, &child);
    return child;
}

static void pick_one(struct json_object *from, struct json_object *to, const char **at)
{
    size_t len = strcspn(*at, ",/()");
    auto_free char *name = mem_strn(*at, len);
    struct json_object *child = child_of(from, name), *picked = child_of(to, name);
    struct json_object *nowhere;

    *at += len;
    if (**at != '/' && **at != '(') {
        if (child)
            json_object_object_add(to, name, json_object_get(child));
    } else if (json_object_is_type(child, json_type_array) && json_object_array_length(child)) {
        json_object_object_add(to, name, pick_array(child, at));
    } else if (child) {
        if (!picked) {
            picked = json_object_is_type(child, json_type_array) ? json_object_new_array()
                                                                 : json_object_new_object();
            json_object_object_add(to, name, picked);
        }
        nowhere = json_object_new_object();
        pick_below(child, json_object_is_type(picked, json_type_object) ? picked : nowhere, at);
        json_object_put(nowhere);
    } else {
        nowhere = json_object_new_object();
        pick_below(NULL, nowhere, at);
        json_object_put(nowhere);
    }
}

static void pick_list(struct json_object *from, struct json_object *to, const char **at)
{
    pick_one(from, to, at);
    while (**at == ',') {
        (*at)++;
        pick_one(from, to, at);
    }
}

struct json_object *google_fields(struct google_call *call, struct json_object *object)
{
    auto_free char *fields = google_parameter(call, "fields");
    struct json_object *picked;
    const char *at = fields;

    if (!fields || !*fields || strcmp(fields, "*") == 0)
        return object;
    picked = json_object_new_object();
    pick_list(object, picked, &at);
    json_object_put(object);
    return picked;
}
