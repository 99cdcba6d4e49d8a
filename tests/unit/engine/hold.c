/* unit/engine/hold.c: how far a failure reaches: a mailbox, its organisation, the whole service. */
#include "rig.h"

static void run(const char *from)
{
    auto_free char *person = mem_printf("pat-%.3s@example.com\n", from);

    rig_campaign(from, person);
}

static int sent_by(const char *address)
{
    auto_free char *line = mem_printf("send %s", address);

    return rig_noted(line);
}

/* Ana is told to wait half a minute; who of the others may send meanwhile? */
static void reach(const char *how, int of_tenant, int of_provider)
{
    auto_free char *script = mem_printf("list %s\n", how);
    uint64_t ana;

    rig_mailbox("ben@acme.example", "told", "acme");
    rig_mailbox("eve@corp.example", "told", "corp");
    rig_mailbox("nil@home.example", "told", NULL);
    rig_mailbox("oda@acme.example", "other", "acme");
    rig_pass(100);
    rig_script(script);
    ana = rig_mailbox(ANA, "told", "acme");
    rig_pass(500);
    rig_script("");
    run("ben@acme.example");
    run("eve@corp.example");
    run("nil@home.example");
    run("oda@acme.example");
    rig_pass(15000);
    assert_int_equal(sent_by("ben"), of_tenant);
    assert_int_equal(sent_by("eve"), of_provider);
    assert_int_equal(sent_by("nil"), of_provider);
    assert_int_equal(sent_by("oda"), 1); /* another provider's */
    rig_pass(60000);
    assert_int_equal(sent_by("ben"), 1); /* it is over */
    assert_int_equal(sent_by("eve"), 1);
    (void)ana;
}

static void test_mailbox(void **state)
{
    (void)state;
    reach("throttled", 1, 1);
}

static void test_tenant(void **state)
{
    (void)state;
    reach("tenant", 0, 1);
}

static void test_service(void **state)
{
    (void)state;
    reach("service", 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mailbox),
        TEST(test_tenant),
        TEST(test_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
