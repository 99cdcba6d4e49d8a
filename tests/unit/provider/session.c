/* unit/provider/session.c: what stays with a mailbox across reloads, and what mailboxes share. */
#include "world.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct world world;

struct kept { /* a provider_memory of one key */
    char key[32], value[32];
    unsigned gets, puts, changes;
    bool there;
};

static bool get(void *arg, const char *key, struct buf *value)
{
    struct kept *kept = arg;

    kept->gets++;
    if (!kept->there || strcmp(kept->key, key) != 0)
        return false;
    buf_add_str(value, kept->value);
    return true;
}

static void put(void *arg, const char *key, struct bytes value)
{
    struct kept *kept = arg;

    kept->puts++;
    kept->there = value.len > 0;
    snprintf(kept->key, sizeof(kept->key), "%s", key);
    snprintf(kept->value, sizeof(kept->value), "%.*s", (int)value.len, (const char *)value.data);
}

static void changed(void *arg)
{
    ((struct kept *)arg)->changes++;
}

static struct provider_session *open_with(struct kept *kept, const char *const *settings)
{
    struct provider_memory memory = {.arg = kept, .get = get, .put = put, .can_changed = changed};
    struct provider_mailbox_info info = {.mailbox = 9,
                                         .address = "bo@acme.example",
                                         .access = RIDER_ACCESS_FULL,
                                         .settings = settings};
    struct provider_session *session = NULL;

    if (provider_session_open(world.set, "odd", &info, &memory, &world.error, &session) < 0)
        fail_msg("%s", buf_text(&world.error));
    return session;
}

static int setup_with(const char *const *extra)
{
    world_init(&world);
    world_put(&world, "odd.so", "odd.so");
    return world_add(&world, "odd.so", extra);
}

static int setup(void **state)
{
    (void)state;
    return setup_with(NULL);
}

static int setup_shared(void **state)
{
    static const char *const extra[] = {"limits.provider.in_flight", "1",
                                        "limits.provider.sends_per_minute", "4", NULL};
    (void)state;
    return setup_with(extra);
}

static int teardown(void **state)
{
    (void)state;
    world_finish(&world);
    return 0;
}

static struct ending list_once(struct provider_session *session)
{
    struct rider_query query = {.size = sizeof(query)};
    struct ending ending = {0};

    provider_list(session, &query, NULL, 0, ending_note, &ending);
    world_run(&world, 1000, ending_over, &ending);
    return ending;
}

/* A password opens all: what its owner did not allow is kept from the plugin by the host. */
static void access_narrows_whatever_the_plugin_says(void **state)
{
    struct provider_mailbox_info info = {.mailbox = 9, .address = "bo@acme.example"};
    struct provider_session *session;

    (void)state;
    for (int access = RIDER_ACCESS_SEND; access <= RIDER_ACCESS_FULL; access++) {
        info.access = (enum rider_access)access;
        assert_int_equal(
            provider_session_open(world.set, "odd", &info, NULL, &world.error, &session), 0);
        assert_int_equal(provider_session_can(session), access == RIDER_ACCESS_SEND
                                                            ? RIDER_CAN_SEND
                                                            : RIDER_CAN_SEND | RIDER_CAN_LIST);
        if (access == RIDER_ACCESS_SEND)
            assert_int_equal(list_once(session).kind, RIDER_UNSUPPORTED);
        world_close(&world, session);
    }
}

static void remembers_across_reloads_and_restarts(void **state)
{
    struct kept kept = {0};
    struct provider_session *session = open_with(&kept, NULL);

    (void)state;
    assert_true(provider_session_can(session) & RIDER_CAN_LIST);
    assert_int_equal(list_once(session).kind, 0); /* the plugin remembers "narrowed" */
    assert_int_equal(kept.puts, 1);
    assert_int_equal(kept.changes, 1);
    assert_string_equal(kept.key, "narrowed");
    assert_string_equal(kept.value, "x");

    world_put(&world, "odd2.so", "odd.so");
    assert_int_equal(provider_set_reload(world.set, "odd", NULL, false, &world.error), 0);
    assert_int_equal(provider_session_can(session), RIDER_CAN_SEND);
    assert_int_equal(kept.gets, 1); /* asked once, kept since */
    world_close(&world, session);

    session = open_with(&kept, NULL);
    assert_int_equal(provider_session_can(session), RIDER_CAN_SEND);
    assert_int_equal(kept.gets, 2);
    world_close(&world, session);
}

static void note_colour(void *arg, const struct provider_result *result)
{
    assert_string_equal(result->identity->tenant, "red");
    ending_note(arg, result);
}

static void its_own_settings_win(void **state)
{
    static const char *const own[] = {"colour", "red", "limits.in_flight", "3", NULL};
    struct kept kept = {0};
    struct provider_session *session = open_with(&kept, own);
    struct rider_limits limits;
    struct ending ending = {0};

    (void)state;
    provider_identify(session, 0, note_colour, &ending);
    world_run(&world, 1000, ending_over, &ending);
    assert_int_equal(ending.count, 1);
    provider_session_limits(session, &limits);
    assert_int_equal(limits.in_flight, 3);
    assert_int_equal(limits.units, 1000); /* the plugin's */
    world_close(&world, session);
}

static void a_reload_may_bring_new_settings(void **state)
{
    const char *const settings[] = {"api_url", standin_url(world.standin), "limits.units", "7",
                                    NULL};
    const char *const bad[] = {"api_url", standin_url(world.standin), "limits.units", "x", NULL};
    struct kept kept = {0};
    struct provider_session *session = open_with(&kept, NULL);
    struct rider_limits limits;

    (void)state;
    assert_int_equal(provider_set_reload(world.set, "odd", bad, false, &world.error), -EINVAL);
    assert_int_equal(provider_set_reload(world.set, "odd", settings, false, &world.error), 0);
    provider_session_limits(session, &limits);
    assert_int_equal(limits.units, 7);
    assert_string_equal(provider_setting(world.set, "odd", "limits.units"), "7");
    world_close(&world, session);
}

static bool three_over(void *arg)
{
    const struct ending *endings = arg;
    return endings[0].count && endings[1].count && endings[2].count;
}

static void mailboxes_share_the_providers_limits(void **state)
{
    struct rider_message message = {.size = sizeof(message), .subject = "plain"};
    struct provider_session *sessions[3];
    struct kept kept[3] = {0};
    struct ending endings[3] = {0}, fifth;
    struct provider_op *first;

    (void)state;
    for (int i = 0; i < 3; i++)
        sessions[i] = open_with(&kept[i], NULL);
    /* curl lets nobody past a plain-http server's first answer: have that behind us */
    assert_int_equal(world_send(&world, sessions[0], "plain", 0).kind, 0);
    world.reply.how = STANDIN_HANG;
    first = provider_send(sessions[0], &message, 0, ending_note, &endings[0]);
    provider_send(sessions[1], &message, 0, ending_note, &endings[1]);
    provider_send(sessions[2], &message, 0, ending_note, &endings[2]);
    world_run(&world, 100, three_over, endings);
    assert_int_equal(standin_served(world.standin), 2);
    world.reply.how = STANDIN_ANSWER;
    provider_cancel(first);
    assert_true(world_run(&world, 2000, three_over, endings));
    assert_int_equal(endings[0].kind, RIDER_UNCERTAIN);
    assert_int_equal(endings[1].kind, 0);
    assert_int_equal(endings[2].kind, 0);
    fifth = world_send(&world, sessions[1], "plain", 0);
    assert_int_equal(fifth.kind, RIDER_THROTTLED);
    for (int i = 0; i < 3; i++)
        world_close(&world, sessions[i]);
}

static void freeing_the_set_ends_everything(void **state)
{
    struct rider_message message = {.size = sizeof(message), .subject = "plain"};
    struct kept kept = {0};
    struct provider_session *session = open_with(&kept, NULL);
    struct ending ending = {0};

    (void)state;
    world.reply.how = STANDIN_HANG;
    provider_send(session, &message, 0, ending_note, &ending);
    world_run(&world, 50, ending_over, &ending);
    provider_set_free(world.set); /* nobody is told, and nothing leaks: see LeakSanitizer */
    world.set = NULL;
    assert_int_equal(ending.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(access_narrows_whatever_the_plugin_says, setup, teardown),
        cmocka_unit_test_setup_teardown(remembers_across_reloads_and_restarts, setup, teardown),
        cmocka_unit_test_setup_teardown(its_own_settings_win, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reload_may_bring_new_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(mailboxes_share_the_providers_limits, setup_shared,
                                        teardown),
        cmocka_unit_test_setup_teardown(freeing_the_set_ends_everything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
