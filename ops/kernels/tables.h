/* The table of each instruction set, one per compilation of the *_simd.c files. */
#ifndef LIMNER_OPS_KERNELS_TABLES_H
#define LIMNER_OPS_KERNELS_TABLES_H

#include "ops/kernels/kernels.h"
#include "ops/kernels/math.h"

extern const struct gemm_kernel gemm_kernel_portable, gemm_kernel_avx2, gemm_kernel_avx512;
extern const struct block_kernel block_kernel_portable, block_kernel_avx2, block_kernel_avx512;
extern const struct plane_kernel plane_kernel_portable, plane_kernel_avx2, plane_kernel_avx512;
extern const struct quarter_kernel quarter_kernel_portable, quarter_kernel_avx2, quarter_kernel_avx512;
extern const struct filter_kernel filter_kernel_portable, filter_kernel_avx2, filter_kernel_avx512;
extern const struct math_kernel math_kernel_portable, math_kernel_avx2, math_kernel_avx512;

#define LEVEL_NAME_JOIN(name, level) name##_##level
#if !defined(KERNEL_LEVEL)
#elif KERNEL_LEVEL == 2
#define LEVEL_NAME(name) LEVEL_NAME_JOIN(name, avx512)
#elif KERNEL_LEVEL == 1
#define LEVEL_NAME(name) LEVEL_NAME_JOIN(name, avx2)
#else
#define LEVEL_NAME(name) LEVEL_NAME_JOIN(name, portable)
#endif

#endif
