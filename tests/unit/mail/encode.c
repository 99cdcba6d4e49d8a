/* unit/mail/encode.c: the encodings of a text part, to the byte. */
#include "mail/encode.h"

#include "base/mem.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *content(const struct buf *part)
{
    const char *empty = strstr(part->data, "\r\n\r\n");

    assert_non_null(empty);
    return empty + 4;
}

static void each_to_the_byte(void **state)
{
    static const struct {
        const char *text, *encoding, *content;
    } cases[] = {
        {"", "7bit", "\r\n"},
        {"Hi\rBo\n", "7bit", "Hi\r\nBo\r\n"},
        {"Hi \nBo", "quoted-printable", "Hi=20\r\nBo\r\n"},
        {"\xc3\xa9 is a letter\t", "quoted-printable", "=C3=A9 is a letter=09\r\n"},
        {"From me\nFrom you, From", "quoted-printable", "=46rom me\r\n=46rom you, From\r\n"},
        {"a=_b", "quoted-printable", "a=3D_b\r\n"},
        {"\xc3\xa9\xc3\xa9", "base64", "w6nDqQ0K\r\n"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_buf struct buf got = {0}, want = {0};

        mail_part_write(&got, "plain", cases[i].text);
        buf_printf(&want,
                   "Content-Type: text/plain; charset=utf-8\r\n"
                   "Content-Transfer-Encoding: %s\r\n\r\n%s",
                   cases[i].encoding, cases[i].content);
        assert_string_equal(got.data, want.data);
    }
}

static void expect_short_lines(const char *text)
{
    for (size_t len; *text; text += len + 2) {
        len = strcspn(text, "\r");
        assert_true(len <= 76);
        assert_int_equal(text[len + 1], '\n');
    }
}

/* "=_" is never sent plain. Whatever stands at the end of a line of 76: a letter, an encoded
 * character, a blank. */
static void lines_end_in_time(void **state)
{
    static const char *const ends[] = {"x", "=", "\xc3\xa9", " ", " \nx", "xx", "==", "x="};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        for (size_t len = 70; len < 240; len++) {
            auto_free char *line = mem_printf("=_%*s%s", (int)len, "=", ends[i]);
            auto_buf struct buf got = {0}, whole = {0};

            mail_part_write(&got, "plain", line);
            expect_short_lines(content(&got));
            assert_non_null(strstr(got.data, "quoted-printable"));
            for (const char *c = content(&got); *c; c++) { /* and nothing is lost */
                if (strncmp(c, "=\r\n", 3) == 0) {
                    c += 2;
                } else if (*c == '=') {
                    text_hex_decode(&whole, c + 1, 2);
                    c += 2;
                } else {
                    buf_add_char(&whole, *c);
                }
            }
            assert_int_equal(strncmp(whole.data, line, len + 3), 0);
        }
    }
}

static void long_text_in_base64(void **state)
{
    auto_buf struct buf text = {0}, got = {0}, bare = {0}, whole = {0};
    (void)state;

    for (int i = 0; i < 1000; i++)
        buf_add_str(&text, "\xe4\xbd\xa0\n");
    mail_part_write(&got, "html", text.data);
    assert_non_null(strstr(got.data, "text/html"));
    expect_short_lines(content(&got));
    for (const char *c = content(&got); *c; c++)
        if (*c != '\r' && *c != '\n')
            buf_add_char(&bare, *c);
    assert_true(text_base64_decode(&whole, bare.data, bare.len));
    assert_int_equal(whole.len, 5000);
    assert_memory_equal(whole.data + 4990, "\xe4\xbd\xa0\r\n\xe4\xbd\xa0\r\n", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_to_the_byte),
        cmocka_unit_test(lines_end_in_time),
        cmocka_unit_test(long_text_in_base64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
