/* provider/session.c: a mailbox at its provider, across generations. */
#include "provider/private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>

static void pump(void *session)
{
    session_pump(session);
}

static void copy_info(struct provider_session *session, const struct provider_mailbox_info *info)
{
    static const char *const none[] = {NULL};
    struct arena *arena = &session->arena;

    session->info = (struct provider_mailbox_info){
        .mailbox = info->mailbox,
        .address = arena_text(arena, info->address),
        .access = info->access,
        .granted = arena_list(arena, info->granted ? info->granted : none),
        .connected_at = info->connected_at,
        .tenant = arena_text(arena, info->tenant),
        .settings = arena_list(arena, info->settings),
    };
}

/* The plugin's description, then the provider's config, then the mailbox's own. */
static int merge_limits(const struct provider_session *session, struct rider_limits *limits,
                        struct buf *error)
{
    const struct generation *generation = session->provider->current;
    int r;

    *limits = (struct rider_limits){.size = sizeof(*limits)};
    if (generation->table.limits)
        COPY_STRUCT(limits, generation->table.limits);
    r = limits_read((const char *const *)generation->settings, "limits.", limits, error);
    return r < 0 ? r : limits_read(session->info.settings, "limits.", limits, error);
}

/* Both settings were checked before: the provider's when it was loaded, the mailbox's when it was
 * opened. */
void session_limit(struct provider_session *session)
{
    auto_buf struct buf error = {0};
    struct rider_limits limits;

    if (merge_limits(session, &limits, &error) < 0)
        return;
    session->limits = limits;
    budget_set(&session->units, limits.units, limits.per_ms ? limits.per_ms : 1000);
    budget_set(&session->sends, limits.sends_per_minute, 60 * 1000);
    budget_set(&session->recipients, limits.recipients_per_day, 24 * 60 * 60 * 1000);
    session_pump(session);
}

static void forget_value(void *value)
{
    buf_wipe(value);
    free(value);
}

static void session_free(struct provider_session *session)
{
    list_remove(&session->node);
    list_remove(&session->changed);
    loop_timer_free(session->pump);
    budget_finish(&session->units);
    budget_finish(&session->sends);
    budget_finish(&session->recipients);
    map_finish(&session->remembered, forget_value);
    arena_wipe(&session->arena);
    free(session);
}

int provider_session_open(struct provider_set *set, const char *name,
                          const struct provider_mailbox_info *info,
                          const struct provider_memory *memory, struct buf *error,
                          struct provider_session **session_r)
{
    struct provider *provider = set_find(set, name, error);
    struct provider_session *session;
    int r;

    if (!provider)
        return -ENOENT;
    session = mem_new(sizeof(*session));
    session->provider = provider;
    if (memory)
        session->memory = *memory;
    list_init(&session->changed);
    list_init(&session->seats);
    list_init(&session->waiting);
    list_add(&provider->sessions, &session->node);
    session->pump = loop_timer_new(set->loop, pump, session);
    copy_info(session, info);
    session->tenant = tenant_of(provider, session->info.tenant);
    r = merge_limits(session, &session->limits, error);
    session_limit(session);
    if (r >= 0)
        r = seat_open(provider->current, session, error, &session->seat);
    if (r < 0) {
        session_free(session);
        return r;
    }
    *session_r = session;
    return 0;
}

void provider_session_close(struct provider_session *session, void (*closed)(void *arg), void *arg)
{
    assert(!session->closing);
    session->closing = true;
    session->closed = closed;
    session->closed_arg = arg;
    list_remove(&session->changed);
    LIST_EACH_SAFE (node, &session->seats) {
        struct seat *seat = LIST_ENTRY(node, struct seat, of_session);
        LIST_EACH_SAFE (at, &seat->ops) {
            op_cancel(LIST_ENTRY(at, struct provider_op, node), true);
        }
        seat_leave(seat);
    }
}

/* -- what its keeper is told ------------------------------------------------------------------ */
void session_news(struct provider_session *session, unsigned news)
{
    struct provider_set *set = session->provider->set;

    if (session->closing)
        return;
    session->news |= news;
    if (!list_empty(&session->changed))
        return;
    list_add(&set->changed, &session->changed);
    set_kick(set);
}

/* Being told, a keeper may close the session: each of these is looked up before it is called, and
 * nothing of the session after the last. */
void session_tell(struct provider_session *session)
{
    struct provider_memory memory = session->memory;
    unsigned news = session->news;

    session->news = 0;
    if ((news & NEWS_CAN) && memory.can_changed)
        memory.can_changed(memory.arg);
    if ((news & NEWS_LOST) && memory.lost)
        memory.lost(memory.arg);
    if ((news & NEWS_HINT) && memory.hint)
        memory.hint(memory.arg);
}

void session_left(struct provider_session *session)
{
    void (*closed)(void *) = session->closed;
    void *arg = session->closed_arg;

    if (!session->closing || !list_empty(&session->seats))
        return;
    session_free(session);
    if (closed)
        closed(arg);
}

/* -- what it can ------------------------------------------------------------------------------ */
/* Scopes narrow a grant by themselves; a password opens all, so what its owner did not allow is
 * kept from the plugin here. */
static uint32_t allowed(enum rider_access access)
{
    switch (access) {
    case RIDER_ACCESS_SEND:
        return RIDER_CAN_SEND | RIDER_CAN_STAGE | RIDER_CAN_FENCE | RIDER_CAN_FILE;
    case RIDER_ACCESS_HEADERS:
        return ~(uint32_t)(RIDER_CAN_READ | RIDER_CAN_REPORT);
    default:
        return UINT32_MAX;
    }
}

uint32_t provider_session_can(struct provider_session *session)
{
    const struct seat *seat = session->seat;
    uint32_t can = UINT32_MAX;

    if (!seat)
        return 0;
    if (seat->generation->table.can_now)
        IN_PLUGIN(seat->generation, can = seat->generation->table.can_now(seat->plugin));
    return seat->generation->table.can & can & allowed(session->info.access);
}

void provider_session_limits(const struct provider_session *session, struct rider_limits *limits_r)
{
    *limits_r = session->limits;
}

static int64_t fits_later(struct budget *budget, int64_t now, uint64_t cost, int64_t latest)
{
    int64_t at = budget_fits_at(budget, now, cost);

    return at > now && at > latest ? at : latest;
}

int64_t provider_session_send_at(const struct provider_session *session)
{
    struct provider_session *own = (struct provider_session *)(uintptr_t)session;
    int64_t now = clock_wall(), latest = 0;

    latest = fits_later(&own->sends, now, 1, latest);
    latest = fits_later(&own->recipients, now, 1, latest);
    EACH_SHARE (own, share, i) {
        latest = fits_later(&share->sends, now, 1, latest);
        latest = fits_later(&share->recipients, now, 1, latest);
    }
    if (!own->send_cost)
        return latest;
    /* A send that began would wait for its units, past its window perhaps: it had better not begin.
     */
    latest = fits_later(&own->units, now, own->send_cost, latest);
    EACH_SHARE (own, share, i)
        latest = fits_later(&share->units, now, own->send_cost, latest);
    return latest;
}

const char *provider_session_provider(const struct provider_session *session)
{
    return session->provider->name;
}

size_t provider_session_busy(const struct provider_session *session)
{
    size_t count = 0;

    LIST_EACH (node, &session->seats) {
        const struct seat *seat = LIST_ENTRY(node, struct seat, of_session);
        LIST_EACH (at, &seat->ops) {
            count++;
        }
    }
    return count;
}
