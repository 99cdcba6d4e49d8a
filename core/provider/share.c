/* provider/share.c: limits that mailboxes share: all of a provider's, and those of one tenant. */
#include "provider/private.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { DAY_MS = 24 * 60 * 60 * 1000 };

/* -- one share -------------------------------------------------------------------------------- */
static void share_limit(struct share *share, const struct rider_limits *limits)
{
    share->limits = *limits;
    budget_set(&share->units, limits->units, limits->per_ms ? limits->per_ms : 1000);
    budget_set(&share->sends, limits->sends_per_minute, 60 * 1000);
    budget_set(&share->recipients, limits->recipients_per_day, DAY_MS);
}

static void share_finish(struct share *share)
{
    budget_finish(&share->units);
    budget_finish(&share->sends);
    budget_finish(&share->recipients);
}

/* -- tenants ---------------------------------------------------------------------------------- */
static void tenant_limit(struct tenant *tenant)
{
    const struct provider *provider = tenant->provider;

    share_limit(&tenant->share, &provider->tenant_limits);
    budget_set(&tenant->external, provider->tenant_external, DAY_MS);
}

/* What its mailboxes spent is known as long as the provider is, whoever is open just now. */
struct tenant *tenant_of(struct provider *provider, const char *name)
{
    struct tenant *tenant = name && *name ? map_get_str(&provider->tenants, name) : NULL;

    if (tenant || !name || !*name)
        return tenant;
    tenant = mem_new(sizeof(*tenant));
    tenant->provider = provider;
    tenant_limit(tenant);
    map_put_str(&provider->tenants, name, tenant);
    return tenant;
}

static void tenant_free(void *arg)
{
    struct tenant *tenant = arg;

    share_finish(&tenant->share);
    budget_finish(&tenant->external);
    free(tenant);
}

/* -- a provider's ----------------------------------------------------------------------------- */
static int read_external(char *const *settings, uint32_t *external_r, struct buf *error)
{
    static const char key[] = "limits.tenant.external_per_day";
    const char *text = settings_get((const char *const *)settings, key);
    uint64_t value = 0;

    if (text && (!text_u64(text, &value) || value > UINT32_MAX)) {
        buf_printf(error, "%s is '%s': write a whole number (0: no limit)", key, text);
        return -EINVAL;
    }
    *external_r = (uint32_t)value;
    return 0;
}

int provider_limits(struct provider *provider, char *const *settings, struct buf *error)
{
    const char *const *list = (const char *const *)settings;
    struct rider_limits all = {.size = sizeof(all)}, tenant = {.size = sizeof(tenant)};
    uint32_t external;
    struct tenant *each;
    size_t at = 0;
    int r = limits_read(list, "limits.provider.", &all, error);

    if (r >= 0)
        r = limits_read(list, "limits.tenant.", &tenant, error);
    if (r >= 0)
        r = read_external(settings, &external, error);
    if (r < 0)
        return r;
    share_limit(&provider->share, &all);
    provider->tenant_limits = tenant;
    provider->tenant_external = external;
    while ((each = map_next(&provider->tenants, &at, NULL, NULL)))
        tenant_limit(each);
    return 0;
}

void provider_limits_finish(struct provider *provider)
{
    share_finish(&provider->share);
    map_finish(&provider->tenants, tenant_free);
}

/* -- who goes abroad -------------------------------------------------------------------------- */
static const char *domain_of(const char *address)
{
    const char *at = address ? strrchr(address, '@') : NULL;

    return at ? at + 1 : "";
}

/* The provider counts by the tenant's accepted domains, which nobody tells us: the sender's own is
 * one of them, so this counts no less. */
bool tenant_goes_out(const struct rider_message *message)
{
    return strcasecmp(domain_of(message->from), domain_of(message->to)) != 0;
}
