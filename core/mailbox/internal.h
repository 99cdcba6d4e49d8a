/* mailbox/internal.h: what the mailbox room's files share. */
#ifndef MAILBOX_INTERNAL_H
#define MAILBOX_INTERNAL_H
#include "base/list.h"
#include "base/map.h"
#include "mailbox/mailbox.h"
#include "net/http.h"
#include "store/store.h"

enum { TOKEN_TIMEOUT_MS = 20000, REVOKE_TIMEOUT_MS = 10000 };
/* A token is renewed so long before it expires; one that says it lives less is used all the same.
 */
enum { TOKEN_MARGIN_MS = 60000, TOKEN_LEAST_MS = 30000 };
/* A mailbox that is being connected asks for its token under an id of its own, so that the token of
 * a stranger who consented is never used for what runs. */
static const uint64_t PROVISIONAL = 1ULL << 63;

struct waiter {
    credential_got_fn *got;
    void *arg;
    struct waiter *next;
};
struct refresh;
struct account { /* a mailbox's tokens, in memory only */
    struct mailboxes *owner;
    uint64_t id;
    char *access;            /* wiped when replaced */
    bool refused;            /* said in the log since it last signed in */
    char *claims;            /* what the next renewal is to carry; or NULL */
    char *answered;          /* what the last one that did carried, */
    int64_t answered_at;     /* and when (wall) */
    int64_t good_until;      /* wall; some time before it expires */
    bool refreshing;         /* somebody will come and serve the waiters */
    bool provisional;        /* of a consent that is being looked at; can't be renewed */
    bool by_secret;          /* of a secret that is being tried: `access` is it */
    char *user;              /* provisional: who logs in at a mail server */
    bool dropped;            /* no longer in the map; who serves it last frees it */
    struct refresh *refresh; /* under way, or NULL */
    struct waiter *waiters, *last;
};
struct connect { /* a consent that was begun; one use */
    uint64_t mailbox;
    char *provider, *verifier, *nonce;
    bool early;          /* a sign-in alone, while an administrator is waited for */
    uint8_t browser[32]; /* digest of the cookie */
    int64_t made;        /* monotonic: virtual time must not end it */
};
struct mailboxes {
    struct mailboxes_options options;
    char *base_url;
    struct provider_set *providers;
    struct map accounts;     /* mailbox id to struct account */
    struct map connects;     /* state to struct connect */
    struct list exchanges;   /* consents on their way from code to grant */
    struct list trials;      /* mailboxes whose secret is being tried, or that are being checked */
    struct list logins;      /* who waits for a login */
    struct list searches;    /* domains being asked for their servers */
    struct loop_timer *look; /* whether administrators have consented meanwhile */
};

/* -- oauth.c: forms, answers and claims; pure but for reading the client's secret ---------- */
struct token_answer {
    char *access, *refresh, *scope, *id_token; /* wiped by token_answer_finish */
    int64_t expires_in;                        /* ms */
    char *error, *suberror, *description, *claims;
};
extern const char *const form_headers[]; /* of a request with one */
void form_add(struct buf *form, const char *name, const char *value);
/* false: what came is no answer of a token endpoint. */
bool token_answer_parse(struct token_answer *answer, struct bytes body);
void token_answer_finish(struct token_answer *answer);
/* Growing a form would leave copies of its secrets behind: one with room for all of it. */
void form_reserve(struct buf *form, const char *secret);
/* Adds client_id and, where one is configured, client_secret. -EACCES and others, with a sentence.
 */
int form_add_client(struct mailboxes *mailboxes, const char *provider, struct buf *form,
                    struct buf *error);
struct id_token_check {
    const char *client_id;
    const char *nonce;     /* NULL: a refreshed one, which has none */
    const char *token_url; /* where it came from */
    const char *tenant;    /* the provider's setting, or NULL */
    int64_t now;
};
/* The id_token's claims that must hold (OIDC Core 3.1.3.7); a sentence, or NULL when they do. One
 * that names a tenant ("tid") must be of that tenant's issuer where it came from, and of
 * the tenant that is configured, where that is one (facts 3.1). */
const char *id_token_fault(const char *id_token, const struct id_token_check *check);
char *id_token_claim(const char *id_token, const char *name); /* NULL: not there; freed */
char *query_value(const char *query, const char *name);       /* decoded; NULL: not there; freed */
char *random_text(size_t bytes);                              /* base64url; freed */

/* -- grant.c ------------------------------------------------------------------------------- */
struct account *account_of(struct mailboxes *mailboxes, uint64_t id, bool make);
void account_set(struct account *account, const char *access, int64_t expires_in);
void account_forget(struct mailboxes *mailboxes, uint64_t id);
/* Whether a renewal that carries these claims is worth making: then the next one does. */
bool account_challenge(struct mailboxes *mailboxes, uint64_t id, const char *claims);
void account_drop(struct mailboxes *mailboxes, uint64_t id); /* also when somebody waits for it */
void account_free(void *account);
int grant_seal(struct mailboxes *mailboxes, uint64_t mailbox, const char *refresh,
               struct buf *sealed);
int grant_unseal(struct mailboxes *mailboxes, uint64_t mailbox, struct buf *refresh);
int grant_load(struct mailboxes *mailboxes, uint64_t mailbox, struct buf *sealed);
/* A token for who asks, as credential_source has it. */
void grant_give(void *mailboxes, uint64_t mailbox, const char *refused, credential_got_fn *got,
                void *got_arg);
/* Tells the provider to end the grant of this token; then over(arg), later: whether it has ended,
 * and a sentence. `access` is what was asked for with it. */
void grant_revoke(struct mailboxes *mailboxes, const char *provider, int32_t access,
                  const char *token, void (*over)(void *arg, bool ended, const char *said),
                  void *arg);

/* -- admin.c ------------------------------------------------------------------------------- */
/* Whether a refusal says that an administrator must consent first, and there is a way to. */
bool waits_for_admin(struct mailboxes *mailboxes, const struct mailbox *mailbox,
                     const struct rider_failure *failure);
void waits_watch(struct mailboxes *mailboxes);

/* -- connect.c ----------------------------------------------------------------------------- */
/* With the sign-in that its owner left while it waited: has the administrator consented? Then it
 * becomes active; if it is of no use any more its owner is asked again; else it waits on. */
void consent_finish(struct mailboxes *mailboxes, const struct mailbox *mailbox);

/* -- secret.c ------------------------------------------------------------------------------ */
/* Settings and secret (NULL: none yet) as one sealed thing. It stands where grants stand, bound to
 * another word, so that neither is ever taken for the other. */
int secret_seal(struct mailboxes *mailboxes, uint64_t mailbox, const char *const *settings,
                const char *secret, struct buf *sealed);
/* -ENOENT: nothing is there. -EBADMSG: a grant, or not to be opened. settings_r: for
 * mem_strv_free, NULL where there are none; secret may be NULL, and stays empty without one. */
int secret_unseal(struct mailboxes *mailboxes, uint64_t mailbox, char ***settings_r,
                  struct buf *secret);
const char *setting_of(const char *const *settings, const char *key); /* NULL: not there */
/* What is wrong with the mailbox's own settings; false: nothing. */
bool settings_fault(struct mailboxes *mailboxes, const char *provider, const char *const *settings,
                    struct buf *error);
void secret_login(void *mailboxes, uint64_t mailbox, const char *refused, credential_login_fn *got,
                  void *got_arg);
void logins_forget(struct mailboxes *mailboxes); /* at the end */
/* What its owner gave on our page; shows what came of it. */
void secret_page(struct mailboxes *mailboxes, uint64_t mailbox, const char *secret,
                 mailbox_paged *show, void *arg);

/* -- trial.c ------------------------------------------------------------------------------- */
struct trial { /* a mailbox that is asked who it is, with a secret that was given or what is kept */
    struct list node;
    struct mailboxes *mailboxes;
    struct mailbox mailbox;
    char **settings;
    struct buf sealed;    /* the secret that was given; empty: what is kept is used */
    uint64_t provisional; /* the id its secret goes by meanwhile; 0: none */
    struct provider_session *session;
    struct loop_timer *timer;
    int64_t began; /* monotonic */
    bool prove;    /* a mail to itself shall arrive */
    bool accepted; /* it signed in, and that is kept */
    struct mailbox_report report;
    /* the mail to itself */
    char nonce[40];
    struct buf cursor;
    int64_t since, wait, give_up;
    bool arrived, junk;
    /* the end */
    char *text;
    void (*signed_in)(struct trial *trial); /* once, early; NULL: nobody asks for that */
    void (*over)(struct trial *trial);      /* the last */
    mailbox_done *done;
    mailbox_checked *checked;
    mailbox_paged *paged;
    void *arg;
};
/* secret NULL: what is kept is tried. Ends with over(trial); both belong to who called. */
struct trial *trial_new(struct mailboxes *mailboxes, void (*over)(struct trial *trial), void *arg);
void trial_start(struct trial *trial, const char *secret);
/* Later: ends it with this status and sentence (taken). */
void trial_end(struct trial *trial, int status, char *text);
/* The same with what is set already, once that was kept. */
void trial_end_as_said(struct trial *trial, int result);
char *trial_detail(const struct rider_failure *failure); /* its words, without "; "; freed */
void trials_forget(struct mailboxes *mailboxes);         /* at the end */
/* Keeps how a trial has ended so far: the status, and why. then() later. */
void trial_keep(struct trial *trial, int32_t status, const char *why,
                void (*then)(struct trial *trial, int result));

/* -- autoconfig.c -------------------------------------------------------------------------- */
void searches_forget(struct mailboxes *mailboxes); /* at the end */

/* -- proof.c ------------------------------------------------------------------------------- */
void proof_start(struct trial *trial); /* ends the trial */

/* -- life.c -------------------------------------------------------------------------------- */
void mailboxes_submit(struct mailboxes *mailboxes, store_apply *apply, store_done *done, void *arg);
char *mailbox_link(struct mailboxes *mailboxes, uint64_t mailbox, uint64_t invite); /* freed */
/* WAITING, from PENDING or RECONNECT; and from there PENDING, without what was left. */
void mailbox_wait(struct mailboxes *mailboxes, uint64_t mailbox, const char *why,
                  mailbox_done *done, void *arg);
void mailbox_ask_again(struct mailboxes *mailboxes, uint64_t mailbox, const char *why);
void refuse_for_good(struct mailboxes *mailboxes, uint64_t mailbox, const char *why,
                     const char *claims);
char *claims_load(struct mailboxes *mailboxes, uint64_t mailbox); /* NULL: none; freed */
int claims_forget(struct store_txn *txn, uint64_t mailbox);
int mailbox_load(struct mailboxes *mailboxes, uint64_t id, struct mailbox *mailbox_r);
void connects_forget(struct mailboxes *mailboxes); /* at the end: states, and who is on the way */
#endif
