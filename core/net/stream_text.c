/* net/stream_text.c: origins of mail servers, what they say until a line is open, sentences. */
#include "net/stream_private.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

/* -- origins -------------------------------------------------------------------------- */
static bool is_ours(const char *scheme)
{
    static const char *const schemes[] = {"imaps", "imap", "smtps", "smtp"};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (text_same(schemes[i], scheme))
            return true;
    return false;
}

static bool is_bare(CURLU *parsed)
{
    static const CURLUPart parts[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                      CURLUPART_QUERY, CURLUPART_FRAGMENT};
    char *text = NULL;
    bool bare;

    curl_url_get(parsed, CURLUPART_PATH, &text, 0);
    bare = !text || strcmp(text, "/") == 0;
    curl_free(text);
    for (size_t i = 0; bare && i < ARRAY_LEN(parts); i++) {
        text = NULL;
        bare = curl_url_get(parsed, parts[i], &text, 0) != CURLUE_OK;
        curl_free(text);
    }
    return bare;
}

/* libcurl's own parser, so that what is compared is what it will connect to. */
char *stream_origin(const char *url)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *origin = NULL;
    CURLU *parsed;

    if (text_has_control(url))
        return NULL;
    parsed = curl_url();
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
        is_bare(parsed)) {
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0);
        curl_url_get(parsed, CURLUPART_HOST, &host, 0);
        curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    }
    if (scheme && host && port && is_ours(scheme)) {
        origin = mem_printf("%s://%s:%s", scheme, host, port);
        text_lower(origin);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parsed);
    return origin;
}

bool stream_is_plain(const char *origin)
{
    return text_starts_fold(origin, "imap:") || text_starts_fold(origin, "smtp:");
}

bool stream_is_loopback(const char *url)
{
    auto_free char *origin = stream_origin(url);

    return origin && http_host_is_loopback(strstr(origin, "://") + 3);
}

bool stream_is_imap(const struct stream *stream)
{
    return stream->origin && text_starts(stream->origin, "imap");
}

/* -- what the server says ------------------------------------------------------------- */
static void keep(struct stream *stream, const char *line, size_t len)
{
    if (stream->said.len >= STREAM_SAID)
        return;
    if (stream->said.len > 0)
        buf_add_char(&stream->said, ' ');
    len = len < STREAM_SAID - stream->said.len ? len : STREAM_SAID - stream->said.len;
    buf_add(&stream->said, line, len);
}

/* "+ eyJzd..." or "334 eyJzd...": why it does not take the token, before it says no (RFC
 * 7628 3.2.2). libcurl 7.88 answers that for OAUTHBEARER; for XOAUTH2 it is the last it hears. */
static void hear_challenge(struct stream *stream, const char *line, size_t len)
{
    size_t skip = stream_is_imap(stream) ? 2 : 4;
    auto_buf struct buf why = {0};

    if (!stream->is_bearer || len <= skip ||
        memcmp(line, stream_is_imap(stream) ? "+ " : "334 ", skip) != 0 ||
        !text_base64_decode(&why, line + skip, len - skip))
        return;
    stream->challenged = true;
    buf_truncate(&stream->said, 0);
    keep(stream, buf_text(&why), why.len);
}

/* RFC 5321 4.2: "535-5.7.8 one line", "535 5.7.8 the last". */
static void hear_smtp(struct stream *stream, const char *line, size_t len)
{
    bool reply = len >= 3 && isdigit((unsigned char)line[0]);
    bool goes_on = stream->more && len > 4;

    if (!reply || stream->refused == (line[0] < '4'))
        goes_on = false;
    stream->more = reply && len > 3 && line[3] == '-';
    stream->granted |= reply && memcmp(line, "235", 3) == 0;
    if (!reply || line[0] < '4')
        return;
    if (!goes_on)
        buf_truncate(&stream->said, 0);
    stream->refused = true;
    keep(stream, goes_on ? line + 4 : line, goes_on ? len - 4 : len);
}

/* RFC 9051 7.1: "* PREAUTH ...", "* BYE ...", "A002 NO [CODE] ...". */
static void hear_imap(struct stream *stream, const char *line, size_t len)
{
    size_t tag = 0;

    while (tag < len && line[tag] != ' ')
        tag++;
    if (tag + 1 >= len)
        return;
    line += tag + 1;
    len -= tag + 1;
    stream->unasked |= tag == 1 && len >= 7 && strncasecmp(line, "PREAUTH", 7) == 0;
    if (!((len >= 3 && strncasecmp(line, "NO ", 3) == 0) ||
          (len >= 4 && strncasecmp(line, "BAD ", 4) == 0) ||
          (len >= 4 && strncasecmp(line, "BYE ", 4) == 0)) ||
        stream->refused)
        return;
    stream->refused = true;
    buf_truncate(&stream->said, 0);
    keep(stream, line, len);
}

void stream_hear(struct stream *stream, const char *line, size_t len)
{
    while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
        len--;
    hear_challenge(stream, line, len);
    if (stream_is_imap(stream))
        hear_imap(stream, line, len);
    else
        hear_smtp(stream, line, len);
}

/* -- what a failure was --------------------------------------------------------------- */
static int reply_code(const struct stream *stream)
{
    const char *said = buf_text(&stream->said);
    int code = 0;

    for (int i = 0; !stream_is_imap(stream) && stream->refused && i < 3; i++)
        code = isdigit((unsigned char)said[i]) ? code * 10 + (said[i] - '0') : 0;
    return code;
}

/* RFC 5530 (IMAP) and RFC 4954 6 (SMTP, 4yz): the login was not judged, later may work. */
static bool refused_for_now(const struct stream *stream)
{
    static const char *const codes[] = {"[UNAVAILABLE]", "[INUSE]",        "[LIMIT]",
                                        "[SERVERBUG]",   "[CONTACTADMIN]", "BYE "};
    const char *said = buf_text(&stream->said);

    if (!stream_is_imap(stream))
        return said[0] == '4';
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (strcasestr(said, codes[i]))
            return true;
    return false;
}

enum stream_why stream_judge(const struct stream *stream, CURLcode code, int *reply_r)
{
    *reply_r = stream->problem ? 0 : reply_code(stream);
    if (stream->problem || (code != CURLE_LOGIN_DENIED && code != CURLE_AUTH_ERROR))
        return STREAM_FAILED;
    if (stream->refused)
        return refused_for_now(stream) ? STREAM_FAILED : STREAM_DENIED;
    return stream->challenged ? STREAM_DENIED : STREAM_FAILED;
}

/* -- sentences ------------------------------------------------------------------------ */
static bool hides_secret(const char *word, size_t len, const char *secret)
{
    auto_wiped_buf struct buf decoded = {0};

    return text_base64_decode(&decoded, word, len) && decoded.len > 0 &&
           memmem(decoded.data, decoded.len, secret, strlen(secret));
}

/* How many bytes here are the secret, in the clear or in base64; 0: none. */
static size_t secret_here(const struct stream *stream, const char *text, bool word_begins)
{
    const char *secret = stream->secret;
    size_t len = strcspn(text, " ");

    if (!secret)
        return 0;
    if (text_starts(text, secret))
        return strlen(secret);
    return word_begins && len > 0 && hides_secret(text, len, secret) ? len : 0;
}

/* A server may say our own words back, as they were sent. */
static char *without_secret(const struct stream *stream)
{
    const char *start = buf_text(&stream->said), *text = start;
    struct buf out = {0};

    while (*text) {
        size_t len = secret_here(stream, text, text == start || text[-1] == ' ');

        if (len > 0)
            buf_add_str(&out, "[hidden]");
        else
            buf_add_char(&out, iscntrl((unsigned char)*text) ? '?' : *text);
        text += len > 0 ? len : 1;
    }
    return out.data ? buf_take(&out) : mem_str("");
}

static const char *advice(const struct stream *stream, CURLcode code)
{
    if (stream->problem)
        return NULL; /* it says what to do */
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "check the host's name and this machine's DNS";
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
        return "check the port, that the server is up, and that this machine may reach it";
    case CURLE_PEER_FAILED_VERIFICATION:
        return "its certificate is not one we trust: check the host's name, this machine's clock, "
               "and the CA file";
    case CURLE_SSL_CACERT_BADFILE:
        return "check the CA file";
    case CURLE_SSL_CONNECT_ERROR:
        return "check that this port speaks TLS 1.2 or newer from the first byte (imaps 993, smtps "
               "465), else write imap:// or smtp:// for STARTTLS";
    case CURLE_USE_SSL_FAILED:
        return "no login goes out in the clear: use imaps:// (993) or smtps:// (465), or a server "
               "that offers STARTTLS";
    case CURLE_LOGIN_DENIED:
    case CURLE_AUTH_ERROR:
        return stream_judge(stream, code, &(int){0}) == STREAM_DENIED
                   ? "connect the mailbox again with a secret that is good"
                   : "see what the server offers, or set sasl";
    default:
        return "check that this is the server meant, and try again";
    }
}

static char *reason(const struct stream *stream, CURLcode code)
{
    auto_free char *said = NULL;

    if (stream->problem)
        return mem_str(stream->problem);
    if ((stream->refused || stream->challenged) && code != CURLE_OPERATION_TIMEDOUT) {
        said = without_secret(stream);
        return mem_printf("%s: %s",
                          code == CURLE_LOGIN_DENIED ? "the server refused the login"
                                                     : "the server said no",
                          said);
    }
    if (code == CURLE_LOGIN_DENIED)
        return mem_printf("the server offers no way to log in that we may take (%s)",
                          stream->options);
    if (code == CURLE_WEIRD_SERVER_REPLY)
        return mem_str("the server said what is not to be said there");
    return mem_str(stream->why[0] ? stream->why : curl_easy_strerror(code));
}

char *stream_explain(const struct stream *stream, CURLcode code)
{
    const char *where = stream->origin ? stream->origin : "a mail server", *next;
    auto_free char *why = reason(stream, code);

    if (stream->is_open)
        return mem_printf("%s: the line has ended: %s", where, why);
    next = advice(stream, code);
    return mem_printf("%s can't be opened: %s (nothing happened)%s%s", where, why, next ? "; " : "",
                      next ? next : "");
}
