/* net/watchdog.c: ends a process whose loop hangs. */
#include "net/watchdog.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define TICK_MS 250

struct watchdog {
    struct loop_timer *beat;
    _Atomic(const char *) note;
    atomic_uint beats;
    int seconds;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool ending;
};

static void beat(void *arg)
{
    struct watchdog *watchdog = arg;

    atomic_fetch_add(&watchdog->beats, 1);
    loop_timer_in(watchdog->beat, TICK_MS);
}

static void bite(struct watchdog *watchdog)
{
    const char *note = atomic_load(&watchdog->note);

    log_error("the loop has not turned for %d s%s%s; the watchdog ends the process now. A "
              "restart is safe: what was being sent is looked for before anything is sent",
              watchdog->seconds, note ? ", last seen in " : "", note ? note : "");
    abort();
}

/* Counts its own ticks, not the clock: a process that was stopped as a whole does not bite. */
static void *watch(void *arg)
{
    struct watchdog *watchdog = arg;
    unsigned seen = atomic_load(&watchdog->beats), now;
    int ticks = 0;

    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->ending) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&watchdog->ended, &watchdog->lock, &until);
        now = atomic_load(&watchdog->beats);
        ticks = now == seen ? ticks + 1 : 0;
        seen = now;
        if (!watchdog->ending && ticks >= watchdog->seconds * (1000 / TICK_MS))
            bite(watchdog);
    }
    pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

struct watchdog *watchdog_start(struct loop *loop, int seconds)
{
    struct watchdog *watchdog = mem_new(sizeof(*watchdog));
    pthread_condattr_t monotonic;

    watchdog->seconds = seconds > 0 ? seconds : 30;
    watchdog->beat = loop_timer_new(loop, beat, watchdog);
    loop_timer_in(watchdog->beat, 0);
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&watchdog->thread, NULL, watch, watchdog) != 0) {
        log_error("the watchdog's thread can't be started; raise the limit on threads");
        abort();
    }
    return watchdog;
}

void watchdog_note(struct watchdog *watchdog, const char *what)
{
    atomic_store(&watchdog->note, what);
}

void watchdog_stop(struct watchdog *watchdog)
{
    if (!watchdog)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->ending = true;
    pthread_cond_signal(&watchdog->ended);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    pthread_mutex_destroy(&watchdog->lock);
    pthread_cond_destroy(&watchdog->ended);
    loop_timer_free(watchdog->beat);
    free(watchdog);
}
