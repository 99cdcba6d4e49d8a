/* sandbox/google_mailbox.c: one account's mailbox: messages, threads, labels, drafts, history. */
#include "sandbox/google_mailbox.h"

#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* -- messages in order ------------------------------------------------------------------------ */

size_t google_index_below(const struct google_index *index, uint64_t number)
{
    size_t low = 0, high = index->count;

    /* New mail is asked for and labelled most: look at the end first. */
    if (high > 0 && index->list[high - 1]->number < number)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (index->list[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void index_put(struct google_index *index, struct google_message *message)
{
    size_t at = google_index_below(index, message->number);

    if (index->count == index->room) {
        index->room = index->room ? index->room * 2 : 16;
        index->list = mem_grow(index->list, index->room, sizeof(struct google_message *));
    }
    memmove(index->list + at + 1, index->list + at, (index->count - at) * sizeof(*index->list));
    index->list[at] = message;
    index->count++;
}

static void index_drop(struct google_index *index, const struct google_message *message)
{
    size_t at = google_index_below(index, message->number);

    if (at == index->count || index->list[at] != message)
        return;
    index->count--;
    memmove(index->list + at, index->list + at + 1, (index->count - at) * sizeof(*index->list));
}

/* -- history ---------------------------------------------------------------------------------- */

static uint64_t change_add(struct google_account *account, enum google_change_kind kind,
                           struct google_message *message, struct google_label *label)
{
    struct google_change *change;

    if (account->change_count == account->change_room) {
        account->change_room = account->change_room ? account->change_room * 2 : 64;
        account->changes =
            mem_grow(account->changes, account->change_room, sizeof(struct google_change));
    }
    change = &account->changes[account->change_count++];
    account->history_id += 1 + sbx_mix(account->history_id) % 40; /* ids have gaps */
    *change = (struct google_change){account->history_id, world_now(), kind, message, label};
    return account->history_id;
}

uint64_t google_history_now(struct google_account *account)
{
    int64_t last = account->changes[account->change_count - 1].at;

    if (world_now() - last > google_state()->settings.history_horizon / 8)
        change_add(account, GOOGLE_MARK, NULL, NULL);
    return account->history_id;
}

void google_history_jump(struct google_account *account, uint64_t id)
{
    if (id <= account->history_id)
        return;
    account->history_id = id;
    change_add(account, GOOGLE_MARK, NULL, NULL);
}

bool google_history_after(const struct google_account *account, uint64_t id, size_t *first_r)
{
    size_t low = 0, high = account->change_count;

    if (id > account->history_id)
        return false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (account->changes[middle].id <= id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    if (account->changes[low - 1].at < world_now() - google_state()->settings.history_horizon)
        return false;
    *first_r = low;
    return true;
}

/* -- labels ----------------------------------------------------------------------------------- */

static struct google_label *label_add(struct google_account *account, char *id, const char *name)
{
    struct google_label *label = mem_new(sizeof(*label));
    auto_free char *lower = sbx_lower(name);

    label->id = id;
    label->name = mem_str(name);
    map_put_str(&account->labels, label->id, label);
    map_put_str(&account->label_names, lower, label);
    account->label_list =
        mem_grow(account->label_list, account->label_count + 1, sizeof(struct google_label *));
    account->label_list[account->label_count++] = label;
    return label;
}

struct google_label *google_label_get(const struct google_account *account, const char *id)
{
    return id ? map_get_str(&account->labels, id) : NULL;
}

struct google_label *google_label_named(const struct google_account *account, const char *name)
{
    auto_free char *lower = sbx_lower(name);

    return map_get_str(&account->label_names, lower);
}

struct google_label *google_label_new(struct google_account *account, const char *name)
{
    struct google_label *label;

    label = label_add(account, mem_printf("Label_%llu", (unsigned long long)++account->label_next),
                      name);
    label->label_visibility = mem_str("labelShow");
    label->message_visibility = mem_str("show");
    return label;
}

void google_label_rename(struct google_account *account, struct google_label *label,
                         const char *name)
{
    auto_free char *before = sbx_lower(label->name), *after = sbx_lower(name);

    map_take_str(&account->label_names, before);
    map_put_str(&account->label_names, after, label);
    mem_str_set(&label->name, name);
}

void google_label_delete(struct google_account *account, struct google_label *label)
{
    auto_free char *lower = sbx_lower(label->name);

    while (label->messages.count > 0)
        google_message_label(label->messages.list[label->messages.count - 1], label, false);
    map_take_str(&account->labels, label->id);
    map_take_str(&account->label_names, lower);
    for (size_t i = 0; i < account->label_count; i++)
        if (account->label_list[i] == label)
            account->label_list[i--] = account->label_list[--account->label_count];
    label->gone = true;
}

void google_mailbox_init(struct google_account *account)
{
    static const char *const system[] = {
        "INBOX",
        "SENT",
        "DRAFT",
        "TRASH",
        "SPAM",
        "UNREAD",
        "STARRED",
        "IMPORTANT",
        "CHAT",
        "CATEGORY_PERSONAL",
        "CATEGORY_SOCIAL",
        "CATEGORY_PROMOTIONS",
        "CATEGORY_UPDATES",
        "CATEGORY_FORUMS",
    };

    for (size_t i = 0; i < ARRAY_LEN(system); i++)
        label_add(account, mem_str(system[i]), system[i])->system = true;
    account->history_id = google_state()->settings.history_start;
    change_add(account, GOOGLE_MARK, NULL, NULL);
}

/* What was forgotten: a happening under way may still point into it, so it goes with the program.
 */
static struct google_account *past;
static size_t past_count;

void google_mailbox_forget(struct google_account *account)
{
    uint64_t history = account->history_id;

    past = mem_grow(past, past_count + 1, sizeof(*past));
    past[past_count++] = *account;

    account->messages = account->threads = account->labels = (struct map){0};
    account->label_names = account->message_ids = (struct map){0};
    account->markers = account->drafts = (struct map){0};
    account->label_list = NULL;
    account->label_count = 0;
    account->all = (struct google_index){0};
    account->changes = NULL;
    account->change_count = account->change_room = 0;
    account->send_first = account->send_count = 0;
    google_mailbox_init(account);
    account->changes[0].id = 0; /* every id of before is a good cursor, after which nothing was */
    account->history_id = history;
}

/* -- threads ---------------------------------------------------------------------------------- */

struct google_thread *google_thread_get(const struct google_account *account, const char *id)
{
    return id ? map_get_str(&account->threads, id) : NULL;
}

/* A message of this mailbox that the header names, newest reference first. */
static struct google_message *referred(const struct google_account *account, const char *value)
{
    char **ids = mime_message_ids(value);
    struct google_message *found = NULL;
    size_t count = 0;

    while (ids[count])
        count++;
    while (count-- > 0 && !found)
        for (found = map_get_str(&account->message_ids, ids[count]); found && found->gone;)
            found = found->same_id;
    mem_strv_free(ids);
    return found;
}

struct google_thread *google_thread_find(const struct google_account *account,
                                         const struct mime_headers *headers)
{
    struct google_message *parent;
    auto_free char *subject = NULL;

    parent = referred(account, mime_headers_get(headers, "References"));
    if (!parent)
        parent = referred(account, mime_headers_get(headers, "In-Reply-To"));
    if (!parent)
        return NULL;
    subject = mime_base_subject(mime_headers_get(headers, "Subject"));
    return strcmp(subject, parent->thread->subject) == 0 ? parent->thread : NULL;
}

bool google_thread_fits(const struct google_account *account, const struct google_thread *thread,
                        const struct mime_headers *headers)
{
    return google_thread_find(account, headers) == thread;
}

size_t google_thread_live(const struct google_thread *thread)
{
    size_t live = 0;

    for (size_t i = 0; i < thread->count; i++)
        live += !thread->messages[i]->gone;
    return live;
}

static struct google_thread *thread_new(struct google_account *account,
                                        const struct google_message *first)
{
    struct google_thread *thread = mem_new(sizeof(*thread));

    memcpy(thread->id, first->id, sizeof(thread->id));
    thread->subject = mime_base_subject(google_message_header(first, "Subject"));
    map_put_str(&account->threads, thread->id, thread);
    return thread;
}

/* -- messages --------------------------------------------------------------------------------- */

static void message_identify(struct google_message *message)
{
    struct google_account *account = message->account;
    const char *value = google_message_header(message, "Message-ID");
    const char *marker = google_message_header(message, "X-Postrider-Id");
    char **ids = mime_message_ids(value);

    message->message_id = mem_str(ids[0]);
    mem_strv_free(ids);
    if (message->message_id)
        message->same_id = map_put_str(&account->message_ids, message->message_id, message);
    if (marker && !map_get_str(&account->markers, marker))
        map_put_str(&account->markers, marker, message);
}

static void label_attach(struct google_message *message, struct google_label *label)
{
    message->labels =
        mem_grow(message->labels, message->label_count + 1, sizeof(struct google_label *));
    message->labels[message->label_count++] = label;
    index_put(&label->messages, message);
}

struct google_message *google_message_new(struct google_account *account, struct buf *raw,
                                          struct google_thread *thread, const char *const *labels)
{
    struct google_message *message = mem_new(sizeof(*message));
    struct google *google = google_state();

    message->number = ++google->next_number;
    message->account = account;
    message->at = world_now();
    message->raw_len = raw->len;
    message->raw = raw->len > 0 ? buf_take(raw) : mem_str("");
    mime_headers_init(&message->headers, message->raw, message->raw_len);
    snprintf(message->id, sizeof(message->id), "%016llx",
             (unsigned long long)(sbx_mix(++google->next_id) >> 3));
    message->thread = thread ? thread : thread_new(account, message);
    thread = message->thread;
    thread->messages =
        mem_grow(thread->messages, thread->count + 1, sizeof(struct google_message *));
    thread->messages[thread->count++] = message;
    message_identify(message);
    map_put_str(&account->messages, message->id, message);
    index_put(&account->all, message);
    for (; labels && *labels; labels++)
        label_attach(message, google_label_get(account, *labels));
    message->history = change_add(account, GOOGLE_ADDED, message, NULL);
    return message;
}

struct google_message *google_deliver(struct google_account *account, struct buf *raw,
                                      struct google_thread *thread, bool spam)
{
    static const char *const inbox[] = {"INBOX", "UNREAD", NULL}, *const junk[] = {"SPAM", "UNREAD",
                                                                                   NULL};

    if (!thread) {
        struct mime_headers headers;

        mime_headers_init(&headers, buf_text(raw), raw->len);
        thread = google_thread_find(account, &headers);
        mime_headers_finish(&headers);
    }
    return google_message_new(account, raw, thread, spam ? junk : inbox);
}

struct google_message *google_message_get(const struct google_account *account, const char *id)
{
    struct google_message *message = id ? map_get_str(&account->messages, id) : NULL;

    return message && !message->gone ? message : NULL;
}

const char *google_message_header(const struct google_message *message, const char *name)
{
    return mime_headers_get(&message->headers, name);
}

bool google_message_has(const struct google_message *message, const char *label)
{
    for (size_t i = 0; i < message->label_count; i++)
        if (strcmp(message->labels[i]->id, label) == 0)
            return true;
    return false;
}

void google_message_label(struct google_message *message, struct google_label *label, bool add)
{
    bool there = google_message_has(message, label->id);

    if (there == add)
        return;
    if (add) {
        label_attach(message, label);
    } else {
        index_drop(&label->messages, message);
        for (size_t i = 0; i < message->label_count; i++)
            if (message->labels[i] == label)
                message->labels[i--] = message->labels[--message->label_count];
    }
    message->history =
        change_add(message->account, add ? GOOGLE_LABELLED : GOOGLE_UNLABELLED, message, label);
}

void google_message_delete(struct google_message *message)
{
    if (message->gone)
        return;
    for (size_t i = 0; i < message->label_count; i++)
        index_drop(&message->labels[i]->messages, message);
    index_drop(&message->account->all, message);
    message->gone = true;
    message->history = change_add(message->account, GOOGLE_DELETED, message, NULL);
}
