/*
 * The random numbers of all operators: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
 * 1, 2, 3", 2011). It has no state: a key and a counter give four words of 32 bits, so that number i of a stream is the
 * same however threads share the work out. Counter word 0 and 1 are the block's number, 2 and 3 are zero.
 *
 * - uniform, float: number i is word i % 4 of block i / 4, its upper 24 bits, as a fraction: 0 <= u < 1.
 * - uniform, double: number i is made of words 2j and 2j + 1 of block i / 2, j = i % 2: the upper 53 bits of
 *   word[2j] * 2^32 + word[2j + 1], as a fraction.
 * - normal: numbers 2i and 2i + 1 are the cosine and the sine of Box and Muller's transform of the uniform doubles
 *   2i (as 1 - u, so that its logarithm is finite) and 2i + 1.
 */
#ifndef LIMNER_OPS_RANDOM_GENERATOR_H
#define LIMNER_OPS_RANDOM_GENERATOR_H

#include <stddef.h>
#include <stdint.h>

/* A stream of numbers. */
struct generator {
    uint32_t key[2];
};

/* The stream of a seed: the same each time. */
struct generator generator_seeded(uint64_t seed);
/* The stream of a seed that is a float: of its bits. */
struct generator generator_seeded_float(float seed);
/* Another stream in each call. */
struct generator generator_unseeded(void);

/* Four words of block `block`. */
void generator_block(const struct generator *generator, uint64_t block, uint32_t words[4]);

/* Numbers first..first+count-1 of the stream; any split gives the same ones. */
void generator_uniform(const struct generator *generator, uint64_t first, size_t count, float *out);
void generator_uniform_double(const struct generator *generator, uint64_t first, size_t count, double *out);
/* Mean 0, standard deviation 1. */
void generator_normal(const struct generator *generator, uint64_t first, size_t count, double *out);

#endif
