/* control/control.c: opens the two listeners and closes them. */
#include "control/control.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/daemon.h"
#include "control/internal.h"
#include "control/page.h"

#include <string.h>
#include <unistd.h>

enum { API_CONNECTIONS = 64, PEOPLE_CONNECTIONS = 512, PEOPLE_PER_IP = 32 };

const struct route *const api_tables[] = {
    api_status_routes,
    api_mailbox_routes,
    api_campaign_routes,
    api_people_routes,
    api_reply_routes,
    api_provider_routes,
    NULL,
};
const struct route *const page_tables[] = {page_routes, NULL};

static bool open_api(struct control *control, struct buf *error)
{
    struct listener_options options = {.loop = control->options.loop,
                                       .control = control,
                                       .tables = api_tables,
                                       .connections = API_CONNECTIONS};

    options.fd = socket_unix(control->options.config->socket, error);
    if (options.fd < 0)
        return false;
    control->api = listener_new(&options);
    if (!control->api) {
        buf_printf(error, "%s can't be served; see the log at level debug",
                   control->options.config->socket);
        unlink(control->options.config->socket);
    }
    return control->api;
}

/* Behind a proxy on this machine everybody comes from the same address. */
static bool open_people(struct control *control, struct buf *error)
{
    const struct config_daemon *config = control->options.config;
    struct listener_options options = {.loop = control->options.loop,
                                       .control = control,
                                       .tables = page_tables,
                                       .people = true,
                                       .connections = PEOPLE_CONNECTIONS,
                                       .dress = page_dress};
    auto_free char *url = mem_printf(strchr(config->listen_host, ':') ? "http://[%s]" : "http://%s",
                                     config->listen_host);

    options.per_ip = config_url_is_loopback(url) ? 0 : PEOPLE_PER_IP;
    options.fd = socket_tcp(config->listen_host, config->listen_port, &control->port, error);
    if (options.fd < 0)
        return false;
    control->people = listener_new(&options);
    if (!control->people)
        buf_printf(error, "%s:%u can't be served; see the log at level debug", config->listen_host,
                   config->listen_port);
    return control->people;
}

struct control *control_new(const struct control_options *options, struct buf *error)
{
    struct control *control = mem_new(sizeof(*control));

    control->options = *options;
    control->socket = mem_str(options->config->socket);
    if (open_api(control, error) && open_people(control, error)) {
        log_info("control: answering at %s and on %s port %u", options->config->socket,
                 options->config->listen_host, control->port);
        return control;
    }
    control_free(control);
    return NULL;
}

void control_set_config(struct control *control, const struct config_daemon *config)
{
    control->options.config = config;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    listener_free(control->people);
    if (control->api) {
        unlink(control->socket);
        listener_free(control->api);
    }
    free(control->socket);
    free(control);
}

unsigned control_port(const struct control *control)
{
    return control->port;
}

void control_routes(struct buf *out)
{
    route_lines(api_tables, out);
    route_lines(page_tables, out);
}
