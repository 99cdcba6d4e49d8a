/* provider/host.c: the table that a plugin is lent: log, clocks, config, memory. */
#include "provider/private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The table is the first member of the seat, and only ever handed out as part of one. */
static struct seat *seat_of(const struct rider_host *host)
{
    return (struct seat *)(uintptr_t)host;
}

__attribute__((format(printf, 3, 4))) static void host_log(const struct rider_host *host, int level,
                                                           const char *format, ...)
{
    char text[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (level < LOG_LEVEL_ERROR)
        level = LOG_LEVEL_ERROR;
    seat_log(seat_of(host), level > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : level, "%s", text);
}

static int64_t host_wall_clock(const struct rider_host *host)
{
    (void)host;
    return clock_wall();
}

static int64_t host_monotonic(const struct rider_host *host)
{
    (void)host;
    return clock_monotonic();
}

/* The mailbox's own settings win over the provider's, and those over the plugin's fallback. */
static const char *host_config(const struct rider_host *host, const char *key)
{
    const struct seat *seat = seat_of(host);
    const struct generation *generation = seat->generation;
    const char *value = NULL;

    if (!key || setting_is_secret(&generation->table, key))
        return NULL;
    if (seat->session)
        value = settings_get(seat->session->info.settings, key);
    if (!value)
        value = settings_get((const char *const *)generation->settings, key);
    return value ? value : setting_fallback(&generation->table, key);
}

/* -- what a session remembers ----------------------------------------------------------------- */
static struct buf *remembered(struct provider_session *session, const char *key)
{
    struct buf *value = map_get_str(&session->remembered, key);

    if (value)
        return value;
    value = mem_new(sizeof(*value));
    if (session->memory.get && !session->memory.get(session->memory.arg, key, value))
        buf_wipe(value);
    map_put_str(&session->remembered, key, value);
    return value;
}

static struct rider_bytes host_recall(const struct rider_host *host, const char *key)
{
    const struct seat *seat = seat_of(host);
    const struct buf *value;

    if (!seat->session || !key || strlen(key) > KEY_LIMIT)
        return (struct rider_bytes){NULL, 0};
    value = remembered(seat->session, key);
    return (struct rider_bytes){value->len > 0 ? value->data : NULL, value->len};
}

static void host_remember(const struct rider_host *host, const char *key, struct rider_bytes bytes)
{
    const struct seat *seat = seat_of(host);
    struct provider_session *session = seat->session;
    struct buf *value;

    if (!session || !key || strlen(key) > KEY_LIMIT || bytes.len > VALUE_LIMIT) {
        seat_log(seat, LOG_LEVEL_WARN,
                 "the plugin wanted to remember %zu bytes under '%.128s': the most is %d, and %d "
                 "for the key; what was there stays",
                 bytes.len, key ? key : "", VALUE_LIMIT, KEY_LIMIT);
        return;
    }
    value = remembered(session, key);
    if (value->len == bytes.len &&
        (bytes.len == 0 || memcmp(value->data, bytes.data, bytes.len) == 0))
        return;
    buf_wipe(value);
    if (bytes.len > 0)
        buf_add(value, bytes.data, bytes.len);
    if (session->memory.put)
        session->memory.put(session->memory.arg, key, buf_bytes(value));
}

static void host_can_changed(const struct rider_host *host)
{
    const struct seat *seat = seat_of(host);
    struct provider_session *session = seat->session;

    if (session && session->seat == seat)
        session_news(session, NEWS_CAN);
}

static const void *host_extension(const struct rider_host *host, const char *id, size_t min_size)
{
    static const struct {
        const char *id;
        const void *table;
        size_t size;
    } lent[] = {{RIDER_PUSH, &push_host, sizeof(push_host)},
                {RIDER_STREAM, &stream_table, sizeof(stream_table)}};

    for (size_t i = 0; seat_of(host)->session && id && i < ARRAY_LEN(lent); i++)
        if (strcmp(lent[i].id, id) == 0 && min_size <= lent[i].size)
            return lent[i].table;
    return NULL; /* a plugin asks, and goes without */
}

const struct rider_host host_table = {
    .size = sizeof(struct rider_host),
    .minor = RIDER_MINOR,
    .log = host_log,
    .wall_clock = host_wall_clock,
    .monotonic = host_monotonic,
    .config = host_config,
    .recall = host_recall,
    .remember = host_remember,
    .after = host_after,
    .forget = host_forget,
    .http = host_http,
    .http_abort = host_http_abort,
    .can_changed = host_can_changed,
    .fail = host_fail,
    .identify_done = host_identify_done,
    .send_done = host_send_done,
    .list_done = host_list_done,
    .read_done = host_read_done,
    .label_done = host_label_done,
    .done = host_done,
    .list_item = host_list_item,
    .extension = host_extension,
};
