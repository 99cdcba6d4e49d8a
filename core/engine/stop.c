/* engine/stop.c: ending enrolments, one or all of a person's or a company's, and counting it. */
#include "base/mem.h"
#include "engine/internal.h"
#include "mail/address.h"

#include <errno.h>
#include <string.h>

int counts_move(struct store_txn *txn, uint64_t campaign, size_t from, size_t to, int64_t by)
{
    auto_record(campaign_counts) counts = {0};
    int r = store_counts_get(txn, campaign, &counts);

    if (r == -ENOENT)
        counts.campaign = campaign;
    else if (r < 0)
        return r;
    if (from != COUNT_NONE)
        *(int64_t *)(void *)((char *)&counts + from) -= by;
    if (to != COUNT_NONE)
        *(int64_t *)(void *)((char *)&counts + to) += by;
    return store_counts_put(txn, &counts);
}

/* How many of an enrolment's messages are planned still; one that is under way is counted itself.
 */
static int still_planned(struct store_txn *txn, const struct enrolment *enrolment, int64_t *count_r)
{
    auto_record(message) message = {0};
    int r;

    *count_r = enrolment->steps - enrolment->step;
    if (*count_r <= 0)
        return 0;
    r = store_message_get(txn, enrolment->id, enrolment->step, &message);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    if (message.state == MESSAGE_PLANNED) {
        message.state = MESSAGE_STOPPED;
        return store_message_put(txn, &message);
    }
    (*count_r)--;
    return 0;
}

int stop_enrolment(struct store_txn *txn, struct enrolment *enrolment, const struct stop *stop)
{
    int64_t planned;
    int r;

    if (enrolment->status != ENROLMENT_ACTIVE && enrolment->status != ENROLMENT_WAITING)
        return 0;
    r = still_planned(txn, enrolment, &planned);
    if (r < 0)
        return r;
    enrolment->status = ENROLMENT_STOPPED;
    enrolment->due = INT64_MAX;
    enrolment->reply = stop->reply;
    mem_str_set(&enrolment->rule, stop->rule);
    mem_str_set(&enrolment->why, stop->why);
    r = store_enrolment_put(txn, enrolment);
    if (r == 0)
        r = counts_move(txn, enrolment->campaign, COUNT(planned), COUNT(stopped), planned);
    return r;
}

static int stop_by_id(struct store_txn *txn, uint64_t id, const struct stop *stop)
{
    auto_record(enrolment) enrolment = {0};
    int r = store_enrolment_get(txn, id, &enrolment);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    return stop_enrolment(txn, &enrolment, stop);
}

int stop_person(struct store_txn *txn, struct person *person, const struct stop *stop)
{
    for (size_t i = 0; i < person->enrolment_count; i++) {
        int r = stop_by_id(txn, person->enrolments[i], stop);

        if (r < 0)
            return r;
    }
    return 0;
}

int stop_company(struct store_txn *txn, uint64_t campaign, const char *company, uint64_t but,
                 const struct stop *stop)
{
    uint64_t id = 0;
    int r;

    while ((r = store_company_next(txn, company, id, &id)) == 0) {
        auto_record(enrolment) enrolment = {0};

        if (id == but)
            continue;
        r = store_enrolment_get(txn, id, &enrolment);
        if (r < 0 && r != -ENOENT)
            return r;
        if (r == 0 && enrolment.campaign == campaign)
            r = stop_enrolment(txn, &enrolment, stop);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

int mark_enrolment(struct store_txn *txn, struct enrolment *enrolment, uint32_t mark)
{
    static const struct {
        uint32_t mark;
        size_t count;
    } counts[] = {
        {MARK_ANSWERED, COUNT(answered)},
        {MARK_AUTO_REPLIED, COUNT(auto_replied)},
        {MARK_BOUNCED_HARD, COUNT(bounced_hard)},
        {MARK_BOUNCED_SOFT, COUNT(bounced_soft)},
        {MARK_BOUNCED_UNKNOWN, COUNT(bounced_unknown)},
        {MARK_UNSUBSCRIBED, COUNT(unsubscribed)},
        {MARK_COMPLAINED, COUNT(complained)},
        {MARK_INTERESTED, COUNT(interested)},
    };
    bool first_bounce = (mark & MARK_BOUNCED) && !(enrolment->marks & MARK_BOUNCED);
    int r;

    if (enrolment->marks & mark)
        return 0;
    enrolment->marks |= mark;
    r = store_enrolment_put(txn, enrolment);
    if (r == 0 && first_bounce)
        r = counts_move(txn, enrolment->campaign, COUNT_NONE, COUNT(bounced), 1);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(counts); i++)
        if (counts[i].mark == mark)
            r = counts_move(txn, enrolment->campaign, COUNT_NONE, counts[i].count, 1);
    return r;
}

int suppress_key(struct store_txn *txn, int32_t kind, const char *key, const char *why, int64_t now)
{
    auto_record(suppression) there = {0};
    struct suppression suppression = {
        .kind = kind, .text = (char *)(uintptr_t)key, .why = (char *)(uintptr_t)why, .at = now};
    int r = store_suppression_find(txn, kind, key, &there);

    if (r != -ENOENT)
        return r;
    return store_suppression_put(txn, key, &suppression);
}

int person_suppression(struct store_txn *txn, const char *key, struct suppression *suppression)
{
    const char *domain = mail_address_domain(key);
    int r = store_suppression_find(txn, SUPPRESS_ADDRESS, key, suppression);

    if (r == -ENOENT && domain)
        r = store_suppression_find(txn, SUPPRESS_DOMAIN, domain, suppression);
    return r;
}

int person_suppressed(struct store_txn *txn, const char *key, bool *suppressed_r)
{
    auto_record(suppression) suppression = {0};
    int r = person_suppression(txn, key, &suppression);

    if (r < 0 && r != -ENOENT)
        return r;
    *suppressed_r = r == 0;
    return 0;
}
