/* campaign/zones.h: IANA time zones, local time and back, and the calendar.
 *
 * GLib's GTimeZone underneath (setenv TZ is no thread's friend). A struct zones is the caller's
 * cache, used by one thread at a time. Days are counted from 1970-01-01 = 0. */
#ifndef CAMPAIGN_ZONES_H
#define CAMPAIGN_ZONES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zones;
struct zone; /* lent by its struct zones, never changes                      */

struct zones *zones_new(void);
void zones_free(struct zones *zones);
/* NULL: no such zone. "UTC", "Europe/Berlin"; no POSIX rules, no bare offsets. */
const struct zone *zones_get(struct zones *zones, const char *name);
bool zone_name_valid(const char *name);
const char *zone_name(const struct zone *zone);

int64_t zone_offset(const struct zone *zone, int64_t ms); /* local minus UTC, in ms            */
/* The first moment at which the clock on the wall shows day and minute (0 to 1440); where the
 * clock jumps over it, the moment of the jump. */
int64_t zone_moment(const struct zone *zone, int32_t day, int64_t ms_of_day);
void zone_local(const struct zone *zone, int64_t ms, int32_t *day_r, int64_t *ms_of_day_r);

int32_t day_of_date(int year, int month, int day); /* proleptic Gregorian                 */
void day_to_date(int32_t day, int *year_r, int *month_r, int *day_r);
int day_weekday(int32_t day); /* 0 Monday .. 6 Sunday                          */
bool date_valid(int year, int month, int day);
/* "Mon 30 Mar 2026 09:00 CEST" as a person reads it; text holds at least 48 bytes. Returns text. */
char *zone_text(const struct zone *zone, int64_t ms, char *text);
#endif
