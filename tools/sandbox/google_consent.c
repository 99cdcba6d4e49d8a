/* sandbox/google_consent.c: the page where an account's owner says what a client may do. */
#include "sandbox/google_oauth.h"

#include "sandbox/google_api.h"
#include "sandbox/google_tokens.h"
#include "sandbox/html.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* What the client asked for; the form carries all of it in hidden fields. */
struct ask {
    const char *query; /* lent: the query, or the form */
    char *redirect, *state, *hint;
    struct client *client;
    unsigned scopes;
};

static const char *const carried[] = {
    "client_id", "redirect_uri",   "response_type",          "scope",
    "state",     "code_challenge", "code_challenge_method",  "access_type",
    "prompt",    "login_hint",     "include_granted_scopes", "nonce",
};

static void ask_finish(struct ask *ask)
{
    free(ask->redirect);
    free(ask->state);
    free(ask->hint);
}

/* Errors that Google shows to the person and does not redirect. */
static void refuse(struct sbx_response *response, const char *error, const char *why)
{
    auto_buf struct buf page = {0};

    html_begin(&page, "Access blocked: the request is invalid");
    buf_add_str(&page, "<p>");
    html_add(&page, why);
    buf_add_str(&page, "<p>Error 400: ");
    html_add(&page, error);
    sbx_response_text(response, 400, "text/html; charset=utf-8", buf_text(&page));
}

static void redirect(struct sbx_response *response, const struct ask *ask, const char *name,
                     const char *value, const char *scope)
{
    auto_buf struct buf url = {0};

    buf_add_str(&url, ask->redirect);
    buf_add_char(&url, strchr(ask->redirect, '?') ? '&' : '?');
    if (ask->state) {
        buf_add_str(&url, "state=");
        text_percent(&url, ask->state);
        buf_add_char(&url, '&');
    }
    buf_printf(&url, "%s=", name);
    text_percent(&url, value);
    if (scope) {
        buf_add_str(&url, "&scope=");
        text_percent(&url, scope);
    }
    response->status = 303;
    sbx_response_header(response, "location", buf_text(&url));
    sbx_response_header(response, "cache-control", "no-store");
}

/* Checks what must be right before anything may be sent to the redirect URI, then the rest. */
static bool ask_read(struct ask *ask, struct sbx_response *response)
{
    auto_free char *id = sbx_parameter(ask->query, "client_id", 0);
    auto_free char *type = sbx_parameter(ask->query, "response_type", 0);
    auto_free char *scope = sbx_parameter(ask->query, "scope", 0);
    auto_free char *challenge = sbx_parameter(ask->query, "code_challenge", 0);
    auto_free char *method = sbx_parameter(ask->query, "code_challenge_method", 0);

    ask->redirect = sbx_parameter(ask->query, "redirect_uri", 0);
    ask->state = sbx_parameter(ask->query, "state", 0);
    ask->hint = sbx_parameter(ask->query, "login_hint", 0);
    ask->client = client_get(&google_state()->clients, id);
    if (!ask->client) {
        refuse(response, "invalid_client", "The OAuth client was not found.");
    } else if (!client_redirect_known(ask->client, ask->redirect)) {
        refuse(response, "redirect_uri_mismatch",
               "The redirect URI in the request does not match the ones registered.");
    } else if (!type || strcmp(type, "code") != 0) {
        redirect(response, ask, "error", "unsupported_response_type", NULL);
    } else if (!scope || !google_scopes_read(scope, &ask->scopes) || ask->scopes == 0) {
        refuse(response, "invalid_scope", "Some requested scopes were invalid.");
    } else if (challenge && (!method || strcmp(method, "S256") != 0)) {
        redirect(response, ask, "error", "invalid_request", NULL);
    } else if (challenge && strlen(challenge) != 43) {
        redirect(response, ask, "error", "invalid_request", NULL);
    } else {
        return true;
    }
    return false;
}

static bool asked_is(const struct ask *ask, const char *name, const char *word)
{
    auto_free char *value = sbx_parameter(ask->query, name, 0);

    return value && strstr(value, word) != NULL;
}

/* The owner agreed: a grant, a code, and back to the client. */
static void allow(const struct ask *ask, struct google_account *account, unsigned ticked,
                  struct sbx_response *response)
{
    struct google_grant *grant = google_grant_of(account, ask->client);
    unsigned scopes = (ask->scopes & ticked) | (ask->scopes & SCOPE_SIGN_IN);
    bool first = grant->scopes == 0;
    struct google_code *code;
    auto_free char *text = NULL;

    if (asked_is(ask, "include_granted_scopes", "true"))
        scopes |= grant->scopes;
    grant->scopes |= scopes;
    code = google_code_new(grant, scopes);
    code->redirect = mem_str(ask->redirect);
    code->challenge = sbx_parameter(ask->query, "code_challenge", 0);
    code->nonce = sbx_parameter(ask->query, "nonce", 0);
    code->offline =
        asked_is(ask, "access_type", "offline") && (first || asked_is(ask, "prompt", "consent"));
    text = google_scopes_text(scopes);
    redirect(response, ask, "code", code->text, text);
}

static int by_address(const void *a, const void *b)
{
    const struct google_account *const *one = a, *const *other = b;

    return strcmp((*one)->address, (*other)->address);
}

static void account_add(struct buf *page, const struct google_account *account, bool checked)
{
    buf_add_str(page, "<label><input type=radio name=account value=\"");
    html_add(page, account->address);
    buf_printf(page, "\"%s> ", checked ? " checked" : "");
    html_add(page, account->name ? account->name : account->address);
    buf_add_str(page, " &lt;");
    html_add(page, account->address);
    buf_add_str(page, "&gt;</label>");
}

static void accounts_add(struct buf *page, const struct ask *ask)
{
    const struct map *accounts = &google_state()->accounts;
    const struct google_account *account, *hinted = google_account_behind(ask->hint);
    auto_free const struct google_account **list = mem_array(accounts->count + 1, sizeof(*list));
    size_t at = 0, count = 0;

    while ((account = map_next(accounts, &at, NULL, NULL)))
        list[count++] = account;
    qsort(list, count, sizeof(*list), by_address);
    buf_add_str(page, "<fieldset><legend>Choose an account</legend>");
    for (size_t i = 0; i < count; i++)
        account_add(page, list[i], list[i] == hinted);
    buf_add_str(page, "</fieldset>");
}

static void consent_page(const struct ask *ask, struct sbx_response *response)
{
    auto_buf struct buf page = {0};

    html_begin(&page, "Sign in to the sandbox's Google");
    buf_add_str(&page, "<p>The app <b>");
    html_add(&page, ask->client->id);
    buf_add_str(&page, "</b> wants access to your account."
                       "<form method=post action=/o/oauth2/v2/auth/consent>");
    html_carry(&page, ask->query, carried, ARRAY_LEN(carried));
    accounts_add(&page, ask);
    buf_add_str(&page, "<fieldset><legend>Select what it can access</legend>");
    for (const struct google_scope_name *name = google_scope_names; name->name; name++)
        if (name->title && (name->scope & ask->scopes & ~(unsigned)SCOPE_SIGN_IN))
            buf_printf(&page,
                       "<label><input type=checkbox name=grant value=\"%s\" checked> %s</label>",
                       name->name, name->title);
    buf_add_str(&page, "</fieldset><button name=decision value=allow>Allow</button>"
                       "<button name=decision value=deny>Cancel</button></form>"
                       "<p><small>A local stand-in; nothing leaves this machine.</small>");
    sbx_response_text(response, 200, "text/html; charset=utf-8", buf_text(&page));
}

/* Does what google.consent said. */
static void automatic(const struct ask *ask, struct sbx_response *response)
{
    const struct google_consent *consent = &google_state()->consent;
    struct google_account *account;
    unsigned ticked = consent->scopes ? 0 : ~0u;

    account = google_account_behind(consent->account ? consent->account : ask->hint);
    for (char **name = consent->scopes; name && *name; name++) {
        unsigned scope;

        if (google_scopes_read(*name, &scope))
            ticked |= scope;
    }
    if (consent->deny)
        redirect(response, ask, "error", "access_denied", NULL);
    else if (!account)
        refuse(response, "invalid_request", "Couldn't find that Google Account.");
    else
        allow(ask, account, ticked, response);
}

static void submitted(const struct ask *ask, struct sbx_response *response)
{
    auto_free char *address = sbx_parameter(ask->query, "account", 0);
    auto_free char *decision = sbx_parameter(ask->query, "decision", 0);
    struct google_account *account = google_account_get(address);
    unsigned ticked = 0, scope;
    char *name;

    if (!decision || strcmp(decision, "allow") != 0) {
        redirect(response, ask, "error", "access_denied", NULL);
        return;
    }
    if (!account) {
        refuse(response, "invalid_request", "Choose one of the accounts, then allow or cancel.");
        return;
    }
    for (size_t i = 0; (name = sbx_parameter(ask->query, "grant", i)) != NULL; i++) {
        if (google_scopes_read(name, &scope))
            ticked |= scope;
        free(name);
    }
    allow(ask, account, ticked, response);
}

bool google_consent_handle(const struct sbx_request *request, struct sbx_response *response)
{
    bool page = strcmp(request->path, "/o/oauth2/v2/auth") == 0;
    bool post = strcmp(request->method, "POST") == 0;
    auto_free char *form = NULL;
    struct ask ask = {.query = request->query};

    if (!page && strcmp(request->path, "/o/oauth2/v2/auth/consent") != 0)
        return false;
    if (!page && !post) {
        google_fail(response, 405, "httpMethodNotAllowed", "Post the form of the consent page.");
        response->note = mem_str("- oauth.consent");
        return true;
    }
    if (post) {
        form = mem_strn(request->body.data, request->body.len);
        ask.query = form;
    }
    if (ask_read(&ask, response)) {
        if (!page)
            submitted(&ask, response);
        else if (google_state()->consent.automatic)
            automatic(&ask, response);
        else
            consent_page(&ask, response);
    }
    response->note = mem_str(page ? "- oauth.auth" : "- oauth.consent");
    ask_finish(&ask);
    return true;
}
