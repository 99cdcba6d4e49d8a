/* mailbox/grant.c: grants: sealed in the store, refreshed one at a time, lent as tokens, revoked.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mailbox/internal.h"
#include "net/loop.h"
#include "seal/seal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct account *account_of(struct mailboxes *mailboxes, uint64_t id, bool make)
{
    struct account *account = map_get_u64(&mailboxes->accounts, id);

    if (!account && make) {
        account = mem_new(sizeof(*account));
        account->owner = mailboxes;
        account->id = id;
        map_put_u64(&mailboxes->accounts, id, account);
    }
    return account;
}

void account_set(struct account *account, const char *access, int64_t expires_in)
{
    mem_wipe_str(&account->access);
    account->access = mem_str(access);
    account->expires = clock_wall() + expires_in;
}

void account_forget(struct mailboxes *mailboxes, uint64_t id)
{
    struct account *account = map_get_u64(&mailboxes->accounts, id);

    if (account)
        mem_wipe_str(&account->access);
}

static void bound_of(uint64_t mailbox, char bound[48])
{
    snprintf(bound, 48, "grant %llu", (unsigned long long)mailbox);
}

int grant_seal(struct mailboxes *mailboxes, uint64_t mailbox, const char *refresh,
               struct buf *sealed)
{
    char bound[48];

    bound_of(mailbox, bound);
    return seal_box(mailboxes->options.seal, mailbox, bound,
                    (struct bytes){refresh, strlen(refresh)}, sealed);
}

int grant_unseal(struct mailboxes *mailboxes, uint64_t mailbox, struct buf *refresh)
{
    auto_read struct store_txn *txn = NULL;
    auto_buf struct buf sealed = {0};
    char bound[48];
    int r = store_read(mailboxes->options.store, &txn);

    if (r == 0)
        r = store_grant_get(txn, mailbox, &sealed);
    bound_of(mailbox, bound);
    return r < 0 ? r
                 : seal_unbox(mailboxes->options.seal, mailbox, bound, buf_bytes(&sealed), refresh);
}

/* -- waiters -------------------------------------------------------------------------------------
 */

static void serve(struct account *account, const struct rider_failure *failure)
{
    struct waiter *waiter = account->waiters;

    account->waiters = NULL;
    account->refreshing = false;
    while (waiter) {
        struct waiter *next = waiter->next;

        waiter->got(waiter->arg, failure ? NULL : account->access, failure);
        free(waiter);
        waiter = next;
    }
}

static void serve_failure(struct account *account, int32_t kind, int32_t scope, int64_t retry,
                          const char *detail)
{
    struct rider_failure failure = {.size = sizeof(failure),
                                    .kind = kind,
                                    .scope = scope,
                                    .holds =
                                        RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL,
                                    .retry_after = retry,
                                    .detail = detail};

    serve(account, &failure);
}

/* -- refreshing
 * ------------------------------------------------------------------------------------ */

struct refresh {
    struct account *account;
    struct mailbox mailbox;
    struct token_answer answer;
    struct buf sealed;
};

static void refresh_free(struct refresh *refresh)
{
    record_mailbox_finish(&refresh->mailbox);
    token_answer_finish(&refresh->answer);
    buf_wipe(&refresh->sealed);
    free(refresh);
}

static void refresh_refused(struct refresh *refresh)
{
    struct mailboxes *mailboxes = refresh->account->owner;
    struct rider_failure failure = {.size = sizeof(failure)};

    provider_oauth_failure(mailboxes->providers, refresh->mailbox.provider, refresh->answer.error,
                           refresh->answer.suberror, refresh->answer.description, &failure);
    failure.holds = RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL;
    if (failure.kind == RIDER_AUTH) {
        auto_free char *why =
            mem_printf("%s: %s", refresh->answer.error,
                       failure.detail ? failure.detail : "its owner must consent again");

        mailbox_refused(mailboxes, refresh->mailbox.id, why);
    }
    serve(refresh->account, &failure);
    refresh_free(refresh);
}

static int rotate_apply(struct store_txn *txn, void *arg)
{
    struct refresh *refresh = arg;

    return store_grant_put(txn, refresh->mailbox.id, buf_bytes(&refresh->sealed));
}

static void rotated(void *arg, int status)
{
    struct refresh *refresh = arg;

    if (status < 0) {
        serve_failure(refresh->account, RIDER_TRANSIENT, RIDER_MAILBOX, 30000,
                      "a new refresh token could not be kept, so its access token is not used");
    } else {
        account_set(refresh->account, refresh->answer.access, refresh->answer.expires_in);
        serve(refresh->account, NULL);
    }
    refresh_free(refresh);
}

static void refreshed(void *arg, const struct http_response *response)
{
    struct refresh *refresh = arg;
    struct mailboxes *mailboxes = refresh->account->owner;
    bool read = response->status && token_answer_parse(&refresh->answer, response->body);

    if (!response->status || response->status >= 500 || response->status == 429 || !read) {
        serve_failure(refresh->account, RIDER_TRANSIENT, RIDER_MAILBOX, 5000,
                      response->status ? "the token endpoint is not well"
                                       : "the token endpoint did not answer");
        refresh_free(refresh);
        return;
    }
    if (refresh->answer.error || !refresh->answer.access) {
        refresh_refused(refresh);
        return;
    }
    if (refresh->answer.refresh && grant_seal(mailboxes, refresh->mailbox.id,
                                              refresh->answer.refresh, &refresh->sealed) == 0) {
        mailboxes_submit(mailboxes, rotate_apply, rotated, refresh);
        return;
    }
    account_set(refresh->account, refresh->answer.access, refresh->answer.expires_in);
    serve(refresh->account, NULL);
    refresh_free(refresh);
}

static int refresh_form(struct mailboxes *mailboxes, struct refresh *refresh, struct buf *form,
                        struct buf *error)
{
    auto_wiped_buf struct buf token = {0};
    int r = grant_unseal(mailboxes, refresh->mailbox.id, &token);

    if (r < 0) {
        buf_add_str(error, "its grant is not here or can't be opened; connect the mailbox again");
        return r;
    }
    form_add(form, "grant_type", "refresh_token");
    form_add(form, "refresh_token", buf_text(&token));
    return form_add_client(mailboxes, refresh->mailbox.provider, form, error);
}

static const char *const form_headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                           "Accept: application/json", NULL};

static void refresh_start(void *arg)
{
    struct account *account = arg;
    struct mailboxes *mailboxes = account->owner;
    struct refresh *refresh = mem_new(sizeof(*refresh));
    struct rider_oauth *oauth = NULL;
    auto_wiped_buf struct buf form = {0};
    auto_buf struct buf error = {0};

    refresh->account = account;
    if (mailbox_load(mailboxes, account->id, &refresh->mailbox) < 0 ||
        refresh->mailbox.status == MAILBOX_DISCONNECTED ||
        provider_oauth(mailboxes->providers, refresh->mailbox.provider,
                       (enum rider_access)refresh->mailbox.access, &oauth) < 0)
        buf_add_str(&error, "this mailbox is not connected");
    else if (refresh_form(mailboxes, refresh, &form, &error) == 0) {
        struct http_request request = {.method = "POST",
                                       .url = oauth->token_url,
                                       .headers = form_headers,
                                       .body = buf_bytes(&form),
                                       .timeout_ms = TOKEN_TIMEOUT_MS,
                                       .secret_body = true,
                                       .replayable = false};

        http_start(mailboxes->options.http, &request, refreshed, refresh);
    }
    provider_oauth_free(oauth);
    if (error.len) {
        serve_failure(account, RIDER_AUTH, RIDER_MAILBOX, -1, buf_text(&error));
        refresh_free(refresh);
    }
}

/* -- the source
 * --------------------------------------------------------------------------------------- */

static void serve_now(void *arg)
{
    serve(arg, NULL);
}

static void token(void *arg, uint64_t mailbox, const char *refused, credential_got_fn *got,
                  void *got_arg)
{
    struct mailboxes *mailboxes = arg;
    struct account *account = account_of(mailboxes, mailbox, true);
    struct waiter *waiter = mem_new(sizeof(*waiter));
    bool good;

    *waiter = (struct waiter){got, got_arg, account->waiters};
    account->waiters = waiter;
    if (account->refreshing)
        return;
    account->refreshing = true;
    good = account->access &&
           (account->provisional || account->expires > clock_wall() + TOKEN_MARGIN_MS);
    if (refused && account->access && strcmp(refused, account->access) == 0)
        good = account->provisional; /* a provisional one can't be renewed: let the 401 stand */
    loop_post(mailboxes->options.loop, good ? serve_now : refresh_start, account);
}

struct credential_source mailboxes_credentials(struct mailboxes *mailboxes)
{
    return (struct credential_source){mailboxes, token};
}

/* -- revoking
 * -------------------------------------------------------------------------------------------- */

struct revoking {
    void (*over)(void *arg, const char *said);
    void *arg;
};

static void revoked(void *arg, const struct http_response *response)
{
    struct revoking *revoking = arg;

    /* 400 invalid_token says that it had ended already (RFC 7009 2.2). */
    revoking->over(revoking->arg,
                   response->status == 200 || response->status == 400
                       ? "The grant was revoked at the provider."
                       : "The provider could not be told; its owner can remove the access in the "
                         "account's settings.");
    free(revoking);
}

static void not_revoked(void *arg)
{
    struct revoking *revoking = arg;

    revoking->over(revoking->arg,
                   "This provider has no way to revoke one grant; its owner can remove "
                   "the access in the account's settings.");
    free(revoking);
}

void grant_revoke(struct mailboxes *mailboxes, const char *provider, const char *text,
                  void (*over)(void *arg, const char *said), void *arg)
{
    struct revoking *revoking = mem_new(sizeof(*revoking));
    struct rider_oauth *oauth = NULL;
    auto_wiped_buf struct buf form = {0};

    *revoking = (struct revoking){over, arg};
    if (!text || provider_oauth(mailboxes->providers, provider, RIDER_ACCESS_SEND, &oauth) < 0 ||
        !oauth->revoke_url) {
        loop_post(mailboxes->options.loop, not_revoked, revoking);
    } else {
        struct http_request request = {.method = "POST",
                                       .url = oauth->revoke_url,
                                       .headers = form_headers,
                                       .timeout_ms = REVOKE_TIMEOUT_MS,
                                       .secret_body = true,
                                       .replayable = true};

        form_add(&form, "token", text);
        request.body = buf_bytes(&form);
        http_start(mailboxes->options.http, &request, revoked, revoking);
    }
    provider_oauth_free(oauth);
}
