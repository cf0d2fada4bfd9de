#include "ops/kernels/bits.h"

#include "ops/kernels/tables.h"

#include <string.h>

static void unpack_bytes(const uint8_t *restrict from, size_t count, float scale, float zero, float *restrict to) {
    for (size_t i = 0; i < count; i++)
        to[i] = ((float)from[i] - zero) * scale;
}

#define HALVES 16 /* bytes at a time */

/* A byte for each number, eight of them in one word of twice the size. */
static void spread_halves(const uint8_t *restrict from, uint64_t *restrict to) {
    uint32_t words[HALVES / 4];
    memcpy(words, from, HALVES);
    for (size_t i = 0; i < HALVES / 4; i++) {
        uint64_t x = words[i];
        x = (x | x << 16) & 0x0000ffff0000ffff;
        x = (x | x << 8) & 0x00ff00ff00ff00ff;
        to[i] = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
    }
}

static void unpack_halves(const uint8_t *from, size_t count, float scale, float zero, float *to) {
    uint8_t last[HALVES] = {0};
    uint64_t words[HALVES / 4];
    uint8_t numbers[2 * HALVES];
    for (size_t i = 0; i < count; i += 2 * HALVES) {
        const size_t left = count - i, part = left < 2 * HALVES ? left : 2 * HALVES;
        if (part < 2 * HALVES)
            memcpy(last, from + i / 2, (part + 1) / 2);
        spread_halves(part < 2 * HALVES ? last : from + i / 2, words);
        memcpy(numbers, words, sizeof numbers);
        unpack_bytes(numbers, part, scale, zero, to + i);
    }
}

static void unpack(const uint8_t *from, int bits, size_t count, float scale, float zero, float *to) {
    if (bits == 8)
        unpack_bytes(from, count, scale, zero, to);
    else if (bits == 4)
        unpack_halves(from, count, scale, zero, to);
    else
        for (size_t i = 0; i < count; i++)
            to[i] = ((float)(from[i / 4] >> i % 4 * 2 & 3) - zero) * scale;
}

static float float_dot(const float *a, const float *b, size_t count) {
    float sums[FLOAT_CHAINS] = {0};
    size_t i = 0;
    for (; i + FLOAT_CHAINS <= count; i += FLOAT_CHAINS)
        for (size_t j = 0; j < FLOAT_CHAINS; j++)
            sums[j] += a[i + j] * b[i + j];
    for (size_t j = 0; i + j < count; j++)
        sums[j] += a[i + j] * b[i + j];
    for (size_t half = FLOAT_CHAINS / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            sums[j] += sums[j + half];
    return sums[0];
}

const struct bits_kernel LEVEL_NAME(bits_kernel) = {unpack, float_dot};
