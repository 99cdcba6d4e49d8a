/* sandbox/google_quota.c: units a minute and messages a day, in virtual time. */
#include "sandbox/google_api.h"

#include "sandbox/world.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"

#include <string.h>

enum { NEW_PER_MINUTE = 6000, OLD_PER_MINUTE = 15000, MINUTE = 60 * 1000 };

static struct {
    bool on, old_project, retry_after;
    uint64_t per_minute;
    int status;
    struct map costs; /* what google.quota changed; a pointer is the cost plus 1 */
} quota = {.on = true, .retry_after = false, .per_minute = NEW_PER_MINUTE, .status = 403};

static uint64_t cost_of(const struct google_method *method)
{
    void *changed = map_get_str(&quota.costs, method->name);

    if (changed)
        return (uint64_t)(uintptr_t)changed - 1;
    return (uint64_t)(quota.old_project ? method->cost_old : method->cost_new);
}

bool google_quota_take(struct google_call *call)
{
    struct google_account *account = call->account;
    int64_t now = world_now(), minute = now / MINUTE;
    uint64_t cost = cost_of(call->method);

    if (!quota.on)
        return true;
    if (account->quota_minute != minute) {
        account->quota_minute = minute;
        account->quota_used = 0;
    }
    if (account->quota_used + cost <= quota.per_minute) {
        account->quota_used += cost;
        return true;
    }
    if (quota.retry_after) {
        auto_free char *seconds =
            mem_printf("%lld", (long long)((minute + 1) * MINUTE - now + 999) / 1000);

        sbx_response_header(call->response, "retry-after", seconds);
    }
    google_fail(call->response, quota.status, "rateLimitExceeded",
                "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per "
                "user' of service 'gmail.googleapis.com'.");
    return false;
}

bool google_send_limit(struct google_call *call)
{
    struct google_account *account = call->account;
    int64_t now = world_now();

    while (account->send_first < account->send_count &&
           account->sends[account->send_first] <= now - SBX_DAY)
        account->send_first++;
    if (account->send_count - account->send_first >= account->send_limit) {
        int64_t first = account->send_limit > 0 ? account->sends[account->send_first] : now;
        char when[32];
        auto_free char *text = mem_printf("User-rate limit exceeded.  Retry after %s",
                                          clock_text(first + SBX_DAY, when));

        google_fail(call->response, 429, "rateLimitExceeded", text);
        return false;
    }
    if (account->send_count == account->send_room && account->send_first > account->send_room / 2) {
        account->send_count -= account->send_first;
        memmove(account->sends, account->sends + account->send_first,
                account->send_count * sizeof(*account->sends));
        account->send_first = 0;
    }
    if (account->send_count == account->send_room) {
        account->send_room = account->send_room ? account->send_room * 2 : 64;
        account->sends = mem_grow(account->sends, account->send_room, sizeof(*account->sends));
    }
    account->sends[account->send_count++] = now;
    return true;
}

struct json_object *google_quota_set(struct json_object *asked)
{
    const char *project = sbx_json_text(asked, "project");
    struct json_object *costs = sbx_json_get(asked, "costs"), *answer;

    if (project) {
        quota.on = strcmp(project, "off") != 0;
        quota.old_project = strcmp(project, "old") == 0;
        quota.per_minute = quota.old_project ? OLD_PER_MINUTE : NEW_PER_MINUTE;
    }
    quota.per_minute = (uint64_t)sbx_json_int(asked, "per_minute", (int64_t)quota.per_minute);
    quota.status = (int)sbx_json_int(asked, "answer", quota.status);
    quota.retry_after = sbx_json_bool(asked, "retry_after", quota.retry_after);
    if (json_object_is_type(costs, json_type_object)) {
        json_object_object_foreach (costs, name, value) {
            map_put_str(&quota.costs, name, (void *)(uintptr_t)(json_object_get_int64(value) + 1));
        }
    }
    answer = json_object_new_object();
    json_object_object_add(answer, "ok", json_object_new_boolean(true));
    sbx_json_put(answer, "project", !quota.on ? "off" : quota.old_project ? "old" : "new");
    json_object_object_add(answer, "per_minute", json_object_new_int64((int64_t)quota.per_minute));
    return answer;
}
