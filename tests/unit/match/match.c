/* unit/match/match.c: what a mail answers, over a small world of three messages. */
#include "match/match.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BOX = 7 };
static const int64_t sent_at = 1793534400000, day = 86400000;

static struct match_message message(uint64_t enrolment, uint16_t step)
{
    struct match_message made = {.campaign = 1,
                                 .person = enrolment,
                                 .enrolment = enrolment,
                                 .mailbox = BOX,
                                 .step = step,
                                 .sent_at = sent_at};

    strcpy(made.person_key, enrolment == 1 ? "ana@acme.example" : "bo@acme.example");
    strcpy(made.base_subject, "a question");
    return made;
}

static bool by_token(void *arg, const char *id, struct match_message *out)
{
    (void)arg;
    if (strcmp(id, "token-1") != 0)
        return false;
    *out = message(1, 1);
    return true;
}

/* 1.N@ours: step N of enrolment 1; 2.N@ours the same of 2. */
static bool by_id(void *arg, const char *id_key, struct match_message *out)
{
    unsigned enrolment, step;
    char end[16];

    (void)arg;
    if (sscanf(id_key, "%u.%u@%15s", &enrolment, &step, end) != 3 || strcmp(end, "ours") != 0)
        return false;
    *out = message(enrolment, (uint16_t)step);
    return true;
}

static bool by_thread(void *arg, uint64_t mailbox, const char *thread_id, struct match_message *out)
{
    (void)arg;
    if (mailbox != BOX || strcmp(thread_id, "thread-1") != 0)
        return false;
    *out = message(1, 2);
    return true;
}

static bool by_label(void *arg, uint64_t mailbox, const char *person_key, const char *const *labels,
                     struct match_message *out)
{
    (void)arg;
    if (mailbox != BOX || strcmp(person_key, "ana@acme.example") != 0 ||
        strcmp(labels[0], "Outreach/1") != 0)
        return false;
    *out = message(1, 1);
    return true;
}

static size_t by_sender(void *arg, uint64_t mailbox, const char *person_key,
                        struct match_message *out, size_t max)
{
    (void)arg;
    if (max == 0 || strcmp(person_key, "ana@acme.example") != 0)
        return 0;
    *out = message(1, 1);
    out->mailbox = mailbox == BOX ? BOX : 8;
    return mailbox == BOX;
}

static bool is_ours(void *arg, const char *address)
{
    (void)arg;
    return strcmp(address, "us@ours.example") == 0 || strcmp(address, "alias@ours.example") == 0;
}

static const struct match_lookup lookup = {by_token,  by_id,   by_thread, by_label,
                                           by_sender, is_ours, NULL};

struct given { /* what differs from a reply in the inbox */
    const char *headers, *thread, *label;
    enum mail_kind kind;
    enum mail_where where;
    int64_t received;
    const struct mail_report *report;
    uint64_t mailbox;
};

static struct match_mail mail_of(const struct given *given, struct mail_headers *headers,
                                 const char **labels)
{
    mail_headers_parse(headers, given->headers, strlen(given->headers));
    labels[0] = given->label;
    labels[1] = NULL;
    return (struct match_mail){.headers = headers,
                               .report = given->report,
                               .kind = given->kind ? given->kind : MAIL_REPLY,
                               .where = given->where ? given->where : MAIL_INBOUND,
                               .mailbox = given->mailbox ? given->mailbox : BOX,
                               .thread_id = given->thread,
                               .labels = given->label ? labels : NULL,
                               .received = given->received ? given->received : sent_at + day};
}

static struct match_result find(struct given given)
{
    struct mail_headers headers;
    const char *labels[2];
    struct match_result result;
    struct match_mail mail = mail_of(&given, &headers, labels);

    match_find(&mail, &lookup, &result);
    mail_headers_finish(&headers);
    return result;
}

static void check_one(struct given given, enum match_evidence evidence, const char *matched,
                      uint16_t step, bool by_other)
{
    struct match_result result = find(given);

    assert_int_equal(result.count, 1);
    assert_int_equal(result.hits[0].evidence[0], evidence);
    assert_string_equal(result.hits[0].matched[0], matched);
    assert_int_equal(result.hits[0].message.step, step);
    assert_int_equal(result.hits[0].by_other, by_other);
    match_result_finish(&result);
}

static void check_none(struct given given)
{
    struct match_result result = find(given);

    assert_int_equal(result.count, 0);
    match_result_finish(&result);
}

#define ANA "From: Ana <ana@ACME.example>\n"

static void test_ids(void **state)
{
    (void)state;
    check_one((struct given){.headers = ANA "In-Reply-To: <1.1@ours>\n"}, MATCH_MESSAGE_ID,
              "1.1@ours", 1, false);
    check_one((struct given){.headers = ANA "References: <1.1@ours> <1.2@OURS> <x@y>\n"},
              MATCH_MESSAGE_ID, "1.2@OURS", 2, false);
    check_one((struct given){.headers = ANA "In-Reply-To: <token-1>\n"}, MATCH_MESSAGE_ID,
              "token-1", 1, false);
    check_one((struct given){.headers = "From: cy@acme.example\nIn-Reply-To: <1.1@ours>\n"},
              MATCH_MESSAGE_ID, "1.1@ours", 1, true);
    check_none((struct given){.headers = ANA "In-Reply-To: <1.1@theirs>\n"});
}

static void test_two_enrolments(void **state)
{
    struct match_result result =
        find((struct given){.headers = ANA "References: <1.1@ours> <2.1@ours> <1.2@ours>\n"});

    (void)state;
    assert_int_equal(result.count, 2);
    assert_int_equal(result.hits[0].message.enrolment, 1);
    assert_int_equal(result.hits[0].message.step, 2);
    assert_int_equal(result.hits[1].message.enrolment, 2);
    match_result_finish(&result);
}

static void test_thread_marker_label(void **state)
{
    struct match_result result;

    (void)state;
    check_one((struct given){.headers = ANA, .thread = "thread-1"}, MATCH_THREAD, "thread-1", 2,
              false);
    check_one((struct given){.headers = ANA, .label = "Outreach/1"}, MATCH_LABEL, "Outreach/1", 1,
              false);
    check_none((struct given){.headers = "From: cy@acme.example\n", .label = "Outreach/1"});
    check_one((struct given){.headers = ANA "X-Postrider-Id: token-1\n"}, MATCH_MARKER, "token-1",
              1, false);
    result = find((struct given){.headers = ANA "In-Reply-To: <1.1@ours>\n", .thread = "thread-1"});
    assert_int_equal(result.hits[0].count, 2);
    assert_int_equal(result.hits[0].evidence[1], MATCH_THREAD);
    match_result_finish(&result);
    check_none((struct given){.headers = ANA, .thread = "thread-1", .mailbox = 9});
}

static void test_never_ours(void **state)
{
    static const char from_alias[] = "From: alias@ours.example\nIn-Reply-To: <1.1@ours>\n";

    (void)state;
    check_none((struct given){.headers = from_alias, .thread = "thread-1"});
    check_none((struct given){.headers = ANA "In-Reply-To: <1.1@ours>\n", .where = MAIL_OUTBOUND});
    check_none((struct given){.headers = ANA "In-Reply-To: <1.1@ours>\n", .where = MAIL_DRAFT});
    check_none((struct given){.headers = ANA "In-Reply-To: <1.1@ours>\n", .where = MAIL_TRASH});
    check_none((struct given){.headers = ANA "In-Reply-To: <1.1@ours>\n", .kind = MAIL_OURS});
    check_one((struct given){.headers = ANA "In-Reply-To: <1.1@ours>\n", .where = MAIL_JUNK},
              MATCH_MESSAGE_ID, "1.1@ours", 1, false);
}

static void test_reports(void **state)
{
    static const char from[] = "From: MAILER-DAEMON@acme.example\nSubject: Re: A question\n";
    char id[] = "1.1@ours", marker[] = "token-1";
    struct mail_report by_their_id = {.kind = MAIL_REPORT_DELIVERY, .message_id = id},
                       by_our_marker = {.kind = MAIL_REPORT_DELIVERY, .marker = marker},
                       by_envelope = {.kind = MAIL_REPORT_DELIVERY, .envelope_id = marker};

    (void)state;
    check_one((struct given){.headers = from, .report = &by_their_id, .kind = MAIL_BOUNCE},
              MATCH_REPORT, "1.1@ours", 1, false);
    check_one((struct given){.headers = from, .report = &by_our_marker, .kind = MAIL_BOUNCE},
              MATCH_REPORT, "token-1", 1, false);
    /* smtp-imap.so gives the marker as ENVID: a report that returns no headers still names it */
    check_one((struct given){.headers = from, .report = &by_envelope, .kind = MAIL_BOUNCE},
              MATCH_REPORT, "token-1", 1, false);
    check_one((struct given){.headers = from, .thread = "thread-1", .kind = MAIL_BOUNCE},
              MATCH_THREAD, "thread-1", 2, false);
}

static void test_sender_and_subject(void **state)
{
    static const char plain[] = ANA "Subject: AW: [EXT] A Question\n";

    (void)state;
    check_one((struct given){.headers = plain}, MATCH_SENDER_SUBJECT, "a question", 1, false);
    check_one((struct given){.headers = "From: ana@acme.example\r\nSubject: unsubscribe\r\n",
                             .kind = MAIL_UNSUBSCRIBE},
              MATCH_SENDER_SUBJECT, "unsubscribe", 1, false);
    check_none((struct given){.headers = ANA "Subject: Re: Another question\n"});
    check_none((struct given){.headers = ANA "Subject: Re:\n"});
    check_none((struct given){.headers = "From: cy@acme.example\nSubject: Re: A question\n"});
    check_none((struct given){.headers = plain, .received = sent_at - 1});
    check_none((struct given){.headers = plain, .received = sent_at + 91 * day});
    check_none((struct given){.headers = plain, .mailbox = 9});
    check_none((struct given){.headers = plain, .kind = MAIL_BOUNCE});
}

static bool has(char **keys, const char *want)
{
    for (size_t i = 0; keys && keys[i]; i++)
        if (strcmp(keys[i], want) == 0)
            return true;
    return false;
}

static void test_pending(void **state)
{
    struct given given = {.headers = ANA "In-Reply-To: <X@Y>\n", .thread = "t"};
    struct mail_headers headers;
    const char *labels[2];
    struct match_mail mail = mail_of(&given, &headers, labels);
    char **keys = match_pending_keys(&mail, &lookup);
    char *id = match_pending_id("<X@y>"), *thread = match_pending_thread(BOX, "t"),
         *sender = match_pending_sender(BOX, "ana@acme.example");

    (void)state;
    assert_true(has(keys, id) && has(keys, thread) && has(keys, sender));
    assert_null(keys[3]);
    mem_strv_free(keys);
    mail.where = MAIL_OUTBOUND;
    assert_null(match_pending_keys(&mail, &lookup));
    free(id);
    free(thread);
    free(sender);
    mail_headers_finish(&headers);
}

static void test_cut_subject(void **state)
{
    char out[4];

    (void)state;
    match_cut_subject(out, sizeof(out), "ab\xc3\xa9");
    assert_string_equal(out, "ab");
    match_cut_subject(out, sizeof(out), "abc");
    assert_string_equal(out, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_two_enrolments),
        cmocka_unit_test(test_thread_marker_label),
        cmocka_unit_test(test_never_ours),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_sender_and_subject),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_cut_subject),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
