/*
 * From a window to its phases: a convolution is one; a transposed convolution is one for each residue of the output
 * position modulo the stride, each an ordinary convolution, so that no inserted zero is ever multiplied.
 */
#ifndef LIMNER_OPS_CONV_WINDOW_PHASES_H
#define LIMNER_OPS_CONV_WINDOW_PHASES_H

#include "ops/conv/window.h"

/* How many phases a window has (a convolution: one), and the i-th. */
int64_t window_phases(const struct window *window, bool transposed);
void window_phase(const struct window *window, bool transposed, int64_t i, struct phase_geometry *geometry);

#endif
