/* engine/lookup.c: what matching looks up, answered from inside a store transaction. */
#include "engine/lookup.h"

#include "base/mem.h"
#include "mail/address.h"
#include "mail/ids.h"

#include <errno.h>
#include <string.h>

static bool fill(struct lookup *lookup, struct message_ref ref, struct match_message *out)
{
    auto_record(message) message = {0};
    auto_record(person) person = {0};

    if (store_message_get(lookup->txn, ref.enrolment, ref.step, &message) < 0)
        return false;
    if (message.state == MESSAGE_PLANNED || message.state == MESSAGE_STOPPED ||
        message.state == MESSAGE_FAILED)
        return false;
    /* From when an answer is possible: providers tell arrivals by the second, and a machine answers
     * before we have heard that the mail was taken. */
    *out = (struct match_message){.campaign = message.campaign,
                                  .person = message.person,
                                  .enrolment = message.enrolment,
                                  .mailbox = message.mailbox,
                                  .step = message.step,
                                  .sent_at = message.first_minted_at / 1000 * 1000 - 1};
    if (store_person_get(lookup->txn, message.person, &person) == 0 && person.key)
        snprintf(out->person_key, sizeof(out->person_key), "%s", person.key);
    if (message.base_subject)
        match_cut_subject(out->base_subject, sizeof(out->base_subject), message.base_subject);
    return true;
}

static bool by_token(void *arg, const char *text, struct match_message *out)
{
    struct lookup *lookup = arg;
    struct message_ref ref;

    return seal_token_read(lookup->brain->options->seal, text, &ref.enrolment, &ref.step) &&
           fill(lookup, ref, out);
}

static bool by_id(void *arg, const char *id_key, struct match_message *out)
{
    struct lookup *lookup = arg;
    struct message_ref ref;

    return store_identity_find(lookup->txn, lookup->mailbox, IDENTITY_MESSAGE_ID, id_key, &ref) ==
               0 &&
           fill(lookup, ref, out);
}

static bool by_thread(void *arg, uint64_t mailbox, const char *thread_id, struct match_message *out)
{
    struct lookup *lookup = arg;
    struct message_ref ref;

    return store_identity_find(lookup->txn, mailbox, IDENTITY_THREAD, thread_id, &ref) == 0 &&
           fill(lookup, ref, out);
}

static size_t by_sender(void *arg, uint64_t mailbox, const char *person_key,
                        struct match_message *out, size_t max)
{
    struct lookup *lookup = arg;
    auto_record(person) person = {0};
    size_t count = 0;
    uint64_t id;

    if (store_person_find(lookup->txn, person_key, &id) < 0 ||
        store_person_get(lookup->txn, id, &person) < 0)
        return 0;
    for (size_t i = person.enrolment_count; i-- > 0 && count < max;) {
        auto_record(enrolment) enrolment = {0};

        if (store_enrolment_get(lookup->txn, person.enrolments[i], &enrolment) < 0)
            continue;
        for (int step = enrolment.steps; step-- > 0 && count < max;) {
            struct match_message found;

            if (fill(lookup, (struct message_ref){enrolment.id, (uint16_t)step}, &found) &&
                found.mailbox == mailbox)
                out[count++] = found;
        }
    }
    return count;
}

/* Whether a campaign's label, or one below it ("Outreach/Berlin/Replied"), is among these. */
static bool has_label(struct lookup *lookup, uint64_t campaign, const char *const *labels)
{
    auto_record(campaign) record = {0};
    const struct sequence *sequence;
    size_t len;

    if (store_campaign_get(lookup->txn, campaign, &record) < 0 ||
        brain_sequence(lookup->brain, &record, &sequence) < 0 || !sequence->label)
        return false;
    len = strlen(sequence->label);
    for (size_t i = 0; labels[i]; i++)
        if (strncasecmp(labels[i], sequence->label, len) == 0 &&
            (labels[i][len] == '\0' || labels[i][len] == '/'))
            return true;
    return false;
}

static bool by_label(void *arg, uint64_t mailbox, const char *person_key, const char *const *labels,
                     struct match_message *out)
{
    struct lookup *lookup = arg;
    struct match_message sent[MATCH_SENDER_MAX];
    size_t count = by_sender(arg, mailbox, person_key, sent, MATCH_SENDER_MAX);

    for (size_t i = 0; i < count; i++)
        if (has_label(lookup, sent[i].campaign, labels)) {
            *out = sent[i];
            return true;
        }
    return false;
}

static bool is_ours(void *arg, const char *address)
{
    struct lookup *lookup = arg;
    auto_buf struct buf key = {0};
    uint64_t id;

    if (mail_address_key(address, &key) < 0)
        return false;
    if (store_mailbox_find(lookup->txn, buf_text(&key), &id) == 0)
        return true;
    for (size_t i = 0; lookup->receiver.aliases && lookup->receiver.aliases[i]; i++) {
        auto_buf struct buf alias = {0};

        if (mail_address_key(lookup->receiver.aliases[i], &alias) == 0 &&
            strcmp(buf_text(&alias), buf_text(&key)) == 0)
            return true;
    }
    return false;
}

int lookup_init(struct lookup *lookup, struct store_txn *txn, struct brain *brain, uint64_t mailbox)
{
    *lookup = (struct lookup){.txn = txn, .brain = brain, .mailbox = mailbox};
    lookup->table = (struct match_lookup){.by_token = by_token,
                                          .by_id = by_id,
                                          .by_thread = by_thread,
                                          .by_label = by_label,
                                          .by_sender = by_sender,
                                          .is_ours = is_ours,
                                          .arg = lookup};
    return store_mailbox_get(txn, mailbox, &lookup->receiver);
}

void lookup_finish(struct lookup *lookup)
{
    record_mailbox_finish(&lookup->receiver);
}
