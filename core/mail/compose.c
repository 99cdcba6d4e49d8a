/* mail/compose.c: a mail from its parts to the bytes that are sent. */
#include "mail/compose.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/encode.h"
#include "mail/words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { VALUE_MAX = 900, ID_MAX = 500, LINE_PLAIN = 76, BOUNDARY_SIZE = 40, HEADERS_USUAL = 1500 };

/* ---- what may not be: all of it is refused here, before a byte is written ---------------------
 */

static int refuse(struct buf *error_r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int refuse(struct buf *error_r, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (error_r)
        buf_add_str(error_r, text);
    return -EINVAL;
}

static int check_line(const char *field, const char *value, size_t max, struct buf *error_r)
{
    if (!value)
        return 0;
    if (text_has_control(value))
        return refuse(error_r, "%s holds a line break or another control character: take it out",
                      field);
    if (!text_is_utf8(value, strlen(value)))
        return refuse(error_r, "%s is not UTF-8: save its source as UTF-8", field);
    if (strlen(value) > max)
        return refuse(error_r, "%s is longer than %zu bytes: shorten it", field, max);
    return 0;
}

static int check_address(const char *field, const char *address, bool required, struct buf *error_r)
{
    const char *fault;

    if (!address && !required)
        return 0;
    fault = mail_address_fault(address);
    return fault ? refuse(error_r, "%s is not an address: %s", field, fault) : 0;
}

static int check_id(const char *field, const char *id, struct buf *error_r)
{
    int r = check_line(field, id, ID_MAX, error_r);

    if (r < 0 || !id)
        return r;
    if (!*id || strpbrk(id, " \t<>"))
        return refuse(error_r, "%s is not a message id: it is empty, or holds a blank or a bracket",
                      field);
    return 0;
}

static bool is_header_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~')
            return false;
    }
    return len > 0 && len <= 70;
}

static bool is_ours(const char *name, size_t len)
{
    static const char *const ours[] = {
        "From",
        "To",
        "Cc",
        "Bcc",
        "Sender",
        "Reply-To",
        "Subject",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "MIME-Version",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "X-Postrider-Id",
        "Return-Path",
        "Received",
    };

    if (text_starts_fold(name, "Content-") || text_starts_fold(name, "Resent-"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strlen(ours[i]) == len && text_starts_fold(name, ours[i]))
            return true;
    }
    return false;
}

static int check_extra(const char *const *headers, struct buf *error_r)
{
    for (; headers && *headers; headers++) {
        const char *colon = strchr(*headers, ':');
        size_t len = colon ? (size_t)(colon - *headers) : 0;
        int r = check_line("an extra header", *headers, VALUE_MAX, error_r);

        if (r < 0)
            return r;
        if (!is_header_name(*headers, len))
            return refuse(error_r, "an extra header is not \"Name: value\"");
        if (is_ours(*headers, len))
            return refuse(error_r, "the extra header %.*s is one that postrider writes itself",
                          (int)len, *headers);
        for (const char *c = colon; *c; c++) {
            if ((unsigned char)*c >= 0x80)
                return refuse(error_r, "the extra header %.*s holds more than ASCII", (int)len,
                              *headers);
        }
    }
    return 0;
}

static int check_unsubscribe(const struct mail_draft *draft, struct buf *error_r)
{
    const char *url = draft->unsubscribe_url, *mailto = draft->unsubscribe_mailto;

    if (draft->one_click && !url)
        return refuse(error_r, "one-click unsubscribe needs an https unsubscribe URL (RFC 8058)");
    if (url && !text_starts(url, "https://"))
        return refuse(error_r, "the unsubscribe URL does not begin with https://");
    for (int i = 0; i < 2; i++) {
        const char *value = i ? mailto : url;

        if (!value)
            continue;
        if (strlen(value) > VALUE_MAX)
            return refuse(error_r, "the unsubscribe %s is longer than %d bytes",
                          i ? "mailto" : "URL", VALUE_MAX);
        for (const char *c = value; *c; c++) {
            if (*c <= ' ' || *c > '~' || *c == '<' || *c == '>' || *c == ',')
                return refuse(error_r,
                              "the unsubscribe %s holds a character that must be percent-encoded",
                              i ? "mailto" : "URL");
        }
    }
    if (mailto && !text_starts(mailto, "mailto:") && !mail_address_valid(mailto))
        return refuse(error_r, "the unsubscribe mailto is neither an address nor a mailto: URL");
    return 0;
}

static int check_bodies(const struct mail_draft *draft, struct buf *error_r)
{
    if (!draft->text && !draft->html)
        return refuse(error_r, "the mail has neither text nor html");
    for (int i = 0; i < 2; i++) {
        const char *body = i ? draft->html : draft->text, *field = i ? "html" : "text";

        if (body && strlen(body) > MAIL_TEXT_MAX)
            return refuse(error_r, "%s is longer than %d bytes", field, MAIL_TEXT_MAX);
        if (body && !text_is_utf8(body, strlen(body)))
            return refuse(error_r, "%s is not UTF-8: save its source as UTF-8", field);
    }
    return 0;
}

static int check(const struct mail_draft *draft, struct buf *error_r)
{
    const struct {
        const char *field, *value;
    } lines[] = {
        {"from_name", draft->from_name},
        {"to_name", draft->to_name},
        {"subject", draft->subject},
        {"marker", draft->marker},
    };
    int r;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        r = check_line(lines[i].field, lines[i].value, MAIL_SUBJECT_MAX, error_r);
        if (r < 0)
            return r;
    }
    if (!draft->subject)
        return refuse(error_r, "subject is missing");
    if (!draft->message_id)
        return refuse(error_r, "message_id is missing");
    if (draft->marker && (!is_header_name(draft->marker, strlen(draft->marker))))
        return refuse(error_r, "marker is not a word of 1 to 70 ASCII characters");
    if (draft->date <= 0 || draft->date > INT64_C(253402300799000))
        return refuse(error_r, "date is not between 1970 and 9999");
    if (draft->utc_offset < -1439 || draft->utc_offset > 1439)
        return refuse(error_r, "utc_offset is a day or more");
    if ((r = check_address("from", draft->from, true, error_r)) < 0 ||
        (r = check_address("to", draft->to, true, error_r)) < 0 ||
        (r = check_address("reply_to", draft->reply_to, false, error_r)) < 0 ||
        (r = check_id("message_id", draft->message_id, error_r)) < 0 ||
        (r = check_id("in_reply_to", draft->in_reply_to, error_r)) < 0)
        return r;
    for (const char *const *id = draft->references; id && *id; id++) {
        r = check_id("references", *id, error_r);
        if (r < 0)
            return r;
    }
    if ((r = check_unsubscribe(draft, error_r)) < 0 ||
        (r = check_extra(draft->extra_headers, error_r)) < 0)
        return r;
    return check_bodies(draft, error_r);
}

/* ---- the header fields ------------------------------------------------------------------------
 */

static void put_name(struct buf *out, const char *field)
{
    buf_add_str(out, field);
    buf_add(out, ": ", 2);
}

static void put_line(struct buf *out, const char *field, const char *value)
{
    put_name(out, field);
    buf_add_str(out, value);
    buf_add(out, "\r\n", 2);
}

static void put_mailbox(struct buf *out, const char *field, const char *name, const char *address)
{
    auto_buf struct buf wire = {0};
    size_t column = strlen(field) + 2;

    mail_address_wire(address, &wire);
    put_name(out, field);
    if (name && name[strspn(name, " \t")]) {
        column = mail_words_phrase(out, name, column);
        buf_add_str(out, column + wire.len + 3 > LINE_PLAIN ? "\r\n <" : " <");
        buf_add(out, wire.data, wire.len);
        buf_add_char(out, '>');
    } else {
        buf_add(out, wire.data, wire.len);
    }
    buf_add_str(out, "\r\n");
}

/* RFC 5322 3.3, in the sender's own zone; never by locale. */
static void put_date(struct buf *out, int64_t date, int32_t offset)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(date / 1000 + offset * 60);
    int away = offset < 0 ? -offset : offset;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    buf_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d %c%02d%02d\r\n", days + 3 * tm.tm_wday,
               tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
               tm.tm_sec, offset < 0 ? '-' : '+', away / 60, away % 60);
}

static void put_id(struct buf *out, const char *field, const char *id)
{
    auto_buf struct buf wire = {0};

    put_name(out, field);
    buf_add_char(out, '<');
    if (mail_address_wire(id, &wire) == 0) /* its domain may be of another script */
        buf_add(out, wire.data, wire.len);
    else
        buf_add_str(out, id);
    buf_add_str(out, ">\r\n");
}

/* The first and the newest, a line each (RFC 5322 3.6.4 lets a chain be cut). */
static void put_references(struct buf *out, const char *const *ids)
{
    size_t count = 0;

    while (ids[count])
        count++;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && i + (MAIL_REFERENCES_MAX - 1) < count)
            continue;
        buf_add_str(out, i ? " <" : "References: <");
        buf_add_str(out, ids[i]);
        buf_add_str(out, ">\r\n");
    }
}

/* Never RFC 2047, folded at the comma only (RFC 2369, RFC 8058). */
static void put_unsubscribe(struct buf *out, const struct mail_draft *draft)
{
    const char *url = draft->unsubscribe_url, *mailto = draft->unsubscribe_mailto;

    if (!url && !mailto)
        return;
    put_name(out, "List-Unsubscribe");
    if (url) {
        buf_add_char(out, '<');
        buf_add_str(out, url);
        buf_add_str(out, mailto ? ">,\r\n " : ">");
    }
    if (mailto) {
        buf_add_str(out, text_starts(mailto, "mailto:") ? "<" : "<mailto:");
        buf_add_str(out, mailto);
        buf_add_char(out, '>');
    }
    buf_add_str(out, "\r\n");
    if (draft->one_click)
        put_line(out, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
}

static void put_extra(struct buf *out, const char *header)
{
    const char *colon = strchr(header, ':'), *value = colon + 1;

    buf_add(out, header, (size_t)(value - header));
    buf_add_char(out, ' ');
    buf_add_str(out, value + strspn(value, " \t"));
    buf_add_str(out, "\r\n");
}

static void put_headers(struct buf *out, const struct mail_draft *draft)
{
    put_mailbox(out, "From", draft->from_name, draft->from);
    put_mailbox(out, "To", draft->to_name, draft->to);
    if (draft->reply_to)
        put_mailbox(out, "Reply-To", NULL, draft->reply_to);
    put_name(out, "Subject");
    mail_words_text(out, draft->subject, strlen("Subject: "));
    buf_add_str(out, "\r\n");
    put_date(out, draft->date, draft->utc_offset);
    put_id(out, "Message-ID", draft->message_id);
    if (draft->in_reply_to)
        put_id(out, "In-Reply-To", draft->in_reply_to);
    if (draft->references)
        put_references(out, draft->references);
    if (draft->marker)
        put_line(out, "X-Postrider-Id", draft->marker);
    put_unsubscribe(out, draft);
    for (const char *const *extra = draft->extra_headers; extra && *extra; extra++)
        put_extra(out, *extra);
    put_line(out, "MIME-Version", "1.0");
}

/* ---- the bodies -------------------------------------------------------------------------------
 */

/* From the message id, so that the same parts give the same bytes. "=_" stands in no part: the
 * encodings can't produce it, and what has it is not sent plain. */
static void make_boundary(const char *message_id, char boundary[BOUNDARY_SIZE])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (const char *c = message_id; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    snprintf(boundary, BOUNDARY_SIZE, "=_postrider_%016" PRIx64, hash);
}

static void put_bodies(struct buf *out, const struct mail_draft *draft)
{
    auto_buf struct buf made = {0};
    char boundary[BOUNDARY_SIZE];

    if (!draft->html) {
        mail_part_write(out, "plain", draft->text);
        return;
    }
    if (!draft->text)
        mail_html_text(draft->html, &made);
    make_boundary(draft->message_id, boundary);
    buf_printf(out, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n--%s\r\n",
               boundary, boundary);
    mail_part_write(out, "plain", draft->text ? draft->text : buf_text(&made));
    buf_printf(out, "\r\n--%s\r\n", boundary);
    mail_part_write(out, "html", draft->html);
    buf_printf(out, "\r\n--%s--\r\n", boundary);
}

int mail_compose(const struct mail_draft *draft, struct buf *rfc5322_r, struct buf *error_r)
{
    size_t body = (draft->text ? strlen(draft->text) : 0) + (draft->html ? strlen(draft->html) : 0);
    int r = check(draft, error_r);

    if (r < 0)
        return r;
    buf_reserve(rfc5322_r, body + body / 8 + HEADERS_USUAL);
    put_headers(rfc5322_r, draft);
    put_bodies(rfc5322_r, draft);
    return 0;
}

void mail_reply_subject(const char *subject, struct buf *subject_r)
{
    subject += strspn(subject, " \t");
    if (!text_starts_fold(subject, "re:"))
        buf_add_str(subject_r, "Re: ");
    buf_add_str(subject_r, subject);
}
