/* unit/net/loop.c: posts, timers on both clocks, work, descriptors, signals, rest, watchdog. */
#include "net/loop.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/watchdog.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct loop *loop;

static int setup(void **state)
{
    (void)state;
    clock_set_offset(0);
    loop = loop_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    clock_set_offset(0);
    return 0;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static bool is_set(void *arg)
{
    return *(int *)arg > 0;
}

static void add_one(void *arg)
{
    ++*(int *)arg;
}

/* -- posts ---------------------------------------------------------------------------- */
enum { POSTERS = 4, POSTS = 5000 };
static int next_of[POSTERS], posted, out_of_order;

static void take_post(void *arg)
{
    int id = (int)(intptr_t)arg;

    if (next_of[id / POSTS]++ != id % POSTS)
        out_of_order++;
    posted++;
}

static void *post_many(void *arg)
{
    int poster = (int)(intptr_t)arg;

    for (int i = 0; i < POSTS; i++)
        loop_post(loop, take_post, (void *)(intptr_t)(poster * POSTS + i));
    return NULL;
}

static bool all_posted(void *arg)
{
    (void)arg;
    return posted == POSTERS * POSTS;
}

static void test_posts_from_threads(void **state)
{
    pthread_t threads[POSTERS];

    (void)state;
    for (int i = 0; i < POSTERS; i++)
        pthread_create(&threads[i], NULL, post_many, (void *)(intptr_t)i);
    assert_true(loop_run_until(loop, 10000, all_posted, NULL));
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(out_of_order, 0);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void test_stop(void **state)
{
    (void)state;
    loop_post(loop, stop, loop);
    loop_run(loop);
    loop_stop(loop); /* before it runs: it does not */
    loop_run(loop);
}

/* -- timers --------------------------------------------------------------------------- */
static struct timer_test {
    struct loop_timer *timer;
    char name;
} timers[5];
static char fired[32];

static void note(void *arg)
{
    struct timer_test *test = arg;

    fired[strlen(fired)] = test->name;
}

static void make_timers(void)
{
    memset(fired, 0, sizeof(fired));
    for (int i = 0; i < 5; i++) {
        timers[i].name = (char)('a' + i);
        timers[i].timer = loop_timer_new(loop, note, &timers[i]);
    }
}

static void free_timers(void)
{
    for (int i = 0; i < 5; i++)
        loop_timer_free(timers[i].timer);
}

static void test_real_timers(void **state)
{
    int64_t began = clock_monotonic();

    (void)state;
    make_timers();
    loop_timer_in(timers[0].timer, 60);
    loop_timer_in(timers[1].timer, 20);
    loop_timer_in(timers[2].timer, 0);
    loop_timer_in(timers[3].timer, 40);
    loop_timer_in(timers[4].timer, 20);
    loop_timer_in(timers[0].timer, 30); /* instead of 60 */
    loop_timer_stop(timers[3].timer);
    assert_false(loop_timer_armed(timers[3].timer));
    assert_true(loop_timer_armed(timers[4].timer));
    assert_int_equal(strlen(fired), 0);
    loop_run_until(loop, 100, never, NULL);
    assert_string_equal(fired, "cbea");
    assert_true(clock_monotonic() - began >= 100);
    free_timers();
}

static void test_many_timers(void **state)
{
    enum { MANY = 2000 };
    struct loop_timer **many = mem_array(MANY, sizeof(struct loop_timer *));
    int count = 0;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        many[i] = loop_timer_new(loop, add_one, &count);
        loop_timer_at(many[i], clock_wall() + 1000 + i * 7919 % MANY);
    }
    for (int i = 0; i < MANY; i += 2)
        loop_timer_free(many[i]);
    clock_set_offset(2000); /* those of the first second after that are due */
    loop_run_until(loop, 20, never, NULL);
    assert_in_range(count, 400, 900); /* more on a busy machine */
    clock_set_offset(86400000);
    loop_run_until(loop, 20, never, NULL);
    assert_int_equal(count, MANY / 2);
    assert_true(loop_next_wall(loop) == INT64_MAX);
    for (int i = 1; i < MANY; i += 2)
        loop_timer_free(many[i]);
    free(many);
}

static void test_wall_timers(void **state)
{
    int64_t day = 86400000, now = clock_wall();

    (void)state;
    make_timers();
    loop_timer_at(timers[0].timer, now + 3 * day);
    loop_timer_at(timers[1].timer, now + day);
    loop_timer_at(timers[2].timer, now - day);
    assert_true(loop_next_wall(loop) == now - day);
    loop_run_until(loop, 20, never, NULL);
    assert_string_equal(fired, "c");
    assert_true(loop_next_wall(loop) == now + day);
    clock_set_offset(day + 1000);
    loop_run_until(loop, 20, never, NULL);
    assert_string_equal(fired, "cb");
    clock_set_offset(0); /* back: not yet, again */
    loop_run_until(loop, 20, never, NULL);
    clock_set_offset(3 * day - 30); /* and the rest passes by itself */
    loop_run_until(loop, 200, never, NULL);
    assert_string_equal(fired, "cba");
    free_timers();
}

static void again(void *arg) /* arms itself for a moment that has passed */
{
    note(arg);
    if (strlen(fired) < 6)
        loop_timer_at(((struct timer_test *)arg)->timer, 0);
    else
        loop_timer_free(timers[1].timer); /* due in this same turn: must not fire */
}

static void test_timers_in_timers(void **state)
{
    (void)state;
    make_timers();
    loop_timer_free(timers[0].timer);
    timers[0].timer = loop_timer_new(loop, again, &timers[0]);
    loop_timer_at(timers[0].timer, 0);
    loop_timer_at(timers[2].timer, 5); /* not starved by the first */
    loop_run_until(loop, 20, never, NULL);
    assert_string_equal(fired, "acaaaa");

    loop_timer_at(timers[0].timer, 0);
    timers[1].timer = loop_timer_new(loop, note, &timers[1]);
    loop_timer_at(timers[1].timer, 1);
    loop_run_until(loop, 20, never, NULL);
    assert_string_equal(fired, "acaaaaa");
    timers[1].timer = NULL;
    free_timers();
}

/* -- work, descriptors, signals ------------------------------------------------------- */
static pthread_t worker;

static void work(void *arg)
{
    (void)arg;
    worker = pthread_self();
    usleep(20000);
}

static void test_work(void **state)
{
    int count = 0;

    (void)state;
    loop_work(loop, work, add_one, &count);
    assert_int_equal(loop_busy_count(loop), 1);
    assert_int_equal(count, 0);
    assert_true(loop_run_until(loop, 5000, is_set, &count));
    assert_int_equal(loop_busy_count(loop), 0);
    assert_false(pthread_equal(worker, pthread_self()));
}

static int pipes[2], seen_events;

static void readable(void *arg, int events)
{
    char byte;

    seen_events = events;
    if (read(pipes[0], &byte, 1) == 1)
        add_one(arg);
}

static void test_watch(void **state)
{
    struct loop_watch *watch;
    FILE *file = tmpfile();
    int count = 0;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    watch = loop_fd_watch(loop, pipes[0], LOOP_READABLE, readable, &count);
    loop_run_until(loop, 20, is_set, &count);
    assert_int_equal(count, 0);
    assert_int_equal(write(pipes[1], "ab", 2), 2);
    loop_run_until(loop, 20, never, NULL);
    assert_int_equal(count, 2);
    assert_int_equal(seen_events, LOOP_READABLE);
    loop_watch_events(watch, 0);
    assert_int_equal(write(pipes[1], "c", 1), 1);
    loop_run_until(loop, 20, never, NULL);
    assert_int_equal(count, 2);
    loop_watch_free(watch);
    assert_null(loop_fd_watch(loop, fileno(file), LOOP_READABLE, readable, &count));
    fclose(file);
    close(pipes[0]);
    close(pipes[1]);
}

static void got_signal(void *arg, int signum)
{
    *(int *)arg = signum;
}

static void test_signals(void **state)
{
    int signum = 0;

    (void)state;
    assert_int_equal(loop_on_signal(loop, SIGHUP, got_signal, &signum), 0);
    assert_true(loop_on_signal(loop, SIGKILL, got_signal, &signum) < 0);
    kill(getpid(), SIGHUP);
    assert_true(loop_run_until(loop, 1000, is_set, &signum));
    assert_int_equal(signum, SIGHUP);
}

/* -- rest ----------------------------------------------------------------------------- */
static struct {
    int idle, busy;
    bool last;
} rest;

static void rested(void *arg, bool idle)
{
    (void)arg;
    rest.last = idle;
    if (idle)
        rest.idle++;
    else
        rest.busy++;
}

static void test_rest(void **state)
{
    struct loop_watch *watch;
    int count = 0;

    (void)state;
    memset(&rest, 0, sizeof(rest));
    loop_on_rest(loop, rested, NULL);
    loop_run_until(loop, 20, never, NULL);
    assert_true(rest.idle > 0);
    assert_int_equal(rest.busy, 0);

    loop_busy(loop, 1);
    rest.idle = 0;
    loop_run_until(loop, 20, never, NULL);
    assert_int_equal(rest.idle, 0);
    assert_true(rest.busy > 0);
    loop_busy(loop, -1);
    loop_run_until(loop, 20, never, NULL);
    assert_true(rest.idle > 0);

    /* what is readable already comes before rest */
    assert_int_equal(pipe(pipes), 0);
    watch = loop_fd_watch(loop, pipes[0], LOOP_READABLE, readable, &count);
    assert_int_equal(write(pipes[1], "a", 1), 1);
    rest.idle = 0;
    loop_post(loop, add_one, &(int){0});
    while (!count && !rest.idle)
        loop_run_until(loop, 1, is_set, &count);
    assert_int_equal(count, 1);
    assert_int_equal(rest.idle, 0);
    loop_on_rest(loop, NULL, NULL);
    loop_watch_free(watch);
    close(pipes[0]);
    close(pipes[1]);
}

/* -- watchdog ------------------------------------------------------------------------- */
static void hang(void *arg)
{
    (void)arg;
    for (;;)
        pause();
}

static void test_watchdog_bites(void **state)
{
    int output[2], status;
    char said[512] = "";
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(output), 0);
    pid = fork();
    if (pid == 0) {
        struct loop *own = loop_new();
        struct watchdog *watchdog;

        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        dup2(output[1], 2);
        watchdog = watchdog_start(own, 1);
        watchdog_note(watchdog, "gmail.so");
        loop_run_until(own, 1500, never, NULL); /* turning: nothing happens */
        fprintf(stderr, "so far so good\n");
        loop_post(own, hang, NULL);
        loop_run(own);
        _exit(0);
    }
    close(output[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(read(output[0], said, sizeof(said) - 1) > 0);
    close(output[0]);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_memory_equal(said, "so far so good\n", 15);
    assert_non_null(strstr(said, "has not turned for 1 s, last seen in gmail.so"));
}

static void test_watchdog_stops(void **state)
{
    struct watchdog *watchdog = watchdog_start(loop, 30);
    int64_t began = clock_monotonic();

    (void)state;
    loop_run_until(loop, 20, never, NULL);
    watchdog_stop(watchdog);
    assert_in_range(clock_monotonic() - began, 20, 2000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_watchdog_bites), /* forks: while there is one thread */
        TEST(test_posts_from_threads),
        TEST(test_stop),
        TEST(test_real_timers),
        TEST(test_many_timers),
        TEST(test_wall_timers),
        TEST(test_timers_in_timers),
        TEST(test_work),
        TEST(test_watch),
        TEST(test_signals),
        TEST(test_rest),
        TEST(test_watchdog_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
