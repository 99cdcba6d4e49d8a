/* sandbox/microsoft_state.c: what the Microsoft side knows: settings, tenants, accounts. */
#include "sandbox/microsoft_state.h"

#include "sandbox/microsoft_mailbox.h"
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The tenant of all personal accounts. */
static const char personal_id[] = "9188040d-6c67-4c5b-b112-36a304b66dad";
static const char *const personal_domains[] = {"outlook.com", "hotmail.com", "live.com"};

struct microsoft *ms_state(void)
{
    static struct microsoft state = {
        .settings =
            {
                .token_lifetime = 3900 * 1000,
                .refresh_lifetime = 90 * SBX_DAY,
                .sent_lag = 1500,
                .share_subject = true,
                .drift = 0.125,
                .delta_horizon = 14 * SBX_DAY,
                .concurrency = 4,
                .retry_after = 5,
                .request_limit = 10000,
            },
    };

    return &state;
}

char *ms_guid(const char *text, uint64_t n)
{
    uint64_t one = sbx_hash(31, text, n), other = sbx_hash(32, text, n);

    return mem_printf("%08x-%04x-4%03x-%04x-%012llx", (unsigned)(one >> 32),
                      (unsigned)(one >> 16 & 0xffff), (unsigned)(one & 0xfff),
                      (unsigned)(other >> 48 & 0x3fff) | 0x8000,
                      (unsigned long long)(other & 0xffffffffffff));
}

char *ms_time(int64_t ms, char *text)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return text;
}

/* -- windows ---------------------------------------------------------------------------------- */

size_t ms_window_count(struct ms_window *window, int64_t length)
{
    while (window->first < window->count && window->times[window->first] <= world_now() - length)
        window->first++;
    return window->count - window->first;
}

void ms_window_add(struct ms_window *window)
{
    if (window->count == window->room && window->first > window->room / 2) {
        window->count -= window->first;
        memmove(window->times, window->times + window->first,
                window->count * sizeof(*window->times));
        window->first = 0;
    }
    if (window->count == window->room) {
        window->room = window->room ? window->room * 2 : 64;
        window->times = mem_grow(window->times, window->room, sizeof(*window->times));
    }
    window->times[window->count++] = world_now();
}

int64_t ms_window_oldest(const struct ms_window *window)
{
    return window->first < window->count ? window->times[window->first] : world_now();
}

/* -- tenants ---------------------------------------------------------------------------------- */

struct ms_tenant *ms_tenant_get(const char *name)
{
    auto_free char *lower = sbx_lower(name ? name : "");

    return map_get_str(&ms_state()->tenants, lower);
}

static bool is_personal(const char *domain)
{
    for (size_t i = 0; i < ARRAY_LEN(personal_domains); i++)
        if (strcmp(personal_domains[i], domain) == 0)
            return true;
    return false;
}

struct ms_tenant *ms_tenant_of_domain(const char *domain)
{
    struct microsoft *ms = ms_state();
    auto_free char *lower = sbx_lower(domain);
    bool personal = is_personal(lower);
    struct ms_tenant *tenant = map_get_str(&ms->tenants, personal ? personal_id : lower);

    if (tenant)
        return tenant;
    tenant = mem_new(sizeof(*tenant));
    tenant->personal = personal;
    tenant->id = personal ? mem_str(personal_id) : ms_guid(lower, 1);
    tenant->domain = mem_str(personal ? "consumers" : lower);
    tenant->admin_error = mem_str("consent_required");
    map_put_str(&ms->tenants, tenant->id, tenant);
    map_put_str(&ms->tenants, tenant->domain, tenant);
    ms->tenant_list = mem_grow(ms->tenant_list, ms->tenant_count + 1, sizeof(struct ms_tenant *));
    ms->tenant_list[ms->tenant_count++] = tenant;
    return tenant;
}

/* -- accounts --------------------------------------------------------------------------------- */

struct ms_account *ms_account_get(const char *address)
{
    auto_free char *lower = sbx_lower(address ? address : "");

    return map_get_str(&ms_state()->accounts, lower);
}

struct ms_account *ms_account_new(const char *address, const char *name)
{
    struct microsoft *ms = ms_state();
    struct ms_account *account = mem_new(sizeof(*account));

    account->address = sbx_lower(address);
    account->name = mem_str(name ? name : account->address);
    account->mail = mem_str(account->address);
    account->tenant = ms_tenant_of_domain(strrchr(account->address, '@') + 1);
    account->oid = ms_guid(account->address, 2);
    account->sub = sbx_random_text(32);
    account->recipient_limit = 10000;
    account->minute_limit = 30;
    ms_mailbox_init(account);
    map_put_str(&ms->accounts, account->address, account);
    ms->account_list =
        mem_grow(ms->account_list, ms->account_count + 1, sizeof(struct ms_account *));
    ms->account_list[ms->account_count++] = account;
    return account;
}

void ms_account_alias(struct ms_account *account, const char *address)
{
    auto_free char *lower = sbx_lower(address);

    if (!map_get_str(&ms_state()->accounts, lower))
        map_put_str(&ms_state()->accounts, lower, account);
}

bool ms_account_owns(const struct ms_account *account, const char *address)
{
    return ms_account_get(address) == account;
}
