/* control/page.c: the layout that all pages share. */
#include "control/page.h"

#include "base/mem.h"
#include "base/text.h"
#include "control/exchange.h"
#include "seal/seal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char style[] =
    "*{box-sizing:border-box}"
    "body{margin:0;padding:6vh 20px;background:#f4f5f7;color:#1d232b;"
    "font:17px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}"
    "main{max-width:34rem;margin:0 auto;padding:32px 36px 28px;background:#fff;border-radius:12px;"
    "border-top:5px solid #4a5a70;box-shadow:0 1px 3px rgba(20,30,50,.16)}"
    "main.good{border-top-color:#2b8a57}main.bad{border-top-color:#c2542d}"
    "h1{margin:0 0 14px;font-size:1.45rem;line-height:1.25;font-weight:650}"
    "p{margin:0 0 14px;overflow-wrap:anywhere}ul{margin:0 0 16px;padding-left:1.25em}"
    "li{margin:4px 0;overflow-wrap:anywhere}"
    ".small{color:#5b6675;font-size:.88rem}"
    "button{margin:6px 0 16px;padding:12px 22px;border:0;border-radius:8px;background:#24598f;"
    "color:#fff;font:inherit;font-weight:600;cursor:pointer}"
    "label{display:block;font-weight:600}"
    "input{display:block;width:100%;margin:6px 0 10px;padding:11px 12px;border:1px solid #aab4c0;"
    "border-radius:8px;background:transparent;color:inherit;font:inherit}"
    "button:hover,button:focus{background:#1a4570}"
    "@media(prefers-color-scheme:dark){body{background:#14181d;color:#e6e9ed}"
    "main{background:#1f252c;box-shadow:none}.small{color:#9aa6b4}}";

static void escape_one(struct buf *out, char c)
{
    switch (c) {
    case '&':
        buf_add_str(out, "&amp;");
        break;
    case '<':
        buf_add_str(out, "&lt;");
        break;
    case '>':
        buf_add_str(out, "&gt;");
        break;
    case '"':
        buf_add_str(out, "&quot;");
        break;
    case '\'':
        buf_add_str(out, "&#39;");
        break;
    default:
        if ((unsigned char)c >= 0x20 ? c != 0x7f : c == '\t' || c == '\n')
            buf_add_char(out, c);
    }
}

/* How many bytes the well-formed character here has; 0: there is none. */
static size_t character(const char *text)
{
    unsigned char first = (unsigned char)*text;
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    return strnlen(text, len) == len && text_is_utf8(text, len) ? len : 0;
}

void page_escape(struct buf *out, const char *text)
{
    while (text && *text) {
        size_t len = character(text);

        if (len == 1)
            escape_one(out, *text);
        else if (len)
            buf_add(out, text, len);
        else
            buf_add_str(out, "\xef\xbf\xbd");
        text += len ? len : 1;
    }
}

void page_begin(struct exchange *exchange, enum page_mood mood, const char *title)
{
    static const char *const moods[] = {"plain", "good", "bad"};
    struct buf *out = &exchange->out;
    auto_buf struct buf nonce = {0};
    uint8_t random[16];

    seal_random(random, sizeof(random));
    text_hex(&nonce, random, 15);
    snprintf(exchange->nonce, sizeof(exchange->nonce), "%s", buf_text(&nonce));
    buf_truncate(out, 0);
    exchange->page = true;
    exchange->type = "text/html; charset=utf-8";
    buf_printf(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<meta name=\"robots\" content=\"noindex\">\n<title>");
    page_escape(out, title);
    buf_printf(out,
               "</title>\n<style nonce=\"%s\">%s</style>\n</head>\n<body>\n<main class=\"%s\">\n"
               "<h1>",
               exchange->nonce, style, moods[mood]);
    page_escape(out, title);
    buf_add_str(out, "</h1>\n");
}

static void paragraph(struct exchange *exchange, const char *opening, const char *format,
                      va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0)
        return;
    buf_add_str(&exchange->out, opening);
    page_escape(&exchange->out, text);
    buf_add_str(&exchange->out, "</p>\n");
    free(text);
}

void page_text(struct exchange *exchange, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    paragraph(exchange, "<p>", format, args);
    va_end(args);
}

void page_small(struct exchange *exchange, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    paragraph(exchange, "<p class=\"small\">", format, args);
    va_end(args);
}

void page_list(struct exchange *exchange, const char *const *lines)
{
    if (!lines || !*lines)
        return;
    buf_add_str(&exchange->out, "<ul>\n");
    for (; *lines; lines++) {
        buf_add_str(&exchange->out, "<li>");
        page_escape(&exchange->out, *lines);
        buf_add_str(&exchange->out, "</li>\n");
    }
    buf_add_str(&exchange->out, "</ul>\n");
}

void page_link(struct exchange *exchange, const char *url)
{
    if (!text_starts(url, "https://") && !text_starts(url, "http://"))
        return;
    buf_add_str(&exchange->out, "<p><a href=\"");
    page_escape(&exchange->out, url);
    buf_add_str(&exchange->out, "\">");
    page_escape(&exchange->out, url);
    buf_add_str(&exchange->out, "</a></p>\n");
}

void page_button(struct exchange *exchange, const char *name, const char *value, const char *label)
{
    struct buf *out = &exchange->out;

    buf_add_str(out, "<form method=\"post\"><button name=\"");
    page_escape(out, name);
    buf_add_str(out, "\" value=\"");
    page_escape(out, value);
    buf_add_str(out, "\">");
    page_escape(out, label);
    buf_add_str(out, "</button></form>\n");
}

void page_secret(struct exchange *exchange, const char *name, const char *caption,
                 const char *label)
{
    struct buf *out = &exchange->out;

    buf_add_str(out, "<form method=\"post\"><label>");
    page_escape(out, caption);
    buf_add_str(out, "<input type=\"password\" name=\"");
    page_escape(out, name);
    buf_add_str(out, "\" autocomplete=\"off\" required></label><button>");
    page_escape(out, label);
    buf_add_str(out, "</button></form>\n");
}

void page_end(struct exchange *exchange, unsigned status)
{
    buf_add_str(&exchange->out, "</main>\n</body>\n</html>\n");
    exchange->status = status;
    exchange->answered = true;
}

void page_dress(struct exchange *exchange)
{
    unsigned status = exchange->status;

    if (exchange->acted || status < 400)
        return;
    if (status == 404) {
        page_begin(exchange, PAGE_BAD, "There is nothing here");
        page_text(exchange, "The address is not one of ours. If it came in a mail, copy the whole "
                            "link, to its very end.");
    } else {
        page_begin(exchange, PAGE_BAD, "That did not work");
        page_text(exchange, "Your browser asked in a way that this address does not take. Go back "
                            "to the link that you were sent, and open it again.");
    }
    page_end(exchange, status);
}
