/* mail/report.h: what a delivery report says, and which mail it is about.
 *
 * message/delivery-status (RFC 3464), message/feedback-report (RFC 5965), the headers of the mail
 * that was returned, and where these stand in a whole message (RFC 6522). Pure, any thread. */
#ifndef MAIL_REPORT_H
#define MAIL_REPORT_H
#include "base/buf.h"
#include "mail/ids.h"

#include <stdbool.h>
#include <stddef.h>

enum { MAIL_RECIPIENTS_MAX = 1000 };

enum mail_report_kind {
    MAIL_REPORT_NONE = 0,
    MAIL_REPORT_DELIVERY = 1,   /* multipart/report; report-type=delivery-status          */
    MAIL_REPORT_FEEDBACK = 2,   /* report-type=feedback-report: somebody complained        */
    MAIL_REPORT_DISPOSITION = 3 /* report-type=disposition-notification: read, or deleted  */
};
enum mail_action { /* RFC 3464 section 2.3.3                   */
                   MAIL_ACTION_UNSAID = 0,
                   MAIL_ACTION_FAILED = 1,
                   MAIL_ACTION_DELAYED = 2,
                   MAIL_ACTION_DELIVERED = 3,
                   MAIL_ACTION_RELAYED = 4,
                   MAIL_ACTION_EXPANDED = 5
};
struct mail_recipient { /* one per recipient block; texts may be NULL */
    char *final, *original;
    enum mail_action action;
    char *status; /* "5.1.1"                                  */
    char *diagnostic;
};
struct mail_report { /* a zeroed one says nothing                */
    enum mail_report_kind kind;
    char *envelope_id;   /* Original-Envelope-Id, NULL: not said     */
    char *feedback_type; /* "abuse", "opt-out", ...; NULL: not said  */
    struct mail_recipient *recipients;
    size_t count;
    /* Of the mail that was returned; NULL where it does not say. */
    char *message_id; /* without brackets                         */
    char *marker;     /* X-Postrider-Id                           */
    char *to, *subject;
};

/* Reads the parts as a provider hands them over: rider_reply's report_type, report and returned.
 * `type` may be NULL (then what the part looks like decides), and each part empty. */
void mail_report_parse(struct mail_report *report, const char *type, struct bytes part,
                       struct bytes returned);
void mail_report_finish(struct mail_report *report);

/* Where those parts stand in a whole raw message. The bytes of `type`, `report`, `returned` and
 * `text` are owned by the struct (transfer encodings are undone); all may be empty. */
struct mail_parts {
    char *type;                        /* report-type, or NULL                     */
    struct buf report, returned, text; /* text: the first text part, or the body, UTF-8 */
};
enum { MAIL_PART_MAX = 256 * 1024, MAIL_PART_DEPTH_MAX = 8, MAIL_PARTS_MAX = 64 };
void mail_parts_find(struct mail_parts *parts, const void *raw, size_t len);
void mail_parts_finish(struct mail_parts *parts);
#endif
