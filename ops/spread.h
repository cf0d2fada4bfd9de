/*
 * Convolutions with few output channels: the matrix core wants many rows, so the taps of the last dimension become rows
 * too. Every input column is multiplied once, and an output is the sum of its neighbours' products, shifted.
 */
#ifndef LIMNER_OPS_SPREAD_H
#define LIMNER_OPS_SPREAD_H

#include "ops/gemm.h"
#include "ops/window.h"

/* A lattice cut into segments of output columns; a segment's products are `columns` wide, a multiple of the kernel's.
 */
struct spread {
    int64_t rows;     /* output channels * taps of the last dimension */
    int64_t depth;    /* the other taps * channels */
    int64_t segments; /* per line of outputs */
    int64_t outputs;  /* per segment; the last one may have fewer */
    int64_t columns;  /* products per segment */
    int64_t lowest;   /* offset of the tap that reads furthest to the left, >= 0 */
};

/* True where it pays: fills *spread. */
bool spread_choose(const struct window *window, const struct lattice *lattice, const struct gemm_kernel *kernel,
                   struct spread *spread);

/* One product per image: the callbacks and sizes of its job. job->context must be a struct spread_context. */
struct spread_context {
    const struct lattice *lattice;
    const struct spread *spread;
    const struct activation *activation;
};
void spread_fetch(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                  float *tile);
void spread_store(const struct gemm_job *job, int64_t row0, int rows, int64_t column0, int count, float *block,
                  size_t stride);
/* Columns of all segments of all lines. */
int64_t spread_columns(const struct lattice *lattice, const struct spread *spread);

#endif
