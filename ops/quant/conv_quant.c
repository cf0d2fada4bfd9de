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
#include "ops/kernels/families.h"
#include "ops/quant/depthwise.h"
#include "ops/quant/numbers.h"
#include "ops/quant/phases.h"
#include "ops/quant/steps.h"
#include "ops/weights/weight_cache.h"

#include <string.h>

/* Which inputs an operator has; 0: none (input 0 is X). */
struct quant_conv_row {
    int x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias;
};

#define STRIP 256     /* columns at a time, whole tiles */
#define PART_PANELS 4 /* panels of outputs of a unit of work */

struct quant_conv_state {
    const int32_t *packed; /* NULL: the weights are packed in every run */
    bool bytes;
};

struct quant_conv {
    const struct op_call *call;
    const struct quant_conv_row *row;
    const struct integer_kernel *kernel;
    struct window window;
    struct quant_phases phases;
    struct quant_rows rows; /* the weights of a group */
    struct quant_terms w_scale, w_zero;
    float x_scale, y_scale, y_zero;
    int x_zero; /* of numbers without a sign */
    int64_t positions;
    const int32_t *weights, *sums; /* [group][panel][step][row]; of an output's weights */
    const uint32_t *picture;
    const int64_t *places;
    bool is_depthwise;
    struct quant_depthwise depthwise;
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
    const int64_t outputs = c->window.out_channels * c->window.group;
    c->kernel = integer_kernel_of(call->kernels);
    c->positions = c->window.axis[0].out * c->window.axis[1].out * c->window.axis[2].out;
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

/* ---- weights ---- */

/* The weights are int8 around 0, or uint8 around 128, as far as is known. */
static bool weights_are_bytes(const struct quant_conv *c) {
    const struct tensor *zero = c->w_zero.tensor;
    const bool has_sign = c->call->inputs[c->row->w]->dtype == DTYPE_INT8;
    if (!zero)
        return has_sign;
    bool ok = zero->constant && zero->data;
    for (int64_t i = 0; ok && i < tensor_elements(zero); i++)
        ok = ((const uint8_t *)zero->data)[i] == (has_sign ? 0 : 0x80);
    return ok;
}

static bool is_constant(const struct tensor *tensor) {
    return !tensor || (tensor->constant && tensor->data && tensor->bytes > 0);
}

static bool plan(struct quant_conv *c, bool bytes) {
    c->rows = (struct quant_rows){c->kernel, bytes, c->window.out_channels, c->window.in_channels, 1, false};
    for (int d = 0; d < SPATIAL; d++)
        c->rows.taps *= c->window.axis[d].kernel;
    c->is_depthwise = c->row->y_zero && quant_depthwise_of(&c->window, &c->depthwise);
    if (c->is_depthwise) {
        c->rows.channels = c->window.axis[2].kernel;
        c->rows.taps = c->window.axis[1].kernel;
        c->rows.taps_outside = true;
        return true;
    }
    return quant_phases_of(&c->window, c->kernel, bytes, &c->phases);
}

static int64_t outputs_of(const struct quant_conv *c) {
    return c->window.out_channels * c->window.group;
}

static bool packed_bytes(const struct quant_conv *c, size_t *bytes) {
    return size_mul((size_t)quant_rows_ints(&c->rows), (size_t)c->window.group, bytes) &&
           size_add(*bytes, (size_t)outputs_of(c), bytes) && size_mul(*bytes, sizeof(int32_t), bytes);
}

struct conv_packing {
    const struct quant_conv *conv;
    int32_t *packed;
};

static void pack_panels(void *context, int64_t first, int64_t end) {
    const struct conv_packing *packing = context;
    const struct quant_conv *c = packing->conv;
    const int64_t panels = divide_up(c->rows.rows, c->kernel->rows), ints = quant_rows_ints(&c->rows);
    const struct tensor *w = c->call->inputs[c->row->w];
    const char *data = w->data;
    for (int64_t i = first; i < end; i++) {
        const int64_t group = i / panels, row = i % panels * c->kernel->rows, line = group * c->rows.rows;
        quant_pack_rows(&c->rows, w->dtype, data + line * c->rows.channels * c->rows.taps, row, &c->w_zero, line,
                        packing->packed + group * ints + quant_panel_at(&c->rows, row),
                        packing->packed + c->window.group * ints + line + row);
    }
}

static void pack_weights(void *destination, const struct tensor *source, const void *context) {
    const struct quant_conv *c = context;
    struct conv_packing packing = {c, destination};
    (void)source;
    team_for(c->call->threads, c->window.group * divide_up(c->rows.rows, c->kernel->rows), pack_panels, &packing);
}

static status take_weights(const struct quant_conv *c, size_t bytes, struct error *err) {
    struct quant_conv_state *state = c->call->state;
    const struct tensor *w = c->call->inputs[c->row->w], *zero = c->w_zero.tensor;
    if (!c->call->weights || !is_constant(w) || !w->data || !is_constant(zero) || bytes == 0)
        return STATUS_OK;
    const struct packing packing = {.name = "convolution of 8 bits",
                                    .numbers = {c->rows.bytes, c->kernel->rows, c->window.group, c->rows.rows,
                                                c->rows.channels, c->rows.taps, c->rows.taps_outside},
                                    .second = zero,
                                    .bytes = bytes,
                                    .pack = pack_weights,
                                    .context = c};
    state->packed = weight_cache_get(c->call->weights, w, &packing);
    return state->packed ? STATUS_OK : fail_memory(err, "packed weights");
}

/* The workspace: the picture, places, weights that are not packed beforehand. */
static bool workspace_parts(const struct quant_conv *c, size_t parts[3]) {
    const struct quant_conv_state *state = c->call->state;
    parts[2] = 0;
    parts[0] = c->phases.bytes_all; /* 0 without phases */
    return size_mul((size_t)quant_steps(&c->rows), sizeof(int64_t), &parts[1]) &&
           (state->packed || packed_bytes(c, &parts[2]));
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct quant_conv_state *state = call->state;
    struct quant_conv c;
    size_t bytes, parts[3];
    const status code = describe(call, &c, err);
    if (code != STATUS_OK)
        return code;
    state->bytes = c.kernel->has_bytes() && weights_are_bytes(&c);
    bool ok = plan(&c, state->bytes) && packed_bytes(&c, &bytes);
    if (ok && take_weights(&c, bytes, err) != STATUS_OK)
        return err->code;
    ok = ok && workspace_parts(&c, parts);
    *workspace_bytes = 0;
    for (int i = 0; ok && i < 3; i++)
        ok = size_add(*workspace_bytes, whole_line_bytes(parts[i]), workspace_bytes);
    call->own_bytes = c.is_depthwise ? c.depthwise.bytes : STRIP * (INTEGER_ROWS * sizeof(int32_t) + 1);
    return ok ? STATUS_OK : fail(err, STATUS_LIMIT, "the workspace of the convolution is too large");
}

/* ---- sums ---- */

/* What every sum of an output starts with. */
static uint32_t start_of(const struct quant_conv *c, int64_t output) {
    const struct tensor *bias = c->row->bias ? op_input(c->call, c->row->bias) : NULL;
    const uint32_t start = bias ? (uint32_t)((const int32_t *)bias->data)[output] : 0;
    return c->rows.bytes || c->is_depthwise ? start - (uint32_t)c->x_zero * (uint32_t)c->sums[output] : start;
}

/* Sums as they are given: in place for int32, else 8-bit integers. */
static const char *numbers_of(const struct quant_conv *c, int64_t output, int64_t count, int32_t *sums, char *small) {
    const enum dtype dtype = c->call->outputs[0]->dtype;
    const uint32_t start = start_of(c, output);
    if (dtype != DTYPE_INT32) {
        c->kernel->finish(sums, c->x_scale * quant_term(&c->w_scale, output) / c->y_scale, count, start, c->y_zero,
                          dtype == DTYPE_INT8, small);
        return small;
    }
    for (int64_t i = 0; start && i < count; i++)
        sums[i] = (int32_t)((uint32_t)sums[i] + start);
    return (const char *)sums;
}

/* Sums of places column0 .. of the phases: those that are outputs. */
static void finish(const struct quant_conv *c, int64_t image, int64_t output, int64_t column0, int64_t count,
                   int32_t *sums, char *small) {
    const struct window_axis *axis = c->window.axis;
    const int64_t *size = c->phases.size, plane = (image * outputs_of(c) + output) * c->positions;
    struct tensor *to = c->call->outputs[0];
    const size_t bytes = dtype_size(to->dtype);
    const bool whole = size[1] == axis[1].out && size[2] == axis[2].out; /* no place lies between outputs */
    char *place = (char *)to->data + (size_t)(plane + column0) * bytes;
    const char *from = numbers_of(c, output, count, sums, whole ? place : small);
    if (whole && from != place)
        memcpy(place, from, (size_t)count * bytes);
    if (whole)
        return;
    int64_t x = column0 % size[2], row = column0 / size[2];
    for (int64_t i = 0, part; i < count; i += part, x = 0, row++) {
        const int64_t y = row % size[1], z = row / size[1];
        part = at_most(size[2] - x, count - i);
        const int64_t valid = at_most(axis[2].out - x, part);
        if (valid > 0 && y < axis[1].out)
            memcpy((char *)to->data + (size_t)(plane + (z * axis[1].out + y) * axis[2].out + x) * bytes,
                   from + (size_t)i * bytes, (size_t)valid * bytes);
    }
}

/* Some panels of a group's outputs, for a strip of places. */
struct conv_unit {
    int64_t image, group, row0, rows, column0, columns;
};

static void run_unit(const struct quant_conv *c, const struct conv_unit *unit, char *own) {
    int32_t *sums = (int32_t *)(void *)own;
    char *small = own + STRIP * INTEGER_ROWS * sizeof *sums;
    const int64_t group_places = c->phases.blocks * c->phases.pictures * c->phases.plane;
    struct integer_tile tile = {.steps = quant_steps(&c->rows), .places = c->places, .stride = STRIP};
    for (int64_t row = unit->row0; row < unit->row0 + unit->rows; row += c->kernel->rows) {
        const int rows = quant_panel_rows(&c->rows, row, &tile.rows);
        tile.left = c->weights + unit->group * quant_rows_ints(&c->rows) + quant_panel_at(&c->rows, row);
        for (int64_t column = 0; column < unit->columns; column += c->kernel->columns) {
            tile.right = (const char *)(c->picture + unit->group * group_places + unit->column0 + column);
            tile.sums = sums + column;
            c->kernel->tile(c->rows.bytes, &tile);
        }
        for (int r = 0; r < rows; r++)
            finish(c, unit->image, unit->group * c->rows.rows + row + r, unit->column0, unit->columns, sums + r * STRIP,
                   small);
    }
}

/* ---- a channel by itself ---- */

static void run_planes(struct team_thread self, void *context) {
    const struct quant_conv *c = context;
    const struct op_call *call = c->call;
    const struct window_axis *axis = c->window.axis;
    const int64_t outputs = outputs_of(c), in = axis[1].in * axis[2].in, steps = quant_steps(&c->rows);
    const int64_t bands = quant_depthwise_bands(&c->depthwise), row_steps = steps / axis[1].kernel;
    const struct team_range range = team_range_of(self, c->window.batch * outputs * bands);
    for (int64_t i = range.first; i < range.end; i++) {
        const int64_t plane = bands > 1 ? i / bands : i, output = plane % outputs;
        struct quant_depthwise_job job = {.x = (const uint8_t *)call->inputs[0]->data + plane * in,
                                          .flip = call->inputs[0]->dtype == DTYPE_INT8 ? 0x80 : 0,
                                          .border = (uint8_t)c->x_zero,
                                          .own = (uint8_t *)call->own + (size_t)self.index * call->own_stride,
                                          .band = i - plane * bands};
        job.plane = (struct depthwise_plane){.steps = row_steps,
                                             .weights = c->weights + output * steps,
                                             .start = start_of(c, output),
                                             .scale = c->x_scale * quant_term(&c->w_scale, output) / c->y_scale,
                                             .zero = c->y_zero,
                                             .is_signed = call->outputs[0]->dtype == DTYPE_INT8,
                                             .y = (uint8_t *)call->outputs[0]->data + plane * c->positions};
        quant_depthwise_run(depthwise_kernel_of(call->kernels), &c->depthwise, c->rows.bytes, &job);
    }
}

struct conv_image {
    const struct quant_conv *conv;
    int64_t image;
};

static void run_units(struct team_thread self, void *context) {
    const struct conv_image *work = context;
    const struct quant_conv *c = work->conv;
    const int64_t strips = divide_up(c->phases.columns, STRIP), part = PART_PANELS * (int64_t)c->kernel->rows;
    const int64_t parts = divide_up(c->rows.rows, part);
    const struct team_range range = team_range_of(self, c->window.group * strips * parts);
    char *own = c->call->own + (size_t)self.index * c->call->own_stride;
    for (int64_t i = range.first; i < range.end; i++) {
        struct conv_unit unit = {work->image, i / parts / strips, i % parts * part, 0, i / parts % strips * STRIP, 0};
        unit.rows = at_most(c->rows.rows - unit.row0, part);
        unit.columns = at_most(c->phases.columns - unit.column0, STRIP);
        run_unit(c, &unit, own);
    }
}

/* ---- a run ---- */

static void start(struct quant_conv *c) {
    const struct op_call *call = c->call;
    const struct quant_conv_state *state = call->state;
    char *workspace = call->workspace;
    size_t parts[3];
    plan(c, state->bytes);
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
        pack_weights(packed, NULL, c);
    c->places = places;
    c->weights = state->packed ? state->packed : packed;
    c->sums = c->weights + c->window.group * quant_rows_ints(&c->rows);
    c->picture = (const uint32_t *)(const void *)workspace;
}

static status run(struct op_call *call, struct error *err) {
    struct quant_conv c;
    const status code = describe(call, &c, err);
    if (code != STATUS_OK || call->outputs[0]->bytes == 0)
        return code;
    start(&c);
    if (c.is_depthwise) {
        team_run(call->threads, run_planes, &c);
        return STATUS_OK;
    }
    const size_t image_bytes = call->inputs[0]->bytes / (size_t)c.window.batch;
    for (int64_t image = 0; image < c.window.batch; image++) {
        struct quant_image source = {.phases = &c.phases,
                                     .x = (const uint8_t *)call->inputs[0]->data + (size_t)image * image_bytes,
                                     .flip = call->inputs[0]->dtype == DTYPE_INT8 ? 0x80 : 0,
                                     .zero = c.x_zero,
                                     .to = call->workspace};
        struct conv_image work = {&c, image};
        team_for(call->threads, quant_phases_planes(&c.phases), quant_phases_fill, &source);
        team_run(call->threads, run_units, &work);
    }
    return STATUS_OK;
}

static double macs(const struct op_call *call) {
    struct quant_conv c;
    struct error ignored;
    if (describe(call, &c, &ignored) != STATUS_OK || !plan(&c, false))
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
