/* control/pages.c: the addresses that owners and candidates can reach; opting out; health. */
#include "base/json.h"
#include "control/pages.h"

#include "base/clock.h"
#include "control/internal.h"
#include "control/page.h"
#include "engine/engine.h"
#include "seal/seal.h"
#include "store/store.h"

#include <string.h>

enum { FORM_MAX = 8 * 1024, NOTICE_MAX = 256 * 1024 };

/* -- opting out: GET changes nothing (mail scanners open every link), POST does (RFC 8058)  */

static bool link_read(struct exchange *exchange, uint64_t *enrolment_r)
{
    uint64_t more;

    if (seal_link_read(exchange->control->options.seal, "unsubscribe", exchange->params[0],
                       clock_wall(), enrolment_r, &more) == 0)
        return true;
    page_begin(exchange, PAGE_BAD, "This link is not valid");
    page_text(exchange,
              "Copy the whole link from the mail, to its very end. Or answer that mail and "
              "say that you want no more: that works as well.");
    page_end(exchange, 404);
    return false;
}

/* Who wrote; false: not known (any more). */
static bool sender_of(struct exchange *exchange, uint64_t id, struct buf *address)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(enrolment) enrolment = {0};
    auto_record(mailbox) mailbox = {0};

    if (store_read(exchange->control->options.store, &txn) < 0 ||
        store_enrolment_get(txn, id, &enrolment) < 0 ||
        store_mailbox_get(txn, enrolment.mailbox, &mailbox) < 0)
        return false;
    buf_add_str(address, mailbox.address);
    return address->len;
}

void optout_show(struct exchange *exchange)
{
    auto_buf struct buf sender = {0};
    uint64_t enrolment;

    if (!link_read(exchange, &enrolment))
        return;
    page_begin(exchange, PAGE_PLAIN, "No more of these mails?");
    if (sender_of(exchange, enrolment, &sender))
        page_text(exchange,
                  "You got a mail from %s. One click, and no more will come to you, from "
                  "them or from anyone who sends the same way.",
                  buf_text(&sender));
    else
        page_text(exchange, "One click, and no more of these mails will come to you.");
    page_button(exchange, "List-Unsubscribe", "One-Click", "Stop these mails");
    page_small(exchange, "Your address is kept on a list of addresses never to write to, and for "
                         "nothing else.");
    page_end(exchange, 200);
}

static void opted_out(void *arg, int status, uint64_t id, const char *text)
{
    struct exchange *exchange = arg;

    (void)id;
    (void)text;
    if (!exchange_back(exchange))
        return;
    if (status < 0) {
        page_begin(exchange, PAGE_BAD, "That could not be noted just now");
        page_text(exchange, "Something is wrong on our side. Please try again in a few minutes, or "
                            "answer the mail and say that you want no more.");
        page_end(exchange, 503);
        return;
    }
    page_begin(exchange, PAGE_GOOD, "Done: no more of these mails");
    page_text(exchange, "You will get no more of them. You can close this window.");
    page_end(exchange, 200);
}

void optout_act(struct exchange *exchange)
{
    const char *body = buf_text(&exchange->body);
    uint64_t enrolment;

    if (!link_read(exchange, &enrolment))
        return;
    /* RFC 8058, section 3.2: as a form, or as multipart/form-data */
    if (!strstr(body, "List-Unsubscribe") || !strstr(body, "One-Click")) {
        page_begin(exchange, PAGE_BAD, "Nothing was changed");
        page_text(exchange, "Open the link from the mail, and use the button there.");
        page_end(exchange, 400);
        return;
    }
    exchange_wait(exchange);
    engine_unsubscribe(exchange->control->options.engine, enrolment, opted_out, exchange);
}

/* -- health ------------------------------------------------------------------------------------ */

static void health(struct exchange *exchange)
{
    auto_buf struct buf text = {0};
    struct json_object *status, *frozen, *json = json_map();
    bool good = engine_status_json(exchange->control->options.engine, &text) == 0;

    status = good ? json_of(&text) : NULL;
    if (status && json_object_object_get_ex(status, "frozen", &frozen))
        good = !json_object_get_boolean(frozen);
    json_object_put(status);
    json_flag(json, "ok", good);
    exchange_give_json(exchange, good ? 200 : 503, json);
}

const struct route page_routes[] = {
    {.method = "GET", .path = "/connect/{token}", .act = connect_show},
    {.method = "POST", .path = "/connect/{token}", .act = connect_go, .body = FORM_MAX},
    {.method = "GET", .path = "/oauth/cb/{provider}", .act = connect_callback},
    {.method = "GET", .path = "/oauth/admin/{provider}", .act = connect_admin},
    {.method = "GET", .path = "/u/{token}", .act = optout_show},
    {.method = "POST", .path = "/u/{token}", .act = optout_act, .body = FORM_MAX},
    {.method = "GET", .path = "/push/{provider}/{token}", .act = push_notice},
    {.method = "POST", .path = "/push/{provider}/{token}", .act = push_notice, .body = NOTICE_MAX},
    {.method = "GET", .path = "/health", .act = health},
    {NULL},
};
