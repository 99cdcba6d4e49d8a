/* smtp-imap/imap.h: an IMAP connection: one command at a time, each with a tag nobody can guess.
 *
 * The host signs in; we ask again what the server can, say who we are, and list the folders once.
 * Folders are opened by EXAMINE, so nothing is marked as read; by SELECT only to set a keyword. */
#ifndef SMTP_IMAP_IMAP_H
#define SMTP_IMAP_IMAP_H
#include "imap_parse.h"
#include "plugin.h"

enum {
    IMAP_HAS_IDLE = 1 << 0,
    IMAP_HAS_CONDSTORE = 1 << 1,
    IMAP_HAS_ENABLE = 1 << 2,
    IMAP_HAS_ESEARCH = 1 << 3,
    IMAP_HAS_SPECIAL_USE = 1 << 4,
    IMAP_HAS_LIST_EXTENDED = 1 << 5,
    IMAP_HAS_UIDPLUS = 1 << 6,
    IMAP_HAS_LITERAL_PLUS = 1 << 7,
    IMAP_HAS_ID = 1 << 8,
    IMAP_HAS_NAMESPACE = 1 << 9,
    IMAP_HAS_QRESYNC = 1 << 10
};
struct imap_open {                   /* the folder that is open */
    char *name;                      /* NULL: none */
    bool select;                     /* by SELECT */
    uint64_t validity, next, modseq; /* 0: the server did not say */
    char **keywords;                 /* PERMANENTFLAGS            */
    bool any_keyword;                /* new ones may be made      */
};
struct imap {
    struct rider_session *session;
    uint32_t has;
    bool ready;
    bool stale; /* it rested, and the server has said nothing since it is used again */
    struct imap_folder *folders;
    size_t folder_count;
    struct text prefix; /* of the owner's own folders, RFC 2342 */
    char delimiter;     /* 0: there are no folders in folders   */
    struct imap_open open;
    size_t unreadable;      /* responses to this command that could not be read */
    char *made_id;          /* of an APPEND: "validity/uid", or NULL            */
    struct imap_inner *own; /* imap.c's */
};
typedef void imap_heard(void *arg, const struct imap_response *response);

/* Connects and asks. `with_folders`: lists them, too. ready(arg), or failed(arg, why), never before
 * this returns. failed comes once, also later, when the line is lost: free it then. */
struct imap *imap_new(struct rider_session *session, struct rider_op *op, bool with_folders,
                      void (*ready)(void *arg),
                      void (*failed)(void *arg, const struct failure *why), void *arg);
void imap_use(struct imap *imap, struct rider_op *op);
/* Gives a command, without its tag. untagged (or NULL) hears each response of data and a "+" that
 * nothing waits for; then() the tagged one, and may give the next command. */
void imap_say(struct imap *imap, const char *doing, const char *command, imap_heard *untagged,
              imap_heard *then, void *arg);
/* The same with a literal at its end, which is lent until then() and commits (ext/stream.h). */
void imap_say_literal(struct imap *imap, const char *doing, const char *command,
                      struct rider_bytes literal, imap_heard *then, void *arg);
void imap_done(struct imap *imap); /* ends IDLE */
/* EXAMINE, or SELECT. imap->open tells what was learnt, when it was answered OK. */
void imap_open_folder(struct imap *imap, const char *name, bool select, imap_heard *then,
                      void *arg);
void imap_free(struct imap *imap); /* closes; NULL is fine */

/* What a tagged answer that is not OK means. */
void imap_refusal(struct imap *imap, const char *doing, const struct imap_response *response,
                  struct failure *failure);
/* Whether opening that folder was refused because it does not exist. Few servers have a code for it
 * (Dovecot 2.3 has none): one that LIST did not name is not there. */
bool imap_no_folder(struct imap *imap, const char *name, const struct imap_response *response);
void imap_folder_made(struct imap *imap, const char *name); /* by us, or it was there */
const struct imap_folder *imap_folder_for(const struct imap *imap, uint32_t use); /* or NULL */
const struct imap_folder *imap_folder_named(const struct imap *imap, const char *name);

/* ---- ids: where a mail is ---------------------------------------------------------------------
 */

struct mail_id { /* "Sent%20Items/1700000001/42": the folder's name percent-encoded */
    char *folder;
    uint64_t validity, uid;
};
void mail_id_write(struct text *out, const char *folder, uint64_t validity, uint64_t uid);
int mail_id_read(struct mail_id *id, const char *text); /* -1: none of ours */
#endif
