/* sandbox/microsoft_consent.c: the pages where people, and the admins of tenants, consent. */
#include "sandbox/microsoft_tokens.h"

#include "sandbox/html.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* What the client asked for; the form carries all of it in hidden fields. */
struct ask {
    const char *query;  /* lent: the query, or the form */
    const char *tenant; /* lent: the segment */
    char *redirect, *state, *mode;
    struct client *client;
    unsigned scopes;
};

static const char *const carried[] = {
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "nonce",
    "response_mode",
    "login_hint",
    "claims",
    "domain_hint",
};

static void ask_finish(struct ask *ask)
{
    free(ask->redirect);
    free(ask->state);
    free(ask->mode);
}

/* What is wrong with the request itself is shown, not sent back to the client. */
static void refuse(struct sbx_response *response, int code, const char *why)
{
    auto_buf struct buf page = {0};

    html_begin(&page, "Sign in: sorry, but we're having trouble signing you in");
    buf_printf(&page, "<p>AADSTS%d: ", code);
    html_add(&page, why);
    sbx_response_text(response, 400, "text/html; charset=utf-8", buf_text(&page));
}

/* Pairs of name and value (NULL: left out), ending in NULL. */
static void redirect(struct sbx_response *response, const struct ask *ask, const char *const *pairs)
{
    auto_buf struct buf url = {0};
    const char *next = strchr(ask->redirect, '?') ? "&" : "?";

    buf_add_str(&url, ask->redirect);
    if (ask->mode && strcmp(ask->mode, "fragment") == 0)
        next = "#";
    for (; *pairs; pairs += 2) {
        if (!pairs[1])
            continue;
        buf_printf(&url, "%s%s=", next, pairs[0]);
        text_percent(&url, pairs[1]);
        next = "&";
    }
    response->status = 302;
    sbx_response_header(response, "location", buf_text(&url));
}

/* response_mode=form_post: a page that posts itself. */
static void post_back(struct sbx_response *response, const struct ask *ask,
                      const char *const *pairs)
{
    auto_buf struct buf page = {0};

    html_begin(&page, "Working...");
    buf_add_str(&page, "<form method=post name=hiddenform action=\"");
    html_add(&page, ask->redirect);
    buf_add_str(&page, "\">");
    for (; *pairs; pairs += 2) {
        if (!pairs[1])
            continue;
        buf_printf(&page, "<input type=hidden name=%s value=\"", pairs[0]);
        html_add(&page, pairs[1]);
        buf_add_str(&page, "\">");
    }
    buf_add_str(&page, "<button>Continue</button></form>"
                       "<script>document.forms[0].submit()</script>");
    sbx_response_text(response, 200, "text/html; charset=utf-8", buf_text(&page));
}

static void back(struct sbx_response *response, const struct ask *ask, const char *const *pairs)
{
    if (ask->mode && strcmp(ask->mode, "form_post") == 0)
        post_back(response, ask, pairs);
    else
        redirect(response, ask, pairs);
}

static void back_error(struct sbx_response *response, const struct ask *ask, const char *error,
                       int code, const char *why)
{
    auto_free char *text = mem_printf("AADSTS%d: %s", code, why);

    back(response, ask,
         (const char *const[]){"error", error, "error_description", text, "state", ask->state,
                               NULL});
}

static bool asked_is(const struct ask *ask, const char *name, const char *word)
{
    auto_free char *value = sbx_parameter(ask->query, name, 0);

    return value && strcmp(value, word) == 0;
}

/* Client and redirect URI must be right before anything may be sent there. */
static bool ask_read(struct ask *ask, struct sbx_response *response)
{
    auto_free char *id = sbx_parameter(ask->query, "client_id", 0);
    auto_free char *scope = sbx_parameter(ask->query, "scope", 0);

    ask->redirect = sbx_parameter(ask->query, "redirect_uri", 0);
    ask->state = sbx_parameter(ask->query, "state", 0);
    ask->mode = sbx_parameter(ask->query, "response_mode", 0);
    ask->client = client_get(&ms_state()->clients, id);
    if (!ask->client)
        refuse(response, 700016, "Application was not found in the directory.");
    else if (!client_redirect_known(ask->client, ask->redirect))
        refuse(response, 50011,
               "The redirect URI specified in the request does not match the redirect URIs "
               "configured for the application.");
    else if (!scope || !ms_scopes_read(scope, &ask->scopes) || ask->scopes == 0)
        back_error(response, ask, "invalid_scope", 70011,
                   "The provided value for the input parameter 'scope' is not valid.");
    else if ((ask->scopes & MS_GRAPH) && (ask->scopes & MS_OUTLOOK))
        back_error(response, ask, "invalid_request", 28000,
                   "Provided value for the input parameter scope is not valid because it contains "
                   "more than one resource.");
    else
        return true;
    return false;
}

static bool code_asked(const struct ask *ask, struct sbx_response *response)
{
    auto_free char *challenge = sbx_parameter(ask->query, "code_challenge", 0);

    if (!asked_is(ask, "response_type", "code"))
        back_error(response, ask, "unsupported_response_type", 70005,
                   "The app returned an unsupported response type.");
    else if (challenge && !asked_is(ask, "code_challenge_method", "S256"))
        back_error(response, ask, "invalid_request", 9002326,
                   "The sandbox takes code_challenge_method=S256 only.");
    else if (!challenge && !ask->client->secret)
        back_error(response, ask, "invalid_request", 9002325,
                   "Proof Key for Code Exchange is required for cross-origin authorization code "
                   "redemption.");
    else
        return true;
    return false;
}

/* Whether this person may consent to all of that; else only an admin may. */
static bool may_consent(const struct ask *ask, const struct ms_account *account)
{
    unsigned wanted = ask->scopes & ~(unsigned)MS_SIGN_IN;

    return !account->tenant->admin_only || account->admin ||
           (wanted & ~ms_admin_scopes(account->tenant, ask->client)) == 0;
}

/* The person agreed: a grant, a code, and back to the client. */
static void allow(const struct ask *ask, struct ms_account *account, struct sbx_response *response)
{
    struct ms_grant *grant;
    struct ms_code *code;
    auto_free char *session = ms_guid("session", world_random());
    auto_free char *claims = sbx_parameter(ask->query, "claims", 0);

    if (!ms_tenant_fits(account, ask->tenant)) {
        refuse(response, 50020, "The user account does not exist in the tenant.");
        return;
    }
    if (!may_consent(ask, account)) {
        back_error(response, ask, account->tenant->admin_error, 90094,
                   "The grant requires admin permission.");
        return;
    }
    grant = ms_grant_of(account, ask->client);
    grant->scopes |= ask->scopes;
    code = ms_code_new(grant, ask->scopes);
    code->redirect = mem_str(ask->redirect);
    code->challenge = sbx_parameter(ask->query, "code_challenge", 0);
    code->nonce = sbx_parameter(ask->query, "nonce", 0);
    code->claims_met = account->challenge && claims;
    if (account->demand && strcmp(account->demand, "blocked") != 0)
        mem_str_set(&account->demand, NULL);
    if (code->claims_met && account->challenge_interactive) {
        mem_str_set(&account->challenge, NULL);
        account->challenge_interactive = false;
    }
    back(response, ask,
         (const char *const[]){"code", code->text, "state", ask->state, "session_state", session,
                               NULL});
}

static void accounts_add(struct buf *page, const char *hint)
{
    const struct microsoft *ms = ms_state();
    const struct ms_account *hinted = ms_account_get(hint);

    buf_add_str(page, "<fieldset><legend>Pick an account</legend>");
    for (size_t i = 0; i < ms->account_count; i++) {
        const struct ms_account *account = ms->account_list[i];

        buf_add_str(page, "<label><input type=radio name=account value=\"");
        html_add(page, account->address);
        buf_printf(page, "\"%s> ", account == hinted ? " checked" : "");
        html_add(page, account->name);
        buf_add_str(page, " &lt;");
        html_add(page, account->address);
        buf_add_str(page, "&gt;</label>");
    }
    buf_add_str(page, "</fieldset>");
}

static void consent_page(const struct ask *ask, bool admin, struct sbx_response *response)
{
    auto_free char *hint = sbx_parameter(ask->query, "login_hint", 0);
    auto_buf struct buf page = {0};

    html_begin(&page, admin ? "Permissions requested: review for your organization"
                            : "Permissions requested by the sandbox's Microsoft");
    buf_add_str(&page, "<p>The app <b>");
    html_add(&page, ask->client->id);
    buf_printf(&page, "</b> would like to%s:<form method=post action=\"/login/",
               admin ? ", for everybody of your organization" : "");
    html_add(&page, ask->tenant);
    buf_printf(&page, "%s\">", admin ? "/adminconsent/consent" : "/oauth2/v2.0/authorize/consent");
    html_carry(&page, ask->query, carried, ARRAY_LEN(carried));
    buf_add_str(&page, "<ul>");
    for (const struct ms_scope_name *name = ms_scope_names; name->name; name++)
        if (name->title && (name->scope & ask->scopes))
            buf_printf(&page, "<li>%s", name->title);
    buf_add_str(&page, "</ul>");
    accounts_add(&page, hint);
    buf_add_str(&page, "<button name=decision value=accept>Accept</button>"
                       "<button name=decision value=cancel>Cancel</button></form>"
                       "<p><small>A local stand-in; nothing leaves this machine.</small>");
    sbx_response_text(response, 200, "text/html; charset=utf-8", buf_text(&page));
}

/* Who consents, by the form or as microsoft.consent said; NULL: answered. */
static struct ms_account *who(const struct ask *ask, bool submitted, struct sbx_response *response)
{
    const struct ms_consent_mode *mode = &ms_state()->consent;
    auto_free char *named = sbx_parameter(ask->query, submitted ? "account" : "login_hint", 0);
    struct ms_account *account;

    if (submitted ? !asked_is(ask, "decision", "accept") : mode->deny) {
        back_error(response, ask, "access_denied", 65004,
                   "User declined to consent to access the "
                   "app.");
        return NULL;
    }
    account = ms_account_get(!submitted && mode->account ? mode->account : named);
    if (!account)
        refuse(response, 50058, "Pick one of the accounts, then accept or cancel.");
    return account;
}

/* prompt=none: no page is shown. Whoever is signed in and has consented, or whose admin has, comes
 * back with a code; else with what is missing. */
static void silent(const struct ask *ask, struct sbx_response *response)
{
    const struct ms_consent_mode *mode = &ms_state()->consent;
    auto_free char *hint = sbx_parameter(ask->query, "login_hint", 0);
    struct ms_account *account = ms_account_get(hint);
    unsigned wanted = ask->scopes & ~(unsigned)MS_SIGN_IN, given;

    if (!account || mode->signed_out) {
        back_error(response, ask, "login_required", 50058,
                   "A silent sign-in request was sent but no user is signed in.");
        return;
    }
    given =
        ms_grant_of(account, ask->client)->scopes | ms_admin_scopes(account->tenant, ask->client);
    if (account->demand || account->challenge)
        back_error(response, ask, "interaction_required", 50076,
                   "You must use multi-factor "
                   "authentication.");
    else if (wanted & ~given)
        back_error(response, ask, "consent_required", 65001,
                   "The user or administrator has not consented to use the application.");
    else
        allow(ask, account, response);
}

static char *form_of(const struct sbx_request *request)
{
    return strcmp(request->method, "POST") == 0 ? mem_strn(request->body.data, request->body.len)
                                                : mem_str(request->query);
}

void ms_authorize(const struct sbx_request *request, struct sbx_response *response,
                  const char *tenant, bool submitted)
{
    auto_free char *query = form_of(request);
    struct ask ask = {.query = query, .tenant = tenant};
    struct ms_account *account;

    free(response->note);
    response->note = mem_str(submitted ? "- oauth.consent" : "- oauth.auth");
    if (ask_read(&ask, response) && code_asked(&ask, response)) {
        if (asked_is(&ask, "prompt", "none")) {
            silent(&ask, response);
        } else if (!submitted && !ms_state()->consent.automatic) {
            consent_page(&ask, false, response);
        } else {
            account = who(&ask, submitted, response);
            if (account)
                allow(&ask, account, response);
        }
    }
    ask_finish(&ask);
}

/* The admin of which tenant? The one of the path; else of whoever consents; else the first that
 * wants its admin's consent. */
static struct ms_tenant *admins_tenant(const struct ask *ask, const struct ms_account *account)
{
    const struct microsoft *ms = ms_state();
    struct ms_tenant *tenant = ms_tenant_get(ask->tenant);

    if (!tenant && account)
        tenant = account->tenant;
    for (size_t i = 0; i < ms->tenant_count && !tenant; i++)
        if (ms->tenant_list[i]->admin_only)
            tenant = ms->tenant_list[i];
    return tenant;
}

static void admin_decides(const struct ask *ask, bool submitted, struct sbx_response *response)
{
    const struct ms_consent_mode *mode = &ms_state()->consent;
    auto_free char *named = sbx_parameter(ask->query, submitted ? "account" : "login_hint", 0);
    struct ms_tenant *tenant =
        admins_tenant(ask, ms_account_get(!submitted && mode->account ? mode->account : named));
    auto_free char *scope = ms_scopes_text(ask->scopes, true);

    if (submitted ? !asked_is(ask, "decision", "accept") : mode->deny) {
        back_error(response, ask, "access_denied", 65004,
                   "The admin declined to consent to access the app.");
        return;
    }
    if (!tenant) {
        refuse(response, 50059, "No tenant-identifying information found in the request.");
        return;
    }
    ms_admin_consent(tenant, ask->client, ask->scopes);
    back(response, ask,
         (const char *const[]){"admin_consent", "True", "tenant", tenant->id, "scope", scope,
                               "state", ask->state, NULL});
}

void ms_adminconsent(const struct sbx_request *request, struct sbx_response *response,
                     const char *tenant, bool submitted)
{
    auto_free char *query = form_of(request);
    struct ask ask = {.query = query, .tenant = tenant};

    free(response->note);
    response->note = mem_str("- oauth.adminconsent");
    if (ask_read(&ask, response)) {
        if (!submitted && !ms_state()->consent.automatic)
            consent_page(&ask, true, response);
        else
            admin_decides(&ask, submitted, response);
    }
    ask_finish(&ask);
}
