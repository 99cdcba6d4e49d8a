/* unit/campaign/decide.c: each rule, its order, and the sentence that explain shows. */
#include "campaign/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct zones *zones;
static struct sequence *sequence;

static int64_t utc(int y, int mo, int d, int h, int mi)
{
    return ((int64_t)day_of_date(y, mo, d) * 1440 + h * 60 + mi) * 60000;
}

static struct sequence *parse(const char *text)
{
    auto_mistakes struct mistakes mistakes = {0};
    auto_buf struct buf out = {0};
    struct sequence *s = NULL;

    sequence_read("b.yaml", text, strlen(text), &mistakes, &s);
    mistakes_text(&mistakes, &out);
    if (!s)
        fail_msg("%s", buf_text(&out));
    return s;
}

static struct decide_input base(void)
{
    return (struct decide_input){.sequence = sequence,
                                 .zones = zones,
                                 .now = utc(2026, 11, 18, 10, 0),
                                 .person = "lee@corp.example",
                                 .person_zone = "Europe/Berlin",
                                 .enrolled = utc(2026, 11, 17, 10, 0),
                                 .mailbox = "ana@acme.example",
                                 .mailbox_zone = "America/New_York"};
}

static void decides(const struct decide_input *in, enum decide_verdict verdict,
                    enum decide_rule rule, int64_t at, const char *sentence)
{
    struct decision d;

    campaign_decide(in, &d);
    if (d.verdict != verdict || d.rule != rule || d.at != at || !strstr(d.sentence, sentence))
        fail_msg("got %d %s at %lld: %s", d.verdict, decide_rule_name(d.rule), (long long)d.at,
                 d.sentence);
}

static void test_go(void **state)
{
    struct decide_input in = base();

    (void)state;
    decides(&in, DECIDE_GO, DECIDE_RULE_NONE, in.now, "step 1 goes to lee@corp.example now");
    in.step = 2;
    decides(&in, DECIDE_DONE, DECIDE_RULE_FINISHED, 0, "every step went out");
}

static void test_stops(void **state)
{
    struct decide_input in = base();

    (void)state;
    in.answered = true;
    decides(&in, DECIDE_STOP, DECIDE_RULE_ANSWERED, 0, "lee@corp.example has answered");
    in.unsubscribed = true;
    decides(&in, DECIDE_STOP, DECIDE_RULE_UNSUBSCRIBED, 0, "has unsubscribed");
    in.suppressed = true;
    decides(&in, DECIDE_STOP, DECIDE_RULE_SUPPRESSED, 0, "suppression list");
    in.erased = true;
    decides(&in, DECIDE_STOP, DECIDE_RULE_ERASED, 0, "erased");
    in = base();
    in.bounced = true;
    decides(&in, DECIDE_STOP, DECIDE_RULE_BOUNCED, 0, "came back");
    in = base();
    in.company_answered = true;
    decides(&in, DECIDE_STOP, DECIDE_RULE_COMPANY, 0, "same company");
    in = base();
    in.auto_replied = true; /* not among this sequence's stops */
    decides(&in, DECIDE_GO, DECIDE_RULE_NONE, in.now, "");
    in.complained = true;
    in.campaign = DECIDE_CAMPAIGN_PAUSED; /* what stops comes before what holds */
    decides(&in, DECIDE_STOP, DECIDE_RULE_COMPLAINED, 0, "complained");
}

static void test_holds(void **state)
{
    struct decide_input in = base();

    (void)state;
    in.stale = true;
    decides(&in, DECIDE_LATER, DECIDE_RULE_STALE, in.now, "looked for first");
    in.last_sent = in.now - 1;
    decides(&in, DECIDE_LATER, DECIDE_RULE_GAP, in.now - 1 + 90000, "keeps a gap of 90 s");
    in.sent_today = 40;
    decides(&in, DECIDE_LATER, DECIDE_RULE_PER_DAY, utc(2026, 11, 19, 5, 0), "40 of 40 today");
    in.held_until = in.now + 5000;
    in.held_why = "Gmail asks to wait";
    decides(&in, DECIDE_LATER, DECIDE_RULE_HELD, in.now + 5000, "Gmail asks to wait");
    in.mailbox_state = DECIDE_MAILBOX_RECONNECT;
    decides(&in, DECIDE_LATER, DECIDE_RULE_MAILBOX, INT64_MAX, "connected again by its owner");
    in.uncertain = true;
    decides(&in, DECIDE_LATER, DECIDE_RULE_UNCERTAIN, INT64_MAX, "settle it");
    in.campaign = DECIDE_CAMPAIGN_PAUSED;
    decides(&in, DECIDE_LATER, DECIDE_RULE_PAUSED, INT64_MAX, "is paused");
}

static void test_times(void **state)
{
    struct decide_input in = base();

    (void)state;
    in.now = utc(2026, 11, 18, 20, 0);
    decides(&in, DECIDE_LATER, DECIDE_RULE_WINDOW, utc(2026, 11, 19, 8, 0),
            "it opens Thu 19 Nov 2026 09:00 CET");
    in.person_zone = NULL; /* the mailbox's then: it is 15:00 in New York */
    decides(&in, DECIDE_GO, DECIDE_RULE_NONE, in.now, "");
    in.person_zone = "Nowhere/Atall";
    decides(&in, DECIDE_GO, DECIDE_RULE_NONE, in.now, "");
    in = base();
    in.step = 1;
    in.previous_sent = utc(2026, 11, 18, 9, 0);
    decides(&in, DECIDE_LATER, DECIDE_RULE_DELAY, utc(2026, 11, 23, 9, 0),
            "step 2 is due Mon 23 Nov 2026 10:00 CET, 3 business days after step 1");
    in.away_until = utc(2026, 12, 1, 0, 0);
    decides(&in, DECIDE_LATER, DECIDE_RULE_AWAY, utc(2026, 12, 1, 8, 0), "out of office");
    in.away_until = 0;
    in.now = utc(2026, 11, 23, 9, 0);
    decides(&in, DECIDE_GO, DECIDE_RULE_NONE, in.now, "step 2 goes");
}

static void test_start(void **state)
{
    struct sequence *dated = parse("name: N\nfrom: ana@acme.example\nstart: 2026-12-01\n"
                                   "steps: [{subject: A, text: B}]\n");
    struct decide_input in = base();

    (void)state;
    in.sequence = dated;
    decides(&in, DECIDE_LATER, DECIDE_RULE_START, utc(2026, 12, 1, 8, 0),
            "step 1 starts Tue 1 Dec 2026 09:00 CET");
    sequence_free(dated);
}

static void test_holiday(void **state)
{
    static const char ics[] = "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\n"
                              "DTSTART;VALUE=DATE:20261118\nSUMMARY:Buss- und Bettag\n"
                              "END:VEVENT\nEND:VCALENDAR\n";
    struct decide_input in = base();
    struct holidays *de = NULL;
    const struct holidays *list[1];
    auto_buf struct buf error = {0};

    (void)state;
    assert_int_equal(holidays_parse("de", ics, sizeof(ics) - 1, 2026, 2026, &de, &error), 0);
    list[0] = de;
    in.holidays = list;
    in.holidays_count = 1;
    decides(&in, DECIDE_LATER, DECIDE_RULE_HOLIDAY, utc(2026, 11, 19, 8, 0), "Buss- und Bettag");
    holidays_free(de);
}

static void test_wide(void **state)
{
    struct decide_input in = base();
    struct decision d;

    (void)state;
    in.sent_today = 40;
    campaign_decide(&in, &d);
    assert_true(d.mailbox_wide);
    in.now = utc(2026, 11, 18, 20, 0);
    campaign_decide(&in, &d);
    assert_false(d.mailbox_wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_go),    cmocka_unit_test(test_stops), cmocka_unit_test(test_holds),
        cmocka_unit_test(test_times), cmocka_unit_test(test_start), cmocka_unit_test(test_holiday),
        cmocka_unit_test(test_wide),
    };
    int r;

    zones = zones_new();
    sequence = parse("name: N\nfrom: ana@acme.example\n"
                     "limits: {per_day: 40, gap: 90s..150s}\n"
                     "stop: {on: [reply, bounce, unsubscribe], company: true}\n"
                     "steps: [{subject: A, text: B}, {after: 3 business days, text: C}]\n");
    r = cmocka_run_group_tests(tests, NULL, NULL);
    sequence_free(sequence);
    zones_free(zones);
    return r;
}
