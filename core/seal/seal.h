/* seal/seal.h: keys, sealing, keyed hashes, tokens and randomness, by libsodium.
 *
 * The master key is a file outside the data directory, 0600. From it come, by crypto_kdf, the keys
 * for hashes, tokens and links; mailbox keys are random, wrapped by the master key, one file each
 * under <data>/keys, so that disconnecting can destroy them (overwritten, synced, unlinked). Keys
 * live in sodium_malloc memory (locked, not dumped). Any thread once opened, but
 * mailbox_create/destroy: one thread at a time. */
#ifndef SEAL_SEAL_H
#define SEAL_SEAL_H
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct seal;

/* Makes the key file when it is not there (0600, directory must exist). error_r: a sentence to be
 * freed; -EACCES: others can read it; -EINVAL: it lies inside data_dir, or is not a key. */
int seal_open(const char *key_file, const char *data_dir, struct seal **seal_r, char **error_r);
void seal_close(struct seal *seal); /* NULL is fine */

void seal_random(void *out, size_t len);
uint64_t seal_random_u64(void);

void seal_hash_key(const struct seal *seal, uint8_t key_r[32]); /* for the store's indexes */
/* BLAKE2b-128 under the hash key, of "domain NUL text": jitter, pending evidence. */
void seal_hash(const struct seal *seal, const char *domain, const void *data, size_t len,
               uint8_t hash_r[16]);
void seal_digest(const void *data, size_t len, uint8_t digest_r[32]); /* BLAKE2b-256, no key */

void seal_sha256(const void *data, size_t len, uint8_t digest_r[32]); /* PKCE, RFC 7636 4.2 */

/* XChaCha20-Poly1305; `bound` (what it belongs to, "grant 7") is authenticated with it. Appends
 * nonce and ciphertext. open: -EBADMSG when it was changed, moved, or the key is another; out is
 * wiped by its owner. Mailbox 0 seals under the master key itself. -ENOKEY: that mailbox's key is
 * gone. */
int seal_box(struct seal *seal, uint64_t mailbox, const char *bound, struct bytes plain,
             struct buf *sealed);
int seal_unbox(struct seal *seal, uint64_t mailbox, const char *bound, struct bytes sealed,
               struct buf *plain);
int seal_mailbox_create(struct seal *seal, uint64_t mailbox);  /* 0 also when it is there */
int seal_mailbox_destroy(struct seal *seal, uint64_t mailbox); /* 0 also when it was not there */

/* Message tokens: 40 characters of [a-z2-7], the message's key and a 128-bit MAC over it: never
 * random a try, and what comes back needs no index. Used as X-Postrider-Id, and before the '@' of
 * our Message-ID. */
void seal_token(const struct seal *seal, uint64_t enrolment, uint16_t step, char token_r[48]);
/* Finds a token at the start of text (which may go on with "@host"). false: not ours. */
bool seal_token_read(const struct seal *seal, const char *text, uint64_t *enrolment_r,
                     uint16_t *step_r);

/* Link tokens: purpose ("unsubscribe", "invite"), an id, a second number and an expiry (0: never)
 * with a 128-bit MAC, base64url. Compared in constant time. -EBADMSG: not ours; -ETIME: expired. */
void seal_link(const struct seal *seal, const char *purpose, uint64_t id, uint64_t more,
               int64_t expires, struct buf *token);
int seal_link_read(const struct seal *seal, const char *purpose, const char *token, int64_t now,
                   uint64_t *id_r, uint64_t *more_r);
#endif
