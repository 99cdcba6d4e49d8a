/* unit/mail/header.c: header blocks as strangers write them. */
#include "mail/header.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct mail_headers parse(const char *text)
{
    struct mail_headers headers;

    mail_headers_parse(&headers, text, strlen(text));
    return headers;
}

static void check_decoded(const char *raw, const char *want)
{
    char *got = mail_decode_words(raw);

    assert_string_equal(got, want);
    free(got);
}

static void test_line_ends(void **state)
{
    static const char *const blocks[] = {
        "From: ana@acme.example\r\nSubject: one\r\n two\r\n\r\nbody: no\r\n",
        "From: ana@acme.example\nSubject: one\n two\n\nbody: no\n",
        "From: ana@acme.example\rSubject: one\r two\r\rbody: no\r",
        "From: ana@acme.example\r\r\nSubject: one\r\r\n two\r\r\n\r\r\nbody: no\r\r\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        struct mail_headers headers = parse(blocks[i]);

        assert_int_equal(headers.count, 2);
        assert_string_equal(mail_header_raw(&headers, "from", 0), "ana@acme.example");
        assert_string_equal(mail_header_raw(&headers, "SUBJECT", 0), "one two");
        assert_null(mail_header_raw(&headers, "body", 0));
        assert_memory_equal(blocks[i] + headers.body, "body", 4);
        assert_false(headers.cut);
        mail_headers_finish(&headers);
    }
}

static void test_junk_is_passed_over(void **state)
{
    struct mail_headers headers = parse("From ana Thu Jan  1\nno colon here\n  nor this\n"
                                        "Bad Name: x\nA : b\n: empty\nC:\nD:   \n");

    (void)state;
    assert_int_equal(headers.count, 3);
    assert_string_equal(mail_header_raw(&headers, "A", 0), "b");
    assert_string_equal(mail_header_raw(&headers, "C", 0), "");
    assert_string_equal(mail_header_raw(&headers, "D", 0), "");
    mail_headers_finish(&headers);
}

static void test_nth_and_none(void **state)
{
    struct mail_headers headers = parse("X: 1\nY: 2\nx: 3\n"), none = parse("");

    (void)state;
    assert_string_equal(mail_header_raw(&headers, "X", 1), "3");
    assert_null(mail_header_raw(&headers, "X", 2));
    assert_null(mail_header(&headers, "Z", 0));
    assert_int_equal(none.count, 0);
    mail_headers_finish(&headers);
    mail_headers_finish(&none);
}

static void test_nul_is_a_blank(void **state)
{
    struct mail_headers headers;

    (void)state;
    mail_headers_parse(&headers, "A: b\0c\nD: e\n", 12);
    assert_string_equal(mail_header_raw(&headers, "A", 0), "b c");
    assert_string_equal(mail_header_raw(&headers, "D", 0), "e");
    mail_headers_finish(&headers);
}

static void test_caps(void **state)
{
    struct buf text = {0};
    struct mail_headers headers;

    (void)state;
    for (int i = 0; i < MAIL_FIELDS_MAX + 10; i++)
        buf_add_str(&text, "A: b\n");
    mail_headers_parse(&headers, text.data, text.len);
    assert_int_equal(headers.count, MAIL_FIELDS_MAX);
    assert_true(headers.cut);
    mail_headers_finish(&headers);
    buf_truncate(&text, 0);
    buf_add_str(&text, "A: ");
    for (int i = 0; i < MAIL_HEADER_MAX; i++)
        buf_add_char(&text, 'x');
    mail_headers_parse(&headers, text.data, text.len);
    assert_true(headers.cut);
    assert_int_equal(strlen(mail_header_raw(&headers, "A", 0)), MAIL_HEADER_MAX - 3);
    mail_headers_finish(&headers);
    buf_finish(&text);
}

static void test_decoding(void **state)
{
    (void)state;
    check_decoded("plain  and\t spaced", "plain and spaced");
    check_decoded("=?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus Berlin", "Gr\xc3\xbc\xc3\x9f"
                                                            "e aus Berlin");
    check_decoded("=?iso-8859-1?q?Fr=E5n?= =?iso-8859-1?q?varo?=", "Fr\xc3\xa5nvaro");
    check_decoded("=?utf-8?b?5Zue5aSN?=", "\xe5\x9b\x9e\xe5\xa4\x8d");
    check_decoded("caf\xe9", "caf\xc3\xa9");         /* raw Latin-1  */
    check_decoded("\xe2\x80\x9cx", "\xe2\x80\x9cx"); /* raw UTF-8    */
    check_decoded("=?no-such?q?abc", "=?no-such?q?abc");
    check_decoded("a\rb\x01"
                  "c",
                  "a b c");
}

static void check_from(const char *block, const char *want)
{
    struct mail_headers headers = parse(block);
    char *from = mail_header_from(&headers);

    if (want)
        assert_string_equal(from, want);
    else
        assert_null(from);
    free(from);
    mail_headers_finish(&headers);
}

static void test_from(void **state)
{
    (void)state;
    check_from("From: Ana <Ana@ACME.Example>\n", "Ana@acme.example");
    check_from("From: \"a <b@c> d\" <ana@acme.example>\n", "ana@acme.example");
    check_from("From: ana@acme.example (Ana, \"x\")\n", "ana@acme.example");
    check_from("From: MAILER-DAEMON (Mail Delivery System)\n", "MAILER-DAEMON");
    check_from("From: <>\nSender: ana@acme.example\n", "ana@acme.example");
    check_from("From: no address here\n", NULL);
    check_from("To: ana@acme.example\n", NULL);
}

static void test_param(void **state)
{
    char *value = mail_header_param(
        "multipart/report; x=\"; report-type=no\"; Report-Type = \"a\\\"b\"; y=z", "report-type");

    (void)state;
    assert_string_equal(value, "a\"b");
    free(value);
    value = mail_header_param("text/plain; charset=utf-8 (really)", "charset");
    assert_string_equal(value, "utf-8");
    free(value);
    assert_null(mail_header_param("text/plain", "charset"));
}

static double cpu_of(size_t count)
{
    struct buf text = {0};
    struct mail_headers headers;
    clock_t began = clock();

    for (size_t i = 0; i < count; i++)
        buf_add_str(&text, "(\n \"\n");
    mail_headers_parse(&headers, text.data, text.len);
    free(mail_header_from(&headers));
    mail_headers_finish(&headers);
    buf_finish(&text);
    return (double)(clock() - began);
}

/* Eight times the input may not take more than some thirty times the time. */
static void test_linear(void **state)
{
    double small = cpu_of(5000) + 1000, large = cpu_of(40000);

    (void)state;
    assert_true(large < small * 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),    cmocka_unit_test(test_junk_is_passed_over),
        cmocka_unit_test(test_nth_and_none), cmocka_unit_test(test_nul_is_a_blank),
        cmocka_unit_test(test_caps),         cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_from),         cmocka_unit_test(test_param),
        cmocka_unit_test(test_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
