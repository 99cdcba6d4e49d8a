/* smtp-imap/smtp_error.h: what an SMTP server's refusal means: kind, scope, what must wait. Pure.
 *
 * RFC 5321 4.2.3 and 4.3.2, RFC 3463, RFC 5248, RFC 6409, and what Postfix, Exim, Exchange, Gmail
 * and SES really say. A code counts for what it does to our mail, not for what the server may have
 * meant by it: what happens to everyone who is written to is the mailbox's trouble, and nobody's
 * enrolment fails for it. */
#ifndef SMTP_ERROR_H
#define SMTP_ERROR_H
#include "plugin.h"
#include "smtp_reply.h"

enum smtp_phase { /* what was being answered, or waited for                             */
                  SMTP_AT_OPEN = 0,
                  SMTP_AT_EHLO = 1,
                  SMTP_AT_RSET = 2,
                  SMTP_AT_MAIL = 3,
                  SMTP_AT_RCPT = 4,
                  SMTP_AT_DATA = 5,
                  SMTP_AT_DOT = 6, /* from here on it may have happened                 */
                  SMTP_AT_REST = 7 /* nothing: the line waits for the next mail         */
};
/* As failure_say; what reaches as far as the mailbox holds up sending. */
void smtp_failure_say(struct failure *failure, enum rider_kind kind, enum rider_scope scope,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A reply that is not the one that was hoped for. The server's words go into the detail, addresses
 * masked; when they repeat the mail's subject they do not. subject may be NULL. */
void smtp_failure_read(struct failure *failure, enum smtp_phase phase,
                       const struct smtp_reply *reply, const char *subject);
/* Bytes that are no reply. */
void smtp_failure_garbled(struct failure *failure, enum smtp_phase phase);
/* The line could not be opened, or is lost. At the dot too this says TRANSIENT: only the host knows
 * whether the dot had left, and then makes it UNCERTAIN (ext/stream.h). why may be NULL. */
void smtp_failure_lost(struct failure *failure, enum smtp_phase phase,
                       const struct rider_failure *why);
/* The server's words, fit for a log: one line, addresses masked; "" when they repeat the subject.
 */
void smtp_words(char *out, size_t size, const struct smtp_reply *reply, const char *subject);
const char *smtp_phase_name(enum smtp_phase phase);
#endif
