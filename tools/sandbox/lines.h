/* sandbox/lines.h: a Unix stream socket over which JSON objects come and go, one a line. */
#ifndef SANDBOX_LINES_H
#define SANDBOX_LINES_H
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct lines;      /* the listening side */
struct lines_peer; /* one who connected */

struct lines_events {
    void (*opened)(void *arg, struct lines_peer *peer);                         /* may be NULL */
    void (*said)(void *arg, struct lines_peer *peer, struct json_object *what); /* lent */
    void (*closed)(void *arg, struct lines_peer *peer);                         /* may be NULL */
};

/* Replaces what is at `path` if nobody answers there. Negative errno; -ENAMETOOLONG beyond 107
 * bytes; -EADDRINUSE if someone does answer. `events` is kept, not copied. */
int lines_listen(const char *path, const struct lines_events *events, void *arg,
                 struct lines **lines_r);
void lines_free(struct lines *lines);
void lines_say(struct lines_peer *peer, struct json_object *what); /* takes `what` */
void **lines_peer_data(struct lines_peer *peer);                   /* the user's own pointer */
/* Calls each(arg, peer) for all; false ends it. */
void lines_each(struct lines *lines, bool (*each)(void *arg, struct lines_peer *peer), void *arg);
bool lines_writing(const struct lines *lines); /* something said is not yet written */
#endif
