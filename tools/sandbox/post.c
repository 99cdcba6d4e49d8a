/* sandbox/post.c: a person's POST to the daemon: one connection, one request, and its status. */
#include "sandbox/post.h"

#include "base/mem.h"
#include "base/text.h"
#include "sandbox/control.h"
#include "sandbox/journal.h"
#include "sandbox/loop.h"
#include "sandbox/world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 30000
#define AGAIN_MS 100 /* real; somebody whose click got no answer clicks again */
#define TRIES_MAX 100
#define ANSWER_MAX 65536

struct post {
    struct loop_fd watch;
    struct loop_timer timer;
    struct list node;
    char *url, *type, *body;
    void (*done)(void *arg, int status, struct bytes body); /* NULL: one that is tried again */
    void *arg;
    int64_t patience;
    unsigned tries;
    bool waits; /* for its next try; it has no connection then */
    struct buf out, in;
};

struct route {
    struct list node;
    char *from, *to;
};

static struct list posts = {&posts, &posts}, routes = {&routes, &routes};
static size_t count;

size_t post_count(void)
{
    return count;
}

/* The query is left out: it may hold what only the recipient should know. */
static void note(const char *url, int status, const char *error)
{
    struct json_object *line = json_object_new_object();

    json_object_object_add(line, "post", json_object_new_string_len(url, (int)strcspn(url, "?")));
    json_object_object_add(line, "status", json_object_new_int(status));
    if (error != NULL)
        json_object_object_add(line, "error", json_object_new_string(error));
    journal_line(line);
}

static void post_free(struct post *post)
{
    free(post->url);
    free(post->type);
    free(post->body);
    buf_finish(&post->out);
    buf_finish(&post->in);
    free(post);
}

static void post_closed(struct loop_fd *watch)
{
    post_free(LIST_ENTRY(watch, struct post, watch));
}

static void post_start(struct post *post);

static void post_leave(struct post *post)
{
    loop_timer_stop(&post->timer);
    list_remove(&post->node);
    count--;
}

static void try_again(struct loop_timer *timer)
{
    struct post *post = LIST_ENTRY(timer, struct post, timer);

    post_leave(post);
    post->waits = false;
    post->tries++;
    post_start(post);
}

static void tell_failure(struct loop_timer *timer)
{
    struct post *post = LIST_ENTRY(timer, struct post, timer);

    post_leave(post);
    post->done(post->arg, 0, (struct bytes){"", 0});
    post_free(post);
}

/* No answer came: the same again in a moment, or its sender is told. It counts as under way, so
 * time does not jump. */
static void post_wait(struct post *post)
{
    post->waits = true;
    post->timer.fire = post->done != NULL ? tell_failure : try_again;
    loop_timer_set(&post->timer, post->done != NULL ? 0 : AGAIN_MS);
    list_add(&posts, &post->node);
    count++;
}

static struct post *post_new(const char *url, const char *type, const char *body)
{
    struct post *post = mem_new(sizeof *post);

    post->url = mem_str(url);
    post->type = mem_str(type);
    post->body = mem_str(body);
    post->patience = PATIENCE_MS;
    post->tries = 1;
    return post;
}

static struct bytes body_of(const struct buf *in)
{
    const char *end = in->len > 0 ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;

    if (end == NULL)
        return (struct bytes){"", 0};
    return (struct bytes){end + 4, in->len - (size_t)(end + 4 - in->data)};
}

static void post_end(struct post *post, const char *error)
{
    int status = 0;

    if (post->watch.closing)
        return;
    if (sscanf(buf_text(&post->in), "HTTP/1.%*1d %3d", &status) == 1)
        error = NULL;
    else if (error == NULL)
        error = "it closed the connection without an answer";
    note(post->url, status, error);
    post_leave(post);
    if (post->done != NULL) {
        post->done(post->arg, status, body_of(&post->in));
    } else if (!status && post->tries < TRIES_MAX) {
        struct post *again = post_new(post->url, post->type, post->body);

        again->tries = post->tries;
        post_wait(again);
    }
    loop_close(&post->watch);
}

static void too_late(struct loop_timer *timer)
{
    post_end(LIST_ENTRY(timer, struct post, timer), "no answer in time");
}

static void post_ready(struct loop_fd *watch, uint32_t events)
{
    struct post *post = LIST_ENTRY(watch, struct post, watch);
    ssize_t len;

    while ((events & EPOLLOUT) != 0 && post->out.len > 0) {
        len = send(watch->fd, post->out.data, post->out.len, MSG_NOSIGNAL);
        if (len < 0 && errno != EAGAIN) {
            post_end(post, strerror(errno));
            return;
        }
        if (len < 0)
            break;
        buf_consume(&post->out, (size_t)len);
    }
    if (post->out.len == 0)
        loop_want(watch, EPOLLIN);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
        return;
    do {
        len = recv(watch->fd, buf_reserve(&post->in, 4096), 4096, 0);
        if (len > 0)
            buf_advance(&post->in, (size_t)len);
    } while (len > 0 && post->in.len < ANSWER_MAX);
    if (len == 0 || (len < 0 && errno != EAGAIN) || post->in.len >= ANSWER_MAX)
        post_end(post, len < 0 ? strerror(errno) : NULL);
}

/* "http://127.0.0.1:8080/u/x?y": host is to be loopback. */
static const char *read_url(const char *url, struct sockaddr_in *address_r, const char **path_r)
{
    const char *host = url + 7, *path;
    char authority[64], *colon;
    uint64_t port = 80;
    size_t len;

    if (!text_starts(url, "http://"))
        return "only http:// is posted to; lead it there with post.route";
    path = host + strcspn(host, "/?");
    len = (size_t)(path - host);
    if (len >= sizeof authority)
        return "the host is not on loopback";
    memcpy(authority, host, len);
    authority[len] = '\0';
    colon = strrchr(authority, ':');
    if (colon != NULL) {
        *colon = '\0';
        if (!text_u64(colon + 1, &port) || port == 0 || port > 65535)
            return "the port is not a number from 1 to 65535";
    }
    *address_r = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (strcmp(authority, "localhost") == 0)
        address_r->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (inet_pton(AF_INET, authority, &address_r->sin_addr) != 1 ||
             ntohl(address_r->sin_addr.s_addr) >> 24 != 127)
        return "the host is not on loopback; lead it there with post.route";
    *path_r = path;
    return NULL;
}

static char *routed(const char *url)
{
    LIST_EACH (node, &routes) {
        const struct route *route = LIST_ENTRY(node, struct route, node);

        if (text_starts(url, route->from))
            return mem_printf("%s%s", route->to, url + strlen(route->from));
    }
    return mem_str(url);
}

static int post_connect(struct post *post, const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

    if (fd < 0)
        return -errno;
    post->watch = (struct loop_fd){.fd = fd, .ready = post_ready, .closed = post_closed};
    r = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno != EINPROGRESS
            ? -errno
            : loop_add(&post->watch, EPOLLIN | EPOLLOUT);
    if (r < 0)
        close(fd);
    return r;
}

/* It can't even begin. */
static void post_fail(struct post *post, const char *why, bool again)
{
    note(post->url, 0, why);
    if (post->done != NULL || (again && post->tries < TRIES_MAX))
        post_wait(post);
    else
        post_free(post);
}

static void post_start(struct post *post)
{
    struct sockaddr_in address;
    const char *path, *why = read_url(post->url, &address, &path);
    int r;

    if (why != NULL) {
        post_fail(post, why, false);
        return;
    }
    r = post_connect(post, &address);
    if (r < 0) {
        post_fail(post, strerror(-r), true);
        return;
    }
    buf_printf(&post->out,
               "POST %s%s HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n"
               "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
               *path == '/' ? "" : "/", path, (int)(path - post->url - 7), post->url + 7,
               post->type, strlen(post->body), post->body);
    post->timer.fire = too_late;
    loop_timer_set(&post->timer, post->patience);
    list_add(&posts, &post->node);
    count++;
}

void world_post(const char *url, const char *form)
{
    auto_free char *real_url = routed(url);

    post_start(post_new(real_url, "application/x-www-form-urlencoded", form));
}

void post_send(const char *url, const char *type, const char *body, int64_t patience_ms,
               void (*done)(void *arg, int status, struct bytes body), void *arg)
{
    auto_free char *real_url = routed(url);
    struct post *post = post_new(real_url, type, body);

    post->patience = patience_ms;
    post->done = done;
    post->arg = arg;
    post_start(post);
}

void post_finish(void)
{
    while (!list_empty(&posts)) {
        struct post *post = LIST_ENTRY(posts.next, struct post, node);

        post->tries = TRIES_MAX;
        if (!post->waits) {
            post_end(post, "the sandbox ended");
        } else if (post->done != NULL) {
            tell_failure(&post->timer);
        } else {
            post_leave(post);
            post_free(post);
        }
    }
    while (!list_empty(&routes)) {
        struct route *route = LIST_ENTRY(routes.next, struct route, node);

        list_remove(&route->node);
        free(route->from);
        free(route->to);
        free(route);
    }
}

struct json_object *post_command(const char *verb, struct json_object *asked)
{
    struct json_object *from, *to;
    struct route *route;

    if (strcmp(verb, "post.route") != 0)
        return NULL;
    if (!json_object_object_get_ex(asked, "from", &from) ||
        !json_object_object_get_ex(asked, "to", &to))
        return control_error("post.route: \"from\" and \"to\" are the beginnings of URLs");
    route = mem_new(sizeof *route);
    route->from = mem_str(json_object_get_string(from));
    route->to = mem_str(json_object_get_string(to));
    list_add(&routes, &route->node);
    return control_ok();
}
