/* campaign/holidays.h: the days of an iCalendar file on which nothing goes out (libical).
 *
 * Every VEVENT counts, for each day from DTSTART to before DTEND, by its date as written (holidays
 * have no zone), RRULE, RDATE and EXDATE minded, cancelled ones left out. What was read never
 * changes: many threads may ask. Reading is for one thread at a time. */
#ifndef CAMPAIGN_HOLIDAYS_H
#define CAMPAIGN_HOLIDAYS_H
#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

struct holidays;

/* Days of from_year to to_year (both in). -EINVAL: no calendar in it; other negative errno: the
 * file can't be read; error gets a sentence that names the file. `name` ("de") is copied. */
int holidays_read(const char *name, const char *path, int from_year, int to_year,
                  struct holidays **holidays_r, struct buf *error);
int holidays_parse(const char *name, const char *text, size_t len, int from_year, int to_year,
                   struct holidays **holidays_r, struct buf *error);
void holidays_free(struct holidays *holidays);
const char *holidays_name(const struct holidays *holidays);
size_t holidays_count(const struct holidays *holidays);
/* What the day is ("Karfreitag"), lent; NULL: no holiday. Day as in zones.h. */
const char *holidays_on(const struct holidays *holidays, int32_t day);
#endif
