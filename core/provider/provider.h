/* provider/provider.h: the set of configured providers: loading, describing, reloading.
 *
 * All of it is for the loop thread. Functions that can fail return 0 or a negative errno and put
 * one sentence into `error` that names the thing, the reason and the next step.
 *
 * A plugin is loaded only by name ([a-z0-9_-]+.so) from the one configured directory, if neither
 * it, nor that directory, nor any directory above could be changed by anyone but root and us
 * (design.md, section 6). What runs is a private copy, <data>/plugins.run/<name>.<n>.so. */
#ifndef PROVIDER_PROVIDER_H
#define PROVIDER_PROVIDER_H
#include "base/buf.h"
#include "postrider/provider.h"
#include "provider/credential.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct http_client;
struct watchdog;
struct provider_set;

struct provider_set_options {
    struct loop *loop;
    struct http_client *http;
    const char *data_dir;    /* plugins.run is made in it, mode 0700            */
    const char *plugins_dir; /* absolute                                        */
    struct credential_source credentials;
    uint32_t drain_grace;  /* ms; 0: 30 s. How long an old generation may finish by itself */
    uint32_t cancel_grace; /* ms; 0: 2 s. How long a cancelled operation may take to end   */
};

/* -EACCES and others: plugins.run can't be made, or is on a noexec mount. */
int provider_set_new(const struct provider_set_options *options, struct buf *error,
                     struct provider_set **set_r);
/* Sessions must have been closed. What a plugin still holds stays mapped. NULL is fine. */
void provider_set_free(struct provider_set *set);

/* From now on the watchdog knows which provider's plugin is being called, so that its last line can
 * name the one that hangs. NULL: no longer; before watchdog_stop. */
void provider_set_watch(struct provider_set *set, struct watchdog *watchdog);

/* Loads the plugin for a provider of this name. settings is "key", "value", ..., NULL, copied:
 * the provider's part of the config. Keys that the plugin marks secret, and client_secret*, are
 * not handed to it. The host's own keys: limits.in_flight, limits.units, limits.per_ms,
 * limits.sends_per_minute, limits.recipients_per_day (each mailbox, in place of the plugin's),
 * the same under limits.provider. (all mailboxes together) and limits.tenant. (those of one
 * organisation, with limits.tenant.external_per_day: recipients outside the sender's domain),
 * settle (ms, may only raise), and for lines (ext/stream.h) sasl and plain. */
int provider_set_add(struct provider_set *set, const char *name, const char *file,
                     const char *const *settings, struct buf *error);

/* Swaps the plugin of a provider for what its file holds now. settings NULL: as they were.
 * Returns once new work goes to the new generation, or with an error and the old one untouched;
 * the old one drains afterwards, by itself. A plugin that names an origin (API or sign-in) that
 * the old one did not is refused with -EPERM unless accept_origins. */
int provider_set_reload(struct provider_set *set, const char *name, const char *const *settings,
                        bool accept_origins, struct buf *error);

/* -- what a provider says of itself ----------------------------------------------------------- */
struct provider_about { /* lent until the next reload of that provider     */
    const char *name;   /* the configured name; the plugin's own is id     */
    const char *id, *title, *version;
    uint32_t can;
    uint32_t auth;   /* RIDER_AUTH_OAUTH, RIDER_AUTH_PASSWORD           */
    uint32_t settle; /* ms, with the config's                           */
    const struct rider_setting *const *settings; /* NULL-terminated, or NULL; each entry is
                                                    read through RIDER_REACHES    */
};
/* -ENOENT: no provider of that name. */
int provider_about(struct provider_set *set, const char *name, struct provider_about *about_r);
/* The names, in the order they were added; NULL past the end. */
const char *provider_name_at(struct provider_set *set, size_t index);
/* A configured value (also the secret ones: for the host, never for a plugin), or NULL. */
const char *provider_setting(struct provider_set *set, const char *name, const char *key);

/* The OAuth description for an access level, copied and of full size; NULL members where the
 * plugin left them out, but never a NULL list. -ENOTSUP: this level, or OAuth, is not offered. */
int provider_oauth(struct provider_set *set, const char *name, enum rider_access access,
                   struct rider_oauth **oauth_r);
void provider_oauth_free(struct rider_oauth *oauth); /* NULL is fine          */
/* What an error answer of the provider's sign-in or token endpoint means. Strings of failure_r
 * are good until the caller returns to the loop. Without an opinion of the plugin's: AUTH for
 * invalid_grant, TRANSIENT for temporarily_unavailable and server_error, else PERMANENT. */
void provider_oauth_failure(struct provider_set *set, const char *name, const char *error,
                            const char *suberror, const char *description,
                            struct rider_failure *failure_r);

/* -- how the generations stand ---------------------------------------------------------------- */
enum provider_state { PROVIDER_LIVE = 1, PROVIDER_DRAINING = 2, PROVIDER_PARKED = 3 };
struct provider_generation_status {
    const char *provider, *version; /* lent during the call                       */
    uint32_t generation;            /* counts from 1 for each provider            */
    enum provider_state state;
    size_t sessions, operations, timers, requests; /* what it holds        */
    int64_t loaded_at;                             /* wall                 */
};
/* Calls item for each generation that is mapped, provider by provider, the live one first. */
void provider_set_status(struct provider_set *set,
                         void (*item)(void *arg, const struct provider_generation_status *),
                         void *arg);
/* What plugins did wrong in this process so far; each was also logged. */
struct provider_misdeeds {
    uint64_t finished_twice;   /* or finished what was not theirs to finish          */
    uint64_t never_finished;   /* ended by the host after deadline, cancel and grace */
    uint64_t made_no_sense;    /* an answer that does not fit its operation          */
    uint64_t held_at_close;    /* timers and requests                                */
    uint64_t requests_refused; /* a token asked for a foreign origin, bad URLs       */
};
void provider_misdeeds(struct provider_misdeeds *misdeeds_r);

/* A word for the state: "live", "draining", "parked". */
const char *provider_state_name(enum provider_state state);
#endif
