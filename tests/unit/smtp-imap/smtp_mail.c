/* unit/smtp-imap/smtp_mail.c: what of a mail goes into commands and content,
 * and what never does.
 */
#include "smtp-imap/smtp_mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct rider_message plain = {
    .size = sizeof(plain),
    .marker = "abc2345",
    .from = "ana@acme.example",
    .to = "bo@b.example",
    .rfc5322 = {"Subject: x\r\n\r\nHi\r\n", 18},
};
static const struct smtp_offers all = {
    .pipelining = true, .eightbit = true, .utf8 = true, .dsn = true, .size = 1000};
static const struct smtp_offers none;

static struct text out;

static void is_text(const char *expected)
{
    assert_string_equal(text_of(&out), expected);
    text_free(&out);
}

static void content_is(const char *mail, size_t len, const char *expected)
{
    smtp_content(&out, (struct rider_bytes){mail, len});
    is_text(expected);
}

static void dots_are_doubled(void **state)
{
    (void)state;
#define CONTENT(mail, expected) content_is(mail, sizeof(mail) - 1, expected)
    CONTENT("a\r\nb\r\n", "a\r\nb\r\n");
    CONTENT("a\r\nb", "a\r\nb\r\n");
    CONTENT(".\r\n", "..\r\n");
    CONTENT("..a\r\n.", "...a\r\n..\r\n");
    CONTENT("\r\n\r\n.\r\n", "\r\n\r\n..\r\n");
    CONTENT("a.b\r\n", "a.b\r\n");
}

/* hannob/smtpsmug, and the CVEs of 2023 and 2024: none of these is an end, whoever reads it. */
static void no_ending_smuggles(void **state)
{
    static const char *const ends[] = {"\n.\n",       "\n.\r\n",     "\r\n.\n",   "\r.\r",
                                       "\r.\r\n",     "\r\n.\r",     "\n.\r",     "\r.\n",
                                       "\r\n.\r\r\n", "\r\r\n.\r\n", "\n\n.\r\n", "\r\n\r.\r\n",
                                       "\n.\n.\n",    "\r\n.\r.\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        struct text mail = {0};

        text_printf(&mail, "Subject: x\r\n\r\nfirst%sMAIL FROM:<eve@e.example>\r\n", ends[i]);
        smtp_content(&out, (struct rider_bytes){mail.data, mail.len});
        for (size_t at = 0; at < out.len; at++) {
            if (out.data[at] == '\r')
                assert_int_equal(out.data[at + 1], '\n');
            if (out.data[at] == '\n')
                assert_int_equal(out.data[at - 1], '\r');
            if (out.data[at] == '\n' && out.data[at + 1] == '.')
                assert_int_equal(out.data[at + 2], '.');
        }
        assert_memory_equal(out.data + out.len - 2, "\r\n", 2);
        text_free(&mail);
        text_free(&out);
    }
}

static void only_what_is_offered_is_asked(void **state)
{
    (void)state;
    smtp_mail_from(&out, &plain, &none);
    smtp_rcpt_to(&out, &plain, &none);
    is_text("MAIL FROM:<ana@acme.example>\r\nRCPT TO:<bo@b.example>\r\n");
    smtp_mail_from(&out, &plain, &all);
    smtp_rcpt_to(&out, &plain, &all);
    is_text("MAIL FROM:<ana@acme.example> SIZE=18 RET=HDRS ENVID=abc2345\r\n"
            "RCPT TO:<bo@b.example> NOTIFY=FAILURE ORCPT=rfc822;bo@b.example\r\n");
}

static void only_what_is_needed_is_asked(void **state)
{
    struct rider_message mail = plain;

    (void)state;
    mail.rfc5322 = (struct rider_bytes){"\xc3\xa9\n", 3};
    smtp_mail_from(&out, &mail, &all); /* the LF will be two bytes */
    is_text("MAIL FROM:<ana@acme.example> SIZE=4 BODY=8BITMIME RET=HDRS "
            "ENVID=abc2345\r\n");
    mail.to = "b\xc3\xb6@b.example";
    smtp_mail_from(&out, &mail, &all);
    smtp_rcpt_to(&out, &mail, &all);
    is_text("MAIL FROM:<ana@acme.example> SIZE=4 BODY=8BITMIME SMTPUTF8 RET=HDRS "
            "ENVID=abc2345\r\n"
            "RCPT TO:<b\xc3\xb6@b.example> NOTIFY=FAILURE\r\n");
    smtp_xtext(&out, "a+b=c d\x01");
    is_text("a+2Bb+3Dc+20d+01");
}

static void addresses_stay_in_their_place(void **state)
{
    static const char *const bad[] = {"",
                                      "bo",
                                      "@b.example",
                                      "bo@",
                                      "bo@b.example>",
                                      "bo@b.example\r\nDATA",
                                      "bo@b.example\n",
                                      "b o@b.example",
                                      "<bo@b.example>",
                                      "a@b.example,bo@b.example",
                                      "@a.example:bo@b.example",
                                      "a@b@c.example",
                                      "\"bo@b.example",
                                      "\"b\\\"@b.example",
                                      "bo@b.example> SIZE=1",
                                      "bo\x7f@b.example",
                                      "bo\\@b.example"};
    static const char *const good[] = {"bo+x@b.example",       "\"b o\"@b.example",
                                       "\"b\\\"o\"@b.example", "o'bo@b.example",
                                       "b\xc3\xb6@b.example",  "bo@[127.0.0.1]"};
    struct rider_message mail = plain;
    struct failure why;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        mail.to = bad[i];
        if (smtp_mail_is_sound(&mail, &why))
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(why.failure.kind, RIDER_PERMANENT);
        assert_int_equal(why.failure.scope, RIDER_RECIPIENT);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        mail.to = good[i];
        if (!smtp_mail_is_sound(&mail, &why))
            fail_msg("not taken: %s: %s", good[i], why.detail);
    }
    mail = plain;
    mail.from = "ana";
    assert_false(smtp_mail_is_sound(&mail, &why));
    assert_int_equal(why.failure.scope, RIDER_MAILBOX);
    assert_int_equal(why.failure.holds, RIDER_HOLDS_SEND);
}

static void lines_have_a_longest(void **state)
{
    struct rider_message mail = plain;
    struct failure why;
    char line[1002];

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line + 998, "\r\n.", 3);
    mail.rfc5322 = (struct rider_bytes){line, 1001};
    assert_true(smtp_mail_is_sound(&mail, &why));
    memcpy(line + 998, "x\r\n", 3);
    assert_false(smtp_mail_is_sound(&mail, &why));
    assert_int_equal(why.failure.scope, RIDER_MESSAGE);
    mail.rfc5322 = (struct rider_bytes){"a\0b", 3};
    assert_false(smtp_mail_is_sound(&mail, &why));
    mail.rfc5322 = (struct rider_bytes){NULL, 0};
    assert_false(smtp_mail_is_sound(&mail, &why));
}

static void fits_says_why_not(void **state)
{
    struct rider_message mail = plain;
    struct smtp_offers offers = all;
    struct failure why;

    (void)state;
    assert_true(smtp_mail_fits(&mail, &none, &why));
    offers.size = 18;
    assert_true(smtp_mail_fits(&mail, &offers, &why));
    offers.size = 17;
    assert_false(smtp_mail_fits(&mail, &offers, &why));
    assert_int_equal(why.failure.code, 552);
    assert_string_equal(why.failure.status, "5.3.4");
    mail.rfc5322 = (struct rider_bytes){"\xc3\xa9\r\n", 4};
    assert_true(smtp_mail_fits(&mail, &all, &why));
    assert_false(smtp_mail_fits(&mail, &none, &why));
    assert_int_equal(why.failure.scope, RIDER_MESSAGE);
    mail = plain;
    mail.to = "b\xc3\xb6@b.example";
    assert_true(smtp_mail_fits(&mail, &all, &why));
    assert_false(smtp_mail_fits(&mail, &none, &why));
    assert_int_equal(why.failure.scope, RIDER_RECIPIENT);
    mail.to = plain.to;
    mail.from = "\xc3\xa4na@acme.example";
    assert_false(smtp_mail_fits(&mail, &none, &why));
    assert_int_equal(why.failure.scope, RIDER_MAILBOX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dots_are_doubled),
        cmocka_unit_test(no_ending_smuggles),
        cmocka_unit_test(only_what_is_offered_is_asked),
        cmocka_unit_test(only_what_is_needed_is_asked),
        cmocka_unit_test(addresses_stay_in_their_place),
        cmocka_unit_test(lines_have_a_longest),
        cmocka_unit_test(fits_says_why_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
