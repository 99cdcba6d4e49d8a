/* records/records.h: what the store keeps, as structs, and their way to bytes and back.
 *
 * A record owns what it points at: fill strings with mem_str and the like, and end every record
 * with record_x_finish (a zeroed one is fine). Text is UTF-8, times are Unix ms (0: never), ids
 * start at 1. encode appends; decode fills a zeroed record, refuses what it can't read with
 * -EBADMSG and leaves nothing allocated then. Each encoding opens with its version, so that an
 * older store can be stepped forward. Any thread. */
#ifndef RECORDS_RECORDS_H
#define RECORDS_RECORDS_H
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORD(name)                                                                               \
    void record_##name##_encode(const struct name *record, struct buf *out);                       \
    int record_##name##_decode(struct bytes from, struct name *record_r);                          \
    void record_##name##_finish(struct name *record)
#define auto_record(name) __attribute__((cleanup(record_##name##_finish))) struct name

/* -- mailboxes ----------------------------------------------------------------------- */
enum mailbox_status {
    MAILBOX_PENDING = 1, /* asked for; its owner has not consented yet */
    MAILBOX_ACTIVE = 2,
    MAILBOX_RECONNECT = 3,    /* the grant is no longer good; its owner must consent again */
    MAILBOX_PAUSED = 4,       /* by its operator */
    MAILBOX_DISCONNECTED = 5, /* revoked and wiped; the ledger stays */
    MAILBOX_WAITING = 6       /* its organisation's administrator must consent first */
};
enum mailbox_promise { PROMISE_STRICT = 1, PROMISE_FAST = 2 };
struct mailbox { /* changes seldom; what changes with each mail is mailbox_pulse */
    uint64_t id;
    char *address; /* as asked for */
    char *key;     /* mail_address_key of it */
    char *provider;
    char *subject; /* the account's never-reused id */
    char *name, *tenant, *zone;
    char **aliases; /* may send as; NULL: unknown */
    char **granted; /* scopes */
    int32_t access; /* enum rider_access */
    int32_t status, promise;
    char *why;       /* of the status, for a person */
    uint64_t invite; /* counts invitations; a link of an older one is refused */
    int64_t created_at, connected_at, changed_at;
};
RECORD(mailbox);

struct mailbox_pulse { /* how a mailbox is doing; rewritten with each list and send */
    uint64_t mailbox;
    struct bytes cursor;  /* the provider's; empty: list from since */
    int64_t since;        /* list nothing older */
    int64_t listed_at;    /* when a listing last reached the end (its beginning is meant) */
    int64_t last_sent_at; /* for the gap */
    int64_t day;          /* which day `sent_today` counts, days since 1970 in the mailbox's zone */
    uint32_t sent_today;
    int64_t first_sent_at;                    /* for the ramp-up */
    int64_t hold_send, hold_list, hold_label; /* until when; 0: none */
    char *hold_why;
    uint32_t failures; /* in a row, for back-off */
};
RECORD(mailbox_pulse);

struct lane { /* what a mailbox has sent for one campaign */
    uint64_t mailbox, campaign;
    int64_t day; /* as in the pulse */
    uint32_t sent_today;
    int64_t first_sent_at, last_sent_at;
};
RECORD(lane);

/* -- campaigns ------------------------------------------------------------------------ */
enum campaign_status {
    CAMPAIGN_DRAFT = 1,
    CAMPAIGN_RUNNING = 2,
    CAMPAIGN_PAUSED = 3,
    CAMPAIGN_REMOVED = 4,
    CAMPAIGN_STARTING = 5 /* running; its enrolments are still being given their due times */
};
struct campaign {
    uint64_t id;
    char *name;
    char *source;      /* the YAML it was created or last edited with */
    uint32_t revision; /* rises with each edit */
    int32_t status;
    uint64_t *mailboxes; /* who sends, in the order of `from` */
    size_t mailbox_count;
    char **columns; /* names of the people's fields */
    int64_t created_at, started_at, changed_at;
};
RECORD(campaign);

/* Messages: planned + intended + sent + stopped + failed + uncertain = people * steps. People: the
 * rest, each at most once a person. */
struct campaign_counts {
    uint64_t campaign;
    int64_t people, steps;
    int64_t messages; /* the steps of all enrolments; an edit reaches them one by one */
    int64_t planned, intended, sent, stopped, failed, uncertain;
    int64_t answered, auto_replied;
    int64_t bounced; /* in any way; who bounced in two is in two of these */
    int64_t bounced_hard, bounced_soft, bounced_unknown;
    int64_t unsubscribed, complained, interested;
};
RECORD(campaign_counts);

/* -- people and their enrolments ------------------------------------------------------ */
struct field {
    char *name, *value;
};
struct person {
    uint64_t id;
    char *address; /* as first imported */
    char *key;     /* mail_address_key of it */
    int64_t created_at;
    int64_t answered_at; /* first answer, opt-out, complaint or hard bounce, anywhere; 0: none */
    int32_t answer_kind; /* enum reply_kind of it */
    uint64_t *enrolments;
    size_t enrolment_count;
};
RECORD(person);

enum enrolment_status {
    ENROLMENT_ACTIVE = 1,
    ENROLMENT_DONE = 2,    /* every step went out */
    ENROLMENT_STOPPED = 3, /* reply, bounce, opt-out, suppression, by hand */
    ENROLMENT_FAILED = 4,  /* a step can never go out */
    ENROLMENT_WAITING = 5  /* a step is uncertain: a person must settle it */
};
enum { /* enrolment.marks: what happened to this person here, each counted once */
       MARK_ANSWERED = 1 << 0,
       MARK_AUTO_REPLIED = 1 << 1,
       MARK_BOUNCED_HARD = 1 << 2,
       MARK_BOUNCED_SOFT = 1 << 3,
       MARK_BOUNCED_UNKNOWN = 1 << 4,
       MARK_BOUNCED = MARK_BOUNCED_HARD | MARK_BOUNCED_SOFT | MARK_BOUNCED_UNKNOWN,
       MARK_UNSUBSCRIBED = 1 << 5,
       MARK_COMPLAINED = 1 << 6,
       MARK_INTERESTED = 1 << 7
};
struct enrolment { /* a person in a campaign; the ledger's spine: (campaign, person) is unique */
    uint64_t id, campaign, person, mailbox;
    uint16_t step, steps; /* the next to send, from 0; how many there are */
    int32_t status;
    uint32_t marks;
    int64_t due;      /* when the next step may go at the earliest */
    char *rule, *why; /* what holds or stopped it, and its sentence, for explain */
    int64_t last_sent_at;
    int64_t away_until;   /* out of office until; 0: not */
    char *zone;           /* the person's, or NULL */
    struct field *fields; /* variables */
    size_t field_count;
    uint64_t reply; /* which reply stopped it; 0: none */
};
RECORD(enrolment);

/* -- messages ------------------------------------------------------------------------- */
enum message_state {
    MESSAGE_PLANNED = 1,  /* was intended before, proved not sent, will be minted again */
    MESSAGE_INTENDED = 2, /* bytes fixed; a request may be on its way */
    MESSAGE_STAGED = 3,   /* the draft's id is here; its sending may be on its way */
    MESSAGE_SENT = 4,
    MESSAGE_FAILED = 5,
    MESSAGE_UNCERTAIN = 6, /* neither provable; a person settles it */
    MESSAGE_STOPPED = 7    /* proved not sent, and no longer wanted */
};
struct message { /* one step to one person; key (enrolment, step) */
    uint64_t enrolment, campaign, person, mailbox;
    uint16_t step;
    int32_t state;
    uint32_t attempt;        /* 1 for the first */
    int32_t grade;           /* enum message_grade of the attempt */
    int64_t minted_at;       /* of this attempt */
    int64_t first_minted_at; /* of the first: find need not look further back */
    int64_t ended_at;        /* when the attempt ended in doubt; 0: in flight, or not in doubt */
    int64_t sent_at;
    int64_t left_at; /* at most once: from when it may have gone out; -1: it can't have, yet; 0: not
                        known, as older stores did not keep it */
    char *message_id;              /* ours */
    char *final_id;                /* the provider's; NULL: not known, or the same */
    bool final;                    /* final_id and thread_id are all there is to know */
    char *provider_id, *thread_id; /* of the sent copy, or of the draft while STAGED */
    char *subject, *base_subject;
    char *to, *from;
    struct bytes body_hash;    /* BLAKE2b-256 of the bytes */
    int32_t kind, scope, code; /* of the last failure (rider_failure); 0: none */
    char *detail;
};
RECORD(message);
enum message_grade { /* how sure it is what became of it */
                     GRADE_FENCED = 1,
                     GRADE_OBSERVED = 2,
                     GRADE_AT_MOST_ONCE = 3,
                     GRADE_DRAFTED = 4 /* observed, by a draft that is there or gone */
};

/* -- replies -------------------------------------------------------------------------- */
enum reply_kind { /* the order is kept on disk */
                  REPLY_HUMAN = 1,
                  REPLY_AUTO = 2,
                  REPLY_OUT_OF_OFFICE = 3,
                  REPLY_BOUNCE_HARD = 4,
                  REPLY_BOUNCE_SOFT = 5,
                  REPLY_BOUNCE_UNKNOWN = 6,
                  REPLY_UNSUBSCRIBE = 7,
                  REPLY_COMPLAINT = 8
};
struct evidence {
    int32_t kind; /* enum match_evidence */
    char *text;   /* what matched */
};
struct reply {
    uint64_t id, mailbox, campaign, enrolment, person;
    uint16_t step; /* of the message it answers */
    int32_t kind;
    int64_t received_at, recorded_at, returns_at;
    char *provider_id, *thread_id, *message_id, *from, *subject;
    char *why; /* the classifier's sentence */
    bool other_address, interested;
    struct evidence *evidence;
    size_t evidence_count;
};
RECORD(reply);

/* Mail that matched nothing while some message's identity was not known: hashes, nothing else. */
struct pending {
    uint64_t id, mailbox;
    int32_t kind;
    int64_t received_at;
    char *provider_id, *thread_id;
    uint8_t (*hashes)[16];
    size_t hash_count;
};
RECORD(pending);

/* -- the rest ------------------------------------------------------------------------- */
enum work_kind { WORK_LABEL = 1, WORK_FILE = 2, WORK_DISCARD = 3, WORK_RESOLVE = 4 };
struct work { /* to be done at the provider after what it follows from is on disk; may be done twice
               */
    uint64_t id, mailbox, enrolment;
    uint16_t step;
    int32_t kind;
    char *provider_id, *label;
    int64_t due;
    uint32_t attempts;
};
RECORD(work);

enum suppression_kind { SUPPRESS_ADDRESS = 1, SUPPRESS_DOMAIN = 2 };
struct suppression {
    int32_t kind;
    char *text; /* the address or domain; NULL once the person was erased */
    char *why;
    int64_t at;
};
RECORD(suppression);

struct audit {
    uint64_t id;
    int64_t at;
    char *verb, *object, *detail; /* "mailbox.connected", "ana@acme.example", ... */
};
RECORD(audit);
#endif
