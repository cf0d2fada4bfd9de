#include "ops/blocked/winograd/winograd_mend.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/winograd/channel_square.h"
#include "ops/blocked/winograd/winograd_balance.h"
#include "ops/blocked/winograd/winograd_range.h"
#include "ops/core/work_queue.h"

#define LANES CHANNEL_BLOCK
#define MENDED_TILES 8    /* at once */
#define MOST_OUTPUTS 32   /* of a tile */
#define MOST_TAPS 36      /* of a phase that Winograd computes */
#define WEIGHT_LINES 1792 /* cache lines of packed weights: of MOST_TAPS with three channel blocks */

/* The scratch of a thread. */
struct mend_scratch {
    float sums[MENDED_TILES * MOST_OUTPUTS + BLOCK_PIXELS][LANES];
    float weights[WEIGHT_LINES * LANES]; /* [tap][channel block][16][lanes] of some channel blocks of the depth */
    struct channel_square square;
    struct block_pixel pixels[MOST_TAPS * BLOCK_PIXELS];
};

struct mended_tile {
    int64_t y, x; /* first position of the grid */
    int rows, columns;
};

/* A channel block of the output of an image, in one phase. */
struct mend_unit {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    const struct winograd_grid *grid;
    int64_t image, block;
    struct blocked_input input;
    struct mended_tile tiles[MENDED_TILES];
    int count;
    struct mend_scratch *scratch;
};

/* ---- weights ---- */

static void pack_blocks(const struct mend_unit *unit, const struct window_weights *weights, int64_t first,
                        int64_t blocks) {
    const struct window *window = &unit->run->state->window;
    const struct pack_job job = {
        .state = unit->run->state, .phase = unit->phase, .kernels = unit->run->kernels, .scale = unit->run->scale};
    struct channel_square *square = &unit->scratch->square;
    square->weights = weights;
    square->conv_group = unit->image % window->group;
    square->channel0 = unit->block * LANES;
    for (int64_t block = 0; block < blocks; block++) {
        square->in_block = first + block;
        channel_square_transpose(&job, square);
        for (int64_t tap = 0; tap < unit->phase->geometry.taps; tap++) {
            const int64_t kernel = phase_kernel(window, &unit->phase->geometry, tap);
            float *place = unit->scratch->weights + (tap * blocks + block) * LANES * LANES;
            for (int64_t channel = 0; channel < LANES; channel++)
                channel_square_lanes(&job, square, channel, kernel, place + channel * LANES);
        }
    }
}

/* ---- sums ---- */

static const float zeros[LANES];

static struct block_pixel pixel_at(const struct mend_unit *unit, int64_t y, int64_t x, int64_t block) {
    const struct blocked_input *input = &unit->input;
    const enum border border = unit->run->state->window.border;
    y = border_index(border, y, unit->grid->y.in);
    x = border_index(border, x, unit->grid->x.in);
    if (y < 0 || x < 0)
        return (struct block_pixel){zeros, 0};
    return (struct block_pixel){input->data + (y - input->lowest[0]) * input->row + x * LANES + block * input->block,
                                input->block};
}

/* The inputs of `count` outputs of a tile from the first-th on; up to `rounded` the last one is repeated. */
static void list_pixels(const struct mend_unit *unit, const struct mended_tile *tile, int first, int count, int rounded,
                        int64_t block) {
    const struct phase_axis *ay = &unit->grid->y, *ax = &unit->grid->x;
    for (int i = 0; i < rounded; i++) {
        const int place = first + (i < count ? i : count - 1);
        const int64_t y = tile->y + place / tile->columns, x = tile->x + place % tile->columns;
        struct block_pixel *entry = unit->scratch->pixels + i;
        for (int64_t ty = 0; ty < ay->taps; ty++)
            for (int64_t tx = 0; tx < ax->taps; tx++, entry += BLOCK_PIXELS)
                *entry = pixel_at(unit, phase_input(ay, y, ty), phase_input(ax, x, tx), block);
    }
}

/* Adds the products of some channel blocks of the depth to a tile's sums. What is written beyond them is not read. */
static void add_products(const struct mend_unit *unit, const struct mended_tile *tile, int64_t first, int64_t blocks,
                         float (*sums)[LANES]) {
    const struct block_kernel *kernel = unit->run->kernels->block;
    const int outputs = tile->rows * tile->columns, most = kernel->pixels[1];
    const struct block_source source = {.entries = (int)unit->phase->geometry.taps,
                                        .blocks = (int)blocks,
                                        .length = LANES,
                                        .pixels = unit->scratch->pixels};
    for (int done = 0, count; done < outputs; done += count) {
        float part[BLOCK_PIXELS][LANES];
        count = outputs - done < most ? outputs - done : most;
        const int rounded = kernel->round(count, 1);
        list_pixels(unit, tile, done, count, rounded, first);
        kernel->tile(rounded, 1, &source, unit->scratch->weights, true, part[0], LANES, LANES);
        for (int i = 0; i < count; i++)
            for (int lane = 0; lane < LANES; lane++)
                sums[done + i][lane] = first ? sums[done + i][lane] + part[i][lane] : part[i][lane];
    }
}

static void finish_tile(const struct mend_unit *unit, const struct mended_tile *tile, float (*sums)[LANES]) {
    const struct phase_axis *ay = &unit->grid->y, *ax = &unit->grid->x;
    const struct blocked_run *run = unit->run;
    const int64_t group = unit->image % run->state->window.group, out_blocks = unit->phase->out_blocks;
    float *plane = run->y + (unit->image * out_blocks + unit->block) * run->y_plane;
    const int64_t y = ay->out0 + tile->y * ay->out_step, x = ax->out0 + tile->x * ax->out_step;
    blocked_finish(run, run->bias + (group * out_blocks + unit->block) * LANES, 0, tile->rows, tile->columns, sums[0],
                   (size_t)tile->columns * LANES, LANES, plane + (y * ax->out + x) * LANES,
                   (size_t)(ay->out_step * ax->out * LANES), (size_t)(ax->out_step * LANES));
}

/* The tiles that have been collected. */
static void mend_tiles(struct mend_unit *unit, const struct window_weights *weights) {
    const int64_t depth = channel_blocks(unit->run->state->window.in_channels);
    const int64_t most = WEIGHT_LINES / (unit->phase->geometry.taps * LANES);
    for (int64_t first = 0, blocks; first < depth; first += blocks) {
        blocks = at_most(depth - first, most);
        pack_blocks(unit, weights, first, blocks);
        for (int i = 0; i < unit->count; i++)
            add_products(unit, &unit->tiles[i], first, blocks, unit->scratch->sums + i * MOST_OUTPUTS);
    }
    for (int i = 0; i < unit->count; i++)
        finish_tile(unit, &unit->tiles[i], unit->scratch->sums + i * MOST_OUTPUTS);
    unit->count = 0;
}

/* ---- which ---- */

static struct mended_tile tile_of(const struct winograd_grid *grid, int64_t number) {
    const struct winograd_axis *ay = &grid->axis[0], *ax = &grid->axis[1];
    struct mended_tile tile = {.y = number / ax->tiles * ay->outputs, .x = number % ax->tiles * ax->outputs};
    tile.rows = (int)at_most(grid->y.positions - tile.y, ay->outputs);
    tile.columns = (int)at_most(grid->x.positions - tile.x, ax->outputs);
    return tile;
}

static void mend_grid(struct mend_unit *unit, const struct window_weights *weights, const uint8_t *suspects, bool all) {
    const int64_t tiles = winograd_image_tiles(unit->grid);
    for (int64_t i = 0; i < tiles; i++) {
        if (all || suspects[i])
            unit->tiles[unit->count++] = tile_of(unit->grid, i);
        if (unit->count == MENDED_TILES || (unit->count > 0 && i + 1 == tiles))
            mend_tiles(unit, weights);
    }
}

/* Channel blocks of all images and phases. */
struct mend_work {
    const struct blocked_run *run;
    struct window_weights weights;
    struct work_queue queue;
};

static void mend_unit_of(const struct mend_work *work, const struct blocked_phase *phase, int64_t number,
                         struct mend_scratch *scratch) {
    const struct blocked_run *run = work->run;
    struct mend_unit unit = {.run = run,
                             .phase = phase,
                             .image = number / phase->out_blocks,
                             .block = number % phase->out_blocks,
                             .scratch = scratch};
    unit.input = blocked_input_of(run, unit.image);
    const bool all = !winograd_balanced(run, phase, unit.image % run->state->window.group, unit.block);
    for (int i = 0; i < phase->grid_count; i++) {
        unit.grid = &phase->grids[i];
        mend_grid(&unit, &work->weights, winograd_suspects_of(run, phase, i, unit.image), all);
    }
}

static void mend_units(struct team_thread self, void *context) {
    struct mend_work *work = context;
    const struct blocked_state *state = work->run->state;
    const int64_t blocks = window_images(&state->window) * channel_blocks(state->window.out_channels);
    struct mend_scratch *scratch = (struct mend_scratch *)(void *)blocked_scratch(work->run, self);
    for (int64_t unit = 0; work_queue_take(&work->queue, self, state->phase_count * blocks, &unit);)
        if (state->phases[unit / blocks].grid_count > 0)
            mend_unit_of(work, &state->phases[unit / blocks], unit % blocks, scratch);
}

static bool all_balanced(const struct blocked_run *run) {
    const struct blocked_state *state = run->state;
    for (int64_t i = 0; i < state->phase_count; i++)
        for (int64_t k = 0; state->phases[i].grid_count > 0 && k < state->window.group * state->phases[i].out_blocks;
             k++)
            if (!winograd_balanced(run, &state->phases[i], k / state->phases[i].out_blocks,
                                   k % state->phases[i].out_blocks))
                return false;
    return true;
}

void winograd_mend(const struct blocked_run *run) {
    struct mend_work work = {.run = run};
    if (winograd_suspects_count(run) == 0 && all_balanced(run))
        return;
    work.weights = window_weights(&run->state->window, run->state->transposed, run->weights, run->scale);
    work_queue_start(&work.queue, run->threads);
    team_run(run->threads, mend_units, &work);
}

struct blocked_bytes winograd_mend_bytes(const struct blocked_state *state) {
    bool any = false;
    for (int64_t i = 0; i < state->phase_count; i++)
        any = any || state->phases[i].grid_count > 0;
    return (struct blocked_bytes){.scratch = any ? sizeof(struct mend_scratch) : 0};
}
