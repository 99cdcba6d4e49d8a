/* gmail/list.c: what came since: the history after a cursor, or a listing down to `since`.
 *
 * history.list, messages.list, and headers by batch. One call reads one page, so that a page is the
 * most that is ever read twice. The traps (facts 2.6): a history id that is too old answers 404; an
 * idle mailbox's own messages are older than the history, so the id for a first listing is the
 * profile's, taken before it; a page can have a next one and nothing in it; a message can come many
 * times, or be gone when it is asked for; drafts come and go at every keystroke. */
#include "cursor.h"
#include "gmail.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_SIZE_MAX = 2 * 1024 * 1024 }; /* of a whole report mail; larger ones go without */

struct entry { /* a message to hand over */
    const struct wire_item *item;
    struct gmail_fetched *fetched; /* NULL: only its labels changed */
    struct wire_report report;
};
struct list {
    struct gmail_job job;
    int64_t since;
    uint32_t want;
    size_t limit;
    char **headers; /* the query's, to hand over                    */
    char **asked;   /* those, and Content-Type where a report is wanted */
    struct cursor cursor;
    struct wire_page page;
    bool rest;  /* the page has more than this call hands over */
    bool older; /* something was older than `since`           */
    struct entry entries[WIRE_BATCH_MAX];
    struct gmail_fetched fetched[WIRE_BATCH_MAX];
    size_t count, fetching;
    size_t reporting; /* whose report is being read */
    size_t good;      /* how many can be handed over; the next one failed */
    struct gmail_failure failure;
};

static void read_page(struct list *it);
static void look_for_reports(struct list *it);

static void forget_entries(struct list *it)
{
    gmail_fetched_free(it->fetched, it->fetching);
    for (size_t i = 0; i < it->count; i++)
        wire_report_free(&it->entries[i].report);
    it->count = it->fetching = 0;
}

static void release(struct gmail_job *job)
{
    struct list *it = (struct list *)job;

    forget_entries(it);
    text_list_free(it->headers);
    text_list_free(it->asked);
    cursor_free(&it->cursor);
    wire_page_free(&it->page);
}

/* ---- handing over -----------------------------------------------------------------------------
 */

static int32_t where_of(char *const *labels)
{
    if (wire_has_label(labels, "DRAFT"))
        return RIDER_DRAFT;
    if (wire_has_label(labels, "TRASH"))
        return RIDER_TRASH;
    if (wire_has_label(labels, "SENT"))
        return RIDER_OUTBOUND;
    return wire_has_label(labels, "SPAM") ? RIDER_JUNK : RIDER_INBOUND;
}

/* The paths of a message's labels; Gmail's own keep their ids, which are their names. */
static char **label_paths(const struct rider_session *session, char *const *ids)
{
    size_t count = 0;
    char **paths;

    while (ids && ids[count])
        count++;
    paths = text_alloc((count + 1) * sizeof(*paths));
    for (size_t i = 0; i < count; i++) {
        const struct wire_label *label = gmail_label_by_id(session, ids[i]);

        paths[i] = text_dup(label ? label->name : ids[i]);
    }
    return paths;
}

static bool hand_over(struct list *it, const struct entry *entry)
{
    const struct wire_message *message = entry->fetched ? &entry->fetched->message : NULL;
    char *const *labels = message ? message->labels : entry->item->labels;
    char **paths = it->want & RIDER_WANT_LABELS ? label_paths(it->job.session, labels) : NULL;
    struct text headers = {0};
    struct rider_reply reply = {
        .size = sizeof(reply),
        .change = message ? RIDER_ARRIVED : RIDER_RELABELLED,
        .where = where_of(labels),
        .provider_id = entry->item->id,
        .thread_id = message ? message->thread_id : entry->item->thread_id,
        .labels = (const char *const *)paths,
        .received = message ? message->date : 0,
        .report_type = entry->report.type,
        .report = {entry->report.report.data, entry->report.report.len},
        .returned = {entry->report.returned.data, entry->report.returned.len},
    };
    bool taken;

    if (message)
        wire_header_block(message, it->headers, &headers);
    reply.headers = (struct rider_bytes){headers.data, headers.len};
    taken = it->job.session->host->list_item(it->job.op, &reply);
    text_free(&headers);
    if (paths)
        text_list_free(paths);
    return taken;
}

/* Nothing to say of it: gone meanwhile, a draft, a chat, or from before `since`. */
static bool is_silent(struct list *it, const struct entry *entry)
{
    const struct wire_message *message = entry->fetched ? &entry->fetched->message : NULL;

    if (!message)
        return false;
    if (!message->id)
        return true;
    if (wire_has_label(message->labels, "DRAFT") || wire_has_label(message->labels, "CHAT"))
        return true;
    if (!it->cursor.history && message->date && message->date < it->since) {
        it->older = true;
        return true;
    }
    return false;
}

static void set_last(struct list *it, const char *id)
{
    char *copy = text_dup(id);

    free(it->cursor.last);
    it->cursor.last = copy;
}

/* Moves the cursor behind a page that was handed over whole. Returns whether there is more. */
static bool turn_page(struct list *it)
{
    bool more = it->page.next && !(it->older && !it->cursor.history);

    free(it->cursor.token);
    free(it->cursor.last);
    it->cursor.last = NULL;
    it->cursor.token = more ? it->page.next : NULL;
    if (more) {
        it->page.next = NULL;
    } else if (!it->cursor.history) {
        it->cursor.history = true; /* from before the listing began: nothing falls between */
    } else if (it->page.history_id > it->cursor.start) {
        it->cursor.start = it->page.history_id;
    }
    return more;
}

static void finish(struct list *it)
{
    const struct rider_host *host = it->job.session->host;
    struct rider_page page = {.size = sizeof(page), .more = true};
    struct text bytes = {0};
    size_t done = 0;

    while (done < it->good &&
           (is_silent(it, &it->entries[done]) || hand_over(it, &it->entries[done])))
        done++;
    if (!done && it->good < it->count && it->failure.failure.kind) {
        gmail_job_fail(&it->job, &it->failure); /* not one could be read: say why */
        return;
    }
    if (done)
        set_last(it, it->entries[done - 1].item->id);
    if (done == it->count && !it->rest)
        page.more = turn_page(it);
    cursor_write(&it->cursor, &bytes);
    page.cursor = (struct rider_bytes){bytes.data, bytes.len};
    host->list_done(it->job.op, &page);
    gmail_job_free(&it->job);
    text_free(&bytes);
}

/* ---- delivery reports -------------------------------------------------------------------------
 */

static bool wants_report(const struct list *it, const struct entry *entry)
{
    const struct wire_message *message = entry->fetched ? &entry->fetched->message : NULL;
    const char *type = message ? wire_header(message, "Content-Type") : NULL;

    return type && it->want & RIDER_WANT_REPORT && it->job.session->may & GMAIL_MAY_READ &&
           text_fold_find(type, "multipart/report") == type + strspn(type, " \t") &&
           message->size <= REPORT_SIZE_MAX && where_of(message->labels) != RIDER_OUTBOUND;
}

/* Else the mail is handed over without its report: a list must never stand still for good. */
static bool waiting_helps(const struct rider_failure *failure)
{
    return failure->kind == RIDER_TRANSIENT || failure->kind == RIDER_THROTTLED ||
           failure->code == 401;
}

static void got_report(struct gmail_job *job, const struct rider_http_response *response)
{
    struct list *it = (struct list *)job;
    struct text raw = {0};

    if (gmail_ok(response) && wire_raw_read(&raw, response->body.data, response->body.len) == 0) {
        wire_report_read(&it->entries[it->reporting].report, text_of(&raw), raw.len);
    } else {
        if (gmail_ok(response)) /* somebody else's page: what Gmail says is always readable */
            gmail_failure_say(&it->failure, RIDER_TRANSIENT, RIDER_MAILBOX,
                              "Gmail's answer to %s cannot be read", job->method);
        else
            gmail_failure_read(job->session->host, job->method, job->doing, response, &it->failure);
        if (waiting_helps(&it->failure.failure)) {
            it->good = it->reporting; /* what comes before it can still be handed over */
            text_free(&raw);
            finish(it);
            return;
        }
    }
    text_free(&raw);
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
    text_str(&path, "/messages/");
    text_percent(&path, it->entries[it->reporting].item->id);
    text_str(&path, "?format=raw&fields=id,raw");
    gmail_job_get(&it->job, "messages.get", path.data, got_report);
    text_free(&path);
}

/* ---- labels and headers -----------------------------------------------------------------------
 */

static bool knows_labels(const struct rider_session *session, char *const *ids)
{
    for (; ids && *ids; ids++) {
        if (strncmp(*ids, "Label_", 6) == 0 && !gmail_label_by_id(session, *ids))
            return false;
    }
    return true;
}

static void got_labels(struct gmail_job *job, const struct rider_http_response *response)
{
    struct list *it = (struct list *)job;

    if (!gmail_ok(response))
        gmail_job_fail_with(job, response);
    else if (!gmail_labels_take(job->session, response))
        gmail_job_broken(job);
    else
        look_for_reports(it);
}

static void look_for_labels(struct list *it)
{
    bool known = true;

    for (size_t i = 0; it->want & RIDER_WANT_LABELS && i < it->good; i++) {
        const struct entry *entry = &it->entries[i];

        known =
            known && knows_labels(it->job.session, entry->fetched ? entry->fetched->message.labels
                                                                  : entry->item->labels);
    }
    if (known)
        look_for_reports(it);
    else
        gmail_job_get(&it->job, "labels.list", "/labels", got_labels);
}

static void entry_ids(const struct list *it, const char **ids)
{
    for (size_t i = 0; i < it->count; i++) {
        if (it->entries[i].fetched)
            *ids++ = it->entries[i].item->id;
    }
}

static void got_headers(struct gmail_job *job, const struct rider_http_response *response)
{
    struct list *it = (struct list *)job;
    const char *ids[WIRE_BATCH_MAX];
    size_t failed, seen = 0;

    entry_ids(it, ids);
    if (gmail_fetch_take(job, response, ids, it->fetched, it->fetching, &failed, &it->failure) <
        0) {
        for (it->good = 0; it->good < it->count; it->good++) {
            if (it->entries[it->good].fetched && seen++ == failed)
                break;
        }
    }
    look_for_labels(it);
}

static void fetch_headers(struct list *it)
{
    const char *ids[WIRE_BATCH_MAX];

    entry_ids(it, ids);
    if (it->fetching)
        gmail_fetch(&it->job, ids, it->fetching, it->asked, got_headers);
    else
        look_for_labels(it);
}

/* ---- the page ---------------------------------------------------------------------------------
 */

static bool changed_user_label(const struct rider_session *session, const struct wire_item *item)
{
    for (char **id = item->changed; id && *id; id++) {
        const struct wire_label *label = gmail_label_by_id(session, *id);

        if (strncmp(*id, "Label_", 6) == 0 || (label && label->user))
            return true;
    }
    return false;
}

static bool is_wanted(const struct list *it, const struct wire_item *item)
{
    if (wire_has_label(item->labels, "DRAFT") || wire_has_label(item->labels, "CHAT"))
        return false;
    if (item->arrived)
        return !gmail_is_known_sent(it->job.session, item->id);
    return it->want & RIDER_WANT_LABELS && changed_user_label(it->job.session, item);
}

/* Takes what follows `last` in the page; all of it when `last` is no longer there. */
static void choose(struct list *it)
{
    size_t from = 0;

    for (size_t i = 0; it->cursor.last && i < it->page.count; i++) {
        if (strcmp(it->page.items[i].id, it->cursor.last) == 0)
            from = i + 1;
    }
    for (size_t i = from; i < it->page.count; i++) {
        const struct wire_item *item = &it->page.items[i];

        if (!is_wanted(it, item))
            continue;
        if (it->count == it->limit) {
            it->rest = true;
            break;
        }
        it->entries[it->count++] = (struct entry){
            .item = item, .fetched = item->arrived ? &it->fetched[it->fetching++] : NULL};
    }
    it->good = it->count;
    fetch_headers(it);
}

static void cursor_lost(struct list *it)
{
    struct gmail_failure failure;

    gmail_failure_say(&failure, RIDER_CURSOR_LOST, RIDER_MAILBOX,
                      "Gmail no longer has the history since the last reading: the mailbox is "
                      "listed again");
    gmail_job_fail(&it->job, &failure);
}

static void got_page(struct gmail_job *job, const struct rider_http_response *response)
{
    struct list *it = (struct list *)job;

    if (response->status == 400 && it->cursor.token) { /* page tokens age: from the page's start */
        free(it->cursor.token);
        free(it->cursor.last);
        it->cursor.token = it->cursor.last = NULL;
        read_page(it);
    } else if (it->cursor.history && (response->status == 404 || response->status == 400)) {
        cursor_lost(it);
    } else if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
    } else if (wire_page_read(&it->page, response->body.data, response->body.len) < 0) {
        gmail_job_broken(job);
    } else {
        choose(it);
    }
}

static void read_page(struct list *it)
{
    struct text path = {0};

    if (it->cursor.history) {
        text_printf(&path, "/history?startHistoryId=%" PRIu64 "&maxResults=500", it->cursor.start);
        text_str(&path, "&historyTypes=messageAdded");
        if (it->want & RIDER_WANT_LABELS)
            text_str(&path, "&historyTypes=labelAdded&historyTypes=labelRemoved");
    } else {
        text_printf(&path, "/messages?includeSpamTrash=true&maxResults=%zu", it->limit);
    }
    if (it->cursor.token) {
        text_str(&path, "&pageToken=");
        text_percent(&path, it->cursor.token);
    }
    gmail_job_get(&it->job, it->cursor.history ? "history.list" : "messages.list", path.data,
                  got_page);
    text_free(&path);
}

static void got_profile(struct gmail_job *job, const struct rider_http_response *response)
{
    struct list *it = (struct list *)job;
    struct wire_profile profile;

    if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
        return;
    }
    if (wire_profile_read(&profile, response->body.data, response->body.len) < 0 ||
        !profile.history_id) {
        free(profile.address);
        gmail_job_broken(job);
        return;
    }
    free(profile.address);
    it->cursor.start = profile.history_id;
    read_page(it);
}

/* The headers to ask for: a report is known by its Content-Type. */
static char **asked_headers(const struct rider_query *query)
{
    const char *names[64] = {0};
    size_t count = 0;
    bool type = !(query->want & RIDER_WANT_REPORT);

    for (; query->headers && query->headers[count] && count < 62; count++) {
        names[count] = query->headers[count];
        type = type || text_fold_same(names[count], "Content-Type");
    }
    if (!type)
        names[count] = "Content-Type";
    return text_list_dup(names);
}

void gmail_list(struct rider_session *session, struct rider_op *op, const struct rider_query *query)
{
    struct list *it;

    if (!(session->may & GMAIL_MAY_LIST)) {
        gmail_unsupported(session, op, "listing answers");
        return;
    }
    it = gmail_job_new(session, op, sizeof(*it), release);
    it->since = query->since;
    it->want = query->want;
    it->limit = query->limit && query->limit < WIRE_BATCH_MAX ? query->limit : WIRE_BATCH_MAX;
    it->headers = text_list_dup(query->headers);
    it->asked = asked_headers(query);
    if (!query->cursor.len)
        gmail_job_get(&it->job, "users.getProfile", "/profile", got_profile);
    else if (cursor_read(&it->cursor, query->cursor) < 0)
        cursor_lost(it);
    else
        read_page(it);
}
