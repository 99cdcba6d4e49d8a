/* mail/encode.h: a text part of MIME, in the encoding that passes every relay.
 *
 * 7bit where the text is ASCII in short lines that nobody on the way changes; else quoted printable
 * (RFC 2045 6.7), or base64 (6.8) where that is the shorter one. Lines of at most 76 characters,
 * and
 * "=_" in none of them, so a boundary that holds it is safe. Pure, any thread. */
#ifndef MAIL_ENCODE_H
#define MAIL_ENCODE_H
#include "base/buf.h"

/* Appends the part's own fields, the empty line and the content, which ends in CRLF once decoded.
 * CRLF, LF, CR, form feeds and vertical tabs end a line; other controls but tab are left out. */
void mail_part_write(struct buf *out, const char *subtype, const char *text);
#endif
