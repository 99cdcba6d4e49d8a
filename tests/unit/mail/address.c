/* unit/mail/address.c: what is an address, whose key it has, whose company it is, and lists. */
#include "mail/address.h"

#include "base/mem.h"
#include "mail/header.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <glib.h>
#include <string.h>
#include <cmocka.h>

static void takes_addresses(void **state)
{
    static const char *const good[] = {
        "ana@acme.example",       "a.b+c@acme.example", "o'neil@acme.example",
        "\"ana b\"@acme.example", "用户@例子.广告",     "x@xn--fsqu00a.xn--0zwm56d",
        "ana@bücher.example",     "A@B.Example",        "a@1.example",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_null(mail_address_fault(good[i]));
}

static void refuses_what_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        "ana",
        "@acme.example",
        "ana@",
        "ana@acme",
        "ana@acme..example",
        ".ana@acme.example",
        "ana.@acme.example",
        "a..b@acme.example",
        "a b@acme.example",
        "ana@acme.example ",
        " ana@acme.example",
        "ana@-acme.example",
        "ana@acme-.example",
        "ana@192.168.0.1",
        "ana@[192.168.0.1]",
        "<ana@acme.example>",
        "@relay.example:ana@acme.example",
        "ana@acme.example\r\nBcc: eve@evil.example",
        "ana\n@acme.example",
        "ana@acme.example,eve@evil.example",
        "ana@acme_x.example",
        "\"ana@acme.example",
        "\"a\"b\"@acme.example",
        "\"\\\\\"b\"@acme.example", /* an escaped backslash, then a quote that ends it */
        "a\xff@acme.example",
        "a(c)@acme.example",
        "ana@acme.example.",
        "0123456789012345678901234567890123456789012345678901234567890123x@acme.example",
    };
    (void)state;

    assert_non_null(mail_address_fault(NULL));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (!mail_address_fault(bad[i]))
            fail_msg("taken: %s", bad[i]);
    }
}

static void expect_key(const char *address, const char *key)
{
    auto_buf struct buf got = {0};

    assert_int_equal(mail_address_key(address, &got), 0);
    assert_string_equal(buf_text(&got), key);
}

static void keys_are_one_persons(void **state)
{
    auto_buf struct buf untouched = {0};
    (void)state;

    expect_key("Ana.B+X@Acme.Example", "ana.b+x@acme.example");
    expect_key("\"ana\"@acme.example", "ana@acme.example");
    expect_key("\"ana b\"@acme.example", "\"ana b\"@acme.example");
    expect_key("ana@BÜCHER.example", "ana@xn--bcher-kva.example");
    expect_key("ana@xn--bcher-kva.example", "ana@xn--bcher-kva.example");
    expect_key("JOSÉ@acme.example", "josé@acme.example");
    expect_key("jose\xcc\x81@acme.example", "jos\xc3\xa9@acme.example");
    buf_add_str(&untouched, "x");
    assert_int_equal(mail_address_key("nobody", &untouched), -EINVAL);
    assert_string_equal(untouched.data, "x");
}

static void expect_company(const char *address, int r, const char *company)
{
    auto_buf struct buf got = {0};

    assert_int_equal(mail_company(address, &got), r);
    assert_string_equal(buf_text(&got), company);
}

/* Whatever its letters: a person told by the key is found again by it. */
static void a_key_is_its_own_key(void **state)
{
    (void)state;

    for (gunichar c = 0x80; c < 0x20000; c++) {
        auto_buf struct buf address = {0}, key = {0}, again = {0};
        char utf8[6];

        if (!g_unichar_validate(c))
            continue;
        buf_add_str(&address, "a");
        buf_add(&address, utf8, (size_t)g_unichar_to_utf8(c, utf8));
        buf_add_str(&address, "\xcd\x85\xcc\x81@acme.example");
        if (mail_address_key(address.data, &key) < 0)
            continue;
        assert_int_equal(mail_address_key(key.data, &again), 0);
        assert_string_equal(again.data, key.data);
    }
    expect_key("\xe1\x8f\x93@acme.example",
               "\xea\xae\xa3@acme.example"); /* Cherokee LI, both cases */
    expect_key("\xea\xae\xa3@acme.example", "\xea\xae\xa3@acme.example");
}

static void companies_are_registrable(void **state)
{
    (void)state;
    expect_company("ana@mail.eu.acme.co.uk", 0, "acme.co.uk");
    expect_company("ana@ACME.example", 0, "acme.example");
    expect_company("ana@bücher.de", 0, "xn--bcher-kva.de");
    expect_company("ana@gmail.com", -ENOENT, "");
    expect_company("ana@yahoo.co.jp", -ENOENT, "");
    expect_company("ana@hotmail.fr", -ENOENT, "");
    expect_company("ana@qq.com", -ENOENT, "");
    expect_company("ana@vip.163.com", -ENOENT, "");
    expect_company("ana@co.uk", -ENOENT, "");
    expect_company("nobody", -EINVAL, "");
    assert_true(mail_domain_is_public("GMX.at"));
    assert_false(mail_domain_is_public("acme.example"));
}

static void wire_is_ascii(void **state)
{
    auto_buf struct buf wire = {0};
    (void)state;

    assert_int_equal(mail_address_wire("Ana@Bücher.example", &wire), 0);
    assert_string_equal(wire.data, "Ana@xn--bcher-kva.example");
}

static bool join(void *arg, const char *address, const char *name)
{
    buf_printf(arg, "[%s|%s]", address, name);
    return true;
}

static void expect_list(const char *value, const char *expected)
{
    auto_buf struct buf got = {0};

    mail_address_each(value, join, &got);
    assert_string_equal(buf_text(&got), expected);
}

static void lists_are_read(void **state)
{
    (void)state;
    expect_list(NULL, "");
    expect_list("ana@acme.example", "[ana@acme.example|]");
    expect_list("Ana B <ana@acme.example>", "[ana@acme.example|Ana B]");
    expect_list("\"B, Ana <x@y.example>\" <ana@acme.example>, bo@acme.example",
                "[ana@acme.example|B, Ana <x@y.example>][bo@acme.example|]");
    expect_list("ana@acme.example (Ana (the one) B)", "[ana@acme.example|Ana (the one) B]");
    expect_list("(c) Ana <ana@acme.example> (d)", "[ana@acme.example|Ana]");
    expect_list("=?utf-8?q?J=C3=BCrgen?= <j@acme.example>", "[j@acme.example|Jürgen]");
    expect_list("Team: a@acme.example, B <b@acme.example>; c@acme.example",
                "[a@acme.example|][b@acme.example|B][c@acme.example|]");
    expect_list("undisclosed-recipients:;", "");
    expect_list("<@relay.example,@x.example:ana@acme.example>", "[ana@acme.example|]");
    expect_list("Ana < ana @ acme.example >", "[ana@acme.example|Ana]");
    expect_list("Doe, Jane <jane@acme.example>", "[jane@acme.example|Jane]");
    expect_list("\"ana b\"@acme.example", "[\"ana b\"@acme.example|]");
    expect_list("<ana@acme.example", "[ana@acme.example|]");
    expect_list("\"unclosed <ana@acme.example>", "");
    expect_list("nonsense, , ;;, <>", "");
}

static void lists_have_an_end(void **state)
{
    auto_buf struct buf value = {0}, address = {0}, name = {0};
    auto_buf struct buf got = {0};
    (void)state;

    for (int i = 0; i < 1000; i++)
        buf_printf(&value, "a%d@acme.example, ", i);
    assert_int_equal(mail_address_each(value.data, join, &got), MAIL_LIST_MAX);
    assert_int_equal(
        mail_address_first("x, Ana <ana@acme.example>, b@acme.example", &address, &name), 0);
    assert_string_equal(address.data, "ana@acme.example");
    assert_string_equal(name.data, "Ana");
    assert_int_equal(mail_address_first("nobody", &address, NULL), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_addresses),      cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(keys_are_one_persons), cmocka_unit_test(companies_are_registrable),
        cmocka_unit_test(wire_is_ascii),        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(lists_have_an_end),    cmocka_unit_test(a_key_is_its_own_key),
    };

    mail_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
