/* unit/mail/compose.c: what we compose reads back as what was meant, whatever a field holds. */
#include "mail/compose.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/header.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const chain[] = {"one@acme.example", "two@acme.example", NULL};

static struct mail_draft usual(void)
{
    return (struct mail_draft){
        .from = "ana@acme.example",
        .from_name = "Ana Berg",
        .to = "bo@beta.example",
        .subject = "A question",
        .text = "Hello Bo,\n\nare you there?\n",
        .message_id = "m1.abc@acme.example",
        .date = INT64_C(1795282342000),
        .utc_offset = 60,
        .marker = "pr1.abcdef",
    };
}

static char *compose(const struct mail_draft *draft)
{
    struct buf out = {0};
    auto_buf struct buf error = {0};

    if (mail_compose(draft, &out, &error) < 0)
        fail_msg("refused: %s", buf_text(&error));
    return buf_take(&out);
}

static void text_alone(void **state)
{
    struct mail_draft draft = usual();
    auto_free char *got = NULL, *again = NULL;
    (void)state;

    draft.to_name = "Bo, \"the\" Olsen";
    draft.reply_to = "ana+x@acme.example";
    draft.in_reply_to = "two@acme.example";
    draft.references = chain;
    draft.unsubscribe_url =
        "https://out.acme.example/u/"
        "0123456789012345678901234567890123456789012345678901234567890123456789";
    draft.unsubscribe_mailto = "stop@acme.example";
    draft.one_click = true;
    draft.extra_headers = (const char *const[]){"X-Campaign:  berlin 1", NULL};
    got = compose(&draft);
    again = compose(&draft);
    assert_string_equal(
        got, "From: Ana Berg <ana@acme.example>\r\n"
             "To: \"Bo, \\\"the\\\" Olsen\" <bo@beta.example>\r\n"
             "Reply-To: ana+x@acme.example\r\n"
             "Subject: A question\r\n"
             "Date: Sat, 21 Nov 2026 18:32:22 +0100\r\n"
             "Message-ID: <m1.abc@acme.example>\r\n"
             "In-Reply-To: <two@acme.example>\r\n"
             "References: <one@acme.example>\r\n"
             " <two@acme.example>\r\n"
             "X-Postrider-Id: pr1.abcdef\r\n"
             "List-Unsubscribe: <https://out.acme.example/u/"
             "0123456789012345678901234567890123456789012345678901234567890123456789>,\r\n"
             " <mailto:stop@acme.example>\r\n"
             "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
             "X-Campaign: berlin 1\r\n"
             "MIME-Version: 1.0\r\n"
             "Content-Type: text/plain; charset=utf-8\r\n"
             "Content-Transfer-Encoding: 7bit\r\n"
             "\r\n"
             "Hello Bo,\r\n\r\nare you there?\r\n");
    assert_string_equal(got, again);
}

static GMimeMessage *parse(const char *bytes)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes, strlen(bytes));
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);

    g_object_unref(parser);
    g_object_unref(stream);
    assert_non_null(message);
    return message;
}

static char *part_text(GMimeObject *part)
{
    GMimeStream *stream = g_mime_stream_mem_new();
    GByteArray *bytes;
    char *text;

    g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(part)), stream);
    bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    text = mem_strn((const char *)bytes->data, bytes->len);
    g_object_unref(stream);
    return text;
}

/* Every line ends in CRLF and none is longer than 998 (or 78 in what we fold). */
static void expect_lines(const char *bytes)
{
    size_t column = 0;

    for (const char *c = bytes; *c; c++) {
        assert_true((unsigned char)*c < 0x80);
        if (*c == '\r')
            assert_int_equal(c[1], '\n');
        if (*c == '\n') {
            assert_true(c > bytes && c[-1] == '\r');
            column = 0;
        } else {
            assert_true(++column <= 998);
        }
    }
    assert_int_equal(column, 0);
}

static void expect_words(const char *bytes)
{
    for (const char *at = bytes; (at = strstr(at, "=?UTF-8?")) != NULL; at++) {
        const char *end = strstr(at + 10, "?=");

        assert_non_null(end);
        assert_true(end + 2 - at <= 75);
    }
}

static void expect_bodies(GMimeMessage *message, const char *text, const char *html)
{
    GMimeObject *root = g_mime_message_get_mime_part(message);
    auto_free char *got = NULL, *got_html = NULL;

    if (!html) {
        got = part_text(root);
        assert_string_equal(got, text);
        return;
    }
    assert_int_equal(g_mime_multipart_get_count(GMIME_MULTIPART(root)), 2);
    got = part_text(g_mime_multipart_get_part(GMIME_MULTIPART(root), 0));
    got_html = part_text(g_mime_multipart_get_part(GMIME_MULTIPART(root), 1));
    assert_string_equal(got, text);
    assert_string_equal(got_html, html);
}

static void any_script_survives(void **state)
{
    static const char *const texts[] = {
        "Grüße aus Köln",
        "你好，世界。你好，世界。你好，世界。你好，世界。你好，世界。你好，世界。你好，世界。",
        "مرحبا بالعالم",
        "שלום עולם",
        "Привет, мир",
        "👩‍👩‍👧‍👦 👍🏽 emoji",
        "=?utf-8?q?Bcc=3A?= not a word",
        "=?=?=?",
        "two  blanks   here",
        "averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryverylongword that is "
        "long",
        "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p q r s "
        "t u",
        "<bo@evil.example>, \"quoted\" \\ (comment); group:",
        "Ünicode mixed with plain words that make it long enough to need more than a line, twice "
        "over",
        "",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct mail_draft draft = usual();
        auto_free char *bytes = NULL;
        auto_free char *body = mem_printf("%s\r\n=_x \r\nFrom me\r\n.\r\n\tend\r\n", texts[i]);
        GMimeMessage *message;
        InternetAddressList *to;

        draft.subject = draft.to_name = draft.from_name = texts[i];
        draft.text = body;
        draft.html = i & 1 ? body : NULL;
        bytes = compose(&draft);
        expect_lines(bytes);
        expect_words(bytes);
        message = parse(bytes);
        assert_string_equal(g_mime_message_get_subject(message), texts[i]);
        to = g_mime_message_get_to(message);
        assert_int_equal(internet_address_list_length(to), 1);
        assert_string_equal(internet_address_mailbox_get_addr(
                                INTERNET_ADDRESS_MAILBOX(internet_address_list_get_address(to, 0))),
                            "bo@beta.example");
        if (*texts[i])
            assert_string_equal(internet_address_get_name(internet_address_list_get_address(to, 0)),
                                texts[i]);
        expect_bodies(message, body, draft.html);
        g_object_unref(message);
    }
}

static void long_lines_are_broken(void **state)
{
    struct mail_draft draft = usual();
    auto_buf struct buf text = {0};
    auto_free char *bytes = NULL;
    GMimeMessage *message;
    (void)state;

    for (int i = 0; i < 50000; i++)
        buf_add_str(&text, i % 2 ? "x" : "é");
    buf_add_str(&text, "\r\n");
    draft.text = text.data;
    bytes = compose(&draft);
    expect_lines(bytes);
    message = parse(bytes);
    expect_bodies(message, text.data, NULL);
    g_object_unref(message);
}

static void lines_become_crlf(void **state)
{
    struct mail_draft draft = usual();
    auto_free char *bytes = NULL;
    GMimeMessage *message;
    (void)state;

    draft.text = "a\rb\nc\r\nd\ve\x1b[1m\x07";
    draft.html = "<p>\xc3\xa9</p>\n";
    bytes = compose(&draft);
    expect_lines(bytes);
    message = parse(bytes);
    expect_bodies(message, "a\r\nb\r\nc\r\nd\r\ne[1m\r\n", "<p>\xc3\xa9</p>\r\n");
    g_object_unref(message);
}

static void expect_refusal(const struct mail_draft *draft, const char *field)
{
    auto_buf struct buf out = {0}, error = {0};

    buf_add_str(&out, "kept");
    assert_int_equal(mail_compose(draft, &out, &error), -EINVAL);
    assert_string_equal(out.data, "kept");
    if (!strstr(buf_text(&error), field))
        fail_msg("\"%s\" does not name %s", buf_text(&error), field);
}

static void injections_are_refused(void **state)
{
    static const char *const evil[] = {"x\r\nBcc: eve@evil.example",
                                       "x\nBcc: eve@evil.example",
                                       "x\rBcc: eve@evil.example",
                                       "x\x01y",
                                       "x\x7f",
                                       "x\xff"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
        const char *const list[] = {"ok@acme.example", evil[i], NULL};
        auto_free char *header = mem_printf("X-Y: %s", evil[i]);
        const char *const headers[] = {header, NULL};
        struct mail_draft draft = usual();
        const struct {
            const char *field;
            const char **slot;
        } fields[] = {
            {"from", &draft.from},
            {"from_name", &draft.from_name},
            {"to", &draft.to},
            {"to_name", &draft.to_name},
            {"reply_to", &draft.reply_to},
            {"subject", &draft.subject},
            {"message_id", &draft.message_id},
            {"in_reply_to", &draft.in_reply_to},
            {"marker", &draft.marker},
            {"unsubscribe URL", &draft.unsubscribe_url},
            {"unsubscribe mailto", &draft.unsubscribe_mailto},
        };

        for (size_t f = 0; f < ARRAY_LEN(fields); f++) {
            draft = usual();
            *fields[f].slot = evil[i];
            expect_refusal(&draft, fields[f].field);
        }
        draft = usual();
        draft.references = list;
        expect_refusal(&draft, "references");
        draft = usual();
        draft.extra_headers = headers;
        expect_refusal(&draft, "extra header");
    }
}

static void what_is_missing_is_named(void **state)
{
    struct mail_draft draft = usual();
    (void)state;

    draft.to = NULL;
    expect_refusal(&draft, "to is not");
    draft = usual();
    draft.to = "a@acme.example, b@acme.example";
    expect_refusal(&draft, "to is not");
    draft = usual();
    draft.text = NULL;
    expect_refusal(&draft, "neither text nor html");
    draft = usual();
    draft.subject = NULL;
    expect_refusal(&draft, "subject");
    draft = usual();
    draft.date = 0;
    expect_refusal(&draft, "date");
    draft = usual();
    draft.one_click = true;
    expect_refusal(&draft, "RFC 8058");
    draft = usual();
    draft.unsubscribe_url = "http://acme.example/u";
    expect_refusal(&draft, "https");
    draft = usual();
    draft.extra_headers = (const char *const[]){"bcc: eve@evil.example", NULL};
    expect_refusal(&draft, "bcc");
    draft.extra_headers = (const char *const[]){"no colon", NULL};
    expect_refusal(&draft, "Name: value");
    draft = usual();
    draft.text = "caf\xe9";
    expect_refusal(&draft, "text is not UTF-8");
}

static void other_scripts_in_addresses(void **state)
{
    struct mail_draft draft = usual();
    auto_free char *bytes = NULL;
    (void)state;

    draft.to = "bo@b\u00fccher.example";
    draft.message_id = "m1@b\u00fccher.example";
    bytes = compose(&draft);
    expect_lines(bytes);
    assert_non_null(strstr(bytes, "To: bo@xn--bcher-kva.example\r\n"));
    assert_non_null(strstr(bytes, "Message-ID: <m1@xn--bcher-kva.example>\r\n"));
}

static void references_are_capped(void **state)
{
    struct mail_draft draft = usual();
    const char *ids[101] = {0};
    char text[100][32];
    auto_free char *bytes = NULL;
    (void)state;

    for (int i = 0; i < 100; i++) {
        snprintf(text[i], sizeof(text[i]), "id%d@acme.example", i);
        ids[i] = text[i];
    }
    draft.references = ids;
    bytes = compose(&draft);
    assert_non_null(strstr(bytes, "<id0@acme.example>"));
    assert_null(strstr(bytes, "<id1@acme.example>"));
    assert_null(strstr(bytes, "<id80@acme.example>"));
    assert_non_null(strstr(bytes, "<id81@acme.example>"));
    assert_non_null(strstr(bytes, "<id99@acme.example>\r\nX-"));
}

static void html_is_read(void **state)
{
    static const struct {
        const char *html, *text;
    } cases[] = {
        {"", ""},
        {"<p>Hi &amp; bye</p>", "Hi & bye\n"},
        {"<html><head><title>T</title><style>p{}</style></head><body>Hi<br>Bo</body></html>",
         "Hi\nBo\n"},
        {"<p>One</p>\n <p>Two\n  three</p>", "One\n\nTwo three\n"},
        {"<a href=\"https://acme.example/?a=1&amp;b=2\">look</a>!",
         "look (https://acme.example/?a=1&b=2)!\n"},
        {"<a class=x href='https://acme.example'>https://acme.example</a>",
         "https://acme.example\n"},
        {"<a href=\"mailto:ana@acme.example\">ana@acme.example</a>", "ana@acme.example\n"},
        {"<a href=\"javascript:alert(1)\">x</a>", "x\n"},
        {"<ul><li>a<li>b</ul>c", "- a\n- b\nc\n"},
        {"<script>if (a < b) \"</p>\"</script>ok", "ok\n"},
        {"a<!-- b > -->c", "ac\n"},
        {"1 < 2 &lt; 3 &#x20AC; &#233; &#0; &bogus; & x",
         "1 < 2 < 3 \u20ac \u00e9 \ufffd &bogus; & x\n"},
        {"<img alt=\"a > b\">x", "x\n"},
        {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"},
        {"<pre>a\n  b</pre>", "a\n  b\n"},
        {"<p", ""},
        {"<a href=", ""},
        {"</a>", ""},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_buf struct buf got = {0};

        mail_html_text(cases[i].html, &got);
        assert_string_equal(buf_text(&got), cases[i].text);
    }
}

static void html_alone_gets_a_text(void **state)
{
    struct mail_draft draft = usual();
    auto_free char *bytes = NULL;
    GMimeMessage *message;
    (void)state;

    draft.text = NULL;
    draft.html = "<p>Hello <b>Bo</b></p>";
    bytes = compose(&draft);
    message = parse(bytes);
    expect_bodies(message, "Hello Bo\r\n", "<p>Hello <b>Bo</b></p>\r\n");
    g_object_unref(message);
}

static void reply_subjects(void **state)
{
    auto_buf struct buf got = {0};
    (void)state;

    mail_reply_subject("A question", &got);
    buf_add_char(&got, '|');
    mail_reply_subject("RE: A question", &got);
    buf_add_char(&got, '|');
    mail_reply_subject("", &got);
    assert_string_equal(got.data, "Re: A question|RE: A question|Re: ");
}

/* An independent reader agrees on fields, recipient, subject and text. */
static void python_agrees(void **state)
{
    static const char script[] =
        "import sys,email,email.policy\n"
        "m=email.message_from_bytes(open(sys.argv[1],'rb').read(),policy=email.policy.default)\n"
        "assert not m.defects, m.defects\n"
        "assert len(m.keys())==len(set(k.lower() for k in m.keys())), m.keys()\n"
        "assert [a.addr_spec for a in m['To'].addresses]==['bo@beta.example'], m['To']\n"
        "want=open(sys.argv[2],encoding='utf-8').read()\n"
        "assert m['Subject']==want,(m['Subject'],want)\n"
        "assert m['To'].addresses[0].display_name==want\n"
        "t=m.get_body(('plain',)).get_content().replace('\\r\\n','\\n').rstrip('\\n')\n"
        "assert t==want,(t,want)\n";
    char dir[] = "/tmp/postrider-compose-XXXXXX";
    static const char *const names[] = {"plain words", "J\u00fcrgen", "\u4f60\u597d",
                                        "a \"b\" <c>, =?utf-8?q?d?="};
    (void)state;

    if (system("command -v python3 >/dev/null") != 0)
        skip();
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct mail_draft draft = usual();
        auto_free char *bytes = NULL, *mail = mem_printf("%s/mail", dir),
                       *want = mem_printf("%s/want", dir), *py = mem_printf("%s/s.py", dir),
                       *command = mem_printf("python3 %s %s %s", py, mail, want);
        const char *const paths[] = {mail, want, py};
        const char *contents[] = {NULL, names[i], script};

        draft.subject = draft.to_name = draft.text = names[i];
        draft.html = "<p>x</p>";
        bytes = compose(&draft);
        contents[0] = bytes;
        for (int f = 0; f < 3; f++) {
            FILE *file = fopen(paths[f], "wb");

            assert_non_null(file);
            assert_true(fputs(contents[f], file) >= 0);
            fclose(file);
        }
        assert_int_equal(system(command), 0);
        for (int f = 0; f < 3; f++)
            unlink(paths[f]);
    }
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_alone),
        cmocka_unit_test(any_script_survives),
        cmocka_unit_test(long_lines_are_broken),
        cmocka_unit_test(lines_become_crlf),
        cmocka_unit_test(injections_are_refused),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(other_scripts_in_addresses),
        cmocka_unit_test(references_are_capped),
        cmocka_unit_test(html_is_read),
        cmocka_unit_test(html_alone_gets_a_text),
        cmocka_unit_test(reply_subjects),
        cmocka_unit_test(python_agrees),
    };

    mail_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
