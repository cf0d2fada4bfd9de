#include "ops/kernels/integer.h"

#include "ops/kernels/tables.h"

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

const struct integer_kernel LEVEL_NAME(integer_kernel) = {dots};
