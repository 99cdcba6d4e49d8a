/* provider/session.h: an open mailbox at its provider, and the operations on it.
 *
 * A session is the host's and survives reloads of its plugin; budgets and what it remembers stay
 * with it. All of it is for the loop thread. */
#ifndef PROVIDER_SESSION_H
#define PROVIDER_SESSION_H
#include "base/buf.h"
#include "postrider/ext/push.h"
#include "provider/provider.h"

#include <stdbool.h>
#include <stdint.h>

struct provider_session;
struct provider_op;

/* -- sessions --------------------------------------------------------------------------------- */
struct provider_mailbox_info { /* copied                                          */
    uint64_t mailbox;          /* asked of the credential source                  */
    const char *address;
    enum rider_access access;
    const char *const *granted; /* scopes as granted; NULL counts as an empty list */
    int64_t connected_at;
    const char *tenant;          /* or NULL                                         */
    const char *const *settings; /* "key", "value", ..., NULL: the mailbox's own, which win
                                    over the provider's; or NULL        */
};

/* Where recall and remember keep things: at most 4 KiB a key, to be sealed by the keeper. put is
 * handed a value of length 0 to forget a key. Members may be NULL: then only memory remembers. */
struct provider_memory {
    void *arg;
    bool (*get)(void *arg, const char *key, struct buf *value); /* false: nothing there      */
    void (*put)(void *arg, const char *key, struct bytes value);
    /* Told in a turn of their own; none of them may close the session. */
    void (*can_changed)(void *arg); /* what provider_session_can says may be new             */
    void (*hint)(void *arg);        /* something is new: list soon; comes as often as it likes */
    void (*lost)(void *arg);        /* no watch stands (any more): ask for one               */
};

/* -ENOENT: no such provider. -ECONNREFUSED: the plugin would not open it; error says why. */
int provider_session_open(struct provider_set *set, const char *provider,
                          const struct provider_mailbox_info *info,
                          const struct provider_memory *memory, struct buf *error,
                          struct provider_session **session_r);
/* Cancels what is in flight, lets it end (each operation still gets its `done`), closes the
 * mailbox at the plugin and frees the session; then closed(arg), on the loop, never inside this.
 * closed may be NULL. No operation may be started on it from here on. */
void provider_session_close(struct provider_session *session, void (*closed)(void *arg), void *arg);

/* RIDER_CAN_..., with the scopes really granted, by the generation that is live now; at less than
 * full access no READ and no REPORT, at SEND nothing but SEND, STAGE and FILE, whatever it says. */
uint32_t provider_session_can(struct provider_session *session);
uint32_t provider_session_settle(const struct provider_session *session); /* ms           */
/* The limits that are kept, config and plugin merged; 0: none of that sort. */
void provider_session_limits(const struct provider_session *session, struct rider_limits *limits_r);
/* The wall time from which the limits let another send begin; 0: at once. A send
 * begun before that is THROTTLED without having reached the plugin. */
int64_t provider_session_send_at(const struct provider_session *session);
const char *provider_session_provider(const struct provider_session *session); /* its name */
size_t provider_session_busy(const struct provider_session *session); /* operations in flight */

/* -- operations ------------------------------------------------------------------------------
 * Each ends with exactly one `done`, on the loop, never inside the call that started it: by the
 * plugin, or by the host at its deadline (timeout, in real ms; 0: 60 s) after a `cancel` and a
 * short grace. Message parts are copied; of a query or a label change nothing is kept.
 *
 * What the host decides, whatever the plugin said (postrider/failure.h):
 *   - a failed send of which a request other than GET or HEAD left this machine without a 2xx or
 *     4xx coming back is UNCERTAIN, and so is one whose answer could not be read (BROKEN);
 *   - a failed send whose committing bytes (ext/stream.h) left on a line without the plugin having
 *     said that they were answered is UNCERTAIN; what has not left by then never will;
 *   - an unknown kind, a malformed answer, or an end at the deadline is UNCERTAIN for a send that
 *     left, else TRANSIENT; a success that makes no sense is UNCERTAIN for a send, else BROKEN;
 *   - where a token or login could not be had, the failure is the credential source's.
 * What the mailbox can't do now ends as UNSUPPORTED without reaching the plugin. */
struct provider_result {                   /* lent during `done`, as all it points to  */
    const struct rider_failure *failure;   /* NULL: it worked                          */
    const struct rider_identity *identity; /* identify                                */
    const struct rider_sent *sent;         /* stage, send, find; also file              */
    const struct rider_page *page;         /* list                                     */
    const struct rider_body *body;         /* read                                     */
    const struct rider_labelled *labelled; /* label                                   */
    const struct rider_watched *watched;   /* watch                                   */
    bool left; /* a request that may have changed something left this machine and got neither
                  2xx nor 4xx, or what commits left on a line and was not answered; also set
                  where the operation worked in the end                                  */
};
typedef void provider_done_fn(void *arg, const struct provider_result *result);
/* false: not taken, and the page's cursor will not cover it. The reply is of full size and lent
 * during the call. May be called any number of times before done. */
typedef bool provider_item_fn(void *arg, const struct rider_reply *reply);

/* Structs handed in must have their size set; lists end in NULL. */
struct provider_op *provider_identify(struct provider_session *session, uint32_t timeout,
                                      provider_done_fn *done, void *arg);
struct provider_op *provider_stage(struct provider_session *session,
                                   const struct rider_message *message, uint32_t timeout,
                                   provider_done_fn *done, void *arg);
struct provider_op *provider_send(struct provider_session *session,
                                  const struct rider_message *message, uint32_t timeout,
                                  provider_done_fn *done, void *arg);
/* Failure ABSENT: looked, and it is neither in drafts nor in Sent nor in trash; that proves
 * something only with RIDER_CAN_FIND. */
/* The same, but nothing leaves that may send it (a request other than GET or HEAD; bytes of a line
 * that commit) before `leaving` was told, once and with `arg`, and provider_let_go was called. */
typedef void provider_leaving_fn(void *arg, struct provider_op *op);
struct provider_op *provider_send_held(struct provider_session *session,
                                       const struct rider_message *message, uint32_t timeout,
                                       provider_leaving_fn *leaving, provider_done_fn *done,
                                       void *arg);
void provider_let_go(struct provider_op *op); /* before its `done`, and never inside `leaving` */
struct provider_op *provider_find(struct provider_session *session,
                                  const struct rider_message *message, uint32_t timeout,
                                  provider_done_fn *done, void *arg);
/* With the mail's bytes in rfc5322. `sent` is there where the plugin said what the copy's id is. */
struct provider_op *provider_file(struct provider_session *session,
                                  const struct rider_message *message, uint32_t timeout,
                                  provider_done_fn *done, void *arg);
struct provider_op *provider_discard(struct provider_session *session,
                                     const struct rider_message *message, uint32_t timeout,
                                     provider_done_fn *done, void *arg);
struct provider_op *provider_list(struct provider_session *session, const struct rider_query *query,
                                  provider_item_fn *item, uint32_t timeout, provider_done_fn *done,
                                  void *arg);
struct provider_op *provider_read(struct provider_session *session, const char *provider_id,
                                  uint32_t timeout, provider_done_fn *done, void *arg);
struct provider_op *provider_label(struct provider_session *session,
                                   const struct rider_label_change *change, uint32_t timeout,
                                   provider_done_fn *done, void *arg);
/* Asks for a quick end; `done` still comes, once (CANCELLED, or however it went). The handle is
 * good until `done` was called. */
void provider_cancel(struct provider_op *op);

/* -- push (postrider/ext/push.h) ---------------------------------------------------------------
 * Whether the generation that is live now offers it. After a reload `lost` is told, whether or not
 * the new one does: what the old one watched ended with it. */
bool provider_session_pushes(const struct provider_session *session);
/* url: where notices for this mailbox come in, or NULL. UNSUPPORTED: here is no push. */
struct provider_op *provider_watch(struct provider_session *session, const char *url,
                                   uint32_t timeout, provider_done_fn *done, void *arg);
struct provider_op *provider_unwatch(struct provider_session *session, uint32_t timeout,
                                     provider_done_fn *done, void *arg);
/* Hands over what came to that url; the answer's strings are lent until the caller returns to the
 * loop, and its status is an HTTP one. -ENOTSUP: this provider wants no notices. */
int provider_notice(struct provider_session *session, const struct rider_notice *notice,
                    struct rider_notice_answer *answer_r);

/* A word for a failure's kind and scope, for logs and people: "throttled", "mailbox". */
const char *provider_kind_name(int32_t kind);
const char *provider_scope_name(int32_t scope);
#endif
