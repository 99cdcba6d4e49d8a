/* unit/engine/file.c: the copy in Sent: made after SENT is on disk, until it is there, never by
 * sending. */
#include "rig.h"

#define PERSON "pat@example.com\n"

static struct engine_tally tally(void)
{
    struct engine_tally tally;

    engine_tally(rig.engine, &tally);
    return tally;
}

static void test_filed_and_labelled(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_campaign(ANA, PERSON "quin@example.com\n");
    rig_wait_noted("label " ANA, 2);
    rig_pass(120000);
    assert_int_equal(rig_noted("send "), 2);
    assert_int_equal(rig_noted("file "), 2);
    assert_int_equal(rig_noted("file-without-bytes"), 0);
    assert_int_equal(rig_noted("find "), 0); /* it said where the copy is */
    assert_int_equal(rig_work(ana, 0), 0);
    assert_false(rig_has_body(1));
    assert_int_equal(tally().filed, 2);
}

static void test_asked_where_it_was_not_said(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_script("file none\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("label " ANA, 1); /* the label needs the copy's id */
    assert_int_equal(rig_noted("find "), 1);
    rig_pass(120000);
    assert_int_equal(rig_work(ana, 0), 0);
    assert_int_equal(rig_noted("file "), 1);
}

static void test_tried_until_it_works(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_script("file uncertain\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("file ", 4);
    assert_int_equal(rig_state(1), MESSAGE_SENT);
    assert_true(rig_has_body(1)); /* kept as long as it is needed */
    rig_script("");
    rig_wait_noted("label ", 1);
    rig_pass(1000);
    assert_false(rig_has_body(1));
    assert_int_equal(rig_noted("send "), 1);
    assert_int_equal(rig_noted("file "), 5);
    assert_int_equal(rig_work(ana, 0), 0);
}

static void test_given_up(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_script("file transient\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("file ", 24);
    rig_pass(2 * 3600 * 1000);
    assert_int_equal(rig_noted("file "), 24);
    assert_int_equal(rig_noted("send "), 1);
    assert_int_equal(rig_state(1), MESSAGE_SENT);
    assert_false(rig_has_body(1));
    assert_int_equal(rig_work(ana, 0), 0);
    assert_int_equal(tally().unfiled, 1);
    assert_int_equal(tally().filed, 0);
}

static void test_hopeless_at_once(void **state)
{
    (void)state;
    rig_mailbox(ANA, "told", NULL);
    rig_script("file permanent\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("file ", 1);
    rig_pass(3600 * 1000);
    assert_int_equal(rig_noted("file "), 1);
    assert_int_equal(tally().unfiled, 1);
    assert_false(rig_has_body(1));
}

static void test_goes_on_after_a_restart(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_script("file transient\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("file ", 1);
    rig_pass(10);
    rig_reopen();
    assert_int_equal(rig_work(ana, WORK_FILE), 1);
    rig_script("");
    rig_wait_noted("label ", 1);
    rig_pass(1000);
    assert_int_equal(rig_noted("send "), 1); /* filing never sends */
    assert_int_equal(rig_work(ana, 0), 0);
    assert_false(rig_has_body(1));
}

static void test_not_where_the_provider_files(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_script("can 519\n"); /* send, list, label, look */
    engine_mailbox_changed(rig.engine, ana);
    rig_campaign(ANA, PERSON);
    rig_wait_noted("label ", 1);
    assert_int_equal(rig_noted("file"), 0);
    assert_int_equal(rig_noted("find "), 1);
    assert_false(rig_has_body(1));
}

static void test_found_out_that_the_provider_files(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_script("file transient\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("file ", 1);
    rig_script("can 519\n");
    rig_wait_noted("label ", 1);
    rig_pass(1000);
    assert_int_equal(rig_noted("file "), 1);
    assert_int_equal(tally().unfiled, 0);
    assert_int_equal(tally().filed, 0);
    assert_int_equal(rig_work(ana, 0), 0);
    assert_false(rig_has_body(1));
}

static void test_uncertain_is_looked_for_and_settled(void **state)
{
    struct said said = {0};
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_script("send uncertain\nfind absent\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("find ", 1); /* looking may prove it; not finding proves nothing */
    rig_pass(60000);
    assert_int_equal(rig_state(1), MESSAGE_UNCERTAIN);
    assert_true(rig_has_body(1));
    assert_int_equal(rig_noted("send "), 1);
    engine_settle(rig.engine, 1, 0, true, rig_said, &said);
    rig_good(&said);
    assert_int_equal(rig_state(1), MESSAGE_SENT);
    rig_wait_noted("label ", 1);
    rig_pass(1000);
    assert_int_equal(rig_noted("file "), 1);
    assert_int_equal(rig_noted("send "), 1);
    assert_false(rig_has_body(1));
    assert_int_equal(rig_work(ana, 0), 0);
}

static void test_uncertain_found_is_sent(void **state)
{
    (void)state;
    rig_mailbox(ANA, "told", NULL);
    rig_script("send uncertain\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("label ", 1);
    assert_int_equal(rig_state(1), MESSAGE_SENT);
    assert_int_equal(rig_noted("file"), 0); /* it lies there */
    assert_false(rig_has_body(1));
}

static void test_erased_before_it_was_filed(void **state)
{
    struct said said = {0};
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_script("file transient\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("file ", 1);
    engine_erase(rig.engine, "pat@example.com", rig_said, &said);
    rig_good(&said);
    assert_false(rig_has_body(1));
    rig_pass(3600 * 1000);
    assert_int_equal(rig_work(ana, 0), 0);
    assert_int_equal(rig_noted("file-without-bytes"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_filed_and_labelled),
        TEST(test_asked_where_it_was_not_said),
        TEST(test_tried_until_it_works),
        TEST(test_given_up),
        TEST(test_hopeless_at_once),
        TEST(test_goes_on_after_a_restart),
        TEST(test_not_where_the_provider_files),
        TEST(test_found_out_that_the_provider_files),
        TEST(test_uncertain_is_looked_for_and_settled),
        TEST(test_uncertain_found_is_sent),
        TEST(test_erased_before_it_was_filed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
