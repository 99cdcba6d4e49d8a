/* campaign/schedule.c: walks the days of a calendar in one zone. */
#include "campaign/schedule.h"

enum { MINUTE_MS = 60000, DAYS_MAX = 3660 };

static const char *holiday_on(const struct schedule_input *input, int32_t day)
{
    for (size_t i = 0; i < input->holidays_count; i++) {
        const char *name = holidays_on(input->holidays[i], day);

        if (name)
            return name;
    }
    return NULL;
}

static bool has_day(unsigned days, int32_t day)
{
    return days >> day_weekday(day) & 1u;
}

/* Samoa had no 30 December 2011: such a day is none to send on, nor one to count. */
static bool day_exists(const struct zone *zone, int32_t day)
{
    return zone_moment(zone, day, 0) < zone_moment(zone, day + 1, 0);
}

int64_t schedule_next(const struct schedule_input *input, int64_t earliest,
                      enum schedule_rule *rule_r, const char **why_r)
{
    enum schedule_rule rule = SCHEDULE_NOW;
    const char *why = "it may go now";
    int64_t of_day;
    int32_t first;

    zone_local(input->zone, earliest, &first, &of_day);
    for (int32_t day = first; day < first + DAYS_MAX; day++) {
        const char *holiday = has_day(input->days, day) ? holiday_on(input, day) : NULL;
        int64_t opens, closes;

        if (holiday && rule != SCHEDULE_HOLIDAY)
            rule = SCHEDULE_HOLIDAY, why = holiday;
        else if (!has_day(input->days, day) && rule == SCHEDULE_NOW)
            rule = SCHEDULE_DAY, why = "it is none of the window's days";
        if (holiday || !has_day(input->days, day))
            continue;
        opens = zone_moment(input->zone, day, (int64_t)input->from * MINUTE_MS);
        closes = zone_moment(input->zone, day, (int64_t)input->to * MINUTE_MS);
        if (earliest < closes && opens < closes) {
            if (earliest < opens && rule == SCHEDULE_NOW)
                rule = SCHEDULE_HOURS, why = "it is outside the window's hours";
            *rule_r = rule;
            *why_r = why;
            return earliest > opens ? earliest : opens;
        }
        if (rule == SCHEDULE_NOW)
            rule = SCHEDULE_HOURS, why = "it is outside the window's hours";
    }
    *rule_r = SCHEDULE_NEVER;
    *why_r = "the window does not open within ten years";
    return INT64_MAX;
}

int64_t schedule_after(const struct schedule_input *input, int64_t sent,
                       const struct duration *delay)
{
    int64_t of_day;
    int32_t day;

    if (!delay->days && !delay->business_days)
        return sent + delay->ms;
    zone_local(input->zone, sent, &day, &of_day);
    day += delay->days;
    for (int left = delay->business_days, walked = 0; left && walked < DAYS_MAX; walked++) {
        day++;
        if (has_day(input->business_days, day) && !holiday_on(input, day) &&
            day_exists(input->zone, day))
            left--;
    }
    return zone_moment(input->zone, day, of_day) + delay->ms;
}

int64_t schedule_when(const struct zone *zone, const struct sequence_when *when)
{
    return when->set ? zone_moment(zone, when->day, when->ms_of_day) : 0;
}
