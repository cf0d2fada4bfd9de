#include "ops/matmul/product_run.h"

#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/channel_blocks.h"
#include "ops/core/forced_choices.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"
#include "ops/matmul/product_small.h"
#include "ops/matmul/strassen.h"

#include <string.h>

/* One side as the matrix product wants it: element (row or column i, depth k). */
struct product_side {
    int64_t size, stride, depth_stride;
};

static struct product_side side_of(const struct matrix_product *product, bool b) {
    if (b)
        return (struct product_side){product->n, product->b.column_stride, product->b.row_stride};
    return (struct product_side){product->m, product->a.row_stride, product->a.column_stride};
}

static int64_t packed_size(const struct product_state *state) {
    return side_of(&state->product, state->b_packed).size * state->product.k;
}

struct panels_packing {
    const struct product_state *state;
    const struct gemm_kernel *kernel;
    int threads;
};

/* Depths first .. first + count of panels of all matrices. */
struct packing_depths {
    const struct panels_packing *job;
    const char *source;
    int64_t first, count;
    struct product_side side;
    struct gemm_panels panels;
    float *destination;
};

static void pack_panels(void *context, int64_t begin, int64_t end) {
    const struct packing_depths *part = context;
    const struct product_side *side = &part->side;
    const struct gemm_panels *panels = &part->panels;
    const int64_t size = packed_size(part->job->state);
    for (int64_t i = begin; i < end; i++) {
        const int64_t matrix = i / panels->count;
        const int panel = (int)(i % panels->count);
        const int64_t row = gemm_panel_row(panels, panel), rows = gemm_panel_row(panels, panel + 1) - row;
        const struct gemm_panels single = {rows, part->count, 1};
        const int64_t start = matrix * size + row * side->stride + part->first * side->depth_stride;
        gemm_pack_panels(&single, part->source + start * (int64_t)sizeof(float), side->stride, side->depth_stride,
                         part->destination + matrix * size + row * panels->depth + part->first * rows);
    }
}

/* Depths first .. first + count of every panel; the matrices lie one behind the other, each of packed_size elements. */
static void pack_depths(const struct panels_packing *job, const struct tensor *source, int64_t first, int64_t count,
                        float *destination) {
    const struct product_state *state = job->state;
    const struct product_side side = side_of(&state->product, state->b_packed);
    struct packing_depths part = {
        job, source->data, first, count, side, gemm_panels(job->kernel, side.size, state->product.k), destination};
    team_for(job->threads, state->matrices * part.panels.count, pack_panels, &part);
}

/* A large matrix whose depths lie one behind the other is packed in parts, and the mapped pages of each are let go. */
static void pack_side(void *destination, const struct tensor *source, const void *context) {
    const struct panels_packing *job = context;
    const struct product_state *state = job->state;
    const int64_t stride = side_of(&state->product, state->b_packed).depth_stride, depth = state->product.k;
    const bool in_order = state->matrices == 1 && side_of(&state->product, state->b_packed).stride == 1;
    const int64_t parts = in_order && source->mapped ? (int64_t)(source->bytes / PACKING_PART_BYTES) + 1 : 1;
    for (int64_t part = 0; part < parts; part++) {
        const int64_t first = depth * part / parts, count = depth * (part + 1) / parts - first;
        pack_depths(job, source, first, count, destination);
        if (parts > 1)
            tensor_drop_range(source, (size_t)(first * stride) * sizeof(float),
                              (size_t)(count * stride) * sizeof(float));
    }
}

static bool constant_weight(const struct op_call *call, int input) {
    const struct tensor *tensor = call->inputs[input];
    return call->weights && tensor->constant && tensor->data && tensor->bytes > 0;
}

#define SMALL_NUMBERS (1 << 15) /* a constant B with no more stays in the caches without being prefetched */

static bool is_small(const struct matrix_product *product) {
    return product->n <= SMALL_NUMBERS / product->k;
}

/* Right sides that are constant are packed in channel blocks where rows of A lie so, unless they are small. */
static enum product_way way_of(const struct op_call *call, const struct matrix_product *product) {
    const int64_t elements = tensor_elements(call->inputs[1]);
    if (product->k == 0)
        return PRODUCT_PANELS;
    if (product_has_few_columns(product))
        return PRODUCT_COLUMNS;
    if (packed_fits(call, product) && (!is_small(product) || elements != product->n * product->k))
        return PRODUCT_PACKED;
    if (!constant_weight(call, 1) && product_has_few_rows(product))
        return PRODUCT_ROWS;
    return product_has_tiles(product) ? PRODUCT_TILES : PRODUCT_PANELS;
}

static bool way_fits(const struct op_call *call, const struct matrix_product *product, enum product_way way) {
    switch (way) {
    case PRODUCT_PACKED:
        return product->k > 0 && packed_fits(call, product);
    case PRODUCT_ROWS:
        return product->k > 0 && product_has_few_rows(product);
    case PRODUCT_COLUMNS:
        return product->k > 0 && product_has_few_columns(product);
    case PRODUCT_TILES:
        return product->k > 0 && product_has_tiles(product);
    default:
        return true;
    }
}

static status prepare_packed(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct product_state *state = call->state;
    packed_take_weights(call, state);
    if (!state->packed)
        return fail_memory(err, "packed weights");
    state->strassen = strassen_fits(call);
    if (forced_choices_of(call->kernels)->strassen == FORCED_YES && !state->strassen)
        return fail(err, STATUS_UNSUPPORTED, "Strassen's algorithm cannot be had for this product");
    *workspace_bytes = state->strassen ? strassen_workspace_bytes(call) : packed_workspace_bytes(call->threads);
    return STATUS_OK;
}

static status prepare_panels(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct product_state *state = call->state;
    const struct matrix_product *product = &state->product;
    state->b_packed = constant_weight(call, 1) || (!constant_weight(call, 0) && product->m == 1);
    const struct tensor *source = call->inputs[state->b_packed];
    const int64_t size = packed_size(state);
    state->packed_bytes = source->bytes;
    state->matrices = size > 0 ? tensor_elements(source) / size : 0;
    if (constant_weight(call, state->b_packed)) {
        const struct product_side side = side_of(product, state->b_packed);
        const struct panels_packing job = {state, call->kernels->gemm, call->threads};
        const struct packing packing = {.name = call->kernels->gemm->name,
                                        .numbers = {state->matrices, side.size, side.stride, side.depth_stride},
                                        .bytes = source->bytes,
                                        .pack = pack_side,
                                        .context = &job};
        state->packed = weight_cache_get(call->weights, source, &packing);
        if (!state->packed)
            return fail_memory(err, "packed weights");
    }
    const size_t gemm = gemm_workspace_bytes(call->kernels->gemm, call->threads);
    const size_t packing_bytes = state->packed ? 0 : whole_line_bytes(state->packed_bytes);
    if (!size_add(gemm, packing_bytes, workspace_bytes))
        return fail(err, STATUS_LIMIT, "the workspace is too large");
    return STATUS_OK;
}

status product_prepare(struct op_call *call, const struct matrix_product *product, size_t *workspace_bytes,
                       struct error *err) {
    struct product_state *state = call->state;
    const int forced = forced_choices_of(call->kernels)->product;
    *state = (struct product_state){.product = *product,
                                    .way = forced ? (enum product_way)(forced - 1) : way_of(call, product)};
    if (!way_fits(call, product, state->way) ||
        (forced_choices_of(call->kernels)->strassen == FORCED_YES && state->way != PRODUCT_PACKED))
        return fail(err, STATUS_UNSUPPORTED, "this way cannot be had for this product");
    if (state->way == PRODUCT_PACKED)
        return prepare_packed(call, workspace_bytes, err);
    return state->way == PRODUCT_PANELS ? prepare_panels(call, workspace_bytes, err)
                                        : product_small_prepare(call, workspace_bytes, err);
}

/* What all jobs of one run read. */
struct product_call {
    const struct product_state *state;
    const struct kernels *kernels;
    const float *packed, *streamed, *c;
    float *y;
};

static void fetch(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                  float *tile) {
    const struct product_call *call = job->context;
    const struct product_side side = side_of(&call->state->product, !call->state->b_packed);
    const float *source = job->input + column0 * side.stride + depth0 * side.depth_stride;
    if (side.stride == 1) {
        for (int k = 0; k < depth; k++, source += side.depth_stride, tile += width) {
            memcpy(tile, source, (size_t)count * sizeof *tile);
            memset(tile + count, 0, (size_t)(width - count) * sizeof *tile);
        }
        return;
    }
    for (int column = 0; column < width; column++, source += side.stride)
        for (int k = 0; k < depth; k++)
            tile[k * width + column] = column < count ? source[k * side.depth_stride] : 0;
}

static void store(const struct gemm_job *job, int64_t row0, int rows, int64_t column0, int count, float *block,
                  size_t stride) {
    const struct product_call *call = job->context;
    const struct matrix_product *product = &call->state->product;
    const bool turned = call->state->b_packed; /* a row of the block is a column of Y */
    const int64_t m0 = turned ? column0 : row0, n0 = turned ? row0 : column0, n = turned ? rows : count;
    if (turned)
        row_kernel_of(call->kernels)
            ->turn(block, stride, (size_t)rows, (size_t)count, job->output + m0 * product->n + n0, (size_t)product->n);
    for (int64_t row = 0; row < (turned ? count : rows); row++) {
        float *y = job->output + (m0 + row) * product->n + n0;
        product_finish_row(call->kernels, product, call->c, m0 + row, n0, n, turned ? y : block + (size_t)row * stride,
                           y);
    }
}

static void make_job(const struct gemm_batch *batch, int64_t i, struct gemm_job *job) {
    const struct product_call *call = batch->context;
    const struct matrix_product *product = &call->state->product;
    const bool b_packed = call->state->b_packed;
    const int64_t a = product_offset(product, product->a_batch_strides, i);
    const int64_t b = product_offset(product, product->b_batch_strides, i);
    *job = (struct gemm_job){.panels = gemm_panels(call->kernels->gemm, side_of(product, b_packed).size, product->k),
                             .packed = call->packed + (b_packed ? b : a),
                             .columns = side_of(product, !b_packed).size,
                             .fetch = fetch,
                             .store = store,
                             .context = call,
                             .input = call->streamed + (b_packed ? a : b),
                             .output = call->y + i * product->m * product->n};
}

/* A depth of 0: every sum is empty. */
static void store_empty(const struct product_call *call, int64_t count) {
    const struct matrix_product *product = &call->state->product;
    for (int64_t i = 0; i < count; i++)
        call->y[i] = product_finish(product, call->c, 0, i / product->n % product->m, i % product->n);
}

status product_run(struct op_call *op_call, struct error *err) {
    (void)err;
    const struct product_state *state = op_call->state;
    const struct matrix_product *product = &state->product;
    const struct tensor *c = op_input(op_call, 2);
    struct product_call call = {.state = state,
                                .kernels = op_call->kernels,
                                .packed = state->packed,
                                .streamed = op_call->inputs[state->way == PRODUCT_PACKED ? 0 : !state->b_packed]->data,
                                .c = c ? c->data : NULL,
                                .y = op_call->outputs[0]->data};
    if (op_call->outputs[0]->bytes == 0)
        return STATUS_OK;
    if (product->k == 0) {
        store_empty(&call, tensor_elements(op_call->outputs[0]));
        return STATUS_OK;
    }
    if (state->way == PRODUCT_PACKED) {
        const struct packed_data data = {call.streamed, call.c, call.y};
        if (state->strassen)
            strassen_run(op_call, &data, op_call->workspace);
        else
            packed_run(op_call, &data, &(struct packed_area){0, product->m, 0, channel_blocks(product->n)},
                       op_call->workspace);
        return STATUS_OK;
    }
    if (state->way != PRODUCT_PANELS) {
        product_small_run(op_call);
        return STATUS_OK;
    }
    char *scratch = op_call->workspace;
    if (!call.packed) {
        const struct panels_packing job = {state, call.kernels->gemm, op_call->threads};
        pack_side(scratch, op_call->inputs[state->b_packed], &job);
        call.packed = (const float *)scratch;
        scratch += whole_line_bytes(state->packed_bytes);
    }
    gemm_run(&(struct gemm_batch){.kernel = call.kernels->gemm,
                                  .job_count = product_batches(product),
                                  .make = make_job,
                                  .context = &call,
                                  .largest_rows = side_of(product, state->b_packed).size,
                                  .largest_columns = side_of(product, !state->b_packed).size,
                                  .threads = op_call->threads,
                                  .workspace = scratch});
    return STATUS_OK;
}
