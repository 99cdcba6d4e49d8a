/* store/kind.c: records and the index entries they stand under, moved together. */
#include "store/txn.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct entry *entries_add(struct entries *entries, enum table table)
{
    struct entry *entry;

    assert(entries->count < sizeof entries->list / sizeof entries->list[0]);
    entry = &entries->list[entries->count++];
    entry->table = table;
    entry->key.len = 0;
    entry->value = 0;
    return entry;
}

static bool same_entry(const struct entry *a, const struct entry *b)
{
    return a->table == b->table && a->value == b->value && a->key.len == b->key.len &&
           !memcmp(a->key.data, b->key.data, a->key.len);
}

bool entries_have(const struct entries *entries, const struct entry *entry)
{
    for (size_t i = 0; i < entries->count; i++)
        if (same_entry(&entries->list[i], entry))
            return true;
    return false;
}

static int put_entry(struct store_txn *txn, const struct entry *entry)
{
    struct key value = key_id(entry->value);

    return txn_put_new(txn, entry->table, &entry->key,
                       (struct bytes){value.data, entry->value ? value.len : 0});
}

/* Asked before anything is written: a caller may take -EEXIST for an answer and go on. An entry
 * that is empty has its record's id in its key, so nobody else can be there. */
static int check_free(struct store_txn *txn, const struct entries *old,
                      const struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->list[i];
        struct bytes taken;
        int r;

        if (!entry->value || entries_have(old, entry))
            continue;
        r = txn_get(txn, entry->table, &entry->key, &taken);
        if (r != -ENOENT)
            return r < 0 ? r : -EEXIST;
    }
    return 0;
}

/* What goes first, since a new entry may take the key of an old one. */
static int move_entries(struct store_txn *txn, const struct entries *old,
                        const struct entries *entries)
{
    int r = 0;

    for (size_t i = 0; !r && i < old->count; i++)
        if (!entries_have(entries, &old->list[i]))
            r = txn_del(txn, old->list[i].table, &old->list[i].key);
    for (size_t i = 0; !r && i < entries->count; i++)
        if (!entries_have(old, &entries->list[i]))
            r = put_entry(txn, &entries->list[i]);
    return r;
}

int kind_put(struct store_txn *txn, const struct kind *kind, const struct key *key,
             struct bytes raw, const struct entries *entries)
{
    static const struct entries none;
    struct entries old = {.count = 0};
    struct bytes before;
    bool is_new;
    int r = txn_get(txn, kind->table, key, &before);

    if (r < 0 && r != -ENOENT)
        return r;
    is_new = r == -ENOENT;
    r = 0;
    if (!entries)
        entries = &none;
    else if (!is_new)
        r = kind->entries(txn, (struct bytes){key->data, key->len}, before, &old);
    if (!r)
        r = check_free(txn, &old, entries);
    if (!r)
        r = is_new ? txn_put_new(txn, kind->table, key, raw) : txn_put(txn, kind->table, key, raw);
    return r < 0 ? r : move_entries(txn, &old, entries);
}

int kind_del(struct store_txn *txn, const struct kind *kind, const struct key *key)
{
    static const struct entries none;
    struct entries old = {.count = 0};
    struct bytes before;
    int r = txn_get(txn, kind->table, key, &before);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = kind->entries(txn, (struct bytes){key->data, key->len}, before, &old);
    if (!r)
        r = txn_del(txn, kind->table, key);
    return r < 0 ? r : move_entries(txn, &old, &none);
}
