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
    struct filter_lines last = {.count = ax->points,
                                .source = half,
                                .source_point = across * LANES,
                                .source_line = LANES,
                                .destination = place,
                                .destination_point = across * point_stride,
                                .destination_line = point_stride,
                                .destination_ahead = AHEAD};
    if (ay->kind != FILTER_ONE && ax->kind != FILTER_ONE) {
        const struct filter_lines first = {.count = ay->points,
                                           .source = patch->data,
                                           .source_point = patch->column,
                                           .source_line = patch->row,
                                           .destination = half,
                                           .destination_point = LANES,
                                           .destination_line = across * LANES};
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

/* Where a tile's outputs go, or are formed. */
struct place {
    float *data;
    size_t row, column;
    const float *bias; /* NULL: neither bias nor activation yet */
};

/* Both dimensions back, for one tile. */
static void transform_sums(const struct filter_block *block, const float *sums, const struct place *place) {
    const struct filter_axis *ay = &block->lattice->axis[0], *ax = &block->lattice->axis[1];
    const struct activation *activation = &block->run->state->activation;
    const struct filter_kernel *kernel = block->run->kernels->filter;
    const size_t point_stride = (size_t)(block->shape.rows * block->shape.plane);
    const bool single = ay->kind == FILTER_ONE || ax->kind == FILTER_ONE;
    float half[MOST_POINTS * LANES] __attribute__((aligned(64)));
    struct filter_lines last = {.count = ay->outputs,
                                .source = half,
                                .source_point = LANES,
                                .source_line = (size_t)ax->points * LANES,
                                .destination = place->data,
                                .destination_point = place->column,
                                .destination_line = place->row,
                                .bias = place->bias,
                                .alpha = activation->alpha,
                                .beta = activation->beta};
    blocked_finish_kind(activation, &last.finish);
    if (single) {
        last.count = 1;
        last.source = sums;
        last.source_point = point_stride;
        last.source_ahead = AHEAD;
        last.destination_point = ay->kind == FILTER_ONE ? place->column : place->row;
        kernel->output(ay->kind == FILTER_ONE ? ax->kind : ay->kind, &last);
        return;
    }
    const struct filter_lines first = {.count = ax->points,
                                       .source = sums,
                                       .source_point = (size_t)ax->points * point_stride,
                                       .source_line = point_stride,
                                       .destination = half,
                                       .destination_point = (size_t)ax->points * LANES,
                                       .destination_line = LANES,
                                       .source_ahead = AHEAD};
    kernel->output(ay->kind, &first);
    kernel->output(ax->kind, &last);
}

/* Straight to its place where all of the tile lies inside and the kernel knows the activation. */
static void write_tile(const struct filter_block *block, int64_t tile, const float *sums, const float *bias,
                       float *plane) {
    const struct filter_axis *ay = &block->lattice->axis[0], *ax = &block->lattice->axis[1];
    const struct lattice_axis *ly = &block->lattice->y, *lx = &block->lattice->x;
    const int64_t y = tile / ax->tiles * ay->outputs, x = tile % ax->tiles * ax->outputs;
    const int rows = most_of(ay->outputs, ly->points - y), columns = most_of(ax->outputs, lx->points - x);
    const struct place place = {.data = plane +
                                        ((ly->out0 + y * ly->out_step) * lx->out + lx->out0 + x * lx->out_step) * LANES,
                                .row = (size_t)(ly->out_step * lx->out * LANES),
                                .column = (size_t)(lx->out_step * LANES),
                                .bias = bias};
    enum block_finish finish;
    if (rows == ay->outputs && columns == ax->outputs && blocked_finish_kind(&block->run->state->activation, &finish)) {
        transform_sums(block, sums, &place);
        return;
    }
    float outputs[16 * LANES] __attribute__((aligned(64)));
    const size_t wide = (size_t)ax->outputs * LANES;
    transform_sums(block, sums, &(struct place){outputs, wide, LANES, NULL});
    blocked_finish(block->run, bias, rows, columns, outputs, wide, LANES, place.data, place.row, place.column);
}

void filter_write_tiles(const struct filter_block *block, int64_t row, int64_t first, int64_t end) {
    const struct filter_shape *b = &block->shape;
    const int64_t plane = block->lattice->y.out * block->lattice->x.out * LANES;
    const int64_t group = block->image % block->run->state->window.group;
    const float *bias = block->run->bias + (group * b->rows + row) * LANES;
    float *image = block->run->y + (block->image * b->rows + row) * plane;
    for (int64_t tile = first; tile < end; tile++)
        write_tile(block, block->tile0 + tile, block->sums + row * b->plane + tile * LANES, bias, image);
}
