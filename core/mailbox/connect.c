/* mailbox/connect.c: an owner's consent: the link, the state, the code, and who it really was. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"
#include "mailbox/internal.h"
#include "net/loop.h"
#include "provider/session.h"
#include "seal/seal.h"

#include <errno.h>
#include <string.h>

enum { STATE_MS = 10 * 60 * 1000, STATES_MAX = 1000, IDENTIFY_MS = 30000, PAGE_MS = 3600 * 1000 };

static void connect_free(void *arg)
{
    struct connect *connect = arg;

    if (!connect)
        return;
    free(connect->provider);
    mem_wipe_str(&connect->verifier);
    free(connect->nonce);
    free(connect);
}

/* -- the link ------------------------------------------------------------------------------ */

/* 0 and the mailbox, or the outcome to show. */
static int read_link(struct mailboxes *mailboxes, const char *token, struct mailbox *mailbox)
{
    uint64_t id, invite;
    int r = seal_link_read(mailboxes->options.seal, "invite", token, clock_wall(), &id, &invite);

    if (r == -ETIME)
        return CONNECT_LINK_EXPIRED;
    if (r < 0 || mailbox_load(mailboxes, id, mailbox) < 0 || mailbox->invite != invite ||
        mailbox->status == MAILBOX_DISCONNECTED)
        return CONNECT_LINK_BAD;
    return 0;
}

static const char *const *asks_of(int32_t access)
{
    static const char *const send[] = {"to send mail in your name", NULL};
    static const char *const headers[] = {
        "to send mail in your name",
        "to see the headers of your mail (who, when, subject line), never its text",
        "to make labels in your mailbox", NULL};
    static const char *const full[] = {
        "to send mail in your name, as drafts first",
        "to read answers to those mails; other mail is passed over by its headers and not kept",
        "to label those mails in your mailbox", NULL};

    return access == RIDER_ACCESS_SEND ? send : access == RIDER_ACCESS_HEADERS ? headers : full;
}

struct later { /* a page that must not be shown before the call that asked for it returns */
    struct mailboxes *mailboxes;
    mailbox_paged *paged;
    void *arg;
    enum mailbox_outcome outcome;
    struct mailbox mailbox;
    char *text, *location, *cookie;
};

static void show_later(void *arg)
{
    struct later *later = arg;
    struct loop *loop = later->mailboxes->options.loop;
    struct mailbox_page shown = {.outcome = later->outcome,
                                 .address = later->mailbox.address,
                                 .provider = later->mailbox.provider,
                                 .text = later->text,
                                 .asks = later->outcome == CONNECT_SHOW ||
                                                 later->outcome == CONNECT_ASK_SECRET
                                             ? asks_of(later->mailbox.access)
                                             : NULL,
                                 .location = later->location,
                                 .signed_in = later->outcome == CONNECT_WAITING &&
                                              mailbox_signed_in(later->mailboxes, &later->mailbox),
                                 .cookie = later->cookie};

    later->paged(later->arg, &shown);
    record_mailbox_finish(&later->mailbox);
    free(later->text);
    free(later->location);
    free(later->cookie);
    free(later);
    loop_busy(loop, -1);
}

static struct later *later_new(struct mailboxes *mailboxes, mailbox_paged *paged, void *arg)
{
    struct later *later = mem_new(sizeof(*later));

    later->mailboxes = mailboxes;
    later->paged = paged;
    later->arg = arg;
    return later;
}

static void later_show(struct later *later, enum mailbox_outcome outcome)
{
    later->outcome = outcome;
    loop_busy(later->mailboxes->options.loop, 1);
    loop_post(later->mailboxes->options.loop, show_later, later);
}

/* Of a Cookie header, "a=b; c=d" (RFC 6265 4.2.1); freed. NULL: it is not there. */
static char *cookie_value(const char *cookie, const char *name)
{
    size_t len = strlen(name);
    const char *at = cookie ? cookie : "";

    while (*at && (strncmp(at, name, len) != 0 || at[len] != '=')) {
        at += strcspn(at, ";");
        at += strspn(at, "; ");
    }
    return *at ? mem_strn(at + len + 1, strcspn(at + len + 1, "; ")) : NULL;
}

/* A form of ours: what comes back must come from a browser that was shown it (no other site's form
 * can bring this cookie along). */
static void ask_secret(struct later *later)
{
    auto_buf struct buf value = {0};

    seal_link(later->mailboxes->options.seal, "secret", later->mailbox.id, later->mailbox.invite,
              clock_wall() + PAGE_MS, &value);
    later->cookie = mem_printf(
        "rider_secret=%s; Path=/connect; HttpOnly; SameSite=Strict; Max-Age=3600%s",
        buf_text(&value), text_starts(later->mailboxes->base_url, "https://") ? "; Secure" : "");
    later_show(later, CONNECT_ASK_SECRET);
}

/* What the owner sees while an administrator is waited for. */
static void show_waiting(struct later *later)
{
    const struct mailbox *mailbox = &later->mailbox;

    later->text = mem_str(mailbox->why);
    later->location =
        mailbox_admin_link(later->mailboxes, mailbox->provider, mailbox->access, mailbox->id);
    later_show(later, CONNECT_WAITING);
}

void mailbox_link_show(struct mailboxes *mailboxes, const char *token, mailbox_paged *paged,
                       void *arg)
{
    struct later *later = later_new(mailboxes, paged, arg);
    int fault = read_link(mailboxes, token, &later->mailbox);

    if (!fault && later->mailbox.status == MAILBOX_WAITING) {
        show_waiting(later);
        return;
    }
    if (!fault && mailbox_by_secret(mailboxes, later->mailbox.provider))
        ask_secret(later);
    else
        later_show(later, fault ? (enum mailbox_outcome)fault : CONNECT_SHOW);
}

/* -- a secret, given on our own page ------------------------------------------------------- */

static bool same_page(struct mailboxes *mailboxes, const struct mailbox *mailbox,
                      const char *cookie)
{
    auto_free char *value = cookie_value(cookie, "rider_secret");
    uint64_t id, invite;

    return value &&
           seal_link_read(mailboxes->options.seal, "secret", value, clock_wall(), &id, &invite) ==
               0 &&
           id == mailbox->id && invite == mailbox->invite;
}

void mailbox_link_secret(struct mailboxes *mailboxes, const char *token, const char *cookie,
                         const char *secret, mailbox_paged *paged, void *arg)
{
    struct later *later = later_new(mailboxes, paged, arg);
    int fault = read_link(mailboxes, token, &later->mailbox);

    if (!fault && !mailbox_by_secret(mailboxes, later->mailbox.provider))
        fault = CONNECT_LINK_BAD;
    if (!fault && !same_page(mailboxes, &later->mailbox, cookie))
        fault = CONNECT_STATE_FOREIGN;
    if (fault) {
        later_show(later, (enum mailbox_outcome)fault);
        return;
    }
    secret_page(mailboxes, later->mailbox.id, secret, paged, arg);
    record_mailbox_finish(&later->mailbox);
    free(later);
}

/* -- to the provider ----------------------------------------------------------------------- */

/* At most so many states are held; the oldest goes. */
static void make_room(struct mailboxes *mailboxes)
{
    const void *key, *oldest_key = NULL;
    struct connect *connect, *oldest = NULL;
    size_t at = 0, len, oldest_len = 0;

    if (mailboxes->connects.count < STATES_MAX)
        return;
    while ((connect = map_next(&mailboxes->connects, &at, &key, &len)))
        if (!oldest || connect->made < oldest->made) {
            oldest = connect;
            oldest_key = key;
            oldest_len = len;
        }
    map_take(&mailboxes->connects, oldest_key, oldest_len);
    connect_free(oldest);
}

static void challenge_of(const char *verifier, struct buf *challenge)
{
    uint8_t digest[32];

    seal_sha256(verifier, strlen(verifier), digest);
    text_base64url(challenge, digest, sizeof(digest));
}

/* Of OpenID Connect: who somebody is, and for how long (OIDC Core 5.4, 11); sign-in, not access.
 * Microsoft never lists the last one among what was granted: the refresh token shows it. */
static bool is_sign_in(const char *scope)
{
    static const char *const words[] = {"openid", "email", "profile", "offline_access"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(scope, words[i]) == 0)
            return true;
    return false;
}

static void add_scopes(struct buf *form, const struct rider_oauth *oauth, bool sign_in_only)
{
    auto_buf struct buf scope = {0};

    for (size_t i = 0; oauth->scopes[i]; i++)
        if (!sign_in_only || is_sign_in(oauth->scopes[i]))
            buf_printf(&scope, "%s%s", scope.len ? " " : "", oauth->scopes[i]);
    form_add(form, "scope", buf_text(&scope));
}

static void add_parameters(struct buf *query, const struct rider_oauth *oauth, bool sign_in_only)
{
    add_scopes(query, oauth, sign_in_only);
    for (size_t i = 0; oauth->authorize_params[i]; i++) {
        const char *equals = strchr(oauth->authorize_params[i], '=');
        auto_free char *name = NULL;

        if (!equals)
            continue;
        name = mem_strn(oauth->authorize_params[i], (size_t)(equals - oauth->authorize_params[i]));
        form_add(query, name, equals + 1);
    }
}

static char *redirect_uri(struct mailboxes *mailboxes, const char *provider)
{
    return mem_printf("%s/oauth/cb/%s", mailboxes->base_url, provider);
}

static char *authorize_url(struct mailboxes *mailboxes, const struct mailbox *mailbox,
                           const struct connect *connect, const char *state,
                           const struct rider_oauth *oauth)
{
    const char *client = provider_setting(mailboxes->providers, mailbox->provider, "client_id");
    auto_free char *redirect = redirect_uri(mailboxes, mailbox->provider);
    auto_free char *claims = claims_load(mailboxes, mailbox->id);
    auto_buf struct buf query = {0}, challenge = {0};

    challenge_of(connect->verifier, &challenge);
    form_add(&query, "response_type", "code");
    form_add(&query, "client_id", client ? client : "");
    form_add(&query, "redirect_uri", redirect);
    form_add(&query, "state", state);
    form_add(&query, "nonce", connect->nonce);
    form_add(&query, "code_challenge", buf_text(&challenge));
    form_add(&query, "code_challenge_method", "S256");
    form_add(&query, "login_hint", mailbox->address);
    if (claims)
        form_add(&query, "claims", claims);
    add_parameters(&query, oauth, connect->early);
    return mem_printf("%s%c%s", oauth->authorize_url, strchr(oauth->authorize_url, '?') ? '&' : '?',
                      buf_text(&query));
}

static bool ready_to_ask(struct mailboxes *mailboxes, const struct mailbox *mailbox,
                         struct rider_oauth **oauth_r)
{
    if (provider_oauth(mailboxes->providers, mailbox->provider, (enum rider_access)mailbox->access,
                       oauth_r) < 0) {
        log_error("provider %s is not set up for the access %s asks for", mailbox->provider,
                  mailbox->address);
        return false;
    }
    if ((*oauth_r)->authorize_url && (*oauth_r)->token_url &&
        provider_setting(mailboxes->providers, mailbox->provider, "client_id"))
        return true;
    log_error("providers.%s has no client_id, or no addresses for the sign-in", mailbox->provider);
    return false;
}

static void link_go(struct mailboxes *mailboxes, const char *token, bool early,
                    mailbox_paged *paged, void *arg)
{
    struct later *later = later_new(mailboxes, paged, arg);
    int fault = read_link(mailboxes, token, &later->mailbox);
    struct rider_oauth *oauth = NULL;
    struct connect *connect;
    auto_free char *state = NULL, *cookie = NULL;
    bool https = text_starts(mailboxes->base_url, "https://");

    if (!fault && mailbox_by_secret(mailboxes, later->mailbox.provider)) {
        ask_secret(later);
        return;
    }
    if (!fault && !ready_to_ask(mailboxes, &later->mailbox, &oauth)) {
        later->text = mem_str("This service is not set up completely; tell who sent you the link.");
        fault = CONNECT_FAILED;
    }
    if (!fault && later->mailbox.status != MAILBOX_WAITING)
        early = false; /* there is nothing to wait for any more */
    if (fault) {
        provider_oauth_free(oauth);
        later_show(later, (enum mailbox_outcome)fault);
        return;
    }
    make_room(mailboxes);
    state = random_text(32);
    cookie = random_text(32);
    connect = mem_new(sizeof(*connect));
    connect->mailbox = later->mailbox.id;
    connect->provider = mem_str(later->mailbox.provider);
    connect->verifier = random_text(48);
    connect->nonce = random_text(24);
    connect->early = early;
    connect->made = clock_monotonic();
    seal_digest(cookie, strlen(cookie), connect->browser);
    map_put_str(&mailboxes->connects, state, connect);
    later->location = authorize_url(mailboxes, &later->mailbox, connect, state, oauth);
    later->cookie =
        mem_printf("rider_connect=%s; Path=/oauth; HttpOnly; SameSite=Lax; Max-Age=600%s", cookie,
                   https ? "; Secure" : "");
    provider_oauth_free(oauth);
    later_show(later, CONNECT_REDIRECT);
}

void mailbox_link_go(struct mailboxes *mailboxes, const char *token, mailbox_paged *paged,
                     void *arg)
{
    link_go(mailboxes, token, false, paged, arg);
}

void mailbox_link_early(struct mailboxes *mailboxes, const char *token, mailbox_paged *paged,
                        void *arg)
{
    link_go(mailboxes, token, true, paged, arg);
}

/* -- back from the provider ---------------------------------------------------------------- */

struct exchange {
    struct list node;
    struct mailboxes *mailboxes;
    struct http_call *call;  /* the code's; NULL: answered */
    struct connect *connect; /* NULL: finished with the sign-in that was left (consent_finish) */
    struct mailbox mailbox;
    struct token_answer answer;
    struct rider_oauth *oauth;
    struct provider_session *session;
    char **granted;
    char *location;       /* where the browser goes on; or NULL */
    uint64_t provisional; /* the id its token goes by meanwhile; 0: none yet */
    mailbox_paged *paged;
    void *arg;
    enum mailbox_outcome outcome;
    char *text;
    bool spare; /* revoking would end the grant of another mailbox of ours */
    struct buf sealed;
    int64_t now;
};

static struct exchange *exchange_new(struct mailboxes *mailboxes, struct connect *connect,
                                     mailbox_paged *paged, void *arg)
{
    struct exchange *exchange = mem_new(sizeof(*exchange));

    exchange->mailboxes = mailboxes;
    exchange->connect = connect;
    exchange->paged = paged;
    exchange->arg = arg;
    list_add(&mailboxes->exchanges, &exchange->node);
    loop_busy(mailboxes->options.loop, 1);
    return exchange;
}

static void exchange_free(struct exchange *exchange)
{
    struct loop *loop = exchange->mailboxes->options.loop;

    list_remove(&exchange->node);
    if (exchange->provisional)
        account_drop(exchange->mailboxes, exchange->provisional);
    connect_free(exchange->connect);
    record_mailbox_finish(&exchange->mailbox);
    token_answer_finish(&exchange->answer);
    provider_oauth_free(exchange->oauth);
    mem_strv_free(exchange->granted);
    buf_wipe(&exchange->sealed);
    free(exchange->text);
    free(exchange->location);
    free(exchange);
    loop_busy(loop, -1);
}

/* Their sessions went with the providers. Nobody is shown a page any more. */
void connects_forget(struct mailboxes *mailboxes)
{
    map_finish(&mailboxes->connects, connect_free);
    while (!list_empty(&mailboxes->exchanges)) {
        struct exchange *exchange = LIST_ENTRY(mailboxes->exchanges.next, struct exchange, node);

        if (exchange->call)
            http_abort(exchange->call);
        exchange_free(exchange);
    }
}

/* What was left is of no use: its owner has to come back. */
static void finish_failed(const struct exchange *exchange)
{
    auto_free char *why = mem_printf("It waited for your admin, and could not go on by itself: %s",
                                     exchange->text ? exchange->text : "no reason was given");

    log_warn("%s: %s", exchange->mailbox.address, why);
    mailbox_ask_again(exchange->mailboxes, exchange->mailbox.id, why);
}

static void exchange_over(void *arg)
{
    struct exchange *exchange = arg;
    struct mailbox_page shown = {.outcome = exchange->outcome,
                                 .address = exchange->mailbox.address,
                                 .provider = exchange->mailbox.provider,
                                 .text = exchange->text,
                                 .location = exchange->location};

    if (exchange->paged)
        exchange->paged(exchange->arg, &shown);
    else if (exchange->outcome != CONNECT_DONE && exchange->outcome != CONNECT_NARROW &&
             exchange->outcome != CONNECT_WAITING)
        finish_failed(exchange);
    exchange_free(exchange);
}

static void exchange_revoked(void *arg, bool ended, const char *said)
{
    struct exchange *exchange = arg;

    if (!ended) { /* never silently: what was granted still stands there */
        char *text = mem_printf("%s%s%s", exchange->text ? exchange->text : "",
                                exchange->text ? " " : "", said);

        free(exchange->text);
        exchange->text = text;
    }
    exchange_over(exchange);
}

static void session_gone(void *arg)
{
    struct exchange *exchange = arg;

    exchange->session = NULL;
    if (exchange->outcome == CONNECT_DONE || exchange->outcome == CONNECT_NARROW ||
        exchange->outcome == CONNECT_WAITING || exchange->outcome == CONNECT_REDIRECT ||
        exchange->spare) {
        exchange_over(exchange);
        return;
    }
    /* Nothing of it is kept, here or there. */
    grant_revoke(exchange->mailboxes, exchange->mailbox.provider, exchange->mailbox.access,
                 exchange->answer.refresh ? exchange->answer.refresh : exchange->answer.access,
                 exchange_revoked, exchange);
}

/* text is taken. */
static void exchange_end(struct exchange *exchange, enum mailbox_outcome outcome, char *text)
{
    exchange->outcome = outcome;
    free(exchange->text);
    exchange->text = text;
    if (exchange->session)
        provider_session_close(exchange->session, session_gone, exchange);
    else if (exchange->answer.access)
        session_gone(exchange);
    else
        loop_post(exchange->mailboxes->options.loop, exchange_over, exchange);
}

/* -- keeping it ---------------------------------------------------------------------------- */

static int keep_apply(struct store_txn *txn, void *arg)
{
    struct exchange *exchange = arg;
    auto_record(mailbox) mailbox = {0};
    auto_record(mailbox_pulse) pulse = {0};
    int r = store_mailbox_get(txn, exchange->mailbox.id, &mailbox);

    if (r < 0)
        return r;
    if (mailbox.status == MAILBOX_DISCONNECTED)
        return -ECANCELED; /* let go while its owner consented */
    if (mailbox.status != MAILBOX_PAUSED) {
        mailbox.status = MAILBOX_ACTIVE;
        mem_str_set(&mailbox.why, exchange->outcome == CONNECT_NARROW ? exchange->text : NULL);
    }
    mem_str_set(&mailbox.subject, exchange->mailbox.subject);
    mem_str_set(&mailbox.name, exchange->mailbox.name);
    mem_str_set(&mailbox.tenant, exchange->mailbox.tenant);
    mem_strv_free(mailbox.aliases);
    mailbox.aliases = mem_strv((const char *const *)exchange->mailbox.aliases);
    mem_strv_free(mailbox.granted);
    mailbox.granted = mem_strv((const char *const *)exchange->granted);
    mailbox.changed_at = exchange->now;
    if (!mailbox.connected_at)
        mailbox.connected_at = exchange->now;
    mailbox.invite++; /* the link was for one consent */
    r = store_mailbox_put(txn, &mailbox);
    if (r == 0)
        r = store_grant_put(txn, mailbox.id, buf_bytes(&exchange->sealed));
    if (r == 0)
        r = claims_forget(txn, mailbox.id);
    if (r == 0) {
        r = store_pulse_get(txn, mailbox.id, &pulse);
        if (r == -ENOENT || (r == 0 && !pulse.since)) {
            pulse.mailbox = mailbox.id;
            pulse.since = exchange->now;
            r = store_pulse_put(txn, &pulse);
        }
    }
    return r < 0 ? r
                 : store_audit_add(txn, exchange->now, "mailbox.connected", mailbox.address, NULL);
}

static void kept(void *arg, int status)
{
    struct exchange *exchange = arg;
    struct mailboxes *mailboxes = exchange->mailboxes;

    if (status < 0) {
        exchange_end(
            exchange, CONNECT_FAILED,
            mem_str("The consent could not be kept on our side. Nothing was stored; please "
                    "open the link again."));
        return;
    }
    account_set(account_of(mailboxes, exchange->mailbox.id, true), exchange->answer.access,
                exchange->answer.expires_in);
    if (mailboxes->options.changed)
        mailboxes->options.changed(mailboxes->options.changed_arg, exchange->mailbox.id);
    exchange_end(exchange, exchange->outcome, mem_str(exchange->text));
}

/* -- who was it? --------------------------------------------------------------------------- */

static bool same_address(const char *a, const char *b)
{
    auto_buf struct buf one = {0}, two = {0};

    return a && b && mail_address_key(a, &one) == 0 && mail_address_key(b, &two) == 0 &&
           strcmp(buf_text(&one), buf_text(&two)) == 0;
}

static bool is_alias(const struct rider_identity *identity, const char *address)
{
    for (size_t i = 0; identity->aliases && identity->aliases[i]; i++)
        if (same_address(identity->aliases[i], address))
            return true;
    return false;
}

/* Revoking one token ends all the grants of that account to us (facts 1.3). */
static bool is_mailbox_here(struct exchange *exchange, const char *address)
{
    auto_read struct store_txn *txn = NULL;
    auto_record(mailbox) other = {0};
    auto_buf struct buf key = {0};
    uint64_t id;

    return address && mail_address_key(address, &key) == 0 &&
           store_read(exchange->mailboxes->options.store, &txn) == 0 &&
           store_mailbox_find(txn, buf_text(&key), &id) == 0 &&
           store_mailbox_get(txn, id, &other) == 0 &&
           (other.status == MAILBOX_ACTIVE || other.status == MAILBOX_PAUSED) &&
           strcmp(other.provider, exchange->mailbox.provider) == 0;
}

/* "Mail.Send" may be granted by its whole name, "https://graph.microsoft.com/Mail.Send"
 * (facts 3.2).
 */
static bool has(char **list, const char *wanted)
{
    for (size_t i = 0; list && list[i]; i++) {
        const char *slash = strstr(wanted, "://") ? NULL : strrchr(list[i], '/');

        if (strcmp(list[i], wanted) == 0 || (slash && strcmp(slash + 1, wanted) == 0))
            return true;
    }
    return false;
}

/* What was asked for and not granted, as a sentence; NULL: all was. */
static char *what_is_missing(const struct exchange *exchange)
{
    auto_buf struct buf text = {0};

    for (size_t i = 0; exchange->oauth->scopes[i]; i++) {
        const char *scope = exchange->oauth->scopes[i];

        if (!is_sign_in(scope) && !has(exchange->granted, scope))
            buf_printf(&text, "%s%s", text.len ? ", " : "Not granted: ", scope);
    }
    return text.len ? buf_take(&text) : NULL;
}

/* Whose limits it shares: where the plugin says that there is such a thing, its id is the surest
 * name. */
static void keep_tenant(struct exchange *exchange, const struct rider_identity *identity)
{
    auto_free char *tid =
        identity->tenant ? id_token_claim(exchange->answer.id_token, "tid") : NULL;

    mem_str_set(&exchange->mailbox.tenant, tid ? tid : identity->tenant);
}

static void keep(struct exchange *exchange, const struct rider_identity *identity)
{
    exchange->text = what_is_missing(exchange);
    exchange->outcome = exchange->text ? CONNECT_NARROW : CONNECT_DONE;
    exchange->now = clock_wall();
    if (identity->subject)
        mem_str_set(&exchange->mailbox.subject, identity->subject);
    mem_str_set(&exchange->mailbox.name, identity->name);
    keep_tenant(exchange, identity);
    mem_strv_free(exchange->mailbox.aliases);
    exchange->mailbox.aliases = mem_strv(identity->aliases);
    if (grant_seal(exchange->mailboxes, exchange->mailbox.id, exchange->answer.refresh,
                   &exchange->sealed) < 0) {
        exchange_end(
            exchange, CONNECT_FAILED,
            mem_str("This mailbox's key is missing on our side. Nothing was stored; ask for "
                    "a new link."));
        return;
    }
    mailboxes_submit(exchange->mailboxes, keep_apply, kept, exchange);
}

static void identified(void *arg, const struct provider_result *result)
{
    struct exchange *exchange = arg;
    const struct rider_identity *identity = result->identity;
    const char *asked = exchange->mailbox.address;

    if (result->failure) {
        exchange_end(
            exchange, CONNECT_FAILED,
            mem_printf("We could not find out whose account it is (%s). Nothing was stored; "
                       "please open the link again.",
                       result->failure->detail ? result->failure->detail : "no answer"));
    } else if (!same_address(identity->address, asked)) {
        bool alias = is_alias(identity, asked);

        exchange->spare = is_mailbox_here(exchange, identity->address);
        exchange_end(exchange, alias ? CONNECT_ALIAS : CONNECT_WRONG_ACCOUNT,
                     mem_printf(alias ? "%s is another name of the account you chose; we need the "
                                        "account's own address. Nothing was stored; tell who "
                                        "sent you the link."
                                      : "You chose another account than %s. Nothing was stored; "
                                        "open the link again and choose that one.",
                                asked));
    } else if (exchange->mailbox.subject && identity->subject &&
               strcmp(exchange->mailbox.subject, identity->subject) != 0) {
        exchange_end(exchange, CONNECT_WRONG_ACCOUNT,
                     mem_str("The address is the same, but the account behind it is a new one. "
                             "Disconnect the mailbox first, then connect it anew."));
    } else {
        keep(exchange, identity);
    }
}

/* -- the code ------------------------------------------------------------------------------ */

static char **split_scopes(const char *text)
{
    char **list = mem_array(strlen(text) / 2 + 2, sizeof(*list));
    size_t count = 0;

    while (*text) {
        size_t len = strcspn(text, " ");

        if (len)
            list[count++] = mem_strn(text, len);
        text += len + (text[len] == ' ');
    }
    return list;
}

/* A session of its own asks who consented; it uses the new token under an id of its own. */
static void ask_identity(struct exchange *exchange)
{
    static uint64_t last;
    struct account *account;
    struct provider_mailbox_info info = {.address = exchange->mailbox.address,
                                         .access = (enum rider_access)exchange->mailbox.access,
                                         .granted = (const char *const *)exchange->granted,
                                         .connected_at = clock_wall()};
    struct provider_memory none = {0};
    auto_buf struct buf error = {0};
    auto_free char *missing = NULL;
    int r;

    exchange->provisional = info.mailbox = PROVISIONAL | ++last;
    account = account_of(exchange->mailboxes, info.mailbox, true);
    account->provisional = true;
    account->user = mem_str(exchange->mailbox.address);
    account_set(account, exchange->answer.access, exchange->answer.expires_in);
    r = provider_session_open(exchange->mailboxes->providers, exchange->mailbox.provider, &info,
                              &none, &error, &exchange->session);
    /* A plugin may also refuse to open what it can do nothing with. */
    if ((r == -ECONNREFUSED && (missing = what_is_missing(exchange))) ||
        (r == 0 && !(provider_session_can(exchange->session) & RIDER_CAN_SEND))) {
        if (!missing)
            missing = what_is_missing(exchange);
        exchange_end(exchange, CONNECT_SCOPE_MISSING,
                     mem_printf("%s%sWithout it no mail can be sent. Nothing was stored; open the "
                                "link again and leave every box ticked.",
                                missing ? missing : "", missing ? ". " : ""));
        return;
    }
    if (r < 0) {
        exchange_end(exchange, CONNECT_FAILED, buf_take(&error));
        return;
    }
    provider_identify(exchange->session, IDENTIFY_MS, identified, exchange);
}

/* -- an administrator must consent first --------------------------------------------------- */

static char *why_it_waits(const struct rider_failure *failure)
{
    return mem_printf("Waiting for your admin: %s.",
                      failure->detail ? failure->detail
                                      : "the organisation's administrator must consent first");
}

/* Of a mailbox that works with what was granted before. */
static const char *not_now(int status, const char *text)
{
    return status == -EALREADY
               ? "The organisation's administrator must consent to this first. What "
                 "was granted before still holds."
               : text;
}

/* That it waits is on disk: the browser goes to the page that says so, under a link of ours. */
static void now_waits(void *arg, int status, uint64_t mailbox, const char *text)
{
    struct exchange *exchange = arg;

    (void)mailbox;
    if (status < 0) {
        exchange_end(exchange, CONNECT_PROVIDER_SAYS_NO, mem_str(not_now(status, text)));
        return;
    }
    exchange->location =
        mailbox_link(exchange->mailboxes, exchange->mailbox.id, exchange->mailbox.invite);
    exchange_end(exchange, exchange->paged ? CONNECT_REDIRECT : CONNECT_WAITING, NULL);
}

static void exchange_waits(struct exchange *exchange, const struct rider_failure *failure)
{
    auto_free char *why = why_it_waits(failure);

    if (exchange->paged) /* who finishes by itself waits already, and says so */
        mailbox_wait(exchange->mailboxes, exchange->mailbox.id, why, now_waits, exchange);
    else
        exchange_end(exchange, CONNECT_WAITING, NULL);
}

static void exchange_failed(struct exchange *exchange)
{
    struct rider_failure failure = {.size = sizeof(failure)};
    enum mailbox_outcome outcome = CONNECT_FAILED;

    provider_oauth_failure(exchange->mailboxes->providers, exchange->mailbox.provider,
                           exchange->answer.error ? exchange->answer.error : "server_error",
                           exchange->answer.suberror, exchange->answer.description, &failure);
    if (waits_for_admin(exchange->mailboxes, &exchange->mailbox, &failure)) {
        exchange_waits(exchange, &failure);
        return;
    }
    /* Who finishes by itself is asked again only for what its owner alone can mend. */
    if (!exchange->paged && (failure.kind != RIDER_AUTH || failure.scope == RIDER_SERVICE))
        outcome = CONNECT_WAITING;
    exchange_end(
        exchange, outcome,
        mem_printf("The sign-in was not completed (%s). Nothing was stored; please open the "
                   "link again.",
                   failure.detail ? failure.detail : "no reason was given"));
}

/* -- signed in early ----------------------------------------------------------------------- */

static int early_apply(struct store_txn *txn, void *arg)
{
    struct exchange *exchange = arg;
    auto_record(mailbox) mailbox = {0};
    int r = store_mailbox_get(txn, exchange->mailbox.id, &mailbox);

    if (r < 0)
        return r;
    if (mailbox.status != MAILBOX_WAITING)
        return -ECANCELED; /* let go, or connected, meanwhile */
    mem_str_set(&mailbox.why, "Waiting for your admin; its owner has signed in, and it goes on by "
                              "itself once they have consented.");
    mailbox.changed_at = exchange->now;
    r = store_mailbox_put(txn, &mailbox);
    if (r == 0)
        r = store_grant_put(txn, mailbox.id, buf_bytes(&exchange->sealed));
    return r < 0 ? r
                 : store_audit_add(txn, exchange->now, "mailbox.signed_in", mailbox.address, NULL);
}

static void early_kept(void *arg, int status)
{
    struct exchange *exchange = arg;
    auto_record(mailbox) mailbox = {0};

    if (status < 0) {
        exchange_end(exchange, CONNECT_FAILED,
                     mem_str("The sign-in could not be kept on our side; please open the link "
                             "again."));
        return;
    }
    if (mailbox_load(exchange->mailboxes, exchange->mailbox.id, &mailbox) == 0)
        consent_finish(exchange->mailboxes, &mailbox); /* perhaps they have consented by now */
    exchange->location =
        mailbox_link(exchange->mailboxes, exchange->mailbox.id, exchange->mailbox.invite);
    exchange_end(exchange, CONNECT_REDIRECT, NULL);
}

/* Nothing may be asked of the provider yet, so the id_token must do; once the administrator has
 * consented, who it really is decides. */
static void keep_early(struct exchange *exchange)
{
    auto_free char *name = id_token_claim(exchange->answer.id_token, "preferred_username");
    auto_free char *email = id_token_claim(exchange->answer.id_token, "email");
    const char *asked = exchange->mailbox.address;

    if (!same_address(name, asked) && !same_address(email, asked)) {
        exchange_end(exchange, CONNECT_WRONG_ACCOUNT,
                     mem_printf("You signed in with another account than %s, or it can't be told "
                                "yet. Nothing was stored; once your administrator has consented, "
                                "open the link again.",
                                asked));
        return;
    }
    exchange->now = clock_wall();
    if (grant_seal(exchange->mailboxes, exchange->mailbox.id, exchange->answer.refresh,
                   &exchange->sealed) < 0) {
        exchange_end(exchange, CONNECT_FAILED,
                     mem_str("This mailbox's key is missing on our side. Nothing was stored; ask "
                             "for a new link."));
        return;
    }
    mailboxes_submit(exchange->mailboxes, early_apply, early_kept, exchange);
}

/* -- the token endpoint's answer ----------------------------------------------------------- */

static const char *answer_fault(const struct exchange *exchange)
{
    struct provider_set *set = exchange->mailboxes->providers;
    const char *client = provider_setting(set, exchange->mailbox.provider, "client_id");
    struct id_token_check check = {.client_id = client ? client : "",
                                   .nonce = exchange->connect ? exchange->connect->nonce : NULL,
                                   .token_url = exchange->oauth->token_url,
                                   .tenant =
                                       provider_setting(set, exchange->mailbox.provider, "tenant"),
                                   .now = clock_wall()};

    return exchange->answer.id_token ? id_token_fault(exchange->answer.id_token, &check) : NULL;
}

static void exchanged(void *arg, const struct http_response *response)
{
    struct exchange *exchange = arg;
    struct token_answer *answer = &exchange->answer;
    const char *fault;

    exchange->call = NULL;
    if (!response->status || !token_answer_parse(answer, response->body) || answer->error ||
        response->status >= 300) {
        exchange_failed(exchange);
        return;
    }
    fault = answer_fault(exchange);
    if (fault || !answer->refresh) {
        exchange_end(
            exchange, CONNECT_FAILED,
            mem_printf("The sign-in can't be used: %s. Nothing was stored; please open the "
                       "link again.",
                       fault ? fault
                             : "no lasting access came with it (what was granted is given back, so "
                               "that the next time counts as the first)"));
        return;
    }
    if (exchange->connect && exchange->connect->early) {
        keep_early(exchange);
        return;
    }
    exchange->granted =
        answer->scope ? split_scopes(answer->scope) : mem_strv(exchange->oauth->scopes);
    ask_identity(exchange);
}

static void exchange_code(struct exchange *exchange, const char *code)
{
    struct mailboxes *mailboxes = exchange->mailboxes;
    auto_free char *redirect = redirect_uri(mailboxes, exchange->connect->provider);
    auto_wiped_buf struct buf form = {0};
    auto_buf struct buf error = {0};
    struct http_request request = {.method = "POST",
                                   .url = exchange->oauth->token_url,
                                   .headers = form_headers,
                                   .timeout_ms = TOKEN_TIMEOUT_MS,
                                   .secret_body = true};

    form_reserve(&form, code);
    form_add(&form, "grant_type", "authorization_code");
    form_add(&form, "code", code);
    form_add(&form, "redirect_uri", redirect);
    form_add(&form, "code_verifier", exchange->connect->verifier);
    if (form_add_client(mailboxes, exchange->connect->provider, &form, &error) < 0) {
        log_error("%s", buf_text(&error));
        exchange_end(exchange, CONNECT_FAILED,
                     mem_str("This service is not set up completely; tell who sent you the link."));
        return;
    }
    request.body = buf_bytes(&form);
    exchange->call = http_start(mailboxes->options.http, &request, exchanged, exchange);
}

/* -- going on by itself -------------------------------------------------------------------- */

static void exchange_left(struct exchange *exchange, struct buf *refresh)
{
    struct mailboxes *mailboxes = exchange->mailboxes;
    auto_wiped_buf struct buf form = {0};
    auto_buf struct buf error = {0};
    struct http_request request = {.method = "POST",
                                   .url = exchange->oauth->token_url,
                                   .headers = form_headers,
                                   .timeout_ms = TOKEN_TIMEOUT_MS,
                                   .secret_body = true};

    form_reserve(&form, buf_text(refresh));
    form_add(&form, "grant_type", "refresh_token");
    form_add(&form, "refresh_token", buf_text(refresh));
    add_scopes(&form, exchange->oauth, false);
    if (form_add_client(mailboxes, exchange->mailbox.provider, &form, &error) < 0) {
        log_error("%s", buf_text(&error));
        exchange_end(exchange, CONNECT_WAITING, NULL);
        return;
    }
    request.body = buf_bytes(&form);
    exchange->call = http_start(mailboxes->options.http, &request, exchanged, exchange);
}

static bool is_finishing(struct mailboxes *mailboxes, uint64_t mailbox)
{
    LIST_EACH (node, &mailboxes->exchanges) {
        struct exchange *exchange = LIST_ENTRY(node, struct exchange, node);

        if (!exchange->paged && exchange->mailbox.id == mailbox)
            return true;
    }
    return false;
}

void consent_finish(struct mailboxes *mailboxes, const struct mailbox *mailbox)
{
    auto_wiped_buf struct buf refresh = {0};
    struct exchange *exchange;

    if (is_finishing(mailboxes, mailbox->id) ||
        grant_unseal(mailboxes, mailbox->id, &refresh) < 0 || !refresh.len)
        return;
    exchange = exchange_new(mailboxes, NULL, NULL, NULL);
    if (mailbox_load(mailboxes, mailbox->id, &exchange->mailbox) < 0 ||
        provider_oauth(mailboxes->providers, exchange->mailbox.provider,
                       (enum rider_access)exchange->mailbox.access, &exchange->oauth) < 0 ||
        !exchange->oauth->token_url)
        exchange_free(exchange);
    else
        exchange_left(exchange, &refresh);
}

/* -- the callback -------------------------------------------------------------------------- */

static bool same_browser(const struct connect *connect, const char *cookie)
{
    auto_free char *value = cookie_value(cookie, "rider_connect");
    uint8_t digest[32], different = 0;

    if (!value)
        return false;
    seal_digest(value, strlen(value), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        different |= (uint8_t)(digest[i] ^ connect->browser[i]);
    return !different;
}

static void refuse(struct mailboxes *mailboxes, mailbox_paged *paged, void *arg,
                   enum mailbox_outcome outcome, const char *text)
{
    struct later *later = later_new(mailboxes, paged, arg);

    later->text = mem_str(text);
    later_show(later, outcome);
}

static void no_waits(void *arg, int status, uint64_t mailbox, const char *text)
{
    struct later *later = arg;

    if (status < 0) {
        later->text = mem_str(not_now(status, text));
        later_show(later, CONNECT_PROVIDER_SAYS_NO);
        return;
    }
    later->location = mailbox_link(later->mailboxes, mailbox, later->mailbox.invite);
    later_show(later, CONNECT_REDIRECT);
}

static void provider_said_no(struct mailboxes *mailboxes, struct connect *connect,
                             const char *query, const char *error, mailbox_paged *paged, void *arg)
{
    struct later *later = later_new(mailboxes, paged, arg);
    auto_free char *description = query_value(query, "error_description");
    struct rider_failure failure = {.size = sizeof(failure)};

    mailbox_load(mailboxes, connect->mailbox, &later->mailbox);
    provider_oauth_failure(mailboxes->providers, connect->provider, error, NULL, description,
                           &failure);
    if (waits_for_admin(mailboxes, &later->mailbox, &failure)) {
        auto_free char *why = why_it_waits(&failure);

        mailbox_wait(mailboxes, connect->mailbox, why, no_waits, later);
        return;
    }
    if (strcmp(error, "access_denied") == 0) {
        later_show(later, CONNECT_CANCELLED);
        return;
    }
    later->text =
        mem_printf("%.60s: %s", error, failure.detail ? failure.detail : "no more is said");
    later_show(later, CONNECT_PROVIDER_SAYS_NO);
}

void mailbox_callback(struct mailboxes *mailboxes, const char *provider, const char *query,
                      const char *cookie, mailbox_paged *paged, void *arg)
{
    auto_free char *state = query_value(query, "state"), *error = query_value(query, "error");
    struct connect *connect = state ? map_take_str(&mailboxes->connects, state) : NULL;
    char *code = query_value(query, "code");
    struct exchange *exchange;

    if (!connect || clock_monotonic() - connect->made > STATE_MS) {
        refuse(mailboxes, paged, arg, CONNECT_STATE_UNKNOWN, NULL);
    } else if (strcmp(connect->provider, provider) != 0 || !same_browser(connect, cookie)) {
        refuse(mailboxes, paged, arg, CONNECT_STATE_FOREIGN, NULL);
    } else if (error || !code) {
        provider_said_no(mailboxes, connect, query, error ? error : "no code came", paged, arg);
    } else {
        exchange = exchange_new(mailboxes, connect, paged, arg);
        connect = NULL;
        if (mailbox_load(mailboxes, exchange->connect->mailbox, &exchange->mailbox) < 0 ||
            exchange->mailbox.status == MAILBOX_DISCONNECTED ||
            provider_oauth(mailboxes->providers, provider,
                           (enum rider_access)exchange->mailbox.access, &exchange->oauth) < 0 ||
            !exchange->oauth->token_url) {
            refuse(mailboxes, paged, arg, CONNECT_LINK_BAD, NULL);
            exchange_free(exchange);
        } else {
            exchange_code(exchange, code);
        }
    }
    mem_wipe_str(&code);
    if (connect)
        connect_free(connect);
}
