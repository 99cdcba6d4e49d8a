/* provider/budget.h: at most so much in any window of so long. Pure: time is handed in. */
#ifndef PROVIDER_BUDGET_H
#define PROVIDER_BUDGET_H
#include <stddef.h>
#include <stdint.h>

struct budget_entry {
    int64_t from, until; /* what was spent between these                    */
    uint64_t cost;
};
struct budget {     /* a zeroed one limits nothing                     */
    uint64_t limit; /* 0: none                                         */
    int64_t window; /* ms                                              */
    uint64_t spent; /* within the window, as of the last look          */
    struct budget_entry *entries;
    size_t first, count, room;
};

/* What was spent already stays spent: a reload or a changed config gives nothing back. */
void budget_set(struct budget *budget, uint64_t limit, int64_t window);
/* The first moment, from `now` on, when `cost` may be spent. A cost above the limit counts as the
 * whole limit. */
int64_t budget_fits_at(struct budget *budget, int64_t now, uint64_t cost);
void budget_spend(struct budget *budget, int64_t now, uint64_t cost);
void budget_finish(struct budget *budget);
#endif
