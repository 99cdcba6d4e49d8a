/* sandbox/mime.h: as much of RFC 5322 and MIME as the stand-in needs, and no more. */
#ifndef SANDBOX_MIME_H
#define SANDBOX_MIME_H
#include "base/buf.h"

#include <stdbool.h>

struct mime_header {
    const char *name, *value; /* unfolded, outer blanks off; bytes as they came */
};

struct mime_headers {
    char *block;
    struct mime_header *list;
    size_t count;
    size_t length; /* of the header in the mail, its blank line included */
};

void mime_headers_init(struct mime_headers *headers, const char *data, size_t len);
void mime_headers_finish(struct mime_headers *headers);
/* The first of that name, any case; NULL: not there. Lent. */
const char *mime_headers_get(const struct mime_headers *headers, const char *name);

/* Steps through a raw header: gives one field a call, folds and line end included. False at its
 * end; *at is then where the body begins. */
bool mime_field_next(const char *data, size_t len, size_t *at, struct bytes *field_r);
bool mime_field_is(struct bytes field, const char *name);

/* Lists that end in NULL; mem_strv_free. */
char **mime_mailboxes(const char *value);    /* as they stand; value may be NULL */
char **mime_addresses(const char *value);    /* bare, lower case; value may be NULL */
char **mime_message_ids(const char *value);  /* "<left@right>" each; value may be NULL */
char *mime_address_first(const char *value); /* NULL: none */
/* The name of a mailbox, decoded; "" when it has none. Allocated. */
char *mime_name(const char *box);
/* Without Re:, Fwd: and their like, encoded words decoded, blanks collapsed, ASCII lower case. */
char *mime_base_subject(const char *subject);
void mime_words_decode(struct buf *out, const char *value); /* RFC 2047, taken for UTF-8 */

/* A parameter of a Content-Type or Content-Disposition; NULL: not there. Allocated. */
char *mime_parameter(const char *value, const char *name);
/* The next part between two boundaries. Start with *at = 0; false: no more. */
bool mime_multipart_next(struct bytes body, const char *boundary, size_t *at, struct bytes *part_r);
/* The type, lower case, without parameters; "text/plain" where none is said. Allocated. */
char *mime_type(const struct mime_headers *headers);
/* A body without its Content-Transfer-Encoding. */
void mime_body(struct buf *out, const struct mime_headers *headers, struct bytes body);
/* The first part whose type begins with `type`, decoded; false: there is none. */
bool mime_text(struct buf *out, const char *data, size_t len, const char *type);
/* The first text part, decoded, at most `limit` bytes, blanks collapsed. */
void mime_snippet(struct buf *out, const char *data, size_t len, size_t limit);

/* "Sat, 21 Nov 2026 17:29:29 +0000"; text holds at least 48 bytes. Returns text. */
char *mime_date(int64_t ms, char *text);
#endif
