/* MatMul (ONNX 1, 9, 13) with numpy's broadcasting, and Gemm (ONNX 7, 9, 11, 13). */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/matmul/matmul_shape.h"
#include "ops/matmul/plain_product.h"
#include "ops/matmul/product_run.h"

/* ---- MatMul ---- */

static status matmul_infer(struct op_call *call, struct error *err) {
    return matmul_describe(call, 1, call->inputs[0]->dtype, err);
}

static status matmul_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct matrix_product product;
    const status code = matmul_product(call, 1, &product, err);
    if (code != STATUS_OK || call->inputs[0]->dtype != DTYPE_FLOAT)
        return code;
    matmul_merge_batch(&call->inputs[0]->shape, &call->inputs[1]->shape, &product);
    return product_prepare(call, &product, workspace_bytes, err);
}

static status run_matmul(struct op_call *call, struct error *err) {
    struct matrix_product product;
    if (call->inputs[0]->dtype == DTYPE_FLOAT)
        return product_run(call, err);
    const status code = matmul_product(call, 1, &product, err);
    if (code == STATUS_OK)
        plain_product(call, &product);
    return code;
}

static double matmul_macs(const struct op_call *call) {
    const struct tensor *a = call->inputs[0];
    const double depth = a->shape.rank ? (double)a->shape.dims[a->shape.rank - 1] : 1;
    return depth * (double)tensor_elements(call->outputs[0]);
}

/* ---- Gemm ---- */

struct gemm_params {
    float alpha, beta;
    bool transpose_a, transpose_b;
};

static status gemm_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct gemm_params *params = result;
    (void)call;
    (void)err;
    params->alpha = attribute_float(attributes, "alpha", 1);
    params->beta = attribute_float(attributes, "beta", 1);
    params->transpose_a = attribute_int(attributes, "transA", 0) != 0;
    params->transpose_b = attribute_int(attributes, "transB", 0) != 0;
    return STATUS_OK;
}

/* C broadcasts to [m,n] one way. */
static status gemm_addend(const struct op_call *call, struct matrix_product *product, struct error *err) {
    const struct tensor *c = op_input(call, 2);
    if (!c)
        return STATUS_OK;
    const int rank = c->shape.rank;
    const int64_t rows = rank > 1 ? c->shape.dims[0] : 1, columns = rank > 0 ? c->shape.dims[rank - 1] : 1;
    if (rank > 2 || (rows != 1 && rows != product->m) || (columns != 1 && columns != product->n)) {
        char text[SHAPE_TEXT_BYTES];
        return fail(err, STATUS_SHAPE, "input 2 (C) %s does not broadcast to [%lld,%lld]", shape_text(&c->shape, text),
                    (long long)product->m, (long long)product->n);
    }
    product->c = (struct matrix_strides){rows == 1 ? 0 : columns, columns == 1 ? 0 : 1};
    return STATUS_OK;
}

static status gemm_product(const struct op_call *call, struct matrix_product *product, struct error *err) {
    const struct gemm_params *params = call->params;
    const struct shape *a = &call->inputs[0]->shape, *b = &call->inputs[1]->shape;
    if (a->rank != 2 || b->rank != 2)
        return matmul_fail(call, 1, err);
    const int ta = params->transpose_a, tb = params->transpose_b;
    *product = (struct matrix_product){
        .m = a->dims[ta],
        .k = a->dims[!ta],
        .n = b->dims[!tb],
        .rows = 1,
        .a = ta ? (struct matrix_strides){1, a->dims[1]} : (struct matrix_strides){a->dims[1], 1},
        .b = tb ? (struct matrix_strides){1, b->dims[1]} : (struct matrix_strides){b->dims[1], 1},
        .alpha = params->alpha,
        .beta = params->beta};
    if (b->dims[tb] != product->k)
        return matmul_fail(call, 1, err);
    return gemm_addend(call, product, err);
}

static status gemm_infer(struct op_call *call, struct error *err) {
    struct matrix_product product;
    const status code = gemm_product(call, &product, err);
    if (code != STATUS_OK)
        return code;
    const struct shape shape = {2, {product.m, product.n}};
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

static status gemm_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct matrix_product product;
    const status code = gemm_product(call, &product, err);
    return code == STATUS_OK && call->inputs[0]->dtype == DTYPE_FLOAT
               ? product_prepare(call, &product, workspace_bytes, err)
               : code;
}

static status run_gemm(struct op_call *call, struct error *err) {
    struct matrix_product product;
    if (call->inputs[0]->dtype == DTYPE_FLOAT)
        return product_run(call, err);
    const status code = gemm_product(call, &product, err);
    if (code == STATUS_OK)
        plain_product(call, &product);
    return code;
}

static double gemm_macs(const struct op_call *call) {
    const struct gemm_params *params = call->params;
    return (double)call->inputs[0]->shape.dims[!params->transpose_a] * (double)tensor_elements(call->outputs[0]);
}

static bool gemm_linear(const struct op_call *call, struct op_linear *linear) {
    const struct gemm_params *params = call->params;
    const struct tensor *weight = op_input(call, 1);
    if (!weight || !weight->constant || weight->dtype != DTYPE_FLOAT || weight->shape.rank != 2 || weight->bytes == 0)
        return false;
    const int64_t rows = weight->shape.dims[0], columns = weight->shape.dims[1];
    const bool transposed = params->transpose_b;
    *linear = (struct op_linear){.channels = transposed ? rows : columns,
                                 .inner = transposed ? columns : 1,
                                 .per_group = transposed ? rows : columns,
                                 .rows = transposed ? 1 : rows,
                                 .bias_factor = params->beta,
                                 .factor_name = "beta",
                                 .bias_broadcasts = true};
    return true;
}

static const struct op_facts matmul_facts = {.reach = op_reach_product};
static const struct op_facts gemm_facts = {.linear = gemm_linear, .reach = op_reach_product};

/* Integers came with opset 9. */
#define TYPES_REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
#define TYPES_PRODUCT (TYPES_REAL | TYPES_INDEX | TYPE(DTYPE_UINT32) | TYPE(DTYPE_UINT64))

#define MATMUL(SINCE, UNTIL, TYPES)                                                                               \
    {                                                                                                             \
        .name = "MatMul", .domain = "", .since = SINCE, .until = UNTIL,                                           \
        .inputs = (const struct op_arg[]){{"A", TYPES, ARG_T}, {"B", TYPES, ARG_T | ARG_PACKED}, {0}},            \
        .outputs = (const struct op_arg[]){{"Y", TYPES, ARG_T}, {0}}, .state_size = sizeof(struct product_state), \
        .infer = matmul_infer, .prepare = matmul_prepare, .run = run_matmul, .macs = matmul_macs,                 \
        .facts = &matmul_facts                                                                                    \
    }
#define GEMM(SINCE, UNTIL, TYPES)                                                                                      \
    {                                                                                                                  \
        .name = "Gemm", .domain = "", .since = SINCE, .until = UNTIL,                                                  \
        .inputs =                                                                                                      \
            (const struct op_arg[]){                                                                                   \
                {"A", TYPES, ARG_T}, {"B", TYPES, ARG_T | ARG_PACKED}, {"C", TYPES, ARG_T | ARG_OPTIONAL}, {0}},       \
        .outputs = (const struct op_arg[]){{"Y", TYPES, ARG_T}, {0}}, .params_size = sizeof(struct gemm_params),       \
        .state_size = sizeof(struct product_state), .parse = gemm_parse, .infer = gemm_infer, .prepare = gemm_prepare, \
        .run = run_gemm, .macs = gemm_macs, .facts = &gemm_facts                                                       \
    }

const struct op ops_matmul[] = {
    MATMUL(1, 8, TYPES_REAL), MATMUL(9, 0, TYPES_PRODUCT), GEMM(7, 8, TYPES_REAL), GEMM(9, 0, TYPES_PRODUCT), {0},
};
