/* smtp-imap/read.c: the text of one answer, where its owner granted that. */
#include "mail.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 256 * 1024, PARTS_MAX = 64 };

struct read_job {
    struct job job;
    struct mail_id id;
    char type[64], report[64];
    struct imap_part parts[PARTS_MAX];
    size_t count;
    const struct imap_part *part;
    bool there;
    struct text text;
};

static void release(struct job *job)
{
    struct read_job *it = (struct read_job *)job;

    free(it->id.folder);
    text_free(&it->text);
}

static void gone(struct read_job *it)
{
    struct failure failure;

    failure_say(&failure, RIDER_ABSENT, RIDER_MESSAGE,
                "this mail is no longer where it was: look for it in the mailbox");
    job_fail(&it->job, &failure);
}

/* ---- text -------------------------------------------------------------------------------------
 */

/* Into UTF-8, what can't be with '?' in its place; an unknown charset is taken for Latin-1. */
static void to_utf8(struct text *text, const char *charset)
{
    iconv_t from;
    char *in = text->data, out[4096];
    size_t left = text->len;
    struct text clean = {0};

    if (!left)
        return;
    from = iconv_open("UTF-8", *charset ? charset : "UTF-8");
    if (from == (iconv_t)-1)
        from = iconv_open("UTF-8", "ISO-8859-1");
    if (from == (iconv_t)-1)
        return;
    while (left) {
        char *to = out;
        size_t room = sizeof(out);
        size_t r = iconv(from, &in, &left, &to, &room);

        text_add(&clean, out, sizeof(out) - room);
        if (r == (size_t)-1 && errno != E2BIG && left) {
            text_str(&clean, "?");
            in++;
            left--;
        }
    }
    iconv_close(from);
    text_free(text);
    *text = clean;
}

/* Lines as they are counted here, no NUL, nothing behind TEXT_MAX, cut at a character's end. */
static void tidy(struct text *text)
{
    size_t kept = 0;

    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] && !(text->data[i] == '\r' && text->data[i + 1] == '\n'))
            text->data[kept++] = text->data[i];
    }
    if (kept > TEXT_MAX) {
        kept = TEXT_MAX;
        while (kept && ((unsigned char)text->data[kept] & 0xc0) == 0x80)
            kept--;
    }
    text->len = kept;
    if (text->data)
        text->data[kept] = '\0';
}

/* HTML without its tags: to be read by a person, not shown. */
static void strip_tags(struct text *text)
{
    size_t kept = 0;
    bool tag = false;

    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] == '<')
            tag = true;
        else if (text->data[i] == '>' && tag)
            tag = false;
        else if (!tag)
            text->data[kept++] = text->data[i];
    }
    text->len = kept;
    if (text->data)
        text->data[kept] = '\0';
}

/* ---- the mail ---------------------------------------------------------------------------------
 */

static void heard_part(void *arg, const struct imap_response *response)
{
    struct read_job *it = arg;
    struct imap_fetch fetch;
    const struct rider_bytes *body;

    if (it->text.len || imap_fetch_read(&fetch, response) < 0 || fetch.uid != it->id.uid)
        return;
    body = imap_fetch_body(&fetch, it->part->path);
    if (body)
        mail_decode(&it->text, it->part->encoding, *body);
}

static void got_part(void *arg, const struct imap_response *response)
{
    struct read_job *it = arg;
    struct rider_body body = {.size = sizeof(body)};

    if (response->status != IMAP_OK) {
        job_refused(&it->job, "FETCH", response);
        return;
    }
    to_utf8(&it->text, it->part->charset);
    if (strcmp(it->part->type, "text/html") == 0)
        strip_tags(&it->text);
    tidy(&it->text);
    body.text = text_of(&it->text);
    it->job.session->host->read_done(it->job.op, &body);
    job_end(&it->job);
}

static const struct imap_part *choose(const struct read_job *it)
{
    const struct imap_part *html = NULL;

    for (size_t i = 0; i < it->count; i++) {
        const struct imap_part *part = &it->parts[i];

        if (part->attached)
            continue;
        if (strcmp(part->type, "text/plain") == 0)
            return part;
        if (!html && strcmp(part->type, "text/html") == 0)
            html = part;
    }
    return html;
}

static void heard_structure(void *arg, const struct imap_response *response)
{
    struct read_job *it = arg;
    struct imap_fetch fetch;

    if (imap_fetch_read(&fetch, response) < 0 || fetch.uid != it->id.uid || !fetch.structure)
        return;
    it->there = true;
    it->count = imap_parts(response, fetch.structure, it->type, it->report, it->parts, PARTS_MAX);
}

static void got_structure(void *arg, const struct imap_response *response)
{
    struct read_job *it = arg;
    struct rider_body none = {.size = sizeof(none), .text = ""};
    struct text command = {0};

    if (response->status != IMAP_OK) {
        job_refused(&it->job, "FETCH", response);
        return;
    }
    if (!it->there) {
        gone(it);
        return;
    }
    it->part = choose(it);
    if (!it->part) { /* a mail of pictures only */
        it->job.session->host->read_done(it->job.op, &none);
        job_end(&it->job);
        return;
    }
    text_printf(&command, "UID FETCH %llu (UID BODY.PEEK[%s]<0.%d>)",
                (unsigned long long)it->id.uid, it->part->path, IMAP_PART_MAX);
    job_say(&it->job, "FETCH", command.data, heard_part, got_part);
    text_free(&command);
}

static void opened(void *arg, const struct imap_response *response)
{
    struct read_job *it = arg;
    struct text command = {0};

    if (imap_no_folder(it->job.session->imap, it->id.folder, response)) {
        gone(it);
        return;
    }
    if (response->status != IMAP_OK) {
        job_refused(&it->job, "EXAMINE", response);
        return;
    }
    if (it->job.session->imap->open.validity != it->id.validity) {
        gone(it);
        return;
    }
    text_printf(&command, "UID FETCH %llu (UID BODYSTRUCTURE)", (unsigned long long)it->id.uid);
    job_say(&it->job, "FETCH", command.data, heard_structure, got_structure);
    text_free(&command);
}

static void start(struct job *job)
{
    struct read_job *it = (struct read_job *)job;

    imap_open_folder(job->session->imap, it->id.folder, false, opened, it);
}

void plugin_read(struct rider_session *session, struct rider_op *op, const char *provider_id)
{
    struct read_job *it;

    if (!session->imap_url || session->access < RIDER_ACCESS_FULL) {
        job_unsupported(session, op, "reading a mail's text");
        return;
    }
    it = job_new(session, op, sizeof(*it), start, release);
    if (mail_id_read(&it->id, provider_id) < 0)
        gone(it);
    else
        job_go(&it->job);
}
