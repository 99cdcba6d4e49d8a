/* common/jsonread.h: JSON from a stranger, read with care: what is not as it should be is not
 * there.
 *
 * Every function takes NULL for an object. */
#ifndef PLUGIN_JSONREAD_H
#define PLUGIN_JSONREAD_H
#include "text.h"

#include <json-c/json.h>

/* The object in these bytes, for json_object_put; NULL: it is none, or too deep. */
struct json_object *json_read(const void *data, size_t len);
struct json_object *json_get(struct json_object *object, const char *key, enum json_type type);
/* A string without a NUL inside; lent; NULL: there is none. */
const char *json_string(struct json_object *object, const char *key);
size_t json_count(struct json_object *array);
/* A number of 64 bits, also when it travels as a string; 0: there is none. */
uint64_t json_number(struct json_object *object, const char *key);
char **json_list(struct json_object *object, const char *key); /* strings; ends in NULL */
#endif
