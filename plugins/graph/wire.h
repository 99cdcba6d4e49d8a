/* graph/wire.h: what Graph's API says, from bytes to structs, and messages the other way.
 *
 * Microsoft Graph v1.0, mail (graph.v1.mail.csdl.xml). Pure: bytes from a stranger in, structs out;
 * -1 when they can't be read. */
#ifndef GRAPH_WIRE_H
#define GRAPH_WIRE_H
#include "headers.h"
#include "report.h"
#include "text.h"
#include "times.h"

#include <postrider/message.h>

enum { WIRE_ITEMS_MAX = 1000, WIRE_HEADERS_MAX = 1000, WIRE_BATCH_MAX = 20 };

struct wire_error {  /* {"error": {"code", "message", "innerError": {"code"}}} */
    char code[96];   /* the most specific one                   */
    bool resync;     /* the delta's state is gone               */
    bool external;   /* the tenant's limit of external recipients */
    bool submission; /* the mailbox's own sending limit         */
};
void wire_error_read(struct wire_error *error, const void *data, size_t len);
bool wire_is_code(const struct wire_error *error, const char *code); /* case is no matter */

struct wire_message { /* message; what was not selected is NULL or 0 */
    char *id, *etag;
    char *conversation, *message_id; /* internetMessageId, with its brackets      */
    char *from, *to;                 /* "Name <address>"; the first recipient's    */
    char *from_address, *to_address; /* bare                                       */
    char *subject;
    char **categories;               /* ends in NULL; NULL: not said                             */
    bool draft, says_draft, removed; /* says_draft: whether it is one was said */
    int64_t received, sent;          /* Unix ms; 0: not said                                */
    struct wire_headers headers;
};
int wire_message_read(struct wire_message *message, const void *data, size_t len);
void wire_message_free(struct wire_message *message);
const char *wire_header(const struct wire_message *message, const char *name); /* or NULL */
/* The named headers as a block of "Name: value" lines, CRLF. What internetMessageHeaders has not is
 * made from the message's own fields (Sent Items have no Message-ID there, facts 4.4). */
void wire_header_block(const struct wire_message *message, char *const *names, struct text *out);

struct wire_page { /* a collection of messages, or a page of a delta */
    struct wire_message *messages;
    size_t count;
    char *next, *delta; /* links, or NULL */
};
int wire_page_read(struct wire_page *page, const void *data, size_t len);
void wire_page_free(struct wire_page *page);

struct wire_user { /* /me */
    char *id, *address, *principal, *name;
    char **aliases; /* NULL: not said */
};
int wire_user_read(struct wire_user *user, const void *data, size_t len);
void wire_user_free(struct wire_user *user);

char **wire_categories_read(const void *data, size_t len); /* masterCategories' names; or NULL */
char *wire_text_read(const void *data, size_t len);        /* body.content of a message; or NULL */

struct wire_subscription {
    char *id;
    int64_t expires;
};
int wire_subscription_read(struct wire_subscription *subscription, const void *data, size_t len);

enum wire_life { WIRE_CHANGED, WIRE_REAUTHORIZE, WIRE_REMOVED, WIRE_MISSED };
struct wire_notice {
    char *subscription, *state; /* clientState */
    enum wire_life life;
};
struct wire_notices {
    struct wire_notice *notices;
    size_t count;
};
int wire_notices_read(struct wire_notices *notices, const void *data, size_t len);
void wire_notices_free(struct wire_notices *notices);

/* JSON batching: up to WIRE_BATCH_MAX requests, each after the one before (dependsOn). */
struct wire_part {
    const char *verb, *path; /* path: behind /v1.0                             */
    const char *body;        /* JSON, or NULL                                  */
    const char *if_match;    /* or NULL                                        */
    const char *prefer;      /* or NULL                                        */
    /* the answer */
    int status; /* 0: none came */
    struct text headers, answer;
};
void wire_batch_write(struct text *out, const struct wire_part *parts, size_t count);
int wire_batch_read(struct wire_part *parts, size_t count, const void *data, size_t len);
void wire_parts_clear(struct wire_part *parts, size_t count); /* the answers */

/* A message as JSON, for what MIME can't say (From of another, facts 4.4). */
void wire_message_write(struct text *out, const struct rider_message *message);
#endif
