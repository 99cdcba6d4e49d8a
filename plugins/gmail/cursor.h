/* gmail/cursor.h: how far a mailbox has been read, as bytes that the host keeps.
 *
 * "1 h <history id> <page token> <id>": the history after that id, from that page, behind the
 * message <id> in it. "1 f <history id> <page token> <id>": a listing from the newest down, whose
 * history id was taken before it began. "-" is nothing. Page tokens are percent-encoded. */
#ifndef GMAIL_CURSOR_H
#define GMAIL_CURSOR_H
#include "text.h"

#include <postrider/basic.h>

struct cursor {
    bool history; /* else a full listing     */
    uint64_t start;
    char *token, *last; /* or NULL */
};
/* -1: not one of ours. The struct is empty then. */
int cursor_read(struct cursor *cursor, struct rider_bytes bytes);
void cursor_write(const struct cursor *cursor, struct text *out);
void cursor_free(struct cursor *cursor);
#endif
