/* postrider/provider.h: what a plugin provides: the one table, and the symbol that gives it.
 *
 * Threads  Every call here, either way, is made on the loop thread, and none blocks.
 * Memory   A pointer handed over or given back is good until you return to the loop,
 *          or as long as the comment beside it says. Copy what you keep.
 * Growth   Each struct opens with `size`: how far its maker's header reached. Readers
 *          never look past it; what is not there counts as zero.
 * Secrets  No credential crosses this border. The host signs in, refreshes and revokes;
 *          a plugin asks for an authorized request or an authorized stream.
 * Trust    In 1.0 a plugin is trusted code in our process: the border keeps credentials out
 *          of its interface, not out of its reach. No call here could not be a message, so
 *          the same plugin can later live in a process of its own.
 * Data     Text is UTF-8 ending in NUL, lists end in NULL, times are milliseconds. */
#ifndef POSTRIDER_PROVIDER_H
#define POSTRIDER_PROVIDER_H
#include "postrider/host.h"
#ifdef __cplusplus
extern "C" {
#endif

/* -- what a plugin provides: never sleeps out a throttle, never repeats a send --------- */
enum {
    RIDER_CAN_SEND = 1 << 0,
    RIDER_CAN_LIST = 1 << 1,
    RIDER_CAN_LABEL = 1 << 2,
    RIDER_CAN_READ = 1 << 3,
    RIDER_CAN_STAGE = 1 << 4,  /* a draft first, which sending consumes      */
    RIDER_CAN_FIND = 1 << 5,   /* after `settle`, ABSENT proves: not sent    */
    RIDER_CAN_FILE = 1 << 6,   /* the copy in Sent is ours to make           */
    RIDER_CAN_THREAD = 1 << 7, /* thread ids are the provider's, not guessed */
    RIDER_CAN_REPORT = 1 << 8, /* hands over delivery-status parts           */
    RIDER_CAN_LOOK = 1 << 9,   /* has find, but ABSENT proves nothing: what it
                                  finds was sent, what it does not may have been */
    RIDER_CAN_FENCE = 1 << 10  /* with STAGE: sent twice, a draft goes out once */
};
struct rider_provider {
    size_t size;
    uint32_t minor;
    uint32_t can;                    /* the most it ever can; can_now narrows it   */
    uint32_t auth;                   /* RIDER_AUTH_...; both: OAuth where config has a
                                        client_id and `oauth` offers it, else a password  */
    uint32_t settle;                 /* how long after an attempt ended absence may
                                        still be mere delay; config may raise it   */
    const char *id, *name, *version; /* "gmail", "Gmail", "1.4.0"                  */
    const struct rider_setting *const *settings;
    const struct rider_limits *limits;
    /* auth */
    bool (*oauth)(const struct rider_host *, enum rider_access, struct rider_oauth *);
    void (*oauth_failure)(const char *error, const char *suberror, const char *description,
                          struct rider_failure *);
    struct rider_session *(*open)(const struct rider_host *, const struct rider_mailbox *,
                                  struct rider_failure *why);
    void (*close)(struct rider_session *);       /* nothing of the session is in flight        */
    uint32_t (*can_now)(struct rider_session *); /* with the scopes really granted  */
    void (*identify)(struct rider_session *, struct rider_op *);
    /* send */
    void (*stage)(struct rider_session *, struct rider_op *, const struct rider_message *);
    void (*send)(struct rider_session *, struct rider_op *, const struct rider_message *);
    void (*find)(struct rider_session *, struct rider_op *, const struct rider_message *);
    /* drafts, Sent and trash; SENT, STAGED, ABSENT */
    void (*file)(struct rider_session *, struct rider_op *, const struct rider_message *);
    void (*discard)(struct rider_session *, struct rider_op *, const struct rider_message *);
    /* a staged draft; both may be asked twice     */
    /* replies */
    void (*list)(struct rider_session *, struct rider_op *, const struct rider_query *);
    void (*read)(struct rider_session *, struct rider_op *, const char *provider_id);
    /* labels: adding what is there and removing what is not is fine; nothing is moved    */
    void (*label)(struct rider_session *, struct rider_op *, const struct rider_label_change *);
    void (*cancel)(struct rider_session *, struct rider_op *); /* hurry; still finish it  */
    const void *(*extension)(const char *id, size_t min_size);
    /* ---- 1.0 ends here; append below ---- */
};
typedef const struct rider_provider *rider_provider_fn(void);
RIDER_EXPORT rider_provider_fn rider_provider_v1; /* the one symbol a plugin exports */
#define RIDER_PROVIDER(table)                                                                      \
    const struct rider_provider *rider_provider_v1(void)                                           \
    {                                                                                              \
        return &(table);                                                                           \
    }                                                                                              \
    struct rider_provider_needs_a_semicolon

#ifdef __cplusplus
}
#endif
#endif
