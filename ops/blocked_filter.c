/*
 * Minimal filtering on channel blocks: a block of tiles at a time, first its inputs are transformed point by point,
 * then every point is a matrix product over the channels, then the sums are transformed back, activated and stored.
 */
#include "ops/blocked.h"

#include <omp.h>

#define BLOCK_FLOATS ((int64_t)1 << 20)  /* transformed inputs of a block, about: they stay in a large cache */
#define NEAR_FLOATS ((int64_t)160 << 10) /* inputs and sums that stay in a small one */
#define MOST_POINTS (FILTER_POINTS * FILTER_POINTS)
#define LANES CHANNEL_BLOCK
#define AHEAD (4 * LANES) /* tiles of one point that are asked for before their turn, in floats */

/* Sizes that follow from a lattice. */
struct shape_of_block {
    int points;          /* products per tile */
    int64_t depth, rows; /* channel blocks */
    int64_t tiles, size; /* of an image, of a block */
    int64_t plane;       /* floats of one channel block of one point: tiles and some lines more, no power of two */
};

static int64_t points_of(const struct filter_lattice *lattice) {
    return (int64_t)lattice->axis[0].points * lattice->axis[1].points;
}

static int64_t depth_of(const struct blocked_state *state, const struct filter_lattice *lattice) {
    return lattice->part_count * channel_blocks(state->window.in_channels);
}

/*
 * Tiles of a block. Many: the weights are read seldom, but inputs and sums pass through a large cache (written, read,
 * and read again). Few: inputs and sums stay in a small one, but the weights pass by for every block.
 */
static int64_t block_tiles(const struct shape_of_block *b) {
    const int64_t larger = b->depth > b->rows ? b->depth : b->rows;
    const int64_t tile = b->points * (b->depth + b->rows) * LANES,
                  weights = b->points * b->depth * b->rows * LANES * LANES;
    const int64_t many = BLOCK_FLOATS / (b->points * larger * LANES), few = NEAR_FLOATS / tile;
    if (few < 12 || (many < b->tiles ? weights / many : weights / b->tiles) + 3 * tile < weights / few)
        return many < 6 ? 6 : many;
    return few;
}

static struct shape_of_block block_shape(const struct blocked_state *state, const struct blocked_phase *phase,
                                         const struct filter_lattice *lattice, int threads) {
    struct shape_of_block b = {.points = (int)points_of(lattice),
                               .depth = depth_of(state, lattice),
                               .rows = phase->rows,
                               .tiles = lattice->axis[0].tiles * lattice->axis[1].tiles};
    const int64_t fitting = block_tiles(&b);
    int64_t blocks = (b.tiles + fitting - 1) / fitting;
    if (b.tiles > 48 * threads)
        blocks = (blocks + threads - 1) / threads * threads; /* all threads end together */
    b.size = (b.tiles + blocks - 1) / blocks;
    b.plane = (b.size + BLOCK_PIXELS + 1 + !(b.size & 1)) * LANES;
    return b;
}

static size_t block_floats(const struct shape_of_block *b) {
    return (size_t)b->points * (size_t)(b->depth + b->rows) * (size_t)b->plane;
}

static size_t share_floats(const struct blocked_state *state, const struct blocked_phase *phase, int threads) {
    size_t most = 0;
    for (int i = 0; i < phase->filter_count; i++) {
        const struct shape_of_block b = block_shape(state, phase, &phase->filters[i], threads);
        if (block_floats(&b) > most)
            most = block_floats(&b);
    }
    return most;
}

size_t blocked_filter_bytes(const struct blocked_state *state, const struct blocked_phase *phase, int threads) {
    return share_floats(state, phase, threads) * sizeof(float) * (size_t)threads;
}

struct block {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    const struct filter_lattice *lattice;
    struct shape_of_block shape;
    int64_t image; /* batch row and group */
    int64_t tile0, count;
    float *inputs, *sums; /* [point][channel block][tile][16] */
};

/* ---- inputs ---- */

/* A tile's points: where they lie, or a copy with its border. */
struct patch {
    const float *data;
    size_t row, column;
};

static void copy_patch(const struct block *block, const struct blocked_input *input, int64_t y0, int64_t x0,
                       float *copy) {
    const struct filter_axis *ay = &block->lattice->axis[0], *ax = &block->lattice->axis[1];
    const enum border border = block->run->state->window.border;
    for (int py = 0; py < ay->points; py++) {
        const int64_t y = border_index(border, y0 + py * ay->step, block->lattice->y.in);
        for (int px = 0; px < ax->points; px++, copy += LANES) {
            const int64_t x = border_index(border, x0 + px * ax->step, block->lattice->x.in);
            if (y < 0 || x < 0)
                __builtin_memset(copy, 0, LANES * sizeof *copy);
            else
                __builtin_memcpy(copy, input->data + y * input->row + x * LANES, LANES * sizeof *copy);
        }
    }
}

static struct patch patch_at(const struct block *block, const struct blocked_input *input,
                             const struct filter_part *part, int64_t tile, float *copy) {
    const struct filter_axis *ay = &block->lattice->axis[0], *ax = &block->lattice->axis[1];
    const int64_t y = tile / ax->tiles * ay->outputs * ay->step + part->first[0];
    const int64_t x = tile % ax->tiles * ax->outputs * ax->step + part->first[1];
    if (y >= 0 && y + (ay->points - 1) * ay->step < block->lattice->y.in && x >= 0 &&
        x + (ax->points - 1) * ax->step < block->lattice->x.in)
        return (struct patch){input->data + y * input->row + x * LANES, (size_t)(ay->step * input->row),
                              (size_t)(ax->step * LANES)};
    copy_patch(block, input, y, x, copy);
    return (struct patch){copy, (size_t)(ax->points * LANES), LANES};
}

/* Both dimensions forwards, into the tile's place of every point. */
static void transform_patch(const struct block *block, const struct patch *patch, float *place, size_t point_stride) {
    const struct filter_axis *ay = &block->lattice->axis[0], *ax = &block->lattice->axis[1];
    const struct filter_kernel *kernel = block->run->kernels->filter;
    const size_t across = (size_t)ax->points;
    float half[MOST_POINTS * LANES] __attribute__((aligned(64)));
    struct filter_lines first = {1, patch->data, patch->column, patch->row, half, LANES, across * LANES, 0, 0};
    struct filter_lines last = {ax->points,   half, across * LANES, LANES, place, across * point_stride,
                                point_stride, 0,    AHEAD};
    if (ay->kind != FILTER_ONE && ax->kind != FILTER_ONE) {
        first.count = ay->points;
        kernel->input(ax->kind, &first);
        kernel->input(ay->kind, &last);
        return;
    }
    last.source = patch->data;
    last.source_point = ay->kind == FILTER_ONE ? patch->column : patch->row;
    last.destination_point = point_stride;
    last.count = 1;
    kernel->input(ay->kind == FILTER_ONE ? ax->kind : ay->kind, &last);
}

static void transform_inputs(const struct block *block) {
    const struct shape_of_block *b = &block->shape;
    const int64_t channels = channel_blocks(block->run->state->window.in_channels);
    float copy[MOST_POINTS * LANES] __attribute__((aligned(64)));
    for (int part = 0; part < block->lattice->part_count; part++)
        for (int64_t channel = 0; channel < channels; channel++) {
            struct blocked_input input = blocked_input_of(block->run, block->image);
            input.data += channel * input.block;
            float *place = block->inputs + (part * channels + channel) * b->plane;
            for (int64_t tile = 0; tile < block->count; tile++) {
                const struct patch patch =
                    patch_at(block, &input, &block->lattice->parts[part], block->tile0 + tile, copy);
                transform_patch(block, &patch, place + tile * LANES, (size_t)(b->depth * b->plane));
            }
        }
}

/* ---- products ---- */

/* The inputs of a later tile: the first panel finds them in a larger cache only. */
static void ask_for_tiles(const float *inputs, int64_t plane, int blocks, int tiles) {
    for (int block = 0; block < blocks; block++)
        for (int tile = 0; tile < tiles; tile++)
            __builtin_prefetch(inputs + block * plane + tile * LANES);
}

/* A cut of the depth of one point, and a panel. */
struct product {
    int point;
    int64_t panel, depth;
    int depths;           /* channel blocks of the cut */
    const float *weights; /* those of the next panel, cut or point follow */
};

/* sums[point] of one panel: the tiles by the panel's channels. */
static void multiply_panel(const struct block *block, const struct product *p) {
    static const float zeros[4 * LANES];
    const struct shape_of_block *b = &block->shape;
    const struct block_kernel *kernel = block->run->kernels->block;
    const int blocks = panel_blocks(kernel, b->rows, p->panel), most = kernel->pixels[blocks];
    const float *inputs = block->inputs + (p->point * b->depth + p->depth) * b->plane;
    float *sums = block->sums + (p->point * b->rows + p->panel * kernel->blocks) * b->plane;
    struct block_pixel pixels[BLOCK_PIXELS];
    struct block_source source = {.entries = 1, .blocks = p->depths, .length = LANES, .pixels = pixels};
    const float *next = p->weights + (int64_t)p->depths * LANES * blocks * LANES;
    for (int64_t tile = 0; tile < block->count; tile += most) {
        const int64_t count = block->count - tile < most ? block->count - tile : most;
        const int rounded = kernel->round((int)count, blocks); /* what is too much goes behind the last tile */
        for (int i = 0; i < rounded; i++)
            pixels[i] = (struct block_pixel){inputs + (tile + (i < count ? i : count - 1)) * LANES, b->plane};
        blocked_ask_ahead(&source, next, blocks, tile / most, (block->count + most - 1) / most);
        if (p->panel == 0)
            ask_for_tiles(inputs + (tile + most) * LANES, b->plane, p->depths, most);
        kernel->tile(rounded, blocks, &source, p->weights, p->depth ? NULL : zeros, sums + tile * LANES, LANES,
                     (size_t)b->plane);
    }
}

/* Cut by cut, so that a cut's inputs stay in a small cache while the panels pass over them. */
static void multiply_block(const struct block *block) {
    const struct shape_of_block *b = &block->shape;
    const int64_t group = block->image % block->run->state->window.group;
    const struct block_kernel *kernel = block->run->kernels->block;
    struct product p = {.weights = block->phase->packed + group * b->points * b->rows * b->depth * LANES * LANES};
    for (p.point = 0; p.point < b->points; p.point++)
        for (p.depth = 0; p.depth < b->depth; p.depth += FILTER_CUT) {
            p.depths = (int)(b->depth - p.depth < FILTER_CUT ? b->depth - p.depth : FILTER_CUT);
            for (p.panel = 0; p.panel < panel_count(kernel, b->rows); p.panel++) {
                multiply_panel(block, &p);
                p.weights += (int64_t)p.depths * LANES * panel_blocks(kernel, b->rows, p.panel) * LANES;
            }
        }
}

/* ---- outputs ---- */

static int most_of(int outputs, int64_t left) {
    return left < outputs ? (int)left : outputs;
}

/* Both dimensions back: outputs[y][x][16] of one tile. */
static void transform_sums(const struct block *block, const float *sums, float *outputs) {
    const struct filter_axis *ay = &block->lattice->axis[0], *ax = &block->lattice->axis[1];
    const struct filter_kernel *kernel = block->run->kernels->filter;
    const size_t point_stride = (size_t)(block->shape.rows * block->shape.plane);
    const size_t across = (size_t)ax->points, wide = (size_t)ax->outputs * LANES;
    float half[MOST_POINTS * LANES] __attribute__((aligned(64)));
    struct filter_lines first = {ax->points, sums, across * point_stride, point_stride, half, across * LANES, LANES,
                                 AHEAD,      0};
    struct filter_lines last = {ay->outputs, half, LANES, across * LANES, outputs, LANES, wide, 0, 0};
    if (ay->kind != FILTER_ONE && ax->kind != FILTER_ONE) {
        kernel->output(ay->kind, &first);
        kernel->output(ax->kind, &last);
        return;
    }
    first.source_point = point_stride;
    first.destination = outputs;
    first.destination_point = ay->kind == FILTER_ONE ? LANES : wide;
    first.count = 1;
    kernel->output(ay->kind == FILTER_ONE ? ax->kind : ay->kind, &first);
}

static void store_tile(const struct block *block, int64_t tile, const float *bias, float *outputs, float *plane) {
    const struct filter_axis *ay = &block->lattice->axis[0], *ax = &block->lattice->axis[1];
    const struct lattice_axis *ly = &block->lattice->y, *lx = &block->lattice->x;
    const int64_t y = tile / ax->tiles * ay->outputs, x = tile % ax->tiles * ax->outputs;
    const size_t column = (size_t)(lx->out_step * LANES), row = (size_t)(ly->out_step * lx->out * LANES);
    float *place = plane + ((ly->out0 + y * ly->out_step) * lx->out + lx->out0 + x * lx->out_step) * LANES;
    blocked_finish(block->run, bias, most_of(ay->outputs, ly->points - y), most_of(ax->outputs, lx->points - x),
                   outputs, (size_t)ax->outputs * LANES, LANES, place, row, column);
}

static void store_block(const struct block *block) {
    const struct shape_of_block *b = &block->shape;
    const int64_t plane = block->lattice->y.out * block->lattice->x.out * LANES;
    const int64_t group = block->image % block->run->state->window.group;
    float outputs[16 * LANES] __attribute__((aligned(64)));
    for (int64_t row = 0; row < b->rows; row++) {
        const float *bias = block->run->bias + (group * b->rows + row) * LANES;
        float *image = block->run->y + (block->image * b->rows + row) * plane;
        for (int64_t tile = 0; tile < block->count; tile++) {
            transform_sums(block, block->sums + row * b->plane + tile * LANES, outputs);
            store_tile(block, block->tile0 + tile, bias, outputs, image);
        }
    }
}

/* ---- a run ---- */

static void run_block(const struct blocked_run *run, const struct blocked_phase *phase,
                      const struct filter_lattice *lattice, int64_t image, int64_t number, float *workspace) {
    struct block block = {.run = run,
                          .phase = phase,
                          .lattice = lattice,
                          .image = image,
                          .shape = block_shape(run->state, phase, lattice, run->threads),
                          .inputs = workspace};
    block.tile0 = number * block.shape.size;
    if (block.tile0 >= block.shape.tiles)
        return;
    const int64_t left = block.shape.tiles - block.tile0;
    block.count = left < block.shape.size ? left : block.shape.size;
    block.sums = workspace + block.shape.points * block.shape.depth * block.shape.plane;
    transform_inputs(&block);
    multiply_block(&block);
    store_block(&block);
}

static int64_t most_blocks(const struct blocked_run *run, const struct blocked_phase *phase) {
    int64_t most = 0;
    for (int i = 0; i < phase->filter_count; i++) {
        const struct shape_of_block b = block_shape(run->state, phase, &phase->filters[i], run->threads);
        const int64_t blocks = (b.tiles + b.size - 1) / b.size;
        most = blocks > most ? blocks : most;
    }
    return most;
}

void blocked_filter_run(const struct blocked_run *run, const struct blocked_phase *phase) {
    const int64_t images = run->state->window.batch * run->state->window.group, blocks = most_blocks(run, phase);
    const int64_t units = images * phase->filter_count * blocks;
    const size_t share = share_floats(run->state, phase, run->threads);
#pragma omp parallel for schedule(dynamic) num_threads(run->threads) if (run->threads > 1 && units > 1)
    for (int64_t unit = 0; unit < units; unit++)
        run_block(run, phase, &phase->filters[unit / blocks % phase->filter_count], unit / blocks / phase->filter_count,
                  unit % blocks, run->workspace + (size_t)omp_get_thread_num() * share);
}
