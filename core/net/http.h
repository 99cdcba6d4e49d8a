/* net/http.h: HTTP requests to provider APIs and token endpoints: libcurl's multi interface on the
 * loop. HTTP/2 where the server has it, connections kept, TLS verified, no redirect followed, no
 * cookie kept, nothing compressed asked for, https only.
 *
 * A request that must not be repeated is repeated by nobody: libcurl sends again by itself when a
 * kept connection dies before the first byte of the answer (RFC 9110 9.2.2 allows that for
 * idempotent methods only), so unless `replayable` its second try is refused. Loop thread. */
#ifndef NET_HTTP_H
#define NET_HTTP_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct http_client;
struct http_call; /* a request under way */

struct http_options {              /* zeroed: what stands in brackets */
    const char *ca_file;           /* PEM bundle [/etc/ssl/certs/ca-certificates.crt]      */
    const char *proxy;             /* for all but loopback [none; the environment is not
                                      read]                                                */
    const char *user_agent;        /* ["postrider"]                                        */
    uint32_t in_flight;            /* over all hosts; more wait their turn [500]           */
    uint32_t streams_per_host;     /* over HTTP/2, all on one connection [100]             */
    uint32_t connections_per_host; /* [no limit but in_flight]                             */
    uint32_t connect_ms;           /* name, connect and TLS [10 s]                         */
    uint32_t idle_ms;              /* a connection idle for longer is not used again [50 s] */
};

struct http_request { /* all of it is copied by http_start                    */
    const char *method, *url;
    const char *const *headers; /* "Name: value", ends in NULL; NULL: none. Not
                                   Authorization, Host, Content-Length, Transfer-Encoding,
                                   Connection, Expect or Accept-Encoding                */
    const char *authorization;  /* the value of that header, or NULL; wiped after use   */
    struct bytes body;          /* Content-Type is the caller's to give                 */
    uint32_t timeout_ms;        /* from http_start to the last byte, real time [60 s]   */
    size_t body_limit;          /* of the answer [4 MiB]; headers: 64 KiB always        */
    bool replayable;            /* may reach the server twice                           */
    bool secret_body;           /* our copies of both bodies are wiped after use        */
};

struct http_response {    /* lent until `done` returns                            */
    int status;           /* 0: no whole answer came; read `error`, `sent`, `began` */
    int began;            /* the status of an answer that was cut short or was too
                             big, else as `status`                                */
    bool sent;            /* some of the request may have left this machine. false
                             is certain: nothing happened                         */
    const char *error;    /* a sentence for log and person where status is 0, else
                             NULL; holds no secret, no query, no body             */
    struct bytes headers; /* "Name: value\r\n" lines of the final answer, without
                             the status line                                      */
    struct bytes body;
};

/* NULL: libcurl could not start, or the CA file can't be read (`error` says which). */
struct http_client *http_client_new(struct loop *loop, const struct http_options *options,
                                    struct buf *error);
/* Calls still under way end without their `done`. Not from inside a `done`. NULL is fine. */
void http_client_free(struct http_client *client);

/* Lets requests go to one plain-http origin, "http://127.0.0.1:4010", which must be on loopback.
 * -EINVAL: it is not, or not an origin. */
int http_allow_plain(struct http_client *client, const char *origin);

/* Always leads to exactly one done(), later, unless aborted: a request that can't be made (bad
 * URL, bad header, plain http) too. The call is over when `done` is called. Counts as busy until
 * `done` has returned. */
struct http_call *http_start(struct http_client *client, const struct http_request *request,
                             void (*done)(void *arg, const struct http_response *response),
                             void *arg);
bool http_sent(const struct http_call *call); /* so far; as in http_response */
/* `done` is not called after this. Returns whether some of the request may have left. */
bool http_abort(struct http_call *call);

/* The first value of a header in a response's block, trimmed; {NULL, 0}: not there. */
struct bytes http_header(struct bytes headers, const char *name);
/* "https://host:port" in lower case, the port always said; allocated. NULL: not an http(s) URL, or
 * one with a user in it. Two URLs are of one origin when these are equal. */
char *http_origin(const char *url);
bool http_origin_is_loopback(const char *origin); /* of any URL */

struct http_stats {
    uint64_t started, finished, aborted, failed, refused_second_try;
    uint32_t in_flight, waiting;
};
void http_get_stats(const struct http_client *client, struct http_stats *stats_r);
#endif
