/* unit/net/sandbox.c: requests over HTTP/1.1 and HTTP/2 against the sandbox, which loses them in
 * every way it knows; and its clock. Whatever is lost, nothing arrives twice, and what is said
 * not to have been sent did not arrive. */
#include "net/http.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/follow.h"
#include "net/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct {
    char dir[64];
    pid_t pid;
    char h1[64], h2[64];
    int control;
} sandbox;
static struct loop *loop;
static struct http_client *client;
static uint32_t timeout_ms; /* of each send */

/* -- the sandbox ---------------------------------------------------------------------- */
static char *read_all(const char *path)
{
    struct buf text = {0};
    FILE *file = fopen(path, "r");
    size_t len;

    while (file && (len = fread(buf_reserve(&text, 65536), 1, 65536, file)) > 0)
        buf_advance(&text, len);
    if (file)
        fclose(file);
    buf_add_str(&text, "");
    return text.data ? buf_take(&text) : mem_str("");
}

static void find_text(const char *text, const char *key, char *value, size_t size)
{
    auto_free char *name = mem_printf("\"%s\"", key);
    const char *at = strstr(text, name);
    size_t len;

    assert_non_null(at);
    at = strchr(at + strlen(name), '"') + 1;
    len = strcspn(at, "\"");
    assert_true(len < size);
    memcpy(value, at, len);
    value[len] = '\0';
    for (char *from = value, *to = value; (*to = *from); from++) /* JSON's "\/" */
        to += *from != '\\';
}

static const char *tell(const char *command)
{
    static char answer[65536];
    size_t len = 0;

    assert_int_equal(write(sandbox.control, command, strlen(command)), strlen(command));
    assert_int_equal(write(sandbox.control, "\n", 1), 1);
    do {
        ssize_t part = read(sandbox.control, answer + len, sizeof(answer) - 1 - len);

        assert_true(part > 0);
        len += (size_t)part;
    } while (answer[len - 1] != '\n');
    answer[len] = '\0';
    assert_non_null(strstr(answer, "true"));
    return answer;
}

static void connect_control(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", sandbox.dir);
    sandbox.control = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(sandbox.control, (struct sockaddr *)&address, sizeof(address)), 0);
}

static int start_sandbox(void **state)
{
    auto_free char *path = NULL, *text = NULL;

    (void)state;
    strcpy(sandbox.dir, "/tmp/postrider-net-XXXXXX");
    assert_non_null(mkdtemp(sandbox.dir));
    path = mem_printf("%s/sandbox.json", sandbox.dir);
    sandbox.pid = fork();
    if (sandbox.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        assert_non_null(freopen("/dev/null", "w", stdout));
        execl(BINARY_DIR "/bin/postrider-sandbox", "postrider-sandbox", "--dir", sandbox.dir,
              "--clock", "real", NULL);
        _exit(127);
    }
    for (int i = 0; i < 500 && access(path, R_OK) < 0; i++)
        usleep(20000);
    text = read_all(path);
    find_text(text, "h1", sandbox.h1, sizeof(sandbox.h1));
    find_text(text, "h2", sandbox.h2, sizeof(sandbox.h2));
    connect_control();
    return 0;
}

static int stop_sandbox(void **state)
{
    auto_free char *command = mem_printf("rm -rf %s", sandbox.dir);

    (void)state;
    close(sandbox.control);
    kill(sandbox.pid, SIGTERM);
    waitpid(sandbox.pid, NULL, 0);
    return system(command);
}

static int received(int id)
{
    auto_free char *path = mem_printf("%s/receiver.log", sandbox.dir);
    auto_free char *text = read_all(path);
    auto_free char *mark = mem_printf("<%d>", id);
    int count = 0;

    for (const char *at = text; (at = strstr(at, mark)); at++)
        count++;
    return count;
}

static int setup(void **state)
{
    auto_free char *ca = mem_printf("%s/ca.pem", sandbox.dir);
    struct buf error = {0};

    (void)state;
    timeout_ms = 10000;
    loop = loop_new();
    client = http_client_new(loop, &(struct http_options){.ca_file = ca}, &error);
    assert_non_null(client);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tell("{\"do\": \"fault.clear\"}");
    http_client_free(client);
    assert_int_equal(loop_busy_count(loop), 0);
    loop_free(loop);
    return 0;
}

/* -- sends ---------------------------------------------------------------------------- */
struct send {
    int id, status;
    bool sent, accepted;
    int *left;
};
static int last_id;

static void sent(void *arg, const struct http_response *response)
{
    struct send *send = arg;

    send->status = response->status;
    send->sent = response->sent;
    send->accepted = response->status == 200 && response->body.len == 9 &&
                     memcmp(response->body.data, "received\n", 9) == 0;
    assert_true(response->status || response->error);
    --*send->left;
}

static void start_send(struct send *send, const char *origin, int *left)
{
    auto_free char *url = mem_printf("%s/sandbox/receive", origin);
    auto_free char *body = NULL;

    *send = (struct send){.id = ++last_id, .left = left};
    body = mem_printf("{\"kind\": \"echo\", \"say\": \"<%d>\"}", send->id);
    ++*left;
    http_start(
        client,
        &(struct http_request){
            .method = "POST", .url = url, .body = {body, strlen(body)}, .timeout_ms = timeout_ms},
        sent, send);
}

static bool none_left(void *arg)
{
    return *(int *)arg == 0;
}

static void check(const struct send *send)
{
    int count = received(send->id);

    assert_true(count <= 1);
    if (send->accepted)
        assert_int_equal(count, 1);
    if (!send->sent)
        assert_int_equal(count, 0);
}

static struct send send_one(const char *origin)
{
    struct send send;
    int left = 0;

    start_send(&send, origin, &left);
    assert_true(loop_run_until(loop, 10000, none_left, &left));
    check(&send);
    return send;
}

static void lose(const char *origin, const char *when, const char *how)
{
    auto_free char *fault = mem_printf("{\"do\": \"fault.add\", \"match\": {\"method\": \"POST\"}, "
                                       "\"when\": \"%s\", \"apply\": \"%s\", \"times\": 1}",
                                       when, how);
    struct send send;

    assert_int_equal(send_one(origin).status, 200); /* a kept connection */
    tell(fault);
    timeout_ms = strcmp(how, "hang") == 0 ? 1000 : 10000;
    send = send_one(origin);
    timeout_ms = 10000;
    assert_true(send.sent);
    if (strcmp(when, "after") == 0)
        assert_int_equal(received(send.id), 1);
    tell("{\"do\": \"fault.clear\"}");
    assert_int_equal(send_one(origin).status, 200);
}

static void test_every_loss(void **state)
{
    static const char *const how[] = {"reset",    "rst_stream", "goaway", "hang",
                                      "truncate", "garbage",    "empty"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(how); i++) {
        lose(sandbox.h1, "before", how[i]);
        lose(sandbox.h1, "after", how[i]);
        lose(sandbox.h2, "before", how[i]);
        lose(sandbox.h2, "after", how[i]);
    }
}

/* In waves, since one reset takes all that share a connection with it. */
static void storm(const char *origin)
{
    enum { WAVES = 12, WAVE = 16 };
    struct send sends[WAVES * WAVE];
    int left = 0, failed = 0;

    tell("{\"do\": \"fault.add\", \"seed\": 11, \"rate\": 0.1}");
    for (int wave = 0; wave < WAVES; wave++) {
        for (int i = 0; i < WAVE; i++)
            start_send(&sends[wave * WAVE + i], origin, &left);
        assert_true(loop_run_until(loop, 20000, none_left, &left));
    }
    tell("{\"do\": \"fault.clear\"}");
    for (size_t i = 0; i < ARRAY_LEN(sends); i++) {
        check(&sends[i]);
        failed += !sends[i].accepted;
    }
    assert_in_range(failed, 5, WAVES * WAVE - 5); /* else it was no storm */
}

static void test_storms(void **state)
{
    (void)state;
    storm(sandbox.h1);
    storm(sandbox.h2);
}

static void number_of(const char *text, const char *key, int *value_r)
{
    auto_free char *name = mem_printf("\"%s\":", key);
    const char *at = strstr(text, name);

    assert_non_null(at);
    *value_r = atoi(at + strlen(name));
}

static void test_streams_share_a_connection(void **state)
{
    struct send sends[600]; /* more than the 250 streams a connection takes, all in flight */
    int left = 0, before, after;

    (void)state;
    number_of(tell("{\"do\": \"stats\"}"), "connections", &before);
    for (size_t i = 0; i < ARRAY_LEN(sends); i++)
        start_send(&sends[i], sandbox.h2, &left);
    assert_true(loop_run_until(loop, 20000, none_left, &left));
    for (size_t i = 0; i < ARRAY_LEN(sends); i++)
        assert_true(sends[i].accepted);
    number_of(tell("{\"do\": \"stats\"}"), "connections", &after);
    assert_in_range(after - before, 1, 12);
}

/* -- its clock ------------------------------------------------------------------------ */
static struct {
    struct loop_timer *timer;
    int hops, late;
    int64_t due;
} journey;
static const int64_t three_days = 3 * (int64_t)86400000;

static void hop_again(void *arg, const struct http_response *response)
{
    (void)arg;
    assert_int_equal(response->status, 200);
    journey.due = clock_wall() + three_days;
    loop_timer_at(journey.timer, journey.due);
}

static void hop(void *arg)
{
    auto_free char *url = mem_printf("%s/sandbox/ping", sandbox.h2);

    (void)arg;
    journey.hops++;
    journey.late += clock_wall() < journey.due || clock_wall() > journey.due + 2000;
    http_start(client, &(struct http_request){.method = "GET", .url = url}, hop_again, NULL);
}

static bool arrived(void *arg)
{
    (void)arg;
    return journey.hops == 30;
}

/* Three months of a step each three days, in a moment. */
static void test_follows_the_clock(void **state)
{
    auto_free char *path = mem_printf("%s/clock.sock", sandbox.dir);
    struct follow *follow = NULL;
    struct buf error = {0};
    int64_t began = clock_monotonic(), first;

    (void)state;
    assert_int_equal(follow_connect(loop, path, &error, &follow), 0);
    first = clock_wall();
    journey.timer = loop_timer_new(loop, hop, NULL);
    journey.due = first + three_days;
    loop_timer_at(journey.timer, journey.due);
    tell("{\"do\": \"clock.mode\", \"mode\": \"fast\"}");
    assert_true(loop_run_until(loop, 10000, arrived, NULL));
    tell("{\"do\": \"clock.mode\", \"mode\": \"real\"}");
    assert_int_equal(journey.late, 0);
    assert_true(clock_wall() - first >= 30 * three_days);
    assert_true(clock_monotonic() - began < 10000);
    loop_timer_free(journey.timer);
    follow_free(follow);
    clock_set_offset(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_loss),
        TEST(test_storms),
        TEST(test_streams_share_a_connection),
        TEST(test_follows_the_clock),
    };

    if (access(BINARY_DIR "/bin/postrider-sandbox", X_OK) < 0) {
        printf("build postrider-sandbox first: ninja postrider-sandbox\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, start_sandbox, stop_sandbox);
}
