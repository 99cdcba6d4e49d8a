/* engine/adopt.c: mail of ours in Sent that this store does not know as sent.
 *
 * A store that was put back from a copy plans what was sent after the copy was made. Its cursor is
 * as old as it is, though, and nothing is minted before the mailbox was listed to its end from
 * there: so what was sent since passes by here first, with the marker that only we can make. */
#include "base/mem.h"
#include "engine/internal.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/ids.h"
#include "mail/subject.h"

#include <errno.h>
#include <string.h>

/* Ours by its marker; or by the Message-ID that we gave it, which holds the same token, where a
 * provider shows no other header of what was sent (Exchange). */
bool sent_ref(const struct seal *seal, const struct mail_headers *headers, struct message_ref *ref)
{
    const char *text = mail_header_raw(headers, "x-postrider-id", 0);

    if (!text)
        text = mail_header_raw(headers, "message-id", 0);
    return text && seal_token_read(seal, text + strspn(text, " \t<"), &ref->enrolment, &ref->step);
}

struct sought {
    const char *key;
    bool found;
};

static bool is_sought(void *arg, const char *address, const char *name)
{
    struct sought *sought = arg;
    auto_buf struct buf key = {0};

    (void)name;
    sought->found =
        mail_address_key(address, &key) == 0 && strcmp(buf_text(&key), sought->key) == 0;
    return !sought->found;
}

/* Ids are given anew in a store that lost its newest: the mail must be to the very person, too. */
static bool is_to(const struct mail_headers *headers, const char *key)
{
    const char *to = mail_header_raw(headers, "to", 0);
    struct sought sought = {.key = key};

    if (to && key)
        mail_address_each(to, is_sought, &sought);
    return sought.found;
}

/* Of a series, one that stands in Sent proves those before it: a step goes out only after the one
 * before was sent. They are taken first, so that none is ever missing between two; what is in Sent
 * of them, if it still is, is met by itself and gives them their identity (answer.c). */
struct sight {
    struct listing *listing;
    const struct mail_item *item;
    const struct mail_headers *headers;
    struct message_ref ref; /* of the mail itself */
};

/* What the store has of the message; -EALREADY: nothing is to be learned of it here. */
static int open_state(const struct sight *sight, int found, const struct message *message,
                      const struct enrolment *enrolment)
{
    if (found == -ENOENT)
        return enrolment->status == ENROLMENT_FAILED ? -EALREADY : MESSAGE_PLANNED;
    switch (message->state) {
    case MESSAGE_PLANNED:
    case MESSAGE_STOPPED:
        return MESSAGE_PLANNED;
    case MESSAGE_UNCERTAIN:
        return MESSAGE_UNCERTAIN;
    case MESSAGE_INTENDED:
    case MESSAGE_STAGED: /* seen itself, it is left to reconcile, which asks for it */
        return message->step == sight->ref.step ? -EALREADY : MESSAGE_INTENDED;
    default:
        return -EALREADY;
    }
}

static void fill(struct message *message, struct message_ref ref, const struct sight *sight,
                 const struct enrolment *enrolment, const char *to)
{
    const struct mail_item *item = sight->item;
    auto_free char *subject = mail_header(sight->headers, "subject", 0);
    char token[48];

    seal_token(sight->listing->engine->options.seal, ref.enrolment, ref.step, token);
    message->enrolment = ref.enrolment;
    message->step = ref.step;
    message->campaign = enrolment->campaign;
    message->person = enrolment->person;
    message->mailbox = sight->listing->mailbox;
    message->state = MESSAGE_INTENDED;
    message->attempt++;
    message->minted_at = message->ended_at = item->received;
    if (!message->first_minted_at)
        message->first_minted_at = item->received;
    free(message->from);
    message->from = mail_header_from(sight->headers);
    mem_str_set(&message->to, to);
    free(message->message_id);
    message->message_id = mem_printf("%s@%s", token,
                                     message->from && mail_address_domain(message->from)
                                         ? mail_address_domain(message->from)
                                         : "");
    mem_str_set(&message->subject, subject);
    free(message->base_subject);
    message->base_subject = mail_subject_base(subject ? subject : "");
}

/* As though it had been found in Sent. */
static int take(struct store_txn *txn, const struct sight *sight, struct message_ref ref)
{
    struct listing *listing = sight->listing;
    auto_free char *message_id = NULL;
    struct outcome outcome = {
        .engine = listing->engine, .ref = ref, .verdict = OUTCOME_SENT, .now = listing->began};
    int r;

    if (ref.step == sight->ref.step) {
        outcome.provider_id = sight->item->provider_id;
        outcome.thread_id = sight->item->thread_id;
        outcome.message_id = message_id =
            mail_id_bare(mail_header_raw(sight->headers, "message-id", 0));
        outcome.final = message_id != NULL;
    }
    r = outcome_apply(txn, &outcome);
    if (r == 0) {
        listing->adopted++;
        listing->work = listing->work || outcome.work_at < INT64_MAX;
        if (outcome.next_due < listing->next_due)
            listing->next_due = outcome.next_due;
    }
    return r;
}

/* One step, which was sent. */
static int adopt_step(struct store_txn *txn, const struct sight *sight, struct message_ref ref,
                      const char *to)
{
    auto_record(enrolment) enrolment = {0};
    auto_record(message) message = {0};
    int found, state, r = store_enrolment_get(txn, ref.enrolment, &enrolment);

    if (r < 0)
        return r;
    found = store_message_get(txn, ref.enrolment, ref.step, &message);
    if (found < 0 && found != -ENOENT)
        return found;
    state = open_state(sight, found, &message, &enrolment);
    if (state < 0)
        return 0;
    if (state == MESSAGE_PLANNED) {
        bool stopped =
            found == 0 ? message.state == MESSAGE_STOPPED : enrolment.status == ENROLMENT_STOPPED;

        fill(&message, ref, sight, &enrolment, to);
        r = store_message_put(txn, &message);
        if (r == 0)
            r = counts_move(txn, message.campaign, stopped ? COUNT(stopped) : COUNT(planned),
                            COUNT(intended), 1);
    }
    return r < 0 ? r : take(txn, sight, ref);
}

static int adopt(struct store_txn *txn, const struct sight *sight)
{
    auto_record(enrolment) enrolment = {0};
    auto_record(person) person = {0};
    struct message_ref ref = sight->ref;
    int r = store_enrolment_get(txn, ref.enrolment, &enrolment);

    if (r == 0)
        r = store_person_get(txn, enrolment.person, &person);
    if (r < 0)
        return r == -ENOENT ? 0 : r; /* newer than the copy, or erased */
    if (ref.step >= enrolment.steps || !is_to(sight->headers, person.key))
        return 0;
    if (enrolment.step < ref.step)
        ref.step = enrolment.step;
    for (; r == 0 && ref.step <= sight->ref.step; ref.step++)
        r = adopt_step(txn, sight, ref, person.key);
    return r;
}

int adopt_sent(struct store_txn *txn, struct listing *listing, const struct mail_item *item)
{
    struct mail_headers headers = {0};
    struct sight sight = {.listing = listing, .item = item, .headers = &headers};
    int r = 0;

    mail_headers_parse(&headers, item->headers.data, item->headers.len);
    if (sent_ref(listing->engine->options.seal, &headers, &sight.ref))
        r = adopt(txn, &sight);
    mail_headers_finish(&headers);
    return r;
}
