/* mail/classify.c: what kind of mail came in: the tests, in their order. */
#include "mail/classify.h"

#include "base/mem.h"
#include "base/text.h"
#include "mail/autoreply.h"
#include "mail/bounce.h"
#include "mail/fold.h"
#include "mail/subject.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SUBJECT_MAX = 2000, TEXT_MAX = 16 * 1024 }; /* bytes that are looked at */

/* What several tests read, folded once. */
struct facts {
    const struct mail_input *input;
    const struct mail_headers *headers;
    char *subject, *text;     /* folded plain; text may be "" */
    char *address, *name;     /* of From, folded plain        */
    enum mail_auto automatic; /* by the subject           */
    enum mail_notice said;    /* by the subject              */
    bool sender, sure_sender, null_path, answers, list;
    bool machine; /* something but the subject says that no person sent it */
};

static char *folded(const char *text, size_t len)
{
    char *copy = mem_strn(text, len), *out = mail_fold_plain(copy);

    free(copy);
    return out;
}

static char *folded_header(const struct mail_headers *headers, const char *name)
{
    char *value = mail_header(headers, name, 0), *out;

    out = folded(value ? value : "", value ? strnlen(value, SUBJECT_MAX) : 0);
    free(value);
    return out;
}

static const char *value_of(const struct facts *facts, const char *name)
{
    const char *raw = mail_header_raw(facts->headers, name, 0);

    return raw ? raw : "";
}

static bool null_path(const struct mail_headers *headers)
{
    const char *path;
    bool null = false;

    for (size_t i = 0; (path = mail_header_raw(headers, "Return-Path", i)) && !null; i++)
        null = strcmp(path, "<>") == 0 || text_same(path, "<null>") || strcmp(path, "< >") == 0;
    return null;
}

static bool is_submitted(const struct mail_headers *headers)
{
    const char *submitted = mail_header_raw(headers, "Auto-Submitted", 0);

    return submitted && *submitted && !text_starts_fold(submitted, "no");
}

static void facts_init(struct facts *facts, const struct mail_input *input)
{
    const struct mail_headers *headers = input->headers;
    char *from = mail_header_from(headers);

    *facts = (struct facts){.input = input, .headers = headers};
    facts->subject = folded_header(headers, "Subject");
    facts->text = input->text.len
                      ? folded(input->text.data,
                               strnlen(input->text.data,
                                       input->text.len < TEXT_MAX ? input->text.len : TEXT_MAX))
                      : mem_str("");
    facts->address = mail_fold_plain(from ? from : "");
    facts->name = folded_header(headers, "From");
    memmove(facts->name, facts->name + strspn(facts->name, "\" '"),
            strlen(facts->name + strspn(facts->name, "\" '")) + 1);
    facts->sender = mail_bounce_sender(facts->address, facts->name, &facts->sure_sender);
    facts->null_path =
        null_path(headers) || (mail_header_has(headers, "From") &&
                               strcmp(mail_header_raw(headers, "From", 0), "<>") == 0);
    facts->answers =
        mail_header_has(headers, "In-Reply-To") || mail_header_has(headers, "References");
    facts->machine = facts->null_path || facts->sender || !*facts->address ||
                     is_submitted(headers) ||
                     text_starts_fold(value_of(facts, "Content-Type"), "multipart/report");
    facts->automatic = mail_auto_subject(facts->subject, facts->answers);
    if (!facts->automatic) /* "Automatic reply: Undeliverable: ..." is the machine's first word */
        facts->said = mail_bounce_subject(facts->subject, facts->machine);
    facts->list = mail_header_has(headers, "List-Id") || mail_header_has(headers, "List-Post");
    free(from);
}

static void facts_finish(struct facts *facts)
{
    free(facts->subject);
    free(facts->text);
    free(facts->address);
    free(facts->name);
}

__attribute__((format(printf, 3, 4))) static bool say(struct mail_verdict *verdict,
                                                      enum mail_kind kind, const char *reason, ...)
{
    va_list args;

    verdict->kind = kind;
    va_start(args, reason);
    vsnprintf(verdict->reason, sizeof(verdict->reason), reason, args);
    va_end(args);
    return true;
}

static const char *report_type(const struct facts *facts, char **owned)
{
    const char *type = value_of(facts, "Content-Type");

    *owned = NULL;
    if (!text_starts_fold(type, "multipart/report"))
        return "";
    *owned = mail_header_param(type, "report-type");
    return *owned ? *owned : "report";
}

static bool is_complaint(const struct facts *facts, const char *type, struct mail_verdict *verdict)
{
    const struct mail_report *report = facts->input->report;

    if (!text_same(type, "feedback-report") && !mail_header_has(facts->headers, "Feedback-Type") &&
        !(report && report->kind == MAIL_REPORT_FEEDBACK))
        return false;
    if (report && report->feedback_type && text_starts_fold(report->feedback_type, "opt-out"))
        return say(verdict, MAIL_UNSUBSCRIBE, "A feedback report (RFC 5965) says opt-out.");
    return say(verdict, MAIL_COMPLAINT,
               "It is a feedback report (RFC 5965): the mail was reported as unwanted.");
}

/* What the recipients' blocks add up to: one that failed makes a bounce of the whole. */
static enum mail_notice of_report(const struct mail_report *report)
{
    bool delayed = false, delivered = false;

    for (size_t i = 0; report && i < report->count; i++) {
        const struct mail_recipient *recipient = &report->recipients[i];

        if (recipient->action == MAIL_ACTION_FAILED ||
            (recipient->action == MAIL_ACTION_UNSAID && recipient->status &&
             recipient->status[0] == '5'))
            return MAIL_NOTICE_FAILED;
        delayed = delayed || recipient->action == MAIL_ACTION_DELAYED;
        delivered = delivered || recipient->action >= MAIL_ACTION_DELIVERED;
    }
    if (delayed)
        return MAIL_NOTICE_DELAYED;
    return delivered ? MAIL_NOTICE_DELIVERED : MAIL_NOTICE_NONE;
}

static bool bounce(const struct facts *facts, struct mail_verdict *verdict, enum mail_notice notice,
                   const char *why)
{
    if (notice == MAIL_NOTICE_DELIVERED)
        return say(verdict, MAIL_OTHER, "It says that the mail was delivered or passed on.");
    if (notice == MAIL_NOTICE_DELAYED) {
        verdict->delayed = true;
        return say(verdict, MAIL_OTHER,
                   "Delivery is late and still being tried, which is no bounce: %s.", why);
    }
    verdict->hardness = mail_bounce_hardness(facts->input->report, facts->text);
    /* A subject that says "error" says nothing; one that says "user unknown" does. */
    if (verdict->hardness == MAIL_UNKNOWN && mail_bounce_words(facts->subject) == MAIL_HARD)
        verdict->hardness = MAIL_HARD;
    return say(verdict, MAIL_BOUNCE, "The mail could not be delivered (%s): %s.",
               mail_hardness_name(verdict->hardness), why);
}

/* A delivery report by its type, or by its parts (RFC 3464, RFC 6522). */
static bool is_delivery_report(const struct facts *facts, const char *type,
                               struct mail_verdict *verdict)
{
    const struct mail_report *report = facts->input->report;
    bool parts = report && report->kind == MAIL_REPORT_DELIVERY;
    enum mail_notice notice = of_report(report);

    if (!text_same(type, "delivery-status") && !parts &&
        !(*type && (facts->said || facts->sender || facts->null_path)))
        return false;
    if (notice == MAIL_NOTICE_NONE && strstr(value_of(facts, "Auto-Submitted"), "warning-timeout"))
        notice = MAIL_NOTICE_DELAYED;
    if (notice == MAIL_NOTICE_NONE)
        notice = facts->said;
    return bounce(facts, verdict, notice,
                  parts && report->count ? "a delivery report (RFC 3464) says so"
                                         : "it is a delivery report (RFC 6522)");
}

static enum mail_notice notice_of(const struct facts *facts)
{
    enum mail_notice text = *facts->text ? mail_bounce_text(facts->text) : MAIL_NOTICE_NONE;

    if (facts->said == MAIL_NOTICE_DELAYED || facts->said == MAIL_NOTICE_DELIVERED)
        return facts->said;
    return text == MAIL_NOTICE_DELAYED ? text : facts->said;
}

/* Bounces that are no report: marks of their makers, then who sends it and what it calls itself. */
static bool is_odd_bounce(const struct facts *facts, struct mail_verdict *verdict)
{
    enum mail_notice notice = notice_of(facts);
    bool machine = facts->null_path || facts->sender || !*facts->address;

    if (mail_header_has(facts->headers, "X-Failed-Recipients"))
        return bounce(facts, verdict, notice, "X-Failed-Recipients names who did not get it");
    if (mail_header_has(facts->headers, "X-MS-Exchange-Message-Is-Ndr"))
        return bounce(facts, verdict, notice, "Exchange marks it as a non-delivery report");
    if (mail_header_has(facts->headers, "X-MS-Embedded-Report"))
        return machine && bounce(facts, verdict, notice, "a mail system marks it as a report");
    if (facts->sure_sender && !facts->automatic)
        return bounce(facts, verdict, notice, "a mail system sent it");
    if (facts->said && machine)
        return bounce(facts, verdict, notice, "a mail system sent it, and its subject says so");
    if (facts->said && !facts->answers)
        return bounce(facts, verdict, notice, "its subject is a mail system's");
    if (facts->said && mail_header_has(facts->headers, "Auto-Submitted"))
        return bounce(facts, verdict, notice, "a machine answered, and its subject says so");
    if (machine && *facts->text && mail_bounce_text(facts->text))
        return bounce(facts, verdict, notice, "a mail system sent it, and its text says so");
    if (strstr(facts->text, "\"notificationtype\":\"bounce\""))
        return bounce(facts, verdict, notice, "it is a notification of Amazon SES");
    if (facts->null_path && (facts->sender || !*facts->address) && !facts->automatic)
        return bounce(facts, verdict, notice, "it has a null return path and a mail system's name");
    return false;
}

/* Headers by which a machine owns up to answering by itself (RFC 3834, and customs). */
static const char *machine_header(const struct facts *facts)
{
    static const char *const names[] = {
        "X-Autoreply",           "X-Autorespond",      "X-Autoresponder",   "X-Autoreply-From",
        "X-Auto-Reply",          "X-Autogenerated",    "X-Auto-Reply-From", "X-Mail-Autoreply",
        "X-FC-MachineGenerated", "X-POST-MessageClass"};
    const char *submitted = value_of(facts, "Auto-Submitted");

    if (*submitted && !text_starts_fold(submitted, "no"))
        return "Auto-Submitted";
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (mail_header_has(facts->headers, names[i]) &&
            !text_starts_fold(value_of(facts, names[i]), "no") &&
            !text_starts_fold(value_of(facts, names[i]), "false"))
            return names[i];
    if (text_starts_fold(value_of(facts, "Precedence"), "auto_reply") ||
        text_starts_fold(value_of(facts, "Precedence"), "auto-reply") ||
        text_starts_fold(value_of(facts, "X-Precedence"), "auto_reply"))
        return "Precedence: auto_reply";
    if (text_starts_fold(value_of(facts, "Delivered-To"), "autoresponder"))
        return "Delivered-To: autoresponder";
    if (mail_header_has(facts->headers, "X-MS-Exchange-Generated-Message-Source") &&
        strcasestr(value_of(facts, "X-MS-Exchange-Generated-Message-Source"), "OOF"))
        return "X-MS-Exchange-Generated-Message-Source";
    if (strcasestr(value_of(facts, "X-Mailer"), "autorespon") ||
        strcasestr(value_of(facts, "X-Mailer"), "vacation"))
        return "X-Mailer";
    return NULL;
}

/* Two that do not decide alone, but do together: a rule's answer that asks for no answer. */
static const char *quiet_headers(const struct facts *facts)
{
    bool quiet = mail_header_has(facts->headers, "X-Auto-Response-Suppress");

    if (quiet && mail_header_has(facts->headers, "X-MS-Exchange-Inbox-Rules-Loop"))
        return "an inbox rule sent it, and it asks for no automatic answer";
    if (facts->null_path)
        return "it has a null return path, as answers of machines have (RFC 3834)";
    return NULL;
}

static bool automatic(const struct facts *facts, struct mail_verdict *verdict, bool away,
                      const char *why)
{
    away = away || mail_auto_is_away(facts->subject) ||
           (*facts->text && mail_auto_text(facts->text) == MAIL_AUTO_AWAY);
    if (away) {
        verdict->returns_at = mail_auto_returns(facts->subject, facts->input->now);
        if (!verdict->returns_at)
            verdict->returns_at = mail_auto_returns(facts->text, facts->input->now);
    }
    return say(verdict, away ? MAIL_OUT_OF_OFFICE : MAIL_AUTO_REPLY, "A machine answered%s: %s.",
               away ? " that they are away" : "", why);
}

static bool is_automatic(const struct facts *facts, struct mail_verdict *verdict)
{
    enum mail_auto subject = facts->automatic;
    const char *header = machine_header(facts), *quiet;
    char why[96];

    if (header && facts->list && !subject)
        return say(verdict, MAIL_OTHER, "A machine sent it to a list.");
    if (header) {
        snprintf(why, sizeof(why), "%s says so", header);
        return automatic(facts, verdict, subject == MAIL_AUTO_AWAY, why);
    }
    if (subject)
        return automatic(facts, verdict, subject == MAIL_AUTO_AWAY, "its subject says so");
    quiet = quiet_headers(facts);
    if (quiet)
        return automatic(facts, verdict, false, quiet);
    if (*facts->text && !facts->answers && mail_auto_text(facts->text))
        return automatic(facts, verdict, false, "its text opens as such answers do");
    return false;
}

/* What List-Unsubscribe's mailto makes people's programs send, or the word and nothing else. */
static bool is_unsubscribe(const struct facts *facts, struct mail_verdict *verdict)
{
    static const char *const words[] = {"unsubscribe",
                                        "remove me",
                                        "please remove me",
                                        "opt out",
                                        "opt-out",
                                        "stop",
                                        "abmelden",
                                        "austragen",
                                        "desabonner",
                                        "desinscription",
                                        "se desinscrire",
                                        "darse de baja",
                                        "baja",
                                        "cancellami",
                                        "disiscrivimi",
                                        "remover",
                                        "descadastrar",
                                        "uitschrijven",
                                        "afmelden",
                                        "please unsubscribe",
                                        "unsubscribe me",
                                        "please unsubscribe me",
                                        "please stop",
                                        "stop emailing me",
                                        "take me off your list"};
    char *base = mail_subject_base(facts->subject);
    size_t len = strlen(facts->text);
    bool in_subject = false, in_text = false;

    while (len > 0 && strchr(" .!", facts->text[len - 1]))
        len--;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t size = strlen(words[i]);

        in_subject = in_subject || strcmp(base, words[i]) == 0;
        in_text = in_text || (len == size && memcmp(facts->text, words[i], size) == 0);
    }
    free(base);
    if (in_subject)
        return say(verdict, MAIL_UNSUBSCRIBE, "Its subject asks to be left alone.");
    if (in_text)
        return say(verdict, MAIL_UNSUBSCRIBE, "It says nothing but to be left alone.");
    return false;
}

static bool has_reply_prefix(const struct facts *facts)
{
    struct mail_subject subject;
    bool reply;

    mail_subject_parse(&subject, facts->subject);
    reply = subject.reply;
    mail_subject_finish(&subject);
    return reply;
}

/* Lists and bulk that answer nothing. Some programs lose the ids of what they answer, so "Re:"
 * counts as well. */
static bool is_bulk(const struct facts *facts, struct mail_verdict *verdict)
{
    if (facts->answers || has_reply_prefix(facts))
        return false;
    if (mail_header_has(facts->headers, "List-Id"))
        return say(verdict, MAIL_OTHER, "It came over a list and answers nothing.");
    if (mail_header_has(facts->headers, "List-Unsubscribe") ||
        mail_header_has(facts->headers, "Feedback-ID"))
        return say(verdict, MAIL_OTHER, "It is bulk mail and answers nothing.");
    return false;
}

static void classify(const struct facts *facts, struct mail_verdict *verdict)
{
    char *owned = NULL;
    const char *type = report_type(facts, &owned);
    const struct mail_report *report = facts->input->report;

    if (is_complaint(facts, type, verdict))
        goto out;
    if (text_same(type, "disposition-notification") ||
        (report && report->kind == MAIL_REPORT_DISPOSITION)) {
        say(verdict, MAIL_OTHER, "It is a receipt (RFC 8098), which says nothing of an answer.");
        goto out;
    }
    if (is_delivery_report(facts, type, verdict) || is_odd_bounce(facts, verdict) ||
        is_unsubscribe(facts, verdict) || is_automatic(facts, verdict) || is_bulk(facts, verdict))
        goto out;
    say(verdict, MAIL_REPLY, "Nothing about it is a machine's.");
out:
    free(owned);
}

void mail_classify(const struct mail_input *input, struct mail_verdict *verdict)
{
    struct facts facts;

    mail_init();
    memset(verdict, 0, sizeof(*verdict));
    if (input->ours || input->where == MAIL_OUTBOUND || input->where == MAIL_DRAFT) {
        say(verdict, MAIL_OURS, "It was sent by an identity of ours.");
        return;
    }
    facts_init(&facts, input);
    classify(&facts, verdict);
    facts_finish(&facts);
}

const char *mail_kind_name(enum mail_kind kind)
{
    static const char *const names[] = {
        [MAIL_OTHER] = "other",           [MAIL_REPLY] = "reply",
        [MAIL_AUTO_REPLY] = "auto-reply", [MAIL_OUT_OF_OFFICE] = "out-of-office",
        [MAIL_BOUNCE] = "bounce",         [MAIL_UNSUBSCRIBE] = "unsubscribe",
        [MAIL_COMPLAINT] = "complaint",   [MAIL_OURS] = "ours"};

    return (size_t)kind < ARRAY_LEN(names) ? names[kind] : "?";
}

const char *mail_hardness_name(enum mail_hardness hard)
{
    return hard == MAIL_HARD ? "hard" : hard == MAIL_SOFT ? "soft" : "unknown";
}
