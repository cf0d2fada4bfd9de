/*
 * QGemm (com.microsoft 1): alpha (A B + C) of int8 or uint8, in int32; one or both of A and B transposed. The result is
 * scaled to floats, or quantized again. C has the scale of the products.
 */
#include "base/checked.h"
#include "base/simd.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/quant/numbers.h"
#include "ops/quant/terms.h"

#include <math.h>

enum { IN_A, IN_A_SCALE, IN_A_ZERO, IN_B, IN_B_SCALE, IN_B_ZERO, IN_C, IN_Y_SCALE, IN_Y_ZERO };

struct quant_gemm {
    float alpha;
    bool transpose_a, transpose_b;
};

/* A call as its body sees it. */
struct gemm_work {
    const struct op_call *call;
    int64_t m, k, n;
    int64_t a_row, a_column, b_row, b_column; /* steps, in elements */
    int64_t c_row, c_column;                  /* 0 where C repeats */
    struct quant_terms b_scale, b_zero;
    int a_zero;
    float scale; /* of A, times alpha */
    int16_t *b;  /* [k][n], less its zero points */
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct quant_gemm *params = result;
    (void)call, (void)err;
    params->alpha = attribute_float(attributes, "alpha", 1);
    params->transpose_a = attribute_int(attributes, "transA", 0) != 0;
    params->transpose_b = attribute_int(attributes, "transB", 0) != 0;
    return STATUS_OK;
}

static status read_c(struct gemm_work *work, struct error *err) {
    const struct tensor *c = op_input(work->call, IN_C);
    char text[SHAPE_TEXT_BYTES];
    if (!c)
        return STATUS_OK;
    const int rank = c->shape.rank;
    const int64_t rows = rank > 1 ? c->shape.dims[0] : 1, columns = rank > 0 ? c->shape.dims[rank - 1] : 1;
    if (rank > 2 || (rows != 1 && rows != work->m) || (columns != 1 && columns != work->n))
        return fail(err, STATUS_SHAPE, "input 6 (C) %s does not broadcast to [%lld,%lld]", shape_text(&c->shape, text),
                    (long long)work->m, (long long)work->n);
    work->c_row = rows == 1 ? 0 : columns;
    work->c_column = columns == 1 ? 0 : 1;
    return STATUS_OK;
}

static status check_single(const struct op_call *call, int i, struct error *err) {
    const struct tensor *tensor = op_input(call, i);
    char name[ARG_TEXT_BYTES];
    return !tensor || tensor_elements(tensor) == 1
               ? STATUS_OK
               : fail(err, STATUS_SHAPE, "%s must have one element", op_input_text(call, i, name));
}

static status resolve(const struct op_call *call, struct gemm_work *work, struct error *err) {
    const struct quant_gemm *params = call->params;
    const struct shape *a = &call->inputs[IN_A]->shape, *b = &call->inputs[IN_B]->shape;
    char left[SHAPE_TEXT_BYTES], right[SHAPE_TEXT_BYTES];
    static const int single[] = {IN_A_SCALE, IN_A_ZERO, IN_Y_SCALE, IN_Y_ZERO};
    *work = (struct gemm_work){.call = call};
    if (a->rank != 2 || b->rank != 2 || a->dims[!params->transpose_a] != b->dims[params->transpose_b])
        return fail(err, STATUS_SHAPE, "A %s and B %s make no product of two matrices", shape_text(a, left),
                    shape_text(b, right));
    work->m = a->dims[params->transpose_a];
    work->k = a->dims[!params->transpose_a];
    work->n = b->dims[!params->transpose_b];
    work->a_row = params->transpose_a ? 1 : work->k;
    work->a_column = params->transpose_a ? work->m : 1;
    work->b_row = params->transpose_b ? 1 : work->n;
    work->b_column = params->transpose_b ? work->k : 1;
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if (check_single(call, single[i], err) != STATUS_OK)
            return err->code;
    if (quant_terms_of(call, IN_B_SCALE, 1, work->n, work->n, &work->b_scale, err) != STATUS_OK ||
        quant_terms_of(call, IN_B_ZERO, 0, work->n, work->n, &work->b_zero, err) != STATUS_OK)
        return err->code;
    return read_c(work, err);
}

/* Without a zero point. */
static enum dtype result_type(const struct op_call *call, int output) {
    (void)call, (void)output;
    return DTYPE_FLOAT;
}

static status infer(struct op_call *call, struct error *err) {
    const struct tensor *zero = op_input(call, IN_Y_ZERO);
    struct gemm_work work;
    const status code = resolve(call, &work, err);
    const struct shape shape = {.rank = 2, .dims = {work.m, work.n}};
    if (zero && zero->dtype == DTYPE_FLOAT)
        return fail(err, STATUS_INVALID_MODEL, "input 8 (y_zero_point) is float, expected int8 or uint8");
    return code == STATUS_OK ? tensor_describe(call->outputs[0], zero ? zero->dtype : DTYPE_FLOAT, &shape, err) : code;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct gemm_work work;
    const status code = resolve(call, &work, err);
    if (code != STATUS_OK)
        return code;
    return size_mul((size_t)work.k, (size_t)work.n * sizeof(int16_t), workspace_bytes) &&
                   size_mul((size_t)work.n + 1, sizeof(int32_t), &call->own_bytes)
               ? STATUS_OK
               : fail(err, STATUS_LIMIT, "the workspace of the product is too large");
}

static int element(const struct tensor *tensor, int64_t i) {
    return tensor->dtype == DTYPE_INT8 ? ((const int8_t *)tensor->data)[i] : ((const uint8_t *)tensor->data)[i];
}

static void center_rows(void *context, int64_t first, int64_t end) {
    const struct gemm_work *work = context;
    const struct tensor *b = work->call->inputs[IN_B];
    for (int64_t k = first; k < end; k++)
        for (int64_t j = 0; j < work->n; j++)
            work->b[k * work->n + j] =
                (int16_t)(element(b, k * work->b_row + j * work->b_column) - (int)quant_term(&work->b_zero, j));
}

/* Sums wrap as those of MatMulInteger do. */
static void sum_row(const struct gemm_work *work, int64_t row, uint32_t *sums) {
    const struct tensor *a = work->call->inputs[IN_A], *c = op_input(work->call, IN_C);
    for (int64_t j = 0; j < work->n; j++)
        sums[j] = c ? (uint32_t)((const int32_t *)c->data)[row * work->c_row + j * work->c_column] : 0;
    for (int64_t k = 0; k < work->k; k++) {
        const int32_t x = element(a, row * work->a_row + k * work->a_column) - work->a_zero;
        const int16_t *b = work->b + k * work->n;
        SIMD for (int64_t j = 0; j < work->n; j++) sums[j] += (uint32_t)(x * b[j]);
    }
}

static void finish_row(const struct gemm_work *work, int64_t row, const int32_t *sums) {
    const struct op_call *call = work->call;
    struct tensor *y = call->outputs[0];
    const float y_scale = number_of(op_input(call, IN_Y_SCALE), 1), zero = number_of(op_input(call, IN_Y_ZERO), 0);
    float chunk[CONVERT_CHUNK];
    for (int64_t j = 0, count; j < work->n; j += count) {
        count = work->n - j < CONVERT_CHUNK ? work->n - j : CONVERT_CHUNK;
        for (int64_t i = 0; i < count; i++) {
            const float scale = work->scale * quant_term(&work->b_scale, j + i);
            chunk[i] = y->dtype == DTYPE_FLOAT ? (float)sums[j + i] * scale
                                               : rintf((float)sums[j + i] * (scale / y_scale)) + zero;
        }
        numbers_store(y->dtype, chunk, y->data, (size_t)(row * work->n + j), (size_t)count, true);
    }
}

static void multiply(struct team_thread self, void *context) {
    const struct gemm_work *work = context;
    const struct team_range rows = team_range_of(self, work->m);
    void *own = work->call->own + (size_t)self.index * work->call->own_stride;
    for (int64_t i = rows.first; i < rows.end; i++) {
        sum_row(work, i, own);
        finish_row(work, i, own);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct quant_gemm *params = call->params;
    struct gemm_work work;
    const status code = resolve(call, &work, err);
    if (code != STATUS_OK || call->outputs[0]->bytes == 0)
        return code;
    work.a_zero = (int)number_of(call->inputs[IN_A_ZERO], 0);
    work.scale = params->alpha * number_of(call->inputs[IN_A_SCALE], 1);
    work.b = call->workspace;
    team_for(call->threads, work.k, center_rows, &work);
    team_run(call->threads, multiply, &work);
    return STATUS_OK;
}

static double macs(const struct op_call *call) {
    const struct quant_gemm *params = call->params;
    return (double)call->inputs[IN_A]->shape.dims[!params->transpose_a] * (double)tensor_elements(call->outputs[0]);
}

static const struct op_facts facts = {.reach = op_reach_product};

static const struct op_arg inputs[] = {{"A", TYPES_INT8, ARG_T},
                                       {"a_scale", TYPES_FLOAT, 0},
                                       {"a_zero_point", TYPES_INT8, ARG_T},
                                       {"B", TYPES_INT8, ARG_T1},
                                       {"b_scale", TYPES_FLOAT, 0},
                                       {"b_zero_point", TYPES_INT8, ARG_T1},
                                       {"C", TYPE(DTYPE_INT32), ARG_OPTIONAL},
                                       {"y_scale", TYPES_FLOAT, ARG_OPTIONAL},
                                       {"y_zero_point", TYPES_INT8 | TYPES_FLOAT, ARG_T2 | ARG_OPTIONAL},
                                       {0}};
static const struct op_arg outputs[] = {{"Y", TYPES_INT8 | TYPES_FLOAT, ARG_T2}, {0}};

const struct op ops_quant_gemm[] = {{.name = "QGemm",
                                     .domain = "com.microsoft",
                                     .since = 1,
                                     .inputs = inputs,
                                     .outputs = outputs,
                                     .params_size = sizeof(struct quant_gemm),
                                     .output_type = result_type,
                                     .parse = parse,
                                     .infer = infer,
                                     .prepare = prepare,
                                     .run = run,
                                     .macs = macs,
                                     .facts = &facts},
                                    {0}};
