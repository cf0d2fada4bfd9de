#include "ops/blocked/winograd/winograd_plan.h"

#include <math.h>
#include <string.h>

/* ---- splitting a phase ---- */

/* How one dimension is split: interleaved subsets of output positions and of taps, and the kind of all of them. */
struct axis_split {
    int grids, parts;
    int64_t step;
    enum winograd_kind kind;
};

/* F(4, taps), or F(2, taps) when `small`. */
static enum winograd_kind kind_of(int taps, bool small) {
    if (taps == 1)
        return WINOGRAD_ONE;
    if (taps == 2)
        return small ? WINOGRAD_2_2 : WINOGRAD_4_2;
    return small ? WINOGRAD_2_3 : WINOGRAD_4_3;
}

/* Outputs m of a tile. */
enum size { SIZE_2, SIZE_4, SIZE_8, SIZES };

/* False where no split leaves 1 to 3 taps that step as the output positions do. */
static bool split_of(const struct phase_axis *axis, enum size size, struct axis_split *split) {
    const bool small = size == SIZE_2;
    const int64_t tap_step = axis->tap_step < 0 ? -axis->tap_step : axis->tap_step;
    if (axis->taps == 1) {
        *split = (struct axis_split){1, 1, axis->step, WINOGRAD_ONE};
        return true;
    }
    if (size == SIZE_8) { /* F(8, 3) would lose too many digits */
        *split = (struct axis_split){(int)tap_step, 1, tap_step, WINOGRAD_8_2};
        return axis->step == 1 && tap_step <= 4 && axis->taps == 2;
    }
    if (axis->step == 1 && tap_step <= 4 && axis->taps <= 3) {
        *split = (struct axis_split){(int)tap_step, 1, tap_step, kind_of((int)axis->taps, small)};
        return true;
    }
    if (axis->step == 2 && tap_step == 1 && axis->taps == 3) {
        *split = (struct axis_split){1, 1, 1, small ? WINOGRAD_2_3_STRIDE_2 : WINOGRAD_4_3_STRIDE_2};
        return true;
    }
    if (axis->step == 2 && tap_step == 1 && axis->taps <= 6) {
        *split = (struct axis_split){1, 2, 2, kind_of((int)(axis->taps + 1) / 2, small)};
        return true;
    }
    return false;
}

static struct winograd_axis axis_of(const struct axis_split *split, int64_t positions) {
    const int outputs = winograd_outputs(split->kind);
    return (struct winograd_axis){.kind = split->kind,
                                  .outputs = outputs,
                                  .taps = winograd_taps(split->kind),
                                  .elements = winograd_elements(split->kind),
                                  .advance = winograd_advance(split->kind),
                                  .step = split->step,
                                  .tiles = (positions + outputs - 1) / outputs};
}

/* The a-th of so many interleaved subsets of the output positions. */
static struct phase_axis position_subset(const struct phase_axis *axis, int grids, int64_t a) {
    struct phase_axis subset = *axis;
    subset.positions = (axis->positions - a + grids - 1) / grids;
    subset.step = axis->step * grids;
    subset.first = axis->first + a * axis->step;
    subset.out0 = axis->out0 + a * axis->out_step;
    subset.out_step = axis->out_step * grids;
    return subset;
}

/* The c-th of the interleaved subsets of the taps, in the order of rising inputs. */
static void tap_part(const struct phase_axis *axis, const struct axis_split *split, int c, int d,
                     struct winograd_part *part) {
    const bool falling = axis->tap_step < 0;
    const int64_t last = axis->taps - 1;
    part->first[d] = (falling ? axis->first + last * axis->tap_step : axis->first) + c;
    part->kernel0[d] = (falling ? axis->kernel0 + last * axis->kernel_step : axis->kernel0) + c * axis->kernel_step;
    part->kernel_step[d] = (falling ? -1 : 1) * axis->kernel_step * split->parts;
}

static struct winograd_grid grid_of(const struct phase_geometry *geometry, const struct axis_split splits[2], int a,
                                    int b) {
    struct winograd_grid grid = {.y = position_subset(&geometry->axis[1], splits[0].grids, a),
                                 .x = position_subset(&geometry->axis[2], splits[1].grids, b),
                                 .part_count = splits[0].parts * splits[1].parts};
    grid.axis[0] = axis_of(&splits[0], grid.y.positions);
    grid.axis[1] = axis_of(&splits[1], grid.x.positions);
    for (int i = 0; i < grid.part_count; i++) {
        tap_part(&geometry->axis[1], &splits[0], i / splits[1].parts, 0, &grid.parts[i]);
        tap_part(&geometry->axis[2], &splits[1], i % splits[1].parts, 1, &grid.parts[i]);
        grid.parts[i].first[0] += a * geometry->axis[1].step;
        grid.parts[i].first[1] += b * geometry->axis[2].step;
    }
    return grid;
}

/* Of both dimensions. F(8, 2) is for y, or for x where y has a single tap. */
static bool splits_of(const struct window *window, const struct phase_geometry *geometry, const enum size sizes[2],
                      struct axis_split splits[2]) {
    const struct phase_axis *z = &geometry->axis[0];
    if (z->taps != 1 || z->positions != 1 || z->out != 1 || z->first != 0 || z->in != 1)
        return false;
    if (window->in_channels < 8 || window->out_channels < 8)
        return false;
    if (!split_of(&geometry->axis[1], sizes[0], &splits[0]) || !split_of(&geometry->axis[2], sizes[1], &splits[1]))
        return false;
    const bool ones[2] = {splits[0].kind == WINOGRAD_ONE, splits[1].kind == WINOGRAD_ONE};
    return !(ones[0] && ones[1]) && (ones[0] || splits[1].kind != WINOGRAD_8_2);
}

/* All grids, with tiles of these sizes. Returns their number; 0 where the phase cannot be split so. */
static int split_phase(const struct window *window, const struct phase_geometry *geometry, const enum size sizes[2],
                       struct winograd_grid grids[WINOGRAD_GRIDS]) {
    struct axis_split splits[2];
    if (!splits_of(window, geometry, sizes, splits) || splits[0].grids * splits[1].grids > WINOGRAD_GRIDS)
        return 0;
    int count = 0;
    for (int a = 0; a < splits[0].grids; a++)
        for (int b = 0; b < splits[1].grids; b++) {
            const struct winograd_grid grid = grid_of(geometry, splits, a, b);
            if (grid.y.positions > 0 && grid.x.positions > 0)
                grids[count++] = grid;
        }
    return count;
}

/* ---- costs ---- */

/*
 * In vectors of products (a channel block of outputs by a number), from measurements.
 * - Transforming a channel block of an element, of inputs or of sums, costs TRANSFORM_COST.
 * - A vector of weights serves the tiles of a segment. Where weights come from memory it costs MEMORY_COST at least.
 * - Storing very many transformed weights makes loading a model slow: STORED_COST for a vector.
 * - WINOGRAD_IN_KERNEL has neither cost, but every register tile forms its weights (TWO_TERM_COST), and those of the
 *   other dimension are expanded (EXPAND_COST).
 * - WINOGRAD_PER_PANEL expands weights into L2, once for many tiles (EXPAND_PANEL_COST). It is chosen even where it
 *   takes a little longer (WORTH_MEMORY): transformed weights take more memory, and more time when a model is loaded.
 * The batch does not count, so that its rows have the bits that they have alone.
 */
#define TRANSTWO_TERM_COST 14.0
#define MEMORY_COST 20.0
#define STORED_COST 6.0
#define EXPAND_COST 5.0
#define TWO_TERM_COST 2.0
#define TWO_TERM_TILES 9.0 /* of a register tile, about */
#define EXPAND_PANEL_COST 10.0
#define PANEL_TILES 256.0
#define FEW_TILES 400.0 /* of an image: with more, running takes so long that loading does not matter */
#define WORTH_MEMORY 1.05
#define DISTANT_WEIGHTS 7e5
#define CACHED_WEIGHTS 1e6
#define MANY_WEIGHTS 4e6
#define SEGMENT_TILES 64.0

static double blocks_of(int64_t channels) {
    const int64_t blocks = (channels + CHANNEL_BLOCK - 1) / CHANNEL_BLOCK;
    return (double)blocks;
}

static double least_one(double x) {
    return x > 1 ? x : 1;
}

/* So many products for each tile, with stored vectors of weights that are used as they are. */
static double transformed_cost(double tiles, double products, double vectors) {
    const double passes = least_one(tiles / SEGMENT_TILES), floats = vectors * CHANNEL_BLOCK;
    const double memory = floats > CACHED_WEIGHTS ? passes * MEMORY_COST * vectors : 0, all = products * tiles;
    return (memory > all ? memory : all) + (floats > MANY_WEIGHTS ? STORED_COST * vectors : 0);
}

/* The tiles of all grids share the expanded weights. */
static double per_panel_cost(double tiles, double vectors, double distinct) {
    return vectors * tiles + distinct * least_one(tiles / PANEL_TILES) * EXPAND_PANEL_COST;
}

double winograd_in_kernel_cost(double tiles, const struct winograd_axis *y, const struct winograd_axis *x) {
    const int inner = (y->taps > 1 ? y : x)->elements, others = y->elements * x->elements / inner;
    const double expanded = y->taps > 1 && x->taps > 1 ? y->taps * (others - 2) : 0;
    return others * (inner * tiles + (inner - 2) * least_one(tiles / TWO_TERM_TILES) * TWO_TERM_COST) +
           expanded * EXPAND_COST;
}

static bool have_eight(const struct winograd_axis *y, const struct winograd_axis *x) {
    return y->kind == WINOGRAD_8_2 || x->kind == WINOGRAD_8_2;
}

/* F(8, 2) by another kind is for WINOGRAD_IN_KERNEL alone: it would have very many elements to store. */
static bool can_be_stored(const struct winograd_axis *y, const struct winograd_axis *x) {
    return !have_eight(y, x) || y->taps == 1 || x->taps == 1;
}

/* F(8, 2) stores four fifths more weights than F(4, 2): only where they are few. */
static bool few_weights(const struct winograd_axis *y, const struct winograd_axis *x, double vectors) {
    return !have_eight(y, x) || vectors * CHANNEL_BLOCK <= MANY_WEIGHTS;
}

/* Of all grids together; sets the form of their weights that costs least. */
static double winograd_cost(const struct window *window, bool per_panel, const struct forced_choices *forced,
                            struct winograd_grid *grids, int count) {
    const struct winograd_axis *y = &grids[0].axis[0], *x = &grids[0].axis[1];
    const double out_blocks = blocks_of(window->out_channels);
    const double depth = blocks_of(window->in_channels) * grids[0].part_count;
    const double taps = out_blocks * depth * CHANNEL_BLOCK, vectors = y->elements * x->elements * taps;
    const double distinct = winograd_distinct_elements(y->kind) * winograd_distinct_elements(x->kind) * taps;
    const bool large = distinct * CHANNEL_BLOCK > CACHED_WEIGHTS; /* less stays in a cache when it is transformed */
    const bool transformed =
        can_be_stored(y, x) && forced_in(forced->weights, WINOGRAD_TRANSFORMED, few_weights(y, x, vectors));
    const bool in_kernel =
        winograd_in_kernel(y->kind, x->kind) && forced_in(forced->weights, WINOGRAD_IN_KERNEL, large);
    double costs[] = {0, 0, 0}, transforms = 0, all = 0;
    for (int i = 0; i < count; i++) {
        const double tiles = (double)winograd_image_tiles(&grids[i]);
        costs[WINOGRAD_TRANSFORMED] += transformed ? transformed_cost(tiles, vectors, distinct) : INFINITY;
        costs[WINOGRAD_IN_KERNEL] += in_kernel ? taps * winograd_in_kernel_cost(tiles, y, x) : INFINITY;
        transforms += tiles * y->elements * x->elements * TRANSTWO_TERM_COST * (depth + out_blocks);
        all += tiles;
    }
    const bool many = per_panel && distinct * CHANNEL_BLOCK > DISTANT_WEIGHTS && all <= FEW_TILES;
    const bool expanded = winograd_per_panel(y->kind, x->kind) && forced_in(forced->weights, WINOGRAD_PER_PANEL, many);
    costs[WINOGRAD_PER_PANEL] = expanded ? per_panel_cost(all, vectors, distinct) : INFINITY;
    enum winograd_weights best =
        costs[WINOGRAD_IN_KERNEL] < costs[WINOGRAD_TRANSFORMED] ? WINOGRAD_IN_KERNEL : WINOGRAD_TRANSFORMED;
    if (costs[WINOGRAD_PER_PANEL] < costs[WINOGRAD_IN_KERNEL] &&
        costs[WINOGRAD_PER_PANEL] < costs[WINOGRAD_TRANSFORMED] * WORTH_MEMORY)
        best = WINOGRAD_PER_PANEL;
    for (int i = 0; i < count; i++)
        grids[i].weights = best;
    return transforms + costs[best];
}

static double direct_cost(const struct window *window, const struct phase_geometry *geometry) {
    const double out_blocks = blocks_of(window->out_channels);
    const double depth = blocks_of(window->in_channels) * CHANNEL_BLOCK * (double)geometry->taps;
    return transformed_cost((double)geometry->positions, out_blocks * depth, out_blocks * depth);
}

/* Winograd is chosen when direct convolution costs so many times as much: the costs are rough. */
#define WORTH_WINOGRAD 1.08

/* The same for sizes that are allowed by what is demanded. */
static int split_allowed(const struct window *window, const struct phase_geometry *geometry, const enum size sizes[2],
                         const struct forced_choices *forced, struct winograd_grid grids[WINOGRAD_GRIDS]) {
    const int count = split_phase(window, geometry, sizes, grids);
    const bool allowed = count && forced_in(forced->kinds[0], grids[0].axis[0].kind, true) &&
                         forced_in(forced->kinds[1], grids[0].axis[1].kind, true);
    return allowed ? count : 0;
}

int winograd_choose(const struct window *window, const struct phase_geometry *geometry, bool per_panel,
                    const struct forced_choices *forced, struct winograd_grid grids[WINOGRAD_GRIDS]) {
    double least = forced->winograd == FORCED_YES ? INFINITY : direct_cost(window, geometry) / WORTH_WINOGRAD;
    int best = 0;
    for (enum size y = 0; y < SIZES; y++)
        for (enum size x = 0; x < SIZES; x++) {
            struct winograd_grid tried[WINOGRAD_GRIDS];
            const int count = split_allowed(window, geometry, (enum size[]){y, x}, forced, tried);
            const double cost = count ? winograd_cost(window, per_panel, forced, tried, count) : least;
            if (cost < least) {
                least = cost;
                best = count;
                memcpy(grids, tried, (size_t)count * sizeof *tried);
            }
        }
    return best;
}
