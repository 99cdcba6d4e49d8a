/* base/map.h: a hash map from byte strings to pointers. Keys are copied, values are not. */
#ifndef BASE_MAP_H
#define BASE_MAP_H
#include <stddef.h>
#include <stdint.h>

struct map_slot;
struct map { /* a zeroed one is empty and ready            */
    struct map_slot *slots;
    size_t count, room, used;
};

void *map_get(const struct map *map, const void *key, size_t len);        /* NULL: not there */
void *map_put(struct map *map, const void *key, size_t len, void *value); /* the old value,
                                             or NULL; value may not be NULL             */
void *map_take(struct map *map, const void *key, size_t len);             /* removed, or NULL */
void *map_get_str(const struct map *map, const char *key);
void *map_put_str(struct map *map, const char *key, void *value);
void *map_take_str(struct map *map, const char *key);
void *map_get_u64(const struct map *map, uint64_t key);
void *map_put_u64(struct map *map, uint64_t key, void *value);
void *map_take_u64(struct map *map, uint64_t key);
/* Walks in no order: start with *at = 0; NULL ends it. Nothing may be added meanwhile; the
 * value just given may be taken. */
void *map_next(const struct map *map, size_t *at, const void **key, size_t *len);
void map_finish(struct map *map, void (*free_value)(void *)); /* NULL: leaves them */
#endif
