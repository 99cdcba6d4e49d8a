/* campaign/limits.h: caps, gaps and ramp-up of one mailbox, as functions of counts
 * and `now`. Pure. */
#ifndef CAMPAIGN_LIMITS_H
#define CAMPAIGN_LIMITS_H
#include "campaign/sequence.h"
#include "campaign/zones.h"

#include <stddef.h>
#include <stdint.h>

struct limits_input {
    const struct sequence_limits *limits;
    const char *address;     /* the mailbox, for the sentence                        */
    const struct zone *zone; /* the mailbox's: its midnight begins a new day         */
    int64_t now;
    int sent_today;     /* by this mailbox, whatever the campaign, since that midnight; intents that
                           are not settled count as sent                        */
    int64_t last_sent;  /* 0: never; any campaign's, whatever the caller wants the gap over */
    int64_t first_sent; /* 0: never; the ramp counts days from this             */
    uint64_t jitter;    /* a keyed hash (of mailbox and last_sent, say): same in, same gap */
};
enum limits_rule { LIMITS_FREE = 0, LIMITS_PER_DAY, LIMITS_RAMP_UP, LIMITS_GAP };

int limits_cap(const struct limits_input *input); /* today's; 0: none                     */
/* The earliest moment it may send, `now` if it is free; why says what holds it, in a sentence
 * ("ana@acme.example has sent 40 of 40 today"). */
int64_t limits_next(const struct limits_input *input, enum limits_rule *rule_r, char *why,
                    size_t why_size);
#endif
