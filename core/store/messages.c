/* store/messages.c: messages, which of them are open, the identities they are known by, and their
 * sealed bytes while those are needed. */
#include "base/mem.h"
#include "base/text.h"
#include "store/txn.h"

#include <errno.h>
#include <string.h>

static bool is_open(const struct message *message)
{
    switch (message->state) {
    case MESSAGE_INTENDED:
    case MESSAGE_STAGED:
    case MESSAGE_UNCERTAIN:
        return true;
    case MESSAGE_SENT:
        return !message->final;
    }
    return false;
}

/* A Message-ID is one of its kind in the world, and an answer may come to another mailbox of ours
 * (Reply-To); threads and ids are the mailbox's own. A Message-ID is kept as it was sent, and found
 * whatever the case of its domain. */
static void identity_prefix(struct store_txn *txn, struct key *key, uint64_t mailbox,
                            enum identity_kind kind, const char *text)
{
    auto_free char *folded = mem_str(text);
    char *at = kind == IDENTITY_MESSAGE_ID ? strrchr(folded, '@') : NULL;

    if (kind == IDENTITY_MESSAGE_ID)
        mailbox = 0;
    if (at)
        text_lower(at);
    key_hash(txn, key_u8(key_u64(key, mailbox), (uint8_t)kind), "identity", folded);
}

/* Each message stands under its identities by itself, and the last is taken when one is looked
 * up: a thread's newest needs no care when messages change. */
static void add_identity(struct store_txn *txn, const struct message *message,
                         enum identity_kind kind, const char *text, struct entries *out)
{
    struct entry *entry;

    if (!text || !*text)
        return;
    entry = entries_add(out, TABLE_IDENTITY);
    identity_prefix(txn, &entry->key, message->mailbox, kind, text);
    key_u16(key_u64(&entry->key, message->enrolment), message->step);
}

static void message_entries(struct store_txn *txn, const struct message *message,
                            struct entries *out)
{
    if (is_open(message)) {
        struct entry *entry = entries_add(out, TABLE_OPEN);

        key_u16(key_u64(key_u64(&entry->key, message->mailbox), message->enrolment), message->step);
    }
    if (message->state != MESSAGE_SENT)
        return;
    add_identity(txn, message, IDENTITY_MESSAGE_ID, message->final_id, out);
    add_identity(txn, message, IDENTITY_THREAD, message->thread_id, out);
    add_identity(txn, message, IDENTITY_PROVIDER, message->provider_id, out);
}

static int message_raw(struct store_txn *txn, struct bytes key, struct bytes raw,
                       struct entries *out)
{
    auto_record(message) message = {0};
    struct message_ref ref;
    int r = record_message_decode(raw, &message);

    if (r < 0 || key.len != 10)
        return -EBADMSG;
    ref = bytes_ref(key, 0);
    if (ref.enrolment != message.enrolment || ref.step != message.step)
        return -EBADMSG;
    message_entries(txn, &message, out);
    return 0;
}

const struct kind kind_message = {"message", TABLE_MESSAGE, message_raw};

int store_message_get(struct store_txn *txn, uint64_t enrolment, uint16_t step,
                      struct message *message_r)
{
    struct key key = key_ref((struct message_ref){enrolment, step});
    struct bytes raw;
    int r = txn_get(txn, TABLE_MESSAGE, &key, &raw);

    return r < 0 ? r : record_message_decode(raw, message_r);
}

int store_message_put(struct store_txn *txn, const struct message *message)
{
    struct key key = key_ref((struct message_ref){message->enrolment, message->step});
    struct entries entries = {.count = 0};
    auto_buf struct buf raw = {0};

    if (!message->enrolment)
        return -EINVAL;
    record_message_encode(message, &raw);
    message_entries(txn, message, &entries);
    return kind_put(txn, &kind_message, &key, buf_bytes(&raw), &entries);
}

int store_open_next(struct store_txn *txn, uint64_t mailbox, struct message_ref after,
                    struct message_ref *ref_r)
{
    struct key from = key_id(mailbox);
    struct bytes key;
    int r;

    key_u8(key_u16(key_u64(&from, after.enrolment), after.step), 0); /* just behind it */
    r = txn_next(txn, TABLE_OPEN, &from, 8, &key, NULL);
    if (r < 0)
        return r;
    if (key.len != 18)
        return -EBADMSG;
    *ref_r = bytes_ref(key, 8);
    return 0;
}

int store_identity_find(struct store_txn *txn, uint64_t mailbox, enum identity_kind kind,
                        const char *text, struct message_ref *ref_r)
{
    struct key prefix = {.len = 0};
    struct bytes key;
    int r;

    identity_prefix(txn, &prefix, mailbox, kind, text);
    r = txn_last(txn, TABLE_IDENTITY, &prefix, &key);
    if (r < 0)
        return r;
    if (key.len != prefix.len + 10)
        return -EBADMSG;
    *ref_r = bytes_ref(key, prefix.len);
    return 0;
}

int store_body_get(struct store_txn *txn, struct message_ref ref, struct buf *sealed)
{
    struct key key = key_ref(ref);

    return txn_append(txn, TABLE_BODY, &key, sealed);
}

int store_body_put(struct store_txn *txn, struct message_ref ref, struct bytes sealed)
{
    struct key key = key_ref(ref);

    return txn_put(txn, TABLE_BODY, &key, sealed);
}

int store_body_del(struct store_txn *txn, struct message_ref ref)
{
    struct key key = key_ref(ref);

    return txn_del(txn, TABLE_BODY, &key);
}
