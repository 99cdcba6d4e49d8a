/* mailbox/life.c: mailboxes from being asked for to being let go. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mailbox/internal.h"
#include "net/loop.h"
#include "seal/seal.h"

#include <errno.h>
#include <string.h>

static const int64_t LINK_MS = 7 * 24 * 3600 * 1000LL, PROOF_MS = 2 * 60 * 1000;

const char *mailbox_status_name(int32_t status)
{
    static const char *const names[] = {"unknown",
                                        "pending",
                                        "active",
                                        "reconnect needed",
                                        "paused",
                                        "disconnected",
                                        "waiting for your admin"};

    return status > 0 && (size_t)status < ARRAY_LEN(names) ? names[status] : names[0];
}

/* -- the room itself ----------------------------------------------------------------------- */

struct mailboxes *mailboxes_new(const struct mailboxes_options *options)
{
    struct mailboxes *mailboxes = mem_new(sizeof(*mailboxes));

    mailboxes->options = *options;
    mailboxes->base_url = mem_str(options->base_url);
    mailboxes->options.base_url = mailboxes->base_url;
    if (!mailboxes->options.proof_ms)
        mailboxes->options.proof_ms = PROOF_MS;
    list_init(&mailboxes->exchanges);
    list_init(&mailboxes->trials);
    list_init(&mailboxes->logins);
    list_init(&mailboxes->searches);
    return mailboxes;
}

void mailboxes_free(struct mailboxes *mailboxes)
{
    if (!mailboxes)
        return;
    logins_forget(mailboxes);
    map_finish(&mailboxes->accounts, account_free);
    connects_forget(mailboxes);
    loop_timer_free(mailboxes->look);
    trials_forget(mailboxes);
    searches_forget(mailboxes);
    free(mailboxes->base_url);
    free(mailboxes);
}

void mailboxes_set_providers(struct mailboxes *mailboxes, struct provider_set *set)
{
    mailboxes->providers = set;
    if (set)
        waits_watch(mailboxes);
}

struct submit {
    struct mailboxes *mailboxes;
    store_apply *apply;
    store_done *done;
    void *arg;
};

static int submit_apply(struct store_txn *txn, void *arg)
{
    struct submit *submit = arg;

    return submit->apply(txn, submit->arg);
}

static void submit_done(void *arg, int status)
{
    struct submit *submit = arg;

    submit->done(submit->arg, status);
    loop_busy(submit->mailboxes->options.loop, -1);
    free(submit);
}

void mailboxes_submit(struct mailboxes *mailboxes, store_apply *apply, store_done *done, void *arg)
{
    struct submit *submit = mem_new(sizeof(*submit));

    *submit = (struct submit){mailboxes, apply, done, arg};
    loop_busy(mailboxes->options.loop, 1);
    store_submit(mailboxes->options.store, submit_apply, submit_done, submit);
}

int mailbox_load(struct mailboxes *mailboxes, uint64_t id, struct mailbox *mailbox_r)
{
    auto_read struct store_txn *txn = NULL;
    int r = store_read(mailboxes->options.store, &txn);

    return r < 0 ? r : store_mailbox_get(txn, id, mailbox_r);
}

/* -- changes ------------------------------------------------------------------------------- */

enum change_kind {
    CHANGE_ADD,
    CHANGE_INVITE,
    CHANGE_PAUSE,
    CHANGE_RESUME,
    CHANGE_REFUSED,
    CHANGE_DISCONNECT,
    CHANGE_WAIT,
    CHANGE_AGAIN
};

struct change {
    struct mailboxes *mailboxes;
    enum change_kind kind;
    uint64_t id;
    struct mailbox wanted; /* CHANGE_ADD */
    char **settings;       /* CHANGE_ADD, of a mailbox by secret; kept once there is a key */
    bool by_secret;
    struct buf sealed; /* the settings; CHANGE_REFUSED: what the next sign-in must satisfy */
    char *why;
    int64_t now;
    mailbox_done *done;
    void *arg;
    int fault; /* found before the store was asked; 0: none */
    /* given back */
    uint64_t invite;
    struct buf error;
    int undone; /* CHANGE_DISCONNECT: why the key could not be destroyed */
};

static void change_free(struct change *change)
{
    record_mailbox_finish(&change->wanted);
    mem_strv_free(change->settings);
    buf_finish(&change->sealed);
    buf_finish(&change->error);
    free(change->why);
    free(change);
}

static struct change *change_new(struct mailboxes *mailboxes, enum change_kind kind, uint64_t id,
                                 mailbox_done *done, void *arg)
{
    struct change *change = mem_new(sizeof(*change));

    change->mailboxes = mailboxes;
    change->kind = kind;
    change->id = id;
    change->now = clock_wall();
    change->done = done;
    change->arg = arg;
    return change;
}

/* An address that was let go may be asked for again: its ledger is under the same id. */
static int apply_add(struct store_txn *txn, struct change *change)
{
    auto_record(mailbox) there = {0};
    struct mailbox *wanted = &change->wanted;
    uint64_t id;
    int r = store_mailbox_find(txn, wanted->key, &id);

    if (r == 0)
        r = store_mailbox_get(txn, id, &there);
    if (r == 0 && there.status != MAILBOX_DISCONNECTED &&
        !(change->by_secret && there.status == MAILBOX_PENDING && !there.connected_at)) {
        buf_printf(&change->error,
                   "%s is here already (%s); for a new link: postrider mailbox invite %s",
                   wanted->address, mailbox_status_name(there.status), wanted->address);
        return -EEXIST;
    }
    wanted->id = there.id;
    wanted->invite = there.invite + 1;
    if (r == -ENOENT)
        r = store_next_id(txn, SEQ_MAILBOX, &wanted->id);
    if (r < 0)
        return r;
    change->id = wanted->id;
    change->invite = wanted->invite;
    r = store_grant_del(txn, wanted->id);
    if (r == 0)
        r = store_mailbox_put(txn, wanted);
    return r < 0 ? r : store_audit_add(txn, change->now, "mailbox.added", wanted->address, NULL);
}

/* No plugin's key: those are printable. */
static const char claims_key[] = "\001claims";

int claims_forget(struct store_txn *txn, uint64_t mailbox)
{
    return store_memory_put(txn, mailbox, claims_key, (struct bytes){NULL, 0});
}

char *claims_load(struct mailboxes *mailboxes, uint64_t mailbox)
{
    auto_read struct store_txn *txn = NULL;
    auto_buf struct buf sealed = {0}, claims = {0};

    if (store_read(mailboxes->options.store, &txn) < 0 ||
        store_memory_get(txn, mailbox, claims_key, &sealed) < 0 || !sealed.len ||
        seal_unbox(mailboxes->options.seal, mailbox, claims_key, buf_bytes(&sealed), &claims) < 0)
        return NULL;
    return mem_str(buf_text(&claims));
}

static int apply_disconnect(struct store_txn *txn, struct mailbox *mailbox)
{
    int r = store_grant_del(txn, mailbox->id);

    if (r == 0)
        r = store_mailbox_wipe(txn, mailbox->id);
    mailbox->status = MAILBOX_DISCONNECTED;
    mem_str_set(&mailbox->subject, NULL);
    mem_str_set(&mailbox->name, NULL);
    mem_str_set(&mailbox->tenant, NULL);
    mem_strv_free(mailbox->aliases);
    mem_strv_free(mailbox->granted);
    mailbox->aliases = mailbox->granted = NULL;
    return r;
}

static int refuse(struct change *change, const struct mailbox *mailbox, const char *text)
{
    buf_printf(&change->error, "%s is %s: %s", mailbox->address,
               mailbox_status_name(mailbox->status), text);
    return -EINVAL;
}

/* What was granted before is of no use; what its owner grants while it waits is kept. */
static int apply_wait(struct store_txn *txn, struct mailbox *mailbox)
{
    if (mailbox->status == MAILBOX_WAITING)
        return 0;
    if (mailbox->status != MAILBOX_PENDING && mailbox->status != MAILBOX_RECONNECT)
        return -EALREADY;
    mailbox->status = MAILBOX_WAITING;
    return store_grant_del(txn, mailbox->id);
}

static int apply_status(struct store_txn *txn, struct change *change, struct mailbox *mailbox)
{
    switch (change->kind) {
    case CHANGE_INVITE:
        if (mailbox->status == MAILBOX_DISCONNECTED)
            return refuse(change, mailbox, "add it again instead of inviting its owner");
        mailbox->invite++;
        return 0;
    case CHANGE_PAUSE:
        if (mailbox->status != MAILBOX_ACTIVE)
            return refuse(change, mailbox, "only an active mailbox can be paused");
        mailbox->status = MAILBOX_PAUSED;
        return 0;
    case CHANGE_RESUME:
        if (mailbox->status != MAILBOX_PAUSED)
            return refuse(change, mailbox, "only a paused mailbox can be resumed");
        mailbox->status = MAILBOX_ACTIVE;
        return 0;
    case CHANGE_REFUSED:
        if (mailbox->status != MAILBOX_ACTIVE && mailbox->status != MAILBOX_PAUSED)
            return -EALREADY;
        mailbox->status = MAILBOX_RECONNECT;
        return change->sealed.len
                   ? store_memory_put(txn, change->id, claims_key, buf_bytes(&change->sealed))
                   : 0;
    case CHANGE_WAIT:
        return apply_wait(txn, mailbox);
    case CHANGE_AGAIN:
        if (mailbox->status != MAILBOX_WAITING)
            return -EALREADY;
        mailbox->status = MAILBOX_PENDING;
        return store_grant_del(txn, mailbox->id);
    default:
        return apply_disconnect(txn, mailbox);
    }
}

static int change_apply(struct store_txn *txn, void *arg)
{
    static const char *const verbs[] = {
        "mailbox.added",   "mailbox.invited",      "mailbox.paused",  "mailbox.resumed",
        "mailbox.refused", "mailbox.disconnected", "mailbox.waiting", "mailbox.asked_again"};
    struct change *change = arg;
    auto_record(mailbox) mailbox = {0};
    int r;

    buf_truncate(&change->error, 0);
    if (change->kind == CHANGE_ADD)
        return apply_add(txn, change);
    r = store_mailbox_get(txn, change->id, &mailbox);
    if (r == -ENOENT)
        buf_add_str(&change->error, "there is no such mailbox; see: postrider mailbox list");
    if (r == 0)
        r = apply_status(txn, change, &mailbox);
    if (r < 0)
        return r;
    if (change->kind != CHANGE_INVITE) /* the status is as it was, and so is why */
        mem_str_set(&mailbox.why, change->why);
    mailbox.changed_at = change->now;
    change->invite = mailbox.invite;
    r = store_mailbox_put(txn, &mailbox);
    return r < 0 ? r
                 : store_audit_add(txn, change->now, verbs[change->kind], mailbox.address,
                                   change->why);
}

char *mailbox_link(struct mailboxes *mailboxes, uint64_t mailbox, uint64_t invite)
{
    auto_buf struct buf token = {0};

    seal_link(mailboxes->options.seal, "invite", mailbox, invite, clock_wall() + LINK_MS, &token);
    return mem_printf("%s/connect/%s", mailboxes->base_url, buf_text(&token));
}

static void tell_changed(struct mailboxes *mailboxes, uint64_t id)
{
    if (mailboxes->options.changed)
        mailboxes->options.changed(mailboxes->options.changed_arg, id);
}

static void change_tell(struct change *change, int status)
{
    bool invites = change->kind == CHANGE_ADD || change->kind == CHANGE_INVITE;
    auto_free char *link =
        status == 0 && invites ? mailbox_link(change->mailboxes, change->id, change->invite) : NULL;

    if (status < 0 && !change->error.len)
        buf_printf(&change->error, "it could not be kept: %s", strerror(-status));
    if (status == 0 && change->kind != CHANGE_INVITE)
        tell_changed(change->mailboxes, change->id);
    if (change->done)
        change->done(change->arg, status, change->id,
                     link                ? link
                     : change->error.len ? buf_text(&change->error)
                                         : change->why);
    change_free(change);
}

static int settings_apply(struct store_txn *txn, void *arg)
{
    const struct change *change = arg;

    return store_grant_put(txn, change->id, buf_bytes(&change->sealed));
}

static void settings_done(void *arg, int status)
{
    change_tell(arg, status);
}

static void change_done(void *arg, int status)
{
    struct change *change = arg;
    bool invites = change->kind == CHANGE_ADD || change->kind == CHANGE_INVITE;

    if (status == 0 && invites) { /* also where an end between the two left no key */
        status = seal_mailbox_create(change->mailboxes->options.seal, change->id);
        if (status < 0)
            buf_printf(
                &change->error,
                "the mailbox is here, but its key can't be made (%s); mend that, then invite "
                "its owner again",
                strerror(-status));
    }
    if (status == 0 && change->settings)
        status = secret_seal(change->mailboxes, change->id, (const char *const *)change->settings,
                             NULL, &change->sealed);
    if (status == 0 && change->settings && change->sealed.len)
        mailboxes_submit(change->mailboxes, settings_apply, settings_done, change);
    else
        change_tell(change, status);
}

static int refused_apply(struct store_txn *txn, void *arg)
{
    const struct change *change = arg;

    (void)txn;
    return change->fault;
}

static void change_submit(struct change *change)
{
    mailboxes_submit(change->mailboxes, change->fault ? refused_apply : change_apply, change_done,
                     change);
}

static void check_ask(struct change *change, const struct mailbox_ask *ask)
{
    struct provider_about about;
    struct rider_oauth *oauth = NULL;
    const char *fault = ask->address ? mail_address_fault(ask->address) : "there is none";

    if (fault) {
        buf_printf(&change->error, "\"%.100s\" is no mailbox's address: %s",
                   ask->address ? ask->address : "", fault);
    } else if (!ask->provider ||
               provider_about(change->mailboxes->providers, ask->provider, &about) < 0) {
        buf_printf(&change->error, "no provider is called \"%.60s\"; see: postrider provider list",
                   ask->provider ? ask->provider : "");
    } else if (change->by_secret && ask->access >= RIDER_ACCESS_SEND &&
               ask->access <= RIDER_ACCESS_FULL) {
        settings_fault(change->mailboxes, ask->provider, ask->settings, &change->error);
    } else if (ask->settings && *ask->settings) {
        buf_printf(&change->error,
                   "mailboxes at %s have no settings of their own: what it needs is in the config, "
                   "under providers.%s",
                   about.title, ask->provider);
    } else if (provider_oauth(change->mailboxes->providers, ask->provider,
                              (enum rider_access)ask->access, &oauth) < 0) {
        buf_printf(&change->error, "%s does not offer this access; it is send, headers or full",
                   about.title);
    }
    provider_oauth_free(oauth);
}

void mailbox_add(struct mailboxes *mailboxes, const struct mailbox_ask *ask, mailbox_done *done,
                 void *arg)
{
    struct change *change = change_new(mailboxes, CHANGE_ADD, 0, done, arg);
    struct mailbox *wanted = &change->wanted;
    auto_buf struct buf key = {0};

    change->by_secret = mailbox_by_secret(mailboxes, ask->provider);
    check_ask(change, ask);
    if (change->error.len || mail_address_key(ask->address, &key) < 0) {
        change->fault = -EINVAL;
    } else {
        wanted->address = mem_str(ask->address);
        wanted->key = buf_take(&key);
        wanted->provider = mem_str(ask->provider);
        wanted->zone = mem_str(ask->zone);
        wanted->access = ask->access;
        wanted->promise = ask->promise ? ask->promise : PROMISE_STRICT;
        wanted->status = MAILBOX_PENDING;
        wanted->why = mem_str(change->by_secret ? "Its secret was not given yet."
                                                : "Its owner has not consented yet.");
        if (change->by_secret && ask->settings && *ask->settings)
            change->settings = mem_strv(ask->settings);
        wanted->created_at = wanted->changed_at = change->now;
    }
    change_submit(change);
}

void mailbox_invite(struct mailboxes *mailboxes, uint64_t mailbox, mailbox_done *done, void *arg)
{
    change_submit(change_new(mailboxes, CHANGE_INVITE, mailbox, done, arg));
}

void mailbox_pause(struct mailboxes *mailboxes, uint64_t mailbox, bool paused, mailbox_done *done,
                   void *arg)
{
    struct change *change =
        change_new(mailboxes, paused ? CHANGE_PAUSE : CHANGE_RESUME, mailbox, done, arg);

    change->why = mem_str(paused ? "Paused by its operator." : NULL);
    change_submit(change);
}

void refuse_for_good(struct mailboxes *mailboxes, uint64_t mailbox, const char *why,
                     const char *claims)
{
    struct change *change = change_new(mailboxes, CHANGE_REFUSED, mailbox, NULL, NULL);
    struct account *account = account_of(mailboxes, mailbox, true);

    account_forget(mailboxes, mailbox);
    if (claims)
        seal_box(mailboxes->options.seal, mailbox, claims_key,
                 (struct bytes){claims, strlen(claims)}, &change->sealed);
    change->why = mem_str(why ? why : "The provider refused our credentials.");
    log_write(account->refused ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
              "mailbox %llu: its owner must sign in again: %s", (unsigned long long)mailbox,
              change->why);
    account->refused = true; /* each that was under way comes here too */
    change_submit(change);
}

void mailbox_refused(struct mailboxes *mailboxes, uint64_t mailbox, const char *why)
{
    refuse_for_good(mailboxes, mailbox, why, NULL);
}

bool mailbox_challenged(struct mailboxes *mailboxes, uint64_t mailbox, const char *why,
                        const char *claims)
{
    if (account_challenge(mailboxes, mailbox, claims))
        return true;
    refuse_for_good(mailboxes, mailbox, why, claims);
    return false;
}

void mailbox_wait(struct mailboxes *mailboxes, uint64_t mailbox, const char *why,
                  mailbox_done *done, void *arg)
{
    struct change *change = change_new(mailboxes, CHANGE_WAIT, mailbox, done, arg);

    change->why = mem_str(why);
    waits_watch(mailboxes);
    change_submit(change);
}

void mailbox_ask_again(struct mailboxes *mailboxes, uint64_t mailbox, const char *why)
{
    struct change *change = change_new(mailboxes, CHANGE_AGAIN, mailbox, NULL, NULL);

    account_forget(mailboxes, mailbox);
    change->why = mem_str(why);
    change_submit(change);
}

/* -- letting go ---------------------------------------------------------------------------- */

static void disconnected(void *arg, int status)
{
    struct change *change = arg;

    account_forget(change->mailboxes, change->id);
    if (status == 0 && change->undone < 0) {
        status = change->undone;
        buf_printf(
            &change->error,
            "the mailbox is disconnected, but its key file could not be destroyed (%s); mend "
            "that, then disconnect it again",
            strerror(-status));
        tell_changed(change->mailboxes, change->id);
    }
    change_done(change, status);
}

/* The key goes first: whatever happens then, nothing sealed with it is ever read again. */
static void let_go(void *arg, bool ended, const char *said)
{
    struct change *change = arg;

    (void)ended;
    change->why = mem_str(said);
    account_forget(change->mailboxes, change->id);
    change->undone = seal_mailbox_destroy(change->mailboxes->options.seal, change->id);
    mailboxes_submit(change->mailboxes, change_apply, disconnected, change);
}

void mailbox_disconnect(struct mailboxes *mailboxes, uint64_t mailbox, mailbox_done *done,
                        void *arg)
{
    struct change *change = change_new(mailboxes, CHANGE_DISCONNECT, mailbox, done, arg);
    auto_record(mailbox) record = {0};
    auto_wiped_buf struct buf refresh = {0};

    change->fault = mailbox_load(mailboxes, mailbox, &record);
    if (change->fault == -ENOENT)
        buf_add_str(&change->error, "there is no such mailbox; see: postrider mailbox list");
    if (change->fault < 0)
        change_submit(change);
    else if (grant_unseal(mailboxes, mailbox, &refresh) == 0 && refresh.len)
        grant_revoke(mailboxes, record.provider, record.access, buf_text(&refresh), let_go, change);
    else if (secret_unseal(mailboxes, mailbox, NULL, NULL) == 0)
        let_go(
            change, true,
            "Its secret was destroyed here; where it is an app password, its owner can end it in "
            "the account's settings.");
    else
        let_go(change, true, "There was no grant to revoke.");
}
