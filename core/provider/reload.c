/* provider/reload.c: swapping a plugin while it works (the order of design.md, section 6).
 *
 * Nothing of the old generation is touched until every session is open on the new one. */
#include "provider/private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>

static int check_origins(const struct generation *old, const struct generation *next,
                         bool accept_origins, struct buf *error)
{
    auto_free char *origin = generation_new_origin(old, next);

    if (!origin || accept_origins)
        return 0;
    buf_printf(
        error,
        "the new %s %s would let tokens go to %s, which %s does not: if you trust it, reload "
        "again with --accept-origins",
        next->provider->file, next->table.version, origin, old->table.version);
    return -EPERM;
}

/* The new seats are on the new generation's list only; the sessions do not know them yet. */
static int open_seats(struct provider *provider, struct generation *next, struct buf *error)
{
    LIST_EACH (node, &provider->sessions) {
        struct provider_session *session = LIST_ENTRY(node, struct provider_session, node);
        struct seat *seat;
        int r;
        if (session->closing)
            continue;
        r = seat_open(next, session, error, &seat);
        if (r < 0)
            return r;
    }
    return 0;
}

static void give_up(struct generation *next)
{
    while (!list_empty(&next->seats))
        seat_close(LIST_ENTRY(next->seats.next, struct seat, node));
    generation_free(next);
}

static void move_in(struct generation *next)
{
    LIST_EACH (node, &next->seats) {
        struct seat *seat = LIST_ENTRY(node, struct seat, node);
        seat->session->seat = seat;
    }
}

static int prepare(struct provider *provider, char **settings, bool accept_origins,
                   struct buf *error, struct generation **next_r)
{
    struct generation *next;
    int r = generation_load(provider, settings, error, &next);

    if (r < 0)
        return r;
    r = check_origins(provider->current, next, accept_origins, error);
    if (r >= 0)
        r = open_seats(provider, next, error);
    if (r >= 0)
        r = provider_limits(provider, settings, error);
    if (r < 0) {
        give_up(next);
        return r;
    }
    *next_r = next;
    return 0;
}

int provider_set_reload(struct provider_set *set, const char *name, const char *const *settings,
                        bool accept_origins, struct buf *error)
{
    struct provider *provider = set_find(set, name, error);
    struct generation *old, *next;
    int r;

    if (!provider)
        return -ENOENT;
    old = provider->current;
    r = prepare(provider, settings ? (char **)settings : old->settings, accept_origins, error,
                &next);
    if (r < 0) {
        buf_printf(error, "; provider %s goes on with %s %s (generation %u)", name, old->table.name,
                   old->table.version, old->number);
        return r;
    }
    next->state = PROVIDER_LIVE;
    list_add(&provider->generations, &next->node);
    provider->current = next;
    move_in(next);
    LIST_EACH (node, &provider->sessions) {
        session_limit(LIST_ENTRY(node, struct provider_session, node));
        push_moved(LIST_ENTRY(node, struct provider_session, node));
    }
    log_info("provider %s: generation %u is %s %s; generation %u (%s) drains", name, next->number,
             next->table.name, next->table.version, old->number, old->table.version);
    generation_retire(old);
    return 0;
}
