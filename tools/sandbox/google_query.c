/* sandbox/google_query.c: the search box's language, as far as a mail client uses it. */
#include "sandbox/google_query.h"

#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* One term: key:value, key:"quoted value", -key:value, word. */
static const char *term_read(const char *text, struct google_term *term)
{
    struct buf word = {0};
    const char *colon;
    bool quoted = false;

    term->negated = *text == '-';
    text += term->negated;
    for (; *text && (quoted || *text != ' '); text++) {
        if (*text == '"')
            quoted = !quoted;
        else
            buf_add_char(&word, *text);
    }
    colon = strchr(buf_text(&word), ':');
    term->key = colon ? mem_strn(word.data, (size_t)(colon - word.data)) : mem_str("");
    term->value = mem_str(colon ? colon + 1 : buf_text(&word));
    text_lower(term->key);
    if (strcmp(term->key, "rfc822msgid") != 0)
        text_lower(term->value);
    buf_finish(&word);
    return text;
}

void google_query_init(struct google_query *query, const char *text)
{
    *query = (struct google_query){0};
    while (text && *text) {
        struct google_term *term;

        if (*text == ' ') {
            text++;
            continue;
        }
        query->terms = mem_grow(query->terms, query->count + 1, sizeof(*query->terms));
        term = &query->terms[query->count++];
        text = term_read(text, term);
        if (strcmp(term->key, "in") == 0 && !term->negated)
            query->anywhere = query->anywhere || strcmp(term->value, "anywhere") == 0 ||
                              strcmp(term->value, "trash") == 0 || strcmp(term->value, "spam") == 0;
    }
}

void google_query_finish(struct google_query *query)
{
    for (size_t i = 0; i < query->count; i++) {
        free(query->terms[i].key);
        free(query->terms[i].value);
    }
    free(query->terms);
    *query = (struct google_query){0};
}

const char *google_query_message_id(const struct google_query *query)
{
    for (size_t i = 0; i < query->count; i++)
        if (strcmp(query->terms[i].key, "rfc822msgid") == 0 && !query->terms[i].negated)
            return query->terms[i].value;
    return NULL;
}

static bool header_contains(const struct google_message *message, const char *name,
                            const char *value)
{
    const char *header = google_message_header(message, name);
    auto_buf struct buf decoded = {0};

    if (!header)
        return false;
    mime_words_decode(&decoded, header);
    if (decoded.data)
        text_lower(decoded.data);
    return strstr(buf_text(&decoded), value) != NULL;
}

/* "after:" takes epoch seconds or 2026/11/21. */
static int64_t moment(const char *value)
{
    struct tm tm = {0};
    int64_t seconds;

    if (sscanf(value, "%d/%d/%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) == 3) {
        tm.tm_year -= 1900;
        tm.tm_mon--;
        return (int64_t)timegm(&tm) * 1000;
    }
    return text_i64(value, &seconds) ? seconds * 1000 : 0;
}

static bool in_place(const struct google_message *message, const char *place)
{
    struct google_label *label;

    if (strcmp(place, "anywhere") == 0)
        return true;
    if (strcmp(place, "drafts") == 0)
        place = "draft";
    label = google_label_named(message->account, place);
    return label && google_message_has(message, label->id);
}

/* With or without its angle brackets. */
static bool same_message_id(const struct google_message *message, const char *value)
{
    size_t len = strlen(value);
    const char *id = message->message_id;

    if (!id || world_now() < message->at + google_state()->settings.find_lag)
        return false;
    if (value[0] == '<')
        return strcmp(id, value) == 0;
    return strlen(id) == len + 2 && strncmp(id + 1, value, len) == 0;
}

static bool term_fits(const struct google_term *term, const struct google_message *message)
{
    const char *key = term->key, *value = term->value;

    if (strcmp(key, "rfc822msgid") == 0)
        return same_message_id(message, value);
    if (strcmp(key, "from") == 0 || strcmp(key, "subject") == 0)
        return header_contains(message, key, value);
    if (strcmp(key, "to") == 0)
        return header_contains(message, "to", value) || header_contains(message, "cc", value);
    if (strcmp(key, "in") == 0 || strcmp(key, "label") == 0)
        return in_place(message, value);
    if (strcmp(key, "is") == 0)
        return google_message_has(message, strcmp(value, "unread") == 0 ? "UNREAD" : "STARRED");
    if (strcmp(key, "after") == 0)
        return message->at >= moment(value);
    if (strcmp(key, "before") == 0)
        return message->at < moment(value);
    return header_contains(message, "subject", value) || header_contains(message, "from", value);
}

bool google_query_fits(const struct google_query *query, const struct google_message *message)
{
    for (size_t i = 0; i < query->count; i++)
        if (term_fits(&query->terms[i], message) == query->terms[i].negated)
            return false;
    return true;
}
