/* mailbox/admin.c: organisations whose administrator must consent first: the link for them, who
 * waits, and how it goes on once they have. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "mailbox/internal.h"
#include "net/loop.h"
#include "seal/seal.h"

#include <errno.h>
#include <string.h>

static const int64_t LOOK_MS = 30 * 60 * 1000LL; /* so often it is tried whether they have */

/* -- the link ------------------------------------------------------------------------------ */

static char *admin_redirect(const struct mailboxes *mailboxes, const char *provider)
{
    return mem_printf("%s/oauth/admin/%s", mailboxes->base_url, provider);
}

/* What this provider's states are sealed for. */
static char *purpose_of(const char *provider)
{
    return mem_printf("admin %s", provider);
}

char *mailbox_admin_link(struct mailboxes *mailboxes, const char *provider, int32_t access,
                         uint64_t mailbox)
{
    const char *client = provider_setting(mailboxes->providers, provider, "client_id");
    auto_free char *redirect = admin_redirect(mailboxes, provider), *purpose = purpose_of(provider);
    auto_buf struct buf query = {0}, state = {0}, scope = {0};
    struct rider_oauth *oauth = NULL;
    char *link = NULL;

    if (client &&
        provider_oauth(mailboxes->providers, provider, (enum rider_access)access, &oauth) == 0 &&
        oauth->admin_consent_url) {
        seal_link(mailboxes->options.seal, purpose, mailbox, 0, 0, &state);
        for (size_t i = 0; oauth->scopes[i]; i++)
            buf_printf(&scope, "%s%s", i ? " " : "", oauth->scopes[i]);
        form_add(&query, "client_id", client);
        form_add(&query, "redirect_uri", redirect);
        form_add(&query, "state", buf_text(&state));
        form_add(&query, "scope", buf_text(&scope));
        link = mem_printf("%s%c%s", oauth->admin_consent_url,
                          strchr(oauth->admin_consent_url, '?') ? '&' : '?', buf_text(&query));
    }
    provider_oauth_free(oauth);
    return link;
}

/* -- who waits ----------------------------------------------------------------------------- */

bool waits_for_admin(struct mailboxes *mailboxes, const struct mailbox *mailbox,
                     const struct rider_failure *failure)
{
    auto_free char *link = NULL;

    if (failure->kind != RIDER_AUTH || failure->scope != RIDER_TENANT)
        return false;
    link = mailbox_admin_link(mailboxes, mailbox->provider, mailbox->access, mailbox->id);
    return link != NULL;
}

static bool has_grant(struct mailboxes *mailboxes, uint64_t mailbox)
{
    auto_buf struct buf sealed = {0};

    return grant_load(mailboxes, mailbox, &sealed) == 0 && sealed.len;
}

bool mailbox_signed_in(struct mailboxes *mailboxes, const struct mailbox *mailbox)
{
    return mailbox->status == MAILBOX_WAITING && has_grant(mailboxes, mailbox->id);
}

struct waiting { /* those of one provider, and what for */
    struct mailboxes *mailboxes;
    const char *provider; /* NULL: all */
    const char *domain;   /* whose people are asked again if they have not signed in; or NULL */
    size_t count;
};

static bool same_domain(const struct mailbox *mailbox, const char *domain)
{
    const char *at = strrchr(mailbox->address, '@');

    return at && domain && strcasecmp(at + 1, domain) == 0;
}

static void go_on(struct waiting *waiting, const struct mailbox *mailbox)
{
    if (mailbox->status != MAILBOX_WAITING ||
        (waiting->provider && strcmp(waiting->provider, mailbox->provider) != 0))
        return;
    waiting->count++;
    if (has_grant(waiting->mailboxes, mailbox->id))
        consent_finish(waiting->mailboxes, mailbox);
    else if (same_domain(mailbox, waiting->domain))
        mailbox_ask_again(waiting->mailboxes, mailbox->id,
                          "The administrator has agreed; its owner must open the link once more.");
}

static void each_waiting(struct waiting *waiting)
{
    auto_read struct store_txn *txn = NULL;
    uint64_t after = 0;

    if (store_read(waiting->mailboxes->options.store, &txn) < 0)
        return;
    for (;;) {
        auto_record(mailbox) mailbox = {0};

        if (store_mailbox_next(txn, after, &mailbox) < 0)
            return;
        after = mailbox.id;
        go_on(waiting, &mailbox);
    }
}

static void look(void *arg)
{
    struct mailboxes *mailboxes = arg;
    struct waiting waiting = {.mailboxes = mailboxes};

    each_waiting(&waiting);
    if (waiting.count)
        loop_timer_at(mailboxes->look, clock_wall() + LOOK_MS);
}

/* An administrator may also consent in the provider's own pages, and nobody tells us. */
void waits_watch(struct mailboxes *mailboxes)
{
    if (!mailboxes->look)
        mailboxes->look = loop_timer_new(mailboxes->options.loop, look, mailboxes);
    if (!loop_timer_armed(mailboxes->look))
        loop_timer_at(mailboxes->look, clock_wall() + LOOK_MS);
}

/* -- the administrator is back ------------------------------------------------------------- */

struct agreed {
    struct mailboxes *mailboxes;
    char *provider, *tenant, *domain;
    mailbox_paged *paged;
    void *arg;
};

static void agreed_free(struct agreed *agreed)
{
    free(agreed->provider);
    free(agreed->tenant);
    free(agreed->domain);
    free(agreed);
}

static int agreed_apply(struct store_txn *txn, void *arg)
{
    const struct agreed *agreed = arg;

    return store_audit_add(txn, clock_wall(), "provider.admin_consented", agreed->provider,
                           agreed->tenant);
}

static void show(struct agreed *agreed, enum mailbox_outcome outcome, const char *text)
{
    struct mailbox_page page = {.outcome = outcome, .provider = agreed->provider, .text = text};

    agreed->paged(agreed->arg, &page);
    agreed_free(agreed);
}

static void agreed_kept(void *arg, int status)
{
    struct agreed *agreed = arg;
    struct waiting waiting = {
        .mailboxes = agreed->mailboxes, .provider = agreed->provider, .domain = agreed->domain};

    if (status < 0)
        log_error("an administrator's consent for %s could not be noted: %s", agreed->provider,
                  strerror(-status));
    each_waiting(&waiting);
    show(agreed, CONNECT_ADMIN_DONE, NULL);
}

static void not_agreed(void *arg)
{
    struct agreed *agreed = arg;

    show(agreed, agreed->tenant ? CONNECT_ADMIN_NO : CONNECT_STATE_UNKNOWN, agreed->tenant);
}

static void later(struct agreed *agreed, char *why)
{
    free(agreed->tenant);
    agreed->tenant = why;
    loop_post(agreed->mailboxes->options.loop, not_agreed, agreed);
}

/* 0 and whom it was about, where it was about somebody. */
static int read_state(struct agreed *agreed, const char *query)
{
    auto_free char *state = query_value(query, "state"), *purpose = purpose_of(agreed->provider);
    auto_record(mailbox) mailbox = {0};
    uint64_t id, more;
    int r = state ? seal_link_read(agreed->mailboxes->options.seal, purpose, state, clock_wall(),
                                   &id, &more)
                  : -EBADMSG;

    if (r == 0 && id && mailbox_load(agreed->mailboxes, id, &mailbox) == 0 &&
        strrchr(mailbox.address, '@'))
        agreed->domain = mem_str(strrchr(mailbox.address, '@') + 1);
    return r;
}

static char *why_not(struct agreed *agreed, const char *query)
{
    auto_free char *error = query_value(query, "error");
    auto_free char *description = query_value(query, "error_description");
    struct rider_failure failure = {.size = sizeof(failure)};

    if (!error)
        return mem_str("It did not say that consent was given.");
    provider_oauth_failure(agreed->mailboxes->providers, agreed->provider, error, NULL, description,
                           &failure);
    return mem_printf("%.60s: %s", error, failure.detail ? failure.detail : "no more is said");
}

void mailbox_admin_callback(struct mailboxes *mailboxes, const char *provider, const char *query,
                            mailbox_paged *paged, void *arg)
{
    struct agreed *agreed = mem_new(sizeof(*agreed));
    auto_free char *said = query_value(query, "admin_consent");

    *agreed = (struct agreed){
        .mailboxes = mailboxes, .provider = mem_str(provider), .paged = paged, .arg = arg};
    if (read_state(agreed, query) < 0) {
        later(agreed, NULL);
    } else if (!said || strcasecmp(said, "true") != 0) {
        later(agreed, why_not(agreed, query));
    } else {
        agreed->tenant = query_value(query, "tenant");
        if (agreed->tenant && strlen(agreed->tenant) > 100)
            mem_str_set(&agreed->tenant, NULL);
        mailboxes_submit(mailboxes, agreed_apply, agreed_kept, agreed);
    }
}
