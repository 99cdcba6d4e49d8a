/* mail/compose.c: a mail from its parts to the bytes that are sent. */
#include "mail/compose.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/words.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { VALUE_MAX = 900, ID_MAX = 500, LINE_PLAIN = 76 };

/* ---- what may not be: all of it is refused here, before GMime, which would encode it ----------
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

/* Sets a field to just these bytes: what GMime would fold or encode by itself stays as it is. */
static void put_raw(GMimeMessage *message, const char *name, const char *value)
{
    GMimeHeaderList *list = g_mime_object_get_header_list(GMIME_OBJECT(message));
    GMimeHeader *header;

    g_mime_header_list_append(list, name, "", NULL);
    header = g_mime_header_list_get_header_at(list, g_mime_header_list_get_count(list) - 1);
    g_mime_header_set_raw_value(header, value);
}

static void put_mailbox(GMimeMessage *message, const char *field, const char *name,
                        const char *address)
{
    auto_buf struct buf value = {0}, wire = {0};
    size_t column = strlen(field) + 2;

    mail_address_wire(address, &wire);
    buf_add_char(&value, ' ');
    if (name && name[strspn(name, " \t")]) {
        column = mail_words_phrase(&value, name, column);
        buf_add_str(&value, column + wire.len + 3 > LINE_PLAIN ? "\r\n <" : " <");
        buf_printf(&value, "%s>\r\n", wire.data);
    } else {
        buf_printf(&value, "%s\r\n", wire.data);
    }
    put_raw(message, field, value.data);
}

static void put_subject(GMimeMessage *message, const char *subject)
{
    auto_buf struct buf value = {0};

    buf_add_char(&value, ' ');
    mail_words_text(&value, subject, strlen("Subject: "));
    buf_add_str(&value, "\r\n");
    put_raw(message, "Subject", value.data);
}

/* RFC 5322 3.3, in the sender's own zone; never by locale. */
static void put_date(GMimeMessage *message, int64_t date, int32_t offset)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(date / 1000 + offset * 60);
    int away = offset < 0 ? -offset : offset;
    struct tm tm;
    auto_buf struct buf value = {0};

    gmtime_r(&seconds, &tm);
    buf_printf(&value, " %.3s, %d %.3s %d %02d:%02d:%02d %c%02d%02d\r\n", days + 3 * tm.tm_wday,
               tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
               tm.tm_sec, offset < 0 ? '-' : '+', away / 60, away % 60);
    put_raw(message, "Date", value.data);
}

static void put_id(GMimeMessage *message, const char *field, const char *id)
{
    auto_buf struct buf value = {0}, wire = {0};

    if (mail_address_wire(id, &wire) == 0) /* its domain may be of another script */
        id = wire.data;
    buf_printf(&value, " <%s>\r\n", id);
    put_raw(message, field, value.data);
}

/* The first and the newest, a line each (RFC 5322 3.6.4 lets a chain be cut). */
static void put_references(GMimeMessage *message, const char *const *ids)
{
    auto_buf struct buf value = {0};
    size_t count = 0;

    while (ids[count])
        count++;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && i + (MAIL_REFERENCES_MAX - 1) < count)
            continue;
        buf_printf(&value, "%s <%s>", value.len ? "\r\n" : "", ids[i]);
    }
    if (!value.len)
        return;
    buf_add_str(&value, "\r\n");
    put_raw(message, "References", value.data);
}

/* Never RFC 2047, folded at the comma only (RFC 2369, RFC 8058). */
static void put_unsubscribe(GMimeMessage *message, const struct mail_draft *draft)
{
    const char *url = draft->unsubscribe_url, *mailto = draft->unsubscribe_mailto;
    auto_buf struct buf value = {0};

    if (!url && !mailto)
        return;
    if (url)
        buf_printf(&value, " <%s>%s", url, mailto ? ",\r\n" : "");
    if (mailto)
        buf_printf(&value, " <%s%s>", text_starts(mailto, "mailto:") ? "" : "mailto:", mailto);
    buf_add_str(&value, "\r\n");
    put_raw(message, "List-Unsubscribe", value.data);
    if (draft->one_click)
        put_raw(message, "List-Unsubscribe-Post", " List-Unsubscribe=One-Click\r\n");
}

static void put_extra(GMimeMessage *message, const char *header)
{
    const char *colon = strchr(header, ':');
    auto_free char *name = mem_strn(header, (size_t)(colon - header));
    auto_buf struct buf value = {0};

    buf_printf(&value, " %s\r\n", colon + 1 + strspn(colon + 1, " \t"));
    put_raw(message, name, value.data);
}

static void put_headers(GMimeMessage *message, const struct mail_draft *draft)
{
    put_mailbox(message, "From", draft->from_name, draft->from);
    put_mailbox(message, "To", draft->to_name, draft->to);
    if (draft->reply_to)
        put_mailbox(message, "Reply-To", NULL, draft->reply_to);
    put_subject(message, draft->subject);
    put_date(message, draft->date, draft->utc_offset);
    put_id(message, "Message-ID", draft->message_id);
    if (draft->in_reply_to)
        put_id(message, "In-Reply-To", draft->in_reply_to);
    if (draft->references)
        put_references(message, draft->references);
    if (draft->marker) {
        auto_free char *value = mem_printf(" %s\r\n", draft->marker);

        put_raw(message, "X-Postrider-Id", value);
    }
    put_unsubscribe(message, draft);
    for (const char *const *extra = draft->extra_headers; extra && *extra; extra++)
        put_extra(message, *extra);
}

/* ---- the bodies -------------------------------------------------------------------------------
 */

/* Every kind of line end becomes CRLF; the text ends in one. */
static void canonical(const char *text, struct buf *out)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '\r' || c == '\n' || c == '\v' || c == '\f') {
            buf_add_str(out, "\r\n");
            text += c == '\r' && text[1] == '\n';
        } else if ((c >= 0x20 && c != 0x7f) || c == '\t') {
            buf_add_char(out, (char)c);
        }
    }
    if (!out->len || out->data[out->len - 1] != '\n')
        buf_add_str(out, "\r\n");
}

/* Plain where every relay passes it; base64 where quoted printable would be the longer one. */
static GMimeContentEncoding fitting(const struct buf *text)
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
        return GMIME_CONTENT_ENCODING_7BIT;
    return high > text->len / 6 ? GMIME_CONTENT_ENCODING_BASE64
                                : GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
}

static GMimeObject *text_part(const char *subtype, const char *text)
{
    GMimePart *part = g_mime_part_new_with_type("text", subtype);
    auto_buf struct buf bytes = {0};
    GMimeContentEncoding encoding;
    GMimeDataWrapper *content;
    GMimeStream *stream;

    canonical(text, &bytes);
    encoding = fitting(&bytes);
    stream = g_mime_stream_mem_new_with_buffer(bytes.data, bytes.len);
    content = g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);
    g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
    g_mime_part_set_content(part, content);
    g_mime_part_set_content_encoding(part, encoding);
    g_object_unref(content);
    g_object_unref(stream);
    return GMIME_OBJECT(part);
}

/* From the message id, so that the same parts give the same bytes. "=_" stands in no part: the
 * encodings can't produce it, and what has it is not sent plain. */
static void set_boundary(GMimeMultipart *multipart, const char *message_id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    char boundary[40];

    for (const char *c = message_id; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    snprintf(boundary, sizeof(boundary), "=_postrider_%016" PRIx64, hash);
    g_mime_multipart_set_boundary(multipart, boundary);
}

static GMimeObject *bodies(const struct mail_draft *draft)
{
    GMimeMultipart *multipart;
    GMimeObject *part;
    auto_buf struct buf made = {0};

    if (!draft->html)
        return text_part("plain", draft->text);
    if (!draft->text)
        mail_html_text(draft->html, &made);
    multipart = g_mime_multipart_new_with_subtype("alternative");
    set_boundary(multipart, draft->message_id);
    part = text_part("plain", draft->text ? draft->text : buf_text(&made));
    g_mime_multipart_add(multipart, part);
    g_object_unref(part);
    part = text_part("html", draft->html);
    g_mime_multipart_add(multipart, part);
    g_object_unref(part);
    return GMIME_OBJECT(multipart);
}

static void write_message(GMimeMessage *message, struct buf *out)
{
    GMimeFormatOptions *options = g_mime_format_options_new();
    GMimeStream *stream = g_mime_stream_mem_new();
    GByteArray *bytes;

    g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
    g_mime_object_write_to_stream(GMIME_OBJECT(message), options, stream);
    bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    buf_add(out, bytes->data, bytes->len);
    g_object_unref(stream);
    g_mime_format_options_free(options);
}

int mail_compose(const struct mail_draft *draft, struct buf *rfc5322_r, struct buf *error_r)
{
    GMimeMessage *message;
    GMimeObject *body;
    int r = check(draft, error_r);

    if (r < 0)
        return r;
    message = g_mime_message_new(FALSE);
    put_headers(message, draft);
    body = bodies(draft);
    g_mime_message_set_mime_part(message, body);
    g_object_unref(body);
    write_message(message, rfc5322_r);
    g_object_unref(message);
    return 0;
}

void mail_reply_subject(const char *subject, struct buf *subject_r)
{
    subject += strspn(subject, " \t");
    if (!text_starts_fold(subject, "re:"))
        buf_add_str(subject_r, "Re: ");
    buf_add_str(subject_r, subject);
}
