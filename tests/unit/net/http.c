/* unit/net/http.c: requests against a server that misbehaves; nothing is sent twice. */
#include "net/http.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <signal.h>
#include <stddef.h>
#include <cmocka.h>

static struct {
    char dir[64];
    pid_t pid;
    int plain, tls, to_server;
} server;
static struct loop *loop;
static struct http_client *client;

/* -- the server ----------------------------------------------------------------------- */
static void make_certificates(void)
{
    auto_free char *command = mem_printf(
        "cd %s && exec 2>/dev/null && openssl req -x509 -newkey ec -pkeyopt "
        "ec_paramgen_curve:P-256 -nodes -keyout key.pem -out ca.pem -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost && cat key.pem ca.pem >server.pem",
        server.dir);

    assert_int_equal(system(command), 0);
}

static int start_server(void **state)
{
    int from[2], to[2];
    char line[64] = "";
    FILE *said;

    (void)state;
    strcpy(server.dir, "/tmp/postrider-http-XXXXXX");
    assert_non_null(mkdtemp(server.dir));
    make_certificates();
    assert_int_equal(pipe(from), 0);
    assert_int_equal(pipe(to), 0);
    server.pid = fork();
    if (server.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        execlp("python3", "python3", SOURCE_DIR "/tests/unit/net/server.py", server.dir, NULL);
        _exit(127);
    }
    close(from[1]);
    close(to[0]);
    server.to_server = to[1];
    said = fdopen(from[0], "r");
    assert_non_null(fgets(line, sizeof(line), said));
    fclose(said);
    assert_int_equal(sscanf(line, "%d %d", &server.plain, &server.tls), 2);
    return 0;
}

static int stop_server(void **state)
{
    auto_free char *command = mem_printf("rm -rf %s", server.dir);

    (void)state;
    close(server.to_server);
    kill(server.pid, SIGKILL);
    waitpid(server.pid, NULL, 0);
    return system(command);
}

/* -- a request and its end ------------------------------------------------------------ */
struct outcome {
    int dones, status, began;
    bool sent;
    char *error;
    struct buf headers, body;
};

static void done(void *arg, const struct http_response *response)
{
    struct outcome *outcome = arg;

    outcome->dones++;
    outcome->status = response->status;
    outcome->began = response->began;
    outcome->sent = response->sent;
    outcome->error = mem_str(response->error);
    buf_add(&outcome->headers, response->headers.data, response->headers.len);
    buf_add(&outcome->body, response->body.data, response->body.len);
}

static bool is_done(void *arg)
{
    return ((struct outcome *)arg)->dones > 0;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void forget(struct outcome *outcome)
{
    free(outcome->error);
    buf_finish(&outcome->headers);
    buf_finish(&outcome->body);
    *outcome = (struct outcome){0};
}

static char *url_of(const char *path)
{
    return mem_printf("http://127.0.0.1:%d%s", server.plain, path);
}

static void ask(struct outcome *outcome, const struct http_request *request)
{
    forget(outcome);
    http_start(client, request, done, outcome);
    assert_int_equal(outcome->dones, 0); /* never before http_start returns */
    assert_int_equal(loop_busy_count(loop), 1);
    assert_true(loop_run_until(loop, 10000, is_done, outcome));
    assert_int_equal(loop_busy_count(loop), 0);
}

static void ask_path(struct outcome *outcome, const char *method, const char *path, bool replayable)
{
    auto_free char *url = url_of(path);

    ask(outcome, &(struct http_request){.method = method, .url = url, .replayable = replayable});
}

static int count(const char *path)
{
    auto_free char *asked = mem_printf("/count?%s", path);
    struct outcome outcome = {0};
    int number;

    ask_path(&outcome, "GET", asked, true);
    assert_int_equal(outcome.status, 200);
    number = atoi(buf_text(&outcome.body));
    forget(&outcome);
    return number;
}

static int setup(void **state)
{
    auto_free char *origin = url_of("");
    auto_free char *ca = mem_printf("%s/ca.pem", server.dir);
    struct buf error = {0};

    (void)state;
    loop = loop_new();
    client = http_client_new(loop, &(struct http_options){.ca_file = ca}, &error);
    assert_non_null(client);
    assert_int_equal(http_allow_plain(client, origin), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_client_free(client);
    assert_int_equal(loop_busy_count(loop), 0);
    loop_free(loop);
    return 0;
}

/* -- what is sent, what comes back ---------------------------------------------------- */
static void test_sends_what_was_asked(void **state)
{
    auto_free char *url = url_of("/echo?q=1");
    struct outcome got = {0};
    struct bytes value;

    (void)state;
    ask(&got, &(struct http_request){
                  .method = "POST",
                  .url = url,
                  .headers = (const char *[]){"Content-Type: application/json", "X-Empty:", NULL},
                  .authorization = "Bearer ya29.canary",
                  .body = {"{\"a\":1}", 7},
              });
    assert_int_equal(got.status, 200);
    assert_int_equal(got.began, 200);
    assert_true(got.sent);
    assert_null(got.error);
    assert_non_null(strstr(got.body.data, "POST\r\n"));
    assert_non_null(strstr(got.body.data, "\r\nAuthorization: Bearer ya29.canary\r\n"));
    assert_non_null(strstr(got.body.data, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(got.body.data, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(got.body.data, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(got.body.data, "Accept-Encoding"));
    assert_null(strstr(got.body.data, "Expect"));
    value = http_header(buf_bytes(&got.headers), "retry-after");
    assert_int_equal(value.len, 1);
    assert_memory_equal(value.data, "7", 1);
    assert_null(http_header(buf_bytes(&got.headers), "Retry").data);

    /* nothing of it clings to the handle, which is used again */
    ask_path(&got, "GET", "/echo", true);
    assert_memory_equal(got.body.data, "GET\r\n", 5);
    assert_null(strstr(got.body.data, "Bearer"));
    assert_null(strstr(got.body.data, "Content-Type"));
    assert_memory_equal(http_header(buf_bytes(&got.headers), "X-Number").data, "2", 1);
    ask_path(&got, "POST", "/echo", false);
    assert_null(strstr(got.body.data, "Content-Type")); /* not taken for a form */
    assert_non_null(strstr(got.body.data, "Content-Length: 0\r\n"));
    ask_path(&got, "DELETE", "/echo", false);
    assert_memory_equal(got.body.data, "DELETE\r\n", 8);
    ask_path(&got, "HEAD", "/echo", true);
    assert_int_equal(got.status, 200);
    assert_int_equal(got.body.len, 0);
    ask_path(&got, "PATCH", "/echo", true);
    assert_memory_equal(got.body.data, "PATCH\r\n", 7);
    forget(&got);
}

static void test_wide_answers(void **state)
{
    struct outcome got = {0};

    (void)state;
    ask_path(&got, "GET", "/early", true);
    assert_int_equal(got.status, 200);
    assert_null(http_header(buf_bytes(&got.headers), "x-early").data);
    ask_path(&got, "POST", "/nothing", false);
    assert_int_equal(got.status, 202);
    ask_path(&got, "POST", "/401", false);
    assert_int_equal(got.status, 401);
    assert_string_equal(buf_text(&got.body), "no");
    ask_path(&got, "GET", "/redirect", true);
    assert_int_equal(got.status, 302);
    assert_int_equal(count("/target"), 0);
    ask_path(&got, "GET", "/garbage", true);
    assert_int_equal(got.status, 0);
    assert_true(got.sent);
    forget(&got);
}

/* -- once, or not at all -------------------------------------------------------------- */
static void test_kept_connection_dies(void **state)
{
    struct outcome got = {0};
    struct http_stats stats;
    int before;

    (void)state;
    ask_path(&got, "GET", "/echo", true); /* a connection to keep */
    before = count("/die");
    ask_path(&got, "POST", "/die", false);
    assert_int_equal(got.status, 0);
    assert_int_equal(got.began, 0);
    assert_true(got.sent);
    assert_non_null(strstr(got.error, "may not be sent twice"));
    assert_int_equal(count("/die"), before + 1);
    http_get_stats(client, &stats);
    assert_int_equal(stats.refused_second_try, 1);

    ask_path(&got, "GET", "/die-once", true); /* this one may be repeated, and is */
    assert_int_equal(got.status, 200);
    assert_int_equal(count("/die-once"), 2);
    forget(&got);
}

static void test_nothing_sent(void **state)
{
    auto_free char *other = mem_printf("http://127.0.0.1:%d/echo", server.plain + 1);
    struct outcome got = {0};
    const char *const bad[][2] = {
        {"http://127.0.0.2:1/", "plain http is refused"},
        {"ftp://localhost/", "no https URL"},
        {"https://ana:canary@localhost/", "nothing was sent"},
        {"https://localhost:1/?token=canary", "nothing was sent"},
        {"https://name.invalid/", "check the host's name"},
        {"https://a b/", "nothing was sent"},
        {"nonsense", "no https URL"},
        {"", "no https URL"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ask(&got, &(struct http_request){.method = "POST", .url = bad[i][0]});
        assert_int_equal(got.status, 0);
        assert_false(got.sent);
        assert_non_null(strstr(got.error, bad[i][1]));
        assert_null(strstr(got.error, "canary"));
    }
    ask(&got, &(struct http_request){.method = "POST", .url = other});
    assert_non_null(strstr(got.error, "plain http is refused"));
    forget(&got);
}

static void test_headers_are_checked(void **state)
{
    static const char *const bad[] = {"X-A: b\r\nX-C: d",    "no colon",         ": empty",
                                      "Bad Name: x",         "authorization: x", "Host: x",
                                      "Expect: 100-continue"};
    auto_free char *url = url_of("/checked");
    struct outcome got = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ask(&got, &(struct http_request){
                      .method = "GET", .url = url, .headers = (const char *[]){bad[i], NULL}});
        assert_int_equal(got.status, 0);
        assert_false(got.sent);
    }
    ask(&got, &(struct http_request){.method = "G ET", .url = url});
    assert_false(got.sent);
    ask(&got, &(struct http_request){.method = "GET", .url = url, .authorization = "a\nb: c"});
    assert_false(got.sent);
    assert_int_equal(count("/checked"), 0);
    forget(&got);
}

/* -- limits --------------------------------------------------------------------------- */
static void test_too_slow(void **state)
{
    auto_free char *hang = url_of("/hang");
    auto_free char *drip = url_of("/drip");
    struct outcome got = {0};
    int64_t began = clock_monotonic();

    (void)state;
    ask(&got, &(struct http_request){.method = "POST", .url = hang, .timeout_ms = 300});
    assert_int_equal(got.status, 0);
    assert_true(got.sent);
    assert_non_null(strstr(got.error, "no whole answer within 0.3 s"));
    ask(&got, &(struct http_request){.method = "POST", .url = drip, .timeout_ms = 300});
    assert_int_equal(got.status, 0);
    assert_int_equal(got.began, 200);
    assert_in_range(clock_monotonic() - began, 600, 5000);
    forget(&got);
}

static void test_too_big(void **state)
{
    auto_free char *big = url_of("/big");
    struct outcome got = {0};

    (void)state;
    ask(&got, &(struct http_request){.method = "GET", .url = big, .body_limit = 100000});
    assert_int_equal(got.status, 200);
    assert_int_equal(got.body.len, 100000);
    ask(&got, &(struct http_request){.method = "GET", .url = big, .body_limit = 99999});
    assert_int_equal(got.status, 0);
    assert_int_equal(got.began, 200);
    assert_non_null(strstr(got.error, "over 99999 bytes"));
    ask_path(&got, "GET", "/headers", true);
    assert_int_equal(got.status, 0);
    assert_non_null(strstr(got.error, "over 64 KiB"));
    ask_path(&got, "POST", "/cut", false);
    assert_int_equal(got.status, 0);
    assert_int_equal(got.began, 201);
    assert_true(got.sent);
    forget(&got);
}

static void test_abort(void **state)
{
    auto_free char *url = url_of("/hang");
    struct http_request request = {.method = "POST", .url = url};
    struct outcome got = {0};
    struct http_stats stats;
    struct http_call *call;

    (void)state;
    assert_false(http_abort(http_start(client, &request, done, &got)));
    request.url = "nonsense";
    assert_false(http_abort(http_start(client, &request, done, &got)));
    request.url = url;
    call = http_start(client, &request, done, &got);
    loop_run_until(loop, 300, never, NULL);
    assert_true(http_sent(call));
    assert_true(http_abort(call));
    loop_run_until(loop, 100, never, NULL);
    assert_int_equal(got.dones, 0);
    assert_int_equal(loop_busy_count(loop), 0);
    http_get_stats(client, &stats);
    assert_int_equal(stats.aborted, 3);
    assert_int_equal(stats.in_flight + stats.waiting, 0);
}

static void test_free_under_way(void **state)
{
    auto_free char *url = url_of("/hang");
    struct outcome got = {0};

    (void)state;
    for (int i = 0; i < 5; i++)
        http_start(client, &(struct http_request){.method = "GET", .url = url}, done, &got);
    loop_run_until(loop, 50, never, NULL);
    assert_int_equal(got.dones, 0); /* and teardown frees it: no done, no leak, not busy */
}

static bool all_done(void *arg)
{
    return ((struct outcome *)arg)->dones == 200;
}

static void only_count(void *arg, const struct http_response *response)
{
    struct outcome *outcome = arg;

    assert_int_equal(response->status, 200);
    outcome->dones++;
}

static void test_more_than_in_flight(void **state)
{
    auto_free char *ca = mem_printf("%s/ca.pem", server.dir);
    auto_free char *url = url_of("/ok");
    struct outcome got = {0};
    struct http_stats stats;
    struct buf error = {0};

    (void)state;
    http_client_free(client);
    client = http_client_new(loop, &(struct http_options){.ca_file = ca, .in_flight = 10}, &error);
    assert_int_equal(http_allow_plain(client, url), -22); /* no origin, a URL */
    url[strlen(url) - 2] = '\0';
    assert_int_equal(http_allow_plain(client, url), 0);
    for (int i = 0; i < 200; i++)
        http_start(client, &(struct http_request){.method = "GET", .url = url}, only_count, &got);
    http_get_stats(client, &stats);
    assert_int_equal(stats.in_flight, 10);
    assert_int_equal(stats.waiting, 190);
    assert_true(loop_run_until(loop, 10000, all_done, &got));
}

/* -- TLS and origins ------------------------------------------------------------------ */
static void test_tls(void **state)
{
    auto_free char *url = mem_printf("https://localhost:%d/echo", server.tls);
    auto_free char *wrong_name = mem_printf("https://127.0.0.1:%d/tls-wrong", server.tls);
    auto_free char *wrong_ca = mem_printf("https://localhost:%d/tls-wrong", server.tls);
    auto_free char *no_tls = mem_printf("https://localhost:%d/tls-wrong", server.plain);
    struct outcome got = {0};
    struct buf error = {0};

    (void)state;
    ask(&got, &(struct http_request){.method = "POST", .url = url});
    assert_int_equal(got.status, 200);
    ask(&got, &(struct http_request){.method = "POST", .url = wrong_name});
    assert_int_equal(got.status, 0);
    assert_false(got.sent);
    assert_non_null(strstr(got.error, "certificate"));
    ask(&got, &(struct http_request){.method = "POST", .url = no_tls, .timeout_ms = 2000});
    assert_int_equal(got.status, 0);
    assert_false(got.sent);

    http_client_free(client);
    client = http_client_new(loop, NULL, &error); /* the machine's own CAs don't know ours */
    assert_non_null(client);
    ask(&got, &(struct http_request){.method = "POST", .url = wrong_ca});
    assert_int_equal(got.status, 0);
    assert_false(got.sent);
    assert_non_null(strstr(got.error, "CA file"));
    forget(&got);
}

static void test_no_ca_file(void **state)
{
    struct buf error = {0};

    (void)state;
    assert_null(
        http_client_new(loop, &(struct http_options){.ca_file = "/nonexistent/ca.pem"}, &error));
    assert_non_null(strstr(error.data, "/nonexistent/ca.pem"));
    buf_finish(&error);
}

static void test_origins(void **state)
{
    static const char *const same[][2] = {
        {"https://Gmail.googleapis.com/gmail/v1?x", "https://gmail.googleapis.com:443"},
        {"https://gmail.googleapis.com:443", "https://gmail.googleapis.com:443"},
        {"http://127.0.0.1:4010/x", "http://127.0.0.1:4010"},
        {"https://[::1]:8443/", "https://[::1]:8443"},
    };
    static const char *const none[] = {"ftp://a/", "https://u@a/", "a",
                                       "",         "https://a b/", "https://a\n/"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        auto_free char *origin = http_origin(same[i][0]);

        assert_string_equal(origin, same[i][1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_null(http_origin(none[i]));
    assert_true(http_origin_is_loopback("https://localhost:1"));
    assert_true(http_origin_is_loopback("http://127.9.9.9"));
    assert_true(http_origin_is_loopback("https://[::1]:8443/"));
    assert_false(http_origin_is_loopback("https://127.0.0.1.acme.example"));
    assert_false(http_origin_is_loopback("https://localhost.acme.example"));
    assert_false(http_origin_is_loopback("https://10.0.0.1"));
    assert_int_equal(http_allow_plain(client, "http://acme.example"), -22);
    assert_int_equal(http_allow_plain(client, "https://127.0.0.1:1"), -22);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sends_what_was_asked),
        TEST(test_wide_answers),
        TEST(test_kept_connection_dies),
        TEST(test_nothing_sent),
        TEST(test_headers_are_checked),
        TEST(test_too_slow),
        TEST(test_too_big),
        TEST(test_abort),
        TEST(test_free_under_way),
        TEST(test_more_than_in_flight),
        TEST(test_tls),
        TEST(test_no_ca_file),
        TEST(test_origins),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
