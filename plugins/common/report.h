/* common/report.h: header blocks, multipart bodies, delivery reports: bytes from a stranger. Pure.
 */
#ifndef PLUGIN_REPORT_H
#define PLUGIN_REPORT_H
#include "text.h"

#include <postrider/basic.h>

/* A value of a raw header block, unfolded; the caller frees it; NULL: not there. */
char *wire_block_value(struct rider_bytes block, const char *name);
char *wire_param(const char *value, const char *name); /* of a Content-Type; freed by the caller */

/* The parts of a multipart/report (RFC 6522) in a whole mail: the report with its transfer encoding
 * undone, and the headers of the mail that came back. -1: it is none. */
struct wire_report {
    char *type; /* "delivery-status"                       */
    struct text report, returned;
};
enum { WIRE_REPORT_MAX = 256 * 1024 };
int wire_report_read(struct wire_report *report, const char *raw, size_t len);
void wire_report_free(struct wire_report *report);

/* Whether bytes begin as a mail does, by a header field; a proxy's page does not. */
bool wire_is_mail(struct rider_bytes all);
/* Divides bytes at their first empty line; false: there is none. */
bool wire_divide(struct rider_bytes all, struct rider_bytes *head, struct rider_bytes *rest);
/* The boundary of a multipart body, from its headers; freed by the caller; NULL: it is none. */
char *wire_boundary(struct rider_bytes headers);
/* The next part: what stands between two delimiter lines. `at_r` moves on. */
bool wire_next_part(const char **at_r, const char *end, const char *boundary,
                    struct rider_bytes *part);
#endif
