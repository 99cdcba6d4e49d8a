/* unit/mailbox/life.c: mailboxes asked for, invited, paused, lost and let go. */
#include "rig.h"

static bool has_key(uint64_t id)
{
    auto_buf struct buf sealed = {0};

    return seal_box(rig.seal, id, "test", (struct bytes){"x", 1}, &sealed) == 0;
}

/* The last line of the audit with this verb is about this address. */
static bool audited(const char *verb, const char *address)
{
    auto_read struct store_txn *txn = NULL;
    uint64_t at = 0;
    bool found = false;

    assert_int_equal(store_read(rig.store, &txn), 0);
    for (;;) {
        auto_record(audit) audit = {0};

        if (store_audit_next(txn, at, &audit) < 0)
            return found;
        at = audit.id;
        assert_true(!audit.detail || !strstr(audit.detail, "canary"));
        if (strcmp(audit.verb, verb) == 0)
            found = strcmp(audit.object, address) == 0;
    }
}

static void test_add(void **state)
{
    struct told added = rig_add("Ana@Acme.Example", RIDER_ACCESS_FULL);
    auto_record(mailbox) mailbox = rig_mailbox(added.mailbox);

    (void)state;
    assert_int_equal(added.status, 0);
    assert_true(text_starts(added.text, "http://127.0.0.1:8025/connect/"));
    assert_int_equal(mailbox.status, MAILBOX_PENDING);
    assert_string_equal(mailbox.address, "Ana@Acme.Example");
    assert_string_equal(mailbox.key, ANA);
    assert_int_equal(mailbox.promise, PROMISE_STRICT);
    assert_true(has_key(added.mailbox));
    assert_true(audited("mailbox.added", "Ana@Acme.Example"));
    assert_int_equal(rig.changes, 1);
    assert_int_equal(rig_consent(added.text).outcome, CONNECT_DONE); /* the case is no matter */
    assert_true(audited("mailbox.connected", "Ana@Acme.Example"));
}

static void check_refused(const struct mailbox_ask *ask, int status, const char *says)
{
    struct told told = {0};

    mailbox_add(rig.mailboxes, ask, rig_told, &told);
    rig_wait(&told.count);
    rig_settle();
    assert_int_equal(told.count, 1);
    assert_int_equal(told.status, status);
    if (!strstr(told.text, says))
        rig_fail("\"%s\" does not say \"%s\"", told.text, says);
}

static void test_add_refused(void **state)
{
    struct mailbox_ask ask = {.address = ANA, .provider = "gmail", .access = RIDER_ACCESS_FULL};

    (void)state;
    check_refused(&(struct mailbox_ask){.provider = "gmail", .access = RIDER_ACCESS_FULL}, -EINVAL,
                  "no mailbox's address");
    check_refused(&(struct mailbox_ask){"ana@acme@x", "gmail", NULL, RIDER_ACCESS_FULL, 0}, -EINVAL,
                  "ana@acme@x");
    check_refused(&(struct mailbox_ask){ANA, "hotmail", NULL, RIDER_ACCESS_FULL, 0}, -EINVAL,
                  "provider list");
    check_refused(&(struct mailbox_ask){ANA, NULL, NULL, RIDER_ACCESS_FULL, 0}, -EINVAL,
                  "provider list");
    check_refused(&(struct mailbox_ask){ANA, "gmail", NULL, 99, 0}, -EINVAL, "access");
    assert_int_equal(rig.changes, 0);
    rig_add("ANA@acme.example", RIDER_ACCESS_FULL);
    check_refused(&ask, -EEXIST, "mailbox invite");
}

static void test_no_such_mailbox(void **state)
{
    struct told told = {0};

    (void)state;
    assert_int_equal(rig_do(mailbox_invite, 99).status, -ENOENT);
    told = rig_do(mailbox_disconnect, 99);
    assert_int_equal(told.status, -ENOENT);
    assert_non_null(strstr(told.text, "mailbox list"));
}

static struct told pause_it(uint64_t id, bool paused)
{
    struct told told = {0};

    mailbox_pause(rig.mailboxes, id, paused, rig_told, &told);
    assert_int_equal(told.count, 0);
    rig_wait(&told.count);
    rig_settle();
    assert_int_equal(told.count, 1);
    return told;
}

static void test_pause(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct told told, invited;
    int changes = rig.changes;

    (void)state;
    assert_int_equal(pause_it(id, true).status, 0);
    assert_int_equal(rig_status(id), MAILBOX_PAUSED);
    assert_int_equal(rig.changes, changes + 1);
    told = pause_it(id, true);
    assert_int_equal(told.status, -EINVAL);
    assert_non_null(strstr(told.text, ANA " is paused"));
    /* an owner's new consent does not undo what the operator decided */
    invited = rig_do(mailbox_invite, id);
    assert_int_equal(rig_consent(invited.text).outcome, CONNECT_DONE);
    assert_int_equal(rig_status(id), MAILBOX_PAUSED);
    assert_int_equal(pause_it(id, false).status, 0);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    told = pause_it(id, false);
    assert_int_equal(told.status, -EINVAL);
    assert_non_null(strstr(told.text, ANA " is active"));
}

static void test_refused(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    int changes = rig.changes;

    (void)state;
    mailbox_refused(rig.mailboxes, id, "401 twice");
    rig_settle();
    mailbox_refused(rig.mailboxes, id, "401 again"); /* told already */
    mailbox_refused(rig.mailboxes, 99, NULL);
    rig_settle();
    assert_int_equal(rig_status(id), MAILBOX_RECONNECT);
    assert_int_equal(rig.changes, changes + 1);
    assert_true(audited("mailbox.refused", ANA));
    {
        auto_record(mailbox) mailbox = rig_mailbox(id);

        assert_string_equal(mailbox.why, "401 twice");
    }
}

static void check_gone(uint64_t id, const struct told *told, const char *says)
{
    auto_record(mailbox) mailbox = rig_mailbox(id);

    assert_int_equal(told->status, 0);
    if (!strstr(told->text, says))
        rig_fail("\"%s\" does not say \"%s\"", told->text, says);
    assert_int_equal(mailbox.status, MAILBOX_DISCONNECTED);
    assert_null(mailbox.subject);
    assert_null(mailbox.granted);
    assert_null(mailbox.aliases);
    assert_false(rig_has_grant(id));
    assert_false(has_key(id));
    assert_true(audited("mailbox.disconnected", mailbox.address));
    assert_int_equal(rig_token_of(id, NULL).kind, RIDER_AUTH);
}

static void test_disconnect(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    int changes = rig.changes, asked = rig_count("/token");
    struct told told = rig_do(mailbox_disconnect, id), again;

    (void)state;
    check_gone(id, &told, "was revoked");
    assert_int_equal(rig_count("/revoke"), 1);
    assert_int_equal(rig_count("/token"), asked);
    assert_int_equal(rig.changes, changes + 1);
    /* links and invitations of it are no good any more */
    again = rig_do(mailbox_invite, id);
    assert_int_equal(again.status, -EINVAL);
    assert_non_null(strstr(again.text, "add it again"));
    /* added again it is the same mailbox, with a key and a link of its own */
    again = rig_add(ANA, RIDER_ACCESS_FULL);
    assert_int_equal(again.status, 0);
    assert_int_equal(again.mailbox, id);
    assert_int_equal(rig_consent(again.text).outcome, CONNECT_DONE);
    assert_int_equal(rig_token_of(id, NULL).kind, 0);
}

static void test_disconnect_of_what_had_ended(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct told told;

    (void)state;
    rig_tell("{'do': 'google.grant.revoke', 'account': '" ANA "'}");
    told = rig_do(mailbox_disconnect, id); /* 400 invalid_token */
    check_gone(id, &told, "was revoked");
}

static void test_disconnect_unreachable(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct told told;

    (void)state;
    rig_tell("{'do': 'fault.add', 'match': {'path': '/revoke'}, 'when': 'before', 'apply': "
             "{'status': 503}}");
    told = rig_do(mailbox_disconnect, id);
    check_gone(id, &told, "could not be told");
}

static void test_disconnect_hangs(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    int64_t began = clock_monotonic();
    struct told told;

    (void)state;
    rig_tell("{'do': 'fault.add', 'match': {'path': '/revoke'}, 'when': 'before', 'apply': "
             "'hang'}");
    told = rig_do(mailbox_disconnect, id);
    check_gone(id, &told, "could not be told");
    assert_true(clock_monotonic() - began < 12000);
}

static void test_disconnect_of_pending(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL), told;

    (void)state;
    told = rig_do(mailbox_disconnect, added.mailbox);
    check_gone(added.mailbox, &told, "no grant");
    assert_int_equal(rig_count("/revoke"), 0);
    assert_int_equal(rig_show(added.text).outcome, CONNECT_LINK_BAD);
}

/* The end of the process between the record and its key. */
static void test_key_is_made_by_an_invitation(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL), invited;

    (void)state;
    assert_int_equal(seal_mailbox_destroy(rig.seal, added.mailbox), 0);
    assert_int_equal(rig_consent(added.text).outcome, CONNECT_FAILED);
    assert_int_equal(rig_count("/revoke"), 1);
    invited = rig_do(mailbox_invite, added.mailbox);
    assert_int_equal(rig_consent(invited.text).outcome, CONNECT_DONE);
}

static void test_status_names(void **state)
{
    (void)state;
    assert_string_equal(mailbox_status_name(MAILBOX_PENDING), "pending");
    assert_string_equal(mailbox_status_name(MAILBOX_RECONNECT), "reconnect needed");
    assert_string_equal(mailbox_status_name(MAILBOX_DISCONNECTED), "disconnected");
    assert_string_equal(mailbox_status_name(0), "unknown");
    assert_string_equal(mailbox_status_name(-1), "unknown");
    assert_string_equal(mailbox_status_name(99), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_add),
        TEST(test_add_refused),
        TEST(test_no_such_mailbox),
        TEST(test_pause),
        TEST(test_refused),
        TEST(test_disconnect),
        TEST(test_disconnect_of_what_had_ended),
        TEST(test_disconnect_unreachable),
        TEST(test_disconnect_hangs),
        TEST(test_disconnect_of_pending),
        TEST(test_key_is_made_by_an_invitation),
        cmocka_unit_test(test_status_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
