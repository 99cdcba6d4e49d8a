/* sandbox/queue.c: a binary heap whose items know their place, so that any of them can be removed.
 */
#include "sandbox/queue.h"

#include "base/mem.h"

#include <assert.h>
#include <stdbool.h>

static bool before(const struct queue_item *a, const struct queue_item *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void put(struct queue *queue, size_t at, struct queue_item *item)
{
    queue->items[at] = item;
    item->place = at + 1;
}

static void rise(struct queue *queue, size_t at, struct queue_item *item)
{
    while (at > 0 && before(item, queue->items[(at - 1) / 2])) {
        put(queue, at, queue->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(queue, at, item);
}

static void sink(struct queue *queue, size_t at, struct queue_item *item)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= queue->count)
            break;
        if (child + 1 < queue->count && before(queue->items[child + 1], queue->items[child]))
            child++;
        if (!before(queue->items[child], item))
            break;
        put(queue, at, queue->items[child]);
        at = child;
    }
    put(queue, at, item);
}

void queue_add(struct queue *queue, struct queue_item *item, int64_t when)
{
    assert(item->place == 0);
    if (queue->count == queue->room) {
        queue->room = queue->room > 0 ? 2 * queue->room : 64;
        queue->items = mem_grow(queue->items, queue->room, sizeof(struct queue_item *));
    }
    item->when = when;
    item->order = queue->added++;
    rise(queue, queue->count++, item);
}

void queue_remove(struct queue *queue, struct queue_item *item)
{
    size_t at = item->place;
    struct queue_item *last;

    if (at == 0)
        return;
    at--;
    item->place = 0;
    last = queue->items[--queue->count];
    if (last == item)
        return;
    if (at > 0 && before(last, queue->items[(at - 1) / 2]))
        rise(queue, at, last);
    else
        sink(queue, at, last);
}

struct queue_item *queue_first(const struct queue *queue)
{
    return queue->count > 0 ? queue->items[0] : NULL;
}

void queue_finish(struct queue *queue)
{
    free(queue->items);
    *queue = (struct queue){0};
}
