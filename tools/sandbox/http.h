/* sandbox/http.h: what a provider's stand-in is asked and answers, whatever HTTP it came over. */
#ifndef SANDBOX_HTTP_H
#define SANDBOX_HTTP_H
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sbx_header {
    const char *name, *value; /* the name in lower case */
};

struct sbx_request { /* lent until the handler returns */
    uint64_t number; /* 1, 2, 3... over all connections */
    uint64_t connection;
    int version;        /* 1 or 2 */
    bool reused;        /* not the first request of its connection */
    bool secure;        /* over TLS */
    const char *method; /* "GET" */
    const char *host;   /* authority, as asked */
    const char *path;   /* still percent-encoded, without the query */
    const char *query;  /* what follows '?', "" if nothing */
    const struct sbx_header *headers;
    size_t header_count;
    struct bytes body;
};

struct sbx_response {           /* zeroed before the handler is called; finished by the server */
    int status;                 /* 0 counts as 500 */
    struct sbx_header *headers; /* use sbx_response_header; content-length is the server's */
    size_t header_count;
    struct buf body;
    char *note;      /* for requests.log: who and what it was taken for ("ana@acme.example
                        messages.send") */
    int64_t hold_ms; /* real: the answer leaves so much later */
    bool later;      /* it is not there yet: sbx_answer_now says when it is */
};

/* NULL: not there. Name in lower case. */
const char *sbx_request_header(const struct sbx_request *request, const char *name);
/* The decoded value of one query or form parameter, allocated; NULL: not there. `at` = 0 for the
 * first of that name, 1 for the second... */
char *sbx_parameter(const char *query, const char *name, size_t at);

/* Whether the path, cut at its slashes, is "messages/{}/send": "{}" takes any one segment, which
 * goes into `ids`. Names in any case. */
bool sbx_path_fits(const char *pattern, char **segments, size_t count, char **ids);

void sbx_response_header(struct sbx_response *response, const char *name, const char *value);
void sbx_response_text(struct sbx_response *response, int status, const char *type,
                       const char *text);
void sbx_response_finish(struct sbx_response *response);

/* The response of a request (by its number) that was to be answered later; NULL: who asked is gone.
 * sbx_answer_now brings it out once it is filled in. */
struct sbx_response *sbx_answer_pending(uint64_t number);
void sbx_answer_now(uint64_t number);

/* Answers at once, or says `later`; never blocks. */
typedef void sbx_handler(void *arg, const struct sbx_request *request,
                         struct sbx_response *response);
#endif
