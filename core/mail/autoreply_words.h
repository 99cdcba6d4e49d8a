/* mail/autoreply_words.h: the lists in autoreply_words.c. Inside the room. */
#ifndef MAIL_AUTOREPLY_WORDS_H
#define MAIL_AUTOREPLY_WORDS_H
#include "mail/fold.h"

extern struct mail_phrases auto_answer, auto_away, auto_opening, auto_text, auto_away_text;
#endif
