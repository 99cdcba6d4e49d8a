/* sandbox/google_list.c: messages.list, threads.list and threads.get. */
#include "sandbox/google_api.h"
#include "sandbox/google_query.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

struct search {
    struct google_query query;
    struct google_label **labels;
    size_t label_count;
    const struct google_index *index; /* the shortest list that holds every hit */
    bool spam_too;
    uint64_t below; /* hits have a smaller number */
    int64_t size;
    struct json_object *hits;
    uint64_t last;
    bool more;
};

static bool labels_read(struct google_call *call, struct search *search)
{
    char **ids = google_parameters(call, "labelIds");
    size_t count = 0;
    bool good = true;

    while (ids[count])
        count++;
    search->labels = mem_array(count + 1, sizeof(struct google_label *));
    search->index = &call->account->all;
    for (size_t i = 0; i < count && good; i++) {
        struct google_label *label = google_label_get(call->account, ids[i]);

        good = label != NULL;
        if (!good)
            break;
        search->labels[search->label_count++] = label;
        search->spam_too =
            search->spam_too || strcmp(ids[i], "SPAM") == 0 || strcmp(ids[i], "TRASH") == 0;
        if (label->messages.count <= search->index->count)
            search->index = &label->messages;
    }
    if (!good)
        google_invalid(call, "Invalid label: one of labelIds");
    mem_strv_free(ids);
    return good;
}

static bool search_init(struct google_call *call, struct search *search)
{
    auto_free char *q = google_parameter(call, "q");
    auto_free char *spam = google_parameter(call, "includeSpamTrash");

    *search = (struct search){.below = UINT64_MAX, .spam_too = spam && strcmp(spam, "true") == 0};
    if (q && google_metadata_only(call)) {
        google_fail(call->response, 403, "forbidden",
                    "Metadata scope does not support 'q' parameter");
        return false;
    }
    search->size = google_page_size(call, 100, 500);
    if (search->size < 0 || !google_page_token(call, &search->below) || !labels_read(call, search))
        return false;
    google_query_init(&search->query, q);
    search->spam_too = search->spam_too || search->query.anywhere;
    search->hits = json_object_new_array();
    return true;
}

static void search_finish(struct search *search)
{
    google_query_finish(&search->query);
    free(search->labels);
}

static bool search_fits(const struct search *search, const struct google_message *message)
{
    if (message->gone || world_now() < message->at + google_state()->settings.listing_lag)
        return false;
    for (size_t i = 0; i < search->label_count; i++)
        if (!google_message_has(message, search->labels[i]->id))
            return false;
    if (!search->spam_too &&
        (google_message_has(message, "SPAM") || google_message_has(message, "TRASH")))
        return false;
    return google_query_fits(&search->query, message);
}

/* False: the page is full, and this one is for the next. */
static bool search_add(struct search *search, const struct google_message *message,
                       struct json_object *(*make)(const struct google_message *))
{
    if (search->size == 0) {
        search->more = true;
        return false;
    }
    json_object_array_add(search->hits, make(message));
    search->last = message->number;
    search->size--;
    return true;
}

static void search_answer(struct google_call *call, struct search *search, const char *key)
{
    struct json_object *object = json_object_new_object();

    if (json_object_array_length(search->hits) > 0)
        json_object_object_add(object, key, search->hits);
    else
        json_object_put(search->hits);
    if (search->more) {
        auto_free char *token = mem_printf("%llu", (unsigned long long)search->last);

        sbx_json_put(object, "nextPageToken", token);
    }
    json_object_object_add(object, "resultSizeEstimate",
                           json_object_new_int64((int64_t)search->index->count));
    google_ok(call, object);
}

static struct json_object *message_hit(const struct google_message *message)
{
    return google_message_brief(message, false);
}

static struct json_object *thread_hit(const struct google_message *message)
{
    struct json_object *object = json_object_new_object();
    auto_free char *history = mem_printf("%llu", (unsigned long long)message->history);

    sbx_json_put(object, "id", message->thread->id);
    sbx_json_put(object, "snippet", "");
    sbx_json_put(object, "historyId", history);
    return object;
}

/* One Message-ID is looked up, the mailbox is not walked. */
static void search_by_id(const struct google_account *account, struct search *search,
                         const char *id)
{
    auto_free char *full = id[0] == '<' ? mem_str(id) : mem_printf("<%s>", id);
    const struct google_message *message = map_get_str(&account->message_ids, full);

    for (; message; message = message->same_id)
        if (message->number < search->below && search_fits(search, message) &&
            !search_add(search, message, message_hit))
            break;
}

void google_messages_list(struct google_call *call)
{
    struct search search;
    const char *id;

    if (!search_init(call, &search)) {
        search_finish(&search);
        return;
    }
    id = google_query_message_id(&search.query);
    if (id)
        search_by_id(call->account, &search, id);
    for (size_t at = id ? 0 : google_index_below(search.index, search.below); at > 0; at--) {
        const struct google_message *message = search.index->list[at - 1];

        if (search_fits(&search, message) && !search_add(&search, message, message_hit))
            break;
    }
    search_answer(call, &search, "messages");
    search_finish(&search);
}

/* A thread stands where its newest hit does. */
static bool newest_hit(const struct search *search, const struct google_message *message)
{
    const struct google_thread *thread = message->thread;

    for (size_t i = thread->count; i > 0; i--) {
        const struct google_message *other = thread->messages[i - 1];

        if (other == message)
            return true;
        if (search_fits(search, other))
            return false;
    }
    return true;
}

void google_threads_list(struct google_call *call)
{
    struct search search;

    if (!search_init(call, &search)) {
        search_finish(&search);
        return;
    }
    for (size_t at = google_index_below(search.index, search.below); at > 0; at--) {
        const struct google_message *message = search.index->list[at - 1];

        if (search_fits(&search, message) && newest_hit(&search, message) &&
            !search_add(&search, message, thread_hit))
            break;
    }
    search_answer(call, &search, "threads");
    search_finish(&search);
}

void google_threads_get(struct google_call *call)
{
    struct google_thread *thread = google_thread_get(call->account, call->ids[0]);
    auto_free char *format = google_format(call);
    struct json_object *object, *list;
    uint64_t history = 0;
    char **only;

    if (!format)
        return;
    if (!thread || google_thread_live(thread) == 0) {
        google_not_found(call);
        return;
    }
    only = google_parameters(call, "metadataHeaders");
    object = json_object_new_object();
    list = json_object_new_array();
    for (size_t i = 0; i < thread->count; i++) {
        struct google_message *message = thread->messages[i];

        if (message->gone)
            continue;
        if (message->history > history)
            history = message->history;
        json_object_array_add(list, google_message_json(call, message, format, only));
    }
    auto_free char *text = mem_printf("%llu", (unsigned long long)history);
    sbx_json_put(object, "id", thread->id);
    sbx_json_put(object, "historyId", text);
    json_object_object_add(object, "messages", list);
    google_ok(call, object);
    mem_strv_free(only);
}
