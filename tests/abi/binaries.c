/* abi/binaries.c: plugins built with the frozen 1.0 headers, with a shorter table and with a longer
 * one, load and send on this host. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Sends, and cancels a send before it left: the kind that this ends as. */
static int32_t loads_and_sends(const char *plugin, const char *build)
{
    struct rider_message message = {.size = sizeof(message), .subject = "plain"};
    struct world world;
    struct provider_session *session;
    struct ending ending = {0};

    world_init(&world);
    world_put(&world, plugin, "odd.so");
    if (world_add(&world, "odd.so", NULL) < 0)
        fail_msg("%s: %s", plugin, buf_text(&world.error));
    session = world_open(&world, "ana@acme.example");
    assert_non_null(session);
    assert_int_equal(world_send(&world, session, "plain", 0).kind, 0);
    assert_string_equal(world.seen_build, build);
    provider_cancel(provider_send(session, &message, 0, ending_note, &ending));
    world_run(&world, 2000, ending_over, &ending);
    world_close(&world, session);
    world_finish(&world);
    return ending.kind;
}

static void an_old_binary(void **state)
{
    (void)state;
    assert_int_equal(loads_and_sends("old.so", "0.9.0"), RIDER_CANCELLED);
}

static void a_shorter_table(void **state)
{
    (void)state;
    /* its size says that it knows no cancel, so the host must not see the one that is there */
    assert_int_equal(loads_and_sends("shorter.so", "1.0.0"), RIDER_TRANSIENT);
}

static void a_longer_table(void **state)
{
    (void)state;
    assert_int_equal(loads_and_sends("longer.so", "1.0.0"), RIDER_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_binary),
        cmocka_unit_test(a_shorter_table),
        cmocka_unit_test(a_longer_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
