/* gmail/find.c: whether a message was sent, waits as a draft, or is nowhere.
 *
 * By its id, by its thread, and by the marker in what was made since it was minted: drafts first,
 * then Sent, then trash, the way a message travels, so that one that moves meanwhile is met. Works
 * with gmail.metadata, which has no search. Gmail puts its own Message-ID in place of ours: only
 * the marker proves. */
#include "gmail.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGES_MAX = 60,     /* of 50: above a day's sending limit                        */
    SLACK = 10 * 60000, /* Google's clock against ours                               */
};

struct find {
    struct gmail_job job;
    char *marker, *provider_id, *thread_id;
    int64_t minted;
    const struct shelf *shelf; /* where is being looked */
    bool drafts_seen;          /* the draft's id was asked for and is gone */
    int pages;
    char *token; /* of the page after this */
    struct wire_page page;
};

static char *const marker_headers[] = {"X-Postrider-Id", "Message-ID", NULL};

static const struct shelf {
    const char *method, *path;
    bool drafts;
} shelves[] = {
    {"drafts.list", "/drafts?maxResults=50", true},
    {"messages.list", "/messages?labelIds=SENT&includeSpamTrash=true&maxResults=50", false},
    {"messages.list", "/messages?labelIds=TRASH&includeSpamTrash=true&maxResults=50", false},
    {0},
};

static void look_at_shelf(struct find *it);

static void release(struct gmail_job *job)
{
    struct find *it = (struct find *)job;

    free(it->marker);
    free(it->provider_id);
    free(it->thread_id);
    free(it->token);
    wire_page_free(&it->page);
}

static void found(struct find *it, const struct wire_message *message, const char *draft)
{
    const char *value = wire_header(message, "Message-ID");
    char *id = value ? wire_id(value) : NULL;
    struct text name = {0};
    struct rider_sent sent = {
        .size = sizeof(sent),
        .state = draft ? RIDER_IS_STAGED : RIDER_IS_SENT,
        .thread_id = message->thread_id,
        .message_id = draft ? NULL : id, /* a draft's is not the one it will be sent with */
        .final = !draft && id,
    };

    text_printf(&name, "%s%s", draft ? GMAIL_DRAFT : "", draft ? draft : message->id);
    sent.provider_id = name.data;
    it->job.session->host->send_done(it->job.op, &sent);
    gmail_job_free(&it->job);
    text_free(&name);
    free(id);
}

static void absent(struct find *it)
{
    struct gmail_failure failure;

    gmail_failure_say(&failure, RIDER_ABSENT, RIDER_MESSAGE,
                      "no draft, sent or deleted mail carries this message's marker");
    gmail_job_fail(&it->job, &failure);
}

static bool has_marker(const struct find *it, const struct wire_message *message)
{
    const char *marker = wire_header(message, "X-Postrider-Id");

    if (!marker || !it->marker)
        return false;
    marker += strspn(marker, " \t");
    return strncmp(marker, it->marker, strlen(it->marker)) == 0 &&
           !marker[strlen(it->marker) + strspn(marker + strlen(it->marker), " \t\r\n")];
}

static void next_page(struct find *it)
{
    struct gmail_failure failure;

    free(it->token);
    it->token = it->page.next;
    it->page.next = NULL;
    if (!it->token)
        it->shelf++;
    if (it->pages++ < PAGES_MAX) {
        look_at_shelf(it);
        return;
    }
    gmail_failure_say(&failure, RIDER_UNCERTAIN, RIDER_MESSAGE,
                      "more mail was sent since than can be looked through; look for it by hand");
    gmail_job_fail(&it->job, &failure);
}

static void page_ids(const struct find *it, const char **ids)
{
    for (size_t i = 0; i < it->page.count; i++)
        ids[i] = it->page.items[i].id;
}

static void got_messages(struct gmail_job *job, const struct rider_http_response *response)
{
    struct find *it = (struct find *)job;
    size_t count = it->page.count, failed; /* at most a batch: got_page saw to it */
    struct gmail_fetched fetched[WIRE_BATCH_MAX];
    struct gmail_failure failure;
    const char *ids[WIRE_BATCH_MAX] = {0};
    bool older = false;

    page_ids(it, ids);
    if (gmail_fetch_take(job, response, ids, fetched, count, &failed, &failure) < 0) {
        gmail_fetched_free(fetched, count);
        gmail_job_fail(job, &failure);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct wire_message *message = &fetched[i].message;

        if (!message->id)
            continue;
        if (has_marker(it, message) &&
            (it->shelf->drafts || wire_has_label(message->labels, "SENT"))) {
            found(it, message, it->shelf->drafts ? it->page.items[i].draft_id : NULL);
            gmail_fetched_free(fetched, count);
            return;
        }
        older =
            !it->shelf->drafts && message->date && it->minted && message->date < it->minted - SLACK;
    }
    gmail_fetched_free(fetched, count);
    if (older) { /* lists are newest first: what follows was there before it was minted */
        free(it->page.next);
        it->page.next = NULL;
    }
    next_page(it);
}

static void got_page(struct gmail_job *job, const struct rider_http_response *response)
{
    struct find *it = (struct find *)job;
    const char *ids[WIRE_BATCH_MAX];

    if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
        return;
    }
    wire_page_free(&it->page);
    if (wire_page_read(&it->page, response->body.data, response->body.len) < 0 ||
        it->page.count > WIRE_BATCH_MAX) {
        gmail_job_broken(job);
        return;
    }
    page_ids(it, ids);
    if (it->page.count)
        gmail_fetch(job, ids, it->page.count, marker_headers, got_messages);
    else
        next_page(it);
}

static void look_at_shelf(struct find *it)
{
    struct text path = {0};

    while (it->shelf->path && it->shelf->drafts &&
           (it->drafts_seen || !(it->job.session->may & GMAIL_MAY_DRAFT)))
        it->shelf++;
    if (!it->shelf->path) {
        absent(it);
        return;
    }
    text_str(&path, it->shelf->path);
    if (it->token) {
        text_str(&path, "&pageToken=");
        text_percent(&path, it->token);
    }
    gmail_job_get(&it->job, it->shelf->method, path.data, got_page);
    text_free(&path);
}

static void got_thread(struct gmail_job *job, const struct rider_http_response *response)
{
    struct find *it = (struct find *)job;
    struct wire_thread thread;

    if (response->status == 404 || response->status == 400) {
        look_at_shelf(it);
        return;
    }
    if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
        return;
    }
    if (wire_thread_read(&thread, response->body.data, response->body.len) < 0) {
        gmail_job_broken(job);
        return;
    }
    for (size_t i = thread.count; i-- > 0;) {
        if (has_marker(it, &thread.messages[i]) &&
            wire_has_label(thread.messages[i].labels, "SENT")) {
            found(it, &thread.messages[i], NULL);
            wire_thread_free(&thread);
            return;
        }
    }
    wire_thread_free(&thread);
    look_at_shelf(it);
}

/* One request where the draft's thread is known, and no bound on how long ago it was. */
static void look_at_thread(struct find *it)
{
    struct text path = {0};

    if (!it->marker || !*it->marker) { /* then not finding it would prove nothing */
        struct gmail_failure failure;

        gmail_failure_say(&failure, RIDER_UNCERTAIN, RIDER_MESSAGE,
                          "a message without a marker cannot be looked for");
        gmail_job_fail(&it->job, &failure);
        return;
    }
    if (!it->thread_id || !*it->thread_id) {
        look_at_shelf(it);
        return;
    }
    text_str(&path, "/threads/");
    text_percent(&path, it->thread_id);
    text_str(&path, "?format=metadata&metadataHeaders=X-Postrider-Id&metadataHeaders=Message-ID"
                    "&fields=id,messages(id,threadId,labelIds,internalDate,payload/headers)");
    gmail_job_get(&it->job, "threads.get", path.data, got_thread);
    text_free(&path);
}

static void got_message(struct gmail_job *job, const struct rider_http_response *response)
{
    struct find *it = (struct find *)job;
    struct wire_message message;

    if (response->status == 404 || response->status == 400) {
        look_at_thread(it);
        return;
    }
    if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
        return;
    }
    if (wire_message_read(&message, response->body.data, response->body.len) < 0) {
        gmail_job_broken(job);
        return;
    }
    if (wire_has_label(message.labels, "DRAFT"))
        look_at_thread(it);
    else
        found(it, &message, NULL);
    wire_message_free(&message);
}

static void got_draft(struct gmail_job *job, const struct rider_http_response *response)
{
    struct find *it = (struct find *)job;
    struct wire_draft draft;

    if (response->status == 404) {
        it->drafts_seen = true;
        look_at_thread(it);
        return;
    }
    if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
        return;
    }
    if (wire_draft_read(&draft, response->body.data, response->body.len) < 0) {
        gmail_job_broken(job);
        return;
    }
    found(it, &draft.message, draft.id);
    wire_draft_free(&draft);
}

void gmail_find(struct rider_session *session, struct rider_op *op,
                const struct rider_message *message)
{
    const char *draft = gmail_draft_id(message->provider_id);
    struct text path = {0};
    struct find *it;

    if (!(session->may & GMAIL_MAY_LIST)) {
        gmail_unsupported(session, op, "looking for a sent mail");
        return;
    }
    it = gmail_job_new(session, op, sizeof(*it), release);
    it->marker = text_dup(message->marker);
    it->thread_id = text_dup(message->thread_id);
    it->minted = message->minted;
    it->shelf = shelves;
    if (draft && session->may & GMAIL_MAY_DRAFT) {
        text_str(&path, "/drafts/");
        text_percent(&path, draft);
        text_str(&path, "?format=minimal");
        gmail_job_get(&it->job, "drafts.get", path.data, got_draft);
    } else if (!draft && message->provider_id && *message->provider_id) {
        text_str(&path, "/messages/");
        text_percent(&path, message->provider_id);
        gmail_metadata_query(&path, marker_headers);
        gmail_job_get(&it->job, "messages.get", path.data, got_message);
    } else {
        look_at_thread(it);
    }
    text_free(&path);
}
