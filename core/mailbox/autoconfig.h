/* mailbox/autoconfig.h: which servers a mail domain says its mailboxes are on.
 *
 * From DNS SRV records (RFC 6186; RFC 8314 for submission over TLS) and from the domain's
 * config-v1.1.xml over https (Mozilla's autoconfiguration). None of it is to be trusted: DNS can be
 * forged, and the password goes where it says. So these are proposals, which a person confirms, and
 * only servers with TLS or STARTTLS are among them. Loop thread; the parsers are pure. */
#ifndef MAILBOX_AUTOCONFIG_H
#define MAILBOX_AUTOCONFIG_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailboxes;

enum { AUTOCONFIG_MOST = 3, AUTOCONFIG_XML_MAX = 256 * 1024 };
struct autoconfig_proposal { /* a zeroed one proposes nothing */
    const char *source;      /* static: where it comes from, for a person */
    char *imap_url;          /* "imaps://host:port", or "imap://" with STARTTLS */
    char *smtp_url;          /* "smtps://", "smtp://" */
    char *user;              /* NULL: the address */
};
void autoconfig_proposal_finish(struct autoconfig_proposal *proposal);

/* proposals are lent, each with both servers; none where the domain says nothing in 10 s. The names
 * of RFC 6761 (.example, .test, .invalid, localhost) are not asked for at all. */
typedef void autoconfig_found(void *arg, const struct autoconfig_proposal *proposals, size_t count);
void autoconfig_search(struct mailboxes *mailboxes, const char *address, autoconfig_found *found,
                       void *arg);

/* -- pure --------------------------------------------------------------------------------- */
struct autoconfig_host {
    char name[256]; /* of letters, digits, dots and dashes, no dot at its end */
    uint16_t port;
};
/* The best SRV record (RFC 2782: the lowest priority, then the greatest weight) of a DNS answer.
 * false: there is none, it says that there is no such service ("."), or it is no DNS answer. */
bool autoconfig_srv(struct bytes answer, struct autoconfig_host *host_r);
/* The first IMAP and the first SMTP server with TLS and a password as login. false: there are none,
 * or it is no such file. */
bool autoconfig_xml(struct bytes xml, const char *address, struct autoconfig_proposal *proposal_r);
#endif
