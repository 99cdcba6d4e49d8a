/* control/api_providers.c: /v1/providers: what is loaded, and swapping it while the daemon works.
 */
#include "base/json.h"
#include "base/mem.h"
#include "control/internal.h"
#include "mailbox/mailbox.h"
#include "provider/provider.h"

#include <errno.h>
#include <string.h>

enum { BODY_MAX = 4 * 1024 };

struct gather { /* the generations of one provider */
    const char *name;
    struct json_object *list;
    uint32_t generation; /* the live one */
    char version[64];
};

static void gather_one(void *arg, const struct provider_generation_status *status)
{
    struct gather *gather = arg;
    struct json_object *json;

    if (strcmp(status->provider, gather->name) != 0)
        return;
    if (status->state == PROVIDER_LIVE) {
        gather->generation = status->generation;
        strncpy(gather->version, status->version ? status->version : "",
                sizeof(gather->version) - 1);
    }
    if (!gather->list)
        return;
    json = json_map();
    json_number(json, "generation", status->generation);
    json_text(json, "version", status->version);
    json_text(json, "state", provider_state_name(status->state));
    json_number(json, "sessions", (int64_t)status->sessions);
    json_number(json, "operations", (int64_t)status->operations);
    json_number(json, "timers", (int64_t)status->timers);
    json_number(json, "requests", (int64_t)status->requests);
    json_time(json, "loaded_at", status->loaded_at);
    json_add(gather->list, json);
}

static struct json_object *abilities(uint32_t can)
{
    static const char *const names[] = {"send", "list",   "label",  "read", "stage", "find",
                                        "file", "thread", "report", "look"}; /* by RIDER_CAN_ */
    struct json_object *list = json_list();

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (can & 1u << i)
            json_add(list, json_string(names[i]));
    return list;
}

/* What a mailbox by secret may have of its own; `fallback` is what it has without. */
static struct json_object *mailbox_settings_of(struct provider_set *set,
                                               const struct provider_about *about)
{
    struct json_object *list = json_list();

    for (size_t i = 0; about->settings && about->settings[i]; i++) {
        const struct rider_setting *setting = about->settings[i];
        struct json_object *json;

        if (!RIDER_REACHES(setting, of_mailbox) || !setting->of_mailbox || setting->secret)
            continue;
        json = json_map();
        json_text(json, "key", setting->key);
        json_text(json, "label", setting->label);
        json_text(json, "fallback", provider_setting(set, about->name, setting->key));
        json_flag(json, "required", setting->required);
        json_add(list, json);
    }
    return list;
}

/* For an administrator who consents before anybody else does; a link for each access. */
static struct json_object *admin_links(const struct control *control, const char *name)
{
    static const char *const words[] = {"send", "headers", "full"}; /* by enum rider_access */
    struct json_object *json = NULL;

    for (int32_t access = RIDER_ACCESS_SEND; access <= RIDER_ACCESS_FULL; access++) {
        auto_free char *link = mailbox_admin_link(control->options.mailboxes, name, access, 0);

        if (link && !json)
            json = json_map();
        if (link)
            json_text(json, words[access - RIDER_ACCESS_SEND], link);
    }
    return json;
}

/* NULL: there is none of that name. */
static struct json_object *provider_json(const struct control *control, const char *name)
{
    struct provider_set *set = control->options.providers;
    bool by_secret = mailbox_by_secret(control->options.mailboxes, name);
    struct gather gather = {.name = name, .list = json_list()};
    struct provider_about about;
    struct json_object *json;

    if (provider_about(set, name, &about) < 0) {
        json_object_put(gather.list);
        return NULL;
    }
    provider_set_status(set, gather_one, &gather);
    json = json_map();
    json_text(json, "name", about.name);
    json_text(json, "id", about.id);
    json_text(json, "title", about.title);
    json_text(json, "version", about.version);
    json_number(json, "generation", gather.generation);
    json_put(json, "can", abilities(about.can));
    json_number(json, "settle_ms", about.settle);
    json_text(json, "sign_in", by_secret ? "secret" : "oauth");
    json_put(json, "mailbox_settings", by_secret ? mailbox_settings_of(set, &about) : json_list());
    json_put(json, "admin_links", admin_links(control, name));
    json_put(json, "generations", gather.list);
    return json;
}

static void list_providers(struct exchange *exchange)
{
    struct provider_set *set = exchange->control->options.providers;
    struct json_object *list = json_list();
    const char *name;

    for (size_t i = 0; (name = provider_name_at(set, i)); i++) {
        struct json_object *json = provider_json(exchange->control, name);

        if (json)
            json_add(list, json);
    }
    answer_list(exchange, "providers", list, 0);
}

static void no_provider(struct exchange *exchange)
{
    auto_free char *why =
        mem_printf("there is no provider \"%.100s\" in the config", exchange->params[0]);

    exchange_refuse(exchange, 404, "that was not found", why, "see: postrider provider list");
}

static void show_provider(struct exchange *exchange)
{
    struct json_object *json = provider_json(exchange->control, exchange->params[0]);

    if (json)
        exchange_give_json(exchange, 200, json);
    else
        no_provider(exchange);
}

/* -- reload ------------------------------------------------------------------------------- */

static void add_generation(struct json_object *to, const char *key, const struct gather *gather)
{
    struct json_object *json = json_map();

    json_number(json, "generation", gather->generation);
    json_text(json, "version", gather->version);
    json_put(to, key, json);
}

static void do_reload(struct exchange *exchange, bool accept_origins)
{
    struct provider_set *set = exchange->control->options.providers;
    const char *name = exchange->params[0];
    struct gather before = {.name = name}, after = {.name = name};
    auto_buf struct buf error = {0};
    struct json_object *json;
    int r;

    provider_set_status(set, gather_one, &before);
    r = provider_set_reload(set, name, NULL, accept_origins, &error);
    if (r < 0) {
        auto_free char *what =
            mem_printf("%.100s was not reloaded; generation %u goes on", name, before.generation);

        exchange_refuse(exchange, 409, what, error.len ? buf_text(&error) : strerror(-r), NULL);
        return;
    }
    provider_set_status(set, gather_one, &after);
    json = json_map();
    json_text(json, "provider", name);
    add_generation(json, "old", &before);
    add_generation(json, "new", &after);
    exchange_give_json(exchange, 200, json);
}

static void reload_provider(struct exchange *exchange)
{
    static const char *const known[] = {"accept_origins", NULL};
    struct provider_about about;
    struct request request = {0};
    struct check at;
    bool accept = false;

    if (provider_about(exchange->control->options.providers, exchange->params[0], &about) < 0) {
        no_provider(exchange);
        return;
    }
    if (request_read(exchange, known, &request)) {
        if (check_get(&request.root, "accept_origins", &at))
            check_bool(&at, &accept);
        if (request_good(exchange, &request))
            do_reload(exchange, accept);
    }
    request_finish(&request);
}

const struct route api_provider_routes[] = {
    {.method = "GET", .path = "/v1/providers", .act = list_providers},
    {.method = "GET", .path = "/v1/providers/{provider}", .act = show_provider},
    {.method = "POST",
     .path = "/v1/providers/{provider}/reload",
     .act = reload_provider,
     .body = BODY_MAX},
    {NULL},
};
