/* smtp-imap/mail.c: what FETCH says of a mail; and a delivery report, part by part. */
#include "mail.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void mail_free(struct mail *mail)
{
    text_free(&mail->headers);
    text_free(&mail->report);
    text_free(&mail->returned);
    free(mail->report_type);
    if (mail->labels)
        text_list_free(mail->labels);
    *mail = (struct mail){0};
}

char **mail_labels(const struct imap_response *response, uint32_t flags)
{
    uint32_t end = flags ? response->values[flags].next : 0;
    char **labels = text_alloc((end > flags ? end - flags : 1) * sizeof(*labels));
    size_t count = 0;

    for (uint32_t i = flags + 1; i < end; i++) {
        const struct imap_value *flag = &response->values[i];
        struct text path = {0};

        if (flag->type != IMAP_ATOM || !flag->len || *flag->data == '\\')
            continue;
        imap_keyword_path(&path, flag->data, flag->len);
        if (path.len)
            labels[count++] = path.data;
    }
    return labels;
}

void mail_take(struct mail *mail, const struct imap_fetch *fetch,
               const struct imap_response *response)
{
    const struct rider_bytes *headers = imap_fetch_body(fetch, "HEADER.FIELDS");

    mail_free(mail);
    mail->uid = fetch->uid;
    mail->modseq = fetch->modseq;
    mail->date = fetch->date;
    if (headers)
        text_add(&mail->headers, headers->data, headers->len);
    if (fetch->flags)
        mail->labels = mail_labels(response, fetch->flags);
}

bool mail_is_report(const struct mail *mail)
{
    const struct rider_bytes block = {text_of(&mail->headers), mail->headers.len};
    char *type = wire_block_value(block, "content-type");
    bool is = type && strncasecmp(type, "multipart/report", 16) == 0;

    free(type);
    return is;
}

static bool is_named(const char *line, size_t len, char *const *names)
{
    const char *colon = memchr(line, ':', len);
    size_t name = colon ? (size_t)(colon - line) : 0;

    while (name && (line[name - 1] == ' ' || line[name - 1] == '\t'))
        name--;
    for (; name && *names; names++) {
        if (strlen(*names) == name && strncasecmp(*names, line, name) == 0)
            return true;
    }
    return false;
}

void mail_headers(struct text *out, const struct text *block, char *const *names)
{
    const char *at = text_of(block), *end = at + block->len;
    bool wanted = false;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = stop ? (size_t)(stop - at) + 1 : (size_t)(end - at);

        if (*at == '\r' || *at == '\n')
            break;
        if (*at != ' ' && *at != '\t')
            wanted = is_named(at, len, names);
        if (wanted)
            text_add(out, at, len);
        at += len;
    }
}

static int unhex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c & ~0x20);
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void unquote(struct text *out, const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = at[i];

        if (c == '=' && i + 2 < len && unhex(at[i + 1]) >= 0 && unhex(at[i + 2]) >= 0) {
            c = (char)(unhex(at[i + 1]) << 4 | unhex(at[i + 2]));
            i += 2;
        } else if (c == '=') { /* a line that goes on */
            size_t skip = i + 1;

            while (skip < len && (at[skip] == '\r' || at[skip] == ' ' || at[skip] == '\t'))
                skip++;
            if (skip < len && at[skip] == '\n') {
                i = skip;
                continue;
            }
        }
        text_add(out, &c, 1);
    }
}

void mail_decode(struct text *out, const char *encoding, struct rider_bytes bytes)
{
    if (strcmp(encoding, "base64") == 0)
        text_unbase64(out, bytes.data, bytes.len); /* as far as it is good: a part may be cut */
    else if (strcmp(encoding, "quoted-printable") == 0)
        unquote(out, bytes.data, bytes.len);
    else
        text_add(out, bytes.data, bytes.len);
}

/* ---- a report's parts -------------------------------------------------------------------------
 */

enum { PARTS_MAX = 32 };

struct report_query {
    struct job *job;
    struct mail *mail;
    void (*done)(void *arg, const struct failure *why);
    void *arg;
    char type[64], report_type[64];
    struct imap_part parts[PARTS_MAX];
    size_t count;
    const struct imap_part *report, *returned;
};

void report_free(struct report_query *query)
{
    free(query);
}

static void finish(struct report_query *query, const struct imap_response *response)
{
    struct failure failure;
    bool wait = false;

    if (response->status != IMAP_OK) {
        imap_refusal(query->job->session->imap, "FETCH", response, &failure);
        wait = response->code &&
               (failure.failure.kind == RIDER_TRANSIENT || failure.failure.kind == RIDER_THROTTLED);
    }
    query->done(query->arg, wait ? &failure : NULL);
}

/* The headers of a mail that came back as text/rfc822-headers, or as far as they go. */
static void keep_headers(struct text *text)
{
    struct rider_bytes head, rest;

    if (wire_divide((struct rider_bytes){text_of(text), text->len}, &head, &rest)) {
        text->len = head.len;
        text->data[text->len] = '\0';
    }
}

static void heard_parts(void *arg, const struct imap_response *response)
{
    struct report_query *query = arg;
    struct mail *mail = query->mail;
    struct imap_fetch fetch;

    if (imap_fetch_read(&fetch, response) < 0 || fetch.uid != mail->uid)
        return;
    for (size_t i = 0; i < fetch.count; i++) {
        const char *section = fetch.bodies[i].section;

        if (query->report && strcmp(section, query->report->path) == 0 && !mail->report.len)
            mail_decode(&mail->report, query->report->encoding, fetch.bodies[i].data);
        else if (query->returned && !mail->returned.len)
            mail_decode(&mail->returned, strchr(section, 'H') ? "" : query->returned->encoding,
                        fetch.bodies[i].data);
    }
    keep_headers(&mail->returned);
}

static void got_parts(void *arg, const struct imap_response *response)
{
    finish(arg, response);
}

static void heard_structure(void *arg, const struct imap_response *response)
{
    struct report_query *query = arg;
    struct imap_fetch fetch;

    if (imap_fetch_read(&fetch, response) == 0 && fetch.uid == query->mail->uid && fetch.structure)
        query->count = imap_parts(response, fetch.structure, query->type, query->report_type,
                                  query->parts, PARTS_MAX);
}

static bool is_one_of(const char *type, const char *const *types)
{
    while (*types && strcmp(type, *types) != 0)
        types++;
    return *types != NULL;
}

static void choose(struct report_query *query)
{
    static const char *const reports[] = {"message/delivery-status", "message/feedback-report",
                                          "message/global-delivery-status",
                                          "message/disposition-notification", NULL};
    static const char *const mails[] = {"message/rfc822", "text/rfc822-headers", "message/global",
                                        "message/global-headers", NULL};

    for (size_t i = 0; i < query->count; i++) {
        const struct imap_part *part = &query->parts[i];

        if (!query->report && is_one_of(part->type, reports))
            query->report = part;
        if (!query->returned && is_one_of(part->type, mails))
            query->returned = part;
    }
}

/* Of a message/rfc822 only the headers leave the server. */
static void ask_parts(struct report_query *query)
{
    struct text command = {0};

    text_printf(&command, "UID FETCH %llu (UID", (unsigned long long)query->mail->uid);
    if (query->report)
        text_printf(&command, " BODY.PEEK[%s]<0.%d>", query->report->path, IMAP_PART_MAX);
    if (query->returned)
        text_printf(&command, " BODY.PEEK[%s%s]<0.%d>", query->returned->path,
                    strcmp(query->returned->type, "message/rfc822") == 0 ? ".HEADER" : "",
                    IMAP_PART_MAX);
    text_str(&command, ")");
    imap_say(query->job->session->imap, "FETCH", command.data, heard_parts, got_parts, query);
    text_free(&command);
}

static void got_structure(void *arg, const struct imap_response *response)
{
    struct report_query *query = arg;

    choose(query);
    if (response->status != IMAP_OK || (!query->report && !query->returned)) {
        finish(query, response);
        return;
    }
    query->mail->report_type = text_dup(query->report_type);
    ask_parts(query);
}

struct report_query *report_ask(struct job *job, struct mail *mail,
                                void (*done)(void *arg, const struct failure *why), void *arg)
{
    struct report_query *query = text_alloc(sizeof(*query));
    struct text command = {0};

    query->job = job;
    query->mail = mail;
    query->done = done;
    query->arg = arg;
    text_printf(&command, "UID FETCH %llu (UID BODYSTRUCTURE)", (unsigned long long)mail->uid);
    imap_say(job->session->imap, "FETCH", command.data, heard_structure, got_structure, query);
    text_free(&command);
    return query;
}
