#include "ops/blocked/winograd/winograd_range.h"

#include "ops/core/channel_blocks.h"

#include <string.h>

#define LANES CHANNEL_BLOCK
/*
 * Bits by which the largest magnitude of a tile may be above that of what an output sees, 2^4; and above that of any
 * pixel, 2^7: an output that sees it through a small weight has its error by all else that it sees.
 */
#define SPREAD (4u << 7)
#define PIXEL_SPREAD (7u << 7)
#define HUGE_BITS (191u << 7) /* 2^64: transformed inputs may leave the range of floats */

/* ---- the list ---- */

static int64_t phase_tiles(const struct blocked_phase *phase, int grids, int64_t images) {
    int64_t tiles = 0;
    for (int i = 0; i < grids; i++)
        tiles += winograd_image_tiles(&phase->grids[i]) * images;
    return tiles;
}

size_t winograd_suspects_bytes(const struct blocked_state *state) {
    const int64_t images = window_images(&state->window);
    int64_t tiles = 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        tiles += phase_tiles(&state->phases[i], state->phases[i].grid_count, images);
    return tiles > 0 ? whole_line_bytes(sizeof(struct winograd_suspects) + (size_t)tiles) : 0;
}

void winograd_suspects_start(const struct blocked_run *run) {
    struct winograd_suspects *suspects = (struct winograd_suspects *)(void *)run->workspace;
    atomic_init(&suspects->count, 0);
}

int winograd_suspects_count(const struct blocked_run *run) {
    struct winograd_suspects *suspects = (struct winograd_suspects *)(void *)run->workspace;
    return atomic_load(&suspects->count);
}

uint8_t *winograd_suspects_of(const struct blocked_run *run, const struct blocked_phase *phase, int grid,
                              int64_t image) {
    const int64_t images = window_images(&run->state->window);
    int64_t before = phase_tiles(phase, grid, images) + image * winograd_image_tiles(&phase->grids[grid]);
    for (const struct blocked_phase *other = run->state->phases; other < phase; other++)
        before += phase_tiles(other, other->grid_count, images);
    return (uint8_t *)run->workspace + sizeof(struct winograd_suspects) + before;
}

/* ---- the pixels of a group: rows and columns of elements ---- */

static int64_t rows_of_tiles(const struct winograd_axis *axis, int64_t tiles) {
    return (tiles - 1) * axis->advance + axis->elements;
}

static int64_t columns_of(const struct winograd_grid *grid) {
    return rows_of_tiles(&grid->axis[1], grid->axis[1].tiles);
}

static int64_t first_row(const struct winograd_tile_group *group) {
    return group->tile0 / group->grid->axis[1].tiles * group->grid->axis[0].advance;
}

static int64_t group_size(const struct winograd_tile_group *group) {
    const int64_t across = group->grid->axis[1].tiles, end = group->tile0 + group->count;
    return rows_of_tiles(&group->grid->axis[0], divide_up(end, across) - group->tile0 / across) *
           columns_of(group->grid);
}

int64_t winograd_range_size(const struct blocked_phase *phase) {
    int64_t most = 0;
    for (int i = 0; i < phase->grid_count; i++) {
        const struct winograd_grid *grid = &phase->grids[i];
        const int64_t across = grid->axis[1].tiles, rows = divide_up(grid->tiling.group_tiles - 1, across) + 1;
        const int64_t size = rows_of_tiles(&grid->axis[0], at_most(rows, grid->axis[0].tiles)) * columns_of(grid);
        most = size > most ? size : most;
    }
    return whole_units(most + MAGNITUDES_BEYOND, 2 * LANES); /* kernels read beyond the last row */
}

void winograd_range_start(const struct winograd_tile_group *group) {
    memset(group->largest, 0, (size_t)group_size(group) * sizeof *group->largest);
}

void winograd_range_merge(const struct winograd_tile_group *group, const uint16_t *other) {
    for (int64_t i = 0; i < group_size(group); i++)
        group->largest[i] = other[i] > group->largest[i] ? other[i] : group->largest[i];
}

/*
 * Columns first..end of a row, which lie beyond the input. They take over what has been noted of the pixel that stands
 * for them, if it is one of the row's and no other part's.
 */
static void note_border(const struct winograd_tile_group *group, const struct winograd_part *part, const float *row,
                        int64_t first, int64_t end, uint16_t *largest) {
    const struct window *window = &group->run->state->window;
    const int64_t step = group->grid->axis[1].step, columns = columns_of(group->grid);
    for (int64_t j = first; j < end; j++) {
        const int64_t x = border_index(window->border, part->first[1] + j * step, group->grid->x.in);
        const int64_t twin = (x - part->first[1]) / step;
        const bool noted = x >= part->first[1] && twin < columns && part->first[1] + twin * step == x;
        if (x < 0)
            continue;
        if (noted && group->grid->part_count == 1)
            largest[j] = largest[twin] > largest[j] ? largest[twin] : largest[j];
        else
            group->run->kernels->winograd->magnitudes(row + x * LANES, LANES, 1, largest + j);
    }
}

static void note_row(const struct winograd_tile_group *group, const struct winograd_part *part, const float *row,
                     uint16_t *largest) {
    const int64_t step = group->grid->axis[1].step, in = group->grid->x.in, x0 = part->first[1];
    const int64_t columns = columns_of(group->grid);
    const int64_t first = x0 < 0 ? at_most(divide_up(-x0, step), columns) : 0;
    const int64_t end = x0 < in ? between(first, divide_up(in - x0, step), columns) : first;
    if (first < end)
        group->run->kernels->winograd->magnitudes(row + (x0 + first * step) * LANES, (size_t)(step * LANES),
                                                  end - first, largest + first);
    note_border(group, part, row, 0, first, largest);
    note_border(group, part, row, end, columns, largest);
}

void winograd_range_rows(const struct winograd_tile_group *group, const struct winograd_part *part,
                         const struct blocked_input *input, int64_t first, int64_t end) {
    uint16_t *largest = group->largest + (first - first_row(group)) * columns_of(group->grid);
    for (int64_t i = first; i < end; i++, largest += columns_of(group->grid)) {
        const int64_t y = border_index(group->run->state->window.border, part->first[0] + i * group->grid->axis[0].step,
                                       group->grid->y.in);
        if (y >= 0)
            note_row(group, part, input->data + (y - input->lowest[0]) * input->row, largest);
    }
}

/* ---- judging ---- */

/* Elements of a dimension from one output to the next. */
static int64_t output_step(const struct winograd_axis *axis) {
    return axis->advance / axis->outputs;
}

/* The elements of a dimension that stand for some input; between them and the others no input lies. */
struct met_elements {
    int64_t first, end;
};

static struct met_elements elements_met(const struct winograd_grid *grid, enum border border, int d) {
    const int64_t step = grid->axis[d].step, in = d ? grid->x.in : grid->y.in;
    const int64_t count = rows_of_tiles(&grid->axis[d], grid->axis[d].tiles);
    struct met_elements met = {count, 0};
    for (int i = 0; i < grid->part_count; i++) {
        const int64_t x0 = grid->parts[i].first[d];
        const int64_t first = x0 < 0 ? divide_up(-x0, step) : 0, end = x0 < in ? divide_up(in - x0, step) : 0;
        met.first = at_most(first, met.first);
        met.end = end > met.end ? end : met.end;
    }
    return border == BORDER_ZERO ? (struct met_elements){met.first, at_most(met.end, count)}
                                 : (struct met_elements){0, count};
}

#define JUDGED_TILES 32 /* of a row, at once */
#define JUDGED_COLUMNS (JUDGED_TILES * 8 + WINOGRAD_ELEMENTS + MAGNITUDES_BEYOND)

/* A group, with what is the same for all its tiles; and some of a row of tiles. */
struct range_judge {
    const struct winograd_tile_group *group;
    const struct winograd_axis *axis[2];
    struct met_elements met[2];
    int64_t columns;
    int64_t at[2];       /* first row of elements, and first column, of the first tile */
    const uint16_t *row; /* the magnitudes of that row */
    bool bare;           /* an output of the row of tiles sees no input at all */
    uint16_t most[JUDGED_COLUMNS], least[JUDGED_COLUMNS]; /* in each column of the tiles' rows that stand for inputs */
};

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static bool is_suspect(uint32_t largest, uint32_t least, uint32_t spread) {
    return largest >= HUGE_BITS || largest > least + spread;
}

/* Outputs of a tile that begins with this element. */
static int64_t outputs_of(const struct range_judge *judge, int d, int64_t at) {
    const struct winograd_grid *grid = judge->group->grid;
    const struct winograd_axis *axis = judge->axis[d];
    const int64_t positions = d ? grid->x.positions : grid->y.positions;
    return at_most(positions - at / axis->advance * axis->outputs, axis->outputs);
}

/* Whether an output of a tile that begins with this element meets no input in this dimension. */
static bool misses_inputs(const struct range_judge *judge, int d, int64_t at) {
    const struct winograd_axis *axis = judge->axis[d];
    const int64_t last = at + (outputs_of(judge, d, at) - 1) * output_step(axis);
    return at + axis->taps <= judge->met[d].first || last >= judge->met[d].end;
}

/* The largest magnitude that an output sees, whose first element is at (y, x) of the row of tiles. */
static uint32_t seen_from(const struct range_judge *judge, int64_t y, int64_t x) {
    const uint16_t *at = judge->row + y * judge->columns + x;
    uint32_t most = 0;
    for (int i = 0; i < judge->axis[0]->taps; i++)
        for (int j = 0; j < judge->axis[1]->taps; j++)
            most = larger(most, at[i * judge->columns + j]);
    return most;
}

static bool look_closely(const struct range_judge *judge, int64_t x, uint32_t largest) {
    for (int64_t i = 0; i < outputs_of(judge, 0, judge->at[0]); i++)
        for (int64_t j = 0; j < outputs_of(judge, 1, x); j++)
            if (is_suspect(largest,
                           seen_from(judge, i * output_step(judge->axis[0]),
                                     x - judge->at[1] + j * output_step(judge->axis[1])),
                           SPREAD))
                return true;
    return false;
}

/* A tile that begins with column x. The least magnitude of all pixels is not above what any output sees. */
static bool judge_tile(const struct range_judge *judge, int64_t x) {
    const struct met_elements *met = &judge->met[1];
    uint32_t largest = 0, least = UINT32_MAX - PIXEL_SPREAD;
    for (int64_t j = x; j < x + judge->axis[1]->elements; j++) {
        largest = larger(largest, judge->most[j - judge->at[1]]);
        if (j >= met->first && j < met->end && judge->least[j - judge->at[1]] < least)
            least = judge->least[j - judge->at[1]];
    }
    if (judge->bare || misses_inputs(judge, 1, x))
        least = 0;
    return is_suspect(largest, least, PIXEL_SPREAD) ||
           (is_suspect(largest, least, SPREAD) && look_closely(judge, x, largest));
}

/* `count` tiles of a row, of which the first is number `first` of the group. */
static int judge_tiles(struct range_judge *judge, int64_t first, int64_t count) {
    const struct winograd_tile_group *group = judge->group;
    const int64_t tile = group->tile0 + first, across = judge->axis[1]->tiles, advance = judge->axis[1]->advance;
    int suspects = 0;
    judge->at[0] = tile / across * judge->axis[0]->advance;
    judge->at[1] = tile % across * advance;
    judge->row = group->largest + (judge->at[0] - first_row(group)) * judge->columns + judge->at[1];
    judge->bare = misses_inputs(judge, 0, judge->at[0]);
    const int64_t rows_end = judge->at[0] + judge->axis[0]->elements;
    const int64_t begin = between(judge->at[0], judge->met[0].first, rows_end - 1);
    const int64_t end = between(begin + 1, judge->met[0].end, rows_end);
    group->run->kernels->winograd->extremes(judge->row + (begin - judge->at[0]) * judge->columns, end - begin,
                                            judge->columns, (count - 1) * advance + judge->axis[1]->elements,
                                            judge->most, judge->least);
    for (int64_t i = 0; i < count; i++) {
        group->suspects[first + i] = judge_tile(judge, judge->at[1] + i * advance);
        suspects += group->suspects[first + i];
    }
    return suspects;
}

void winograd_range_judge(const struct winograd_tile_group *group) {
    struct winograd_suspects *list = (struct winograd_suspects *)(void *)group->run->workspace;
    const struct winograd_grid *grid = group->grid;
    const enum border border = group->run->state->window.border;
    struct range_judge judge = {.group = group,
                                .axis = {&grid->axis[0], &grid->axis[1]},
                                .met = {elements_met(grid, border, 0), elements_met(grid, border, 1)},
                                .columns = columns_of(grid)};
    int suspects = 0;
    for (int64_t tile = 0, count; tile < group->count; tile += count) {
        const int64_t left = grid->axis[1].tiles - (group->tile0 + tile) % grid->axis[1].tiles;
        count = at_most(at_most(group->count - tile, left), JUDGED_TILES);
        suspects += judge_tiles(&judge, tile, count);
    }
    if (suspects > 0)
        atomic_fetch_add_explicit(&list->count, suspects, memory_order_relaxed);
}
