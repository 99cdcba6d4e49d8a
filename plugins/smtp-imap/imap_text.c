/* smtp-imap/imap_text.c: IMAP's dates, its UTF-7, quoted strings, and keywords. */
#include "imap_parse.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- dates ------------------------------------------------------------------------------------
 */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01 of a date in the Gregorian calendar. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t era, of_era;

    year -= month <= 2;
    era = year / 400;
    of_era = year % 400;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
           (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 719468;
}

int64_t imap_time(const char *text, size_t len)
{
    char copy[40], name[4], sign;
    int day, year, hour, minute, second, zone, at = 0, month = 0;
    int64_t seconds;

    if (len >= sizeof(copy))
        return 0;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (sscanf(copy, " %2d-%3[A-Za-z]-%4d %2d:%2d:%2d %c%4d%n", &day, name, &year, &hour, &minute,
               &second, &sign, &zone, &at) != 8 ||
        copy[at])
        return 0;
    for (int i = 0; i < 12 && strlen(name) == 3; i++) {
        if (strncasecmp(name, months + (size_t)i * 3, 3) == 0)
            month = i + 1;
    }
    if (!month || day < 1 || day > 31 || year < 1970 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60 || zone < 0 || zone > 1400 ||
        (sign != '+' && sign != '-'))
        return 0;
    seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    zone = (zone / 100 * 60 + zone % 100) * 60;
    return (seconds - (sign == '+' ? zone : -zone)) * 1000;
}

void imap_date(struct text *out, int64_t ms)
{
    int64_t days = ms > 0 ? ms / 86400000 : 0, era, of_era, year;
    int of_year, shifted, day, month;

    days += 719468;
    era = days / 146097;
    of_era = days % 146097;
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = (int)(of_era - (365 * year + year / 4 - year / 100));
    shifted = (5 * of_year + 2) / 153;
    day = of_year - (153 * shifted + 2) / 5 + 1;
    month = shifted < 10 ? shifted + 3 : shifted - 9;
    text_printf(out, "%d-%.3s-%04d", day, months + (size_t)(month - 1) * 3,
                (int)(year + era * 400 + (month <= 2)));
}

/* ---- modified UTF-7: base64 of UTF-16 between & and -, with a comma for the slash ---------------
 */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static void add_utf8(struct text *out, uint32_t c)
{
    char bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = len; i > 1; i--, c >>= 6)
        bytes[i - 1] = (char)(0x80 | (c & 63));
    bytes[0] = (char)(heads[len] | c);
    text_add(out, bytes, len);
}

/* One run of UTF-16 in base64. */
static bool decode_run(struct text *out, const char *at, size_t len)
{
    uint32_t bits = 0, high = 0;
    int have = 0;

    for (size_t i = 0; i < len; i++) {
        const char *digit = at[i] ? strchr(digits, at[i]) : NULL;
        uint32_t unit;

        if (!digit)
            return false;
        bits = (bits << 6 | (uint32_t)(digit - digits)) & 0x3fffff;
        have += 6;
        if (have < 16)
            continue;
        have -= 16;
        unit = bits >> have & 0xffff;
        if ((unit >= 0xdc00 && unit < 0xe000) != (high != 0) || !unit)
            return false;
        if (unit >= 0xd800 && unit < 0xdc00) {
            high = unit;
            continue;
        }
        add_utf8(out, high ? 0x10000 + ((high & 0x3ff) << 10) + (unit & 0x3ff) : unit);
        high = 0;
    }
    return !high && have < 6 && !(bits & ((1u << have) - 1));
}

bool imap_utf7_decode(struct text *out, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char *end;

        if (data[i] < 0x20 || data[i] > 0x7e)
            return false;
        if (data[i] != '&') {
            text_add(out, &data[i], 1);
            continue;
        }
        end = memchr(data + i, '-', len - i);
        if (!end)
            return false;
        if (end == data + i + 1)
            text_str(out, "&");
        else if (!decode_run(out, data + i + 1, (size_t)(end - data) - i - 1))
            return false;
        i = (size_t)(end - data);
    }
    return true;
}

/* The character at *at, which moves behind it; 0: the end, or no UTF-8 (then *bad). */
static uint32_t take_utf8(const unsigned char **at, bool *bad)
{
    unsigned c = **at;
    int more = c < 0x80                 ? 0
               : c >= 0xc2 && c <= 0xdf ? 1
               : (c & 0xf0) == 0xe0     ? 2
               : c >= 0xf0 && c <= 0xf4 ? 3
                                        : -1;
    uint32_t value = more < 1 ? c : c & (0x3fu >> more);
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

    if (!c)
        return 0;
    ++*at;
    for (int i = 0; i < more; i++, ++*at) {
        if ((**at & 0xc0) != 0x80)
            more = -1;
        else
            value = value << 6 | (**at & 63u);
        if (more < 0)
            break;
    }
    *bad = more < 0 || value < least[more] || value > 0x10ffff ||
           (value >= 0xd800 && value < 0xe000) || value < 0x20 || value == 0x7f;
    return *bad ? 0 : value;
}

static void put_unit(struct text *out, uint32_t *bits, int *have, uint32_t unit)
{
    *bits = (*bits << 16 | unit) & 0x3fffff;
    for (*have += 16; *have >= 6;) {
        *have -= 6;
        text_add(out, &digits[*bits >> *have & 63], 1);
    }
}

static void end_run(struct text *out, uint32_t bits, int have)
{
    if (have)
        text_add(out, &digits[bits << (6 - have) & 63], 1);
    text_str(out, "-");
}

bool imap_utf7_encode(struct text *out, const char *utf8)
{
    const unsigned char *at = (const unsigned char *)utf8;
    bool inside = false, bad = false;
    uint32_t bits = 0, c;
    int have = 0;

    while ((c = take_utf8(&at, &bad))) {
        char ascii = (char)c;

        if (c < 0x7f) {
            if (inside)
                end_run(out, bits, have);
            inside = false;
            text_add(out, &ascii, 1);
            if (c == '&')
                text_str(out, "-");
            continue;
        }
        if (!inside)
            text_str(out, "&");
        if (!inside)
            have = 0;
        inside = true;
        if (c >= 0x10000) {
            put_unit(out, &bits, &have, 0xd800 + ((c - 0x10000) >> 10));
            c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        put_unit(out, &bits, &have, c);
    }
    if (inside)
        end_run(out, bits, have);
    return !bad;
}

/* ---- what we write ----------------------------------------------------------------------------
 */

bool imap_quote(struct text *out, const char *string)
{
    for (const char *at = string; *at; at++) {
        if (*at == '\r' || *at == '\n' || (unsigned char)*at >= 0x80)
            return false;
    }
    text_str(out, "\"");
    for (; *string; string++) {
        if (*string == '"' || *string == '\\')
            text_str(out, "\\");
        text_add(out, string, 1);
    }
    text_str(out, "\"");
    return true;
}

/* RFC 3501 atom-char, without the = that we escape by. */
static bool is_keyword_char(unsigned char c)
{
    return c > 0x20 && c < 0x7f && !strchr("(){%*\"\\]=", c);
}

void imap_keyword(struct text *out, const char *path)
{
    text_str(out, "$");
    for (; *path; path++) {
        if (is_keyword_char((unsigned char)*path))
            text_add(out, path, 1);
        else
            text_printf(out, "=%02X", (unsigned char)*path);
    }
}

static int hex(char c) /* in capitals, as we write it */
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void imap_keyword_path(struct text *out, const char *keyword, size_t len)
{
    bool ours = len > 1 && *keyword == '$';

    for (size_t i = ours; i < len; i++) {
        char c = keyword[i];

        if (ours && c == '=' && i + 2 < len && hex(keyword[i + 1]) >= 0 &&
            hex(keyword[i + 2]) >= 0) {
            c = (char)(hex(keyword[i + 1]) << 4 | hex(keyword[i + 2]));
            i += 2;
        }
        if (c)
            text_add(out, &c, 1);
    }
}
