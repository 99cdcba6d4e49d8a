/* engine/poll.c: lists what came into a mailbox, a page at a time, and hands it to the store. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/daemon.h"
#include "engine/internal.h"
#include "mail/wanted.h"
#include "net/loop.h"

#include <errno.h>
#include <string.h>

static const int64_t RELIST_MS = 24 * 3600 * 1000LL;

static void listing_free(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        struct mail_item *item = &listing->items[i];

        free(item->provider_id);
        free(item->thread_id);
        free(item->report_type);
        buf_finish(&item->headers);
        buf_finish(&item->report);
        buf_finish(&item->returned);
        mem_strv_free(item->labels);
    }
    free(listing->items);
    buf_finish(&listing->asked);
    buf_finish(&listing->cursor);
    free(listing);
}

static bool take_item(void *arg, const struct rider_reply *reply)
{
    struct listing *listing = arg;
    struct mail_item *item;

    if (!reply->provider_id || listing->count >= LIST_LIMIT * 10)
        return false;
    listing->items = mem_grow(listing->items, listing->count + 1, sizeof(*listing->items));
    item = &listing->items[listing->count++];
    *item = (struct mail_item){.change = reply->change,
                               .where = reply->where,
                               .provider_id = mem_str(reply->provider_id),
                               .thread_id = mem_str(reply->thread_id),
                               .report_type = mem_str(reply->report_type),
                               .labels = mem_strv(reply->labels),
                               .received = reply->received ? reply->received : clock_wall()};
    buf_add(&item->headers, reply->headers.data, reply->headers.len);
    buf_add(&item->report, reply->report.data, reply->report.len);
    buf_add(&item->returned, reply->returned.data, reply->returned.len);
    return true;
}

static void poll_over(struct box *box, int64_t again)
{
    box->listing = false;
    box->poll_at = clock_wall() + again;
    box_wake(box);
}

static void say_adopted(const struct listing *listing)
{
    if (listing->adopted)
        log_warn(
            "%s: %zu mails in Sent carry our marker, and this store did not know that they were "
            "sent; it knows now. Was it put back from an older copy? If not, another daemon sends "
            "from this mailbox: stop one of them",
            listing->box->mailbox.address, listing->adopted);
}

static void committed(void *arg, int status)
{
    struct listing *listing = arg;
    struct box *box = listing->box;

    box->more = false;
    if (status == -ESTALE) {
        poll_over(box, 0);
    } else if (status < 0) {
        log_error("%s: what was listed could not be kept: %s", box->mailbox.address,
                  strerror(-status));
        poll_over(box, backoff(++box->list_failures));
    } else {
        box->list_failures = 0;
        box->more = listing->more || listing->lost;
        if (!box->more)
            box->listed_at = listing->began;
        if (listing->work)
            box->work_at = 0;
        say_adopted(listing);
        box_plan_at(box, listing->next_due);
        poll_over(box, box->more ? 0 : box->engine->options.config->poll);
    }
    listing_free(listing);
}

/* The cursor is of no use: what is listed again is known by its id. */
static void begin_anew(struct listing *listing)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(mailbox_pulse) pulse = {0};

    listing->lost = true;
    listing->cursor.len = 0;
    listing->count = 0;
    listing->since = listing->box->mailbox.connected_at;
    if (store_read(listing->engine->options.store, &txn) == 0 &&
        store_pulse_get(txn, listing->mailbox, &pulse) == 0 &&
        pulse.listed_at - RELIST_MS > listing->since)
        listing->since = pulse.listed_at - RELIST_MS;
    log_info("%s: the provider no longer knows our cursor; listing anew",
             listing->box->mailbox.address);
    engine_submit(listing->engine, answer_apply, committed, listing);
}

static void listed(void *arg, const struct provider_result *result)
{
    struct listing *listing = arg;
    struct box *box = listing->box;

    if (result->failure && result->failure->kind == RIDER_CURSOR_LOST && listing->asked.len) {
        begin_anew(listing);
        return;
    }
    if (result->failure) {
        log_warn("%s: listing failed: %s", box->mailbox.address,
                 result->failure->detail ? result->failure->detail : "no reason given");
        box_hold(box, result->failure, ++box->list_failures);
        listing_free(listing);
        poll_over(box, backoff(box->list_failures));
        return;
    }
    buf_add(&listing->cursor, result->page->cursor.data, result->page->cursor.len);
    listing->more = result->page->more;
    engine_submit(box->engine, answer_apply, committed, listing);
}

void poll_start(struct box *box)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(mailbox_pulse) pulse = {0};
    struct listing *listing = mem_new(sizeof(*listing));
    struct rider_query query = {.size = sizeof(query),
                                .limit = LIST_LIMIT,
                                .headers = mail_wanted_headers,
                                .want = RIDER_WANT_LABELS};

    listing->engine = box->engine;
    listing->box = box;
    listing->mailbox = box->id;
    listing->began = clock_wall();
    if (store_read(box->engine->options.store, &txn) == 0)
        store_pulse_get(txn, box->id, &pulse);
    buf_add(&listing->asked, pulse.cursor.data, pulse.cursor.len);
    query.cursor = (struct rider_bytes){listing->asked.data, listing->asked.len};
    query.since = pulse.since ? pulse.since : box->mailbox.connected_at;
    if (provider_session_can(box->session) & RIDER_CAN_REPORT)
        query.want |= RIDER_WANT_REPORT;
    box->listing = true;
    push_listing(box, listing->began);
    provider_list(box->session, &query, take_item, box_patience(box), listed, listing);
}
