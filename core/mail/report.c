/* mail/report.c: delivery and feedback reports, and the headers of what was returned. */
#include "mail/report.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 2000 }; /* of a diagnostic; a remote server may write what it likes */

static char *copy(const struct mail_headers *headers, const char *name)
{
    const char *raw = mail_header_raw(headers, name, 0);

    return raw && *raw ? mem_strn(raw, strnlen(raw, TEXT_MAX)) : NULL;
}

/* "rfc822; ana@acme.example" without its type. */
static char *typed(const struct mail_headers *headers, const char *name)
{
    char *value = copy(headers, name), *semicolon = value ? strchr(value, ';') : NULL;

    if (semicolon) {
        semicolon++;
        semicolon += strspn(semicolon, " \t");
        memmove(value, semicolon, strlen(semicolon) + 1);
    }
    return value;
}

static enum mail_action action_of(const char *value)
{
    static const struct {
        const char *word;
        enum mail_action action;
    } actions[] = {{"fail", MAIL_ACTION_FAILED},        {"error", MAIL_ACTION_FAILED},
                   {"expired", MAIL_ACTION_FAILED},     {"delay", MAIL_ACTION_DELAYED},
                   {"deliverable", MAIL_ACTION_UNSAID}, {"deliver", MAIL_ACTION_DELIVERED},
                   {"relay", MAIL_ACTION_RELAYED},      {"expand", MAIL_ACTION_EXPANDED}};

    for (size_t i = 0; value && i < ARRAY_LEN(actions); i++)
        if (text_starts_fold(value, actions[i].word))
            return actions[i].action;
    return MAIL_ACTION_UNSAID;
}

static bool says_recipient(const struct mail_headers *block)
{
    return mail_header_has(block, "Final-Recipient") ||
           mail_header_has(block, "Original-Recipient") || mail_header_has(block, "Action") ||
           mail_header_has(block, "Status") || mail_header_has(block, "Diagnostic-Code");
}

static void add_recipient(struct mail_report *report, const struct mail_headers *block)
{
    struct mail_recipient *recipient;

    if (report->count == MAIL_RECIPIENTS_MAX)
        return;
    if (report->count % 16 == 0)
        report->recipients =
            mem_grow(report->recipients, report->count + 16, sizeof(*report->recipients));
    recipient = &report->recipients[report->count++];
    *recipient = (struct mail_recipient){
        .final = typed(block, "Final-Recipient"),
        .original = typed(block, "Original-Recipient"),
        .action = action_of(mail_header_raw(block, "Action", 0)),
        .status = copy(block, "Status"),
        .diagnostic = copy(block, "Diagnostic-Code"),
    };
    if (recipient->status)
        recipient->status[strcspn(recipient->status, " \t(;")] = '\0';
}

static void read_block(struct mail_report *report, const struct mail_headers *block)
{
    if (!report->envelope_id)
        report->envelope_id = copy(block, "Original-Envelope-Id");
    if (!report->feedback_type)
        report->feedback_type = copy(block, "Feedback-Type");
    if (report->kind == MAIL_REPORT_NONE && report->feedback_type)
        report->kind = MAIL_REPORT_FEEDBACK;
    if (report->kind == MAIL_REPORT_NONE && mail_header_has(block, "Disposition"))
        report->kind = MAIL_REPORT_DISPOSITION;
    if (says_recipient(block))
        add_recipient(report, block);
}

/* Past the next empty line; or the end. */
static const char *block_end(const char *at, const char *end, char ending)
{
    while (at < end) {
        const char *line = at, *stop = memchr(at, ending, (size_t)(end - at));

        at = stop ? stop + 1 : end;
        while (line < at && (*line == '\r' || *line == '\n'))
            line++;
        if (line == at)
            return at;
    }
    return end;
}

/* A block a recipient, parted by empty lines (RFC 3464 section 2.1). */
static void read_part(struct mail_report *report, struct bytes part)
{
    const char *at = part.data, *end = at + part.len;
    char ending = memchr(part.data, '\n', part.len) ? '\n' : '\r';

    while (at < end && report->count < MAIL_RECIPIENTS_MAX) {
        const char *next = block_end(at, end, ending);
        struct mail_headers block = {0};

        mail_headers_parse(&block, at, (size_t)(next - at));
        if (block.count > 0)
            read_block(report, &block);
        mail_headers_finish(&block);
        at = next;
    }
    if (report->kind == MAIL_REPORT_NONE && report->count > 0)
        report->kind = MAIL_REPORT_DELIVERY;
}

static void read_returned(struct mail_report *report, struct bytes returned)
{
    struct mail_headers headers = {0};
    struct mail_ids ids = {0};
    const char *at = returned.data;

    while (returned.len > 0 && strchr(" \t\r\n", *at)) /* some put an empty line first */
        at++, returned.len--;
    mail_headers_parse(&headers, at, returned.len);
    mail_ids_scan(&ids, mail_header_raw(&headers, "Message-ID", 0));
    if (ids.count > 0)
        report->message_id = mem_str(ids.ids[0]);
    report->marker = copy(&headers, "X-Postrider-Id");
    report->to = copy(&headers, "To");
    report->subject = mail_header(&headers, "Subject", 0);
    mail_ids_finish(&ids);
    mail_headers_finish(&headers);
}

static enum mail_report_kind kind_of(const char *type)
{
    if (!type)
        return MAIL_REPORT_NONE;
    if (strcasestr(type, "delivery-status"))
        return MAIL_REPORT_DELIVERY;
    if (strcasestr(type, "feedback-report"))
        return MAIL_REPORT_FEEDBACK;
    return strcasestr(type, "disposition-notification") ? MAIL_REPORT_DISPOSITION
                                                        : MAIL_REPORT_NONE;
}

void mail_report_parse(struct mail_report *report, const char *type, struct bytes part,
                       struct bytes returned)
{
    memset(report, 0, sizeof(*report));
    report->kind = kind_of(type);
    if (part.len > MAIL_PART_MAX)
        part.len = MAIL_PART_MAX;
    if (part.len > 0)
        read_part(report, part);
    if (returned.len > 0)
        read_returned(report, returned);
}

void mail_report_finish(struct mail_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->recipients[i].final);
        free(report->recipients[i].original);
        free(report->recipients[i].status);
        free(report->recipients[i].diagnostic);
    }
    free(report->recipients);
    free(report->envelope_id);
    free(report->feedback_type);
    free(report->message_id);
    free(report->marker);
    free(report->to);
    free(report->subject);
    memset(report, 0, sizeof(*report));
}
