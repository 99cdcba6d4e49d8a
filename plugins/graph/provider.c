/* graph/provider.c: Outlook and Microsoft 365 as a provider: its table, settings, sessions. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *scope;
    uint32_t may;
} permissions[] = {
    /* facts 3.5 */
    {"Mail.Send", GRAPH_MAY_SEND},
    {"Mail.ReadBasic", GRAPH_MAY_LIST},
    {"Mail.Read", GRAPH_MAY_LIST | GRAPH_MAY_READ},
    {"Mail.ReadWrite", GRAPH_MAY_LIST | GRAPH_MAY_READ | GRAPH_MAY_WRITE},
    {"MailboxSettings.ReadWrite", GRAPH_MAY_MASTER},
};

uint32_t graph_may(const char *const *granted, int32_t access)
{
    uint32_t may = 0;

    if (!granted) { /* not known: what that level asks for */
        may = GRAPH_MAY_SEND;
        if (access >= RIDER_ACCESS_HEADERS)
            may |= GRAPH_MAY_LIST;
        if (access >= RIDER_ACCESS_FULL)
            may |= GRAPH_MAY_READ | GRAPH_MAY_WRITE | GRAPH_MAY_MASTER;
        return may;
    }
    for (; *granted; granted++) { /* "Mail.Send" or "https://graph.microsoft.com/Mail.Send" */
        const char *slash = strrchr(*granted, '/');

        for (size_t i = 0; i < sizeof(permissions) / sizeof(permissions[0]); i++) {
            if (text_fold_same(slash ? slash + 1 : *granted, permissions[i].scope))
                may |= permissions[i].may;
        }
    }
    return may;
}

/* Sent for what went out, first, since answers name it; the folders that answers come to: two
 * always, and what is named. */
static char **folder_list(const struct rider_host *host)
{
    const char *more = config_text(host, "folders", "");
    char **list = text_alloc((GRAPH_FOLDERS_MAX + 1) * sizeof(*list));
    size_t count = 0;

    list[count++] = text_dup("sentitems");
    list[count++] = text_dup("inbox");
    list[count++] = text_dup("junkemail");
    while (*more && count < GRAPH_FOLDERS_MAX) {
        size_t len = strcspn(more, ", ");

        if (len)
            list[count++] = text_dup_len(more, len);
        more += len + strspn(more + len, ", ");
    }
    return list;
}

static char *api_url(const struct rider_host *host)
{
    char *base = config_url(host, "api_url", "https://graph.microsoft.com");
    struct text url = {0};

    text_printf(&url, "%s/v1.0", base);
    free(base);
    return url.data;
}

static struct rider_session *graph_open(const struct rider_host *host,
                                        const struct rider_mailbox *mailbox,
                                        struct rider_failure *why)
{
    static struct graph_failure refusal;
    struct rider_session *session;
    uint32_t may = graph_may(mailbox->granted, mailbox->access);

    if (!may) {
        graph_failure_say(&refusal, RIDER_AUTH, RIDER_MAILBOX,
                          "the grant of this mailbox holds no permission for mail: sign in again "
                          "and accept everything that is asked for");
        *why = refusal.failure;
        return NULL;
    }
    session = text_alloc(sizeof(*session));
    session->host = host;
    session->may = may;
    session->api = api_url(host);
    session->address = text_dup(mailbox->address);
    session->color = text_dup(config_text(host, "category_color", "preset7"));
    session->folders = folder_list(host);
    graph_categories_recall(session);
    graph_push_recall(session);
    return session;
}

static void graph_close(struct rider_session *session)
{
    graph_push_forget(session);
    free(session->answer);
    text_list_free(session->categories);
    text_list_free(session->folders);
    free(session->color);
    free(session->address);
    free(session->api);
    free(session);
}

/* Drafts need both; without them a sent mail is looked for by what it looks like, which proves that
 * it is there and never that it is not. */
static uint32_t graph_can_now(struct rider_session *session)
{
    uint32_t may = session->may, can = 0;
    bool drafts = may & GRAPH_MAY_WRITE && may & GRAPH_MAY_SEND;

    if (may & GRAPH_MAY_SEND)
        can |= RIDER_CAN_SEND;
    if (may & GRAPH_MAY_LIST)
        can |= RIDER_CAN_LIST | (drafts ? RIDER_CAN_FIND : RIDER_CAN_LOOK);
    if (may & GRAPH_MAY_READ)
        can |= RIDER_CAN_READ | RIDER_CAN_REPORT;
    if (drafts)
        can |= RIDER_CAN_STAGE;
    if (may & GRAPH_MAY_WRITE)
        can |= RIDER_CAN_LABEL;
    return can;
}

static const void *graph_extension(const char *id, size_t min_size)
{
    return strcmp(id, RIDER_PUSH) == 0 && min_size <= graph_push.size ? &graph_push : NULL;
}

#define SETTING(name, words, value)                                                                \
    &(const struct rider_setting)                                                                  \
    {                                                                                              \
        .size = sizeof(struct rider_setting), .key = (name), .label = (words), .fallback = (value) \
    }
static const struct rider_setting *const settings[] = {
    SETTING("tenant", "who may sign in: common, organizations, a tenant's id or domain", "common"),
    SETTING("folders", "more folders that answers come to: ids or well-known names", ""),
    SETTING("category_color", "colour of the categories we make: none, preset0 to preset24",
            "preset7"),
    SETTING("api_url", "Microsoft Graph", "https://graph.microsoft.com"),
    SETTING("login_url", "Microsoft's sign-in", "https://login.microsoftonline.com"),
    SETTING("auth_url", "consent page, where it is not the sign-in's", NULL),
    SETTING("token_url", "token endpoint, where it is not the sign-in's", NULL),
    SETTING("admin_consent_url", "admin's consent, where it is not the sign-in's", NULL),
    SETTING("send_as", "what Exchange lets mailboxes send as: mailbox=address, comma between them",
            ""),
    NULL,
};
/* 10,000 requests in 10 minutes, four at a time, 30 messages a minute, 10,000 recipients a day for
 * each mailbox (facts 4.9). */
static const struct rider_limits limits = {.size = sizeof(struct rider_limits),
                                           .in_flight = 4,
                                           .units = 10000,
                                           .per_ms = 600000,
                                           .sends_per_minute = 30,
                                           .recipients_per_day = 10000};
static const struct rider_provider graph = {
    .size = sizeof(struct rider_provider),
    .minor = RIDER_MINOR,
    .can = RIDER_CAN_SEND | RIDER_CAN_LIST | RIDER_CAN_LABEL | RIDER_CAN_READ | RIDER_CAN_STAGE |
           RIDER_CAN_FIND | RIDER_CAN_REPORT | RIDER_CAN_LOOK,
    .auth = RIDER_AUTH_OAUTH,
    .settle = 300000, /* a draft was seen to linger after its 202, and a sent mail to come late */
    .id = "graph",
    .name = "Outlook and Microsoft 365",
    .version = "1.0.0",
    .settings = settings,
    .limits = &limits,
    .oauth = graph_oauth,
    .oauth_failure = graph_oauth_failure,
    .open = graph_open,
    .close = graph_close,
    .can_now = graph_can_now,
    .identify = graph_identify,
    .stage = graph_stage,
    .send = graph_send,
    .find = graph_find,
    .discard = graph_discard,
    .list = graph_list,
    .read = graph_read,
    .label = graph_label,
    .cancel = graph_cancel,
    .extension = graph_extension,
};

RIDER_PROVIDER(graph);
