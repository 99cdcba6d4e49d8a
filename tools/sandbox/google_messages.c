/* sandbox/google_messages.c: getProfile, sendAs, and messages: get, modify, trash, delete. */
#include "sandbox/google_api.h"

#include "sandbox/google_drafts.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static void put_u64(struct json_object *object, const char *key, uint64_t value)
{
    auto_free char *text = mem_printf("%llu", (unsigned long long)value);

    sbx_json_put(object, key, text);
}

void google_profile(struct google_call *call)
{
    struct json_object *object = json_object_new_object();
    struct google_account *account = call->account;

    sbx_json_put(object, "emailAddress", account->address);
    json_object_object_add(object, "messagesTotal",
                           json_object_new_int64((int64_t)account->all.count));
    json_object_object_add(object, "threadsTotal",
                           json_object_new_int64((int64_t)account->threads.count));
    put_u64(object, "historyId", google_history_now(account));
    google_ok(call, object);
}

static struct json_object *send_as(const struct google_account *account, size_t alias)
{
    struct json_object *object = json_object_new_object();
    bool primary = alias == 0;
    const struct google_alias *other = primary ? NULL : &account->aliases[alias - 1];
    const char *name = primary ? account->name : other->name;

    sbx_json_put(object, "sendAsEmail", primary ? account->address : other->address);
    sbx_json_put(object, "displayName", name ? name : "");
    sbx_json_put(object, "replyToAddress", "");
    sbx_json_put(object, "signature", "");
    if (primary)
        json_object_object_add(object, "isPrimary", json_object_new_boolean(true));
    json_object_object_add(object, "treatAsAlias", json_object_new_boolean(!primary));
    json_object_object_add(object, "isDefault", json_object_new_boolean(primary));
    if (!primary)
        sbx_json_put(object, "verificationStatus", other->accepted ? "accepted" : "pending");
    return object;
}

void google_send_as_list(struct google_call *call)
{
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();

    for (size_t i = 0; i <= call->account->alias_count; i++)
        json_object_array_add(list, send_as(call->account, i));
    json_object_object_add(object, "sendAs", list);
    google_ok(call, object);
}

void google_send_as_get(struct google_call *call)
{
    const struct google_account *account = call->account;
    size_t at = 0;

    while (at < account->alias_count && !text_same(account->aliases[at].address, call->ids[0]))
        at++;
    if (text_same(account->address, call->ids[0]))
        google_ok(call, send_as(account, 0));
    else if (at < account->alias_count)
        google_ok(call, send_as(account, at + 1));
    else
        google_not_found(call);
}

/* -- a message as JSON ------------------------------------------------------------------------ */

static struct json_object *label_ids(const struct google_message *message)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < message->label_count; i++)
        json_object_array_add(list, json_object_new_string(message->labels[i]->id));
    return list;
}

struct json_object *google_message_brief(const struct google_message *message, bool labels)
{
    struct json_object *object = json_object_new_object();

    sbx_json_put(object, "id", message->id);
    sbx_json_put(object, "threadId", message->thread->id);
    if (labels)
        json_object_object_add(object, "labelIds", label_ids(message));
    return object;
}

static const char *snippet(const struct google_call *call, struct google_message *message)
{
    if (google_metadata_only(call))
        return "";
    if (!message->snippet) {
        struct buf text = {0};

        mime_snippet(&text, message->raw, message->raw_len, 180);
        message->snippet = text.data ? buf_take(&text) : mem_str("");
    }
    return message->snippet;
}

static bool header_wanted(const char *name, char **only)
{
    if (!only || !*only)
        return true;
    for (; *only; only++)
        if (text_same(name, *only))
            return true;
    return false;
}

static struct json_object *metadata_payload(const struct google_message *message, char **only)
{
    struct json_object *payload = json_object_new_object(), *list = json_object_new_array();
    const char *type = google_message_header(message, "Content-Type");
    auto_free char *name = type ? mem_strn(type, strcspn(type, "; \t")) : mem_str("text/plain");

    text_lower(name);
    sbx_json_put(payload, "mimeType", name);
    for (size_t i = 0; i < message->headers.count; i++) {
        const struct mime_header *header = &message->headers.list[i];
        struct json_object *one;

        if (!header_wanted(header->name, only))
            continue;
        one = json_object_new_object();
        sbx_json_put(one, "name", header->name);
        sbx_json_put(one, "value", header->value);
        json_object_array_add(list, one);
    }
    json_object_object_add(payload, "headers", list);
    return payload;
}

struct json_object *google_message_json(const struct google_call *call,
                                        struct google_message *message, const char *format,
                                        char **only)
{
    struct json_object *object = google_message_brief(message, true);

    sbx_json_put(object, "snippet", snippet(call, message));
    json_object_object_add(object, "sizeEstimate",
                           json_object_new_int64((int64_t)message->raw_len));
    put_u64(object, "historyId", message->history);
    put_u64(object, "internalDate", (uint64_t)message->at);
    if (strcmp(format, "raw") == 0) {
        auto_buf struct buf text = {0};

        text_base64url(&text, message->raw, message->raw_len);
        sbx_json_put(object, "raw", buf_text(&text));
    } else if (strcmp(format, "full") == 0) {
        json_object_object_add(object, "payload", google_payload(message->raw, message->raw_len));
    } else if (strcmp(format, "metadata") == 0) {
        json_object_object_add(object, "payload", metadata_payload(message, only));
    }
    return object;
}

char *google_format(struct google_call *call)
{
    auto_free char *format = google_parameter(call, "format");
    const char *name = format ? format : "full";

    if (strcmp(name, "full") == 0 || strcmp(name, "raw") == 0) {
        if (google_metadata_only(call)) {
            auto_free char *text = mem_printf("Metadata scope doesn't allow format %s",
                                              strcmp(name, "raw") == 0 ? "RAW" : "FULL");

            google_fail(call->response, 403, "forbidden", text);
            return NULL;
        }
    } else if (strcmp(name, "minimal") != 0 && strcmp(name, "metadata") != 0) {
        google_invalid(call, "Invalid value at 'format'");
        return NULL;
    }
    return mem_str(name);
}

void google_messages_get(struct google_call *call)
{
    struct google_message *message = google_message_get(call->account, call->ids[0]);
    auto_free char *format = google_format(call);
    char **only;

    if (!format)
        return;
    if (!message) {
        google_not_found(call);
        return;
    }
    only = google_parameters(call, "metadataHeaders");
    google_ok(call, google_message_json(call, message, format, only));
    mem_strv_free(only);
}

/* -- changes ---------------------------------------------------------------------------------- */

/* Every id of the list is a label one may set; false: answered. */
static bool labels_check(struct google_call *call, struct json_object *list)
{
    size_t count = list ? json_object_array_length(list) : 0;

    if (count > 100) {
        google_invalid(call, "Too many labels: at most 100 may be changed at once.");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *id = json_object_get_string(json_object_array_get_idx(list, i));

        if (google_label_get(call->account, id) && strcmp(id, "SENT") != 0 &&
            strcmp(id, "DRAFT") != 0)
            continue;
        auto_free char *text = mem_printf("Invalid label: %s", id ? id : "");
        google_invalid(call, text);
        return false;
    }
    return true;
}

static struct json_object *array_of(struct google_call *call, const char *key)
{
    struct json_object *list = sbx_json_get(call->asked, key);

    return json_object_is_type(list, json_type_array) ? list : NULL;
}

static bool modify_check(struct google_call *call)
{
    struct json_object *add = array_of(call, "addLabelIds"),
                       *drop = array_of(call, "removeLabelIds");

    if (!add && !drop) {
        google_invalid(call, "No label add or removes specified");
        return false;
    }
    return labels_check(call, add) && labels_check(call, drop);
}

static void modify(struct google_call *call, struct google_message *message)
{
    static const struct {
        const char *key;
        bool add;
    } lists[] = {{"addLabelIds", true}, {"removeLabelIds", false}};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct json_object *list = array_of(call, lists[i].key);

        for (size_t j = 0; list && j < json_object_array_length(list); j++)
            google_message_label(
                message,
                google_label_get(call->account,
                                 json_object_get_string(json_object_array_get_idx(list, j))),
                lists[i].add);
    }
}

void google_messages_modify(struct google_call *call)
{
    struct google_message *message = google_message_get(call->account, call->ids[0]);

    if (!message) {
        google_not_found(call);
    } else if (modify_check(call)) {
        modify(call, message);
        google_ok(call, google_message_brief(message, true));
    }
}

void google_messages_batch_modify(struct google_call *call)
{
    struct json_object *ids = array_of(call, "ids");
    size_t count = ids ? json_object_array_length(ids) : 0;

    if (count == 0 || count > 1000) {
        google_invalid(call, count == 0 ? "No message ids specified" : "Too many message ids");
        return;
    }
    if (!modify_check(call))
        return;
    for (size_t i = 0; i < count; i++) {
        const char *id = json_object_get_string(json_object_array_get_idx(ids, i));
        struct google_message *message = google_message_get(call->account, id);

        if (message) /* those that are gone are passed over */
            modify(call, message);
    }
    google_done(call);
}

void google_threads_modify(struct google_call *call)
{
    struct google_thread *thread = google_thread_get(call->account, call->ids[0]);
    struct json_object *object;

    if (!thread || google_thread_live(thread) == 0) {
        google_not_found(call);
        return;
    }
    if (!modify_check(call))
        return;
    for (size_t i = 0; i < thread->count; i++)
        if (!thread->messages[i]->gone)
            modify(call, thread->messages[i]);
    object = json_object_new_object();
    sbx_json_put(object, "id", thread->id);
    google_ok(call, object);
}

static void trash(struct google_call *call, bool in)
{
    struct google_message *message = google_message_get(call->account, call->ids[0]);

    if (!message) {
        google_not_found(call);
        return;
    }
    google_message_label(message, google_label_get(call->account, "TRASH"), in);
    if (in)
        google_message_label(message, google_label_get(call->account, "INBOX"), false);
    google_ok(call, google_message_brief(message, true));
}

void google_messages_trash(struct google_call *call)
{
    trash(call, true);
}

void google_messages_untrash(struct google_call *call)
{
    trash(call, false);
}

void google_messages_delete(struct google_call *call)
{
    struct google_message *message = google_message_get(call->account, call->ids[0]);

    if (!message) {
        google_not_found(call);
        return;
    }
    google_draft_forget(message);
    google_message_delete(message);
    google_done(call);
}
