/* unit/store/check.c: --check finds each kind of mistake that is planted, and none where none is.
 */
#include "help.h"

#include "store/txn.h"

struct found {
    int count;
    char text[4096];
};

static void collect(void *arg, const char *sentence)
{
    struct found *found = arg;

    found->count++;
    strncat(found->text, sentence, sizeof found->text - strlen(found->text) - 1);
}

static int apply_sound(struct store_txn *txn, void *arg)
{
    struct campaign campaign = {.id = 1};
    struct campaign_counts counts = {.campaign = 1,
                                     .people = 1,
                                     .steps = 2,
                                     .messages = 2,
                                     .sent = 1,
                                     .planned = 1,
                                     .bounced_hard = 1,
                                     .bounced_soft = 1,
                                     .bounced = 1};
    struct enrolment enrolment = {.id = 7,
                                  .campaign = 1,
                                  .person = 4,
                                  .mailbox = 2,
                                  .steps = 2,
                                  .status = ENROLMENT_ACTIVE,
                                  .marks = MARK_BOUNCED_HARD | MARK_BOUNCED_SOFT,
                                  .due = 99};
    uint64_t theirs[] = {7};
    char key[] = "cy@x.example", id[] = "<1@x>";
    struct person person = {.id = 4, .key = key, .enrolments = theirs, .enrolment_count = 1};
    struct message message = {
        .enrolment = 7, .campaign = 1, .mailbox = 2, .state = MESSAGE_SENT, .final_id = id};

    (void)arg;
    assert_int_equal(store_campaign_put(txn, &campaign), 0);
    assert_int_equal(store_counts_put(txn, &counts), 0);
    assert_int_equal(store_person_put(txn, &person), 0);
    assert_int_equal(store_enrolment_put(txn, &enrolment), 0);
    assert_int_equal(store_message_put(txn, &message), 0);
    return store_company_add(txn, "x.example", 7);
}

/* Plants by hand, past the functions that keep the indexes. */
static void planted(store_apply *plant, const char *sentence)
{
    struct found found = {0, ""};
    struct help help;

    help_init(&help);
    help_open(&help);
    assert_int_equal(help_run(&help, apply_sound, NULL), 0);
    assert_int_equal(store_check(help.store, collect, &found), 0);
    assert_int_equal(found.count, 0);
    assert_int_equal(help_run(&help, plant, NULL), 0);
    assert_int_equal(store_check(help.store, collect, &found), -EBADMSG);
    if (!strstr(found.text, sentence))
        fail_msg("\"%s\" does not say \"%s\"", found.text, sentence);
    help_finish(&help);
}

static struct key due_key(int64_t due)
{
    struct key key = key_pair(2, 1);

    key_u64(key_time(&key, due), 7);
    return key;
}

static int plant_missing(struct store_txn *txn, void *arg)
{
    struct key key = due_key(99);

    (void)arg;
    return txn_del(txn, TABLE_DUE, &key);
}

static int plant_stray(struct store_txn *txn, void *arg)
{
    struct key key = due_key(98);

    (void)arg;
    return txn_put(txn, TABLE_DUE, &key, (struct bytes){"", 0});
}

static int plant_other_id(struct store_txn *txn, void *arg)
{
    struct key key = key_pair(1, 4), id = key_id(8);

    (void)arg;
    return txn_put(txn, TABLE_ENROLLED, &key, (struct bytes){id.data, id.len});
}

static int plant_garbage(struct store_txn *txn, void *arg)
{
    struct key key = key_id(4);

    (void)arg;
    return txn_put(txn, TABLE_PERSON, &key, (struct bytes){"\1\377", 2});
}

static int plant_short_index(struct store_txn *txn, void *arg)
{
    struct key key = {.data = {1}, .len = 1};

    (void)arg;
    return txn_put(txn, TABLE_OPEN, &key, (struct bytes){"", 0});
}

static int plant_lost_record(struct store_txn *txn, void *arg)
{
    struct key key = key_ref((struct message_ref){7, 0});

    (void)arg;
    return txn_del(txn, TABLE_MESSAGE, &key);
}

static int plant_counts(struct store_txn *txn, void *arg)
{
    struct campaign_counts counts = {
        .campaign = 1, .people = 1, .steps = 2, .messages = 2, .planned = 2};

    (void)arg;
    return store_counts_put(txn, &counts);
}

static int plant_sum(struct store_txn *txn, void *arg)
{
    struct campaign_counts counts = {
        .campaign = 1, .people = 1, .steps = 2, .messages = 2, .sent = 1};

    (void)arg;
    return store_counts_put(txn, &counts);
}

static int plant_company(struct store_txn *txn, void *arg)
{
    (void)arg;
    return store_company_add(txn, "x.example", 8);
}

static int plant_foreign_enrolment(struct store_txn *txn, void *arg)
{
    uint64_t theirs[] = {7};
    struct person person = {.id = 5, .enrolments = theirs, .enrolment_count = 1};

    (void)arg;
    return store_person_put(txn, &person);
}

static int plant_uncounted(struct store_txn *txn, void *arg)
{
    struct key key = key_id(1);

    (void)arg;
    return txn_del(txn, TABLE_COUNTS, &key);
}

static void test_planted(void **state)
{
    (void)state;
    planted(plant_missing, "The enrolment 7 is missing from the index due.");
    planted(plant_stray, "The index due names the enrolment 7, which doesn't belong there.");
    planted(plant_other_id, "The enrolment 7 stands in the index enrolled under another's id.");
    planted(plant_garbage, "The person 4 can't be read.");
    planted(plant_short_index, "The index open has an entry that can't be read.");
    planted(plant_lost_record, "The index identity names the message 7 step 1");
    planted(plant_counts, "Campaign 1 says sent: 0, but the records say 1.");
    planted(plant_sum, "add up to 1, not to its 2 messages");
    planted(plant_company, "The index company names the enrolment 8");
    planted(plant_foreign_enrolment, "The person 5 names the enrolment 7, which is not theirs.");
    planted(plant_uncounted, "Campaign 1 has people or messages, but no counts.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_planted)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
