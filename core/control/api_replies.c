/* control/api_replies.c: /v1/replies: who answered, and on what evidence we say so. */
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/internal.h"
#include "engine/engine.h"
#include "match/match.h"
#include "store/store.h"

#include <errno.h>
#include <string.h>

enum { BODY_MAX = 4 * 1024 };

static void add_evidence(struct json_object *to, const struct reply *reply)
{
    struct json_object *list = json_list();

    for (size_t i = 0; i < reply->evidence_count; i++) {
        struct json_object *one = json_map();

        json_text(one, "kind", match_evidence_name((enum match_evidence)reply->evidence[i].kind));
        json_text(one, "text", reply->evidence[i].text);
        json_add(list, one);
    }
    json_put(to, "evidence", list);
}

static struct json_object *reply_json(struct store_txn *txn, const struct reply *reply)
{
    auto_record(campaign) campaign = {0};
    auto_record(mailbox) mailbox = {0};
    auto_record(person) person = {0};
    struct json_object *json = json_map();

    store_campaign_get(txn, reply->campaign, &campaign);
    store_mailbox_get(txn, reply->mailbox, &mailbox);
    store_person_get(txn, reply->person, &person);
    json_number(json, "id", (int64_t)reply->id);
    json_text(json, "kind", word_reply(reply->kind));
    json_text(json, "campaign", campaign.name);
    json_text(json, "mailbox", mailbox.address);
    json_text(json, "person", person.address); /* null: erased */
    json_number(json, "step", reply->step + 1);
    json_time(json, "received_at", reply->received_at);
    json_time(json, "returns_at", reply->returns_at);
    json_text(json, "from", reply->from);
    json_text(json, "subject", reply->subject);
    json_text(json, "why", reply->why);
    json_text(json, "message_id", reply->message_id);
    json_flag(json, "other_address", reply->other_address);
    json_flag(json, "interested", reply->interested);
    add_evidence(json, reply);
    return json;
}

/* 0: of any campaign. */
static bool asked_campaign(struct exchange *exchange, uint64_t *campaign_r)
{
    auto_free char *name = exchange_query(exchange, "campaign");
    char *before = exchange->params[0];
    bool found;

    *campaign_r = 0;
    if (!name || !*name)
        return true;
    exchange->params[0] = name;
    found = ask_campaign(exchange, campaign_r);
    exchange->params[0] = before;
    return found;
}

static void list_replies(struct exchange *exchange)
{
    auto_read struct store_txn *txn = NULL;
    struct json_object *list;
    uint64_t campaign, after;
    size_t limit, looked = 0;
    bool more = true;

    if (!asked_campaign(exchange, &campaign) || !ask_page(exchange, &after, &limit))
        return;
    list = json_list();
    if (store_read(exchange->control->options.store, &txn) < 0)
        more = false;
    while (more && json_object_array_length(list) < limit && looked++ < LIST_LOOK) {
        auto_record(reply) reply = {0};

        more = store_reply_next(txn, after, &reply) == 0;
        if (!more)
            break;
        after = reply.id;
        if (!campaign || reply.campaign == campaign)
            json_add(list, reply_json(txn, &reply));
    }
    answer_list(exchange, "replies", list, more ? after : 0);
}

static void give_reply(struct exchange *exchange, uint64_t id)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(reply) reply = {0};
    int r = store_read(exchange->control->options.store, &txn);

    if (r == 0)
        r = store_reply_get(txn, id, &reply);
    if (r < 0)
        exchange_fail(exchange, r, "that was not found", "there is no such reply",
                      "see: postrider reply list");
    else
        exchange_give_json(exchange, 200, reply_json(txn, &reply));
}

static void show_reply(struct exchange *exchange)
{
    uint64_t id;

    if (ask_id(exchange, &id))
        give_reply(exchange, id);
}

static void on_marked(void *arg, int status, uint64_t id, const char *text)
{
    if (answer_good(arg, status, text))
        give_reply(arg, id);
}

static void mark_reply(struct exchange *exchange)
{
    static const char *const known[] = {"interested", NULL};
    struct request request = {0};
    struct check at;
    bool interested = true;
    uint64_t id;

    if (!ask_id(exchange, &id))
        return;
    if (request_read(exchange, known, &request)) {
        if (check_need(&request.root, "interested", "true or false", &at))
            check_bool(&at, &interested);
        if (request_good(exchange, &request)) {
            ask_wait(exchange, "reply %s was not marked", exchange->params[0]);
            engine_reply_mark(exchange->control->options.engine, id, interested, on_marked,
                              exchange);
        }
    }
    request_finish(&request);
}

const struct route api_reply_routes[] = {
    {.method = "GET", .path = "/v1/replies", .act = list_replies},
    {.method = "GET", .path = "/v1/replies/{reply}", .act = show_reply},
    {.method = "POST", .path = "/v1/replies/{reply}/mark", .act = mark_reply, .body = BODY_MAX},
    {NULL},
};
