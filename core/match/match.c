/* match/match.c: the messages a mail answers, by the strongest evidence there is. */
#include "match/match.h"

#include "base/mem.h"
#include "base/mutant.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/ids.h"
#include "mail/subject.h"

#include <string.h>

enum { DAY = 86400000 };

/* One mail being matched. */
struct match {
    const struct match_mail *mail;
    const struct match_lookup *lookup;
    struct match_result *result;
    struct buf sender; /* key of who wrote; empty: nobody can be read */
};

static bool may_answer(const struct match_mail *mail)
{
    return (mail->where == MAIL_INBOUND || mail->where == MAIL_JUNK) && mail->kind != MAIL_OURS;
}

static bool by_person(const struct match_mail *mail)
{
    return mail->kind == MAIL_REPLY || mail->kind == MAIL_AUTO_REPLY ||
           mail->kind == MAIL_OUT_OF_OFFICE || mail->kind == MAIL_UNSUBSCRIBE;
}

static bool is_ours(const struct match_mail *mail, const struct match_lookup *lookup)
{
    char *from = mail_header_from(mail->headers);
    bool ours = from && lookup->is_ours && lookup->is_ours(lookup->arg, from);

    free(from);
    return ours;
}

static void sender_key(const struct match_mail *mail, struct buf *key)
{
    char *from = mail_header_from(mail->headers);

    if (from)
        mail_address_key(from, key);
    free(from);
}

static struct match_hit *hit_of(struct match *match, const struct match_message *message)
{
    struct match_result *result = match->result;
    struct match_hit *hit;

    for (size_t i = 0; i < result->count; i++)
        if (result->hits[i].message.enrolment == message->enrolment)
            return &result->hits[i];
    if (result->count == MATCH_HITS_MAX)
        return NULL;
    hit = &result->hits[result->count++];
    memset(hit, 0, sizeof(*hit));
    hit->message = *message;
    hit->by_other = by_person(match->mail) && match->sender.len > 0 && *message->person_key &&
                    strcmp(message->person_key, buf_text(&match->sender)) != 0;
    return hit;
}

/* Adds a piece of evidence; the hit's message becomes the newest that was answered. */
static void found(struct match *match, const struct match_message *message,
                  enum match_evidence evidence, const char *matched)
{
    struct match_hit *hit = hit_of(match, message);

    if (!hit)
        return;
    if (message->step > hit->message.step)
        hit->message = *message;
    for (size_t i = 0; i < hit->count; i++)
        if (hit->evidence[i] == evidence)
            return;
    if (hit->count == MATCH_EVIDENCE_MAX)
        return;
    hit->matched[hit->count] = mem_str(matched);
    hit->evidence[hit->count++] = evidence;
}

static bool look_up(const struct match_lookup *lookup, const char *id, struct match_message *out)
{
    char *key;
    bool known;

    if (lookup->by_token && lookup->by_token(lookup->arg, id, out))
        return true;
    key = mail_id_key(id);
    known = key && lookup->by_id && lookup->by_id(lookup->arg, key, out);
    free(key);
    return known;
}

static void by_ids(struct match *match)
{
    struct match_message message;
    struct mail_ids ids = {0};

    mail_ids_answered(&ids, match->mail->headers);
    for (size_t i = 0; i < ids.count; i++)
        if (look_up(match->lookup, ids.ids[i], &message))
            found(match, &message, MATCH_MESSAGE_ID, ids.ids[i]);
    mail_ids_finish(&ids);
}

static void by_marker(struct match *match)
{
    const char *marker = mail_header_raw(match->mail->headers, "X-Postrider-Id", 0);
    struct match_message message;

    if (marker && match->lookup->by_token &&
        match->lookup->by_token(match->lookup->arg, marker, &message))
        found(match, &message, MATCH_MARKER, marker);
}

static void by_report(struct match *match)
{
    const struct mail_report *report = match->mail->report;
    const char *names[3];
    struct match_message message;

    if (!report)
        return;
    names[0] = report->marker;
    names[1] = report->message_id;
    names[2] = report->envelope_id;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i] && look_up(match->lookup, names[i], &message))
            found(match, &message, MATCH_REPORT, names[i]);
}

static void by_thread(struct match *match)
{
    const struct match_lookup *lookup = match->lookup;
    const struct match_mail *mail = match->mail;
    struct match_message message;

    if (mail->thread_id && *mail->thread_id && lookup->by_thread &&
        lookup->by_thread(lookup->arg, mail->mailbox, mail->thread_id, &message))
        found(match, &message, MATCH_THREAD, mail->thread_id);
}

static void by_label(struct match *match)
{
    const struct match_lookup *lookup = match->lookup;
    const struct match_mail *mail = match->mail;
    struct match_message message;

    if (mail->labels && mail->labels[0] && match->sender.len > 0 && lookup->by_label &&
        lookup->by_label(lookup->arg, mail->mailbox, buf_text(&match->sender), mail->labels,
                         &message))
        found(match, &message, MATCH_LABEL, mail->labels[0]);
}

void match_cut_subject(char *out, size_t size, const char *base)
{
    size_t len = strlen(base);

    if (len >= size)
        len = size - 1;
    while (len > 0 && ((unsigned char)base[len] & 0xc0) == 0x80)
        len--;
    memcpy(out, base, len);
    out[len] = '\0';
}

/* Who opts out by List-Unsubscribe's mailto, or by a mail of their own, writes under another
 * subject: that they were mailed from here says enough, whichever of our messages they mean. */
static bool same_subject(const struct match_mail *mail, const struct match_message *sent,
                         const char *base)
{
    return mail->kind == MAIL_UNSUBSCRIBE || strcmp(sent->base_subject, base) == 0;
}

/* The last resort: they were mailed from this mailbox lately, under this very subject. */
static void by_subject(struct match *match)
{
    const struct match_lookup *lookup = match->lookup;
    const struct match_mail *mail = match->mail;
    struct match_message *sent;
    char base[sizeof(sent->base_subject)];
    char *decoded, *whole;
    size_t count;

    if (!by_person(mail) || match->sender.len == 0 || !lookup->by_sender)
        return;
    decoded = mail_header(mail->headers, "Subject", 0);
    whole = mail_subject_base(decoded);
    match_cut_subject(base, sizeof(base), whole);
    free(decoded);
    free(whole);
    if (!*base && mail->kind != MAIL_UNSUBSCRIBE)
        return;
    sent = mem_array(MATCH_SENDER_MAX, sizeof(*sent));
    count = lookup->by_sender(lookup->arg, mail->mailbox, buf_text(&match->sender), sent,
                              MATCH_SENDER_MAX);
    for (size_t i = 0; i < count && i < MATCH_SENDER_MAX; i++)
        if (sent[i].mailbox == mail->mailbox && same_subject(mail, &sent[i], base) &&
            mail->received > sent[i].sent_at &&
            mail->received - sent[i].sent_at <= (int64_t)MATCH_SUBJECT_DAYS * DAY)
            found(match, &sent[i], MATCH_SENDER_SUBJECT, base);
    free(sent);
}

void match_find(const struct match_mail *mail, const struct match_lookup *lookup,
                struct match_result *result)
{
    struct match match = {mail, lookup, result, {0}};

    memset(result, 0, sizeof(*result));
    if (!may_answer(mail) || is_ours(mail, lookup))
        return;
    sender_key(mail, &match.sender);
    if (!MUTANT(subject_only)) {
        by_ids(&match);
        by_marker(&match);
        by_report(&match);
        by_thread(&match);
        by_label(&match);
    }
    if (result->count == 0)
        by_subject(&match);
    buf_finish(&match.sender);
}

void match_result_finish(struct match_result *result)
{
    for (size_t i = 0; i < result->count; i++)
        for (size_t e = 0; e < result->hits[i].count; e++)
            free(result->hits[i].matched[e]);
    memset(result, 0, sizeof(*result));
}

const char *match_evidence_name(enum match_evidence evidence)
{
    static const char *const names[] = {
        [MATCH_MESSAGE_ID] = "message-id", [MATCH_MARKER] = "marker",
        [MATCH_REPORT] = "report",         [MATCH_THREAD] = "thread",
        [MATCH_LABEL] = "label",           [MATCH_SENDER_SUBJECT] = "sender-and-subject"};

    return evidence >= MATCH_MESSAGE_ID && (size_t)evidence < ARRAY_LEN(names) ? names[evidence]
                                                                               : "?";
}

char *match_pending_id(const char *message_id)
{
    char *key = mail_id_key(message_id), *text = key ? mem_printf("id:%s", key) : NULL;

    free(key);
    return text;
}

char *match_pending_thread(uint64_t mailbox, const char *thread_id)
{
    return mem_printf("thread:%llu:%s", (unsigned long long)mailbox, thread_id);
}

char *match_pending_sender(uint64_t mailbox, const char *person_key)
{
    return mem_printf("sender:%llu:%s", (unsigned long long)mailbox, person_key);
}

/* The ids, then the ids of what a report returns, then thread and sender. */
static char **pending_keys(const struct match_mail *mail, const char *sender)
{
    struct mail_ids ids = {0};
    char **keys;
    size_t count = 0;

    mail_ids_answered(&ids, mail->headers);
    keys = mem_array(ids.count + 4, sizeof(char *));
    for (size_t i = 0; i < ids.count; i++)
        if ((keys[count] = match_pending_id(ids.ids[i])))
            count++;
    if (mail->report && mail->report->message_id &&
        (keys[count] = match_pending_id(mail->report->message_id)))
        count++;
    if (mail->thread_id && *mail->thread_id)
        keys[count++] = match_pending_thread(mail->mailbox, mail->thread_id);
    if (*sender && by_person(mail))
        keys[count++] = match_pending_sender(mail->mailbox, sender);
    mail_ids_finish(&ids);
    return keys;
}

char **match_pending_keys(const struct match_mail *mail, const struct match_lookup *lookup)
{
    struct buf sender = {0};
    char **keys;

    if (!may_answer(mail) || is_ours(mail, lookup))
        return NULL;
    sender_key(mail, &sender);
    keys = pending_keys(mail, buf_text(&sender));
    buf_finish(&sender);
    if (keys[0])
        return keys;
    free(keys);
    return NULL;
}
