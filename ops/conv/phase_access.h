/* Reading inputs and writing outputs along a lattice, a run of neighbouring points at a time. */
#ifndef LIMNER_OPS_CONV_PHASE_ACCESS_H
#define LIMNER_OPS_CONV_PHASE_ACCESS_H

#include "ops/conv/window.h"

/* Fills taps and points from the axes. */
void lattice_close(struct lattice *lattice, int64_t channels);
/*
 * A gemm_job's fetch: input samples of points point0.. for depths depth0.., as tile[depth][width], zero-filled.
 * input: [channels][in...] of one batch row and group.
 */
void lattice_fetch(const struct lattice *lattice, const float *input, int64_t point0, int count, int64_t depth0,
                   int depth, int width, float *tile);
/* Copies row[count], the values of points point0.., to their places in an output channel's plane. */
void lattice_store(const struct lattice *lattice, const float *row, int64_t point0, int count, float *plane);

#endif
