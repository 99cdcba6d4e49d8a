/* unit/provider/stream.c: lines lent to plugins: to whom, logged in how, and what they make of a
 * send. */
#include "world.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail_server.h"
#include "net/stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#define ADDRESS "ana@acme.example"
#define PASSWORD "open sesame"

static const char *const names[] = {"imap-nostarttls",
                                    "imap-nostarttls-first",
                                    "imap-nostarttls-second",
                                    "imap-nostarttls-deaf",
                                    "imap-nostarttls-echo",
                                    "imaps-silent",
                                    "imap-nostarttls-later",
                                    "imap",
                                    NULL};

static struct world world;
static struct provider_session *session;
static const char *password; /* the login's, or NULL: the world's token */
static bool no_answer;

/* -- the credential source ------------------------------------------------------------ */
struct pending {
    struct loop_timer *timer;
    credential_login_fn *got;
    void *arg;
};

static void give(void *arg)
{
    struct pending *pending = arg;
    auto_free char *token = mem_printf("token-%u", world.tokens);
    const struct credential_login login = {
        .user = ADDRESS, .secret = password ? password : token, .is_bearer = !password};

    loop_timer_free(pending->timer);
    pending->got(pending->arg, world.no_token ? NULL : &login, world.no_token);
    free(pending);
}

static void login(void *arg, uint64_t mailbox, const char *refused, credential_login_fn *got,
                  void *got_arg)
{
    struct pending *pending = mem_new(sizeof(*pending));

    (void)arg;
    assert_int_equal(mailbox, 7);
    world.asked++;
    world.refusals += refused != NULL;
    world.tokens += refused != NULL;
    *pending = (struct pending){.got = got, .arg = got_arg};
    pending->timer = loop_timer_new(world.loop, give, pending);
    loop_timer_in(pending->timer, no_answer ? 600 : 1);
}

/* -- the world ------------------------------------------------------------------------ */
static int setup(void **state)
{
    (void)state;
    password = PASSWORD;
    no_answer = false;
    world_init_login(&world, login);
    world_put(&world, "liner.so", "liner.so");
    return 0;
}

static int setup_tokens(void **state)
{
    (void)state;
    world_init(&world);
    world_put(&world, "liner.so", "liner.so");
    return 0;
}

static bool at_rest(void *unused)
{
    (void)unused;
    return loop_busy_count(world.loop) == 0;
}

static int teardown(void **state)
{
    struct stream_stats stats;

    (void)state;
    if (session)
        world_close(&world, session);
    session = NULL;
    assert_true(world_run(&world, 2000, at_rest, NULL));
    stream_get_stats(world.http, &stats);
    assert_int_equal(stats.now, 0);
    world_finish(&world);
    return 0;
}

static void open_session(const char *server, const char *sasl)
{
    auto_free char *url = mail_server_url(server, "127.0.0.1");
    const char *const extra[] = {"server", url, "plain", "true", sasl ? "sasl" : NULL, sasl, NULL};

    if (world_add(&world, "liner.so", extra) < 0)
        fail_msg("%s", buf_text(&world.error));
    session = world_open(&world, ADDRESS);
    assert_non_null(session);
}

static struct ending sent(const char *steps, uint32_t timeout)
{
    struct ending ending = world_send(&world, session, steps, timeout);

    assert_int_equal(ending.count, 1);
    assert_null(strstr(ending.text, PASSWORD));
    assert_null(strstr(ending.text, "token-1"));
    return ending;
}

static void works(const char *steps)
{
    struct ending ending = sent(steps, 0);

    if (ending.kind != 0)
        fail_msg("%s: %d, %s", steps, ending.kind, ending.text);
    assert_false(ending.left);
}

static void fails(const char *steps, uint32_t timeout, int kind, bool left)
{
    struct ending ending = sent(steps, timeout);

    if (ending.kind != kind || ending.left != left)
        fail_msg("%s: %d, %d, %s", steps, ending.kind, ending.left, ending.text);
}

static uint64_t refused(void)
{
    struct provider_misdeeds misdeeds;

    provider_misdeeds(&misdeeds);
    return misdeeds.requests_refused;
}

/* -- to whom, and with what ----------------------------------------------------------- */
static void a_password_opens_it(void **state)
{
    (void)state;
    open_session("imap-nostarttls", NULL);
    works("open|say x HOW|want x OK PLAIN|done");
    works("say x ECHO again|want x OK again|done");
    assert_int_equal(world.asked, 1); /* the line was kept */
}

static void sasl_is_a_setting(void **state)
{
    (void)state;
    open_session("imap-nostarttls", "LOGIN");
    works("open|say x HOW|want x OK LOGIN|done");
}

static void a_token_opens_it(void **state)
{
    (void)state;
    open_session("imap-nostarttls-first", NULL);
    works("open|say x HOW|want x OK OAUTHBEARER|done");
    assert_int_equal(world.asked, 1);
}

static void an_expired_token_is_renewed_once(void **state)
{
    struct ending ending;

    (void)state;
    open_session("imap-nostarttls-second", "XOAUTH2");
    works("open|say x HOW|want x OK XOAUTH2|done");
    assert_int_equal(world.refusals, 1);
    world.tokens = 5;
    ending = sent("close|open|done", 0);
    assert_int_equal(ending.kind, RIDER_AUTH);
    assert_int_equal(world.refusals, 2);
    assert_false(ending.left);
}

static void a_wrong_password_is_tried_once(void **state)
{
    struct ending ending;

    (void)state;
    password = "open Sesame";
    open_session("imap-nostarttls-echo", NULL);
    ending = sent("open|done", 0);
    assert_int_equal(ending.kind, RIDER_AUTH);
    assert_non_null(strstr(ending.text, "[AUTHENTICATIONFAILED]"));
    assert_non_null(strstr(ending.text, "[hidden]"));
    assert_null(strstr(ending.text, "Sesame"));
    assert_int_equal(world.asked, 1);
}

static void a_login_for_later_is_no_refusal(void **state)
{
    (void)state;
    password = "no";
    open_session("imap-nostarttls-later", NULL);
    fails("open|done", 0, RIDER_TRANSIENT, false);
}

static void without_a_login_the_source_has_the_word(void **state)
{
    static const struct rider_failure why = {.size = sizeof(why),
                                             .kind = RIDER_AUTH,
                                             .scope = RIDER_MAILBOX,
                                             .retry_after = 7,
                                             .detail = "the grant was revoked"};
    struct ending ending;

    (void)state;
    open_session("imap-nostarttls", NULL);
    world.no_token = &why;
    ending = sent("open|done", 0);
    assert_int_equal(ending.kind, RIDER_AUTH);
    assert_string_equal(ending.text, "the grant was revoked");
    assert_int_equal(ending.retry_after, 7);
}

static void only_named_servers(void **state)
{
    uint64_t before = refused();
    auto_free char *other = mail_server_url("imap", "127.0.0.1");
    const struct provider_mailbox_info own = {
        .mailbox = 7,
        .address = ADDRESS,
        .access = RIDER_ACCESS_FULL,
        .settings = (const char *const[]){"server", "imaps://127.0.0.1:1", NULL}};
    struct ending ending;

    (void)state;
    open_session("imap-nostarttls", NULL);
    world_close(&world, session);
    assert_int_equal(provider_session_open(world.set, "odd", &own, NULL, &world.error, &session),
                     0);
    fails("open|done", 0, RIDER_TRANSIENT, false); /* nobody listens there, but it may be tried */
    assert_int_equal(refused(), before);
    assert_int_equal(world.asked, 1);
    world_close(&world, session);

    /* Its fallback is the plugin's word, not the config's. */
    session = NULL;
    assert_int_equal(provider_set_reload(world.set, "odd", (const char *const[]){"x", other, NULL},
                                         false, &world.error),
                     0);
    session = world_open(&world, ADDRESS);
    ending = sent("open|done", 0);
    assert_int_equal(ending.kind, RIDER_TRANSIENT);
    assert_non_null(strstr(ending.text, "imaps, imap, smtps or smtp URL"));
    assert_int_equal(refused(), before + 1);
    assert_int_equal(world.asked, 1);
}

static void a_server_of_no_setting(void **state)
{
    uint64_t before = refused();
    struct ending ending;

    (void)state;
    open_session("imap-nostarttls", NULL);
    world_close(&world, session);
    session = NULL;
    world_put(&world, "stray.so", "liner.so");
    assert_int_equal(provider_set_reload(world.set, "odd", NULL, false, &world.error), 0);
    session = world_open(&world, ADDRESS);
    ending = sent("open|done", 0);
    assert_int_equal(ending.kind, RIDER_TRANSIENT);
    assert_non_null(strstr(ending.text, "no login goes to imaps://evil.example"));
    assert_int_equal(refused(), before + 1);
    assert_int_equal(world.asked, 0);
}

/* Without `plain` STARTTLS is needed, on loopback too; and it is for loopback alone. */
static void plain_is_for_loopback(void **state)
{
    auto_free char *url = mail_server_url("imap-nostarttls", "127.0.0.1");
    const char *const secure[] = {"server", url, NULL},
                      *const far[] = {"server", "imap://mail.acme.example", "plain", "true", NULL},
                      *const odd[] = {"server", url, "sasl", "CRAM-MD5", NULL};
    struct ending ending;

    (void)state;
    assert_int_equal(world_add(&world, "liner.so", far), -EPERM);
    assert_non_null(strstr(buf_text(&world.error), "in the clear"));
    buf_finish(&world.error);
    assert_int_equal(world_add(&world, "liner.so", odd), -EINVAL);
    assert_non_null(strstr(buf_text(&world.error), "sasl is 'CRAM-MD5'"));
    assert_int_equal(world_add(&world, "liner.so", secure), 0);
    session = world_open(&world, ADDRESS);
    ending = sent("open|done", 0);
    assert_int_equal(ending.kind, RIDER_TRANSIENT);
    assert_non_null(strstr(ending.text, "no login goes out in the clear"));
}

/* -- what it makes of a send ---------------------------------------------------------- */
static void what_left_and_was_not_answered_is_uncertain(void **state)
{
    static const struct {
        const char *steps;
        int kind;
        bool left;
    } cases[] = {
        {"open|commit x BYE|hang", RIDER_UNCERTAIN, true}, /* the line is lost */
        {"open|commit x ECHO a|want a|fail", RIDER_UNCERTAIN, true},
        {"open|commit x ECHO a|want a|close|fail", RIDER_UNCERTAIN, true},
        {"open|commit x ECHO a|want a|answered|fail", RIDER_TRANSIENT, false},
        {"open|commit x ECHO a|want a|answered|say x BYE|hang", RIDER_TRANSIENT, false},
        {"open|say x BYE|hang", RIDER_TRANSIENT, false},
        {"open|say x ECHO a|want a|fail", RIDER_TRANSIENT, false},
        {"open|commit x ECHO a|want a|answered|commit x ECHO b|want b|fail", RIDER_UNCERTAIN, true},
        {"open|commit x ECHO a|want a|answered|done", 0, false},
        {"open|commit x ECHO a|want a|done", 0, true},
    };

    (void)state;
    open_session("imap-nostarttls", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_free char *steps = mem_printf("close|%s", cases[i].steps);
        fails(i ? steps : cases[i].steps, 0, cases[i].kind, cases[i].left);
    }
}

static void at_the_deadline_it_counts_too(void **state)
{
    (void)state;
    open_session("imap-nostarttls", NULL);
    fails("open|commit x HANG|want never", 300, RIDER_UNCERTAIN, true);
    fails("close|open|commit x ECHO a|want a|answered|say x HANG|want never", 300, RIDER_TRANSIENT,
          false);
}

/* The server does not read, so the last bytes wait here: they must not leave afterwards. */
static void what_has_not_left_does_not_leave_later(void **state)
{
    struct stream_stats stats;

    (void)state;
    open_session("imap-nostarttls-deaf", NULL);
    fails("open|say x TAKE 30000000|much 30000000|commit x ECHO a|fail", 0, RIDER_TRANSIENT, false);
    world_run(&world, 50, at_rest, NULL);
    stream_get_stats(world.http, &stats);
    assert_int_equal(stats.now, 0); /* closed by the host */
    works("open|say x TAKE 3000000|much 3000000|commit x ECHO a|want x OK a|answered|done");
}

/* -- a send that is held at the door ---------------------------------------------------- */
static struct provider_op *at_door;

static void at_the_door(void *arg, struct provider_op *op)
{
    (void)arg;
    assert_null(at_door); /* told once */
    at_door = op;
}

static bool stands_at_the_door(void *unused)
{
    (void)unused;
    return at_door != NULL;
}

static struct ending held(const char *steps, uint32_t timeout, bool let_go)
{
    struct rider_message message = {.size = sizeof(message), .subject = steps};
    struct ending ending = {0};

    at_door = NULL;
    provider_send_held(session, &message, timeout, at_the_door, ending_note, &ending);
    assert_true(world_run(&world, 2000, stands_at_the_door, NULL));
    assert_false(world_run(&world, 100, ending_over, &ending));
    if (let_go)
        provider_let_go(at_door);
    assert_true(world_run(&world, 3000, ending_over, &ending));
    return ending;
}

static void what_commits_waits_until_it_may_leave(void **state)
{
    struct ending ending;

    (void)state;
    open_session("imap-nostarttls", NULL);
    ending =
        held("open|say x ECHO a|want a|commit x ECHO b|say x ECHO c|want c|answered|done", 0, true);
    assert_int_equal(ending.kind, 0);
    ending = held("close|open|commit x ECHO a|want a|fail", 0, true);
    assert_int_equal(ending.kind, RIDER_UNCERTAIN);
    assert_true(ending.left);
}

static void what_may_not_leave_is_not_sent(void **state)
{
    struct stream_stats stats;
    struct ending ending;

    (void)state;
    open_session("imap-nostarttls", NULL);
    ending = held("open|commit x ECHO a|want a|done", 300, false); /* its deadline comes first */
    assert_int_equal(ending.kind, RIDER_TRANSIENT);
    assert_false(ending.left);
    world_run(&world, 50, at_rest, NULL);
    stream_get_stats(world.http, &stats);
    assert_int_equal(stats.now, 0); /* the line is in the middle of something: closed */
}

static void a_late_login_ends_with_the_operation(void **state)
{
    int64_t began = clock_monotonic();

    (void)state;
    open_session("imap-nostarttls", NULL);
    no_answer = true;
    fails("open|done", 200, RIDER_TRANSIENT, false);
    assert_in_range(clock_monotonic() - began, 150, 580);
}

static void a_silent_server_ends_with_the_operation(void **state)
{
    auto_free char *url = mail_server_url("imaps-silent", "127.0.0.1");
    int64_t began = clock_monotonic();

    (void)state;
    assert_int_equal(world_add(&world, "liner.so", (const char *const[]){"server", url, NULL}), 0);
    session = world_open(&world, ADDRESS);
    fails("open|done", 200, RIDER_TRANSIENT, false);
    assert_in_range(clock_monotonic() - began, 150, 1000);
}

static void writing_too_early_is_no_harm(void **state)
{
    (void)state;
    open_session("imap-nostarttls", NULL);
    works("open|early x BYE|say x ECHO a|want x OK a|done");
}

static void hold_reaches_the_line(void **state)
{
    (void)state;
    open_session("imap-nostarttls", NULL);
    fails("open|hold|say x ECHO a|want x OK a|done", 200, RIDER_TRANSIENT, false);
    works("close|open|hold|say x ECHO a|unhold|want x OK a|done");
}

/* An operation with a line is busy, though the plugin also has a timer: a virtual clock must not
 * jump over an answer that is under way. */
static void an_operation_with_a_line_is_busy(void **state)
{
    struct rider_message message = {.size = sizeof(message),
                                    .subject = "open|say x HANG|wait 60000"};
    struct ending ending = {0};

    (void)state;
    open_session("imap-nostarttls", NULL);
    provider_send(session, &message, 400, ending_note, &ending);
    world_run(&world, 200, ending_over, &ending);
    assert_int_equal(ending.count, 0);
    assert_int_equal(loop_busy_count(world.loop), 1);
    world_run(&world, 2000, ending_over, &ending);
    assert_int_equal(ending.count, 1);
}

/* -- generations ---------------------------------------------------------------------- */
static bool old_is_gone(void *unused)
{
    (void)unused;
    return !world_mapped("odd.1.so");
}

static void a_reload_with_an_open_line(void **state)
{
    struct stream_stats stats;

    (void)state;
    open_session("imap-nostarttls", NULL);
    works("open|say x HOW|want PLAIN|done");
    world_put(&world, "liner2.so", "liner.so");
    assert_int_equal(provider_set_reload(world.set, "odd", NULL, false, &world.error), 0);
    works("open|say x HOW|want PLAIN|done");
    assert_true(world_run(&world, 5000, old_is_gone, NULL));
    stream_get_stats(world.http, &stats);
    assert_int_equal(stats.now, 1);
}

static void a_line_that_was_not_given_back(void **state)
{
    struct provider_misdeeds before, after;
    struct stream_stats stats;

    (void)state;
    provider_misdeeds(&before);
    world_put(&world, "leaky.so", "liner.so");
    open_session("imap-nostarttls", NULL);
    works("open|say x HOW|want PLAIN|done");
    world_close(&world, session);
    session = NULL;
    provider_misdeeds(&after);
    assert_int_equal(after.held_at_close, before.held_at_close + 1);
    stream_get_stats(world.http, &stats);
    assert_int_equal(stats.now, 0);
}

/* -- the log of it all: also at its loudest it holds no secret ------------------------ */
static int real_stderr;
static FILE *logged;

static int start_servers(void **state)
{
    (void)state;
    logged = tmpfile();
    real_stderr = dup(2);
    log_set_level(LOG_LEVEL_DEBUG);
    dup2(fileno(logged), 2);
    return mail_server_start(names);
}

static void nothing_was_logged_of_a_secret(void **state)
{
    static const char *const secrets[] = {"sesame", "Sesame", "token-", "b3BlbiBzZXNhbW"};
    char line[4096];
    size_t lines = 0;

    (void)state;
    rewind(logged);
    for (; fgets(line, sizeof(line), logged); lines++)
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
            assert_null(strstr(line, secrets[i]));
    assert_true(lines > 20);
}

static int stop_servers(void **state)
{
    char line[4096];

    (void)state;
    dup2(real_stderr, 2);
    rewind(logged);
    while (fgets(line, sizeof(line), logged))
        fputs(line, stderr);
    fclose(logged);
    return mail_server_stop();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_password_opens_it),
        TEST(sasl_is_a_setting),
        cmocka_unit_test_setup_teardown(a_token_opens_it, setup_tokens, teardown),
        cmocka_unit_test_setup_teardown(an_expired_token_is_renewed_once, setup_tokens, teardown),
        TEST(a_wrong_password_is_tried_once),
        TEST(a_login_for_later_is_no_refusal),
        TEST(without_a_login_the_source_has_the_word),
        TEST(only_named_servers),
        TEST(a_server_of_no_setting),
        TEST(plain_is_for_loopback),
        TEST(what_left_and_was_not_answered_is_uncertain),
        TEST(at_the_deadline_it_counts_too),
        TEST(what_has_not_left_does_not_leave_later),
        TEST(what_commits_waits_until_it_may_leave),
        TEST(what_may_not_leave_is_not_sent),
        TEST(a_late_login_ends_with_the_operation),
        TEST(a_silent_server_ends_with_the_operation),
        TEST(writing_too_early_is_no_harm),
        TEST(hold_reaches_the_line),
        TEST(an_operation_with_a_line_is_busy),
        TEST(a_reload_with_an_open_line),
        TEST(a_line_that_was_not_given_back),
        cmocka_unit_test(nothing_was_logged_of_a_secret),
    };

    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
