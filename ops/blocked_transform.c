/* The transforms of minimal filtering on channel blocks: from activations to points, and from sums to activations. */
#include "ops/blocked_filter.h"

#define MOST_POINTS (FILTER_POINTS * FILTER_POINTS)
#define LANES CHANNEL_BLOCK
#define AHEAD (4 * LANES) /* tiles of one point that are asked for before their turn, in floats */

/* ---- inputs ---- */

/* A tile's points: where they lie, or a copy with its border. */
struct patch {
    const float *data;
    size_t row, column;
};

static void copy_patch(const struct filter_block *block, const struct blocked_input *input, int64_t y0, int64_t x0,
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

static struct patch patch_at(const struct filter_block *block, const struct blocked_input *input,
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
static void transform_patch(const struct filter_block *block, const struct patch *patch, float *place,
                            size_t point_stride) {
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

void filter_read_tiles(const struct filter_block *block, int64_t depth, int64_t first, int64_t end) {
    const struct filter_shape *b = &block->shape;
    const int64_t channels = channel_blocks(block->run->state->window.in_channels);
    const struct filter_part *part = &block->lattice->parts[depth / channels];
    struct blocked_input input = blocked_input_of(block->run, block->image);
    float copy[MOST_POINTS * LANES] __attribute__((aligned(64)));
    input.data += depth % channels * input.block;
    for (int64_t tile = first; tile < end; tile++) {
        const struct patch patch = patch_at(block, &input, part, block->tile0 + tile, copy);
        transform_patch(block, &patch, block->inputs + depth * b->plane + tile * LANES, (size_t)(b->depth * b->plane));
    }
}

/* ---- outputs ---- */

static int most_of(int outputs, int64_t left) {
    return left < outputs ? (int)left : outputs;
}

/* Both dimensions back: outputs[y][x][16] of one tile. */
static void transform_sums(const struct filter_block *block, const float *sums, float *outputs) {
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

static void store_tile(const struct filter_block *block, int64_t tile, const float *bias, float *outputs,
                       float *plane) {
    const struct filter_axis *ay = &block->lattice->axis[0], *ax = &block->lattice->axis[1];
    const struct lattice_axis *ly = &block->lattice->y, *lx = &block->lattice->x;
    const int64_t y = tile / ax->tiles * ay->outputs, x = tile % ax->tiles * ax->outputs;
    const size_t column = (size_t)(lx->out_step * LANES), row = (size_t)(ly->out_step * lx->out * LANES);
    float *place = plane + ((ly->out0 + y * ly->out_step) * lx->out + lx->out0 + x * lx->out_step) * LANES;
    blocked_finish(block->run, bias, most_of(ay->outputs, ly->points - y), most_of(ax->outputs, lx->points - x),
                   outputs, (size_t)ax->outputs * LANES, LANES, place, row, column);
}

void filter_write_tiles(const struct filter_block *block, int64_t row, int64_t first, int64_t end) {
    const struct filter_shape *b = &block->shape;
    const int64_t plane = block->lattice->y.out * block->lattice->x.out * LANES;
    const int64_t group = block->image % block->run->state->window.group;
    const float *bias = block->run->bias + (group * b->rows + row) * LANES;
    float *image = block->run->y + (block->image * b->rows + row) * plane;
    float outputs[16 * LANES] __attribute__((aligned(64)));
    for (int64_t tile = first; tile < end; tile++) {
        transform_sums(block, block->sums + row * b->plane + tile * LANES, outputs);
        store_tile(block, block->tile0 + tile, bias, outputs, image);
    }
}
