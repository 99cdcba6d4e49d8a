/* smtp-imap/cursor.h: how far each folder has been read, as bytes that the host keeps.
 *
 * "1 <folder>:<uidvalidity>:<next>:<modseq>:<edge>:<since>:<seen> ...", folders percent-encoded. */
#ifndef SMTP_IMAP_CURSOR_H
#define SMTP_IMAP_CURSOR_H
#include "text.h"

#include <postrider/basic.h>

enum { CURSOR_PLACES_MAX = 64 };
struct place {
    char *folder;
    uint64_t validity;
    uint64_t next;   /* the first UID that was not dealt with                        */
    uint64_t modseq; /* changes up to it were dealt with; 0: not known               */
    uint64_t edge;   /* UIDs before it may be older than `since`, and are passed over */
    int64_t since;
    int64_t seen; /* when it was last read to its end, give or take an hour */
};
struct cursor {
    struct place places[CURSOR_PLACES_MAX];
    size_t count;
};
/* -1: not one of ours. The struct is empty then. No bytes give an empty one. */
int cursor_read(struct cursor *cursor, struct rider_bytes bytes);
void cursor_write(const struct cursor *cursor, struct text *out);
struct place *cursor_place(struct cursor *cursor, const char *folder); /* NULL: none yet */
/* A new one, zeroed; NULL: there are too many. */
struct place *cursor_add(struct cursor *cursor, const char *folder);
void cursor_free(struct cursor *cursor);
#endif
