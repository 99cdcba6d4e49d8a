/* smtp-imap/smtp_error.c: see smtp_error.h. */
#include "smtp_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    WORDS_MAX = 140, /* of the server's, in a detail */
    SUBJECT_MIN = 4  /* a shorter one says nothing of a mail */
};

const char *smtp_phase_name(enum smtp_phase phase)
{
    static const char *const names[] = {[SMTP_AT_OPEN] = "opening the line",
                                        [SMTP_AT_EHLO] = "EHLO",
                                        [SMTP_AT_RSET] = "RSET",
                                        [SMTP_AT_MAIL] = "MAIL FROM",
                                        [SMTP_AT_RCPT] = "RCPT TO",
                                        [SMTP_AT_DATA] = "DATA",
                                        [SMTP_AT_DOT] = "the final dot",
                                        [SMTP_AT_REST] = "waiting for its turn"};

    return names[phase];
}

void smtp_failure_say(struct failure *failure, enum rider_kind kind, enum rider_scope scope,
                      const char *format, ...)
{
    char detail[sizeof(failure->detail)];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    failure_say(failure, kind, scope, "%s", detail);
    failure->failure.holds = scope >= RIDER_MAILBOX ? RIDER_HOLDS_SEND : 0;
}

/* -- what a reply says, apart from its code ------------------------------------------------------
 */

static bool says(const struct smtp_reply *reply, const char *const *phrases)
{
    for (; *phrases; phrases++) {
        if (strcasestr(reply->text, *phrases))
            return true;
    }
    return false;
}

/* "x.1.8" in a list of ends, ".1.8". */
static bool has_status(const struct smtp_reply *reply, const char *const *ends)
{
    for (; reply->status[0] && *ends; ends++) {
        if (strcmp(reply->status + 1, *ends) == 0)
            return true;
    }
    return false;
}

static char subject_of(const struct smtp_reply *reply) /* the X.Y.Z's Y, '\0': none */
{
    return reply->status[0] && reply->status[3] == '.' ? reply->status[2] : '\0';
}

static bool needs_login(const struct smtp_reply *reply)
{
    static const char *const statuses[] = {".7.8", ".7.9", ".7.11", ".7.57", ".7.139", NULL};
    int32_t code = reply->code;

    return code == 530 || code == 534 || code == 535 || code == 538 ||
           (code >= 500 && has_status(reply, statuses));
}

/* Limits of what this mailbox may send; a recipient's full mailbox is another thing. */
static bool is_limit(const struct smtp_reply *reply)
{
    static const char *const theirs[] = {".2.1", ".2.2", ".2.3", NULL};
    static const char *const statuses[] = {".4.5", ".5.3", ".7.28", NULL};
    static const char *const phrases[] = {"sending limit",
                                          "sending quota",
                                          "sending rate",
                                          "submissionquota",
                                          "submission rate",
                                          "message quota",
                                          "rate limit",
                                          "ratelimit",
                                          "rate exceeded",
                                          "daily limit",
                                          "daily quota",
                                          "hourly limit",
                                          "too many mails",
                                          "too many emails",
                                          "too many mess",
                                          "throttl",
                                          NULL};

    if (has_status(reply, theirs))
        return false;
    return reply->code == 454 || reply->code == 452 || has_status(reply, statuses) ||
           says(reply, phrases);
}

/* Postfix answers at RCPT what it holds against the sender, the client or the greeting. */
static bool is_about_us(const struct smtp_reply *reply)
{
    static const char *const statuses[] = {".1.7", ".1.8", ".7.54", ".7.60", NULL};
    static const char *const phrases[] = {"sender address rejected", "sender verify failed",
                                          "not allowed to send as",  "not owned by",
                                          "permissions to send as",  "relay access denied",
                                          "relaying denied",         "relay not permitted",
                                          "unable to relay",         "client host rejected",
                                          "helo command rejected",   NULL};

    return has_status(reply, statuses) || says(reply, phrases);
}

static bool is_too_big(const struct smtp_reply *reply)
{
    return (reply->status[0] && strcmp(reply->status + 1, ".3.4") == 0) ||
           (reply->code == 552 && !reply->status[0]);
}

static bool is_greylist(const struct smtp_reply *reply)
{
    static const char *const phrases[] = {"greylist",  "graylist",  "grey list",
                                          "gray list", "grey-list", NULL};

    return says(reply, phrases) || (subject_of(reply) == '7' && reply->code < 452);
}

/* -- when to come again --------------------------------------------------------------------------
 */

static int64_t unit_ms(const char *word)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"seconds", SECOND}, {"second", SECOND},  {"secs", SECOND},   {"sec", SECOND},
                 {"s", SECOND},       {"minutes", MINUTE}, {"minute", MINUTE}, {"mins", MINUTE},
                 {"min", MINUTE},     {"hours", HOUR},     {"hour", HOUR}};
    size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (strlen(units[i].name) == len && strncasecmp(units[i].name, word, len) == 0)
            return units[i].ms;
    }
    return 0;
}

/* "in 300 seconds", "for 5 minutes"; -1: it does not say. */
static int64_t said_wait(const struct smtp_reply *reply)
{
    const char *at = reply->text;

    while (*(at += strcspn(at, "0123456789"))) {
        size_t digits = strspn(at, "0123456789");
        const char *word = at + digits + (at[digits] == ' ' || at[digits] == '-');
        int64_t unit = digits < 6 ? unit_ms(word) : 0;
        int64_t wait = unit ? strtol(at, NULL, 10) * unit : 0;

        if (unit)
            return wait < SECOND ? SECOND : wait > DAY ? DAY : wait;
        at += digits;
    }
    return -1;
}

static int64_t limit_wait(const struct smtp_reply *reply)
{
    static const char *const days[] = {"daily", "24 hour", "per day", "day", NULL};
    int64_t said = said_wait(reply);

    if (says(reply, days) || strcmp(reply->status, "5.4.5") == 0)
        return HOUR; /* it ends within a day, nobody says when: ask by the hour */
    return said >= 0 ? said : reply->code == 452 ? 5 * MINUTE : MINUTE;
}

/* -- the server's words, fit for a log -----------------------------------------------------------
 */

/* Whether `text` begins with `subject`, blind to case and to how wide a gap is. */
static bool begins(const char *text, const char *subject)
{
    while (*subject) {
        size_t gap = strspn(subject, " \n"), theirs = strspn(text, " \n");

        if (!subject[gap])
            break;
        if ((gap != 0) != (theirs != 0))
            return false;
        text += theirs;
        subject += gap;
        if (strncasecmp(text++, subject++, 1) != 0)
            return false;
    }
    return true;
}

static bool tells_of_mail(const char *text, const char *subject)
{
    if (!subject || strlen(subject) < SUBJECT_MIN)
        return false;
    subject += strspn(subject, " \n");
    for (; *text; text++) {
        if (begins(text, subject))
            return true;
    }
    return false;
}

void smtp_words(char *out, size_t size, const struct smtp_reply *reply, const char *subject)
{
    static const char mask[] = "(address)";
    const char *words = tells_of_mail(reply->text, subject) ? "" : reply->text;
    size_t len = 0;

    while (*words) {
        size_t word = strcspn(words, " \n"), spaces = strspn(words + word, " \n");
        bool address = memchr(words, '@', word) != NULL;
        size_t keep = address ? sizeof(mask) - 1 : word;

        if (len + keep + 2 > size)
            break;
        memcpy(out + len, address ? mask : words, keep);
        len += keep;
        if (spaces)
            out[len++] = ' ';
        words += word + spaces;
    }
    while (len && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
}

static void say(struct failure *out, enum rider_kind kind, enum rider_scope scope,
                enum smtp_phase phase, const struct smtp_reply *reply, const char *subject,
                const char *meaning)
{
    char words[WORDS_MAX];

    smtp_words(words, sizeof(words), reply, subject);
    smtp_failure_say(out, kind, scope, "%s (SMTP, to %s: %d%s%s%s%s)", meaning,
                     smtp_phase_name(phase), (int)reply->code, reply->status[0] ? " " : "",
                     reply->status, words[0] ? " " : "", words);
    out->failure.code = reply->code;
    snprintf(out->status, sizeof(out->status), "%s", reply->status);
    out->failure.status = out->status[0] ? out->status : NULL;
}

/* -- refusals ------------------------------------------------------------------------------------
 */

static enum rider_scope reach(enum smtp_phase phase, const struct smtp_reply *reply)
{
    int32_t code = reply->code;
    bool protocol = code == 500 || code == 502 || code == 503 || code == 504 || code == 555;
    char subject = subject_of(reply);

    if (phase < SMTP_AT_RCPT || (code < 500 && subject == '3'))
        return RIDER_MAILBOX;
    if (phase < SMTP_AT_DOT && protocol)
        return RIDER_MAILBOX; /* it does not speak as it said it would: no mail's fault */
    if (phase == SMTP_AT_RCPT || subject == '1' || subject == '2')
        return RIDER_RECIPIENT;
    return phase == SMTP_AT_DATA && code < 500 ? RIDER_MAILBOX : RIDER_MESSAGE;
}

static void refused(struct failure *out, enum smtp_phase phase, const struct smtp_reply *reply,
                    const char *subject)
{
    enum rider_scope scope = is_about_us(reply) ? RIDER_MAILBOX : reach(phase, reply);
    bool later = reply->code < 500;

    say(out, later ? RIDER_TRANSIENT : RIDER_PERMANENT, scope, phase, reply, subject,
        scope == RIDER_MAILBOX && !later
            ? "the mail server does not let this mailbox send: ask its operator, or correct the "
              "mailbox's address and settings"
        : scope == RIDER_MAILBOX   ? "the mail server cannot take mail now"
        : scope == RIDER_RECIPIENT ? later ? "the mail server asks to try this recipient later"
                                           : "the mail server does not take this recipient"
        : later                    ? "the mail server asks to try this mail later"
                                   : "the mail server does not take this mail");
    if (later && is_greylist(reply)) {
        int64_t said = said_wait(reply);

        out->failure.retry_after = said >= 0 ? said : 5 * MINUTE;
    }
}

void smtp_failure_read(struct failure *failure, enum smtp_phase phase,
                       const struct smtp_reply *reply, const char *subject)
{
    if (reply->code == 421 && phase == SMTP_AT_DOT) {
        /* A relay that has lost its own server says this too, and that one may have the mail. */
        say(failure, RIDER_UNCERTAIN, RIDER_MESSAGE, phase, reply, subject,
            "the mail server hung up after it had the whole mail");
    } else if (reply->code == 421) {
        say(failure, RIDER_TRANSIENT, RIDER_MAILBOX, phase, reply, subject,
            "the mail server hung up");
    } else if (reply->code < 400) {
        say(failure, phase == SMTP_AT_DOT ? RIDER_UNCERTAIN : RIDER_TRANSIENT,
            phase == SMTP_AT_DOT ? RIDER_MESSAGE : RIDER_MAILBOX, phase, reply, subject,
            "the mail server answered out of step");
    } else if (needs_login(reply)) {
        say(failure, RIDER_AUTH, RIDER_MAILBOX, phase, reply, subject,
            "the mail server no longer takes this mailbox's sign-in: sign in again");
    } else if (is_limit(reply)) {
        say(failure, RIDER_THROTTLED, RIDER_MAILBOX, phase, reply, subject,
            "the mail server lets this mailbox send no more for now");
        failure->failure.retry_after = limit_wait(reply);
    } else if (is_too_big(reply) && reply->code >= 500) {
        say(failure, RIDER_PERMANENT, RIDER_MESSAGE, phase, reply, subject,
            "the mail is larger than the mail server takes");
    } else {
        refused(failure, phase, reply, subject);
    }
}

void smtp_failure_garbled(struct failure *failure, enum smtp_phase phase)
{
    bool doubt = phase == SMTP_AT_DOT;

    smtp_failure_say(failure, doubt ? RIDER_UNCERTAIN : RIDER_TRANSIENT,
                     doubt ? RIDER_MESSAGE : RIDER_MAILBOX,
                     "what the mail server said to %s is no SMTP reply: look whether the "
                     "provider's `smtp` names an SMTP server",
                     smtp_phase_name(phase));
}

void smtp_failure_lost(struct failure *failure, enum smtp_phase phase,
                       const struct rider_failure *why)
{
    const char *reason =
        why && RIDER_REACHES(why, detail) && why->detail ? why->detail : "it was closed";

    if (phase == SMTP_AT_OPEN && why) {
        smtp_failure_say(failure, (enum rider_kind)why->kind, (enum rider_scope)why->scope, "%s",
                         reason);
        failure->failure.code = why->code;
        failure->failure.retry_after = why->retry_after;
        if (why->holds)
            failure->failure.holds = why->holds;
        return;
    }
    smtp_failure_say(failure, RIDER_TRANSIENT, RIDER_MAILBOX,
                     "the line to the mail server was lost at %s: %s", smtp_phase_name(phase),
                     reason);
}
