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

static void multiply(const struct gemm_kernel *kernel, const struct tile_rows *rows, const struct tile_matrix *b,
                     int64_t depth0, int depth, const float *panels) {
    static const float zeros[32];
    const struct gemm_panels cut = gemm_panels(kernel, rows->rows, depth);
    const int64_t line = GEMM_LINE * kernel->columns;
    int64_t column = 0;
    for (; rows->rows == 1 && column + line <= rows->columns; column += line)
        kernel->line((size_t)depth, panels, b->packed + column * b->depth + depth0 * kernel->columns,
                     (size_t)(kernel->columns * b->depth), rows->first && depth0 == 0, rows->c + column);
    for (; column < rows->columns; column += kernel->columns)
        for (int p = 0; p < cut.count; p++) {
            const int64_t row = gemm_panel_row(&cut, p);
            kernel->tile((int)(gemm_panel_row(&cut, p + 1) - row), (size_t)depth, panels + row * depth,
                         b->packed + column * b->depth + depth0 * kernel->columns,
                         rows->first && depth0 == 0 ? zeros : NULL, rows->c + row * rows->c_stride + column,
                         (size_t)rows->c_stride);
        }
}

#define DIRECT_COLUMNS 128 /* with fewer of them, turning rows into panels costs more than it saves */

static void multiply_direct(const struct kernels *kernels, const struct tile_rows *rows, const struct tile_matrix *b,
                            int64_t depth0, int64_t depth) {
    const struct gemm_kernel *kernel = kernels->gemm;
    for (int64_t column = 0; column < rows->columns; column += kernel->columns)
        narrow_kernel_of(kernels)->direct((int)rows->rows, (int)at_most(rows->columns - column, kernel->columns),
                                          (size_t)depth, rows->a + depth0, (size_t)rows->a_stride,
                                          b->packed + column * b->depth + depth0 * kernel->columns,
                                          rows->first && depth0 == 0, rows->c + column, (size_t)rows->c_stride);
}

void tile_product(const struct kernels *kernels, const struct tile_rows *rows, const struct tile_matrix *b,
                  float *scratch) {
    int64_t depth0 = 0;
    do { /* once even for depth 0: then the sums are zero */
        const int depth = (int)at_most(rows->depth - depth0, GEMM_DEPTH);
        if (rows->columns < DIRECT_COLUMNS) {
            multiply_direct(kernels, rows, b, depth0, depth);
            depth0 += depth;
            continue;
        }
        const struct gemm_panels cut = gemm_panels(kernels->gemm, rows->rows, depth);
        for (int p = 0; p < cut.count; p++) {
            const int64_t row = gemm_panel_row(&cut, p);
            const size_t count = (size_t)(gemm_panel_row(&cut, p + 1) - row);
            row_kernel_of(kernels)->turn(rows->a + row * rows->a_stride + depth0, (size_t)rows->a_stride, count,
                                         (size_t)depth, scratch + row * depth, count);
        }
        multiply(kernels->gemm, rows, b, depth0, depth, scratch);
        depth0 += depth;
    } while (depth0 < rows->depth);
}
