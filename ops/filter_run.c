/*
 * Running minimal filtering: a block of tiles at a time, first its inputs are transformed point by point, then every
 * point is a matrix product over the channels, then the sums are transformed back, activated and stored. Lanes are
 * tiles.
 */
#include "ops/filter.h"

#include <omp.h>
#include <string.h>

#define BLOCK_FLOATS ((int64_t)1 << 20) /* transformed inputs of a block, about: they stay in a large cache */
#define MAX_POINTS 36
#define MAX_WIDTH 32 /* of a kernel's tile */

/* Sizes that follow from a lattice and a kernel. */
struct shape_of_block {
    int width;  /* tiles in a group: lanes of the kernel */
    int groups; /* groups in a block */
    int points; /* products per tile */
    int64_t depth, rows;
    int64_t tiles; /* in one image */
};

static struct shape_of_block block_shape(const struct window *window, const struct filter_lattice *lattice,
                                         const struct gemm_kernel *kernel, int threads) {
    struct shape_of_block b = {.width = kernel->columns,
                               .points = lattice->axis[0].points * lattice->axis[1].points,
                               .depth = lattice->part_count * window->in_channels,
                               .rows = window->out_channels,
                               .tiles = lattice->axis[0].tiles * lattice->axis[1].tiles};
    const int64_t groups = (b.tiles + b.width - 1) / b.width;
    const int64_t larger = b.depth > b.rows ? b.depth : b.rows;
    int64_t fitting = BLOCK_FLOATS / (b.points * larger * b.width);
    fitting = fitting < 1 ? 1 : fitting;
    int64_t blocks = (groups + fitting - 1) / fitting;
    blocks = (blocks + threads - 1) / threads * threads; /* all threads end together */
    b.groups = (int)((groups + blocks - 1) / blocks);
    return b;
}

static size_t block_floats(const struct shape_of_block *b) {
    const size_t lanes = (size_t)b->points * (size_t)b->groups * (size_t)b->width;
    return lanes * (size_t)(b->depth + b->rows);
}

size_t filter_workspace_bytes(const struct window *window, const struct filter_lattice *lattices, int count,
                              const struct kernels *kernels, int threads) {
    size_t most = 0;
    for (int i = 0; i < count; i++) {
        const struct shape_of_block b = block_shape(window, &lattices[i], kernels->gemm, threads);
        if (block_floats(&b) > most)
            most = block_floats(&b);
    }
    return most * sizeof(float) * (size_t)threads;
}

/* Neighbouring tiles of one row of tiles. */
struct run {
    int64_t y, x; /* the first tile */
    int column, count;
};

static struct run run_at(const struct filter_lattice *lattice, int64_t tile0, int column, int count) {
    const int64_t across = lattice->axis[1].tiles, tile = tile0 + column;
    struct run run = {.y = tile / across, .x = tile % across, .column = column};
    const int64_t left = across - run.x;
    run.count = left < count - column ? (int)left : count - column;
    return run;
}

/* destination[i] becomes row[x + i * step], zero outside 0..in-1. */
static void fetch_line(const struct filter_kernel *kernel, const float *row, int64_t in, int64_t x, int64_t step,
                       int count, float *destination) {
    const int64_t skipped = x < 0 ? (-x + step - 1) / step : 0, reached = x >= in ? 0 : (in - x + step - 1) / step;
    const int before = (int)(skipped < count ? skipped : count);
    const int end = (int)(reached < before ? before : reached < count ? reached : count);
    for (int i = 0; i < before; i++)
        destination[i] = 0;
    if (end > before)
        kernel->gather(destination + before, row + x + before * step, end - before, step);
    for (int i = end; i < count; i++)
        destination[i] = 0;
}

/* Constant counts where they are common: a call of memcpy costs more than it copies. */
static void copy_lanes(const float *source, float *destination, int count) {
    if (count == MAX_WIDTH)
        memcpy(destination, source, MAX_WIDTH * sizeof *source);
    else if (count == MAX_WIDTH / 2)
        memcpy(destination, source, MAX_WIDTH / 2 * sizeof *source);
    else
        for (int i = 0; i < count; i++)
            destination[i] = source[i];
}

/* The points of one row of `count` neighbouring tiles: place[point x][width]. Points beyond the tile's outputs are the
   first ones of the next tile. */
static void fetch_row(const struct filter_kernel *kernel, const struct filter_axis *ax, const float *row, int64_t in,
                      int64_t x, int count, int width, float *place) {
    float line[4 * (MAX_WIDTH + 1)], dealt[4 * (MAX_WIDTH + 1)];
    const int lanes = count + (ax->points > ax->outputs);
    fetch_line(kernel, row, in, x, ax->step, lanes * ax->outputs, line);
    kernel->deal(dealt, MAX_WIDTH + 1, line, ax->outputs, lanes);
    for (int px = 0; px < ax->points; px++) {
        const float *source = dealt + (px % ax->outputs) * (MAX_WIDTH + 1) + px / ax->outputs;
        copy_lanes(source, place + px * width, count);
    }
}

/* The points of `count` tiles from tile0 on, of one channel: tile[point y][point x][width]. */
static void fetch_tiles(const struct filter_run *run, const struct filter_lattice *lattice,
                        const struct filter_part *part, const float *plane, int64_t tile0, int count, int width,
                        float *tile) {
    const struct filter_axis *ay = &lattice->axis[0], *ax = &lattice->axis[1];
    struct run r;
    if (count < width)
        memset(tile, 0, (size_t)(ay->points * ax->points * width) * sizeof *tile);
    for (int column = 0; column < count; column += r.count) {
        r = run_at(lattice, tile0, column, count);
        const int64_t x = r.x * ax->outputs * ax->step + part->first[1];
        for (int py = 0; py < ay->points; py++) {
            const int64_t y = (r.y * ay->outputs + py) * ay->step + part->first[0];
            const bool inside = y >= 0 && y < lattice->y.in;
            fetch_row(run->kernels->filter, ax, plane + (inside ? y : 0) * lattice->x.in, inside ? lattice->x.in : 0, x,
                      r.count, width, tile + (size_t)(py * ax->points) * (size_t)width + column);
        }
    }
}

/* Both dimensions forwards: from tile[y][x] to transformed[point], one group's lanes each. */
static void transform_inputs(const struct filter_run *run, const struct filter_lattice *lattice, int width,
                             const float *tile, float *transformed, size_t point_stride) {
    const struct filter_axis *ay = &lattice->axis[0], *ax = &lattice->axis[1];
    const size_t w = (size_t)width, row = (size_t)ax->points * w;
    float half[MAX_POINTS * MAX_WIDTH];
    for (int y = 0; y < ay->points; y++)
        run->kernels->filter->input(ax->kind, tile + (size_t)y * row, w, half + (size_t)y * row, w);
    for (int x = 0; x < ax->points; x++)
        run->kernels->filter->input(ay->kind, half + (size_t)x * w, row, transformed + (size_t)x * point_stride,
                                    (size_t)ax->points * point_stride);
}

struct block {
    const struct filter_run *run;
    const struct filter_lattice *lattice;
    struct shape_of_block shape;
    int64_t image; /* batch row and group */
    int64_t tile0;
    int count; /* tiles in this block */
    float *inputs, *sums;
};

static int block_groups(const struct block *block) {
    return (block->count + block->shape.width - 1) / block->shape.width;
}

static int group_count(const struct block *block, int group) {
    const int left = block->count - group * block->shape.width;
    return left < block->shape.width ? left : block->shape.width;
}

/* inputs[point][group][depth][width] */
static void fetch_block(const struct block *block) {
    const struct shape_of_block *b = &block->shape;
    const struct filter_lattice *lattice = block->lattice;
    const int64_t channels = block->run->window->in_channels, plane = lattice->y.in * lattice->x.in;
    const float *input = block->run->input + block->image * channels * plane;
    const size_t group_stride = (size_t)b->depth * (size_t)b->width;
    float tile[MAX_POINTS * MAX_WIDTH];
    for (int group = 0; group < block_groups(block); group++)
        for (int part = 0; part < lattice->part_count; part++)
            for (int64_t channel = 0; channel < channels; channel++) {
                fetch_tiles(block->run, lattice, &lattice->parts[part], input + channel * plane,
                            block->tile0 + group * b->width, group_count(block, group), b->width, tile);
                float *place = block->inputs + (size_t)group * group_stride +
                               (size_t)(part * channels + channel) * (size_t)b->width;
                transform_inputs(block->run, lattice, b->width, tile, place, group_stride * (size_t)b->groups);
            }
}

/* sums[point][row][group][width] = weights[point] x inputs[point] */
static void multiply_block(const struct block *block) {
    static const float zeros[MAX_WIDTH];
    const struct shape_of_block *b = &block->shape;
    const struct gemm_kernel *kernel = block->run->kernels->gemm;
    const struct gemm_panels panels = gemm_panels(kernel, b->rows, b->depth);
    const size_t row_stride = (size_t)b->groups * (size_t)b->width;
    const float *weights =
        block->lattice->packed + block->image % block->run->window->group * (b->points * b->rows * b->depth);
    for (int point = 0; point < b->points; point++, weights += b->rows * b->depth) {
        const float *inputs = block->inputs + (size_t)point * row_stride * (size_t)b->depth;
        float *sums = block->sums + (size_t)point * row_stride * (size_t)b->rows;
        for (int64_t k = 0; k < b->depth; k += GEMM_DEPTH) {
            const size_t depth = (size_t)(b->depth - k < GEMM_DEPTH ? b->depth - k : GEMM_DEPTH);
            for (int panel = 0; panel < panels.count; panel++) {
                const int64_t row = gemm_panel_row(&panels, panel);
                const int rows = (int)(gemm_panel_row(&panels, panel + 1) - row);
                const float *a = weights + row * b->depth + k * rows;
                for (int group = 0; group < block_groups(block); group++)
                    kernel->tile(
                        rows, depth, a, inputs + ((size_t)group * (size_t)b->depth + (size_t)k) * (size_t)b->width,
                        k ? NULL : zeros, sums + (size_t)row * row_stride + (size_t)(group * b->width), row_stride);
            }
        }
    }
}

/* Writes the outputs [y][x][width] of one group of tiles to an output channel's plane. */
static void store_tiles(const struct block *block, const float *outputs, int64_t tile0, int count, float *plane) {
    const struct filter_lattice *lattice = block->lattice;
    const struct filter_axis *ay = &lattice->axis[0], *ax = &lattice->axis[1];
    const struct lattice_axis *ly = &lattice->y, *lx = &lattice->x;
    const struct filter_kernel *kernel = block->run->kernels->filter;
    const int width = block->shape.width;
    float line[4 * MAX_WIDTH];
    struct run r;
    for (int column = 0; column < count; column += r.count) {
        r = run_at(lattice, tile0, column, count);
        const int64_t x = r.x * ax->outputs, left = lx->points - x;
        const int fitting = left < r.count * ax->outputs ? (int)left : r.count * ax->outputs;
        for (int oy = 0; oy < ay->outputs && r.y * ay->outputs + oy < ly->points; oy++) {
            const int64_t y = ly->out0 + (r.y * ay->outputs + oy) * ly->out_step;
            kernel->collect(line, outputs + (size_t)(oy * ax->outputs * width + column), (size_t)width, ax->outputs,
                            r.count);
            kernel->scatter(plane + y * lx->out + lx->out0 + x * lx->out_step, line, fitting, lx->out_step);
        }
    }
}

/* Both dimensions back, the bias, the activation. */
static void transform_sums(const struct block *block, const float *sums, float bias, float *outputs) {
    const struct filter_axis *ay = &block->lattice->axis[0], *ax = &block->lattice->axis[1];
    const struct shape_of_block *b = &block->shape;
    const struct filter_kernel *kernel = block->run->kernels->filter;
    const size_t w = (size_t)b->width, point_stride = (size_t)b->groups * w * (size_t)b->rows;
    float half[MAX_POINTS * MAX_WIDTH];
    for (int x = 0; x < ax->points; x++)
        kernel->output(ay->kind, sums + (size_t)x * point_stride, (size_t)ax->points * point_stride,
                       half + (size_t)x * w, (size_t)ax->points * w);
    for (int y = 0; y < ay->outputs; y++)
        kernel->output(ax->kind, half + (size_t)(y * ax->points) * w, w, outputs + (size_t)(y * ax->outputs) * w, w);
    const size_t count = (size_t)(ay->outputs * ax->outputs) * w;
    for (size_t i = 0; i < count; i++)
        outputs[i] += bias;
    activation_apply(block->run->activation, outputs, count);
}

static void store_block(const struct block *block) {
    const struct shape_of_block *b = &block->shape;
    const struct filter_run *run = block->run;
    const int64_t plane = block->lattice->y.out * block->lattice->x.out;
    const size_t row_stride = (size_t)b->groups * (size_t)b->width;
    const int64_t channel0 = block->image % run->window->group * b->rows;
    float outputs[16 * MAX_WIDTH];
    for (int64_t row = 0; row < b->rows; row++)
        for (int group = 0; group < block_groups(block); group++) {
            const float *sums = block->sums + (size_t)row * row_stride + (size_t)(group * b->width);
            transform_sums(block, sums, run->bias ? run->bias[channel0 + row] : 0, outputs);
            store_tiles(block, outputs, block->tile0 + group * b->width, group_count(block, group),
                        run->output + (block->image * b->rows + row) * plane);
        }
}

static void run_block(const struct filter_run *run, const struct filter_lattice *lattice, int64_t image, int64_t number,
                      float *workspace) {
    struct block block = {.run = run, .lattice = lattice, .image = image, .inputs = workspace};
    block.shape = block_shape(run->window, lattice, run->kernels->gemm, run->threads);
    const int64_t size = (int64_t)block.shape.groups * block.shape.width;
    block.tile0 = number * size;
    if (block.tile0 >= block.shape.tiles)
        return;
    block.count = (int)(block.shape.tiles - block.tile0 < size ? block.shape.tiles - block.tile0 : size);
    block.sums = workspace + (size_t)block.shape.points * (size_t)size * (size_t)block.shape.depth;
    fetch_block(&block);
    multiply_block(&block);
    store_block(&block);
}

static int64_t blocks_of(const struct filter_run *run, const struct filter_lattice *lattice) {
    const struct shape_of_block b = block_shape(run->window, lattice, run->kernels->gemm, run->threads);
    const int64_t size = (int64_t)b.groups * b.width;
    return (b.tiles + size - 1) / size;
}

void filter_execute(const struct filter_run *run) {
    const int64_t images = run->window->batch * run->window->group;
    const size_t share =
        filter_workspace_bytes(run->window, run->lattices, run->lattice_count, run->kernels, run->threads) /
        sizeof(float) / (size_t)run->threads;
    int64_t blocks = 0;
    for (int i = 0; i < run->lattice_count; i++)
        if (blocks_of(run, &run->lattices[i]) > blocks)
            blocks = blocks_of(run, &run->lattices[i]);
    const int64_t units = images * run->lattice_count * blocks;
#pragma omp parallel for schedule(dynamic) num_threads(run->threads) if (run->threads > 1 && units > 1)
    for (int64_t unit = 0; unit < units; unit++) {
        float *workspace = (float *)run->workspace + (size_t)omp_get_thread_num() * share;
        run_block(run, &run->lattices[unit / blocks % run->lattice_count], unit / blocks / run->lattice_count,
                  unit % blocks, workspace);
    }
}
