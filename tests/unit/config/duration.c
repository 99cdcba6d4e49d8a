/* unit/config/duration.c: spans of time as people write them. */
#include "config/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void takes(const char *text, int64_t ms, int days, int business_days, const char *said)
{
    struct duration d = {-1, -1, -1};
    char out[64];

    if (!duration_parse(text, &d))
        fail_msg("\"%s\" was refused", text);
    assert_int_equal(d.ms, ms);
    assert_int_equal(d.days, days);
    assert_int_equal(d.business_days, business_days);
    assert_string_equal(duration_text(&d, out, sizeof(out)), said);
}

static void test_takes(void **state)
{
    (void)state;
    takes("90s", 90000, 0, 0, "1 min 30 s");
    takes("15m", 900000, 0, 0, "15 min");
    takes("2h", 7200000, 0, 0, "2 h");
    takes("1h 30m", 5400000, 0, 0, "1 h 30 min");
    takes("1h30m", 5400000, 0, 0, "1 h 30 min");
    takes("3 days", 0, 3, 0, "3 days");
    takes("1 Day", 0, 1, 0, "1 day");
    takes("2 weeks", 0, 14, 0, "14 days");
    takes("3 business days", 0, 0, 3, "3 business days");
    takes(" 1  business  day 2 h ", 7200000, 0, 1, "1 business day 2 h");
    takes("3bd", 0, 0, 3, "3 business days");
    takes("0s", 0, 0, 0, "at once");
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {"",         "3",
                                      "days",     "3 buisness days",
                                      "-1s",      "1.5h",
                                      "3 months", "2 days 1 business day",
                                      "4000 d",   "99999999999999999999s",
                                      "1h,",      "1 businessdayslonglonglonglong"};
    struct duration d;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (duration_parse(bad[i], &d))
            fail_msg("\"%s\" was taken", bad[i]);
}

static void test_ranges(void **state)
{
    int64_t min, max;

    (void)state;
    assert_true(duration_range("90s..150s", &min, &max));
    assert_int_equal(min, 90000);
    assert_int_equal(max, 150000);
    assert_true(duration_range("2m", &min, &max));
    assert_int_equal(min, 120000);
    assert_int_equal(max, 120000);
    assert_true(duration_range("1m .. 2m", &min, &max));
    assert_false(duration_range("150s..90s", &min, &max));
    assert_false(duration_range("90..150s", &min, &max));
    assert_false(duration_range("1s..2 days", &min, &max));
    assert_false(duration_range("..", &min, &max));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
