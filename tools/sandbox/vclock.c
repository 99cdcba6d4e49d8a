/* sandbox/vclock.c: virtual time jumps to what is next when nobody has anything to do. */
#include "sandbox/vclock.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/conn.h"
#include "sandbox/control.h"
#include "sandbox/exchange.h"
#include "sandbox/lines.h"
#include "sandbox/post.h"
#include "sandbox/queue.h"
#include "sandbox/world.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NEVER INT64_MAX
#define DUE_A_TURN 10000

struct happening {
    struct queue_item item;
    void (*happen)(void *arg);
    void *arg;
};

struct client {
    bool idle, company; /* company: it does not let time go on when nobody else is there */
    int64_t jump;       /* as of which jump it is idle */
    int64_t next;       /* virtual ms, or NEVER */
};

static struct {
    enum vclock_mode mode;
    int64_t pace, jump, last_jump; /* last_jump: monotonic ms */
    int64_t jumps;                 /* as many more while fast, then it holds; 0: no end to them */
    struct queue due;
    struct lines *lines;
} vclock;

static const char *const modes[] = {
    [VCLOCK_REAL] = "real",
    [VCLOCK_HOLD] = "hold",
    [VCLOCK_FAST] = "fast",
};

int64_t world_now(void)
{
    return clock_wall();
}

int64_t world_real(void)
{
    return clock_real();
}

void world_at(int64_t when, void (*happen)(void *arg), void *arg)
{
    struct happening *happening = mem_new(sizeof *happening);

    happening->happen = happen;
    happening->arg = arg;
    queue_add(&vclock.due, &happening->item, when);
}

bool vclock_mode_parse(const char *text, enum vclock_mode *mode_r)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        if (strcmp(text, modes[i]) == 0) {
            *mode_r = (enum vclock_mode)i;
            return true;
        }
    }
    return false;
}

/* "", "Z", "+01:00": seconds east of Greenwich. */
static bool parse_zone(const char *text, int *east_r)
{
    int hours, minutes, used = 0;

    *east_r = 0;
    if (*text == '\0' || strcmp(text, "Z") == 0)
        return true;
    if ((*text != '+' && *text != '-') ||
        sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || text[1 + used] != '\0')
        return false;
    *east_r = (hours * 60 + minutes) * (*text == '-' ? -60 : 60);
    return true;
}

bool vclock_parse(const char *text, int64_t *ms_r)
{
    struct tm tm = {0};
    int used = 0, more = 0, east, scale = 100, ms = 0;

    if (text_i64(text, ms_r))
        return true;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &used) != 5)
        return false;
    text += used;
    if (sscanf(text, ":%2d%n", &tm.tm_sec, &more) == 1)
        text += more;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
            ms += (*text - '0') * scale;
    if (!parse_zone(text, &east))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ms_r = ((int64_t)timegm(&tm) - east) * 1000 + ms;
    return true;
}

static struct json_object *told(void)
{
    struct json_object *line = json_object_new_object();

    json_object_object_add(line, "offset", json_object_new_int64(clock_offset()));
    json_object_object_add(line, "jump", json_object_new_int64(vclock.jump));
    return line;
}

static bool tell(void *arg, struct lines_peer *peer)
{
    (void)arg;
    lines_say(peer, told());
    return true;
}

static void on_opened(void *arg, struct lines_peer *peer)
{
    (void)arg;
    *lines_peer_data(peer) = mem_new(sizeof(struct client));
    lines_say(peer, told());
}

static void on_closed(void *arg, struct lines_peer *peer)
{
    (void)arg;
    free(*lines_peer_data(peer));
}

static void on_said(void *arg, struct lines_peer *peer, struct json_object *what)
{
    struct client *client = *lines_peer_data(peer);
    struct json_object *value;

    (void)arg;
    client->idle =
        json_object_object_get_ex(what, "idle", &value) && json_object_get_boolean(value);
    client->company =
        json_object_object_get_ex(what, "alone", &value) && !json_object_get_boolean(value);
    client->jump =
        json_object_object_get_ex(what, "jump", &value) ? json_object_get_int64(value) : -1;
    client->next = json_object_object_get_ex(what, "next", &value) && value != NULL
                       ? json_object_get_int64(value)
                       : NEVER;
}

static const struct lines_events events = {
    .opened = on_opened,
    .said = on_said,
    .closed = on_closed,
};

int vclock_start(const char *path, enum vclock_mode mode, int64_t pace_ms, int64_t start)
{
    vclock.mode = mode;
    vclock.pace = pace_ms;
    if (start != 0)
        clock_set_offset(start - clock_real());
    return lines_listen(path, &events, NULL, &vclock.lines);
}

/* What was never due stays where it is: what it would have been given is not ours to free. */
void vclock_finish(void)
{
    lines_free(vclock.lines);
    vclock.lines = NULL;
}

static void run_first(void)
{
    struct queue_item *item = queue_first(&vclock.due);
    struct happening *happening = LIST_ENTRY(item, struct happening, item);

    queue_remove(&vclock.due, item);
    happening->happen(happening->arg);
    free(happening);
}

void vclock_due(void)
{
    for (int i = 0; i < DUE_A_TURN; i++) {
        const struct queue_item *item = queue_first(&vclock.due);

        if (item == NULL || item->when > world_now())
            return;
        run_first();
    }
}

static void move_to(int64_t when)
{
    if (when > world_now())
        clock_set_offset(when - clock_real());
}

/* What is due on the way sees the time it was due at. */
static void jump_to(int64_t target)
{
    const struct queue_item *item;

    vclock.jump++;
    vclock.last_jump = clock_monotonic();
    while ((item = queue_first(&vclock.due)) != NULL && item->when <= target) {
        move_to(item->when);
        run_first();
    }
    move_to(target);
    lines_each(vclock.lines, tell, NULL);
}

struct idleness {
    bool idle;
    size_t clients;
    int64_t next;
};

static bool ask(void *arg, struct lines_peer *peer)
{
    const struct client *client = *lines_peer_data(peer);
    struct idleness *all = arg;

    if (!client->company)
        all->clients++;
    if (!client->idle || client->jump != vclock.jump)
        all->idle = false;
    else if (client->next < all->next)
        all->next = client->next;
    return all->idle;
}

static struct idleness idleness(void)
{
    struct idleness all = {.idle = true, .next = NEVER};
    const struct queue_item *item = queue_first(&vclock.due);

    if (item != NULL)
        all.next = item->when;
    lines_each(vclock.lines, ask, &all);
    if (all.clients == 0 || exchange_count() > 0 || post_count() > 0 || conn_writing() ||
        lines_writing(vclock.lines))
        all.idle = false;
    return all;
}

/* Where to jump; 0: nowhere. A client whose next moment has come already will stir by itself. */
static int64_t jump_target(void)
{
    struct idleness all;

    if (vclock.mode != VCLOCK_FAST || exchange_count() > 0)
        return 0;
    all = idleness();
    return all.idle && all.next != NEVER && all.next > world_now() ? all.next : 0;
}

int64_t vclock_wait(void)
{
    const struct queue_item *item = queue_first(&vclock.due);
    int64_t wait = -1, left;

    if (item != NULL) {
        wait = item->when - world_now();
        if (wait <= 0)
            return 0;
    }
    if (jump_target() == 0)
        return wait;
    left = vclock.pace - (clock_monotonic() - vclock.last_jump);
    if (left <= 0)
        return 0;
    return wait < 0 || left < wait ? left : wait;
}

void vclock_quiet(void)
{
    int64_t target = jump_target();

    if (target == 0 || clock_monotonic() - vclock.last_jump < vclock.pace)
        return;
    jump_to(target);
    if (vclock.jumps > 0 && --vclock.jumps == 0)
        vclock.mode = VCLOCK_HOLD;
}

static struct json_object *now_answer(void)
{
    struct json_object *answer = control_ok();
    struct idleness all = idleness();
    char text[32];

    json_object_object_add(answer, "now", json_object_new_int64(world_now()));
    json_object_object_add(answer, "text", json_object_new_string(clock_text(world_now(), text)));
    json_object_object_add(answer, "offset", json_object_new_int64(clock_offset()));
    json_object_object_add(answer, "jump", json_object_new_int64(vclock.jump));
    json_object_object_add(answer, "mode", json_object_new_string(modes[vclock.mode]));
    json_object_object_add(answer, "pace", json_object_new_int64(vclock.pace));
    json_object_object_add(answer, "clients", json_object_new_int64((int64_t)all.clients));
    json_object_object_add(answer, "idle", json_object_new_boolean(all.idle));
    json_object_object_add(answer, "next",
                           all.next != NEVER ? json_object_new_int64(all.next) : NULL);
    json_object_object_add(answer, "due", json_object_new_int64((int64_t)vclock.due.count));
    return answer;
}

static struct json_object *set_mode(struct json_object *asked)
{
    struct json_object *value;

    if (!json_object_object_get_ex(asked, "mode", &value) ||
        !vclock_mode_parse(json_object_get_string(value), &vclock.mode))
        return control_error("clock.mode: \"mode\" is fast, real or hold");
    vclock.jumps =
        json_object_object_get_ex(asked, "jumps", &value) ? json_object_get_int64(value) : 0;
    return now_answer();
}

static struct json_object *set_pace(struct json_object *asked)
{
    struct json_object *value;

    if (!json_object_object_get_ex(asked, "ms", &value) || json_object_get_int64(value) < 0)
        return control_error("pace: \"ms\" is missing: the least real time between two jumps");
    vclock.pace = json_object_get_int64(value);
    return now_answer();
}

static struct json_object *jump(struct json_object *asked)
{
    struct json_object *value;
    int64_t target;

    if (json_object_object_get_ex(asked, "by", &value))
        target = world_now() + json_object_get_int64(value);
    else if (!json_object_object_get_ex(asked, "to", &value) ||
             !vclock_parse(json_object_get_string(value), &target))
        return control_error("clock.jump: say \"to\" (Unix ms, or 2027-01-04T09:00:00Z) or \"by\" "
                             "(ms)");
    if (target < world_now())
        return control_error(
            "clock.jump: time does not go back by a jump; clock.back sets it back");
    jump_to(target);
    return now_answer();
}

/* As somebody sets a clock: what is due stays where it is, and so comes later. */
static struct json_object *set_back(struct json_object *asked)
{
    struct json_object *value;

    if (!json_object_object_get_ex(asked, "by", &value) || json_object_get_int64(value) <= 0)
        return control_error("clock.back: \"by\" is missing: how many ms to set it back");
    clock_set_offset(clock_offset() - json_object_get_int64(value));
    vclock.jump++;
    vclock.last_jump = clock_monotonic();
    lines_each(vclock.lines, tell, NULL);
    return now_answer();
}

struct json_object *vclock_command(const char *verb, struct json_object *asked)
{
    if (strcmp(verb, "clock.now") == 0)
        return now_answer();
    if (strcmp(verb, "clock.mode") == 0)
        return set_mode(asked);
    if (strcmp(verb, "clock.jump") == 0)
        return jump(asked);
    if (strcmp(verb, "clock.back") == 0)
        return set_back(asked);
    if (strcmp(verb, "pace") == 0)
        return set_pace(asked);
    return NULL;
}
