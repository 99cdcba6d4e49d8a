/* sandbox/google_mailbox.h: one account's mailbox: messages, threads, labels, drafts and history.
 *
 * Nothing is ever freed: a deleted message stays as `gone`, so that history may still name it. */
#ifndef SANDBOX_GOOGLE_MAILBOX_H
#define SANDBOX_GOOGLE_MAILBOX_H
#include "sandbox/mime.h"
#include "sandbox/google_state.h"

struct google_label {
    char *id, *name;
    bool system, gone;
    char *label_visibility, *message_visibility; /* NULL: as a system label has them */
    char *text_color, *background_color;
    struct google_index messages;
};

struct google_thread {
    char id[20];
    char *subject; /* base subject of its first message */
    struct google_message **messages;
    size_t count;
};

struct google_message {
    char id[20];
    uint64_t number;  /* counts over all mailboxes */
    uint64_t history; /* id of the last change to it */
    int64_t at;       /* virtual ms */
    struct google_account *account;
    struct google_thread *thread;
    struct google_message *same_id; /* another with the same Message-ID */
    struct google_label **labels;
    size_t label_count;
    char *raw;
    size_t raw_len;
    struct mime_headers headers;
    char *snippet;    /* made when first asked for */
    char *message_id; /* in <>, or NULL */
    bool gone;
};

struct google_draft {
    char *id;
    char *our_message_id; /* as the client wrote it */
    struct google_message *message;
};

void google_mailbox_init(struct google_account *account);
/* As it was when it was new, but for the history ids, which go on. */
void google_mailbox_forget(struct google_account *account);

/* A new message; takes the bytes. thread NULL: a thread of its own. `labels` are ids, ending in
 * NULL, that must be there. */
struct google_message *google_message_new(struct google_account *account, struct buf *raw,
                                          struct google_thread *thread, const char *const *labels);
/* Mail that comes in: into the inbox, unread (or into spam). thread NULL: where Gmail puts it. */
struct google_message *google_deliver(struct google_account *account, struct buf *raw,
                                      struct google_thread *thread, bool spam);
struct google_message *google_message_get(const struct google_account *account, const char *id);
bool google_message_has(const struct google_message *message, const char *label);
/* Adds or removes a label; one that is there (or is not) already changes nothing. */
void google_message_label(struct google_message *message, struct google_label *label, bool add);
void google_message_delete(struct google_message *message);
const char *google_message_header(const struct google_message *message, const char *name);

/* Where Gmail would put mail with these headers: the thread that References or In-Reply-To name,
 * if the base subject is its own; NULL: a new one. */
struct google_thread *google_thread_find(const struct google_account *account,
                                         const struct mime_headers *headers);
struct google_thread *google_thread_get(const struct google_account *account, const char *id);
/* Would a message with these headers belong to this thread? */
bool google_thread_fits(const struct google_account *account, const struct google_thread *thread,
                        const struct mime_headers *headers);
size_t google_thread_live(const struct google_thread *thread); /* messages that are not gone */

struct google_label *google_label_get(const struct google_account *account, const char *id);
struct google_label *google_label_named(const struct google_account *account, const char *name);
struct google_label *google_label_new(struct google_account *account, const char *name);
void google_label_rename(struct google_account *account, struct google_label *label,
                         const char *name);
void google_label_delete(struct google_account *account, struct google_label *label);

/* How many of the index have a number below `number`: where a walk to older mail begins. */
size_t google_index_below(const struct google_index *index, uint64_t number);

/* The current id. Moves on by itself in an idle mailbox, so that it is always a good cursor. */
uint64_t google_history_now(struct google_account *account);
/* The mailbox's ids go on from `id`, if that is ahead. */
void google_history_jump(struct google_account *account, uint64_t id);
/* The first change after `id`, as an index into account->changes; false: that id is too old,
 * or was never given. */
bool google_history_after(const struct google_account *account, uint64_t id, size_t *first_r);
#endif
