/* mail/bounce.h: the words and numbers of mail that could not be delivered.
 *
 * Folded text throughout (mail_fold_plain). Inside the room. */
#ifndef MAIL_BOUNCE_H
#define MAIL_BOUNCE_H
#include "mail/classify.h"

#include <stdbool.h>

enum mail_notice { /* what a subject or a text says of itself        */
                   MAIL_NOTICE_NONE = 0,
                   MAIL_NOTICE_FAILED = 1,
                   MAIL_NOTICE_DELAYED = 2,
                   MAIL_NOTICE_DELIVERED = 3
};

void mail_bounce_init(void); /* from mail_init */

/* What a subject says; the subject of a reply or a forward says nothing. `machine`: something else
 * says that no person sent it; then words count that people use too. */
enum mail_notice mail_bounce_subject(const char *folded, bool machine);
/* What the opening of a body says. */
enum mail_notice mail_bounce_text(const char *folded);
/* Whether an address, or a display name, is a mail system's. `sure`: nobody is called so. */
bool mail_bounce_sender(const char *address, const char *name, bool *sure_r);

/* Hard: the address is not there and will not be. Soft: it may go another time, or another way.
 * By the report's recipients, then by the text (folded, may be NULL), else MAIL_UNKNOWN. */
enum mail_hardness mail_bounce_hardness(const struct mail_report *report, const char *folded);
/* By a text alone; by "5.1.1" alone. */
enum mail_hardness mail_bounce_words(const char *folded);
enum mail_hardness mail_bounce_status(const char *status);
#endif
