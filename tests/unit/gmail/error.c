/* unit/gmail/error.c: every error of Gmail's, what it means and how long it holds. */
#include "fake.h"

#define ALL (RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL)
#define ERROR(reason, message)                                                                     \
    "{\"error\":{\"code\":0,\"message\":\"" message "\",\"errors\":[{\"domain\":\"global\","       \
    "\"reason\":\"" reason "\"}]}}"
#define CANARY "ana-canary@acme.example"

static const struct {
    enum gmail_doing doing;
    int32_t status;
    const char *headers, *body;
    int32_t kind, scope;
    uint32_t holds;
    int64_t retry_after;
} cases[] = {
    {GMAIL_READING, 401, "", ERROR("authError", "Invalid Credentials"), RIDER_AUTH, RIDER_MAILBOX,
     ALL, -1},
    {GMAIL_SENDING, 401, "", "", RIDER_AUTH, RIDER_MAILBOX, ALL, -1},
    {GMAIL_READING, 403, "", ERROR("userRateLimitExceeded", ""), RIDER_THROTTLED, RIDER_MAILBOX,
     ALL, -1},
    {GMAIL_SENDING, 403, "Retry-After: 30\r\n", ERROR("rateLimitExceeded", ""), RIDER_THROTTLED,
     RIDER_MAILBOX, ALL, 30000},
    {GMAIL_SENDING, 403, "", ERROR("dailyLimitExceeded", ""), RIDER_THROTTLED, RIDER_MAILBOX,
     RIDER_HOLDS_SEND, -1},
    {GMAIL_READING, 403, "", ERROR("dailyLimitExceeded", ""), RIDER_THROTTLED, RIDER_MAILBOX, ALL,
     -1},
    {GMAIL_READING, 403, "", ERROR("domainPolicy", ""), RIDER_AUTH, RIDER_TENANT, ALL, -1},
    {GMAIL_READING, 403, "", ERROR("accessNotConfigured", "Gmail API has not been used in project"),
     RIDER_TRANSIENT, RIDER_SERVICE, ALL, -1},
    {GMAIL_READING, 403, "",
     ERROR("insufficientPermissions", "Request had insufficient authentication scopes."),
     RIDER_AUTH, RIDER_MAILBOX, RIDER_HOLDS_LIST, -1},
    {GMAIL_SENDING, 403, "",
     "{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\",\"details\":[{\"reason\":"
     "\"ACCESS_TOKEN_SCOPE_INSUFFICIENT\"}]}}",
     RIDER_AUTH, RIDER_MAILBOX, RIDER_HOLDS_SEND, -1},
    {GMAIL_READING, 403, "", ERROR("forbidden", "Metadata scope does not support 'q' parameter"),
     RIDER_UNSUPPORTED, RIDER_MAILBOX, 0, -1},
    {GMAIL_READING, 403, "", ERROR("strange", CANARY), RIDER_PERMANENT, RIDER_MESSAGE, 0, -1},
    {GMAIL_READING, 403, "", "", RIDER_PERMANENT, RIDER_MESSAGE, 0, -1},
    {GMAIL_SENDING, 400, "", ERROR("invalidArgument", "Invalid To header"), RIDER_PERMANENT,
     RIDER_RECIPIENT, 0, -1},
    {GMAIL_SENDING, 400, "", ERROR("invalidArgument", CANARY), RIDER_PERMANENT, RIDER_MESSAGE, 0,
     -1},
    {GMAIL_READING, 400, "", ERROR("failedPrecondition", "Mail service not enabled"), RIDER_AUTH,
     RIDER_MAILBOX, ALL, -1},
    {GMAIL_READING, 400, "", ERROR("failedPrecondition", "Precondition check failed."),
     RIDER_PERMANENT, RIDER_MAILBOX, ALL, -1},
    {GMAIL_READING, 404, "", ERROR("notFound", ""), RIDER_ABSENT, RIDER_MESSAGE, 0, -1},
    {GMAIL_SENDING, 413, "", "", RIDER_PERMANENT, RIDER_MESSAGE, 0, -1},
    {GMAIL_SENDING, 429, "",
     ERROR("rateLimitExceeded",
           "User-rate limit exceeded.  Retry after 2026-11-21T18:32:22.500Z (Mail sending)"),
     RIDER_THROTTLED, RIDER_MAILBOX, RIDER_HOLDS_SEND, 3600000},
    {GMAIL_READING, 429, "Retry-After: 7\r\n", "", RIDER_THROTTLED, RIDER_MAILBOX, ALL, 7000},
    {GMAIL_READING, 429, "retry-after: Sat, 21 Nov 2026 17:33:22 GMT\r\n", "", RIDER_THROTTLED,
     RIDER_MAILBOX, ALL, 60000},
    {GMAIL_READING, 429, "Retry-After: soon\r\n", "garbage", RIDER_THROTTLED, RIDER_MAILBOX, ALL,
     -1},
    {GMAIL_READING, 500, "", ERROR("backendError", ""), RIDER_TRANSIENT, RIDER_SERVICE, ALL, -1},
    {GMAIL_SENDING, 500, "", "", RIDER_UNCERTAIN, RIDER_SERVICE, ALL, -1},
    {GMAIL_LABELLING, 503, "Retry-After: 3\r\n", "", RIDER_TRANSIENT, RIDER_SERVICE, ALL, 3000},
    {GMAIL_SENDING, 504, "", "", RIDER_UNCERTAIN, RIDER_SERVICE, ALL, -1},
    {GMAIL_READING, 301, "", "", RIDER_BROKEN, RIDER_SERVICE, 0, -1},
    {GMAIL_LABELLING, 409, "", "", RIDER_TRANSIENT, RIDER_MESSAGE, 0, -1},
};

static void each_error(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rider_http_response response = {
            .size = sizeof(response),
            .status = cases[i].status,
            .sent = true,
            .headers = {cases[i].headers, strlen(cases[i].headers)},
            .body = {cases[i].body, strlen(cases[i].body)}};
        struct gmail_failure got;

        gmail_failure_read(&fake.host, "messages.x", cases[i].doing, &response, &got);
        if (got.failure.kind != cases[i].kind || got.failure.scope != cases[i].scope ||
            got.failure.holds != cases[i].holds || got.failure.retry_after != cases[i].retry_after)
            fail_msg("case %zu (%d): kind %d scope %d holds %u after %lld: %s", i, cases[i].status,
                     got.failure.kind, got.failure.scope, got.failure.holds,
                     (long long)got.failure.retry_after, got.failure.detail);
        assert_int_equal(got.failure.code, cases[i].status);
        assert_true(strlen(got.failure.detail) > 10);
        assert_null(strstr(got.failure.detail, "canary"));
    }
    fake_finish(&fake);
}

static void what_did_not_leave(void **state)
{
    struct rider_http_response response = {.size = sizeof(response), .error = "no route"};
    struct gmail_failure got;
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    gmail_failure_read(&fake.host, "messages.send", GMAIL_SENDING, &response, &got);
    assert_int_equal(got.failure.kind, RIDER_TRANSIENT);
    response.sent = true;
    gmail_failure_read(&fake.host, "messages.send", GMAIL_SENDING, &response, &got);
    assert_int_equal(got.failure.kind, RIDER_UNCERTAIN);
    gmail_failure_read(&fake.host, "messages.get", GMAIL_READING, &response, &got);
    assert_int_equal(got.failure.kind, RIDER_TRANSIENT);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error),
        cmocka_unit_test(what_did_not_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
