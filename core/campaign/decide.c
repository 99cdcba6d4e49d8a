/* campaign/decide.c: the rules in their order: what stops, what holds, when it is due, who is free.
 */
#include "campaign/decide.h"

#include "base/mem.h"
#include "base/mutant.h"
#include "campaign/limits.h"
#include "campaign/schedule.h"

#include <stdarg.h>
#include <stdio.h>

static void say(struct decision *decision, enum decide_verdict verdict, enum decide_rule rule,
                int64_t at, const char *format, ...) __attribute__((format(printf, 5, 6)));
static void say(struct decision *decision, enum decide_verdict verdict, enum decide_rule rule,
                int64_t at, const char *format, ...)
{
    va_list args;

    *decision = (struct decision){.verdict = verdict, .rule = rule, .at = at};
    va_start(args, format);
    vsnprintf(decision->sentence, sizeof(decision->sentence), format, args);
    va_end(args);
}

static const struct zone *mailbox_zone(const struct decide_input *input)
{
    const struct zone *zone =
        input->mailbox_zone ? zones_get(input->zones, input->mailbox_zone) : NULL;

    return zone ? zone : zones_get(input->zones, "UTC");
}

const struct zone *decide_zone(const struct decide_input *input)
{
    const struct sequence_window *window = &input->sequence->window;
    const struct zone *zone = NULL;

    if (MUTANT(zone_slip))
        return mailbox_zone(input);
    if (window->zone == SEQUENCE_ZONE_FIXED)
        zone = zones_get(input->zones, window->zone_name);
    else if (window->zone == SEQUENCE_ZONE_PERSON && input->person_zone)
        zone = zones_get(input->zones, input->person_zone);
    return zone ? zone : mailbox_zone(input);
}

/* What ends the sequence for this person. */
static bool stops(const struct decide_input *input, struct decision *decision)
{
    unsigned on = input->sequence->stop_on;
    const struct stop {
        bool is;
        enum decide_rule rule;
        const char *sentence;
    } list[] = {
        {input->erased, DECIDE_RULE_ERASED, "was erased and is not to be mailed"},
        {input->suppressed, DECIDE_RULE_SUPPRESSED, "is on the suppression list"},
        {input->unsubscribed, DECIDE_RULE_UNSUBSCRIBED, "has unsubscribed"},
        {input->complained, DECIDE_RULE_COMPLAINED, "has complained about a mail of ours"},
        {input->bounced && on & SEQUENCE_STOP_BOUNCE, DECIDE_RULE_BOUNCED,
         "can't be reached: a mail came back"},
        {input->answered && on & SEQUENCE_STOP_REPLY, DECIDE_RULE_ANSWERED, "has answered"},
        {input->auto_replied && on & SEQUENCE_STOP_AUTO_REPLY, DECIDE_RULE_AUTO_REPLIED,
         "has answered automatically"},
        {input->company_answered && input->sequence->stop_company, DECIDE_RULE_COMPANY,
         "is left alone: somebody of the same company has answered"},
        {input->stopped_by_hand, DECIDE_RULE_BY_HAND, "was stopped by hand"},
        {input->campaign == DECIDE_CAMPAIGN_REMOVED, DECIDE_RULE_REMOVED,
         "is in a campaign that was removed"},
    };

    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        if (list[i].is) {
            say(decision, DECIDE_STOP, list[i].rule, 0, "%s %s", input->person, list[i].sentence);
            return true;
        }
    return false;
}

/* What only somebody, or something, else can change. */
static bool is_held(const struct decide_input *input, struct decision *decision)
{
    static const char *const states[] = {
        [DECIDE_MAILBOX_PENDING] = "is not connected yet: its owner has the link",
        [DECIDE_MAILBOX_WAITING] = "is not connected yet: its organisation's admin must consent "
                                   "(postrider mailbox show has the link)",
        [DECIDE_MAILBOX_RECONNECT] = "must be connected again by its owner",
        [DECIDE_MAILBOX_ON_PAUSE] = "is paused: resume it to go on",
        [DECIDE_MAILBOX_GONE] = "was disconnected: connect it again to go on",
    };

    if (input->campaign == DECIDE_CAMPAIGN_DRAFT || input->campaign == DECIDE_CAMPAIGN_PAUSED) {
        say(decision, DECIDE_LATER, DECIDE_RULE_PAUSED, INT64_MAX, "the campaign is %s",
            input->campaign == DECIDE_CAMPAIGN_DRAFT ? "not started: start it"
                                                     : "paused: start it again to go on");
        decision->mailbox_wide = true;
        return true;
    }
    if (input->uncertain) {
        say(decision, DECIDE_LATER, DECIDE_RULE_UNCERTAIN, INT64_MAX,
            "whether an earlier mail to %s went out is not known: settle it (postrider message "
            "uncertain)",
            input->person);
        return true;
    }
    if (input->mailbox_state == DECIDE_MAILBOX_READY)
        return false;
    say(decision, DECIDE_LATER, DECIDE_RULE_MAILBOX, INT64_MAX, "%s %s", input->mailbox,
        states[input->mailbox_state]);
    decision->mailbox_wide = true;
    return true;
}

static int64_t latest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static struct schedule_input schedule_of(const struct decide_input *input)
{
    const struct sequence *sequence = input->sequence;

    return (struct schedule_input){
        .zone = decide_zone(input),
        .days = sequence->window.days,
        .from = sequence->window.from,
        .to = sequence->window.to,
        .business_days = sequence->business_days,
        .holidays = input->holidays,
        .holidays_count = input->holidays_count,
    };
}

/* When the step is due by the author's delays alone, and the rule that says so. */
static int64_t due_at(const struct decide_input *input, const struct schedule_input *schedule,
                      enum decide_rule *rule_r)
{
    const struct sequence_step *step = &input->sequence->steps[input->step];
    int64_t start = schedule_when(schedule->zone, &input->sequence->start), due;

    if (input->step == 0) {
        start = latest(start, schedule_when(schedule->zone, &step->at));
        *rule_r = DECIDE_RULE_START;
        return latest(start, input->enrolled);
    }
    due = schedule_after(schedule, input->previous_sent, &step->after);
    *rule_r = start > due ? DECIDE_RULE_START : DECIDE_RULE_DELAY;
    return latest(start, due);
}

static void say_due(const struct decide_input *input, const struct schedule_input *schedule,
                    enum decide_rule rule, int64_t at, struct decision *decision)
{
    char when[48], delay[64];

    zone_text(schedule->zone, at, when);
    if (rule == DECIDE_RULE_AWAY)
        say(decision, DECIDE_LATER, rule, at, "%s is out of office; step %zu is due %s",
            input->person, input->step + 1, when);
    else if (rule == DECIDE_RULE_DELAY)
        say(decision, DECIDE_LATER, rule, at, "step %zu is due %s, %s after step %zu",
            input->step + 1, when,
            duration_text(&input->sequence->steps[input->step].after, delay, sizeof(delay)),
            input->step);
    else
        say(decision, DECIDE_LATER, rule, at, "step %zu starts %s", input->step + 1, when);
}

static void say_window(const struct schedule_input *schedule, enum schedule_rule rule,
                       const char *why, int64_t at, struct decision *decision)
{
    char when[48];

    if (rule == SCHEDULE_NEVER) {
        say(decision, DECIDE_LATER, DECIDE_RULE_NEVER, INT64_MAX, "%s: change the window", why);
        return;
    }
    zone_text(schedule->zone, at, when);
    if (rule == SCHEDULE_HOLIDAY)
        say(decision, DECIDE_LATER, DECIDE_RULE_HOLIDAY, at,
            "a public holiday (%.80s) is in between; the window opens %s", why, when);
    else
        say(decision, DECIDE_LATER, DECIDE_RULE_WINDOW, at, "%s; it opens %s", why, when);
}

/* Whether the person's own calendar makes it wait. */
static bool waits(const struct decide_input *input, struct decision *decision)
{
    struct schedule_input schedule = schedule_of(input);
    enum decide_rule due_rule;
    int64_t due = due_at(input, &schedule, &due_rule), at;
    enum schedule_rule rule;
    const char *why;

    if (input->away_until > due)
        due = input->away_until, due_rule = DECIDE_RULE_AWAY;
    at = schedule_next(&schedule, latest(due, input->now), &rule, &why);
    if (at <= input->now)
        return false;
    if (due > input->now && rule != SCHEDULE_NEVER)
        say_due(input, &schedule, due_rule, at, decision);
    else
        say_window(&schedule, rule, why, at, decision);
    return true;
}

/* Whether the mailbox makes it wait, for itself and everybody else. */
static bool mailbox_waits(const struct decide_input *input, struct decision *decision)
{
    struct limits_input limits = {
        .limits = &input->sequence->limits,
        .address = input->mailbox,
        .zone = mailbox_zone(input),
        .now = input->now,
        .sent_today = input->sent_today,
        .last_sent = input->last_sent,
        .first_sent = input->first_sent,
        .jitter = input->jitter,
    };
    static const enum decide_rule rules[] = {DECIDE_RULE_NONE, DECIDE_RULE_PER_DAY,
                                             DECIDE_RULE_RAMP_UP, DECIDE_RULE_GAP};
    enum limits_rule rule;
    char why[200], when[48];
    int64_t at;

    if (input->held_until > input->now) {
        say(decision, DECIDE_LATER, DECIDE_RULE_HELD, input->held_until, "%s is held until %s%s%s",
            input->mailbox, zone_text(limits.zone, input->held_until, when),
            input->held_why ? ": " : "", input->held_why ? input->held_why : "");
        return true;
    }
    at = limits_next(&limits, &rule, why, sizeof(why));
    if (at > input->now) {
        say(decision, DECIDE_LATER, rules[rule], at, "%s; it goes on %s", why,
            zone_text(limits.zone, at, when));
        return true;
    }
    if (!input->stale)
        return false;
    say(decision, DECIDE_LATER, DECIDE_RULE_STALE, input->now,
        "answers in %s are being looked for first", input->mailbox);
    return true;
}

void campaign_decide(const struct decide_input *input, struct decision *decision)
{
    if (stops(input, decision))
        return;
    if (input->step >= input->sequence->step_count) {
        say(decision, DECIDE_DONE, DECIDE_RULE_FINISHED, 0, "every step went out to %s",
            input->person);
        return;
    }
    if (is_held(input, decision) || waits(input, decision))
        return;
    if (mailbox_waits(input, decision)) {
        decision->mailbox_wide = true;
        return;
    }
    say(decision, DECIDE_GO, DECIDE_RULE_NONE, input->now, "step %zu goes to %s now",
        input->step + 1, input->person);
}

const char *decide_rule_name(enum decide_rule rule)
{
    static const char *const names[] = {
        [DECIDE_RULE_NONE] = "none",
        [DECIDE_RULE_FINISHED] = "finished",
        [DECIDE_RULE_ERASED] = "erased",
        [DECIDE_RULE_SUPPRESSED] = "suppressed",
        [DECIDE_RULE_UNSUBSCRIBED] = "unsubscribed",
        [DECIDE_RULE_COMPLAINED] = "complained",
        [DECIDE_RULE_BOUNCED] = "bounced",
        [DECIDE_RULE_ANSWERED] = "answered",
        [DECIDE_RULE_AUTO_REPLIED] = "auto_replied",
        [DECIDE_RULE_COMPANY] = "company",
        [DECIDE_RULE_BY_HAND] = "by_hand",
        [DECIDE_RULE_REMOVED] = "removed",
        [DECIDE_RULE_PAUSED] = "paused",
        [DECIDE_RULE_UNCERTAIN] = "uncertain",
        [DECIDE_RULE_MAILBOX] = "mailbox",
        [DECIDE_RULE_START] = "start",
        [DECIDE_RULE_DELAY] = "delay",
        [DECIDE_RULE_AWAY] = "away",
        [DECIDE_RULE_WINDOW] = "window",
        [DECIDE_RULE_HOLIDAY] = "holiday",
        [DECIDE_RULE_PER_DAY] = "per_day",
        [DECIDE_RULE_RAMP_UP] = "ramp_up",
        [DECIDE_RULE_GAP] = "gap",
        [DECIDE_RULE_HELD] = "held",
        [DECIDE_RULE_STALE] = "stale",
        [DECIDE_RULE_NEVER] = "never",
    };

    return (size_t)rule < ARRAY_LEN(names) && names[rule] ? names[rule] : "unknown";
}
