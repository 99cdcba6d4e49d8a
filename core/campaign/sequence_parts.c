/* campaign/sequence_parts.c: window, limits, stops and steps out of the tree. */
#include "campaign/sequence_parts.h"

#include "base/mem.h"
#include "base/text.h"
#include "campaign/zones.h"

#include <stdio.h>
#include <string.h>

static const char days_right[] = "write e.g. mon-fri, [mon, wed] or daily";

static int weekday(const char *name, size_t len)
{
    static const char *const names[] = {"monday", "tuesday",  "wednesday", "thursday",
                                        "friday", "saturday", "sunday"};

    for (int i = 0; i < 7; i++)
        if (len >= 2 && len <= strlen(names[i]) && strncasecmp(names[i], name, len) == 0)
            return i;
    return -1;
}

/* "mon-fri", "mon", "daily". */
static unsigned days_of(const char *text, size_t len)
{
    const char *dash = memchr(text, '-', len);
    int from, to;
    unsigned days = 0;

    if ((len == 5 && strncasecmp(text, "daily", 5) == 0) ||
        (len == 9 && strncasecmp(text, "every day", 9) == 0))
        return 0x7f;
    from = weekday(text, dash ? (size_t)(dash - text) : len);
    to = dash ? weekday(dash + 1, (size_t)(text + len - dash - 1)) : from;
    if (from < 0 || to < 0)
        return 0;
    for (int day = from;; day = (day + 1) % 7) { /* sat-mon goes over the week's end */
        days |= 1u << day;
        if (day == to)
            return days;
    }
}

static unsigned days_of_text(const struct check *at, const char *text)
{
    unsigned days = 0;

    while (*text) {
        size_t len = strcspn(text, ",");
        const char *word = text;
        size_t word_len = len;
        unsigned more;

        while (word_len && *word == ' ')
            word++, word_len--;
        while (word_len && word[word_len - 1] == ' ')
            word_len--;
        more = days_of(word, word_len);
        if (!more) {
            check_wrong(at, days_right, "\"%.*s\" names no days",
                        word_len < 40 ? (int)word_len : 40, word);
            return 0;
        }
        days |= more;
        text += len + (text[len] == ',');
    }
    return days;
}

unsigned sequence_days(const struct check *at)
{
    unsigned days = 0;

    if (!json_object_is_type(at->json, json_type_array)) {
        const char *text = check_text(at);

        return text ? days_of_text(at, text) : 0;
    }
    for (size_t i = 0; i < check_count(at); i++) {
        struct check item;
        const char *text;
        unsigned more;

        check_item(at, i, &item);
        text = check_text(&item);
        more = text ? days_of_text(&item, text) : 0;
        if (!more)
            return 0;
        days |= more;
    }
    if (!days)
        check_wrong(at, days_right, "it names no day");
    return days;
}

/* "09:00" to minutes; 24:00 is the day's end. */
static bool clock_minutes(const char *text, int *minutes_r)
{
    unsigned hour, minute;
    char rest;

    if (strlen(text) > 5 || sscanf(text, "%2u:%2u%c", &hour, &minute, &rest) != 2 || minute > 59 ||
        hour > 24 || (hour == 24 && minute) || !strchr("0123456789", text[0]))
        return false;
    *minutes_r = (int)(hour * 60 + minute);
    return true;
}

static void take_minutes(const struct check *map, const char *key, int *minutes)
{
    struct check at;
    const char *text = check_get(map, key, &at) ? check_text(&at) : NULL;

    if (text && !clock_minutes(text, minutes))
        check_wrong(&at, "write hours and minutes, e.g. \"09:00\"", "\"%.20s\" is no time of day",
                    text);
}

static void take_zone(const struct check *map, struct sequence_window *window)
{
    struct check at;
    const char *text = check_get(map, "zone", &at) ? check_text(&at) : NULL;

    if (!text)
        return;
    if (text_same(text, "person")) {
        window->zone = SEQUENCE_ZONE_PERSON;
    } else if (text_same(text, "mailbox")) {
        window->zone = SEQUENCE_ZONE_MAILBOX;
    } else if (zone_name_valid(text)) {
        window->zone = SEQUENCE_ZONE_FIXED;
        mem_str_set(&window->zone_name, text);
    } else {
        check_wrong(&at, "write person, mailbox, or an IANA name such as Europe/Berlin",
                    "\"%.64s\" is no time zone", text);
    }
}

void sequence_take_window(const struct check *root, struct sequence *sequence)
{
    static const char *const keys[] = {"days", "from", "to", "zone", NULL};
    struct sequence_window *window = &sequence->window;
    struct check map, at;

    *window = (struct sequence_window){.days = 0x1f, .from = 9 * 60, .to = 17 * 60};
    if (!check_get(root, "window", &map) || !check_is_map(&map))
        return;
    check_keys(&map, keys);
    if (check_get(&map, "days", &at))
        window->days = sequence_days(&at);
    take_minutes(&map, "from", &window->from);
    take_minutes(&map, "to", &window->to);
    if (window->from >= window->to)
        check_wrong(&map, "let it open before it closes, on one day",
                    "the window closes (%02d:%02d) before it opens (%02d:%02d)", window->to / 60,
                    window->to % 60, window->from / 60, window->from % 60);
    take_zone(&map, window);
}

/* 5, or "5 a day". */
static void take_a_day(const struct check *map, const char *key, int64_t min, int *value)
{
    struct check at;
    int64_t n;

    if (!check_get(map, key, &at))
        return;
    if (json_object_is_type(at.json, json_type_string)) {
        const char *text = json_object_get_string(at.json), *rest = strchr(text, ' ');
        auto_free char *number = rest ? mem_strn(text, (size_t)(rest - text)) : NULL;

        if (number && (text_same(rest, " a day") || text_same(rest, " per day")) &&
            text_i64(number, &n) && n >= min && n <= 1000000) {
            *value = (int)n;
            return;
        }
    }
    if (check_int(&at, min, 1000000, &n))
        *value = (int)n;
}

static void take_ramp(const struct check *map, struct sequence_limits *limits)
{
    static const char *const keys[] = {"start", "add", NULL};
    struct check ramp, at;

    if (!check_get(map, "ramp_up", &ramp) || !check_is_map(&ramp))
        return;
    check_keys(&ramp, keys);
    if (check_need(&ramp, "start", "write the first day's number of mails, e.g. start: 10", &at))
        take_a_day(&ramp, "start", 1, &limits->ramp_start);
    if (check_need(&ramp, "add", "write what each day adds, e.g. add: 5", &at))
        take_a_day(&ramp, "add", 0, &limits->ramp_add);
}

void sequence_take_limits(const struct check *root, struct sequence *sequence)
{
    static const char *const keys[] = {"per_day", "gap", "ramp_up", NULL};
    struct sequence_limits *limits = &sequence->limits;
    struct check map, at;
    const char *text;

    if (!check_get(root, "limits", &map) || !check_is_map(&map))
        return;
    check_keys(&map, keys);
    take_a_day(&map, "per_day", 1, &limits->per_day);
    text = check_get(&map, "gap", &at) ? check_text(&at) : NULL;
    if (text && !duration_range(text, &limits->gap_min, &limits->gap_max))
        check_wrong(&at, "write e.g. 90s, or 90s..150s for a gap that varies",
                    "\"%.40s\" is no gap", text);
    take_ramp(&map, limits);
}

static void take_stop_on(const struct check *map, struct sequence *sequence)
{
    static const char *const names[] = {"reply", "bounce", "unsubscribe", "auto_reply", NULL};
    struct check list;
    unsigned on = 0;

    if (!check_get(map, "on", &list) || !check_is_list(&list))
        return;
    for (size_t i = 0; i < check_count(&list); i++) {
        struct check item;
        int at;

        check_item(&list, i, &item);
        at = check_choice(&item, names);
        if (at < 0)
            return;
        on |= 1u << at;
    }
    if (!(on & SEQUENCE_STOP_UNSUBSCRIBE))
        check_wrong(&list, "add unsubscribe", "an opt-out always stops a sequence");
    sequence->stop_on = on;
}

void sequence_take_stop(const struct check *root, struct sequence *sequence)
{
    static const char *const keys[] = {"on", "company", NULL};
    struct check map, at;

    sequence->stop_on = SEQUENCE_STOP_REPLY | SEQUENCE_STOP_BOUNCE | SEQUENCE_STOP_UNSUBSCRIBE;
    if (!check_get(root, "stop", &map) || !check_is_map(&map))
        return;
    check_keys(&map, keys);
    take_stop_on(&map, sequence);
    if (check_get(&map, "company", &at))
        check_bool(&at, &sequence->stop_company);
}

void sequence_take_when(const struct check *map, const char *key, struct sequence_when *when)
{
    struct check at;
    const char *text = check_get(map, key, &at) ? check_text(&at) : NULL;
    int year, month, day, minutes = 0, used = 0;

    if (!text)
        return;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) == 3 &&
        date_valid(year, month, day) &&
        (!text[used] ||
         ((text[used] == ' ' || text[used] == 'T') && clock_minutes(text + used + 1, &minutes)))) {
        *when = (struct sequence_when){true, day_of_date(year, month, day), minutes * 60000ll};
        return;
    }
    check_wrong(&at, "write e.g. 2026-03-02 or \"2026-03-02 09:00\"", "\"%.40s\" is no date", text);
}

static struct template *take_template(const struct check *map, const char *key,
                                      enum template_kind kind)
{
    struct check at;
    const char *text = check_get(map, key, &at) ? check_text(&at) : NULL;

    if (!text)
        return NULL;
    if (kind != TEMPLATE_SUBJECT && !text[strspn(text, " \t\r\n")]) {
        check_wrong(&at, "write the mail's text", "it is empty");
        return NULL;
    }
    return template_new(kind, text, map->tree->file, check_text_line(&at), at.path, map->mistakes);
}

static void take_delay(const struct check *map, size_t index, struct sequence_step *step)
{
    struct check at;

    if (index == 0 && check_get(map, "after", &at)) {
        check_wrong(&at, "leave it out, or write at: 2026-03-02",
                    "the first step comes after none");
        return;
    }
    if (index == 0) {
        sequence_take_when(map, "at", &step->at);
        return;
    }
    if (check_get(map, "at", &at))
        check_wrong(&at, "write after: 3 business days", "only the first step can have a date");
    if (check_need(map, "after",
                   "write how long after the step before, e.g. after: 3 business days", &at))
        check_duration(&at, &step->after);
}

static void take_step(const struct check *map, size_t index, struct sequence_step *step)
{
    static const char *const keys[] = {"after", "at", "subject", "text", "html", NULL};
    struct check at;

    if (!check_is_map(map))
        return;
    step->line = check_line(map);
    check_keys(map, keys);
    take_delay(map, index, step);
    if (index == 0 && !json_object_object_get_ex(map->json, "subject", NULL))
        check_need(map, "subject", "write one; only later steps answer in the same thread", &at);
    step->subject = take_template(map, "subject", TEMPLATE_SUBJECT);
    step->text = take_template(map, "text", TEMPLATE_TEXT);
    step->html = take_template(map, "html", TEMPLATE_HTML);
    if (!json_object_object_get_ex(map->json, "text", NULL) &&
        !json_object_object_get_ex(map->json, "html", NULL))
        check_wrong(map, "write text: | and the mail below it", "the step has no text");
}

void sequence_take_steps(const struct check *root, struct sequence *sequence)
{
    struct check list;
    size_t count;

    if (!check_need(root, "steps", "write at least one step with subject and text", &list) ||
        !check_is_list(&list))
        return;
    count = check_count(&list);
    if (!count || count > SEQUENCE_STEPS_MAX) {
        check_wrong(&list, "write 1 to 50", "there are %zu steps", count);
        return;
    }
    sequence->steps = mem_array(count, sizeof(*sequence->steps));
    sequence->step_count = count;
    for (size_t i = 0; i < count; i++) {
        struct check item;

        check_item(&list, i, &item);
        take_step(&item, i, &sequence->steps[i]);
    }
}
