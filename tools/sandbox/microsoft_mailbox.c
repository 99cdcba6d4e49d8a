/* sandbox/microsoft_mailbox.c: one account's mailbox: folders, messages, ids, conversations. */
#include "sandbox/microsoft_mailbox.h"

#include "sandbox/microsoft_graph.h"

#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* -- folders ---------------------------------------------------------------------------------- */

struct ms_folder *ms_folder_get(const struct ms_account *account, const char *id)
{
    struct ms_folder *folder = id ? map_get_str(&account->folders, id) : NULL;

    if (!folder && id) {
        auto_free char *lower = sbx_lower(id);

        folder = map_get_str(&account->folders, lower);
        if (folder && !folder->well_known)
            folder = NULL;
    }
    return folder;
}

struct ms_folder *ms_folder_new(struct ms_account *account, const char *name,
                                const char *well_known, struct ms_folder *parent)
{
    struct ms_folder *folder = mem_new(sizeof(*folder));
    struct buf id = {0};
    uint64_t words[3];

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        words[i] = sbx_hash(41 + i, account->address, account->folder_count);
    buf_add_str(&id, "AQMkADAwATM0MDAAMS0w");
    text_base64url(&id, words, sizeof(words));
    buf_add_str(&id, "AAAA");
    folder->id = buf_take(&id);
    folder->name = mem_str(name);
    folder->well_known = well_known;
    folder->parent = parent;
    map_put_str(&account->folders, folder->id, folder);
    if (well_known)
        map_put_str(&account->folders, well_known, folder);
    account->folder_list =
        mem_grow(account->folder_list, account->folder_count + 1, sizeof(struct ms_folder *));
    account->folder_list[account->folder_count++] = folder;
    return folder;
}

void ms_mailbox_init(struct ms_account *account)
{
    static const char *const known[][2] = {
        {"inbox", "Inbox"},          {"drafts", "Drafts"},
        {"sentitems", "Sent Items"}, {"deleteditems", "Deleted Items"},
        {"junkemail", "Junk Email"}, {"archive", "Archive"},
        {"outbox", "Outbox"},
    };
    struct ms_folder *root =
        ms_folder_new(account, "Top of Information Store", "msgfolderroot", NULL);

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        ms_folder_new(account, known[i][1], known[i][0], root);
}

/* What was forgotten: a happening under way may still point into it, so it goes with the program.
 */
static struct ms_account *past;
static size_t past_count;

void ms_mailbox_forget(struct ms_account *account)
{
    past = mem_grow(past, past_count + 1, sizeof(*past));
    past[past_count++] = *account;
    account->epoch++;
    account->messages = account->message_ids = (struct map){0};
    account->subjects = account->markers = account->folders = (struct map){0};
    account->folder_list = NULL;
    account->all = NULL;
    account->categories = NULL;
    account->changes = NULL;
    account->folder_count = account->message_count = account->message_room = 0;
    account->category_count = account->change_count = account->change_room = 0;
    account->sends = account->recipients = account->requests = (struct ms_window){0};
    ms_mailbox_init(account);
}

static void change_add(struct ms_message *message, const char *what)
{
    struct ms_account *account = message->account;

    if (account->change_count == account->change_room) {
        account->change_room = account->change_room ? account->change_room * 2 : 64;
        account->changes =
            mem_grow(account->changes, account->change_room, sizeof(struct ms_change));
    }
    account->changes[account->change_count++] =
        (struct ms_change){world_now(), message->folder, message, strcmp(what, "created") == 0};
    ms_notify(message, message->folder, what);
}

/* -- conversations ---------------------------------------------------------------------------- */

struct ms_conversation *ms_conversation_new(struct ms_account *account, const char *subject)
{
    struct ms_conversation *conversation = mem_new(sizeof(*conversation));
    struct buf id = {0};
    uint64_t words[2] = {sbx_mix(++ms_state()->next_id), sbx_mix(ms_state()->next_id ^ 77)};

    buf_add_str(&id, "AAQkADAwATM0MDAAMS0wMTIzLTQ1NjctMAItMDAKABAA");
    text_base64url(&id, words, sizeof(words));
    buf_add_str(&id, "==");
    conversation->id = buf_take(&id);
    memcpy(conversation->guid, words, sizeof(conversation->guid));
    conversation->subject = mime_base_subject(subject);
    conversation->begun = world_now();
    if (*conversation->subject)
        map_put_str(&account->subjects, conversation->subject, conversation);
    return conversation;
}

/* The message of this mailbox that the header names, newest reference first. */
static struct ms_message *referred(const struct ms_account *account, const char *value)
{
    char **ids = mime_message_ids(value);
    struct ms_message *found = NULL;
    size_t count = 0;

    while (ids[count])
        count++;
    while (count-- > 0 && !found)
        found = map_get_str(&account->message_ids, ids[count]);
    mem_strv_free(ids);
    return found;
}

struct ms_conversation *ms_conversation_find(struct ms_account *account,
                                             const struct mime_headers *headers, bool drifts)
{
    const struct ms_settings *settings = &ms_state()->settings;
    const char *subject = mime_headers_get(headers, "Subject");
    auto_free char *base = mime_base_subject(subject ? subject : "");
    const char *id = mime_headers_get(headers, "Message-ID");
    struct ms_message *parent = referred(account, mime_headers_get(headers, "References"));
    struct ms_conversation *conversation = NULL;

    if (!parent)
        parent = referred(account, mime_headers_get(headers, "In-Reply-To"));
    if (parent && strcmp(parent->conversation->subject, base) == 0) {
        if (!drifts || sbx_share(sbx_hash(51, id ? id : base, 0)) >= settings->drift)
            return parent->conversation;
    } else if (!parent && settings->share_subject && *base) {
        conversation = map_get_str(&account->subjects, base);
    }
    return conversation ? conversation : ms_conversation_new(account, subject ? subject : "");
}

char *ms_conversation_index(const struct ms_message *message)
{
    const struct ms_conversation *conversation = message->conversation;
    uint64_t ticks = ((uint64_t)conversation->begun + 11644473600000u) * 10000;
    struct buf raw = {0}, text = {0};

    buf_add_char(&raw, 1);
    for (int shift = 56; shift > 16; shift -= 8)
        buf_add_char(&raw, (char)(ticks >> shift & 0xff));
    buf_add(&raw, conversation->guid, sizeof(conversation->guid));
    if (ms_message_header(message, "In-Reply-To"))
        buf_add(&raw, &message->key, 5);
    text_base64(&text, raw.data, raw.len);
    buf_finish(&raw);
    return buf_take(&text);
}

/* -- messages --------------------------------------------------------------------------------- */

struct ms_content *ms_content_new(struct buf *raw)
{
    static struct ms_content *newest; /* people and happenings may still point to any of them */
    struct ms_content *content = mem_new(sizeof(*content));
    char **ids;

    content->before = newest;
    newest = content;
    content->len = raw->len;
    content->raw = raw->data ? buf_take(raw) : mem_str("");
    mime_headers_init(&content->headers, content->raw, content->len);
    ids = mime_message_ids(mime_headers_get(&content->headers, "Message-ID"));
    content->message_id = mem_str(ids[0]);
    mem_strv_free(ids);
    return content;
}

const char *ms_message_header(const struct ms_message *message, const char *name)
{
    return mime_headers_get(&message->content->headers, name);
}

/* `moves` is no part of the immutable id: that is the point of it. */
static char *id_make(const struct ms_message *message, bool immutable)
{
    uint64_t words[4] = {sbx_mix(message->key), sbx_mix(message->key ^ 5),
                         sbx_mix(message->key ^ 6), 0};
    struct buf id = {0};

    if (!immutable)
        words[3] = sbx_mix(message->key ^ (uint64_t)(message->moves + 1) << 40);
    buf_add_str(&id, immutable ? "AAkALgAAAAAAHYQDEapmEc2byACqAC-E" : "AAMkADAwATM0MDAAMS0w_");
    text_base64url(&id, words, immutable ? 24 : 32);
    buf_add_str(&id, immutable ? "AA==" : "AAA=");
    return buf_take(&id);
}

static void identify(struct ms_message *message)
{
    struct ms_account *account = message->account;
    const char *marker = ms_message_marker(message);

    if (message->content->message_id)
        message->same_id =
            map_put_str(&account->message_ids, message->content->message_id, message);
    if (message->same_id == message)
        message->same_id = NULL;
    if (marker && !map_get_str(&account->markers, marker))
        map_put_str(&account->markers, marker, message);
}

/* Every message there ever was: some belong to no mailbox, yet somebody may point to them. */
static struct ms_message **made;
static size_t made_count, made_room;

struct ms_message *ms_message_new(struct ms_account *account, struct ms_content *content)
{
    struct ms_message *message = mem_new(sizeof(*message));

    if (made_count == made_room) {
        made_room = made_room ? made_room * 2 : 64;
        made = mem_grow(made, made_room, sizeof(*made));
    }
    made[made_count++] = message;
    message->key = ++ms_state()->next_id;
    message->epoch = account->epoch;
    message->account = account;
    message->content = content;
    message->created = message->received = message->sent = message->modified = world_now();
    message->immutable_id = id_make(message, true);
    message->plain_id = id_make(message, false);
    message->categories = mem_array(1, sizeof(*message->categories));
    return message;
}

static void counts_move(struct ms_message *message, struct ms_folder *to)
{
    if (message->folder) {
        message->folder->count--;
        message->folder->unread -= !message->read;
    }
    message->folder = to;
    if (to) {
        to->count++;
        to->unread += !message->read;
    }
}

void ms_message_place(struct ms_message *message, struct ms_folder *folder)
{
    struct ms_account *account = message->account;

    if (!message->conversation)
        message->conversation = ms_conversation_find(account, &message->content->headers, false);
    message->conversation->count++;
    if (account->message_count == account->message_room) {
        account->message_room = account->message_room ? account->message_room * 2 : 64;
        account->all = mem_grow(account->all, account->message_room, sizeof(*account->all));
    }
    account->all[account->message_count++] = message;
    map_put_str(&account->messages, message->immutable_id, message);
    map_put_str(&account->messages, message->plain_id, message);
    identify(message);
    counts_move(message, folder);
    change_add(message, "created");
}

void ms_message_move(struct ms_message *message, struct ms_folder *folder)
{
    struct map *messages = &message->account->messages;

    if (message->folder == folder)
        return;
    change_add(message, "deleted");
    map_take_str(messages, message->plain_id);
    message->moves++;
    free(message->plain_id);
    message->plain_id = id_make(message, false);
    map_put_str(messages, message->plain_id, message);
    counts_move(message, folder);
    message->changes++;
    message->modified = world_now();
    change_add(message, "created");
}

void ms_message_delete(struct ms_message *message)
{
    if (message->gone)
        return;
    change_add(message, "deleted");
    message->gone = true;
    message->folder->count--;
    message->folder->unread -= !message->read;
}

void ms_message_touch(struct ms_message *message)
{
    message->changes++;
    message->modified = world_now();
    change_add(message, "updated");
}

void ms_message_content(struct ms_message *message, struct ms_content *content)
{
    message->content = content;
    identify(message);
}

void ms_message_categories(struct ms_message *message, char **list)
{
    mem_strv_free(message->categories);
    message->categories = list;
}

void ms_message_property(struct ms_message *message, const char *id, const char *value)
{
    for (size_t i = 0; i < message->property_count; i++)
        if (text_same(message->properties[i].id, id)) {
            mem_str_set(&message->properties[i].value, value);
            return;
        }
    message->properties =
        mem_grow(message->properties, message->property_count + 1, sizeof(struct ms_property));
    message->properties[message->property_count++] =
        (struct ms_property){mem_str(id), mem_str(value)};
}

const char *ms_message_property_get(const struct ms_message *message, const char *id)
{
    for (size_t i = 0; i < message->property_count; i++)
        if (text_same(message->properties[i].id, id))
            return message->properties[i].value;
    return NULL;
}

const char *ms_message_marker(const struct ms_message *message)
{
    const char *marker = ms_message_header(message, "X-Postrider-Id");

    for (size_t i = 0; i < message->property_count && !marker; i++)
        if (strcasestr(message->properties[i].id, "postrider-id"))
            marker = message->properties[i].value;
    return marker;
}

struct ms_message *ms_message_get(const struct ms_account *account, const char *id)
{
    struct ms_message *message = id ? map_get_str(&account->messages, id) : NULL;

    return message && !message->gone && !message->hidden ? message : NULL;
}

const char *ms_message_id(const struct ms_message *message, bool immutable)
{
    return immutable ? message->immutable_id : message->plain_id;
}

/* -- mail that comes in, and the people it comes from ----------------------------------------- */

struct ms_message *ms_deliver(struct ms_account *account, struct buf *raw,
                              struct ms_conversation *conversation, bool junk)
{
    struct ms_message *message = ms_message_new(account, ms_content_new(raw));

    message->conversation = conversation;
    if (!conversation)
        message->conversation = ms_conversation_find(account, &message->content->headers, true);
    ms_message_place(message, ms_folder_get(account, junk ? "junkemail" : "inbox"));
    return message;
}

static void *side_account(const char *address)
{
    return ms_account_get(address);
}

static void side_deliver(void *account, struct buf *mail, void *thread_of, bool spam,
                         struct people_arrived *arrived_r)
{
    struct ms_message *of = thread_of, *message;

    message = ms_deliver(account, mail, of ? of->conversation : NULL, spam);
    *arrived_r = (struct people_arrived){message->immutable_id, message->conversation->id,
                                         message->content->message_id};
}

static struct people_side side = {
    .exchange = true, .account = side_account, .deliver = side_deliver};

void ms_people_register(void)
{
    people_side_add(&side);
}

struct people_mail ms_people_mail(const struct ms_message *message,
                                  const struct ms_content *content)
{
    return (struct people_mail){&side,
                                message->account,
                                (void *)(uintptr_t)message,
                                message->account->address,
                                content->message_id,
                                &content->headers,
                                content->raw};
}
