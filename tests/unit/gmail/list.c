/* unit/gmail/list.c: first listing, history and its traps, labels, delivery reports. */
#include "fake.h"

#define HEADERS                                                                                    \
    ",\"payload\":{\"headers\":[{\"name\":\"From\",\"value\":\"bo@beta.example\"},"                \
    "{\"name\":\"X-Secret\",\"value\":\"no\"},{\"name\":\"references\",\"value\":\"<1@a>\\r\\n "   \
    "<2@a>\"}]}"
#define MESSAGE(id, labels, date)                                                                  \
    "{\"id\":\"" id "\",\"threadId\":\"t" id "\",\"labelIds\":[" labels                            \
    "],\"internalDate\":\"" date "\"" HEADERS "}"
#define BLOCK "[From: bo@beta.example\r\nreferences: <1@a>   <2@a>\r\n]"
#define GONE "{\"error\":{\"code\":404,\"errors\":[{\"reason\":\"notFound\"}]}}"

static const char *const wanted[] = {"From", "References", NULL};

static struct rider_query query(const char *cursor)
{
    return (struct rider_query){.size = sizeof(struct rider_query),
                                .cursor = {cursor, cursor ? strlen(cursor) : 0},
                                .since = 1000,
                                .limit = 100,
                                .headers = wanted};
}

static void list(struct fake *fake, const char *cursor, uint32_t want)
{
    struct rider_query asked = query(cursor);

    asked.want = want;
    fake->provider->list(fake->session, &fake->op, &asked);
    run(fake);
}

static void first_listing(void **state)
{
    const char *const one[] = {
        MESSAGE("a1", "\"INBOX\"", "3000"), NULL,
        MESSAGE("a3", "\"SPAM\"", "2500"),  MESSAGE("a4", "\"DRAFT\"", "2400"),
        MESSAGE("a5", "\"SENT\"", "2300"),  MESSAGE("a6", "\"TRASH\"", "2200")};
    const char *const two[] = {MESSAGE("b1", "", "1000"), MESSAGE("b2", "\"INBOX\"", "999")};
    char *first = batch(one, 6), *second = batch(two, 2);
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "GET /users/me/profile", 200,
            "{\"emailAddress\":\"ana@acme.example\",\"historyId\":\"9223372036854775900\"}");
    foresee(&fake, "GET /messages?includeSpamTrash=true&maxResults=50", 200,
            "{\"messages\":[{\"id\":\"a1\"},{\"id\":\"a2\"},{\"id\":\"a3\"},{\"id\":\"a4\"},"
            "{\"id\":\"a5\"},{\"id\":\"a6\"},{\"id\":\"a1\"}],\"nextPageToken\":\"p2\"}");
    foresee_batch(&fake, first);
    list(&fake, NULL, 0);
    assert_int_equal(fake.ended, ENDED_LIST);
    assert_string_equal(text_of(&fake.items), "1/1 a1 ta1 3000 " BLOCK "\n"
                                              "1/4 a3 ta3 2500 " BLOCK "\n"
                                              "1/2 a5 ta5 2300 " BLOCK "\n"
                                              "1/5 a6 ta6 2200 " BLOCK "\n");
    assert_true(fake.more);
    assert_string_equal(fake.cursor, "1 f 9223372036854775900 p2 -");

    again(&fake); /* what is older than `since` ends it, even if there are more pages */
    foresee(&fake, "GET /messages?includeSpamTrash=true&maxResults=50&pageToken=p2", 200,
            "{\"messages\":[{\"id\":\"b1\"},{\"id\":\"b2\"}],\"nextPageToken\":\"p3\"}");
    foresee_batch(&fake, second);
    list(&fake, "1 f 9223372036854775900 p2 -", 0);
    assert_string_equal(text_of(&fake.items), "1/1 b1 tb1 1000 " BLOCK "\n");
    assert_false(fake.more);
    assert_string_equal(fake.cursor, "1 h 9223372036854775900 - -");
    free(first);
    free(second);
    fake_finish(&fake);
}

static void idle_mailbox(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "GET /profile", 200, "{\"emailAddress\":\"a\",\"historyId\":\"77\"}");
    foresee(&fake, "GET /messages?", 200, "{\"resultSizeEstimate\":0}");
    list(&fake, NULL, 0);
    assert_string_equal(fake.cursor, "1 h 77 - -");
    again(&fake);
    foresee(&fake, "GET /history?startHistoryId=77", 200, "{\"historyId\":\"77\"}");
    list(&fake, "1 h 77 - -", 0);
    assert_false(fake.more);
    assert_string_equal(fake.cursor, "1 h 77 - -");
    fake_finish(&fake);
}

static void lost_cursors(void **state)
{
    static const char *const bad[] = {"x",           "1 h 0 - -",    "1 h 12 -",
                                      "1 h 12 - - ", "1 h -1 - -",   "1 h 99999999999999999999 - -",
                                      "2 h 12 - -",  "1 h 12 %zz -", "1 q 12 - -"};
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "GET /history?startHistoryId=12", 404, GONE);
    list(&fake, "1 h 12 - -", 0);
    assert_int_equal(fake.kind, RIDER_CURSOR_LOST);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        again(&fake);
        list(&fake, bad[i], 0);
        assert_int_equal(fake.kind, RIDER_CURSOR_LOST);
    }
    fake_finish(&fake);
}

static void history_pages(void **state)
{
    const char *const one[] = {MESSAGE("a1", "\"INBOX\"", "5"), "!400 {}"};
    char *first = batch(one, 2);
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "GET /history?startHistoryId=12&maxResults=500&historyTypes=messageAdded", 200,
            "{\"nextPageToken\":\"p2\",\"historyId\":\"90\"}"); /* a page without history */
    list(&fake, "1 h 12 - -", 0);
    assert_string_equal(text_of(&fake.items), "");
    assert_true(fake.more);
    assert_string_equal(fake.cursor, "1 h 12 p2 -");

    again(&fake); /* twice the same, one that Gmail refuses for good, a draft */
    foresee(&fake, "GET startHistoryId=12&maxResults=500&historyTypes=messageAdded&pageToken=p2",
            200,
            "{\"history\":[{\"id\":\"13\",\"messages\":[{\"id\":\"a1\"}],\"messagesAdded\":[{"
            "\"message\":{\"id\":\"a1\",\"labelIds\":[\"INBOX\"]}}]},{\"id\":\"14\","
            "\"messagesAdded\":[{\"message\":{\"id\":\"a1\"}},{\"message\":{\"id\":\"a2\"}},"
            "{\"message\":{\"id\":\"a3\",\"labelIds\":[\"DRAFT\"]}}]},{\"id\":\"15\"}],"
            "\"historyId\":\"90\"}");
    foresee_batch(&fake, first);
    list(&fake, "1 h 12 p2 -", 0);
    assert_string_equal(text_of(&fake.items), "1/1 a1 ta1 5 " BLOCK "\n");
    assert_false(fake.more);
    assert_string_equal(fake.cursor, "1 h 90 - -");

    again(&fake); /* a page token that has aged: from the page's start */
    foresee(&fake, "GET &pageToken=p2", 400, "{}");
    foresee(&fake, "GET /history?startHistoryId=12", 200, "{\"historyId\":\"91\"}");
    list(&fake, "1 h 12 p2 a1", 0);
    assert_string_equal(fake.cursor, "1 h 91 - -");
    free(first);
    fake_finish(&fake);
}

#define THREE                                                                                      \
    "{\"history\":[{\"id\":\"13\",\"messagesAdded\":[{\"message\":{\"id\":\"a1\"}},"               \
    "{\"message\":{\"id\":\"a2\"}},{\"message\":{\"id\":\"a3\"}}]}],\"historyId\":\"90\"}"

static void the_cursor_covers_what_was_taken(void **state)
{
    const char *const all[] = {MESSAGE("a1", "", "1"), MESSAGE("a2", "", "2"),
                               MESSAGE("a3", "", "3")};
    const char *const broken[] = {MESSAGE("a1", "", "1"), "!429 {}", MESSAGE("a3", "", "3")};
    char *whole = batch(all, 3), *rest = batch(all + 1, 2), *limited = batch(broken, 3),
         *none = batch(broken + 1, 2);
    struct rider_query asked = query("1 h 12 - -");
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "GET /history?", 200, THREE);
    foresee_batch(&fake, whole);
    fake.take = 1;
    list(&fake, "1 h 12 - -", 0);
    assert_true(fake.more);
    assert_string_equal(fake.cursor, "1 h 12 - a1");

    again(&fake);
    fake.take = 0;
    foresee(&fake, "GET /history?", 200, THREE);
    foresee_batch(&fake, whole);
    list(&fake, "1 h 12 - -", 0);
    assert_string_equal(fake.cursor, "1 h 12 - -");
    assert_true(fake.more);

    again(&fake);
    fake.take = 100;
    foresee(&fake, "GET /history?", 200, THREE);
    foresee_batch(&fake, rest);
    list(&fake, "1 h 12 - a1", 0);
    assert_string_equal(text_of(&fake.items), "1/1 a2 ta2 2 " BLOCK "\n1/1 a3 ta3 3 " BLOCK "\n");
    assert_string_equal(fake.cursor, "1 h 90 - -");

    again(&fake); /* the limit is kept, and the page goes on behind it */
    asked.limit = 1;
    foresee(&fake, "GET /history?", 200, THREE);
    foresee_batch(&fake, whole);
    fake.provider->list(fake.session, &fake.op, &asked);
    answer(&fake);
    assert_null(strstr(fake.body, "/a2?"));
    run(&fake);
    assert_string_equal(fake.cursor, "1 h 12 - a1");
    assert_true(fake.more);

    again(&fake); /* a throttled part: what is before it counts */
    foresee(&fake, "GET /history?", 200, THREE);
    foresee_batch(&fake, limited);
    list(&fake, "1 h 12 - -", 0);
    assert_string_equal(text_of(&fake.items), "1/1 a1 ta1 1 " BLOCK "\n");
    assert_string_equal(fake.cursor, "1 h 12 - a1");

    again(&fake); /* and with nothing before it the operation fails */
    foresee(&fake, "GET /history?", 200, THREE);
    foresee_batch(&fake, none);
    list(&fake, "1 h 12 - a1", 0);
    assert_int_equal(fake.kind, RIDER_THROTTLED);
    free(whole);
    free(rest);
    free(limited);
    free(none);
    fake_finish(&fake);
}

static void labels(void **state)
{
    const char *const one[] = {MESSAGE("a1", "\"INBOX\",\"Label_4\"", "5")};
    char *first = batch(one, 1);
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake,
            "GET &historyTypes=messageAdded&historyTypes=labelAdded&historyTypes=labelRemoved", 200,
            "{\"history\":[{\"messagesAdded\":[{\"message\":{\"id\":\"a1\"}}]},"
            "{\"labelsRemoved\":[{\"message\":{\"id\":\"a2\",\"labelIds\":[\"INBOX\"]},"
            "\"labelIds\":[\"UNREAD\"]}]},"
            "{\"labelsAdded\":[{\"message\":{\"id\":\"a3\",\"threadId\":\"t3\",\"labelIds\":"
            "[\"INBOX\",\"Label_4\"]},\"labelIds\":[\"Label_4\"]}]}],\"historyId\":\"90\"}");
    foresee_batch(&fake, first);
    foresee(&fake, "GET /labels", 200,
            "{\"labels\":[{\"id\":\"INBOX\",\"name\":\"INBOX\",\"type\":\"system\"},"
            "{\"id\":\"Label_4\",\"name\":\"Outreach/Interested\",\"type\":\"user\"}]}");
    list(&fake, "1 h 12 - -", RIDER_WANT_LABELS);
    assert_string_equal(text_of(&fake.items), "1/1 a1 ta1 5 " BLOCK " #INBOX #Outreach/Interested\n"
                                              "2/1 a3 t3 0 [] #INBOX #Outreach/Interested\n");
    assert_string_equal(fake.memory, "Label_4 Outreach/Interested\n");
    free(first);
    fake_finish(&fake);
}

#define BOUNCE                                                                                     \
    "{\"id\":\"a1\",\"threadId\":\"t1\",\"labelIds\":[\"INBOX\"],\"internalDate\":\"5\","          \
    "\"sizeEstimate\":900,\"payload\":{\"headers\":[{\"name\":\"From\",\"value\":\"m\"},"          \
    "{\"name\":\"Content-Type\",\"value\":\"multipart/report; boundary=x\"}]}}"
static const char bounce[] =
    "From: m\r\nContent-Type: Multipart/Report; report-type=delivery-status;\r\n boundary=\"b "
    "1\"\r\n"
    "\r\npreamble\r\n--b 1\r\nContent-Type: text/plain\r\n\r\nYour mail\r\n"
    "--b 1\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;b\r\n"
    "--b 1\r\nContent-Type: message/rfc822\r\n\r\nX-Postrider-Id: pr1.m\r\nSubject: s\r\n\r\n"
    "BODY OF OURS\r\n--b 1--\r\n";

static void reports(void **state)
{
    const char *const one[] = {BOUNCE, MESSAGE("a2", "", "6")};
    char *first = batch(one, 2);
    struct text raw = {0};
    struct fake fake;
    (void)state;

    text_str(&raw, "{\"id\":\"a1\",\"raw\":\"");
    text_base64url(&raw, bounce, strlen(bounce));
    text_str(&raw, "\"}");
    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /history?", 200,
            "{\"history\":[{\"messagesAdded\":[{\"message\":{\"id\":\"a1\"}},"
            "{\"message\":{\"id\":\"a2\"}}]}],\"historyId\":\"90\"}");
    foresee_batch(&fake, first);
    foresee(&fake, "GET /messages/a1?format=raw", 200, raw.data);
    list(&fake, "1 h 12 - -", RIDER_WANT_REPORT);
    assert_string_equal(text_of(&fake.items),
                        "1/1 a1 t1 5 [From: m\r\n] delivery-status {Final-Recipient: rfc822;b\r\n} "
                        "{X-Postrider-Id: pr1.m\r\nSubject: s\r\n}\n"
                        "1/1 a2 ta2 6 " BLOCK "\n");
    assert_string_equal(fake.cursor, "1 h 90 - -");
    fake_finish(&fake);

    static const char *const both[] = {SCOPE "gmail.modify", SCOPE "gmail.metadata", NULL};

    fake_init(&fake, both); /* Google applies the narrower one: the list goes on without it */
    foresee(&fake, "GET /history?", 200,
            "{\"history\":[{\"messagesAdded\":[{\"message\":{\"id\":\"a1\"}},"
            "{\"message\":{\"id\":\"a2\"}}]}],\"historyId\":\"90\"}");
    foresee_batch(&fake, first);
    foresee(&fake, "GET /messages/a1?format=raw", 403,
            "{\"error\":{\"message\":\"Metadata scope doesn't allow format RAW\"}}");
    list(&fake, "1 h 12 - -", RIDER_WANT_REPORT);
    assert_string_equal(fake.cursor, "1 h 90 - -");
    assert_null(strstr(text_of(&fake.items), "delivery-status"));
    assert_non_null(strstr(text_of(&fake.items), "1/1 a1 "));
    again(&fake); /* but waits where waiting helps */
    foresee(&fake, "GET /history?", 200,
            "{\"history\":[{\"messagesAdded\":[{\"message\":{\"id\":\"a1\"}},"
            "{\"message\":{\"id\":\"a2\"}}]}],\"historyId\":\"90\"}");
    foresee_batch(&fake, first);
    foresee(&fake, "GET /messages/a1?format=raw", 503, "");
    list(&fake, "1 h 12 - -", RIDER_WANT_REPORT);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);
    fake_finish(&fake);

    fake_init(&fake, fake_headers_scopes); /* without the scope it is a mail like others */
    foresee(&fake, "GET /history?", 200,
            "{\"history\":[{\"messagesAdded\":[{\"message\":{\"id\":\"a1\"}},"
            "{\"message\":{\"id\":\"a2\"}}]}],\"historyId\":\"90\"}");
    foresee_batch(&fake, first);
    list(&fake, "1 h 12 - -", RIDER_WANT_REPORT);
    assert_null(strstr(text_of(&fake.items), "delivery-status"));
    fake_finish(&fake);
    text_free(&raw);
    free(first);
}

static void our_own_sent_mail_is_not_fetched_again(void **state)
{
    const struct rider_message message = {.size = sizeof(message), .rfc5322 = {"x", 1}};
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "POST /messages/send", 200, "{\"id\":\"a9\"}");
    fake.provider->send(fake.session, &fake.op, &message);
    run(&fake);
    again(&fake);
    foresee(
        &fake, "GET /history?", 200,
        "{\"history\":[{\"messagesAdded\":[{\"message\":{\"id\":\"a9\",\"labelIds\":[\"SENT\"]}}"
        "]}],\"historyId\":\"90\"}");
    list(&fake, "1 h 12 - -", 0);
    assert_string_equal(fake.cursor, "1 h 90 - -");
    fake_finish(&fake);
}

static void cancelled(void **state)
{
    struct rider_query asked = query("1 h 12 - -");
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "GET /history?", 200, THREE);
    fake.provider->list(fake.session, &fake.op, &asked);
    fake.provider->cancel(fake.session, &fake.op);
    assert_int_equal(fake.kind, RIDER_CANCELLED);
    assert_int_equal(fake.times, 1);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_listing),
        cmocka_unit_test(idle_mailbox),
        cmocka_unit_test(lost_cursors),
        cmocka_unit_test(history_pages),
        cmocka_unit_test(the_cursor_covers_what_was_taken),
        cmocka_unit_test(labels),
        cmocka_unit_test(reports),
        cmocka_unit_test(our_own_sent_mail_is_not_fetched_again),
        cmocka_unit_test(cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
