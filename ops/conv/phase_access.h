/* Reading inputs and writing outputs along a phase, a run of neighbouring positions at a time. */
#ifndef LIMNER_OPS_CONV_PHASE_ACCESS_H
#define LIMNER_OPS_CONV_PHASE_ACCESS_H

#include "ops/conv/window.h"

/* Fills taps and positions from the axes. */
void phase_close(struct phase_geometry *geometry, int64_t channels);
/*
 * A gemm_job's fetch: input samples of positions position0.. for depths depth0.., as tile[depth][width], zero-filled.
 * input: [channels][in...] of one batch row and group.
 */
void phase_fetch(const struct phase_geometry *geometry, const float *input, int64_t position0, int count,
                 int64_t depth0, int depth, int width, float *tile);
/* Copies row[count], the values of positions position0.., to their places in an output channel's plane. */
void phase_store(const struct phase_geometry *geometry, const float *row, int64_t position0, int count, float *plane);

#endif
