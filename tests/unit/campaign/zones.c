/* unit/campaign/zones.c: local time and back, through every kind of jump of the clock. */
#include "campaign/zones.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct zones *zones;

static int64_t utc(int y, int mo, int d, int h, int mi)
{
    return ((int64_t)day_of_date(y, mo, d) * 1440 + h * 60 + mi) * 60000;
}

static int64_t local(const char *zone, int y, int mo, int d, int h, int mi)
{
    return zone_moment(zones_get(zones, zone), day_of_date(y, mo, d), (h * 60 + mi) * 60000ll);
}

static void test_calendar(void **state)
{
    int y, m, d;

    (void)state;
    assert_int_equal(day_of_date(1970, 1, 1), 0);
    assert_int_equal(day_of_date(2026, 11, 21), 20778);
    assert_int_equal(day_weekday(day_of_date(2026, 11, 21)), 5);
    assert_int_equal(day_weekday(day_of_date(1969, 12, 29)), 0);
    for (int32_t day = -1000; day < 60000; day++) {
        day_to_date(day, &y, &m, &d);
        assert_int_equal(day_of_date(y, m, d), day);
    }
    assert_true(date_valid(2024, 2, 29));
    assert_true(date_valid(2000, 2, 29));
    assert_false(date_valid(2026, 2, 29));
    assert_false(date_valid(2100, 2, 29));
    assert_false(date_valid(2026, 13, 1));
    assert_false(date_valid(2026, 4, 31));
}

static void test_names(void **state)
{
    static const char *const bad[] = {
        "",       "Berlin", "Europe/Berlim", "../etc/passwd", "+02:00",
        "/etc/x", "CET-1",  "A/../B",        "europe/berlin"};

    (void)state;
    assert_non_null(zones_get(zones, "Europe/Berlin"));
    assert_ptr_equal(zones_get(zones, "Asia/Kolkata"), zones_get(zones, "Asia/Kolkata"));
    assert_string_equal(zone_name(zones_get(zones, "UTC")), "UTC");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (zone_name_valid(bad[i]) || zones_get(zones, bad[i]))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void test_offsets(void **state)
{
    (void)state;
    assert_int_equal(local("Europe/Berlin", 2026, 1, 15, 9, 0), utc(2026, 1, 15, 8, 0));
    assert_int_equal(local("Europe/Berlin", 2026, 7, 15, 9, 0), utc(2026, 7, 15, 7, 0));
    assert_int_equal(local("America/New_York", 2026, 7, 15, 9, 0), utc(2026, 7, 15, 13, 0));
    assert_int_equal(local("Asia/Kolkata", 2026, 7, 15, 9, 0), utc(2026, 7, 15, 3, 30));
    assert_int_equal(local("Pacific/Apia", 2026, 7, 15, 9, 0), utc(2026, 7, 14, 20, 0));
    assert_int_equal(local("UTC", 2026, 7, 15, 24, 0), utc(2026, 7, 16, 0, 0));
    assert_int_equal(local("Europe/Berlin", 2045, 7, 15, 9, 0), utc(2045, 7, 15, 7, 0));
}

/* Spring: 02:00 to 03:00 is not there. Autumn: it is there twice, and the first counts. */
static void test_jumps(void **state)
{
    (void)state;
    assert_int_equal(local("Europe/Berlin", 2026, 3, 29, 1, 59), utc(2026, 3, 29, 0, 59));
    assert_int_equal(local("Europe/Berlin", 2026, 3, 29, 2, 0), utc(2026, 3, 29, 1, 0));
    assert_int_equal(local("Europe/Berlin", 2026, 3, 29, 2, 30), utc(2026, 3, 29, 1, 0));
    assert_int_equal(local("Europe/Berlin", 2026, 3, 29, 3, 0), utc(2026, 3, 29, 1, 0));
    assert_int_equal(local("Europe/Berlin", 2026, 10, 25, 2, 30), utc(2026, 10, 25, 0, 30));
    assert_int_equal(local("Europe/Berlin", 2026, 10, 25, 3, 0), utc(2026, 10, 25, 2, 0));
    assert_int_equal(local("America/New_York", 2026, 3, 8, 2, 30), utc(2026, 3, 8, 7, 0));
    assert_int_equal(local("America/New_York", 2026, 11, 1, 1, 30), utc(2026, 11, 1, 5, 30));
    /* Samoa went from 29 to 31 December 2011. */
    assert_int_equal(local("Pacific/Apia", 2011, 12, 30, 12, 0), utc(2011, 12, 30, 10, 0));
    assert_int_equal(local("Pacific/Apia", 2011, 12, 31, 0, 0), utc(2011, 12, 30, 10, 0));
    assert_int_equal(local("Pacific/Apia", 2011, 12, 29, 23, 0), utc(2011, 12, 30, 9, 0));
}

/* There and back, each half hour of two years. */
static void test_round_trip(void **state)
{
    static const char *const names[] = {"Europe/Berlin", "America/New_York",    "Asia/Kolkata",
                                        "Pacific/Apia",  "Australia/Lord_Howe", "UTC"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const struct zone *zone = zones_get(zones, names[i]);

        for (int64_t ms = utc(2026, 1, 1, 0, 0); ms < utc(2028, 1, 1, 0, 0); ms += 1800000) {
            int64_t of_day, back;
            int32_t day;

            zone_local(zone, ms, &day, &of_day);
            back = zone_moment(zone, day, of_day);
            if (back != ms && back != ms - 3600000 && back != ms - 1800000) /* twice in autumn */
                fail_msg("%s: %lld came back as %lld", names[i], (long long)ms, (long long)back);
            assert_true(of_day >= 0 && of_day < 86400000);
        }
    }
}

static void test_text(void **state)
{
    char text[48];

    (void)state;
    assert_string_equal(zone_text(zones_get(zones, "Europe/Berlin"), utc(2026, 3, 30, 7, 0), text),
                        "Mon 30 Mar 2026 09:00 CEST");
    assert_string_equal(zone_text(zones_get(zones, "UTC"), utc(2026, 12, 1, 7, 5), text),
                        "Tue 1 Dec 2026 07:05 UTC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calendar),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_offsets),    cmocka_unit_test(test_jumps),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_text),
    };
    int r;

    zones = zones_new();
    r = cmocka_run_group_tests(tests, NULL, NULL);
    zones_free(zones);
    return r;
}
