/* unit/provider/push.c: extension push/1: watching, hints, notices, and a reload in the middle. */
#include "base/clock.h"
#include "base/mem.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct world world;

struct heard {
    int hints, losts;
};

static void on_hint(void *arg)
{
    ((struct heard *)arg)->hints++;
}

static void on_lost(void *arg)
{
    ((struct heard *)arg)->losts++;
}

static struct provider_session *open_session(struct heard *heard)
{
    struct provider_mailbox_info info = {
        .mailbox = 7, .address = "ana@acme.example", .access = RIDER_ACCESS_FULL};
    struct provider_memory memory = {.arg = heard, .hint = on_hint, .lost = on_lost};
    struct provider_session *session = NULL;

    assert_int_equal(
        provider_session_open(world.set, "odd", &info, &memory, &world.error, &session), 0);
    return session;
}

static void write_script(const char *text)
{
    auto_free char *path = mem_printf("%s/script", world.dir);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int setup(void **state)
{
    auto_free char *script = NULL, *notes = NULL;

    (void)state;
    world_init(&world);
    script = mem_printf("%s/script", world.dir);
    notes = mem_printf("%s/notes", world.dir);
    world_put(&world, "told.so", "told.so");
    write_script("");
    assert_int_equal(
        world_add(&world, "told.so", (const char *[]){"script", script, "notes", notes, NULL}), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_finish(&world);
    return 0;
}

struct watch_end {
    int count;
    int32_t kind;
    int64_t renew_at;
};

static void watch_ended(void *arg, const struct provider_result *result)
{
    struct watch_end *end = arg;

    end->count++;
    end->kind = result->failure ? result->failure->kind : 0;
    end->renew_at = result->watched ? result->watched->renew_at : -1;
}

static bool end_over(void *arg)
{
    return ((struct watch_end *)arg)->count > 0;
}

static struct watch_end watch(struct provider_session *session, const char *url)
{
    struct watch_end end = {0};

    provider_watch(session, url, 5000, watch_ended, &end);
    assert_int_equal(end.count, 0);
    assert_true(world_run(&world, 5000, end_over, &end));
    return end;
}

static void turn(void)
{
    world_run(&world, 30, end_over, &(struct watch_end){0});
}

static struct rider_notice_answer notify(struct provider_session *session, const char *query)
{
    struct rider_notice notice = {
        .size = sizeof(notice), .method = "POST", .query = query, .body = {"echo", 4}};
    struct rider_notice_answer answer;

    assert_int_equal(provider_notice(session, &notice, &answer), 0);
    return answer;
}

static bool noted(const char *line)
{
    auto_free char *path = mem_printf("%s/notes", world.dir);
    FILE *file = fopen(path, "r");
    char text[512];
    bool found = false;

    while (file && fgets(text, sizeof(text), file))
        found |= strncmp(text, line, strlen(line)) == 0;
    if (file)
        fclose(file);
    return found;
}

static void test_watch(void **state)
{
    struct heard heard = {0};
    struct provider_session *session = open_session(&heard);
    struct watch_end end;

    (void)state;
    assert_true(provider_session_pushes(session));
    end = watch(session, "https://here.example/push/odd/x");
    assert_int_equal(end.kind, 0);
    assert_int_equal(end.renew_at, 0);
    assert_true(noted("watch ana@acme.example https://here.example/push/odd/x"));
    write_script("watch 5000\n");
    end = watch(session, NULL);
    assert_true(end.renew_at > clock_wall() + 4000 && end.renew_at <= clock_wall() + 5000);
    write_script("watch transient\n");
    assert_int_equal(watch(session, NULL).kind, RIDER_TRANSIENT);
    end = (struct watch_end){0};
    provider_unwatch(session, 5000, watch_ended, &end);
    assert_true(world_run(&world, 5000, end_over, &end));
    assert_int_equal(end.kind, 0);
    world_close(&world, session);
}

static void test_hints_and_notices(void **state)
{
    struct heard heard = {0};
    struct provider_session *session = open_session(&heard);
    struct rider_notice_answer answer;

    (void)state;
    answer = notify(session, "hint");
    notify(session, "hint");
    assert_int_equal(heard.hints, 0); /* never below the plugin's own call */
    assert_int_equal(answer.status, 202);
    assert_memory_equal(answer.body.data, "echo", 4);
    turn();
    assert_int_equal(heard.hints, 1); /* one turn, one word */
    notify(session, "lost");
    turn();
    assert_int_equal(heard.losts, 1);
    assert_int_equal(notify(session, "foreign").status, 400);
    assert_int_equal(notify(session, "silence").status, 500); /* no answer of a plugin's is none */
    turn();
    assert_int_equal(heard.hints, 1);
    world_close(&world, session);
}

static void test_reload(void **state)
{
    struct heard heard = {0};
    struct provider_session *session = open_session(&heard);
    int r;

    (void)state;
    r = provider_set_reload(world.set, "odd", NULL, true, &world.error);
    if (r < 0)
        fail_msg("%s", buf_text(&world.error));
    turn();
    assert_int_equal(heard.losts, 1); /* what the old one watched ended with it */
    assert_int_equal(watch(session, NULL).kind, 0);
    world_put(&world, "odd.so", "told.so");
    assert_int_equal(provider_set_reload(world.set, "odd", NULL, true, &world.error), 0);
    turn();
    assert_int_equal(heard.losts, 2);
    assert_false(provider_session_pushes(session));
    assert_int_equal(watch(session, NULL).kind, RIDER_UNSUPPORTED);
    assert_int_equal(provider_notice(session, &(struct rider_notice){0}, NULL), -ENOTSUP);
    world_close(&world, session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hints_and_notices, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
