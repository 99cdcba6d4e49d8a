/* control/json.c: values into JSON, and the words for them. */
#include "base/clock.h"
#include "base/mem.h"
#include "control/internal.h"

#include <json-c/json.h>

void json_text(struct json_object *to, const char *key, const char *text)
{
    json_object_object_add(to, key, text ? json_object_new_string(text) : NULL);
}

void json_number(struct json_object *to, const char *key, int64_t value)
{
    json_object_object_add(to, key, json_object_new_int64(value));
}

void json_flag(struct json_object *to, const char *key, bool value)
{
    json_object_object_add(to, key, json_object_new_boolean(value));
}

void json_time(struct json_object *to, const char *key, int64_t ms)
{
    char text[32];

    json_text(to, key, ms <= 0 || ms == INT64_MAX ? NULL : clock_text(ms, text));
}

struct json_object *json_of(const struct buf *text)
{
    return json_tokener_parse(buf_text(text));
}

static const char *word(const char *const *words, size_t count, int32_t value)
{
    return value >= 0 && (size_t)value < count && words[value] ? words[value] : "unknown";
}

const char *word_campaign(int32_t status)
{
    static const char *const words[] = {NULL, "draft", "running", "paused", "removed", "starting"};

    return word(words, ARRAY_LEN(words), status);
}

const char *word_enrolment(int32_t status)
{
    static const char *const words[] = {NULL, "active", "done", "stopped", "failed", "uncertain"};

    return word(words, ARRAY_LEN(words), status);
}

const char *word_message(int32_t state)
{
    static const char *const words[] = {NULL,   "planned", "intended",  "staged",
                                        "sent", "failed",  "uncertain", "stopped"};

    return word(words, ARRAY_LEN(words), state);
}

const char *word_reply(int32_t kind)
{
    static const char *const words[] = {
        NULL,          "reply",          "auto-reply",  "out-of-office", "bounce-hard",
        "bounce-soft", "bounce-unknown", "unsubscribe", "complaint"};

    return word(words, ARRAY_LEN(words), kind);
}

void words_marks(struct json_object *to, const char *key, uint32_t marks)
{
    static const char *const words[] = {"answered",     "auto-replied",    "bounced-hard",
                                        "bounced-soft", "bounced-unknown", "unsubscribed",
                                        "complained",   "interested"};
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (marks & 1u << i)
            json_object_array_add(list, json_object_new_string(words[i]));
    json_object_object_add(to, key, list);
}
