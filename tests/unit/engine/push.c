/* unit/engine/push.c: watches asked for and renewed, hints that bring listings, but not too many,
 * and the slow poll that goes on. */
#include "rig.h"

#include <errno.h>

static struct engine_tally tally(void)
{
    struct engine_tally tally;

    engine_tally(rig.engine, &tally);
    return tally;
}

static int notify(uint64_t mailbox, const char *provider, const char *query,
                  struct rider_notice_answer *answer)
{
    struct rider_notice notice = {.size = sizeof(notice), .method = "POST", .query = query};
    auto_buf struct buf token = {0};

    seal_link(rig.seal, "push", mailbox, 0, 0, &token);
    return engine_notice(rig.engine, provider, buf_text(&token), &notice, answer);
}

static void hint(uint64_t mailbox, const char *query)
{
    struct rider_notice_answer answer;

    assert_int_equal(notify(mailbox, "told", query, &answer), 0);
    assert_int_equal(answer.status, 202);
}

/* So much real time, in which nothing but what hints bring happens. */
static void turn(int ms)
{
    loop_run_until(rig.loop, ms, rig_once, NULL);
}

static void test_hints_list_soon(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL);
    int before;

    (void)state;
    rig_wait_noted("watch ", 1);
    turn(50);
    rig_pass(5000);
    before = rig_noted("list ");
    for (int i = 0; i < 50; i++)
        hint(ana, "hint");
    turn(50);
    assert_int_equal(rig_noted("list "), before + 1); /* at once, and once */
    hint(ana, "hint");
    turn(200);
    assert_int_equal(rig_noted("list "), before + 1); /* not again within a second */
    rig_pass(1500);
    assert_int_equal(rig_noted("list "), before + 2);
    rig_pass(125000);
    assert_in_range(rig_noted("list "), before + 3, before + 4); /* the slow poll goes on */
    assert_in_range(tally().hints, 2, 51);
    assert_int_equal(tally().watches, 1);
}

static void test_hints_are_capped(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL);
    int64_t end;
    int before;

    (void)state;
    rig_wait_noted("watch ", 1);
    rig_pass(5000);
    before = rig_noted("list ");
    end = clock_wall() + 90000;
    while (clock_wall() < end) {
        hint(ana, "hint");
        rig_pass(1000);
    }
    /* 20 at once, then one in 3 s; one a second without the cap, 2 in all without hints */
    assert_in_range(rig_noted("list ") - before, 40, 56);
}

static void test_renewed_and_mended(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_wait_noted("watch ", 1);
    rig_pass(3600 * 1000);
    assert_int_equal(rig_noted("watch "), 1); /* it said 0: never */
    rig_script("watch 600000\n");
    hint(ana, "lost");
    rig_pass(3000);
    assert_int_equal(rig_noted("watch "), 2);
    rig_pass(601000);
    assert_int_equal(rig_noted("watch "), 3);
    for (int i = 0; i < 5; i++) { /* one that never lasts is not asked for all the time */
        hint(ana, "lost");
        rig_pass(5000);
    }
    assert_in_range(rig_noted("watch "), 4, 6);
}

static void test_failing_backs_off(void **state)
{
    (void)state;
    rig_script("watch transient\n");
    rig_mailbox(ANA, "told", NULL);
    rig_pass(3600 * 1000);
    assert_in_range(rig_noted("watch "), 6, 12);
    assert_int_equal(tally().watches, 0);
    rig_script("");
    rig_wait_noted("watch ", rig_noted("watch ") + 1);
    rig_pass(1000);
    assert_int_equal(tally().watches, 1);
}

static void test_unsupported_is_not_asked_again(void **state)
{
    uint64_t ana;

    (void)state;
    rig_script("watch unsupported\n");
    ana = rig_mailbox(ANA, "told", NULL);
    rig_pass(6 * 3600 * 1000);
    assert_int_equal(rig_noted("watch "), 1);
    assert_true(rig_noted("list ") > 100);
    rig_script("");
    assert_int_equal(provider_set_reload(rig.set, "told", NULL, true, &(struct buf){0}), 0);
    rig_wait_noted("watch ", 2); /* the new one may do better */
    (void)ana;
}

static void test_notices_reach_their_mailbox_only(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL), ben = rig_mailbox(BEN, "told", NULL);
    struct rider_notice notice = {.size = sizeof(notice), .method = "POST", .query = "hint"};
    struct rider_notice_answer answer;
    auto_buf struct buf token = {0};

    (void)state;
    rig_wait_noted("watch ", 2);
    hint(ben, "hint");
    assert_int_equal(rig_noted("notice " BEN), 1);
    assert_int_equal(rig_noted("notice " ANA), 0);
    assert_int_equal(notify(ana, "other", "hint", &answer), -ENOENT);
    assert_int_equal(notify(99, "told", "hint", &answer), -ENOENT);
    seal_link(rig.seal, "push", ana, 0, 0, &token);
    ((char *)token.data)[token.len - 1] ^= 1;
    assert_int_equal(engine_notice(rig.engine, "told", buf_text(&token), &notice, &answer),
                     -ENOENT);
    token.len = 0;
    seal_link(rig.seal, "invite", ana, 0, 0, &token); /* what is for another purpose */
    assert_int_equal(engine_notice(rig.engine, "told", buf_text(&token), &notice, &answer),
                     -ENOENT);
    assert_int_equal(rig_noted("notice " ANA), 0);
}

static void test_address(void **state)
{
    (void)state;
    rig_mailbox(ANA, "told", NULL);
    rig_wait_noted("watch " ANA " -", 1); /* nobody can reach us */
    rig_close();
    rig.public_url = "https://outreach.example";
    rig_open();
    rig_wait_noted("watch " ANA " https://outreach.example/push/told/", 1);
    assert_int_equal(rig_noted("unwatch"), 0); /* it stands over a restart */
    rig_close();
    rig.public_url = "http://outreach.example";
    rig_open();
    rig_wait_noted("watch " ANA " -", 2); /* never in the clear */
}

static void test_ended_when_paused(void **state)
{
    struct said said = {0};
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_wait_noted("watch ", 1);
    rig_pass(1000);
    mailbox_pause(rig.mailboxes, ana, true, rig_said, &said);
    rig_good(&said);
    engine_mailbox_changed(rig.engine, ana);
    rig_wait_noted("close ", 1);
    assert_int_equal(rig_noted("unwatch "), 1);
}

/* Push alone may be what is not granted: the mailbox goes on without. */
static void test_a_refused_watch_takes_nothing_else_away(void **state)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(mailbox) mailbox = {0};
    uint64_t ana = rig_mailbox(ANA, "told", NULL);

    (void)state;
    rig_script("watch auth\n");
    engine_mailbox_changed(rig.engine, ana);
    rig_wait_noted("watch ", 3);
    rig_pass(120000);
    assert_int_equal(store_read(rig.store, &txn), 0);
    assert_int_equal(store_mailbox_get(txn, ana, &mailbox), 0);
    assert_int_equal(mailbox.status, MAILBOX_ACTIVE);
    store_read_end(&txn);
    rig_campaign(ANA, "pat@example.com\n");
    rig_wait_noted("send ", 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hints_list_soon),
        TEST(test_hints_are_capped),
        TEST(test_renewed_and_mended),
        TEST(test_failing_backs_off),
        TEST(test_a_refused_watch_takes_nothing_else_away),
        TEST(test_unsupported_is_not_asked_again),
        TEST(test_notices_reach_their_mailbox_only),
        TEST(test_address),
        TEST(test_ended_when_paused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
