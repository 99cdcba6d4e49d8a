/* unit/gmail/find.c: sent, staged or nowhere, and when that can't be told. */
#include "fake.h"

#define MESSAGE(id, labels, date, marker)                                                          \
    "{\"id\":\"" id "\",\"threadId\":\"t1\",\"labelIds\":[" labels "],\"internalDate\":\"" date    \
    "\",\"payload\":{\"headers\":[{\"name\":\"X-POSTRIDER-ID\",\"value\":\"" marker                \
    "\"},{\"name\":\"Message-ID\",\"value\":\"<f" id "@mail.gmail.com>\"}]}}"
#define FRESH "1795282340000"
#define OLD "1795200000000"

static struct rider_message asked(void)
{
    return (struct rider_message){
        .size = sizeof(struct rider_message), .marker = "pr1.m", .minted = NOW - 1000};
}

static void expect_sent(struct fake *fake, const char *id, const char *message_id)
{
    assert_int_equal(fake->ended, ENDED_SENT);
    assert_int_equal(fake->state, RIDER_IS_SENT);
    assert_string_equal(fake->id, id);
    assert_string_equal(fake->message_id, message_id);
    assert_true(fake->final);
}

static void by_id(void **state)
{
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    message.provider_id = "a1";
    foresee(&fake, "GET /messages/a1?format=metadata", 200,
            MESSAGE("a1", "\"SENT\",\"TRASH\"", FRESH, "pr1.m"));
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    expect_sent(&fake, "a1", "fa1@mail.gmail.com");
    fake_finish(&fake);
}

static void by_marker_without_search(void **state)
{
    const char *const first[] = {MESSAGE("a1", "\"SENT\"", FRESH, "pr1.mm"), NULL,
                                 MESSAGE("a3", "\"SENT\"", FRESH, "")};
    const char *const second[] = {MESSAGE("a4", "\"SENT\"", FRESH, "pr1.m ")};
    char *one = batch(first, 3), *two = batch(second, 1);
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "GET /messages?labelIds=SENT&includeSpamTrash=true", 200,
            "{\"messages\":[{\"id\":\"a1\"},{\"id\":\"a2\"},{\"id\":\"a3\"}],"
            "\"nextPageToken\":\"p 2\"}");
    foresee_batch(&fake, one);
    foresee(&fake, "GET &pageToken=p%202", 200, "{\"messages\":[{\"id\":\"a4\"}]}");
    foresee_batch(&fake, two);
    fake.provider->find(fake.session, &fake.op, &message);
    assert_null(strstr(fake.url, "q="));
    answer(&fake);
    assert_int_equal(fake.cost, 60);
    assert_non_null(strstr(fake.body, "GET /gmail/v1/users/me/messages/a2?format=metadata&"
                                      "metadataHeaders=X-Postrider-Id&metadataHeaders=Message-ID"));
    run(&fake);
    expect_sent(&fake, "a4", "fa4@mail.gmail.com");
    free(one);
    free(two);
    fake_finish(&fake);
}

static void nowhere(void **state)
{
    const char *const sent[] = {MESSAGE("a1", "\"SENT\"", FRESH, "x"),
                                MESSAGE("a2", "\"SENT\"", OLD, "x")};
    char *one = batch(sent, 2);
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /drafts?", 200, "{\"resultSizeEstimate\":0}");
    foresee(&fake, "GET /messages?labelIds=SENT", 200,
            "{\"messages\":[{\"id\":\"a1\"},{\"id\":\"a2\"}],\"nextPageToken\":\"p2\"}");
    foresee_batch(&fake, one); /* what is older ends it: page p2 is not asked for */
    foresee(&fake, "GET /messages?labelIds=TRASH", 200, "{}");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_FAIL);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    free(one);
    fake_finish(&fake);
}

static void staged(void **state)
{
    const char *const drafts[] = {MESSAGE("d1", "\"DRAFT\"", OLD, "mine"),
                                  MESSAGE("d2", "\"DRAFT\"", FRESH, "pr1.m")};
    char *one = batch(drafts, 2);
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /drafts?maxResults=50", 200,
            "{\"drafts\":[{\"id\":\"r1\",\"message\":{\"id\":\"d1\"}},"
            "{\"id\":\"r2\",\"message\":{\"id\":\"d2\"}}]}");
    foresee_batch(&fake, one);
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.state, RIDER_IS_STAGED);
    assert_string_equal(fake.id, "draft:r2");
    assert_null(fake.message_id);
    assert_false(fake.final);

    again(&fake); /* by its id it takes one request */
    message.provider_id = "draft:r2";
    foresee(&fake, "GET /drafts/r2?format=minimal", 200,
            "{\"id\":\"r2\",\"message\":{\"id\":\"d2\",\"threadId\":\"t1\"}}");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.state, RIDER_IS_STAGED);
    assert_string_equal(fake.id, "draft:r2");
    assert_string_equal(fake.thread, "t1");
    free(one);
    fake_finish(&fake);
}

static void a_consumed_draft_is_found_by_its_thread(void **state)
{
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    message.provider_id = "draft:r2";
    message.thread_id = "t1";
    foresee(&fake, "GET /drafts/r2", 404, "{}");
    foresee(&fake, "GET /threads/t1?format=metadata", 200,
            "{\"id\":\"t1\",\"messages\":[" MESSAGE("a1", "\"SENT\"", OLD, "pr1.m") "," MESSAGE(
                "a2", "\"INBOX\"", FRESH, "pr1.m") "]}");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    expect_sent(&fake, "a1", "fa1@mail.gmail.com");

    again(&fake); /* deleted by hand: drafts need not be looked through again */
    foresee(&fake, "GET /drafts/r2", 404, "{}");
    foresee(&fake, "GET /threads/t1", 404, "{}");
    foresee(&fake, "GET /messages?labelIds=SENT", 200, "{}");
    foresee(&fake, "GET /messages?labelIds=TRASH", 200, "{}");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    fake_finish(&fake);
}

static void what_cannot_be_read_proves_nothing(void **state)
{
    const char *const parts[] = {"!429 {}"}, *const expired[] = {"!401 {}"};
    char *limited = batch(parts, 1), *ran_out = batch(expired, 1);
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "GET labelIds=SENT", 200, "{\"messages\":[{\"id\":\"a1\"}]}");
    foresee_batch(&fake, limited);
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_THROTTLED);

    again(&fake); /* the token ran out within the batch: asked again with a new one */
    foresee(&fake, "GET labelIds=SENT", 200, "{\"messages\":[{\"id\":\"a1\"}]}");
    foresee_batch(&fake, ran_out);
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);

    again(&fake);
    foresee(&fake, "GET labelIds=SENT", 200, "{\"messages\":[{\"id\":\"a1\"}]}");
    foresee(&fake, "POST /batch", 200, "no multipart");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_BROKEN);

    again(&fake);
    foresee(&fake, "GET labelIds=SENT", 200, "[]");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_BROKEN);

    again(&fake);
    foresee(&fake, "GET labelIds=SENT", 401, "");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_AUTH);

    again(&fake);
    message.marker = "";
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNCERTAIN);
    free(ran_out);
    free(limited);
    fake_finish(&fake);
}

static void endless_pages_have_an_end(void **state)
{
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    for (int i = 0; i < 61; i++)
        foresee(&fake, "GET labelIds=SENT", 200, "{\"nextPageToken\":\"again\"}");
    fake.provider->find(fake.session, &fake.op, &message);
    while (fake.done)
        answer(&fake);
    assert_int_equal(fake.times, 1);
    assert_int_equal(fake.kind, RIDER_UNCERTAIN);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_id),
        cmocka_unit_test(by_marker_without_search),
        cmocka_unit_test(nowhere),
        cmocka_unit_test(staged),
        cmocka_unit_test(a_consumed_draft_is_found_by_its_thread),
        cmocka_unit_test(what_cannot_be_read_proves_nothing),
        cmocka_unit_test(endless_pages_have_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
