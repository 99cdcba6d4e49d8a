/* unit/provider/operation.c: each operation ends once, and the host judges what a plugin says. */
#include "world.h"

#include "base/clock.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include <string.h>

static struct world world;
static struct provider_session *session;

static int setup_with(const char *const *extra)
{
    world_init(&world);
    world_put(&world, "odd.so", "odd.so");
    if (world_add(&world, "odd.so", extra) < 0)
        return -1;
    session = world_open(&world, "ana@acme.example");
    return session ? 0 : -1;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(NULL);
}

static int setup_limited(void **state)
{
    static const char *const extra[] = {"limits.sends_per_minute", "2", "limits.in_flight", "1",
                                        NULL};
    (void)state;
    return setup_with(extra);
}

static int setup_units(void **state)
{
    static const char *const extra[] = {"limits.units", "1", "limits.per_ms", "60000", NULL};
    (void)state;
    return setup_with(extra);
}

static bool at_rest(void *unused)
{
    (void)unused;
    return loop_busy_count(world.loop) == 0;
}

static int teardown(void **state)
{
    (void)state;
    clock_set_offset(0);
    if (session)
        world_close(&world, session);
    assert_true(world_run(&world, 1000, at_rest, NULL));
    world_finish(&world);
    return 0;
}

static uint64_t twice(void)
{
    struct provider_misdeeds misdeeds;
    provider_misdeeds(&misdeeds);
    return misdeeds.finished_twice;
}

static void sends_with_a_token(void **state)
{
    struct ending ending = world_send(&world, session, "plain", 0);

    (void)state;
    assert_int_equal(ending.kind, 0);
    assert_false(ending.left);
    assert_string_equal(world.seen_token, "Bearer token-1");
}

static void finishing_at_once_is_not_inside_the_call(void **state)
{
    struct rider_message message = {.size = sizeof(message), .subject = "at once"};
    struct ending ending = {0};

    (void)state;
    provider_send(session, &message, 0, ending_note, &ending);
    assert_int_equal(ending.count, 0);
    world_run(&world, 1000, ending_over, &ending);
    assert_int_equal(ending.count, 1);
    assert_int_equal(ending.kind, 0);
}

static void a_401_renews_once(void **state)
{
    struct ending ending;

    (void)state;
    world.good_token = "Bearer token-2";
    ending = world_send(&world, session, "plain", 0);
    assert_int_equal(ending.kind, 0);
    assert_int_equal(world.refusals, 1);
    assert_int_equal(standin_served(world.standin), 2);

    world.good_token = "Bearer of none";
    ending = world_send(&world, session, "plain", 0);
    assert_int_equal(ending.kind, RIDER_AUTH);
    assert_int_equal(world.refusals, 2);
    assert_int_equal(standin_served(world.standin), 4);
    assert_null(strstr(ending.text, "abcdef0123456789")); /* the plugin's detail had a token */
}

static struct {
    int count;
    struct provider_op *op;
} told;

static void at_the_door(void *arg, struct provider_op *op)
{
    (void)arg;
    told.count++;
    told.op = op;
}

static bool at_the_door_now(void *unused)
{
    (void)unused;
    return told.count > 0;
}

static void nothing_leaves_before_it_may(void **state)
{
    struct rider_message message = {.size = sizeof(message), .subject = "plain"};
    struct ending ending = {0};

    (void)state;
    told.count = 0;
    provider_send_held(session, &message, 0, at_the_door, ending_note, &ending);
    assert_true(world_run(&world, 1000, at_the_door_now, NULL));
    assert_false(world_run(&world, 100, ending_over, &ending));
    assert_int_equal(standin_served(world.standin), 0);
    provider_let_go(told.op);
    assert_true(world_run(&world, 1000, ending_over, &ending));
    assert_int_equal(ending.kind, 0);
    assert_int_equal(told.count, 1);
    assert_int_equal(standin_served(world.standin), 1);
}

static void what_never_might_leave_was_not_sent(void **state)
{
    struct rider_message message = {.size = sizeof(message), .subject = "plain"};
    struct ending ending = {0};

    (void)state;
    told.count = 0;
    provider_send_held(session, &message, 0, at_the_door, ending_note, &ending);
    assert_true(world_run(&world, 1000, at_the_door_now, NULL));
    provider_cancel(told.op);
    provider_let_go(told.op); /* too late or not: cancelled requests do not set out */
    assert_true(world_run(&world, 2000, ending_over, &ending));
    assert_int_not_equal(ending.kind, 0);
    assert_false(ending.left);
    assert_int_equal(standin_served(world.standin), 0);
}

/* The plugin ends it while its request stands at the door: nobody lets that one go any more. */
static void what_is_over_leaves_nothing_at_the_door(void **state)
{
    struct rider_message message = {.size = sizeof(message), .subject = "hasty"};
    struct provider_misdeeds before, after;
    struct ending ending = {0};

    (void)state;
    told.count = 0;
    provider_send_held(session, &message, 0, at_the_door, ending_note, &ending);
    assert_true(world_run(&world, 1000, ending_over, &ending));
    assert_int_equal(told.count, 1);
    provider_misdeeds(&before);
    world_close(&world, session);
    session = NULL;
    provider_misdeeds(&after);
    assert_int_equal(after.held_at_close, before.held_at_close);
    assert_int_equal(standin_served(world.standin), 0);
}

static void without_a_token_the_source_has_the_word(void **state)
{
    const struct rider_failure gone = {.size = sizeof(gone),
                                       .kind = RIDER_AUTH,
                                       .scope = RIDER_MAILBOX,
                                       .retry_after = -1,
                                       .detail = "the grant was revoked"};
    struct ending ending;

    (void)state;
    world.no_token = &gone;
    ending = world_send(&world, session, "plain", 0);
    assert_int_equal(ending.kind, RIDER_AUTH);
    assert_string_equal(ending.text, "the grant was revoked");
    assert_int_equal(standin_served(world.standin), 0);
}

static void what_left_and_was_not_answered_is_uncertain(void **state)
{
    static const struct {
        struct standin_reply reply;
        int32_t kind;
    } cases[] = {
        {{.how = STANDIN_CUT}, RIDER_UNCERTAIN},
        {{.how = STANDIN_RAW, .body = "HTTP/1.1 2"}, RIDER_UNCERTAIN},
        {{.how = STANDIN_RAW, .body = "what?\r\n\r\n"}, RIDER_UNCERTAIN},
        {{.status = 503}, RIDER_UNCERTAIN},
        {{.status = 302, .headers = "Location: /elsewhere\r\n"}, RIDER_UNCERTAIN},
        {{.status = 429}, RIDER_TRANSIENT},
        {{.status = 403}, RIDER_TRANSIENT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ending ending;
        world.reply = cases[i].reply;
        ending = world_send(&world, session, "plain", 0);
        assert_int_equal(ending.kind, cases[i].kind);
        assert_int_equal(ending.left, cases[i].kind == RIDER_UNCERTAIN);
    }
    standin_shut(world.standin);
    assert_int_equal(world_send(&world, session, "plain", 0).kind, RIDER_TRANSIENT);
}

static void odd_answers_are_judged(void **state)
{
    uint64_t before = twice();

    (void)state;
    assert_int_equal(world_send(&world, session, "odd kind", 0).kind, RIDER_UNCERTAIN);
    assert_int_equal(world_send(&world, session, "nonsense", 0).kind, RIDER_UNCERTAIN);
    assert_int_equal(world_send(&world, session, "twice", 0).kind, 0);
    assert_int_equal(twice(), before + 1);
}

static void a_token_goes_nowhere_else(void **state)
{
    (void)state;
    assert_int_equal(world_send(&world, session, "foreign", 0).kind, RIDER_TRANSIENT);
    assert_int_equal(world.asked, 0);
}

static void what_never_ends_is_ended(void **state)
{
    struct ending ending = world_send(&world, session, "never", 50);

    (void)state;
    assert_int_equal(ending.kind, RIDER_TRANSIENT);
    assert_int_equal(provider_session_busy(session), 0);

    world.reply.how = STANDIN_HANG;
    ending = world_send(&world, session, "plain", 200);
    assert_int_equal(ending.kind, RIDER_UNCERTAIN); /* the plugin said CANCELLED */
}

static void what_ends_late_is_ignored(void **state)
{
    bool never = false;
    uint64_t before = twice();
    struct ending ending = world_send(&world, session, "late", 50);

    (void)state;
    assert_int_equal(ending.kind, RIDER_TRANSIENT);
    world_run(&world, 500, ending_over, &(struct ending){0});
    assert_false(never);
    assert_int_equal(twice(), before);
}

static void cancelling_ends_it(void **state)
{
    struct rider_message message = {.size = sizeof(message), .subject = "plain"};
    struct ending ending = {0};
    struct provider_op *op;

    (void)state;
    world.reply.how = STANDIN_HANG;
    op = provider_send(session, &message, 0, ending_note, &ending);
    provider_cancel(op);
    provider_cancel(op);
    assert_int_equal(ending.count, 0);
    world_run(&world, 1000, ending_over, &ending);
    assert_int_equal(ending.kind, RIDER_CANCELLED); /* nothing had left yet */
}

static bool take(void *arg, const struct rider_reply *reply)
{
    *(unsigned *)arg += 1;
    return reply->change == RIDER_ARRIVED && strcmp(reply->provider_id, "m1") == 0;
}

struct listed {
    struct ending ending;
    unsigned items;
};

static bool take_listed(void *arg, const struct rider_reply *reply)
{
    return take(&((struct listed *)arg)->items, reply);
}

static void note_listed(void *arg, const struct provider_result *result)
{
    assert_non_null(result->page);
    assert_int_equal(result->page->cursor.len, 2);
    ending_note(&((struct listed *)arg)->ending, result);
}

static void lists_remembers_and_narrows(void **state)
{
    struct rider_query query = {.size = sizeof(query), .limit = 10};
    struct listed listed = {0};

    (void)state;
    assert_true(provider_session_can(session) & RIDER_CAN_LIST);
    provider_list(session, &query, take_listed, 0, note_listed, &listed);
    world_run(&world, 1000, ending_over, &listed.ending);
    assert_int_equal(listed.items, 1);
    assert_int_equal(provider_session_can(session), RIDER_CAN_SEND);
    listed.ending.count = 0;
    provider_list(session, &query, take_listed, 0, ending_note, &listed.ending);
    world_run(&world, 1000, ending_over, &listed.ending);
    assert_int_equal(listed.ending.kind, RIDER_UNSUPPORTED);
}

static void note_identity(void *arg, const struct provider_result *result)
{
    assert_non_null(result->identity);
    assert_string_equal(result->identity->name, "none"); /* the secret was not handed over */
    assert_string_equal(result->identity->tenant, "blue");
    ending_note(arg, result);
}

static void identifies_without_secrets(void **state)
{
    struct ending ending = {0};

    (void)state;
    provider_identify(session, 0, note_identity, &ending);
    world_run(&world, 1000, ending_over, &ending);
    assert_int_equal(ending.count, 1);
}

static void keeps_sends_a_minute(void **state)
{
    struct ending ending;
    int64_t before;

    (void)state;
    assert_int_equal(world_send(&world, session, "at once", 0).kind, 0);
    before = clock_wall();
    usleep(2000); /* "at once" is also not after what the caller took for now a moment ago */
    assert_true(provider_session_send_at(session) <= before);
    assert_int_equal(world_send(&world, session, "at once", 0).kind, 0);
    ending = world_send(&world, session, "at once", 0);
    assert_int_equal(ending.kind, RIDER_THROTTLED);
    assert_true(ending.retry_after > 50000 && ending.retry_after <= 60000);
    clock_set_offset(61000);
    assert_int_equal(world_send(&world, session, "at once", 0).kind, 0);
}

static bool two_over(void *arg)
{
    struct ending *endings = arg;
    return endings[0].count > 0 && endings[1].count > 0;
}

/* A send that would wait for its units does not begin: its window could be over by then. */
static void keeps_units_and_rests_meanwhile(void **state)
{
    struct rider_message message = {.size = sizeof(message), .subject = "plain"};
    struct ending endings[2] = {0};

    (void)state;
    provider_send(session, &message, 0, ending_note, &endings[0]);
    provider_send(session, &message, 0, ending_note, &endings[1]);
    assert_true(world_run(&world, 5000, two_over, endings));
    assert_int_equal(endings[0].kind, 0);
    assert_int_equal(endings[1].kind, RIDER_THROTTLED);
    assert_in_range(endings[1].retry_after, 1, 60000);
    assert_int_equal(standin_served(world.standin), 1);
    assert_int_equal(loop_busy_count(world.loop), 0); /* so a virtual clock may jump */
    assert_true(provider_session_send_at(session) > clock_wall() + 50000);
    clock_set_offset(61000);
    loop_timer_free(loop_timer_new(world.loop, NULL, NULL));
    assert_true(provider_session_send_at(session) <= clock_wall());
    assert_int_equal(world_send(&world, session, "plain", 0).kind, 0);
}

static void closing_tells_everyone(void **state)
{
    struct rider_message message = {.size = sizeof(message), .subject = "plain"};
    struct ending endings[2] = {0};

    (void)state;
    world.reply.how = STANDIN_HANG;
    provider_send(session, &message, 0, ending_note, &endings[0]);
    provider_send(session, &message, 0, ending_note, &endings[1]);
    world_close(&world, session);
    session = NULL;
    assert_int_equal(endings[0].count, 1);
    assert_int_equal(endings[1].count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sends_with_a_token, setup, teardown),
        cmocka_unit_test_setup_teardown(finishing_at_once_is_not_inside_the_call, setup, teardown),
        cmocka_unit_test_setup_teardown(a_401_renews_once, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_leaves_before_it_may, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_over_leaves_nothing_at_the_door, setup, teardown),
        cmocka_unit_test_setup_teardown(what_never_might_leave_was_not_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_token_the_source_has_the_word, setup, teardown),
        cmocka_unit_test_setup_teardown(what_left_and_was_not_answered_is_uncertain, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(odd_answers_are_judged, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_goes_nowhere_else, setup, teardown),
        cmocka_unit_test_setup_teardown(what_never_ends_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(what_ends_late_is_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelling_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_remembers_and_narrows, setup, teardown),
        cmocka_unit_test_setup_teardown(identifies_without_secrets, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_sends_a_minute, setup_limited, teardown),
        cmocka_unit_test_setup_teardown(keeps_units_and_rests_meanwhile, setup_units, teardown),
        cmocka_unit_test_setup_teardown(closing_tells_everyone, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
