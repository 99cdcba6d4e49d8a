/* config/daemon.h: the daemon's YAML as a struct.
 *
 * Paths that are relative are taken from the config file's folder. Nothing is opened but the
 * config file itself: secrets stay in their files. Any thread. */
#ifndef CONFIG_DAEMON_H
#define CONFIG_DAEMON_H
#include "config/check.h"
#include "config/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_promise {
    CONFIG_PROMISE_DEFAULT = 0,
    CONFIG_PROMISE_STRICT = 1,
    CONFIG_PROMISE_FAST = 2
};

struct config_setting {
    char *key, *value; /* maps below a provider are dotted: "limits.in_flight" */
};
struct config_provider {
    char *name;               /* [a-z0-9_-]+                                  */
    char *plugin;             /* "gmail.so", a name in the plugins folder     */
    char *client_id;          /* NULL: none                                   */
    char *client_secret_file; /* NULL: none                                   */
    enum config_promise promise;
    int64_t settle;                  /* ms; -1: as the plugin says                   */
    int64_t operation_timeout;       /* ms, real; 60,000: how long an operation may take */
    struct config_setting *settings; /* all the other keys, for the plugin           */
    size_t setting_count;
    struct json_object *tree; /* the provider's whole subtree */
};
struct config_holidays {
    char *name, *file; /* "de", "/etc/postrider/de.ics"                        */
};
struct config_daemon {
    struct tree *tree;
    char *data;
    char *listen_host; /* "127.0.0.1"; IPv6 without its brackets               */
    uint16_t listen_port;
    char *public_url;      /* NULL: none; no slash at its end                      */
    char *plugins;         /* the plugins folder                                   */
    char *master_key_file; /* outside `data`; /etc/postrider/master.key            */
    char *socket;          /* <data>/postrider.sock                                */
    char *clock;           /* the sandbox clock's socket; NULL: real time          */
    char *ca_file;         /* NULL: the system's                                   */
    char *zone;            /* IANA, where a mailbox says none; "UTC"               */
    int64_t poll;          /* ms; 60,000                                           */
    int64_t retention;     /* ms; 0: kept until erased                             */
    int log_level;         /* enum log_level                                       */
    struct config_holidays *holidays;
    size_t holidays_count;
    struct config_provider *providers;
    size_t provider_count;
};

/* -EINVAL: see the mistakes; nothing is given then. `clock` is a mistake unless each provider names
 * at least one URL and all they name are loopback; main asks config_url_is_loopback once more for
 * the origins that the plugins describe. */
int config_daemon_read(const char *file, struct mistakes *mistakes,
                       struct config_daemon **config_r);
int config_daemon_parse(const char *file, const void *data, size_t len, struct mistakes *mistakes,
                        struct config_daemon **config_r);
void config_daemon_free(struct config_daemon *config);
const struct config_provider *config_provider_find(const struct config_daemon *config,
                                                   const char *name);       /* NULL: none */
const char *config_provider_setting(const struct config_provider *provider, /* NULL: none */
                                    const char *key);
/* Whether a URL's host is 127.0.0.0/8, [::1] or localhost. */
bool config_url_is_loopback(const char *url);
#endif
