/* mailbox/internal.h: what the mailbox room's files share. */
#ifndef MAILBOX_INTERNAL_H
#define MAILBOX_INTERNAL_H
#include "base/map.h"
#include "mailbox/mailbox.h"
#include "net/http.h"
#include "store/store.h"

enum { TOKEN_TIMEOUT_MS = 20000, REVOKE_TIMEOUT_MS = 10000, TOKEN_MARGIN_MS = 60000 };
/* A mailbox that is being connected asks for its token under an id of its own, so that the token of
 * a stranger who consented is never used for what runs. */
static const uint64_t PROVISIONAL = 1ULL << 63;

struct waiter {
    credential_got_fn *got;
    void *arg;
    struct waiter *next;
};
struct account { /* a mailbox's tokens, in memory only */
    struct mailboxes *owner;
    uint64_t id;
    char *access;    /* wiped when replaced */
    int64_t expires; /* wall */
    bool refreshing, provisional;
    struct waiter *waiters;
};
struct mailboxes {
    struct mailboxes_options options;
    char *base_url;
    struct provider_set *providers;
    struct map accounts; /* mailbox id to struct account */
    struct map connects; /* state to struct connect */
};

/* -- oauth.c: forms, answers and claims; pure but for reading the client's secret ----------------
 */
struct token_answer {
    char *access, *refresh, *scope, *id_token; /* wiped by token_answer_finish */
    int64_t expires_in;                        /* ms */
    char *error, *suberror, *description;
};
void form_add(struct buf *form, const char *name, const char *value);
/* false: what came is no answer of a token endpoint. */
bool token_answer_parse(struct token_answer *answer, struct bytes body);
void token_answer_finish(struct token_answer *answer);
/* Adds client_id and, where one is configured, client_secret. -EACCES and others, with a sentence.
 */
int form_add_client(struct mailboxes *mailboxes, const char *provider, struct buf *form,
                    struct buf *error);
/* The id_token's claims that must hold (OIDC Core 3.1.3.7); a sentence, or NULL when they do. */
const char *id_token_fault(const char *id_token, const char *client_id, const char *nonce,
                           int64_t now);
char *query_value(const char *query, const char *name); /* decoded; NULL: not there; freed */
char *random_text(size_t bytes);                        /* base64url; freed */

/* -- grant.c -------------------------------------------------------------------------------------
 */
struct account *account_of(struct mailboxes *mailboxes, uint64_t id, bool make);
void account_set(struct account *account, const char *access, int64_t expires_in);
void account_forget(struct mailboxes *mailboxes, uint64_t id);
int grant_seal(struct mailboxes *mailboxes, uint64_t mailbox, const char *refresh,
               struct buf *sealed);
int grant_unseal(struct mailboxes *mailboxes, uint64_t mailbox, struct buf *refresh);
/* Tells the provider to end the grant of this token; over(arg, said) once it answered, or did not.
 */
void grant_revoke(struct mailboxes *mailboxes, const char *provider, const char *token,
                  void (*over)(void *arg, const char *said), void *arg);

/* -- life.c --------------------------------------------------------------------------------------
 */
void mailboxes_submit(struct mailboxes *mailboxes, store_apply *apply, store_done *done, void *arg);
int mailbox_load(struct mailboxes *mailboxes, uint64_t id, struct mailbox *mailbox_r);
void connects_forget(struct mailboxes *mailboxes);
#endif
