/*
 * MatMulInteger (ONNX 10), QLinearMatMul (ONNX 10, 21), and com.microsoft's MatMulIntegerToFloat and
 * DynamicQuantizeMatMul: products of int8 or uint8 in int32, one matrix of the batch at a time. B has its zero points
 * taken off the sums; A, where the processor takes bytes, too.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/op_facts.h"
#include "ops/kernels/families.h"
#include "ops/matmul/matmul_shape.h"
#include "ops/quant/columns.h"
#include "ops/quant/dynamic.h"
#include "ops/quant/numbers.h"
#include "ops/quant/steps.h"
#include "ops/weights/weight_cache.h"

#include <string.h>

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
    struct quant_rows rows;     /* of A */
    struct quant_columns columns;
    const uint32_t *packed; /* B of this matrix */
    int32_t *left, *sums;   /* A as it is packed, and what its rows sum up to */
    uint32_t *less, *zeros; /* of columns, for settle() */
    float *scales;
    int64_t matrix;
    int32_t first_zero; /* left_zero() of the first row */
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

#define STRIP 256 /* columns at a time, whole tiles */
#define OWN_SUMS (STRIP * (INTEGER_ROWS * sizeof(int32_t) + sizeof(float)))

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
    call->own_bytes = OWN_SUMS + whole_line_bytes((size_t)quant_steps(&p.rows) * sizeof(int64_t));
    return ok && workspace_parts(&p, parts, workspace_bytes)
               ? STATUS_OK
               : fail(err, STATUS_LIMIT, "the workspace of the product is too large");
}

/* ---- one matrix of the batch ---- */

static void pack_a(void *context, int64_t first, int64_t end) {
    const struct quant_product *p = context;
    const int64_t offset = product_offset(&p->shape, p->shape.a_batch_strides, p->matrix);
    struct quant_terms zeros = p->a_zero;
    if (p->row->dynamic)
        zeros = (struct quant_terms){NULL, p->range.zero, p->shape.m, p->shape.m};
    for (int64_t i = first; i < end; i++) {
        const int64_t row = i * p->rows.kernel->rows;
        quant_pack_rows(&p->rows, p->a_type, (const uint8_t *)p->a_data + offset, row, &zeros, p->matrix * p->shape.m,
                        p->left + quant_panel_at(&p->rows, row), p->sums + row);
    }
}

/* A's zero point as its numbers are packed. */
static int32_t left_zero(const struct quant_product *p, int64_t row) {
    if (!p->rows.bytes)
        return 0;
    const float zero = p->row->dynamic ? p->range.zero : quant_term(&p->a_zero, p->matrix * p->shape.m + row);
    return (int32_t)zero - (p->a_type == DTYPE_UINT8 ? 128 : 0);
}

/* All rows of A have one scale: then those of the columns have it in them. */
static bool has_one_scale(const struct quant_product *p) {
    return p->row->dynamic || !p->a_scale.tensor || tensor_elements(p->a_scale.tensor) == 1;
}

/* Scales of the columns from `first` on, for a row. */
static void find_scales(const struct quant_product *p, int64_t row, int64_t first, int64_t count, float *scales) {
    const float a_scale = p->row->dynamic ? p->range.scale : quant_term(&p->a_scale, p->matrix * p->shape.m + row);
    for (int64_t j = 0; j < count; j++)
        scales[j] = a_scale * p->scales[first + j];
    for (int64_t j = 0; p->row->y_zero && j < count; j++)
        scales[j] = scales[j] / p->y_scale;
}

/*
 * The sum of (a - za) (b - zb) is that of a b, less zb (sum of a - k za), less za (sum of b). The last one for every
 * column, where all rows of A have one zero point; else it waits for the row.
 */
static void find_columns(struct quant_product *p) {
    const uint32_t *sums = quant_column_sums(&p->columns, p->packed);
    p->first_zero = left_zero(p, 0);
    const uint32_t zero = (uint32_t)p->first_zero;
    const int flip = p->call->inputs[p->row->b]->dtype == DTYPE_INT8 ? 128 : 0;
    const int64_t column = p->matrix * p->shape.n;
    quant_terms_load(&p->b_zero, column, p->shape.n, p->scales);
    for (int64_t j = 0; j < p->shape.n; j++) {
        p->zeros[j] = (uint32_t)((int32_t)p->scales[j] + flip);
        p->less[j] = sums[j] * zero;
    }
    quant_terms_load(&p->b_scale, column, p->shape.n, p->scales);
    if (has_one_scale(p))
        find_scales(p, 0, 0, p->shape.n, p->scales);
}

/* left_zero(), of all rows where there is one for them. */
static uint32_t zero_of(const struct quant_product *p, int64_t row) {
    const struct tensor *zeros = p->a_zero.tensor;
    return (uint32_t)(zeros && tensor_elements(zeros) > 1 ? left_zero(p, row) : p->first_zero);
}

/* Sums of a row become the output's. */
static void finish_row(const struct quant_product *p, int64_t row, int64_t first, int64_t count, int32_t *sums,
                       float *scales) {
    struct tensor *y = p->call->outputs[0];
    const struct integer_kernel *kernel = p->rows.kernel;
    const int64_t at = (p->matrix * p->shape.m + row) * p->shape.n + first;
    const struct tensor *bias = p->row->bias ? op_input(p->call, p->row->bias) : NULL;
    const uint32_t zero = zero_of(p, row), more = zero - (uint32_t)p->first_zero;
    const uint32_t *column_sums = more ? quant_column_sums(&p->columns, p->packed) + first : NULL;
    kernel->settle(sums, p->zeros + first, (uint32_t)p->sums[row] - (uint32_t)p->shape.k * zero, p->less + first,
                   count);
    for (int64_t j = 0; more && j < count; j++)
        sums[j] = (int32_t)((uint32_t)sums[j] - more * column_sums[j]);
    if (y->dtype == DTYPE_INT32) {
        memcpy((int32_t *)y->data + at, sums, (size_t)count * sizeof *sums);
        return;
    }
    if (!has_one_scale(p))
        find_scales(p, row, first, count, scales);
    const float *by = has_one_scale(p) ? p->scales + first : scales;
    if (p->row->y_zero) {
        kernel->finish_by(sums, by, count, p->y_zero, y->dtype == DTYPE_INT8, (char *)y->data + at);
        return;
    }
    for (int64_t j = 0; j < count; j++)
        ((float *)y->data)[at + j] = (float)sums[j] * by[j] + (bias ? ((const float *)bias->data)[first + j] : 0);
}

/* A panel of rows by a strip of columns. */
static void run_unit(const struct quant_product *p, int64_t row0, int64_t column0, char *own) {
    const int64_t count = at_most(p->shape.n - column0, STRIP), steps = quant_steps(&p->rows);
    int32_t *sums = (int32_t *)(void *)own;
    float *scales = (float *)(void *)(own + STRIP * INTEGER_ROWS * sizeof *sums);
    const int64_t *places = (const int64_t *)(const void *)(scales + STRIP);
    struct integer_tile tile = {
        .steps = steps, .left = p->left + quant_panel_at(&p->rows, row0), .places = places, .stride = STRIP};
    const int rows = quant_panel_rows(&p->rows, row0, &tile.rows);
    for (int64_t column = 0; column < count; column += p->rows.kernel->columns) {
        tile.right = (const char *)(p->packed + (column0 + column) * steps);
        tile.sums = sums + column;
        p->rows.kernel->tile(p->rows.bytes, &tile);
    }
    for (int r = 0; r < rows; r++)
        finish_row(p, row0 + r, column0, count, sums + r * STRIP, scales);
}

static void multiply(struct team_thread self, void *context) {
    const struct quant_product *p = context;
    const int64_t rows = p->rows.kernel->rows, panels = divide_up(p->shape.m, rows);
    const struct team_range range = team_range_of(self, divide_up(p->shape.n, STRIP) * panels);
    char *own = p->call->own + (size_t)self.index * p->call->own_stride;
    int64_t *places = (int64_t *)(void *)(own + OWN_SUMS);
    for (int64_t step = 0; step < quant_steps(&p->rows); step++)
        places[step] = step * p->rows.kernel->columns * (int64_t)sizeof(uint32_t);
    for (int64_t i = range.first; i < range.end; i++)
        run_unit(p, i % panels * rows, i / panels * STRIP, own);
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
        team_for(call->threads, divide_up(p.shape.m, p.rows.kernel->rows), pack_a, &p);
        find_columns(&p);
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
