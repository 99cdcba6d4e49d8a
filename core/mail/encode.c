/* mail/encode.c: a text part of MIME, in the encoding that passes every relay. */
#include "mail/encode.h"

#include "base/text.h"

#include <stdbool.h>
#include <string.h>

enum { LINE_PLAIN = 76, LINE_BASE64 = 57 /* bytes that make 76 characters */ };

enum encoding { ENCODING_7BIT, ENCODING_BASE64, ENCODING_QUOTED };

static bool is_plain(unsigned char c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

/* Every kind of line end becomes CRLF; the text ends in one. */
static void canonical(const char *text, struct buf *out)
{
    while (*text) {
        size_t run = 0;

        while (is_plain((unsigned char)text[run]))
            run++;
        buf_add(out, text, run);
        text += run;
        if (*text == '\r' || *text == '\n' || *text == '\v' || *text == '\f') {
            buf_add(out, "\r\n", 2);
            text += *text == '\r' && text[1] == '\n';
        }
        text += *text != '\0';
    }
    if (!out->len || out->data[out->len - 1] != '\n')
        buf_add(out, "\r\n", 2);
}

/* Plain where every relay passes it; base64 where quoted printable would be the longer one. */
static enum encoding fitting(const struct buf *text)
{
    size_t column = 0, high = 0, longest = 0;

    for (size_t i = 0; i < text->len; i++) {
        column = text->data[i] == '\n' ? 0 : column + 1;
        longest = column > longest ? column : longest;
        high += (unsigned char)text->data[i] >= 0x80;
    }
    if (!high && longest <= LINE_PLAIN + 1 && !strstr(text->data, "=_") &&
        !strstr(text->data, " \r\n") && strncmp(text->data, "From ", 5) != 0 &&
        !strstr(text->data, "\nFrom "))
        return ENCODING_7BIT;
    return high > text->len / 6 ? ENCODING_BASE64 : ENCODING_QUOTED;
}

static void add_base64(struct buf *out, const struct buf *text)
{
    for (size_t at = 0; at < text->len; at += LINE_BASE64) {
        size_t left = text->len - at;

        text_base64(out, text->data + at, left < LINE_BASE64 ? left : LINE_BASE64);
        buf_add(out, "\r\n", 2);
    }
}

/* One line without its CRLF. A blank at its end and the F of "From " would not arrive as they are.
 */
static void add_quoted_line(struct buf *out, const char *line, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t column = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        bool blank = c == ' ' || c == '\t', from = i == 0 && len > 4 && !memcmp(line, "From ", 5);
        bool quote = c == '=' || c >= 0x7f || (blank && i + 1 == len) || from;
        size_t width = quote ? 3 : 1;

        if (column + width > LINE_PLAIN - (i + 1 < len)) { /* one is kept for the "=" */
            buf_add(out, "=\r\n", 3);
            column = 0;
        }
        if (quote)
            buf_add(out, (const char[]){'=', digits[c >> 4], digits[c & 15]}, 3);
        else
            buf_add_char(out, line[i]);
        column += width;
    }
    buf_add(out, "\r\n", 2);
}

static void add_quoted(struct buf *out, const struct buf *text)
{
    const char *line = text->data, *end;

    for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
        add_quoted_line(out, line, (size_t)(end - 1 - line));
}

void mail_part_write(struct buf *out, const char *subtype, const char *text)
{
    static const char *const names[] = {"7bit", "base64", "quoted-printable"};
    auto_buf struct buf bytes = {0};
    enum encoding encoding;

    buf_reserve(&bytes, strlen(text) + strlen(text) / 16 + 2);
    canonical(text, &bytes);
    encoding = fitting(&bytes);
    buf_add_str(out, "Content-Type: text/");
    buf_add_str(out, subtype);
    buf_add_str(out, "; charset=utf-8\r\nContent-Transfer-Encoding: ");
    buf_add_str(out, names[encoding]);
    buf_add(out, "\r\n\r\n", 4);
    if (encoding == ENCODING_QUOTED)
        add_quoted(out, &bytes);
    else if (encoding == ENCODING_BASE64)
        add_base64(out, &bytes);
    else
        buf_add(out, bytes.data, bytes.len);
}
