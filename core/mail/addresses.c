/* mail/addresses.c: reads the address lists of From, To, Cc and Reply-To, as strangers write them.
 */
#include "mail/address.h"

#include "base/mem.h"
#include "mail/header.h"

#include <errno.h>
#include <string.h>

enum { VALUE_MAX = 64 * 1024 };

struct scan {
    const char *at;
    struct buf phrase;  /* what stands before <, quotes undone: the name     */
    struct buf bare;    /* the same as written, without blanks: the address, if there is no < */
    struct buf angle;   /* what stands between < and >                       */
    struct buf comment; /* the last comment: a name in the old style         */
    bool had_angle;
};

static void scan_clear(struct scan *scan)
{
    buf_truncate(&scan->phrase, 0);
    buf_truncate(&scan->bare, 0);
    buf_truncate(&scan->angle, 0);
    buf_truncate(&scan->comment, 0);
    scan->had_angle = false;
}

static void scan_finish(struct scan *scan)
{
    buf_finish(&scan->phrase);
    buf_finish(&scan->bare);
    buf_finish(&scan->angle);
    buf_finish(&scan->comment);
}

/* Steps over a comment; they nest (RFC 5322 3.2.2). */
static void scan_comment(struct scan *scan)
{
    int depth = 0;

    buf_truncate(&scan->comment, 0);
    for (; *scan->at; scan->at++) {
        if (*scan->at == '\\' && scan->at[1]) {
            scan->at++;
        } else if (*scan->at == '(') {
            if (depth++ == 0)
                continue;
        } else if (*scan->at == ')' && --depth == 0) {
            scan->at++;
            return;
        }
        buf_add_char(&scan->comment, *scan->at);
    }
}

/* A quoted string goes undone into `plain` (if there is one) and as written into `written`. */
static void scan_quoted(struct scan *scan, struct buf *plain, struct buf *written)
{
    buf_add_char(written, *scan->at++);
    for (; *scan->at && *scan->at != '"'; scan->at++) {
        if (*scan->at == '\\' && scan->at[1])
            buf_add_char(written, *scan->at++);
        if (plain)
            buf_add_char(plain, *scan->at);
        buf_add_char(written, *scan->at);
    }
    buf_add_char(written, '"');
    if (*scan->at)
        scan->at++;
}

static void scan_angle(struct scan *scan)
{
    scan->had_angle = true;
    buf_truncate(&scan->angle, 0);
    scan->at++;
    while (*scan->at && *scan->at != '>') {
        if (*scan->at == '"')
            scan_quoted(scan, NULL, &scan->angle);
        else if (*scan->at == '(')
            scan_comment(scan);
        else if (*scan->at == ' ' || *scan->at == '\t')
            scan->at++;
        else if (*scan->at == ':') { /* what was before it is a source route (RFC 5322 4.4) */
            if (buf_text(&scan->angle)[0] == '@')
                buf_truncate(&scan->angle, 0);
            else if (strcmp(buf_text(&scan->angle), "mailto") == 0)
                buf_truncate(&scan->angle, 0);
            else
                buf_add_char(&scan->angle, ':');
            scan->at++;
        } else {
            buf_add_char(&scan->angle, *scan->at++);
        }
    }
    if (*scan->at)
        scan->at++;
}

/* Reads up to the end of one list entry; false: the value is over. */
static bool scan_entry(struct scan *scan)
{
    scan_clear(scan);
    while (*scan->at == ',' || *scan->at == ';' || *scan->at == ' ' || *scan->at == '\t')
        scan->at++;
    if (!*scan->at)
        return false;
    while (*scan->at && *scan->at != ',' && *scan->at != ';') {
        switch (*scan->at) {
        case '(':
            scan_comment(scan);
            break;
        case '"':
            scan_quoted(scan, &scan->phrase, &scan->bare);
            break;
        case '<':
            scan_angle(scan);
            break;
        case ':': /* the name of a group (RFC 5322 3.4) is not of its first member */
            scan_clear(scan);
            scan->at++;
            break;
        case ' ':
        case '\t':
            buf_add_char(&scan->phrase, *scan->at++);
            break;
        default:
            buf_add_char(&scan->phrase, *scan->at);
            buf_add_char(&scan->bare, *scan->at++);
        }
    }
    return true;
}

/* The name of an entry, decoded; the caller frees it. */
static char *scan_name(const struct scan *scan)
{
    const struct buf *raw = scan->had_angle ? &scan->phrase : &scan->comment;

    if (scan->had_angle && !buf_text(raw)[strspn(buf_text(raw), " \t")])
        raw = &scan->comment;
    return mail_decode_words(buf_text(raw));
}

size_t mail_address_each(const char *value,
                         bool (*each)(void *arg, const char *address, const char *name), void *arg)
{
    auto_free char *bounded = value ? mem_strn(value, strnlen(value, VALUE_MAX)) : mem_str("");
    struct scan scan = {.at = bounded};
    size_t count = 0;
    bool more = true;

    while (more && count < MAIL_LIST_MAX && scan_entry(&scan)) {
        const char *address = buf_text(scan.had_angle ? &scan.angle : &scan.bare);
        auto_free char *name = NULL;

        if (!mail_address_valid(address))
            continue;
        name = scan_name(&scan);
        count++;
        more = each(arg, address, name);
    }
    scan_finish(&scan);
    return count;
}

struct first {
    struct buf *address, *name;
};

static bool take_first(void *arg, const char *address, const char *name)
{
    struct first *first = arg;

    buf_add_str(first->address, address);
    if (first->name)
        buf_add_str(first->name, name);
    return false;
}

int mail_address_first(const char *value, struct buf *address_r, struct buf *name_r)
{
    struct first first = {address_r, name_r};

    return mail_address_each(value, take_first, &first) ? 0 : -ENOENT;
}
