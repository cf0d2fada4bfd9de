/*
 * The one matrix product under Conv, ConvTranspose, MatMul and Gemm: rows x columns, cut into blocks that are computed
 * independently. Panels of rows hold the side that is packed beforehand (weights); the other side is fetched tile by
 * tile through a callback, so that no layer is ever unfolded as a whole. README.md draws the loops.
 *
 * Every element of the result is the sum of chains of multiply-adds over the depth, cut at multiples of GEMM_DEPTH: the
 * same bits for any number of threads, any blocking, any row of a batch.
 */
#ifndef LIMNER_OPS_MATMUL_GEMM_H
#define LIMNER_OPS_MATMUL_GEMM_H

#include "base/tensor.h"
#include "ops/kernels/kernels.h"

#define GEMM_DEPTH 256 /* a k-block; a constant of the arithmetic, not a tuning knob per machine */

/* Rows are cut into panels of at most kernel->max_rows, spread evenly; a panel is packed as [depth][rows of the panel].
 */
struct gemm_panels {
    int64_t rows, depth;
    int count; /* of panels */
};

struct gemm_panels gemm_panels(const struct gemm_kernel *kernel, int64_t rows, int64_t depth);
/* First row of panel i; i == count gives rows. The panel's floats start at gemm_panel_row(i) * depth. */
static inline int64_t gemm_panel_row(const struct gemm_panels *panels, int i) {
    return panels->rows * i / panels->count;
}

/* One product: rows x columns, of depth `depth`. */
struct gemm_job {
    struct gemm_panels panels;
    const float *packed; /* rows * depth floats, see gemm_panels */
    const float *bias;   /* [rows]; NULL: zero */
    int64_t columns;
    /* Writes tile[depth][kernel->columns]: rows depth0.. of the unpacked side at columns column0 .. column0+count,
       zeros up to the kernel's width. */
    void (*fetch)(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                  float *tile);
    /* Takes a finished block: rows row0.. at columns column0..; block[row][stride]. */
    void (*store)(const struct gemm_job *job, int64_t row0, int rows, int64_t column0, int count, float *block,
                  size_t stride);
    const void *context; /* for the callbacks */
    const float *input;
    float *output;
};

/* Sizes of the blocks that jobs are cut into; the same for all jobs of a call. */
struct gemm_blocking {
    int64_t row_block; /* rows, whole panels but for the last one */
    int64_t column_block;
};

/* Workspace of one gemm_run with this many threads. */
size_t gemm_workspace_bytes(const struct gemm_kernel *kernel, int threads);

/*
 * Runs job_count jobs. make() fills the i-th job (thread-safe); all jobs are cut for `threads`. workspace: as many
 * bytes as gemm_workspace_bytes said, 64-byte aligned.
 */
struct gemm_batch {
    const struct gemm_kernel *kernel;
    int64_t job_count;
    void (*make)(const struct gemm_batch *batch, int64_t i, struct gemm_job *job);
    const void *context;
    int64_t largest_rows, largest_columns; /* over all jobs: what decides over the blocking */
    int threads;
    void *workspace;
};
void gemm_run(const struct gemm_batch *batch);

/*
 * Packs a matrix of unaligned floats into panels: element (row, k) stands at source + row * row_stride + k *
 * depth_stride (in elements). rows * depth floats are written.
 */
void gemm_pack_panels(const struct gemm_panels *panels, const void *source, int64_t row_stride, int64_t depth_stride,
                      float *packed);

#endif
