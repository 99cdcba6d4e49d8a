/* smtp-imap/smtp_reply.h: what an SMTP server answered: bytes to a struct, pure.
 *
 * RFC 5321 4.2 (replies, more than one line of them), RFC 2034 and 3463 (enhanced codes). A line
 * may end in a bare LF: servers that do so are about, and every line of a reply is the server's own
 * word, so nothing can be passed off as the end of another. Anything else that is no reply is
 * SMTP_BROKEN, after which the line is of no use. */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SMTP_LINE_MAX = 4096,      /* RFC 5321 4.5.3.1.5 says 512; servers say more     */
    SMTP_TEXT_MAX = 4096,      /* of all lines together; what is more is left out   */
    SMTP_REPLY_LINES_MAX = 256 /* more of them: broken                              */
};
struct smtp_reply {
    int32_t code;             /* 200 to 599                                            */
    char status[12];          /* "5.1.1", of the code's own class; "": none            */
    char text[SMTP_TEXT_MAX]; /* what follows the codes, a line each, '\n' between them;
                                 controls, and what is not UTF-8, are '?'            */
    size_t len;
};
struct smtp_reader { /* zeroed: ready for a reply     */
    struct smtp_reply reply;
    char line[SMTP_LINE_MAX];
    size_t have;
    unsigned lines;
    bool done; /* the reply was whole: the next byte begins another */
};
enum smtp_read { SMTP_MORE = 0, SMTP_WHOLE = 1, SMTP_BROKEN = 2 };

/* Takes bytes up to the end of one reply; *used_r says how many. After SMTP_WHOLE the reply stands
 * in reader->reply until the next call. */
enum smtp_read smtp_read(struct smtp_reader *reader, const void *data, size_t len, size_t *used_r);

struct smtp_offers { /* what EHLO said, RFC 5321 4.1.1.1                */
    bool pipelining, eightbit, utf8, dsn;
    uint64_t size; /* RFC 1870; 0: no limit said                      */
};
void smtp_offers_read(const struct smtp_reply *reply, struct smtp_offers *offers_r);
#endif
