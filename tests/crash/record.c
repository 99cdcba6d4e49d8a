/* tests/crash/record.c: LD_PRELOADed into the daemon: writes down what it does to the store's file.
 *
 * CRASH_RECORD names the log. Each entry is a struct entry and, for a write, its bytes. A write is
 * logged before it is made (a power loss may keep any part of it), what makes things durable after
 * it was: fdatasync and fsync for all that came before, 'D' for the O_DSYNC write right before it
 * (LMDB writes its meta page that way). Only data.mdb matters: lock.mdb is made anew. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct entry {
    uint64_t kind; /* 'W', 'D', 'S' or 'T' */
    uint64_t at, len;
};
enum { FDS = 1024 };
static bool watched[FDS], synchronous[FDS];
static int log_fd = -1;

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool is_watched(int fd)
{
    return fd >= 0 && fd < FDS && watched[fd];
}

static void put(const void *data, size_t len)
{
    static ssize_t (*next)(int, const void *, size_t);

    if (!next)
        *(void **)&next = real("write");
    if (next(log_fd, data, len) != (ssize_t)len)
        abort(); /* a log with holes proves nothing */
}

static void note(char kind, uint64_t at, const struct iovec *parts, int count)
{
    struct entry entry = {(unsigned char)kind, at, 0};

    for (int i = 0; i < count; i++)
        entry.len += parts[i].iov_len;
    put(&entry, sizeof(entry));
    for (int i = 0; i < count; i++)
        put(parts[i].iov_base, parts[i].iov_len);
}

static int opened(int fd, const char *path, int flags)
{
    const char *name = strrchr(path, '/'), *log = getenv("CRASH_RECORD");

    if (fd < 0 || fd >= FDS || !log)
        return fd;
    watched[fd] = name && strcmp(name, "/data.mdb") == 0;
    synchronous[fd] = (flags & O_DSYNC) != 0;
    if (watched[fd] && log_fd < 0) {
        int (*next)(const char *, int, ...);

        *(void **)&next = real("open64");
        log_fd = next(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log_fd < 0)
            abort();
    }
    return fd;
}

static int open_any(const char *name, const char *path, int flags, mode_t mode)
{
    int (*next)(const char *, int, ...);

    *(void **)&next = real(name);
    return opened(next(path, flags, mode), path, flags);
}

static mode_t mode_of(int flags, va_list args)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_any("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_any("open64", path, flags, mode);
}

int close(int fd)
{
    int (*next)(int);

    *(void **)&next = real("close");
    if (fd >= 0 && fd < FDS)
        watched[fd] = false;
    return next(fd);
}

static ssize_t write_at(int fd, const void *data, size_t len, off_t at)
{
    ssize_t (*next)(int, const void *, size_t, off_t), n;
    struct iovec one = {(void *)(uintptr_t)data, len};

    *(void **)&next = real("pwrite64");
    if (!is_watched(fd))
        return next(fd, data, len, at);
    note('W', (uint64_t)at, &one, 1);
    n = next(fd, data, len, at);
    if (n >= 0 && synchronous[fd])
        note('D', 0, NULL, 0);
    return n;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return write_at(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
    return write_at(fd, data, len, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t (*next)(int, const struct iovec *, int);

    *(void **)&next = real("writev");
    if (is_watched(fd))
        note('W', (uint64_t)lseek(fd, 0, SEEK_CUR), parts, count);
    return next(fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    ssize_t (*next)(int, const struct iovec *, int, off_t);

    *(void **)&next = real("pwritev");
    if (is_watched(fd))
        note('W', (uint64_t)at, parts, count);
    return next(fd, parts, count, at);
}

static int sync_by(const char *name, int fd)
{
    int (*next)(int), r;

    *(void **)&next = real(name);
    r = next(fd);
    if (r == 0 && is_watched(fd))
        note('S', 0, NULL, 0);
    return r;
}

int fdatasync(int fd)
{
    return sync_by("fdatasync", fd);
}

int fsync(int fd)
{
    return sync_by("fsync", fd);
}

static int truncate_to(const char *name, int fd, off_t len)
{
    int (*next)(int, off_t);

    *(void **)&next = real(name);
    if (is_watched(fd))
        note('T', (uint64_t)len, NULL, 0);
    return next(fd, len);
}

int ftruncate(int fd, off_t len)
{
    return truncate_to("ftruncate", fd, len);
}

int ftruncate64(int fd, off_t len)
{
    return truncate_to("ftruncate64", fd, len);
}
