/* sandbox/google_mime.h: as much of RFC 5322 and MIME as the stand-in needs, and no more. */
#ifndef SANDBOX_GOOGLE_MIME_H
#define SANDBOX_GOOGLE_MIME_H
#include "base/buf.h"

#include <json-c/json.h>

struct google_header {
    const char *name, *value; /* unfolded, outer blanks off; bytes as they came */
};

struct google_headers {
    char *block;
    struct google_header *list;
    size_t count;
    size_t length; /* of the header in the mail, its blank line included */
};

void google_headers_init(struct google_headers *headers, const char *data, size_t len);
void google_headers_finish(struct google_headers *headers);
/* The first of that name, any case; NULL: not there. Lent. */
const char *google_headers_get(const struct google_headers *headers, const char *name);

/* Steps through a raw header: gives one field a call, folds and line end included. False at its
 * end; *at is then where the body begins. */
bool google_field_next(const char *data, size_t len, size_t *at, struct bytes *field_r);
bool google_field_is(struct bytes field, const char *name);

/* Lists that end in NULL; mem_strv_free. */
char **google_addresses(const char *value);    /* bare, lower case; value may be NULL */
char **google_message_ids(const char *value);  /* "<left@right>" each; value may be NULL */
char *google_address_first(const char *value); /* NULL: none */
/* Without Re:, Fwd: and their like, encoded words decoded, blanks collapsed, ASCII lower case. */
char *google_base_subject(const char *subject);
void google_words_decode(struct buf *out, const char *value); /* RFC 2047, taken for UTF-8 */

/* A parameter of a Content-Type or Content-Disposition; NULL: not there. Allocated. */
char *google_mime_parameter(const char *value, const char *name);
/* The next part between two boundaries. Start with *at = 0; false: no more. */
bool google_multipart_next(struct bytes body, const char *boundary, size_t *at,
                           struct bytes *part_r);
/* What messages.get gives as payload with format=full. */
struct json_object *google_mime_payload(const char *data, size_t len);
/* The first text part, decoded, at most `limit` bytes, blanks collapsed. */
void google_mime_snippet(struct buf *out, const char *data, size_t len, size_t limit);

/* "Sat, 21 Nov 2026 17:29:29 +0000"; text holds at least 48 bytes. Returns text. */
char *google_date(int64_t ms, char *text);
#endif
