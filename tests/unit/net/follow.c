/* unit/net/follow.c: what we and the sandbox's clock say to each other, against a clock of our
 * own in a thread. */
#include "net/follow.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64], path[96];
static int listener, conn = -1;
static const char *greeting;
static struct loop *loop;

static int setup(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)state;
    clock_set_offset(0);
    strcpy(dir, "/tmp/postrider-follow-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/clock.sock", dir);
    strcpy(address.sun_path, path);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    loop = loop_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    close(listener);
    if (conn >= 0)
        close(conn);
    conn = -1;
    unlink(path);
    rmdir(dir);
    clock_set_offset(0);
    return 0;
}

static void *greet(void *arg)
{
    (void)arg;
    conn = accept(listener, NULL, NULL);
    if (greeting) {
        size_t half = strlen(greeting) / 2;

        assert_true(write(conn, greeting, half) > 0); /* a line may come in pieces */
        usleep(20000);
        assert_true(write(conn, greeting + half, strlen(greeting) - half) > 0);
    }
    return NULL;
}

static int connect_greeted(const char *text, struct buf *error, struct follow **follow_r)
{
    pthread_t thread;
    int r;

    greeting = text;
    pthread_create(&thread, NULL, greet, NULL);
    r = follow_connect(loop, path, error, follow_r);
    pthread_join(thread, NULL);
    return r;
}

static bool heard(void *arg)
{
    struct pollfd poller = {.fd = conn, .events = POLLIN};

    (void)arg;
    return poll(&poller, 1, 0) == 1;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

/* What we said since the last time, after `ms` more of the loop. */
static const char *hear(int64_t ms)
{
    static char said[512];
    ssize_t len;

    loop_run_until(loop, ms, never, NULL);
    if (!heard(NULL))
        return "";
    len = read(conn, said, sizeof(said) - 1);
    assert_true(len >= 0);
    said[len] = '\0';
    return said;
}

static void say(int64_t offset, int jump)
{
    auto_free char *line = mem_printf("{\"offset\": %" PRId64 ", \"jump\": %d}\n", offset, jump);

    assert_int_equal(write(conn, line, strlen(line)), strlen(line));
}

static void add_one(void *arg)
{
    ++*(int *)arg;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void test_conversation(void **state)
{
    struct buf error = {0};
    struct follow *follow = NULL;
    struct loop_timer *timer;
    int64_t due;
    int count = 0;

    (void)state;
    assert_int_equal(connect_greeted("{\"jump\": 7, \"offset\": 86400000}\n", &error, &follow), 0);
    assert_true(clock_offset() == 86400000); /* before anything else runs */
    assert_string_equal(hear(30), "{\"idle\": true, \"jump\": 7, \"next\": null}\n");
    assert_string_equal(hear(30), ""); /* changes only */

    timer = loop_timer_new(loop, add_one, &count);
    due = clock_wall() + 3 * (int64_t)86400000;
    loop_timer_at(timer, due);
    {
        auto_free char *expected =
            mem_printf("{\"idle\": true, \"jump\": 7, \"next\": %" PRId64 "}\n", due);

        assert_string_equal(hear(30), expected);
    }
    loop_busy(loop, 1);
    assert_string_equal(hear(30), "{\"idle\": false}\n");
    loop_busy(loop, -1);
    assert_non_null(strstr(hear(30), "\"idle\": true, \"jump\": 7"));

    say(4 * (int64_t)86400000, 8); /* past the timer: it fires, then we rest */
    assert_string_equal(hear(50),
                        "{\"idle\": false}\n{\"idle\": true, \"jump\": 8, \"next\": null}\n");
    assert_int_equal(count, 1);
    say(4 * (int64_t)86400000 + 1, 9); /* a jump that wakes nothing is answered too */
    assert_string_equal(hear(50), "{\"idle\": true, \"jump\": 9, \"next\": null}\n");

    loop_post(loop, nothing, NULL); /* what is posted and not yet run is something */
    assert_string_equal(hear(30),
                        "{\"idle\": false}\n{\"idle\": true, \"jump\": 9, \"next\": null}\n");
    loop_timer_free(timer);
    follow_free(follow);
    buf_finish(&error);
}

static void test_lost(void **state)
{
    struct buf error = {0};
    struct follow *follow = NULL;
    int fd;

    (void)state;
    assert_int_equal(connect_greeted("{\"offset\":-5000,\"jump\":1}\n", &error, &follow), 0);
    hear(20);
    fd = conn;
    conn = -1;
    close(fd);
    loop_run_until(loop, 30, never, NULL);
    assert_true(clock_offset() == -5000);
    loop_busy(loop, 1); /* told to nobody */
    loop_run_until(loop, 30, never, NULL);
    loop_busy(loop, -1);
    follow_free(follow);
}

static void test_refusals(void **state)
{
    static const char *const bad[] = {"HTTP/1.1 400\n", "{\"offset\": \"x\", \"jump\": 1}\n",
                                      "{\"offset\": 99999999999999999999, \"jump\": 1}\n"};
    struct buf error = {0};
    struct follow *follow = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(connect_greeted(bad[i], &error, &follow), -EPROTO);
        assert_non_null(strstr(error.data, "no clock line"));
        close(conn);
        conn = -1;
        buf_finish(&error);
    }
    assert_int_equal(follow_connect(loop, "/nonexistent/clock.sock", &error, &follow), -ENOENT);
    assert_non_null(strstr(error.data, "/nonexistent/clock.sock"));
    buf_finish(&error);
    assert_int_equal(connect_greeted(NULL, &error, &follow), -ETIMEDOUT); /* says nothing */
    assert_non_null(strstr(error.data, "within 5 s"));
    buf_finish(&error);
    assert_null(follow);
    assert_true(clock_offset() == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_conversation),
        TEST(test_lost),
        TEST(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
