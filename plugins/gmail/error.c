/* gmail/error.c: what Gmail's errors mean: kind, scope, what must wait, and for how long.
 *
 * developers.google.com/workspace/gmail/api/guides/handle-errors. Google's own message is read for
 * what it is about and never repeated: it can quote a mail. */
#include "gmail.h"

#include <stdarg.h>
#include <string.h>

void gmail_failure_say(struct gmail_failure *failure, enum rider_kind kind, enum rider_scope scope,
                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    failure_write(&failure->failure, failure->detail, sizeof(failure->detail), kind, scope, format,
                  args);
    va_end(args);
}

/* From the header or from the text, the later one; -1: none. */
static int64_t hint(const struct rider_host *host, const struct rider_http_response *response,
                    const struct wire_error *error)
{
    int64_t now = host->wall_clock(host), wait = retry_after(host, response);

    return error->retry_at && error->retry_at - now > wait ? error->retry_at - now : wait;
}

static bool is_reason(const struct wire_error *error, const char *reasons)
{
    size_t len = strlen(error->reason);

    for (const char *at = reasons; len && *at; at += strcspn(at, " "), at += *at == ' ') {
        if (strcspn(at, " ") == len && strncmp(at, error->reason, len) == 0)
            return true;
    }
    return false;
}

static void throttled(struct gmail_failure *out, const char *method, enum gmail_doing doing,
                      const struct wire_error *error)
{
    /* A sending limit lasts up to a day, and nothing but sending has to wait for it. */
    bool sending =
        doing == GMAIL_SENDING && (error->sending || is_reason(error, "dailyLimitExceeded"));

    if (sending)
        gmail_failure_say(out, RIDER_THROTTLED, RIDER_MAILBOX,
                          "this mailbox has reached Gmail's sending limit; sending goes on when "
                          "Gmail allows it again");
    else
        gmail_failure_say(out, RIDER_THROTTLED, RIDER_MAILBOX, "Gmail asks to slow down (%s to %s)",
                          error->reason[0] ? error->reason : "429", method);
    out->failure.holds = sending ? RIDER_HOLDS_SEND : HOLDS_ALL;
}

static void refused_403(struct gmail_failure *out, const char *method, enum gmail_doing doing,
                        const struct wire_error *error)
{
    if (is_reason(error, "rateLimitExceeded userRateLimitExceeded dailyLimitExceeded "
                         "quotaExceeded RATE_LIMIT_EXCEEDED")) {
        throttled(out, method, doing, error);
    } else if (is_reason(error, "domainPolicy")) {
        gmail_failure_say(out, RIDER_AUTH, RIDER_TENANT,
                          "the administrator of this account's domain has turned this access off: "
                          "ask them to allow the application");
        out->failure.holds = HOLDS_ALL;
    } else if (is_reason(error, "accessNotConfigured SERVICE_DISABLED")) {
        gmail_failure_say(out, RIDER_TRANSIENT, RIDER_SERVICE,
                          "the Gmail API is not enabled in the Google Cloud project of this "
                          "client_id: enable it in the project's console");
        out->failure.holds = HOLDS_ALL;
    } else if (error->metadata) {
        gmail_failure_say(out, RIDER_UNSUPPORTED, RIDER_MAILBOX,
                          "the granted access (gmail.metadata) does not allow %s", method);
    } else if (error->no_scope || is_reason(error, "insufficientPermissions "
                                                   "ACCESS_TOKEN_SCOPE_INSUFFICIENT")) {
        gmail_failure_say(out, RIDER_AUTH, RIDER_MAILBOX,
                          "the grant of this mailbox does not reach %s: sign in again and leave "
                          "every box ticked",
                          method);
        out->failure.holds = doing == GMAIL_SENDING     ? RIDER_HOLDS_SEND
                             : doing == GMAIL_LABELLING ? RIDER_HOLDS_LABEL
                                                        : RIDER_HOLDS_LIST;
    } else {
        gmail_failure_say(out, RIDER_PERMANENT, RIDER_MESSAGE, "Gmail refused %s (403 %s)", method,
                          error->reason[0] ? error->reason : "without a reason");
    }
}

static void refused_4xx(struct gmail_failure *out, const char *method, int32_t status,
                        const struct wire_error *error)
{
    if (error->no_mail) {
        gmail_failure_say(
            out, RIDER_AUTH, RIDER_MAILBOX,
            "this Google account has no Gmail: connect another account, or turn Gmail "
            "on for it");
        out->failure.holds = HOLDS_ALL;
    } else if (is_reason(error, "failedPrecondition")) {
        gmail_failure_say(out, RIDER_PERMANENT, RIDER_MAILBOX,
                          "Gmail refused %s (400 failedPrecondition): the account may be suspended "
                          "or have no Gmail; sign in to it in a browser and look",
                          method);
        out->failure.holds = HOLDS_ALL;
    } else if (error->recipient) {
        gmail_failure_say(out, RIDER_PERMANENT, RIDER_RECIPIENT,
                          "Gmail does not take the recipient's address (400 %s)",
                          error->reason[0] ? error->reason : "");
    } else {
        gmail_failure_say(out, RIDER_PERMANENT, RIDER_MESSAGE, "Gmail refused %s (%d %s)", method,
                          status, error->reason[0] ? error->reason : "without a reason");
    }
}

static void no_answer(struct gmail_failure *out, const char *method, bool uncertain,
                      const struct rider_http_response *response)
{
    gmail_failure_say(out, uncertain ? RIDER_UNCERTAIN : RIDER_TRANSIENT, RIDER_SERVICE,
                      "no answer to %s: %s", method,
                      response->error ? response->error : "the connection broke");
}

void gmail_failure_read(const struct rider_host *host, const char *method, enum gmail_doing doing,
                        const struct rider_http_response *response, struct gmail_failure *failure)
{
    struct wire_error error;
    int32_t status = response->status;

    wire_error_read(&error, response->body.data, response->body.len);
    if (status == 0) {
        no_answer(failure, method, doing == GMAIL_SENDING && response->sent, response);
    } else if (status == 401) {
        gmail_failure_say(failure, RIDER_AUTH, RIDER_MAILBOX,
                          "Gmail no longer takes this mailbox's grant (401 to %s): sign in again",
                          method);
        failure->failure.holds = HOLDS_ALL;
    } else if (status == 403) {
        refused_403(failure, method, doing, &error);
    } else if (status == 404 || status == 410) {
        gmail_failure_say(failure, RIDER_ABSENT, RIDER_MESSAGE, "%s: Gmail has no such thing",
                          method);
    } else if (status == 429) {
        throttled(failure, method, doing, &error);
    } else if (status == 413) {
        gmail_failure_say(failure, RIDER_PERMANENT, RIDER_MESSAGE,
                          "the mail is larger than Gmail takes");
    } else if (status == 408 || status == 409 || status == 412) {
        gmail_failure_say(failure, RIDER_TRANSIENT, RIDER_MESSAGE,
                          "%s met a change made at the same time (%d)", method, status);
    } else if (status >= 400 && status < 500) {
        refused_4xx(failure, method, status, &error);
    } else if (status >= 500) { /* it may have been taken all the same */
        gmail_failure_say(failure, doing == GMAIL_SENDING ? RIDER_UNCERTAIN : RIDER_TRANSIENT,
                          RIDER_SERVICE, "Gmail is in trouble (%d to %s)", status, method);
        failure->failure.holds = HOLDS_ALL;
    } else {
        gmail_failure_say(failure, doing == GMAIL_SENDING ? RIDER_UNCERTAIN : RIDER_BROKEN,
                          RIDER_SERVICE, "Gmail answered %s with %d, which it never should", method,
                          status);
    }
    failure->failure.code = status;
    failure->failure.retry_after = hint(host, response, &error);
}
