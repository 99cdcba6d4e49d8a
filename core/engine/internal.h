/* engine/internal.h: what the engine's files share. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H
#include "base/list.h"
#include "base/map.h"
#include "campaign/decide.h"
#include "campaign/holidays.h"
#include "campaign/sequence.h"
#include "campaign/zones.h"
#include "engine/engine.h"
#include "provider/session.h"
#include "seal/seal.h"
#include "store/store.h"

struct loop_timer;

enum {
    GAP_SLACK_MS = 500, /* a send this soon after its mint counts as then */
    FRESH_MS = 5000,    /* a mint needs a listing no older than this */
    REFRESH_MS = 3000,  /* while there is more to mint, listed again by then */
    RESOLVE_MS = 10000, /* a last identity not known by then is asked for, when nothing is sent */
    RESOLVE_LATE_MS = 60000, /* after that it is asked for in any case */
    IDENTITY_MS = 300000,    /* so long the next step waits for it */
    WORK_LOOK = 500,         /* pieces of work looked at in one turn */
    PLAN_BATCH = 128,        /* mints in one transaction */
    AHEAD_MAX = 4,           /* times as many may wait as may fly */
    PLAN_LOOK = 256,         /* enrolments looked at in one transaction */
    LIST_LIMIT = 100,        /* mails a page */
    WORK_BATCH = 50,         /* messages labelled by one request */
    BACKOFF_MIN_MS = 5000,
    BACKOFF_MAX_MS = 3600000,
    CHALLENGE_MS = 1000, /* until it is asked again with a token that answers a challenge */
    NEIGHBOUR_MS = 60000 /* what one mailbox's failure may hold up others, unless told how long */
};

/* What decisions need on the writer thread: parsed sequences, zones, holidays. Only applies touch
 * it, so it needs no lock; the holidays never change. */
struct brain {
    struct map sequences; /* campaign id to struct known_sequence */
    struct zones *zones;
    const struct engine_options *options;
    const struct holidays *const *holidays;
    size_t holidays_count;
};
int brain_sequence(struct brain *brain, const struct campaign *campaign,
                   const struct sequence **sequence_r);
void brain_init(struct brain *brain, const struct engine_options *options,
                const struct holidays *const *holidays, size_t count);
void brain_finish(struct brain *brain);
/* Which day it is in a zone (NULL or unknown: UTC), days since 1970. */
int64_t brain_day(const struct brain *brain, const char *zone, int64_t now);
size_t brain_holidays(const struct brain *brain, const struct sequence *sequence,
                      const struct holidays **list, size_t room);

struct engine {
    struct engine_options options;
    struct map boxes;    /* mailbox id to struct box */
    struct brain writer; /* the writer thread's */
    struct brain reader; /* the loop's */
    struct holidays **holidays;
    size_t holidays_count;
    int64_t began; /* wall */
    bool stopping, frozen;
    void (*drained)(void *arg);
    void *drained_arg;
    struct loop_timer *drain_timer;
    struct list walks; /* that wait to go on (walk.c) */
    size_t in_hand;    /* submits and operations whose end we wait for */
    struct engine_tally tally;
};

struct lane_hold { /* a campaign that may not go from a box before then */
    uint64_t campaign;
    int64_t until;
};
struct doubt { /* an open message whose end is not known; asked for when `at` has come */
    struct list node;
    struct message_ref ref;
    int64_t at;
    unsigned tries;
};
struct hints { /* a mailbox's provider says that something is new */
    bool waiting;
    int64_t at;    /* when it is listed for that */
    int64_t began; /* when a listing last began */
    int64_t spent; /* up to when listings for hints have used up what may come at once */
};
struct watch { /* what has it say so */
    bool asking, stands, leaving;
    bool moved; /* lost while it was being asked for */
    int64_t at; /* when it is asked for (again) */
    int64_t since;
    unsigned failures, losses;
};
struct box { /* a mailbox that is being worked */
    struct engine *engine;
    uint64_t id;
    struct mailbox mailbox; /* as it was when the box was opened */
    struct provider_session *session;
    struct loop_timer *timer;
    struct list doubts;
    struct list ready; /* minted, and waiting for one of those at the provider to be answered */
    struct lane_hold *holds;
    size_t hold_count;
    int64_t listed_at, plan_at, poll_at, work_at;
    int64_t hold_send, hold_list, hold_label;
    unsigned sending, waiting, flying; /* minted and not ended; of these in `ready`; in flight */
    unsigned send_failures, list_failures, work_failures;
    unsigned ahead; /* how often as many as may fly may wait; more where the provider ran dry */
    bool posted, listing, planning, asking, working, more, closing, reopen;
    struct {
        struct hints hints;
        struct watch watch;
    } push;
    bool gapped;      /* something waits for what is in flight, to keep its gap from then */
    bool idle;        /* as of the last turn */
    int32_t labelled; /* enum rider_labelled_how of the last label; 0: none yet */
};

/* -- submits, counted ----------------------------------------------------------------- */
/* As store_submit, and the loop and the engine know that it is under way. */
void engine_submit(struct engine *engine, store_apply *apply, store_done *done, void *arg);
/* For a `done` that is to come later though there is nothing to write. */
int apply_nothing(struct store_txn *txn, void *arg);

void engine_check_drained(struct engine *engine);

/* -- boxes (box.c) -------------------------------------------------------------------- */
struct box *box_of(struct engine *engine, uint64_t mailbox); /* NULL: not being worked */
void box_begin(struct engine *engine, uint64_t mailbox);
void box_end(struct box *box);
void box_wake(struct box *box);                /* a turn soon */
void box_plan_at(struct box *box, int64_t at); /* something may be due then */
void box_work_at(struct box *box, int64_t at);
void box_hold(struct box *box, const struct rider_failure *failure, unsigned failures);
void box_gap_over(struct box *box);
void box_doubt(struct box *box, struct message_ref ref, int64_t at, unsigned tries);
bool box_quiet(const struct box *box);
bool box_idle(const struct box *box);         /* nothing is being sent, and nothing is due */
unsigned box_slots(const struct box *box);    /* how many sends its provider takes at once */
unsigned box_room(const struct box *box);     /* how many more may be minted and wait */
uint32_t box_patience(const struct box *box); /* real ms that an operation may take */
void engine_lane_changed(struct engine *engine, uint64_t campaign);
int64_t backoff(unsigned failures); /* ms */

/* -- push (push.c) ---------------------------------------------------------------------- */
void push_open(struct box *box);
void push_hint(void *box); /* the session's */
void push_lost(void *box);
bool push_hinted(const struct box *box, int64_t now); /* a listing is due for it */
int64_t push_hint_at(const struct box *box);
void push_listing(struct box *box, int64_t now); /* one begins */
void push_watch(struct box *box);
int64_t push_watch_at(const struct box *box);
bool push_leave(struct box *box); /* true: wait, its watch is being ended */

/* -- minting (plan.c) ------------------------------------------------------------------ */
struct leave;    /* send.c */
struct sending { /* a minted message on its way */
    struct list node;
    struct box *box;
    struct message_ref ref;
    uint64_t campaign;
    int32_t grade;
    uint32_t attempt;
    int64_t minted_at, planned_at;
    bool staged;
    struct leave *leave; /* that it may leave is being written down */
    char *marker, *message_id, *from, *from_name, *to, *subject, *text, *html;
    char *in_reply_to, *references, *thread_id, *previous_id, *provider_id;
    struct buf bytes;
};
void sending_free(struct sending *sending);
void sending_message(const struct sending *sending, struct rider_message *message_r);
void plan_start(struct box *box);
int32_t grade_by(uint32_t can, bool fast); /* of what is minted where that can be done */
static inline bool grade_stages(int32_t grade)
{
    return grade == GRADE_FENCED || grade == GRADE_DRAFTED;
}

/* -- sending (send.c) ------------------------------------------------------------------ */
void send_add(struct sending *sending); /* takes it */
void send_pump(struct box *box);        /* starts what has a slot, or gives it back */

/* -- how it ended (outcome.c) ----------------------------------------------------------- */
enum outcome_verdict {
    OUTCOME_STAGED = 1,
    OUTCOME_WITHDRAWN, /* its draft was seen unsent, and is thrown away next */
    OUTCOME_SENT,
    OUTCOME_NOT_SENT,
    OUTCOME_DOUBT,
    OUTCOME_UNCERTAIN
};
struct outcome {
    struct box *box;
    struct engine *engine;
    struct message_ref ref;
    int32_t verdict;
    int64_t now, settle; /* settle: so long after an attempt it may still be taken; ms */
    char *provider_id, *thread_id, *message_id, *detail;
    bool final, again; /* again: proved not sent, plan it anew whatever the failure's kind */
    bool discard;      /* its draft is still at the provider */
    bool file;         /* its copy in Sent is ours to make */
    int32_t kind, scope, code;
    int64_t retry_after;
    /* given back */
    int64_t next_due, work_at;
    void (*then)(struct outcome *outcome, int status); /* on the loop; frees it */
    void *then_arg;
};
struct outcome *outcome_new(struct box *box, struct message_ref ref, enum outcome_verdict verdict);
void outcome_free(struct outcome *outcome);
void outcome_ids(struct outcome *outcome, const struct rider_sent *sent);
void outcome_failure(struct outcome *outcome, const struct rider_failure *failure);
void outcome_commit(struct outcome *outcome); /* then `then`, or box bookkeeping and free */
int outcome_apply(struct store_txn *txn, void *arg);
/* The bytes of a message, sealed under a name of its own. */
int body_seal(struct engine *engine, uint64_t mailbox, struct message_ref ref, struct bytes bytes,
              struct buf *sealed);
int body_unseal(struct engine *engine, uint64_t mailbox, struct message_ref ref,
                const struct buf *sealed, struct buf *bytes);

/* -- stopping (stop.c; all inside a transaction) ------------------------------------------ */
struct stop { /* why an enrolment ends */
    const char *rule, *why;
    uint64_t reply;
    int64_t now;
};
/* Ends one enrolment and counts it; 0 also when it had ended. */
int stop_enrolment(struct store_txn *txn, struct enrolment *enrolment, const struct stop *stop);
/* Every active enrolment of a person, anywhere. */
int stop_person(struct store_txn *txn, struct person *person, const struct stop *stop);
/* The active enrolments of a company in one campaign, but for one of them. */
int stop_company(struct store_txn *txn, uint64_t campaign, const char *company, uint64_t but,
                 const struct stop *stop);
/* Sets a mark once, and counts it in the campaign. true in new_r when it was not there. */
int mark_enrolment(struct store_txn *txn, struct enrolment *enrolment, uint32_t mark);
/* Takes `by` from one count of a campaign and adds it to another; COUNT_NONE: nowhere. */
#define COUNT(name) offsetof(struct campaign_counts, name)
#define COUNT_NONE ((size_t)-1)
int counts_move(struct store_txn *txn, uint64_t campaign, size_t from, size_t to, int64_t by);
/* What says never to mail them: the address's own, or else its domain's. -ENOENT: nothing. */
int person_suppression(struct store_txn *txn, const char *key, struct suppression *suppression);
int person_suppressed(struct store_txn *txn, const char *key, bool *suppressed_r);
int suppress_key(struct store_txn *txn, int32_t kind, const char *key, const char *why,
                 int64_t now);

/* -- answers (poll.c, answer.c) ------------------------------------------------------------ */
void poll_start(struct box *box);
struct mail_item { /* copies of what list handed over */
    int32_t change, where;
    char *provider_id, *thread_id, *report_type;
    struct buf headers, report, returned;
    char **labels;
    int64_t received;
};
struct listing { /* one page, on its way into the store */
    struct engine *engine;
    struct box *box;
    uint64_t mailbox;
    struct buf asked, cursor;
    int64_t began, since;
    bool more, lost; /* lost: the cursor is of no use, begin anew from since */
    bool unsettled;  /* some message's identity may not be known yet */
    struct mail_item *items;
    size_t count;
    size_t matched, adopted;
    bool work;
    int64_t next_due; /* of what was adopted */
};
int answer_apply(struct store_txn *txn, void *arg); /* of a struct listing */
/* A mail of ours that lies in Sent (adopt.c): what the store does not know as sent, it knows now.
 */
int adopt_sent(struct store_txn *txn, struct listing *listing, const struct mail_item *item);
struct mail_headers;
bool sent_ref(const struct seal *seal, const struct mail_headers *headers, struct message_ref *ref);
/* After a message's identity is settled: mail that came before it was known is judged again. */
int answer_pending(struct store_txn *txn, struct brain *brain, const struct message *message,
                   int64_t now);
struct answer { /* one mail that answers one message, as it is recorded */
    uint64_t mailbox, enrolment;
    uint16_t step;
    int32_t kind; /* enum reply_kind */
    int64_t received, returns_at, now;
    const char *provider_id, *thread_id, *message_id, *from, *subject, *why;
    bool other_address;
    struct evidence *evidence; /* lent */
    size_t evidence_count;
};
int answer_record(struct store_txn *txn, struct brain *brain, const struct answer *answer);

/* -- reconcile and labels ------------------------------------------------------------------ */
void recover_start(struct box *box);
void reconcile_start(struct box *box);
void work_start(struct box *box);
int work_add(struct store_txn *txn, const struct work *work); /* gives it its id */

/* -- walking a campaign's enrolments (walk.c) ------------------------------------------------ */
void walk_start(struct engine *engine, uint64_t campaign);
void walk_resume(struct engine *engine);  /* what a restart left half done */
void walks_finish(struct engine *engine); /* those that wait to go on      */

/* -- preparing a message: preview and send alike (prepare.c) ---------------------------------- */
struct prepared {
    struct rendered_parts {
        char *subject, *text, *html;
    } parts;
    char *from, *from_name, *to, *message_id, *marker, *in_reply_to, *references, *thread_id,
        *previous_id;
    struct buf bytes;
};
struct prepare_input {
    struct brain *brain;
    const struct sequence *sequence;
    const struct campaign *campaign;
    const struct enrolment *enrolment;
    const struct person *person;
    const struct mailbox *mailbox;
    int64_t now;
};
/* -EINVAL: it can't be made; error says which variable or field. */
int prepare_message(struct store_txn *txn, const struct prepare_input *input,
                    struct prepared *prepared, struct buf *error);
void prepared_finish(struct prepared *prepared);
/* What decide is asked with, for an enrolment whose records are at hand. */
struct decide_facts {
    struct campaign campaign;
    struct enrolment enrolment;
    struct person person;
    struct mailbox mailbox;
    struct mailbox_pulse pulse;
    struct lane lane;
    const struct sequence *sequence;
    const struct holidays *holidays[32];
};
int decide_load(struct store_txn *txn, struct brain *brain, uint64_t enrolment,
                struct decide_facts *facts);
/* Also where the person was erased: facts->person is empty then, the ledger goes on. */
int decide_load_erased(struct store_txn *txn, struct brain *brain, uint64_t enrolment,
                       struct decide_facts *facts);
/* The same in two halves: what all enrolments of a lane share, and one of them after the other. */
int decide_load_lane(struct store_txn *txn, struct brain *brain, uint64_t mailbox,
                     uint64_t campaign, struct decide_facts *facts);
int decide_load_person(struct store_txn *txn, uint64_t enrolment, struct decide_facts *facts);
void decide_facts_finish(struct decide_facts *facts);
int decide_ask(struct store_txn *txn, struct brain *brain, struct decide_facts *facts, int64_t now,
               struct decision *decision);

/* A done with a formatted sentence. */
void say(engine_done *done, void *arg, int status, uint64_t id, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
#endif
