/* Where minimal filtering applies, what it saves, and the weights for it. */
#include "ops/filter.h"

#include <string.h>

/* ---- cutting ---- */

/* One dimension of a lattice as minimal filtering sees it: `sets` of points, each with `parts` of taps. */
struct cut_axis {
    int sets, parts, taps;
    int64_t step;
};

/* False where no cut makes points and taps step alike with 1 to 3 taps. */
static bool cut_of(const struct lattice_axis *axis, struct cut_axis *cut) {
    const int64_t tap_step = axis->tap_step < 0 ? -axis->tap_step : axis->tap_step;
    if (axis->taps == 1) {
        *cut = (struct cut_axis){1, 1, 1, axis->step};
        return true;
    }
    if (axis->step == 1 && tap_step <= 4 && axis->taps <= 3) {
        *cut = (struct cut_axis){(int)tap_step, 1, (int)axis->taps, tap_step};
        return true;
    }
    if (axis->step == 2 && tap_step == 1 && axis->taps % 2 == 0 && axis->taps <= 6) {
        *cut = (struct cut_axis){1, 2, (int)axis->taps / 2, 2};
        return true;
    }
    return false;
}

/* The kind for so many taps: m = 4, or 2 when `small`. */
static enum filter_kind kind_of(int taps, bool small) {
    if (taps == 1)
        return FILTER_ONE;
    if (taps == 2)
        return small ? FILTER_2_2 : FILTER_4_2;
    return small ? FILTER_2_3 : FILTER_4_3;
}

static struct filter_axis axis_of(const struct cut_axis *cut, int64_t points, bool small) {
    static const int outputs[FILTER_KINDS] = {1, 2, 4, 2, 4};
    const enum filter_kind kind = kind_of(cut->taps, small);
    return (struct filter_axis){.kind = kind,
                                .outputs = outputs[kind],
                                .taps = cut->taps,
                                .points = outputs[kind] + cut->taps - 1,
                                .step = cut->step,
                                .tiles = (points + outputs[kind] - 1) / outputs[kind]};
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

static struct filter_lattice set_lattice(const struct lattice *lattice, const struct cut_axis cuts[2], int a, int b,
                                         int sizes) {
    struct filter_lattice set = {.y = point_set(&lattice->axis[1], cuts[0].sets, a),
                                 .x = point_set(&lattice->axis[2], cuts[1].sets, b),
                                 .part_count = cuts[0].parts * cuts[1].parts};
    set.axis[0] = axis_of(&cuts[0], set.y.points, sizes & 1);
    set.axis[1] = axis_of(&cuts[1], set.x.points, sizes & 2);
    for (int i = 0; i < set.part_count; i++) {
        tap_part(&lattice->axis[1], &cuts[0], i / cuts[1].parts, 0, &set.parts[i]);
        tap_part(&lattice->axis[2], &cuts[1], i % cuts[1].parts, 1, &set.parts[i]);
        set.parts[i].first[0] += a * lattice->axis[1].step;
        set.parts[i].first[1] += b * lattice->axis[2].step;
    }
    return set;
}

static bool cuts_of(const struct window *window, const struct lattice *lattice, struct cut_axis cuts[2]) {
    const struct lattice_axis *z = &lattice->axis[0];
    if (z->taps != 1 || z->points != 1 || z->out != 1 || z->first != 0 || z->in != 1)
        return false;
    if (window->in_channels < 8 || window->out_channels < 8)
        return false;
    return cut_of(&lattice->axis[1], &cuts[0]) && cut_of(&lattice->axis[2], &cuts[1]) &&
           cuts[0].taps * cuts[1].taps > 1;
}

/* All sets of points, with m = 2 where `sizes` has the bit of the dimension; their number, 0 when they do not fit. */
static int cut_lattice(const struct window *window, const struct lattice *lattice, int sizes,
                       struct filter_lattice *lattices, int capacity) {
    struct cut_axis cuts[2];
    if (!cuts_of(window, lattice, cuts) || cuts[0].sets * cuts[1].sets > capacity)
        return 0;
    int count = 0;
    for (int a = 0; a < cuts[0].sets; a++)
        for (int b = 0; b < cuts[1].sets; b++) {
            const struct filter_lattice set = set_lattice(lattice, cuts, a, b, sizes);
            if (set.y.points > 0 && set.x.points > 0)
                lattices[count++] = set;
        }
    return count;
}

/*
 * Costs in multiply-adds, from measurements: a transformed point costs some loads and sums; a weight that comes from a
 * cache takes as long as several products, and one that comes from memory, which all threads share, as many more.
 */
#define TRANSFORM_COST 10.0
#define CACHED_WEIGHT_COST 16.0
#define DISTANT_WEIGHT_COST 80.0
#define CACHED_WEIGHTS 4e6

static double weight_cost(double weights) {
    return weights * (weights > CACHED_WEIGHTS ? DISTANT_WEIGHT_COST : CACHED_WEIGHT_COST);
}

static double round_up(int64_t n, int unit) {
    return (double)((n + unit - 1) / unit * unit);
}

static double filter_cost(const struct window *window, const struct filter_lattice *lattices, int count, int width) {
    const double rows = (double)window->out_channels;
    const double depth = (double)window->in_channels * lattices[0].part_count;
    double cost = weight_cost(lattices[0].axis[0].points * lattices[0].axis[1].points * rows * depth);
    for (int i = 0; i < count; i++) {
        const struct filter_axis *y = &lattices[i].axis[0], *x = &lattices[i].axis[1];
        cost += y->points * x->points * round_up(y->tiles * x->tiles, width) *
                (rows * depth + TRANSFORM_COST * (depth + rows));
    }
    return cost;
}

static double direct_cost(const struct window *window, const struct lattice *lattice, int width) {
    const double rows = (double)window->out_channels, depth = (double)(window->in_channels * lattice->taps);
    return round_up(lattice->points, width) * depth * (rows + TRANSFORM_COST / 4) + weight_cost(rows * depth);
}

/* Minimal filtering is chosen when it saves this much: the costs are rough. */
#define WORTH_FILTERING 1.1

int filter_choose(const struct window *window, const struct lattice *lattice, const struct gemm_kernel *kernel,
                  struct filter_lattice *lattices, int capacity) {
    double least = direct_cost(window, lattice, kernel->columns) / WORTH_FILTERING;
    int best = -1;
    for (int sizes = 0; sizes < 4; sizes++) {
        const int count = cut_lattice(window, lattice, sizes, lattices, capacity);
        const double cost = count ? filter_cost(window, lattices, count, kernel->columns) : least;
        if (cost < least) {
            least = cost;
            best = sizes;
        }
    }
    return best < 0 ? 0 : cut_lattice(window, lattice, best, lattices, capacity);
}

/* ---- weights ---- */

int64_t filter_weight_floats(const struct window *window, const struct filter_lattice *lattice) {
    return window->group * lattice->axis[0].points * lattice->axis[1].points * lattice->part_count *
           window->in_channels * window->out_channels;
}

/* G of F(m, r): row j is [1, a, a^2] over the product of distances from point a to the others; infinity last. */
static const double weight_matrices[FILTER_KINDS][6][3] = {
    [FILTER_ONE] = {{1}},
    [FILTER_2_2] = {{-1, 0}, {1, 1}, {0, 1}},
    [FILTER_4_2] = {{1 / 2.0, 0}, {-1 / 2.0, -1 / 2.0}, {-1 / 6.0, 1 / 6.0}, {1 / 6.0, 2 / 6.0}, {0, 1}},
    [FILTER_2_3] = {{-1, 0, 0}, {1 / 2.0, 1 / 2.0, 1 / 2.0}, {1 / 2.0, -1 / 2.0, 1 / 2.0}, {0, 0, 1}},
    [FILTER_4_3] = {{1 / 4.0, 0, 0},
                    {-1 / 6.0, -1 / 6.0, -1 / 6.0},
                    {-1 / 6.0, 1 / 6.0, -1 / 6.0},
                    {1 / 24.0, 2 / 24.0, 4 / 24.0},
                    {1 / 24.0, -2 / 24.0, 4 / 24.0},
                    {0, 0, 1}},
};

static float load_float(const void *source, int64_t index) {
    float value;
    memcpy(&value, (const char *)source + index * (int64_t)sizeof value, sizeof value);
    return value;
}

#define MOST_ROWS 16 /* of a panel */

/* destination[i] = sum of matrix[i][t] * source[t], for MOST_ROWS rows side by side. */
static void multiply_rows(const double (*matrix)[3], int points, int taps, const double *source, size_t source_stride,
                          double *destination, size_t destination_stride) {
    for (int i = 0; i < points; i++) {
        double *sum = destination + (size_t)i * destination_stride;
        for (int row = 0; row < MOST_ROWS; row++)
            sum[row] = matrix[i][0] * source[row];
        for (int t = 1; t < taps; t++)
            for (int row = 0; row < MOST_ROWS; row++)
                sum[row] += matrix[i][t] * source[(size_t)t * source_stride + (size_t)row];
    }
}

/* The taps of a panel's kernels at one channel: taps[y][x][row]. */
static void load_taps(const struct filter_lattice *lattice, const struct filter_part *part,
                      const struct filter_weights *weights, int64_t start, int64_t rows, double taps[9 * MOST_ROWS]) {
    const struct filter_axis *ay = &lattice->axis[0], *ax = &lattice->axis[1];
    for (int y = 0; y < ay->taps; y++)
        for (int x = 0; x < ax->taps; x++) {
            const int64_t ky = part->kernel0[0] + y * part->kernel_step[0],
                          kx = part->kernel0[1] + x * part->kernel_step[1];
            double *place = taps + (y * ax->taps + x) * MOST_ROWS;
            for (int64_t row = 0; row < rows; row++)
                place[row] =
                    load_float(weights->source, start + row * weights->row_stride + ky * weights->kernel_width + kx);
            for (int64_t row = rows; row < MOST_ROWS; row++)
                place[row] = 0;
        }
}

static void scale_taps(const struct filter_lattice *lattice, const float *scale, int64_t rows, double *taps) {
    for (int tap = 0; tap < lattice->axis[0].taps * lattice->axis[1].taps; tap++)
        for (int64_t row = 0; row < rows; row++)
            taps[tap * MOST_ROWS + row] *= scale[row];
}

/* Transformed weights of a panel's kernels at one channel: points[y][x][row]. */
static void transform_taps(const struct filter_lattice *lattice, const double *taps, double points[36 * MOST_ROWS]) {
    const struct filter_axis *ay = &lattice->axis[0], *ax = &lattice->axis[1];
    double half[3 * 6 * MOST_ROWS];
    const size_t line = (size_t)ax->points * MOST_ROWS;
    for (int y = 0; y < ay->taps; y++)
        multiply_rows(weight_matrices[ax->kind], ax->points, ax->taps, taps + y * ax->taps * MOST_ROWS, MOST_ROWS,
                      half + (size_t)y * line, MOST_ROWS);
    for (int x = 0; x < ax->points; x++)
        multiply_rows(weight_matrices[ay->kind], ay->points, ay->taps, half + x * MOST_ROWS, line,
                      points + x * MOST_ROWS, line);
}

static void pack_panel(const struct window *window, const struct filter_lattice *lattice,
                       const struct filter_weights *weights, const struct gemm_panels *panels, int64_t group, int panel,
                       float *packed) {
    const int count = lattice->axis[0].points * lattice->axis[1].points;
    const int64_t first = gemm_panel_row(panels, panel), rows = gemm_panel_row(panels, panel + 1) - first;
    double taps[9 * MOST_ROWS], points[36 * MOST_ROWS];
    for (int part = 0; part < lattice->part_count; part++)
        for (int64_t channel = 0; channel < window->in_channels; channel++) {
            const int64_t start =
                group * weights->group_stride + first * weights->row_stride + channel * weights->channel_stride;
            load_taps(lattice, &lattice->parts[part], weights, start, rows, taps);
            if (weights->scale)
                scale_taps(lattice, weights->scale + group * window->out_channels + first, rows, taps);
            transform_taps(lattice, taps, points);
            float *place = packed + first * panels->depth + (part * window->in_channels + channel) * rows;
            for (int p = 0; p < count; p++, place += panels->rows * panels->depth)
                for (int64_t row = 0; row < rows; row++)
                    place[row] = (float)points[p * MOST_ROWS + row];
        }
}

void filter_pack(const struct window *window, const struct filter_lattice *lattice,
                 const struct filter_weights *weights, const struct gemm_kernel *kernel, int threads, float *packed) {
    const struct gemm_panels panels =
        gemm_panels(kernel, window->out_channels, lattice->part_count * window->in_channels);
    const int64_t size = filter_weight_floats(window, lattice) / window->group;
#pragma omp parallel for schedule(static) collapse(2) num_threads(threads)
    for (int64_t group = 0; group < window->group; group++)
        for (int panel = 0; panel < panels.count; panel++)
            pack_panel(window, lattice, weights, &panels, group, panel, packed + group * size);
}
