/* graph/label.c: labels as categories: in the mailbox's list with a colour, and on messages.
 *
 * A category is a name. One that the list does not have is taken on a message too, only without a
 * colour, so the list is a courtesy: where it can't be written, the message is labelled all the
 * same. A message's categories are written as a whole (facts 4.7): read, changed, and written only
 * if nobody changed the message meanwhile (If-Match), else read again. */
#include "graph.h"

#include "jsonread.h"

#include <stdlib.h>
#include <string.h>

enum { REMEMBER_MAX = 4096, TRIES_MAX = 5, IDS_MAX = 1000 };

struct labelling {
    struct graph_job job;
    char **ids, **add, **remove;
    size_t id_count, done; /* ids before `done` are labelled, or gone          */
    size_t gone;
    bool listed; /* the master list, in this operation               */
    size_t making;
    int tries; /* of the ids that are being labelled              */
    struct wire_part parts[WIRE_BATCH_MAX];
    size_t part_ids[WIRE_BATCH_MAX]; /* which id each part is about     */
    size_t part_count;
    bool settled[WIRE_BATCH_MAX]; /* of the ids from `done` on               */
};

static void make_next(struct labelling *it);
static void read_messages(struct labelling *it);

static void forget_parts(struct labelling *it)
{
    wire_parts_clear(it->parts, it->part_count);
    for (size_t i = 0; i < it->part_count; i++) {
        free((void *)(uintptr_t)it->parts[i].path);
        free((void *)(uintptr_t)it->parts[i].body);
        free((void *)(uintptr_t)it->parts[i].if_match);
        it->parts[i] = (struct wire_part){0};
    }
    it->part_count = 0;
}

static void release(struct graph_job *job)
{
    struct labelling *it = (struct labelling *)job;

    forget_parts(it);
    text_list_free(it->ids);
    text_list_free(it->add);
    text_list_free(it->remove);
}

static void finish(struct labelling *it)
{
    struct rider_labelled labelled = {.size = sizeof(labelled), .how = RIDER_BY_LABEL};

    if (it->gone && it->gone == it->id_count)
        labelled.how = RIDER_NOT_THERE;
    it->job.session->host->label_done(it->job.op, &labelled);
    graph_job_free(&it->job);
}

static bool has(char *const *list, const char *name)
{
    for (; list && *list; list++) {
        if (text_fold_same(*list, name))
            return true;
    }
    return false;
}

/* ---- the mailbox's list of categories ---------------------------------------------------------
 */

/* A name a line: a new generation of this plugin starts with them. */
void graph_categories_recall(struct rider_session *session)
{
    struct rider_bytes kept = session->host->recall(session->host, "categories");
    const char *at = kept.data, *end = at ? at + kept.len : NULL;
    char **names = text_alloc((kept.len + 1) * sizeof(*names));
    size_t count = 0;

    while (at && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        if (!stop)
            break;
        names[count++] = text_dup_len(at, (size_t)(stop - at));
        at = stop + 1;
    }
    session->categories = names;
}

static void know(struct rider_session *session, char **names)
{
    struct text kept = {0};

    text_list_free(session->categories);
    session->categories = names;
    for (; *names; names++) {
        if (kept.len + strlen(*names) < REMEMBER_MAX && !strchr(*names, '\n'))
            text_printf(&kept, "%s\n", *names);
    }
    session->host->remember(session->host, "categories", (struct rider_bytes){kept.data, kept.len});
    text_free(&kept);
}

static void know_one(struct rider_session *session, const char *name)
{
    size_t count = 0;
    char **names;

    while (session->categories[count])
        count++;
    names = text_alloc((count + 2) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = text_dup(session->categories[i]);
    names[count] = text_dup(name);
    know(session, names);
}

/* That the list can't be read or written does not keep a message from its label. */
static bool stops(struct graph_job *job, const struct rider_http_response *response)
{
    struct graph_failure failure;

    if (graph_ok(response) || response->status == 409)
        return false;
    graph_failure_read(job->session->host, job->method, job->doing, response, &failure);
    return failure.failure.kind == RIDER_THROTTLED || failure.failure.kind == RIDER_TRANSIENT ||
           response->status == 401;
}

static void got_master(struct graph_job *job, const struct rider_http_response *response)
{
    struct labelling *it = (struct labelling *)job;
    char **names;

    if (stops(job, response)) {
        graph_job_fail_with(job, response);
        return;
    }
    names =
        graph_ok(response) ? wire_categories_read(response->body.data, response->body.len) : NULL;
    if (names)
        know(job->session, names);
    it->listed = true;
    make_next(it);
}

static void got_made(struct graph_job *job, const struct rider_http_response *response)
{
    struct labelling *it = (struct labelling *)job;

    if (stops(job, response)) {
        graph_job_fail_with(job, response);
        return;
    }
    if (response->status == 201 || response->status == 409) /* made now, or by another meanwhile */
        know_one(job->session, it->add[it->making]);
    it->making++;
    make_next(it);
}

static void make(struct labelling *it, const char *name)
{
    struct text body = {0};
    const struct graph_request request = {.method = "masterCategories.create",
                                          .verb = "POST",
                                          .path = "/me/outlook/masterCategories",
                                          .type = "application/json",
                                          .body = &body,
                                          .doing = GRAPH_LABELLING};

    text_str(&body, "{\"displayName\":");
    text_json(&body, name);
    text_str(&body, ",\"color\":");
    text_json(&body, it->job.session->color);
    text_str(&body, "}");
    graph_job_request(&it->job, &request, got_made);
    text_free(&body);
}

static void make_next(struct labelling *it)
{
    struct rider_session *session = it->job.session;

    while (it->add[it->making] &&
           (!(session->may & GRAPH_MAY_MASTER) || has(session->categories, it->add[it->making])))
        it->making++;
    if (!it->add[it->making])
        read_messages(it);
    else if (!it->listed)
        graph_job_get(&it->job, "masterCategories.list", "/me/outlook/masterCategories",
                      got_master);
    else
        make(it, it->add[it->making]);
}

/* ---- the messages' categories -----------------------------------------------------------------
 */

static size_t round_size(const struct labelling *it)
{
    size_t left = it->id_count - it->done;

    if (it->job.session->alone && left)
        return 1;
    return left < WIRE_BATCH_MAX ? left : WIRE_BATCH_MAX;
}

static void round_over(struct labelling *it)
{
    struct graph_failure failure;
    size_t size = round_size(it);
    bool all = true;

    for (size_t i = 0; i < size; i++)
        all = all && it->settled[i];
    if (all) {
        it->done += size;
        it->tries = 0;
        memset(it->settled, 0, sizeof(it->settled));
    }
    if (it->done == it->id_count) {
        finish(it);
    } else if (it->tries++ < TRIES_MAX) {
        read_messages(it);
    } else {
        graph_failure_say(&failure, RIDER_TRANSIENT, RIDER_MESSAGE,
                          "the categories of a message are being changed by somebody else, again "
                          "and again");
        graph_job_fail(&it->job, &failure);
    }
}

/* Gone, or not tried, or changed meanwhile: no reason to stop. Anything else is. */
static bool part_stops(struct labelling *it, size_t at, struct graph_failure *failure)
{
    const struct wire_part *part = &it->parts[at];

    if (part->status >= 200 && part->status < 300)
        return false;
    if (part->status == 404) {
        it->settled[it->part_ids[at] - it->done] = true;
        it->gone++;
        return false;
    }
    if (part->status == 412 || part->status == 409 || part->status == 424)
        return false;
    graph_part_failure(&it->job, part, failure);
    return true;
}

/* Graph answers with the message; what answers with something else may not have been Graph. */
static bool was_written(const struct wire_part *part)
{
    struct wire_message message;

    if (part->status < 200 || part->status > 299 ||
        wire_message_read(&message, part->answer.data, part->answer.len) < 0)
        return false;
    wire_message_free(&message);
    return true;
}

static void got_written(struct graph_job *job, const struct rider_http_response *response)
{
    struct labelling *it = (struct labelling *)job;
    struct graph_failure failure;

    if (graph_parts_take(job, response, it->parts, it->part_count, &failure) < 0) {
        graph_job_fail(job, &failure);
        return;
    }
    for (size_t i = 0; i < it->part_count; i++) {
        if (part_stops(it, i, &failure)) {
            graph_job_fail(job, &failure);
            return;
        }
        if (was_written(&it->parts[i]))
            it->settled[it->part_ids[i] - it->done] = true;
    }
    round_over(it);
}

/* The new list; NULL: it is as it should be. */
static char *changed_list(const struct labelling *it, const struct wire_message *message)
{
    struct text body = {0};
    bool changed = false, first = true;

    text_str(&body, "{\"categories\":[");
    for (char **own = message->categories; own && *own; own++) {
        if (has(it->remove, *own) && !has(it->add, *own)) {
            changed = true;
            continue;
        }
        text_str(&body, first ? "" : ",");
        text_json(&body, *own);
        first = false;
    }
    for (char **add = it->add; *add; add++) {
        if (has(message->categories, *add))
            continue;
        text_str(&body, first ? "" : ",");
        text_json(&body, *add);
        first = false;
        changed = true;
    }
    text_str(&body, "]}");
    if (changed)
        return body.data;
    text_free(&body);
    return NULL;
}

static char *message_path(const char *id, const char *rest)
{
    struct text path = {0};

    text_str(&path, "/me/messages/");
    text_percent(&path, id);
    text_str(&path, rest);
    return path.data;
}

/* From what was read: what is to be written. */
static bool plan_writes(struct labelling *it, struct graph_failure *failure)
{
    struct wire_part writes[WIRE_BATCH_MAX] = {0};
    size_t ids[WIRE_BATCH_MAX], count = 0;

    for (size_t i = 0; i < it->part_count; i++) {
        const struct wire_part *part = &it->parts[i];
        struct wire_message message;
        char *body;

        if (part_stops(it, i, failure))
            break;
        if (part->status < 200 || part->status > 299 ||
            wire_message_read(&message, part->answer.data, part->answer.len) < 0)
            continue;
        body = changed_list(it, &message);
        if (!body) {
            it->settled[it->part_ids[i] - it->done] = true;
        } else {
            ids[count] = it->part_ids[i];
            writes[count++] = (struct wire_part){.verb = "PATCH",
                                                 .path = message_path(message.id, ""),
                                                 .body = body,
                                                 .if_match = text_dup(message.etag)};
        }
        wire_message_free(&message);
    }
    forget_parts(it);
    it->part_count = count;
    memcpy(it->parts, writes, sizeof(writes));
    memcpy(it->part_ids, ids, count * sizeof(*ids));
    return !failure->failure.kind;
}

static void got_read(struct graph_job *job, const struct rider_http_response *response)
{
    struct labelling *it = (struct labelling *)job;
    struct graph_failure failure = {0};

    if (graph_parts_take(job, response, it->parts, it->part_count, &failure) < 0 ||
        !plan_writes(it, &failure))
        graph_job_fail(job, &failure);
    else if (it->part_count)
        graph_job_parts(job, "messages.update", GRAPH_LABELLING, it->parts, it->part_count,
                        got_written);
    else
        round_over(it);
}

static void read_messages(struct labelling *it)
{
    size_t size = round_size(it);

    forget_parts(it);
    for (size_t i = 0; i < size; i++) {
        if (it->settled[i])
            continue;
        it->part_ids[it->part_count] = it->done + i;
        it->parts[it->part_count++] = (struct wire_part){
            .verb = "GET", .path = message_path(it->ids[it->done + i], "?$select=id,categories")};
    }
    graph_job_parts(&it->job, "messages.get", GRAPH_READING, it->parts, it->part_count, got_read);
}

void graph_label(struct rider_session *session, struct rider_op *op,
                 const struct rider_label_change *change)
{
    struct labelling *it;

    if (!(session->may & GRAPH_MAY_WRITE)) {
        graph_unsupported(session, op, "setting categories");
        return;
    }
    it = graph_job_new(session, op, sizeof(*it), release);
    it->ids = text_list_dup(change->provider_ids);
    it->add = text_list_dup(change->add);
    it->remove = text_list_dup(change->remove);
    while (it->ids[it->id_count])
        it->id_count++;
    if (!it->id_count || (!it->add[0] && !it->remove[0]))
        finish(it);
    else
        make_next(it);
}
