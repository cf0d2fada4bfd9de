#include "ops/random/generator.h"

#include "base/entropy.h"
#include "base/scalar.h"

#include <math.h>

#define ROUNDS 10
#define TWO_PI 6.283185307179586

struct generator generator_seeded(uint64_t seed) {
    return (struct generator){{(uint32_t)seed, (uint32_t)(seed >> 32)}};
}

struct generator generator_seeded_float(float seed) {
    return generator_seeded(float_bits(seed));
}

struct generator generator_unseeded(void) {
    return generator_seeded(entropy_number());
}

void generator_block(const struct generator *generator, uint64_t block, uint32_t words[4]) {
    uint32_t a = (uint32_t)block, b = (uint32_t)(block >> 32), c = 0, d = 0;
    uint32_t k = generator->key[0], l = generator->key[1];
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t x = UINT64_C(0xD2511F53) * a, y = UINT64_C(0xCD9E8D57) * c;
        a = (uint32_t)(y >> 32) ^ b ^ k;
        c = (uint32_t)(x >> 32) ^ d ^ l;
        b = (uint32_t)y;
        d = (uint32_t)x;
        k += 0x9E3779B9u;
        l += 0xBB67AE85u;
    }
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
}

void generator_uniform(const struct generator *generator, uint64_t first, size_t count, float *out) {
    uint32_t words[4];
    for (size_t i = 0; i < count; i++) {
        const uint64_t at = first + i;
        if (i == 0 || at % 4 == 0)
            generator_block(generator, at / 4, words);
        out[i] = (float)(words[at % 4] >> 8) * 0x1p-24f;
    }
}

static double fraction(const uint32_t *words) {
    return (double)(((uint64_t)words[0] << 32 | words[1]) >> 11) * 0x1p-53;
}

void generator_uniform_double(const struct generator *generator, uint64_t first, size_t count, double *out) {
    uint32_t words[4];
    for (size_t i = 0; i < count; i++) {
        const uint64_t at = first + i;
        if (i == 0 || at % 2 == 0)
            generator_block(generator, at / 2, words);
        out[i] = fraction(words + at % 2 * 2);
    }
}

void generator_normal(const struct generator *generator, uint64_t first, size_t count, double *out) {
    for (size_t i = 0; i < count;) {
        const uint64_t at = first + i;
        uint32_t words[4];
        generator_block(generator, at / 2, words);
        const double radius = sqrt(-2 * log(1 - fraction(words))), angle = TWO_PI * fraction(words + 2);
        if (at % 2 == 0)
            out[i++] = radius * cos(angle);
        if (i < count)
            out[i++] = radius * sin(angle);
    }
}
