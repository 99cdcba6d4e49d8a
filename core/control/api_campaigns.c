/* control/api_campaigns.c: /v1/campaigns: create, edit, start, pause, remove, preview, people. */
#include "base/json.h"
#include "base/mem.h"
#include "control/internal.h"
#include "engine/engine.h"
#include "store/store.h"

#include <errno.h>
#include <string.h>

enum { PREVIEW_DEFAULT = 50 };

static void give_campaign(struct exchange *exchange, unsigned status, uint64_t id)
{
    struct buf out = {0};
    int r = engine_campaign_json(exchange->control->options.engine, id, &out);

    if (r < 0)
        exchange_fail(exchange, r, "the campaign can't be shown", NULL, NULL);
    else
        exchange_give(exchange, status, &out);
    buf_finish(&out);
}

/* Ids of campaigns that are not removed, at most `limit` of them. */
static size_t campaign_ids(struct store *store, uint64_t *after, size_t limit, uint64_t *ids)
{
    auto_read struct store_txn *txn = NULL;
    size_t count = 0;

    if (store_read(store, &txn) < 0)
        return 0;
    while (count < limit) {
        auto_record(campaign) campaign = {0};

        if (store_campaign_next(txn, *after, &campaign) < 0)
            break;
        *after = campaign.id;
        if (campaign.status != CAMPAIGN_REMOVED)
            ids[count++] = campaign.id;
    }
    return count;
}

static void list_campaigns(struct exchange *exchange)
{
    struct json_object *list;
    uint64_t after, *ids;
    size_t limit, count;

    if (!ask_page(exchange, &after, &limit))
        return;
    ids = mem_array(limit, sizeof(*ids));
    count = campaign_ids(exchange->control->options.store, &after, limit, ids);
    list = json_list();
    for (size_t i = 0; i < count; i++) {
        auto_buf struct buf text = {0};

        if (engine_campaign_json(exchange->control->options.engine, ids[i], &text) == 0)
            json_add(list, json_of(&text));
    }
    free(ids);
    answer_list(exchange, "campaigns", list, count == limit ? after : 0);
}

static void show_campaign(struct exchange *exchange)
{
    uint64_t id;

    if (ask_campaign(exchange, &id))
        give_campaign(exchange, 200, id);
}

/* -- verbs ------------------------------------------------------------------------------------- */

static void on_created(void *arg, int status, uint64_t id, const char *text)
{
    if (answer_good(arg, status, text))
        give_campaign(arg, 201, id);
}

static void on_changed(void *arg, int status, uint64_t id, const char *text)
{
    if (answer_good(arg, status, text))
        give_campaign(arg, 200, id);
}

/* The name that stands in mistakes: what ?file= says, but never a path. */
static char *file_name(const struct exchange *exchange)
{
    auto_free char *file = exchange_query(exchange, "file");
    const char *slash = file ? strrchr(file, '/') : NULL;

    return mem_str(slash ? slash + 1 : file && *file ? file : "request");
}

static void create_campaign(struct exchange *exchange)
{
    auto_free char *file = file_name(exchange);

    ask_wait(exchange, "the campaign was not created");
    engine_campaign_create(exchange->control->options.engine, file, buf_bytes(&exchange->body),
                           on_created, exchange);
}

static void edit_campaign(struct exchange *exchange)
{
    auto_free char *file = file_name(exchange);
    uint64_t id;

    if (!ask_campaign(exchange, &id))
        return;
    ask_wait(exchange, "%s was not changed", exchange->params[0]);
    engine_campaign_edit(exchange->control->options.engine, id, file, buf_bytes(&exchange->body),
                         on_changed, exchange);
}

static void start_campaign(struct exchange *exchange)
{
    uint64_t id;

    if (!ask_campaign(exchange, &id))
        return;
    ask_wait(exchange, "%s was not started", exchange->params[0]);
    engine_campaign_start(exchange->control->options.engine, id, on_changed, exchange);
}

static void pause_campaign(struct exchange *exchange)
{
    uint64_t id;

    if (!ask_campaign(exchange, &id))
        return;
    ask_wait(exchange, "%s was not paused", exchange->params[0]);
    engine_campaign_pause(exchange->control->options.engine, id, on_changed, exchange);
}

static void remove_campaign(struct exchange *exchange)
{
    uint64_t id;

    if (!ask_campaign(exchange, &id))
        return;
    ask_wait(exchange, "%s was not removed", exchange->params[0]);
    engine_campaign_remove(exchange->control->options.engine, id, answer_done, exchange);
}

static void preview(struct exchange *exchange)
{
    struct buf out = {0};
    auto_buf struct buf error = {0};
    uint64_t id, after, limit;
    int r;

    if (!ask_campaign(exchange, &id) || !exchange_number(exchange, "after", 0, INT64_MAX, &after) ||
        !exchange_number(exchange, "limit", PREVIEW_DEFAULT, LIST_MAX, &limit))
        return;
    r = engine_preview_json(exchange->control->options.engine, id, after, (size_t)limit, &out,
                            &error);
    if (r < 0)
        exchange_fail(exchange, r, "there is no preview", buf_text(&error), NULL);
    else
        exchange_give(exchange, 200, &out);
    buf_finish(&out);
}

/* -- people, streamed --------------------------------------------------------------------- */

static void on_drained(void *arg)
{
    listener_resume(arg);
}

static void feed_people(struct exchange *exchange, const void *data, size_t len, bool *full_r)
{
    engine_import_feed(exchange->import, data, len, full_r);
}

/* What came before stays imported; the same file can be sent again. */
static void drop_people(struct exchange *exchange)
{
    if (exchange->import)
        engine_import_abort(exchange->import);
    exchange->import = NULL;
}

static void begin_people(struct exchange *exchange)
{
    auto_buf struct buf error = {0};
    uint64_t id;
    int r;

    if (!ask_campaign(exchange, &id))
        return;
    r = engine_import_new(exchange->control->options.engine, id, on_drained, exchange,
                          &exchange->import, &error);
    if (r < 0) {
        exchange_fail(exchange, r, "nobody was imported", buf_text(&error), NULL);
        return;
    }
    exchange->feed = feed_people;
    exchange->drop = drop_people;
}

static void on_imported(void *arg, int status, uint64_t id, const char *text)
{
    struct exchange *exchange = arg;
    struct buf out = {0};

    (void)id;
    buf_add_str(&out, text);
    if (answer_good(exchange, status, text))
        exchange_give(exchange, 200, &out);
    buf_finish(&out);
}

static void end_people(struct exchange *exchange)
{
    struct engine_import *import = exchange->import;

    exchange->import = NULL;
    ask_wait(exchange, "nobody was imported");
    engine_import_finish(import, on_imported, exchange);
}

static struct json_object *person_json(struct store_txn *txn, const struct enrolment *enrolment)
{
    auto_record(person) person = {0};
    auto_record(mailbox) mailbox = {0};
    struct json_object *json = json_map();

    store_person_get(txn, enrolment->person, &person);
    store_mailbox_get(txn, enrolment->mailbox, &mailbox);
    json_number(json, "enrolment", (int64_t)enrolment->id);
    json_text(json, "address", person.address); /* null: erased */
    json_text(json, "mailbox", mailbox.address);
    json_text(json, "status", word_enrolment(enrolment->status));
    json_number(json, "sent", enrolment->step);
    json_number(json, "steps", enrolment->steps);
    json_time(json, "due_at", enrolment->status == ENROLMENT_ACTIVE ? enrolment->due : 0);
    json_time(json, "last_sent_at", enrolment->last_sent_at);
    json_text(json, "rule", enrolment->rule);
    json_text(json, "why", enrolment->why);
    words_marks(json, "marks", enrolment->marks);
    return json;
}

static void list_people(struct exchange *exchange)
{
    auto_read struct store_txn *txn = NULL;
    struct json_object *list;
    uint64_t id, after;
    size_t limit, count = 0;

    if (!ask_campaign(exchange, &id) || !ask_page(exchange, &after, &limit))
        return;
    list = json_list();
    while (count < limit && (txn || store_read(exchange->control->options.store, &txn) == 0)) {
        auto_record(enrolment) enrolment = {0};

        if (store_enrolment_next(txn, id, after, &enrolment) < 0)
            break;
        after = enrolment.id;
        json_add(list, person_json(txn, &enrolment));
        count++;
    }
    answer_list(exchange, "people", list, count == limit ? after : 0);
}

const struct route api_campaign_routes[] = {
    {.method = "GET", .path = "/v1/campaigns", .act = list_campaigns},
    {.method = "POST", .path = "/v1/campaigns", .act = create_campaign, .body = TREE_SIZE_MAX},
    {.method = "GET", .path = "/v1/campaigns/{campaign}", .act = show_campaign},
    {.method = "PUT",
     .path = "/v1/campaigns/{campaign}",
     .act = edit_campaign,
     .body = TREE_SIZE_MAX},
    {.method = "DELETE", .path = "/v1/campaigns/{campaign}", .act = remove_campaign},
    {.method = "GET", .path = "/v1/campaigns/{campaign}/people", .act = list_people},
    {.method = "POST",
     .path = "/v1/campaigns/{campaign}/people",
     .act = end_people,
     .begin = begin_people},
    {.method = "POST", .path = "/v1/campaigns/{campaign}/start", .act = start_campaign},
    {.method = "POST", .path = "/v1/campaigns/{campaign}/pause", .act = pause_campaign},
    {.method = "GET", .path = "/v1/campaigns/{campaign}/preview", .act = preview},
    {NULL},
};
