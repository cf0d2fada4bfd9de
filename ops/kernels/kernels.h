/*
 * The inner loops: raw pointers and sizes, one thread, no allocation, no tensors. One table per instruction set, filled
 * with portable C, then AVX2+FMA, then AVX-512. docs/kernels.md is the contract.
 */
#ifndef LIMNER_OPS_KERNELS_KERNELS_H
#define LIMNER_OPS_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cpu_level { CPU_PORTABLE = 0, CPU_AVX2 = 1, CPU_AVX512 = 2, CPU_LEVELS = 3 };

/*
 * Matrix product on packed panels.
 *   a: panel of `rows` <= max_rows rows, packed as [depth][rows]
 *   b: panel of `columns` columns (always the full tile width, zero-filled), packed as [depth][columns], 64-byte
 * aligned c: [rows][columns] with row stride c_stride (elements) c = bias + a.b when bias is not NULL (bias[row] starts
 * every sum), else c += a.b. Every element is one chain of fused multiply-adds in the order of depth, whatever rows is.
 */
struct gemm_kernel {
    const char *name;
    int max_rows, columns;
    void (*tile)(int rows, size_t depth, const float *a, const float *b, const float *bias, float *c, size_t c_stride);
};

/*
 * Minimal filtering F(m, r): m outputs of an r-tap filter from m + r - 1 products. The transforms of one dimension, on
 * blocks of `columns` floats (the gemm tile's width), one block per point. Strides are in floats.
 */
enum filter_kind { FILTER_ONE, FILTER_2_2, FILTER_4_2, FILTER_2_3, FILTER_4_3, FILTER_KINDS };

struct filter_kernel {
    /* points -> points: destination point i = sum of BT[i][j] * source point j */
    void (*input)(enum filter_kind kind, const float *source, size_t source_stride, float *destination,
                  size_t destination_stride);
    /* points -> m outputs: destination i = sum of AT[i][j] * source point j */
    void (*output)(enum filter_kind kind, const float *source, size_t source_stride, float *destination,
                   size_t destination_stride);
    /* destination[i] = source[i * step] */
    void (*gather)(float *destination, const float *source, int count, int64_t step);
    /* destination[i * step] = source[i] */
    void (*scatter)(float *destination, const float *source, int count, int64_t step);
    /* A line dealt out to `ways` (1, 2 or 4) rows of count: destination[w * stride + i] = line[i * ways + w]. */
    void (*deal)(float *destination, size_t stride, const float *line, int ways, int count);
    /* And back: line[i * ways + w] = source[w * stride + i]. */
    void (*collect)(float *line, const float *source, size_t stride, int ways, int count);
};

struct kernels {
    enum cpu_level level;
    const char *name; /* "portable", "avx2", "avx512" */
    const struct gemm_kernel *gemm;
    const struct filter_kernel *filter; /* NULL: direct sums only */
    const struct math_kernel *math;     /* ops/kernels/math.h */
};

/* Best level that this processor and system can run. */
enum cpu_level cpu_best(void);
/* The table of a level; NULL when this processor cannot run it or it was not built. */
const struct kernels *kernels_get(enum cpu_level level);
/* The same without the algorithms that save products and round a little more. */
const struct kernels *kernels_exact(enum cpu_level level);
/* "portable", "avx2", "avx512" -> level; -1 for anything else. */
int cpu_level_parse(const char *name);

#endif
