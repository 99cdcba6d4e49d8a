/* postrider/message.h: a mail to send, and what is known of it once sent. */
#ifndef POSTRIDER_MESSAGE_H
#define POSTRIDER_MESSAGE_H
#include "postrider/basic.h"
#ifdef __cplusplus
extern "C" {
#endif

/* -- sending ------------------------------------------------------------------------ */
struct rider_message { /* lent until the operation is finished.
                          find and discard: addresses, ids, marker
                          and subject only;
                          file: those and rfc5322 */
    size_t size;
    const char *marker;         /* X-Postrider-Id; survives where ids do not  */
    const char *message_id;     /* ours; the provider may put its own instead */
    const char *from, *to;      /* the envelope; one recipient a message      */
    struct rider_bytes rfc5322; /* the whole message, CRLF                    */
    const char *from_name, *to_name, *subject, *text, *html; /* the same, in parts     */
    const char *in_reply_to, *references;
    const char *const *extra_headers; /* "Name: value", CR and LF free              */
    const char *thread_id;            /* the provider's own, or NULL                */
    const char *previous_id;          /* provider_id of the step before, or NULL    */
    const char *provider_id;          /* from stage or send, or NULL                */
    int64_t minted;                   /* `find` need not look further back          */
};
enum rider_state { RIDER_IS_SENT = 1, RIDER_IS_STAGED = 2 };
struct rider_sent { /* for stage, send and find                   */
    size_t size;
    int32_t state;
    const char *provider_id, *thread_id;
    const char *message_id; /* as it will be delivered                    */
    bool final;             /* false: ask `find` once more for the rest   */
};

#ifdef __cplusplus
}
#endif
#endif
