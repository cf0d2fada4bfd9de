#include "ops/kernels/depthwise.h"

#include "ops/kernels/integer_numbers.h"
#include "ops/kernels/tables.h"

#if KERNEL_LEVEL == 2
/* Lines of all rows that begin at number i of them. */
static void fill_lines(const struct depthwise_rows *r, int64_t i, uint8_t *to) {
    const __m512i flips = _mm512_set1_epi8((char)r->flip), borders = _mm512_set1_epi8((char)(r->border ^ r->flip));
    const int64_t first = r->before > i ? r->before - i : 0, end = r->before + r->count - i;
    const __mmask64 from = first < 64 ? ~(uint64_t)0 << first : 0;
    const __mmask64 until = end >= 64 ? ~(uint64_t)0 : end > 0 ? ((uint64_t)1 << end) - 1 : 0;
    for (int64_t row = 0; row < r->rows; row++) {
        const __m512i x = _mm512_mask_loadu_epi8(borders, from & until, r->x + row * r->stride + (i - r->before));
        _mm512_storeu_si512((void *)(to + row * r->width + i), _mm512_xor_si512(x, flips));
    }
}
#endif

static void fill(const struct depthwise_rows *r, uint8_t *to) {
#if KERNEL_LEVEL == 2
    for (int64_t i = 0; i < r->width; i += 64)
        fill_lines(r, i, to);
#else
    for (int64_t row = 0; row < r->rows; row++, to += r->width) {
        const uint8_t *x = r->x + row * r->stride;
        memset(to, r->border, (size_t)r->before);
        for (int64_t i = 0; i < r->count; i++)
            to[r->before + i] = x[i] ^ r->flip;
        memset(to + r->before + r->count, r->border, (size_t)(r->width - r->before - r->count));
    }
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
    vec_bits lane;
    for (int i = 0; i < VEC; i++)
        lane[i] = (uint32_t)i;
    const vec_bits words = (lane >> 2) * (uint32_t)stride + (lane & 3), first = (lane & 3) * (uint32_t)stride;
    const vec_bits pick = bytes ? first * 0x01010101u + 0x03020100u : first | (first + 1) << 16 | 0x80008000u;
    memcpy(&picks->words, &words, sizeof words);
    memcpy(&picks->bytes, &pick, sizeof pick);
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

/* A copy, since bytes that are written might change the original. */
#define PLANE_BODY(BYTES, ADD, KERNEL_ROWS, STEPS)                                                   \
    do {                                                                                             \
        const struct depthwise_plane p = *plane;                                                     \
        const struct target target = target_of(p.zero, p.is_signed);                                 \
        const vec scale = vec_all(p.scale);                                                          \
        struct picks picks;                                                                          \
        FIND_PICKS(BYTES);                                                                           \
        for (int64_t row = 0; row < p.rows; row++)                                                   \
            for (int64_t column = 0; column < p.columns; column += VEC) {                            \
                const uint8_t *x = p.x + row * p.row_stride + column * p.stride;                     \
                ints sums = (ints)vec_bits_all(p.start);                                             \
                for (int64_t k = 0; k < (KERNEL_ROWS); k++, x += p.tap_stride)                       \
                    for (int64_t step = 0; step < (STEPS); step++) {                                 \
                        const ints weight = p.weights[k * (STEPS) + step] - (ints){0};               \
                        sums = ADD(sums, weight, numbers_at(&picks, x + step * (BYTES ? 4 : 2)));    \
                    }                                                                                \
                const vec y = __builtin_convertvector(sums, vec) * scale;                            \
                store_some(p.y + row * p.columns + column, rounded(&target, y), p.columns - column); \
            }                                                                                        \
    } while (0)
#if KERNEL_LEVEL > 0
#define FIND_PICKS(BYTES) find_picks(BYTES, p.stride, &picks)
#else
#define FIND_PICKS(BYTES) picks.stride = p.stride
#endif

#if KERNEL_LEVEL == 2
BYTES_TARGET static void plane_of_bytes(const struct depthwise_plane *plane) {
    if (plane->kernel_rows == 3 && plane->steps == 1)
        PLANE_BODY(true, ADD_BYTES, 3, 1);
    else
        PLANE_BODY(true, ADD_BYTES, p.kernel_rows, p.steps);
}
#endif

static void plane_of(bool bytes, const struct depthwise_plane *plane) {
#if KERNEL_LEVEL == 2
    if (bytes) {
        plane_of_bytes(plane);
        return;
    }
#endif
    (void)bytes;
    PLANE_BODY(false, add_words, p.kernel_rows, p.steps);
}

const struct depthwise_kernel LEVEL_NAME(depthwise_kernel) = {fill, plane_of};
