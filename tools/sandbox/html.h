/* sandbox/html.h: the pages of the stand-ins: escaping and their head. */
#ifndef SANDBOX_HTML_H
#define SANDBOX_HTML_H
#include "base/buf.h"

void html_begin(struct buf *out, const char *title); /* the title is ours: not escaped */
void html_add(struct buf *out, const char *text);    /* escaped, for text and "attributes" */
/* Hidden fields of a form for those of `names` that the query (or form) has. */
void html_carry(struct buf *out, const char *query, const char *const *names, size_t count);
#endif
