/* seal/keys.h: the keys that the room shares, and the small files that keys live in. */
#ifndef SEAL_KEYS_H
#define SEAL_KEYS_H
#include "seal/seal.h"

#include <pthread.h>

enum { SEAL_KEY_LEN = 32, SEAL_SLOTS = 512 };

struct seal_slot { /* a mailbox's key, kept at hand */
    uint64_t mailbox;
    uint8_t key[SEAL_KEY_LEN];
};

struct seal_secrets { /* all of it in sodium_malloc memory */
    uint8_t master[SEAL_KEY_LEN];
    uint8_t hash[SEAL_KEY_LEN], token[SEAL_KEY_LEN], mask[SEAL_KEY_LEN];
    uint8_t link[SEAL_KEY_LEN], box[SEAL_KEY_LEN], wrap[SEAL_KEY_LEN];
    struct seal_slot slots[SEAL_SLOTS]; /* by mailbox % SEAL_SLOTS; mailbox 0: empty */
};

struct seal {
    struct seal_secrets *secrets;
    char *keys_dir;       /* <data>/keys */
    pthread_mutex_t lock; /* guards the slots and what is in keys_dir */
};

/* Appends the file's bytes, at most `limit` of them. -EACCES: others can read or write it. -EINVAL:
 * it is no plain file, or longer. */
int key_file_read(const char *path, size_t limit, struct buf *out);
/* Makes a file of 0600 that is whole and synced, or not there at all. -EEXIST. */
int key_file_create(const char *path, struct bytes content);
/* Overwrites, syncs, unlinks, syncs the directory. 0 also when it was not there. */
int key_file_destroy(const char *path);

/* XChaCha20-Poly1305 under this key; the pieces of seal_box and seal_unbox. */
void box_seal(const uint8_t *key, struct bytes bound, struct bytes plain, struct buf *sealed);
int box_open(const uint8_t *key, struct bytes bound, struct bytes sealed, struct buf *plain);

/* BLAKE2b of "domain NUL data"; hash_len 16 to 32. */
void keyed_hash(const uint8_t *key, const char *domain, const void *data, size_t len,
                uint8_t *hash_r, size_t hash_len);
#endif
