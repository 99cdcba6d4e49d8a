/* mail/ids.h: message ids as they stand in Message-ID, In-Reply-To and References.
 *
 * RFC 5322 3.6.4, read leniently: ids are `<...>` wherever they stand, an id broken by folding is
 * joined, one without brackets counts if it has an `@`, phrases are passed over. Pure, any thread.
 */
#ifndef MAIL_IDS_H
#define MAIL_IDS_H
#include "mail/header.h"

#include <stdbool.h>
#include <stddef.h>

enum { MAIL_IDS_MAX = 200, MAIL_ID_LENGTH_MAX = 998 };

struct mail_ids { /* a zeroed one is empty                    */
    char **ids;   /* without brackets, as written, each once  */
    size_t count;
};

/* Appends the ids of a raw value, in its order. Beyond MAIL_IDS_MAX the middle is what goes: the
 * first and the newest stay. NULL adds nothing. */
void mail_ids_scan(struct mail_ids *ids, const char *value);
/* What a mail answers, the likeliest first: In-Reply-To, then References from its end. */
void mail_ids_answered(struct mail_ids *ids, const struct mail_headers *headers);
void mail_ids_finish(struct mail_ids *ids);

/* The form to keep, and to write into In-Reply-To: no brackets, no blanks. The caller frees it.
 * NULL for an id that has nothing in it. */
char *mail_id_bare(const char *id);
/* The form to look up by: the same, and the domain lower-cased. */
char *mail_id_key(const char *id);
/* Whether both are the same id: left side exact, domain folded, brackets or none. */
bool mail_id_same(const char *a, const char *b);
#endif
