/*
 * Activations in channel blocks: [N, C/16, H, W, 16], a tensor of rank 5 like any other; channels above C hold finite
 * numbers that nobody reads. The layout pass (runtime/pass_layout.c) puts these operators of the domain "limner" where
 * Conv, ConvTranspose and their neighbours stood.
 *
 * A convolution reads blocks, or an image: a plain [N,C,H,W] with fewer than 16 channels. It writes blocks, or, with
 * few output channels, a plain tensor. Each lattice of its window is computed by
 * - direct sums (blocked_direct.c): a tile of pixels walks the taps and channel blocks where they lie;
 * - minimal filtering (blocked_filter.c), where it costs less;
 * - narrow sums (blocked_narrow.c), for few output channels: rows are turned into planes, and pixels are the lanes.
 */
#ifndef LIMNER_OPS_BLOCKED_H
#define LIMNER_OPS_BLOCKED_H

#include "ops/filter.h"
#include "ops/forced_choices.h"
#include "ops/sizes.h"

/* The depth of direct sums is walked in cuts of about so much, whose weights stay in a small cache. */
#define DEPTH_CUT 1024

enum blocked_algorithm { BLOCKED_DIRECT, BLOCKED_FILTER, BLOCKED_NARROW, BLOCKED_ALGORITHMS };

/*
 * How the depth of a direct sum is walked: cuts, then entries, then blocks, then `length` numbers; of a narrow one:
 * taps of y (of all rows beside each other), then `length` channels, then taps of x.
 */
struct blocked_depth {
    int64_t down, across; /* taps of y by taps of x: a direct sum's entries */
    bool merged;          /* the taps of x are part of the length: image rows are contiguous */
    int64_t length, blocks, cut_blocks, cuts;
    int64_t total;
};

struct blocked_phase {
    struct lattice lattice;
    enum blocked_algorithm algorithm;
    struct blocked_depth depth;                 /* DIRECT, NARROW */
    struct filter_lattice filters[FILTER_SETS]; /* FILTER */
    int filter_count;
    int64_t beside;  /* NARROW: rows of outputs that are multiplied together, */
    int64_t outputs; /* of a row at once, at most, if that is demanded */
    int64_t rows;    /* channel blocks that the kernel computes, per group */
    int64_t floats;  /* of packed weights */
    const float *packed;
};

/* Whether it filters, and keeps its weights in this way. */
static inline bool blocked_keeps(const struct blocked_phase *phase, enum filter_weights weights) {
    return phase->algorithm == BLOCKED_FILTER && phase->filters[0].weights == weights;
}

struct blocked_state {
    struct window window;
    const struct forced_choices *forced; /* from planning on; never NULL */
    bool transposed, from_blocks, to_blocks;
    struct activation activation;
    struct blocked_phase *phases; /* owned */
    int64_t phase_count;
    bool uncovered;               /* some outputs meet no weight at all: they are the bias alone */
    int64_t lowest[2], padded[2]; /* an image's copy: the index of its first row and column, its size */
    /* Parts of the workspace, in bytes and in this order. */
    size_t packed_bytes, image_bytes, bias_bytes;
    struct stripes *stripes; /* owned: how it runs together with the convolution before it; NULL: not planned */
};

/* Where the numbers of one image and group lie; strides in floats. */
struct blocked_input {
    const float *data;
    int64_t row, pixel, block;
    int64_t lowest[2]; /* index of the first row and column: not 0 for an image's copy, or a stripe */
    bool whole;        /* every index that is met lies inside */
};

/* One run. */
struct blocked_run {
    const struct blocked_state *state;
    const struct kernels *kernels;
    const float *x, *bias; /* bias: in whole channel blocks, per group; never NULL */
    float *y;
    int64_t x_plane, y_plane; /* floats from one channel block of theirs to the next */
    int64_t x_row;            /* the row of the input that x begins with: not 0 for a stripe (blocked_stripes.c) */
    int threads;
    float *image, *workspace; /* workspace: of all threads together */
    char *own;                /* and of each, own_stride bytes on */
    size_t own_stride;
};

/* Workspace in bytes: of all threads together, and of each. */
struct blocked_bytes {
    size_t shared, own;
};

/* As much as both need, one after the other. */
static inline void blocked_add_bytes(struct blocked_bytes *most, struct blocked_bytes bytes) {
    most->shared = bytes.shared > most->shared ? bytes.shared : most->shared;
    most->own = bytes.own > most->own ? bytes.own : most->own;
}

/* Index i beyond 0..in-1 as the border says; -1: zero. */
static inline int64_t border_index(enum border border, int64_t i, int64_t in) {
    if (i >= 0 && i < in)
        return i;
    if (border == BORDER_ZERO)
        return -1;
    if (border == BORDER_EDGE)
        return i < 0 ? 0 : in - 1;
    const int64_t mirrored = i < 0 ? -i : 2 * (in - 1) - i;
    return mirrored >= 0 && mirrored < in ? mirrored : -1;
}

static inline int64_t channel_blocks(int64_t channels) {
    return (channels + CHANNEL_BLOCK - 1) / CHANNEL_BLOCK;
}

/* Floats of a channel block of the whole input or output. */
static inline int64_t blocked_plane(const struct window *window, bool output) {
    const struct window_axis *ay = &window->axis[1], *ax = &window->axis[2];
    return (output ? ay->out * ax->out : ay->in * ax->in) * CHANNEL_BLOCK;
}

/* Pairs of a picture and a group of channels: the group counts faster. */
static inline int64_t window_images(const struct window *window) {
    return window->batch * window->group;
}

/* The channel blocks of a panel, the width of a kernel's tile; the last one may have fewer. */
static inline int panel_blocks(const struct block_kernel *kernel, int64_t rows, int64_t panel) {
    const int64_t left = rows - panel * kernel->blocks;
    return left < kernel->blocks ? (int)left : kernel->blocks;
}
static inline int64_t panel_count(const struct block_kernel *kernel, int64_t rows) {
    return (rows + kernel->blocks - 1) / kernel->blocks;
}

/* ---- what the algorithms of a run share (blocked_run.c) ---- */
/* What the calling thread of the team has for itself. */
float *blocked_own(const struct blocked_run *run);
/* image: batch row and group. */
struct blocked_input blocked_input_of(const struct blocked_run *run, int64_t image);
/*
 * Lets tile `number` of `tiles` ask for its share of the weights that follow those of `source`, of panels of so many
 * channel blocks.
 */
void blocked_ask_ahead(struct block_source *source, const float *next, int blocks, int64_t number, int64_t tiles);
/* The kernels' name of an activation; false and BLOCK_COPY for those that they leave to activation_run. */
bool blocked_finish_kind(const struct activation *activation, enum block_finish *kind);
/* bias[row * bias_row] + activation of sums[rows][columns][16] into place; the sums are scratch. */
void blocked_finish(const struct blocked_run *run, const float *bias, size_t bias_row, int rows, int columns,
                    float *sums, size_t sums_row, size_t sums_column, float *destination, size_t row, size_t column);
/* Whole channel blocks of the bias of every group. */
void blocked_spread_bias(const struct blocked_state *state, const float *bias, float *blocks);

/* ---- all phases, and their workspace (blocked_phases.c) ---- */
void blocked_run_phases(const struct blocked_run *run);
struct blocked_bytes blocked_work_bytes(const struct blocked_state *state, int threads);

/* ---- planning (blocked_plan.c) ---- */
status blocked_plan(struct blocked_state *state, const struct kernels *kernels, int threads, struct error *err);
/* ---- weights (blocked_pack.c) ---- */
/* Weights from the cache, or room for them in the workspace. */
status blocked_take_weights(struct op_call *call, struct blocked_state *state, struct error *err);
void blocked_pack_now(const struct op_call *call, struct blocked_state *state, float *room);

/* ---- algorithms: workspace (of each thread); all images of one phase, or of all phases of the kind ---- */
size_t blocked_direct_bytes(const struct blocked_phase *phase);
void blocked_direct_run(const struct blocked_run *run);
struct blocked_bytes blocked_filter_bytes(const struct blocked_state *state, int threads);
void blocked_filter_run(const struct blocked_run *run);
bool blocked_narrow_fits(const struct blocked_state *state, const struct lattice *lattice);
/* Rows of outputs that stand beside each other as if they were channels: 1 or 2. */
int64_t blocked_narrow_beside(const struct blocked_state *state, const struct lattice *lattice);
/* Points of y that belong together: rows that stand beside each other have the same ones there in any run of them. */
int64_t blocked_narrow_unit(const struct blocked_phase *phase);
size_t blocked_narrow_bytes(const struct blocked_phase *phase);
void blocked_narrow_run(const struct blocked_run *run, const struct blocked_phase *phase);

/* ---- two convolutions as one (blocked_stripes.c), as struct op says ---- */
status blocked_join(struct op_call *first, struct op_call *second, size_t *workspace_bytes, struct error *err);
void blocked_run_joined(struct op_call *first, struct op_call *second, double *share);

#endif
