/* provider/scrub.c: takes what looks like a token out of a plugin's text.
 *
 * The border hands no token to a plugin, but a server may echo one in an error, and a plugin may
 * put that error into its log line or its failure's detail. */
#include "provider/copy.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

enum {
    LONG_RUN = 40, /* no id, address or word that a log needs is one run of this length */
    SHORT_RUN = 8, /* "bearer" and then an English word is no token                     */
    TEXT_LIMIT = 4096
};

static const char *const openings[] = {
    "bearer ",        "basic ",    "xoauth2 ",          "access_token=",
    "refresh_token=", "id_token=", "client_secret=",    "password=",
    "ya29.",          "1//",       "access_token\":\"", "refresh_token\":\""};

static bool is_token_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("-._~+/=%", c));
}

static size_t run_of(const char *text)
{
    size_t len = 0;

    while (is_token_char(text[len]))
        len++;
    return len;
}

/* A long run is a token only if no slash breaks it up: an URL's path is no secret. */
static bool looks_random(const char *text, size_t len)
{
    size_t since = 0, longest = 0;

    for (size_t i = 0; i < len; i++) {
        since = text[i] == '/' ? 0 : since + 1;
        longest = since > longest ? since : longest;
    }
    return longest >= LONG_RUN;
}

/* After "Basic " comes a word as often as a credential: words are lower case, and end. */
static bool looks_secret(const char *opening, const char *run, size_t len)
{
    if (opening[strlen(opening) - 1] != ' ')
        return len > 0;
    for (size_t i = 1; len >= SHORT_RUN && i < len; i++)
        if (isupper((unsigned char)run[i]) || isdigit((unsigned char)run[i]))
            return true;
    return false;
}

static const char *opening_of(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(openings); i++)
        if (text_starts_fold(text, openings[i]))
            return openings[i];
    return NULL;
}

char *scrub(const char *text)
{
    struct buf out = {0};
    const char *end;

    if (!text)
        return NULL;
    end = text + strnlen(text, TEXT_LIMIT);
    while (text < end && *text) {
        const char *opening = opening_of(text);
        size_t skip = opening ? strlen(opening) : 0;
        size_t run = run_of(text + skip);
        if (opening && looks_secret(opening, text + skip, run)) {
            buf_add(&out, text, skip);
            buf_add_str(&out, "[hidden]");
            text += skip + run;
        } else if (!opening && looks_random(text, run)) {
            buf_add_str(&out, "[hidden]");
            text += run;
        } else {
            buf_add_char(&out, *text++);
        }
    }
    return out.data ? buf_take(&out) : mem_str("");
}
