/* unit/provider/share.c: limits that the mailboxes of one organisation have together, apart from
 * other organisations' and from each mailbox's own. */
#include "base/clock.h"
#include "base/mem.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static struct world world;

static int setup(void **state)
{
    (void)state;
    world_init(&world);
    world_put(&world, "told.so", "told.so");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_finish(&world);
    clock_set_offset(0);
    return 0;
}

static struct provider_session *open_of(const char *address, const char *tenant)
{
    struct provider_mailbox_info info = {
        .mailbox = 7, .address = address, .access = RIDER_ACCESS_FULL, .tenant = tenant};
    struct provider_session *session = NULL;

    if (provider_session_open(world.set, "odd", &info, NULL, &world.error, &session) < 0)
        fail_msg("%s", buf_text(&world.error));
    return session;
}

struct end {
    int count;
    int32_t kind, scope;
    uint32_t holds;
    int64_t retry;
};

static void ended(void *arg, const struct provider_result *result)
{
    struct end *end = arg;

    end->count++;
    if (!result->failure)
        return;
    end->kind = result->failure->kind;
    end->scope = result->failure->scope;
    end->holds = result->failure->holds;
    end->retry = result->failure->retry_after;
}

static bool end_over(void *arg)
{
    return ((struct end *)arg)->count > 0;
}

static struct end send_to(struct provider_session *session, const char *to)
{
    struct rider_message message = {.size = sizeof(message),
                                    .from = "ana@acme.example",
                                    .to = to,
                                    .message_id = "m1@acme.example"};
    struct end end = {0};

    provider_send(session, &message, 5000, ended, &end);
    assert_true(world_run(&world, 5000, end_over, &end));
    return end;
}

#define ABROAD "pat@example.com"

static void test_recipients_of_a_tenant(void **state)
{
    struct provider_session *ana, *ben, *eve, *none;

    (void)state;
    assert_int_equal(world_add(&world, "told.so",
                               (const char *[]){"limits.tenant.recipients_per_day", "3", NULL}),
                     0);
    ana = open_of("ana@acme.example", "acme");
    ben = open_of("ben@acme.example", "acme");
    eve = open_of("eve@corp.example", "corp");
    none = open_of("nil@home.example", NULL);
    assert_int_equal(send_to(ana, ABROAD).kind, 0);
    assert_int_equal(send_to(ben, ABROAD).kind, 0);
    assert_int_equal(send_to(ana, "dan@acme.example").kind, 0);
    assert_int_equal(send_to(ben, ABROAD).kind, RIDER_THROTTLED);
    assert_true(provider_session_send_at(ana) > clock_wall() + 23 * 3600 * 1000);
    assert_int_equal(send_to(eve, ABROAD).kind, 0); /* another organisation's are its own */
    for (int i = 0; i < 5; i++)
        assert_int_equal(send_to(none, ABROAD).kind, 0); /* of none */
    world_close(&world, ana);
    ana = open_of("ana@acme.example", "acme");
    assert_int_equal(send_to(ana, ABROAD).kind, RIDER_THROTTLED); /* closing gives nothing back */
    assert_int_equal(provider_set_reload(world.set, "odd", NULL, true, &world.error), 0);
    assert_int_equal(send_to(ana, ABROAD).kind, RIDER_THROTTLED); /* nor does a reload */
    clock_set_offset(25 * 3600 * 1000);
    assert_int_equal(send_to(ben, ABROAD).kind, 0);
    world_close(&world, ana);
    world_close(&world, ben);
    world_close(&world, eve);
    world_close(&world, none);
}

static void test_recipients_outside(void **state)
{
    struct provider_session *ana, *ben;
    struct end end;

    (void)state;
    assert_int_equal(
        world_add(&world, "told.so", (const char *[]){"limits.tenant.external_per_day", "2", NULL}),
        0);
    ana = open_of("ana@acme.example", "acme");
    ben = open_of("ben@acme.example", "acme");
    assert_int_equal(send_to(ana, "dan@ACME.example").kind, 0);
    assert_int_equal(send_to(ana, ABROAD).kind, 0);
    assert_int_equal(send_to(ben, ABROAD).kind, 0);
    end = send_to(ben, ABROAD);
    assert_int_equal(end.kind, RIDER_THROTTLED);
    assert_int_equal(end.scope, RIDER_TENANT); /* so that the engine holds up all of them */
    assert_int_equal(end.holds, RIDER_HOLDS_SEND);
    assert_true(end.retry > 23 * 3600 * 1000);
    assert_int_equal(send_to(ana, "dan@acme.example").kind, 0); /* inside is not counted */
    world_close(&world, ana);
    world_close(&world, ben);
}

/* Two providers of one plugin: each its own copy, settings, budgets and reloads. */
static void test_two_of_one_plugin(void **state)
{
    static const char *const one[] = {"limits.provider.recipients_per_day", "1", NULL};
    struct provider_mailbox_info info = {
        .mailbox = 8, .address = "eve@corp.example", .access = RIDER_ACCESS_FULL};
    struct provider_session *ana, *eve;
    struct provider_about about;

    (void)state;
    assert_int_equal(world_add(&world, "told.so", one), 0);
    assert_int_equal(
        provider_set_add(world.set, "corp", "told.so", (const char *[]){NULL}, &world.error), 0);
    ana = open_of("ana@acme.example", NULL);
    assert_int_equal(provider_session_open(world.set, "corp", &info, NULL, &world.error, &eve), 0);
    assert_string_equal(provider_session_provider(eve), "corp");
    assert_int_equal(send_to(ana, ABROAD).kind, 0);
    assert_int_equal(send_to(ana, ABROAD).kind, RIDER_THROTTLED);
    assert_int_equal(send_to(eve, ABROAD).kind, 0);
    world_put(&world, "odd.so", "told.so"); /* the file is another now, and one of them reloads */
    assert_int_equal(provider_set_reload(world.set, "corp", NULL, true, &world.error), 0);
    assert_int_equal(provider_about(world.set, "corp", &about), 0);
    assert_string_equal(about.id, "odd");
    assert_int_equal(provider_about(world.set, "odd", &about), 0);
    assert_string_equal(about.id, "told");
    assert_true(provider_session_pushes(ana));
    assert_false(provider_session_pushes(eve));
    world_close(&world, ana);
    world_close(&world, eve);
}

static void test_mistakes(void **state)
{
    (void)state;
    assert_int_not_equal(
        world_add(&world, "told.so",
                  (const char *[]){"limits.tenant.external_per_day", "many", NULL}),
        0);
    assert_non_null(strstr(buf_text(&world.error), "limits.tenant.external_per_day is 'many'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_recipients_of_a_tenant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recipients_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_of_one_plugin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
