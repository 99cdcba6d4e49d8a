/* mailbox/oauth.c: the texts of OAuth 2.0: forms, token answers, claims, queries. */
#include "base/mem.h"
#include "base/text.h"
#include "mailbox/internal.h"
#include "seal/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <json-c/printbuf.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void form_add(struct buf *form, const char *name, const char *value)
{
    if (form->len)
        buf_add_char(form, '&');
    text_percent(form, name);
    buf_add_char(form, '=');
    text_percent(form, value);
}

void form_reserve(struct buf *form, const char *secret)
{
    buf_reserve(form, 3 * strlen(secret) + 16384);
}

static char *take_string(struct json_object *json, const char *key)
{
    struct json_object *value;

    if (!json_object_object_get_ex(json, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return mem_str(json_object_get_string(value));
}

/* json-c frees its strings without wiping them: overwrite them all first. */
static void wipe_strings(struct json_object *json)
{
    if (json_object_is_type(json, json_type_string)) {
        mem_wipe((void *)(uintptr_t)json_object_get_string(json),
                 (size_t)json_object_get_string_len(json));
    } else if (json_object_is_type(json, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(json); i++)
            wipe_strings(json_object_array_get_idx(json, i));
    } else if (json_object_is_type(json, json_type_object)) {
        json_object_object_foreach (json, name, value) {
            (void)name;
            wipe_strings(value);
        }
    }
}

/* The tokener gathers each string in a buffer of its own: made big enough first, so that no copy
 * is left behind by its growth, and wiped after. */
static struct json_object *parse_wiped(struct bytes body)
{
    struct json_tokener *tokener = json_tokener_new_ex(8);
    struct json_object *json = NULL;

    if (!tokener)
        return NULL;
    if (body.len < INT_MAX / 2 && printbuf_memset(tokener->pb, 0, 0, (int)body.len + 64) == 0) {
        printbuf_reset(tokener->pb);
        json = json_tokener_parse_ex(tokener, body.len ? body.data : "", (int)body.len);
    }
    mem_wipe(tokener->pb->buf, (size_t)tokener->pb->size);
    json_tokener_free(tokener);
    return json;
}

bool token_answer_parse(struct token_answer *answer, struct bytes body)
{
    struct json_object *json = parse_wiped(body), *expires;

    if (!json || !json_object_is_type(json, json_type_object)) {
        wipe_strings(json);
        json_object_put(json);
        return false;
    }
    answer->access = take_string(json, "access_token");
    answer->refresh = take_string(json, "refresh_token");
    answer->id_token = take_string(json, "id_token");
    answer->scope = take_string(json, "scope");
    answer->error = take_string(json, "error");
    answer->suberror = take_string(json, "error_subtype");
    if (!answer->suberror)
        answer->suberror = take_string(json, "suberror");
    answer->description = take_string(json, "error_description");
    answer->claims = take_string(json, "claims");
    answer->expires_in = 3600 * 1000;
    if (json_object_object_get_ex(json, "expires_in", &expires)) {
        int64_t seconds = json_object_get_int64(expires);

        answer->expires_in = (seconds < 0 ? 0 : seconds > 86400 ? 86400 : seconds) * 1000;
    }
    wipe_strings(json);
    json_object_put(json);
    return answer->access || answer->error;
}

void token_answer_finish(struct token_answer *answer)
{
    mem_wipe_str(&answer->access);
    mem_wipe_str(&answer->refresh);
    mem_wipe_str(&answer->id_token);
    free(answer->scope);
    free(answer->error);
    free(answer->suberror);
    free(answer->description);
    free(answer->claims);
    *answer = (struct token_answer){0};
}

/* The secret's first line, wiped by the caller. */
static int read_secret(const char *path, char *secret, size_t size, struct buf *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not stop us */
    struct stat st;
    ssize_t len;

    if (fd < 0 || fstat(fd, &st) < 0) {
        int r = -errno;

        buf_printf(error, "client_secret_file %s can't be read: %s", path, strerror(-r));
        if (fd >= 0)
            close(fd);
        return r;
    }
    if (st.st_mode & 077) {
        close(fd);
        buf_printf(error, "client_secret_file %s can be read by others; chmod 600 it", path);
        return -EACCES;
    }
    len = S_ISREG(st.st_mode) ? read(fd, secret, size) : 0;
    close(fd);
    if (len <= 0 || (size_t)len == size) {
        buf_printf(error, "client_secret_file %s must hold the secret on one line, and no more",
                   path);
        return -EINVAL;
    }
    secret[len] = '\0';
    secret[strcspn(secret, "\r\n")] = '\0';
    return 0;
}

int form_add_client(struct mailboxes *mailboxes, const char *provider, struct buf *form,
                    struct buf *error)
{
    const char *id = provider_setting(mailboxes->providers, provider, "client_id");
    const char *path = provider_setting(mailboxes->providers, provider, "client_secret_file");
    char secret[1024];
    int r;

    if (!id) {
        buf_printf(error, "providers.%s has no client_id; write the one your provider gave you",
                   provider);
        return -EINVAL;
    }
    form_add(form, "client_id", id);
    if (!path)
        return 0;
    r = read_secret(path, secret, sizeof(secret), error);
    if (r == 0)
        form_add(form, "client_secret", secret);
    mem_wipe(secret, sizeof(secret));
    return r;
}

static struct json_object *claims_of(const char *token)
{
    const char *first = strchr(token, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    auto_wiped_buf struct buf text = {0};

    if (!second || second - first > 16384 ||
        !text_base64url_decode(&text, first + 1, (size_t)(second - first - 1)))
        return NULL;
    return json_tokener_parse(buf_text(&text));
}

/* "https://login.microsoftonline.com/{tid}/v2.0", where the token endpoint is
 * "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token". */
static bool issuer_fits(const char *iss, const char *tid, const char *token_url)
{
    const char *path = token_url ? strstr(token_url, "/oauth2/") : NULL;
    auto_free char *wanted = NULL;

    if (!path)
        return true; /* not laid out like that: nothing to compare with */
    while (path > token_url && path[-1] != '/')
        path--;
    wanted = mem_printf("%.*s%s/v2.0", (int)(path - token_url), token_url, tid);
    return strcmp(iss, wanted) == 0;
}

/* Names such as "organizations", and domains, say nothing of the id. */
static bool is_guid(const char *text)
{
    return text && strlen(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
           text[23] == '-';
}

static const char *tenant_fault(struct json_object *claims, const struct id_token_check *check,
                                const char *iss)
{
    auto_free char *tid = take_string(claims, "tid");

    if (!tid)
        return NULL;
    if (!issuer_fits(iss, tid, check->token_url))
        return "its id_token is of another issuer";
    return is_guid(check->tenant) && strcasecmp(check->tenant, tid) != 0
               ? "its id_token is of another organisation than the configured tenant"
               : NULL;
}

static const char *claims_fault(struct json_object *claims, const struct id_token_check *check)
{
    struct json_object *exp;
    auto_free char *iss = take_string(claims, "iss"), *aud = take_string(claims, "aud"),
                   *said = take_string(claims, "nonce");

    if (!iss || !*iss)
        return "its id_token names no issuer";
    if (!aud || strcmp(aud, check->client_id) != 0)
        return "its id_token is for another client";
    if (check->nonce && (!said || strcmp(said, check->nonce) != 0))
        return "its id_token answers another sign-in";
    if (!json_object_object_get_ex(claims, "exp", &exp) ||
        json_object_get_int64(exp) < (check->now - 60000) / 1000)
        return "its id_token has expired";
    return tenant_fault(claims, check, iss);
}

const char *id_token_fault(const char *id_token, const struct id_token_check *check)
{
    struct json_object *claims = claims_of(id_token);
    const char *fault = "its id_token can't be read";

    if (claims && json_object_is_type(claims, json_type_object))
        fault = claims_fault(claims, check);
    json_object_put(claims);
    return fault;
}

char *id_token_claim(const char *id_token, const char *name)
{
    struct json_object *claims = id_token ? claims_of(id_token) : NULL;
    char *value =
        claims && json_object_is_type(claims, json_type_object) ? take_string(claims, name) : NULL;

    json_object_put(claims);
    return value;
}

char *query_value(const char *query, const char *name)
{
    size_t name_len = strlen(name);

    for (const char *at = query; at && *at; at += *at == '&') {
        size_t len = strcspn(at, "&");

        if (len > name_len && strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            auto_wiped_buf struct buf value = {0};

            buf_reserve(&value, len);
            if (len > 16384 ||
                !text_percent_decode(&value, at + name_len + 1, len - name_len - 1, true))
                return NULL;
            return mem_str(buf_text(&value));
        }
        at += len;
    }
    return NULL;
}

char *random_text(size_t bytes)
{
    unsigned char raw[64];
    auto_wiped_buf struct buf text = {0};

    buf_reserve(&text, 2 * sizeof(raw));
    seal_random(raw, bytes < sizeof(raw) ? bytes : sizeof(raw));
    text_base64url(&text, raw, bytes < sizeof(raw) ? bytes : sizeof(raw));
    mem_wipe(raw, sizeof(raw));
    return mem_str(buf_text(&text));
}
