/* sandbox/microsoft_delta.c: what changed in a folder, and the ways in which that goes wrong. */
#include "sandbox/microsoft_graph.h"

#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { FILTERED_MOST = 5000, REPLAYED = 3 };

/* One round: what it tells, in pages. Its tokens are "S<key>-<page>" and, for what comes after it,
 * "D<key>". */
struct round {
    char *key;
    struct ms_account *account;
    struct ms_folder *folder;
    int64_t born;
    uint64_t number;
    struct ms_message **list; /* told as they are when their page is asked for */
    size_t count, size;
    size_t next; /* where the next round begins among the account's changes */
    char *select, *types;
    int64_t since; /* receivedDateTime ge */
    bool immutable;
};

static struct map rounds;

/* -- tokens ----------------------------------------------------------------------------------- */

static struct round *round_new(struct ms_call *call, const struct round *before,
                               struct ms_folder *folder)
{
    struct round *round = mem_new(sizeof(*round));

    round->key = sbx_random_text(18);
    for (char *p = round->key; *p; p++) /* "-" parts key and page */
        if (*p == '-')
            *p = '_';
    round->account = call->account;
    round->folder = folder;
    round->born = world_now();
    round->number = ++ms_state()->settings.delta_rounds;
    round->immutable = call->immutable;
    round->size = call->page_size > 0 && call->page_size < 1000 ? (size_t)call->page_size : 10;
    round->select = before ? mem_str(before->select) : ms_parameter(call, "$select");
    round->types = before ? mem_str(before->types) : ms_parameter(call, "changeType");
    round->since = before ? before->since : INT64_MIN;
    map_put_str(&rounds, round->key, round);
    return round;
}

/* Its state is no more: what Exchange says then differs from day to day. */
static void gone(struct ms_call *call)
{
    static const char message[] = "The sync state generation is not found; "
                                  "generation=605;[highest=841][missing=605].";
    const char *how = ms_state()->settings.delta_how;

    if (text_same(how, "bad_request")) {
        ms_fail(call->response, 400, "SyncStateNotFound", message);
        return;
    }
    if (text_same(how, "location")) {
        auto_free char *link = ms_link(call, call->request->path);

        sbx_response_header(call->response, "location", link);
    }
    ms_fail(call->response, 410, text_same(how, "resync") ? "resyncRequired" : "SyncStateNotFound",
            message);
}

static bool alive(const struct round *round, bool middle)
{
    struct ms_settings *settings = &ms_state()->settings;

    if (middle && settings->delta_expire_mid > 0) {
        settings->delta_expire_mid--;
        return false;
    }
    return round->number > settings->delta_died &&
           world_now() - round->born <= settings->delta_horizon;
}

/* -- what is in a round ----------------------------------------------------------------------- */

static void take(struct round *round, struct ms_message *message)
{
    round->list = mem_grow(round->list, round->count + 2, sizeof(struct ms_message *));
    round->list[round->count++] = message;
    if (ms_state()->settings.delta_duplicates)
        round->list[round->count++] = message;
}

static bool visible(const struct round *round, const struct ms_message *message)
{
    return !message->gone && !message->hidden && message->folder == round->folder;
}

/* How many of the account's changes delta knows of by now. */
static size_t changes_known(const struct ms_account *account)
{
    size_t count = account->change_count;

    while (count > 0 &&
           account->changes[count - 1].at > world_now() - ms_state()->settings.delta_lag)
        count--;
    return count;
}

/* All there is in the folder; of those since a moment, the newest 5,000. */
static void walk(struct round *round, bool newest_first)
{
    struct ms_account *account = round->account;

    round->next = changes_known(account);
    for (size_t i = account->message_count; i > 0; i--) {
        struct ms_message *message = account->all[i - 1];

        if (visible(round, message) && message->received >= round->since &&
            (round->since == INT64_MIN || round->count < FILTERED_MOST))
            take(round, message);
    }
    for (size_t i = 0; !newest_first && i < round->count / 2; i++) {
        struct ms_message *other = round->list[i];

        round->list[i] = round->list[round->count - 1 - i];
        round->list[round->count - 1 - i] = other;
    }
}

static bool taken(const struct round *round, const struct ms_message *message)
{
    for (size_t i = round->count; i > 0; i--)
        if (round->list[i - 1] == message)
            return true;
    return false;
}

static bool type_wanted(const struct round *round, const struct ms_change *change)
{
    if (!round->types)
        return true;
    if (!visible(round, change->message))
        return strcmp(round->types, "deleted") == 0;
    return strcmp(round->types, change->created ? "created" : "updated") == 0;
}

static void changes_take(struct round *round, size_t from)
{
    struct ms_account *account = round->account;
    size_t known = changes_known(account);

    round->next = known > from ? known : from;
    if (ms_state()->settings.delta_replays)
        from = from > REPLAYED ? from - REPLAYED : 0;
    for (size_t i = from; i < known; i++) {
        const struct ms_change *change = &account->changes[i];

        if (change->folder == round->folder && change->message->received >= round->since &&
            type_wanted(round, change) && !taken(round, change->message))
            take(round, change->message);
    }
}

/* -- a page ----------------------------------------------------------------------------------- */

static struct json_object *removed_json(const struct ms_call *call,
                                        const struct ms_message *message)
{
    struct json_object *object = json_object_new_object(), *why = json_object_new_object();

    sbx_json_put(why, "reason", message->gone ? "deleted" : "changed");
    json_object_object_add(object, "@removed", why);
    sbx_json_put(object, "id", ms_message_id(message, call->immutable));
    return object;
}

static void link_add(const struct ms_call *call, struct json_object *object, const char *name,
                     const char *parameter, char *token)
{
    auto_free char *path = mem_printf("%s?$%s=%s", call->request->path, parameter, token);
    auto_free char *link = ms_link(call, path);

    sbx_json_put(object, name, link);
    free(token);
}

/* With the trap of empty pages, each second page has nothing in it. */
static void page_answer(struct ms_call *call, struct round *round, size_t page)
{
    bool traps = ms_state()->settings.delta_empty_pages;
    size_t real = traps ? page / 2 : page, from = real * round->size;
    size_t to = traps && page % 2 == 0 ? from : from + round->size;
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();
    struct ms_select select = {.all = round->select == NULL};

    if (round->select && !ms_select_named(call, round->select, &select)) {
        json_object_put(object);
        json_object_put(list);
        return;
    }
    ms_context(call, object, "messages");
    for (size_t i = from; i < to && i < round->count; i++) {
        struct ms_message *message = round->list[i];

        json_object_array_add(list, visible(round, message)
                                        ? ms_message_json(call, message, &select)
                                        : removed_json(call, message));
    }
    json_object_object_add(object, "value", list);
    if (to < round->count || (traps && page % 2 == 0))
        link_add(call, object, "@odata.nextLink", "skiptoken",
                 mem_printf("S%s-%zu", round->key, page + 1));
    else
        link_add(call, object, "@odata.deltaLink", "deltatoken", mem_printf("D%s", round->key));
    ms_select_finish(&select);
    ms_ok(call, 200, object);
}

/* -- the call --------------------------------------------------------------------------------- */

/* Only "receivedDateTime ge ..." or "gt ...". */
static bool since_read(struct ms_call *call, int64_t *since_r)
{
    auto_free char *text = ms_parameter(call, "$filter");
    const char *at = text;

    if (!text)
        return true;
    if (text_starts(at, "receivedDateTime ge ") || text_starts(at, "receivedDateTime gt ")) {
        bool beyond = at[18] == 't';

        if (ms_moment_read(at + strlen("receivedDateTime ge "), since_r)) {
            *since_r += beyond ? 1000 : 0;
            return true;
        }
    }
    ms_fail(call->response, 400, "ErrorInvalidUrlQueryFilter",
            "Delta takes the filters receivedDateTime ge and receivedDateTime gt only.");
    return false;
}

static void begin(struct ms_call *call)
{
    struct ms_folder *folder = ms_folder_get(call->account, call->ids[0]);
    auto_free char *order = ms_parameter(call, "$orderby"), *search = ms_parameter(call, "$search");
    int64_t since = INT64_MIN, top = 0;
    auto_free char *top_text = ms_parameter(call, "$top");
    struct round *round;

    if (!folder) {
        ms_not_found(call);
        return;
    }
    if (search || (order && strcmp(order, "receivedDateTime desc") != 0)) {
        ms_fail(call->response, 400, "ErrorInvalidUrlQuery",
                "Delta has no $search, and $orderby=receivedDateTime desc only.");
        return;
    }
    if (!since_read(call, &since))
        return;
    round = round_new(call, NULL, folder);
    round->since = since;
    if (top_text && text_i64(top_text, &top) && top > 0 && top <= 1000)
        round->size = (size_t)top;
    walk(round, order != NULL);
    page_answer(call, round, 0);
}

static struct round *round_of(struct ms_call *call, const char *text, bool middle, size_t *page_r)
{
    auto_free char *key = mem_str(*text ? text + 1 : "");
    char *dash = strchr(key, '-');
    struct round *round;
    uint64_t page = 0;

    if (dash)
        *dash = '\0';
    round = map_get_str(&rounds, key);
    if (!round || round->account != call->account || *text != (middle ? 'S' : 'D') ||
        (middle && (!dash || !text_u64(dash + 1, &page)))) {
        ms_fail(call->response, 400, "BadRequest", "Badly formed token.");
        return NULL;
    }
    if (!alive(round, middle)) {
        gone(call);
        return NULL;
    }
    *page_r = (size_t)page;
    return round;
}

void ms_delta(struct ms_call *call)
{
    auto_free char *skip = ms_parameter(call, "$skiptoken");
    auto_free char *delta = ms_parameter(call, "$deltatoken");
    struct round *round, *before;
    size_t page = 0;

    if (!skip && !delta) {
        begin(call);
        return;
    }
    before = round_of(call, skip ? skip : delta, skip != NULL, &page);
    if (!before)
        return;
    if (skip) {
        page_answer(call, before, page);
        return;
    }
    round = round_new(call, before, before->folder);
    if (call->page_size <= 0)
        round->size = before->size;
    changes_take(round, before->next);
    page_answer(call, round, 0);
}
