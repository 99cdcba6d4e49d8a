/* net/stream.c: lines under way: opened, read, written, closed. */
#include "net/stream_private.h"

#include "base/mem.h"
#include "net/loop.h"

#include <assert.h>
#include <string.h>

/* -- ending --------------------------------------------------------------------------- */
static void stream_free(struct stream *stream)
{
    curl_easy_cleanup(stream->easy);
    loop_timer_free(stream->timer);
    mem_wipe_str(&stream->secret);
    free(stream->origin);
    free(stream->options);
    free(stream->problem);
    buf_finish(&stream->said);
    buf_wipe(&stream->early);
    buf_wipe(&stream->leaving);
    buf_wipe(&stream->queue);
    free(stream);
}

/* Nothing of it happens any more: the line is closed, without a word to the server. */
static void detach(struct stream *stream)
{
    struct http_client *client = stream->client;

    if (!stream->is_open)
        loop_busy(client->loop, -1);
    stream->over = true;
    list_remove(&stream->node);
    client->stream_stats.now--;
    loop_timer_stop(stream->timer);
    loop_watch_free(stream->watch);
    stream->watch = NULL;
    curl_multi_remove_handle(client->lines.curl, stream->easy);
}

void stream_close(struct stream *stream)
{
    if (!stream || stream->over)
        return;
    detach(stream);
    if (!stream->telling)
        stream_free(stream);
}

static void count_end(struct stream_stats *stats, enum stream_why why)
{
    stats->denied += why == STREAM_DENIED;
    stats->failed += why == STREAM_FAILED;
    stats->lost += why == STREAM_LOST;
}

static void end(struct stream *stream, CURLcode code)
{
    int reply = 0;
    enum stream_why why = stream->is_open ? STREAM_LOST : stream_judge(stream, code, &reply);
    auto_free char *text = stream_explain(stream, code);

    assert(!stream->telling);
    count_end(&stream->client->stream_stats, why);
    detach(stream);
    stream->telling++;
    stream->events.closed(stream->arg, why, reply, text);
    stream_free(stream);
}

/* -- reading -------------------------------------------------------------------------- */
/* false: it is over, and freed. */
static bool tell(struct stream *stream, struct bytes bytes)
{
    stream->telling++;
    if (bytes.data)
        stream->events.data(stream->arg, bytes);
    else
        stream->events.opened(stream->arg);
    stream->telling--;
    if (!stream->over)
        return true;
    if (!stream->telling)
        stream_free(stream);
    return false;
}

static bool tell_early(struct stream *stream)
{
    struct buf early = stream->early;
    bool going;

    if (early.len == 0)
        return true;
    stream->early = (struct buf){0};
    going = tell(stream, buf_bytes(&early));
    buf_wipe(&early);
    return going;
}

/* false: it is over, and freed. */
static bool read_on(struct stream *stream)
{
    char room[STREAM_RECORD];

    if (stream->hold)
        return true;
    if (!tell_early(stream))
        return false;
    for (int i = 0; i < STREAM_ROUNDS; i++) {
        size_t len = 0;
        CURLcode code;

        if (stream->hold)
            return true;
        code = curl_easy_recv(stream->easy, room, sizeof(room), &len);
        if (code == CURLE_AGAIN)
            return true;
        if (code != CURLE_OK || len == 0) {
            if (code == CURLE_OK)
                mem_str_set(&stream->problem, "the server closed it");
            end(stream, code);
            return false;
        }
        if (!tell(stream, (struct bytes){room, len}))
            return false;
    }
    loop_timer_in(stream->timer, 0); /* TLS may hold more than the socket shows */
    return true;
}

void stream_hold(struct stream *stream, bool hold)
{
    if (stream->hold == hold || stream->over)
        return;
    stream->hold = hold;
    if (!stream->watch)
        return;
    loop_watch_events(stream->watch,
                      (hold ? 0 : LOOP_READABLE) | (stream->leaving.len ? LOOP_WRITABLE : 0));
    if (!hold)
        loop_timer_in(stream->timer, 0);
}

/* -- writing -------------------------------------------------------------------------- */
/* true: all that waited before has left. */
static bool flush(struct stream *stream)
{
    while (stream->at < stream->leaving.len) {
        size_t rest = stream->leaving.len - stream->at, len = 0;
        CURLcode code = curl_easy_send(stream->easy, stream->leaving.data + stream->at,
                                       rest < STREAM_RECORD ? rest : STREAM_RECORD, &len);

        if (code == CURLE_AGAIN)
            return false;
        if (code != CURLE_OK) {
            stream->broken = true; /* what the server said before is read first */
            return false;
        }
        stream->at += len;
        stream->left += len;
    }
    buf_wipe(&stream->leaving);
    stream->at = 0;
    return true;
}

static void write_on(struct stream *stream)
{
    while (!stream->broken && flush(stream) && stream->queue.len > 0) {
        stream->leaving = stream->queue;
        stream->queue = (struct buf){0};
    }
    if (stream->broken)
        loop_timer_in(stream->timer, 0);
    loop_watch_events(stream->watch,
                      (stream->hold ? 0 : LOOP_READABLE) |
                          (stream->leaving.len && !stream->broken ? LOOP_WRITABLE : 0));
}

void stream_write(struct stream *stream, struct bytes bytes)
{
    if (!stream->watch || bytes.len == 0)
        return;
    buf_add(&stream->queue, bytes.data, bytes.len);
    stream->queued += bytes.len;
    if (stream->leaving.len == 0)
        write_on(stream);
}

uint64_t stream_queued(const struct stream *stream)
{
    return stream->queued;
}

uint64_t stream_left(const struct stream *stream)
{
    return stream->left;
}

/* -- ready ---------------------------------------------------------------------------- */
static void ready(void *arg, int events)
{
    struct stream *stream = arg;

    if (events & LOOP_WRITABLE)
        write_on(stream);
    if (events & LOOP_READABLE)
        read_on(stream);
}

/* The deadline, or its next turn. */
static void timer_fired(void *arg)
{
    struct stream *stream = arg;

    if (stream->is_open && stream->broken) {
        stream->hold = false;
        mem_str_set(&stream->problem, "what was written could not be sent");
        if (read_on(stream))
            end(stream, CURLE_SEND_ERROR);
        return;
    }
    if (stream->is_open) {
        read_on(stream);
        return;
    }
    if (!stream->problem)
        stream->problem = mem_printf(
            "it was not open within %.3g s; check the port, that the server is up, and that this "
            "machine may reach it",
            (double)stream->timeout_ms / 1000);
    end(stream, CURLE_OPERATION_TIMEDOUT);
}

/* -- opening -------------------------------------------------------------------------- */
/* Also makes the line this easy handle's own again: until then libcurl may prune it. */
static void read_first(struct stream *stream)
{
    char room[STREAM_RECORD];
    size_t len = 0;

    if (curl_easy_recv(stream->easy, room, sizeof(room), &len) == CURLE_OK && len > 0)
        buf_add(&stream->early, room, len);
}

static void open_now(struct stream *stream)
{
    struct http_client *client = stream->client;
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(stream->easy, CURLINFO_ACTIVESOCKET, &fd);
    stream->watch = fd == CURL_SOCKET_BAD
                        ? NULL
                        : loop_fd_watch(client->loop, fd, LOOP_READABLE, ready, stream);
    if (!stream->watch) {
        end(stream, CURLE_COULDNT_CONNECT);
        return;
    }
    read_first(stream);
    loop_timer_stop(stream->timer);
    stream_forget_secrets(stream);
    buf_finish(&stream->said);
    stream->is_open = true;
    client->stream_stats.opened++;
    loop_busy(client->loop, -1);
    if (tell(stream, (struct bytes){NULL, 0}))
        read_on(stream);
}

/* libcurl lets a server log us in unasked, and goes on where an SMTP server offers no login. */
static const char *not_authorized(const struct stream *stream)
{
    if (stream->unasked)
        return "the server says that somebody is logged in already (PREAUTH), and it was not us; "
               "use a server that asks for the login";
    if (!stream_is_imap(stream) && !stream->granted)
        return "the server offers no login (AUTH); use its submission port";
    return NULL;
}

void stream_ended(CURL *easy, CURLcode code)
{
    struct stream *stream;
    const char *problem;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&stream);
    if (code == CURLE_LOGIN_DENIED && !stream->refused && !stream->challenged &&
        stream->may_try_command) {
        curl_multi_remove_handle(stream->client->lines.curl, easy);
        stream_prepare_command(stream);
        curl_multi_add_handle(stream->client->lines.curl, easy);
        return;
    }
    problem = not_authorized(stream);
    if (problem && (code == CURLE_OK || stream->unasked)) {
        mem_str_set(&stream->problem, problem);
        code = CURLE_WEIRD_SERVER_REPLY;
    }
    if (code == CURLE_OK)
        open_now(stream);
    else
        end(stream, code);
}

struct stream *stream_open(struct http_client *client, const struct stream_request *request,
                           const struct stream_events *events, void *arg)
{
    struct stream *stream = mem_new(sizeof(*stream));

    stream->client = client;
    stream->events = *events;
    stream->arg = arg;
    stream->timer = loop_timer_new(client->loop, timer_fired, stream);
    stream->easy = curl_easy_init();
    if (!stream->easy)
        abort(); /* no memory; as mem_new does, and as safe */
    list_init(&stream->node);
    list_add(&client->streams, &stream->node);
    client->stream_stats.started++;
    client->stream_stats.now++;
    loop_busy(client->loop, 1);
    stream->problem = stream_prepare(stream, request);
    loop_timer_in(stream->timer, stream->problem ? 0 : stream->timeout_ms);
    if (!stream->problem)
        curl_multi_add_handle(client->lines.curl, stream->easy);
    return stream;
}

/* -- all of them ---------------------------------------------------------------------- */
void stream_close_all(struct http_client *client)
{
    while (!list_empty(&client->streams))
        stream_close(LIST_ENTRY(client->streams.next, struct stream, node));
}

void stream_get_stats(const struct http_client *client, struct stream_stats *stats_r)
{
    *stats_r = client->stream_stats;
}
