/* abi/outside.c: a provider built from sdk/ alone, outside the tree, by a plain compiler call,
 * loads and really sends; and what a send becomes when the server is not sure of itself. */
#include "world.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct world world;
static struct provider_session *session;

static void shell(const char *command)
{
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

/* Copies sdk/ away, so that nothing else of the tree can be found by accident. */
static void build(void)
{
    auto_free char *copy = mem_printf("cp -r '%s/sdk' '%s/sdk'", SOURCE_DIR, world.dir);
    auto_free char *compile = mem_printf(
        "cd '%s/sdk/template' && %s -shared -fPIC -fvisibility=hidden -Wall -Wextra -Werror "
        "-I../include $(pkg-config --cflags json-c) %s%s postbox.c $(pkg-config --libs json-c) "
        "-o '%s/.postbox.so'",
        world.dir, CC, *SANITIZE ? "-fsanitize=" : "", SANITIZE, world.plugins);
    auto_free char *move =
        mem_printf("mv '%s/.postbox.so' '%s/postbox.so' && chmod 755 '%s/postbox.so' && "
                   "rm -r '%s/sdk'",
                   world.plugins, world.plugins, world.plugins, world.dir);

    shell(copy);
    shell(compile);
    shell(move);
}

static int setup(void **state)
{
    const char *settings[] = {"api_url", NULL, "auth_url", NULL, "client_id", "me", NULL};
    struct provider_mailbox_info info = {
        .mailbox = 1, .address = "ana@acme.example", .access = RIDER_ACCESS_HEADERS};

    (void)state;
    world_init(&world);
    build();
    settings[1] = settings[3] = standin_url(world.standin);
    if (provider_set_add(world.set, "mine", "postbox.so", settings, &world.error) < 0)
        fail_msg("%s", buf_text(&world.error));
    return provider_session_open(world.set, "mine", &info, NULL, &world.error, &session);
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world, session);
    world_finish(&world);
    return 0;
}

struct sent {
    struct ending ending;
    char id[32], thread[32];
};

static void note_sent(void *arg, const struct provider_result *result)
{
    struct sent *sent = arg;

    if (result->sent) {
        snprintf(sent->id, sizeof(sent->id), "%s", result->sent->provider_id);
        snprintf(sent->thread, sizeof(sent->thread), "%s", result->sent->thread_id);
    }
    ending_note(&sent->ending, result);
}

static bool sent_over(void *arg)
{
    return ((struct sent *)arg)->ending.count > 0;
}

static const char mail[] = "From: ana@acme.example\r\n\r\nHello.\r\n";
static const struct rider_message message = {
    .size = sizeof(message), .marker = "m&1", .rfc5322 = {mail, sizeof(mail) - 1}};

static void it_sends(void **state)
{
    struct sent sent = {0};

    (void)state;
    world.reply =
        (struct standin_reply){.status = 202, .body = "{\"id\":\"p1\",\"thread\":\"t1\"}"};
    provider_send(session, &message, 0, note_sent, &sent);
    world_run(&world, 5000, sent_over, &sent);
    assert_int_equal(sent.ending.kind, 0);
    assert_string_equal(sent.id, "p1");
    assert_string_equal(sent.thread, "t1");
    assert_string_equal(world.seen_token, "Bearer token-1");
    assert_string_equal(world.seen_body, mail);
    assert_non_null(strstr(world.seen_head, "POST /send HTTP/1.1\r\n"));
    assert_non_null(strstr(world.seen_head, "X-Postbox-Tag: m&1\r\n"));
}

static void it_finds_what_was_in_doubt(void **state)
{
    struct sent sent = {0};

    (void)state;
    world.reply = (struct standin_reply){.how = STANDIN_CUT};
    provider_send(session, &message, 0, note_sent, &sent);
    world_run(&world, 5000, sent_over, &sent);
    assert_int_equal(sent.ending.kind, RIDER_UNCERTAIN);

    world.reply = (struct standin_reply){.status = 404};
    sent = (struct sent){0};
    provider_find(session, &message, 0, note_sent, &sent);
    world_run(&world, 5000, sent_over, &sent);
    assert_int_equal(sent.ending.kind, RIDER_ABSENT);
    assert_non_null(strstr(world.seen_head, "GET /sent?tag=m%261 HTTP/1.1\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_sends, setup, teardown),
        cmocka_unit_test_setup_teardown(it_finds_what_was_in_doubt, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
