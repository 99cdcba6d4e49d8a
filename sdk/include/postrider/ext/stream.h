/* postrider/ext/stream.h: extension postrider.stream/1, lent by the host: an authorized line to an
 * IMAP or SMTP server.
 *
 * Get it with host->extension(host, RIDER_STREAM, sizeof(struct rider_streams)); NULL: this host
 * lends none. The host connects, does TLS (RFC 8314) or STARTTLS (RFC 3207; RFC 9051 6.2.1) and
 * SASL (PLAIN, XOAUTH2, OAUTHBEARER RFC 7628) with the mailbox's own secret, which never comes
 * here; the plugin speaks the commands after that. What the server said until the line was open is
 * not handed over, and of its last answer something may still come: begin with a command of a tag
 * of your own and ignore what comes before its answer. All calls are made on the loop thread. */
#ifndef POSTRIDER_EXT_STREAM_H
#define POSTRIDER_EXT_STREAM_H
#include "postrider/host.h"
#ifdef __cplusplus
extern "C" {
#endif

#define RIDER_STREAM "postrider.stream/1"

struct rider_stream; /* an open line: hold the pointer, no more */
struct rider_stream_request {
    size_t size;
    struct rider_op *op; /* the operation it is opened for, whose deadline holds; NULL: none, a line
                            that is kept (IDLE)                                                */
    const char *url; /* "imaps://", "imap://", "smtps://" or "smtp://" host:port. Only a server that
                        config or the mailbox's own settings name: the secret goes nowhere else.
                        Without the s STARTTLS is required, but for a server on loopback that
                        config allows in the clear                                         */
    uint32_t timeout; /* to be open, ms; 0: 30 s                                            */
};
struct rider_stream_events { /* copied; called never before open() returned, never after close() */
    void (*opened)(void *arg);
    void (*data)(void *arg, struct rider_bytes bytes); /* lent; as it came, in any pieces       */
    void (*closed)(void *arg, const struct rider_failure *why); /* once, the last: it could not be
        opened (kind and scope say why: TRANSIENT nothing happened, RIDER_AUTH the secret is
        refused), or it was lost. The stream is gone when this returns */
};
struct rider_streams {
    size_t size;
    /* NULL only for an event missing; all else comes as closed(). */
    struct rider_stream *(*open)(const struct rider_host *, const struct rider_stream_request *,
                                 const struct rider_stream_events *, void *arg);
    /* What is written from here on is written for this operation; NULL: for none. */
    void (*use)(struct rider_stream *, struct rider_op *);
    /* Copied and queued. `commits`: when these bytes have left, the operation may take effect (the
     * last dot of DATA, an APPEND's last byte). From then on, a failure of it is UNCERTAIN whatever
     * it says, until `answered`. */
    void (*write)(struct rider_stream *, struct rider_bytes, bool commits);
    void (*answered)(struct rider_stream *); /* the server's whole answer to that was read        */
    void (*hold)(struct rider_stream *, bool); /* true: no data() until false                     */
    void (*close)(struct rider_stream *); /* no event after this. NULL is fine                    */
    /* ---- stream/1 ends here; append below ---- */
};

#ifdef __cplusplus
}
#endif
#endif
