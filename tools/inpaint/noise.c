#include "tools/inpaint/noise.h"

#include <math.h>

/* SplitMix64 (Steele, Lea, Flood 2014): one step from a counter. */
static uint64_t mixed(uint64_t seed, uint64_t place) {
    uint64_t z = (seed << 48 ^ seed) + (place + 1) * 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

double noise_uniform(uint64_t seed, size_t place) {
    return (double)(mixed(seed, place) >> 11) * 0x1p-53;
}

/* Box and Muller. */
double noise_normal(uint64_t seed, size_t place) {
    const double radius = sqrt(-2 * log(1 - noise_uniform(seed, 2 * place)));
    return radius * cos(6.283185307179586 * noise_uniform(seed, 2 * place + 1));
}
