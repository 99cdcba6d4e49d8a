/* smtp-imap/list.c: what came since, folder by folder.
 *
 * Folders are examined, headers asked for by PEEK: nothing is marked as read. A folder is read from
 * the first UID that was not dealt with. A folder that is new here, or that has another UIDVALIDITY
 * than before (then only that one), is read from a time on. The traps (facts 5.4): "n:*" names the
 * last mail even when it is before n; UIDs need not come in order; a FETCH may tell of mails that
 * nobody asked about; a mail may be gone between SEARCH and FETCH. */
#include "cursor.h"
#include "job.h"
#include "mail.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIMIT_MAX = 200,
    FOLDERS_MAX = 40,
    CHANGES_MAX = 2000,       /* that carry a label, of one folder at once    */
    AGAIN = 24 * 3600 * 1000, /* how far a folder that was renumbered is read back */
    DAY = 24 * 3600 * 1000,   /* SEARCH knows only dates, in the server's zone */
    SEEN_STEP = 3600 * 1000
};

struct list {
    struct job job;
    int64_t since;
    uint32_t want;
    size_t limit; /* how many more are handed over */
    char **headers;
    struct text fields; /* of HEADER.FIELDS */
    struct cursor cursor;
    struct {
        char *name;
        int32_t where;
    } folders[FOLDERS_MAX];
    size_t folder_count, at;
    struct place *place; /* of the folder that is open            */
    uint64_t first;      /* place->next, as it was                 */
    uint64_t end;        /* UIDNEXT, as it was when it was opened; 0: not said. What comes later may
                            be in no answer yet */
    uint64_t uids[LIMIT_MAX];
    size_t uid_count;
    bool rest;     /* there are more than uids                    */
    uint64_t upto; /* place->next when all of it was handed over  */
    struct mail *mails;
    size_t count, good, reporting; /* mails; of these can be handed over; whose report is asked */
    struct report_query *report;
    struct failure failure; /* why not all are good */
};

static void next_folder(struct list *it);
static void look_for_reports(struct list *it);
static void look_for_changes(struct list *it);

static void forget_mails(struct list *it)
{
    for (size_t i = 0; i < it->count; i++)
        mail_free(&it->mails[i]);
    free(it->mails);
    it->mails = NULL;
    it->count = it->good = it->reporting = it->uid_count = 0;
    it->rest = false;
}

static void release(struct job *job)
{
    struct list *it = (struct list *)job;

    forget_mails(it);
    report_free(it->report);
    text_list_free(it->headers);
    text_free(&it->fields);
    cursor_free(&it->cursor);
    for (size_t i = 0; i < it->folder_count; i++)
        free(it->folders[i].name);
}

static void finish(struct list *it, bool more)
{
    struct rider_page page = {.size = sizeof(page), .more = more};
    struct text bytes = {0};

    cursor_write(&it->cursor, &bytes);
    page.cursor = (struct rider_bytes){bytes.data, bytes.len};
    it->job.session->host->list_done(it->job.op, &page);
    text_free(&bytes);
    job_end(&it->job);
}

/* ---- handing over -----------------------------------------------------------------------------
 */

static bool hand_over(struct list *it, const struct mail *mail, int32_t change)
{
    const struct rider_host *host = it->job.session->host;
    struct text id = {0}, headers = {0};
    struct rider_reply reply = {
        .size = sizeof(reply),
        .change = change,
        .where = it->folders[it->at].where,
        .labels = it->want & RIDER_WANT_LABELS ? (const char *const *)mail->labels : NULL,
        .received = mail->date,
        .report_type = mail->report_type && *mail->report_type ? mail->report_type : NULL,
        .report = {text_of(&mail->report), mail->report.len},
        .returned = {text_of(&mail->returned), mail->returned.len},
    };
    bool taken;

    mail_id_write(&id, it->place->folder, it->place->validity, mail->uid);
    mail_headers(&headers, &mail->headers, it->headers);
    reply.provider_id = id.data;
    reply.headers = (struct rider_bytes){text_of(&headers), headers.len};
    taken = host->list_item(it->job.op, &reply);
    text_free(&id);
    text_free(&headers);
    return taken;
}

/* From before `since`, where the folder is read for the first time. */
static bool is_old(const struct place *place, const struct mail *mail)
{
    return mail->uid < place->edge && mail->date && mail->date < place->since;
}

static void hand_over_mails(struct list *it)
{
    size_t done = 0;

    for (; done < it->good; done++) {
        const struct mail *mail = &it->mails[done];

        if (is_old(it->place, mail))
            continue;
        if (!it->limit || !hand_over(it, mail, RIDER_ARRIVED))
            break;
        it->limit--;
    }
    if (done < it->count) { /* not taken, or its report is to be had only later */
        if (!done && it->good < it->count) {
            job_fail(&it->job, &it->failure);
            return;
        }
        it->place->next = it->mails[done].uid;
        finish(it, true);
        return;
    }
    it->place->next = it->upto;
    if (it->rest) {
        finish(it, true);
        return;
    }
    look_for_changes(it);
}

static void got_report(void *arg, const struct failure *why)
{
    struct list *it = arg;

    report_free(it->report);
    it->report = NULL;
    if (why) {
        it->failure = *why;
        it->failure.failure.detail = it->failure.detail;
        it->good = it->reporting; /* what comes before it can still be handed over */
        hand_over_mails(it);
        return;
    }
    it->reporting++;
    look_for_reports(it);
}

static void look_for_reports(struct list *it)
{
    bool wanted = it->want & RIDER_WANT_REPORT && it->job.session->access >= RIDER_ACCESS_FULL &&
                  it->folders[it->at].where != RIDER_OUTBOUND;

    while (wanted && it->reporting < it->good) {
        struct mail *mail = &it->mails[it->reporting];

        if (!is_old(it->place, mail) && mail_is_report(mail)) {
            it->report = report_ask(&it->job, mail, got_report, it);
            return;
        }
        it->reporting++;
    }
    hand_over_mails(it);
}

/* ---- headers ----------------------------------------------------------------------------------
 */

static struct mail *mail_new(struct list *it)
{
    if (it->count % 64 == 0) {
        it->mails = realloc(it->mails, (it->count + 64) * sizeof(*it->mails));
        if (!it->mails)
            abort();
    }
    it->mails[it->count] = (struct mail){0};
    return &it->mails[it->count++];
}

static bool was_asked(const struct list *it, uint64_t uid)
{
    for (size_t i = 0; i < it->uid_count; i++) {
        if (it->uids[i] == uid)
            return true;
    }
    return !it->uid_count && uid >= it->place->next && uid < it->upto;
}

static void heard_mail(void *arg, const struct imap_response *response)
{
    struct list *it = arg;
    struct imap_fetch fetch;

    if (strcmp(response->name, "FETCH") != 0)
        return;
    if (imap_fetch_read(&fetch, response) < 0) {
        it->job.session->imap->unreadable++;
        return;
    }
    if (!imap_fetch_body(&fetch, "HEADER.FIELDS") || !was_asked(it, fetch.uid) ||
        it->count == LIMIT_MAX)
        return;
    for (size_t i = 0; i < it->count; i++) {
        if (it->mails[i].uid == fetch.uid)
            return;
    }
    mail_take(mail_new(it), &fetch, response);
}

static int by_uid(const void *a, const void *b)
{
    const struct mail *one = a, *other = b;

    return one->uid < other->uid ? -1 : one->uid > other->uid;
}

static void got_mails(void *arg, const struct imap_response *response)
{
    struct list *it = arg;
    struct failure failure;
    /* RFC 5530: some were expunged meanwhile, the others are here. */
    bool partly = response->code && strcmp(response->code, "EXPUNGEISSUED") == 0;

    if (response->status != IMAP_OK && !partly) {
        job_refused(&it->job, "FETCH", response);
        return;
    }
    if (it->job.session->imap->unreadable) {
        failure_say(&failure, RIDER_BROKEN, RIDER_MAILBOX,
                    "the IMAP server's answer to FETCH cannot be read");
        failure.failure.holds = RIDER_HOLDS_LIST;
        job_fail(&it->job, &failure);
        return;
    }
    if (it->count)
        qsort(it->mails, it->count, sizeof(*it->mails), by_uid);
    it->good = it->count;
    look_for_reports(it);
}

static void fetch(struct list *it, const char *set)
{
    struct text command = {0};

    text_printf(&command,
                "UID FETCH %s (UID FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (%s)]<0.%d>)", set,
                it->fields.data, IMAP_PART_MAX);
    job_say(&it->job, "FETCH", command.data, heard_mail, got_mails);
    text_free(&command);
}

/* ---- which ------------------------------------------------------------------------------------
 */

/* Keeps the least of those from `next` on, in order; a SEARCH may be long, and in any order. */
static void keep_uid(struct list *it, uint64_t uid)
{
    size_t at = it->uid_count, max = it->limit < LIMIT_MAX ? it->limit : LIMIT_MAX;

    while (at && it->uids[at - 1] > uid)
        at--;
    if (at && it->uids[at - 1] == uid)
        return;
    if (it->uid_count == max) {
        it->rest = true;
        if (at == max)
            return;
        it->uid_count--;
    }
    memmove(&it->uids[at + 1], &it->uids[at], (it->uid_count - at) * sizeof(*it->uids));
    it->uids[at] = uid;
    it->uid_count++;
}

static void heard_range(void *arg, uint64_t first, uint64_t last)
{
    struct list *it = arg;

    if (first < it->place->next)
        first = it->place->next;
    for (uint64_t uid = first; uid <= last; uid++) {
        if (it->uid_count == it->limit && uid > it->uids[it->uid_count - 1]) {
            it->rest = true;
            return;
        }
        keep_uid(it, uid);
    }
}

static void heard_search(void *arg, const struct imap_response *response)
{
    struct list *it = arg;

    if ((strcmp(response->name, "SEARCH") == 0 || strcmp(response->name, "ESEARCH") == 0) &&
        !imap_search_each(response, heard_range, it))
        it->job.session->imap->unreadable++;
}

static void got_search(void *arg, const struct imap_response *response)
{
    struct list *it = arg;
    struct failure failure;
    struct text set = {0};

    if (response->status != IMAP_OK) {
        job_refused(&it->job, "SEARCH", response);
        return;
    }
    if (it->job.session->imap->unreadable) {
        failure_say(&failure, RIDER_BROKEN, RIDER_MAILBOX,
                    "the IMAP server's answer to SEARCH cannot be read");
        failure.failure.holds = RIDER_HOLDS_LIST;
        job_fail(&it->job, &failure);
        return;
    }
    it->upto = it->uid_count ? it->uids[it->uid_count - 1] + 1 : it->place->next;
    if (!it->rest && it->upto < it->end)
        it->upto = it->end;
    if (!it->uid_count) {
        it->place->next = it->upto;
        look_for_changes(it);
        return;
    }
    for (size_t i = 0, last; i < it->uid_count; i = last + 1) {
        for (last = i; last + 1 < it->uid_count && it->uids[last + 1] == it->uids[last] + 1;)
            last++;
        text_printf(&set, "%s%" PRIu64, i ? "," : "", it->uids[i]);
        if (last > i)
            text_printf(&set, ":%" PRIu64, it->uids[last]);
    }
    fetch(it, set.data);
    text_free(&set);
}

static void search(struct list *it)
{
    const struct imap *imap = it->job.session->imap;
    struct text command = {0};

    text_printf(&command, "UID SEARCH %sUID %" PRIu64 ":*",
                imap->has & IMAP_HAS_ESEARCH ? "RETURN (ALL) " : "", it->place->next);
    if (it->place->edge) {
        text_str(&command, " SINCE ");
        imap_date(&command, it->place->since - DAY);
    }
    job_say(&it->job, "SEARCH", command.data, heard_search, got_search);
    text_free(&command);
}

static void look_for_mails(struct list *it)
{
    uint64_t next = it->job.session->imap->open.next;
    struct place *place = it->place;
    struct text set = {0};

    it->first = place->next;
    it->end = next;
    if (next && place->next >= next) {
        look_for_changes(it);
    } else if (!it->limit) {
        finish(it, true);
    } else if (!place->edge && next && next - place->next <= it->limit) {
        it->upto = next;
        text_printf(&set, "%" PRIu64 ":%" PRIu64, place->next, next - 1);
        fetch(it, set.data);
        text_free(&set);
    } else {
        search(it);
    }
}

/* ---- labels that others set (RFC 7162 CHANGEDSINCE) -------------------------------------------
 */

/* The folder was read to its end. */
static void folder_done(struct list *it)
{
    int64_t now = it->job.session->host->wall_clock(it->job.session->host);

    it->place->edge = 0;
    it->place->modseq = it->job.session->imap->open.modseq;
    if (now - it->place->seen >= SEEN_STEP || now < it->place->seen)
        it->place->seen = now;
    forget_mails(it);
    it->at++;
    next_folder(it);
}

static void heard_change(void *arg, const struct imap_response *response)
{
    struct list *it = arg;
    struct imap_fetch fetch;
    struct mail *mail;

    if (imap_fetch_read(&fetch, response) < 0 || !fetch.uid || fetch.uid >= it->first ||
        !fetch.flags || it->count >= CHANGES_MAX)
        return;
    mail = mail_new(it);
    mail_take(mail, &fetch, response);
    if (!mail->labels[0]) {
        mail_free(mail);
        it->count--;
    }
}

static void got_changes(void *arg, const struct imap_response *response)
{
    struct list *it = arg;

    /* A refusal is no reason to stand still: the labels are only a person's wish to be told. */
    for (size_t i = 0; response->status == IMAP_OK && i < it->count; i++)
        hand_over(it, &it->mails[i], RIDER_RELABELLED);
    folder_done(it);
}

static void look_for_changes(struct list *it)
{
    uint64_t modseq = it->job.session->imap->open.modseq;
    struct text command = {0};

    forget_mails(it);
    if (!(it->want & RIDER_WANT_LABELS) || !it->place->modseq || modseq <= it->place->modseq ||
        it->first <= 1 || it->folders[it->at].where == RIDER_OUTBOUND) {
        folder_done(it);
        return;
    }
    text_printf(&command, "UID FETCH 1:%" PRIu64 " (UID FLAGS) (CHANGEDSINCE %" PRIu64 ")",
                it->first - 1, it->place->modseq);
    job_say(&it->job, "FETCH", command.data, heard_change, got_changes);
    text_free(&command);
}

/* ---- folders ----------------------------------------------------------------------------------
 */

/* A folder that was never read, or whose UIDs mean other mails than before. */
static void begin_folder(struct list *it, const struct imap_open *open)
{
    int64_t seen = it->place->seen;

    it->place->since = seen - AGAIN > it->since ? seen - AGAIN : it->since;
    it->place->validity = open->validity;
    it->place->next = 1;
    it->place->modseq = 0;
    it->place->edge = open->next ? open->next : UINT32_MAX;
}

static void pass_over(struct list *it, const char *why)
{
    const struct rider_host *host = it->job.session->host;
    struct text name = {0};

    text_clean(&name, it->folders[it->at].name, strlen(it->folders[it->at].name), 100);
    if (host->log)
        host->log(host, 1, "the folder %s is not listed: %s", text_of(&name), why);
    text_free(&name);
    it->at++;
    next_folder(it);
}

/* What will be there later (RFC 5530): then Sent is waited for, since what a restored store does
 * not know as sent passes by there before anything is sent anew. */
static bool must_wait(const struct list *it, const struct imap_response *response)
{
    static const char *const codes[] = {"UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT"};

    if (it->folders[it->at].where != RIDER_OUTBOUND || !response->code)
        return false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(response->code, codes[i]) == 0)
            return response->status != IMAP_OK;
    }
    return false;
}

static void opened(void *arg, const struct imap_response *response)
{
    struct list *it = arg;
    const struct imap_open *open = &it->job.session->imap->open;
    const char *name = it->folders[it->at].name;
    bool inbox = strcmp(name, "INBOX") == 0;

    if (response->status != IMAP_OK || !open->validity) {
        if (inbox || must_wait(it, response))
            job_refused(&it->job, "EXAMINE", response);
        else
            pass_over(it, response->code ? response->code : "the server does not open it");
        return;
    }
    it->place = cursor_place(&it->cursor, name);
    if (!it->place)
        it->place = cursor_add(&it->cursor, name);
    if (!it->place) {
        pass_over(it, "there are too many");
        return;
    }
    if (it->place->validity != open->validity)
        begin_folder(it, open);
    look_for_mails(it);
}

static void next_folder(struct list *it)
{
    if (it->at == it->folder_count)
        finish(it, false);
    else
        imap_open_folder(it->job.session->imap, it->folders[it->at].name, false, opened, it);
}

static void add_folder(struct list *it, const char *name, int32_t where)
{
    for (size_t i = 0; i < it->folder_count; i++) {
        if (strcmp(it->folders[i].name, name) == 0)
            return;
    }
    if (it->folder_count == FOLDERS_MAX)
        return;
    it->folders[it->folder_count].name = text_dup(name);
    it->folders[it->folder_count++].where = where;
}

/* Sent first: what we sent must be known before what answers it is judged. */
static void choose_folders(struct list *it)
{
    struct rider_session *session = it->job.session;
    const char *sent = session_sent_folder(session);
    const struct imap_folder *junk = imap_folder_for(session->imap, IMAP_USE_JUNK);

    if (sent)
        add_folder(it, sent, RIDER_OUTBOUND);
    add_folder(it, "INBOX", RIDER_INBOUND);
    if (junk)
        add_folder(it, junk->name, RIDER_JUNK);
    for (char **folder = session->folders; *folder; folder++) {
        struct text name = {0};

        if (imap_utf7_encode(&name, *folder) && name.len)
            add_folder(it, name.data, RIDER_INBOUND);
        text_free(&name);
    }
}

static void start(struct job *job)
{
    struct list *it = (struct list *)job;

    choose_folders(it);
    next_folder(it);
}

/* ---- the query --------------------------------------------------------------------------------
 */

static bool is_field(const char *name)
{
    for (; *name; name++) {
        if (*name <= ' ' || *name > '~' || strchr("(){%*\"\\]:", *name))
            return false;
    }
    return true;
}

static void choose_fields(struct list *it)
{
    for (char **header = it->headers; *header; header++) {
        if (is_field(*header))
            text_printf(&it->fields, "%s%s", it->fields.len ? " " : "", *header);
    }
    if (it->want & RIDER_WANT_REPORT || !it->fields.len) /* to tell a report */
        text_printf(&it->fields, "%sContent-Type", it->fields.len ? " " : "");
}

void plugin_list(struct rider_session *session, struct rider_op *op,
                 const struct rider_query *query)
{
    struct failure failure;
    struct list *it;

    if (!session->imap_url || session->access < RIDER_ACCESS_HEADERS) {
        job_unsupported(session, op, "listing mail");
        return;
    }
    it = job_new(session, op, sizeof(*it), start, release);
    it->since = query->since;
    it->want = query->want;
    it->limit = query->limit && query->limit < LIMIT_MAX ? query->limit : LIMIT_MAX;
    it->headers = text_list_dup(query->headers);
    choose_fields(it);
    if (cursor_read(&it->cursor, query->cursor) < 0) {
        failure_say(&failure, RIDER_CURSOR_LOST, RIDER_MAILBOX,
                    "the cursor is not one of ours: the mailbox is listed again");
        job_fail(&it->job, &failure);
        return;
    }
    job_go(&it->job);
}
