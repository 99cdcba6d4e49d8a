/* provider/seat.c: a session's place in one generation: opened, left, closed. */
#include "provider/private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct provider_set *seat_set(const struct seat *seat)
{
    return seat->generation->provider->set;
}

void seat_log(const struct seat *seat, int level, const char *format, ...)
{
    auto_free char *clean = NULL;
    struct buf text = {0};
    va_list args;
    char *room;
    int len;

    if (level > log_get_level())
        return;
    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return;
    room = buf_reserve(&text, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(room, (size_t)len + 1, format, args);
    va_end(args);
    clean = scrub(room);
    log_write(level, "provider %s%s%s: %s", seat->generation->provider->name,
              seat->session ? " " : "", seat->session ? seat->session->info.address : "", clean);
    buf_wipe(&text);
}

struct seat *seat_new(struct generation *generation, struct provider_session *session)
{
    struct seat *seat = mem_new(sizeof(*seat));

    seat->host = host_table;
    seat->generation = generation;
    seat->session = session;
    list_init(&seat->node);
    list_init(&seat->of_session);
    list_init(&seat->leaving);
    list_init(&seat->ops);
    list_init(&seat->abandoned);
    list_init(&seat->timers);
    list_init(&seat->requests);
    list_init(&seat->streams);
    return seat;
}

/* What a plugin writes into may be longer in its header than in ours. */
union padded_failure {
    struct rider_failure failure;
    char room[1024];
};

static int say_why(const struct seat *seat, const struct rider_failure *why, struct buf *error)
{
    struct arena arena = {0};
    struct rider_failure failure;
    const char *detail = NULL;

    if (copy_failure(&arena, &failure, why))
        detail = failure.detail;
    buf_printf(error, "%s would not open mailbox %s: %s", seat->generation->provider->file,
               seat->session->info.address, detail ? detail : "it gave no reason");
    arena_wipe(&arena);
    return -ECONNREFUSED;
}

int seat_open(struct generation *generation, struct provider_session *session, struct buf *error,
              struct seat **seat_r)
{
    union padded_failure why = {
        .failure = {.size = sizeof(struct rider_failure), .retry_after = -1}};
    struct seat *seat = seat_new(generation, session);

    seat->mailbox = (struct rider_mailbox){
        .size = sizeof(seat->mailbox),
        .address = session->info.address,
        .access = (int32_t)session->info.access,
        .granted = session->info.granted,
        .connected_at = session->info.connected_at,
    };
    list_add(&generation->seats, &seat->node);
    list_add(&session->seats, &seat->of_session);
    IN_PLUGIN(generation,
              seat->plugin = generation->table.open(&seat->host, &seat->mailbox, &why.failure));
    if (!seat->plugin) {
        int r = say_why(seat, &why.failure, error);
        seat_close(seat);
        return r;
    }
    *seat_r = seat;
    return 0;
}

void seat_leave(struct seat *seat)
{
    seat->closing = true;
    seat_check(seat);
}

void seat_check(struct seat *seat)
{
    if (!seat->closing || !list_empty(&seat->ops) || !list_empty(&seat->leaving))
        return;
    list_add(&seat_set(seat)->leaving, &seat->leaving);
    set_kick(seat_set(seat));
}

/* A plugin gives its timers and requests back before close returns. What is left can't be let run
 * into a closed session, and says that the plugin still counts on being called: see unload. */
static void take_back(struct seat *seat)
{
    struct generation *generation = seat->generation;
    size_t timers = 0, requests = 0, streams = 0;

    LIST_EACH (node, &seat->requests) { /* none of them may set out while others are dropped */
        list_remove(&LIST_ENTRY(node, struct rider_http, node)->queue);
    }
    LIST_EACH_SAFE (node, &seat->timers) {
        timer_free(LIST_ENTRY(node, struct rider_timer, node));
        timers++;
    }
    LIST_EACH_SAFE (node, &seat->requests) {
        struct rider_http *http = LIST_ENTRY(node, struct rider_http, node);
        requests += http->state != HTTP_ANSWERED;
        request_drop(http);
    }
    LIST_EACH_SAFE (node, &seat->streams) {
        struct rider_stream *stream = LIST_ENTRY(node, struct rider_stream, node);
        streams += stream->state != STREAM_FALLEN;
        stream_drop(stream);
    }
    if (timers || requests || streams)
        seat_log(seat, LOG_LEVEL_WARN,
                 "the plugin closed this mailbox while it held %zu timers, %zu requests and %zu "
                 "lines",
                 timers, requests, streams);
    misdeeds.held_at_close += timers + requests + streams;
    generation->lost_timers += timers;
    generation->lost_requests += requests + streams;
}

void seat_close(struct seat *seat)
{
    struct generation *generation = seat->generation;
    struct provider_session *session = seat->session;

    seat->closing = true;
    if (seat->plugin)
        IN_PLUGIN(generation, generation->table.close(seat->plugin));
    take_back(seat);
    while (!list_empty(&seat->ops)) /* only when the whole set is freed */
        op_retire(LIST_ENTRY(seat->ops.next, struct provider_op, node));
    while (!list_empty(&seat->abandoned))
        op_retire(LIST_ENTRY(seat->abandoned.next, struct provider_op, node));
    list_remove(&seat->node);
    list_remove(&seat->of_session);
    list_remove(&seat->leaving);
    if (session->seat == seat)
        session->seat = NULL;
    free(seat);
    session_left(session);
    generation_check(generation);
}
