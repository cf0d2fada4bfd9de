#include "ops/matmul/product_packed.h"

#include "base/sizes.h"
#include "base/unaligned.h"
#include "ops/core/channel_blocks.h"
#include "ops/core/work_queue.h"

#include <string.h>

#define M_BLOCK 192 /* rows of an m-block, at most: their sums stay in a small cache between k-blocks */
#define SCRATCH_FLOATS ((size_t)(M_BLOCK + BLOCK_PIXELS) * N_BLOCK_LANES)

bool packed_fits(const struct op_call *call, const struct matrix_product *product) {
    const struct tensor *b = call->inputs[1];
    return call->weights && b->constant && b->data && b->bytes > 0 && product->a.column_stride == 1;
}

size_t packed_workspace_bytes(int threads) {
    return SCRATCH_FLOATS * sizeof(float) * (size_t)threads;
}

/* ---- packing: [matrix][panel][k][lanes], lanes beyond the columns are zero; then squares[matrix][lanes],
 * fourths[matrix][lanes] ---- */

struct blocks_packing {
    const struct matrix_product *product;
    const struct kernels *kernels;
    int64_t matrices;
    int threads;
};

static int64_t packed_lanes(const struct matrix_product *product) {
    return channel_blocks(product->n) * CHANNEL_BLOCK;
}

static int64_t packed_floats(const struct matrix_product *product) {
    return packed_place(product, channel_blocks(product->n));
}

const double *packed_squares(const struct product_state *state) {
    return (const double *)(const void *)(state->packed + state->matrices * packed_floats(&state->product));
}

const double *packed_fourths(const struct product_state *state) {
    return packed_squares(state) + state->matrices * packed_lanes(&state->product);
}

/* Depths first..end of one panel. */
static void pack_panel(const struct blocks_packing *job, const void *source, int64_t panel, int64_t first, int64_t end,
                       float *packed, double *squares, double *fourths) {
    const struct matrix_product *product = job->product;
    const struct block_kernel *kernel = job->kernels->block;
    const int64_t column0 = panel * kernel->blocks * CHANNEL_BLOCK;
    const int lanes = panel_blocks(kernel, channel_blocks(product->n), panel) * CHANNEL_BLOCK;
    float *const start = packed + column0 * product->k + first * lanes, *place = start;
    for (int64_t k = first; k < end; k++)
        for (int64_t lane = 0; lane < lanes; lane++)
            *place++ =
                column0 + lane < product->n
                    ? unaligned_float(source, k * product->b.row_stride + (column0 + lane) * product->b.column_stride)
                    : 0;
    if (first == 0) {
        memset(squares + column0, 0, (size_t)lanes * sizeof *squares);
        memset(fourths + column0, 0, (size_t)lanes * sizeof *fourths);
    }
    job->kernels->strassen->squares(start, end - first, lanes, squares + column0, fourths + column0);
}

/* Panels of all matrices, over depths first..end. */
struct blocks_part {
    const struct blocks_packing *job;
    const float *source;
    float *packed;
    double *squares, *fourths;
    int64_t panels, first, end;
};

static void pack_panels(void *context, int64_t begin, int64_t end) {
    const struct blocks_part *part = context;
    const struct matrix_product *product = part->job->product;
    for (int64_t i = begin; i < end; i++) {
        const int64_t matrix = i / part->panels;
        pack_panel(part->job, part->source + matrix * product->n * product->k, i % part->panels, part->first, part->end,
                   part->packed + matrix * packed_floats(product), part->squares + matrix * packed_lanes(product),
                   part->fourths + matrix * packed_lanes(product));
    }
}

static void pack(void *destination, const struct tensor *source, const void *context) {
    const struct blocks_packing *job = context;
    const struct matrix_product *product = job->product;
    const int64_t panels = panel_count(job->kernels->block, channel_blocks(product->n));
    double *squares = (double *)destination + job->matrices * packed_floats(product) / 2;
    const bool in_order = job->matrices == 1 && product->b.column_stride == 1;
    const int64_t parts = in_order && source->mapped ? (int64_t)(source->bytes / PACKING_PART_BYTES) + 1 : 1;
    for (int64_t part = 0; part < parts; part++) {
        const int64_t first = product->k * part / parts, end = product->k * (part + 1) / parts;
        struct blocks_part work = {
            job,    source->data, destination, squares, squares + job->matrices * packed_lanes(product),
            panels, first,        end};
        team_for(job->threads, job->matrices * panels, pack_panels, &work);
        if (parts > 1)
            tensor_drop_range(source, (size_t)(first * product->b.row_stride) * sizeof(float),
                              (size_t)((end - first) * product->b.row_stride) * sizeof(float));
    }
}

void packed_take_weights(struct op_call *call, struct product_state *state) {
    const struct matrix_product *product = &state->product;
    const struct tensor *b = call->inputs[1];
    state->matrices = tensor_elements(b) / (product->n * product->k);
    const struct blocks_packing job = {product, call->kernels, state->matrices, call->threads};
    const struct packing packing = {
        .name = call->kernels->block->name,
        .numbers = {state->matrices, product->n, product->k, product->b.row_stride, product->b.column_stride},
        .bytes = (size_t)state->matrices *
                 ((size_t)packed_floats(product) * sizeof(float) + (size_t)packed_lanes(product) * 2 * sizeof(double)),
        .pack = pack,
        .context = &job};
    state->packed = weight_cache_get(call->weights, b, &packing);
}

/* ---- running ---- */

/* Where the sums of a tile wait, and floats from one row to the next. */
struct tile_sums {
    float *place;
    size_t stride;
};

/*
 * Whether a tile's sums are all that there is to do, so that the kernel writes them where they belong: all its rows and
 * columns are some of the product.
 */
static bool is_output(const struct packed_piece *piece, int count) {
    const struct matrix_product *product = &piece->state->product;
    const struct block_kernel *kernel = piece->kernels->block;
    const int last = piece->blocks % kernel->blocks;
    return product->alpha == 1 && !piece->data.c && (piece->block + piece->blocks) * CHANNEL_BLOCK <= product->n &&
           (piece->blocks < kernel->blocks || kernel->round(count, kernel->blocks) == count) &&
           (last == 0 || kernel->round(count, last) == count);
}

static struct tile_sums sums_of(const struct packed_piece *piece, int first, bool output) {
    const size_t lanes = (size_t)piece->blocks * CHANNEL_BLOCK, n = (size_t)piece->state->product.n;
    if (output)
        return (struct tile_sums){piece->data.y + (size_t)(piece->row0 + first) * n + piece->block * CHANNEL_BLOCK, n};
    return (struct tile_sums){piece->sums + (size_t)first * lanes, lanes};
}

#define STEPS_AHEAD 4 /* channel blocks of the depth */

/*
 * What a tile at `first` prefetches of a panel: its share of the k-block that follows; where one tile is all that reads
 * the weights, those that it reads soon itself. Tiles of a single row do so without being told.
 */
static void prefetch_panel(const struct packed_piece *piece, struct block_source *source, const float *panel,
                           int blocks, int first, int64_t from, int64_t to) {
    const int most = piece->kernels->block->pixels[blocks], lanes = blocks * CHANNEL_BLOCK;
    if (piece->count == 1 && piece->kernels->block->round(1, blocks) == 1)
        return;
    if (piece->count <= most)
        block_prefetch_weights(source, panel + (from + STEPS_AHEAD * CHANNEL_BLOCK) * lanes, blocks, 0, 1);
    else if (to < piece->state->product.k || piece->last)
        block_prefetch_weights(source, panel + to * lanes, blocks, first / most, (piece->count + most - 1) / most);
}

/*
 * A single row where tiles have more: its channel blocks from `block` on, GEMM_LINE of them side by side, with the same
 * chains. Returns the first one that is left.
 */
static int add_line(const struct packed_piece *piece, const float *a, int64_t from, int64_t to,
                    const struct tile_sums *sums) {
    const struct matrix_product *product = &piece->state->product;
    const struct gemm_kernel *kernel = piece->kernels->gemm;
    int block = 0;
    if (piece->kernels->block->blocks > 1 || kernel->columns != CHANNEL_BLOCK)
        return 0;
    for (; block + GEMM_LINE <= piece->blocks; block += GEMM_LINE)
        for (int64_t k = from; k < to; k += PRODUCT_CHAIN)
            kernel->line((size_t)at_most(to - k, PRODUCT_CHAIN), a + k,
                         piece->packed + packed_place(product, piece->block + block) + k * CHANNEL_BLOCK,
                         (size_t)packed_place(product, 1), k == 0, sums->place + (size_t)block * CHANNEL_BLOCK);
    return block;
}

/* Depths from..to of a tile, which are whole blocks, or less than one. */
static void add_depths(const struct packed_piece *piece, int first, int count, int64_t from, int64_t to,
                       const struct tile_sums *sums) {
    const struct matrix_product *product = &piece->state->product;
    const struct block_kernel *kernel = piece->kernels->block;
    const int64_t depth = to - from, length = depth < CHANNEL_BLOCK ? depth : CHANNEL_BLOCK;
    struct block_pixel pixels[BLOCK_PIXELS];
    struct block_source source = {
        .entries = 1, .blocks = (int)(depth / length), .length = (int)length, .pixels = pixels};
    const float *a = piece->data.a + (piece->row0 + first) * product->a.row_stride + from;
    for (int i = 0; i < BLOCK_PIXELS; i++) { /* those past `count` stand for the last one */
        pixels[i] = (struct block_pixel){a, length};
        a += i + 1 < count ? product->a.row_stride : 0;
    }
    int block = piece->count == 1 ? add_line(piece, pixels[0].data - from, from, to, sums) : 0;
    for (int blocks; block < piece->blocks; block += blocks) {
        blocks = piece->blocks - block < kernel->blocks ? piece->blocks - block : kernel->blocks;
        const float *panel = piece->packed + packed_place(product, piece->block + block);
        prefetch_panel(piece, &source, panel, blocks, first, from, to);
        kernel->tile(kernel->round(count, blocks), blocks, &source, panel + from * blocks * CHANNEL_BLOCK, from == 0,
                     sums->place + (size_t)block * CHANNEL_BLOCK, sums->stride, CHANNEL_BLOCK);
    }
}

static void store_rows(const struct packed_piece *piece, int first, int count) {
    const struct matrix_product *product = &piece->state->product;
    const int64_t column0 = piece->block * CHANNEL_BLOCK, left = product->n - column0;
    const int64_t lanes = piece->blocks * CHANNEL_BLOCK, columns = left < lanes ? left : lanes;
    for (int i = first; i < first + count; i++)
        product_finish_row(piece->kernels, product, piece->data.c, piece->row0 + i, column0, columns,
                           piece->sums + i * lanes, piece->data.y + (piece->row0 + i) * product->n + column0);
}

/* One k-block after the other; what is left of the depth beside whole channel blocks comes last. */
void packed_finish(const struct packed_piece *piece, int64_t from) {
    const struct block_kernel *kernel = piece->kernels->block;
    const int most = kernel->pixels[panel_blocks(kernel, piece->blocks, 0)];
    const int64_t depth = piece->state->product.k, whole = depth / CHANNEL_BLOCK * CHANNEL_BLOCK;
    const bool whole_tiles = is_output(piece, most);
    int64_t to;
    do {
        to = from == whole ? depth : whole - from < K_BLOCK ? whole : from + K_BLOCK;
        for (int first = 0; first < piece->count; first += most) {
            const int count = piece->count - first < most ? piece->count - first : most;
            const bool output = from == 0 && to == depth && (count == most ? whole_tiles : is_output(piece, count));
            const struct tile_sums sums = sums_of(piece, first, output);
            if (from < to)
                add_depths(piece, first, count, from, to, &sums);
            if (to == depth && !output)
                store_rows(piece, first, count);
        }
        from = to;
    } while (to < depth);
}

/* An area of rows and columns, of every matrix of the batch, in units of an m-block by an n-block. */
struct packed_work {
    const struct op_call *call;
    const struct packed_data *data;
    const struct packed_area *area;
    float *workspace;
    int64_t n_blocks, m_blocks, rows, units; /* rows: of an m-block */
    struct work_queue queue;
};

static void run_unit(const struct packed_work *work, int64_t unit, float *sums) {
    const struct product_state *state = work->call->state;
    const struct matrix_product *product = &state->product;
    const int64_t n_blocks = work->n_blocks, m_blocks = work->m_blocks, rows = work->rows;
    const int64_t batch = unit / (n_blocks * m_blocks), block = unit / m_blocks % n_blocks * N_BLOCK;
    const int64_t row = unit % m_blocks * rows;
    const int64_t b = product_offset(product, product->b_batch_strides, batch) / (product->n * product->k);
    packed_finish(
        &(struct packed_piece){.state = state,
                               .kernels = work->call->kernels,
                               .data = {work->data->a + product_offset(product, product->a_batch_strides, batch),
                                        work->data->c, work->data->y + batch * product->m * product->n},
                               .packed = state->packed + b * packed_floats(product),
                               .sums = sums,
                               .row0 = work->area->row0 + row,
                               .block = work->area->block0 + block,
                               .count = (int)at_most(work->area->rows - row, rows),
                               .blocks = (int)at_most(work->area->blocks - block, N_BLOCK),
                               .last = row + rows >= work->area->rows},
        0);
}

static void run_units(struct team_thread self, void *context) {
    struct packed_work *work = context;
    for (int64_t unit = 0; work_queue_take(&work->queue, self, work->units, &unit);)
        run_unit(work, unit, work->workspace + (size_t)self.index * SCRATCH_FLOATS);
}

void packed_run(const struct op_call *call, const struct packed_data *data, const struct packed_area *area,
                float *workspace) {
    const struct product_state *state = call->state;
    const struct block_kernel *kernel = call->kernels->block;
    struct packed_work work = {.call = call, .data = data, .area = area, .workspace = workspace};
    work.n_blocks = divide_up(area->blocks, N_BLOCK);
    /* Whole tiles, but for the last one of all. */
    work.rows = even_block(area->rows, M_BLOCK, kernel->pixels[kernel->blocks]);
    work.m_blocks = divide_up(area->rows, work.rows);
    work.units = product_batches(&state->product) * work.n_blocks * work.m_blocks;
    work_queue_start(&work.queue, 1);
    team_run(work.units > 1 ? call->threads : 1, run_units, &work);
}
