/* sandbox/html.c: the pages of the stand-ins: escaping and their head. */
#include "sandbox/html.h"

#include "sandbox/http.h"

#include "base/mem.h"

void html_add(struct buf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
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
        default:
            buf_add_char(out, *text);
        }
    }
}

void html_begin(struct buf *out, const char *title)
{
    buf_printf(out,
               "<!doctype html><html lang=en><meta charset=utf-8>"
               "<meta name=viewport content='width=device-width'><title>%s</title>"
               "<style>body{font:16px/1.5 sans-serif;max-width:30em;margin:3em auto;padding:0 1em}"
               "label{display:block;margin:.4em 0}button{font:inherit;padding:.4em 1.6em;"
               "margin:1em 1em 0 0}small{color:#666}</style><h1>%s</h1>",
               title, title);
}

void html_carry(struct buf *out, const char *query, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        auto_free char *value = sbx_parameter(query, names[i], 0);

        if (!value)
            continue;
        buf_printf(out, "<input type=hidden name=%s value=\"", names[i]);
        html_add(out, value);
        buf_add_str(out, "\">");
    }
}
