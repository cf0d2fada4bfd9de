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

#define ALIASED_STEP 512 /* numbers so far apart, or multiples of it, evict each other from a small cache */
#define ALIASED_ROWS 8   /* that stay there */

/* Rows of a panel, of those that are left: as many as fit, and the last two panels alike where few would be left. */
static int64_t panel_rows(int64_t left, int64_t most) {
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

/* Some of the rows, by columns from `column` on; they are read where they lie. */
struct tile_part {
    const struct tile_rows *rows;
    int64_t row, count, column, depth0, depth;
};

static void multiply_part(const struct gemm_kernel *kernel, const struct tile_part *part, const struct tile_matrix *b) {
    const struct tile_rows *rows = part->rows;
    const int64_t most = rows->a_stride % ALIASED_STEP ? kernel->max_rows : at_most(ALIASED_ROWS, kernel->max_rows);
    const int64_t end = part->row + part->count;
    struct gemm_tile tile = {.adds = !rows->first || part->depth0 > 0,
                             .depth = (size_t)part->depth,
                             .row_step = (size_t)rows->a_stride,
                             .depth_step = (size_t)rows->a_depth,
                             .c_step = (size_t)rows->c_stride};
    for (int64_t column = part->column; column < rows->columns; column += kernel->columns) {
        tile.columns = (int)at_most(rows->columns - column, kernel->columns);
        tile.b = b->packed + column * b->depth + part->depth0 * kernel->columns;
        for (int64_t row = part->row; row < end; row += tile.rows) {
            tile.rows = (int)panel_rows(end - row, most);
            tile.a = rows->a + row * rows->a_stride + part->depth0 * rows->a_depth;
            tile.c = rows->c + row * rows->c_stride + column;
            kernel->tile(&tile);
        }
    }
}

#define SHALLOW_NUMBERS (1 << 13) /* of B: they stay in the smallest cache */

/* A tile of columns stays in the smallest cache while all rows meet it; or else all do, and rows are written in order.
 */
static void multiply(const struct gemm_kernel *kernel, const struct tile_rows *rows, const struct tile_matrix *b,
                     int64_t depth0, int64_t depth) {
    const bool shallow = rows->columns <= SHALLOW_NUMBERS / (depth > 0 ? depth : 1);
    struct tile_part part = {
        .rows = rows, .column = multiply_lines(kernel, rows, b, depth0, depth), .depth0 = depth0, .depth = depth};
    for (; part.row < rows->rows; part.row += part.count) {
        part.count = shallow ? panel_rows(rows->rows - part.row, kernel->max_rows) : rows->rows;
        multiply_part(kernel, &part, b);
    }
}

void tile_product(const struct gemm_kernel *kernel, const struct tile_rows *rows, const struct tile_matrix *b) {
    int64_t depth0 = 0;
    do { /* once even for depth 0: then the sums are zero */
        const int64_t depth = at_most(rows->depth - depth0, GEMM_DEPTH);
        multiply(kernel, rows, b, depth0, depth);
        depth0 += depth;
    } while (depth0 < rows->depth);
}
