#include "ops/blocked/grouped_strip.h"

#include "base/sizes.h"
#include "ops/blocked/blocked_run.h"
#include "ops/core/channel_blocks.h"
#include "ops/kernels/families.h"

#include <string.h>

#define LANES CHANNEL_BLOCK
/* A plain tensor of short rows, and few pixels, is turned at once: row by row would take longer. */
#define SHORT_ROW 32
#define TURNED_PIXELS 1024
#define STORED_PIXELS 3072 /* of the rows that are stored, about: they stay in a near cache */
#define WHOLE_PIXELS 1024  /* of a picture, border included, whose rows have a slot each */

struct grouped_rows grouped_rows_of(const struct window *window, const struct phase_geometry *geometry, int64_t most) {
    struct grouped_rows rows = {.channels = window->in_channels, .entries = window->in_channels * geometry->taps};
    for (int d = 0; d < 2; d++) {
        const struct phase_axis *axis = &geometry->axis[1 + d];
        const int64_t span = (axis->taps - 1) * axis->tap_step;
        rows.reach[d] = (span < 0 ? -span : span) + 1;
        rows.low[d] = axis->first + (span < 0 ? span : 0);
    }
    const struct phase_axis *ax = &geometry->axis[2];
    const int64_t pixels = STORED_PIXELS / (rows.reach[0] * rows.channels) - rows.reach[1];
    rows.columns = forced_size(most, between(1, pixels / ax->step, ax->positions > 1 ? ax->positions : 1));
    rows.width = (rows.columns - 1) * ax->step + rows.reach[1];
    const int64_t all = (geometry->axis[1].positions - 1) * geometry->axis[1].step + rows.reach[0];
    rows.whole = rows.columns >= ax->positions && (rows.low[1] < 0 || rows.channels > 1) && all >= rows.reach[0] &&
                 all <= WHOLE_PIXELS / (rows.width * rows.channels);
    rows.slots = rows.whole ? all : rows.reach[0];
    return rows;
}

static size_t row_floats(const struct grouped_rows *rows) {
    return (size_t)(rows->width * rows->channels * LANES);
}

/* Floats from an output's inputs to the next one's; and pixels behind the last ones that the kernel reads. */
static int64_t pixel_step(const struct grouped_rows *rows, const struct phase_axis *ax) {
    return rows->columns > 1 ? ax->step * LANES : 0;
}

static int64_t pixels_beyond(const struct grouped_rows *rows, const struct phase_axis *ax) {
    return pixel_step(rows, ax) / LANES * GROUPED_BEYOND;
}

/* All rows, and what the kernel reads behind them. */
static size_t stored_floats(const struct blocked_phase *phase) {
    const struct grouped_rows *rows = &phase->rows;
    return (size_t)rows->slots * row_floats(rows) + (size_t)(pixels_beyond(rows, &phase->geometry.axis[2]) * LANES);
}

void grouped_turn(const struct blocked_state *state, const struct phase_geometry *geometry, struct grouped_rows *rows) {
    const struct phase_axis *ay = &geometry->axis[1], *ax = &geometry->axis[2];
    const bool few = ax->in < SHORT_ROW && ay->in * ax->in <= TURNED_PIXELS,
               few_made = rows->whole || (ax->out < SHORT_ROW && ay->out * ax->out <= TURNED_PIXELS);
    rows->turned = !state->from_blocks && few ? ay->in * ax->in : 0;
    rows->made = state->to_blocks ? 0 : few_made && rows->columns >= ax->out ? ay->out * ax->out : rows->columns;
}

/* Which row of the input a slot holds, and where; INT64_MIN: none. */
struct row_slot {
    int64_t held;
    const float *row;
};

/*
 * The rows, then the outputs on their way to planes, then a turned input, then the slots, then the places of an
 * output's inputs.
 */
size_t grouped_scratch_bytes(const struct blocked_phase *phase) {
    const struct grouped_rows *rows = &phase->rows;
    return whole_line_bytes((stored_floats(phase) + (size_t)(rows->made + rows->turned) * LANES) * sizeof(float) +
                            (size_t)rows->slots * sizeof(struct row_slot) + (size_t)rows->entries * sizeof(float *));
}

/* A whole picture's border stays zero from strip to strip. */
void grouped_clear(const struct blocked_run *run, const struct blocked_phase *phase, float *scratch) {
    if (phase->rows.whole && run->state->window.border == BORDER_ZERO)
        memset(scratch, 0, stored_floats(phase) * sizeof *scratch);
}

/* Where the lanes of an output's channel block find their inputs: for one input channel of every group. */
struct lane_source {
    int32_t lanes[LANES];        /* in two channel blocks, as the kernel wants them */
    int64_t channels[LANES];     /* of the whole input */
    const float *first, *second; /* these blocks */
    bool same, two;              /* lane by lane as they lie; no more than two blocks */
};

struct strip_run {
    const struct grouped_strip *strip;
    struct grouped_rows rows;
    const float *input;   /* of the batch row */
    float *stored, *made; /* rows of the input; outputs on their way to planes */
    float *turned;        /* a plain input as a channel block; NULL: it is in blocks, or is turned row by row */
    bool planes;          /* it is turned row by row */
    bool bordered;        /* the border has to be stored */
    int64_t x0, width;    /* the first column of the input that is stored, and how many are */
    int64_t left, right;  /* columns left..right - 1 of these are inside the input */
    struct row_slot *slots;
    const float **places;
};

static struct lane_source source_of(const struct strip_run *run, int64_t number) {
    const struct window *window = &run->strip->run->state->window;
    const int64_t last = window->group * window->out_channels - 1, plane = run->strip->run->x_plane;
    struct lane_source source = {.same = true, .two = true};
    if (window_is_depthwise(window)) {
        source.first = run->turned ? run->turned : run->input + run->strip->block * plane;
        return source;
    }
    for (int64_t lane = 0; lane < LANES; lane++) {
        const int64_t group = at_most(run->strip->block * LANES + lane, last) / window->out_channels;
        const int64_t channel = group * window->in_channels + number;
        const float *block = run->input + channel / LANES * plane;
        source.channels[lane] = channel;
        if (lane == 0)
            source.first = source.second = block;
        if (block != source.first && source.second == source.first)
            source.second = block;
        source.lanes[lane] = (int32_t)(channel % LANES + (block == source.first ? 0 : LANES));
        source.two = source.two && (block == source.first || block == source.second);
        source.same = source.same && (source.lanes[lane] == lane || run->strip->block * LANES + lane > last);
    }
    return source;
}

/* ---- planes, of a depthwise convolution ---- */

#define FEW 64 /* pixels at a time where channels are missing */

static int64_t channels_left(const struct grouped_strip *strip) {
    return at_most(strip->run->state->window.group - strip->block * LANES, LANES);
}

static void take_few_planes(const struct strip_run *run, const float *from, int64_t plane, int64_t count, float *to) {
    float few[LANES][FEW] = {{0}};
    for (int64_t i = 0, some; i < count; i += some) {
        some = at_most(count - i, FEW);
        for (int64_t c = 0; c < channels_left(run->strip); c++)
            memcpy(few[c], from + c * plane + i, (size_t)some * sizeof **few);
        run->strip->run->kernels->few_outputs->to_blocks(few[0], FEW, some, to + i * LANES);
    }
}

static void take_planes(const struct strip_run *run, int64_t at, int64_t count, float *to) {
    const int64_t plane = run->strip->run->x_plane / LANES;
    const float *from = run->input + run->strip->block * LANES * plane + at;
    if (channels_left(run->strip) < LANES)
        take_few_planes(run, from, plane, count, to);
    else
        run->strip->run->kernels->few_outputs->to_blocks(from, (size_t)plane, count, to);
}

/* So many outputs go to the planes from index `at` on. */
static void give_planes(const struct strip_run *run, int64_t at, int64_t count) {
    const struct blocked_run *all = run->strip->run;
    const struct window *window = &all->state->window;
    const struct few_outputs_kernel *kernel = all->kernels->few_outputs;
    const int64_t plane = window->axis[1].out * window->axis[2].out, channels = channels_left(run->strip);
    float *to = all->y + (run->strip->batch_row * window->group + run->strip->block * LANES) * plane + at;
    float few[LANES][FEW];
    if (channels == LANES) {
        kernel->to_planes(run->made, count, to, (size_t)plane);
        return;
    }
    for (int64_t i = 0, some; i < count; i += some) {
        some = at_most(count - i, FEW);
        kernel->to_planes(run->made + i * LANES, some, few[0], FEW);
        for (int64_t c = 0; c < channels; c++)
            memcpy(to + c * plane + i, few[c], (size_t)some * sizeof **few);
    }
}

/* ---- storing a row ---- */

/* `count` pixels of the input from index `at` on. */
static void store_pixels(const struct strip_run *run, const struct lane_source *source, int64_t at, int64_t count,
                         float *to) {
    if (run->planes) {
        take_planes(run, at, count, to);
        return;
    }
    if (source->same) {
        memcpy(to, source->first + at * LANES, (size_t)(count * LANES) * sizeof *to);
        return;
    }
    if (source->two) {
        grouped_kernel_of(run->strip->run->kernels)
            ->pick(source->first + at * LANES, source->second + at * LANES, LANES, count, source->lanes, to);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        for (int lane = 0; lane < LANES; lane++)
            to[i * LANES + lane] = run->input[source->channels[lane] / LANES * run->strip->run->x_plane +
                                              (at + i) * LANES + source->channels[lane] % LANES];
}

/* Pixels first..end of a stored row that lie beyond the input's row, which begins at index `at`. */
static void store_border(const struct strip_run *run, const struct lane_source *source, int64_t at, int64_t first,
                         int64_t end, float *to) {
    const enum border border = run->strip->run->state->window.border;
    for (int64_t j = first; border != BORDER_ZERO && j < end; j++) {
        const int64_t x = border_index(border, run->x0 + j, run->strip->phase->geometry.axis[2].in);
        if (x < 0)
            memset(to + j * LANES, 0, LANES * sizeof *to);
        else
            store_pixels(run, source, at + x, 1, to + j * LANES);
    }
    if (border == BORDER_ZERO && first < end)
        memset(to + first * LANES, 0, (size_t)((end - first) * LANES) * sizeof *to);
}

/* Row y of the input, which may lie beyond it, for one input channel of every group. */
static void store_row(const struct strip_run *run, const struct lane_source *source, int64_t y, float *to) {
    const struct phase_axis *ay = &run->strip->phase->geometry.axis[1], *ax = &run->strip->phase->geometry.axis[2];
    const int64_t row = border_index(run->strip->run->state->window.border, y, ay->in), at = row * ax->in;
    if (row >= 0 && run->left < run->right)
        store_pixels(run, source, at + run->x0 + run->left, run->right - run->left, to + run->left * LANES);
    if (run->bordered && row >= 0) {
        store_border(run, source, at, 0, run->left, to);
        store_border(run, source, at, run->right, run->width, to);
    } else if (run->bordered)
        memset(to, 0, (size_t)(run->width * LANES) * sizeof *to);
}

/* Which columns are stored. */
static void measure_row(struct strip_run *run) {
    const struct phase_axis *ax = &run->strip->phase->geometry.axis[2];
    run->x0 = run->strip->x * ax->step + run->rows.low[1];
    run->width = (run->strip->columns - 1) * ax->step + run->rows.reach[1];
    run->left = between(0, -run->x0, run->width);
    run->right = between(run->left, ax->in - run->x0, run->width);
    run->bordered = !run->rows.whole || run->strip->run->state->window.border != BORDER_ZERO;
}

/* ---- a strip ---- */

/* Whether a row can be read where it lies: no border, and lanes as they are. */
static bool lies_ready(const struct strip_run *run, int64_t y) {
    const struct window *window = &run->strip->run->state->window;
    const struct phase_axis *ay = &run->strip->phase->geometry.axis[1], *ax = &run->strip->phase->geometry.axis[2];
    return !run->planes && window_is_depthwise(window) && y >= 0 && y < ay->in && run->left == 0 &&
           run->right == run->width && run->x0 + run->width + pixels_beyond(&run->rows, ax) <= (ay->in - y) * ax->in;
}

/* Row y begins with the first input channel; those of the others are `width` pixels apart. */
static void fill_slot(const struct strip_run *run, const struct lane_source *sources, int64_t y, int64_t slot) {
    float *place = run->stored + (size_t)slot * row_floats(&run->rows);
    const bool ready = lies_ready(run, y);
    for (int64_t i = 0; !ready && i < run->rows.channels; i++)
        store_row(run, &sources[i], y, place + i * run->rows.width * LANES);
    run->slots[slot].held = y;
    run->slots[slot].row =
        ready ? sources[0].first + (y * run->strip->phase->geometry.axis[2].in + run->x0) * LANES : place;
}

/* The places of a tap of y, whose row of the input begins here, for the first output: [input channel][tap of y]. */
static void list_run(const struct strip_run *run, int64_t ty, const float *row) {
    const struct phase_axis *ay = &run->strip->phase->geometry.axis[1], *ax = &run->strip->phase->geometry.axis[2];
    const float *place = row + (ax->first - run->rows.low[1]) * LANES;
    for (int64_t i = 0; i < run->rows.channels; i++)
        run->places[i * ay->taps + ty] = place + i * run->rows.width * LANES;
}

/* Those of a row of positions, whose inputs are stored where no slot holds them. */
static void list_places(const struct strip_run *run, const struct lane_source *sources, int64_t position) {
    const struct phase_axis *ay = &run->strip->phase->geometry.axis[1];
    const int64_t top = position * ay->step;
    const int64_t slot = (uint32_t)top % (uint32_t)run->rows.slots; /* rows that are met are not more than 2^31 */
    for (int64_t ty = 0; ty < ay->taps; ty++) {
        const int64_t down = ay->first - run->rows.low[0] + ty * ay->tap_step, y = top + run->rows.low[0] + down;
        const int64_t at = slot + down < run->rows.slots ? slot + down : slot + down - run->rows.slots;
        if (run->slots[at].held != y)
            fill_slot(run, sources, y, at);
        list_run(run, ty, run->slots[at].row);
    }
}

/* Stores all rows that the strip meets, and lists the places for its first row of positions. */
static void store_whole(const struct strip_run *run, const struct lane_source *sources) {
    const struct phase_axis *ay = &run->strip->phase->geometry.axis[1];
    const int64_t first = run->strip->first * ay->step, last = (run->strip->end - 1) * ay->step + run->rows.reach[0];
    const size_t row = row_floats(&run->rows);
    for (int64_t y = first; y < last; y++)
        for (int64_t i = 0; i < run->rows.channels; i++)
            store_row(run, &sources[i], y + run->rows.low[0],
                      run->stored + (size_t)y * row + i * run->rows.width * LANES);
    for (int64_t ty = 0; ty < ay->taps; ty++)
        list_run(run, ty, run->stored + (size_t)(first + ay->first - run->rows.low[0] + ty * ay->tap_step) * row);
}

/* Where an output goes, and floats from its row to the next one's. */
struct strip_rows {
    float *y;
    size_t row, step;
};

static void make_rows(const struct strip_run *run, const struct grouped_row *row, const struct strip_rows *to,
                      int64_t rows) {
    const struct blocked_run *all = run->strip->run;
    const int64_t columns = run->strip->columns;
    enum block_finish kind;
    grouped_kernel_of(all->kernels)->rows(row, rows, columns, to->y, to->row, to->step);
    if (!blocked_finish_kind(&all->state->activation, &kind))
        blocked_finish(all, NULL, 0, (int)rows, (int)columns, to->y, to->row, to->step, to->y, to->row, to->step);
}

static void run_rows(const struct strip_run *run, const struct lane_source *sources) {
    const struct grouped_strip *strip = run->strip;
    const struct phase_axis *ay = &strip->phase->geometry.axis[1], *ax = &strip->phase->geometry.axis[2];
    const struct blocked_run *all = strip->run;
    const struct activation *activation = &all->state->activation;
    struct grouped_row row = {.places = run->places,
                              .runs = (int)(run->rows.entries / ax->taps),
                              .run = (int)ax->taps,
                              .close = run->rows.columns > 1 && ax->step == 1 && ax->tap_step == 1,
                              .step = (size_t)pixel_step(&run->rows, ax),
                              .row_step = (size_t)ay->step * row_floats(&run->rows),
                              .tap_step = ax->tap_step * LANES,
                              .weights = strip->phase->packed + strip->block * run->rows.entries * LANES,
                              .bias = all->bias + strip->block * LANES,
                              .alpha = activation->alpha,
                              .beta = activation->beta};
    blocked_finish_kind(activation, &row.finish);
    const bool planes = !all->state->to_blocks, together = run->rows.made > run->rows.columns;
    const int64_t plane = strip->batch_row * window_out_blocks(&all->state->window) + strip->block;
    const int64_t count = run->rows.whole ? strip->end - strip->first : 1;
    struct strip_rows to = {.step = (size_t)((planes ? 1 : ax->out_step) * LANES)};
    to.row = planes ? to.step * (size_t)strip->columns : (size_t)(ay->out_step * ax->out * LANES);
    if (run->rows.whole)
        store_whole(run, sources);
    for (int64_t position = strip->first; position < strip->end; position += count) {
        const int64_t at = (ay->out0 + position * ay->out_step) * ax->out + ax->out0 + strip->x * ax->out_step;
        to.y = planes ? run->made + (together ? (position - strip->first) * strip->columns * LANES : 0)
                      : all->y + plane * all->y_plane + at * LANES;
        if (!run->rows.whole)
            list_places(run, sources, position);
        make_rows(run, &row, &to, count);
        if (planes && !together)
            give_planes(run, at, strip->columns);
    }
    if (planes && together)
        give_planes(run, strip->first * strip->columns, (strip->end - strip->first) * strip->columns);
}

void grouped_run_strip(const struct grouped_strip *strip, float *scratch) {
    struct strip_run run = {.strip = strip, .rows = strip->phase->rows, .stored = scratch};
    const struct window *window = &strip->run->state->window;
    struct lane_source sources[GROUPED_CHANNELS];
    run.made = scratch + stored_floats(strip->phase);
    run.turned = run.rows.turned ? run.made + run.rows.made * LANES : NULL;
    run.planes = !strip->run->state->from_blocks && !run.turned;
    run.slots = (struct row_slot *)(void *)(run.made + (run.rows.made + run.rows.turned) * LANES);
    run.places = (const float **)(void *)(run.slots + run.rows.slots);
    const int64_t blocks = channel_blocks(window->group * window->in_channels);
    run.input = strip->run->x + strip->batch_row * strip->run->x_plane *
                                    (strip->run->state->from_blocks ? blocks : window->group) /
                                    (strip->run->state->from_blocks ? 1 : LANES);
    if (run.turned)
        take_planes(&run, 0, run.rows.turned, run.turned);
    for (int64_t slot = 0; !run.rows.whole && slot < run.rows.slots; slot++)
        run.slots[slot].held = INT64_MIN;
    measure_row(&run);
    for (int64_t i = 0; i < run.rows.channels; i++)
        sources[i] = source_of(&run, i);
    run_rows(&run, sources);
}
