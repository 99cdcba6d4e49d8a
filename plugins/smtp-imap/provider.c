/* smtp-imap/provider.c: any mailbox with SMTP and IMAP as a provider: its table, its settings. */
#include "imap.h"
#include "job.h"
#include "plugin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCOPES_MAX = 32 };

/* ---- failures and settings --------------------------------------------------------------------
 */

void failure_say(struct failure *failure, enum rider_kind kind, enum rider_scope scope,
                 const char *format, ...)
{
    va_list args;

    va_start(args, format);
    failure_write(&failure->failure, failure->detail, sizeof(failure->detail), kind, scope, format,
                  args);
    va_end(args);
    failure->status[0] = '\0';
}

void failure_copy(struct failure *failure, const struct rider_failure *from, const char *doing)
{
    const char *detail = RIDER_REACHES(from, detail) ? from->detail : NULL;

    failure_say(failure, (enum rider_kind)from->kind, (enum rider_scope)from->scope, "%s: %s",
                doing, detail ? detail : "the line was lost");
    failure->failure.holds = from->holds;
    failure->failure.code = from->code;
    failure->failure.retry_after = from->retry_after;
    if (RIDER_REACHES(from, status) && from->status) {
        snprintf(failure->status, sizeof(failure->status), "%s", from->status);
        failure->failure.status = failure->status;
    }
}

void text_clean(struct text *out, const void *data, size_t len, size_t max)
{
    const unsigned char *at = data;

    for (size_t i = 0; i < len && i < max; i++) {
        char c = at[i] >= 0x20 && at[i] < 0x7f ? (char)at[i] : '?';

        text_add(out, &c, 1);
    }
}

/* ---- signing in -------------------------------------------------------------------------------
 */

/* What is configured, for a provider that takes OAuth at its mail servers (RFC 7628, XOAUTH2). */
static bool offer_oauth(const struct rider_host *host, enum rider_access access,
                        struct rider_oauth *oauth)
{
    static const char *const none[] = {NULL};
    static const char *list[SCOPES_MAX + 1]; /* good until the next call, as lent things are */
    static char scopes[1024];
    const char *authorize = config_text(host, "authorize_url", NULL);
    const char *token = config_text(host, "token_url", NULL);
    size_t count = 0;

    (void)access; /* mail servers know no levels: what is not granted is not used */
    if (!authorize || !token)
        return false;
    snprintf(scopes, sizeof(scopes), "%s", config_text(host, "scopes", ""));
    for (char *at = strtok(scopes, " ,"); at && count < SCOPES_MAX; at = strtok(NULL, " ,"))
        list[count++] = at;
    list[count] = NULL;
    *oauth = (struct rider_oauth){.size = sizeof(*oauth),
                                  .authorize_url = authorize,
                                  .token_url = token,
                                  .revoke_url = config_text(host, "revoke_url", NULL),
                                  .authorize_params = none,
                                  .scopes = list,
                                  .origins = none};
    return true;
}

static void oauth_failure(const char *error, const char *suberror, const char *description,
                          struct rider_failure *failure)
{
    bool passing = error && (strcmp(error, "temporarily_unavailable") == 0 ||
                             strcmp(error, "server_error") == 0);
    bool client = error && (strcmp(error, "invalid_client") == 0 ||
                            strcmp(error, "unauthorized_client") == 0);

    (void)suberror, (void)description;
    *failure = (struct rider_failure){
        .size = sizeof(*failure),
        .kind = passing ? RIDER_TRANSIENT : RIDER_AUTH,
        .scope = passing || client ? RIDER_SERVICE : RIDER_MAILBOX,
        .holds = HOLDS_ALL,
        .retry_after = -1,
        .detail = passing  ? "signing in is not to be had just now; it is tried again"
                  : client ? "the provider does not know the client_id or its secret: compare them "
                             "with what it registered"
                           : "the grant ended, or was never given: sign in again",
    };
}

/* ---- sessions ---------------------------------------------------------------------------------
 */

/* The words between commas, without the spaces around them; freed by text_list_free. */
static char **words(const char *from)
{
    char **list = text_alloc((strlen(from) + 2) * sizeof(*list));
    size_t count = 0;

    for (;;) {
        size_t len;

        from += strspn(from, ", ");
        len = strcspn(from, ",");
        if (!len)
            return list;
        list[count] = text_dup_len(from, len);
        for (; len && list[count][len - 1] == ' '; len--)
            list[count][len - 1] = '\0';
        count++;
        from += strcspn(from, ",");
    }
}

static enum sent_copy sent_of(const char *said)
{
    return strcmp(said, "append") == 0   ? SENT_APPEND
           : strcmp(said, "server") == 0 ? SENT_SERVER
                                         : SENT_AUTO;
}

static enum label_by labels_of(const char *said)
{
    return strcmp(said, "keywords") == 0  ? LABEL_KEYWORDS
           : strcmp(said, "folders") == 0 ? LABEL_FOLDERS
           : strcmp(said, "off") == 0     ? LABEL_OFF
                                          : LABEL_AUTO;
}

static char *folder_of(const char *said)
{
    struct text name = {0};

    if (imap_utf7_encode(&name, said) && name.len)
        return name.data;
    text_free(&name);
    return NULL;
}

const char *session_sent_folder(const struct rider_session *session)
{
    const struct imap_folder *folder = imap_folder_for(session->imap, IMAP_USE_SENT);

    if (session->sent_folder)
        return session->sent_folder;
    return folder ? folder->name : NULL;
}

static struct rider_session *open_session(const struct rider_host *host,
                                          const struct rider_mailbox *mailbox,
                                          struct rider_failure *why)
{
    static struct failure refusal;
    const char *smtp = config_text(host, "smtp", NULL);
    struct rider_session *session;

    if (!smtp || !mailbox->address || !*mailbox->address) {
        failure_say(&refusal, RIDER_PERMANENT, RIDER_MAILBOX,
                    smtp ? "the mailbox has no address: say it when it is added"
                         : "the mailbox has no smtp server: set smtp, as in "
                           "smtps://mail.acme.example:465");
        *why = refusal.failure;
        return NULL;
    }
    session = text_alloc(sizeof(*session));
    session->host = host;
    session->access = mailbox->access;
    session->address = text_dup(mailbox->address);
    session->smtp_url = text_dup(smtp);
    session->imap_url = text_dup(config_text(host, "imap", NULL));
    session->folders = words(config_text(host, "folders", ""));
    session->sent_folder = folder_of(config_text(host, "sent_folder", ""));
    session->sent = sent_of(config_text(host, "sent", "auto"));
    session->labels = labels_of(config_text(host, "labels", "auto"));
    return session;
}

static void close_session(struct rider_session *session)
{
    watch_close(session);
    smtp_finish(session);
    session->host->forget(session->rest);
    imap_free(session->imap);
    text_list_free(session->folders);
    free(session->sent_folder);
    free(session->address);
    free(session->smtp_url);
    free(session->imap_url);
    free(session);
}

static uint32_t can_now(struct rider_session *session)
{
    uint32_t can = RIDER_CAN_SEND;

    if (!session->imap_url || session->access < RIDER_ACCESS_HEADERS)
        return can;
    can |= RIDER_CAN_LIST;
    can |= session->sent == SENT_SERVER ? RIDER_CAN_FIND : RIDER_CAN_LOOK | RIDER_CAN_FILE;
    if (session->access < RIDER_ACCESS_FULL)
        return can;
    can |= RIDER_CAN_READ | RIDER_CAN_REPORT;
    if (session->labels != LABEL_OFF)
        can |= RIDER_CAN_LABEL;
    return can;
}

static void cancel(struct rider_session *session, struct rider_op *op)
{
    bool was_check = smtp_cancel(session, op) && op->mine == session;
    struct failure failure;

    if (job_cancel(session, op) || watch_cancel(session, op) || !was_check)
        return;
    op->mine = NULL; /* an identify without IMAP, which waited for the check */
    failure_say(&failure, RIDER_CANCELLED, RIDER_MESSAGE, "it was cancelled");
    session->host->fail(op, &failure.failure);
}

static const void *extension(const char *id, size_t min_size)
{
    static const struct rider_push push = {
        .size = sizeof(push), .watch = plugin_watch, .unwatch = plugin_unwatch};

    return strcmp(id, RIDER_PUSH) == 0 && min_size <= sizeof(push) ? &push : NULL;
}

#define SETTING(name, words, value)                                                                \
    &(const struct rider_setting)                                                                  \
    {                                                                                              \
        .size = sizeof(struct rider_setting), .key = (name), .label = (words), .fallback = (value) \
    }
#define OF_MAILBOX(name, words)                                                                    \
    &(const struct rider_setting)                                                                  \
    {                                                                                              \
        .size = sizeof(struct rider_setting), .key = (name), .label = (words), .of_mailbox = true  \
    }
static const struct rider_setting *const settings[] = {
    OF_MAILBOX("smtp", "server that takes mail: smtps://host:465 or smtp://host:587 (STARTTLS)"),
    OF_MAILBOX("imap", "server that keeps it: imaps://host:993 or imap://host:143 (STARTTLS)"),
    OF_MAILBOX("name", "sender's name, as in: Ana Ruiz <ana@acme.example>"),
    OF_MAILBOX("user", "user name there, where it is not the address"),
    OF_MAILBOX("folders", "folders to list beside INBOX, Junk and Sent, between commas"),
    SETTING("sent", "who files the copy in Sent: auto, append (we), server", "auto"),
    SETTING("sent_folder", "the folder for that, where the server marks none as Sent", NULL),
    SETTING("labels", "how labels are set: auto, keywords, folders, off", "auto"),
    SETTING("sasl", "how to sign in, where the server's choice is not the right one", NULL),
    SETTING("authorize_url", "consent page, where the servers take OAuth", NULL),
    SETTING("token_url", "token endpoint", NULL),
    SETTING("revoke_url", "revocation endpoint", NULL),
    SETTING("scopes", "scopes to ask for, between spaces", NULL),
    NULL,
};
static const struct rider_limits limits = {.size = sizeof(struct rider_limits), .in_flight = 4};
static const struct rider_provider provider = {
    .size = sizeof(struct rider_provider),
    .minor = RIDER_MINOR,
    .can = RIDER_CAN_SEND | RIDER_CAN_LIST | RIDER_CAN_LABEL | RIDER_CAN_READ | RIDER_CAN_FIND |
           RIDER_CAN_LOOK | RIDER_CAN_FILE | RIDER_CAN_REPORT,
    .auth = RIDER_AUTH_OAUTH | RIDER_AUTH_PASSWORD,
    .settle = 60000,
    .id = "smtp-imap",
    .name = "SMTP and IMAP",
    .version = "1.0.0",
    .settings = settings,
    .limits = &limits,
    .oauth = offer_oauth,
    .oauth_failure = oauth_failure,
    .open = open_session,
    .close = close_session,
    .can_now = can_now,
    .identify = plugin_identify,
    .send = smtp_send,
    .find = plugin_find,
    .file = plugin_file,
    .list = plugin_list,
    .read = plugin_read,
    .label = plugin_label,
    .cancel = cancel,
    .extension = extension,
};

RIDER_PROVIDER(provider);
