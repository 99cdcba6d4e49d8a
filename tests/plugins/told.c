/* tests/plugins/told.c: a provider that does as a file tells it, and notes down what it was asked.
 *
 * `script` names a file of lines "operation how": what is not there works. how: ok, none (an end
 * without ids), transient, permanent, absent, uncertain, unsupported, auth, throttled, tenant,
 * service, hang. "can NUMBER" is what it can, else all but find's proof. `notes` names a file that
 * a line is added to a call. */
#include "postrider/ext/push.h"
#include "postrider/provider.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rider_session {
    const struct rider_host *host;
    const struct rider_push_host *push;
    char address[128];
};

static void note(const struct rider_session *session, const char *verb, const char *what)
{
    const char *path = session->host->config(session->host, "notes");
    FILE *file = path ? fopen(path, "a") : NULL;

    if (!file)
        return;
    fprintf(file, "%s %s %s\n", verb, session->address, what ? what : "-");
    fclose(file);
}

/* What the script says of this operation; "ok" where it says nothing. */
static void ask(const struct rider_session *session, const char *verb, char how[32])
{
    const char *path = session->host->config(session->host, "script");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[128], name[32], word[32];

    strcpy(how, "ok");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "%31s %31s", name, word) == 2 && strcmp(name, verb) == 0)
            strcpy(how, word);
    if (file)
        fclose(file);
}

static bool told_oauth(const struct rider_host *host, enum rider_access access,
                       struct rider_oauth *out)
{
    static const char *const scopes[] = {"mail", NULL};
    static const char *const origins[] = {"https://told.example", NULL};

    (void)host;
    (void)access;
    out->authorize_url = out->token_url = "https://told.example/token";
    out->scopes = scopes;
    out->origins = origins;
    return true;
}

static struct rider_session *told_open(const struct rider_host *host,
                                       const struct rider_mailbox *mailbox,
                                       struct rider_failure *why)
{
    struct rider_session *session = calloc(1, sizeof(*session));

    (void)why;
    session->host = host;
    session->push = host->extension(host, RIDER_PUSH, sizeof(struct rider_push_host));
    snprintf(session->address, sizeof(session->address), "%s", mailbox->address);
    note(session, "open", session->push ? "push" : NULL);
    return session;
}

static void told_close(struct rider_session *session)
{
    note(session, "close", NULL);
    free(session);
}

static uint32_t told_can_now(struct rider_session *session)
{
    char how[32];

    ask(session, "can", how);
    return strcmp(how, "ok") == 0 ? ~(uint32_t)RIDER_CAN_FIND : (uint32_t)strtoul(how, NULL, 0);
}

/* true: the script has it end otherwise. */
static bool ends(struct rider_session *session, struct rider_op *op, const char *verb, char how[32])
{
    static const struct {
        const char *how;
        int32_t kind, scope;
        int64_t retry;
    } ways[] = {{"transient", RIDER_TRANSIENT, RIDER_MESSAGE, -1},
                {"permanent", RIDER_PERMANENT, RIDER_MESSAGE, -1},
                {"absent", RIDER_ABSENT, RIDER_MESSAGE, -1},
                {"uncertain", RIDER_UNCERTAIN, RIDER_MESSAGE, -1},
                {"unsupported", RIDER_UNSUPPORTED, RIDER_MAILBOX, -1},
                {"auth", RIDER_AUTH, RIDER_MAILBOX, -1},
                {"throttled", RIDER_THROTTLED, RIDER_MAILBOX, 30000},
                {"tenant", RIDER_THROTTLED, RIDER_TENANT, 30000},
                {"service", RIDER_THROTTLED, RIDER_SERVICE, 30000}};

    ask(session, verb, how);
    if (strcmp(how, "hang") == 0)
        return true;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct rider_failure failure = {.size = sizeof(failure),
                                        .kind = ways[i].kind,
                                        .scope = ways[i].scope,
                                        .holds = RIDER_HOLDS_SEND | RIDER_HOLDS_LIST,
                                        .retry_after = ways[i].retry,
                                        .detail = "the script says so"};
        if (strcmp(how, ways[i].how) != 0)
            continue;
        if (failure.scope < RIDER_MAILBOX)
            failure.holds = 0;
        session->host->fail(op, &failure);
        return true;
    }
    return false;
}

static void told_identify(struct rider_session *session, struct rider_op *op)
{
    struct rider_identity identity = {.size = sizeof(identity), .address = session->address};

    session->host->identify_done(op, &identity);
}

struct doubt {
    struct rider_session *session;
    struct rider_op *op;
};

static void doubt_over(void *arg, const struct rider_http_response *response)
{
    struct doubt *doubt = arg;
    char how[32];

    (void)response;
    ends(doubt->session, doubt->op, "send", how);
    free(doubt);
}

/* The host takes nothing for doubtful that never stood at its door: there is nobody behind it. */
static void leave_in_doubt(struct rider_session *session, struct rider_op *op)
{
    static const char *const headers[] = {NULL};
    struct rider_http_request request = {.size = sizeof(request),
                                         .op = op,
                                         .method = "POST",
                                         .url = "http://127.0.0.1:9/",
                                         .headers = headers};
    struct doubt *doubt = calloc(1, sizeof(*doubt));

    *doubt = (struct doubt){session, op};
    session->host->http(session->host, &request, doubt_over, doubt);
}

static void told_send(struct rider_session *session, struct rider_op *op,
                      const struct rider_message *message)
{
    struct rider_sent sent = {.size = sizeof(sent), .state = RIDER_IS_SENT};
    char how[32];

    note(session, "send", message->message_id);
    ask(session, "send", how);
    if (strcmp(how, "uncertain") == 0) {
        leave_in_doubt(session, op);
        return;
    }
    if (ends(session, op, "send", how))
        return;
    sent.final = strcmp(how, "later") != 0;
    session->host->send_done(op, &sent);
}

static void told_find(struct rider_session *session, struct rider_op *op,
                      const struct rider_message *message)
{
    struct rider_sent sent = {.size = sizeof(sent), .state = RIDER_IS_SENT, .final = true};
    char how[32];

    note(session, "find", message->message_id);
    if (ends(session, op, "find", how))
        return;
    sent.provider_id = message->message_id;
    session->host->send_done(op, &sent);
}

static void told_file(struct rider_session *session, struct rider_op *op,
                      const struct rider_message *message)
{
    struct rider_sent sent = {.size = sizeof(sent), .state = RIDER_IS_SENT, .final = true};
    char how[32];
    const char *bytes = message->rfc5322.data;
    bool whole = message->rfc5322.len > 10 && message->message_id &&
                 memmem(bytes, message->rfc5322.len, message->message_id,
                        strlen(message->message_id)) != NULL;

    note(session, whole ? "file" : "file-without-bytes", message->message_id);
    if (ends(session, op, "file", how))
        return;
    sent.provider_id = message->message_id;
    if (strcmp(how, "none") == 0)
        session->host->done(op);
    else
        session->host->send_done(op, &sent);
}

static void told_list(struct rider_session *session, struct rider_op *op,
                      const struct rider_query *query)
{
    struct rider_page page = {.size = sizeof(page), .cursor = {"c1", 2}};
    char how[32];

    (void)query;
    note(session, "list", NULL);
    if (!ends(session, op, "list", how))
        session->host->list_done(op, &page);
}

static void told_label(struct rider_session *session, struct rider_op *op,
                       const struct rider_label_change *change)
{
    struct rider_labelled labelled = {.size = sizeof(labelled)};
    char how[32];

    for (size_t i = 0; change->provider_ids[i]; i++)
        note(session, "label", change->provider_ids[i]);
    if (!ends(session, op, "label", how))
        session->host->label_done(op, &labelled);
}

static void told_cancel(struct rider_session *session, struct rider_op *op)
{
    struct rider_failure failure = {
        .size = sizeof(failure), .kind = RIDER_CANCELLED, .retry_after = -1};

    note(session, "cancel", NULL);
    session->host->fail(op, &failure);
}

/* -- push ---------------------------------------------------------------------------------- */

static void told_watch(struct rider_session *session, struct rider_op *op,
                       const struct rider_watch *watch)
{
    struct rider_watched watched = {.size = sizeof(watched)};
    char how[32];

    note(session, "watch", watch->url);
    if (ends(session, op, "watch", how))
        return;
    if (strcmp(how, "ok") != 0) /* a number: renew so much later */
        watched.renew_at = session->host->wall_clock(session->host) + strtol(how, NULL, 10);
    session->push->watch_done(op, &watched);
}

static void told_unwatch(struct rider_session *session, struct rider_op *op)
{
    char how[32];

    note(session, "unwatch", NULL);
    if (!ends(session, op, "unwatch", how))
        session->host->done(op);
}

/* "hint", "lost", "silence" (no status), or anything else: 400. */
static void told_notice(struct rider_session *session, const struct rider_notice *notice,
                        struct rider_notice_answer *answer)
{
    char what[64];

    snprintf(what, sizeof(what), "%s?%s", notice->method, notice->query);
    note(session, "notice", what);
    answer->status = 202;
    answer->content_type = "text/plain";
    answer->body = notice->body;
    if (strcmp(notice->query, "hint") == 0)
        session->push->hint(session->host);
    else if (strcmp(notice->query, "lost") == 0)
        session->push->lost(session->host);
    else if (strcmp(notice->query, "silence") == 0)
        answer->status = 0;
    else
        answer->status = 400;
}

static const void *told_extension(const char *id, size_t min_size)
{
    static const struct rider_push push = {
        .size = sizeof(push), .watch = told_watch, .unwatch = told_unwatch, .notice = told_notice};

    return strcmp(id, RIDER_PUSH) == 0 && min_size <= sizeof(push) ? &push : NULL;
}

static const struct rider_limits limits = {.size = sizeof(limits), .in_flight = 4};
static const struct rider_provider told = {
    .size = sizeof(told),
    .minor = RIDER_MINOR,
    .can = RIDER_CAN_SEND | RIDER_CAN_LIST | RIDER_CAN_LABEL | RIDER_CAN_FIND | RIDER_CAN_LOOK |
           RIDER_CAN_FILE,
    .auth = RIDER_AUTH_OAUTH,
    .settle = 1000,
    .id = "told",
    .name = "Told",
    .version = "1.0.0",
    .limits = &limits,
    .oauth = told_oauth,
    .open = told_open,
    .close = told_close,
    .can_now = told_can_now,
    .identify = told_identify,
    .send = told_send,
    .find = told_find,
    .file = told_file,
    .list = told_list,
    .label = told_label,
    .cancel = told_cancel,
    .extension = told_extension,
};
RIDER_PROVIDER(told);
