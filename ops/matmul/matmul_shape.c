#include "ops/matmul/matmul_shape.h"

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

status matmul_fail(const struct op_call *call, int right, struct error *err) {
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    return fail(err, STATUS_SHAPE, "inputs 0 (%s) %s and %d (%s) %s cannot be multiplied",
                op_argument(call->op->inputs, 0)->name, shape_text(&call->inputs[0]->shape, a), right,
                op_argument(call->op->inputs, right)->name, shape_text(&call->inputs[right]->shape, b));
}

static bool broadcast(int64_t a, int64_t b, int64_t *out) {
    *out = a == 1 ? b : a;
    return a == b || a == 1 || b == 1;
}

static void transpose(struct operand *operand) {
    const int64_t rows = operand->dims[operand->rank - 2];
    operand->dims[operand->rank - 2] = operand->dims[operand->rank - 1];
    operand->dims[operand->rank - 1] = rows;
}

/* The operands; vectors are not transposed. */
static struct matmul_params operands_of(const struct op_call *call, int right, const struct matmul_params *given,
                                        struct operand *a, struct operand *b) {
    struct matmul_params params = {.alpha = 1};
    *a = operand_of(&call->inputs[0]->shape, true);
    *b = operand_of(&call->inputs[right]->shape, false);
    if (given && given->fused)
        params = *given;
    params.transpose_a &= call->inputs[0]->shape.rank > 1;
    params.transpose_b &= call->inputs[right]->shape.rank > 1;
    if (params.transpose_a)
        transpose(a);
    if (params.transpose_b)
        transpose(b);
    return params;
}

void matmul_merge_batch(const struct op_call *call, int right, const struct matmul_params *given,
                        struct matrix_product *product) {
    struct operand a, b;
    const struct matmul_params params = operands_of(call, right, given, &a, &b);
    if (call->inputs[0]->shape.rank <= 1 || params.transpose_a)
        return;
    for (int d = 0; d < b.rank - 2; d++)
        if (b.dims[d] != 1)
            return;
    for (int d = 0; d < product->batch_rank; d++)
        product->m *= product->batch_dims[d];
    if (a.rank > 2 && a.dims[0] > 0)
        product->rows = product->m / a.dims[0];
    product->batch_rank = 0;
}

status matmul_product(const struct op_call *call, int right, const struct matmul_params *given,
                      struct matrix_product *product, struct error *err) {
    struct operand a, b;
    if (call->inputs[0]->shape.rank < 1 || call->inputs[right]->shape.rank < 1)
        return matmul_fail(call, right, err);
    const struct matmul_params params = operands_of(call, right, given, &a, &b);
    *product = (struct matrix_product){
        .m = a.dims[a.rank - 2], .k = a.dims[a.rank - 1], .n = b.dims[b.rank - 1], .rows = 1, .alpha = params.alpha};
    if (b.dims[b.rank - 2] != product->k)
        return matmul_fail(call, right, err);
    product->a = params.transpose_a ? (struct matrix_strides){1, product->m} : (struct matrix_strides){product->k, 1};
    product->b = params.transpose_b ? (struct matrix_strides){1, product->k} : (struct matrix_strides){product->n, 1};
    product->batch_rank = (a.rank > b.rank ? a.rank : b.rank) - 2;
    for (int d = 0; d < product->batch_rank; d++)
        if (!broadcast(batch_dim(&a, d), batch_dim(&b, d), &product->batch_dims[product->batch_rank - 1 - d]))
            return matmul_fail(call, right, err);
    batch_strides(&a, product->batch_rank, product->a_batch_strides);
    batch_strides(&b, product->batch_rank, product->b_batch_strides);
    return STATUS_OK;
}

status matmul_describe(struct op_call *call, int right, const struct matmul_params *given, enum dtype dtype,
                       struct error *err) {
    struct matrix_product product;
    const status code = matmul_product(call, right, given, &product, err);
    if (code != STATUS_OK)
        return code;
    struct shape shape = {.rank = 0};
    for (int d = 0; d < product.batch_rank; d++)
        shape.dims[shape.rank++] = product.batch_dims[d];
    if (call->inputs[0]->shape.rank > 1)
        shape.dims[shape.rank++] = product.m;
    if (call->inputs[right]->shape.rank > 1)
        shape.dims[shape.rank++] = product.n;
    return tensor_describe(call->outputs[0], dtype, &shape, err);
}
