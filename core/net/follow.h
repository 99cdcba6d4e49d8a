/* net/follow.h: follows the sandbox's virtual clock, so that a test need not wait three days.
 *
 * A Unix stream socket with a JSON object a line. The server says {"offset": ms, "jump": n} at
 * connect and whenever the offset changes; we say {"idle": true, "jump": n, "next": ms or null}
 * (next: the earliest wall timer, virtual Unix ms) and {"idle": false}, at changes only. The
 * caller makes sure first that every provider lives on loopback. Loop thread. */
#ifndef NET_FOLLOW_H
#define NET_FOLLOW_H
#include "base/buf.h"

struct loop;
struct follow;

/* Blocks until the first offset is known and set (at most 5 s), so that nothing starts in the
 * wrong time. Negative errno: `error` gets a sentence. When the socket is lost later, one line
 * is logged, the last offset stays, and time goes on at the real pace. */
int follow_connect(struct loop *loop, const char *path, struct buf *error,
                   struct follow **follow_r);
void follow_free(struct follow *follow); /* NULL is fine; the offset stays */
#endif
