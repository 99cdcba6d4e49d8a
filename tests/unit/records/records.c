/* unit/records/records.c: what is written is read back whole, and nothing else is. */
#include "records/records.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *s(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* Encodes, decodes, encodes again: the bytes must be the same, every beginning of them and every
 * longer thing refused, and what changed bytes decode to must encode to just those. */
#define ROUND(name, record, got)                                                                   \
    do {                                                                                           \
        struct buf first_ = {0}, again_ = {0};                                                     \
                                                                                                   \
        record_##name##_encode(record, &first_);                                                   \
        assert_int_equal(record_##name##_decode(buf_bytes(&first_), got), 0);                      \
        record_##name##_encode(got, &again_);                                                      \
        assert_int_equal(again_.len, first_.len);                                                  \
        assert_memory_equal(again_.data, first_.data, first_.len);                                 \
        for (size_t i_ = 0; i_ < first_.len; i_++) {                                               \
            struct name part_ = {0};                                                               \
            char *exact_ = mem_dup(first_.data, i_ ? i_ : 1);                                      \
                                                                                                   \
            assert_int_equal(record_##name##_decode((struct bytes){exact_, i_}, &part_),           \
                             -EBADMSG);                                                            \
            free(exact_);                                                                          \
        }                                                                                          \
        for (size_t i_ = 0; i_ < first_.len * 255; i_++) {                                         \
            struct name changed_ = {0};                                                            \
            char *exact_ = mem_dup(first_.data, first_.len);                                       \
                                                                                                   \
            exact_[i_ / 255] = (char)(exact_[i_ / 255] + 1 + (int)(i_ % 255));                     \
            if (!record_##name##_decode((struct bytes){exact_, first_.len}, &changed_)) {          \
                buf_truncate(&again_, 0);                                                          \
                record_##name##_encode(&changed_, &again_);                                        \
                assert_int_equal(again_.len, first_.len);                                          \
                assert_memory_equal(again_.data, exact_, first_.len);                              \
            }                                                                                      \
            record_##name##_finish(&changed_);                                                     \
            free(exact_);                                                                          \
        }                                                                                          \
        buf_add_char(&first_, 0);                                                                  \
        assert_int_equal(record_##name##_decode(buf_bytes(&first_), &(struct name){0}), -EBADMSG); \
        buf_finish(&first_);                                                                       \
        buf_finish(&again_);                                                                       \
    } while (0)

static void test_mailbox(void **state)
{
    char *aliases[] = {s("ana.b@acme.example"), s(""), NULL}, *none[] = {NULL};
    struct mailbox mailbox = {.id = UINT64_MAX,
                              .address = s("Ana@acme.example"),
                              .key = s("ana@acme.example"),
                              .provider = s("gmail"),
                              .subject = s("1234"),
                              .name = s(""),
                              .zone = s("Europe/Berlin"),
                              .aliases = aliases,
                              .granted = none,
                              .access = INT32_MIN,
                              .status = MAILBOX_ACTIVE,
                              .promise = PROMISE_STRICT,
                              .why = s("because"),
                              .invite = 3,
                              .created_at = INT64_MIN,
                              .connected_at = INT64_MAX,
                              .changed_at = -1};
    auto_record(mailbox) got = {0};

    (void)state;
    ROUND(mailbox, &mailbox, &got);
    assert_int_equal(got.id, UINT64_MAX);
    assert_string_equal(got.address, "Ana@acme.example");
    assert_string_equal(got.name, ""); /* empty stays empty, */
    assert_null(got.tenant);           /* and none stays none */
    assert_non_null(got.granted);
    assert_null(got.granted[0]);
    assert_string_equal(got.aliases[0], "ana.b@acme.example");
    assert_string_equal(got.aliases[1], "");
    assert_null(got.aliases[2]);
    assert_int_equal(got.access, INT32_MIN);
    assert_int_equal(got.status, MAILBOX_ACTIVE);
    assert_true(got.created_at == INT64_MIN && got.connected_at == INT64_MAX);
    assert_int_equal(got.changed_at, -1);
    assert_int_equal(got.invite, 3);
}

static void test_pulse_and_lane(void **state)
{
    struct mailbox_pulse pulse = {.mailbox = 1,
                                  .cursor = {"a\0b", 3},
                                  .since = 2,
                                  .listed_at = 3,
                                  .last_sent_at = 4,
                                  .day = 5,
                                  .sent_today = UINT32_MAX,
                                  .first_sent_at = 6,
                                  .hold_send = 7,
                                  .hold_list = 8,
                                  .hold_label = 9,
                                  .hold_why = s("quota"),
                                  .failures = 10};
    struct mailbox_pulse empty = {.cursor = {"", 0}};
    struct lane lane = {1, 2, 3, 4, 5, 6};
    auto_record(mailbox_pulse) got = {0};
    auto_record(mailbox_pulse) got_empty = {0};
    auto_record(lane) got_lane = {0};

    (void)state;
    ROUND(mailbox_pulse, &pulse, &got);
    assert_int_equal(got.cursor.len, 3);
    assert_memory_equal(got.cursor.data, "a\0b", 3);
    assert_true(got.hold_send == 7 && got.hold_list == 8 && got.hold_label == 9);
    assert_true(got.sent_today == UINT32_MAX && got.failures == 10 && got.day == 5);
    assert_string_equal(got.hold_why, "quota");
    ROUND(mailbox_pulse, &empty, &got_empty);
    assert_non_null(got_empty.cursor.data);
    assert_int_equal(got_empty.cursor.len, 0);
    ROUND(lane, &lane, &got_lane);
    assert_memory_equal(&got_lane.day, &lane.day, sizeof lane.day);
    assert_true(got_lane.campaign == 2 && got_lane.sent_today == 4 && got_lane.last_sent_at == 6);
}

static void test_campaign(void **state)
{
    uint64_t mailboxes[] = {1, 300, UINT64_MAX};
    char *columns[] = {s("first_name"), s("company"), NULL};
    struct campaign campaign = {.id = 1,
                                .name = s("Backend engineers, Berlin"),
                                .source = s("name: x\n"),
                                .revision = 2,
                                .status = CAMPAIGN_STARTING,
                                .mailboxes = mailboxes,
                                .mailbox_count = 3,
                                .columns = columns,
                                .created_at = 4,
                                .started_at = 5,
                                .changed_at = 6};
    struct campaign_counts counts = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
    auto_record(campaign) got = {0};
    auto_record(campaign_counts) counted = {0};

    (void)state;
    ROUND(campaign, &campaign, &got);
    assert_int_equal(got.mailbox_count, 3);
    assert_memory_equal(got.mailboxes, mailboxes, sizeof mailboxes);
    assert_string_equal(got.columns[1], "company");
    assert_int_equal(got.changed_at, 6);
    ROUND(campaign_counts, &counts, &counted);
    assert_memory_equal(&counted, &counts, sizeof counts);
}

static void test_people(void **state)
{
    uint64_t enrolments[] = {7, 9};
    struct field fields[] = {{s("name"), s("Ana")}, {s("city"), NULL}};
    struct person person = {.id = 4,
                            .address = s("A@x.example"),
                            .key = s("a@x.example"),
                            .created_at = 1,
                            .answered_at = 2,
                            .answer_kind = REPLY_COMPLAINT,
                            .enrolments = enrolments,
                            .enrolment_count = 2};
    struct enrolment enrolment = {.id = 7,
                                  .campaign = 1,
                                  .person = 4,
                                  .mailbox = 2,
                                  .step = UINT16_MAX,
                                  .steps = 3,
                                  .status = ENROLMENT_WAITING,
                                  .marks = MARK_INTERESTED,
                                  .due = 5,
                                  .rule = s("window"),
                                  .why = s("because"),
                                  .last_sent_at = 6,
                                  .away_until = 77,
                                  .zone = s("UTC"),
                                  .fields = fields,
                                  .field_count = 2,
                                  .reply = 8};
    auto_record(person) got = {0};
    auto_record(enrolment) enrolled = {0};

    (void)state;
    ROUND(person, &person, &got);
    assert_int_equal(got.enrolments[1], 9);
    assert_int_equal(got.answer_kind, REPLY_COMPLAINT);
    ROUND(enrolment, &enrolment, &enrolled);
    assert_int_equal(enrolled.step, UINT16_MAX);
    assert_int_equal(enrolled.away_until, 77);
    assert_int_equal(enrolled.field_count, 2);
    assert_string_equal(enrolled.fields[0].value, "Ana");
    assert_null(enrolled.fields[1].value);
    assert_int_equal(enrolled.reply, 8);
}

static void test_message(void **state)
{
    struct message message = {.enrolment = 7,
                              .campaign = 1,
                              .person = 4,
                              .mailbox = 2,
                              .step = 1,
                              .state = MESSAGE_UNCERTAIN,
                              .attempt = 2,
                              .grade = GRADE_OBSERVED,
                              .minted_at = 3,
                              .first_minted_at = 4,
                              .ended_at = 5,
                              .sent_at = 6,
                              .message_id = s("<a@b>"),
                              .final_id = s("<c@d>"),
                              .final = true,
                              .provider_id = s("p"),
                              .thread_id = s("t"),
                              .subject = s("Re: S"),
                              .base_subject = s("S"),
                              .to = s("to@x.example"),
                              .from = s("ana@acme.example"),
                              .body_hash = {"0123456789abcdef", 16},
                              .kind = 1,
                              .scope = 2,
                              .code = -500,
                              .detail = s("d")};
    auto_record(message) got = {0};

    (void)state;
    ROUND(message, &message, &got);
    assert_true(got.final);
    assert_int_equal(got.code, -500);
    assert_string_equal(got.detail, "d");
    assert_int_equal(got.body_hash.len, 16);
}

static void test_replies(void **state)
{
    struct evidence evidence[] = {{1, s("<a@b>")}, {3, NULL}};
    uint8_t hashes[][16] = {"one", "two", "three"};
    struct reply reply = {.id = 1,
                          .mailbox = 2,
                          .campaign = 3,
                          .enrolment = 4,
                          .person = 5,
                          .step = 6,
                          .kind = REPLY_OUT_OF_OFFICE,
                          .received_at = 7,
                          .recorded_at = 8,
                          .returns_at = 9,
                          .provider_id = s("p"),
                          .from = s("cy@x.example"),
                          .why = s("says so"),
                          .interested = true,
                          .evidence = evidence,
                          .evidence_count = 2};
    struct pending pending = {.id = 1, .mailbox = 2, .hashes = hashes, .hash_count = 3};
    auto_record(reply) got = {0};
    auto_record(pending) waiting = {0};

    (void)state;
    ROUND(reply, &reply, &got);
    assert_true(got.interested && !got.other_address);
    assert_int_equal(got.evidence_count, 2);
    assert_string_equal(got.evidence[0].text, "<a@b>");
    assert_int_equal(got.evidence[1].kind, 3);
    ROUND(pending, &pending, &waiting);
    assert_int_equal(waiting.hash_count, 3);
    assert_memory_equal(waiting.hashes, hashes, sizeof hashes);
}

static void test_rest(void **state)
{
    struct work work = {1, 2, 3, 4, WORK_FILE, s("p"), s("label"), 5, 6};
    struct suppression suppression = {SUPPRESS_DOMAIN, NULL, s("asked"), 7};
    struct audit audit = {1, 2, s("v"), s("o"), NULL};
    auto_record(work) got = {0};
    auto_record(suppression) suppressed = {0};
    auto_record(audit) line = {0};

    (void)state;
    ROUND(work, &work, &got);
    assert_int_equal(got.attempts, 6);
    ROUND(suppression, &suppression, &suppressed);
    assert_null(suppressed.text);
    ROUND(audit, &audit, &line);
    assert_string_equal(line.object, "o");
}

/* -- what must be refused ------------------------------------------------------------ */
static void refused(const char *data, size_t len)
{
    struct audit audit = {0};
    char *exact = mem_dup(data, len ? len : 1);

    assert_int_equal(record_audit_decode((struct bytes){exact, len}, &audit), -EBADMSG);
    assert_null(audit.verb);
    free(exact);
}

static void test_refused(void **state)
{
    struct campaign campaign = {0};
    struct pending pending = {0};
    static const char many_ids[] = "\1\1\0\0\2\2\377\377\377\377\17";
    static const char many_hashes[] = "\1\1\1\2\2\0\0\377\377\377\377\377\377\377\377\177";

    (void)state;
#define REFUSED(text) refused(text, sizeof text - 1)
    REFUSED("");
    REFUSED("\2\1\0\0\0\0");                                         /* another version */
    REFUSED("\1\201\0\0\0\0\0");                                     /* 1, longer than need be */
    REFUSED("\1\377\377\377\377\377\377\377\377\377\2\0\0\0\0");     /* beyond 64 bits */
    REFUSED("\1\377\377\377\377\377\377\377\377\377\377\1\0\0\0\0"); /* eleven bytes */
    REFUSED("\1\1\0\3a\0\0\0");                                      /* a NUL in text */
    REFUSED("\1\1\0\377\377\377\377\377\377\377\377\377\1");         /* a length that wraps */
    REFUSED("\1\1\0\2a\3b");
    assert_int_equal(
        record_campaign_decode((struct bytes){many_ids, sizeof many_ids - 1}, &campaign), -EBADMSG);
    assert_int_equal(
        record_pending_decode((struct bytes){many_hashes, sizeof many_hashes - 1}, &pending),
        -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mailbox),  cmocka_unit_test(test_pulse_and_lane),
        cmocka_unit_test(test_campaign), cmocka_unit_test(test_people),
        cmocka_unit_test(test_message),  cmocka_unit_test(test_replies),
        cmocka_unit_test(test_rest),     cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
