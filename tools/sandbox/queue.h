/* sandbox/queue.h: what is to happen when: a heap of moments, the earliest first, and of two at
 * the same moment the one that was added first. Items are the caller's; a zeroed one is on none. */
#ifndef SANDBOX_QUEUE_H
#define SANDBOX_QUEUE_H
#include <stddef.h>
#include <stdint.h>

struct queue_item {
    int64_t when;
    uint64_t order;
    size_t place; /* 1 + where in the heap; 0: on none */
};

struct queue { /* a zeroed one is empty and ready */
    struct queue_item **items;
    size_t count, room;
    uint64_t added;
};

void queue_add(struct queue *queue, struct queue_item *item, int64_t when); /* must be on none */
void queue_remove(struct queue *queue, struct queue_item *item);            /* may be on none */
struct queue_item *queue_first(const struct queue *queue);                  /* lent; NULL: empty */
void queue_finish(struct queue *queue); /* the items are left alone */
#endif
