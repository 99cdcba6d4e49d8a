/* unit/smtp-imap/smtp_reply.c: replies of one line and of many, and what is none. */
#include "smtp-imap/smtp_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct smtp_reader reader;

/* Reads a text that must be used up whole. */
static enum smtp_read reads(const char *text)
{
    size_t used = 0;
    enum smtp_read got;

    memset(&reader, 0, sizeof(reader));
    got = smtp_read(&reader, text, strlen(text), &used);
    if (got == SMTP_WHOLE)
        assert_int_equal(used, strlen(text));
    return got;
}

static void one_line(void **state)
{
    (void)state;
    assert_int_equal(reads("250 2.1.0 Ok\r\n"), SMTP_WHOLE);
    assert_int_equal(reader.reply.code, 250);
    assert_string_equal(reader.reply.status, "2.1.0");
    assert_string_equal(reader.reply.text, "Ok");
    assert_int_equal(reads("354\r\n"), SMTP_WHOLE);
    assert_string_equal(reader.reply.text, "");
    assert_int_equal(reads("250 Ok\n"), SMTP_WHOLE); /* a bare LF */
    assert_string_equal(reader.reply.text, "Ok");
    assert_int_equal(reads("250 Ok"), SMTP_MORE);
    assert_int_equal(reads("250-Ok\r\n"), SMTP_MORE);
}

static void many_lines(void **state)
{
    (void)state;
    assert_int_equal(reads("550-5.7.1 No, and\r\n550-5.7.1 for good\r\n550 5.1.1 Bye\r\n"),
                     SMTP_WHOLE);
    assert_string_equal(reader.reply.status, "5.7.1"); /* the first */
    assert_string_equal(reader.reply.text, "No, and\nfor good\nBye");
    assert_int_equal(reads("250-a\r\n250\r\n"), SMTP_WHOLE);
    assert_string_equal(reader.reply.text, "a\n");
    assert_int_equal(reads("250-a\r\n251 b\r\n"), SMTP_BROKEN);
    assert_int_equal(reads("250-a\r\nb\r\n"), SMTP_BROKEN);
}

static void one_after_the_other(void **state)
{
    static const char text[] = "250-a\r\n250 b\r\n550 5.1.1 c\r\n";
    size_t used;

    (void)state;
    memset(&reader, 0, sizeof(reader));
    assert_int_equal(smtp_read(&reader, text, sizeof(text) - 1, &used), SMTP_WHOLE);
    assert_int_equal(used, 14);
    assert_string_equal(reader.reply.text, "a\nb");
    assert_int_equal(smtp_read(&reader, text + used, sizeof(text) - 1 - used, &used), SMTP_WHOLE);
    assert_int_equal(reader.reply.code, 550);
    assert_string_equal(reader.reply.text, "c");
}

static void a_status_of_another_class_says_nothing(void **state)
{
    static const char *const none[] = {"250 5.1.1 x\r\n",   "550 4.1.1 x\r\n", "550 5.1 x\r\n",
                                       "550 5.1.1.1 x\r\n", "550 5.1.1x\r\n",  "550 5.1234.1 x\r\n",
                                       "550 5..1 x\r\n",    "354 3.0.0 x\r\n", "550 10.1.1 x\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
        assert_int_equal(reads(none[i]), SMTP_WHOLE);
        assert_string_equal(reader.reply.status, "");
    }
    assert_int_equal(reads("452 4.123.999\r\n"), SMTP_WHOLE);
    assert_string_equal(reader.reply.status, "4.123.999");
}

static void what_is_no_reply(void **state)
{
    static const char *const bad[] = {
        "\r\n",    "25 ok\r\n",  "2500 ok\r\n", "150 no\r\n",         "650 no\r\n",
        "abc\r\n", "250_ok\r\n", " 250 ok\r\n", "* OK IMAP4rev1\r\n", "HTTP/1.1 400 Bad\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(reads(bad[i]), SMTP_BROKEN);
}

static void what_is_not_text_is_marked(void **state)
{
    (void)state;
    assert_int_equal(reads("550 a\rb\x01"
                           "c\x7f\xff\xc3\xa9\xed\xa0\x80z\r\n"),
                     SMTP_WHOLE);
    assert_string_equal(reader.reply.text, "a?b?c??\xc3\xa9???z");
}

static void every_size_has_its_end(void **state)
{
    static char text[SMTP_LINE_MAX * 4];
    size_t used;

    (void)state;
    memset(&reader, 0, sizeof(reader));
    memset(text, 'x', sizeof(text));
    memcpy(text, "250 ", 4);
    assert_int_equal(smtp_read(&reader, text, sizeof(text), &used), SMTP_BROKEN);
    assert_true(used <= SMTP_LINE_MAX + 1);

    memset(&reader, 0, sizeof(reader));
    for (unsigned i = 0; i < SMTP_REPLY_LINES_MAX; i++)
        assert_int_equal(smtp_read(&reader, "250-0123456789012345678901234\r\n", 31, &used),
                         SMTP_MORE);
    assert_true(reader.reply.len < SMTP_TEXT_MAX);
    assert_int_equal(strlen(reader.reply.text), reader.reply.len);
    assert_int_equal(smtp_read(&reader, "250 end\r\n", 9, &used), SMTP_BROKEN);
}

static void reads_what_is_offered(void **state)
{
    struct smtp_offers offers;

    (void)state;
    reads("250-mail SMTPUTF8\r\n250-PIPELINING\r\n250-SIZE "
          "10240000\r\n250-8bitmime\r\n"
          "250-DSNX\r\n250-AUTH PLAIN\r\n250 DSN\r\n");
    smtp_offers_read(&reader.reply, &offers);
    assert_true(offers.pipelining && offers.eightbit && offers.dsn);
    assert_false(offers.utf8); /* that was the server's name */
    assert_int_equal(offers.size, 10240000);
    reads("250-\r\n250-SIZE\r\n250 SMTPUTF8\r\n");
    smtp_offers_read(&reader.reply, &offers);
    assert_true(offers.utf8);
    assert_int_equal(offers.size, 0);
    reads("250-a\r\n250-SIZE 99999999999999999999999\r\n250-DSNX\r\n250 b\r\n");
    smtp_offers_read(&reader.reply, &offers);
    assert_int_equal(offers.size, 0);
    assert_false(offers.dsn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line),
        cmocka_unit_test(many_lines),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(a_status_of_another_class_says_nothing),
        cmocka_unit_test(what_is_no_reply),
        cmocka_unit_test(what_is_not_text_is_marked),
        cmocka_unit_test(every_size_has_its_end),
        cmocka_unit_test(reads_what_is_offered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
