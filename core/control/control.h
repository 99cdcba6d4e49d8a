/* control/control.h: the faces of the daemon over HTTP: the REST API on a Unix socket for
 * operators, and on a TCP port what owners and candidates need: consent, opt-out, health.
 *
 * Both listeners live on the loop: no threads, no call ever waits. What the API can do is described
 * in openapi.yaml, which is also what GET /openapi.yaml answers. Loop thread only. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct config_daemon;
struct control;
struct engine;
struct loop;
struct mailboxes;
struct provider_set;
struct seal;
struct store;

struct control_options { /* all lent until control_free */
    struct loop *loop;
    struct store *store;
    struct seal *seal;
    struct engine *engine;
    struct mailboxes *mailboxes;
    struct provider_set *providers;
    const struct config_daemon *config; /* socket, listen_host and listen_port, providers */
    const char *base_url;               /* where people's browsers reach the TCP listener */
    /* What SIGHUP does: config and plugins anew. Answers 0 or a negative errno with a sentence in
     * error. NULL: POST /v1/reload answers 501. */
    int (*reload)(void *arg, struct buf *error);
    void *reload_arg;
};
/* Opens both listeners. NULL with a sentence in error: the socket is taken by a daemon that lives,
 * the port is taken, ... A socket file that nobody listens to is replaced; the new one is 0600. */
struct control *control_new(const struct control_options *options, struct buf *error);
/* What a SIGHUP may have changed: another config is lent in place of the old one (the listeners
 * stay where they are). */
void control_set_config(struct control *control, const struct config_daemon *config);
/* Ends every connection, closes the listeners, unlinks the socket. Before the engine, mailboxes and
 * store are freed; answers that come later from them go nowhere. NULL is fine. */
void control_free(struct control *control);
/* Which port the TCP listener has (where the config said 0). */
unsigned control_port(const struct control *control);
/* Every route, "METHOD /path/{param}" a line, in the words of openapi.yaml; the API's first. For
 * `postriderd --routes`. */
void control_routes(struct buf *out);
#endif
