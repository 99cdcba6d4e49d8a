/* tests/plugins/world.c: see world.h. */
#include "world.h"

#include "base/mem.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void token(void *arg, uint64_t mailbox, const char *refused, credential_got_fn *got,
                  void *got_arg);

struct pending {
    struct world *world;
    struct loop_timer *timer;
    credential_got_fn *got;
    void *arg;
};

static void give(void *arg)
{
    struct pending *pending = arg;
    struct world *world = pending->world;
    char text[32];

    snprintf(text, sizeof(text), "token-%u", world->tokens);
    loop_timer_free(pending->timer);
    if (world->no_token)
        pending->got(pending->arg, NULL, world->no_token);
    else
        pending->got(pending->arg, text, NULL);
    free(pending);
}

static void token(void *arg, uint64_t mailbox, const char *refused, credential_got_fn *got,
                  void *got_arg)
{
    struct world *world = arg;
    struct pending *pending = mem_new(sizeof(*pending));

    (void)mailbox;
    world->asked++;
    if (refused) {
        world->refusals++;
        world->tokens++;
    }
    *pending = (struct pending){.world = world, .got = got, .arg = got_arg};
    pending->timer = loop_timer_new(world->loop, give, pending);
    loop_timer_in(pending->timer, 1);
}

static void serve(void *arg, const struct standin_request *request, struct standin_reply *reply)
{
    struct world *world = arg;
    const char *build = strstr(request->head, "X-Build: ");

    *reply = world->reply;
    snprintf(world->seen_build, sizeof(world->seen_build), "%.*s",
             build ? (int)strcspn(build + 9, "\r") : 0, build ? build + 9 : "");
    snprintf(world->seen_token, sizeof(world->seen_token), "%s", request->authorization);
    snprintf(world->seen_head, sizeof(world->seen_head), "%s", request->head);
    snprintf(world->seen_body, sizeof(world->seen_body), "%.*s", (int)request->body.len,
             request->body.len ? (const char *)request->body.data : "");
    if (world->good_token && strcmp(world->good_token, request->authorization) != 0)
        *reply = (struct standin_reply){.status = 401, .body = "{}"};
}

void world_init(struct world *world)
{
    world_init_login(world, NULL);
}

void world_init_login(struct world *world,
                      void (*login)(void *arg, uint64_t mailbox, const char *refused,
                                    credential_login_fn *got, void *got_arg))
{
    char dir[] = "/tmp/provider-test-XXXXXX";
    struct provider_set_options options;

    memset(world, 0, sizeof(*world));
    world->dir = mem_str(mkdtemp(dir));
    world->plugins = mem_printf("%s/plugins", world->dir);
    world->data = mem_printf("%s/data", world->dir);
    mkdir(world->plugins, 0755);
    mkdir(world->data, 0700);
    world->tokens = 1;
    world->reply = (struct standin_reply){.status = 200, .body = "{}"};
    world->loop = loop_new();
    world->http = http_client_new(world->loop, &(struct http_options){0}, &world->error);
    world->standin = standin_new(world->loop, serve, world);
    options = (struct provider_set_options){
        .loop = world->loop,
        .http = world->http,
        .data_dir = world->data,
        .plugins_dir = world->plugins,
        .credentials = {.arg = world, .token = token, .login = login},
        .drain_grace = 300,
        .cancel_grace = 100,
    };
    if (!world->http || !world->standin ||
        provider_set_new(&options, &world->error, &world->set) < 0) {
        fprintf(stderr, "no world: %s\n", buf_text(&world->error));
        abort();
    }
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static bool at_rest(void *loop)
{
    return loop_busy_count(loop) == 0;
}

void world_finish(struct world *world)
{
    provider_set_free(world->set);
    loop_run_until(world->loop, 1000, at_rest, world->loop); /* tokens that nobody wants now */
    standin_free(world->standin);
    http_client_free(world->http);
    loop_free(world->loop);
    nftw(world->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    buf_finish(&world->error);
    free(world->dir);
    free(world->plugins);
    free(world->data);
}

void world_put(struct world *world, const char *from, const char *to)
{
    auto_free char *source = mem_printf("%s/tests/odd/%s", BINARY_DIR, from);
    auto_free char *half = mem_printf("%s/.half", world->plugins);
    auto_free char *target = mem_printf("%s/%s", world->plugins, to);
    FILE *in = fopen(source, "rb"), *out = fopen(half, "wb");
    char part[65536];
    size_t got;

    if (!in || !out) {
        fprintf(stderr, "%s can't be copied\n", source);
        abort();
    }
    while ((got = fread(part, 1, sizeof(part), in)) > 0)
        fwrite(part, 1, got, out);
    fclose(in);
    fclose(out);
    chmod(half, 0755);
    rename(half, target);
}

int world_add(struct world *world, const char *file, const char *const *extra)
{
    const char *settings[32] = {"api_url", standin_url(world->standin), "secret_key", "hush"};
    size_t count = 4;

    for (size_t i = 0; extra && extra[i] && count < 30; i++)
        settings[count++] = extra[i];
    return provider_set_add(world->set, "odd", file, settings, &world->error);
}

struct provider_session *world_open(struct world *world, const char *address)
{
    struct provider_mailbox_info info = {
        .mailbox = 7, .address = address, .access = RIDER_ACCESS_FULL};
    struct provider_session *session = NULL;

    if (provider_session_open(world->set, "odd", &info, NULL, &world->error, &session) < 0)
        fprintf(stderr, "not opened: %s\n", buf_text(&world->error));
    return session;
}

static void note_closed(void *arg)
{
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

void world_close(struct world *world, struct provider_session *session)
{
    bool closed = false;

    provider_session_close(session, note_closed, &closed);
    loop_run_until(world->loop, 5000, is_true, &closed);
}

bool world_run(struct world *world, int64_t ms, bool (*over)(void *arg), void *arg)
{
    return loop_run_until(world->loop, ms, over, arg);
}

bool world_mapped(const char *part)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    bool found = false;

    while (maps && fgets(line, sizeof(line), maps))
        found |= strstr(line, part) != NULL;
    if (maps)
        fclose(maps);
    return found;
}

void ending_note(void *arg, const struct provider_result *result)
{
    struct ending *ending = arg;
    const struct rider_failure *failure = result->failure;

    ending->count++;
    ending->kind = failure ? failure->kind : 0;
    ending->retry_after = failure ? failure->retry_after : 0;
    ending->left = result->left;
    snprintf(ending->text, sizeof(ending->text), "%s",
             failure && failure->detail ? failure->detail : "");
}

bool ending_over(void *arg)
{
    return ((struct ending *)arg)->count > 0;
}

struct ending world_send(struct world *world, struct provider_session *session, const char *subject,
                         uint32_t timeout)
{
    struct rider_message message = {.size = sizeof(message),
                                    .from = "ana@acme.example",
                                    .to = "bo@x.example",
                                    .subject = subject};
    struct ending ending = {0};

    provider_send(session, &message, timeout, ending_note, &ending);
    world_run(world, 10000, ending_over, &ending);
    return ending;
}
