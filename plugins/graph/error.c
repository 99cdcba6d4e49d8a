/* graph/error.c: what Graph's errors mean: kind, scope, what must wait, and for how long.
 *
 * Codes differ in case from one service to the next, and can stand further inside (facts 4.9).
 * Graph's own message is read for what it is about and never repeated: it can quote a mail. */
#include "graph.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR = 3600000 };

void graph_failure_say(struct graph_failure *failure, enum rider_kind kind, enum rider_scope scope,
                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    failure_write(&failure->failure, failure->detail, sizeof(failure->detail), kind, scope, format,
                  args);
    va_end(args);
}

static void throttled(struct graph_failure *out, const char *method, enum graph_doing doing,
                      const struct wire_error *error)
{
    if (doing == GRAPH_SENDING && error->external) {
        graph_failure_say(out, RIDER_THROTTLED, RIDER_TENANT,
                          "this organisation has reached its limit of recipients outside of it for "
                          "a day; sending goes on when Exchange allows it again");
        out->failure.holds = RIDER_HOLDS_SEND;
    } else if (doing == GRAPH_SENDING && error->submission) {
        graph_failure_say(out, RIDER_THROTTLED, RIDER_MAILBOX,
                          "this mailbox has reached its sending limit; sending goes on when "
                          "Exchange allows it again");
        out->failure.holds = RIDER_HOLDS_SEND;
    } else { /* the whole mailbox waits (facts 4.9) */
        graph_failure_say(out, RIDER_THROTTLED, RIDER_MAILBOX, "Graph asks to go slower (%s to %s)",
                          error->code[0] ? error->code : "429", method);
        out->failure.holds = HOLDS_ALL;
    }
}

static void no_mailbox(struct graph_failure *out)
{
    graph_failure_say(out, RIDER_AUTH, RIDER_MAILBOX,
                      "this Microsoft account has no mailbox in Exchange Online: connect another "
                      "account, or have its administrator give it a licence");
    out->failure.holds = HOLDS_ALL;
}

static bool is_no_mailbox(const struct wire_error *error)
{
    return wire_is_code(error, "MailboxNotEnabledForRESTAPI") ||
           wire_is_code(error, "MailboxNotSupportedForRESTAPI") ||
           wire_is_code(error, "ErrorNonExistentMailbox");
}

/* claims="<base64>" of WWW-Authenticate: what the next sign-in must satisfy (facts 3.4). */
static bool take_claims(struct graph_failure *out, const struct rider_http_response *response)
{
    char *value = wire_block_value(response->headers, "www-authenticate");
    const char *at = value ? text_fold_find(value, "claims=\"") : NULL;
    struct text claims = {0};
    bool good = false;

    if (at && text_unbase64(&claims, at + 8, strcspn(at + 8, "\"")) && claims.len &&
        claims.len < sizeof(out->claims) && !memchr(claims.data, 0, claims.len)) {
        memcpy(out->claims, claims.data, claims.len + 1);
        good = true;
    }
    text_free(&claims);
    free(value);
    return good;
}

static void refused_401(struct graph_failure *out, const char *method,
                        const struct rider_http_response *response)
{
    bool challenged = take_claims(out, response);

    graph_failure_say(out, RIDER_AUTH, RIDER_MAILBOX,
                      challenged ? "Microsoft asks for a new sign-in before it goes on (%s): a "
                                   "policy of the organisation changed, or the account did"
                                 : "Microsoft no longer takes this mailbox's grant (401 to %s): "
                                   "sign in again",
                      method);
    out->failure.claims = challenged ? out->claims : NULL;
    out->failure.holds = HOLDS_ALL;
}

static void refused_403(struct graph_failure *out, const char *method, enum graph_doing doing,
                        const struct wire_error *error)
{
    if (wire_is_code(error, "ErrorSendAsDenied")) {
        graph_failure_say(out, RIDER_PERMANENT, RIDER_MAILBOX,
                          "Exchange does not let this mailbox send as that address "
                          "(ErrorSendAsDenied): have the administrator give it \"Send As\" or "
                          "\"Send on Behalf\" there, or take `as` out of the campaign");
        out->failure.holds = RIDER_HOLDS_SEND;
    } else if (is_no_mailbox(error)) {
        no_mailbox(out);
    } else if (error->external || error->submission || wire_is_code(error, "ErrorQuotaExceeded")) {
        throttled(out, method, doing, error);
    } else if (wire_is_code(error, "ErrorAccessDenied") || wire_is_code(error, "AccessDenied") ||
               wire_is_code(error, "Authorization_RequestDenied")) {
        graph_failure_say(out, RIDER_AUTH, RIDER_MAILBOX,
                          "the grant of this mailbox does not reach %s: sign in again and accept "
                          "everything that is asked for",
                          method);
        out->failure.holds = doing == GRAPH_SENDING     ? RIDER_HOLDS_SEND
                             : doing == GRAPH_LABELLING ? RIDER_HOLDS_LABEL
                                                        : RIDER_HOLDS_LIST;
    } else {
        graph_failure_say(out, RIDER_PERMANENT, RIDER_MESSAGE, "Graph refused %s (403 %s)", method,
                          error->code[0] ? error->code : "without a code");
    }
}

static void refused_4xx(struct graph_failure *out, const char *method, enum graph_doing doing,
                        int32_t status, const struct wire_error *error)
{
    if (is_no_mailbox(error)) {
        no_mailbox(out);
    } else if (error->external || error->submission) {
        throttled(out, method, doing, error);
    } else if (wire_is_code(error, "ErrorInvalidRecipients") ||
               wire_is_code(error, "ErrorInvalidRecipientAddress")) {
        graph_failure_say(out, RIDER_PERMANENT, RIDER_RECIPIENT,
                          "Exchange does not take the recipient's address (%d %s)", status,
                          error->code);
    } else if (wire_is_code(error, "ErrorMessageSizeExceeded") || status == 413) {
        graph_failure_say(out, RIDER_PERMANENT, RIDER_MESSAGE,
                          "the mail is larger than Exchange takes");
    } else if (wire_is_code(error, "ErrorQuotaExceeded")) {
        graph_failure_say(out, RIDER_THROTTLED, RIDER_MAILBOX,
                          "the mailbox is full: have its owner make room in it");
        out->failure.holds = RIDER_HOLDS_SEND;
        out->failure.retry_after = HOUR;
    } else {
        graph_failure_say(out, RIDER_PERMANENT, RIDER_MESSAGE, "Graph refused %s (%d %s)", method,
                          status, error->code[0] ? error->code : "without a code");
    }
}

static void in_trouble(struct graph_failure *out, const char *method, enum graph_doing doing,
                       int32_t status, bool told)
{
    /* It may have been taken all the same: four copies were seen after 504s. */
    enum rider_kind kind = doing == GRAPH_SENDING ? RIDER_UNCERTAIN
                           : told                 ? RIDER_THROTTLED
                                                  : RIDER_TRANSIENT;

    graph_failure_say(out, kind, told ? RIDER_MAILBOX : RIDER_SERVICE,
                      "Graph is in trouble (%d to %s)", status, method);
    out->failure.holds = HOLDS_ALL;
}

static bool is_gone(int32_t status, const struct wire_error *error)
{
    return status == 410 || (error->resync && status >= 400 && status < 500);
}

static void read_4xx(struct graph_failure *out, const char *method, enum graph_doing doing,
                     const struct rider_http_response *response, const struct wire_error *error)
{
    int32_t status = response->status;

    if (is_gone(status, error))
        graph_failure_say(out, RIDER_CURSOR_LOST, RIDER_MAILBOX,
                          "Graph no longer knows where the last reading ended (%s)",
                          error->code[0] ? error->code : "410");
    else if (status == 401)
        refused_401(out, method, response);
    else if (status == 403)
        refused_403(out, method, doing, error);
    else if (status == 404 && !is_no_mailbox(error))
        graph_failure_say(out, RIDER_ABSENT, RIDER_MESSAGE, "%s: Graph has no such thing", method);
    else if (status == 429)
        throttled(out, method, doing, error);
    else if (status == 408 || status == 409 || status == 412 || status == 423 || status == 424)
        graph_failure_say(out, RIDER_TRANSIENT, RIDER_MESSAGE,
                          "%s met a change made at the same time (%d)", method, status);
    else
        refused_4xx(out, method, doing, status, error);
}

void graph_failure_read(const struct rider_host *host, const char *method, enum graph_doing doing,
                        const struct rider_http_response *response, struct graph_failure *failure)
{
    int64_t wait = retry_after(host, response);
    struct wire_error error;

    wire_error_read(&error, response->body.data, response->body.len);
    if (response->status == 0)
        graph_failure_say(
            failure, doing == GRAPH_SENDING && response->sent ? RIDER_UNCERTAIN : RIDER_TRANSIENT,
            RIDER_SERVICE, "no answer to %s: %s", method,
            response->error ? response->error : "the connection broke");
    else if (response->status >= 400 && response->status < 500)
        read_4xx(failure, method, doing, response, &error);
    else if (response->status >= 500)
        in_trouble(failure, method, doing, response->status, wait >= 0);
    else
        graph_failure_say(failure, doing == GRAPH_SENDING ? RIDER_UNCERTAIN : RIDER_BROKEN,
                          RIDER_SERVICE, "Graph answered %s with %d, which it never should", method,
                          response->status);
    failure->failure.code = response->status;
    if (wait >= 0)
        failure->failure.retry_after = wait;
}
