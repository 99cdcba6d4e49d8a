/* sandbox/microsoft_graph.c: Graph's front: route, token, permissions, limits. */
#include "sandbox/microsoft_graph.h"

#include "sandbox/microsoft_tokens.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { SEGMENTS = 8, BODY_LIMIT = 4 * 1024 * 1024 };

/* Who may call what: facts, section 3.5. A more specific pattern comes first. */
#define BASIC MS_READ_BASIC | MS_READ | MS_READ_WRITE
#define READ MS_READ | MS_READ_WRITE
#define WRITE MS_READ_WRITE
#define SHARED_READ MS_READ_SHARED | MS_READ_WRITE_SHARED
#define SHARED_WRITE MS_READ_WRITE_SHARED
static const struct ms_method methods[] = {
    {"me", "GET", "", MS_USER_READ, 0, ms_me},
    {"mailboxSettings", "GET", "mailboxSettings", MS_SETTINGS_READ | MS_SETTINGS, 0,
     ms_mailbox_settings},
    {"sendMail", "POST", "sendMail", MS_SEND, MS_SEND_SHARED, ms_send_mail},
    {"messages.list", "GET", "messages", BASIC, SHARED_READ, ms_messages_list},
    {"messages.create", "POST", "messages", WRITE, SHARED_WRITE, ms_messages_create},
    {"messages.get", "GET", "messages/{}", BASIC, SHARED_READ, ms_messages_get},
    {"messages.update", "PATCH", "messages/{}", WRITE, SHARED_WRITE, ms_messages_update},
    {"messages.delete", "DELETE", "messages/{}", WRITE, SHARED_WRITE, ms_messages_delete},
    {"messages.value", "GET", "messages/{}/$value", READ, SHARED_READ, ms_messages_value},
    {"messages.send", "POST", "messages/{}/send", MS_SEND, MS_SEND_SHARED, ms_messages_send},
    {"messages.move", "POST", "messages/{}/move", WRITE, SHARED_WRITE, ms_messages_move},
    {"messages.copy", "POST", "messages/{}/copy", WRITE, SHARED_WRITE, ms_messages_copy},
    {"messages.permanentDelete", "POST", "messages/{}/permanentDelete", WRITE, SHARED_WRITE,
     ms_messages_delete_for_good},
    {"messages.createReply", "POST", "messages/{}/createReply", WRITE, SHARED_WRITE,
     ms_messages_create_reply},
    {"messages.createReplyAll", "POST", "messages/{}/createReplyAll", WRITE, SHARED_WRITE,
     ms_messages_create_reply_all},
    {"messages.reply", "POST", "messages/{}/reply", MS_SEND, 0, ms_messages_reply},
    {"mailFolders.list", "GET", "mailFolders", BASIC, SHARED_READ, ms_folders_list},
    {"mailFolders.create", "POST", "mailFolders", WRITE, SHARED_WRITE, ms_folders_create},
    {"mailFolders.get", "GET", "mailFolders/{}", BASIC, SHARED_READ, ms_folders_get},
    {"childFolders.list", "GET", "mailFolders/{}/childFolders", BASIC, SHARED_READ,
     ms_folder_children},
    {"messages.delta", "GET", "mailFolders/{}/messages/delta", BASIC, SHARED_READ, ms_delta},
    {"messages.delta", "GET", "mailFolders/{}/messages/delta()", BASIC, SHARED_READ, ms_delta},
    {"messages.list", "GET", "mailFolders/{}/messages", BASIC, SHARED_READ, ms_messages_list},
    {"messages.create", "POST", "mailFolders/{}/messages", WRITE, SHARED_WRITE, ms_messages_create},
    {"messages.get", "GET", "mailFolders/{}/messages/{}", BASIC, SHARED_READ, ms_messages_get},
    {"masterCategories.list", "GET", "outlook/masterCategories", MS_SETTINGS_READ | MS_SETTINGS, 0,
     ms_categories_list},
    {"masterCategories.create", "POST", "outlook/masterCategories", MS_SETTINGS, 0,
     ms_categories_create},
    {"masterCategories.get", "GET", "outlook/masterCategories/{}", MS_SETTINGS_READ | MS_SETTINGS,
     0, ms_categories_get},
    {"masterCategories.update", "PATCH", "outlook/masterCategories/{}", MS_SETTINGS, 0,
     ms_categories_update},
    {"masterCategories.delete", "DELETE", "outlook/masterCategories/{}", MS_SETTINGS, 0,
     ms_categories_delete},
    {"subscriptions.list", "GET", "/subscriptions", BASIC, 0, ms_subscriptions_list},
    {"subscriptions.create", "POST", "/subscriptions", BASIC, 0, ms_subscriptions_create},
    {"subscriptions.get", "GET", "/subscriptions/{}", BASIC, 0, ms_subscriptions_get},
    {"subscriptions.update", "PATCH", "/subscriptions/{}", BASIC, 0, ms_subscriptions_update},
    {"subscriptions.delete", "DELETE", "/subscriptions/{}", BASIC, 0, ms_subscriptions_delete},
    {"subscriptions.reauthorize", "POST", "/subscriptions/{}/reauthorize", BASIC, 0,
     ms_subscriptions_reauthorize},
};

/* -- the route -------------------------------------------------------------------------------- */

static const struct ms_method *route(const char *verb, bool root, char **segments, size_t count,
                                     char **ids)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        const char *pattern = methods[i].pattern;

        if ((pattern[0] == '/') == root && strcmp(methods[i].verb, verb) == 0 &&
            sbx_path_fits(pattern + root, segments, count, ids))
            return &methods[i];
    }
    return NULL;
}

/* "mailFolders('inbox')" is "mailFolders/inbox". */
static size_t segments_read(const char *path, char **segments)
{
    size_t count = 0;

    while (*path && count + 1 < SEGMENTS) {
        size_t len = strcspn(path, "/");
        auto_buf struct buf text = {0};
        char *open;

        text_percent_decode(&text, path, len, false);
        segments[count] = mem_str(buf_text(&text));
        open = strstr(segments[count], "('");
        count++;
        if (open && text.len > 2 && text.data[text.len - 1] == ')') {
            segments[count] = mem_strn(open + 2, strlen(open + 2) - 2);
            *open = '\0';
            count++;
        }
        path += len + (path[len] == '/');
    }
    return count;
}

/* -- the caller ------------------------------------------------------------------------------- */

static void unauthenticated(struct sbx_response *response, const char *code, const char *message)
{
    sbx_response_header(response, "www-authenticate", "Bearer realm=\"\", error=\"invalid_token\"");
    ms_fail(response, 401, code, message);
}

/* Continuous access evaluation: the token was good, but is not any more. */
static void challenged(struct sbx_response *response, const struct ms_account *account)
{
    auto_buf struct buf claims = {0}, header = {0};

    text_base64(&claims, account->challenge, strlen(account->challenge));
    buf_printf(&header,
               "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/"
               "oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\", "
               "error=\"insufficient_claims\", claims=\"%s\"",
               buf_text(&claims));
    sbx_response_header(response, "www-authenticate", buf_text(&header));
    ms_fail(response, 401, "InvalidAuthenticationToken",
            "Continuous access evaluation resulted in challenge with result: InteractionRequired "
            "and code: TokenIssuedBeforeRevocationTimestamp");
}

static bool token_check(const struct ms_token *token, struct sbx_response *response)
{
    if (!token)
        unauthenticated(response, "InvalidAuthenticationToken",
                        "IDX14100: JWT is not well formed.");
    else if (!ms_token_live(token))
        unauthenticated(response, "InvalidAuthenticationToken",
                        "Lifetime validation failed, the token is expired.");
    else if (token->scopes & MS_OUTLOOK)
        unauthenticated(response, "InvalidAuthenticationToken",
                        "Access token validation failure. Invalid audience.");
    else if (token->grant->account->challenge && !token->challenged_met)
        challenged(response, token->grant->account);
    else
        return true;
    return false;
}

/* "odata.maxpagesize=50, IdType=\"ImmutableId\"", over one header or several. */
static void prefer_read(struct ms_call *call)
{
    auto_buf struct buf applied = {0};

    for (size_t i = 0; i < call->request->header_count; i++) {
        const char *value = call->request->headers[i].value, *size;

        if (strcmp(call->request->headers[i].name, "prefer") != 0)
            continue;
        if (strcasestr(value, "IdType=\"ImmutableId\"")) {
            call->immutable = true;
            buf_printf(&applied, "%sIdType=\"ImmutableId\"", applied.len > 0 ? ", " : "");
        }
        if (strcasestr(value, "outlook.body-content-type=\"text\"")) {
            call->text_bodies = true;
            buf_printf(&applied, "%soutlook.body-content-type=\"text\"",
                       applied.len > 0 ? ", " : "");
        }
        size = strcasestr(value, "odata.maxpagesize=");
        if (size)
            call->page_size = strtol(size + strlen("odata.maxpagesize="), NULL, 10);
    }
    if (applied.len > 0)
        sbx_response_header(call->response, "preference-applied", buf_text(&applied));
}

/* `user` is the segment after /users/; NULL: /me. */
static bool mailbox_choose(struct ms_call *call, const char *user)
{
    struct ms_account *account = call->user;

    if (user) {
        account = ms_account_get(user);
        for (size_t i = 0; i < ms_state()->account_count && !account; i++)
            if (text_same(ms_state()->account_list[i]->oid, user))
                account = ms_state()->account_list[i];
        if (!account) {
            ms_fail(call->response, 404, "ErrorInvalidUser", "The requested user is invalid.");
            return false;
        }
    }
    call->account = account;
    return true;
}

static bool may_open(const struct ms_account *user, const struct ms_account *box)
{
    for (char **address = user->full_access; address && *address; address++)
        if (ms_account_get(*address) == box)
            return true;
    return false;
}

static bool scopes_check(struct ms_call *call)
{
    bool own = call->account == call->user;

    if ((call->scopes & (own ? call->method->scopes : call->method->shared)) &&
        (own || may_open(call->user, call->account)))
        return true;
    ms_fail(call->response, 403, "ErrorAccessDenied",
            "Access is denied. Check credentials and try again.");
    return false;
}

/* "MailboxNotEnabledForRESTAPI" and its like are what microsoft.account.suspend may say. */
static bool suspended(struct ms_call *call)
{
    if (!call->account->suspended)
        return false;
    ms_fail(call->response, text_same(call->account->suspended, "ErrorAccessDenied") ? 403 : 404,
            call->account->suspended,
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.");
    return true;
}

static bool body_read(struct ms_call *call)
{
    if (call->request->body.len > BODY_LIMIT) {
        ms_fail(call->response, 413, "RequestEntityTooLarge", "The request is larger than 4 MB.");
        return false;
    }
    if (call->request->body.len == 0 || ms_is_mime(call))
        return true;
    call->asked = sbx_json_read(call->request->body);
    if (!json_object_is_type(call->asked, json_type_object)) {
        ms_fail(call->response, 400, "BadRequest",
                "Unable to read JSON request payload. Please ensure Content-Type header is set "
                "and payload is of valid JSON format.");
        return false;
    }
    return true;
}

static void call_begin(struct ms_call *call, const struct ms_token *token, const char *user)
{
    if (!token_check(token, call->response))
        return;
    call->user = call->account = token->grant->account;
    call->scopes = token->scopes;
    if (!call->method) {
        ms_fail(call->response, 404, "ResourceNotFound",
                "Resource not found for the segment: the sandbox has no such method.");
        return;
    }
    if (!ms_throttle_take(call->user, call->response))
        return;
    prefer_read(call);
    if (mailbox_choose(call, user) && scopes_check(call) && !suspended(call) && body_read(call))
        call->method->run(call);
}

bool ms_graph_handle(const struct sbx_request *request, struct sbx_response *response)
{
    static const char prefix[] = "/v1.0/";
    struct ms_call call = {.request = request, .response = response};
    const struct ms_token *token = ms_bearer(request);
    char *segments[SEGMENTS + 1] = {NULL};
    size_t count, skip = 0;
    bool users;

    if (!text_starts(request->path, prefix))
        return false;
    count = segments_read(request->path + strlen(prefix), segments);
    users = count > 1 && text_same(segments[0], "users");
    if (users || (count > 0 && text_same(segments[0], "me")))
        skip = users ? 2 : 1;
    call.method = route(request->method, skip == 0, segments + skip, count - skip, call.ids);
    free(response->note);
    response->note = mem_printf("%s %s", token ? token->grant->account->address : "-",
                                call.method ? call.method->name : "unknown");
    call_begin(&call, token, users ? segments[1] : NULL);
    json_object_put(call.asked);
    for (size_t i = 0; i < count; i++)
        free(segments[i]);
    return true;
}
