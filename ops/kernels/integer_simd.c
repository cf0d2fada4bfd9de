#include "ops/kernels/integer.h"

#include "ops/kernels/tables.h"

#include <string.h>

#define SUM_DEPTH 16384 /* products of up to 255 * 255 whose sum is no more than INT32_MAX */

/* A loop that compilers make the processor's multiply-and-add-pairs instruction of. */
static int32_t dot(const int16_t *restrict a, const int16_t *restrict b, size_t depth) {
    int32_t sum = 0;
    for (size_t k = 0; k < depth; k++)
        sum += (int32_t)a[k] * b[k];
    return sum;
}

/* The same for four lines of b at once, so that a is read once. */
static void four_dots(const int16_t *restrict a, const int16_t *restrict b, size_t stride, size_t depth,
                      int32_t *restrict out) {
    const int16_t *b1 = b + stride, *b2 = b1 + stride, *b3 = b2 + stride;
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (size_t k = 0; k < depth; k++) {
        const int32_t x = a[k];
        s0 += x * b[k];
        s1 += x * b1[k];
        s2 += x * b2[k];
        s3 += x * b3[k];
    }
    out[0] = s0;
    out[1] = s1;
    out[2] = s2;
    out[3] = s3;
}

static void dots(const int16_t *a, const int16_t *b, size_t depth, size_t count, int32_t *out) {
    for (size_t i = 0; i < count; i++)
        out[i] = 0;
    for (size_t k = 0, part; k < depth; k += part) {
        size_t i = 0;
        part = depth - k < SUM_DEPTH ? depth - k : SUM_DEPTH;
        for (; i + 4 <= count; i += 4) {
            int32_t sums[4];
            four_dots(a + k, b + i * depth + k, depth, part, sums);
            for (size_t j = 0; j < 4; j++)
                out[i + j] = (int32_t)((uint32_t)out[i + j] + (uint32_t)sums[j]);
        }
        for (; i < count; i++)
            out[i] = (int32_t)((uint32_t)out[i] + (uint32_t)dot(a + k, b + i * depth + k, part));
    }
}

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

const struct integer_kernel LEVEL_NAME(integer_kernel) = {dots, unpack, float_dot};
