/*
 * onnxruntime's Gelu, QuickGelu, BiasGelu and FastGelu (com.microsoft 1): a function of input 0 and of a bias for its
 * last dimension. One pass, piece by piece.
 */
#include "base/convert.h"
#include "base/simd.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/kernels/math.h"

struct gelu_row {
    enum math_function function;
    const char *alpha; /* attribute; NULL: none */
    float alpha_default;
};

static status gelu_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    const struct gelu_row *row = call->op->row;
    (void)err;
    *(float *)params = row->alpha ? attribute_float(attributes, row->alpha, row->alpha_default) : 0;
    return STATUS_OK;
}

static status gelu_infer(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape;
    const struct tensor *bias = op_input(call, 1);
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (bias && (bias->shape.rank != 1 || x->rank < 1 || bias->shape.dims[0] != x->dims[x->rank - 1]))
        return fail(err, STATUS_SHAPE, "input 1 is %s, expected the last dimension of input 0 %s",
                    shape_text(&bias->shape, a), shape_text(x, b));
    return tensor_describe(call->outputs[0], DTYPE_FLOAT, x, err);
}

/* Numbers begin..end-1, a run within a row at a time where there is a bias. */
static void run_part(void *context, size_t begin, size_t end) {
    const struct op_call *call = context;
    const struct gelu_row *row = call->op->row;
    const struct tensor *bias = op_input(call, 1);
    const size_t width = bias ? (size_t)bias->shape.dims[0] : 0;
    const float *x = call->inputs[0]->data;
    float *y = call->outputs[0]->data, piece[CONVERT_CHUNK];
    for (size_t i = begin, n; i < end; i += n) {
        const size_t column = bias ? i % width : 0;
        n = end - i < CONVERT_CHUNK ? end - i : CONVERT_CHUNK;
        if (bias && width - column < n)
            n = width - column;
        const float *added = bias ? (const float *)bias->data + column : NULL;
        if (bias)
            SIMD for (size_t j = 0; j < n; j++) piece[j] = x[i + j] + added[j];
        call->kernels->math->map[row->function](bias ? piece : x + i, y + i, n, *(const float *)call->params, 0);
    }
}

static status gelu_run(struct op_call *call, struct error *err) {
    (void)err;
    parallel_blocks((size_t)tensor_elements(call->inputs[0]), PARALLEL_ELEMENTS / 4, call->threads, run_part, call);
    return STATUS_OK;
}

static const struct op_arg alone[] = {{"X", TYPES_FLOAT, ARG_T}, {0}};
static const struct op_arg with_bias[] = {{"X", TYPES_FLOAT, ARG_T}, {"bias", TYPES_FLOAT, ARG_T}, {0}};
static const struct op_arg perhaps[] = {{"X", TYPES_FLOAT, ARG_T}, {"bias", TYPES_FLOAT, ARG_T | ARG_OPTIONAL}, {0}};

static const struct gelu_row gelu_row = {MATH_GELU, NULL, 0}, fast_row = {MATH_GELU_TANH, NULL, 0};
static const struct gelu_row quick_row = {MATH_SWISH, "alpha", 1.702f};

#define GELU(NAME, INPUTS, ROW)                                                                           \
    {                                                                                                     \
        .name = NAME, .domain = "com.microsoft", .since = 1, .inputs = INPUTS,                            \
        .outputs = (const struct op_arg[]){{"Y", TYPES_FLOAT, ARG_T}, {0}}, .params_size = sizeof(float), \
        .parse = gelu_parse, .infer = gelu_infer, .run = gelu_run, .row = &(ROW)                          \
    }

const struct op ops_contrib_gelu[] = {GELU("Gelu", alone, gelu_row),
                                      GELU("QuickGelu", alone, quick_row),
                                      GELU("BiasGelu", with_bias, gelu_row),
                                      GELU("FastGelu", perhaps, fast_row),
                                      {0}};
