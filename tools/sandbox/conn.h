/* sandbox/conn.h: listeners and connections, with or without TLS; HTTP is http1.c's and http2.c's.
 */
#ifndef SANDBOX_CONN_H
#define SANDBOX_CONN_H
#include "base/buf.h"
#include "sandbox/exchange.h"
#include "sandbox/loop.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

/* CUT closes without TLS's close_notify, as a broken line would. */
enum conn_end { CONN_OPEN, CONN_CLOSE, CONN_CUT, CONN_RESET };

enum http1_at { HTTP1_HEAD, HTTP1_LENGTH, HTTP1_SIZE, HTTP1_CHUNK, HTTP1_CHUNK_END, HTTP1_TRAILER };

struct http1 {                /* what is being read, of HTTP/1.1 */
    struct exchange *reading; /* NULL: no head yet */
    enum http1_at at;
    uint64_t left; /* of the body, or of the chunk */
    bool keep;     /* the connection, after this answer */
    bool inside;   /* within http1_input: don't come in again */
};

struct http2;
struct conn {
    struct loop_fd watch;
    struct list node;
    uint64_t number;
    uint64_t requests; /* begun on it */
    SSL *ssl;          /* NULL: plain */
    bool ready;        /* TLS is done */
    bool parting;      /* all is said: what still comes is thrown away */
    struct loop_timer parting_timer;
    enum conn_end end; /* when what is in `out` is written; a reset at once */
    struct buf in, out;
    size_t written; /* of out */
    struct http1 http1;
    struct http2 *http2;   /* NULL: HTTP/1.1 */
    struct list exchanges; /* under way */
};

struct listener;
/* On 127.0.0.1, a free port. tls NULL: plain. Negative errno. */
int listener_new(SSL_CTX *tls, struct listener **listener_r);
int listener_port(const struct listener *listener);
void listener_free(struct listener *listener);

void conn_flush_later(struct conn *conn);
void conn_end(struct conn *conn, enum conn_end end); /* when the turn ends */
bool conn_writing(void);                             /* some connection has bytes to write */
size_t conn_end_idle(void); /* each that nothing is under way on; how many */
void conn_close_all(void);

/* HTTP/1.1: takes requests out of conn->in. */
void http1_input(struct conn *conn);
extern const struct exchange_ops http1_ops;

/* HTTP/2. */
int http2_start(struct conn *conn);
void http2_input(struct conn *conn);
void http2_output(struct conn *conn); /* frames that are ready go to conn->out */
void http2_finish(struct conn *conn);
#endif
