#include "ops/matmul/strassen_task.h"

#include "base/sizes.h"
#include "ops/core/channel_blocks.h"

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
        const float scale = strassen_scale(left[lane], &left_back), own = strassen_scale(right[lane], &right_back);
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
    const float *left = strassen_left_place(task->group, k_block->from, k_block->blocks, product, task->first);
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
    const struct strassen_halves *s = &run->halves;
    const struct product_state *state = run->call->state;
    for (int quadrant = 0; quadrant < 4; quadrant++) {
        const int64_t row = pair % s->half + (quadrant & 2 ? s->half : 0);
        packed_finish(&(struct packed_piece){.state = state,
                                             .kernels = run->call->kernels,
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
    const struct strassen_halves *s = &run->halves;
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

void strassen_run_task(struct strassen_task *task) {
    const struct strassen_halves *s = &task->group->run->halves;
    find_right_side(task);
    for (int64_t from = 0; from < s->depth; from += s->k_block) {
        const int64_t blocks = at_most(s->depth - from, s->k_block);
        const struct half_k_block k_block = {task, from, blocks, next_k_block(task, from + blocks)};
        for (int product = 0; product < STRASSEN_PRODUCTS; product++)
            multiply(&k_block, product);
    }
    store_task(task);
}
