/* unit/campaign/sequence.c: a campaign's YAML, whole, by default, and with its mistakes. */
#include "campaign/sequence.h"

#include "campaign/zones.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct sequence *parse(const char *text)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf out = {0};
    struct sequence *sequence = NULL;

    sequence_read("berlin.yaml", text, strlen(text), &mistakes, &sequence);
    mistakes_text(&mistakes, &out);
    if (!sequence)
        fail_msg("%s", buf_text(&out));
    return sequence;
}

static void refused(const char *text, const char *wanted)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf out = {0};
    struct sequence *sequence = NULL;

    assert_int_equal(sequence_read("berlin.yaml", text, strlen(text), &mistakes, &sequence),
                     -EINVAL);
    mistakes_text(&mistakes, &out);
    if (!strstr(buf_text(&out), wanted))
        fail_msg("wanted \"%s\", got %s", wanted, buf_text(&out));
}

static const char design[] =
    "name: Backend engineers, Berlin\n"
    "from: ana@acme.example\n"
    "access: headers\n"
    "label: Outreach/Berlin\n"
    "window: {days: mon-fri, from: \"09:00\", to: \"17:00\", zone: person}\n"
    "limits: {per_day: 40, gap: 90s..150s}\n"
    "stop: {on: [reply, bounce, unsubscribe], company: true}\n"
    "steps:\n"
    "  - subject: \"{{first_name | default: there}}, about {{company}}\"\n"
    "    text: |\n"
    "      Hi {{first_name | default: there}}, ...\n"
    "  - after: 3 business days\n"
    "    text: |\n"
    "      Just making sure this reached you.\n";

static void test_design(void **state)
{
    struct sequence *s = parse(design);

    (void)state;
    assert_string_equal(s->name, "Backend engineers, Berlin");
    assert_int_equal(s->from_count, 1);
    assert_string_equal(s->from[0], "ana@acme.example");
    assert_int_equal(s->access, SEQUENCE_HEADERS);
    assert_string_equal(s->label, "Outreach/Berlin");
    assert_int_equal(s->window.days, 0x1f);
    assert_int_equal(s->window.from, 540);
    assert_int_equal(s->window.zone, SEQUENCE_ZONE_PERSON);
    assert_int_equal(s->limits.per_day, 40);
    assert_int_equal(s->limits.gap_min, 90000);
    assert_int_equal(s->limits.gap_max, 150000);
    assert_int_equal(s->stop_on, 7);
    assert_true(s->stop_company);
    assert_true(s->unsubscribe);
    assert_int_equal(s->step_count, 2);
    assert_null(s->steps[1].subject);
    assert_int_equal(s->steps[1].after.business_days, 3);
    assert_int_equal(sequence_thread(s, 1), 0);
    sequence_free(s);
}

#define STEP "steps: [{subject: Hi, text: Ho}]\n"
#define LEAST "name: N\nfrom: ana@acme.example\n" STEP

static void test_least(void **state)
{
    struct sequence *s = parse(LEAST);

    (void)state;
    assert_int_equal(s->access, SEQUENCE_ACCESS_ANY);
    assert_int_equal(s->window.days, 0x1f);
    assert_int_equal(s->window.to, 17 * 60);
    assert_int_equal(s->business_days, 0x1f);
    assert_int_equal(s->stop_on, 7);
    assert_false(s->stop_company);
    assert_int_equal(s->limits.per_day, 0);
    assert_false(s->start.set);
    sequence_free(s);
}

static void test_everything(void **state)
{
    struct sequence *s =
        parse("name: N\nfrom: [ana@acme.example, kim@acme.example]\n"
              "as: {address: jobs@acme.example, name: Acme Jobs}\nreply_to: ana@acme.example\n"
              "promise: fast\nwindow: {days: [mon, wed-fri, sat], from: 8:30, to: 24:00,\n"
              "  zone: Asia/Kolkata}\nbusiness_days: sun-thu\nholidays: [de, at]\n"
              "limits: {ramp_up: {start: 10, add: 5 a day}, gap: 2m}\n"
              "stop: {on: [reply, unsubscribe, auto_reply]}\nunsubscribe: no\n"
              "start: 2026-03-02 10:15\n"
              "steps:\n"
              "  - {at: 2026-03-03, subject: A, html: <p>B</p>}\n"
              "  - {after: 1h, text: C}\n"
              "  - {after: 2 days, subject: D, text: E}\n"
              "  - {after: 2 days, text: F}\n");

    (void)state;
    assert_int_equal(s->from_count, 2);
    assert_string_equal(sequence_sender(s, 3), "kim@acme.example");
    assert_string_equal(s->as_address, "jobs@acme.example");
    assert_string_equal(s->as_name, "Acme Jobs");
    assert_int_equal(s->promise, CONFIG_PROMISE_FAST);
    assert_int_equal(s->window.days, 0x3d);
    assert_int_equal(s->window.from, 510);
    assert_int_equal(s->window.to, 1440);
    assert_int_equal(s->window.zone, SEQUENCE_ZONE_FIXED);
    assert_string_equal(s->window.zone_name, "Asia/Kolkata");
    assert_int_equal(s->business_days, 0x4f);
    assert_string_equal(s->holidays[1], "at");
    assert_int_equal(s->limits.ramp_start, 10);
    assert_int_equal(s->limits.ramp_add, 5);
    assert_int_equal(s->stop_on,
                     SEQUENCE_STOP_REPLY | SEQUENCE_STOP_UNSUBSCRIBE | SEQUENCE_STOP_AUTO_REPLY);
    assert_false(s->unsubscribe);
    assert_true(s->start.set);
    assert_int_equal(s->start.day, day_of_date(2026, 3, 2));
    assert_int_equal(s->start.ms_of_day, (10 * 60 + 15) * 60000);
    assert_int_equal(s->steps[0].at.day, day_of_date(2026, 3, 3));
    assert_int_equal(sequence_thread(s, 1), 0);
    assert_int_equal(sequence_thread(s, 2), 2);
    assert_int_equal(sequence_thread(s, 3), 2);
    sequence_free(s);
}

static void test_mistakes(void **state)
{
    (void)state;
    refused("", "it is empty");
    refused("from: a@b.example\n" STEP, "name: it is missing");
    refused("name: N\n" STEP, "from: it is missing");
    refused("name: N\nfrom: ana\n" STEP, "berlin.yaml:2: from: \"ana\" is no address");
    refused("name: N\nfrom: [a@b.example, A@b.example]\n" STEP, "is there twice");
    refused("name: N\nfrom: a@b.example\n", "steps: it is missing");
    refused("nam: x\n" LEAST, "did you mean \"name\"?");
    refused("window: {days: mon-fry}\n" LEAST, "\"mon-fry\" names no days");
    refused("window: {from: \"18:00\"}\n" LEAST, "before it opens");
    refused("window: {from: 9am}\n" LEAST, "no time of day");
    refused("window: {zone: Berlin}\n" LEAST, "IANA name");
    refused("limits: {gap: often}\n" LEAST, "is no gap");
    refused("limits: {per_day: 0}\n" LEAST, "out of range");
    refused("limits: {ramp_up: {start: 3}}\n" LEAST, "limits.ramp_up.add: it is missing");
    refused("stop: {on: [reply]}\n" LEAST, "an opt-out always stops");
    refused("stop: {on: [reply, unsubscribe, bounces]}\n" LEAST, "did you mean \"bounce\"?");
    refused("start: 2026-02-30\n" LEAST, "is no date");
    refused("label: \"a\\nb\"\n" LEAST, "line end");
    refused("name: N\nfrom: a@b.example\nsteps: []\n", "there are 0 steps");
    refused("name: N\nfrom: a@b.example\nsteps: [{text: x}]\n", "steps[0].subject: it is missing");
    refused("name: N\nfrom: a@b.example\nsteps: [{subject: x}]\n", "the step has no text");
    refused("name: N\nfrom: a@b.example\nsteps: [{subject: x, text: y, after: 1h}]\n",
            "the first step comes after none");
    refused("name: N\nfrom: a@b.example\nsteps: [{subject: x, text: y}, {text: z}]\n",
            "steps[1].after: it is missing");
    refused("name: N\nfrom: a@b.example\nsteps: [{subject: x, text: y}, {text: z, after: soon}]\n",
            "steps[1].after: \"soon\" is no span of time");
    refused("name: N\nfrom: a@b.example\nsteps: [{subject: \"a\\nb\", text: y}]\n",
            "a subject can't have a line end");
}

/* Several at once, each on its line; the template's line is the file's. */
static void test_all_at_once(void **state)
{
    static const char text[] = "name: N\n"
                               "from: ana@acme.example\n"
                               "limits: {per_day: lots}\n"
                               "steps:\n"
                               "  - subject: Hi\n"
                               "    text: |\n"
                               "      one\n"
                               "      two {{{x}}}\n"
                               "  - aftr: 1h\n"
                               "    text: x\n";
    static const int lines[] = {3, 8, 9, 9};
    auto_mistakes struct mistakes mistakes = {0};
    struct sequence *sequence = NULL;

    (void)state;
    assert_int_equal(sequence_read("b.yaml", text, sizeof(text) - 1, &mistakes, &sequence),
                     -EINVAL);
    assert_int_equal(mistakes.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(mistakes.list[i].line, lines[i]);
    assert_string_equal(mistakes.list[1].path, "steps[0].text");
}

static void test_columns_and_holidays(void **state)
{
    static const char *const columns[] = {"first_name", "compny", NULL};
    static const char *const known[] = {"de", NULL};
    struct sequence *s = parse(design), *t = parse("holidays: [de, fr]\n" LEAST);
    auto_mistakes struct mistakes mistakes = {0};

    (void)state;
    sequence_check_columns(s, columns, &mistakes);
    assert_int_equal(mistakes.count, 1);
    assert_string_equal(mistakes.list[0].right, "did you mean {{compny}}?");
    sequence_check_holidays(t, known, &mistakes);
    assert_int_equal(mistakes.count, 2);
    assert_non_null(strstr(mistakes.list[1].wrong, "\"fr\""));
    sequence_free(s);
    sequence_free(t);
}

static void test_edit(void **state)
{
    struct sequence *two = parse(design), *one = parse(LEAST);
    auto_mistakes struct mistakes mistakes = {0};

    (void)state;
    sequence_check_edit(two, two, 2, &mistakes);
    sequence_check_edit(two, one, 1, &mistakes);
    assert_int_equal(mistakes.count, 0);
    sequence_check_edit(two, one, 2, &mistakes);
    assert_int_equal(mistakes.count, 1);
    sequence_free(two);
    sequence_free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_design),      cmocka_unit_test(test_least),
        cmocka_unit_test(test_everything),  cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_all_at_once), cmocka_unit_test(test_columns_and_holidays),
        cmocka_unit_test(test_edit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
