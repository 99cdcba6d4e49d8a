/* provider/generation.c: one loaded copy of a plugin, from the file to the unmapping. */
#include "provider/private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "provider/plugin_file.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* -- loading ---------------------------------------------------------------------------------- */
static int other_major(void *library, const char *file, struct buf *error)
{
    for (int major = 0; major < 10; major++) {
        auto_free char *symbol = mem_printf("rider_provider_v%d", major);
        if (!dlsym(library, symbol))
            continue;
        buf_printf(error,
                   "%s was built for version %d of the provider contract, this postrider speaks "
                   "version 1 (%s): install the build of it that is made for this postrider",
                   file, major, RIDER_ENTRY);
        return -EPROTONOSUPPORT;
    }
    buf_printf(error,
               "%s has no symbol %s, so it is not a postrider plugin, or was linked without it: "
               "its author must export it (RIDER_PROVIDER in postrider/provider.h)",
               file, RIDER_ENTRY);
    return -ENOEXEC;
}

static int read_table(struct generation *generation, struct buf *error)
{
    const char *file = generation->provider->file;
    const struct rider_provider *table;
    rider_provider_fn *entry;
    void *symbol = dlsym(generation->library, RIDER_ENTRY);

    if (!symbol)
        return other_major(generation->library, file, error);
    memcpy(&entry, &symbol, sizeof(entry));
    IN_PLUGIN(generation, table = entry());
    if (!table) {
        buf_printf(error, "%s gives no table: %s returned NULL. Its author must mend it", file,
                   RIDER_ENTRY);
        return -EPROTO;
    }
    if (!COPY_STRUCT(&generation->table, table)) {
        buf_printf(error,
                   "%s says its table is %zu bytes long, which is no table: its author must set "
                   ".size = sizeof(struct rider_provider)",
                   file, table->size);
        return -EPROTO;
    }
    if (table_check(&generation->table, file, error) < 0)
        return -EPROTO;
    push_read(generation);
    return 0;
}

/* What a plugin writes into may be longer in its header than in ours. */
union padded_oauth {
    struct rider_oauth oauth;
    char room[1024];
};

static int check_origins(struct generation *generation, const struct rider_oauth *oauth,
                         struct buf *error)
{
    for (size_t i = 0; oauth->origins[i]; i++) {
        auto_free char *origin = http_origin(oauth->origins[i]);
        if (!origin) {
            buf_printf(error,
                       "%s names '%s' as an origin of its API, which is none: it must be like "
                       "https://api.example.com. Check its *_url settings",
                       generation->provider->file, oauth->origins[i]);
            return -EINVAL;
        }
        if (strncmp(origin, "https:", 6) == 0)
            continue;
        if (http_allow_plain(generation->provider->set->http, origin) < 0) {
            buf_printf(error,
                       "provider %s would send tokens to %s in the clear: use https (plain http is "
                       "for stand-ins on this machine's loopback only)",
                       generation->provider->name, origin);
            return -EPERM;
        }
    }
    return 0;
}

static int read_oauth(struct generation *generation, struct buf *error)
{
    int r = 0;

    if (!generation->table.oauth)
        return 0;
    for (int i = 0; r >= 0 && i < ACCESS_LEVELS; i++) {
        union padded_oauth out = {.oauth = {.size = sizeof(struct rider_oauth)}};
        bool offers;
        IN_PLUGIN(generation, offers = generation->table.oauth(
                                  &generation->desk->host, (enum rider_access)(i + 1), &out.oauth));
        if (!offers)
            continue;
        if (!copy_oauth(&generation->arena, &generation->oauth[i], &out.oauth))
            continue;
        generation->offered[i] = true;
        r = check_origins(generation, &generation->oauth[i], error);
    }
    return r;
}

static int map_copy(struct generation *generation, struct buf *error)
{
    struct provider *provider = generation->provider;
    int r = plugin_file_copy(provider->set->plugins_dir, provider->file, provider->set->run_fd,
                             generation->copy, error);

    if (r < 0)
        return r;
    IN_PLUGIN(generation, generation->library = dlopen(generation->path, RTLD_NOW | RTLD_LOCAL));
    if (generation->library)
        return 0;
    buf_printf(error,
               "%s can't be loaded: %s. Is every library and symbol that it needs installed?",
               provider->file, dlerror());
    return -ELIBBAD;
}

static int check_limits(const struct generation *generation, struct buf *error)
{
    const char *const *settings = (const char *const *)generation->settings;
    struct rider_limits limits;
    int r = limits_read(settings, "limits.", &limits, error);

    return r < 0 ? r : limits_read(settings, "limits.provider.", &limits, error);
}

int generation_load(struct provider *provider, char **settings, struct buf *error,
                    struct generation **generation_r)
{
    struct generation *generation = mem_new(sizeof(*generation));
    int r;

    generation->provider = provider;
    generation->number = ++provider->last_number;
    generation->settings = mem_strv((const char *const *)settings);
    generation->copy = mem_printf("%s.%u.so", provider->name, generation->number);
    generation->path = mem_printf("%s/%s", provider->set->run_path, generation->copy);
    generation->loaded_at = clock_wall();
    list_init(&generation->node);
    list_init(&generation->seats);
    r = map_copy(generation, error);
    if (r >= 0)
        r = read_table(generation, error);
    if (r >= 0)
        r = settings_check(&generation->table, provider->name, generation->settings, error);
    if (r >= 0)
        r = check_limits(generation, error);
    if (r >= 0)
        r = settings_check_lines(provider->name, (const char *const *)generation->settings, error);
    if (r >= 0) {
        generation->desk = seat_new(generation, NULL);
        r = read_oauth(generation, error);
    }
    if (r < 0) {
        generation_free(generation);
        return r;
    }
    *generation_r = generation;
    return 0;
}

/* -- unloading -------------------------------------------------------------------------------- */
static bool still_mapped(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);

    if (library)
        dlclose(library);
    return library != NULL;
}

static void forget_generation(struct generation *generation)
{
    list_remove(&generation->node);
    loop_timer_free(generation->drain);
    free(generation->desk);
    arena_wipe(&generation->arena);
    mem_strv_free(generation->settings);
    free(generation->copy);
    free(generation->path);
    free(generation);
}

void generation_free(struct generation *generation)
{
    if (!generation)
        return;
    if (generation->library)
        dlclose(generation->library);
    unlinkat(generation->provider->set->run_fd, generation->copy, 0);
    forget_generation(generation);
}

static void park(struct generation *generation, const char *why)
{
    generation->state = PROVIDER_PARKED;
    log_warn("provider %s: generation %u is parked and stays in memory: %s. That is harmless, and "
             "ends with the daemon's next restart; tell the plugin's author",
             generation->provider->name, generation->number, why);
}

static void unload(struct generation *generation)
{
    if (generation->lost_timers || generation->lost_requests) {
        auto_free char *why = mem_printf("after its last mailbox was closed it still held %zu "
                                         "timers and %zu requests or lines",
                                         generation->lost_timers, generation->lost_requests);
        park(generation, why);
        return;
    }
    dlclose(generation->library);
    generation->library = NULL;
    if (still_mapped(generation->path)) {
        park(generation, "its code could not be unmapped, as something in it, or a library it "
                         "uses, does not allow that");
        return;
    }
    log_info("provider %s: generation %u has ended and is unloaded", generation->provider->name,
             generation->number);
    generation_free(generation);
}

void generation_check(struct generation *generation)
{
    if (generation->state == PROVIDER_DRAINING && list_empty(&generation->seats))
        unload(generation);
}

static void grace_over(void *arg)
{
    struct generation *generation = arg;
    size_t count = 0;

    LIST_EACH (node, &generation->seats) {
        struct seat *seat = LIST_ENTRY(node, struct seat, node);
        LIST_EACH_SAFE (at, &seat->ops) {
            op_cancel(LIST_ENTRY(at, struct provider_op, node), true);
            count++;
        }
    }
    if (count > 0)
        log_info("provider %s: generation %u did not drain in time, %zu operations cancelled",
                 generation->provider->name, generation->number, count);
}

void generation_retire(struct generation *generation)
{
    struct provider_set *set = generation->provider->set;

    generation->state = PROVIDER_DRAINING;
    generation->drain = loop_timer_new(set->loop, grace_over, generation);
    loop_timer_in(generation->drain, set->drain_grace);
    LIST_EACH_SAFE (node, &generation->seats) {
        seat_leave(LIST_ENTRY(node, struct seat, node));
    }
    generation_check(generation);
}

void generation_count(const struct generation *generation,
                      struct provider_generation_status *status)
{
    LIST_EACH (node, &generation->seats) {
        const struct seat *seat = LIST_ENTRY(node, struct seat, node);
        status->sessions++;
        LIST_EACH (at, &seat->ops) {
            status->operations++;
        }
        LIST_EACH (at, &seat->abandoned) {
            status->operations++;
        }
        LIST_EACH (at, &seat->timers) {
            status->timers++;
        }
        LIST_EACH (at, &seat->requests) {
            status->requests++;
        }
        LIST_EACH (at, &seat->streams) {
            status->requests++;
        }
    }
    status->timers += generation->lost_timers;
    status->requests += generation->lost_requests;
}

/* -- origins ---------------------------------------------------------------------------------- */
static bool same_origin(const char *origin, const char *url)
{
    auto_free char *other = url ? http_origin(url) : NULL;

    return other && strcmp(origin, other) == 0;
}

static bool has_origin(const char *const *list, const char *origin)
{
    for (size_t i = 0; list && list[i]; i++)
        if (same_origin(origin, list[i]))
            return true;
    return false;
}

bool generation_allows(const struct generation *generation, enum rider_access access,
                       const char *origin)
{
    int level = (int)access - 1;

    if (level < 0 || level >= ACCESS_LEVELS)
        return false;
    return has_origin(generation->oauth[level].origins, origin);
}

/* What follows the origin's text is a path, so nothing there can lead anywhere else. */
static bool begins(const char *url, const char *origin)
{
    const char *host = strstr(origin, "://");
    size_t len = strlen(origin);

    return host && !strpbrk(host + 3, "/?#@\\") && strncmp(url, origin, len) == 0 &&
           url[len] == '/';
}

bool generation_names(const struct generation *generation, enum rider_access access,
                      const char *url)
{
    int level = (int)access - 1;
    const char *const *list;

    if (level < 0 || level >= ACCESS_LEVELS || strncmp(url, "http", 4) != 0)
        return false;
    list = generation->oauth[level].origins;
    for (size_t i = 0; list && list[i]; i++)
        if (begins(url, list[i]))
            return true;
    return false;
}

/* Tokens, codes and the client's secret go to the endpoints, so those count too. */
static bool knows(const struct generation *generation, const char *origin)
{
    for (int i = 0; i < ACCESS_LEVELS; i++) {
        const struct rider_oauth *oauth = &generation->oauth[i];
        if (has_origin(oauth->origins, origin) || same_origin(origin, oauth->authorize_url) ||
            same_origin(origin, oauth->token_url) || same_origin(origin, oauth->revoke_url) ||
            same_origin(origin, oauth->admin_consent_url))
            return true;
    }
    return false;
}

static char *unknown(const struct generation *old, const char *url)
{
    char *origin = url ? http_origin(url) : NULL;

    if (origin && !knows(old, origin))
        return origin;
    free(origin);
    return NULL;
}

char *generation_new_origin(const struct generation *old, const struct generation *next)
{
    for (int i = 0; i < ACCESS_LEVELS; i++) {
        const struct rider_oauth *oauth = &next->oauth[i];
        const char *const endpoints[] = {
            oauth->authorize_url ? oauth->authorize_url : "",
            oauth->token_url ? oauth->token_url : "", oauth->revoke_url ? oauth->revoke_url : "",
            oauth->admin_consent_url ? oauth->admin_consent_url : "", NULL};
        const char *const *const lists[] = {oauth->origins, endpoints};
        for (size_t k = 0; k < ARRAY_LEN(lists); k++)
            for (size_t j = 0; lists[k] && lists[k][j]; j++) {
                char *origin = unknown(old, lists[k][j]);
                if (origin)
                    return origin;
            }
    }
    return NULL;
}
