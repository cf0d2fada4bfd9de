#include "ops/blocked/winograd/winograd_transform.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/winograd/winograd_range.h"

#define MOST_OUTPUTS 32 /* of a tile */
#define LANES CHANNEL_BLOCK
/* Tiles of each element that are prefetched for writing: there are more streams than a hardware prefetcher follows. */
#define PREFETCH_TILES 4

/* Tiles y..y + rows - 1 by x..x + count - 1 of an image, which follow each other in a tile group. */
struct tile_run {
    int64_t y, x, rows, count; /* several rows: only whole ones */
};

/* The longest run that starts at a tile of the image, of at most `left` tiles in at most so many rows. */
static struct tile_run tile_run_at(const struct winograd_grid *grid, int64_t tile, int64_t left, int64_t rows) {
    const int64_t across = grid->axis[1].tiles, x = tile % across;
    struct tile_run run = {tile / across, x, 1, at_most(left, across - x)};
    if (run.count == across)
        run.rows = at_most(left / across, rows);
    return run;
}

/* ---- inputs ---- */

/* One channel block of the input, for one part of the taps. */
struct input_reader {
    const struct winograd_tile_group *group;
    struct blocked_input input;
    const struct winograd_part *part;
};

/* Index of the first input of a tile in one dimension. */
static int64_t patch_first(const struct input_reader *reader, int d, int64_t tile) {
    const struct winograd_axis *axis = &reader->group->grid->axis[d];
    return tile * axis->advance * axis->step + reader->part->first[d];
}

/* Tiles at the border are computed from a copy of their inputs, a line of 16 channels for each pixel. */
#define COPY_TILES 8
#define COPY_LINES ((COPY_TILES * 8 + 1) * WINOGRAD_ELEMENTS) /* one row of the largest tiles */
#define L1_LINES 204 /* several rows of small tiles; more would fall out of L1 */

/* Rows of tiles that are copied at once; 1 where a row alone is too long. */
static int64_t copy_tile_rows(const struct winograd_grid *grid) {
    const struct winograd_axis *ay = &grid->axis[0], *ax = &grid->axis[1];
    if (ax->tiles > COPY_TILES)
        return 1;
    const int64_t lines = L1_LINES / ((ax->tiles - 1) * ax->advance + ax->elements);
    return lines < ay->elements ? 1 : (lines - ay->elements) / ay->advance + 1;
}

/* Lines from..end of a row of the copy, which lie beyond the input. */
static void copy_border(const struct input_reader *reader, const float *row, int64_t x0, int64_t from, int64_t end,
                        float *copy) {
    const struct winograd_grid *grid = reader->group->grid;
    const enum border border = reader->group->run->state->window.border;
    for (int64_t i = from; i < end; i++) {
        const int64_t x = border_index(border, x0 + i * grid->axis[1].step, grid->x.in);
        if (x < 0)
            __builtin_memset(copy + i * LANES, 0, LANES * sizeof *copy);
        else
            __builtin_memcpy(copy + i * LANES, row + x * LANES, LANES * sizeof *copy);
    }
}

/* One row of the copy, border included. Prefetches the inputs that lie `ahead` floats after each. */
static void copy_row(const struct input_reader *reader, int64_t y, int64_t x0, int64_t columns, int64_t ahead,
                     float *copy) {
    const struct winograd_grid *grid = reader->group->grid;
    const int64_t step = grid->axis[1].step, in = grid->x.in;
    const float *row = reader->input.data + (y - reader->input.lowest[0]) * reader->input.row;
    const int64_t first = x0 < 0 ? at_most(divide_up(-x0, step), columns) : 0;
    const int64_t end = x0 < in ? between(first, divide_up(in - x0, step), columns) : first;
    copy_border(reader, row, x0, 0, first, copy);
    for (int64_t i = first; i < end; i++) {
        const float *line = row + (x0 + i * step) * LANES;
        __builtin_prefetch((const void *)((uintptr_t)line + (uintptr_t)ahead * sizeof(float)));
        __builtin_memcpy(copy + i * LANES, line, LANES * sizeof *copy);
    }
    copy_border(reader, row, x0, end, columns, copy);
}

/* Rows and columns of the input from y0, x0 on, border included. */
static void copy_patch(const struct input_reader *reader, int64_t y0, int64_t x0, int64_t rows, int64_t columns,
                       int64_t ahead, float *copy) {
    const struct winograd_grid *grid = reader->group->grid;
    const enum border border = reader->group->run->state->window.border;
    for (int64_t py = 0; py < rows; py++, copy += columns * LANES) {
        const int64_t y = border_index(border, y0 + py * grid->axis[0].step, grid->y.in);
        if (y < 0)
            __builtin_memset(copy, 0, (size_t)columns * LANES * sizeof *copy);
        else
            copy_row(reader, y, x0, columns, ahead, copy);
    }
}

/* Tiles first..end of a dimension, all of whose inputs lie inside. */
struct inner_tiles {
    int64_t first, end;
};

static struct inner_tiles find_inner(const struct input_reader *reader, int d) {
    const struct winograd_axis *axis = &reader->group->grid->axis[d];
    const int64_t in = d ? reader->group->grid->x.in : reader->group->grid->y.in;
    struct inner_tiles inner = {0, axis->tiles};
    while (inner.first < axis->tiles && patch_first(reader, d, inner.first) < 0)
        inner.first++;
    while (inner.end > inner.first && patch_first(reader, d, inner.end - 1) + (axis->elements - 1) * axis->step >= in)
        inner.end--;
    return inner;
}

/* Tiles x..end of the rows of a run, from a copy of their inputs. */
static void read_copied(const struct input_reader *reader, const struct tile_run *run, int64_t x, int64_t end,
                        int64_t ahead, struct winograd_tiles tiles) {
    const struct winograd_axis *ay = &reader->group->grid->axis[0], *ax = &reader->group->grid->axis[1];
    float copy[COPY_LINES * LANES] __attribute__((aligned(64)));
    const int64_t rows = (run->rows - 1) * ay->advance + ay->elements,
                  columns = (end - x - 1) * ax->advance + ax->elements;
    copy_patch(reader, patch_first(reader, 0, run->y), patch_first(reader, 1, x), rows, columns, ahead, copy);
    tiles.rows = (int)run->rows;
    tiles.count = (int)(end - x);
    tiles.source = copy;
    tiles.source_row = (size_t)(columns * LANES);
    tiles.source_column = LANES;
    tiles.source_tile = (size_t)(ax->advance * LANES);
    tiles.source_down = (size_t)ay->advance * tiles.source_row;
    reader->group->run->kernels->winograd->input(ay->kind, ax->kind, &tiles);
}

/* Floats from a run to what is read after it: the tiles below, or the beginning of the next channel block. */
static int64_t ahead_of(const struct input_reader *reader, const struct tile_run *run, bool last) {
    const struct winograd_axis *ay = &reader->group->grid->axis[0];
    const int64_t below = run->rows * ay->advance * ay->step * reader->input.row;
    const int64_t first = reader->group->tile0 / reader->group->grid->axis[1].tiles;
    return last ? reader->input.block - (run->y - first) * ay->advance * ay->step * reader->input.row : below;
}

static void read_run(const struct input_reader *reader, const struct tile_run *run, const struct inner_tiles inner[2],
                     bool last, float *place) {
    const struct winograd_tile_group *group = reader->group;
    const struct winograd_axis *ay = &group->grid->axis[0], *ax = &group->grid->axis[1];
    const struct blocked_input *input = &reader->input;
    struct winograd_tiles tiles = {.source_row = (size_t)(ay->step * input->row),
                                   .source_column = (size_t)(ax->step * LANES),
                                   .source_tile = (size_t)(ax->advance * ax->step * LANES),
                                   .destination_row = (size_t)(ax->elements * group->grid->tiling.element),
                                   .destination_column = (size_t)group->grid->tiling.element,
                                   .destination_tile = LANES,
                                   .source_down = (size_t)(ay->advance * ay->step * input->row),
                                   .destination_down = (size_t)run->count * LANES,
                                   .element_ahead = PREFETCH_TILES * LANES};
    const int64_t ahead = ahead_of(reader, run, last), run_end = run->x + run->count;
    const bool direct = run->y >= inner[0].first && run->y < inner[0].end && inner[1].end > inner[1].first;
    for (int64_t x = run->x, end; x < run_end; x = end) {
        const bool inside = direct && x >= inner[1].first && x < inner[1].end;
        end = inside ? inner[1].end : direct && x < inner[1].first ? inner[1].first : x + COPY_TILES;
        end = end < run_end ? end : run_end;
        tiles.destination = place + (x - run->x) * LANES;
        if (!inside) {
            read_copied(reader, run, x, end, ahead, tiles);
            continue;
        }
        tiles.rows = (int)run->rows;
        tiles.count = (int)(end - x);
        tiles.source = input->data + (patch_first(reader, 0, run->y) - input->lowest[0]) * input->row +
                       patch_first(reader, 1, x) * LANES;
        tiles.ahead = (uintptr_t)tiles.source + (uintptr_t)ahead * sizeof(float);
        tiles.ahead_rows = ay->elements;
        group->run->kernels->winograd->input(ay->kind, ax->kind, &tiles);
    }
}

void winograd_read_tiles(const struct winograd_tile_group *group, int64_t depth, int64_t first, int64_t end) {
    const int64_t channels = channel_blocks(group->run->state->window.in_channels);
    struct input_reader reader = {group, blocked_input_of(group->run, group->image),
                                  &group->grid->parts[depth / channels]};
    reader.input.data += depth % channels * reader.input.block;
    const struct inner_tiles inner[2] = {find_inner(&reader, 0), find_inner(&reader, 1)};
    float *place = group->inputs + (depth - group->depth0) * group->grid->tiling.plane;
    const struct winograd_axis *ay = &group->grid->axis[0];
    const int64_t rows = copy_tile_rows(group->grid);
    int64_t noted = 0; /* rows of elements */
    struct tile_run run;
    for (int64_t tile = first; tile < end; tile += run.rows * run.count) {
        run = tile_run_at(group->grid, group->tile0 + tile, end - tile, rows);
        if (run.y < inner[0].end && run.y + run.rows > inner[0].end)
            run.rows = inner[0].end - run.y;
        const int64_t from = run.y * ay->advance, to = (run.y + run.rows - 1) * ay->advance + ay->elements;
        winograd_range_rows(group, reader.part, &reader.input, noted > from ? noted : from, to);
        noted = to;
        read_run(&reader, &run, inner, tile + run.rows * run.count == end, place + tile * LANES);
    }
}

/* ---- outputs ---- */

static int most_of(int outputs, int64_t left) {
    return left < outputs ? (int)left : outputs;
}

/* Where one channel block of the outputs of a tile group goes. */
struct output_writer {
    const struct winograd_tile_group *group;
    float *plane;
    const float *bias;
    size_t row, column; /* floats from one output of a tile to the next */
};

/* Floats from the beginning of the plane to the first output of a tile. */
static int64_t place_of(const struct winograd_grid *grid, int64_t tile_y, int64_t tile_x) {
    const struct phase_axis *axis_y = &grid->y, *axis_x = &grid->x;
    const int64_t y = axis_y->out0 + tile_y * grid->axis[0].outputs * axis_y->out_step;
    const int64_t x = axis_x->out0 + tile_x * grid->axis[1].outputs * axis_x->out_step;
    return (y * axis_x->out + x) * LANES;
}

/* A tile that is cut off by the edge of the output, or whose activation the kernel does not have. */
static void write_border_tile(const struct output_writer *writer, int64_t y, int64_t x, struct winograd_tiles tiles) {
    const struct winograd_tile_group *group = writer->group;
    const struct winograd_axis *ay = &group->grid->axis[0], *ax = &group->grid->axis[1];
    const int rows = most_of(ay->outputs, group->grid->y.positions - y * ay->outputs);
    const int columns = most_of(ax->outputs, group->grid->x.positions - x * ax->outputs);
    float outputs[MOST_OUTPUTS * LANES] __attribute__((aligned(64)));
    tiles.rows = tiles.count = 1;
    tiles.destination = outputs;
    tiles.destination_row = (size_t)ax->outputs * LANES;
    tiles.destination_column = LANES;
    tiles.ahead_rows = 0;
    tiles.bias = NULL;
    group->run->kernels->winograd->output(ay->kind, ax->kind, &tiles);
    blocked_finish(group->run, writer->bias, 0, rows, columns, outputs, tiles.destination_row, LANES,
                   writer->plane + place_of(group->grid, y, x), writer->row, writer->column);
}

/*
 * The kernel writes whole tiles straight to their place if it has the activation. `next` is where the following run
 * goes, to be prefetched; NULL: behind the last run, where another thread may be writing.
 */
static void write_run(const struct output_writer *writer, const struct tile_run *run, const float *next,
                      const float *sums) {
    const struct winograd_tile_group *group = writer->group;
    const struct winograd_grid *grid = group->grid;
    const struct winograd_axis *ay = &grid->axis[0], *ax = &grid->axis[1];
    const struct activation *activation = &group->run->state->activation;
    struct winograd_tiles tiles = {.source_row = (size_t)(ax->elements * group->grid->tiling.sums_element),
                                   .source_column = (size_t)group->grid->tiling.sums_element,
                                   .source_tile = LANES,
                                   .destination_row = writer->row,
                                   .destination_column = writer->column,
                                   .destination_tile = (size_t)ax->outputs * writer->column,
                                   .bias = writer->bias,
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
    tiles.destination = writer->plane + place_of(grid, run->y, run->x);
    if (tiles.count > 0)
        group->run->kernels->winograd->output(ay->kind, ax->kind, &tiles);
    for (int64_t x = straight; x < end; x++) {
        tiles.source = sums + (x - run->x) * LANES;
        write_border_tile(writer, run->y, x, tiles);
    }
}

static struct output_writer writer_at(const struct winograd_tile_group *group, int64_t number) {
    const struct winograd_grid *grid = group->grid;
    const int64_t conv_group = group->image % group->run->state->window.group;
    return (struct output_writer){.group = group,
                                  .plane = group->run->y +
                                           (group->image * grid->tiling.out_blocks + number) * group->run->y_plane,
                                  .bias = group->run->bias + (conv_group * grid->tiling.out_blocks + number) * LANES,
                                  .row = (size_t)(grid->y.out_step * grid->x.out * LANES),
                                  .column = (size_t)(grid->x.out_step * LANES)};
}

/* Where a tile of the group goes. */
static const float *tile_place(const struct output_writer *writer, int64_t tile) {
    const int64_t number = writer->group->tile0 + tile, across = writer->group->grid->axis[1].tiles;
    return writer->plane + place_of(writer->group->grid, number / across, number % across);
}

/* Tiles first..end of a group; `sums` are those of the first of them. */
static void write_group(const struct winograd_panel *panel, const struct winograd_tile_group *group, int64_t first,
                        int64_t end, const float *sums) {
    for (int row = 0; row < panel->blocks; row++) {
        const struct output_writer writer = writer_at(group, panel->block0 + row);
        const float *from = sums + row * group->grid->tiling.sums_plane;
        struct tile_run run;
        for (int64_t tile = first; tile < end; tile += run.count, from += run.count * LANES) {
            run = tile_run_at(group->grid, group->tile0 + tile, end - tile, 1);
            const float *next = tile + run.count < end    ? tile_place(&writer, tile + run.count)
                                : row + 1 < panel->blocks ? tile_place(&writer, first) + group->run->y_plane
                                                          : NULL;
            write_run(&writer, &run, next, from);
        }
    }
}

void winograd_write_tiles(const struct winograd_panel *panel) {
    const float *sums = panel->sums;
    int64_t before = 0; /* tiles of the groups before */
    for (const struct winograd_tile_group *group = panel->group; before < panel->end; before += group++->count) {
        const int64_t first = panel->first > before ? panel->first - before : 0;
        const int64_t end = at_most(panel->end - before, group->count);
        if (first < end) {
            write_group(panel, group, first, end, sums);
            sums += (end - first) * LANES;
        }
    }
}
