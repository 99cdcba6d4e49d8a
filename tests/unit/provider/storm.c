/* unit/provider/storm.c: mailboxes work, fail, are cancelled, closed and reopened while their
 * plugin is swapped; each operation still ends exactly once and nothing is left behind. By seed. */
#include "world.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

enum { SEEDS = 8, STEPS = 250, MAILBOXES = 6, OPERATIONS = STEPS };

struct storm {
    struct world world;
    uint32_t seed;
    struct provider_session *sessions[MAILBOXES];
    struct {
        struct ending ending;
        struct provider_op *op;
    } ops[OPERATIONS];
    size_t started, closing, reloads, refused;
};

static uint32_t roll(struct storm *storm, uint32_t sides)
{
    storm->seed = storm->seed * 1664525 + 1013904223;
    return (storm->seed >> 16) % sides;
}

static void closed(void *arg)
{
    ((struct storm *)arg)->closing--;
}

static void start_one(struct storm *storm, struct provider_session *session)
{
    static const char *const subjects[] = {"plain",    "plain",    "plain", "at once", "twice",
                                           "nonsense", "odd kind", "never", "late",    "foreign"};
    struct rider_message message = {.size = sizeof(message)};
    size_t at = storm->started++;
    uint32_t timeout = roll(storm, 3) ? 500 : 20;

    message.subject = subjects[roll(storm, ARRAY_LEN(subjects))];
    storm->ops[at].op =
        provider_send(session, &message, timeout, ending_note, &storm->ops[at].ending);
}

static void cancel_one(struct storm *storm)
{
    size_t at = storm->started ? roll(storm, (uint32_t)storm->started) : 0;

    if (at < storm->started && storm->ops[at].ending.count == 0)
        provider_cancel(storm->ops[at].op);
}

static void reload_one(struct storm *storm)
{
    static const char *const builds[] = {"odd.so", "odd2.so", "nosymbol.so", "refuse.so"};

    world_put(&storm->world, builds[roll(storm, ARRAY_LEN(builds))], "odd.so");
    if (provider_set_reload(storm->world.set, "odd", NULL, false, &storm->world.error) < 0)
        storm->refused++;
    else
        storm->reloads++;
    buf_finish(&storm->world.error);
}

static void reopen_one(struct storm *storm, struct provider_session **slot)
{
    if (*slot) {
        storm->closing++;
        provider_session_close(*slot, closed, storm);
        *slot = NULL;
        return;
    }
    *slot = world_open(&storm->world, "storm@acme.example");
}

static void step(struct storm *storm)
{
    static const struct standin_reply replies[] = {
        {.status = 200, .body = "{}"},
        {.status = 200, .body = "{}"},
        {.status = 401},
        {.status = 503},
        {.how = STANDIN_CUT},
        {.how = STANDIN_HANG},
        {.how = STANDIN_RAW, .body = "?"},
    };
    struct provider_session **slot = &storm->sessions[roll(storm, MAILBOXES)];

    storm->world.reply = replies[roll(storm, ARRAY_LEN(replies))];
    switch (roll(storm, 12)) {
    case 0:
        reload_one(storm);
        break;
    case 1:
        cancel_one(storm);
        break;
    case 2:
        reopen_one(storm, slot);
        break;
    default:
        if (*slot)
            start_one(storm, *slot);
    }
    world_run(&storm->world, roll(storm, 4), ending_over, &(struct ending){0});
}

static bool all_over(void *arg)
{
    const struct storm *storm = arg;

    for (size_t i = 0; i < storm->started; i++)
        if (storm->ops[i].ending.count == 0)
            return false;
    return storm->closing == 0 && loop_busy_count(storm->world.loop) == 0;
}

static void count_mapped(void *arg, const struct provider_generation_status *status)
{
    size_t *counts = arg;
    counts[status->state]++;
}

static void weather(uint32_t seed)
{
    struct storm *storm = mem_new(sizeof(*storm));
    size_t counts[4] = {0};

    storm->seed = seed;
    world_init(&storm->world);
    world_put(&storm->world, "odd.so", "odd.so");
    assert_int_equal(world_add(&storm->world, "odd.so", NULL), 0);
    for (size_t i = 0; i < MAILBOXES; i++)
        storm->sessions[i] = world_open(&storm->world, "storm@acme.example");
    for (size_t i = 0; i < STEPS; i++)
        step(storm);
    for (size_t i = 0; i < MAILBOXES; i++)
        if (storm->sessions[i])
            reopen_one(storm, &storm->sessions[i]);
    assert_true(world_run(&storm->world, 10000, all_over, storm));
    world_run(&storm->world, 50, ending_over, &(struct ending){0});
    for (size_t i = 0; i < storm->started; i++)
        assert_int_equal(storm->ops[i].ending.count, 1);
    provider_set_status(storm->world.set, count_mapped, counts);
    assert_int_equal(counts[PROVIDER_LIVE], 1);
    assert_int_equal(counts[PROVIDER_DRAINING], 0);
    assert_int_equal(counts[PROVIDER_PARKED], 0);
    print_message("seed %u: %zu operations, %zu reloads, %zu refused\n", seed, storm->started,
                  storm->reloads, storm->refused);
    world_finish(&storm->world);
    free(storm);
}

static void every_operation_ends_once(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= SEEDS; seed++)
        weather(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_operation_ends_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
