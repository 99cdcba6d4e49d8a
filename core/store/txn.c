/* store/txn.c: keys and single entries: LMDB in small words. */
#include "store/txn.h"

#include "base/mem.h"

#include <sodium.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

const char *const table_names[TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_MAILBOX] = "mailbox",
    [TABLE_MAILBOX_KEY] = "mailbox_key",
    [TABLE_PULSE] = "pulse",
    [TABLE_LANE] = "lane",
    [TABLE_GRANT] = "grant",
    [TABLE_MEMORY] = "memory",
    [TABLE_CAMPAIGN] = "campaign",
    [TABLE_CAMPAIGN_NAME] = "campaign_name",
    [TABLE_COUNTS] = "counts",
    [TABLE_PERSON] = "person",
    [TABLE_PERSON_KEY] = "person_key",
    [TABLE_ENROLMENT] = "enrolment",
    [TABLE_DUE] = "due",
    [TABLE_ENROLMENT_OF] = "enrolment_of",
    [TABLE_ENROLLED] = "enrolled",
    [TABLE_COMPANY] = "company",
    [TABLE_MESSAGE] = "message",
    [TABLE_OPEN] = "open",
    [TABLE_IDENTITY] = "identity",
    [TABLE_BODY] = "body",
    [TABLE_REPLY] = "reply",
    [TABLE_REPLY_OF] = "reply_of",
    [TABLE_REPLY_SEEN] = "reply_seen",
    [TABLE_PENDING] = "pending",
    [TABLE_WORK] = "work",
    [TABLE_SUPPRESSION] = "suppression",
    [TABLE_AUDIT] = "audit",
};

int store_error(int mdb)
{
    switch (mdb) {
    case 0:
        return 0;
    case MDB_NOTFOUND:
        return -ENOENT;
    case MDB_KEYEXIST:
        return -EEXIST;
    case MDB_MAP_FULL:
    case EDQUOT:
        return -ENOSPC;
    case MDB_TXN_FULL:
        return -EFBIG;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
        return -EBADMSG;
    case MDB_BAD_VALSIZE:
        return -EINVAL;
    }
    return mdb > 0 ? -mdb : -EIO;
}

/* -- keys ---------------------------------------------------------------------------- */
static struct key *key_number(struct key *key, size_t len, uint64_t value)
{
    assert(key->len + len <= sizeof key->data);
    for (size_t i = 0; i < len; i++)
        key->data[key->len + i] = (uint8_t)(value >> 8 * (len - 1 - i));
    key->len += len;
    return key;
}

struct key *key_u8(struct key *key, uint8_t value)
{
    return key_number(key, 1, value);
}

struct key *key_u16(struct key *key, uint16_t value)
{
    return key_number(key, 2, value);
}

struct key *key_u64(struct key *key, uint64_t value)
{
    return key_number(key, 8, value);
}

struct key *key_time(struct key *key, int64_t value)
{
    return key_number(key, 8, (uint64_t)value ^ (uint64_t)1 << 63);
}

struct key *key_hash(struct store_txn *txn, struct key *key, const char *domain, const char *text)
{
    assert(key->len + 16 <= sizeof key->data);
    store_hash(txn, domain, text, key->data + key->len);
    key->len += 16;
    return key;
}

struct key key_id(uint64_t id)
{
    struct key key = {.len = 0};

    return *key_u64(&key, id);
}

struct key key_pair(uint64_t a, uint64_t b)
{
    struct key key = key_id(a);

    return *key_u64(&key, b);
}

struct key key_ref(struct message_ref ref)
{
    struct key key = key_id(ref.enrolment);

    return *key_u16(&key, ref.step);
}

uint64_t bytes_u64(struct bytes bytes, size_t at)
{
    const uint8_t *in = bytes.data;
    uint64_t value = 0;

    for (size_t i = 0; i < 8 && at + 8 <= bytes.len; i++)
        value = value << 8 | in[at + i];
    return value;
}

int64_t bytes_time(struct bytes bytes, size_t at)
{
    return (int64_t)(bytes_u64(bytes, at) ^ (uint64_t)1 << 63);
}

struct message_ref bytes_ref(struct bytes bytes, size_t at)
{
    const uint8_t *in = bytes.data;

    if (at + 10 > bytes.len)
        return (struct message_ref){0, 0};
    return (struct message_ref){bytes_u64(bytes, at), (uint16_t)(in[at + 8] << 8 | in[at + 9])};
}

/* The same as seal_hash: BLAKE2b-128 of "domain NUL text". */
void store_hash(struct store_txn *txn, const char *domain, const char *text, uint8_t hash_r[16])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, txn->store->hash_key, sizeof txn->store->hash_key, 16);
    crypto_generichash_update(&state, (const uint8_t *)domain, strlen(domain) + 1);
    crypto_generichash_update(&state, (const uint8_t *)text, strlen(text));
    crypto_generichash_final(&state, hash_r, 16);
}

/* -- single entries ------------------------------------------------------------------ */
static MDB_val val(const void *data, size_t len)
{
    return (MDB_val){len, (void *)(uintptr_t)data};
}

static struct bytes lent(MDB_val value)
{
    return (struct bytes){value.mv_data, value.mv_size};
}

int txn_get(struct store_txn *txn, enum table table, const struct key *key, struct bytes *value_r)
{
    MDB_val k = val(key->data, key->len), v;
    int r = mdb_get(txn->txn, txn->store->tables[table], &k, &v);

    if (r)
        return store_error(r);
    *value_r = lent(v);
    return 0;
}

int txn_put(struct store_txn *txn, enum table table, const struct key *key, struct bytes value)
{
    MDB_val k = val(key->data, key->len), v = val(value.data, value.len);

    return store_error(mdb_put(txn->txn, txn->store->tables[table], &k, &v, 0));
}

/* Keys that begin with a hash never ascend; where they do, appending leaves full pages behind. */
static unsigned append_flag(enum table table)
{
    switch (table) {
    case TABLE_MAILBOX_KEY:
    case TABLE_CAMPAIGN_NAME:
    case TABLE_PERSON_KEY:
    case TABLE_COMPANY:
    case TABLE_SUPPRESSION:
        return MDB_NOOVERWRITE;
    default:
        return MDB_APPEND;
    }
}

int txn_put_new(struct store_txn *txn, enum table table, const struct key *key, struct bytes value)
{
    MDB_val k = val(key->data, key->len), v = val(value.data, value.len);
    int r = mdb_put(txn->txn, txn->store->tables[table], &k, &v, append_flag(table));

    if (r != MDB_KEYEXIST)
        return store_error(r);
    v = val(value.data, value.len);
    return store_error(mdb_put(txn->txn, txn->store->tables[table], &k, &v, MDB_NOOVERWRITE));
}

int txn_del(struct store_txn *txn, enum table table, const struct key *key)
{
    MDB_val k = val(key->data, key->len);
    int r = mdb_del(txn->txn, txn->store->tables[table], &k, NULL);

    return r == MDB_NOTFOUND ? 0 : store_error(r);
}

int txn_next(struct store_txn *txn, enum table table, const struct key *from, size_t prefix,
             struct bytes *key_r, struct bytes *value_r)
{
    MDB_val k = val(from->data, from->len), v;
    MDB_cursor *cursor;
    int r = mdb_cursor_open(txn->txn, txn->store->tables[table], &cursor);

    if (r)
        return store_error(r);
    r = mdb_cursor_get(cursor, &k, &v, from->len ? MDB_SET_RANGE : MDB_FIRST);
    mdb_cursor_close(cursor);
    if (r)
        return store_error(r);
    if (k.mv_size < prefix || memcmp(k.mv_data, from->data, prefix))
        return -ENOENT;
    *key_r = lent(k);
    if (value_r)
        *value_r = lent(v);
    return 0;
}

int txn_last(struct store_txn *txn, enum table table, const struct key *prefix, struct bytes *key_r)
{
    struct key beyond = *prefix;
    MDB_cursor *cursor;
    MDB_val k, v;
    int r = mdb_cursor_open(txn->txn, txn->store->tables[table], &cursor);

    if (r)
        return store_error(r);
    memset(beyond.data + beyond.len, 0xff, sizeof beyond.data - beyond.len);
    k = val(beyond.data, sizeof beyond.data);
    r = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    r = mdb_cursor_get(cursor, &k, &v, r == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
    mdb_cursor_close(cursor);
    if (r)
        return store_error(r);
    if (k.mv_size < prefix->len || memcmp(k.mv_data, prefix->data, prefix->len))
        return -ENOENT;
    *key_r = lent(k);
    return 0;
}

int txn_del_prefix(struct store_txn *txn, enum table table, const struct key *prefix)
{
    struct bytes found;
    int r;

    while ((r = txn_next(txn, table, prefix, prefix->len, &found, NULL)) == 0) {
        struct key key = {.len = found.len};

        if (found.len > sizeof key.data)
            return -EBADMSG;
        memcpy(key.data, found.data, found.len);
        r = txn_del(txn, table, &key);
        if (r < 0)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

int txn_get_id(struct store_txn *txn, enum table table, const struct key *key, uint64_t *id_r)
{
    struct bytes value = {NULL, 0};
    int r = txn_get(txn, table, key, &value);

    if (r < 0)
        return r;
    if (value.len != 8)
        return -EBADMSG;
    *id_r = bytes_u64(value, 0);
    return 0;
}

int txn_append(struct store_txn *txn, enum table table, const struct key *key, struct buf *out)
{
    struct bytes value = {NULL, 0};
    int r = txn_get(txn, table, key, &value);

    if (r < 0)
        return r;
    buf_add(out, value.data, value.len);
    return 0;
}

int txn_next_id(struct store_txn *txn, enum table table, const struct key *group, uint64_t after,
                uint64_t *id_r, struct bytes *value_r)
{
    struct key from = *group;
    struct bytes key;
    int r;

    if (after == UINT64_MAX)
        return -ENOENT;
    key_u64(&from, after + 1);
    r = txn_next(txn, table, &from, group->len, &key, value_r);
    if (r < 0)
        return r;
    if (key.len != from.len)
        return -EBADMSG;
    *id_r = bytes_u64(key, group->len);
    return 0;
}
