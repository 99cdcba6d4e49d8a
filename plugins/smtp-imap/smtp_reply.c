/* smtp-imap/smtp_reply.c: see smtp_reply.h. */
#include "smtp_reply.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How long the UTF-8 sequence at `at` is; 0: it is none, or a control. */
static size_t sequence(const char *at, size_t left)
{
    unsigned char first = (unsigned char)*at;
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (len == 1)
        return first >= 0x20 && first != 0x7f;
    if (!len || len > left || first > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)at[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((first == 0xe0 && (unsigned char)at[1] < 0xa0) ||
        (first == 0xed && (unsigned char)at[1] > 0x9f) ||
        (first == 0xf0 && (unsigned char)at[1] < 0x90) ||
        (first == 0xf4 && (unsigned char)at[1] > 0x8f))
        return 0;
    return len;
}

static void add_text(struct smtp_reply *reply, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t step = sequence(text + i, len - i);

        if (reply->len + (step ? step : 1) >= sizeof(reply->text))
            break;
        if (step)
            memcpy(reply->text + reply->len, text + i, step);
        else
            reply->text[reply->len] = '?';
        reply->len += step ? step : 1;
        i += step ? step : 1;
    }
    reply->text[reply->len] = '\0';
}

/* "5.1.1" at the start of a line's text: class, subject and detail, the last two of at most three
 * digits (RFC 3463 2). Returns its length; 0: there is none. */
static size_t status_len(const char *text, size_t len)
{
    size_t at = 1;

    if (len < 5 || (text[0] != '2' && text[0] != '4' && text[0] != '5'))
        return 0;
    for (int part = 0; part < 2; part++) {
        size_t digits = 0;

        if (at >= len || text[at++] != '.')
            return 0;
        while (at < len && digits < 4 && is_digit(text[at])) {
            at++;
            digits++;
        }
        if (digits == 0 || digits > 3)
            return 0;
    }
    return at == len || text[at] == ' ' ? at : 0;
}

/* A status whose class is not the code's says nothing: the code is what counts (RFC 2034 4). */
static size_t take_status(struct smtp_reply *reply, const char *text, size_t len)
{
    size_t status = status_len(text, len);

    if (!status || text[0] != '0' + reply->code / 100)
        return 0;
    if (!reply->status[0]) {
        memcpy(reply->status, text, status);
        reply->status[status] = '\0';
    }
    return status < len ? status + 1 : status;
}

/* One line without its end. */
static enum smtp_read take_line(struct smtp_reader *reader)
{
    struct smtp_reply *reply = &reader->reply;
    const char *line = reader->line;
    size_t len = reader->have, skip;
    int32_t code;

    if (len < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
        return SMTP_BROKEN;
    if (len > 3 && line[3] != ' ' && line[3] != '-')
        return SMTP_BROKEN;
    code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (++reader->lines > SMTP_REPLY_LINES_MAX || (reply->code && code != reply->code))
        return SMTP_BROKEN;
    reply->code = code;
    if (reader->lines > 1 && reply->len + 1 < sizeof(reply->text))
        reply->text[reply->len++] = '\n';
    reply->text[reply->len] = '\0';
    if (len > 4) {
        skip = 4 + take_status(reply, line + 4, len - 4);
        add_text(reply, line + skip, len - skip);
    }
    return len > 3 && line[3] == '-' ? SMTP_MORE : SMTP_WHOLE;
}

static void begin(struct smtp_reader *reader)
{
    reader->reply.code = 0;
    reader->reply.len = 0;
    reader->reply.status[0] = reader->reply.text[0] = '\0';
    reader->have = 0;
    reader->lines = 0;
    reader->done = false;
}

enum smtp_read smtp_read(struct smtp_reader *reader, const void *data, size_t len, size_t *used_r)
{
    const char *bytes = data;
    size_t used = 0;
    enum smtp_read got = SMTP_MORE;

    if (reader->done)
        begin(reader);
    while (used < len && got == SMTP_MORE) {
        char c = bytes[used++];

        if (c != '\n') {
            if (reader->have == sizeof(reader->line))
                got = SMTP_BROKEN;
            else
                reader->line[reader->have++] = c;
            continue;
        }
        if (reader->have && reader->line[reader->have - 1] == '\r')
            reader->have--;
        got = take_line(reader);
        reader->have = 0;
    }
    reader->done = got != SMTP_MORE;
    *used_r = used;
    return got;
}

static bool is_word(const char *line, const char *word)
{
    size_t len = strlen(word);

    return strncasecmp(line, word, len) == 0 && strchr(" \n", line[len]);
}

static uint64_t number(const char *text)
{
    uint64_t value = 0;

    while (*text == ' ')
        text++;
    for (; is_digit(*text); text++) {
        if (value > UINT64_MAX / 10 - 1)
            return 0; /* no mail is that long */
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return value;
}

void smtp_offers_read(const struct smtp_reply *reply, struct smtp_offers *offers_r)
{
    const char *line = strchr(reply->text, '\n'); /* the first is the server's name */

    memset(offers_r, 0, sizeof(*offers_r));
    while (line) {
        line++;
        offers_r->pipelining |= is_word(line, "PIPELINING");
        offers_r->eightbit |= is_word(line, "8BITMIME");
        offers_r->utf8 |= is_word(line, "SMTPUTF8");
        offers_r->dsn |= is_word(line, "DSN");
        if (is_word(line, "SIZE"))
            offers_r->size = number(line + 4);
        line = strchr(line, '\n');
    }
}
