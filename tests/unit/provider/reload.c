/* unit/provider/reload.c: a plugin is swapped while it works, or the old one is not touched. */
#include "world.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

static struct world world;
static struct provider_session *session;

static int setup(void **state)
{
    (void)state;
    world_init(&world);
    world_put(&world, "odd.so", "odd.so");
    if (world_add(&world, "odd.so", NULL) < 0)
        return -1;
    session = world_open(&world, "ana@acme.example");
    return session ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (session)
        world_close(&world, session);
    assert_int_equal(loop_busy_count(world.loop), 0);
    world_finish(&world);
    return 0;
}

static int reload(const char *plugin, bool accept_origins)
{
    world_put(&world, plugin, "odd.so");
    return provider_set_reload(world.set, "odd", NULL, accept_origins, &world.error);
}

static const char *build_of_a_send(void)
{
    assert_int_equal(world_send(&world, session, "plain", 0).kind, 0);
    return world.seen_build;
}

/* The copies of other tests' worlds don't count: one of them parks a generation on purpose. */
static bool mapped(const char *copy)
{
    auto_free char *path = mem_printf("%s/plugins.run/%s", world.data, copy);

    return world_mapped(path);
}

static bool first_unmapped(void *unused)
{
    (void)unused;
    return !mapped("odd.1.so");
}

struct count {
    unsigned live, draining, parked;
    struct provider_generation_status last_parked;
};

static void count_one(void *arg, const struct provider_generation_status *status)
{
    struct count *count = arg;

    count->live += status->state == PROVIDER_LIVE;
    count->draining += status->state == PROVIDER_DRAINING;
    count->parked += status->state == PROVIDER_PARKED;
    if (status->state == PROVIDER_PARKED)
        count->last_parked = *status;
}

static struct count count_all(void)
{
    struct count count = {0};
    provider_set_status(world.set, count_one, &count);
    return count;
}

static void new_work_goes_to_the_new_one(void **state)
{
    (void)state;
    assert_string_equal(build_of_a_send(), "1.0.0");
    assert_int_equal(reload("odd2.so", false), 0);
    assert_string_equal(build_of_a_send(), "2.0.0");
    assert_true(world_run(&world, 1000, first_unmapped, NULL));
    assert_true(mapped("odd.2.so"));
    assert_int_equal(count_all().live, 1);
    assert_int_equal(count_all().draining + count_all().parked, 0);
}

static void fifty_times(void **state)
{
    static const char *const builds[] = {"odd.so", "odd2.so"};

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        if (i % 10 == 9) {
            assert_true(reload("nosymbol.so", false) < 0);
            assert_non_null(strstr(buf_text(&world.error), "has no symbol"));
            buf_finish(&world.error);
            continue;
        }
        assert_int_equal(reload(builds[i % 2], false), 0);
        assert_string_equal(build_of_a_send(), i % 2 ? "2.0.0" : "1.0.0");
    }
    world_run(&world, 100, ending_over, &(struct ending){0});
    assert_int_equal(count_all().live, 1);
    assert_int_equal(count_all().draining + count_all().parked, 0);
}

static void what_is_in_flight_ends_on_the_old_one(void **state)
{
    struct rider_message message = {.size = sizeof(message), .subject = "plain"};
    struct ending ending = {0};

    (void)state;
    assert_string_equal(build_of_a_send(), "1.0.0");
    world.reply.how = STANDIN_HANG;
    provider_send(session, &message, 0, ending_note, &ending);
    assert_false(world_run(&world, 100, ending_over, &ending));
    assert_int_equal(reload("odd2.so", false), 0);
    assert_int_equal(count_all().draining, 1);
    world.reply.how = STANDIN_ANSWER;
    assert_string_equal(build_of_a_send(), "2.0.0");
    assert_int_equal(ending.count, 0);
    world_run(&world, 1000, ending_over, &ending); /* the grace is over, and it is cancelled */
    assert_int_equal(ending.kind, RIDER_UNCERTAIN);
    assert_true(world_run(&world, 1000, first_unmapped, NULL));
}

static void a_bad_one_is_refused_and_the_old_one_works_on(void **state)
{
    static const struct {
        const char *plugin, *sentence;
    } bad[] = {
        {"nosymbol.so", "has no symbol rider_provider_v1"},
        {"major.so", "built for version 2"},
        {"refuse.so", "would not open mailbox ana@acme.example: this build opens nothing"},
        {"needs.so", "needs needed"},
        {"huge.so", "bytes long"},
        {"origin.so", "would let tokens go to https://new.example"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(reload(bad[i].plugin, false) < 0);
        if (!strstr(buf_text(&world.error), bad[i].sentence))
            fail_msg("'%s' lacks '%s'", buf_text(&world.error), bad[i].sentence);
        assert_non_null(strstr(buf_text(&world.error), "goes on with Odd 1.0.0 (generation 1)"));
        buf_finish(&world.error);
        assert_string_equal(build_of_a_send(), "1.0.0");
        assert_int_equal(count_all().live, 1);
        assert_int_equal(count_all().draining + count_all().parked, 0);
        assert_true(mapped("odd.1.so"));
    }
    assert_int_equal(reload("origin.so", true), 0);
    assert_string_equal(build_of_a_send(), "3.0.0");
}

static void what_is_held_is_parked(void **state)
{
    (void)state;
    assert_int_equal(world_send(&world, session, "hold", 0).kind, 0);
    assert_int_equal(reload("odd2.so", false), 0);
    world_run(&world, 200, ending_over, &(struct ending){0});
    assert_int_equal(count_all().parked, 1);
    assert_int_equal(count_all().last_parked.timers, 1);
    assert_true(mapped("odd.1.so"));
    assert_string_equal(build_of_a_send(), "2.0.0");
}

static void what_never_ended_does_not_hold_it(void **state)
{
    (void)state;
    assert_int_equal(world_send(&world, session, "never", 50).kind, RIDER_TRANSIENT);
    assert_int_equal(reload("odd2.so", false), 0);
    assert_true(world_run(&world, 1000, first_unmapped, NULL));
}

static void an_unknown_name_is_said(void **state)
{
    (void)state;
    assert_int_equal(provider_set_reload(world.set, "even", NULL, false, &world.error), -ENOENT);
    assert_non_null(strstr(buf_text(&world.error), "no provider named 'even'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(new_work_goes_to_the_new_one, setup, teardown),
        cmocka_unit_test_setup_teardown(fifty_times, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_in_flight_ends_on_the_old_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_one_is_refused_and_the_old_one_works_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_held_is_parked, setup, teardown),
        cmocka_unit_test_setup_teardown(what_never_ended_does_not_hold_it, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_name_is_said, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
