/* unit/graph/send.c: staging, sending and discarding, and what is known afterwards. */
#include "fake.h"

static const char mime[] =
    "From: ana@acme.example\r\nTo: bo@beta.example\r\nX-Postrider-Id: pr1.m\r\n"
    "List-Unsubscribe: <https://o.acme.example/u/1>,\r\n <mailto:ana@acme.example>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHi?>\r\n";

static struct rider_message mail(void)
{
    return (struct rider_message){
        .size = sizeof(struct rider_message),
        .marker = "pr1.m",
        .message_id = "pr1.m@acme.example",
        .from = "ana@acme.example",
        .from_name = "Ana",
        .to = "bo@beta.example",
        .subject = "Hello",
        .text = "Hi \"you\"",
        .rfc5322 = {mime, sizeof(mime) - 1},
        .minted = NOW,
    };
}

#define DRAFT                                                                                      \
    "{\"id\":\"AAk=/1\",\"isDraft\":true,\"conversationId\":\"c1\","                               \
    "\"internetMessageId\":\"<pr1.m@acme.example>\"}"
#define SENT                                                                                       \
    "{\"id\":\"AAk=/1\",\"isDraft\":false,\"conversationId\":\"c1\","                              \
    "\"internetMessageId\":\"<pr1.m@acme.example>\"}"

/* facts 10: draft to sent with a stable immutable id */
static void a_draft_is_made_as_mime_and_sent_by_its_id(void **state)
{
    struct rider_message message = mail();
    struct text raw = {0};
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "POST " API "/v1.0/me/messages", 201, DRAFT);
    fake.provider->stage(fake.session, &fake.op, &message);
    assert_false(fake.replayable);
    assert_non_null(strstr(fake.headers, PREFER "\n"));
    assert_non_null(strstr(fake.headers, "Content-Type: text/plain\n"));
    text_base64(&raw, mime, sizeof(mime) - 1);
    assert_string_equal(fake.body, raw.data);
    assert_null(strpbrk(fake.body, "-_"));
    assert_int_equal(strlen(fake.body) % 4, 0);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_SENT);
    assert_int_equal(fake.state, RIDER_IS_STAGED);
    assert_string_equal(fake.id, "AAk=/1");
    assert_string_equal(fake.thread, "c1");

    message.provider_id = "AAk=/1";
    again(&fake);
    foresee(&fake, "POST /me/messages/AAk%3D%2F1/send", 202, "");
    foresee(&fake, "GET /me/messages/AAk%3D%2F1?$select=id,isDraft", 200, SENT);
    fake.provider->send(fake.session, &fake.op, &message);
    assert_string_equal(fake.body, "");
    assert_null(strstr(fake.headers, "Content-Type"));
    run(&fake);
    assert_int_equal(fake.state, RIDER_IS_SENT);
    assert_string_equal(fake.message_id, "<pr1.m@acme.example>");
    assert_true(fake.final);
    text_free(&raw);
    fake_finish(&fake);
}

/* facts 10: after its 202 a mail is a draft still, or 404, for a while */
static void sent_is_sent_though_it_is_not_there_yet(void **state)
{
    static const struct {
        int status;
        const char *body;
    } early[] = {{404, "{\"error\":{\"code\":\"ErrorItemNotFound\"}}"}, {200, DRAFT}, {429, ""}};
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    message.provider_id = "AAk=/1";
    for (int i = 0; i < 3; i++) {
        again(&fake);
        foresee(&fake, "POST /send", 202, "");
        foresee(&fake, "GET /me/messages/", early[i].status, early[i].body);
        fake.provider->send(fake.session, &fake.op, &message);
        run(&fake);
        assert_int_equal(fake.ended, ENDED_SENT);
        assert_string_equal(fake.id, "AAk=/1");
        assert_false(fake.final);
    }
    fake_finish(&fake);
}

/* facts 10: 202 without body */
static void straight_there_is_no_id(void **state)
{
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    assert_int_equal(fake.provider->can_now(fake.session),
                     RIDER_CAN_SEND | RIDER_CAN_LIST | RIDER_CAN_LOOK);
    foresee(&fake, "POST /v1.0/me/sendMail", 202, "");
    fake.provider->send(fake.session, &fake.op, &message);
    assert_non_null(strstr(fake.headers, "Content-Type: text/plain\n"));
    run(&fake);
    assert_int_equal(fake.ended, ENDED_SENT);
    assert_null(fake.id);
    assert_false(fake.final); /* it can be looked for */
    fake.provider->stage(fake.session, again(&fake), &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

static void with_mail_send_alone_nothing_is_read(void **state)
{
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_send_scopes);
    assert_int_equal(fake.provider->can_now(fake.session), RIDER_CAN_SEND);
    foresee(&fake, "POST /me/sendMail", 202, "");
    fake.provider->send(fake.session, &fake.op, &message);
    run(&fake);
    assert_true(fake.final);
    fake.provider->find(fake.session, again(&fake), &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake.provider->discard(fake.session, again(&fake), &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

/* facts 10: MIME ignores From; the x- header rule and the limit of five headers */
static void another_from_goes_as_json(void **state)
{
    struct rider_message message = mail();
    struct fake fake;
    int headers = 0;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    message.from = "jobs@acme.example";
    message.in_reply_to = "first@acme.example";
    message.references = "<first@acme.example>";
    foresee(&fake, "POST /me/messages", 201, DRAFT);
    fake.provider->stage(fake.session, &fake.op, &message);
    assert_non_null(strstr(fake.headers, "Content-Type: application/json\n"));
    assert_non_null(strstr(fake.body,
                           "\"from\":{\"emailAddress\":{\"address\":\"jobs@acme.example\","
                           "\"name\":\"Ana\"}}"));
    assert_non_null(strstr(fake.body, "\"content\":\"Hi \\\"you\\\"\""));
    assert_non_null(strstr(fake.body, "{\"name\":\"X-Postrider-Id\",\"value\":\"pr1.m\"}"));
    for (const char *at = fake.body; (at = strstr(at, "{\"name\":\"")); at++, headers++)
        assert_memory_equal(at + 9, "X-", 2);
    assert_in_range(headers, 1, 5);
    assert_non_null(strstr(fake.body,
                           "{\"id\":\"String 0x1045\",\"value\":\"<https://o.acme.example/"
                           "u/1>, <mailto:ana@acme.example>\"}"));
    assert_non_null(strstr(fake.body, "\"String 0x1042\",\"value\":\"<first@acme.example>\""));
    assert_non_null(strstr(fake.body, "\"String 0x1039\",\"value\":\"<first@acme.example>\""));
    run(&fake);
    again(&fake);
    foresee(&fake, "POST /me/sendMail", 202, "");
    fake.provider->send(fake.session, &fake.op, &message);
    assert_memory_equal(fake.body, "{\"message\":{", 12);
    assert_non_null(strstr(fake.body, ",\"saveToSentItems\":true}"));
    run(&fake);
    fake_finish(&fake);
}

/* What is not certain is never called failed. */
static void a_lost_answer_is_uncertain(void **state)
{
    static const struct {
        const char *draft;
        struct foreseen answer;
        int32_t kind;
    } cases[] = {
        {"d", {.status = 0, .error = "reset"}, RIDER_UNCERTAIN},
        {"d", {.status = 0, .error = "no name", .unsent = true}, RIDER_TRANSIENT},
        {"d", {.status = 500}, RIDER_UNCERTAIN},
        {"d", {.status = 503, .headers = "Retry-After: 9\r\n"}, RIDER_UNCERTAIN},
        {"d", {.status = 504}, RIDER_UNCERTAIN},
        {"d", {.status = 404}, RIDER_UNCERTAIN}, /* sent before, perhaps */
        {NULL, {.status = 504}, RIDER_UNCERTAIN},
        {NULL, {.status = 302}, RIDER_UNCERTAIN},
        {NULL, {.status = 200}, RIDER_UNCERTAIN}, /* a proxy's page: Graph says 202 */
        {"d", {.status = 200}, RIDER_UNCERTAIN},
        {NULL, {.status = 400}, RIDER_PERMANENT},
    };
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        again(&fake);
        message.provider_id = cases[i].draft;
        foresee(&fake, "POST /", 0, "");
        fake.script[0].status = cases[i].answer.status;
        fake.script[0].error = cases[i].answer.error;
        fake.script[0].unsent = cases[i].answer.unsent;
        if (cases[i].answer.headers)
            foresee_headers(&fake, cases[i].answer.headers);
        fake.provider->send(fake.session, &fake.op, &message);
        run(&fake);
        assert_int_equal(fake.ended, ENDED_FAIL);
        assert_int_equal(fake.kind, cases[i].kind);
    }
    fake_finish(&fake);
}

static void cancelling_says_what_is_known(void **state)
{
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    message.provider_id = "d";
    foresee(&fake, "POST /send", 202, "");
    fake.provider->send(fake.session, &fake.op, &message);
    fake.provider->cancel(fake.session, &fake.op);
    assert_int_equal(fake.aborted, 1);
    assert_int_equal(fake.kind, RIDER_UNCERTAIN);
    again(&fake);
    foresee(&fake, "POST /send", 202, "");
    foresee(&fake, "GET /me/messages/d", 200, SENT);
    fake.provider->send(fake.session, &fake.op, &message);
    answer(&fake); /* the 202 is there: that it is read back no more takes nothing from it */
    fake.provider->cancel(fake.session, &fake.op);
    assert_int_equal(fake.ended, ENDED_SENT);
    assert_int_equal(fake.times, 1);
    assert_false(fake.final);
    fake_finish(&fake);
}

/* Under its immutable id a sent mail would be deleted. */
static void only_a_draft_is_discarded(void **state)
{
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    message.provider_id = "d";
    foresee(&fake, "GET /me/messages/d?$select=id,isDraft", 200,
            "{\"id\":\"d\",\"isDraft\":true,\"@odata.etag\":\"W/\\\"CQ1\\\"\"}");
    foresee(&fake, "DELETE /v1.0/me/messages/d", 204, "");
    fake.provider->discard(fake.session, &fake.op, &message);
    answer(&fake);
    assert_non_null(strstr(fake.headers, "If-Match: W/\"CQ1\"\n"));
    run(&fake);
    assert_int_equal(fake.ended, ENDED_DONE);

    again(&fake);
    foresee(&fake, "GET /me/messages/d", 200, "{\"id\":\"d\",\"isDraft\":false}");
    fake.provider->discard(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_ABSENT);

    again(&fake); /* sent between the two */
    foresee(&fake, "GET /me/messages/d", 200, "{\"id\":\"d\",\"isDraft\":true}");
    foresee(&fake, "DELETE /me/messages/d", 412, "");
    fake.provider->discard(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_FAIL);

    again(&fake); /* a proxy's page: the draft may well be there */
    foresee(&fake, "GET /me/messages/d", 200, "{\"id\":\"d\",\"isDraft\":true}");
    foresee(&fake, "DELETE /me/messages/d", 200, "<html>Please wait</html>");
    fake.provider->discard(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_BROKEN);

    message.provider_id = NULL;
    fake.provider->discard(fake.session, again(&fake), &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_is_made_as_mime_and_sent_by_its_id),
        cmocka_unit_test(sent_is_sent_though_it_is_not_there_yet),
        cmocka_unit_test(straight_there_is_no_id),
        cmocka_unit_test(with_mail_send_alone_nothing_is_read),
        cmocka_unit_test(another_from_goes_as_json),
        cmocka_unit_test(a_lost_answer_is_uncertain),
        cmocka_unit_test(cancelling_says_what_is_known),
        cmocka_unit_test(only_a_draft_is_discarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
