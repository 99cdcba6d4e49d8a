/* fault/trouble.c: preloaded into the daemon: a wall clock that stands, memory that runs out,
 * writes that are cut short.
 *
 * TROUBLE_FREEZE=1: CLOCK_REALTIME stays at its first reading. TROUBLE_ALLOC=n: the n-th
 * allocation, counted from the first, fails once; TROUBLE_ALLOC_MIN=bytes: only those of at least
 * that size count. TROUBLE_SHORT=call:n: the n-th pwrite, writev, write or send of more than a byte
 * takes half of what it is given, really. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);

static atomic_long counted, calls;
static long fail_at, least, short_at;
static char short_call[16];
static bool frozen;

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("TROUBLE_ALLOC");

    fail_at = text ? atol(text) : 0;
    text = getenv("TROUBLE_ALLOC_MIN");
    least = text ? atol(text) : 0;
    frozen = getenv("TROUBLE_FREEZE") != NULL;
    text = getenv("TROUBLE_SHORT");
    if (text && sscanf(text, "%15[a-z]:%ld", short_call, &short_at) != 2)
        abort();
}

/* Of len, how much is taken. */
static size_t cut(const char *call, size_t len)
{
    static const char told[] = "trouble: a call is cut short now\n";

    if (!short_at || len < 2 || strcmp(call, short_call) != 0 ||
        atomic_fetch_add(&calls, 1) + 1 != short_at)
        return len;
    syscall(SYS_write, 2, told, sizeof(told) - 1);
    return len / 2;
}

ssize_t write(int fd, const void *data, size_t len)
{
    return syscall(SYS_write, fd, data, cut("write", len));
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return syscall(SYS_pwrite64, fd, data, cut("pwrite", len), at);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    return syscall(SYS_sendto, fd, data, cut("send", len), flags, NULL, 0);
}

/* Never in the middle of a part. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return syscall(SYS_writev, fd, parts, (int)cut("writev", (size_t)count));
}

static bool fails(size_t size)
{
    static const char told[] = "trouble: an allocation fails now\n";

    if (!fail_at || (long)size < least || atomic_fetch_add(&counted, 1) + 1 != fail_at)
        return false;
    syscall(SYS_write, 2, told, sizeof(told) - 1);
    errno = ENOMEM;
    return true;
}

/* The daemon's own malloc, calloc and realloc (core/forget.c) stand on these two. */
void *__libc_malloc(size_t size)
{
    static void *(*real)(size_t size);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "__libc_malloc");
    return fails(size) ? NULL : real(size);
}

void *__libc_calloc(size_t count, size_t size)
{
    static void *(*real)(size_t count, size_t size);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "__libc_calloc");
    return fails(count * size) ? NULL : real(count, size);
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    static int (*real)(clockid_t id, struct timespec * time);
    static struct timespec first;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    if (!frozen || id != CLOCK_REALTIME)
        return real(id, time);
    if (!first.tv_sec)
        real(id, &first);
    *time = first;
    return 0;
}
