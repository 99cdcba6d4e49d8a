/* gmail/read.c: the text of one answer, where its owner granted that. */
#include "gmail.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 256 * 1024 };

/* Cuts at the end of a character, and drops NULs, which would end it early. */
static void bound(struct text *text)
{
    size_t kept = 0;

    if (text->len > TEXT_MAX) {
        text->len = TEXT_MAX;
        while (text->len && ((unsigned char)text->data[text->len] & 0xc0) == 0x80)
            text->len--;
    }
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i])
            text->data[kept++] = text->data[i];
    }
    text->len = kept;
    if (text->data)
        text->data[kept] = '\0';
}

static bool is_utf8(const unsigned char *at)
{
    while (*at) {
        int more = *at < 0x80                   ? 0
                   : *at >= 0xc2 && *at <= 0xdf ? 1
                   : *at >= 0xe0 && *at <= 0xef ? 2
                   : *at >= 0xf0 && *at <= 0xf4 ? 3
                                                : -1;

        if (more < 0 || (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
            (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
            return false;
        for (at++; more > 0; more--, at++) {
            if ((*at & 0xc0) != 0x80)
                return false;
        }
    }
    return true;
}

/* Gmail gives text as the mail had it; what is not UTF-8 is read as Latin-1. */
static void to_utf8(struct text *text)
{
    struct text latin = {0};

    if (is_utf8((const unsigned char *)text_of(text)))
        return;
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];

        if (c < 0x80) {
            text_add(&latin, &c, 1);
        } else {
            unsigned char two[2] = {(unsigned char)(0xc0 | c >> 6),
                                    (unsigned char)(0x80 | (c & 63))};

            text_add(&latin, two, 2);
        }
    }
    text_free(text);
    *text = latin;
}

static void got_text(struct gmail_job *job, const struct rider_http_response *response)
{
    struct rider_body body = {.size = sizeof(body)};
    struct text text = {0};

    if (!gmail_ok(response)) {
        gmail_job_fail_with(job, response);
        return;
    }
    if (wire_text_read(&text, response->body.data, response->body.len) < 0) {
        text_free(&text);
        gmail_job_broken(job);
        return;
    }
    bound(&text);
    to_utf8(&text);
    body.text = text_of(&text);
    job->session->host->read_done(job->op, &body);
    gmail_job_free(job);
    text_free(&text);
}

void gmail_read(struct rider_session *session, struct rider_op *op, const char *provider_id)
{
    struct text path = {0};

    if (!(session->may & GMAIL_MAY_READ)) {
        gmail_unsupported(session, op, "reading a mail's text");
        return;
    }
    text_str(&path, "/messages/");
    text_percent(&path, provider_id);
    text_str(&path, "?format=full&fields=id,payload");
    gmail_job_get(gmail_job_new(session, op, sizeof(struct gmail_job), NULL), "messages.get",
                  path.data, got_text);
    text_free(&path);
}
