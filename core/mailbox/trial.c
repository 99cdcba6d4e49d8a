/* mailbox/trial.c: a mailbox is asked who it is, with a secret that was just given or what is kept;
 * and what is then kept of it. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mailbox/internal.h"
#include "net/loop.h"
#include "provider/session.h"

#include <errno.h>
#include <string.h>

enum { IDENTIFY_MS = 60000 };

struct trial *trial_new(struct mailboxes *mailboxes, void (*over)(struct trial *trial), void *arg)
{
    struct trial *trial = mem_new(sizeof(*trial));

    trial->mailboxes = mailboxes;
    trial->over = over;
    trial->arg = arg;
    list_add(&mailboxes->trials, &trial->node);
    loop_busy(mailboxes->options.loop, 1);
    return trial;
}

static void trial_free(struct trial *trial)
{
    struct loop *loop = trial->mailboxes->options.loop;

    list_remove(&trial->node);
    if (trial->provisional)
        account_drop(trial->mailboxes, trial->provisional);
    loop_timer_free(trial->timer);
    record_mailbox_finish(&trial->mailbox);
    mem_strv_free(trial->settings);
    buf_wipe(&trial->sealed);
    buf_finish(&trial->cursor);
    free(trial->text);
    free(trial);
    loop_busy(loop, -1);
}

/* Their sessions went with the providers. Nobody is told any more. */
void trials_forget(struct mailboxes *mailboxes)
{
    while (!list_empty(&mailboxes->trials))
        trial_free(LIST_ENTRY(mailboxes->trials.next, struct trial, node));
}

static void trial_over(void *arg)
{
    struct trial *trial = arg;

    trial->session = NULL;
    list_remove(&trial->node); /* who is told may try it again */
    trial->over(trial);
    trial_free(trial);
}

void trial_end(struct trial *trial, int status, char *text)
{
    trial->report.status = status;
    free(trial->text);
    trial->text = text;
    if (trial->session)
        provider_session_close(trial->session, trial_over, trial);
    else
        loop_post(trial->mailboxes->options.loop, trial_over, trial);
}

/* -- keeping ------------------------------------------------------------------------------- */

struct keeping {
    struct trial *trial;
    uint64_t id;
    int32_t status;
    char *why;
    struct buf sealed;
    struct mailbox found; /* name, tenant, aliases */
    bool knows;           /* what was found */
    int64_t now;
    void (*then)(struct trial *trial, int result);
};

static void keeping_free(struct keeping *keeping)
{
    record_mailbox_finish(&keeping->found);
    buf_wipe(&keeping->sealed);
    free(keeping->why);
    free(keeping);
}

static int begin_pulse(struct store_txn *txn, uint64_t mailbox, int64_t now)
{
    auto_record(mailbox_pulse) pulse = {0};
    int r = store_pulse_get(txn, mailbox, &pulse);

    if ((r < 0 && r != -ENOENT) || (r == 0 && pulse.since))
        return r;
    pulse.mailbox = mailbox;
    pulse.since = now;
    return store_pulse_put(txn, &pulse);
}

static void take_found(struct mailbox *mailbox, const struct mailbox *found)
{
    mem_str_set(&mailbox->name, found->name);
    mem_str_set(&mailbox->tenant, found->tenant);
    mem_strv_free(mailbox->aliases);
    mailbox->aliases = mem_strv((const char *const *)found->aliases);
}

static int keep_apply(struct store_txn *txn, void *arg)
{
    const struct keeping *keeping = arg;
    auto_record(mailbox) mailbox = {0};
    bool active = keeping->status == MAILBOX_ACTIVE;
    int r = store_mailbox_get(txn, keeping->id, &mailbox);

    if (r < 0)
        return r;
    if (mailbox.status == MAILBOX_DISCONNECTED)
        return -ECANCELED; /* let go meanwhile */
    if (keeping->knows)
        take_found(&mailbox, &keeping->found);
    if (mailbox.status != MAILBOX_PAUSED && keeping->status) {
        mailbox.status = keeping->status;
        mem_str_set(&mailbox.why, keeping->why);
    }
    if (active && !mailbox.connected_at)
        mailbox.connected_at = keeping->now;
    if (keeping->sealed.len)
        mailbox.invite++; /* the link was for one secret */
    mailbox.changed_at = keeping->now;
    r = store_mailbox_put(txn, &mailbox);
    if (r == 0 && keeping->sealed.len)
        r = store_grant_put(txn, mailbox.id, buf_bytes(&keeping->sealed));
    if (r == 0 && active)
        r = begin_pulse(txn, mailbox.id, keeping->now);
    return r < 0
               ? r
               : store_audit_add(txn, keeping->now, active ? "mailbox.connected" : "mailbox.tried",
                                 mailbox.address, keeping->why);
}

static void kept(void *arg, int result)
{
    struct keeping *keeping = arg;
    struct mailboxes *mailboxes = keeping->trial->mailboxes;
    struct account *account = account_of(mailboxes, keeping->id, false);

    if (result == 0 && account && keeping->status == MAILBOX_ACTIVE)
        account->refused = false; /* the next refusal is news */
    if (result == 0 && mailboxes->options.changed)
        mailboxes->options.changed(mailboxes->options.changed_arg, keeping->id);
    keeping->then(keeping->trial, result);
    keeping_free(keeping);
}

void trial_keep(struct trial *trial, int32_t status, const char *why,
                void (*then)(struct trial *trial, int result))
{
    struct keeping *keeping = mem_new(sizeof(*keeping));

    keeping->trial = trial;
    keeping->id = trial->mailbox.id;
    keeping->status = status;
    keeping->why = mem_str(why);
    keeping->now = clock_wall();
    keeping->then = then;
    keeping->knows = trial->accepted;
    if (keeping->knows)
        take_found(&keeping->found, &trial->mailbox);
    keeping->sealed = trial->sealed; /* moved: it is kept once */
    trial->sealed = (struct buf){0};
    mailboxes_submit(trial->mailboxes, keep_apply, kept, keeping);
}

/* -- who it is ----------------------------------------------------------------------------- */

static void not_kept(struct trial *trial, int result)
{
    trial_end(trial, result,
              mem_printf("%s signs in, but that could not be kept here (%s); mend that, then try "
                         "again",
                         trial->mailbox.address, strerror(-result)));
}

static void connected(struct trial *trial, int result)
{
    if (result < 0) {
        not_kept(trial, result);
        return;
    }
    if (trial->signed_in)
        trial->signed_in(trial);
    trial_end(trial, 0, mem_printf("%s is connected.", trial->mailbox.address));
}

static void to_be_proved(struct trial *trial, int result)
{
    if (result < 0) {
        not_kept(trial, result);
        return;
    }
    if (trial->signed_in)
        trial->signed_in(trial);
    proof_start(trial);
}

static bool same_address(const char *a, const char *b)
{
    auto_buf struct buf one = {0}, two = {0};

    return mail_address_key(a, &one) == 0 && mail_address_key(b, &two) == 0 &&
           strcmp(buf_text(&one), buf_text(&two)) == 0;
}

static void accepted(struct trial *trial)
{
    int32_t status = trial->mailbox.status;

    trial->accepted = true;
    if (trial->prove) {
        auto_free char *why = mem_printf("It signs in; a mail to itself was not seen to arrive "
                                         "yet. Try again: postrider mailbox check %s",
                                         trial->mailbox.address);

        trial_keep(trial, MAILBOX_PENDING, why, to_be_proved);
    } else if (trial->sealed.len ||
               (trial->settings && status == MAILBOX_RECONNECT) /* taken again */) {
        trial_keep(trial, MAILBOX_ACTIVE, NULL, connected);
    } else {
        trial_end(trial, 0,
                  mem_printf("%s answers at %s.", trial->mailbox.address, trial->mailbox.provider));
    }
}

/* A failure's own words inside a sentence of ours, whose last "; " is before what to do. */
char *trial_detail(const struct rider_failure *failure)
{
    char *text = mem_str(failure->detail && *failure->detail ? failure->detail : "no reason given");

    for (char *at = text; (at = strstr(at, "; "));)
        *at = ',';
    return text;
}

void trial_end_as_said(struct trial *trial, int result)
{
    trial_end(trial, result < 0 ? result : trial->report.status, mem_str(trial->text));
}

/* What is kept is no longer good: nothing is to be sent until its owner acts. Takes text. */
static void end_refused(struct trial *trial, char *text)
{
    trial->report.status = -EACCES;
    free(trial->text);
    trial->text = text;
    if (!trial->sealed.len && trial->mailbox.status == MAILBOX_ACTIVE)
        trial_keep(trial, MAILBOX_RECONNECT, text, trial_end_as_said);
    else
        trial_end_as_said(trial, 0);
}

/* Its kind says that waiting may help, as a server can be mended; whoever connects it had better
 * know. By its words (net/stream_text.c, libcurl's), for a failure has no kind of its own for it.
 */
static bool is_tls_fault(const char *detail)
{
    return strstr(detail, "certificate") || strstr(detail, "TLS") || strstr(detail, "SSL");
}

/* What went wrong, as a person can act on it. */
static void refused(struct trial *trial, const struct rider_failure *failure)
{
    const char *address = trial->mailbox.address, *provider = trial->mailbox.provider;
    auto_free char *detail = trial_detail(failure);
    const char *nothing = trial->sealed.len ? " Nothing was kept" : " What is kept stays as it is";
    bool unsafe = failure->kind != RIDER_AUTH && is_tls_fault(detail);

    switch (unsafe ? RIDER_PERMANENT : failure->kind) {
    case RIDER_AUTH:
        end_refused(trial,
                    mem_printf("%s refused the user name or the secret of %s (%s).%s; give it "
                               "the right one, which is an app password at some: postrider "
                               "mailbox secret %s",
                               provider, address, detail, nothing, address));
        break;
    case RIDER_TRANSIENT:
    case RIDER_THROTTLED:
    case RIDER_CANCELLED:
        trial_end(trial, -EHOSTUNREACH,
                  mem_printf("%s could not be reached for %s (%s).%s; check the names and ports of "
                             "its servers, then try again",
                             provider, address, detail, nothing));
        break;
    default:
        trial_end(trial, -EPROTO,
                  mem_printf("%s can't be spoken to %sfor %s (%s).%s; check the names, ports and "
                             "certificates of its servers",
                             provider, unsafe ? "safely " : "", address, detail, nothing));
    }
}

static void identified(void *arg, const struct provider_result *result)
{
    struct trial *trial = arg;
    const struct rider_identity *identity = result->identity;

    trial->report.took = clock_monotonic() - trial->began;
    if (result->failure) {
        refused(trial, result->failure);
        return;
    }
    if (identity->address && !same_address(identity->address, trial->mailbox.address)) {
        trial_end(trial, -EPERM,
                  mem_printf("that signs in as %s, which is not %s. Nothing was kept; give the "
                             "secret of the right account",
                             identity->address, trial->mailbox.address));
        return;
    }
    mem_str_set(&trial->mailbox.name, identity->name);
    mem_str_set(&trial->mailbox.tenant, identity->tenant);
    mem_strv_free(trial->mailbox.aliases);
    trial->mailbox.aliases = mem_strv(identity->aliases);
    trial->report.can = provider_session_can(trial->session);
    accepted(trial);
}

/* Under an id of its own, so that what already runs goes on with what is kept. */
static void lend_secret(struct trial *trial, const char *secret)
{
    static uint64_t last;
    const char *user = setting_of((const char *const *)trial->settings, "user");
    struct account *account;

    trial->provisional = PROVISIONAL | 1ULL << 62 | ++last;
    account = account_of(trial->mailboxes, trial->provisional, true);
    account->provisional = account->by_secret = true;
    account->user = mem_str(user && *user ? user : trial->mailbox.address);
    account->access = mem_str(secret);
}

void trial_start(struct trial *trial, const char *secret)
{
    struct provider_mailbox_info info = {
        .mailbox = trial->mailbox.id,
        .address = trial->mailbox.address,
        .access = (enum rider_access)trial->mailbox.access,
        .granted = (const char *const *)trial->mailbox.granted,
        .connected_at = trial->mailbox.connected_at ? trial->mailbox.connected_at : clock_wall(),
        .tenant = trial->mailbox.tenant,
        .settings = (const char *const *)trial->settings};
    struct provider_memory none = {0};
    auto_buf struct buf error = {0};
    int r = 0;

    trial->began = clock_monotonic();
    if (secret) {
        r = secret_seal(trial->mailboxes, trial->mailbox.id, info.settings, secret, &trial->sealed);
        lend_secret(trial, secret);
        info.mailbox = trial->provisional;
    }
    if (r < 0) {
        trial_end(trial, r,
                  mem_str("this mailbox's key is missing here; make it with: postrider mailbox "
                          "invite, then give the secret again"));
        return;
    }
    r = provider_session_open(trial->mailboxes->providers, trial->mailbox.provider, &info, &none,
                              &error, &trial->session);
    if (r < 0)
        trial_end(trial, r == -ECONNREFUSED ? -EPROTO : r, buf_take(&error));
    else
        provider_identify(trial->session, IDENTIFY_MS, identified, trial);
}
