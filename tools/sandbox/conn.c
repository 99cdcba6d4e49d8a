/* sandbox/conn.c: takes connections, does TLS without blocking, and moves bytes both ways. */
#include "sandbox/conn.h"

#include "base/log.h"
#include "base/mem.h"
#include "sandbox/journal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK 32768
#define PARTING_MS 1000
#define IN_MAX (EXCHANGE_BODY_MAX + EXCHANGE_HEAD_MAX)

struct listener {
    struct loop_fd watch;
    SSL_CTX *tls;
    int port;
};

static struct list conns = {&conns, &conns};
static uint64_t conn_number;

static void conn_closed(struct loop_fd *watch)
{
    struct conn *conn = LIST_ENTRY(watch, struct conn, watch);

    http2_finish(conn);
    SSL_free(conn->ssl);
    buf_finish(&conn->in);
    buf_finish(&conn->out);
    free(conn);
}

static void conn_close(struct conn *conn)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (conn->watch.closing)
        return;
    if (conn->end == CONN_RESET)
        setsockopt(conn->watch.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    loop_timer_stop(&conn->parting_timer);
    list_remove(&conn->node);
    while (!list_empty(&conn->exchanges))
        exchange_free(LIST_ENTRY(conn->exchanges.next, struct exchange, node));
    loop_close(&conn->watch);
}

/* What was read or written, -EAGAIN, 0 at the end of what the peer says, -EIO. */
static ssize_t tls_outcome(struct conn *conn, int count)
{
    int error;

    if (count > 0)
        return count;
    error = SSL_get_error(conn->ssl, count);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return -EAGAIN;
    return error == SSL_ERROR_ZERO_RETURN ? 0 : -EIO;
}

static ssize_t conn_read(struct conn *conn, char *data, size_t len)
{
    ssize_t count;

    if (conn->ssl != NULL)
        return tls_outcome(conn, SSL_read(conn->ssl, data, (int)len));
    count = recv(conn->watch.fd, data, len, 0);
    return count < 0 ? -errno : count;
}

static ssize_t conn_write(struct conn *conn, const char *data, size_t len)
{
    ssize_t count;

    if (conn->ssl != NULL)
        return tls_outcome(conn, SSL_write(conn->ssl, data, len > 1 << 20 ? 1 << 20 : (int)len));
    count = send(conn->watch.fd, data, len, MSG_NOSIGNAL);
    return count < 0 ? -errno : count;
}

static void conn_input(struct conn *conn)
{
    if (conn->http2 != NULL)
        http2_input(conn);
    else
        http1_input(conn);
}

static bool handshake(struct conn *conn)
{
    const unsigned char *protocol;
    unsigned int len;
    ssize_t r = tls_outcome(conn, SSL_accept(conn->ssl));

    if (r == -EAGAIN)
        return false;
    if (r <= 0) {
        conn_close(conn);
        return false;
    }
    conn->ready = true;
    SSL_get0_alpn_selected(conn->ssl, &protocol, &len);
    if (len == 2 && memcmp(protocol, "h2", 2) == 0 && http2_start(conn) < 0) {
        conn_close(conn);
        return false;
    }
    return true;
}

static void part_late(struct loop_timer *timer)
{
    conn_close(LIST_ENTRY(timer, struct conn, parting_timer));
}

/* Closing while the peer still sends would reset the connection, and it might never read what we
 * said last (RFC 9112 9.6). */
static void part(struct conn *conn)
{
    if (conn->ssl != NULL && conn->end == CONN_CLOSE)
        SSL_shutdown(conn->ssl);
    ERR_clear_error();
    shutdown(conn->watch.fd, SHUT_WR);
    conn->parting = true;
    conn->parting_timer.fire = part_late;
    loop_timer_set(&conn->parting_timer, PARTING_MS);
    loop_want(&conn->watch, EPOLLIN);
}

static void throw_away(struct conn *conn)
{
    char data[READ_CHUNK];
    ssize_t count;

    do
        count = recv(conn->watch.fd, data, sizeof data, 0);
    while (count > 0);
    if (count == 0 || errno != EAGAIN)
        conn_close(conn);
}

/* Whoever goes away right after asking was still heard: input is worked off before its end is. */
static void conn_ready(struct loop_fd *watch, uint32_t events)
{
    struct conn *conn = LIST_ENTRY(watch, struct conn, watch);
    ssize_t count = 0;

    if (conn->parting) {
        throw_away(conn);
        return;
    }
    if (!conn->ready && !handshake(conn))
        return;
    if ((events & EPOLLOUT) != 0)
        conn_flush_later(conn);
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0)
        return;
    while (conn->end == CONN_OPEN && conn->in.len < IN_MAX) {
        count = conn_read(conn, buf_reserve(&conn->in, READ_CHUNK), READ_CHUNK);
        if (count <= 0)
            break;
        buf_advance(&conn->in, (size_t)count);
        if (conn->in.len >= 8 * READ_CHUNK)
            conn_input(conn);
    }
    if (conn->end == CONN_OPEN)
        conn_input(conn);
    if (conn->end != CONN_OPEN || conn->in.len >= IN_MAX || count == -EAGAIN || count == -EINTR) {
        if (conn->in.len >= IN_MAX)
            conn_end(conn, CONN_RESET);
        if ((events & (EPOLLHUP | EPOLLERR)) != 0)
            conn_close(conn);
        return;
    }
    conn_close(conn);
}

/* What is written is dropped by and by: moving the rest for each piece would cost too much. */
static void written(struct conn *conn, size_t count)
{
    conn->written += count;
    if (conn->written == conn->out.len) {
        buf_truncate(&conn->out, 0);
        conn->written = 0;
    } else if (conn->written > conn->out.len / 2) {
        buf_consume(&conn->out, conn->written);
        conn->written = 0;
    }
}

static void conn_flush(struct loop_fd *watch)
{
    struct conn *conn = LIST_ENTRY(watch, struct conn, watch);

    if (conn->end == CONN_RESET) {
        conn_close(conn);
        return;
    }
    if (conn->http2 != NULL)
        http2_output(conn);
    while (conn->out.len > 0) {
        ssize_t count =
            conn_write(conn, conn->out.data + conn->written, conn->out.len - conn->written);

        if (count == -EINTR)
            continue;
        if (count == -EAGAIN)
            break;
        if (count <= 0) {
            conn_close(conn);
            return;
        }
        written(conn, (size_t)count);
        if (conn->out.len == 0 && conn->http2 != NULL)
            http2_output(conn);
    }
    if (conn->out.len == 0 && conn->end != CONN_OPEN) {
        if (!conn->parting)
            part(conn);
        return;
    }
    loop_want(watch, EPOLLIN | EPOLLRDHUP | (conn->out.len > 0 ? (uint32_t)EPOLLOUT : 0u));
}

static void conn_new(struct listener *listener, int fd)
{
    struct conn *conn = mem_new(sizeof *conn);
    int on = 1;

    conn->watch =
        (struct loop_fd){.fd = fd, .ready = conn_ready, .flush = conn_flush, .closed = conn_closed};
    conn->number = ++conn_number;
    list_init(&conn->exchanges);
    list_init(&conn->node);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (listener->tls != NULL) {
        conn->ssl = SSL_new(listener->tls);
        if (conn->ssl != NULL && SSL_set_fd(conn->ssl, fd) == 1)
            SSL_set_accept_state(conn->ssl);
    } else {
        conn->ready = true;
    }
    if ((listener->tls != NULL && conn->ssl == NULL) ||
        loop_add(&conn->watch, EPOLLIN | EPOLLRDHUP) < 0) {
        close(fd);
        SSL_free(conn->ssl);
        free(conn);
        return;
    }
    journal_connection();
    list_add(&conns, &conn->node);
}

static void listener_ready(struct loop_fd *watch, uint32_t events)
{
    struct listener *listener = LIST_ENTRY(watch, struct listener, watch);

    (void)events;
    for (int i = 0; i < 64; i++) {
        int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && errno != EAGAIN)
            log_warn("sandbox: a connection can't be taken: %s; raise ulimit -n if it is too "
                     "many files",
                     strerror(errno));
        if (fd < 0)
            return;
        conn_new(listener, fd);
    }
}

static void listener_closed(struct loop_fd *watch)
{
    struct listener *listener = LIST_ENTRY(watch, struct listener, watch);

    SSL_CTX_free(listener->tls);
    free(listener);
}

static int bind_loopback(int fd, int *port_r)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return -errno;
    *port_r = ntohs(address.sin_port);
    return 0;
}

int listener_new(SSL_CTX *tls, struct listener **listener_r)
{
    struct listener *listener;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

    if (fd < 0)
        return -errno;
    listener = mem_new(sizeof *listener);
    listener->watch =
        (struct loop_fd){.fd = fd, .ready = listener_ready, .closed = listener_closed};
    r = bind_loopback(fd, &listener->port);
    if (r == 0)
        r = loop_add(&listener->watch, EPOLLIN);
    if (r < 0) {
        close(fd);
        free(listener);
        return r;
    }
    if (tls != NULL)
        SSL_CTX_up_ref(tls);
    listener->tls = tls;
    *listener_r = listener;
    return 0;
}

int listener_port(const struct listener *listener)
{
    return listener->port;
}

void listener_free(struct listener *listener)
{
    if (listener != NULL)
        loop_close(&listener->watch);
}

void conn_flush_later(struct conn *conn)
{
    loop_flush_later(&conn->watch);
}

void conn_end(struct conn *conn, enum conn_end end)
{
    conn->end = end;
    conn_flush_later(conn);
}

size_t conn_end_idle(void)
{
    size_t count = 0;

    LIST_EACH (node, &conns) {
        struct conn *conn = LIST_ENTRY(node, struct conn, node);

        if (conn->end != CONN_OPEN || !list_empty(&conn->exchanges))
            continue;
        conn_end(conn, CONN_CLOSE);
        count++;
    }
    return count;
}

bool conn_writing(void)
{
    LIST_EACH (node, &conns) {
        if (LIST_ENTRY(node, struct conn, node)->out.len > 0)
            return true;
    }
    return false;
}

void conn_close_all(void)
{
    while (!list_empty(&conns))
        conn_close(LIST_ENTRY(conns.next, struct conn, node));
}
