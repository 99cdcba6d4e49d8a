/* base/json.h: JSON that is made and written without fail.
 *
 * json-c answers with NULL, or leaves a key out, when there is no memory; what is made with these
 * is whole, or we abort as mem.h says. What is added belongs to what it is added to. */
#ifndef BASE_JSON_H
#define BASE_JSON_H
#include "base/buf.h"

#include <json-c/json.h>

struct json_object *json_map(void);
struct json_object *json_list(void);
struct json_object *json_string(const char *text); /* NULL gives null */
struct json_object *json_strn(const char *text, size_t len);
struct json_object *json_integer(int64_t value);
struct json_object *json_fraction(const char *text); /* a number, written as it is here */
struct json_object *json_truth(bool value);
void json_put(struct json_object *to, const char *key, struct json_object *value);
void json_add(struct json_object *list, struct json_object *value);

void json_text(struct json_object *to, const char *key, const char *text); /* NULL: null */
void json_number(struct json_object *to, const char *key, int64_t value);
void json_flag(struct json_object *to, const char *key, bool value);
void json_time(struct json_object *to, const char *key, int64_t ms); /* RFC 3339; 0, never: null */

/* In one line, slashes as they are. */
void json_write(struct json_object *json, struct buf *out);
/* NULL for what is no JSON, and for null. */
struct json_object *json_of(const struct buf *text);
#endif
