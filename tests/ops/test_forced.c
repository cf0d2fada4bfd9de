/*
 * Every algorithm of convolutions on channel blocks, forced (ops/core/forced_choices.h) on random geometries and with
 * small sizes, so that every loop takes several turns: against double precision, and the same bits with 1, 2 and 3
 * threads. A table counts the runs of every cell; a legal one that was not run fails.
 *
 * With more threads than processors, threads that spin while they wait would take most of the time: the program starts
 * itself again with threads that sleep.
 */
#include "ops/blocked/direct.h"
#include "ops/blocked/few_outputs.h"
#include "ops/blocked/grouped.h"
#include "ops/blocked/planes.h"
#include "ops/blocked/winograd/winograd_algorithm.h"
#include "ops/core/op_facts.h"
#include "tests/support/forced_cells.h"

#include "ops/weights/weight_cache.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS 5 /* of every cell */
#define MIXED_RUNS 12
#define FUSED_RUNS 6
#define THREADS 3
#define SPOILT_LOSS 4 /* a number may be 16 times as large as what an output beside it sees */

static struct cell_table table;

static double largest_error(const float *y, const double *expected, size_t count) {
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double error = fabs((double)y[i] - expected[i]);
        worst = error <= worst ? worst : error;
        if (isnan(error))
            return INFINITY;
    }
    return worst;
}

/* Fails unless the errors are at most `bound`; returns the largest one over it. */
static double check_errors(const float *y, const double *expected, size_t count, double bound, const char *row,
                           const char *what) {
    const double error = largest_error(y, expected, count);
    if (!(error <= bound))
        fail_msg("%s, seed %llu: an error of %g, at most %g: %s", row, (unsigned long long)test_seed(), error, bound,
                 what);
    return error / bound;
}

/*
 * Of every output by its own inputs, whatever stands beside them. Sums that leave the range of floats are not looked
 * at.
 */
static void check_spoilt(const float *y, const double *expected, const double *magnitudes, size_t count, double bound,
                         const char *row, const char *what) {
    for (size_t i = 0; i < count; i++) {
        const bool finite = isfinite(expected[i]);
        const bool right = finite               ? fabs((double)y[i] - expected[i]) <= bound * magnitudes[i]
                           : isnan(expected[i]) ? isnan(y[i])
                                                : (double)y[i] == expected[i];
        if (!right && !(finite && magnitudes[i] > 1e37))
            fail_msg("%s, seed %llu: output %zu is %g, expected %g (of %g): %s", row, (unsigned long long)test_seed(),
                     i, (double)y[i], expected[i], magnitudes[i], what);
    }
}

static void check_bits(const float *y, const float *first, size_t count, int threads, const char *what) {
    if (memcmp(y, first, count * sizeof *y) != 0)
        fail_msg("seed %llu: other bits with %d threads: %s", (unsigned long long)test_seed(), threads, what);
}

/* ---- one convolution ---- */

/* Outputs with so many threads; counts the cell with one. */
static float *run_layer(const struct forced_layer *layer, const struct tensor *x, int threads, bool keep, int column,
                        size_t *count, double *bound) {
    struct node_call call;
    char what[512];
    struct weight_cache *weights = keep ? weight_cache_create() : NULL;
    layer_describe(layer, what);
    if (layer_prepare(&call, layer, x, threads, weights) != STATUS_OK)
        fail_msg("seed %llu: %s: %s", (unsigned long long)test_seed(), call.err.message, what);
    if (threads == 1)
        cells_count(&table, column, call.call.state);
    *bound = cells_bound(call.call.state);
    node_call_run(&call);
    float *y = layer_take(&call, layer, count);
    node_call_close(&call);
    if (weights)
        weight_cache_destroy(weights);
    return y;
}

static void check_layer(struct forced_layer *layer, int row, int column, bool spoilt, struct random *random) {
    char what[512], name[64];
    layer_make(layer, random);
    layer_describe(layer, what);
    cells_name(&table.rows[row], name);
    struct forced_input x = layer_input(layer, random);
    if (spoilt)
        layer_spoil(layer, &x, random);
    const bool keep = random_int(random, 0, 1);
    size_t count;
    double range, bound;
    double *expected = layer_reference(layer, x.wide, &range);
    float *first = run_layer(layer, x.read, 1, keep, column, &count, &bound);
    if (spoilt) {
        double *magnitudes = layer_magnitudes(layer, x.wide);
        check_spoilt(first, expected, magnitudes, count, SPOILT_LOSS * bound, name, what);
        free(magnitudes);
    } else {
        const double part = check_errors(first, expected, count, bound * range, name, what);
        table.worst[row] = part > table.worst[row] ? part : table.worst[row];
    }
    for (int threads = 2; threads <= THREADS; threads++) {
        float *y = run_layer(layer, x.read, threads, keep, column, &count, &bound);
        check_bits(y, first, count, threads, what);
        free(y);
    }
    free(first);
    free(expected);
    layer_input_free(&x);
    layer_free(layer);
}

/* ---- two fused ---- */

static float *take(struct node_call *call, const struct forced_layer *layer, size_t *count) {
    float *y = layer_take(call, layer, count);
    node_call_close(call);
    return y;
}

/* One after the other. */
static float *run_separately(const struct forced_layer *a, const struct forced_layer *b, const struct tensor *x,
                             struct weight_cache *weights, size_t *count) {
    struct node_call first, second;
    assert_int_equal(layer_prepare(&first, a, x, 1, weights), STATUS_OK);
    node_call_run(&first);
    assert_int_equal(layer_prepare(&second, b, &first.output, 1, weights), STATUS_OK);
    node_call_run(&second);
    free(first.output.data);
    node_call_close(&first);
    return take(&second, b, count);
}

/* NULL where they cannot be fused. */
static float *run_fused(const struct forced_layer *a, const struct forced_layer *b, const struct tensor *x, int threads,
                        struct weight_cache *weights, int column, size_t *count, double *bound) {
    struct node_call first, second;
    float *y = NULL;
    double fraction;
    assert_int_equal(layer_prepare(&first, a, x, threads, weights), STATUS_OK);
    status code = layer_prepare(&second, b, &first.output, threads, weights);
    if (code == STATUS_OK)
        code = op_facts(second.call.op)->fuse(&first.call, &second.call, &second.workspace_bytes, &second.err);
    assert_true(code == STATUS_OK || code == STATUS_UNSUPPORTED);
    if (code == STATUS_OK) {
        assert_true(second.workspace_bytes > 0);
        *bound = 4 * cells_bound(first.call.state);
        if (threads == 1) {
            cells_count(&table, column, first.call.state);
            cells_count(&table, column, second.call.state);
        }
        node_call_allocate(&second);
        op_facts(second.call.op)->run_fused(&first.call, &second.call, &fraction);
        y = layer_take(&second, b, count);
    }
    node_call_close(&second);
    node_call_close(&first);
    return y;
}

/* A border cannot reflect, or repeat, more than there is. */
static void mend_border(struct conv_problem *p) {
    for (int i = 0; i < 4; i++)
        if (p->pads[i] >= p->size[i % 2])
            p->border = BORDER_ZERO;
}

/* A second layer with few outputs; false where the first one's output is too small for it. */
static bool second_layer(const struct forced_layer *first, struct random *random, struct forced_layer *second) {
    const struct cell_row few = {.algorithm = &few_outputs_algorithm, .rows_together = random_int(random, 0, 2)};
    const struct cell_column any = {.transposed = random_int(random, 0, 1), .special = MIXED};
    struct conv_problem *p = &second->problem;
    if (!cells_problem(&few, &any, random, second))
        return false;
    p->batch = first->problem.batch;
    p->in = first->problem.out;
    for (int d = 0; d < 2; d++)
        p->size[d] = reference_size(&first->problem, d);
    mend_border(p);
    second->forced = (struct forced_choices){.fused = FORCED_YES,
                                             .band_columns = random_int(random, 0, 20),
                                             .rows_together = few.rows_together,
                                             .row_tile = random_int(random, 1, 9),
                                             .band = random_int(random, 0, 3)};
    return reference_size(p, 0) > 0 && reference_size(p, 1) > 0;
}

static bool check_fused(struct forced_layer *a, int row, int column, struct random *random) {
    struct forced_layer b;
    char first_text[512], what[1100], name[64];
    if (!second_layer(a, random, &b))
        return false;
    layer_make(a, random);
    layer_make(&b, random);
    layer_describe(a, first_text);
    snprintf(what, sizeof what, "%s\nthen ", first_text);
    layer_describe(&b, what + strlen(what));
    cells_name(&table.rows[row], name);
    struct weight_cache *weights = weight_cache_create();
    struct forced_input x = layer_input(a, random);
    size_t count;
    double between, range, bound = 0;
    float *first = run_fused(a, &b, x.read, 1, weights, column, &count, &bound);
    if (first) {
        double *middle = layer_reference(a, x.wide, &between), *expected = layer_reference(&b, middle, &range);
        check_errors(first, expected, count, bound * range, name, what);
        float *separate = run_separately(a, &b, x.read, weights, &count);
        check_bits(separate, first, count, 0, what);
        for (int threads = 2; threads <= THREADS; threads++) {
            float *y = run_fused(a, &b, x.read, threads, weights, column, &count, &bound);
            if (y)
                check_bits(y, first, count, threads, what);
            free(y);
        }
        free(middle);
        free(expected);
        free(separate);
    }
    free(first);
    layer_input_free(&x);
    layer_free(a);
    layer_free(&b);
    weight_cache_destroy(weights);
    return first != NULL;
}

/* ---- the table ---- */

/* As the first of two; the rows of few outputs are counted as the second one. */
static bool can_fuse(const struct cell_row *row) {
    if (row->algorithm == &grouped_algorithm || row->algorithm == &planes_algorithm)
        return false;
    return row->algorithm == &winograd_algorithm ? row->weights == WINOGRAD_TRANSFORMED : !row->plain_input;
}

static bool is_legal(const struct cell_row *row, const struct cell_column *column) {
    struct conv_problem p = {.transposed = column->transposed};
    if (column->special == FUSED)
        return can_fuse(row);
    if (column->special == MIXED_TRANSPOSED && row->algorithm == &planes_algorithm)
        return false;
    if (column->special == MIXED_TRANSPOSED)
        return row->algorithm != &winograd_algorithm ||
               !(winograd_stride_2(row->kinds[0]) || winograd_stride_2(row->kinds[1]));
    if (column->special == MIXED)
        return true;
    memcpy(p.kernel, column->kernel, sizeof p.kernel);
    memcpy(p.stride, column->stride, sizeof p.stride);
    memcpy(p.dilation, column->dilation, sizeof p.dilation);
    return cells_legal(row, &p);
}

static void run_fused_cell(int row, int column, struct random *random) {
    if (table.rows[row].algorithm == &few_outputs_algorithm)
        return;
    struct cell_column mixed = forced_columns[column];
    for (int tries = 0, done = 0; tries < 60 && done < FUSED_RUNS; tries++) {
        struct forced_layer layer;
        mixed.transposed = tries % 2;
        if (!is_legal(&table.rows[row],
                      &(struct cell_column){.transposed = mixed.transposed, .special = MIXED_TRANSPOSED}))
            mixed.transposed = false;
        if (!cells_problem(&table.rows[row], &mixed, random, &layer))
            continue;
        layer.problem.group = 1;
        cells_demand(&table.rows[row], &mixed, random, &layer);
        done += check_fused(&layer, row, column, random);
    }
}

static void run_cell(int row, int column, struct random *random) {
    const int runs = forced_columns[column].special == FIXED ? RUNS : MIXED_RUNS;
    for (int i = 0; i < test_cases(runs); i++) {
        struct forced_layer layer;
        if (!cells_problem(&table.rows[row], &forced_columns[column], random, &layer))
            return;
        cells_demand(&table.rows[row], &forced_columns[column], random, &layer);
        check_layer(&layer, row, column, i % 2, random);
    }
}

static void test_cells(void **unused) {
    (void)unused;
    int empty = 0;
    struct random random = random_from(test_seed() + 91);
    cells_list(&table);
    for (int row = 0; row < table.row_count; row++)
        for (int column = 0; column < table.column_count; column++) {
            if (!(table.legal[row][column] = is_legal(&table.rows[row], &forced_columns[column])))
                continue;
            if (forced_columns[column].special == FUSED)
                run_fused_cell(row, column, &random);
            else
                run_cell(row, column, &random);
        }
    cells_print(&table);
    for (int row = 0; row < table.row_count; row++)
        for (int column = 0; column < table.column_count; column++)
            empty += table.legal[row][column] && table.runs[row][column] == 0;
    if (empty)
        fail_msg("%d legal cells were never run (seed %llu)", empty, (unsigned long long)test_seed());
}

/* A layer whose geometry does not allow what is forced. */
static void check_refused(const struct cell_row *row, const struct cell_column *column, struct random *random) {
    static const struct cell_row direct = {.algorithm = &direct_algorithm};
    struct node_call call;
    struct forced_layer layer;
    char name[64];
    if (!cells_problem(&direct, column, random, &layer))
        return;
    cells_demand(row, column, random, &layer);
    layer_make(&layer, random);
    cells_name(row, name);
    struct forced_input x = layer_input(&layer, random);
    const status code = layer_prepare(&call, &layer, x.read, 1, NULL);
    if (code != STATUS_UNSUPPORTED)
        fail_msg("%s, %s: not refused", name, column->name);
    node_call_close(&call);
    layer_input_free(&x);
    layer_free(&layer);
}

static void test_refused(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 92);
    for (int row = 0; row < table.row_count; row++)
        for (int column = 0; column < table.column_count; column++) {
            const struct cell_column *one = &forced_columns[column];
            const bool other_kinds = one->transposed || one->special != FIXED; /* phases may have other kinds */
            const bool taps = one->kernel[0] * one->kernel[1] > 1;
            if (table.rows[row].algorithm == &winograd_algorithm && taps && !other_kinds &&
                !is_legal(&table.rows[row], one))
                check_refused(&table.rows[row], one, &random);
        }
}

int main(int count, char **arguments) {
    (void)count;
    if (!getenv("OMP_WAIT_POLICY") && setenv("OMP_WAIT_POLICY", "passive", 1) == 0)
        execv("/proc/self/exe", arguments);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cells), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
