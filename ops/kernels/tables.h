/* The table of each instruction set, one per compilation of the *_simd.c files. */
#ifndef LIMNER_OPS_KERNELS_TABLES_H
#define LIMNER_OPS_KERNELS_TABLES_H

#include "ops/kernels/bits.h"
#include "ops/kernels/cast.h"
#include "ops/kernels/depthwise.h"
#include "ops/kernels/fft.h"
#include "ops/kernels/half.h"
#include "ops/kernels/integer.h"
#include "ops/kernels/kernels.h"
#include "ops/kernels/math.h"
#include "ops/kernels/pairs.h"
#include "ops/kernels/pixels.h"
#include "ops/kernels/planes.h"
#include "ops/kernels/pool.h"
#include "ops/kernels/reduce.h"
#include "ops/kernels/resize.h"
#include "ops/kernels/rows.h"

extern const struct gemm_kernel gemm_kernel_portable, gemm_kernel_avx2, gemm_kernel_avx512;
extern const struct block_kernel block_kernel_portable, block_kernel_avx2, block_kernel_avx512;
extern const struct grouped_kernel grouped_kernel_portable, grouped_kernel_avx2, grouped_kernel_avx512;
extern const struct few_outputs_kernel few_outputs_kernel_portable, few_outputs_kernel_avx2, few_outputs_kernel_avx512;
extern const struct strassen_kernel strassen_kernel_portable, strassen_kernel_avx2, strassen_kernel_avx512;
extern const struct winograd_kernel winograd_kernel_portable, winograd_kernel_avx2, winograd_kernel_avx512;
extern const struct math_kernel math_kernel_portable, math_kernel_avx2, math_kernel_avx512;
extern const struct pixel_kernel pixel_kernel_portable, pixel_kernel_avx2, pixel_kernel_avx512;
extern const struct pair_kernel pair_kernel_portable, pair_kernel_avx2, pair_kernel_avx512;
extern const struct pool_kernel pool_kernel_portable, pool_kernel_avx2, pool_kernel_avx512;
extern const struct resize_kernel resize_kernel_portable, resize_kernel_avx2, resize_kernel_avx512;
extern const struct half_kernel half_kernel_portable, half_kernel_avx2, half_kernel_avx512;
extern const struct integer_kernel integer_kernel_portable, integer_kernel_avx2, integer_kernel_avx512;
extern const struct cast_kernel cast_kernel_portable, cast_kernel_avx2, cast_kernel_avx512;
extern const struct bits_kernel bits_kernel_portable, bits_kernel_avx2, bits_kernel_avx512;
extern const struct depthwise_kernel depthwise_kernel_portable, depthwise_kernel_avx2, depthwise_kernel_avx512;
extern const struct fft_kernel fft_kernel_portable, fft_kernel_avx2, fft_kernel_avx512;
extern const struct planes_kernel planes_kernel_portable, planes_kernel_avx2, planes_kernel_avx512;
extern const struct reduce_kernel reduce_kernel_portable, reduce_kernel_avx2, reduce_kernel_avx512;
extern const struct row_kernel row_kernel_portable, row_kernel_avx2, row_kernel_avx512;

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
