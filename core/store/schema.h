/* store/schema.h: the version of what is on disk, and the steps that bring an older one forward.
 *
 * Not for other rooms. All steps run in one transaction: a store is of one version or the next,
 * never between. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H
#include "store/txn.h"

enum { SCHEMA_VERSION = 2 };

struct schema_step {
    uint64_t from; /* turns this version into the next */
    int (*run)(struct store_txn *txn);
};

struct key meta_key(const char *word);
int meta_get(struct store_txn *txn, const char *word, uint64_t *value_r);
int meta_put(struct store_txn *txn, const char *word, uint64_t value);

/* Brings the store to `version`. -EPROTO: it is of a newer one, no step leads on from its own, or
 * it is no store of ours. error_r: a sentence to be freed. */
int schema_advance(struct store_txn *txn, uint64_t version, const struct schema_step *steps,
                   size_t count, char **error_r);
/* To SCHEMA_VERSION, and binds a new store to its hash key. -EKEYREJECTED: it was made with
 * another key, so that nothing could be found by its indexes. */
int schema_open(struct store_txn *txn, char **error_r);
#endif
