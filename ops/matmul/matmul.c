/* MatMul (ONNX 1, 9, 13) with numpy's broadcasting, and Gemm (ONNX 7, 9, 11, 13). */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/op_write.h"
#include "ops/core/parallel.h"
#include "ops/matmul/matmul_shape.h"
#include "ops/matmul/plain_product.h"
#include "ops/matmul/product_run.h"

/* ---- MatMul ---- */

/* FusedMatMul of onnxruntime (com.microsoft 1). */
static status matmul_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct matmul_params *params = result;
    (void)call;
    params->fused = true;
    params->transpose_a = attribute_int(attributes, "transA", 0) != 0;
    params->transpose_b = attribute_int(attributes, "transB", 0) != 0;
    params->alpha = attribute_float(attributes, "alpha", 1);
    (void)err;
    params->batch_a = attribute_int(attributes, "transBatchA", 0) != 0;
    params->batch_b = attribute_int(attributes, "transBatchB", 0) != 0;
    return STATUS_OK;
}

/* Rows that stand before the batch are brought behind it. */
static status matmul_expand(struct op_writer *w, struct error *err) {
    static const char *const own[] = {"transBatchA", "transBatchB", NULL};
    const struct matmul_params *params = w->call->params;
    w->own = own;
    if (!params->batch_a && !params->batch_b)
        return STATUS_OK;
    return op_write(w, err, "a = %s(#0); b = %s(#1); >0 = @FusedMatMul{*}(a b)",
                    params->batch_a ? "!MoveAxis{from=0 to=-2}" : "Identity",
                    params->batch_b ? "!MoveAxis{from=0 to=-2}" : "Identity");
}

static status matmul_infer(struct op_call *call, struct error *err) {
    return matmul_describe(call, 1, call->params, call->inputs[0]->dtype, err);
}

static status matmul_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct matrix_product product;
    const status code = matmul_product(call, 1, call->params, &product, err);
    if (code != STATUS_OK || call->inputs[0]->dtype != DTYPE_FLOAT)
        return code;
    matmul_merge_batch(call, 1, call->params, &product);
    return product_prepare(call, &product, workspace_bytes, err);
}

static status run_matmul(struct op_call *call, struct error *err) {
    struct matrix_product product;
    if (call->inputs[0]->dtype == DTYPE_FLOAT)
        return product_run(call, err);
    const status code = matmul_product(call, 1, call->params, &product, err);
    if (code == STATUS_OK)
        plain_product(call, &product);
    return code;
}

static double matmul_macs(const struct op_call *call) {
    struct matrix_product product;
    struct error ignored;
    if (matmul_product(call, 1, call->params, &product, &ignored) != STATUS_OK)
        return 0;
    return (double)product.k * (double)tensor_elements(call->outputs[0]);
}

/* ---- Gemm ---- */

struct gemm_params {
    float alpha, beta;
    bool transpose_a, transpose_b;
    struct activation activation; /* FusedGemm of onnxruntime (com.microsoft 1): of every element */
};

static status fused_gemm_activation(struct attributes *attributes, struct activation *activation, struct error *err) {
    const char *name = attribute_text(attributes, "activation", "");
    const int kind = activation_kind(name);
    activation->alpha = attribute_float(attributes, "activation_alpha", 0);
    activation->beta = attribute_float(attributes, "activation_beta", 0);
    attribute_ignore(attributes, "activation_gamma");
    if (*name && kind < 0)
        return fail(err, STATUS_UNSUPPORTED, "attribute \"activation\" is \"%.32s\", which is not known here", name);
    activation->kind = *name ? (enum activation_kind)kind : ACTIVATION_NONE;
    return STATUS_OK;
}

static status gemm_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct gemm_params *params = result;
    if (call->opset < 7 && !call->op->row) /* C repeats wherever it can */
        attribute_ignore(attributes, "broadcast");
    params->alpha = attribute_float(attributes, "alpha", 1);
    params->beta = attribute_float(attributes, "beta", 1);
    params->transpose_a = attribute_int(attributes, "transA", 0) != 0;
    params->transpose_b = attribute_int(attributes, "transB", 0) != 0;
    return call->op->row ? fused_gemm_activation(attributes, &params->activation, err) : STATUS_OK;
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

struct activated {
    const struct op_call *call;
    float *y;
};

static void activate_part(void *context, size_t begin, size_t end) {
    const struct activated *work = context;
    activation_run(work->call->kernels, &((const struct gemm_params *)work->call->params)->activation, work->y + begin,
                   end - begin);
}

static status fused_gemm_run(struct op_call *call, struct error *err) {
    struct activated work = {call, call->outputs[0]->data};
    const status code = product_run(call, err);
    if (code == STATUS_OK)
        parallel_blocks((size_t)tensor_elements(call->outputs[0]), PARALLEL_ELEMENTS, call->threads, activate_part,
                        &work);
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
static const struct op_facts fused_facts = {
    .reach = op_reach_product, .expand = matmul_expand, .expands_to = "Identity Transpose"};
static const struct op_facts gemm_facts = {.linear = gemm_linear, .reach = op_reach_product};

/* Integers came with opset 9. */
#define TYPES_REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
#define TYPES_PRODUCT (TYPES_REAL | TYPES_INDEX | TYPE(DTYPE_UINT32) | TYPE(DTYPE_UINT64))

static const int fused_row = 1;

#define MATMUL(NAME, DOMAIN, SINCE, UNTIL, TYPES, PARSE, FACTS)                                                       \
    {                                                                                                                 \
        .name = NAME, .domain = DOMAIN, .since = SINCE, .until = UNTIL,                                               \
        .inputs = (const struct op_arg[]){{"A", TYPES, ARG_T}, {"B", TYPES, ARG_T | ARG_PACKED}, {0}},                \
        .outputs = (const struct op_arg[]){{"Y", TYPES, ARG_T}, {0}}, .params_size = sizeof(struct matmul_params),    \
        .state_size = sizeof(struct product_state), .parse = PARSE, .infer = matmul_infer, .prepare = matmul_prepare, \
        .run = run_matmul, .macs = matmul_macs, .facts = FACTS                                                        \
    }
#define GEMM(NAME, DOMAIN, SINCE, UNTIL, TYPES, RUN, FACTS, ROW)                                                       \
    {                                                                                                                  \
        .name = NAME, .domain = DOMAIN, .since = SINCE, .until = UNTIL,                                                \
        .inputs =                                                                                                      \
            (const struct op_arg[]){                                                                                   \
                {"A", TYPES, ARG_T}, {"B", TYPES, ARG_T | ARG_PACKED}, {"C", TYPES, ARG_T | ARG_OPTIONAL}, {0}},       \
        .outputs = (const struct op_arg[]){{"Y", TYPES, ARG_T}, {0}}, .params_size = sizeof(struct gemm_params),       \
        .state_size = sizeof(struct product_state), .parse = gemm_parse, .infer = gemm_infer, .prepare = gemm_prepare, \
        .run = RUN, .macs = gemm_macs, .facts = FACTS, .row = ROW                                                      \
    }

const struct op ops_matmul[] = {
    MATMUL("MatMul", "", 1, 8, TYPES_REAL, NULL, &matmul_facts),
    MATMUL("MatMul", "", 9, 0, TYPES_PRODUCT, NULL, &matmul_facts),
    GEMM("Gemm", "", 1, 8, TYPES_REAL, run_gemm, &gemm_facts, NULL),
    GEMM("Gemm", "", 9, 0, TYPES_PRODUCT, run_gemm, &gemm_facts, NULL),
    MATMUL("FusedMatMul", "com.microsoft", 1, 0, TYPES_REAL, matmul_parse, &fused_facts),
    GEMM("FusedGemm", "com.microsoft", 1, 0, TYPES_FLOAT, fused_gemm_run, &matmul_facts, &fused_row),
    {0},
};
