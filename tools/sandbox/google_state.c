/* sandbox/google_state.c: what the Google side knows: settings, accounts, and small helpers. */
#include "sandbox/google_state.h"

#include "sandbox/google_mailbox.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

struct google *google_state(void)
{
    static struct google state = {
        .settings =
            {
                .token_lifetime = 3600 * 1000,
                .history_horizon = 7 * SBX_DAY,
                .history_start = 1000,
            },
    };

    return &state;
}

struct google_account *google_account_get(const char *address)
{
    auto_free char *lower = sbx_lower(address ? address : "");

    return map_get_str(&google_state()->accounts, lower);
}

struct google_account *google_account_new(const char *address, const char *name)
{
    struct google_account *account = mem_new(sizeof(*account));
    uint64_t hash;

    account->address = sbx_lower(address);
    hash = sbx_hash(7, account->address, 0);
    account->name = mem_str(name);
    account->sub = mem_printf("1%020llu", (unsigned long long)hash);
    account->send_limit = 2000;
    google_mailbox_init(account);
    map_put_str(&google_state()->accounts, account->address, account);
    return account;
}

bool google_account_owns(const struct google_account *account, const char *address)
{
    if (text_same(account->address, address))
        return true;
    for (size_t i = 0; i < account->alias_count; i++)
        if (account->aliases[i].accepted && text_same(account->aliases[i].address, address))
            return true;
    return false;
}

struct google_account *google_account_behind(const char *address)
{
    struct google_account *account = google_account_get(address);
    size_t at = 0;

    if (account || !address)
        return account;
    while ((account = map_next(&google_state()->accounts, &at, NULL, NULL)))
        if (google_account_owns(account, address))
            break;
    return account;
}
