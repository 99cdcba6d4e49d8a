/* sandbox/google_labels.c: labels: list, get, create, update, patch, delete. */
#include "sandbox/google_api.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { LABELS_MOST = 10000, NAME_MOST = 225 };

static struct json_object *label_json(const struct google_label *label)
{
    struct json_object *object = json_object_new_object(), *color;

    sbx_json_put(object, "id", label->id);
    sbx_json_put(object, "name", label->name);
    sbx_json_put(object, "type", label->system ? "system" : "user");
    if (label->message_visibility)
        sbx_json_put(object, "messageListVisibility", label->message_visibility);
    if (label->label_visibility)
        sbx_json_put(object, "labelListVisibility", label->label_visibility);
    if (label->text_color) {
        color = json_object_new_object();
        sbx_json_put(color, "textColor", label->text_color);
        sbx_json_put(color, "backgroundColor", label->background_color);
        json_object_object_add(object, "color", color);
    }
    return object;
}

void google_labels_list(struct google_call *call)
{
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();

    for (size_t i = 0; i < call->account->label_count; i++)
        json_object_array_add(list, label_json(call->account->label_list[i]));
    json_object_object_add(object, "labels", list);
    google_ok(call, object);
}

static void counts_add(struct json_object *object, const struct google_label *label)
{
    int64_t unread = 0, threads = 0, threads_unread = 0;
    struct map seen = {0};

    for (size_t i = 0; i < label->messages.count; i++) {
        struct google_message *message = label->messages.list[i];
        bool fresh = google_message_has(message, "UNREAD");

        unread += fresh;
        if (map_put_str(&seen, message->thread->id, message->thread))
            continue;
        threads++;
        threads_unread += fresh;
    }
    map_finish(&seen, NULL);
    json_object_object_add(object, "messagesTotal",
                           json_object_new_int64((int64_t)label->messages.count));
    json_object_object_add(object, "messagesUnread", json_object_new_int64(unread));
    json_object_object_add(object, "threadsTotal", json_object_new_int64(threads));
    json_object_object_add(object, "threadsUnread", json_object_new_int64(threads_unread));
}

void google_labels_get(struct google_call *call)
{
    struct google_label *label = google_label_get(call->account, call->ids[0]);
    struct json_object *object;

    if (!label) {
        google_not_found(call);
        return;
    }
    object = label_json(label);
    counts_add(object, label);
    google_ok(call, object);
}

/* The name as Gmail would keep it: blanks off both ends; NULL: it would not. Answered then. */
static char *name_check(struct google_call *call, const char *text, const struct google_label *self)
{
    struct google_label *other;
    size_t len;
    char *name;

    while (text && *text == ' ')
        text++;
    len = text ? strlen(text) : 0;
    while (len > 0 && text[len - 1] == ' ')
        len--;
    if (len == 0 || len > NAME_MOST || text[0] == '/' || text[len - 1] == '/') {
        google_invalid(call, "Invalid label name");
        return NULL;
    }
    name = mem_strn(text, len);
    other = google_label_named(call->account, name);
    if (!other || other == self)
        return name;
    if (other->system)
        google_invalid(call, "Invalid label name");
    else
        google_fail(call->response, 409, "aborted", "Label name exists or conflicts");
    free(name);
    return NULL;
}

static bool one_of(const char *value, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(value, *list) == 0)
            return true;
    return false;
}

static bool hex_color(const char *text)
{
    return text && text[0] == '#' && strlen(text) == 7 && strspn(text + 1, "0123456789abcdef") == 6;
}

static bool looks_check(struct google_call *call)
{
    static const char *const list[] = {"labelShow", "labelShowIfUnread", "labelHide", NULL};
    static const char *const messages[] = {"show", "hide", NULL};
    const char *in_list = sbx_json_text(call->asked, "labelListVisibility");
    const char *in_messages = sbx_json_text(call->asked, "messageListVisibility");
    struct json_object *color = sbx_json_get(call->asked, "color");

    if ((in_list && !one_of(in_list, list)) || (in_messages && !one_of(in_messages, messages))) {
        google_invalid(call, "Invalid label visibility");
        return false;
    }
    if (color && (!hex_color(sbx_json_text(color, "textColor")) ||
                  !hex_color(sbx_json_text(color, "backgroundColor")))) {
        google_invalid(call, "Label color is not on the allowed color palette");
        return false;
    }
    return true;
}

static void looks_set(const struct google_call *call, struct google_label *label)
{
    const char *in_list = sbx_json_text(call->asked, "labelListVisibility");
    const char *in_messages = sbx_json_text(call->asked, "messageListVisibility");
    struct json_object *color = sbx_json_get(call->asked, "color");

    if (in_list)
        mem_str_set(&label->label_visibility, in_list);
    if (in_messages)
        mem_str_set(&label->message_visibility, in_messages);
    if (color) {
        mem_str_set(&label->text_color, sbx_json_text(color, "textColor"));
        mem_str_set(&label->background_color, sbx_json_text(color, "backgroundColor"));
    }
}

void google_labels_create(struct google_call *call)
{
    auto_free char *name = name_check(call, sbx_json_text(call->asked, "name"), NULL);
    struct google_label *label;

    if (!name || !looks_check(call))
        return;
    if (call->account->label_count >= LABELS_MOST) {
        google_invalid(call, "Too many labels");
        return;
    }
    label = google_label_new(call->account, name);
    looks_set(call, label);
    google_ok(call, label_json(label));
}

static void change(struct google_call *call, bool whole)
{
    struct google_label *label = google_label_get(call->account, call->ids[0]);
    const char *text = sbx_json_text(call->asked, "name");
    auto_free char *name = NULL;

    if (!label) {
        google_not_found(call);
        return;
    }
    if (label->system) {
        google_invalid(call, "Invalid update to system label");
        return;
    }
    if (whole || text) {
        name = name_check(call, text, label);
        if (!name)
            return;
    }
    if (!looks_check(call))
        return;
    if (name)
        google_label_rename(call->account, label, name);
    looks_set(call, label);
    google_ok(call, label_json(label));
}

void google_labels_update(struct google_call *call)
{
    change(call, true);
}

void google_labels_patch(struct google_call *call)
{
    change(call, false);
}

void google_labels_delete(struct google_call *call)
{
    struct google_label *label = google_label_get(call->account, call->ids[0]);

    if (!label) {
        google_not_found(call);
    } else if (label->system) {
        google_invalid(call, "Invalid delete request: system label");
    } else {
        google_label_delete(call->account, label);
        google_done(call);
    }
}
