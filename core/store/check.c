/* store/check.c: walks the store and says what is wrong with it: records that can't be read, index
 * entries without their record and records without their entries, counts that don't add up. */
#include "store/txn.h"

#include "base/map.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
    struct store_txn *txn;
    void (*report)(void *arg, const char *sentence);
    void *arg;
    bool sound;
    struct map campaigns; /* id -> struct campaign_counts, as counted here */
};

static const struct kind *const kinds[] = {
    &kind_mailbox, &kind_pulse,       &kind_lane,    &kind_campaign, &kind_counts,
    &kind_person,  &kind_enrolment,   &kind_message, &kind_reply,    &kind_pending,
    &kind_work,    &kind_suppression, &kind_audit,
};

/* What an index's entries name: an id in the value, or what the key ends in. */
static const struct {
    enum table table;
    const struct kind *owner;
    bool in_value;
} indexes[] = {
    {TABLE_MAILBOX_KEY, &kind_mailbox, true}, {TABLE_CAMPAIGN_NAME, &kind_campaign, true},
    {TABLE_PERSON_KEY, &kind_person, true},   {TABLE_ENROLLED, &kind_enrolment, true},
    {TABLE_DUE, &kind_enrolment, false},      {TABLE_ENROLMENT_OF, &kind_enrolment, false},
    {TABLE_OPEN, &kind_message, false},       {TABLE_IDENTITY, &kind_message, false},
    {TABLE_REPLY_OF, &kind_reply, false},     {TABLE_REPLY_SEEN, &kind_reply, true},
};

static void mistake(struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void mistake(struct check *check, const char *format, ...)
{
    char sentence[512];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    check->sound = false;
    if (check->report)
        check->report(check->arg, sentence);
}

/* "12", "12/3", or hex for what is no number. */
static const char *name_key(struct bytes key, char name[160])
{
    struct message_ref ref = bytes_ref(key, 0);

    name[0] = '\0';
    if (key.len == 8)
        snprintf(name, 160, "%" PRIu64, bytes_u64(key, 0));
    else if (key.len == 10)
        snprintf(name, 160, "%" PRIu64 " step %u", ref.enrolment, ref.step + 1U);
    else if (key.len == 16)
        snprintf(name, 160, "%" PRIu64 "/%" PRIu64, bytes_u64(key, 0), bytes_u64(key, 8));
    else
        for (size_t i = 0; i < key.len && i < 64; i++)
            snprintf(name + 2 * i, 3, "%02x", ((const uint8_t *)key.data)[i]);
    return name;
}

/* Calls `each` for all entries of a table. */
static int walk(struct check *check, enum table table,
                int (*each)(struct check *check, struct bytes key, struct bytes value,
                            const void *arg),
                const void *arg)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    int r = mdb_cursor_open(check->txn->txn, check->txn->store->tables[table], &cursor);

    if (r)
        return store_error(r);
    while ((r = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        r = each(check, (struct bytes){k.mv_data, k.mv_size}, (struct bytes){v.mv_data, v.mv_size},
                 arg);
        if (r < 0)
            break;
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r < 0 && r > -4096 ? r : store_error(r);
}

/* -- records and what they stand under ----------------------------------------------- */
static void check_entry(struct check *check, const struct kind *kind, struct bytes key,
                        const struct entry *entry)
{
    struct key want = key_id(entry->value);
    struct bytes found;
    char name[160];
    int r = txn_get(check->txn, entry->table, &entry->key, &found);

    if (r < 0)
        mistake(check, "The %s %s is missing from the index %s.", kind->word, name_key(key, name),
                table_names[entry->table]);
    else if (found.len != (entry->value ? want.len : 0) ||
             (found.len && memcmp(found.data, want.data, found.len)))
        mistake(check, "The %s %s stands in the index %s under another's id.", kind->word,
                name_key(key, name), table_names[entry->table]);
}

static int check_record(struct check *check, struct bytes key, struct bytes raw, const void *arg)
{
    const struct kind *kind = arg;
    struct entries entries = {.count = 0};
    char name[160];

    if (kind->entries(check->txn, key, raw, &entries) < 0)
        mistake(check, "The %s %s can't be read.", kind->word, name_key(key, name));
    for (size_t i = 0; i < entries.count; i++)
        check_entry(check, kind, key, &entries.list[i]);
    return 0;
}

static int check_index(struct check *check, struct bytes key, struct bytes value, const void *arg)
{
    size_t index = *(const size_t *)arg;
    const struct kind *owner = indexes[index].owner;
    size_t len = owner == &kind_message ? 10 : 8;
    struct entry entry = {.table = indexes[index].table};
    struct entries entries = {.count = 0};
    struct key of = {.len = len};
    struct bytes raw;
    char name[160];

    if (key.len > sizeof entry.key.data ||
        (indexes[index].in_value ? value.len != 8 : key.len < len)) {
        mistake(check, "The index %s has an entry that can't be read.", table_names[entry.table]);
        return 0;
    }
    memcpy(entry.key.data, key.data, entry.key.len = key.len);
    entry.value = indexes[index].in_value ? bytes_u64(value, 0) : 0;
    memcpy(of.data,
           indexes[index].in_value ? value.data : (const uint8_t *)key.data + key.len - len, len);
    if (txn_get(check->txn, owner->table, &of, &raw) < 0 ||
        owner->entries(check->txn, (struct bytes){of.data, of.len}, raw, &entries) < 0 ||
        !entries_have(&entries, &entry))
        mistake(check, "The index %s names the %s %s, which doesn't belong there.",
                table_names[entry.table], owner->word,
                name_key((struct bytes){of.data, of.len}, name));
    return 0;
}

/* -- who must be there --------------------------------------------------------------- */
static bool is_there(struct check *check, enum table table, uint64_t id)
{
    struct key key = key_id(id);
    struct bytes raw;

    return !txn_get(check->txn, table, &key, &raw);
}

static int check_company(struct check *check, struct bytes key, struct bytes value, const void *arg)
{
    (void)value;
    (void)arg;
    if (key.len != 24 || !is_there(check, TABLE_ENROLMENT, bytes_u64(key, 16)))
        mistake(check, "The index company names the enrolment %" PRIu64 ", which is not there.",
                bytes_u64(key, 16));
    return 0;
}

static int check_person(struct check *check, struct bytes key, struct bytes raw, const void *arg)
{
    auto_record(person) person = {0};

    (void)key;
    (void)arg;
    if (record_person_decode(raw, &person) < 0)
        return 0; /* said already */
    for (size_t i = 0; i < person.enrolment_count; i++) {
        auto_record(enrolment) enrolment = {0};

        if (store_enrolment_get(check->txn, person.enrolments[i], &enrolment) < 0 ||
            enrolment.person != person.id)
            mistake(check,
                    "The person %" PRIu64 " names the enrolment %" PRIu64 ", which is not "
                    "theirs.",
                    person.id, person.enrolments[i]);
    }
    return 0;
}

/* -- counts -------------------------------------------------------------------------- */
static struct campaign_counts *counted(struct check *check, uint64_t campaign)
{
    struct campaign_counts *counts = map_get_u64(&check->campaigns, campaign);

    if (!counts) {
        counts = mem_new(sizeof *counts);
        counts->campaign = campaign;
        map_put_u64(&check->campaigns, campaign, counts);
    }
    return counts;
}

static int count_enrolment(struct check *check, struct bytes key, struct bytes raw, const void *arg)
{
    auto_record(enrolment) enrolment = {0};
    struct campaign_counts *counts;

    (void)key;
    (void)arg;
    if (record_enrolment_decode(raw, &enrolment) < 0)
        return 0;
    counts = counted(check, enrolment.campaign);
    counts->people++;
    counts->messages += enrolment.steps;
    counts->answered += !!(enrolment.marks & MARK_ANSWERED);
    counts->auto_replied += !!(enrolment.marks & MARK_AUTO_REPLIED);
    counts->bounced += !!(enrolment.marks & MARK_BOUNCED);
    counts->bounced_hard += !!(enrolment.marks & MARK_BOUNCED_HARD);
    counts->bounced_soft += !!(enrolment.marks & MARK_BOUNCED_SOFT);
    counts->bounced_unknown += !!(enrolment.marks & MARK_BOUNCED_UNKNOWN);
    counts->unsubscribed += !!(enrolment.marks & MARK_UNSUBSCRIBED);
    counts->complained += !!(enrolment.marks & MARK_COMPLAINED);
    counts->interested += !!(enrolment.marks & MARK_INTERESTED);
    if (!is_there(check, TABLE_CAMPAIGN, enrolment.campaign))
        mistake(check, "The enrolment %" PRIu64 " is of campaign %" PRIu64 ", which is not there.",
                enrolment.id, enrolment.campaign);
    return 0;
}

static int count_message(struct check *check, struct bytes key, struct bytes raw, const void *arg)
{
    auto_record(message) message = {0};
    struct campaign_counts *counts;

    (void)key;
    (void)arg;
    if (record_message_decode(raw, &message) < 0)
        return 0;
    counts = counted(check, message.campaign);
    counts->intended += message.state == MESSAGE_INTENDED || message.state == MESSAGE_STAGED;
    counts->sent += message.state == MESSAGE_SENT;
    counts->uncertain += message.state == MESSAGE_UNCERTAIN;
    if (!is_there(check, TABLE_ENROLMENT, message.enrolment))
        mistake(check, "The message %" PRIu64 " step %u has no enrolment.", message.enrolment,
                message.step + 1U);
    return 0;
}

/* Planned, stopped and failed are not counted one by one: a step that was never minted has no
 * message, and which of the three it is follows from the campaign's rules. Their sum is checked. */
static void compare_counts(struct check *check, const struct campaign_counts *kept,
                           const struct campaign_counts *found)
{
    static const struct {
        const char *word;
        size_t at;
    } fields[] = {
#define COUNT(name) {#name, offsetof(struct campaign_counts, name)}
        COUNT(people),       COUNT(intended),        COUNT(sent),         COUNT(uncertain),
        COUNT(answered),     COUNT(auto_replied),    COUNT(bounced),      COUNT(bounced_hard),
        COUNT(bounced_soft), COUNT(bounced_unknown), COUNT(unsubscribed), COUNT(complained),
        COUNT(interested),   COUNT(messages),
#undef COUNT
    };
    int64_t sum = kept->planned + kept->intended + kept->sent + kept->stopped + kept->failed +
                  kept->uncertain;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        int64_t a = *(const int64_t *)(const void *)((const char *)kept + fields[i].at);
        int64_t b = *(const int64_t *)(const void *)((const char *)found + fields[i].at);

        if (a != b)
            mistake(check,
                    "Campaign %" PRIu64 " says %s: %" PRId64 ", but the records say %" PRId64 ".",
                    found->campaign, fields[i].word, a, b);
    }
    if (sum != kept->messages)
        mistake(check,
                "The counts of campaign %" PRIu64 " add up to %" PRId64 ", not to its %" PRId64
                " messages.",
                found->campaign, sum, kept->messages);
}

static int check_counts(struct check *check, struct bytes key, struct bytes raw, const void *arg)
{
    auto_record(campaign_counts) kept = {0};

    (void)key;
    (void)arg;
    if (!record_campaign_counts_decode(raw, &kept))
        compare_counts(check, &kept, counted(check, kept.campaign));
    return 0;
}

static void check_uncounted(struct check *check)
{
    const struct campaign_counts *counts;
    const void *key;
    size_t at = 0, len;

    while ((counts = map_next(&check->campaigns, &at, &key, &len)))
        if (!is_there(check, TABLE_COUNTS, counts->campaign))
            mistake(check, "Campaign %" PRIu64 " has people or messages, but no counts.",
                    counts->campaign);
}

/* -- all of it ----------------------------------------------------------------------- */
static int check_all(struct check *check)
{
    int r = 0;

    for (size_t i = 0; !r && i < ARRAY_LEN(kinds); i++)
        r = walk(check, kinds[i]->table, check_record, kinds[i]);
    for (size_t i = 0; !r && i < ARRAY_LEN(indexes); i++)
        r = walk(check, indexes[i].table, check_index, &i);
    if (!r)
        r = walk(check, TABLE_COMPANY, check_company, NULL);
    if (!r)
        r = walk(check, TABLE_PERSON, check_person, NULL);
    if (!r)
        r = walk(check, TABLE_ENROLMENT, count_enrolment, NULL);
    if (!r)
        r = walk(check, TABLE_MESSAGE, count_message, NULL);
    if (!r)
        r = walk(check, TABLE_COUNTS, check_counts, NULL);
    if (!r)
        check_uncounted(check);
    return r;
}

int store_check(struct store *store, void (*report)(void *arg, const char *sentence), void *arg)
{
    struct check check = {.report = report, .arg = arg, .sound = true};
    int r = store_read(store, &check.txn);

    if (r < 0)
        return r;
    r = check_all(&check);
    if (r < 0)
        mistake(&check, "The store can't be walked to its end: %s.", strerror(-r));
    map_finish(&check.campaigns, free);
    store_read_end(&check.txn);
    return check.sound ? 0 : -EBADMSG;
}
