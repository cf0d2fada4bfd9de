#include "ops/matmul/tile_product.h"

#include "base/unaligned.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"

#include <string.h>

/* A tile of columns whose numbers stand side by side, or one by one. */
static void pack_tile(const struct kernels *kernels, const struct tile_source *source, int64_t column0, int64_t count,
                      float *tile) {
    const struct gemm_kernel *kernel = kernels->gemm;
    const int64_t columns = at_most(source->columns - column0, kernel->columns);
    if (columns < kernel->columns)
        memset(tile, 0, (size_t)(count * kernel->columns) * sizeof *tile);
    for (int64_t k = 0; k < count && source->column_stride == 1; k++)
        memcpy(tile + k * kernel->columns, (const float *)source->b + k * source->depth_stride + column0,
               (size_t)columns * sizeof *tile);
    if (source->column_stride == 1)
        return;
    if (source->depth_stride == 1) {
        row_kernel_of(kernels)->turn((const float *)source->b + column0 * source->column_stride,
                                     (size_t)source->column_stride, (size_t)columns, (size_t)count, tile,
                                     (size_t)kernel->columns);
        return;
    }
    for (int64_t column = 0; column < columns; column++)
        for (int64_t k = 0; k < count; k++)
            tile[k * kernel->columns + column] =
                unaligned_float(source->b, k * source->depth_stride + (column0 + column) * source->column_stride);
}

void tile_pack(const struct kernels *kernels, const struct tile_source *source, int64_t depth0, int64_t count,
               float *packed) {
    for (int64_t column = 0; column < source->columns; column += kernels->gemm->columns)
        pack_tile(kernels, source, column, count, packed + column * source->depth + depth0 * kernels->gemm->columns);
}

/* Rows of a panel at `row`: as many as a tile has, and the last two alike where few would be left. */
static int64_t panel_rows(const struct gemm_kernel *kernel, int64_t rows, int64_t row) {
    const int64_t left = rows - row, most = kernel->max_rows;
    return left > most && left < most + most / 2 ? (left + 1) / 2 : at_most(left, most);
}

/* A single row by tiles side by side; returns the first column that is left. */
static int64_t multiply_lines(const struct gemm_kernel *kernel, const struct tile_rows *rows,
                              const struct tile_matrix *b, int64_t depth0, int64_t depth) {
    const int64_t width = GEMM_LINE * kernel->columns;
    int64_t column = 0;
    for (; rows->rows == 1 && rows->a_depth == 1 && column + width <= rows->columns; column += width)
        kernel->line((size_t)depth, rows->a + depth0, b->packed + column * b->depth + depth0 * kernel->columns,
                     (size_t)(kernel->columns * b->depth), rows->first && depth0 == 0, rows->c + column);
    return column;
}

#define ALIASED_STEP 512 /* numbers so far apart, or multiples of it, evict each other from a small cache */

/* Rows side by side. */
static void pack_rows(const struct kernels *kernels, const struct tile_rows *rows, struct gemm_tile *tile,
                      float *scratch) {
    const size_t count = (size_t)tile->rows;
    if (rows->a_depth == 1)
        row_kernel_of(kernels)->turn(tile->a, (size_t)rows->a_stride, count, tile->depth, scratch, count);
    else
        for (size_t k = 0; k < tile->depth; k++)
            for (size_t r = 0; r < count; r++)
                scratch[k * count + r] = tile->a[(int64_t)r * rows->a_stride + (int64_t)k * rows->a_depth];
    tile->a = scratch;
    tile->row_step = 1;
    tile->depth_step = count;
}

/* Panels of rows, which are read where they lie, or side by side from `scratch`. */
static void multiply(const struct kernels *kernels, const struct tile_rows *rows, const struct tile_matrix *b,
                     int64_t depth0, int64_t depth, float *scratch) {
    const struct gemm_kernel *kernel = kernels->gemm;
    const bool aliased =
        (rows->a_depth == 1 ? rows->a_stride : rows->a_depth) % ALIASED_STEP == 0 && rows->columns > kernel->columns;
    struct gemm_tile tile = {.adds = !rows->first || depth0 > 0,
                             .depth = (size_t)depth,
                             .row_step = (size_t)rows->a_stride,
                             .depth_step = (size_t)rows->a_depth,
                             .c_step = (size_t)rows->c_stride};
    const int64_t first = multiply_lines(kernel, rows, b, depth0, depth);
    for (int64_t row = 0; row < rows->rows && first < rows->columns; row += tile.rows) {
        tile.rows = (int)panel_rows(kernel, rows->rows, row);
        tile.a = rows->a + row * rows->a_stride + depth0 * rows->a_depth;
        if (aliased)
            pack_rows(kernels, rows, &tile, scratch);
        for (int64_t column = first; column < rows->columns; column += kernel->columns) {
            tile.columns = (int)at_most(rows->columns - column, kernel->columns);
            tile.b = b->packed + column * b->depth + depth0 * kernel->columns;
            tile.c = rows->c + row * rows->c_stride + column;
            kernel->tile(&tile);
        }
    }
}

void tile_product(const struct kernels *kernels, const struct tile_rows *rows, const struct tile_matrix *b,
                  float *scratch) {
    int64_t depth0 = 0;
    do { /* once even for depth 0: then the sums are zero */
        const int64_t depth = at_most(rows->depth - depth0, GEMM_DEPTH);
        multiply(kernels, rows, b, depth0, depth, scratch);
        depth0 += depth;
    } while (depth0 < rows->depth);
}
