/*
 * Minimal filtering on channel blocks: a block of tiles at a time, first its inputs are transformed point by point,
 * then every point is a matrix product over the channels, then the sums are transformed back, activated and stored.
 * Threads share a block where its weights are large, so that they are read once, and have blocks of their own else.
 */
#include "ops/blocked_filter.h"

#include <omp.h>

#define SHARED_FLOATS ((int64_t)1 << 20)  /* transformed inputs of a shared block, about: they stay in a large cache */
#define DISTANT_FLOATS ((int64_t)5 << 19) /* the same where the weights come from memory every time */
#define DISTANT_WEIGHTS ((int64_t)4 << 20)
#define NEAR_FLOATS ((int64_t)160 << 10) /* inputs and sums that stay in a small cache */
#define LANES CHANNEL_BLOCK

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/*
 * Tiles of a block. Many: the weights are read seldom, but inputs and sums pass through a large cache (written, read,
 * and read again). Few: inputs and sums stay in a small one, but the weights pass by for every block.
 */
static int64_t block_tiles(struct filter_shape *b) {
    const int64_t larger = b->depth > b->rows ? b->depth : b->rows;
    const int64_t tile = b->points * (b->depth + b->rows) * LANES;
    const int64_t weights = b->points * b->depth * b->rows * LANES * LANES;
    const int64_t room = weights > DISTANT_WEIGHTS ? DISTANT_FLOATS : SHARED_FLOATS;
    const int64_t most = room / (b->points * larger * LANES), many = most < 6 ? 6 : most, few = NEAR_FLOATS / tile;
    b->shared = few < 12 || weights / (many < b->tiles ? many : b->tiles) + 3 * tile < weights / few;
    return b->shared ? many : few;
}

static struct filter_shape shape_of(const struct blocked_state *state, const struct blocked_phase *phase,
                                    const struct filter_lattice *lattice) {
    struct filter_shape b = {.points = lattice->axis[0].points * lattice->axis[1].points,
                             .depth = lattice->part_count * channel_blocks(state->window.in_channels),
                             .rows = phase->rows,
                             .tiles = lattice->axis[0].tiles * lattice->axis[1].tiles};
    const int64_t blocks = divide_up(b.tiles, block_tiles(&b));
    b.size = divide_up(b.tiles, blocks);
    b.plane = (b.size + BLOCK_PIXELS + 1 + (b.size & 1)) * LANES; /* an odd number of cache lines */
    return b;
}

/* Of all the lattices of a phase: workspace of one block's inputs, and of its sums. */
struct room {
    size_t inputs, sums;
    bool shared;
};

static struct room room_for(const struct blocked_state *state, const struct blocked_phase *phase) {
    struct room room = {0};
    for (int i = 0; i < phase->filter_count; i++) {
        const struct filter_shape b = shape_of(state, phase, &phase->filters[i]);
        const size_t inputs = (size_t)(b.points * b.depth * b.plane), sums = (size_t)(b.points * b.rows * b.plane);
        room.inputs = inputs > room.inputs ? inputs : room.inputs;
        room.sums = sums > room.sums ? sums : room.sums;
        room.shared |= b.shared;
    }
    return room;
}

size_t blocked_filter_bytes(const struct blocked_state *state, const struct blocked_phase *phase, int threads) {
    const struct room room = room_for(state, phase);
    return (room.inputs + room.sums) * sizeof(float) * (room.shared ? 1 : (size_t)threads);
}

/* ---- products ---- */

/* The inputs of a later tile, which may lie in a larger cache. */
static void ask_for_tiles(const float *inputs, int64_t plane, int blocks, int tiles) {
    for (int block = 0; block < blocks; block++)
        for (int tile = 0; tile < tiles; tile++)
            __builtin_prefetch(inputs + block * plane + tile * LANES);
}

/* A cut of the depth of one point, and a panel. */
struct product {
    int point;
    int64_t panel, depth;
    int depths;           /* channel blocks of the cut */
    const float *weights; /* those of the next panel, cut or point follow */
};

/* sums[point] of one panel: the tiles by the panel's channels. */
static void multiply_panel(const struct filter_block *block, const struct product *p) {
    static const float zeros[4 * LANES];
    const struct filter_shape *b = &block->shape;
    const struct block_kernel *kernel = block->run->kernels->block;
    const int blocks = panel_blocks(kernel, b->rows, p->panel), most = kernel->pixels[blocks];
    const float *inputs = block->inputs + (p->point * b->depth + p->depth) * b->plane;
    float *sums = block->sums + (p->point * b->rows + p->panel * kernel->blocks) * b->plane;
    struct block_pixel pixels[BLOCK_PIXELS];
    struct block_source source = {.entries = 1, .blocks = p->depths, .length = LANES, .pixels = pixels};
    const float *next = p->weights + (int64_t)p->depths * LANES * blocks * LANES;
    for (int64_t tile = 0; tile < block->count; tile += most) {
        const int64_t count = block->count - tile < most ? block->count - tile : most;
        const int rounded = kernel->round((int)count, blocks); /* what is too much goes behind the last tile */
        for (int i = 0; i < rounded; i++)
            pixels[i] = (struct block_pixel){inputs + (tile + (i < count ? i : count - 1)) * LANES, b->plane};
        blocked_ask_ahead(&source, next, blocks, tile / most, (block->count + most - 1) / most);
        ask_for_tiles(inputs + (tile + most) * LANES, b->plane, p->depths, most);
        kernel->tile(rounded, blocks, &source, p->weights, p->depth ? NULL : zeros, sums + tile * LANES, LANES,
                     (size_t)b->plane);
    }
}

/* One unit of work: a point and a few panels, cut by cut, so that a cut's inputs stay in a small cache. */
static void multiply(const struct filter_block *block, int point, int64_t first_panel, int64_t end_panel) {
    const struct filter_shape *b = &block->shape;
    const struct block_kernel *kernel = block->run->kernels->block;
    const int64_t group = block->image % block->run->state->window.group;
    const int64_t size = b->rows * b->depth * LANES * LANES; /* weights of a point */
    const float *weights = block->phase->packed + (group * b->points + point) * size;
    struct product p = {.point = point};
    for (p.depth = 0; p.depth < b->depth; p.depth += FILTER_CUT) {
        p.depths = (int)(b->depth - p.depth < FILTER_CUT ? b->depth - p.depth : FILTER_CUT);
        for (p.panel = first_panel; p.panel < end_panel; p.panel++) {
            p.weights = weights + (p.depth * b->rows + p.panel * kernel->blocks * p.depths) * LANES * LANES;
            multiply_panel(block, &p);
        }
    }
}

/* ---- a run ---- */

static struct filter_block block_at(const struct blocked_run *run, const struct blocked_phase *phase, int64_t image,
                                    int lattice, int64_t number) {
    struct filter_block block = {.run = run,
                                 .phase = phase,
                                 .lattice = &phase->filters[lattice],
                                 .image = image,
                                 .shape = shape_of(run->state, phase, &phase->filters[lattice])};
    block.tile0 = number * block.shape.size;
    const int64_t left = block.shape.tiles - block.tile0;
    block.count = left < block.shape.size ? left : block.shape.size;
    return block;
}

static void run_own(const struct filter_block *block) {
    const struct filter_shape *b = &block->shape;
    for (int64_t depth = 0; depth < b->depth; depth++)
        filter_read_tiles(block, depth, 0, block->count);
    for (int point = 0; point < b->points; point++)
        multiply(block, point, 0, panel_count(block->run->kernels->block, b->rows));
    for (int64_t row = 0; row < b->rows; row++)
        filter_write_tiles(block, row, 0, block->count);
}

#define SEGMENTS 4 /* of a block's tiles, for the transforms */
#define PANELS 2   /* of a unit of products */

/*
 * All threads of the team on one block. They meet after the inputs and after the products; who has stored its outputs
 * goes on to the next block's inputs.
 */
static void run_shared(const struct filter_block *block) {
    const struct filter_shape *b = &block->shape;
    const int64_t panels = panel_count(block->run->kernels->block, b->rows), groups = divide_up(panels, PANELS);
#pragma omp for schedule(dynamic)
    for (int64_t unit = 0; unit < b->depth * SEGMENTS; unit++)
        filter_read_tiles(block, unit / SEGMENTS, block->count * (unit % SEGMENTS) / SEGMENTS,
                          block->count * (unit % SEGMENTS + 1) / SEGMENTS);
#pragma omp for schedule(dynamic)
    for (int64_t unit = 0; unit < b->points * groups; unit++) {
        const int64_t first = unit % groups * PANELS;
        multiply(block, (int)(unit / groups), first, first + PANELS < panels ? first + PANELS : panels);
    }
#pragma omp for schedule(dynamic) nowait
    for (int64_t unit = 0; unit < b->rows * SEGMENTS; unit++)
        filter_write_tiles(block, unit / SEGMENTS, block->count * (unit % SEGMENTS) / SEGMENTS,
                           block->count * (unit % SEGMENTS + 1) / SEGMENTS);
}

static int64_t blocks_in(const struct filter_shape *shape) {
    return divide_up(shape->tiles, shape->size);
}

static int64_t most_blocks(const struct blocked_run *run, const struct blocked_phase *phase) {
    int64_t most = 0;
    for (int i = 0; i < phase->filter_count; i++) {
        const struct filter_shape shape = shape_of(run->state, phase, &phase->filters[i]);
        most = blocks_in(&shape) > most ? blocks_in(&shape) : most;
    }
    return most;
}

static void run_all(const struct blocked_run *run, const struct blocked_phase *phase, const struct room *room) {
    const int64_t images = run->state->window.batch * run->state->window.group, blocks = most_blocks(run, phase);
    const int64_t units = images * phase->filter_count * blocks;
#pragma omp parallel for schedule(dynamic) num_threads(run->threads) if (run->threads > 1 && units > 1)
    for (int64_t unit = 0; unit < units; unit++) {
        struct filter_block block = block_at(run, phase, unit / blocks / phase->filter_count,
                                             (int)(unit / blocks % phase->filter_count), unit % blocks);
        block.inputs = run->workspace + (size_t)omp_get_thread_num() * (room->inputs + room->sums);
        block.sums = block.inputs + room->inputs;
        if (block.count > 0)
            run_own(&block);
    }
}

static void run_all_shared(const struct blocked_run *run, const struct blocked_phase *phase, const struct room *room) {
    const int64_t images = run->state->window.batch * run->state->window.group, blocks = most_blocks(run, phase);
    const int64_t units = images * phase->filter_count * blocks;
#pragma omp parallel num_threads(run->threads) if (run->threads > 1)
    for (int64_t unit = 0; unit < units; unit++) {
        struct filter_block block = block_at(run, phase, unit / blocks / phase->filter_count,
                                             (int)(unit / blocks % phase->filter_count), unit % blocks);
        block.inputs = run->workspace;
        block.sums = block.inputs + room->inputs;
        if (block.count > 0)
            run_shared(&block);
    }
}

void blocked_filter_run(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct room room = room_for(run->state, phase);
    if (room.shared)
        run_all_shared(run, phase, &room);
    else
        run_all(run, phase, &room);
}
