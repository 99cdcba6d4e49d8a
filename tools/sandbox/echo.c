/* sandbox/echo.c: answers about itself, and happenings on demand. */
#include "sandbox/echo.h"

#include "base/mem.h"
#include "base/text.h"
#include "sandbox/control.h"
#include "sandbox/world.h"

#include <string.h>

bool echo_is_for(const struct sbx_request *request)
{
    return text_starts(request->path, "/sandbox/");
}

static void answer_request(const struct sbx_request *request, struct sbx_response *response)
{
    struct json_object *seen = json_object_new_object(), *headers = json_object_new_object();

    json_object_object_add(seen, "version", json_object_new_int(request->version));
    json_object_object_add(seen, "reused", json_object_new_boolean(request->reused));
    json_object_object_add(seen, "method", json_object_new_string(request->method));
    json_object_object_add(seen, "host", json_object_new_string(request->host));
    json_object_object_add(seen, "path", json_object_new_string(request->path));
    json_object_object_add(seen, "query", json_object_new_string(request->query));
    json_object_object_add(seen, "body", json_object_new_int64((int64_t)request->body.len));
    for (size_t i = 0; i < request->header_count; i++)
        json_object_object_add(headers, request->headers[i].name,
                               json_object_new_string(request->headers[i].value));
    json_object_object_add(seen, "headers", headers);
    sbx_response_text(response, 200, "application/json", json_object_to_json_string(seen));
    json_object_put(seen);
}

static void receive(const struct sbx_request *request, struct sbx_response *response)
{
    struct json_object *entry =
        request->body.len > 0 ? json_tokener_parse(request->body.data) : NULL;

    if (!json_object_is_type(entry, json_type_object)) {
        json_object_put(entry);
        sbx_response_text(response, 400, "text/plain", "the body is no JSON object\n");
        return;
    }
    world_receive(entry);
    sbx_response_text(response, 200, "text/plain", "received\n");
}

void echo_handle(const struct sbx_request *request, struct sbx_response *response)
{
    auto_free char *account = sbx_parameter(request->query, "account", 0);
    const char *what = request->path + strlen("/sandbox/");

    response->note = mem_printf("%s echo.%s", account != NULL ? account : "-", what);
    if (strcmp(what, "ping") == 0) {
        sbx_response_text(response, 200, "text/plain", "pong\n");
    } else if (strcmp(what, "echo") == 0) {
        response->status = 200;
        buf_add(&response->body, request->body.data, request->body.len);
    } else if (strcmp(what, "request") == 0) {
        answer_request(request, response);
    } else if (strcmp(what, "receive") == 0) {
        receive(request, response);
    } else {
        sbx_response_text(response, 404, "text/plain", "the sandbox has no such page\n");
    }
}

static void happen(void *arg)
{
    struct json_object *entry = json_object_new_object();

    json_object_object_add(entry, "kind", json_object_new_string("echo"));
    json_object_object_add(entry, "say", json_object_new_string(arg));
    world_receive(entry);
    free(arg);
}

static const char *string_of(struct json_object *asked, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(asked, key, &value) ? json_object_get_string(value) : "";
}

static struct json_object *command(void *arg, struct json_object *asked)
{
    const char *verb = string_of(asked, "do");
    struct json_object *value, *answer;

    (void)arg;
    if (strcmp(verb, "echo.at") == 0 && json_object_object_get_ex(asked, "in", &value)) {
        world_at(world_now() + json_object_get_int64(value), happen,
                 mem_str(string_of(asked, "say")));
        return control_ok();
    }
    if (strcmp(verb, "echo.post") == 0) {
        world_post(string_of(asked, "url"), string_of(asked, "form"));
        return control_ok();
    }
    if (strcmp(verb, "echo.random") == 0) {
        answer = control_ok();
        json_object_object_add(answer, "random",
                               json_object_new_int64((int64_t)(world_random() >> 1)));
        return answer;
    }
    return control_error("echo: the commands are echo.at, echo.post and echo.random");
}

void echo_register(void)
{
    world_register("echo.", command, NULL);
}
