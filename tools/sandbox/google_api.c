/* sandbox/google_api.c: the Gmail API's front: route, token, quota, scopes, and the answers. */
#include "sandbox/google_api.h"

#include "sandbox/google_tokens.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { JSON_LIMIT = 5 * 1024 * 1024, UPLOAD_LIMIT = 36700160, SEGMENTS = 4 };

/* Who may call what: specs/gmail.v1.discovery.json. Costs: facts, section 2.8. */
#define ALL SCOPE_MAIL | SCOPE_MODIFY
#define READ ALL | SCOPE_READONLY
#define LOOK READ | SCOPE_METADATA
#define DRAFT ALL | SCOPE_COMPOSE
static const struct google_method google_methods[] = {
    {"getProfile", "GET", "profile", LOOK | SCOPE_COMPOSE, 1, 1, google_profile},
    {"settings.sendAs.list", "GET", "settings/sendAs", READ | SCOPE_SETTINGS, 1, 1,
     google_send_as_list},
    {"settings.sendAs.get", "GET", "settings/sendAs/{}", READ | SCOPE_SETTINGS, 1, 1,
     google_send_as_get},
    {"messages.list", "GET", "messages", LOOK, 5, 5, google_messages_list},
    {"messages.send", "POST", "messages/send", DRAFT | SCOPE_SEND, 100, 100, google_messages_send},
    {"messages.batchModify", "POST", "messages/batchModify", ALL, 50, 50,
     google_messages_batch_modify},
    {"messages.get", "GET", "messages/{}", LOOK, 5, 20, google_messages_get},
    {"messages.delete", "DELETE", "messages/{}", SCOPE_MAIL, 10, 10, google_messages_delete},
    {"messages.modify", "POST", "messages/{}/modify", ALL, 5, 5, google_messages_modify},
    {"messages.trash", "POST", "messages/{}/trash", ALL, 5, 5, google_messages_trash},
    {"messages.untrash", "POST", "messages/{}/untrash", ALL, 5, 5, google_messages_untrash},
    {"threads.list", "GET", "threads", LOOK, 10, 10, google_threads_list},
    {"threads.get", "GET", "threads/{}", LOOK, 10, 40, google_threads_get},
    {"threads.modify", "POST", "threads/{}/modify", ALL, 10, 10, google_threads_modify},
    {"drafts.create", "POST", "drafts", DRAFT, 10, 10, google_drafts_create},
    {"drafts.list", "GET", "drafts", READ | SCOPE_COMPOSE, 5, 5, google_drafts_list},
    {"drafts.send", "POST", "drafts/send", DRAFT, 100, 100, google_drafts_send},
    {"drafts.get", "GET", "drafts/{}", READ | SCOPE_COMPOSE, 5, 5, google_drafts_get},
    {"drafts.update", "PUT", "drafts/{}", DRAFT, 15, 15, google_drafts_update},
    {"drafts.delete", "DELETE", "drafts/{}", DRAFT, 10, 10, google_drafts_delete},
    {"history.list", "GET", "history", LOOK, 2, 2, google_history_list},
    {"labels.list", "GET", "labels", LOOK | SCOPE_LABELS, 1, 1, google_labels_list},
    {"labels.create", "POST", "labels", ALL | SCOPE_LABELS, 5, 5, google_labels_create},
    {"labels.get", "GET", "labels/{}", LOOK | SCOPE_LABELS, 1, 1, google_labels_get},
    {"labels.update", "PUT", "labels/{}", ALL | SCOPE_LABELS, 5, 5, google_labels_update},
    {"labels.patch", "PATCH", "labels/{}", ALL | SCOPE_LABELS, 5, 5, google_labels_patch},
    {"labels.delete", "DELETE", "labels/{}", ALL | SCOPE_LABELS, 5, 5, google_labels_delete},
};

/* -- answers ---------------------------------------------------------------------------------- */

void google_ok(struct google_call *call, struct json_object *object)
{
    sbx_response_json(call->response, 200, google_fields(call, object));
}

void google_done(struct google_call *call)
{
    call->response->status = 204;
}

static const char *status_name(int status, const char *reason)
{
    switch (status) {
    case 400:
        return strcmp(reason, "failedPrecondition") == 0 ? "FAILED_PRECONDITION"
                                                         : "INVALID_ARGUMENT";
    case 401:
        return "UNAUTHENTICATED";
    case 403:
        return "PERMISSION_DENIED";
    case 404:
        return "NOT_FOUND";
    case 409:
        return "ABORTED";
    case 429:
        return "RESOURCE_EXHAUSTED";
    case 503:
        return "UNAVAILABLE";
    default:
        return NULL;
    }
}

void google_fail(struct sbx_response *response, int status, const char *reason, const char *message)
{
    struct json_object *answer = json_object_new_object(), *error = json_object_new_object();
    struct json_object *errors = json_object_new_array(), *one = json_object_new_object();
    const char *name = status_name(status, reason);
    bool usage = strstr(reason, "imitExceeded") != NULL;

    sbx_json_put(one, "message", message);
    sbx_json_put(one, "domain", usage ? "usageLimits" : "global");
    sbx_json_put(one, "reason", reason);
    json_object_array_add(errors, one);
    json_object_object_add(error, "code", json_object_new_int(status));
    sbx_json_put(error, "message", message);
    json_object_object_add(error, "errors", errors);
    if (name)
        sbx_json_put(error, "status", name);
    json_object_object_add(answer, "error", error);
    sbx_response_json(response, status, answer);
}

void google_not_found(struct google_call *call)
{
    google_fail(call->response, 404, "notFound", "Requested entity was not found.");
}

void google_invalid(struct google_call *call, const char *message)
{
    google_fail(call->response, 400, "invalidArgument", message);
}

/* -- parameters ------------------------------------------------------------------------------- */

char *google_parameter(const struct google_call *call, const char *name)
{
    return sbx_parameter(call->request->query, name, 0);
}

char **google_parameters(const struct google_call *call, const char *name)
{
    char **list = mem_new(sizeof(*list)), *value;
    size_t count = 0;

    while ((value = sbx_parameter(call->request->query, name, count)) != NULL) {
        list = mem_grow(list, count + 2, sizeof(*list));
        list[count++] = value;
        list[count] = NULL;
    }
    return list;
}

int64_t google_page_size(struct google_call *call, int64_t otherwise, int64_t most)
{
    auto_free char *text = google_parameter(call, "maxResults");
    int64_t size = otherwise;

    if (text && (!text_i64(text, &size) || size < 0)) {
        google_invalid(call, "Invalid value at 'max_results' (TYPE_UINT32)");
        return -1;
    }
    return size == 0 ? otherwise : size > most ? most : size;
}

bool google_page_token(struct google_call *call, uint64_t *token_r)
{
    auto_free char *text = google_parameter(call, "pageToken");

    if (text && !text_u64(text, token_r)) {
        google_invalid(call, "Invalid pageToken");
        return false;
    }
    return true;
}

bool google_metadata_only(const struct google_call *call)
{
    unsigned wider = SCOPE_MAIL | SCOPE_MODIFY | SCOPE_READONLY;

    return (call->scopes & SCOPE_METADATA) &&
           (google_state()->settings.metadata_strict || !(call->scopes & wider));
}

/* -- the body --------------------------------------------------------------------------------- */

/* multipart/related: JSON first, then the mail. */
static bool related_read(struct google_call *call)
{
    auto_free char *boundary =
        mime_parameter(sbx_request_header(call->request, "content-type"), "boundary");
    struct bytes part, parts[2] = {{0}};
    size_t at = 0, count = 0;

    while (boundary && count < 2 &&
           mime_multipart_next(call->request->body, boundary, &at, &part)) {
        struct mime_headers headers;

        mime_headers_init(&headers, part.data, part.len);
        parts[count].data = (const char *)part.data + headers.length;
        parts[count++].len = part.len - headers.length;
        mime_headers_finish(&headers);
    }
    if (count < 2) {
        google_fail(call->response, 400, "badRequest", "Missing end boundary in multipart body.");
        return false;
    }
    call->asked = sbx_json_read(parts[0]);
    call->upload = parts[1];
    return true;
}

static bool upload_read(struct google_call *call)
{
    auto_free char *type = google_parameter(call, "uploadType");

    if (call->request->body.len > UPLOAD_LIMIT) {
        google_fail(call->response, 413, "uploadTooLarge", "Request Entity Too Large");
        return false;
    }
    if (type && strcmp(type, "multipart") == 0)
        return related_read(call);
    if (type && strcmp(type, "media") == 0) {
        call->upload = call->request->body;
        return true;
    }
    google_fail(call->response, 400, "badRequest",
                "uploadType must be media or multipart: the sandbox has no resumable uploads.");
    return false;
}

static bool body_read(struct google_call *call)
{
    if (call->uploaded)
        return upload_read(call);
    if (call->request->body.len > JSON_LIMIT) {
        google_fail(call->response, 413, "requestTooLarge", "Request Entity Too Large");
        return false;
    }
    call->asked = sbx_json_read(call->request->body);
    if (call->request->body.len > 0 && !json_object_is_type(call->asked, json_type_object)) {
        google_fail(call->response, 400, "parseError", "Parse Error");
        return false;
    }
    return true;
}

/* -- the route -------------------------------------------------------------------------------- */

static const struct google_method *route(const char *verb, char **segments, size_t count,
                                         char **ids)
{
    for (size_t i = 0; i < ARRAY_LEN(google_methods); i++)
        if (strcmp(google_methods[i].verb, verb) == 0 &&
            sbx_path_fits(google_methods[i].pattern, segments, count, ids))
            return &google_methods[i];
    return NULL;
}

static void unauthenticated(struct sbx_response *response)
{
    sbx_response_header(response, "www-authenticate",
                        "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"");
    google_fail(response, 401, "authError",
                "Request had invalid authentication credentials. Expected OAuth 2 access token, "
                "login cookie or other valid authentication credential.");
}

static bool scopes_check(struct google_call *call)
{
    auto_buf struct buf header = {0};

    if (call->scopes & call->method->scopes)
        return true;
    buf_add_str(&header, "Bearer realm=\"https://accounts.google.com/\", "
                         "error=\"insufficient_scope\", scope=\"");
    auto_free char *scopes = google_scopes_text(call->method->scopes);
    buf_add_str(&header, scopes);
    buf_add_char(&header, '"');
    sbx_response_header(call->response, "www-authenticate", buf_text(&header));
    google_fail(call->response, 403, "insufficientPermissions",
                "Request had insufficient authentication scopes.");
    return false;
}

/* "mail_service" and "domain_policy" are what google.account.suspend may say. */
static bool suspended(struct google_call *call)
{
    const char *why = call->account->suspended;

    if (!why)
        return false;
    if (strcmp(why, "domain_policy") == 0)
        google_fail(call->response, 403, "domainPolicy",
                    "The domain administrators have disabled Gmail apps.");
    else
        google_fail(call->response, 400, "failedPrecondition", "Mail service not enabled");
    return true;
}

static void call_run(struct google_call *call, const char *user)
{
    if (strcmp(user, "me") != 0 && !text_same(user, call->account->address)) {
        auto_free char *text = mem_printf("Delegation denied for %s", call->account->address);

        google_fail(call->response, 403, "forbidden", text);
        return;
    }
    if (suspended(call) || !google_quota_take(call) || !scopes_check(call) || !body_read(call))
        return;
    call->method->run(call);
}

/* segments[0] is the user, the rest is the method's. */
static void call_begin(const struct sbx_request *request, struct sbx_response *response,
                       char **segments, size_t count, bool uploaded)
{
    struct google_call call = {.request = request, .response = response, .uploaded = uploaded};
    const char *header = sbx_request_header(request, "authorization");
    struct google_token *token =
        header && text_starts_fold(header, "Bearer ") ? google_token_get(header + 7) : NULL;

    call.method = count > 0 ? route(request->method, segments + 1, count - 1, call.ids) : NULL;
    free(response->note);
    response->note = mem_printf("%s %s", token ? token->grant->account->address : "-",
                                call.method ? call.method->name : "unknown");
    if (!token || token->refresh || !google_token_live(token)) {
        unauthenticated(response);
    } else if (!call.method) {
        google_fail(response, 404, "notFound", "Not Found");
    } else {
        call.account = token->grant->account;
        call.scopes = token->scopes;
        call_run(&call, segments[0]);
    }
    json_object_put(call.asked);
}

bool google_api_handle(const struct sbx_request *request, struct sbx_response *response)
{
    static const char prefix[] = "/gmail/v1/users/", upload[] = "/upload";
    const char *path = request->path;
    bool uploaded = text_starts(path, upload);
    char *segments[SEGMENTS + 1] = {NULL};
    size_t count = 0;

    if (uploaded)
        path += strlen(upload);
    if (!text_starts(path, prefix))
        return false;
    for (path += strlen(prefix); count < SEGMENTS + 1; count++) {
        size_t len = strcspn(path, "/");
        struct buf text = {0};

        text_percent_decode(&text, path, len, false);
        segments[count] = text.data ? buf_take(&text) : mem_str("");
        path += len;
        if (!*path++) {
            count++;
            break;
        }
    }
    call_begin(request, response, segments, count, uploaded);
    for (size_t i = 0; i < count; i++)
        free(segments[i]);
    return true;
}
