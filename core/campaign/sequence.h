/* campaign/sequence.h: a campaign as its author wrote it: senders, window, limits, stops, steps.
 *
 * Parsed from the tree of the campaign's YAML (or the API's JSON) with every mistake at once. It
 * never changes once parsed: any thread may read it, which is how decisions run on the writer
 * thread. What is kept in the store is the author's text; it is parsed again from there. */
#ifndef CAMPAIGN_SEQUENCE_H
#define CAMPAIGN_SEQUENCE_H
#include "campaign/template.h"
#include "config/check.h"
#include "config/daemon.h"
#include "config/duration.h"
#include "config/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEQUENCE_STEPS_MAX = 50, SEQUENCE_SENDERS_MAX = 1000 };

enum sequence_access { /* as rider_access: what the campaign needs            */
                       SEQUENCE_ACCESS_ANY = 0,
                       SEQUENCE_SEND = 1,
                       SEQUENCE_HEADERS = 2,
                       SEQUENCE_FULL = 3
};
enum sequence_zone { SEQUENCE_ZONE_PERSON = 0, SEQUENCE_ZONE_MAILBOX = 1, SEQUENCE_ZONE_FIXED = 2 };
enum sequence_stop { /* bits of stop_on                                      */
                     SEQUENCE_STOP_REPLY = 1,
                     SEQUENCE_STOP_BOUNCE = 2,
                     SEQUENCE_STOP_UNSUBSCRIBE = 4, /* always set: an opt-out can't be left out */
                     SEQUENCE_STOP_AUTO_REPLY = 8
};

struct sequence_when { /* a date and time on the wall of the window's zone     */
    bool set;
    int32_t day; /* as in zones.h                                        */
    int64_t ms_of_day;
};
struct sequence_window {
    unsigned days;           /* bit 0 Monday .. bit 6 Sunday; default mon-fri        */
    int from, to;            /* minutes of the day, 0 to 1440; default 9:00 to 17:00 */
    enum sequence_zone zone; /* default: the person's                           */
    char *zone_name;         /* with SEQUENCE_ZONE_FIXED                                      */
};
struct sequence_limits {
    int per_day;              /* mails of this campaign a mailbox a day; 0: no cap     */
    int64_t gap_min, gap_max; /* ms between two mails of a mailbox; 0, 0: none         */
    int ramp_start, ramp_add; /* first day's cap and what each day adds; 0: no ramp    */
};
struct sequence_step {
    struct duration after;    /* since the step before was sent                       */
    struct sequence_when at;  /* first step only: not before                          */
    struct template *subject; /* NULL: answers in the thread of the step before       */
    struct template *text;    /* NULL: html only                                      */
    struct template *html;    /* NULL: text only                                      */
    int line;
};
struct sequence {
    char *name;
    char **from; /* NULL-ended; enrolments are spread over them          */
    size_t from_count;
    char *as_address, *as_name; /* send on behalf, from a verified alias; NULL: not     */
    char *reply_to;             /* NULL: none                                           */
    enum sequence_access access;
    enum config_promise promise;
    char *label; /* "Outreach/Berlin"; NULL: none                        */
    struct sequence_window window;
    unsigned business_days; /* as window.days; which days "business days" are; mon-fri */
    char **holidays;        /* names from the daemon's config, NULL-ended; may be NULL */
    struct sequence_limits limits;
    unsigned stop_on;           /* enum sequence_stop                                   */
    bool stop_company;          /* an answer stops the company's other people too       */
    bool unsubscribe;           /* List-Unsubscribe goes out; default true              */
    struct sequence_when start; /* not before                                           */
    struct sequence_step *steps;
    size_t step_count;
};

/* -EINVAL: see the mistakes; nothing is given then. */
int sequence_parse(const struct tree *tree, struct mistakes *mistakes,
                   struct sequence **sequence_r);
int sequence_read(const char *file, const void *text, size_t len, struct mistakes *mistakes,
                  struct sequence **sequence_r);
void sequence_free(struct sequence *sequence);

/* The mailbox of the nth enrolment: round and round. Lent. */
const char *sequence_sender(const struct sequence *sequence, uint64_t nth);
/* The step that opened the thread which this step writes to: itself, if it has a subject. */
size_t sequence_thread(const struct sequence *sequence, size_t step);
/* Names used by any template that the columns (NULL-ended) do not have: see template_check. */
void sequence_check_columns(const struct sequence *sequence, const char *const *columns,
                            struct mistakes *mistakes);
/* Holidays that the daemon does not name, as mistakes. `known` is NULL-ended. */
void sequence_check_holidays(const struct sequence *sequence, const char *const *known,
                             struct mistakes *mistakes);
/* Whether `next` may take the place of `old` when steps below `sent` went out to somebody: what was
 * sent stays as it is, the rest may change. Else a mistake each, in next's words. */
void sequence_check_edit(const struct sequence *old, const struct sequence *next, size_t sent,
                         struct mistakes *mistakes);
#endif
