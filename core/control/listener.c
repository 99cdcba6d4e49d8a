/* control/listener.c: libmicrohttpd under our loop. */
#include "control/listener.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/exchange.h"
#include "net/loop.h"

#include <microhttpd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEADER_MAX = 16 * 1024,  /* all of a browser's request but its body */
    API_MEMORY = 256 * 1024, /* read in pieces of about half of it */
    QUIET_SECONDS = 10,      /* a connection on which nothing moves */
    PERSON_MS = 15000,       /* a browser's whole request, however slowly it comes */
    SWEEP_MS = 5000,
    SWALLOW_PEOPLE = 64 * 1024 /* what is read of a body that nobody wants */
};
static const size_t swallow_api = (size_t)64 * 1024 * 1024;

struct caller { /* one connection; the API's may take their time */
    struct list node;
    struct MHD_Connection *connection;
    int64_t since;
    bool waits; /* for us, not we for it */
};
struct listener {
    struct listener_options options;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch;
    struct loop_timer *timer, *sweep;
    struct list exchanges, callers;
    bool closing;
};

/* Exchanges whose caller has gone while they wait; the callback, if it comes, frees them. After
 * control_free it may come, or never, so they must be held by something that outlives us. */
static struct list orphans = {&orphans, &orphans};

static void listener_run(struct listener *listener)
{
    MHD_UNSIGNED_LONG_LONG wait;

    MHD_run(listener->daemon);
    if (MHD_get_timeout(listener->daemon, &wait) == MHD_YES)
        loop_timer_in(listener->timer, (int64_t)wait);
    else
        loop_timer_stop(listener->timer);
}

static void on_ready(void *arg, int events)
{
    (void)events;
    listener_run(arg);
}

static void on_timer(void *arg)
{
    listener_run(arg);
}

static struct caller *caller_of(struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static void caller_waits(struct exchange *exchange, bool waits)
{
    struct caller *caller = caller_of(exchange);

    if (!caller)
        return;
    caller->waits = waits;
    caller->since = clock_monotonic();
}

void listener_suspend(struct exchange *exchange)
{
    if (exchange->suspended)
        return;
    exchange->suspended = true;
    caller_waits(exchange, true);
    MHD_suspend_connection(exchange->connection);
}

void listener_resume(struct exchange *exchange)
{
    if (!exchange->suspended)
        return;
    exchange->suspended = false;
    caller_waits(exchange, false);
    MHD_resume_connection(exchange->connection);
    if (!exchange->listener->closing)
        loop_timer_in(exchange->listener->timer, 0);
}

/* -- answers ------------------------------------------------------------------------------ */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (value)
        MHD_add_response_header(response, name, value);
}

static void add_page_headers(struct MHD_Response *response, const struct exchange *exchange)
{
    /* A form's redirect counts as the form's target, so the page that leads to a provider's
     * sign-in must allow where that is. */
    static const char elsewhere[] = " https: http://127.0.0.1:* http://localhost:*";
    auto_free char *policy =
        mem_printf("default-src 'none'; style-src 'nonce-%s'; base-uri 'none'; "
                   "frame-ancestors 'none'; form-action 'self'%s",
                   exchange->nonce, exchange->form_anywhere ? elsewhere : "");

    add_header(response, "Content-Security-Policy", policy);
    add_header(response, "Referrer-Policy", "no-referrer");
    add_header(response, "X-Frame-Options", "DENY");
    add_header(response, "Cross-Origin-Opener-Policy", "same-origin");
}

static enum MHD_Result queue_answer(struct exchange *exchange)
{
    struct listener *listener = exchange->listener;
    size_t len = exchange->out.len;
    struct MHD_Response *response;
    enum MHD_Result queued;

    if (!exchange->page && listener->options.dress)
        listener->options.dress(exchange);
    len = exchange->out.len;
    response = MHD_create_response_from_buffer(len, len ? buf_take(&exchange->out) : mem_str(""),
                                               MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    add_header(response, "Content-Type", exchange->type);
    add_header(response, "Cache-Control", "no-store");
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "Location", exchange->location);
    add_header(response, "Set-Cookie", exchange->cookie);
    add_header(response, "Allow", exchange->allow);
    if (exchange->page)
        add_page_headers(response, exchange);
    if (listener->options.people)
        add_header(response, "Connection", "close");
    queued = MHD_queue_response(exchange->connection, exchange->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* -- requests ----------------------------------------------------------------------------- */

static enum MHD_Result count_length(void *arg, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    int *count = arg;

    (void)kind;
    (void)value;
    if (strcasecmp(key, "Content-Length") == 0)
        *count += 1;
    else if (strcasecmp(key, "Transfer-Encoding") == 0)
        *count += 1;
    return MHD_YES;
}

static void begin(struct exchange *exchange, const char *method)
{
    int lengths = 0;

    exchange->begun = true;
    loop_busy(exchange->listener->options.loop, 1);
    MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, count_length, &lengths);
    if (lengths > 1) { /* two who read this might see two different requests */
        exchange_refuse(exchange, 400, "the request was not read",
                        "it says more than once how long its body is", "send one Content-Length");
        return;
    }
    route_find(exchange, method, exchange->listener->options.tables);
    if (!exchange->answered && exchange->route->begin)
        exchange->route->begin(exchange);
}

/* false: enough of it. */
static bool take_body(struct exchange *exchange, const char *data, size_t len)
{
    bool people = exchange->listener->options.people, full = false;

    if (exchange->answered) {
        exchange->swallowed += len;
        return exchange->swallowed <= (people ? SWALLOW_PEOPLE : swallow_api);
    }
    if (exchange->feed) {
        exchange->feed(exchange, data, len, &full);
        if (full)
            listener_suspend(exchange);
    } else if (exchange->body.len + len > exchange->route->body) {
        auto_free char *why =
            mem_printf("its body is longer than %zu bytes", exchange->route->body);

        exchange_refuse(exchange, 413, "the request was not taken", why, "send less");
    } else {
        buf_add(&exchange->body, data, len);
    }
    return true;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **slot)
{
    struct exchange *exchange = *slot;

    (void)arg;
    (void)url;
    (void)version;
    if (!exchange)
        return MHD_NO;
    if (!exchange->begun) {
        exchange->connection = connection;
        begin(exchange, method);
        return MHD_YES;
    }
    if (*len) {
        bool more = take_body(exchange, data, *len);

        *len = 0;
        return more ? MHD_YES : MHD_NO;
    }
    if (!exchange->answered && !exchange->acted) {
        exchange->acted = true;
        exchange->route->act(exchange);
    }
    return exchange->answered ? queue_answer(exchange) : MHD_YES;
}

static void *on_uri(void *arg, const char *uri, struct MHD_Connection *connection)
{
    struct listener *listener = arg;
    struct exchange *exchange = exchange_new(listener->options.control, uri);

    exchange->listener = listener;
    exchange->connection = connection;
    list_add(&listener->exchanges, &exchange->node);
    return exchange;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code)
{
    struct listener *listener = arg;
    struct exchange *exchange = *slot;

    (void)connection;
    (void)code;
    *slot = NULL;
    if (!exchange)
        return;
    if (exchange->begun)
        loop_busy(listener->options.loop, -1);
    exchange->connection = NULL;
    exchange->listener = NULL;
    list_remove(&exchange->node);
    if (exchange->waiting)
        list_add(&orphans, &exchange->node); /* freed in exchange_back */
    else
        exchange_free(exchange);
}

/* -- slow callers ------------------------------------------------------------------------- */

static void on_connection(void *arg, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    struct listener *listener = arg;
    struct caller *caller = *slot;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        caller = mem_new(sizeof(*caller));
        caller->connection = connection;
        caller->since = clock_monotonic();
        list_add(&listener->callers, &caller->node);
        *slot = caller;
    } else if (caller) {
        list_remove(&caller->node);
        free(caller);
        *slot = NULL;
    }
}

/* libmicrohttpd's timeout begins anew with each byte; this one does not. And where accept() failed,
 * or all connections were taken, it stops listening until a later run, which nothing else may
 * bring. */
static void on_sweep(void *arg)
{
    struct listener *listener = arg;
    int64_t now = clock_monotonic();

    LIST_EACH_SAFE (node, &listener->callers) {
        struct caller *caller = LIST_ENTRY(node, struct caller, node);
        const union MHD_ConnectionInfo *info;

        if (!listener->options.people || caller->waits || now - caller->since < PERSON_MS)
            continue;
        info = MHD_get_connection_info(caller->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (info)
            shutdown(info->connect_fd, SHUT_RDWR);
    }
    listener_run(listener);
    loop_timer_in(listener->sweep, SWEEP_MS);
}

/* -- the daemon --------------------------------------------------------------------------- */

/* Paths and queries are decoded by us, piece by piece: a %2F is no slash. */
static size_t leave_escaped(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return strlen(text);
}

static void on_log(void *arg, const char *format, va_list args)
{
    (void)arg;
    log_writev(LOG_LEVEL_DEBUG, format, args);
}

static struct MHD_Daemon *start(struct listener *listener)
{
    const struct listener_options *options = &listener->options;
    size_t memory = options->people ? HEADER_MAX : API_MEMORY;
    unsigned quiet = QUIET_SECONDS;

    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
        listener, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, options->fd,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, listener, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        listener, MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        memory, MHD_OPTION_CONNECTION_TIMEOUT, quiet, MHD_OPTION_CONNECTION_LIMIT,
        options->connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->per_ip,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

struct listener *listener_new(const struct listener_options *options)
{
    struct listener *listener = mem_new(sizeof(*listener));
    const union MHD_DaemonInfo *info;

    listener->options = *options;
    list_init(&listener->exchanges);
    list_init(&listener->callers);
    listener->daemon = start(listener);
    if (!listener->daemon) {
        close(options->fd);
        free(listener);
        return NULL;
    }
    listener->timer = loop_timer_new(options->loop, on_timer, listener);
    info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    listener->watch =
        loop_fd_watch(options->loop, info->epoll_fd, LOOP_READABLE, on_ready, listener);
    listener->sweep = loop_timer_new(options->loop, on_sweep, listener);
    loop_timer_in(listener->sweep, SWEEP_MS);
    return listener;
}

void listener_free(struct listener *listener)
{
    if (!listener)
        return;
    listener->closing = true;
    LIST_EACH_SAFE (node, &listener->exchanges) {
        struct exchange *exchange = LIST_ENTRY(node, struct exchange, node);

        if (!exchange->suspended)
            continue;
        exchange_refuse(exchange, 503, "this was not waited for",
                        "the daemon stops; what was begun ends, or begins again after its restart",
                        "ask again when it is back");
        listener_resume(exchange);
    }
    loop_watch_free(listener->watch);
    loop_timer_free(listener->timer);
    loop_timer_free(listener->sweep);
    MHD_run(listener->daemon);
    MHD_stop_daemon(listener->daemon);
    free(listener);
}
