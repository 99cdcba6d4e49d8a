/* net/http_private.h: what the http files share. */
#ifndef NET_HTTP_PRIVATE_H
#define NET_HTTP_PRIVATE_H
#include "base/list.h"
#include "base/map.h"
#include "net/http.h"
#include "net/multi.h"
#include "net/stream.h"

#include <curl/curl.h>

#define HTTP_HEADER_LIMIT (64 * 1024)
#define HTTP_BODY_LIMIT (4 * 1024 * 1024)
#define HTTP_KEEP_ROOM (64 * 1024) /* buffers that grew beyond are not kept for the next */

struct http_client {
    struct loop *loop;
    struct http_options options; /* its strings are ours */
    struct multi multi, lines; /* lines: of stream.c, apart, as their connections are kept for long
                                  and count in what is kept                 */
    CURLSH *share;
    struct map plain;    /* origins; the value says nothing */
    struct map hosts;    /* struct http_host by "https://host" */
    struct list waiting; /* hosts that have calls waiting   */
    struct list running; /* calls given to libcurl          */
    struct list refused; /* to be told so in the next turn  */
    struct list spare;   /* finished calls, their easy handles ready for the next */
    struct http_stats stats;
    struct list streams; /* struct stream, opening or open */
    struct stream_stats stream_stats;
};

/* What libcurl 7.88 does when more streams are wanted than an HTTP/2 connection takes is to open a
 * connection for each of them (tried: 300 for 600 requests), so no more are given to it. */
struct http_host {
    struct list node;    /* of the client's `waiting`; alone when none waits */
    struct list waiting; /* calls, first come first served */
    uint32_t in_flight;
    bool one_a_connection; /* it answered by HTTP/1.1 */
};

struct http_call {
    struct list node;
    struct http_client *client;
    struct http_host *host; /* NULL: refused before it was looked for */
    CURL *easy;
    struct curl_slist *lines; /* request headers, wiped when freed */
    struct loop_timer *deadline;
    void (*done)(void *arg, const struct http_response *response);
    void *arg;
    char *method, *url;
    struct buf request_body, headers, body;
    size_t body_limit;
    uint32_t timeout_ms;
    unsigned tries; /* times libcurl was about to write the request */
    bool running, replayable, secret_body, second_try;
    char *problem; /* why we ended it ourselves, or NULL */
    char why[CURL_ERROR_SIZE];
};

/* http_easy.c */
CURL *http_easy_new(struct http_call *call);
/* Name, TLS, proxy and timeouts, as the client's options say. */
void http_easy_connection(CURL *easy, const struct http_client *client);
/* NULL, or why this request can't be made (allocated). */
char *http_easy_prepare(struct http_call *call, const struct http_request *request);
void http_easy_release(struct http_call *call); /* wipes what the request left behind */

/* http_text.c */
bool http_host_is_loopback(const char *host); /* "host:port" */
/* One allocated sentence: what was asked, why it failed, what to do. */
char *http_explain(const struct http_call *call, CURLcode code);
#endif
