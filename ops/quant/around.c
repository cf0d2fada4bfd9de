/*
 * com.microsoft's operators that compute with quantized numbers as with real ones: each stands for an operator of ONNX
 * between DequantizeLinear and QuantizeLinear. What is a function of one integer is a table of 256 instead, and sums
 * and products of two are computed at once (ByteTable, ByteAdd, ByteMul).
 */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/op_write.h"
#include "ops/core/parallel.h"
#include "ops/elementwise/binary.h"
#include "ops/kernels/families.h"
#include "ops/quant/numbers.h"

#include <stdio.h>

struct around_row {
    const char *inner;      /* the operator, and what it has of attributes: "Softmax{axis=-1}" */
    const char *attributes; /* that it takes over */
    int first, count; /* input that is the first of so many triples of data, scale, zero point; 0: all there are */
    int output;       /* input that is the result's scale; its zero point follows */
};

struct around_params {
    int64_t last, opset, axis;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    const struct around_row *row = call->op->row;
    struct around_params *params = result;
    const int triples = call->node->input_count - row->first;
    op_write_later(attributes, row->attributes);
    params->last = attribute_int(attributes, "channels_last", 0);
    params->opset = attribute_int(attributes, "opset", 13);
    params->axis = attribute_int(attributes, "axis", -1);
    if (params->opset < 1 || params->opset > OPSET_NEWEST)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"opset\" is %lld, which there is not",
                    (long long)params->opset);
    if (row->count == 0 && (triples < 3 || triples % 3 != 0 || triples > 3 * 1000))
        return fail(err, STATUS_INVALID_MODEL,
                    "%d inputs behind the result's, expected data, scale and zero point each", triples);
    return STATUS_OK;
}

/* Input `data` as real numbers, with channels in dimension 1. */
static status dequantize(struct op_writer *w, int i, int data, struct error *err) {
    const struct around_params *params = w->call->params;
    const bool last = params->last != 0;
    return op_write(w, err, "d%d = DequantizeLinear(#%d #%d #%d); %s", i, data, data + 1, data + 2,
                    last ? "d0 = !MoveAxis{from=-1 to=1}(d0)" : "");
}

static status quantize(struct op_writer *w, struct error *err) {
    const struct around_row *row = w->call->op->row;
    const struct around_params *params = w->call->params;
    const enum dtype dtype = w->call->inputs[row->first]->dtype;
    if (params->last && op_write(w, err, "y = !MoveAxis{from=1 to=-1}(y)") != STATUS_OK)
        return err->code;
    if (op_input(w->call, row->output + 1))
        return op_write(w, err, ">0 = QuantizeLinear(y #%d #%d)", row->output, row->output + 1);
    if (dtype == DTYPE_UNDEFINED)
        return fail(err, STATUS_UNSUPPORTED, "the element type of input %d is not known", row->first);
    return op_write(w, err, ">0 = QuantizeLinear{output_dtype=%d}(y #%d)", (int)dtype, row->output);
}

/* `to` = what input `data` becomes, by a table: real numbers of all integers through `inner`, quantized again. */
static status tabulate(struct op_writer *w, int data, const char *inner, const char *to, struct error *err) {
    const struct around_row *row = w->call->op->row;
    const enum dtype dtype = w->call->inputs[data]->dtype;
    const int least = dtype == DTYPE_INT8 ? -128 : 0, output = row->output;
    status code = op_write(w, err, "c = Range(%d %d 1); c = Cast{to=%d}(c); d = DequantizeLinear(c #%d #%d); y = %s(d)",
                           least, least + 256, (int)dtype, data + 1, data + 2, inner);
    if (code != STATUS_OK)
        return code;
    if (op_input(w->call, output + 1))
        code = op_write(w, err, "t = QuantizeLinear(y #%d #%d)", output, output + 1);
    else
        code = op_write(w, err, "t = QuantizeLinear{output_dtype=%d}(y #%d)", (int)dtype, output);
    return code == STATUS_OK ? op_write(w, err, "%s = !ByteTable(#%d t)", to, data) : code;
}

static bool is_known(const struct op_writer *w, int data) {
    return TYPES_INT8 >> w->call->inputs[data]->dtype & 1;
}

static status around_expand(struct op_writer *w, struct error *err) {
    const struct around_row *row = w->call->op->row;
    static const char *const own[] = {"channels_last", "opset", NULL};
    w->own = own;
    status code = STATUS_OK;
    for (int i = 0; i < row->count && code == STATUS_OK; i++)
        code = dequantize(w, i, row->first + 3 * i, err);
    if (code == STATUS_OK)
        code = op_write(w, err, "y = %s(%s)", row->inner, row->count == 1 ? "d0" : "d0 d1");
    return code == STATUS_OK ? quantize(w, err) : code;
}

/* Which version of Softmax it is says whether it takes one axis or all from there on. */
static status softmax_expand(struct op_writer *w, struct error *err) {
    const struct around_params *params = w->call->params;
    status code = dequantize(w, 0, 0, err);
    if (code == STATUS_OK)
        code = op_write(w, err, "y = Softmax:%lld{axis=%lld}(d0)", (long long)params->opset, (long long)params->axis);
    return code == STATUS_OK ? quantize(w, err) : code;
}

static status unary_expand(struct op_writer *w, struct error *err) {
    const struct around_row *row = w->call->op->row;
    return is_known(w, 0) ? tabulate(w, 0, row->inner, ">0", err) : around_expand(w, err);
}

static status pair_expand(struct op_writer *w, struct error *err) {
    return op_write(w, err, ">0 = !%s(#0 #3 #1 #2 #4 #5 #6 #7)", ((const struct around_row *)w->call->op->row)->inner);
}

/* Whether input `data` is quantized by the values that input `output` and the one behind it are. */
static bool has_scale_of(const struct node *node, int data, int output) {
    return node->inputs[data + 1] == node->inputs[output] && node->inputs[data + 2] == node->inputs[output + 1];
}

#define MOST_TABLES 8 /* names of a text are counted */

static status concat_expand(struct op_writer *w, struct error *err) {
    bool tables = w->call->input_count <= 2 + 3 * MOST_TABLES;
    for (int i = 2; i < w->call->input_count; i += 3)
        tables = tables && is_known(w, i);
    status code = STATUS_OK;
    for (int i = 2; i < w->call->input_count && code == STATUS_OK && tables; i += 3) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        code = has_scale_of(w->call->node, i, 0) ? op_write(w, err, "%s = Identity(#%d)", name, i)
                                                 : tabulate(w, i, "Identity", name, err);
    }
    if (tables)
        return code == STATUS_OK ? op_write(w, err, ">0 = Concat{*}(x*)") : code;
    for (int i = 2; i < w->call->input_count && code == STATUS_OK; i += 3)
        code = dequantize(w, i, i, err);
    if (code == STATUS_OK)
        code = op_write(w, err, "y = Concat{*}(d*)");
    return code == STATUS_OK ? quantize(w, err) : code;
}

static status where_expand(struct op_writer *w, struct error *err) {
    status code = dequantize(w, 0, 1, err);
    if (code == STATUS_OK)
        code = dequantize(w, 1, 4, err);
    if (code == STATUS_OK)
        code = op_write(w, err, "y = Where(#0 d0 d1)");
    return code == STATUS_OK ? quantize(w, err) : code;
}

/* ---- ByteTable: y = table[x - the smallest integer] ---- */

static status table_infer(struct op_call *call, struct error *err) {
    if (tensor_elements(call->inputs[1]) != 256)
        return fail(err, STATUS_SHAPE, "the table has %lld numbers, expected 256",
                    (long long)tensor_elements(call->inputs[1]));
    return tensor_describe(call->outputs[0], call->inputs[1]->dtype, &call->inputs[0]->shape, err);
}

static void look_up(void *context, size_t begin, size_t end) {
    const struct op_call *call = context;
    const uint8_t *x = call->inputs[0]->data, *table = call->inputs[1]->data;
    const uint8_t flip = call->inputs[0]->dtype == DTYPE_INT8 ? 0x80 : 0;
    uint8_t own[256], *y = call->outputs[0]->data;
    for (int i = 0; i < 256; i++)
        own[i] = table[i ^ flip];
    for (size_t i = begin; i < end; i++)
        y[i] = own[x[i]];
}

static status table_run(struct op_call *call, struct error *err) {
    (void)err;
    parallel_blocks((size_t)tensor_elements(call->outputs[0]), PARALLEL_ELEMENTS, call->threads, look_up, call);
    return STATUS_OK;
}

/* ---- ByteAdd, ByteMul ---- */

enum pair_input { IN_A, IN_B, IN_A_SCALE, IN_A_ZERO, IN_B_SCALE, IN_B_ZERO, IN_SCALE, IN_ZERO };

struct pair_work {
    const struct integer_kernel *kernel;
    struct integer_pair pair;
};

static void pair_loop(void *out, const void *a, size_t a_step, const void *b, size_t b_step, size_t count,
                      const void *context) {
    const struct pair_work *work = context;
    work->kernel->combine(&work->pair, a, a_step, b, b_step, (int64_t)count, out);
}

static status pair_run(struct op_call *call, struct error *err) {
    const float scale = number_of(call->inputs[IN_SCALE], 1);
    const bool product = call->op->row != NULL;
    struct pair_work work = {integer_kernel_of(call->kernels),
                             {.is_signed = call->inputs[IN_A]->dtype == DTYPE_INT8,
                              .product = product,
                              .a_zero = (int)number_of(op_input(call, IN_A_ZERO), 0),
                              .b_zero = (int)number_of(op_input(call, IN_B_ZERO), 0),
                              .a_scale = number_of(call->inputs[IN_A_SCALE], 1),
                              .b_scale = number_of(call->inputs[IN_B_SCALE], 1),
                              .zero = number_of(op_input(call, IN_ZERO), 0)}};
    struct integer_pair *pair = &work.pair;
    (void)err;
    pair->a_scale = product ? pair->a_scale * pair->b_scale / scale : pair->a_scale / scale;
    pair->b_scale = pair->b_scale / scale;
    binary_apply(call, &(struct binary_operation){pair_loop, &work, 1, 1, 1, false});
    return STATUS_OK;
}

/* ---- definitions ---- */

#define SCALE(NAME) \
    { NAME, TYPES_FLOAT, ARG_T1 }
#define DATA(NAME) \
    { NAME, TYPES_INT8, ARG_T }
#define ZERO(NAME) \
    { NAME, TYPES_INT8, ARG_T | ARG_OPTIONAL }
#define X_INPUTS DATA("X"), SCALE("X_scale"), ZERO("X_zero_point"), SCALE("Y_scale"), ZERO("Y_zero_point")
#define AB_INPUTS                                                                                         \
    DATA("A"), SCALE("A_scale"), ZERO("A_zero_point"), DATA("B"), SCALE("B_scale"), ZERO("B_zero_point"), \
        SCALE("C_scale"), ZERO("C_zero_point")

#define QUANTIZED(NAME, EXPAND, TO, ROW, ...)                                                                     \
    {                                                                                                             \
        .name = NAME, .domain = "com.microsoft", .since = 1, .inputs = (const struct op_arg[]){__VA_ARGS__, {0}}, \
        .outputs = (const struct op_arg[]){{"Y", TYPES_INT8, ARG_T}, {0}},                                        \
        .params_size = sizeof(struct around_params), .parse = parse, .infer = op_expanded, .run = op_expanded,    \
        .row = &(const struct around_row)ROW, .facts = &(const struct op_facts) {                                 \
            .expand = EXPAND, .expands_to = TO " QuantizeLinear DequantizeLinear Transpose"                       \
        }                                                                                                         \
    }
#define TABLE "Range Cast limner:ByteTable"
#define ROW(...) \
    { __VA_ARGS__ }

#define PAIR(NAME, ROW)                                                                                             \
    {                                                                                                               \
        .name = NAME, .domain = INTERNAL_DOMAIN, .since = 1,                                                        \
        .inputs = (const struct op_arg[]){{"A", TYPES_INT8, ARG_T}, {"B", TYPES_INT8, ARG_T}, SCALE("A_scale"),     \
                                          ZERO("A_zero_point"),     SCALE("B_scale"),         ZERO("B_zero_point"), \
                                          SCALE("C_scale"),         ZERO("C_zero_point"),     {0}},                 \
        .outputs = (const struct op_arg[]){{"C", TYPES_INT8, ARG_T}, {0}}, .storage = STORAGE_IN_PLACE,             \
        .infer = binary_infer, .prepare = binary_prepare, .run = pair_run, .row = ROW                               \
    }

static const struct binary_row product_row = {.output =
                                                  DTYPE_UNDEFINED}; /* that it is there says that it is a product */

const struct op ops_quant_around[] = {
    QUANTIZED("QLinearAdd", pair_expand, "limner:ByteAdd", ROW("ByteAdd", "", 0, 2, 6), AB_INPUTS),
    QUANTIZED("QLinearMul", pair_expand, "limner:ByteMul", ROW("ByteMul", "", 0, 2, 6), AB_INPUTS),
    QUANTIZED("QLinearSigmoid", unary_expand, "Sigmoid " TABLE, ROW("Sigmoid", "", 0, 1, 3), X_INPUTS),
    QUANTIZED("QLinearLeakyRelu", unary_expand, "LeakyRelu " TABLE, ROW("LeakyRelu{*}", "alpha", 0, 1, 3), X_INPUTS),
    QUANTIZED("QLinearSoftmax", softmax_expand, "Softmax", ROW("Softmax", "", 0, 1, 3), X_INPUTS),
    QUANTIZED("QLinearReduceMean", around_expand, "ReduceMean", ROW("ReduceMean:13{*}", "axes keepdims", 0, 1, 3),
              X_INPUTS),
    QUANTIZED("QLinearAveragePool", around_expand, "AveragePool",
              ROW("AveragePool{*}", "auto_pad ceil_mode count_include_pad kernel_shape strides pads", 0, 1, 3),
              X_INPUTS),
    QUANTIZED("QLinearGlobalAveragePool", around_expand, "GlobalAveragePool", ROW("GlobalAveragePool", "", 0, 1, 3),
              X_INPUTS),
    QUANTIZED("QLinearWhere", where_expand, "Where", ROW("Where", "", 1, 2, 7), {"condition", TYPES_BOOL, 0}, DATA("X"),
              SCALE("X_scale"), ZERO("X_zero_point"), DATA("Y"), SCALE("Y_scale"), ZERO("Y_zero_point"),
              SCALE("Z_scale"), ZERO("Z_zero_point")),
    QUANTIZED("QLinearConcat", concat_expand, "Concat Identity " TABLE, ROW("Concat", "axis", 2, 0, 0),
              SCALE("Y_scale"), {"Y_zero_point", TYPES_INT8, ARG_T},
              {"inputs", TYPES_INT8 | TYPES_FLOAT, ARG_VARIADIC}),
    {.name = "ByteTable",
     .domain = INTERNAL_DOMAIN,
     .since = 1,
     .inputs = (const struct op_arg[]){{"X", TYPES_INT8, ARG_T}, {"table", TYPES_INT8, ARG_T1}, {0}},
     .outputs = (const struct op_arg[]){{"Y", TYPES_INT8, ARG_T1}, {0}},
     .storage = STORAGE_IN_PLACE,
     .infer = table_infer,
     .run = table_run},
    PAIR("ByteAdd", NULL),
    PAIR("ByteMul", &product_row),
    {0},
};
