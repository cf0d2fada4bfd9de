/*
 * Minimal filtering on channel blocks. The inputs of a block of tiles are transformed point by point; then every panel
 * of output channels passes over segments of them: each point is a matrix product over the channels, and the sums are
 * transformed back, activated and stored before they leave a small cache. Threads share a block where its weights are
 * large, so that they are read once, and have blocks of their own else.
 */
#include "ops/blocked_filter.h"

#include <omp.h>

#define LANES CHANNEL_BLOCK
#define SUMS_FLOATS ((int64_t)160 << 10)  /* of a segment: they stay in a small cache */
#define INPUT_FLOATS ((int64_t)5 << 18)   /* transformed inputs of a block: those of all threads stay in a large one */
#define PASSING_FLOATS ((int64_t)96 << 10) /* weights of a cut that are transformed in passing, and its sums */
#define DISTANT_WEIGHTS ((int64_t)4 << 20) /* so many weights are not found in a cache when a run comes to them */

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Tiles of equal parts of at most `most`, in whole tiles of the kernel where there are many. */
static int64_t even_share(int64_t tiles, int64_t most) {
    return divide_up(tiles, divide_up(tiles, most < 6 ? 6 : most));
}

static int64_t odd_lines(int64_t tiles) {
    return (tiles + BLOCK_PIXELS + 1 + (tiles & 1)) * LANES;
}

static struct filter_shape shape_of(const struct blocked_state *state, const struct kernels *kernels,
                                    const struct blocked_phase *phase, const struct filter_lattice *lattice) {
    const int panel = kernels->block->blocks;
    struct filter_shape b = {.points = lattice->axis[0].points * lattice->axis[1].points,
                             .depth = lattice->part_count * channel_blocks(state->window.in_channels),
                             .rows = phase->rows,
                             .tiles = lattice->axis[0].tiles * lattice->axis[1].tiles};
    const int64_t widest = least(panel, b.rows);
    const int64_t segment = (lattice->expands ? PASSING_FLOATS : SUMS_FLOATS) / (b.points * widest * LANES);
    b.cut = FILTER_CUT;
    if (lattice->expands) {
        b.cut = (int)least(least(PASSING_FLOATS / (b.points * widest * LANES * LANES), b.depth), FILTER_CUT);
        b.cut = b.cut < 1 ? 1 : b.cut;
        b.weights = b.points * (b.cut * LANES * widest + 1) * LANES;
    }
    b.shared = b.points * b.depth * b.rows * LANES * LANES > DISTANT_WEIGHTS;
    b.size = even_share(b.tiles, b.shared ? 4 * INPUT_FLOATS / (b.points * b.depth * LANES)
                                          : least(segment, INPUT_FLOATS / (b.points * b.depth * LANES)));
    b.segment = even_share(b.size, segment);
    b.plane = odd_lines(b.size);
    b.point = b.depth * b.plane + LANES;
    b.sums = odd_lines(b.segment);
    b.sum_point = widest * b.sums + LANES;
    return b;
}

/* Floats that the threads have together: inputs, then the sums of each and the weights of a cut. */
struct room {
    size_t inputs, sums;
    bool shared;
};

static size_t whole_lines(int64_t floats) {
    return (size_t)divide_up(floats, LANES) * LANES;
}

static struct room room_for(const struct blocked_state *state, const struct kernels *kernels,
                            const struct blocked_phase *phase) {
    struct room room = {0};
    for (int i = 0; i < phase->filter_count; i++) {
        const struct filter_shape b = shape_of(state, kernels, phase, &phase->filters[i]);
        const size_t inputs = whole_lines(b.points * b.point);
        const size_t sums = whole_lines(b.points * b.sum_point) + (size_t)b.weights;
        room.inputs = inputs > room.inputs ? inputs : room.inputs;
        room.sums = sums > room.sums ? sums : room.sums;
        room.shared |= b.shared;
    }
    return room;
}

size_t blocked_filter_bytes(const struct blocked_state *state, const struct kernels *kernels,
                            const struct blocked_phase *phase, int threads) {
    const struct room room = room_for(state, kernels, phase);
    return (room.inputs * (room.shared ? 1 : (size_t)threads) + room.sums * (size_t)threads) * sizeof(float);
}

/* ---- products ---- */

/* A cut of the depth of one point, and its weights. */
struct product {
    int point;
    int64_t depth;
    int depths; /* channel blocks */
    const float *weights;
};

/* Weights that come next: tiles ask for their share, the first of them as tile `number` of `tiles`. */
struct next_weights {
    const float *data;
    int vectors; /* per depth, in channel blocks */
    int64_t number, tiles;
};

static void multiply(const struct filter_panel *panel, const struct product *p, const struct next_weights *next) {
    static const float zeros[4 * LANES];
    const struct filter_shape *b = &panel->block->shape;
    const struct block_kernel *kernel = panel->block->run->kernels->block;
    const int most = kernel->pixels[panel->rows];
    const float *inputs = panel->block->inputs + p->point * b->point + p->depth * b->plane + panel->first * LANES;
    float *sums = panel->sums + p->point * b->sum_point;
    struct block_pixel pixels[BLOCK_PIXELS];
    struct block_source source = {.entries = 1, .blocks = p->depths, .length = LANES, .pixels = pixels};
    const int64_t tiles = panel->end - panel->first;
    for (int64_t tile = 0; tile < tiles; tile += most) {
        const int64_t count = least(tiles - tile, most);
        const int rounded = kernel->round((int)count, panel->rows); /* what is too much goes behind the last tile */
        for (int i = 0; i < rounded; i++)
            pixels[i] = (struct block_pixel){inputs + (tile + (i < count ? i : count - 1)) * LANES, b->plane};
        blocked_ask_ahead(&source, next->data, next->vectors, next->number + tile / most, next->tiles);
        kernel->tile(rounded, panel->rows, &source, p->weights, p->depth ? NULL : zeros, sums + tile * LANES, LANES,
                     (size_t)b->sums);
    }
}

/* Tiles of the kernel that a panel's segment takes. */
static int64_t kernel_tiles(const struct filter_panel *panel) {
    return divide_up(panel->end - panel->first, panel->block->run->kernels->block->pixels[panel->rows]);
}

/* Weights are kept by points: one point after the other. */
static void multiply_stored(const struct filter_panel *panel, const float *weights) {
    const struct filter_shape *b = &panel->block->shape;
    struct next_weights next = {.vectors = panel->rows, .tiles = kernel_tiles(panel)};
    struct product p = {.weights = weights};
    for (p.point = 0; p.point < b->points; p.point++)
        for (p.depth = 0; p.depth < b->depth; p.depth += b->cut) {
            p.depths = (int)least(b->depth - p.depth, b->cut);
            next.data = p.weights + p.depths * LANES * panel->rows * LANES;
            multiply(panel, &p, &next);
            p.weights = next.data;
        }
}

/* Weights are kept by taps: a cut of all points after the other. */
static void multiply_expanded(const struct filter_panel *panel, const float *taps) {
    const struct filter_block *block = panel->block;
    const struct filter_shape *b = &block->shape;
    const struct filter_axis *axis = block->lattice->axis;
    const int count = axis[0].taps * axis[1].taps, lanes = panel->rows * LANES;
    const int64_t tiles = kernel_tiles(panel);
    struct next_weights next = {.vectors = panel->rows * count, .tiles = tiles * b->points};
    struct product p = {0};
    for (p.depth = 0; p.depth < b->depth; p.depth += b->cut) {
        p.depths = (int)least(b->depth - p.depth, b->cut);
        const int64_t point = (int64_t)p.depths * LANES * lanes + LANES; /* no power of two */
        block->run->kernels->filter->expand(axis[0].kind, axis[1].kind, taps, p.depths * LANES, lanes, panel->weights,
                                            (size_t)point);
        taps += p.depths * LANES * count * lanes;
        next.data = taps;
        for (p.point = 0; p.point < b->points; p.point++) {
            next.number = p.point * tiles;
            p.weights = panel->weights + p.point * point;
            multiply(panel, &p, &next);
        }
    }
}

/* All products of a panel, and its outputs. */
static void run_panel(const struct filter_panel *panel) {
    const struct filter_block *block = panel->block;
    const struct filter_shape *b = &block->shape;
    const int64_t group = block->image % block->run->state->window.group;
    const float *weights = block->phase->packed +
                           (group * b->rows + panel->row) * LANES * filter_kept(block->lattice) * b->depth * LANES;
    if (block->lattice->expands)
        multiply_expanded(panel, weights);
    else
        multiply_stored(panel, weights);
    filter_write_tiles(panel);
}

/* The panel and segment of a unit of work; those of one panel come one after the other. */
static struct filter_panel panel_of(const struct filter_block *block, int64_t unit, float *sums) {
    const struct filter_shape *b = &block->shape;
    const struct block_kernel *kernel = block->run->kernels->block;
    const int64_t segments = divide_up(b->size, b->segment), number = unit / segments;
    const int64_t first = unit % segments * b->segment;
    return (struct filter_panel){.block = block,
                                 .row = number * kernel->blocks,
                                 .rows = panel_blocks(kernel, b->rows, number),
                                 .first = first,
                                 .end = least(first + b->segment, block->count),
                                 .sums = sums,
                                 .weights = sums + whole_lines(b->points * b->sum_point)};
}

static int64_t panel_units(const struct filter_block *block) {
    const struct filter_shape *b = &block->shape;
    return panel_count(block->run->kernels->block, b->rows) * divide_up(b->size, b->segment);
}

/* ---- a run ---- */

static struct filter_block block_at(const struct blocked_run *run, const struct blocked_phase *phase, int64_t image,
                                    int lattice, int64_t number) {
    struct filter_block block = {.run = run,
                                 .phase = phase,
                                 .lattice = &phase->filters[lattice],
                                 .image = image,
                                 .shape = shape_of(run->state, run->kernels, phase, &phase->filters[lattice])};
    block.tile0 = number * block.shape.size;
    block.count = least(block.shape.tiles - block.tile0, block.shape.size);
    return block;
}

static void run_own(const struct filter_block *block, float *sums) {
    for (int64_t depth = 0; depth < block->shape.depth; depth++)
        filter_read_tiles(block, depth, 0, block->count);
    for (int64_t unit = 0; unit < panel_units(block); unit++) {
        const struct filter_panel panel = panel_of(block, unit, sums);
        run_panel(&panel);
    }
}

#define SEGMENTS 4 /* of a shared block's tiles, while its inputs are transformed */

/* All threads of the team on one block. They meet after the inputs, and before the next block overwrites them. */
static void run_shared(const struct filter_block *block, float *sums) {
    const int64_t units = panel_units(block);
#pragma omp for schedule(dynamic)
    for (int64_t unit = 0; unit < block->shape.depth * SEGMENTS; unit++)
        filter_read_tiles(block, unit / SEGMENTS, block->count * (unit % SEGMENTS) / SEGMENTS,
                          block->count * (unit % SEGMENTS + 1) / SEGMENTS);
#pragma omp for schedule(dynamic)
    for (int64_t unit = 0; unit < units; unit++) {
        const struct filter_panel panel = panel_of(block, unit, sums);
        if (panel.first < panel.end)
            run_panel(&panel);
    }
}

static int64_t most_blocks(const struct blocked_run *run, const struct blocked_phase *phase) {
    int64_t most = 0;
    for (int i = 0; i < phase->filter_count; i++) {
        const struct filter_shape shape = shape_of(run->state, run->kernels, phase, &phase->filters[i]);
        const int64_t blocks = divide_up(shape.tiles, shape.size);
        most = blocks > most ? blocks : most;
    }
    return most;
}

/* A unit is an image, a lattice and a block; lattices may have fewer blocks than the largest. */
static struct filter_block unit_block(const struct blocked_run *run, const struct blocked_phase *phase, int64_t blocks,
                                      int64_t unit) {
    const int64_t lattices = phase->filter_count;
    return block_at(run, phase, unit / blocks / lattices, (int)(unit / blocks % lattices), unit % blocks);
}

void blocked_filter_run(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct room room = room_for(run->state, run->kernels, phase);
    const int64_t images = run->state->window.batch * run->state->window.group, blocks = most_blocks(run, phase);
    const int64_t units = images * phase->filter_count * blocks;
    float *all_sums = run->workspace + room.inputs * (room.shared ? 1 : (size_t)run->threads);
#pragma omp parallel num_threads(run->threads) if (run->threads > 1)
    {
        const size_t thread = (size_t)omp_get_thread_num();
        float *sums = all_sums + thread * room.sums;
        if (room.shared)
            for (int64_t unit = 0; unit < units; unit++) {
                struct filter_block block = unit_block(run, phase, blocks, unit);
                block.inputs = run->workspace;
                if (block.count > 0)
                    run_shared(&block, sums);
            }
        else
#pragma omp for schedule(dynamic)
            for (int64_t unit = 0; unit < units; unit++) {
                struct filter_block block = unit_block(run, phase, blocks, unit);
                block.inputs = run->workspace + thread * room.inputs;
                if (block.count > 0)
                    run_own(&block, sums);
            }
    }
}
