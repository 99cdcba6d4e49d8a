/* graph/graph.h: what the plugin's files share: the session, the job of an operation, failures.
 *
 * All on the loop thread. A job is made when an operation starts and is gone when it is finished;
 * it makes one request at a time. */
#ifndef GRAPH_H
#define GRAPH_H
#include "host.h"
#include "text.h"
#include "wire.h"

#include <postrider/ext/push.h>
#include <postrider/provider.h>

/* ---- the session ------------------------------------------------------------------------------
 */

enum { /* what the granted permissions reach (facts 3.5) */
       GRAPH_MAY_SEND = 1,
       GRAPH_MAY_LIST = 2,   /* messages but their bodies             */
       GRAPH_MAY_READ = 4,   /* bodies, whole mails                   */
       GRAPH_MAY_WRITE = 8,  /* drafts, categories of messages        */
       GRAPH_MAY_MASTER = 16 /* the mailbox's list of categories     */
};
enum { GRAPH_FOLDERS_MAX = 12 };

struct rider_session {
    const struct rider_host *host;
    uint32_t may;
    char *api;         /* URL with the version, without a slash at the end         */
    char *address;     /* the mailbox's own                                        */
    char *color;       /* of categories that we make                               */
    char **folders;    /* the ones that are listed: ids or well-known names        */
    char **categories; /* of the master list, as far as known; ends in NULL    */
    struct graph_job *jobs;
    uint32_t unreadable; /* so many delivery reports were answered with what is none   */
    bool alone;          /* a batch's part was answered 401: the next one goes by itself */
    struct graph_push {  /* the subscription, as remembered                     */
        char *id, *state, *url;
        int64_t expires;
        bool renew; /* asked for by Graph before it is time */
    } push;
    char *answer; /* to Graph's handshake */
};

uint32_t graph_may(const char *const *granted, int32_t access);

/* ---- failures ---------------------------------------------------------------------------------
 */

enum graph_doing { GRAPH_READING, GRAPH_SENDING, GRAPH_LABELLING, GRAPH_CHANGING };
struct graph_failure {
    struct rider_failure failure; /* its detail points to `detail`, its claims to `claims` */
    char detail[400], claims[1024];
};
/* What an answer that is not 2xx means; `method` is what we call the request ("sendMail"). */
void graph_failure_read(const struct rider_host *host, const char *method, enum graph_doing doing,
                        const struct rider_http_response *response, struct graph_failure *failure);
void graph_failure_say(struct graph_failure *failure, enum rider_kind kind, enum rider_scope scope,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- jobs -------------------------------------------------------------------------------------
 */

struct graph_job {
    struct graph_job *next;
    struct rider_session *session;
    struct rider_op *op;
    struct rider_http *http;
    const char *method; /* of the request in flight                            */
    enum graph_doing doing;
    bool batch; /* it is one */
    void (*then)(struct graph_job *, const struct rider_http_response *);
    void (*hurry)(struct graph_job *);   /* ends it without the request; NULL: fails it  */
    void (*release)(struct graph_job *); /* frees what the operation keeps; not the job  */
};
struct graph_request {
    const char *method;   /* a name for failures                          */
    const char *verb;     /* "GET"                                        */
    const char *path;     /* behind the API's version                     */
    const char *type;     /* of the body; NULL: there is none             */
    const char *if_match; /* or NULL                                      */
    const char *prefer;   /* beside the immutable ids; or NULL            */
    const struct text *body;
    uint32_t cost; /* in requests; 0: one                          */
    enum graph_doing doing;
};
typedef void graph_then(struct graph_job *, const struct rider_http_response *);

void *graph_job_new(struct rider_session *session, struct rider_op *op, size_t size,
                    void (*release)(struct graph_job *));
void graph_job_request(struct graph_job *job, const struct graph_request *request,
                       graph_then *then);
void graph_job_get(struct graph_job *job, const char *method, const char *path, graph_then *then);
/* One request where there is one part, else one batch of them. */
void graph_job_parts(struct graph_job *job, const char *method, enum graph_doing doing,
                     struct wire_part *parts, size_t count, graph_then *then);
/* Its answer, into the parts. 0; or -1 and how all of it failed. A part that was not tried since
 * the one before it failed has status 424. */
int graph_parts_take(struct graph_job *job, const struct rider_http_response *response,
                     struct wire_part *parts, size_t count, struct graph_failure *failure);
/* What went wrong with that part. */
void graph_part_failure(struct graph_job *job, const struct wire_part *part,
                        struct graph_failure *failure);
bool graph_ok(const struct rider_http_response *response); /* 2xx */
/* Each of these ends the job: it is freed. */
void graph_job_fail(struct graph_job *job, const struct graph_failure *failure);
void graph_job_fail_with(struct graph_job *job, const struct rider_http_response *response);
void graph_job_broken(struct graph_job *job); /* a 2xx that can't be read */
void graph_job_free(struct graph_job *job);   /* the operation was finished otherwise */
/* For what no granted permission reaches: fails the operation without a job. */
void graph_unsupported(struct rider_session *session, struct rider_op *op, const char *what);

/* ids never change, also when a mail moves (facts 4.1) */
#define GRAPH_PREFER "IdType=\"ImmutableId\""

/* ---- the operations (provider.h) --------------------------------------------------------------
 */

bool graph_oauth(const struct rider_host *host, enum rider_access access,
                 struct rider_oauth *oauth);
void graph_oauth_failure(const char *error, const char *suberror, const char *description,
                         struct rider_failure *failure);
void graph_identify(struct rider_session *, struct rider_op *);
void graph_stage(struct rider_session *, struct rider_op *, const struct rider_message *);
void graph_send(struct rider_session *, struct rider_op *, const struct rider_message *);
void graph_find(struct rider_session *, struct rider_op *, const struct rider_message *);
void graph_discard(struct rider_session *, struct rider_op *, const struct rider_message *);
void graph_list(struct rider_session *, struct rider_op *, const struct rider_query *);
void graph_read(struct rider_session *, struct rider_op *, const char *provider_id);
void graph_label(struct rider_session *, struct rider_op *, const struct rider_label_change *);
void graph_cancel(struct rider_session *, struct rider_op *);
void graph_categories_recall(struct rider_session *session); /* graph/label.c */

extern const struct rider_push graph_push; /* graph/push.c */
void graph_push_recall(struct rider_session *session);
void graph_push_forget(struct rider_session *session); /* frees, no more */
#endif
