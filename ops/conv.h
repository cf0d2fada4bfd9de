/* Running a window operator: lattices, packed weights and the matrix product. Shared by Conv and ConvTranspose. */
#ifndef LIMNER_OPS_CONV_H
#define LIMNER_OPS_CONV_H

#include "ops/gemm.h"
#include "ops/weights.h"
#include "ops/window.h"

/* A lattice and the place of its weights: group g's panels start at packed + offset + g * out_channels * depth. */
struct conv_state;

struct conv_phase {
    const struct conv_state *state;
    struct lattice lattice;
    int64_t offset; /* in floats */
};

/* The state of a planned Conv or ConvTranspose. */
struct conv_state {
    struct window window;
    bool transposed;
    struct activation activation;
    struct conv_phase *phases; /* owned */
    int64_t phase_count;
    bool uncovered;      /* some outputs meet no weight at all: they are the bias alone */
    const float *packed; /* from the weight cache; NULL: packed into the workspace at run */
    size_t packed_bytes;
};

/* Lattices, weights and workspace from a resolved window. */
status conv_prepare(struct op_call *call, const struct window *window, bool transposed,
                    const struct activation *activation, size_t *workspace_bytes, struct error *err);
status conv_run(struct op_call *call, struct error *err);
void conv_release(struct op_call *call);
/* Multiply-accumulates, borders counted as if inside. */
double conv_macs(const struct window *window, bool transposed);

#endif
