/* sandbox/microsoft_send.c: taking mail for delivery, and how it comes into Sent Items. */
#include "sandbox/microsoft_graph.h"

#include "sandbox/jwt.h"
#include "sandbox/people.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { RECIPIENTS_MOST = 500 };

/* -- what goes out ---------------------------------------------------------------------------- */

/* The mail as it leaves: no Bcc, the date of now and, unless told otherwise, another Message-ID
 * than the draft had. */
static struct ms_content *content_final(const struct ms_message *message)
{
    const struct ms_content *draft = message->content;
    bool keep = ms_state()->settings.keep_message_id && draft->message_id;
    auto_free char *id = keep ? mem_str(draft->message_id) : ms_message_id_make();
    struct bytes field;
    struct buf raw = {0};
    size_t at = 0;
    char when[48];

    buf_printf(&raw,
               "Received: from AM0P190MB0001.EURP190.PROD.OUTLOOK.COM ([fe80::1])\r\n"
               " by AM0P190MB0001.EURP190.PROD.OUTLOOK.COM with mapi id 15.20.0; %s\r\n"
               "Date: %s\r\nMessage-ID: %s\r\n",
               mime_date(world_now(), when), when, id);
    if (message->sender)
        buf_printf(&raw, "Sender: %s\r\n", message->sender);
    while (mime_field_next(draft->raw, draft->len, &at, &field))
        if (!mime_field_is(field, "Bcc") && !mime_field_is(field, "Date") &&
            !mime_field_is(field, "Message-ID"))
            buf_add(&raw, field.data, field.len);
    buf_add_str(&raw, "\r\n");
    buf_add(&raw, draft->raw + at, draft->len - at);
    return ms_content_new(&raw);
}

/* To, Cc and Bcc, in this order; NULL: none, or too many: answered. */
static char **recipients_of(struct ms_call *call, const struct ms_message *message)
{
    static const char *const names[] = {"To", "Cc", "Bcc"};
    auto_buf struct buf all = {0};
    char **list;
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = ms_message_header(message, names[i]);

        if (value)
            buf_printf(&all, "%s,", value);
    }
    list = mime_addresses(buf_text(&all));
    while (list[count])
        count++;
    if (count == 0)
        ms_fail(call->response, 400, "ErrorInvalidRecipients",
                "At least one recipient isn't valid., A message can't be sent because it contains "
                "no recipients.");
    else if (count > RECIPIENTS_MOST)
        ms_fail(call->response, 400, "ErrorInvalidRecipients",
                "The message has more recipients than the mailbox may mail at once.");
    if (count > 0 && count <= RECIPIENTS_MOST)
        return list;
    mem_strv_free(list);
    return NULL;
}

static bool listed(char **list, const char *address)
{
    for (; list && *list; list++)
        if (text_same(*list, address))
            return true;
    return false;
}

/* Whether the mailbox may say that it is from this address; on behalf of another, it says so. */
static bool from_check(struct ms_call *call, struct ms_message *message)
{
    struct ms_account *account = call->account;
    auto_free char *from = mime_address_first(ms_message_header(message, "From"));
    bool shared = (call->scopes & MS_SEND_SHARED) != 0;

    if (!from || ms_account_owns(account, from) ||
        (call->user != account && ms_account_owns(call->user, from)) ||
        (shared && listed(account->send_as, from)))
        return true;
    if (shared && listed(account->on_behalf, from)) {
        free(message->sender);
        message->sender = mem_printf("\"%s\" <%s>", account->name, account->address);
        return true;
    }
    ms_fail(call->response, 403, "ErrorSendAsDenied",
            "The user account which was used to submit this request does not have the right to "
            "send mail on behalf of the specified sending account., Cannot submit message.");
    return false;
}

/* -- the oracle's line ------------------------------------------------------------------------ */

static void tell(const struct ms_call *call, const struct ms_message *message,
                 const struct ms_content *content, char **recipients, bool drafted)
{
    struct json_object *entry = json_object_new_object(), *list = json_object_new_array();
    const struct mime_headers *headers = &content->headers;
    const char *build = sbx_request_header(call->request, "x-rider-build");
    auto_free char *from = mime_address_first(mime_headers_get(headers, "From"));
    auto_buf struct buf hex = {0}, subject = {0};
    unsigned char hash[32];

    sbx_sha256(content->raw + headers->length, content->len - headers->length, hash);
    text_hex(&hex, hash, sizeof(hash));
    mime_words_decode(
        &subject, mime_headers_get(headers, "Subject") ? mime_headers_get(headers, "Subject") : "");
    sbx_json_put(entry, "kind", "accepted");
    sbx_json_put(entry, "account", call->account->address);
    sbx_json_put(entry, "id", message->immutable_id);
    sbx_json_put(entry, "thread_id", message->conversation->id);
    sbx_json_put(entry, "from", from);
    sbx_json_put(entry, "to", recipients[0]);
    for (char **to = recipients; *to; to++)
        json_object_array_add(list, sbx_json_safe(*to, strlen(*to)));
    json_object_object_add(entry, "recipients", list);
    sbx_json_put(entry, "message_id", content->message_id);
    sbx_json_put(entry, "our_message_id", message->our_message_id);
    sbx_json_put(entry, "marker", ms_message_marker(message));
    sbx_json_put(entry, "subject", buf_text(&subject));
    sbx_json_put(entry, "in_reply_to", mime_headers_get(headers, "In-Reply-To"));
    sbx_json_put(entry, "body_sha256", buf_text(&hex));
    if (build)
        sbx_json_put(entry, "build", build);
    sbx_json_put(entry, "via", drafted ? "draft" : "send");
    world_receive(entry);
}

/* -- to the people ---------------------------------------------------------------------------- */

static bool is_external(const struct ms_tenant *tenant, const char *address)
{
    const char *at = strrchr(address, '@');

    return !tenant->personal && !(at && text_same(at + 1, tenant->domain));
}

/* Past the tenant's limit it is still accepted: a report tells later that it did not go out. */
static bool over_external(struct ms_tenant *tenant, const char *address)
{
    if (tenant->external_limit == 0 || !is_external(tenant, address))
        return false;
    if (ms_window_count(&tenant->external, SBX_DAY) >= tenant->external_limit)
        return true;
    ms_window_add(&tenant->external);
    return false;
}

static void deliver(struct ms_message *message, struct ms_content *content, char **recipients)
{
    struct people_mail mail = ms_people_mail(message, content);

    for (char **to = recipients; *to; to++) {
        if (over_external(message->account->tenant, *to)) {
            people_refused(&mail, *to, DEED_LIMIT);
            continue;
        }
        people_deliver(*to, content->raw, content->len);
        people_received(&mail, *to);
    }
}

/* -- into Sent Items -------------------------------------------------------------------------- */

struct arrival { /* in Sent Items, later */
    struct ms_message *message;
    struct ms_content *content;
};

static void arrives(void *arg)
{
    struct arrival *arrival = arg;
    struct ms_message *message = arrival->message;
    struct ms_folder *sent = ms_folder_get(message->account, "sentitems");

    if (message->epoch != message->account->epoch) { /* forgotten */
        free(arrival);
        return;
    }
    message->hidden = message->under_way = false;
    message->draft = false;
    message->sent = message->received = message->modified = world_now();
    ms_message_content(message, arrival->content);
    if (!message->folder) {
        if (message->keep_sent)
            ms_message_place(message, sent);
    } else if (!message->gone) {
        ms_message_move(message, sent);
    }
    free(arrival);
}

/* The draft's id gives nothing now: the mail is between two folders. */
static void vanishes(void *arg)
{
    struct ms_message *message = arg;

    if (message->under_way)
        message->hidden = true;
}

static void set_out(struct ms_message *message, struct ms_content *content)
{
    const struct ms_settings *settings = &ms_state()->settings;
    struct arrival *arrival = mem_new(sizeof(*arrival));
    int64_t now = world_now();

    *arrival = (struct arrival){message, content};
    message->under_way = true;
    if (settings->sent_lag <= 0) {
        arrives(arrival);
        return;
    }
    if (settings->shown == MS_SHOWN_GONE)
        message->hidden = true;
    else if (settings->shown == MS_SHOWN_BOTH)
        world_at(now + settings->sent_lag / 2, vanishes, message);
    world_at(now + settings->sent_lag, arrives, arrival);
}

/* A draft that is sent again while it is under way goes out again: another item in the end. */
static struct ms_message *twin_of(const struct ms_message *draft)
{
    struct ms_message *twin = ms_message_new(draft->account, draft->content);

    twin->conversation = draft->conversation;
    twin->our_message_id = mem_str(draft->our_message_id);
    twin->sender = mem_str(draft->sender);
    for (size_t i = 0; i < draft->property_count; i++)
        ms_message_property(twin, draft->properties[i].id, draft->properties[i].value);
    twin->read = twin->keep_sent = true;
    return twin;
}

void ms_send(struct ms_call *call, struct ms_message *message, bool drafted, bool save)
{
    struct ms_content *content;
    char **recipients = recipients_of(call, message);
    size_t count = 0;

    while (recipients && recipients[count])
        count++;
    if (!recipients || !from_check(call, message) || !ms_send_limit(call, count)) {
        mem_strv_free(recipients);
        return;
    }
    if (drafted && ms_state()->settings.stuck > 0 && world_chance() < ms_state()->settings.stuck) {
        ms_done(call, 202);
        mem_strv_free(recipients);
        return;
    }
    if (message->under_way)
        message = twin_of(message);
    message->keep_sent = save;
    if (!message->conversation)
        message->conversation =
            ms_conversation_find(call->account, &message->content->headers, false);
    content = content_final(message);
    map_put_str(&call->account->message_ids, content->message_id,
                message); /* who answers knows it */
    tell(call, message, content, recipients, drafted);
    ms_done(call, 202);
    deliver(message, content, recipients);
    set_out(message, content);
    mem_strv_free(recipients);
}

void ms_messages_send(struct ms_call *call)
{
    struct ms_message *message = ms_message_get(call->account, call->ids[0]);

    if (!message && call->ids[0]) { /* it is under way: there is still something to send */
        message = map_get_str(&call->account->messages, call->ids[0]);
        if (message && (!message->under_way || message->gone))
            message = NULL;
    }
    if (!message)
        ms_not_found(call);
    else if (!message->draft)
        ms_fail(call->response, 400, "ErrorInvalidRequest",
                "The message is not a draft: it was sent, or it came in.");
    else
        ms_send(call, message, true, true);
}

void ms_send_mail(struct ms_call *call)
{
    struct json_object *asked = sbx_json_get(call->asked, "message");
    bool save = sbx_json_bool(call->asked, "saveToSentItems",
                              sbx_json_bool(call->asked, "SaveToSentItems", true));
    struct ms_message *message;

    if (!asked)
        asked = sbx_json_get(call->asked, "Message");
    message = ms_draft_take(call, asked);
    if (message)
        ms_send(call, message, false, save);
}

/* A comment, or a message that changes the draft: not both. */
void ms_messages_reply(struct ms_call *call)
{
    struct ms_message *of = ms_message_get(call->account, call->ids[0]), *message;
    struct json_object *changes = sbx_json_get(call->asked, "message");

    if (!of) {
        ms_not_found(call);
        return;
    }
    if (sbx_json_get(call->asked, "comment") && sbx_json_get(changes, "body")) {
        ms_fail(call->response, 400, "ErrorInvalidRequest",
                "Specify either a comment or the body of the message, not both.");
        return;
    }
    message = ms_reply_draft(call, of, false);
    if (!changes) {
        ms_send(call, message, false, true);
        return;
    }
    ms_message_place(message, ms_folder_get(call->account, "drafts"));
    if (ms_message_patch(call, message, changes))
        ms_send(call, message, false, true);
}
