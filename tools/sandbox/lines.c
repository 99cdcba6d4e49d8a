/* sandbox/lines.c: JSON lines over a Unix socket. */
#include "sandbox/lines.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES (64u << 20)

struct lines {
    struct loop_fd watch;
    struct list peers;
    const struct lines_events *events;
    void *arg;
    char *path;
};

struct lines_peer {
    struct loop_fd watch;
    struct list node;
    struct lines *lines;
    struct buf in, out;
    bool ended; /* says no more; closed once it was told all */
    void *data;
};

static void peer_closed(struct loop_fd *watch)
{
    struct lines_peer *peer = LIST_ENTRY(watch, struct lines_peer, watch);

    buf_finish(&peer->in);
    buf_finish(&peer->out);
    free(peer);
}

static void peer_end(struct lines_peer *peer)
{
    if (peer->watch.closing)
        return;
    list_remove(&peer->node);
    if (peer->lines->events->closed != NULL)
        peer->lines->events->closed(peer->lines->arg, peer);
    loop_close(&peer->watch);
}

static void peer_flush(struct loop_fd *watch)
{
    struct lines_peer *peer = LIST_ENTRY(watch, struct lines_peer, watch);

    while (peer->out.len > 0) {
        ssize_t count = send(watch->fd, peer->out.data, peer->out.len, MSG_NOSIGNAL);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            break;
        if (count < 0) {
            peer_end(peer);
            return;
        }
        buf_consume(&peer->out, (size_t)count);
    }
    if (peer->out.len == 0 && peer->ended)
        peer_end(peer);
    else
        loop_want(watch, (peer->ended ? 0u : (uint32_t)EPOLLIN) |
                             (peer->out.len > 0 ? (uint32_t)EPOLLOUT : 0u));
}

void lines_say(struct lines_peer *peer, struct json_object *what)
{
    size_t len;
    const char *text = json_object_to_json_string_length(
        what, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

    buf_add(&peer->out, text, len);
    buf_add_char(&peer->out, '\n');
    json_object_put(what);
    loop_flush_later(&peer->watch);
}

static struct json_object *error_line(const char *why)
{
    struct json_object *line = json_object_new_object();

    json_object_object_add(line, "ok", json_object_new_boolean(false));
    json_object_object_add(line, "error", json_object_new_string(why));
    return line;
}

static void hear(struct lines_peer *peer, const char *text, size_t len)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *what = json_tokener_parse_ex(tokener, text, (int)len);
    enum json_tokener_error error = json_tokener_get_error(tokener);

    if (what != NULL && json_object_is_type(what, json_type_object)) {
        peer->lines->events->said(peer->lines->arg, peer, what);
    } else {
        auto_free char *why = mem_printf(
            "a line is one JSON object, this one is not: %s",
            error == json_tokener_success ? "not an object" : json_tokener_error_desc(error));

        lines_say(peer, error_line(why));
    }
    json_object_put(what);
    json_tokener_free(tokener);
}

static void hear_all(struct lines_peer *peer)
{
    size_t at = 0;

    for (;;) {
        const char *start = peer->in.data + at;
        const char *end = peer->in.len > at ? memchr(start, '\n', peer->in.len - at) : NULL;
        size_t len;

        if (end == NULL || peer->watch.closing)
            break;
        len = (size_t)(end - start);
        at += len + 1;
        if (len > 0)
            hear(peer, start, len);
    }
    buf_consume(&peer->in, at);
}

static void peer_ready(struct loop_fd *watch, uint32_t events)
{
    struct lines_peer *peer = LIST_ENTRY(watch, struct lines_peer, watch);
    ssize_t count;

    if ((events & EPOLLOUT) != 0)
        loop_flush_later(watch);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
        return;
    do {
        count = recv(watch->fd, buf_reserve(&peer->in, 65536), 65536, 0);
        if (count > 0)
            buf_advance(&peer->in, (size_t)count);
    } while (count > 0 && peer->in.len < LINE_MAX_BYTES);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
        peer_end(peer);
        return;
    }
    hear_all(peer);
    if (peer->in.len >= LINE_MAX_BYTES) {
        lines_say(peer, error_line("the line is longer than 64 MiB; send less at once"));
        peer->ended = true;
    }
    if (count == 0) {
        peer->ended = true;
        loop_flush_later(watch);
    }
}

static void lines_ready(struct loop_fd *watch, uint32_t events)
{
    struct lines *lines = LIST_ENTRY(watch, struct lines, watch);
    struct lines_peer *peer;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    peer = mem_new(sizeof *peer);
    peer->watch =
        (struct loop_fd){.fd = fd, .ready = peer_ready, .flush = peer_flush, .closed = peer_closed};
    peer->lines = lines;
    if (loop_add(&peer->watch, EPOLLIN) < 0) {
        close(fd);
        free(peer);
        return;
    }
    list_add(&lines->peers, &peer->node);
    if (lines->events->opened != NULL)
        lines->events->opened(lines->arg, peer);
}

static void lines_closed(struct loop_fd *watch)
{
    struct lines *lines = LIST_ENTRY(watch, struct lines, watch);

    free(lines->path);
    free(lines);
}

/* A socket file left by a killed run is removed; one that answers is somebody's. */
static int bind_path(int fd, const struct sockaddr_un *address)
{
    int other;
    bool taken;

    if (bind(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -errno;
    other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    taken = other >= 0 && connect(other, (const struct sockaddr *)address, sizeof *address) == 0;
    if (other >= 0)
        close(other);
    if (taken)
        return -EADDRINUSE;
    unlink(address->sun_path);
    return bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
}

int lines_listen(const char *path, const struct lines_events *events, void *arg,
                 struct lines **lines_r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct lines *lines;
    int fd, r;

    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    r = bind_path(fd, &address);
    if (r == 0 && listen(fd, 64) < 0)
        r = -errno;
    lines = mem_new(sizeof *lines);
    lines->watch = (struct loop_fd){.fd = fd, .ready = lines_ready, .closed = lines_closed};
    if (r == 0)
        r = loop_add(&lines->watch, EPOLLIN);
    if (r < 0) {
        close(fd);
        free(lines);
        return r;
    }
    list_init(&lines->peers);
    lines->events = events;
    lines->arg = arg;
    lines->path = mem_str(path);
    *lines_r = lines;
    return 0;
}

void lines_free(struct lines *lines)
{
    if (lines == NULL)
        return;
    LIST_EACH_SAFE (node, &lines->peers) {
        struct lines_peer *peer = LIST_ENTRY(node, struct lines_peer, node);

        peer_flush(&peer->watch); /* the answer to "quit" still gets out */
        peer_end(peer);
    }
    unlink(lines->path);
    loop_close(&lines->watch);
}

void **lines_peer_data(struct lines_peer *peer)
{
    return &peer->data;
}

void lines_each(struct lines *lines, bool (*each)(void *arg, struct lines_peer *peer), void *arg)
{
    LIST_EACH_SAFE (node, &lines->peers) {
        if (!each(arg, LIST_ENTRY(node, struct lines_peer, node)))
            return;
    }
}

bool lines_writing(const struct lines *lines)
{
    LIST_EACH (node, &lines->peers) {
        if (LIST_ENTRY(node, struct lines_peer, node)->out.len > 0)
            return true;
    }
    return false;
}
