/* unit/campaign/schedule.c: windows and business days, over DST, holidays and the leap day. */
#include "campaign/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct zones *zones;
static struct holidays *de;
static const struct holidays *list[1];

static int64_t utc(int y, int mo, int d, int h, int mi)
{
    return ((int64_t)day_of_date(y, mo, d) * 1440 + h * 60 + mi) * 60000;
}

static struct schedule_input work(const char *zone)
{
    return (struct schedule_input){.zone = zones_get(zones, zone),
                                   .days = 0x1f,
                                   .from = 9 * 60,
                                   .to = 17 * 60,
                                   .business_days = 0x1f,
                                   .holidays = list,
                                   .holidays_count = 1};
}

static void next(const struct schedule_input *in, int64_t from, int64_t wanted,
                 enum schedule_rule rule)
{
    enum schedule_rule got = SCHEDULE_NEVER;
    const char *why = NULL;
    int64_t at = schedule_next(in, from, &got, &why);
    char a[48], b[48];

    if (at != wanted)
        fail_msg("wanted %s, got %s", zone_text(in->zone, wanted, a), zone_text(in->zone, at, b));
    assert_int_equal(got, rule);
    assert_non_null(why);
}

static void after(const struct schedule_input *in, int64_t sent, struct duration delay,
                  int64_t wanted)
{
    int64_t at = schedule_after(in, sent, &delay);
    char a[48], b[48];

    if (at != wanted)
        fail_msg("wanted %s, got %s", zone_text(in->zone, wanted, a), zone_text(in->zone, at, b));
}

static void test_window(void **state)
{
    struct schedule_input in = work("Europe/Berlin");

    (void)state; /* Wed 18 Nov 2026, CET */
    next(&in, utc(2026, 11, 18, 10, 0), utc(2026, 11, 18, 10, 0), SCHEDULE_NOW);
    next(&in, utc(2026, 11, 18, 8, 0), utc(2026, 11, 18, 8, 0), SCHEDULE_NOW);
    next(&in, utc(2026, 11, 18, 7, 59), utc(2026, 11, 18, 8, 0), SCHEDULE_HOURS);
    next(&in, utc(2026, 11, 18, 16, 0) - 1, utc(2026, 11, 18, 16, 0) - 1, SCHEDULE_NOW);
    next(&in, utc(2026, 11, 18, 16, 0), utc(2026, 11, 19, 8, 0), SCHEDULE_HOURS);
    next(&in, utc(2026, 11, 20, 17, 0), utc(2026, 11, 23, 8, 0), SCHEDULE_HOURS);
    next(&in, utc(2026, 11, 21, 10, 0), utc(2026, 11, 23, 8, 0), SCHEDULE_DAY);
    next(&in, utc(2026, 11, 20, 23, 30), utc(2026, 11, 23, 8, 0), SCHEDULE_DAY);
}

/* The window opens at nine on the wall, whichever side of the change. */
static void test_dst(void **state)
{
    struct schedule_input berlin = work("Europe/Berlin"), york = work("America/New_York");

    (void)state;
    next(&berlin, utc(2026, 3, 27, 18, 0), utc(2026, 3, 30, 7, 0), SCHEDULE_HOURS);
    next(&berlin, utc(2026, 10, 23, 18, 0), utc(2026, 10, 26, 8, 0), SCHEDULE_HOURS);
    next(&york, utc(2026, 3, 6, 23, 0), utc(2026, 3, 9, 13, 0), SCHEDULE_HOURS);
    next(&york, utc(2026, 10, 30, 23, 0), utc(2026, 11, 2, 14, 0), SCHEDULE_HOURS);
    berlin.days = york.days = 0x7f; /* a window within the hour that is not there */
    berlin.from = 2 * 60, berlin.to = 3 * 60;
    next(&berlin, utc(2026, 3, 28, 12, 0), utc(2026, 3, 30, 0, 0), SCHEDULE_HOURS);
    berlin.to = 4 * 60;
    next(&berlin, utc(2026, 3, 28, 12, 0), utc(2026, 3, 29, 1, 0), SCHEDULE_HOURS);
}

static void test_other_zones(void **state)
{
    struct schedule_input kolkata = work("Asia/Kolkata"), apia = work("Pacific/Apia");

    (void)state;
    next(&kolkata, utc(2026, 11, 18, 3, 0), utc(2026, 11, 18, 3, 30), SCHEDULE_HOURS);
    next(&kolkata, utc(2026, 11, 18, 11, 30), utc(2026, 11, 19, 3, 30), SCHEDULE_HOURS);
    /* Thursday evening UTC is Friday in Samoa; the day that was skipped in 2011 is no day. */
    next(&apia, utc(2026, 11, 19, 19, 0), utc(2026, 11, 19, 20, 0), SCHEDULE_HOURS);
    next(&apia, utc(2011, 12, 30, 5, 0), utc(2012, 1, 1, 19, 0), SCHEDULE_HOURS);
    after(&apia, utc(2011, 12, 29, 22, 0), (struct duration){.business_days = 1},
          utc(2012, 1, 1, 22, 0));
}

static void test_holidays(void **state)
{
    struct schedule_input in = work("Europe/Berlin");
    enum schedule_rule rule;
    const char *why;

    (void)state;
    next(&in, utc(2026, 4, 3, 10, 0), utc(2026, 4, 7, 7, 0), SCHEDULE_HOLIDAY);
    next(&in, utc(2026, 4, 2, 18, 0), utc(2026, 4, 7, 7, 0), SCHEDULE_HOLIDAY);
    schedule_next(&in, utc(2026, 4, 3, 10, 0), &rule, &why);
    assert_string_equal(why, "Karfreitag");
    /* Thursday before Easter: Friday and Monday are holidays. */
    after(&in, utc(2026, 4, 2, 10, 0), (struct duration){.business_days = 1},
          utc(2026, 4, 7, 10, 0));
    after(&in, utc(2026, 4, 2, 10, 0), (struct duration){.business_days = 3},
          utc(2026, 4, 9, 10, 0));
}

static void test_delays(void **state)
{
    struct schedule_input in = work("Europe/Berlin");

    (void)state;
    after(&in, utc(2026, 3, 28, 10, 0), (struct duration){.ms = 86400000}, utc(2026, 3, 29, 10, 0));
    after(&in, utc(2026, 3, 28, 10, 0), (struct duration){.days = 1}, utc(2026, 3, 29, 9, 0));
    after(&in, utc(2026, 10, 24, 9, 0), (struct duration){.days = 1}, utc(2026, 10, 25, 10, 0));
    after(&in, utc(2026, 11, 19, 10, 0), (struct duration){.business_days = 3},
          utc(2026, 11, 24, 10, 0));
    after(&in, utc(2026, 11, 21, 10, 0), (struct duration){.business_days = 1},
          utc(2026, 11, 23, 10, 0));
    after(&in, utc(2026, 11, 19, 10, 0), (struct duration){.business_days = 1, .ms = 7200000},
          utc(2026, 11, 20, 12, 0));
    after(&in, utc(2028, 2, 28, 10, 0), (struct duration){.business_days = 1},
          utc(2028, 2, 29, 10, 0));
    after(&in, utc(2028, 2, 28, 10, 0), (struct duration){.days = 2}, utc(2028, 3, 1, 10, 0));
    after(&in, utc(2027, 2, 28, 10, 0), (struct duration){.days = 1}, utc(2027, 3, 1, 10, 0));
    in.business_days = 0x4f; /* Sunday to Thursday */
    after(&in, utc(2026, 11, 19, 10, 0), (struct duration){.business_days = 1},
          utc(2026, 11, 22, 10, 0));
}

static void test_never(void **state)
{
    struct schedule_input in = work("UTC");
    enum schedule_rule rule;
    const char *why;

    (void)state;
    in.days = 0;
    assert_int_equal(schedule_next(&in, 0, &rule, &why), INT64_MAX);
    assert_int_equal(rule, SCHEDULE_NEVER);
}

int main(void)
{
    static const char ics[] = "BEGIN:VCALENDAR\nVERSION:2.0\n"
                              "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20260403\n"
                              "SUMMARY:Karfreitag\nEND:VEVENT\n"
                              "BEGIN:VEVENT\nUID:2\nDTSTART;VALUE=DATE:20260406\n"
                              "SUMMARY:Ostermontag\nEND:VEVENT\nEND:VCALENDAR\n";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),      cmocka_unit_test(test_dst),
        cmocka_unit_test(test_other_zones), cmocka_unit_test(test_holidays),
        cmocka_unit_test(test_delays),      cmocka_unit_test(test_never),
    };
    auto_buf struct buf error = {0};
    int r;

    zones = zones_new();
    if (holidays_parse("de", ics, sizeof(ics) - 1, 2011, 2030, &de, &error) < 0)
        return 1;
    list[0] = de;
    r = cmocka_run_group_tests(tests, NULL, NULL);
    holidays_free(de);
    zones_free(zones);
    return r;
}
