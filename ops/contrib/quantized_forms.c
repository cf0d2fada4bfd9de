/*
 * onnxruntime's DynamicQuantizeLSTM, QGemm and QLinearConv with channels last (com.microsoft 1), as ONNX's. The
 * weights of the layer and what meets them, inputs and states, are whole numbers of 8 bits as there.
 */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/op_write.h"
#include "ops/quant/numbers.h"

static status lstm_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)call, (void)params, (void)err;
    op_write_later(attributes, "activations activation_alpha activation_beta clip direction hidden_size input_forget");
    return STATUS_OK;
}

/* Scales are [directions], or one for each column; sums are of whole numbers, as there. */
static status lstm_expand(struct op_writer *w, struct error *err) {
    status code = op_write(w, err,
                           "a b c = DynamicQuantizeLinear(#0); x = CastLike(a #0); c = CastLike(c #0); x = Sub(x c);"
                           "b = Cast{to=1}(b)");
    for (int i = 1; i <= 2 && code == STATUS_OK; i++)
        code = op_write(w, err,
                        "z = Cast{to=1}(#%d); z = Reshape(z [0 1 -1]); w = Cast{to=1}(#%d); w = Sub(w z);"
                        "w%d = Transpose{perm=[0 2 1]}(w); s%d = Cast{to=1}(#%d)",
                        7 + 2 * i, i, i, i, 6 + 2 * i);
    return code == STATUS_OK ? op_write(w, err, ">0 >1 >2 = !RoundedLSTM{*}(x w1 w2 #3 #4 #5 #6 #7 b s1 s2)") : code;
}

/* ---- QGemm ---- */

struct qgemm_params {
    bool transpose[2], plain; /* plain: the result is in floats */
    float alpha;
};

static status qgemm_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct qgemm_params *params = result;
    const struct node *node = call->node;
    params->transpose[0] = attribute_int(attributes, "transA", 0) != 0;
    params->transpose[1] = attribute_int(attributes, "transB", 0) != 0;
    params->alpha = attribute_float(attributes, "alpha", 1);
    params->plain = node->input_count <= 8 || node->inputs[8] == NO_VALUE;
    const bool scale = node->input_count > 7 && node->inputs[7] != NO_VALUE;
    return params->plain != scale
               ? STATUS_OK
               : fail(err, STATUS_INVALID_MODEL, "inputs 7 (y_scale) and 8 (y_zero_point) go together");
}

static enum dtype qgemm_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct qgemm_params *)call->params)->plain ? DTYPE_FLOAT : DTYPE_UNDEFINED;
}

static status qgemm_expand(struct op_writer *w, struct error *err) {
    const struct qgemm_params *params = w->call->params;
    status code =
        op_write(w, err, "a = %s(#0); b = %s(#3); y = MatMulInteger(a b #2 #5)",
                 params->transpose[0] ? "Transpose" : "Identity", params->transpose[1] ? "Transpose" : "Identity");
    if (code == STATUS_OK && op_input(w->call, 6))
        code = op_write(w, err, "y = Add(y #6)");
    if (code == STATUS_OK)
        code = op_write(w, err, "s = Mul(#1 #4); s = Mul(s %.9gf); y = Cast{to=1}(y); y = Mul(y s)",
                        (double)params->alpha);
    if (code != STATUS_OK)
        return code;
    return params->plain ? op_write(w, err, ">0 = Identity(y)") : op_write(w, err, ">0 = QuantizeLinear(y #7 #8)");
}

/* ---- QLinearConv ---- */

static status conv_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    (void)call, (void)err;
    op_write_later(attributes, "auto_pad dilations group kernel_shape pads strides");
    *(bool *)result = attribute_int(attributes, "channels_last", 0) != 0;
    return STATUS_OK;
}

static status conv_expand(struct op_writer *w, struct error *err) {
    static const char *const own[] = {"channels_last", NULL};
    const bool last = *(const bool *)w->call->params;
    w->own = own;
    return op_write(w, err, "x = %s(#0); y = QLinearConv{*}(x #1 #2 #3 #4 #5 #6 #7 #8); >0 = %s(y)",
                    last ? "!MoveAxis{from=-1 to=1}" : "Identity", last ? "!MoveAxis{from=1 to=-1}" : "Identity");
}

#define FORM(NAME, PARAMS, PARSE, EXPAND, TYPE_OF, TO, OUTPUTS, ...)                                              \
    {                                                                                                             \
        .name = NAME, .domain = "com.microsoft", .since = 1, .inputs = (const struct op_arg[]){__VA_ARGS__, {0}}, \
        .outputs = (const struct op_arg[])OUTPUTS, .params_size = PARAMS, .parse = PARSE, .infer = op_expanded,   \
        .run = op_expanded, .output_type = TYPE_OF, .facts = &(const struct op_facts) {                           \
            .reach = op_reach_whole, .expand = EXPAND, .expands_to = TO                                           \
        }                                                                                                         \
    }
#define FLOATS(NAME) \
    { NAME, TYPES_FLOAT, ARG_T }
#define PERHAPS(NAME) \
    { NAME, TYPES_FLOAT, ARG_T | ARG_OPTIONAL }
#define BYTES(NAME, T) \
    { NAME, TYPES_INT8, T }
#define INT32 TYPE(DTYPE_INT32)

const struct op ops_quantized_forms[] = {
    FORM("DynamicQuantizeLSTM", 0, lstm_parse, lstm_expand, NULL,
         "limner:RoundedLSTM DynamicQuantizeLinear Cast CastLike Reshape Sub Transpose",
         LIST(PERHAPS("Y"), PERHAPS("Y_h"), PERHAPS("Y_c")), FLOATS("X"), BYTES("W", ARG_T2), BYTES("R", ARG_T2),
         PERHAPS("B"), {"sequence_lens", INT32, ARG_OPTIONAL}, PERHAPS("initial_h"), PERHAPS("initial_c"), PERHAPS("P"),
         FLOATS("W_scale"), BYTES("W_zero_point", ARG_T2), FLOATS("R_scale"), BYTES("R_zero_point", ARG_T2)),
    FORM("QGemm", sizeof(struct qgemm_params), qgemm_parse, qgemm_expand, qgemm_type,
         "Identity Transpose MatMulInteger Add Mul Cast QuantizeLinear",
         LIST({"Y", TYPES_INT8 | TYPES_FLOAT, ARG_T3 | ARG_STATED}), BYTES("A", ARG_T1), FLOATS("a_scale"),
         BYTES("a_zero_point", ARG_T1), BYTES("B", ARG_T2), FLOATS("b_scale"), BYTES("b_zero_point", ARG_T2),
         {"C", INT32, ARG_OPTIONAL}, PERHAPS("y_scale"),
         {"y_zero_point", TYPES_INT8 | TYPES_FLOAT, ARG_T3 | ARG_OPTIONAL}),
    FORM("QLinearConv", sizeof(bool), conv_parse, conv_expand, NULL, "Identity Transpose QLinearConv",
         LIST(BYTES("y", ARG_T3)), BYTES("x", ARG_T1), FLOATS("x_scale"), BYTES("x_zero_point", ARG_T1),
         BYTES("w", ARG_T2), FLOATS("w_scale"), BYTES("w_zero_point", ARG_T2), FLOATS("y_scale"),
         BYTES("y_zero_point", ARG_T3), {"B", INT32, ARG_OPTIONAL}),
    {0},
};
