/* sandbox/microsoft_state.h: what the Microsoft side knows: settings, tenants, accounts.
 *
 * One thread, one instance, never freed: it lives as long as the program. */
#ifndef SANDBOX_MICROSOFT_STATE_H
#define SANDBOX_MICROSOFT_STATE_H
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "sandbox/values.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_message;
struct ms_folder;
struct ms_conversation;

/* When what was done, to count how much of it fell into a window. */
struct ms_window {
    int64_t *times;
    size_t first, count, room;
};

/* An organisation, or all the personal accounts together. */
struct ms_tenant {
    char *id, *domain; /* a GUID; "acme.example" */
    bool personal;
    bool admin_only;         /* its people may not consent by themselves */
    char *admin_error;       /* what the redirect says then: "consent_required" */
    struct map consented;    /* client id -> struct ms_consented: what its admin consented to */
    uint64_t external_limit; /* recipients outside the tenant in any 24 h; 0: none */
    struct ms_window external;
};

struct ms_category {
    char *id, *name, *color;
};

/* One change to one folder of a mailbox, in the order they happened. */
struct ms_change {
    int64_t at; /* virtual ms */
    struct ms_folder *folder;
    struct ms_message *message;
    bool created; /* it came into the folder by this */
};

struct ms_account {
    char *address, *name, *oid, *sub;
    char *mail; /* what /me gives as mail; NULL: null, as for some personal accounts */
    struct ms_tenant *tenant;
    bool admin;                 /* of the tenant: may consent where others may not */
    unsigned epoch;             /* counts how often the mailbox began anew */
    char **aliases;             /* more addresses of the mailbox */
    char **send_as;             /* addresses it may send as */
    char **on_behalf;           /* addresses it may send on behalf of */
    char **full_access;         /* mailboxes it may open */
    char *suspended;            /* NULL, or the code the API answers with */
    char *challenge;            /* NULL, or the claims that a token is challenged for */
    bool challenge_interactive; /* a refresh will not do */
    char *demand;               /* NULL, or what a refresh answers: "mfa", "consent", "blocked" */

    struct ms_window sends, recipients, requests;
    int64_t busy[16]; /* until when (real ms) requests are under way */
    uint64_t recipient_limit, minute_limit;

    struct map messages, message_ids, subjects, markers; /* by any id; Message-ID; base subject */
    struct map folders;                                  /* by id, and by well-known name */
    struct ms_folder **folder_list;
    size_t folder_count;
    struct ms_message **all; /* as they came */
    size_t message_count, message_room;
    struct ms_category *categories;
    size_t category_count;
    struct ms_change *changes;
    size_t change_count, change_room;
};

enum ms_shown { MS_SHOWN_BOTH, MS_SHOWN_DRAFT, MS_SHOWN_GONE };

struct ms_settings {
    int64_t token_lifetime; /* virtual ms an access token works */
    bool expires_in_set;
    int64_t expires_in;        /* seconds: what is said instead of the truth */
    int64_t refresh_lifetime;  /* virtual ms */
    bool revoke_old;           /* a refresh ends the token it was made with */
    int64_t token_unavailable; /* so many token requests answer temporarily_unavailable */

    int64_t sent_lag;    /* virtual ms until what was sent is in Sent Items */
    enum ms_shown shown; /* what the draft's id gives meanwhile */
    int64_t list_lag;    /* virtual ms until lists and filters show a message */
    int64_t delta_lag;   /* virtual ms until delta tells of a change */
    bool keep_message_id;
    bool sent_headers; /* internetMessageHeaders of sent items hold what the client set */
    bool share_subject;
    double drift; /* the share of answers that get a conversation of their own */
    double stuck; /* the share of drafts that stay drafts though their send was answered with 202 */
    bool long_scopes; /* a token tells its scopes with their resource */
    bool inner_error;

    int64_t delta_horizon;    /* virtual ms a token of delta is good for */
    uint64_t delta_rounds;    /* so many rounds of delta were begun */
    uint64_t delta_died;      /* those up to this one are dead */
    int64_t delta_expire_mid; /* so many next links answer that their state is gone */
    char *delta_how;          /* "gone", "location", "resync" or "bad_request" */
    bool delta_empty_pages, delta_duplicates, delta_replays;

    char *link_base; /* NULL: where the request went */
    bool link_foreign;

    int64_t latency; /* real ms */
    int64_t concurrency;
    int64_t retry_after;
    uint64_t request_limit;   /* in ten virtual minutes */
    uint64_t every, every_at; /* each so-manieth request gets a 429 */
};

struct ms_consent_mode { /* what the consent pages do by themselves */
    bool automatic, deny;
    bool signed_out; /* prompt=none finds no session */
    char *account;   /* NULL: the login_hint's */
};

struct microsoft {
    struct map accounts; /* by address and alias, lower case */
    struct ms_account **account_list;
    size_t account_count;
    struct map tenants; /* by id and by domain */
    struct ms_tenant **tenant_list;
    size_t tenant_count;
    struct map clients;
    struct ms_settings settings;
    struct ms_consent_mode consent;
    uint64_t next_id;
};

struct microsoft *ms_state(void);

/* Lent; NULL: not there. Any case. */
struct ms_account *ms_account_get(const char *address);
struct ms_account *ms_account_new(const char *address, const char *name);
void ms_account_alias(struct ms_account *account, const char *address);
/* The account itself or one of its aliases. */
bool ms_account_owns(const struct ms_account *account, const char *address);

/* By GUID or domain; NULL: there is none. */
struct ms_tenant *ms_tenant_get(const char *name);
struct ms_tenant *ms_tenant_of_domain(const char *domain); /* made when there is none */

/* A GUID made of the text; the same text gives the same. Allocated. */
char *ms_guid(const char *text, uint64_t n);
/* "2027-01-04T09:00:00Z"; text holds at least 32 bytes. Returns text. */
char *ms_time(int64_t ms, char *text);
/* Counts those in the window that ended just now; `add`: one more. */
size_t ms_window_count(struct ms_window *window, int64_t length);
void ms_window_add(struct ms_window *window);
int64_t ms_window_oldest(const struct ms_window *window);
#endif
