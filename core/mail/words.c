/* mail/words.c: texts and names as header fields carry them. */
#include "mail/words.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* GMime's encoder makes words past the 75 characters that RFC 2047 allows and leaves a literal
 * "=?" alone (tried with 3.2.13); so these few lines are ours. */
enum { LINE = 76, QUOTED_MAX = 60 };
static const char opening[] = "=?UTF-8?B?";

static bool is_plain(const char *text)
{
    size_t run = 0;

    if (strstr(text, "=?"))
        return false;
    for (; *text; text++) {
        if ((unsigned char)*text >= 0x80)
            return false;
        run = *text == ' ' ? 0 : run + 1;
        if (run > LINE - 12) /* cannot be folded */
            return false;
    }
    return true;
}

static char *trimmed(const char *text)
{
    size_t len;
    char *copy;

    text += strspn(text, " \t");
    len = strlen(text);
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    copy = mem_strn(text, len);
    for (char *c = copy; *c; c++) {
        if (*c == '\t')
            *c = ' ';
    }
    return copy;
}

/* Folds before a run of blanks whose next word would pass the end of the line. */
static size_t fold_plain(struct buf *out, const char *text, size_t column)
{
    while (*text) {
        size_t blanks = strspn(text, " "), word = strcspn(text + blanks, " ");

        if (blanks && column + blanks + word > LINE) {
            buf_add_str(out, "\r\n");
            column = 0;
        }
        buf_add(out, text, blanks + word);
        column += blanks + word;
        text += blanks + word;
    }
    return column;
}

static size_t encode(struct buf *out, const char *text, size_t column)
{
    size_t len = strlen(text);

    for (bool first = true; len; first = false) {
        size_t room, take;

        if (!first) {
            buf_add_str(out, "\r\n ");
            column = 1;
        }
        room = column + sizeof(opening) + 1 + 8 < LINE
                   ? (LINE - column - sizeof(opening) - 1) / 4 * 3
                   : 6;
        if (room > 45)
            room = 45;
        take = len < room ? len : room;
        while (take < len && ((unsigned char)text[take] & 0xc0) == 0x80)
            take--; /* to the start of a character; room is never less than one */
        buf_add_str(out, opening);
        text_base64(out, text, take);
        buf_add_str(out, "?=");
        column += sizeof(opening) + 1 + (take + 2) / 3 * 4;
        text += take;
        len -= take;
    }
    return column;
}

void mail_words_text(struct buf *out, const char *text, size_t column)
{
    auto_free char *value = trimmed(text);

    if (is_plain(value))
        fold_plain(out, value, column);
    else
        encode(out, value, column);
}

static bool is_atoms(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              strchr(" !#$%&'*+-/=?^_`{|}~", c)))
            return false;
    }
    return true;
}

size_t mail_words_phrase(struct buf *out, const char *name, size_t column)
{
    auto_free char *value = trimmed(name);
    size_t before = out->len;

    if (!is_plain(value) || strlen(value) > QUOTED_MAX)
        return encode(out, value, column);
    if (is_atoms(value))
        return fold_plain(out, value, column);
    buf_add_char(out, '"');
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, *c);
    }
    buf_add_char(out, '"');
    return column + out->len - before;
}
