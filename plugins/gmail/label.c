/* gmail/label.c: labels by path: found whatever their case, made with their parents, set on mails.
 *
 * labels.list, labels.create, messages.modify, messages.batchModify. Gmail's labels are unique
 * without regard to case; making one that is there answers 409, and then the list is read again. */
#include "gmail.h"

#include <stdlib.h>
#include <string.h>

enum { REMEMBER_MAX = 4096 };

struct labelling {
    struct gmail_job job;
    char **ids, **add, **remove;
    bool listed; /* in this operation */
    bool again;  /* a stale id was met once */
    char *creating;
};

static void resolve(struct labelling *it);

static void release(struct gmail_job *job)
{
    struct labelling *it = (struct labelling *)job;

    text_list_free(it->ids);
    text_list_free(it->add);
    text_list_free(it->remove);
    free(it->creating);
}

const struct wire_label *gmail_label_by_path(const struct rider_session *session, const char *path)
{
    for (size_t i = 0; i < session->labels.count; i++) {
        if (text_fold_same(session->labels.labels[i].name, path))
            return &session->labels.labels[i];
    }
    return NULL;
}

const struct wire_label *gmail_label_by_id(const struct rider_session *session, const char *id)
{
    for (size_t i = 0; i < session->labels.count; i++) {
        if (strcmp(session->labels.labels[i].id, id) == 0)
            return &session->labels.labels[i];
    }
    return NULL;
}

static void add_label(struct rider_session *session, struct wire_label label)
{
    struct wire_labels *all = &session->labels;

    all->labels = realloc(all->labels, (all->count + 1) * sizeof(*all->labels));
    if (!all->labels)
        abort();
    all->labels[all->count++] = label;
}

/* "id path\n" lines: a new generation of this plugin starts with them. What does not fit is listed
 * again when it is needed. */
void gmail_labels_recall(struct rider_session *session)
{
    const struct rider_host *host = session->host;
    struct rider_bytes kept = host->recall(host, "labels");
    const char *at = kept.data, *end = at ? at + kept.len : NULL;

    while (at && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *blank = stop ? memchr(at, ' ', (size_t)(stop - at)) : NULL;

        if (!blank)
            return;
        add_label(session,
                  (struct wire_label){text_dup_len(at, (size_t)(blank - at)),
                                      text_dup_len(blank + 1, (size_t)(stop - blank - 1)), true});
        at = stop + 1;
    }
}

static void remember(struct rider_session *session)
{
    struct text kept = {0};

    for (size_t i = 0; i < session->labels.count; i++) {
        const struct wire_label *label = &session->labels.labels[i];
        size_t len = strlen(label->id) + strlen(label->name) + 2;

        if (label->user && kept.len + len <= REMEMBER_MAX && !strpbrk(label->id, " \n") &&
            !strchr(label->name, '\n'))
            text_printf(&kept, "%s %s\n", label->id, label->name);
    }
    session->host->remember(session->host, "labels", (struct rider_bytes){kept.data, kept.len});
    text_free(&kept);
}

bool gmail_labels_take(struct rider_session *session, const struct rider_http_response *response)
{
    struct wire_labels labels;

    if (wire_labels_read(&labels, response->body.data, response->body.len) < 0)
        return false;
    wire_labels_free(&session->labels);
    session->labels = labels;
    session->labels_fresh = true;
    remember(session);
    return true;
}

static void got_labels(struct gmail_job *job, const struct rider_http_response *response)
{
    struct labelling *it = (struct labelling *)job;

    if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
    } else if (!gmail_labels_take(job->session, response)) {
        gmail_job_broken(job);
    } else {
        it->listed = true;
        resolve(it);
    }
}

static void finish(struct labelling *it, int32_t how)
{
    struct rider_labelled labelled = {.size = sizeof(labelled), .how = how};

    it->job.session->host->label_done(it->job.op, &labelled);
    gmail_job_free(&it->job);
}

/* Gmail answers with the message, or for several with 204; anything else may not have been Gmail.
 */
static bool was_modified(const struct rider_http_response *response)
{
    const char *body = response->body.data;

    return response->status == 204 || (response->body.len && *body == '{');
}

static void got_modified(struct gmail_job *job, const struct rider_http_response *response)
{
    struct labelling *it = (struct labelling *)job;
    struct wire_error error;

    if (gmail_ok(response)) {
        if (was_modified(response))
            finish(it, RIDER_BY_LABEL);
        else
            gmail_job_broken(job);
        return;
    }
    wire_error_read(&error, response->body.data, response->body.len);
    if (response->status == 404 && !error.label) {
        finish(it, RIDER_NOT_THERE); /* the mail was deleted: nothing to label */
    } else if ((response->status == 400 || response->status == 404) && !it->again && !it->listed) {
        it->again = true; /* perhaps a label that was deleted since: what we know is thrown away */
        wire_labels_free(&job->session->labels);
        gmail_job_get(job, "labels.list", "/labels", got_labels);
    } else {
        gmail_job_fail_with(job, response);
    }
}

static void put_ids(struct text *body, const char *key, const struct rider_session *session,
                    char *const *paths)
{
    bool first = true;

    text_printf(body, "\"%s\":[", key);
    for (; *paths; paths++) {
        const struct wire_label *label = gmail_label_by_path(session, *paths);

        if (!label) /* to be removed, and not there: fine */
            continue;
        text_str(body, first ? "" : ",");
        text_json(body, label->id);
        first = false;
    }
    text_str(body, "]");
}

static void modify(struct labelling *it)
{
    bool many = it->ids[0] && it->ids[1];
    struct text url = {0}, body = {0};
    struct gmail_request request = {
        .method = many ? "messages.batchModify" : "messages.modify",
        .verb = "POST",
        .type = "application/json",
        .body = &body,
        .doing = GMAIL_LABELLING,
    };

    text_printf(&url, "%s/gmail/v1/users/me/messages/", it->job.session->api);
    if (many) {
        text_str(&url, "batchModify");
        text_str(&body, "{\"ids\":[");
        for (char **id = it->ids; *id; id++) {
            text_str(&body, id == it->ids ? "" : ",");
            text_json(&body, *id);
        }
        text_str(&body, "],");
    } else {
        text_percent(&url, it->ids[0]);
        text_str(&url, "/modify");
        text_str(&body, "{");
    }
    put_ids(&body, "addLabelIds", it->job.session, it->add);
    text_str(&body, ",");
    put_ids(&body, "removeLabelIds", it->job.session, it->remove);
    text_str(&body, "}");
    request.url = url.data;
    gmail_job_request(&it->job, &request, got_modified);
    text_free(&url);
    text_free(&body);
}

static void got_created(struct gmail_job *job, const struct rider_http_response *response)
{
    struct labelling *it = (struct labelling *)job;
    struct gmail_failure failure;
    struct wire_label label;

    if (response->status == 409 && !it->again) { /* somebody made it meanwhile */
        it->again = true;
        gmail_job_get(job, "labels.list", "/labels", got_labels);
    } else if (response->status == 409 || response->status == 400) {
        gmail_failure_say(&failure, RIDER_PERMANENT, RIDER_MAILBOX,
                          "Gmail does not take the label name \"%.100s\": it is reserved, or too "
                          "long; choose another in the campaign",
                          it->creating);
        failure.failure.code = response->status;
        gmail_job_fail(job, &failure);
    } else if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
    } else if (wire_label_read(&label, response->body.data, response->body.len) < 0) {
        gmail_job_broken(job);
    } else {
        add_label(job->session, label);
        remember(job->session);
        resolve(it);
    }
}

static void create(struct labelling *it, const char *path)
{
    struct text url = {0}, body = {0};
    struct gmail_request request = {.method = "labels.create",
                                    .verb = "POST",
                                    .type = "application/json",
                                    .body = &body,
                                    .doing = GMAIL_LABELLING};

    free(it->creating);
    it->creating = text_dup(path);
    text_printf(&url, "%s/gmail/v1/users/me/labels", it->job.session->api);
    text_str(&body, "{\"name\":");
    text_json(&body, path);
    text_str(&body, ",\"labelListVisibility\":\"labelShow\",\"messageListVisibility\":\"show\"}");
    request.url = url.data;
    gmail_job_request(&it->job, &request, got_created);
    text_free(&url);
    text_free(&body);
}

/* The first of a path and its parents that Gmail does not have; "" when all are there. */
static void missing(const struct rider_session *session, const char *path, struct text *first)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        first->len = 0;
        text_add(first, path, (size_t)(slash - path));
        if (first->len && !gmail_label_by_path(session, first->data))
            return;
    }
    first->len = 0;
    text_str(first, gmail_label_by_path(session, path) ? "" : path);
}

/* Lists when something is not known, makes what is not there, then sets. */
static void resolve(struct labelling *it)
{
    const struct rider_session *session = it->job.session;
    struct text path = {0};
    bool unknown = false, known = false;

    for (char **add = it->add; *add && !path.len; add++) {
        if (gmail_label_by_path(session, *add))
            continue;
        missing(session, *add, &path);
    }
    for (char **remove = it->remove; *remove; remove++) {
        bool there = gmail_label_by_path(session, *remove) != NULL;

        known |= there;
        unknown |= !there;
    }
    if ((path.len || unknown) && !it->listed)
        gmail_job_get(&it->job, "labels.list", "/labels", got_labels);
    else if (path.len)
        create(it, path.data);
    else if (!it->add[0] && !known)
        finish(it, RIDER_BY_LABEL); /* what is to go is not there at all */
    else
        modify(it);
    text_free(&path);
}

void gmail_label(struct rider_session *session, struct rider_op *op,
                 const struct rider_label_change *change)
{
    struct labelling *it;

    if (!(session->may & GMAIL_MAY_LABEL)) {
        gmail_unsupported(session, op, "setting labels");
        return;
    }
    it = gmail_job_new(session, op, sizeof(*it), release);
    it->ids = text_list_dup(change->provider_ids);
    it->add = text_list_dup(change->add);
    it->remove = text_list_dup(change->remove);
    if (!it->ids[0] || (!it->add[0] && !it->remove[0]))
        finish(it, RIDER_BY_LABEL);
    else
        resolve(it);
}
