/* engine/engine.h: turns decisions into operations: sends, listings, labels, reconciling.
 *
 * One box per connected mailbox; nothing that one does waits for another. All of it is for the loop
 * thread; the verbs below end with exactly one `done`, later, once what they did is on disk. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H
#include "base/buf.h"
#include "records/records.h"

#include <stdbool.h>
#include <stdint.h>

struct config_daemon;
struct engine;
struct loop;
struct mailboxes;
struct provider_set;
struct seal;
struct store;

struct engine_options { /* lent until engine_free */
    struct loop *loop;
    struct store *store;
    struct seal *seal;
    struct mailboxes *mailboxes;
    struct provider_set *providers;
    const struct config_daemon *config;
    const char *base_url; /* where people reach us; NULL: no public URL, no one-click opt-out */
};
struct engine *engine_new(const struct engine_options *options);
/* Opens the boxes, reconciles what was left in doubt, and begins. */
void engine_start(struct engine *engine);
/* No new work; what is in flight ends (at most `grace` ms), then drained(arg). */
void engine_stop(struct engine *engine, int64_t grace, void (*drained)(void *arg), void *arg);
void engine_free(struct engine *engine); /* after drained; NULL is fine */
/* A mailbox was connected, paused, let go: its box follows. */
void engine_mailbox_changed(struct engine *engine, uint64_t mailbox);
/* Nothing may be sent any more (EIO from a commit). */
void engine_freeze(struct engine *engine);

/* What happened since this process began, and what stands. */
struct engine_tally {
    uint64_t filed, unfiled; /* copies put into Sent; given up */
    uint64_t hints;          /* that providers gave */
    size_t watches;          /* mailboxes whose provider would say so now */
};
void engine_tally(const struct engine *engine, struct engine_tally *tally_r);

/* done: 0 and, where there is one, the id; or a negative errno and a sentence. Text is lent. */
typedef void engine_done(void *arg, int status, uint64_t id, const char *text);

struct rider_notice;
struct rider_notice_answer;
/* What came to a mailbox's address for notices (postrider/ext/push.h), at once: the answer is lent
 * until the loop is returned to. -ENOENT: it is no such address, or that mailbox is not worked;
 * -ENOTSUP: its provider wants none. */
int engine_notice(struct engine *engine, const char *provider, const char *token,
                  const struct rider_notice *notice, struct rider_notice_answer *answer_r);

/* -- campaigns --------------------------------------------------------------------------- */
/* From its YAML; every mistake in `text`, a line each, when -EINVAL. Starts as a draft. */
void engine_campaign_create(struct engine *engine, const char *file, struct bytes yaml,
                            engine_done *done, void *arg);
/* What is not sent yet follows the new text; what was sent stays as it was. */
void engine_campaign_edit(struct engine *engine, uint64_t campaign, const char *file,
                          struct bytes yaml, engine_done *done, void *arg);
/* Refused with what is missing: a mailbox that isn't active or can't do what is asked, variables
 * that a person lacks, no people. Starts again what was paused. */
void engine_campaign_start(struct engine *engine, uint64_t campaign, engine_done *done, void *arg);
void engine_campaign_pause(struct engine *engine, uint64_t campaign, engine_done *done, void *arg);
void engine_campaign_remove(struct engine *engine, uint64_t campaign, engine_done *done, void *arg);

/* People, streamed: feed bytes as they come; `full` says to wait until drained(arg) is called. */
struct engine_import;
int engine_import_new(struct engine *engine, uint64_t campaign, void (*drained)(void *arg),
                      void *arg, struct engine_import **import_r, struct buf *error);
void engine_import_feed(struct engine_import *import, const void *data, size_t len, bool *full_r);
/* Ends it and frees it. done's text is JSON: {"rows", "enrolled", "known" (in this campaign
 * already), "suppressed", "rejected": n, "reasons": [{"row", "why"}, at most 1000]}. -EINVAL: no
 * usable header. */
void engine_import_finish(struct engine_import *import, engine_done *done, void *arg);
void engine_import_abort(struct engine_import *import);

/* -- people ------------------------------------------------------------------------------ */
/* An address, or "@domain": never mail again; stops what is running. */
void engine_suppress(struct engine *engine, const char *what, const char *why, engine_done *done,
                     void *arg);
void engine_unsuppress(struct engine *engine, const char *what, engine_done *done, void *arg);
/* One-click opt-out of a message (POST of its link). */
void engine_unsubscribe(struct engine *engine, uint64_t enrolment, engine_done *done, void *arg);
/* Everything of that person goes but a salted suppression hash and bare counts. */
void engine_erase(struct engine *engine, const char *address, engine_done *done, void *arg);
void engine_reply_mark(struct engine *engine, uint64_t reply, bool interested, engine_done *done,
                       void *arg);
/* What an uncertain message was: sent, or not (then it is planned again). */
void engine_settle(struct engine *engine, uint64_t enrolment, uint16_t step, bool sent,
                   engine_done *done, void *arg);

/* -- answers as JSON, appended to out; -ENOENT: no such thing ------------------------------ */
int engine_status_json(struct engine *engine, struct buf *out);
int engine_campaign_json(struct engine *engine, uint64_t campaign, struct buf *out);
int engine_mailbox_json(struct engine *engine, uint64_t mailbox, struct buf *out);
/* What happened to each message of this person and why; what holds the next one. */
int engine_explain_json(struct engine *engine, const char *address, struct buf *out);
/* Every message with its planned time, by the code that sends: people after `after` (an enrolment's
 * id), at most `limit` of them. */
int engine_preview_json(struct engine *engine, uint64_t campaign, uint64_t after, size_t limit,
                        struct buf *out, struct buf *error);
#endif
