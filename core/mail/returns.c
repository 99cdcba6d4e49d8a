/* mail/returns.c: when somebody who is away says to be back. */
#include "mail/autoreply.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* Words that a date of return follows, folded plain. The longer stand before their beginnings. */
static const char *const leads[] = {"returning",
                                    "return on",
                                    "returns on",
                                    "will return",
                                    "return",
                                    "back on",
                                    "be back",
                                    "back in the office on",
                                    "back",
                                    "until",
                                    "till",
                                    "through",
                                    "thru",
                                    "wieder ab",
                                    "wieder am",
                                    "ab dem",
                                    "bis zum",
                                    "bis einschliesslich",
                                    "bis",
                                    "zuruck am",
                                    "de retour le",
                                    "retour le",
                                    "jusqu'au",
                                    "retour",
                                    "hasta el",
                                    "hasta",
                                    "regreso el",
                                    "vuelvo el",
                                    "regresare el",
                                    "fino al",
                                    "rientro il",
                                    "sino al",
                                    "rientrero il",
                                    "ate o dia",
                                    "ate",
                                    "volto em",
                                    "regresso a",
                                    "retorno em",
                                    "tot en met",
                                    "t/m",
                                    "tot",
                                    "terug op",
                                    "weer aanwezig op",
                                    "tillbaka den",
                                    "tillbaka",
                                    "t.o.m.",
                                    "tilbage d.",
                                    "til og med",
                                    "do dnia",
                                    "до"};

enum { english_leads = 13 }; /* the first of them are English */

/* The first letters that tell months apart, in the languages above. */
static const struct {
    const char *start;
    int month;
} months[] = {{"jan", 1},  {"gen", 1},  {"ene", 1},  {"janv", 1}, {"feb", 2},   {"fev", 2},
              {"fevr", 2}, {"mar", 3},  {"maer", 3}, {"mrt", 3},  {"maart", 3}, {"apr", 4},
              {"avr", 4},  {"abr", 4},  {"may", 5},  {"mai", 5},  {"mag", 5},   {"mei", 5},
              {"maj", 5},  {"jun", 6},  {"juin", 6}, {"giu", 6},  {"jul", 7},   {"juil", 7},
              {"lug", 7},  {"aug", 8},  {"aout", 8}, {"ago", 8},  {"sep", 9},   {"set", 9},
              {"oct", 10}, {"okt", 10}, {"ott", 10}, {"out", 10}, {"nov", 11},  {"dec", 12},
              {"dez", 12}, {"dic", 12}, {"des", 12}};

struct date {
    int year, month, day; /* year 0: not said */
};

/* Days since 1970 of a Gregorian date (Hinnant's algorithm). */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t era, of_era, of_year;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    of_era = year - era * 400;
    of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int year_of(int64_t days)
{
    int year = (int)(1970 + days / 366);

    while (days_of(year + 1, 1, 1) <= days)
        year++;
    return year;
}

static bool is_date(const struct date *date)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return date->month >= 1 && date->month <= 12 && date->day >= 1 &&
           date->day <= lengths[date->month - 1] &&
           (date->year == 0 || (date->year >= 1990 && date->year <= 2200));
}

static bool number(const char **at, int *value)
{
    size_t len = strspn(*at, "0123456789");

    if (len == 0 || len > 4)
        return false;
    *value = 0;
    for (size_t i = 0; i < len; i++)
        *value = *value * 10 + (*at)[i] - '0';
    *at += len;
    return true;
}

static int month_word(const char **at)
{
    size_t len = 0;
    int month = 0;

    while (((*at)[len] >= 'a' && (*at)[len] <= 'z') || (*at)[len] == '.')
        len++;
    if (len < 3 || len > 12)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(months); i++)
        if (strlen(months[i].start) <= len && text_starts(*at, months[i].start))
            month = months[i].month;
    if (text_starts(*at, "juil"))
        month = 7;
    if (month)
        *at += len;
    return month;
}

static void skip(const char **at, const char *const *words, size_t count)
{
    bool again = true;

    while (again) {
        again = false;
        *at += strspn(*at, " ,:;(");
        for (size_t i = 0; i < count && !again; i++)
            if (text_starts(*at, words[i])) {
                *at += strlen(words[i]);
                again = true;
            }
    }
}

static void skip_small(const char **at)
{
    static const char *const words[] = {
        "the ",          "on ",          "of ",         "dem ",          "den ",
        "am ",           "le ",          "el ",         "il ",           "al ",
        "dia ",          "de ",          "do ",         "del ",          "monday",
        "tuesday",       "wednesday",    "thursday",    "friday",        "saturday",
        "sunday",        "montag",       "dienstag",    "mittwoch",      "donnerstag",
        "freitag",       "samstag",      "sonntag",     "lundi",         "mardi",
        "mercredi",      "jeudi",        "vendredi",    "samedi",        "dimanche",
        "lunes",         "martes",       "miercoles",   "jueves",        "viernes",
        "sabado",        "domingo",      "lunedi",      "martedi",       "mercoledi",
        "giovedi",       "venerdi",      "maandag",     "dinsdag",       "woensdag",
        "donderdag",     "vrijdag",      "mon ",        "tue ",          "wed ",
        "thu ",          "fri ",         "mo. ",        "di. ",          "mi. ",
        "do. ",          "fr. ",         "zum ",        "segunda-feira", "terca-feira",
        "quarta-feira",  "quinta-feira", "sexta-feira", "d. ",           "to ",
        "in the office "};

    skip(at, words, ARRAY_LEN(words));
}

static void read_year(const char *at, struct date *date)
{
    const char *start;
    int year;

    if (text_starts(at, "st") || text_starts(at, "nd") || text_starts(at, "rd") ||
        text_starts(at, "th"))
        at += 2;
    at += strspn(at, " ,.");
    if (text_starts(at, "de "))
        at += 3;
    start = at;
    if (number(&at, &year) && at - start == 4)
        date->year = year;
}

/* "12. August 2024", "12 de agosto", "August 12th, 2024". */
static bool in_words(const char *at, struct date *date)
{
    date->month = month_word(&at);
    if (date->month) {
        at += strspn(at, " ");
        if (!number(&at, &date->day))
            return false;
    } else {
        if (!number(&at, &date->day))
            return false;
        if (text_starts(at, "st") || text_starts(at, "nd") || text_starts(at, "rd") ||
            text_starts(at, "th"))
            at += 2;
        skip_small(&at);
        at += strspn(at, " .-/");
        date->month = month_word(&at);
        if (!date->month)
            return false;
    }
    read_year(at, date);
    return is_date(date);
}

/* Only in English is 05/01 read either way; then the reading that lies within two months ahead, if
 * only one does. */
static bool settle_order(struct date *date, bool english, int64_t today)
{
    struct date other = {date->year, date->day, date->month};
    int64_t a, b;
    bool a_near, b_near;

    if (!is_date(&other) || date->day == date->month || (!english && is_date(date)))
        return is_date(date);
    if (!is_date(date)) {
        *date = other;
        return true;
    }
    a = days_of(date->year ? date->year : year_of(today), date->month, date->day) - today;
    b = days_of(other.year ? other.year : year_of(today), other.month, other.day) - today;
    a_near = a >= 0 && a <= 62;
    b_near = b >= 0 && b <= 62;
    if (a_near == b_near)
        return false;
    if (b_near)
        *date = other;
    return true;
}

/* "2024-08-12", "12.08.2024", "12.08.", "05/01/2010". */
static bool in_digits(const char *at, struct date *date, bool english, int64_t today)
{
    int first, second, third = 0;
    char mark;

    if (!number(&at, &first) || !strchr("./-", *at) || *at == '\0')
        return false;
    mark = *at++;
    if (!number(&at, &second))
        return false;
    if (*at == mark) {
        at++;
        if (!number(&at, &third))
            third = 0;
    }
    if (first > 31) {
        *date = (struct date){first, second, third};
        return is_date(date);
    }
    if (third > 0 && third < 100)
        third += 2000;
    *date = (struct date){third, second, first};
    if (mark == '/' || mark == '-') /* either order is written with these */
        return settle_order(date, english, today);
    return is_date(date);
}

static int64_t settle_year(const struct date *date, int64_t today)
{
    int year = date->year;
    int64_t days;

    if (year == 0) {
        year = year_of(today);
        if (days_of(year, date->month, date->day) < today - 60)
            year++;
    }
    days = days_of(year, date->month, date->day);
    return days < today - 60 || days > today + 800 ? 0 : days * 86400000;
}

static bool word_before(const char *text, const char *at)
{
    return at > text && ((at[-1] >= 'a' && at[-1] <= 'z') || (unsigned char)at[-1] >= 0x80);
}

int64_t mail_auto_returns(const char *folded, int64_t now)
{
    int64_t today = now / 86400000, best = 0;

    for (size_t i = 0; i < ARRAY_LEN(leads); i++)
        for (const char *at = strstr(folded, leads[i]); at; at = strstr(at + 1, leads[i])) {
            const char *after = at + strlen(leads[i]);
            struct date date = {0};
            int64_t when;

            if (word_before(folded, at))
                continue;
            skip_small(&after);
            if (!in_digits(after, &date, i < english_leads, today)) {
                date = (struct date){0};
                if (!in_words(after, &date))
                    continue;
            }
            when = settle_year(&date, today);
            if (when > best)
                best = when;
        }
    return best;
}
