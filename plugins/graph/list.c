/* graph/list.c: what came since: a delta for each folder, all of them in one batch.
 *
 * The traps (facts 4.6): there is no delta from now, so the first walk is bounded by a time; a
 * delta's state can be gone at the start and amid pages (410, SyncStateNotFound), and then only
 * that folder is walked again, from when it was last read; a page can be empty and have a next; an
 * entry can come again, since it changed or without a reason; what left a folder comes as @removed.
 * Below full access no body is asked for, nor a preview, which is body text. */
#include "cursor.h"
#include "graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PAGE_MAX = 50,
    OWN_FOLDERS = 3,    /* that every mailbox has: the first ones */
    UNREADABLE_MAX = 3, /* times that a report's answer may be no mail before it goes without */
    REPORT_SIZE_MAX = 2 * 1024 * 1024, /* of a whole report mail; larger ones go without      */
    OVERLAP = 3600000,                 /* a walk begins so long before what was read last     */
    ROUND_MS = 2000, /* what was read to its end longer ago is read again at the end of a round */
};

#define FIELDS                                                                                     \
    "id,internetMessageId,from,toRecipients,subject,receivedDateTime,"                             \
    "sentDateTime,isDraft,categories,internetMessageHeaders"

struct entry { /* a message to hand over */
    size_t folder;
    const struct wire_message *message;
    struct wire_report report;
};
struct list {
    struct graph_job job;
    int64_t since, began;
    uint32_t want;
    size_t limit;
    char **headers; /* the query's, to hand over */
    struct cursor cursor;
    struct wire_part parts[CURSOR_FOLDERS_MAX];
    size_t part_folder[CURSOR_FOLDERS_MAX], part_count; /* whom each part asks about */
    char prefer[48];                                    /* of each part              */
    struct wire_page pages[CURSOR_FOLDERS_MAX];
    bool read[CURSOR_FOLDERS_MAX]; /* its page is there and all of it is among the entries */
    bool cut[CURSOR_FOLDERS_MAX];  /* there, and some of it is not                         */
    bool behind;                   /* something is left for the next call                  */
    struct entry entries[PAGE_MAX];
    size_t count;
    size_t reporting; /* whose report is being read */
    size_t good;      /* how many can be handed over; the next one failed */
    struct graph_failure failure;
};

static void look_for_reports(struct list *it);

static void release(struct graph_job *job)
{
    struct list *it = (struct list *)job;

    for (size_t i = 0; i < it->count; i++)
        wire_report_free(&it->entries[i].report);
    for (size_t i = 0; i < CURSOR_FOLDERS_MAX; i++) {
        free((void *)(uintptr_t)it->parts[i].path);
        wire_page_free(&it->pages[i]);
    }
    wire_parts_clear(it->parts, CURSOR_FOLDERS_MAX);
    text_list_free(it->headers);
    cursor_free(&it->cursor);
}

/* ---- handing over -----------------------------------------------------------------------------
 */

static int32_t where_of(const char *folder)
{
    if (strcmp(folder, "sentitems") == 0)
        return RIDER_OUTBOUND;
    if (strcmp(folder, "junkemail") == 0)
        return RIDER_JUNK;
    return strcmp(folder, "deleteditems") == 0 ? RIDER_TRASH : RIDER_INBOUND;
}

/* No conversation is told: Exchange puts mails of equal subject into one though they have nothing
 * to do with each other, and an answer can get another (facts 4.3). An entry does not say whether
 * the mail came or changed: what is known by now is passed over when it arrives again, so its
 * categories are told once more by themselves. */
static bool hand_over(struct list *it, const struct entry *entry)
{
    const struct rider_host *host = it->job.session->host;
    const struct wire_message *message = entry->message;
    int32_t where = where_of(it->cursor.folders[entry->folder].name);
    struct text headers = {0};
    struct rider_reply reply = {
        .size = sizeof(reply),
        .change = RIDER_ARRIVED,
        .where = where,
        .provider_id = message->id,
        .labels = it->want & RIDER_WANT_LABELS ? (const char *const *)message->categories : NULL,
        .received = message->received,
        .report_type = entry->report.type,
        .report = {entry->report.report.data, entry->report.report.len},
        .returned = {entry->report.returned.data, entry->report.returned.len},
    };
    bool taken;

    wire_header_block(message, it->headers, &headers);
    reply.headers = (struct rider_bytes){headers.data, headers.len};
    taken = host->list_item(it->job.op, &reply);
    if (taken && where != RIDER_OUTBOUND && reply.labels && *reply.labels) {
        reply.change = RIDER_RELABELLED;
        taken = host->list_item(it->job.op, &reply);
    }
    text_free(&headers);
    return taken;
}

static void set_text(char **slot, char *value)
{
    free(*slot);
    *slot = value;
}

/* Behind a page that was handed over whole. */
static void turn_page(struct list *it, size_t at)
{
    struct cursor_folder *folder = &it->cursor.folders[at];
    struct wire_page *page = &it->pages[at];
    const char *link = page->next ? page->next : page->delta;

    set_text(&folder->taken, NULL);
    set_text(&folder->link, text_dup(link + strlen(it->job.session->api)));
    folder->kind = page->next ? 'n' : 'd';
    if (!page->next)
        folder->time = it->began;
}

/* A walk has begun, or a page was taken in part. */
static bool is_behind(const struct cursor_folder *folder)
{
    return folder->kind == 'n' || folder->kind == 's' || folder->taken;
}

/* ---- pages taken in part ----------------------------------------------------------------------
 *
 * The same link, asked again, may tell of more, and in another order: what was taken is marked one
 * by one, in the state that it was in. */

enum { MARK = 16 };

static void mark_of(const struct wire_message *message, char mark[MARK + 1])
{
    const char *const texts[] = {message->id, message->etag ? message->etag : ""};
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < 2; i++) {
        for (const char *c = texts[i];; c++) {
            hash = (hash ^ (unsigned char)*c) * 1099511628211u;
            if (!*c)
                break;
        }
    }
    snprintf(mark, MARK + 1, "%016llx", (unsigned long long)hash);
}

static void take_mark(struct cursor_folder *folder, const struct wire_message *message)
{
    char mark[MARK + 1];
    struct text taken = {0};

    mark_of(message, mark);
    text_printf(&taken, "%s%s", folder->taken ? folder->taken : "", mark);
    set_text(&folder->taken, taken.data);
}

static bool was_taken(const struct cursor_folder *folder, const struct wire_message *message)
{
    char mark[MARK + 1];
    size_t len = folder->taken ? strlen(folder->taken) : 0;

    mark_of(message, mark);
    for (size_t at = 0; at + MARK <= len; at += MARK) {
        if (memcmp(folder->taken + at, mark, MARK) == 0)
            return true;
    }
    return false;
}

/* How many entries were taken; the folders' places move with them. */
static size_t hand_over_all(struct list *it)
{
    size_t done = 0;

    while (done < it->good && hand_over(it, &it->entries[done])) {
        const struct entry *entry = &it->entries[done++];

        take_mark(&it->cursor.folders[entry->folder], entry->message);
    }
    return done;
}

static void finish(struct list *it)
{
    struct rider_page page = {.size = sizeof(page)};
    struct text bytes = {0};
    size_t done = hand_over_all(it), stop = CURSOR_FOLDERS_MAX;

    if (!done && it->failure.failure.kind) { /* nothing could be read: say why */
        graph_job_fail(&it->job, &it->failure);
        return;
    }
    if (done < it->count)
        stop = it->entries[done].folder;
    for (size_t i = 0; i < it->cursor.count; i++) {
        const struct cursor_folder *folder = &it->cursor.folders[i];

        if (it->read[i] && i < stop)
            turn_page(it, i);
        it->behind = it->behind || is_behind(folder) || it->cut[i] || (it->read[i] && i >= stop) ||
                     (folder->kind == 'd' && folder->time < it->began - ROUND_MS);
    }
    page.more = it->behind || it->failure.failure.kind;
    cursor_write(&it->cursor, &bytes);
    page.cursor = (struct rider_bytes){bytes.data, bytes.len};
    it->job.session->host->list_done(it->job.op, &page);
    graph_job_free(&it->job);
    text_free(&bytes);
}

/* ---- delivery reports -------------------------------------------------------------------------
 */

static bool wants_report(const struct list *it, const struct entry *entry)
{
    const char *type = wire_header(entry->message, "Content-Type");

    return type && it->want & RIDER_WANT_REPORT && it->job.session->may & GRAPH_MAY_READ &&
           text_fold_find(type, "multipart/report") == type + strspn(type, " \t") &&
           where_of(it->cursor.folders[entry->folder].name) != RIDER_OUTBOUND;
}

/* Else the mail is handed over without its report: a list must never stand still for good. */
static bool waiting_helps(const struct list *it, const struct rider_failure *failure)
{
    if (failure->kind == RIDER_BROKEN)
        return ++it->job.session->unreadable % UNREADABLE_MAX;
    return failure->kind == RIDER_TRANSIENT || failure->kind == RIDER_THROTTLED ||
           failure->code == 401;
}

/* How the reading of a report went wrong; false: it did not. */
static bool misread(struct list *it, const struct rider_http_response *response,
                    struct graph_failure *failure)
{
    if (!graph_ok(response))
        graph_failure_read(it->job.session->host, it->job.method, it->job.doing, response, failure);
    else if (!wire_is_mail(response->body))
        graph_failure_say(failure, RIDER_BROKEN, RIDER_MAILBOX, "Graph's answer to %s is no mail",
                          it->job.method);
    else
        return false;
    return true;
}

static void got_report(struct graph_job *job, const struct rider_http_response *response)
{
    struct list *it = (struct list *)job;
    struct graph_failure failure;

    if (misread(it, response, &failure)) {
        if (waiting_helps(it, &failure.failure)) {
            misread(it, response, &it->failure);
            it->good = it->reporting; /* what comes before it can still be handed over */
            finish(it);
            return;
        }
    } else if (response->body.len <= REPORT_SIZE_MAX) {
        wire_report_read(&it->entries[it->reporting].report, response->body.data,
                         response->body.len);
    }
    it->reporting++;
    look_for_reports(it);
}

/* Only of delivery reports is the whole mail read, and never of another. */
static void look_for_reports(struct list *it)
{
    struct text path = {0};

    while (it->reporting < it->good && !wants_report(it, &it->entries[it->reporting]))
        it->reporting++;
    if (it->reporting >= it->good) {
        finish(it);
        return;
    }
    text_str(&path, "/me/messages/");
    text_percent(&path, it->entries[it->reporting].message->id);
    text_str(&path, "/$value");
    graph_job_get(&it->job, "messages.get", path.data, got_report);
    text_free(&path);
}

/* ---- the folders' pages -----------------------------------------------------------------------
 */

/* Nothing to say of it: gone from here, a draft, or from before `since`. */
static bool is_silent(const struct list *it, const struct wire_message *message)
{
    return message->removed || message->draft ||
           (message->received && message->received < it->since);
}

/* Takes what was not taken of the page before. */
static void choose(struct list *it, size_t at)
{
    const struct wire_page *page = &it->pages[at];

    for (size_t i = 0; i < page->count; i++) {
        if (is_silent(it, &page->messages[i]) ||
            was_taken(&it->cursor.folders[at], &page->messages[i]))
            continue;
        if (it->count == it->limit) {
            it->cut[at] = true;
            return;
        }
        it->entries[it->count++] = (struct entry){.folder = at, .message = &page->messages[i]};
    }
    it->read[at] = true;
}

static bool link_is_good(const struct list *it, const char *link)
{
    const char *api = it->job.session->api;
    size_t len = strlen(api);

    return !link || (strncmp(link, api, len) == 0 && link[len] == '/' &&
                     strlen(link + len) <= CURSOR_LINK_MAX);
}

/* A link that leads elsewhere is not followed: a token would go there. */
static void take_page(struct list *it, size_t at, const struct wire_part *part)
{
    struct wire_page *page = &it->pages[at];

    if (wire_page_read(page, part->answer.data, part->answer.len) < 0 ||
        (!page->next && !page->delta))
        graph_failure_say(&it->failure, RIDER_BROKEN, RIDER_MAILBOX,
                          "Graph's answer to a delta of %s cannot be read",
                          it->cursor.folders[at].name);
    else if (!link_is_good(it, page->next) || !link_is_good(it, page->delta))
        graph_failure_say(&it->failure, RIDER_BROKEN, RIDER_MAILBOX,
                          "Graph's delta of %s goes on at another place than the configured API; "
                          "it is not followed",
                          it->cursor.folders[at].name);
    else
        choose(it, at);
}

/* Only this folder is walked again, and from not long before it was last read. */
static void start_again(struct list *it, size_t at)
{
    struct cursor_folder *folder = &it->cursor.folders[at];
    int64_t from = folder->kind == 'd' ? folder->time - OVERLAP : folder->time;

    folder->time = from > it->since ? from : it->since;
    folder->kind = 's';
    set_text(&folder->link, NULL);
    set_text(&folder->taken, NULL);
}

/* A folder that the config names and the mailbox has not holds nothing up. */
static void miss_folder(struct list *it, size_t at)
{
    const struct rider_host *host = it->job.session->host;
    struct cursor_folder *folder = &it->cursor.folders[at];

    if (folder->kind != 'x' && host->log)
        host->log(host, 1, "there is no folder %s in this mailbox: look at `folders`",
                  folder->name);
    folder->kind = 'x';
    set_text(&folder->link, NULL);
    set_text(&folder->taken, NULL);
}

static void take_part(struct list *it, const struct wire_part *part, size_t at)
{
    struct graph_failure failure;

    if (part->status >= 200 && part->status < 300) {
        take_page(it, at, part);
        return;
    }
    if (part->status == 424) { /* the one before it failed, and it was not tried */
        it->behind = true;
        return;
    }
    graph_part_failure(&it->job, part, &failure);
    if (failure.failure.kind == RIDER_CURSOR_LOST && it->cursor.folders[at].link) {
        start_again(it, at);
    } else if (failure.failure.kind == RIDER_ABSENT && at >= OWN_FOLDERS) {
        miss_folder(it, at);
    } else {
        graph_part_failure(&it->job, part, &it->failure);
    }
}

static void got_parts(struct graph_job *job, const struct rider_http_response *response)
{
    struct list *it = (struct list *)job;

    if (graph_parts_take(job, response, it->parts, it->part_count, &it->failure) < 0) {
        graph_job_fail(job, &it->failure);
        return;
    }
    for (size_t i = 0; i < it->part_count && !it->failure.failure.kind; i++)
        take_part(it, &it->parts[i], it->part_folder[i]);
    it->good = it->count;
    look_for_reports(it);
}

static void walk_path(struct text *path, const struct cursor_folder *folder)
{
    time_t since = (time_t)(folder->time / 1000);
    char when[32] = "1970-01-01T00:00:00Z";
    struct tm tm;

    if (folder->time > 0 && gmtime_r(&since, &tm))
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    text_str(path, "/me/mailFolders/");
    text_percent(path, folder->name);
    text_printf(path, "/messages/delta?$select=" FIELDS "&$filter=receivedDateTime%%20ge%%20%s",
                when);
}

static void add_part(struct list *it, size_t at)
{
    const struct cursor_folder *folder = &it->cursor.folders[at];
    struct text path = {0};

    if (folder->link)
        text_str(&path, folder->link);
    else
        walk_path(&path, folder);
    it->part_folder[it->part_count] = at;
    it->parts[it->part_count++] =
        (struct wire_part){.verb = "GET", .path = path.data, .prefer = it->prefer};
}

/* Those that are behind, or all where none is: were each asked each time, a mailbox where an idle
 * folder answers with an empty page and a next one would never be read to its end. */
static void ask(struct list *it)
{
    bool behind = false;

    snprintf(it->prefer, sizeof(it->prefer), "odata.maxpagesize=%zu", it->limit);
    for (size_t i = 0; i < it->cursor.count; i++)
        behind = behind || is_behind(&it->cursor.folders[i]);
    for (size_t i = 0; i < it->cursor.count && !(it->part_count && it->job.session->alone); i++) {
        if (!behind || is_behind(&it->cursor.folders[i]))
            add_part(it, i);
    }
    graph_job_parts(&it->job, "messages.delta", GRAPH_READING, it->parts, it->part_count,
                    got_parts);
}

/* ---- the operation ----------------------------------------------------------------------------
 */

/* The folders of the session, each where the cursor has it. */
static void place_folders(struct list *it, struct cursor *before)
{
    for (char **name = it->job.session->folders; *name && it->cursor.count < CURSOR_FOLDERS_MAX;
         name++) {
        struct cursor_folder *known = cursor_folder(before, *name);
        struct cursor_folder *folder = &it->cursor.folders[it->cursor.count++];

        if (known) {
            *folder = *known;
            *known = (struct cursor_folder){.name = text_dup("")};
        } else {
            *folder = (struct cursor_folder){text_dup(*name), 's', it->since, NULL, NULL};
        }
    }
}

static void cursor_lost(struct rider_session *session, struct rider_op *op)
{
    struct graph_failure failure;

    graph_failure_say(&failure, RIDER_CURSOR_LOST, RIDER_MAILBOX,
                      "the cursor of the last reading can't be read: the mailbox is listed again");
    session->host->fail(op, &failure.failure);
}

void graph_list(struct rider_session *session, struct rider_op *op, const struct rider_query *query)
{
    struct cursor before = {0};
    struct list *it;

    if (!(session->may & GRAPH_MAY_LIST)) {
        graph_unsupported(session, op, "listing answers");
        return;
    }
    if (query->cursor.len && cursor_read(&before, query->cursor) < 0) {
        cursor_lost(session, op);
        return;
    }
    it = graph_job_new(session, op, sizeof(*it), release);
    it->since = query->since > 0 ? query->since : 0;
    it->began = session->host->wall_clock(session->host);
    it->want = query->want;
    it->limit = query->limit && query->limit < PAGE_MAX ? query->limit : PAGE_MAX;
    it->headers = text_list_dup(query->headers);
    place_folders(it, &before);
    cursor_free(&before);
    ask(it);
}
