#include "tests/support/forced_cells.h"

#include "ops/blocked/direct.h"
#include "ops/blocked/engine/algorithms.h"
#include "ops/blocked/few_outputs.h"
#include "ops/blocked/grouped.h"
#include "ops/blocked/planes.h"
#include "ops/blocked/winograd/winograd_algorithm.h"

#include <stdio.h>
#include <string.h>

#define SQUARE(text, k, s, d) \
    { text, false, {k, k}, {s, s}, {d, d}, FIXED }
#define TRANSPOSED(text, k, s, d) \
    { text, true, {k, k}, {s, s}, {d, d}, FIXED }

const struct cell_column forced_columns[] = {
    SQUARE("1x1", 1, 1, 1),
    SQUARE("2x2", 2, 1, 1),
    SQUARE("3x3", 3, 1, 1),
    SQUARE("5x5", 5, 1, 1),
    SQUARE("2x2, dilation 2", 2, 1, 2),
    SQUARE("3x3, dilation 2", 3, 1, 2),
    SQUARE("3x3, dilation 4", 3, 1, 4),
    {"1x2", false, {1, 2}, {1, 1}, {1, 1}, FIXED},
    {"2x1", false, {2, 1}, {1, 1}, {1, 1}, FIXED},
    {"1x3", false, {1, 3}, {1, 1}, {1, 1}, FIXED},
    {"3x1", false, {3, 1}, {1, 1}, {1, 1}, FIXED},
    {"2x1, dilation 3", false, {2, 1}, {1, 1}, {3, 1}, FIXED},
    {"1x2, dilation 4", false, {1, 2}, {1, 1}, {1, 4}, FIXED},
    {"3x1, dilation 4", false, {3, 1}, {1, 1}, {4, 1}, FIXED},
    {"1x3, dilation 3", false, {1, 3}, {1, 1}, {1, 3}, FIXED},
    {"2x2, dilation 1,4", false, {2, 2}, {1, 1}, {1, 4}, FIXED},
    {"3x3, dilation 3,1", false, {3, 3}, {1, 1}, {3, 1}, FIXED},
    SQUARE("1x1, stride 2", 1, 2, 1),
    SQUARE("2x2, stride 2", 2, 2, 1),
    SQUARE("3x3, stride 2", 3, 2, 1),
    SQUARE("4x4, stride 2", 4, 2, 1),
    SQUARE("5x5, stride 2", 5, 2, 1),
    SQUARE("6x6, stride 2", 6, 2, 1),
    SQUARE("7x7, stride 2", 7, 2, 1),
    {"2x3, stride 2", false, {2, 3}, {2, 2}, {1, 1}, FIXED},
    {"3x4, stride 2", false, {3, 4}, {2, 2}, {1, 1}, FIXED},
    {"3x3, stride 2,1", false, {3, 3}, {2, 1}, {1, 1}, FIXED},
    {"3x3, stride 1,2, dilation 2,1", false, {3, 3}, {1, 2}, {2, 1}, FIXED},
    SQUARE("3x3, stride 2, dilation 2", 3, 2, 2),
    SQUARE("3x3, stride 3", 3, 3, 1),
    TRANSPOSED("transposed 2x2", 2, 1, 1),
    TRANSPOSED("transposed 3x3", 3, 1, 1),
    TRANSPOSED("transposed 3x3, dilation 2", 3, 1, 2),
    TRANSPOSED("transposed 2x2, stride 2", 2, 2, 1),
    TRANSPOSED("transposed 3x3, stride 2", 3, 2, 1),
    TRANSPOSED("transposed 4x4, stride 2", 4, 2, 1),
    TRANSPOSED("transposed 5x5, stride 2", 5, 2, 1),
    TRANSPOSED("transposed 6x6, stride 2", 6, 2, 1),
    TRANSPOSED("transposed 3x3, stride 2, dilation 2", 3, 2, 2),
    TRANSPOSED("transposed 3x3, stride 2, dilation 3", 3, 2, 3),
    TRANSPOSED("transposed 5x5, stride 3", 5, 3, 1),
    {"transposed 4x1, stride 2", true, {4, 1}, {2, 2}, {1, 1}, FIXED},
    {"any kernel, stride and dilation of the row", false, {0, 0}, {0, 0}, {0, 0}, MIXED},
    {"the same, transposed", true, {0, 0}, {0, 0}, {0, 0}, MIXED_TRANSPOSED},
    {"the first of two fused ones", false, {0, 0}, {0, 0}, {0, 0}, FUSED},
};

/* ---- rows ---- */

static bool form_exists(enum winograd_weights weights, enum winograd_kind y, enum winograd_kind x) {
    if ((y == WINOGRAD_ONE && x == WINOGRAD_ONE) || (x == WINOGRAD_8_2 && y != WINOGRAD_ONE))
        return false;
    switch (weights) {
    case WINOGRAD_TRANSFORMED:
        return y != WINOGRAD_8_2 || x == WINOGRAD_ONE;
    case WINOGRAD_PER_PANEL:
        return winograd_per_panel(y, x);
    case WINOGRAD_IN_KERNEL:
        return winograd_in_kernel(y, x);
    default:
        fail_msg("a form of weights that no test knows: %d", weights);
    }
    return false;
}

static void add_row(struct cell_table *table, struct cell_row row) {
    assert_true(table->row_count < MOST_ROWS);
    table->rows[table->row_count++] = row;
}

static void add_winograd_rows(struct cell_table *table) {
    for (enum winograd_weights weights = 0; weights < WINOGRAD_FORMS; weights++)
        for (enum winograd_kind y = 0; y < WINOGRAD_KINDS; y++)
            for (enum winograd_kind x = 0; x < WINOGRAD_KINDS; x++)
                if (form_exists(weights, y, x))
                    add_row(table,
                            (struct cell_row){.algorithm = &winograd_algorithm, .weights = weights, .kinds = {y, x}});
}

static void add_rows(struct cell_table *table, const struct conv_algorithm *algorithm) {
    if (algorithm == &winograd_algorithm) {
        add_winograd_rows(table);
    } else if (algorithm == &few_outputs_algorithm) {
        add_row(table, (struct cell_row){.algorithm = algorithm, .rows_together = 1});
        add_row(table, (struct cell_row){.algorithm = algorithm, .rows_together = 2});
        add_row(table, (struct cell_row){.algorithm = algorithm, .rows_together = 1, .plain_input = true});
        add_row(table, (struct cell_row){.algorithm = algorithm, .rows_together = 2, .plain_input = true});
        add_row(table,
                (struct cell_row){.algorithm = algorithm, .rows_together = 1, .plain_input = true, .to_blocks = true});
    } else if (algorithm == &grouped_algorithm) {
        add_row(table, (struct cell_row){.algorithm = algorithm});
        add_row(table, (struct cell_row){.algorithm = algorithm, .depthwise = true});
    } else if (algorithm == &planes_algorithm) {
        add_row(table, (struct cell_row){.algorithm = algorithm, .depthwise = true});
    } else if (algorithm == &direct_algorithm) {
        add_row(table, (struct cell_row){.algorithm = algorithm});
        add_row(table, (struct cell_row){.algorithm = algorithm, .plain_input = true});
    } else {
        fail_msg("an algorithm that no test knows: %s", algorithm->name);
    }
}

void cells_list(struct cell_table *table) {
    for (int i = 0; conv_algorithms[i]; i++)
        add_rows(table, conv_algorithms[i]);
    table->column_count = (int)(sizeof forced_columns / sizeof forced_columns[0]);
}

/* ---- legal cells ---- */

/* A phase of one dimension: inputs from one output position to the next, and from one tap to the next. */
struct phase {
    int64_t taps, step, tap_step;
};

static int64_t divisor_of(int64_t a, int64_t b) {
    return b ? divisor_of(b, a % b) : a;
}

static int list_phases(const struct conv_problem *p, int d, struct phase phases[8]) {
    if (!p->transposed) {
        phases[0] = (struct phase){p->kernel[d], p->stride[d], p->dilation[d]};
        return 1;
    }
    const int64_t phase_count = p->stride[d] / divisor_of(p->stride[d], p->dilation[d]);
    int count = 0;
    for (int64_t first = 0; first < phase_count && first < p->kernel[d]; first++)
        phases[count++] = (struct phase){(p->kernel[d] - first + phase_count - 1) / phase_count, 1,
                                         phase_count * p->dilation[d] / p->stride[d]};
    return count;
}

/* The grids that a dimension is split into with this kind; 0: it cannot have it. */
static int64_t grids_of(const struct phase *phase, enum winograd_kind kind) {
    const int taps = winograd_taps(kind);
    if (phase->taps == 1)
        return kind == WINOGRAD_ONE;
    if (winograd_stride_2(kind))
        return phase->step == 2 && phase->tap_step == 1 && phase->taps == 3;
    if (phase->step == 1)
        return taps == phase->taps && phase->tap_step <= 4 ? phase->tap_step : 0;
    return phase->step == 2 && phase->tap_step == 1 && phase->taps != 3 && phase->taps <= 6 && kind != WINOGRAD_8_2 &&
           taps == (phase->taps + 1) / 2;
}

/* The kinds of a dimension that are demanded: the row's, and for phases with other taps all others. */
static unsigned kinds_demanded(const struct cell_row *row, bool transposed, int d) {
    unsigned set = 1u << row->kinds[d];
    for (enum winograd_kind kind = 0; transposed && kind < WINOGRAD_KINDS; kind++)
        if (winograd_taps(kind) != winograd_taps(row->kinds[d]))
            set |= 1u << kind;
    return set;
}

static bool phase_can(const struct cell_row *row, bool transposed, const struct phase *y, const struct phase *x) {
    for (enum winograd_kind ky = 0; ky < WINOGRAD_KINDS; ky++)
        for (enum winograd_kind kx = 0; kx < WINOGRAD_KINDS; kx++) {
            const int64_t grids = grids_of(y, ky) * grids_of(x, kx);
            if (kinds_demanded(row, transposed, 0) >> ky & 1 && kinds_demanded(row, transposed, 1) >> kx & 1 &&
                grids > 0 && grids <= WINOGRAD_GRIDS && form_exists(row->weights, ky, kx))
                return true;
        }
    return false;
}

static bool winograd_legal(const struct cell_row *row, const struct conv_problem *p) {
    struct phase y[8], x[8];
    const int down = list_phases(p, 0, y), across = list_phases(p, 1, x);
    bool some = false;
    for (int i = 0; i < down * across; i++) {
        const struct phase *py = &y[i / across], *px = &x[i % across];
        const int64_t grids = grids_of(py, row->kinds[0]) * grids_of(px, row->kinds[1]);
        some = some || (grids > 0 && grids <= WINOGRAD_GRIDS);
        if (py->taps * px->taps > 1 && !phase_can(row, p->transposed, py, px))
            return false;
    }
    return some;
}

#define MOST_STRIDE 8 /* of a plain input */

static bool few_outputs_legal(const struct cell_row *row, const struct conv_problem *p) {
    struct phase y[8];
    if (p->transposed ? row->to_blocks && p->stride[1] != 1 : p->stride[1] > (row->plain_input ? MOST_STRIDE : 1))
        return false;
    for (int i = list_phases(p, 0, y) - 1; i >= 0 && row->rows_together == 2; i--)
        if (y[i].taps == 1 || y[i].tap_step % y[i].step != 0)
            return false;
    return true;
}

static bool planes_legal(const struct conv_problem *p) {
    return !p->transposed && p->stride[0] == 1 && p->stride[1] == 1;
}

bool cells_legal(const struct cell_row *row, const struct conv_problem *problem) {
    return row->algorithm == &winograd_algorithm      ? winograd_legal(row, problem)
           : row->algorithm == &few_outputs_algorithm ? few_outputs_legal(row, problem)
           : row->algorithm == &planes_algorithm      ? planes_legal(problem)
                                                      : true;
}

/* ---- problems ---- */

static int64_t any(struct random *random, int64_t low, int64_t high) {
    return random_int(random, low, high);
}

/* Kernel, stride and dilation with which a dimension can have this kind. */
static void axis_for(enum winograd_kind kind, struct random *random, struct conv_problem *p, int d) {
    const int taps = winograd_taps(kind);
    const bool parts = !p->transposed && kind != WINOGRAD_8_2 && !winograd_stride_2(kind) && any(random, 0, 1);
    p->dilation[d] = p->stride[d] = 1;
    p->kernel[d] = taps;
    if (winograd_stride_2(kind))
        p->stride[d] = 2;
    else if (p->transposed) {
        p->stride[d] = any(random, 1, 3);
        p->kernel[d] = p->stride[d] * (taps - 1) + any(random, 1, p->stride[d]);
    } else if (parts) {
        p->stride[d] = 2;
        p->kernel[d] = any(random, 2 * taps - 1, 2 * taps);
    } else
        p->dilation[d] = any(random, 1, 4);
}

static void random_axes(const struct cell_row *row, struct random *random, struct conv_problem *p) {
    for (int d = 0; d < 2; d++)
        if (row->algorithm == &winograd_algorithm)
            axis_for(row->kinds[d], random, p, d);
        else {
            p->kernel[d] = any(random, 1, 7);
            p->stride[d] = any(random, 1, row->plain_input ? MOST_STRIDE : 3);
            p->dilation[d] = any(random, 1, 3);
        }
}

static int64_t random_channels(struct random *random, bool whole) {
    return whole ? CHANNEL_BLOCK * any(random, 1, 2) : any(random, 8, any(random, 0, 3) ? 40 : 75);
}

/* Depthwise, or groups of few channels on either side. */
static void random_groups(const struct cell_row *row, struct random *random, struct conv_problem *p) {
    const bool wide = !row->depthwise && any(random, 0, 3) == 0;
    p->group = row->depthwise ? any(random, 2, 70) : any(random, 2, wide ? 4 : 20);
    p->in = row->depthwise ? 1 : any(random, 1, wide ? 31 : 5);
    p->out = row->depthwise ? 1 : any(random, p->in == 1 ? 2 : 1, wide ? 15 : 6);
}

static void random_numbers(const struct cell_row *row, struct random *random, struct forced_layer *layer) {
    static const char *const activations[] = {"", "", "Relu", "LeakyRelu", "Clip", "Tanh"};
    struct conv_problem *p = &layer->problem;
    p->batch = any(random, 0, 2) ? 1 : any(random, 2, 3);
    p->group = layer->plain_input || layer->plain_output || any(random, 0, 4) ? 1 : 2;
    p->in = layer->plain_input ? any(random, 1, 9) : random_channels(random, p->group > 1);
    p->out = row->rows_together == 2 ? 1
             : layer->plain_output   ? any(random, 1, layer->plain_input ? 40 : 9)
                                     : random_channels(random, p->group > 1);
    const bool planes = row->algorithm == &planes_algorithm;
    if (row->algorithm == &grouped_algorithm || planes)
        random_groups(row, random, p);
    if (row->depthwise && !p->transposed) { /* of any number of channels on either side */
        layer->plain_input = planes || any(random, 0, 1);
        layer->plain_output = planes || any(random, 0, 1);
    }
    p->border = p->transposed || any(random, 0, 1) ? BORDER_ZERO : (enum border)any(random, 1, 2);
    p->activation = activations[any(random, 0, 5)];
    for (int d = 0; d < 2; d++) {
        const int64_t reach = p->dilation[d] * (p->kernel[d] - 1), most = p->transposed ? reach / 2 : reach;
        const int64_t outputs =
            any(random, 3, planes && d == 1 ? 130 : 21) * (p->transposed ? 1 : any(random, 1, p->dilation[d]));
        p->pads[d] = any(random, 0, most);
        p->pads[2 + d] = any(random, 0, most);
        p->output_padding[d] = p->transposed ? any(random, 0, p->stride[d] - 1) : 0;
        p->size[d] = p->transposed ? outputs : outputs * p->stride[d] + reach - p->pads[d] / 2;
        p->size[d] = p->size[d] > most ? p->size[d] : most + 1;
    }
}

bool cells_problem(const struct cell_row *row, const struct cell_column *column, struct random *random,
                   struct forced_layer *layer) {
    struct conv_problem *p = &layer->problem;
    *layer = (struct forced_layer){.plain_input = row->plain_input,
                                   .plain_output = row->algorithm == &few_outputs_algorithm && !row->to_blocks};
    p->transposed = column->transposed;
    for (int tries = 0; tries < 200; tries++) {
        if (column->special == FIXED) {
            memcpy(p->kernel, column->kernel, sizeof p->kernel);
            memcpy(p->stride, column->stride, sizeof p->stride);
            memcpy(p->dilation, column->dilation, sizeof p->dilation);
        } else
            random_axes(row, random, p);
        random_numbers(row, random, layer);
        if (cells_legal(row, p) && reference_size(p, 0) > 0 && reference_size(p, 1) > 0)
            return true;
    }
    return false;
}

static int64_t some_size(struct random *random, int64_t low, int64_t high) {
    return any(random, 0, 2) ? any(random, low, high) : 0;
}

void cells_demand(const struct cell_row *row, const struct cell_column *column, struct random *random,
                  struct forced_layer *layer) {
    struct forced_choices *f = &layer->forced;
    const bool winograd = row->algorithm == &winograd_algorithm,
               in_kernel = winograd && row->weights == WINOGRAD_IN_KERNEL;
    *f = (struct forced_choices){.winograd = winograd ? FORCED_YES : FORCED_NO,
                                 .few_outputs = row->algorithm == &few_outputs_algorithm ? FORCED_YES : FORCED_NO,
                                 .planes = row->algorithm == &planes_algorithm ? FORCED_YES : FORCED_NO,
                                 .rows_together = row->rows_together};
    f->panel = some_size(random, 1, 3);
    f->k_slice = some_size(random, 1, 3);
    f->k_block = some_size(random, 1, 3);
    f->tile_group = some_size(random, 3, 20);
    f->segment = some_size(random, 2, 15);
    f->grids = some_size(random, 1, WINOGRAD_GRIDS);
    f->images = some_size(random, 1, 3);
    f->depth = some_size(random, 16, 400);
    f->macro_positions = some_size(random, 10, 100);
    f->phases_together = (enum forced_answer)any(random, 0, 2);
    f->parts = (enum forced_answer)any(random, 0, 2);
    f->band_columns = some_size(random, 1, 20);
    if (!winograd)
        return;
    for (int d = 0; d < 2; d++)
        f->kinds[d] = kinds_demanded(row, column->transposed, d);
    f->weights = 1u << row->weights;
    f->shared = in_kernel ? FORCED_NOTHING : (enum forced_answer)any(random, 0, 2);
    f->independent = in_kernel ? (enum forced_answer)any(random, 0, 2) : FORCED_NOTHING;
}

/* ---- counting ---- */

static bool is_row(const struct cell_row *row, const struct blocked_state *state, const struct blocked_phase *phase) {
    if (row->algorithm != phase->algorithm || phase->geometry.positions <= 0)
        return false;
    if (row->algorithm == &winograd_algorithm)
        return row->weights == phase->grids[0].weights && row->kinds[0] == phase->grids[0].axis[0].kind &&
               row->kinds[1] == phase->grids[0].axis[1].kind;
    if (row->algorithm == &grouped_algorithm)
        return row->depthwise == (state->window.in_channels == 1 && state->window.out_channels == 1);
    return row->algorithm == &planes_algorithm ||
           ((row->algorithm != &few_outputs_algorithm ||
             (row->rows_together == phase->rows_together && row->to_blocks == state->to_blocks)) &&
            row->plain_input == !state->from_blocks);
}

void cells_count(struct cell_table *table, int column, const struct blocked_state *state) {
    for (int r = 0; r < table->row_count; r++) {
        bool met = false;
        for (int64_t i = 0; i < state->phase_count; i++)
            met = met || is_row(&table->rows[r], state, &state->phases[i]);
        table->runs[r][column] += met;
    }
}

/* ---- errors ---- */

/* What the transforms of a dimension lose, as a factor of the error of plain sums. */
static double loss(enum winograd_kind kind) {
    static const double losses[WINOGRAD_KINDS] = {
        [WINOGRAD_ONE] = 1, [WINOGRAD_2_2] = 2, [WINOGRAD_4_2] = 3,          [WINOGRAD_8_2] = 20,
        [WINOGRAD_2_3] = 2, [WINOGRAD_4_3] = 4, [WINOGRAD_2_3_STRIDE_2] = 2, [WINOGRAD_4_3_STRIDE_2] = 4};
    if (losses[kind] <= 0)
        fail_msg("a kind of tiles that no test knows: %d", kind);
    return losses[kind];
}

#define PLAIN_ERROR 1e-6

double cells_bound(const struct blocked_state *state) {
    double most = 1;
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct winograd_axis *axis = state->phases[i].grids[0].axis;
        const double own = loss(axis[0].kind) * loss(axis[1].kind);
        most = own > most ? own : most;
    }
    return PLAIN_ERROR * most;
}

/* ---- printing ---- */

void cells_name(const struct cell_row *row, char text[64]) {
    static const char *const kinds[WINOGRAD_KINDS] = {"1",      "F(2,2)", "F(4,2)",          "F(8,2)",
                                                      "F(2,3)", "F(4,3)", "F(2,3) stride 2", "F(4,3) stride 2"};
    static const char *const forms[WINOGRAD_FORMS] = {"transformed", "per panel", "in kernel"};
    if (row->algorithm == &winograd_algorithm)
        snprintf(text, 64, "%s x %s, %s", kinds[row->kinds[0]], kinds[row->kinds[1]], forms[row->weights]);
    else if (row->algorithm == &few_outputs_algorithm)
        snprintf(text, 64, "few outputs, %d rows together%s%s", (int)row->rows_together,
                 row->plain_input ? ", plain input" : "", row->to_blocks ? ", blocks" : "");
    else if (row->algorithm == &grouped_algorithm)
        snprintf(text, 64, row->depthwise ? "grouped, depthwise" : "grouped");
    else if (row->algorithm == &planes_algorithm)
        snprintf(text, 64, "planes, depthwise");
    else
        snprintf(text, 64, row->plain_input ? "direct, plain input" : "direct");
}

void cells_print(const struct cell_table *table) {
    printf("Runs of every algorithm, seed %llu (\".\": the geometry does not allow it). Columns:\n",
           (unsigned long long)test_seed());
    for (int c = 0; c < table->column_count; c++)
        printf("  %2d %s\n", c, forced_columns[c].name);
    printf("%-36s", "");
    for (int c = 0; c < table->column_count; c++)
        printf(" %3d", c);
    printf("  error/bound\n");
    for (int r = 0; r < table->row_count; r++) {
        char name[64];
        cells_name(&table->rows[r], name);
        printf("%-36s", name);
        for (int c = 0; c < table->column_count; c++)
            if (table->legal[r][c] || table->runs[r][c])
                printf(" %3d", table->runs[r][c]);
            else
                printf("   .");
        printf("  %.2f\n", table->worst[r]);
    }
}
