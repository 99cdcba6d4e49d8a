/* base/clock.h: the one place time comes from.
 *
 * Wall time is Unix milliseconds and may be virtual: a test, or the sandbox's clock, moves it by
 * clock_offset. Monotonic time is real, and is what HTTP deadlines are kept in. Both may be read
 * from any thread; the offset is set from the loop thread only. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include <stdint.h>

int64_t clock_wall(void);      /* ms since 1970 UTC, plus the offset         */
int64_t clock_real(void);      /* ms since 1970 UTC, never moved             */
int64_t clock_monotonic(void); /* ms, CLOCK_MONOTONIC                        */
int64_t clock_offset(void);
void clock_set_offset(int64_t ms); /* 0: the wall is the real one                */

/* "2026-11-21T17:19:02.123Z" of Unix ms; text holds at least 32 bytes. Returns text. */
char *clock_text(int64_t ms, char *text);
#endif
