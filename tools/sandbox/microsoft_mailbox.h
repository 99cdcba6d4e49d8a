/* sandbox/microsoft_mailbox.h: one account's mailbox: folders, messages, ids, conversations.
 *
 * Nothing is ever freed: a deleted message stays as `gone`, so that delta may still name it. */
#ifndef SANDBOX_MICROSOFT_MAILBOX_H
#define SANDBOX_MICROSOFT_MAILBOX_H
#include "sandbox/microsoft_state.h"
#include "sandbox/mime.h"
#include "sandbox/people.h"

struct ms_folder {
    char *id, *name;
    const char *well_known; /* "inbox"; NULL: made by the owner */
    struct ms_folder *parent;
    size_t count, unread;
};

struct ms_conversation {
    char *id;
    unsigned char guid[16];
    char *subject; /* base subject of its first message */
    int64_t begun;
    unsigned count; /* messages that joined */
};

/* What a message says. A draft that changes gets another one. */
struct ms_content {
    struct ms_content *before; /* of any message: nothing is lost */
    char *raw;
    size_t len;
    struct mime_headers headers;
    char *message_id; /* in <>, or NULL */
};

struct ms_property { /* a singleValueLegacyExtendedProperty */
    char *id, *value;
};

struct ms_message {
    char *immutable_id, *plain_id;  /* the latter changes as it moves */
    uint64_t key;                   /* counts over all mailboxes */
    unsigned moves, changes, epoch; /* the epoch: the mailbox's as it was made */
    struct ms_account *account;
    struct ms_folder *folder;
    struct ms_conversation *conversation;
    struct ms_message *same_id; /* another with the same Message-ID */
    struct ms_content *content;
    int64_t created, received, sent, modified; /* virtual ms */
    bool draft, read, gone;
    bool hidden;          /* neither lists nor its id show it: it is on its way to Sent Items */
    bool under_way;       /* it was accepted, and is not in Sent Items yet */
    bool keep_sent;       /* saveToSentItems */
    char *our_message_id; /* as the client wrote it */
    char *sender;         /* Sender, when it is not From: allocated */
    char **categories;    /* ends in NULL */
    struct ms_property *properties;
    size_t property_count;
};

void ms_mailbox_init(struct ms_account *account);
/* As it was when it was new; tokens of delta from before are dead. */
void ms_mailbox_forget(struct ms_account *account);

/* By id or well-known name; NULL: there is none. */
struct ms_folder *ms_folder_get(const struct ms_account *account, const char *id);
struct ms_folder *ms_folder_new(struct ms_account *account, const char *name,
                                const char *well_known, struct ms_folder *parent);

struct ms_content *ms_content_new(struct buf *raw); /* takes the bytes */
/* A message that is nowhere yet: ms_message_place puts it into a folder. */
struct ms_message *ms_message_new(struct ms_account *account, struct ms_content *content);
/* Decides its conversation, files it, and lets delta know. */
void ms_message_place(struct ms_message *message, struct ms_folder *folder);
void ms_message_move(struct ms_message *message, struct ms_folder *folder);
void ms_message_delete(struct ms_message *message); /* for good */
/* It has changed: a new changeKey, and delta knows. */
void ms_message_touch(struct ms_message *message);
void ms_message_content(struct ms_message *message, struct ms_content *content);
void ms_message_categories(struct ms_message *message, char **list); /* takes it */
void ms_message_property(struct ms_message *message, const char *id, const char *value);
const char *ms_message_property_get(const struct ms_message *message, const char *id);
/* The marker: X-Postrider-Id, or an extended property of such a name; NULL: none. Lent. */
const char *ms_message_marker(const struct ms_message *message);

/* By either id; NULL: gone, hidden, or never there. */
struct ms_message *ms_message_get(const struct ms_account *account, const char *id);
const char *ms_message_id(const struct ms_message *message, bool immutable);
const char *ms_message_header(const struct ms_message *message, const char *name);
struct ms_conversation *ms_conversation_new(struct ms_account *account, const char *subject);
/* The 22 bytes of its conversationIndex and 5 for each that came before it; base64. Allocated. */
char *ms_conversation_index(const struct ms_message *message);
/* The conversation of mail with these headers that comes in or goes out; made when there is
 * none. `drifts`: Exchange may lose the thread. */
struct ms_conversation *ms_conversation_find(struct ms_account *account,
                                             const struct mime_headers *headers, bool drifts);

/* Mail that comes in: into the inbox, unread, or into Junk Email. */
struct ms_message *ms_deliver(struct ms_account *account, struct buf *raw,
                              struct ms_conversation *conversation, bool junk);
void ms_people_register(void);
struct people_mail ms_people_mail(const struct ms_message *message,
                                  const struct ms_content *content);
#endif
