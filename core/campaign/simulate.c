/* campaign/simulate.c: a queue of people by the moment they are asked about next. */
#include "campaign/simulate.h"

#include "base/mem.h"
#include "campaign/decide.h"

struct turn { /* a person whose next step is asked about at `at`; who is earlier goes first, then in
                 their order */
    int64_t at;
    size_t person;
};
struct box {
    int64_t last_sent, first_sent;
    int32_t day;
    int sent_today;
};
struct simulation {
    const struct simulate_input *input;
    struct turn *heap;
    size_t count;
    size_t *steps;     /* each person's next                  */
    int64_t *previous; /* when each person was mailed last    */
    struct box *mailboxes;
};

static bool is_before(const struct turn *a, const struct turn *b)
{
    return a->at != b->at ? a->at < b->at : a->person < b->person;
}

static void push(struct simulation *sim, struct turn turn)
{
    size_t at = sim->count++;

    while (at && is_before(&turn, &sim->heap[(at - 1) / 2])) {
        sim->heap[at] = sim->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->heap[at] = turn;
}

static struct turn pop(struct simulation *sim)
{
    struct turn first = sim->heap[0], last = sim->heap[--sim->count];
    size_t at = 0;

    for (;;) {
        size_t next = 2 * at + 1;

        if (next + 1 < sim->count && is_before(&sim->heap[next + 1], &sim->heap[next]))
            next++;
        if (next >= sim->count || !is_before(&sim->heap[next], &last))
            break;
        sim->heap[at] = sim->heap[next];
        at = next;
    }
    sim->heap[at] = last;
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

static struct decide_input question(const struct simulation *sim, struct turn turn, size_t box)
{
    const struct simulate_input *in = sim->input;
    const struct simulate_person *person = &in->people[turn.person];

    return (struct decide_input){
        .sequence = in->sequence,
        .zones = in->zones,
        .holidays = in->holidays,
        .holidays_count = in->holidays_count,
        .now = turn.at,
        .person = person->address,
        .person_zone = person->zone,
        .step = sim->steps[turn.person],
        .enrolled = in->start,
        .previous_sent = sim->previous[turn.person],
        .answered = person->answers && person->answers <= turn.at,
        .mailbox = in->mailboxes[box].address,
        .mailbox_zone = in->mailboxes[box].zone,
        .sent_today = sim->mailboxes[box].sent_today,
        .last_sent = sim->mailboxes[box].last_sent,
        .first_sent = sim->mailboxes[box].first_sent,
        .jitter = mix(in->seed ^ mix((uint64_t)sim->mailboxes[box].last_sent ^ box)),
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

static void note_sent(struct simulation *sim, struct turn turn, size_t box)
{
    struct box *mailbox = &sim->mailboxes[box];

    mailbox->sent_today++;
    mailbox->last_sent = turn.at;
    if (!mailbox->first_sent)
        mailbox->first_sent = turn.at;
    sim->previous[turn.person] = turn.at;
    sim->steps[turn.person]++;
}

static void begin(struct simulation *sim)
{
    const struct simulate_input *in = sim->input;

    sim->heap = mem_array(in->people_count + 1, sizeof(*sim->heap));
    sim->steps = mem_array(in->people_count + 1, sizeof(*sim->steps));
    sim->previous = mem_array(in->people_count + 1, sizeof(*sim->previous));
    sim->mailboxes = mem_array(in->mailbox_count + 1, sizeof(*sim->mailboxes));
    for (size_t i = 0; i < in->mailbox_count; i++)
        sim->mailboxes[i] = (struct box){in->mailboxes[i].last_sent, in->mailboxes[i].first_sent,
                                         today(sim, i, in->start), in->mailboxes[i].sent_today};
    for (size_t i = 0; i < in->people_count; i++)
        push(sim, (struct turn){in->start, i});
}

size_t simulate(const struct simulate_input *input,
                void (*planned)(void *arg, size_t person, size_t mailbox, size_t step, int64_t at),
                void *arg)
{
    struct simulation sim = {.input = input};
    size_t sent = 0;

    if (!input->mailbox_count)
        return 0;
    begin(&sim);
    while (sim.count) {
        struct turn turn = pop(&sim);
        size_t box = turn.person % input->mailbox_count;
        int32_t day = today(&sim, box, turn.at);
        struct decide_input ask;
        struct decision decision;

        if (sim.mailboxes[box].day != day)
            sim.mailboxes[box].day = day, sim.mailboxes[box].sent_today = 0;
        ask = question(&sim, turn, box);
        campaign_decide(&ask, &decision);
        if (decision.verdict == DECIDE_GO) {
            planned(arg, turn.person, box, sim.steps[turn.person], turn.at);
            note_sent(&sim, turn, box);
            sent++;
            push(&sim, turn);
        } else if (decision.verdict == DECIDE_LATER && decision.at != INT64_MAX) {
            push(&sim, (struct turn){decision.at, turn.person});
        }
    }
    free(sim.heap);
    free(sim.steps);
    free(sim.previous);
    free(sim.mailboxes);
    return sent;
}
