/* A thin layer over one vector register of floats, chosen by KERNEL_LEVEL at compile time. */
#ifndef LIMNER_OPS_KERNELS_VEC_H
#define LIMNER_OPS_KERNELS_VEC_H

#include "ops/kernels/kernels.h"

#include <string.h>

#if KERNEL_LEVEL == 2
#include <immintrin.h>
#define VEC 16
typedef __m512 vec;
static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}
#elif KERNEL_LEVEL == 1
#include <immintrin.h>
#define VEC 8
typedef __m256 vec;
static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}
#else
#define VEC 4
typedef float vec __attribute__((vector_size(16)));
static inline vec vec_fma(vec a, vec b, vec c) {
    return a * b + c;
}
#endif

/* As many integers, for masks: all bits set where a comparison holds. */
typedef int32_t ivec __attribute__((vector_size(VEC * 4)));

/* Half a register of floats, and as many doubles in a whole one. */
typedef float half_vec __attribute__((vector_size(VEC * 2)));
typedef double double_vec __attribute__((vector_size(VEC * 4)));
#define DOUBLES (VEC / 2)

static inline double_vec doubles_from_floats(const float *p) {
    half_vec v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, double_vec);
}

static inline vec vec_load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vec_store(float *p, vec v) {
    memcpy(p, &v, sizeof v);
}

static inline vec vec_all(float x) {
    return x - (vec){0};
}

/* a where the mask is set, b elsewhere. */
static inline vec vec_select(ivec mask, vec a, vec b) {
    return (vec)(((ivec)a & mask) | ((ivec)b & ~mask));
}

#endif
