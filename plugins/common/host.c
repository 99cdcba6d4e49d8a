/* common/host.c: what every plugin asks of the host's config, and says to it when something failed.
 */
#include "host.h"

#include "report.h"
#include "text.h"
#include "times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *config_text(const struct rider_host *host, const char *key, const char *fallback)
{
    const char *said = host->config(host, key);

    return said && *said ? said : fallback;
}

char *config_url(const struct rider_host *host, const char *key, const char *fallback)
{
    char *url = text_dup(config_text(host, key, fallback));

    for (size_t len = strlen(url); len && url[len - 1] == '/'; len--)
        url[len - 1] = '\0';
    return url;
}

void url_origin(const char *url, char *origin, size_t room)
{
    const char *host = strstr(url, "://");
    size_t len = host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;

    snprintf(origin, room, "%.*s", (int)(len < room ? len : 0), url);
}

void failure_write(struct rider_failure *failure, char *detail, size_t room, enum rider_kind kind,
                   enum rider_scope scope, const char *format, va_list args)
{
    vsnprintf(detail, room, format, args);
    *failure = (struct rider_failure){.size = sizeof(*failure),
                                      .kind = (int32_t)kind,
                                      .scope = (int32_t)scope,
                                      .retry_after = -1,
                                      .detail = detail};
}

int64_t retry_after(const struct rider_host *host, const struct rider_http_response *response)
{
    char *value = wire_block_value(response->headers, "retry-after"), *end;
    int64_t now = host->wall_clock(host), wait = -1;

    if (value) {
        long seconds = strtol(value, &end, 10);
        int64_t at = wire_http_time(value);

        if (end > value && (!*end || *end == ' ') && seconds >= 0 && seconds <= 7 * 86400)
            wait = (int64_t)seconds * 1000;
        else if (at)
            wait = at > now ? at - now : 0;
    }
    free(value);
    return wait;
}
