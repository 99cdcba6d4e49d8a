/* smtp-imap/line.c: a buffered line to a server, on the host's streams. */
#include "line.h"

#include <stdlib.h>
#include <string.h>

struct line {
    const struct rider_host *host;
    const struct rider_streams *streams;
    struct rider_stream *stream; /* NULL: not there any more            */
    struct rider_timer *refused; /* tells soon that there is no stream   */
    struct line_events events;
    void *arg;
    struct text in;
    size_t at, limit; /* what is before `at` was taken        */
    bool open;
    bool *freed; /* set when the line goes while it is in an event */
};

/* ---- events -----------------------------------------------------------------------------------
 */

static void stream_opened(void *arg)
{
    struct line *line = arg;

    line->open = true;
    line->events.opened(line->arg);
}

static void stream_closed(void *arg, const struct rider_failure *why)
{
    struct line *line = arg;

    line->stream = NULL;
    line->open = false;
    line->events.closed(line->arg, why);
}

static void overflow(struct line *line)
{
    const struct rider_failure failure = {
        .size = sizeof(failure),
        .kind = RIDER_BROKEN,
        .scope = RIDER_MAILBOX,
        .retry_after = -1,
        .detail = "the server sends more at once than can be meant for us: the line was closed",
    };

    line->streams->close(line->stream);
    stream_closed(line, &failure);
}

/* Moves what was not taken to the front, once that is worth it. */
static void compact(struct line *line)
{
    if (line->at == line->in.len) {
        if (line->in.room > 16384)
            text_free(&line->in);
        line->in.len = line->at = 0;
    } else if (line->at > line->in.len / 2) {
        memmove(line->in.data, line->in.data + line->at, line->in.len - line->at);
        line->in.len -= line->at;
        line->at = 0;
    }
}

static void stream_data(void *arg, struct rider_bytes bytes)
{
    struct line *line = arg;
    bool freed = false;

    compact(line);
    text_add(&line->in, bytes.data, bytes.len);
    line->freed = &freed;
    line->events.data(line->arg);
    if (freed)
        return;
    line->freed = NULL;
    compact(line);
    if (line->stream && line->in.len - line->at > line->limit)
        overflow(line);
}

static void no_stream(void *arg)
{
    const struct rider_failure failure = {
        .size = sizeof(failure),
        .kind = RIDER_UNSUPPORTED,
        .scope = RIDER_SERVICE,
        .holds = RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL,
        .retry_after = -1,
        .detail = "this host lends no lines to IMAP and SMTP servers: use a newer postrider",
    };
    struct line *line = arg;

    line->refused = NULL;
    line->events.closed(line->arg, &failure);
}

/* ---- what the owner does ----------------------------------------------------------------------
 */

struct line *line_open(const struct rider_host *host, const char *url, struct rider_op *op,
                       uint32_t timeout, size_t limit, const struct line_events *events, void *arg)
{
    static const struct rider_stream_events on_stream = {
        .opened = stream_opened, .data = stream_data, .closed = stream_closed};
    const struct rider_stream_request request = {
        .size = sizeof(request), .op = op, .url = url, .timeout = timeout};
    struct line *line = text_alloc(sizeof(*line));

    line->host = host;
    line->events = *events;
    line->arg = arg;
    line->limit = limit;
    line->streams =
        host->extension ? host->extension(host, RIDER_STREAM, sizeof(*line->streams)) : NULL;
    if (line->streams)
        line->stream = line->streams->open(host, &request, &on_stream, line);
    if (!line->stream)
        line->refused = host->after(host, 0, no_stream, line);
    return line;
}

bool line_is_open(const struct line *line)
{
    return line->open;
}

void line_use(struct line *line, struct rider_op *op)
{
    if (line->stream)
        line->streams->use(line->stream, op);
}

void line_write(struct line *line, const void *data, size_t len, bool commits)
{
    if (line->stream && line->open)
        line->streams->write(line->stream, (struct rider_bytes){data, len}, commits);
}

void line_answered(struct line *line)
{
    if (line->stream)
        line->streams->answered(line->stream);
}

struct rider_bytes line_bytes(const struct line *line)
{
    return (struct rider_bytes){text_of(&line->in) + line->at, line->in.len - line->at};
}

void line_take(struct line *line, size_t len)
{
    size_t there = line->in.len - line->at;

    line->at += len < there ? len : there;
}

void line_free(struct line *line)
{
    if (!line)
        return;
    if (line->freed)
        *line->freed = true;
    if (line->refused)
        line->host->forget(line->refused);
    if (line->stream)
        line->streams->close(line->stream);
    text_free(&line->in);
    free(line);
}
