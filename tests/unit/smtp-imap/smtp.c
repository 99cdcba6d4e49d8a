/* unit/smtp-imap/smtp.c: the conversation with a submission server, at every place it can break. */
#include "smtp_fake.h"

#define ALL                                                                                        \
    "250-mail.acme.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-DSN\r\n250 8BITMIME\r\n"
#define PLAIN_OFFERS "250 mail.acme.example\r\n"
#define CONTENT "Subject: Hello Bo\r\n\r\nHi\r\n..\r\nBye\r\n[!].\r\n"
#define MAIL "MAIL FROM:<ana@acme.example>\r\n"
#define RCPT "RCPT TO:<bo@b.example>\r\n"
#define EHLO "EHLO acme.example\r\n"

static int setup(void **state)
{
    (void)state;
    fake_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_finish();
    return 0;
}

/* A mail gone well, the line idle after it. */
static void send_one(const char *offers)
{
    sends(0, &a_mail);
    opens();
    says(offers);
    says("250 ok\r\n");
    says("250 ok\r\n");
    says("354 go\r\n");
    says("250 2.0.0 Ok: queued as 4F1\r\n");
    ended(0, 0, 0);
    assert_int_equal(fake.opened, 1);
    text_free(&fake.out);
}

static void sends_step_by_step(void **state)
{
    (void)state;
    sends(0, &a_mail);
    assert_ptr_equal(fake.user, &fake.ops[0]);
    HEARD("");
    opens();
    HEARD(EHLO);
    says(PLAIN_OFFERS);
    HEARD(MAIL);
    says("250 2.1.0 Ok\r\n");
    HEARD(RCPT);
    says("250 2.1.5 Ok\r\n");
    HEARD("DATA\r\n");
    says("354 go ahead\r\n");
    HEARD(CONTENT);
    assert_int_equal(fake.answered, 0);
    says("250 2.0.0 Ok: queued ");
    assert_int_equal(fake.ends[0].times, 0);
    says("as 4F1\r\n");
    ended(0, 0, 0);
    assert_string_equal(fake.ends[0].message_id, "abc2345@acme.example");
    assert_int_equal(fake.answered, 1);
    assert_non_null(strstr(fake.log, "abc2345"));
    assert_non_null(strstr(fake.log, "queued as 4F1"));
    assert_null(fake.user); /* the idle line is nobody's */
}

static void says_what_the_server_offers(void **state)
{
    (void)state;
    sends(0, &a_mail);
    opens();
    text_free(&fake.out);
    says(ALL);
    HEARD("MAIL FROM:<ana@acme.example> SIZE=33 RET=HDRS ENVID=abc2345\r\n"
          "RCPT TO:<bo@b.example> NOTIFY=FAILURE ORCPT=rfc822;bo@b.example\r\n");
    says("250 2.1.0 Ok\r\n");
    HEARD("");
    says("250 2.1.5 Ok\r\n");
    HEARD("DATA\r\n"); /* never with them */
    says("354 go\r\n250 2.0.0 Ok\r\n");
    /* The second answer came before the content: it can't be the content's. */
    ended(0, RIDER_TRANSIENT, RIDER_MAILBOX);
    HEARD("");
    assert_int_equal(fake.closed, 1);
}

static void answers_split_at_every_byte(void **state)
{
    static const char all[] = ALL "250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 Ok\r\n";

    (void)state;
    sends(0, &a_mail);
    opens();
    for (const char *at = all; *at; at++)
        says((char[]){*at, '\0'});
    ended(0, 0, 0);
}

static void keeps_the_line_between_mails(void **state)
{
    (void)state;
    send_one(ALL);
    sends(1, &a_mail);
    assert_int_equal(fake.opened, 1);
    assert_ptr_equal(fake.user, &fake.ops[1]);
    assert_non_null(strstr(text_of(&fake.out), "RSET\r\nMAIL"));
    says("250 ok\r\n250 ok\r\n250 ok\r\n");
    says("354 go\r\n");
    says("250 ok\r\n");
    ended(1, 0, 0);
    text_free(&fake.out);
    fires(60000);
    HEARD("QUIT\r\n");
    says("221 bye\r\n");
    assert_false(fake.there);
    sends(2, &a_mail);
    assert_int_equal(fake.opened, 2);
}

static void a_quit_that_nobody_answers_ends(void **state)
{
    (void)state;
    send_one(ALL);
    fires(60000);
    fires(2000);
    assert_false(fake.there);
}

static void a_mail_comes_while_it_quits(void **state)
{
    (void)state;
    send_one(ALL);
    fires(60000);
    sends(1, &a_mail);
    assert_int_equal(fake.opened, 2);
    opens();
    HEARD(EHLO);
}

static void a_line_that_died_idle_is_opened_again(void **state)
{
    (void)state;
    send_one(ALL);
    hangs_up(RIDER_TRANSIENT); /* while nobody used it */
    sends(1, &a_mail);
    assert_int_equal(fake.opened, 2);
    opens();
    says(ALL);
    says("250 ok\r\n250 ok\r\n");
    says("354 go\r\n");
    says("250 ok\r\n");
    ended(1, 0, 0);

    sends(2, &a_mail); /* and when it is found out only by using it */
    hangs_up(RIDER_TRANSIENT);
    assert_int_equal(fake.opened, 3);
    assert_int_equal(fake.ends[2].times, 0);
    opens();
    says(ALL);
    hangs_up(RIDER_TRANSIENT); /* this one was new: no third try */
    ended(2, RIDER_TRANSIENT, RIDER_MAILBOX);
    assert_int_equal(fake.opened, 3);
}

static void a_server_that_tired_is_asked_again(void **state)
{
    (void)state;
    send_one(ALL);
    sends(1, &a_mail);
    says("421 4.4.2 Timeout\r\n");
    assert_int_equal(fake.opened, 2);
    opens();
    says(PLAIN_OFFERS);
    says("530 5.7.0 Sign in first\r\n");
    ended(1, RIDER_AUTH, RIDER_MAILBOX); /* on a line just opened */
}

static void a_sign_in_that_ran_out_is_made_again(void **state)
{
    (void)state;
    send_one(PLAIN_OFFERS);
    sends(1, &a_mail);
    says("250 ok\r\n");
    says("530 5.7.0 Authentication required\r\n");
    assert_int_equal(fake.opened, 2);
    assert_int_equal(fake.ends[1].times, 0);
}

static void hangs_up_at_each_verb(void **state)
{
    static const char *const good[] = {ALL, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", NULL};

    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        for (unsigned at = 0; at < 5; at++) {
            sends(0, &a_mail);
            opens();
            for (unsigned i = 0; i < at; i++)
                says(good[i]);
            if (lost)
                hangs_up(RIDER_TRANSIENT);
            else
                says("421 4.3.2 Shutting down\r\n");
            if (at == 4 && !lost)
                ended(0, RIDER_UNCERTAIN, RIDER_MESSAGE);
            else /* of a dot that had left the host makes UNCERTAIN: it was not
                    `answered` */
                ended(0, RIDER_TRANSIENT, RIDER_MAILBOX);
            assert_false(fake.there);
            assert_int_equal(fake.answered, 0);
        }
    }
}

static void a_refused_recipient_costs_nobody_else(void **state)
{
    (void)state;
    sends(0, &a_mail);
    sends(1, &a_mail);
    opens();
    says(ALL);
    says("250 ok\r\n");
    says("550 5.1.1 <bo@b.example>: Recipient address rejected: User unknown\r\n");
    ended(0, RIDER_PERMANENT, RIDER_RECIPIENT);
    assert_int_equal(fake.ends[0].code, 550);
    assert_string_equal(fake.ends[0].status, "5.1.1");
    assert_null(strstr(fake.ends[0].detail, "bo@b.example"));
    assert_non_null(strstr(fake.ends[0].detail, "User unknown"));
    text_free(&fake.out);
    says("250 ok\r\n250 ok\r\n250 ok\r\n");
    says("354 go\r\n");
    says("250 ok\r\n");
    ended(1, 0, 0);
    assert_int_equal(fake.opened, 1);
}

/* MAIL and RCPT went together: RCPT's answer comes also when MAIL was refused.
 */
static void a_refused_sender_leaves_the_line_in_step(void **state)
{
    (void)state;
    sends(0, &a_mail);
    opens();
    says(ALL);
    says("451 4.3.0 Try later\r\n");
    ended(0, RIDER_TRANSIENT, RIDER_MAILBOX);
    sends(1, &a_mail);
    says("503 5.5.1 Need MAIL\r\n"); /* of the first */
    says("250 ok\r\n250 ok\r\n250 ok\r\n");
    says("354 go\r\n");
    says("250 ok\r\n");
    ended(1, 0, 0);
}

static void after_the_dot(void **state)
{
    static const struct {
        const char *reply;
        int32_t kind, scope;
        unsigned answered;
        bool stays;
    } cases[] = {
        {"550 5.7.1 Spam\r\n", RIDER_PERMANENT, RIDER_MESSAGE, 1, true},
        {"451 4.7.1 Greylisted\r\n", RIDER_TRANSIENT, RIDER_MESSAGE, 1, true},
        {"452 4.3.1 Full\r\n", RIDER_THROTTLED, RIDER_MAILBOX, 1, true},
        {"421 4.4.0 Lost my server\r\n", RIDER_UNCERTAIN, RIDER_MESSAGE, 0, false},
        {"354 go on\r\n", RIDER_UNCERTAIN, RIDER_MESSAGE, 0, false},
        {"what?\r\n", RIDER_UNCERTAIN, RIDER_MESSAGE, 0, false},
        {"250-half\r\n550 ok\r\n", RIDER_UNCERTAIN, RIDER_MESSAGE, 0, false},
        {"251 2.0.0 as good\r\n", 0, 0, 1, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        unsigned answered = fake.answered;

        smtp_finish(&fake.session);
        sends(0, &a_mail);
        opens();
        says(ALL);
        says("250 ok\r\n250 ok\r\n");
        says("354 go\r\n");
        says(cases[i].reply);
        ended(0, cases[i].kind, cases[i].scope);
        assert_int_equal(fake.answered - answered, cases[i].answered);
        assert_int_equal(fake.there, cases[i].stays);
    }
}

static void garbage_before_the_dot_is_nothing_sent(void **state)
{
    static const char *const garbage[] = {
        "hello\r\n",    "99 no\r\n", "250x no\r\n", "\r\n", "* OK IMAP4rev1 ready\r\n",
        "100 early\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++) {
        sends(0, &a_mail);
        opens();
        says(ALL);
        says(garbage[i]);
        ended(0, RIDER_TRANSIENT, RIDER_MAILBOX);
        assert_false(fake.there);
    }
}

static void a_wrong_password_is_tried_once_for_all(void **state)
{
    (void)state;
    sends(0, &a_mail);
    sends(1, &a_mail);
    hangs_up(RIDER_AUTH);
    ended(0, RIDER_AUTH, RIDER_MAILBOX);
    ended(1, RIDER_AUTH, RIDER_MAILBOX);
    assert_int_equal(fake.opened, 1);
}

static void a_mail_that_does_not_fit_is_never_begun(void **state)
{
    struct rider_message mail = a_mail;
    char *big = text_alloc(2000);

    (void)state;
    memset(big, 'x', 2000);
    for (size_t i = 70; i + 1 < 2000; i += 70) {
        big[i] = '\r';
        big[i + 1] = '\n';
    }
    mail.rfc5322 = (struct rider_bytes){big, 2000};
    sends(0, &mail);
    opens();
    text_free(&fake.out);
    says(ALL); /* SIZE 1000 */
    ended(0, RIDER_PERMANENT, RIDER_MESSAGE);
    assert_string_equal(fake.ends[0].status, "5.3.4");
    HEARD("");

    mail = a_mail;
    mail.to = "b\xc3\xb6@b.example";
    sends(1, &mail); /* no SMTPUTF8 */
    ended(1, RIDER_PERMANENT, RIDER_RECIPIENT);
    HEARD("");

    mail.to = "bo@b.example>\r\nRCPT TO:<eve@b.example";
    sends(2, &mail);
    ended(2, RIDER_PERMANENT, RIDER_RECIPIENT);
    HEARD("");
    assert_int_equal(fake.opened, 1);
    free(big);
}

static void a_server_that_is_too_slow(void **state)
{
    (void)state;
    fake.ops[0].deadline = 2000;
    sends(0, &a_mail);
    opens();
    says(ALL);
    fake.now = 2000;
    assert_true(smtp_cancel(&fake.session, &fake.ops[0])); /* by the host, at the deadline */
    ended(0, RIDER_TRANSIENT, RIDER_MAILBOX);
    assert_non_null(strstr(fake.ends[0].detail, "MAIL FROM"));
}

/* What waited until half of its time was gone is not begun: its dot could go without an answer. */
static void a_mail_that_waited_too_long_is_not_begun(void **state)
{
    (void)state;
    fake.ops[0].deadline = fake.ops[1].deadline = fake.ops[2].deadline = 3000;
    sends(0, &a_mail);
    sends(1, &a_mail);
    opens();
    says(ALL);
    says("250 ok\r\n250 ok\r\n");
    says("354 go\r\n");
    fake.now = 2001;
    sends(2, &a_mail);
    text_free(&fake.out);
    says("250 ok\r\n");
    ended(0, 0, 0);
    ended(1, RIDER_TRANSIENT, RIDER_MESSAGE);
    assert_int_equal(strncmp(text_of(&fake.out), "RSET\r\nMAIL", 10), 0); /* of the third */
    says("250 ok\r\n250 ok\r\n250 ok\r\n");
    says("354 go\r\n");
    says("250 ok\r\n");
    ended(2, 0, 0);
}

static void cancels(void **state)
{
    (void)state;
    sends(0, &a_mail);
    sends(1, &a_mail);
    sends(2, &a_mail);
    assert_true(smtp_cancel(&fake.session, &fake.ops[1])); /* waits */
    ended(1, RIDER_CANCELLED, RIDER_MESSAGE);
    assert_int_equal(fake.opened, 1);
    opens();
    says(ALL);
    assert_true(smtp_cancel(&fake.session, &fake.ops[0])); /* has the line */
    ended(0, RIDER_CANCELLED, RIDER_MESSAGE);
    assert_int_equal(fake.opened, 2); /* the next gets its own */
    opens();
    says(ALL);
    says("250 ok\r\n250 ok\r\n");
    says("354 go\r\n");
    assert_true(smtp_cancel(&fake.session, &fake.ops[2]));
    ended(2, RIDER_CANCELLED, RIDER_MESSAGE);
    assert_int_equal(fake.answered, 0); /* so the host says UNCERTAIN */
    assert_false(fake.there);
    assert_false(smtp_cancel(&fake.session, &fake.ops[2]));
}

struct checked {
    unsigned times;
    int32_t kind;
};

static void note_check(void *arg, const struct failure *why)
{
    struct checked *checked = arg;

    checked->times++;
    checked->kind = why ? why->failure.kind : 0;
}

static void checks(void **state)
{
    struct checked checked = {0};

    (void)state;
    smtp_check(&fake.session, &fake.ops[0], note_check, &checked);
    assert_int_equal(checked.times, 0);
    opens();
    HEARD(EHLO);
    says(ALL);
    assert_int_equal(checked.times, 1);
    assert_int_equal(checked.kind, 0);

    smtp_check(&fake.session, &fake.ops[0], note_check, &checked); /* on the line that is there */
    HEARD("RSET\r\n");
    says("250 ok\r\n");
    assert_int_equal(checked.times, 2);
    HEARD("");

    smtp_check(&fake.session, &fake.ops[0], note_check, &checked);
    says("421 bye\r\n");
    assert_int_equal(fake.opened, 2);
    hangs_up(RIDER_AUTH);
    assert_int_equal(checked.times, 3);
    assert_int_equal(checked.kind, RIDER_AUTH);

    smtp_check(&fake.session, &fake.ops[0], note_check, &checked);
    assert_true(smtp_cancel(&fake.session, &fake.ops[0]));
    assert_int_equal(checked.times, 3);
    assert_false(fake.there);
}

static void an_idle_line_that_speaks_is_let_go(void **state)
{
    (void)state;
    send_one(ALL);
    says("250 by the way\r\n");
    assert_false(fake.there);
    assert_null(fake.fire);
}

static void a_line_is_changed_after_many_mails(void **state)
{
    (void)state;
    send_one(PLAIN_OFFERS);
    for (unsigned i = 1; i < 100; i++) {
        sends(1, &a_mail);
        says("250 ok\r\n");
        says("250 ok\r\n");
        says("250 ok\r\n");
        says("354 go\r\n");
        text_free(&fake.out);
        says("250 ok\r\n");
        ended(1, 0, 0);
    }
    assert_int_equal(fake.opened, 1);
    HEARD("QUIT\r\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(sends_step_by_step),
        TEST(says_what_the_server_offers),
        TEST(answers_split_at_every_byte),
        TEST(keeps_the_line_between_mails),
        TEST(a_quit_that_nobody_answers_ends),
        TEST(a_mail_comes_while_it_quits),
        TEST(a_line_that_died_idle_is_opened_again),
        TEST(a_server_that_tired_is_asked_again),
        TEST(a_sign_in_that_ran_out_is_made_again),
        TEST(hangs_up_at_each_verb),
        TEST(a_refused_recipient_costs_nobody_else),
        TEST(a_refused_sender_leaves_the_line_in_step),
        TEST(after_the_dot),
        TEST(garbage_before_the_dot_is_nothing_sent),
        TEST(a_wrong_password_is_tried_once_for_all),
        TEST(a_mail_that_does_not_fit_is_never_begun),
        TEST(a_server_that_is_too_slow),
        TEST(a_mail_that_waited_too_long_is_not_begun),
        TEST(cancels),
        TEST(checks),
        TEST(an_idle_line_that_speaks_is_let_go),
        TEST(a_line_is_changed_after_many_mails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
