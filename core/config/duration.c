/* config/duration.c: reads spans of time. */
#include "config/duration.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

const char duration_right[] =
    "write e.g. \"90s\", \"15m\", \"2h\", \"3 days\" or \"3 business days\"";

static const struct unit {
    const char *name;
    int64_t ms;
    int days, business_days;
} units[] = {
    {"ms", 1, 0, 0},           {"s", SECOND, 0, 0},        {"sec", SECOND, 0, 0},
    {"secs", SECOND, 0, 0},    {"second", SECOND, 0, 0},   {"seconds", SECOND, 0, 0},
    {"m", MINUTE, 0, 0},       {"min", MINUTE, 0, 0},      {"mins", MINUTE, 0, 0},
    {"minute", MINUTE, 0, 0},  {"minutes", MINUTE, 0, 0},  {"h", HOUR, 0, 0},
    {"hour", HOUR, 0, 0},      {"hours", HOUR, 0, 0},      {"d", 0, 1, 0},
    {"day", 0, 1, 0},          {"days", 0, 1, 0},          {"w", 0, 7, 0},
    {"week", 0, 7, 0},         {"weeks", 0, 7, 0},         {"bd", 0, 0, 1},
    {"business day", 0, 0, 1}, {"business days", 0, 0, 1}, {"working day", 0, 0, 1},
    {"working days", 0, 0, 1},
};

static void skip_blanks(const char **text)
{
    while (**text == ' ' || **text == '\t')
        (*text)++;
}

static bool read_number(const char **text, int64_t *value_r)
{
    int64_t value = 0;

    if (!isdigit((unsigned char)**text))
        return false;
    for (; isdigit((unsigned char)**text); (*text)++) {
        value = value * 10 + (**text - '0');
        if (value > 1000000000000)
            return false;
    }
    *value_r = value;
    return true;
}

/* Takes letters, and single blanks between them: "business days". */
static const struct unit *read_unit(const char **text)
{
    char word[24];
    size_t len = 0;

    while (len < sizeof(word) - 1) {
        const char *next = *text + strspn(*text, " \t");

        if (isalpha((unsigned char)**text)) {
            word[len++] = (char)tolower((unsigned char)*(*text)++);
        } else if (len && next > *text && isalpha((unsigned char)*next)) {
            word[len++] = ' ';
            *text = next;
        } else {
            break;
        }
    }
    word[len] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(units[i].name, word) == 0)
            return &units[i];
    return NULL;
}

bool duration_parse(const char *text, struct duration *duration_r)
{
    struct duration sum = {0};
    int64_t days = 0, business = 0;

    skip_blanks(&text);
    if (!*text)
        return false;
    while (*text) {
        const struct unit *unit;
        int64_t n;

        if (!read_number(&text, &n))
            return false;
        skip_blanks(&text);
        unit = read_unit(&text);
        if (!unit)
            return false;
        skip_blanks(&text);
        sum.ms += n * unit->ms;
        days += n * unit->days;
        business += n * unit->business_days;
        if (sum.ms > 3660 * (int64_t)DAY || days > 3660 || business > 3660)
            return false;
    }
    if (business && days)
        return false;
    sum.days = (int)days;
    sum.business_days = (int)business;
    *duration_r = sum;
    return true;
}

static bool parse_ms(const char *text, int64_t *ms_r)
{
    struct duration duration;

    if (!duration_parse(text, &duration) || duration.days || duration.business_days)
        return false;
    *ms_r = duration.ms;
    return true;
}

bool duration_range(const char *text, int64_t *min_ms_r, int64_t *max_ms_r)
{
    const char *dots = strstr(text, "..");
    char first[64];
    int64_t min, max;

    if (!dots) {
        if (!parse_ms(text, &min))
            return false;
        *min_ms_r = *max_ms_r = min;
        return true;
    }
    if ((size_t)(dots - text) >= sizeof(first))
        return false;
    memcpy(first, text, (size_t)(dots - text));
    first[dots - text] = '\0';
    if (!parse_ms(first, &min) || !parse_ms(dots + 2, &max) || max < min)
        return false;
    *min_ms_r = min;
    *max_ms_r = max;
    return true;
}

int64_t duration_ms(const struct duration *duration)
{
    return duration->ms + (int64_t)(duration->days + duration->business_days) * DAY;
}

static void add_part(char *text, size_t size, int64_t n, const char *unit, const char *plural)
{
    size_t len = strlen(text);

    if (n && len < size)
        snprintf(text + len, size - len, "%s%lld %s%s", len ? " " : "", (long long)n, unit,
                 n == 1 ? "" : plural);
}

char *duration_text(const struct duration *duration, char *text, size_t size)
{
    text[0] = '\0';
    add_part(text, size, duration->business_days, "business day", "s");
    add_part(text, size, duration->days, "day", "s");
    add_part(text, size, duration->ms / HOUR, "h", "");
    add_part(text, size, duration->ms % HOUR / MINUTE, "min", "");
    add_part(text, size, duration->ms % MINUTE / SECOND, "s", "");
    add_part(text, size, duration->ms % SECOND, "ms", "");
    if (!text[0])
        snprintf(text, size, "at once");
    return text;
}
