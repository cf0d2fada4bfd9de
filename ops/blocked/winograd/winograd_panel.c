#include "ops/blocked/winograd/winograd_panel.h"

#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_transform.h"

#define LANES CHANNEL_BLOCK

/*
 * The products of a panel's segment with one element after the other. What all have in common stays: a source that is
 * cleared and filled in anew for each of them keeps the processor from beginning before the one before has ended.
 */
struct products {
    const struct winograd_panel *panel;
    struct block_row source;
    const float *weights; /* of the next product */
    int64_t depth;        /* where its cut begins */
    int most, last[2];    /* tiles of a call of the kernel; of the last two */
};

/*
 * The last two calls for so many tiles, as the kernel waves them. Where one of the largest and what is left over would
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

static struct products products_of(const struct winograd_panel *panel) {
    struct products p = {.panel = panel, .source = {.step = panel->block->grid->tiling.plane}};
    find_last(panel->block->run->kernels->block, panel->rows, (int)(panel->end - panel->first), &p);
    return p;
}

/* Calls of the kernel for one element. */
static int64_t kernel_calls(const struct products *p) {
    return divide_up(p->panel->end - p->panel->first, p->most);
}

/*
 * Shares the weights that are read next, `vectors` channel blocks for each number of a k-block's depth, out among so
 * many calls of the kernel: each prefetches some cache lines of them at every channel block of the depth.
 */
static void prefetch_weights(struct products *p, const float *next, int64_t vectors, int64_t calls) {
    p->source.ahead = next;
    p->source.ahead_lines = (int)divide_up(LANES * vectors, calls);
}

/* The first inputs of the tile or element that comes next: within a tile the kernel prefetches itself. */
static inline void prefetch_inputs(const float *inputs, int tiles) {
    for (int i = 0; i < tiles; i++)
        __builtin_prefetch(inputs + i * LANES);
}

/* The product of a element. */
static void multiply(struct products *p, int point) {
    const struct winograd_panel *panel = p->panel;
    const struct winograd_block *block = panel->block;
    const struct winograd_tiling *b = &block->grid->tiling;
    const struct block_kernel *kernel = block->run->kernels->block;
    const float *inputs =
        block->inputs + point * b->element + (p->depth - block->depth0) * b->plane + panel->first * LANES;
    float *sums = panel->sums + point * b->sum_element;
    p->source.pixels = inputs;
    for (int64_t left = panel->end - panel->first, size; left > 0; left -= size, sums += size * LANES) {
        const bool last = left <= p->last[1];
        size = last ? p->last[1] : left <= p->last[0] + p->last[1] ? p->last[0] : p->most;
        const float *next = last ? inputs + b->element : p->source.pixels + size * LANES;
        p->source.pixel_ahead = p->source.second ? next - p->source.pixels : 0;
        if (!p->source.second)
            prefetch_inputs(next, p->most);
        kernel->row((int)size, panel->rows, &p->source, p->weights, p->depth == 0, sums, LANES, (size_t)b->sums);
        p->source.pixels = next;
        p->source.ahead += p->source.blocks * p->source.ahead_lines * LANES;
    }
}

/* Points of y, and of x, that have the same weights: first..end - 1. */
struct alike {
    int first[2], end[2];
};

static struct alike alike_at(const struct winograd_grid *grid, int64_t kept) {
    const enum winograd_kind y = grid->axis[0].kind, x = grid->axis[1].kind;
    const int down = (int)(kept / winograd_distinct_elements(x)), across = (int)(kept % winograd_distinct_elements(x));
    return (struct alike){{down, across}, {winograd_elements_end(y, down), winograd_elements_end(x, across)}};
}

/* One k-block of the weights, for all elements that have them. */
static void multiply_alike(struct products *p, const struct alike *points) {
    const int down = points->end[0] - points->first[0], across = points->end[1] - points->first[1];
    const int columns = p->panel->block->grid->axis[1].elements, rows = p->panel->rows;
    prefetch_weights(p, p->weights + p->source.blocks * LANES * rows * LANES, rows, kernel_calls(p) * down * across);
    for (int i = 0; i < down * across; i++)
        multiply(p, (points->first[0] + i / across) * columns + points->first[1] + i % across);
}

/* One element after the other; the weights of the next panel follow those of the last element. */
static void multiply_transformed(const struct winograd_panel *panel, const float *weights) {
    const struct winograd_grid *grid = panel->block->grid;
    const struct winograd_tiling *b = &grid->tiling;
    struct products p = products_of(panel);
    p.weights = weights;
    for (int64_t kept = 0; kept < winograd_stored(grid); kept++) {
        const struct alike points = alike_at(grid, kept);
        for (p.depth = 0; p.depth < b->depth; p.depth += b->k_block) {
            p.source.blocks = (int)at_most(b->depth - p.depth, b->k_block);
            multiply_alike(&p, &points);
            p.weights += p.source.blocks * LANES * panel->rows * LANES;
        }
    }
}

/* ---- weights stored as taps ---- */

/* A tap, if both dimensions have one; else what was made in its place. */
static struct winograd_number number_of(const struct winograd_grid *grid, int ty, int tx, int made) {
    const int8_t tap = (int8_t)(ty >= 0 && tx >= 0 ? ty * grid->axis[1].taps + tx : -1);
    return (struct winograd_number){tap, (int8_t)made};
}

/* In pairs: the number for a tap of the dimension whose weights tiles form, at a element of the other one. */
static struct winograd_number half_of(const struct winograd_grid *grid, int tap, int other) {
    const struct winograd_axis *y = &grid->axis[0], *x = &grid->axis[1];
    if (y->taps == 1)
        return number_of(grid, 0, tap, 0);
    return number_of(grid, tap, winograd_pure_tap(x->kind, other), tap * x->elements + other);
}

static void list_pair(const struct winograd_grid *grid, const struct winograd_kernel *kernel, int y, int x,
                      struct winograd_weight *source) {
    const bool down = grid->axis[0].taps > 1;
    const enum winograd_kind kind = grid->axis[down ? 0 : 1].kind;
    const int point = down ? y : x, other = down ? x : y, tap = winograd_pure_tap(kind, point);
    source->pair = tap < 0;
    source->first = half_of(grid, tap < 0 ? 0 : tap, other);
    source->second = half_of(grid, 1, other);
    source->factor = source->pair ? kernel->factor(kind, point) : 0;
}

void winograd_list_weights(const struct winograd_grid *grid, const struct winograd_kernel *kernel,
                           struct winograd_weight sources[WINOGRAD_MOST_ELEMENTS]) {
    const struct winograd_axis *ay = &grid->axis[0], *ax = &grid->axis[1];
    for (int i = 0; i < ay->elements * ax->elements; i++) {
        const int y = i % ay->elements, x = i / ay->elements, point = y * ax->elements + x;
        const int ty = winograd_pure_tap(ay->kind, y), tx = winograd_pure_tap(ax->kind, x);
        const int made = winograd_distinct_element(ay->kind, y) * winograd_distinct_elements(ax->kind) +
                         winograd_distinct_element(ax->kind, x);
        sources[i] = (struct winograd_weight){.point = point, .first = number_of(grid, ty, tx, made)};
        if (grid->weights == WINOGRAD_IN_KERNEL)
            list_pair(grid, kernel, y, x, &sources[i]);
    }
}

/* Where what is stored of a panel's weights begins: those of a channel block, by elements or taps, are `block` floats.
 */
static const float *stored_at(const struct winograd_panel *panel, int64_t block) {
    const struct winograd_block *own = panel->block;
    const struct winograd_tiling *b = &own->grid->tiling;
    const int64_t group = own->image % own->run->state->window.group, numbers = winograd_stored(own->grid);
    return own->phase->packed + (group * b->rows + panel->row) * LANES * numbers * b->depth * LANES +
           block * LANES * numbers * panel->rows * LANES;
}

void winograd_make(const struct winograd_panel *panel, int64_t depth, int64_t depths) {
    const struct winograd_grid *grid = panel->block->grid;
    const struct winograd_axis *y = &grid->axis[0], *x = &grid->axis[1];
    const struct winograd_kernel *kernel = panel->block->run->kernels->winograd;
    const int64_t place = winograd_made_place(&grid->tiling), square = LANES * panel->rows * LANES;
    const int64_t numbers = depths * LANES, block = y->taps * x->taps * square;
    const int lanes = panel->rows * LANES;
    const float *taps = stored_at(panel, depth);
    if (grid->weights == WINOGRAD_PER_PANEL)
        kernel->expand(y->kind, x->kind, taps, (size_t)block, numbers, lanes, panel->weights, (size_t)place);
    else if (winograd_made(grid) > 0)
        for (int tap = 0; tap < y->taps; tap++)
            kernel->expand(WINOGRAD_ONE, x->kind, taps + tap * x->taps * square, (size_t)block, numbers, lanes,
                           panel->weights + tap * x->elements * place, (size_t)place);
}

static const float *number_at(const struct winograd_panel *panel, const float *taps, struct winograd_number number) {
    const struct winograd_tiling *b = &panel->block->grid->tiling;
    return number.tap < 0 ? panel->weights + number.made * winograd_made_place(b)
                          : taps + number.tap * LANES * panel->rows * LANES;
}

/* What is read after a k-block: the next one, or, at the end of the k-slice, its beginning for the next panel. */
static const float *stored_after(const struct winograd_panel *panel, int64_t depth) {
    struct winograd_panel next = *panel;
    if (depth < panel->block->depth_end || panel->row + panel->rows >= panel->block->grid->tiling.rows)
        return stored_at(panel, depth);
    next.row += panel->rows;
    return stored_at(&next, panel->block->depth0);
}

void winograd_add_products(const struct winograd_panel *panel, int64_t depth, int64_t depths) {
    const struct winograd_grid *grid = panel->block->grid;
    const int64_t skip = (winograd_stored(grid) - 1) * LANES * panel->rows * LANES; /* between blocks of a tap */
    const int points = grid->tiling.elements;
    const float *taps = stored_at(panel, depth);
    struct products p = products_of(panel);
    p.depth = depth;
    p.source.blocks = (int)depths;
    prefetch_weights(&p, stored_after(panel, depth + depths), panel->rows * winograd_stored(grid),
                     kernel_calls(&p) * points);
    for (int i = 0; i < points; i++) {
        const struct winograd_weight *source = &panel->sources[i];
        p.weights = number_at(panel, taps, source->first);
        p.source.weight_skip = source->first.tap < 0 ? 0 : skip;
        p.source.second = source->pair ? number_at(panel, taps, source->second) : NULL;
        p.source.factor = source->factor;
        multiply(&p, source->point);
    }
}

void winograd_run_panel(const struct winograd_panel *panel) {
    multiply_transformed(panel, stored_at(panel, 0));
    winograd_write_tiles(panel);
}
