/* campaign/schedule.h: when a mail may go: windows, business days, holidays, right across DST.
 * Pure. */
#ifndef CAMPAIGN_SCHEDULE_H
#define CAMPAIGN_SCHEDULE_H
#include "campaign/holidays.h"
#include "campaign/sequence.h"
#include "campaign/zones.h"

#include <stddef.h>
#include <stdint.h>

enum schedule_rule {
    SCHEDULE_NOW = 0, /* the moment asked for is fine          */
    SCHEDULE_HOURS,   /* outside the hours of a day that is fine */
    SCHEDULE_DAY,     /* not one of the window's days          */
    SCHEDULE_HOLIDAY,
    SCHEDULE_NEVER /* no moment within ten years            */
};
struct schedule_input {
    const struct zone *zone; /* whose clock the window is read on          */
    unsigned days;           /* as sequence_window                         */
    int from, to;            /* minutes                                    */
    unsigned business_days;  /* for schedule_after                         */
    const struct holidays *const *holidays;
    size_t holidays_count;
};

/* The first moment >= earliest that is in the window; rule_r says why it is not `earliest` itself
 * and why_r (lent: a static sentence or a holiday's name) says it in words. INT64_MAX: never. */
int64_t schedule_next(const struct schedule_input *input, int64_t earliest,
                      enum schedule_rule *rule_r, const char **why_r);
/* When a step is due that comes `delay` after a mail sent at `sent`: days keep the time of day on
 * the zone's wall; business days skip weekends and holidays. No window yet: schedule_next does
 * that. */
int64_t schedule_after(const struct schedule_input *input, int64_t sent,
                       const struct duration *delay);
int64_t schedule_when(const struct zone *zone, const struct sequence_when *when);
#endif
