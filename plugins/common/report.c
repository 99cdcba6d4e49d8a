/* common/report.c: header blocks, multipart bodies, delivery reports (RFC 6522). */
#include "report.h"

#include <stdlib.h>
#include <string.h>

bool wire_is_mail(struct rider_bytes all)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *at = all.data;
    size_t len = 0;

    while (len < all.len && at[len] && strchr(name, at[len]))
        len++;
    return len && len < all.len && at[len] == ':';
}

bool wire_divide(struct rider_bytes all, struct rider_bytes *head, struct rider_bytes *rest)
{
    const char *at = all.data, *end = at + all.len;

    for (const char *line = at; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));

        if (!stop)
            return false;
        if (stop == line || (stop == line + 1 && *line == '\r')) {
            *head = (struct rider_bytes){at, (size_t)(line - at)};
            *rest = (struct rider_bytes){stop + 1, (size_t)(end - stop - 1)};
            return true;
        }
        line = stop + 1;
    }
    return false;
}

char *wire_block_value(struct rider_bytes block, const char *name)
{
    const char *at = block.len ? block.data : "", *end = at + block.len;
    size_t len = strlen(name);
    struct text value = {0};
    bool found = false;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((stop ? stop : end) - at);

        while (line && at[line - 1] == '\r')
            line--;
        if (found && (!line || (*at != ' ' && *at != '\t')))
            break;
        if (found) {
            text_add(&value, at, line);
        } else if (line > len && at[len] == ':') {
            char *own = text_dup_len(at, len);

            found = text_fold_same(own, name);
            if (found)
                text_add(&value, at + len + 1, line - len - 1);
            free(own);
        }
        at = stop ? stop + 1 : end;
    }
    if (found) {
        const char *first = value.data + strspn(value.data, " \t");
        char *copy = text_dup(first);

        text_free(&value);
        return copy;
    }
    return NULL;
}

char *wire_param(const char *value, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = strchr(value, ';'); at; at = strchr(at, ';')) {
        char *own;
        bool same;

        at += 1 + strspn(at + 1, " \t\r\n");
        if (strlen(at) <= len || at[len] != '=')
            continue;
        own = text_dup_len(at, len);
        same = text_fold_same(own, name);
        free(own);
        if (!same)
            continue;
        at += len + 1;
        return *at == '"' ? text_dup_len(at + 1, strcspn(at + 1, "\""))
                          : text_dup_len(at, strcspn(at, "; \t\r\n"));
    }
    return NULL;
}

/* "--boundary" or "--boundary--", and nothing else on the line. */
static bool is_delimiter(const char *line, const char *end, const char *boundary, size_t len)
{
    if ((size_t)(end - line) < len + 2 || line[0] != '-' || line[1] != '-' ||
        memcmp(line + 2, boundary, len) != 0)
        return false;
    line += len + 2;
    return line == end || strchr("-\r\n \t", *line) != NULL;
}

bool wire_next_part(const char **at_r, const char *end, const char *boundary,
                    struct rider_bytes *part)
{
    size_t len = strlen(boundary);
    const char *start = NULL;

    for (const char *line = *at_r; line && line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));

        if (is_delimiter(line, end, boundary, len)) {
            if (start) {
                *part = (struct rider_bytes){start, (size_t)(line - start)};
                *at_r = line;
                return true;
            }
            if ((size_t)(end - line) >= len + 4 && memcmp(line + 2 + len, "--", 2) == 0)
                return false;
            start = stop ? stop + 1 : end;
        }
        line = stop ? stop + 1 : NULL;
    }
    if (!start || start >= end) /* a last part that nothing closes still counts */
        return false;
    *part = (struct rider_bytes){start, (size_t)(end - start)};
    *at_r = end;
    return true;
}

char *wire_boundary(struct rider_bytes headers)
{
    char *type = wire_block_value(headers, "content-type"), *boundary = NULL;

    if (type && text_fold_find(type, "multipart/") == type)
        boundary = wire_param(type, "boundary");
    if (boundary && !*boundary) {
        free(boundary);
        boundary = NULL;
    }
    free(type);
    return boundary;
}

static int unhex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void unquote(struct text *out, const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = at[i];

        if (c == '=' && i + 2 < len && unhex(at[i + 1]) >= 0 && unhex(at[i + 2]) >= 0) {
            c = (char)(unhex(at[i + 1]) << 4 | unhex(at[i + 2]));
            i += 2;
        } else if (c == '=') {
            size_t skip = i + 1;

            while (skip < len && (at[skip] == '\r' || at[skip] == ' '))
                skip++;
            if (skip < len && at[skip] == '\n') {
                i = skip;
                continue;
            }
        }
        text_add(out, &c, 1);
    }
}

static void decoded(struct text *out, struct rider_bytes head, struct rider_bytes body)
{
    char *encoding = wire_block_value(head, "content-transfer-encoding");

    if (encoding && text_fold_find(encoding, "base64") == encoding) {
        if (!text_unbase64(out, body.data, body.len))
            text_free(out);
    } else if (encoding && text_fold_find(encoding, "quoted-printable") == encoding) {
        unquote(out, body.data, body.len);
    } else {
        text_add(out, body.data, body.len);
    }
    free(encoding);
}

static void cut(struct text *text)
{
    if (text->len > WIRE_REPORT_MAX) {
        text->len = WIRE_REPORT_MAX;
        text->data[text->len] = '\0';
    }
}

/* Of the mail that came back only its headers are kept. */
static void keep_headers(struct text *text)
{
    struct rider_bytes head, rest;

    if (wire_divide((struct rider_bytes){text->data, text->len}, &head, &rest)) {
        text->len = head.len;
        text->data[text->len] = '\0';
    }
    cut(text);
}

static void read_report_part(struct wire_report *report, struct rider_bytes part)
{
    static const char *const reports[] = {"message/delivery-status", "message/feedback-report",
                                          "message/global-delivery-status",
                                          "message/disposition-notification"};
    struct rider_bytes head, body;
    char *type;

    if (!wire_divide(part, &head, &body))
        return;
    type = wire_block_value(head, "content-type");
    for (size_t i = 0; type && i < 4; i++) {
        if (text_fold_find(type, reports[i]) == type && !report->report.len) {
            decoded(&report->report, head, body);
            cut(&report->report);
        }
    }
    if (type && !report->returned.len &&
        (text_fold_find(type, "message/rfc822") == type ||
         text_fold_find(type, "text/rfc822-headers") == type ||
         text_fold_find(type, "message/global") == type) &&
        text_fold_find(type, "delivery-status") == NULL) {
        decoded(&report->returned, head, body);
        if (report->returned.len)
            keep_headers(&report->returned);
    }
    free(type);
}

int wire_report_read(struct wire_report *report, const char *raw, size_t len)
{
    struct rider_bytes head, body, part;
    const char *at;
    char *type, *boundary;
    int parts = 0;

    *report = (struct wire_report){0};
    if (!wire_divide((struct rider_bytes){raw, len}, &head, &body))
        return -1;
    type = wire_block_value(head, "content-type");
    boundary = wire_boundary(head);
    if (!type || !boundary || text_fold_find(type, "multipart/report") != type) {
        free(type);
        free(boundary);
        return -1;
    }
    report->type = wire_param(type, "report-type");
    at = body.data;
    while (parts++ < 64 && wire_next_part(&at, (const char *)body.data + body.len, boundary, &part))
        read_report_part(report, part);
    free(type);
    free(boundary);
    return 0;
}

void wire_report_free(struct wire_report *report)
{
    free(report->type);
    text_free(&report->report);
    text_free(&report->returned);
    report->type = NULL;
}
