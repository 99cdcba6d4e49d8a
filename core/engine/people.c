/* engine/people.c: what is done about one person: suppress, opt out, erase, mark, settle. */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/internal.h"
#include "mail/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum deed_kind { DEED_SUPPRESS, DEED_UNSUPPRESS, DEED_UNSUBSCRIBE, DEED_ERASE, DEED_MARK };

struct deed {
    struct engine *engine;
    enum deed_kind kind;
    int32_t suppression;
    char *key, *why;
    uint64_t id;
    bool on;
    int64_t now;
    engine_done *done;
    void *arg;
    struct buf error;
};

static int find_person(struct store_txn *txn, const char *key, struct person *person)
{
    uint64_t id;
    int r = store_person_find(txn, key, &id);

    return r < 0 ? r : store_person_get(txn, id, person);
}

static int apply_suppress(struct store_txn *txn, struct deed *deed)
{
    auto_record(person) person = {0};
    struct stop stop = {.rule = "suppressed",
                        .why = deed->why ? deed->why : "Suppressed by hand.",
                        .now = deed->now};
    int r = suppress_key(txn, deed->suppression, deed->key, stop.why, deed->now);

    if (r < 0 || deed->suppression != SUPPRESS_ADDRESS)
        return r; /* a domain's people are stopped when their turn comes */
    r = find_person(txn, deed->key, &person);
    return r == -ENOENT ? 0 : r < 0 ? r : stop_person(txn, &person, &stop);
}

static int apply_unsubscribe(struct store_txn *txn, struct deed *deed)
{
    auto_record(enrolment) enrolment = {0};
    auto_record(person) person = {0};
    struct stop stop = {
        .rule = "unsubscribed", .why = "They opted out by the link.", .now = deed->now};
    int r = store_enrolment_get(txn, deed->id, &enrolment);

    if (r == 0)
        r = store_person_get(txn, enrolment.person, &person);
    if (r == -ENOENT)
        return 0; /* erased: nothing is mailed to them */
    if (r == 0)
        r = suppress_key(txn, SUPPRESS_ADDRESS, person.key, "They opted out.", deed->now);
    if (r == 0)
        r = mark_enrolment(txn, &enrolment, MARK_UNSUBSCRIBED);
    if (r == 0 && !person.answered_at) {
        person.answered_at = deed->now;
        person.answer_kind = REPLY_UNSUBSCRIBE;
        r = store_person_put(txn, &person);
    }
    return r < 0 ? r : stop_person(txn, &person, &stop);
}

static void forget_texts(struct message *message)
{
    mem_str_set(&message->to, NULL);
    mem_str_set(&message->subject, NULL);
    mem_str_set(&message->base_subject, NULL);
    mem_str_set(&message->detail, NULL);
}

static int erase_replies(struct store_txn *txn, uint64_t enrolment)
{
    uint64_t after = 0;
    int r;

    for (;;) {
        auto_record(reply) reply = {0};

        r = store_reply_next_of(txn, enrolment, after, &reply);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        after = reply.id;
        mem_str_set(&reply.from, NULL);
        mem_str_set(&reply.subject, NULL);
        mem_str_set(&reply.why, NULL);
        mem_str_set(&reply.message_id, NULL);
        for (size_t i = 0; i < reply.evidence_count; i++)
            mem_str_set(&reply.evidence[i].text, NULL);
        r = store_reply_put(txn, &reply);
        if (r < 0)
            return r;
    }
}

static int erase_enrolment(struct store_txn *txn, uint64_t id, const struct stop *stop)
{
    auto_record(enrolment) enrolment = {0};
    int r = store_enrolment_get(txn, id, &enrolment);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    for (uint16_t step = 0; step < enrolment.steps; step++) {
        auto_record(message) message = {0};

        r = store_message_get(txn, id, step, &message);
        if (r == -ENOENT)
            continue;
        if (r == 0)
            forget_texts(&message);
        if (r == 0)
            r = store_message_put(txn, &message);
        if (r == 0 && message.state == MESSAGE_SENT) /* it waited to be filed */
            r = store_body_del(txn, (struct message_ref){id, step});
        if (r < 0)
            return r;
    }
    r = stop_enrolment(txn, &enrolment, stop);
    for (size_t i = 0; i < enrolment.field_count; i++) {
        free(enrolment.fields[i].name);
        free(enrolment.fields[i].value);
    }
    enrolment.field_count = 0;
    mem_str_set(&enrolment.zone, NULL);
    mem_str_set(&enrolment.why, stop->why);
    if (r == 0)
        r = store_enrolment_put(txn, &enrolment);
    return r < 0 ? r : erase_replies(txn, id);
}

/* The ledger's bare facts stay, so that a later import of the address is known to be suppressed and
 * counts go on to add up; nothing in them says who it was. */
static int apply_erase(struct store_txn *txn, struct deed *deed)
{
    auto_record(person) person = {0};
    struct suppression bare = {
        .kind = SUPPRESS_ADDRESS, .why = (char *)(uintptr_t) "Erased.", .at = deed->now};
    struct stop stop = {.rule = "erased", .why = "The person was erased.", .now = deed->now};
    int r = find_person(txn, deed->key, &person);

    if (r == -ENOENT) {
        buf_add_str(&deed->error, "nobody of that address is here");
        return r;
    }
    for (size_t i = 0; r == 0 && i < person.enrolment_count; i++)
        r = erase_enrolment(txn, person.enrolments[i], &stop);
    if (r == 0)
        r = store_person_del(txn, person.id);
    return r < 0 ? r : store_suppression_put(txn, deed->key, &bare);
}

static int apply_mark(struct store_txn *txn, struct deed *deed)
{
    auto_record(reply) reply = {0};
    auto_record(enrolment) enrolment = {0};
    int r = store_reply_get(txn, deed->id, &reply);

    if (r == -ENOENT) {
        buf_add_str(&deed->error, "there is no such reply; see: postrider reply list");
        return r;
    }
    if (r < 0 || reply.interested == deed->on)
        return r;
    reply.interested = deed->on;
    r = store_reply_put(txn, &reply);
    if (r == 0)
        r = store_enrolment_get(txn, reply.enrolment, &enrolment);
    if (r < 0)
        return r;
    if (deed->on)
        return mark_enrolment(txn, &enrolment, MARK_INTERESTED);
    if (!(enrolment.marks & MARK_INTERESTED))
        return 0;
    enrolment.marks &= ~(uint32_t)MARK_INTERESTED;
    r = store_enrolment_put(txn, &enrolment);
    return r < 0 ? r : counts_move(txn, enrolment.campaign, COUNT(interested), COUNT_NONE, 1);
}

static int apply_unsuppress(struct store_txn *txn, struct deed *deed)
{
    int r = store_suppression_del(txn, deed->suppression, deed->key);

    if (r == -ENOENT)
        buf_add_str(&deed->error, "that is not on the suppression list");
    return r;
}

static int deed_apply(struct store_txn *txn, void *arg)
{
    static const char *const verbs[] = {"person.suppressed", "person.unsuppressed",
                                        "person.unsubscribed", "person.erased", "reply.marked"};
    struct deed *deed = arg;
    char id[32];
    const char *object = deed->key;
    int r;

    buf_truncate(&deed->error, 0);
    switch (deed->kind) {
    case DEED_SUPPRESS:
        r = apply_suppress(txn, deed);
        break;
    case DEED_UNSUPPRESS:
        r = apply_unsuppress(txn, deed);
        break;
    case DEED_UNSUBSCRIBE:
        r = apply_unsubscribe(txn, deed);
        break;
    case DEED_ERASE:
        r = apply_erase(txn, deed);
        break;
    default:
        r = apply_mark(txn, deed);
    }
    if (r < 0)
        return r;
    if (!object || deed->kind == DEED_ERASE) {
        snprintf(id, sizeof(id), "%llu", (unsigned long long)deed->id);
        object = deed->kind == DEED_ERASE ? "a person" : id;
    }
    return store_audit_add(txn, deed->now, verbs[deed->kind], object, NULL);
}

static void deed_done(void *arg, int status)
{
    struct deed *deed = arg;

    if (status < 0 && !deed->error.len)
        buf_add_str(&deed->error, strerror(-status));
    deed->done(deed->arg, status, deed->id, buf_text(&deed->error));
    free(deed->key);
    free(deed->why);
    buf_finish(&deed->error);
    free(deed);
}

static struct deed *deed_new(struct engine *engine, enum deed_kind kind, engine_done *done,
                             void *arg)
{
    struct deed *deed = mem_new(sizeof(*deed));

    deed->engine = engine;
    deed->kind = kind;
    deed->now = clock_wall();
    deed->done = done;
    deed->arg = arg;
    return deed;
}

static int fail_apply(struct store_txn *txn, void *arg)
{
    (void)txn;
    (void)arg;
    return -EINVAL;
}

/* "a@b" or "@b", as the suppression list has it. */
static void deed_on(struct deed *deed, const char *what)
{
    auto_buf struct buf key = {0};

    if (what[0] == '@' && strchr(what + 1, '.') && !strpbrk(what + 1, "@ \r\n")) {
        deed->suppression = SUPPRESS_DOMAIN;
        deed->key = mem_str(what + 1);
        for (char *c = deed->key; *c; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    } else if (mail_address_key(what, &key) == 0) {
        deed->suppression = SUPPRESS_ADDRESS;
        deed->key = buf_take(&key);
    } else {
        buf_printf(&deed->error, "\"%.100s\" is neither an address nor an @domain: %s", what,
                   mail_address_fault(what) ? mail_address_fault(what) : "");
        engine_submit(deed->engine, fail_apply, deed_done, deed);
        return;
    }
    engine_submit(deed->engine, deed_apply, deed_done, deed);
}

void engine_suppress(struct engine *engine, const char *what, const char *why, engine_done *done,
                     void *arg)
{
    struct deed *deed = deed_new(engine, DEED_SUPPRESS, done, arg);

    deed->why = mem_str(why);
    deed_on(deed, what);
}

void engine_unsuppress(struct engine *engine, const char *what, engine_done *done, void *arg)
{
    deed_on(deed_new(engine, DEED_UNSUPPRESS, done, arg), what);
}

void engine_erase(struct engine *engine, const char *address, engine_done *done, void *arg)
{
    deed_on(deed_new(engine, DEED_ERASE, done, arg), address);
}

void engine_unsubscribe(struct engine *engine, uint64_t enrolment, engine_done *done, void *arg)
{
    struct deed *deed = deed_new(engine, DEED_UNSUBSCRIBE, done, arg);

    deed->id = enrolment;
    engine_submit(engine, deed_apply, deed_done, deed);
}

void engine_reply_mark(struct engine *engine, uint64_t reply, bool interested, engine_done *done,
                       void *arg)
{
    struct deed *deed = deed_new(engine, DEED_MARK, done, arg);

    deed->id = reply;
    deed->on = interested;
    engine_submit(engine, deed_apply, deed_done, deed);
}

/* -- settling by hand
 * ------------------------------------------------------------------------------------ */

struct settle {
    engine_done *done;
    void *arg;
    uint64_t mailbox;
};

static int settle_check(struct engine *engine, uint64_t enrolment, uint16_t step, uint64_t *mailbox)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(message) message = {0};
    int r = store_read(engine->options.store, &txn);

    if (r == 0)
        r = store_message_get(txn, enrolment, step, &message);
    *mailbox = message.mailbox;
    return r < 0 ? r : message.state == MESSAGE_UNCERTAIN ? 0 : -EALREADY;
}

static void settled(struct outcome *outcome, int status)
{
    struct settle *settle = outcome->then_arg;
    struct engine *engine = outcome->engine;
    struct box *box = box_of(engine, settle->mailbox);

    if (box)
        box_work_at(box, outcome->work_at);
    settle->done(settle->arg, status, outcome->ref.enrolment, status < 0 ? strerror(-status) : "");
    if (status == 0)
        engine_lane_changed(engine, 0);
    free(settle);
    outcome_free(outcome);
}

void engine_settle(struct engine *engine, uint64_t enrolment, uint16_t step, bool sent,
                   engine_done *done, void *arg)
{
    struct outcome *outcome;
    struct settle *settle;
    struct box *box;
    uint64_t mailbox;
    int r = settle_check(engine, enrolment, step, &mailbox);

    if (r < 0) {
        struct deed *deed = deed_new(engine, DEED_MARK, done, arg);

        buf_add_str(&deed->error,
                    r == -EALREADY ? "that message is not uncertain (any more)"
                                   : "there is no such message; see: postrider message uncertain");
        engine_submit(engine, fail_apply, deed_done, deed);
        return;
    }
    settle = mem_new(sizeof(*settle));
    box = box_of(engine, mailbox);
    *settle = (struct settle){done, arg, mailbox};
    outcome = outcome_new(box, (struct message_ref){enrolment, step},
                          sent ? OUTCOME_SENT : OUTCOME_NOT_SENT);
    /* Of a mailbox that is not worked now it is found out once it is. */
    outcome->file = !box || !box->session || (provider_session_can(box->session) & RIDER_CAN_FILE);
    outcome->engine = engine;
    outcome->again = true;
    outcome->final = true;
    mem_str_set(&outcome->detail, "Settled by hand.");
    outcome->then = settled;
    outcome->then_arg = settle;
    outcome_commit(outcome);
}
