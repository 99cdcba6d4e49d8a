/* store/txn.h: what the tables' files share: keys, transactions, and records with their indexes.
 *
 * Not for other rooms. Keys are big-endian, so that they sort as their numbers do. */
#ifndef STORE_TXN_H
#define STORE_TXN_H
#include "store/store.h"

#include <lmdb.h>

#include <pthread.h>
#include <stdatomic.h>

enum table {
    TABLE_META,          /* word -> be64 */
    TABLE_MAILBOX,       /* id */
    TABLE_MAILBOX_KEY,   /* hash -> id */
    TABLE_PULSE,         /* mailbox */
    TABLE_LANE,          /* mailbox, campaign */
    TABLE_GRANT,         /* mailbox -> sealed */
    TABLE_MEMORY,        /* mailbox, hash -> sealed */
    TABLE_CAMPAIGN,      /* id */
    TABLE_CAMPAIGN_NAME, /* hash -> id */
    TABLE_COUNTS,        /* campaign */
    TABLE_PERSON,        /* id */
    TABLE_PERSON_KEY,    /* hash -> id */
    TABLE_ENROLMENT,     /* id */
    TABLE_DUE,           /* mailbox, campaign, due, enrolment */
    TABLE_ENROLMENT_OF,  /* campaign, enrolment */
    TABLE_ENROLLED,      /* campaign, person -> enrolment */
    TABLE_COMPANY,       /* hash, enrolment */
    TABLE_MESSAGE,       /* enrolment, step */
    TABLE_OPEN,          /* mailbox, enrolment, step */
    TABLE_IDENTITY,      /* mailbox, kind, hash, enrolment, step */
    TABLE_BODY,          /* enrolment, step -> sealed */
    TABLE_REPLY,         /* id */
    TABLE_REPLY_OF,      /* enrolment, reply */
    TABLE_REPLY_SEEN,    /* mailbox, hash -> reply */
    TABLE_PENDING,       /* mailbox, id */
    TABLE_WORK,          /* mailbox, id */
    TABLE_SUPPRESSION,   /* hash */
    TABLE_AUDIT,         /* id */
    TABLE_COUNT
};
extern const char *const table_names[TABLE_COUNT];

struct job { /* something submitted, on its way to the writer and back */
    struct job *next;
    store_apply *apply;
    store_done *done;
    void *arg;
    int status;
};
struct job_queue {
    struct job *first, **last;
    size_t count;
};

struct store {
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    char *dir;
    uint64_t map_size;
    uint8_t hash_key[32];
    bool read_only;
    int lock_fd;
    MDB_txn *spare_read; /* reset, to be renewed: the loop's */
    void *map;           /* where the file is mapped; NULL: not known */

    pthread_t writer;
    bool writing; /* the thread runs */
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    struct job_queue queued, ready; /* guarded by lock */
    bool closing;                   /* guarded by lock */
    atomic_bool broken;             /* a commit failed for good */

    void (*wake)(void *arg);
    void *wake_arg;
    void (*fatal)(void *arg, int error); /* the loop's, as are the rest */
    void *fatal_arg;
    bool fatal_told;
    size_t waiting;
    int64_t free_at; /* monotonic ms of free_percent */
    int free_percent;
};

struct store_txn {
    struct store *store;
    MDB_txn *txn;
};

int store_error(int mdb); /* LMDB's errors as ours */

/* -- keys ----------------------------------------------------------------------------- */
struct key {
    uint8_t data[64];
    size_t len;
};
struct key *key_u8(struct key *key, uint8_t value); /* each returns key */
struct key *key_u16(struct key *key, uint16_t value);
struct key *key_u64(struct key *key, uint64_t value);
struct key *key_time(struct key *key, int64_t value); /* negative ones sort first */
struct key *key_hash(struct store_txn *txn, struct key *key, const char *domain, const char *text);
struct key key_id(uint64_t id);
struct key key_pair(uint64_t a, uint64_t b);
struct key key_ref(struct message_ref ref);
uint64_t bytes_u64(struct bytes bytes, size_t at); /* 0: too short, which no id is */
int64_t bytes_time(struct bytes bytes, size_t at);
struct message_ref bytes_ref(struct bytes bytes, size_t at);

/* -- single entries ------------------------------------------------------------------- */
/* What is lent stays until the transaction writes again or ends. */
int txn_get(struct store_txn *txn, enum table table, const struct key *key, struct bytes *value_r);
int txn_put(struct store_txn *txn, enum table table, const struct key *key, struct bytes value);
/* -EEXIST. Fills pages to the brim where keys ascend. */
int txn_put_new(struct store_txn *txn, enum table table, const struct key *key, struct bytes value);
int txn_del(struct store_txn *txn, enum table table, const struct key *key); /* 0: also if absent */
/* The first entry at or after `from` that begins with the first `prefix` bytes of it. */
int txn_next(struct store_txn *txn, enum table table, const struct key *from, size_t prefix,
             struct bytes *key_r, struct bytes *value_r);
/* The last entry that begins with the key. */
int txn_last(struct store_txn *txn, enum table table, const struct key *prefix,
             struct bytes *key_r);
int txn_del_prefix(struct store_txn *txn, enum table table, const struct key *prefix);
int txn_get_id(struct store_txn *txn, enum table table, const struct key *key, uint64_t *id_r);
int txn_append(struct store_txn *txn, enum table table, const struct key *key, struct buf *out);
/* The first id above `after` in a table of (group, id); value_r may be NULL. */
int txn_next_id(struct store_txn *txn, enum table table, const struct key *group, uint64_t after,
                uint64_t *id_r, struct bytes *value_r);

/* -- records with indexes ------------------------------------------------------------- */
struct entry { /* of an index; its value is an id, or empty */
    enum table table;
    struct key key;
    uint64_t value; /* 0: empty */
};
struct entries {
    struct entry list[8];
    size_t count;
};
struct entry *entries_add(struct entries *entries, enum table table); /* fill its key */
bool entries_have(const struct entries *entries, const struct entry *entry);

struct kind {
    const char *word; /* "enrolment", for sentences */
    enum table table;
    /* The entries that this record stands under. -EBADMSG: it can't be read, or the key is not
     * its own. */
    int (*entries)(struct store_txn *txn, struct bytes key, struct bytes raw, struct entries *out);
};
extern const struct kind kind_mailbox, kind_pulse, kind_lane, kind_campaign, kind_counts,
    kind_person, kind_enrolment, kind_message, kind_reply, kind_pending, kind_work,
    kind_suppression, kind_audit;

/* Puts a record and moves its index entries (NULL: of a kind that has none). -EEXIST: an entry
 * belongs to another record. */
int kind_put(struct store_txn *txn, const struct kind *kind, const struct key *key,
             struct bytes raw, const struct entries *entries);
int kind_del(struct store_txn *txn, const struct kind *kind, const struct key *key);

#endif
