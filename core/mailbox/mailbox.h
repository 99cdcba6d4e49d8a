/* mailbox/mailbox.h: mailboxes: asked for, connected by their owners' consent, kept signed in, let
 * go.
 *
 * The one place where grants are: it is the credential source of the provider room. All of it is
 * for the loop thread. Each change is in the store, with its audit line, before it is told to
 * anyone. Errors are negative errno with a sentence for a person. */
#ifndef MAILBOX_MAILBOX_H
#define MAILBOX_MAILBOX_H
#include "base/buf.h"
#include "provider/credential.h"
#include "provider/provider.h"
#include "records/records.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct http_client;
struct store;
struct seal;
struct mailboxes;

struct mailboxes_options { /* lent until mailboxes_free, strings copied */
    struct loop *loop;
    struct http_client *http;
    struct store *store;
    struct seal *seal;
    const char *base_url; /* where owners' browsers reach us: "http://127.0.0.1:8025", no slash at
                             its end; public_url where one is configured */
    /* A mailbox is new, or its status, grant or promise is another: told after it is on disk. */
    void (*changed)(void *arg, uint64_t mailbox);
    void *changed_arg;
    int64_t proof_ms; /* how long a mail to itself may take to arrive; 0: 2 minutes */
};
struct mailboxes *mailboxes_new(const struct mailboxes_options *options);
/* After store_close, before http_client_free; the loop is not run again. Who still waits for a
 * token is told that it was cancelled. NULL is fine. */
void mailboxes_free(struct mailboxes *mailboxes);
struct credential_source mailboxes_credentials(struct mailboxes *mailboxes);
void mailboxes_set_providers(struct mailboxes *mailboxes, struct provider_set *set);

/* -- asking for one, and inviting its owner ------------------------------------------------ */
/* done: status 0 and the link, or a negative errno and a sentence; both lent. */
typedef void mailbox_done(void *arg, int status, uint64_t mailbox, const char *text);
struct mailbox_ask {
    const char *address, *provider, *zone; /* zone: IANA name, NULL: UTC */
    int32_t access;                        /* enum rider_access */
    int32_t promise;                       /* enum mailbox_promise; 0: strict where it can be */
    const char *const
        *settings; /* "key", "value", ..., NULL: the mailbox's own, of those that its
                      provider asks of a mailbox; NULL: none. Of providers by secret */
};
/* -EEXIST: it is there already (invite it again instead); one by secret that was never connected is
 * added anew, with what is said now. -EINVAL: no such provider, no address, a setting too many or
 * too few. */
void mailbox_add(struct mailboxes *mailboxes, const struct mailbox_ask *ask, mailbox_done *done,
                 void *arg);
/* A new link; older ones are refused from then on. Links live for 7 days. */
void mailbox_invite(struct mailboxes *mailboxes, uint64_t mailbox, mailbox_done *done, void *arg);
void mailbox_pause(struct mailboxes *mailboxes, uint64_t mailbox, bool paused, mailbox_done *done,
                   void *arg);
/* Revokes upstream (waits for that at most 10 s; goes on in any case and says how it went),
 * destroys the mailbox's key, wipes its records; the ledger of what was sent stays. */
void mailbox_disconnect(struct mailboxes *mailboxes, uint64_t mailbox, mailbox_done *done,
                        void *arg);
/* A provider refused the credentials for good: status RECONNECT, with this sentence. */
void mailbox_refused(struct mailboxes *mailboxes, uint64_t mailbox, const char *why);
/* The same, where it said what the next sign-in must satisfy (failure.claims; facts 3.4). true: a
 * renewal that carries them may do, and is made with the next token that is asked for; nobody need
 * act. false: it was refused, and its owner's next sign-in carries them. */
bool mailbox_challenged(struct mailboxes *mailboxes, uint64_t mailbox, const char *why,
                        const char *claims);

/* -- mailboxes that sign in with a secret: a password, or an app password ------------------
 * The secret is sealed together with the mailbox's own settings (which server it may go to), under
 * the mailbox's key; it is in memory only while it is given, tried or lent to a line, and gone with
 * the key at disconnect. The setting "user" names the account where it is not the address. */
enum { MAILBOX_SECRET_MAX = 1024 }; /* bytes */
/* Whether this provider's mailboxes are connected by a secret: it signs in by passwords, and is not
 * set up for OAuth (no client_id, or nothing offered). */
bool mailbox_by_secret(struct mailboxes *mailboxes, const char *provider);
/* The mailbox's own settings, "key", "value", ..., NULL; for mem_strv_free. NULL: none. */
char **mailbox_settings(struct mailboxes *mailboxes, uint64_t mailbox);
/* Takes the secret: signs in with it (identify), keeps it only if that worked, and then, for one
 * that was never connected and unless !proof, sends a mail to the mailbox itself and waits at most
 * 2 minutes to see it arrive. status 0: active, with a sentence; -EACCES: user or secret refused,
 * -EHOSTUNREACH: not reached, -EPROTO: reached, but it can't be spoken to (TLS), -ETIMEDOUT: the
 * mail was not seen to arrive (pending; mailbox_check tries again), -EPERM: not by secret, another
 * account, or access send without !proof (nothing is read there), -EBUSY: it is just being tried.
 * -EINVAL: no secret. */
void mailbox_secret(struct mailboxes *mailboxes, uint64_t mailbox, const char *secret, bool proof,
                    mailbox_done *done, void *arg);
struct mailbox_report { /* lent */
    int status;         /* 0, or as mailbox_secret; -ENOKEY: it has no grant and no secret */
    const char *text;   /* a sentence */
    uint32_t can;       /* RIDER_CAN_..., where status is 0 */
    int64_t took;       /* ms, until it said who it is */
    bool proved;        /* just now: a mail to itself arrived */
};
typedef void mailbox_checked(void *arg, uint64_t mailbox, const struct mailbox_report *report);
/* Asks the provider who the mailbox is, in a session of its own. One whose arrival is still to be
 * shown gets its mail again; one that was refused and is taken again is active again, and one that
 * is refused now must be connected again. Of one that waits for an administrator it is found out
 * whether they have consented by now. */
void mailbox_check(struct mailboxes *mailboxes, uint64_t mailbox, mailbox_checked *checked,
                   void *arg);

/* -- the owner's browser ------------------------------------------------------------------- */
enum mailbox_outcome { /* each is a page of its own (control writes it) */
                       CONNECT_SHOW =
                           1, /* what is asked for and stored, with a button that POSTs */
                       CONNECT_REDIRECT, /* go to `location`, with `cookie` set */
                       CONNECT_DONE,     /* connected */
                       CONNECT_NARROW,   /* connected with fewer scopes: what will not work is in
                                            `text` */
                       CONNECT_LINK_BAD, /* not a link of ours, or an older one */
                       CONNECT_LINK_EXPIRED,
                       CONNECT_CANCELLED,     /* the owner said no */
                       CONNECT_WRONG_ACCOUNT, /* another account consented; it was revoked, nothing
                                                 is kept (not revoked where that account is a
                                                 mailbox here: its grant would end too) */
                       CONNECT_ALIAS, /* the address is an alias of the account that consented */
                       CONNECT_SCOPE_MISSING,    /* without what was unticked it can't even send */
                       CONNECT_STATE_UNKNOWN,    /* no such state, used before, or expired: open the
                                                    link again */
                       CONNECT_STATE_FOREIGN,    /* another browser's, another provider's */
                       CONNECT_PROVIDER_SAYS_NO, /* an error of the provider's, in `text` */
                       CONNECT_WAITING,    /* an administrator must consent first: `location` is the
                                              link    for them, or NULL; why is in `text` */
                       CONNECT_ADMIN_DONE, /* to an administrator: they have consented */
                       CONNECT_ADMIN_NO,   /* they have not, as `text` says */
                       CONNECT_FAILED,     /* the exchange failed; nothing is kept; try again */
                       CONNECT_ASK_SECRET  /* as CONNECT_SHOW, with a field for the secret; `text`:
                                              why it is asked for once more */
};
struct mailbox_page { /* lent during the call */
    enum mailbox_outcome outcome;
    const char *address, *provider; /* NULL: not known */
    const char *text;               /* a sentence more, or NULL; plain text, to be escaped */
    const char *const *asks;        /* CONNECT_SHOW: what is asked for, a line each; or NULL */
    const char *location;           /* CONNECT_REDIRECT, CONNECT_WAITING */
    bool signed_in;                 /* CONNECT_WAITING: its owner has, and it goes on by itself */
    const char *cookie;             /* a whole Set-Cookie value (HttpOnly, SameSite=Lax), or NULL */
};
typedef void mailbox_paged(void *arg, const struct mailbox_page *page);
/* GET of the link: changes nothing. */
void mailbox_link_show(struct mailboxes *mailboxes, const char *token, mailbox_paged *paged,
                       void *arg);
/* POST of its button: makes a state (one use, 10 minutes, bound to the cookie), PKCE S256,
 * redirects. */
void mailbox_link_go(struct mailboxes *mailboxes, const char *token, mailbox_paged *paged,
                     void *arg);
/* POST of the other button, while an administrator is waited for: the owner signs in and grants
 * nothing but that. Once the administrator has consented, the mailbox becomes active by itself with
 * it: a refresh token holds for whatever is consented to later (facts 3.2, 3.3). */
void mailbox_link_early(struct mailboxes *mailboxes, const char *token, mailbox_paged *paged,
                        void *arg);
/* The same for a mailbox by secret: its form has "secret". The cookie must be the one that the GET
 * gave. Shows CONNECT_DONE once the secret was taken, CONNECT_ASK_SECRET where it was not; the mail
 * to itself is sent and awaited behind it. */
void mailbox_link_secret(struct mailboxes *mailboxes, const char *token, const char *cookie,
                         const char *secret, mailbox_paged *paged, void *arg);
/* GET /oauth/cb/<provider>?<query> with the browser's Cookie header (or NULL). Asks the token
 * endpoint only when state, browser and provider are right. The identity that consented must be
 * exactly the address asked for; else it is revoked upstream and nothing of it is kept. */
void mailbox_callback(struct mailboxes *mailboxes, const char *provider, const char *query,
                      const char *cookie, mailbox_paged *paged, void *arg);

/* -- organisations whose administrator must consent first ------------------------------------
 * Where they must, an owner's consent ends in status WAITING. The link is for an administrator, for
 * one mailbox (0: for the provider); NULL: this provider knows no such step. Freed by the caller.
 */
char *mailbox_admin_link(struct mailboxes *mailboxes, const char *provider, int32_t access,
                         uint64_t mailbox);
/* Whether one that waits needs its owner no more. */
bool mailbox_signed_in(struct mailboxes *mailboxes, const struct mailbox *mailbox);
/* GET /oauth/admin/<provider>?<query>: the administrator is back (facts 3.1). Those who wait there
 * go on: by themselves where their owners have signed in, else their owners are asked again. */
void mailbox_admin_callback(struct mailboxes *mailboxes, const char *provider, const char *query,
                            mailbox_paged *paged, void *arg);

const char *mailbox_status_name(int32_t status); /* "pending", "active", "reconnect needed", ... */
#endif
