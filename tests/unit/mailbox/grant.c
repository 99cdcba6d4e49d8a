/* unit/mailbox/grant.c: tokens: lent, renewed one at a time, rotated, refused; and what is left of
 * them in the end. The server's log says how often it was asked. */
#include "rig.h"

static void test_one_refresh_at_a_time(void **state)
{
    enum { COUNT = 60 };
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL), ben = rig_connect(BEN, RIDER_ACCESS_FULL);
    struct got got[COUNT], other;
    int before = rig_count("/token");

    (void)state;
    rig_later(3600 * 1000);
    for (int i = 0; i < COUNT; i++)
        rig_ask(id, NULL, &got[i]);
    rig_ask(ben, NULL, &other);
    for (int i = 0; i < COUNT; i++)
        rig_wait(&got[i].count);
    rig_wait(&other.count);
    for (int i = 0; i < COUNT + 1; i++)
        loop_busy(rig.loop, -1);
    rig_settle();
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(got[i].count, 1);
        assert_int_equal(got[i].kind, 0);
        assert_string_equal(got[i].token, got[0].token);
        assert_true(i == 0 || got[i].order > got[i - 1].order); /* in line */
    }
    assert_int_equal(other.kind, 0);
    assert_string_not_equal(other.token, got[0].token);
    assert_int_equal(rig_count("/token"), before + 2);
}

static void test_kept_until_a_minute_before_its_end(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct got first = rig_token_of(id, NULL);

    (void)state;
    rig_later((3600 - 90) * 1000);
    assert_string_equal(rig_token_of(id, NULL).token, first.token);
    assert_int_equal(rig_count("/token"), 1);
    rig_later(40 * 1000);
    assert_string_not_equal(rig_token_of(id, NULL).token, first.token);
    assert_int_equal(rig_count("/token"), 2);
}

static void test_refused_token(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct got first = rig_token_of(id, NULL), second;

    (void)state;
    second = rig_token_of(id, first.token);
    assert_string_not_equal(second.token, first.token);
    assert_int_equal(rig_count("/token"), 2);
    /* who comes late with the old one gets the one that replaced it */
    assert_string_equal(rig_token_of(id, first.token).token, second.token);
    assert_int_equal(rig_count("/token"), 2);
}

/* One that only waits to be handed what there is must not hand it to who was refused that. */
static void test_refused_while_another_is_served(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct got first = rig_token_of(id, NULL), early, late;

    (void)state;
    rig_ask(id, NULL, &early);
    rig_ask(id, first.token, &late);
    rig_wait(&early.count);
    rig_wait(&late.count);
    loop_busy(rig.loop, -1);
    loop_busy(rig.loop, -1);
    rig_settle();
    assert_int_equal(late.kind, 0);
    assert_string_not_equal(late.token, first.token);
    assert_string_equal(early.token, late.token);
    assert_int_equal(rig_count("/token"), 2);
}

static void test_odd_lifetimes(void **state)
{
    static const char *const odd[] = {"0", "-7", "99999999999999", "9223372036854775807"};
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct got got = rig_token_of(id, NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        int before = rig_count("/token");

        rig_tell("{'do': 'google.token', 'expires_in': %s}", odd[i]);
        got = rig_token_of(id, got.token);
        assert_int_equal(got.kind, 0);
        assert_string_equal(rig_token_of(id, NULL).token, got.token); /* not asked for each call */
        assert_int_equal(rig_count("/token"), before + 1);
    }
    rig_later(86400 * 1000); /* a day at most, whatever it says */
    assert_string_not_equal(rig_token_of(id, NULL).token, got.token);
}

static int read_grant(uint64_t id, struct buf *sealed)
{
    auto_read struct store_txn *txn = NULL;

    assert_int_equal(store_read(rig.store, &txn), 0);
    return store_grant_get(txn, id, sealed);
}

struct rotation {
    struct got got;
    uint64_t id;
    struct buf at_use; /* the grant on disk when the token was handed out */
};

static void got_rotated(void *arg, const char *token, const struct rider_failure *failure)
{
    struct rotation *rotation = arg;

    read_grant(rotation->id, &rotation->at_use);
    rig_got(&rotation->got, token, failure);
}

static void test_rotation(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct credential_source source = mailboxes_credentials(rig.mailboxes);
    struct rotation rotation = {.id = id};
    auto_buf struct buf before = {0}, after = {0};

    (void)state;
    rig_tell("{'do': 'google.token', 'rotate': true}");
    rig_later(3600 * 1000);
    read_grant(id, &before);
    source.token(source.arg, id, NULL, got_rotated, &rotation);
    rig_wait(&rotation.got.count);
    rig_settle();
    read_grant(id, &after);
    assert_int_equal(rotation.got.kind, 0);
    assert_int_not_equal(memcmp(before.data, after.data, 24), 0); /* its nonce */
    assert_int_equal(rotation.at_use.len, after.len);             /* on disk before it is used */
    assert_memory_equal(rotation.at_use.data, after.data, after.len);
    buf_finish(&rotation.at_use);
    rig_no_canary();
    rig_close();
    rig_open();
    assert_int_equal(rig_token_of(id, NULL).kind, 0); /* the old one would be refused */
    assert_int_equal(rig_token_of(id, NULL).kind, 0);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
}

static void test_restart(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_SEND);

    (void)state;
    rig_close();
    rig_open();
    assert_int_equal(rig_token_of(id, NULL).kind, 0);
    assert_int_equal(rig_count("/token"), 2);
}

static void check_transient(uint64_t id, const char *fault, int64_t retry)
{
    struct got got;

    rig_tell("{'do': 'fault.add', 'match': {'path': '/token'}, 'when': 'before', 'times': 1, "
             "'apply': %s}",
             fault);
    got = rig_token_of(id, NULL);
    assert_int_equal(got.kind, RIDER_TRANSIENT);
    assert_int_equal(got.retry, retry);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
}

static void test_trouble_there(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);

    (void)state;
    rig_later(3600 * 1000);
    check_transient(id, "{'status': 500}", 5000);
    check_transient(id, "{'status': 503, 'headers': {'Retry-After': '17'}}", 17000);
    check_transient(id, "{'status': 429, 'headers': {'Retry-After': '999999'}}", 3600000);
    check_transient(id, "'garbage'", 5000);
    check_transient(id, "'empty'", 5000);
    check_transient(id, "'reset'", 5000);
    check_transient(id, "{'status': 200, 'body': '{\\\"access_token\\\": \\\"canary\\\"'}", 5000);
    check_transient(id, "{'status': 200, 'body': '[\\\"canary\\\"]'}", 5000);
    assert_int_equal(rig_token_of(id, NULL).kind, 0);
}

static void test_grant_ended(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct got got;
    int changes = rig.changes;

    (void)state;
    rig_tell("{'do': 'google.grant.revoke', 'account': '" ANA "'}");
    rig_later(3600 * 1000);
    got = rig_token_of(id, NULL);
    assert_int_equal(got.kind, RIDER_AUTH);
    assert_int_equal(rig_status(id), MAILBOX_RECONNECT);
    assert_int_equal(rig.changes, changes + 1);
    {
        auto_record(mailbox) mailbox = rig_mailbox(id);

        assert_non_null(strstr(mailbox.why, "invalid_grant"));
    }
    {
        struct told invited = rig_do(mailbox_invite, id);
        auto_record(mailbox) mailbox = rig_mailbox(id);

        assert_non_null(strstr(mailbox.why, "invalid_grant")); /* an invitation mends nothing yet */
        assert_int_equal(rig_consent(invited.text).outcome, CONNECT_DONE);
    }
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    assert_int_equal(rig_token_of(id, NULL).kind, 0);
}

/* Our own client's trouble is no reason to ask every owner for consent again. */
static void test_client_refused(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);

    (void)state;
    rig_later(3600 * 1000);
    rig_write("secret", "canary-wrong\n", 0600);
    assert_int_equal(rig_token_of(id, NULL).kind, RIDER_TRANSIENT);
    rig_write("secret", "canary-secret\n", 0640);
    assert_int_equal(rig_token_of(id, NULL).kind, RIDER_TRANSIENT);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    rig_write("secret", "canary-secret\n", 0600);
    assert_int_equal(rig_token_of(id, NULL).kind, 0);
}

static void test_no_grant(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);

    (void)state;
    assert_int_equal(rig_token_of(added.mailbox, NULL).kind, RIDER_AUTH);
    assert_int_equal(rig_token_of(4711, NULL).kind, RIDER_AUTH);
    assert_int_equal(rig_count("/token"), 0);
    assert_int_equal(rig_status(added.mailbox), MAILBOX_PENDING);
}

/* A renewal's answer that comes after the mailbox was let go brings nothing back. */
static void let_go_while_refreshing(const char *rotate)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct got got;

    rig_tell("{'do': 'google.token', 'rotate': %s}", rotate);
    rig_tell("{'do': 'fault.add', 'match': {'path': '/token'}, 'when': 'after', 'times': 1, "
             "'apply': {'delay': 700}}");
    rig_later(3600 * 1000);
    rig_ask(id, NULL, &got);
    loop_run_until(rig.loop, 100, rig_never, NULL);
    {
        struct told told = {0};

        mailbox_disconnect(rig.mailboxes, id, rig_told, &told);
        rig_wait(&told.count);
        assert_int_equal(told.status, 0);
    }
    assert_int_equal(got.count, 0);
    rig_wait(&got.count);
    loop_busy(rig.loop, -1);
    rig_settle();
    assert_int_equal(got.count, 1);
    assert_int_not_equal(got.kind, 0);
    assert_false(rig_has_grant(id));
    assert_int_equal(rig_token_of(id, NULL).kind, RIDER_AUTH);
}

static void test_let_go_while_refreshing(void **state)
{
    (void)state;
    let_go_while_refreshing("false");
}

static void test_let_go_while_rotating(void **state)
{
    (void)state;
    let_go_while_refreshing("true");
}

static void test_end_while_refreshing(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct got got, second;

    (void)state;
    rig_tell("{'do': 'fault.add', 'match': {'path': '/token'}, 'when': 'before', 'apply': 'hang'}");
    rig_later(3600 * 1000);
    rig_ask(id, NULL, &got);
    loop_run_until(rig.loop, 100, rig_never, NULL);
    rig_ask(id, NULL, &second);
    loop_busy(rig.loop, -2);
    rig_close();
    assert_int_equal(got.count, 1);
    assert_int_equal(got.kind, RIDER_CANCELLED);
    assert_int_equal(second.count, 1);
    rig_open();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_refresh_at_a_time),
        TEST(test_kept_until_a_minute_before_its_end),
        TEST(test_refused_token),
        TEST(test_refused_while_another_is_served),
        TEST(test_odd_lifetimes),
        TEST(test_rotation),
        TEST(test_restart),
        TEST(test_trouble_there),
        TEST(test_grant_ended),
        TEST(test_client_refused),
        TEST(test_no_grant),
        TEST(test_let_go_while_refreshing),
        TEST(test_let_go_while_rotating),
        TEST(test_end_while_refreshing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
