/* Products with few columns: the contract is in narrow.h. */
#include "ops/kernels/narrow.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#define VECTORS 2
#define COLUMNS (VECTORS * VEC) /* those of struct gemm_kernel */

#if KERNEL_LEVEL == 2
#define DIRECT_ROWS 8
#else
#define DIRECT_ROWS 6
#endif

/* Inlined with constant numbers of rows and vectors. */
static inline __attribute__((always_inline)) void direct_rows(const int rows, const int vectors, size_t depth,
                                                              const float *a, size_t a_stride, const float *b,
                                                              bool first, float *c, size_t c_stride) {
    vec sums[DIRECT_ROWS][VECTORS] = {{{0}}};
    for (size_t k = 0; k < depth; k++, a++, b += COLUMNS) {
        vec columns[VECTORS];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            columns[v] = vec_load(b + (size_t)v * VEC);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            const vec row = vec_all(a[(size_t)r * a_stride]);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                sums[r][v] = vec_fma(row, columns[v], sums[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            float *place = c + (size_t)r * c_stride + (size_t)v * VEC;
            if (!first)
                sums[r][v] = sums[r][v] + vec_load(place);
            vec_store(place, sums[r][v]);
        }
}

static void direct(int rows, int columns, size_t depth, const float *a, size_t a_stride, const float *b, bool first,
                   float *c, size_t c_stride) {
    for (int count; rows > 0; rows -= count, a += (size_t)count * a_stride, c += (size_t)count * c_stride) {
        count = rows >= DIRECT_ROWS ? DIRECT_ROWS : 1;
        if (count == 1)
            direct_rows(1, VECTORS, depth, a, a_stride, b, first, c, c_stride);
        else if (columns <= VEC)
            direct_rows(DIRECT_ROWS, 1, depth, a, a_stride, b, first, c, c_stride);
        else
            direct_rows(DIRECT_ROWS, VECTORS, depth, a, a_stride, b, first, c, c_stride);
    }
}

const struct narrow_kernel LEVEL_NAME(narrow_kernel) = {direct};
