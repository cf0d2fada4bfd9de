/* The matrix core: a tile of up to MAX_ROWS rows by VECTORS registers, held in registers over the whole depth. */
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#if KERNEL_LEVEL == 2
#define MAX_ROWS 14
#define NAME "avx512-14x32"
#elif KERNEL_LEVEL == 1
#define MAX_ROWS 6
#define NAME "avx2-6x16"
#else
#define MAX_ROWS 6
#define NAME "portable-6x8"
#endif
#define VECTORS 2
#define COLUMNS (VECTORS * VEC)

/* Inlined with a constant number of rows, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void tile_rows(const int rows, size_t depth, const float *restrict a,
                                                            const float *restrict b, const float *bias, float *c,
                                                            size_t c_stride) {
    vec sums[MAX_ROWS][VECTORS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
            sums[r][v] = bias ? vec_all(bias[r]) : (vec){0};

    for (size_t k = 0; k < depth; k++, a += rows, b += COLUMNS) {
        vec columns[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
            columns[v] = vec_load(b + (size_t)v * VEC);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            const vec row = vec_all(a[r]);
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                sums[r][v] = vec_fma(row, columns[v], sums[r][v]);
        }
    }

#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
            float *place = c + (size_t)r * c_stride + (size_t)v * VEC;
            if (!bias)
                sums[r][v] = sums[r][v] + vec_load(place);
            vec_store(place, sums[r][v]);
        }
}

#define CASE(r)                                       \
    case r:                                           \
        tile_rows(r, depth, a, b, bias, c, c_stride); \
        break;

static void tile(int rows, size_t depth, const float *a, const float *b, const float *bias, float *c, size_t c_stride) {
    switch (rows) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
#if MAX_ROWS > 6
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
        CASE(13)
        CASE(14)
#endif
    default:
        break;
    }
}

static void line(size_t depth, const float *a, const float *b, size_t b_stride, bool first, float *c) {
    vec sums[GEMM_LINE * VECTORS] = {{0}};
    for (size_t k = 0; k < depth; k++, b += COLUMNS)
#pragma GCC unroll 8
        for (int i = 0; i < GEMM_LINE * VECTORS; i++)
            sums[i] =
                vec_fma(vec_all(a[k]), vec_load(b + (size_t)(i / VECTORS) * b_stride + i % VECTORS * VEC), sums[i]);
#pragma GCC unroll 8
    for (int i = 0; i < GEMM_LINE * VECTORS; i++) {
        if (!first)
            sums[i] = sums[i] + vec_load(c + i * VEC);
        vec_store(c + i * VEC, sums[i]);
    }
}

const struct gemm_kernel LEVEL_NAME(gemm_kernel) = {NAME, MAX_ROWS, COLUMNS, tile, line};
