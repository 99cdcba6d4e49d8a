/* provider/timer.c: the timers that a plugin sets. They follow the wall, which may be virtual:
 * a Retry-After of ten minutes passes in an instant in the sandbox. */
#include "provider/private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static void fired(void *arg)
{
    struct rider_timer *timer = arg;
    struct seat *seat = timer->seat;
    void (*fire)(void *) = timer->fire;
    void *fire_arg = timer->arg;

    timer_free(timer);
    IN_PLUGIN(seat->generation, fire(fire_arg));
    seat_weigh(seat);
}

struct rider_timer *host_after(const struct rider_host *host, uint32_t delay, void (*fire)(void *),
                               void *arg)
{
    struct seat *seat = (struct seat *)(uintptr_t)host;
    struct rider_timer *timer;

    if (!seat->session || !fire) {
        seat_log(seat, LOG_LEVEL_WARN, "the plugin asked for a timer where there can be none");
        return NULL;
    }
    timer = mem_new(sizeof(*timer));
    timer->seat = seat;
    timer->fire = fire;
    timer->arg = arg;
    timer->timer = loop_timer_new(seat_set(seat)->loop, fired, timer);
    list_add(&seat->timers, &timer->node);
    handle_add(timer, HANDLE_TIMER);
    loop_timer_at(timer->timer, clock_wall() + delay);
    seat_weigh(seat);
    return timer;
}

void timer_free(struct rider_timer *timer)
{
    handle_drop(timer);
    list_remove(&timer->node);
    loop_timer_free(timer->timer);
    free(timer);
}

void host_forget(struct rider_timer *timer)
{
    struct seat *seat;

    if (handle_of(timer) != HANDLE_TIMER) /* NULL, or it has fired: both are fine */
        return;
    seat = timer->seat;
    timer_free(timer);
    seat_weigh(seat);
}
