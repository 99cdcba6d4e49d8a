/* mail/parts.c: the report, the returned headers and the text in a whole message (RFC 6522). */
#include "mail/report.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/compose.h"
#include "mail/header.h"

#include <gmime/gmime.h>
#include <string.h>
#include <strings.h>

struct walk {
    struct mail_parts *parts;
    size_t seen;
    bool html; /* what `text` holds was HTML; plain text replaces it */
};

static bool is_type(const char *type, const char *want)
{
    size_t len = strlen(want);

    return strncasecmp(type, want, len) == 0 &&
           (want[len - 1] == '/' || strchr("; \t", type[len]) != NULL);
}

static GMimeContentEncoding encoding_of(const struct mail_headers *headers)
{
    const char *raw = mail_header_raw(headers, "Content-Transfer-Encoding", 0);

    if (raw && strcasestr(raw, "base64"))
        return GMIME_CONTENT_ENCODING_BASE64;
    if (raw && strcasestr(raw, "quoted-printable"))
        return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
    return GMIME_CONTENT_ENCODING_DEFAULT;
}

static void undo_encoding(struct buf *out, const struct mail_headers *headers, struct bytes body)
{
    GMimeContentEncoding encoding = encoding_of(headers);
    GMimeEncoding state;
    char *room;

    if (body.len > MAIL_PART_MAX)
        body.len = MAIL_PART_MAX;
    if (body.len == 0)
        return;
    if (encoding == GMIME_CONTENT_ENCODING_DEFAULT) {
        buf_add(out, body.data, body.len);
        return;
    }
    g_mime_encoding_init_decode(&state, encoding);
    room = buf_reserve(out, g_mime_encoding_outlen(&state, body.len));
    buf_advance(out, g_mime_encoding_flush(&state, body.data, body.len, room));
}

static void to_utf8(struct buf *text, const char *charset)
{
    gsize len = 0;
    char *converted = NULL;

    if (text->len == 0)
        return;
    if (charset && !text_same(charset, "utf-8") && !text_same(charset, "us-ascii"))
        converted = g_convert(text->data, (gssize)text->len, "UTF-8", charset, NULL, &len, NULL);
    if (!converted && text_is_utf8(text->data, text->len))
        return;
    if (!converted)
        converted =
            g_convert(text->data, (gssize)text->len, "UTF-8", "ISO-8859-1", NULL, &len, NULL);
    if (!converted)
        return;
    buf_truncate(text, 0);
    buf_add(text, converted, len);
    g_free(converted);
}

static bool opens_mail(const char *text);
static bool is_mail(const struct mail_headers *headers);

/* Some attach the returned headers as plain text. */
static void take_attached_headers(struct walk *walk, const struct mail_headers *headers,
                                  struct bytes body)
{
    struct buf text = {0};

    undo_encoding(&text, headers, body);
    if (opens_mail(buf_text(&text)))
        buf_add(&walk->parts->returned, text.data, text.len);
    buf_finish(&text);
}

static void html_to_text(struct buf *html)
{
    struct buf text = {0};

    mail_html_text(buf_text(html), &text);
    buf_finish(html);
    *html = text;
}

static void take_text(struct walk *walk, const struct mail_headers *headers, const char *type,
                      struct bytes body)
{
    struct buf *text = &walk->parts->text;
    char *charset = mail_header_param(type, "charset");
    bool html = is_type(type, "text/html");

    if (text->len > 0 && walk->parts->returned.len == 0 && !html)
        take_attached_headers(walk, headers, body);
    if (text->len == 0 || (walk->html && !html)) {
        buf_truncate(text, 0);
        undo_encoding(text, headers, body);
        to_utf8(text, charset);
        walk->html = html;
        if (html)
            html_to_text(text);
    }
    free(charset);
}

static void take_leaf(struct walk *walk, const struct mail_headers *headers, const char *type,
                      struct bytes body)
{
    static const struct {
        const char *part, *type;
    } reports[] = {{"message/delivery-status", "delivery-status"},
                   {"message/global-delivery-status", "delivery-status"},
                   {"message/feedback-report", "feedback-report"},
                   {"message/disposition-notification", "disposition-notification"},
                   {"message/global-disposition-notification", "disposition-notification"}};
    static const char *const returned[] = {
        "message/rfc822",         "text/rfc822-headers",    "text/rfc822-header", "message/global",
        "message/global-headers", "message/rfc822-headers", "text/rfc822"};
    struct mail_parts *parts = walk->parts;

    for (size_t i = 0; i < ARRAY_LEN(reports); i++)
        if (is_type(type, reports[i].part)) {
            if (parts->report.len == 0)
                undo_encoding(&parts->report, headers, body);
            if (!parts->type)
                parts->type = mem_str(reports[i].type);
            return;
        }
    for (size_t i = 0; i < ARRAY_LEN(returned); i++)
        if (is_type(type, returned[i])) {
            if (parts->returned.len == 0)
                undo_encoding(&parts->returned, headers, body);
            return;
        }
    if (is_type(type, "text/"))
        take_text(walk, headers, type, body);
}

static void walk_part(struct walk *walk, struct bytes part, unsigned depth);

/* The next line that begins with "--boundary"; NULL: there is none. `next` is where the line
 * after it begins. */
static const char *find_boundary(const char *at, const char *end, const char *boundary, size_t len,
                                 const char **next)
{
    for (const char *line = at; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));

        stop = stop ? stop + 1 : end;
        if ((size_t)(stop - line) >= len + 2 && line[0] == '-' && line[1] == '-' &&
            memcmp(line + 2, boundary, len) == 0) {
            *next = stop;
            return line;
        }
        line = stop;
    }
    return NULL;
}

static void walk_multipart(struct walk *walk, struct bytes body, const char *boundary,
                           unsigned depth)
{
    const char *end = (const char *)body.data + body.len, *next, *from, *line;
    const struct mail_headers none = {0};
    size_t len = strlen(boundary);

    line = find_boundary(body.data, end, boundary, len, &next);
    if (!line)
        take_text(walk, &none, "text/plain", body);
    while (line && walk->seen < MAIL_PARTS_MAX) {
        if ((size_t)(end - line) >= len + 4 && memcmp(line + len + 2, "--", 2) == 0)
            return;
        from = next;
        line = find_boundary(from, end, boundary, len, &next);
        walk_part(walk, (struct bytes){from, (size_t)((line ? line : end) - from)}, depth + 1);
    }
}

static void walk_part(struct walk *walk, struct bytes part, unsigned depth)
{
    struct mail_headers headers = {0};
    const char *type;
    char *boundary = NULL;
    struct bytes body;

    walk->seen++;
    mail_headers_parse(&headers, part.data, part.len);
    type = mail_header_raw(&headers, "Content-Type", 0);
    if (!type)
        type = "text/plain";
    body = (struct bytes){(const char *)part.data + headers.body, part.len - headers.body};
    if (depth > 0 && walk->parts->returned.len == 0 && is_mail(&headers)) {
        buf_add(&walk->parts->returned, part.data, headers.body); /* no type was put before it */
        mail_headers_finish(&headers);
        return;
    }
    if (is_type(type, "multipart/")) {
        boundary = mail_header_param(type, "boundary");
        if (depth == 0 && is_type(type, "multipart/report"))
            walk->parts->type = mail_header_param(type, "report-type");
    }
    if (boundary && *boundary && depth < MAIL_PART_DEPTH_MAX)
        walk_multipart(walk, body, boundary, depth);
    else if (is_type(type, "multipart/"))
        take_text(walk, &headers, "text/plain", body);
    else
        take_leaf(walk, &headers, type, body);
    free(boundary);
    mail_headers_finish(&headers);
}

/* Whether a line is one that the header of a mail begins with. */
static bool begins_mail(const char *line)
{
    static const char *const names[] = {"Return-Path:",
                                        "Received:",
                                        "From:",
                                        "Message-ID:",
                                        "To:",
                                        "Date:",
                                        "Delivered-To:",
                                        "Subject:",
                                        "MIME-Version:",
                                        "DKIM-Signature:",
                                        "Authentication-Results:",
                                        "Sender:",
                                        "Reply-To:",
                                        "In-Reply-To:",
                                        "Content-Type:",
                                        "DomainKey-Signature:",
                                        "ARC-",
                                        "X-",
                                        "List-"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (text_starts_fold(line, names[i]))
            return true;
    return false;
}

static bool is_mail(const struct mail_headers *headers)
{
    return headers->count >= 3 &&
           (mail_header_has(headers, "From") || mail_header_has(headers, "Message-ID")) &&
           (mail_header_has(headers, "Date") || mail_header_has(headers, "Received") ||
            mail_header_has(headers, "To"));
}

static bool opens_mail(const char *text)
{
    struct mail_headers headers = {0};
    bool is;

    if (!begins_mail(text))
        return false;
    mail_headers_parse(&headers, text, strlen(text));
    is = is_mail(&headers);
    mail_headers_finish(&headers);
    return is;
}

/* Whether the line from `line` to `stop` sets what follows apart: empty, a rule, or a heading. */
static bool sets_apart(const char *line, const char *stop)
{
    if (*line == '-' || *line == '=' || *line == '*')
        return true;
    while (stop > line && strchr(" \t\r", stop[-1]))
        stop--;
    return stop == line || stop[-1] == ':' || stop[-1] == '-';
}

/* Bounces of no standard put the mail behind their words: moves it from `text` to returned. */
static void split_returned(struct mail_parts *parts, struct buf *text)
{
    const char *start = buf_text(text);
    bool apart = true;
    unsigned tries = 0;

    for (const char *line = start; *line && tries < MAIL_PARTS_MAX;) {
        const char *stop = strchr(line, '\n');

        if (apart && begins_mail(line) && line > start) {
            tries++; /* each may read far: bounded, or junk would cost its square */
            if (opens_mail(line)) {
                buf_add_str(&parts->returned, line);
                buf_truncate(text, (size_t)(line - start));
                return;
            }
        }
        if (!stop)
            return;
        apart = sets_apart(line, stop);
        line = stop + 1;
    }
}

/* A report whose boundaries are gone or wrong stands in the text: from its first field on. */
static void split_report(struct mail_parts *parts)
{
    static const char *const names[] = {
        "\nReporting-MTA:", "\nFinal-Recipient:", "\nOriginal-Recipient:", "\nFeedback-Type:"};
    const char *text = buf_text(&parts->text), *first = NULL;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *at = strcasestr(text, names[i]);

        if (at && (!first || at < first))
            first = at;
    }
    if (!first)
        return;
    buf_add_str(&parts->report, first + 1);
    buf_truncate(&parts->text, (size_t)(first - text));
}

void mail_parts_find(struct mail_parts *parts, const void *raw, size_t len)
{
    struct walk walk = {parts, 0, false};

    struct buf lines = {0};

    mail_init();
    memset(parts, 0, sizeof(*parts));
    if (len > 0 && !memchr(raw, '\n', len) && memchr(raw, '\r', len)) { /* CR alone ends lines */
        buf_add(&lines, raw, len);
        for (size_t i = 0; i < len; i++)
            if (lines.data[i] == '\r')
                lines.data[i] = '\n';
        raw = lines.data;
    }
    walk_part(&walk, (struct bytes){raw, len}, 0);
    buf_finish(&lines);
    if (parts->returned.len == 0)
        split_returned(parts, &parts->text);
    if (parts->report.len == 0)
        split_report(parts);
    if (parts->returned.len == 0)
        split_returned(parts, &parts->report);
}

void mail_parts_finish(struct mail_parts *parts)
{
    free(parts->type);
    buf_finish(&parts->report);
    buf_finish(&parts->returned);
    buf_finish(&parts->text);
    parts->type = NULL;
}
