/* store/meta.c: sequences and the count of commits. */
#include "store/txn.h"

#include "store/schema.h"

#include <errno.h>
#include <string.h>

struct key meta_key(const char *word)
{
    struct key key = {.len = strlen(word)};

    memcpy(key.data, word, key.len);
    return key;
}

int meta_get(struct store_txn *txn, const char *word, uint64_t *value_r)
{
    struct key key = meta_key(word);

    return txn_get_id(txn, TABLE_META, &key, value_r);
}

int meta_put(struct store_txn *txn, const char *word, uint64_t value)
{
    struct key key = meta_key(word), bytes = key_id(value);

    return txn_put(txn, TABLE_META, &key, (struct bytes){bytes.data, bytes.len});
}

int store_next_id(struct store_txn *txn, enum store_sequence sequence, uint64_t *id_r)
{
    static const char *const words[SEQ_COUNT] = {
        [SEQ_MAILBOX] = "next mailbox", [SEQ_CAMPAIGN] = "next campaign",
        [SEQ_PERSON] = "next person",   [SEQ_ENROLMENT] = "next enrolment",
        [SEQ_REPLY] = "next reply",     [SEQ_WORK] = "next work",
        [SEQ_PENDING] = "next pending", [SEQ_AUDIT] = "next audit",
    };
    uint64_t last = 0;
    int r;

    if ((unsigned)sequence >= SEQ_COUNT)
        return -EINVAL;
    r = meta_get(txn, words[sequence], &last);
    if (r < 0 && r != -ENOENT)
        return r;
    r = meta_put(txn, words[sequence], last + 1);
    if (!r)
        *id_r = last + 1;
    return r;
}

int store_commits(struct store_txn *txn, uint64_t *count_r)
{
    return meta_get(txn, "commits", count_r);
}
