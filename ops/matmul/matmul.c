/* MatMul (ONNX 1, 9, 13) with numpy's broadcasting, and Gemm (ONNX 7, 9, 11, 13). */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/matmul/product.h"
#include "ops/matmul/product_run.h"

/* ---- MatMul ---- */

/* A list of matrices: rank at least 2, vectors made matrices as numpy does. */
struct operand {
    int rank;
    int64_t dims[MAX_RANK + 1];
};

static struct operand operand_of(const struct shape *shape, bool left) {
    struct operand operand = {.rank = shape->rank};
    if (shape->rank == 1) {
        operand.rank = 2;
        operand.dims[0] = left ? 1 : shape->dims[0];
        operand.dims[1] = left ? shape->dims[0] : 1;
        return operand;
    }
    for (int d = 0; d < shape->rank; d++)
        operand.dims[d] = shape->dims[d];
    return operand;
}

/* Size of batch dimension d counted from the matrix outwards; 1 beyond the operand's rank. */
static int64_t batch_dim(const struct operand *operand, int d) {
    return d < operand->rank - 2 ? operand->dims[operand->rank - 3 - d] : 1;
}

static void batch_strides(const struct operand *operand, int batch_rank, int64_t *strides) {
    int64_t stride = operand->dims[operand->rank - 2] * operand->dims[operand->rank - 1];
    for (int d = 0; d < batch_rank; d++) {
        strides[batch_rank - 1 - d] = batch_dim(operand, d) == 1 ? 0 : stride;
        stride *= batch_dim(operand, d);
    }
}

static status fail_matmul(const struct op_call *call, struct error *err) {
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    return fail(err, STATUS_SHAPE, "inputs 0 (A) %s and 1 (B) %s cannot be multiplied",
                shape_text(&call->inputs[0]->shape, a), shape_text(&call->inputs[1]->shape, b));
}

static bool broadcast(int64_t a, int64_t b, int64_t *out) {
    *out = a == 1 ? b : a;
    return a == b || a == 1 || b == 1;
}

/* All rows of A at once when B is one matrix: the batch becomes part of m. */
static void merge_batch(struct matrix_product *product, const struct operand *a, const struct operand *b) {
    for (int d = 0; d < b->rank - 2; d++)
        if (b->dims[d] != 1)
            return;
    for (int d = 0; d < product->batch_rank; d++)
        product->m *= product->batch_dims[d];
    if (a->rank > 2 && a->dims[0] > 0)
        product->rows = product->m / a->dims[0];
    product->batch_rank = 0;
}

/* FusedMatMul of onnxruntime (com.microsoft 1): matrices are transposed beforehand, and the product is scaled. */
struct matmul_params {
    bool fused, transpose_a, transpose_b;
    float alpha;
};

static status matmul_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct matmul_params *params = result;
    (void)call;
    params->fused = true;
    params->transpose_a = attribute_int(attributes, "transA", 0) != 0;
    params->transpose_b = attribute_int(attributes, "transB", 0) != 0;
    params->alpha = attribute_float(attributes, "alpha", 1);
    if (attribute_int(attributes, "transBatchA", 0) != 0 || attribute_int(attributes, "transBatchB", 0) != 0)
        return fail(err, STATUS_UNSUPPORTED, "attributes \"transBatchA\" and \"transBatchB\" are only known as 0");
    return STATUS_OK;
}

static void transpose(struct operand *operand) {
    const int64_t rows = operand->dims[operand->rank - 2];
    operand->dims[operand->rank - 2] = operand->dims[operand->rank - 1];
    operand->dims[operand->rank - 1] = rows;
}

/* The operands; vectors are not transposed. */
static struct matmul_params operands_of(const struct op_call *call, struct operand *a, struct operand *b) {
    const struct matmul_params *given = call->params;
    struct matmul_params params = {.alpha = 1};
    *a = operand_of(&call->inputs[0]->shape, true);
    *b = operand_of(&call->inputs[1]->shape, false);
    if (given && given->fused)
        params = *given;
    params.transpose_a &= call->inputs[0]->shape.rank > 1;
    params.transpose_b &= call->inputs[1]->shape.rank > 1;
    if (params.transpose_a)
        transpose(a);
    if (params.transpose_b)
        transpose(b);
    return params;
}

static status matmul_product(const struct op_call *call, struct matrix_product *product, struct error *err) {
    struct operand a, b;
    if (call->inputs[0]->shape.rank < 1 || call->inputs[1]->shape.rank < 1)
        return fail_matmul(call, err);
    const struct matmul_params params = operands_of(call, &a, &b);
    *product = (struct matrix_product){
        .m = a.dims[a.rank - 2], .k = a.dims[a.rank - 1], .n = b.dims[b.rank - 1], .rows = 1, .alpha = params.alpha};
    if (b.dims[b.rank - 2] != product->k)
        return fail_matmul(call, err);
    product->a = params.transpose_a ? (struct matrix_strides){1, product->m} : (struct matrix_strides){product->k, 1};
    product->b = params.transpose_b ? (struct matrix_strides){1, product->k} : (struct matrix_strides){product->n, 1};
    product->batch_rank = (a.rank > b.rank ? a.rank : b.rank) - 2;
    for (int d = 0; d < product->batch_rank; d++)
        if (!broadcast(batch_dim(&a, d), batch_dim(&b, d), &product->batch_dims[product->batch_rank - 1 - d]))
            return fail_matmul(call, err);
    batch_strides(&a, product->batch_rank, product->a_batch_strides);
    batch_strides(&b, product->batch_rank, product->b_batch_strides);
    return STATUS_OK;
}

static status matmul_infer(struct op_call *call, struct error *err) {
    struct matrix_product product;
    const status code = matmul_product(call, &product, err);
    if (code != STATUS_OK)
        return code;
    struct shape shape = {.rank = 0};
    for (int d = 0; d < product.batch_rank; d++)
        shape.dims[shape.rank++] = product.batch_dims[d];
    if (call->inputs[0]->shape.rank > 1)
        shape.dims[shape.rank++] = product.m;
    if (call->inputs[1]->shape.rank > 1)
        shape.dims[shape.rank++] = product.n;
    return tensor_describe(call->outputs[0], DTYPE_FLOAT, &shape, err);
}

static status matmul_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct matrix_product product;
    const status code = matmul_product(call, &product, err);
    if (code != STATUS_OK)
        return code;
    struct operand a, b;
    const struct matmul_params params = operands_of(call, &a, &b);
    if (call->inputs[0]->shape.rank > 1 && !params.transpose_a)
        merge_batch(&product, &a, &b);
    return product_prepare(call, &product, workspace_bytes, err);
}

static double matmul_macs(const struct op_call *call) {
    const struct tensor *a = call->inputs[0];
    struct operand left, right;
    if (a->shape.rank < 1 || call->inputs[1]->shape.rank < 1)
        return 0;
    operands_of(call, &left, &right);
    const double depth = (double)left.dims[left.rank - 1];
    return depth * (double)tensor_elements(call->outputs[0]);
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
        return fail_matmul(call, err);
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
        return fail_matmul(call, err);
    return gemm_addend(call, product, err);
}

static status gemm_infer(struct op_call *call, struct error *err) {
    struct matrix_product product;
    const status code = gemm_product(call, &product, err);
    if (code != STATUS_OK)
        return code;
    const struct shape shape = {2, {product.m, product.n}};
    return tensor_describe(call->outputs[0], DTYPE_FLOAT, &shape, err);
}

static status gemm_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct matrix_product product;
    const status code = gemm_product(call, &product, err);
    return code == STATUS_OK ? product_prepare(call, &product, workspace_bytes, err) : code;
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
static const struct op_facts gemm_facts = {.linear = gemm_linear, .reach = op_reach_product};

static const struct op_arg matmul_inputs[] = {
    {"A", TYPES_FLOAT, ARG_T}, {"B", TYPES_FLOAT, ARG_T | ARG_PACKED}, {NULL, 0, 0}};
static const struct op_arg gemm_inputs[] = {{"A", TYPES_FLOAT, ARG_T},
                                            {"B", TYPES_FLOAT, ARG_T | ARG_PACKED},
                                            {"C", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                            {NULL, 0, 0}};
static const struct op_arg outputs[] = {{"Y", TYPES_FLOAT, ARG_T}, {NULL, 0, 0}};

static const int fused_row = 1;

#define MATMUL(NAME, DOMAIN, PARSE)                                                                              \
    {                                                                                                            \
        .name = NAME, .domain = DOMAIN, .since = 1, .inputs = matmul_inputs, .outputs = outputs,                 \
        .params_size = sizeof(struct matmul_params), .state_size = sizeof(struct product_state), .parse = PARSE, \
        .infer = matmul_infer, .prepare = matmul_prepare, .run = product_run, .macs = matmul_macs,               \
        .facts = &matmul_facts                                                                                   \
    }
#define GEMM(NAME, DOMAIN, SINCE, RUN, FACTS, ROW)                                                                  \
    {                                                                                                               \
        .name = NAME, .domain = DOMAIN, .since = SINCE, .inputs = gemm_inputs, .outputs = outputs,                  \
        .params_size = sizeof(struct gemm_params), .state_size = sizeof(struct product_state), .parse = gemm_parse, \
        .infer = gemm_infer, .prepare = gemm_prepare, .run = RUN, .macs = gemm_macs, .facts = FACTS, .row = ROW     \
    }

const struct op ops_matmul[] = {
    MATMUL("MatMul", "", NULL),
    GEMM("Gemm", "", 1, product_run, &gemm_facts, NULL),
    MATMUL("FusedMatMul", "com.microsoft", matmul_parse),
    GEMM("FusedGemm", "com.microsoft", 1, fused_gemm_run, &matmul_facts, &fused_row),
    {0},
};
