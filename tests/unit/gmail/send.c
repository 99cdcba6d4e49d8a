/* unit/gmail/send.c: sending, staging and discarding, and what is known afterwards. */
#include "fake.h"

static struct rider_message mail(void)
{
    static const char bytes[] = "From: ana@acme.example\r\nTo: bo@beta.example\r\n\r\nHi?>\r\n";

    return (struct rider_message){
        .size = sizeof(struct rider_message),
        .marker = "pr1.m",
        .message_id = "m1@acme.example",
        .from = "ana@acme.example",
        .to = "bo@beta.example",
        .rfc5322 = {bytes, sizeof(bytes) - 1},
        .minted = NOW,
    };
}

#define SENT "{\"id\":\"18a1\",\"threadId\":\"18a0\",\"labelIds\":[\"SENT\"]}"
#define IDENTITY                                                                                   \
    "{\"id\":\"18a1\",\"labelIds\":[\"SENT\"],\"payload\":{\"headers\":[{\"name\":\"Message-Id\"," \
    "\"value\":\"<CA+x@mail.gmail.com>\"}]}}"
#define ERROR(code, reason)                                                                        \
    "{\"error\":{\"code\":" #code ",\"message\":\"m\",\"errors\":[{\"reason\":\"" reason "\"}]}}"

static void sends_straight_in_one_request(void **state)
{
    struct rider_message message = mail();
    struct text raw = {0};
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    message.thread_id = "18a0";
    foresee(&fake, "POST " API "/gmail/v1/users/me/messages/send", 200, SENT);
    fake.provider->send(fake.session, &fake.op, &message);
    assert_false(fake.replayable);
    assert_int_equal(fake.cost, 100);
    assert_non_null(strstr(fake.headers, "Content-Type: application/json\n"));
    text_str(&raw, "{\"threadId\":\"18a0\",\"raw\":\"");
    text_base64url(&raw, message.rfc5322.data, message.rfc5322.len);
    text_str(&raw, "\"}");
    assert_string_equal(fake.body, raw.data);
    assert_null(strpbrk(strstr(fake.body, "\"raw\""), "+/="));
    run(&fake);
    assert_int_equal(fake.ended, ENDED_SENT);
    assert_int_equal(fake.state, RIDER_IS_SENT);
    assert_string_equal(fake.id, "18a1");
    assert_string_equal(fake.thread, "18a0");
    assert_null(fake.message_id); /* Gmail's own: `find` or `list` tells it later */
    assert_false(fake.final);
    text_free(&raw);
    fake_finish(&fake);
}

static void sent_is_sent_whatever_the_readback_says(void **state)
{
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    message.provider_id = "draft:r7";
    foresee(&fake, "POST /drafts/send", 200, SENT);
    foresee(&fake, "GET /messages/18a1", 429, "");
    fake.provider->send(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_SENT);
    assert_string_equal(fake.id, "18a1");
    assert_null(fake.message_id);
    assert_false(fake.final);
    fake_finish(&fake);
}

static void with_send_scope_nothing_is_read(void **state)
{
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_send_scopes);
    assert_int_equal(fake.provider->can_now(fake.session), RIDER_CAN_SEND | RIDER_CAN_THREAD);
    foresee(&fake, "POST /messages/send", 200, SENT);
    fake.provider->send(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_SENT);
    assert_true(fake.final);
    assert_null(fake.message_id);

    fake.provider->find(fake.session, again(&fake), &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake.provider->stage(fake.session, again(&fake), &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake.provider->discard(fake.session, again(&fake), &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

static void a_gone_thread_does_not_stop_a_mail(void **state)
{
    static const struct {
        int status;
        const char *body;
    } gone[] = {
        {404, ERROR(404, "notFound")},
        {400, "{\"error\":{\"code\":400,\"message\":\"Invalid thread_id value\"}}"},
    };
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_headers_scopes);
    message.thread_id = "18a0";
    for (int i = 0; i < 2; i++) {
        again(&fake);
        foresee(&fake, "POST /messages/send", gone[i].status, gone[i].body);
        foresee(&fake, "POST /messages/send", 200, SENT);
        fake.provider->send(fake.session, &fake.op, &message);
        answer(&fake);
        assert_null(strstr(fake.body, "threadId"));
        run(&fake);
        assert_int_equal(fake.ended, ENDED_SENT);
    }
    again(&fake); /* any other refusal is not taken for that */
    foresee(&fake, "POST /messages/send", 400, ERROR(400, "invalidArgument"));
    fake.provider->send(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_PERMANENT);
    fake_finish(&fake);
}

static void doubt_is_never_failure(void **state)
{
    static const struct foreseen doubts[] = {
        {.status = 0, .headers = "", .body = "", .error = "reset"},
        {.status = 500, .headers = "", .body = ""},
        {.status = 503, .headers = "Retry-After: 7\r\n", .body = ""},
        {.status = 502, .headers = "", .body = "<html>"},
        {.status = 200, .headers = "", .body = "<html>"},
        {.status = 200, .headers = "", .body = "{\"id\":"},
        {.status = 302, .headers = "", .body = ""},
    };
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
        again(&fake);
        fake.script[fake.foreseen++] = doubts[i];
        fake.script[0].request = "POST /messages/send";
        fake.provider->send(fake.session, &fake.op, &message);
        run(&fake);
        assert_int_equal(fake.ended, ENDED_FAIL);
        assert_int_equal(fake.kind, RIDER_UNCERTAIN);
    }
    again(&fake); /* what never left the machine was surely not sent */
    foresee(&fake, "POST /messages/send", 0, "");
    fake.script[0].unsent = true;
    fake.provider->send(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);
    fake_finish(&fake);
}

static void a_draft_is_sent_once(void **state)
{
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    message.thread_id = "18a0";
    foresee(&fake, "POST /gmail/v1/users/me/drafts", 200,
            "{\"id\":\"r7\",\"message\":{\"id\":\"18d\",\"threadId\":\"18a0\"}}");
    fake.provider->stage(fake.session, &fake.op, &message);
    assert_non_null(strstr(fake.body, "{\"message\":{\"threadId\":\"18a0\",\"raw\":\""));
    run(&fake);
    assert_int_equal(fake.state, RIDER_IS_STAGED);
    assert_string_equal(fake.id, "draft:r7");
    assert_string_equal(fake.thread, "18a0");

    again(&fake);
    message.provider_id = "draft:r7";
    foresee(&fake, "POST /gmail/v1/users/me/drafts/send", 200, SENT);
    foresee(&fake,
            "GET /gmail/v1/users/me/messages/18a1?format=metadata&metadataHeaders=Message-ID", 200,
            IDENTITY);
    fake.provider->send(fake.session, &fake.op, &message);
    assert_string_equal(fake.body, "{\"id\":\"r7\"}");
    assert_false(fake.replayable);
    answer(&fake);
    assert_true(fake.replayable);
    assert_int_equal(fake.cost, 20);
    assert_null(strstr(fake.url, "snippet"));
    run(&fake);
    assert_int_equal(fake.state, RIDER_IS_SENT);
    assert_string_equal(fake.message_id, "CA+x@mail.gmail.com");
    assert_true(fake.final);

    again(&fake); /* the second time it is gone, which says nothing of the first */
    foresee(&fake, "POST /drafts/send", 404, ERROR(404, "notFound"));
    fake.provider->send(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNCERTAIN);
    fake_finish(&fake);
}

static void discarding(void **state)
{
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    message.provider_id = "draft:r-7/x";
    foresee(&fake, "DELETE /drafts/r-7%2Fx", 204, "");
    fake.provider->discard(fake.session, &fake.op, &message);
    assert_false(fake.replayable);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_DONE);
    again(&fake); /* a proxy's page: the draft may well be there */
    foresee(&fake, "DELETE /drafts/", 200, "<html>Please wait</html>");
    fake.provider->discard(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_BROKEN);
    again(&fake);
    foresee(&fake, "DELETE /drafts/", 404, "");
    fake.provider->discard(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    again(&fake);
    message.provider_id = NULL;
    fake.provider->discard(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    fake_finish(&fake);
}

static void large_mail_is_uploaded(void **state)
{
    struct rider_message message = mail();
    static const char start[] =
        "--postrider_upload_1\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
        "{\"threadId\":\"18a0\"}\r\n--postrider_upload_1\r\n"
        "Content-Type: message/rfc822\r\n\r\nxxx";
    size_t len = 4 * 1000 * 1000;
    char *large = malloc(len);
    struct fake fake;
    (void)state;

    assert_non_null(large);
    memset(large, 'x', len);
    memcpy(large + 1000, "--postrider_upload_0", 20);
    message.rfc5322 = (struct rider_bytes){large, len};
    message.thread_id = "18a0";
    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "POST " API "/upload/gmail/v1/users/me/messages/send?uploadType=multipart", 200,
            SENT);
    fake.provider->send(fake.session, &fake.op, &message);
    assert_non_null(
        strstr(fake.headers, "Content-Type: multipart/related; boundary=postrider_upload_1\n"));
    assert_memory_equal(fake.body, start, strlen(start));
    run(&fake);
    again(&fake);
    message.thread_id = NULL;
    foresee(&fake, "POST " API "/upload/gmail/v1/users/me/drafts?uploadType=multipart", 200,
            "{\"id\":\"r7\",\"message\":{\"id\":\"18d\"}}");
    fake.provider->stage(fake.session, &fake.op, &message);
    assert_non_null(strstr(fake.body, "{\"message\":{}}\r\n"));
    run(&fake);
    assert_int_equal(fake.state, RIDER_IS_STAGED);
    free(large);
    fake_finish(&fake);
}

static void cancelling(void **state)
{
    struct rider_message message = mail();
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "POST /messages/send", 200, SENT);
    fake.provider->send(fake.session, &fake.op, &message);
    fake.provider->cancel(fake.session, &fake.op);
    assert_int_equal(fake.aborted, 1);
    assert_int_equal(fake.times, 1);
    assert_int_equal(fake.kind, RIDER_UNCERTAIN);

    again(&fake); /* when only the reading back is left, it was sent */
    message.provider_id = "draft:r7";
    foresee(&fake, "POST /drafts/send", 200, SENT);
    foresee(&fake, "GET /messages/18a1", 200, IDENTITY);
    fake.provider->send(fake.session, &fake.op, &message);
    answer(&fake);
    fake.provider->cancel(fake.session, &fake.op);
    assert_int_equal(fake.ended, ENDED_SENT);
    assert_false(fake.final);

    again(&fake); /* the same when the host makes no more requests */
    fake.refuse = "/messages/18a1";
    foresee(&fake, "POST /drafts/send", 200, SENT);
    fake.provider->send(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_SENT);
    assert_false(fake.final);
    again(&fake);
    fake.refuse = "/drafts/send";
    fake.provider->send(fake.session, &fake.op, &message);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_TRANSIENT);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_straight_in_one_request),
        cmocka_unit_test(sent_is_sent_whatever_the_readback_says),
        cmocka_unit_test(with_send_scope_nothing_is_read),
        cmocka_unit_test(a_gone_thread_does_not_stop_a_mail),
        cmocka_unit_test(doubt_is_never_failure),
        cmocka_unit_test(a_draft_is_sent_once),
        cmocka_unit_test(discarding),
        cmocka_unit_test(large_mail_is_uploaded),
        cmocka_unit_test(cancelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
