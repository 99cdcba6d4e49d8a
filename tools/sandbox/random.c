/* sandbox/random.c: numbers that a seed repeats. */
#include "sandbox/random.h"

#include "sandbox/world.h"

static uint64_t state;

void random_seed(uint64_t seed)
{
    state = seed;
}

uint64_t world_random(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double world_chance(void)
{
    return (double)(world_random() >> 11) / 9007199254740992.0;
}
