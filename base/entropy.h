/* Numbers that nobody can foretell. */
#ifndef LIMNER_BASE_ENTROPY_H
#define LIMNER_BASE_ENTROPY_H

#include <stdint.h>

/* Another number in each call: from the system's generator, or from clock and address where it has none at hand. */
uint64_t entropy_number(void);

#endif
