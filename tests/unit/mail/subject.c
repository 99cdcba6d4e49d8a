/* unit/mail/subject.c: base subjects. */
#include "mail/subject.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *subject, const char *base, bool reply, bool forward)
{
    struct mail_subject got;

    mail_subject_parse(&got, subject);
    assert_string_equal(got.base, base);
    assert_int_equal(got.reply, reply);
    assert_int_equal(got.forward, forward);
    mail_subject_finish(&got);
}

static void test_prefixes(void **state)
{
    static const char *const replies[] = {
        "Re: Hello",
        "RE : Hello",
        "re[2]: Hello",
        "Re(3): Hello",
        "RE^2: Hello",
        "AW: Hello",
        "Antw: Hello",
        "Antwort: Re: Hello",
        "SV: Hello",
        "Svar: Hello",
        "R: Hello",
        "RES: Hello",
        "Odp: Hello",
        "YNT: Hello",
        "\xe5\x9b\x9e\xe5\xa4\x8d: Hello",
        "\xe5\x9b\x9e\xe5\xa4\x8d\xef\xbc\x9aHello", /* fullwidth colon */
        "\xe5\x9b\x9e\xe8\xa6\x86\xef\xb8\xb0Hello", /* U+FE30          */
        "\xce\xa3\xcf\x87\xce\xb5\xcf\x84: Hello",   /* Greek           */
        "Re: Re: Re: Hello",
        "[EXTERNAL] Re: Hello",
        "Re: [EXT] Hello",
        "***SPAM*** Re: Hello",
        "Re: {Spam?} Hello",
        "EXTERNAL: Re: Hello",
        "  Re:   HELLO  "};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(replies); i++)
        check(replies[i], "hello", true, false);
}

static void test_forwards(void **state)
{
    (void)state;
    check("Fwd: Hello", "hello", false, true);
    check("WG: AW: Hello", "hello", true, true);
    check("[Fwd: Hello]", "hello", false, true);
    check("Hello (fwd)", "hello", false, true);
    check("\xe8\xbd\xac\xe5\x8f\x91: Hello", "hello", false, true);
}

static void test_what_stays(void **state)
{
    (void)state;
    check("Hello", "hello", false, false);
    check("[jobs] Hello", "hello", false, false);
    check("[only a tag]", "[only a tag]", false, false);
    check("Report: third quarter", "report: third quarter", false, false);
    check("Rebuild: a plan", "rebuild: a plan", false, false);
    check("Hello (was: other)", "hello (was: other)", false, false);
    check("Re:", "", true, false);
    check("", "", false, false);
    check(NULL, "", false, false);
}

static void test_automatic(void **state)
{
    struct mail_subject got;

    (void)state;
    mail_subject_parse(&got, "Automatische Antwort: Re: Hello");
    assert_true(got.automatic);
    assert_string_equal(got.base, "hello");
    mail_subject_finish(&got);
}

static void test_folding(void **state)
{
    char *a = mail_subject_base("STRASSE"), *b = mail_subject_base("Stra\xc3\x9f"
                                                                   "e");
    char *c = mail_subject_base("\xef\xbd\x86\xef\xbd\x95ll width"); /* fullwidth f, u */

    (void)state;
    assert_string_equal(a, b);
    assert_string_equal(c, "full width");
    free(a);
    free(b);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),   cmocka_unit_test(test_forwards),
        cmocka_unit_test(test_what_stays), cmocka_unit_test(test_automatic),
        cmocka_unit_test(test_folding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
