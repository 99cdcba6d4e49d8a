/* net/loop.h: the one loop: posts from other threads, timers on both clocks, descriptors, signals,
 * work on the pool, and whether anything is going on.
 *
 * Everything runs on the loop's thread unless it says "any thread". No callback is called before
 * the function that took it returns. What was made of a loop (timers, watches, an http_client) is
 * freed before the loop. */
#ifndef NET_LOOP_H
#define NET_LOOP_H
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_watch;

struct loop *loop_new(void);       /* from here on the process ignores SIGPIPE: writes say EPIPE */
void loop_free(struct loop *loop); /* waits for work on the pool; what is still posted is dropped */
void loop_run(struct loop *loop);  /* until loop_stop                                           */
void loop_stop(struct loop *loop); /* loop_run returns at the end of this turn; any thread      */
/* Runs until over(arg) says true, asked after each turn, or `ms` of real time have passed. Returns
 * what it said last. loop_stop ends it too. For start and end of a program, and for tests. */
bool loop_run_until(struct loop *loop, int64_t ms, bool (*over)(void *arg), void *arg);

/* Runs fn(arg) on the loop, in the order of posting, each post once. Any thread. */
void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/* From now until the loop is freed. 0 or negative errno. */
int loop_on_signal(struct loop *loop, int signum, void (*fn)(void *arg, int signum), void *arg);

/* Runs work(arg) on a thread of the pool, then done(arg) on the loop. Counts as busy till then. */
void loop_work(struct loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg);

/* -- timers: each fires once an arming; arming again replaces; free and arm inside fn are fine --
 */
struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg);
void loop_timer_free(struct loop_timer *timer);                /* NULL is fine               */
void loop_timer_in(struct loop_timer *timer, int64_t ms);      /* real time, never moved     */
void loop_timer_at(struct loop_timer *timer, int64_t wall_ms); /* clock_wall, as it moves:
                              also noticed within 60 s when somebody sets the machine's clock */
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_armed(const struct loop_timer *timer);
/* The earliest moment a wall timer is armed for; INT64_MAX: none. */
int64_t loop_next_wall(const struct loop *loop);

/* -- descriptors ------------------------------------------------------------------------------ */
enum { LOOP_READABLE = 1, LOOP_WRITABLE = 2 };
/* Calls fn while the descriptor is ready (level triggered; an error or hang-up counts as every
 * event that was asked for). The descriptor stays the caller's: free the watch before closing it.
 * NULL: the kernel can't watch this descriptor. */
struct loop_watch *loop_fd_watch(struct loop *loop, int fd, int events,
                                 void (*fn)(void *arg, int events), void *arg);
void loop_watch_events(struct loop_watch *watch, int events); /* 0: not now           */
void loop_watch_free(struct loop_watch *watch);               /* NULL is fine         */

/* -- is anything going on? -------------------------------------------------------------------- */
/* Whoever starts something that ends by itself (an HTTP request, a store submit, an operation)
 * adds 1, and -1 after its `done` has run. Waiting for a moment is not busy. net counts its own
 * requests and work. */
void loop_busy(struct loop *loop, int change);
int loop_busy_count(const struct loop *loop);
/* fn is called at the end of turns: false when something goes on; true when nothing is under way,
 * posted, due or readable, so that only time or somebody outside can bring the next thing. May be
 * called with the same answer again. One watcher; NULL ends it. */
void loop_on_rest(struct loop *loop, void (*fn)(void *arg, bool idle), void *arg);
#endif
