/* SIMD before a loop: its iterations may run side by side. Arrays may be the same one, never partly overlap. */
#ifndef LIMNER_BASE_SIMD_H
#define LIMNER_BASE_SIMD_H

#define SIMD _Pragma("omp simd")
/* The same for loops that add up to SUM. */
#define SIMD_TEXT(TEXT) _Pragma(#TEXT)
#define SIMD_SUM(SUM) SIMD_TEXT(omp simd reduction(+ : SUM))

#ifdef __clang__
/* clang warns where it finds no vector form of a loop, which is no fault. */
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#endif
