/* Running a window operator: lattices, packed weights, and which algorithm serves which lattice. */
#ifndef LIMNER_OPS_CONV_H
#define LIMNER_OPS_CONV_H

#include "ops/filter.h"
#include "ops/spread.h"
#include "ops/weights.h"

#define PHASE_FILTERS 4 /* at most so many lattices of minimal filtering for one phase */

struct conv_state;

/* How a lattice is computed, in the order of the phases. */
enum conv_algorithm { CONV_DIRECT, CONV_SPREAD, CONV_FILTER };

/* A lattice, its algorithm, and what that one needs. */
struct conv_phase {
    const struct conv_state *state;
    struct lattice lattice;
    enum conv_algorithm algorithm;
    struct spread spread;                         /* CONV_SPREAD */
    struct filter_lattice filters[PHASE_FILTERS]; /* CONV_FILTER */
    int filter_count;
    int64_t floats;      /* of packed weights */
    const float *packed; /* from the weight cache; NULL: packed into the workspace at run */
};

/* The state of a planned Conv or ConvTranspose. */
struct conv_state {
    struct window window;
    bool transposed;
    struct activation activation;
    struct conv_phase *phases;   /* owned; sorted by algorithm */
    int64_t phase_count, direct; /* the first `direct` ones are CONV_DIRECT */
    bool uncovered;              /* some outputs meet no weight at all: they are the bias alone */
    size_t packed_bytes;         /* workspace for weights that are not constant */
    size_t compute_bytes;        /* workspace of the algorithms */
};

/* Lattices, weights and workspace from a resolved window. */
status conv_prepare(struct op_call *call, const struct window *window, bool transposed,
                    const struct activation *activation, size_t *workspace_bytes, struct error *err);
status conv_run(struct op_call *call, struct error *err);
void conv_release(struct op_call *call);
/* Multiply-accumulates, borders counted as if inside. */
double conv_macs(const struct window *window, bool transposed);

/* Phases of a window, with the algorithm of each chosen for these kernels. */
status conv_make_phases(struct conv_state *state, const struct kernels *kernels, struct error *err);
/* Takes constant weights from the cache; those of other calls are packed by conv_pack_now at each run. */
status conv_take_weights(struct op_call *call, struct conv_state *state, struct error *err);
/* Packs every phase into `room` (state->packed_bytes, 64-byte aligned) and points the given phases there. */
void conv_pack_now(const struct op_call *call, const struct conv_state *state, float *room, struct conv_phase *phases);

#endif
