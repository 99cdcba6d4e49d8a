/* net/http.c: requests under way: the curl multi on the loop, in-flight limit, outcome. */
#include "net/http_private.h"

#include "base/mem.h"
#include "net/loop.h"
#include "net/stream_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* -- hosts ---------------------------------------------------------------------------- */
static struct http_host *host_of(struct http_client *client, const char *url)
{
    size_t scheme = strcspn(url, "/") + 2, len = scheme + strcspn(url + scheme, "/?#");
    struct http_host *host = map_get(&client->hosts, url, len);

    if (!host) {
        host = mem_new(sizeof(*host));
        list_init(&host->node);
        list_init(&host->waiting);
        map_put(&client->hosts, url, len, host);
    }
    return host;
}

static bool has_place(const struct http_client *client, const struct http_host *host)
{
    return client->stats.in_flight < client->options.in_flight &&
           (host->one_a_connection || host->in_flight < client->options.streams_per_host);
}

static void learn_version(struct http_call *call)
{
    long version = 0;

    curl_easy_getinfo(call->easy, CURLINFO_HTTP_VERSION, &version);
    if (version == CURL_HTTP_VERSION_1_1 || version == CURL_HTTP_VERSION_2_0)
        call->host->one_a_connection = version == CURL_HTTP_VERSION_1_1;
}

static void give_to_curl(struct http_call *call)
{
    struct http_client *client = call->client;

    list_remove(&call->node);
    list_add(&client->running, &call->node);
    call->running = true;
    client->stats.waiting--;
    client->stats.in_flight++;
    call->host->in_flight++;
    curl_multi_add_handle(client->multi.curl, call->easy);
}

/* One of each host in turn, so that a busy one does not take every place. */
static void start_waiting(struct http_client *client)
{
    bool any = true;

    while (any) {
        any = false;
        LIST_EACH_SAFE (node, &client->waiting) {
            struct http_host *host = LIST_ENTRY(node, struct http_host, node);

            if (!list_empty(&host->waiting) && has_place(client, host)) {
                give_to_curl(LIST_ENTRY(host->waiting.next, struct http_call, node));
                any = true;
            }
            if (list_empty(&host->waiting))
                list_remove(&host->node);
        }
    }
}

static void wait_for_place(struct http_call *call)
{
    struct http_client *client = call->client;

    list_add(&call->host->waiting, &call->node);
    if (list_empty(&call->host->node))
        list_add(&client->waiting, &call->host->node);
    client->stats.waiting++;
    start_waiting(client);
}

/* -- calls ---------------------------------------------------------------------------- */
static void deadline_passed(void *arg);

static struct http_call *call_take(struct http_client *client)
{
    struct http_call *call;

    if (!list_empty(&client->spare)) {
        call = LIST_ENTRY(client->spare.prev, struct http_call, node);
        list_remove(&call->node);
        return call;
    }
    call = mem_new(sizeof(*call));
    list_init(&call->node);
    call->client = client;
    call->deadline = loop_timer_new(client->loop, deadline_passed, call);
    call->easy = http_easy_new(call);
    if (!call->easy)
        abort(); /* no memory; as mem_new does, and as safe */
    return call;
}

static void call_free(struct http_call *call)
{
    list_remove(&call->node);
    http_easy_release(call);
    curl_easy_cleanup(call->easy);
    loop_timer_free(call->deadline);
    buf_finish(&call->request_body);
    buf_finish(&call->headers);
    buf_finish(&call->body);
    free(call);
}

/* Takes it from libcurl and from its list; nothing of it happens any more. */
static void detach(struct http_call *call)
{
    struct http_stats *stats = &call->client->stats;

    loop_timer_stop(call->deadline);
    list_remove(&call->node);
    if (call->running) {
        curl_multi_remove_handle(call->client->multi.curl, call->easy);
        call->running = false;
        stats->in_flight--;
        call->host->in_flight--;
    } else if (call->host) {
        stats->waiting--;
    }
}

static void put_back(struct http_call *call)
{
    http_easy_release(call);
    list_add(&call->client->spare, &call->node);
}

/* HTTP/2: what could not be written of a request is kept with its connection, and would follow with
 * the next one's, long after this one was said to have failed. So the connection ends with it. */
static void cut_off(struct http_call *call)
{
    curl_socket_t socket = CURL_SOCKET_BAD;

    if (curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK &&
        socket != CURL_SOCKET_BAD)
        shutdown(socket, SHUT_RDWR);
}

static void finish(struct http_call *call, CURLcode code)
{
    struct http_client *client = call->client;
    struct http_response response = {.sent = call->tries > 0};
    auto_free char *error = NULL;
    long status = 0;

    if (call->tries) {
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        learn_version(call);
    }
    response.began = status >= 200 ? (int)status : 0;
    response.status = code == CURLE_OK && !call->problem ? response.began : 0;
    if (!response.status) {
        error = http_explain(call, code);
        response.error = error;
        client->stats.failed++;
    }
    if (code == CURLE_SEND_ERROR)
        cut_off(call);
    response.headers = buf_bytes(&call->headers);
    response.body = buf_bytes(&call->body);
    detach(call);
    client->stats.finished++;
    call->done(call->arg, &response);
    put_back(call);
    start_waiting(client);
    loop_busy(client->loop, -1);
}

static void deadline_passed(void *arg)
{
    struct http_call *call = arg;
    double seconds = (double)call->timeout_ms / 1000;

    if (!call->host) {
        finish(call, CURLE_BAD_FUNCTION_ARGUMENT); /* refused at the start */
        return;
    }
    call->problem = call->running
                        ? mem_printf("no whole answer within %.3g s", seconds)
                        : mem_printf("too many requests were before it for %.3g s", seconds);
    finish(call, CURLE_OPERATION_TIMEDOUT);
}

struct http_call *http_start(struct http_client *client, const struct http_request *request,
                             void (*done)(void *arg, const struct http_response *response),
                             void *arg)
{
    struct http_call *call = call_take(client);

    call->done = done;
    call->arg = arg;
    loop_busy(client->loop, 1);
    client->stats.started++;
    call->problem = http_easy_prepare(call, request);
    if (call->problem) {
        list_add(&client->refused, &call->node);
        loop_timer_in(call->deadline, 0);
        return call;
    }
    loop_timer_in(call->deadline, call->timeout_ms);
    call->host = host_of(client, call->url);
    wait_for_place(call);
    return call;
}

bool http_sent(const struct http_call *call)
{
    return call->tries > 0;
}

bool http_abort(struct http_call *call)
{
    struct http_client *client = call->client;
    bool sent = http_sent(call);

    if (list_empty(&call->node))
        return sent; /* its `done` is running: it is over */
    detach(call);
    client->stats.aborted++;
    put_back(call);
    start_waiting(client);
    loop_busy(client->loop, -1);
    return sent;
}

static void call_ended(CURL *easy, CURLcode code)
{
    struct http_call *call;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
    finish(call, code);
}

/* -- the client ----------------------------------------------------------------------- */
static void copy_options(struct http_options *ours, const struct http_options *options)
{
    static const struct http_options none;

    *ours = options ? *options : none;
    ours->ca_file = mem_str(ours->ca_file ? ours->ca_file : "/etc/ssl/certs/ca-certificates.crt");
    ours->proxy = mem_str(ours->proxy);
    ours->user_agent = mem_str(ours->user_agent ? ours->user_agent : "postrider");
    ours->in_flight = ours->in_flight ? ours->in_flight : 500;
    ours->streams_per_host = ours->streams_per_host ? ours->streams_per_host : 100;
    ours->connect_ms = ours->connect_ms ? ours->connect_ms : 10000;
    ours->idle_ms = ours->idle_ms ? ours->idle_ms : 50000;
}

static void set_multi(struct http_client *client)
{
    const struct http_options *options = &client->options;

    curl_multi_setopt(client->multi.curl, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(client->multi.curl, CURLMOPT_MAXCONNECTS, (long)options->in_flight);
    curl_multi_setopt(client->multi.curl, CURLMOPT_MAX_HOST_CONNECTIONS,
                      (long)options->connections_per_host);
    curl_share_setopt(client->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

static bool begin(struct http_client *client)
{
    if (!multi_init(&client->multi, client->loop, call_ended) ||
        !multi_init(&client->lines, client->loop, stream_ended))
        return false;
    client->share = curl_share_init();
    return client->share != NULL;
}

struct http_client *http_client_new(struct loop *loop, const struct http_options *options,
                                    struct buf *error)
{
    struct http_client *client = mem_new(sizeof(*client));

    client->loop = loop;
    copy_options(&client->options, options);
    list_init(&client->running);
    list_init(&client->waiting);
    list_init(&client->refused);
    list_init(&client->spare);
    list_init(&client->streams);
    if (access(client->options.ca_file, R_OK) < 0)
        buf_printf(
            error,
            "the CA file %s can't be read: %s; install ca-certificates, or name another file",
            client->options.ca_file, strerror(errno));
    else if (!begin(client))
        buf_add_str(error, "libcurl could not start; check this machine's memory and libcurl4");
    else {
        set_multi(client);
        return client;
    }
    http_client_free(client);
    return NULL;
}

static void drop_calls(struct list *calls)
{
    while (!list_empty(calls))
        http_abort(LIST_ENTRY(calls->next, struct http_call, node));
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    client->options.in_flight = 0; /* nothing that waits is started now */
    LIST_EACH_SAFE (node, &client->waiting) {
        drop_calls(&LIST_ENTRY(node, struct http_host, node)->waiting);
    }
    drop_calls(&client->running);
    drop_calls(&client->refused);
    stream_close_all(client);
    LIST_EACH_SAFE (node, &client->spare) {
        call_free(LIST_ENTRY(node, struct http_call, node));
    }
    multi_finish(&client->multi);
    multi_finish(&client->lines);
    curl_share_cleanup(client->share);
    map_finish(&client->hosts, free);
    map_finish(&client->plain, NULL);
    free((char *)client->options.ca_file);
    free((char *)client->options.proxy);
    free((char *)client->options.user_agent);
    free(client);
}

int http_allow_plain(struct http_client *client, const char *origin)
{
    auto_free char *whole = http_origin(origin);
    size_t scheme = strlen("http://");

    if (!whole || strncmp(whole, "http://", scheme) != 0 || !http_origin_is_loopback(whole))
        return -EINVAL;
    if (strcspn(origin + scheme, "/?#") + 1 < strlen(origin + scheme))
        return -EINVAL; /* a path, where an origin was meant */
    map_put_str(&client->plain, whole, client);
    return 0;
}

void http_get_stats(const struct http_client *client, struct http_stats *stats_r)
{
    *stats_r = client->stats;
}
