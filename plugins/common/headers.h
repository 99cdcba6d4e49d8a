/* common/headers.h: a mail's headers as JSON APIs give them: [{"name": ..., "value": ...}]. Pure.
 */
#ifndef PLUGIN_HEADERS_H
#define PLUGIN_HEADERS_H
#include "jsonread.h"
#include "text.h"

struct wire_header {
    char *name, *value;
};
struct wire_headers { /* zeroed: none */
    struct wire_header *list;
    size_t count;
};
/* What has no name or no value is left out; at most `most` are looked at. */
void wire_headers_read(struct wire_headers *headers, struct json_object *array, size_t most);
void wire_headers_free(struct wire_headers *headers);
/* The first value of that name, whatever its case; lent; NULL: not there. */
const char *wire_headers_find(const struct wire_headers *headers, const char *name);
/* Is the name in this list, which ends in NULL? NULL: all are. */
bool wire_is_named(const char *name, char *const *names);
/* "Name: value", CRLF; a folded value is one line again. Nothing, where the name could be no
 * header's. */
void wire_header_put(struct text *out, const char *name, const char *value);
/* Those that are named. */
void wire_headers_put(struct text *out, const struct wire_headers *headers, char *const *names);
#endif
