/* control/ask.c: what handlers ask of a request, and how they answer when it is not there. */
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/internal.h"
#include "mail/address.h"
#include "store/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool not_here(struct exchange *exchange, const char *noun)
{
    auto_free char *why = mem_printf("there is no %s \"%.200s\" here", noun, exchange->params[0]);
    auto_free char *next = mem_printf("see: postrider %s list", noun);

    exchange_refuse(exchange, 404, "that was not found", why, next);
    return false;
}

static bool store_trouble(struct exchange *exchange, int error)
{
    exchange_fail(exchange, error, "the store could not be read", NULL, NULL);
    return false;
}

bool ask_mailbox(struct exchange *exchange, uint64_t *id_r)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(mailbox) mailbox = {0};
    auto_buf struct buf key = {0};
    int r = store_read(exchange->control->options.store, &txn);

    if (r < 0)
        return store_trouble(exchange, r);
    if (text_u64(exchange->params[0], id_r))
        r = store_mailbox_get(txn, *id_r, &mailbox);
    else if ((r = mail_address_key(exchange->params[0], &key)) == 0)
        r = store_mailbox_find(txn, buf_text(&key), id_r);
    return r == 0 || not_here(exchange, "mailbox");
}

bool ask_campaign(struct exchange *exchange, uint64_t *id_r)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(campaign) campaign = {0};
    int r = store_read(exchange->control->options.store, &txn);

    if (r < 0)
        return store_trouble(exchange, r);
    r = store_campaign_find(txn, exchange->params[0], id_r);
    if (r < 0 && text_u64(exchange->params[0], id_r))
        r = store_campaign_get(txn, *id_r, &campaign);
    return r == 0 || not_here(exchange, "campaign");
}

bool ask_id(struct exchange *exchange, uint64_t *id_r)
{
    if (text_u64(exchange->params[0], id_r))
        return true;
    exchange_refuse(exchange, 404, "that was not found", "ids are numbers",
                    "see the list for what there is");
    return false;
}

bool ask_page(struct exchange *exchange, uint64_t *after_r, size_t *limit_r)
{
    uint64_t limit;

    if (!exchange_number(exchange, "after", 0, INT64_MAX, after_r) ||
        !exchange_number(exchange, "limit", LIST_DEFAULT, LIST_MAX, &limit))
        return false;
    *limit_r = limit ? (size_t)limit : LIST_DEFAULT;
    return true;
}

void answer_list(struct exchange *exchange, const char *name, struct json_object *list,
                 uint64_t next)
{
    struct json_object *json = json_map();

    json_put(json, name, list);
    json_number(json, "next", (int64_t)next);
    exchange_give_json(exchange, 200, json);
}

/* -- bodies ------------------------------------------------------------------------------------ */

bool request_read(struct exchange *exchange, const char *const *known, struct request *request)
{
    struct bytes body = exchange->body.len ? buf_bytes(&exchange->body) : (struct bytes){"{}", 2};

    if (tree_parse("request", body.data, body.len, &request->mistakes, &request->tree) == 0 &&
        check_root(request->tree, &request->mistakes, &request->root))
        check_keys(&request->root, known);
    return request_good(exchange, request);
}

const char *request_text(struct request *request, const char *key, const char *needed)
{
    struct check at;

    if (needed ? check_need(&request->root, key, needed, &at) : check_get(&request->root, key, &at))
        return check_text(&at);
    return NULL;
}

bool request_good(struct exchange *exchange, struct request *request)
{
    auto_buf struct buf text = {0};

    if (!request->mistakes.count)
        return true;
    mistakes_text(&request->mistakes, &text);
    exchange_refuse(exchange, 422, "the request was not understood", buf_text(&text),
                    "correct that and ask again");
    return false;
}

void request_finish(struct request *request)
{
    mistakes_finish(&request->mistakes);
    tree_free(request->tree);
    request->tree = NULL;
}

/* -- waiting ------------------------------------------------------------------------------ */

void ask_wait(struct exchange *exchange, const char *format, ...)
{
    va_list args;

    free(exchange->note);
    exchange->note = NULL;
    va_start(args, format);
    if (vasprintf(&exchange->note, format, args) < 0)
        exchange->note = NULL;
    va_end(args);
    exchange_wait(exchange);
}

bool answer_good(struct exchange *exchange, int status, const char *text)
{
    auto_free char *why = mem_str(text); /* it may be the exchange's own */

    if (!exchange_back(exchange))
        return false;
    if (status < 0)
        exchange_fail(exchange, status, exchange->note ? exchange->note : "it was not done", why,
                      NULL);
    return status >= 0;
}

void answer_done(void *arg, int status, uint64_t id, const char *text)
{
    struct exchange *exchange = arg;
    struct json_object *json;

    (void)id;
    if (!answer_good(exchange, status, text))
        return;
    json = json_map();
    json_flag(json, "done", true);
    exchange_give_json(exchange, 200, json);
}
