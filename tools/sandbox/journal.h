/* sandbox/journal.h: DIR/requests.log and DIR/receiver.log, and the counts that "stats" tells. */
#ifndef SANDBOX_JOURNAL_H
#define SANDBOX_JOURNAL_H
#include "sandbox/http.h"

#include <json-c/json.h>

int journal_start(const char *requests_path, const char *receiver_path); /* negative errno */
void journal_finish(void);

/* Notes one request and what was answered; `fault` names what was done to it, NULL: nothing.
 * status 0: no answer. Never a body, never Authorization, no token or code of the query. */
void journal_request(const struct sbx_request *request, int status, const char *note,
                     const char *fault);
/* Any other line of requests.log; "at" and "real" are added. Takes `line`. */
void journal_line(struct json_object *line);
void journal_connection(void); /* counts one */

/* Writes what was noted; receiver.log is on the disk afterwards. Called as each turn ends. */
void journal_settle(void);
struct json_object *journal_stats(void); /* a new object */
#endif
