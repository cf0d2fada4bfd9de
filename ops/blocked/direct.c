#include "ops/blocked/direct.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/direct_pack.h"
#include "ops/core/work_queue.h"

#define PIECE 264 /* pixels of a piece, at most: their sums stay in a small cache between cuts of the depth */
#define LEAST_PIECE 24
#define STRIP 4 /* channel blocks of a strip, at most: one panel or several that share their list of pixels */
#define NEAR_WEIGHTS ((int64_t)192 << 10) /* floats of a strip that stay in a small cache beside a piece's inputs */
#define FEW_WEIGHTS ((int64_t)1 << 20)    /* floats of all phases that every thread may read for itself */
#define MOST_LANES (STRIP * CHANNEL_BLOCK)
#define PIECE_FLOATS ((size_t)(PIECE + BLOCK_PIXELS) * MOST_LANES)

/* Pixels of one phase of one image, and a strip. */
struct piece {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    struct blocked_input input;
    int64_t image, first;
    int count;
    int64_t block; /* the strip's first channel block */
    int blocks;
    bool last;           /* of its strip: the next strip's weights follow */
    bool side_by_side;   /* one tap, and its inputs follow each other as the pixels do */
    int64_t inner[2][2]; /* rows and columns of points all of whose taps lie inside: the first, the end */
    float *sums;         /* [pixel][lanes] */
    struct block_pixel *pixels;
    int64_t *offsets;      /* from the first entry to every one, where all lie inside */
    const float **outputs; /* of a tile: they lie in a far cache, and are asked for while it is multiplied */
};

/* Some pixels side by side, or around the end of a row. */
struct tile {
    int first, count, most; /* in the piece */
    int64_t y, x;           /* where the first one is */
    float *sums;
};

static int64_t entries_of(const struct blocked_phase *phase) {
    return phase->depth.down * phase->depth.across;
}

/* Threads keep a table of pixels and the offsets behind their sums. */
static size_t table_floats(const struct blocked_phase *phase) {
    const size_t entry = BLOCK_PIXELS * sizeof(struct block_pixel) + sizeof(int64_t);
    return (size_t)entries_of(phase) * entry / sizeof(float);
}

static size_t share_floats(const struct blocked_phase *phase) {
    return (PIECE_FLOATS + table_floats(phase) + 15) / 16 * 16;
}

static size_t own_bytes(const struct blocked_phase *phase) {
    return share_floats(phase) * sizeof(float);
}

/* ---- where the inputs lie ---- */

static bool lies_side_by_side(const struct blocked_phase *phase, const struct blocked_input *input) {
    const struct lattice_axis *ay = &phase->lattice.axis[1], *ax = &phase->lattice.axis[2];
    return phase->lattice.taps == 1 && input->pixel == CHANNEL_BLOCK && ax->step == 1 && ax->first == 0 &&
           ax->points == ax->in && ay->step == 1 && ay->first >= 0 && ay->first + ay->points <= ay->in;
}

static const float zeros[MOST_LANES];

static void next_point(const struct piece *piece, int64_t *y, int64_t *x) {
    if (++*x == piece->phase->lattice.axis[2].points) {
        *x = 0;
        ++*y;
    }
}

/* The tap of x that an entry begins with. */
static int64_t first_tap(const struct blocked_phase *phase) {
    const struct lattice_axis *ax = &phase->lattice.axis[2];
    return phase->depth.merged && ax->tap_step < 0 ? ax->taps - 1 : 0;
}

/* Points before `begin` or from `end` on meet inputs beyond the border. */
static void find_inner(struct piece *piece) {
    for (int d = 0; d < 2; d++) {
        const struct lattice_axis *axis = &piece->phase->lattice.axis[1 + d];
        const int64_t reach = (axis->taps - 1) * axis->tap_step, step = axis->step;
        const int64_t low = axis->first + (reach < 0 ? reach : 0), high = axis->first + (reach > 0 ? reach : 0);
        const int64_t begin = low < 0 ? (-low + step - 1) / step : 0;
        const int64_t end = high < axis->in ? (axis->in - high + step - 1) / step : 0;
        piece->inner[d][0] = piece->input.whole ? 0 : begin;
        piece->inner[d][1] = piece->input.whole ? axis->points : end;
    }
}

static bool is_inner(const struct piece *piece, int64_t y, int64_t x) {
    return y >= piece->inner[0][0] && y < piece->inner[0][1] && x >= piece->inner[1][0] && x < piece->inner[1][1];
}

static void list_offsets(const struct piece *piece) {
    const struct lattice_axis *ay = &piece->phase->lattice.axis[1], *ax = &piece->phase->lattice.axis[2];
    int64_t *offset = piece->offsets;
    for (int64_t ty = 0; ty < piece->phase->depth.down; ty++)
        for (int64_t tx = 0; tx < piece->phase->depth.across; tx++)
            *offset++ = ty * ay->tap_step * piece->input.row + tx * ax->tap_step * piece->input.pixel;
}

/*
 * The first entry of a tile's pixels, from a channel block on; false if not all entries of all pixels lie inside.
 * Pixels past `count` stand for the last one.
 */
static bool list_inner(const struct piece *piece, const struct tile *tile, int rounded, int64_t block) {
    const struct blocked_input *input = &piece->input;
    const struct lattice_axis *ay = &piece->phase->lattice.axis[1], *ax = &piece->phase->lattice.axis[2];
    const int64_t tap = first_tap(piece->phase);
    int64_t y = tile->y, x = tile->x;
    for (int i = 0; i < rounded; i++) {
        if (!is_inner(piece, y, x))
            return false;
        const int64_t row = lattice_input(ay, y, 0) - input->lowest[0];
        const int64_t column = lattice_input(ax, x, tap) - input->lowest[1];
        piece->pixels[i] = (struct block_pixel){
            input->data + row * input->row + column * input->pixel + block * input->block, input->block};
        if (i + 1 < tile->count)
            next_point(piece, &y, &x);
    }
    return true;
}

static struct block_pixel pixel_at(const struct piece *piece, int64_t y, int64_t x, int64_t block) {
    const struct blocked_input *input = &piece->input;
    const struct lattice_axis *axis = piece->phase->lattice.axis;
    const enum border border = piece->run->state->window.border;
    y = border_index(border, y, axis[1].in);
    x = border_index(border, x, axis[2].in);
    if (y < 0 || x < 0)
        return (struct block_pixel){zeros, 0};
    return (struct block_pixel){
        input->data + (y - input->lowest[0]) * input->row + x * input->pixel + block * input->block, input->block};
}

/* All entries of a tile's pixels, at the border. */
static void list_all(const struct piece *piece, const struct tile *tile, int rounded, int64_t block) {
    const struct lattice_axis *ay = &piece->phase->lattice.axis[1], *ax = &piece->phase->lattice.axis[2];
    int64_t y = tile->y, x = tile->x;
    for (int i = 0; i < rounded; i++) {
        struct block_pixel *entry = piece->pixels + i;
        for (int64_t ty = 0; ty < piece->phase->depth.down; ty++)
            for (int64_t tx = 0; tx < piece->phase->depth.across; tx++, entry += BLOCK_PIXELS)
                *entry = pixel_at(piece, lattice_input(ay, y, ty), lattice_input(ax, x, tx), block);
        if (i + 1 < tile->count)
            next_point(piece, &y, &x);
    }
}

/* ---- a tile ---- */

/* Where an output of the strip's first block lies. */
static float *output_at(const struct piece *piece, int64_t y, int64_t x) {
    const struct lattice_axis *ay = &piece->phase->lattice.axis[1], *ax = &piece->phase->lattice.axis[2];
    const int64_t block = piece->image * piece->phase->rows + piece->block;
    return piece->run->y + block * piece->run->y_plane +
           ((ay->out0 + y * ay->out_step) * ax->out + ax->out0 + x * ax->out_step) * CHANNEL_BLOCK;
}

/* Where the outputs of a tile lie: [channel block][pixel]. */
static void list_outputs(const struct piece *piece, const struct tile *tile) {
    const size_t plane = (size_t)piece->run->y_plane,
                 step = (size_t)(piece->phase->lattice.axis[2].out_step * CHANNEL_BLOCK);
    const float *place = output_at(piece, tile->y, tile->x);
    int64_t y = tile->y, x = tile->x;
    for (int i = 0; i < tile->count; i++) {
        for (int block = 0; block < piece->blocks; block++)
            piece->outputs[block * tile->count + i] = place + (size_t)block * plane;
        next_point(piece, &y, &x);
        place = x ? place + step : output_at(piece, y, x);
    }
}

/* The finished sums of a tile, to their places: runs of pixels that lie side by side. */
static void store_tile(const struct piece *piece, const struct tile *tile) {
    const struct lattice_axis *ax = &piece->phase->lattice.axis[2];
    const size_t lanes = (size_t)piece->blocks * CHANNEL_BLOCK;
    const int64_t group = piece->image % piece->run->state->window.group;
    const float *bias = piece->run->bias + (group * piece->phase->rows + piece->block) * CHANNEL_BLOCK;
    int64_t y = tile->y, x = tile->x;
    for (int done = 0, columns; done < tile->count; done += columns, y++, x = 0) {
        columns = ax->points - x < tile->count - done ? (int)(ax->points - x) : tile->count - done;
        blocked_finish(piece->run, bias, CHANNEL_BLOCK, piece->blocks, columns, tile->sums + (size_t)done * lanes,
                       CHANNEL_BLOCK, lanes, output_at(piece, y, x), (size_t)piece->run->y_plane,
                       (size_t)(ax->out_step * CHANNEL_BLOCK));
    }
}

/* The weights of a cut for the panel at this channel block. */
static const float *weights_at(const struct piece *piece, int64_t block, int blocks, int64_t cut) {
    const struct blocked_phase *phase = piece->phase;
    const int64_t groups = piece->run->state->window.group;
    const int64_t before = cut * phase->depth.cut_blocks * entries_of(phase) * phase->depth.length;
    return phase->packed + piece->image % groups * (phase->floats / groups) +
           block * CHANNEL_BLOCK * phase->depth.total + before * blocks * CHANNEL_BLOCK;
}

/* A cut of the depth, as tiles of any pixels walk it, and those of pixels that lie side by side. */
struct cut {
    int64_t number;
    struct block_source any;
    struct block_row row;
};

/* A whole tile whose pixels lie side by side, for one panel. */
static void multiply_row(const struct piece *piece, struct cut *cut, const struct tile *tile, int blocks,
                         const float *weights, float *sums) {
    const struct blocked_input *input = &piece->input;
    cut->row.pixels = input->data + (piece->phase->lattice.axis[1].first - input->lowest[0]) * input->row +
                      (piece->first + tile->first) * CHANNEL_BLOCK +
                      cut->number * piece->phase->depth.cut_blocks * input->block;
    cut->row.ahead = cut->any.ahead;
    cut->row.ahead_lines = cut->any.ahead_lines;
    piece->run->kernels->block->row(tile->count, blocks, &cut->row, weights, cut->number == 0, sums,
                                    (size_t)piece->blocks * CHANNEL_BLOCK, CHANNEL_BLOCK);
}

static bool is_row(const struct piece *piece, const struct tile *tile) {
    return piece->side_by_side && tile->count == tile->most;
}

/* One tile of one cut: all panels of the strip pass over the same pixels. */
static void multiply_tile(const struct piece *piece, struct cut *cut, const struct tile *tile) {
    struct block_source *source = &cut->any;
    const struct block_kernel *kernel = piece->run->kernels->block;
    const struct blocked_depth *depth = &piece->phase->depth;
    const size_t lanes = (size_t)piece->blocks * CHANNEL_BLOCK;
    const bool more = cut->number + 1 < depth->cuts;
    for (int block = 0, blocks; block < piece->blocks; block += blocks) {
        blocks = piece->blocks - block < kernel->blocks ? piece->blocks - block : kernel->blocks;
        const int64_t place = piece->block + block;
        if (more || piece->last) {
            const float *next = more ? weights_at(piece, place, blocks, cut->number + 1)
                                     : weights_at(piece, place + piece->blocks, blocks, 0);
            const int most = kernel->pixels[blocks];
            blocked_ask_ahead(source, next, blocks, tile->first / most, (piece->count + most - 1) / most);
        }
        const float *weights = weights_at(piece, place, blocks, cut->number);
        float *sums = tile->sums + (size_t)block * CHANNEL_BLOCK;
        if (is_row(piece, tile)) {
            multiply_row(piece, cut, tile, blocks, weights, sums);
            continue;
        }
        source->outputs = piece->outputs + block * tile->count;
        source->output_count = more || piece->side_by_side ? 0 : blocks * tile->count;
        kernel->tile(kernel->round(tile->count, blocks), blocks, source, weights, cut->number == 0, sums, lanes,
                     CHANNEL_BLOCK);
    }
}

static void run_tile(const struct piece *piece, struct cut *cut, const struct tile *tile) {
    const struct blocked_depth *depth = &piece->phase->depth;
    const int64_t block0 = cut->number * depth->cut_blocks;
    const struct block_kernel *kernel = piece->run->kernels->block;
    const int rounded = kernel->round(tile->count, panel_blocks(kernel, piece->blocks, 0));
    const bool last = cut->number + 1 == depth->cuts;
    if (!is_row(piece, tile)) {
        cut->any.offsets = list_inner(piece, tile, rounded, block0) ? piece->offsets : NULL;
        if (!cut->any.offsets)
            list_all(piece, tile, rounded, block0);
        if (last && !piece->side_by_side)
            list_outputs(piece, tile);
    }
    multiply_tile(piece, cut, tile);
    if (last && !piece->side_by_side)
        store_tile(piece, tile);
}

static struct cut cut_of(const struct piece *piece, int64_t number, int64_t pixel_ahead) {
    const struct blocked_depth *depth = &piece->phase->depth;
    const int blocks = (int)at_most(depth->blocks - number * depth->cut_blocks, depth->cut_blocks);
    return (struct cut){.number = number,
                        .any = {.entries = (int)entries_of(piece->phase),
                                .blocks = blocks,
                                .length = (int)depth->length,
                                .pixels = piece->pixels,
                                .pixel_ahead = pixel_ahead},
                        .row = {.step = piece->input.block, .blocks = blocks, .pixel_ahead = pixel_ahead}};
}

static void run_piece(const struct piece *piece) {
    const struct blocked_depth *depth = &piece->phase->depth;
    const struct lattice_axis *ax = &piece->phase->lattice.axis[2];
    const struct block_kernel *kernel = piece->run->kernels->block;
    const int most = kernel->pixels[panel_blocks(kernel, piece->blocks, 0)];
    /* With one cut no sums wait for the next: all tiles use the same place. What rounding adds goes behind the sums. */
    const bool wait = depth->cuts > 1 || piece->side_by_side;
    const size_t pixel_sums = wait ? (size_t)piece->blocks * CHANNEL_BLOCK : 0;
    const struct tile whole = {
        .count = piece->count, .y = piece->first / ax->points, .x = piece->first % ax->points, .sums = piece->sums};
    for (int64_t number = 0; number < depth->cuts; number++) {
        struct cut cut = cut_of(piece, number, most * ax->step * piece->input.pixel);
        struct tile tile = {.most = most, .y = whole.y, .x = whole.x};
        for (; tile.first < piece->count; tile.first += most) {
            tile.count = piece->count - tile.first < most ? piece->count - tile.first : most;
            tile.sums = piece->sums + (size_t)tile.first * pixel_sums;
            run_tile(piece, &cut, &tile);
            for (tile.x += most; tile.x >= ax->points; tile.y++)
                tile.x -= ax->points;
        }
    }
    if (piece->side_by_side) /* together: these tiles do not ask for their outputs */
        store_tile(piece, &whole);
}

/* ---- a run ---- */

/* What is walked together: one phase, or all. */
struct work {
    const struct blocked_run *run;
    const struct blocked_phase *phases;
    int64_t count, images, parts, strips, pieces; /* of an image, of a part, of every phase in a part */
};

static bool is_direct(const struct blocked_phase *phase) {
    return phase->algorithm == &direct_algorithm && phase->lattice.points > 0;
}

/* Phases that lie between each other meet the same inputs, piece by piece, if their weights stay in a small cache. */
static bool go_together(const struct blocked_state *state) {
    int64_t floats = 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        if (is_direct(&state->phases[i]))
            floats += state->phases[i].depth.total * MOST_LANES;
    return forced_decide(state->forced->together, floats <= NEAR_WEIGHTS);
}

/*
 * Pixels are cut in parts, one for each thread, where the weights are few: each reads what it wrote in the layer before
 * and what is around it. Where they are many, threads share out the output channels, and each reads weights of its own.
 */
static void cut_parts(const struct blocked_run *run, int64_t weights, struct work *work) {
    const bool few = forced_decide(run->state->forced->parts, weights <= FEW_WEIGHTS);
    work->parts = few ? between(1, run->threads, work->pieces) : 1;
    work->pieces = divide_up(work->pieces, work->parts);
}

/* Some pieces for every thread to balance with. */
static struct work work_of(const struct blocked_run *run, const struct blocked_phase *phases, int64_t count) {
    struct work work = {.run = run, .phases = phases, .count = count, .images = window_images(&run->state->window)};
    int64_t points = 0, weights = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!is_direct(&phases[i]))
            continue;
        weights += phases[i].floats;
        points = phases[i].lattice.points > points ? phases[i].lattice.points : points;
        work.strips = (phases[i].rows + STRIP - 1) / STRIP;
    }
    const int64_t wanted = run->threads > 1 ? (int64_t)run->threads * 6 : 1, strips = work.images * work.strips;
    work.pieces = (points + PIECE - 1) / PIECE;
    if (strips > 0 && strips * work.pieces < wanted)
        work.pieces = (wanted + strips - 1) / strips;
    if (work.pieces > points / LEAST_PIECE)
        work.pieces = points < LEAST_PIECE ? points > 0 : points / LEAST_PIECE;
    if (run->state->forced->piece)
        work.pieces = divide_up(points, forced_size(run->state->forced->piece, PIECE));
    if (points > 0)
        cut_parts(run, weights, &work);
    return work;
}

/* One unit of work: a piece of a phase; false if it is empty. */
static bool piece_of(const struct work *work, int64_t unit, struct piece *piece) {
    const struct blocked_phase *phase = &work->phases[unit % work->count];
    const struct block_kernel *kernel = work->run->kernels->block;
    const int64_t number = unit / work->count, place = number % work->pieces;
    const int64_t strip = number / work->pieces % work->strips, part = number / work->pieces / work->strips;
    if (!is_direct(phase))
        return false;
    const int64_t points = phase->lattice.points, tile = kernel->pixels[panel_blocks(kernel, phase->rows, 0)];
    const int64_t size = whole_units(divide_up(points, work->pieces * work->parts), tile);
    *piece = (struct piece){.run = work->run,
                            .phase = phase,
                            .image = part / work->parts,
                            .first = (part % work->parts * work->pieces + place) * size,
                            .block = strip * STRIP};
    piece->input = blocked_input_of(work->run, piece->image);
    piece->count = (int)(points - piece->first < size ? points - piece->first : size);
    piece->blocks = (int)(phase->rows - piece->block < STRIP ? phase->rows - piece->block : STRIP);
    piece->last = place + 1 == work->pieces || piece->first + piece->count >= points;
    piece->side_by_side = lies_side_by_side(phase, &piece->input);
    find_inner(piece);
    return piece->count > 0;
}

struct shared_work {
    const struct work *work;
    int64_t units;
    struct work_queue queue;
};

static void run_pieces(struct team_thread self, void *context) {
    struct shared_work *shared = context;
    float *room = blocked_own(shared->work->run, self);
    for (int64_t unit = 0; work_queue_take(&shared->queue, self, shared->units, &unit);) {
        const float *outputs[STRIP * BLOCK_PIXELS];
        struct piece piece;
        if (!piece_of(shared->work, unit, &piece))
            continue;
        piece.outputs = outputs;
        piece.sums = room;
        piece.pixels = (struct block_pixel *)(room + PIECE_FLOATS);
        piece.offsets = (int64_t *)(piece.pixels + entries_of(piece.phase) * BLOCK_PIXELS);
        list_offsets(&piece);
        run_piece(&piece);
    }
}

static void run_work(const struct work *work) {
    const int threads = work->run->threads;
    struct shared_work shared = {.work = work};
    shared.units = work->images * work->parts * work->strips * work->pieces * work->count;
    work_queue_start(&shared.queue, threads);
    team_run(shared.units > 1 ? threads : 1, run_pieces, &shared);
}

static void run_direct(const struct blocked_run *run) {
    const struct blocked_state *state = run->state;
    const int64_t together = go_together(state) ? state->phase_count : 1;
    for (int64_t i = 0; i < state->phase_count; i += together) {
        const struct work work = work_of(run, &state->phases[i], together);
        run_work(&work);
    }
}

/* ---- planning ---- */

static void close_depth(const struct forced_choices *forced, struct blocked_depth *depth) {
    const int64_t entries = depth->down * depth->across;
    const int64_t fitting = forced_size(forced->depth, DEPTH_CUT) / (entries * depth->length);
    depth->cut_blocks = fitting < 1 ? 1 : fitting < depth->blocks ? fitting : depth->blocks;
    depth->cuts = (depth->blocks + depth->cut_blocks - 1) / depth->cut_blocks;
    depth->total = entries * depth->length * depth->blocks;
}

static struct blocked_depth depth_of(const struct blocked_state *state, const struct lattice *lattice) {
    const struct lattice_axis *ay = &lattice->axis[1], *ax = &lattice->axis[2];
    const int64_t channels = state->window.in_channels;
    struct blocked_depth depth = {.down = ay->taps, .across = ax->taps, .length = CHANNEL_BLOCK};
    depth.blocks = channel_blocks(channels);
    if (!state->from_blocks) {
        depth.merged = ax->tap_step == 1 || ax->tap_step == -1 || ax->taps == 1;
        depth.across = depth.merged ? 1 : ax->taps;
        depth.length = depth.merged ? ax->taps * channels : channels;
        depth.blocks = 1;
    }
    close_depth(state->forced, &depth);
    return depth;
}

static bool fits(const struct blocked_state *state, const struct kernels *kernels, const struct lattice *lattice) {
    (void)kernels;
    (void)lattice;
    return state->to_blocks;
}

static bool plan(const struct blocked_state *state, const struct blocked_settings *settings,
                 struct blocked_phase *phase) {
    (void)settings;
    phase->filter_count = 0;
    phase->depth = depth_of(state, &phase->lattice);
    phase->floats = state->window.group * phase->rows * CHANNEL_BLOCK * phase->depth.total;
    return true;
}

static int64_t unit(const struct blocked_phase *phase) {
    return phase->lattice.axis[1].out_step;
}

static uint64_t layout(const struct blocked_phase *phase) {
    return (uint64_t)phase->depth.cut_blocks;
}

static struct blocked_bytes bytes(const struct blocked_state *state, int threads) {
    struct blocked_bytes most = {0};
    (void)threads;
    for (int64_t i = 0; i < state->phase_count; i++)
        if (state->phases[i].algorithm == &direct_algorithm)
            blocked_add_bytes(&most, (struct blocked_bytes){.own = own_bytes(&state->phases[i])});
    return most;
}

const struct conv_algorithm direct_algorithm = {.name = "direct sums",
                                                .fits = fits,
                                                .plan = plan,
                                                .unit = unit,
                                                .pack = direct_pack,
                                                .layout = layout,
                                                .bytes = bytes,
                                                .run = run_direct};
