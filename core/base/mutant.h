/* base/mutant.h: mistakes made on purpose, one at a time, to see that tests/crash catches each.
 *
 * `cmake -DPOSTRIDER_MUTANT=name` makes MUTANT(name) true; tests/crash/README.md lists the names.
 * In every other build it is 0 and leaves nothing behind; CMake refuses it in a Release build. */
#ifndef BASE_MUTANT_H
#define BASE_MUTANT_H

#ifdef POSTRIDER_MUTANT
#include "mutant_chosen.h"

#include <string.h>
#define MUTANT(name) (strcmp(MUTANT_CHOSEN, #name) == 0)
#else
#define MUTANT(name) 0
#endif
#endif
