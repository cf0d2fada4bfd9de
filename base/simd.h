/* SIMD before a loop: its iterations may run side by side. Arrays may be the same one, never partly overlap. */
#ifndef LIMNER_BASE_SIMD_H
#define LIMNER_BASE_SIMD_H

#define SIMD _Pragma("omp simd")
/* The same for a loop that adds up, or looks for extremes: SIMD_REDUCE(reduction(+ : sum)). */
#define SIMD_REDUCE(...) SIMD_WITH(omp simd __VA_ARGS__)
#define SIMD_WITH(...) _Pragma(#__VA_ARGS__)

#ifdef __clang__
/* clang warns where it finds no vector form of a loop, which is no fault. */
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#endif
