/* smtp-imap/smtp_mail.c: see smtp_mail.h. */
#include "smtp_mail.h"

#include <string.h>

enum { ADDRESS_MAX = 254, ENVID_MAX = 100, ORCPT_MAX = 500 };

/* -- does it fit? --------------------------------------------------------------------------------
 */

struct shape {
    size_t size, longest; /* with line ends as they are sent; without them */
    bool nul, eightbit;
};

static struct shape shape_of(struct rider_bytes mail)
{
    const unsigned char *at = mail.len ? mail.data : (const void *)"", *end = at + mail.len;
    struct shape shape = {0};
    size_t line = 0;

    for (; at < end; at++) {
        if (*at == '\r' || *at == '\n') {
            shape.size += 2;
            line = 0;
            if (*at == '\r' && at + 1 < end && at[1] == '\n')
                at++;
            continue;
        }
        shape.nul |= *at == 0;
        shape.eightbit |= *at > 127;
        shape.size++;
        if (++line > shape.longest)
            shape.longest = line;
    }
    if (line)
        shape.size += 2;
    return shape;
}

static bool is_ascii(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text > 127)
            return false;
    }
    return true;
}

/* Nothing in it ends the path it is put into, or the command. */
static bool is_address(const char *address)
{
    const char *at = address ? strrchr(address, '@') : NULL;
    bool quoted = false;

    if (!at || at == address || !at[1] || strlen(address) > ADDRESS_MAX)
        return false;
    for (const char *c = address; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 127 || (!quoted && strchr("<> ,;:\\", *c)) ||
            (!quoted && *c == '@' && c != at))
            return false;
        if (quoted && *c == '\\' && !*++c)
            return false;
        else if (*c == '"' && (c == address || c[-1] != '\\'))
            quoted = !quoted;
    }
    return !quoted && !strpbrk(at, "\"\\");
}

bool smtp_mail_is_sound(const struct rider_message *message, struct failure *why)
{
    struct shape shape = shape_of(message->rfc5322);

    if (!is_address(message->to))
        smtp_failure_say(why, RIDER_PERMANENT, RIDER_RECIPIENT,
                         "the recipient's address can't stand in an SMTP command: correct it");
    else if (!is_address(message->from))
        smtp_failure_say(why, RIDER_PERMANENT, RIDER_MAILBOX,
                         "the mailbox's own address can't stand in an SMTP command: correct it");
    else if (!shape.size)
        smtp_failure_say(why, RIDER_PERMANENT, RIDER_MESSAGE, "the mail is empty");
    else if (shape.nul)
        smtp_failure_say(why, RIDER_PERMANENT, RIDER_MESSAGE,
                         "the mail holds a NUL byte, which SMTP does not carry");
    else if (shape.longest > SMTP_CONTENT_LINE_MAX)
        smtp_failure_say(why, RIDER_PERMANENT, RIDER_MESSAGE,
                         "a line of the mail has %zu bytes; SMTP carries %d: break it up",
                         shape.longest, SMTP_CONTENT_LINE_MAX);
    else
        return true;
    return false;
}

static void code_it(struct failure *why, int32_t code, const char *status)
{
    why->failure.code = code;
    memcpy(why->status, status, strlen(status) + 1);
    why->failure.status = why->status;
}

bool smtp_mail_fits(const struct rider_message *message, const struct smtp_offers *offers,
                    struct failure *why)
{
    struct shape shape = shape_of(message->rfc5322);

    if (offers->size && shape.size > offers->size) {
        smtp_failure_say(why, RIDER_PERMANENT, RIDER_MESSAGE,
                         "the mail has %zu bytes; the mail server takes %llu", shape.size,
                         (unsigned long long)offers->size);
        code_it(why, 552, "5.3.4");
    } else if (!is_ascii(message->to) && !offers->utf8) {
        smtp_failure_say(why, RIDER_PERMANENT, RIDER_RECIPIENT,
                         "the recipient's address needs SMTPUTF8, which the mail server does not "
                         "offer: write to them from another mailbox");
        code_it(why, 553, "5.6.7");
    } else if (!is_ascii(message->from) && !offers->utf8) {
        smtp_failure_say(why, RIDER_PERMANENT, RIDER_MAILBOX,
                         "the mailbox's own address needs SMTPUTF8, which the mail server does not "
                         "offer: use an address in ASCII");
        code_it(why, 550, "5.6.7");
    } else if (shape.eightbit && !offers->eightbit) {
        smtp_failure_say(why, RIDER_PERMANENT, RIDER_MESSAGE,
                         "the mail holds bytes over 127 and the mail server takes 7 bits only");
        code_it(why, 554, "5.6.3");
    } else {
        return true;
    }
    return false;
}

/* -- the commands --------------------------------------------------------------------------------
 */

void smtp_xtext(struct text *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c > 32 && c < 127 && c != '+' && c != '=')
            text_add(out, text, 1);
        else
            text_printf(out, "+%02X", c);
    }
}

void smtp_mail_from(struct text *out, const struct rider_message *message,
                    const struct smtp_offers *offers)
{
    struct shape shape = shape_of(message->rfc5322);

    text_printf(out, "MAIL FROM:<%s>", message->from);
    if (offers->size)
        text_printf(out, " SIZE=%zu", shape.size);
    if (shape.eightbit)
        text_str(out, " BODY=8BITMIME");
    if (!is_ascii(message->from) || !is_ascii(message->to))
        text_str(out, " SMTPUTF8");
    if (offers->dsn) {
        text_str(out, " RET=HDRS");
        if (message->marker && *message->marker && strlen(message->marker) <= ENVID_MAX) {
            text_str(out, " ENVID=");
            smtp_xtext(out, message->marker);
        }
    }
    text_str(out, "\r\n");
}

void smtp_rcpt_to(struct text *out, const struct rider_message *message,
                  const struct smtp_offers *offers)
{
    text_printf(out, "RCPT TO:<%s>", message->to);
    if (offers->dsn) {
        text_str(out, " NOTIFY=FAILURE");
        if (is_ascii(message->to) && strlen(message->to) * 3 < ORCPT_MAX) {
            text_str(out, " ORCPT=rfc822;");
            smtp_xtext(out, message->to);
        }
    }
    text_str(out, "\r\n");
}

/* -- the content ---------------------------------------------------------------------------------
 */

void smtp_content(struct text *out, struct rider_bytes mail)
{
    const char *at = mail.data, *end = at + mail.len;

    while (at < end) {
        const char *stop = at;

        while (stop < end && *stop != '\r' && *stop != '\n')
            stop++;
        if (stop > at && *at == '.')
            text_str(out, ".");
        text_add(out, at, (size_t)(stop - at));
        text_str(out, "\r\n");
        if (stop < end && *stop == '\r' && stop + 1 < end && stop[1] == '\n')
            stop++;
        at = stop + 1;
    }
}
