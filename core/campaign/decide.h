/* campaign/decide.h: may this person get this step now? The one place that says so.
 *
 * Plain values in, one decision out, with the rule and a sentence that `explain` shows. Runs on the
 * writer thread; pure, keeps nothing. */
#ifndef CAMPAIGN_DECIDE_H
#define CAMPAIGN_DECIDE_H
#include "campaign/holidays.h"
#include "campaign/sequence.h"
#include "campaign/zones.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum decide_campaign {
    DECIDE_CAMPAIGN_RUNNING = 0,
    DECIDE_CAMPAIGN_DRAFT,
    DECIDE_CAMPAIGN_PAUSED,
    DECIDE_CAMPAIGN_REMOVED
};
enum decide_mailbox {
    DECIDE_MAILBOX_READY = 0,
    DECIDE_MAILBOX_PENDING,
    DECIDE_MAILBOX_WAITING,
    DECIDE_MAILBOX_RECONNECT,
    DECIDE_MAILBOX_ON_PAUSE,
    DECIDE_MAILBOX_GONE
};

struct decide_input {
    const struct sequence *sequence;
    struct zones *zones;                    /* the caller's cache                       */
    const struct holidays *const *holidays; /* those the sequence names, found          */
    size_t holidays_count;
    int64_t now;
    enum decide_campaign campaign;

    /* the enrolment */
    const char *person;      /* the address, for the sentences                          */
    const char *person_zone; /* NULL or unknown: the mailbox's                          */
    size_t step;             /* the next to send, from 0; step_count: all are sent      */
    int64_t enrolled;        /* Unix ms                                                 */
    int64_t previous_sent;   /* when step - 1 was sent; 0 for the first                 */
    bool uncertain;          /* an earlier step's outcome is not known                  */
    bool answered;           /* this person, anywhere, any campaign                     */
    bool auto_replied;
    bool bounced; /* stops if the sequence says so                           */
    bool unsubscribed, complained, suppressed, erased; /* these stop always             */
    bool company_answered; /* somebody of the same company                            */
    bool stopped_by_hand;
    int64_t away_until; /* out of office until; 0: not                             */

    /* the mailbox it is to go from */
    const char *mailbox;      /* its address                                            */
    const char *mailbox_zone; /* NULL or unknown: UTC                                   */
    enum decide_mailbox mailbox_state;
    int64_t held_until;   /* by the provider (Retry-After, quota); 0: not            */
    const char *held_why; /* a sentence for it; may be NULL                          */
    bool stale;           /* not listed to its end recently enough                   */
    int sent_today;       /* as in limits.h                                          */
    int64_t last_sent, first_sent;
    uint64_t jitter;
};

enum decide_verdict { DECIDE_GO = 0, DECIDE_LATER, DECIDE_STOP, DECIDE_DONE };
enum decide_rule {
    DECIDE_RULE_NONE = 0,
    DECIDE_RULE_FINISHED,
    DECIDE_RULE_ERASED,
    DECIDE_RULE_SUPPRESSED,
    DECIDE_RULE_UNSUBSCRIBED,
    DECIDE_RULE_COMPLAINED,
    DECIDE_RULE_BOUNCED,
    DECIDE_RULE_ANSWERED,
    DECIDE_RULE_AUTO_REPLIED,
    DECIDE_RULE_COMPANY,
    DECIDE_RULE_BY_HAND,
    DECIDE_RULE_REMOVED,
    DECIDE_RULE_PAUSED,
    DECIDE_RULE_UNCERTAIN,
    DECIDE_RULE_MAILBOX,
    DECIDE_RULE_START,
    DECIDE_RULE_DELAY,
    DECIDE_RULE_AWAY,
    DECIDE_RULE_WINDOW,
    DECIDE_RULE_HOLIDAY,
    DECIDE_RULE_PER_DAY,
    DECIDE_RULE_RAMP_UP,
    DECIDE_RULE_GAP,
    DECIDE_RULE_HELD,
    DECIDE_RULE_STALE,
    DECIDE_RULE_NEVER
};
struct decision {
    enum decide_verdict verdict;
    enum decide_rule rule;
    int64_t at;        /* LATER: ask again then; INT64_MAX: when something changes (a resume, a
                          reconnect, a settled message)                                  */
    bool mailbox_wide; /* LATER holds for all that goes from this mailbox in this campaign */
    char sentence[320];
};

void campaign_decide(const struct decide_input *input, struct decision *decision);
const char *decide_rule_name(enum decide_rule rule); /* "per_day", "window", ...              */
/* The zone that the window of this person is read in. */
const struct zone *decide_zone(const struct decide_input *input);
#endif
