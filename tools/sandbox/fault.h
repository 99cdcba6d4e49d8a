/* sandbox/fault.h: what goes wrong on purpose, by script or by seed.
 *
 * A rule that strikes "before" keeps the request from the stand-in; one that strikes "after" lets
 * it be accepted and spoils the answer. The commands are described in README.md. */
#ifndef SANDBOX_FAULT_H
#define SANDBOX_FAULT_H
#include "sandbox/http.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_STATUS,     /* another answer: status, headers, body */
    FAULT_RESET,      /* TCP RST, no answer */
    FAULT_RST_STREAM, /* HTTP/2: this stream only; HTTP/1.1: as reset */
    FAULT_GOAWAY,     /* HTTP/2: GOAWAY, then the connection ends; HTTP/1.1: closed unanswered */
    FAULT_HANG,       /* no answer until ms went by; 0: ever */
    FAULT_SLOW,       /* a byte of the body each ms, or more so that most_ms suffice */
    FAULT_TRUNCATE,   /* half of the body, then the end */
    FAULT_GARBAGE,    /* HTML with 200 */
    FAULT_EMPTY,      /* 200 without a body */
    FAULT_DELAY, /* late by ms; before: the request is taken up late, even if its sender left */
};

struct fault { /* what to do to one request */
    enum fault_kind kind;
    bool after;
    int status;
    int64_t ms;                  /* real time */
    int64_t most_ms;             /* of a slow one, all in all; 0: any */
    char name[48];               /* for requests.log: "reset after #3" */
    struct json_object *headers; /* owned; NULL: none */
    char *body;                  /* owned; NULL: none */
};

void fault_start(uint64_t seed);
void fault_stop(void);
/* Chooses what strikes this request at this point; false: nothing. `account` may be "". The first
 * rule that matches wins; the counters of all that match go on. */
bool fault_pick(const struct sbx_request *request, const char *account, bool after,
                struct fault *fault_r);
void fault_finish(struct fault *fault);
/* Makes `response` what FAULT_STATUS, _GARBAGE and _EMPTY say. */
void fault_answer(const struct fault *fault, struct sbx_response *response);

/* "fault.add", "fault.clear", "fault.list". NULL: not one of those. */
struct json_object *fault_command(const char *verb, struct json_object *asked);
#endif
