/* unit/fake_host.h: a scripted rider_host: each request must be the next that was foreseen.
 *
 * Who includes it has the plugin's own header before, and says FAKE_API (the configured api_url)
 * and FAKE_KEY and FAKE_OTHER_KEY (what the plugin may remember, and under what). */
#ifndef UNIT_FAKE_HOST_H
#define UNIT_FAKE_HOST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NOW INT64_C(1795282342000) /* 2026-11-21T17:32:22Z */

struct foreseen {
    const char *request; /* "GET /path": verb, then what the URL holds behind the API */
    int status;
    const char *headers, *body;
    const char *error; /* with status 0 */
    bool unsent;
};
enum {
    ENDED_NOT,
    ENDED_FAIL,
    ENDED_IDENTITY,
    ENDED_SENT,
    ENDED_LIST,
    ENDED_READ,
    ENDED_LABEL,
    ENDED_DONE
};

struct fake {
    struct rider_host host;
    const struct rider_provider *provider;
    struct rider_session *session;
    struct rider_op op;
    const char *const *config;   /* key, value, ..., NULL */
    char *memory, *other_memory; /* what was remembered under the two keys */
    struct foreseen script[64];
    size_t foreseen, asked;
    /* the request in flight */
    void (*done)(void *, const struct rider_http_response *);
    void *arg;
    char *body;
    char *url;
    uint32_t cost;
    bool replayable, authorized;
    char *headers;
    int aborted;
    const char *refuse; /* the host makes no request whose URL holds this */
    /* how it ended */
    int ended, times;
    int32_t kind, scope, code, how, state;
    uint32_t holds;
    int64_t retry_after;
    bool final, more;
    char *detail, *claims, *id, *thread, *message_id, *cursor, *text;
    struct text items; /* what list handed over, a line each */
    size_t take;       /* how many items are taken           */
    const void *push;  /* the host's side of that extension, or NULL */
};

static inline void fake_set(char **slot, const char *value)
{
    free(*slot);
    *slot = text_dup(value);
}

static inline struct fake *fake_of(const struct rider_host *host)
{
    return (struct fake *)(void *)host;
}

static struct fake *fake_now; /* finish functions get only the operation */

static inline void fake_end(struct rider_op *op, int how)
{
    assert_ptr_equal(op, &fake_now->op);
    fake_now->ended = how;
    fake_now->times++;
}

static inline void fake_log(const struct rider_host *host, int level, const char *format, ...)
{
    (void)host, (void)level, (void)format;
}

static inline int64_t fake_wall(const struct rider_host *host)
{
    (void)host;
    return NOW;
}

static inline const char *fake_config(const struct rider_host *host, const char *key)
{
    for (const char *const *at = fake_of(host)->config; at && *at; at += 2) {
        if (strcmp(*at, key) == 0)
            return at[1];
    }
    return strcmp(key, "api_url") == 0 ? FAKE_API "/" : NULL;
}

static inline char **fake_memory(const struct rider_host *host, const char *key)
{
    if (strcmp(key, FAKE_KEY) == 0)
        return &fake_of(host)->memory;
    assert_string_equal(key, FAKE_OTHER_KEY);
    return &fake_of(host)->other_memory;
}

static inline struct rider_bytes fake_recall(const struct rider_host *host, const char *key)
{
    const char *kept = *fake_memory(host, key);

    return (struct rider_bytes){kept, kept ? strlen(kept) : 0};
}

static inline void fake_remember(const struct rider_host *host, const char *key,
                                 struct rider_bytes bytes)
{
    char **slot = fake_memory(host, key);

    assert_true(bytes.len <= 4096);
    free(*slot);
    *slot = bytes.len ? text_dup_len(bytes.data, bytes.len) : NULL;
}

static inline struct rider_http *fake_http(const struct rider_host *host,
                                           const struct rider_http_request *request,
                                           void (*done)(void *, const struct rider_http_response *),
                                           void *arg)
{
    struct fake *fake = fake_of(host);
    struct text headers = {0};

    assert_null(fake->done); /* one at a time */
    if (fake->refuse && strstr(request->url, fake->refuse))
        return NULL;
    assert_ptr_equal(request->op, &fake->op);
    assert_true(request->authorized);
    assert_true(request->cost > 0);
    fake->done = done;
    fake->arg = arg;
    fake_set(&fake->url, request->url);
    free(fake->body);
    fake->body = text_dup_len(request->body.len ? request->body.data : "", request->body.len);
    for (const char *const *h = request->headers; *h; h++)
        text_printf(&headers, "%s\n", *h);
    free(fake->headers);
    fake->headers = headers.data;
    fake->cost = request->cost;
    fake->replayable = request->replayable;
    if (fake->asked < fake->foreseen) {
        const char *want = fake->script[fake->asked].request;
        const char *path = strchr(want, ' ') + 1;

        if (strncmp(want, request->method, strlen(request->method)) != 0 ||
            !strstr(request->url, path))
            fail_msg("asked %s %s, foreseen %s", request->method, request->url, want);
    } else {
        fail_msg("asked %s %s, nothing was foreseen", request->method, request->url);
    }
    return (struct rider_http *)fake;
}

static inline void fake_abort(struct rider_http *http)
{
    struct fake *fake = (struct fake *)(void *)http;

    assert_non_null(fake->done);
    fake->done = NULL;
    fake->aborted++;
}

static inline void fake_fail(struct rider_op *op, const struct rider_failure *failure)
{
    fake_end(op, ENDED_FAIL);
    fake_now->kind = failure->kind;
    fake_now->scope = failure->scope;
    fake_now->code = failure->code;
    fake_now->holds = failure->holds;
    fake_now->retry_after = failure->retry_after;
    fake_set(&fake_now->detail, failure->detail);
    fake_set(&fake_now->claims, failure->claims);
    assert_non_null(failure->detail);
}

static inline void fake_identity(struct rider_op *op, const struct rider_identity *identity)
{
    fake_end(op, ENDED_IDENTITY);
    fake_now->items.len = 0;
    text_printf(&fake_now->items, "%s %s %s %s", identity->subject, identity->address,
                identity->name ? identity->name : "-", identity->tenant ? identity->tenant : "-");
    for (const char *const *a = identity->aliases; a && *a; a++)
        text_printf(&fake_now->items, " +%s", *a);
    text_str(&fake_now->items, identity->aliases ? "." : "?");
}

static inline void fake_sent(struct rider_op *op, const struct rider_sent *sent)
{
    fake_end(op, ENDED_SENT);
    fake_now->state = sent->state;
    fake_now->final = sent->final;
    fake_set(&fake_now->id, sent->provider_id);
    fake_set(&fake_now->thread, sent->thread_id);
    fake_set(&fake_now->message_id, sent->message_id);
}

static inline void fake_listed(struct rider_op *op, const struct rider_page *page)
{
    fake_end(op, ENDED_LIST);
    fake_now->more = page->more;
    free(fake_now->cursor);
    fake_now->cursor = text_dup_len(page->cursor.data, page->cursor.len);
}

static inline void fake_body(struct rider_op *op, const struct rider_body *body)
{
    fake_end(op, ENDED_READ);
    fake_set(&fake_now->text, body->text);
}

static inline void fake_labelled(struct rider_op *op, const struct rider_labelled *labelled)
{
    fake_end(op, ENDED_LABEL);
    fake_now->how = labelled->how;
}

static inline void fake_done(struct rider_op *op)
{
    fake_end(op, ENDED_DONE);
}

static inline bool fake_item(struct rider_op *op, const struct rider_reply *reply)
{
    struct text *out = &fake_now->items;

    assert_ptr_equal(op, &fake_now->op);
    if (!fake_now->take)
        return false;
    fake_now->take--;
    text_printf(out, "%d/%d %s %s %lld [%.*s]", reply->change, reply->where, reply->provider_id,
                reply->thread_id ? reply->thread_id : "-", (long long)reply->received,
                (int)reply->headers.len,
                reply->headers.len ? (const char *)reply->headers.data : "");
    for (const char *const *label = reply->labels; label && *label; label++)
        text_printf(out, " #%s", *label);
    if (reply->report_type)
        text_printf(out, " %s {%.*s} {%.*s}", reply->report_type, (int)reply->report.len,
                    (const char *)reply->report.data, (int)reply->returned.len,
                    (const char *)reply->returned.data);
    text_str(out, "\n");
    return true;
}

static inline const void *fake_extension(const struct rider_host *host, const char *id, size_t size)
{
    (void)size;
    return fake_of(host)->push && strcmp(id, "postrider.push/1") == 0 ? fake_of(host)->push : NULL;
}

static inline void fake_init(struct fake *fake, const char *const *scopes)
{
    const struct rider_mailbox mailbox = {.size = sizeof(mailbox),
                                          .address = "ana@acme.example",
                                          .access = RIDER_ACCESS_FULL,
                                          .granted = scopes};
    struct rider_failure why = {0};

    *fake = (struct fake){
        .host = {.size = sizeof(fake->host),
                 .log = fake_log,
                 .wall_clock = fake_wall,
                 .monotonic = fake_wall,
                 .config = fake_config,
                 .recall = fake_recall,
                 .remember = fake_remember,
                 .http = fake_http,
                 .http_abort = fake_abort,
                 .fail = fake_fail,
                 .identify_done = fake_identity,
                 .send_done = fake_sent,
                 .list_done = fake_listed,
                 .read_done = fake_body,
                 .label_done = fake_labelled,
                 .done = fake_done,
                 .list_item = fake_item,
                 .extension = fake_extension},
        .provider = rider_provider_v1(),
        .take = 1000,
    };
    fake_now = fake;
    fake->session = fake->provider->open(&fake->host, &mailbox, &why);
    assert_non_null(fake->session);
}

static inline void fake_finish(struct fake *fake)
{
    assert_null(fake->session->jobs);
    fake->provider->close(fake->session);
    free(fake->memory);
    free(fake->other_memory);
    free(fake->body);
    free(fake->url);
    free(fake->headers);
    free(fake->detail);
    free(fake->claims);
    free(fake->id);
    free(fake->thread);
    free(fake->message_id);
    free(fake->cursor);
    free(fake->text);
    text_free(&fake->items);
}

static inline void foresee(struct fake *fake, const char *request, int status, const char *body)
{
    assert_true(fake->foreseen < 64);
    fake->script[fake->foreseen++] =
        (struct foreseen){.request = request, .status = status, .headers = "", .body = body};
}

/* Before an operation: forgets how the last one ended. */
static inline struct rider_op *again(struct fake *fake)
{
    fake->ended = ENDED_NOT;
    fake->times = 0;
    fake->items.len = 0;
    text_str(&fake->items, "");
    fake->kind = fake->scope = fake->code = 0;
    fake->foreseen = fake->asked = 0;
    fake->op = (struct rider_op){0};
    return &fake->op;
}

static inline void answer(struct fake *fake)
{
    const struct foreseen *now = &fake->script[fake->asked++];
    struct rider_http_response response = {
        .size = sizeof(response),
        .status = now->status,
        .sent = !now->unsent,
        .error = now->error,
        .headers = {now->headers, strlen(now->headers)},
        .body = {now->body, strlen(now->body)},
    };
    void (*done)(void *, const struct rider_http_response *) = fake->done;

    assert_non_null(done);
    fake->done = NULL;
    done(fake->arg, &response);
}

/* Answers as foreseen until the operation ends; all of it must have been asked, and one end. */
static inline void run(struct fake *fake)
{
    while (fake->done)
        answer(fake);
    assert_int_equal(fake->times, 1);
    assert_int_equal(fake->asked, fake->foreseen);
}

#endif
