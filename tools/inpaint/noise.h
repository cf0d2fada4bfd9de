/* Numbers that look random and are the same for the same seed and place, whatever the threads and tiles. */
#ifndef LIMNER_TOOLS_INPAINT_NOISE_H
#define LIMNER_TOOLS_INPAINT_NOISE_H

#include <stddef.h>
#include <stdint.h>

/* Evenly in 0..1, 1 itself left out. */
double noise_uniform(uint64_t seed, size_t place);
/* Of mean 0 and deviation 1. */
double noise_normal(uint64_t seed, size_t place);

#endif
