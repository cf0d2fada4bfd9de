/*
 * MatMulInteger (ONNX 10), QLinearMatMul (ONNX 10, 21), and com.microsoft's MatMulIntegerToFloat and
 * DynamicQuantizeMatMul: products of int8 or uint8 in int32, one matrix of the batch at a time. B has its zero points
 * taken off the sums; A, where the processor takes bytes, too.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "ops/core/op_facts.h"
#include "ops/kernels/families.h"
#include "ops/matmul/matmul_shape.h"
#include "ops/quant/matmul_quant_matrix.h"
#include "ops/quant/numbers.h"
#include "ops/weights/weight_cache.h"

static const struct quant_matmul_row *row_of(const struct op_call *call) {
    return call->op->row;
}

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

struct quant_matmul_state {
    const uint32_t *packed; /* NULL: B is packed in every run */
    bool bytes;
};

enum part { PART_B, PART_A, PART_SUMS, PART_LESS, PART_ZEROS, PART_SCALES, PART_DYNAMIC, PARTS };

/* Parts of the workspace, whole cache lines, and all of them together. */
static bool workspace_parts(const struct quant_product *p, size_t parts[PARTS], size_t *all) {
    const struct quant_matmul_state *state = p->call->state;
    const size_t n = (size_t)p->shape.n;
    bool ok = n < SIZE_MAX / 64 && (size_t)p->shape.m < SIZE_MAX / 64;
    parts[PART_B] = state->packed ? 0 : quant_columns_bytes(&p->columns);
    ok = ok && size_mul((size_t)quant_rows_ints(&p->rows), sizeof(int32_t), &parts[PART_A]);
    parts[PART_SUMS] = (size_t)p->shape.m * sizeof(int32_t);
    parts[PART_LESS] = parts[PART_ZEROS] = n * sizeof(uint32_t);
    parts[PART_SCALES] = (n + INTEGER_COLUMNS) * sizeof(float);
    parts[PART_DYNAMIC] = p->row->dynamic ? (size_t)tensor_elements(p->call->inputs[0]) : 0;
    *all = 0;
    for (int i = 0; ok && i < PARTS; i++) {
        parts[i] = whole_line_bytes(parts[i]);
        ok = size_add(*all, parts[i], all);
    }
    return ok;
}

/* What is known from the shapes. */
static bool plan(struct quant_product *p) {
    const struct integer_kernel *kernel = integer_kernel_of(p->call->kernels);
    const struct tensor *b = p->call->inputs[p->row->b];
    const bool bytes = ((const struct quant_matmul_state *)p->call->state)->bytes;
    p->rows = (struct quant_rows){kernel, bytes, p->shape.m, p->shape.k, 1, false};
    p->columns = (struct quant_columns){
        kernel, bytes, b->dtype, p->shape.k, p->shape.n, p->shape.b.row_stride, p->shape.b.column_stride};
    return quant_columns_bytes(&p->columns) > 0;
}

static void pack_b(void *destination, const struct tensor *source, const void *context) {
    const struct quant_product *p = context;
    quant_pack_columns(&p->columns, (const uint8_t *)source->data, p->call->threads, destination);
}

static status take_b(const struct quant_product *p, struct error *err) {
    struct quant_matmul_state *state = p->call->state;
    const struct quant_columns *columns = &p->columns;
    const struct tensor *b = p->call->inputs[p->row->b];
    if (!p->call->weights || !b->constant || !b->data || (int64_t)b->bytes != p->shape.k * p->shape.n || b->bytes == 0)
        return STATUS_OK;
    const struct packing packing = {.name = "product of 8 bits",
                                    .numbers = {columns->bytes, columns->kernel->columns, columns->depth,
                                                columns->columns, columns->row_stride, columns->column_stride},
                                    .bytes = quant_columns_bytes(columns),
                                    .pack = pack_b,
                                    .context = p};
    state->packed = weight_cache_get(p->call->weights, b, &packing);
    return state->packed ? STATUS_OK : fail_memory(err, "packed weights");
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct quant_product p;
    size_t parts[PARTS];
    const status code = shape_of(call, &p, err);
    if (code != STATUS_OK)
        return code;
    ((struct quant_matmul_state *)call->state)->bytes = integer_kernel_of(call->kernels)->has_bytes();
    const bool ok = plan(&p);
    if (ok && take_b(&p, err) != STATUS_OK)
        return err->code;
    call->own_bytes = quant_product_own_bytes(&p);
    return ok && workspace_parts(&p, parts, workspace_bytes)
               ? STATUS_OK
               : fail(err, STATUS_LIMIT, "the workspace of the product is too large");
}

static void start(struct quant_product *p) {
    const struct op_call *call = p->call;
    size_t parts[PARTS], all;
    char *at[PARTS], *place = call->workspace;
    plan(p);
    workspace_parts(p, parts, &all);
    for (int i = 0; i < PARTS; place += parts[i++])
        at[i] = place;
    p->left = (int32_t *)(void *)at[PART_A];
    p->sums = (int32_t *)(void *)at[PART_SUMS];
    p->less = (uint32_t *)(void *)at[PART_LESS];
    p->zeros = (uint32_t *)(void *)at[PART_ZEROS];
    p->scales = (float *)(void *)at[PART_SCALES];
    p->packed = ((const struct quant_matmul_state *)call->state)->packed;
    p->a_data = call->inputs[0]->data;
    p->a_type = call->inputs[0]->dtype;
    p->y_scale = p->row->y_scale ? number_of(call->inputs[p->row->y_scale], 1) : 1;
    p->y_zero = p->row->y_zero ? number_of(call->inputs[p->row->y_zero], 0) : 0;
    if (!p->row->dynamic)
        return;
    const size_t count = (size_t)tensor_elements(call->inputs[0]);
    p->range = dynamic_range_of(call, call->inputs[0]->data, count);
    dynamic_quantize(call, call->inputs[0]->data, count, p->range, at[PART_DYNAMIC]);
    p->a_data = at[PART_DYNAMIC];
    p->a_type = DTYPE_UINT8;
}

static status run(struct op_call *call, struct error *err) {
    struct quant_product p;
    const status code = shape_of(call, &p, err);
    if (code != STATUS_OK || call->outputs[0]->bytes == 0)
        return code;
    start(&p);
    const bool packs = !p.packed;
    for (p.matrix = 0; p.matrix < product_batches(&p.shape); p.matrix++) {
        const int64_t b = product_offset(&p.shape, p.shape.b_batch_strides, p.matrix);
        if (packs) {
            p.packed = call->workspace;
            quant_pack_columns(&p.columns, (const uint8_t *)call->inputs[p.row->b]->data + b, call->threads,
                               call->workspace);
        }
        quant_product_run(&p);
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
        .state_size = sizeof(struct quant_matmul_state), .output_type = TYPE_OF, .run = run, .macs = macs,   \
        .facts = &facts, .row = &(ROW)                                                                       \
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
