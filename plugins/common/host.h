/* common/host.h: what every plugin asks of the host's config, and says to it when something failed.
 */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H
#include <postrider/provider.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The config value (the mailbox's own first), or the fallback where it is not there or empty. Lent.
 */
const char *config_text(const struct rider_host *host, const char *key, const char *fallback);
/* The same without the slashes at a URL's end; freed by the caller. */
char *config_url(const struct rider_host *host, const char *key, const char *fallback);
/* "https://host:port" of a URL; "" where it is none, or does not fit. */
void url_origin(const char *url, char *origin, size_t room);

enum { HOLDS_ALL = RIDER_HOLDS_SEND | RIDER_HOLDS_LIST | RIDER_HOLDS_LABEL };
/* Writes the sentence to `detail`, and a failure that points there, holds nothing up and gives no
 * hint when to come back. */
void failure_write(struct rider_failure *failure, char *detail, size_t room, enum rider_kind kind,
                   enum rider_scope scope, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));
/* Of Retry-After, seconds or a date (RFC 9110 10.2.3): ms from now; -1: it is not there. */
int64_t retry_after(const struct rider_host *host, const struct rider_http_response *response);
#endif
