/* abi/binaries.c: plugins built with the frozen 1.0 headers, with a shorter table and with a longer
 * one, load and send on this host. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void loads_and_sends(const char *plugin, const char *build)
{
    struct world world;
    struct provider_session *session;

    world_init(&world);
    world_put(&world, plugin, "odd.so");
    if (world_add(&world, "odd.so", NULL) < 0)
        fail_msg("%s: %s", plugin, buf_text(&world.error));
    session = world_open(&world, "ana@acme.example");
    assert_non_null(session);
    assert_int_equal(world_send(&world, session, "plain", 0).kind, 0);
    assert_string_equal(world.seen_build, build);
    world_close(&world, session);
    world_finish(&world);
}

static void an_old_binary(void **state)
{
    (void)state;
    loads_and_sends("old.so", "0.9.0");
}

static void a_shorter_table(void **state)
{
    (void)state;
    loads_and_sends("shorter.so", "1.0.0");
}

static void a_longer_table(void **state)
{
    (void)state;
    loads_and_sends("longer.so", "1.0.0");
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
