/* sandbox/post.h: the POSTs under way for world_post. */
#ifndef SANDBOX_POST_H
#define SANDBOX_POST_H
#include <json-c/json.h>
#include <stddef.h>

size_t post_count(void); /* under way: not idle while there is any */
void post_finish(void);
/* "post.route" {"from": "https://u.acme.example", "to": "http://127.0.0.1:8080"}: where a URL that
 * begins with `from` really leads. NULL: another command. */
struct json_object *post_command(const char *verb, struct json_object *asked);
#endif
