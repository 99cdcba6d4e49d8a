/* unit/engine/reconcile.c: what became of a mail whose sending ended in doubt. */
#include "rig.h"

#define PERSON "pat@example.com\n"
#define PROVES "can 39\n"          /* send, list, label, find */
#define PROVES_NOTHING "can 519\n" /* send, list, label, look */

static void test_absence_is_proof_where_it_was_so_promised(void **state)
{
    (void)state;
    rig_mailbox(ANA, "told", NULL);
    rig_script(PROVES "send uncertain\nfind absent\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("find ", 1);
    rig_script(PROVES);
    rig_wait_noted("send ", 2);
    rig_pass(1000);
    assert_int_equal(rig_state(1), MESSAGE_SENT);
}

/* Minted where not finding it proves that it was not sent; meanwhile the operator changed a
 * setting, or its owner took a part of the grant back. */
static void test_absence_proves_nothing_any_more(void **state)
{
    (void)state;
    rig_mailbox(ANA, "told", NULL);
    rig_script(PROVES "send uncertain\nfind hang\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("send ", 1);
    rig_pass(10);
    rig_script(PROVES_NOTHING "send uncertain\nfind absent\n");
    rig_wait_noted("find ", 1);
    rig_pass(60000);
    assert_int_equal(rig_noted("send "), 1);
    assert_int_equal(rig_state(1), MESSAGE_UNCERTAIN);
}

static void test_looking_that_ends_in_doubt_is_shown_to_a_person(void **state)
{
    (void)state;
    rig_mailbox(ANA, "told", NULL);
    rig_script(PROVES "send uncertain\nfind uncertain\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("find ", 1);
    rig_pass(1000);
    assert_int_equal(rig_state(1), MESSAGE_UNCERTAIN);
    assert_int_equal(rig_noted("send "), 1);
}

static void test_looking_that_is_refused_for_good_is_too(void **state)
{
    (void)state;
    rig_mailbox(ANA, "told", NULL);
    rig_script(PROVES "send uncertain\nfind permanent\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("find ", 3);
    assert_int_equal(rig_state(1), MESSAGE_INTENDED);
    rig_pass(6 * 3600 * 1000);
    assert_int_equal(rig_state(1), MESSAGE_UNCERTAIN);
    assert_int_equal(rig_noted("send "), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_absence_is_proof_where_it_was_so_promised),
        TEST(test_absence_proves_nothing_any_more),
        TEST(test_looking_that_ends_in_doubt_is_shown_to_a_person),
        TEST(test_looking_that_is_refused_for_good_is_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
