/* graph/cursor.h: how far each folder of a mailbox has been read, as bytes that the host keeps.
 *
 * "1", then for each folder "<name> <kind> <time> <link> <taken>": kind d, all was read and the
 * link is the delta's; n, the link is that of a page amid a walk; s, a walk from that time is to
 * begin; x, the same, and there was no such folder. The time is when the folder was last read to
 * its end, or from when it is walked. <taken> are marks of the messages of the page that were taken
 * already. "-" is nothing. All are percent-encoded. A link is kept without what the configured API
 * begins with, so it can lead nowhere else. */
#ifndef GRAPH_CURSOR_H
#define GRAPH_CURSOR_H
#include "text.h"

#include <postrider/basic.h>

enum { CURSOR_FOLDERS_MAX = 12, CURSOR_LINK_MAX = 8192 };

struct cursor_folder {
    char *name;
    char kind;
    int64_t time;
    char *link, *taken; /* or NULL */
};
struct cursor {
    struct cursor_folder folders[CURSOR_FOLDERS_MAX];
    size_t count;
};
/* -1: not one of ours. The struct is empty then. */
int cursor_read(struct cursor *cursor, struct rider_bytes bytes);
void cursor_write(const struct cursor *cursor, struct text *out);
void cursor_free(struct cursor *cursor);
struct cursor_folder *cursor_folder(struct cursor *cursor, const char *name); /* or NULL */
#endif
