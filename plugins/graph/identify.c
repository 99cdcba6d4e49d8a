/* graph/identify.c: who the mailbox is: Microsoft's account, its address, what it may send as. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS "id,displayName,mail,userPrincipalName"

/* Whose limits it shares. The id of a personal account is no GUID, and it shares with nobody. */
static const char *tenant_of(const struct rider_host *host, const struct wire_user *user)
{
    const char *tenant = config_text(host, "tenant", "common");
    const char *at = user->principal ? strrchr(user->principal, '@') : NULL;

    if (!strchr(user->id, '-'))
        return NULL;
    if (strcmp(tenant, "common") != 0 && strcmp(tenant, "organizations") != 0 &&
        strcmp(tenant, "consumers") != 0)
        return tenant;
    return at && at[1] ? at + 1 : NULL;
}

static void add_alias(char **list, size_t *count, const char *address, size_t len)
{
    char *copy = text_dup_len(address, len);
    bool known = false;

    for (size_t i = 0; i < *count; i++)
        known = known || text_fold_same(list[i], copy);
    if (known || *count == 500)
        free(copy);
    else
        list[(*count)++] = copy;
}

/* "jobs@acme.example" is for each mailbox, "ana@acme.example=jobs@acme.example" for that one. */
static void add_right(char **list, size_t *count, const char *word, size_t len, const char *own)
{
    const char *equals = memchr(word, '=', len);
    size_t left = equals ? (size_t)(equals - word) : 0;
    char *whose = text_dup_len(word, left);

    if (!equals)
        add_alias(list, count, word, len);
    else if (own && text_fold_same(whose, own) && left + 1 < len)
        add_alias(list, count, equals + 1, len - left - 1);
    free(whose);
}

/* Rights to send as others can't be asked for (facts 4.5): who has them names them in `send_as`. */
static char **aliases_of(const struct rider_host *host, const struct wire_user *user,
                         const char *own)
{
    const char *more = config_text(host, "send_as", "");
    char **list = text_alloc(501 * sizeof(*list));
    size_t count = 0;

    for (size_t i = 0; user->aliases && user->aliases[i]; i++)
        add_alias(list, &count, user->aliases[i], strlen(user->aliases[i]));
    while (*more) {
        size_t len = strcspn(more, ", ");

        if (len)
            add_right(list, &count, more, len, own);
        more += len + strspn(more + len, ", ");
    }
    return list;
}

static void finish(struct graph_job *job, const struct wire_user *user)
{
    const struct rider_host *host = job->session->host;
    const char *own = user->address && *user->address ? user->address : user->principal;
    char **aliases = aliases_of(host, user, own);
    struct rider_identity identity = {
        .size = sizeof(identity),
        .subject = user->id,
        .address = own,
        .name = user->name,
        .aliases = user->aliases || *aliases ? (const char *const *)aliases : NULL,
        .tenant = tenant_of(host, user),
    };
    struct graph_failure failure;

    if (!identity.address || !strchr(identity.address, '@')) {
        graph_failure_say(&failure, RIDER_AUTH, RIDER_MAILBOX,
                          "Microsoft did not say the account's address: connect an account that "
                          "has a mailbox");
        graph_job_fail(job, &failure);
    } else {
        host->identify_done(job->op, &identity);
        graph_job_free(job);
    }
    text_list_free(aliases);
}

static void got_user(struct graph_job *job, const struct rider_http_response *response)
{
    struct wire_user user;

    if (!graph_ok(response)) {
        graph_job_fail_with(job, response);
    } else if (wire_user_read(&user, response->body.data, response->body.len) < 0) {
        graph_job_broken(job);
    } else {
        finish(job, &user);
        wire_user_free(&user);
    }
}

/* A personal account has no proxyAddresses, and need not know the word. */
static void got_whole_user(struct graph_job *job, const struct rider_http_response *response)
{
    if (response->status == 400)
        graph_job_get(job, "me", "/me?$select=" FIELDS, got_user);
    else
        got_user(job, response);
}

void graph_identify(struct rider_session *session, struct rider_op *op)
{
    struct graph_job *job = graph_job_new(session, op, sizeof(*job), NULL);

    graph_job_get(job, "me", "/me?$select=" FIELDS ",proxyAddresses", got_whole_user);
}
