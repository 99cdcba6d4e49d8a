/* store/mailboxes.c: mailboxes, how they are doing, their grants, and what sessions remember. */
#include "store/txn.h"

#include <errno.h>
#include <stdlib.h>

/* Grants and memory are bytes that only `seal` can read. */

static void mailbox_entries(struct store_txn *txn, const struct mailbox *mailbox,
                            struct entries *out)
{
    struct entry *entry;

    if (!mailbox->key)
        return;
    entry = entries_add(out, TABLE_MAILBOX_KEY);
    key_hash(txn, &entry->key, "mailbox", mailbox->key);
    entry->value = mailbox->id;
}

static int mailbox_raw(struct store_txn *txn, struct bytes key, struct bytes raw,
                       struct entries *out)
{
    auto_record(mailbox) mailbox = {0};
    int r = record_mailbox_decode(raw, &mailbox);

    if (r < 0 || key.len != 8 || bytes_u64(key, 0) != mailbox.id)
        return -EBADMSG;
    mailbox_entries(txn, &mailbox, out);
    return 0;
}

static int pulse_raw(struct store_txn *txn, struct bytes key, struct bytes raw, struct entries *out)
{
    auto_record(mailbox_pulse) pulse = {0};
    int r = record_mailbox_pulse_decode(raw, &pulse);

    (void)txn;
    (void)out;
    return r < 0 || key.len != 8 || bytes_u64(key, 0) != pulse.mailbox ? -EBADMSG : 0;
}

static int lane_raw(struct store_txn *txn, struct bytes key, struct bytes raw, struct entries *out)
{
    auto_record(lane) lane = {0};
    int r = record_lane_decode(raw, &lane);

    (void)txn;
    (void)out;
    if (r < 0 || key.len != 16)
        return -EBADMSG;
    return bytes_u64(key, 0) == lane.mailbox && bytes_u64(key, 8) == lane.campaign ? 0 : -EBADMSG;
}

const struct kind kind_lane = {"lane", TABLE_LANE, lane_raw};
const struct kind kind_mailbox = {"mailbox", TABLE_MAILBOX, mailbox_raw};
const struct kind kind_pulse = {"pulse", TABLE_PULSE, pulse_raw};

int store_mailbox_get(struct store_txn *txn, uint64_t id, struct mailbox *mailbox_r)
{
    struct key key = key_id(id);
    struct bytes raw;
    int r = txn_get(txn, TABLE_MAILBOX, &key, &raw);

    return r < 0 ? r : record_mailbox_decode(raw, mailbox_r);
}

int store_mailbox_find(struct store_txn *txn, const char *address_key, uint64_t *id_r)
{
    struct key key = {.len = 0};

    return txn_get_id(txn, TABLE_MAILBOX_KEY, key_hash(txn, &key, "mailbox", address_key), id_r);
}

int store_mailbox_put(struct store_txn *txn, const struct mailbox *mailbox)
{
    struct key key = key_id(mailbox->id);
    struct entries entries = {.count = 0};
    auto_buf struct buf raw = {0};

    if (!mailbox->id)
        return -EINVAL;
    record_mailbox_encode(mailbox, &raw);
    mailbox_entries(txn, mailbox, &entries);
    return kind_put(txn, &kind_mailbox, &key, buf_bytes(&raw), &entries);
}

int store_mailbox_next(struct store_txn *txn, uint64_t after, struct mailbox *mailbox_r)
{
    struct key all = {.len = 0};
    struct bytes raw;
    uint64_t id;
    int r = txn_next_id(txn, TABLE_MAILBOX, &all, after, &id, &raw);

    return r < 0 ? r : record_mailbox_decode(raw, mailbox_r);
}

int store_pulse_get(struct store_txn *txn, uint64_t mailbox, struct mailbox_pulse *pulse_r)
{
    struct key key = key_id(mailbox);
    struct bytes raw;
    int r = txn_get(txn, TABLE_PULSE, &key, &raw);

    return r < 0 ? r : record_mailbox_pulse_decode(raw, pulse_r);
}

int store_pulse_put(struct store_txn *txn, const struct mailbox_pulse *pulse)
{
    struct key key = key_id(pulse->mailbox);
    auto_buf struct buf raw = {0};

    if (!pulse->mailbox)
        return -EINVAL;
    record_mailbox_pulse_encode(pulse, &raw);
    return kind_put(txn, &kind_pulse, &key, buf_bytes(&raw), NULL);
}

int store_lane_get(struct store_txn *txn, uint64_t mailbox, uint64_t campaign, struct lane *lane_r)
{
    struct key key = key_pair(mailbox, campaign);
    struct bytes raw;
    int r = txn_get(txn, TABLE_LANE, &key, &raw);

    return r < 0 ? r : record_lane_decode(raw, lane_r);
}

int store_lane_put(struct store_txn *txn, const struct lane *lane)
{
    struct key key = key_pair(lane->mailbox, lane->campaign);
    auto_buf struct buf raw = {0};

    if (!lane->mailbox || !lane->campaign)
        return -EINVAL;
    record_lane_encode(lane, &raw);
    return kind_put(txn, &kind_lane, &key, buf_bytes(&raw), NULL);
}

int store_grant_get(struct store_txn *txn, uint64_t mailbox, struct buf *sealed)
{
    struct key key = key_id(mailbox);

    return txn_append(txn, TABLE_GRANT, &key, sealed);
}

int store_grant_put(struct store_txn *txn, uint64_t mailbox, struct bytes sealed)
{
    struct key key = key_id(mailbox);

    return txn_put(txn, TABLE_GRANT, &key, sealed);
}

int store_grant_del(struct store_txn *txn, uint64_t mailbox)
{
    struct key key = key_id(mailbox);

    return txn_del(txn, TABLE_GRANT, &key);
}

int store_memory_get(struct store_txn *txn, uint64_t mailbox, const char *word, struct buf *sealed)
{
    struct key key = key_id(mailbox);

    return txn_append(txn, TABLE_MEMORY, key_hash(txn, &key, "memory", word), sealed);
}

int store_memory_put(struct store_txn *txn, uint64_t mailbox, const char *word, struct bytes sealed)
{
    struct key key = key_id(mailbox);

    return txn_put(txn, TABLE_MEMORY, key_hash(txn, &key, "memory", word), sealed);
}

/* -- wiping one ---------------------------------------------------------------------- */
static int wipe_cursor(struct store_txn *txn, uint64_t mailbox)
{
    auto_record(mailbox_pulse) pulse = {0};
    int r = store_pulse_get(txn, mailbox, &pulse);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    free((void *)(uintptr_t)pulse.cursor.data);
    pulse.cursor = (struct bytes){NULL, 0};
    return store_pulse_put(txn, &pulse);
}

static int body_is_of(struct store_txn *txn, struct message_ref ref, uint64_t mailbox)
{
    auto_record(message) message = {0};
    int r = store_message_get(txn, ref.enrolment, ref.step, &message);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    return message.mailbox == mailbox;
}

/* Bodies are few (each goes once its message's outcome is settled), so all of them are looked at.
 */
static int wipe_bodies(struct store_txn *txn, uint64_t mailbox)
{
    struct key from = {.len = 0};
    struct bytes found;
    int r;

    while ((r = txn_next(txn, TABLE_BODY, &from, 0, &found, NULL)) == 0) {
        struct message_ref ref = bytes_ref(found, 0);

        if (!ref.enrolment)
            return -EBADMSG;
        r = body_is_of(txn, ref, mailbox);
        if (r > 0)
            r = store_body_del(txn, ref);
        if (r < 0)
            return r;
        from = key_ref(ref);
        key_u8(&from, 0); /* the next key there can be */
    }
    return r == -ENOENT ? 0 : r;
}

int store_mailbox_wipe(struct store_txn *txn, uint64_t mailbox)
{
    static const enum table tables[] = {TABLE_GRANT, TABLE_MEMORY, TABLE_PENDING, TABLE_WORK};
    struct key key = key_id(mailbox);
    int r = 0;

    for (size_t i = 0; !r && i < sizeof tables / sizeof tables[0]; i++)
        r = txn_del_prefix(txn, tables[i], &key);
    if (!r)
        r = wipe_cursor(txn, mailbox);
    return r < 0 ? r : wipe_bodies(txn, mailbox);
}
