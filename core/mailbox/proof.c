/* mailbox/proof.c: does mail to a mailbox arrive in it? One is sent to itself and awaited.
 *
 * A password shows who may log in, not which address is the account's: without this, answers could
 * go to a mailbox that nobody here ever lists. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/compose.h"
#include "mailbox/internal.h"
#include "net/loop.h"
#include "provider/session.h"
#include "seal/seal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    OPERATION_MS = 60000,
    LOOK_FIRST_MS = 300,
    LOOK_MOST_MS = 5000,
    LOOK_LIMIT = 200,
    SLACK_MS = 24 * 3600 * 1000 /* the server's clock is its own */
};
#define NONCE_HEADER "X-Postrider-Proof"

static void look(void *arg);

/* -- the end ------------------------------------------------------------------------------- */

static void proved(struct trial *trial, int result)
{
    if (result < 0) {
        trial_end(trial, result,
                  mem_printf("mail to %s arrives, but that could not be kept here (%s); mend that, "
                             "then: postrider mailbox check %s",
                             trial->mailbox.address, strerror(-result), trial->mailbox.address));
        return;
    }
    trial->report.proved = true;
    trial_end(trial, 0,
              mem_printf("%s is connected: it signs in, and a mail to itself arrived%s.",
                         trial->mailbox.address, trial->junk ? " (in Junk)" : ""));
}

/* Stays pending, with that sentence; takes text. */
static void give_up(struct trial *trial, int status, char *text)
{
    trial->report.status = status;
    free(trial->text);
    trial->text = text;
    trial_keep(trial, MAILBOX_PENDING, text, trial_end_as_said);
}

static void gave_up_waiting(struct trial *trial)
{
    give_up(trial, -ETIMEDOUT,
            mem_printf("%s signs in, but a mail to itself was not seen to arrive in time. Perhaps "
                       "it is not the account's own address, or its mail is forwarded elsewhere; "
                       "try again: postrider mailbox check %s",
                       trial->mailbox.address, trial->mailbox.address));
}

/* -- looking ------------------------------------------------------------------------------- */

static bool holds(struct rider_bytes bytes, const char *text)
{
    return bytes.len && memmem(bytes.data, bytes.len, text, strlen(text));
}

/* The copy in Sent does not count: that one was never on its way. */
static bool take_item(void *arg, const struct rider_reply *reply)
{
    struct trial *trial = arg;

    if (reply->change == RIDER_ARRIVED &&
        (reply->where == RIDER_INBOUND || reply->where == RIDER_JUNK) &&
        holds(reply->headers, trial->nonce)) {
        trial->arrived = true;
        trial->junk = reply->where == RIDER_JUNK;
    }
    return true;
}

static void look_later(struct trial *trial)
{
    if (clock_monotonic() + trial->wait > trial->give_up) {
        gave_up_waiting(trial);
        return;
    }
    loop_timer_in(trial->timer, trial->wait);
    trial->wait = trial->wait * 3 / 2 < LOOK_MOST_MS ? trial->wait * 3 / 2 : LOOK_MOST_MS;
}

static void looked(void *arg, const struct provider_result *result)
{
    struct trial *trial = arg;
    const struct rider_failure *failure = result->failure;

    if (trial->arrived) {
        trial_keep(trial, MAILBOX_ACTIVE, NULL, proved);
    } else if (!failure) {
        buf_truncate(&trial->cursor, 0);
        buf_add(&trial->cursor, result->page->cursor.data, result->page->cursor.len);
        if (result->page->more && clock_monotonic() < trial->give_up)
            look(trial);
        else
            look_later(trial);
    } else if (failure->kind == RIDER_CURSOR_LOST || failure->kind == RIDER_TRANSIENT ||
               failure->kind == RIDER_THROTTLED) {
        buf_truncate(&trial->cursor, 0);
        look_later(trial);
    } else {
        auto_free char *detail = trial_detail(failure);

        give_up(trial, failure->kind == RIDER_AUTH ? -EACCES : -EPROTO,
                mem_printf("%s signs in, but can't be listed (%s), so it was not seen whether mail "
                           "to it arrives; mend that, then: postrider mailbox check %s",
                           trial->mailbox.address, detail, trial->mailbox.address));
    }
}

static void look(void *arg)
{
    static const char *const headers[] = {NONCE_HEADER, "Subject", NULL};
    struct trial *trial = arg;
    struct rider_query query = {.size = sizeof(query),
                                .cursor = {trial->cursor.data, trial->cursor.len},
                                .since = trial->since,
                                .limit = LOOK_LIMIT,
                                .headers = headers};

    provider_list(trial->session, &query, take_item, OPERATION_MS, looked, trial);
}

/* -- sending ------------------------------------------------------------------------------- */

static void sent(void *arg, const struct provider_result *result)
{
    struct trial *trial = arg;
    const struct rider_failure *failure = result->failure;
    auto_free char *detail = NULL;

    if (!failure || failure->kind == RIDER_UNCERTAIN) { /* seeing it settles the doubt */
        trial->timer = loop_timer_new(trial->mailboxes->options.loop, look, trial);
        loop_timer_in(trial->timer, LOOK_FIRST_MS);
        return;
    }
    detail = trial_detail(failure);
    give_up(trial, failure->kind == RIDER_TRANSIENT ? -EHOSTUNREACH : -EPROTO,
            mem_printf(
                "%s signs in, but a mail to itself was not taken (%s), so answers would not "
                "arrive either. Perhaps it is not the account's own address; correct that, or try "
                "again: postrider mailbox check %s",
                trial->mailbox.address, detail, trial->mailbox.address));
}

static int compose(const struct rider_message *message, struct buf *bytes, struct buf *error)
{
    struct mail_draft draft = {.from = message->from,
                               .to = message->to,
                               .subject = message->subject,
                               .text = message->text,
                               .message_id = message->message_id,
                               .date = clock_wall(),
                               .marker = message->marker,
                               .extra_headers = message->extra_headers};

    return mail_compose(&draft, bytes, error);
}

static void make_nonce(struct trial *trial)
{
    auto_buf struct buf hex = {0};
    uint8_t bytes[16];

    seal_random(bytes, sizeof(bytes));
    text_hex(&hex, bytes, sizeof(bytes));
    snprintf(trial->nonce, sizeof(trial->nonce), "%s", buf_text(&hex));
}

void proof_start(struct trial *trial)
{
    static const char text[] =
        "This mail was sent from this mailbox to itself by postrider, when the mailbox was "
        "connected: that it arrives here shows that answers will. You can delete it.\r\n";
    const char *address = trial->mailbox.address;
    auto_free char *subject = NULL, *id = NULL, *header = NULL;
    const char *headers[3] = {NULL, "Auto-Submitted: auto-generated", NULL};
    auto_buf struct buf bytes = {0}, error = {0};
    struct rider_message message = {.size = sizeof(message)};
    int64_t wall = clock_wall(), real = clock_real();

    make_nonce(trial);
    trial->since = (wall < real ? wall : real) - SLACK_MS;
    trial->give_up = clock_monotonic() + trial->mailboxes->options.proof_ms;
    trial->wait = LOOK_FIRST_MS;
    subject = mem_printf("postrider: does mail arrive here? (%s)", trial->nonce);
    id = mem_printf("%s@%s", trial->nonce, mail_address_domain(address));
    headers[0] = header = mem_printf(NONCE_HEADER ": %s", trial->nonce);
    message.marker = trial->nonce;
    message.message_id = id;
    message.from = message.to = address;
    message.subject = subject;
    message.text = text;
    message.extra_headers = headers;
    message.minted = wall;
    if (compose(&message, &bytes, &error) < 0) {
        give_up(trial, -EINVAL, buf_take(&error));
        return;
    }
    message.rfc5322 = (struct rider_bytes){bytes.data, bytes.len};
    provider_send(trial->session, &message, OPERATION_MS, sent, trial);
}
