/* sandbox/google_people.h: the people who get the mail, and what they do then. */
#ifndef SANDBOX_GOOGLE_PEOPLE_H
#define SANDBOX_GOOGLE_PEOPLE_H
#include "sandbox/google_mailbox.h"

enum google_deed_kind {
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
};

struct google_deed {
    struct list node; /* on the list of those still to come */
    enum google_deed_kind kind;
    struct google_message *of; /* the sent copy it is about */
    char *person;
    uint64_t nth, hash;
};

/* A message to `person` was accepted: decides what the person does, and when. What it decides
 * depends on seed, person and how many messages the person got before, on nothing else. */
void google_people_received(struct google_message *message, const char *person);
/* Nobody remembers anything, and nothing is still to come; scripts and shares stay. */
void google_people_forget(void);
struct json_object *google_people_set(struct json_object *asked);
struct json_object *google_people_script(struct json_object *asked);

/* What the deed brings into the sender's mailbox. `from_r` gets the address it comes from. */
void google_compose(struct buf *mail, const struct google_deed *deed, char **from_r);
/* Mail of a stranger to this account, with canaries in From, Subject, headers and body. */
void google_compose_unrelated(struct buf *mail, const struct google_account *account, uint64_t hash,
                              char **from_r);
#endif
