/* sandbox/random.h: where world_random begins. */
#ifndef SANDBOX_RANDOM_H
#define SANDBOX_RANDOM_H
#include <stdint.h>

void random_seed(uint64_t seed);
#endif
