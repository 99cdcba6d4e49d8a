/* postrider/ext/push.h: extension postrider.push/1: a provider says that something is new.
 *
 * A hint is never the truth: it makes the host list soon, and the slow poll goes on. The plugin
 * gives struct rider_push by provider->extension(RIDER_PUSH, ...), the host struct rider_push_host
 * by host->extension(host, RIDER_PUSH, ...). All calls are made on the loop thread. */
#ifndef POSTRIDER_EXT_PUSH_H
#define POSTRIDER_EXT_PUSH_H
#include "postrider/host.h"
#ifdef __cplusplus
extern "C" {
#endif

#define RIDER_PUSH "postrider.push/1"

struct rider_session;
struct rider_watch {
    size_t size;
    const char *url; /* where this mailbox's notifications reach this host, https, made for it alone
                        and not to be guessed; NULL: the operator has no public URL */
};
struct rider_watched { /* how a watch stands */
    size_t size;
    int64_t renew_at; /* wall time from which watch is to be asked again; 0: never */
};
struct rider_notice { /* an HTTP request that came to `url`, lent during the call */
    size_t size;
    const char *method, *query; /* query: without the ?, "" for none */
    struct rider_bytes headers, body;
};
struct rider_notice_answer { /* strings lent until you return to the loop */
    size_t size;
    int32_t status;
    const char *content_type; /* or NULL */
    struct rider_bytes body;
};
struct rider_push { /* the plugin's */
    size_t size;
    /* Asked when a mailbox is opened and at renew_at; is idempotent. Ends with watch_done, or fail:
     * RIDER_UNSUPPORTED, here is no push (not asked again while this session lives). */
    void (*watch)(struct rider_session *, struct rider_op *, const struct rider_watch *);
    void (*unwatch)(struct rider_session *, struct rider_op *); /* ends with done */
    /* May be NULL where notices do not come by HTTP. Check who sent it in constant time. */
    void (*notice)(struct rider_session *, const struct rider_notice *,
                   struct rider_notice_answer *);
    /* ---- push/1 ends here; append below ---- */
};
struct rider_push_host { /* the host's */
    size_t size;
    void (*watch_done)(struct rider_op *, const struct rider_watched *);
    void (*hint)(const struct rider_host *); /* list soon; as often as you like */
    void (*lost)(const struct rider_host *); /* the watch ended: ask watch again soon */
    /* ---- push/1 ends here; append below ---- */
};

#ifdef __cplusplus
}
#endif
#endif
