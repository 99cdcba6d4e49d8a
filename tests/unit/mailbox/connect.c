/* unit/mailbox/connect.c: an owner's consent at the sandbox's Google: each outcome, what the server
 * was asked on the way, and what is kept after it. */
#include "rig.h"

static void check_nothing_kept(uint64_t id)
{
    auto_record(mailbox) mailbox = rig_mailbox(id);

    assert_int_equal(mailbox.status, MAILBOX_PENDING);
    assert_null(mailbox.subject);
    assert_null(mailbox.granted);
    assert_false(rig_has_grant(id));
    assert_int_equal(rig_token_of(id, NULL).kind, RIDER_AUTH);
    assert_int_equal(rig.mailboxes->accounts.count, 1); /* the one just asked for; no other */
}

static void check_fails(uint64_t id, const char *link, enum mailbox_outcome outcome,
                        const char *says, int revokes)
{
    struct seen seen = rig_consent(link);

    if (seen.outcome != outcome)
        rig_fail("outcome %d: %s", (int)seen.outcome, seen.text);
    if (!strstr(seen.text, says))
        rig_fail("it says: %s", seen.text);
    assert_int_equal(rig_count("/revoke"), revokes);
    check_nothing_kept(id);
}

static void test_show(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    struct seen seen = rig_show(added.text);

    (void)state;
    assert_int_equal(seen.outcome, CONNECT_SHOW);
    assert_string_equal(seen.address, ANA);
    assert_int_equal(seen.asks, 3);
    assert_int_equal(rig_show(added.text).outcome, CONNECT_SHOW); /* a GET changes nothing */
    assert_int_equal(rig.mailboxes->connects.count, 0);
}

static void test_redirect(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_HEADERS);
    struct seen go = rig_go(added.text);
    static const char *const parts[] = {
        "response_type=code",
        "client_id=cid",
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A8025%2Foauth%2Fcb%2Fgmail",
        "&state=",
        "&nonce=",
        "&code_challenge=",
        "code_challenge_method=S256",
        "login_hint=ana%40acme.example",
        "access_type=offline",
        "prompt=consent",
        "gmail.send%20https"};

    (void)state;
    assert_int_equal(go.outcome, CONNECT_REDIRECT);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!strstr(go.location, parts[i]))
            rig_fail("no %s in %s", parts[i], go.location);
    assert_true(text_starts(go.cookie, "rider_connect="));
    assert_non_null(strstr(go.cookie, "; Path=/oauth; HttpOnly; SameSite=Lax; Max-Age=600"));
    assert_null(strstr(go.cookie, "Secure")); /* plain http */
    assert_string_not_equal(rig_go(added.text).location, go.location);
}

static void test_done(void **state)
{
    int64_t began = clock_wall();
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    auto_record(mailbox) mailbox = rig_mailbox(id);
    auto_record(mailbox_pulse) pulse = {0};
    auto_read struct store_txn *txn = NULL;
    struct got got = rig_token_of(id, NULL);

    (void)state;
    assert_int_equal(mailbox.status, MAILBOX_ACTIVE);
    assert_null(mailbox.why);
    assert_non_null(mailbox.subject);
    assert_string_equal(mailbox.aliases[0], "a@acme.example");
    assert_non_null(mailbox.granted);
    assert_in_range(mailbox.connected_at, began, clock_wall());
    assert_int_equal(store_read(rig.store, &txn), 0);
    assert_int_equal(store_pulse_get(txn, id, &pulse), 0);
    assert_int_equal(pulse.since, mailbox.connected_at);
    assert_int_equal(rig.changes, 2); /* added, connected */
    assert_int_equal(got.kind, 0);
    assert_true(text_starts(got.token, "ya29."));
    assert_int_equal(rig_count("/token"), 1); /* the code's own token is still good */
    assert_int_equal(rig_count("/revoke"), 0);
    assert_int_equal(rig.mailboxes->accounts.count, 1); /* the provisional one is gone */
}

static void test_narrow(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_HEADERS);
    struct seen seen;

    (void)state;
    rig_tell("{'do': 'google.consent', 'scopes': ['https://www.googleapis.com/auth/gmail.send']}");
    seen = rig_consent(added.text);
    assert_int_equal(seen.outcome, CONNECT_NARROW);
    assert_non_null(strstr(seen.text, "gmail.metadata"));
    assert_null(strstr(seen.text, "gmail.send"));
    assert_int_equal(rig_status(added.mailbox), MAILBOX_ACTIVE);
    assert_true(rig_has_grant(added.mailbox));
}

static void test_bad_links(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL), again;
    char changed[600];

    (void)state;
    assert_int_equal(rig_show("/connect/").outcome, CONNECT_LINK_BAD);
    assert_int_equal(rig_go("/connect/nonsense").outcome, CONNECT_LINK_BAD);
    strcpy(changed, added.text);
    changed[strlen(changed) - 3] ^= 1;
    assert_int_equal(rig_show(changed).outcome, CONNECT_LINK_BAD);
    again = rig_do(mailbox_invite, added.mailbox);
    assert_int_equal(again.status, 0);
    assert_int_equal(rig_show(added.text).outcome, CONNECT_LINK_BAD); /* an older one */
    assert_int_equal(rig_show(again.text).outcome, CONNECT_SHOW);
    rig_later(7 * 86400000LL + 1000);
    assert_int_equal(rig_show(again.text).outcome, CONNECT_LINK_EXPIRED);
    assert_int_equal(rig_go(again.text).outcome, CONNECT_LINK_EXPIRED);
}

static void test_cancelled(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);

    (void)state;
    rig_tell("{'do': 'google.consent', 'deny': true}");
    check_fails(added.mailbox, added.text, CONNECT_CANCELLED, "", 0);
    assert_int_equal(rig_count("/token"), 0);
    rig_tell("{'do': 'google.consent'}");
    assert_int_equal(rig_consent(added.text).outcome, CONNECT_DONE); /* the link is still good */
}

static void test_provider_says_no(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    struct seen go = rig_go(added.text), seen;
    auto_free char *cookie = rig_cookie(&go), *state_text = query_value(go.location, "state");
    auto_free char *query =
        mem_printf("error=admin_policy_enforced&error_description=%%00canary&state=%s", state_text);

    (void)state;
    seen = rig_back("gmail", query, cookie);
    assert_int_equal(seen.outcome, CONNECT_PROVIDER_SAYS_NO);
    assert_non_null(strstr(seen.text, "administrator"));
    assert_int_equal(rig_count("/token"), 0);
    check_nothing_kept(added.mailbox);
}

static void test_wrong_account(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);

    (void)state;
    rig_tell("{'do': 'google.consent', 'account': '" BEN "'}");
    check_fails(added.mailbox, added.text, CONNECT_WRONG_ACCOUNT, "another account than " ANA, 1);
    assert_int_equal(rig_count("/token"), 1);
}

/* Revoking would end the grant of that mailbox too. */
static void test_wrong_account_is_a_mailbox_here(void **state)
{
    uint64_t ben = rig_connect(BEN, RIDER_ACCESS_FULL);
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    struct got got = rig_token_of(ben, NULL);

    (void)state;
    rig_tell("{'do': 'google.consent', 'account': '" BEN "'}");
    assert_int_equal(rig_consent(added.text).outcome, CONNECT_WRONG_ACCOUNT);
    assert_int_equal(rig_status(added.mailbox), MAILBOX_PENDING);
    assert_false(rig_has_grant(added.mailbox));
    assert_int_equal(rig_token_of(ben, got.token).kind, 0); /* its grant still renews */
    assert_int_equal(rig_status(ben), MAILBOX_ACTIVE);
}

static void test_alias(void **state)
{
    struct told added = rig_add("a@acme.example", RIDER_ACCESS_FULL);

    (void)state;
    rig_tell("{'do': 'google.consent', 'account': '" ANA "'}");
    check_fails(added.mailbox, added.text, CONNECT_ALIAS, "another name", 1);
}

static void test_scope_missing(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);

    (void)state;
    rig_tell("{'do': 'google.consent', 'scopes': ['openid']}");
    check_fails(added.mailbox, added.text, CONNECT_SCOPE_MISSING, "gmail.modify", 1);
}

static void test_state_unknown(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    struct seen go = rig_go(added.text);
    auto_free char *cookie = rig_cookie(&go);
    struct visit visit = rig_visit(go.location);

    (void)state;
    assert_int_equal(rig_back("gmail", "", cookie).outcome, CONNECT_STATE_UNKNOWN);
    assert_int_equal(rig_back("gmail", "code=4&state=", cookie).outcome, CONNECT_STATE_UNKNOWN);
    assert_int_equal(rig_back("gmail", "code=4&state=x", cookie).outcome, CONNECT_STATE_UNKNOWN);
    assert_int_equal(rig_back("gmail", "state=%zz&code", NULL).outcome, CONNECT_STATE_UNKNOWN);
    assert_int_equal(rig_count("/token"), 0);
    assert_int_equal(rig_back("gmail", visit.query, cookie).outcome, CONNECT_DONE);
    assert_int_equal(rig_back("gmail", visit.query, cookie).outcome, CONNECT_STATE_UNKNOWN);
    assert_int_equal(rig_count("/token"), 1); /* a second use asks nobody */
}

static void test_state_expires(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    struct seen go = rig_go(added.text);
    auto_free char *cookie = rig_cookie(&go);
    struct visit visit = rig_visit(go.location);
    size_t at = 0;
    struct connect *connect = map_next(&rig.mailboxes->connects, &at, NULL, NULL);

    (void)state;
    connect->made -= 10 * 60 * 1000 + 1000;
    assert_int_equal(rig_back("gmail", visit.query, cookie).outcome, CONNECT_STATE_UNKNOWN);
    assert_int_equal(rig_count("/token"), 0);
    check_nothing_kept(added.mailbox);
}

static void test_states_are_limited(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    struct seen first = rig_go(added.text), last = first;
    auto_free char *cookie = rig_cookie(&first);
    struct visit visit = rig_visit(first.location);
    size_t at = 0;
    struct connect *connect = map_next(&rig.mailboxes->connects, &at, NULL, NULL);

    (void)state;
    connect->made--; /* surely the oldest */
    for (int i = 0; i < 1000; i++) {
        last.count = 0;
        mailbox_link_go(rig.mailboxes, rig_token(added.text), rig_seen, &last);
        rig_wait(&last.count);
    }
    assert_int_equal(rig.mailboxes->connects.count, 1000);
    assert_int_equal(rig_back("gmail", visit.query, cookie).outcome, CONNECT_STATE_UNKNOWN);
    assert_int_equal(rig.mailboxes->connects.count, 1000);
}

static void check_foreign(const char *link, const char *provider, const char *cookie_to_send)
{
    struct seen go = rig_go(link);
    auto_free char *cookie = rig_cookie(&go);
    struct visit visit = rig_visit(go.location);

    if (!strcmp(cookie_to_send, "its own"))
        cookie_to_send = cookie;
    assert_int_equal(
        rig_back(provider, visit.query, *cookie_to_send ? cookie_to_send : NULL).outcome,
        CONNECT_STATE_FOREIGN);
    /* and the state is used up */
    assert_int_equal(rig_back("gmail", visit.query, cookie).outcome, CONNECT_STATE_UNKNOWN);
    assert_int_equal(rig_count("/token"), 0);
}

static void test_state_foreign(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    struct seen other = rig_go(added.text);
    auto_free char *cookie = rig_cookie(&other);

    (void)state;
    check_foreign(added.text, "gmail", "");
    check_foreign(added.text, "gmail", "rider_connect=");
    check_foreign(added.text, "gmail", "theme=dark; rider_connect=guess");
    check_foreign(added.text, "gmail", cookie); /* of another sign-in */
    check_foreign(added.text, "other", "its own");
    check_foreign(added.text, "nobody", "its own");
    check_nothing_kept(added.mailbox);
}

static void test_bad_code(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    struct seen go = rig_go(added.text), seen;
    auto_free char *cookie = rig_cookie(&go), *state_text = query_value(go.location, "state");
    auto_free char *query = mem_printf("state=%s&code=4/0A-canary-guess", state_text);

    (void)state;
    seen = rig_back("gmail", query, cookie);
    assert_int_equal(seen.outcome, CONNECT_FAILED);
    assert_int_equal(rig_count("/token"), 1);
    assert_int_equal(rig_count("/revoke"), 0); /* there is nothing to revoke */
    check_nothing_kept(added.mailbox);
}

static void test_token_endpoint_fails(void **state)
{
    static const char *const faults[] = {"{'status': 503}", "'garbage'", "'empty'", "'reset'",
                                         "'truncate'"};
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        rig_tell("{'do': 'fault.add', 'match': {'path': '/token'}, 'when': 'before', 'times': 1, "
                 "'apply': %s}",
                 faults[i]);
        check_fails(added.mailbox, added.text, CONNECT_FAILED, "open the link again", 0);
        assert_int_equal(rig_count("/token"), (int)i + 1); /* never asked twice with one code */
    }
    assert_int_equal(rig_consent(added.text).outcome, CONNECT_DONE);
}

static void test_identity_fails(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);

    (void)state;
    rig_tell("{'do': 'fault.add', 'match': {'path': '/v1/userinfo'}, 'when': 'before', 'apply': "
             "{'status': 500}}");
    check_fails(added.mailbox, added.text, CONNECT_FAILED, "whose account", 1);
}

static void test_revoke_fails(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);

    (void)state;
    rig_tell("{'do': 'google.consent', 'account': '" BEN "'}");
    rig_tell("{'do': 'fault.add', 'match': {'path': '/revoke'}, 'when': 'before', 'apply': "
             "{'status': 503}}");
    check_fails(added.mailbox, added.text, CONNECT_WRONG_ACCOUNT, "could not be told", 1);
}

static void test_no_refresh_token(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct told invited = rig_do(mailbox_invite, id);
    struct seen go = rig_go(invited.text), seen;
    auto_free char *cookie = rig_cookie(&go);
    char *prompt = strstr(go.location, "prompt=consent");
    struct visit visit;

    (void)state;
    assert_non_null(prompt);
    memcpy(prompt, "prompt=nothing", 14);
    visit = rig_visit(go.location);
    seen = rig_back("gmail", visit.query, cookie);
    assert_int_equal(seen.outcome, CONNECT_FAILED);
    assert_non_null(strstr(seen.text, "no lasting access"));
    assert_int_equal(rig_count("/revoke"), 1);
}

static void test_secret_file_for_all(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    auto_free char *log = NULL;

    (void)state;
    rig_write("secret", "canary-secret\n", 0644);
    check_fails(added.mailbox, added.text, CONNECT_FAILED, "not set up completely", 0);
    assert_int_equal(rig_count("/token"), 0);
    log = rig_read("run.log");
    assert_non_null(strstr(log, "chmod 600"));
}

static void test_link_is_for_one_consent(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);

    (void)state;
    assert_int_equal(rig_consent(added.text).outcome, CONNECT_DONE);
    assert_int_equal(rig_show(added.text).outcome, CONNECT_LINK_BAD);
}

static int other_subject(struct store_txn *txn, void *arg)
{
    auto_record(mailbox) mailbox = {0};
    int r = store_mailbox_get(txn, *(uint64_t *)arg, &mailbox);

    mem_str_set(&mailbox.subject, "somebody-else");
    return r < 0 ? r : store_mailbox_put(txn, &mailbox);
}

static void noted(void *arg, int status)
{
    (void)arg;
    assert_int_equal(status, 0);
}

static void test_reconnect_is_the_same_subject(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    auto_record(mailbox) before = rig_mailbox(id);
    struct told invited = rig_do(mailbox_invite, id);

    (void)state;
    rig_later(3600000);
    assert_int_equal(rig_consent(invited.text).outcome, CONNECT_DONE);
    {
        auto_record(mailbox) after = rig_mailbox(id);

        assert_string_equal(after.subject, before.subject);
        assert_int_equal(after.connected_at, before.connected_at);
    }
    mailboxes_submit(rig.mailboxes, other_subject, noted, &id);
    rig_settle();
    invited = rig_do(mailbox_invite, id);
    assert_int_equal(rig_consent(invited.text).outcome, CONNECT_WRONG_ACCOUNT);
}

static void test_let_go_while_consenting(void **state)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    struct seen go = rig_go(added.text);
    auto_free char *cookie = rig_cookie(&go);
    struct visit visit = rig_visit(go.location);

    (void)state;
    assert_int_equal(rig_do(mailbox_disconnect, added.mailbox).status, 0);
    assert_int_equal(rig_back("gmail", visit.query, cookie).outcome, CONNECT_LINK_BAD);
    assert_int_equal(rig_count("/token"), 0);
    assert_int_equal(rig_status(added.mailbox), MAILBOX_DISCONNECTED);
}

static void end_while(const char *path)
{
    struct told added = rig_add(ANA, RIDER_ACCESS_FULL);
    struct seen go = rig_go(added.text), seen = {0};
    auto_free char *cookie = rig_cookie(&go);
    struct visit visit = rig_visit(go.location);

    rig_tell("{'do': 'fault.add', 'match': {'path': '%s'}, 'when': 'before', 'apply': 'hang'}",
             path);
    mailbox_callback(rig.mailboxes, "gmail", visit.query, cookie, rig_seen, &seen);
    loop_run_until(rig.loop, 300, rig_never, NULL);
    assert_int_equal(rig.mailboxes->exchanges.next == &rig.mailboxes->exchanges, 0);
    rig_close();
    assert_int_equal(seen.count, 0);
    rig_open();
    check_nothing_kept(added.mailbox);
}

static void test_end_while_exchanging(void **state)
{
    (void)state;
    end_while("/token");
}

static void test_end_while_identifying(void **state)
{
    (void)state;
    end_while("/v1/userinfo");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_show),
        TEST(test_redirect),
        TEST(test_done),
        TEST(test_narrow),
        TEST(test_bad_links),
        TEST(test_cancelled),
        TEST(test_provider_says_no),
        TEST(test_wrong_account),
        TEST(test_wrong_account_is_a_mailbox_here),
        TEST(test_alias),
        TEST(test_scope_missing),
        TEST(test_state_unknown),
        TEST(test_state_expires),
        TEST(test_states_are_limited),
        TEST(test_state_foreign),
        TEST(test_bad_code),
        TEST(test_token_endpoint_fails),
        TEST(test_identity_fails),
        TEST(test_revoke_fails),
        TEST(test_no_refresh_token),
        TEST(test_secret_file_for_all),
        TEST(test_link_is_for_one_consent),
        TEST(test_reconnect_is_the_same_subject),
        TEST(test_let_go_while_consenting),
        TEST(test_end_while_exchanging),
        TEST(test_end_while_identifying),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
