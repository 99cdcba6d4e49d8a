/* mail/words.h: texts and names as header fields carry them.
 *
 * RFC 5322 2.2.3 (folding at 76) and RFC 2047 (encoded words of at most 75 characters, UTF-8, cut
 * between characters). Text that only looks like an encoded word is encoded too, so that it reads
 * as written. Input is UTF-8 without controls but tab. Pure, any thread. */
#ifndef MAIL_WORDS_H
#define MAIL_WORDS_H
#include "base/buf.h"

/* Appends an unstructured value, as of Subject. `column`: how long the line is already. Blanks at
 * its edges are dropped. */
void mail_words_text(struct buf *out, const char *text, size_t column);
/* Appends a display name: atoms, a quoted string, or encoded words. Returns the column after it. */
size_t mail_words_phrase(struct buf *out, const char *name, size_t column);
#endif
