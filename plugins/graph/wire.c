/* graph/wire.c: what Graph's API says, from JSON to structs. */
#include "wire.h"

#include "jsonread.h"

#include <stdlib.h>
#include <string.h>

/* ---- errors -----------------------------------------------------------------------------------
 */

static void keep(char *to, size_t room, const char *from)
{
    size_t len = 0;

    for (; from && *from && len < room - 1; from++) {
        if ((*from >= 'a' && *from <= 'z') || (*from >= 'A' && *from <= 'Z') ||
            (*from >= '0' && *from <= '9') || *from == '_')
            to[len++] = *from;
    }
    to[len] = '\0';
}

bool wire_is_code(const struct wire_error *error, const char *code)
{
    return text_fold_same(error->code, code);
}

/* A code inside can be more specific than the one outside ("generalException"). */
static const char *most_specific(struct json_object *body)
{
    const char *code = json_string(body, "code");
    struct json_object *inner = body;

    for (int depth = 0; depth < 4; depth++) {
        struct json_object *next = json_get(inner, "innerError", json_type_object);

        inner = next ? next : json_get(inner, "innererror", json_type_object);
        if (json_string(inner, "code") && *json_string(inner, "code"))
            code = json_string(inner, "code");
    }
    return code;
}

void wire_error_read(struct wire_error *error, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    struct json_object *body = json_get(root, "error", json_type_object);
    const char *message = json_string(body, "message"), *outer = json_string(body, "code");

    *error = (struct wire_error){0};
    keep(error->code, sizeof(error->code), most_specific(body));
    error->resync =
        wire_is_code(error, "SyncStateNotFound") || wire_is_code(error, "resyncRequired") ||
        wire_is_code(error, "SyncStateInvalid") ||
        (outer &&
         (text_fold_same(outer, "SyncStateNotFound") || text_fold_same(outer, "resyncRequired"))) ||
        (message && text_fold_find(message, "sync state generation is not found"));
    error->external =
        (message && (text_fold_find(message, "5.7.233") || text_fold_find(message, "5.7.232") ||
                     text_fold_find(message, "external recipient"))) ||
        wire_is_code(error, "ErrorTenantExternalRecipientLimitExceeded");
    error->submission = wire_is_code(error, "ErrorExceededMessageLimit") ||
                        wire_is_code(error, "ErrorSubmissionQuotaExceeded") ||
                        wire_is_code(error, "ErrorMessageSubmissionBlocked");
    json_object_put(root);
}

/* ---- messages ---------------------------------------------------------------------------------
 */

/* recipient: {"emailAddress": {"name", "address"}} */
static void take_recipient(struct json_object *recipient, char **whole, char **bare)
{
    struct json_object *email = json_get(recipient, "emailAddress", json_type_object);
    const char *address = json_string(email, "address"), *name = json_string(email, "name");
    struct text text = {0};

    if (!address || !*address)
        return;
    *bare = text_dup(address);
    if (name && *name && strcmp(name, address) != 0) {
        text_str(&text, "\"");
        for (; *name; name++) {
            if (*name == '"' || *name == '\\')
                text_str(&text, "\\");
            text_add(&text, name, 1);
        }
        text_printf(&text, "\" <%s>", address);
        *whole = text.data;
    } else {
        *whole = text_dup(address);
    }
}

static int64_t take_time(struct json_object *object, const char *key)
{
    const char *time = json_string(object, key);

    return time ? wire_time(time) : 0;
}

static int take_message(struct wire_message *message, struct json_object *object)
{
    const char *id = json_string(object, "id");
    struct json_object *to = json_get(object, "toRecipients", json_type_array);

    *message = (struct wire_message){0};
    if (!id || !*id)
        return -1;
    message->id = text_dup(id);
    message->etag = text_dup(json_string(object, "@odata.etag"));
    message->conversation = text_dup(json_string(object, "conversationId"));
    message->message_id = text_dup(json_string(object, "internetMessageId"));
    message->subject = text_dup(json_string(object, "subject"));
    message->says_draft = json_get(object, "isDraft", json_type_boolean) != NULL;
    message->draft = json_object_get_boolean(json_get(object, "isDraft", json_type_boolean));
    message->removed = json_get(object, "@removed", json_type_object) != NULL;
    message->received = take_time(object, "receivedDateTime");
    message->sent = take_time(object, "sentDateTime");
    if (json_get(object, "categories", json_type_array))
        message->categories = json_list(object, "categories");
    take_recipient(json_get(object, "from", json_type_object), &message->from,
                   &message->from_address);
    if (json_count(to))
        take_recipient(json_object_array_get_idx(to, 0), &message->to, &message->to_address);
    wire_headers_read(&message->headers,
                      json_get(object, "internetMessageHeaders", json_type_array),
                      WIRE_HEADERS_MAX);
    return 0;
}

int wire_message_read(struct wire_message *message, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    int r = take_message(message, root);

    json_object_put(root);
    return r;
}

void wire_message_free(struct wire_message *message)
{
    char *const texts[] = {message->id,           message->etag,       message->conversation,
                           message->from,         message->to,         message->message_id,
                           message->from_address, message->to_address, message->subject};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    text_list_free(message->categories);
    wire_headers_free(&message->headers);
    *message = (struct wire_message){0};
}

const char *wire_header(const struct wire_message *message, const char *name)
{
    return wire_headers_find(&message->headers, name);
}

static void put_own(struct text *out, const struct wire_message *message, char *const *names,
                    const char *name, const char *value)
{
    if (value && *value && !wire_header(message, name) && wire_is_named(name, names))
        wire_header_put(out, name, value);
}

void wire_header_block(const struct wire_message *message, char *const *names, struct text *out)
{
    wire_headers_put(out, &message->headers, names);
    put_own(out, message, names, "From", message->from);
    put_own(out, message, names, "To", message->to);
    put_own(out, message, names, "Subject", message->subject);
    put_own(out, message, names, "Message-ID", message->message_id);
}

/* ---- pages ------------------------------------------------------------------------------------
 */

/* Of an entry that comes twice in a page the later one counts. */
static void add_message(struct wire_page *page, struct json_object *object)
{
    struct wire_message message;

    if (take_message(&message, object) < 0)
        return;
    for (size_t i = 0; i < page->count; i++) {
        if (strcmp(page->messages[i].id, message.id) == 0) {
            wire_message_free(&page->messages[i]);
            page->messages[i] = message;
            return;
        }
    }
    page->messages[page->count++] = message;
}

static char *take_link(struct json_object *root, const char *key)
{
    const char *link = json_string(root, key);

    return link && *link ? text_dup(link) : NULL;
}

int wire_page_read(struct wire_page *page, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    struct json_object *list = json_get(root, "value", json_type_array);
    size_t count = json_count(list) < WIRE_ITEMS_MAX ? json_count(list) : WIRE_ITEMS_MAX;

    *page = (struct wire_page){0};
    if (!list) {
        json_object_put(root);
        return -1;
    }
    page->messages = text_alloc((count + 1) * sizeof(*page->messages));
    for (size_t i = 0; i < count; i++)
        add_message(page, json_object_array_get_idx(list, i));
    page->next = take_link(root, "@odata.nextLink");
    page->delta = take_link(root, "@odata.deltaLink");
    json_object_put(root);
    return 0;
}

void wire_page_free(struct wire_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        wire_message_free(&page->messages[i]);
    free(page->messages);
    free(page->next);
    free(page->delta);
    *page = (struct wire_page){0};
}

/* ---- the account ------------------------------------------------------------------------------
 */

/* proxyAddresses: "SMTP:" is the primary one, "smtp:" each other; "SIP:" and such are no mail. */
static void take_proxies(struct wire_user *user, struct json_object *root)
{
    char **all = json_list(root, "proxyAddresses");
    size_t count = 0, kept = 0;

    while (all[count])
        count++;
    if (count)
        user->aliases = text_alloc((count + 1) * sizeof(*user->aliases));
    for (size_t i = 0; i < count; i++) {
        const char *address = all[i] + 5 + (strlen(all[i]) > 5 ? strspn(all[i] + 5, " ") : 0);

        if (strncmp(all[i], "SMTP:", 5) == 0) {
            free(user->address);
            user->address = text_dup(address);
        } else if (strncmp(all[i], "smtp:", 5) == 0) {
            user->aliases[kept++] = text_dup(address);
        }
    }
    text_list_free(all);
}

int wire_user_read(struct wire_user *user, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    const char *id = json_string(root, "id");

    *user = (struct wire_user){0};
    if (!id || !*id) {
        json_object_put(root);
        return -1;
    }
    user->id = text_dup(id);
    user->principal = text_dup(json_string(root, "userPrincipalName"));
    user->name = text_dup(json_string(root, "displayName"));
    user->address = text_dup(json_string(root, "mail"));
    take_proxies(user, root);
    json_object_put(root);
    return 0;
}

void wire_user_free(struct wire_user *user)
{
    free(user->id);
    free(user->address);
    free(user->principal);
    free(user->name);
    if (user->aliases)
        text_list_free(user->aliases);
    *user = (struct wire_user){0};
}

char **wire_categories_read(const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    struct json_object *list = json_get(root, "value", json_type_array);
    size_t count = json_count(list), kept = 0;
    char **names = list ? text_alloc((count + 1) * sizeof(*names)) : NULL;

    for (size_t i = 0; i < count; i++) {
        const char *name = json_string(json_object_array_get_idx(list, i), "displayName");

        if (name && *name)
            names[kept++] = text_dup(name);
    }
    json_object_put(root);
    return names;
}

char *wire_text_read(const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    struct json_object *body = json_get(root, "body", json_type_object);
    const char *content = json_string(body, "content");
    char *text = root && (content || !body) ? text_dup(content ? content : "") : NULL;

    json_object_put(root);
    return text;
}

/* ---- push -------------------------------------------------------------------------------------
 */

int wire_subscription_read(struct wire_subscription *subscription, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    const char *id = json_string(root, "id");
    int64_t expires = take_time(root, "expirationDateTime");
    int r = id && *id && expires ? 0 : -1;

    if (r == 0)
        *subscription = (struct wire_subscription){text_dup(id), expires};
    json_object_put(root);
    return r;
}

static enum wire_life life_of(const char *event)
{
    if (event && text_fold_same(event, "reauthorizationRequired"))
        return WIRE_REAUTHORIZE;
    if (event && text_fold_same(event, "subscriptionRemoved"))
        return WIRE_REMOVED;
    return event && text_fold_same(event, "missed") ? WIRE_MISSED : WIRE_CHANGED;
}

int wire_notices_read(struct wire_notices *notices, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    struct json_object *list = json_get(root, "value", json_type_array);
    size_t count = json_count(list) < WIRE_ITEMS_MAX ? json_count(list) : WIRE_ITEMS_MAX;

    *notices = (struct wire_notices){0};
    if (!list) {
        json_object_put(root);
        return -1;
    }
    notices->notices = text_alloc((count + 1) * sizeof(*notices->notices));
    for (size_t i = 0; i < count; i++) {
        struct json_object *notice = json_object_array_get_idx(list, i);
        const char *subscription = json_string(notice, "subscriptionId");

        if (subscription)
            notices->notices[notices->count++] = (struct wire_notice){
                text_dup(subscription), text_dup(json_string(notice, "clientState")),
                life_of(json_string(notice, "lifecycleEvent"))};
    }
    json_object_put(root);
    return 0;
}

void wire_notices_free(struct wire_notices *notices)
{
    for (size_t i = 0; i < notices->count; i++) {
        free(notices->notices[i].subscription);
        free(notices->notices[i].state);
    }
    free(notices->notices);
    *notices = (struct wire_notices){0};
}
