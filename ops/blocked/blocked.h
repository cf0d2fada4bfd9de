/*
 * Convolutions on channel blocks. Activations lie as [N, C/16, H, W, 16], a tensor of rank 5 like any other; lanes
 * above C hold finite numbers that nobody reads. The layout pass (runtime/passes/pass_layout.c) puts these operators of
 * the domain "limner" in the place of Conv, ConvTranspose and their neighbours.
 *
 * The input is in channel blocks, or a plain [N,C,H,W] of fewer than 16 channels, which is copied with its border. The
 * output is in channel blocks or, with few channels, plain; both may be plain then. A depthwise convolution may have
 * plain tensors of any number of channels on either side. Each phase of the window has an algorithm of its own.
 * README.md has the layouts, the loop nests and who owns which memory.
 */
#ifndef LIMNER_OPS_BLOCKED_BLOCKED_H
#define LIMNER_OPS_BLOCKED_BLOCKED_H

#include "base/sizes.h"
#include "ops/blocked/winograd.h"
#include "ops/core/channel_blocks.h"
#include "ops/core/forced_choices.h"

struct conv_algorithm;

/*
 * The loops over the depth of a sum. Direct convolution: k-blocks, then entries (taps), then channel blocks, then
 * `length` numbers. Few outputs: taps of y, then `length` channels, then taps of x.
 */
struct blocked_depth {
    int64_t down, across; /* taps of y, and of x: their product is the number of entries */
    bool merged;          /* the taps of x are part of `length`: they lie side by side in the copy of a plain input */
    int64_t length, blocks;
    int64_t k_block, k_blocks; /* channel blocks of a k-block; how many k-blocks there are */
    int64_t total;             /* products of one sum */
    bool sparse; /* many taps meet the border: each entry is a call of its own, and left out where all inputs are 0 */
};

/*
 * How a grouped convolution stores rows of its input: each that an output meets once, with its border, for every input
 * channel of a group.
 */
struct grouped_rows {
    int64_t columns;          /* of the output, at most */
    int64_t slots;            /* rows */
    bool whole;               /* as many as there are, each as wide as all columns */
    int64_t width;            /* pixels of a row */
    int64_t turned;           /* pixels of a plain input that are turned into a channel block at once; 0: row by row */
    int64_t made;             /* outputs that wait to be turned into planes */
    int64_t channels;         /* input channels of a group */
    int64_t entries;          /* products of an output */
    int64_t reach[2], low[2]; /* inputs from the first tap to the last; index of the first, beside position * step */
};

struct blocked_phase {
    struct phase_geometry geometry;
    const struct conv_algorithm *algorithm;
    struct blocked_depth depth;                 /* direct, few outputs */
    struct winograd_grid grids[WINOGRAD_GRIDS]; /* Winograd; none: another algorithm */
    int grid_count;
    int64_t lines;            /* few outputs: of a stored row of the input */
    int64_t rows_together;    /* few outputs: rows of the output that are computed together, 1 or 2 */
    int64_t band_columns;     /* few outputs: demanded most columns of a band; 0: not demanded */
    struct grouped_rows rows; /* grouped */
    int64_t out_blocks;       /* channel blocks of the output, of one group */
    int64_t floats;           /* of packed weights, of all groups */
    const float *packed;
};

/* Whether the phase is computed by Winograd, with weights of this form. */
static inline bool winograd_has_weights(const struct blocked_phase *phase, enum winograd_weights weights) {
    return phase->grid_count > 0 && phase->grids[0].weights == weights;
}

struct blocked_state {
    struct window window;
    const struct forced_choices *forced; /* from planning on; never NULL */
    bool transposed, from_blocks, to_blocks;
    struct activation activation;
    struct blocked_phase *phases; /* owned */
    int64_t phase_count;
    bool uncovered;                  /* some outputs meet no weight at all: they are the bias alone */
    int64_t lowest[2], copy_size[2]; /* the copy of a plain input: index of its first row and column, its size */
    /* The first parts of the workspace, in bytes, in this order. */
    size_t packed_bytes, copy_bytes, bias_bytes;
    struct row_tiling *row_tiling; /* owned: how it runs fused with the convolution before it; NULL: not fused */
};

/* The input of one image; strides in floats. */
struct blocked_input {
    const float *data;
    int64_t row, pixel, block; /* strides */
    int64_t lowest[2];         /* index of the row and column that `data` begins with */
    bool whole;                /* holds every index that the window meets, with the border */
};

/* One run. */
struct blocked_run {
    const struct blocked_state *state;
    const struct kernels *kernels;
    const float *x, *bias; /* bias: in whole channel blocks, per group; never NULL */
    float *y;
    int64_t x_plane, y_plane; /* floats from one channel block to the next */
    int64_t x_row;            /* row of the whole input that x begins with: not 0 for a row tile (fused/fused.c) */
    const void *weights;      /* as the operator has them, not packed */
    const float *scale;       /* of every output channel's weights; NULL: 1 */
    int threads;
    float *copy;      /* of a plain input */
    float *workspace; /* shared by all threads */
    char *scratch;    /* of each thread, scratch_stride bytes apart */
    size_t scratch_stride;
};

/* Bytes of memory for a run: shared by all threads, and of each thread. */
struct blocked_bytes {
    size_t shared, scratch;
};

/* Enough for both, one after the other. */
static inline void blocked_add_bytes(struct blocked_bytes *most, struct blocked_bytes bytes) {
    most->shared = bytes.shared > most->shared ? bytes.shared : most->shared;
    most->scratch = bytes.scratch > most->scratch ? bytes.scratch : most->scratch;
}

/* The index that the border puts in the place of i; i itself inside 0..in-1; -1: a zero. */
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

/* An image is one group of one batch row; groups count faster. */
static inline int64_t window_images(const struct window *window) {
    return window->batch * window->group;
}

/*
 * Whether groups are not of whole channel blocks: then all groups lie in the same blocks, one channel after the other,
 * and so does the bias.
 */
static inline bool window_mixes_groups(const struct window *window) {
    return window->group > 1 && (window->in_channels % CHANNEL_BLOCK != 0 || window->out_channels % CHANNEL_BLOCK != 0);
}

/* One channel of the input and one of the output in every group. */
static inline bool window_is_depthwise(const struct window *window) {
    return window->group > 1 && window->in_channels == 1 && window->out_channels == 1;
}

/* Channel blocks of the output of a batch row. */
static inline int64_t window_out_blocks(const struct window *window) {
    return window_mixes_groups(window) ? channel_blocks(window->group * window->out_channels)
                                       : window->group * channel_blocks(window->out_channels);
}

/* Rows first..end - 1; none where first >= end. */
struct row_range {
    int64_t first, end;
};

/* What planning goes by besides the window. */
struct blocked_settings {
    const struct kernels *kernels;
    int threads;
    bool per_panel; /* WINOGRAD_PER_PANEL is allowed */
};

struct pack_job;
struct pack_slice;

/*
 * A way to compute a phase: an entry of the table in engine/algorithms.c. The first one that fits, and whose plan()
 * accepts the phase, is taken.
 */
struct conv_algorithm {
    const char *name;
    bool copies; /* reads a copy of a plain input, which has the border */
    /* Whether it can compute the phase. */
    bool (*fits)(const struct blocked_state *state, const struct kernels *kernels,
                 const struct phase_geometry *geometry);
    /* Fills in what the algorithm needs of the phase. False where a later algorithm costs less. */
    bool (*plan)(const struct blocked_state *state, const struct blocked_settings *settings,
                 struct blocked_phase *phase);
    /* Rows of the output that are computed together: a range of rows must begin at a multiple. */
    int64_t (*unit)(const struct blocked_phase *phase);
    /*
     * Limits the plan to some rows of the output, counted from row `top` on; NULL: nothing to do. The geometry has been
     * limited before.
     */
    void (*limit_rows)(const struct window *window, const struct kernels *kernels, struct row_range rows, int64_t top,
                       struct blocked_phase *phase);
    /* Packs a slice of the weights. layout: two phases of one geometry with equal numbers have equal packed forms. */
    void (*pack)(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                 float *packed);
    uint64_t (*layout)(const struct blocked_phase *phase);
    /* Memory for, and a run of, all phases that have this algorithm. */
    struct blocked_bytes (*bytes)(const struct blocked_state *state, int threads);
    void (*run)(const struct blocked_run *run);
};

#endif
