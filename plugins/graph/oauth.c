/* graph/oauth.c: how a mailbox's owner consents at Microsoft, and what a refusal there means. */
#include "graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { URL_MAX = 600 };

static const char *const params[] = {"response_mode=query", NULL};
#define SIGN_IN "openid", "email", "profile", "offline_access", "User.Read", "Mail.Send"
static const char *const scopes[][10] = {
    [RIDER_ACCESS_SEND] = {SIGN_IN, NULL},
    [RIDER_ACCESS_HEADERS] = {SIGN_IN, "Mail.ReadBasic", NULL},
    [RIDER_ACCESS_FULL] = {SIGN_IN, "Mail.ReadWrite", "MailboxSettings.ReadWrite", NULL},
};

/* To send as somebody else takes a permission of its own, asked for only where that is used. */
static const char *const *scopes_of(const struct rider_host *host, enum rider_access access)
{
    static const char *list[10]; /* good until the next call, as lent things are */
    size_t count = 0;

    for (; scopes[access][count]; count++)
        list[count] = scopes[access][count];
    if (*config_text(host, "send_as", ""))
        list[count++] = "Mail.Send.Shared";
    list[count] = NULL;
    return list;
}

/* What the config says, or {login_url}/{tenant}{path}. */
static const char *endpoint(const struct rider_host *host, const char *key, const char *tenant,
                            const char *path, char url[URL_MAX])
{
    char *login = config_url(host, "login_url", "https://login.microsoftonline.com");

    snprintf(url, URL_MAX, "%s/%s%s", login, tenant, path);
    free(login);
    return config_text(host, key, url);
}

bool graph_oauth(const struct rider_host *host, enum rider_access access, struct rider_oauth *oauth)
{
    /* good until the next call, as lent things are */
    static char api[URL_MAX], authorize[URL_MAX], token[URL_MAX], admin[URL_MAX];
    static const char *origins[2] = {api, NULL};
    const char *tenant = config_text(host, "tenant", "common");
    /* An admin consents for one organisation: the one they sign in to. */
    const char *whole = strcmp(tenant, "common") == 0 ? "organizations" : tenant;

    url_origin(config_text(host, "api_url", "https://graph.microsoft.com"), api, sizeof(api));
    if (access < RIDER_ACCESS_SEND || access > RIDER_ACCESS_FULL)
        return false;
    *oauth = (struct rider_oauth){
        .size = sizeof(*oauth),
        .authorize_url = endpoint(host, "auth_url", tenant, "/oauth2/v2.0/authorize", authorize),
        .token_url = endpoint(host, "token_url", tenant, "/oauth2/v2.0/token", token),
        .revoke_url = NULL, /* Microsoft has none for one grant (facts 3.3) */
        .admin_consent_url =
            strcmp(tenant, "consumers") == 0
                ? NULL
                : endpoint(host, "admin_consent_url", whole, "/v2.0/adminconsent", admin),
        .authorize_params = params,
        .scopes = scopes_of(host, access),
        .origins = origins,
        .removal = "at https://myapps.microsoft.com (a work or school account) or "
                   "https://account.live.com/consent/Manage (a personal one)",
    };
    return true;
}

static const struct {
    const char *error, *suberror, *code; /* NULL: any; code: of the description, "AADSTS90094" */
    int32_t kind, scope;
    const char *detail;
} answers[] = {
    /* specs/oauth-token-endpoint-errors.json, facts 3.4; an error's number only makes the sentence
     * more exact, and tells an admin's consent from an owner's, which has no other sign */
    {NULL, NULL, "AADSTS90094", RIDER_AUTH, RIDER_TENANT,
     "the organisation lets only an administrator consent to this application: it waits for your "
     "admin"},
    {NULL, NULL, "AADSTS90095", RIDER_AUTH, RIDER_TENANT,
     "the owner asked the organisation's administrator for consent: it waits for your admin"},
    {NULL, NULL, "AADSTS90093", RIDER_AUTH, RIDER_TENANT,
     "the organisation lets only an administrator consent to this application: it waits for your "
     "admin"},
    {"access_denied", NULL, "AADSTS65001", RIDER_AUTH, RIDER_TENANT,
     "the organisation's administrator has not consented to this application: it waits for your "
     "admin"},
    {"consent_required", NULL, NULL, RIDER_AUTH, RIDER_TENANT,
     "consent to this application is missing, or was taken back: its owner or the organisation's "
     "administrator must give it (again)"},
    {"invalid_grant", "consent_required", NULL, RIDER_AUTH, RIDER_TENANT,
     "consent to this application is missing, or was taken back: its owner or the organisation's "
     "administrator must give it (again)"},
    {"interaction_required", NULL, NULL, RIDER_AUTH, RIDER_MAILBOX,
     "Microsoft wants to see the owner again (a second factor, a policy of the organisation): send "
     "a new sign-in link"},
    {"invalid_grant", "basic_action", NULL, RIDER_AUTH, RIDER_MAILBOX,
     "Microsoft wants to see the owner again (a policy of the organisation): send a new sign-in "
     "link"},
    {"login_required", NULL, NULL, RIDER_AUTH, RIDER_MAILBOX,
     "Microsoft wants the owner to sign in again: send a new sign-in link"},
    {"invalid_grant", NULL, "AADSTS700082", RIDER_AUTH, RIDER_MAILBOX,
     "the grant was not used for 90 days and ended: sign in again"},
    {"invalid_grant", NULL, "AADSTS50173", RIDER_AUTH, RIDER_MAILBOX,
     "the grant ended since the password was changed or sessions were revoked: sign in again"},
    {"invalid_grant", NULL, NULL, RIDER_AUTH, RIDER_MAILBOX,
     "the grant ended (revoked, password changed, unused for 90 days): sign in again"},
    {"access_denied", NULL, NULL, RIDER_AUTH, RIDER_MAILBOX,
     "the owner of the mailbox did not consent: send the link again if that was a mistake"},
    {NULL, NULL, "AADSTS7000215", RIDER_AUTH, RIDER_SERVICE,
     "the client's secret is wrong: take its value, not its id, from the app registration"},
    {NULL, NULL, "AADSTS7000222", RIDER_AUTH, RIDER_SERVICE,
     "the client's secret has expired: make a new one in the app registration"},
    {NULL, NULL, "AADSTS700016", RIDER_AUTH, RIDER_SERVICE,
     "the tenant does not know this client_id: compare it with the app registration, and whether "
     "that is for accounts of any organisation"},
    {NULL, NULL, "AADSTS50011", RIDER_AUTH, RIDER_SERVICE,
     "the redirect address is not registered: add public_url's callback to the app registration"},
    {"invalid_client", NULL, NULL, RIDER_AUTH, RIDER_SERVICE,
     "Microsoft does not know the client_id or its secret: compare them with the app registration"},
    {"unauthorized_client", NULL, NULL, RIDER_AUTH, RIDER_SERVICE,
     "the client_id may not ask for this: check the account types in the app registration"},
    {"invalid_scope", NULL, NULL, RIDER_AUTH, RIDER_SERVICE,
     "Microsoft does not take the permissions: add them to the app registration"},
    {"invalid_resource", NULL, NULL, RIDER_AUTH, RIDER_SERVICE,
     "the tenant does not know Microsoft Graph: look at the `tenant` of this provider"},
    {"temporarily_unavailable", NULL, NULL, RIDER_TRANSIENT, RIDER_SERVICE,
     "Microsoft's sign-in is not available just now; it is tried again"},
    {"server_error", NULL, NULL, RIDER_TRANSIENT, RIDER_SERVICE,
     "Microsoft's sign-in is in trouble just now; it is tried again"},
};

static bool says(const char *text, const char *wanted)
{
    return !wanted || (text && text_fold_same(text, wanted));
}

void graph_oauth_failure(const char *error, const char *suberror, const char *description,
                         struct rider_failure *failure)
{
    *failure = (struct rider_failure){
        .size = sizeof(*failure),
        .kind = RIDER_PERMANENT,
        .scope = RIDER_MAILBOX,
        .holds = RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL,
        .retry_after = -1,
        .detail = "Microsoft refused the sign-in for a reason that is not known here: try it "
                  "again, and look at the app registration",
    };
    for (size_t i = 0; error && i < sizeof(answers) / sizeof(answers[0]); i++) {
        const char *code = answers[i].code ? answers[i].code : "";
        const char *at = description ? strstr(description, code) : NULL;

        if (!says(error, answers[i].error) || !says(suberror, answers[i].suberror) ||
            (*code && (!at || (at[strlen(code)] >= '0' && at[strlen(code)] <= '9'))))
            continue;
        failure->kind = answers[i].kind;
        failure->scope = answers[i].scope;
        failure->detail = answers[i].detail;
        return;
    }
}
