/* config/daemon.c: takes the daemon's settings out of the tree. */
#include "config/daemon.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const daemon_keys[] = {
    "data", "listen", "public_url", "plugins",   "master_key_file", "socket",    "clock", "ca_file",
    "zone", "poll",   "retention",  "log_level", "holidays",        "providers", NULL,
};

/* Sets the slot to the key's text, or to what stands for it when it is not there. */
static void take_text(const struct check *map, const char *key, const char *otherwise, char **slot)
{
    struct check at;
    const char *text = check_get(map, key, &at) ? check_text(&at) : NULL;

    mem_str_set(slot, text ? text : otherwise);
}

/* Relative paths are taken from the config file's folder. */
static char *full_path(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');

    if (path[0] == '/' || !slash)
        return mem_str(path);
    return mem_printf("%.*s/%s", (int)(slash - file), file, path);
}

static void take_path(const struct check *map, const char *key, const char *otherwise, char **slot)
{
    auto_free char *text = NULL;

    take_text(map, key, otherwise, &text);
    free(*slot);
    *slot = text ? full_path(map->tree->file, text) : NULL;
}

static void take_listen(const struct check *root, struct config_daemon *config)
{
    static const char right[] = "write host and port, e.g. 127.0.0.1:8025 or \"[::1]:8025\"";
    auto_free char *text = NULL;
    struct check at = *root;
    uint64_t port = 0;
    char *colon;

    if (check_get(root, "listen", &at))
        text = mem_str(check_text(&at));
    if (!text)
        text = mem_str("127.0.0.1:8025");
    colon = strrchr(text, ':');
    if (!colon || colon == text || !text_u64(colon + 1, &port) || port > 65535) {
        check_wrong(&at, right, "\"%s\" is no address to listen on", text);
        return;
    }
    *colon = '\0';
    if (text[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        config->listen_host = mem_str(text + 1);
    } else {
        config->listen_host = mem_str(text);
    }
    config->listen_port = (uint16_t)port;
}

static bool host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return text_same(host, "localhost");
}

bool config_url_is_loopback(const char *url)
{
    const char *host = strstr(url, "://"), *end;
    auto_free char *name = NULL;

    if (!host)
        return false;
    host += 3;
    end = host + strcspn(host, "/?#\\");
    if (memchr(host, '@', (size_t)(end - host))) /* user@host hides what the host is */
        return false;
    if (*host == '[') {
        const char *close = memchr(host, ']', (size_t)(end - host));

        if (!close)
            return false;
        name = mem_strn(host + 1, (size_t)(close - host - 1));
    } else {
        const char *colon = memchr(host, ':', (size_t)(end - host));

        name = mem_strn(host, (size_t)((colon ? colon : end) - host));
    }
    return host_is_loopback(name);
}

static void take_public_url(const struct check *root, struct config_daemon *config)
{
    struct check at;
    size_t len;

    if (!check_get(root, "public_url", &at))
        return;
    take_text(root, "public_url", NULL, &config->public_url);
    if (!config->public_url)
        return;
    len = strlen(config->public_url);
    while (len && config->public_url[len - 1] == '/')
        config->public_url[--len] = '\0';
    if (!text_starts(config->public_url, "https://") &&
        !(text_starts(config->public_url, "http://") && config_url_is_loopback(config->public_url)))
        check_wrong(&at, "write where browsers find this daemon, e.g. https://outreach.example.com",
                    "\"%s\" is not an https URL", config->public_url);
    else if (text_has_control(config->public_url) || strpbrk(config->public_url, " ?#<>\""))
        check_wrong(&at, "leave out blanks, ? and #", "it has characters that a URL can't have");
}

static void take_ms(const struct check *map, const char *key, int64_t otherwise, int64_t *ms_r)
{
    struct duration duration;
    struct check at;

    *ms_r = otherwise;
    if (check_get(map, key, &at) && check_duration(&at, &duration))
        *ms_r = duration_ms(&duration);
}

static void take_log_level(const struct check *root, struct config_daemon *config)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
    struct check at;
    int level;

    config->log_level = LOG_LEVEL_INFO;
    if (!check_get(root, "log_level", &at))
        return;
    level = check_choice(&at, levels);
    if (level >= 0)
        config->log_level = level;
}

static void take_holidays(const struct check *root, struct config_daemon *config)
{
    struct check map;

    if (!check_get(root, "holidays", &map) || !check_is_map(&map))
        return;
    json_object_object_foreach (map.json, name, value) {
        struct config_holidays *one;

        (void)value;
        config->holidays =
            mem_grow(config->holidays, config->holidays_count + 1, sizeof(*config->holidays));
        one = &config->holidays[config->holidays_count++];
        *one = (struct config_holidays){.name = mem_str(name)};
        take_path(&map, name, NULL, &one->file);
    }
}

static void add_setting(struct config_provider *provider, const char *key, const char *value)
{
    provider->settings =
        mem_grow(provider->settings, provider->setting_count + 1, sizeof(*provider->settings));
    provider->settings[provider->setting_count++] =
        (struct config_setting){mem_str(key), mem_str(value)};
}

/* Whatever the daemon does not know is the plugin's, as texts: maps become dotted keys, and a list
 * its items with blanks between. */
static void take_setting(const struct check *at, const char *key, struct config_provider *provider)
{
    auto_buf struct buf list = {0};

    if (json_object_is_type(at->json, json_type_object)) {
        json_object_object_foreach (at->json, name, value) {
            auto_free char *dotted = mem_printf("%s.%s", key, name);
            struct check next;

            (void)value;
            if (check_get(at, name, &next))
                take_setting(&next, dotted, provider);
        }
        return;
    }
    for (size_t i = 0; i < check_count(at); i++) {
        struct check item;
        const char *text;

        check_item(at, i, &item);
        text = check_text(&item);
        if (text)
            buf_printf(&list, "%s%s", i ? " " : "", text);
    }
    if (json_object_is_type(at->json, json_type_array)) {
        add_setting(provider, key, buf_text(&list));
    } else if (json_object_is_type(at->json, json_type_boolean)) {
        add_setting(provider, key, json_object_get_boolean(at->json) ? "true" : "false");
    } else {
        const char *text = check_text(at);

        if (text)
            add_setting(provider, key, text);
    }
}

static bool name_is_plain(const char *name)
{
    return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")];
}

static void take_plugin(const struct check *map, struct config_provider *provider)
{
    static const char right[] = "write the file's name in the plugins folder, e.g. gmail.so";
    struct check at;
    size_t len;

    if (!check_need(map, "plugin", right, &at))
        return;
    take_text(map, "plugin", NULL, &provider->plugin);
    if (!provider->plugin)
        return;
    len = strlen(provider->plugin);
    if (len < 4 || strcmp(provider->plugin + len - 3, ".so") != 0 ||
        strspn(provider->plugin, "abcdefghijklmnopqrstuvwxyz0123456789_-") != len - 3)
        check_wrong(&at, right, "\"%s\" is no plugin's name", provider->plugin);
}

static void take_promise(const struct check *map, struct config_provider *provider)
{
    static const char *const promises[] = {"strict", "fast", NULL};
    struct check at;

    if (check_get(map, "promise", &at))
        provider->promise = (enum config_promise)(check_choice(&at, promises) + 1);
}

/* What never ends would hold its mailbox for ever; what ends at once could never succeed. */
static void take_operation_timeout(const struct check *map, struct config_provider *provider)
{
    int64_t *ms = &provider->operation_timeout;
    struct check at;

    take_ms(map, "operation_timeout", 60000, ms);
    if ((*ms < 1000 || *ms > 600000) && check_get(map, "operation_timeout", &at))
        check_wrong(&at, "write 1 second to 10 minutes, e.g. 60 seconds",
                    "that is no time to wait for a provider");
}

static void take_secret(const struct check *map)
{
    struct check at;

    if (check_get(map, "client_secret", &at))
        check_wrong(&at,
                    "put it in a file of its own that others can't read, and name that in "
                    "client_secret_file",
                    "a secret does not belong in this file");
}

static void take_provider(const struct check *map, const char *name,
                          struct config_provider *provider)
{
    static const char *const ours[] = {"plugin", "client_id",     "client_secret_file", "promise",
                                       "settle", "client_secret", "operation_timeout"};

    provider->name = mem_str(name);
    provider->settle = -1;
    if (!name_is_plain(name))
        check_wrong(map, "use a-z, 0-9, _ and -", "\"%s\" is no provider's name", name);
    if (!check_is_map(map))
        return;
    provider->tree = json_object_get(map->json);
    take_plugin(map, provider);
    take_text(map, "client_id", NULL, &provider->client_id);
    take_path(map, "client_secret_file", NULL, &provider->client_secret_file);
    take_promise(map, provider);
    take_ms(map, "settle", -1, &provider->settle);
    take_operation_timeout(map, provider);
    take_secret(map);
    json_object_object_foreach (map->json, key, value) {
        struct check at;
        bool known = false;

        (void)value;
        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
            known = known || strcmp(ours[i], key) == 0;
        if (!known && check_get(map, key, &at))
            take_setting(&at, key, provider);
    }
}

static void take_providers(const struct check *root, struct config_daemon *config)
{
    struct check map;

    if (!check_need(root, "providers",
                    "name at least one, e.g. providers: {gmail: {plugin: gmail.so, ...}}", &map) ||
        !check_is_map(&map))
        return;
    json_object_object_foreach (map.json, name, value) {
        struct check at;

        (void)value;
        if (!check_get(&map, name, &at))
            continue;
        config->providers =
            mem_grow(config->providers, config->provider_count + 1, sizeof(*config->providers));
        config->providers[config->provider_count] = (struct config_provider){0};
        take_provider(&at, name, &config->providers[config->provider_count++]);
    }
}

/* A clock that others move is for stand-ins only: never where real mail could go. */
static void check_clock(const struct check *root, const struct config_daemon *config)
{
    struct check at;

    if (!config->clock || !check_get(root, "clock", &at))
        return;
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = &config->providers[i];
        size_t urls = 0;

        for (size_t j = 0; j < provider->setting_count; j++) {
            if (!strstr(provider->settings[j].value, "://") ||
                strcmp(provider->settings[j].key, "scopes") == 0) /* they look like URLs */
                continue;
            urls++;
            if (!config_url_is_loopback(provider->settings[j].value))
                check_wrong(&at, "leave the clock out, or point every URL at 127.0.0.1",
                            "provider %s has %s on another machine (%s)", provider->name,
                            provider->settings[j].key, provider->settings[j].value);
        }
        if (!urls)
            check_wrong(&at, "leave the clock out, or set its api_url and the like to a stand-in",
                        "provider %s would talk to the real service", provider->name);
    }
}

/* A login in the clear is for stand-ins: never where somebody could listen. */
static void check_plain(const struct check *root, const struct config_provider *provider)
{
    struct check providers, map, at;
    bool plain = false;

    for (size_t i = 0; i < provider->setting_count; i++)
        plain = plain || (strcmp(provider->settings[i].key, "plain") == 0 &&
                          text_same(provider->settings[i].value, "true"));
    for (size_t i = 0; plain && i < provider->setting_count; i++) {
        const struct config_setting *setting = &provider->settings[i];

        if ((!text_starts_fold(setting->value, "imap://") &&
             !text_starts_fold(setting->value, "smtp://")) ||
            config_url_is_loopback(setting->value))
            continue;
        if (check_get(root, "providers", &providers) &&
            check_get(&providers, provider->name, &map) && check_get(&map, "plain", &at))
            check_wrong(&at, "leave it out, so that STARTTLS is needed, or write imaps and smtps",
                        "the login to %s would go out in the clear", setting->value);
    }
}

static void check_key_file(const struct check *root, const struct config_daemon *config)
{
    size_t len = config->data ? strlen(config->data) : 0;
    struct check at = *root;

    while (len > 1 && config->data[len - 1] == '/')
        len--;
    if (!len || strncmp(config->master_key_file, config->data, len) != 0 ||
        (len > 1 && config->master_key_file[len] != '/'))
        return;
    check_get(root, "master_key_file", &at);
    check_wrong(&at,
                "put it elsewhere, e.g. /etc/postrider/master.key, so that a copy of the data "
                "is of no use alone",
                "the master key (%s) would lie in the data folder", config->master_key_file);
}

static void take_all(const struct check *root, struct config_daemon *config)
{
    auto_free char *socket = NULL;
    struct check at;

    check_keys(root, daemon_keys);
    if (check_need(root, "data", "write the folder to keep everything in, e.g. /var/lib/postrider",
                   &at))
        take_path(root, "data", NULL, &config->data);
    take_listen(root, config);
    take_public_url(root, config);
    take_path(root, "plugins", "/usr/lib/postrider/plugins", &config->plugins);
    take_path(root, "master_key_file", "/etc/postrider/master.key", &config->master_key_file);
    socket = mem_printf("%s/postrider.sock", config->data ? config->data : "");
    if (check_get(root, "socket", &at))
        take_path(root, "socket", NULL, &config->socket);
    if (!config->socket)
        config->socket = mem_str(socket);
    take_path(root, "clock", NULL, &config->clock);
    take_path(root, "ca_file", NULL, &config->ca_file);
    take_text(root, "zone", "UTC", &config->zone);
    take_ms(root, "poll", 60 * 1000, &config->poll);
    if (config->poll < 1000 && check_get(root, "poll", &at))
        check_wrong(&at, "write 1s or more", "mailboxes can't be asked that often");
    take_ms(root, "retention", 0, &config->retention);
    take_log_level(root, config);
    take_holidays(root, config);
    take_providers(root, config);
    check_clock(root, config);
    for (size_t i = 0; i < config->provider_count; i++)
        check_plain(root, &config->providers[i]);
    check_key_file(root, config);
}

static int config_from(struct tree *tree, struct mistakes *mistakes,
                       struct config_daemon **config_r)
{
    struct config_daemon *config = mem_new(sizeof(*config));
    size_t before = mistakes->count;
    struct check root;

    config->tree = tree;
    if (check_root(tree, mistakes, &root))
        take_all(&root, config);
    if (mistakes->count > before) {
        config_daemon_free(config);
        return -EINVAL;
    }
    *config_r = config;
    return 0;
}

int config_daemon_parse(const char *file, const void *data, size_t len, struct mistakes *mistakes,
                        struct config_daemon **config_r)
{
    struct tree *tree;
    int r = tree_parse(file, data, len, mistakes, &tree);

    return r < 0 ? r : config_from(tree, mistakes, config_r);
}

int config_daemon_read(const char *file, struct mistakes *mistakes, struct config_daemon **config_r)
{
    struct tree *tree;
    int r = tree_read(file, mistakes, &tree);

    return r < 0 ? r : config_from(tree, mistakes, config_r);
}

static void provider_finish(struct config_provider *provider)
{
    for (size_t i = 0; i < provider->setting_count; i++) {
        free(provider->settings[i].key);
        free(provider->settings[i].value);
    }
    free(provider->settings);
    free(provider->name);
    free(provider->plugin);
    free(provider->client_id);
    free(provider->client_secret_file);
    json_object_put(provider->tree);
}

void config_daemon_free(struct config_daemon *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->holidays_count; i++) {
        free(config->holidays[i].name);
        free(config->holidays[i].file);
    }
    for (size_t i = 0; i < config->provider_count; i++)
        provider_finish(&config->providers[i]);
    free(config->holidays);
    free(config->providers);
    free(config->data);
    free(config->listen_host);
    free(config->public_url);
    free(config->plugins);
    free(config->master_key_file);
    free(config->socket);
    free(config->clock);
    free(config->ca_file);
    free(config->zone);
    tree_free(config->tree);
    free(config);
}

const struct config_provider *config_provider_find(const struct config_daemon *config,
                                                   const char *name)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (strcmp(config->providers[i].name, name) == 0)
            return &config->providers[i];
    return NULL;
}

const char *config_provider_setting(const struct config_provider *provider, const char *key)
{
    for (size_t i = 0; i < provider->setting_count; i++)
        if (strcmp(provider->settings[i].key, key) == 0)
            return provider->settings[i].value;
    return NULL;
}
