/* smtp-imap/smtp.c: the conversation with the submission server: one line a mailbox, mail by mail.
 *
 * RFC 6409, RFC 5321, RFC 2920. The host has signed in; EHLO is said again, since what the first
 * one offered was not handed over. MAIL and RCPT go together where the server takes them so, DATA
 * never with them: a mail whose recipient is refused is then never begun. The final dot is the one
 * write that commits; what fails before it has not happened, and a line that turns out to have died
 * while it was idle is opened again, once. */
#include "smtp_mail.h"

#include <stdlib.h>
#include <string.h>

enum {
    REST_MS = 60000,    /* an idle line is closed after it                      */
    QUIT_MS = 2000,     /* and QUIT waits so long for its answer                */
    MAILS_A_LINE = 100, /* servers count; a new line is cheap                   */
    UNTAKEN_MAX = 65536 /* what comes is read at once                          */
};

struct sending { /* a mail, or a check, that waits for the line or has it */
    struct sending *next;
    struct rider_op *op;
    const struct rider_message *message; /* lent until the op is finished; NULL: a check */
    void (*checked)(void *arg, const struct failure *why);
    void *arg;
    bool reopened; /* its line was dead when it came to it; once is enough */
    int64_t since; /* when it came */
};

struct smtp {
    struct rider_session *session;
    struct line *line; /* NULL: none */
    struct smtp_reader reader;
    struct smtp_offers offers;
    enum smtp_phase phase;   /* what the next reply answers */
    enum smtp_phase written; /* the last command that is on its way */
    bool fresh;              /* the line was opened for the first of the queue */
    bool heard;              /* a reply came for it                            */
    bool quitting;
    unsigned skip;  /* replies to come of a mail that is over */
    unsigned mails; /* that went over this line               */
    struct rider_timer *rest;
    struct sending *queue; /* the first has the line */
};

static void begin(struct smtp *smtp);

/* -- the line ------------------------------------------------------------------------------------
 */

static void drop(struct smtp *smtp)
{
    line_free(smtp->line);
    smtp->session->host->forget(smtp->rest);
    smtp->line = NULL;
    smtp->rest = NULL;
    smtp->phase = SMTP_AT_OPEN;
    smtp->quitting = false;
    smtp->skip = smtp->mails = 0;
}

static void quit_waited(void *arg)
{
    struct smtp *smtp = arg;

    smtp->rest = NULL;
    drop(smtp);
}

static void quit(struct smtp *smtp)
{
    static const char bye[] = "QUIT\r\n";

    line_use(smtp->line, NULL);
    line_write(smtp->line, bye, sizeof(bye) - 1, false);
    smtp->quitting = true;
    smtp->session->host->forget(smtp->rest);
    smtp->rest = smtp->session->host->after(smtp->session->host, QUIT_MS, quit_waited, smtp);
}

static void rested(void *arg)
{
    struct smtp *smtp = arg;

    smtp->rest = NULL;
    quit(smtp);
}

static void rest(struct smtp *smtp)
{
    const struct rider_host *host = smtp->session->host;

    smtp->phase = SMTP_AT_REST;
    line_use(smtp->line, NULL);
    host->forget(smtp->rest);
    smtp->rest = NULL;
    if (smtp->mails >= MAILS_A_LINE)
        quit(smtp);
    else
        smtp->rest = host->after(host, REST_MS, rested, smtp);
}

/* -- the end of a mail ---------------------------------------------------------------------------
 */

/* Takes the first of the queue out. The next one begins after the end was told. */
static struct sending *take(struct smtp *smtp)
{
    struct sending *first = smtp->queue;

    smtp->queue = first->next;
    return first;
}

static void tell(struct smtp *smtp, struct sending *sending, const struct failure *why)
{
    const struct rider_host *host = smtp->session->host;
    struct rider_sent sent = {.size = sizeof(sent), .state = RIDER_IS_SENT, .final = true};

    if (!sending->message) {
        sending->checked(sending->arg, why);
    } else if (why) {
        host->fail(sending->op, &why->failure);
    } else {
        sent.message_id = sending->message->message_id;
        host->send_done(sending->op, &sent);
    }
    free(sending);
}

static void next(struct smtp *smtp)
{
    if (smtp->queue)
        begin(smtp);
    else if (smtp->line)
        rest(smtp);
}

/* The line is still good. */
static void end(struct smtp *smtp, const struct failure *why)
{
    struct sending *over = take(smtp);

    smtp->phase = SMTP_AT_REST;
    tell(smtp, over, why);
    next(smtp);
}

static void end_line(struct smtp *smtp, const struct failure *why)
{
    struct sending *over = take(smtp);

    drop(smtp);
    tell(smtp, over, why);
    next(smtp);
}

/* It would be the same for all that wait: knocking again for each could lock the account. */
static void end_all(struct smtp *smtp, const struct failure *why)
{
    struct sending *over = smtp->queue;

    drop(smtp);
    smtp->queue = NULL;
    while (over) {
        struct sending *one = over;

        over = one->next;
        tell(smtp, one, why);
    }
}

/* -- what is said --------------------------------------------------------------------------------
 */

/* By the mailbox's domain, as the host did before it signed in; where the machine stands is
 * nobody's business. RFC 5321 4.1.3 where that can't be said in ASCII. */
static void put_ehlo(struct text *out, const char *address)
{
    const char *domain = address ? strrchr(address, '@') : NULL;
    const char *good = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

    if (domain && domain[1] && strspn(domain + 1, good) == strlen(domain + 1))
        text_printf(out, "EHLO %s\r\n", domain + 1);
    else
        text_str(out, "EHLO [127.0.0.1]\r\n");
}

static void put_command(struct smtp *smtp, struct text *out, enum smtp_phase phase)
{
    const struct rider_message *message = smtp->queue->message;

    if (phase == SMTP_AT_EHLO)
        put_ehlo(out, smtp->session->address);
    else if (phase == SMTP_AT_RSET)
        text_str(out, "RSET\r\n");
    else if (phase == SMTP_AT_MAIL)
        smtp_mail_from(out, message, &smtp->offers);
    else if (phase == SMTP_AT_RCPT)
        smtp_rcpt_to(out, message, &smtp->offers);
    else
        text_str(out, "DATA\r\n");
}

/* Nothing may have been said to us that we did not ask for: the next answer would be another's. */
static bool in_step(struct smtp *smtp, enum smtp_phase phase)
{
    struct failure why;

    if (smtp->skip || !line_bytes(smtp->line).len)
        return true;
    smtp_failure_say(&why, RIDER_TRANSIENT, RIDER_MAILBOX,
                     "the mail server answered before it was asked (%s)", smtp_phase_name(phase));
    end_line(smtp, &why);
    return false;
}

/* Waits for the reply to this command; says it, unless it is on its way already. */
static void ask(struct smtp *smtp, enum smtp_phase phase)
{
    struct text out = {0};
    enum smtp_phase last = phase;

    smtp->phase = phase;
    if (smtp->written >= phase || !in_step(smtp, phase))
        return;
    if (smtp->offers.pipelining && smtp->queue->message && phase >= SMTP_AT_RSET &&
        phase < SMTP_AT_RCPT)
        last = SMTP_AT_RCPT;
    for (enum smtp_phase at = phase; at <= last; at++)
        put_command(smtp, &out, at);
    smtp->written = last;
    line_write(smtp->line, out.data, out.len, false);
    text_free(&out);
}

static void give_content(struct smtp *smtp)
{
    struct text content = {0};

    smtp->phase = SMTP_AT_DOT;
    if (!in_step(smtp, SMTP_AT_DATA))
        return;
    smtp->written = SMTP_AT_DOT;
    smtp_content(&content, smtp->queue->message->rfc5322);
    line_write(smtp->line, content.data, content.len, false);
    line_write(smtp->line, ".\r\n", 3, true);
    text_free(&content);
}

/* -- what is heard -------------------------------------------------------------------------------
 */

static const char *subject_of(const struct smtp *smtp)
{
    const struct rider_message *message = smtp->queue->message;

    return message ? message->subject : NULL;
}

/* Whether the line was kept from an earlier mail, and may simply have been closed since. */
static bool may_reopen(const struct smtp *smtp)
{
    return !smtp->fresh && !smtp->queue->reopened && smtp->phase <= SMTP_AT_RCPT;
}

static bool was_stale(const struct smtp *smtp)
{
    return may_reopen(smtp) && !smtp->heard;
}

static void reopen(struct smtp *smtp)
{
    smtp->queue->reopened = true;
    drop(smtp);
    begin(smtp);
}

static void accepted(struct smtp *smtp)
{
    const struct rider_host *host = smtp->session->host;
    const struct rider_message *message = smtp->queue->message;
    char words[160];

    /* The server's number for it, which its operator can look up. A whole marker looks like a token
     * to the host, and would be hidden. */
    smtp_words(words, sizeof(words), &smtp->reader.reply, message->subject);
    host->log(host, 2, "message %.20s... was accepted by the mail server: %s",
              message->marker ? message->marker : "", words);
    smtp->mails++;
    line_answered(smtp->line);
    end(smtp, NULL);
}

static void refused(struct smtp *smtp, const struct smtp_reply *reply)
{
    struct failure why;
    enum smtp_phase phase = smtp->phase;

    smtp_failure_read(&why, phase, reply, subject_of(smtp));
    if (why.failure.kind == RIDER_AUTH && may_reopen(smtp)) {
        reopen(smtp); /* its sign-in has run out; the host's next one is new */
        return;
    }
    if (phase == SMTP_AT_DOT && reply->code != 421 && reply->code >= 400)
        line_answered(smtp->line);
    if (phase == SMTP_AT_EHLO) {
        end_all(smtp, &why);
    } else if (reply->code < 400 || reply->code == 421 || why.failure.kind == RIDER_AUTH) {
        end_line(smtp, &why);
    } else {
        smtp->skip = smtp->written > phase ? (unsigned)(smtp->written - phase) : 0;
        end(smtp, &why);
    }
}

static void greeted(struct smtp *smtp)
{
    struct failure why;

    smtp_offers_read(&smtp->reader.reply, &smtp->offers);
    if (!smtp->queue->message)
        end(smtp, NULL);
    else if (!smtp_mail_fits(smtp->queue->message, &smtp->offers, &why))
        end(smtp, &why);
    else
        ask(smtp, SMTP_AT_MAIL);
}

/* One whole reply. */
static void heard(struct smtp *smtp)
{
    const struct smtp_reply *reply = &smtp->reader.reply;
    bool good = reply->code / 100 == (smtp->phase == SMTP_AT_DATA ? 3 : 2);

    if (smtp->skip && reply->code != 421) {
        smtp->skip--;
    } else if (smtp->quitting || !smtp->queue) {
        drop(smtp); /* the answer to QUIT, or a server that hangs up on an idle line */
    } else if ((reply->code == 421 || smtp->phase == SMTP_AT_RSET) && !good && was_stale(smtp)) {
        reopen(smtp);
    } else if (!good) {
        refused(smtp, reply);
    } else {
        smtp->heard = true;
        if (smtp->phase == SMTP_AT_EHLO)
            greeted(smtp);
        else if (smtp->phase == SMTP_AT_DOT)
            accepted(smtp);
        else if (smtp->phase == SMTP_AT_DATA)
            give_content(smtp);
        else if (smtp->phase == SMTP_AT_RSET && !smtp->queue->message)
            end(smtp, NULL);
        else
            ask(smtp, smtp->phase + 1);
    }
}

static void garbled(struct smtp *smtp)
{
    struct failure why;

    if (!smtp->queue || smtp->quitting) {
        drop(smtp);
        return;
    }
    smtp_failure_garbled(&why, smtp->phase);
    end_line(smtp, &why);
}

static void on_data(void *arg)
{
    struct smtp *smtp = arg;
    struct rider_bytes bytes;

    /* What is heard may end the line, or open another. */
    while (smtp->line && line_is_open(smtp->line) && (bytes = line_bytes(smtp->line)).len) {
        size_t used;
        enum smtp_read got = smtp_read(&smtp->reader, bytes.data, bytes.len, &used);

        line_take(smtp->line, used);
        if (got == SMTP_BROKEN)
            garbled(smtp);
        else if (got == SMTP_WHOLE)
            heard(smtp);
    }
}

static void on_opened(void *arg)
{
    struct smtp *smtp = arg;

    ask(smtp, SMTP_AT_EHLO);
}

static void on_closed(void *arg, const struct rider_failure *lost)
{
    struct smtp *smtp = arg;
    struct failure why;

    if (!smtp->queue || smtp->quitting) {
        drop(smtp);
    } else if (smtp->phase == SMTP_AT_OPEN) {
        smtp_failure_lost(&why, smtp->phase, lost);
        end_all(smtp, &why);
    } else if (was_stale(smtp)) {
        reopen(smtp);
    } else {
        smtp_failure_lost(&why, smtp->phase, lost);
        end_line(smtp, &why);
    }
}

/* -- beginning -----------------------------------------------------------------------------------
 */

static void open_line(struct smtp *smtp)
{
    static const struct line_events events = {on_opened, on_data, on_closed};
    struct rider_session *session = smtp->session;

    memset(&smtp->reader, 0, sizeof(smtp->reader));
    memset(&smtp->offers, 0, sizeof(smtp->offers));
    smtp->phase = smtp->written = SMTP_AT_OPEN;
    smtp->fresh = true;
    smtp->line =
        line_open(session->host, session->smtp_url, smtp->queue->op, 0, UNTAKEN_MAX, &events, smtp);
}

/* Half of its time went by while others were slow: what is begun now may get no answer in time, and
 * then nobody knows. */
static bool is_late(const struct smtp *smtp)
{
    const struct sending *first = smtp->queue;
    int64_t deadline = first->op->deadline;
    int64_t now = smtp->session->host->monotonic(smtp->session->host);

    return deadline && first->message && now - first->since > deadline - now;
}

/* The first of the queue gets the line. */
static void begin(struct smtp *smtp)
{
    const struct rider_message *message = smtp->queue->message;
    struct failure why;

    if (is_late(smtp)) {
        smtp_failure_say(&why, RIDER_TRANSIENT, RIDER_MESSAGE,
                         "the mails before it took too long: it was not begun");
        end(smtp, &why);
        return;
    }
    smtp->heard = false;
    if (smtp->line && (smtp->quitting || smtp->mails >= MAILS_A_LINE))
        drop(smtp);
    if (!smtp->line) {
        open_line(smtp);
        return;
    }
    smtp->session->host->forget(smtp->rest);
    smtp->rest = NULL;
    smtp->fresh = false;
    line_use(smtp->line, smtp->queue->op);
    if (message && !smtp_mail_fits(message, &smtp->offers, &why)) {
        end(smtp, &why);
        return;
    }
    smtp->written = SMTP_AT_EHLO;
    ask(smtp, SMTP_AT_RSET);
}

static void enqueue(struct rider_session *session, struct sending *sending)
{
    struct smtp *smtp = session->smtp;
    struct sending **at;

    sending->since = session->host->monotonic(session->host);
    if (!smtp) {
        smtp = session->smtp = text_alloc(sizeof(*smtp));
        smtp->session = session;
    }
    for (at = &smtp->queue; *at; at = &(*at)->next)
        ;
    *at = sending;
    if (smtp->queue == sending)
        begin(smtp);
}

void smtp_send(struct rider_session *session, struct rider_op *op,
               const struct rider_message *message)
{
    struct failure why;
    struct sending *sending;

    if (!smtp_mail_is_sound(message, &why)) {
        session->host->fail(op, &why.failure);
        return;
    }
    sending = text_alloc(sizeof(*sending));
    sending->op = op;
    sending->message = message;
    enqueue(session, sending);
}

void smtp_check(struct rider_session *session, struct rider_op *op,
                void (*done)(void *arg, const struct failure *why), void *arg)
{
    struct sending *sending = text_alloc(sizeof(*sending));

    sending->op = op;
    sending->checked = done;
    sending->arg = arg;
    enqueue(session, sending);
}

/* -- ending early --------------------------------------------------------------------------------
 */

/* Whether the dot had left only the host knows, and then it makes this UNCERTAIN. */
static void cancelled(struct rider_session *session, struct rider_op *op, enum smtp_phase phase)
{
    struct failure why;

    if (op->deadline && session->host->monotonic(session->host) >= op->deadline)
        smtp_failure_say(&why, RIDER_TRANSIENT, RIDER_MAILBOX,
                         "the mail server did not answer in time (SMTP, at %s)",
                         smtp_phase_name(phase));
    else
        smtp_failure_say(&why, RIDER_CANCELLED, RIDER_MESSAGE, "it was cancelled (SMTP, at %s)",
                         smtp_phase_name(phase));
    session->host->fail(op, &why.failure);
}

bool smtp_cancel(struct rider_session *session, struct rider_op *op)
{
    struct smtp *smtp = session->smtp;
    struct sending **at, *it;
    bool first;

    if (!smtp)
        return false;
    for (at = &smtp->queue; *at && (*at)->op != op; at = &(*at)->next)
        ;
    if (!(it = *at))
        return false;
    first = it == smtp->queue;
    *at = it->next;
    if (it->message)
        cancelled(session, op, first ? smtp->phase : SMTP_AT_REST);
    free(it);
    if (first) {
        drop(smtp);
        next(smtp);
    }
    return true;
}

void smtp_finish(struct rider_session *session)
{
    struct smtp *smtp = session->smtp;

    if (!smtp)
        return;
    drop(smtp);
    while (smtp->queue)
        free(take(smtp));
    free(smtp);
    session->smtp = NULL;
}
