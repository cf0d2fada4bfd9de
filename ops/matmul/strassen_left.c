#include "ops/matmul/strassen_left.h"

#include "base/sizes.h"
#include "ops/core/channel_blocks.h"
#include "ops/core/forced_choices.h"

#include <math.h>

#define GROUP 132 /* pairs of rows together: their sums stay in the second-level cache; whole tiles of every kernel */
#define HALF_K_BLOCK 42 /* channel blocks of a k-block of half the depth, at most */

struct strassen_halves strassen_halves_of(const struct matrix_product *product, const struct kernels *kernels) {
    const struct block_kernel *kernel = kernels->block;
    const struct forced_choices *forced = forced_choices_of(kernels);
    struct strassen_halves s = {.rows = product->rows,
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

#define LEAST_ALIKE 4
bool strassen_is_balanced(double squares, double fourths) {
    return squares * squares >= LEAST_ALIKE * fourths;
}

/* ---- left sides ---- */

float strassen_scale(double squares, float *back) {
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
    const float scale = strassen_scale(squares, back);
    if (!strassen_is_balanced(squares, fourths))
        *back = NAN;
    return scale;
}

/* The two rows of a pair; one that lacks the lower row has zeros there. */
static struct strassen_rows rows_of(const struct strassen_call *run, int64_t pair) {
    const struct strassen_halves *s = &run->halves;
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

float *strassen_left_place(const struct strassen_group *group, int64_t from, int64_t blocks, int64_t product,
                           int64_t pair) {
    const struct strassen_halves *s = &group->run->halves;
    return group->run->left + (STRASSEN_PRODUCTS * from * group->padded + product * group->padded * blocks +
                               pair / s->tile * s->tile * blocks + pair % s->tile) *
                                  CHANNEL_BLOCK;
}

static void form_pair(const struct strassen_group *group, int64_t pair) {
    const struct strassen_call *run = group->run;
    const struct strassen_halves *s = &run->halves;
    struct strassen_rows rows = rows_of(run, group->first + pair);
    for (int64_t from = 0; from < s->depth; from += s->k_block) {
        const int64_t blocks = at_most(s->depth - from, s->k_block);
        run->call->kernels->strassen->left(&rows, blocks, strassen_left_place(group, from, blocks, 0, pair),
                                           (size_t)(s->tile * CHANNEL_BLOCK),
                                           (size_t)(group->padded * blocks * CHANNEL_BLOCK));
        rows.upper += blocks * CHANNEL_BLOCK;
        rows.lower += blocks * CHANNEL_BLOCK;
    }
}

void strassen_form_pairs(void *context, int64_t first, int64_t end) {
    for (int64_t pair = first; pair < end; pair++)
        form_pair(context, pair);
}
