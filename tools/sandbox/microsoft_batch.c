/* sandbox/microsoft_batch.c: up to twenty requests in one (facts, section 4.9). */
#include "sandbox/microsoft_graph.h"

#include "sandbox/journal.h"
#include "sandbox/microsoft_tokens.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

enum { REQUESTS_MOST = 20, HEADERS_MOST = 32 };

struct inner {
    const char *id;
    char *method, *path, *query;
    struct sbx_header headers[HEADERS_MOST];
    char *names[HEADERS_MOST]; /* lower case */
    size_t header_count;
    struct sbx_request request;
    struct sbx_response response;
    bool ran;
};

static void inner_finish(struct inner *inner)
{
    for (size_t i = 0; i < inner->header_count; i++)
        free(inner->names[i]);
    free(inner->method);
    free(inner->path);
    free(inner->query);
    sbx_response_finish(&inner->response);
}

static void header_add(struct inner *inner, const char *name, const char *value)
{
    if (inner->header_count == HEADERS_MOST || !value)
        return;
    inner->names[inner->header_count] = sbx_lower(name);
    inner->headers[inner->header_count] =
        (struct sbx_header){inner->names[inner->header_count], value};
    inner->header_count++;
}

/* Its own headers only, but for who asks: Prefer does not come from outside. */
static bool inner_read(struct inner *inner, struct json_object *asked,
                       const struct sbx_request *outer)
{
    const char *method = sbx_json_text(asked, "method"), *url = sbx_json_text(asked, "url");
    struct json_object *headers = sbx_json_get(asked, "headers");
    struct json_object *body = sbx_json_get(asked, "body");
    const char *text = json_object_is_type(body, json_type_string)
                           ? json_object_get_string(body)
                           : json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN);

    inner->id = sbx_json_text(asked, "id");
    if (!inner->id || !method || !url || text_starts(url, "http"))
        return false;
    inner->method = mem_str(method);
    for (char *p = inner->method; *p; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    inner->path = mem_printf("/v1.0%s%.*s", *url == '/' ? "" : "/", (int)strcspn(url, "?"), url);
    inner->query = mem_str(strchr(url, '?') ? strchr(url, '?') + 1 : "");
    header_add(inner, "authorization", sbx_request_header(outer, "authorization"));
    header_add(inner, "x-rider-build", sbx_request_header(outer, "x-rider-build"));
    if (json_object_is_type(headers, json_type_object)) {
        json_object_object_foreach (headers, name, value) {
            header_add(inner, name, json_object_get_string(value));
        }
    }
    inner->request = *outer;
    inner->request.method = inner->method;
    inner->request.path = inner->path;
    inner->request.query = inner->query;
    inner->request.headers = inner->headers;
    inner->request.header_count = inner->header_count;
    inner->request.body = body ? (struct bytes){text, strlen(text)} : (struct bytes){"", 0};
    return true;
}

/* A JSON body without a Content-Type is refused, as Graph does. */
static bool type_given(const struct inner *inner)
{
    return inner->request.body.len == 0 || sbx_request_header(&inner->request, "content-type");
}

static const struct inner *named(const struct inner *all, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].ran && strcmp(all[i].id, id) == 0)
            return &all[i];
    return NULL;
}

static bool dependencies_met(const struct inner *all, size_t count, struct json_object *asked)
{
    struct json_object *on = sbx_json_get(asked, "dependsOn");

    for (size_t i = 0; on && i < json_object_array_length(on); i++) {
        const struct inner *other =
            named(all, count, json_object_get_string(json_object_array_get_idx(on, i)));

        if (!other || other->response.status >= 400)
            return false;
    }
    return true;
}

/* requests.log gets a line for each inner call, so that it can be held to the contract too. */
static void tell(const struct sbx_request *outer, const struct inner *inner, size_t at)
{
    struct json_object *line = json_object_new_object();

    json_object_object_add(line, "batch", json_object_new_int64((int64_t)outer->number));
    json_object_object_add(line, "part", json_object_new_int64((int64_t)at));
    sbx_json_put(line, "method", inner->method);
    sbx_json_put(line, "path", inner->path);
    sbx_json_put(line, "query", inner->query);
    json_object_object_add(line, "status", json_object_new_int(inner->response.status));
    sbx_json_put(line, "note", inner->response.note);
    journal_line(line);
}

static struct json_object *answer_json(const struct inner *inner)
{
    struct json_object *object = json_object_new_object(), *headers = json_object_new_object();
    struct json_object *body = sbx_json_read(buf_bytes(&inner->response.body));

    sbx_json_put(object, "id", inner->id);
    json_object_object_add(object, "status", json_object_new_int(inner->response.status));
    for (size_t i = 0; i < inner->response.header_count; i++)
        sbx_json_put(headers, inner->response.headers[i].name, inner->response.headers[i].value);
    json_object_object_add(object, "headers", headers);
    if (!body && inner->response.body.len > 0) { /* no JSON: base64 */
        auto_buf struct buf text = {0};

        text_base64(&text, inner->response.body.data, inner->response.body.len);
        body = json_object_new_string(buf_text(&text));
    }
    if (body)
        json_object_object_add(object, "body", body);
    return object;
}

static void inner_run(struct inner *all, size_t at, struct json_object *asked)
{
    struct inner *inner = &all[at];

    if (!dependencies_met(all, at, asked))
        ms_fail(&inner->response, 424, "FailedDependency",
                "The request failed because a request it depends on failed.");
    else if (!type_given(inner))
        ms_fail(&inner->response, 400, "BadRequest",
                "Write requests (excluding DELETE) must contain the Content-Type header "
                "declaration.");
    else if (!ms_graph_handle(&inner->request, &inner->response))
        ms_fail(&inner->response, 404, "ResourceNotFound", "Resource not found.");
    inner->ran = true;
}

/* Answers come in another order than the requests went. */
static void run_all(const struct sbx_request *request, struct sbx_response *response,
                    struct json_object *list)
{
    size_t count = json_object_array_length(list), read = 0;
    auto_free struct inner *all = mem_array(count + 1, sizeof(*all));
    struct json_object *object = json_object_new_object(), *answers = json_object_new_array();

    while (read < count && inner_read(&all[read], json_object_array_get_idx(list, read), request))
        read++;
    for (size_t i = 0; read == count && i < count; i++) {
        inner_run(all, i, json_object_array_get_idx(list, i));
        tell(request, &all[i], i);
        if (all[i].response.hold_ms > response->hold_ms)
            response->hold_ms = all[i].response.hold_ms;
    }
    for (size_t i = count; read == count && i > 0; i--)
        json_object_array_add(answers, answer_json(&all[i - 1]));
    json_object_object_add(object, "responses", answers);
    if (read == count) {
        sbx_response_json(response, 200, object);
    } else {
        json_object_put(object);
        ms_fail(response, 400, "BadRequest",
                "Each request of a batch has an id, a method and a relative url.");
        inner_finish(&all[read]);
    }
    for (size_t i = 0; i < read; i++)
        inner_finish(&all[i]);
}

void ms_batch(const struct sbx_request *request, struct sbx_response *response)
{
    const struct ms_token *token = ms_bearer(request);
    struct json_object *asked = sbx_json_read(request->body);
    struct json_object *list = sbx_json_get(asked, "requests");
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    free(response->note);
    response->note =
        mem_printf("%s batch[%zu]", token ? token->grant->account->address : "-", count);
    if (!token || !ms_token_live(token))
        ms_fail(response, 401, "InvalidAuthenticationToken", "Access token is empty or expired.");
    else if (count == 0)
        ms_fail(response, 400, "BadRequest", "The batch has no requests.");
    else if (count > REQUESTS_MOST)
        ms_fail(response, 400, "BadRequest",
                "Number of batch request steps exceeds the maximum value of 20.");
    else
        run_all(request, response, list);
    json_object_put(asked);
}
