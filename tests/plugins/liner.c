/* tests/plugins/liner.c: a provider that uses a line as a message's subject tells it.
 *
 * Steps, joined by "|": open (config "server"), early TEXT (written before it is open), say TEXT,
 * much N (bytes of x), commit TEXT, want TEXT (waits for a line with it), answered, close, hold,
 * unhold, wait MS, fail, hang, done. The line is the session's and is kept for the next send, which
 * takes it over; the build with LINER_LEAK does not close it at the end,
 * that with LINER_SERVER opens another one than it was configured. A line that is lost fails
 * what is under way with its own words. TEXT ends in CRLF when written. */
#include "postrider/ext/stream.h"
#include "postrider/provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef LINER_VERSION
#define LINER_VERSION "1.0.0"
#endif

struct rider_session {
    const struct rider_host *host;
    const struct rider_streams *streams;
    struct rider_stream *line;
    struct rider_timer *timer;
    struct rider_op *op; /* under way, or NULL */
    char steps[512], *at, *want;
    char came[65536];
    size_t len;
    bool opening;
};

static void go_on(struct rider_session *session);

static void fail(struct rider_session *session, int kind, const char *detail)
{
    struct rider_failure failure = {
        .size = sizeof(failure), .kind = kind, .scope = RIDER_MESSAGE, .retry_after = -1};
    struct rider_op *op = session->op;

    failure.detail = detail;
    session->op = NULL;
    if (op)
        session->host->fail(op, &failure);
}

/* -- what the line says --------------------------------------------------------------- */
static void opened(void *arg)
{
    struct rider_session *session = arg;

    session->opening = false;
    go_on(session);
}

static void data(void *arg, struct rider_bytes bytes)
{
    struct rider_session *session = arg;
    size_t room = sizeof(session->came) - 1 - session->len;
    size_t len = bytes.len < room ? bytes.len : room;

    memcpy(session->came + session->len, bytes.data, len);
    session->len += len;
    session->came[session->len] = '\0';
    if (session->want)
        go_on(session);
}

static void closed(void *arg, const struct rider_failure *why)
{
    struct rider_session *session = arg;
    char detail[512];

    snprintf(detail, sizeof(detail), "closed: %s", why->detail ? why->detail : "");
    session->line = NULL;
    session->opening = false;
    fail(session, why->kind, detail);
}

static void open_line(struct rider_session *session)
{
    static const struct rider_stream_events events = {opened, data, closed};
    const struct rider_stream_request request = {
        .size = sizeof(request),
        .op = session->op,
#ifdef LINER_SERVER
        .url = LINER_SERVER,
#else
        .url = session->host->config(session->host, "server"),
#endif
    };

    session->opening = true;
    session->line = session->streams->open(session->host, &request, &events, session);
}

/* -- the steps ------------------------------------------------------------------------ */
static void write_line(struct rider_session *session, const char *text, bool commits)
{
    char whole[600];
    int len = snprintf(whole, sizeof(whole), "%s\r\n", text);

    session->streams->write(session->line, (struct rider_bytes){whole, (size_t)len}, commits);
}

static void write_much(struct rider_session *session, size_t len)
{
    char *much = malloc(len);

    memset(much, 'x', len);
    session->streams->write(session->line, (struct rider_bytes){much, len}, false);
    free(much);
}

static void woken(void *arg)
{
    struct rider_session *session = arg;

    session->timer = NULL;
    go_on(session);
}

/* false: something has to come first, or it is over. */
static bool use_line(struct rider_session *session, const char *verb, const char *text)
{
    const struct rider_streams *streams = session->streams;

    if (strcmp(verb, "open") == 0)
        open_line(session);
    else if (strcmp(verb, "early") == 0 || strcmp(verb, "say") == 0)
        write_line(session, text, false);
    else if (strcmp(verb, "commit") == 0)
        write_line(session, text, true);
    else if (strcmp(verb, "much") == 0)
        write_much(session, strtoul(text, NULL, 10));
    else if (strcmp(verb, "answered") == 0)
        streams->answered(session->line);
    else if (strcmp(verb, "hold") == 0 || strcmp(verb, "unhold") == 0)
        streams->hold(session->line, *verb == 'h');
    else
        return false;
    return true;
}

static bool end_so(struct rider_session *session, const char *verb)
{
    const struct rider_sent sent = {.size = sizeof(sent), .state = RIDER_IS_SENT};
    struct rider_op *op = session->op;

    if (strcmp(verb, "fail") == 0) {
        fail(session, RIDER_TRANSIENT, "told to fail");
    } else if (strcmp(verb, "done") == 0) {
        session->op = NULL;
        session->streams->use(session->line, NULL);
        session->host->send_done(op, &sent);
    }
    return strcmp(verb, "close") != 0;
}

static bool step(struct rider_session *session, char *verb)
{
    char *text = strchr(verb, ' ');

    if (text)
        *text++ = '\0';
    if (use_line(session, verb, text ? text : ""))
        return !session->opening || (session->at && strncmp(session->at, "early", 5) == 0);
    if (strcmp(verb, "want") == 0) {
        session->want = text;
        return true;
    }
    if (strcmp(verb, "wait") == 0) {
        session->timer =
            session->host->after(session->host, (uint32_t)strtoul(text, NULL, 10), woken, session);
        return false;
    }
    if (end_so(session, verb))
        return false; /* also hang */
    session->streams->close(session->line);
    session->line = NULL;
    return true;
}

static void go_on(struct rider_session *session)
{
    while (session->op && session->at) {
        char *verb = session->at;

        if (session->want && !strstr(session->came, session->want))
            return;
        session->want = NULL;
        session->at = strchr(verb, '|');
        if (session->at)
            *session->at++ = '\0';
        if (!step(session, verb))
            return;
    }
}

/* -- the table ------------------------------------------------------------------------ */
static struct rider_session *liner_open(const struct rider_host *host,
                                        const struct rider_mailbox *mailbox,
                                        struct rider_failure *why)
{
    struct rider_session *session = calloc(1, sizeof(*session));

    (void)mailbox;
    session->host = host;
    session->streams = host->extension(host, RIDER_STREAM, sizeof(struct rider_streams));
    if (session->streams && !host->extension(host, RIDER_STREAM, 4096) &&
        !host->extension(host, "postrider.none/1", 0))
        return session;
    free(session);
    why->kind = RIDER_PERMANENT;
    why->detail = "this host lends no lines";
    return NULL;
}

static void liner_close(struct rider_session *session)
{
#ifndef LINER_LEAK
    session->streams->close(session->line);
#endif
    session->host->forget(session->timer);
    free(session);
}

static void liner_identify(struct rider_session *session, struct rider_op *op)
{
    const struct rider_identity identity = {.size = sizeof(identity), .address = "a@b.example"};

    session->host->identify_done(op, &identity);
}

static void liner_send(struct rider_session *session, struct rider_op *op,
                       const struct rider_message *message)
{
    session->op = op;
    session->want = NULL;
    session->len = 0;
    session->came[0] = '\0';
    snprintf(session->steps, sizeof(session->steps), "%s", message->subject);
    session->at = session->steps;
    if (session->line)
        session->streams->use(session->line, op);
    go_on(session);
}

static const struct rider_provider liner = {
    .size = sizeof(liner),
    .minor = RIDER_MINOR,
    .can = RIDER_CAN_SEND,
    .auth = RIDER_AUTH_PASSWORD,
    .id = "liner",
    .name = "Liner",
    .version = LINER_VERSION,
    .open = liner_open,
    .close = liner_close,
    .identify = liner_identify,
    .send = liner_send,
};
RIDER_PROVIDER(liner);
