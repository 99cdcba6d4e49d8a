/* campaign/simulate.c: a queue a mailbox, of people by the moment they are asked about next. */
#include "campaign/simulate.h"

#include "base/mem.h"
#include "campaign/decide.h"

struct turn { /* who is earlier goes first, then who is first in the list */
    int64_t at;
    size_t person;
};
struct box {
    int64_t last_sent, first_sent;
    int32_t day;
    int sent_today;
    int64_t free_at; /* nobody is asked about before */
    struct turn *heap;
    size_t count;
};
struct simulation {
    const struct simulate_input *input;
    size_t *steps;     /* each person's next                  */
    int64_t *previous; /* when each person was mailed last    */
    struct box *boxes;
};

static bool is_before(const struct turn *a, const struct turn *b)
{
    return a->at != b->at ? a->at < b->at : a->person < b->person;
}

static void push(struct box *box, struct turn turn)
{
    size_t at = box->count++;

    while (at && is_before(&turn, &box->heap[(at - 1) / 2])) {
        box->heap[at] = box->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    box->heap[at] = turn;
}

static struct turn pop(struct box *box)
{
    struct turn first = box->heap[0], last = box->heap[--box->count];
    size_t at = 0;

    for (;;) {
        size_t next = 2 * at + 1;

        if (next + 1 < box->count && is_before(&box->heap[next + 1], &box->heap[next]))
            next++;
        if (next >= box->count || !is_before(&box->heap[next], &last))
            break;
        box->heap[at] = box->heap[next];
        at = next;
    }
    box->heap[at] = last;
    return first;
}

/* splitmix64: jitter that is the same each time, and spread well. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static struct decide_input question(const struct simulation *sim, size_t who, size_t box,
                                    int64_t now)
{
    const struct simulate_input *in = sim->input;
    const struct simulate_person *person = &in->people[who];

    return (struct decide_input){
        .sequence = in->sequence,
        .zones = in->zones,
        .holidays = in->holidays,
        .holidays_count = in->holidays_count,
        .now = now,
        .person = person->address,
        .person_zone = person->zone,
        .step = sim->steps[who],
        .enrolled = in->start,
        .previous_sent = sim->previous[who],
        .answered = person->answers && person->answers <= now,
        .away_until = person->away_until,
        .mailbox = in->mailboxes[box].address,
        .mailbox_zone = in->mailboxes[box].zone,
        .sent_today = sim->boxes[box].sent_today,
        .last_sent = sim->boxes[box].last_sent,
        .first_sent = sim->boxes[box].first_sent,
        .jitter = mix(in->seed ^ mix((uint64_t)sim->boxes[box].last_sent ^ box)),
    };
}

static int32_t today(const struct simulation *sim, size_t box, int64_t at)
{
    const char *name = sim->input->mailboxes[box].zone;
    const struct zone *zone = name ? zones_get(sim->input->zones, name) : NULL;
    int64_t of_day;
    int32_t day;

    zone_local(zone ? zone : zones_get(sim->input->zones, "UTC"), at, &day, &of_day);
    return day;
}

static void note_sent(struct simulation *sim, size_t who, size_t box, int64_t now)
{
    struct box *b = &sim->boxes[box];

    b->sent_today++;
    b->last_sent = now;
    if (!b->first_sent)
        b->first_sent = now;
    sim->previous[who] = now;
    sim->steps[who]++;
}

static void begin(struct simulation *sim)
{
    const struct simulate_input *in = sim->input;

    sim->steps = mem_array(in->people_count + 1, sizeof(*sim->steps));
    sim->previous = mem_array(in->people_count + 1, sizeof(*sim->previous));
    sim->boxes = mem_array(in->mailbox_count, sizeof(*sim->boxes));
    for (size_t i = 0; i < in->mailbox_count; i++)
        sim->boxes[i] = (struct box){
            .last_sent = in->mailboxes[i].last_sent,
            .first_sent = in->mailboxes[i].first_sent,
            .day = today(sim, i, in->start),
            .sent_today = in->mailboxes[i].sent_today,
            .heap = mem_array(in->people_count / in->mailbox_count + 2, sizeof(struct turn)),
        };
    for (size_t i = 0; i < in->people_count; i++) {
        sim->steps[i] = in->people[i].step;
        sim->previous[i] = in->people[i].previous;
        if (!in->people[i].over)
            push(&sim->boxes[i % in->mailbox_count], (struct turn){in->start, i});
    }
}

/* The mailbox whose turn is next, and when that is; mailbox_count: it is over. */
static size_t next_box(const struct simulation *sim, int64_t *now_r)
{
    size_t best = sim->input->mailbox_count;

    for (size_t i = 0; i < sim->input->mailbox_count; i++) {
        const struct box *box = &sim->boxes[i];
        int64_t at;

        if (!box->count)
            continue;
        at = box->heap[0].at > box->free_at ? box->heap[0].at : box->free_at;
        if (best == sim->input->mailbox_count || at < *now_r) {
            best = i;
            *now_r = at;
        }
    }
    return best;
}

/* Asks about the first in the mailbox's queue. true: it goes. */
static bool take_turn(struct simulation *sim, size_t box, int64_t now, size_t *who_r)
{
    struct box *b = &sim->boxes[box];
    struct turn turn = pop(b);
    int32_t day = today(sim, box, now);
    struct decide_input ask;
    struct decision decision;

    if (b->day != day)
        b->day = day, b->sent_today = 0;
    ask = question(sim, turn.person, box, now);
    campaign_decide(&ask, &decision);
    *who_r = turn.person;
    if (decision.verdict == DECIDE_GO)
        return true;
    if (decision.verdict != DECIDE_LATER || decision.at == INT64_MAX)
        return false;
    if (decision.mailbox_wide)
        b->free_at = decision.at; /* the same person is asked about first then */
    else
        turn.at = decision.at;
    push(b, turn);
    return false;
}

size_t simulate(const struct simulate_input *input,
                void (*planned)(void *arg, size_t person, size_t mailbox, size_t step, int64_t at),
                void *arg)
{
    struct simulation sim = {.input = input};
    size_t sent = 0, box, who;
    int64_t now = 0;

    if (!input->mailbox_count)
        return 0;
    begin(&sim);
    while ((box = next_box(&sim, &now)) < input->mailbox_count) {
        if (!take_turn(&sim, box, now, &who))
            continue;
        planned(arg, who, box, sim.steps[who], now);
        note_sent(&sim, who, box, now);
        push(&sim.boxes[box], (struct turn){now, who});
        sent++;
    }
    for (size_t i = 0; i < input->mailbox_count; i++)
        free(sim.boxes[i].heap);
    free(sim.steps);
    free(sim.previous);
    free(sim.boxes);
    return sent;
}
