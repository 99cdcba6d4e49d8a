/* graph/find.c: whether a message was sent, waits as a draft, or is nowhere.
 *
 * By its id where one is known. Else by the marker in what was made since it was minted: drafts
 * first, then Sent Items, then Deleted Items, the way a message travels. What a folder shows of a
 * mail's headers differs (Sent Items may show none, facts 4.4), so a mail to the same recipient
 * that shows no marker is read whole where that is granted; where it is not, its recipient, subject
 * and time speak for it, which proves that it was sent and never that it was not. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PAGES_MAX = 60,     /* of 50: above a day's sending                              */
    SLACK = 2 * 60000,  /* Microsoft's clock against ours                            */
    SUSPECTS_MAX = 100, /* mails to one person since it was minted                   */
};

#define FIELDS                                                                                     \
    "id,isDraft,conversationId,internetMessageId,toRecipients,subject,receivedDateTime,"           \
    "sentDateTime,internetMessageHeaders"
#define IDENTITY "?$select=id,isDraft,conversationId,internetMessageId"

struct find {
    struct graph_job job;
    char *marker, *message_id, *provider_id, *to, *subject;
    int64_t minted;
    const struct shelf *shelf; /* where is being looked */
    int pages;
    char *next; /* the path of the page after this */
    struct wire_message suspects[SUSPECTS_MAX];
    size_t suspect_count, reading; /* whose whole mail is being read */
    bool crowded;                  /* there were more of them than are kept */
    bool astray;                   /* the page after this is not to be followed */
};

static const struct shelf {
    const char *folder;
    bool drafts;
} shelves[] = {
    {"drafts", true},
    {"sentitems", false},
    {"deleteditems", false},
    {0},
};

static void look_at_shelf(struct find *it);
static void read_suspects(struct find *it);

static void forget_suspects(struct find *it)
{
    for (size_t i = 0; i < it->suspect_count; i++)
        wire_message_free(&it->suspects[i]);
    it->suspect_count = it->reading = 0;
}

static void release(struct graph_job *job)
{
    struct find *it = (struct find *)job;

    forget_suspects(it);
    free(it->marker);
    free(it->message_id);
    free(it->provider_id);
    free(it->to);
    free(it->subject);
    free(it->next);
}

static void found(struct find *it, const struct wire_message *message)
{
    struct rider_sent sent = {
        .size = sizeof(sent),
        .state = message->draft ? RIDER_IS_STAGED : RIDER_IS_SENT,
        .provider_id = message->id,
        .thread_id = message->conversation,
        .message_id = message->message_id,
        .final = !message->draft && message->message_id,
    };

    it->job.session->host->send_done(it->job.op, &sent);
    graph_job_free(&it->job);
}

static void absent(struct find *it)
{
    struct graph_failure failure;

    graph_failure_say(&failure, RIDER_ABSENT, RIDER_MESSAGE,
                      "no draft, sent or deleted mail is this message");
    graph_job_fail(&it->job, &failure);
}

static void too_many(struct find *it)
{
    struct graph_failure failure;

    graph_failure_say(&failure, RIDER_UNCERTAIN, RIDER_MESSAGE,
                      "more mail was sent since than can be looked through; look for it by hand");
    graph_job_fail(&it->job, &failure);
}

/* ---- is it this one? --------------------------------------------------------------------------
 */

static bool same_word(const char *value, const char *word)
{
    size_t len;

    if (!value || !word || !*word)
        return false;
    value += strspn(value, " \t\r\n<");
    len = strlen(word);
    return strncmp(value, word, len) == 0 && !value[len + strspn(value + len, " \t\r\n>")];
}

static bool is_ours(const struct find *it, const struct wire_message *message)
{
    const char *marker = wire_header(message, "X-Postrider-Id");

    return marker ? same_word(marker, it->marker) : same_word(message->message_id, it->message_id);
}

static bool is_older(const struct find *it, const struct wire_message *message)
{
    int64_t at = message->sent > message->received ? message->sent : message->received;

    return at && it->minted && at < it->minted - SLACK;
}

/* It shows no marker, and goes to the same person: it may be ours all the same. */
static bool is_suspect(const struct find *it, const struct wire_message *message)
{
    return !wire_header(message, "X-Postrider-Id") && it->to && message->to_address &&
           text_fold_same(message->to_address, it->to) && !is_older(it, message);
}

static bool looks_alike(const struct find *it, const struct wire_message *message)
{
    return is_suspect(it, message) && !message->draft && it->subject && message->subject &&
           strcmp(message->subject, it->subject) == 0;
}

/* ---- whole mails ------------------------------------------------------------------------------
 */

static bool carries_marker(const struct find *it, struct rider_bytes head)
{
    char *marker = wire_block_value(head, "x-postrider-id");
    bool ours = same_word(marker, it->marker);

    free(marker);
    return ours;
}

static void got_whole(struct graph_job *job, const struct rider_http_response *response)
{
    struct find *it = (struct find *)job;
    struct rider_bytes head = {NULL, 0}, rest;

    if (!graph_ok(response) && response->status != 404) {
        graph_job_fail_with(job, response);
    } else if (graph_ok(response) &&
               (!wire_is_mail(response->body) || !wire_divide(response->body, &head, &rest))) {
        graph_job_broken(job); /* what can't be read may be ours */
    } else if (graph_ok(response) && carries_marker(it, head)) {
        found(it, &it->suspects[it->reading]);
    } else {
        it->reading++;
        read_suspects(it);
    }
}

/* Not following it, what is behind it would pass for absent. */
static void leads_elsewhere(struct find *it)
{
    struct graph_failure failure;

    graph_failure_say(&failure, RIDER_BROKEN, RIDER_MAILBOX,
                      "Graph's list of %s goes on at another place than the configured API; it is "
                      "not followed",
                      it->shelf->folder);
    graph_job_fail(&it->job, &failure);
}

static void next_page(struct find *it)
{
    if (it->astray) {
        leads_elsewhere(it);
        return;
    }
    if (!it->next)
        it->shelf++;
    if (it->pages++ < PAGES_MAX)
        look_at_shelf(it);
    else
        too_many(it);
}

static void read_suspects(struct find *it)
{
    struct text path = {0};

    if (it->reading == it->suspect_count) {
        forget_suspects(it);
        next_page(it);
        return;
    }
    text_str(&path, "/me/messages/");
    text_percent(&path, it->suspects[it->reading].id);
    text_str(&path, "/$value");
    graph_job_get(&it->job, "messages.get", path.data, got_whole);
    text_free(&path);
}

/* ---- folders ----------------------------------------------------------------------------------
 */

/* The message that is ours for certain; else gathers who may be. NULL: none. */
static struct wire_message *look_through(struct find *it, struct wire_page *page, bool *older_r)
{
    struct wire_message *alike = NULL;

    for (size_t i = 0; i < page->count; i++) {
        struct wire_message *message = &page->messages[i];

        if (message->draft != it->shelf->drafts)
            continue;
        if (is_ours(it, message))
            return message;
        *older_r = *older_r || is_older(it, message);
        if (!(it->job.session->may & GRAPH_MAY_READ)) {
            alike = !alike && looks_alike(it, message) ? message : alike;
        } else if (is_suspect(it, message) && it->suspect_count == SUSPECTS_MAX) {
            it->crowded = true;
        } else if (is_suspect(it, message)) {
            it->suspects[it->suspect_count++] = *message;
            *message = (struct wire_message){0};
            message->draft = !it->shelf->drafts; /* nothing is left of it here */
        }
    }
    return alike;
}

static void got_page(struct graph_job *job, const struct rider_http_response *response)
{
    struct find *it = (struct find *)job;
    const char *api = job->session->api;
    struct wire_message *match;
    struct wire_page page;
    bool older = false, goes_on;

    free(it->next);
    it->next = NULL;
    if (!graph_ok(response)) {
        graph_job_fail_with(job, response);
        return;
    }
    if (wire_page_read(&page, response->body.data, response->body.len) < 0) {
        graph_job_broken(job);
        return;
    }
    match = look_through(it, &page, &older);
    /* A link is followed on the configured host alone. Folders are newest first: what follows was
     * there before it was minted. */
    goes_on = page.next && (!older || it->shelf->drafts);
    if (goes_on && strncmp(page.next, api, strlen(api)) == 0 && page.next[strlen(api)] == '/')
        it->next = text_dup(page.next + strlen(api));
    it->astray = goes_on && !it->next;
    if (match)
        found(it, match);
    else if (it->crowded)
        too_many(it);
    else
        read_suspects(it);
    wire_page_free(&page);
}

/* Orders by what it filters by, else Graph calls it an InefficientFilter (facts 4.1). */
static void first_page(const struct find *it, struct text *path)
{
    time_t since = (time_t)((it->minted - SLACK) / 1000);
    char when[32] = "1970-01-01T00:00:00Z";
    struct tm tm;

    text_printf(path, "/me/mailFolders/%s/messages?$select=" FIELDS "&$top=50", it->shelf->folder);
    if (it->shelf->drafts) /* whose received time need not be there */
        return;
    if (it->minted > SLACK && gmtime_r(&since, &tm))
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    text_printf(path, "&$filter=receivedDateTime%%20ge%%20%s&$orderby=receivedDateTime%%20desc",
                when);
}

static void look_at_shelf(struct find *it)
{
    struct text path = {0};

    while (it->shelf->folder && it->shelf->drafts && !(it->job.session->may & GRAPH_MAY_WRITE))
        it->shelf++;
    if (!it->shelf->folder) {
        absent(it);
        return;
    }
    if (it->next)
        text_str(&path, it->next);
    else
        first_page(it, &path);
    graph_job_get(&it->job, "messages.list", path.data, got_page);
    text_free(&path);
}

static void got_message(struct graph_job *job, const struct rider_http_response *response)
{
    struct find *it = (struct find *)job;
    struct wire_message message;

    if (response->status == 404) {
        look_at_shelf(it);
    } else if (!graph_ok(response)) {
        graph_job_fail_with(job, response);
    } else if (wire_message_read(&message, response->body.data, response->body.len) < 0) {
        graph_job_broken(job);
    } else {
        if (message.says_draft)
            found(it, &message);
        else /* what is not called a draft need not be sent */
            graph_job_broken(job);
        wire_message_free(&message);
    }
}

void graph_find(struct rider_session *session, struct rider_op *op,
                const struct rider_message *message)
{
    struct graph_failure failure;
    struct text path = {0};
    struct find *it;

    if (!(session->may & GRAPH_MAY_LIST)) {
        graph_unsupported(session, op, "looking for a sent mail");
        return;
    }
    if (!message->marker || !*message->marker) { /* then not finding it would prove nothing */
        graph_failure_say(&failure, RIDER_UNCERTAIN, RIDER_MESSAGE,
                          "a message without a marker cannot be looked for");
        session->host->fail(op, &failure.failure);
        return;
    }
    it = graph_job_new(session, op, sizeof(*it), release);
    it->marker = text_dup(message->marker);
    it->message_id = text_dup(message->message_id);
    it->to = text_dup(message->to);
    it->subject = text_dup(message->subject);
    it->minted = message->minted;
    it->shelf = shelves;
    if (message->provider_id && *message->provider_id) {
        text_str(&path, "/me/messages/");
        text_percent(&path, message->provider_id);
        text_str(&path, IDENTITY);
        graph_job_get(&it->job, "messages.get", path.data, got_message);
    } else {
        look_at_shelf(it);
    }
    text_free(&path);
}
