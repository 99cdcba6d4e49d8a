/* sandbox/microsoft_message.c: messages as Graph gives them. */
#include "sandbox/microsoft_graph.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

enum { PREVIEW = 255 };

bool ms_full_read(const struct ms_call *call)
{
    return (call->scopes & (MS_READ | MS_READ_WRITE | MS_READ_SHARED | MS_READ_WRITE_SHARED)) != 0;
}

/* -- parts of a message ----------------------------------------------------------------------- */

static struct json_object *recipient_json(const char *box)
{
    struct json_object *recipient = json_object_new_object(), *email = json_object_new_object();
    auto_free char *name = mime_name(box), *address = mime_address_first(box);

    sbx_json_put(email, "name", *name ? name : address);
    sbx_json_put(email, "address", address);
    json_object_object_add(recipient, "emailAddress", email);
    return recipient;
}

static struct json_object *recipients_json(const struct ms_message *message, const char *header)
{
    struct json_object *list = json_object_new_array();
    const char *value = ms_message_header(message, header);
    char **boxes = mime_mailboxes(value);

    for (char **box = boxes; value && *box; box++) {
        auto_free char *address = mime_address_first(*box);

        if (address)
            json_object_array_add(list, recipient_json(*box));
    }
    mem_strv_free(boxes);
    return list;
}

/* Without tags and entities: enough for a preview. */
static void html_strip(struct buf *out, const char *html)
{
    bool tag = false;

    for (; *html; html++) {
        if (*html == '<')
            tag = true;
        else if (*html == '>')
            tag = false;
        else if (!tag)
            buf_add_char(out, *html);
    }
}

/* The body as the client wants it; true: it is HTML. */
static bool body_text(const struct ms_message *message, bool as_text, struct buf *out)
{
    const struct ms_content *content = message->content;
    auto_buf struct buf html = {0};

    if (!mime_text(&html, content->raw, content->len, "text/html")) {
        mime_text(out, content->raw, content->len, "text/");
        return false;
    }
    if (as_text)
        html_strip(out, buf_text(&html));
    else
        buf_add(out, html.data, html.len);
    return !as_text;
}

static struct json_object *body_json(const struct ms_call *call, const struct ms_message *message)
{
    struct json_object *object = json_object_new_object();
    auto_buf struct buf text = {0};
    bool html = body_text(message, call->text_bodies, &text);

    sbx_json_put(object, "contentType", html ? "html" : "text");
    json_object_object_add(object, "content", sbx_json_safe(buf_text(&text), text.len));
    return object;
}

static struct json_object *preview_json(const struct ms_message *message)
{
    auto_buf struct buf text = {0}, line = {0};

    body_text(message, true, &text);
    for (size_t i = 0; i < text.len && line.len < PREVIEW; i++) {
        char c = text.data[i];

        if (!isspace((unsigned char)c))
            buf_add_char(&line, c);
        else if (line.len > 0 && line.data[line.len - 1] != ' ')
            buf_add_char(&line, ' ');
    }
    if (line.len > 0 && line.data[line.len - 1] == ' ')
        buf_truncate(&line, line.len - 1);
    return sbx_json_safe(buf_text(&line), line.len);
}

/* What goes out shows no more than the client's own x- headers, and by default not even these
 * (facts, section 4.4). NULL: the property is left out. */
static struct json_object *headers_json(const struct ms_message *message)
{
    const struct mime_headers *headers = &message->content->headers;
    bool outgoing = message->draft || text_same(message->folder->well_known, "sentitems");
    struct json_object *list;

    if (outgoing && !ms_state()->settings.sent_headers)
        return NULL;
    list = json_object_new_array();
    for (size_t i = 0; i < headers->count; i++) {
        struct json_object *one;

        if (outgoing && !text_starts_fold(headers->list[i].name, "x-"))
            continue;
        one = json_object_new_object();
        sbx_json_put(one, "name", headers->list[i].name);
        sbx_json_put(one, "value", headers->list[i].value);
        json_object_array_add(list, one);
    }
    return list;
}

static struct json_object *categories_json(const struct ms_message *message)
{
    struct json_object *list = json_object_new_array();

    for (char **name = message->categories; *name; name++)
        json_object_array_add(list, sbx_json_safe(*name, strlen(*name)));
    return list;
}

static struct json_object *from_json(const struct ms_message *message)
{
    const char *value = ms_message_header(message, "From");

    return value ? recipient_json(value) : NULL;
}

static struct json_object *sender_json(const struct ms_message *message)
{
    return message->sender ? recipient_json(message->sender) : from_json(message);
}

static struct json_object *subject_json(const struct ms_message *message)
{
    const char *value = ms_message_header(message, "Subject");
    auto_buf struct buf text = {0};

    mime_words_decode(&text, value ? value : "");
    return sbx_json_safe(buf_text(&text), text.len);
}

static struct json_object *time_json(int64_t ms)
{
    char text[32];

    return json_object_new_string(ms_time(ms, text));
}

static char *change_key(const struct ms_message *message)
{
    uint64_t words[2] = {sbx_mix(message->key ^ 9), message->changes + 1};
    struct buf text = {0};

    buf_add_str(&text, "CQAAABYAAA");
    text_base64(&text, words, sizeof(words));
    return buf_take(&text);
}

/* -- the properties --------------------------------------------------------------------------- */

enum property {
    P_CREATED,
    P_MODIFIED,
    P_CHANGE_KEY,
    P_CATEGORIES,
    P_RECEIVED,
    P_SENT,
    P_ATTACHMENTS,
    P_MESSAGE_ID,
    P_SUBJECT,
    P_PREVIEW,
    P_IMPORTANCE,
    P_FOLDER,
    P_CONVERSATION,
    P_INDEX,
    P_DELIVERY_RECEIPT,
    P_READ_RECEIPT,
    P_READ,
    P_DRAFT,
    P_LINK,
    P_CLASSIFICATION,
    P_BODY,
    P_UNIQUE_BODY,
    P_SENDER,
    P_FROM,
    P_TO,
    P_CC,
    P_BCC,
    P_REPLY_TO,
    P_FLAG,
    P_HEADERS,
};

static const struct {
    const char *name;
    enum property property;
    bool asked_only; /* given when it is selected, not by default */
    bool full;       /* more than basic */
} properties[] = {
    {"createdDateTime", P_CREATED, false, false},
    {"lastModifiedDateTime", P_MODIFIED, false, false},
    {"changeKey", P_CHANGE_KEY, false, false},
    {"categories", P_CATEGORIES, false, false},
    {"receivedDateTime", P_RECEIVED, false, false},
    {"sentDateTime", P_SENT, false, false},
    {"hasAttachments", P_ATTACHMENTS, false, false},
    {"internetMessageId", P_MESSAGE_ID, false, false},
    {"subject", P_SUBJECT, false, false},
    {"bodyPreview", P_PREVIEW, false, true},
    {"importance", P_IMPORTANCE, false, false},
    {"parentFolderId", P_FOLDER, false, false},
    {"conversationId", P_CONVERSATION, false, false},
    {"conversationIndex", P_INDEX, false, false},
    {"isDeliveryReceiptRequested", P_DELIVERY_RECEIPT, false, false},
    {"isReadReceiptRequested", P_READ_RECEIPT, false, false},
    {"isRead", P_READ, false, false},
    {"isDraft", P_DRAFT, false, false},
    {"webLink", P_LINK, false, false},
    {"inferenceClassification", P_CLASSIFICATION, false, false},
    {"body", P_BODY, false, true},
    {"uniqueBody", P_UNIQUE_BODY, true, true},
    {"sender", P_SENDER, false, false},
    {"from", P_FROM, false, false},
    {"toRecipients", P_TO, false, false},
    {"ccRecipients", P_CC, false, false},
    {"bccRecipients", P_BCC, false, false},
    {"replyTo", P_REPLY_TO, false, false},
    {"flag", P_FLAG, false, false},
    {"internetMessageHeaders", P_HEADERS, true, false},
};

static struct json_object *link_json(const struct ms_message *message)
{
    auto_buf struct buf url = {0};

    buf_add_str(&url, "https://outlook.office365.com/owa/?ItemID=");
    text_percent(&url, message->plain_id);
    return json_object_new_string(buf_text(&url));
}

static struct json_object *text_json(char *text)
{
    struct json_object *value = text ? sbx_json_safe(text, strlen(text)) : NULL;

    free(text);
    return value;
}

static struct json_object *flag_json(void)
{
    struct json_object *flag = json_object_new_object();

    sbx_json_put(flag, "flagStatus", "notFlagged");
    return flag;
}

static struct json_object *people_json(const struct ms_message *message, enum property property)
{
    switch (property) {
    case P_SENDER:
        return sender_json(message);
    case P_FROM:
        return from_json(message);
    case P_TO:
        return recipients_json(message, "To");
    case P_CC:
        return recipients_json(message, "Cc");
    case P_BCC:
        return recipients_json(message, "Bcc");
    default:
        return recipients_json(message, "Reply-To");
    }
}

static struct json_object *value_json(const struct ms_call *call, const struct ms_message *message,
                                      enum property property)
{
    switch (property) {
    case P_CREATED:
        return time_json(message->created);
    case P_MODIFIED:
        return time_json(message->modified);
    case P_CHANGE_KEY:
        return text_json(change_key(message));
    case P_CATEGORIES:
        return categories_json(message);
    case P_RECEIVED:
        return time_json(message->received);
    case P_SENT:
        return time_json(message->sent);
    case P_MESSAGE_ID:
        return text_json(mem_str(message->content->message_id));
    case P_SUBJECT:
        return subject_json(message);
    case P_PREVIEW:
        return preview_json(message);
    case P_IMPORTANCE:
        return json_object_new_string("normal");
    case P_FOLDER:
        return json_object_new_string(message->folder->id);
    case P_CONVERSATION:
        return json_object_new_string(message->conversation->id);
    case P_INDEX:
        return text_json(ms_conversation_index(message));
    case P_ATTACHMENTS:
    case P_DELIVERY_RECEIPT:
    case P_READ_RECEIPT:
        return json_object_new_boolean(false);
    case P_READ:
        return json_object_new_boolean(message->read);
    case P_DRAFT:
        return json_object_new_boolean(message->draft);
    case P_LINK:
        return link_json(message);
    case P_CLASSIFICATION:
        return json_object_new_string("focused");
    case P_BODY:
    case P_UNIQUE_BODY:
        return body_json(call, message);
    case P_FLAG:
        return flag_json();
    case P_HEADERS:
        return headers_json(message);
    case P_SENDER:
    case P_FROM:
    case P_TO:
    case P_CC:
    case P_BCC:
    case P_REPLY_TO:
        break;
    }
    return people_json(message, property);
}

/* -- what is asked for ------------------------------------------------------------------------ */

static bool name_check(struct ms_call *call, const char *name)
{
    if (strcmp(name, "id") == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
        if (strcmp(properties[i].name, name) != 0)
            continue;
        if (!properties[i].full || ms_full_read(call))
            return true;
        ms_fail(call->response, 403, "ErrorAccessDenied",
                "Access is denied. Mail.ReadBasic does not give the body of a message.");
        return false;
    }
    auto_free char *text = mem_printf("Could not find a property named '%s' on type "
                                      "'Microsoft.OutlookServices.Message'.",
                                      name);
    ms_fail(call->response, 400, "RequestBroker--ParseUri", text);
    return false;
}

static char **names_split(const char *text)
{
    char **list = mem_new(sizeof(*list));
    size_t count = 0;

    for (text += strspn(text, ", "); *text; text += strspn(text, ", ")) {
        size_t len = strcspn(text, ", ");

        list = mem_grow(list, count + 2, sizeof(*list));
        list[count++] = mem_strn(text, len);
        list[count] = NULL;
        text += len;
    }
    return list;
}

/* singleValueExtendedProperties($filter=id eq 'String {...} Name postrider-id') */
static bool expand_read(struct ms_call *call, const char *text, struct ms_select *select)
{
    const char *open = strchr(text, '\''), *close = open ? strchr(open + 1, '\'') : NULL;

    if (!ms_full_read(call)) {
        ms_fail(call->response, 403, "ErrorAccessDenied",
                "Access is denied. Mail.ReadBasic does not give extended properties.");
        return false;
    }
    if (!text_starts_fold(text, "singleValueExtendedProperties(") || !close) {
        ms_fail(call->response, 400, "RequestBroker--ParseUri",
                "The sandbox expands singleValueExtendedProperties($filter=id eq '...') only.");
        return false;
    }
    select->property = mem_strn(open + 1, (size_t)(close - open) - 1);
    return true;
}

bool ms_select_named(struct ms_call *call, const char *names, struct ms_select *select)
{
    *select = (struct ms_select){.names = names_split(names)};
    for (char **name = select->names; *name; name++)
        if (!name_check(call, *name)) {
            ms_select_finish(select);
            return false;
        }
    return true;
}

bool ms_select_read(struct ms_call *call, struct ms_select *select)
{
    auto_free char *names = ms_parameter(call, "$select"), *expand = ms_parameter(call, "$expand");

    *select = (struct ms_select){.all = names == NULL};
    if (names && !ms_select_named(call, names, select))
        return false;
    return !expand || expand_read(call, expand, select);
}

void ms_select_finish(struct ms_select *select)
{
    mem_strv_free(select->names);
    free(select->property);
    *select = (struct ms_select){0};
}

static bool selected(const struct ms_select *select, const char *name)
{
    for (char **one = select->names; one && *one; one++)
        if (strcmp(*one, name) == 0)
            return true;
    return false;
}

static void property_add(struct json_object *object, const struct ms_message *message,
                         const char *id)
{
    const char *value = ms_message_property_get(message, id);
    struct json_object *list, *one;

    if (!value)
        return;
    list = json_object_new_array();
    one = json_object_new_object();
    sbx_json_put(one, "id", id);
    sbx_json_put(one, "value", value);
    json_object_array_add(list, one);
    json_object_object_add(object, "singleValueExtendedProperties", list);
}

struct json_object *ms_message_json(const struct ms_call *call, struct ms_message *message,
                                    const struct ms_select *select)
{
    struct json_object *object = json_object_new_object();
    auto_free char *key = change_key(message);
    auto_free char *etag = mem_printf("W/\"%s\"", key);

    sbx_json_put(object, "@odata.etag", etag);
    sbx_json_put(object, "id", ms_message_id(message, call->immutable));
    for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
        struct json_object *value;

        if (select->all ? properties[i].asked_only || (properties[i].full && !ms_full_read(call))
                        : !selected(select, properties[i].name))
            continue;
        value = value_json(call, message, properties[i].property);
        if (value || properties[i].property != P_HEADERS)
            json_object_object_add(object, properties[i].name, value);
    }
    if (select->property)
        property_add(object, message, select->property);
    return object;
}

struct json_object *ms_message_whole(const struct ms_call *call, struct ms_message *message)
{
    const struct ms_select select = {.all = true};
    struct json_object *object = ms_message_json(call, message, &select);

    ms_context(call, object, "messages/$entity");
    return object;
}
