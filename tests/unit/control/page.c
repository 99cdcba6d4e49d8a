/* unit/control/page.c: no text, wherever it comes from, becomes a tag or ends an attribute; and
 * each way that consent can end has a page of its own. */
#include "control/page.h"

#include "base/mem.h"
#include "base/text.h"
#include "control/exchange.h"
#include "control/metrics.h"
#include "control/pages.h"
#include "mailbox/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

enum { ROUNDS = 200000 };

static void escaped_is(const char *text, const char *wanted)
{
    auto_buf struct buf out = {0};

    page_escape(&out, text);
    assert_string_equal(buf_text(&out), wanted);
}

static void text_is_escaped(void **state)
{
    (void)state;
    escaped_is("<b>\"a\" & 'b'</b>", "&lt;b&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/b&gt;");
    escaped_is("Grüße, 世界 🙂", "Grüße, 世界 🙂");
    escaped_is("a\x01\x1b[31m\x7f\tb\nc\r", "a[31m\tb\nc");
    escaped_is("\xff<\xc3", "\xef\xbf\xbd&lt;\xef\xbf\xbd");
    escaped_is("\xf0\x9f", "\xef\xbf\xbd\xef\xbf\xbd");
    escaped_is("\xc0\xbcscript>", "\xef\xbf\xbd\xef\xbf\xbdscript&gt;"); /* an overlong < */
    escaped_is("", "");
    escaped_is(NULL, "");
}

/* Pieces that steer parsers, and bytes of no meaning. */
static void draw(uint32_t *seed, struct buf *text)
{
    static const char *const pieces[] = {
        "<script>", "</p>", "\">",  "'>",          "<!--", "]]>", "&lt;", "&#60;", "<svg/onload=x>",
        "\xff",     "\xc3", "\xbc", "<",           ">",    "&",   "\"",   "'",     "a",
        "=",        " ",    "\n",   "\xe2\x80\xa8"};

    for (size_t left = 1 + *seed % 12; left; left--) {
        *seed = *seed * 1664525 + 1013904223;
        if (*seed >> 31)
            buf_add_str(text, pieces[(*seed >> 8) % ARRAY_LEN(pieces)]);
        else
            buf_add_char(text, (char)(1 + (*seed >> 16) % 255));
    }
}

static void nothing_that_is_drawn_gets_through(void **state)
{
    uint32_t seed = 20261121;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        auto_buf struct buf text = {0}, out = {0};

        draw(&seed, &text);
        page_escape(&out, buf_text(&text));
        if (strpbrk(buf_text(&out), "<>\"'") || !text_is_utf8(out.data, out.len))
            fail_msg("this got through: %s", buf_text(&out));
        for (const char *c = buf_text(&out); (c = strchr(c, '&')); c++)
            assert_true(text_starts(c, "&amp;") || text_starts(c, "&lt;") ||
                        text_starts(c, "&gt;") || text_starts(c, "&quot;") ||
                        text_starts(c, "&#39;"));
    }
}

static size_t count(const char *text, const char *what)
{
    size_t found = 0;

    while ((text = strstr(text, what))) {
        found++;
        text += strlen(what);
    }
    return found;
}

static void pages_add_no_tags(void **state)
{
    static const char evil[] = "</p><script>alert(1)</script>";
    const char *const asks[] = {"send mail", evil, NULL};

    (void)state;
    for (int outcome = CONNECT_SHOW; outcome <= CONNECT_FAILED + 1; outcome++) {
        struct exchange *exchange = exchange_new(NULL, "/connect/x");
        struct mailbox_page page = {.outcome = (enum mailbox_outcome)outcome,
                                    .address = evil,
                                    .provider = evil,
                                    .text = evil,
                                    .asks = asks};
        const char *text;

        connect_write(exchange, &page);
        text = buf_text(&exchange->out);
        assert_true(exchange->answered && exchange->page);
        assert_int_equal(count(text, "<script"), 0);
        assert_int_equal(count(text, "<p"), count(text, "</p>"));
        assert_int_equal(count(text, "<style nonce=\""), 1);
        assert_non_null(strstr(text, exchange->nonce));
        assert_int_equal(strlen(exchange->nonce), 30);
        exchange_free(exchange);
    }
}

static void each_ending_is_told_apart(void **state)
{
    static const unsigned statuses[] = {[CONNECT_SHOW] = 200,
                                        [CONNECT_REDIRECT] = 303,
                                        [CONNECT_DONE] = 200,
                                        [CONNECT_NARROW] = 200,
                                        [CONNECT_LINK_BAD] = 404,
                                        [CONNECT_LINK_EXPIRED] = 410,
                                        [CONNECT_CANCELLED] = 403,
                                        [CONNECT_WRONG_ACCOUNT] = 403,
                                        [CONNECT_ALIAS] = 403,
                                        [CONNECT_SCOPE_MISSING] = 403,
                                        [CONNECT_STATE_UNKNOWN] = 400,
                                        [CONNECT_STATE_FOREIGN] = 403,
                                        [CONNECT_PROVIDER_SAYS_NO] = 502,
                                        [CONNECT_WAITING] = 200,
                                        [CONNECT_ADMIN_DONE] = 200,
                                        [CONNECT_ADMIN_NO] = 403,
                                        [CONNECT_FAILED] = 502};
    auto_buf struct buf titles = {0};

    (void)state;
    for (int outcome = CONNECT_SHOW; outcome <= CONNECT_FAILED; outcome++) {
        struct exchange *exchange = exchange_new(NULL, "/connect/x");
        struct mailbox_page page = {.outcome = (enum mailbox_outcome)outcome,
                                    .address = "ana@acme.example",
                                    .location = "https://login.acme.example/?state=s",
                                    .cookie = "c=1; HttpOnly"};
        auto_free char *title = NULL;
        const char *at;

        connect_write(exchange, &page);
        assert_int_equal(exchange->status, statuses[outcome]);
        assert_string_equal(exchange->cookie, "c=1; HttpOnly");
        assert_int_equal(exchange->location != NULL, outcome == CONNECT_REDIRECT);
        assert_int_equal(strstr(buf_text(&exchange->out), "<form") != NULL,
                         outcome == CONNECT_SHOW || outcome == CONNECT_WAITING);
        assert_int_equal(strstr(buf_text(&exchange->out), "<a href=") != NULL,
                         outcome == CONNECT_WAITING);
        at = strstr(buf_text(&exchange->out), "<title>");
        title = mem_strn(at, strcspn(at + 1, "<") + 1);
        if (outcome != CONNECT_NARROW) { /* that one is told in its text */
            assert_null(strstr(buf_text(&titles), title));
            buf_add_str(&titles, title);
        }
        exchange_free(exchange);
    }
}

static void a_redirect_without_a_target_is_a_failure(void **state)
{
    struct exchange *exchange = exchange_new(NULL, "/connect/x");
    struct mailbox_page page = {.outcome = CONNECT_REDIRECT};

    (void)state;
    connect_write(exchange, &page);
    assert_int_equal(exchange->status, 502);
    assert_null(exchange->location);
    exchange_free(exchange);
}

static void labels_keep_their_line(void **state)
{
    auto_buf struct buf out = {0};

    (void)state;
    metrics_label(&out, "a\"b\\c\nd");
    assert_string_equal(buf_text(&out), "a\\\"b\\\\c\\nd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(nothing_that_is_drawn_gets_through),
        cmocka_unit_test(pages_add_no_tags),
        cmocka_unit_test(each_ending_is_told_apart),
        cmocka_unit_test(a_redirect_without_a_target_is_a_failure),
        cmocka_unit_test(labels_keep_their_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
