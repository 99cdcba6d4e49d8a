/* store/replies.c: replies, and mail that may yet turn out to be one. */
#include "store/txn.h"

#include <errno.h>

static void reply_entries(struct store_txn *txn, const struct reply *reply, struct entries *out)
{
    struct entry *entry;

    if (reply->enrolment) {
        entry = entries_add(out, TABLE_REPLY_OF);
        entry->key = key_pair(reply->enrolment, reply->id);
    }
    if (!reply->provider_id || !*reply->provider_id)
        return;
    entry = entries_add(out, TABLE_REPLY_SEEN);
    key_hash(txn, key_u64(&entry->key, reply->mailbox), "mail", reply->provider_id);
    entry->value = reply->id;
}

static int reply_raw(struct store_txn *txn, struct bytes key, struct bytes raw, struct entries *out)
{
    auto_record(reply) reply = {0};
    int r = record_reply_decode(raw, &reply);

    if (r < 0 || key.len != 8 || bytes_u64(key, 0) != reply.id)
        return -EBADMSG;
    reply_entries(txn, &reply, out);
    return 0;
}

static int pending_raw(struct store_txn *txn, struct bytes key, struct bytes raw,
                       struct entries *out)
{
    auto_record(pending) pending = {0};
    int r = record_pending_decode(raw, &pending);

    (void)txn;
    (void)out;
    if (r < 0 || key.len != 16)
        return -EBADMSG;
    return bytes_u64(key, 0) == pending.mailbox && bytes_u64(key, 8) == pending.id ? 0 : -EBADMSG;
}

const struct kind kind_reply = {"reply", TABLE_REPLY, reply_raw};
const struct kind kind_pending = {"pending mail", TABLE_PENDING, pending_raw};

int store_reply_get(struct store_txn *txn, uint64_t id, struct reply *reply_r)
{
    struct key key = key_id(id);
    struct bytes raw;
    int r = txn_get(txn, TABLE_REPLY, &key, &raw);

    return r < 0 ? r : record_reply_decode(raw, reply_r);
}

int store_reply_put(struct store_txn *txn, const struct reply *reply)
{
    struct key key = key_id(reply->id);
    struct entries entries = {.count = 0};
    auto_buf struct buf raw = {0};

    if (!reply->id)
        return -EINVAL;
    record_reply_encode(reply, &raw);
    reply_entries(txn, reply, &entries);
    return kind_put(txn, &kind_reply, &key, buf_bytes(&raw), &entries);
}

int store_reply_next(struct store_txn *txn, uint64_t after, struct reply *reply_r)
{
    struct key all = {.len = 0};
    struct bytes raw;
    uint64_t id;
    int r = txn_next_id(txn, TABLE_REPLY, &all, after, &id, &raw);

    return r < 0 ? r : record_reply_decode(raw, reply_r);
}

int store_reply_find(struct store_txn *txn, uint64_t mailbox, const char *provider_id,
                     uint64_t *id_r)
{
    struct key key = key_id(mailbox);

    return txn_get_id(txn, TABLE_REPLY_SEEN, key_hash(txn, &key, "mail", provider_id), id_r);
}

int store_reply_next_of(struct store_txn *txn, uint64_t enrolment, uint64_t after,
                        struct reply *reply_r)
{
    struct key group = key_id(enrolment);
    uint64_t id;
    int r = txn_next_id(txn, TABLE_REPLY_OF, &group, after, &id, NULL);

    if (r < 0)
        return r;
    r = store_reply_get(txn, id, reply_r);
    return r == -ENOENT ? -EBADMSG : r; /* -ENOENT would pass for the end */
}

int store_pending_put(struct store_txn *txn, const struct pending *pending)
{
    struct key key = key_pair(pending->mailbox, pending->id);
    auto_buf struct buf raw = {0};

    if (!pending->id || !pending->mailbox)
        return -EINVAL;
    record_pending_encode(pending, &raw);
    return kind_put(txn, &kind_pending, &key, buf_bytes(&raw), NULL);
}

int store_pending_next(struct store_txn *txn, uint64_t mailbox, uint64_t after,
                       struct pending *pending_r)
{
    struct key group = key_id(mailbox);
    struct bytes raw;
    uint64_t id;
    int r = txn_next_id(txn, TABLE_PENDING, &group, after, &id, &raw);

    return r < 0 ? r : record_pending_decode(raw, pending_r);
}

int store_pending_del(struct store_txn *txn, uint64_t mailbox, uint64_t id)
{
    struct key key = key_pair(mailbox, id);

    return txn_del(txn, TABLE_PENDING, &key);
}
