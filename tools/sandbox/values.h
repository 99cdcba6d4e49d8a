/* sandbox/values.h: hashes, random text, and JSON leniently read: for every stand-in. */
#ifndef SANDBOX_VALUES_H
#define SANDBOX_VALUES_H
#include "base/buf.h"
#include "sandbox/http.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids and hashes. */
uint64_t sbx_mix(uint64_t value); /* splitmix64's finaliser: a bijection      */
uint64_t sbx_hash(uint64_t seed, const char *text, uint64_t n);
double sbx_share(uint64_t hash);     /* 0 <= x < 1                                */
char *sbx_random_text(size_t bytes); /* base64url of random bytes, from the seed  */
char *sbx_lower(const char *text);   /* a lower-case copy                         */

/* JSON, leniently read: what is missing or of another type gives the default. */
const char *sbx_json_text(struct json_object *object, const char *key); /* lent or NULL */
int64_t sbx_json_int(struct json_object *object, const char *key, int64_t otherwise);
double sbx_json_double(struct json_object *object, const char *key, double otherwise);
bool sbx_json_bool(struct json_object *object, const char *key, bool otherwise);
struct json_object *sbx_json_get(struct json_object *object, const char *key);
void sbx_json_put(struct json_object *object, const char *key, const char *text);
/* Text that may hold bytes that are no UTF-8: those become U+FFFD. */
struct json_object *sbx_json_safe(const char *text, size_t len);
char **sbx_json_strings(struct json_object *array);   /* NULL-terminated; NULL: no array */
struct json_object *sbx_json_read(struct bytes text); /* NULL: empty, or no JSON */

/* An answer in JSON; takes the object. */
void sbx_response_json(struct sbx_response *response, int status, struct json_object *object);

#define SBX_DAY (24 * 3600 * (int64_t)1000)
#endif
