/* control/api_status.c: /v1/status, /v1/audit, /v1/reload, /metrics, and the description of it all.
 */
#include "base/json.h"
#include "base/mem.h"
#include "control/internal.h"
#include "control/metrics.h"
#include "control/openapi.h"
#include "engine/engine.h"
#include "mailbox/mailbox.h"
#include "provider/provider.h"
#include "store/store.h"

#include <string.h>
#include <unistd.h>

enum { BODY_MAX = 4 * 1024 };

static void count_up(struct json_object *json, const char *key)
{
    struct json_object *before;
    int64_t count =
        json_object_object_get_ex(json, key, &before) ? json_object_get_int64(before) : 0;

    json_number(json, key, count + 1);
}

static struct json_object *mailboxes_by_status(struct store_txn *txn)
{
    struct json_object *json = json_map();
    uint64_t after = 0;

    for (size_t i = 0; i < LIST_LOOK; i++) {
        auto_record(mailbox) mailbox = {0};

        if (store_mailbox_next(txn, after, &mailbox) < 0)
            break;
        after = mailbox.id;
        count_up(json, mailbox_status_name(mailbox.status));
    }
    return json;
}

static struct json_object *campaigns_by_status(struct store_txn *txn)
{
    struct json_object *json = json_map();
    uint64_t after = 0;

    for (size_t i = 0; i < LIST_LOOK; i++) {
        auto_record(campaign) campaign = {0};

        if (store_campaign_next(txn, after, &campaign) < 0)
            break;
        after = campaign.id;
        if (campaign.status != CAMPAIGN_REMOVED)
            count_up(json, word_campaign(campaign.status));
    }
    return json;
}

static struct json_object *provider_names(struct provider_set *set)
{
    struct json_object *list = json_list();
    const char *name;

    for (size_t i = 0; (name = provider_name_at(set, i)); i++)
        json_add(list, json_string(name));
    return list;
}

static void status(struct exchange *exchange)
{
    const struct control_options *options = &exchange->control->options;
    auto_read struct store_txn *txn = NULL;
    auto_buf struct buf text = {0};
    struct json_object *json;
    int r = engine_status_json(options->engine, &text);

    json = r < 0 ? NULL : json_of(&text);
    if (!json || store_read(options->store, &txn) < 0) {
        exchange_fail(exchange, r < 0 ? r : -5, "the status can't be had", NULL, NULL);
        json_object_put(json);
        return;
    }
    json_number(json, "pid", getpid());
    json_text(json, "base_url", options->base_url);
    json_put(json, "mailboxes", mailboxes_by_status(txn));
    json_put(json, "campaigns", campaigns_by_status(txn));
    json_put(json, "providers", provider_names(options->providers));
    exchange_give_json(exchange, 200, json);
}

static void audit(struct exchange *exchange)
{
    auto_read struct store_txn *txn = NULL;
    struct json_object *list;
    uint64_t after;
    size_t limit, count = 0;

    if (!ask_page(exchange, &after, &limit))
        return;
    list = json_list();
    while (count < limit && (txn || store_read(exchange->control->options.store, &txn) == 0)) {
        auto_record(audit) line = {0};
        struct json_object *json;

        if (store_audit_next(txn, after, &line) < 0)
            break;
        after = line.id;
        count++;
        json = json_map();
        json_number(json, "id", (int64_t)line.id);
        json_time(json, "at", line.at);
        json_text(json, "verb", line.verb);
        json_text(json, "object", line.object);
        json_text(json, "detail", line.detail);
        json_add(list, json);
    }
    answer_list(exchange, "audit", list, count == limit ? after : 0);
}

static void reload(struct exchange *exchange)
{
    const struct control_options *options = &exchange->control->options;
    auto_buf struct buf error = {0};
    struct json_object *json;
    int r;

    if (!options->reload) {
        exchange_refuse(exchange, 501, "nothing was reloaded",
                        "this daemon can't reload its config", "restart it");
        return;
    }
    r = options->reload(options->reload_arg, &error);
    if (r < 0) {
        exchange_fail(exchange, r, "not everything was reloaded", buf_text(&error), NULL);
        return;
    }
    json = json_map();
    json_flag(json, "done", true);
    exchange_give_json(exchange, 200, json);
}

static void metrics(struct exchange *exchange)
{
    struct buf out = {0};

    metrics_write(exchange->control, &out);
    exchange_give(exchange, 200, &out);
    exchange->type = "text/plain; version=0.0.4; charset=utf-8";
}

static void openapi(struct exchange *exchange)
{
    struct buf out = {0};

    buf_add(&out, openapi_yaml, openapi_yaml_len);
    exchange_give(exchange, 200, &out);
    exchange->type = "application/yaml";
}

const struct route api_status_routes[] = {
    {.method = "GET", .path = "/v1/status", .act = status},
    {.method = "GET", .path = "/v1/audit", .act = audit},
    {.method = "POST", .path = "/v1/reload", .act = reload, .body = BODY_MAX},
    {.method = "GET", .path = "/metrics", .act = metrics},
    {.method = "GET", .path = "/openapi.yaml", .act = openapi},
    {NULL},
};
