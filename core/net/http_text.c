/* net/http_text.c: origins, header look-up, sentences for failures. */
#include "net/http_private.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* -- origins -------------------------------------------------------------------------- */
static char *origin_of(CURLU *parsed)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *origin = NULL;

    curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0);
    curl_url_get(parsed, CURLUPART_HOST, &host, 0);
    curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (scheme && host && port && (text_same(scheme, "https") || text_same(scheme, "http"))) {
        origin = mem_printf("%s://%s:%s", scheme, host, port);
        text_lower(origin);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return origin;
}

/* libcurl's own parser, so that what is compared is what it will connect to. */
char *http_origin(const char *url)
{
    CURLU *parsed = curl_url();
    char *origin = NULL;

    if (parsed && !text_has_control(url) &&
        curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK)
        origin = origin_of(parsed);
    curl_url_cleanup(parsed);
    return origin;
}

static bool is_loopback_ipv4(const char *host)
{
    size_t dots = 0;

    if (!text_starts(host, "127."))
        return false;
    for (; *host && *host != ':'; host++) {
        if (*host == '.')
            dots++;
        else if (*host < '0' || *host > '9')
            return false; /* 127.0.0.1.example.com */
    }
    return dots == 3;
}

bool http_host_is_loopback(const char *host)
{
    return is_loopback_ipv4(host) || text_starts(host, "[::1]:") || text_starts(host, "localhost:");
}

bool http_origin_is_loopback(const char *url)
{
    auto_free char *origin = http_origin(url);
    const char *host = origin ? strstr(origin, "://") : NULL;

    if (!host)
        return false;
    return http_host_is_loopback(host + 3);
}

/* -- headers -------------------------------------------------------------------------- */
static struct bytes trimmed(const char *text, size_t len)
{
    while (len && (*text == ' ' || *text == '\t')) {
        text++;
        len--;
    }
    while (len && strchr(" \t\r", text[len - 1]))
        len--;
    return (struct bytes){text, len};
}

struct bytes http_header(struct bytes headers, const char *name)
{
    const char *line = headers.len ? headers.data : "", *end = line + headers.len;
    size_t name_len = strlen(name);

    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((stop ? stop : end) - line);

        if (len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0)
            return trimmed(line + name_len + 1, len - name_len - 1);
        line = stop ? stop + 1 : end;
    }
    return (struct bytes){NULL, 0};
}

/* -- sentences ------------------------------------------------------------------------ */
static const char *advice(const struct http_call *call, CURLcode code)
{
    switch (code) {
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return NULL; /* we refused it, and the reason says what to do */
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "check the host's name and this machine's DNS";
    case CURLE_COULDNT_CONNECT:
        return "check that the server is up and that this machine may reach it";
    case CURLE_PEER_FAILED_VERIFICATION:
        return "its certificate is not one we trust: check the host's name, this machine's clock, "
               "and the CA file";
    case CURLE_SSL_CACERT_BADFILE:
        return "check the CA file";
    case CURLE_SSL_CONNECT_ERROR:
        return "check that the server speaks TLS 1.2 or newer on this port";
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return "correct the URL";
    default:
        if (call->tries && !call->replayable)
            return "look whether it arrived before it is sent again";
        return "check this machine's network and try again";
    }
}

static const char *reason(const struct http_call *call, CURLcode code)
{
    if (call->problem)
        return call->problem;
    if (call->second_try)
        return "the connection ended before an answer, and this request may not be sent twice";
    if (code == CURLE_OK)
        return "the answer had no status";
    return call->why[0] ? call->why : curl_easy_strerror(code);
}

/* The URL without what may be secret: user and password, query, fragment. */
static char *plain_url(const char *url)
{
    size_t scheme = strstr(url, "://") ? (size_t)(strstr(url, "://") + 3 - url) : 0;
    size_t host = scheme + strcspn(url + scheme, "/?#");
    size_t end = host + strcspn(url + host, "?#");
    const char *at = memrchr(url + scheme, '@', host - scheme);
    const char *rest = at ? at + 1 : url + scheme;

    return mem_printf("%.*s%.*s", (int)scheme, url, (int)(url + end - rest), rest);
}

char *http_explain(const struct http_call *call, CURLcode code)
{
    auto_free char *url = plain_url(call->url);
    const char *next = advice(call, code);

    return mem_printf("%s %s: %s (%s)%s%s", call->method, url, reason(call, code),
                      call->tries ? "it may have arrived" : "nothing was sent", next ? "; " : "",
                      next ? next : "");
}
