/*
 * The products of minimal filtering for a panel of output channels: each point is a matrix product over the channels,
 * and the sums are transformed back before they leave a small cache. Weights are kept by points, ready to use; or by
 * taps, and transformed in passing: where tiles are many, a panel's whole; where they are few, a cut of the depth at a
 * time, which stays in a small cache.
 */
#include "ops/blocked_filter.h"

#define LANES CHANNEL_BLOCK

/* A cut of the depth of one point, and its weights. */
struct product {
    int point;
    int64_t depth;
    int depths; /* channel blocks */
    const float *weights;
    int64_t skip; /* floats between the weights of one channel block and the next */
};

/* Weights that come next: every tile asks for so many cache lines of them at every channel block of the depth. */
struct next_weights {
    const float *data;
    int lines;
};

/* Shares `vectors` channel blocks for each number of the depth out among `tiles`. */
static struct next_weights next_weights(int64_t vectors, int64_t tiles) {
    return (struct next_weights){.lines = (int)divide_up(LANES * vectors, tiles)};
}

/* The first inputs of the tile or point that comes next: within a tile the kernel asks for itself. */
static void ask_for_inputs(const float *inputs, int tiles) {
    for (int i = 0; i < tiles; i++)
        __builtin_prefetch(inputs + i * LANES);
}

static void multiply(const struct filter_panel *panel, const struct product *p, const struct next_weights *next) {
    const struct filter_block *block = panel->block;
    const struct filter_shape *b = &block->lattice->shape;
    const struct block_kernel *kernel = block->run->kernels->block;
    const int most = kernel->pixels[panel->rows];
    const float *inputs =
        block->inputs + p->point * b->point + (p->depth - block->depth0) * b->plane + panel->first * LANES;
    float *sums = panel->sums + p->point * b->sum_point;
    struct block_row source = {.pixels = inputs,
                               .step = b->plane,
                               .blocks = p->depths,
                               .weight_skip = p->skip,
                               .ahead = next->data,
                               .ahead_lines = next->lines};
    const int64_t tiles = panel->end - panel->first;
    for (int64_t tile = 0; tile < tiles; tile += most) {
        const int count = (int)at_most(tiles - tile, most);
        ask_for_inputs(tile + most < tiles ? source.pixels + most * LANES : inputs + b->point, most);
        kernel->row(kernel->round(count, panel->rows), panel->rows, &source, p->weights, p->depth == 0,
                    sums + tile * LANES, LANES, (size_t)b->sums);
        source.pixels += most * LANES;
        source.ahead += p->depths * next->lines * LANES;
    }
}

/* Tiles of the kernel that a panel's segment takes. */
static int64_t kernel_tiles(const struct filter_panel *panel) {
    return divide_up(panel->end - panel->first, panel->block->run->kernels->block->pixels[panel->rows]);
}

/* Points of y, and of x, that have the same weights: first..end - 1. */
struct alike {
    int first[2], end[2];
};

static struct alike alike_at(const struct filter_lattice *lattice, int64_t kept) {
    const enum filter_kind y = lattice->axis[0].kind, x = lattice->axis[1].kind;
    const int down = (int)(kept / filter_kept_points(x)), across = (int)(kept % filter_kept_points(x));
    return (struct alike){{down, across}, {filter_points_end(y, down), filter_points_end(x, across)}};
}

/* One cut of the weights, for all points that have them. */
static void multiply_alike(const struct filter_panel *panel, const struct alike *points, struct product *p) {
    const int down = points->end[0] - points->first[0], across = points->end[1] - points->first[1];
    const int64_t tiles = kernel_tiles(panel);
    struct next_weights next = next_weights(panel->rows, tiles * down * across);
    next.data = p->weights + p->depths * LANES * panel->rows * LANES;
    for (int i = 0; i < down * across; i++) {
        p->point =
            (points->first[0] + i / across) * panel->block->lattice->axis[1].points + points->first[1] + i % across;
        multiply(panel, p, &next);
        next.data += tiles * p->depths * next.lines * LANES;
    }
}

/* One point after the other; the weights of the next panel follow those of the last point. */
static void multiply_stored(const struct filter_panel *panel, const float *weights) {
    const struct filter_lattice *lattice = panel->block->lattice;
    const struct filter_shape *b = &lattice->shape;
    struct product p = {.weights = weights};
    for (int64_t kept = 0; kept < filter_kept(lattice); kept++) {
        const struct alike points = alike_at(lattice, kept);
        for (p.depth = 0; p.depth < b->depth; p.depth += b->cut) {
            p.depths = (int)at_most(b->depth - p.depth, b->cut);
            multiply_alike(panel, &points, &p);
            p.weights += p.depths * LANES * panel->rows * LANES;
        }
    }
}

/* The weights of a point, transformed from these taps; or the taps themselves, where it is one of them. */
static void take_point(const struct filter_panel *panel, const float *taps, struct product *p) {
    const struct filter_lattice *lattice = panel->block->lattice;
    const struct filter_axis *y = &lattice->axis[0], *x = &lattice->axis[1];
    const int ty = filter_pure_tap(y->kind, p->point / x->points), tx = filter_pure_tap(x->kind, p->point % x->points);
    const bool pure = ty >= 0 && tx >= 0;
    const int64_t square = LANES * panel->rows * LANES; /* of one tap or point */
    p->weights =
        pure ? taps + (ty * x->taps + tx) * square : panel->weights + p->point * filter_weights_point(&lattice->shape);
    p->skip = pure ? (y->taps * x->taps - 1) * square : 0;
}

/* Where what is kept of a panel's weights begins: those of a channel block, by points or taps, are `block` floats. */
static const float *kept_at(const struct filter_panel *panel, int64_t block) {
    const struct filter_block *own = panel->block;
    const struct filter_shape *b = &own->lattice->shape;
    const int64_t group = own->image % own->run->state->window.group, numbers = filter_kept(own->lattice);
    return own->phase->packed + (group * b->rows + panel->row) * LANES * numbers * b->depth * LANES +
           block * LANES * numbers * panel->rows * LANES;
}

void filter_expand(const struct filter_panel *panel, int64_t depth, int64_t depths) {
    const struct filter_lattice *lattice = panel->block->lattice;
    panel->block->run->kernels->filter->expand(lattice->axis[0].kind, lattice->axis[1].kind, kept_at(panel, depth),
                                               depths * LANES, panel->rows * LANES, panel->weights,
                                               (size_t)filter_weights_point(&lattice->shape));
}

void filter_add_products(const struct filter_panel *panel, int64_t depth, int64_t depths) {
    const struct filter_shape *b = &panel->block->lattice->shape;
    const int64_t tiles = kernel_tiles(panel);
    struct next_weights next = next_weights(panel->rows * filter_kept(panel->block->lattice), tiles * b->points);
    struct product p = {.depth = depth, .depths = (int)depths};
    const float *taps = kept_at(panel, depth);
    next.data = kept_at(panel, depth + depths);
    for (p.point = 0; p.point < b->points; p.point++) {
        take_point(panel, taps, &p);
        multiply(panel, &p, &next);
        next.data += tiles * depths * next.lines * LANES;
    }
}

void filter_run_panel(const struct filter_panel *panel) {
    multiply_stored(panel, kept_at(panel, 0));
    filter_write_tiles(panel);
}
