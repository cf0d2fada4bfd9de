/*
 * One level of Strassen's algorithm. A row of A is paired with the one half a row of the batch further down, so that
 * rows of the batch keep the bits that they have alone; depths are halved in channel blocks, columns in n-blocks. What
 * is left of the columns and of the depth is added directly.
 *
 * - Some pairs at a time, the left sides of all products are formed, a k-block after the other, tile by tile:
 *   in the order in which every pair of n-blocks reads them.
 * - A pair of n-blocks of B goes a k-block after the other. The tiles of a product form the sum of quadrants of B
 *   that the next one multiplies by, a few numbers with every channel block; both stay in the second-level cache.
 * - Sums over rows, or columns, of very different size would cost the smaller ones their digits: all are brought to a
 *   norm of about 1 by powers of two. Pairs with numbers that are not finite, or far above all others of their row,
 *   are multiplied directly.
 */
#include "ops/matmul/strassen.h"

#include "base/sizes.h"
#include "ops/core/channel_blocks.h"
#include "ops/core/forced_choices.h"
#include "ops/core/work_queue.h"
#include "ops/matmul/strassen_task.h"

#include <math.h>

/* ---- where it applies ---- */

/* Norms of 2^-60 to 2^60: no scaled number leaves the range of floats. */
static bool sizes_fit(const struct product_state *state) {
    const double *squares = packed_squares(state), *fourths = packed_fourths(state);
    for (int64_t column = 0; column < state->product.n; column++)
        if (squares[column] != 0 && !(squares[column] > 0x1p-120 && squares[column] < 0x1p120 &&
                                      strassen_is_balanced(squares[column], fourths[column])))
            return false;
    return true;
}

/*
 * Costs in products, from measurements: of a number of B, whose sums are formed and read again; of one of A; and of one
 * of Y, whose products are added to in more and shorter pieces. The batch does not count: its rows have the bits that
 * they have alone.
 */
#define B_COST 8.0
#define A_COST 32.0
#define Y_COST 25.0
/* The share of all products that must be left of the eighth that is saved: the costs are rough. */
#define WORTH_SAVING 0.02

static bool pays(const struct matrix_product *product) {
    const double rows = (double)product->rows, k = (double)product->k, n = (double)product->n;
    const double saved = (1.0 / 8 - WORTH_SAVING) * rows * k * n;
    return B_COST * k * n + A_COST * rows * k + Y_COST * rows * n < saved;
}

/* Something to halve in each dimension. */
static bool can_halve(const struct matrix_product *product) {
    return product->rows > 1 && product->k >= 2 * CHANNEL_BLOCK && channel_blocks(product->n) >= 2 * N_BLOCK;
}

bool strassen_fits(const struct op_call *call) {
    const struct product_state *state = call->state;
    return call->kernels->winograd && state->matrices == 1 && product_batches(&state->product) == 1 &&
           can_halve(&state->product) &&
           forced_decide(forced_choices_of(call->kernels)->strassen, pays(&state->product)) && sizes_fit(state);
}

/* ---- workspace: the factors that undo the rows', the left sides of a group, then each thread's sums ---- */

static int64_t factor_floats(const struct strassen_halves *s) {
    return whole_units(2 * s->pairs, CHANNEL_BLOCK);
}

static int64_t left_floats(const struct strassen_halves *s) {
    return STRASSEN_PRODUCTS * s->padded * s->depth * CHANNEL_BLOCK;
}

/* The products' sums, and two of B. */
static int64_t scratch_floats(const struct strassen_halves *s) {
    return STRASSEN_PRODUCTS * s->sums + 2 * s->k_block_floats;
}

size_t strassen_workspace_bytes(const struct op_call *call) {
    const struct product_state *state = call->state;
    const struct strassen_halves s = strassen_halves_of(&state->product, call->kernels);
    const size_t own = (size_t)(left_floats(&s) + call->threads * scratch_floats(&s)) * sizeof(float);
    const size_t direct = packed_workspace_bytes(call->threads);
    return (size_t)factor_floats(&s) * sizeof(float) + (own > direct ? own : direct);
}

/* ---- all of it ---- */

/* Pairs of n-blocks that would leave some threads idle at the end are cut into rows for all of them. */
struct group_work {
    const struct strassen_group *group;
    int threads;
    int64_t whole, units;
    struct work_queue queue;
};

static struct strassen_task task_of(const struct group_work *work, int64_t unit, float *scratch) {
    const struct strassen_halves *s = &work->group->run->halves;
    const int64_t whole = work->whole, threads = work->threads;
    const int64_t part = unit < whole ? 0 : (unit - whole) % threads, parts = unit < whole ? 1 : threads;
    const int64_t tiles = divide_up(work->group->count, s->tile);
    return (struct strassen_task){.group = work->group,
                                  .n_pair = unit < whole ? unit : whole + (unit - whole) / threads,
                                  .first = tiles * part / parts * s->tile,
                                  .end = at_most(tiles * (part + 1) / parts * s->tile, work->group->count),
                                  .sums = scratch,
                                  .right = scratch + STRASSEN_PRODUCTS * s->sums};
}

static void run_tasks(struct team_thread self, void *context) {
    struct group_work *work = context;
    const struct strassen_call *run = work->group->run;
    for (int64_t unit = 0; work_queue_take(&work->queue, self, work->units, &unit);) {
        struct strassen_task task = task_of(work, unit, run->scratch + self.index * scratch_floats(&run->halves));
        if (task.first < task.end)
            strassen_run_task(&task);
    }
}

static void run_group(struct strassen_group *group) {
    const int threads = group->run->call->threads;
    const int64_t n_pairs = group->run->halves.n_pairs, whole = n_pairs / threads * threads;
    struct group_work work = {
        .group = group, .threads = threads, .whole = whole, .units = whole + (n_pairs - whole) * threads};
    team_for(threads, group->count, strassen_form_pairs, group);
    work_queue_start(&work.queue, 1);
    team_run(threads, run_tasks, &work);
}

static bool is_direct(const struct strassen_call *run, int64_t pair) {
    return isnan(run->factors[2 * pair]) || isnan(run->factors[2 * pair + 1]);
}

/* Pairs first..end of a row of the batch, which begins with this row. */
static void multiply_directly(const struct strassen_call *run, int64_t row, int64_t first, int64_t end) {
    const struct strassen_halves *s = &run->halves;
    const int64_t columns = 2 * s->n_pairs * N_BLOCK, lower = at_most(s->half + end, s->rows) - s->half - first;
    packed_run(run->call, run->data, &(struct packed_area){row + first, end - first, 0, columns}, run->left);
    if (lower > 0)
        packed_run(run->call, run->data, &(struct packed_area){row + s->half + first, lower, 0, columns}, run->left);
}

/* Those pairs of a row of the batch that stand in the way of each other, or of themselves. */
static void mend_pairs(const struct strassen_call *run, int64_t row, int64_t pair0) {
    for (int64_t first = 0, end; first < run->halves.half; first = end + 1) {
        for (end = first; end < run->halves.half && is_direct(run, pair0 + end);)
            end++;
        if (first < end)
            multiply_directly(run, row, first, end);
    }
}

/* Pairs that are multiplied directly, and the columns that are left over. */
static void run_rest(const struct strassen_call *run) {
    const struct strassen_halves *s = &run->halves;
    const int64_t blocks = channel_blocks(run->product->n), paired = 2 * s->n_pairs * N_BLOCK;
    for (int64_t row = 0, pair = 0; pair < s->pairs; row += s->rows, pair += s->half)
        mend_pairs(run, row, pair);
    if (paired < blocks)
        packed_run(run->call, run->data, &(struct packed_area){0, run->product->m, paired, blocks - paired}, run->left);
}

void strassen_run(const struct op_call *call, const struct packed_data *data, float *workspace) {
    const struct product_state *state = call->state;
    const struct strassen_halves s = strassen_halves_of(&state->product, call->kernels);
    const struct strassen_call run = {.call = call,
                                      .product = &state->product,
                                      .data = data,
                                      .halves = s,
                                      .factors = workspace,
                                      .left = workspace + factor_floats(&s),
                                      .scratch = workspace + factor_floats(&s) + left_floats(&s)};
    for (int64_t first = 0; first < s.pairs; first += s.group) {
        struct strassen_group group = {&run, first, at_most(s.pairs - first, s.group), 0};
        group.padded = whole_units(group.count, s.tile);
        run_group(&group);
    }
    run_rest(&run);
}
