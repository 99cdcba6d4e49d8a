/* smtp-imap/seek.c: looks in a folder for a mail of ours, by its Message-ID and its marker. */
#include "seek.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

void seek_free(struct seek *seek)
{
    free(seek->folder);
    free(seek->marker);
    free(seek->message_id);
    free(seek->id);
    free(seek->real_id);
    *seek = (struct seek){0};
}

static void refused(struct seek *seek, const char *doing, const struct imap_response *response)
{
    struct failure failure;

    imap_refusal(seek->job->session->imap, doing, response, &failure);
    seek->done(seek->job, &failure);
}

static void unreadable(struct seek *seek, const char *doing)
{
    struct failure failure;

    failure_say(&failure, RIDER_BROKEN, RIDER_MAILBOX,
                "the IMAP server's answer to %s cannot be read", doing);
    seek->done(seek->job, &failure);
}

/* <id>, id: what is between, without the spaces around it. */
static char *bare_id(const char *value)
{
    size_t len;

    value += strspn(value, " \t\r\n<");
    len = strcspn(value, " \t\r\n>");
    return len ? text_dup_len(value, len) : NULL;
}

static bool same_id(const char *a, const char *b)
{
    char *one = a ? bare_id(a) : NULL, *other = b ? bare_id(b) : NULL;
    bool same = one && other && strcmp(one, other) == 0;

    free(one);
    free(other);
    return same;
}

static void heard_mail(void *arg, const struct imap_response *response)
{
    struct seek *seek = arg;
    const struct imap_open *open = &seek->job->session->imap->open;
    const struct rider_bytes *block;
    struct imap_fetch fetch;
    struct text id = {0};
    char *marker, *message_id;

    if (seek->id || strcmp(response->name, "FETCH") != 0)
        return;
    if (imap_fetch_read(&fetch, response) < 0) {
        seek->job->session->imap->unreadable++;
        return;
    }
    if (!fetch.uid)
        return;
    block = imap_fetch_body(&fetch, "HEADER.FIELDS");
    if (!block)
        return;
    marker = wire_block_value(*block, "x-postrider-id");
    message_id = wire_block_value(*block, "message-id");
    if (same_id(marker, seek->marker) || same_id(message_id, seek->message_id)) {
        mail_id_write(&id, seek->folder, open->validity, fetch.uid);
        seek->id = id.data;
        seek->real_id = message_id ? bare_id(message_id) : NULL;
    }
    free(marker);
    free(message_id);
}

static void got_mails(void *arg, const struct imap_response *response)
{
    struct seek *seek = arg;
    bool read = response->status == IMAP_OK ||
                (response->code && strcmp(response->code, "EXPUNGEISSUED") == 0);

    if (!seek->id && !read)
        refused(seek, "FETCH", response);
    else if (!seek->id && seek->job->session->imap->unreadable)
        unreadable(seek, "FETCH");
    else
        seek->done(seek->job, NULL);
}

static void heard_range(void *arg, uint64_t first, uint64_t last)
{
    struct seek *seek = arg;

    for (uint64_t uid = first; uid && uid <= last; uid++) {
        if (last - uid >= SEEK_MAX) {
            uid = last - SEEK_MAX + 1;
            seek->more = true;
        }
        seek->uids[seek->count++ % SEEK_MAX] = uid;
    }
}

static void heard_search(void *arg, const struct imap_response *response)
{
    struct seek *seek = arg;

    if ((strcmp(response->name, "SEARCH") == 0 || strcmp(response->name, "ESEARCH") == 0) &&
        !imap_search_each(response, heard_range, seek))
        seek->job->session->imap->unreadable++;
}

static void got_search(void *arg, const struct imap_response *response)
{
    struct seek *seek = arg;
    struct imap *imap = seek->job->session->imap;
    size_t count = seek->count < SEEK_MAX ? seek->count : SEEK_MAX;
    struct text command = {0};

    if (response->status != IMAP_OK) {
        refused(seek, "SEARCH", response);
        return;
    }
    if (imap->unreadable) {
        unreadable(seek, "SEARCH");
        return;
    }
    seek->more = seek->more || seek->count > count;
    if (!count) {
        seek->done(seek->job, NULL);
        return;
    }
    text_str(&command, "UID FETCH ");
    for (size_t i = 0; i < count; i++)
        text_printf(&command, "%s%llu", i ? "," : "", (unsigned long long)seek->uids[i]);
    text_str(&command, " (UID BODY.PEEK[HEADER.FIELDS (Message-ID X-Postrider-Id)]<0.16384>)");
    imap_say(imap, "FETCH", command.data, heard_mail, got_mails, seek);
    text_free(&command);
}

static bool criterion(struct text *out, const char *header, const char *value)
{
    struct text quoted = {0};
    bool good = value && imap_quote(&quoted, value);

    if (good)
        text_printf(out, " HEADER %s %s", header, quoted.data);
    text_free(&quoted);
    return good;
}

static void opened(void *arg, const struct imap_response *response)
{
    struct seek *seek = arg;
    struct imap *imap = seek->job->session->imap;
    struct text command = {0}, criteria = {0};
    struct failure failure;
    int count;

    if (response->status != IMAP_OK) {
        imap_refusal(imap, "EXAMINE", response, &failure);
        seek->missing = imap_no_folder(imap, seek->folder, response);
        seek->done(seek->job, seek->missing ? NULL : &failure);
        return;
    }
    count = criterion(&criteria, "Message-ID", seek->message_id);
    count += criterion(&criteria, "X-Postrider-Id", seek->marker);
    if (!count) {
        text_free(&criteria);
        failure_say(&failure, RIDER_UNSUPPORTED, RIDER_MESSAGE,
                    "this mail has no id that IMAP can look for");
        seek->done(seek->job, &failure);
        return;
    }
    text_printf(&command, "UID SEARCH%s%s%s", imap->has & IMAP_HAS_ESEARCH ? " RETURN (ALL)" : "",
                count == 2 ? " OR" : "", criteria.data);
    imap_say(imap, "SEARCH", command.data, heard_search, got_search, seek);
    text_free(&command);
    text_free(&criteria);
}

void seek_start(struct seek *seek, struct job *job, const char *folder, const char *marker,
                const char *message_id, void (*done)(struct job *, const struct failure *why))
{
    seek_free(seek);
    seek->job = job;
    seek->folder = text_dup(folder);
    seek->marker = marker && *marker ? text_dup(marker) : NULL;
    seek->message_id = message_id ? bare_id(message_id) : NULL;
    seek->done = done;
    imap_open_folder(job->session->imap, folder, false, opened, seek);
}
