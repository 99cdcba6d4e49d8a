/* mail/autoreply.c: which subjects and openings are a machine's. */
#include "mail/autoreply.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/fold.h"

#include <string.h>

/* Anywhere in a subject that does not answer another mail. */
static const char *const answer_raw[] = {"automatic reply",
                                         "auto reply",
                                         "auto-reply",
                                         "autoreply",
                                         "automatic response",
                                         "auto response",
                                         "auto-response",
                                         "autoresponse",
                                         "automated response",
                                         "automated reply",
                                         "automated message",
                                         "autoresponder",
                                         "auto-responder",
                                         "auto responder",
                                         "auto answer",
                                         "autoanswer",
                                         "auto-answer",
                                         "automatische antwort",
                                         "automatische rückantwort",
                                         "autoantwort",
                                         "automatische nachricht",
                                         "automatische eingangsbestätigung",
                                         "automatische benachrichtigung",
                                         "réponse automatique",
                                         "message automatique",
                                         "réponse auto",
                                         "respuesta automática",
                                         "mensaje automático",
                                         "contestación automática",
                                         "risposta automatica",
                                         "risponditore automatico",
                                         "messaggio automatico",
                                         "resposta automática",
                                         "mensagem automática",
                                         "automatisch antwoord",
                                         "automatisch bericht",
                                         "automatische reactie",
                                         "autosvar",
                                         "automatiskt svar",
                                         "automatisk svar",
                                         "automatisk besvarelse",
                                         "automaattinen vastaus",
                                         "automaattivastaus",
                                         "autoodpowiedź",
                                         "automatyczna odpowiedź",
                                         "odpowiedź automatyczna",
                                         "automatická odpověď",
                                         "automatikus válasz",
                                         "răspuns automat",
                                         "otomatik yanıt",
                                         "otomatik cevap",
                                         "автоответ",
                                         "автоматический ответ",
                                         "автоматична відповідь",
                                         "автоматичен отговор",
                                         "αυτόματη απάντηση",
                                         "תשובה אוטומטית",
                                         "מענה אוטומטי",
                                         "رد تلقائي",
                                         "الرد التلقائي",
                                         "自动回复",
                                         "自動回覆",
                                         "自动答复",
                                         "自動回復",
                                         "自動答覆",
                                         "自动应答",
                                         "自動返信",
                                         "自動応答",
                                         "자동 회신",
                                         "자동회신",
                                         "자동 응답",
                                         "자동응답",
                                         "trả lời tự động",
                                         "balasan otomatis",
                                         "automatski odgovor",
                                         "samodejni odgovor",
                                         "automatinis atsakymas",
                                         "automātiska atbilde",
                                         "automaatvastus",
                                         NULL};
/* The same, of being away. */
static const char *const away_raw[] = {"out of office",
                                       "out of the office",
                                       "out-of-office",
                                       "outofoffice",
                                       "out of town",
                                       "away from the office",
                                       "away from office",
                                       "away from my office",
                                       "away from my mail",
                                       "away from my email",
                                       "away from my e-mail",
                                       "away from email",
                                       "not in the office",
                                       "i am away",
                                       "i'm away",
                                       "am currently away",
                                       "is currently away",
                                       "on annual leave",
                                       "on maternity leave",
                                       "maternity leave",
                                       "on parental leave",
                                       "on sabbatical",
                                       "is ooo",
                                       "absence notice",
                                       "absence notification",
                                       "notice of absence",
                                       "vacation notice",
                                       "vacation notification",
                                       "vacation reply",
                                       "vacation response",
                                       "vacation message",
                                       "vacation auto",
                                       "holiday notice",
                                       "abwesenheitsnotiz",
                                       "abwesenheitsnachricht",
                                       "abwesenheitsmeldung",
                                       "abwesenheitsassistent",
                                       "abwesenheitsbenachrichtigung",
                                       "abwesenheitsinfo",
                                       "abwesenheitsagent",
                                       "außer haus",
                                       "nicht im büro",
                                       "nicht im hause",
                                       "bin im urlaub",
                                       "ist im urlaub",
                                       "ist abwesend",
                                       "bin abwesend",
                                       "urlaubsbenachrichtigung",
                                       "nicht am arbeitsplatz",
                                       "absence du bureau",
                                       "absent du bureau",
                                       "absente du bureau",
                                       "absence de bureau",
                                       "message d'absence",
                                       "notification d'absence",
                                       "avis d'absence",
                                       "je suis absent",
                                       "hors du bureau",
                                       "hors bureau",
                                       "en congés",
                                       "je suis en congé",
                                       "est en congé",
                                       "est absent(e)",
                                       "est absent",
                                       "fuera de la oficina",
                                       "fuera de oficina",
                                       "ausencia de la oficina",
                                       "ausente de la oficina",
                                       "estoy de vacaciones",
                                       "estaré ausente",
                                       "aviso de ausencia",
                                       "fuori ufficio",
                                       "fuori sede",
                                       "assente dall'ufficio",
                                       "assenza dall'ufficio",
                                       "assenza temporanea",
                                       "sono in ferie",
                                       "notifica di assenza",
                                       "fora do escritório",
                                       "ausência do escritório",
                                       "ausência temporária",
                                       "ausente do escritório",
                                       "estou de férias",
                                       "aviso de ausência",
                                       "afwezigheidsbericht",
                                       "afwezigheidsmelding",
                                       "afwezigheidsassistent",
                                       "niet op kantoor",
                                       "niet aanwezig",
                                       "buiten kantoor",
                                       "is afwezig",
                                       "ben afwezig",
                                       "frånvaro:",
                                       "frånvaromeddelande",
                                       "frånvaro,",
                                       "ej på kontoret",
                                       "inte på kontoret",
                                       "är på semester",
                                       "fraværsmeddelelse",
                                       "fraværsmelding",
                                       "ikke på kontoret",
                                       "ikke til stede",
                                       "på ferie",
                                       "fraværende",
                                       "fravær:",
                                       "poissaoloviesti",
                                       "poissaoloilmoitus",
                                       "poissa toimistosta",
                                       "olen lomalla",
                                       "poza biurem",
                                       "nieobecność",
                                       "nieobecny",
                                       "nieobecna",
                                       "mimo kancelář",
                                       "nepřítomnost",
                                       "házon kívül",
                                       "irodán kívül",
                                       "ofis dışında",
                                       "вне офиса",
                                       "отсутствую",
                                       "нет на месте",
                                       "в отпуске",
                                       "εκτός γραφείου",
                                       "不在通知",
                                       "不在のお知らせ",
                                       "不在連絡",
                                       "부재중",
                                       "外出中",
                                       "休假中",
                                       "odsutnost",
                                       NULL};
/* Only as the whole subject, or as its beginning with a colon or a comma: people use them too. */
static const char *const opening_raw[] = {
    "auto",        "ooo",      "ooto",       "away",       "vacation",    "on vacation",
    "absence",     "absent",   "on leave",   "on holiday", "holiday",     "abwesend",
    "abwesenheit", "urlaub",   "im urlaub",  "absence :",  "congés",      "vacances",
    "ausente",     "ausencia", "vacaciones", "assente",    "assenza",     "in ferie",
    "ferie",       "ausência", "férias",     "afwezig",    "afwezigheid", "met vakantie",
    "op vakantie", "vakantie", "frånvaro",   "fravær",     "semester",    "poissa",
    "poissaolo",   "lomalla",  "urlop",      "dovolená",   "отпуск",      "不在",
    "out",         NULL};
/* How a machine's body opens. */
static const char *const text_raw[] = {"this is an automatic reply",
                                       "this is an automated reply",
                                       "this is an automatic response",
                                       "this is an automated response",
                                       "this is an auto-reply",
                                       "this is an autoreply",
                                       "this is an automatically generated",
                                       "this is an auto response",
                                       "this is an auto-response",
                                       "this is an automated e-mail",
                                       "this is an automated email",
                                       "this is an automatic message",
                                       "this message is automatically generated",
                                       "thank you for your email. i am currently out",
                                       "i am out of the office",
                                       "i am out of office",
                                       "i'm out of the office",
                                       "i'm out of office",
                                       "i am currently out of",
                                       "i'm currently out of",
                                       "i will be out of the office",
                                       "i will be out of office",
                                       "i am away from the office",
                                       "i am currently away",
                                       "i am on vacation",
                                       "i'm on vacation",
                                       "i am currently on vacation",
                                       "i am on annual leave",
                                       "i am currently on leave",
                                       "i am on leave",
                                       "i'm on leave",
                                       "i am on holiday",
                                       "i will be on vacation",
                                       "i will be away",
                                       "i no longer work",
                                       "i have left",
                                       "i am no longer",
                                       "i am now on maternity leave",
                                       "i am currently on maternity leave",
                                       "thank you for your message. i am",
                                       "dies ist eine automatische",
                                       "ich bin derzeit nicht",
                                       "ich bin bis",
                                       "ich bin nicht im büro",
                                       "ich bin vom",
                                       "ich befinde mich im urlaub",
                                       "je suis absent",
                                       "je suis actuellement absent",
                                       "je serai absent",
                                       "je suis en congé",
                                       "estoy fuera de la oficina",
                                       "estaré fuera",
                                       "estoy de vacaciones",
                                       "sono fuori ufficio",
                                       "sarò assente",
                                       "estou fora do escritório",
                                       "estarei ausente",
                                       "ik ben afwezig",
                                       "ik ben niet aanwezig",
                                       "jag är på semester",
                                       "jeg er på ferie",
                                       NULL};
static const char *const away_text_raw[] = {
    "vacation",    "holiday",  "annual leave", "on leave",  "maternity",      "ooo",
    "will return", "be back",  "back on",      "returning", "currently away", "be away",
    "urlaub",      "abwesend", "absent",       "vacances",  "congé",          "vacaciones",
    "ausente",     "ausencia", "assente",      "ferie",     "férias",         "ausência",
    "afwezig",     "vakantie", "semester",     "frånvaro",  "fravær",         NULL};
static struct mail_phrases answers = {answer_raw, NULL}, aways = {away_raw, NULL},
                           openings = {opening_raw, NULL}, texts = {text_raw, NULL},
                           away_texts = {away_text_raw, NULL};

void mail_autoreply_init(void)
{
    mail_phrases_fold(&answers);
    mail_phrases_fold(&aways);
    mail_phrases_fold(&openings);
    mail_phrases_fold(&texts);
    mail_phrases_fold(&away_texts);
}

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
    for (size_t i = 0; openings.folded[i]; i++) {
        const char *at;

        if (!text_starts(subject, openings.folded[i]))
            continue;
        at = subject + strlen(openings.folded[i]);
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
    const char *found = mail_phrase_in(&aways, subject);

    return len > 0 && subject[len - 1] == ')' && found && strchr(found, ')') &&
           memchr(subject, '(', (size_t)(found - subject));
}

enum mail_auto mail_auto_subject(const char *folded, bool answers_mail)
{
    const char *subject = after_tags(folded);

    if (answers_another(subject))
        return trailing_note(subject) && !answers_mail ? MAIL_AUTO_AWAY : MAIL_AUTO_NO;
    if (mail_phrase_in(&aways, subject))
        return MAIL_AUTO_AWAY;
    if (mail_phrase_in(&answers, subject))
        return mail_auto_is_away(subject) ? MAIL_AUTO_AWAY : MAIL_AUTO_ANSWER;
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
    if (!mail_phrase_in(&texts, opening))
        return MAIL_AUTO_NO;
    return mail_auto_is_away(opening) ? MAIL_AUTO_AWAY : MAIL_AUTO_ANSWER;
}

bool mail_auto_is_away(const char *folded)
{
    return mail_phrase_in(&aways, folded) || mail_phrase_in(&away_texts, folded);
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
    is = mail_phrase_first(&answers, plain) || mail_phrase_first(&aways, plain);
    if (is) { /* nothing but the phrase may stand before the colon */
        const struct mail_phrases *lists[] = {&answers, &aways};

        is = false;
        for (size_t l = 0; l < ARRAY_LEN(lists) && !is; l++)
            for (size_t i = 0; lists[l]->folded[i] && !is; i++)
                is = strcmp(lists[l]->folded[i], plain) == 0;
    }
    free(front);
    free(plain);
    return is ? colon + 1 : NULL;
}
