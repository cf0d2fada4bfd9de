#include "ops/blocked/winograd/winograd_plan.h"

#include <math.h>
#include <string.h>

/* ---- cutting ---- */

/* One dimension of a lattice as minimal filtering sees it: `sets` of points, each with `parts` of taps. */
struct cut_axis {
    int sets, parts;
    int64_t step;
    enum filter_kind kind;
};

/* The kind for so many taps: m = 4, or 2 when `small`. */
static enum filter_kind kind_of(int taps, bool small) {
    if (taps == 1)
        return FILTER_ONE;
    if (taps == 2)
        return small ? FILTER_2_2 : FILTER_4_2;
    return small ? FILTER_2_3 : FILTER_4_3;
}

/* Most outputs of a tile that are tried. */
enum size { SIZE_2, SIZE_4, SIZE_8, SIZES };

/* False where no cut makes points and taps step alike with 1 to 3 taps. */
static bool cut_of(const struct lattice_axis *axis, enum size size, struct cut_axis *cut) {
    const bool small = size == SIZE_2;
    const int64_t tap_step = axis->tap_step < 0 ? -axis->tap_step : axis->tap_step;
    if (axis->taps == 1) {
        *cut = (struct cut_axis){1, 1, axis->step, FILTER_ONE};
        return true;
    }
    if (size == SIZE_8) { /* longer filters would lose too many digits */
        *cut = (struct cut_axis){(int)tap_step, 1, tap_step, FILTER_8_2};
        return axis->step == 1 && tap_step <= 4 && axis->taps == 2;
    }
    if (axis->step == 1 && tap_step <= 4 && axis->taps <= 3) {
        *cut = (struct cut_axis){(int)tap_step, 1, tap_step, kind_of((int)axis->taps, small)};
        return true;
    }
    if (axis->step == 2 && tap_step == 1 && axis->taps == 3) {
        *cut = (struct cut_axis){1, 1, 1, small ? FILTER_2_3_BY_2 : FILTER_4_3_BY_2};
        return true;
    }
    if (axis->step == 2 && tap_step == 1 && axis->taps <= 6) {
        *cut = (struct cut_axis){1, 2, 2, kind_of((int)(axis->taps + 1) / 2, small)};
        return true;
    }
    return false;
}

static struct filter_axis axis_of(const struct cut_axis *cut, int64_t points) {
    const int outputs = filter_outputs(cut->kind);
    return (struct filter_axis){.kind = cut->kind,
                                .outputs = outputs,
                                .taps = filter_taps(cut->kind),
                                .points = filter_points(cut->kind),
                                .advance = filter_advance(cut->kind),
                                .step = cut->step,
                                .tiles = (points + outputs - 1) / outputs};
}

/* The a-th of `sets` interleaved sets of points. */
static struct lattice_axis point_set(const struct lattice_axis *axis, int sets, int64_t a) {
    struct lattice_axis set = *axis;
    set.points = (axis->points - a + sets - 1) / sets;
    set.step = axis->step * sets;
    set.first = axis->first + a * axis->step;
    set.out0 = axis->out0 + a * axis->out_step;
    set.out_step = axis->out_step * sets;
    return set;
}

/* First input and kernel index of the c-th of `parts` interleaved sets of taps, in the order of rising inputs. */
static void tap_part(const struct lattice_axis *axis, const struct cut_axis *cut, int c, int d,
                     struct filter_part *part) {
    const bool falling = axis->tap_step < 0;
    const int64_t last = axis->taps - 1;
    part->first[d] = (falling ? axis->first + last * axis->tap_step : axis->first) + c;
    part->kernel0[d] = (falling ? axis->kernel0 + last * axis->kernel_step : axis->kernel0) + c * axis->kernel_step;
    part->kernel_step[d] = (falling ? -1 : 1) * axis->kernel_step * cut->parts;
}

static struct filter_lattice set_lattice(const struct lattice *lattice, const struct cut_axis cuts[2], int a, int b) {
    struct filter_lattice set = {.y = point_set(&lattice->axis[1], cuts[0].sets, a),
                                 .x = point_set(&lattice->axis[2], cuts[1].sets, b),
                                 .part_count = cuts[0].parts * cuts[1].parts};
    set.axis[0] = axis_of(&cuts[0], set.y.points);
    set.axis[1] = axis_of(&cuts[1], set.x.points);
    for (int i = 0; i < set.part_count; i++) {
        tap_part(&lattice->axis[1], &cuts[0], i / cuts[1].parts, 0, &set.parts[i]);
        tap_part(&lattice->axis[2], &cuts[1], i % cuts[1].parts, 1, &set.parts[i]);
        set.parts[i].first[0] += a * lattice->axis[1].step;
        set.parts[i].first[1] += b * lattice->axis[2].step;
    }
    return set;
}

/* The same for both dimensions; eight outputs are for y, or where y has a single tap. */
static bool cuts_of(const struct window *window, const struct lattice *lattice, const enum size sizes[2],
                    struct cut_axis cuts[2]) {
    const struct lattice_axis *z = &lattice->axis[0];
    if (z->taps != 1 || z->points != 1 || z->out != 1 || z->first != 0 || z->in != 1)
        return false;
    if (window->in_channels < 8 || window->out_channels < 8)
        return false;
    if (!cut_of(&lattice->axis[1], sizes[0], &cuts[0]) || !cut_of(&lattice->axis[2], sizes[1], &cuts[1]))
        return false;
    const bool ones[2] = {cuts[0].kind == FILTER_ONE, cuts[1].kind == FILTER_ONE};
    return !(ones[0] && ones[1]) && (ones[0] || cuts[1].kind != FILTER_8_2);
}

/* All sets of points, with tiles of these sizes; their number, 0 when they do not fit. */
static int cut_lattice(const struct window *window, const struct lattice *lattice, const enum size sizes[2],
                       struct filter_lattice lattices[FILTER_SETS]) {
    struct cut_axis cuts[2];
    if (!cuts_of(window, lattice, sizes, cuts) || cuts[0].sets * cuts[1].sets > FILTER_SETS)
        return 0;
    int count = 0;
    for (int a = 0; a < cuts[0].sets; a++)
        for (int b = 0; b < cuts[1].sets; b++) {
            const struct filter_lattice set = set_lattice(lattice, cuts, a, b);
            if (set.y.points > 0 && set.x.points > 0)
                lattices[count++] = set;
        }
    return count;
}

/*
 * Costs in vectors of products (a channel block by a number), from measurements. A transformed block costs loads, sums
 * and stores. A vector of weights serves the tiles of a segment; where it comes from memory it takes at least as long
 * as MEMORY_COST products, and where so many are kept that loading a model takes notice, they have their price. Weights
 * in pairs cost neither, but every tile of the kernel forms them anew, and those of the other dimension cost MAKE_COST.
 * Where a panel's are transformed as a whole, they go through a cache that is farther, but once for many tiles. That is
 * chosen even where it costs a little time: so many weights take longer to make ready, and more memory, than their
 * taps. The batch does not count: its rows have the bits that they have alone.
 */
#define TRANSFORM_COST 14.0
#define MEMORY_COST 20.0
#define KEPT_COST 6.0
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

/* So many products for each of `tiles`, with vectors of weights that are kept. */
static double ready_cost(double tiles, double products, double vectors) {
    const double passes = least_one(tiles / SEGMENT_TILES), floats = vectors * CHANNEL_BLOCK;
    const double memory = floats > CACHED_WEIGHTS ? passes * MEMORY_COST * vectors : 0, all = products * tiles;
    return (memory > all ? memory : all) + (floats > MANY_WEIGHTS ? KEPT_COST * vectors : 0);
}

/* Products with weights that are transformed for the tiles of all sets, those that points have in common once. */
static double panels_cost(double tiles, double vectors, double kept) {
    return vectors * tiles + kept * least_one(tiles / PANEL_TILES) * PANEL_COST;
}

double filter_pairs_cost(double tiles, const struct filter_axis *y, const struct filter_axis *x) {
    const int formed = (y->taps > 1 ? y : x)->points, others = y->points * x->points / formed;
    const double made = y->taps > 1 && x->taps > 1 ? y->taps * (others - 2) : 0;
    return others * (formed * tiles + (formed - 2) * least_one(tiles / PAIR_TILES) * FORM_COST) + made * MAKE_COST;
}

static bool have_eight(const struct filter_axis *y, const struct filter_axis *x) {
    return y->kind == FILTER_8_2 || x->kind == FILTER_8_2;
}

/* Eight outputs beside others are for weights in pairs alone. */
static bool can_be_ready(const struct filter_axis *y, const struct filter_axis *x) {
    return !have_eight(y, x) || y->taps == 1 || x->taps == 1;
}

/* Four fifths more weights must be few. */
static bool few_weights(const struct filter_axis *y, const struct filter_axis *x, double vectors) {
    return !have_eight(y, x) || vectors * CHANNEL_BLOCK <= MANY_WEIGHTS;
}

/* Of all sets of points; says how their weights are best kept. */
static double filter_cost(const struct window *window, bool panels, const struct forced_choices *forced,
                          struct filter_lattice *lattices, int count) {
    const struct filter_axis *y = &lattices[0].axis[0], *x = &lattices[0].axis[1];
    const double rows = blocks_of(window->out_channels);
    const double depth = blocks_of(window->in_channels) * lattices[0].part_count;
    const double taps = rows * depth * CHANNEL_BLOCK, vectors = y->points * x->points * taps;
    const double kept = filter_kept_points(y->kind) * filter_kept_points(x->kind) * taps;
    const bool distant = kept * CHANNEL_BLOCK > CACHED_WEIGHTS; /* else they had better be ready */
    const bool ready = can_be_ready(y, x) && forced_in(forced->weights, FILTER_READY, few_weights(y, x, vectors));
    const bool pairs = filter_in_pairs(y->kind, x->kind) && forced_in(forced->weights, FILTER_PAIRS, distant);
    double costs[] = {0, 0, 0}, transforms = 0, all = 0;
    for (int i = 0; i < count; i++) {
        const double tiles = (double)filter_image_tiles(&lattices[i]);
        costs[FILTER_READY] += ready ? ready_cost(tiles, vectors, kept) : INFINITY;
        costs[FILTER_PAIRS] += pairs ? taps * filter_pairs_cost(tiles, y, x) : INFINITY;
        transforms += tiles * y->points * x->points * TRANSFORM_COST * (depth + rows);
        all += tiles;
    }
    const bool many = panels && kept * CHANNEL_BLOCK > DISTANT_WEIGHTS && all <= FEW_TILES;
    const bool passing = filter_in_panels(y->kind, x->kind) && forced_in(forced->weights, FILTER_PANELS, many);
    costs[FILTER_PANELS] = passing ? panels_cost(all, vectors, kept) : INFINITY;
    enum filter_weights best = costs[FILTER_PAIRS] < costs[FILTER_READY] ? FILTER_PAIRS : FILTER_READY;
    if (costs[FILTER_PANELS] < costs[FILTER_PAIRS] && costs[FILTER_PANELS] < costs[FILTER_READY] * WORTH_MEMORY)
        best = FILTER_PANELS;
    for (int i = 0; i < count; i++)
        lattices[i].weights = best;
    return transforms + costs[best];
}

static double direct_cost(const struct window *window, const struct lattice *lattice) {
    const double rows = blocks_of(window->out_channels);
    const double depth = blocks_of(window->in_channels) * CHANNEL_BLOCK * (double)lattice->taps;
    return ready_cost((double)lattice->points, rows * depth, rows * depth);
}

/* Minimal filtering is chosen when it saves this much: the costs are rough. */
#define WORTH_FILTERING 1.08

/* All sets of points, with tiles of these sizes, if they fit and are not forbidden; their number. */
static int cut_allowed(const struct window *window, const struct lattice *lattice, const enum size sizes[2],
                       const struct forced_choices *forced, struct filter_lattice lattices[FILTER_SETS]) {
    const int count = cut_lattice(window, lattice, sizes, lattices);
    const bool allowed = count && forced_in(forced->kinds[0], lattices[0].axis[0].kind, true) &&
                         forced_in(forced->kinds[1], lattices[0].axis[1].kind, true);
    return allowed ? count : 0;
}

int filter_choose(const struct window *window, const struct lattice *lattice, bool panels,
                  const struct forced_choices *forced, struct filter_lattice lattices[FILTER_SETS]) {
    double least = forced->winograd == FORCED_YES ? INFINITY : direct_cost(window, lattice) / WORTH_FILTERING;
    int best = 0;
    for (enum size y = 0; y < SIZES; y++)
        for (enum size x = 0; x < SIZES; x++) {
            struct filter_lattice tried[FILTER_SETS];
            const int count = cut_allowed(window, lattice, (enum size[]){y, x}, forced, tried);
            const double cost = count ? filter_cost(window, panels, forced, tried, count) : least;
            if (cost < least) {
                least = cost;
                best = count;
                memcpy(lattices, tried, (size_t)count * sizeof *tried);
            }
        }
    return best;
}
