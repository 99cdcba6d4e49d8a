/* provider/handles.c: is this pointer, handed back by a plugin, one that we gave out?
 *
 * An operation, a timer and a request come back with nothing but their address, some too late or
 * twice. These, and the
 * count of misdeeds, are the only globals of the room. */
#include "provider/private.h"

#include "base/mem.h"

enum { RETIRED = 256 }; /* their memory is kept so long that no new handle has their address */

static struct map handles;
static struct provider_op *retired[RETIRED];
static size_t next_retired;
static int users;
struct provider_misdeeds misdeeds;

void provider_misdeeds(struct provider_misdeeds *misdeeds_r)
{
    *misdeeds_r = misdeeds;
}

void handle_add(const void *pointer, enum handle handle)
{
    map_put_u64(&handles, (uintptr_t)pointer, (void *)(uintptr_t)handle);
}

void handle_drop(const void *pointer)
{
    map_take_u64(&handles, (uintptr_t)pointer);
}

enum handle handle_of(const void *pointer)
{
    return pointer ? (enum handle)(uintptr_t)map_get_u64(&handles, (uintptr_t)pointer)
                   : HANDLE_NONE;
}

void handle_retire(struct provider_op *op)
{
    struct provider_op **slot = &retired[next_retired++ % RETIRED];

    if (*slot) {
        handle_drop(*slot);
        free(*slot);
    }
    *slot = op;
}

void handle_users(int change)
{
    users += change;
    if (users > 0)
        return;
    for (size_t i = 0; i < RETIRED; i++) {
        free(retired[i]);
        retired[i] = NULL;
    }
    map_finish(&handles, NULL);
}
