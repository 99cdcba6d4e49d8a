/* postrider/ext/stream.h: extension postrider.stream/1, lent by the host: an authorized line to an
 * IMAP or SMTP server.
 *
 * Get it with host->extension(host, RIDER_STREAM, sizeof(struct rider_streams)), from open() on;
 * NULL: this host lends none. The host connects, does TLS (RFC 8314) or STARTTLS (RFC 3207; RFC
 * 9051 6.2.1) and SASL (PLAIN, XOAUTH2, OAUTHBEARER RFC 7628) with the mailbox's own secret, which
 * never comes here; the plugin speaks the commands after that. What the server said until the line
 * was open is not handed over, and of its last answer something may still come: begin with a
 * command of a tag of your own and ignore what comes before its answer. All calls are made on the
 * loop thread.
 *
 * A token that the server refuses is renewed once, unseen. Two keys of the config are the host's,
 * for any provider with lines: `sasl` (PLAIN, LOGIN, XOAUTH2, OAUTHBEARER; left out: the best the
 * server offers) and `plain: true` (no TLS, to servers on loopback only). */
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
    struct rider_op *op; /* the operation it is opened for: its deadline holds, and when it fails
                            before the line is open, so does the line. NULL: none, a line that
                            is kept (IDLE) */
    const char *url; /* "imaps://", "imap://", "smtps://" or "smtp://" host:port. Only a server that
                        config or the mailbox's own settings name: the secret goes nowhere else.
                        Without the s STARTTLS is required, but on loopback where the config
                        says `plain: true`                                                 */
    uint32_t timeout; /* to be open, ms; 0: 30 s                                            */
};
struct rider_stream_events { /* copied; called never before open() returned, never inside a call of
                                yours, never after close(), which is fine inside any of them    */
    void (*opened)(void *arg);
    void (*data)(void *arg, struct rider_bytes bytes); /* lent; as it came, in any pieces       */
    void (*closed)(void *arg, const struct rider_failure *why); /* once, the last: it could not be
        opened (kind and scope say why: TRANSIENT nothing happened, RIDER_AUTH the secret is
        refused, with the server's words in detail), or it was lost (TRANSIENT). The stream is
        gone when this returns */
};
struct rider_streams {
    size_t size;
    /* NULL only for an event missing; all else comes as closed(). */
    struct rider_stream *(*open)(const struct rider_host *, const struct rider_stream_request *,
                                 const struct rider_stream_events *, void *arg);
    /* What is written from here on is written for this operation; NULL: for none. Open() did so for
     * its own. While an operation has a line it counts as going on, not as waiting; once it has
     * failed, the host closes a line with bytes of it that have not left. */
    void (*use)(struct rider_stream *, struct rider_op *);
    /* Copied and queued; not before opened(), then it is lost. `commits`: when the last of these
     * bytes has left, the operation may take effect (the last dot of DATA, an APPEND's last byte).
     * From then on a failed send is UNCERTAIN whatever it says, until `answered`; also when the
     * line was lost or closed in between. One at a time. */
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
