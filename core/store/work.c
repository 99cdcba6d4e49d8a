/* store/work.c: work at the provider, suppressions, and the audit trail. */
#include "store/txn.h"

#include <errno.h>
#include <string.h>

/* -- work ---------------------------------------------------------------------------- */
static int work_raw(struct store_txn *txn, struct bytes key, struct bytes raw, struct entries *out)
{
    auto_record(work) work = {0};
    int r = record_work_decode(raw, &work);

    (void)txn;
    (void)out;
    if (r < 0 || key.len != 16)
        return -EBADMSG;
    return bytes_u64(key, 0) == work.mailbox && bytes_u64(key, 8) == work.id ? 0 : -EBADMSG;
}

const struct kind kind_work = {"work", TABLE_WORK, work_raw};

int store_work_put(struct store_txn *txn, const struct work *work)
{
    struct key key = key_pair(work->mailbox, work->id);
    auto_buf struct buf raw = {0};

    if (!work->id || !work->mailbox)
        return -EINVAL;
    record_work_encode(work, &raw);
    return kind_put(txn, &kind_work, &key, buf_bytes(&raw), NULL);
}

int store_work_del(struct store_txn *txn, uint64_t mailbox, uint64_t id)
{
    struct key key = key_pair(mailbox, id);

    return txn_del(txn, TABLE_WORK, &key);
}

int store_work_next(struct store_txn *txn, uint64_t mailbox, uint64_t after, struct work *work_r)
{
    struct key group = key_id(mailbox);
    struct bytes raw;
    uint64_t id;
    int r = txn_next_id(txn, TABLE_WORK, &group, after, &id, &raw);

    return r < 0 ? r : record_work_decode(raw, work_r);
}

/* -- suppressions -------------------------------------------------------------------- */
static int suppression_raw(struct store_txn *txn, struct bytes key, struct bytes raw,
                           struct entries *out)
{
    auto_record(suppression) s = {0};
    int r = record_suppression_decode(raw, &s);

    (void)txn;
    (void)out;
    return r < 0 || key.len != 16 ? -EBADMSG : 0;
}

const struct kind kind_suppression = {"suppression", TABLE_SUPPRESSION, suppression_raw};

static struct key suppression_key(struct store_txn *txn, int32_t kind, const char *text)
{
    struct key key = {.len = 0};

    return *key_hash(txn, &key, kind == SUPPRESS_DOMAIN ? "suppress domain" : "suppress address",
                     text);
}

int store_suppression_put(struct store_txn *txn, const char *text, const struct suppression *s)
{
    struct key key;
    auto_buf struct buf raw = {0};

    if (s->kind != SUPPRESS_ADDRESS && s->kind != SUPPRESS_DOMAIN)
        return -EINVAL;
    key = suppression_key(txn, s->kind, text);
    record_suppression_encode(s, &raw);
    return kind_put(txn, &kind_suppression, &key, buf_bytes(&raw), NULL);
}

int store_suppression_find(struct store_txn *txn, int32_t kind, const char *text,
                           struct suppression *s_r)
{
    struct key key = suppression_key(txn, kind, text);
    struct bytes raw;
    int r = txn_get(txn, TABLE_SUPPRESSION, &key, &raw);

    return r < 0 ? r : record_suppression_decode(raw, s_r);
}

int store_suppression_del(struct store_txn *txn, int32_t kind, const char *text)
{
    struct key key = suppression_key(txn, kind, text);

    return txn_del(txn, TABLE_SUPPRESSION, &key);
}

int store_suppression_next(struct store_txn *txn, const uint8_t after[16], uint8_t at_r[16],
                           struct suppression *s_r)
{
    struct key from = {.len = 0};
    struct bytes key, raw;
    int r;

    if (after) {
        memcpy(from.data, after, 16);
        from.len = 16;
        key_u8(&from, 0); /* just behind it */
    }
    r = txn_next(txn, TABLE_SUPPRESSION, &from, 0, &key, &raw);
    if (r < 0)
        return r;
    if (key.len != 16)
        return -EBADMSG;
    r = record_suppression_decode(raw, s_r);
    if (!r)
        memcpy(at_r, key.data, 16);
    return r;
}

/* -- the audit trail ----------------------------------------------------------------- */
static int audit_raw(struct store_txn *txn, struct bytes key, struct bytes raw, struct entries *out)
{
    auto_record(audit) audit = {0};
    int r = record_audit_decode(raw, &audit);

    (void)txn;
    (void)out;
    return r < 0 || key.len != 8 || bytes_u64(key, 0) != audit.id ? -EBADMSG : 0;
}

const struct kind kind_audit = {"audit line", TABLE_AUDIT, audit_raw};

int store_audit_add(struct store_txn *txn, int64_t at, const char *verb, const char *object,
                    const char *detail)
{
    struct audit audit = {.at = at,
                          .verb = (char *)(uintptr_t)verb,
                          .object = (char *)(uintptr_t)object,
                          .detail = (char *)(uintptr_t)detail}; /* lent; never finished */
    auto_buf struct buf raw = {0};
    struct key key;
    int r = store_next_id(txn, SEQ_AUDIT, &audit.id);

    if (r < 0)
        return r;
    key = key_id(audit.id);
    record_audit_encode(&audit, &raw);
    return kind_put(txn, &kind_audit, &key, buf_bytes(&raw), NULL);
}

int store_audit_next(struct store_txn *txn, uint64_t after, struct audit *audit_r)
{
    struct key all = {.len = 0};
    struct bytes raw;
    uint64_t id;
    int r = txn_next_id(txn, TABLE_AUDIT, &all, after, &id, &raw);

    return r < 0 ? r : record_audit_decode(raw, audit_r);
}
