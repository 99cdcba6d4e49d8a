/* sandbox/google_query.h: the search box's language, as far as a mail client uses it. */
#ifndef SANDBOX_GOOGLE_QUERY_H
#define SANDBOX_GOOGLE_QUERY_H
#include "sandbox/google_mailbox.h"

struct google_term {
    char *key, *value; /* key "" for a bare word; lower case but for rfc822msgid */
    bool negated;
};

struct google_query {
    struct google_term *terms;
    size_t count;
    bool anywhere; /* it names spam, trash or everything itself */
};

void google_query_init(struct google_query *query, const char *text);
void google_query_finish(struct google_query *query);
bool google_query_fits(const struct google_query *query, const struct google_message *message);
/* The id that rfc822msgid: asks for, or NULL. Lent. */
const char *google_query_message_id(const struct google_query *query);
#endif
