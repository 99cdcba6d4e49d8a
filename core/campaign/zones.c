/* campaign/zones.c: GTimeZone behind a cache, and the civil calendar. */
#include "campaign/zones.h"

#include "base/map.h"
#include "base/mem.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

enum { DAY_MS = 86400000, DAY_S = 86400 };

struct zones {
    struct map by_name;
};
struct zone {
    char *name;
    GTimeZone *tz; /* NULL: UTC, which needs no asking */
};

static void zone_free(void *arg)
{
    struct zone *zone = arg;

    if (zone->tz)
        g_time_zone_unref(zone->tz);
    free(zone->name);
    free(zone);
}

struct zones *zones_new(void)
{
    return mem_new(sizeof(struct zones));
}

void zones_free(struct zones *zones)
{
    if (!zones)
        return;
    map_finish(&zones->by_name, zone_free);
    free(zones);
}

/* Names only: GLib would also take "+02:00", POSIX rules and paths. */
static bool name_shape(const char *name)
{
    size_t len = strlen(name);

    return len && len < 64 && strchr(name, '/') && name[0] >= 'A' && name[0] <= 'Z' &&
           !strstr(name, "..") &&
           len == strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789_+-/");
}

static bool is_utc(const char *name)
{
    return strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0;
}

bool zone_name_valid(const char *name)
{
    GTimeZone *tz;

    if (is_utc(name))
        return true;
    tz = name_shape(name) ? g_time_zone_new_identifier(name) : NULL;
    if (tz)
        g_time_zone_unref(tz);
    return tz != NULL;
}

const struct zone *zones_get(struct zones *zones, const char *name)
{
    struct zone *zone = map_get_str(&zones->by_name, name);
    GTimeZone *tz = NULL;

    if (zone)
        return zone;
    if (!is_utc(name)) {
        tz = name_shape(name) ? g_time_zone_new_identifier(name) : NULL;
        if (!tz)
            return NULL;
    }
    zone = mem_new(sizeof(*zone));
    *zone = (struct zone){mem_str(name), tz};
    map_put_str(&zones->by_name, name, zone);
    return zone;
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t offset_at(const struct zone *zone, int64_t seconds)
{
    gint interval;

    if (!zone->tz)
        return 0;
    interval = g_time_zone_find_interval(zone->tz, G_TIME_TYPE_UNIVERSAL, seconds);
    return interval < 0 ? 0 : g_time_zone_get_offset(zone->tz, interval);
}

int64_t zone_offset(const struct zone *zone, int64_t ms)
{
    return offset_at(zone, floor_div(ms, 1000)) * 1000;
}

/* The first second in (from, to] with another offset than from has. */
static int64_t find_jump(const struct zone *zone, int64_t from, int64_t to)
{
    int64_t offset = offset_at(zone, from);

    while (to - from > 1) {
        int64_t middle = from + (to - from) / 2;

        if (offset_at(zone, middle) == offset)
            from = middle;
        else
            to = middle;
    }
    return to;
}

int64_t zone_moment(const struct zone *zone, int32_t day, int64_t ms_of_day)
{
    int64_t local = (int64_t)day * DAY_S + floor_div(ms_of_day, 1000), ms = ms_of_day % 1000;
    int64_t before = offset_at(zone, local - DAY_S), after = offset_at(zone, local + DAY_S);
    int64_t a = local - before, b = local - after;
    int64_t first = a < b ? a : b, second = a < b ? b : a;

    if (first + offset_at(zone, first) == local)
        return first * 1000 + ms;
    if (second + offset_at(zone, second) == local)
        return second * 1000 + ms;
    return find_jump(zone, local - DAY_S - DAY_S / 2, local + DAY_S + DAY_S / 2) * 1000;
}

void zone_local(const struct zone *zone, int64_t ms, int32_t *day_r, int64_t *ms_of_day_r)
{
    int64_t local = ms + zone_offset(zone, ms), day = floor_div(local, DAY_MS);

    *day_r = (int32_t)day;
    *ms_of_day_r = local - day * DAY_MS;
}

/* Days of the years before, leap days counted, from a calendar that begins in March. */
int32_t day_of_date(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void day_to_date(int32_t day, int *year_r, int *month_r, int *day_r)
{
    int32_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    *day_r = doy - (153 * mp + 2) / 5 + 1;
    *month_r = mp < 10 ? mp + 3 : mp - 9;
    *year_r = yoe + era * 400 + (*month_r <= 2);
}

int day_weekday(int32_t day)
{
    return (int)((day % 7 + 7 + 3) % 7); /* 1970-01-01 was a Thursday */
}

bool date_valid(int year, int month, int day)
{
    int y, m, d;

    if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    day_to_date(day_of_date(year, month, day), &y, &m, &d);
    return y == year && m == month && d == day;
}

static const char *abbreviation(const struct zone *zone, int64_t ms)
{
    gint interval;

    if (!zone->tz)
        return "UTC";
    interval = g_time_zone_find_interval(zone->tz, G_TIME_TYPE_UNIVERSAL, floor_div(ms, 1000));
    return interval < 0 ? zone->name : g_time_zone_get_abbreviation(zone->tz, interval);
}

char *zone_text(const struct zone *zone, int64_t ms, char *text)
{
    static const char weekdays[] = "MonTueWedThuFriSatSun";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t of_day;
    int32_t day;
    int y, m, d;

    zone_local(zone, ms, &day, &of_day);
    day_to_date(day, &y, &m, &d);
    snprintf(text, 48, "%.3s %d %.3s %d %02d:%02d %.12s", weekdays + 3 * day_weekday(day), d,
             months + 3 * (m - 1), y, (int)(of_day / 3600000), (int)(of_day / 60000 % 60),
             abbreviation(zone, ms));
    return text;
}
