#include "ops/kernels/depthwise.h"

#include "ops/kernels/integer_numbers.h"
#include "ops/kernels/tables.h"

static void fill(const uint8_t *x, int64_t count, uint8_t flip, uint8_t border, int64_t before, int64_t width,
                 uint8_t *to) {
#if KERNEL_LEVEL == 2
    const __m512i flips = _mm512_set1_epi8((char)flip), borders = _mm512_set1_epi8((char)(border ^ flip));
    for (int64_t i = 0; i < width; i += 64) {
        const int64_t first = before > i ? before - i : 0, end = before + count - i;
        const __mmask64 from = first < 64 ? ~(uint64_t)0 << first : 0;
        const __mmask64 until = end >= 64 ? ~(uint64_t)0 : end > 0 ? ((uint64_t)1 << end) - 1 : 0;
        const __m512i numbers = _mm512_mask_loadu_epi8(borders, from & until, x + (i - before));
        _mm512_storeu_si512((void *)(to + i), _mm512_xor_si512(numbers, flips));
    }
#else
    memset(to, border, (size_t)before);
    for (int64_t i = 0; i < count; i++)
        to[before + i] = x[i] ^ flip;
    memset(to + before + count, border, (size_t)(width - before - count));
#endif
}

/* How the numbers of a step come from a row: 16 bytes to each four columns, and of those the step's. */
struct picks {
#if KERNEL_LEVEL == 2
    __m512i words, bytes;
#elif KERNEL_LEVEL == 1
    __m256i words, bytes;
#else
    int stride;
#endif
};

#if KERNEL_LEVEL > 0
INLINE void find_picks(const bool bytes, int stride, struct picks *picks) {
    uint32_t words[VEC];
    uint8_t each[4 * VEC];
    for (int i = 0; i < VEC; i++) {
        words[i] = (uint32_t)(i / 4 * stride + i % 4);
        for (int j = 0; j < 4; j++)
            each[4 * i + j] = (uint8_t)(bytes ? i % 4 * stride + j : j % 2 ? 0x80 : i % 4 * stride + j / 2);
    }
    memcpy(&picks->words, words, sizeof words);
    memcpy(&picks->bytes, each, sizeof each);
}
#endif

INLINE ints numbers_at(const struct picks *picks, const uint8_t *x) {
#if KERNEL_LEVEL == 2
    const __m512i spread = _mm512_permutexvar_epi32(picks->words, _mm512_loadu_si512((const void *)x));
    return (ints)_mm512_shuffle_epi8(spread, picks->bytes);
#elif KERNEL_LEVEL == 1
    const __m256i spread = _mm256_permutevar8x32_epi32(_mm256_loadu_si256((const void *)x), picks->words);
    return (ints)_mm256_shuffle_epi8(spread, picks->bytes);
#else
    ints numbers;
    for (int i = 0; i < VEC; i++)
        numbers[i] = x[i * picks->stride] | x[i * picks->stride + 1] << 16;
    return numbers;
#endif
}

/* The first `count` of a vector. */
INLINE void store_some(uint8_t *y, ints v, int64_t count) {
#if KERNEL_LEVEL == 2
    const __mmask16 some = (__mmask16)(count >= VEC ? 0xffff : (1 << count) - 1);
    _mm_mask_storeu_epi8(y, some, _mm512_cvtepi32_epi8((__m512i)v));
#else
    uint8_t all[VEC];
    small_store(all, v);
    memcpy(y, all, (size_t)(count < VEC ? count : VEC));
#endif
}

#define PLANE_BODY(BYTES, ADD)                                                                                 \
    do {                                                                                                       \
        const struct target target = target_of(p->zero, p->is_signed);                                         \
        const vec scale = vec_all(p->scale);                                                                   \
        struct picks picks;                                                                                    \
        FIND_PICKS(BYTES);                                                                                     \
        for (int64_t row = 0; row < p->rows; row++)                                                            \
            for (int64_t column = 0; column < p->columns; column += VEC) {                                     \
                const uint8_t *x = p->x + row * p->row_stride + column * p->stride;                            \
                const int32_t *weights = p->weights;                                                           \
                ints sums = (ints)vec_bits_all(p->start);                                                      \
                for (int64_t k = 0; k < p->kernel_rows; k++, x += p->tap_stride)                               \
                    for (int64_t step = 0; step < p->steps; step++) {                                          \
                        const ints weight = *weights++ - (ints){0};                                            \
                        sums = ADD(sums, weight, numbers_at(&picks, x + step * (BYTES ? 4 : 2)));              \
                    }                                                                                          \
                const vec y = __builtin_convertvector(sums, vec) * scale;                                      \
                store_some(p->y + row * p->columns + column, rounded(y, target.zero, target.low, target.high), \
                           p->columns - column);                                                               \
            }                                                                                                  \
    } while (0)
#if KERNEL_LEVEL > 0
#define FIND_PICKS(BYTES) find_picks(BYTES, p->stride, &picks)
#else
#define FIND_PICKS(BYTES) picks.stride = p->stride
#endif

#if KERNEL_LEVEL == 2
BYTES_TARGET static void plane_of_bytes(const struct depthwise_plane *p) {
    PLANE_BODY(true, ADD_BYTES);
}
#endif

static void plane(bool bytes, const struct depthwise_plane *p) {
#if KERNEL_LEVEL == 2
    if (bytes) {
        plane_of_bytes(p);
        return;
    }
#endif
    (void)bytes;
    PLANE_BODY(false, add_words);
}

const struct depthwise_kernel LEVEL_NAME(depthwise_kernel) = {fill, plane};
