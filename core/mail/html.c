/* mail/html.c: what a person would read of an HTML text. */
#include "mail/compose.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct page {
    const char *at;
    struct buf *out;
    size_t start;     /* where in `out` the text begins                  */
    size_t lines;     /* line ends owed before the next word             */
    bool blank;       /* a blank is owed                                 */
    bool verbatim;    /* inside <pre>                                    */
    struct buf href;  /* where the open link leads                       */
    size_t link_from; /* where in `out` its text begins                  */
};

static const struct entity {
    const char *name, *text;
} entities[] = {
    {"amp", "&"},         {"lt", "<"},          {"gt", ">"},          {"quot", "\""},
    {"apos", "'"},        {"nbsp", " "},        {"copy", "\u00a9"},   {"reg", "\u00ae"},
    {"euro", "\u20ac"},   {"pound", "\u00a3"},  {"hellip", "\u2026"}, {"mdash", "\u2014"},
    {"ndash", "\u2013"},  {"rsquo", "\u2019"},  {"lsquo", "\u2018"},  {"rdquo", "\u201d"},
    {"ldquo", "\u201c"},  {"bdquo", "\u201e"},  {"laquo", "\u00ab"},  {"raquo", "\u00bb"},
    {"bull", "\u2022"},   {"middot", "\u00b7"}, {"auml", "\u00e4"},   {"ouml", "\u00f6"},
    {"uuml", "\u00fc"},   {"Auml", "\u00c4"},   {"Ouml", "\u00d6"},   {"Uuml", "\u00dc"},
    {"szlig", "\u00df"},  {"eacute", "\u00e9"}, {"egrave", "\u00e8"}, {"ecirc", "\u00ea"},
    {"agrave", "\u00e0"}, {"aacute", "\u00e1"}, {"acirc", "\u00e2"},  {"ccedil", "\u00e7"},
    {"iacute", "\u00ed"}, {"oacute", "\u00f3"}, {"uacute", "\u00fa"}, {"ntilde", "\u00f1"},
    {"oslash", "\u00f8"}, {"aring", "\u00e5"},  {"aelig", "\u00e6"},  {"times", "\u00d7"},
    {"trade", "\u2122"},  {"deg", "\u00b0"},    {"sect", "\u00a7"},   {"shy", ""},
};

static void put_character(struct buf *out, unsigned long c)
{
    char utf8[4];

    if (c < 0x20 || c == 0x7f || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
        c = c == '\n' || c == '\t' ? ' ' : 0xfffd;
    if (c < 0x80) {
        buf_add_char(out, (char)c);
    } else if (c < 0x800) {
        utf8[0] = (char)(0xc0 | c >> 6), utf8[1] = (char)(0x80 | (c & 63));
        buf_add(out, utf8, 2);
    } else if (c < 0x10000) {
        utf8[0] = (char)(0xe0 | c >> 12), utf8[1] = (char)(0x80 | (c >> 6 & 63));
        utf8[2] = (char)(0x80 | (c & 63));
        buf_add(out, utf8, 3);
    } else {
        utf8[0] = (char)(0xf0 | c >> 18), utf8[1] = (char)(0x80 | (c >> 12 & 63));
        utf8[2] = (char)(0x80 | (c >> 6 & 63)), utf8[3] = (char)(0x80 | (c & 63));
        buf_add(out, utf8, 4);
    }
}

/* Reads one entity at `at`, which stands on &. Returns what follows it; what is none is text. */
static const char *put_entity(struct buf *out, const char *at)
{
    size_t len = strcspn(at + 1, "; \t\r\n<&");
    char *end;

    if (at[1 + len] != ';' || len > 10) {
        buf_add_char(out, '&');
        return at + 1;
    }
    if (at[1] == '#') {
        bool hex = at[2] == 'x' || at[2] == 'X';
        unsigned long c = strtoul(at + 2 + hex, &end, hex ? 16 : 10);

        if (end == at + 1 + len && end > at + 2 + hex) {
            put_character(out, c);
            return end + 1;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        if (strlen(entities[i].name) == len && strncmp(at + 1, entities[i].name, len) == 0) {
            buf_add_str(out, entities[i].text);
            return at + 2 + len;
        }
    }
    buf_add_char(out, '&');
    return at + 1;
}

static void want_lines(struct page *page, size_t lines)
{
    page->blank = false;
    if (page->lines < lines)
        page->lines = lines;
}

static void settle(struct page *page)
{
    if (page->out->len == page->start) {
        page->lines = 0;
        page->blank = false;
    }
    for (; page->lines; page->lines--)
        buf_add_char(page->out, '\n');
    if (page->blank)
        buf_add_char(page->out, ' ');
    page->blank = false;
}

static bool tag_is(const char *name, size_t len, const char *list)
{
    size_t at;

    for (; *list; list += at + (list[at] == ' ')) {
        at = strcspn(list, " ");
        if (at == len && strncmp(list, name, len) == 0)
            return true;
    }
    return false;
}

/* The end of the tag that starts at `at`; > inside quotes does not end it. */
static const char *tag_end(const char *at)
{
    char quote = 0;

    for (; *at && (quote || *at != '>'); at++) {
        if (quote ? *at == quote : ((*at == '"' || *at == '\'') && at[-1] == '='))
            quote = quote ? 0 : *at;
    }
    return at;
}

static void read_href(struct page *page, const char *at, const char *end)
{
    buf_truncate(&page->href, 0);
    for (; at + 5 < end; at++) {
        size_t len;
        const char *value;

        if ((at[-1] != ' ' && at[-1] != '\n' && at[-1] != '\t') || !text_starts_fold(at, "href="))
            continue;
        value = at + 5;
        len = *value == '"'    ? strcspn(++value, "\"")
              : *value == '\'' ? strcspn(++value, "'")
                               : strcspn(value, " \t\r\n>");
        for (const char *stop = value + len; value < stop;) {
            if (*value == '&')
                value = put_entity(&page->href, value);
            else
                buf_add_char(&page->href, *value++);
        }
        return;
    }
}

static void close_link(struct page *page)
{
    const char *href = buf_text(&page->href);
    const char *shown = buf_text(page->out) + page->link_from;
    bool worth = text_starts_fold(href, "http:") || text_starts_fold(href, "https:");

    if (text_starts_fold(href, "mailto:"))
        worth = strstr(shown, href + 7) == NULL;
    else if (worth)
        worth = page->out->len > page->link_from && strstr(shown, href) == NULL;
    if (worth)
        buf_printf(page->out, " (%s)", href);
    buf_truncate(&page->href, 0);
}

/* Text inside these is not for reading. */
static const char *skip_element(const char *at, const char *name, size_t len)
{
    char closing[16];

    snprintf(closing, sizeof(closing), "</%.*s", (int)len, name);
    while (*at && !text_starts_fold(at, closing))
        at++;
    return *at ? tag_end(at) : at;
}

static void read_tag(struct page *page)
{
    const char *start = page->at + 1, *end;
    bool closing = *start == '/';
    char name[16] = "";
    size_t len = 0;

    if (text_starts(page->at, "<!--")) {
        end = strstr(page->at, "-->");
        page->at = end ? end + 3 : page->at + strlen(page->at);
        return;
    }
    end = tag_end(start);
    for (const char *c = start + closing; len < sizeof(name) - 1 && strcspn(c, " \t\r\n/>"); c++)
        name[len++] = *c;
    name[len] = '\0';
    text_lower(name);
    if (!closing && tag_is(name, len, "script style head title template")) {
        end = skip_element(end, name, len);
    } else if (tag_is(name, len, "p h1 h2 h3 h4 h5 h6 ul ol table blockquote pre hr")) {
        want_lines(page, page->lines + 1 > 2 || !tag_is(name, len, "ul ol") ? 2 : 1);
        page->verbatim = tag_is(name, len, "pre") ? !closing : page->verbatim;
    } else if (tag_is(name, len, "br")) {
        want_lines(page, page->lines + 1);
    } else if (tag_is(name, len, "div tr li dt dd section article header footer")) {
        want_lines(page, 1);
        if (!closing && tag_is(name, len, "li")) {
            settle(page);
            buf_add_str(page->out, "- ");
        }
    } else if (tag_is(name, len, "td th")) {
        page->blank = page->lines == 0;
    } else if (tag_is(name, len, "a")) {
        if (closing)
            close_link(page);
        else
            read_href(page, start, end);
        if (!closing)
            page->link_from = page->out->len;
    }
    page->at = *end ? end + 1 : end;
}

static void read_text(struct page *page)
{
    char c = *page->at;

    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        if (page->verbatim && c == '\n')
            want_lines(page, page->lines + 1);
        else if (page->verbatim && c != '\r') {
            settle(page);
            buf_add_char(page->out, ' ');
        } else if (!page->lines)
            page->blank = true;
        page->at++;
        return;
    }
    settle(page);
    if (c == '&') {
        page->at = put_entity(page->out, page->at);
    } else {
        buf_add_char(page->out, c);
        page->at++;
    }
}

void mail_html_text(const char *html, struct buf *text_r)
{
    struct page page = {.at = html, .out = text_r, .start = text_r->len};

    while (*page.at) {
        char next = page.at[1];

        if (*page.at == '<' && (next == '/' || next == '!' || next == '?' ||
                                (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z')))
            read_tag(&page);
        else
            read_text(&page);
    }
    if (text_r->len > page.start)
        buf_add_char(text_r, '\n');
    buf_finish(&page.href);
}
