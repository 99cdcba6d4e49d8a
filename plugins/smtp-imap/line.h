/* smtp-imap/line.h: a buffered line to a server, on the host's streams; SMTP and IMAP share it.
 *
 * What comes is kept until it is taken. Inside of an event the owner may do anything, also close
 * the line or free it. Loop thread. */
#ifndef SMTP_IMAP_LINE_H
#define SMTP_IMAP_LINE_H
#include "text.h"

#include <postrider/ext/stream.h>

struct line;
struct line_events {
    void (*opened)(void *arg);
    void (*data)(void *arg); /* something came: look at line_bytes */
    /* The last: it could not be opened, or it was lost, or what came and was not taken has grown
     * over the limit (kind BROKEN). Not after line_free. */
    void (*closed)(void *arg, const struct rider_failure *why);
};

/* Connects. Never NULL; what goes wrong comes as closed(). `op` may be NULL: a line that is kept.
 * `limit` is the most bytes kept untaken. */
struct line *line_open(const struct rider_host *host, const char *url, struct rider_op *op,
                       uint32_t timeout, size_t limit, const struct line_events *events, void *arg);
bool line_is_open(const struct line *line); /* opened, and not closed since */
/* What is written from here on belongs to this operation; NULL: to none. */
void line_use(struct line *line, struct rider_op *op);
/* `commits`: when these bytes have left, the operation may take effect (ext/stream.h). Nothing is
 * written to a line that is closed. */
void line_write(struct line *line, const void *data, size_t len, bool commits);
void line_answered(struct line *line); /* the whole answer to what committed was read */

struct rider_bytes line_bytes(const struct line *line); /* lent until taken or more comes */
void line_take(struct line *line, size_t len);
void line_free(struct line *line); /* closes; no event after this; NULL is fine */
#endif
