/* engine/json.c: what the engine knows, as JSON for the API, the CLI and the pages. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "campaign/simulate.h"
#include "config/daemon.h"
#include "engine/internal.h"
#include "mail/address.h"
#include "mailbox/mailbox.h"
#include "match/match.h"

#include <errno.h>
#include <string.h>

static void add_list(struct json_object *to, const char *key, char **list)
{
    struct json_object *array = list ? json_list() : NULL;

    for (size_t i = 0; list && list[i]; i++)
        json_add(array, json_string(list[i]));
    json_put(to, key, array);
}

static int give(struct json_object *json, struct buf *out)
{
    json_write(json, out);
    json_object_put(json);
    return 0;
}

static const char *word(const char *const *words, size_t count, int32_t value)
{
    return value >= 0 && (size_t)value < count && words[value] ? words[value] : "unknown";
}
#define WORD(words, value) word(words, ARRAY_LEN(words), value)

static const char *const campaign_words[] = {NULL,     "draft",   "running",
                                             "paused", "removed", "starting"};
static const char *const enrolment_words[] = {NULL,      "active", "done",
                                              "stopped", "failed", "uncertain"};
static const char *const message_words[] = {NULL,   "planned", "intended",  "staged",
                                            "sent", "failed",  "uncertain", "stopped"};
static const char *const grade_words[] = {NULL, "fenced", "observed", "at most once", "observed"};
static const char *const reply_words[] = {
    NULL,          "reply",          "auto-reply",  "out-of-office", "bounce-hard",
    "bounce-soft", "bounce-unknown", "unsubscribe", "complaint"};
static const char *const access_words[] = {NULL, "send", "headers", "full"};

/* -- campaigns
 * -------------------------------------------------------------------------------------- */

static struct json_object *metrics(const struct campaign_counts *counts)
{
    struct json_object *json = json_map();
    const struct {
        const char *key;
        int64_t value;
    } all[] = {
        {"people", counts->people},
        {"messages", counts->messages},
        {"planned", counts->planned},
        {"in_flight", counts->intended},
        {"sent", counts->sent},
        {"stopped", counts->stopped},
        {"failed", counts->failed},
        {"uncertain", counts->uncertain},
        {"answered", counts->answered},
        {"auto_replied", counts->auto_replied},
        {"bounced", counts->bounced},
        {"bounced_hard", counts->bounced_hard},
        {"bounced_soft", counts->bounced_soft},
        {"bounced_unknown", counts->bounced_unknown},
        {"unsubscribed", counts->unsubscribed},
        {"complained", counts->complained},
        {"interested", counts->interested},
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        json_number(json, all[i].key, all[i].value);
    return json;
}

static void add_senders(struct json_object *json, struct store_txn *txn,
                        const struct campaign *campaign)
{
    struct json_object *list = json_list();

    for (size_t i = 0; i < campaign->mailbox_count; i++) {
        auto_record(mailbox) mailbox = {0};

        if (store_mailbox_get(txn, campaign->mailboxes[i], &mailbox) == 0)
            json_add(list, json_string(mailbox.address));
    }
    json_put(json, "mailboxes", list);
}

int engine_campaign_json(struct engine *engine, uint64_t id, struct buf *out)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(campaign) campaign = {0};
    auto_record(campaign_counts) counts = {0};
    struct json_object *json;
    int r = store_read(engine->options.store, &txn);

    if (r == 0)
        r = store_campaign_get(txn, id, &campaign);
    if (r < 0)
        return r;
    store_counts_get(txn, id, &counts);
    json = json_map();
    json_number(json, "id", (int64_t)id);
    json_text(json, "name", campaign.name);
    json_text(json, "status", WORD(campaign_words, campaign.status));
    json_number(json, "revision", campaign.revision);
    json_time(json, "created_at", campaign.created_at);
    json_time(json, "started_at", campaign.started_at);
    json_number(json, "steps", counts.steps);
    add_senders(json, txn, &campaign);
    json_put(json, "metrics", metrics(&counts));
    return give(json, out);
}

/* -- mailboxes
 * -------------------------------------------------------------------------------------- */

static struct json_object *abilities(uint32_t can)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {
        {RIDER_CAN_SEND, "send"}, {RIDER_CAN_LIST, "list"},     {RIDER_CAN_LABEL, "label"},
        {RIDER_CAN_READ, "read"}, {RIDER_CAN_STAGE, "stage"},   {RIDER_CAN_FIND, "find"},
        {RIDER_CAN_FILE, "file"}, {RIDER_CAN_THREAD, "thread"}, {RIDER_CAN_REPORT, "report"},
        {RIDER_CAN_LOOK, "look"}, {RIDER_CAN_FENCE, "fence"},
    };
    struct json_object *list = json_list();

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (can & names[i].bit)
            json_add(list, json_string(names[i].name));
    return list;
}

static const char *grade(const struct mailbox *mailbox, uint32_t can)
{
    return grade_words[grade_by(can, mailbox->promise == PROMISE_FAST)];
}

/* The mailbox's own; takes the list. */
static void add_settings(struct json_object *json, char **settings)
{
    struct json_object *map = json_map();

    for (size_t i = 0; settings && settings[i] && settings[i + 1]; i += 2)
        json_text(map, settings[i], settings[i + 1]);
    mem_strv_free(settings);
    json_put(json, "settings", map);
}

/* How labels come about there, as of the last one; NULL: none was set yet, or not open. */
static const char *labels_word(const struct box *box, uint32_t can)
{
    static const char *const words[] = {NULL, "labels", "folders", "none"};

    if (can && !(can & RIDER_CAN_LABEL))
        return "none";
    return box && box->labelled > 0 && (size_t)box->labelled < ARRAY_LEN(words)
               ? words[box->labelled]
               : NULL;
}

static const char *news_word(const struct box *box, uint32_t can)
{
    if (!(can & RIDER_CAN_LIST))
        return NULL;
    return box->push.watch.stands ? "push" : "poll";
}

int engine_mailbox_json(struct engine *engine, uint64_t id, struct buf *out)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(mailbox) mailbox = {0};
    auto_record(mailbox_pulse) pulse = {0};
    auto_free char *admin_link = NULL;
    struct box *box = box_of(engine, id);
    uint32_t can = box && box->session ? provider_session_can(box->session) : 0;
    struct json_object *json;
    int r = store_read(engine->options.store, &txn);

    if (r == 0)
        r = store_mailbox_get(txn, id, &mailbox);
    if (r < 0)
        return r;
    store_pulse_get(txn, id, &pulse);
    json = json_map();
    json_number(json, "id", (int64_t)id);
    json_text(json, "address", mailbox.address);
    json_text(json, "provider", mailbox.provider);
    json_text(json, "sign_in",
              mailbox_by_secret(engine->options.mailboxes, mailbox.provider) ? "secret" : "oauth");
    add_settings(json, mailbox_settings(engine->options.mailboxes, id));
    json_text(json, "status", mailbox_status_name(mailbox.status));
    json_text(json, "why", mailbox.why);
    if (mailbox.status == MAILBOX_WAITING)
        admin_link =
            mailbox_admin_link(engine->options.mailboxes, mailbox.provider, mailbox.access, id);
    json_text(json, "admin_link", admin_link);
    json_text(json, "access", WORD(access_words, mailbox.access));
    json_text(json, "promise", mailbox.promise == PROMISE_FAST ? "fast" : "strict");
    json_text(json, "grade", can ? grade(&mailbox, can) : NULL);
    json_put(json, "can", abilities(can));
    json_text(json, "labels", labels_word(box, can));
    json_text(json, "news", news_word(box, can));
    add_list(json, "granted", mailbox.granted);
    json_text(json, "name", mailbox.name);
    add_list(json, "aliases", mailbox.aliases);
    json_text(json, "zone", mailbox.zone);
    json_time(json, "connected_at", mailbox.connected_at);
    json_time(json, "listed_at", pulse.listed_at);
    json_time(json, "last_sent_at", pulse.last_sent_at);
    json_number(json, "sent_today",
                pulse.day == brain_day(&engine->reader, mailbox.zone, clock_wall())
                    ? (int64_t)pulse.sent_today
                    : 0);
    json_time(json, "held_until", box && box->hold_send > clock_wall() ? box->hold_send : 0);
    json_number(json, "in_flight", box ? (int64_t)box->sending : 0);
    return give(json, out);
}

/* -- explain
 * ------------------------------------------------------------------------------------------ */

static struct json_object *message_json(const struct message *message)
{
    struct json_object *json = json_map();

    json_number(json, "step", message->step + 1);
    json_text(json, "state", WORD(message_words, message->state));
    json_text(json, "grade", WORD(grade_words, message->grade));
    json_number(json, "attempts", message->attempt);
    json_text(json, "subject", message->subject);
    json_time(json, "minted_at", message->minted_at);
    json_time(json, "sent_at", message->sent_at);
    json_text(json, "message_id", message->final_id ? message->final_id : message->message_id);
    json_text(json, "our_message_id", message->message_id);
    json_text(json, "provider_id", message->provider_id);
    json_text(json, "thread_id", message->thread_id);
    json_text(json, "detail", message->detail);
    return json;
}

static struct json_object *reply_json(const struct reply *reply)
{
    struct json_object *json = json_map(), *list = json_list();

    json_number(json, "id", (int64_t)reply->id);
    json_text(json, "kind", WORD(reply_words, reply->kind));
    json_number(json, "step", reply->step + 1);
    json_time(json, "received_at", reply->received_at);
    json_time(json, "recorded_at", reply->recorded_at);
    json_time(json, "returns_at", reply->returns_at);
    json_text(json, "from", reply->from);
    json_text(json, "subject", reply->subject);
    json_text(json, "why", reply->why);
    json_flag(json, "other_address", reply->other_address);
    json_flag(json, "interested", reply->interested);
    for (size_t i = 0; i < reply->evidence_count; i++) {
        struct json_object *evidence = json_map();

        json_text(evidence, "kind",
                  match_evidence_name((enum match_evidence)reply->evidence[i].kind));
        json_text(evidence, "text", reply->evidence[i].text);
        json_add(list, evidence);
    }
    json_put(json, "evidence", list);
    return json;
}

static void add_messages(struct json_object *json, struct store_txn *txn,
                         const struct enrolment *enrolment)
{
    struct json_object *list = json_list();

    for (uint16_t step = 0; step < enrolment->steps; step++) {
        auto_record(message) message = {0};

        if (store_message_get(txn, enrolment->id, step, &message) == 0)
            json_add(list, message_json(&message));
    }
    json_put(json, "messages", list);
}

static void add_replies(struct json_object *json, struct store_txn *txn, uint64_t enrolment)
{
    struct json_object *list = json_list();
    uint64_t after = 0;

    for (;;) {
        auto_record(reply) reply = {0};

        if (store_reply_next_of(txn, enrolment, after, &reply) < 0)
            break;
        after = reply.id;
        json_add(list, reply_json(&reply));
    }
    json_put(json, "replies", list);
}

/* Nothing in the campaign holds it: then it is being sent, or its mailbox can't be worked. */
static void add_ready(struct json_object *json, struct engine *engine,
                      const struct decide_facts *facts)
{
    struct box *box = box_of(engine, facts->mailbox.id);
    const char *rule = facts->enrolment.rule, *why = facts->enrolment.why;
    auto_free char *text = NULL;
    int64_t until = 0;

    if (!box || !box->session) {
        rule = "mailbox";
        text = mem_printf("%s can't be worked: see the daemon's log", facts->mailbox.address);
    } else if (box->hold_list > clock_wall() || box->list_failures) {
        rule = "held";
        until = box->hold_list > clock_wall() ? box->hold_list : 0;
        text = mem_printf("answers in %s must be looked for first, and that is held up: %s",
                          facts->mailbox.address,
                          facts->pulse.hold_why ? facts->pulse.hold_why : "see the daemon's log");
    } else if (store_free_percent(engine->options.store) < 10) {
        rule = "disk";
        text = mem_str("the disk or the store is nearly full: make room, nothing is sent before");
    }
    json_text(json, "rule", rule ? rule : decide_rule_name(DECIDE_RULE_NONE));
    json_text(json, "why", text ? text : why);
    json_time(json, "not_before", until);
}

/* What holds the next message right now, by the code that decides. */
static void add_next(struct json_object *json, struct engine *engine, struct store_txn *txn,
                     struct decide_facts *facts)
{
    struct json_object *next;
    struct decision decision = {0};
    const struct enrolment *enrolment = &facts->enrolment;

    if (enrolment->status != ENROLMENT_ACTIVE || enrolment->step >= enrolment->steps) {
        json_put(json, "next", NULL);
        return;
    }
    next = json_map();
    json_number(next, "step", enrolment->step + 1);
    json_time(next, "due_at", enrolment->due);
    if (decide_ask(txn, &engine->reader, facts, clock_wall(), &decision) == 0) {
        if (decision.verdict == DECIDE_GO) {
            add_ready(next, engine, facts);
        } else {
            json_text(next, "rule", decide_rule_name(decision.rule));
            json_text(next, "why", decision.sentence);
            json_time(next, "not_before", decision.verdict == DECIDE_LATER ? decision.at : 0);
        }
    }
    json_put(json, "next", next);
}

static struct json_object *enrolment_json(struct engine *engine, struct store_txn *txn, uint64_t id)
{
    struct decide_facts facts = {0};
    struct json_object *json = NULL;

    if (decide_load(txn, &engine->reader, id, &facts) == 0) {
        json = json_map();
        json_number(json, "enrolment", (int64_t)id);
        json_text(json, "campaign", facts.campaign.name);
        json_text(json, "mailbox", facts.mailbox.address);
        json_text(json, "status", WORD(enrolment_words, facts.enrolment.status));
        json_text(json, "rule", facts.enrolment.rule);
        json_text(json, "why", facts.enrolment.why);
        add_next(json, engine, txn, &facts);
        add_messages(json, txn, &facts.enrolment);
        add_replies(json, txn, id);
    }
    decide_facts_finish(&facts);
    return json;
}

int engine_explain_json(struct engine *engine, const char *address, struct buf *out)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(person) person = {0};
    auto_record(suppression) suppression = {0};
    auto_buf struct buf key = {0};
    struct json_object *json, *list;
    bool suppressed = false, known;
    uint64_t id;
    int r = mail_address_key(address, &key);

    if (r == 0)
        r = store_read(engine->options.store, &txn);
    if (r == 0)
        r = person_suppression(txn, buf_text(&key), &suppression);
    if (r < 0 && r != -ENOENT)
        return r;
    suppressed = r == 0;
    known =
        store_person_find(txn, buf_text(&key), &id) == 0 && store_person_get(txn, id, &person) == 0;
    if (!known && !suppressed)
        return -ENOENT;
    json = json_map();
    json_text(json, "address", known ? person.address : address);
    json_flag(json, "suppressed", suppressed);
    json_text(json, "suppressed_why", suppression.why);
    json_time(json, "answered_at", person.answered_at);
    list = json_list();
    for (size_t i = 0; i < person.enrolment_count; i++) {
        struct json_object *enrolment = enrolment_json(engine, txn, person.enrolments[i]);

        if (enrolment)
            json_add(list, enrolment);
    }
    json_put(json, "campaigns", list);
    return give(json, out);
}

/* -- status
 * ---------------------------------------------------------------------------------------------- */

int engine_status_json(struct engine *engine, struct buf *out)
{
    struct json_object *json = json_map();
    struct box *box;
    size_t at = 0;
    int64_t sending = 0, doubts = 0, listing = 0;

    while ((box = map_next(&engine->boxes, &at, NULL, NULL))) {
        sending += box->sending;
        listing += box->listing;
        LIST_EACH (node, &box->doubts)
            doubts++;
    }
    json_time(json, "now", clock_wall());
    json_flag(json, "virtual_clock", clock_offset() != 0);
    json_time(json, "since", engine->began);
    json_number(json, "mailboxes_worked", (int64_t)engine->boxes.count);
    json_number(json, "in_flight", sending);
    json_number(json, "listing", listing);
    json_number(json, "in_doubt", doubts);
    json_number(json, "store_free_percent", store_free_percent(engine->options.store));
    json_flag(json, "frozen", engine->frozen);
    return give(json, out);
}

/* -- preview
 * -----------------------------------------------------------------------------------------------
 */

enum { PREVIEW_MAX = 200 };

struct preview {
    struct engine *engine;
    struct store_txn *txn;
    struct decide_facts *facts;
    size_t count;
    struct json_object *list;
};

static void preview_one(void *arg, size_t person, size_t mailbox, size_t step, int64_t at)
{
    struct preview *preview = arg;
    struct decide_facts *facts = &preview->facts[person];
    struct json_object *json = json_map();
    struct prepared prepared = {0};
    auto_buf struct buf error = {0};
    struct prepare_input input = {.brain = &preview->engine->reader,
                                  .sequence = facts->sequence,
                                  .campaign = &facts->campaign,
                                  .enrolment = &facts->enrolment,
                                  .person = &facts->person,
                                  .mailbox = &facts->mailbox,
                                  .now = at};

    (void)mailbox;
    facts->enrolment.step = (uint16_t)step;
    json_text(json, "to", facts->person.address);
    json_text(json, "mailbox", facts->mailbox.address);
    json_number(json, "step", (int64_t)step + 1);
    json_time(json, "planned_at", at);
    if (prepare_message(preview->txn, &input, &prepared, &error) < 0) {
        json_text(json, "error", buf_text(&error));
    } else {
        json_text(json, "from", prepared.from);
        json_text(json, "subject", prepared.parts.subject);
        json_text(json, "text", prepared.parts.text);
        json_text(json, "html", prepared.parts.html);
    }
    prepared_finish(&prepared);
    json_add(preview->list, json);
}

static void preview_times(struct preview *preview)
{
    struct decide_facts *facts = preview->facts;
    const struct holidays *holidays[32];
    struct simulate_person people[PREVIEW_MAX];
    struct simulate_mailbox *boxes = mem_array(preview->count, sizeof(*boxes));
    struct simulate_input input = {
        .sequence = facts[0].sequence,
        .zones = preview->engine->reader.zones,
        .holidays = holidays,
        .holidays_count = brain_holidays(&preview->engine->reader, facts[0].sequence, holidays, 32),
        .start = clock_wall(),
        .people = people,
        .people_count = preview->count,
        .mailboxes = boxes,
        .mailbox_count = facts[0].campaign.mailbox_count,
        .seed = facts[0].campaign.id,
    };

    for (size_t i = 0; i < preview->count; i++)
        people[i] = (struct simulate_person){.address = facts[i].person.address,
                                             .zone = facts[i].enrolment.zone,
                                             .step = facts[i].enrolment.step,
                                             .previous = facts[i].enrolment.last_sent_at,
                                             .away_until = facts[i].enrolment.away_until,
                                             .over = facts[i].enrolment.status != ENROLMENT_ACTIVE};
    if (input.mailbox_count > preview->count)
        input.mailbox_count = preview->count;
    for (size_t i = 0; i < input.mailbox_count; i++)
        boxes[i] = (struct simulate_mailbox){.address = facts[i].mailbox.address,
                                             .zone = facts[i].mailbox.zone,
                                             .last_sent = facts[i].pulse.last_sent_at,
                                             .first_sent = facts[i].lane.first_sent_at};
    simulate(&input, preview_one, preview);
    free(boxes);
}

static size_t preview_load(struct preview *preview, uint64_t campaign, uint64_t *after,
                           size_t limit)
{
    size_t count = 0;

    while (count < limit) {
        auto_record(enrolment) enrolment = {0};
        struct decide_facts *facts = &preview->facts[count];

        if (store_enrolment_next(preview->txn, campaign, *after, &enrolment) < 0)
            break;
        *after = enrolment.id;
        if (decide_load(preview->txn, &preview->engine->reader, enrolment.id, facts) == 0)
            count++;
        else
            decide_facts_finish(facts);
    }
    return count;
}

int engine_preview_json(struct engine *engine, uint64_t campaign, uint64_t after, size_t limit,
                        struct buf *out, struct buf *error)
{
    auto_read struct store_txn *txn = NULL;
    struct preview preview = {.engine = engine};
    struct json_object *json;
    int r = store_read(engine->options.store, &txn);

    if (r < 0) {
        buf_add_str(error, strerror(-r));
        return r;
    }
    if (!limit || limit > PREVIEW_MAX)
        limit = PREVIEW_MAX;
    preview.txn = txn;
    preview.facts = mem_array(limit, sizeof(*preview.facts));
    preview.list = json_list();
    preview.count = preview_load(&preview, campaign, &after, limit);
    if (preview.count)
        preview_times(&preview);
    json = json_map();
    json_put(json, "messages", preview.list);
    json_number(json, "next", preview.count == limit ? (int64_t)after : 0);
    for (size_t i = 0; i < preview.count; i++)
        decide_facts_finish(&preview.facts[i]);
    free(preview.facts);
    return give(json, out);
}
