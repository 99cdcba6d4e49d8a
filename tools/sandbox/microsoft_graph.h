/* sandbox/microsoft_graph.h: one call of Graph: who asks, with which permissions, and the answer.
 */
#ifndef SANDBOX_MICROSOFT_GRAPH_H
#define SANDBOX_MICROSOFT_GRAPH_H
#include "sandbox/http.h"
#include "sandbox/microsoft_mailbox.h"
#include "sandbox/microsoft_scopes.h"
#include "sandbox/microsoft_state.h"

struct ms_call;

struct ms_method {
    const char *name;    /* "messages.send" */
    const char *verb;    /* "POST" */
    const char *pattern; /* below /me/ (or "/", from the root); "{}" for an id */
    unsigned scopes;     /* any one of them will do */
    unsigned shared;     /* the same on somebody else's mailbox; 0: not there */
    void (*run)(struct ms_call *call);
};

struct ms_call {
    const struct sbx_request *request;
    struct sbx_response *response;
    struct ms_account *user;    /* the token's */
    struct ms_account *account; /* whose mailbox */
    unsigned scopes;            /* the token's */
    const struct ms_method *method;
    char *ids[3];              /* of the path, decoded */
    struct json_object *asked; /* the JSON body; NULL: none was sent, or it is MIME */
    bool immutable;            /* Prefer: IdType="ImmutableId" */
    bool text_bodies;          /* Prefer: outlook.body-content-type="text" */
    int64_t page_size;         /* Prefer: odata.maxpagesize; 0: not said */
};

/* /v1.0/...: false: the path is none of these. */
bool ms_graph_handle(const struct sbx_request *request, struct sbx_response *response);
void ms_batch(const struct sbx_request *request, struct sbx_response *response);

/* -- answers: microsoft_answer.c */
void ms_ok(struct ms_call *call, int status, struct json_object *object); /* takes it */
void ms_done(struct ms_call *call, int status);                           /* without a body */
void ms_fail(struct sbx_response *response, int status, const char *code, const char *message);
void ms_not_found(struct ms_call *call);
/* A 429 with Retry-After. */
void ms_throttled(struct sbx_response *response, const char *code, const char *message,
                  int64_t seconds);
/* One parameter of the query, allocated; NULL: not there. */
char *ms_parameter(const struct ms_call *call, const char *name);
/* "https://host/v1.0/me/..." as links begin, without a query. Allocated. */
char *ms_link(const struct ms_call *call, const char *path);
void ms_context(const struct ms_call *call, struct json_object *object, const char *what);

/* Whether the call is within what the service lets through; if not, answered. */
bool ms_throttle_take(const struct ms_account *account, struct sbx_response *response);
/* Whether the mailbox may send to so many more; if not, answered. */
bool ms_send_limit(struct ms_call *call, size_t recipients);

/* -- messages as JSON: microsoft_message.c */
struct ms_select {
    bool all;       /* nothing was selected: what is given by default */
    char **names;   /* $select */
    char *property; /* $expand=singleValueExtendedProperties($filter=id eq '...') */
};
/* False: this token may not have what is asked for, or it is not there: answered. */
bool ms_select_read(struct ms_call *call, struct ms_select *select);
/* The same for names that are known by now. */
bool ms_select_named(struct ms_call *call, const char *names, struct ms_select *select);
void ms_select_finish(struct ms_select *select);
struct json_object *ms_message_json(const struct ms_call *call, struct ms_message *message,
                                    const struct ms_select *select);
/* Whole, as create and update answer. */
struct json_object *ms_message_whole(const struct ms_call *call, struct ms_message *message);
bool ms_full_read(const struct ms_call *call); /* may see bodies */

/* -- writing: microsoft_write.c */
/* The body of a call as a message: JSON, or MIME in base64. NULL: answered. */
struct ms_message *ms_draft_take(struct ms_call *call, struct json_object *message);
/* Changes a message as PATCH says. False: answered. */
bool ms_message_patch(struct ms_call *call, struct ms_message *message,
                      struct json_object *changes);
bool ms_is_mime(const struct ms_call *call);
/* A draft that answers `of`. */
struct ms_message *ms_reply_draft(struct ms_call *call, struct ms_message *of, bool all);
/* "<...@EURP....PROD.OUTLOOK.COM>". Allocated. */
char *ms_message_id_make(void);

/* Accepts it for delivery: 202, or answers why not. `drafted`: it is a message of the mailbox. */
void ms_send(struct ms_call *call, struct ms_message *message, bool drafted, bool save);

/* -- lists: microsoft_filter.c */
struct ms_filter;
/* What is wrong with the text is answered; NULL then. `text` may be NULL: fits anything. */
struct ms_filter *ms_filter_new(struct ms_call *call, const char *text, const char *order);
void ms_filter_free(struct ms_filter *filter);
/* "2027-01-04T09:00:00Z" as a filter has it. */
bool ms_moment_read(const char *text, int64_t *ms_r);
bool ms_filter_fits(const struct ms_filter *filter, const struct ms_message *message);

/* Somebody is told by push that the message came, changed or went. */
void ms_notify(struct ms_message *message, struct ms_folder *folder, const char *change);
/* The account's subscriptions; with a lifecycle event, that happens to all of them. */
struct json_object *ms_subscriptions_control(struct ms_account *account, const char *event);

/* The methods, by file. */
void ms_me(struct ms_call *call);
void ms_mailbox_settings(struct ms_call *call);
void ms_messages_list(struct ms_call *call);
void ms_messages_get(struct ms_call *call);
void ms_messages_value(struct ms_call *call);
void ms_messages_create(struct ms_call *call);
void ms_messages_update(struct ms_call *call);
void ms_messages_delete(struct ms_call *call);
void ms_messages_delete_for_good(struct ms_call *call);
void ms_messages_move(struct ms_call *call);
void ms_messages_copy(struct ms_call *call);
void ms_messages_send(struct ms_call *call);
void ms_messages_create_reply(struct ms_call *call);
void ms_messages_create_reply_all(struct ms_call *call);
void ms_messages_reply(struct ms_call *call);
void ms_send_mail(struct ms_call *call);
void ms_delta(struct ms_call *call);
void ms_folders_list(struct ms_call *call);
void ms_folders_get(struct ms_call *call);
void ms_folders_create(struct ms_call *call);
void ms_folder_children(struct ms_call *call);
void ms_categories_list(struct ms_call *call);
void ms_categories_get(struct ms_call *call);
void ms_categories_create(struct ms_call *call);
void ms_categories_update(struct ms_call *call);
void ms_categories_delete(struct ms_call *call);
void ms_subscriptions_list(struct ms_call *call);
void ms_subscriptions_get(struct ms_call *call);
void ms_subscriptions_create(struct ms_call *call);
void ms_subscriptions_update(struct ms_call *call);
void ms_subscriptions_delete(struct ms_call *call);
void ms_subscriptions_reauthorize(struct ms_call *call);
#endif
