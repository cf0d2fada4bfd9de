#include "ops/blocked/winograd/winograd_plan.h"

#include <math.h>
#include <string.h>

/* ---- cutting ---- */

/* One dimension of a grid as Winograd sees it: `sets` of elements, each with `parts` of taps. */
struct axis_split {
    int grids, parts;
    int64_t step;
    enum winograd_kind kind;
};

/* The kind for so many taps: m = 4, or 2 when `small`. */
static enum winograd_kind kind_of(int taps, bool small) {
    if (taps == 1)
        return WINOGRAD_ONE;
    if (taps == 2)
        return small ? WINOGRAD_2_2 : WINOGRAD_4_2;
    return small ? WINOGRAD_2_3 : WINOGRAD_4_3;
}

/* Most outputs of a tile that are tried. */
enum size { SIZE_2, SIZE_4, SIZE_8, SIZES };

/* False where no cut makes elements and taps step alike with 1 to 3 taps. */
static bool split_of(const struct phase_axis *axis, enum size size, struct axis_split *cut) {
    const bool small = size == SIZE_2;
    const int64_t tap_step = axis->tap_step < 0 ? -axis->tap_step : axis->tap_step;
    if (axis->taps == 1) {
        *cut = (struct axis_split){1, 1, axis->step, WINOGRAD_ONE};
        return true;
    }
    if (size == SIZE_8) { /* longer filters would lose too many digits */
        *cut = (struct axis_split){(int)tap_step, 1, tap_step, WINOGRAD_8_2};
        return axis->step == 1 && tap_step <= 4 && axis->taps == 2;
    }
    if (axis->step == 1 && tap_step <= 4 && axis->taps <= 3) {
        *cut = (struct axis_split){(int)tap_step, 1, tap_step, kind_of((int)axis->taps, small)};
        return true;
    }
    if (axis->step == 2 && tap_step == 1 && axis->taps == 3) {
        *cut = (struct axis_split){1, 1, 1, small ? WINOGRAD_2_3_BY_2 : WINOGRAD_4_3_BY_2};
        return true;
    }
    if (axis->step == 2 && tap_step == 1 && axis->taps <= 6) {
        *cut = (struct axis_split){1, 2, 2, kind_of((int)(axis->taps + 1) / 2, small)};
        return true;
    }
    return false;
}

static struct winograd_axis axis_of(const struct axis_split *cut, int64_t points) {
    const int outputs = winograd_outputs(cut->kind);
    return (struct winograd_axis){.kind = cut->kind,
                                  .outputs = outputs,
                                  .taps = winograd_taps(cut->kind),
                                  .elements = winograd_elements(cut->kind),
                                  .advance = winograd_advance(cut->kind),
                                  .step = cut->step,
                                  .tiles = (points + outputs - 1) / outputs};
}

/* The a-th of `sets` interleaved grids. */
static struct phase_axis position_subset(const struct phase_axis *axis, int grids, int64_t a) {
    struct phase_axis set = *axis;
    set.positions = (axis->positions - a + grids - 1) / grids;
    set.step = axis->step * grids;
    set.first = axis->first + a * axis->step;
    set.out0 = axis->out0 + a * axis->out_step;
    set.out_step = axis->out_step * grids;
    return set;
}

/* First input and kernel index of the c-th of `parts` interleaved sets of taps, in the order of rising inputs. */
static void tap_part(const struct phase_axis *axis, const struct axis_split *cut, int c, int d,
                     struct winograd_part *part) {
    const bool falling = axis->tap_step < 0;
    const int64_t last = axis->taps - 1;
    part->first[d] = (falling ? axis->first + last * axis->tap_step : axis->first) + c;
    part->kernel0[d] = (falling ? axis->kernel0 + last * axis->kernel_step : axis->kernel0) + c * axis->kernel_step;
    part->kernel_step[d] = (falling ? -1 : 1) * axis->kernel_step * cut->parts;
}

static struct winograd_grid grid_of(const struct phase_geometry *geometry, const struct axis_split cuts[2], int a,
                                    int b) {
    struct winograd_grid set = {.y = position_subset(&geometry->axis[1], cuts[0].grids, a),
                                .x = position_subset(&geometry->axis[2], cuts[1].grids, b),
                                .part_count = cuts[0].parts * cuts[1].parts};
    set.axis[0] = axis_of(&cuts[0], set.y.positions);
    set.axis[1] = axis_of(&cuts[1], set.x.positions);
    for (int i = 0; i < set.part_count; i++) {
        tap_part(&geometry->axis[1], &cuts[0], i / cuts[1].parts, 0, &set.parts[i]);
        tap_part(&geometry->axis[2], &cuts[1], i % cuts[1].parts, 1, &set.parts[i]);
        set.parts[i].first[0] += a * geometry->axis[1].step;
        set.parts[i].first[1] += b * geometry->axis[2].step;
    }
    return set;
}

/* The same for both dimensions; eight outputs are for y, or where y has a single tap. */
static bool splits_of(const struct window *window, const struct phase_geometry *geometry, const enum size sizes[2],
                      struct axis_split cuts[2]) {
    const struct phase_axis *z = &geometry->axis[0];
    if (z->taps != 1 || z->positions != 1 || z->out != 1 || z->first != 0 || z->in != 1)
        return false;
    if (window->in_channels < 8 || window->out_channels < 8)
        return false;
    if (!split_of(&geometry->axis[1], sizes[0], &cuts[0]) || !split_of(&geometry->axis[2], sizes[1], &cuts[1]))
        return false;
    const bool ones[2] = {cuts[0].kind == WINOGRAD_ONE, cuts[1].kind == WINOGRAD_ONE};
    return !(ones[0] && ones[1]) && (ones[0] || cuts[1].kind != WINOGRAD_8_2);
}

/* All grids, with tiles of these sizes; their number, 0 when they do not fit. */
static int split_phase(const struct window *window, const struct phase_geometry *geometry, const enum size sizes[2],
                       struct winograd_grid grids[WINOGRAD_GRIDS]) {
    struct axis_split cuts[2];
    if (!splits_of(window, geometry, sizes, cuts) || cuts[0].grids * cuts[1].grids > WINOGRAD_GRIDS)
        return 0;
    int count = 0;
    for (int a = 0; a < cuts[0].grids; a++)
        for (int b = 0; b < cuts[1].grids; b++) {
            const struct winograd_grid set = grid_of(geometry, cuts, a, b);
            if (set.y.positions > 0 && set.x.positions > 0)
                grids[count++] = set;
        }
    return count;
}

/*
 * Costs in vectors of products (a channel block by a number), from measurements. A transformed block costs loads, sums
 * and stores. A vector of weights serves the tiles of a segment; where it comes from memory it takes at least as long
 * as MEMORY_COST products, and where so many are stored that loading a model takes notice, they have their price.
 * Weights formed in the kernel cost neither, but every tile of the kernel forms them anew, and those of the other
 * dimension cost MAKE_COST. Where a panel's are transformed as a whole, they go through a cache that is farther, but
 * once for many tiles. That is chosen even where it costs a little time: so many weights take longer to make ready, and
 * more memory, than their taps. The batch does not count: its rows have the bits that they have alone.
 */
#define TRANSFORM_COST 14.0
#define MEMORY_COST 20.0
#define STORED_COST 6.0
#define MAKE_COST 5.0
#define FORM_COST 2.0
#define PAIR_TILES 9.0 /* of a tile of the kernel, about */
#define PANEL_COST 10.0
#define PANEL_TILES 256.0
#define FEW_TILES 400.0 /* more take so long that the start does not matter */
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

/* So many products for each of `tiles`, with vectors of weights that are stored. */
static double transformed_cost(double tiles, double products, double vectors) {
    const double passes = least_one(tiles / SEGMENT_TILES), floats = vectors * CHANNEL_BLOCK;
    const double memory = floats > CACHED_WEIGHTS ? passes * MEMORY_COST * vectors : 0, all = products * tiles;
    return (memory > all ? memory : all) + (floats > MANY_WEIGHTS ? STORED_COST * vectors : 0);
}

/* Products with weights that are transformed for the tiles of all sets, those that elements have in common once. */
static double per_panel_cost(double tiles, double vectors, double kept) {
    return vectors * tiles + kept * least_one(tiles / PANEL_TILES) * PANEL_COST;
}

double winograd_in_kernel_cost(double tiles, const struct winograd_axis *y, const struct winograd_axis *x) {
    const int formed = (y->taps > 1 ? y : x)->elements, others = y->elements * x->elements / formed;
    const double made = y->taps > 1 && x->taps > 1 ? y->taps * (others - 2) : 0;
    return others * (formed * tiles + (formed - 2) * least_one(tiles / PAIR_TILES) * FORM_COST) + made * MAKE_COST;
}

static bool have_eight(const struct winograd_axis *y, const struct winograd_axis *x) {
    return y->kind == WINOGRAD_8_2 || x->kind == WINOGRAD_8_2;
}

/* Eight outputs beside others are for weights formed in the kernel alone. */
static bool can_be_stored(const struct winograd_axis *y, const struct winograd_axis *x) {
    return !have_eight(y, x) || y->taps == 1 || x->taps == 1;
}

/* Four fifths more weights must be few. */
static bool few_weights(const struct winograd_axis *y, const struct winograd_axis *x, double vectors) {
    return !have_eight(y, x) || vectors * CHANNEL_BLOCK <= MANY_WEIGHTS;
}

/* Of all grids; says how their weights are best kept. */
static double winograd_cost(const struct window *window, bool panels, const struct forced_choices *forced,
                            struct winograd_grid *grids, int count) {
    const struct winograd_axis *y = &grids[0].axis[0], *x = &grids[0].axis[1];
    const double rows = blocks_of(window->out_channels);
    const double depth = blocks_of(window->in_channels) * grids[0].part_count;
    const double taps = rows * depth * CHANNEL_BLOCK, vectors = y->elements * x->elements * taps;
    const double kept = winograd_distinct_elements(y->kind) * winograd_distinct_elements(x->kind) * taps;
    const bool distant = kept * CHANNEL_BLOCK > CACHED_WEIGHTS; /* else they had better be ready */
    const bool ready =
        can_be_stored(y, x) && forced_in(forced->weights, WINOGRAD_TRANSFORMED, few_weights(y, x, vectors));
    const bool pairs = winograd_in_kernel(y->kind, x->kind) && forced_in(forced->weights, WINOGRAD_IN_KERNEL, distant);
    double costs[] = {0, 0, 0}, transforms = 0, all = 0;
    for (int i = 0; i < count; i++) {
        const double tiles = (double)winograd_image_tiles(&grids[i]);
        costs[WINOGRAD_TRANSFORMED] += ready ? transformed_cost(tiles, vectors, kept) : INFINITY;
        costs[WINOGRAD_IN_KERNEL] += pairs ? taps * winograd_in_kernel_cost(tiles, y, x) : INFINITY;
        transforms += tiles * y->elements * x->elements * TRANSFORM_COST * (depth + rows);
        all += tiles;
    }
    const bool many = panels && kept * CHANNEL_BLOCK > DISTANT_WEIGHTS && all <= FEW_TILES;
    const bool passing = winograd_per_panel(y->kind, x->kind) && forced_in(forced->weights, WINOGRAD_PER_PANEL, many);
    costs[WINOGRAD_PER_PANEL] = passing ? per_panel_cost(all, vectors, kept) : INFINITY;
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
    const double rows = blocks_of(window->out_channels);
    const double depth = blocks_of(window->in_channels) * CHANNEL_BLOCK * (double)geometry->taps;
    return transformed_cost((double)geometry->positions, rows * depth, rows * depth);
}

/* Winograd is chosen when it saves this much: the costs are rough. */
#define WORTH_WINOGRAD 1.08

/* All grids, with tiles of these sizes, if they fit and are not forbidden; their number. */
static int cut_allowed(const struct window *window, const struct phase_geometry *geometry, const enum size sizes[2],
                       const struct forced_choices *forced, struct winograd_grid grids[WINOGRAD_GRIDS]) {
    const int count = split_phase(window, geometry, sizes, grids);
    const bool allowed = count && forced_in(forced->kinds[0], grids[0].axis[0].kind, true) &&
                         forced_in(forced->kinds[1], grids[0].axis[1].kind, true);
    return allowed ? count : 0;
}

int winograd_choose(const struct window *window, const struct phase_geometry *geometry, bool panels,
                    const struct forced_choices *forced, struct winograd_grid grids[WINOGRAD_GRIDS]) {
    double least = forced->winograd == FORCED_YES ? INFINITY : direct_cost(window, geometry) / WORTH_WINOGRAD;
    int best = 0;
    for (enum size y = 0; y < SIZES; y++)
        for (enum size x = 0; x < SIZES; x++) {
            struct winograd_grid tried[WINOGRAD_GRIDS];
            const int count = cut_allowed(window, geometry, (enum size[]){y, x}, forced, tried);
            const double cost = count ? winograd_cost(window, panels, forced, tried, count) : least;
            if (cost < least) {
                least = cost;
                best = count;
                memcpy(grids, tried, (size_t)count * sizeof *tried);
            }
        }
    return best;
}
