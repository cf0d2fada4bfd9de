#include "ops/matmul/gemm.h"

#include "base/sizes.h"
#include "base/unaligned.h"
#include "ops/core/work_queue.h"

#include <string.h>

#define COLUMN_BLOCK 256 /* columns of a block: with GEMM_DEPTH, half of a small L2 */
#define ROW_BLOCK 256

struct gemm_panels gemm_panels(const struct gemm_kernel *kernel, int64_t rows, int64_t depth) {
    return (struct gemm_panels){rows, depth, (int)((rows + kernel->max_rows - 1) / kernel->max_rows)};
}

void gemm_pack_panels(const struct gemm_panels *panels, const void *source, int64_t row_stride, int64_t depth_stride,
                      float *packed) {
    for (int panel = 0; panel < panels->count; panel++) {
        const int64_t first = gemm_panel_row(panels, panel), rows = gemm_panel_row(panels, panel + 1) - first;
        float *destination = packed + first * panels->depth;
        for (int64_t k = 0; k < panels->depth; k++)
            for (int64_t r = 0; r < rows; r++)
                *destination++ = unaligned_float(source, (first + r) * row_stride + k * depth_stride);
    }
}

/* Large blocks, halved until there are some for every thread to balance with. */
static struct gemm_blocking blocking_for(const struct gemm_batch *batch) {
    const int64_t rows = batch->largest_rows, columns = batch->largest_columns;
    const int64_t unit = batch->kernel->columns;
    struct gemm_blocking blocking = {even_block(rows, ROW_BLOCK, 1), even_block(columns, COLUMN_BLOCK, unit)};
    const int64_t wanted = batch->threads > 1 ? (int64_t)batch->threads * 4 : 1;
    while (batch->job_count * divide_up(rows, blocking.row_block) * divide_up(columns, blocking.column_block) <
           wanted) {
        if (blocking.row_block > 4 * batch->kernel->max_rows)
            blocking.row_block = divide_up(blocking.row_block, 2);
        else if (blocking.column_block > 2 * unit)
            blocking.column_block = whole_units(divide_up(blocking.column_block, 2), unit);
        else
            break;
    }
    return blocking;
}

static size_t fetched_floats(const struct gemm_kernel *kernel) {
    return (size_t)GEMM_DEPTH * (size_t)(COLUMN_BLOCK + kernel->columns);
}

static size_t sums_floats(const struct gemm_kernel *kernel) {
    return (size_t)(ROW_BLOCK + kernel->max_rows) * (size_t)(COLUMN_BLOCK + kernel->columns);
}

size_t gemm_workspace_bytes(const struct gemm_kernel *kernel, int threads) {
    return (size_t)threads * (fetched_floats(kernel) + sums_floats(kernel)) * sizeof(float);
}

/* The panels whose first row lies in a block of rows. */
static int first_panel_at(const struct gemm_panels *panels, int64_t row) {
    int panel = (int)(row * panels->count / panels->rows);
    while (panel < panels->count && gemm_panel_row(panels, panel) < row)
        panel++;
    return panel;
}

struct gemm_block {
    int first_panel, end_panel;
    int64_t row0, column0;
    int columns;
    size_t stride;
};

static void multiply_depth(const struct gemm_kernel *kernel, const struct gemm_job *job, const struct gemm_block *block,
                           int64_t depth0, int depth, const float *fetched, float *sums) {
    struct gemm_tile tile = {
        .columns = kernel->columns, .adds = depth0 > 0, .depth = (size_t)depth, .row_step = 1, .c_step = block->stride};
    for (int panel = block->first_panel; panel < block->end_panel; panel++) {
        const int64_t row = gemm_panel_row(&job->panels, panel);
        tile.rows = (int)(gemm_panel_row(&job->panels, panel + 1) - row);
        tile.a = job->packed + row * job->panels.depth + depth0 * tile.rows;
        tile.depth_step = (size_t)tile.rows;
        tile.bias = depth0 == 0 && job->bias ? job->bias + row : NULL;
        for (int column = 0; column < block->columns; column += kernel->columns) {
            tile.b = fetched + (size_t)column * (size_t)depth;
            tile.c = sums + (size_t)(row - block->row0) * block->stride + column;
            kernel->tile(&tile);
        }
    }
}

static void fetch_depth(const struct gemm_kernel *kernel, const struct gemm_job *job, const struct gemm_block *block,
                        int64_t depth0, int depth, float *fetched) {
    for (int column = 0; column < block->columns; column += kernel->columns) {
        const int left = block->columns - column;
        job->fetch(job, block->column0 + column, left < kernel->columns ? left : kernel->columns, depth0, depth,
                   kernel->columns, fetched + (size_t)column * (size_t)depth);
    }
}

static void run_block(const struct gemm_kernel *kernel, const struct gemm_job *job, const struct gemm_block *block,
                      float *workspace) {
    float *fetched = workspace, *sums = workspace + fetched_floats(kernel);
    int64_t depth0 = 0;
    do { /* once even for depth 0: the bias still is the result */
        const int64_t left = job->panels.depth - depth0;
        const int depth = (int)(left < GEMM_DEPTH ? left : GEMM_DEPTH);
        fetch_depth(kernel, job, block, depth0, depth, fetched);
        multiply_depth(kernel, job, block, depth0, depth, fetched, sums);
        depth0 += depth;
    } while (depth0 < job->panels.depth);
    const int64_t end = gemm_panel_row(&job->panels, block->end_panel);
    job->store(job, block->row0, (int)(end - block->row0), block->column0, block->columns, sums, block->stride);
}

static void run_unit(const struct gemm_batch *batch, const struct gemm_blocking *blocking, int64_t row_blocks,
                     int64_t column_blocks, int64_t unit, float *workspace) {
    struct gemm_job job;
    batch->make(batch, unit / (row_blocks * column_blocks), &job);
    const int64_t row0 = unit / column_blocks % row_blocks * blocking->row_block;
    const int64_t column0 = unit % column_blocks * blocking->column_block;
    if (row0 >= job.panels.rows || column0 >= job.columns)
        return;
    const int64_t row_end = row0 + blocking->row_block < job.panels.rows ? row0 + blocking->row_block : job.panels.rows;
    const int64_t columns = job.columns - column0;
    struct gemm_block block = {.first_panel = first_panel_at(&job.panels, row0),
                               .end_panel = first_panel_at(&job.panels, row_end),
                               .column0 = column0,
                               .columns = (int)(columns < blocking->column_block ? columns : blocking->column_block)};
    block.row0 = gemm_panel_row(&job.panels, block.first_panel);
    block.stride = (size_t)(whole_units(block.columns, batch->kernel->columns));
    if (block.first_panel < block.end_panel)
        run_block(batch->kernel, &job, &block, workspace);
}

struct gemm_work {
    const struct gemm_batch *batch;
    struct gemm_blocking blocking;
    int64_t row_blocks, column_blocks;
    struct work_queue queue;
};

static void run_units(struct team_thread self, void *context) {
    struct gemm_work *work = context;
    const size_t scratch = gemm_workspace_bytes(work->batch->kernel, 1) / sizeof(float);
    const int64_t units = work->batch->job_count * work->row_blocks * work->column_blocks;
    for (int64_t unit = 0; work_queue_take(&work->queue, self, units, &unit);)
        run_unit(work->batch, &work->blocking, work->row_blocks, work->column_blocks, unit,
                 (float *)work->batch->workspace + (size_t)self.index * scratch);
}

void gemm_run(const struct gemm_batch *batch) {
    if (batch->job_count <= 0 || batch->largest_rows <= 0 || batch->largest_columns <= 0)
        return;
    struct gemm_work work = {.batch = batch, .blocking = blocking_for(batch)};
    work.row_blocks = divide_up(batch->largest_rows, work.blocking.row_block);
    work.column_blocks = divide_up(batch->largest_columns, work.blocking.column_block);
    work_queue_start(&work.queue, 1);
    team_run(batch->job_count * work.row_blocks * work.column_blocks > 1 ? batch->threads : 1, run_units, &work);
}
