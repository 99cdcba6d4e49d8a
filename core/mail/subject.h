/* mail/subject.h: what a subject is about, without what mail programs put around it.
 *
 * RFC 5256 section 2.1, with the reply and forward words of many languages, list tags and the
 * marks of filters ("[EXTERNAL]", "***SPAM***") besides. Two subjects are the same conversation's
 * when their bases are equal and not empty. Pure, any thread. */
#ifndef MAIL_SUBJECT_H
#define MAIL_SUBJECT_H
#include <stdbool.h>

struct mail_subject {
    char *base;     /* NFKC, case folded, blanks collapsed; "" when nothing is left */
    bool reply;     /* a reply prefix was taken off                             */
    bool forward;   /* a forward prefix, or a trailing "(fwd)"                  */
    bool automatic; /* a prefix such as "Automatic reply:" was taken off        */
};

/* From a decoded subject (mail_header(h, "subject", 0)); NULL is an empty one. */
void mail_subject_parse(struct mail_subject *subject, const char *decoded);
void mail_subject_finish(struct mail_subject *subject);
/* Only the base; the caller frees it. */
char *mail_subject_base(const char *decoded);
#endif
