/* smtp-imap/seek.h: looks in a folder for a mail of ours, by its Message-ID and its marker. */
#ifndef SMTP_IMAP_SEEK_H
#define SMTP_IMAP_SEEK_H
#include "job.h"

enum { SEEK_MAX = 50 };
struct seek { /* embed it in the job; zeroed, or after seek_free */
    struct job *job;
    char *folder, *marker, *message_id; /* marker may be NULL */
    uint64_t uids[SEEK_MAX];            /* what SEARCH named, the last ones */
    size_t count;
    bool missing;       /* there is no such folder             */
    bool more;          /* SEARCH named more than were read    */
    char *id, *real_id; /* found: where, and the Message-ID that it carries */
    void (*done)(struct job *, const struct failure *why); /* why: it could not be looked */
};
/* Looks by a job that has the line. Then calls done: seek->id is NULL where there is none. What
 * SEARCH names is read and compared: a substring is no match. */
void seek_start(struct seek *seek, struct job *job, const char *folder, const char *marker,
                const char *message_id, void (*done)(struct job *, const struct failure *why));
void seek_free(struct seek *seek);
#endif
