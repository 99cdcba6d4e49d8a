/* net/follow.c: follows the sandbox's virtual clock. */
#include "net/follow.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_LINE_MS 5000
#define LINE_LIMIT 4096

struct follow {
    struct loop *loop;
    struct loop_watch *watch;
    char *path;
    int fd;
    struct buf in, out;
    int64_t jump;
    bool told; /* what was said last: */
    bool told_idle;
    int64_t told_jump, told_next;
};

/* The number after "key": in one line of JSON that we know the shape of. */
static bool find_number(const char *line, const char *key, int64_t *value_r)
{
    char name[32];
    const char *at;
    char *end;
    long long value;

    snprintf(name, sizeof(name), "\"%s\"", key);
    at = strstr(line, name);
    if (!at)
        return false;
    at += strlen(name);
    at += strspn(at, " \t");
    if (*at++ != ':')
        return false;
    errno = 0;
    value = strtoll(at, &end, 10);
    if (end == at || errno)
        return false;
    *value_r = value;
    return true;
}

static bool take_line(struct follow *follow, const char *line)
{
    int64_t offset, jump;

    if (!find_number(line, "offset", &offset) || !find_number(line, "jump", &jump))
        return false;
    follow->jump = jump;
    clock_set_offset(offset); /* the loop sees it before it sleeps again */
    return true;
}

/* Takes what whole lines there are. 1: at least one; 0: none yet; -EPROTO. */
static int take_lines(struct follow *follow)
{
    int taken = 0;
    char *end;

    while (follow->in.len && (end = memchr(follow->in.data, '\n', follow->in.len))) {
        *end = '\0';
        if (!take_line(follow, follow->in.data))
            return -EPROTO;
        buf_consume(&follow->in, (size_t)(end + 1 - follow->in.data));
        taken = 1;
    }
    return follow->in.len > LINE_LIMIT ? -EPROTO : taken;
}

/* 1: whole lines were taken; 0: none yet; negative errno, -ECONNRESET at the end. */
static int read_lines(struct follow *follow)
{
    int taken = 0, r;

    for (;;) {
        ssize_t len = read(follow->fd, buf_reserve(&follow->in, 512), 512);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return errno == EAGAIN ? taken : -errno;
        if (len == 0)
            return -ECONNRESET;
        buf_advance(&follow->in, (size_t)len);
        r = take_lines(follow);
        if (r < 0)
            return r;
        taken |= r;
    }
}

static int connect_to(const char *path, int *fd_r);
static void ready(void *arg, int events);

/* The line broke, not the sandbox: its first line tells where time is. */
static bool came_back(struct follow *follow)
{
    loop_watch_free(follow->watch);
    follow->watch = NULL;
    close(follow->fd);
    follow->fd = -1;
    follow->in.len = follow->out.len = 0;
    follow->told = false;
    if (connect_to(follow->path, &follow->fd) < 0)
        return false;
    follow->watch = loop_fd_watch(follow->loop, follow->fd, LOOP_READABLE, ready, follow);
    return follow->watch != NULL;
}

static void lost(struct follow *follow, int error)
{
    if (came_back(follow))
        return;
    log_warn("clock %s: %s; the last offset (%" PRId64 " ms) stays, and time goes on at the real "
             "pace. Start the sandbox again, then the daemon, to follow it",
             follow->path,
             error == -EPROTO ? "the sandbox said something that is no clock line"
                              : strerror(-error),
             clock_offset());
    loop_on_rest(follow->loop, NULL, NULL);
    if (follow->fd >= 0)
        close(follow->fd);
    follow->fd = -1;
}

/* -- what we say ---------------------------------------------------------------------- */
static void flush(struct follow *follow)
{
    while (follow->out.len) {
        ssize_t len = send(follow->fd, follow->out.data, follow->out.len, MSG_NOSIGNAL);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            break;
        if (len < 0) {
            lost(follow, -errno);
            return;
        }
        buf_consume(&follow->out, (size_t)len);
    }
    loop_watch_events(follow->watch, LOOP_READABLE | (follow->out.len ? LOOP_WRITABLE : 0));
}

static void at_rest(void *arg, bool idle)
{
    struct follow *follow = arg;
    int64_t next = idle ? loop_next_wall(follow->loop) : 0, jump = idle ? follow->jump : 0;

    if (follow->told && follow->told_idle == idle && follow->told_jump == jump &&
        follow->told_next == next)
        return;
    follow->told = true;
    follow->told_idle = idle;
    follow->told_jump = jump;
    follow->told_next = next;
    if (!idle)
        buf_add_str(&follow->out, "{\"idle\": false}\n");
    else if (next == INT64_MAX)
        buf_printf(&follow->out, "{\"idle\": true, \"jump\": %" PRId64 ", \"next\": null}\n", jump);
    else
        buf_printf(&follow->out, "{\"idle\": true, \"jump\": %" PRId64 ", \"next\": %" PRId64 "}\n",
                   jump, next);
    flush(follow);
}

static void ready(void *arg, int events)
{
    struct follow *follow = arg;
    int r;

    if (events & LOOP_READABLE) {
        r = read_lines(follow);
        if (r < 0) {
            lost(follow, r);
            return;
        }
    }
    if (events & LOOP_WRITABLE)
        flush(follow);
}

/* -- life ----------------------------------------------------------------------------- */
static int connect_to(const char *path, int *fd_r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, r;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    *fd_r = fd;
    return 0;
}

static int await_first(struct follow *follow)
{
    int64_t until = clock_monotonic() + FIRST_LINE_MS, left;
    struct pollfd poller = {.fd = follow->fd, .events = POLLIN};
    int r;

    while ((left = until - clock_monotonic()) > 0) {
        if (poll(&poller, 1, (int)left) <= 0)
            continue;
        r = read_lines(follow);
        if (r)
            return r < 0 ? r : 0;
    }
    return -ETIMEDOUT;
}

static const char *reason(int error)
{
    switch (error) {
    case -ETIMEDOUT:
        return "it did not say its time within 5 s";
    case -EPROTO:
        return "what it said is no clock line";
    case -ENAMETOOLONG:
        return "the path is longer than a socket's may be";
    default:
        return strerror(-error);
    }
}

int follow_connect(struct loop *loop, const char *path, struct buf *error, struct follow **follow_r)
{
    struct follow *follow = mem_new(sizeof(*follow));
    int r;

    follow->loop = loop;
    follow->path = mem_str(path);
    follow->fd = -1;
    r = connect_to(path, &follow->fd);
    if (r == 0)
        r = await_first(follow);
    if (r == 0 && !(follow->watch = loop_fd_watch(loop, follow->fd, LOOP_READABLE, ready, follow)))
        r = -EPERM;
    if (r < 0) {
        buf_printf(error,
                   "can't follow the clock at %s: %s; start the sandbox first, and give the "
                   "path of its clock.sock",
                   path, reason(r));
        follow_free(follow);
        return r;
    }
    loop_on_rest(loop, at_rest, follow);
    *follow_r = follow;
    return 0;
}

void follow_free(struct follow *follow)
{
    if (!follow)
        return;
    if (follow->watch) {
        loop_on_rest(follow->loop, NULL, NULL);
        loop_watch_free(follow->watch);
    }
    if (follow->fd >= 0)
        close(follow->fd);
    buf_finish(&follow->in);
    buf_finish(&follow->out);
    free(follow->path);
    free(follow);
}
