/* unit/net/stream.c: lines to mail servers: secured, logged in, read, written; refused otherwise.
 */
#include "net/stream.h"

#include "base/buf.h"
#include "base/clock.h"
#include "net/http.h"
#include "net/loop.h"
#include "../../plugins/mail_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define USER "ana@acme.example"
#define PASSWORD "open sesame"
#define TOKEN "token-good"

static struct loop *loop;
static struct http_client *client;

static const char *const names[] = {"imaps",
                                    "imap",
                                    "smtps",
                                    "smtp",
                                    "imap-nostarttls",
                                    "smtp-nostarttls",
                                    "imap-preauth",
                                    "imaps-preauth",
                                    "imap-inject",
                                    "smtp-inject",
                                    "smtps-noauth",
                                    "imaps-nosasl",
                                    "imaps-onlyxoauth2",
                                    "smtps-onlyoauthbearer",
                                    "smtps-onlycram",
                                    "imaps-silent",
                                    "imaps-refuse-mute",
                                    "imaps-echo",
                                    "smtps-echo",
                                    "imaps-later",
                                    "smtps-later",
                                    "imaps-bye",
                                    "smtps-421",
                                    "imaps-deaf",
                                    "imaps-chatty",
                                    "smtps-onlylogin",
                                    NULL};

/* -- a line and what came of it ------------------------------------------------------- */
struct line {
    struct stream *stream;
    int opened, closed, code;
    enum stream_why why;
    char text[512];
    struct buf came;
    size_t total;
    bool close_on_data, close_on_open, hold_on_open, count_only;
};

static void opened(void *arg)
{
    struct line *line = arg;

    line->opened++;
    if (line->hold_on_open)
        stream_hold(line->stream, true);
    if (line->close_on_open) {
        stream_close(line->stream);
        line->stream = NULL;
    }
}

static void data(void *arg, struct bytes bytes)
{
    struct line *line = arg;

    line->total += bytes.len;
    if (!line->count_only)
        buf_add(&line->came, bytes.data, bytes.len);
    if (line->close_on_data) {
        stream_close(line->stream);
        line->stream = NULL;
    }
}

static void closed(void *arg, enum stream_why why, int code, const char *text)
{
    struct line *line = arg;

    line->closed++;
    line->why = why;
    line->code = code;
    line->stream = NULL;
    snprintf(line->text, sizeof(line->text), "%s", text);
}

static const struct stream_events events = {.opened = opened, .data = data, .closed = closed};

static bool settled(void *arg)
{
    const struct line *line = arg;

    return line->opened || line->closed;
}

static bool is_closed(void *arg)
{
    return ((const struct line *)arg)->closed > 0;
}

static bool has_line(void *arg)
{
    const struct line *line = arg;

    return strchr(buf_text(&line->came), '\n') || line->closed;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void start(struct line *line, const char *name, struct stream_request request)
{
    auto_free char *url = mail_server_url(name, "localhost");

    *line = (struct line){0};
    request.url = request.url ? request.url : url;
    request.user = request.user ? request.user : USER;
    request.secret = request.secret ? request.secret : request.is_bearer ? TOKEN : PASSWORD;
    line->stream = stream_open(client, &request, &events, line);
    assert_int_equal(line->opened + line->closed, 0);
}

static void open_line(struct line *line, const char *name, struct stream_request request)
{
    start(line, name, request);
    assert_true(loop_run_until(loop, 10000, settled, line));
    assert_int_equal(line->opened + line->closed, 1);
}

static void good(struct line *line, const char *name, struct stream_request request)
{
    open_line(line, name, request);
    if (line->closed)
        fail_msg("%s: %s", name, line->text);
}

/* It fails like this, and the sentence has this part, and no secret. */
static void bad(const char *name, struct stream_request request, enum stream_why why,
                const char *part)
{
    struct line line;

    open_line(&line, name, request);
    assert_int_equal(line.closed, 1);
    if (line.why != why || !strstr(line.text, part))
        fail_msg("%s: %d, %s", name, line.why, line.text);
    assert_null(strstr(line.text, PASSWORD));
    assert_null(strstr(line.text, TOKEN));
    assert_null(strstr(line.text, "Sesame"));
    assert_int_equal(loop_busy_count(loop), 0);
}

static const char *ask(struct line *line, const char *text)
{
    buf_truncate(&line->came, 0);
    stream_write(line->stream, (struct bytes){text, strlen(text)});
    assert_true(loop_run_until(loop, 10000, has_line, line));
    return buf_text(&line->came);
}

static void over(struct line *line)
{
    stream_close(line->stream);
    buf_finish(&line->came);
    assert_int_equal(loop_busy_count(loop), 0);
}

static int setup(void **state)
{
    auto_free char *ca = mem_printf("%s/ca.pem", mail_server.dir);
    auto_buf struct buf error = {0};

    (void)state;
    loop = loop_new();
    client = http_client_new(loop, &(struct http_options){.ca_file = ca}, &error);
    return client ? 0 : -1;
}

static int teardown(void **state)
{
    struct stream_stats stats;

    (void)state;
    stream_get_stats(client, &stats);
    assert_int_equal(stats.now, 0);
    http_client_free(client);
    loop_free(loop);
    return 0;
}

/* -- logging in ----------------------------------------------------------------------- */
static void every_way_in(void **state)
{
    static const struct {
        const char *name, *how;
        struct stream_request request;
    } cases[] = {
        {"imaps", "PLAIN", {0}},
        {"imap", "PLAIN", {0}},
        {"smtps", "PLAIN", {0}},
        {"smtp", "PLAIN", {0}},
        {"imaps", "LOGIN", {.sasl = "LOGIN"}},
        {"smtps-onlylogin", "LOGIN", {0}},
        {"imaps-nosasl", "command", {0}},
        {"imaps-nosasl", "command", {.sasl = "login"}},
        {"imaps", "OAUTHBEARER", {.is_bearer = true}},
        {"smtp", "OAUTHBEARER", {.is_bearer = true}},
        {"imap", "XOAUTH2", {.is_bearer = true, .sasl = "XOAUTH2"}},
        {"imaps-onlyxoauth2", "XOAUTH2", {.is_bearer = true}},
        {"smtps-onlyoauthbearer", "OAUTHBEARER", {.is_bearer = true}},
        {"imap-nostarttls", "PLAIN", {.plain = true}},
        {"smtp-nostarttls", "PLAIN", {.plain = true}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_free char *want = mem_printf("x OK %s\r\n", cases[i].how);
        struct line line;

        good(&line, cases[i].name, cases[i].request);
        assert_string_equal(ask(&line, "x HOW\r\n"), want);
        over(&line);
    }
}

static void says_who_it_is(void **state)
{
    struct line line;

    (void)state;
    good(&line, "smtp", (struct stream_request){.greeter = "acme.example"});
    assert_string_equal(ask(&line, "x GREETER\r\n"), "x OK acme.example\r\n");
    over(&line);
    good(&line, "smtps", (struct stream_request){.greeter = "acme.example/;AUTH=x"});
    assert_string_equal(ask(&line, "x GREETER\r\n"), "x OK localhost\r\n");
    over(&line);
}

static void what_comes_with_the_last_answer_does_no_harm(void **state)
{
    struct line line;

    (void)state;
    good(&line, "imaps-chatty", (struct stream_request){0});
    while (!strstr(ask(&line, "x ECHO here\r\n"), "x OK here\r\n"))
        ;
    over(&line);
}

static void refused_logins(void **state)
{
    const struct stream_request wrong = {.secret = "open Sesame"},
                                bearer = {.secret = "token-Sesame", .is_bearer = true};

    (void)state;
    bad("imaps", wrong, STREAM_DENIED, "[AUTHENTICATIONFAILED] Authentication failed.");
    bad("smtp", wrong, STREAM_DENIED, "535-5.7.8 Username and password 5.7.8 not accepted");
    bad("imap", bearer, STREAM_DENIED, "Authentication failed.");
    bad("smtps", bearer, STREAM_DENIED, "not accepted");
    bad("imaps-onlyxoauth2", bearer, STREAM_DENIED, "\"status\":\"401\"");
    bad("imaps-nosasl", wrong, STREAM_DENIED, "Authentication failed.");
    bad("imaps-echo", wrong, STREAM_DENIED, "no [hidden]");
    bad("smtps-echo", bearer, STREAM_DENIED, "no [hidden] here");
    bad("imaps-later", wrong, STREAM_FAILED, "[UNAVAILABLE] try later");
    bad("smtps-later", wrong, STREAM_FAILED, "454 4.7.0");
    bad("smtps-onlycram", wrong, STREAM_FAILED, "offers no way to log in");
    bad("imaps", (struct stream_request){.sasl = "XOAUTH2"}, STREAM_FAILED, "sasl is 'XOAUTH2'");
    bad("imaps", (struct stream_request){.secret = "a\r\nb"}, STREAM_FAILED, "line break");
}

static void a_code_is_told(void **state)
{
    struct line line;

    (void)state;
    open_line(&line, "smtps", (struct stream_request){.secret = "no"});
    assert_int_equal(line.code, 535);
    open_line(&line, "smtps-421", (struct stream_request){0});
    assert_int_equal(line.code, 421);
    assert_int_equal(line.why, STREAM_FAILED);
    assert_non_null(strstr(line.text, "too busy"));
    open_line(&line, "imaps-bye", (struct stream_request){0});
    assert_int_equal(line.code, 0);
    assert_non_null(strstr(line.text, "too many of you"));
}

/* -- what is not safe ----------------------------------------------------------------- */
static void no_secret_in_the_clear(void **state)
{
    auto_free char *other = mail_server_url("imaps", "127.0.0.1");

    (void)state;
    bad("imap-nostarttls", (struct stream_request){0}, STREAM_FAILED, "in the clear");
    bad("smtp-nostarttls", (struct stream_request){0}, STREAM_FAILED, "in the clear");
    bad("imap-preauth", (struct stream_request){0}, STREAM_FAILED, "PREAUTH");
    bad("imaps-preauth", (struct stream_request){0}, STREAM_FAILED, "PREAUTH");
    bad("imap-inject", (struct stream_request){0}, STREAM_FAILED, "can't be opened");
    bad("smtp-inject", (struct stream_request){0}, STREAM_FAILED, "can't be opened");
    bad("smtps-noauth", (struct stream_request){0}, STREAM_FAILED, "offers no login");
    bad("imaps", (struct stream_request){.url = other}, STREAM_FAILED, "certificate");
    bad("imaps", (struct stream_request){.url = "imap://mail.acme.example", .plain = true},
        STREAM_FAILED, "loopback only");
    bad("imaps", (struct stream_request){.plain = true}, STREAM_FAILED, "loopback only");
    bad("imaps", (struct stream_request){.url = "https://localhost"}, STREAM_FAILED, "no imaps");
    bad("imaps", (struct stream_request){.url = "imaps://ana:b@localhost"}, STREAM_FAILED,
        "no imaps");
}

static void another_ca_is_not_trusted(void **state)
{
    auto_buf struct buf error = {0};
    struct http_client *ours = client;

    (void)state;
    client = http_client_new(loop, NULL, &error);
    assert_non_null(client);
    bad("imaps", (struct stream_request){0}, STREAM_FAILED, "certificate");
    bad("smtp", (struct stream_request){0}, STREAM_FAILED, "certificate");
    http_client_free(client);
    client = ours;
}

static void origins(void **state)
{
    static const struct {
        const char *url, *origin;
    } cases[] = {
        {"IMAPS://Mail.Acme.Example", "imaps://mail.acme.example:993"},
        {"imap://mail.acme.example/", "imap://mail.acme.example:143"},
        {"smtps://mail.acme.example:4650", "smtps://mail.acme.example:4650"},
        {"smtp://mail.acme.example", "smtp://mail.acme.example:25"},
        {"https://mail.acme.example", NULL},
        {"imaps://ana@mail.acme.example", NULL},
        {"imaps://;AUTH=*@mail.acme.example", NULL},
        {"imaps://mail.acme.example/INBOX", NULL},
        {"imaps://mail.acme.example?x", NULL},
        {"imaps://mail.acme.example#x", NULL},
        {"imaps://mail.acme.example\r\n", NULL},
        {"mail.acme.example", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_free char *origin = stream_origin(cases[i].url);
        if (cases[i].origin && !origin)
            fail_msg("%s", cases[i].url);
        else if (cases[i].origin)
            assert_string_equal(origin, cases[i].origin);
        else
            assert_null(origin);
    }
    assert_true(stream_is_loopback("imap://127.0.0.1:143"));
    assert_false(stream_is_loopback("imap://127.0.0.1.acme.example:143"));
    assert_true(stream_is_plain("smtp://h:25"));
    assert_false(stream_is_plain("smtps://h:25"));
}

/* -- time ----------------------------------------------------------------------------- */
static void a_silent_server_ends_at_the_deadline(void **state)
{
    int64_t began = clock_monotonic();

    (void)state;
    bad("imaps-silent", (struct stream_request){.timeout_ms = 300}, STREAM_FAILED, "0.3 s");
    assert_in_range(clock_monotonic() - began, 290, 1500);
}

/* libcurl would say LOGOUT and wait for the answer. */
static void nothing_waits_for_a_mute_server(void **state)
{
    int64_t began = clock_monotonic();
    struct line line;

    (void)state;
    bad("imaps-refuse-mute", (struct stream_request){0}, STREAM_DENIED, "Authentication failed");
    start(&line, "imaps-silent", (struct stream_request){0});
    loop_run_until(loop, 50, never, NULL);
    over(&line);
    assert_int_equal(line.opened + line.closed, 0);
    assert_in_range(clock_monotonic() - began, 0, 1500);
}

/* -- open ----------------------------------------------------------------------------- */
static void much_is_read(void **state)
{
    struct line line;

    (void)state;
    good(&line, "imaps", (struct stream_request){0});
    line.count_only = true;
    stream_write(line.stream, (struct bytes){"x GIVE 5000000\r\n", 16});
    while (line.total < 5000000 + 7 && !line.closed)
        loop_run_until(loop, 20, never, NULL);
    assert_int_equal(line.total, 5000000 + 7);
    over(&line);
}

static void hold_holds(void **state)
{
    struct line line;

    (void)state;
    good(&line, "smtps", (struct stream_request){0});
    stream_hold(line.stream, true);
    stream_write(line.stream, (struct bytes){"x ECHO held\r\n", 13});
    loop_run_until(loop, 200, never, NULL);
    assert_int_equal(line.came.len, 0);
    stream_hold(line.stream, false);
    assert_true(loop_run_until(loop, 5000, has_line, &line));
    assert_string_equal(buf_text(&line.came), "x OK held\r\n");
    over(&line);
}

/* A server may say why before it hangs up, and what is written then fails first. */
static void last_words_are_heard(void **state)
{
    struct line line;

    (void)state;
    good(&line, "imaps", (struct stream_request){0});
    stream_hold(line.stream, true);
    stream_write(line.stream, (struct bytes){"x ECHO no more\r\ny BYE\r\n", 23});
    loop_run_until(loop, 200, never, NULL);
    for (int i = 0; i < 5 && !line.closed; i++) {
        stream_write(line.stream, (struct bytes){"z ECHO more\r\n", 13});
        loop_run_until(loop, 50, is_closed, &line);
    }
    assert_int_equal(line.closed, 1);
    assert_int_equal(line.why, STREAM_LOST);
    assert_string_equal(buf_text(&line.came), "x OK no more\r\n");
    over(&line);
}

enum { MUCH = 24 * 1024 * 1024 };
static void a_full_socket_queues(void **state)
{
    auto_free char *much = mem_new(MUCH), *command = mem_printf("x TAKE %d\r\n", MUCH);
    struct line line;
    uint64_t queued;

    (void)state;
    good(&line, "imaps-deaf", (struct stream_request){0});
    stream_write(line.stream, (struct bytes){command, strlen(command)});
    for (int i = 0; i < MUCH; i += MUCH / 8)
        stream_write(line.stream, (struct bytes){much + i, MUCH / 8});
    queued = stream_queued(line.stream);
    assert_int_equal(queued, MUCH + strlen(command));
    assert_true(stream_left(line.stream) < queued); /* the server sleeps */
    assert_true(loop_run_until(loop, 20000, has_line, &line));
    assert_string_equal(buf_text(&line.came), "x OK \r\n");
    assert_int_equal(stream_left(line.stream), queued);
    over(&line);
}

static void a_lost_line_is_told(void **state)
{
    struct line line;

    (void)state;
    good(&line, "imaps", (struct stream_request){0});
    stream_write(line.stream, (struct bytes){"x BYE\r\n", 7});
    assert_true(loop_run_until(loop, 5000, is_closed, &line));
    assert_int_equal(line.why, STREAM_LOST);
    assert_non_null(strstr(line.text, "the line has ended"));
    assert_int_equal(line.closed, 1);
    over(&line);
}

/* What is written to a line that is gone is told as a loss, never inside the write. */
static void writing_to_a_lost_line(void **state)
{
    auto_free char *much = mem_new(MUCH);
    struct line line;

    (void)state;
    good(&line, "imap-nostarttls", (struct stream_request){.plain = true});
    stream_write(line.stream, (struct bytes){"x BYE\r\n", 7});
    usleep(100000);
    for (int i = 0; i < 20; i++) {
        stream_write(line.stream, (struct bytes){much, MUCH / 20});
        assert_int_equal(line.closed, 0);
    }
    assert_true(loop_run_until(loop, 5000, is_closed, &line));
    assert_int_equal(line.why, STREAM_LOST);
    over(&line);
}

static void closed_in_every_state(void **state)
{
    struct line line;

    (void)state;
    start(&line, "imaps", (struct stream_request){0});
    over(&line);
    for (int ms = 0; ms < 30; ms += 3) {
        start(&line, "imap", (struct stream_request){0});
        loop_run_until(loop, ms, never, NULL);
        over(&line);
        assert_int_equal(line.closed, 0);
    }
    start(&line, "imaps", (struct stream_request){.sasl = "none"});
    over(&line);
    start(&line, "imaps", (struct stream_request){0});
    line.close_on_open = true;
    assert_true(loop_run_until(loop, 5000, settled, &line));
    over(&line);
    good(&line, "imaps", (struct stream_request){0});
    line.close_on_data = true;
    ask(&line, "x ECHO a\r\n");
    over(&line);
    good(&line, "imaps", (struct stream_request){0});
    stream_write(line.stream, (struct bytes){"x ECHO a\r\n", 10});
    over(&line);
    loop_run_until(loop, 50, never, NULL);
    assert_int_equal(line.closed, 0);
    stream_close(NULL);
}

/* libcurl prunes idle connections of a multi when another begins: not these, also not one that
 * nobody has read from yet. */
static void idle_lines_are_kept(void **state)
{
    struct line kept[2], held, other;

    (void)state;
    start(&held, "imaps-chatty", (struct stream_request){0});
    held.hold_on_open = true;
    assert_true(loop_run_until(loop, 5000, settled, &held));
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        good(&kept[i], "imaps", (struct stream_request){0});
    loop_run_until(loop, 2500, never, NULL);
    good(&other, "smtps", (struct stream_request){0});
    assert_int_equal(held.came.len, 0);
    stream_hold(held.stream, false);
    while (!strstr(ask(&held, "x ECHO here\r\n"), "x OK here\r\n"))
        assert_int_equal(held.closed, 0);
    over(&held);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        assert_string_equal(ask(&kept[i], "x ECHO here\r\n"), "x OK here\r\n");
        over(&kept[i]);
    }
    over(&other);
}

static void the_client_takes_its_lines_with_it(void **state)
{
    struct line line[2];

    (void)state;
    good(&line[0], "imaps", (struct stream_request){0});
    start(&line[1], "smtps", (struct stream_request){0});
    http_client_free(client);
    loop_free(loop);
    setup(NULL);
    assert_int_equal(line[0].closed + line[1].closed, 0);
    buf_finish(&line[0].came);
}

static int start_servers(void **state)
{
    (void)state;
    return mail_server_start(names);
}

static int stop_servers(void **state)
{
    (void)state;
    return mail_server_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_way_in, setup, teardown),
        cmocka_unit_test_setup_teardown(says_who_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_with_the_last_answer_does_no_harm, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(refused_logins, setup, teardown),
        cmocka_unit_test_setup_teardown(a_code_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(no_secret_in_the_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(another_ca_is_not_trusted, setup, teardown),
        cmocka_unit_test(origins),
        cmocka_unit_test_setup_teardown(a_silent_server_ends_at_the_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_waits_for_a_mute_server, setup, teardown),
        cmocka_unit_test_setup_teardown(much_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(hold_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(last_words_are_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_socket_queues, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_line_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(writing_to_a_lost_line, setup, teardown),
        cmocka_unit_test_setup_teardown(closed_in_every_state, setup, teardown),
        cmocka_unit_test_setup_teardown(idle_lines_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(the_client_takes_its_lines_with_it, setup, teardown),
    };

    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
