/* mail/fold.h: text made comparable, and phrases looked for in it. Inside the room. */
#ifndef MAIL_FOLD_H
#define MAIL_FOLD_H
#include <stdbool.h>
#include <stddef.h>

/* NFKC, case folded, blanks collapsed and trimmed. The caller frees it; never NULL. */
char *mail_fold_case(const char *text);
/* The same without accents, and with plain quotes and dashes: for finding words that people and
 * programs spell either way. */
char *mail_fold_plain(const char *text);
/* Valid UTF-8 without controls, blanks collapsed and trimmed: what mail_header gives. */
char *mail_clean(const char *text);

/* A list of phrases, folded once by mail_init. */
struct mail_phrases {
    const char *const *raw; /* ends in NULL                */
    char **folded;          /* the same, mail_fold_plain-ed */
};
/* Where the first of them stands; NULL: none does. */
const char *mail_phrase_in(const struct mail_phrases *phrases, const char *folded);
bool mail_phrase_first(const struct mail_phrases *phrases, const char *folded); /* at the start */
bool mail_phrase_is(const struct mail_phrases *phrases, const char *folded);    /* the whole */
void mail_phrases_fold(struct mail_phrases *phrases); /* from mail_init, once     */
#endif
