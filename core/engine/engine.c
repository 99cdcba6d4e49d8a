/* engine/engine.c: the engine itself: its boxes, its submits, starting and draining. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/daemon.h"
#include "engine/internal.h"
#include "net/loop.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* -- submits --------------------------------------------------------------------------------------
 */

struct submit {
    struct engine *engine;
    store_apply *apply;
    store_done *done;
    void *arg;
};

static int submit_apply(struct store_txn *txn, void *arg)
{
    struct submit *submit = arg;

    return submit->apply(txn, submit->arg);
}

void engine_check_drained(struct engine *engine)
{
    void (*drained)(void *arg) = engine->drained;

    if (!drained || engine->in_hand || engine->boxes.count)
        return;
    engine->drained = NULL;
    loop_timer_stop(engine->drain_timer);
    drained(engine->drained_arg);
}

static void submit_done(void *arg, int status)
{
    struct submit *submit = arg;
    struct engine *engine = submit->engine;

    submit->done(submit->arg, status);
    free(submit);
    engine->in_hand--;
    loop_busy(engine->options.loop, -1);
    engine_check_drained(engine);
}

void engine_submit(struct engine *engine, store_apply *apply, store_done *done, void *arg)
{
    struct submit *submit = mem_new(sizeof(*submit));

    *submit = (struct submit){engine, apply, done, arg};
    engine->in_hand++;
    loop_busy(engine->options.loop, 1);
    store_submit(engine->options.store, submit_apply, submit_done, submit);
}

int apply_nothing(struct store_txn *txn, void *arg)
{
    (void)txn;
    (void)arg;
    return 0;
}

void say(engine_done *done, void *arg, int status, uint64_t id, const char *format, ...)
{
    auto_free char *text = NULL;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    done(arg, status, id, len < 0 ? "" : text);
}

/* -- boxes
 * ------------------------------------------------------------------------------------------- */

void engine_mailbox_changed(struct engine *engine, uint64_t mailbox)
{
    struct box *box = box_of(engine, mailbox);

    if (box) {
        box->reopen = true; /* opening again finds out whether it may be worked */
        box_end(box);
        return;
    }
    if (!engine->stopping)
        box_begin(engine, mailbox);
}

/* A campaign was started, paused or edited: nothing that was decided about it before counts. */
void engine_lane_changed(struct engine *engine, uint64_t campaign)
{
    struct box *box;
    size_t at = 0;

    while ((box = map_next(&engine->boxes, &at, NULL, NULL))) {
        for (size_t i = 0; i < box->hold_count; i++)
            if (box->holds[i].campaign == campaign)
                box->holds[i].until = 0;
        box_plan_at(box, clock_wall());
    }
}

/* -- life
 * ---------------------------------------------------------------------------------------------- */

static void read_holidays(struct engine *engine)
{
    const struct config_daemon *config = engine->options.config;
    int year, month, day;

    day_to_date((int32_t)(clock_wall() / 86400000), &year, &month, &day);
    engine->holidays = mem_array(config->holidays_count + 1, sizeof(*engine->holidays));
    for (size_t i = 0; i < config->holidays_count; i++) {
        auto_buf struct buf error = {0};

        if (holidays_read(config->holidays[i].name, config->holidays[i].file, year - 1, year + 10,
                          &engine->holidays[engine->holidays_count], &error) < 0)
            log_error("%s", buf_text(&error));
        else
            engine->holidays_count++;
    }
}

static void drain_over(void *arg)
{
    struct engine *engine = arg;
    void (*drained)(void *arg) = engine->drained;

    engine->drained = NULL;
    if (drained)
        drained(engine->drained_arg);
}

struct engine *engine_new(const struct engine_options *options)
{
    struct engine *engine = mem_new(sizeof(*engine));
    const struct holidays *const *holidays;

    engine->options = *options;
    engine->began = clock_wall();
    list_init(&engine->walks);
    read_holidays(engine);
    holidays = (const struct holidays *const *)engine->holidays;
    brain_init(&engine->writer, &engine->options, holidays, engine->holidays_count);
    brain_init(&engine->reader, &engine->options, holidays, engine->holidays_count);
    engine->drain_timer = loop_timer_new(options->loop, drain_over, engine);
    return engine;
}

void engine_start(struct engine *engine)
{
    uint64_t *ids = NULL;
    size_t count = 0;

    {
        auto_read struct store_txn *txn = NULL;
        uint64_t after = 0;

        if (store_read(engine->options.store, &txn) < 0)
            return;
        for (;;) {
            auto_record(mailbox) mailbox = {0};

            if (store_mailbox_next(txn, after, &mailbox) < 0)
                break;
            after = mailbox.id;
            ids = mem_grow(ids, count + 1, sizeof(*ids));
            ids[count++] = mailbox.id;
        }
    }
    for (size_t i = 0; i < count; i++)
        box_begin(engine, ids[i]);
    free(ids);
    walk_resume(engine);
}

static void close_boxes(void *arg)
{
    struct engine *engine = arg;
    struct box *box;
    size_t at = 0;

    while ((box = map_next(&engine->boxes, &at, NULL, NULL)))
        box_end(box);
    engine_check_drained(engine);
}

void engine_stop(struct engine *engine, int64_t grace, void (*drained)(void *arg), void *arg)
{
    engine->stopping = true;
    engine->drained = drained;
    engine->drained_arg = arg;
    loop_timer_in(engine->drain_timer, grace);
    loop_post(engine->options.loop, close_boxes, engine);
}

void engine_tally(const struct engine *engine, struct engine_tally *tally_r)
{
    const struct box *box;
    size_t at = 0;

    *tally_r = engine->tally;
    while ((box = map_next(&engine->boxes, &at, NULL, NULL)))
        tally_r->watches += box->push.watch.stands;
}

void engine_freeze(struct engine *engine)
{
    engine->frozen = true;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    brain_finish(&engine->writer);
    brain_finish(&engine->reader);
    for (size_t i = 0; i < engine->holidays_count; i++)
        holidays_free(engine->holidays[i]);
    free(engine->holidays);
    walks_finish(engine);
    loop_timer_free(engine->drain_timer);
    map_finish(&engine->boxes, NULL);
    free(engine);
}
