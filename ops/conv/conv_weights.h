/* A window operator's weights, packed for the plain engine: panels of output channels, phase by phase. */
#ifndef LIMNER_OPS_CONV_CONV_WEIGHTS_H
#define LIMNER_OPS_CONV_CONV_WEIGHTS_H

#include "ops/conv/window_weights.h"
#include "ops/matmul/gemm.h"

struct conv_state;

/* A phase and its weights. */
struct packed_phase {
    const struct conv_state *state;
    struct phase_geometry geometry;
    int64_t floats;      /* of packed weights */
    const float *packed; /* from the weight cache; NULL: packed into the workspace at run */
};

/* The state of a planned Conv or ConvTranspose. */
struct conv_state {
    struct window window;
    bool transposed;
    struct activation activation;
    const struct kernels *kernels;
    struct packed_phase *phases; /* owned */
    int64_t phase_count;
    bool uncovered;      /* some outputs meet no weight at all: they are the bias alone */
    size_t packed_bytes; /* workspace for weights that are not constant */
};

/* Takes constant weights from the cache; those of other calls are packed by conv_pack_now at each run. */
status conv_take_weights(struct op_call *call, struct conv_state *state, struct error *err);
/* Packs every phase into destination (state->packed_bytes, 64-byte aligned) and points the given phases at it. */
void conv_pack_now(const struct op_call *call, const struct conv_state *state, float *destination,
                   struct packed_phase *phases);

#endif
