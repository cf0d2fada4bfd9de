/*
 * MatMulInteger (ONNX 10), QLinearMatMul (ONNX 10, 21), and com.microsoft's MatMulIntegerToFloat and
 * DynamicQuantizeMatMul: products of int8 or uint8 in int32. Both sides are brought to 16 bits less their zero points,
 * one matrix of the batch at a time, B with its columns as lines.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/op_facts.h"
#include "ops/kernels/families.h"
#include "ops/matmul/matmul_shape.h"
#include "ops/quant/dynamic.h"
#include "ops/quant/numbers.h"
#include "ops/quant/terms.h"

#include <math.h>

/* Which inputs an operator has; 0: none (input 0 is A). */
struct quant_matmul_row {
    int a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero, bias;
    bool dynamic; /* A is float, and quantized here */
};

static const struct quant_matmul_row *row_of(const struct op_call *call) {
    return call->op->row;
}

struct quant_product {
    const struct op_call *call;
    const struct quant_matmul_row *row;
    struct matrix_product shape;
    struct quant_terms a_scale, a_zero, b_scale, b_zero;
    float y_scale, y_zero;
    const void *a_data;
    enum dtype a_type;
    struct dynamic_range range; /* of a dynamic one */
    int16_t *a, *b;             /* [m][k], [n][k] of one matrix */
    int64_t matrix;
};

static status read_terms(struct quant_product *p, struct error *err) {
    const struct op_call *call = p->call;
    const struct quant_matmul_row *row = p->row;
    const int64_t batches = product_batches(&p->shape), m = p->shape.m, n = p->shape.n;
    const int none = call->input_count; /* beyond the list */
    if (quant_terms_of(call, row->a_scale ? row->a_scale : none, 1, m, m * batches, &p->a_scale, err) ||
        quant_terms_of(call, row->a_zero ? row->a_zero : none, 0, m, m * batches, &p->a_zero, err) ||
        quant_terms_of(call, row->b_scale ? row->b_scale : none, 1, n, n * batches, &p->b_scale, err) ||
        quant_terms_of(call, row->b_zero ? row->b_zero : none, 0, n, n * batches, &p->b_zero, err))
        return err->code;
    const struct tensor *bias = row->bias ? op_input(call, row->bias) : NULL;
    if (bias && (bias->shape.rank != 1 || bias->shape.dims[0] != n))
        return fail(err, STATUS_SHAPE, "input %d (bias) must have %lld elements, one a column", row->bias,
                    (long long)n);
    return STATUS_OK;
}

static status shape_of(const struct op_call *call, struct quant_product *p, struct error *err) {
    *p = (struct quant_product){.call = call, .row = row_of(call)};
    const status code = matmul_product(call, p->row->b, NULL, &p->shape, err);
    return code == STATUS_OK ? read_terms(p, err) : code;
}

static enum dtype result_type(const struct op_call *call) {
    const int zero = row_of(call)->y_zero;
    return zero ? call->inputs[zero]->dtype : row_of(call)->b_scale ? DTYPE_FLOAT : DTYPE_INT32;
}

static status infer(struct op_call *call, struct error *err) {
    struct quant_product p;
    const status code = shape_of(call, &p, err);
    return code == STATUS_OK ? matmul_describe(call, p.row->b, NULL, result_type(call), err) : code;
}

/* Parts of the workspace: A, B, and a dynamic A in uint8. */
static bool workspace_parts(const struct quant_product *p, size_t parts[3]) {
    const size_t k = (size_t)p->shape.k * sizeof(int16_t);
    parts[2] = p->row->dynamic ? (size_t)tensor_elements(p->call->inputs[0]) : 0;
    return size_mul((size_t)p->shape.m, k, &parts[0]) && size_mul((size_t)p->shape.n, k, &parts[1]);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct quant_product p;
    size_t parts[3], all = 0;
    const status code = shape_of(call, &p, err);
    if (code != STATUS_OK)
        return code;
    bool ok = workspace_parts(&p, parts);
    for (int i = 0; ok && i < 3; i++)
        ok = size_add(all, whole_line_bytes(parts[i]), &all);
    *workspace_bytes = all;
    return ok && size_mul((size_t)p.shape.n + 1, sizeof(int32_t), &call->own_bytes)
               ? STATUS_OK
               : fail(err, STATUS_LIMIT, "the workspace of the product is too large");
}

/* ---- one matrix of the batch ---- */

static void center_a(void *context, int64_t first, int64_t end) {
    const struct quant_product *p = context;
    const int64_t k = p->shape.k, offset = product_offset(&p->shape, p->shape.a_batch_strides, p->matrix);
    for (int64_t i = first; i < end; i++) {
        const float zero = p->row->dynamic ? p->range.zero : quant_term(&p->a_zero, p->matrix * p->shape.m + i);
        quant_center(p->a_type, p->a_data, offset + i * k, 1, k, (int)zero, p->a + i * k);
    }
}

static void center_b(void *context, int64_t first, int64_t end) {
    const struct quant_product *p = context;
    const struct tensor *b = p->call->inputs[p->row->b];
    const int64_t k = p->shape.k, offset = product_offset(&p->shape, p->shape.b_batch_strides, p->matrix);
    for (int64_t i = first; i < end; i++)
        quant_center(b->dtype, b->data, offset + i, p->shape.n, k,
                     (int)quant_term(&p->b_zero, p->matrix * p->shape.n + i), p->b + i * k);
}

/* A row of sums becomes a row of the output. */
static void finish_row(const struct quant_product *p, int64_t row, const int32_t *sums) {
    struct tensor *y = p->call->outputs[0];
    const int64_t n = p->shape.n, first = row * n;
    const struct tensor *bias = p->row->bias ? op_input(p->call, p->row->bias) : NULL;
    const float a_scale = p->row->dynamic ? p->range.scale : quant_term(&p->a_scale, row);
    float chunk[CONVERT_CHUNK];
    for (int64_t i = 0; y->dtype == DTYPE_INT32 && i < n; i++)
        ((int32_t *)y->data)[first + i] = sums[i];
    for (int64_t i = 0, count; y->dtype != DTYPE_INT32 && i < n; i += count) {
        count = n - i < CONVERT_CHUNK ? n - i : CONVERT_CHUNK;
        for (int64_t j = 0; j < count; j++) {
            const float scale = a_scale * quant_term(&p->b_scale, p->matrix * n + i + j);
            if (p->row->y_zero)
                chunk[j] = rintf((float)sums[i + j] * (scale / p->y_scale)) + p->y_zero;
            else
                chunk[j] = (float)sums[i + j] * scale + (bias ? ((const float *)bias->data)[i + j] : 0);
        }
        numbers_store(y->dtype, chunk, y->data, (size_t)(first + i), (size_t)count, true);
    }
}

static void multiply(struct team_thread self, void *context) {
    const struct quant_product *p = context;
    const struct team_range rows = team_range_of(self, p->shape.m);
    int32_t *sums = (int32_t *)(void *)(p->call->own + (size_t)self.index * p->call->own_stride);
    for (int64_t i = rows.first; i < rows.end; i++) {
        integer_kernel_of(p->call->kernels)
            ->dots(p->a + i * p->shape.k, p->b, (size_t)p->shape.k, (size_t)p->shape.n, sums);
        finish_row(p, p->matrix * p->shape.m + i, sums);
    }
}

static void start(struct quant_product *p) {
    const struct op_call *call = p->call;
    size_t parts[3] = {0};
    workspace_parts(p, parts);
    p->a = call->workspace;
    p->b = (int16_t *)(void *)((char *)call->workspace + whole_line_bytes(parts[0]));
    p->a_data = call->inputs[0]->data;
    p->a_type = call->inputs[0]->dtype;
    p->y_scale = p->row->y_scale ? number_of(call->inputs[p->row->y_scale], 1) : 1;
    p->y_zero = p->row->y_zero ? number_of(call->inputs[p->row->y_zero], 0) : 0;
    if (!p->row->dynamic)
        return;
    uint8_t *quantized = (uint8_t *)p->b + whole_line_bytes(parts[1]);
    p->range = dynamic_range_of(call->inputs[0]->data, parts[2]);
    dynamic_quantize(call->inputs[0]->data, parts[2], p->range, quantized, call->threads);
    p->a_data = quantized;
    p->a_type = DTYPE_UINT8;
}

static status run(struct op_call *call, struct error *err) {
    struct quant_product p;
    const status code = shape_of(call, &p, err);
    if (code != STATUS_OK || call->outputs[0]->bytes == 0)
        return code;
    start(&p);
    for (p.matrix = 0; p.matrix < product_batches(&p.shape); p.matrix++) {
        team_for(call->threads, p.shape.m, center_a, &p);
        team_for(call->threads, p.shape.n, center_b, &p);
        team_run(call->threads, multiply, &p);
    }
    return STATUS_OK;
}

static double macs(const struct op_call *call) {
    const struct shape *a = &call->inputs[0]->shape;
    return (a->rank ? (double)a->dims[a->rank - 1] : 1) * (double)tensor_elements(call->outputs[0]);
}

static enum dtype to_float(const struct op_call *call, int output) {
    (void)call, (void)output;
    return DTYPE_FLOAT;
}

static const struct op_facts facts = {.reach = op_reach_product};
static const struct quant_matmul_row integer_row = {.a_zero = 2, .b = 1, .b_zero = 3};
static const struct quant_matmul_row linear_row = {
    .a_scale = 1, .a_zero = 2, .b = 3, .b_scale = 4, .b_zero = 5, .y_scale = 6, .y_zero = 7};
static const struct quant_matmul_row to_float_row = {
    .b = 1, .a_scale = 2, .b_scale = 3, .a_zero = 4, .b_zero = 5, .bias = 6};
static const struct quant_matmul_row dynamic_row = {.b = 1, .b_scale = 2, .b_zero = 3, .bias = 4, .dynamic = true};

#define PRODUCT(NAME, DOMAIN, SINCE, ROW, Y, Y_FLAGS, TYPE_OF, ...)                                          \
    {                                                                                                        \
        .name = NAME, .domain = DOMAIN, .since = SINCE, .inputs = (const struct op_arg[]){__VA_ARGS__, {0}}, \
        .outputs = (const struct op_arg[]){{"y", Y, Y_FLAGS}, {0}}, .infer = infer, .prepare = prepare,      \
        .output_type = TYPE_OF, .run = run, .macs = macs, .facts = &facts, .row = &(ROW)                     \
    }
#define OPTIONAL ARG_OPTIONAL

const struct op ops_quant_matmul[] = {
    PRODUCT("MatMulInteger", "", 10, integer_row, TYPE(DTYPE_INT32), ARG_T3, NULL, {"A", TYPES_INT8, ARG_T1},
            {"B", TYPES_INT8, ARG_T2}, {"a_zero_point", TYPES_INT8, ARG_T1 | OPTIONAL},
            {"b_zero_point", TYPES_INT8, ARG_T2 | OPTIONAL}),
    PRODUCT("QLinearMatMul", "", 10, linear_row, TYPES_INT8, ARG_T3, NULL, {"a", TYPES_INT8, ARG_T1},
            {"a_scale", TYPES_FLOAT | TYPES_HALF, ARG_T}, {"a_zero_point", TYPES_INT8, ARG_T1},
            {"b", TYPES_INT8, ARG_T2}, {"b_scale", TYPES_FLOAT | TYPES_HALF, ARG_T},
            {"b_zero_point", TYPES_INT8, ARG_T2}, {"y_scale", TYPES_FLOAT | TYPES_HALF, ARG_T},
            {"y_zero_point", TYPES_INT8, ARG_T3}),
    PRODUCT("MatMulIntegerToFloat", "com.microsoft", 1, to_float_row, TYPES_FLOAT, ARG_T3, to_float,
            {"A", TYPES_INT8, ARG_T1}, {"B", TYPES_INT8, ARG_T2}, {"a_scale", TYPES_FLOAT, ARG_T3},
            {"b_scale", TYPES_FLOAT, ARG_T3}, {"a_zero_point", TYPES_INT8, ARG_T1 | OPTIONAL},
            {"b_zero_point", TYPES_INT8, ARG_T2 | OPTIONAL}, {"bias", TYPES_FLOAT, ARG_T3 | OPTIONAL}),
    PRODUCT("DynamicQuantizeMatMul", "com.microsoft", 1, dynamic_row, TYPES_FLOAT, ARG_T1, NULL,
            {"A", TYPES_FLOAT, ARG_T1}, {"B", TYPES_INT8, ARG_T2}, {"b_scale", TYPES_FLOAT, ARG_T1},
            {"b_zero_point", TYPES_INT8, ARG_T2 | OPTIONAL}, {"bias", TYPES_FLOAT, ARG_T1 | OPTIONAL}),
    {0},
};
