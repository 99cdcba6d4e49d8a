/* net/timer.c: timers on real time and on wall time, which may be virtual. */
#include "net/loop_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>

struct loop_timer {
    struct list node; /* of `firing` */
    struct loop *loop;
    struct loop_timers *timers; /* the heap it is in; NULL: in none */
    size_t slot;
    int64_t due;
    uint64_t order;
    void (*fn)(void *arg);
    void *arg;
};

/* -- the heap ------------------------------------------------------------------------- */
static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void place(struct loop_timers *timers, size_t slot, struct loop_timer *timer)
{
    timers->slots[slot] = timer;
    timer->slot = slot;
}

static void sift_up(struct loop_timers *timers, size_t slot, struct loop_timer *timer)
{
    for (; slot; slot = (slot - 1) / 2) {
        struct loop_timer *parent = timers->slots[(slot - 1) / 2];

        if (!before(timer, parent))
            break;
        place(timers, slot, parent);
    }
    place(timers, slot, timer);
}

static void sift_down(struct loop_timers *timers, size_t slot, struct loop_timer *timer)
{
    for (;;) {
        size_t child = 2 * slot + 1;

        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && before(timers->slots[child + 1], timers->slots[child]))
            child++;
        if (!before(timers->slots[child], timer))
            break;
        place(timers, slot, timers->slots[child]);
        slot = child;
    }
    place(timers, slot, timer);
}

static void heap_add(struct loop_timers *timers, struct loop_timer *timer)
{
    if (timers->count == timers->room) {
        timers->room = timers->room ? 2 * timers->room : 64;
        timers->slots = mem_grow(timers->slots, timers->room, sizeof(struct loop_timer *));
    }
    timer->timers = timers;
    timer->order = ++timers->order;
    sift_up(timers, timers->count++, timer);
}

static void heap_remove(struct loop_timers *timers, struct loop_timer *timer)
{
    size_t slot = timer->slot;
    struct loop_timer *last = timers->slots[--timers->count];

    timer->timers = NULL;
    if (last == timer)
        return;
    if (slot && before(last, timers->slots[(slot - 1) / 2]))
        sift_up(timers, slot, last);
    else
        sift_down(timers, slot, last);
}

/* -- the uv timer --------------------------------------------------------------------- */
/* All that are due come off the heap before the first is called, so that one which arms itself
 * for a moment that has passed can't starve the rest. */
static void fire(uv_timer_t *handle)
{
    struct loop_timers *timers = handle->data;
    int64_t now = timers->now();

    while (timers->count && timers->slots[0]->due <= now) {
        struct loop_timer *timer = timers->slots[0];

        heap_remove(timers, timer);
        list_add(&timers->firing, &timer->node);
    }
    timers->is_firing = true;
    while (!list_empty(&timers->firing)) {
        struct loop_timer *timer = LIST_ENTRY(timers->firing.next, struct loop_timer, node);

        list_remove(&timer->node);
        timers->loop->happened++;
        timer->fn(timer->arg);
    }
    timers->is_firing = false;
    loop_timers_arm(timers);
}

void loop_timers_arm(struct loop_timers *timers)
{
    int64_t wait;

    if (timers->is_firing)
        return; /* armed when all have been called */
    if (!timers->count) {
        uv_timer_stop(&timers->uv);
        return;
    }
    wait = timers->slots[0]->due - timers->now();
    wait = wait < 0 ? 0 : wait > timers->longest ? timers->longest : wait;
    uv_update_time(&timers->loop->uv);
    uv_timer_start(&timers->uv, fire, (uint64_t)wait, 0);
}

void loop_timers_init(struct loop_timers *timers, struct loop *loop, int64_t (*now)(void),
                      int64_t longest)
{
    timers->loop = loop;
    timers->now = now;
    timers->longest = longest;
    list_init(&timers->firing);
    uv_timer_init(&loop->uv, &timers->uv);
    timers->uv.data = timers;
}

void loop_timers_finish(struct loop_timers *timers)
{
    assert(!timers->count); /* whoever made a timer frees it before the loop */
    free(timers->slots);
}

/* -- what others call ----------------------------------------------------------------- */
struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *timer = mem_new(sizeof(*timer));

    list_init(&timer->node);
    timer->loop = loop;
    timer->fn = fn;
    timer->arg = arg;
    return timer;
}

static void arm(struct loop_timer *timer, struct loop_timers *timers, int64_t due)
{
    struct loop_timer *first = timers->count ? timers->slots[0] : NULL;

    if (timer->timers && timer->timers != timers)
        loop_timer_stop(timer);
    if (timer->timers)
        heap_remove(timers, timer);
    list_remove(&timer->node);
    timer->due = due;
    heap_add(timers, timer);
    if (timers->slots[0] != first || first == timer)
        loop_timers_arm(timers);
}

/* Never early, though the clock rounds down: libcurl would find nothing to do, and then not ask
 * for the same moment again. */
void loop_timer_in(struct loop_timer *timer, int64_t ms)
{
    arm(timer, &timer->loop->real, clock_monotonic() + (ms > 0 ? ms + 1 : 0));
}

void loop_timer_at(struct loop_timer *timer, int64_t wall_ms)
{
    timer->loop->happened++; /* `next` may have changed */
    arm(timer, &timer->loop->wall, wall_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
    struct loop_timers *timers = timer->timers;
    bool was_first;

    list_remove(&timer->node);
    if (!timers)
        return;
    was_first = timer->slot == 0;
    heap_remove(timers, timer);
    timer->loop->happened++;
    if (was_first)
        loop_timers_arm(timers);
}

bool loop_timer_armed(const struct loop_timer *timer)
{
    return timer->timers || !list_empty(&timer->node);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    loop_timer_stop(timer);
    free(timer);
}

int64_t loop_next_wall(const struct loop *loop)
{
    return loop->wall.count ? loop->wall.slots[0]->due : INT64_MAX;
}
