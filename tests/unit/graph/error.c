/* unit/graph/error.c: what each of Graph's refusals means. */
#include "fake.h"

#define ERROR(code) "{\"error\":{\"code\":\"" code "\",\"message\":\"m\"}}"
enum { SEND = RIDER_HOLDS_SEND, LIST = RIDER_HOLDS_LIST, ALL = 7 };

static const struct {
    enum graph_doing doing;
    int status;
    const char *headers, *body;
    int32_t kind, scope;
    uint32_t holds;
    int64_t retry_after;
} cases[] = {
    /* facts 10: four at a time, else 429 MailboxConcurrency with Retry-After */
    {GRAPH_READING, 429, "Retry-After: 10\r\n",
     "{\"error\":{\"code\":\"ApplicationThrottled\",\"message\":\"Application is over its "
     "MailboxConcurrency limit.\"}}",
     RIDER_THROTTLED, RIDER_MAILBOX, ALL, 10000},
    {GRAPH_SENDING, 429, "", ERROR("ErrorExceededMessageLimit"), RIDER_THROTTLED, RIDER_MAILBOX,
     SEND, -1},
    {GRAPH_SENDING, 429, "Retry-After: 3600\r\n",
     "{\"error\":{\"code\":\"ErrorMessageSubmissionBlocked\",\"message\":\"550 5.7.233 tenant\"}}",
     RIDER_THROTTLED, RIDER_TENANT, SEND, 3600000},
    {GRAPH_READING, 503, "Retry-After: 5\r\n", "", RIDER_THROTTLED, RIDER_MAILBOX, ALL, 5000},
    {GRAPH_READING, 504, "", "", RIDER_TRANSIENT, RIDER_SERVICE, ALL, -1},
    {GRAPH_SENDING, 504, "", "", RIDER_UNCERTAIN, RIDER_SERVICE, ALL, -1},
    /* facts 10: ErrorSendAsDenied */
    {GRAPH_SENDING, 403, "", ERROR("ErrorSendAsDenied"), RIDER_PERMANENT, RIDER_MAILBOX, SEND, -1},
    {GRAPH_SENDING, 403, "", ERROR("erroraccessdenied"), RIDER_AUTH, RIDER_MAILBOX, SEND, -1},
    {GRAPH_READING, 403, "", ERROR("ErrorAccessDenied"), RIDER_AUTH, RIDER_MAILBOX, LIST, -1},
    {GRAPH_READING, 403, "", ERROR("Odd"), RIDER_PERMANENT, RIDER_MESSAGE, 0, -1},
    {GRAPH_READING, 404, "", ERROR("ErrorItemNotFound"), RIDER_ABSENT, RIDER_MESSAGE, 0, -1},
    {GRAPH_READING, 404, "", ERROR("MailboxNotEnabledForRESTAPI"), RIDER_AUTH, RIDER_MAILBOX, ALL,
     -1},
    {GRAPH_READING, 410, "", "", RIDER_CURSOR_LOST, RIDER_MAILBOX, 0, -1},
    {GRAPH_READING, 400, "", ERROR("syncstatenotfound"), RIDER_CURSOR_LOST, RIDER_MAILBOX, 0, -1},
    {GRAPH_READING, 400, "",
     "{\"error\":{\"code\":\"x\",\"innerError\":{\"code\":\"resyncRequired\"}}}", RIDER_CURSOR_LOST,
     RIDER_MAILBOX, 0, -1},
    {GRAPH_SENDING, 400, "", ERROR("ErrorInvalidRecipients"), RIDER_PERMANENT, RIDER_RECIPIENT, 0,
     -1},
    {GRAPH_SENDING, 400, "", ERROR("ErrorMimeContentInvalidBase64String"), RIDER_PERMANENT,
     RIDER_MESSAGE, 0, -1},
    {GRAPH_SENDING, 413, "", "", RIDER_PERMANENT, RIDER_MESSAGE, 0, -1},
    {GRAPH_SENDING, 507, "", ERROR("ErrorQuotaExceeded"), RIDER_UNCERTAIN, RIDER_SERVICE, ALL, -1},
    {GRAPH_SENDING, 400, "", ERROR("ErrorQuotaExceeded"), RIDER_THROTTLED, RIDER_MAILBOX, SEND,
     3600000},
    {GRAPH_LABELLING, 412, "", "", RIDER_TRANSIENT, RIDER_MESSAGE, 0, -1},
    {GRAPH_READING, 401, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n", "", RIDER_AUTH,
     RIDER_MAILBOX, ALL, -1},
};

static void each_refusal_has_its_meaning(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct rider_http_response response = {
            .size = sizeof(response),
            .status = cases[i].status,
            .sent = true,
            .headers = {cases[i].headers, strlen(cases[i].headers)},
            .body = {cases[i].body, strlen(cases[i].body)}};
        struct graph_failure failure;

        graph_failure_read(&fake.host, "it", cases[i].doing, &response, &failure);
        if (failure.failure.kind != cases[i].kind || failure.failure.scope != cases[i].scope ||
            failure.failure.holds != cases[i].holds ||
            failure.failure.retry_after != cases[i].retry_after)
            fail_msg("case %zu: %d %d %u %lld: %s", i, failure.failure.kind, failure.failure.scope,
                     failure.failure.holds, (long long)failure.failure.retry_after, failure.detail);
        assert_int_equal(failure.failure.code, cases[i].status);
        assert_null(failure.failure.claims);
    }
    fake_finish(&fake);
}

/* facts 10: CAE claims challenge */
static void a_claims_challenge_is_handed_on(void **state)
{
    static const char challenge[] =
        "date: x\r\nWWW-Authenticate: Bearer realm=\"\", error=\"insufficient_claims\", "
        "claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==\"\r\n";
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /me?$select=", 401, "");
    foresee_headers(&fake, challenge);
    fake.provider->identify(fake.session, &fake.op);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_AUTH);
    assert_string_equal(fake.claims, "{\"access_token\":{\"nbf\":{\"essential\":true}}}");
    fake_finish(&fake);
}

static void graphs_own_words_are_not_repeated(void **state)
{
    static const char body[] =
        "{\"error\":{\"code\":\"Odd\",\"message\":\"mail to bo@b.example\"}}";
    const struct rider_http_response response = {
        .size = sizeof(response), .status = 400, .body = {body, sizeof(body) - 1}};
    struct graph_failure failure;
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    graph_failure_read(&fake.host, "it", GRAPH_SENDING, &response, &failure);
    assert_null(strstr(failure.detail, "bo@"));
    assert_non_null(strstr(failure.detail, "Odd"));
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_refusal_has_its_meaning),
        cmocka_unit_test(a_claims_challenge_is_handed_on),
        cmocka_unit_test(graphs_own_words_are_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
