#include "ops/matmul/contraction_tiles.h"

#include "base/sizes.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"
#include "ops/matmul/tile_product.h"

#include <string.h>

int64_t contraction_own_floats(const struct op_call *call, const struct contraction_form *form) {
    return TILE_SCRATCH_FLOATS + TILE_ROWS * (form->groups[DEPTH].count +
                                              tile_columns(call->kernels->gemm, form->groups[COLUMNS_OF_C].count));
}

static int64_t packed_floats(const struct contraction_work *work) {
    return tile_columns(work->call->kernels->gemm, work->form->groups[COLUMNS_OF_C].count) *
           work->form->groups[DEPTH].count;
}

/* A tile whose numbers lie anyhow. */
static void pack_scattered(const struct contraction_work *work, const float *b, int64_t column0, int64_t count,
                           float *tile) {
    const int64_t width = work->call->kernels->gemm->columns;
    for (int64_t k = 0; k < work->form->groups[DEPTH].count; k++)
        for (int64_t j = 0; j < width; j++)
            tile[k * width + j] = j < count ? b[work->tables.depth_b[k] + work->tables.column_b[column0 + j]] : 0;
}

void contraction_pack_tiles(void *context, int64_t first, int64_t end) {
    const struct contraction_work *work = context;
    const struct contraction_dims *groups = work->form->groups;
    const int64_t width = work->call->kernels->gemm->columns, tiles = divide_up(groups[COLUMNS_OF_C].count, width);
    int64_t depth_stride, column_stride;
    for (int64_t item = first; item < end; item++) {
        const int64_t column0 = item % tiles * width, count = at_most(groups[COLUMNS_OF_C].count - column0, width);
        const float *b = (const float *)work->b + contraction_place(&groups[BATCH], B, item / tiles);
        float *tile = work->tables.packed + item / tiles * packed_floats(work) + column0 * groups[DEPTH].count;
        if (contraction_is_even(&groups[DEPTH], B, &depth_stride) &&
            contraction_is_even(&groups[COLUMNS_OF_C], B, &column_stride))
            tile_pack(work->call->kernels,
                      &(struct tile_source){b + column0 * column_stride, depth_stride, column_stride,
                                            groups[DEPTH].count, count},
                      0, groups[DEPTH].count, tile);
        else
            pack_scattered(work, b, column0, count, tile);
    }
}

/* Rows of a, each side by side: where they are already, or else taken. */
static const float *take_rows(const struct contraction_work *work, int64_t batch, int64_t row0, int64_t rows,
                              float *taken, int64_t *stride) {
    const struct contraction_dims *groups = work->form->groups;
    const float *a = (const float *)work->a + contraction_place(&groups[BATCH], A, batch);
    const int64_t depth = groups[DEPTH].count;
    int64_t depth_stride;
    const bool even =
        contraction_is_even(&groups[DEPTH], A, &depth_stride) && contraction_is_even(&groups[ROWS], A, stride);
    if (even && depth_stride == 1)
        return a + row0 * *stride;
    if (even && *stride == 1 && depth_stride > 0) {
        row_kernel_of(work->call->kernels)
            ->turn(a + row0, (size_t)depth_stride, (size_t)depth, (size_t)rows, taken, (size_t)depth);
    } else {
        for (int64_t r = 0; r < rows; r++) {
            const float *row = a + contraction_place(&groups[ROWS], A, row0 + r);
            for (int64_t k = 0; k < depth; k++)
                taken[r * depth + k] = row[work->tables.depth_a[k]];
        }
    }
    *stride = depth;
    return taken;
}

/* Sums of some columns. */
struct given {
    const float *sums;
    int64_t stride, first, count;
};

/* Sums of some rows go to where they belong. */
static void give_rows(const struct contraction_work *work, int64_t batch, int64_t row0, int64_t rows,
                      const struct given *given) {
    const struct contraction_dims *groups = work->form->groups;
    float *c = (float *)work->c + contraction_place(&groups[BATCH], C, batch);
    int64_t column_stride, row_stride;
    const bool even = contraction_is_even(&groups[COLUMNS_OF_C], C, &column_stride);
    if (even && column_stride > 1 && contraction_is_even(&groups[ROWS], C, &row_stride) && row_stride == 1) {
        row_kernel_of(work->call->kernels)
            ->turn(given->sums, (size_t)given->stride, (size_t)rows, (size_t)given->count,
                   c + row0 + given->first * column_stride, (size_t)column_stride);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        float *row = c + contraction_place(&groups[ROWS], C, row0 + r);
        const float *sums = given->sums + r * given->stride;
        if (even && column_stride == 1)
            memcpy(row + given->first, sums, (size_t)given->count * sizeof *row);
        else
            for (int64_t j = 0; j < given->count; j++)
                row[work->tables.column_c[given->first + j]] = sums[j];
    }
}

/* Columns that can be written where they belong: whole tiles of rows that lie evenly, with their columns side by side.
 */
static int64_t columns_in_place(const struct contraction_work *work, int64_t *row_stride) {
    const struct contraction_dims *groups = work->form->groups;
    const int64_t columns = groups[COLUMNS_OF_C].count;
    int64_t column_stride;
    const bool even = contraction_is_even(&groups[COLUMNS_OF_C], C, &column_stride) &&
                      contraction_is_even(&groups[ROWS], C, row_stride);
    return even && column_stride == 1
               ? columns / work->call->kernels->gemm->columns * work->call->kernels->gemm->columns
               : 0;
}

static void run_rows(const struct contraction_work *work, int64_t batch, int64_t row0, int64_t rows, float *own) {
    const struct contraction_dims *groups = work->form->groups;
    const int64_t depth = groups[DEPTH].count, columns = groups[COLUMNS_OF_C].count;
    float *taken = own + TILE_SCRATCH_FLOATS, *sums = taken + TILE_ROWS * depth;
    int64_t a_stride, c_stride = 0;
    const float *a = take_rows(work, batch, row0, rows, taken, &a_stride);
    const int64_t in_place = columns_in_place(work, &c_stride);
    float *c =
        (float *)work->c + contraction_place(&groups[BATCH], C, batch) + contraction_place(&groups[ROWS], C, row0);
    struct tile_rows part = {.a = a, .a_stride = a_stride, .rows = rows, .depth = depth, .first = true};
    for (int64_t column = 0; column < columns; column += part.columns) {
        const bool there = column < in_place;
        part.columns = there ? in_place : columns - column;
        part.c_stride = there ? c_stride : tile_columns(work->call->kernels->gemm, part.columns);
        part.c = there ? c : sums;
        tile_product(work->call->kernels, &part,
                     &(struct tile_matrix){work->tables.packed + batch * packed_floats(work) + column * depth, depth,
                                           part.columns},
                     own);
        if (!there)
            give_rows(work, batch, row0, rows, &(struct given){sums, part.c_stride, column, part.columns});
    }
}

void contraction_run_tiles(struct team_thread self, void *context) {
    const struct contraction_work *work = context;
    const struct contraction_dims *groups = work->form->groups;
    const struct team_range range = team_range_of(self, groups[BATCH].count * work->blocks);
    float *own = (float *)(void *)(work->call->own + (size_t)self.index * work->call->own_stride);
    for (int64_t item = range.first; item < range.end; item++) {
        const int64_t row0 = item % work->blocks * TILE_ROWS;
        run_rows(work, item / work->blocks, row0, at_most(groups[ROWS].count - row0, TILE_ROWS), own);
    }
}
