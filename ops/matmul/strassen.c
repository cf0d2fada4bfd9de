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

#include <math.h>
#include <string.h>

#define GROUP 132 /* pairs of rows together: their sums stay in the second-level cache; whole tiles of every kernel */
#define HALF_K_BLOCK 42 /* channel blocks of a k-block of half the depth, at most */

struct halves {
    int64_t rows, half;     /* of a row of the batch; pairs that they make */
    int64_t pairs, group;   /* of all; that are computed together */
    int64_t depth, k_block; /* channel blocks of half the depth; of a k-block of it */
    int64_t n_pairs;        /* pairs of n-blocks */
    int tile, width;        /* pairs of a tile; channel blocks of a panel of B */
    int64_t padded;         /* pairs of a group in whole tiles */
    int64_t sums;           /* floats of a product's sums, with space for one tile more */
    int64_t k_block_floats; /* of an n-block */
};

static struct halves halves_of(const struct matrix_product *product, const struct kernels *kernels) {
    const struct block_kernel *kernel = kernels->block;
    const struct forced_choices *forced = forced_choices_of(kernels);
    struct halves s = {.rows = product->rows,
                       .half = divide_up(product->rows, 2),
                       .depth = product->k / (2 * CHANNEL_BLOCK),
                       .n_pairs = channel_blocks(product->n) / (2 * N_BLOCK),
                       .tile = kernel->pixels[kernel->blocks],
                       .width = kernel->blocks};
    s.pairs = product->m / s.rows * s.half;
    s.group = even_block(s.pairs, forced_size(forced->pairs, GROUP), s.tile);
    s.k_block = even_block(s.depth, forced_size(forced->halves_k_block, HALF_K_BLOCK), 1);
    s.padded = whole_units(s.group, s.tile);
    s.sums = (s.padded + s.tile) * N_BLOCK_LANES;
    s.k_block_floats = s.k_block * CHANNEL_BLOCK * N_BLOCK_LANES;
    return s;
}

/* ---- where it applies ---- */

/*
 * Whether so many numbers, about, make up a norm. Errors are relative to the norms of rows and columns: where a few
 * numbers are far above all others, what they meet may be small, and the sum of all others loses its digits.
 */
#define LEAST_ALIKE 4
static bool is_balanced(double squares, double fourths) {
    return squares * squares >= LEAST_ALIKE * fourths;
}

/* Norms of 2^-60 to 2^60: no scaled number leaves the range of floats. */
static bool sizes_fit(const struct product_state *state) {
    const double *squares = packed_squares(state), *fourths = packed_fourths(state);
    for (int64_t column = 0; column < state->product.n; column++)
        if (squares[column] != 0 &&
            !(squares[column] > 0x1p-120 && squares[column] < 0x1p120 && is_balanced(squares[column], fourths[column])))
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

static int64_t factor_floats(const struct halves *s) {
    return whole_units(2 * s->pairs, CHANNEL_BLOCK);
}

static int64_t left_floats(const struct halves *s) {
    return STRASSEN_PRODUCTS * s->padded * s->depth * CHANNEL_BLOCK;
}

/* The products' sums, and two of B. */
static int64_t scratch_floats(const struct halves *s) {
    return STRASSEN_PRODUCTS * s->sums + 2 * s->k_block_floats;
}

size_t strassen_workspace_bytes(const struct op_call *call) {
    const struct product_state *state = call->state;
    const struct halves s = halves_of(&state->product, call->kernels);
    const size_t own = (size_t)(left_floats(&s) + call->threads * scratch_floats(&s)) * sizeof(float);
    const size_t direct = packed_workspace_bytes(call->threads);
    return (size_t)factor_floats(&s) * sizeof(float) + (own > direct ? own : direct);
}

struct strassen_call {
    const struct op_call *call;
    const struct matrix_product *product;
    const struct packed_data *data;
    struct halves halves;
    float *factors; /* of every pair: the upper row's, the lower one's; NaN: the pair is multiplied directly */
    float *left, *scratch;
};

/* ---- left sides ---- */

/*
 * The power of two that brings numbers with this sum of squares to a norm of about 1; `back` undoes it, NaN where
 * numbers are not finite.
 */
static float scale_for(double squares, float *back) {
    const bool usual = squares != 0 && isfinite(squares);
    const int exponent = usual ? (int)between(-126, ilogb(squares) / 2, 126) : 0;
    *back = squares == 0 ? 0 : usual ? ldexpf(1, exponent) : NAN;
    return ldexpf(1, -exponent);
}

static float row_scale(const struct strassen_call *run, const float *row, float *back) {
    double sums[CHANNEL_BLOCK] = {0}, fourth_sums[CHANNEL_BLOCK] = {0}, squares = 0, fourths = 0;
    run->call->kernels->strassen->squares(row, 2 * run->halves.depth, CHANNEL_BLOCK, sums, fourth_sums);
    for (int lane = 0; lane < CHANNEL_BLOCK; lane++) {
        squares += sums[lane];
        fourths += fourth_sums[lane];
    }
    const float scale = scale_for(squares, back);
    if (!is_balanced(squares, fourths))
        *back = NAN;
    return scale;
}

/* The two rows of a pair; one that lacks the lower row has zeros there. */
static struct strassen_rows rows_of(const struct strassen_call *run, int64_t pair) {
    const struct halves *s = &run->halves;
    const int64_t upper = pair / s->half * s->rows + pair % s->half;
    const bool whole = pair % s->half + s->half < s->rows;
    struct strassen_rows rows = {.upper = run->data->a + upper * run->product->a.row_stride,
                                 .half = s->depth * CHANNEL_BLOCK};
    rows.lower = whole ? rows.upper + s->half * run->product->a.row_stride : rows.upper;
    rows.upper_scale = row_scale(run, rows.upper, &run->factors[2 * pair]);
    run->factors[2 * pair + 1] = 0;
    if (whole)
        rows.lower_scale = row_scale(run, rows.lower, &run->factors[2 * pair + 1]);
    return rows;
}

/* Pairs of rows that are computed together. */
struct pair_group {
    const struct strassen_call *run;
    int64_t first, count, padded;
};

/* [k-block][product][tile][channel block][pair of the tile][16] */
static float *left_place(const struct pair_group *group, int64_t from, int64_t blocks, int64_t product, int64_t pair) {
    const struct halves *s = &group->run->halves;
    return group->run->left + (STRASSEN_PRODUCTS * from * group->padded + product * group->padded * blocks +
                               pair / s->tile * s->tile * blocks + pair % s->tile) *
                                  CHANNEL_BLOCK;
}

static void form_pair(const struct pair_group *group, int64_t pair) {
    const struct strassen_call *run = group->run;
    const struct halves *s = &run->halves;
    struct strassen_rows rows = rows_of(run, group->first + pair);
    for (int64_t from = 0; from < s->depth; from += s->k_block) {
        const int64_t blocks = at_most(s->depth - from, s->k_block);
        run->call->kernels->strassen->left(&rows, blocks, left_place(group, from, blocks, 0, pair),
                                           (size_t)(s->tile * CHANNEL_BLOCK),
                                           (size_t)(group->padded * blocks * CHANNEL_BLOCK));
        rows.upper += blocks * CHANNEL_BLOCK;
        rows.lower += blocks * CHANNEL_BLOCK;
    }
}

static void form_pairs(void *context, int64_t first, int64_t end) {
    for (int64_t pair = first; pair < end; pair++)
        form_pair(context, pair);
}

/* ---- a pair of n-blocks ---- */

/* The pairs of rows first..end of a group by a pair of n-blocks. */
struct strassen_task {
    const struct pair_group *group;
    int64_t n_pair;
    int64_t first, end;
    struct strassen_scales scales;
    const float *quadrants[4]; /* of B: 11, 12, 21, 22 */
    float *sums, *right;
};

/* The channel block where the left, or right, n-block begins. */
static int64_t first_block(const struct strassen_task *task, bool right) {
    return (task->n_pair + (right ? task->group->run->halves.n_pairs : 0)) * N_BLOCK;
}

/* Floats of so many channel blocks of the depth of a panel of B. */
static int64_t panel_floats(const struct strassen_call *run, int64_t blocks) {
    return blocks * CHANNEL_BLOCK * run->halves.width * CHANNEL_BLOCK;
}

static void find_scales(const double *left, const double *right, struct strassen_scales *scales) {
    for (int lane = 0; lane < N_BLOCK_LANES; lane++) {
        float left_back, right_back;
        const float scale = scale_for(left[lane], &left_back), own = scale_for(right[lane], &right_back);
        scales->left[lane] = scale / own;
        scales->left_back[lane] = left_back * own;
        scales->right[lane] = right_back * own;
    }
}

static void find_right_side(struct strassen_task *task) {
    const struct strassen_call *run = task->group->run;
    const struct product_state *state = run->call->state;
    const int64_t left = first_block(task, false), right = first_block(task, true);
    const double *squares = packed_squares(state);
    find_scales(squares + left * CHANNEL_BLOCK, squares + right * CHANNEL_BLOCK, &task->scales);
    for (int q = 0; q < 4; q++)
        task->quadrants[q] = state->packed + packed_place(run->product, q & 1 ? right : left) +
                             (q & 2 ? panel_floats(run, run->halves.depth) : 0);
}

/* ---- the products, in the order in which they are computed ---- */

/* Right sides: quadrants of B, where they lie, and two places for sums in turn. */
enum right_side { B11, B12, B21, B22, EVEN, ODD };

/* A product's right side; the sum that is formed meanwhile for the next one; the quadrant of B that is prefetched. */
struct strassen_step {
    enum right_side right;
    bool forms, scales; /* first - second, the latter scaled or not */
    enum right_side first, second;
    bool prefetches, ahead; /* of this k-block, or of the next one */
    enum right_side quadrant;
};

static const struct strassen_step steps[STRASSEN_PRODUCTS] = {
    {B11, true, true, B12, B11, true, false, B21},   /* A11 B11; T1 = B12 - B11 */
    {EVEN, true, false, B22, EVEN, false, false, 0}, /* S1 T1; T2 = B22 - T1 */
    {ODD, true, true, ODD, B21, false, false, 0},    /* S2 T2; T4 = T2 - B21 */
    {EVEN, true, false, B22, B12, false, false, 0},  /* A22 T4; T3 = B22 - B12 */
    {ODD, false, false, 0, 0, true, true, B11},      /* S3 T3 */
    {B21, false, false, 0, 0, true, true, B12},      /* A12 B21 */
    {B22, false, false, 0, 0, true, true, B22},      /* S4 B22 */
};

/* A k-block of a pair of n-blocks. */
struct half_k_block {
    const struct strassen_task *task;
    int64_t from, blocks;
    int64_t next; /* where the one that this thread reads next begins, from the start of a quadrant; -1: none */
};

/* Some of the depths of one panel, for one of many tiles. */
struct tile_part {
    int64_t number, tile, tiles;
};

static float *sum_place(const struct half_k_block *k_block, enum right_side side, int64_t number) {
    const struct strassen_call *run = k_block->task->group->run;
    return k_block->task->right + (side - EVEN) * run->halves.k_block_floats +
           number * panel_floats(run, k_block->blocks);
}

/* One panel of a right side. */
static const float *right_place(const struct half_k_block *k_block, enum right_side side, int64_t number) {
    const struct strassen_call *run = k_block->task->group->run;
    if (side >= EVEN)
        return sum_place(k_block, side, number);
    return k_block->task->quadrants[side] + panel_floats(run, k_block->from) +
           number * packed_place(run->product, run->halves.width);
}

/* What a tile forms of the next right side. */
static struct block_forming form_ahead(const struct half_k_block *k_block, int product, const struct tile_part *part) {
    const struct strassen_step *step = &steps[product];
    const int64_t lanes = k_block->task->group->run->halves.width * CHANNEL_BLOCK,
                  depths = k_block->blocks * CHANNEL_BLOCK;
    const int64_t from = depths * part->tile / part->tiles, to = depths * (part->tile + 1) / part->tiles;
    if (!step->forms)
        return (struct block_forming){0};
    return (struct block_forming){
        .a = right_place(k_block, step->first, part->number) + from * lanes,
        .b = right_place(k_block, step->second, part->number) + from * lanes,
        .factor = step->scales ? k_block->task->scales.left + part->number * lanes : NULL,
        .destination = sum_place(k_block, steps[product + 1].right, part->number) + from * lanes,
        .depths = (int)(to - from),
    };
}

/* What a tile prefetches for a later product. */
static void prefetch_ahead(const struct half_k_block *k_block, int product, const struct tile_part *part,
                           struct block_row *source) {
    const struct strassen_step *step = &steps[product];
    const struct strassen_call *run = k_block->task->group->run;
    const int width = run->halves.width;
    const int64_t place = step->ahead ? k_block->next : panel_floats(run, k_block->from);
    const int64_t lines = divide_up(CHANNEL_BLOCK * width, part->tiles); /* with every channel block */
    if (!step->prefetches || place < 0)
        return;
    source->ahead = k_block->task->quadrants[step->quadrant] + place +
                    part->number * packed_place(run->product, width) +
                    part->tile * k_block->blocks * lines * CHANNEL_BLOCK;
    source->ahead_lines = (int)lines;
}

/* A k-block of one product, whose left side follows that of the product before. */
static void multiply(const struct half_k_block *k_block, int product) {
    const struct strassen_task *task = k_block->task;
    const struct strassen_call *run = task->group->run;
    const struct block_kernel *kernel = run->call->kernels->block;
    const int tile = run->halves.tile, width = run->halves.width;
    const int64_t step = tile * CHANNEL_BLOCK, tiles = divide_up(task->end - task->first, tile);
    const float *left = left_place(task->group, k_block->from, k_block->blocks, product, task->first);
    float *sums = task->sums + product * run->halves.sums;
    struct block_row source = {.step = step, .blocks = (int)k_block->blocks, .pixel_ahead = step * k_block->blocks};
    for (int64_t i = 0; i < tiles; i++, left += step * k_block->blocks, sums += tile * N_BLOCK_LANES) {
        const int count = (int)at_most(task->end - task->first - i * tile, tile);
        source.pixels = left;
        for (int number = 0; number < N_BLOCK / width; number++) {
            const struct tile_part part = {number, i, tiles};
            source.forming = form_ahead(k_block, product, &part);
            prefetch_ahead(k_block, product, &part, &source);
            kernel->row(kernel->round(count, width), width, &source, right_place(k_block, steps[product].right, number),
                        k_block->from == 0, sums + number * width * CHANNEL_BLOCK, N_BLOCK_LANES, CHANNEL_BLOCK);
        }
    }
}

/* Writes some pairs of one row of the batch; `sums` are those of the first pair. */
static void store_pairs(const struct strassen_task *task, int64_t pair, int64_t count, float *sums) {
    const struct strassen_call *run = task->group->run;
    const struct halves *s = &run->halves;
    const struct product_state *state = run->call->state;
    for (int quadrant = 0; quadrant < 4; quadrant++) {
        const int64_t row = pair % s->half + (quadrant & 2 ? s->half : 0);
        packed_finish(&(struct packed_piece){.state = state,
                                             .kernel = run->call->kernels->block,
                                             .data = *run->data,
                                             .packed = state->packed,
                                             .sums = sums + quadrant * s->sums,
                                             .row0 = pair / s->half * s->rows + row,
                                             .block = first_block(task, quadrant & 1),
                                             .count = (int)at_most(s->rows - row, count),
                                             .blocks = N_BLOCK},
                      2 * s->depth * CHANNEL_BLOCK);
    }
}

static void store_task(const struct strassen_task *task) {
    const struct strassen_call *run = task->group->run;
    const struct halves *s = &run->halves;
    const int64_t first = task->group->first + task->first, end = task->group->first + task->end;
    run->call->kernels->strassen->outputs(task->sums, (size_t)s->sums, (int)(end - first), N_BLOCK_LANES, &task->scales,
                                          run->factors + 2 * first);
    /* From the last one on: a tile that is not full spoils the sums behind it. */
    for (int64_t pair, to = end; to > first; to = pair) {
        pair = to - 1 - (to - 1) % s->half;
        pair = pair < first ? first : pair;
        store_pairs(task, pair, to - pair, task->sums + (pair - first) * N_BLOCK_LANES);
    }
}

/* Where the k-block of B begins that this thread will read next, in floats from the start of a quadrant; -1: none.
 */
static int64_t next_k_block(const struct strassen_task *task, int64_t to) {
    const struct strassen_call *run = task->group->run;
    const int threads = run->call->threads;
    if (to < run->halves.depth)
        return panel_floats(run, to);
    return task->n_pair + threads < run->halves.n_pairs ? packed_place(run->product, threads * N_BLOCK) : -1;
}

static void run_task(struct strassen_task *task) {
    const struct halves *s = &task->group->run->halves;
    find_right_side(task);
    for (int64_t from = 0; from < s->depth; from += s->k_block) {
        const int64_t blocks = at_most(s->depth - from, s->k_block);
        const struct half_k_block k_block = {task, from, blocks, next_k_block(task, from + blocks)};
        for (int product = 0; product < STRASSEN_PRODUCTS; product++)
            multiply(&k_block, product);
    }
    store_task(task);
}

/* ---- all of it ---- */

/* Pairs of n-blocks that would leave some threads idle at the end are cut into rows for all of them. */
struct group_work {
    const struct pair_group *group;
    int threads;
    int64_t whole, units;
    struct work_queue queue;
};

static struct strassen_task task_of(const struct group_work *work, int64_t unit, float *scratch) {
    const struct halves *s = &work->group->run->halves;
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
            run_task(&task);
    }
}

static void run_group(struct pair_group *group) {
    const int threads = group->run->call->threads;
    const int64_t n_pairs = group->run->halves.n_pairs, whole = n_pairs / threads * threads;
    struct group_work work = {
        .group = group, .threads = threads, .whole = whole, .units = whole + (n_pairs - whole) * threads};
    team_for(threads, group->count, form_pairs, group);
    work_queue_start(&work.queue, 1);
    team_run(threads, run_tasks, &work);
}

static bool is_direct(const struct strassen_call *run, int64_t pair) {
    return isnan(run->factors[2 * pair]) || isnan(run->factors[2 * pair + 1]);
}

/* Pairs first..end of a row of the batch, which begins with this row. */
static void multiply_directly(const struct strassen_call *run, int64_t row, int64_t first, int64_t end) {
    const struct halves *s = &run->halves;
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
    const struct halves *s = &run->halves;
    const int64_t blocks = channel_blocks(run->product->n), paired = 2 * s->n_pairs * N_BLOCK;
    for (int64_t row = 0, pair = 0; pair < s->pairs; row += s->rows, pair += s->half)
        mend_pairs(run, row, pair);
    if (paired < blocks)
        packed_run(run->call, run->data, &(struct packed_area){0, run->product->m, paired, blocks - paired}, run->left);
}

void strassen_run(const struct op_call *call, const struct packed_data *data, float *workspace) {
    const struct product_state *state = call->state;
    const struct halves s = halves_of(&state->product, call->kernels);
    const struct strassen_call run = {.call = call,
                                      .product = &state->product,
                                      .data = data,
                                      .halves = s,
                                      .factors = workspace,
                                      .left = workspace + factor_floats(&s),
                                      .scratch = workspace + factor_floats(&s) + left_floats(&s)};
    for (int64_t first = 0; first < s.pairs; first += s.group) {
        struct pair_group group = {&run, first, at_most(s.pairs - first, s.group), 0};
        group.padded = whole_units(group.count, s.tile);
        run_group(&group);
    }
    run_rest(&run);
}
