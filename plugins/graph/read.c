/* graph/read.c: the text of one answer, where its owner granted that. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 256 * 1024 };

static void got_text(struct graph_job *job, const struct rider_http_response *response)
{
    struct rider_body body = {.size = sizeof(body)};
    char *text;
    size_t len;

    if (!graph_ok(response)) {
        graph_job_fail_with(job, response);
        return;
    }
    text = wire_text_read(response->body.data, response->body.len);
    if (!text) {
        graph_job_broken(job);
        return;
    }
    len = strlen(text);
    if (len > TEXT_MAX) { /* cut at the end of a character */
        for (len = TEXT_MAX; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
            ;
        text[len] = '\0';
    }
    body.text = text;
    job->session->host->read_done(job->op, &body);
    graph_job_free(job);
    free(text);
}

void graph_read(struct rider_session *session, struct rider_op *op, const char *provider_id)
{
    struct graph_request request = {.method = "messages.get",
                                    .verb = "GET",
                                    .prefer = "outlook.body-content-type=\"text\"",
                                    .doing = GRAPH_READING};
    struct text path = {0};

    if (!(session->may & GRAPH_MAY_READ)) {
        graph_unsupported(session, op, "reading a mail's text");
        return;
    }
    text_str(&path, "/me/messages/");
    text_percent(&path, provider_id);
    text_str(&path, "?$select=body");
    request.path = path.data;
    graph_job_request(graph_job_new(session, op, sizeof(struct graph_job), NULL), &request,
                      got_text);
    text_free(&path);
}
