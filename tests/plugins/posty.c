/* tests/plugins/posty.c: a provider that signs in by password and keeps its mail in this process.
 *
 * It does as a mailbox's setting "mood" says: auth, unreachable, tls (identify fails so), other (it
 * is another account's), slow (identify takes 300 ms), lost (mail does not arrive), second (only
 * from the second one on), sent (only a copy in Sent), junk, refused (send fails), deaf (list
 * fails). It logs where its notices are to come, and says them back. */
#include "postrider/ext/push.h"
#include "postrider/provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mail {
    char address[128];
    char *headers;
    int number; /* of this address */
    struct mail *next;
};
static struct mail *mails, **mails_end = &mails;

struct rider_session {
    const struct rider_host *host;
    char address[128];
    struct rider_timer *timer;
    struct rider_op *slow;
};

static bool mood_is(const struct rider_session *session, const char *mood)
{
    const char *is = session->host->config(session->host, "mood");

    return is && strcmp(is, mood) == 0;
}

static struct rider_session *posty_open(const struct rider_host *host,
                                        const struct rider_mailbox *mailbox,
                                        struct rider_failure *why)
{
    struct rider_session *session = calloc(1, sizeof(*session));

    (void)why;
    session->host = host;
    snprintf(session->address, sizeof(session->address), "%s", mailbox->address);
    return session;
}

static void posty_close(struct rider_session *session)
{
    session->host->forget(session->timer);
    free(session);
}

static void fail_with(struct rider_session *session, struct rider_op *op, int32_t kind,
                      const char *detail)
{
    struct rider_failure failure = {.size = sizeof(failure),
                                    .kind = kind,
                                    .scope = RIDER_MAILBOX,
                                    .retry_after = -1,
                                    .detail = detail};

    session->host->fail(op, &failure);
}

static void say_who(struct rider_session *session, struct rider_op *op)
{
    struct rider_identity identity = {.size = sizeof(identity),
                                      .address = mood_is(session, "other") ? "eve@acme.example"
                                                                           : session->address};

    session->host->identify_done(op, &identity);
}

static void slow_over(void *arg)
{
    struct rider_session *session = arg;
    struct rider_op *op = session->slow;

    session->timer = NULL;
    session->slow = NULL;
    say_who(session, op);
}

static void posty_identify(struct rider_session *session, struct rider_op *op)
{
    if (mood_is(session, "auth")) {
        fail_with(session, op, RIDER_AUTH, "535 5.7.8 no");
    } else if (mood_is(session, "unreachable")) {
        fail_with(session, op, RIDER_TRANSIENT, "nobody listens");
    } else if (mood_is(session, "tls")) {
        fail_with(session, op, RIDER_TRANSIENT, "its certificate is for another name");
    } else if (mood_is(session, "slow")) {
        session->slow = op;
        session->timer = session->host->after(session->host, 300, slow_over, session);
    } else {
        say_who(session, op);
    }
}

static void posty_send(struct rider_session *session, struct rider_op *op,
                       const struct rider_message *message)
{
    struct rider_sent done = {.size = sizeof(done), .state = RIDER_IS_SENT, .final = true};
    const char *data = message->rfc5322.data;
    const char *end = message->rfc5322.len ? strstr(data, "\r\n\r\n") : NULL;
    struct mail *mail;

    if (mood_is(session, "refused") || !end) {
        fail_with(session, op, RIDER_PERMANENT, "550 5.1.1 no such user");
        return;
    }
    mail = calloc(1, sizeof(*mail));
    mail->number = 1;
    for (struct mail *other = mails; other; other = other->next)
        mail->number += strcmp(other->address, message->to) == 0;
    snprintf(mail->address, sizeof(mail->address), "%s", message->to);
    mail->headers = strndup(data, (size_t)(end - data) + 4);
    *mails_end = mail;
    mails_end = &mail->next;
    session->host->send_done(op, &done);
}

static void posty_list(struct rider_session *session, struct rider_op *op,
                       const struct rider_query *query)
{
    struct rider_page page = {.size = sizeof(page), .cursor = {"1", 1}};
    int count = 0;

    (void)query;
    if (mood_is(session, "deaf")) {
        fail_with(session, op, RIDER_PERMANENT, "there is no INBOX");
        return;
    }
    for (struct mail *mail = mails; mail; mail = mail->next) {
        char id[32];
        struct rider_reply reply = {.size = sizeof(reply),
                                    .change = RIDER_ARRIVED,
                                    .where = mood_is(session, "sent")   ? RIDER_OUTBOUND
                                             : mood_is(session, "junk") ? RIDER_JUNK
                                                                        : RIDER_INBOUND,
                                    .provider_id = id,
                                    .headers = {mail->headers, strlen(mail->headers)}};

        snprintf(id, sizeof(id), "%d", ++count);
        if (strcmp(mail->address, session->address) != 0 || mood_is(session, "lost") ||
            (mood_is(session, "second") && mail->number < 2))
            continue;
        session->host->list_item(op, &reply);
    }
    session->host->list_done(op, &page);
}

static void posty_cancel(struct rider_session *session, struct rider_op *op)
{
    if (session->slow != op)
        return;
    session->slow = NULL;
    session->host->forget(session->timer);
    session->timer = NULL;
    fail_with(session, op, RIDER_CANCELLED, "cancelled");
}

/* As its process ends, so that nothing of it counts as lost. */
__attribute__((destructor)) static void forget_mails(void)
{
    while (mails) {
        struct mail *mail = mails;

        mails = mail->next;
        free(mail->headers);
        free(mail);
    }
}

static const struct rider_setting server = {.size = sizeof(server),
                                            .key = "imap",
                                            .label = "The server",
                                            .required = true,
                                            .of_mailbox = true};
static const struct rider_setting user = {
    .size = sizeof(user), .key = "user", .label = "User name", .of_mailbox = true};
static const struct rider_setting mood = {
    .size = sizeof(mood), .key = "mood", .label = "Mood", .of_mailbox = true};
static const struct rider_setting tenant = {.size = sizeof(tenant), .key = "tenant"};
static const struct rider_setting *const settings[] = {&server, &user, &mood, &tenant, NULL};

/* -- push ---------------------------------------------------------------------------------- */

static void posty_watch(struct rider_session *session, struct rider_op *op,
                        const struct rider_watch *watch)
{
    const struct rider_push_host *push =
        session->host->extension(session->host, RIDER_PUSH, sizeof(*push));
    struct rider_watched watched = {.size = sizeof(watched)};
    char text[512] = "";

    /* in pieces: the host hides what looks like a token */
    for (const char *at = watch->url; at && *at; at += strnlen(at, 8))
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " %.8s", at);
    session->host->log(session->host, 2, "notices come to%s.", text);
    push->watch_done(op, &watched);
}

static void posty_unwatch(struct rider_session *session, struct rider_op *op)
{
    session->host->done(op);
}

static void posty_notice(struct rider_session *session, const struct rider_notice *notice,
                         struct rider_notice_answer *answer)
{
    static char said[4096];
    const struct rider_push_host *push =
        session->host->extension(session->host, RIDER_PUSH, sizeof(*push));

    snprintf(said, sizeof(said), "%s %s\n%.*s%.*s", notice->method, notice->query,
             (int)notice->headers.len, (const char *)notice->headers.data,
             notice->body.len ? (int)notice->body.len : 0,
             notice->body.len ? (const char *)notice->body.data : "");
    answer->status = strcmp(notice->query, "bad") == 0 ? 400 : 200;
    answer->content_type = "text/html";
    answer->body = (struct rider_bytes){said, strlen(said)};
    push->hint(session->host);
}

static const void *posty_extension(const char *id, size_t min_size)
{
    static const struct rider_push push = {.size = sizeof(push),
                                           .watch = posty_watch,
                                           .unwatch = posty_unwatch,
                                           .notice = posty_notice};

    return strcmp(id, RIDER_PUSH) == 0 && min_size <= sizeof(push) ? &push : NULL;
}

static const struct rider_provider posty = {
    .size = sizeof(posty),
    .minor = RIDER_MINOR,
    .can = RIDER_CAN_SEND | RIDER_CAN_LIST,
    .auth = RIDER_AUTH_PASSWORD,
    .id = "posty",
    .name = "Posty",
    .version = "1.0.0",
    .settings = settings,
    .open = posty_open,
    .close = posty_close,
    .identify = posty_identify,
    .send = posty_send,
    .list = posty_list,
    .cancel = posty_cancel,
    .extension = posty_extension,
};
RIDER_PROVIDER(posty);
