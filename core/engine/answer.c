/* engine/answer.c: what a listed mail means: recorded, with all that follows, in one transaction.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "engine/lookup.h"
#include "mail/address.h"
#include "mail/classify.h"
#include "mail/header.h"
#include "mail/ids.h"
#include "mail/report.h"

#include <errno.h>
#include <string.h>

static const int64_t DAY_MS = 24 * 3600 * 1000LL;

/* -- what follows from an answer ----------------------------------------------------------- */

static uint32_t mark_of(int32_t kind)
{
    switch (kind) {
    case REPLY_HUMAN:
        return MARK_ANSWERED;
    case REPLY_AUTO:
    case REPLY_OUT_OF_OFFICE:
        return MARK_AUTO_REPLIED;
    case REPLY_BOUNCE_HARD:
        return MARK_BOUNCED_HARD;
    case REPLY_BOUNCE_SOFT:
        return MARK_BOUNCED_SOFT;
    case REPLY_BOUNCE_UNKNOWN:
        return MARK_BOUNCED_UNKNOWN;
    case REPLY_UNSUBSCRIBE:
        return MARK_UNSUBSCRIBED;
    default:
        return MARK_COMPLAINED;
    }
}

static const char *rule_of(int32_t kind)
{
    static const char *const names[] = {"",          "answered", "auto_replied", "auto_replied",
                                        "bounced",   "bounced",  "bounced",      "unsubscribed",
                                        "complained"};

    return kind > 0 && (size_t)kind < ARRAY_LEN(names) ? names[kind] : "";
}

static const char *sentence_of(const struct answer *answer)
{
    switch (answer->kind) {
    case REPLY_HUMAN:
        return answer->other_address ? "They answered, from another address." : "They answered.";
    case REPLY_AUTO:
    case REPLY_OUT_OF_OFFICE:
        return "An automatic answer came, and this campaign stops on those.";
    case REPLY_UNSUBSCRIBE:
        return "They opted out.";
    case REPLY_COMPLAINT:
        return "They complained.";
    case REPLY_BOUNCE_HARD:
        return "Their address bounced.";
    default:
        return "A mail to them bounced, and it does not say for how long.";
    }
}

enum reach { REACH_NOTHING, REACH_ENROLMENT, REACH_PERSON };

/* How far an answer of this kind reaches, by the campaign's own rule. */
static enum reach reach_of(int32_t kind, const struct sequence *sequence)
{
    switch (kind) {
    case REPLY_HUMAN:
        return sequence->stop_on & SEQUENCE_STOP_REPLY ? REACH_PERSON : REACH_NOTHING;
    case REPLY_AUTO:
    case REPLY_OUT_OF_OFFICE:
        return sequence->stop_on & SEQUENCE_STOP_AUTO_REPLY ? REACH_ENROLMENT : REACH_NOTHING;
    case REPLY_BOUNCE_HARD:
        return REACH_PERSON;
    case REPLY_BOUNCE_UNKNOWN:
        return REACH_ENROLMENT;
    case REPLY_BOUNCE_SOFT:
        return REACH_NOTHING;
    default:
        return REACH_PERSON; /* opt-out and complaint, whatever the campaign says */
    }
}

static int apply_stops(struct store_txn *txn, const struct answer *answer, uint64_t reply,
                       const struct sequence *sequence, struct decide_facts *facts)
{
    enum reach reach = reach_of(answer->kind, sequence);
    struct stop stop = {.rule = rule_of(answer->kind),
                        .why = sentence_of(answer),
                        .reply = reply,
                        .now = answer->now};
    auto_buf struct buf company = {0};
    int r = 0;

    if (reach == REACH_ENROLMENT)
        return stop_enrolment(txn, &facts->enrolment, &stop);
    if (reach == REACH_PERSON)
        r = stop_person(txn, &facts->person, &stop);
    /* Also where this campaign goes on: others of theirs may stop on it. */
    if (r == 0 && !facts->person.answered_at &&
        (reach == REACH_PERSON || answer->kind == REPLY_HUMAN)) {
        facts->person.answered_at = answer->received ? answer->received : answer->now;
        facts->person.answer_kind = answer->kind;
        r = store_person_put(txn, &facts->person);
    }
    if (r == 0 && reach == REACH_PERSON && answer->kind == REPLY_HUMAN && sequence->stop_company &&
        mail_company(facts->person.key, &company) == 0) {
        stop.rule = "company";
        stop.why = "Somebody of their company answered.";
        r = stop_company(txn, facts->campaign.id, buf_text(&company), facts->enrolment.id, &stop);
    }
    return r;
}

static int apply_suppression(struct store_txn *txn, const struct answer *answer,
                             const struct person *person)
{
    const char *why;

    switch (answer->kind) {
    case REPLY_BOUNCE_HARD:
        why = "The address bounced.";
        break;
    case REPLY_UNSUBSCRIBE:
        why = "They opted out.";
        break;
    case REPLY_COMPLAINT:
        why = "They complained.";
        break;
    default:
        return 0;
    }
    return suppress_key(txn, SUPPRESS_ADDRESS, person->key, why, answer->now);
}

static int apply_labels(struct store_txn *txn, const struct answer *answer,
                        const struct sequence *sequence)
{
    static const char *const names[] = {"",        "Replied", NULL,        NULL,        "Bounced",
                                        "Bounced", "Bounced", "Opted out", "Complained"};
    const char *name = names[answer->kind];
    auto_free char *label = NULL;
    struct work work = {.mailbox = answer->mailbox,
                        .enrolment = answer->enrolment,
                        .step = answer->step,
                        .kind = WORK_LABEL,
                        .provider_id = (char *)(uintptr_t)answer->provider_id,
                        .due = answer->now};

    if (!sequence->label || !name || !answer->provider_id)
        return 0;
    label = mem_printf("%s/%s", sequence->label, name);
    work.label = label;
    return work_add(txn, &work);
}

/* They said when they are back: nothing goes before. */
static int apply_away(struct store_txn *txn, const struct answer *answer,
                      struct enrolment *enrolment)
{
    if (answer->kind != REPLY_OUT_OF_OFFICE || answer->returns_at <= answer->now ||
        answer->returns_at > answer->now + 180 * DAY_MS)
        return 0;
    enrolment->away_until = answer->returns_at;
    return store_enrolment_put(txn, enrolment);
}

/* One mail that answers two people's series: the first of them has it to show. */
static int put_shared(struct store_txn *txn, const struct reply *reply)
{
    struct reply shown = *reply;
    int r = store_reply_put(txn, &shown);

    if (r != -EEXIST)
        return r;
    shown.provider_id = NULL;
    return store_reply_put(txn, &shown);
}

static int put_reply(struct store_txn *txn, const struct answer *answer,
                     const struct enrolment *enrolment, uint64_t *id_r)
{
    struct reply reply = {
        .mailbox = answer->mailbox,
        .campaign = enrolment->campaign,
        .enrolment = enrolment->id,
        .person = enrolment->person,
        .step = answer->step,
        .kind = answer->kind,
        .received_at = answer->received,
        .recorded_at = answer->now,
        .returns_at = answer->returns_at,
        .provider_id = (char *)(uintptr_t)answer->provider_id,
        .thread_id = (char *)(uintptr_t)answer->thread_id,
        .message_id = (char *)(uintptr_t)answer->message_id,
        .from = (char *)(uintptr_t)answer->from,
        .subject = (char *)(uintptr_t)answer->subject,
        .why = (char *)(uintptr_t)answer->why,
        .other_address = answer->other_address,
        .evidence = answer->evidence,
        .evidence_count = answer->evidence_count,
    };
    int r = store_next_id(txn, SEQ_REPLY, &reply.id);

    if (r == 0)
        r = put_shared(txn, &reply);
    if (r == 0)
        *id_r = reply.id;
    return r;
}

/* A mail that was recorded before and has another id now: somebody moved it to another folder, or
 * its folder was renumbered. The reply follows it. -ENOENT: it was not recorded before. */
static int follow_reply(struct store_txn *txn, const struct answer *answer)
{
    uint64_t after = 0;

    for (;;) {
        auto_record(reply) reply = {0};
        int r = store_reply_next_of(txn, answer->enrolment, after, &reply);

        if (r < 0)
            return r;
        after = reply.id;
        if (reply.mailbox != answer->mailbox || reply.kind != answer->kind || !reply.message_id ||
            !answer->message_id || strcmp(reply.message_id, answer->message_id) != 0)
            continue;
        mem_str_set(&reply.provider_id, answer->provider_id);
        return put_shared(txn, &reply);
    }
}

int answer_record(struct store_txn *txn, struct brain *brain, const struct answer *answer)
{
    struct decide_facts facts = {0};
    uint64_t reply = 0;
    int r = follow_reply(txn, answer);

    if (r != -ENOENT)
        return r;
    r = decide_load(txn, brain, answer->enrolment, &facts);
    if (r == 0)
        r = put_reply(txn, answer, &facts.enrolment, &reply);
    if (r == 0)
        r = mark_enrolment(txn, &facts.enrolment, mark_of(answer->kind));
    if (r == 0)
        r = apply_away(txn, answer, &facts.enrolment);
    if (r == 0)
        r = apply_suppression(txn, answer, &facts.person);
    if (r == 0)
        r = apply_stops(txn, answer, reply, facts.sequence, &facts);
    if (r == 0)
        r = apply_labels(txn, answer, facts.sequence);
    decide_facts_finish(&facts);
    return r == -ENOENT ? 0 : r; /* erased meanwhile */
}

/* -- one mail --------------------------------------------------------------------------------- */

static int32_t reply_kind_of(const struct mail_verdict *verdict)
{
    switch (verdict->kind) {
    case MAIL_REPLY:
        return REPLY_HUMAN;
    case MAIL_AUTO_REPLY:
        return REPLY_AUTO;
    case MAIL_OUT_OF_OFFICE:
        return REPLY_OUT_OF_OFFICE;
    case MAIL_BOUNCE:
        return verdict->hardness == MAIL_HARD   ? REPLY_BOUNCE_HARD
               : verdict->hardness == MAIL_SOFT ? REPLY_BOUNCE_SOFT
                                                : REPLY_BOUNCE_UNKNOWN;
    case MAIL_UNSUBSCRIBE:
        return REPLY_UNSUBSCRIBE;
    case MAIL_COMPLAINT:
        return REPLY_COMPLAINT;
    default:
        return 0;
    }
}

static void fill_evidence(const struct match_hit *hit, struct evidence *list)
{
    for (size_t i = 0; i < hit->count; i++)
        list[i] = (struct evidence){(int32_t)hit->evidence[i], hit->matched[i]};
}

static int record_hits(struct store_txn *txn, struct listing *listing, const struct mail_item *item,
                       const struct mail_headers *headers, const struct mail_verdict *verdict,
                       const struct match_result *result)
{
    auto_free char *from = mail_header_from(headers);
    auto_free char *subject = mail_header(headers, "subject", 0);
    auto_free char *raw = mail_header(headers, "message-id", 0);
    auto_free char *message_id = raw ? mail_id_key(raw) : NULL;

    for (size_t i = 0; i < result->count; i++) {
        const struct match_hit *hit = &result->hits[i];
        struct evidence evidence[MATCH_EVIDENCE_MAX];
        struct answer answer = {
            .mailbox = listing->mailbox,
            .enrolment = hit->message.enrolment,
            .step = hit->message.step,
            .kind = reply_kind_of(verdict),
            .received = item->received,
            .returns_at = verdict->returns_at,
            .now = listing->began,
            .provider_id = item->provider_id,
            .thread_id = item->thread_id,
            .message_id = message_id,
            .from = from,
            .subject = subject,
            .why = verdict->reason,
            .other_address = hit->by_other,
            .evidence = evidence,
            .evidence_count = hit->count,
        };
        int r;

        fill_evidence(hit, evidence);
        r = answer_record(txn, &listing->engine->writer, &answer);
        if (r < 0)
            return r;
        listing->matched++;
        listing->work = true;
    }
    return 0;
}

/* Leaves keyed hashes, nothing else, of a mail that may yet turn out to be an answer. */
static int leave_pending(struct store_txn *txn, const struct listing *listing,
                         const struct mail_item *item, const struct match_mail *mail,
                         const struct match_lookup *lookup, int32_t kind)
{
    char **keys = MUTANT(early_answer_forgotten) ? NULL : match_pending_keys(mail, lookup);
    struct pending pending = {.mailbox = listing->mailbox,
                              .kind = kind,
                              .received_at = item->received,
                              .provider_id = item->provider_id};
    int r = 0;

    for (size_t i = 0; keys && keys[i]; i++) {
        pending.hashes = mem_grow(pending.hashes, pending.hash_count + 1, sizeof(*pending.hashes));
        store_hash(txn, "pending", keys[i], pending.hashes[pending.hash_count++]);
    }
    if (pending.hash_count) {
        r = store_next_id(txn, SEQ_PENDING, &pending.id);
        if (r == 0)
            r = store_pending_put(txn, &pending);
    }
    free(pending.hashes);
    mem_strv_free(keys);
    return r;
}

static bool ours(const struct lookup *lookup, const struct mail_headers *headers)
{
    auto_free char *from = mail_header_from(headers);

    return from && lookup->table.is_ours(lookup->table.arg, from);
}

static int judge_arrived(struct store_txn *txn, struct listing *listing, struct lookup *lookup,
                         const struct mail_item *item)
{
    struct mail_headers headers = {0};
    struct mail_report report = {0};
    struct match_result result = {0};
    struct mail_verdict verdict = {0};
    bool reported = item->report_type || item->report.len || item->returned.len;
    struct mail_input input = {.headers = &headers,
                               .report = reported ? &report : NULL,
                               .where = (enum mail_where)item->where,
                               .now = item->received};
    struct match_mail mail = {.headers = &headers,
                              .report = input.report,
                              .where = input.where,
                              .mailbox = listing->mailbox,
                              .thread_id = item->thread_id,
                              .labels = (const char *const *)item->labels,
                              .received = item->received};
    int r = 0;

    mail_headers_parse(&headers, item->headers.data, item->headers.len);
    if (reported)
        mail_report_parse(&report, item->report_type, buf_bytes(&item->report),
                          buf_bytes(&item->returned));
    input.ours = ours(lookup, &headers);
    mail_classify(&input, &verdict);
    mail.kind = verdict.kind;
    if (reply_kind_of(&verdict)) {
        match_find(&mail, &lookup->table, &result);
        if (result.count)
            r = record_hits(txn, listing, item, &headers, &verdict, &result);
        else if (listing->unsettled)
            r = leave_pending(txn, listing, item, &mail, &lookup->table, reply_kind_of(&verdict));
    }
    match_result_finish(&result);
    mail_report_finish(&report);
    mail_headers_finish(&headers);
    return r;
}

static bool says_interested(char **labels)
{
    static const char tail[] = "interested";

    for (size_t i = 0; labels && labels[i]; i++) {
        const char *last = strrchr(labels[i], '/');

        if (strcasecmp(last ? last + 1 : labels[i], tail) == 0)
            return true;
    }
    return false;
}

/* The mailbox's owner put a label on an answer: "Interested" counts. */
static int judge_relabelled(struct store_txn *txn, const struct listing *listing,
                            const struct mail_item *item)
{
    auto_record(reply) reply = {0};
    auto_record(enrolment) enrolment = {0};
    uint64_t id;
    int r;

    if (!says_interested(item->labels))
        return 0;
    r = store_reply_find(txn, listing->mailbox, item->provider_id, &id);
    if (r == 0)
        r = store_reply_get(txn, id, &reply);
    if (r < 0 || reply.interested)
        return r == -ENOENT ? 0 : r;
    reply.interested = true;
    r = store_reply_put(txn, &reply);
    if (r == 0)
        r = store_enrolment_get(txn, reply.enrolment, &enrolment);
    if (r == 0)
        r = mark_enrolment(txn, &enrolment, MARK_INTERESTED);
    return r == -ENOENT ? 0 : r;
}

/* A mail that we sent from here, as the provider delivered it: what answers will name. A message
 * whose sending is not settled yet is left to reconcile. */
static int learn_identity(struct store_txn *txn, const struct listing *listing,
                          const struct mail_item *item)
{
    struct brain *brain = &listing->engine->writer;
    auto_record(message) message = {0};
    struct mail_headers headers = {0};
    const char *id;
    struct message_ref ref;
    int r = -ENOENT;

    mail_headers_parse(&headers, item->headers.data, item->headers.len);
    id = mail_header_raw(&headers, "Message-ID", 0);
    if (id && (sent_ref(brain->options->seal, &headers, &ref) ||
               store_identity_find(txn, listing->mailbox, IDENTITY_PROVIDER, item->provider_id,
                                   &ref) == 0))
        r = store_message_get(txn, ref.enrolment, ref.step, &message);
    if (r == 0 && message.state == MESSAGE_SENT && !message.final &&
        message.mailbox == listing->mailbox) {
        free(message.final_id);
        message.final_id = mail_id_bare(id);
        message.final = true;
        if (!message.provider_id) /* its sending was answered without any */
            mem_str_set(&message.provider_id, item->provider_id);
        if (!message.thread_id)
            mem_str_set(&message.thread_id, item->thread_id);
        r = store_message_put(txn, &message);
        if (r == 0)
            r = answer_pending(txn, brain, &message, listing->began);
    }
    mail_headers_finish(&headers);
    return r == -ENOENT ? 0 : r;
}

static int judge(struct store_txn *txn, struct listing *listing, struct lookup *lookup,
                 const struct mail_item *item)
{
    uint64_t id;
    int r;

    if (item->change == RIDER_RELABELLED)
        return judge_relabelled(txn, listing, item);
    if (item->change != RIDER_ARRIVED)
        return 0;
    if (item->where == RIDER_OUTBOUND)
        return learn_identity(txn, listing, item);
    if (item->where != RIDER_INBOUND && item->where != RIDER_JUNK)
        return 0; /* ours: adopt_sent has looked at it */
    r = store_reply_find(txn, listing->mailbox, item->provider_id, &id);
    if (r != -ENOENT)
        return r; /* recorded before, or an error */
    r = judge_arrived(txn, listing, lookup, item);
    return r < 0 ? r : judge_relabelled(txn, listing, item); /* it came with the label on */
}

/* -- a page ----------------------------------------------------------------------------------- */

static bool still_unsettled(struct store_txn *txn, uint64_t mailbox)
{
    struct message_ref ref;

    return store_open_next(txn, mailbox, (struct message_ref){0}, &ref) == 0;
}

static int move_cursor(struct store_txn *txn, struct listing *listing, struct mailbox_pulse *pulse)
{
    free((void *)(uintptr_t)pulse->cursor.data);
    pulse->cursor =
        (struct bytes){mem_dup(listing->cursor.data, listing->cursor.len), listing->cursor.len};
    pulse->mailbox = listing->mailbox;
    if (listing->lost)
        pulse->since = listing->since;
    else if (!listing->more)
        pulse->listed_at = listing->began;
    return store_pulse_put(txn, pulse);
}

static int adopt_page(struct store_txn *txn, struct listing *listing)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < listing->count; i++) {
        const struct mail_item *item = &listing->items[i];

        if (item->change == RIDER_ARRIVED &&
            (item->where == RIDER_OUTBOUND || item->where == RIDER_TRASH))
            r = adopt_sent(txn, listing, item);
    }
    return r;
}

static int judge_page(struct store_txn *txn, struct listing *listing)
{
    auto_record(mailbox_pulse) pulse = {0};
    struct lookup lookup;
    int r = store_pulse_get(txn, listing->mailbox, &pulse);

    listing->matched = listing->adopted = 0;
    listing->work = false;
    listing->next_due = INT64_MAX;
    if (r < 0 && r != -ENOENT)
        return r;
    if (pulse.cursor.len != listing->asked.len ||
        (pulse.cursor.len && memcmp(pulse.cursor.data, listing->asked.data, pulse.cursor.len)))
        return -ESTALE; /* another listing moved it: this page was asked for with an old one */
    r = adopt_page(txn, listing); /* before what may answer it is judged */
    if (r < 0)
        return r;
    listing->unsettled = still_unsettled(txn, listing->mailbox);
    r = lookup_init(&lookup, txn, &listing->engine->writer, listing->mailbox);
    for (size_t i = 0; r == 0 && i < listing->count; i++)
        r = judge(txn, listing, &lookup, &listing->items[i]);
    lookup_finish(&lookup);
    return r < 0 ? r : move_cursor(txn, listing, &pulse);
}

/* Most of what is judged is none of ours: nothing of it may stay in freed memory. */
int answer_apply(struct store_txn *txn, void *arg)
{
    bool kept = mem_keep_freed(false);
    int r = judge_page(txn, arg);

    mem_keep_freed(kept);
    return r;
}

/* -- mail that came before its message's identity was known ------------------------------------ */

static bool has_hash(const struct pending *pending, const uint8_t hash[16])
{
    for (size_t i = 0; i < pending->hash_count; i++)
        if (memcmp(pending->hashes[i], hash, 16) == 0)
            return true;
    return false;
}

static size_t hashes_of(struct store_txn *txn, const struct message *message, uint8_t hashes[4][16],
                        int32_t kinds[4])
{
    char *keys[] = {
        message->final_id ? match_pending_id(message->final_id) : NULL,
        match_pending_id(message->message_id),
        message->thread_id ? match_pending_thread(message->mailbox, message->thread_id) : NULL,
    };
    static const int32_t key_kinds[] = {MATCH_MESSAGE_ID, MATCH_MESSAGE_ID, MATCH_THREAD};
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!keys[i])
            continue;
        store_hash(txn, "pending", keys[i], hashes[count]);
        kinds[count++] = key_kinds[i];
        free(keys[i]);
    }
    return count;
}

static int pending_matches(struct store_txn *txn, struct brain *brain,
                           const struct message *message, const struct pending *pending,
                           int32_t kind, int64_t now)
{
    struct evidence evidence = {kind, (char *)(uintptr_t) "learned after it came"};
    struct answer answer = {.mailbox = message->mailbox,
                            .enrolment = message->enrolment,
                            .step = message->step,
                            .kind = pending->kind,
                            .received = pending->received_at,
                            .now = now,
                            .provider_id = pending->provider_id,
                            .why = "It came before this message's identity was known.",
                            .evidence = &evidence,
                            .evidence_count = 1};
    uint64_t known;
    int r = store_reply_find(txn, message->mailbox, pending->provider_id, &known);

    if (r == -ENOENT)
        r = answer_record(txn, brain, &answer);
    return r < 0 ? r : store_pending_del(txn, pending->mailbox, pending->id);
}

static int forget_pending(struct store_txn *txn, uint64_t mailbox)
{
    uint64_t id = 0;
    int r;

    for (;;) {
        auto_record(pending) pending = {0};

        r = store_pending_next(txn, mailbox, id, &pending);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        id = pending.id;
        r = store_pending_del(txn, mailbox, id);
        if (r < 0)
            return r;
    }
}

int answer_pending(struct store_txn *txn, struct brain *brain, const struct message *message,
                   int64_t now)
{
    uint8_t hashes[4][16];
    int32_t kinds[4];
    size_t count = 0;
    uint64_t id = 0;
    int r;

    for (;;) {
        auto_record(pending) pending = {0};

        r = store_pending_next(txn, message->mailbox, id, &pending);
        if (r == -ENOENT && !id)
            return 0; /* nothing waits, as nearly always */
        if (r < 0)
            break;
        if (!id)
            count = hashes_of(txn, message, hashes, kinds);
        id = pending.id;
        for (size_t i = 0; i < count; i++)
            if (has_hash(&pending, hashes[i])) {
                r = pending_matches(txn, brain, message, &pending, kinds[i], now);
                break;
            }
        if (r < 0)
            return r;
    }
    if (r != -ENOENT)
        return r;
    return still_unsettled(txn, message->mailbox) ? 0 : forget_pending(txn, message->mailbox);
}
