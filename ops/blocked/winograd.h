/*
 * Convolutions by minimal filtering (Winograd; Cook and Toom): fewer products for the same sums. In each of the two
 * dimensions m outputs of an r-tap filter take m + r - 1 products instead of m * r.
 *
 * A lattice qualifies where neighbouring points and neighbouring taps step equally through the input. Those that do not
 * are cut into ones that do: dilation d into d interleaved sets of points, stride s into s interleaved sets of taps
 * (the parts, summed up before the outputs are formed; a tap that a part lacks has weight 0).
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_H

#include "ops/conv/window_weights.h"
#include "ops/core/forced_choices.h"
#include "ops/kernels/kernels.h"

#define FILTER_PARTS 4
#define FILTER_SETS 4   /* at most so many lattices of minimal filtering for one lattice */
#define FILTER_IMAGES 8 /* of a round, at most */

struct filter_axis {
    enum filter_kind kind;
    int outputs, taps, points; /* m, r, m + r - 1 */
    int advance;               /* steps from one tile to the next */
    int64_t step;              /* from one point, and one tap, to the next, in the input */
    int64_t tiles;
};

/* Taps first + t * step and their weights, for each of the two dimensions; kernel indices outside the kernel are 0. */
struct filter_part {
    int64_t first[2], kernel0[2], kernel_step[2];
};

/*
 * How a lattice is walked. Tiles come in blocks, whose transformed inputs stand ready for a stretch of the depth;
 * panels of output channels pass over segments of them, a cut of the depth at a time. Strides are in floats; planes
 * have an odd number of cache lines, no powers of two.
 */
struct filter_shape {
    int points;              /* products per tile */
    int panel;               /* channel blocks of a panel */
    int64_t depth, rows;     /* channel blocks */
    int64_t tiles, size;     /* of an image, of a block */
    int64_t segment;         /* tiles that a panel passes over at once, of all blocks of a round together */
    int64_t stretch, cut;    /* channel blocks of the depth */
    int64_t plane, point;    /* of the inputs: from one channel block, and one point, to the next */
    int64_t sums, sum_point; /* the same of a panel's sums */
    bool shared;             /* all threads work on one block, if they do not go apart; else each on one of its own */
    int sets, images;        /* whose blocks stand ready side by side: a round, which shares weights made in passing */
    int64_t parts;           /* that threads share a panel's segments of a round out by */
};

/* How weights are kept, and when they are transformed. */
enum filter_weights {
    FILTER_READY,  /* by points */
    FILTER_PANELS, /* by taps; a panel's are transformed in passing as a whole, for all tiles of all sets of points */
    FILTER_PAIRS, /* by taps; tiles form sums of two, of the other dimension a cut of the depth is transformed before */
    FILTER_FORMS
};

/* One set of points with all its parts. */
struct filter_lattice {
    struct lattice_axis y, x; /* sizes and places of inputs and outputs; taps are in `parts` */
    struct filter_axis axis[2];
    struct filter_part parts[FILTER_PARTS];
    int part_count;
    enum filter_weights weights;
    struct filter_shape shape;
};

/* Of an image. */
static inline int64_t filter_image_tiles(const struct filter_lattice *lattice) {
    return lattice->axis[0].tiles * lattice->axis[1].tiles;
}

/* Numbers that are kept of the weights of one pair of channels: points that differ, or taps. */
static inline int64_t filter_kept(const struct filter_lattice *lattice) {
    const struct filter_axis *y = &lattice->axis[0], *x = &lattice->axis[1];
    return lattice->weights == FILTER_READY ? filter_kept_points(y->kind) * filter_kept_points(x->kind)
                                            : y->taps * x->taps;
}

/* Who shares a lattice's tiles out, how many sets of points there are, and how many images. */
struct filter_team {
    int threads, sets;
    int64_t images;
    const struct forced_choices *forced;
};

static inline int64_t filter_blocks(const struct filter_shape *shape) {
    return (shape->tiles + shape->size - 1) / shape->size;
}
/* Of a round, at most. */
static inline int64_t filter_round_tiles(const struct filter_shape *shape) {
    return shape->size * shape->sets * shape->images;
}
static inline int64_t filter_panels(const struct filter_shape *shape) {
    return (shape->rows + shape->panel - 1) / shape->panel;
}

#endif
