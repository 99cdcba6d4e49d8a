/* mail/autoreply.c: which subjects and openings are a machine's. */
#include "mail/autoreply.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/autoreply_words.h"
#include "mail/fold.h"

#include <string.h>

static const char *after_tags(const char *at)
{
    while (*at == '[') {
        size_t len = strcspn(at + 1, "[]");

        if (at[len + 1] != ']')
            break;
        at += len + 2;
        at += strspn(at, " ");
    }
    return at;
}

static bool answers_another(const char *subject)
{
    static const char *const words[] = {"re", "aw", "sv", "antw", "antwort", "fw",  "fwd",
                                        "wg", "tr", "rv", "odp",  "回复",    "答复"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const char *at = subject + strlen(words[i]);

        if (text_starts(subject, words[i]) && at[strspn(at, " ")] == ':')
            return true;
    }
    return false;
}

static bool opens(const char *subject)
{
    for (size_t i = 0; auto_opening.folded[i]; i++) {
        const char *at;

        if (!text_starts(subject, auto_opening.folded[i]))
            continue;
        at = subject + strlen(auto_opening.folded[i]);
        at += strspn(at, " .!");
        if (*at == '\0' || *at == ':')
            return true;
    }
    return false;
}

/* "Re: what we wrote (Please read (Out of office))": what stands in brackets at the end. */
static bool trailing_note(const char *subject)
{
    size_t len = strlen(subject);
    const char *found = mail_phrase_in(&auto_away, subject);

    if (!found)
        found = mail_phrase_in(&auto_answer, subject);
    if (!found || len == 0 || (subject[len - 1] != ')' && subject[len - 1] != ']'))
        return false;
    return memchr(subject, '(', (size_t)(found - subject)) ||
           memchr(subject, '[', (size_t)(found - subject));
}

enum mail_auto mail_auto_subject(const char *folded, bool answers)
{
    const char *subject = after_tags(folded); /* phrases count inside of tags, too */

    if (answers_another(subject))
        return trailing_note(subject) && !answers ? MAIL_AUTO_AWAY : MAIL_AUTO_NO;
    if (mail_phrase_in(&auto_away, folded))
        return MAIL_AUTO_AWAY;
    if (mail_phrase_in(&auto_answer, folded))
        return mail_auto_is_away(folded) ? MAIL_AUTO_AWAY : MAIL_AUTO_ANSWER;
    if (opens(subject))
        return text_starts(subject, "auto") && !mail_auto_is_away(subject) ? MAIL_AUTO_ANSWER
                                                                           : MAIL_AUTO_AWAY;
    return MAIL_AUTO_NO;
}

enum mail_auto mail_auto_text(const char *folded)
{
    char opening[400];
    size_t len = strcspn(folded, "");

    len = len >= sizeof(opening) ? sizeof(opening) - 1 : len;
    memcpy(opening, folded, len);
    opening[len] = '\0';
    if (!mail_phrase_in(&auto_text, opening))
        return MAIL_AUTO_NO;
    return mail_auto_is_away(opening) ? MAIL_AUTO_AWAY : MAIL_AUTO_ANSWER;
}

bool mail_auto_is_away(const char *folded)
{
    return mail_phrase_in(&auto_away, folded) || mail_phrase_in(&auto_away_text, folded);
}

const char *mail_auto_prefix(const char *subject)
{
    const char *colon = strchr(subject, ':');
    char *plain, *front;
    bool is;

    if (!colon || colon == subject || colon - subject > 80)
        return NULL;
    front = mem_strn(subject, (size_t)(colon - subject));
    plain = mail_fold_plain(front);
    is = mail_phrase_is(&auto_answer, plain) || mail_phrase_is(&auto_away, plain);
    free(front);
    free(plain);
    return is ? colon + 1 : NULL;
}
