/*
 * onnxruntime's MatMulNBits (com.microsoft 1): rows by a matrix whose columns are stored in 2, 4 or 8 bits, in blocks
 * with a scale and a zero point each. Numbers are made of them where the product fetches its tiles, never as a whole.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"
#include "ops/kernels/bits.h"
#include "ops/kernels/families.h"
#include "ops/matmul/gemm.h"

#include <string.h>

enum nbits_input { IN_A, IN_B, IN_SCALES, IN_ZEROS, IN_GROUPS, IN_BIAS };

struct nbits_params {
    int64_t depth, columns, bits, block;
};

static status nbits_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct nbits_params *p = result;
    (void)call;
    p->depth = attribute_int(attributes, "K", 0);
    p->columns = attribute_int(attributes, "N", 0);
    p->bits = attribute_int(attributes, "bits", 4);
    p->block = attribute_int(attributes, "block_size", 0);
    attribute_ignore(attributes, "accuracy_level");
    if (p->depth < 1 || p->depth > INT32_MAX || p->columns < 1 || p->columns > INT32_MAX)
        return fail(err, STATUS_INVALID_MODEL, "attributes \"K\" and \"N\" are %lld and %lld, expected 1 or more",
                    (long long)p->depth, (long long)p->columns);
    if (p->block < 16 || p->block > INT32_MAX || (p->block & (p->block - 1)) != 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"block_size\" is %lld, expected a power of two from 16 on",
                    (long long)p->block);
    if ((p->bits != 2 && p->bits != 4 && p->bits != 8) || attribute_int(attributes, "weight_prepacked", 0) != 0)
        return fail(err, STATUS_UNSUPPORTED,
                    "attribute \"bits\" is %lld, expected 2, 4 or 8, and \"weight_prepacked\" 0", (long long)p->bits);
    return STATUS_OK;
}

static int64_t blocks_of(const struct nbits_params *p) {
    return divide_up(p->depth, p->block);
}

/* Bytes of the zero points of a column. */
static int64_t zero_bytes(const struct nbits_params *p) {
    return divide_up(blocks_of(p) * p->bits, 8);
}

static status check_count(const struct op_call *call, int i, int64_t count, struct error *err) {
    char name[ARG_TEXT_BYTES], text[SHAPE_TEXT_BYTES];
    const struct tensor *tensor = op_input(call, i);
    return !tensor || tensor_elements(tensor) == count
               ? STATUS_OK
               : fail(err, STATUS_SHAPE, "%s is %s, expected %lld numbers", op_input_text(call, i, name),
                      shape_text(&tensor->shape, text), (long long)count);
}

static bool is_left_out(const struct op_call *call) {
    return call->inputs[IN_B]->bytes == 0;
}

static status check_weights(const struct op_call *call, struct error *err) {
    const struct nbits_params *p = call->params;
    const int64_t blocks = blocks_of(p), n = p->columns;
    const struct tensor *zeros = op_input(call, IN_ZEROS);
    const bool packed = zeros && zeros->dtype == DTYPE_UINT8;
    if (is_left_out(call))
        return check_count(call, IN_BIAS, n, err);
    if (check_count(call, IN_B, n * blocks * (p->block * p->bits / 8), err) ||
        check_count(call, IN_SCALES, n * blocks, err) ||
        check_count(call, IN_ZEROS, n * (packed ? zero_bytes(p) : blocks), err) || check_count(call, IN_BIAS, n, err))
        return err->code;
    return !op_input(call, IN_GROUPS) || tensor_elements(call->inputs[IN_GROUPS]) >= p->depth
               ? STATUS_OK
               : fail(err, STATUS_SHAPE, "input 4 (g_idx) has fewer than %lld numbers", (long long)p->depth);
}

static status nbits_infer(struct op_call *call, struct error *err) {
    const struct nbits_params *p = call->params;
    struct shape shape = call->inputs[IN_A]->shape;
    char text[SHAPE_TEXT_BYTES];
    if (shape.rank < 1 || shape.dims[shape.rank - 1] != p->depth)
        return fail(err, STATUS_SHAPE, "input 0 (A) is %s, expected a last dimension of %lld", shape_text(&shape, text),
                    (long long)p->depth);
    shape.dims[shape.rank - 1] = p->columns;
    const status code = check_weights(call, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], DTYPE_FLOAT, &shape, err) : code;
}

static int64_t rows_of(const struct op_call *call) {
    return tensor_elements(call->inputs[IN_A]) / ((const struct nbits_params *)call->params)->depth;
}

static int64_t whole_groups(int64_t depth) {
    return divide_up(depth, HALVES_GROUP) * HALVES_GROUP;
}

#define FEW_ROWS HALVES_ROWS

static status nbits_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct nbits_params *p = call->params;
    if (rows_of(call) <= FEW_ROWS) {
        *workspace_bytes = (size_t)whole_groups(p->depth) * HALVES_ROWS * sizeof(float);
        return STATUS_OK;
    }
    return size_add(whole_line_bytes(call->inputs[IN_A]->bytes),
                    gemm_workspace_bytes(call->kernels->gemm, call->threads), workspace_bytes)
               ? STATUS_OK
               : fail(err, STATUS_LIMIT, "the workspace is too large");
}

/* ---- numbers of a column ---- */

static float zero_point(const struct op_call *call, int64_t column, int64_t block) {
    const struct nbits_params *p = call->params;
    const struct tensor *zeros = op_input(call, IN_ZEROS);
    if (!zeros)
        return (float)(1 << (p->bits - 1));
    if (zeros->dtype != DTYPE_UINT8)
        return ((const float *)zeros->data)[column * blocks_of(p) + block];
    const uint8_t byte = ((const uint8_t *)zeros->data)[column * zero_bytes(p) + block * p->bits / 8];
    return (float)(byte >> block * p->bits % 8 & ((1 << p->bits) - 1));
}

/* Depths first .. first + count - 1 of a column, in one block of it. A first one that stands inside a byte is alone. */
static void block_numbers(const struct op_call *call, int64_t column, int64_t block, int64_t first, int64_t count,
                          float *to) {
    const struct nbits_params *p = call->params;
    const float scale = ((const float *)call->inputs[IN_SCALES]->data)[column * blocks_of(p) + block];
    const float zero = zero_point(call, column, block);
    const int64_t bit = first * p->bits % 8;
    const uint8_t *from = (const uint8_t *)call->inputs[IN_B]->data + column * blocks_of(p) * (p->block * p->bits / 8) +
                          first * p->bits / 8;
    if (bit == 0)
        bits_kernel_of(call->kernels)->unpack(from, (int)p->bits, (size_t)count, scale, zero, to);
    else
        *to = ((float)(*from >> bit & ((1 << p->bits) - 1)) - zero) * scale;
}

static void column_numbers(const struct op_call *call, int64_t column, int64_t depth0, int64_t depth, float *to) {
    const struct nbits_params *p = call->params;
    const struct tensor *groups = op_input(call, IN_GROUPS);
    for (int64_t k = depth0, count; k < depth0 + depth; k += count) {
        const int64_t block = groups ? int_of(groups, k) : k / p->block;
        const int64_t left = depth0 + depth - k, rest = p->block - k % p->block;
        count = groups ? 1 : rest < left ? rest : left;
        block_numbers(call, column, block, k, count, to + (k - depth0));
    }
}

/* ---- numbers of 4 bits in the order of blocks, which have kernels of their own ---- */

static bool is_halves(const struct op_call *call) {
    const struct nbits_params *p = call->params;
    return p->bits == 4 && p->block >= HALVES_GROUP && !op_input(call, IN_GROUPS);
}

/* Rows of A in the order of the kernel, 1 or HALVES_ROWS of them. */
static void order_rows(const struct op_call *call, int64_t rows) {
    const int64_t depth = ((const struct nbits_params *)call->params)->depth, stride = whole_groups(depth);
    const float *a = call->inputs[IN_A]->data;
    for (int64_t r = 0; r < (rows == 1 ? 1 : HALVES_ROWS); r++)
        bits_kernel_of(call->kernels)
            ->halves_order(a + (r < rows ? r * depth : 0), r < rows ? (size_t)depth : 0,
                           (float *)call->workspace + r * stride);
}

static void column_by_rows(const struct op_call *call, int64_t column, int64_t rows, float *sums) {
    const struct nbits_params *p = call->params;
    const struct tensor *zeros = op_input(call, IN_ZEROS);
    const int64_t blocks = blocks_of(p), depth = whole_groups(p->depth);
    const bool codes = zeros && zeros->dtype == DTYPE_UINT8;
    const struct halves_column all = {.from =
                                          (const uint8_t *)call->inputs[IN_B]->data + column * blocks * (p->block / 2),
                                      .scales = (const float *)call->inputs[IN_SCALES]->data + column * blocks,
                                      .zeros = zeros && !codes ? (const float *)zeros->data + column * blocks : NULL,
                                      .codes = codes ? (const uint8_t *)zeros->data + column * zero_bytes(p) : NULL,
                                      .groups = (size_t)(depth / HALVES_GROUP),
                                      .per_scale = (size_t)(p->block / HALVES_GROUP)};
    bits_kernel_of(call->kernels)->halves_dot((int)rows, call->workspace, (size_t)depth, &all, sums);
}

/* ---- the product ---- */

#define FETCH_COLUMNS 8 /* at a time: lines of a tile are written piece by piece */

static void fetch(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                  float *tile) {
    float numbers[FETCH_COLUMNS][GEMM_DEPTH];
    for (int c = 0; c < width; c += FETCH_COLUMNS) {
        const int part = width - c < FETCH_COLUMNS ? width - c : FETCH_COLUMNS;
        for (int i = 0; i < part; i++)
            if (c + i < count)
                column_numbers(job->context, column0 + c + i, depth0, depth, numbers[i]);
            else
                memset(numbers[i], 0, sizeof numbers[i]);
        for (int k = 0; k < depth; k++)
            for (int i = 0; i < part; i++)
                tile[k * width + c + i] = numbers[i][k];
    }
}

static float half_at(const uint8_t *halves, int64_t i) {
    return (float)(halves[i / 2] >> i % 2 * 4 & 15);
}

/* A tile of numbers of 4 bits, block by block. */
static void fetch_halves(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                         float *tile) {
    const struct op_call *call = job->context;
    const struct nbits_params *p = call->params;
    if (count < width)
        memset(tile, 0, (size_t)depth * (size_t)width * sizeof *tile);
    const int64_t blocks = blocks_of(p), bytes = blocks * (p->block / 2), stride = zero_bytes(p);
    const struct tensor *zeros = op_input(call, IN_ZEROS);
    const float *scales = call->inputs[IN_SCALES]->data;
    for (int c = 0; c < count; c += HALVES_WIDTH) {
        const int64_t first = column0 + c;
        const int columns = (int)at_most(count - c, HALVES_WIDTH);
        struct halves_block some = {.stride = (size_t)bytes};
        for (int64_t k = depth0, block = k / p->block, part; k < depth0 + depth; k += part, block++) {
            part = at_most((block + 1) * p->block - k, depth0 + depth - k);
            for (int64_t i = 0; i < columns; i++) {
                some.scales[i] = scales[(first + i) * blocks + block];
                some.zeros[i] = !zeros ? 8
                                : zeros->dtype == DTYPE_UINT8
                                    ? half_at((const uint8_t *)zeros->data + (first + i) * stride, block)
                                    : ((const float *)zeros->data)[(first + i) * blocks + block];
            }
            some.from = (const uint8_t *)call->inputs[IN_B]->data + first * bytes + k / 2;
            bits_kernel_of(call->kernels)
                ->halves_lines(&some, columns, (size_t)part, (size_t)width, tile + (k - depth0) * width + c);
        }
    }
}

static void store(const struct gemm_job *job, int64_t row0, int rows, int64_t column0, int count, float *block,
                  size_t stride) {
    const struct op_call *call = job->context;
    const struct tensor *bias = op_input(call, IN_BIAS);
    const int64_t n = ((const struct nbits_params *)call->params)->columns;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < count; c++)
            job->output[(row0 + r) * n + column0 + c] =
                block[(size_t)r * stride + (size_t)c] + (bias ? ((const float *)bias->data)[column0 + c] : 0);
}

static void make_job(const struct gemm_batch *batch, int64_t i, struct gemm_job *job) {
    const struct op_call *call = batch->context;
    const struct nbits_params *p = call->params;
    (void)i;
    *job = (struct gemm_job){.panels = gemm_panels(batch->kernel, rows_of(call), p->depth),
                             .packed = call->workspace,
                             .columns = p->columns,
                             .fetch = is_halves(call) ? fetch_halves : fetch,
                             .store = store,
                             .context = call,
                             .output = call->outputs[0]->data};
}

/* Few rows by some columns: numbers are made, and multiplied where they lie. */
static void few_rows(void *context, int64_t first, int64_t end) {
    const struct op_call *call = context;
    const struct nbits_params *p = call->params;
    const struct tensor *bias = op_input(call, IN_BIAS);
    const int64_t rows = rows_of(call);
    const bool halves = is_halves(call);
    float numbers[GEMM_DEPTH], *y = call->outputs[0]->data;
    for (int64_t column = first; column < end; column++) {
        float sums[FEW_ROWS] = {0};
        if (halves)
            column_by_rows(call, column, rows, sums);
        for (int64_t k = 0, part; !halves && k < p->depth; k += part) {
            part = p->depth - k < GEMM_DEPTH ? p->depth - k : GEMM_DEPTH;
            column_numbers(call, column, k, part, numbers);
            for (int64_t r = 0; r < rows; r++)
                sums[r] +=
                    bits_kernel_of(call->kernels)
                        ->float_dot((const float *)call->inputs[IN_A]->data + r * p->depth + k, numbers, (size_t)part);
        }
        for (int64_t r = 0; r < rows; r++)
            y[r * p->columns + column] = sums[r] + (bias ? ((const float *)bias->data)[column] : 0);
    }
}

static status check_groups(const struct op_call *call, struct error *err) {
    const struct nbits_params *p = call->params;
    for (int64_t k = 0; op_input(call, IN_GROUPS) && k < p->depth; k++) {
        const int64_t group = int_of(call->inputs[IN_GROUPS], k);
        if (group < 0 || group >= blocks_of(p))
            return fail(err, STATUS_INVALID_MODEL, "g_idx[%lld] is %lld, of %lld blocks", (long long)k,
                        (long long)group, (long long)blocks_of(p));
    }
    return STATUS_OK;
}

static status nbits_run(struct op_call *call, struct error *err) {
    const struct nbits_params *p = call->params;
    const struct tensor *bias = op_input(call, IN_BIAS);
    const int64_t rows = rows_of(call);
    float *y = call->outputs[0]->data;
    if (is_left_out(call))
        for (int64_t i = 0; i < rows * p->columns; i++)
            y[i] = bias ? ((const float *)bias->data)[i % p->columns] : 0;
    if (rows == 0 || is_left_out(call))
        return STATUS_OK;
    if (check_groups(call, err) != STATUS_OK)
        return err->code;
    if (rows <= FEW_ROWS) {
        if (is_halves(call))
            order_rows(call, rows);
        team_for(call->threads, p->columns, few_rows, call);
        return STATUS_OK;
    }
    const struct gemm_panels panels = gemm_panels(call->kernels->gemm, rows, p->depth);
    gemm_pack_panels(&panels, call->inputs[IN_A]->data, p->depth, 1, call->workspace);
    gemm_run(&(struct gemm_batch){.kernel = call->kernels->gemm,
                                  .job_count = 1,
                                  .make = make_job,
                                  .context = call,
                                  .largest_rows = rows,
                                  .largest_columns = p->columns,
                                  .threads = call->threads,
                                  .workspace = (char *)call->workspace + whole_line_bytes(call->inputs[IN_A]->bytes)});
    return STATUS_OK;
}

static double nbits_macs(const struct op_call *call) {
    return (double)tensor_elements(call->inputs[IN_A]) * (double)((const struct nbits_params *)call->params)->columns;
}

static const struct op_facts facts = {.reach = op_reach_product};

const struct op ops_matmul_nbits[] = {
    {.name = "MatMulNBits",
     .domain = "com.microsoft",
     .since = 1,
     .inputs = (const struct op_arg[]){{"A", TYPES_FLOAT, ARG_T1},
                                       {"B", TYPE(DTYPE_UINT8), 0},
                                       {"scales", TYPES_FLOAT, ARG_T1},
                                       {"zero_points", TYPE(DTYPE_UINT8) | TYPES_FLOAT, ARG_OPTIONAL},
                                       {"g_idx", TYPE(DTYPE_INT32), ARG_OPTIONAL},
                                       {"bias", TYPES_FLOAT, ARG_T1 | ARG_OPTIONAL},
                                       {0}},
     .outputs = (const struct op_arg[]){{"Y", TYPES_FLOAT, ARG_T1}, {0}},
     .params_size = sizeof(struct nbits_params),
     .parse = nbits_parse,
     .infer = nbits_infer,
     .prepare = nbits_prepare,
     .run = nbits_run,
     .macs = nbits_macs,
     .facts = &facts},
    {0}};
