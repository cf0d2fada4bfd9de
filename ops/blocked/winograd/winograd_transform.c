#include "ops/blocked/winograd/winograd_transform.h"

#include "ops/blocked/blocked_run.h"

#define MOST_OUTPUTS 32 /* of a tile */
#define LANES CHANNEL_BLOCK
#define AHEAD 4 /* tiles of one element that are asked for before their turn: no processor follows so many streams */

/* Tiles of a block that lie side by side, in some rows of an image's tiles from y, x on. */
struct tile_run {
    int64_t y, x, rows, count; /* count: of a row; whole rows where they are several */
};

/* The run that starts at a tile of the image, of at most `left` tiles and so many rows. */
static struct tile_run run_at(const struct winograd_grid *grid, int64_t tile, int64_t left, int64_t rows) {
    const int64_t across = grid->axis[1].tiles, x = tile % across;
    struct tile_run run = {tile / across, x, 1, at_most(left, across - x)};
    if (run.count == across)
        run.rows = at_most(left / across, rows);
    return run;
}

/* ---- inputs ---- */

/* One channel block of an image, and the taps that read it. */
struct reading {
    const struct winograd_block *block;
    struct blocked_input input;
    const struct winograd_part *part;
};

/* Index of a tile's first element in one dimension. */
static int64_t patch_first(const struct reading *reading, int d, int64_t tile) {
    const struct winograd_axis *axis = &reading->block->grid->axis[d];
    return tile * axis->advance * axis->step + reading->part->first[d];
}

#define STRIP_TILES 8
#define STRIP_LINES ((STRIP_TILES * 8 + 1) * WINOGRAD_ELEMENTS) /* a row of the largest tiles */
#define NEAR_LINES 204 /* several rows of small tiles; what is more falls out of the smallest cache */

/* Rows of tiles that a strip holds; 1 where a row alone is too long. */
static int64_t strip_rows(const struct winograd_grid *grid) {
    const struct winograd_axis *ay = &grid->axis[0], *ax = &grid->axis[1];
    if (ax->tiles > STRIP_TILES)
        return 1;
    const int64_t lines = NEAR_LINES / ((ax->tiles - 1) * ax->advance + ax->elements);
    return lines < ay->elements ? 1 : (lines - ay->elements) / ay->advance + 1;
}

/* Lines from..end of a strip's row, which lie beyond the input. */
static void copy_border(const struct reading *reading, const float *row, int64_t x0, int64_t from, int64_t end,
                        float *strip) {
    const struct winograd_grid *grid = reading->block->grid;
    const enum border border = reading->block->run->state->window.border;
    for (int64_t i = from; i < end; i++) {
        const int64_t x = border_index(border, x0 + i * grid->axis[1].step, grid->x.in);
        if (x < 0)
            __builtin_memset(strip + i * LANES, 0, LANES * sizeof *strip);
        else
            __builtin_memcpy(strip + i * LANES, row + x * LANES, LANES * sizeof *strip);
    }
}

/* `columns` lines of one row of the input, with its border; prefetches those `ahead` floats on. */
static void copy_row(const struct reading *reading, int64_t y, int64_t x0, int64_t columns, int64_t ahead,
                     float *strip) {
    const struct winograd_grid *grid = reading->block->grid;
    const int64_t step = grid->axis[1].step, in = grid->x.in;
    const float *row = reading->input.data + (y - reading->input.lowest[0]) * reading->input.row;
    const int64_t first = x0 < 0 ? at_most(divide_up(-x0, step), columns) : 0;
    const int64_t end = x0 < in ? between(first, divide_up(in - x0, step), columns) : first;
    copy_border(reading, row, x0, 0, first, strip);
    for (int64_t i = first; i < end; i++) {
        const float *line = row + (x0 + i * step) * LANES;
        __builtin_prefetch((const void *)((uintptr_t)line + (uintptr_t)ahead * sizeof(float)));
        __builtin_memcpy(strip + i * LANES, line, LANES * sizeof *strip);
    }
    copy_border(reading, row, x0, end, columns, strip);
}

/* So many rows of the input, with their border. */
static void copy_strip(const struct reading *reading, int64_t y0, int64_t x0, int64_t rows, int64_t columns,
                       int64_t ahead, float *strip) {
    const struct winograd_grid *grid = reading->block->grid;
    const enum border border = reading->block->run->state->window.border;
    for (int64_t py = 0; py < rows; py++, strip += columns * LANES) {
        const int64_t y = border_index(border, y0 + py * grid->axis[0].step, grid->y.in);
        if (y < 0)
            __builtin_memset(strip, 0, (size_t)columns * LANES * sizeof *strip);
        else
            copy_row(reading, y, x0, columns, ahead, strip);
    }
}

/* Tiles first..end of a dimension have all their elements inside. */
struct inner {
    int64_t first, end;
};

static struct inner inner_tiles(const struct reading *reading, int d) {
    const struct winograd_axis *axis = &reading->block->grid->axis[d];
    const int64_t in = d ? reading->block->grid->x.in : reading->block->grid->y.in;
    struct inner inner = {0, axis->tiles};
    while (inner.first < axis->tiles && patch_first(reading, d, inner.first) < 0)
        inner.first++;
    while (inner.end > inner.first && patch_first(reading, d, inner.end - 1) + (axis->elements - 1) * axis->step >= in)
        inner.end--;
    return inner;
}

/* Tiles x..end of a run's rows, some of them at the border. */
static void read_strip(const struct reading *reading, const struct tile_run *run, int64_t x, int64_t end, int64_t ahead,
                       struct winograd_tiles tiles) {
    const struct winograd_axis *ay = &reading->block->grid->axis[0], *ax = &reading->block->grid->axis[1];
    float strip[STRIP_LINES * LANES] __attribute__((aligned(64)));
    const int64_t rows = (run->rows - 1) * ay->advance + ay->elements,
                  columns = (end - x - 1) * ax->advance + ax->elements;
    copy_strip(reading, patch_first(reading, 0, run->y), patch_first(reading, 1, x), rows, columns, ahead, strip);
    tiles.rows = (int)run->rows;
    tiles.count = (int)(end - x);
    tiles.source = strip;
    tiles.source_row = (size_t)(columns * LANES);
    tiles.source_column = LANES;
    tiles.source_tile = (size_t)(ax->advance * LANES);
    tiles.source_down = (size_t)ay->advance * tiles.source_row;
    reading->block->run->kernels->winograd->input(ay->kind, ax->kind, &tiles);
}

/* From a row of tiles to what is read next, in floats: the row below, or the beginning of the next channel block. */
static int64_t ahead_of(const struct reading *reading, const struct tile_run *run, bool last) {
    const struct winograd_axis *ay = &reading->block->grid->axis[0];
    const int64_t below = run->rows * ay->advance * ay->step * reading->input.row;
    const int64_t first = reading->block->tile0 / reading->block->grid->axis[1].tiles;
    return last ? reading->input.block - (run->y - first) * ay->advance * ay->step * reading->input.row : below;
}

static void read_run(const struct reading *reading, const struct tile_run *run, const struct inner inner[2], bool last,
                     float *place) {
    const struct winograd_block *block = reading->block;
    const struct winograd_axis *ay = &block->grid->axis[0], *ax = &block->grid->axis[1];
    const struct blocked_input *input = &reading->input;
    struct winograd_tiles tiles = {.source_row = (size_t)(ay->step * input->row),
                                   .source_column = (size_t)(ax->step * LANES),
                                   .source_tile = (size_t)(ax->advance * ax->step * LANES),
                                   .destination_row = (size_t)(ax->elements * block->grid->tiling.element),
                                   .destination_column = (size_t)block->grid->tiling.element,
                                   .destination_tile = LANES,
                                   .source_down = (size_t)(ay->advance * ay->step * input->row),
                                   .destination_down = (size_t)run->count * LANES,
                                   .point_ahead = AHEAD * LANES};
    const int64_t ahead = ahead_of(reading, run, last), run_end = run->x + run->count;
    const bool direct = run->y >= inner[0].first && run->y < inner[0].end && inner[1].end > inner[1].first;
    for (int64_t x = run->x, end; x < run_end; x = end) {
        const bool inside = direct && x >= inner[1].first && x < inner[1].end;
        end = inside ? inner[1].end : direct && x < inner[1].first ? inner[1].first : x + STRIP_TILES;
        end = end < run_end ? end : run_end;
        tiles.destination = place + (x - run->x) * LANES;
        if (!inside) {
            read_strip(reading, run, x, end, ahead, tiles);
            continue;
        }
        tiles.rows = (int)run->rows;
        tiles.count = (int)(end - x);
        tiles.source = input->data + (patch_first(reading, 0, run->y) - input->lowest[0]) * input->row +
                       patch_first(reading, 1, x) * LANES;
        tiles.ahead = (uintptr_t)tiles.source + (uintptr_t)ahead * sizeof(float);
        tiles.ahead_rows = ay->elements;
        block->run->kernels->winograd->input(ay->kind, ax->kind, &tiles);
    }
}

void winograd_read_tiles(const struct winograd_block *block, int64_t depth, int64_t first, int64_t end) {
    const int64_t channels = channel_blocks(block->run->state->window.in_channels);
    struct reading reading = {block, blocked_input_of(block->run, block->image), &block->grid->parts[depth / channels]};
    reading.input.data += depth % channels * reading.input.block;
    const struct inner inner[2] = {inner_tiles(&reading, 0), inner_tiles(&reading, 1)};
    float *place = block->inputs + (depth - block->depth0) * block->grid->tiling.plane;
    const int64_t rows = strip_rows(block->grid);
    struct tile_run run;
    for (int64_t tile = first; tile < end; tile += run.rows * run.count) {
        run = run_at(block->grid, block->tile0 + tile, end - tile, rows);
        if (run.y < inner[0].end && run.y + run.rows > inner[0].end)
            run.rows = inner[0].end - run.y;
        read_run(&reading, &run, inner, tile + run.rows * run.count == end, place + tile * LANES);
    }
}

/* ---- outputs ---- */

static int most_of(int outputs, int64_t left) {
    return left < outputs ? (int)left : outputs;
}

/* One channel block of some outputs of a block: where they go. */
struct writing {
    const struct winograd_block *block;
    float *plane;
    const float *bias;
    size_t row, column; /* from one output of a tile to the next */
};

/* Where a tile's outputs are in the plane, in floats. */
static int64_t place_of(const struct winograd_grid *grid, int64_t tile_y, int64_t tile_x) {
    const struct phase_axis *ly = &grid->y, *lx = &grid->x;
    const int64_t y = ly->out0 + tile_y * grid->axis[0].outputs * ly->out_step;
    const int64_t x = lx->out0 + tile_x * grid->axis[1].outputs * lx->out_step;
    return (y * lx->out + x) * LANES;
}

/* A tile of which only a part lies inside, or whose activation the kernel does not know. */
static void write_border_tile(const struct writing *writing, int64_t y, int64_t x, struct winograd_tiles tiles) {
    const struct winograd_block *block = writing->block;
    const struct winograd_axis *ay = &block->grid->axis[0], *ax = &block->grid->axis[1];
    const int rows = most_of(ay->outputs, block->grid->y.positions - y * ay->outputs);
    const int columns = most_of(ax->outputs, block->grid->x.positions - x * ax->outputs);
    float outputs[MOST_OUTPUTS * LANES] __attribute__((aligned(64)));
    tiles.rows = tiles.count = 1;
    tiles.destination = outputs;
    tiles.destination_row = (size_t)ax->outputs * LANES;
    tiles.destination_column = LANES;
    tiles.ahead_rows = 0;
    tiles.bias = NULL;
    block->run->kernels->winograd->output(ay->kind, ax->kind, &tiles);
    blocked_finish(block->run, writing->bias, 0, rows, columns, outputs, tiles.destination_row, LANES,
                   writing->plane + place_of(block->grid, y, x), writing->row, writing->column);
}

/*
 * Straight to its place where all of a tile lies inside and the kernel knows the activation. next: where the run after
 * this one goes, which is asked for; NULL: none. Others may be writing what lies behind the last one.
 */
static void write_run(const struct writing *writing, const struct tile_run *run, const float *next, const float *sums) {
    const struct winograd_block *block = writing->block;
    const struct winograd_grid *grid = block->grid;
    const struct winograd_axis *ay = &grid->axis[0], *ax = &grid->axis[1];
    const struct activation *activation = &block->run->state->activation;
    struct winograd_tiles tiles = {.source_row = (size_t)(ax->elements * block->grid->tiling.sum_element),
                                   .source_column = (size_t)block->grid->tiling.sum_element,
                                   .source_tile = LANES,
                                   .destination_row = writing->row,
                                   .destination_column = writing->column,
                                   .destination_tile = (size_t)ax->outputs * writing->column,
                                   .bias = writing->bias,
                                   .ahead = (uintptr_t)next,
                                   .ahead_rows = next ? ay->outputs : 0,
                                   .alpha = activation->alpha,
                                   .beta = activation->beta};
    const bool known = blocked_finish_kind(activation, &tiles.finish);
    const bool inside = known && (run->y + 1) * ay->outputs <= grid->y.positions;
    const int64_t end = run->x + run->count, whole = inside ? grid->x.positions / ax->outputs : 0;
    const int64_t straight = whole < run->x ? run->x : whole < end ? whole : end;
    tiles.source = sums;
    tiles.rows = 1;
    tiles.count = (int)(straight - run->x);
    tiles.destination = writing->plane + place_of(grid, run->y, run->x);
    if (tiles.count > 0)
        block->run->kernels->winograd->output(ay->kind, ax->kind, &tiles);
    for (int64_t x = straight; x < end; x++) {
        tiles.source = sums + (x - run->x) * LANES;
        write_border_tile(writing, run->y, x, tiles);
    }
}

static struct writing writing_at(const struct winograd_block *block, int64_t number) {
    const struct winograd_grid *grid = block->grid;
    const int64_t group = block->image % block->run->state->window.group;
    return (struct writing){.block = block,
                            .plane = block->run->y + (block->image * grid->tiling.rows + number) * block->run->y_plane,
                            .bias = block->run->bias + (group * grid->tiling.rows + number) * LANES,
                            .row = (size_t)(grid->y.out_step * grid->x.out * LANES),
                            .column = (size_t)(grid->x.out_step * LANES)};
}

/* Where a tile of the block goes. */
static const float *writing_place(const struct writing *writing, int64_t tile) {
    const int64_t number = writing->block->tile0 + tile, across = writing->block->grid->axis[1].tiles;
    return writing->plane + place_of(writing->block->grid, number / across, number % across);
}

/* Tiles first..end of a block, of which a panel has sums from the first one on. */
static void write_piece(const struct winograd_panel *panel, const struct winograd_block *block, int64_t first,
                        int64_t end, const float *sums) {
    for (int row = 0; row < panel->rows; row++) {
        const struct writing writing = writing_at(block, panel->row + row);
        const float *from = sums + row * block->grid->tiling.sums;
        struct tile_run run;
        for (int64_t tile = first; tile < end; tile += run.count, from += run.count * LANES) {
            run = run_at(block->grid, block->tile0 + tile, end - tile, 1);
            const float *next = tile + run.count < end  ? writing_place(&writing, tile + run.count)
                                : row + 1 < panel->rows ? writing_place(&writing, first) + block->run->y_plane
                                                        : NULL;
            write_run(&writing, &run, next, from);
        }
    }
}

void winograd_write_tiles(const struct winograd_panel *panel) {
    const float *sums = panel->sums;
    int64_t before = 0; /* tiles of the blocks before */
    for (const struct winograd_block *block = panel->block; before < panel->end; before += block++->count) {
        const int64_t first = panel->first > before ? panel->first - before : 0;
        const int64_t end = at_most(panel->end - before, block->count);
        if (first < end) {
            write_piece(panel, block, first, end, sums);
            sums += (end - first) * LANES;
        }
    }
}
