/* smtp-imap/mail.h: a mail as FETCH gave it: headers, labels, what a delivery report says. */
#ifndef SMTP_IMAP_MAIL_H
#define SMTP_IMAP_MAIL_H
#include "imap_parse.h"
#include "job.h"

struct mail {
    uint64_t uid, modseq;
    int64_t date;
    struct text headers;
    char **labels; /* paths; NULL: not said */
    char *report_type;
    struct text report, returned;
};
/* Takes what a FETCH of headers holds. */
void mail_take(struct mail *mail, const struct imap_fetch *fetch,
               const struct imap_response *response);
void mail_free(struct mail *mail);
/* The labels of a FLAGS list, by path: keywords, not what begins with a backslash. */
char **mail_labels(const struct imap_response *response, uint32_t flags);
bool mail_is_report(const struct mail *mail); /* by its Content-Type */
/* Keeps of a header block only the fields that are named. */
void mail_headers(struct text *out, const struct text *block, char *const *names);
/* Undoes a transfer encoding; an unknown one is taken as it is. */
void mail_decode(struct text *out, const char *encoding, struct rider_bytes bytes);

/* ---- a report's parts -------------------------------------------------------------------------
 */

/* Asks for the parts of a delivery report, by a job that has the line and the folder open; then
 * puts them into the mail and calls done(arg, NULL). A mail whose parts are not to be had is left
 * without them; why is only given where waiting helps. */
struct report_query;
struct report_query *report_ask(struct job *job, struct mail *mail,
                                void (*done)(void *arg, const struct failure *why), void *arg);
void report_free(struct report_query *query); /* when the job ends meanwhile; NULL is fine */
#endif
