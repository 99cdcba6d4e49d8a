/* sandbox/google_state.h: what the Google side knows: settings, accounts, and small helpers.
 *
 * One thread, one instance, never freed: it lives as long as the program. */
#ifndef SANDBOX_GOOGLE_STATE_H
#define SANDBOX_GOOGLE_STATE_H
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "sandbox/values.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct google_message;
struct google_label;

/* Messages in the order they came (by number), newest last. */
struct google_index {
    struct google_message **list;
    size_t count, room;
};

enum google_change_kind {
    GOOGLE_MARK, /* the history id moved on though nothing happened */
    GOOGLE_ADDED,
    GOOGLE_DELETED,
    GOOGLE_LABELLED,
    GOOGLE_UNLABELLED,
};

struct google_change {
    uint64_t id;
    int64_t at; /* virtual ms */
    enum google_change_kind kind;
    struct google_message *message;
    struct google_label *label;
};

struct google_alias {
    char *address, *name;
    bool accepted; /* verificationStatus */
};

struct google_account {
    char *address, *name, *sub;
    struct google_alias *aliases;
    size_t alias_count;
    char *suspended; /* NULL, or the reason the API answers with */

    uint64_t send_limit; /* messages in any 24 h */
    int64_t *sends;      /* when each was accepted */
    size_t send_first, send_count, send_room;
    int64_t quota_minute;
    uint64_t quota_used;

    struct map messages, threads, labels, label_names, message_ids, markers, drafts;
    struct google_label **label_list; /* as they were made; system labels first */
    size_t label_count;
    uint64_t label_next;
    struct google_index all;
    struct google_change *changes;
    size_t change_count, change_room;
    uint64_t history_id;
};

struct google_settings {
    int64_t token_lifetime;    /* virtual ms an access token works */
    bool expires_in_set;       /* what expires_in says instead of the truth */
    int64_t expires_in;        /* seconds */
    bool rotate;               /* a refresh gives a new refresh token */
    int64_t token_unavailable; /* so many token requests answer temporarily_unavailable */
    bool metadata_strict;      /* gmail.metadata limits a token though it holds wider scopes */
    int64_t history_horizon;   /* virtual ms that a history id is good for */
    uint64_t history_start;
    bool history_empty_pages, history_duplicates, history_vanished;
    int64_t find_lag;    /* virtual ms until rfc822msgid: finds a message */
    int64_t listing_lag; /* virtual ms until messages.list shows one at all */
};

struct google_consent { /* what the consent page does by itself */
    bool automatic, deny;
    char *account; /* NULL: the login_hint's */
    char **scopes; /* NULL: all that were asked for */
};

struct google {
    struct map accounts; /* by address, lower case */
    struct map clients;
    struct google_settings settings;
    struct google_consent consent;
    uint64_t next_number, next_id;
};

struct google *google_state(void);

/* Lent; NULL: not there. Any case. */
struct google_account *google_account_get(const char *address);
struct google_account *google_account_new(const char *address, const char *name);
/* The account of that address, or else the one it is an alias of. NULL: nobody's. */
struct google_account *google_account_behind(const char *address);
/* The account itself or one of its accepted aliases. */
bool google_account_owns(const struct google_account *account, const char *address);
#endif
