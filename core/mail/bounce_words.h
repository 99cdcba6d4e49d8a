/* mail/bounce_words.h: the lists in bounce_words.c. Inside the room. */
#ifndef MAIL_BOUNCE_WORDS_H
#define MAIL_BOUNCE_WORDS_H
#include "mail/fold.h"

extern struct mail_phrases bounce_failed, bounce_failed_weak, bounce_failed_inside, bounce_delayed,
    bounce_delivered, bounce_failed_text, bounce_delayed_text, bounce_soft, bounce_hard,
    bounce_maybe_hard, bounce_surely_soft, bounce_surely_hard, bounce_maybe_soft, bounce_senders,
    bounce_maybe_senders, bounce_names;
#endif
