/* sandbox/clients.c: OAuth clients: who they are, where they may be sent back to, their secret. */
#include "sandbox/clients.h"

#include "sandbox/values.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

struct client *client_get(const struct map *clients, const char *id)
{
    return id ? map_get_str(clients, id) : NULL;
}

const char *client_add(struct map *clients, struct json_object *asked)
{
    const char *id = sbx_json_text(asked, "client_id");
    char **redirects = sbx_json_strings(sbx_json_get(asked, "redirect_uris"));
    struct client *client = client_get(clients, id);

    if (!id || !redirects) {
        mem_strv_free(redirects);
        return "client.add needs \"client_id\" and a list \"redirect_uris\"";
    }
    if (!client) {
        client = mem_new(sizeof(*client));
        client->id = mem_str(id);
        map_put_str(clients, id, client);
    }
    mem_strv_free(client->redirects);
    mem_str_set(&client->secret, sbx_json_text(asked, "client_secret"));
    client->redirects = redirects;
    return NULL;
}

/* The length of "http://127.0.0.1" and its like, without the port; 0: not loopback. */
static size_t loopback_len(const char *uri)
{
    static const char *const hosts[] = {"http://127.0.0.1", "http://[::1]", "http://localhost"};

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        size_t len = strlen(hosts[i]);

        if (text_starts(uri, hosts[i]) && strchr(":/", uri[len]))
            return len;
    }
    return 0;
}

static bool redirect_same(const char *known, const char *uri)
{
    size_t len = loopback_len(known);

    if (len > 0) { /* RFC 8252, section 7.3: any port */
        if (loopback_len(uri) != len || strncmp(known, uri, len) != 0)
            return false;
        known += len + strcspn(known + len, "/");
        uri += len + strcspn(uri + len, "/");
    }
    len = strlen(known);
    if (len > 0 && known[len - 1] == '*')
        return strncmp(known, uri, len - 1) == 0;
    return strcmp(known, uri) == 0;
}

bool client_redirect_known(const struct client *client, const char *uri)
{
    for (char **known = client->redirects; uri && known && *known; known++)
        if (redirect_same(*known, uri))
            return true;
    return false;
}

/* "Basic base64(id:secret)", both percent-encoded. */
static bool basic_read(const char *header, char **id_r, char **secret_r)
{
    auto_wiped_buf struct buf plain = {0};
    struct buf id = {0}, secret = {0};
    char *colon;

    if (!text_base64_decode(&plain, header + 6, strlen(header + 6)) || !plain.data)
        return false;
    colon = memchr(plain.data, ':', plain.len);
    if (!colon)
        return false;
    text_percent_decode(&id, plain.data, (size_t)(colon - plain.data), true);
    text_percent_decode(&secret, colon + 1, strlen(colon + 1), true);
    *id_r = buf_take(&id);
    *secret_r = buf_take(&secret);
    return true;
}

void client_credentials(const struct sbx_request *request, const char *form, char **id_r,
                        char **secret_r)
{
    const char *header = sbx_request_header(request, "authorization");

    if (header && text_starts_fold(header, "Basic ") && basic_read(header, id_r, secret_r))
        return;
    *id_r = sbx_parameter(form, "client_id", 0);
    *secret_r = sbx_parameter(form, "client_secret", 0);
}
