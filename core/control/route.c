/* control/route.c: which function answers which path. */
#include "base/mem.h"
#include "base/text.h"
#include "control/exchange.h"

#include <string.h>

static char *decode(const char *text, size_t len)
{
    struct buf value = {0};

    if (!len || !text_percent_decode(&value, text, len, false) || !value.len ||
        memchr(value.data, '\0', value.len) || !text_is_utf8(value.data, value.len)) {
        buf_finish(&value);
        return NULL;
    }
    return buf_take(&value);
}

static bool match_segment(const char *pattern, size_t pattern_len, const char *text, size_t len,
                          char *params_r[ROUTE_PARAMS], size_t *count)
{
    if (pattern[0] != '{')
        return pattern_len == len && memcmp(pattern, text, len) == 0;
    if (*count == ROUTE_PARAMS || !(params_r[*count] = decode(text, len)))
        return false;
    (*count)++;
    return true;
}

bool route_match(const char *pattern, const char *path, char *params_r[ROUTE_PARAMS])
{
    size_t count = 0;
    bool same = true;

    memset(params_r, 0, ROUTE_PARAMS * sizeof(*params_r));
    while (same && *pattern == '/' && *path == '/') {
        size_t pattern_len = strcspn(++pattern, "/"), len = strcspn(++path, "/");

        same = match_segment(pattern, pattern_len, path, len, params_r, &count);
        pattern += pattern_len;
        path += len;
    }
    if (same && !*pattern && !*path)
        return true;
    while (count) {
        free(params_r[--count]);
        params_r[count] = NULL;
    }
    return false;
}

static bool same_method(const char *asked, const struct route *route)
{
    return strcmp(asked, route->method) == 0;
}

static void add_allowed(struct buf *allow, const char *method)
{
    if (allow->len)
        buf_add_str(allow, ", ");
    buf_add_str(allow, method);
}

void route_find(struct exchange *exchange, const char *method, const struct route *const *tables)
{
    auto_buf struct buf allow = {0};

    for (; *tables; tables++) {
        for (const struct route *route = *tables; route->method; route++) {
            char *params[ROUTE_PARAMS];

            if (!route_match(route->path, exchange->path, params))
                continue;
            if (same_method(method, route)) {
                memcpy(exchange->params, params, sizeof(params));
                exchange->route = route;
                return;
            }
            add_allowed(&allow, route->method);
            for (size_t i = 0; i < ROUTE_PARAMS; i++)
                free(params[i]);
        }
    }
    if (allow.len) {
        auto_free char *why = mem_printf("this address takes %s only", buf_text(&allow));

        exchange_refuse(exchange, 405, "that can't be done here", why, "use one of these");
        exchange->allow = buf_take(&allow);
    } else {
        exchange_refuse(exchange, 404, "there is nothing here", "no such address",
                        "see GET /openapi.yaml for what there is");
    }
}

void route_lines(const struct route *const *tables, struct buf *out)
{
    for (; *tables; tables++)
        for (const struct route *route = *tables; route->method; route++)
            buf_printf(out, "%s %s\n", route->method, route->path);
}
