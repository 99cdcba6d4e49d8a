/* mail/subject.c: base subjects (RFC 5256 section 2.1, and what is seen besides). */
#include "mail/subject.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/autoreply.h"
#include "mail/fold.h"
#include "mail/header.h"

#include <string.h>

enum { SUBJECT_MAX = 2000 }; /* bytes that are looked at; nobody's subject is longer */

/* Words before a colon, as mail_fold_case leaves them. Longer ones before their beginnings is
 * not needed: what follows must be the colon. */
static const char *const reply_words[] = {
    "re",        "r",        "aw",    "antw",    "antwort", "antw.",    "sv",        "svar",
    "vs",        "ref",      "réf",   "rép",     "rép.",    "rif",      "res",       "resp",
    "odp",       "ynt",      "yan",   "cev",     "atb",     "bls",      "balas",     "vá",
    "válasz",    "betr",     "betr.", "vedr",    "vedr.",   "på",       "ad",        "re.",
    "на",        "отв",      "ответ", "відп",    "re^",     "απ",       "απ.",       "σχετ",
    "תגובה",     "השב",      "رد",    "回复",    "回覆",    "回復",     "答复",      "答覆",
    "返信",      "회신",     "답장",  "trả lời", "tl",      "ответить", "respuesta", "réponse",
    "risposta",  "resposta", "vast",  "re-",     "odg",     "ats",      "hlt",       "répondre",
    "répondre à"};
static const char *const forward_words[] = {
    "fw",     "fwd",  "wg",        "doorst",      "tr",
    "i",      "enc",  "rv",        "vb",          "vl",
    "fs",     "pd",   "i̇lt",       "ilt",         "továbbítás",
    "пересл", "πρθ",  "הועבר",     "转发",        "轉寄",
    "転送",   "전달", "trs",       "videres",     "weitergeleitet",
    "transf", "ter",  "переслано", "chuyển tiếp", "إعادة توجيه",
    "fwd."};

/* Where the text after "word [2] :" begins; NULL: that word is not what stands here. */
static const char *after_word(const char *at, const char *word)
{
    if (!text_starts(at, word))
        return NULL;
    at += strlen(word);
    if (*at == ' ')
        at++;
    if (*at == '[' || *at == '(' || *at == '^' || (*at >= '0' && *at <= '9')) {
        at += strspn(at, "[(^");
        at += strspn(at, "0123456789");
        at += strspn(at, ")]");
        if (*at == ' ')
            at++;
    }
    return *at == ':' ? at + 1 : NULL;
}

static const char *after_any(const char *at, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *next = after_word(at, words[i]);

        if (next)
            return next;
    }
    return NULL;
}

/* Past a "[tag]" that has no bracket inside and something behind it. */
static const char *after_tag(const char *at)
{
    size_t len;

    if (*at != '[')
        return NULL;
    len = strcspn(at + 1, "[]");
    if (at[1 + len] != ']')
        return NULL;
    at += len + 2;
    at += strspn(at, " ");
    return *at ? at : NULL;
}

/* Past what filters put in front: "***SPAM***", "{Spam?}", "EXTERNAL:". */
static const char *after_mark(const char *at)
{
    static const char *const marks[] = {"external", "ext",  "extern",         "spam",
                                        "caution",  "bulk", "suspected spam", "possible spam"};
    size_t stars = strspn(at, "*"), len;

    if (stars >= 2) {
        len = strcspn(at + stars, "*");
        if (len > 0 && len <= 32 && at[stars + len] == '*' && at[stars + len + 1] == '*')
            return at + stars + len + strspn(at + stars + len, "*");
    }
    if (*at == '{') {
        len = strcspn(at + 1, "{}");
        if (len > 0 && len <= 24 && at[len + 1] == '}' && at[len + 2])
            return at + len + 2;
    }
    return after_any(at, marks, ARRAY_LEN(marks));
}

/* One thing less at the front; NULL: there is nothing to take off. */
static const char *strip_front(struct mail_subject *subject, const char *at)
{
    const char *next;

    if ((next = after_any(at, reply_words, ARRAY_LEN(reply_words)))) {
        subject->reply = true;
        return next;
    }
    if ((next = after_any(at, forward_words, ARRAY_LEN(forward_words)))) {
        subject->forward = true;
        return next;
    }
    if ((next = mail_auto_prefix(at))) {
        subject->automatic = true;
        return next;
    }
    if ((next = after_tag(at)))
        return next;
    return after_mark(at);
}

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t size = strlen(end);

    return len >= size && memcmp(text + len - size, end, size) == 0;
}

static bool strip_back(struct mail_subject *subject, char *text)
{
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == ' ')
        text[--len] = '\0';
    if (!ends_with(text, len, "(fwd)"))
        return false;
    text[len - 5] = '\0';
    subject->forward = true;
    return true;
}

/* "[fwd: what it is about]" is unwrapped. */
static char *unwrap(struct mail_subject *subject, char *at)
{
    size_t len = strlen(at);

    if (!(text_starts(at, "[fwd:") || text_starts(at, "[fw:")) || at[len - 1] != ']')
        return NULL;
    at[len - 1] = '\0';
    subject->forward = true;
    return strchr(at, ':') + 1;
}

/* U+FE30 is typed for a colon, but NFKC makes two dots of it. */
static void upright_colons(char *text)
{
    for (char *at = text; (at = strstr(at, "\xef\xb8\xb0"));) {
        *at = ':';
        memmove(at + 1, at + 3, strlen(at + 3) + 1);
    }
}

static char *fold_subject(const char *decoded)
{
    size_t len = decoded ? strlen(decoded) : 0;
    char *copy, *folded;

    copy = mem_strn(decoded ? decoded : "", len > SUBJECT_MAX ? SUBJECT_MAX : len);
    upright_colons(copy);
    folded = mail_fold_case(copy);
    free(copy);
    return folded;
}

void mail_subject_parse(struct mail_subject *subject, const char *decoded)
{
    char *folded, *at;

    mail_init();
    memset(subject, 0, sizeof(*subject));
    at = folded = fold_subject(decoded);
    for (;;) {
        const char *next;
        char *inner;

        at += strspn(at, " ");
        if (strip_back(subject, at))
            continue;
        if ((inner = unwrap(subject, at))) {
            at = inner;
            continue;
        }
        next = strip_front(subject, at);
        if (!next)
            break;
        at += next - at;
    }
    subject->base = mem_str(at);
    free(folded);
}

void mail_subject_finish(struct mail_subject *subject)
{
    free(subject->base);
    memset(subject, 0, sizeof(*subject));
}

char *mail_subject_base(const char *decoded)
{
    struct mail_subject subject;

    mail_subject_parse(&subject, decoded);
    return subject.base;
}
