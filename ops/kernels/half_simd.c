#include "ops/kernels/half.h"

#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#if KERNEL_LEVEL == 0
const struct half_kernel LEVEL_NAME(half_kernel) = {{NULL, NULL, NULL}, {NULL, NULL, NULL}};
#else

#define INLINE static inline __attribute__((always_inline))

#if KERNEL_LEVEL == 2
typedef __m256i halves;
typedef __m512i words;
#define MM(NAME) _mm512_##NAME
#define AS_WORDS _mm512_castps_si512
#define AS_FLOATS _mm512_castsi512_ps
INLINE halves upper_halves(words x) {
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(x, 16));
}
#else
typedef __m128i halves;
typedef __m256i words;
#define MM(NAME) _mm256_##NAME
#define AS_WORDS _mm256_castps_si256
#define AS_FLOATS _mm256_castsi256_ps
INLINE halves upper_halves(words x) {
    const words upper = _mm256_srli_epi32(x, 16);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(upper, upper), 0xd8));
}
#endif

INLINE vec float16_widen(halves x) {
    return MM(cvtph_ps)(x);
}
INLINE halves float16_narrow(vec x) {
    return MM(cvtps_ph)(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE vec bfloat16_widen(halves x) {
    return AS_FLOATS(MM(slli_epi32)(MM(cvtepu16_epi32)(x), 16));
}

INLINE vec float16_round(vec x) {
    return float16_widen(float16_narrow(x));
}

INLINE vec bfloat16_round(vec x) {
    const vec_bits bits = (vec_bits)AS_WORDS(x);
    const vec_bits rounded = bits + vec_bits_all(0x7fff) + (bits >> 16 & vec_bits_all(1));
    const vec_bits nan = (vec_bits)((bits & vec_bits_all(0x7fffffff)) > vec_bits_all(255u << 23));
    const vec_bits result = (nan & (bits | vec_bits_all(0x400000))) | (~nan & rounded);
    return AS_FLOATS((words)(result & vec_bits_all(0xffff0000u)));
}

INLINE halves bfloat16_narrow(vec x) {
    return upper_halves(AS_WORDS(bfloat16_round(x)));
}

/* Whole vectors, and then the rest in a buffer of one. */
#define LOOP(NAME, IN, OUT, IN_VECTOR, OUT_VECTOR)                  \
    static void NAME##_loop(const IN *in, OUT *out, size_t count) { \
        IN rest[VEC] = {0};                                         \
        IN_VECTOR x;                                                \
        OUT_VECTOR y;                                               \
        size_t i = 0;                                               \
        for (; i + VEC <= count; i += VEC) {                        \
            memcpy(&x, in + i, sizeof x);                           \
            y = NAME(x);                                            \
            memcpy(out + i, &y, sizeof y);                          \
        }                                                           \
        if (i == count)                                             \
            return;                                                 \
        memcpy(rest, in + i, (count - i) * sizeof *in);             \
        memcpy(&x, rest, sizeof x);                                 \
        y = NAME(x);                                                \
        memcpy(out + i, &y, (count - i) * sizeof *out);             \
    }
#define TYPE_LOOPS(TYPE)                              \
    LOOP(TYPE##_widen, uint16_t, float, halves, vec)  \
    LOOP(TYPE##_narrow, float, uint16_t, vec, halves) \
    LOOP(TYPE##_round, float, float, vec, vec)
TYPE_LOOPS(float16)
TYPE_LOOPS(bfloat16)

#define ENTRY(TYPE) .TYPE = {TYPE##_widen_loop, TYPE##_narrow_loop, TYPE##_round_loop}
const struct half_kernel LEVEL_NAME(half_kernel) = {ENTRY(float16), ENTRY(bfloat16)};
#endif
