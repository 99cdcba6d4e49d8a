/* engine/lookup.h: match's table of functions over a store transaction. */
#ifndef ENGINE_LOOKUP_H
#define ENGINE_LOOKUP_H
#include "engine/internal.h"
#include "match/match.h"

#include <stdio.h>

struct lookup {
    struct match_lookup table;
    struct store_txn *txn;
    struct brain *brain;
    uint64_t mailbox;
    struct mailbox receiver;
};
int lookup_init(struct lookup *lookup, struct store_txn *txn, struct brain *brain,
                uint64_t mailbox);
void lookup_finish(struct lookup *lookup);
#endif
