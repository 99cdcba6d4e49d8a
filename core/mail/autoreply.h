/* mail/autoreply.h: the words of automatic answers, in the languages they come in.
 *
 * Folded text throughout (mail_fold_plain), but for mail_auto_prefix. Inside the room. */
#ifndef MAIL_AUTOREPLY_H
#define MAIL_AUTOREPLY_H
#include <stdbool.h>
#include <stdint.h>

enum mail_auto { MAIL_AUTO_NO = 0, MAIL_AUTO_ANSWER = 1, MAIL_AUTO_AWAY = 2 };

void mail_autoreply_init(void); /* from mail_init */

/* What a whole subject reveals. `answers`: the mail names one that it answers; then a note that
 * trails a reply subject ("Re: x (Out of Office)") may be a person answering such a note. */
enum mail_auto mail_auto_subject(const char *folded, bool answers);
/* What the beginning of a body reveals; only an opening that says so counts. */
enum mail_auto mail_auto_text(const char *folded);
/* Whether a subject or text that is known to be automatic speaks of being away. */
bool mail_auto_is_away(const char *folded);
/* Past "automatic reply:" and its sisters at the start of a subject (mail_fold_case); or NULL. */
const char *mail_auto_prefix(const char *subject);

/* When they are back, by "until 5 January", "bis 12.08.2024", "returning 05/01/2010": midnight UTC
 * of that day as Unix ms. 0: it does not say, it can be read two ways, or it is long past. */
int64_t mail_auto_returns(const char *folded, int64_t now);
#endif
