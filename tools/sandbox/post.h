/* sandbox/post.h: the POSTs under way for world_post. */
#ifndef SANDBOX_POST_H
#define SANDBOX_POST_H
#include "base/buf.h"

#include <json-c/json.h>
#include <stdint.h>
#include <stddef.h>

size_t post_count(void); /* under way: not idle while there is any */
void post_finish(void);
/* "post.route" {"from": "https://u.acme.example", "to": "http://127.0.0.1:8080"}: where a URL that
 * begins with `from` really leads. NULL: another command. */
struct json_object *post_command(const char *verb, struct json_object *asked);

/* Posts a body and tells what came back: `done` is called once, never from within; status 0: no
 * answer within `patience_ms` (real). `body` is lent to it. */
void post_send(const char *url, const char *type, const char *body, int64_t patience_ms,
               void (*done)(void *arg, int status, struct bytes body), void *arg);
#endif
