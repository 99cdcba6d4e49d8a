/* graph/push.c: Graph says that something is new: a subscription to the inbox (facts 4.8).
 *
 * Its notices are hints; the delta stays the truth. Graph first asks the URL to repeat a token, and
 * each notice carries the secret that we gave it. It lasts less than three days and is renewed a
 * day before its end. */
#include "graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    MINUTE = 60000,
    LIFE = 4200 * MINUTE,  /* the least of the highest lives that are told */
    EARLY = 1440 * MINUTE, /* renewed so long before its end               */
    STATE_BYTES = 32,
};

struct watching {
    struct graph_job job;
    char *url;
};

static void release(struct graph_job *job)
{
    free(((struct watching *)job)->url);
}

static const struct rider_push_host *push_host(const struct rider_session *session)
{
    return session->host->extension(session->host, RIDER_PUSH, sizeof(struct rider_push_host));
}

/* ---- what is remembered -----------------------------------------------------------------------
 */

static void set(char **slot, char *value)
{
    free(*slot);
    *slot = value;
}

static char *word(const char **at, const char *end)
{
    const char *stop = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
    char *copy = stop ? text_dup_len(*at, (size_t)(stop - *at)) : NULL;

    *at = stop ? stop + 1 : end;
    return copy;
}

/* Four lines: id (empty: the answer with it is awaited, or was lost), clientState, url, its end. */
void graph_push_recall(struct rider_session *session)
{
    struct rider_bytes kept = session->host->recall(session->host, "push");
    const char *at = kept.data, *end = at ? at + kept.len : NULL;
    char *expires;

    if (!kept.len)
        return;
    session->push.id = word(&at, end);
    session->push.state = word(&at, end);
    session->push.url = word(&at, end);
    expires = word(&at, end);
    session->push.expires = expires ? strtoll(expires, NULL, 10) : 0;
    if (!expires)
        graph_push_forget(session);
    else if (!*session->push.id)
        set(&session->push.id, NULL);
    free(expires);
}

void graph_push_forget(struct rider_session *session)
{
    free(session->push.id);
    free(session->push.state);
    free(session->push.url);
    session->push = (struct graph_push){0};
}

static void remember(struct rider_session *session)
{
    struct text text = {0};

    if (session->push.state)
        text_printf(&text, "%s\n%s\n%s\n%lld\n", session->push.id ? session->push.id : "",
                    session->push.state, session->push.url, (long long)session->push.expires);
    session->host->remember(session->host, "push", (struct rider_bytes){text.data, text.len});
    text_free(&text);
}

/* ---- made and renewed -------------------------------------------------------------------------
 */

static void watched(struct graph_job *job)
{
    struct rider_session *session = job->session;
    struct rider_watched watch = {.size = sizeof(watch)};
    int64_t now = session->host->wall_clock(session->host);

    watch.renew_at = session->push.expires - EARLY;
    if (watch.renew_at < now + MINUTE) /* Graph gave it less than we asked for */
        watch.renew_at = now + (session->push.expires - now) / 2;
    push_host(session)->watch_done(job->op, &watch);
    graph_job_free(job);
}

static void put_end(struct text *body, const struct rider_session *session)
{
    time_t end = (time_t)((session->host->wall_clock(session->host) + LIFE) / 1000);
    char when[32];
    struct tm tm;

    gmtime_r(&end, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    text_printf(body, "\"expirationDateTime\":\"%s\"", when);
}

static void got_subscription(struct graph_job *job, const struct rider_http_response *response)
{
    struct rider_session *session = job->session;
    struct wire_subscription subscription;

    if (!graph_ok(response)) {
        graph_job_fail_with(job, response);
        return;
    }
    if (wire_subscription_read(&subscription, response->body.data, response->body.len) < 0) {
        graph_job_broken(job);
        return;
    }
    set(&session->push.id, subscription.id);
    session->push.expires = subscription.expires;
    session->push.renew = false;
    remember(session);
    watched(job);
}

/* A secret of 256 bits, which each notice must repeat. */
static char *new_state(void)
{
    unsigned char bytes[STATE_BYTES];
    struct text text = {0};

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return NULL;
    text_base64url(&text, bytes, sizeof(bytes));
    return text.data;
}

static void subscribe(struct watching *it)
{
    struct rider_session *session = it->job.session;
    struct text body = {0};
    const struct graph_request request = {.method = "subscriptions.create",
                                          .verb = "POST",
                                          .path = "/subscriptions",
                                          .type = "application/json",
                                          .body = &body,
                                          .doing = GRAPH_CHANGING};
    struct graph_failure failure;

    if (!session->push.state || strcmp(session->push.url, it->url) != 0)
        set(&session->push.state, new_state());
    set(&session->push.url, text_dup(it->url));
    if (!session->push.state) {
        graph_failure_say(&failure, RIDER_TRANSIENT, RIDER_MAILBOX,
                          "this machine gives no random bytes; the mailbox is polled");
        graph_job_fail(&it->job, &failure);
        return;
    }
    remember(session); /* one whose answer is lost lives on, and must be understood */
    text_str(&body,
             "{\"changeType\":\"created\",\"resource\":\"me/mailFolders('inbox')/messages\",");
    text_str(&body, "\"notificationUrl\":");
    text_json(&body, it->url);
    text_str(&body, ",\"lifecycleNotificationUrl\":");
    text_json(&body, it->url);
    text_str(&body, ",\"clientState\":");
    text_json(&body, session->push.state);
    text_str(&body, ",");
    put_end(&body, session);
    text_str(&body, "}");
    graph_job_request(&it->job, &request, got_subscription);
    text_free(&body);
}

static void got_renewed(struct graph_job *job, const struct rider_http_response *response)
{
    if (response->status != 404) {
        got_subscription(job, response);
        return;
    }
    set(&job->session->push.id, NULL); /* it ended meanwhile: a new one */
    subscribe((struct watching *)job);
}

static void subscription_path(struct text *path, const struct rider_session *session)
{
    text_str(path, "/subscriptions/");
    text_percent(path, session->push.id);
}

static void renew(struct watching *it)
{
    struct text body = {0}, path = {0};
    struct graph_request request = {.method = "subscriptions.update",
                                    .verb = "PATCH",
                                    .type = "application/json",
                                    .body = &body,
                                    .doing = GRAPH_CHANGING};

    subscription_path(&path, it->job.session);
    request.path = path.data;
    text_str(&body, "{");
    put_end(&body, it->job.session);
    text_str(&body, "}");
    graph_job_request(&it->job, &request, got_renewed);
    text_free(&body);
    text_free(&path);
}

static void watch(struct rider_session *session, struct rider_op *op,
                  const struct rider_watch *asked)
{
    struct graph_push *push = &session->push;
    int64_t now = session->host->wall_clock(session->host);
    struct graph_failure failure;
    struct watching *it;

    if (!(session->may & GRAPH_MAY_LIST) || !asked->url || !push_host(session)) {
        graph_failure_say(&failure, RIDER_UNSUPPORTED, RIDER_MAILBOX,
                          "Graph tells of new mail only where it may read and where the daemon has "
                          "a public URL; the mailbox is polled");
        session->host->fail(op, &failure.failure);
        return;
    }
    it = graph_job_new(session, op, sizeof(*it), release);
    it->url = text_dup(asked->url);
    if (!push->id || !push->state || !push->url || strcmp(push->url, asked->url) != 0 ||
        push->expires <= now)
        subscribe(it);
    else if (push->renew || push->expires - now <= EARLY)
        renew(it);
    else
        watched(&it->job);
}

static void got_deleted(struct graph_job *job, const struct rider_http_response *response)
{
    const struct rider_host *host = job->session->host;
    struct rider_op *op = job->op;

    if (!graph_ok(response) && response->status != 404) {
        graph_job_fail_with(job, response);
        return;
    }
    graph_push_forget(job->session);
    remember(job->session);
    graph_job_free(job);
    host->done(op);
}

static void unwatch(struct rider_session *session, struct rider_op *op)
{
    struct graph_request request = {
        .method = "subscriptions.delete", .verb = "DELETE", .doing = GRAPH_CHANGING};
    struct text path = {0};

    if (!session->push.id) {
        session->host->done(op);
        return;
    }
    subscription_path(&path, session);
    request.path = path.data;
    graph_job_request(graph_job_new(session, op, sizeof(struct graph_job), NULL), &request,
                      got_deleted);
    text_free(&path);
}

/* ---- what comes -------------------------------------------------------------------------------
 */

/* Takes as long wherever they differ. */
static bool same_secret(const char *said, const char *ours)
{
    size_t said_len = strlen(said), len = strlen(ours);
    unsigned char differs = said_len != len;

    for (size_t i = 0; i < len; i++)
        differs |= (unsigned char)(ours[i] ^ said[said_len ? i % said_len : 0]);
    return !differs;
}

/* The token of the handshake, its percents undone; NULL: this is none. */
static char *validation_token(const char *query)
{
    static const char name[] = "validationToken=";
    const char *at = strstr(query ? query : "", name);
    struct text token = {0};
    char *encoded;

    if (!at || (at != query && at[-1] != '&'))
        return NULL;
    at += sizeof(name) - 1;
    encoded = text_dup_len(at, strcspn(at, "&"));
    for (char *c = encoded; *c; c++) {
        if (*c == '+')
            *c = ' ';
    }
    if (!text_unpercent(&token, encoded) || token.len > 4096)
        text_free(&token);
    free(encoded);
    return token.data;
}

static void act_on(struct rider_session *session, enum wire_life life)
{
    const struct rider_push_host *push = push_host(session);

    if (!push)
        return;
    if (life == WIRE_REMOVED)
        set(&session->push.id, NULL);
    if (life == WIRE_REAUTHORIZE)
        session->push.renew = true;
    if (life == WIRE_REMOVED || life == WIRE_REAUTHORIZE)
        push->lost(session->host);
    if (life != WIRE_REAUTHORIZE)
        push->hint(session->host);
}

static bool take_notices(struct rider_session *session, struct rider_bytes body)
{
    struct wire_notices notices;
    bool known = false;

    if (wire_notices_read(&notices, body.data, body.len) < 0)
        return false;
    for (size_t i = 0; i < notices.count; i++) {
        const struct wire_notice *notice = &notices.notices[i];

        if (!notice->state || !session->push.state ||
            !same_secret(notice->state, session->push.state))
            continue;
        known = true;
        act_on(session, notice->life);
    }
    wire_notices_free(&notices);
    return known;
}

static void notice(struct rider_session *session, const struct rider_notice *came,
                   struct rider_notice_answer *answer)
{
    char *token = validation_token(came->query);

    if (token) {
        set(&session->answer, token); /* lent until the next one */
        answer->status = 200;
        answer->content_type = "text/plain";
        answer->body = (struct rider_bytes){token, strlen(token)};
        return;
    }
    answer->status = take_notices(session, came->body) ? 202 : 403;
}

const struct rider_push graph_push = {
    .size = sizeof(struct rider_push), .watch = watch, .unwatch = unwatch, .notice = notice};
