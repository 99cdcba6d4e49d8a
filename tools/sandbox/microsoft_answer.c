/* sandbox/microsoft_answer.c: what Graph's answers have in common, and what it lets through. */
#include "sandbox/microsoft_graph.h"

#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { MINUTE = 60 * 1000 };

void ms_ok(struct ms_call *call, int status, struct json_object *object)
{
    sbx_response_json(call->response, status, object);
}

void ms_done(struct ms_call *call, int status)
{
    call->response->status = status;
}

void ms_fail(struct sbx_response *response, int status, const char *code, const char *message)
{
    struct json_object *answer = json_object_new_object(), *error = json_object_new_object();
    char when[32];

    sbx_json_put(error, "code", code);
    sbx_json_put(error, "message", message);
    if (ms_state()->settings.inner_error) { /* the contract has an empty object there */
        struct json_object *inner = json_object_new_object();
        auto_free char *id = ms_guid("request", world_random());

        sbx_json_put(inner, "code", code);
        sbx_json_put(inner, "date", ms_time(world_now(), when));
        sbx_json_put(inner, "request-id", id);
        json_object_object_add(error, "innerError", inner);
    }
    json_object_object_add(answer, "error", error);
    sbx_response_json(response, status, answer);
}

void ms_not_found(struct ms_call *call)
{
    ms_fail(call->response, 404, "ErrorItemNotFound",
            "The specified object was not found in the store.");
}

void ms_throttled(struct sbx_response *response, const char *code, const char *message,
                  int64_t seconds)
{
    auto_free char *text = mem_printf("%lld", (long long)(seconds > 0 ? seconds : 1));

    sbx_response_header(response, "retry-after", text);
    ms_fail(response, 429, code, message);
}

char *ms_parameter(const struct ms_call *call, const char *name)
{
    return sbx_parameter(call->request->query, name, 0);
}

/* Where the client comes in: links lead back there. */
static char *link_base(const struct ms_call *call)
{
    const struct ms_settings *settings = &ms_state()->settings;

    if (settings->link_foreign)
        return mem_str("https://graph.elsewhere.example");
    if (settings->link_base)
        return mem_str(settings->link_base);
    return mem_printf("%s://%s", call->request->secure ? "https" : "http",
                      call->request->host ? call->request->host : "localhost");
}

char *ms_link(const struct ms_call *call, const char *path)
{
    auto_free char *base = link_base(call);

    return mem_printf("%s%s", base, path);
}

void ms_context(const struct ms_call *call, struct json_object *object, const char *what)
{
    auto_free char *base = link_base(call);
    auto_free char *text =
        mem_printf("%s/v1.0/$metadata#users('%s')/%s", base, call->account->oid, what);

    sbx_json_put(object, "@odata.context", text);
}

/* -- limits ----------------------------------------------------------------------------------- */

/* Requests that take their time (microsoft.throttle, latency_ms) are under way until then. */
static bool busy_take(struct ms_account *account)
{
    const struct ms_settings *settings = &ms_state()->settings;
    int64_t now = world_real(), busy = 0;
    size_t slot = ARRAY_LEN(account->busy);

    if (settings->latency <= 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(account->busy); i++) {
        if (account->busy[i] > now)
            busy++;
        else
            slot = i;
    }
    if (busy >= settings->concurrency || slot == ARRAY_LEN(account->busy))
        return false;
    account->busy[slot] = now + settings->latency;
    return true;
}

bool ms_throttle_take(const struct ms_account *of, struct sbx_response *response)
{
    struct ms_account *account = ms_account_get(of->address);
    struct ms_settings *settings = &ms_state()->settings;

    if (settings->every > 0 && ++settings->every_at % settings->every == 0) {
        ms_throttled(response, "ApplicationThrottled", "Application is throttled.",
                     settings->retry_after);
        return false;
    }
    if (ms_window_count(&account->requests, 10 * (int64_t)MINUTE) >= settings->request_limit) {
        ms_throttled(
            response, "ApplicationThrottled",
            "Application is over its request limit for this mailbox.",
            (ms_window_oldest(&account->requests) + 10 * (int64_t)MINUTE - world_now() + 999) /
                1000);
        return false;
    }
    if (!busy_take(account)) {
        ms_throttled(response, "ApplicationThrottled",
                     "Application is over its MailboxConcurrency limit.", settings->retry_after);
        return false;
    }
    ms_window_add(&account->requests);
    response->hold_ms = settings->latency;
    return true;
}

bool ms_send_limit(struct ms_call *call, size_t recipients)
{
    struct ms_account *account = call->account;

    if (ms_window_count(&account->sends, MINUTE) >= account->minute_limit) {
        ms_throttled(call->response, "ErrorMessageThrottled",
                     "The mailbox sends more messages a minute than it may.",
                     (ms_window_oldest(&account->sends) + MINUTE - world_now() + 999) / 1000);
        return false;
    }
    if (ms_window_count(&account->recipients, SBX_DAY) + recipients > account->recipient_limit) {
        ms_throttled(call->response, "ErrorExceededMessageLimit",
                     "The mailbox has reached its limit of recipients a day.",
                     (ms_window_oldest(&account->recipients) + SBX_DAY - world_now() + 999) / 1000);
        return false;
    }
    ms_window_add(&account->sends);
    for (size_t i = 0; i < recipients; i++)
        ms_window_add(&account->recipients);
    return true;
}
