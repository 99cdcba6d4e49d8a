/* smtp-imap/smtp_mail.h: a mail as SMTP wants it: its commands, its content, and whether it fits.
 * Pure.
 *
 * RFC 5321 (addresses, 4.5.2 dots, 4.5.3.1.6 lines), RFC 1870 SIZE, RFC 6152 8BITMIME, RFC 6531
 * SMTPUTF8, RFC 3461 DSN. A lone CR or LF never leaves: each becomes CRLF before dots are doubled,
 * so no line of a mail can be taken for its end by a server that reads line ends otherwise. */
#ifndef SMTP_MAIL_H
#define SMTP_MAIL_H
#include "smtp_error.h"
#include "text.h"

#include <postrider/message.h>

enum { SMTP_CONTENT_LINE_MAX = 998 };

/* What no server takes: an address that is none, NUL, a line that is too long. false: *why says. */
bool smtp_mail_is_sound(const struct rider_message *message, struct failure *why);
/* What this server does not take: size, bytes over 127, addresses that are not ASCII. */
bool smtp_mail_fits(const struct rider_message *message, const struct smtp_offers *offers,
                    struct failure *why);

/* The commands, with CRLF. MAIL says SIZE, BODY, SMTPUTF8, RET and ENVID (the marker, so that a
 * delivery report names it as its Original-Envelope-Id) where the server offers them and the mail
 * needs them; RCPT says NOTIFY=FAILURE and ORCPT. */
void smtp_mail_from(struct text *out, const struct rider_message *message,
                    const struct smtp_offers *offers);
void smtp_rcpt_to(struct text *out, const struct rider_message *message,
                  const struct smtp_offers *offers);
/* The content, without the final dot, ending in CRLF. */
void smtp_content(struct text *out, struct rider_bytes mail);
void smtp_xtext(struct text *out, const char *text); /* RFC 3461 4 */
#endif
