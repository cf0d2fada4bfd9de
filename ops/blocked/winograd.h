/*
 * Convolutions by Winograd (Winograd; Cook and Toom): fewer products for the same sums. In each of the two
 * dimensions m outputs of an r-tap filter take m + r - 1 products instead of m * r.
 *
 * A grid qualifies where neighbouring elements and neighbouring taps step equally through the input. Those that do not
 * are cut into ones that do: dilation d into d interleaved grids, stride s into s interleaved sets of taps
 * (the parts, summed up before the outputs are formed; a tap that a part lacks has weight 0).
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_H

#include "ops/conv/window_weights.h"
#include "ops/core/forced_choices.h"
#include "ops/kernels/kernels.h"

#define WINOGRAD_PARTS 4
#define WINOGRAD_GRIDS 4  /* at most so many grids of Winograd for one grid */
#define WINOGRAD_IMAGES 8 /* of a wave, at most */

struct winograd_axis {
    enum winograd_kind kind;
    int outputs, taps, elements; /* m, r, m + r - 1 */
    int advance;                 /* steps from one tile to the next */
    int64_t step;                /* from one element, and one tap, to the next, in the input */
    int64_t tiles;
};

/* Taps first + t * step and their weights, for each of the two dimensions; kernel indices outside the kernel are 0. */
struct winograd_part {
    int64_t first[2], kernel0[2], kernel_step[2];
};

/*
 * How a grid is walked. Tiles come in blocks, whose transformed inputs stand ready for a k-slice;
 * panels of output channels pass over segments of them, a k-block at a time. Strides are in floats; planes
 * have an odd number of cache lines, no powers of two.
 */
struct winograd_tiling {
    int elements;              /* products per tile */
    int panel;                 /* channel blocks of a panel */
    int64_t depth, rows;       /* channel blocks */
    int64_t tiles, size;       /* of an image, of a block */
    int64_t segment;           /* tiles that a panel passes over at once, of all blocks of a round together */
    int64_t k_slice, k_block;  /* channel blocks of the depth */
    int64_t plane, element;    /* of the inputs: from one channel block, and one element, to the next */
    int64_t sums, sum_element; /* the same of a panel's sums */
    bool shared;               /* all threads work on one block, if they do not go apart; else each on one of its own */
    int grids, images;         /* whose blocks stand ready side by side: a wave, which shares weights made in passing */
    int64_t parts;             /* that threads share a panel's segments of a wave out by */
};

/* How weights are stored, and when they are transformed. */
enum winograd_weights {
    WINOGRAD_TRANSFORMED, /* by elements */
    WINOGRAD_PER_PANEL,   /* by taps; a panel's are transformed in passing as a whole, for all tiles of all grids */
    WINOGRAD_IN_KERNEL,   /* by taps; tiles form sums of two, of the other dimension a k-block is transformed before */
    WINOGRAD_FORMS
};

/* One grid with all its parts. */
struct winograd_grid {
    struct phase_axis y, x; /* sizes and places of inputs and outputs; taps are in `parts` */
    struct winograd_axis axis[2];
    struct winograd_part parts[WINOGRAD_PARTS];
    int part_count;
    enum winograd_weights weights;
    struct winograd_tiling tiling;
};

/* Of an image. */
static inline int64_t winograd_image_tiles(const struct winograd_grid *grid) {
    return grid->axis[0].tiles * grid->axis[1].tiles;
}

/* Numbers that are stored of the weights of one pair of channels: elements that differ, or taps. */
static inline int64_t winograd_stored(const struct winograd_grid *grid) {
    const struct winograd_axis *y = &grid->axis[0], *x = &grid->axis[1];
    return grid->weights == WINOGRAD_TRANSFORMED
               ? winograd_distinct_elements(y->kind) * winograd_distinct_elements(x->kind)
               : y->taps * x->taps;
}

/* Who shares a grid's tiles out, how many grids there are, and how many images. */
struct winograd_team {
    int threads, grids;
    int64_t images;
    const struct forced_choices *forced;
};

static inline int64_t winograd_blocks(const struct winograd_tiling *tiling) {
    return (tiling->tiles + tiling->size - 1) / tiling->size;
}
/* Of a wave, at most. */
static inline int64_t winograd_wave_tiles(const struct winograd_tiling *tiling) {
    return tiling->size * tiling->grids * tiling->images;
}
static inline int64_t winograd_panels(const struct winograd_tiling *tiling) {
    return (tiling->rows + tiling->panel - 1) / tiling->panel;
}

#endif
