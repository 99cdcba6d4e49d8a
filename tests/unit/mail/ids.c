/* unit/mail/ids.c: message ids, well formed and not. */
#include "mail/ids.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The ids joined by "|". */
static void check_scan(const char *value, const char *want)
{
    struct mail_ids ids = {0};
    struct buf got = {0};

    mail_ids_scan(&ids, value);
    for (size_t i = 0; i < ids.count; i++)
        buf_printf(&got, "%s%s", i ? "|" : "", ids.ids[i]);
    assert_string_equal(buf_text(&got), want);
    buf_finish(&got);
    mail_ids_finish(&ids);
}

static void test_scan(void **state)
{
    (void)state;
    check_scan("<a@x> <b@y>", "a@x|b@y");
    check_scan("<a@x><a@x><b@y>", "a@x|b@y");
    check_scan("<no-at-sign>", "no-at-sign");
    check_scan("<broken by @ folding>", "brokenby@folding");
    check_scan("Your mail of \"Mon, 2 Mar\" ana@acme.example <a@x>", "a@x");
    check_scan("a@x, b@y and words", "a@x|b@y");
    check_scan("<a <b@y>", "b@y");
    check_scan("<never closed@x", "closed@x");
    check_scan("<>", "");
    check_scan("", "");
    check_scan(NULL, "");
}

static void test_answered(void **state)
{
    static const char text[] = "References: <1@x> <2@x>\r\n <3@x>\r\nIn-Reply-To: <2@x>\r\n\r\n";
    struct mail_headers headers;
    struct mail_ids ids = {0};

    (void)state;
    mail_headers_parse(&headers, text, sizeof(text) - 1);
    mail_ids_answered(&ids, &headers);
    assert_int_equal(ids.count, 3);
    assert_string_equal(ids.ids[0], "2@x");
    assert_string_equal(ids.ids[1], "3@x");
    assert_string_equal(ids.ids[2], "1@x");
    mail_ids_finish(&ids);
    mail_headers_finish(&headers);
}

static void test_cap_keeps_both_ends(void **state)
{
    struct buf text = {0};
    struct mail_ids ids = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "<%d@x> ", i);
    mail_ids_scan(&ids, text.data);
    assert_int_equal(ids.count, MAIL_IDS_MAX);
    assert_string_equal(ids.ids[0], "0@x");
    assert_string_equal(ids.ids[MAIL_IDS_MAX - 1], "999@x");
    mail_ids_finish(&ids);
    buf_finish(&text);
}

static void test_too_long_is_none(void **state)
{
    struct buf text = {0};
    struct mail_ids ids = {0};

    (void)state;
    buf_add_char(&text, '<');
    for (int i = 0; i < MAIL_ID_LENGTH_MAX + 1; i++)
        buf_add_char(&text, 'a');
    buf_add_str(&text, "@x> <b@y>");
    mail_ids_scan(&ids, text.data);
    assert_int_equal(ids.count, 1);
    assert_string_equal(ids.ids[0], "b@y");
    mail_ids_finish(&ids);
    buf_finish(&text);
}

static void test_same(void **state)
{
    (void)state;
    assert_true(mail_id_same("<Ab@ACME.example>", "Ab@acme.example"));
    assert_false(mail_id_same("ab@acme.example", "Ab@acme.example"));
    assert_true(mail_id_same("a@b@C", "<a@b@c>"));
    assert_false(mail_id_same("", ""));
    assert_false(mail_id_same(NULL, "a@x"));
    assert_null(mail_id_key("<>"));
    assert_null(mail_id_bare(" <> "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_answered),
        cmocka_unit_test(test_cap_keeps_both_ends),
        cmocka_unit_test(test_too_long_is_none),
        cmocka_unit_test(test_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
