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
#include "ops/quant/matmul_nbits_numbers.h"

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
    const int64_t blocks = nbits_blocks(p), n = p->columns;
    const struct tensor *zeros = op_input(call, IN_ZEROS);
    const bool packed = zeros && zeros->dtype == DTYPE_UINT8;
    if (is_left_out(call))
        return check_count(call, IN_BIAS, n, err);
    if (check_count(call, IN_B, n * blocks * (p->block * p->bits / 8), err) ||
        check_count(call, IN_SCALES, n * blocks, err) ||
        check_count(call, IN_ZEROS, n * (packed ? nbits_zero_bytes(p) : blocks), err) ||
        check_count(call, IN_BIAS, n, err))
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

#define FEW_ROWS HALVES_ROWS

static status nbits_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct nbits_params *p = call->params;
    if (rows_of(call) <= FEW_ROWS) {
        *workspace_bytes = (size_t)nbits_whole_groups(p->depth) * HALVES_ROWS * sizeof(float);
        return STATUS_OK;
    }
    return size_add(whole_line_bytes(call->inputs[IN_A]->bytes),
                    gemm_workspace_bytes(call->kernels->gemm, call->threads), workspace_bytes)
               ? STATUS_OK
               : fail(err, STATUS_LIMIT, "the workspace is too large");
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
                             .fetch = nbits_is_halves(call) ? nbits_fetch_halves : nbits_fetch,
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
    const bool halves = nbits_is_halves(call);
    float numbers[GEMM_DEPTH], *y = call->outputs[0]->data;
    for (int64_t column = first; column < end; column++) {
        float sums[FEW_ROWS] = {0};
        if (halves)
            nbits_column_by_rows(call, column, rows, sums);
        for (int64_t k = 0, part; !halves && k < p->depth; k += part) {
            part = p->depth - k < GEMM_DEPTH ? p->depth - k : GEMM_DEPTH;
            nbits_column(call, column, k, part, numbers);
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
        if (group < 0 || group >= nbits_blocks(p))
            return fail(err, STATUS_INVALID_MODEL, "g_idx[%lld] is %lld, of %lld blocks", (long long)k,
                        (long long)group, (long long)nbits_blocks(p));
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
        if (nbits_is_halves(call))
            nbits_order_rows(call, rows);
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
