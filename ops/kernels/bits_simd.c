#include "ops/kernels/bits.h"

#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#include <string.h>

static void unpack_bytes(const uint8_t *restrict from, size_t count, float scale, float zero, float *restrict to) {
    for (size_t i = 0; i < count; i++)
        to[i] = ((float)from[i] - zero) * scale;
}

static void unpack(const uint8_t *from, int bits, size_t count, float scale, float zero, float *to) {
    if (bits == 8)
        unpack_bytes(from, count, scale, zero, to);
    else
        for (size_t i = 0, bit = 0; i < count; i++, bit += (size_t)bits)
            to[i] = ((float)(from[bit / 8] >> bit % 8 & ((1 << bits) - 1)) - zero) * scale;
}

static float float_dot(const float *a, const float *b, size_t count) {
    float sums[FLOAT_CHAINS] = {0}, last[2][FLOAT_CHAINS] = {{0}};
    for (size_t i = 0; i < count; i += FLOAT_CHAINS) {
        const float *x = a + i, *y = b + i;
        if (count - i < FLOAT_CHAINS) {
            x = memcpy(last[0], x, (count - i) * sizeof *x);
            y = memcpy(last[1], y, (count - i) * sizeof *y);
        }
        for (size_t j = 0; j < FLOAT_CHAINS; j++)
            sums[j] += x[j] * y[j];
    }
    for (size_t half = FLOAT_CHAINS / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            sums[j] += sums[j + half];
    return sums[0];
}

/* ---- products with numbers of 4 bits ---- */

/*
 * A group's sixteen bytes are four words of eight numbers. A vector has them as often as it takes, shifted so that lane
 * 4 k + j of vector m holds number 8 j + m VEC / 4 + k; rows are put into that order beforehand.
 */
#define SHIFT_STEP (VEC / 4)

static void halves_order(const float *a, size_t count, float *to) {
    for (size_t i = 0; i < count; i += HALVES_GROUP)
        for (size_t place = 0; place < HALVES_GROUP; place++) {
            const size_t m = place / VEC, k = place % VEC / 4, at = i + place % 4 * 8 + m * SHIFT_STEP + k;
            to[i + place] = at < count ? a[at] : 0;
        }
}

static inline vec_bits four_words(const uint8_t *from) {
#if KERNEL_LEVEL == 2
    return (vec_bits)_mm512_broadcast_i32x4(_mm_loadu_si128((const void *)from));
#elif KERNEL_LEVEL == 1
    return (vec_bits)_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)from));
#else
    vec_bits words;
    memcpy(&words, from, sizeof words);
    return words;
#endif
}

/* One vector after another would be shifted where the processor cannot do that: the smallest needs no shift. */
static inline vec_bits shifted(vec_bits words, vec_bits by) {
    return VEC > 4 ? words >> by : words;
}

typedef int32_t vec_ints __attribute__((vector_size(VEC * sizeof(int32_t))));

/* Whole numbers of 4 bits, those above are not looked at. */
static inline vec numbers_of(vec_bits bits, vec scale, vec zero) {
    return (__builtin_convertvector((vec_ints)(bits & 15u), vec) - zero) * scale;
}

static inline float zero_point(const struct halves_column *c, size_t i) {
    return c->zeros ? c->zeros[i] : c->codes ? (float)(c->codes[i / 2] >> i % 2 * 4 & 15) : 8;
}

static inline __attribute__((always_inline)) void dot(const int rows, const float *a, size_t stride,
                                                      const struct halves_column *c, float *sums) {
    vec all[HALVES_ROWS][2] = {{{0}}}, first = {0};
    vec_bits lane;
    for (int i = 0; i < VEC; i++) {
        lane[i] = (uint32_t)i / 4 * 4;
        first[i] = (float)(i % 16);
    }
    for (size_t g = 0, i = 0; g < c->groups; i++) {
        const vec scale = vec_all(c->scales[i]), zero = vec_all(zero_point(c, i));
        const vec table = (first - zero) * scale;
        (void)table;
        for (const size_t end = g + c->per_scale; g < end && g < c->groups; g++) {
            const vec_bits words = shifted(four_words(c->from + g * HALVES_GROUP / 2), lane);
            for (int m = 0; m < HALVES_GROUP / VEC; m++) {
#if KERNEL_LEVEL == 2
                const vec w = _mm512_permutexvar_ps((__m512i)(words >> m * VEC), table);
#else
                const vec w = numbers_of(words >> m * VEC, scale, zero);
#endif
                for (int r = 0; r < rows; r++)
                    all[r][m & 1] = vec_fma(vec_load(a + (size_t)r * stride + g * HALVES_GROUP + (size_t)m * VEC), w,
                                            all[r][m & 1]);
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        const vec sum = all[r][0] + all[r][1];
#if KERNEL_LEVEL == 2
        sums[r] = _mm512_reduce_add_ps(sum);
#else
        sums[r] = 0;
        for (int i = 0; i < VEC; i++)
            sums[r] += sum[i];
#endif
    }
}

static void halves_dot(int rows, const float *a, size_t stride, const struct halves_column *column, float *sums) {
    if (rows == 1)
        dot(1, a, stride, column, sums);
    else
        dot(HALVES_ROWS, a, stride, column, sums);
}

static void halves_lines(const struct halves_block *block, int columns, size_t count, size_t width, float *to) {
    for (int c = 0; c < columns; c += VEC) {
        const vec scale = vec_load(block->scales + c), zero = vec_load(block->zeros + c);
        for (size_t i = 0; i < count; i += 8) {
            vec_bits words;
            for (int lane = 0; lane < VEC; lane++) {
                const int column = c + lane < columns ? c + lane : columns - 1;
                uint32_t word;
                memcpy(&word, block->from + (size_t)column * block->stride + i / 2, sizeof word);
                words[lane] = word;
            }
            for (size_t n = 0; n < 8 && i + n < count; n++)
                vec_store(to + (i + n) * width + c, numbers_of(words >> (int)(4 * n), scale, zero));
        }
    }
}

const struct bits_kernel LEVEL_NAME(bits_kernel) = {unpack, float_dot, halves_order, halves_dot, halves_lines};
