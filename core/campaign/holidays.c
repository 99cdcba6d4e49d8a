/* campaign/holidays.c: opens the events of a calendar out into days. */
#include "campaign/holidays.h"

#include "base/mem.h"
#include "campaign/zones.h"

#include <errno.h>
#include <fcntl.h>
#include <libical/ical.h>
#include <string.h>
#include <unistd.h>

enum { SIZE_LIMIT = 16 * 1024 * 1024, DAYS_LIMIT = 20000, EVENT_DAYS_MAX = 366, STEPS_MAX = 20000 };

struct holiday {
    int32_t day;
    char *name;
};
struct holidays {
    char *name;
    struct holiday *list; /* ascending, each day once */
    size_t count;
    int32_t first, last; /* what is wanted */
};

static int by_day(const void *a, const void *b)
{
    const struct holiday *x = a, *y = b;

    return (x->day > y->day) - (x->day < y->day);
}

static int32_t day_of(struct icaltimetype time)
{
    return day_of_date(time.year, time.month, time.day);
}

static void add_days(struct holidays *holidays, int32_t from, int32_t count, const char *name)
{
    for (int32_t day = from; day < from + count; day++) {
        if (day < holidays->first || day > holidays->last || holidays->count >= DAYS_LIMIT)
            continue;
        holidays->list = mem_grow(holidays->list, holidays->count + 1, sizeof(*holidays->list));
        holidays->list[holidays->count++] = (struct holiday){day, mem_str(name)};
    }
}

/* How many days an event takes up: its end is the first moment after it. */
static int32_t days_of(icalcomponent *event, struct icaltimetype start)
{
    struct icaltimetype end = icalcomponent_get_dtend(event);
    int32_t days = 1;

    if (!icaltime_is_null_time(end) && icaltime_is_valid_time(end)) {
        days = day_of(end) - day_of(start);
        if (end.hour || end.minute || end.second)
            days++;
    }
    return days < 1 ? 1 : days > EVENT_DAYS_MAX ? EVENT_DAYS_MAX : days;
}

static bool is_excepted(icalcomponent *event, int32_t day)
{
    icalproperty *p = icalcomponent_get_first_property(event, ICAL_EXDATE_PROPERTY);

    for (; p; p = icalcomponent_get_next_property(event, ICAL_EXDATE_PROPERTY))
        if (day_of(icalproperty_get_exdate(p)) == day)
            return true;
    return false;
}

/* The rule's days, the first among them. */
static void add_rule(struct holidays *holidays, icalcomponent *event, icalproperty *rule,
                     struct icaltimetype start, int32_t days, const char *name)
{
    icalrecur_iterator *walk = icalrecur_iterator_new(icalproperty_get_rrule(rule), start);

    for (int steps = 0; walk && steps < STEPS_MAX; steps++) {
        struct icaltimetype at = icalrecur_iterator_next(walk);

        if (icaltime_is_null_time(at) || day_of(at) > holidays->last)
            break;
        if (!is_excepted(event, day_of(at)))
            add_days(holidays, day_of(at), days, name);
    }
    if (walk)
        icalrecur_iterator_free(walk);
}

static void add_event(struct holidays *holidays, icalcomponent *event)
{
    struct icaltimetype start = icalcomponent_get_dtstart(event);
    const char *summary = icalcomponent_get_summary(event), *name = summary ? summary : "holiday";
    icalproperty *p;
    int32_t days;

    if (icaltime_is_null_time(start) || !icaltime_is_valid_time(start) ||
        icalcomponent_get_status(event) == ICAL_STATUS_CANCELLED)
        return;
    days = days_of(event, start);
    if (!is_excepted(event, day_of(start)))
        add_days(holidays, day_of(start), days, name);
    p = icalcomponent_get_first_property(event, ICAL_RRULE_PROPERTY);
    for (; p; p = icalcomponent_get_next_property(event, ICAL_RRULE_PROPERTY))
        add_rule(holidays, event, p, start, days, name);
    p = icalcomponent_get_first_property(event, ICAL_RDATE_PROPERTY);
    for (; p; p = icalcomponent_get_next_property(event, ICAL_RDATE_PROPERTY)) {
        struct icaldatetimeperiodtype at = icalproperty_get_rdate(p);
        struct icaltimetype time = icaltime_is_null_time(at.time) ? at.period.start : at.time;

        if (!icaltime_is_null_time(time) && !is_excepted(event, day_of(time)))
            add_days(holidays, day_of(time), days, name);
    }
}

static void sort_days(struct holidays *holidays)
{
    size_t kept = 0;

    if (holidays->count)
        qsort(holidays->list, holidays->count, sizeof(*holidays->list), by_day);
    for (size_t i = 0; i < holidays->count; i++) {
        if (kept && holidays->list[kept - 1].day == holidays->list[i].day)
            free(holidays->list[i].name);
        else
            holidays->list[kept++] = holidays->list[i];
    }
    holidays->count = kept;
}

int holidays_parse(const char *name, const char *text, size_t len, int from_year, int to_year,
                   struct holidays **holidays_r, struct buf *error)
{
    auto_free char *own = mem_strn(text, len);
    icalcomponent *root, *event;
    struct holidays *holidays;

    icalerror_set_errors_are_fatal(0);
    root = strlen(own) == len ? icalparser_parse_string(own) : NULL;
    if (!root || (icalcomponent_isa(root) != ICAL_VCALENDAR_COMPONENT &&
                  icalcomponent_isa(root) != ICAL_XROOT_COMPONENT)) {
        if (root)
            icalcomponent_free(root);
        buf_printf(error,
                   "holidays \"%s\": it is no iCalendar file: save the country's public holidays "
                   "as .ics",
                   name);
        return -EINVAL;
    }
    holidays = mem_new(sizeof(*holidays));
    holidays->name = mem_str(name);
    holidays->first = day_of_date(from_year, 1, 1);
    holidays->last = day_of_date(to_year, 12, 31);
    for (icalcomponent *calendar =
             icalcomponent_isa(root) == ICAL_VCALENDAR_COMPONENT
                 ? root
                 : icalcomponent_get_first_component(root, ICAL_VCALENDAR_COMPONENT);
         calendar;
         calendar = calendar == root
                        ? NULL
                        : icalcomponent_get_next_component(root, ICAL_VCALENDAR_COMPONENT))
        for (event = icalcomponent_get_first_component(calendar, ICAL_VEVENT_COMPONENT); event;
             event = icalcomponent_get_next_component(calendar, ICAL_VEVENT_COMPONENT))
            add_event(holidays, event);
    icalcomponent_free(root);
    sort_days(holidays);
    *holidays_r = holidays;
    return 0;
}

static int read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;

    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t got = read(fd, buf_reserve(out, 64 * 1024), 64 * 1024);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            r = -errno;
        if (out->len > SIZE_LIMIT)
            r = -EFBIG;
        if (got <= 0 || r < 0)
            break;
        buf_advance(out, (size_t)got);
    }
    close(fd);
    return r;
}

int holidays_read(const char *name, const char *path, int from_year, int to_year,
                  struct holidays **holidays_r, struct buf *error)
{
    auto_buf struct buf text = {0}, why = {0};
    int r = read_file(path, &text);

    if (r < 0) {
        buf_printf(error,
                   "holidays \"%s\": %s can't be read: %s; name a file that this user may read",
                   name, path, strerror(-r));
        return r;
    }
    r = holidays_parse(name, buf_text(&text), text.len, from_year, to_year, holidays_r, &why);
    if (r < 0)
        buf_printf(error, "%s: %s", path, buf_text(&why));
    return r;
}

void holidays_free(struct holidays *holidays)
{
    if (!holidays)
        return;
    for (size_t i = 0; i < holidays->count; i++)
        free(holidays->list[i].name);
    free(holidays->list);
    free(holidays->name);
    free(holidays);
}

const char *holidays_name(const struct holidays *holidays)
{
    return holidays->name;
}

size_t holidays_count(const struct holidays *holidays)
{
    return holidays->count;
}

const char *holidays_on(const struct holidays *holidays, int32_t day)
{
    struct holiday key = {.day = day};
    const struct holiday *found =
        holidays->count ? bsearch(&key, holidays->list, holidays->count, sizeof(key), by_day)
                        : NULL;

    return found ? found->name : NULL;
}
