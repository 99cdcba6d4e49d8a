/* postrider/host.h: what the host lends: one table a session, so every call is already scoped. */
#ifndef POSTRIDER_HOST_H
#define POSTRIDER_HOST_H
#include "postrider/auth.h"
#include "postrider/failure.h"
#include "postrider/http.h"
#include "postrider/message.h"
#include "postrider/reply.h"
#ifdef __cplusplus
extern "C" {
#endif

/* -- what the host lends: one table per session, so every call is already scoped ------ */
struct rider_host {
    size_t size;
    uint32_t minor;
    void (*log)(const struct rider_host *, int level, const char *fmt, ...) RIDER_PRINTF(3, 4);
    int64_t (*wall_clock)(const struct rider_host *);
    int64_t (*monotonic)(const struct rider_host *);
    const char *(*config)(const struct rider_host *, const char *key); /* no secret keys  */
    struct rider_bytes (*recall)(const struct rider_host *, const char *key);
    void (*remember)(const struct rider_host *, const char *key, struct rider_bytes);
    /* sealed, per mailbox, at most 4 KiB a key   */
    struct rider_timer *(*after)(const struct rider_host *, uint32_t delay, void (*fire)(void *),
                                 void *);
    void (*forget)(struct rider_timer *); /* NULL is fine                               */
    struct rider_http *(*http)(const struct rider_host *, const struct rider_http_request *,
                               void (*done)(void *, const struct rider_http_response *), void *);
    /* `done` never before this returns           */
    void (*http_abort)(struct rider_http *);        /* `done` is not called after this */
    void (*can_changed)(const struct rider_host *); /* ask can_now again               */
    /* Finish each operation exactly once, with one of these. They only queue: nothing of
     * yours runs before they return, so finishing inside the starting call is fine.      */
    void (*fail)(struct rider_op *, const struct rider_failure *);
    void (*identify_done)(struct rider_op *, const struct rider_identity *);
    void (*send_done)(struct rider_op *, const struct rider_sent *); /* stage, find too,
                                    and file where it knows the copy's id */
    void (*list_done)(struct rider_op *, const struct rider_page *);
    void (*read_done)(struct rider_op *, const struct rider_body *);
    void (*label_done)(struct rider_op *, const struct rider_labelled *);
    void (*done)(struct rider_op *); /* file, discard                   */
    bool (*list_item)(struct rider_op *, const struct rider_reply *); /* false: not taken */
    const void *(*extension)(const struct rider_host *, const char *id, size_t min_size);
    /* ---- 1.0 ends here; append below ---- */
};

#ifdef __cplusplus
}
#endif
#endif
