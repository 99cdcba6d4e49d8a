/* provider/provider.c: the set: adding providers, and what they say of themselves. */
#include "provider/private.h"

#include "base/log.h"
#include "base/mem.h"
#include "provider/plugin_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_GRACE = 30000, CANCEL_GRACE = 2000 };

int provider_set_new(const struct provider_set_options *options, struct buf *error,
                     struct provider_set **set_r)
{
    auto_free char *run_path = mem_printf("%s/plugins.run", options->data_dir);
    struct provider_set *set;
    int fd, r;

    r = plugin_run_dir(run_path, error, &fd);
    if (r < 0)
        return r;
    set = mem_new(sizeof(*set));
    set->loop = options->loop;
    set->http = options->http;
    set->plugins_dir = mem_str(options->plugins_dir);
    set->run_path = mem_str(run_path);
    set->run_fd = fd;
    set->credentials = options->credentials;
    set->drain_grace = options->drain_grace ? options->drain_grace : DRAIN_GRACE;
    set->cancel_grace = options->cancel_grace ? options->cancel_grace : CANCEL_GRACE;
    list_init(&set->providers);
    list_init(&set->ended);
    list_init(&set->answered);
    list_init(&set->fallen);
    list_init(&set->changed);
    list_init(&set->leaving);
    set->turn = loop_timer_new(set->loop, set_turn, set);
    handle_users(+1);
    *set_r = set;
    return 0;
}

static void free_provider(struct provider *provider)
{
    LIST_EACH_SAFE (node, &provider->generations) {
        struct generation *generation = LIST_ENTRY(node, struct generation, node);
        if (generation->state == PROVIDER_PARKED)
            generation->library = NULL; /* it stays mapped: something of it may still run */
        generation_free(generation);
    }
    list_remove(&provider->node);
    provider_limits_finish(provider);
    free(provider->name);
    free(provider->file);
    free(provider);
}

/* The plugin lets go of what it has in flight; what is still open is closed at once. */
static void close_now(struct seat *seat)
{
    LIST_EACH_SAFE (node, &seat->ops) {
        op_cancel(LIST_ENTRY(node, struct provider_op, node), true);
    }
    seat_close(seat);
}

/* Operations that were under way end without anybody being told. */
static void close_all(struct provider_set *set)
{
    LIST_EACH (node, &set->providers) {
        struct provider *provider = LIST_ENTRY(node, struct provider, node);
        LIST_EACH (at, &provider->sessions) {
            LIST_ENTRY(at, struct provider_session, node)->closing = true;
        }
        LIST_EACH_SAFE (at, &provider->generations) {
            struct generation *generation = LIST_ENTRY(at, struct generation, node);
            generation->state = PROVIDER_LIVE; /* so that it does not end with its last seat */
            while (!list_empty(&generation->seats))
                close_now(LIST_ENTRY(generation->seats.next, struct seat, node));
        }
    }
}

void provider_set_free(struct provider_set *set)
{
    if (!set)
        return;
    close_all(set);
    while (!list_empty(&set->providers))
        free_provider(LIST_ENTRY(set->providers.next, struct provider, node));
    loop_timer_free(set->turn);
    close(set->run_fd);
    free(set->run_path);
    free(set->plugins_dir);
    free(set);
    handle_users(-1);
}

void provider_set_watch(struct provider_set *set, struct watchdog *watchdog)
{
    set->watchdog = watchdog;
}

/* -- finding ---------------------------------------------------------------------------------- */
static struct provider *find(struct provider_set *set, const char *name)
{
    LIST_EACH (node, &set->providers) {
        struct provider *provider = LIST_ENTRY(node, struct provider, node);
        if (strcmp(provider->name, name) == 0)
            return provider;
    }
    return NULL;
}

struct provider *set_find(struct provider_set *set, const char *name, struct buf *error)
{
    struct provider *provider = find(set, name);

    if (!provider)
        buf_printf(error,
                   "there is no provider named '%s': `postrider provider list` shows which "
                   "the config has",
                   name);
    return provider;
}

static int check_provider_name(const char *name, struct buf *error)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t len = strlen(name);

    if (len > 0 && len <= 64 && strspn(name, allowed) == len)
        return 0;
    buf_printf(error, "'%s' can't name a provider: use a-z, 0-9, _ and -, at most 64", name);
    return -EINVAL;
}

/* The limits of all mailboxes together: only the config knows them. */
int provider_set_add(struct provider_set *set, const char *name, const char *file,
                     const char *const *settings, struct buf *error)
{
    static const char *const none[] = {NULL};
    struct provider *provider;
    int r = check_provider_name(name, error);

    if (r < 0)
        return r;
    if (find(set, name)) {
        buf_printf(error, "there are two providers named '%s': give one another name", name);
        return -EEXIST;
    }
    provider = mem_new(sizeof(*provider));
    provider->set = set;
    provider->name = mem_str(name);
    provider->file = mem_str(file);
    list_init(&provider->generations);
    list_init(&provider->sessions);
    list_add(&set->providers, &provider->node);
    settings = settings ? settings : none;
    r = provider_limits(provider, (char *const *)settings, error);
    if (r >= 0)
        r = generation_load(provider, (char **)settings, error, &provider->current);
    if (r < 0) {
        free_provider(provider);
        return r;
    }
    provider->current->state = PROVIDER_LIVE;
    list_add(&provider->generations, &provider->current->node);
    log_info("provider %s: generation %u is %s %s, from %s", name, provider->current->number,
             provider->current->table.name, provider->current->table.version, file);
    return 0;
}

/* -- describing ------------------------------------------------------------------------------- */
static uint32_t settle_of(const struct generation *generation)
{
    const char *text = settings_get((const char *const *)generation->settings, "settle");
    unsigned long value = text ? strtoul(text, NULL, 10) : 0;

    return value > generation->table.settle && value < UINT32_MAX ? (uint32_t)value
                                                                  : generation->table.settle;
}

int provider_about(struct provider_set *set, const char *name, struct provider_about *about_r)
{
    const struct provider *provider = find(set, name);
    const struct rider_provider *table;

    if (!provider)
        return -ENOENT;
    table = &provider->current->table;
    *about_r = (struct provider_about){
        .name = provider->name,
        .id = table->id,
        .title = table->name,
        .version = table->version,
        .can = table->can,
        .auth = table->auth,
        .settle = settle_of(provider->current),
        .settings = table->settings,
    };
    return 0;
}

const char *provider_name_at(struct provider_set *set, size_t index)
{
    LIST_EACH (node, &set->providers) {
        if (index-- == 0)
            return LIST_ENTRY(node, struct provider, node)->name;
    }
    return NULL;
}

const char *provider_setting(struct provider_set *set, const char *name, const char *key)
{
    const struct provider *provider = find(set, name);
    const char *value;

    if (!provider)
        return NULL;
    value = settings_get((const char *const *)provider->current->settings, key);
    return value ? value : setting_fallback(&provider->current->table, key);
}

uint32_t provider_session_settle(const struct provider_session *session)
{
    return settle_of(session->provider->current);
}

/* -- signing in ------------------------------------------------------------------------------- */
struct owned_oauth {
    struct rider_oauth oauth; /* first: what is given out is also what is freed */
    struct arena arena;
};

int provider_oauth(struct provider_set *set, const char *name, enum rider_access access,
                   struct rider_oauth **oauth_r)
{
    const struct provider *provider = find(set, name);
    int level = (int)access - 1;
    struct owned_oauth *copy;

    if (!provider || level < 0 || level >= ACCESS_LEVELS || !provider->current->offered[level])
        return -ENOTSUP;
    copy = mem_new(sizeof(*copy));
    copy_oauth(&copy->arena, &copy->oauth, &provider->current->oauth[level]);
    *oauth_r = &copy->oauth;
    return 0;
}

void provider_oauth_free(struct rider_oauth *oauth)
{
    struct owned_oauth *copy = (struct owned_oauth *)(void *)oauth;

    if (!copy)
        return;
    arena_wipe(&copy->arena);
    free(copy);
}

static int32_t usual_kind(const char *error)
{
    if (strcmp(error, "invalid_grant") == 0 || strcmp(error, "access_denied") == 0 ||
        strcmp(error, "interaction_required") == 0)
        return RIDER_AUTH;
    if (strcmp(error, "temporarily_unavailable") == 0 || strcmp(error, "server_error") == 0)
        return RIDER_TRANSIENT;
    return RIDER_PERMANENT;
}

union padded_failure {
    struct rider_failure failure;
    char room[1024];
};

void provider_oauth_failure(struct provider_set *set, const char *name, const char *error,
                            const char *suberror, const char *description,
                            struct rider_failure *failure_r)
{
    const struct provider *provider = find(set, name);
    union padded_failure out = {
        .failure = {.size = sizeof(struct rider_failure), .retry_after = -1}};

    error = error ? error : "";
    if (provider && provider->current->table.oauth_failure)
        provider->current->table.oauth_failure(error, suberror, description, &out.failure);
    if (!COPY_STRUCT(failure_r, &out.failure) || failure_r->kind == 0) {
        *failure_r = (struct rider_failure){.size = sizeof(*failure_r),
                                            .kind = usual_kind(error),
                                            .scope = RIDER_MAILBOX,
                                            .retry_after = -1,
                                            .detail = "the provider's sign-in said no"};
    }
}

/* -- status ----------------------------------------------------------------------------------- */
const char *provider_state_name(enum provider_state state)
{
    switch (state) {
    case PROVIDER_LIVE:
        return "live";
    case PROVIDER_DRAINING:
        return "draining";
    case PROVIDER_PARKED:
        return "parked";
    }
    return "unknown";
}

static void tell(const struct generation *generation,
                 void (*item)(void *arg, const struct provider_generation_status *), void *arg)
{
    struct provider_generation_status status = {
        .provider = generation->provider->name,
        .version = generation->library ? generation->table.version : "",
        .generation = generation->number,
        .state = generation->state,
        .loaded_at = generation->loaded_at,
    };

    generation_count(generation, &status);
    item(arg, &status);
}

void provider_set_status(struct provider_set *set,
                         void (*item)(void *arg, const struct provider_generation_status *),
                         void *arg)
{
    LIST_EACH (node, &set->providers) {
        struct provider *provider = LIST_ENTRY(node, struct provider, node);
        tell(provider->current, item, arg);
        LIST_EACH (at, &provider->generations) {
            const struct generation *generation = LIST_ENTRY(at, struct generation, node);
            if (generation != provider->current)
                tell(generation, item, arg);
        }
    }
}
