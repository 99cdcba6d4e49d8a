/* unit/smtp-imap/smtp_error.c: what servers say, and what is made of it. */
#include "smtp-imap/smtp_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static struct failure why;

static void answer(enum smtp_phase phase, const char *text, const char *subject)
{
    static struct smtp_reader reader;
    char line[512];
    size_t used;

    memset(&reader, 0, sizeof(reader));
    snprintf(line, sizeof(line), "%s\r\n", text);
    assert_int_equal(smtp_read(&reader, line, strlen(line), &used), SMTP_WHOLE);
    smtp_failure_read(&why, phase, &reader.reply, subject);
}

static const struct {
    enum smtp_phase phase;
    const char *reply;
    int32_t kind, scope;
    int64_t retry_after;
} cases[] = {
    /* the recipient */
    {SMTP_AT_RCPT, "550 5.1.1 <bo@b.example>: Recipient address rejected: User unknown",
     RIDER_PERMANENT, RIDER_RECIPIENT, -1},
    {SMTP_AT_RCPT, "550 No such user", RIDER_PERMANENT, RIDER_RECIPIENT, -1},
    {SMTP_AT_RCPT, "501 5.1.3 Bad recipient address syntax", RIDER_PERMANENT, RIDER_RECIPIENT, -1},
    {SMTP_AT_RCPT, "553 5.1.2 no such domain", RIDER_PERMANENT, RIDER_RECIPIENT, -1},
    {SMTP_AT_RCPT, "552 5.2.2 Mailbox full", RIDER_PERMANENT, RIDER_RECIPIENT, -1},
    {SMTP_AT_RCPT, "452 4.2.2 Over quota", RIDER_TRANSIENT, RIDER_RECIPIENT, -1},
    {SMTP_AT_RCPT, "450 4.2.0 <bo@b.example>: Greylisted, see http://postgrey.example/help",
     RIDER_TRANSIENT, RIDER_RECIPIENT, 5 * MINUTE},
    {SMTP_AT_RCPT, "451 4.7.1 Greylisting in action, please come back in 00:04:31", RIDER_TRANSIENT,
     RIDER_RECIPIENT, 5 * MINUTE},
    {SMTP_AT_RCPT, "450 4.7.1 Greylisted for 300 seconds", RIDER_TRANSIENT, RIDER_RECIPIENT,
     300 * SECOND},
    {SMTP_AT_RCPT, "451 Greylisted, try again in 2 minutes", RIDER_TRANSIENT, RIDER_RECIPIENT,
     2 * MINUTE},
    {SMTP_AT_RCPT, "450 Mailbox busy", RIDER_TRANSIENT, RIDER_RECIPIENT, -1},
    {SMTP_AT_DOT, "550 5.1.1 User unknown", RIDER_PERMANENT, RIDER_RECIPIENT, -1},
    {SMTP_AT_DOT, "552 5.2.2 Mailbox full", RIDER_PERMANENT, RIDER_RECIPIENT, -1},
    /* the mail */
    {SMTP_AT_MAIL, "552 5.3.4 Message size exceeds fixed limit", RIDER_PERMANENT, RIDER_MESSAGE,
     -1},
    {SMTP_AT_DOT, "552 Too big", RIDER_PERMANENT, RIDER_MESSAGE, -1},
    {SMTP_AT_DOT, "554 5.7.1 Message rejected as spam", RIDER_PERMANENT, RIDER_MESSAGE, -1},
    {SMTP_AT_DOT, "451 4.6.0 Cannot convert now", RIDER_TRANSIENT, RIDER_MESSAGE, -1},
    /* the mailbox: never a person's fault */
    {SMTP_AT_MAIL,
     "553 5.7.1 <ana@acme.example>: Sender address rejected: not owned by user "
     "bo",
     RIDER_PERMANENT, RIDER_MAILBOX, -1},
    {SMTP_AT_RCPT,
     "553 5.7.1 <ana@acme.example>: Sender address rejected: not owned by user "
     "bo",
     RIDER_PERMANENT, RIDER_MAILBOX, -1},
    {SMTP_AT_RCPT, "554 5.7.1 <bo@b.example>: Relay access denied", RIDER_PERMANENT, RIDER_MAILBOX,
     -1},
    {SMTP_AT_RCPT, "450 4.1.8 <ana@acme.example>: Sender address rejected: Domain not found",
     RIDER_TRANSIENT, RIDER_MAILBOX, -1},
    {SMTP_AT_DOT, "554 5.7.60 SMTP; Client does not have permissions to send as this sender",
     RIDER_PERMANENT, RIDER_MAILBOX, -1},
    {SMTP_AT_MAIL, "550 5.1.8 Access denied, bad outbound sender", RIDER_PERMANENT, RIDER_MAILBOX,
     -1},
    {SMTP_AT_MAIL, "555 5.5.4 Unsupported option", RIDER_PERMANENT, RIDER_MAILBOX, -1},
    {SMTP_AT_RCPT, "555 5.5.4 Unsupported option: NOTIFY", RIDER_PERMANENT, RIDER_MAILBOX, -1},
    {SMTP_AT_RCPT, "503 5.5.1 Error: need MAIL command", RIDER_PERMANENT, RIDER_MAILBOX, -1},
    {SMTP_AT_RCPT, "451 4.3.0 Temporary lookup failure", RIDER_TRANSIENT, RIDER_MAILBOX, -1},
    {SMTP_AT_DATA, "451 Local error", RIDER_TRANSIENT, RIDER_MAILBOX, -1},
    {SMTP_AT_DATA, "554 5.5.1 No valid recipients", RIDER_PERMANENT, RIDER_MESSAGE, -1},
    {SMTP_AT_EHLO, "550 5.7.1 Helo command rejected", RIDER_PERMANENT, RIDER_MAILBOX, -1},
    /* the sign-in */
    {SMTP_AT_MAIL, "530 5.7.0 Authentication required", RIDER_AUTH, RIDER_MAILBOX, -1},
    {SMTP_AT_MAIL, "535 5.7.8 Bad credentials", RIDER_AUTH, RIDER_MAILBOX, -1},
    {SMTP_AT_MAIL, "550 5.7.57 Client was not authenticated", RIDER_AUTH, RIDER_MAILBOX, -1},
    /* limits */
    {SMTP_AT_MAIL, "454 Throttling failure: Maximum sending rate exceeded.", RIDER_THROTTLED,
     RIDER_MAILBOX, MINUTE},
    {SMTP_AT_MAIL, "454 Throttling failure: Daily message quota exceeded.", RIDER_THROTTLED,
     RIDER_MAILBOX, HOUR},
    {SMTP_AT_RCPT, "452 4.5.3 Too many recipients", RIDER_THROTTLED, RIDER_MAILBOX, 5 * MINUTE},
    {SMTP_AT_MAIL, "452 4.3.1 Insufficient system storage", RIDER_THROTTLED, RIDER_MAILBOX,
     5 * MINUTE},
    {SMTP_AT_DATA, "550 5.4.5 Daily user sending limit exceeded", RIDER_THROTTLED, RIDER_MAILBOX,
     HOUR},
    {SMTP_AT_DOT, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
     RIDER_THROTTLED, RIDER_MAILBOX, MINUTE},
    {SMTP_AT_MAIL, "450 4.7.1 Error: too many mails from you, retry in 90 s", RIDER_THROTTLED,
     RIDER_MAILBOX, 90 * SECOND},
    /* the line */
    {SMTP_AT_RCPT, "421 4.7.0 Too many errors", RIDER_TRANSIENT, RIDER_MAILBOX, -1},
    {SMTP_AT_DOT, "421 4.4.0 Backend lost", RIDER_UNCERTAIN, RIDER_MESSAGE, -1},
    {SMTP_AT_DATA, "250 Ok", RIDER_TRANSIENT, RIDER_MAILBOX, -1},
    {SMTP_AT_DOT, "354 More", RIDER_UNCERTAIN, RIDER_MESSAGE, -1},
};

static void each_answer_has_its_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        answer(cases[i].phase, cases[i].reply, "Hello Bo");
        if (why.failure.kind != cases[i].kind || why.failure.scope != cases[i].scope ||
            why.failure.retry_after != cases[i].retry_after)
            fail_msg("%s: kind %d, scope %d, after %lld", cases[i].reply, why.failure.kind,
                     why.failure.scope, (long long)why.failure.retry_after);
        assert_int_equal(why.failure.holds, cases[i].scope == RIDER_MAILBOX ? RIDER_HOLDS_SEND : 0);
        assert_null(strchr(why.detail, '@'));
        assert_non_null(strstr(why.detail, smtp_phase_name(cases[i].phase)));
    }
}

static void details_tell_nothing_of_the_mail(void **state)
{
    (void)state;
    answer(SMTP_AT_DOT, "554 5.7.1 header Subject: Hello Bo rejected", "Hello Bo");
    assert_null(strcasestr(why.detail, "hello"));
    assert_non_null(strstr(why.detail, "554 5.7.1"));
    answer(SMTP_AT_DOT, "554 5.7.1 header Subject: hello   BO rejected", " Hello  Bo ");
    assert_null(strcasestr(why.detail, "hello"));
    answer(SMTP_AT_DOT, "554 5.7.1 of HelloBo and Hello B", "Hello Bo");
    assert_non_null(strstr(why.detail, "of HelloBo and Hello B"));
    answer(SMTP_AT_DOT, "554 5.7.1 see http://s.example/?m=bo@b.example now", "Hello Bo");
    assert_null(strstr(why.detail, "bo@"));
    assert_non_null(strstr(why.detail, "see (address) now"));
}

static void lost_lines(void **state)
{
    struct rider_failure lost = {.size = sizeof(lost),
                                 .kind = RIDER_AUTH,
                                 .scope = RIDER_MAILBOX,
                                 .holds = HOLDS_ALL,
                                 .code = 535,
                                 .retry_after = -1,
                                 .detail = "the password is refused"};

    (void)state;
    smtp_failure_lost(&why, SMTP_AT_OPEN, &lost);
    assert_int_equal(why.failure.kind, RIDER_AUTH);
    assert_int_equal(why.failure.holds, HOLDS_ALL);
    assert_int_equal(why.failure.code, 535);
    assert_string_equal(why.failure.detail, "the password is refused");
    lost.kind = RIDER_TRANSIENT;
    smtp_failure_lost(&why, SMTP_AT_RCPT, &lost);
    assert_int_equal(why.failure.kind, RIDER_TRANSIENT);
    smtp_failure_lost(&why, SMTP_AT_DOT, NULL);
    assert_int_equal(why.failure.kind, RIDER_TRANSIENT); /* the host knows whether the dot left */
    smtp_failure_garbled(&why, SMTP_AT_EHLO);
    assert_int_equal(why.failure.kind, RIDER_TRANSIENT);
    smtp_failure_garbled(&why, SMTP_AT_DOT);
    assert_int_equal(why.failure.kind, RIDER_UNCERTAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_has_its_meaning),
        cmocka_unit_test(details_tell_nothing_of_the_mail),
        cmocka_unit_test(lost_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
