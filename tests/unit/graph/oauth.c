/* unit/graph/oauth.c: where people sign in, for what, who they are, and what a refusal means. */
#include "fake.h"

static const char *const *const levels[] = {
    (const char *const[]){"openid", "email", "profile", "offline_access", "User.Read", "Mail.Send",
                          NULL},
    (const char *const[]){"openid", "email", "profile", "offline_access", "User.Read", "Mail.Send",
                          "Mail.ReadBasic", NULL},
    (const char *const[]){"openid", "email", "profile", "offline_access", "User.Read", "Mail.Send",
                          "Mail.ReadWrite", "MailboxSettings.ReadWrite", NULL},
};

static void each_level_asks_for_so_much_and_no_more(void **state)
{
    struct rider_oauth oauth = {0};
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    for (int level = 1; level <= 3; level++) {
        size_t i = 0;

        assert_true(fake.provider->oauth(&fake.host, (enum rider_access)level, &oauth));
        for (; levels[level - 1][i]; i++)
            assert_string_equal(oauth.scopes[i], levels[level - 1][i]);
        assert_null(oauth.scopes[i]);
    }
    assert_false(fake.provider->oauth(&fake.host, (enum rider_access)4, &oauth));
    fake.config = (const char *const[]){"send_as", "jobs@acme.example", NULL};
    assert_true(fake.provider->oauth(&fake.host, RIDER_ACCESS_SEND, &oauth));
    assert_string_equal(oauth.scopes[6], "Mail.Send.Shared");
    assert_null(oauth.scopes[7]);
    assert_string_equal(oauth.origins[0], API);
    assert_null(oauth.origins[1]);
    assert_null(oauth.revoke_url);
    fake_finish(&fake);
}

static void the_tenant_says_where(void **state)
{
    static const struct {
        const char *tenant, *authorize, *admin;
    } cases[] = {
        {"common", "https://login.acme.example/ms/common/oauth2/v2.0/authorize",
         "https://login.acme.example/ms/organizations/v2.0/adminconsent"},
        {"acme.example", "https://login.acme.example/ms/acme.example/oauth2/v2.0/authorize",
         "https://login.acme.example/ms/acme.example/v2.0/adminconsent"},
        {"consumers", "https://login.acme.example/ms/consumers/oauth2/v2.0/authorize", NULL},
    };
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    for (size_t i = 0; i < 3; i++) {
        const char *config[] = {"tenant", cases[i].tenant, "login_url",
                                "https://login.acme.example/ms/", NULL};
        struct rider_oauth oauth = {0};

        fake.config = config;
        assert_true(fake.provider->oauth(&fake.host, RIDER_ACCESS_FULL, &oauth));
        assert_string_equal(oauth.authorize_url, cases[i].authorize);
        assert_non_null(strstr(oauth.token_url, "/oauth2/v2.0/token"));
        if (cases[i].admin)
            assert_string_equal(oauth.admin_consent_url, cases[i].admin);
        else
            assert_null(oauth.admin_consent_url);
    }
    fake_finish(&fake);
}

/* facts 10: interaction_required; and an admin's consent that is waited for */
static void each_refusal_has_its_sentence(void **state)
{
    static const struct {
        const char *error, *suberror, *description;
        int32_t kind, scope;
        const char *word;
    } cases[] = {
        {"interaction_required", NULL, "AADSTS50076: MFA", RIDER_AUTH, RIDER_MAILBOX,
         "owner again"},
        {"invalid_grant", "basic_action", "AADSTS53003: x", RIDER_AUTH, RIDER_MAILBOX,
         "owner again"},
        {"access_denied", NULL, "AADSTS90094: admin", RIDER_AUTH, RIDER_TENANT,
         "waits for your "
         "admin"},
        {"consent_required", NULL, "AADSTS65001: x", RIDER_AUTH, RIDER_TENANT, "administrator"},
        {"access_denied", NULL, "AADSTS65004: declined", RIDER_AUTH, RIDER_MAILBOX,
         "did not consent"},
        {"access_denied", NULL, NULL, RIDER_AUTH, RIDER_MAILBOX, "did not consent"},
        {"invalid_grant", NULL, "AADSTS700082: expired", RIDER_AUTH, RIDER_MAILBOX, "90 days"},
        {"invalid_grant", NULL, NULL, RIDER_AUTH, RIDER_MAILBOX, "sign in again"},
        {"invalid_client", NULL, "AADSTS7000222: expired", RIDER_AUTH, RIDER_SERVICE, "expired"},
        {"invalid_client", NULL, NULL, RIDER_AUTH, RIDER_SERVICE, "client_id"},
        {"temporarily_unavailable", NULL, NULL, RIDER_TRANSIENT, RIDER_SERVICE, "tried again"},
        {"something_new", NULL, NULL, RIDER_PERMANENT, RIDER_MAILBOX, "not known"},
    };
    const struct rider_provider *provider = rider_provider_v1();
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rider_failure failure = {0};

        provider->oauth_failure(cases[i].error, cases[i].suberror, cases[i].description, &failure);
        assert_int_equal(failure.kind, cases[i].kind);
        assert_int_equal(failure.scope, cases[i].scope);
        assert_non_null(strstr(failure.detail, cases[i].word));
    }
}

#define GUID "0b6e3f7a-1111-2222-3333-444455556666"

static void who_the_mailbox_is(void **state)
{
    static const struct {
        const char *body, *who;
    } cases[] = {
        {"{\"id\":\"" GUID "\",\"displayName\":\"Ana\",\"mail\":\"x@acme.example\","
         "\"userPrincipalName\":\"ana@acme.onmicrosoft.example\",\"proxyAddresses\":["
         "\"smtp:a@acme.example\",\"SMTP:ana@acme.example\",\"SIP:ana@acme.example\"]}",
         GUID " ana@acme.example Ana acme.onmicrosoft.example +a@acme.example."},
        {"{\"id\":\"" GUID "\",\"displayName\":\"Ana\",\"mail\":\"ana@acme.example\","
         "\"userPrincipalName\":\"u17@acme.example\"}",
         GUID " ana@acme.example Ana acme.example?"},
        {"{\"id\":\"0003bffd12345678\",\"displayName\":\"Ana\",\"mail\":null,"
         "\"userPrincipalName\":\"ana@outlook.example\"}",
         "0003bffd12345678 ana@outlook.example Ana -?"},
    };
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    for (size_t i = 0; i < 3; i++) {
        again(&fake);
        foresee(&fake, "GET /v1.0/me?$select=id,displayName,mail,userPrincipalName,proxyAddresses",
                200, cases[i].body);
        fake.provider->identify(fake.session, &fake.op);
        run(&fake);
        assert_int_equal(fake.ended, ENDED_IDENTITY);
        assert_string_equal(fake.items.data, cases[i].who);
    }
    again(&fake); /* an account that has no such property */
    foresee(&fake, "GET /me?$select=", 400, "");
    foresee(&fake, "GET /me?$select=id,displayName,mail,userPrincipalName", 200, cases[2].body);
    fake.provider->identify(fake.session, &fake.op);
    run(&fake);
    assert_int_equal(fake.ended, ENDED_IDENTITY);
    again(&fake);
    foresee(&fake, "GET /me", 200, "{\"id\":\"" GUID "\"}");
    fake.provider->identify(fake.session, &fake.op);
    run(&fake);
    assert_int_equal(fake.kind, RIDER_AUTH);
    fake_finish(&fake);
}

static void rights_to_send_as_are_named(void **state)
{
    static const char *const config[] = {
        "send_as",
        "ANA@acme.example=jobs@acme.example, a@acme.example, "
        "ben@acme.example=boss@acme.example, =x, ana@acme.example=",
        "tenant", "acme.example", NULL};
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    fake.config = config;
    foresee(&fake, "GET /me", 200,
            "{\"id\":\"" GUID "\",\"mail\":\"ana@acme.example\",\"proxyAddresses\":["
            "\"smtp:A@acme.example\"]}");
    fake.provider->identify(fake.session, &fake.op);
    run(&fake);
    assert_string_equal(fake.items.data, GUID " ana@acme.example - acme.example +A@acme.example "
                                              "+jobs@acme.example.");
    fake_finish(&fake);
}

static void what_was_granted_counts(void **state)
{
    static const char *const nothing[] = {"openid", "User.Read", NULL};
    struct rider_mailbox mailbox = {.size = sizeof(mailbox), .granted = nothing};
    const struct rider_failure none = {0};
    struct rider_failure why = none;
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    assert_int_equal(fake.provider->can_now(fake.session),
                     RIDER_CAN_SEND | RIDER_CAN_LIST | RIDER_CAN_FIND | RIDER_CAN_READ |
                         RIDER_CAN_REPORT | RIDER_CAN_STAGE | RIDER_CAN_LABEL);
    assert_null(fake.provider->open(&fake.host, &mailbox, &why));
    assert_int_equal(why.kind, RIDER_AUTH);
    fake_finish(&fake);
    assert_int_equal(graph_may(NULL, RIDER_ACCESS_HEADERS), GRAPH_MAY_SEND | GRAPH_MAY_LIST);
}

static void the_text_of_an_answer(void **state)
{
    struct fake fake;
    (void)state;

    fake_init(&fake, fake_full_scopes);
    foresee(&fake, "GET /me/messages/m%2F1?$select=body", 200,
            "{\"id\":\"m/1\",\"body\":{\"contentType\":\"text\",\"content\":\"Yes.\\r\\n\"}}");
    fake.provider->read(fake.session, &fake.op, "m/1");
    assert_non_null(strstr(fake.headers, PREFER ", outlook.body-content-type=\"text\""));
    run(&fake);
    assert_string_equal(fake.text, "Yes.\r\n");
    fake_finish(&fake);

    fake_init(&fake, fake_headers_scopes);
    fake.provider->read(fake.session, &fake.op, "m/1");
    run(&fake);
    assert_int_equal(fake.kind, RIDER_UNSUPPORTED);
    fake_finish(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_asks_for_so_much_and_no_more),
        cmocka_unit_test(the_tenant_says_where),
        cmocka_unit_test(each_refusal_has_its_sentence),
        cmocka_unit_test(who_the_mailbox_is),
        cmocka_unit_test(rights_to_send_as_are_named),
        cmocka_unit_test(what_was_granted_counts),
        cmocka_unit_test(the_text_of_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
