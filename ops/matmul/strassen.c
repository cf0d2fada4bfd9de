/*
 * One level of Strassen's algorithm. A row of A is paired with the one half a row of the batch further down, so that
 * rows of the batch keep the bits that they have alone; depths are halved in channel blocks, columns in strips. What is
 * left of the columns and of the depth is added directly.
 *
 * - Some pairs at a time, the left sides of all products are formed, a cut of the depth after the other, tile by tile:
 *   in the order in which every pair of strips reads them.
 * - A pair of strips of B goes a cut of the depth after the other. The tiles of a product form the sum of quarters of B
 *   that the next one multiplies by, a few numbers with every channel block; both stay in the second-level cache.
 * - Sums over rows, or columns, of very different size would cost the smaller ones their digits: all are brought to a
 *   norm of about 1 by powers of two. A row of the batch with numbers that are not finite is multiplied directly, so
 *   that they stay where they are.
 */
#include "ops/matmul/strassen.h"

#include "base/sizes.h"
#include "ops/core/channel_blocks.h"
#include "ops/core/forced_choices.h"
#include "ops/core/work_queue.h"

#include <math.h>
#include <string.h>

#define GROUP 132 /* pairs of rows together: their sums stay in the second-level cache; whole tiles of every kernel */
#define CUT 42    /* channel blocks of a cut of half the depth, at most */

struct halves {
    int64_t rows, half;       /* of a row of the batch; pairs that they make */
    int64_t pairs, group;     /* of all; that are computed together */
    int64_t depth, cut;       /* channel blocks of half the depth; of a cut of it */
    int64_t strips;           /* pairs of strips */
    int tile, width;          /* pairs of a tile; channel blocks of a panel of B */
    int64_t padded;           /* pairs of a group in whole tiles */
    int64_t sums, cut_floats; /* floats of a product's sums, with room for one tile more; of a cut of a strip */
};

static struct halves halves_of(const struct product *product, const struct kernels *kernels) {
    const struct block_kernel *kernel = kernels->block;
    const struct forced_choices *forced = forced_choices_of(kernels);
    struct halves s = {.rows = product->rows,
                       .half = divide_up(product->rows, 2),
                       .depth = product->k / (2 * CHANNEL_BLOCK),
                       .strips = channel_blocks(product->n) / (2 * STRIP_BLOCKS),
                       .tile = kernel->pixels[kernel->blocks],
                       .width = kernel->blocks};
    s.pairs = product->m / s.rows * s.half;
    s.group = even_block(s.pairs, forced_size(forced->pairs, GROUP), s.tile);
    s.cut = even_block(s.depth, forced_size(forced->halves_cut, CUT), 1);
    s.padded = whole_units(s.group, s.tile);
    s.sums = (s.padded + s.tile) * STRIP_LANES;
    s.cut_floats = s.cut * CHANNEL_BLOCK * STRIP_LANES;
    return s;
}

/* ---- where it applies ---- */

/* Norms of 2^-60 to 2^60: no scaled number leaves the range of floats. */
static bool sizes_fit(const struct product_state *state) {
    const double *squares = strips_squares(state);
    for (int64_t column = 0; column < state->product.n; column++)
        if (squares[column] != 0 && !(squares[column] > 0x1p-120 && squares[column] < 0x1p120))
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

static bool pays(const struct product *product) {
    const double rows = (double)product->rows, k = (double)product->k, n = (double)product->n;
    const double saved = (1.0 / 8 - WORTH_SAVING) * rows * k * n;
    return B_COST * k * n + A_COST * rows * k + Y_COST * rows * n < saved;
}

/* Something to halve in each dimension. */
static bool can_halve(const struct product *product) {
    return product->rows > 1 && product->k >= 2 * CHANNEL_BLOCK && channel_blocks(product->n) >= 2 * STRIP_BLOCKS;
}

bool fast_fits(const struct op_call *call) {
    const struct product_state *state = call->state;
    return call->kernels->filter && state->matrices == 1 && product_batches(&state->product) == 1 &&
           can_halve(&state->product) &&
           forced_decide(forced_choices_of(call->kernels)->strassen, pays(&state->product)) && sizes_fit(state);
}

/* ---- workspace: the factors that undo the rows', the left sides of a group, then each thread's sums ---- */

static int64_t factor_floats(const struct halves *s) {
    return whole_units(2 * s->pairs, CHANNEL_BLOCK);
}

static int64_t left_floats(const struct halves *s) {
    return QUARTER_PRODUCTS * s->padded * s->depth * CHANNEL_BLOCK;
}

/* The products' sums, and two of B. */
static int64_t share_floats(const struct halves *s) {
    return QUARTER_PRODUCTS * s->sums + 2 * s->cut_floats;
}

size_t fast_workspace_bytes(const struct op_call *call) {
    const struct product_state *state = call->state;
    const struct halves s = halves_of(&state->product, call->kernels);
    const size_t own = (size_t)(left_floats(&s) + call->threads * share_floats(&s)) * sizeof(float);
    const size_t direct = strips_workspace_bytes(call->threads);
    return (size_t)factor_floats(&s) * sizeof(float) + (own > direct ? own : direct);
}

struct run {
    const struct op_call *call;
    const struct product *product;
    const struct strips_data *data;
    struct halves halves;
    float *factors; /* of every pair: the upper row's, the lower one's; NaN where numbers are not finite */
    float *left, *shares;
};

/* ---- left sides ---- */

/* The power of two that brings numbers with this sum of squares to a norm of about 1; `back` undoes it. */
static float scale_for(double squares, float *back) {
    const bool usual = squares != 0 && isfinite(squares);
    const int exponent = usual ? (int)between(-126, ilogb(squares) / 2, 126) : 0;
    *back = squares == 0 ? 0 : usual ? ldexpf(1, exponent) : NAN;
    return ldexpf(1, -exponent);
}

static float row_scale(const struct run *run, const float *row, float *back) {
    double sums[CHANNEL_BLOCK] = {0}, squares = 0;
    run->call->kernels->quarter->squares(row, 2 * run->halves.depth, CHANNEL_BLOCK, sums);
    for (int lane = 0; lane < CHANNEL_BLOCK; lane++)
        squares += sums[lane];
    return scale_for(squares, back);
}

/* The two rows of a pair; one that lacks the lower row has zeros there. */
static struct quarter_rows rows_of(const struct run *run, int64_t pair) {
    const struct halves *s = &run->halves;
    const int64_t upper = pair / s->half * s->rows + pair % s->half;
    const bool whole = pair % s->half + s->half < s->rows;
    struct quarter_rows rows = {.upper = run->data->a + upper * run->product->a.row_stride,
                                .half = s->depth * CHANNEL_BLOCK};
    rows.lower = whole ? rows.upper + s->half * run->product->a.row_stride : rows.upper;
    rows.upper_scale = row_scale(run, rows.upper, &run->factors[2 * pair]);
    run->factors[2 * pair + 1] = 0;
    if (whole)
        rows.lower_scale = row_scale(run, rows.lower, &run->factors[2 * pair + 1]);
    return rows;
}

/* Pairs of rows that are computed together. */
struct group {
    const struct run *run;
    int64_t first, count, padded;
};

/* [cut][product][tile][channel block][pair of the tile][16] */
static float *left_place(const struct group *group, int64_t from, int64_t blocks, int64_t product, int64_t pair) {
    const struct halves *s = &group->run->halves;
    return group->run->left + (QUARTER_PRODUCTS * from * group->padded + product * group->padded * blocks +
                               pair / s->tile * s->tile * blocks + pair % s->tile) *
                                  CHANNEL_BLOCK;
}

static void form_pair(const struct group *group, int64_t pair) {
    const struct run *run = group->run;
    const struct halves *s = &run->halves;
    struct quarter_rows rows = rows_of(run, group->first + pair);
    for (int64_t from = 0; from < s->depth; from += s->cut) {
        const int64_t blocks = at_most(s->depth - from, s->cut);
        run->call->kernels->quarter->left(&rows, blocks, left_place(group, from, blocks, 0, pair),
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

/* ---- a pair of strips ---- */

/* The pairs first..end of a group by a pair of strips. */
struct panel {
    const struct group *group;
    int64_t strip;
    int64_t first, end;
    struct quarter_scales scales;
    const float *quarters[4]; /* of B: 11, 12, 21, 22 */
    float *sums, *right;
};

/* The channel block where the left, or right, strip begins. */
static int64_t strip_block(const struct panel *panel, bool right) {
    return (panel->strip + (right ? panel->group->run->halves.strips : 0)) * STRIP_BLOCKS;
}

/* Floats of so many channel blocks of the depth of a panel of B. */
static int64_t panel_floats(const struct run *run, int64_t blocks) {
    return blocks * CHANNEL_BLOCK * run->halves.width * CHANNEL_BLOCK;
}

static void find_scales(const double *left, const double *right, struct quarter_scales *scales) {
    for (int lane = 0; lane < STRIP_LANES; lane++) {
        float left_back, right_back;
        const float scale = scale_for(left[lane], &left_back), own = scale_for(right[lane], &right_back);
        scales->left[lane] = scale / own;
        scales->left_back[lane] = left_back * own;
        scales->right[lane] = right_back * own;
    }
}

static void find_strips(struct panel *panel) {
    const struct run *run = panel->group->run;
    const struct product_state *state = run->call->state;
    const int64_t left = strip_block(panel, false), right = strip_block(panel, true);
    const double *squares = strips_squares(state);
    find_scales(squares + left * CHANNEL_BLOCK, squares + right * CHANNEL_BLOCK, &panel->scales);
    for (int q = 0; q < 4; q++)
        panel->quarters[q] = state->packed + strips_place(run->product, q & 1 ? right : left) +
                             (q & 2 ? panel_floats(run, run->halves.depth) : 0);
}

/* ---- the products, in the order in which they are computed ---- */

/* Right sides: quarters of B, where they lie, and two places for sums in turn. */
enum side { B11, B12, B21, B22, EVEN, ODD };

/* A product's right side; the sum that is formed meanwhile for the next one; the quarter of B that is asked for. */
struct step {
    enum side right;
    bool forms, scales; /* first - second, the latter scaled or not */
    enum side first, second;
    bool asks, ahead; /* for a quarter of this cut, or of the next one */
    enum side quarter;
};

static const struct step steps[QUARTER_PRODUCTS] = {
    {B11, true, true, B12, B11, true, false, B21},   /* A11 B11; T1 = B12 - B11 */
    {EVEN, true, false, B22, EVEN, false, false, 0}, /* S1 T1; T2 = B22 - T1 */
    {ODD, true, true, ODD, B21, false, false, 0},    /* S2 T2; T4 = T2 - B21 */
    {EVEN, true, false, B22, B12, false, false, 0},  /* A22 T4; T3 = B22 - B12 */
    {ODD, false, false, 0, 0, true, true, B11},      /* S3 T3 */
    {B21, false, false, 0, 0, true, true, B12},      /* A12 B21 */
    {B22, false, false, 0, 0, true, true, B22},      /* S4 B22 */
};

/* A cut of a pair of strips. */
struct cut {
    const struct panel *panel;
    int64_t from, blocks;
    int64_t next; /* where the one that this thread reads next begins, from the beginning of a quarter; -1: none */
};

/* Some of the depths of one panel, for one of many tiles. */
struct share {
    int64_t number, tile, tiles;
};

static float *sum_place(const struct cut *cut, enum side side, int64_t number) {
    const struct run *run = cut->panel->group->run;
    return cut->panel->right + (side - EVEN) * run->halves.cut_floats + number * panel_floats(run, cut->blocks);
}

/* One panel of a right side. */
static const float *right_place(const struct cut *cut, enum side side, int64_t number) {
    const struct run *run = cut->panel->group->run;
    if (side >= EVEN)
        return sum_place(cut, side, number);
    return cut->panel->quarters[side] + panel_floats(run, cut->from) +
           number * strips_place(run->product, run->halves.width);
}

/* What a tile forms of the next right side. */
static struct block_forming form_ahead(const struct cut *cut, int product, const struct share *share) {
    const struct step *step = &steps[product];
    const int64_t lanes = cut->panel->group->run->halves.width * CHANNEL_BLOCK, depths = cut->blocks * CHANNEL_BLOCK;
    const int64_t from = depths * share->tile / share->tiles, to = depths * (share->tile + 1) / share->tiles;
    if (!step->forms)
        return (struct block_forming){0};
    return (struct block_forming){
        .a = right_place(cut, step->first, share->number) + from * lanes,
        .b = right_place(cut, step->second, share->number) + from * lanes,
        .factor = step->scales ? cut->panel->scales.left + share->number * lanes : NULL,
        .destination = sum_place(cut, steps[product + 1].right, share->number) + from * lanes,
        .depths = (int)(to - from),
    };
}

/* What a tile asks for. */
static void ask_ahead(const struct cut *cut, int product, const struct share *share, struct block_row *source) {
    const struct step *step = &steps[product];
    const struct run *run = cut->panel->group->run;
    const int width = run->halves.width;
    const int64_t place = step->ahead ? cut->next : panel_floats(run, cut->from);
    const int64_t lines = divide_up(CHANNEL_BLOCK * width, share->tiles); /* with every channel block */
    if (!step->asks || place < 0)
        return;
    source->ahead = cut->panel->quarters[step->quarter] + place + share->number * strips_place(run->product, width) +
                    share->tile * cut->blocks * lines * CHANNEL_BLOCK;
    source->ahead_lines = (int)lines;
}

/* A cut of one product, whose left side follows that of the product before. */
static void multiply(const struct cut *cut, int product) {
    const struct panel *panel = cut->panel;
    const struct run *run = panel->group->run;
    const struct block_kernel *kernel = run->call->kernels->block;
    const int tile = run->halves.tile, width = run->halves.width;
    const int64_t step = tile * CHANNEL_BLOCK, tiles = divide_up(panel->end - panel->first, tile);
    const float *left = left_place(panel->group, cut->from, cut->blocks, product, panel->first);
    float *sums = panel->sums + product * run->halves.sums;
    struct block_row source = {.step = step, .blocks = (int)cut->blocks, .pixel_ahead = step * cut->blocks};
    for (int64_t i = 0; i < tiles; i++, left += step * cut->blocks, sums += tile * STRIP_LANES) {
        const int count = (int)at_most(panel->end - panel->first - i * tile, tile);
        source.pixels = left;
        for (int number = 0; number < STRIP_BLOCKS / width; number++) {
            const struct share share = {number, i, tiles};
            source.forming = form_ahead(cut, product, &share);
            ask_ahead(cut, product, &share, &source);
            kernel->row(kernel->round(count, width), width, &source, right_place(cut, steps[product].right, number),
                        cut->from == 0, sums + number * width * CHANNEL_BLOCK, STRIP_LANES, CHANNEL_BLOCK);
        }
    }
}

/* Writes some pairs of one row of the batch; `sums` are those of the first pair. */
static void store_pairs(const struct panel *panel, int64_t pair, int64_t count, float *sums) {
    const struct run *run = panel->group->run;
    const struct halves *s = &run->halves;
    const struct product_state *state = run->call->state;
    for (int quarter = 0; quarter < 4; quarter++) {
        const int64_t row = pair % s->half + (quarter & 2 ? s->half : 0);
        strips_finish(&(struct strips_piece){.state = state,
                                             .kernel = run->call->kernels->block,
                                             .data = *run->data,
                                             .packed = state->packed,
                                             .sums = sums + quarter * s->sums,
                                             .row0 = pair / s->half * s->rows + row,
                                             .block = strip_block(panel, quarter & 1),
                                             .count = (int)at_most(s->rows - row, count),
                                             .blocks = STRIP_BLOCKS},
                      2 * s->depth * CHANNEL_BLOCK);
    }
}

static void store_panel(const struct panel *panel) {
    const struct run *run = panel->group->run;
    const struct halves *s = &run->halves;
    const int64_t first = panel->group->first + panel->first, end = panel->group->first + panel->end;
    run->call->kernels->quarter->outputs(panel->sums, (size_t)s->sums, (int)(end - first), STRIP_LANES, &panel->scales,
                                         run->factors + 2 * first);
    /* From the last one on: a tile that is not full spoils the sums behind it. */
    for (int64_t pair, to = end; to > first; to = pair) {
        pair = to - 1 - (to - 1) % s->half;
        pair = pair < first ? first : pair;
        store_pairs(panel, pair, to - pair, panel->sums + (pair - first) * STRIP_LANES);
    }
}

/* Where the cut of B begins that this thread will read next, in floats from the beginning of a quarter; -1: none. */
static int64_t next_cut(const struct panel *panel, int64_t to) {
    const struct run *run = panel->group->run;
    const int threads = run->call->threads;
    if (to < run->halves.depth)
        return panel_floats(run, to);
    return panel->strip + threads < run->halves.strips ? strips_place(run->product, threads * STRIP_BLOCKS) : -1;
}

static void run_panel(struct panel *panel) {
    const struct halves *s = &panel->group->run->halves;
    find_strips(panel);
    for (int64_t from = 0; from < s->depth; from += s->cut) {
        const int64_t blocks = at_most(s->depth - from, s->cut);
        const struct cut cut = {panel, from, blocks, next_cut(panel, from + blocks)};
        for (int product = 0; product < QUARTER_PRODUCTS; product++)
            multiply(&cut, product);
    }
    store_panel(panel);
}

/* ---- all of it ---- */

/* Pairs of strips that would leave some threads idle at the end are cut into rows for all of them. */
struct group_work {
    const struct group *group;
    int threads;
    int64_t whole, units;
    struct work_queue queue;
};

static struct panel panel_of(const struct group_work *work, int64_t unit, float *share) {
    const struct halves *s = &work->group->run->halves;
    const int64_t whole = work->whole, threads = work->threads;
    const int64_t part = unit < whole ? 0 : (unit - whole) % threads, parts = unit < whole ? 1 : threads;
    const int64_t tiles = divide_up(work->group->count, s->tile);
    return (struct panel){.group = work->group,
                          .strip = unit < whole ? unit : whole + (unit - whole) / threads,
                          .first = tiles * part / parts * s->tile,
                          .end = at_most(tiles * (part + 1) / parts * s->tile, work->group->count),
                          .sums = share,
                          .right = share + QUARTER_PRODUCTS * s->sums};
}

static void run_panels(struct team_thread self, void *context) {
    struct group_work *work = context;
    const struct run *run = work->group->run;
    for (int64_t unit = 0; work_queue_take(&work->queue, self, work->units, &unit);) {
        struct panel panel = panel_of(work, unit, run->shares + self.index * share_floats(&run->halves));
        if (panel.first < panel.end)
            run_panel(&panel);
    }
}

static void run_group(struct group *group) {
    const int threads = group->run->call->threads;
    const int64_t strips = group->run->halves.strips, whole = strips / threads * threads;
    struct group_work work = {
        .group = group, .threads = threads, .whole = whole, .units = whole + (strips - whole) * threads};
    team_for(threads, group->count, form_pairs, group);
    work_queue_start(&work.queue, 1);
    team_run(threads, run_panels, &work);
}

static bool finite_rows(const struct run *run, int64_t first) {
    for (int64_t i = 2 * first; i < 2 * (first + run->halves.half); i++)
        if (isnan(run->factors[i]))
            return false;
    return true;
}

/* Rows of the batch with numbers that are not finite, once more; and the columns that are left over. */
static void run_rest(const struct run *run) {
    const struct halves *s = &run->halves;
    const int64_t blocks = channel_blocks(run->product->n), paired = 2 * s->strips * STRIP_BLOCKS;
    for (int64_t row = 0, pair = 0; pair < s->pairs; row += s->rows, pair += s->half)
        if (!finite_rows(run, pair))
            strips_run(run->call, run->data, &(struct strips_area){row, s->rows, 0, paired}, run->left);
    if (paired < blocks)
        strips_run(run->call, run->data, &(struct strips_area){0, run->product->m, paired, blocks - paired}, run->left);
}

void fast_run(const struct op_call *call, const struct strips_data *data, float *workspace) {
    const struct product_state *state = call->state;
    const struct halves s = halves_of(&state->product, call->kernels);
    const struct run run = {.call = call,
                            .product = &state->product,
                            .data = data,
                            .halves = s,
                            .factors = workspace,
                            .left = workspace + factor_floats(&s),
                            .shares = workspace + factor_floats(&s) + left_floats(&s)};
    for (int64_t first = 0; first < s.pairs; first += s.group) {
        struct group group = {&run, first, at_most(s.pairs - first, s.group), 0};
        group.padded = whole_units(group.count, s.tile);
        run_group(&group);
    }
    run_rest(&run);
}
