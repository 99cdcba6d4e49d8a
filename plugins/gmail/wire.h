/* gmail/wire.h: what Gmail's API says, from bytes to structs.
 *
 * Gmail API v1 (discovery revision 20260907). Pure: bytes from a stranger in, structs out; -1 when
 * they can't be read. uint64 and int64 travel as decimal strings; numbers are taken too. */
#ifndef GMAIL_WIRE_H
#define GMAIL_WIRE_H
#include "headers.h"
#include "report.h"
#include "text.h"
#include "times.h"

#include <postrider/basic.h>

struct json_object;

enum { WIRE_ITEMS_MAX = 5000, WIRE_HEADERS_MAX = 1000 };

struct wire_error { /* the error body: {"error": {...}}        */
    char reason[64], status[64];
    bool no_scope;    /* the token's scopes do not reach         */
    bool metadata;    /* refused because of gmail.metadata       */
    bool no_mail;     /* the account has no Gmail                */
    bool thread;      /* it is about the thread id               */
    bool label;       /* it is about a label                     */
    bool recipient;   /* it is about the To address              */
    bool sending;     /* the mailbox's own sending limit         */
    int64_t retry_at; /* Unix ms, from "Retry after <RFC 3339>"; 0: not said */
};
void wire_error_read(struct wire_error *error, const void *data, size_t len);

struct wire_message { /* messages.get; also in drafts and threads */
    char *id, *thread_id;
    char **labels; /* ids, ends in NULL                       */
    int64_t date;  /* internalDate; 0: not said               */
    uint64_t size; /* sizeEstimate                            */
    struct wire_headers headers;
};
int wire_message_read(struct wire_message *message, const void *data, size_t len);
void wire_message_free(struct wire_message *message);
bool wire_has_label(char *const *labels, const char *id);
const char *wire_header(const struct wire_message *message, const char *name); /* or NULL */
/* A Message-ID value without brackets and blanks; freed by the caller; NULL: nothing is in it. */
char *wire_id(const char *value);
/* The named headers as a block of "Name: value" lines, CRLF; all of them when names is NULL. */
void wire_header_block(const struct wire_message *message, char *const *names, struct text *out);

struct wire_draft {
    char *id;
    struct wire_message message;
};
int wire_draft_read(struct wire_draft *draft, const void *data, size_t len);
void wire_draft_free(struct wire_draft *draft);

/* threads.get: the messages, oldest first. */
struct wire_thread {
    struct wire_message *messages;
    size_t count;
};
int wire_thread_read(struct wire_thread *thread, const void *data, size_t len);
void wire_thread_free(struct wire_thread *thread);

struct wire_item { /* a message that a list or the history names */
    char *id, *thread_id;
    char *draft_id; /* drafts.list                             */
    char **labels;  /* as the history has them, or NULL        */
    bool arrived;   /* history: messagesAdded, at least once   */
    char **changed; /* history: ids of labels added or removed */
};
struct wire_page {           /* messages.list, drafts.list, history.list */
    struct wire_item *items; /* each message once, in the order of its first mention */
    size_t count;
    char *next;          /* nextPageToken, or NULL               */
    uint64_t history_id; /* 0: not said                          */
};
int wire_page_read(struct wire_page *page, const void *data, size_t len);
void wire_page_free(struct wire_page *page);

struct wire_profile {
    char *address;
    uint64_t history_id;
};
int wire_profile_read(struct wire_profile *profile, const void *data, size_t len);

struct wire_userinfo { /* OpenID Connect userinfo                  */
    char *subject, *address, *name, *domain;
    bool verified;
};
int wire_userinfo_read(struct wire_userinfo *info, const void *data, size_t len);
void wire_userinfo_free(struct wire_userinfo *info);
/* sendAs.list: the accepted ones but the primary; ends in NULL. NULL: can't be read. */
char **wire_aliases_read(const void *data, size_t len);

struct wire_label {
    char *id, *name;
    bool user; /* not one of Gmail's own                  */
};
struct wire_labels {
    struct wire_label *labels;
    size_t count;
};
int wire_labels_read(struct wire_labels *labels, const void *data, size_t len);
int wire_label_read(struct wire_label *label, const void *data, size_t len);
void wire_labels_free(struct wire_labels *labels);

/* messages.get format=raw: the whole mail. format=full: the first text/plain part, else what the
 * first text/html part says without its tags. */
int wire_raw_read(struct text *raw, const void *data, size_t len);
int wire_text_read(struct text *text, const void *data, size_t len);

/* multipart/mixed batches: developers.google.com/gmail/api/guides/batch. */
enum { WIRE_BATCH_MAX = 50 };
#define WIRE_BATCH_TYPE "multipart/mixed; boundary=\"postrider_batch\""
void wire_batch_add(struct text *body, size_t index, const char *path); /* a GET */
void wire_batch_end(struct text *body);
struct wire_part {
    int status; /* 0: no answer to that one                */
    struct rider_bytes headers, body;
};
/* Fills parts[count], by Content-ID where it is said, else by position. */
int wire_batch_read(struct wire_part *parts, size_t count, struct rider_bytes headers,
                    struct rider_bytes body);
#endif
