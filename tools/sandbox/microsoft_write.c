/* sandbox/microsoft_write.c: messages that the client writes, as JSON or as MIME. */
#include "sandbox/microsoft_graph.h"

#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

enum { HEADERS_MOST = 5, WIDTH = 76 };

/* Properties that become header fields when the mail goes out (MS-OXCMAIL). */
static const struct {
    const char *id, *field;
} property_headers[] = {
    {"String 0x1045", "List-Unsubscribe"}, /* PidTagListUnsubscribe    */
    {"String 0x1042", "In-Reply-To"},      /* PidTagInReplyToId        */
    {"String 0x1039", "References"},       /* PidTagInternetReferences */
};

bool ms_is_mime(const struct ms_call *call)
{
    const char *type = sbx_request_header(call->request, "content-type");

    return type && text_starts_fold(type, "text/plain");
}

char *ms_message_id_make(void)
{
    uint64_t id = ++ms_state()->next_id;

    return mem_printf("<AM0P190MB%04X%016llX%08X@AM0P190MB%04X.EURP190.PROD.OUTLOOK.COM>",
                      (unsigned)(id & 0xffff), (unsigned long long)sbx_mix(id),
                      (unsigned)(sbx_mix(id ^ 3) & 0xffffffff), (unsigned)(id & 0xffff));
}

/* -- a mail from JSON ------------------------------------------------------------------------- */

/* One line, whatever the client put in; RFC 2047 when it is not all ASCII. */
static void words_add(struct buf *out, const char *text)
{
    bool ascii = true;

    for (const char *p = text; *p; p++)
        ascii = ascii && (unsigned char)*p < 0x80;
    if (!ascii) {
        buf_add_str(out, "=?utf-8?B?");
        text_base64(out, text, strlen(text));
        buf_add_str(out, "?=");
        return;
    }
    for (; *text; text++)
        buf_add_char(out, iscntrl((unsigned char)*text) ? ' ' : *text);
}

static void box_add(struct buf *out, struct json_object *recipient)
{
    struct json_object *email = sbx_json_get(recipient, "emailAddress");
    const char *address = sbx_json_text(email, "address"), *name = sbx_json_text(email, "name");

    if (name && *name && !text_same(name, address)) {
        buf_add_char(out, '"');
        words_add(out, name);
        buf_add_str(out, "\" ");
    }
    buf_add_char(out, '<');
    words_add(out, address ? address : "");
    buf_add_char(out, '>');
}

static void boxes_add(struct buf *out, const char *name, struct json_object *list)
{
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    if (count == 0)
        return;
    buf_printf(out, "%s: ", name);
    for (size_t i = 0; i < count; i++) {
        buf_add_str(out, i > 0 ? ",\r\n " : "");
        box_add(out, json_object_array_get_idx(list, i));
    }
    buf_add_str(out, "\r\n");
}

static void base64_lines(struct buf *out, const char *text, size_t len)
{
    auto_buf struct buf coded = {0};

    text_base64(&coded, text, len);
    for (size_t at = 0; at < coded.len; at += WIDTH) {
        size_t line = coded.len - at < WIDTH ? coded.len - at : WIDTH;

        buf_add(out, coded.data + at, line);
        buf_add_str(out, "\r\n");
    }
}

/* The header fields and the body that JSON tells; `keep`: more fields, as they stand. */
static void mail_make(struct buf *out, const struct ms_account *account,
                      struct json_object *message, const char *message_id, const char *keep)
{
    struct json_object *body = sbx_json_get(message, "body");
    struct json_object *from = sbx_json_get(message, "from");
    struct json_object *extra = sbx_json_get(message, "internetMessageHeaders");
    const char *text = sbx_json_text(body, "content"), *subject = sbx_json_text(message, "subject");
    char when[48];

    if (json_object_is_type(from, json_type_object)) {
        buf_add_str(out, "From: ");
        box_add(out, from);
        buf_add_str(out, "\r\n");
    } else {
        buf_printf(out, "From: \"%s\" <%s>\r\n", account->name, account->address);
    }
    boxes_add(out, "To", sbx_json_get(message, "toRecipients"));
    boxes_add(out, "Cc", sbx_json_get(message, "ccRecipients"));
    boxes_add(out, "Bcc", sbx_json_get(message, "bccRecipients"));
    boxes_add(out, "Reply-To", sbx_json_get(message, "replyTo"));
    buf_add_str(out, "Subject: ");
    words_add(out, subject ? subject : "");
    buf_printf(out, "\r\nDate: %s\r\nMessage-ID: %s\r\nMIME-Version: 1.0\r\n%s",
               mime_date(world_now(), when), message_id, keep ? keep : "");
    for (size_t i = 0; extra && i < json_object_array_length(extra); i++) {
        struct json_object *one = json_object_array_get_idx(extra, i);

        words_add(out, sbx_json_text(one, "name"));
        buf_add_str(out, ": ");
        words_add(out, sbx_json_text(one, "value") ? sbx_json_text(one, "value") : "");
        buf_add_str(out, "\r\n");
    }
    buf_printf(out,
               "Content-Type: text/%s; charset=\"utf-8\"\r\n"
               "Content-Transfer-Encoding: base64\r\n\r\n",
               text_same(sbx_json_text(body, "contentType"), "html") ? "html" : "plain");
    base64_lines(out, text ? text : "", text ? strlen(text) : 0);
}

/* Names must start "x-", and there may be five. False: answered. */
static bool headers_check(struct ms_call *call, struct json_object *message)
{
    struct json_object *list = sbx_json_get(message, "internetMessageHeaders");
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < count; i++) {
        const char *name = sbx_json_text(json_object_array_get_idx(list, i), "name");

        if (name && text_starts_fold(name, "x-"))
            continue;
        auto_free char *text = mem_printf("The internet message header name '%s' should start "
                                          "with 'x-' or 'X-'.",
                                          name ? name : "");
        ms_fail(call->response, 400, "InvalidInternetMessageHeader", text);
        return false;
    }
    if (count > HEADERS_MOST) {
        ms_fail(call->response, 400, "InvalidInternetMessageHeaderCollection",
                "Maximum number of headers in one message should be less than or equal to 5.");
        return false;
    }
    return true;
}

static bool address_check(struct ms_call *call, struct json_object *message)
{
    static const char *const lists[] = {"toRecipients", "ccRecipients", "bccRecipients"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct json_object *list = sbx_json_get(message, lists[i]);

        for (size_t j = 0; list && j < json_object_array_length(list); j++) {
            struct json_object *one = json_object_array_get_idx(list, j);
            const char *address = sbx_json_text(sbx_json_get(one, "emailAddress"), "address");

            if (address && strchr(address, '@'))
                continue;
            ms_fail(call->response, 400, "ErrorInvalidRecipients",
                    "At least one recipient is not valid.");
            return false;
        }
    }
    return true;
}

static void properties_take(struct ms_message *message, struct json_object *asked)
{
    struct json_object *list = sbx_json_get(asked, "singleValueExtendedProperties");

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        const char *id = sbx_json_text(one, "id"), *value = sbx_json_text(one, "value");

        if (id && value)
            ms_message_property(message, id, value);
    }
}

static const char *property_header(const char *id)
{
    for (size_t i = 0; i < ARRAY_LEN(property_headers); i++)
        if (text_same(id, property_headers[i].id))
            return property_headers[i].field;
    return NULL;
}

/* Header fields of such properties. Allocated, or NULL. */
static char *property_fields(struct json_object *asked)
{
    struct json_object *list = sbx_json_get(asked, "singleValueExtendedProperties");
    struct buf out = {0};

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        const char *value = sbx_json_text(one, "value");
        const char *field = property_header(sbx_json_text(one, "id"));

        if (!field || !value)
            continue;
        buf_printf(&out, "%s: ", field);
        words_add(&out, value);
        buf_add_str(&out, "\r\n");
    }
    return out.data ? buf_take(&out) : NULL;
}

static struct ms_message *json_take(struct ms_call *call, struct json_object *asked)
{
    const char *theirs = sbx_json_text(asked, "internetMessageId");
    char **categories = sbx_json_strings(sbx_json_get(asked, "categories"));
    struct ms_message *message;
    struct buf raw = {0};

    if (!headers_check(call, asked) || !address_check(call, asked)) {
        mem_strv_free(categories);
        return NULL;
    }
    auto_free char *id = theirs ? mem_str(theirs) : ms_message_id_make();
    auto_free char *fields = property_fields(asked);
    mail_make(&raw, call->account, asked, id, fields);
    message = ms_message_new(call->account, ms_content_new(&raw));
    message->our_message_id = mem_str(theirs);
    if (categories)
        ms_message_categories(message, categories);
    properties_take(message, asked);
    return message;
}

/* -- a mail from MIME ------------------------------------------------------------------------- */

/* What Exchange makes of it: From is the mailbox whatever it said, Auto-Submitted goes. */
static void mime_rewrite(struct buf *out, const struct ms_account *account, struct bytes mail,
                         char **ours_r)
{
    struct bytes field;
    size_t at = 0;
    bool date = false;
    char when[48];

    *ours_r = NULL;
    while (mime_field_next(mail.data, mail.len, &at, &field)) {
        if (mime_field_is(field, "From") || mime_field_is(field, "Sender") ||
            mime_field_is(field, "Auto-Submitted"))
            continue;
        if (mime_field_is(field, "Message-ID") && !*ours_r) {
            auto_free char *text = mem_strn(field.data, field.len);
            char **ids = mime_message_ids(text);

            *ours_r = mem_str(ids[0]);
            mem_strv_free(ids);
        }
        date = date || mime_field_is(field, "Date");
        buf_add(out, field.data, field.len);
    }
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        buf_add_str(out, "\r\n");
    buf_printf(out, "From: \"%s\" <%s>\r\n", account->name, account->address);
    if (!date)
        buf_printf(out, "Date: %s\r\n", mime_date(world_now(), when));
    if (!*ours_r) {
        auto_free char *id = ms_message_id_make();

        buf_printf(out, "Message-ID: %s\r\n", id);
    }
    buf_add_str(out, "\r\n");
    buf_add(out, (const char *)mail.data + at, mail.len - at);
}

/* Standard base64, in one line or several. */
static bool base64_read(struct buf *out, struct bytes text)
{
    auto_buf struct buf bare = {0};
    const char *data = text.data;

    for (size_t i = 0; i < text.len; i++)
        if (!isspace((unsigned char)data[i]))
            buf_add_char(&bare, data[i]);
    return bare.len > 0 && text_base64_decode(out, bare.data, bare.len);
}

static struct ms_message *mime_take(struct ms_call *call)
{
    auto_buf struct buf mail = {0};
    struct buf raw = {0};
    struct ms_message *message;
    char *ours;

    if (!base64_read(&mail, call->request->body)) {
        ms_fail(call->response, 400, "ErrorMimeContentInvalidBase64String",
                "Invalid base64 string for MIME content.");
        return NULL;
    }
    mime_rewrite(&raw, call->account, buf_bytes(&mail), &ours);
    message = ms_message_new(call->account, ms_content_new(&raw));
    message->our_message_id = ours;
    return message;
}

struct ms_message *ms_draft_take(struct ms_call *call, struct json_object *asked)
{
    struct ms_message *message;

    if (ms_is_mime(call))
        message = mime_take(call);
    else if (json_object_is_type(asked, json_type_object))
        message = json_take(call, asked);
    else {
        ms_fail(call->response, 400, "ErrorInvalidRequest", "The message is missing.");
        return NULL;
    }
    if (message) {
        message->draft = true;
        message->read = true;
        message->keep_sent = true;
    }
    return message;
}

/* -- changes ---------------------------------------------------------------------------------- */

/* Header fields that JSON has no word for and that a change must leave. */
static char *fields_kept(const struct ms_message *message)
{
    static const char *const kept[] = {"In-Reply-To", "References", "Thread-Topic",
                                       "List-Unsubscribe"};
    struct buf out = {0};

    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const char *value = ms_message_header(message, kept[i]);

        if (value)
            buf_printf(&out, "%s: %s\r\n", kept[i], value);
    }
    return out.data ? buf_take(&out) : NULL;
}

static void headers_keep(const struct ms_message *message, struct json_object *whole)
{
    const struct mime_headers *headers = &message->content->headers;
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < headers->count; i++) {
        struct json_object *one;

        if (!text_starts_fold(headers->list[i].name, "x-"))
            continue;
        one = json_object_new_object();
        sbx_json_put(one, "name", headers->list[i].name);
        sbx_json_put(one, "value", headers->list[i].value);
        json_object_array_add(list, one);
    }
    json_object_object_add(whole, "internetMessageHeaders", list);
}

/* The draft is written anew from what it was and what changes. */
static void draft_rewrite(struct ms_call *call, struct ms_message *message,
                          struct json_object *changes)
{
    struct ms_call all = *call;
    struct json_object *whole;
    struct buf raw = {0};

    all.scopes |= MS_READ;
    all.text_bodies = false;
    whole = ms_message_whole(&all, message);
    headers_keep(message, whole);
    json_object_object_foreach (changes, name, value) {
        json_object_object_add(whole, name, json_object_get(value));
    }
    auto_free char *kept = fields_kept(message);
    mail_make(&raw, message->account, whole, message->content->message_id, kept);
    ms_message_content(message, ms_content_new(&raw));
    json_object_put(whole);
}

/* What may change on a message that is no draft any more. */
static bool sent_may_change(struct ms_call *call, struct json_object *changes)
{
    static const char *const may[] = {"categories",
                                      "isRead",
                                      "flag",
                                      "importance",
                                      "inferenceClassification",
                                      "singleValueExtendedProperties"};

    json_object_object_foreach (changes, name, value) {
        bool found = false;

        (void)value;
        for (size_t i = 0; i < ARRAY_LEN(may); i++)
            found = found || strcmp(may[i], name) == 0;
        if (!found) {
            auto_free char *text =
                mem_printf("The property '%s' can be changed on a draft only.", name);

            ms_fail(call->response, 400, "ErrorInvalidPropertySet", text);
            return false;
        }
    }
    return true;
}

static bool writes_draft(struct json_object *changes)
{
    static const char *const content[] = {
        "subject", "body", "toRecipients", "ccRecipients",           "bccRecipients",
        "replyTo", "from", "sender",       "internetMessageHeaders", "internetMessageId"};

    for (size_t i = 0; i < ARRAY_LEN(content); i++)
        if (sbx_json_get(changes, content[i]))
            return true;
    return false;
}

bool ms_message_patch(struct ms_call *call, struct ms_message *message, struct json_object *changes)
{
    char **categories = NULL;
    bool read = sbx_json_bool(changes, "isRead", message->read);

    if (!headers_check(call, changes) || !address_check(call, changes) ||
        (!message->draft && !sent_may_change(call, changes)))
        return false;
    if (message->draft && writes_draft(changes))
        draft_rewrite(call, message, changes);
    categories = sbx_json_strings(sbx_json_get(changes, "categories"));
    if (categories)
        ms_message_categories(message, categories);
    properties_take(message, changes);
    if (message->read != read) {
        message->read = read;
        if (read)
            message->folder->unread--;
        else
            message->folder->unread++;
    }
    ms_message_touch(message);
    return true;
}

/* -- answers ---------------------------------------------------------------------------------- */

static void answer_to(struct buf *out, const struct ms_message *of)
{
    const char *to = ms_message_header(of, "Reply-To");

    buf_printf(out, "To: %s\r\n", to ? to : ms_message_header(of, "From"));
}

struct ms_message *ms_reply_draft(struct ms_call *call, struct ms_message *of, bool all)
{
    const char *subject = ms_message_header(of, "Subject");
    const char *before = ms_message_header(of, "References");
    auto_free char *id = ms_message_id_make();
    struct ms_message *message;
    struct buf raw = {0};
    char when[48];

    buf_printf(&raw, "From: \"%s\" <%s>\r\n", call->account->name, call->account->address);
    answer_to(&raw, of);
    if (all && ms_message_header(of, "Cc"))
        buf_printf(&raw, "Cc: %s\r\n", ms_message_header(of, "Cc"));
    buf_printf(&raw,
               "Subject: %s%s\r\nDate: %s\r\nMessage-ID: %s\r\nIn-Reply-To: %s\r\n"
               "References: %s%s%s\r\nMIME-Version: 1.0\r\n"
               "Content-Type: text/html; charset=\"utf-8\"\r\n\r\n",
               subject && text_starts_fold(subject, "re:") ? "" : "Re: ", subject ? subject : "",
               mime_date(world_now(), when), id, of->content->message_id, before ? before : "",
               before ? "\r\n " : "", of->content->message_id);
    message = ms_message_new(call->account, ms_content_new(&raw));
    message->conversation = of->conversation;
    message->draft = message->read = message->keep_sent = true;
    return message;
}
