/* campaign/simulate.h: plays a whole sequence for some people against campaign_decide, with a clock
 * of its own: what `campaign preview` shows as planned times, and what tests run over months. Pure.
 */
#ifndef CAMPAIGN_SIMULATE_H
#define CAMPAIGN_SIMULATE_H
#include "campaign/holidays.h"
#include "campaign/sequence.h"
#include "campaign/zones.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct simulate_person {
    const char *address;
    const char *zone; /* NULL: the mailbox's                                     */
    int64_t answers;  /* answers at this moment; 0: never                        */
    /* of a campaign that runs already */
    size_t step;        /* the next; 0: nothing went out                           */
    int64_t previous;   /* when the one before was sent                            */
    int64_t away_until; /* 0: not away                                             */
    bool over;          /* gets nothing more                                       */
};
struct simulate_mailbox {
    const char *address, *zone;
    int sent_today; /* at the start                                            */
    int64_t last_sent, first_sent;
};
struct simulate_input {
    const struct sequence *sequence;
    struct zones *zones;
    const struct holidays *const *holidays;
    size_t holidays_count;
    int64_t start;                        /* the first moment                    */
    const struct simulate_person *people; /* enrolled at start or before, in this order    */
    size_t people_count;
    const struct simulate_mailbox
        *mailboxes; /* the nth person goes from the nth, round and round */
    size_t mailbox_count;
    uint64_t seed; /* of the jitter                       */
};
/* Calls planned for each mail, in order of time. Returns how many; what never goes (a window that
 * never opens) is not called. */
size_t simulate(const struct simulate_input *input,
                void (*planned)(void *arg, size_t person, size_t mailbox, size_t step, int64_t at),
                void *arg);
#endif
