/* smtp-imap/plugin.h: what the plugin's files share: the session, failures, the operations.
 *
 * All on the loop thread. SMTP (smtp.c) and IMAP (imap.c and what is on it) know each other only
 * by what stands here. */
#ifndef SMTP_IMAP_PLUGIN_H
#define SMTP_IMAP_PLUGIN_H
#include "host.h"
#include "line.h"
#include "text.h"

#include <postrider/ext/push.h>
#include <postrider/provider.h>

struct smtp; /* smtp.c's: an idle line, and what it knows of the server */
struct imap; /* imap.c's: a line with a mailbox open on it              */
struct job;  /* job.h: an operation that waits for IMAP, or has it      */
struct watch;

enum sent_copy { SENT_AUTO, SENT_APPEND, SENT_SERVER }; /* who files the copy in Sent */
enum label_by { LABEL_AUTO, LABEL_KEYWORDS, LABEL_FOLDERS, LABEL_OFF };

struct rider_session {
    const struct rider_host *host;
    int32_t access;
    char *address;
    char *smtp_url, *imap_url; /* imap_url NULL: sends only */
    char **folders;            /* listed beside INBOX, Junk and Sent */
    char *sent_folder;         /* as configured, modified UTF-7; NULL: by special use */
    enum sent_copy sent;
    enum label_by labels;
    struct smtp *smtp;        /* made by smtp.c when it is first needed */
    struct imap *imap;        /* the line for operations, or NULL       */
    struct rider_timer *rest; /* then an idle line is closed            */
    struct job *jobs;         /* first come first; the first has the line */
    struct watch *watch;      /* push, or NULL */
};

/* The folder of sent mail, as the server names it, once the IMAP line is ready; NULL: none known.
 */
const char *session_sent_folder(const struct rider_session *session);
/* Keeps `len` bytes of what may be put into a log or a failure: printable ASCII, the rest as '?'.
 */
void text_clean(struct text *out, const void *data, size_t len, size_t max);

/* ---- failures ---------------------------------------------------------------------------------
 */

struct failure {
    struct rider_failure failure; /* detail points to `detail`, status and claims to theirs */
    char detail[320], status[16];
};
void failure_say(struct failure *failure, enum rider_kind kind, enum rider_scope scope,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A copy of what the host said, which is lent only: "while <doing>: <its detail>". */
void failure_copy(struct failure *failure, const struct rider_failure *from, const char *doing);

/* ---- SMTP (smtp.c) ----------------------------------------------------------------------------
 */

void smtp_send(struct rider_session *session, struct rider_op *op,
               const struct rider_message *message);
/* Opens a line, says EHLO, and leaves it idle: that one can send here. `done` is called once, never
 * before this returns, with NULL or why not; not after smtp_cancel of this op. */
void smtp_check(struct rider_session *session, struct rider_op *op,
                void (*done)(void *arg, const struct failure *why), void *arg);
/* false: it is no operation of SMTP's. A send is finished; of a check only the line is closed, and
 * who asked for it finishes the operation. */
bool smtp_cancel(struct rider_session *session, struct rider_op *op);
void smtp_finish(struct rider_session *session); /* nothing is in flight; frees session->smtp */

/* ---- the operations on IMAP -------------------------------------------------------------------
 */

void plugin_identify(struct rider_session *, struct rider_op *);
void plugin_list(struct rider_session *, struct rider_op *, const struct rider_query *);
void plugin_find(struct rider_session *, struct rider_op *, const struct rider_message *);
void plugin_file(struct rider_session *, struct rider_op *, const struct rider_message *);
void plugin_read(struct rider_session *, struct rider_op *, const char *provider_id);
void plugin_label(struct rider_session *, struct rider_op *, const struct rider_label_change *);
void plugin_watch(struct rider_session *, struct rider_op *, const struct rider_watch *);
void plugin_unwatch(struct rider_session *, struct rider_op *);
bool watch_cancel(struct rider_session *session, struct rider_op *op); /* false: not its op */
void watch_close(struct rider_session *session); /* without a word: the session closes */
#endif
