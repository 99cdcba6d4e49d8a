/* unit/mailbox/secret.c: mailboxes that sign in with a secret: taken, tried, proved, lent, let go.
 */
#include "rig.h"

#define SECRET "canary correct horse"

static void add_acme(void)
{
    auto_free char *plugins = mem_printf("%s/plugins", rig.dir);
    auto_buf struct buf error = {0};

    assert_int_equal(rig_shell("cp " BINARY_DIR "/tests/odd/posty.so %s && chmod 644 %s/posty.so",
                               plugins, plugins),
                     0);
    if (provider_set_add(rig.set, "acme", "posty.so", NULL, &error) < 0)
        rig_fail("%s", buf_text(&error));
}

static int setup(void **state)
{
    int r = rig_setup(state);

    add_acme();
    rig.mailboxes->options.proof_ms = 1500;
    return r;
}

static struct told add_with(const char *address, int access, const char *const *settings)
{
    struct told told = {0};
    struct mailbox_ask ask = {
        .address = address, .provider = "acme", .access = access, .settings = settings};

    mailbox_add(rig.mailboxes, &ask, rig_told, &told);
    rig_wait(&told.count);
    rig_settle();
    assert_int_equal(told.count, 1);
    return told;
}

static uint64_t add(const char *mood)
{
    const char *settings[] = {"imap", "imaps://mail.acme.example", mood ? "mood" : NULL, mood,
                              NULL};
    struct told told = add_with(ANA, RIDER_ACCESS_FULL, settings);

    assert_int_equal(told.status, 0);
    return told.mailbox;
}

static struct told give(uint64_t id, const char *secret, bool proof)
{
    struct told told = {0};

    mailbox_secret(rig.mailboxes, id, secret, proof, rig_told, &told);
    assert_int_equal(told.count, 0);
    rig_wait(&told.count);
    rig_settle();
    assert_int_equal(told.count, 1);
    return told;
}

static uint64_t connected(void)
{
    uint64_t id = add(NULL);

    assert_int_equal(give(id, SECRET, true).status, 0);
    return id;
}

struct login {
    int count;
    int32_t kind;
    bool bearer;
    char user[128], secret[256], detail[256];
};

static void logged_in(void *arg, const struct credential_login *login,
                      const struct rider_failure *failure)
{
    struct login *seen = arg;

    assert_true(!login != !failure);
    seen->count++;
    seen->kind = failure ? failure->kind : 0;
    snprintf(seen->detail, sizeof(seen->detail), "%s", failure ? failure->detail : "");
    if (!login)
        return;
    seen->bearer = login->is_bearer;
    snprintf(seen->user, sizeof(seen->user), "%s", login->user);
    snprintf(seen->secret, sizeof(seen->secret), "%s", login->secret);
}

static struct login login_of(uint64_t id)
{
    struct credential_source source = mailboxes_credentials(rig.mailboxes);
    struct login login = {0};

    source.login(source.arg, id, NULL, logged_in, &login);
    assert_int_equal(login.count, 0);
    rig_wait(&login.count);
    rig_settle();
    assert_int_equal(login.count, 1);
    return login;
}

/* How often the log says that its owner must come. */
static int said_refused(void)
{
    auto_free char *path = mem_printf("%s/run.log", rig.dir);
    FILE *file = fopen(path, "r");
    char line[1024];
    int count = 0;

    while (file && fgets(line, sizeof(line), file))
        count += strstr(line, "must sign in again") != NULL;
    if (file)
        fclose(file);
    return count;
}

static void each_refusal_is_said_once(void **state)
{
    uint64_t id = connected();

    (void)state;
    mailbox_refused(rig.mailboxes, id, "the password is refused");
    mailbox_refused(rig.mailboxes, id, "the password is refused");
    rig_settle();
    assert_int_equal(rig_status(id), MAILBOX_RECONNECT);
    assert_int_equal(said_refused(), 1);
    assert_int_equal(give(id, SECRET, true).status, 0);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    mailbox_refused(rig.mailboxes, id, "the password is refused");
    rig_settle();
    assert_int_equal(said_refused(), 2);
}

struct asked {
    int count, status;
    uint32_t can;
    bool proved;
    char text[600];
};

static void answered(void *arg, uint64_t mailbox, const struct mailbox_report *report)
{
    struct asked *asked = arg;

    (void)mailbox;
    asked->count++;
    asked->status = report->status;
    asked->can = report->can;
    asked->proved = report->proved;
    snprintf(asked->text, sizeof(asked->text), "%s", report->text);
}

static struct asked check(uint64_t id)
{
    struct asked asked = {0};

    mailbox_check(rig.mailboxes, id, answered, &asked);
    assert_int_equal(asked.count, 0);
    rig_wait(&asked.count);
    rig_settle();
    return asked;
}

/* -- taken --------------------------------------------------------------------------------- */

static void is_tried_proved_and_kept(void **state)
{
    uint64_t id = add(NULL);
    int changes = rig.changes;
    struct told told;

    (void)state;
    assert_true(mailbox_by_secret(rig.mailboxes, "acme"));
    assert_false(mailbox_by_secret(rig.mailboxes, "gmail"));
    assert_false(mailbox_by_secret(rig.mailboxes, "none"));
    assert_int_equal(rig_status(id), MAILBOX_PENDING);
    assert_int_equal(login_of(id).kind, RIDER_AUTH); /* settings alone are no secret */
    told = give(id, SECRET, true);
    assert_int_equal(told.status, 0);
    assert_non_null(strstr(told.text, "a mail to itself arrived"));
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    assert_true(rig.changes > changes);
    {
        auto_record(mailbox) mailbox = rig_mailbox(id);
        auto_record(mailbox_pulse) pulse = {0};
        auto_read struct store_txn *txn = NULL;

        assert_null(mailbox.why);
        assert_true(mailbox.connected_at > 0);
        assert_int_equal(store_read(rig.store, &txn), 0);
        assert_int_equal(store_pulse_get(txn, id, &pulse), 0);
        assert_true(pulse.since > 0);
    }
    assert_int_equal(rig.mailboxes->accounts.count, 0); /* no secret is left in memory */
}

static void is_lent_with_its_user(void **state)
{
    static const char *const settings[] = {"imap", "imaps://mail.acme.example", "user", "ana7",
                                           NULL};
    uint64_t id = connected();
    struct login login = login_of(id);
    struct told told = add_with(BEN, RIDER_ACCESS_FULL, settings);

    (void)state;
    assert_string_equal(login.user, ANA);
    assert_string_equal(login.secret, SECRET);
    assert_false(login.bearer);
    assert_int_equal(give(told.mailbox, "canary two", true).status, 0);
    login = login_of(told.mailbox);
    assert_string_equal(login.user, "ana7");
    assert_string_equal(login.secret, "canary two");
}

static void a_grant_logs_in_as_a_bearer(void **state)
{
    uint64_t id = rig_connect(ANA, RIDER_ACCESS_FULL);
    struct login login = login_of(id);

    (void)state;
    assert_true(login.bearer);
    assert_string_equal(login.user, ANA);
    assert_true(strlen(login.secret) > 10);
}

static void its_settings_are_checked_and_sealed(void **state)
{
    static const char *const wrong[] = {"imap_uri", "x", NULL};
    static const char *const tenant[] = {"imap", "x", "tenant", "of the provider", NULL};
    static const char *const right[] = {"imap", "imaps://other.example", NULL};
    struct told told = add_with(ANA, RIDER_ACCESS_FULL, NULL);
    char **kept;
    uint64_t id;

    (void)state;
    assert_int_equal(told.status, -EINVAL);
    assert_non_null(strstr(told.text, "--set imap="));
    assert_int_equal(add_with(ANA, RIDER_ACCESS_FULL, wrong).status, -EINVAL);
    assert_int_equal(add_with(ANA, RIDER_ACCESS_FULL, tenant).status, -EINVAL);
    assert_int_equal(add_with(ANA, 7, right).status, -EINVAL);
    id = add(NULL);
    told = add_with(ANA, RIDER_ACCESS_FULL, right); /* never connected: said anew */
    assert_int_equal(told.status, 0);
    assert_int_equal(told.mailbox, id);
    kept = mailbox_settings(rig.mailboxes, id);
    assert_non_null(kept);
    assert_string_equal(setting_of((const char *const *)kept, "imap"), "imaps://other.example");
    mem_strv_free(kept);
    assert_int_equal(give(id, SECRET, true).status, 0);
    assert_int_equal(add_with(ANA, RIDER_ACCESS_FULL, right).status, -EEXIST);
    assert_int_not_equal(rig_shell("grep -r -a -l other.example %s/data", rig.dir), 0);
}

static void what_is_no_secret_is_refused(void **state)
{
    uint64_t id = add(NULL);
    char big[MAILBOX_SECRET_MAX + 2];

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_int_equal(give(id, "", true).status, -EINVAL);
    assert_int_equal(give(id, "canary\r\nA1 LOGOUT", true).status, -EINVAL);
    assert_int_equal(give(id, "canary\xff", true).status, -EINVAL);
    assert_int_equal(give(id, big, true).status, -EINVAL);
    assert_int_equal(give(id + 7, "canary", true).status, -ENOENT);
    assert_int_equal(give(rig_add(BEN, RIDER_ACCESS_FULL).mailbox, "canary", true).status, -EPERM);
    big[MAILBOX_SECRET_MAX] = '\0';
    assert_int_equal(give(id, big, true).status, 0);
}

/* -- not good ------------------------------------------------------------------------------ */

static void each_fault_has_its_sentence_and_nothing_is_kept(void **state)
{
    static const struct {
        const char *mood, *says;
        int status;
    } all[] = {
        {"auth", "refused the user name or the secret", -EACCES},
        {"unreachable", "could not be reached", -EHOSTUNREACH},
        {"tls", "can't be spoken to safely", -EPROTO},
        {"other", "signs in as eve@acme.example", -EPERM},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        uint64_t id = add(all[i].mood);
        struct told told = give(id, SECRET, true);

        assert_int_equal(told.status, all[i].status);
        if (!strstr(told.text, all[i].says))
            rig_fail("%s: %s", all[i].mood, told.text);
        assert_int_equal(rig_status(id), MAILBOX_PENDING);
        assert_int_equal(login_of(id).kind, RIDER_AUTH);
        assert_int_equal(check(id).status, -ENOKEY);
    }
    assert_int_equal(rig.mailboxes->accounts.count, 0);
}

static void one_that_does_not_arrive_stays_pending(void **state)
{
    static const char *const moods[] = {"lost", "sent"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(moods); i++) {
        uint64_t id = add(moods[i]);
        struct told told = give(id, SECRET, true);

        assert_int_equal(told.status, -ETIMEDOUT);
        assert_non_null(strstr(told.text, "was not seen to arrive"));
        assert_int_equal(rig_status(id), MAILBOX_PENDING);
        {
            auto_record(mailbox) mailbox = rig_mailbox(id);

            assert_non_null(strstr(mailbox.why, "postrider mailbox check " ANA));
        }
        assert_string_equal(login_of(id).secret, SECRET); /* good, and kept for the next try */
    }
}

static void a_mail_that_is_refused_or_not_listed_says_so(void **state)
{
    struct told told = give(add("refused"), SECRET, true);

    (void)state;
    assert_int_equal(told.status, -EPROTO);
    assert_non_null(strstr(told.text, "550 5.1.1"));
    told = give(add("deaf"), SECRET, true);
    assert_int_equal(told.status, -EPROTO);
    assert_non_null(strstr(told.text, "there is no INBOX"));
}

static void a_check_sends_the_mail_again(void **state)
{
    uint64_t id = add("second");
    struct asked asked;

    (void)state;
    rig.mailboxes->options.proof_ms = 700;
    if (give(id, SECRET, true).status == 0) /* another test's mail was the first */
        return;
    asked = check(id);
    assert_int_equal(asked.status, 0);
    assert_true(asked.proved);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    asked = check(id);
    assert_int_equal(asked.status, 0);
    assert_false(asked.proved);
    assert_int_equal(asked.can, RIDER_CAN_SEND | RIDER_CAN_LIST);
}

static void junk_is_an_arrival_too(void **state)
{
    struct told told = give(add("junk"), SECRET, true);

    (void)state;
    assert_int_equal(told.status, 0);
    assert_non_null(strstr(told.text, "in Junk"));
}

static void without_proof_by_those_who_know(void **state)
{
    static const char *const settings[] = {"imap", "imaps://mail.acme.example", "mood", "lost",
                                           NULL};
    uint64_t id = add("lost");
    struct told ben = add_with(BEN, RIDER_ACCESS_SEND, settings);

    (void)state;
    assert_int_equal(give(id, SECRET, false).status, 0);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    assert_int_equal(give(ben.mailbox, SECRET, true).status, -EPERM); /* nothing is read there */
    assert_int_equal(give(ben.mailbox, SECRET, false).status, 0);
    assert_int_equal(check(ben.mailbox).can, RIDER_CAN_SEND);
}

/* -- later --------------------------------------------------------------------------------- */

static void a_refused_one_takes_a_new_secret(void **state)
{
    uint64_t id = connected();

    (void)state;
    mailbox_refused(rig.mailboxes, id, "535 5.7.8 no");
    rig_settle();
    assert_int_equal(rig_status(id), MAILBOX_RECONNECT);
    assert_int_equal(give(id, "canary new", true).status, 0); /* it was proved before */
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    assert_string_equal(login_of(id).secret, "canary new");
    mailbox_refused(rig.mailboxes, id, "a whim");
    rig_settle();
    assert_int_equal(check(id).status, 0);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
}

static void in_mood(const char *mood)
{
    const char *settings[] = {mood ? "mood" : NULL, mood, NULL};
    auto_buf struct buf error = {0};

    if (provider_set_reload(rig.set, "acme", settings, false, &error) < 0)
        rig_fail("%s", buf_text(&error));
}

static void a_check_finds_that_it_is_refused(void **state)
{
    uint64_t id = connected(), other;

    (void)state;
    in_mood("unreachable");
    assert_int_equal(check(id).status, -EHOSTUNREACH);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    in_mood("auth");
    assert_int_equal(give(id, "canary wrong", true).status, -EACCES);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE); /* a slip is no reason to stop */
    assert_int_equal(check(id).status, -EACCES);
    assert_int_equal(rig_status(id), MAILBOX_RECONNECT);
    {
        auto_record(mailbox) mailbox = rig_mailbox(id);

        assert_non_null(strstr(mailbox.why, "postrider mailbox secret " ANA));
    }
    in_mood(NULL);
    assert_int_equal(check(id).status, 0);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
    other = rig_connect(BEN, RIDER_ACCESS_FULL);
    assert_int_equal(check(other).status, 0); /* by OAuth, too */
}

static void an_arrival_is_shown_once(void **state)
{
    uint64_t id = add("lost");

    (void)state;
    assert_int_equal(give(id, SECRET, false).status, 0);
    assert_int_equal(give(id, "canary new", true).status, 0);
    assert_int_equal(rig_status(id), MAILBOX_ACTIVE);
}

static void what_is_added_anew_begins_without_a_secret(void **state)
{
    static const char *const settings[] = {"imap", "imaps://mail.acme.example", NULL};
    auto_buf struct buf error = {0};
    struct mailbox_ask ask = {.address = ANA, .provider = "free", .access = RIDER_ACCESS_FULL};
    struct told told = {0};
    uint64_t id;

    (void)state;
    assert_int_equal(provider_set_add(rig.set, "free", "posty.so", settings, &error), 0);
    rig.mailboxes->options.proof_ms = 300;
    id = add("lost");
    assert_int_equal(give(id, SECRET, true).status, -ETIMEDOUT);
    assert_int_equal(login_of(id).kind, 0);
    mailbox_add(rig.mailboxes, &ask, rig_told, &told); /* with other servers */
    rig_wait(&told.count);
    rig_settle();
    assert_int_equal(told.status, 0);
    assert_int_equal(login_of(id).kind, RIDER_AUTH);
}

static void what_runs_goes_on_with_the_old_one(void **state)
{
    uint64_t id = add("slow");
    struct told told = {0}, second = {0};

    (void)state;
    assert_int_equal(give(id, SECRET, true).status, 0);
    mailbox_secret(rig.mailboxes, id, "canary new", true, rig_told, &told);
    mailbox_secret(rig.mailboxes, id, "canary third", true, rig_told, &second);
    rig_wait(&second.count);
    assert_int_equal(second.status, -EBUSY);
    assert_int_equal(told.count, 0);
    {
        struct credential_source source = mailboxes_credentials(rig.mailboxes);
        struct login login = {0};

        source.login(source.arg, id, NULL, logged_in, &login);
        rig_wait(&login.count);
        assert_string_equal(login.secret, SECRET);
        assert_int_equal(told.count, 0);
    }
    rig_wait(&told.count);
    rig_settle();
    assert_int_equal(told.status, 0);
    assert_string_equal(login_of(id).secret, "canary new");
}

static void goes_with_the_mailbox(void **state)
{
    uint64_t id = connected();
    struct told told = rig_do(mailbox_disconnect, id);

    (void)state;
    assert_int_equal(told.status, 0);
    assert_non_null(strstr(told.text, "destroyed here"));
    assert_false(rig_has_grant(id));
    assert_int_equal(login_of(id).kind, RIDER_AUTH);
    assert_int_equal(give(id, SECRET, true).status, -EINVAL);
    assert_int_equal(add(NULL), id); /* anew; its arrival is shown again */
    assert_int_equal(rig_status(id), MAILBOX_PENDING);
    assert_int_equal(give(id, SECRET, true).status, 0);
}

static int put_sealed(struct store_txn *txn, void *arg)
{
    const struct buf *sealed = arg;

    return store_grant_put(txn, 1, buf_bytes(sealed));
}

static void count_done(void *arg, int status)
{
    (void)arg;
    assert_int_equal(status, 0);
}

static void neither_is_taken_for_the_other(void **state)
{
    uint64_t id = connected();
    auto_wiped_buf struct buf plain = {0}, grant = {0};

    (void)state;
    assert_int_equal(id, 1);
    assert_int_equal(grant_unseal(rig.mailboxes, id, &plain),
                     -EBADMSG); /* no token endpoint gets it */
    assert_int_equal(grant_seal(rig.mailboxes, id, "canary-refresh", &grant), 0);
    mailboxes_submit(rig.mailboxes, put_sealed, count_done, &grant);
    rig_settle();
    assert_int_equal(login_of(id).kind, RIDER_AUTH); /* no mail server gets that */
}

/* -- the owner's page ---------------------------------------------------------------------- */

static struct seen post(const char *link, const char *cookie, const char *secret)
{
    struct seen seen = {0};

    mailbox_link_secret(rig.mailboxes, rig_token(link), cookie, secret, rig_seen, &seen);
    rig_seen_once(&seen);
    return seen;
}

static void an_owner_gives_it_on_our_page(void **state)
{
    static const char *const settings[] = {"imap", "imaps://mail.acme.example", NULL};
    struct told ana = add_with(ANA, RIDER_ACCESS_FULL, settings);
    struct told ben = add_with(BEN, RIDER_ACCESS_FULL, settings);
    struct seen seen = rig_show(ana.text), other = rig_show(ben.text);
    auto_free char *cookie = rig_cookie(&seen), *foreign = rig_cookie(&other);

    (void)state;
    assert_int_equal(seen.outcome, CONNECT_ASK_SECRET);
    assert_int_equal(seen.asks, 3);
    assert_non_null(strstr(seen.cookie, "HttpOnly; SameSite=Strict"));
    assert_int_equal(rig_go(ana.text).outcome, CONNECT_ASK_SECRET);
    assert_int_equal(post(ana.text, NULL, SECRET).outcome, CONNECT_STATE_FOREIGN);
    assert_int_equal(post(ana.text, foreign, SECRET).outcome, CONNECT_STATE_FOREIGN);
    assert_int_equal(rig_status(ana.mailbox), MAILBOX_PENDING);
    assert_int_equal(post(ana.text, cookie, "").outcome, CONNECT_ASK_SECRET);
    assert_int_equal(post(ana.text, cookie, SECRET).outcome, CONNECT_DONE);
    assert_int_equal(rig_status(ana.mailbox), MAILBOX_ACTIVE);
    assert_int_equal(rig_show(ana.text).outcome, CONNECT_LINK_BAD); /* it was for one secret */
    assert_int_equal(post(ana.text, cookie, SECRET).outcome, CONNECT_LINK_BAD);
}

static void a_wrong_one_may_be_given_again(void **state)
{
    static const char *const settings[] = {"imap", "imaps://mail.acme.example", "mood", "auth",
                                           NULL};
    struct told ana = add_with(ANA, RIDER_ACCESS_FULL, settings);
    struct seen seen = rig_show(ana.text);
    auto_free char *cookie = rig_cookie(&seen);

    (void)state;
    for (int i = 0; i < 2; i++) {
        seen = post(ana.text, cookie, SECRET);
        assert_int_equal(seen.outcome, CONNECT_ASK_SECRET);
        assert_non_null(strstr(seen.text, "refused it"));
        assert_null(strstr(seen.text, "postrider")); /* no commands for owners */
    }
}

/* -- the end ------------------------------------------------------------------------------- */

static void tell_nobody(void *arg, int status, uint64_t mailbox, const char *text)
{
    (void)arg;
    (void)status;
    (void)mailbox;
    (void)text;
    fail();
}

static void ends_with_the_daemon_in_the_middle(void **state)
{
    uint64_t id = add("slow"), other;
    static const char *const lost[] = {"imap", "x", "mood", "lost", NULL};

    (void)state;
    other = add_with(BEN, RIDER_ACCESS_FULL, lost).mailbox;
    mailbox_secret(rig.mailboxes, id, SECRET, true, tell_nobody, NULL);
    mailbox_secret(rig.mailboxes, other, SECRET, true, tell_nobody, NULL);
    loop_run_until(rig.loop, 100, rig_never, NULL);
} /* the teardown counts what is left */

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_tried_proved_and_kept),
        TEST(each_refusal_is_said_once),
        TEST(is_lent_with_its_user),
        TEST(a_grant_logs_in_as_a_bearer),
        TEST(its_settings_are_checked_and_sealed),
        TEST(what_is_no_secret_is_refused),
        TEST(each_fault_has_its_sentence_and_nothing_is_kept),
        TEST(one_that_does_not_arrive_stays_pending),
        TEST(a_mail_that_is_refused_or_not_listed_says_so),
        TEST(a_check_sends_the_mail_again),
        TEST(junk_is_an_arrival_too),
        TEST(without_proof_by_those_who_know),
        TEST(a_refused_one_takes_a_new_secret),
        TEST(a_check_finds_that_it_is_refused),
        TEST(an_arrival_is_shown_once),
        TEST(what_is_added_anew_begins_without_a_secret),
        TEST(what_runs_goes_on_with_the_old_one),
        TEST(goes_with_the_mailbox),
        TEST(neither_is_taken_for_the_other),
        TEST(an_owner_gives_it_on_our_page),
        TEST(a_wrong_one_may_be_given_again),
        TEST(ends_with_the_daemon_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
