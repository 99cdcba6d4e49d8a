/* store/store.h: everything that must outlive the process, in LMDB, in this domain's words.
 *
 * One writer thread owns all writes: store_submit hands it an `apply`, many are committed together
 * (one fsync for at most 5 ms or 1,000 of them), and `done` runs on the loop once they are on disk.
 * An apply that fails spoils no other: those that were to be committed with it run again, so that
 * nothing of what it wrote is left. An apply touches only its transaction and its own `arg`, never
 * the loop's memory, and as it may run more than once it begins by clearing what it gives back.
 * Reads are short transactions on the loop thread.
 *
 * Errors are negative errno: -ENOENT not there, -EEXIST there already, -ENOSPC the map is nearly
 * full (no intents are minted below 10 % free), -EBADMSG a record that can't be read. An EIO from a
 * commit is fatal: store_fatal's function is called on the loop, every later submit ends with -EIO,
 * and nothing may be sent any more. */
#ifndef STORE_STORE_H
#define STORE_STORE_H
#include "records/records.h"

#include <stdbool.h>
#include <stdint.h>

struct store;
struct store_txn;

struct store_options {
    const char *dir;         /* the data directory; made 0700 if it is not there */
    uint64_t map_size;       /* bytes; 0: 64 GiB; costs no disk */
    uint8_t hash_key[32];    /* keyed hashes in indexes; from the master key */
    void (*wake)(void *arg); /* called from the writer thread: run store_turn on the loop */
    void *wake_arg;
    bool read_only; /* for --check */
};
/* error_r gets a sentence to be freed. -EBUSY: another daemon has this directory. -EPROTO: the
 * store is of a newer schema. -EACCES: its files can be read or written by others. -EKEYREJECTED:
 * it was made with another hash_key, so that nothing would be found by its indexes. */
int store_open(const struct store_options *options, struct store **store_r, char **error_r);
void store_close(
    struct store *store); /* commits what was submitted, runs their done; NULL is fine */
void store_turn(struct store *store); /* on the loop, after wake: runs the `done`s that are ready */
void store_fatal(struct store *store, void (*fatal)(void *arg, int error), void *arg);
size_t store_waiting(const struct store *store); /* submits whose done has not run */
int store_free_percent(struct store *store);
/* Walks every record and index of the store and reports each mistake in a sentence. 0: sound. */
int store_check(struct store *store, void (*report)(void *arg, const char *sentence), void *arg);

typedef int store_apply(struct store_txn *txn, void *arg);
typedef void store_done(void *arg, int status);
void store_submit(struct store *store, store_apply *apply, store_done *done, void *arg);

int store_read(struct store *store, struct store_txn **txn_r); /* loop thread only */
void store_read_end(struct store_txn **txn);                   /* sets NULL; NULL is fine */
#define auto_read __attribute__((cleanup(store_read_end)))

/* -- ids and counters ------------------------------------------------------------------ */
enum store_sequence {
    SEQ_MAILBOX,
    SEQ_CAMPAIGN,
    SEQ_PERSON,
    SEQ_ENROLMENT,
    SEQ_REPLY,
    SEQ_WORK,
    SEQ_PENDING,
    SEQ_AUDIT,
    SEQ_COUNT
};
int store_next_id(struct store_txn *txn, enum store_sequence sequence, uint64_t *id_r);
int store_commits(struct store_txn *txn,
                  uint64_t *count_r); /* how often this store was committed */

/* -- mailboxes ------------------------------------------------------------------------- */
int store_mailbox_get(struct store_txn *txn, uint64_t id, struct mailbox *mailbox_r);
int store_mailbox_find(struct store_txn *txn, const char *key, uint64_t *id_r); /* by address key */
int store_mailbox_put(struct store_txn *txn,
                      const struct mailbox *mailbox); /* keeps the key index */
int store_mailbox_next(struct store_txn *txn, uint64_t after, struct mailbox *mailbox_r);
int store_pulse_get(struct store_txn *txn, uint64_t mailbox, struct mailbox_pulse *pulse_r);
int store_pulse_put(struct store_txn *txn, const struct mailbox_pulse *pulse);
int store_lane_get(struct store_txn *txn, uint64_t mailbox, uint64_t campaign, struct lane *lane_r);
int store_lane_put(struct store_txn *txn, const struct lane *lane);
int store_grant_get(struct store_txn *txn, uint64_t mailbox, struct buf *sealed); /* appends */
int store_grant_put(struct store_txn *txn, uint64_t mailbox, struct bytes sealed);
int store_grant_del(struct store_txn *txn, uint64_t mailbox); /* 0 also when there was none */
int store_memory_get(struct store_txn *txn, uint64_t mailbox, const char *key, struct buf *sealed);
int store_memory_put(struct store_txn *txn, uint64_t mailbox, const char *key, struct bytes sealed);
int store_mailbox_wipe(struct store_txn *txn, uint64_t mailbox); /* grant, memory, pulse's cursor,
                                   pending, work, bodies; the ledger and the mailbox record stay */

/* -- campaigns ------------------------------------------------------------------------- */
int store_campaign_get(struct store_txn *txn, uint64_t id, struct campaign *campaign_r);
int store_campaign_find(struct store_txn *txn, const char *name, uint64_t *id_r); /* not removed */
int store_campaign_put(struct store_txn *txn, const struct campaign *campaign);
int store_campaign_next(struct store_txn *txn, uint64_t after, struct campaign *campaign_r);
int store_counts_get(struct store_txn *txn, uint64_t campaign, struct campaign_counts *counts_r);
int store_counts_put(struct store_txn *txn, const struct campaign_counts *counts);

/* -- people and enrolments ------------------------------------------------------------- */
int store_person_get(struct store_txn *txn, uint64_t id, struct person *person_r);
int store_person_find(struct store_txn *txn, const char *key, uint64_t *id_r);
int store_person_put(struct store_txn *txn, const struct person *person);
int store_person_del(struct store_txn *txn, uint64_t id); /* erased: record and key index */
int store_enrolment_get(struct store_txn *txn, uint64_t id, struct enrolment *enrolment_r);
/* Keeps the due index: an ACTIVE enrolment whose due is not INT64_MAX stands there under its lane
 * (mailbox, campaign), by (due, id); and the walk by campaign. -EEXIST on a new one whose
 * (campaign, person) is enrolled already. */
int store_enrolment_put(struct store_txn *txn, const struct enrolment *enrolment);
/* The first enrolment of a lane at or after (due, id); -ENOENT: none. */
int store_due_next(struct store_txn *txn, uint64_t mailbox, uint64_t campaign, int64_t due,
                   uint64_t id, int64_t *due_r, uint64_t *id_r);
/* The first lane of a mailbox, after this campaign, in which anything is due ever; -ENOENT: none.
 */
int store_lane_next(struct store_txn *txn, uint64_t mailbox, uint64_t after_campaign,
                    uint64_t *campaign_r, int64_t *due_r);
/* Enrolments of a campaign, ascending ids; -ENOENT at the end. */
int store_enrolment_next(struct store_txn *txn, uint64_t campaign, uint64_t after,
                         struct enrolment *enrolment_r);
int store_enrolment_find(struct store_txn *txn, uint64_t campaign, uint64_t person, uint64_t *id_r);
/* Enrolments by company (stop.company): kept by the caller. */
int store_company_add(struct store_txn *txn, const char *company, uint64_t enrolment);
int store_company_next(struct store_txn *txn, const char *company, uint64_t after, uint64_t *id_r);

/* -- messages -------------------------------------------------------------------------- */
int store_message_get(struct store_txn *txn, uint64_t enrolment, uint16_t step,
                      struct message *message_r);
/* Keeps the open index (INTENDED, STAGED, UNCERTAIN, and SENT but not final) per mailbox, and the
 * identity index (final_id, thread_id, provider_id of what was SENT). */
int store_message_put(struct store_txn *txn, const struct message *message);
struct message_ref {
    uint64_t enrolment;
    uint16_t step;
};
/* Open messages of a mailbox after `after` ({0,0}: from the start). */
int store_open_next(struct store_txn *txn, uint64_t mailbox, struct message_ref after,
                    struct message_ref *ref_r);
enum identity_kind { IDENTITY_MESSAGE_ID = 1, IDENTITY_THREAD = 2, IDENTITY_PROVIDER = 3 };
/* Which message of this mailbox has it; for a thread, the newest. A Message-ID is found whichever
 * mailbox it was sent from; they compare with the domain folded (the caller hands them over so). */
int store_identity_find(struct store_txn *txn, uint64_t mailbox, enum identity_kind kind,
                        const char *text, struct message_ref *ref_r);
/* Sealed bytes of a message, from intent to settled outcome. */
int store_body_get(struct store_txn *txn, struct message_ref ref, struct buf *sealed);
int store_body_put(struct store_txn *txn, struct message_ref ref, struct bytes sealed);
int store_body_del(struct store_txn *txn, struct message_ref ref); /* 0 also when there was none */

/* -- replies --------------------------------------------------------------------------- */
int store_reply_get(struct store_txn *txn, uint64_t id, struct reply *reply_r);
int store_reply_put(struct store_txn *txn, const struct reply *reply);
int store_reply_next(struct store_txn *txn, uint64_t after, struct reply *reply_r);
/* Whether this mail of this mailbox was recorded already (a listing may show it twice). */
int store_reply_find(struct store_txn *txn, uint64_t mailbox, const char *provider_id,
                     uint64_t *id_r);
/* Replies of one enrolment, ascending. */
int store_reply_next_of(struct store_txn *txn, uint64_t enrolment, uint64_t after,
                        struct reply *reply_r);
int store_pending_put(struct store_txn *txn, const struct pending *pending);
int store_pending_next(struct store_txn *txn, uint64_t mailbox, uint64_t after,
                       struct pending *pending_r);
int store_pending_del(struct store_txn *txn, uint64_t mailbox, uint64_t id);

/* -- work, suppressions, audit --------------------------------------------------------- */
int store_work_put(struct store_txn *txn, const struct work *work);
int store_work_del(struct store_txn *txn, uint64_t mailbox, uint64_t id);
int store_work_next(struct store_txn *txn, uint64_t mailbox, uint64_t after, struct work *work_r);
int store_suppression_put(struct store_txn *txn, const char *key, const struct suppression *s);
int store_suppression_find(struct store_txn *txn, int32_t kind, const char *key,
                           struct suppression *s_r); /* kept under a keyed hash of kind and key */
int store_suppression_del(struct store_txn *txn, int32_t kind, const char *key);
int store_suppression_next(struct store_txn *txn, const uint8_t after[16], uint8_t at_r[16],
                           struct suppression *s_r); /* after NULL: from the start */
int store_audit_add(struct store_txn *txn, int64_t at, const char *verb, const char *object,
                    const char *detail);
int store_audit_next(struct store_txn *txn, uint64_t after, struct audit *audit_r);

void store_hash(struct store_txn *txn, const char *domain, const char *text, uint8_t hash_r[16]);
#endif
