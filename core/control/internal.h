/* control/internal.h: what the handlers share: the daemon's parts, and small ways to ask and
 * answer.
 */
#ifndef CONTROL_INTERNAL_H
#define CONTROL_INTERNAL_H
#include "config/check.h"
#include "control/control.h"
#include "control/exchange.h"
#include "control/listener.h"
#include "records/records.h"

struct control {
    struct control_options options;
    struct listener *api, *people;
    unsigned port;
    char *socket;
};

/* -- the tables, each where its handlers are ---------------------------------------------- */
extern const struct route api_status_routes[], api_mailbox_routes[], api_campaign_routes[],
    api_people_routes[], api_reply_routes[], api_provider_routes[], page_routes[];
extern const struct route *const api_tables[], *const page_tables[];

/* -- asking (ask.c). What is not there, or wrong, was answered when they return false. ------- */
bool ask_mailbox(struct exchange *exchange, uint64_t *id_r);  /* params[0]: id or address */
bool ask_campaign(struct exchange *exchange, uint64_t *id_r); /* params[0]: name or id */
bool ask_id(struct exchange *exchange, uint64_t *id_r);       /* params[0]: a number */
/* The body, a JSON (or YAML) map with no other keys than these; an empty one counts as {}. Ends
 * with request_finish in any case. */
struct request {
    struct mistakes mistakes;
    struct tree *tree;
    struct check root;
};
bool request_read(struct exchange *exchange, const char *const *known, struct request *request);
const char *request_text(struct request *request, const char *key, const char *needed);
/* What is wrong in it, answered; false: something was. */
bool request_good(struct exchange *exchange, struct request *request);
void request_finish(struct request *request);

/* Waits, with "X was not paused" for when it fails. */
void ask_wait(struct exchange *exchange, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* An engine_done or mailbox_done for what has nothing to show but that it was done. */
void answer_done(void *arg, int status, uint64_t id, const char *text);
/* true: answer now that it went well. false: somebody was told why not, or nobody is there. */
bool answer_good(struct exchange *exchange, int status, const char *text);

/* -- lists: {"mailboxes": [...], "next": id} ------------------------------------------------- */
enum { LIST_DEFAULT = 100, LIST_MAX = 1000, LIST_LOOK = 20000 };
bool ask_page(struct exchange *exchange, uint64_t *after_r, size_t *limit_r);
/* Puts a list and where to go on into one object and answers with it. */
void answer_list(struct exchange *exchange, const char *name, struct json_object *list,
                 uint64_t next);
/* A text that is JSON, as a value. */

/* -- JSON (json.c) -------------------------------------------------------------------------- */

/* -- words for what records keep as numbers ------------------------------------------------- */
const char *word_campaign(int32_t status);
const char *word_enrolment(int32_t status);
const char *word_message(int32_t state);
const char *word_reply(int32_t kind);
void words_marks(struct json_object *to, const char *key, uint32_t marks);
#endif
