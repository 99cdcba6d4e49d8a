/* net/stream_easy.c: a line as libcurl wants it: URL, login, what is refused. */
#include "net/stream_private.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* -- the login ------------------------------------------------------------------------ */
static const struct {
    const char *name, *option;
    bool bearer;
} ways[] = {
    {"PLAIN", "AUTH=PLAIN", false},
    {"LOGIN", "AUTH=LOGIN", false},
    {"XOAUTH2", "AUTH=XOAUTH2", true},
    {"OAUTHBEARER", "AUTH=OAUTHBEARER", true},
};

/* libcurl takes OAUTHBEARER before XOAUTH2, and PLAIN before LOGIN, of those that it may. */
static char *choose_way(struct stream *stream, const char *sasl)
{
    stream->options =
        mem_str(stream->is_bearer ? "AUTH=OAUTHBEARER;AUTH=XOAUTH2" : "AUTH=PLAIN;AUTH=LOGIN");
    stream->may_try_command = !stream->is_bearer && stream_is_imap(stream);
    if (!sasl || !*sasl)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (!text_same(ways[i].name, sasl) || ways[i].bearer != stream->is_bearer)
            continue;
        mem_str_set(&stream->options, ways[i].option);
        stream->may_try_command &= text_same(sasl, "LOGIN");
        return NULL;
    }
    return mem_printf("sasl is '%s', which is no way to log in with %s; take %s, or leave it out",
                      sasl, stream->is_bearer ? "a token" : "a password",
                      stream->is_bearer ? "XOAUTH2 or OAUTHBEARER" : "PLAIN or LOGIN");
}

static char *set_login(struct stream *stream, const struct stream_request *request)
{
    char *problem = choose_way(stream, request->sasl);

    if (problem)
        return problem;
    if (!request->user || !*request->user || !request->secret || !*request->secret)
        return mem_str("there is no user or no secret to log in with; connect the mailbox again");
    if (text_has_control(request->user) || text_has_control(request->secret))
        return mem_str("user or secret holds a line break; connect the mailbox again");
    curl_easy_setopt(stream->easy, CURLOPT_USERNAME, request->user);
    curl_easy_setopt(stream->easy, stream->is_bearer ? CURLOPT_XOAUTH2_BEARER : CURLOPT_PASSWORD,
                     request->secret);
    curl_easy_setopt(stream->easy, CURLOPT_LOGIN_OPTIONS, stream->options);
    stream->secret = mem_str(request->secret);
    return NULL;
}

/* IMAP's LOGIN command (RFC 9051 6.2.3), where neither PLAIN nor LOGIN is offered by SASL. libcurl
 * 7.88 comes to it only where it may take any mechanism and finds none; one that does not show the
 * password is then as good. */
void stream_prepare_command(struct stream *stream)
{
    stream->may_try_command = false;
    buf_truncate(&stream->said, 0);
    curl_easy_setopt(stream->easy, CURLOPT_LOGIN_OPTIONS, "AUTH=*");
}

void stream_forget_secrets(struct stream *stream)
{
    curl_easy_setopt(stream->easy, CURLOPT_PASSWORD, NULL);
    curl_easy_setopt(stream->easy, CURLOPT_XOAUTH2_BEARER, NULL);
    mem_wipe_str(&stream->secret);
}

/* -- where to, and how ---------------------------------------------------------------- */
static size_t line_came(char *data, size_t size, size_t count, void *arg)
{
    stream_hear(arg, data, size * count);
    return size * count;
}

static bool is_host(const char *text)
{
    size_t len = text ? strlen(text) : 0;

    return len > 0 && len < 254 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == len;
}

/* libcurl takes the path of an smtp URL for the name in EHLO. */
static void set_url(struct stream *stream, const char *greeter)
{
    auto_free char *url = NULL;

    if (stream_is_imap(stream))
        url = mem_printf("%s/", stream->origin);
    else
        url = mem_printf("%s/%s", stream->origin, is_host(greeter) ? greeter : "localhost");
    curl_easy_setopt(stream->easy, CURLOPT_URL, url);
}

static void set_options(struct stream *stream, bool plain)
{
    CURL *easy = stream->easy;

    http_easy_connection(easy, stream->client);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "imap,imaps,smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)INT32_MAX); /* else idle lines are pruned */
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)(plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, /* the deadline is ours */
                     stream->timeout_ms < INT32_MAX / 2 ? stream->timeout_ms + 1000L : 0L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, stream);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, stream->why);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, line_came);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, stream);
}

char *stream_prepare(struct stream *stream, const struct stream_request *request)
{
    stream->origin = request->url ? stream_origin(request->url) : NULL;
    stream->is_bearer = request->is_bearer;
    stream->timeout_ms = request->timeout_ms ? request->timeout_ms : 30000;
    if (!stream->origin)
        return mem_str("this is no imaps, imap, smtps or smtp URL of just a host and a port; "
                       "correct it");
    if (request->plain && !(stream_is_plain(stream->origin) && stream_is_loopback(stream->origin)))
        return mem_str("a login in the clear is for stand-ins on this machine's loopback only; use "
                       "imaps or smtps, or STARTTLS");
    set_options(stream, request->plain);
    set_url(stream, request->greeter);
    return set_login(stream, request);
}
