/*
 * ConvInteger and QLinearConv (ONNX 10): sums of int8 or uint8 in int32. An image becomes phases (phases.h), whose
 * places are the columns of a product with the weights; a channel by itself needs none (depthwise.h). Where the
 * processor can, numbers stay bytes; else, and where weights have zero points, both sides are words less their zero
 * points.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/conv/conv.h"
#include "ops/core/op_facts.h"
#include "ops/quant/conv_quant_call.h"
#include "ops/quant/conv_quant_sums.h"
#include "ops/quant/conv_quant_weights.h"
#include "ops/quant/numbers.h"

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    return window_parse(call, attributes, false, params, err);
}

static status infer(struct op_call *call, struct error *err) {
    struct quant_conv c;
    const status code = quant_conv_describe(call, &c, err);
    const enum dtype dtype = c.row->y_zero ? call->inputs[c.row->y_zero]->dtype : DTYPE_INT32;
    return code == STATUS_OK ? window_describe(call, &c.window, dtype, err) : code;
}

/* The workspace: the picture, places, weights that are not packed beforehand. */
static bool workspace_parts(const struct quant_conv *c, size_t parts[3]) {
    const struct quant_conv_state *state = c->call->state;
    parts[2] = 0;
    parts[0] = c->phases.bytes_all; /* 0 without phases */
    return size_mul((size_t)quant_steps(&c->rows), sizeof(int64_t), &parts[1]) &&
           (state->packed || quant_conv_packed_bytes(c, &parts[2]));
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct quant_conv_state *state = call->state;
    struct quant_conv c;
    size_t bytes, parts[3];
    const status code = quant_conv_describe(call, &c, err);
    if (code != STATUS_OK)
        return code;
    state->bytes = c.kernel->has_bytes() && quant_conv_is_bytes(&c);
    bool ok = quant_conv_plan(&c, state->bytes) && quant_conv_packed_bytes(&c, &bytes);
    if (ok && quant_conv_take_weights(&c, bytes, err) != STATUS_OK)
        return err->code;
    ok = ok && workspace_parts(&c, parts);
    *workspace_bytes = 0;
    for (int i = 0; ok && i < 3; i++)
        ok = size_add(*workspace_bytes, whole_line_bytes(parts[i]), workspace_bytes);
    call->own_bytes = c.is_depthwise ? c.depthwise.bytes : QUANT_CONV_OWN_BYTES;
    return ok ? STATUS_OK : fail(err, STATUS_LIMIT, "the workspace of the convolution is too large");
}

/* ---- a run ---- */

static void start(struct quant_conv *c) {
    const struct op_call *call = c->call;
    const struct quant_conv_state *state = call->state;
    char *workspace = call->workspace;
    size_t parts[3];
    quant_conv_plan(c, state->bytes);
    workspace_parts(c, parts);
    c->x_scale = c->row->x_scale ? number_of(call->inputs[c->row->x_scale], 1) : 1;
    c->x_zero = (int)number_of(op_input(call, c->row->x_zero), 0) + (call->inputs[0]->dtype == DTYPE_INT8 ? 128 : 0);
    c->y_scale = c->row->y_scale ? number_of(call->inputs[c->row->y_scale], 1) : 1;
    c->y_zero = c->row->y_zero ? number_of(call->inputs[c->row->y_zero], 0) : 0;
    int64_t *places = (int64_t *)(void *)(workspace + whole_line_bytes(parts[0]));
    int32_t *packed = (int32_t *)(void *)((char *)places + whole_line_bytes(parts[1]));
    if (!c->is_depthwise)
        quant_phases_places(&c->phases, places);
    if (!state->packed)
        quant_conv_pack(packed, NULL, c);
    c->places = places;
    c->weights = state->packed ? state->packed : packed;
    c->sums = c->weights + c->window.group * quant_rows_ints(&c->rows);
    c->picture = (const uint32_t *)(const void *)workspace;
}

static status run(struct op_call *call, struct error *err) {
    struct quant_conv c;
    const status code = quant_conv_describe(call, &c, err);
    if (code != STATUS_OK || call->outputs[0]->bytes == 0)
        return code;
    start(&c);
    if (c.is_depthwise) {
        team_run(call->threads, quant_conv_run_planes, &c);
        return STATUS_OK;
    }
    const size_t image_bytes = call->inputs[0]->bytes / (size_t)c.window.batch;
    for (int64_t image = 0; image < c.window.batch; image++) {
        struct quant_image source = {.phases = &c.phases,
                                     .x = (const uint8_t *)call->inputs[0]->data + (size_t)image * image_bytes,
                                     .flip = call->inputs[0]->dtype == DTYPE_INT8 ? 0x80 : 0,
                                     .zero = c.x_zero,
                                     .to = call->workspace};
        struct quant_conv_image work = {&c, image};
        team_for(call->threads, quant_phases_planes(&c.phases), quant_phases_fill, &source);
        team_run(call->threads, quant_conv_run_units, &work);
    }
    return STATUS_OK;
}

static double macs(const struct op_call *call) {
    struct quant_conv c;
    struct error ignored;
    if (quant_conv_describe(call, &c, &ignored) != STATUS_OK || !quant_conv_plan(&c, false))
        return 0;
    return (double)c.rows.channels * (double)c.rows.taps * (double)tensor_elements(call->outputs[0]);
}

static const struct quant_conv_row integer_row = {.w = 1, .x_zero = 2, .w_zero = 3};
static const struct quant_conv_row linear_row = {
    .x_scale = 1, .x_zero = 2, .w = 3, .w_scale = 4, .w_zero = 5, .y_scale = 6, .y_zero = 7, .bias = 8};
static const struct op_facts facts = {.reach = op_reach_unknown};

#define CONV(NAME, ROW, Y, ...)                                                                                        \
    {                                                                                                                  \
        .name = NAME, .domain = "", .since = 10, .inputs = (const struct op_arg[]){__VA_ARGS__, {0}},                  \
        .outputs = (const struct op_arg[]){{"y", Y, ARG_T3}, {0}}, .params_size = sizeof(struct window_params),        \
        .state_size = sizeof(struct quant_conv_state), .parse = parse, .infer = infer, .prepare = prepare, .run = run, \
        .macs = macs, .facts = &facts, .row = &(ROW)                                                                   \
    }

const struct op ops_quant_conv[] = {
    CONV("ConvInteger", integer_row, TYPE(DTYPE_INT32), {"x", TYPES_INT8, ARG_T1}, {"w", TYPES_INT8, ARG_T2},
         {"x_zero_point", TYPES_INT8, ARG_T1 | ARG_OPTIONAL}, {"w_zero_point", TYPES_INT8, ARG_T2 | ARG_OPTIONAL}),
    CONV("QLinearConv", linear_row, TYPES_INT8, {"x", TYPES_INT8, ARG_T1}, {"x_scale", TYPES_FLOAT, 0},
         {"x_zero_point", TYPES_INT8, ARG_T1}, {"w", TYPES_INT8, ARG_T2}, {"w_scale", TYPES_FLOAT, 0},
         {"w_zero_point", TYPES_INT8, ARG_T2}, {"y_scale", TYPES_FLOAT, 0}, {"y_zero_point", TYPES_INT8, ARG_T3},
         {"B", TYPE(DTYPE_INT32), ARG_OPTIONAL}),
    {0},
};
