/* The transforms of minimal filtering on channel blocks: from activations to points, and from sums to activations. */
#include "ops/blocked_filter.h"

#define MOST_POINTS (FILTER_POINTS * FILTER_POINTS)
#define LANES CHANNEL_BLOCK
#define AHEAD 4 /* tiles that are asked for before their turn: activations lie in a large cache or beyond */

/* A tile's place in an image, in tiles. */
struct tile_at {
    int64_t y, x;
};

static struct tile_at tile_at(const struct filter_lattice *lattice, int64_t tile) {
    const int64_t across = lattice->axis[1].tiles;
    return (struct tile_at){tile / across, tile % across};
}

static void step(const struct filter_lattice *lattice, struct tile_at *at) {
    if (++at->x == lattice->axis[1].tiles)
        *at = (struct tile_at){at->y + 1, 0};
}

/* Asks for rows of lines, columns apart, at an address that need not be inside: what is asked for in vain does no harm. */
static inline void ask_for(uintptr_t from, int rows, size_t row, int columns, size_t column, bool write) {
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            const void *line = (const void *)(from + ((size_t)y * row + (size_t)x * column) * sizeof(float));
            if (write)
                __builtin_prefetch(line, 1);
            else
                __builtin_prefetch(line, 0);
        }
}

/* ---- inputs ---- */

/* One channel block of an image, and the taps that read it. */
struct reading {
    const struct filter_block *block;
    struct blocked_input input;
    const struct filter_part *part;
};

/* A tile's points: where they lie, or a copy with its border. */
struct patch {
    const float *data;
    size_t row, column;
};

/* Index of the tile's first point in one dimension. */
static int64_t patch_first(const struct reading *reading, int d, int64_t tile) {
    const struct filter_axis *axis = &reading->block->lattice->axis[d];
    return tile * axis->outputs * axis->step + reading->part->first[d];
}

static void copy_patch(const struct reading *reading, int64_t y0, int64_t x0, float *copy) {
    const struct filter_lattice *lattice = reading->block->lattice;
    const struct filter_axis *ay = &lattice->axis[0], *ax = &lattice->axis[1];
    const struct blocked_input *input = &reading->input;
    const enum border border = reading->block->run->state->window.border;
    for (int py = 0; py < ay->points; py++) {
        const int64_t y = border_index(border, y0 + py * ay->step, lattice->y.in);
        for (int px = 0; px < ax->points; px++, copy += LANES) {
            const int64_t x = border_index(border, x0 + px * ax->step, lattice->x.in);
            if (y < 0 || x < 0)
                __builtin_memset(copy, 0, LANES * sizeof *copy);
            else
                __builtin_memcpy(copy, input->data + y * input->row + x * LANES, LANES * sizeof *copy);
        }
    }
}

static struct patch patch_at(const struct reading *reading, const struct tile_at *at, float *copy) {
    const struct filter_lattice *lattice = reading->block->lattice;
    const struct filter_axis *ay = &lattice->axis[0], *ax = &lattice->axis[1];
    const struct blocked_input *input = &reading->input;
    const int64_t y = patch_first(reading, 0, at->y), x = patch_first(reading, 1, at->x);
    if (y >= 0 && y + (ay->points - 1) * ay->step < lattice->y.in && x >= 0 &&
        x + (ax->points - 1) * ax->step < lattice->x.in)
        return (struct patch){input->data + y * input->row + x * LANES, (size_t)(ay->step * input->row),
                              (size_t)(ax->step * LANES)};
    copy_patch(reading, y, x, copy);
    return (struct patch){copy, (size_t)(ax->points * LANES), LANES};
}

/* What a later tile has beyond its neighbour on the left. */
static void ask_for_patch(const struct reading *reading, const struct tile_at *at, int64_t offset) {
    const struct filter_axis *ay = &reading->block->lattice->axis[0], *ax = &reading->block->lattice->axis[1];
    const int64_t x = patch_first(reading, 1, at->x) + (ax->points - ax->outputs) * ax->step;
    const int64_t place = patch_first(reading, 0, at->y) * reading->input.row + x * LANES + offset;
    ask_for((uintptr_t)reading->input.data + (uintptr_t)place * sizeof(float), ay->points,
            (size_t)(ay->step * reading->input.row), ax->outputs, (size_t)(ax->step * LANES), false);
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
                                .destination_ahead = AHEAD * LANES};
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
    struct reading reading = {block, blocked_input_of(block->run, block->image),
                              &block->lattice->parts[depth / channels]};
    reading.input.data += depth % channels * reading.input.block;
    float copy[MOST_POINTS * LANES] __attribute__((aligned(64)));
    float *place = block->inputs + depth * b->plane + first * LANES;
    struct tile_at now = tile_at(block->lattice, block->tile0 + first), later = now;
    const struct tile_at start = now;
    int64_t offset = 0; /* of the channel block that `later` is in: after the last tile comes the next block */
    for (int i = 0; i < AHEAD; i++)
        step(block->lattice, &later);
    for (int64_t tile = first; tile < end; tile++, place += LANES) {
        if (tile + AHEAD == end) {
            later = start;
            offset = reading.input.block;
        }
        ask_for_patch(&reading, &later, offset);
        const struct patch patch = patch_at(&reading, &now, copy);
        transform_patch(block, &patch, place, (size_t)b->point);
        step(block->lattice, &now);
        step(block->lattice, &later);
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
    const size_t point_stride = (size_t)block->shape.sum_point;
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
                                       .destination_line = LANES};
    kernel->output(ay->kind, &first);
    kernel->output(ax->kind, &last);
}

/* Where a tile's outputs are in a channel block of the output, in floats. */
static int64_t place_of(const struct filter_lattice *lattice, const struct tile_at *at) {
    const struct lattice_axis *ly = &lattice->y, *lx = &lattice->x;
    const int64_t y = ly->out0 + at->y * lattice->axis[0].outputs * ly->out_step;
    const int64_t x = lx->out0 + at->x * lattice->axis[1].outputs * lx->out_step;
    return (y * lx->out + x) * LANES;
}

/* Straight to its place where all of the tile lies inside and the kernel knows the activation. */
static void write_tile(const struct filter_block *block, const struct tile_at *at, const float *sums,
                       struct place place) {
    const struct filter_axis *ay = &block->lattice->axis[0], *ax = &block->lattice->axis[1];
    const int rows = most_of(ay->outputs, block->lattice->y.points - at->y * ay->outputs);
    const int columns = most_of(ax->outputs, block->lattice->x.points - at->x * ax->outputs);
    enum block_finish finish;
    if (rows == ay->outputs && columns == ax->outputs && blocked_finish_kind(&block->run->state->activation, &finish)) {
        transform_sums(block, sums, &place);
        return;
    }
    float outputs[16 * LANES] __attribute__((aligned(64)));
    const size_t wide = (size_t)ax->outputs * LANES;
    transform_sums(block, sums, &(struct place){outputs, wide, LANES, NULL});
    blocked_finish(block->run, place.bias, rows, columns, outputs, wide, LANES, place.data, place.row, place.column);
}

/* One channel block of a panel's outputs. */
static void write_row(const struct filter_panel *panel, int64_t row) {
    const struct filter_block *block = panel->block;
    const struct filter_lattice *lattice = block->lattice;
    const int64_t number = panel->row + row, group = block->image % block->run->state->window.group;
    float *plane =
        block->run->y + (block->image * block->shape.rows + number) * lattice->y.out * lattice->x.out * LANES;
    struct place place = {.row = (size_t)(lattice->y.out_step * lattice->x.out * LANES),
                          .column = (size_t)(lattice->x.out_step * LANES),
                          .bias = block->run->bias + (group * block->shape.rows + number) * LANES};
    const float *sums = panel->sums + row * block->shape.sums;
    struct tile_at now = tile_at(lattice, block->tile0 + panel->first), later = now;
    for (int i = 0; i < AHEAD; i++)
        step(lattice, &later);
    for (int64_t tile = panel->first; tile < panel->end; tile++, sums += LANES) {
        ask_for((uintptr_t)plane + (uintptr_t)place_of(lattice, &later) * sizeof(float), lattice->axis[0].outputs,
                place.row, lattice->axis[1].outputs, place.column, true);
        place.data = plane + place_of(lattice, &now);
        write_tile(block, &now, sums, place);
        step(lattice, &now);
        step(lattice, &later);
    }
}

void filter_write_tiles(const struct filter_panel *panel) {
    for (int row = 0; row < panel->rows; row++)
        write_row(panel, row);
}
