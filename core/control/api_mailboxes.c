/* control/api_mailboxes.c: /v1/mailboxes: add, invite, pause, check, disconnect. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "campaign/zones.h"
#include "config/daemon.h"
#include "control/internal.h"
#include "engine/engine.h"
#include "mail/address.h"
#include "mailbox/autoconfig.h"
#include "mailbox/mailbox.h"
#include "store/store.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>

enum { BODY_MAX = 16 * 1024, SECRET_BODY_MAX = 4 * 1024, STALE_MS = 15 * 60 * 1000 };

static void give_mailbox(struct exchange *exchange, uint64_t id)
{
    struct buf out = {0};
    int r = engine_mailbox_json(exchange->control->options.engine, id, &out);

    if (r < 0)
        exchange_fail(exchange, r, "the mailbox can't be shown", NULL, NULL);
    else
        exchange_give(exchange, 200, &out);
    buf_finish(&out);
}

static void list_mailboxes(struct exchange *exchange)
{
    struct json_object *list;
    uint64_t after, *ids;
    size_t limit, count = 0;

    if (!ask_page(exchange, &after, &limit))
        return;
    ids = mem_array(limit, sizeof(*ids));
    {
        auto_read struct store_txn *txn = NULL;

        while (count < limit && (txn || store_read(exchange->control->options.store, &txn) == 0)) {
            auto_record(mailbox) mailbox = {0};

            if (store_mailbox_next(txn, after, &mailbox) < 0)
                break;
            ids[count++] = after = mailbox.id;
        }
    }
    list = json_list();
    for (size_t i = 0; i < count; i++) {
        auto_buf struct buf text = {0};

        if (engine_mailbox_json(exchange->control->options.engine, ids[i], &text) == 0)
            json_add(list, json_of(&text));
    }
    free(ids);
    answer_list(exchange, "mailboxes", list, count == limit ? after : 0);
}

static void show_mailbox(struct exchange *exchange)
{
    uint64_t id;

    if (ask_mailbox(exchange, &id))
        give_mailbox(exchange, id);
}

/* -- adding and inviting ---------------------------------------------------------------------- */

static void give_link(struct exchange *exchange, unsigned status, uint64_t id, const char *link)
{
    struct json_object *json = json_map();

    json_number(json, "id", (int64_t)id);
    json_text(json, "link", link);
    exchange_give_json(exchange, status, json);
}

static void on_added(void *arg, int status, uint64_t id, const char *text)
{
    if (answer_good(arg, status, text))
        give_link(arg, 201, id, text);
}

static void on_invited(void *arg, int status, uint64_t id, const char *text)
{
    if (answer_good(arg, status, text))
        give_link(arg, 200, id, text);
}

/* {"imap": "imaps://..."} as "key", "value", ..., NULL; for mem_strv_free. */
static char **read_settings(const struct check *map)
{
    char **list = NULL;
    size_t count = 0;

    if (!check_is_map(map))
        return NULL;
    json_object_object_foreach (map->json, key, value) {
        struct check at;
        const char *text = check_get(map, key, &at) ? check_text(&at) : NULL;

        (void)value;
        if (!text)
            continue;
        list = mem_grow(list, count + 3, sizeof(*list));
        list[count++] = mem_str(key);
        list[count++] = mem_str(text);
        list[count] = NULL;
    }
    return list;
}

static bool read_ask(struct exchange *exchange, struct request *request, struct mailbox_ask *ask,
                     char ***settings_r)
{
    static const char *const known[] = {"address", "provider", "access", "promise",
                                        "zone",    "settings", NULL};
    static const char *const accesses[] = {"send", "headers", "full", NULL};
    static const char *const promises[] = {"strict", "fast", NULL};
    struct check at;

    if (!request_read(exchange, known, request))
        return false;
    ask->address = request_text(request, "address", "say whose, e.g. ana@acme.example");
    ask->provider = request_text(request, "provider", "name one of GET /v1/providers, e.g. gmail");
    ask->zone = request_text(request, "zone", NULL);
    if (!ask->zone)
        ask->zone = exchange->control->options.config->zone;
    else if (!zone_name_valid(ask->zone) && check_get(&request->root, "zone", &at))
        check_wrong(&at, "write an IANA name such as Europe/Berlin", "\"%.64s\" is no time zone",
                    ask->zone);
    ask->access = RIDER_ACCESS_FULL;
    if (check_get(&request->root, "access", &at))
        ask->access = check_choice(&at, accesses) + 1;
    if (check_get(&request->root, "promise", &at))
        ask->promise = check_choice(&at, promises) + 1;
    if (check_get(&request->root, "settings", &at))
        *settings_r = read_settings(&at);
    ask->settings = (const char *const *)*settings_r;
    return request_good(exchange, request);
}

static void add_mailbox(struct exchange *exchange)
{
    struct request request = {0};
    struct mailbox_ask ask = {0};
    char **settings = NULL;

    if (read_ask(exchange, &request, &ask, &settings)) {
        ask_wait(exchange, "%s was not added", ask.address);
        mailbox_add(exchange->control->options.mailboxes, &ask, on_added, exchange);
    }
    mem_strv_free(settings);
    request_finish(&request);
}

/* -- a secret: the body, and nothing else, so that no parser ever quotes of it ----------------- */

static void on_secret(void *arg, int status, uint64_t id, const char *text)
{
    struct exchange *exchange = arg;
    auto_free char *told = mem_str(text);
    auto_buf struct buf mailbox = {0};
    struct json_object *json;

    if (!answer_good(exchange, status, text))
        return;
    json = json_map();
    json_text(json, "told", told);
    engine_mailbox_json(exchange->control->options.engine, id, &mailbox);
    json_put(json, "mailbox", json_of(&mailbox));
    exchange_give_json(exchange, 200, json);
}

/* An editor's newline at the end is none of the secret. */
static void trim_end(struct buf *secret)
{
    if (secret->len && secret->data[secret->len - 1] == '\n')
        buf_truncate(secret, secret->len - 1);
    if (secret->len && secret->data[secret->len - 1] == '\r')
        buf_truncate(secret, secret->len - 1);
}

static void give_secret(struct exchange *exchange)
{
    auto_free char *proof = exchange_query(exchange, "proof");
    const char *type = exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE);
    struct buf *body = &exchange->body;
    uint64_t id;

    if (!ask_mailbox(exchange, &id))
        return;
    trim_end(body);
    if (type && text_starts_fold(type, "application/")) { /* it would be taken for the password */
        exchange_refuse(exchange, 422, "the secret was not taken",
                        "the body is the secret itself, as text/plain, not JSON or a form",
                        "send it with Content-Type: text/plain");
        return;
    }
    if (body->len != strlen(buf_text(body))) {
        exchange_refuse(exchange, 422, "the secret was not taken", "it has a NUL in it",
                        "is it the right file?");
        return;
    }
    ask_wait(exchange, "%s was not connected", exchange->params[0]);
    mailbox_secret(exchange->control->options.mailboxes, id, buf_text(body),
                   !proof || strcmp(proof, "no") != 0, on_secret, exchange);
}

static void invite(struct exchange *exchange)
{
    uint64_t id;

    if (!ask_mailbox(exchange, &id))
        return;
    ask_wait(exchange, "%s was not invited", exchange->params[0]);
    mailbox_invite(exchange->control->options.mailboxes, id, on_invited, exchange);
}

/* -- which servers? ---------------------------------------------------------------------------- */

static void on_found(void *arg, const struct autoconfig_proposal *proposals, size_t count)
{
    struct exchange *exchange = arg;
    struct json_object *list, *json;

    if (!exchange_back(exchange))
        return;
    list = json_list();
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_map(), *settings = json_map();

        json_text(one, "source", proposals[i].source);
        json_text(settings, "imap", proposals[i].imap_url);
        json_text(settings, "smtp", proposals[i].smtp_url);
        if (proposals[i].user)
            json_text(settings, "user", proposals[i].user);
        json_put(one, "settings", settings);
        json_add(list, one);
    }
    json = json_map();
    json_put(json, "proposals", list);
    exchange_give_json(exchange, 200, json);
}

static void find_servers(struct exchange *exchange)
{
    const char *fault = mail_address_fault(exchange->params[0]);

    if (fault) {
        exchange_refuse(exchange, 422, "that is no mailbox's address", fault,
                        "write it as ana@acme.example");
        return;
    }
    exchange_wait(exchange);
    autoconfig_search(exchange->control->options.mailboxes, exchange->params[0], on_found,
                      exchange);
}

/* -- pausing and letting go -------------------------------------------------------------------- */

static void on_changed(void *arg, int status, uint64_t id, const char *text)
{
    if (answer_good(arg, status, text))
        give_mailbox(arg, id);
}

static void set_paused(struct exchange *exchange, bool paused)
{
    uint64_t id;

    if (!ask_mailbox(exchange, &id))
        return;
    ask_wait(exchange, "%s was not %s", exchange->params[0], paused ? "paused" : "resumed");
    mailbox_pause(exchange->control->options.mailboxes, id, paused, on_changed, exchange);
}

static void pause_mailbox(struct exchange *exchange)
{
    set_paused(exchange, true);
}

static void resume_mailbox(struct exchange *exchange)
{
    set_paused(exchange, false);
}

static void on_disconnected(void *arg, int status, uint64_t id, const char *text)
{
    struct json_object *json;

    if (!answer_good(arg, status, text))
        return;
    json = json_map();
    json_number(json, "id", (int64_t)id);
    json_text(json, "told", text);
    exchange_give_json(arg, 200, json);
}

static void disconnect(struct exchange *exchange)
{
    uint64_t id;

    if (!ask_mailbox(exchange, &id))
        return;
    ask_wait(exchange, "%s was not disconnected", exchange->params[0]);
    mailbox_disconnect(exchange->control->options.mailboxes, id, on_disconnected, exchange);
}

/* -- check: what is known of it, judged --------------------------------------------------- */

static void add_problem(struct json_object *list, const char *what, const char *next)
{
    struct json_object *json = json_map();

    json_text(json, "what", what);
    json_text(json, "next", next);
    json_add(list, json);
}

static void check_status(struct json_object *list, const struct mailbox *mailbox, bool by_secret)
{
    auto_free char *invite_it =
        by_secret
            ? mem_printf("give its secret: postrider mailbox secret %s (or have its owner do it: "
                         "postrider mailbox invite %s)",
                         mailbox->address, mailbox->address)
            : mem_printf("send its owner a link: postrider mailbox invite %s", mailbox->address);
    auto_free char *show_it =
        mem_printf("send the administrator the link that this shows: postrider "
                   "mailbox show %s",
                   mailbox->address);
    auto_free char *resume_it = mem_printf("postrider mailbox resume %s", mailbox->address);
    auto_free char *add_it = mem_printf("add it again: postrider mailbox add %s --provider %s",
                                        mailbox->address, mailbox->provider);

    if (mailbox->status == MAILBOX_PENDING)
        add_problem(list, by_secret ? mailbox->why : "its owner has not consented yet", invite_it);
    else if (mailbox->status == MAILBOX_WAITING)
        add_problem(list, mailbox->why ? mailbox->why : "its organisation's admin must consent",
                    show_it);
    else if (mailbox->status == MAILBOX_RECONNECT)
        add_problem(list, mailbox->why ? mailbox->why : "its grant is no longer good", invite_it);
    else if (mailbox->status == MAILBOX_PAUSED)
        add_problem(list, "it is paused", resume_it);
    else if (mailbox->status == MAILBOX_DISCONNECTED)
        add_problem(list, "it was disconnected", add_it);
}

static void check_pulse(struct json_object *list, const struct mailbox *mailbox,
                        const struct mailbox_pulse *pulse, int64_t poll)
{
    int64_t now = clock_wall();
    int64_t stale = 3 * poll > STALE_MS ? 3 * poll : STALE_MS; /* between polls it is quiet */

    if (mailbox->status != MAILBOX_ACTIVE)
        return;
    if (pulse->hold_send > now)
        add_problem(list, pulse->hold_why ? pulse->hold_why : "the provider holds up its sending",
                    "it goes on by itself; see held_until");
    if (mailbox->access != RIDER_ACCESS_SEND && !pulse->listed_at)
        add_problem(list, "it was never listed to its end, so nothing may be sent from it yet",
                    "wait a minute; if that does not help, see the daemon's log");
    else if (mailbox->access != RIDER_ACCESS_SEND && now - pulse->listed_at > stale)
        add_problem(list, "it was not listed for long, so answers in it are not seen",
                    "see the daemon's log for what its provider says");
    if (pulse->failures > 3)
        add_problem(list, "the last attempts all failed", "see the daemon's log");
}

/* What its provider just said; null where there is nothing to ask with. */
static struct json_object *asked_json(const struct mailbox_report *report)
{
    struct json_object *json;

    if (report->status == -ENOKEY || report->status == -EINVAL)
        return NULL;
    json = json_map();
    json_flag(json, "answered", report->status == 0);
    json_text(json, "said", report->text);
    json_number(json, "took_ms", report->took);
    json_flag(json, "proved", report->proved);
    return json;
}

static void on_checked(void *arg, uint64_t id, const struct mailbox_report *report)
{
    struct exchange *exchange = arg;
    auto_read struct store_txn *txn = NULL;
    auto_record(mailbox) mailbox = {0};
    auto_record(mailbox_pulse) pulse = {0};
    auto_buf struct buf text = {0};
    struct json_object *json, *list;
    bool by_secret;

    if (!exchange_back(exchange))
        return;
    if (store_read(exchange->control->options.store, &txn) < 0 ||
        store_mailbox_get(txn, id, &mailbox) < 0 ||
        engine_mailbox_json(exchange->control->options.engine, id, &text) < 0) {
        exchange_fail(exchange, -EIO, "the mailbox can't be shown", NULL, NULL);
        return;
    }
    store_pulse_get(txn, id, &pulse);
    by_secret = mailbox_by_secret(exchange->control->options.mailboxes, mailbox.provider);
    json = json_map();
    list = json_list();
    check_status(list, &mailbox, by_secret);
    if (report->status < 0 && report->status != -ENOKEY && mailbox.status == MAILBOX_ACTIVE)
        add_problem(list, report->text, "it is asked again all the time; see the daemon's log");
    check_pulse(list, &mailbox, &pulse, exchange->control->options.config->poll);
    json_flag(json, "ok", json_object_array_length(list) == 0);
    json_put(json, "problems", list);
    json_put(json, "asked", asked_json(report));
    json_put(json, "mailbox", json_of(&text));
    exchange_give_json(exchange, 200, json);
}

static void check_mailbox(struct exchange *exchange)
{
    uint64_t id;

    if (!ask_mailbox(exchange, &id))
        return;
    exchange_wait(exchange);
    mailbox_check(exchange->control->options.mailboxes, id, on_checked, exchange);
}

const struct route api_mailbox_routes[] = {
    {.method = "GET", .path = "/v1/mailboxes", .act = list_mailboxes},
    {.method = "POST", .path = "/v1/mailboxes", .act = add_mailbox, .body = BODY_MAX},
    {.method = "GET", .path = "/v1/mailboxes/{mailbox}", .act = show_mailbox},
    {.method = "DELETE", .path = "/v1/mailboxes/{mailbox}", .act = disconnect},
    {.method = "POST", .path = "/v1/mailboxes/{mailbox}/invite", .act = invite},
    {.method = "POST",
     .path = "/v1/mailboxes/{mailbox}/secret",
     .act = give_secret,
     .body = SECRET_BODY_MAX},
    {.method = "POST", .path = "/v1/mailboxes/{mailbox}/pause", .act = pause_mailbox},
    {.method = "POST", .path = "/v1/mailboxes/{mailbox}/resume", .act = resume_mailbox},
    {.method = "POST", .path = "/v1/mailboxes/{mailbox}/check", .act = check_mailbox},
    {.method = "GET", .path = "/v1/autoconfig/{address}", .act = find_servers},
    {NULL},
};
