#include "ops/blocked/winograd/winograd_panel.h"

#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_transform.h"

#define LANES CHANNEL_BLOCK

/*
 * The products of a panel's segment, one element after the other. What all have in common stays in `source`: filling it
 * in anew for every product would keep the processor from beginning before the one before has ended.
 */
struct panel_products {
    const struct winograd_panel *panel;
    struct block_row source;
    const float *weights; /* of the next product */
    int64_t depth;        /* first channel block of the k-block */
    int most, last[2];    /* tiles of a kernel call: of every one but the last two, and of these */
};

/*
 * The last two calls. Where the rest after calls of the largest size would be rounded up, it shares with one of these,
 * if the two halves need no rounding.
 */
static void find_last(const struct block_kernel *kernel, int blocks, int tiles, struct panel_products *p) {
    const int most = kernel->pixels[blocks], rest = (tiles - 1) % most + 1, all = most + rest, half = (all + 1) / 2;
    p->most = most;
    p->last[0] = most;
    p->last[1] = kernel->round(rest, blocks);
    if (p->last[1] > rest && tiles > most && kernel->round(half, blocks) + kernel->round(all - half, blocks) == all) {
        p->last[0] = half;
        p->last[1] = all - half;
    }
}

static struct panel_products products_of(const struct winograd_panel *panel) {
    struct panel_products p = {.panel = panel, .source = {.step = panel->group->grid->tiling.plane}};
    find_last(panel->group->run->kernels->block, panel->blocks, (int)(panel->end - panel->first), &p);
    return p;
}

/* Kernel calls of one element. */
static int64_t kernel_calls(const struct panel_products *p) {
    return divide_up(p->panel->end - p->panel->first, p->most);
}

/*
 * Divides the prefetch of the weights that are read next, `vectors` channel blocks for each input channel of the
 * k-block, among so many kernel calls: each prefetches some cache lines at every channel block of its depth.
 */
static void prefetch_weights(struct panel_products *p, const float *next, int64_t vectors, int64_t calls) {
    p->source.ahead = next;
    p->source.ahead_lines = (int)divide_up(LANES * vectors, calls);
}

/* The first inputs of the next kernel call: within a call the kernel prefetches itself. */
static inline void prefetch_inputs(const float *inputs, int tiles) {
    for (int i = 0; i < tiles; i++)
        __builtin_prefetch(inputs + i * LANES);
}

/* The product of an element over one k-block. */
static void multiply(struct panel_products *p, int element) {
    const struct winograd_panel *panel = p->panel;
    const struct winograd_tile_group *group = panel->group;
    const struct winograd_tiling *tiling = &group->grid->tiling;
    const struct block_kernel *kernel = group->run->kernels->block;
    const float *inputs =
        group->inputs + element * tiling->element + (p->depth - group->depth0) * tiling->plane + panel->first * LANES;
    float *sums = panel->sums + element * tiling->sums_element;
    p->source.pixels = inputs;
    for (int64_t left = panel->end - panel->first, size; left > 0; left -= size, sums += size * LANES) {
        const bool last = left <= p->last[1];
        size = last ? p->last[1] : left <= p->last[0] + p->last[1] ? p->last[0] : p->most;
        const float *next = last ? inputs + tiling->element : p->source.pixels + size * LANES;
        p->source.pixel_ahead = p->source.second ? next - p->source.pixels : 0;
        if (!p->source.second)
            prefetch_inputs(next, p->most);
        kernel->row((int)size, panel->blocks, &p->source, p->weights, p->depth == 0, sums, LANES,
                    (size_t)tiling->sums_plane);
        p->source.pixels = next;
        p->source.ahead += p->source.blocks * p->source.ahead_lines * LANES;
    }
}

/* Elements of y, and of x, that have the same weights: first..end - 1. */
struct equal_elements {
    int first[2], end[2];
};

static struct equal_elements elements_of(const struct winograd_grid *grid, int64_t distinct) {
    const enum winograd_kind y = grid->axis[0].kind, x = grid->axis[1].kind;
    const int64_t columns = winograd_distinct_elements(x);
    const int down = (int)(distinct / columns), across = (int)(distinct % columns);
    return (struct equal_elements){{down, across}, {winograd_elements_end(y, down), winograd_elements_end(x, across)}};
}

/* One k-block of the same weights, for all elements that have them. */
static void multiply_equal(struct panel_products *p, const struct equal_elements *equal) {
    const int down = equal->end[0] - equal->first[0], across = equal->end[1] - equal->first[1];
    const int columns = p->panel->group->grid->axis[1].elements, blocks = p->panel->blocks;
    prefetch_weights(p, p->weights + p->source.blocks * LANES * blocks * LANES, blocks,
                     kernel_calls(p) * down * across);
    for (int i = 0; i < down * across; i++)
        multiply(p, (equal->first[0] + i / across) * columns + equal->first[1] + i % across);
}

/* Weights are read in the order in which they lie, on into the next panel. */
static void multiply_transformed(const struct winograd_panel *panel, const float *weights) {
    const struct winograd_grid *grid = panel->group->grid;
    const struct winograd_tiling *tiling = &grid->tiling;
    struct panel_products p = products_of(panel);
    p.weights = weights;
    for (int64_t distinct = 0; distinct < winograd_stored(grid); distinct++) {
        const struct equal_elements equal = elements_of(grid, distinct);
        for (p.depth = 0; p.depth < tiling->depth; p.depth += tiling->k_block) {
            p.source.blocks = (int)at_most(tiling->depth - p.depth, tiling->k_block);
            multiply_equal(&p, &equal);
            p.weights += p.source.blocks * LANES * panel->blocks * LANES;
        }
    }
}

/* ---- weights stored as taps ---- */

/* The stored tap, if both dimensions have one; else what is expanded in its place. */
static struct winograd_operand operand_of(const struct winograd_grid *grid, int ty, int tx, int expanded) {
    const int8_t tap = (int8_t)(ty >= 0 && tx >= 0 ? ty * grid->axis[1].taps + tx : -1);
    return (struct winograd_operand){tap, (int8_t)expanded};
}

/* A term of a two-term weight: a tap of the dimension that the kernel transforms, at an element of the other one. */
static struct winograd_operand term_of(const struct winograd_grid *grid, int tap, int other) {
    const struct winograd_axis *y = &grid->axis[0], *x = &grid->axis[1];
    if (y->taps == 1)
        return operand_of(grid, 0, tap, 0);
    return operand_of(grid, tap, winograd_pure_tap(x->kind, other), tap * x->elements + other);
}

static void list_terms(const struct winograd_grid *grid, const struct winograd_kernel *kernel, int y, int x,
                       struct winograd_weight *source) {
    const bool down = grid->axis[0].taps > 1;
    const enum winograd_kind kind = grid->axis[down ? 0 : 1].kind;
    const int element = down ? y : x, other = down ? x : y, tap = winograd_pure_tap(kind, element);
    source->two_term = tap < 0;
    source->first = term_of(grid, tap < 0 ? 0 : tap, other);
    source->second = term_of(grid, 1, other);
    source->factor = source->two_term ? kernel->factor(kind, element) : 0;
}

void winograd_list_weights(const struct winograd_grid *grid, const struct winograd_kernel *kernel,
                           struct winograd_weight sources[WINOGRAD_MOST_ELEMENTS]) {
    const struct winograd_axis *ay = &grid->axis[0], *ax = &grid->axis[1];
    for (int i = 0; i < ay->elements * ax->elements; i++) {
        const int y = i % ay->elements, x = i / ay->elements, element = y * ax->elements + x;
        const int ty = winograd_pure_tap(ay->kind, y), tx = winograd_pure_tap(ax->kind, x);
        const int expanded = winograd_distinct_element(ay->kind, y) * winograd_distinct_elements(ax->kind) +
                             winograd_distinct_element(ax->kind, x);
        sources[i] = (struct winograd_weight){.element = element, .first = operand_of(grid, ty, tx, expanded)};
        if (grid->weights == WINOGRAD_IN_KERNEL)
            list_terms(grid, kernel, y, x, &sources[i]);
    }
}

/*
 * Where the stored weights of a panel begin: in the order of elements, or, stored as taps, those of a channel block of
 * the depth.
 */
static const float *stored_at(const struct winograd_panel *panel, int64_t depth) {
    const struct winograd_tile_group *group = panel->group;
    const struct winograd_tiling *tiling = &group->grid->tiling;
    const int64_t conv_group = group->image % group->run->state->window.group;
    const int64_t stored = winograd_stored(group->grid);
    return group->phase->packed + conv_group * (group->phase->floats / group->run->state->window.group) +
           panel->block0 * LANES * stored * tiling->depth * LANES + depth * LANES * stored * panel->blocks * LANES;
}

void winograd_expand_weights(const struct winograd_panel *panel, int64_t depth, int64_t depths) {
    const struct winograd_grid *grid = panel->group->grid;
    const struct winograd_axis *y = &grid->axis[0], *x = &grid->axis[1];
    const struct winograd_kernel *kernel = panel->group->run->kernels->winograd;
    const int64_t stride = winograd_expanded_stride(&grid->tiling), square = LANES * panel->blocks * LANES;
    const int64_t channels = depths * LANES, block = y->taps * x->taps * square;
    const int lanes = panel->blocks * LANES;
    const float *taps = stored_at(panel, depth);
    if (grid->weights == WINOGRAD_PER_PANEL)
        kernel->expand(y->kind, x->kind, taps, (size_t)block, channels, lanes, panel->weights, (size_t)stride);
    else if (winograd_expanded_count(grid) > 0)
        for (int tap = 0; tap < y->taps; tap++)
            kernel->expand(WINOGRAD_ONE, x->kind, taps + tap * x->taps * square, (size_t)block, channels, lanes,
                           panel->weights + tap * x->elements * stride, (size_t)stride);
}

static const float *operand_at(const struct winograd_panel *panel, const float *taps, struct winograd_operand operand) {
    const struct winograd_tiling *tiling = &panel->group->grid->tiling;
    return operand.tap < 0 ? panel->weights + operand.expanded * winograd_expanded_stride(tiling)
                           : taps + operand.tap * LANES * panel->blocks * LANES;
}

/* The stored weights that are read after a k-block: the next one, or the next panel's first one of the k-slice. */
static const float *stored_after(const struct winograd_panel *panel, int64_t depth) {
    struct winograd_panel next = *panel;
    if (depth < panel->group->depth_end || panel->block0 + panel->blocks >= panel->group->grid->tiling.out_blocks)
        return stored_at(panel, depth);
    next.block0 += panel->blocks;
    return stored_at(&next, panel->group->depth0);
}

void winograd_add_products(const struct winograd_panel *panel, int64_t depth, int64_t depths) {
    const struct winograd_grid *grid = panel->group->grid;
    const int64_t skip =
        (winograd_stored(grid) - 1) * LANES * panel->blocks * LANES; /* to a tap's next channel block */
    const int elements = grid->tiling.elements;
    const float *taps = stored_at(panel, depth);
    struct panel_products p = products_of(panel);
    p.depth = depth;
    p.source.blocks = (int)depths;
    prefetch_weights(&p, stored_after(panel, depth + depths), panel->blocks * winograd_stored(grid),
                     kernel_calls(&p) * elements);
    for (int i = 0; i < elements; i++) {
        const struct winograd_weight *source = &panel->sources[i];
        p.weights = operand_at(panel, taps, source->first);
        p.source.weight_skip = source->first.tap < 0 ? 0 : skip;
        p.source.second = source->two_term ? operand_at(panel, taps, source->second) : NULL;
        p.source.factor = source->factor;
        multiply(&p, source->element);
    }
}

void winograd_run_panel(const struct winograd_panel *panel) {
    multiply_transformed(panel, stored_at(panel, 0));
    winograd_write_tiles(panel);
}
