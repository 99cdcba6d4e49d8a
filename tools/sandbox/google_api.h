/* sandbox/google_api.h: one call of the Gmail API: who asks, with which scopes, and the answer. */
#ifndef SANDBOX_GOOGLE_API_H
#define SANDBOX_GOOGLE_API_H
#include "sandbox/google_mailbox.h"
#include "sandbox/google_scopes.h"
#include "sandbox/google_state.h"
#include "sandbox/http.h"
#include "sandbox/values.h"

struct google_call;

struct google_method {
    const char *name;       /* "messages.send", as in the discovery document less "gmail.users." */
    const char *verb;       /* "POST" */
    const char *pattern;    /* below users/{userId}/, "{}" for an id */
    unsigned scopes;        /* any one of them will do */
    int cost_old, cost_new; /* quota units in projects before and from 2026-05-01 */
    void (*run)(struct google_call *call);
};

struct google_call {
    const struct sbx_request *request;
    struct sbx_response *response;
    struct google_account *account;
    unsigned scopes; /* the token's */
    const struct google_method *method;
    char *ids[2];              /* of the path, decoded */
    struct json_object *asked; /* the JSON body; NULL: none was sent */
    bool uploaded;             /* came by /upload/ */
    struct bytes upload;       /* the mail itself then */
};

/* /gmail/v1/... and /upload/gmail/v1/...: false: the path is none of these. */
bool google_api_handle(const struct sbx_request *request, struct sbx_response *response);

/* The answers. google_ok takes the object; google_done is 204. */
void google_ok(struct google_call *call, struct json_object *object);
/* What of it the call's `fields` asks for; takes it. */
struct json_object *google_fields(struct google_call *call, struct json_object *object);
void google_done(struct google_call *call);
/* An error of section 2.10's shape. `reason` may be "notFound", "invalidArgument"... */
void google_fail(struct sbx_response *response, int status, const char *reason,
                 const char *message);
void google_not_found(struct google_call *call);
void google_invalid(struct google_call *call, const char *message);

/* Query parameters. The list ends in NULL; mem_strv_free. */
char *google_parameter(const struct google_call *call, const char *name);
char **google_parameters(const struct google_call *call, const char *name);
/* maxResults, from 1 to `most`; -1 when it is out of range, and the answer is given. */
int64_t google_page_size(struct google_call *call, int64_t otherwise, int64_t most);
/* pageToken as a number; false when it is none, and the answer is given. */
bool google_page_token(struct google_call *call, uint64_t *token_r);

/* Whether the token may see no more than metadata. */
bool google_metadata_only(const struct google_call *call);
/* id, threadId, labelIds: what send and modify answer with. */
struct json_object *google_message_brief(const struct google_message *message, bool labels);
/* What messages.get gives; format "minimal", "metadata", "full" or "raw". */
struct json_object *google_message_json(const struct google_call *call,
                                        struct google_message *message, const char *format,
                                        char **only);
/* What messages.get gives as payload with format=full. */
struct json_object *google_payload(const char *data, size_t len);
/* The format asked for, allocated; NULL when this token may not have it: answered. */
char *google_format(struct google_call *call);

/* Mail as the client gave it: of `raw` in the JSON (message NULL: none) or of the upload. False
 * when it is missing or too large: answered. */
bool google_mail_take(struct google_call *call, struct json_object *message, struct buf *mail_r);
/* Sends what was given, into the thread of that id; or what is drafted, where it is. Answers. */
void google_send(struct google_call *call, struct bytes mail, const char *thread_id,
                 struct google_draft *draft);
/* What Gmail makes of mail it was given: its own Message-ID in place of theirs and, when it goes
 * out, no Bcc, and a From that the account may use. `ours_r` gets the Message-ID it came with
 * (allocated, or NULL). */
void google_mail_rewrite(struct buf *out, const struct google_account *account, struct bytes mail,
                         bool sending, char **ours_r);
/* Makes the Google mailboxes known to the people. */
void google_people_register(void);
/* The thread for a mail with this threadId, NULL: a new one. False when the mailbox has no such
 * thread: answered. */
bool google_thread_choose(struct google_call *call, const char *thread_id, struct bytes mail,
                          struct google_thread **thread_r);

/* Whether this call is within quota; if not, answered. */
bool google_quota_take(struct google_call *call);
/* Whether the account may send one more today; if not, answered. */
bool google_send_limit(struct google_call *call);
struct json_object *google_quota_set(struct json_object *asked);

void google_batch(const struct sbx_request *request, struct sbx_response *response);

/* The methods, by file. */
void google_profile(struct google_call *call);
void google_send_as_list(struct google_call *call);
void google_send_as_get(struct google_call *call);
void google_messages_list(struct google_call *call);
void google_messages_get(struct google_call *call);
void google_messages_send(struct google_call *call);
void google_messages_modify(struct google_call *call);
void google_messages_batch_modify(struct google_call *call);
void google_messages_trash(struct google_call *call);
void google_messages_untrash(struct google_call *call);
void google_messages_delete(struct google_call *call);
void google_threads_list(struct google_call *call);
void google_threads_get(struct google_call *call);
void google_threads_modify(struct google_call *call);
void google_drafts_create(struct google_call *call);
void google_drafts_list(struct google_call *call);
void google_drafts_get(struct google_call *call);
void google_drafts_update(struct google_call *call);
void google_drafts_send(struct google_call *call);
void google_drafts_delete(struct google_call *call);
void google_history_list(struct google_call *call);
void google_labels_list(struct google_call *call);
void google_labels_get(struct google_call *call);
void google_labels_create(struct google_call *call);
void google_labels_update(struct google_call *call);
void google_labels_patch(struct google_call *call);
void google_labels_delete(struct google_call *call);
#endif
