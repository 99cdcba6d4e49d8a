/* unit/campaign/limits.c: caps, ramp-up and gaps. */
#include "campaign/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct zones *zones;
static const struct sequence_limits forty = {.per_day = 40, .gap_min = 90000, .gap_max = 150000};

static int64_t utc(int y, int mo, int d, int h, int mi)
{
    return ((int64_t)day_of_date(y, mo, d) * 1440 + h * 60 + mi) * 60000;
}

static struct limits_input ana(const struct sequence_limits *limits)
{
    return (struct limits_input){.limits = limits,
                                 .address = "ana@acme.example",
                                 .zone = zones_get(zones, "Europe/Berlin"),
                                 .now = utc(2026, 11, 18, 10, 0)};
}

static void test_cap(void **state)
{
    struct limits_input in = ana(&forty);
    enum limits_rule rule;
    char why[200];

    (void)state;
    in.sent_today = 39;
    assert_int_equal(limits_next(&in, &rule, why, sizeof(why)), in.now);
    assert_int_equal(rule, LIMITS_FREE);
    in.sent_today = 40;
    assert_int_equal(limits_next(&in, &rule, why, sizeof(why)), utc(2026, 11, 18, 23, 0));
    assert_int_equal(rule, LIMITS_PER_DAY);
    assert_string_equal(why, "ana@acme.example has sent 40 of 40 today");
    in.now = utc(2026, 10, 24, 23, 30); /* Sunday already, and an hour longer than others */
    assert_int_equal(limits_next(&in, &rule, why, sizeof(why)), utc(2026, 10, 25, 23, 0));
}

static void test_gap(void **state)
{
    struct limits_input in = ana(&forty);
    enum limits_rule rule;
    char why[200];
    int64_t at, least = INT64_MAX, most = 0;

    (void)state;
    in.last_sent = in.now - 1000;
    for (uint64_t i = 0; i < 2000; i++) {
        in.jitter = i * 0x9e3779b97f4a7c15u;
        at = limits_next(&in, &rule, why, sizeof(why));
        assert_int_equal(rule, LIMITS_GAP);
        assert_int_equal(at, limits_next(&in, &rule, why, sizeof(why)));
        least = at < least ? at : least;
        most = at > most ? at : most;
    }
    assert_true(least >= in.last_sent + 90000 && least < in.last_sent + 91000);
    assert_true(most <= in.last_sent + 150000 && most > in.last_sent + 149000);
    in.last_sent = in.now - 150000;
    assert_int_equal(limits_next(&in, &rule, why, sizeof(why)), in.now);
}

static void test_ramp(void **state)
{
    static const struct sequence_limits ramp = {.per_day = 23, .ramp_start = 10, .ramp_add = 5};
    static const int caps[] = {10, 15, 20, 23, 23};
    struct limits_input in = ana(&ramp);
    enum limits_rule rule;
    char why[200];

    (void)state;
    assert_int_equal(limits_cap(&in), 10);
    in.first_sent = in.now;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(limits_cap(&in), caps[i]);
        in.now += 86400000;
    }
    in.now = in.first_sent + 86400000;
    in.sent_today = 15;
    assert_int_equal(limits_next(&in, &rule, why, sizeof(why)), utc(2026, 11, 19, 23, 0));
    assert_int_equal(rule, LIMITS_RAMP_UP);
    assert_string_equal(why, "ana@acme.example has sent 15 of 15 today (day 2 of its ramp-up)");
}

static void test_none(void **state)
{
    static const struct sequence_limits none = {0};
    struct limits_input in = ana(&none);
    enum limits_rule rule;
    char why[200];

    (void)state;
    in.sent_today = 100000;
    in.last_sent = in.now;
    assert_int_equal(limits_cap(&in), 0);
    assert_int_equal(limits_next(&in, &rule, why, sizeof(why)), in.now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_ramp),
        cmocka_unit_test(test_none),
    };
    int r;

    zones = zones_new();
    r = cmocka_run_group_tests(tests, NULL, NULL);
    zones_free(zones);
    return r;
}
