/* postrider/reply.h: what came back: listing, reading, labels. */
#ifndef POSTRIDER_REPLY_H
#define POSTRIDER_REPLY_H
#include "postrider/basic.h"
#ifdef __cplusplus
extern "C" {
#endif

/* -- what came back ------------------------------------------------------------------ */
enum { RIDER_WANT_REPORT = 1, RIDER_WANT_LABELS = 2 };
struct rider_query {
    size_t size;
    struct rider_bytes cursor; /* empty: from `since`                        */
    int64_t since;
    uint32_t limit;
    uint32_t want;
    const char *const *headers; /* the only ones to fetch and to hand over    */
};
enum rider_where { RIDER_INBOUND = 1, RIDER_OUTBOUND, RIDER_DRAFT, RIDER_JUNK, RIDER_TRASH };
enum rider_change { RIDER_ARRIVED = 1, RIDER_RELABELLED = 2, RIDER_GONE = 3 };
struct rider_reply {
    size_t size;
    int32_t change, where;
    const char *provider_id, *thread_id;
    struct rider_bytes headers;          /* header block, or as near as there is       */
    const char *report_type;             /* "delivery-status", "feedback-report"       */
    struct rider_bytes report, returned; /* that part; the returned mail's headers     */
    const char *const *labels;           /* by path                                    */
    int64_t received;
};
struct rider_page {
    size_t size;
    struct rider_bytes cursor; /* covers exactly the items that were taken   */
    bool more;
};
struct rider_body {
    size_t size;
    const char *text;
};
struct rider_label_change { /* labels by path, as "Outreach/Replied"      */
    size_t size;
    const char *const *provider_ids, *const *add, *const *remove;
};
enum rider_labelled_how { RIDER_BY_LABEL = 1, RIDER_BY_FOLDER = 2, RIDER_NOT_THERE = 3 };
struct rider_labelled {
    size_t size;
    int32_t how;
    const char *const *new_ids;
};

#ifdef __cplusplus
}
#endif
#endif
