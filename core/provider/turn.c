/* provider/turn.c: the set's turn, where callers hear of ends and seats are closed.
 *
 * It runs on a timer, so never below plugin code: whoever is told may start, cancel, close and
 * reload as they like. */
#include "provider/private.h"

#include "base/mem.h"

void set_kick(struct provider_set *set)
{
    if (!loop_timer_armed(set->turn))
        loop_timer_in(set->turn, 0);
}

static struct list *take_first(struct list *head)
{
    struct list *first = head->next;

    list_remove(first);
    return first;
}

void set_turn(void *arg)
{
    struct provider_set *set = arg;

    while (!list_empty(&set->ended))
        op_deliver(LIST_ENTRY(take_first(&set->ended), struct provider_op, queue));
    while (!list_empty(&set->answered))
        request_answer(LIST_ENTRY(take_first(&set->answered), struct rider_http, queue));
    while (!list_empty(&set->fallen))
        stream_fallen(LIST_ENTRY(take_first(&set->fallen), struct rider_stream, queue));
    while (!list_empty(&set->changed)) {
        session_tell(LIST_ENTRY(take_first(&set->changed), struct provider_session, changed));
    }
    while (!list_empty(&set->leaving)) {
        struct seat *seat = LIST_ENTRY(take_first(&set->leaving), struct seat, leaving);
        if (list_empty(&seat->ops))
            seat_close(seat);
    }
}
