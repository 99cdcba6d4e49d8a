/* unit/gmail/oauth.c: consent, what is really granted, who signed in, costs, and reading a text. */
#include "fake.h"

static void describes_consent(void **state)
{
    static const char *const config[] = {"auth_url", "http://127.0.0.1:1/auth", "userinfo_url",
                                         "http://127.0.0.1:1/userinfo", NULL};
    struct rider_oauth oauth = {0};
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    assert_true(fake.provider->oauth(&fake.host, RIDER_ACCESS_HEADERS, &oauth));
    assert_string_equal(oauth.authorize_url, "https://accounts.google.com/o/oauth2/v2/auth");
    assert_string_equal(oauth.token_url, "https://oauth2.googleapis.com/token");
    assert_string_equal(oauth.origins[0], API);
    assert_string_equal(oauth.origins[1], "https://openidconnect.googleapis.com");
    assert_null(oauth.origins[2]);
    assert_string_equal(oauth.scopes[2], "profile");
    assert_string_equal(oauth.scopes[4], SCOPE "gmail.metadata");
    assert_string_equal(oauth.authorize_params[0], "access_type=offline");
    assert_string_equal(oauth.authorize_params[1], "prompt=consent");
    assert_null(oauth.authorize_params[2]);
    assert_true(fake.provider->oauth(&fake.host, RIDER_ACCESS_FULL, &oauth));
    assert_string_equal(oauth.scopes[3], SCOPE "gmail.modify");
    assert_null(oauth.scopes[4]);
    assert_true(fake.provider->oauth(&fake.host, RIDER_ACCESS_SEND, &oauth));
    assert_string_equal(oauth.scopes[3], SCOPE "gmail.send");
    assert_null(oauth.scopes[4]);
    assert_false(fake.provider->oauth(&fake.host, 9, &oauth));
    fake.config = config;
    fake.provider->oauth(&fake.host, RIDER_ACCESS_SEND, &oauth);
    assert_string_equal(oauth.authorize_url, "http://127.0.0.1:1/auth");
    assert_string_equal(oauth.origins[1], "http://127.0.0.1:1");
    fake_finish(&fake);
}

static void refusals(void **state)
{
    static const struct {
        const char *error, *suberror;
        int32_t kind, scope;
    } answers[] = {
        {"invalid_grant", NULL, RIDER_AUTH, RIDER_MAILBOX},
        {"invalid_grant", "invalid_rapt", RIDER_AUTH, RIDER_MAILBOX},
        {"access_denied", NULL, RIDER_AUTH, RIDER_MAILBOX},
        {"admin_policy_enforced", NULL, RIDER_AUTH, RIDER_TENANT},
        {"invalid_client", NULL, RIDER_AUTH, RIDER_SERVICE},
        {"temporarily_unavailable", NULL, RIDER_TRANSIENT, RIDER_SERVICE},
        {"server_error", NULL, RIDER_TRANSIENT, RIDER_SERVICE},
        {"something_new", NULL, RIDER_PERMANENT, RIDER_MAILBOX},
        {NULL, NULL, RIDER_PERMANENT, RIDER_MAILBOX},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct rider_failure failure = {0};

        rider_provider_v1()->oauth_failure(answers[i].error, answers[i].suberror, "canary",
                                           &failure);
        assert_int_equal(failure.kind, answers[i].kind);
        assert_int_equal(failure.scope, answers[i].scope);
        assert_non_null(failure.detail);
        assert_null(strstr(failure.detail, "canary"));
    }
}

static uint32_t can(const char *const *scopes)
{
    struct fake fake;
    uint32_t now;

    fake_init(&fake, scopes);
    now = fake.provider->can_now(fake.session);
    assert_int_equal(now & ~fake.provider->can, 0);
    fake_finish(&fake);
    return now;
}

static void granted_scopes_count(void **state)
{
    static const char *const unticked[] = {"openid", SCOPE "gmail.metadata", NULL};
    static const char *const all[] = {"https://mail.google.com/", NULL};
    static const char *const none[] = {"openid", "email", NULL};
    const struct rider_mailbox mailbox = {.size = sizeof(mailbox), .granted = none};
    struct rider_failure why = {0};
    struct fake fake;
    (void)state;

    assert_int_equal(can(fake_headers_scopes),
                     RIDER_CAN_SEND | RIDER_CAN_LIST | RIDER_CAN_FIND | RIDER_CAN_THREAD);
    assert_int_equal(can(unticked), RIDER_CAN_LIST | RIDER_CAN_FIND | RIDER_CAN_THREAD);
    assert_int_equal(can(fake_full_scopes), rider_provider_v1()->can);
    assert_int_equal(can(all), rider_provider_v1()->can);
    assert_int_equal(can(NULL), rider_provider_v1()->can); /* not said: as asked, full */
    fake_init(&fake, unticked);
    assert_null(fake.provider->open(&fake.host, &mailbox, &why));
    assert_int_equal(why.kind, RIDER_AUTH);
    assert_non_null(why.detail);
    fake.provider->send(fake.session, &fake.op,
                        &(struct rider_message){.size = sizeof(struct rider_message)});
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

static void costs(void **state)
{
    static const char *const config[] = {"quota", "old", "cost.messages.send", "7", NULL};
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    assert_int_equal(gmail_cost(fake.session, "messages.get"), 20);
    assert_int_equal(gmail_cost(fake.session, "messages.send"), 100);
    fake.config = config;
    assert_int_equal(gmail_cost(fake.session, "messages.send"), 7);
    fake.session->old_quota = true;
    assert_int_equal(gmail_cost(fake.session, "messages.get"), 5);
    fake_finish(&fake);
}

#define INFO                                                                                       \
    "{\"sub\":\"1078\",\"email\":\"ana@acme.example\",\"email_verified\":true,\"name\":\"Ana\","   \
    "\"hd\":\"acme.example\"}"

static void identities(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_send_scopes);
    foresee(&fake, "GET https://openidconnect.googleapis.com/v1/userinfo", 200, INFO);
    fake.provider->identify(fake.session, &fake.op);
    run(&fake);
    assert_string_equal(fake.items.data, "1078 ana@acme.example Ana acme.example?");
    again(&fake);
    foresee(&fake, "GET userinfo", 200, "{\"sub\":\"1\",\"email\":\"x\",\"email_verified\":false}");
    fake.provider->identify(fake.session, &fake.op);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_AUTH);
    fake_finish(&fake);

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET userinfo", 200, "{\"sub\":\"1078\",\"email\":\"old@acme.example\"}");
    foresee(&fake, "GET /users/me/profile", 200, "{\"emailAddress\":\"ana@acme.example\"}");
    foresee(&fake, "GET /settings/sendAs", 200,
            "{\"sendAs\":[{\"sendAsEmail\":\"ana@acme.example\",\"isPrimary\":true,"
            "\"verificationStatus\":\"accepted\"},{\"sendAsEmail\":\"a@b.example\","
            "\"verificationStatus\":\"accepted\"},{\"sendAsEmail\":\"p@b.example\","
            "\"verificationStatus\":\"pending\"}]}");
    fake.provider->identify(fake.session, &fake.op);
    run(&fake);
    assert_string_equal(fake.items.data, "1078 ana@acme.example - - +a@b.example.");
    again(&fake);
    foresee(&fake, "GET userinfo", 200, "<html>");
    fake.provider->identify(fake.session, &fake.op);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_BROKEN);
    fake_finish(&fake);
}

static void texts(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /messages/a1?format=full", 200,
            "{\"id\":\"a1\",\"payload\":{\"mimeType\":\"multipart/mixed\",\"parts\":[{\"mimeType\":"
            "\"multipart/alternative\",\"parts\":[{\"mimeType\":\"text/html\",\"body\":{\"data\":"
            "\"PGI-eDwvYj4=\"}},{\"mimeType\":\"text/plain\",\"filename\":\"\",\"body\":{\"data\":"
            "\"WWVzIMOp\"}}]}]}}");
    fake.provider->read(fake.session, &fake.op, "a1");
    run(&fake);
    assert_string_equal(fake.text, "Yes \u00e9");
    again(&fake);
    foresee(&fake, "GET /messages/a1", 200,
            "{\"payload\":{\"mimeType\":\"text/html\",\"body\":{\"data\":\"PGI-eDwvYj4=\"}}}");
    fake.provider->read(fake.session, &fake.op, "a1");
    run(&fake);
    assert_string_equal(fake.text, "x");
    again(&fake);
    foresee(&fake, "GET /messages/a1", 200,
            "{\"payload\":{\"mimeType\":\"text/plain\",\"body\":{\"data\":\"6Q\"}}}"); /* Latin-1 */
    fake.provider->read(fake.session, &fake.op, "a1");
    run(&fake);
    assert_string_equal(fake.text, "\u00e9");
    again(&fake);
    foresee(&fake, "GET /messages/a1", 404, "");
    fake.provider->read(fake.session, &fake.op, "a1");
    run(&fake);
    assert_int_equal(fake.kind, RIDER_ABSENT);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_consent),    cmocka_unit_test(refusals),
        cmocka_unit_test(granted_scopes_count), cmocka_unit_test(costs),
        cmocka_unit_test(identities),           cmocka_unit_test(texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
