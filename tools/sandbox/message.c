/* sandbox/message.c: small things stand-ins do with a request and its answer. */
#include "sandbox/http.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

const char *sbx_request_header(const struct sbx_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

static char *decoded(const char *text, size_t len)
{
    struct buf out = {0};

    if (!text_percent_decode(&out, text, len, true)) { /* a lone '%': as it stands */
        buf_truncate(&out, 0);
        buf_add(&out, text, len);
    }
    if (out.data == NULL)
        return mem_str("");
    return buf_take(&out);
}

char *sbx_parameter(const char *query, const char *name, size_t at)
{
    while (query != NULL && *query != '\0') {
        size_t len = strcspn(query, "&");
        const char *equals = memchr(query, '=', len);
        size_t name_len = equals != NULL ? (size_t)(equals - query) : len;
        auto_free char *key = decoded(query, name_len);

        if (strcmp(key, name) == 0 && at-- == 0)
            return equals != NULL ? decoded(equals + 1, len - name_len - 1) : mem_str("");
        query += len + (query[len] == '&');
    }
    return NULL;
}

bool sbx_path_fits(const char *pattern, char **segments, size_t count, char **ids)
{
    size_t at = 0, id = 0;

    for (; *pattern; at++) {
        size_t len = strcspn(pattern, "/");

        if (at == count)
            return false;
        if (len == 2 && pattern[0] == '{')
            ids[id++] = segments[at];
        else if (strlen(segments[at]) != len || strncasecmp(segments[at], pattern, len) != 0)
            return false;
        pattern += len + (pattern[len] == '/');
    }
    return at == count;
}

void sbx_response_header(struct sbx_response *response, const char *name, const char *value)
{
    char *lower = mem_str(name);

    text_lower(lower);
    response->headers =
        mem_grow(response->headers, response->header_count + 1, sizeof(struct sbx_header));
    response->headers[response->header_count++] =
        (struct sbx_header){.name = lower, .value = mem_str(value)};
}

void sbx_response_text(struct sbx_response *response, int status, const char *type,
                       const char *text)
{
    response->status = status;
    sbx_response_header(response, "content-type", type);
    buf_truncate(&response->body, 0);
    buf_add_str(&response->body, text);
}

void sbx_response_finish(struct sbx_response *response)
{
    for (size_t i = 0; i < response->header_count; i++) {
        free((void *)(uintptr_t)response->headers[i].name);
        free((void *)(uintptr_t)response->headers[i].value);
    }
    free(response->headers);
    buf_finish(&response->body);
    free(response->note);
    *response = (struct sbx_response){0};
}
