/* mail/compose.h: a mail from its parts to the bytes that are sent.
 *
 * RFC 5322 and MIME, CRLF, UTF-8, lines of at most 998 bytes (RFC 5322 2.1.1); text parts are
 * quoted printable or base64, so any script passes any relay. The same parts always give the same
 * bytes: the boundary comes from the message id, the date from `date`. No field may hold CR, LF,
 * NUL or another control but tab; in text and html CRLF, LF, CR, form feeds and vertical tabs end a
 * line, and other controls but tab are left out. Call mail_init (mail/header.h) first. Pure, any
 * thread. */
#ifndef MAIL_COMPOSE_H
#define MAIL_COMPOSE_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAIL_TEXT_MAX = 4 * 1024 * 1024, /* of text and of html, each                 */
    MAIL_SUBJECT_MAX = 2000,         /* bytes; names the same                     */
    MAIL_REFERENCES_MAX = 20         /* kept: the first and the newest            */
};

struct mail_draft {        /* all lent for the call; NULL or 0: not there, unless said */
    const char *from;      /* address; required                                    */
    const char *from_name; /* any script                                           */
    const char *reply_to;  /* address                                              */
    const char *to;        /* address; required, exactly one                       */
    const char *to_name;
    const char *subject; /* required, may be ""                                  */
    const char *text;    /* one of text and html is required; html alone gets a text part */
    const char *html;
    const char *message_id;           /* without brackets; required                  */
    const char *in_reply_to;          /* without brackets                            */
    const char *const *references;    /* oldest first, without brackets, ends in NULL */
    int64_t date;                     /* Unix ms; required                           */
    int32_t utc_offset;               /* minutes east of UTC, -1439 to 1439          */
    const char *marker;               /* the value of X-Postrider-Id                 */
    const char *unsubscribe_url;      /* https                                       */
    const char *unsubscribe_mailto;   /* address, or "mailto:..." as it shall stand  */
    bool one_click;                   /* RFC 8058; needs unsubscribe_url             */
    const char *const *extra_headers; /* "Name: value", ASCII, none that is ours; ends in NULL */
};

/* 0: the whole message was appended to rfc5322_r. -EINVAL: nothing was; error_r got a sentence that
 * names the field. error_r may be NULL. */
int mail_compose(const struct mail_draft *draft, struct buf *rfc5322_r, struct buf *error_r);

/* The subject of an answer in the thread of a mail with this subject: "Re: " before it unless it
 * has one already. */
void mail_reply_subject(const char *subject, struct buf *subject_r);

/* What a person would read of an HTML text: blocks as lines, links as "text (url)", lists with
 * dashes, entities decoded; no tags, no scripts, no styles. */
void mail_html_text(const char *html, struct buf *text_r);
#endif
