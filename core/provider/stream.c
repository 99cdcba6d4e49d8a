/* provider/stream.c: a line that a plugin is lent: server checked, login added, renewed once.
 *
 * asking (for the login) -> opening -> open -> the plugin's closed(). A login that was refused is
 * an answer, so nothing happened: a token is renewed once and the line opened again. */
#include "provider/private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

enum { TIMEOUT = 30000 };

/* Outlives its stream: a credential source can't be told to stop. */
struct stream_ticket {
    struct rider_stream *stream; /* NULL: nobody waits any more */
    struct loop *loop;
};

/* -- what was written for an operation -------------------------------------------------------- */
static bool commit_left(const struct rider_stream *stream)
{
    return stream->mark > 0 && stream->line && stream_left(stream->line) >= stream->mark;
}

/* It left, and its answer will not be heard any more: what it asked for may have happened. */
static void forget_commit(struct rider_stream *stream)
{
    if (stream->op && commit_left(stream))
        stream->op->left = true;
    stream->mark = 0;
    buf_wipe(&stream->held);
    stream->held_mark = 0;
}

/* What commits, and all that is after it, stays until it may leave. true: it is kept. */
static bool keep(struct rider_stream *stream, struct bytes bytes, bool commits)
{
    if (!stream->held.len && !(commits && op_holds(stream->op)))
        return false;
    buf_add(&stream->held, bytes.data, bytes.len);
    if (commits)
        stream->held_mark = stream->held.len;
    return true;
}

void stream_let_go(struct rider_stream *stream)
{
    if (!stream->line || !stream->held.len)
        return;
    stream->mark = stream_queued(stream->line) + stream->held_mark;
    stream_write(stream->line, buf_bytes(&stream->held));
    buf_wipe(&stream->held);
    stream->held_mark = 0;
}

void stream_leave_op(struct rider_stream *stream)
{
    forget_commit(stream);
    list_remove(&stream->of_op);
    stream->op = NULL;
}

static void join_op(struct rider_stream *stream, struct provider_op *op)
{
    struct provider_op *before = stream->op;

    if (op == before)
        return;
    stream_leave_op(stream);
    stream->op = op;
    if (op)
        list_add(&op->streams, &stream->of_op);
    op_weigh(before);
    op_weigh(op);
}

/* -- ending ----------------------------------------------------------------------------------- */
static void forget_ticket(struct rider_stream *stream)
{
    if (stream->ticket)
        stream->ticket->stream = NULL;
    stream->ticket = NULL;
    mem_wipe_str(&stream->token);
}

static void stop_line(struct rider_stream *stream)
{
    loop_timer_stop(stream->timer);
    forget_ticket(stream);
    forget_commit(stream);
    stream_close(stream->line);
    stream->line = NULL;
}

static void rider_stream_free(struct rider_stream *stream)
{
    handle_drop(stream);
    list_remove(&stream->node);
    list_remove(&stream->of_op);
    list_remove(&stream->queue);
    loop_timer_free(stream->timer);
    arena_wipe(&stream->arena);
    free(stream->origin);
    free(stream);
}

void stream_drop(struct rider_stream *stream)
{
    struct provider_op *op = stream->op;

    stop_line(stream);
    rider_stream_free(stream);
    op_weigh(op);
}

/* It is over, and the plugin hears so in the next turn. */
static void fall(struct rider_stream *stream, const struct rider_failure *why)
{
    struct provider_set *set = seat_set(stream->seat);

    stop_line(stream);
    if (!copy_failure(&stream->arena, &stream->failure, why))
        stream->failure = (struct rider_failure){.size = sizeof(stream->failure),
                                                 .kind = RIDER_TRANSIENT,
                                                 .scope = RIDER_MAILBOX,
                                                 .retry_after = -1,
                                                 .detail = "no login could be had"};
    stream->state = STREAM_FALLEN;
    list_remove(&stream->queue);
    list_add(&set->fallen, &stream->queue);
    set_kick(set);
}

static void fall_for(struct rider_stream *stream, int32_t kind, int code, const char *text)
{
    const struct rider_failure why = {
        .size = sizeof(why),
        .kind = kind,
        .scope = RIDER_MAILBOX,
        .code = code,
        .holds = kind == RIDER_AUTH ? RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL : 0,
        .retry_after = -1,
        .detail = text,
    };

    fall(stream, &why);
}

void stream_stop(struct rider_stream *stream, const char *why)
{
    if (stream->state != STREAM_FALLEN)
        fall_for(stream, RIDER_TRANSIENT, 0, why);
}

void stream_fallen(struct rider_stream *stream)
{
    struct provider_op *op = stream->op;

    handle_drop(stream);
    list_remove(&stream->node);
    list_remove(&stream->of_op);
    stream->op = NULL;
    op_weigh(op);
    IN_PLUGIN(stream->seat->generation, stream->events.closed(stream->arg, &stream->failure));
    rider_stream_free(stream);
}

void streams_release(struct provider_op *op, bool failed)
{
    LIST_EACH_SAFE (node, &op->streams) {
        struct rider_stream *stream = LIST_ENTRY(node, struct rider_stream, of_op);
        bool whole = stream->state == STREAM_OPEN && !stream->held.len &&
                     stream_left(stream->line) >= stream_queued(stream->line);
        stream_leave_op(stream);
        if (failed && (!whole || op->by_host))
            stream_stop(stream, "the operation that this line was used for is over");
    }
}

/* -- what the line says ----------------------------------------------------------------------- */
static void ask_login(struct rider_stream *stream, const char *refused);

static void line_opened(void *arg)
{
    struct rider_stream *stream = arg;

    stream->state = STREAM_OPEN;
    mem_wipe_str(&stream->token);
    IN_PLUGIN(stream->seat->generation, stream->events.opened(stream->arg));
}

static void line_data(void *arg, struct bytes bytes)
{
    struct rider_stream *stream = arg;
    const struct rider_bytes lent = {bytes.data, bytes.len};

    IN_PLUGIN(stream->seat->generation, stream->events.data(stream->arg, lent));
}

static void line_closed(void *arg, enum stream_why why, int code, const char *text)
{
    struct rider_stream *stream = arg;

    forget_commit(stream);
    stream->line = NULL;
    if (why == STREAM_DENIED && stream->token && !stream->renewed) {
        stream->renewed = true;
        ask_login(stream, stream->token);
        return;
    }
    fall_for(stream, why == STREAM_DENIED ? RIDER_AUTH : RIDER_TRANSIENT, code, text);
}

/* -- opening ---------------------------------------------------------------------------------- */
static uint32_t rest_of(const struct rider_stream *stream)
{
    int64_t rest = stream->until - clock_monotonic();

    return rest < 1 ? 1 : (uint32_t)rest;
}

static void open_line(struct rider_stream *stream, const struct credential_login *login)
{
    static const struct stream_events events = {line_opened, line_data, line_closed};
    const struct seat *seat = stream->seat;
    const char *at = strrchr(seat->session->info.address, '@');
    const struct stream_request request = {
        .url = stream->origin,
        .user = login->user,
        .secret = login->secret,
        .is_bearer = login->is_bearer,
        .sasl = seat->host.config(&seat->host, "sasl"),
        .greeter = at ? at + 1 : NULL,
        .plain = stream_is_plain(stream->origin) && stream_is_loopback(stream->origin) &&
                 settings_plain((const char *const *)seat->generation->settings),
        .timeout_ms = rest_of(stream),
    };

    loop_timer_stop(stream->timer);
    mem_wipe_str(&stream->token);
    if (login->is_bearer)
        stream->token = mem_str(login->secret);
    stream->state = STREAM_OPENING;
    stream->line = stream_open(seat_set(seat)->http, &request, &events, stream);
}

static void no_login(struct rider_stream *stream, const struct rider_failure *failure)
{
    struct provider_op *op = stream->op;

    if (op && op->no_token.size == 0 && !copy_failure(&op->arena, &op->no_token, failure))
        op->no_token = (struct rider_failure){0};
    fall(stream, failure);
}

static void got_login(void *arg, const struct credential_login *login,
                      const struct rider_failure *failure)
{
    struct stream_ticket *ticket = arg;
    struct rider_stream *stream = ticket->stream;

    loop_busy(ticket->loop, -1);
    free(ticket);
    if (!stream)
        return;
    stream->ticket = NULL;
    if (login && login->user && login->secret)
        open_line(stream, login);
    else
        no_login(stream, failure);
}

static void got_token(void *arg, const char *token, const struct rider_failure *failure)
{
    const struct stream_ticket *ticket = arg;
    struct credential_login login = {.secret = token, .is_bearer = true};

    if (ticket->stream)
        login.user = ticket->stream->seat->session->info.address;
    got_login(arg, token ? &login : NULL, failure);
}

static void ask_login(struct rider_stream *stream, const char *refused)
{
    struct provider_set *set = seat_set(stream->seat);
    const struct credential_source *source = &set->credentials;
    uint64_t mailbox = stream->seat->session->info.mailbox;
    struct stream_ticket *ticket = mem_new(sizeof(*ticket));

    *ticket = (struct stream_ticket){stream, set->loop};
    stream->ticket = ticket;
    stream->state = STREAM_ASKING;
    loop_timer_in(stream->timer, rest_of(stream));
    loop_busy(set->loop, +1);
    if (source->login)
        source->login(source->arg, mailbox, refused, got_login, ticket);
    else
        source->token(source->arg, mailbox, refused, got_token, ticket);
}

/* No login came in time, or the line was refused. */
static void timer_fired(void *arg)
{
    stream_stop(arg, "the host had no login for this mailbox in time; it is tried again");
}

/* -- may it be opened? ------------------------------------------------------------------------ */
static bool names(const char *const *settings, const char *origin)
{
    for (size_t i = 0; settings && settings[i] && settings[i + 1]; i += 2) {
        auto_free char *named = stream_origin(settings[i + 1]);
        if (named && strcmp(named, origin) == 0)
            return true;
    }
    return false;
}

static char *refusal(const struct rider_stream *stream, const char *url)
{
    const struct seat *seat = stream->seat;

    if (!stream->origin)
        return mem_str("the plugin asked for a line without an imaps, imap, smtps or smtp URL of "
                       "just a host and a port; check the provider's settings");
    if (names((const char *const *)seat->generation->settings, stream->origin) ||
        names(seat->session->info.settings, stream->origin))
        return NULL;
    return mem_printf("no login goes to %.256s, as neither the config nor the mailbox's own "
                      "settings name that server",
                      url);
}

bool settings_plain(const char *const *settings)
{
    return text_same(settings_get(settings, "plain"), "true");
}

/* At load, so that `postriderd --check` and a reload say it, not the first mail. */
int settings_check_lines(const char *provider, const char *const *settings, struct buf *error)
{
    static const char *const ways[] = {"", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"};
    const char *sasl = settings_get(settings, "sasl");
    bool known = !sasl;

    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        known = known || text_same(ways[i], sasl);
    if (!known) {
        buf_printf(error,
                   "provider %s: sasl is '%s': write PLAIN, LOGIN, XOAUTH2 or OAUTHBEARER, "
                   "or leave it out",
                   provider, sasl);
        return -EINVAL;
    }
    for (size_t i = 0; settings_plain(settings) && settings[i] && settings[i + 1]; i += 2) {
        auto_free char *origin = stream_origin(settings[i + 1]);
        if (!origin || !stream_is_plain(origin) || stream_is_loopback(origin))
            continue;
        buf_printf(error,
                   "provider %s would log in at %s in the clear: leave `plain` out (it is for "
                   "servers on this machine's loopback only)",
                   provider, origin);
        return -EPERM;
    }
    return 0;
}

/* -- what the plugin calls -------------------------------------------------------------------- */
static struct rider_stream *stream_of(struct rider_stream *stream)
{
    return handle_of(stream) == HANDLE_STREAM ? stream : NULL; /* NULL, or it is over */
}

static struct rider_stream *new_stream(struct seat *seat, const struct rider_stream_request *asked)
{
    struct rider_stream *stream = mem_new(sizeof(*stream));
    int64_t now = clock_monotonic();

    list_init(&stream->node);
    list_init(&stream->of_op);
    list_init(&stream->queue);
    stream->seat = seat;
    stream->until = now + (asked->timeout ? asked->timeout : TIMEOUT);
    stream->timer = loop_timer_new(seat_set(seat)->loop, timer_fired, stream);
    stream->origin = asked->url ? stream_origin(asked->url) : NULL;
    list_add(&seat->streams, &stream->node);
    handle_add(stream, HANDLE_STREAM);
    join_op(stream, op_meant(seat, asked->op, "used a line"));
    return stream;
}

static struct rider_stream *lend_open(const struct rider_host *host,
                                      const struct rider_stream_request *request,
                                      const struct rider_stream_events *events, void *arg)
{
    struct seat *seat = (struct seat *)(uintptr_t)host;
    struct rider_stream_request asked;
    struct rider_stream *stream;
    auto_free char *error = NULL;

    if (!events || !events->opened || !events->data || !events->closed ||
        !COPY_STRUCT(&asked, request)) {
        seat_log(seat, LOG_LEVEL_WARN,
                 "the plugin asked for a line without an event, or without "
                 "saying which");
        return NULL;
    }
    stream = new_stream(seat, &asked);
    stream->events = *events;
    stream->arg = arg;
    error = refusal(stream, asked.url);
    if (error) {
        misdeeds.requests_refused++;
        seat_log(seat, LOG_LEVEL_WARN, "a line was refused: %s", error);
        stream_stop(stream, error);
    } else {
        ask_login(stream, NULL);
    }
    return stream;
}

static void lend_use(struct rider_stream *handle, struct rider_op *op)
{
    struct rider_stream *stream = stream_of(handle);

    if (stream)
        join_op(stream, op_meant(stream->seat, op, "used a line"));
}

static void lend_write(struct rider_stream *handle, struct rider_bytes bytes, bool commits)
{
    struct rider_stream *stream = stream_of(handle);

    if (!stream || stream->state == STREAM_FALLEN)
        return;
    if (stream->state != STREAM_OPEN) {
        seat_log(stream->seat, LOG_LEVEL_WARN, "the plugin wrote to a line before it was open");
        return;
    }
    if (keep(stream, (struct bytes){bytes.data, bytes.len}, commits))
        return;
    if (commits)
        stream->mark = stream_queued(stream->line) + bytes.len;
    stream_write(stream->line, (struct bytes){bytes.data, bytes.len});
}

static void lend_answered(struct rider_stream *handle)
{
    struct rider_stream *stream = stream_of(handle);

    if (stream)
        stream->mark = 0;
}

static void lend_hold(struct rider_stream *handle, bool hold)
{
    struct rider_stream *stream = stream_of(handle);

    if (stream && stream->line)
        stream_hold(stream->line, hold);
}

static void lend_close(struct rider_stream *handle)
{
    struct rider_stream *stream = stream_of(handle);

    if (stream)
        stream_drop(stream);
}

const struct rider_streams stream_table = {
    .size = sizeof(struct rider_streams),
    .open = lend_open,
    .use = lend_use,
    .write = lend_write,
    .answered = lend_answered,
    .hold = lend_hold,
    .close = lend_close,
};
