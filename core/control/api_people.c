/* control/api_people.c: /v1/people, /v1/suppressions, /v1/explain, /v1/messages. */
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/internal.h"
#include "engine/engine.h"
#include "mail/address.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { BODY_MAX = 16 * 1024 };

/* -- one person --------------------------------------------------------------------------- */

static void unknown_person(struct exchange *exchange)
{
    auto_free char *why = mem_printf("nobody with the address %.200s is here", exchange->params[0]);

    exchange_refuse(exchange, 404, "that was not found", why,
                    "check how it is spelled; dots and plus tags count");
}

static void explain(struct exchange *exchange)
{
    struct buf out = {0};
    int r = engine_explain_json(exchange->control->options.engine, exchange->params[0], &out);

    if (r == -ENOENT || r == -EINVAL)
        unknown_person(exchange);
    else if (r < 0)
        exchange_fail(exchange, r, "that can't be explained", NULL, NULL);
    else
        exchange_give(exchange, 200, &out);
    buf_finish(&out);
}

static struct json_object *enrolment_json(struct store_txn *txn, uint64_t id)
{
    auto_record(enrolment) enrolment = {0};
    auto_record(campaign) campaign = {0};
    struct json_object *json, *fields;

    if (store_enrolment_get(txn, id, &enrolment) < 0)
        return NULL;
    store_campaign_get(txn, enrolment.campaign, &campaign);
    json = json_map();
    fields = json_map();
    json_number(json, "enrolment", (int64_t)id);
    json_text(json, "campaign", campaign.name);
    json_text(json, "status", word_enrolment(enrolment.status));
    json_number(json, "sent", enrolment.step);
    json_number(json, "steps", enrolment.steps);
    json_text(json, "why", enrolment.why);
    words_marks(json, "marks", enrolment.marks);
    for (size_t i = 0; i < enrolment.field_count; i++)
        json_text(fields, enrolment.fields[i].name, enrolment.fields[i].value);
    json_put(json, "fields", fields);
    return json;
}

static void show_person(struct exchange *exchange)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(person) person = {0};
    auto_record(suppression) suppression = {0};
    auto_buf struct buf key = {0};
    struct json_object *json, *list;
    uint64_t id;

    if (mail_address_key(exchange->params[0], &key) < 0 ||
        store_read(exchange->control->options.store, &txn) < 0 ||
        store_person_find(txn, buf_text(&key), &id) < 0 || store_person_get(txn, id, &person) < 0) {
        unknown_person(exchange);
        return;
    }
    json = json_map();
    list = json_list();
    json_text(json, "address", person.address);
    json_time(json, "created_at", person.created_at);
    json_time(json, "answered_at", person.answered_at);
    json_text(json, "answer", person.answered_at ? word_reply(person.answer_kind) : NULL);
    json_flag(json, "suppressed",
              store_suppression_find(txn, SUPPRESS_ADDRESS, buf_text(&key), &suppression) == 0 ||
                  store_suppression_find(txn, SUPPRESS_DOMAIN, mail_address_domain(buf_text(&key)),
                                         &suppression) == 0);
    json_text(json, "suppressed_why", suppression.why);
    for (size_t i = 0; i < person.enrolment_count && i < LIST_MAX; i++) {
        struct json_object *enrolment = enrolment_json(txn, person.enrolments[i]);

        if (enrolment)
            json_add(list, enrolment);
    }
    json_put(json, "campaigns", list);
    exchange_give_json(exchange, 200, json);
}

static void erase_person(struct exchange *exchange)
{
    ask_wait(exchange, "%.200s was not erased", exchange->params[0]);
    engine_erase(exchange->control->options.engine, exchange->params[0], answer_done, exchange);
}

/* -- suppressions ------------------------------------------------------------------------- */

static bool read_after(struct exchange *exchange, uint8_t at[16], const uint8_t **after_r)
{
    auto_free char *text = exchange_query(exchange, "after");
    auto_buf struct buf raw = {0};

    *after_r = NULL;
    if (!text || !*text)
        return true;
    if (!text_hex_decode(&raw, text, strlen(text)) || raw.len != 16) {
        exchange_refuse(exchange, 400, "the question was not understood",
                        "after must be what the last page gave as next", "begin without it");
        return false;
    }
    memcpy(at, raw.data, 16);
    *after_r = at;
    return true;
}

static void list_suppressions(struct exchange *exchange)
{
    auto_read struct store_txn *txn = NULL;
    struct json_object *list, *json;
    auto_buf struct buf next = {0};
    const uint8_t *after;
    uint8_t at[16];
    uint64_t limit;
    size_t count = 0;

    if (!read_after(exchange, at, &after) ||
        !exchange_number(exchange, "limit", LIST_DEFAULT, LIST_MAX, &limit))
        return;
    list = json_list();
    while (count < limit && (txn || store_read(exchange->control->options.store, &txn) == 0)) {
        auto_record(suppression) suppression = {0};
        auto_free char *what = NULL;
        struct json_object *one;

        if (store_suppression_next(txn, after, at, &suppression) < 0)
            break;
        after = at;
        count++;
        if (suppression.text)
            what = mem_printf("%s%s", suppression.kind == SUPPRESS_DOMAIN ? "@" : "",
                              suppression.text);
        one = json_map();
        json_text(one, "what", what); /* null: the person was erased */
        json_text(one, "why", suppression.why);
        json_time(one, "at", suppression.at);
        json_add(list, one);
    }
    if (count == limit)
        text_hex(&next, at, sizeof(at));
    json = json_map();
    json_put(json, "suppressions", list);
    json_text(json, "next", next.len ? buf_text(&next) : NULL);
    exchange_give_json(exchange, 200, json);
}

static void suppress(struct exchange *exchange)
{
    static const char *const known[] = {"what", "why", NULL};
    struct request request = {0};

    if (request_read(exchange, known, &request)) {
        const char *what = request_text(&request, "what", "write an address, or @domain");
        const char *why = request_text(&request, "why", NULL);

        if (request_good(exchange, &request)) {
            ask_wait(exchange, "%.200s was not suppressed", what);
            engine_suppress(exchange->control->options.engine, what, why, answer_done, exchange);
        }
    }
    request_finish(&request);
}

static void unsuppress(struct exchange *exchange)
{
    ask_wait(exchange, "%.200s is suppressed as before", exchange->params[0]);
    engine_unsuppress(exchange->control->options.engine, exchange->params[0], answer_done,
                      exchange);
}

/* -- messages that a person must settle --------------------------------------------------- */

static struct json_object *uncertain_json(struct store_txn *txn, const struct message *message)
{
    auto_record(campaign) campaign = {0};
    auto_record(mailbox) mailbox = {0};
    auto_free char *name =
        mem_printf("%llu.%u", (unsigned long long)message->enrolment, (unsigned)message->step + 1);
    struct json_object *json = json_map();

    store_campaign_get(txn, message->campaign, &campaign);
    store_mailbox_get(txn, message->mailbox, &mailbox);
    json_text(json, "message", name);
    json_text(json, "campaign", campaign.name);
    json_text(json, "mailbox", mailbox.address);
    json_text(json, "to", message->to);
    json_number(json, "step", message->step + 1);
    json_text(json, "state", word_message(message->state));
    json_text(json, "subject", message->subject);
    json_time(json, "minted_at", message->minted_at);
    json_text(json, "message_id", message->message_id);
    json_text(json, "detail", message->detail);
    return json;
}

struct place { /* how far a walk over the open messages came: mailbox.enrolment.step */
    uint64_t mailbox;
    struct message_ref ref;
};

static bool read_place(struct exchange *exchange, struct place *place)
{
    auto_free char *text = exchange_query(exchange, "after");
    unsigned long long mailbox, enrolment;
    unsigned step;
    char rest;

    *place = (struct place){0};
    if (!text || !*text)
        return true;
    if (sscanf(text, "%llu.%llu.%u%c", &mailbox, &enrolment, &step, &rest) == 3 &&
        step <= UINT16_MAX) {
        *place = (struct place){mailbox, {enrolment, (uint16_t)step}};
        return true;
    }
    exchange_refuse(exchange, 400, "the question was not understood",
                    "after must be what the last page gave as next", "begin without it");
    return false;
}

/* The next open message, mailbox after mailbox; false: there are no more. */
static bool next_open(struct store_txn *txn, struct place *place)
{
    for (;;) {
        auto_record(mailbox) mailbox = {0};

        if (place->mailbox && store_open_next(txn, place->mailbox, place->ref, &place->ref) == 0)
            return true;
        if (store_mailbox_next(txn, place->mailbox, &mailbox) < 0)
            return false;
        *place = (struct place){.mailbox = mailbox.id};
    }
}

static bool asks_uncertain(struct exchange *exchange)
{
    auto_free char *state = exchange_query(exchange, "state");

    if (state && strcmp(state, "uncertain") == 0)
        return true;
    exchange_refuse(exchange, 400, "the question was not understood",
                    "messages are listed by state, and only uncertain is kept apart",
                    "ask GET /v1/messages?state=uncertain, or GET /v1/explain/{address}");
    return false;
}

static void list_messages(struct exchange *exchange)
{
    auto_read struct store_txn *txn = NULL;
    struct json_object *list, *json;
    struct place place;
    uint64_t limit;
    size_t looked = 0;
    bool more = true;
    auto_free char *next = NULL;

    if (!asks_uncertain(exchange) || !read_place(exchange, &place) ||
        !exchange_number(exchange, "limit", LIST_DEFAULT, LIST_MAX, &limit))
        return;
    list = json_list();
    if (store_read(exchange->control->options.store, &txn) < 0)
        more = false;
    while (more && json_object_array_length(list) < limit && looked++ < LIST_LOOK) {
        auto_record(message) message = {0};

        more = next_open(txn, &place);
        if (more && store_message_get(txn, place.ref.enrolment, place.ref.step, &message) == 0 &&
            message.state == MESSAGE_UNCERTAIN)
            json_add(list, uncertain_json(txn, &message));
    }
    if (more)
        next = mem_printf("%llu.%llu.%u", (unsigned long long)place.mailbox,
                          (unsigned long long)place.ref.enrolment, (unsigned)place.ref.step);
    json = json_map();
    json_put(json, "messages", list);
    json_text(json, "next", next);
    exchange_give_json(exchange, 200, json);
}

static void settle(struct exchange *exchange)
{
    static const char *const known[] = {"sent", NULL};
    struct request request = {0};
    struct check at;
    unsigned long long enrolment;
    unsigned step;
    bool sent = false;
    char rest;

    if (sscanf(exchange->params[0], "%llu.%u%c", &enrolment, &step, &rest) != 2 || !step ||
        step > UINT16_MAX) {
        exchange_refuse(exchange, 404, "that was not found",
                        "a message is named by its enrolment and step, as in 17.2",
                        "see: postrider message uncertain");
        return;
    }
    if (request_read(exchange, known, &request)) {
        if (check_need(&request.root, "sent", "true: it was sent; false: it was not", &at))
            check_bool(&at, &sent);
        if (request_good(exchange, &request)) {
            ask_wait(exchange, "message %s was not settled", exchange->params[0]);
            engine_settle(exchange->control->options.engine, enrolment, (uint16_t)(step - 1), sent,
                          answer_done, exchange);
        }
    }
    request_finish(&request);
}

const struct route api_people_routes[] = {
    {.method = "GET", .path = "/v1/people/{address}", .act = show_person},
    {.method = "DELETE", .path = "/v1/people/{address}", .act = erase_person},
    {.method = "GET", .path = "/v1/suppressions", .act = list_suppressions},
    {.method = "POST", .path = "/v1/suppressions", .act = suppress, .body = BODY_MAX},
    {.method = "DELETE", .path = "/v1/suppressions/{what}", .act = unsuppress},
    {.method = "GET", .path = "/v1/explain/{address}", .act = explain},
    {.method = "GET", .path = "/v1/messages", .act = list_messages},
    {.method = "POST", .path = "/v1/messages/{message}/settle", .act = settle, .body = BODY_MAX},
    {NULL},
};
