/* mail/address.h: mail addresses: what is one, when two are the same, and lists of them in headers.
 *
 * An address is an addr-spec (RFC 5322 3.4.1, RFC 5321 4.5.3.1, RFC 6531 for other scripts):
 * local@domain, the local part a dot-atom or a quoted string of 1 to 64 bytes, the domain names
 * of letters, digits and hyphens (or of another script, by IDNA 2008) with at least one dot; at
 * most 254 bytes together. No comments, no source routes, no address literals, no blanks around
 * it. Pure, any thread; buffers are appended to, and untouched on failure. */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { MAIL_ADDRESS_MAX = 254, MAIL_LOCAL_MAX = 64, MAIL_LIST_MAX = 200 };

/* NULL: it is an address. Otherwise why not, a static sentence without the address in it. */
const char *mail_address_fault(const char *address);
bool mail_address_valid(const char *address);

/* The key of a person: the local part case-folded (all scripts, NFC), dots and plus tags kept; the
 * domain lower-cased and as ASCII (IDNA). Two addresses are one person's when their keys are equal.
 * -EINVAL: not an address (mail_address_fault says why). */
int mail_address_key(const char *address, struct buf *key_r);

/* The address as it stands in a header or an envelope: the domain as ASCII, case kept otherwise.
 * -EINVAL: not an address. */
int mail_address_wire(const char *address, struct buf *wire_r);

/* What follows the last @ of an address or a key; lent; NULL: there is no @. */
const char *mail_address_domain(const char *address);

/* The company of an address or key: its registrable domain (public suffix list), lower-cased ASCII.
 * Adds nothing for a public mail domain (gmail.com, outlook.com, ...), for a domain that is itself
 * a public suffix, and returns -ENOENT then. -EINVAL: not an address. */
int mail_company(const char *address, struct buf *company_r);
/* Whether anybody may have an address there. `domain` in any case, ASCII or not. */
bool mail_domain_is_public(const char *domain);

/* The addresses of a From, To, Cc or Reply-To value (raw, unfolded), in their order: names decoded
 * (RFC 2047) to UTF-8 without controls, comments dropped, groups opened, source routes dropped,
 * what can't be read passed over; at most MAIL_LIST_MAX and 64 KiB of value. `each` gets an address
 * that mail_address_valid takes and a name, "" when there is none, both lent for the call; false
 * from it ends the walk. Returns how many were handed over. */
size_t mail_address_each(const char *value,
                         bool (*each)(void *arg, const char *address, const char *name), void *arg);
/* The first of them. `name_r` may be NULL. -ENOENT: there is none. */
int mail_address_first(const char *value, struct buf *address_r, struct buf *name_r);
#endif
