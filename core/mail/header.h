/* mail/header.h: reads the header block of a mail (RFC 5322 section 2.2), as bytes from strangers.
 *
 * CRLF, LF and CR alone end a line; folded lines are joined; nothing is refused, what is beyond a
 * cap is left out and `cut` says so. Reading is one pass. Any thread; a parsed struct may be read
 * by many at once. */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { MAIL_HEADER_MAX = 256 * 1024, MAIL_FIELDS_MAX = 1000 };

struct mail_field {
    const char *name;  /* as written, without the colon            */
    const char *value; /* unfolded, raw, blanks trimmed; NUL ended */
};
struct mail_headers { /* a zeroed one has no field                */
    struct mail_field *fields;
    size_t count;
    char *text;  /* what the fields point into               */
    size_t body; /* where in the bytes given the body begins */
    bool cut;    /* something was left out                   */
};

/* Once per process, before any thread; again does nothing. Covers the whole room. */
void mail_init(void);

/* Fills a zeroed or finished struct; it keeps nothing of the bytes given. */
void mail_headers_parse(struct mail_headers *headers, const void *data, size_t len);
void mail_headers_finish(struct mail_headers *headers);

/* The nth field of that name (ASCII case folded), from 0, raw; lent; NULL: there is none. */
const char *mail_header_raw(const struct mail_headers *headers, const char *name, size_t nth);
/* The same decoded to UTF-8 (RFC 2047; raw 8-bit text is UTF-8 if it can be, else Windows-1252),
 * blanks collapsed, no controls. The caller frees it. */
char *mail_header(const struct mail_headers *headers, const char *name, size_t nth);
bool mail_header_has(const struct mail_headers *headers, const char *name);
/* Decodes one raw value as above; never NULL; the caller frees it. */
char *mail_decode_words(const char *raw);

/* The first address of From (else Sender, else Reply-To), domain lower-cased, as written otherwise;
 * NULL: none can be read. The caller frees it. */
char *mail_header_from(const struct mail_headers *headers);
/* A parameter of a structured value, RFC 2045 5.1: of `multipart/report; report-type="x"` the "x".
 * NULL: not there. The caller frees it. */
char *mail_header_param(const char *value, const char *param);
#endif
