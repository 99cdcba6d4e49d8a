/* unit/campaign/simulate.c: three months in a second: the clock's change, holidays, caps, gaps. */
#include "campaign/simulate.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <time.h>

enum { PEOPLE = 4000, STEPS = 3, BOXES = 2 };

struct run {
    struct zones *zones;
    const struct holidays *holidays;
    const struct simulate_person *people;
    int64_t at[PEOPLE][STEPS];
    int64_t last[BOXES], previous;
    int a_day[BOXES][400];
    int64_t start;
};

static int64_t utc(int y, int mo, int d, int h, int mi)
{
    return ((int64_t)day_of_date(y, mo, d) * 1440 + h * 60 + mi) * 60000;
}

static void planned(void *arg, size_t person, size_t mailbox, size_t step, int64_t at)
{
    struct run *run = arg;
    const struct zone *zone = zones_get(run->zones, run->people[person].zone);
    int64_t of_day;
    int32_t day;

    assert_true(at >= run->previous); /* in order */
    run->previous = at;
    assert_int_equal(mailbox, person % BOXES);
    assert_int_equal(run->at[person][step], 0); /* each once, and in the order of steps */
    assert_true(step == 0 || run->at[person][step - 1]);
    run->at[person][step] = at;
    zone_local(zone, at, &day, &of_day);
    assert_true(day_weekday(day) < 5);
    assert_true(of_day >= 9 * 3600000 && of_day < 17 * 3600000);
    assert_null(holidays_on(run->holidays, day));
    if (run->last[mailbox])
        assert_true(at - run->last[mailbox] >= 90000);
    run->last[mailbox] = at;
    zone_local(zones_get(run->zones, "Europe/Berlin"), at, &day, &of_day);
    run->a_day[mailbox][day - day_of_date(2026, 3, 2)]++;
    if (run->people[person].answers)
        assert_true(at < run->people[person].answers);
}

/* Whether three days of Monday to Friday that are no holidays lie in between, on its own calendar.
 */
static void check_delay(const struct run *run, size_t person, size_t step)
{
    const struct zone *zone = zones_get(run->zones, run->people[person].zone);
    int64_t of_day, before;
    int32_t day, from;
    int days = 0;

    zone_local(zone, run->at[person][step - 1], &from, &before);
    zone_local(zone, run->at[person][step], &day, &of_day);
    for (int32_t d = from + 1; d <= day; d++)
        days += day_weekday(d) < 5 && !holidays_on(run->holidays, d);
    assert_true(days > 3 || (days == 3 && of_day >= before));
}

static void test_three_months(void **state)
{
    static const char ics[] = "BEGIN:VCALENDAR\nVERSION:2.0\n"
                              "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20260403\n"
                              "SUMMARY:Karfreitag\nEND:VEVENT\n"
                              "BEGIN:VEVENT\nUID:2\nDTSTART;VALUE=DATE:20260406\n"
                              "SUMMARY:Ostermontag\nEND:VEVENT\n"
                              "BEGIN:VEVENT\nUID:3\nDTSTART;VALUE=DATE:20260501\n"
                              "SUMMARY:Tag der Arbeit\nEND:VEVENT\nEND:VCALENDAR\n";
    static const char yaml[] =
        "name: N\nfrom: [a@acme.example, b@acme.example]\n"
        "limits: {per_day: 125, gap: 90s..150s, ramp_up: {start: 25, add: 25}}\n"
        "holidays: [de]\n"
        "steps:\n  - {subject: A, text: B}\n"
        "  - {after: 3 business days, text: C}\n"
        "  - {after: 3 business days, text: D}\n";
    static const char *const names[] = {"Europe/Berlin", "America/New_York", "Asia/Kolkata",
                                        "Pacific/Apia"};
    static struct run run;
    static struct simulate_person people[PEOPLE];
    static const struct simulate_mailbox boxes[BOXES] = {
        {"a@acme.example", "Europe/Berlin", 0, 0, 0}, {"b@acme.example", "Europe/Berlin", 0, 0, 0}};
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf error = {0};
    struct sequence *sequence = NULL;
    struct holidays *de = NULL;
    struct simulate_input input;
    size_t sent, answered = 0, wanted = 0;
    clock_t began;

    (void)state;
    assert_int_equal(sequence_read("n.yaml", yaml, sizeof(yaml) - 1, &mistakes, &sequence), 0);
    assert_int_equal(holidays_parse("de", ics, sizeof(ics) - 1, 2026, 2027, &de, &error), 0);
    for (size_t i = 0; i < PEOPLE; i++) {
        people[i] = (struct simulate_person){"p@corp.example", names[i % 4], 0};
        if (i % 10 == 9)
            people[i].answers = utc(2026, 3, 20, 12, 0);
    }
    run.zones = zones_new();
    run.holidays = de;
    run.people = people;
    input = (struct simulate_input){.sequence = sequence,
                                    .zones = run.zones,
                                    .holidays = &run.holidays,
                                    .holidays_count = 1,
                                    .start = utc(2026, 3, 2, 0, 0),
                                    .people = people,
                                    .people_count = PEOPLE,
                                    .mailboxes = boxes,
                                    .mailbox_count = BOXES,
                                    .seed = 7};
    began = clock();
    sent = simulate(&input, planned, &run);
    print_message("%zu mails, %.2f s of processor\n", sent,
                  (double)(clock() - began) / CLOCKS_PER_SEC);
    for (size_t i = 0; i < PEOPLE; i++)
        for (size_t s = 0; s < STEPS; s++) {
            if (people[i].answers && !run.at[i][s]) {
                answered++;
                continue;
            }
            assert_true(run.at[i][s] > 0); /* nobody missed */
            wanted++;
            if (s)
                check_delay(&run, i, s);
        }
    assert_int_equal(sent, wanted);
    assert_true(answered > 0);
    for (size_t box = 0; box < BOXES; box++)
        for (int day = 0, first = -1; day < 400; day++) {
            if (first < 0 && run.a_day[box][day])
                first = day;
            if (first >= 0)
                assert_true(run.a_day[box][day] <=
                            (25 + 25 * (day - first) < 125 ? 25 + 25 * (day - first) : 125));
        }
    assert_true(run.previous > utc(2026, 4, 7, 0, 0)); /* it went over the change and Easter */
    zones_free(run.zones);
    holidays_free(de);
    sequence_free(sequence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_three_months)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
