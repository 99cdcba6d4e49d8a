/* unit/campaign/holidays.c: the days of an iCalendar file. */
#include "campaign/holidays.h"

#include "campaign/zones.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

static const char ics[] = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//acme.example//EN\r\n"
                          "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20200501\r\n"
                          "RRULE:FREQ=YEARLY\r\nEXDATE;VALUE=DATE:20270501\r\n"
                          "SUMMARY:Tag der Arbeit\r\nEND:VEVENT\r\n"
                          "BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20260403\r\n"
                          "DTEND;VALUE=DATE:20260404\r\nSUMMARY:Karfreitag\r\nEND:VEVENT\r\n"
                          "BEGIN:VEVENT\r\nUID:3\r\nDTSTART;VALUE=DATE:20261224\r\n"
                          "DTEND;VALUE=DATE:20261227\r\nSUMMARY:Weihnachten\r\nEND:VEVENT\r\n"
                          "BEGIN:VEVENT\r\nUID:4\r\nDTSTART;VALUE=DATE:20200229\r\n"
                          "RRULE:FREQ=YEARLY\r\nSUMMARY:Leap\r\nEND:VEVENT\r\n"
                          "BEGIN:VEVENT\r\nUID:5\r\nDTSTART;VALUE=DATE:20260601\r\n"
                          "STATUS:CANCELLED\r\nSUMMARY:Not so\r\nEND:VEVENT\r\n"
                          "BEGIN:VEVENT\r\nUID:6\r\nDTSTART;VALUE=DATE:20260707\r\n"
                          "RDATE;VALUE=DATE:20270708\r\nSUMMARY:Moves\r\nEND:VEVENT\r\n"
                          "BEGIN:VEVENT\r\nUID:7\r\nDTSTART:20261103T220000Z\r\n"
                          "DTEND:20261103T230000Z\r\nSUMMARY:Timed\r\nEND:VEVENT\r\n"
                          "BEGIN:VEVENT\r\nUID:8\r\nDTSTART;VALUE=DATE:20260120\r\n"
                          "RRULE:FREQ=YEARLY;BYMONTH=1;BYDAY=3MO\r\nSUMMARY:Third Monday\r\n"
                          "END:VEVENT\r\n"
                          "END:VCALENDAR\r\n";

static const char *on(const struct holidays *h, int y, int m, int d)
{
    const char *name = holidays_on(h, day_of_date(y, m, d));

    return name ? name : "-";
}

static void test_days(void **state)
{
    auto_buf struct buf error = {0};
    struct holidays *h = NULL;

    (void)state;
    assert_int_equal(holidays_parse("de", ics, sizeof(ics) - 1, 2026, 2028, &h, &error), 0);
    assert_string_equal(holidays_name(h), "de");
    assert_string_equal(on(h, 2026, 5, 1), "Tag der Arbeit");
    assert_string_equal(on(h, 2027, 5, 1), "-");
    assert_string_equal(on(h, 2028, 5, 1), "Tag der Arbeit");
    assert_string_equal(on(h, 2025, 5, 1), "-");
    assert_string_equal(on(h, 2029, 5, 1), "-");
    assert_string_equal(on(h, 2026, 4, 3), "Karfreitag");
    assert_string_equal(on(h, 2026, 4, 4), "-");
    assert_string_equal(on(h, 2026, 12, 23), "-");
    assert_string_equal(on(h, 2026, 12, 24), "Weihnachten");
    assert_string_equal(on(h, 2026, 12, 26), "Weihnachten");
    assert_string_equal(on(h, 2026, 12, 27), "-");
    assert_string_equal(on(h, 2028, 2, 29), "Leap");
    assert_string_equal(on(h, 2027, 2, 28), "-");
    assert_string_equal(on(h, 2027, 3, 1), "-");
    assert_string_equal(on(h, 2026, 6, 1), "-");
    assert_string_equal(on(h, 2026, 7, 7), "Moves");
    assert_string_equal(on(h, 2027, 7, 8), "Moves");
    assert_string_equal(on(h, 2026, 11, 3), "Timed");
    assert_string_equal(on(h, 2026, 11, 4), "-");
    assert_string_equal(on(h, 2027, 1, 18), "Third Monday");
    holidays_free(h);
}

static void test_refused(void **state)
{
    auto_buf struct buf error = {0};
    struct holidays *h = NULL;

    (void)state;
    assert_int_equal(holidays_parse("de", "hello", 5, 2026, 2028, &h, &error), -EINVAL);
    assert_non_null(strstr(buf_text(&error), "no iCalendar file"));
    assert_int_equal(holidays_parse("de", "", 0, 2026, 2028, &h, &error), -EINVAL);
    buf_truncate(&error, 0);
    assert_int_equal(holidays_read("de", "/nowhere.ics", 2026, 2028, &h, &error), -ENOENT);
    assert_non_null(strstr(buf_text(&error), "/nowhere.ics"));
    assert_null(h);
}

static void test_file(void **state)
{
    char path[] = "/tmp/postrider-ics-XXXXXX";
    int fd = mkstemp(path);
    auto_buf struct buf error = {0};
    struct holidays *h = NULL;

    (void)state;
    assert_int_equal(write(fd, ics, sizeof(ics) - 1), sizeof(ics) - 1);
    close(fd);
    assert_int_equal(holidays_read("de", path, 2026, 2026, &h, &error), 0);
    assert_int_equal(holidays_count(h), 8);
    holidays_free(h);
    unlink(path);
}

/* Cut anywhere, it is answered without a crash or a leak. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(ics); len += 7) {
        auto_buf struct buf error = {0};
        struct holidays *h = NULL;

        if (holidays_parse("de", ics, len, 2026, 2027, &h, &error) == 0)
            holidays_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
