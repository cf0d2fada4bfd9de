/* Reductions of rows and columns: the contracts are in reduce.h. */
#include "ops/kernels/reduce.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#include <math.h>
#include <stdbool.h>

#define INLINE static inline __attribute__((always_inline))
#define PARTS 4   /* vectors that do not wait for each other */
#define SIDE 4    /* rows side by side, */
#define SHORT 256 /* where they have at most so many numbers */

/* ---- sums and products ---- */

typedef uint64_t word_vec __attribute__((vector_size(sizeof(double_vec))));

#define JOINED(KIND, A, B) ((KIND) == REDUCE_PRODUCT ? (A) * (B) : (A) + (B))

INLINE double_vec doubles_of(const enum reduce_kind kind, const float *x) {
    const double_vec wide = doubles_from_floats(x);
    if (kind == REDUCE_ABSOLUTES)
        return (double_vec)((word_vec)wide & ~((word_vec){0} + (1ull << 63)));
    return kind == REDUCE_SQUARES ? wide * wide : wide;
}

INLINE double one_of(const enum reduce_kind kind, float x) {
    const double wide = (double)x;
    return kind == REDUCE_ABSOLUTES ? __builtin_fabs(wide) : kind == REDUCE_SQUARES ? wide * wide : wide;
}

/* All lanes. */
INLINE double across(const enum reduce_kind kind, double_vec all) {
#if KERNEL_LEVEL == 2
    const __m256d four = JOINED(kind, _mm512_castpd512_pd256((__m512d)all), _mm512_extractf64x4_pd((__m512d)all, 1));
#elif KERNEL_LEVEL == 1
    const __m256d four = (__m256d)all;
#endif
#if KERNEL_LEVEL > 0
    const __m128d two = JOINED(kind, _mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
#else
    const double_vec two = all;
#endif
    return JOINED(kind, two[0], two[1]);
}

INLINE double add_row(const enum reduce_kind kind, const float *x, size_t count) {
    const double empty = kind == REDUCE_PRODUCT;
    double_vec parts[PARTS];
    double rest = empty;
    size_t i = 0;
    for (int p = 0; p < PARTS; p++)
        parts[p] = empty - (double_vec){0};
    for (; count - i >= PARTS * DOUBLES; i += PARTS * DOUBLES)
#pragma GCC unroll 4
        for (int p = 0; p < PARTS; p++)
            parts[p] = JOINED(kind, parts[p], doubles_of(kind, x + i + DOUBLES * p));
    for (; count - i >= DOUBLES; i += DOUBLES)
        parts[0] = JOINED(kind, parts[0], doubles_of(kind, x + i));
#pragma GCC unroll 1
    for (; i < count; i++)
        rest = JOINED(kind, rest, one_of(kind, x[i]));
    if (count < DOUBLES)
        return rest;
    const double_vec low = JOINED(kind, parts[0], parts[1]), high = JOINED(kind, parts[2], parts[3]);
    return JOINED(kind, across(kind, JOINED(kind, low, high)), rest);
}

/* Sums of short rows, `rows` <= SIDE of them side by side: a chain for each. */
INLINE void add_short(const float *x, const size_t rows, size_t count, double *accumulators) {
    double_vec sums[SIDE] = {{0}};
    const size_t whole = count - count % DOUBLES;
    for (size_t i = 0; i < whole; i += DOUBLES)
#pragma GCC unroll 4
        for (size_t r = 0; r < rows; r++)
            sums[r] = sums[r] + doubles_from_floats(x + r * count + i);
#pragma GCC unroll 4
    for (size_t r = 0; r < rows; r++) {
        double rest = 0;
#pragma GCC unroll 1
        for (size_t i = whole; i < count; i++)
            rest += (double)x[r * count + i];
        accumulators[r] += whole ? across(REDUCE_SUM, sums[r]) + rest : rest;
    }
}

INLINE void add_rows(const enum reduce_kind kind, const float *x, size_t rows, size_t count, double *accumulators) {
    const bool is_short = kind == REDUCE_SUM && count <= SHORT;
    size_t r = 0;
    for (; is_short && rows - r >= SIDE; r += SIDE)
        add_short(x + r * count, SIDE, count, accumulators + r);
    for (; is_short && r < rows; r++)
        add_short(x + r * count, 1, count, accumulators + r);
    for (; r < rows; r++)
        accumulators[r] = JOINED(kind, accumulators[r], add_row(kind, x + r * count, count));
}

INLINE void add_columns(const enum reduce_kind kind, const float *x, size_t stride, size_t steps, size_t count,
                        double *accumulators) {
    double_vec parts[PARTS];
    size_t i = 0;
    for (; count - i >= PARTS * DOUBLES; i += PARTS * DOUBLES) {
        memcpy(parts, accumulators + i, sizeof parts);
        for (size_t s = 0; s < steps; s++)
#pragma GCC unroll 4
            for (int p = 0; p < PARTS; p++)
                parts[p] = JOINED(kind, parts[p], doubles_of(kind, x + s * stride + i + DOUBLES * p));
        memcpy(accumulators + i, parts, sizeof parts);
    }
    for (; i < count; i++)
#pragma GCC unroll 1
        for (size_t s = 0; s < steps; s++)
            accumulators[i] = JOINED(kind, accumulators[i], one_of(kind, x[s * stride + i]));
}

/* ---- the largest and the smallest ---- */

/* What is smallest is found as the largest with the other sign. */
INLINE vec signed_as(vec x, vec_bits sign) {
    return (vec)((vec_bits)x ^ sign);
}

/* Lanes i and i ^ distance change places; distance is a power of two. */
INLINE vec exchanged(vec x, const int distance) {
#if KERNEL_LEVEL == 2
    return distance == 8   ? _mm512_shuffle_f32x4(x, x, 0x4e)
           : distance == 4 ? _mm512_shuffle_f32x4(x, x, 0xb1)
           : distance == 2 ? _mm512_permute_ps(x, 0x4e)
                           : _mm512_permute_ps(x, 0xb1);
#elif KERNEL_LEVEL == 1
    return distance == 4   ? _mm256_permute2f128_ps(x, x, 1)
           : distance == 2 ? _mm256_permute_ps(x, 0x4e)
                           : _mm256_permute_ps(x, 0xb1);
#else
    return distance == 2 ? (vec){x[2], x[3], x[0], x[1]} : (vec){x[1], x[0], x[3], x[2]};
#endif
}

/* Which lanes of vectors held a NaN. */
#if KERNEL_LEVEL == 2
typedef __mmask16 lanes_seen;
#define UNKNOWN(A, B) _mm512_cmp_ps_mask(A, B, _CMP_UNORD_Q)
#define EITHER(A, B) ((lanes_seen)((A) | (B)))
#define IS_ANY(SEEN) ((SEEN) != 0)
#elif KERNEL_LEVEL == 1
typedef __m256 lanes_seen;
#define UNKNOWN(A, B) _mm256_cmp_ps(A, B, _CMP_UNORD_Q)
#define EITHER(A, B) _mm256_or_ps(A, B)
#define IS_ANY(SEEN) (_mm256_movemask_ps(SEEN) != 0)
#else
typedef vec_bits lanes_seen;
#define UNKNOWN(A, B) ((vec_bits)((A) != (A)) | (vec_bits)((B) != (B)))
#define EITHER(A, B) ((A) | (B))
#define IS_ANY(SEEN) (((SEEN)[0] | (SEEN)[1] | (SEEN)[2] | (SEEN)[3]) != 0)
#endif

/* With the sign, both what is given and what is returned; NaNs are looked for apart from the rest. */
INLINE float extreme_of_row(const float *x, size_t count, vec_bits sign, vec start) {
    vec parts[PARTS] = {start, start, start, start}, some[PARTS];
    lanes_seen seen = UNKNOWN(start, start);
    size_t i = 0;
    for (; count - i >= PARTS * VEC; i += PARTS * VEC) {
#pragma GCC unroll 4
        for (int p = 0; p < PARTS; p++) {
            some[p] = signed_as(vec_load(x + i + p * VEC), sign);
            parts[p] = vec_max(parts[p], some[p]);
        }
        seen = EITHER(seen, EITHER(UNKNOWN(some[0], some[1]), UNKNOWN(some[2], some[3])));
    }
    for (; i < count; i += VEC) {
        /* The last ones once more, or one that is repeated. */
        const size_t at = count - i >= VEC ? i : count - VEC;
        some[0] = signed_as(count >= VEC ? vec_load(x + at) : vec_all(x[i]), sign);
        i -= count >= VEC ? 0 : VEC - 1;
        parts[0] = vec_max(parts[0], some[0]);
        seen = EITHER(seen, UNKNOWN(some[0], some[0]));
    }
    vec all = vec_max(vec_max(parts[0], parts[1]), vec_max(parts[2], parts[3]));
#pragma GCC unroll 4
    for (int distance = VEC / 2; count >= VEC && distance > 0; distance /= 2)
        all = vec_max(all, exchanged(all, distance));
    return IS_ANY(seen) ? NAN : all[0];
}

static void extreme_rows(const float *x, size_t rows, size_t count, double *accumulators, vec_bits sign) {
    for (size_t r = 0; r < rows; r++, x += count) {
        const vec start = signed_as(vec_all((float)accumulators[r]), sign);
        accumulators[r] = (double)signed_as(vec_all(extreme_of_row(x, count, sign, start)), sign)[0];
    }
}

/* The first `count` <= VEC columns. */
INLINE void extreme_part(const float *x, size_t stride, size_t steps, size_t count, double *accumulators,
                         vec_bits sign) {
    float lanes[VEC] = {0};
    for (size_t i = 0; i < count; i++)
        lanes[i] = (float)accumulators[i];
    vec all = signed_as(vec_load(lanes), sign);
    for (size_t s = 0; s < steps; s++, x += stride) {
        if (count < VEC)
            memcpy(lanes, x, count * sizeof *x);
        all = vec_larger(all, signed_as(vec_load(count < VEC ? lanes : x), sign));
    }
    vec_store(lanes, signed_as(all, sign));
    for (size_t i = 0; i < count; i++)
        accumulators[i] = (double)lanes[i];
}

static void extreme_columns(const float *x, size_t stride, size_t steps, size_t count, double *accumulators,
                            vec_bits sign) {
    size_t i = 0;
    for (; count - i >= VEC; i += VEC)
        extreme_part(x + i, stride, steps, VEC, accumulators + i, sign);
    if (i < count)
        extreme_part(x + i, stride, steps, count - i, accumulators + i, sign);
}

/* ---- integers ---- */

#if KERNEL_LEVEL > 0
#if KERNEL_LEVEL == 2
typedef __m512i whole_vec;
#define WHOLE(NAME) _mm512_##NAME
#define LOADED(FROM) _mm512_loadu_si512(FROM)
#define FLIPPED(A, B) _mm512_xor_si512(A, B)
#else
typedef __m256i whole_vec;
#define WHOLE(NAME) _mm256_##NAME
#define LOADED(FROM) _mm256_loadu_si256((const __m256i *)(const void *)(FROM))
#define FLIPPED(A, B) _mm256_xor_si256(A, B)
#endif

/* The larger numbers of `size` bytes, 1 or 4. */
INLINE __m128i larger_four(const int size, __m128i a, __m128i b) {
    return size == 1 ? _mm_max_epi8(a, b) : _mm_max_epi32(a, b);
}

INLINE whole_vec larger_whole(const int size, whole_vec a, whole_vec b) {
    return size == 1 ? WHOLE(max_epi8)(a, b) : WHOLE(max_epi32)(a, b);
}

/* The largest of all lanes, in the first one. */
INLINE __m128i largest_lane(const int size, whole_vec all) {
#if KERNEL_LEVEL == 2
    const __m256i low = _mm512_castsi512_si256(all), high = _mm512_extracti64x4_epi64(all, 1);
    const __m256i eight = size == 1 ? _mm256_max_epi8(low, high) : _mm256_max_epi32(low, high);
#else
    const __m256i eight = all;
#endif
    __m128i four = larger_four(size, _mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    four = larger_four(size, four, _mm_srli_si128(four, 8));
    four = larger_four(size, four, _mm_srli_si128(four, 4));
    if (size == 1) {
        four = larger_four(size, four, _mm_srli_si128(four, 2));
        four = larger_four(size, four, _mm_srli_si128(four, 1));
    }
    return four;
}

/* A row has at least one vector; the last one begins early. */
INLINE void extremes_of(const int size, const char *x, size_t rows, size_t bytes, uint32_t flip, char *accumulators) {
    const __m128i flip_four = size == 1 ? _mm_set1_epi8((char)flip) : _mm_set1_epi32((int)flip);
    const whole_vec flips = WHOLE(broadcastd_epi32)(flip_four);
    for (size_t r = 0; r < rows; r++, x += bytes, accumulators += size) {
        whole_vec a = FLIPPED(LOADED(x + bytes - sizeof a), flips), b = a;
        size_t i = 0;
        for (; bytes - i >= 2 * sizeof a; i += 2 * sizeof a) {
            a = larger_whole(size, a, FLIPPED(LOADED(x + i), flips));
            b = larger_whole(size, b, FLIPPED(LOADED(x + i + sizeof a), flips));
        }
        if (bytes - i >= sizeof a)
            a = larger_whole(size, a, FLIPPED(LOADED(x + i), flips));
        __m128i before = {0};
        memcpy(&before, accumulators, (size_t)size);
        const __m128i all = larger_four(size, largest_lane(size, larger_whole(size, a, b)), before ^ flip_four);
        const __m128i largest = all ^ flip_four;
        memcpy(accumulators, &largest, (size_t)size);
    }
}

#define EXTREMES(NAME, SIZE)                                                                        \
    static void NAME(const void *x, size_t rows, size_t count, uint32_t flip, void *accumulators) { \
        extremes_of(SIZE, x, rows, count *(SIZE), flip, accumulators);                              \
    }
EXTREMES(extreme_bytes, 1)
EXTREMES(extreme_ints, 4)
#else
#define extreme_bytes NULL
#define extreme_ints NULL
#endif

/* ---- by kind ---- */

#define EACH_KIND(ADD, EXTREME, ...)                                                   \
    switch (kind) {                                                                    \
    case REDUCE_NONE:                                                                  \
        break;                                                                         \
    case REDUCE_SUM:                                                                   \
        ADD(REDUCE_SUM, __VA_ARGS__);                                                  \
        break;                                                                         \
    case REDUCE_ABSOLUTES:                                                             \
        ADD(REDUCE_ABSOLUTES, __VA_ARGS__);                                            \
        break;                                                                         \
    case REDUCE_SQUARES:                                                               \
        ADD(REDUCE_SQUARES, __VA_ARGS__);                                              \
        break;                                                                         \
    case REDUCE_PRODUCT:                                                               \
        ADD(REDUCE_PRODUCT, __VA_ARGS__);                                              \
        break;                                                                         \
    case REDUCE_LARGEST:                                                               \
    case REDUCE_SMALLEST:                                                              \
        EXTREME(__VA_ARGS__, vec_bits_all(kind == REDUCE_SMALLEST ? 0x80000000u : 0)); \
        break;                                                                         \
    }

static void reduce_rows(enum reduce_kind kind, const float *x, size_t rows, size_t count, double *accumulators) {
    EACH_KIND(add_rows, extreme_rows, x, rows, count, accumulators)
}

static void reduce_columns(enum reduce_kind kind, const float *x, size_t stride, size_t steps, size_t count,
                           double *accumulators) {
    EACH_KIND(add_columns, extreme_columns, x, stride, steps, count, accumulators)
}

const struct reduce_kernel LEVEL_NAME(reduce_kernel) = {reduce_rows, reduce_columns, extreme_bytes, extreme_ints};
