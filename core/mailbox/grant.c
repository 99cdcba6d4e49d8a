/* mailbox/grant.c: grants: sealed in the store, refreshed one at a time, lent as tokens, revoked.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
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
    int64_t lives = expires_in > TOKEN_LEAST_MS ? expires_in : TOKEN_LEAST_MS;
    int64_t margin = lives / 2 < TOKEN_MARGIN_MS ? lives / 2 : TOKEN_MARGIN_MS;

    mem_wipe_str(&account->access);
    account->refused = false;
    account->access = mem_str(access);
    account->good_until = clock_wall() + lives - margin;
}

/* As long as the same renewal would meet the same refusal. */
static const int64_t ANSWERED_MS = 10 * 60 * 1000LL;

bool account_challenge(struct mailboxes *mailboxes, uint64_t id, const char *claims)
{
    struct account *account = account_of(mailboxes, id, true);
    int64_t now = clock_wall();

    if (account->claims && strcmp(account->claims, claims) == 0)
        return true; /* under way */
    if (account->answered && strcmp(account->answered, claims) == 0 &&
        account->answered_at + ANSWERED_MS > now && account->answered_at <= now)
        return false;
    mem_str_set(&account->claims, claims);
    mem_wipe_str(&account->access);
    return true;
}

static void challenge_over(struct account *account)
{
    free(account->answered);
    account->answered = account->claims;
    account->claims = NULL;
    account->answered_at = clock_wall();
}

void account_forget(struct mailboxes *mailboxes, uint64_t id)
{
    struct account *account = map_get_u64(&mailboxes->accounts, id);

    if (account)
        mem_wipe_str(&account->access);
}

void account_drop(struct mailboxes *mailboxes, uint64_t id)
{
    struct account *account = map_take_u64(&mailboxes->accounts, id);

    if (!account)
        return;
    mem_wipe_str(&account->access);
    account->dropped = true;
    if (!account->refreshing)
        account_free(account);
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

int grant_load(struct mailboxes *mailboxes, uint64_t mailbox, struct buf *sealed)
{
    auto_read struct store_txn *txn = NULL;
    int r = store_read(mailboxes->options.store, &txn);

    return r < 0 ? r : store_grant_get(txn, mailbox, sealed);
}

static int grant_open(struct mailboxes *mailboxes, uint64_t mailbox, const struct buf *sealed,
                      struct buf *refresh)
{
    char bound[48];

    bound_of(mailbox, bound);
    return seal_unbox(mailboxes->options.seal, mailbox, bound, buf_bytes(sealed), refresh);
}

int grant_unseal(struct mailboxes *mailboxes, uint64_t mailbox, struct buf *refresh)
{
    auto_buf struct buf sealed = {0};
    int r = grant_load(mailboxes, mailbox, &sealed);

    return r < 0 ? r : grant_open(mailboxes, mailbox, &sealed, refresh);
}

/* -- waiters ------------------------------------------------------------------------------- */

/* In the order they came. What they do may take the account's token away, so they get a copy. */
static void serve(struct account *account, const struct rider_failure *failure)
{
    static const struct rider_failure gone = {
        .size = sizeof(gone),
        .kind = RIDER_TRANSIENT,
        .scope = RIDER_MAILBOX,
        .holds = RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL,
        .retry_after = 1000,
        .detail = "the mailbox's grant changed in this moment; it is asked for again"};
    struct waiter *waiter = account->waiters;
    char *access = failure ? NULL : mem_str(account->access);
    bool dropped = account->dropped; /* later drops see that nobody refreshes, and free it */

    account->waiters = account->last = NULL;
    account->refreshing = false;
    if (!access && !failure)
        failure = &gone;
    while (waiter) {
        struct waiter *next = waiter->next;

        waiter->got(waiter->arg, access, failure);
        free(waiter);
        waiter = next;
    }
    mem_wipe_str(&access);
    if (dropped)
        account_free(account);
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

/* -- refreshing ---------------------------------------------------------------------------- */

struct refresh {
    struct account *account;
    struct http_call *call; /* NULL: answered */
    struct mailbox mailbox;
    struct buf before; /* the sealed grant it was made with */
    struct token_answer answer;
    struct buf sealed; /* the grant after it, where the provider rotates */
    bool carried;      /* the account's claims */
};

static void refresh_free(struct refresh *refresh)
{
    record_mailbox_finish(&refresh->mailbox);
    token_answer_finish(&refresh->answer);
    buf_finish(&refresh->before);
    buf_wipe(&refresh->sealed);
    free(refresh);
}

/* One that had to wait for this account is told so; at the end of the room. */
void account_free(void *arg)
{
    struct account *account = arg;

    if (account->refresh) {
        if (account->refresh->call)
            http_abort(account->refresh->call);
        refresh_free(account->refresh);
    }
    account->dropped = false;
    serve_failure(account, RIDER_CANCELLED, RIDER_MAILBOX, -1, "postrider is stopping");
    mem_wipe_str(&account->access);
    free(account->claims);
    free(account->answered);
    free(account->user);
    free(account);
}

/* It may have been given back, or given anew by its owner, while the answer was on its way. */
static bool grant_changed(const struct buf *before, const struct buf *now)
{
    return before->len != now->len || memcmp(buf_text(before), buf_text(now), now->len) != 0;
}

static bool refresh_is_stale(const struct refresh *refresh)
{
    auto_buf struct buf now = {0};

    return grant_load(refresh->account->owner, refresh->mailbox.id, &now) < 0 ||
           grant_changed(&refresh->before, &now);
}

static void refresh_over(struct refresh *refresh, const struct rider_failure *failure)
{
    struct account *account = refresh->account;

    account->refresh = NULL;
    serve(account, failure);
    refresh_free(refresh);
}

static void refresh_fail(struct refresh *refresh, int32_t kind, int64_t retry, const char *detail)
{
    struct account *account = refresh->account;

    account->refresh = NULL;
    serve_failure(account, kind, RIDER_MAILBOX, retry, detail);
    refresh_free(refresh);
}

static void refresh_refused(struct refresh *refresh)
{
    struct mailboxes *mailboxes = refresh->account->owner;
    struct rider_failure failure = {.size = sizeof(failure)};

    provider_oauth_failure(mailboxes->providers, refresh->mailbox.provider, refresh->answer.error,
                           refresh->answer.suberror, refresh->answer.description, &failure);
    failure.holds = RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL;
    if (failure.kind == RIDER_AUTH && failure.scope == RIDER_SERVICE) {
        /* Our client is refused, not this grant: no owner can mend that, and consents stay good. */
        log_error("provider %s refuses our client (%s): %s", refresh->mailbox.provider,
                  refresh->answer.error, failure.detail ? failure.detail : "look at its client_id");
        failure.kind = RIDER_TRANSIENT;
        failure.retry_after = 60000;
    } else if (failure.kind == RIDER_AUTH) {
        auto_free char *why =
            mem_printf("%s: %s", refresh->answer.error,
                       failure.detail ? failure.detail : "its owner must consent again");

        refuse_for_good(mailboxes, refresh->mailbox.id, why,
                        refresh->answer.claims ? refresh->answer.claims : refresh->account->claims);
        /* Whoever is refused here, another of the same organisation may well be welcome. */
        failure.scope = RIDER_MAILBOX;
    }
    if (refresh->carried)
        challenge_over(refresh->account);
    refresh_over(refresh, &failure);
}

static void renewed(struct refresh *refresh)
{
    account_set(refresh->account, refresh->answer.access, refresh->answer.expires_in);
    if (refresh->carried)
        challenge_over(refresh->account);
}

static int rotate_apply(struct store_txn *txn, void *arg)
{
    struct refresh *refresh = arg;
    auto_buf struct buf now = {0};
    int r = store_grant_get(txn, refresh->mailbox.id, &now);

    if (r == -ENOENT || (r == 0 && grant_changed(&refresh->before, &now)))
        return -ESTALE;
    if (r < 0)
        return r;
    return store_grant_put(txn, refresh->mailbox.id, buf_bytes(&refresh->sealed));
}

static void rotated(void *arg, int status)
{
    struct refresh *refresh = arg;

    if (status < 0 && status != -ESTALE) {
        refresh_fail(refresh, RIDER_TRANSIENT, 30000,
                     "a new refresh token could not be kept, so its access token is not used");
        return;
    }
    if (status == 0)
        renewed(refresh);
    refresh_over(refresh, NULL);
}

/* Retry-After in seconds (RFC 9110 10.2.3); as a date, or without one: 5 s. */
static int64_t retry_after(const struct http_response *response)
{
    struct bytes header = http_header(response->headers, "Retry-After");
    auto_free char *text = header.data ? mem_strn(header.data, header.len) : NULL;
    uint64_t seconds;

    if (!text || !text_u64(text, &seconds))
        return 5000;
    return seconds > 3600 ? 3600 * 1000 : (int64_t)seconds * 1000;
}

static void refreshed(void *arg, const struct http_response *response)
{
    struct refresh *refresh = arg;
    struct mailboxes *mailboxes = refresh->account->owner;
    bool read = response->status && token_answer_parse(&refresh->answer, response->body);

    refresh->call = NULL;
    if (!response->status || response->status >= 500 || response->status == 429 || !read) {
        refresh_fail(refresh, RIDER_TRANSIENT, retry_after(response),
                     response->status ? "the token endpoint is not well; it is asked again"
                                      : "the token endpoint did not answer; it is asked again");
    } else if (refresh_is_stale(refresh)) {
        refresh_over(refresh, NULL);
    } else if (refresh->answer.error) {
        refresh_refused(refresh);
    } else if (!refresh->answer.refresh) {
        renewed(refresh);
        refresh_over(refresh, NULL);
    } else if (grant_seal(mailboxes, refresh->mailbox.id, refresh->answer.refresh,
                          &refresh->sealed) < 0) {
        refresh_fail(refresh, RIDER_TRANSIENT, 30000,
                     "a new refresh token could not be sealed, so its access token is not used");
    } else {
        mailboxes_submit(mailboxes, rotate_apply, rotated, refresh);
    }
}

const char *const form_headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                    "Accept: application/json", NULL};

/* 0, or how to fail, with a sentence. Only what a new consent mends is RIDER_AUTH. */
static int32_t refresh_form(struct mailboxes *mailboxes, struct refresh *refresh, struct buf *form,
                            struct buf *error)
{
    auto_wiped_buf struct buf token = {0};
    int r = grant_load(mailboxes, refresh->mailbox.id, &refresh->before);

    if (r == 0)
        r = grant_open(mailboxes, refresh->mailbox.id, &refresh->before, &token);
    if (r < 0) {
        buf_printf(error, "the grant of %s can't be opened (%s); connect the mailbox again",
                   refresh->mailbox.address, strerror(-r));
        return r == -ENOENT || r == -ENOKEY || r == -EBADMSG ? RIDER_AUTH : RIDER_TRANSIENT;
    }
    form_reserve(form, buf_text(&token));
    form_add(form, "grant_type", "refresh_token");
    form_add(form, "refresh_token", buf_text(&token));
    refresh->carried = refresh->account->claims != NULL;
    if (refresh->carried)
        form_add(form, "claims", refresh->account->claims);
    if (form_add_client(mailboxes, refresh->mailbox.provider, form, error) == 0)
        return 0;
    log_error("%s", buf_text(error));
    return RIDER_TRANSIENT;
}

static int32_t refresh_send(struct mailboxes *mailboxes, struct refresh *refresh, struct buf *error)
{
    const struct mailbox *mailbox = &refresh->mailbox;
    struct rider_oauth *oauth = NULL;
    auto_wiped_buf struct buf form = {0};
    int32_t kind = RIDER_TRANSIENT;

    if (provider_oauth(mailboxes->providers, mailbox->provider, (enum rider_access)mailbox->access,
                       &oauth) < 0 ||
        !oauth->token_url)
        buf_printf(error, "provider %s is not set up for this access; see: postrider provider list",
                   mailbox->provider);
    else
        kind = refresh_form(mailboxes, refresh, &form, error);
    if (kind == 0) {
        struct http_request request = {.method = "POST",
                                       .url = oauth->token_url,
                                       .headers = form_headers,
                                       .body = buf_bytes(&form),
                                       .timeout_ms = TOKEN_TIMEOUT_MS,
                                       .secret_body = true,
                                       .replayable = false};

        refresh->call = http_start(mailboxes->options.http, &request, refreshed, refresh);
    }
    provider_oauth_free(oauth);
    return kind;
}

static void refresh_start(void *arg)
{
    struct account *account = arg;
    struct mailboxes *mailboxes = account->owner;
    struct refresh *refresh = mem_new(sizeof(*refresh));
    auto_buf struct buf error = {0};
    int32_t kind;
    int r = mailbox_load(mailboxes, account->id, &refresh->mailbox);

    refresh->account = account;
    account->refresh = refresh;
    if (r == -ENOENT || (r == 0 && refresh->mailbox.status == MAILBOX_DISCONNECTED)) {
        buf_add_str(&error, "this mailbox is not connected; add it, and let its owner consent");
        kind = RIDER_AUTH;
    } else if (r < 0) {
        buf_printf(&error, "the mailbox can't be read (%s); it is tried again", strerror(-r));
        kind = RIDER_TRANSIENT;
    } else {
        kind = refresh_send(mailboxes, refresh, &error);
    }
    if (kind)
        refresh_fail(refresh, kind, kind == RIDER_AUTH ? -1 : 60000, buf_text(&error));
}

/* -- the source ---------------------------------------------------------------------------- */

/* A provisional one can't be renewed: where it is refused, that stands. */
static bool is_good(const struct account *account)
{
    return account->access && (account->provisional || account->good_until > clock_wall());
}

/* Somebody may have been refused this very token since: then nobody gets it. */
static void serve_now(void *arg)
{
    struct account *account = arg;

    if (account->access && !is_good(account))
        refresh_start(account);
    else
        serve(account, NULL);
}

void grant_give(void *arg, uint64_t mailbox, const char *refused, credential_got_fn *got,
                void *got_arg)
{
    struct mailboxes *mailboxes = arg;
    struct account *account = account_of(mailboxes, mailbox, true);
    struct waiter *waiter = mem_new(sizeof(*waiter));

    *waiter = (struct waiter){got, got_arg, NULL};
    if (account->last)
        account->last->next = waiter;
    else
        account->waiters = waiter;
    account->last = waiter;
    if (refused && account->access && strcmp(refused, account->access) == 0)
        account->good_until = 0;
    if (account->refreshing)
        return;
    account->refreshing = true;
    loop_post(mailboxes->options.loop, is_good(account) ? serve_now : refresh_start, account);
}

struct credential_source mailboxes_credentials(struct mailboxes *mailboxes)
{
    return (struct credential_source){.arg = mailboxes, .token = grant_give, .login = secret_login};
}

/* -- revoking ------------------------------------------------------------------------------ */

struct revoking {
    void (*over)(void *arg, bool ended, const char *said);
    void *arg;
    char *said; /* where it could not be done */
};

static void revoked(void *arg, const struct http_response *response)
{
    struct revoking *revoking = arg;

    /* 400 invalid_token says that it had ended already (RFC 7009 2.2). */
    if (response->status == 200 || response->status == 400)
        revoking->over(revoking->arg, true, "The grant was revoked at the provider.");
    else
        revoking->over(revoking->arg, false, revoking->said);
    free(revoking->said);
    free(revoking);
}

static void not_revoked(void *arg)
{
    struct revoking *revoking = arg;

    revoking->over(revoking->arg, false, revoking->said);
    free(revoking->said);
    free(revoking);
}

/* What is said where nothing can be revoked, and of a provider that could not be told. */
static char *by_hand(const char *why, const struct rider_oauth *oauth)
{
    return mem_printf("%s; its owner can remove the access %s.", why,
                      oauth && oauth->removal ? oauth->removal : "in the account's settings");
}

void grant_revoke(struct mailboxes *mailboxes, const char *provider, int32_t access,
                  const char *token, void (*over)(void *arg, bool ended, const char *said),
                  void *arg)
{
    struct revoking *revoking = mem_new(sizeof(*revoking));
    struct rider_oauth *oauth = NULL;
    auto_wiped_buf struct buf form = {0};

    *revoking = (struct revoking){over, arg, NULL};
    if (provider_oauth(mailboxes->providers, provider, (enum rider_access)access, &oauth) < 0 ||
        !oauth->revoke_url) {
        revoking->said = by_hand("This provider has no way to revoke one grant", oauth);
        loop_post(mailboxes->options.loop, not_revoked, revoking);
    } else {
        struct http_request request = {.method = "POST",
                                       .url = oauth->revoke_url,
                                       .headers = form_headers,
                                       .timeout_ms = REVOKE_TIMEOUT_MS,
                                       .secret_body = true,
                                       .replayable = true};

        revoking->said = by_hand("The provider could not be told", oauth);
        form_reserve(&form, token);
        form_add(&form, "token", token);
        request.body = buf_bytes(&form);
        http_start(mailboxes->options.http, &request, revoked, revoking);
    }
    provider_oauth_free(oauth);
}
