/* sandbox/microsoft_list.c: lists of messages: $filter, $search, $orderby, $top, pages. */
#include "sandbox/microsoft_graph.h"

#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

struct query {
    struct ms_folder *folder; /* NULL: the whole mailbox */
    struct ms_filter *filter;
    struct ms_select select;
    char *search;
    bool ascending, count;
    int64_t top, skip;
};

static void query_finish(struct query *query)
{
    ms_filter_free(query->filter);
    ms_select_finish(&query->select);
    free(query->search);
}

static bool number_read(struct ms_call *call, const char *name, int64_t least, int64_t most,
                        int64_t *value)
{
    auto_free char *text = ms_parameter(call, name);

    if (!text || (text_i64(text, value) && *value >= least && *value <= most))
        return true;
    auto_free char *message = mem_printf("Invalid value for %s: a number from %lld to %lld.", name,
                                         (long long)least, (long long)most);
    ms_fail(call->response, 400, "ErrorInvalidUrlQuery", message);
    return false;
}

/* $search is for those who may read bodies, and stands alone. */
static bool search_read(struct ms_call *call, struct query *query, bool filtered)
{
    query->search = ms_parameter(call, "$search");
    if (!query->search)
        return true;
    if (!ms_full_read(call)) {
        ms_fail(call->response, 403, "ErrorAccessDenied",
                "Access is denied. Mail.ReadBasic does not allow $search.");
        return false;
    }
    if (filtered) {
        ms_fail(call->response, 400, "SearchWithFilter",
                "The query parameter '$search' is not supported with '$filter' or '$orderby'.");
        return false;
    }
    return true;
}

static bool query_read(struct ms_call *call, struct query *query)
{
    auto_free char *filter = ms_parameter(call, "$filter"), *order = ms_parameter(call, "$orderby");
    auto_free char *count = ms_parameter(call, "$count");

    query->top = call->page_size > 0 && call->page_size <= 1000 ? call->page_size : 10;
    query->count = text_same(count, "true");
    query->ascending = order && !strstr(order, "desc");
    if (call->ids[0]) {
        query->folder = ms_folder_get(call->account, call->ids[0]);
        if (!query->folder) {
            ms_not_found(call);
            return false;
        }
    }
    if (!number_read(call, "$top", 1, 1000, &query->top) ||
        !number_read(call, "$skip", 0, INT32_MAX, &query->skip) ||
        !search_read(call, query, filter || order) || !ms_select_read(call, &query->select))
        return false;
    query->filter = ms_filter_new(call, filter, order);
    return query->filter != NULL;
}

/* A phrase of $search, quotes off, anywhere in the mail; "subject:x" and its like by the word. */
static bool search_fits(const char *search, const struct ms_message *message)
{
    auto_buf struct buf word = {0};
    const char *colon = strchr(search, ':');

    for (const char *p = colon ? colon + 1 : search; *p; p++)
        if (*p != '"')
            buf_add_char(&word, *p);
    return strcasestr(message->content->raw, buf_text(&word)) != NULL;
}

static bool shown(const struct query *query, const struct ms_message *message)
{
    return !message->gone && !message->hidden && message->folder &&
           (!query->folder || message->folder == query->folder) &&
           message->received <= world_now() - ms_state()->settings.list_lag &&
           (!query->search || search_fits(query->search, message)) &&
           ms_filter_fits(query->filter, message);
}

static int by_received(const void *a, const void *b)
{
    const struct ms_message *const *one = a, *const *other = b;

    if ((*one)->received != (*other)->received)
        return (*one)->received < (*other)->received ? -1 : 1;
    return (*one)->key < (*other)->key ? -1 : 1;
}

/* The same request with another $skip. */
static char *next_link(const struct ms_call *call, int64_t skip)
{
    auto_buf struct buf path = {0};

    buf_printf(&path, "%s?", call->request->path);
    for (const char *at = call->request->query; *at;) {
        size_t len = strcspn(at, "&");

        if (!text_starts(at, "$skip=") && !text_starts_fold(at, "%24skip=")) {
            buf_add(&path, at, len);
            buf_add_char(&path, '&');
        }
        at += len + (at[len] == '&');
    }
    buf_printf(&path, "$skip=%lld", (long long)skip);
    return ms_link(call, buf_text(&path));
}

static void list_answer(struct ms_call *call, const struct query *query)
{
    struct ms_account *account = call->account;
    auto_free struct ms_message **found = mem_array(account->message_count + 1, sizeof(*found));
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();
    size_t count = 0;

    for (size_t i = 0; i < account->message_count; i++)
        if (shown(query, account->all[i]))
            found[count++] = account->all[i];
    qsort(found, count, sizeof(*found), by_received);
    ms_context(call, object, "messages");
    if (query->count)
        json_object_object_add(object, "@odata.count", json_object_new_int64((int64_t)count));
    for (size_t i = (size_t)query->skip; i < count && i < (size_t)(query->skip + query->top); i++)
        json_object_array_add(
            list,
            ms_message_json(call, found[query->ascending ? i : count - 1 - i], &query->select));
    json_object_object_add(object, "value", list);
    if (count > (size_t)(query->skip + query->top)) {
        auto_free char *link = next_link(call, query->skip + query->top);

        sbx_json_put(object, "@odata.nextLink", link);
    }
    ms_ok(call, 200, object);
}

void ms_messages_list(struct ms_call *call)
{
    struct query query = {0};

    if (query_read(call, &query))
        list_answer(call, &query);
    query_finish(&query);
}
