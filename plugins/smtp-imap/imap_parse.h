/* smtp-imap/imap_parse.h: what an IMAP server says, from bytes to structs (RFC 3501, RFC 9051).
 *
 * Pure: no line, no session. Every size has a cap, and nothing here recurses deeper than
 * IMAP_DEPTH_MAX. Strings lent by a response live as long as it does. */
#ifndef SMTP_IMAP_PARSE_H
#define SMTP_IMAP_PARSE_H
#include "text.h"

#include <postrider/basic.h>

enum {
    IMAP_LINE_MAX = 65536,           /* of a response, its literals not counted            */
    IMAP_SEARCH_MAX = 1 << 20,       /* the same, of SEARCH and ESEARCH: numbers only      */
    IMAP_LITERAL_MAX = 300 * 1024,   /* we ask for less (IMAP_PART_MAX)                    */
    IMAP_RESPONSE_MAX = 1024 * 1024, /* a response with all its literals                   */
    IMAP_PART_MAX = 256 * 1024,      /* as much of a part as is asked for                  */
    IMAP_DEPTH_MAX = 32,             /* lists in lists                                     */
    IMAP_VALUES_MAX = 20000
};

/* ---- where a response ends --------------------------------------------------------------------
 */

struct imap_scan { /* zeroed: at the start of a response */
    size_t at, line, plain;
    bool begun, text;
};
/* Looks for the end of the response at the front of `bytes`, literals and all. The same scan goes
 * on where it was when it is called again with more behind the same bytes. 1: it is *len_r long,
 * and the scan is zeroed; 0: not all there yet; -1: over a cap, so there is no way to go on. */
int imap_whole(struct imap_scan *scan, struct rider_bytes bytes, size_t *len_r);

/* ---- one response -----------------------------------------------------------------------------
 */

enum imap_status { IMAP_NONE, IMAP_OK, IMAP_NO, IMAP_BAD, IMAP_BYE, IMAP_PREAUTH };
enum imap_type { IMAP_ATOM, IMAP_STRING, IMAP_NIL, IMAP_LIST };
struct imap_value {
    enum imap_type type;
    uint32_t next;    /* index of what follows this one and all in it */
    const char *data; /* no NUL; of a list: NULL                      */
    size_t len;
};
struct imap_response {
    const char *tag;           /* "*" untagged, "+" a continuation             */
    enum imap_status status;   /* of OK, NO, BAD, BYE, PREAUTH                 */
    const char *name;          /* in capitals: "FETCH", "OK"; "" of a "+"      */
    uint64_t number;           /* of "* 12 EXISTS", else 0                     */
    const char *code;          /* in capitals: "UIDVALIDITY" of a status; NULL */
    const char *rest;          /* of SEARCH: its numbers; of a status: its text */
    struct imap_value *values; /* what follows the name; of a status what follows the code */
    uint32_t count;
    /* its own */
    char *raw;
    uint32_t room;
};
/* 0; -1: no response as there should be. To be freed either way. */
int imap_response_read(struct imap_response *response, struct rider_bytes whole);
void imap_response_free(struct imap_response *response);

bool imap_value_is(const struct imap_value *value, const char *word); /* ASCII case folded */
bool imap_number(const struct imap_value *value, uint64_t *number_r); /* 63 bits, decimal  */
char *imap_value_dup(const struct imap_value *value);                 /* NIL gives NULL    */
/* The value at index `at` of a response; NULL behind the last. */
const struct imap_value *imap_at(const struct imap_response *response, uint32_t at);
/* Whether the list at index `list` holds that word. */
bool imap_list_has(const struct imap_response *response, uint32_t list, const char *word);

/* ---- FETCH ------------------------------------------------------------------------------------
 */

enum { IMAP_BODIES_MAX = 4 };
struct imap_fetch {
    uint64_t uid, size, modseq; /* 0: not said                                    */
    int64_t date;               /* INTERNALDATE, Unix ms; 0: not said             */
    uint32_t flags;             /* index of the list; 0: not said (0 is the whole) */
    uint32_t structure;         /* of BODYSTRUCTURE; 0: not said                  */
    struct {
        char section[64]; /* "HEADER.FIELDS", "2", "3.HEADER"               */
        struct rider_bytes data;
    } bodies[IMAP_BODIES_MAX];
    size_t count;
};
/* -1: it is no FETCH that can be read. */
int imap_fetch_read(struct imap_fetch *fetch, const struct imap_response *response);
/* The body of that section, exactly; NULL: it is not there. */
const struct rider_bytes *imap_fetch_body(const struct imap_fetch *fetch, const char *section);

struct imap_part {
    char path[32];     /* "2.1"; what BODY.PEEK[...] takes                                */
    char type[64];     /* "message/delivery-status", in small letters                      */
    char encoding[20]; /* "base64"                                                         */
    char charset[40];
    bool attached;
};
/* The parts that are no multipart themselves, in order; `type_r` is the whole's type, `report_r`
 * its report-type ("" for none). What is in a message/rfc822 is not gone into. */
size_t imap_parts(const struct imap_response *response, uint32_t structure, char type_r[64],
                  char report_r[64], struct imap_part *parts, size_t max);

/* ---- the rest ---------------------------------------------------------------------------------
 */

struct imap_folder { /* of LIST */
    char *name;      /* as the server writes it                            */
    char delimiter;  /* 0: none                                            */
    uint32_t use;    /* IMAP_USE_...                                       */
    bool closed;     /* \Noselect, \NonExistent: cannot be opened          */
};
enum {
    IMAP_USE_SENT = 1,
    IMAP_USE_JUNK = 2,
    IMAP_USE_TRASH = 4,
    IMAP_USE_DRAFTS = 8,
    IMAP_USE_INBOX = 16
};
int imap_folder_read(struct imap_folder *folder, const struct imap_response *response);

/* Calls for each range of a SEARCH's or ESEARCH's answer, in the server's order; the first is never
 * behind the last. false: not to be read, what was called for holds. */
bool imap_search_each(const struct imap_response *response,
                      void (*each)(void *arg, uint64_t first, uint64_t last), void *arg);

int64_t imap_time(const char *text, size_t len); /* "17-Jul-1996 02:44:25 -0700"; 0: is none */
void imap_date(struct text *out, int64_t ms);    /* "17-Jul-1996", UTC, as SEARCH takes it   */

/* Modified UTF-7 (RFC 3501 5.1.3). false: it is none; `out` then holds what came before. */
bool imap_utf7_decode(struct text *out, const char *data, size_t len);
bool imap_utf7_encode(struct text *out, const char *utf8);
/* A quoted string. false: it holds what no quoted string can, and nothing was added. */
bool imap_quote(struct text *out, const char *string);
/* A label's path as a keyword and back (README.md): "Outreach/Got reply" is
 * "$Outreach/Got=20reply". A keyword without the $ is its own path. */
void imap_keyword(struct text *out, const char *path);
void imap_keyword_path(struct text *out, const char *keyword, size_t len);
#endif
