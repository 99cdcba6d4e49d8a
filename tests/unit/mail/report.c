/* unit/mail/report.c: delivery reports, by their parts and in whole messages. */
#include "mail/report.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){text, strlen(text)};
}

static const char status[] = "Reporting-MTA: dns; mx.acme.example\r\n"
                             "Original-Envelope-Id: env-1\r\n"
                             "\r\n"
                             "Final-Recipient: rfc822; ana@acme.example\r\n"
                             "Action: failed\r\n"
                             "Status: 5.1.1 (bad destination)\r\n"
                             "Diagnostic-Code: smtp; 550 5.1.1 User\r\n unknown\r\n"
                             "\r\n"
                             "Final-Recipient: rfc822; bo@acme.example\r\n"
                             "Action: delayed\r\n"
                             "Status: 4.4.1\r\n";
static const char returned[] = "\r\nMessage-ID: <m1@ours.example>\r\nX-Postrider-Id: mark-1\r\n"
                               "Subject: Hello\r\nTo: ana@acme.example\r\n\r\nbody\r\n";

static void check_first(const struct mail_report *report)
{
    assert_int_equal(report->kind, MAIL_REPORT_DELIVERY);
    assert_int_equal(report->count, 2);
    assert_string_equal(report->envelope_id, "env-1");
    assert_string_equal(report->recipients[0].final, "ana@acme.example");
    assert_int_equal(report->recipients[0].action, MAIL_ACTION_FAILED);
    assert_string_equal(report->recipients[0].status, "5.1.1");
    assert_string_equal(report->recipients[0].diagnostic, "smtp; 550 5.1.1 User unknown");
    assert_int_equal(report->recipients[1].action, MAIL_ACTION_DELAYED);
    assert_null(report->recipients[1].diagnostic); /* recipients are not merged */
    assert_string_equal(report->message_id, "m1@ours.example");
    assert_string_equal(report->marker, "mark-1");
    assert_string_equal(report->subject, "Hello");
}

static void test_parts(void **state)
{
    struct mail_report report;

    (void)state;
    mail_report_parse(&report, "delivery-status", bytes_of(status), bytes_of(returned));
    check_first(&report);
    mail_report_finish(&report);
    mail_report_parse(&report, NULL, bytes_of(status), (struct bytes){NULL, 0});
    assert_int_equal(report.kind, MAIL_REPORT_DELIVERY);
    assert_null(report.message_id);
    mail_report_finish(&report);
    mail_report_parse(&report, NULL, (struct bytes){NULL, 0}, (struct bytes){NULL, 0});
    assert_int_equal(report.kind, MAIL_REPORT_NONE);
    mail_report_finish(&report);
}

static void test_feedback(void **state)
{
    struct mail_report report;

    (void)state;
    mail_report_parse(&report, NULL, bytes_of("Feedback-Type: abuse\r\nUser-Agent: x\r\n"),
                      bytes_of(returned));
    assert_int_equal(report.kind, MAIL_REPORT_FEEDBACK);
    assert_string_equal(report.feedback_type, "abuse");
    mail_report_finish(&report);
}

static void check_whole(const char *raw, const char *type, const char *text)
{
    struct mail_parts parts;
    struct mail_report report;

    mail_parts_find(&parts, raw, strlen(raw));
    if (type)
        assert_string_equal(parts.type, type);
    else
        assert_null(parts.type);
    assert_non_null(strstr(buf_text(&parts.text), text));
    mail_report_parse(&report, parts.type, buf_bytes(&parts.report), buf_bytes(&parts.returned));
    assert_string_equal(report.message_id, "m1@ours.example");
    mail_report_finish(&report);
    mail_parts_finish(&parts);
}

static void test_whole_message(void **state)
{
    (void)state;
    check_whole("Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n"
                "\r\n--b\r\n\r\nIt could not be delivered.\r\n"
                "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\n"
                "Action: failed\r\nStatus: 5.1.1\r\n"
                "--b\r\nContent-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: base64\r\n"
                "\r\nTWVzc2FnZS1JRDogPG0xQG91cnMuZXhhbXBsZT4NCg==\r\n--b--\r\n",
                "delivery-status", "could not be delivered");
}

static void test_odd_bounces(void **state)
{
    static const char qmail[] =
        "From: MAILER-DAEMON@acme.example\n\nHi. This is the qmail-send program.\n\n"
        "<ana@acme.example>:\nNo such user\n\n--- Below this line is a copy of the message.\n\n"
        "Return-Path: <us@ours.example>\nFrom: us@ours.example\nTo: ana@acme.example\n"
        "Message-ID: <m1@ours.example>\nDate: x\n\nOur words, mailbox full\n";
    struct mail_parts parts;

    (void)state;
    check_whole(qmail, NULL, "No such user");
    mail_parts_find(&parts, qmail, strlen(qmail));
    assert_null(strstr(buf_text(&parts.text), "Our words")); /* what we wrote is no diagnosis */
    mail_parts_finish(&parts);
    check_whole("Content-Type: multipart/report; boundary=gone\n\nText.\n\nReporting-MTA: dns; a\n"
                "Action: failed\n\nReceived: x\nFrom: us@ours.example\nDate: x\n"
                "Message-ID: <m1@ours.example>\n\n",
                NULL, "Text.");
}

static void test_deep_and_many(void **state)
{
    struct buf raw = {0};
    struct mail_parts parts;

    (void)state;
    for (int i = 0; i < 500; i++)
        buf_printf(&raw, "Content-Type: multipart/mixed; boundary=\"b%d\"\n\n--b%d\n", i, i);
    mail_parts_find(&parts, raw.data, raw.len);
    mail_parts_finish(&parts);
    buf_truncate(&raw, 0);
    buf_add_str(&raw, "Content-Type: multipart/mixed; boundary=b\n\n");
    for (int i = 0; i < 100000; i++)
        buf_add_str(&raw, "--b\n");
    mail_parts_find(&parts, raw.data, raw.len);
    mail_parts_finish(&parts);
    buf_truncate(&raw, 0);
    buf_add_str(&raw, "\n");
    for (int i = 0; i < 30000; i++)
        buf_add_str(&raw, "-\nFrom: a\n");
    mail_parts_find(&parts, raw.data, raw.len);
    mail_parts_finish(&parts);
    buf_finish(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),         cmocka_unit_test(test_feedback),
        cmocka_unit_test(test_whole_message), cmocka_unit_test(test_odd_bounces),
        cmocka_unit_test(test_deep_and_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
