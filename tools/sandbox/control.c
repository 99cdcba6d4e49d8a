/* sandbox/control.c: hands each command to whom it concerns. */
#include "sandbox/control.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/conn.h"
#include "sandbox/fault.h"
#include "sandbox/journal.h"
#include "sandbox/lines.h"
#include "sandbox/loop.h"
#include "sandbox/post.h"
#include "sandbox/vclock.h"
#include "sandbox/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct registered {
    struct list node;
    char *prefix;
    world_command *command;
    void *arg;
};

static struct list all = {&all, &all};
static struct lines *lines;

void world_register(const char *prefix, world_command *command, void *arg)
{
    struct registered *one = mem_new(sizeof *one);
    size_t len = strlen(prefix);

    one->prefix = mem_printf("%s%s", prefix, len > 0 && prefix[len - 1] == '.' ? "" : ".");
    one->command = command;
    one->arg = arg;
    list_add(&all, &one->node);
}

struct json_object *control_ok(void)
{
    struct json_object *answer = json_object_new_object();

    json_object_object_add(answer, "ok", json_object_new_boolean(true));
    return answer;
}

struct json_object *control_error(const char *format, ...)
{
    struct json_object *answer = json_object_new_object();
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_object_object_add(answer, "ok", json_object_new_boolean(false));
    json_object_object_add(answer, "error", json_object_new_string(text));
    return answer;
}

static struct json_object *stats(void)
{
    struct json_object *answer = control_ok();

    json_object_object_add(answer, "stats", journal_stats());
    return answer;
}

static struct json_object *hang_up(void)
{
    struct json_object *answer = control_ok();

    json_object_object_add(answer, "ended", json_object_new_int64((int64_t)conn_end_idle()));
    return answer;
}

static struct json_object *dispatch(const char *verb, struct json_object *asked)
{
    struct json_object *answer;

    if (strcmp(verb, "stats") == 0)
        return stats();
    if (strcmp(verb, "connections.end") == 0)
        return hang_up();
    if (strcmp(verb, "quit") == 0) {
        loop_stop();
        return control_ok();
    }
    answer = vclock_command(verb, asked);
    if (answer == NULL)
        answer = fault_command(verb, asked);
    if (answer == NULL)
        answer = post_command(verb, asked);
    if (answer != NULL)
        return answer;
    LIST_EACH (node, &all) {
        const struct registered *one = LIST_ENTRY(node, struct registered, node);

        if (text_starts(verb, one->prefix))
            return one->command(one->arg, asked);
    }
    return NULL;
}

static void on_said(void *arg, struct lines_peer *peer, struct json_object *what)
{
    struct json_object *value, *answer = NULL;
    const char *verb = json_object_object_get_ex(what, "do", &value) &&
                               json_object_is_type(value, json_type_string)
                           ? json_object_get_string(value)
                           : "";

    (void)arg;
    answer = dispatch(verb, what);
    if (answer == NULL)
        answer = control_error("\"%.100s\" is no command of the sandbox; tools/sandbox/README.md "
                               "lists them",
                               verb);
    lines_say(peer, answer);
}

static const struct lines_events events = {.said = on_said};

int control_start(const char *path)
{
    return lines_listen(path, &events, NULL, &lines);
}

void control_finish(void)
{
    lines_free(lines);
    lines = NULL;
    while (!list_empty(&all)) {
        struct registered *one = LIST_ENTRY(all.next, struct registered, node);

        list_remove(&one->node);
        free(one->prefix);
        free(one);
    }
}
