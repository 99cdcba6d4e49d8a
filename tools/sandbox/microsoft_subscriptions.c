/* sandbox/microsoft_subscriptions.c: change notifications: the handshake, what is told, the end. */
#include "sandbox/microsoft_graph.h"

#include "sandbox/post.h"
#include "sandbox/world.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>

#define MINUTE (60 * (int64_t)1000)
enum { LIFE_MOST = 4230, LIFE_LEAST = 45, STATE_MOST = 128, PATIENCE_MS = 10000, TRIES_MOST = 8 };

struct subscription {
    struct list node;
    char *id, *types, *url, *lifecycle_url, *resource, *state;
    struct ms_account *account;
    struct ms_folder *folder; /* NULL: the whole mailbox */
    bool immutable, gone;
    int64_t expires;
};

static struct list all = {&all, &all}, ended = {&ended, &ended}, notices = {&notices, &notices};

static bool live(struct subscription *subscription)
{
    return !subscription->gone && subscription->expires > world_now();
}

static void end(struct subscription *subscription)
{
    subscription->gone = true;
    list_remove(&subscription->node);
    list_add(&ended, &subscription->node); /* a notice under way may still point to it */
}

static struct json_object *subscription_json(const struct ms_call *call,
                                             const struct subscription *subscription)
{
    struct json_object *object = json_object_new_object();
    auto_free char *context = ms_link(call, "/v1.0/$metadata#subscriptions/$entity");
    char when[32];

    sbx_json_put(object, "@odata.context", context);
    sbx_json_put(object, "id", subscription->id);
    sbx_json_put(object, "resource", subscription->resource);
    sbx_json_put(object, "changeType", subscription->types);
    sbx_json_put(object, "clientState", subscription->state);
    sbx_json_put(object, "notificationUrl", subscription->url);
    sbx_json_put(object, "lifecycleNotificationUrl", subscription->lifecycle_url);
    sbx_json_put(object, "expirationDateTime", ms_time(subscription->expires, when));
    sbx_json_put(object, "creatorId", subscription->account->oid);
    return object;
}

/* -- notices ---------------------------------------------------------------------------------- */

struct notice {
    struct list node; /* so that those waiting for their moment can be reached */
    char *url, *body;
    unsigned tries;
};

static void notice_send(void *arg);

/* What is not taken with a 2xx comes again, later and later. */
static void noticed(void *arg, int status, struct bytes body)
{
    struct notice *notice = arg;

    (void)body;
    if ((status < 200 || status > 299) && ++notice->tries < TRIES_MOST) {
        world_at(world_now() + (MINUTE << notice->tries) / 2, notice_send, notice);
        return;
    }
    list_remove(&notice->node);
    free(notice->url);
    free(notice->body);
    free(notice);
}

static void notice_send(void *arg)
{
    struct notice *notice = arg;

    post_send(notice->url, "application/json", notice->body, PATIENCE_MS, noticed, notice);
}

static void notice_new(const char *url, struct json_object *value)
{
    struct notice *notice = mem_new(sizeof(*notice));
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();

    json_object_array_add(list, value);
    json_object_object_add(object, "value", list);
    notice->url = mem_str(url);
    notice->body = mem_str(json_object_to_json_string_ext(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
    list_add(&notices, &notice->node);
    notice_send(notice);
}

static struct json_object *value_json(const struct subscription *subscription)
{
    struct json_object *value = json_object_new_object();
    char when[32];

    sbx_json_put(value, "subscriptionId", subscription->id);
    sbx_json_put(value, "subscriptionExpirationDateTime", ms_time(subscription->expires, when));
    sbx_json_put(value, "tenantId", subscription->account->tenant->id);
    sbx_json_put(value, "clientState", subscription->state);
    return value;
}

void ms_notify(struct ms_message *message, struct ms_folder *folder, const char *change)
{
    LIST_EACH (node, &all) {
        struct subscription *subscription = LIST_ENTRY(node, struct subscription, node);
        struct json_object *value, *data;

        if (!live(subscription) || subscription->account != message->account ||
            (subscription->folder && subscription->folder != folder) ||
            !strstr(subscription->types, change))
            continue;
        value = value_json(subscription);
        data = json_object_new_object();
        auto_free char *path = mem_printf("Users/%s/Messages/%s", message->account->oid,
                                          ms_message_id(message, subscription->immutable));
        sbx_json_put(value, "changeType", change);
        sbx_json_put(value, "resource", path);
        sbx_json_put(data, "@odata.type", "#Microsoft.Graph.Message");
        sbx_json_put(data, "@odata.id", path);
        sbx_json_put(data, "id", ms_message_id(message, subscription->immutable));
        json_object_object_add(value, "resourceData", data);
        notice_new(subscription->url, value);
    }
}

/* -- the calls -------------------------------------------------------------------------------- */

static struct subscription *subscription_of(struct ms_call *call)
{
    LIST_EACH (node, &all) {
        struct subscription *subscription = LIST_ENTRY(node, struct subscription, node);

        if (live(subscription) && subscription->account == call->account &&
            strcmp(subscription->id, call->ids[0]) == 0)
            return subscription;
    }
    ms_fail(call->response, 404, "ResourceNotFound", "The object was not found.");
    return NULL;
}

/* "me/mailFolders('inbox')/messages", "users/{id}/messages"...: false: none of the mailbox. */
static bool resource_read(struct ms_call *call, const char *resource, struct ms_folder **folder_r)
{
    const char *at = resource ? strstr(resource, "mailFolders") : NULL;

    *folder_r = NULL;
    if (!resource || !strcasestr(resource, "messages"))
        return false;
    if (at) {
        at += strlen("mailFolders");
        at += strspn(at, "/('");
        auto_free char *id = mem_strn(at, strcspn(at, "'/)"));
        *folder_r = ms_folder_get(call->account, id);
        return *folder_r != NULL;
    }
    return true;
}

/* Raised to 45 minutes, refused past 4,230. False: answered. */
static bool expiry_read(struct ms_call *call, int64_t *expires_r)
{
    const char *text = sbx_json_text(call->asked, "expirationDateTime");

    if (!text || !ms_moment_read(text, expires_r) ||
        *expires_r > world_now() + LIFE_MOST * MINUTE) {
        ms_fail(call->response, 400, "ExtensionError",
                "Subscription expiration can only be 4230 minutes in the future.");
        return false;
    }
    if (*expires_r < world_now() + LIFE_LEAST * MINUTE)
        *expires_r = world_now() + LIFE_LEAST * MINUTE;
    return true;
}

struct handshake {
    uint64_t request;
    struct subscription *subscription;
    struct json_object *answer;
    char *token;
};

static void shaken(void *arg, int status, struct bytes body)
{
    struct handshake *handshake = arg;
    struct subscription *subscription = handshake->subscription;
    struct sbx_response *response = sbx_answer_pending(handshake->request);
    bool good = status == 200 && body.len == strlen(handshake->token) &&
                memcmp(body.data, handshake->token, body.len) == 0;

    list_add(good ? &all : &ended, &subscription->node);
    subscription->gone = !good;
    if (response && good) {
        sbx_response_json(response, 201, json_object_get(handshake->answer));
    } else if (response) {
        auto_free char *text = mem_printf(
            "Subscription validation request failed. Response must exactly match validationToken "
            "query parameter: status %d.",
            status);

        ms_fail(response, 400, "ValidationError", text);
    }
    if (response)
        sbx_answer_now(handshake->request);
    json_object_put(handshake->answer);
    free(handshake->token);
    free(handshake);
}

/* The answer waits until whoever is to be notified has repeated what it was told. */
static void handshake_begin(struct ms_call *call, struct subscription *subscription)
{
    struct handshake *handshake = mem_new(sizeof(*handshake));
    auto_free char *random = sbx_random_text(24);
    auto_buf struct buf url = {0};

    handshake->request = call->request->number;
    handshake->subscription = subscription;
    handshake->answer = subscription_json(call, subscription);
    handshake->token = mem_printf("Validation: Testing client application reachability for "
                                  "subscription <&> Request-Id: %s",
                                  random);
    buf_printf(&url, "%s%cvalidationToken=", subscription->url,
               strchr(subscription->url, '?') ? '&' : '?');
    text_percent(&url, handshake->token);
    call->response->later = true;
    post_send(buf_text(&url), "text/plain; charset=utf-8", "", PATIENCE_MS, shaken, handshake);
}

void ms_subscriptions_create(struct ms_call *call)
{
    const char *url = sbx_json_text(call->asked, "notificationUrl");
    const char *types = sbx_json_text(call->asked, "changeType");
    const char *state = sbx_json_text(call->asked, "clientState");
    const char *resource = sbx_json_text(call->asked, "resource");
    struct subscription *subscription;
    struct ms_folder *folder;
    int64_t expires;

    if (!url || !types || !text_starts(url, "https://") || (state && strlen(state) > STATE_MOST)) {
        ms_fail(call->response, 400, "InvalidRequest",
                "changeType and an https notificationUrl are required; clientState has at most "
                "128 characters.");
        return;
    }
    if (!resource_read(call, resource, &folder)) {
        ms_fail(call->response, 400, "ExtensionError", "Resource is not one of the mailbox.");
        return;
    }
    if (!expiry_read(call, &expires))
        return;
    subscription = mem_new(sizeof(*subscription));
    list_init(&subscription->node);
    subscription->id = ms_guid("subscription", ++ms_state()->next_id);
    subscription->types = mem_str(types);
    subscription->url = mem_str(url);
    subscription->lifecycle_url = mem_str(sbx_json_text(call->asked, "lifecycleNotificationUrl"));
    subscription->resource = mem_str(resource);
    subscription->state = mem_str(state);
    subscription->account = call->account;
    subscription->folder = folder;
    subscription->immutable = call->immutable;
    subscription->expires = expires;
    handshake_begin(call, subscription);
}

void ms_subscriptions_get(struct ms_call *call)
{
    struct subscription *subscription = subscription_of(call);

    if (subscription)
        ms_ok(call, 200, subscription_json(call, subscription));
}

void ms_subscriptions_list(struct ms_call *call)
{
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();

    LIST_EACH (node, &all) {
        struct subscription *subscription = LIST_ENTRY(node, struct subscription, node);

        if (live(subscription) && subscription->account == call->account)
            json_object_array_add(list, subscription_json(call, subscription));
    }
    json_object_object_add(object, "value", list);
    ms_ok(call, 200, object);
}

void ms_subscriptions_update(struct ms_call *call)
{
    struct subscription *subscription = subscription_of(call);

    if (!subscription || !expiry_read(call, &subscription->expires))
        return;
    ms_ok(call, 200, subscription_json(call, subscription));
}

void ms_subscriptions_delete(struct ms_call *call)
{
    struct subscription *subscription = subscription_of(call);

    if (!subscription)
        return;
    end(subscription);
    ms_done(call, 204);
}

void ms_subscriptions_reauthorize(struct ms_call *call)
{
    if (subscription_of(call))
        ms_done(call, 200);
}

/* "microsoft.subscriptions" {account, event}: tells, and with an event has it happen to all. */
struct json_object *ms_subscriptions_control(struct ms_account *account, const char *event)
{
    struct json_object *answer = json_object_new_object(), *list = json_object_new_array();

    LIST_EACH_SAFE (node, &all) {
        struct subscription *subscription = LIST_ENTRY(node, struct subscription, node);

        if (!live(subscription) || subscription->account != account)
            continue;
        json_object_array_add(list, json_object_new_string(subscription->id));
        if (event && subscription->lifecycle_url) {
            struct json_object *value = value_json(subscription);

            sbx_json_put(value, "lifecycleEvent", event);
            notice_new(subscription->lifecycle_url, value);
        }
        if (event && strcmp(event, "subscriptionRemoved") == 0)
            end(subscription);
    }
    json_object_object_add(answer, "ok", json_object_new_boolean(true));
    json_object_object_add(answer, "subscriptions", list);
    return answer;
}
