/* net/stream.h: a line to an IMAP or SMTP server, connected, secured and logged in by libcurl.
 *
 * TLS from the first byte (imaps, smtps) or by STARTTLS (imap, smtp), verified with the client's CA
 * file, at least 1.2; a server that logs us in unasked (PREAUTH), says more after its answer to
 * STARTTLS, or offers no login is refused. Whoever opened the line speaks the commands. What the
 * server said until then is not handed over (facts: of its last answer something may still come).
 * Nothing waits for the network, and a line costs memory for its state only. Loop thread. */
#ifndef NET_STREAM_H
#define NET_STREAM_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_client; /* its CA file, proxy and libcurl */
struct stream;

struct stream_request { /* all of it is copied by stream_open; the secret is wiped after use */
    const char *url;    /* "imaps://", "imap://", "smtps://" or "smtp://" host[:port]         */
    const char *user;
    const char *secret;  /* password, or bearer token                                         */
    const char *sasl;    /* "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"; NULL or "": the best the
                            server offers of those that fit the secret                        */
    const char *greeter; /* who we say we are in EHLO; NULL: "localhost"                      */
    bool is_bearer;
    bool plain;          /* no TLS: only to a server on loopback, only imap and smtp          */
    uint32_t timeout_ms; /* until it is open, real time [30 s]                                */
};

enum stream_why {
    STREAM_FAILED = 1, /* it could not be opened; nothing happened                           */
    STREAM_DENIED,     /* the same, as the server refuses user or secret                     */
    STREAM_LOST        /* it was open, and has ended                                         */
};
struct stream_events {
    void (*opened)(void *arg);
    void (*data)(void *arg, struct bytes bytes); /* lent                                      */
    /* The last: the stream is gone when this returns. `text` is a sentence for log and person,
     * lent, without user and secret; `code` is the server's SMTP reply where that was why, or 0. */
    void (*closed)(void *arg, enum stream_why why, int code, const char *text);
};

/* Always leads to opened() or closed(), later. Counts as busy until then. */
struct stream *stream_open(struct http_client *client, const struct stream_request *request,
                           const struct stream_events *events, void *arg);
/* Copied and queued, and wiped once written. Nothing before opened(). */
void stream_write(struct stream *stream, struct bytes bytes);
/* How many bytes were ever queued, and how many of them were given to the kernel whole: what is not
 * among these the server can't have read. */
uint64_t stream_queued(const struct stream *stream);
uint64_t stream_left(const struct stream *stream);
void stream_hold(struct stream *stream, bool hold); /* true: no data() until false            */
void stream_close(struct stream *stream); /* no event after this; fine inside any. NULL is fine */

/* "imaps://host:port" in lower case, the port always said; allocated. NULL: no URL of one of the
 * four schemes, or one with a user, options, a path, query or fragment in it. */
char *stream_origin(const char *url);
bool stream_is_plain(const char *origin); /* imap, smtp: no TLS from the first byte            */
bool stream_is_loopback(const char *origin);

struct stream_stats {
    uint64_t started, opened, denied, failed, lost;
    uint32_t now; /* opening or open */
};
void stream_get_stats(const struct http_client *client, struct stream_stats *stats_r);
#endif
