/* unit/mail/classify.c: kinds of mail, hard and soft, and dates of return. */
#include "mail/classify.h"

#include "base/mem.h"
#include "mail/wanted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static const int64_t now = 1793534400000; /* 2026-11-01T12:00:00Z */

static struct mail_verdict verdict_of(const char *headers, const char *text)
{
    struct mail_headers parsed;
    struct mail_verdict verdict;
    struct mail_input input = {
        .headers = &parsed, .text = {text, strlen(text)}, .where = MAIL_INBOUND, .now = now};

    mail_headers_parse(&parsed, headers, strlen(headers));
    mail_classify(&input, &verdict);
    mail_headers_finish(&parsed);
    assert_true(strlen(verdict.reason) > 10);
    return verdict;
}

static void check(const char *headers, enum mail_kind kind)
{
    struct mail_verdict verdict = verdict_of(headers, "");

    if (verdict.kind != kind)
        print_error("%s\nsaid %s (%s)\n", headers, mail_kind_name(verdict.kind), verdict.reason);
    assert_int_equal(verdict.kind, kind);
}

static void test_people(void **state)
{
    (void)state;
    check("From: ana@acme.example\nSubject: Re: Hello\nIn-Reply-To: <1@x>\n", MAIL_REPLY);
    check("From: ana@acme.example\nSubject: Hello\nPrecedence: bulk\nIn-Reply-To: <1@x>\n",
          MAIL_REPLY); /* asks others to keep quiet: decides nothing alone */
    check("From: ana@acme.example\nSubject: Re: Hello\nX-Auto-Response-Suppress: All\n",
          MAIL_REPLY);
    check("From: ana@acme.example\nSubject: Re: Automatic reply: Hello\nIn-Reply-To: <1@x>\n",
          MAIL_REPLY);
    check("From: ana@acme.example\nSubject: Re: Undeliverable: Hello\nIn-Reply-To: <1@x>\n",
          MAIL_REPLY);
    check("From: ana@acme.example\nSubject: Fwd: Delivery Status Notification (Failure)\n",
          MAIL_REPLY);
    check("From: postmaster@acme.example\nSubject: Re: Hello\nIn-Reply-To: <1@x>\n", MAIL_REPLY);
    check("From: ana@acme.example\nSubject: Hello\nAuto-Submitted: no\n", MAIL_REPLY);
    check("From: ana@acme.example\nSubject: Re: Hello\nList-Id: <l.acme.example>\n", MAIL_REPLY);
    check("From: ana@acme.example\nSubject: Read: my notes\n", MAIL_REPLY);
    check("From: ana@acme.example\nSubject: still trying to reach you\n", MAIL_REPLY);
    check("From: ana@acme.example\nSubject: Your message to Bo\n", MAIL_REPLY);
    check("", MAIL_REPLY);
}

static void test_machines(void **state)
{
    (void)state;
    check("From: ana@acme.example\nSubject: Hello\nAuto-Submitted: auto-replied\n",
          MAIL_AUTO_REPLY);
    check("From: ana@acme.example\nSubject: Hello\nX-Autoreply: yes\n", MAIL_AUTO_REPLY);
    check("From: ana@acme.example\nSubject: Hello\nPrecedence: auto_reply\n", MAIL_AUTO_REPLY);
    check("From: ana@acme.example\nSubject: Hello\nX-Auto-Response-Suppress: All\n"
          "X-MS-Exchange-Inbox-Rules-Loop: x@y\n",
          MAIL_AUTO_REPLY);
    check("From: ana@acme.example\nSubject: Hello\nReturn-Path: <>\n", MAIL_AUTO_REPLY);
    check("From: ana@acme.example\nSubject: Automatic reply: Hello\n", MAIL_AUTO_REPLY);
    check("From: ana@acme.example\nSubject: Out of Office: Hello\n", MAIL_OUT_OF_OFFICE);
    check("From: ana@acme.example\nSubject: =?utf-8?Q?R=C3=A9ponse_automatique?=\n",
          MAIL_AUTO_REPLY);
    check("From: ana@acme.example\nSubject: Abwesenheitsnotiz: Hello\n", MAIL_OUT_OF_OFFICE);
    check("From: ana@acme.example\nSubject: Re: Hello (Out of the office)\n", MAIL_OUT_OF_OFFICE);
    check("From: ana@acme.example\nSubject: Re: Hello (Out of the office)\nIn-Reply-To: <1@x>\n",
          MAIL_REPLY);
    check("From: ana@acme.example\nSubject: [Auto-Reply] Hello\n", MAIL_AUTO_REPLY);
    check("From: ana@acme.example\nSubject: Automatic reply: Undeliverable mail\n",
          MAIL_AUTO_REPLY);
}

static void test_bounces(void **state)
{
    (void)state;
    check("Content-Type: multipart/report; report-type=delivery-status\n"
          "Auto-Submitted: auto-replied\nFrom: x@acme.example\nSubject: Hello\n",
          MAIL_BOUNCE); /* before auto-reply */
    check("From: MAILER-DAEMON@acme.example\nSubject: failure notice\n", MAIL_BOUNCE);
    check("From: a@acme.example\nX-Failed-Recipients: b@acme.example\nSubject: x\n", MAIL_BOUNCE);
    check("From: postmaster@acme.example\nSubject: Undeliverable: Hello\n", MAIL_BOUNCE);
    check("From: <>\nSubject: Hello\nReturn-Path: <>\n", MAIL_BOUNCE);
    check("From: a@acme.example\nSubject: Unzustellbar: Hello\nX-MS-Exchange-Message-Is-Ndr:\n",
          MAIL_BOUNCE);
}

static void test_neither(void **state)
{
    struct mail_verdict late =
        verdict_of("From: MAILER-DAEMON@a.example\nSubject: Delayed Mail (still being retried)\n"
                   "Content-Type: multipart/report; report-type=delivery-status\n",
                   "");

    (void)state;
    assert_int_equal(late.kind, MAIL_OTHER);
    assert_true(late.delayed);
    check("From: MAILER-DAEMON@a.example\nSubject: Successful Mail Delivery Report\n"
          "Content-Type: multipart/report; report-type=delivery-status\n",
          MAIL_OTHER);
    check("From: a@a.example\nSubject: Read: Hello\n"
          "Content-Type: multipart/report; report-type=disposition-notification\n",
          MAIL_OTHER);
    check("From: news@a.example\nSubject: News\nList-Unsubscribe: <https://a.example>\n",
          MAIL_OTHER);
    check("From: a@a.example\nSubject: News\nList-Id: <l.a.example>\nAuto-Submitted: "
          "auto-generated\n",
          MAIL_OTHER);
    check("From: fbl@a.example\nContent-Type: multipart/report; report-type=feedback-report\n",
          MAIL_COMPLAINT);
    check("From: ana@acme.example\nSubject: unsubscribe\nAuto-Submitted: auto-replied\n",
          MAIL_UNSUBSCRIBE);
    assert_int_equal(
        verdict_of("From: ana@acme.example\nSubject: Re: Hello\n", "Please unsubscribe me.\n").kind,
        MAIL_UNSUBSCRIBE);
    assert_int_equal(verdict_of("From: ana@acme.example\nSubject: Re: Hello\n",
                                "Don't stop, this is of interest.\n")
                         .kind,
                     MAIL_REPLY);
}

static void test_ours(void **state)
{
    struct mail_headers none = {0};
    struct mail_verdict verdict;
    struct mail_input ours = {.headers = &none, .where = MAIL_INBOUND, .ours = true},
                      sent = {.headers = &none, .where = MAIL_OUTBOUND};

    (void)state;
    mail_classify(&ours, &verdict);
    assert_int_equal(verdict.kind, MAIL_OURS);
    mail_classify(&sent, &verdict);
    assert_int_equal(verdict.kind, MAIL_OURS);
}

static enum mail_hardness hardness_of(const char *status, const char *diagnostic)
{
    struct mail_headers headers;
    struct mail_report report;
    struct mail_verdict verdict;
    struct buf part = {0};
    struct mail_input input = {
        .headers = &headers, .report = &report, .where = MAIL_INBOUND, .now = now};
    static const char block[] = "From: MAILER-DAEMON@a.example\nSubject: failure notice\n";

    buf_printf(&part, "\nAction: failed\nStatus: %s\nDiagnostic-Code: smtp; %s\n", status,
               diagnostic);
    mail_headers_parse(&headers, block, sizeof(block) - 1);
    mail_report_parse(&report, "delivery-status", buf_bytes(&part), (struct bytes){NULL, 0});
    mail_classify(&input, &verdict);
    assert_int_equal(verdict.kind, MAIL_BOUNCE);
    mail_headers_finish(&headers);
    mail_report_finish(&report);
    buf_finish(&part);
    return verdict.hardness;
}

static void test_hardness(void **state)
{
    (void)state;
    assert_int_equal(hardness_of("5.1.1", "550 5.1.1 User unknown"), MAIL_HARD);
    assert_int_equal(hardness_of("5.0.0", "550 No such user here"), MAIL_HARD);
    assert_int_equal(hardness_of("5.4.4", "Host not found"), MAIL_HARD);
    assert_int_equal(hardness_of("5.1.1", "550 5.7.1 IP address blacklisted"), MAIL_SOFT);
    assert_int_equal(hardness_of("5.2.2", "552 Mailbox full"), MAIL_SOFT);
    assert_int_equal(hardness_of("5.7.1", "554 Message rejected as spam"), MAIL_SOFT);
    assert_int_equal(hardness_of("4.4.7", "x"), MAIL_SOFT);
    assert_int_equal(hardness_of("5.0.0", "550 5.1.1"), MAIL_HARD);
    assert_int_equal(hardness_of("5.0.0", "550"), MAIL_UNKNOWN);
}

static int64_t back_of(const char *subject)
{
    struct buf headers = {0};
    struct mail_verdict verdict;

    buf_printf(&headers, "From: ana@acme.example\nSubject: Out of office: %s\n", subject);
    verdict = verdict_of(buf_text(&headers), "");
    assert_int_equal(verdict.kind, MAIL_OUT_OF_OFFICE);
    buf_finish(&headers);
    return verdict.returns_at;
}

static void test_returns(void **state)
{
    static const int64_t day = 86400000, first = 1793491200000; /* 2026-11-01 */

    (void)state;
    assert_int_equal(back_of("back on 2026-11-12"), first + 11 * day);
    assert_int_equal(back_of("returning 12 November"), first + 11 * day);
    assert_int_equal(back_of("until Thursday, November 12th, 2026"), first + 11 * day);
    assert_int_equal(back_of("bis zum 12.11."), first + 11 * day);
    assert_int_equal(back_of("bis einschlie\xc3\x9flich 12. November 2026"), first + 11 * day);
    assert_int_equal(back_of("jusqu'au 12 novembre 2026"), first + 11 * day);
    assert_int_equal(back_of("hasta el 12 de noviembre"), first + 11 * day);
    assert_int_equal(back_of("fino al 12/11/2026"), first + 11 * day); /* not December */
    assert_int_equal(back_of("t/m 12 november"), first + 11 * day);
    assert_int_equal(back_of("at\xc3\xa9 12 de novembro"), first + 11 * day);
    assert_int_equal(back_of("until 25/12/2026"), first + 54 * day);
    assert_int_equal(back_of("until 2 January"), first + 62 * day);
    assert_int_equal(back_of("returning 05/07/2027"), 0); /* May or July */
    assert_int_equal(back_of("until 31 February"), 0);
    assert_int_equal(back_of("until 12 November 2019"), 0); /* long past   */
    assert_int_equal(back_of("until further notice"), 0);
}

static void test_wanted(void **state)
{
    static const char *const must[] = {"From",          "Subject",        "In-Reply-To",
                                       "References",    "Auto-Submitted", "Content-Type",
                                       "X-Postrider-Id"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(must); i++) {
        bool found = false;

        for (size_t j = 0; mail_wanted_headers[j]; j++)
            found = found || strcasecmp(mail_wanted_headers[j], must[i]) == 0;
        assert_true(found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people),  cmocka_unit_test(test_machines),
        cmocka_unit_test(test_bounces), cmocka_unit_test(test_neither),
        cmocka_unit_test(test_ours),    cmocka_unit_test(test_hardness),
        cmocka_unit_test(test_returns), cmocka_unit_test(test_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
