/* graph/batch.c: many requests in one (JSON batching), and a message as JSON. */
#include "wire.h"

#include "jsonread.h"

#include <stdlib.h>
#include <string.h>

static void put_pair(struct text *out, const char *name, const char *value, bool *first)
{
    if (!value)
        return;
    text_str(out, *first ? "" : ",");
    text_json(out, name);
    text_str(out, ":");
    text_json(out, value);
    *first = false;
}

/* One after the other: Exchange takes four requests of a mailbox at a time, and a batch's parts
 * count as any (facts 4.9). */
void wire_batch_write(struct text *out, const struct wire_part *parts, size_t count)
{
    text_str(out, "{\"requests\":[");
    for (size_t i = 0; i < count; i++) {
        bool first = true;

        text_printf(out, "%s{\"id\":\"%zu\",\"method\":\"%s\",\"url\":", i ? "," : "", i + 1,
                    parts[i].verb);
        text_json(out, parts[i].path);
        text_str(out, ",\"headers\":{");
        put_pair(out, "Prefer", parts[i].prefer, &first);
        put_pair(out, "If-Match", parts[i].if_match, &first);
        put_pair(out, "Content-Type", parts[i].body ? "application/json" : NULL, &first);
        text_str(out, "}");
        if (parts[i].body)
            text_printf(out, ",\"body\":%s", parts[i].body);
        if (i)
            text_printf(out, ",\"dependsOn\":[\"%zu\"]", i);
        text_str(out, "}");
    }
    text_str(out, "]}");
}

static void take_headers(struct wire_part *part, struct json_object *headers)
{
    if (!headers)
        return;
    json_object_object_foreach (headers, name, value) {
        if (json_object_is_type(value, json_type_string) && !strpbrk(name, "\r\n") &&
            !strpbrk(json_object_get_string(value), "\r\n"))
            text_printf(&part->headers, "%s: %s\r\n", name, json_object_get_string(value));
    }
}

int wire_batch_read(struct wire_part *parts, size_t count, const void *data, size_t len)
{
    struct json_object *root = json_read(data, len), *body;
    struct json_object *list = json_get(root, "responses", json_type_array);
    int r = list ? 0 : -1;

    for (size_t i = 0; i < json_count(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        const char *id = json_string(one, "id");
        size_t at = id ? strtoul(id, NULL, 10) : 0;
        uint64_t status = json_number(one, "status");

        if (at < 1 || at > count || parts[at - 1].status || status < 100 || status > 599)
            continue;
        parts[at - 1].status = (int)status;
        take_headers(&parts[at - 1], json_get(one, "headers", json_type_object));
        if (json_object_object_get_ex(one, "body", &body) &&
            json_object_is_type(body, json_type_object))
            text_str(&parts[at - 1].answer,
                     json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN));
    }
    json_object_put(root);
    return r;
}

void wire_parts_clear(struct wire_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        text_free(&parts[i].headers);
        text_free(&parts[i].answer);
        parts[i].status = 0;
    }
}

/* ---- a message as JSON ------------------------------------------------------------------------
 */

static void put_address(struct text *out, const char *address, const char *name)
{
    text_str(out, "{\"emailAddress\":{\"address\":");
    text_json(out, address);
    if (name && *name) {
        text_str(out, ",\"name\":");
        text_json(out, name);
    }
    text_str(out, "}}");
}

/* A MAPI property of type string, by its number (MS-OXPROPS). */
static void put_property(struct text *out, const char *tag, const char *value, bool *first)
{
    if (!value || !*value)
        return;
    text_printf(out, "%s{\"id\":\"String %s\",\"value\":", *first ? "" : ",", tag);
    text_json(out, value);
    text_str(out, "}");
    *first = false;
}

static char *header_of(const struct rider_message *message, const char *name)
{
    struct rider_bytes head, rest;

    if (!message->rfc5322.len || !wire_divide(message->rfc5322, &head, &rest))
        return NULL;
    return wire_block_value(head, name);
}

static char *bracketed(const char *id)
{
    struct text text = {0};

    if (!id || !*id)
        return NULL;
    text_printf(&text, *id == '<' ? "%s" : "<%s>", id);
    return text.data;
}

static void put_properties(struct text *out, const struct rider_message *message)
{
    char *unsubscribe = header_of(message, "list-unsubscribe");
    char *answers = bracketed(message->in_reply_to);
    bool first = true;

    text_str(out, ",\"singleValueExtendedProperties\":[");
    put_property(out, "0x1045", unsubscribe, &first);         /* PidTagListUnsubscribe      */
    put_property(out, "0x1042", answers, &first);             /* PidTagInReplyToId          */
    put_property(out, "0x1039", message->references, &first); /* PidTagInternetReferences */
    text_str(out, "]");
    free(unsubscribe);
    free(answers);
}

/* The one address of a Reply-To header. */
static void put_reply_to(struct text *out, const struct rider_message *message)
{
    char *value = header_of(message, "reply-to");
    const char *at = value ? strchr(value, '<') : NULL;
    char *address =
        value ? text_dup_len(at ? at + 1 : value, strcspn(at ? at + 1 : value, "> \t\r\n,")) : NULL;

    if (address && *address) {
        text_str(out, ",\"replyTo\":[");
        put_address(out, address, NULL);
        text_str(out, "]");
    }
    free(address);
    free(value);
}

void wire_message_write(struct text *out, const struct rider_message *message)
{
    text_str(out, "{\"subject\":");
    text_json(out, message->subject ? message->subject : "");
    text_printf(out,
                ",\"body\":{\"contentType\":\"%s\",\"content\":", message->html ? "html" : "text");
    text_json(out, message->html ? message->html : message->text ? message->text : "");
    text_str(out, "},\"from\":");
    put_address(out, message->from, message->from_name);
    text_str(out, ",\"toRecipients\":[");
    put_address(out, message->to, message->to_name);
    text_str(out, "]");
    put_reply_to(out, message);
    text_str(out, ",\"internetMessageHeaders\":[{\"name\":\"X-Postrider-Id\",\"value\":");
    text_json(out, message->marker ? message->marker : "");
    text_str(out, "}]");
    put_properties(out, message);
    text_str(out, "}");
}
