/* gmail/gmail.h: what the plugin's files share: the session, the job of an operation, failures.
 *
 * All on the loop thread. A job is made when an operation starts and is gone when it is finished;
 * it makes one request at a time. */
#ifndef GMAIL_H
#define GMAIL_H
#include "host.h"
#include "text.h"
#include "wire.h"

#include <postrider/provider.h>

/* ---- the session ------------------------------------------------------------------------------
 */

enum { /* what the granted scopes reach */
       GMAIL_MAY_SEND = 1,
       GMAIL_MAY_LIST = 2,    /* headers, history, threads    */
       GMAIL_MAY_READ = 4,    /* bodies, send-as addresses    */
       GMAIL_MAY_DRAFT = 8,   /* make, send, delete drafts    */
       GMAIL_MAY_LABEL = 16,  /* make labels and set them     */
       GMAIL_MAY_PROFILE = 32 /* users.getProfile             */
};
enum { GMAIL_SENT_MIN = 64, GMAIL_SENT_MAX = 16384 }; /* powers of two */

struct rider_session {
    const struct rider_host *host;
    uint32_t may;
    char *api, *batch, *userinfo; /* URLs without a slash at the end         */
    bool old_quota;               /* a project from before 2026-05           */
    struct gmail_job *jobs;
    struct wire_labels labels; /* as last listed, or as remembered        */
    bool labels_fresh;         /* listed since this session was opened    */
    uint64_t *sent;            /* what we sent ourselves, id by its hash  */
    size_t sent_room;
};

/* What this session sent is not handed over by `list`. Some are forgotten when there are many. */
void gmail_knows_sent(struct rider_session *session, const char *id);
bool gmail_is_known_sent(const struct rider_session *session, const char *id);
uint32_t gmail_may(const char *const *scopes, int32_t access);
/* The cost of one call in quota units: config "cost.<method>", else Google's table. */
uint32_t gmail_cost(const struct rider_session *session, const char *method);

/* ---- failures ---------------------------------------------------------------------------------
 */

enum gmail_doing { GMAIL_READING, GMAIL_SENDING, GMAIL_LABELLING, GMAIL_CHANGING };
struct gmail_failure {
    struct rider_failure failure; /* its detail points to `detail` */
    char detail[320];
};
/* What an answer that is not 2xx means. `method` as Google names it ("messages.send"). */
void gmail_failure_read(const struct rider_host *host, const char *method, enum gmail_doing doing,
                        const struct rider_http_response *response, struct gmail_failure *failure);
void gmail_failure_say(struct gmail_failure *failure, enum rider_kind kind, enum rider_scope scope,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- jobs -------------------------------------------------------------------------------------
 */

struct gmail_job {
    struct gmail_job *next;
    struct rider_session *session;
    struct rider_op *op;
    struct rider_http *http;
    const char *method; /* of the request in flight                       */
    enum gmail_doing doing;
    void (*then)(struct gmail_job *, const struct rider_http_response *);
    void (*hurry)(struct gmail_job *);   /* ends it without the request; NULL: fails it  */
    void (*release)(struct gmail_job *); /* frees what the operation keeps; not the job */
};
struct gmail_request {
    const char *method; /* Google's name, for cost and failures           */
    const char *verb;   /* "GET"                                          */
    const char *url;    /* whole                                          */
    const char *type;   /* of the body; NULL: there is none               */
    const struct text *body;
    uint32_t cost; /* 0: gmail_cost(method)                          */
    enum gmail_doing doing;
};
typedef void gmail_then(struct gmail_job *, const struct rider_http_response *);

void *gmail_job_new(struct rider_session *session, struct rider_op *op, size_t size,
                    void (*release)(struct gmail_job *));
void gmail_job_request(struct gmail_job *job, const struct gmail_request *request,
                       gmail_then *then);
/* A GET of {api}/gmail/v1/users/me{path}. */
void gmail_job_get(struct gmail_job *job, const char *method, const char *path, gmail_then *then);
bool gmail_ok(const struct rider_http_response *response); /* 2xx */
/* Each of these ends the job: it is freed. */
void gmail_job_fail(struct gmail_job *job, const struct gmail_failure *failure);
void gmail_job_fail_with(struct gmail_job *job, const struct rider_http_response *response);
void gmail_job_broken(struct gmail_job *job); /* a 2xx that can't be read */
void gmail_job_free(struct gmail_job *job);   /* the operation was finished otherwise */
/* For what no granted scope reaches: fails the operation without a job. */
void gmail_unsupported(struct rider_session *session, struct rider_op *op, const char *what);

/* ---- messages by batch ------------------------------------------------------------------------
 */

struct gmail_fetched {
    int status; /* 200: message is there; 404: it is gone; 400: refused for good; else failed */
    struct wire_message message;
};
/* Gets metadata of up to WIRE_BATCH_MAX messages with just these headers. `then` gets the batch's
 * answer for gmail_fetch_take. */
void gmail_fetch(struct gmail_job *job, const char *const *ids, size_t count, char *const *headers,
                 gmail_then *then);
/* Reads it into fetched[count] (to be freed with gmail_fetched_free). 0; or -1 when the whole
 * failed, or a part did: *failed_r is the first that did (count: all), *failure says how. */
int gmail_fetch_take(struct gmail_job *job, const struct rider_http_response *response,
                     const char *const *ids, struct gmail_fetched *fetched, size_t count,
                     size_t *failed_r, struct gmail_failure *failure);
void gmail_fetched_free(struct gmail_fetched *fetched, size_t count);
/* "?format=metadata&metadataHeaders=...&fields=...": without the snippet, which is body text. */
void gmail_metadata_query(struct text *path, char *const *headers);

/* ---- the operations (provider.h) --------------------------------------------------------------
 */

bool gmail_oauth(const struct rider_host *host, enum rider_access access,
                 struct rider_oauth *oauth);
void gmail_oauth_failure(const char *error, const char *suberror, const char *description,
                         struct rider_failure *failure);
void gmail_identify(struct rider_session *, struct rider_op *);
void gmail_stage(struct rider_session *, struct rider_op *, const struct rider_message *);
void gmail_send(struct rider_session *, struct rider_op *, const struct rider_message *);
void gmail_find(struct rider_session *, struct rider_op *, const struct rider_message *);
void gmail_discard(struct rider_session *, struct rider_op *, const struct rider_message *);
void gmail_list(struct rider_session *, struct rider_op *, const struct rider_query *);
void gmail_read(struct rider_session *, struct rider_op *, const char *provider_id);
void gmail_label(struct rider_session *, struct rider_op *, const struct rider_label_change *);
void gmail_cancel(struct rider_session *, struct rider_op *);

/* A staged message's provider_id is "draft:" and the draft's id; a sent one's is the message id. */
#define GMAIL_DRAFT "draft:"
const char *gmail_draft_id(const char *provider_id); /* NULL: it is no draft's */

/* The labels of the session, by path and id; gmail/label.c. */
const struct wire_label *gmail_label_by_path(const struct rider_session *session, const char *path);
const struct wire_label *gmail_label_by_id(const struct rider_session *session, const char *id);
void gmail_labels_recall(struct rider_session *session);
bool gmail_labels_take(struct rider_session *session, const struct rider_http_response *response);
#endif
