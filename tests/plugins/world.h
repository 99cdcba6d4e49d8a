/* tests/plugins/world.h: what the tests of core/provider run in.
 *
 * A loop, an HTTP client, a stand-in server whose answer the test scripts, a temporary directory
 * with plugins/ and data/, and a credential source that gives "token-1", "token-2", ... */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H
#include "net/http.h"
#include "net/loop.h"
#include "provider/session.h"
#include "standin.h"

struct world {
    struct loop *loop;
    struct http_client *http;
    struct provider_set *set;
    struct standin *standin;
    char *dir, *plugins, *data;
    struct buf error;
    /* credentials */
    unsigned tokens, asked, refusals;
    const struct rider_failure *no_token; /* NULL: there is one */
    /* the server's answers */
    struct standin_reply reply;
    const char *good_token; /* anything else is answered 401; NULL: all are good */
    char seen_build[64], seen_token[128], seen_head[2048], seen_body[2048];
};

void world_init(struct world *world);
/* The same, with a credential source that gives logins: see credential.h; its arg is the world. */
void world_init_login(struct world *world,
                      void (*login)(void *arg, uint64_t mailbox, const char *refused,
                                    credential_login_fn *got, void *got_arg));
void world_finish(struct world *world);
/* Copies BINARY_DIR/tests/odd/<from> to plugins/<to>, as mv would: complete at once. */
void world_put(struct world *world, const char *from, const char *to);
int world_add(struct world *world, const char *file, const char *const *extra);
struct provider_session *world_open(struct world *world, const char *address);
void world_close(struct world *world, struct provider_session *session);
bool world_run(struct world *world, int64_t ms, bool (*over)(void *arg), void *arg);
bool world_mapped(const char *part); /* is a file with this in its path mapped? */

/* One operation's end. */
struct ending {
    unsigned count;
    int32_t kind; /* 0: worked */
    bool left;
    int64_t retry_after;
    char text[256]; /* detail, or what the test wants kept */
};
void ending_note(void *ending, const struct provider_result *result);
bool ending_over(void *ending);
/* Sends a message with this subject and runs until it has ended. */
struct ending world_send(struct world *world, struct provider_session *session, const char *subject,
                         uint32_t timeout);
#endif
