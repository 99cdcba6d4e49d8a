/* gmail/oauth.c: how a mailbox's owner consents at Google, and what a refusal there means. */
#include "gmail.h"

#include <string.h>

#define SCOPE "https://www.googleapis.com/auth/"

/* No include_granted_scopes: a grant holds what was asked for and no more; gmail.metadata beside a
 * wider scope would bring its restrictions along. */
static const char *const params[] = {"access_type=offline", "prompt=consent", NULL};
static const char *const send_scopes[] = {"openid", "email", "profile", SCOPE "gmail.send", NULL};
static const char *const headers_scopes[] = {
    "openid", "email", "profile", SCOPE "gmail.send", SCOPE "gmail.metadata", SCOPE "gmail.labels",
    NULL};
/* gmail.modify covers send, read, drafts, labels and settings.sendAs.list. */
static const char *const full_scopes[] = {"openid", "email", "profile", SCOPE "gmail.modify", NULL};

bool gmail_oauth(const struct rider_host *host, enum rider_access access, struct rider_oauth *oauth)
{
    static char api[300], userinfo[300]; /* good until the next call, as lent things are */
    static const char *origins[3];

    url_origin(config_text(host, "api_url", "https://gmail.googleapis.com"), api, sizeof(api));
    url_origin(
        config_text(host, "userinfo_url", "https://openidconnect.googleapis.com/v1/userinfo"),
        userinfo, sizeof(userinfo));
    origins[0] = api;
    origins[1] = strcmp(api, userinfo) != 0 ? userinfo : NULL;
    *oauth = (struct rider_oauth){
        .size = sizeof(*oauth),
        .authorize_url =
            config_text(host, "auth_url", "https://accounts.google.com/o/oauth2/v2/auth"),
        .token_url = config_text(host, "token_url", "https://oauth2.googleapis.com/token"),
        .revoke_url = config_text(host, "revoke_url", "https://oauth2.googleapis.com/revoke"),
        .authorize_params = params,
        .scopes = access == RIDER_ACCESS_FULL      ? full_scopes
                  : access == RIDER_ACCESS_HEADERS ? headers_scopes
                                                   : send_scopes,
        .origins = origins,
    };
    return access == RIDER_ACCESS_SEND || access == RIDER_ACCESS_HEADERS ||
           access == RIDER_ACCESS_FULL;
}

static const struct {
    const char *error, *suberror; /* NULL: any */
    int32_t kind, scope;
    const char *detail;
} answers[] = {
    /* specs/oauth-token-endpoint-errors.json, facts 1.2 and 1.3 */
    {"invalid_grant", "invalid_rapt", RIDER_AUTH, RIDER_MAILBOX,
     "the domain's session policy asks for a new sign-in: send a new sign-in link"},
    {"invalid_grant", NULL, RIDER_AUTH, RIDER_MAILBOX,
     "the grant ended (revoked, password changed, unused for six months, or the consent screen is "
     "still in testing, where grants last seven days): sign in again"},
    {"access_denied", NULL, RIDER_AUTH, RIDER_MAILBOX,
     "the owner of the mailbox did not consent: send the link again if that was a mistake"},
    {"admin_policy_enforced", NULL, RIDER_AUTH, RIDER_TENANT,
     "the domain's administrator does not allow this application: ask them to trust its client_id"},
    {"org_internal", NULL, RIDER_AUTH, RIDER_TENANT,
     "the client_id is for the accounts of its own organisation only: use an account of it, or "
     "make "
     "the consent screen external"},
    {"invalid_client", NULL, RIDER_AUTH, RIDER_SERVICE,
     "Google does not know the client_id or its secret: compare them with the Cloud console"},
    {"unauthorized_client", NULL, RIDER_AUTH, RIDER_SERVICE,
     "the client_id may not ask for this: check its type and scopes in the Cloud console"},
    {"deleted_client", NULL, RIDER_AUTH, RIDER_SERVICE,
     "the client_id was deleted in the Cloud console: restore it, or make another"},
    {"invalid_scope", NULL, RIDER_AUTH, RIDER_SERVICE,
     "Google does not take the scopes: enable the Gmail API and add them to the consent screen"},
    {"redirect_uri_mismatch", NULL, RIDER_AUTH, RIDER_SERVICE,
     "the redirect address is not registered with the client_id: add public_url's callback in the "
     "Cloud console"},
    {"disallowed_useragent", NULL, RIDER_AUTH, RIDER_MAILBOX,
     "Google does not allow signing in inside this program: open the link in a browser"},
    {"rate_limit_exceeded", NULL, RIDER_THROTTLED, RIDER_SERVICE,
     "Google asks to sign in more slowly; it is tried again"},
    {"temporarily_unavailable", NULL, RIDER_TRANSIENT, RIDER_SERVICE,
     "Google's sign-in is not available just now; it is tried again"},
    {"server_error", NULL, RIDER_TRANSIENT, RIDER_SERVICE,
     "Google's sign-in is in trouble just now; it is tried again"},
    {"internal_failure", NULL, RIDER_TRANSIENT, RIDER_SERVICE,
     "Google's sign-in is in trouble just now; it is tried again"},
};

void gmail_oauth_failure(const char *error, const char *suberror, const char *description,
                         struct rider_failure *failure)
{
    (void)description;
    *failure = (struct rider_failure){
        .size = sizeof(*failure),
        .kind = RIDER_PERMANENT,
        .scope = RIDER_MAILBOX,
        .holds = RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL,
        .retry_after = -1,
        .detail = "Google refused the sign-in for a reason that is not known here: try it again, "
                  "and look at the client's settings in the Cloud console",
    };
    for (size_t i = 0; error && i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (strcmp(error, answers[i].error) != 0 ||
            (answers[i].suberror && (!suberror || strcmp(suberror, answers[i].suberror) != 0)))
            continue;
        failure->kind = answers[i].kind;
        failure->scope = answers[i].scope;
        failure->detail = answers[i].detail;
        return;
    }
}
