/* campaign/limits.c: the cap of the day, then the gap. */
#include "campaign/limits.h"

#include <stdio.h>

static int64_t ramp_cap(const struct limits_input *input, int32_t *day_r)
{
    int64_t of_day;
    int32_t today, first;

    *day_r = 0;
    if (input->first_sent) {
        zone_local(input->zone, input->now, &today, &of_day);
        zone_local(input->zone, input->first_sent, &first, &of_day);
        *day_r = today > first ? today - first : 0;
    }
    return input->limits->ramp_start + (int64_t)*day_r * input->limits->ramp_add;
}

static bool is_ramping(const struct limits_input *input)
{
    int32_t day;

    return input->limits->ramp_start &&
           (!input->limits->per_day || ramp_cap(input, &day) < input->limits->per_day);
}

int limits_cap(const struct limits_input *input)
{
    int64_t cap = input->limits->per_day;
    int32_t day;

    if (is_ramping(input))
        cap = ramp_cap(input, &day);
    return cap > INT32_MAX ? INT32_MAX : (int)cap;
}

static int64_t tomorrow(const struct limits_input *input)
{
    int64_t of_day;
    int32_t today;

    zone_local(input->zone, input->now, &today, &of_day);
    return zone_moment(input->zone, today + 1, 0);
}

static int64_t gap_of(const struct limits_input *input)
{
    uint64_t spread = (uint64_t)(input->limits->gap_max - input->limits->gap_min);

    return input->limits->gap_min + (int64_t)(spread ? input->jitter % (spread + 1) : 0);
}

int64_t limits_next(const struct limits_input *input, enum limits_rule *rule_r, char *why,
                    size_t why_size)
{
    int cap = limits_cap(input);
    int64_t gap = gap_of(input), free_at = input->last_sent ? input->last_sent + gap : 0;
    int32_t day = 0;

    if (cap && input->sent_today >= cap) {
        bool ramp = is_ramping(input);

        if (ramp)
            ramp_cap(input, &day);
        snprintf(why, why_size, "%s has sent %d of %d today", input->address, input->sent_today,
                 cap);
        if (ramp)
            snprintf(why, why_size, "%s has sent %d of %d today (day %d of its ramp-up)",
                     input->address, input->sent_today, cap, (int)day + 1);
        *rule_r = ramp ? LIMITS_RAMP_UP : LIMITS_PER_DAY;
        return tomorrow(input);
    }
    if (free_at > input->now) {
        snprintf(why, why_size, "%s keeps a gap of %lld s between two mails", input->address,
                 (long long)(gap / 1000));
        *rule_r = LIMITS_GAP;
        return free_at;
    }
    snprintf(why, why_size, "%s is free", input->address);
    *rule_r = LIMITS_FREE;
    return input->now;
}
