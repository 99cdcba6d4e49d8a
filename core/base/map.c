/* base/map.c: a hash map from byte strings to pointers, open addressing, FNV-1a with a seed. */
#include "base/map.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

struct map_slot {
    char *key; /* NULL: never used; with a NULL value: was taken */
    size_t len;
    uint64_t hash;
    void *value;
};

/* One for the process, whichever thread comes first. */
static uint64_t map_seed(void)
{
    static _Atomic uint64_t seed;
    uint64_t none = 0, fresh;

    if (atomic_load(&seed))
        return atomic_load(&seed);
    if (getentropy(&fresh, sizeof(fresh)) < 0)
        fresh = 0x9e3779b97f4a7c15u;
    atomic_compare_exchange_strong(&seed, &none, fresh | 1);
    return atomic_load(&seed);
}

static uint64_t map_hash(const void *key, size_t len)
{
    const unsigned char *p = key;
    uint64_t h = 0xcbf29ce484222325u ^ map_seed();

    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    h ^= h >> 29;
    return h * 0xbf58476d1ce4e5b9u;
}

static struct map_slot *map_find(const struct map *map, const void *key, size_t len, uint64_t hash)
{
    size_t at;

    if (!map->room)
        return NULL;
    for (at = (size_t)hash & (map->room - 1);; at = (at + 1) & (map->room - 1)) {
        struct map_slot *slot = &map->slots[at];

        if (!slot->key)
            return NULL;
        if (slot->value && slot->hash == hash && slot->len == len &&
            memcmp(slot->key, key, len) == 0)
            return slot;
    }
}

static void map_place(struct map *map, struct map_slot entry)
{
    size_t at = (size_t)entry.hash & (map->room - 1);

    while (map->slots[at].key)
        at = (at + 1) & (map->room - 1);
    map->slots[at] = entry;
    map->used++;
}

static void map_rehash(struct map *map)
{
    struct map old = *map;

    map->room = 16;
    while (map->room < old.count * 3)
        map->room *= 2;
    map->slots = mem_array(map->room, sizeof(*map->slots));
    map->used = 0;
    for (size_t i = 0; i < old.room; i++) {
        if (old.slots[i].value)
            map_place(map, old.slots[i]);
        else
            free(old.slots[i].key);
    }
    free(old.slots);
}

void *map_get(const struct map *map, const void *key, size_t len)
{
    struct map_slot *slot = map_find(map, key, len, map_hash(key, len));

    return slot ? slot->value : NULL;
}

void *map_put(struct map *map, const void *key, size_t len, void *value)
{
    uint64_t hash = map_hash(key, len);
    struct map_slot *slot = map_find(map, key, len, hash);

    if (slot) {
        void *old = slot->value;

        slot->value = value;
        return old;
    }
    if ((map->used + 1) * 4 > map->room * 3)
        map_rehash(map);
    map_place(map, (struct map_slot){mem_strn(key, len), len, hash, value});
    map->count++;
    return NULL;
}

void *map_take(struct map *map, const void *key, size_t len)
{
    struct map_slot *slot = map_find(map, key, len, map_hash(key, len));
    void *value;

    if (!slot)
        return NULL;
    value = slot->value;
    slot->value = NULL;
    map->count--;
    return value;
}

void *map_get_str(const struct map *map, const char *key)
{
    return map_get(map, key, strlen(key));
}

void *map_put_str(struct map *map, const char *key, void *value)
{
    return map_put(map, key, strlen(key), value);
}

void *map_take_str(struct map *map, const char *key)
{
    return map_take(map, key, strlen(key));
}

void *map_get_u64(const struct map *map, uint64_t key)
{
    return map_get(map, &key, sizeof(key));
}

void *map_put_u64(struct map *map, uint64_t key, void *value)
{
    return map_put(map, &key, sizeof(key), value);
}

void *map_take_u64(struct map *map, uint64_t key)
{
    return map_take(map, &key, sizeof(key));
}

void *map_next(const struct map *map, size_t *at, const void **key, size_t *len)
{
    while (*at < map->room) {
        const struct map_slot *slot = &map->slots[(*at)++];

        if (!slot->value)
            continue;
        if (key)
            *key = slot->key;
        if (len)
            *len = slot->len;
        return slot->value;
    }
    return NULL;
}

void map_finish(struct map *map, void (*free_value)(void *))
{
    for (size_t i = 0; i < map->room; i++) {
        if (free_value && map->slots[i].value)
            free_value(map->slots[i].value);
        free(map->slots[i].key);
    }
    free(map->slots);
    *map = (struct map){0};
}
