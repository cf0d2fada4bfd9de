#include "ops/product_strips.h"

#include "ops/blocked.h"
#include "ops/unaligned.h"

#include <omp.h>
#include <string.h>

#define PIECE 192 /* rows of a piece, at most: their sums stay in a small cache between cuts of the depth */
#define STRIP 4   /* channel blocks of a strip */
#define LANES (STRIP * CHANNEL_BLOCK)
#define SHARE_FLOATS ((size_t)(PIECE + BLOCK_PIXELS) * LANES)

bool strips_fit(const struct op_call *call, const struct product *product) {
    const struct tensor *b = call->inputs[1];
    return call->weights && b->constant && b->data && b->bytes > 0 && product->a.column_stride == 1;
}

size_t strips_workspace_bytes(int threads) {
    return SHARE_FLOATS * sizeof(float) * (size_t)threads;
}

/* ---- packing: [matrix][panel][k][lanes], lanes beyond the columns are zero ---- */

struct pack_job {
    const struct product *product;
    const struct block_kernel *kernel;
    int64_t matrices;
    int threads;
};

static int64_t packed_floats(const struct product *product) {
    return channel_blocks(product->n) * CHANNEL_BLOCK * product->k;
}

/* Depths first..end of one panel. */
static void pack_panel(const struct pack_job *job, const void *source, int64_t panel, int64_t first, int64_t end,
                       float *packed) {
    const struct product *product = job->product;
    const int64_t column0 = panel * job->kernel->blocks * CHANNEL_BLOCK;
    const int64_t lanes = panel_blocks(job->kernel, channel_blocks(product->n), panel) * CHANNEL_BLOCK;
    float *place = packed + column0 * product->k + first * lanes;
    for (int64_t k = first; k < end; k++)
        for (int64_t lane = 0; lane < lanes; lane++)
            *place++ =
                column0 + lane < product->n
                    ? unaligned_float(source, k * product->b.row_stride + (column0 + lane) * product->b.column_stride)
                    : 0;
}

static void pack(void *destination, const struct tensor *source, const void *context) {
    const struct pack_job *job = context;
    const struct product *product = job->product;
    const int64_t panels = panel_count(job->kernel, channel_blocks(product->n));
    const bool in_order = job->matrices == 1 && product->b.column_stride == 1;
    const int64_t parts = in_order && source->mapped ? (int64_t)(source->bytes / PACKING_PART_BYTES) + 1 : 1;
    for (int64_t part = 0; part < parts; part++) {
        const int64_t first = product->k * part / parts, end = product->k * (part + 1) / parts;
#pragma omp parallel for schedule(static) collapse(2) num_threads(job->threads)
        for (int64_t matrix = 0; matrix < job->matrices; matrix++)
            for (int64_t panel = 0; panel < panels; panel++)
                pack_panel(job, (const float *)source->data + matrix * product->n * product->k, panel, first, end,
                           (float *)destination + matrix * packed_floats(product));
        if (parts > 1)
            tensor_drop_range(source, (size_t)(first * product->b.row_stride) * sizeof(float),
                              (size_t)((end - first) * product->b.row_stride) * sizeof(float));
    }
}

void strips_take_weights(struct op_call *call, struct product_state *state) {
    const struct product *product = &state->product;
    const struct tensor *b = call->inputs[1];
    const int64_t matrices = tensor_elements(b) / (product->n * product->k);
    const struct pack_job job = {product, call->kernels->block, matrices, call->threads};
    const struct packing packing = {
        .name = call->kernels->block->name,
        .numbers = {matrices, product->n, product->k, product->b.row_stride, product->b.column_stride},
        .bytes = (size_t)(matrices * packed_floats(product)) * sizeof(float),
        .pack = pack,
        .context = &job};
    state->packed = weight_cache_get(call->weights, b, &packing);
}

/* ---- running ---- */

/* Some rows of one matrix of the batch, and a strip of its columns. */
struct piece {
    const struct product_state *state;
    const struct block_kernel *kernel;
    const float *a, *packed, *c;
    float *y, *sums; /* sums[row][lanes] */
    int64_t row0, block;
    int count, blocks;
    bool last; /* of its strip: the next strip's weights follow */
};

/* Depths from..to of a tile, which are whole blocks, or less than one. */
static void add_depths(const struct piece *piece, int first, int count, int64_t from, int64_t to) {
    static const float zeros[LANES];
    const struct product *product = &piece->state->product;
    const struct block_kernel *kernel = piece->kernel;
    const int64_t depth = to - from, length = depth < CHANNEL_BLOCK ? depth : CHANNEL_BLOCK;
    const size_t lanes = (size_t)piece->blocks * CHANNEL_BLOCK;
    struct block_pixel pixels[BLOCK_PIXELS];
    struct block_source source = {
        .entries = 1, .blocks = (int)(depth / length), .length = (int)length, .pixels = pixels};
    for (int i = 0; i < BLOCK_PIXELS; i++) /* those past `count` stand for the last one */
        pixels[i] = (struct block_pixel){
            piece->a + (piece->row0 + first + (i < count ? i : count - 1)) * product->a.row_stride + from, length};
    for (int block = 0, blocks; block < piece->blocks; block += blocks) {
        blocks = piece->blocks - block < kernel->blocks ? piece->blocks - block : kernel->blocks;
        const float *panel = piece->packed + (piece->block + block) * CHANNEL_BLOCK * product->k;
        const int most = kernel->pixels[blocks];
        if (to < product->k || piece->last)
            blocked_ask_ahead(&source, panel + to * blocks * CHANNEL_BLOCK, blocks, first / most,
                              (piece->count + most - 1) / most);
        kernel->tile(kernel->round(count, blocks), blocks, &source, panel + from * blocks * CHANNEL_BLOCK,
                     from ? NULL : zeros, piece->sums + (size_t)first * lanes + (size_t)block * CHANNEL_BLOCK, lanes,
                     CHANNEL_BLOCK);
    }
}

static void store_rows(const struct piece *piece, int first, int count) {
    const struct product *product = &piece->state->product;
    const int64_t column0 = piece->block * CHANNEL_BLOCK, left = product->n - column0;
    const int64_t lanes = piece->blocks * CHANNEL_BLOCK, columns = left < lanes ? left : lanes;
    for (int i = first; i < first + count; i++) {
        const float *sums = piece->sums + i * lanes;
        float *y = piece->y + (piece->row0 + i) * product->n + column0;
        if (product->alpha == 1 && !piece->c)
            memcpy(y, sums, (size_t)columns * sizeof *y);
        else
            for (int64_t lane = 0; lane < columns; lane++)
                y[lane] = product_finish(product, piece->c, sums[lane], piece->row0 + i, column0 + lane);
    }
}

/* Cut by cut; what is left of the depth beside whole blocks comes last. */
static void run_piece(const struct piece *piece) {
    const struct block_kernel *kernel = piece->kernel;
    const int widest = piece->blocks < kernel->blocks ? piece->blocks : kernel->blocks, most = kernel->pixels[widest];
    const int64_t depth = piece->state->product.k, whole = depth / CHANNEL_BLOCK * CHANNEL_BLOCK;
    for (int64_t from = 0, to; from < depth; from = to) {
        to = from == whole ? depth : whole - from < DEPTH_CUT ? whole : from + DEPTH_CUT;
        for (int first = 0; first < piece->count; first += most) {
            const int count = piece->count - first < most ? piece->count - first : most;
            add_depths(piece, first, count, from, to);
            if (to == depth)
                store_rows(piece, first, count);
        }
    }
}

void strips_run(const struct op_call *call, const float *a, const float *c, float *y, float *workspace) {
    const struct product_state *state = call->state;
    const struct product *product = &state->product;
    const int64_t batches = product_batches(product), strips = (channel_blocks(product->n) + STRIP - 1) / STRIP;
    const struct block_kernel *kernel = call->kernels->block;
    /* Whole tiles, but for the last one of all. */
    const int64_t size = even_block(product->m, PIECE, kernel->pixels[kernel->blocks]);
    const int64_t pieces = divide_up(product->m, size);
    const int64_t units = batches * strips * pieces, floats = packed_floats(product);
#pragma omp parallel for schedule(dynamic) num_threads(call->threads) if (call->threads > 1 && units > 1)
    for (int64_t unit = 0; unit < units; unit++) {
        const int64_t batch = unit / (strips * pieces), block = unit / pieces % strips * STRIP;
        const int64_t row0 = unit % pieces * size, blocks = channel_blocks(product->n) - block;
        const int64_t b = product_offset(product, product->b_batch_strides, batch) / (product->n * product->k);
        run_piece(&(struct piece){.state = state,
                                  .kernel = kernel,
                                  .a = a + product_offset(product, product->a_batch_strides, batch),
                                  .packed = state->packed + b * floats,
                                  .c = c,
                                  .y = y + batch * product->m * product->n,
                                  .sums = workspace + (size_t)omp_get_thread_num() * SHARE_FLOATS,
                                  .row0 = row0,
                                  .block = block,
                                  .count = (int)(product->m - row0 < size ? product->m - row0 : size),
                                  .blocks = (int)(blocks < STRIP ? blocks : STRIP),
                                  .last = row0 + size >= product->m});
    }
}
