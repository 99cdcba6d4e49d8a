/* control/page.h: small HTML pages in one layout: no script, no picture, no font from anywhere. */
#ifndef CONTROL_PAGE_H
#define CONTROL_PAGE_H
#include "base/buf.h"

struct exchange;

/* Text as HTML text or as a quoted attribute: & < > " ' are written as references, and control
 * characters but tab and newline are left out. What is no UTF-8 is replaced. Pure. */
void page_escape(struct buf *out, const char *text);

/* A page: begin, any of the parts, end. Every text is escaped. */
enum page_mood { PAGE_PLAIN, PAGE_GOOD, PAGE_BAD };
void page_begin(struct exchange *exchange, enum page_mood mood, const char *title);
void page_text(struct exchange *exchange, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void page_small(struct exchange *exchange, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void page_list(struct exchange *exchange, const char *const *lines); /* ended by NULL */
/* An address to go to, or to be copied, in whole; only https, or http of a stand-in. */
void page_link(struct exchange *exchange, const char *url);
/* A form that POSTs name=value to the page's own address. */
void page_button(struct exchange *exchange, const char *name, const char *value, const char *label);
/* The same with a field before the button whose text is not shown as it is typed. */
void page_secret(struct exchange *exchange, const char *name, const char *caption,
                 const char *label);
void page_end(struct exchange *exchange, unsigned status);
/* Turns an answer about the request itself (404, 405, 413) into a page. */
void page_dress(struct exchange *exchange);
#endif
