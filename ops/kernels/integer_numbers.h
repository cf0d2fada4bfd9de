/* Vectors of whole numbers, and 8-bit ones from and to them, for kernels that are compiled for one instruction set. */
#ifndef LIMNER_OPS_KERNELS_INTEGER_NUMBERS_H
#define LIMNER_OPS_KERNELS_INTEGER_NUMBERS_H

#include "ops/kernels/vec.h"

#include <stdbool.h>

#define INLINE static inline __attribute__((always_inline))

#if KERNEL_LEVEL == 2
#define BYTES_TARGET __attribute__((target("avx512vnni")))
/* sums + the products of four bytes of each word, of `x` without a sign and of `weights` with one. */
#define ADD_BYTES(sums, weights, x) (ints) _mm512_dpbusd_epi32((__m512i)(sums), (__m512i)(x), (__m512i)(weights))
#endif

#if defined(__SSE2__) && KERNEL_LEVEL == 0
#include <emmintrin.h>
#endif

typedef int32_t ints __attribute__((vector_size(VEC * sizeof(int32_t))));
typedef int8_t small_ints __attribute__((vector_size(VEC)));
typedef uint8_t small_naturals __attribute__((vector_size(VEC)));

/* Sums of the products of pairs of words. */
INLINE ints pairs(ints a, ints b) {
#if KERNEL_LEVEL == 2
    return (ints)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif KERNEL_LEVEL == 1
    return (ints)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (ints)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    return (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16);
#endif
}

INLINE ints add_words(ints sum, ints left, ints right) {
    return (ints)((vec_bits)sum + (vec_bits)pairs(left, right));
}

INLINE ints ints_at(const void *p) {
    ints v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE vec_bits naturals_at(const void *p) {
#if KERNEL_LEVEL == 2
    return (vec_bits)_mm512_cvtepu8_epi32(_mm_loadu_si128(p));
#elif KERNEL_LEVEL == 1
    return (vec_bits)_mm256_cvtepu8_epi32(_mm_loadl_epi64(p));
#else
    small_naturals small;
    memcpy(&small, p, sizeof small);
    return __builtin_convertvector(small, vec_bits);
#endif
}

/* What 8-bit integers are made of: the ends before the zero point is added, and what makes an integer of a sum's bits.
 */
struct target {
    vec low, high;
    vec_bits add;
};

INLINE struct target target_of(float zero, bool is_signed) {
    return (struct target){vec_all((float)(is_signed ? -128 : 0) - zero),
                           vec_all((float)(is_signed ? 127 : 255) - zero),
                           vec_bits_all((uint32_t)(int32_t)zero) - (vec_bits)vec_all(VEC_ROUND)};
}

/* Whole numbers of 8 bits, from any. */
INLINE ints rounded(const struct target *target, vec x) {
    const vec near = vec_min(vec_max(x, target->low), target->high);
    return (ints)((vec_bits)(near + vec_all(VEC_ROUND)) + target->add);
}

/* The low bytes. */
INLINE void small_store(uint8_t *y, ints v) {
#if KERNEL_LEVEL == 2
    _mm_storeu_si128((void *)y, _mm512_cvtepi32_epi8((__m512i)v));
#elif KERNEL_LEVEL == 1
    const __m256i low = _mm256_shuffle_epi8((__m256i)v, _mm256_set1_epi32(0x0c080400));
    _mm_storel_epi64((void *)y, _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
#else
    const small_ints small = __builtin_convertvector(v, small_ints);
    memcpy(y, &small, sizeof small);
#endif
}

INLINE void small_from(const struct target *target, vec x, void *y) {
    small_store(y, rounded(target, x));
}

#endif
