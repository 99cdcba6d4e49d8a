/* mail/classify.h: what kind of mail came in, and why we say so.
 *
 * The order is that of facts/providers.md section 6: complaint, delivery report, bounce of no
 * standard, automatic answer, list or bulk, unsubscribe, else a person's reply. Headers that only
 * ask others to keep quiet (Precedence, X-Auto-Response-Suppress) never decide alone. Pure; `now`
 * is handed in. Any thread. */
#ifndef MAIL_CLASSIFY_H
#define MAIL_CLASSIFY_H
#include "mail/header.h"
#include "mail/report.h"

#include <stdbool.h>
#include <stdint.h>

enum mail_kind {
    MAIL_OTHER = 0, /* list, bulk, delivered or delayed reports: nobody's answer */
    MAIL_REPLY = 1,
    MAIL_AUTO_REPLY = 2,
    MAIL_OUT_OF_OFFICE = 3,
    MAIL_BOUNCE = 4,
    MAIL_UNSUBSCRIBE = 5,
    MAIL_COMPLAINT = 6,
    MAIL_OURS = 7
};
enum mail_hardness { MAIL_UNKNOWN = 0, MAIL_HARD = 1, MAIL_SOFT = 2 };
enum mail_where { /* as rider_where                           */
                  MAIL_INBOUND = 1,
                  MAIL_OUTBOUND = 2,
                  MAIL_DRAFT = 3,
                  MAIL_JUNK = 4,
                  MAIL_TRASH = 5
};

struct mail_input {
    const struct mail_headers *headers;
    const struct mail_report *report; /* NULL: not handed over, or there is none  */
    struct bytes text;                /* body text, UTF-8, where access allows; may be empty */
    enum mail_where where;
    bool ours;   /* From is an identity of ours              */
    int64_t now; /* Unix ms: when it was received; dates of return are read against it */
};
struct mail_verdict {
    enum mail_kind kind;
    enum mail_hardness hardness; /* of a bounce; MAIL_UNKNOWN otherwise      */
    bool delayed;                /* a report says it is still being tried: not a bounce */
    int64_t returns_at; /* of out-of-office: Unix ms, midnight UTC of that day; 0: not said */
    char reason[240];   /* one sentence, for `explain`; quotes nothing of the body */
};
void mail_classify(const struct mail_input *input, struct mail_verdict *verdict);
const char *mail_kind_name(enum mail_kind kind);         /* "reply", "auto-reply", ... */
const char *mail_hardness_name(enum mail_hardness hard); /* "hard", "soft", "unknown"  */
#endif
