/* gmail/wire.c: what Gmail's API says, from JSON to structs. */
#include "wire.h"

#include "jsonread.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEPTH_MAX = 40 };

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

static void read_message(struct wire_error *error, const char *message)
{
    const char *after = text_fold_find(message, "retry after ");

    if (after) {
        error->retry_at = wire_time(after + strlen("retry after "));
        error->sending = text_fold_find(message, "user-rate limit") != NULL;
    }
    error->sending |= text_fold_find(message, "mail sending") != NULL ||
                      text_fold_find(message, "daily user sending") != NULL;
    error->metadata = text_fold_find(message, "metadata scope") != NULL;
    error->no_scope = text_fold_find(message, "insufficient authentication scope") != NULL ||
                      text_fold_find(message, "insufficient permission") != NULL;
    error->no_mail = text_fold_find(message, "mail service not enabled") != NULL;
    error->thread = text_fold_find(message, "thread") != NULL;
    error->label = text_fold_find(message, "label") != NULL;
    error->recipient = text_fold_find(message, "invalid to header") != NULL ||
                       text_fold_find(message, "recipient address") != NULL;
}

void wire_error_read(struct wire_error *error, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len), *body, *list, *details;
    const char *reason = NULL, *message;

    *error = (struct wire_error){0};
    body = json_get(root, "error", json_type_object);
    list = json_get(body, "errors", json_type_array);
    details = json_get(body, "details", json_type_array);
    if (json_count(list))
        reason = json_string(json_object_array_get_idx(list, 0), "reason");
    for (size_t i = 0; i < json_count(details); i++) {
        const char *detail = json_string(json_object_array_get_idx(details, i), "reason");

        if (!reason)
            reason = detail;
        if (detail && strcmp(detail, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") == 0)
            reason = detail;
    }
    keep(error->reason, sizeof(error->reason), reason);
    keep(error->status, sizeof(error->status), json_string(body, "status"));
    message = json_string(body, "message");
    if (message)
        read_message(error, message);
    json_object_put(root);
}

/* ---- messages, drafts, threads ----------------------------------------------------------------
 */

static int take_message(struct wire_message *message, struct json_object *object)
{
    const char *id = json_string(object, "id");
    uint64_t date = json_number(object, "internalDate");

    *message = (struct wire_message){0};
    if (!id || !*id)
        return -1;
    message->id = text_dup(id);
    message->thread_id = text_dup(json_string(object, "threadId"));
    message->labels = json_list(object, "labelIds");
    message->date = date <= INT64_MAX ? (int64_t)date : 0;
    message->size = json_number(object, "sizeEstimate");
    wire_headers_read(
        &message->headers,
        json_get(json_get(object, "payload", json_type_object), "headers", json_type_array),
        WIRE_HEADERS_MAX);
    return 0;
}

int wire_message_read(struct wire_message *message, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    int r = root ? take_message(message, root) : -1;

    json_object_put(root);
    return r;
}

void wire_message_free(struct wire_message *message)
{
    free(message->id);
    free(message->thread_id);
    text_list_free(message->labels);
    wire_headers_free(&message->headers);
    *message = (struct wire_message){0};
}

bool wire_has_label(char *const *labels, const char *id)
{
    for (; labels && *labels; labels++) {
        if (strcmp(*labels, id) == 0)
            return true;
    }
    return false;
}

const char *wire_header(const struct wire_message *message, const char *name)
{
    return wire_headers_find(&message->headers, name);
}

char *wire_id(const char *value)
{
    size_t len;

    value += strspn(value, " \t\r\n<");
    len = strcspn(value, " \t\r\n>");
    return len ? text_dup_len(value, len) : NULL;
}

void wire_header_block(const struct wire_message *message, char *const *names, struct text *out)
{
    wire_headers_put(out, &message->headers, names);
}

int wire_draft_read(struct wire_draft *draft, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    const char *id = json_string(root, "id");
    int r = -1;

    *draft = (struct wire_draft){0};
    if (id && *id) {
        draft->id = text_dup(id);
        take_message(&draft->message, json_get(root, "message", json_type_object));
        r = 0;
    }
    json_object_put(root);
    return r;
}

void wire_draft_free(struct wire_draft *draft)
{
    free(draft->id);
    draft->id = NULL;
    wire_message_free(&draft->message);
}

int wire_thread_read(struct wire_thread *thread, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len), *list;
    size_t count;

    *thread = (struct wire_thread){0};
    if (!root)
        return -1;
    list = json_get(root, "messages", json_type_array);
    count = json_count(list) < WIRE_ITEMS_MAX ? json_count(list) : WIRE_ITEMS_MAX;
    thread->messages = text_alloc((count + 1) * sizeof(*thread->messages));
    for (size_t i = 0; i < count; i++)
        thread->count +=
            take_message(&thread->messages[thread->count], json_object_array_get_idx(list, i)) == 0;
    json_object_put(root);
    return 0;
}

void wire_thread_free(struct wire_thread *thread)
{
    for (size_t i = 0; i < thread->count; i++)
        wire_message_free(&thread->messages[i]);
    free(thread->messages);
    *thread = (struct wire_thread){0};
}

/* ---- pages ------------------------------------------------------------------------------------
 */

struct paging {
    struct wire_page *page;
    struct json_object *seen; /* message id -> where it stands in items */
    size_t room;
};

/* The item of that message, new or known; NULL: no id, or too many. */
static struct wire_item *page_item(struct paging *paging, struct json_object *message)
{
    struct wire_page *page = paging->page;
    const char *id = json_string(message, "id");
    struct json_object *at;
    struct wire_item *item;

    if (!id || !*id)
        return NULL;
    if (json_object_object_get_ex(paging->seen, id, &at)) {
        item = &page->items[json_object_get_uint64(at)];
    } else {
        if (page->count == WIRE_ITEMS_MAX)
            return NULL;
        if (page->count == paging->room) {
            paging->room = paging->room ? paging->room * 2 : 64;
            page->items = realloc(page->items, paging->room * sizeof(*page->items));
            if (!page->items)
                abort();
        }
        json_object_object_add(paging->seen, id, json_object_new_uint64(page->count));
        item = &page->items[page->count++];
        *item = (struct wire_item){.id = text_dup(id),
                                   .thread_id = text_dup(json_string(message, "threadId"))};
    }
    if (json_get(message, "labelIds", json_type_array)) { /* the newest word on them */
        text_list_free(item->labels);
        item->labels = json_list(message, "labelIds");
    }
    return item;
}

static void add_changed(struct wire_item *item, struct json_object *entry)
{
    char **more = json_list(entry, "labelIds");
    size_t have = 0, count = 0;

    while (item->changed && item->changed[have])
        have++;
    while (more[count])
        count++;
    item->changed = realloc(item->changed, (have + count + 1) * sizeof(*more));
    if (!item->changed)
        abort();
    memcpy(item->changed + have, more, (count + 1) * sizeof(*more));
    free(more);
}

static void take_record(struct paging *paging, struct json_object *record)
{
    static const char *const kinds[] = {"messagesAdded", "labelsAdded", "labelsRemoved"};

    for (size_t kind = 0; kind < 3; kind++) {
        struct json_object *list = json_get(record, kinds[kind], json_type_array);

        for (size_t i = 0; i < json_count(list); i++) {
            struct json_object *entry = json_object_array_get_idx(list, i);
            struct wire_item *item =
                page_item(paging, json_get(entry, "message", json_type_object));

            if (!item)
                continue;
            if (kind == 0)
                item->arrived = true;
            else
                add_changed(item, entry);
        }
    }
}

static void take_listed(struct paging *paging, struct json_object *list, bool drafts)
{
    for (size_t i = 0; i < json_count(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        struct json_object *message = drafts ? json_get(entry, "message", json_type_object) : entry;
        struct wire_item *item = page_item(paging, message);

        if (!item)
            continue;
        item->arrived = true;
        if (drafts && !item->draft_id)
            item->draft_id = text_dup(json_string(entry, "id"));
    }
}

int wire_page_read(struct wire_page *page, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len), *history;
    struct paging paging = {.page = page};

    *page = (struct wire_page){0};
    if (!root)
        return -1;
    paging.seen = json_object_new_object();
    history = json_get(root, "history", json_type_array);
    for (size_t i = 0; i < json_count(history); i++)
        take_record(&paging, json_object_array_get_idx(history, i));
    take_listed(&paging, json_get(root, "messages", json_type_array), false);
    take_listed(&paging, json_get(root, "drafts", json_type_array), true);
    page->next = text_dup(json_string(root, "nextPageToken"));
    if (page->next && !*page->next) {
        free(page->next);
        page->next = NULL;
    }
    page->history_id = json_number(root, "historyId");
    json_object_put(paging.seen);
    json_object_put(root);
    return 0;
}

void wire_page_free(struct wire_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        free(page->items[i].id);
        free(page->items[i].thread_id);
        free(page->items[i].draft_id);
        text_list_free(page->items[i].labels);
        text_list_free(page->items[i].changed);
    }
    free(page->items);
    free(page->next);
    *page = (struct wire_page){0};
}

/* ---- the account ------------------------------------------------------------------------------
 */

int wire_profile_read(struct wire_profile *profile, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    const char *address = json_string(root, "emailAddress");

    *profile = (struct wire_profile){0};
    profile->history_id = json_number(root, "historyId");
    profile->address = text_dup(address);
    json_object_put(root);
    return profile->address ? 0 : -1;
}

int wire_userinfo_read(struct wire_userinfo *info, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    const char *subject = json_string(root, "sub");
    struct json_object *verified = json_get(root, "email_verified", json_type_boolean);

    *info = (struct wire_userinfo){0};
    if (!subject || !*subject) {
        json_object_put(root);
        return -1;
    }
    info->subject = text_dup(subject);
    info->address = text_dup(json_string(root, "email"));
    info->name = text_dup(json_string(root, "name"));
    info->domain = text_dup(json_string(root, "hd"));
    info->verified = !verified || json_object_get_boolean(verified);
    json_object_put(root);
    return 0;
}

void wire_userinfo_free(struct wire_userinfo *info)
{
    free(info->subject);
    free(info->address);
    free(info->name);
    free(info->domain);
    *info = (struct wire_userinfo){0};
}

char **wire_aliases_read(const void *data, size_t len)
{
    struct json_object *root = json_read(data, len), *list;
    size_t count, kept = 0;
    char **aliases;

    if (!root)
        return NULL;
    list = json_get(root, "sendAs", json_type_array);
    count = json_count(list);
    aliases = text_alloc((count + 1) * sizeof(*aliases));
    for (size_t i = 0; i < count; i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        struct json_object *primary = json_get(entry, "isPrimary", json_type_boolean);
        const char *address = json_string(entry, "sendAsEmail");
        const char *status = json_string(entry, "verificationStatus");

        if (address && !json_object_get_boolean(primary) && status &&
            strcmp(status, "accepted") == 0)
            aliases[kept++] = text_dup(address);
    }
    json_object_put(root);
    return aliases;
}

static int take_label(struct wire_label *label, struct json_object *object)
{
    const char *id = json_string(object, "id"), *name = json_string(object, "name");
    const char *type = json_string(object, "type");

    if (!id || !name)
        return -1;
    *label = (struct wire_label){text_dup(id), text_dup(name), !type || strcmp(type, "system")};
    return 0;
}

int wire_label_read(struct wire_label *label, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    int r = take_label(label, root);

    json_object_put(root);
    return r;
}

int wire_labels_read(struct wire_labels *labels, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len), *list;
    size_t count;

    *labels = (struct wire_labels){0};
    if (!root)
        return -1;
    list = json_get(root, "labels", json_type_array);
    count = json_count(list);
    labels->labels = text_alloc((count + 1) * sizeof(*labels->labels));
    for (size_t i = 0; i < count; i++)
        labels->count +=
            take_label(&labels->labels[labels->count], json_object_array_get_idx(list, i)) == 0;
    json_object_put(root);
    return 0;
}

void wire_labels_free(struct wire_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        free(labels->labels[i].id);
        free(labels->labels[i].name);
    }
    free(labels->labels);
    *labels = (struct wire_labels){0};
}

/* ---- bodies -----------------------------------------------------------------------------------
 */

int wire_raw_read(struct text *raw, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len);
    const char *encoded = json_string(root, "raw");
    int r = encoded && text_unbase64(raw, encoded, strlen(encoded)) ? 0 : -1;

    json_object_put(root);
    return r;
}

/* The first part of that type, depth first; lent. */
static struct json_object *find_part(struct json_object *part, const char *type, int depth)
{
    const char *own = json_string(part, "mimeType");
    struct json_object *parts = json_get(part, "parts", json_type_array);
    const char *name = json_string(part, "filename");

    if (own && text_fold_same(own, type) && (!name || !*name) &&
        json_string(json_get(part, "body", json_type_object), "data"))
        return part;
    for (size_t i = 0; depth < DEPTH_MAX && i < json_count(parts); i++) {
        struct json_object *found = find_part(json_object_array_get_idx(parts, i), type, depth + 1);

        if (found)
            return found;
    }
    return NULL;
}

static void strip_tags(struct text *text)
{
    char *to = text->data;
    bool inside = false;

    for (const char *at = text->data; at && *at; at++) {
        if (*at == '<')
            inside = true;
        else if (*at == '>' && inside)
            inside = false;
        else if (!inside)
            *to++ = *at;
    }
    if (to) {
        *to = '\0';
        text->len = (size_t)(to - text->data);
    }
}

int wire_text_read(struct text *text, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len), *payload, *part;
    const char *encoded;
    bool html = false;
    int r = -1;

    payload = json_get(root, "payload", json_type_object);
    part = find_part(payload, "text/plain", 0);
    if (!part) {
        part = find_part(payload, "text/html", 0);
        html = true;
    }
    if (payload && !part) /* nothing in it that is text: an empty one */
        r = 0;
    if (part) {
        encoded = json_string(json_get(part, "body", json_type_object), "data");
        r = text_unbase64(text, encoded, strlen(encoded)) ? 0 : -1;
        if (r == 0 && html)
            strip_tags(text);
    }
    json_object_put(root);
    return r;
}
