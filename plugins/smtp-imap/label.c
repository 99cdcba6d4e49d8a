/* smtp-imap/label.c: labels: as keywords where the server keeps them, else as a copy in a folder.
 *
 * Nothing is moved, and nothing is marked as read. What can't be done either way is told as not
 * there. */
#include "report.h"
#include "seek.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct label_job {
    struct job job;
    struct mail_id *ids;
    char **add, **remove;
    size_t count, at; /* ids; the first of the group that is open */
    size_t end;       /* behind the last of the group             */
    bool by_label, by_folder, not_there;
    /* by a copy: of ids[at], for add[label] */
    size_t label;
    char *target, *message_id;
    bool made; /* CREATE was said for this target */
    struct seek seek;
};

static void next_group(struct label_job *it);
static void next_copy(struct label_job *it);

static void release(struct job *job)
{
    struct label_job *it = (struct label_job *)job;

    for (size_t i = 0; i < it->count; i++)
        free(it->ids[i].folder);
    free(it->ids);
    text_list_free(it->add);
    text_list_free(it->remove);
    free(it->target);
    free(it->message_id);
    seek_free(&it->seek);
}

static void finish(struct label_job *it)
{
    const struct rider_labelled labelled = {
        .size = sizeof(labelled),
        .how = it->by_folder                    ? RIDER_BY_FOLDER
               : it->not_there && !it->by_label ? RIDER_NOT_THERE
                                                : RIDER_BY_LABEL,
    };

    it->job.session->host->label_done(it->job.op, &labelled);
    job_end(&it->job);
}

/* ---- keywords ---------------------------------------------------------------------------------
 */

static bool may_set(const struct imap_open *open, const char *path)
{
    struct text keyword = {0};
    bool may = open->any_keyword;

    imap_keyword(&keyword, path);
    for (char **known = open->keywords; !may && known && *known; known++)
        may = strcasecmp(*known, keyword.data) == 0;
    text_free(&keyword);
    return may;
}

static bool may_set_all(const struct imap_open *open, char *const *paths)
{
    bool may = open->any_keyword || open->keywords;

    for (; may && *paths; paths++)
        may = may_set(open, *paths);
    return may;
}

static void store(struct label_job *it, bool add, imap_heard *then)
{
    struct text command = {0};

    text_str(&command, "UID STORE ");
    for (size_t i = it->at; i < it->end; i++)
        text_printf(&command, "%s%" PRIu64, i > it->at ? "," : "", it->ids[i].uid);
    text_str(&command, add ? " +FLAGS.SILENT (" : " -FLAGS.SILENT (");
    for (char **path = add ? it->add : it->remove; *path; path++) {
        if (path != (add ? it->add : it->remove))
            text_str(&command, " ");
        imap_keyword(&command, *path);
    }
    text_str(&command, ")");
    job_say(&it->job, "STORE", command.data, NULL, then);
    text_free(&command);
}

static void keywords_done(struct label_job *it)
{
    it->by_label = true;
    it->at = it->end;
    next_group(it);
}

static void got_removed(void *arg, const struct imap_response *response)
{
    struct label_job *it = arg;

    if (response->status == IMAP_OK)
        keywords_done(it);
    else
        job_refused(&it->job, "STORE", response);
}

static void got_added(void *arg, const struct imap_response *response)
{
    struct label_job *it = arg;

    if (response->status == IMAP_NO && it->job.session->labels == LABEL_AUTO) {
        it->label = 0; /* no room for another keyword: Dovecot's maildir has 26 */
        next_copy(it);
    } else if (response->status != IMAP_OK) {
        job_refused(&it->job, "STORE", response);
    } else if (it->remove[0]) {
        store(it, false, got_removed);
    } else {
        keywords_done(it);
    }
}

/* ---- copies -----------------------------------------------------------------------------------
 */

/* The folder for a label: its path, below the owner's own prefix. */
static char *target_of(const struct imap *imap, const char *path)
{
    struct text plain = {0}, name = {0};

    for (; *path; path++) {
        char c = *path == '/'                                               ? imap->delimiter
                 : *path == imap->delimiter || *path == '*' || *path == '%' ? '_'
                                                                            : *path;

        if (!c)
            c = '-'; /* there are no folders in folders here */
        text_add(&plain, &c, 1);
    }
    text_str(&name, text_of(&imap->prefix));
    imap_utf7_encode(&name, text_of(&plain));
    text_free(&plain);
    return name.data;
}

static void copy_done(struct label_job *it)
{
    it->by_folder = true;
    it->label++;
    next_copy(it);
}

static void create(struct label_job *it);

static void got_copied(void *arg, const struct imap_response *response)
{
    struct label_job *it = arg;

    if (response->status == IMAP_OK)
        copy_done(it);
    else if (response->code && strcmp(response->code, "TRYCREATE") == 0 && !it->made)
        create(it);
    else
        job_refused(&it->job, "COPY", response);
}

static void source_opened(void *arg, const struct imap_response *response)
{
    struct label_job *it = arg;
    struct text command = {0};

    if (response->status != IMAP_OK) {
        job_refused(&it->job, "EXAMINE", response);
        return;
    }
    if (it->job.session->imap->open.validity != it->ids[it->at].validity) {
        copy_done(it);
        return;
    }
    text_printf(&command, "UID COPY %" PRIu64 " ", it->ids[it->at].uid);
    imap_quote(&command, it->target);
    job_say(&it->job, "COPY", command.data, NULL, got_copied);
    text_free(&command);
}

static void copy(struct label_job *it)
{
    imap_open_folder(it->job.session->imap, it->ids[it->at].folder, false, source_opened, it);
}

static void looked(struct job *job, const struct failure *why)
{
    struct label_job *it = (struct label_job *)job;

    if (why)
        job_fail(job, why);
    else if (it->seek.id)
        copy_done(it); /* it was copied before */
    else if (it->seek.missing && !it->made)
        create(it);
    else
        copy(it);
}

static void got_subscribed(void *arg, const struct imap_response *response)
{
    (void)response;
    copy(arg);
}

static void got_created(void *arg, const struct imap_response *response)
{
    struct label_job *it = arg;
    struct text command = {0};

    if (response->status != IMAP_OK && response->code &&
        strcmp(response->code, "ALREADYEXISTS") != 0) {
        job_refused(&it->job, "CREATE", response);
        return;
    }
    /* Without a code it may have been there already: COPY will tell. */
    imap_folder_made(it->job.session->imap, it->target);
    text_str(&command, "SUBSCRIBE ");
    imap_quote(&command, it->target);
    job_say(&it->job, "SUBSCRIBE", command.data, NULL, got_subscribed);
    text_free(&command);
}

static void create(struct label_job *it)
{
    struct text command = {0};

    it->made = true;
    text_str(&command, "CREATE ");
    imap_quote(&command, it->target);
    job_say(&it->job, "CREATE", command.data, NULL, got_created);
    text_free(&command);
}

static void heard_id(void *arg, const struct imap_response *response)
{
    struct label_job *it = arg;
    struct imap_fetch fetch;
    const struct rider_bytes *block;

    if (it->message_id || imap_fetch_read(&fetch, response) < 0 || fetch.uid != it->ids[it->at].uid)
        return;
    block = imap_fetch_body(&fetch, "HEADER.FIELDS");
    if (!block)
        return;
    it->message_id = wire_block_value(*block, "message-id");
    if (!it->message_id)
        it->message_id = text_dup(""); /* there, without an id: copied without a look */
}

static void got_id(void *arg, const struct imap_response *response)
{
    struct label_job *it = arg;

    if (response->status != IMAP_OK)
        job_refused(&it->job, "FETCH", response);
    else if (!it->message_id)
        copy_done(it); /* it is gone */
    else if (*it->message_id)
        seek_start(&it->seek, &it->job, it->target, NULL, it->message_id, looked);
    else
        copy(it);
}

static void reopened(void *arg, const struct imap_response *response)
{
    struct label_job *it = arg;

    if (response->status != IMAP_OK) {
        job_refused(&it->job, "EXAMINE", response);
    } else if (it->job.session->imap->open.validity != it->ids[it->at].validity) {
        it->at = it->end;
        next_group(it);
    } else {
        next_copy(it);
    }
}

static void next_copy(struct label_job *it)
{
    const struct imap_open *open = &it->job.session->imap->open;
    struct text command = {0};

    if (!it->add[it->label]) {
        it->label = 0;
        it->at++;
    }
    if (it->at >= it->end) {
        next_group(it);
        return;
    }
    if (!open->name || strcmp(open->name, it->ids[it->at].folder) != 0) {
        /* the last copy left another folder open */
        imap_open_folder(it->job.session->imap, it->ids[it->at].folder, false, reopened, it);
        return;
    }
    free(it->target);
    free(it->message_id);
    it->message_id = NULL;
    it->made = false;
    it->target = target_of(it->job.session->imap, it->add[it->label]);
    if (!it->target) {
        copy_done(it);
        return;
    }
    text_printf(&command,
                "UID FETCH %" PRIu64 " (UID BODY.PEEK[HEADER.FIELDS (Message-ID)]<0.16384>)",
                it->ids[it->at].uid);
    job_say(&it->job, "FETCH", command.data, heard_id, got_id);
    text_free(&command);
}

/* ---- groups: ids of one folder ----------------------------------------------------------------
 */

static void opened(void *arg, const struct imap_response *response)
{
    struct label_job *it = arg;
    const struct imap_open *open = &it->job.session->imap->open;
    enum label_by by = it->job.session->labels;

    if (response->status != IMAP_OK &&
        !imap_no_folder(it->job.session->imap, it->ids[it->at].folder, response)) {
        job_refused(&it->job, "SELECT", response);
    } else if (response->status != IMAP_OK || open->validity != it->ids[it->at].validity) {
        it->at = it->end; /* they are gone */
        next_group(it);
    } else if (by != LABEL_FOLDERS && may_set_all(open, it->add)) {
        if (it->add[0])
            store(it, true, got_added);
        else
            store(it, false, got_removed);
    } else if (by == LABEL_KEYWORDS || !it->add[0]) {
        it->not_there = true;
        it->at = it->end;
        next_group(it);
    } else {
        it->label = 0;
        next_copy(it);
    }
}

static void next_group(struct label_job *it)
{
    if (it->at >= it->count) {
        finish(it);
        return;
    }
    it->end = it->at + 1;
    while (it->end < it->count && strcmp(it->ids[it->end].folder, it->ids[it->at].folder) == 0 &&
           it->ids[it->end].validity == it->ids[it->at].validity)
        it->end++;
    imap_open_folder(it->job.session->imap, it->ids[it->at].folder, true, opened, it);
}

static void start(struct job *job)
{
    next_group((struct label_job *)job);
}

void plugin_label(struct rider_session *session, struct rider_op *op,
                  const struct rider_label_change *change)
{
    struct label_job *it;
    size_t count = 0;

    if (!session->imap_url || session->access < RIDER_ACCESS_FULL || session->labels == LABEL_OFF) {
        job_unsupported(session, op, "setting labels");
        return;
    }
    it = job_new(session, op, sizeof(*it), start, release);
    it->add = text_list_dup(change->add);
    it->remove = text_list_dup(change->remove);
    while (change->provider_ids && change->provider_ids[count])
        count++;
    it->ids = text_alloc((count + 1) * sizeof(*it->ids));
    for (size_t i = 0; i < count; i++) {
        if (mail_id_read(&it->ids[it->count], change->provider_ids[i]) == 0)
            it->count++;
    }
    if (!it->count || (!it->add[0] && !it->remove[0]))
        finish(it);
    else
        job_go(&it->job);
}
