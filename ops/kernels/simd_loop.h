/* SIMD before a loop: its iterations may run side by side. (Kernels include nothing from other floors: base/simd.h is
 * for the rest.) */
#ifndef LIMNER_OPS_KERNELS_SIMD_LOOP_H
#define LIMNER_OPS_KERNELS_SIMD_LOOP_H

#ifdef __clang__
#define SIMD _Pragma("clang loop vectorize(assume_safety)")
#else
#define SIMD _Pragma("GCC ivdep")
#endif

#endif
