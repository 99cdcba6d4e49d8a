/* net/http_easy.c: one request as libcurl wants it: options, headers, what is refused. */
#include "net/http_private.h"

#include "base/mem.h"
#include "base/mutant.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* -- what libcurl calls --------------------------------------------------------------- */
/* Connected, and about to write the request: from here on it may be out. Called again when
 * libcurl tries a second connection by itself. */
static int about_to_send(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct http_call *call = arg;

    (void)remote, (void)local, (void)remote_port, (void)local_port;
    if (call->tries && !call->replayable && !MUTANT(second_try)) {
        call->second_try = true;
        call->client->stats.refused_second_try++;
        return CURL_PREREQFUNC_ABORT;
    }
    call->tries++;
    buf_truncate(&call->headers, 0);
    buf_truncate(&call->body, 0);
    return CURL_PREREQFUNC_OK;
}

static size_t header_came(char *data, size_t size, size_t count, void *arg)
{
    struct http_call *call = arg;
    size_t len = size * count;

    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        buf_truncate(&call->headers, 0); /* what came before was a 1xx */
        return len;
    }
    if (len <= 2)
        return len; /* the empty line */
    if (call->headers.len + len > HTTP_HEADER_LIMIT) {
        mem_str_set(&call->problem, "the answer's headers are over 64 KiB");
        return 0;
    }
    buf_add(&call->headers, data, len);
    return len;
}

static size_t body_came(char *data, size_t size, size_t count, void *arg)
{
    struct http_call *call = arg;
    size_t len = size * count;

    if (len > call->body_limit - call->body.len) {
        free(call->problem);
        call->problem = mem_printf("the answer is over %zu bytes", call->body_limit);
        return 0;
    }
    buf_add(&call->body, data, len);
    return len;
}

/* -- options that stay ---------------------------------------------------------------- */
void http_easy_connection(CURL *easy, const struct http_client *client)
{
    const struct http_options *options = &client->options;

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a dead name server must not hold the loop */
    curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* else the bundle is parsed per connection */
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SHARE, client->share);
    curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy ? options->proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_ms);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)(options->idle_ms + 999) / 1000);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
}

CURL *http_easy_new(struct http_call *call)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return NULL;
    http_easy_connection(easy, call->client);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L); /* rather a stream than a connection */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, call->client->options.user_agent);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, about_to_send);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_came);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    return easy;
}

/* -- the request's own ---------------------------------------------------------------- */
static bool is_token(const char *text, size_t len) /* RFC 9110 5.6.2 */
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return len > 0;
}

static bool is_ours(const char *name, size_t len)
{
    static const char *const ours[] = {"authorization",  "host",   "content-length",
                                       "connection",     "expect", "transfer-encoding",
                                       "accept-encoding"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strlen(ours[i]) == len && strncasecmp(ours[i], name, len) == 0)
            return true;
    }
    return false;
}

static void add_line(struct http_call *call, const char *line)
{
    struct curl_slist *lines = curl_slist_append(call->lines, line);

    if (!lines)
        abort(); /* no memory; as mem_new does, and as safe */
    call->lines = lines;
}

/* NULL, or why not. libcurl takes "Name:" for a header to leave out and "Name;" for an empty one.
 */
static char *add_header(struct http_call *call, const char *header)
{
    size_t len = strcspn(header, ":");
    auto_free char *empty = NULL;

    if (!header[len] || !is_token(header, len) || text_has_control(header + len))
        return mem_printf("the header \"%.*s\" is not one line of \"Name: value\"",
                          is_token(header, len) ? (int)(len < 64 ? len : 64) : 0, header);
    if (is_ours(header, len))
        return mem_printf("the header %.*s is set by the host; leave it out", (int)len, header);
    if (header[len + 1 + strspn(header + len + 1, " \t")] == '\0') {
        empty = mem_printf("%.*s;", (int)len, header);
        header = empty;
    }
    add_line(call, header);
    return NULL;
}

static char *add_headers(struct http_call *call, const struct http_request *request)
{
    bool typed = false;

    for (size_t i = 0; request->headers && request->headers[i]; i++) {
        char *problem = add_header(call, request->headers[i]);

        if (problem)
            return problem;
        typed |= text_starts_fold(request->headers[i], "content-type:");
    }
    if (!typed)
        add_line(call, "Content-Type:"); /* libcurl would say it is a form */
    add_line(call, "Expect:");           /* a 417 would make it send again */
    if (request->authorization) {
        auto_wiped_buf struct buf line = {0};

        if (text_has_control(request->authorization))
            return mem_str("the credential holds a line break; connect the mailbox again");
        buf_printf(&line, "Authorization: %s", request->authorization);
        add_line(call, line.data);
    }
    return NULL;
}

static char *check_url(const struct http_client *client, const char *url)
{
    auto_free char *origin = NULL;

    if (text_starts_fold(url, "https://") && !text_has_control(url))
        return NULL;
    origin = http_origin(url);
    if (origin && map_get_str(&client->plain, origin))
        return NULL;
    if (origin && text_starts(origin, "http://"))
        return mem_str("plain http is refused; use https, or name this origin as a stand-in on "
                       "loopback");
    return mem_str("this is no https URL; correct it");
}

static void set_method(CURL *easy, const struct http_call *call)
{
    bool post = call->request_body.len || strcmp(call->method, "POST") == 0 ||
                strcmp(call->method, "PUT") == 0 || strcmp(call->method, "PATCH") == 0;

    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L); /* also ends NOBODY of the request before */
    if (post) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->request_body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, buf_text(&call->request_body));
    } else if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

char *http_easy_prepare(struct http_call *call, const struct http_request *request)
{
    char *problem;

    call->method = mem_str(request->method);
    call->url = mem_str(request->url);
    call->body_limit = request->body_limit ? request->body_limit : HTTP_BODY_LIMIT;
    call->timeout_ms = request->timeout_ms ? request->timeout_ms : 60000;
    call->replayable = request->replayable;
    call->secret_body = request->secret_body;
    buf_add(&call->request_body, request->body.data, request->body.len);

    if (!is_token(call->method, strlen(call->method)))
        return mem_str("the method is not an HTTP method");
    problem = check_url(call->client, call->url);
    if (!problem)
        problem = add_headers(call, request);
    if (problem)
        return problem;
    curl_easy_setopt(call->easy, CURLOPT_URL, call->url);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->lines);
    set_method(call->easy, call);
    return NULL;
}

static void reset_buf(struct buf *buf, bool secret)
{
    if (secret)
        buf_wipe(buf);
    else if (buf->room > HTTP_KEEP_ROOM)
        buf_finish(buf);
    else if (buf->len)
        buf_truncate(buf, 0);
}

void http_easy_release(struct http_call *call)
{
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, NULL);
    for (struct curl_slist *line = call->lines; line; line = line->next)
        mem_wipe(line->data, strlen(line->data));
    curl_slist_free_all(call->lines);
    call->lines = NULL;
    reset_buf(&call->request_body, call->secret_body);
    reset_buf(&call->body, call->secret_body);
    reset_buf(&call->headers, call->secret_body);
    mem_wipe_str(&call->url);
    mem_str_set(&call->method, NULL);
    mem_str_set(&call->problem, NULL);
    call->why[0] = '\0';
    call->host = NULL;
    call->tries = 0;
    call->second_try = false;
}
