/* net/loop.c: the one loop: posts, signals, pool work, descriptors, busy or at rest. */
#include "net/loop_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <signal.h>

struct loop_signal {
    struct list node;
    uv_signal_t uv;
    struct loop *loop;
    void (*fn)(void *arg, int signum);
    void *arg;
};

struct loop_watch {
    uv_poll_t uv;
    struct loop *loop;
    int events;
    void (*fn)(void *arg, int events);
    void *arg;
};

struct loop_job {
    uv_work_t uv;
    struct loop *loop;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

/* A clock that somebody sets is noticed within this. */
#define WALL_LOOK_MS 60000

/* -- posts ---------------------------------------------------------------------------- */
void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&loop->lock);
    if (loop->post_count == loop->post_room) {
        loop->post_room = loop->post_room ? 2 * loop->post_room : 64;
        loop->posts = mem_grow(loop->posts, loop->post_room, sizeof(*loop->posts));
    }
    loop->posts[loop->post_count++] = (struct loop_post){fn, arg};
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

/* Those that are posted meanwhile have their turn next. */
static void run_posts(uv_async_t *handle)
{
    struct loop *loop = handle->data;
    struct loop_post *posts;
    size_t count, room;

    pthread_mutex_lock(&loop->lock);
    posts = loop->posts;
    count = loop->post_count;
    room = loop->post_room;
    loop->posts = loop->running;
    loop->post_room = loop->running_room;
    loop->post_count = 0;
    loop->running = posts;
    loop->running_room = room;
    pthread_mutex_unlock(&loop->lock);

    loop->happened += count;
    for (size_t i = 0; i < count; i++)
        posts[i].fn(posts[i].arg);
    if (atomic_load(&loop->stopping))
        uv_stop(&loop->uv);
}

static bool has_posts(struct loop *loop)
{
    bool any;

    pthread_mutex_lock(&loop->lock);
    any = loop->post_count > 0;
    pthread_mutex_unlock(&loop->lock);
    return any;
}

/* -- at rest? ------------------------------------------------------------------------- */
static void nothing(uv_idle_t *handle)
{
    (void)handle;
}

/* Before the loop sleeps. After a turn in which something happened it looks at every descriptor
 * once more without waiting, so that what is readable already is not taken for rest. */
static void before_sleep(uv_prepare_t *handle)
{
    struct loop *loop = handle->data;

    if (loop->offset_seen != clock_offset()) {
        loop->offset_seen = clock_offset();
        loop->happened++;
        loop_timers_arm(&loop->wall);
    }
    if (loop->over && loop->over(loop->over_arg))
        uv_stop(&loop->uv); /* the poll that follows does not wait */
    if (!loop->rest)
        return;
    if (loop->busy || has_posts(loop) || loop_next_wall(loop) <= clock_wall()) {
        uv_idle_stop(&loop->look_again);
        loop->rest(loop->rest_arg, false);
    } else if (loop->happened != loop->happened_seen) {
        loop->happened_seen = loop->happened;
        uv_idle_start(&loop->look_again, nothing);
    } else {
        uv_idle_stop(&loop->look_again);
        loop->rest(loop->rest_arg, true);
    }
}

void loop_on_rest(struct loop *loop, void (*fn)(void *arg, bool idle), void *arg)
{
    loop->rest = fn;
    loop->rest_arg = arg;
    loop->happened++;
    if (!fn)
        uv_idle_stop(&loop->look_again);
    uv_async_send(&loop->wake); /* so that there is a turn to end */
}

void loop_busy(struct loop *loop, int change)
{
    loop->busy += change;
    loop->happened++;
    assert(loop->busy >= 0);
}

int loop_busy_count(const struct loop *loop)
{
    return loop->busy;
}

/* -- life ----------------------------------------------------------------------------- */
struct loop *loop_new(void)
{
    struct loop *loop = mem_new(sizeof(*loop));
    int r = uv_loop_init(&loop->uv);

    if (r < 0) {
        log_error("the loop can't start: %s; raise the limits on descriptors and memory",
                  uv_strerror(r));
        abort();
    }
    signal(SIGPIPE, SIG_IGN); /* libcurl leaves that to us, with CURLOPT_NOSIGNAL */
    uv_async_init(&loop->uv, &loop->wake, run_posts);
    uv_prepare_init(&loop->uv, &loop->before_sleep);
    uv_idle_init(&loop->uv, &loop->look_again);
    loop->wake.data = loop->before_sleep.data = loop;
    uv_prepare_start(&loop->before_sleep, before_sleep);
    pthread_mutex_init(&loop->lock, NULL);
    list_init(&loop->signals);
    loop_timers_init(&loop->real, loop, clock_monotonic, INT64_MAX);
    loop_timers_init(&loop->wall, loop, clock_wall, WALL_LOOK_MS);
    loop->offset_seen = clock_offset();
    return loop;
}

static void signal_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* A mistake of whoever made it, but no reason to wait for ever at the end. */
static void close_forgotten(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (uv_is_closing(handle))
        return;
    log_error("a %s was not freed before the loop", uv_handle_type_name(handle->type));
    uv_close(handle, NULL);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    loop->rest = NULL;
    LIST_EACH_SAFE (node, &loop->signals) {
        uv_close((uv_handle_t *)&LIST_ENTRY(node, struct loop_signal, node)->uv, signal_closed);
    }
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->before_sleep, NULL);
    uv_close((uv_handle_t *)&loop->look_again, NULL);
    uv_close((uv_handle_t *)&loop->real.uv, NULL);
    uv_close((uv_handle_t *)&loop->wall.uv, NULL);
    uv_walk(&loop->uv, close_forgotten, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* work on the pool ends, handles close */
    uv_loop_close(&loop->uv);
    loop_timers_finish(&loop->real);
    loop_timers_finish(&loop->wall);
    pthread_mutex_destroy(&loop->lock);
    free(loop->posts);
    free(loop->running);
    free(loop);
}

void loop_run(struct loop *loop)
{
    while (!atomic_load(&loop->stopping))
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    atomic_store(&loop->stopping, false);
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    uv_async_send(&loop->wake);
}

static void time_is_up(void *arg)
{
    loop_stop(arg);
}

bool loop_run_until(struct loop *loop, int64_t ms, bool (*over)(void *arg), void *arg)
{
    struct loop_timer *limit = loop_timer_new(loop, time_is_up, loop);

    loop->over = over;
    loop->over_arg = arg;
    loop_timer_in(limit, ms);
    while (!over(arg) && !atomic_load(&loop->stopping))
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop_timer_free(limit);
    loop->over = NULL;
    atomic_store(&loop->stopping, false);
    return over(arg);
}

/* -- signals -------------------------------------------------------------------------- */
static void signal_came(uv_signal_t *handle, int signum)
{
    struct loop_signal *watch = handle->data;

    watch->loop->happened++;
    watch->fn(watch->arg, signum);
}

int loop_on_signal(struct loop *loop, int signum, void (*fn)(void *arg, int signum), void *arg)
{
    struct loop_signal *watch = mem_new(sizeof(*watch));
    int r;

    watch->loop = loop;
    watch->fn = fn;
    watch->arg = arg;
    uv_signal_init(&loop->uv, &watch->uv);
    watch->uv.data = watch;
    r = uv_signal_start(&watch->uv, signal_came, signum);
    if (r < 0) {
        uv_close((uv_handle_t *)&watch->uv, signal_closed);
        return r;
    }
    list_add(&loop->signals, &watch->node);
    return 0;
}

/* -- work on the pool ----------------------------------------------------------------- */
static void job_work(uv_work_t *uv)
{
    struct loop_job *job = uv->data;

    job->work(job->arg);
}

static void job_done(uv_work_t *uv, int status)
{
    struct loop_job *job = uv->data;
    struct loop *loop = job->loop;

    (void)status; /* never cancelled */
    if (job->done)
        job->done(job->arg);
    loop_busy(loop, -1);
    free(job);
}

void loop_work(struct loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    struct loop_job *job = mem_new(sizeof(*job));

    *job = (struct loop_job){.loop = loop, .work = work, .done = done, .arg = arg};
    job->uv.data = job;
    loop_busy(loop, 1);
    uv_queue_work(&loop->uv, &job->uv, job_work, job_done);
}

/* -- descriptors ---------------------------------------------------------------------- */
static void watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void watch_ready(uv_poll_t *handle, int status, int ready)
{
    struct loop_watch *watch = handle->data;
    int events = watch->events; /* of a broken descriptor, all: the caller's read will say */

    if (status >= 0)
        events =
            (ready & UV_READABLE ? LOOP_READABLE : 0) | (ready & UV_WRITABLE ? LOOP_WRITABLE : 0);
    watch->loop->happened++;
    watch->fn(watch->arg, events);
}

struct loop_watch *loop_fd_watch(struct loop *loop, int fd, int events,
                                 void (*fn)(void *arg, int events), void *arg)
{
    struct loop_watch *watch = mem_new(sizeof(*watch));

    watch->loop = loop;
    watch->fn = fn;
    watch->arg = arg;
    if (uv_poll_init(&loop->uv, &watch->uv, fd) < 0) {
        free(watch);
        return NULL;
    }
    watch->uv.data = watch;
    loop_watch_events(watch, events);
    return watch;
}

void loop_watch_events(struct loop_watch *watch, int events)
{
    int wanted =
        (events & LOOP_READABLE ? UV_READABLE : 0) | (events & LOOP_WRITABLE ? UV_WRITABLE : 0);

    watch->events = events;
    if (wanted)
        uv_poll_start(&watch->uv, wanted, watch_ready);
    else
        uv_poll_stop(&watch->uv);
}

void loop_watch_free(struct loop_watch *watch)
{
    if (!watch)
        return;
    uv_poll_stop(&watch->uv);
    uv_close((uv_handle_t *)&watch->uv, watch_closed);
}
