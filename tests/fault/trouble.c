/* fault/trouble.c: preloaded into the daemon: a wall clock that stands, and memory that runs out.
 *
 * TROUBLE_FREEZE=1: CLOCK_REALTIME stays at its first reading. TROUBLE_ALLOC=n: the n-th
 * allocation, counted from the first, fails once; TROUBLE_ALLOC_MIN=bytes: only those of at least
 * that size count. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static atomic_long counted;
static long fail_at, least;
static bool frozen;

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("TROUBLE_ALLOC");

    fail_at = text ? atol(text) : 0;
    text = getenv("TROUBLE_ALLOC_MIN");
    least = text ? atol(text) : 0;
    frozen = getenv("TROUBLE_FREEZE") != NULL;
}

static bool fails(size_t size)
{
    static const char told[] = "trouble: an allocation fails now\n";

    if (!fail_at || (long)size < least || atomic_fetch_add(&counted, 1) + 1 != fail_at)
        return false;
    if (write(2, told, sizeof(told) - 1) < 0)
        return true;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails(size) ? NULL : __libc_realloc(old, size);
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
