/* Functions of two elements: the contracts are in pairs.h. */
#include "ops/kernels/pairs.h"
#include "ops/kernels/simd_loop.h"
#include "ops/kernels/tables.h"

#include <string.h>

#if KERNEL_LEVEL > 0
#include <immintrin.h>

#define CHUNK 64
#define MOST_BYTES 8 /* of an element */

typedef void chunk_map(void *out, const void *a, const void *b);

/* Two arrays of elements of `size` bytes, and room for a chunk of each. */
struct pairs {
    size_t size, out_size;
    const char *a, *b;
    size_t a_step, b_step;
    char *some_a, *some_b;
};

/* Chunks, and the last elements in one of their own. */
static void map_pairs(chunk_map *chunk, const struct pairs *pairs, char *out, size_t count) {
    const char *a = pairs->a, *b = pairs->b;
    const size_t a_bytes = pairs->a_step * CHUNK * pairs->size, b_bytes = pairs->b_step * CHUNK * pairs->size;
    char results[CHUNK * MOST_BYTES];
    for (; count >= CHUNK; count -= CHUNK, a += a_bytes, b += b_bytes, out += CHUNK * pairs->out_size)
        chunk(out, a, b);
    if (count == 0)
        return;
    a = a_bytes ? memcpy(pairs->some_a, a, count * pairs->size) : a;
    b = b_bytes ? memcpy(pairs->some_b, b, count * pairs->size) : b;
    chunk(results, a, b);
    memcpy(out, results, count * pairs->out_size);
}

/* What repeats is spread over a chunk. */
#define PAIR_MAP(NAME, T, OUT)                                                                            \
    static void NAME(void *out, const void *a, size_t a_step, const void *b, size_t b_step, size_t count, \
                     const void *context) {                                                               \
        T some_a[CHUNK], some_b[CHUNK];                                                                   \
        const T x = *(const T *)a, y = *(const T *)b;                                                     \
        (void)context;                                                                                    \
        for (int i = 0; i < CHUNK; i++)                                                                   \
            some_a[i] = x, some_b[i] = y;                                                                 \
        const struct pairs pairs = {sizeof(T), sizeof(OUT), a_step ? a : some_a, b_step ? b : some_b,     \
                                    a_step,    b_step,      (char *)some_a,      (char *)some_b};         \
        map_pairs(NAME##_chunk, &pairs, out, count);                                                      \
    }
#define SIMPLE_MAP(NAME, T, OUT, EXPRESSION)                            \
    static void NAME##_chunk(void *out, const void *a, const void *b) { \
        SIMD for (int i = 0; i < CHUNK; i++) {                          \
            const T x = ((const T *)a)[i], y = ((const T *)b)[i];       \
            ((OUT *)out)[i] = (OUT)(EXPRESSION);                        \
        }                                                               \
    }                                                                   \
    PAIR_MAP(NAME, T, OUT)
SIMPLE_MAP(multiply_bytes, uint8_t, uint8_t, x *y)
SIMPLE_MAP(multiply_ints, uint32_t, uint32_t, x *y)
SIMPLE_MAP(equal_longs, uint64_t, uint8_t, x == y)

/*
 * In double precision a quotient of 32 bits cannot be rounded to a whole number that it is not; what is no number of 32
 * bits becomes the lowest one.
 */
static void divide_ints_chunk(void *out, const void *a, const void *b) {
#if KERNEL_LEVEL == 2
    for (size_t i = 0; i < CHUNK * sizeof(int32_t); i += sizeof(__m256i)) {
        const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)((const char *)a + i));
        const __m256i y = _mm256_loadu_si256((const __m256i *)(const void *)((const char *)b + i));
        const __m512d quotient = _mm512_div_pd(_mm512_cvtepi32_pd(x), _mm512_cvtepi32_pd(y));
        _mm256_storeu_si256((__m256i *)(void *)((char *)out + i),
                            _mm512_maskz_cvttpd_epi32(_mm256_test_epi32_mask(y, y), quotient));
    }
#else
    for (size_t i = 0; i < CHUNK * sizeof(int32_t); i += sizeof(__m128i)) {
        const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)((const char *)a + i));
        const __m128i y = _mm_loadu_si128((const __m128i *)(const void *)((const char *)b + i));
        const __m256d quotient = _mm256_div_pd(_mm256_cvtepi32_pd(x), _mm256_cvtepi32_pd(y));
        const __m128i by_zero = _mm_cmpeq_epi32(y, _mm_setzero_si128());
        _mm_storeu_si128((__m128i *)(void *)((char *)out + i),
                         _mm_andnot_si128(by_zero, _mm256_cvttpd_epi32(quotient)));
    }
#endif
}
PAIR_MAP(divide_ints, int32_t, int32_t)

const struct pair_kernel LEVEL_NAME(pair_kernel) = {multiply_bytes, multiply_ints, divide_ints, equal_longs};
#else
const struct pair_kernel LEVEL_NAME(pair_kernel) = {NULL, NULL, NULL, NULL};
#endif
