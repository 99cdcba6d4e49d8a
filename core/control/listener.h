/* control/listener.h: libmicrohttpd on its epoll descriptor, run by our loop, without a thread.
 *
 * Two traps of 0.9.75 (tried): its own timeouts and its list of ready connections need a run when
 * MHD_get_timeout says so, and a resumed connection needs a run right away. */
#ifndef CONTROL_LISTENER_H
#define CONTROL_LISTENER_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct control;
struct exchange;
struct listener;
struct loop;
struct route;

struct listener_options {
    struct loop *loop;
    struct control *control;           /* for the handlers                              */
    const struct route *const *tables; /* NULL-ended, lent for good                     */
    int fd;                            /* listening and non-blocking; taken             */
    bool people;                       /* pages for browsers: strict limits, no keep-alive */
    unsigned connections, per_ip;      /* at once; per_ip 0: any number */
    /* Turns an answer that is no page yet (404, 413, ...) into one; NULL: JSON is fine */
    void (*dress)(struct exchange *exchange);
};
struct listener *listener_new(const struct listener_options *options);
/* Whoever still waits gets a 503. NULL is fine. */
void listener_free(struct listener *listener);
void listener_suspend(struct exchange *exchange);
void listener_resume(struct exchange *exchange);

/* Sockets (socket.c). -1 with a sentence in error. */
int socket_unix(const char *path, struct buf *error);
int socket_tcp(const char *host, unsigned port, unsigned *port_r, struct buf *error);
#endif
