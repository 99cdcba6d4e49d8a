/* common/times.c: times as APIs and HTTP write them. */
#include "times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t wire_time(const char *rfc3339)
{
    struct tm tm = {0};
    char *rest = strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t away = 0;

    if (!rest)
        return 0;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if ((*rest == '+' || *rest == '-') && strlen(rest) >= 6 && rest[3] == ':') {
        away = strtol(rest + 1, NULL, 10) * 3600 + strtol(rest + 4, NULL, 10) * 60;
        away = *rest == '+' ? away : -away;
    } else if (*rest != 'Z' && *rest != 'z') {
        return 0;
    }
    return ((int64_t)timegm(&tm) - away) * 1000;
}

int64_t wire_http_time(const char *http_date)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int day, year, hour, minute, second;
    char month[4];
    const char *at, *comma = strchr(http_date, ',');
    struct tm tm = {0};

    if (!comma || sscanf(comma + 1, " %2d %3s %4d %2d:%2d:%2d GMT", &day, month, &year, &hour,
                         &minute, &second) != 6)
        return 0;
    at = strstr(months, month);
    if (!at || (at - months) % 3)
        return 0;
    tm.tm_mday = day;
    tm.tm_mon = (int)(at - months) / 3;
    tm.tm_year = year - 1900;
    tm.tm_hour = hour;
    tm.tm_min = minute;
    tm.tm_sec = second;
    return (int64_t)timegm(&tm) * 1000;
}
