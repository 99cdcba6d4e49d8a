/* base/clock.c: the one place time comes from. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int64_t offset;

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_real(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_wall(void)
{
    return clock_real() + atomic_load(&offset);
}

int64_t clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_offset(void)
{
    return atomic_load(&offset);
}

void clock_set_offset(int64_t ms)
{
    atomic_store(&offset, ms);
}

char *clock_text(int64_t ms, char *text)
{
    time_t seconds = (time_t)(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
    int rest = (int)(ms - (int64_t)seconds * 1000);
    struct tm tm;
    size_t len;

    gmtime_r(&seconds, &tm);
    len = strftime(text, 24, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + len, 8, ".%03dZ", rest % 1000);
    return text;
}
