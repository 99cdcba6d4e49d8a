/* sandbox/people.h: the people who get the mail, and what they do then. */
#ifndef SANDBOX_PEOPLE_H
#define SANDBOX_PEOPLE_H
#include "base/list.h"
#include "sandbox/mime.h"

#include <json-c/json.h>
#include <stdint.h>

enum deed_kind {
    DEED_NOTHING,
    DEED_REPLY,
    DEED_OTHER_ADDRESS,
    DEED_AUTO_REPLY,
    DEED_OUT_OF_OFFICE,
    DEED_BOUNCE_HARD,
    DEED_BOUNCE_SOFT,
    DEED_UNSUBSCRIBE,
    DEED_COMPLAINT,
    DEED_NO_REFERENCES,
    DEED_CHANGED_SUBJECT,
    DEED_SPAM,
    DEED_UNRELATED,
    DEED_LIMIT, /* the sender's own organisation has reached its limit: the mail never left */
};

/* A mail that a mailbox got: NULL for what is not known. All lent. */
struct people_arrived {
    const char *id, *thread_id, *message_id;
};

/* One provider's mailboxes, as the people see them. */
struct people_side {
    struct list node;
    bool exchange; /* its bounces are written as Exchange writes them, not as Gmail does */
    void *(*account)(const char *address); /* NULL: none of that address here */
    /* Takes the bytes. `thread_of`: a message of that mailbox, whose thread it joins whatever its
     * headers say; NULL: where the provider puts it. */
    void (*deliver)(void *account, struct buf *mail, void *thread_of, bool spam,
                    struct people_arrived *arrived_r);
};

/* A mail as the people got it, of which the sender has a copy. All lent, for good. */
struct people_mail {
    const struct people_side *side;
    void *account, *message; /* the side's own */
    const char *address;     /* the account's */
    const char *message_id;
    const struct mime_headers *headers;
    const char *raw;
};

struct deed {
    struct list node; /* on the list of those still to come */
    enum deed_kind kind;
    struct people_mail of;
    char *person;
    uint64_t nth, hash;
};

/* Makes a side known; it lives as long as the program. */
void people_side_add(struct people_side *side);
/* Whoever has that address here gets the mail (copied); false: nobody has it. */
bool people_deliver(const char *address, const void *mail, size_t len);

/* A message to `person` was accepted: decides what the person does, and when. What it decides
 * depends on seed, person and how many messages the person got before, on nothing else. */
void people_received(const struct people_mail *mail, const char *person);
/* What the person does is not theirs to choose: a server refuses it. */
void people_refused(const struct people_mail *mail, const char *person, enum deed_kind kind);
/* Nobody remembers anything, and nothing is still to come; scripts and shares stay. */
void people_forget(void);
struct json_object *people_set(struct json_object *asked);    /* "people" */
struct json_object *people_script(struct json_object *asked); /* "script" */

/* What the deed brings into the sender's mailbox. `from_r` gets the address it comes from. */
void compose(struct buf *mail, const struct deed *deed, char **from_r);
/* Mail of a stranger to this address, with canaries in From, Subject, headers and body. */
void compose_unrelated(struct buf *mail, const char *address, uint64_t hash, char **from_r);
/* What "deliver" of the control socket asks for; `mark` makes its Message-ID. */
void compose_asked(struct buf *mail, struct json_object *asked, const char *to, uint64_t mark);
/* Pairs of name and value, for "mailbox.dump". */
struct json_object *mime_headers_dump(const struct mime_headers *headers);
#endif
