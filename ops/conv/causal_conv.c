/* CausalConvWithState (ONNX 27): every channel of [batch, channels, length] is convolved with what came before it. */
#include "base/simd.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/kernels/math.h"

#include <string.h>

#define TEAM_ELEMENTS 16384

enum causal_input { IN_X, IN_WEIGHT, IN_BIAS, IN_PAST };
enum causal_output { OUT_Y, OUT_PRESENT };

static status causal_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    static const char *const activations[] = {"none", "silu", "swish", NULL};
    (void)call, (void)err;
    *(bool *)params = attribute_choice(attributes, "activation", activations, 0) != 0;
    return STATUS_OK;
}

static status check(const struct op_call *call, int i, int rank, int64_t a, int64_t b, int64_t c, struct error *err) {
    const struct tensor *tensor = op_input(call, i);
    const struct shape expected = {rank, {a, b, c}};
    char x[SHAPE_TEXT_BYTES], y[SHAPE_TEXT_BYTES], name[ARG_TEXT_BYTES];
    if (!tensor || shape_equal(&tensor->shape, &expected))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, expected %s", op_input_text(call, i, name), shape_text(&tensor->shape, x),
                shape_text(&expected, y));
}

static status causal_infer(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[IN_X]->shape, *w = &call->inputs[IN_WEIGHT]->shape;
    char text[SHAPE_TEXT_BYTES];
    if (x->rank != 3 || w->rank != 3 || w->dims[2] < 1)
        return fail(err, STATUS_SHAPE, "input %d is %s, expected %s", x->rank != 3 ? 0 : 1,
                    shape_text(x->rank != 3 ? x : w, text),
                    x->rank != 3 ? "[batch,channels,length]" : "[channels,1,taps]");
    const int64_t batch = x->dims[0], channels = x->dims[1], taps = w->dims[2];
    const struct shape state = {3, {batch, channels, taps - 1}};
    status code = check(call, IN_WEIGHT, 3, channels, 1, taps, err);
    if (code == STATUS_OK)
        code = check(call, IN_BIAS, 1, channels, 0, 0, err);
    if (code == STATUS_OK)
        code = check(call, IN_PAST, 3, batch, channels, taps - 1, err);
    if (code == STATUS_OK && op_output(call, OUT_Y))
        code = tensor_describe(call->outputs[OUT_Y], DTYPE_FLOAT, x, err);
    return code == STATUS_OK && op_output(call, OUT_PRESENT)
               ? tensor_describe(call->outputs[OUT_PRESENT], DTYPE_FLOAT, &state, err)
               : code;
}

/* One channel of a picture: `before` numbers of the past, NULL: zeros, then `length` of the present. */
struct causal_line {
    const float *past, *x, *weight;
    int64_t before, length;
};

static float line_at(const struct causal_line *line, int64_t i) {
    return i >= 0 ? line->x[i] : line->past ? line->past[line->before + i] : 0;
}

static void convolve(const struct causal_line *line, float bias, float *y) {
    const int64_t edge = line->before < line->length ? line->before : line->length;
    for (int64_t t = 0; t < edge; t++) {
        y[t] = bias;
        for (int64_t k = 0; k <= line->before; k++)
            y[t] += line->weight[k] * line_at(line, t + k - line->before);
    }
    SIMD for (int64_t t = edge; t < line->length; t++) y[t] = bias;
    for (int64_t k = 0; k <= line->before && edge < line->length; k++) {
        const float *x = line->x + k - line->before, weight = line->weight[k];
        SIMD for (int64_t t = edge; t < line->length; t++) y[t] += weight * x[t];
    }
}

static void run_lines(void *context, int64_t first, int64_t end) {
    const struct op_call *call = context;
    const struct shape *x = &call->inputs[IN_X]->shape;
    const int64_t channels = x->dims[1], taps = call->inputs[IN_WEIGHT]->shape.dims[2];
    const struct tensor *bias = op_input(call, IN_BIAS), *past = op_input(call, IN_PAST);
    struct tensor *output = op_output(call, OUT_Y), *present = op_output(call, OUT_PRESENT);
    for (int64_t i = first; i < end; i++) {
        const struct causal_line line = {past ? (const float *)past->data + i * (taps - 1) : NULL,
                                         (const float *)call->inputs[IN_X]->data + i * x->dims[2],
                                         (const float *)call->inputs[IN_WEIGHT]->data + i % channels * taps, taps - 1,
                                         x->dims[2]};
        float *y = output ? (float *)output->data + i * line.length : NULL;
        if (y)
            convolve(&line, bias ? ((const float *)bias->data)[i % channels] : 0, y);
        if (y && *(const bool *)call->params)
            call->kernels->math->map[MATH_SWISH](y, y, (size_t)line.length, 1, 0);
        for (int64_t k = 0; present && k < line.before; k++)
            ((float *)present->data)[i * line.before + k] = line_at(&line, line.length - line.before + k);
    }
}

static status causal_run(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[IN_X]->shape;
    (void)err;
    team_for(tensor_elements(call->inputs[IN_X]) > TEAM_ELEMENTS ? call->threads : 1, x->dims[0] * x->dims[1],
             run_lines, call);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};

static const struct op_arg inputs[] = {{"input", TYPES_FLOAT, ARG_T},
                                       {"weight", TYPES_FLOAT, ARG_T},
                                       {"bias", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {"past_state", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {0}};
static const struct op_arg outputs[] = {
    {"output", TYPES_FLOAT, ARG_T}, {"present_state", TYPES_FLOAT, ARG_T | ARG_OPTIONAL}, {0}};

const struct op ops_causal_conv[] = {{.name = "CausalConvWithState",
                                      .domain = "",
                                      .since = 27,
                                      .inputs = inputs,
                                      .outputs = outputs,
                                      .params_size = sizeof(bool),
                                      .parse = causal_parse,
                                      .infer = causal_infer,
                                      .run = causal_run,
                                      .facts = &facts},
                                     {0}};
