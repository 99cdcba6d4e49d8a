/* engine/import.c: people from CSV into a campaign: streamed, by batches, in bounded memory. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "campaign/people.h"
#include "config/csv.h"
#include "engine/internal.h"
#include "mail/address.h"
#include "net/loop.h"

#include <errno.h>
#include <string.h>

enum { IMPORT_BATCH = 2000, IMPORT_AHEAD = 3, REASONS_MAX = 1000 };

struct import_person {
    char *address, *key, *zone, *company;
    struct field *fields;
    size_t field_count;
    size_t row;
};
struct batch {
    struct engine_import *import;
    struct import_person people[IMPORT_BATCH];
    size_t count;
    /* given back */
    size_t enrolled, known, suppressed;
};
struct engine_import {
    struct engine *engine;
    uint64_t campaign;
    struct csv *csv;
    struct people_columns columns;
    struct sequence *sequence;
    bool header, company, over, failed;
    struct batch *batch; /* being filled */
    size_t under_way;
    void (*drained)(void *arg);
    void *drained_arg;
    engine_done *done;
    void *done_arg;
    size_t rows, enrolled, known, suppressed, rejected;
    struct json_object *reasons;
    struct buf error;
};

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct import_person *person = &batch->people[i];

        free(person->address);
        free(person->key);
        free(person->zone);
        free(person->company);
        for (size_t k = 0; k < person->field_count; k++) {
            free(person->fields[k].name);
            free(person->fields[k].value);
        }
        free(person->fields);
    }
    free(batch);
}

static void import_free(struct engine_import *import)
{
    csv_free(import->csv);
    people_columns_finish(&import->columns);
    sequence_free(import->sequence);
    json_object_put(import->reasons);
    buf_finish(&import->error);
    if (import->batch)
        batch_free(import->batch);
    free(import);
}

/* -- a batch, in its transaction
 * --------------------------------------------------------------------- */

struct enrolling {
    struct batch *batch;
    struct campaign campaign;
    struct campaign_counts counts;
    int64_t now;
};

static int enrol(struct store_txn *txn, struct enrolling *with, const struct import_person *row)
{
    auto_record(person) person = {0};
    struct enrolment enrolment = {.campaign = with->campaign.id,
                                  .status = ENROLMENT_ACTIVE,
                                  .steps = (uint16_t)with->counts.steps,
                                  .due = INT64_MAX,
                                  .zone = row->zone,
                                  .fields = row->fields,
                                  .field_count = row->field_count};
    bool running = with->campaign.status == CAMPAIGN_RUNNING, suppressed = false;
    uint64_t id, known;
    int r = store_person_find(txn, row->key, &id);

    if (r == 0)
        r = store_person_get(txn, id, &person);
    else if (r == -ENOENT) {
        r = store_next_id(txn, SEQ_PERSON, &person.id);
        person.address = mem_str(row->address);
        person.key = mem_str(row->key);
        person.created_at = with->now;
    }
    if (r == 0 && person.enrolment_count &&
        store_enrolment_find(txn, with->campaign.id, person.id, &known) == 0) {
        with->batch->known++;
        return 0;
    }
    if (r == 0)
        r = store_next_id(txn, SEQ_ENROLMENT, &enrolment.id);
    if (r == 0)
        r = person_suppressed(txn, row->key, &suppressed);
    if (r < 0)
        return r;
    enrolment.person = person.id;
    enrolment.mailbox =
        with->campaign.mailboxes[(uint64_t)with->counts.people % with->campaign.mailbox_count];
    if (running)
        enrolment.due = with->now;
    if (suppressed) {
        enrolment.status = ENROLMENT_STOPPED;
        enrolment.due = INT64_MAX;
        enrolment.rule = (char *)(uintptr_t) "suppressed";
        enrolment.why = (char *)(uintptr_t) "The address is on the suppression list.";
    }
    person.enrolments =
        mem_grow(person.enrolments, person.enrolment_count + 1, sizeof(*person.enrolments));
    person.enrolments[person.enrolment_count++] = enrolment.id;
    r = store_person_put(txn, &person);
    if (r == 0)
        r = store_enrolment_put(txn, &enrolment);
    if (r == 0 && row->company)
        r = store_company_add(txn, row->company, enrolment.id);
    with->counts.people++;
    with->counts.messages += with->counts.steps;
    *(suppressed ? &with->counts.stopped : &with->counts.planned) += with->counts.steps;
    with->batch->enrolled++;
    with->batch->suppressed += suppressed;
    return r;
}

static int batch_apply(struct store_txn *txn, void *arg)
{
    struct batch *batch = arg;
    struct engine_import *import = batch->import;
    struct enrolling with = {.batch = batch, .now = clock_wall()};
    int r;

    batch->enrolled = batch->known = batch->suppressed = 0;
    r = store_campaign_get(txn, import->campaign, &with.campaign);
    if (r == 0)
        r = store_counts_get(txn, import->campaign, &with.counts);
    for (size_t i = 0; r == 0 && i < batch->count; i++)
        r = enrol(txn, &with, &batch->people[i]);
    if (r == 0)
        r = store_counts_put(txn, &with.counts);
    if (r == 0 && !with.campaign.columns) {
        with.campaign.columns = mem_strv((const char *const *)import->columns.names);
        r = store_campaign_put(txn, &with.campaign);
    }
    record_campaign_finish(&with.campaign);
    record_campaign_counts_finish(&with.counts);
    return r;
}

/* -- the end
 * ------------------------------------------------------------------------------------------- */

static void import_over(struct engine_import *import)
{
    struct json_object *answer = json_map();
    auto_buf struct buf text = {0};

    if (import->failed) {
        import->done(import->done_arg, -EINVAL, import->campaign, buf_text(&import->error));
    } else {
        json_number(answer, "rows", (int64_t)import->rows);
        json_number(answer, "enrolled", (int64_t)import->enrolled);
        json_number(answer, "known", (int64_t)import->known);
        json_number(answer, "suppressed", (int64_t)import->suppressed);
        json_number(answer, "rejected", (int64_t)import->rejected);
        json_put(answer, "reasons", json_object_get(import->reasons));
        json_write(answer, &text);
        import->done(import->done_arg, 0, import->campaign, buf_text(&text));
        engine_lane_changed(import->engine, import->campaign);
    }
    json_object_put(answer);
    import_free(import);
}

static void import_fail(struct engine_import *import, const char *sentence)
{
    if (import->failed)
        return;
    import->failed = true;
    buf_add_str(&import->error, sentence);
}

static void batch_done(void *arg, int status)
{
    struct batch *batch = arg;
    struct engine_import *import = batch->import;
    bool was_full = import->under_way >= IMPORT_AHEAD;

    import->under_way--;
    import->enrolled += batch->enrolled;
    import->known += batch->known;
    import->suppressed += batch->suppressed;
    batch_free(batch);
    if (status < 0)
        import_fail(import, status == -ENOSPC
                                ? "the disk is full; what came before was kept: make room and "
                                  "import the same file again"
                                : "the store refused these people; see the daemon's log");
    if (import->over && !import->under_way) {
        if (import->done)
            import_over(import);
        else
            import_free(import);
        return;
    }
    if (was_full && import->drained && !import->over)
        import->drained(import->drained_arg);
}

static void batch_send(struct engine_import *import)
{
    struct batch *batch = import->batch;

    import->batch = NULL;
    import->under_way++;
    engine_submit(import->engine, batch_apply, batch_done, batch);
}

/* -- rows
 * ------------------------------------------------------------------------------------------------
 */

static void reject(struct engine_import *import, size_t row, const char *why)
{
    struct json_object *reason;

    if (import->rejected++ >= REASONS_MAX)
        return;
    reason = json_map();
    json_number(reason, "row", (int64_t)row);
    json_text(reason, "why", why);
    json_add(import->reasons, reason);
}

static void read_header(struct engine_import *import, const struct csv_row *row)
{
    auto_mistakes struct mistakes mistakes = {0};

    import->header = true;
    if (people_columns_init(&import->columns, "people", row, &mistakes) == 0)
        sequence_check_columns(import->sequence, (const char *const *)import->columns.names,
                               &mistakes);
    if (mistakes.count) {
        auto_buf struct buf text = {0};

        mistakes_text(&mistakes, &text);
        import_fail(import, buf_text(&text));
    }
}

static bool has_field(const struct people_row *person, const char *name)
{
    for (size_t i = 0; i < person->field_count; i++)
        if (strcmp(person->fields[i].name, name) == 0)
            return true;
    return false;
}

/* A variable that a step needs and this person lacks; NULL: none. */
static const char *missing(const struct template *tmpl, const struct people_row *person)
{
    const struct template_variable *list;
    size_t count = tmpl ? template_variables(tmpl, &list) : 0;

    for (size_t i = 0; i < count; i++)
        if (list[i].needed && !strchr(list[i].name, '.') && strcmp(list[i].name, "email") != 0 &&
            strcmp(list[i].name, "unsubscribe_url") != 0 && !has_field(person, list[i].name))
            return list[i].name;
    return NULL;
}

static bool has_all(struct engine_import *import, size_t row, const struct people_row *person)
{
    for (size_t i = 0; i < import->sequence->step_count; i++) {
        const struct sequence_step *step = &import->sequence->steps[i];
        const struct template *all[] = {step->subject, step->text, step->html};

        for (size_t k = 0; k < ARRAY_LEN(all); k++) {
            const char *name = missing(all[k], person);
            auto_free char *why = NULL;

            if (!name)
                continue;
            why = mem_printf("`%s` is empty, and step %zu needs it: give this person one, or write "
                             "{{%s | default: ...}}",
                             name, i + 1, name);
            reject(import, row, why);
            return false;
        }
    }
    return true;
}

static void take_person(struct engine_import *import, size_t row, struct people_row *person)
{
    auto_buf struct buf key = {0}, company = {0};
    struct import_person *to;

    if (mail_address_key(person->address, &key) < 0) {
        reject(import, row, mail_address_fault(person->address));
        return;
    }
    if (!has_all(import, row, person))
        return;
    if (!import->batch) {
        import->batch = mem_new(sizeof(*import->batch));
        import->batch->import = import;
    }
    to = &import->batch->people[import->batch->count++];
    to->address = mem_str(person->address);
    to->key = buf_take(&key);
    to->zone = mem_str(person->zone);
    to->row = row;
    if (import->company && mail_company(to->key, &company) == 0 && company.len)
        to->company = buf_take(&company);
    to->fields = person->fields;
    to->field_count = person->field_count;
    person->fields = NULL;
    person->field_count = 0;
    if (import->batch->count == IMPORT_BATCH)
        batch_send(import);
}

static void take_row(struct engine_import *import, const struct csv_row *row)
{
    auto_buf struct buf error = {0};
    struct people_row person = {0};

    if (!import->header) {
        read_header(import, row);
        return;
    }
    import->rows++;
    if (people_row_read(&import->columns, row, &person, &error) < 0) {
        reject(import, row->line, buf_text(&error));
        return;
    }
    take_person(import, row->line, &person);
    people_row_finish(&person);
}

static void take_rows(struct engine_import *import)
{
    struct csv_row row;
    int r;

    while (!import->failed && (r = csv_next(import->csv, &row)) != 0) {
        if (r == 1) {
            take_row(import, &row);
        } else if (r == -EBADMSG) {
            import->rows++;
            reject(import, row.line, row.error);
        } else {
            import_fail(import, "the people could not be read");
        }
    }
}

/* -- the caller's side
 * ----------------------------------------------------------------------------------- */

int engine_import_new(struct engine *engine, uint64_t campaign, void (*drained)(void *arg),
                      void *arg, struct engine_import **import_r, struct buf *error)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(campaign) record = {0};
    auto_mistakes struct mistakes mistakes = {0};
    struct engine_import *import;
    struct sequence *sequence;
    int r = store_read(engine->options.store, &txn);

    if (r == 0)
        r = store_campaign_get(txn, campaign, &record);
    if (r < 0 || record.status == CAMPAIGN_REMOVED) {
        buf_add_str(error, "there is no such campaign; see: postrider campaign list");
        return -ENOENT;
    }
    r = sequence_read(record.name, record.source, strlen(record.source), &mistakes, &sequence);
    if (r < 0) {
        mistakes_text(&mistakes, error);
        return r;
    }
    import = mem_new(sizeof(*import));
    import->engine = engine;
    import->campaign = campaign;
    import->csv = csv_new();
    import->sequence = sequence;
    import->company = sequence->stop_company;
    import->reasons = json_list();
    import->drained = drained;
    import->drained_arg = arg;
    *import_r = import;
    return 0;
}

void engine_import_feed(struct engine_import *import, const void *data, size_t len, bool *full_r)
{
    csv_feed(import->csv, data, len);
    take_rows(import);
    *full_r = import->under_way >= IMPORT_AHEAD;
}

static void none_done(void *arg, int status)
{
    (void)status;
    import_over(arg);
}

void engine_import_finish(struct engine_import *import, engine_done *done, void *arg)
{
    csv_end(import->csv);
    take_rows(import);
    if (!import->header)
        import_fail(import, "the file is empty; its first line names the columns, one of them "
                            "`email`");
    import->over = true;
    import->done = done;
    import->done_arg = arg;
    if (import->batch && !import->failed)
        batch_send(import);
    if (!import->under_way)
        engine_submit(import->engine, apply_nothing, none_done, import);
}

void engine_import_abort(struct engine_import *import)
{
    import->over = true;
    import->done = NULL;
    if (!import->under_way)
        import_free(import);
}
