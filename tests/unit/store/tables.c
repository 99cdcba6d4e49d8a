/* unit/store/tables.c: every table keeps what it is given, and its indexes follow. */
#include "help.h"

#include <sodium.h>

/* Runs `body` as an apply, so that each test is a straight line. */
#define APPLY(name) static int name(struct store_txn *txn, void *arg)
#define RUN(apply) assert_int_equal(help_run(*state, apply, NULL), 0)

static int set_up(void **state)
{
    struct help *help = calloc(1, sizeof *help);

    help_init(help);
    help_open(help);
    *state = help;
    return 0;
}

static int tear_down(void **state)
{
    struct help *help = *state;
    int mistakes = 0, r = 0;

    if (help->store)
        r = store_check(help->store, help_say, &mistakes);
    help_finish(help);
    free(help);
    return r || mistakes ? -1 : 0; /* whatever a test did, the indexes agree */
}

static char *s(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* -- mailboxes ----------------------------------------------------------------------- */
APPLY(mailboxes)
{
    struct mailbox ana = {.id = 1, .address = s("Ana@acme.example"), .key = s("ana@acme.example")};
    struct mailbox bo = {.id = 2, .address = s("bo@acme.example"), .key = s("bo@acme.example")};
    auto_record(mailbox) got = {0};
    auto_record(mailbox) next = {0};
    uint64_t id = 0;

    (void)arg;
    assert_int_equal(store_mailbox_get(txn, 1, &got), -ENOENT);
    assert_int_equal(store_mailbox_put(txn, &ana), 0);
    assert_int_equal(store_mailbox_put(txn, &bo), 0);
    assert_int_equal(store_mailbox_find(txn, "bo@acme.example", &id), 0);
    assert_int_equal(id, 2);
    bo.key = s("ana@acme.example");
    assert_int_equal(store_mailbox_put(txn, &bo), -EEXIST);
    assert_int_equal(store_mailbox_find(txn, "bo@acme.example", &id), 0); /* nothing was changed */
    bo.key = s("robert@acme.example");
    assert_int_equal(store_mailbox_put(txn, &bo), 0);
    assert_int_equal(store_mailbox_find(txn, "bo@acme.example", &id), -ENOENT);
    assert_int_equal(store_mailbox_get(txn, 1, &got), 0);
    assert_string_equal(got.address, "Ana@acme.example");
    assert_int_equal(store_mailbox_next(txn, 1, &next), 0);
    assert_int_equal(next.id, 2);
    record_mailbox_finish(&next);
    assert_int_equal(store_mailbox_next(txn, 2, &next), -ENOENT);
    bo.id = 0;
    assert_int_equal(store_mailbox_put(txn, &bo), -EINVAL);
    return 0;
}

static void test_mailboxes(void **state)
{
    RUN(mailboxes);
}

APPLY(pulses)
{
    struct mailbox_pulse pulse = {.mailbox = 3, .cursor = {"12", 2}, .sent_today = 5};
    struct lane lane = {.mailbox = 3, .campaign = 9, .sent_today = 2};
    auto_record(mailbox_pulse) got = {0};
    auto_record(lane) got_lane = {0};

    (void)arg;
    assert_int_equal(store_pulse_get(txn, 3, &got), -ENOENT);
    assert_int_equal(store_pulse_put(txn, &pulse), 0);
    pulse.sent_today = 6;
    assert_int_equal(store_pulse_put(txn, &pulse), 0);
    assert_int_equal(store_pulse_get(txn, 3, &got), 0);
    assert_int_equal(got.sent_today, 6);
    assert_memory_equal(got.cursor.data, "12", 2);
    assert_int_equal(store_lane_get(txn, 3, 9, &got_lane), -ENOENT);
    assert_int_equal(store_lane_put(txn, &lane), 0);
    assert_int_equal(store_lane_get(txn, 3, 9, &got_lane), 0);
    assert_int_equal(got_lane.sent_today, 2);
    return 0;
}

static void test_pulses(void **state)
{
    RUN(pulses);
}

APPLY(wipe)
{
    struct mailbox_pulse pulse = {.mailbox = 3, .cursor = {"12", 2}, .since = 77};
    struct pending pending = {.id = 1, .mailbox = 3};
    struct work work = {.id = 1, .mailbox = 3}, kept = {.id = 1, .mailbox = 4};
    struct enrolment enrolment = {.id = 6, .campaign = 1, .person = 1, .mailbox = 3, .steps = 1};
    struct message message = {
        .enrolment = 6, .campaign = 1, .mailbox = 3, .state = MESSAGE_INTENDED};
    struct message_ref mine = {6, 0}, other = {7, 0};
    struct campaign campaign = {.id = 1};
    struct campaign_counts counts = {
        .campaign = 1, .people = 1, .steps = 1, .messages = 1, .intended = 1};
    auto_record(mailbox_pulse) got = {0};
    auto_record(pending) pending_got = {0};
    auto_record(work) work_got = {0};
    auto_buf struct buf sealed = {0};

    (void)arg;
    assert_int_equal(store_pulse_put(txn, &pulse), 0);
    assert_int_equal(store_grant_put(txn, 3, (struct bytes){"g", 1}), 0);
    assert_int_equal(store_grant_put(txn, 4, (struct bytes){"h", 1}), 0);
    assert_int_equal(store_memory_put(txn, 3, "labels", (struct bytes){"m", 1}), 0);
    assert_int_equal(store_pending_put(txn, &pending), 0);
    assert_int_equal(store_work_put(txn, &work), 0);
    assert_int_equal(store_work_put(txn, &kept), 0);
    assert_int_equal(store_campaign_put(txn, &campaign), 0);
    assert_int_equal(store_counts_put(txn, &counts), 0);
    assert_int_equal(store_enrolment_put(txn, &enrolment), 0);
    assert_int_equal(store_message_put(txn, &message), 0);
    assert_int_equal(store_body_put(txn, mine, (struct bytes){"body", 4}), 0);
    assert_int_equal(store_body_put(txn, other, (struct bytes){"other", 5}), 0);
    assert_int_equal(store_memory_get(txn, 3, "labels", &sealed), 0);
    assert_string_equal(buf_text(&sealed), "m");

    assert_int_equal(store_mailbox_wipe(txn, 3), 0);
    assert_int_equal(store_grant_get(txn, 3, &sealed), -ENOENT);
    assert_int_equal(store_memory_get(txn, 3, "labels", &sealed), -ENOENT);
    assert_int_equal(store_pending_next(txn, 3, 0, &pending_got), -ENOENT);
    assert_int_equal(store_work_next(txn, 3, 0, &work_got), -ENOENT);
    assert_int_equal(store_body_get(txn, mine, &sealed), -ENOENT);
    assert_int_equal(store_pulse_get(txn, 3, &got), 0);
    assert_null(got.cursor.data);
    assert_int_equal(got.since, 77);
    assert_int_equal(store_work_next(txn, 4, 0, &work_got), 0); /* the neighbour's stays */
    assert_int_equal(store_body_get(txn, other, &sealed), 0);
    assert_int_equal(store_grant_get(txn, 4, &sealed), 0);
    assert_int_equal(store_grant_del(txn, 4), 0);
    assert_int_equal(store_grant_del(txn, 4), 0);
    return 0;
}

static void test_wipe(void **state)
{
    RUN(wipe);
}

/* -- campaigns ----------------------------------------------------------------------- */
APPLY(campaigns)
{
    struct campaign berlin = {.id = 1, .name = s("Berlin"), .status = CAMPAIGN_DRAFT};
    struct campaign again = {.id = 2, .name = s("Berlin"), .status = CAMPAIGN_DRAFT};
    struct campaign_counts counts = {.campaign = 1, .sent = 4, .people = 0};
    auto_record(campaign) got = {0};
    auto_record(campaign_counts) counted = {0};
    uint64_t id = 0;

    (void)arg;
    assert_int_equal(store_campaign_put(txn, &berlin), 0);
    assert_int_equal(store_campaign_put(txn, &again), -EEXIST);
    assert_int_equal(store_campaign_get(txn, 2, &got), -ENOENT);
    berlin.status = CAMPAIGN_REMOVED; /* gives the name free */
    assert_int_equal(store_campaign_put(txn, &berlin), 0);
    assert_int_equal(store_campaign_find(txn, "Berlin", &id), -ENOENT);
    assert_int_equal(store_campaign_put(txn, &again), 0);
    assert_int_equal(store_campaign_find(txn, "Berlin", &id), 0);
    assert_int_equal(id, 2);
    assert_int_equal(store_campaign_next(txn, 0, &got), 0);
    assert_int_equal(got.status, CAMPAIGN_REMOVED);
    assert_int_equal(store_counts_put(txn, &counts), 0);
    assert_int_equal(store_counts_get(txn, 1, &counted), 0);
    assert_int_equal(counted.sent, 4);
    counts.sent = 0;
    assert_int_equal(store_counts_put(txn, &counts), 0);
    return 0;
}

static void test_campaigns(void **state)
{
    RUN(campaigns);
}

/* -- people -------------------------------------------------------------------------- */
APPLY(people)
{
    struct person cy = {.id = 5, .address = s("Cy@x.example"), .key = s("cy@x.example")};
    auto_record(person) got = {0};
    uint64_t id = 0;

    (void)arg;
    assert_int_equal(store_person_put(txn, &cy), 0);
    assert_int_equal(store_person_find(txn, "cy@x.example", &id), 0);
    assert_int_equal(id, 5);
    cy.id = 6;
    assert_int_equal(store_person_put(txn, &cy), -EEXIST);
    assert_int_equal(store_person_del(txn, 5), 0);
    assert_int_equal(store_person_del(txn, 5), 0);
    assert_int_equal(store_person_find(txn, "cy@x.example", &id), -ENOENT);
    assert_int_equal(store_person_get(txn, 5, &got), -ENOENT);
    assert_int_equal(store_person_put(txn, &cy), 0);
    assert_int_equal(store_person_get(txn, 6, &got), 0);
    assert_string_equal(got.address, "Cy@x.example");
    return 0;
}

static void test_people(void **state)
{
    RUN(people);
}

static struct enrolment enrolment(uint64_t id, uint64_t campaign, uint64_t person, int64_t due)
{
    return (struct enrolment){.id = id,
                              .campaign = campaign,
                              .person = person,
                              .mailbox = 1,
                              .status = ENROLMENT_ACTIVE,
                              .due = due,
                              .steps = 3};
}

static void frame(struct store_txn *txn, uint64_t id, int64_t people, int64_t steps)
{
    struct campaign campaign = {.id = id};
    struct campaign_counts counts = {.campaign = id,
                                     .people = people,
                                     .steps = steps,
                                     .messages = people * steps,
                                     .planned = people * steps};

    assert_int_equal(store_campaign_put(txn, &campaign), 0);
    assert_int_equal(store_counts_put(txn, &counts), 0);
}

APPLY(enrolments)
{
    struct enrolment a = enrolment(10, 1, 100, 500), b = enrolment(11, 2, 100, 400),
                     c = enrolment(12, 1, 101, -5), twice = enrolment(13, 1, 100, 1);
    auto_record(enrolment) got = {0};
    int64_t due = 0;
    uint64_t id = 0, campaign = 0;

    (void)arg;
    frame(txn, 1, 2, 3);
    frame(txn, 2, 1, 3);
    assert_int_equal(store_enrolment_put(txn, &a), 0);
    assert_int_equal(store_enrolment_put(txn, &b), 0);
    assert_int_equal(store_enrolment_put(txn, &c), 0);
    assert_int_equal(store_enrolment_put(txn, &twice), -EEXIST);
    assert_int_equal(store_enrolment_get(txn, 13, &got), -ENOENT);
    assert_int_equal(store_enrolment_find(txn, 1, 101, &id), 0);
    assert_int_equal(id, 12);

    /* by lane, then due, then id; negative times sort first */
    assert_int_equal(store_due_next(txn, 1, 1, INT64_MIN, 0, &due, &id), 0);
    assert_int_equal(id, 12);
    assert_int_equal(due, -5);
    assert_int_equal(store_due_next(txn, 1, 1, due, id + 1, &due, &id), 0);
    assert_int_equal(id, 10);
    assert_int_equal(store_due_next(txn, 1, 1, due, id + 1, &due, &id), -ENOENT);
    assert_int_equal(store_lane_next(txn, 1, 0, &campaign, &due), 0);
    assert_int_equal(campaign, 1);
    assert_int_equal(due, -5);
    assert_int_equal(store_lane_next(txn, 1, 1, &campaign, &due), 0);
    assert_int_equal(campaign, 2);
    assert_int_equal(store_lane_next(txn, 1, 2, &campaign, &due), -ENOENT);
    assert_int_equal(store_lane_next(txn, 2, 0, &campaign, &due), -ENOENT);

    /* what changes, moves; what is not active, or never due, is not there */
    a.due = -7;
    assert_int_equal(store_enrolment_put(txn, &a), 0);
    c.due = INT64_MAX;
    assert_int_equal(store_enrolment_put(txn, &c), 0);
    b.status = ENROLMENT_STOPPED;
    assert_int_equal(store_enrolment_put(txn, &b), 0);
    assert_int_equal(store_due_next(txn, 1, 1, INT64_MIN, 0, &due, &id), 0);
    assert_int_equal(id, 10);
    assert_int_equal(store_due_next(txn, 1, 1, -6, 0, &due, &id), -ENOENT);
    assert_int_equal(store_lane_next(txn, 1, 1, &campaign, &due), -ENOENT);
    a.mailbox = 2;
    assert_int_equal(store_enrolment_put(txn, &a), 0);
    assert_int_equal(store_due_next(txn, 1, 1, INT64_MIN, 0, &due, &id), -ENOENT);
    assert_int_equal(store_due_next(txn, 2, 1, INT64_MIN, 0, &due, &id), 0);

    /* the walk by campaign skips the other's */
    assert_int_equal(store_enrolment_next(txn, 1, 0, &got), 0);
    assert_int_equal(got.id, 10);
    record_enrolment_finish(&got);
    assert_int_equal(store_enrolment_next(txn, 1, 10, &got), 0);
    assert_int_equal(got.id, 12);
    record_enrolment_finish(&got);
    assert_int_equal(store_enrolment_next(txn, 1, 12, &got), -ENOENT);
    return 0;
}

static void test_enrolments(void **state)
{
    RUN(enrolments);
}

APPLY(companies)
{
    struct enrolment a = enrolment(10, 1, 100, 5), b = enrolment(11, 1, 101, 5);
    uint64_t id = 0;

    (void)arg;
    frame(txn, 1, 2, 3);
    assert_int_equal(store_enrolment_put(txn, &a), 0);
    assert_int_equal(store_enrolment_put(txn, &b), 0);
    assert_int_equal(store_company_add(txn, "acme.example", 11), 0);
    assert_int_equal(store_company_add(txn, "acme.example", 10), 0);
    assert_int_equal(store_company_add(txn, "acme.example", 10), 0);
    assert_int_equal(store_company_next(txn, "acme.example", 0, &id), 0);
    assert_int_equal(id, 10);
    assert_int_equal(store_company_next(txn, "acme.example", 10, &id), 0);
    assert_int_equal(id, 11);
    assert_int_equal(store_company_next(txn, "acme.example", 11, &id), -ENOENT);
    assert_int_equal(store_company_next(txn, "other.example", 0, &id), -ENOENT);
    return 0;
}

static void test_companies(void **state)
{
    RUN(companies);
}

/* -- messages ------------------------------------------------------------------------ */
static struct message message(uint64_t of, uint16_t step, int32_t state)
{
    return (struct message){.enrolment = of,
                            .step = step,
                            .campaign = 1,
                            .mailbox = 1,
                            .state = state,
                            .thread_id = s("t1"),
                            .provider_id = s(step ? "p2" : "p1")};
}

static void check_open(struct store_txn *txn, struct message_ref after, int expect,
                       struct message_ref ref)
{
    struct message_ref got = {0, 0};

    assert_int_equal(store_open_next(txn, 1, after, &got), expect);
    assert_int_equal(got.enrolment, ref.enrolment);
    assert_int_equal(got.step, ref.step);
}

APPLY(messages)
{
    struct enrolment a = enrolment(10, 1, 100, 5);
    struct message first = message(10, 0, MESSAGE_INTENDED),
                   second = message(10, 1, MESSAGE_STAGED);
    struct campaign_counts counts = {
        .campaign = 1, .people = 1, .steps = 3, .messages = 3, .sent = 1, .planned = 2};
    struct message_ref none = {0, 0}, ref = {0, 0};
    auto_record(message) got = {0};

    (void)arg;
    frame(txn, 1, 1, 3);
    assert_int_equal(store_enrolment_put(txn, &a), 0);
    assert_int_equal(store_message_put(txn, &first), 0);
    assert_int_equal(store_message_put(txn, &second), 0);
    check_open(txn, none, 0, (struct message_ref){10, 0});
    check_open(txn, (struct message_ref){10, 0}, 0, (struct message_ref){10, 1});
    check_open(txn, (struct message_ref){10, 1}, -ENOENT, none);
    assert_int_equal(store_identity_find(txn, 1, IDENTITY_THREAD, "t1", &ref), -ENOENT);

    first.state = MESSAGE_SENT; /* sent, but its final id is not known: open still */
    assert_int_equal(store_message_put(txn, &first), 0);
    check_open(txn, none, 0, (struct message_ref){10, 0});
    first.final = true;
    first.final_id = s("<CA1@mail.example>");
    assert_int_equal(store_message_put(txn, &first), 0);
    check_open(txn, none, 0, (struct message_ref){10, 1});
    assert_int_equal(store_identity_find(txn, 1, IDENTITY_MESSAGE_ID, "<CA1@mail.example>", &ref),
                     0);
    assert_int_equal(ref.step, 0);
    assert_int_equal(store_identity_find(txn, 1, IDENTITY_MESSAGE_ID, "<CA1@MAIL.example>", &ref),
                     0); /* it is kept as it was sent, and found whatever its domain's case */
    assert_int_equal(store_identity_find(txn, 1, IDENTITY_MESSAGE_ID, "<ca1@mail.example>", &ref),
                     -ENOENT);
    /* an answer to it may come to another mailbox */
    assert_int_equal(store_identity_find(txn, 2, IDENTITY_MESSAGE_ID, "<CA1@mail.example>", &ref),
                     0);
    assert_int_equal(store_identity_find(txn, 1, IDENTITY_PROVIDER, "t1", &ref), -ENOENT);

    second.state = MESSAGE_SENT; /* a thread names its newest, and the one before once that goes */
    assert_int_equal(store_message_put(txn, &second), 0);
    assert_int_equal(store_identity_find(txn, 1, IDENTITY_THREAD, "t1", &ref), 0);
    assert_int_equal(ref.step, 1);
    assert_int_equal(store_identity_find(txn, 2, IDENTITY_THREAD, "t1", &ref), -ENOENT);
    second.state = MESSAGE_PLANNED;
    assert_int_equal(store_message_put(txn, &second), 0);
    assert_int_equal(store_identity_find(txn, 1, IDENTITY_THREAD, "t1", &ref), 0);
    assert_int_equal(ref.step, 0);
    assert_int_equal(store_identity_find(txn, 1, IDENTITY_PROVIDER, "p2", &ref), -ENOENT);
    check_open(txn, none, -ENOENT, none);

    assert_int_equal(store_message_get(txn, 10, 0, &got), 0);
    assert_string_equal(got.final_id, "<CA1@mail.example>");
    assert_int_equal(store_counts_put(txn, &counts), 0);
    return 0;
}

static void test_messages(void **state)
{
    RUN(messages);
}

APPLY(bodies)
{
    struct message_ref ref = {4, 2};
    auto_buf struct buf sealed = {0};

    (void)arg;
    assert_int_equal(store_body_get(txn, ref, &sealed), -ENOENT);
    assert_int_equal(store_body_put(txn, ref, (struct bytes){"abc", 3}), 0);
    assert_int_equal(store_body_get(txn, ref, &sealed), 0);
    assert_string_equal(buf_text(&sealed), "abc");
    assert_int_equal(store_body_del(txn, ref), 0);
    assert_int_equal(store_body_del(txn, ref), 0);
    assert_int_equal(store_body_get(txn, ref, &sealed), -ENOENT);
    return 0;
}

static void test_bodies(void **state)
{
    RUN(bodies);
}

/* -- replies ------------------------------------------------------------------------- */
APPLY(replies)
{
    struct reply a = {.id = 1, .mailbox = 3, .enrolment = 10, .provider_id = s("m1")};
    struct reply b = {.id = 2, .mailbox = 4, .enrolment = 10, .provider_id = s("m1")};
    struct reply again = {.id = 3, .mailbox = 3, .enrolment = 10, .provider_id = s("m1")};
    auto_record(reply) got = {0};
    uint64_t id = 0;

    (void)arg;
    assert_int_equal(store_reply_put(txn, &a), 0);
    assert_int_equal(store_reply_put(txn, &b), 0);
    assert_int_equal(store_reply_put(txn, &again), -EEXIST);
    assert_int_equal(store_reply_find(txn, 3, "m1", &id), 0);
    assert_int_equal(id, 1);
    assert_int_equal(store_reply_find(txn, 5, "m1", &id), -ENOENT);
    assert_int_equal(store_reply_next_of(txn, 10, 1, &got), 0);
    assert_int_equal(got.id, 2);
    record_reply_finish(&got);
    assert_int_equal(store_reply_next_of(txn, 10, 2, &got), -ENOENT);
    assert_int_equal(store_reply_next(txn, 0, &got), 0);
    assert_int_equal(got.id, 1);
    record_reply_finish(&got);
    assert_int_equal(store_reply_get(txn, 2, &got), 0);
    return 0;
}

static void test_replies(void **state)
{
    RUN(replies);
}

APPLY(pending)
{
    uint8_t hashes[2][16] = {{1}, {2}};
    struct pending a = {.id = 1, .mailbox = 3, .hashes = hashes, .hash_count = 2};
    auto_record(pending) got = {0};

    (void)arg;
    assert_int_equal(store_pending_put(txn, &a), 0);
    assert_int_equal(store_pending_next(txn, 3, 0, &got), 0);
    assert_int_equal(got.hash_count, 2);
    assert_memory_equal(got.hashes[1], hashes[1], 16);
    record_pending_finish(&got);
    assert_int_equal(store_pending_del(txn, 3, 1), 0);
    assert_int_equal(store_pending_next(txn, 3, 0, &got), -ENOENT);
    return 0;
}

static void test_pending(void **state)
{
    RUN(pending);
}

/* -- the rest ------------------------------------------------------------------------ */
APPLY(works)
{
    struct work a = {.id = 1, .mailbox = 3, .label = s("Outreach")};
    auto_record(work) got = {0};

    (void)arg;
    assert_int_equal(store_work_put(txn, &a), 0);
    assert_int_equal(store_work_next(txn, 3, 0, &got), 0);
    assert_string_equal(got.label, "Outreach");
    record_work_finish(&got);
    assert_int_equal(store_work_next(txn, 2, 0, &got), -ENOENT);
    assert_int_equal(store_work_del(txn, 3, 1), 0);
    assert_int_equal(store_work_next(txn, 3, 0, &got), -ENOENT);
    return 0;
}

static void test_work(void **state)
{
    RUN(works);
}

APPLY(suppressions)
{
    struct suppression a = {.kind = SUPPRESS_ADDRESS, .why = s("asked")};
    struct suppression d = {.kind = SUPPRESS_DOMAIN, .text = s("x.example")};
    auto_record(suppression) got = {0};
    uint8_t at[16];
    int count = 0;

    (void)arg;
    assert_int_equal(store_suppression_put(txn, "cy@x.example", &a), 0);
    assert_int_equal(store_suppression_put(txn, "x.example", &d), 0);
    assert_int_equal(store_suppression_find(txn, SUPPRESS_ADDRESS, "x.example", &got), -ENOENT);
    assert_int_equal(store_suppression_find(txn, SUPPRESS_ADDRESS, "cy@x.example", &got), 0);
    assert_string_equal(got.why, "asked");
    record_suppression_finish(&got);
    for (int r = store_suppression_next(txn, NULL, at, &got); !r;
         r = store_suppression_next(txn, at, at, &got)) {
        record_suppression_finish(&got);
        count++;
    }
    assert_int_equal(count, 2);
    assert_int_equal(store_suppression_del(txn, SUPPRESS_DOMAIN, "x.example"), 0);
    assert_int_equal(store_suppression_find(txn, SUPPRESS_DOMAIN, "x.example", &got), -ENOENT);
    return 0;
}

static void test_suppressions(void **state)
{
    RUN(suppressions);
}

APPLY(audits)
{
    auto_record(audit) got = {0};

    (void)arg;
    assert_int_equal(store_audit_add(txn, 5, "mailbox.connected", "ana@acme.example", NULL), 0);
    assert_int_equal(store_audit_add(txn, 6, "campaign.started", "Berlin", "by hand"), 0);
    assert_int_equal(store_audit_next(txn, 0, &got), 0);
    assert_string_equal(got.verb, "mailbox.connected");
    assert_null(got.detail);
    record_audit_finish(&got);
    assert_int_equal(store_audit_next(txn, 1, &got), 0);
    assert_string_equal(got.detail, "by hand");
    return 0;
}

static void test_audit(void **state)
{
    RUN(audits);
}

APPLY(hashes) /* the match room hands over what seal_hash made */
{
    crypto_generichash_state state;
    uint8_t ours[16], theirs[16];
    struct help *help = arg;

    store_hash(txn, "pending", "<a@b>", ours);
    crypto_generichash_init(&state, help->options.hash_key, 32, 16);
    crypto_generichash_update(&state, (const uint8_t *)"pending\0<a@b>", 13);
    crypto_generichash_final(&state, theirs, 16);
    assert_memory_equal(ours, theirs, 16);
    store_hash(txn, "pend", "ing<a@b>", theirs);
    assert_memory_not_equal(ours, theirs, 16);
    return 0;
}

static void test_hashes(void **state)
{
    assert_int_equal(help_run(*state, hashes, *state), 0);
}

APPLY(sequences)
{
    uint64_t id = 0;

    (void)arg;
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(store_next_id(txn, SEQ_PERSON, &id), 0);
        assert_int_equal(id, i);
    }
    assert_int_equal(store_next_id(txn, SEQ_WORK, &id), 0);
    assert_int_equal(id, 1);
    assert_int_equal(store_next_id(txn, SEQ_COUNT, &id), -EINVAL);
    return 0;
}

static void test_sequences(void **state)
{
    RUN(sequences);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mailboxes),    TEST(pulses),     TEST(wipe),      TEST(campaigns),
        TEST(people),       TEST(enrolments), TEST(companies), TEST(messages),
        TEST(bodies),       TEST(replies),    TEST(pending),   TEST(work),
        TEST(suppressions), TEST(audit),      TEST(sequences), TEST(hashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
