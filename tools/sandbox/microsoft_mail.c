/* sandbox/microsoft_mail.c: one message: read, written, changed, moved, deleted; and who I am. */
#include "sandbox/microsoft_graph.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

void ms_me(struct ms_call *call)
{
    struct json_object *object = json_object_new_object();
    const char *space = strchr(call->account->name, ' ');
    auto_free char *given =
        mem_strn(call->account->name,
                 space ? (size_t)(space - call->account->name) : strlen(call->account->name));
    auto_free char *base = ms_link(call, "/v1.0/$metadata#users/$entity");

    sbx_json_put(object, "@odata.context", base);
    json_object_object_add(object, "businessPhones", json_object_new_array());
    sbx_json_put(object, "displayName", call->account->name);
    sbx_json_put(object, "givenName", given);
    sbx_json_put(object, "jobTitle", NULL);
    sbx_json_put(object, "mail", call->account->mail);
    sbx_json_put(object, "mobilePhone", NULL);
    sbx_json_put(object, "officeLocation", NULL);
    sbx_json_put(object, "preferredLanguage", NULL);
    sbx_json_put(object, "surname", space ? space + 1 : NULL);
    sbx_json_put(object, "userPrincipalName", call->account->address);
    sbx_json_put(object, "id", call->account->oid);
    ms_ok(call, 200, object);
}

void ms_mailbox_settings(struct ms_call *call)
{
    struct json_object *object = json_object_new_object(), *replies = json_object_new_object();

    ms_context(call, object, "mailboxSettings");
    sbx_json_put(object, "timeZone", "UTC");
    sbx_json_put(object, "timeFormat", "HH:mm");
    sbx_json_put(object, "dateFormat", "yyyy-MM-dd");
    sbx_json_put(replies, "status", "disabled");
    sbx_json_put(replies, "externalAudience", "all");
    json_object_object_add(object, "automaticRepliesSetting", replies);
    ms_ok(call, 200, object);
}

/* By the last id of the path; NULL: answered. */
static struct ms_message *message_of(struct ms_call *call)
{
    struct ms_message *message =
        ms_message_get(call->account, call->ids[1] ? call->ids[1] : call->ids[0]);

    if (!message)
        ms_not_found(call);
    return message;
}

void ms_messages_get(struct ms_call *call)
{
    struct ms_message *message = message_of(call);
    struct ms_select select = {0};
    struct json_object *object;

    if (message && ms_select_read(call, &select)) {
        object = ms_message_json(call, message, &select);
        ms_context(call, object, "messages/$entity");
        ms_ok(call, 200, object);
    }
    ms_select_finish(&select);
}

/* The whole of it, as MIME. */
void ms_messages_value(struct ms_call *call)
{
    struct ms_message *message = message_of(call);

    if (!message)
        return;
    call->response->status = 200;
    sbx_response_header(call->response, "content-type", "application/octet-stream");
    buf_add(&call->response->body, message->content->raw, message->content->len);
}

void ms_messages_create(struct ms_call *call)
{
    struct ms_folder *folder = ms_folder_get(call->account, call->ids[0] ? call->ids[0] : "drafts");
    struct ms_message *message;

    if (!folder) {
        ms_not_found(call);
        return;
    }
    message = ms_draft_take(call, call->asked);
    if (!message)
        return;
    ms_message_place(message, folder);
    ms_ok(call, 201, ms_message_whole(call, message));
}

/* If-Match guards against somebody else's change in between. */
static bool match_check(struct ms_call *call, struct ms_message *message)
{
    const char *wanted = sbx_request_header(call->request, "if-match");
    struct json_object *whole;
    bool same;

    if (!wanted || strcmp(wanted, "*") == 0)
        return true;
    whole = ms_message_whole(call, message);
    same = strcmp(wanted, sbx_json_text(whole, "@odata.etag")) == 0;
    json_object_put(whole);
    if (!same)
        ms_fail(call->response, 412, "ErrorIrresolvableConflict",
                "The send or update operation could not be performed because the change key "
                "passed in the request does not match the current change key for the item.");
    return same;
}

void ms_messages_update(struct ms_call *call)
{
    struct ms_message *message = message_of(call);

    if (!message || !match_check(call, message))
        return;
    if (!call->asked) {
        ms_fail(call->response, 400, "ErrorInvalidRequest", "There is nothing to change.");
        return;
    }
    if (ms_message_patch(call, message, call->asked))
        ms_ok(call, 200, ms_message_whole(call, message));
}

/* To Deleted Items; from there, for good. */
void ms_messages_delete(struct ms_call *call)
{
    struct ms_message *message = message_of(call);

    if (!message)
        return;
    if (text_same(message->folder->well_known, "deleteditems"))
        ms_message_delete(message);
    else
        ms_message_move(message, ms_folder_get(call->account, "deleteditems"));
    ms_done(call, 204);
}

void ms_messages_delete_for_good(struct ms_call *call)
{
    struct ms_message *message = message_of(call);

    if (!message)
        return;
    ms_message_delete(message);
    ms_done(call, 204);
}

static struct ms_folder *destination(struct ms_call *call)
{
    const char *id = sbx_json_text(call->asked, "destinationId");
    struct ms_folder *folder;

    if (!id)
        id = sbx_json_text(call->asked, "DestinationId");
    folder = ms_folder_get(call->account, id);
    if (!folder)
        ms_fail(call->response, 404, "ErrorItemNotFound",
                "The folder of destinationId was not found.");
    return folder;
}

void ms_messages_move(struct ms_call *call)
{
    struct ms_message *message = message_of(call);
    struct ms_folder *folder = message ? destination(call) : NULL;

    if (!folder)
        return;
    ms_message_move(message, folder);
    ms_ok(call, 201, ms_message_whole(call, message));
}

void ms_messages_copy(struct ms_call *call)
{
    struct ms_message *message = message_of(call), *copy;
    struct ms_folder *folder = message ? destination(call) : NULL;

    if (!folder)
        return;
    copy = ms_message_new(call->account, message->content);
    copy->conversation = message->conversation;
    copy->draft = message->draft;
    copy->read = message->read;
    copy->received = message->received;
    copy->sent = message->sent;
    ms_message_place(copy, folder);
    ms_ok(call, 201, ms_message_whole(call, copy));
}

static void create_reply(struct ms_call *call, bool all)
{
    struct ms_message *of = message_of(call), *message;
    struct json_object *changes = sbx_json_get(call->asked, "message");

    if (!of)
        return;
    if (sbx_json_get(call->asked, "comment") && sbx_json_get(changes, "body")) {
        ms_fail(call->response, 400, "ErrorInvalidRequest",
                "Specify either a comment or the body of the message, not both.");
        return;
    }
    message = ms_reply_draft(call, of, all);
    ms_message_place(message, ms_folder_get(call->account, "drafts"));
    if (changes && !ms_message_patch(call, message, changes))
        ms_message_delete(message);
    else
        ms_ok(call, 201, ms_message_whole(call, message));
}

void ms_messages_create_reply(struct ms_call *call)
{
    create_reply(call, false);
}

void ms_messages_create_reply_all(struct ms_call *call)
{
    create_reply(call, true);
}
