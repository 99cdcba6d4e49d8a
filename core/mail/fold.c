/* mail/fold.c: decoding and folding text; the room's start. */
#include "mail/fold.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/autoreply.h"
#include "mail/bounce.h"
#include "mail/header.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <string.h>

static GMimeParserOptions *options;

static void begin(void)
{
    /* GMime wants a list it may write to. Windows-1252 has holes, so Latin-1 stands behind it. */
    static const char *charsets[] = {"utf-8", "windows-1252", "iso-8859-1", NULL};

    g_mime_init();
    options = g_mime_parser_options_new();
    g_mime_parser_options_set_fallback_charsets(options, charsets);
    mail_autoreply_init();
    mail_bounce_init();
}

void mail_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, begin);
}

char *mail_clean(const char *text)
{
    char *valid = g_utf8_make_valid(text, -1);
    struct buf out = {0};
    bool gap = false;

    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);

        if (c <= ' ' || (c >= 0x7f && c <= 0xa0) || c == 0x3000) {
            gap = out.len > 0;
            continue;
        }
        if (c == 0xfeff || (c >= 0x200b && c <= 0x200f)) /* unseen marks */
            continue;
        if (gap)
            buf_add_char(&out, ' ');
        gap = false;
        buf_add(&out, at, (size_t)(g_utf8_next_char(at) - at));
    }
    g_free(valid);
    return out.len ? buf_take(&out) : mem_str("");
}

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80 || (text[0] == '=' && text[1] == '?'))
            return false;
    return true;
}

char *mail_decode_words(const char *raw)
{
    char *decoded, *clean;

    if (is_plain(raw))
        return mail_clean(raw);
    mail_init();
    decoded = g_mime_utils_header_decode_text(options, raw);
    clean = mail_clean(decoded ? decoded : raw);
    g_free(decoded);
    return clean;
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return !*text;
}

char *mail_fold_case(const char *text)
{
    char *clean = mail_clean(text), *composed, *folded, *again, *out;

    if (is_ascii(clean)) { /* composed and decomposed it is the same */
        text_lower(clean);
        return clean;
    }
    composed = g_utf8_normalize(clean, -1, G_NORMALIZE_ALL_COMPOSE);
    folded = g_utf8_casefold(composed, -1);
    again = g_utf8_normalize(folded, -1, G_NORMALIZE_ALL_COMPOSE);
    out = mail_clean(again); /* NFKC makes blanks of wide ones */
    g_free(composed);
    g_free(folded);
    g_free(again);
    free(clean);
    return out;
}

static void add_plain(struct buf *out, gunichar c, const char *at)
{
    if (g_unichar_type(c) == G_UNICODE_NON_SPACING_MARK && !(c >= 0x3099 && c <= 0x309a))
        return;
    if (c == 0x2018 || c == 0x2019 || c == 0x60 || c == 0xb4)
        buf_add_char(out, '\'');
    else if (c >= 0x2010 && c <= 0x2015)
        buf_add_char(out, '-');
    else if (c == 0x131) /* the Turkish i without a dot */
        buf_add_char(out, 'i');
    else
        buf_add(out, at, (size_t)(g_utf8_next_char(at) - at));
}

char *mail_fold_plain(const char *text)
{
    char *folded = mail_fold_case(text), *apart, *whole;
    struct buf plain = {0};

    apart = g_utf8_normalize(folded, -1, G_NORMALIZE_ALL);
    for (const char *at = apart; *at; at = g_utf8_next_char(at))
        add_plain(&plain, g_utf8_get_char(at), at);
    g_free(apart);
    free(folded);
    whole = g_utf8_normalize(buf_text(&plain), -1, G_NORMALIZE_ALL_COMPOSE); /* Hangul again */
    buf_finish(&plain);
    folded = mem_str(whole);
    g_free(whole);
    return folded;
}

const char *mail_phrase_in(const struct mail_phrases *phrases, const char *folded)
{
    for (size_t i = 0; phrases->folded[i]; i++) {
        const char *found = strstr(folded, phrases->folded[i]);

        if (found)
            return found;
    }
    return NULL;
}

bool mail_phrase_first(const struct mail_phrases *phrases, const char *folded)
{
    for (size_t i = 0; phrases->folded[i]; i++)
        if (text_starts(folded, phrases->folded[i]))
            return true;
    return false;
}

bool mail_phrase_is(const struct mail_phrases *phrases, const char *folded)
{
    for (size_t i = 0; phrases->folded[i]; i++)
        if (strcmp(folded, phrases->folded[i]) == 0)
            return true;
    return false;
}

/* Kept for the life of the process: what mail_init makes is never unmade. */
void mail_phrases_fold(struct mail_phrases *phrases)
{
    size_t count = 0;

    while (phrases->raw[count])
        count++;
    phrases->folded = mem_array(count + 1, sizeof(char *));
    for (size_t i = 0; i < count; i++)
        phrases->folded[i] = mail_fold_plain(phrases->raw[i]);
}
