/* mail/bounce.c: tells bounces by their words, and hard from soft by words and codes. */
#include "mail/bounce.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/bounce_words.h"
#include "mail/fold.h"

#include <string.h>

/* Not even a word above outweighs these. */

/* Behind list tags and filters' marks. A reply or a forward is a person's: NULL. */
static const char *own_words(const char *at)
{
    static const char *const answers[] = {
        "re:", "re :", "aw:", "sv:", "fwd:", "fw:", "wg:", "antw:", "tr:", "rv:"};

    while (*at == '[') {
        size_t len = strcspn(at + 1, "[]");

        if (at[len + 1] != ']')
            break;
        at += len + 2;
        at += strspn(at, " ");
    }
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (text_starts(at, answers[i]))
            return NULL;
    return at + strspn(at, "*\"'<{( ");
}

enum mail_notice mail_bounce_subject(const char *folded, bool machine)
{
    const char *at = own_words(folded);
    bool failed;

    if (!at)
        return MAIL_NOTICE_NONE;
    failed = mail_phrase_first(&bounce_failed, at) || mail_phrase_in(&bounce_failed_inside, at) ||
             (machine && mail_phrase_first(&bounce_failed_weak, at));
    if (!failed && !machine)
        return MAIL_NOTICE_NONE;
    if (mail_phrase_first(&bounce_delivered, at) || strstr(at, "(success)") ||
        strstr(at, "(relay)"))
        return MAIL_NOTICE_DELIVERED;
    if (mail_phrase_in(&bounce_delayed, at))
        return MAIL_NOTICE_DELAYED;
    return failed ? MAIL_NOTICE_FAILED : MAIL_NOTICE_NONE;
}

enum mail_notice mail_bounce_text(const char *folded)
{
    char opening[1200];
    size_t len = strlen(folded);

    len = len >= sizeof(opening) ? sizeof(opening) - 1 : len;
    memcpy(opening, folded, len);
    opening[len] = '\0';
    if (mail_phrase_in(&bounce_delayed_text, opening))
        return MAIL_NOTICE_DELAYED;
    return mail_phrase_in(&bounce_failed_text, opening) ? MAIL_NOTICE_FAILED : MAIL_NOTICE_NONE;
}

bool mail_bounce_sender(const char *address, const char *name, bool *sure_r)
{
    *sure_r = mail_phrase_first(&bounce_senders, address) || text_starts(name, "mail delivery s");
    return *sure_r || mail_phrase_first(&bounce_maybe_senders, address) ||
           mail_phrase_first(&bounce_names, name);
}

enum mail_hardness mail_bounce_words(const char *folded)
{
    if (mail_phrase_in(&bounce_surely_soft, folded))
        return MAIL_SOFT;
    if (mail_phrase_in(&bounce_surely_hard, folded))
        return MAIL_HARD;
    if (mail_phrase_in(&bounce_soft, folded))
        return MAIL_SOFT;
    return mail_phrase_in(&bounce_hard, folded) ? MAIL_HARD : MAIL_UNKNOWN;
}

enum mail_hardness mail_bounce_status(const char *status)
{
    static const char *const hards[] = {"5.1.0", "5.1.1",  "5.1.2", "5.1.3",  "5.1.4", "5.1.6",
                                        "5.1.9", "5.1.10", "5.4.4", "5.7.27", "5.1.20"};

    if (status[0] == '4')
        return MAIL_SOFT;
    for (size_t i = 0; i < ARRAY_LEN(hards); i++)
        if (strcmp(status, hards[i]) == 0)
            return MAIL_HARD;
    if (status[0] != '5' || text_starts(status, "5.0") || text_starts(status, "5.5"))
        return MAIL_UNKNOWN;
    return MAIL_SOFT;
}

/* The first enhanced code in a text that says more than 5.0.0 (RFC 3463). */
static enum mail_hardness codes_in(const char *text)
{
    for (const char *at = strpbrk(text, "45"); at; at = strpbrk(at + 1, "45")) {
        char code[16];
        size_t len = strspn(at, "0123456789.");
        enum mail_hardness hardness;

        if ((at > text && strchr("0123456789.", at[-1])) || len < 5 || len >= sizeof(code) ||
            at[1] != '.')
            continue;
        memcpy(code, at, len);
        code[len] = '\0';
        while (len > 0 && code[len - 1] == '.')
            code[--len] = '\0';
        hardness = mail_bounce_status(code);
        if (hardness != MAIL_UNKNOWN)
            return hardness;
    }
    return MAIL_UNKNOWN;
}

/* By words, then by codes, then by what may mean one thing or another. */
static enum mail_hardness of_text(const char *folded)
{
    enum mail_hardness hardness = mail_bounce_words(folded);

    if (hardness == MAIL_UNKNOWN)
        hardness = codes_in(folded);
    if (hardness == MAIL_UNKNOWN && mail_phrase_in(&bounce_maybe_soft, folded))
        hardness = MAIL_SOFT;
    if (hardness == MAIL_UNKNOWN && mail_phrase_in(&bounce_maybe_hard, folded))
        hardness = MAIL_HARD;
    return hardness;
}

static enum mail_hardness of_recipient(const struct mail_recipient *recipient)
{
    char *words = mail_fold_plain(recipient->diagnostic ? recipient->diagnostic : "");
    enum mail_hardness hardness = of_text(words);

    if (hardness == MAIL_UNKNOWN && recipient->status)
        hardness = mail_bounce_status(recipient->status);
    free(words);
    return hardness;
}

enum mail_hardness mail_bounce_hardness(const struct mail_report *report, const char *folded)
{
    enum mail_hardness found = MAIL_UNKNOWN;

    for (size_t i = 0; report && i < report->count; i++) {
        enum mail_hardness hardness = of_recipient(&report->recipients[i]);

        if (hardness == MAIL_HARD)
            return MAIL_HARD;
        if (hardness == MAIL_SOFT)
            found = MAIL_SOFT;
    }
    return found == MAIL_UNKNOWN && folded ? of_text(folded) : found;
}
