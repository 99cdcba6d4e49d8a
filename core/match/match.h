/* match/match.h: which of our messages a mail answers, and on what evidence.
 *
 * What is looked up is handed in as a table of functions, so it runs inside a store transaction, or
 * over a test's arrays, alike. Mail from any identity of ours is never an answer; only inbound mail
 * is (junk counts). Pure, any thread that the table allows. */
#ifndef MATCH_MATCH_H
#define MATCH_MATCH_H
#include "mail/classify.h"
#include "mail/header.h"
#include "mail/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum match_evidence {
    MATCH_MESSAGE_ID = 1, /* an id of ours in In-Reply-To or References       */
    MATCH_MARKER,         /* our X-Postrider-Id on the mail itself            */
    MATCH_REPORT,         /* our id or marker inside a bounce or a complaint  */
    MATCH_THREAD,         /* the provider's thread                            */
    MATCH_LABEL,          /* a label of its campaign, and who wrote              */
    MATCH_SENDER_SUBJECT  /* last resort: mailed there, same base subject; for an opt-out, any */
};
enum { MATCH_HITS_MAX = 16, MATCH_EVIDENCE_MAX = 6, MATCH_SENDER_MAX = 32 };
enum { MATCH_SUBJECT_DAYS = 90 };

struct match_message { /* one of ours, as the lookups answer: plain values, no ownership */
    uint64_t campaign, person, enrolment, mailbox;
    uint16_t step;
    int64_t sent_at;        /* Unix ms                                          */
    char person_key[320];   /* of the recipient, as mail_address_key makes it   */
    char base_subject[512]; /* as mail_subject_base makes it, cut at this size
                               (match_cut_subject); "" when not known           */
};
struct match_lookup {
    /* An id or marker that proves itself by its MAC; as it stood in the mail, no brackets. */
    bool (*by_token)(void *arg, const char *id_or_marker, struct match_message *out);
    /* A learned id, asked in mail_id_key's form: of our messages, and of the answers to them that
     * were matched before (so a later mail of the same conversation is found). */
    bool (*by_id)(void *arg, const char *id_key, struct match_message *out);
    /* The newest of ours in that thread of that mailbox. */
    bool (*by_thread)(void *arg, uint64_t mailbox, const char *thread_id,
                      struct match_message *out);
    /* The newest of ours, from that mailbox, to that person in a campaign that labels its mail with
     * one of these paths, or with one that they are below; NULL-ended. */
    bool (*by_label)(void *arg, uint64_t mailbox, const char *person_key, const char *const *labels,
                     struct match_message *out);
    /* Messages sent from `mailbox` to that person, newest first; how many were written to out. */
    size_t (*by_sender)(void *arg, uint64_t mailbox, const char *person_key,
                        struct match_message *out, size_t max);
    bool (*is_ours)(void *arg, const char *address); /* any identity of ours     */
    void *arg;
}; /* a member that is NULL finds nothing */

struct match_mail {
    const struct mail_headers *headers;
    const struct mail_report *report; /* or NULL                                          */
    enum mail_kind kind;
    enum mail_where where;
    uint64_t mailbox;          /* that received it                                 */
    const char *thread_id;     /* the provider's, or NULL                          */
    const char *const *labels; /* by path, or NULL                                 */
    int64_t received;          /* Unix ms                                          */
};
struct match_hit { /* one enrolment, with the newest of its messages that is answered */
    struct match_message message;
    enum match_evidence evidence[MATCH_EVIDENCE_MAX]; /* strongest first, each once       */
    char *matched[MATCH_EVIDENCE_MAX]; /* the id, thread, label or subject that did it */
    size_t count;
    bool by_other; /* answered from an address other than the one we mailed */
};
struct match_result { /* a zeroed one is empty */
    struct match_hit hits[MATCH_HITS_MAX];
    size_t count;
};

/* Fills a zeroed or finished result. No hit: unrelated, or not an answer at all. */
void match_find(const struct match_mail *mail, const struct match_lookup *lookup,
                struct match_result *result);
void match_result_finish(struct match_result *result);
const char *match_evidence_name(enum match_evidence evidence);    /* "message-id", ... */
void match_cut_subject(char *out, size_t size, const char *base); /* at a UTF-8 boundary */

/* What an unmatched mail could yet be matched by, once a message's identities are settled: texts
 * for the caller to hash ("id:...", "thread:...", "sender:..."). The list is the caller's, and
 * ends in NULL; NULL when the mail could never be an answer (ours, outbound, list, draft). */
char **match_pending_keys(const struct match_mail *mail, const struct match_lookup *lookup);
/* The same texts from the other side: what a message of ours would be found by. */
char *match_pending_id(const char *message_id);
char *match_pending_thread(uint64_t mailbox, const char *thread_id);
char *match_pending_sender(uint64_t mailbox, const char *person_key);
#endif
