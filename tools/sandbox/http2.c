/* sandbox/http2.c: HTTP/2 (RFC 9113), framed by nghttp2; a stream is an exchange. */
#include "sandbox/conn.h"

#include "base/mem.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#define STREAMS_MAX 250
#define STREAM_WINDOW (16 << 20)
#define CONNECTION_WINDOW (256 << 20)
#define OUT_ENOUGH (256u << 10)

static const struct exchange_ops http2_ops;

struct http2 {
    nghttp2_session *session;
    int32_t last;     /* the highest stream that was handed on */
    int32_t previous; /* the highest before the one that is being handed on */
};

static struct exchange *of_stream(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct conn *conn = arg;
    struct exchange *exchange;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    exchange = exchange_new(&http2_ops, conn, 2, conn->number, conn->requests++ > 0);
    exchange->request.secure = conn->ssl != NULL;
    exchange->stream = frame->hd.stream_id;
    list_add(&conn->exchanges, &exchange->node);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, exchange);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *arg)
{
    struct exchange *exchange = of_stream(session, frame->hd.stream_id);
    const char *key = (const char *)name, *text = (const char *)value;

    (void)flags;
    (void)arg;
    if (exchange == NULL || exchange->ran)
        return 0;
    if (strcmp(key, ":method") == 0)
        exchange_method(exchange, text, len);
    else if (strcmp(key, ":path") == 0)
        exchange_target(exchange, text, len);
    else if (strcmp(key, ":authority") == 0)
        exchange_host(exchange, text, len);
    else if (key[0] != ':' && !exchange_field(exchange, key, name_len, text, len))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *arg)
{
    struct exchange *exchange = of_stream(session, stream);

    (void)flags;
    (void)arg;
    if (exchange != NULL && !exchange_body(exchange, data, len))
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct conn *conn = arg;
    struct exchange *exchange;

    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    exchange = of_stream(session, frame->hd.stream_id);
    if (exchange == NULL || exchange->ran || conn->end != CONN_OPEN)
        return 0;
    conn->http2->previous = conn->http2->last;
    if (frame->hd.stream_id > conn->http2->last)
        conn->http2->last = frame->hd.stream_id;
    exchange_run(exchange);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *arg)
{
    struct exchange *exchange = of_stream(session, stream);

    (void)error;
    (void)arg;
    nghttp2_session_set_stream_user_data(session, stream, NULL);
    exchange_free(exchange);
    return 0;
}

static ssize_t on_read_body(nghttp2_session *session, int32_t stream, uint8_t *data, size_t len,
                            uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct exchange *exchange = of_stream(session, stream);
    size_t left;

    (void)source;
    (void)arg;
    if (exchange == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    left = exchange->released - exchange->sent;
    if (left == 0 && exchange->sent < exchange->response.body.len)
        return exchange->cut ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : NGHTTP2_ERR_DEFERRED;
    if (left > len)
        left = len;
    if (left > 0)
        memcpy(data, exchange->response.body.data + exchange->sent, left);
    exchange->sent += left;
    if (exchange->sent == exchange->response.body.len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)left;
}

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name,
        .value = (uint8_t *)(uintptr_t)value,
        .namelen = strlen(name),
        .valuelen = strlen(value),
    };
}

static void answer(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    const struct sbx_response *response = &exchange->response;
    nghttp2_data_provider body = {.read_callback = on_read_body};
    bool bodiless = response->status == 204 || response->status == 304 ||
                    strcmp(exchange->request.method, "HEAD") == 0;
    nghttp2_nv *fields = mem_array(response->header_count + 2, sizeof(nghttp2_nv));
    char status[16], length[24];
    size_t count = 0;

    snprintf(status, sizeof status, "%d", response->status);
    snprintf(length, sizeof length, "%zu", response->body.len);
    fields[count++] = pair(":status", status);
    for (size_t i = 0; i < response->header_count; i++) {
        const char *name = response->headers[i].name;

        if (strcmp(name, "content-length") != 0 && strcmp(name, "connection") != 0)
            fields[count++] = pair(name, response->headers[i].value);
    }
    if (response->status != 204 && response->status != 304)
        fields[count++] = pair("content-length", length);
    nghttp2_submit_response(conn->http2->session, exchange->stream, fields, count,
                            bodiless ? NULL : &body);
    free(fields);
    conn_flush_later(conn);
}

static void more(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;

    nghttp2_session_resume_data(conn->http2->session, exchange->stream);
    conn_flush_later(conn);
}

/* A stream that no GOAWAY covers, or that is refused, was not acted upon (RFC 9113 6.8 and 8.7):
 * that may be said only of what strikes before. */
static void drop(struct exchange *exchange, enum exchange_drop how)
{
    struct conn *conn = exchange->conn;
    nghttp2_session *session = conn->http2->session;
    bool accepted = exchange->fault.after;

    switch (how) {
    case DROP_RESET:
        conn_end(conn, CONN_RESET);
        break;
    case DROP_STREAM:
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, exchange->stream,
                                  accepted ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_REFUSED_STREAM);
        conn_flush_later(conn);
        break;
    case DROP_GOAWAY:
        nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
                              accepted ? conn->http2->last : exchange->stream - 2, NGHTTP2_NO_ERROR,
                              NULL, 0);
        http2_output(conn);
        conn_end(conn, CONN_CLOSE);
        break;
    }
}

static const struct exchange_ops http2_ops = {
    .answer = answer,
    .more = more,
    .drop = drop,
};

static nghttp2_session *new_session(struct conn *conn)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session = NULL;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    if (nghttp2_session_server_new(&session, callbacks, conn) != 0)
        session = NULL;
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

int http2_start(struct conn *conn)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
    };
    nghttp2_session *session = new_session(conn);

    if (session == NULL)
        return -ENOMEM;
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
    conn->http2 = mem_new(sizeof *conn->http2);
    conn->http2->session = session;
    conn_flush_later(conn);
    return 0;
}

void http2_input(struct conn *conn)
{
    if (conn->in.len == 0)
        return;
    if (nghttp2_session_mem_recv(conn->http2->session, (const uint8_t *)conn->in.data,
                                 conn->in.len) < 0)
        conn_end(conn, CONN_CLOSE);
    buf_truncate(&conn->in, 0);
    conn_flush_later(conn);
    if (!nghttp2_session_want_read(conn->http2->session) &&
        !nghttp2_session_want_write(conn->http2->session))
        conn_end(conn, CONN_CLOSE);
}

void http2_output(struct conn *conn)
{
    while (conn->out.len < OUT_ENOUGH && (conn->end == CONN_OPEN || conn->end == CONN_CLOSE)) {
        const uint8_t *data;
        ssize_t len = nghttp2_session_mem_send(conn->http2->session, &data);

        if (len < 0)
            conn_end(conn, CONN_RESET);
        if (len <= 0)
            return;
        buf_add(&conn->out, data, (size_t)len);
    }
}

void http2_finish(struct conn *conn)
{
    if (conn->http2 == NULL)
        return;
    nghttp2_session_del(conn->http2->session);
    free(conn->http2);
    conn->http2 = NULL;
}
