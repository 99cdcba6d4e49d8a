/* base/text.h: small things done to text everywhere: base64, hex, UTF-8, ASCII case, numbers. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool text_is_utf8(const void *data, size_t len); /* well formed, no surrogates     */
bool text_has_control(const char *text);         /* CR, LF, other C0 but tab, or DEL           */
void text_lower(char *text);                     /* ASCII only, in place                       */
bool text_same(const char *a, const char *b);    /* ASCII case folded; NULL != ""  */
bool text_starts(const char *text, const char *prefix);
bool text_starts_fold(const char *text, const char *prefix); /* ASCII folded   */
bool text_u64(const char *text, uint64_t *value_r);          /* decimal, whole, no overflow    */
bool text_i64(const char *text, int64_t *value_r);

void text_base64(struct buf *out, const void *data, size_t len);    /* RFC 4648, padded */
void text_base64url(struct buf *out, const void *data, size_t len); /* no padding     */
/* Padding optional. false: a character outside the alphabet, or a bad length; out is as it was. */
bool text_base64_decode(struct buf *out, const char *text, size_t len);
bool text_base64url_decode(struct buf *out, const char *text, size_t len);
void text_hex(struct buf *out, const void *data, size_t len);
bool text_hex_decode(struct buf *out, const char *text, size_t len);
void text_percent(struct buf *out, const char *text); /* all but RFC 3986 unreserved    */
bool text_percent_decode(struct buf *out, const char *text, size_t len, bool plus_is_space);
#endif
