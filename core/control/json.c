/* control/json.c: the words for values, and lists of them. */
#include "base/json.h"
#include "base/mem.h"
#include "control/internal.h"

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
    struct json_object *list = json_list();

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (marks & 1u << i)
            json_add(list, json_string(words[i]));
    json_put(to, key, list);
}
