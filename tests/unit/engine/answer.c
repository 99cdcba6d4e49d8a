/* unit/engine/answer.c: an answer is recorded once, whatever id the provider has for it later. */
#include "rig.h"

struct recorded {
    struct answer answer;
    bool done;
};

static int record(struct store_txn *txn, void *arg)
{
    struct recorded *recorded = arg;

    return answer_record(txn, &rig.engine->writer, &recorded->answer);
}

static void is_recorded(void *arg, int status)
{
    assert_int_equal(status, 0);
    ((struct recorded *)arg)->done = true;
}

static bool is_done(void *arg)
{
    return ((struct recorded *)arg)->done;
}

static void answer_of(uint64_t enrolment, uint64_t mailbox, const char *provider_id,
                      const char *message_id, int32_t kind)
{
    struct recorded recorded = {.answer = {.mailbox = mailbox,
                                           .enrolment = enrolment,
                                           .kind = kind,
                                           .received = clock_wall(),
                                           .now = clock_wall(),
                                           .provider_id = provider_id,
                                           .message_id = message_id,
                                           .from = "pat@example.com"}};

    store_submit(rig.store, record, is_recorded, &recorded);
    assert_true(rig_until(is_done, &recorded));
}

static void answer(uint64_t mailbox, const char *provider_id, const char *message_id, int32_t kind)
{
    answer_of(1, mailbox, provider_id, message_id, kind);
}

/* How many replies there are; and which of them the provider's id names. */
static int replies(uint64_t mailbox, const char *provider_id, uint64_t *id_r)
{
    auto_read struct store_txn *txn = NULL;
    uint64_t after = 0;
    int count = 0;

    assert_int_equal(store_read(rig.store, &txn), 0);
    *id_r = 0;
    store_reply_find(txn, mailbox, provider_id, id_r);
    for (;;) {
        auto_record(reply) reply = {0};

        if (store_reply_next(txn, after, &reply) < 0)
            return count;
        after = reply.id;
        count++;
    }
}

static void test_followed(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL), first, moved;

    (void)state;
    rig_campaign(ANA, "pat@example.com\n");
    rig_wait_noted("send ", 1);
    answer(ana, "INBOX/7/4", "r1@example.com", REPLY_HUMAN);
    assert_int_equal(replies(ana, "INBOX/7/4", &first), 1);
    assert_int_not_equal(first, 0);
    answer(ana, "Archive/3/9", "r1@example.com", REPLY_HUMAN); /* moved */
    assert_int_equal(replies(ana, "Archive/3/9", &moved), 1);
    assert_int_equal(moved, first);
    answer(ana, "INBOX/7/5", "r2@example.com", REPLY_HUMAN); /* other mails are others */
    answer(ana, "INBOX/7/6", NULL, REPLY_HUMAN);
    answer(ana, "INBOX/7/7", NULL, REPLY_HUMAN);
    answer(ana, "INBOX/7/8", "r2@example.com", REPLY_UNSUBSCRIBE);
    assert_int_equal(replies(ana, "INBOX/7/8", &moved), 5);
}

/* References can name mails to two people: both have answered, and the listing goes on. */
static void test_answers_two(void **state)
{
    uint64_t ana = rig_mailbox(ANA, "told", NULL), id;

    (void)state;
    rig_campaign(ANA, "pat@example.com\nsam@example.com\n");
    rig_wait_noted("send ", 2);
    answer_of(1, ana, "INBOX/7/4", "r1@example.com", REPLY_HUMAN);
    answer_of(2, ana, "INBOX/7/4", "r1@example.com", REPLY_HUMAN);
    assert_int_equal(replies(ana, "INBOX/7/4", &id), 2);
    assert_int_equal(id, 1);
    answer_of(1, ana, "Archive/8/1", "r1@example.com", REPLY_HUMAN); /* it moves, with both */
    answer_of(2, ana, "Archive/8/1", "r1@example.com", REPLY_HUMAN);
    assert_int_equal(replies(ana, "Archive/8/1", &id), 2);
    assert_int_equal(id, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_followed, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_answers_two, rig_setup, rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
