/* control/push.c: what providers send to a mailbox's address for notices, handed to its plugin. */
#include "control/internal.h"
#include "control/pages.h"
#include "engine/engine.h"
#include "postrider/ext/push.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

static enum MHD_Result add_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_COOKIE) != 0)
        buf_printf(arg, "%s: %s\r\n", name, value ? value : "");
    return MHD_YES;
}

/* Never HTML: what the plugin gives back may be what a stranger sent. */
static const char *type_of(const struct rider_notice_answer *answer)
{
    static const char json[] = "application/json";

    return answer->content_type && strncmp(answer->content_type, json, sizeof(json) - 1) == 0
               ? json
               : "text/plain; charset=utf-8";
}

void push_notice(struct exchange *exchange)
{
    auto_buf struct buf headers = {0}, body = {0};
    struct rider_notice_answer answer;
    struct rider_notice notice = {.size = sizeof(notice),
                                  .method = exchange->route->method,
                                  .query = exchange->query,
                                  .body = {exchange->body.data, exchange->body.len}};

    MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, add_header, &headers);
    notice.headers = (struct rider_bytes){buf_text(&headers), headers.len};
    if (engine_notice(exchange->control->options.engine, exchange->params[0], exchange->params[1],
                      &notice, &answer) < 0) {
        exchange_refuse(exchange, 404, "there is nothing here", "no mailbox has this address",
                        "see GET /openapi.yaml for what there is");
        return;
    }
    buf_add(&body, answer.body.data, answer.body.len);
    exchange_give(exchange, (unsigned)answer.status, &body);
    exchange->type = type_of(&answer);
}
