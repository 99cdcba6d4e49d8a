/* sandbox/google_batch.c: many calls in one request (facts, section 2.1). */
#include "sandbox/google_api.h"

#include "sandbox/google_tokens.h"
#include "sandbox/journal.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { CALLS_MOST = 100 };

/* One inner request: its own headers come before the outer ones, so they win. */
struct inner {
    char *method, *path, *query;
    struct mime_headers headers;
    struct sbx_header *list;
    struct sbx_request request;
};

static void inner_finish(struct inner *inner)
{
    free(inner->method);
    free(inner->path);
    free(inner->list);
    mime_headers_finish(&inner->headers);
}

/* "GET /gmail/v1/...?x=y HTTP/1.1", the version optional. */
static bool line_read(struct inner *inner, const char *text, size_t len)
{
    auto_free char *line = mem_strn(text, len);
    char *path = strchr(line, ' '), *end;

    if (!path)
        return false;
    *path++ = '\0';
    end = path + strcspn(path, " \r\n");
    *end = '\0';
    inner->method = mem_str(line);
    inner->path = mem_str(path);
    inner->query = strchr(inner->path, '?');
    if (inner->query)
        *inner->query++ = '\0';
    return inner->path[0] == '/';
}

static bool inner_read(struct inner *inner, struct bytes http, const struct sbx_request *outer)
{
    const char *data = http.data, *nl = memchr(data, '\n', http.len);
    size_t line = nl ? (size_t)(nl - data) + 1 : http.len, count = 0;

    if (!line_read(inner, data, line))
        return false;
    mime_headers_init(&inner->headers, data + line, http.len - line);
    inner->list = mem_array(inner->headers.count + outer->header_count + 1, sizeof(*inner->list));
    for (size_t i = 0; i < inner->headers.count; i++) {
        const struct mime_header *header = &inner->headers.list[i];

        text_lower((char *)(uintptr_t)header->name); /* it lies in our own block */
        inner->list[count++] = (struct sbx_header){header->name, header->value};
    }
    for (size_t i = 0; i < outer->header_count; i++)
        if (strcmp(outer->headers[i].name, "content-type") != 0 &&
            strcmp(outer->headers[i].name, "content-length") != 0)
            inner->list[count++] = outer->headers[i];
    inner->request = *outer;
    inner->request.method = inner->method;
    inner->request.path = inner->path;
    inner->request.query = inner->query ? inner->query : "";
    inner->request.headers = inner->list;
    inner->request.header_count = count;
    line += inner->headers.length;
    inner->request.body = (struct bytes){data + line, http.len - line};
    while (inner->request.body.len > 0 && strchr("\r\n", data[line + inner->request.body.len - 1]))
        inner->request.body.len--;
    return true;
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 409:
        return "Conflict";
    case 429:
        return "Too Many Requests";
    default:
        return "Unknown";
    }
}

static void answer_add(struct buf *out, const char *boundary, const char *id,
                       const struct sbx_response *response)
{
    buf_printf(out, "--%s\r\nContent-Type: application/http\r\n", boundary);
    if (id && id[0] == '<')
        buf_printf(out, "Content-ID: <response-%s\r\n", id + 1);
    else if (id)
        buf_printf(out, "Content-ID: response-%s\r\n", id);
    buf_printf(out, "\r\nHTTP/1.1 %d %s\r\n", response->status, reason_of(response->status));
    for (size_t i = 0; i < response->header_count; i++)
        buf_printf(out, "%s: %s\r\n", response->headers[i].name, response->headers[i].value);
    buf_printf(out, "Content-Length: %zu\r\n\r\n", response->body.len);
    buf_add(out, response->body.data, response->body.len);
    buf_add_str(out, "\r\n");
}

/* requests.log gets a line for each inner call, so that it can be held to the contract too. */
static void tell(const struct sbx_request *outer, const struct inner *inner, size_t at,
                 const struct sbx_response *response)
{
    struct json_object *line = json_object_new_object();

    json_object_object_add(line, "batch", json_object_new_int64((int64_t)outer->number));
    json_object_object_add(line, "part", json_object_new_int64((int64_t)at));
    sbx_json_put(line, "method", inner->method);
    sbx_json_put(line, "path", inner->path);
    sbx_json_put(line, "query", inner->query ? inner->query : "");
    json_object_object_add(line, "status", json_object_new_int(response->status));
    sbx_json_put(line, "note", response->note);
    journal_line(line);
}

static void part_run(const struct sbx_request *outer, struct bytes part, size_t at,
                     const char *boundary, struct buf *out)
{
    struct mime_headers headers;
    struct inner inner = {0};
    struct sbx_response response = {0};
    struct bytes http;

    mime_headers_init(&headers, part.data, part.len);
    http = (struct bytes){(const char *)part.data + headers.length, part.len - headers.length};
    if (!text_starts_fold(mime_headers_get(&headers, "Content-Type")
                              ? mime_headers_get(&headers, "Content-Type")
                              : "",
                          "application/http") ||
        !inner_read(&inner, http, outer))
        google_fail(&response, 400, "badRequest", "Failed to parse batch request, part is no HTTP");
    else if (text_starts(inner.path, "/upload/"))
        google_fail(&response, 400, "badRequest", "Media uploads are not supported in a batch.");
    else if (!google_api_handle(&inner.request, &response))
        google_fail(&response, 404, "notFound", "Not Found");
    tell(outer, &inner, at, &response);
    answer_add(out, boundary, mime_headers_get(&headers, "Content-ID"), &response);
    sbx_response_finish(&response);
    inner_finish(&inner);
    mime_headers_finish(&headers);
}

static size_t parts_count(struct bytes body, const char *boundary)
{
    struct bytes part;
    size_t at = 0, count = 0;

    while (mime_multipart_next(body, boundary, &at, &part))
        count++;
    return count;
}

static void note(const struct sbx_request *request, struct sbx_response *response, size_t count)
{
    const char *header = sbx_request_header(request, "authorization");
    struct google_token *token =
        header && text_starts_fold(header, "Bearer ") ? google_token_get(header + 7) : NULL;

    response->note =
        mem_printf("%s batch[%zu]", token ? token->grant->account->address : "-", count);
}

void google_batch(const struct sbx_request *request, struct sbx_response *response)
{
    static const char answer[] = "batch_sandbox_answer";
    const char *type = sbx_request_header(request, "content-type");
    auto_free char *boundary = mime_parameter(type, "boundary");
    size_t count = boundary ? parts_count(request->body, boundary) : 0, at = 0;
    struct bytes part;

    note(request, response, count);
    if (!boundary || !text_starts_fold(type, "multipart/mixed") || count == 0) {
        google_fail(response, 400, "badRequest",
                    "Failed to parse batch request, error: 0 items. Content-Type must be "
                    "multipart/mixed with a boundary.");
    } else if (count > CALLS_MOST) {
        google_fail(response, 400, "badRequest",
                    "The batch request exceeds the limit of 100 calls.");
    } else {
        for (size_t n = 0; mime_multipart_next(request->body, boundary, &at, &part); n++)
            part_run(request, part, n, answer, &response->body);
        buf_printf(&response->body, "--%s--\r\n", answer);
        response->status = 200;
        sbx_response_header(response, "content-type",
                            "multipart/mixed; boundary=batch_sandbox_answer");
    }
}
