/*
 * ConvInteger and QLinearConv (ONNX 10): sums of int8 or uint8 in int32. Weights become lines of 16-bit integers less
 * their zero points; so do the inputs of some positions at a time, where padding is 0.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/conv/conv.h"
#include "ops/conv/window_phases.h"
#include "ops/core/op_facts.h"
#include "ops/kernels/families.h"
#include "ops/quant/numbers.h"
#include "ops/quant/terms.h"

#include <math.h>

/* Which inputs an operator has; 0: none (input 0 is X). */
struct quant_conv_row {
    int x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias;
};

#define POSITIONS 64 /* output positions at a time */

struct quant_conv {
    const struct op_call *call;
    const struct quant_conv_row *row;
    struct window window;
    struct phase_geometry geometry;
    int64_t depth; /* inputs of an output: channels of a group by taps */
    struct quant_terms w_scale, w_zero;
    float x_scale, y_scale, y_zero;
    int x_zero;
    int16_t *weights; /* [M][depth] */
};

/* The node as Conv sees it: X, W and the bias. */
static status find_window(const struct op_call *call, struct quant_conv *c, struct error *err) {
    const struct tensor *inputs[] = {call->inputs[0], call->inputs[c->row->w],
                                     c->row->bias ? op_input(call, c->row->bias) : NULL};
    struct op_call seen = *call;
    seen.inputs = inputs;
    seen.input_count = 3;
    return conv_kind.resolve(&seen, &c->window, err);
}

static status describe(const struct op_call *call, struct quant_conv *c, struct error *err) {
    *c = (struct quant_conv){.call = call, .row = call->op->row};
    const int none = call->input_count;
    if (find_window(call, c, err) != STATUS_OK)
        return err->code;
    window_phase(&c->window, false, 0, &c->geometry);
    const int64_t outputs = c->window.out_channels * c->window.group;
    c->depth = c->geometry.channels * c->geometry.taps;
    if (quant_terms_of(call, c->row->w_scale ? c->row->w_scale : none, 1, outputs, outputs, &c->w_scale, err) ||
        quant_terms_of(call, c->row->w_zero, 0, outputs, outputs, &c->w_zero, err))
        return err->code;
    return STATUS_OK;
}

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    return window_parse(call, attributes, false, params, err);
}

static status infer(struct op_call *call, struct error *err) {
    struct quant_conv c;
    const status code = describe(call, &c, err);
    const enum dtype dtype = c.row->y_zero ? call->inputs[c.row->y_zero]->dtype : DTYPE_INT32;
    return code == STATUS_OK ? window_describe(call, &c.window, dtype, err) : code;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct quant_conv c;
    size_t bytes;
    const status code = describe(call, &c, err);
    if (code != STATUS_OK)
        return code;
    const size_t outputs = (size_t)(c.window.out_channels * c.window.group);
    const bool ok = size_mul((size_t)c.depth, sizeof(int16_t), &bytes) && size_mul(bytes, outputs, workspace_bytes) &&
                    size_mul(bytes, POSITIONS, &bytes) &&
                    size_add(bytes, POSITIONS * sizeof(int32_t), &call->own_bytes);
    return ok ? STATUS_OK : fail(err, STATUS_LIMIT, "the workspace of the convolution is too large");
}

/* ---- lines of 16-bit integers ---- */

static void center_weights(void *context, int64_t first, int64_t end) {
    const struct quant_conv *c = context;
    const struct tensor *w = c->call->inputs[c->row->w];
    for (int64_t m = first; m < end; m++)
        quant_center(w->dtype, w->data, m * c->depth, 1, c->depth, (int)quant_term(&c->w_zero, m),
                     c->weights + m * c->depth);
}

/* Inputs of one output position, channel by channel and tap by tap, as weights lie. */
static void gather(const struct quant_conv *c, const void *channels, int64_t position, int16_t *line) {
    const struct phase_axis *axis = c->geometry.axis;
    const int64_t plane = axis[0].in * axis[1].in * axis[2].in;
    const int64_t at[SPATIAL] = {position / axis[2].positions / axis[1].positions,
                                 position / axis[2].positions % axis[1].positions, position % axis[2].positions};
    const enum dtype dtype = c->call->inputs[0]->dtype;
    for (int64_t channel = 0; channel < c->geometry.channels; channel++)
        for (int64_t tap = 0; tap < c->geometry.taps; tap++) {
            const int64_t taps[SPATIAL] = {tap / axis[2].taps / axis[1].taps, tap / axis[2].taps % axis[1].taps,
                                           tap % axis[2].taps};
            int64_t place = 0;
            bool inside = true;
            for (int d = 0; d < SPATIAL; d++) {
                const int64_t i = phase_input(&axis[d], at[d], taps[d]);
                inside = inside && i >= 0 && i < axis[d].in;
                place = place * axis[d].in + i;
            }
            *line = 0;
            if (inside)
                quant_center(dtype, channels, channel * plane + place, 1, 1, c->x_zero, line);
            line++;
        }
}

/* ---- sums ---- */

static void finish(const struct quant_conv *c, int64_t output, int64_t first, const int32_t *sums, int64_t count) {
    struct tensor *y = c->call->outputs[0];
    const struct tensor *bias = c->row->bias ? op_input(c->call, c->row->bias) : NULL;
    const uint32_t start = bias ? (uint32_t)((const int32_t *)bias->data)[output] : 0;
    const float scale = c->x_scale * quant_term(&c->w_scale, output) / c->y_scale;
    float values[POSITIONS];
    if (y->dtype == DTYPE_INT32) {
        for (int64_t i = 0; i < count; i++)
            ((int32_t *)y->data)[first + i] = sums[i];
        return;
    }
    for (int64_t i = 0; i < count; i++)
        values[i] = rintf((float)(int32_t)((uint32_t)sums[i] + start) * scale) + c->y_zero;
    numbers_store(y->dtype, values, y->data, (size_t)first, (size_t)count, true);
}

/* Some positions of one group of one image. */
static void convolve(const struct quant_conv *c, int64_t image, int64_t group, int64_t position, char *own) {
    const int64_t all = c->geometry.positions, left = all - position, count = left < POSITIONS ? left : POSITIONS;
    const int64_t per_group = c->window.out_channels, groups = c->window.group;
    const struct phase_axis *axis = c->geometry.axis;
    const int64_t plane = axis[0].in * axis[1].in * axis[2].in;
    const char *channels =
        (const char *)c->call->inputs[0]->data + (image * groups + group) * c->geometry.channels * plane;
    int32_t *sums = (int32_t *)(void *)own;
    int16_t *lines = (int16_t *)(void *)(own + POSITIONS * sizeof *sums);
    for (int64_t i = 0; i < count; i++)
        gather(c, channels, position + i, lines + i * c->depth);
    for (int64_t m = group * per_group; m < (group + 1) * per_group; m++) {
        integer_kernel_of(c->call->kernels)
            ->dots(c->weights + m * c->depth, lines, (size_t)c->depth, (size_t)count, sums);
        finish(c, m, (image * groups * per_group + m) * all + position, sums, count);
    }
}

static void run_parts(struct team_thread self, void *context) {
    const struct quant_conv *c = context;
    const int64_t parts = (c->geometry.positions + POSITIONS - 1) / POSITIONS, groups = c->window.group;
    const struct team_range range = team_range_of(self, c->window.batch * groups * parts);
    char *own = c->call->own + (size_t)self.index * c->call->own_stride;
    for (int64_t i = range.first; i < range.end; i++)
        convolve(c, i / parts / groups, i / parts % groups, i % parts * POSITIONS, own);
}

static status run(struct op_call *call, struct error *err) {
    struct quant_conv c;
    const status code = describe(call, &c, err);
    if (code != STATUS_OK || call->outputs[0]->bytes == 0)
        return code;
    c.weights = call->workspace;
    c.x_scale = c.row->x_scale ? number_of(call->inputs[c.row->x_scale], 1) : 1;
    c.x_zero = (int)number_of(op_input(call, c.row->x_zero), 0);
    c.y_scale = c.row->y_scale ? number_of(call->inputs[c.row->y_scale], 1) : 1;
    c.y_zero = c.row->y_zero ? number_of(call->inputs[c.row->y_zero], 0) : 0;
    team_for(call->threads, c.window.out_channels * c.window.group, center_weights, &c);
    team_run(call->threads, run_parts, &c);
    return STATUS_OK;
}

static double macs(const struct op_call *call) {
    struct quant_conv c;
    struct error ignored;
    return describe(call, &c, &ignored) == STATUS_OK ? (double)c.depth * (double)tensor_elements(call->outputs[0]) : 0;
}

static const struct quant_conv_row integer_row = {.w = 1, .x_zero = 2, .w_zero = 3};
static const struct quant_conv_row linear_row = {
    .x_scale = 1, .x_zero = 2, .w = 3, .w_scale = 4, .w_zero = 5, .y_scale = 6, .y_zero = 7, .bias = 8};
static const struct op_facts facts = {.reach = op_reach_unknown};

#define CONV(NAME, ROW, Y, ...)                                                                                      \
    {                                                                                                                \
        .name = NAME, .domain = "", .since = 10, .inputs = (const struct op_arg[]){__VA_ARGS__, {0}},                \
        .outputs = (const struct op_arg[]){{"y", Y, ARG_T3}, {0}}, .params_size = sizeof(struct window_params),      \
        .parse = parse, .infer = infer, .prepare = prepare, .run = run, .macs = macs, .facts = &facts, .row = &(ROW) \
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
