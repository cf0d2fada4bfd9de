/*
 * Winograd convolution F(m, r) in each dimension (Winograd; Cook and Toom): m outputs of an r-tap filter take m + r - 1
 * products instead of m * r. An index into these products is an element; a tile is what one set of them makes, m
 * outputs of y by m of x.
 *
 * F(m, r) needs neighbouring outputs and neighbouring taps to step equally through the input. Where they do not, the
 * phase is split: dilation d into d interleaved subsets of its output positions (grids), stride s into s interleaved
 * subsets of its taps (parts), whose products add up in the elements. A tap that a part lacks has weight 0.
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_H

#include "base/sizes.h"
#include "ops/conv/window_weights.h"
#include "ops/core/forced_choices.h"
#include "ops/kernels/kernels.h"

#define WINOGRAD_PARTS 4  /* of a grid, at most */
#define WINOGRAD_GRIDS 4  /* of a phase, at most */
#define WINOGRAD_IMAGES 8 /* of a wave, at most */

struct winograd_axis {
    enum winograd_kind kind;
    int outputs, taps, elements; /* m, r, m + r - 1 */
    int advance;                 /* steps from one tile to the next */
    int64_t step;                /* inputs from one element, and one tap, to the next */
    int64_t tiles;
};

/* A subset of the taps. For tap t of each dimension: input first + t * step, kernel index kernel0 + t * kernel_step. */
struct winograd_part {
    int64_t first[2], kernel0[2], kernel_step[2];
};

/*
 * How a grid is walked. Its tiles are divided into tile groups, whose inputs are transformed for one k-slice at a time;
 * panels of output channels pass over the tiles of a group, a segment at a time, and over the k-slice, a k-block at a
 * time. A wave is several tile groups, of several grids or images, that are walked as one: they use the same weights.
 *
 * Strides are in floats. From one channel block to the next they are an odd number of cache lines, so that planes
 * spread over the sets of a cache.
 */
struct winograd_tiling {
    int elements;                     /* of a tile, both dimensions together */
    int panel;                        /* channel blocks of a panel */
    int64_t depth, out_blocks;        /* channel blocks of the input times parts; of the output */
    int64_t tiles, group_tiles;       /* of an image; of a tile group */
    int64_t segment;                  /* tiles */
    int64_t k_slice, k_block;         /* channel blocks of the depth */
    int64_t plane, element;           /* strides of transformed inputs: by channel block, by element */
    int64_t sums_plane, sums_element; /* the same of a panel's sums */
    bool shared;                      /* threads share a wave, or run independently; else each has groups of its own */
    int grids, images;                /* of a wave */
    int64_t parts;                    /* that the segments of a panel are divided into for the threads of a wave */
};

/* The form in which weights are stored, and when they are transformed. */
enum winograd_weights {
    WINOGRAD_TRANSFORMED, /* stored as elements */
    WINOGRAD_PER_PANEL,   /* stored as taps; those of a panel are transformed once for all tiles of a wave */
    /*
     * Stored as taps. The dimension of two taps is transformed in the kernel: a weight has two terms. The other one is
     * transformed into scratch, a k-block at a time.
     */
    WINOGRAD_IN_KERNEL,
    WINOGRAD_FORMS
};

/* A subset of a phase's output positions, interleaved with the other grids, with all parts of the taps. */
struct winograd_grid {
    struct phase_axis y, x; /* inputs and output positions; the taps are in `parts` */
    struct winograd_axis axis[2];
    struct winograd_part parts[WINOGRAD_PARTS];
    int part_count;
    enum winograd_weights weights;
    struct winograd_tiling tiling;
};

/* Tiles of an image. */
static inline int64_t winograd_image_tiles(const struct winograd_grid *grid) {
    return grid->axis[0].tiles * grid->axis[1].tiles;
}

/* Stored weights of one input and one output channel: distinct elements, or taps. */
static inline int64_t winograd_stored(const struct winograd_grid *grid) {
    const struct winograd_axis *y = &grid->axis[0], *x = &grid->axis[1];
    return grid->weights == WINOGRAD_TRANSFORMED
               ? winograd_distinct_elements(y->kind) * winograd_distinct_elements(x->kind)
               : y->taps * x->taps;
}

/* What the tiling of a phase's grids depends on besides their geometry. */
struct winograd_team {
    int threads, grids;
    int64_t images;
    const struct forced_choices *forced;
};

/* Tile groups of an image. */
static inline int64_t winograd_tile_groups(const struct winograd_tiling *tiling) {
    return divide_up(tiling->tiles, tiling->group_tiles);
}
/* Tiles of a wave, at most. */
static inline int64_t winograd_wave_tiles(const struct winograd_tiling *tiling) {
    return tiling->group_tiles * tiling->grids * tiling->images;
}
static inline int64_t winograd_panels(const struct winograd_tiling *tiling) {
    return divide_up(tiling->out_blocks, tiling->panel);
}

#endif
