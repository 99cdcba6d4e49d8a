/* unit/mailbox/admin.c: organisations whose administrator must consent first, by the sandbox's
 * Microsoft: who waits, what each is shown, and that it goes on by itself. */
#include "rig.h"

#define CAT "cat@corp.example"

static char secret_path[128];

static void add_graph(const char *tenant)
{
    auto_free char *login = mem_printf("%s/login", rig.http);
    const char *settings[] = {"client_id", "mcid",      "client_secret_file",
                              secret_path, "login_url", login,
                              "api_url",   rig.http,    "tenant",
                              tenant,      NULL};
    auto_buf struct buf error = {0};

    if (provider_set_add(rig.set, "graph", "graph.so", settings, &error) < 0)
        rig_fail("%s", buf_text(&error));
}

static int setup(void **state)
{
    rig_setup(state);
    assert_int_equal(rig_shell("cp " BINARY_DIR "/plugins/graph.so %s/plugins && chmod 644 "
                               "%s/plugins/graph.so",
                               rig.dir, rig.dir),
                     0);
    snprintf(secret_path, sizeof(secret_path), "%s/secret", rig.dir);
    rig_tell("{'do': 'microsoft.account.add', 'address': '" CAT "', 'name': 'Cat'}");
    rig_tell("{'do': 'microsoft.account.add', 'address': 'dan@corp.example', 'name': 'Dan'}");
    rig_tell("{'do': 'microsoft.client.add', 'client_id': 'mcid', 'client_secret': "
             "'canary-secret', 'redirect_uris': ['http://127.0.0.1:8025/oauth/cb/*', "
             "'http://127.0.0.1:8025/oauth/admin/*']}");
    rig_tell("{'do': 'microsoft.consent'}");
    return 0;
}

static int setup_graph(void **state)
{
    setup(state);
    add_graph("common");
    return 0;
}

static struct told add(const char *address)
{
    struct told told = {0};
    struct mailbox_ask ask = {.address = address, .provider = "graph", .access = RIDER_ACCESS_FULL};

    mailbox_add(rig.mailboxes, &ask, rig_told, &told);
    rig_wait(&told.count);
    rig_settle();
    assert_int_equal(told.status, 0);
    return told;
}

static struct seen sign_in(const char *link, bool early)
{
    struct seen go = {0};
    auto_free char *cookie = NULL;
    struct visit visit;

    if (early) {
        mailbox_link_early(rig.mailboxes, rig_token(link), rig_seen, &go);
        rig_seen_once(&go);
    } else {
        go = rig_go(link);
    }
    assert_int_equal(go.outcome, CONNECT_REDIRECT);
    cookie = rig_cookie(&go);
    visit = rig_visit(go.location);
    return rig_back("graph", visit.query, cookie);
}

static struct seen admin_back(const char *query)
{
    struct seen seen = {0};

    mailbox_admin_callback(rig.mailboxes, "graph", query, rig_seen, &seen);
    rig_seen_once(&seen);
    return seen;
}

static void demand_admin(bool on)
{
    rig_tell("{'do': 'microsoft.tenant', 'domain': 'corp.example', 'admin_consent': %s}",
             on ? "true" : "false");
}

static bool is_active(void *arg)
{
    return rig_status(*(uint64_t *)arg) == MAILBOX_ACTIVE;
}

static void becomes_active(uint64_t id)
{
    if (!loop_run_until(rig.loop, LONG_WAIT, is_active, &id)) {
        auto_record(mailbox) mailbox = rig_mailbox(id);

        rig_fail("%s: %s", mailbox_status_name(mailbox.status), mailbox.why ? mailbox.why : "-");
    }
    rig_settle();
}

static void test_connected_without_an_admin(void **state)
{
    struct told added = add(CAT);
    struct seen seen = sign_in(added.text, false);
    auto_record(mailbox) mailbox = {0};

    (void)state;
    if (seen.outcome != CONNECT_DONE)
        rig_fail("outcome %d: %s", (int)seen.outcome, seen.text);
    mailbox = rig_mailbox(added.mailbox);
    assert_int_equal(mailbox.status, MAILBOX_ACTIVE);
    assert_int_equal(strlen(mailbox.tenant), 36); /* the id of the id_token, not a domain */
    assert_int_equal(rig_token_of(added.mailbox, NULL).kind, 0);
}

static void test_waits_and_goes_on_by_itself(void **state)
{
    struct told added = add(CAT);
    struct seen seen, shown;
    struct visit visit;
    auto_record(mailbox) mailbox = {0};

    (void)state;
    demand_admin(true);
    seen = sign_in(added.text, false);
    assert_int_equal(seen.outcome, CONNECT_REDIRECT); /* to our own page */
    assert_int_equal(rig_status(added.mailbox), MAILBOX_WAITING);
    mailbox = rig_mailbox(added.mailbox);
    assert_non_null(strstr(mailbox.why, "Waiting for your admin"));
    assert_false(rig_has_grant(added.mailbox));
    shown = rig_show(seen.location);
    assert_int_equal(shown.outcome, CONNECT_WAITING);
    assert_non_null(strstr(shown.location, "adminconsent"));
    assert_false(mailbox_signed_in(rig.mailboxes, &mailbox));

    seen = sign_in(seen.location, true);
    assert_int_equal(seen.outcome, CONNECT_REDIRECT);
    assert_int_equal(rig_status(added.mailbox), MAILBOX_WAITING);
    assert_true(rig_has_grant(added.mailbox));
    record_mailbox_finish(&mailbox);
    mailbox = rig_mailbox(added.mailbox);
    assert_true(mailbox_signed_in(rig.mailboxes, &mailbox));
    shown = rig_show(seen.location);
    assert_int_equal(shown.outcome, CONNECT_WAITING);

    visit = rig_visit(shown.location); /* the administrator consents */
    seen = admin_back(visit.query);
    assert_int_equal(seen.outcome, CONNECT_ADMIN_DONE);
    becomes_active(added.mailbox);
    assert_int_equal(rig_token_of(added.mailbox, NULL).kind, 0);
    assert_int_equal(rig_show(added.text).outcome, CONNECT_LINK_BAD);
    rig_no_canary();
}

static void test_consented_elsewhere(void **state)
{
    struct told added = add(CAT);
    auto_free char *link = NULL;
    struct seen seen;

    (void)state;
    demand_admin(true);
    seen = sign_in(added.text, false);
    sign_in(seen.location, true);
    rig_later(31 * 60 * 1000);
    rig_settle();
    assert_int_equal(rig_status(added.mailbox), MAILBOX_WAITING);
    assert_true(rig_has_grant(added.mailbox));
    link = mailbox_admin_link(rig.mailboxes, "graph", RIDER_ACCESS_FULL, 0);
    rig_visit(link); /* and nobody tells us */
    rig_later(31 * 60 * 1000);
    becomes_active(added.mailbox);
}

static void on_checked(void *arg, uint64_t mailbox, const struct mailbox_report *report)
{
    int *count = arg;

    (void)mailbox;
    assert_int_equal(report->status, -ENOKEY);
    ++*count;
}

static void test_checked_by_hand(void **state)
{
    struct told added = add(CAT);
    auto_free char *link = NULL;
    struct seen seen;
    int checked = 0;

    (void)state;
    demand_admin(true);
    seen = sign_in(added.text, false);
    sign_in(seen.location, true);
    link = mailbox_admin_link(rig.mailboxes, "graph", RIDER_ACCESS_FULL, 0);
    rig_visit(link);
    mailbox_check(rig.mailboxes, added.mailbox, on_checked, &checked);
    becomes_active(added.mailbox);
    assert_int_equal(checked, 1);
}

static void test_who_has_not_signed_in_is_asked_again(void **state)
{
    struct told added = add(CAT), other = add("dan@corp.example");
    struct seen seen;
    struct visit visit;

    (void)state;
    demand_admin(true);
    seen = sign_in(added.text, false);
    visit = rig_visit(rig_show(seen.location).location);
    assert_int_equal(admin_back(visit.query).outcome, CONNECT_ADMIN_DONE);
    rig_settle();
    assert_int_equal(rig_status(added.mailbox), MAILBOX_PENDING);
    assert_int_equal(rig_status(other.mailbox), MAILBOX_PENDING);
    assert_int_equal(sign_in(seen.location, false).outcome, CONNECT_DONE);
    assert_int_equal(rig_status(added.mailbox), MAILBOX_ACTIVE);
    assert_int_equal(sign_in(other.text, false).outcome, CONNECT_DONE); /* the first, an admin */
}

static void test_foreign_and_refused(void **state)
{
    struct told added = add(CAT);
    auto_free char *link = NULL, *query = NULL;
    struct seen seen;

    (void)state;
    demand_admin(true);
    sign_in(added.text, false);
    assert_int_equal(admin_back("admin_consent=True&tenant=x&state=foreign").outcome,
                     CONNECT_STATE_UNKNOWN);
    assert_int_equal(admin_back("admin_consent=True&tenant=x").outcome, CONNECT_STATE_UNKNOWN);
    link = mailbox_admin_link(rig.mailboxes, "graph", RIDER_ACCESS_FULL, added.mailbox);
    query = query_value(strchr(link, '?') + 1, "state");
    assert_non_null(query);
    {
        auto_free char *no =
            mem_printf("error=access_denied&error_description=AADSTS65004&state=%s", query);
        auto_free char *nothing = mem_printf("state=%s", query);

        seen = admin_back(no);
        assert_int_equal(seen.outcome, CONNECT_ADMIN_NO);
        assert_int_equal(admin_back(nothing).outcome, CONNECT_ADMIN_NO);
    }
    assert_int_equal(rig_status(added.mailbox), MAILBOX_WAITING);
}

static void test_another_account_early(void **state)
{
    struct told added = add(CAT);
    struct seen seen;

    (void)state;
    demand_admin(true);
    seen = sign_in(added.text, false);
    rig_tell("{'do': 'microsoft.consent', 'account': 'dan@corp.example'}");
    seen = sign_in(seen.location, true);
    assert_int_equal(seen.outcome, CONNECT_WRONG_ACCOUNT);
    assert_false(rig_has_grant(added.mailbox));
    assert_int_equal(rig_status(added.mailbox), MAILBOX_WAITING);
}

static void test_sign_in_ended_meanwhile(void **state)
{
    struct told added = add(CAT);
    struct seen seen;
    struct visit visit;

    (void)state;
    demand_admin(true);
    seen = sign_in(added.text, false);
    seen = sign_in(seen.location, true);
    rig_tell("{'do': 'microsoft.grant.revoke', 'account': '" CAT "'}");
    visit = rig_visit(rig_show(seen.location).location);
    admin_back(visit.query);
    rig_settle();
    assert_int_equal(rig_status(added.mailbox), MAILBOX_PENDING);
    assert_false(rig_has_grant(added.mailbox));
    assert_int_equal(sign_in(seen.location, false).outcome, CONNECT_DONE);
}

static void test_waits_over_a_restart(void **state)
{
    struct told added = add(CAT);
    auto_free char *link = NULL;
    struct seen seen;

    (void)state;
    demand_admin(true);
    seen = sign_in(added.text, false);
    sign_in(seen.location, true);
    rig_close();
    rig_open();
    add_graph("common");
    link = mailbox_admin_link(rig.mailboxes, "graph", RIDER_ACCESS_FULL, 0);
    rig_visit(link);
    rig_later(31 * 60 * 1000);
    becomes_active(added.mailbox);
}

/* -- claims (facts 3.4) --------------------------------------------------------------- */

static int me(const char *token)
{
    struct visit visit = {0};
    auto_free char *url = mem_printf("%s/v1.0/me", rig.http);
    auto_free char *value = mem_printf("Bearer %s", token);
    struct http_request request = {.method = "GET", .url = url, .authorization = value};

    http_start(rig.client, &request, rig_visited, &visit);
    rig_wait(&visit.count);
    return visit.status;
}

static uint64_t connected(void)
{
    struct told added = add(CAT);

    assert_int_equal(sign_in(added.text, false).outcome, CONNECT_DONE);
    return added.mailbox;
}

#define CLAIMS "{\"access_token\":{\"nbf\":{\"essential\":true}}}"

static void test_challenge_is_answered_by_a_renewal(void **state)
{
    uint64_t id = connected();
    struct got got = rig_token_of(id, NULL);

    (void)state;
    assert_int_equal(me(got.token), 200);
    rig_tell("{'do': 'microsoft.claims', 'account': '" CAT "'}");
    assert_int_equal(me(got.token), 401);
    got = rig_token_of(id, got.token); /* a renewal without them does not do */
    assert_int_equal(me(got.token), 401);
    assert_true(mailbox_challenged(rig.mailboxes, id, "wanted", CLAIMS));
    assert_true(mailbox_challenged(rig.mailboxes, id, "wanted", CLAIMS)); /* it is under way */
    got = rig_token_of(id, NULL);
    assert_int_equal(me(got.token), 200);
    rig_settle();
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    /* still refused after that: its owner must come */
    assert_false(mailbox_challenged(rig.mailboxes, id, "wanted", CLAIMS));
    rig_settle();
    assert_int_equal(rig_status(id), MAILBOX_RECONNECT);
}

static void test_challenge_needs_its_owner(void **state)
{
    uint64_t id = connected();
    struct told invited;
    struct seen go;

    (void)state;
    rig_tell("{'do': 'microsoft.claims', 'account': '" CAT "', 'interactive': true}");
    assert_true(mailbox_challenged(rig.mailboxes, id, "wanted", CLAIMS));
    assert_int_equal(rig_token_of(id, NULL).kind, RIDER_AUTH);
    rig_settle();
    assert_int_equal(rig_status(id), MAILBOX_RECONNECT);
    invited = rig_do(mailbox_invite, id);
    go = rig_go(invited.text);
    assert_non_null(strstr(go.location, "&claims=%7B"));
    assert_int_equal(sign_in(invited.text, false).outcome, CONNECT_DONE);
    assert_int_equal(me(rig_token_of(id, NULL).token), 200);
    invited = rig_do(mailbox_invite, id);
    go = rig_go(invited.text);
    assert_null(strstr(go.location, "claims=")); /* that is satisfied */
}

static void test_consent_withdrawn_reaches_one_mailbox(void **state)
{
    uint64_t id = connected();

    (void)state;
    rig_tell("{'do': 'microsoft.demand', 'account': '" CAT "', 'what': 'consent'}");
    rig_later(3 * 3600 * 1000);
    assert_int_equal(rig_token_of(id, NULL).kind, RIDER_AUTH);
    rig_settle();
    assert_int_equal(rig_status(id), MAILBOX_RECONNECT);
}

static void test_rotated_before_use(void **state)
{
    uint64_t id = connected();
    auto_wiped_buf struct buf before = {0}, after = {0};

    (void)state;
    assert_int_equal(grant_unseal(rig.mailboxes, id, &before), 0);
    rig_later(3 * 3600 * 1000);
    assert_int_equal(rig_token_of(id, NULL).kind, 0);
    assert_int_equal(grant_unseal(rig.mailboxes, id, &after), 0);
    assert_string_not_equal(buf_text(&before), buf_text(&after));
}

static void test_disconnect_says_where_it_is_removed(void **state)
{
    uint64_t id = connected();
    struct told told = rig_do(mailbox_disconnect, id);

    (void)state;
    assert_int_equal(told.status, 0);
    assert_non_null(strstr(told.text, "https://myapps.microsoft.com"));
    assert_false(rig_has_grant(id));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_graph, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connected_without_an_admin),
        TEST(test_waits_and_goes_on_by_itself),
        TEST(test_consented_elsewhere),
        TEST(test_checked_by_hand),
        TEST(test_who_has_not_signed_in_is_asked_again),
        TEST(test_foreign_and_refused),
        TEST(test_another_account_early),
        TEST(test_sign_in_ended_meanwhile),
        TEST(test_waits_over_a_restart),
        TEST(test_challenge_is_answered_by_a_renewal),
        TEST(test_challenge_needs_its_owner),
        TEST(test_consent_withdrawn_reaches_one_mailbox),
        TEST(test_rotated_before_use),
        TEST(test_disconnect_says_where_it_is_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
