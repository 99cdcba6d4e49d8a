/* sandbox/http1.c: HTTP/1.1 (RFC 9112), one request of a connection after the other. */
#include "sandbox/conn.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* A request that can't be read is answered and ends its connection. */
static void refuse(struct conn *conn, const char *status)
{
    buf_printf(&conn->out,
               "HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: %zu\r\n"
               "connection: close\r\n\r\n%s\n",
               status, strlen(status) + 1, status);
    exchange_free(conn->http1.reading);
    conn->http1.reading = NULL;
    conn_end(conn, CONN_CLOSE);
}

static bool read_request_line(struct conn *conn, struct exchange *exchange, const char *line,
                              size_t len)
{
    const char *space = memchr(line, ' ', len), *second;
    size_t left;

    if (space == NULL || space == line)
        return false;
    left = len - (size_t)(space + 1 - line);
    second = memchr(space + 1, ' ', left);
    if (second == NULL || second == space + 1 || line + len - second != 9 ||
        memcmp(second + 1, "HTTP/1.", 7) != 0)
        return false;
    exchange_method(exchange, line, (size_t)(space - line));
    exchange_target(exchange, space + 1, (size_t)(second - space - 1));
    conn->http1.keep = second[8] != '0';
    return true;
}

static bool read_field(struct exchange *exchange, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len), *value, *end = line + len;
    char name[256];
    size_t name_len;

    if (colon == NULL || colon == line || (size_t)(colon - line) >= sizeof name)
        return false;
    name_len = (size_t)(colon - line);
    memcpy(name, line, name_len);
    name[name_len] = '\0';
    if (strpbrk(name, " \t\r") != NULL) /* folded lines too: RFC 9112 5.2 lets us refuse them */
        return false;
    text_lower(name);
    for (value = colon + 1; value < end && (*value == ' ' || *value == '\t');)
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (strcmp(name, "host") == 0)
        exchange_host(exchange, value, (size_t)(end - value));
    return exchange_field(exchange, name, name_len, value, (size_t)(end - value));
}

/* The head is text[0..len), with the CRLF of its last line and without the empty one. */
static bool read_head(struct conn *conn, struct exchange *exchange, const char *text, size_t len)
{
    bool first = true;

    while (len > 0) {
        const char *end = memmem(text, len, "\r\n", 2);
        size_t line_len = (size_t)(end - text);

        if (first ? !read_request_line(conn, exchange, text, line_len)
                  : !read_field(exchange, text, line_len))
            return false;
        first = false;
        text += line_len + 2;
        len -= line_len + 2;
    }
    return !first;
}

static const char *field(const struct exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->field_count; i += 2)
        if (strcmp(exchange->text.data + exchange->fields[i], name) == 0)
            return exchange->text.data + exchange->fields[i + 1];
    return NULL;
}

/* How the body comes. NULL, or the status line to refuse it with. */
static const char *frame_body(struct conn *conn, struct exchange *exchange)
{
    const char *length = field(exchange, "content-length");
    const char *encoding = field(exchange, "transfer-encoding");
    const char *connection = field(exchange, "connection");
    const char *expect = field(exchange, "expect");

    if (connection != NULL && strcasestr(connection, "close") != NULL)
        conn->http1.keep = false;
    conn->http1.left = 0;
    conn->http1.at = HTTP1_LENGTH;
    if (encoding != NULL) {
        if (length != NULL || !text_same(encoding, "chunked"))
            return "400 Bad Request";
        conn->http1.at = HTTP1_SIZE;
    } else if (length != NULL) {
        if (!text_u64(length, &conn->http1.left))
            return "400 Bad Request";
        if (conn->http1.left > EXCHANGE_BODY_MAX)
            return "413 Content Too Large";
    }
    if (expect != NULL && text_same(expect, "100-continue")) {
        buf_add_str(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
        conn_flush_later(conn);
    }
    return NULL;
}

/* false: more must come first, or it is refused. */
static bool take_head(struct conn *conn)
{
    const char *end, *why;
    size_t len;

    while (conn->in.len >= 2 && memcmp(conn->in.data, "\r\n", 2) == 0)
        buf_consume(&conn->in, 2);
    end = conn->in.len > 0 ? memmem(conn->in.data, conn->in.len, "\r\n\r\n", 4) : NULL;
    if (end == NULL || (size_t)(end - conn->in.data) > EXCHANGE_HEAD_MAX) {
        if (conn->in.len > EXCHANGE_HEAD_MAX)
            refuse(conn, "431 Request Header Fields Too Large");
        return false;
    }
    len = (size_t)(end - conn->in.data) + 2;
    conn->http1.reading = exchange_new(&http1_ops, conn, 1, conn->number, conn->requests++ > 0);
    conn->http1.reading->request.secure = conn->ssl != NULL;
    list_add(&conn->exchanges, &conn->http1.reading->node);
    why = read_head(conn, conn->http1.reading, conn->in.data, len)
              ? frame_body(conn, conn->http1.reading)
              : "400 Bad Request";
    buf_consume(&conn->in, len + 2);
    if (why != NULL)
        refuse(conn, why);
    return why == NULL;
}

/* The next line of a chunked body without its CRLF, or -1: not all there. */
static ssize_t line_len(const struct conn *conn)
{
    const char *end = conn->in.len > 0 ? memmem(conn->in.data, conn->in.len, "\r\n", 2) : NULL;

    return end != NULL ? end - conn->in.data : -1;
}

static bool read_size(const char *line, size_t len, uint64_t *size_r)
{
    uint64_t size = 0;
    size_t i;

    for (i = 0; i < len; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = memchr(digits, line[i] | 0x20, 16);

        if (digit == NULL || line[i] < '0')
            break;
        size = size * 16 + (uint64_t)(digit - digits);
        if (size > EXCHANGE_BODY_MAX)
            return false;
    }
    *size_r = size;
    return i > 0 && (i == len || line[i] == ';' || line[i] == ' ' || line[i] == '\t');
}

static bool take_data(struct conn *conn)
{
    size_t len = conn->in.len < conn->http1.left ? conn->in.len : (size_t)conn->http1.left;

    if (!exchange_body(conn->http1.reading, conn->in.data, len)) {
        refuse(conn, "413 Content Too Large");
        return false;
    }
    buf_consume(&conn->in, len);
    conn->http1.left -= len;
    return conn->http1.left == 0;
}

/* One line of a chunked body's framing (RFC 9112 7.1). */
static bool take_line(struct conn *conn, bool *whole_r)
{
    ssize_t len = line_len(conn);

    if (len < 0) {
        if (conn->in.len > 16384)
            refuse(conn, "400 Bad Request");
        return false;
    }
    if (conn->http1.at == HTTP1_SIZE) {
        if (!read_size(conn->in.data, (size_t)len, &conn->http1.left)) {
            refuse(conn, "400 Bad Request");
            return false;
        }
        conn->http1.at = conn->http1.left > 0 ? HTTP1_CHUNK : HTTP1_TRAILER;
    } else if (conn->http1.at == HTTP1_CHUNK_END) {
        conn->http1.at = HTTP1_SIZE;
    } else {
        *whole_r = len == 0;
    }
    buf_consume(&conn->in, (size_t)len + 2);
    return true;
}

/* true: the request is whole. */
static bool take_body(struct conn *conn)
{
    bool whole = false;

    if (conn->http1.at == HTTP1_LENGTH)
        return conn->http1.left == 0 || take_data(conn);
    while (!whole) {
        if (conn->http1.at == HTTP1_CHUNK) {
            if (!take_data(conn))
                return false;
            conn->http1.at = HTTP1_CHUNK_END;
        } else if (!take_line(conn, &whole)) {
            return false;
        }
    }
    return true;
}

void http1_input(struct conn *conn)
{
    if (conn->http1.inside)
        return;
    conn->http1.inside = true;
    while (conn->end == CONN_OPEN) {
        struct exchange *exchange;

        if (conn->http1.reading == NULL && (!list_empty(&conn->exchanges) || !take_head(conn)))
            break;
        if (!take_body(conn))
            break;
        exchange = conn->http1.reading;
        conn->http1.reading = NULL;
        exchange_run(exchange);
    }
    conn->http1.inside = false;
}

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 302:
        return "Found";
    case 303:
        return "See Other";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 503:
        return "Service Unavailable";
    default:
        return "Status";
    }
}

static bool has_body(const struct exchange *exchange)
{
    int status = exchange->response.status;

    return status != 204 && status != 304 && strcmp(exchange->request.method, "HEAD") != 0;
}

static void more(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    struct sbx_response *response = &exchange->response;
    bool keep = conn->http1.keep;

    conn_flush_later(conn);
    if (has_body(exchange) && exchange->sent < exchange->released) {
        buf_add(&conn->out, response->body.data + exchange->sent,
                exchange->released - exchange->sent);
        exchange->sent = exchange->released;
    }
    if (has_body(exchange) && exchange->sent < response->body.len && !exchange->cut)
        return;
    if (exchange->cut)
        conn_end(conn, CONN_CUT);
    else if (!keep)
        conn_end(conn, CONN_CLOSE);
    exchange_free(exchange);
    http1_input(conn); /* what came in meanwhile */
}

static void answer(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    struct sbx_response *response = &exchange->response;

    buf_printf(&conn->out, "HTTP/1.1 %d %s\r\n", response->status, reason(response->status));
    for (size_t i = 0; i < response->header_count; i++) {
        const struct sbx_header *header = &response->headers[i];

        if (strcmp(header->name, "content-length") != 0)
            buf_printf(&conn->out, "%s: %s\r\n", header->name, header->value);
    }
    if (response->status != 204 && response->status != 304)
        buf_printf(&conn->out, "content-length: %zu\r\n", response->body.len);
    buf_add_str(&conn->out, conn->http1.keep ? "\r\n" : "connection: close\r\n\r\n");
    more(exchange);
}

static void drop(struct exchange *exchange, enum exchange_drop how)
{
    struct conn *conn = exchange->conn;

    conn_end(conn, how == DROP_GOAWAY ? CONN_CLOSE : CONN_RESET);
    exchange_free(exchange);
}

const struct exchange_ops http1_ops = {
    .answer = answer,
    .more = more,
    .drop = drop,
};
