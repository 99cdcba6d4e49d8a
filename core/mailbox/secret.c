/* mailbox/secret.c: mailboxes that sign in with a secret: sealing it, lending it, taking it. */
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

/* -- who signs in so, and with which settings ---------------------------------------------- */

static bool by_oauth(struct mailboxes *mailboxes, const char *provider)
{
    bool ready = false;

    if (!provider_setting(mailboxes->providers, provider, "client_id"))
        return false;
    for (int access = RIDER_ACCESS_SEND; access <= RIDER_ACCESS_FULL && !ready; access++) {
        struct rider_oauth *oauth = NULL;

        if (provider_oauth(mailboxes->providers, provider, (enum rider_access)access, &oauth) < 0)
            continue;
        ready = oauth->authorize_url && oauth->token_url;
        provider_oauth_free(oauth);
    }
    return ready;
}

bool mailbox_by_secret(struct mailboxes *mailboxes, const char *provider)
{
    struct provider_about about;

    if (!provider || provider_about(mailboxes->providers, provider, &about) < 0 ||
        !(about.auth & RIDER_AUTH_PASSWORD))
        return false;
    return !(about.auth & RIDER_AUTH_OAUTH) || !by_oauth(mailboxes, provider);
}

const char *setting_of(const char *const *settings, const char *key)
{
    for (size_t i = 0; settings && settings[i] && settings[i + 1]; i += 2)
        if (strcmp(settings[i], key) == 0)
            return settings[i + 1];
    return NULL;
}

/* A setting that is the plugin's to describe and the mailbox's to have. */
static bool describes(const struct rider_setting *setting)
{
    return RIDER_REACHES(setting, of_mailbox) && setting->key && setting->of_mailbox &&
           !setting->secret;
}

static bool offered(const struct provider_about *about, const char *key)
{
    for (size_t i = 0; about->settings && about->settings[i]; i++)
        if (describes(about->settings[i]) && strcmp(about->settings[i]->key, key) == 0)
            return true;
    return false;
}

static bool one_missing(struct mailboxes *mailboxes, const struct provider_about *about,
                        const char *const *settings, struct buf *error)
{
    for (size_t i = 0; about->settings && about->settings[i]; i++) {
        const struct rider_setting *setting = about->settings[i];

        if (!describes(setting) || !setting->required || setting_of(settings, setting->key) ||
            provider_setting(mailboxes->providers, about->name, setting->key))
            continue;
        buf_printf(
            error,
            "a mailbox at %s needs %s%s%s%s; say it with --set %s=..., or for all of them in "
            "the config under providers.%s",
            about->name, setting->key, setting->label ? " (" : "",
            setting->label ? setting->label : "", setting->label ? ")" : "", setting->key,
            about->name);
        return true;
    }
    return false;
}

bool settings_fault(struct mailboxes *mailboxes, const char *provider, const char *const *settings,
                    struct buf *error)
{
    struct provider_about about;

    if (provider_about(mailboxes->providers, provider, &about) < 0)
        return false;
    for (size_t i = 0; settings && settings[i] && settings[i + 1]; i += 2) {
        if (!offered(&about, settings[i]))
            buf_printf(error,
                       "%s has no setting \"%.60s\" of a mailbox's own; see: postrider provider "
                       "list",
                       about.title, settings[i]);
        else if (text_has_control(settings[i + 1]) || strlen(settings[i + 1]) > MAILBOX_SECRET_MAX)
            buf_printf(error, "what is said for %s is no line of text; write it again",
                       settings[i]);
        if (error->len)
            return true;
    }
    return one_missing(mailboxes, &about, settings, error);
}

/* -- sealed -------------------------------------------------------------------------------- */

static void bound_of(uint64_t mailbox, char bound[48])
{
    snprintf(bound, 48, "secret %llu", (unsigned long long)mailbox);
}

/* Each text with its NUL; an empty one ends the settings; what is left is the secret. */
int secret_seal(struct mailboxes *mailboxes, uint64_t mailbox, const char *const *settings,
                const char *secret, struct buf *sealed)
{
    auto_wiped_buf struct buf plain = {0};
    size_t room = secret ? strlen(secret) : 0;
    char bound[48];

    for (size_t i = 0; settings && settings[i]; i++)
        room += strlen(settings[i]) + 1;
    buf_reserve(&plain, room + 1); /* growing it would leave a copy behind */
    for (size_t i = 0; settings && settings[i]; i++)
        buf_add(&plain, settings[i], strlen(settings[i]) + 1);
    buf_add_char(&plain, '\0');
    buf_add_str(&plain, secret);
    bound_of(mailbox, bound);
    return seal_box(mailboxes->options.seal, mailbox, bound, buf_bytes(&plain), sealed);
}

static int read_settings(const struct buf *plain, char ***settings_r, size_t *end_r)
{
    const char *at = plain->data, *end = plain->data + plain->len;
    char **list = NULL;
    size_t count = 0;

    while (at < end && *at) {
        list = mem_grow(list, count + 2, sizeof(*list));
        list[count++] = mem_strn(at, strnlen(at, (size_t)(end - at)));
        list[count] = NULL;
        at += strlen(list[count - 1]) + 1;
    }
    if (at >= end || count % 2) {
        mem_strv_free(list);
        return -EBADMSG;
    }
    *settings_r = list;
    *end_r = (size_t)(at - plain->data) + 1;
    return 0;
}

int secret_unseal(struct mailboxes *mailboxes, uint64_t mailbox, char ***settings_r,
                  struct buf *secret)
{
    auto_buf struct buf sealed = {0};
    auto_wiped_buf struct buf plain = {0};
    char bound[48], **settings = NULL;
    size_t end = 0;
    int r = grant_load(mailboxes, mailbox, &sealed);

    bound_of(mailbox, bound);
    if (r == 0)
        r = seal_unbox(mailboxes->options.seal, mailbox, bound, buf_bytes(&sealed), &plain);
    if (r == 0)
        r = read_settings(&plain, &settings, &end);
    if (r < 0)
        return r;
    if (secret) {
        buf_reserve(secret, plain.len - end + 1);
        buf_add(secret, plain.data + end, plain.len - end);
    }
    if (settings_r)
        *settings_r = settings;
    else
        mem_strv_free(settings);
    return 0;
}

char **mailbox_settings(struct mailboxes *mailboxes, uint64_t mailbox)
{
    char **settings = NULL;

    return secret_unseal(mailboxes, mailbox, &settings, NULL) == 0 ? settings : NULL;
}

/* -- lent to a line ------------------------------------------------------------------------ */

struct login {
    struct list node;
    struct mailboxes *mailboxes;
    uint64_t mailbox;
    credential_login_fn *got;
    void *arg;
    char *user; /* OAuth: while its token is awaited */
};

static void login_free(struct login *login)
{
    list_remove(&login->node);
    free(login->user);
    free(login);
}

static void login_fail(struct login *login, int32_t kind, const char *detail)
{
    struct rider_failure failure = {.size = sizeof(failure),
                                    .kind = kind,
                                    .scope = RIDER_MAILBOX,
                                    .holds =
                                        RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL,
                                    .retry_after = kind == RIDER_TRANSIENT ? 60000 : -1,
                                    .detail = detail};

    login->got(login->arg, NULL, &failure);
    login_free(login);
}

static void login_token(void *arg, const char *token, const struct rider_failure *failure)
{
    struct login *login = arg;
    struct credential_login lent = {.user = login->user, .secret = token, .is_bearer = true};

    login->got(login->arg, token ? &lent : NULL, failure);
    login_free(login);
}

static void login_secret(struct login *login, const struct mailbox *mailbox,
                         const char *const *settings, const char *secret)
{
    const char *user = setting_of(settings, "user");
    struct credential_login lent = {.user = user && *user ? user : mailbox->address,
                                    .secret = secret};

    login->got(login->arg, &lent, NULL);
    login_free(login);
}

/* A secret that is being tried. */
static void login_provisional(struct login *login, const struct account *account)
{
    auto_free char *user = mem_str(account->user); /* what is told of it may end it */
    char *secret = mem_str(account->access);
    struct credential_login lent = {
        .user = user, .secret = secret, .is_bearer = !account->by_secret};

    login->got(login->arg, &lent, NULL);
    mem_wipe_str(&secret);
    login_free(login);
}

static void login_now(void *arg)
{
    struct login *login = arg;
    struct account *account = account_of(login->mailboxes, login->mailbox, false);
    auto_record(mailbox) mailbox = {0};
    auto_wiped_buf struct buf secret = {0};
    char **settings = NULL;
    int r;

    if (account && account->provisional && account->access && account->user) {
        login_provisional(login, account);
        return;
    }
    r = mailbox_load(login->mailboxes, login->mailbox, &mailbox);
    if (r == 0)
        r = secret_unseal(login->mailboxes, login->mailbox, &settings, &secret);
    if (r == 0 && secret.len) {
        login_secret(login, &mailbox, (const char *const *)settings, buf_text(&secret));
    } else if (mailbox.address && mailbox_by_secret(login->mailboxes, mailbox.provider)) {
        login_fail(login,
                   r == 0 || r == -ENOENT || r == -ENOKEY || r == -EBADMSG ? RIDER_AUTH
                                                                           : RIDER_TRANSIENT,
                   "its secret is not here; give it: postrider mailbox secret ADDRESS");
    } else {
        login->user = mem_str(mailbox.address ? mailbox.address : "");
        grant_give(login->mailboxes, login->mailbox, NULL, login_token, login);
    }
    mem_strv_free(settings);
}

/* Of a token that was refused, the next one is asked for at once: that is remembered at once too.
 */
void secret_login(void *arg, uint64_t mailbox, const char *refused, credential_login_fn *got,
                  void *got_arg)
{
    struct mailboxes *mailboxes = arg;
    struct login *login = mem_new(sizeof(*login));

    login->mailboxes = mailboxes;
    login->mailbox = mailbox;
    login->got = got;
    login->arg = got_arg;
    list_add(&mailboxes->logins, &login->node);
    if (refused) {
        auto_record(mailbox) record = {0};

        mailbox_load(mailboxes, mailbox, &record);
        login->user = mem_str(record.address ? record.address : "");
        grant_give(mailboxes, mailbox, refused, login_token, login);
        return;
    }
    loop_post(mailboxes->options.loop, login_now, login);
}

void logins_forget(struct mailboxes *mailboxes)
{
    while (!list_empty(&mailboxes->logins))
        login_fail(LIST_ENTRY(mailboxes->logins.next, struct login, node), RIDER_CANCELLED,
                   "postrider is stopping");
}

/* -- taken --------------------------------------------------------------------------------- */

static const char *secret_fault(const char *secret)
{
    if (!secret || !*secret)
        return "it is empty; give the password, or the app password, of the mailbox";
    if (strlen(secret) > MAILBOX_SECRET_MAX)
        return "it is longer than 1,024 bytes; is it the right file?";
    if (text_has_control(secret) || strchr(secret, '\t'))
        return "it has control characters in it, or more than one line; give the secret alone";
    if (!text_is_utf8(secret, strlen(secret)))
        return "it is no UTF-8 text (RFC 4616); save its file as UTF-8";
    return NULL;
}

static void told(struct trial *trial)
{
    if (trial->done)
        trial->done(trial->arg, trial->report.status, trial->mailbox.id, trial->text);
}

static void checked(struct trial *trial)
{
    trial->report.text = trial->text;
    if (trial->checked)
        trial->checked(trial->arg, trial->mailbox.id, &trial->report);
}

static bool being_tried(const struct trial *trial)
{
    LIST_EACH (node, &trial->mailboxes->trials) {
        const struct trial *other = LIST_ENTRY(node, struct trial, node);

        if (other != trial && other->mailbox.id == trial->mailbox.id)
            return true;
    }
    return false;
}

/* Loads what the trial is of. false: it has ended. */
static bool trial_load(struct trial *trial, uint64_t mailbox)
{
    int r = mailbox_load(trial->mailboxes, mailbox, &trial->mailbox);

    if (r < 0)
        trial_end(trial, r,
                  mem_str(r == -ENOENT ? "there is no such mailbox; see: postrider mailbox list"
                                       : "the mailbox can't be read; see the daemon's log"));
    else if (trial->mailbox.status == MAILBOX_DISCONNECTED)
        trial_end(trial, -EINVAL,
                  mem_printf("%s is disconnected: add it again", trial->mailbox.address));
    else if (being_tried(trial))
        trial_end(trial, -EBUSY,
                  mem_printf("%s is just being tried; wait for that to end (2 minutes at most)",
                             trial->mailbox.address));
    else
        return true;
    return false;
}

static void take_secret(struct trial *trial, uint64_t mailbox, const char *secret, bool proof)
{
    const char *fault = secret_fault(secret);
    auto_buf struct buf error = {0};

    if (!trial_load(trial, mailbox))
        return;
    trial->settings = mailbox_settings(trial->mailboxes, mailbox);
    trial->prove = proof && !trial->mailbox.connected_at;
    if (!mailbox_by_secret(trial->mailboxes, trial->mailbox.provider))
        trial_end(trial, -EPERM,
                  mem_printf("%s signs in with its provider, never here; send its owner a link: "
                             "postrider mailbox invite %s",
                             trial->mailbox.address, trial->mailbox.address));
    else if (fault)
        trial_end(trial, -EINVAL, mem_printf("the secret can't be used: %s", fault));
    else if (settings_fault(trial->mailboxes, trial->mailbox.provider,
                            (const char *const *)trial->settings, &error))
        trial_end(trial, -EINVAL, buf_take(&error));
    else if (trial->prove && trial->mailbox.access == RIDER_ACCESS_SEND)
        trial_end(
            trial, -EPERM,
            mem_str("at access send nothing of it is read, so it can't be shown that its mail "
                    "arrives here; where you know that it does, say --no-proof"));
    else
        trial_start(trial, secret);
}

void mailbox_secret(struct mailboxes *mailboxes, uint64_t mailbox, const char *secret, bool proof,
                    mailbox_done *done, void *arg)
{
    struct trial *trial = trial_new(mailboxes, told, arg);

    trial->done = done;
    take_secret(trial, mailbox, secret, proof);
}

void mailbox_check(struct mailboxes *mailboxes, uint64_t mailbox, mailbox_checked *answer,
                   void *arg)
{
    struct trial *trial = trial_new(mailboxes, checked, arg);
    auto_buf struct buf sealed = {0};
    auto_wiped_buf struct buf secret = {0};
    int r;

    trial->checked = answer;
    if (!trial_load(trial, mailbox))
        return;
    if (trial->mailbox.status == MAILBOX_WAITING) { /* there is but one thing to ask */
        consent_finish(mailboxes, &trial->mailbox);
        trial_end(trial, -ENOKEY, mem_str("its organisation's administrator must consent first"));
        return;
    }
    r = secret_unseal(mailboxes, mailbox, &trial->settings, &secret);
    if (r == 0)
        r = secret.len ? 0 : -ENOKEY;
    else if (!mailbox_by_secret(mailboxes, trial->mailbox.provider))
        r = grant_load(mailboxes, mailbox, &sealed);
    trial->prove =
        secret.len && trial->mailbox.status == MAILBOX_PENDING && !trial->mailbox.connected_at;
    if (r < 0)
        trial_end(trial, -ENOKEY, mem_str("it was not connected yet, so there is nothing to ask"));
    else if (trial->prove && trial->mailbox.access == RIDER_ACCESS_SEND)
        trial_end(trial, -EPERM,
                  mem_str("at access send its arrival can't be shown; give its "
                          "secret again with --no-proof"));
    else
        trial_start(trial, NULL);
}

/* -- the owner's page ---------------------------------------------------------------------- */

static void paged(struct trial *trial, enum mailbox_outcome outcome, const char *text)
{
    mailbox_paged *show = trial->paged;
    struct mailbox_page page = {.outcome = outcome,
                                .address = trial->mailbox.address,
                                .provider = trial->mailbox.provider,
                                .text = text};

    trial->paged = NULL;
    if (show)
        show(trial->arg, &page);
}

/* The mail to itself may take a while, and a browser does not wait for it. */
static void page_signed_in(struct trial *trial)
{
    paged(trial, CONNECT_DONE,
          trial->prove ? "A mail is now sent from your mailbox to itself, to see that it arrives. "
                         "You can delete it."
                       : NULL);
}

/* In words for an owner, who knows nothing of our commands. */
static const char *page_text_of(int status)
{
    switch (status) {
    case 0:
        return NULL;
    case -EACCES:
        return "Your mail provider refused it. Some want an app password, which is made in the "
               "account's security settings.";
    case -EINVAL:
        return "That can't be a password: it is empty, too long, or has characters in it that no "
               "password has.";
    case -EHOSTUNREACH:
        return "Your mail provider could not be reached just now.";
    case -EPERM:
        return "That signs in to another account than the one this link is for.";
    case -EBUSY:
        return "Your mailbox is just being tried; wait two minutes.";
    default:
        return "Tell whoever sent you the link; they can see the reason.";
    }
}

static void page_over(struct trial *trial)
{
    int status = trial->report.status;

    if (status < 0)
        log_warn("mailbox %s: %s", trial->mailbox.address, trial->text);
    paged(trial,
          status == 0                              ? CONNECT_DONE
          : status == -EACCES || status == -EINVAL ? CONNECT_ASK_SECRET
                                                   : CONNECT_FAILED,
          page_text_of(status));
}

void secret_page(struct mailboxes *mailboxes, uint64_t mailbox, const char *secret,
                 mailbox_paged *show, void *arg)
{
    struct trial *trial = trial_new(mailboxes, page_over, arg);
    auto_record(mailbox) record = {0};

    trial->paged = show;
    trial->signed_in = page_signed_in;
    mailbox_load(mailboxes, mailbox, &record);
    take_secret(trial, mailbox, secret, record.access != RIDER_ACCESS_SEND);
}
