/* sandbox/loop.c: turns of epoll, with writing put off until the logs are down. */
#include "sandbox/loop.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct {
    int epoll;
    bool stop;
    struct list flush, closed;
    struct queue timers;
} loop = {.epoll = -1};

int loop_start(void)
{
    list_init(&loop.flush);
    list_init(&loop.closed);
    loop.stop = false;
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    return loop.epoll < 0 ? -errno : 0;
}

static void bury(void)
{
    while (!list_empty(&loop.closed)) {
        struct loop_fd *watch = LIST_ENTRY(loop.closed.next, struct loop_fd, node);

        list_remove(&watch->node);
        watch->closed(watch);
    }
}

void loop_finish(void)
{
    bury();
    queue_finish(&loop.timers);
    if (loop.epoll >= 0)
        close(loop.epoll);
    loop.epoll = -1;
}

int loop_add(struct loop_fd *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    list_init(&watch->node);
    watch->events = events;
    return epoll_ctl(loop.epoll, EPOLL_CTL_ADD, watch->fd, &event) < 0 ? -errno : 0;
}

void loop_want(struct loop_fd *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (watch->closing || watch->events == events)
        return;
    watch->events = events;
    if (epoll_ctl(loop.epoll, EPOLL_CTL_MOD, watch->fd, &event) < 0)
        log_error("sandbox: fd %d can't be watched: %s", watch->fd, strerror(errno));
}

void loop_flush_later(struct loop_fd *watch)
{
    if (!watch->closing && list_empty(&watch->node))
        list_add(&loop.flush, &watch->node);
}

void loop_close(struct loop_fd *watch)
{
    if (watch->closing)
        return;
    watch->closing = true;
    list_remove(&watch->node);
    close(watch->fd);
    list_add(&loop.closed, &watch->node);
}

void loop_timer_set(struct loop_timer *timer, int64_t after_ms)
{
    queue_remove(&loop.timers, &timer->item);
    queue_add(&loop.timers, &timer->item, clock_monotonic() + after_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
    queue_remove(&loop.timers, &timer->item);
}

static void run_timers(void)
{
    int64_t now = clock_monotonic();
    struct queue_item *item;

    while ((item = queue_first(&loop.timers)) != NULL && item->when <= now) {
        struct loop_timer *timer = LIST_ENTRY(item, struct loop_timer, item);

        queue_remove(&loop.timers, item);
        timer->fire(timer);
    }
}

static int wait_ms(const struct loop_hooks *hooks)
{
    int64_t wait = hooks->wait();
    const struct queue_item *item = queue_first(&loop.timers);

    if (item != NULL) {
        int64_t left = item->when - clock_monotonic();

        if (left < 0)
            left = 0;
        if (wait < 0 || left < wait)
            wait = left;
    }
    return wait > 60000 ? 60000 : (int)wait;
}

static void flush(void)
{
    while (!list_empty(&loop.flush)) {
        struct loop_fd *watch = LIST_ENTRY(loop.flush.next, struct loop_fd, node);

        list_remove(&watch->node);
        watch->flush(watch);
    }
}

void loop_run(const struct loop_hooks *hooks)
{
    while (!loop.stop) {
        struct epoll_event events[256];
        int wait = wait_ms(hooks);
        int count = epoll_wait(loop.epoll, events, 256, wait);

        for (int i = 0; i < count; i++) {
            struct loop_fd *watch = events[i].data.ptr;

            if (!watch->closing)
                watch->ready(watch, events[i].events);
        }
        run_timers();
        if (count == 0 && wait == 0)
            hooks->quiet();
        hooks->settle();
        flush();
        bury();
    }
}

void loop_stop(void)
{
    loop.stop = true;
}
