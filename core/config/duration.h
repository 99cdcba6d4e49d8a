/* config/duration.h: spans of time as people write them: "90s", "15m", "2h", "3 business days".
 *
 * Days and business days are counted on a calendar in some zone, so they are kept apart from
 * milliseconds: a day over a change of DST is no 24 hours. Pure, any thread. */
#ifndef CONFIG_DURATION_H
#define CONFIG_DURATION_H
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct duration {
    int64_t ms;        /* seconds, minutes, hours                              */
    int days;          /* calendar days; a week is seven                       */
    int business_days; /* days of the business week that are no holidays       */
};

/* `<number> <unit>`, several may follow each other ("1h 30m", "2 days 4h"); units: ms, s, sec,
 * second(s), m, min, minute(s), h, hour(s), d, day(s), w, week(s), business day(s), bd. A business
 * day can't be mixed with days. At most ten years. false: it is no duration. */
bool duration_parse(const char *text, struct duration *duration_r);
/* "90s..150s" or one span for both ends; no days. false: no range, or its end comes first. */
bool duration_range(const char *text, int64_t *min_ms_r, int64_t *max_ms_r);
/* All of it as milliseconds, days as 24 hours: for what is no calendar (poll, settle, retention).
 */
int64_t duration_ms(const struct duration *duration);
/* "3 business days", "1 h 30 min"; "at once" for nothing. Returns text. */
char *duration_text(const struct duration *duration, char *text, size_t size);
extern const char duration_right[]; /* what would be right, for mistakes            */
#endif
