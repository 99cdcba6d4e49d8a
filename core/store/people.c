/* store/people.c: people, their enrolments, who is due, and who works where. */
#include "store/txn.h"

#include <errno.h>

/* -- people -------------------------------------------------------------------------- */
static void person_entries(struct store_txn *txn, const struct person *person, struct entries *out)
{
    struct entry *entry;

    if (!person->key)
        return;
    entry = entries_add(out, TABLE_PERSON_KEY);
    key_hash(txn, &entry->key, "person", person->key);
    entry->value = person->id;
}

static int person_raw(struct store_txn *txn, struct bytes key, struct bytes raw,
                      struct entries *out)
{
    auto_record(person) person = {0};
    int r = record_person_decode(raw, &person);

    if (r < 0 || key.len != 8 || bytes_u64(key, 0) != person.id)
        return -EBADMSG;
    person_entries(txn, &person, out);
    return 0;
}

const struct kind kind_person = {"person", TABLE_PERSON, person_raw};

int store_person_get(struct store_txn *txn, uint64_t id, struct person *person_r)
{
    struct key key = key_id(id);
    struct bytes raw;
    int r = txn_get(txn, TABLE_PERSON, &key, &raw);

    return r < 0 ? r : record_person_decode(raw, person_r);
}

int store_person_find(struct store_txn *txn, const char *address_key, uint64_t *id_r)
{
    struct key key = {.len = 0};

    return txn_get_id(txn, TABLE_PERSON_KEY, key_hash(txn, &key, "person", address_key), id_r);
}

int store_person_put(struct store_txn *txn, const struct person *person)
{
    struct key key = key_id(person->id);
    struct entries entries = {.count = 0};
    auto_buf struct buf raw = {0};

    if (!person->id)
        return -EINVAL;
    record_person_encode(person, &raw);
    person_entries(txn, person, &entries);
    return kind_put(txn, &kind_person, &key, buf_bytes(&raw), &entries);
}

int store_person_del(struct store_txn *txn, uint64_t id)
{
    struct key key = key_id(id);

    return kind_del(txn, &kind_person, &key);
}

/* -- enrolments ---------------------------------------------------------------------- */
static void enrolment_entries(const struct enrolment *enrolment, struct entries *out)
{
    struct entry *entry = entries_add(out, TABLE_ENROLLED);

    entry->key = key_pair(enrolment->campaign, enrolment->person);
    entry->value = enrolment->id;
    entry = entries_add(out, TABLE_ENROLMENT_OF);
    entry->key = key_pair(enrolment->campaign, enrolment->id);
    if (enrolment->status != ENROLMENT_ACTIVE || enrolment->due == INT64_MAX)
        return;
    entry = entries_add(out, TABLE_DUE);
    entry->key = key_pair(enrolment->mailbox, enrolment->campaign);
    key_u64(key_time(&entry->key, enrolment->due), enrolment->id);
}

static int enrolment_raw(struct store_txn *txn, struct bytes key, struct bytes raw,
                         struct entries *out)
{
    auto_record(enrolment) enrolment = {0};
    int r = record_enrolment_decode(raw, &enrolment);

    (void)txn;
    if (r < 0 || key.len != 8 || bytes_u64(key, 0) != enrolment.id)
        return -EBADMSG;
    enrolment_entries(&enrolment, out);
    return 0;
}

const struct kind kind_enrolment = {"enrolment", TABLE_ENROLMENT, enrolment_raw};

int store_enrolment_get(struct store_txn *txn, uint64_t id, struct enrolment *enrolment_r)
{
    struct key key = key_id(id);
    struct bytes raw;
    int r = txn_get(txn, TABLE_ENROLMENT, &key, &raw);

    return r < 0 ? r : record_enrolment_decode(raw, enrolment_r);
}

int store_enrolment_put(struct store_txn *txn, const struct enrolment *enrolment)
{
    struct key key = key_id(enrolment->id);
    struct entries entries = {.count = 0};
    auto_buf struct buf raw = {0};

    if (!enrolment->id || !enrolment->campaign || !enrolment->person)
        return -EINVAL;
    record_enrolment_encode(enrolment, &raw);
    enrolment_entries(enrolment, &entries);
    return kind_put(txn, &kind_enrolment, &key, buf_bytes(&raw), &entries);
}

int store_due_next(struct store_txn *txn, uint64_t mailbox, uint64_t campaign, int64_t due,
                   uint64_t id, int64_t *due_r, uint64_t *id_r)
{
    struct key from = key_pair(mailbox, campaign);
    struct bytes key;
    int r;

    key_u64(key_time(&from, due), id);
    r = txn_next(txn, TABLE_DUE, &from, 16, &key, NULL);
    if (r < 0)
        return r;
    if (key.len != 32)
        return -EBADMSG;
    *due_r = bytes_time(key, 16);
    *id_r = bytes_u64(key, 24);
    return 0;
}

int store_lane_next(struct store_txn *txn, uint64_t mailbox, uint64_t after_campaign,
                    uint64_t *campaign_r, int64_t *due_r)
{
    struct key from;
    struct bytes key;
    int r;

    if (after_campaign == UINT64_MAX)
        return -ENOENT;
    from = key_pair(mailbox, after_campaign + 1);
    r = txn_next(txn, TABLE_DUE, &from, 8, &key, NULL);
    if (r < 0)
        return r;
    if (key.len != 32)
        return -EBADMSG;
    *campaign_r = bytes_u64(key, 8);
    *due_r = bytes_time(key, 16);
    return 0;
}

int store_enrolment_next(struct store_txn *txn, uint64_t campaign, uint64_t after,
                         struct enrolment *enrolment_r)
{
    struct key group = key_id(campaign);
    uint64_t id;
    int r = txn_next_id(txn, TABLE_ENROLMENT_OF, &group, after, &id, NULL);

    if (r < 0)
        return r;
    r = store_enrolment_get(txn, id, enrolment_r);
    return r == -ENOENT ? -EBADMSG : r; /* -ENOENT would pass for the end */
}

int store_enrolment_find(struct store_txn *txn, uint64_t campaign, uint64_t person, uint64_t *id_r)
{
    struct key key = key_pair(campaign, person);

    return txn_get_id(txn, TABLE_ENROLLED, &key, id_r);
}

/* -- companies ----------------------------------------------------------------------- */
int store_company_add(struct store_txn *txn, const char *company, uint64_t enrolment)
{
    struct key key = {.len = 0};

    key_u64(key_hash(txn, &key, "company", company), enrolment);
    return txn_put(txn, TABLE_COMPANY, &key, (struct bytes){key.data, 0});
}

int store_company_next(struct store_txn *txn, const char *company, uint64_t after, uint64_t *id_r)
{
    struct key group = {.len = 0};

    return txn_next_id(txn, TABLE_COMPANY, key_hash(txn, &group, "company", company), after, id_r,
                       NULL);
}
