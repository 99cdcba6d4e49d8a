/* unit/graph/find.c: was it sent, is it a draft, is it nowhere. */
#include "fake.h"

static struct rider_message asked(void)
{
    return (struct rider_message){.size = sizeof(struct rider_message),
                                  .marker = "pr1.m",
                                  .message_id = "pr1.m@acme.example",
                                  .to = "bo@beta.example",
                                  .subject = "Hello",
                                  .minted = NOW};
}

#define ITEM(id, draft, more)                                                                      \
    "{\"id\":\"" id "\",\"isDraft\":" draft ",\"conversationId\":\"c1\",\"internetMessageId\":"    \
    "\"<x@out.example>\",\"sentDateTime\":\"2026-11-21T17:40:00Z\",\"receivedDateTime\":"          \
    "\"2026-11-21T17:40:00Z\"" more "}"
#define TO(address) ",\"toRecipients\":[{\"emailAddress\":{\"address\":\"" address "\"}}]"
#define SUBJECT(text) ",\"subject\":\"" text "\""
#define MARKED(marker)                                                                             \
    ",\"internetMessageHeaders\":[{\"name\":\"x-postrider-id\",\"value\":\"" marker "\"}]"
#define PAGE(items) "{\"value\":[" items "]}"

static void by_its_id(void **state)
{
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    message.provider_id = "d/1";
    foresee(&fake, "GET /me/messages/d%2F1?$select=", 200, ITEM("d/1", "false", ""));
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.state, RIDER_IS_SENT);
    assert_true(fake.final);
    assert_string_equal(fake.message_id, "<x@out.example>");
    assert_string_equal(fake.thread, "c1");

    again(&fake);
    foresee(&fake, "GET /me/messages/d%2F1", 200, ITEM("d/1", "true", ""));
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.state, RIDER_IS_STAGED);
    assert_false(fake.final);
    fake_finish(&fake);
}

static void by_its_marker_in_drafts_sent_and_trash(void **state)
{
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /me/mailFolders/drafts/messages?", 200,
            PAGE(ITEM("o", "true", MARKED("pr1.other")) "," ITEM("d", "true", MARKED("pr1.m"))));
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.state, RIDER_IS_STAGED);
    assert_string_equal(fake.id, "d");

    again(&fake);
    foresee(&fake, "GET /mailFolders/drafts/messages", 200, PAGE(""));
    foresee(&fake, "GET /mailFolders/sentitems/messages", 200,
            PAGE(ITEM("o", "false", MARKED("pr1.other") TO("bo@beta.example"))));
    foresee(&fake, "GET /mailFolders/deleteditems/messages", 200,
            PAGE(ITEM("t", "true", MARKED("pr1.m")) "," ITEM("s", "false", MARKED("pr1.m"))));
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.state, RIDER_IS_SENT); /* a deleted draft is nothing */
    assert_string_equal(fake.id, "s");

    again(&fake);
    message.provider_id = "gone";
    foresee(&fake, "GET /me/messages/gone", 404, "");
    foresee(&fake, "GET /mailFolders/drafts/messages", 200, PAGE(""));
    foresee(&fake, "GET /mailFolders/sentitems/messages", 200, PAGE(""));
    foresee(&fake, "GET /mailFolders/deleteditems/messages", 200, PAGE(""));
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    fake_finish(&fake);
}

/* facts 10: internetMessageHeaders are absent on Sent Items; then the whole mail tells, and only
 * that of mails to the same person */
static void without_headers_the_whole_mail_is_read(void **state)
{
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /mailFolders/drafts/messages", 200, PAGE(""));
    foresee(
        &fake, "GET /mailFolders/sentitems/messages", 200,
        PAGE(ITEM("a", "false", TO("cy@beta.example")) "," ITEM(
            "b", "false", TO("bo@beta.example")) "," ITEM("c", "false", TO("BO@beta.example"))));
    foresee(&fake, "GET /me/messages/b/$value", 200, "Subject: x\r\n\r\nX-Postrider-Id: pr1.m\r\n");
    foresee(&fake, "GET /me/messages/c/$value", 200, "X-Postrider-Id:\r\n pr1.m\r\n\r\nhi\r\n");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_string_equal(fake.id, "c");
    assert_int_equal(fake.state, RIDER_IS_SENT);
    assert_true(fake.final);
    fake_finish(&fake);
}

/* The Message-ID that MIME kept is as good as the marker. */
static void by_its_message_id(void **state)
{
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    message.message_id = "x@out.example";
    foresee(&fake, "GET /mailFolders/sentitems/messages", 200, PAGE(ITEM("a", "false", "")));
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_string_equal(fake.id, "a");
    fake_finish(&fake);
}

static void with_headers_alone_by_how_it_looks(void **state)
{
    static const char *const others[] = {
        ITEM("a", "false", TO("cy@beta.example") SUBJECT("Hello")),
        ITEM("a", "false", TO("bo@beta.example") SUBJECT("Other")),
        ITEM("a", "false", TO("bo@beta.example") SUBJECT("Hello") MARKED("pr1.other")),
        ITEM("a", "true", TO("bo@beta.example") SUBJECT("Hello")),
        "{\"id\":\"a\",\"isDraft\":false,\"sentDateTime\":\"2026-11-21T17:29:00Z\"" TO(
            "bo@beta.example") SUBJECT("Hello") "}",
    };
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "GET /mailFolders/sentitems/messages", 200,
            PAGE(ITEM("s", "false", TO("Bo@beta.example") SUBJECT("Hello"))));
    fake.provider->find(fake.session, &fake.op, &message);
    assert_null(strstr(fake.url, "body"));
    run(&fake);
    assert_string_equal(fake.id, "s");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct text page = {0};

        again(&fake);
        text_printf(&page, PAGE("%s"), others[i]);
        foresee(&fake, "GET /mailFolders/sentitems/messages", 200, page.data);
        foresee(&fake, "GET /mailFolders/deleteditems/messages", 200, PAGE(""));
        fake.provider->find(fake.session, &fake.op, &message);
        run(&fake);
        assert_int_equal(fake.kind, RIDER_ABSENT);
        text_free(&page);
    }
    fake_finish(&fake);
}

/* facts 10: InefficientFilter: what is ordered by is filtered by first */
static void the_filter_is_efficient(void **state)
{
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(
        &fake,
        "GET "
        "&$filter=receivedDateTime%20ge%202026-11-21T17:30:22Z&$orderby=receivedDateTime%20desc",
        200, PAGE(""));
    foresee(&fake, "GET /mailFolders/deleteditems/messages", 200, PAGE(""));
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    fake_finish(&fake);
}

static void links_are_followed_at_home_only(void **state)
{
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    foresee(&fake, "GET /mailFolders/sentitems/messages?$select", 200,
            "{\"value\":[],\"@odata.nextLink\":\"" API "/v1.0/me/x?$skiptoken=2\"}");
    foresee(
        &fake, "GET " API "/v1.0/me/x?$skiptoken=2", 200,
        "{\"value\":[],\"@odata.nextLink\":\"https://graph.acme.example.evil.example/v1.0/x\"}");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_BROKEN); /* what is behind it is not absent */
    fake_finish(&fake);
}

/* More mail to one person on a page than is looked through: then absence is not proved. */
static void a_crowd_proves_nothing(void **state)
{
    struct rider_message message = asked();
    struct text page = {0};
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    for (int i = 0; i < 101; i++)
        text_printf(&page,
                    "%s{\"id\":\"m%d\",\"isDraft\":false,\"sentDateTime\":"
                    "\"2026-11-21T17:40:00Z\"" TO("bo@beta.example") "}",
                    i ? "," : "{\"value\":[", i);
    text_str(&page, "]}");
    foresee(&fake, "GET /mailFolders/drafts/messages", 200, PAGE(""));
    foresee(&fake, "GET /mailFolders/sentitems/messages", 200, page.data);
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNCERTAIN);
    text_free(&page);
    fake_finish(&fake);
}

static void a_failure_on_the_way_proves_nothing(void **state)
{
    struct rider_message message = asked();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /mailFolders/drafts/messages", 200, PAGE(""));
    foresee(&fake, "GET /mailFolders/sentitems/messages", 503, "");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);
    again(&fake);
    foresee(&fake, "GET /mailFolders/drafts/messages", 200, PAGE(""));
    foresee(&fake, "GET /mailFolders/sentitems/messages", 200,
            PAGE(ITEM("b", "false", TO("bo@beta.example"))));
    foresee(&fake, "GET /me/messages/b/$value", 500, "");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);
    again(&fake); /* what can't be read may be ours */
    foresee(&fake, "GET /mailFolders/drafts/messages", 200, PAGE(""));
    foresee(&fake, "GET /mailFolders/sentitems/messages", 200,
            PAGE(ITEM("b", "false", TO("bo@beta.example"))));
    foresee(&fake, "GET /me/messages/b/$value", 200, "<html>\n\nPlease wait</html>");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_BROKEN);
    again(&fake); /* nor is sent what is not called a draft */
    message.provider_id = "d";
    foresee(&fake, "GET /me/messages/d?$select=", 200, "{\"id\":\"d\"}");
    fake.provider->find(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_BROKEN);
    message.provider_id = NULL;
    message.marker = NULL;
    fake.provider->find(fake.session, again(&fake), &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNCERTAIN);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_its_id),
        cmocka_unit_test(by_its_marker_in_drafts_sent_and_trash),
        cmocka_unit_test(without_headers_the_whole_mail_is_read),
        cmocka_unit_test(by_its_message_id),
        cmocka_unit_test(with_headers_alone_by_how_it_looks),
        cmocka_unit_test(the_filter_is_efficient),
        cmocka_unit_test(links_are_followed_at_home_only),
        cmocka_unit_test(a_crowd_proves_nothing),
        cmocka_unit_test(a_failure_on_the_way_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
