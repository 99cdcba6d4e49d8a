/* gmail/provider.c: Gmail as a provider: its table, its settings, its sessions. */
#include "gmail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCOPE "https://www.googleapis.com/auth/"

static const struct {
    const char *scope;
    uint32_t may;
} scopes[] = {
    /* gmail.v1.discovery.json says which method takes which */
    {SCOPE "gmail.send", GMAIL_MAY_SEND},
    {SCOPE "gmail.metadata", GMAIL_MAY_LIST | GMAIL_MAY_PROFILE},
    {SCOPE "gmail.readonly", GMAIL_MAY_LIST | GMAIL_MAY_PROFILE | GMAIL_MAY_READ},
    {SCOPE "gmail.compose", GMAIL_MAY_SEND | GMAIL_MAY_PROFILE},
    {SCOPE "gmail.modify", GMAIL_MAY_SEND | GMAIL_MAY_LIST | GMAIL_MAY_PROFILE | GMAIL_MAY_READ |
                               GMAIL_MAY_DRAFT | GMAIL_MAY_LABEL},
    {"https://mail.google.com/", GMAIL_MAY_SEND | GMAIL_MAY_LIST | GMAIL_MAY_PROFILE |
                                     GMAIL_MAY_READ | GMAIL_MAY_DRAFT | GMAIL_MAY_LABEL},
};

uint32_t gmail_may(const char *const *granted, int32_t access)
{
    uint32_t may = 0;

    if (!granted) { /* not known: what that level asks for */
        if (access == RIDER_ACCESS_FULL)
            return scopes[4].may;
        return access == RIDER_ACCESS_HEADERS ? scopes[0].may | scopes[1].may : scopes[0].may;
    }
    for (; *granted; granted++) {
        for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
            if (strcmp(*granted, scopes[i].scope) == 0)
                may |= scopes[i].may;
        }
    }
    return may;
}

/* Units a call: facts of 2026-05-01 (new projects), and of those that were there before. */
static const struct {
    const char *method;
    uint32_t new_cost, old_cost;
} costs[] = {
    {"messages.send", 100, 100}, {"drafts.send", 100, 100},
    {"drafts.create", 10, 10},   {"drafts.delete", 10, 10},
    {"drafts.get", 20, 5},       {"drafts.list", 5, 5},
    {"messages.get", 20, 5},     {"messages.list", 5, 5},
    {"messages.modify", 5, 5},   {"messages.batchModify", 50, 50},
    {"threads.get", 40, 10},     {"history.list", 2, 2},
    {"labels.list", 1, 1},       {"labels.create", 5, 5},
    {"users.getProfile", 1, 1},  {"settings.sendAs.list", 1, 1},
    {"userinfo", 1, 1},
};

uint32_t gmail_cost(const struct rider_session *session, const char *method)
{
    char key[64];
    const char *said;

    snprintf(key, sizeof(key), "cost.%s", method);
    said = session->host->config(session->host, key);
    if (said && *said >= '0' && *said <= '9')
        return (uint32_t)strtoul(said, NULL, 10);
    for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
        if (strcmp(costs[i].method, method) == 0)
            return session->old_quota ? costs[i].old_cost : costs[i].new_cost;
    }
    return 1;
}

static struct rider_session *gmail_open(const struct rider_host *host,
                                        const struct rider_mailbox *mailbox,
                                        struct rider_failure *why)
{
    static struct gmail_failure refusal;
    struct rider_session *session;
    struct text batch = {0};
    uint32_t may = gmail_may(mailbox->granted, mailbox->access);

    if (!may) {
        gmail_failure_say(&refusal, RIDER_AUTH, RIDER_MAILBOX,
                          "the grant of this mailbox holds no Gmail scope: sign in again and leave "
                          "every box ticked");
        *why = refusal.failure;
        return NULL;
    }
    session = text_alloc(sizeof(*session));
    session->host = host;
    session->may = may;
    session->api = config_url(host, "api_url", "https://gmail.googleapis.com");
    session->userinfo =
        config_url(host, "userinfo_url", "https://openidconnect.googleapis.com/v1/userinfo");
    text_printf(&batch, "%s/batch/gmail/v1", session->api);
    session->batch = batch.data;
    session->old_quota = strcmp(config_text(host, "quota", "new"), "old") == 0;
    gmail_labels_recall(session);
    return session;
}

static void gmail_close(struct rider_session *session)
{
    wire_labels_free(&session->labels);
    free(session->sent);
    free(session->api);
    free(session->batch);
    free(session->userinfo);
    free(session);
}

static uint32_t gmail_can_now(struct rider_session *session)
{
    uint32_t can = RIDER_CAN_THREAD;

    if (session->may & GMAIL_MAY_SEND)
        can |= RIDER_CAN_SEND;
    if (session->may & GMAIL_MAY_LIST)
        can |= RIDER_CAN_LIST | RIDER_CAN_FIND;
    if (session->may & GMAIL_MAY_READ)
        can |= RIDER_CAN_READ | RIDER_CAN_REPORT;
    if (session->may & GMAIL_MAY_DRAFT)
        can |= RIDER_CAN_STAGE | RIDER_CAN_FENCE;
    if (session->may & GMAIL_MAY_LABEL)
        can |= RIDER_CAN_LABEL;
    return can;
}

/* Gmail's ids are 64 bits in hexadecimal; 0: this is none. */
static uint64_t id_number(const char *id)
{
    char *end;
    uint64_t number = strtoull(id, &end, 16);

    return *end ? 0 : number;
}

static uint64_t *sent_slot(const struct rider_session *session, uint64_t number)
{
    return &session->sent[(number * 0x9e3779b97f4a7c15 >> 32) & (session->sent_room - 1)];
}

static void sent_grow(struct rider_session *session)
{
    uint64_t *old = session->sent;
    size_t room = session->sent_room;

    session->sent_room = room ? room * 2 : GMAIL_SENT_MIN;
    session->sent = text_alloc(session->sent_room * sizeof(*session->sent));
    for (size_t i = 0; i < room; i++) {
        if (old[i])
            *sent_slot(session, old[i]) = old[i];
    }
    free(old);
}

void gmail_knows_sent(struct rider_session *session, const char *id)
{
    uint64_t number = id_number(id);

    if (!number)
        return;
    while (!session->sent_room ||
           (*sent_slot(session, number) && session->sent_room < GMAIL_SENT_MAX))
        sent_grow(session);
    *sent_slot(session, number) = number;
}

bool gmail_is_known_sent(const struct rider_session *session, const char *id)
{
    uint64_t number = id_number(id);

    return number && session->sent_room && *sent_slot(session, number) == number;
}

const char *gmail_draft_id(const char *provider_id)
{
    return provider_id && strncmp(provider_id, GMAIL_DRAFT, strlen(GMAIL_DRAFT)) == 0
               ? provider_id + strlen(GMAIL_DRAFT)
               : NULL;
}

#define SETTING(name, words, value)                                                                \
    &(const struct rider_setting)                                                                  \
    {                                                                                              \
        .size = sizeof(struct rider_setting), .key = (name), .label = (words), .fallback = (value) \
    }
static const struct rider_setting *const settings[] = {
    SETTING("quota", "Google Cloud project since 2026-05 (new) or before it (old)", "new"),
    SETTING("api_url", "Gmail API", "https://gmail.googleapis.com"),
    SETTING("auth_url", "consent page", "https://accounts.google.com/o/oauth2/v2/auth"),
    SETTING("token_url", "token endpoint", "https://oauth2.googleapis.com/token"),
    SETTING("revoke_url", "revocation endpoint", "https://oauth2.googleapis.com/revoke"),
    SETTING("userinfo_url", "who signed in", "https://openidconnect.googleapis.com/v1/userinfo"),
    NULL,
};
/* A new project's 6,000 units a minute; a mailbox may send 2,000 mails a day (Workspace). */
static const struct rider_limits limits = {.size = sizeof(struct rider_limits),
                                           .in_flight = 4,
                                           .units = 6000,
                                           .per_ms = 60000,
                                           .recipients_per_day = 2000};
static const struct rider_provider gmail = {
    .size = sizeof(struct rider_provider),
    .minor = RIDER_MINOR,
    .can = RIDER_CAN_SEND | RIDER_CAN_LIST | RIDER_CAN_LABEL | RIDER_CAN_READ | RIDER_CAN_STAGE |
           RIDER_CAN_FENCE | RIDER_CAN_FIND | RIDER_CAN_THREAD | RIDER_CAN_REPORT,
    .auth = RIDER_AUTH_OAUTH,
    .settle = 60000,
    .id = "gmail",
    .name = "Gmail",
    .version = "1.0.0",
    .settings = settings,
    .limits = &limits,
    .oauth = gmail_oauth,
    .oauth_failure = gmail_oauth_failure,
    .open = gmail_open,
    .close = gmail_close,
    .can_now = gmail_can_now,
    .identify = gmail_identify,
    .stage = gmail_stage,
    .send = gmail_send,
    .find = gmail_find,
    .discard = gmail_discard,
    .list = gmail_list,
    .read = gmail_read,
    .label = gmail_label,
    .cancel = gmail_cancel,
};

RIDER_PROVIDER(gmail);
