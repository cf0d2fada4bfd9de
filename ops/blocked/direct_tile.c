#include "ops/blocked/direct_tile.h"

#include "ops/blocked/blocked_run.h"

/* Floats of a macro tile's sums; rounding adds pixels to the last register tile. */
#define DIRECT_SUMS ((size_t)(DIRECT_POSITIONS + BLOCK_PIXELS) * DIRECT_LANES)

/* Positions that follow each other, around the end of a row too. */
struct register_tile {
    int first, count, most; /* in the macro tile */
    int64_t y, x;           /* of the first one */
    float *sums;
};

static int64_t entries_of(const struct blocked_phase *phase) {
    return phase->depth.down * phase->depth.across;
}

/* The indirection buffer and the offsets, which lie behind the sums. */
static size_t table_floats(const struct blocked_phase *phase) {
    const size_t entry = BLOCK_PIXELS * sizeof(struct block_pixel) + sizeof(int64_t);
    return (size_t)entries_of(phase) * entry / sizeof(float);
}

size_t direct_scratch_bytes(const struct blocked_phase *phase) {
    return (DIRECT_SUMS + table_floats(phase) + 15) / 16 * 16 * sizeof(float);
}

/* ---- where the inputs lie ---- */

static bool is_contiguous(const struct blocked_phase *phase, const struct blocked_input *input) {
    const struct phase_axis *ay = &phase->geometry.axis[1], *ax = &phase->geometry.axis[2];
    return phase->geometry.taps == 1 && input->pixel == CHANNEL_BLOCK && ax->step == 1 && ax->first == 0 &&
           ax->positions == ax->in && ay->step == 1 && ay->first >= 0 && ay->first + ay->positions <= ay->in;
}

static const float zeros[DIRECT_LANES];

static void next_position(const struct direct_macro_tile *macro, int64_t *y, int64_t *x) {
    if (++*x == macro->phase->geometry.axis[2].positions) {
        *x = 0;
        ++*y;
    }
}

/* The tap of x that an entry begins with: the one furthest to the left. */
static int64_t first_tap(const struct blocked_phase *phase) {
    const struct phase_axis *ax = &phase->geometry.axis[2];
    return phase->depth.merged && ax->tap_step < 0 ? ax->taps - 1 : 0;
}

/* Positions before the first or from the end on meet inputs beyond the border. */
static void find_inner(struct direct_macro_tile *macro) {
    for (int d = 0; d < 2; d++) {
        const struct phase_axis *axis = &macro->phase->geometry.axis[1 + d];
        const int64_t reach = (axis->taps - 1) * axis->tap_step, step = axis->step;
        const int64_t low = axis->first + (reach < 0 ? reach : 0), high = axis->first + (reach > 0 ? reach : 0);
        const int64_t begin = low < 0 ? (-low + step - 1) / step : 0;
        const int64_t end = high < axis->in ? (axis->in - high + step - 1) / step : 0;
        macro->inner[d][0] = macro->input.whole ? 0 : begin;
        macro->inner[d][1] = macro->input.whole ? axis->positions : end;
    }
}

static bool is_inner(const struct direct_macro_tile *macro, int64_t y, int64_t x) {
    return y >= macro->inner[0][0] && y < macro->inner[0][1] && x >= macro->inner[1][0] && x < macro->inner[1][1];
}

static void list_offsets(const struct direct_macro_tile *macro) {
    const struct phase_axis *ay = &macro->phase->geometry.axis[1], *ax = &macro->phase->geometry.axis[2];
    int64_t *offset = macro->offsets;
    for (int64_t ty = 0; ty < macro->phase->depth.down; ty++)
        for (int64_t tx = 0; tx < macro->phase->depth.across; tx++)
            *offset++ = ty * ay->tap_step * macro->input.row + tx * ax->tap_step * macro->input.pixel;
}

/*
 * Fills the indirection buffer with the first entry of every pixel of a tile, from a channel block on. False if not all
 * inputs of the tile lie inside. Pixels beyond `count` repeat the last one.
 */
static bool list_inner(const struct direct_macro_tile *macro, const struct register_tile *tile, int rounded,
                       int64_t block) {
    const struct blocked_input *input = &macro->input;
    const struct phase_axis *ay = &macro->phase->geometry.axis[1], *ax = &macro->phase->geometry.axis[2];
    const int64_t tap = first_tap(macro->phase), step = ax->step * input->pixel;
    int64_t y = tile->y, x = tile->x;
    for (int i = 0, end; i < tile->count; y++, x = 0) { /* as far as a row goes */
        end = (int)at_most(tile->count, i + ax->positions - x);
        if (!is_inner(macro, y, x) || !is_inner(macro, y, x + end - i - 1))
            return false;
        const int64_t row = phase_input(ay, y, 0) - input->lowest[0];
        const int64_t column = phase_input(ax, x, tap) - input->lowest[1];
        const float *data = input->data + row * input->row + column * input->pixel + block * input->block;
        for (; i < end; i++, data += step)
            macro->pixels[i] = (struct block_pixel){data, input->block};
    }
    for (int i = tile->count; i < rounded; i++)
        macro->pixels[i] = macro->pixels[tile->count - 1];
    return true;
}

static struct block_pixel pixel_at(const struct direct_macro_tile *macro, int64_t y, int64_t x, int64_t block) {
    const struct blocked_input *input = &macro->input;
    const struct phase_axis *axis = macro->phase->geometry.axis;
    const enum border border = macro->run->state->window.border;
    y = border_index(border, y, axis[1].in);
    x = border_index(border, x, axis[2].in);
    if (y < 0 || x < 0)
        return (struct block_pixel){zeros, 0};
    return (struct block_pixel){
        input->data + (y - input->lowest[0]) * input->row + x * input->pixel + block * input->block, input->block};
}

/* Fills the indirection buffer with all entries of a tile at the border. */
static void list_all(const struct direct_macro_tile *macro, const struct register_tile *tile, int rounded,
                     int64_t block) {
    const struct phase_axis *ay = &macro->phase->geometry.axis[1], *ax = &macro->phase->geometry.axis[2];
    int64_t y = tile->y, x = tile->x;
    for (int i = 0; i < rounded; i++) {
        struct block_pixel *entry = macro->pixels + i;
        for (int64_t ty = 0; ty < macro->phase->depth.down; ty++)
            for (int64_t tx = 0; tx < macro->phase->depth.across; tx++, entry += BLOCK_PIXELS)
                *entry = pixel_at(macro, phase_input(ay, y, ty), phase_input(ax, x, tx), block);
        if (i + 1 < tile->count)
            next_position(macro, &y, &x);
    }
}

/* ---- a tile ---- */

/* Where the output at a position lies, in the macro tile's first channel block. */
static float *output_at(const struct direct_macro_tile *macro, int64_t y, int64_t x) {
    const struct phase_axis *ay = &macro->phase->geometry.axis[1], *ax = &macro->phase->geometry.axis[2];
    const int64_t block = macro->image * macro->phase->out_blocks + macro->block0;
    return macro->run->y + block * macro->run->y_plane +
           ((ay->out0 + y * ay->out_step) * ax->out + ax->out0 + x * ax->out_step) * CHANNEL_BLOCK;
}

/* The cache lines of a tile's outputs: [channel block][pixel]. */
static void list_outputs(const struct direct_macro_tile *macro, const struct register_tile *tile) {
    const size_t plane = (size_t)macro->run->y_plane,
                 step = (size_t)(macro->phase->geometry.axis[2].out_step * CHANNEL_BLOCK);
    int64_t y = tile->y, x = tile->x;
    for (int i = 0, end; i < tile->count; y++, x = 0) {
        const float *place = output_at(macro, y, x);
        end = (int)at_most(tile->count, i + macro->phase->geometry.axis[2].positions - x);
        for (; i < end; i++, place += step)
            for (int block = 0; block < macro->blocks; block++)
                macro->outputs[block * tile->count + i] = place + (size_t)block * plane;
    }
}

/* Adds bias, applies the activation and stores the sums of a tile, a row of positions at a time. */
static void store_tile(const struct direct_macro_tile *macro, const struct register_tile *tile) {
    const struct phase_axis *ax = &macro->phase->geometry.axis[2];
    const size_t lanes = (size_t)macro->blocks * CHANNEL_BLOCK;
    const int64_t group = macro->image % macro->run->state->window.group;
    const float *bias = macro->run->bias + (group * macro->phase->out_blocks + macro->block0) * CHANNEL_BLOCK;
    int64_t y = tile->y, x = tile->x;
    for (int done = 0, columns; done < tile->count; done += columns, y++, x = 0) {
        columns = ax->positions - x < tile->count - done ? (int)(ax->positions - x) : tile->count - done;
        blocked_finish(macro->run, bias, CHANNEL_BLOCK, macro->blocks, columns, tile->sums + (size_t)done * lanes,
                       CHANNEL_BLOCK, lanes, output_at(macro, y, x), (size_t)macro->run->y_plane,
                       (size_t)(ax->out_step * CHANNEL_BLOCK));
    }
}

/* The weights of a k-block for the panel that begins at a channel block. */
static const float *weights_at(const struct direct_macro_tile *macro, int64_t block, int blocks, int64_t number) {
    const struct blocked_phase *phase = macro->phase;
    const int64_t before = number * phase->depth.k_block * entries_of(phase) * phase->depth.length;
    return macro->packed + block * CHANNEL_BLOCK * phase->depth.total + before * blocks * CHANNEL_BLOCK;
}

/* The input of the kernels for one k-block, by indirection and contiguous. */
struct k_block {
    int64_t number;
    struct block_source indirect;
    struct block_row contiguous;
};

static void multiply_contiguous(const struct direct_macro_tile *macro, struct k_block *k_block,
                                const struct register_tile *tile, int blocks, const float *weights, float *sums) {
    const struct blocked_input *input = &macro->input;
    k_block->contiguous.pixels = input->data + (macro->phase->geometry.axis[1].first - input->lowest[0]) * input->row +
                                 (macro->first + tile->first) * CHANNEL_BLOCK +
                                 k_block->number * macro->phase->depth.k_block * input->block;
    k_block->contiguous.ahead = k_block->indirect.ahead;
    k_block->contiguous.ahead_lines = k_block->indirect.ahead_lines;
    macro->run->kernels->block->row(tile->count, blocks, &k_block->contiguous, weights, k_block->number == 0, sums,
                                    (size_t)macro->blocks * CHANNEL_BLOCK, CHANNEL_BLOCK);
}

static bool is_contiguous_tile(const struct direct_macro_tile *macro, const struct register_tile *tile) {
    return macro->contiguous && tile->count == tile->most;
}

static bool is_zero(const struct block_pixel *entry, int pixels) {
    for (int i = 0; i < pixels; i++)
        if (entry[i].data != zeros)
            return false;
    return true;
}

/*
 * An indirect tile; of a sparse depth entry by entry, so that chains close at their ends whether others are left out or
 * not.
 */
static void multiply_indirect(const struct direct_macro_tile *macro, const struct k_block *k_block, int pixels,
                              int blocks, const float *weights, float *sums) {
    const size_t lanes = (size_t)macro->blocks * CHANNEL_BLOCK;
    const struct block_kernel *kernel = macro->run->kernels->block;
    struct block_source source = k_block->indirect;
    const int64_t step = (int64_t)source.blocks * source.length * blocks * CHANNEL_BLOCK;
    const int entries = source.entries;
    bool first = k_block->number == 0;
    if (!macro->phase->depth.sparse) {
        kernel->tile(pixels, blocks, &source, weights, first, sums, lanes, CHANNEL_BLOCK);
        return;
    }
    source.entries = 1;
    source.ahead_lines = 0; /* of weights that may not be read */
    for (int e = 0; e < entries; e++, source.pixels += BLOCK_PIXELS) {
        const bool last = e + 1 == entries && first; /* sums must be written once */
        if (is_zero(source.pixels, pixels) && !last)
            continue;
        kernel->tile(pixels, blocks, &source, weights + e * step, first, sums, lanes, CHANNEL_BLOCK);
        source.output_count = 0;
        first = false;
    }
}

/* One register tile over one k-block, for every panel of the macro tile. */
static void multiply_tile(const struct direct_macro_tile *macro, struct k_block *k_block,
                          const struct register_tile *tile) {
    struct block_source *source = &k_block->indirect;
    const struct block_kernel *kernel = macro->run->kernels->block;
    const struct blocked_depth *depth = &macro->phase->depth;
    const bool more = k_block->number + 1 < depth->k_blocks;
    for (int block = 0, blocks; block < macro->blocks; block += blocks) {
        blocks = macro->blocks - block < kernel->blocks ? macro->blocks - block : kernel->blocks;
        const int64_t place = macro->block0 + block;
        if (more || macro->last) {
            const float *next = more ? weights_at(macro, place, blocks, k_block->number + 1)
                                     : weights_at(macro, place + macro->blocks, blocks, 0);
            const int most = kernel->pixels[blocks];
            block_prefetch_weights(source, next, blocks, tile->first / most, (macro->count + most - 1) / most);
        }
        const float *weights = weights_at(macro, place, blocks, k_block->number);
        float *sums = tile->sums + (size_t)block * CHANNEL_BLOCK;
        if (is_contiguous_tile(macro, tile)) {
            multiply_contiguous(macro, k_block, tile, blocks, weights, sums);
            continue;
        }
        source->outputs = macro->outputs + block * tile->count;
        source->output_count = more || macro->contiguous ? 0 : blocks * tile->count;
        multiply_indirect(macro, k_block, kernel->round(tile->count, blocks), blocks, weights, sums);
    }
}

static void run_tile(const struct direct_macro_tile *macro, struct k_block *k_block, const struct register_tile *tile) {
    const struct blocked_depth *depth = &macro->phase->depth;
    const int64_t block0 = k_block->number * depth->k_block;
    const struct block_kernel *kernel = macro->run->kernels->block;
    const int rounded = kernel->round(tile->count, panel_blocks(kernel, macro->blocks, 0));
    const bool last = k_block->number + 1 == depth->k_blocks;
    if (!is_contiguous_tile(macro, tile)) {
        k_block->indirect.offsets = !depth->sparse && list_inner(macro, tile, rounded, block0) ? macro->offsets : NULL;
        if (!k_block->indirect.offsets)
            list_all(macro, tile, rounded, block0);
        if (last && !macro->contiguous)
            list_outputs(macro, tile);
    }
    multiply_tile(macro, k_block, tile);
    if (last && !macro->contiguous)
        store_tile(macro, tile);
}

static struct k_block k_block_of(const struct direct_macro_tile *macro, int64_t number, int64_t pixel_ahead) {
    const struct blocked_depth *depth = &macro->phase->depth;
    const int blocks = (int)at_most(depth->blocks - number * depth->k_block, depth->k_block);
    return (struct k_block){.number = number,
                            .indirect = {.entries = (int)entries_of(macro->phase),
                                         .blocks = blocks,
                                         .length = (int)depth->length,
                                         .pixels = macro->pixels,
                                         .pixel_ahead = pixel_ahead},
                            .contiguous = {.step = macro->input.block, .blocks = blocks, .pixel_ahead = pixel_ahead}};
}

/* k-blocks are the outer loop: their weights stay in L2 for all register tiles, whose sums wait there. */
static void run_tiles(const struct direct_macro_tile *macro) {
    const struct blocked_depth *depth = &macro->phase->depth;
    const struct phase_axis *ax = &macro->phase->geometry.axis[2];
    const struct block_kernel *kernel = macro->run->kernels->block;
    const int most = kernel->pixels[panel_blocks(kernel, macro->blocks, 0)];
    /* With one k-block no sums wait: all register tiles use one place. Surplus pixels are written behind the sums. */
    const bool wait = depth->k_blocks > 1 || macro->contiguous;
    const size_t pixel_sums = wait ? (size_t)macro->blocks * CHANNEL_BLOCK : 0;
    const struct register_tile whole = {.count = macro->count,
                                        .y = macro->first / ax->positions,
                                        .x = macro->first % ax->positions,
                                        .sums = macro->sums};
    for (int64_t number = 0; number < depth->k_blocks; number++) {
        struct k_block k_block = k_block_of(macro, number, most * ax->step * macro->input.pixel);
        struct register_tile tile = {.most = most, .y = whole.y, .x = whole.x};
        for (; tile.first < macro->count; tile.first += most) {
            tile.count = macro->count - tile.first < most ? macro->count - tile.first : most;
            tile.sums = macro->sums + (size_t)tile.first * pixel_sums;
            run_tile(macro, &k_block, &tile);
            for (tile.x += most; tile.x >= ax->positions; tile.y++)
                tile.x -= ax->positions;
        }
    }
    if (macro->contiguous) /* at once: contiguous tiles do not prefetch their outputs */
        store_tile(macro, &whole);
}

void direct_run_macro_tile(struct direct_macro_tile macro, float *scratch) {
    const float *outputs[DIRECT_BLOCKS * BLOCK_PIXELS];
    macro.input = blocked_input_of(macro.run, macro.image);
    macro.contiguous = is_contiguous(macro.phase, &macro.input);
    macro.outputs = outputs;
    const int64_t groups = macro.run->state->window.group;
    macro.packed = macro.phase->packed + macro.image % groups * (macro.phase->floats / groups);
    macro.sums = scratch;
    macro.pixels = (struct block_pixel *)(scratch + DIRECT_SUMS);
    macro.offsets = (int64_t *)(macro.pixels + entries_of(macro.phase) * BLOCK_PIXELS);
    find_inner(&macro);
    list_offsets(&macro);
    run_tiles(&macro);
}
