/* provider/budget.c: a sliding window, as a queue of what was spent and when. */
#include "provider/budget.h"

#include "base/mem.h"

#include <string.h>

enum { GRAINS = 256 }; /* spendings closer than a 256th of the window share an entry */

static struct budget_entry *entry_at(const struct budget *budget, size_t index)
{
    return &budget->entries[(budget->first + index) % budget->room];
}

/* A clock that was set back leaves entries in the future, which would hold everything up for as
 * long: those count as spent now. The last is never older than those before it. */
static void come_back(struct budget *budget, int64_t now)
{
    if (!budget->count || entry_at(budget, budget->count - 1)->until <= now)
        return;
    for (size_t i = 0; i < budget->count; i++) {
        struct budget_entry *entry = entry_at(budget, i);
        if (entry->until > now)
            entry->until = now;
        if (entry->from > now)
            entry->from = now;
    }
}

/* Forgets what has left the window. */
static void age(struct budget *budget, int64_t now)
{
    come_back(budget, now);
    while (budget->count > 0 && entry_at(budget, 0)->until <= now - budget->window) {
        budget->spent -= entry_at(budget, 0)->cost;
        budget->first = (budget->first + 1) % budget->room;
        budget->count--;
    }
}

static uint64_t clamp(const struct budget *budget, uint64_t cost)
{
    return cost > budget->limit ? budget->limit : cost;
}

void budget_set(struct budget *budget, uint64_t limit, int64_t window)
{
    budget->limit = limit;
    budget->window = window > 0 ? window : 1;
}

int64_t budget_fits_at(struct budget *budget, int64_t now, uint64_t cost)
{
    uint64_t left;

    if (budget->limit == 0)
        return now;
    age(budget, now);
    cost = clamp(budget, cost);
    left = budget->spent;
    for (size_t i = 0; left + cost > budget->limit && i < budget->count; i++) {
        left -= entry_at(budget, i)->cost;
        if (left + cost <= budget->limit)
            return entry_at(budget, i)->until + budget->window;
    }
    return now;
}

static void make_room(struct budget *budget)
{
    size_t room = budget->room ? budget->room * 2 : 16;
    struct budget_entry *entries = mem_array(room, sizeof(*entries));

    for (size_t i = 0; i < budget->count; i++)
        entries[i] = *entry_at(budget, i);
    free(budget->entries);
    budget->entries = entries;
    budget->first = 0;
    budget->room = room;
}

void budget_spend(struct budget *budget, int64_t now, uint64_t cost)
{
    struct budget_entry *last;

    if (budget->limit == 0 || cost == 0)
        return;
    age(budget, now);
    cost = clamp(budget, cost);
    budget->spent += cost;
    last = budget->count > 0 ? entry_at(budget, budget->count - 1) : NULL;
    if (last && now - last->from < budget->window / GRAINS) {
        last->cost += cost;
        last->until = now;
        return;
    }
    if (budget->count == budget->room)
        make_room(budget);
    budget->count++;
    *entry_at(budget, budget->count - 1) =
        (struct budget_entry){.from = now, .until = now, .cost = cost};
}

void budget_finish(struct budget *budget)
{
    free(budget->entries);
    memset(budget, 0, sizeof(*budget));
}
