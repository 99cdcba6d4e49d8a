/* sandbox/google_send.c: taking mail for delivery: what Gmail rewrites, checks and says of it. */
#include "sandbox/google_api.h"

#include "sandbox/jwt.h"
#include "sandbox/people.h"
#include "sandbox/google_tokens.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { RECIPIENTS_MOST = 100 };

bool google_mail_take(struct google_call *call, struct json_object *message, struct buf *mail_r)
{
    const char *raw = sbx_json_text(message, "raw");

    if (call->uploaded) {
        buf_add(mail_r, call->upload.data, call->upload.len);
        return true;
    }
    if (!raw || !*raw) {
        google_invalid(call, "'raw' RFC822 payload message string or uploading message via "
                             "/upload/* URL required");
        return false;
    }
    if (!text_base64url_decode(mail_r, raw, strlen(raw))) {
        google_invalid(call, "Invalid value for ByteString: raw is not base64url");
        return false;
    }
    return true;
}

static void from_rewrite(struct buf *out, const struct google_account *account, struct bytes field)
{
    const char *data = field.data, *colon = memchr(data, ':', field.len);
    size_t skip = colon ? (size_t)(colon - data) : 0;
    auto_free char *value = mem_strn(data + skip + 1, field.len - skip - 1);
    auto_free char *address = mime_address_first(value);

    if (address && google_account_owns(account, address)) {
        buf_add(out, field.data, field.len);
        return;
    }
    buf_printf(out, "From: %s%s<%s>\r\nX-Google-Original-From:%s",
               account->name ? account->name : "", account->name ? " " : "", account->address,
               value);
}

/* "<CA" and 30-odd characters of its own "@mail.gmail.com>", as Gmail's look. */
static void message_id_add(struct buf *out)
{
    uint64_t words[3];
    auto_buf struct buf text = {0};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        words[i] = sbx_mix(++google_state()->next_id ^ (0x6d61696cull << 24) << i);
    text_base64url(&text, words, sizeof(words));
    buf_printf(out, "Message-ID: <CA+%s=%c@mail.gmail.com>\r\n", buf_text(&text),
               "abcdefgh"[words[0] % 8]);
}

void google_mail_rewrite(struct buf *out, const struct google_account *account, struct bytes mail,
                         bool sending, char **ours_r)
{
    struct bytes field;
    size_t at = 0;
    bool from = false, date = false;
    char when[48];

    *ours_r = NULL;
    if (sending)
        buf_printf(out,
                   "Received: from 407408718192\r\n\tnamed unknown\r\n"
                   "\tby gmailapi.google.com\r\n\twith HTTPREST;\r\n\t%s\r\n",
                   mime_date(world_now(), when));
    while (mime_field_next(mail.data, mail.len, &at, &field)) {
        if (mime_field_is(field, "Message-ID")) {
            auto_free char *text = mem_strn(field.data, field.len);
            char **ids = mime_message_ids(text);

            free(*ours_r);
            *ours_r = mem_str(ids[0]);
            mem_strv_free(ids);
        } else if (mime_field_is(field, "From") && sending) {
            from_rewrite(out, account, field);
            from = true;
        } else if (!mime_field_is(field, "Bcc") || !sending) {
            date = date || mime_field_is(field, "Date");
            buf_add(out, field.data, field.len);
        }
    }
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        buf_add_str(out, "\r\n");
    if (sending && !from)
        buf_printf(out, "From: <%s>\r\n", account->address);
    if (!date)
        buf_printf(out, "Date: %s\r\n", mime_date(world_now(), when));
    message_id_add(out);
    buf_add_str(out, "\r\n");
    buf_add(out, (const char *)mail.data + at, mail.len - at);
}

bool google_thread_choose(struct google_call *call, const char *thread_id, struct bytes mail,
                          struct google_thread **thread_r)
{
    struct google_thread *thread = google_thread_get(call->account, thread_id);
    struct mime_headers headers;

    *thread_r = NULL;
    if (!thread_id || !*thread_id)
        return true;
    if (!thread || google_thread_live(thread) == 0) {
        google_not_found(call);
        return false;
    }
    mime_headers_init(&headers, mail.data, mail.len);
    if (google_thread_fits(call->account, thread, &headers))
        *thread_r = thread;
    mime_headers_finish(&headers);
    return true;
}

/* To, Cc and Bcc, in this order; NULL: none, or too many: answered. */
static char **recipients_of(struct google_call *call, const struct mime_headers *headers)
{
    auto_buf struct buf all = {0};
    char **list;
    size_t count = 0;

    for (size_t i = 0; i < headers->count; i++) {
        const char *name = headers->list[i].name;

        if (text_same(name, "To") || text_same(name, "Cc") || text_same(name, "Bcc")) {
            buf_add_str(&all, headers->list[i].value);
            buf_add_char(&all, ',');
        }
    }
    list = mime_addresses(buf_text(&all));
    while (list[count])
        count++;
    if (count == 0)
        google_invalid(call, "Recipient address required");
    else if (count > RECIPIENTS_MOST)
        google_invalid(call, "Too many recipients");
    if (count > 0 && count <= RECIPIENTS_MOST)
        return list;
    mem_strv_free(list);
    return NULL;
}

/* The oracle's line. */
static void tell(const struct google_call *call, const struct google_message *message,
                 char **recipients, struct bytes body, const char *ours, bool drafted)
{
    struct json_object *entry = json_object_new_object(), *list = json_object_new_array();
    const char *build = sbx_request_header(call->request, "x-rider-build");
    const char *marker = google_message_header(message, "X-Postrider-Id");
    auto_free char *from = mime_address_first(google_message_header(message, "From"));
    auto_buf struct buf hex = {0};
    unsigned char hash[32];

    sbx_sha256(body.data, body.len, hash);
    text_hex(&hex, hash, sizeof(hash));
    sbx_json_put(entry, "kind", "accepted");
    sbx_json_put(entry, "account", call->account->address);
    sbx_json_put(entry, "id", message->id);
    sbx_json_put(entry, "thread_id", message->thread->id);
    sbx_json_put(entry, "from", from);
    sbx_json_put(entry, "to", recipients[0]);
    for (char **to = recipients; *to; to++)
        json_object_array_add(list, sbx_json_safe(*to, strlen(*to)));
    json_object_object_add(entry, "recipients", list);
    sbx_json_put(entry, "message_id", message->message_id);
    sbx_json_put(entry, "our_message_id", ours);
    sbx_json_put(entry, "marker", marker);
    sbx_json_put(entry, "subject", google_message_header(message, "Subject"));
    sbx_json_put(entry, "in_reply_to", google_message_header(message, "In-Reply-To"));
    sbx_json_put(entry, "body_sha256", buf_text(&hex));
    if (build)
        sbx_json_put(entry, "build", build);
    sbx_json_put(entry, "via", drafted ? "draft" : "send");
    world_receive(entry);
}

/* Recipients whose mailbox is here too get their copy. */
static void deliver_here(struct google_message *message, char **recipients)
{
    for (; *recipients; recipients++) {
        if (google_account_get(*recipients) == message->account)
            google_message_label(message, google_label_get(message->account, "INBOX"), true);
        else
            people_deliver(*recipients, message->raw, message->raw_len);
    }
}

static void *side_account(const char *address)
{
    return google_account_get(address);
}

static void side_deliver(void *account, struct buf *mail, void *thread_of, bool spam,
                         struct people_arrived *arrived_r)
{
    struct google_message *of = thread_of, *message;

    message = google_deliver(account, mail, of ? of->thread : NULL, spam);
    *arrived_r = (struct people_arrived){message->id, message->thread->id, message->message_id};
}

static struct people_side side = {.account = side_account, .deliver = side_deliver};

void google_people_register(void)
{
    people_side_add(&side);
}

void google_send(struct google_call *call, struct bytes mail, const char *thread_id,
                 struct google_draft *draft)
{
    static const char *const sent[] = {"SENT", NULL};
    struct mime_headers headers;
    struct google_message *message;
    struct google_thread *thread = draft ? draft->message->thread : NULL;
    struct buf raw = {0};
    auto_free char *ours = NULL;
    char **recipients;

    mime_headers_init(&headers, mail.data, mail.len);
    recipients = recipients_of(call, &headers);
    if (recipients && (draft || google_thread_choose(call, thread_id, mail, &thread)) &&
        google_send_limit(call)) {
        struct bytes body = {(const char *)mail.data + headers.length, mail.len - headers.length};

        google_mail_rewrite(&raw, call->account, mail, true, &ours);
        message = google_message_new(call->account, &raw, thread, sent);
        tell(call, message, recipients, body, draft ? draft->our_message_id : ours, draft != NULL);
        google_ok(call, google_message_brief(message, true));
        deliver_here(message, recipients);
        for (char **to = recipients; *to; to++)
            people_received(&(struct people_mail){&side, message->account, message,
                                                  message->account->address, message->message_id,
                                                  &message->headers, message->raw},
                            *to);
    }
    mem_strv_free(recipients);
    mime_headers_finish(&headers);
}

void google_messages_send(struct google_call *call)
{
    auto_buf struct buf mail = {0};

    if (google_mail_take(call, call->asked, &mail))
        google_send(call, buf_bytes(&mail), sbx_json_text(call->asked, "threadId"), NULL);
}
