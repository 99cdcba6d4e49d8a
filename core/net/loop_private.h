/* net/loop_private.h: what loop.c and timer.c share. */
#ifndef NET_LOOP_PRIVATE_H
#define NET_LOOP_PRIVATE_H
#include "base/list.h"
#include "net/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <uv.h>

struct loop_timers { /* a heap by (due, order) and the one uv timer that serves it */
    struct loop *loop;
    int64_t (*now)(void);
    struct loop_timer **slots;
    size_t count, room;
    uint64_t order;
    int64_t longest; /* never sleep longer than this without looking at the clock */
    struct list firing;
    bool is_firing;
    uv_timer_t uv;
};

struct loop_post {
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t before_sleep;
    uv_idle_t look_again; /* while it runs, the poll does not wait */
    struct loop_timers real, wall;
    int64_t offset_seen;

    pthread_mutex_t lock; /* of posts */
    struct loop_post *posts, *running;
    size_t post_count, post_room, running_room;
    atomic_bool stopping;
    bool (*over)(void *arg); /* loop_run_until's, or NULL */
    void *over_arg;

    struct list signals;
    int busy;
    uint64_t happened, happened_seen; /* things that ran; as it was a turn ago */
    void (*rest)(void *arg, bool idle);
    void *rest_arg;
};

void loop_timers_init(struct loop_timers *timers, struct loop *loop, int64_t (*now)(void),
                      int64_t longest);
void loop_timers_arm(struct loop_timers *timers); /* looks at its clock again */
void loop_timers_finish(struct loop_timers *timers);
#endif
