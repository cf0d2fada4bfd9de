/*
 * Activations in channel blocks: [N, C/16, H, W, 16], a tensor of rank 5 like any other; channels above C hold finite
 * numbers that nobody reads. The layout pass (runtime/passes/pass_layout.c) puts these operators of the domain "limner"
 * where Conv, ConvTranspose and their neighbours stood.
 *
 * A convolution reads blocks, or an image: a plain [N,C,H,W] with fewer than 16 channels. It writes blocks, or, with
 * few output channels, a plain tensor. Each lattice of its window is computed by
 * - direct sums (blocked_direct.c): a tile of pixels walks the taps and channel blocks where they lie;
 * - minimal filtering (blocked_filter.c), where it costs less;
 * - narrow sums (blocked_narrow.c), for few output channels: rows are turned into planes, and pixels are the lanes.
 */
#ifndef LIMNER_OPS_BLOCKED_BLOCKED_H
#define LIMNER_OPS_BLOCKED_BLOCKED_H

#include "base/sizes.h"
#include "ops/blocked/winograd.h"
#include "ops/core/channel_blocks.h"
#include "ops/core/forced_choices.h"

struct conv_algorithm;

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
    const struct conv_algorithm *algorithm;
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
    return phase->filter_count > 0 && phase->filters[0].weights == weights;
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

/* Floats of a channel block of the whole input or output. */
static inline int64_t blocked_plane(const struct window *window, bool output) {
    const struct window_axis *ay = &window->axis[1], *ax = &window->axis[2];
    return (output ? ay->out * ax->out : ay->in * ax->in) * CHANNEL_BLOCK;
}

/* Pairs of a picture and a group of channels: the group counts faster. */
static inline int64_t window_images(const struct window *window) {
    return window->batch * window->group;
}

/* Rows first..end - 1. */
struct rows {
    int64_t first, end;
};

/* What planning goes by besides the window. */
struct blocked_settings {
    const struct kernels *kernels;
    int threads;
    bool per_panel; /* whether a panel's weights may be transformed in passing as a whole */
};

struct pack_job;
struct pack_slice;

/*
 * A way to compute phases of a convolution: one entry of the table in engine/algorithms.c, whose first one that fits
 * and pays is taken. A phase has what its algorithm's plan() made of it.
 */
struct conv_algorithm {
    const char *name;
    /* Whether it can compute the phase at all. */
    bool (*fits)(const struct blocked_state *state, const struct kernels *kernels, const struct lattice *lattice);
    /* Fills in the phase, with the floats of its packed weights. False where others cost less. */
    bool (*plan)(const struct blocked_state *state, const struct blocked_settings *settings,
                 struct blocked_phase *phase);
    /* Rows of outputs that belong together. */
    int64_t (*unit)(const struct blocked_phase *phase);
    /* Makes it the phase of some rows of the outputs, written from row `top` of them on. Its lattice is that already.
     */
    void (*limit_rows)(const struct window *window, const struct kernels *kernels, struct rows rows, int64_t top,
                       struct blocked_phase *phase);
    /* Packs a slice of the weights; a number for what decides over the packed form. */
    void (*pack)(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                 float *packed);
    uint64_t (*layout)(const struct blocked_phase *phase);
    /* Workspace, and a run, of all phases that have this algorithm. */
    struct blocked_bytes (*bytes)(const struct blocked_state *state, int threads);
    void (*run)(const struct blocked_run *run);
};

#endif
