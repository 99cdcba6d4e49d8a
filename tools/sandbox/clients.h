/* sandbox/clients.h: OAuth clients: who they are, where they may be sent back to, their secret. */
#ifndef SANDBOX_CLIENTS_H
#define SANDBOX_CLIENTS_H
#include "base/map.h"
#include "sandbox/http.h"

#include <json-c/json.h>
#include <stdbool.h>

struct client {
    char *id, *secret;
    char **redirects; /* exact, but any port on a loopback address; a final '*' matches the rest */
};

/* Each identity platform has a map of its own, which begins zeroed. */
struct client *client_get(const struct map *clients, const char *id);
/* "client.add" of the control socket: makes or replaces one. What was wrong, or NULL. */
const char *client_add(struct map *clients, struct json_object *asked);
bool client_redirect_known(const struct client *client, const char *uri);

/* client_secret_post or client_secret_basic (RFC 6749, section 2.3.1); NULL for what is missing.
 * Both allocated. */
void client_credentials(const struct sbx_request *request, const char *form, char **id_r,
                        char **secret_r);
#endif
