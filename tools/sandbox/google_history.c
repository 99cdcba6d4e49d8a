/* sandbox/google_history.c: history.list, with the traps of facts, section 2.6. */
#include "sandbox/google_api.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static const struct {
    enum google_change_kind kind;
    const char *type, *key;
} kinds[] = {
    {GOOGLE_ADDED, "messageAdded", "messagesAdded"},
    {GOOGLE_DELETED, "messageDeleted", "messagesDeleted"},
    {GOOGLE_LABELLED, "labelAdded", "labelsAdded"},
    {GOOGLE_UNLABELLED, "labelRemoved", "labelsRemoved"},
};

struct reading {
    char **types;
    char *label;
    struct json_object *records;
    int64_t size;
};

static const char *key_of(enum google_change_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind == kind)
            return kinds[i].key;
    return NULL;
}

static bool type_wanted(const struct reading *reading, enum google_change_kind kind)
{
    if (!reading->types[0])
        return kind != GOOGLE_MARK;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (char **type = reading->types; kinds[i].kind == kind && *type; type++)
            if (strcmp(*type, kinds[i].type) == 0)
                return true;
    return false;
}

/* By the labels that the message has now, or the one that the change is about. */
static bool wanted(const struct reading *reading, const struct google_change *change)
{
    if (change->kind == GOOGLE_MARK || !type_wanted(reading, change->kind))
        return false;
    if (!reading->label)
        return true;
    if (change->label && strcmp(change->label->id, reading->label) == 0)
        return true;
    return google_message_has(change->message, reading->label);
}

static struct json_object *record(uint64_t id, const char *key, struct json_object *item,
                                  struct json_object *message)
{
    struct json_object *object = json_object_new_object(), *items = json_object_new_array();
    struct json_object *messages = json_object_new_array();
    auto_free char *text = mem_printf("%llu", (unsigned long long)id);

    sbx_json_put(object, "id", text);
    json_object_array_add(messages, message);
    json_object_object_add(object, "messages", messages);
    json_object_array_add(items, item);
    json_object_object_add(object, key, items);
    return object;
}

static void change_add(struct reading *reading, const struct google_change *change)
{
    struct json_object *item = json_object_new_object();

    json_object_object_add(item, "message", google_message_brief(change->message, true));
    if (change->label) {
        struct json_object *ids = json_object_new_array();

        json_object_array_add(ids, json_object_new_string(change->label->id));
        json_object_object_add(item, "labelIds", ids);
    }
    json_object_array_add(reading->records, record(change->id, key_of(change->kind), item,
                                                   google_message_brief(change->message, false)));
}

/* The trap: a message that was added, and is there no more when one asks for it. */
static void vanished_add(struct reading *reading, uint64_t id)
{
    struct json_object *item = json_object_new_object(), *message = json_object_new_object();
    struct json_object *labels = json_object_new_array();
    auto_free char *text = mem_printf("%016llx", (unsigned long long)(sbx_mix(id) >> 3));

    sbx_json_put(message, "id", text);
    sbx_json_put(message, "threadId", text);
    json_object_object_add(item, "message", json_object_get(message));
    json_object_array_add(labels, json_object_new_string("INBOX"));
    json_object_object_add(message, "labelIds", labels);
    json_object_array_add(reading->records, record(id, "messagesAdded", item, message));
}

/* Fills a page from `at`; gives where the next begins, or the end. */
static size_t page_fill(const struct google_account *account, struct reading *reading, size_t at)
{
    const struct google_settings *settings = &google_state()->settings;

    for (; at < account->change_count; at++) {
        const struct google_change *change = &account->changes[at];

        if (!wanted(reading, change))
            continue;
        if ((int64_t)json_object_array_length(reading->records) >= reading->size)
            break;
        change_add(reading, change);
        if (change->kind != GOOGLE_ADDED)
            continue;
        if (settings->history_duplicates)
            change_add(reading, change);
        if (settings->history_vanished)
            vanished_add(reading, change->id);
    }
    return at;
}

static void page_answer(struct google_call *call, struct reading *reading, bool more, size_t next,
                        bool was_empty)
{
    struct json_object *object = json_object_new_object();
    auto_free char *now = mem_printf("%llu", (unsigned long long)google_history_now(call->account));
    /* Tokens are even for a page as such, odd for one after a page without any history. */
    auto_free char *token = mem_printf("%llu", (unsigned long long)next * 2 + was_empty);

    if (json_object_array_length(reading->records) > 0)
        json_object_object_add(object, "history", json_object_get(reading->records));
    if (more)
        sbx_json_put(object, "nextPageToken", token);
    sbx_json_put(object, "historyId", now);
    google_ok(call, object);
}

static void page_give(struct google_call *call, struct reading *reading, size_t first,
                      uint64_t token)
{
    bool empty = google_state()->settings.history_empty_pages && token % 2 == 0;
    size_t at = token > 0 ? (size_t)(token / 2) : first, next;

    if (empty) {
        page_answer(call, reading, true, at, true);
        return;
    }
    next = page_fill(call->account, reading, at);
    page_answer(call, reading, next < call->account->change_count, next, false);
}

void google_history_list(struct google_call *call)
{
    struct reading reading = {.size = google_page_size(call, 100, 500)};
    auto_free char *text = google_parameter(call, "startHistoryId");
    uint64_t start, token = 0;
    size_t first;

    if (reading.size < 0 || !google_page_token(call, &token))
        return;
    if (!text || !text_u64(text, &start)) {
        google_invalid(call, text ? "Invalid value at 'start_history_id' (TYPE_UINT64)"
                                  : "Missing or invalid startHistoryId");
        return;
    }
    if (!google_history_after(call->account, start, &first)) {
        google_not_found(call);
        return;
    }
    reading.types = google_parameters(call, "historyTypes");
    reading.label = google_parameter(call, "labelId");
    reading.records = json_object_new_array();
    page_give(call, &reading, first, token);
    json_object_put(reading.records);
    mem_strv_free(reading.types);
    free(reading.label);
}
