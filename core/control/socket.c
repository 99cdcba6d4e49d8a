/* control/socket.c: the two listening sockets. */
#include "base/mem.h"
#include "control/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

/* Whether the path may be bound: nothing is there, or the socket of a daemon that is dead. */
static bool make_way(const char *path, const struct sockaddr_un *address, struct buf *error)
{
    struct stat st;
    int fd, r;

    if (lstat(path, &st) < 0)
        return true;
    if (!S_ISSOCK(st.st_mode)) {
        buf_printf(error, "%s is there and is no socket; move it away, or set `socket`", path);
        return false;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    r = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)address, sizeof(*address));
    if (r < 0)
        r = errno == ECONNREFUSED ? -1 : 0;
    if (fd >= 0)
        close(fd);
    if (r == 0) {
        buf_printf(error,
                   "%s is answered by another daemon; stop that one, or set `socket` elsewhere",
                   path);
        return false;
    }
    return unlink(path) == 0 || errno == ENOENT;
}

int socket_unix(const char *path, struct buf *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t before;
    int fd, r;

    if (strlen(path) >= sizeof(address.sun_path)) {
        buf_printf(error,
                   "socket: %s is longer than the %zu bytes a socket's path may have; set a "
                   "shorter one",
                   path, sizeof(address.sun_path) - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    if (!make_way(path, &address, error)) {
        if (!error->len)
            buf_printf(error, "%s can't be replaced: %s; remove it", path, strerror(errno));
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    before = umask(0177); /* nobody else may connect, not even for a moment */
    r = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&address, sizeof(address));
    umask(before);
    if (r < 0 || listen(fd, BACKLOG) < 0) {
        buf_printf(error, "%s can't be listened at: %s; is its folder there, and ours?", path,
                   strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static int listen_at(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

int socket_tcp(const char *host, unsigned port, unsigned *port_r, struct buf *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    char service[16];
    int fd, r;

    snprintf(service, sizeof(service), "%u", port);
    r = getaddrinfo(host, service, &hints, &found);
    if (r != 0) {
        buf_printf(error,
                   "listen: %s is no address of this machine (%s); write one, e.g. "
                   "127.0.0.1:8025",
                   host, gai_strerror(r));
        return -1;
    }
    fd = listen_at(found);
    if (fd < 0)
        buf_printf(error, "listen: %s:%u can't be had: %s; stop what has it, or set `listen`", host,
                   port, strerror(errno));
    else
        *port_r = port_of(fd);
    freeaddrinfo(found);
    return fd;
}
