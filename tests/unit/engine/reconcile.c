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

struct under_way { /* the first message, as a crash leaves it */
    int64_t left_at;
    bool done;
};

static int under_way(struct store_txn *txn, void *arg)
{
    const struct under_way *under = arg;
    auto_record(message) message = {0};
    auto_record(enrolment) enrolment = {0};
    int r = store_message_get(txn, 1, 0, &message);

    if (r == 0)
        r = store_enrolment_get(txn, 1, &enrolment);
    message.state = MESSAGE_INTENDED;
    message.left_at = under->left_at;
    enrolment.due = INT64_MAX;
    if (r == 0)
        r = store_message_put(txn, &message);
    return r < 0 ? r : store_enrolment_put(txn, &enrolment);
}

static void is_under_way(void *arg, int status)
{
    assert_int_equal(status, 0);
    ((struct under_way *)arg)->done = true;
}

static bool done(void *arg)
{
    return ((struct under_way *)arg)->done;
}

/* What becomes of it where absence proves nothing. */
static int32_t after_a_crash(int64_t left_at)
{
    struct under_way under = {.left_at = left_at};

    rig_mailbox(ANA, "told", NULL);
    rig_script(PROVES_NOTHING "send transient\n");
    rig_campaign(ANA, PERSON);
    rig_wait_noted("send ", 1);
    rig_pass(10);
    store_submit(rig.store, under_way, is_under_way, &under);
    assert_true(rig_until(done, &under));
    rig_script(PROVES_NOTHING "find absent\n");
    rig_reopen();
    rig_wait_noted("find ", 1);
    rig_pass(120000);
    return rig_state(1);
}

static void test_what_had_not_left_goes_again(void **state)
{
    (void)state;
    assert_int_equal(after_a_crash(-1), MESSAGE_SENT);
    assert_int_equal(rig_noted("send "), 2);
}

static void test_what_may_have_left_does_not(void **state)
{
    (void)state;
    assert_int_equal(after_a_crash(clock_wall()), MESSAGE_UNCERTAIN);
    assert_int_equal(rig_noted("send "), 1);
}

static void test_nor_does_what_an_older_store_kept(void **state)
{
    (void)state;
    assert_int_equal(after_a_crash(0), MESSAGE_UNCERTAIN);
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
        TEST(test_what_had_not_left_goes_again),
        TEST(test_what_may_have_left_does_not),
        TEST(test_nor_does_what_an_older_store_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
