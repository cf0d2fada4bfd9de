#include "ops/blocked/winograd/winograd_panel.h"

#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_transform.h"

#define LANES CHANNEL_BLOCK

/*
 * The products of a panel's segment with one point after the other. What all have in common stays: a source that is
 * cleared and filled in anew for each of them keeps the processor from beginning before the one before has ended.
 */
struct products {
    const struct filter_panel *panel;
    struct block_row source;
    const float *weights; /* of the next product */
    int64_t depth;        /* where its cut begins */
    int most, last[2];    /* tiles of a call of the kernel; of the last two */
};

/*
 * The last two calls for so many tiles, as the kernel rounds them. Where one of the largest and what is left over would
 * be rounded up, they share, if that comes out even.
 */
static void find_last(const struct block_kernel *kernel, int blocks, int tiles, struct products *p) {
    const int most = kernel->pixels[blocks], rest = (tiles - 1) % most + 1, all = most + rest, half = (all + 1) / 2;
    p->most = most;
    p->last[0] = most;
    p->last[1] = kernel->round(rest, blocks);
    if (p->last[1] > rest && tiles > most && kernel->round(half, blocks) + kernel->round(all - half, blocks) == all) {
        p->last[0] = half;
        p->last[1] = all - half;
    }
}

static struct products products_of(const struct filter_panel *panel) {
    struct products p = {.panel = panel, .source = {.step = panel->block->lattice->shape.plane}};
    find_last(panel->block->run->kernels->block, panel->rows, (int)(panel->end - panel->first), &p);
    return p;
}

/* Calls of the kernel for one point. */
static int64_t kernel_calls(const struct products *p) {
    return divide_up(p->panel->end - p->panel->first, p->most);
}

/*
 * Shares the weights that are read next, `vectors` channel blocks for each number of a cut's depth, out among so many
 * calls of the kernel: each asks for some cache lines of them at every channel block of the depth.
 */
static void ask_for_weights(struct products *p, const float *next, int64_t vectors, int64_t calls) {
    p->source.ahead = next;
    p->source.ahead_lines = (int)divide_up(LANES * vectors, calls);
}

/* The first inputs of the tile or point that comes next: within a tile the kernel asks for itself. */
static inline void ask_for_inputs(const float *inputs, int tiles) {
    for (int i = 0; i < tiles; i++)
        __builtin_prefetch(inputs + i * LANES);
}

/* The product of a point. */
static void multiply(struct products *p, int point) {
    const struct filter_panel *panel = p->panel;
    const struct filter_block *block = panel->block;
    const struct filter_shape *b = &block->lattice->shape;
    const struct block_kernel *kernel = block->run->kernels->block;
    const float *inputs =
        block->inputs + point * b->point + (p->depth - block->depth0) * b->plane + panel->first * LANES;
    float *sums = panel->sums + point * b->sum_point;
    p->source.pixels = inputs;
    for (int64_t left = panel->end - panel->first, size; left > 0; left -= size, sums += size * LANES) {
        const bool last = left <= p->last[1];
        size = last ? p->last[1] : left <= p->last[0] + p->last[1] ? p->last[0] : p->most;
        const float *next = last ? inputs + b->point : p->source.pixels + size * LANES;
        p->source.pixel_ahead = p->source.second ? next - p->source.pixels : 0;
        if (!p->source.second)
            ask_for_inputs(next, p->most);
        kernel->row((int)size, panel->rows, &p->source, p->weights, p->depth == 0, sums, LANES, (size_t)b->sums);
        p->source.pixels = next;
        p->source.ahead += p->source.blocks * p->source.ahead_lines * LANES;
    }
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
static void multiply_alike(struct products *p, const struct alike *points) {
    const int down = points->end[0] - points->first[0], across = points->end[1] - points->first[1];
    const int columns = p->panel->block->lattice->axis[1].points, rows = p->panel->rows;
    ask_for_weights(p, p->weights + p->source.blocks * LANES * rows * LANES, rows, kernel_calls(p) * down * across);
    for (int i = 0; i < down * across; i++)
        multiply(p, (points->first[0] + i / across) * columns + points->first[1] + i % across);
}

/* One point after the other; the weights of the next panel follow those of the last point. */
static void multiply_ready(const struct filter_panel *panel, const float *weights) {
    const struct filter_lattice *lattice = panel->block->lattice;
    const struct filter_shape *b = &lattice->shape;
    struct products p = products_of(panel);
    p.weights = weights;
    for (int64_t kept = 0; kept < filter_kept(lattice); kept++) {
        const struct alike points = alike_at(lattice, kept);
        for (p.depth = 0; p.depth < b->depth; p.depth += b->cut) {
            p.source.blocks = (int)at_most(b->depth - p.depth, b->cut);
            multiply_alike(&p, &points);
            p.weights += p.source.blocks * LANES * panel->rows * LANES;
        }
    }
}

/* ---- weights kept by taps ---- */

/* A tap, if both dimensions have one; else what was made in its place. */
static struct filter_number number_of(const struct filter_lattice *lattice, int ty, int tx, int made) {
    const int8_t tap = (int8_t)(ty >= 0 && tx >= 0 ? ty * lattice->axis[1].taps + tx : -1);
    return (struct filter_number){tap, (int8_t)made};
}

/* In pairs: the number for a tap of the dimension whose weights tiles form, at a point of the other one. */
static struct filter_number half_of(const struct filter_lattice *lattice, int tap, int other) {
    const struct filter_axis *y = &lattice->axis[0], *x = &lattice->axis[1];
    if (y->taps == 1)
        return number_of(lattice, 0, tap, 0);
    return number_of(lattice, tap, filter_pure_tap(x->kind, other), tap * x->points + other);
}

static void list_pair(const struct filter_lattice *lattice, const struct filter_kernel *kernel, int y, int x,
                      struct filter_source *source) {
    const bool down = lattice->axis[0].taps > 1;
    const enum filter_kind kind = lattice->axis[down ? 0 : 1].kind;
    const int point = down ? y : x, other = down ? x : y, tap = filter_pure_tap(kind, point);
    source->pair = tap < 0;
    source->first = half_of(lattice, tap < 0 ? 0 : tap, other);
    source->second = half_of(lattice, 1, other);
    source->factor = source->pair ? kernel->factor(kind, point) : 0;
}

void filter_list_sources(const struct filter_lattice *lattice, const struct filter_kernel *kernel,
                         struct filter_source sources[FILTER_MOST]) {
    const struct filter_axis *ay = &lattice->axis[0], *ax = &lattice->axis[1];
    for (int i = 0; i < ay->points * ax->points; i++) {
        const int y = i % ay->points, x = i / ay->points, point = y * ax->points + x;
        const int ty = filter_pure_tap(ay->kind, y), tx = filter_pure_tap(ax->kind, x);
        const int made = filter_kept_point(ay->kind, y) * filter_kept_points(ax->kind) + filter_kept_point(ax->kind, x);
        sources[i] = (struct filter_source){.point = point, .first = number_of(lattice, ty, tx, made)};
        if (lattice->weights == FILTER_PAIRS)
            list_pair(lattice, kernel, y, x, &sources[i]);
    }
}

/* Where what is kept of a panel's weights begins: those of a channel block, by points or taps, are `block` floats. */
static const float *kept_at(const struct filter_panel *panel, int64_t block) {
    const struct filter_block *own = panel->block;
    const struct filter_shape *b = &own->lattice->shape;
    const int64_t group = own->image % own->run->state->window.group, numbers = filter_kept(own->lattice);
    return own->phase->packed + (group * b->rows + panel->row) * LANES * numbers * b->depth * LANES +
           block * LANES * numbers * panel->rows * LANES;
}

void filter_make(const struct filter_panel *panel, int64_t depth, int64_t depths) {
    const struct filter_lattice *lattice = panel->block->lattice;
    const struct filter_axis *y = &lattice->axis[0], *x = &lattice->axis[1];
    const struct filter_kernel *kernel = panel->block->run->kernels->filter;
    const int64_t place = filter_made_place(&lattice->shape), square = LANES * panel->rows * LANES;
    const int64_t numbers = depths * LANES, block = y->taps * x->taps * square;
    const int lanes = panel->rows * LANES;
    const float *taps = kept_at(panel, depth);
    if (lattice->weights == FILTER_PANELS)
        kernel->expand(y->kind, x->kind, taps, (size_t)block, numbers, lanes, panel->weights, (size_t)place);
    else if (filter_made(lattice) > 0)
        for (int tap = 0; tap < y->taps; tap++)
            kernel->expand(FILTER_ONE, x->kind, taps + tap * x->taps * square, (size_t)block, numbers, lanes,
                           panel->weights + tap * x->points * place, (size_t)place);
}

static const float *number_at(const struct filter_panel *panel, const float *taps, struct filter_number number) {
    const struct filter_shape *b = &panel->block->lattice->shape;
    return number.tap < 0 ? panel->weights + number.made * filter_made_place(b)
                          : taps + number.tap * LANES * panel->rows * LANES;
}

/* What is read after a cut: the next one, or, at the end of the stretch, its beginning for the next panel. */
static const float *kept_after(const struct filter_panel *panel, int64_t depth) {
    struct filter_panel next = *panel;
    if (depth < panel->block->depth_end || panel->row + panel->rows >= panel->block->lattice->shape.rows)
        return kept_at(panel, depth);
    next.row += panel->rows;
    return kept_at(&next, panel->block->depth0);
}

void filter_add_products(const struct filter_panel *panel, int64_t depth, int64_t depths) {
    const struct filter_lattice *lattice = panel->block->lattice;
    const int64_t skip = (filter_kept(lattice) - 1) * LANES * panel->rows * LANES; /* between blocks of a tap */
    const int points = lattice->shape.points;
    const float *taps = kept_at(panel, depth);
    struct products p = products_of(panel);
    p.depth = depth;
    p.source.blocks = (int)depths;
    ask_for_weights(&p, kept_after(panel, depth + depths), panel->rows * filter_kept(lattice),
                    kernel_calls(&p) * points);
    for (int i = 0; i < points; i++) {
        const struct filter_source *source = &panel->sources[i];
        p.weights = number_at(panel, taps, source->first);
        p.source.weight_skip = source->first.tap < 0 ? 0 : skip;
        p.source.second = source->pair ? number_at(panel, taps, source->second) : NULL;
        p.source.factor = source->factor;
        multiply(&p, source->point);
    }
}

void filter_run_panel(const struct filter_panel *panel) {
    multiply_ready(panel, kept_at(panel, 0));
    filter_write_tiles(panel);
}
