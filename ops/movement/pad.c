/*
 * Pad: an input with more (or, where a pad is negative, fewer) elements around it. What a negative pad cuts off at one
 * side is still there to be reflected at the other; "wrap" repeats what is left. That is what PyTorch does, whose
 * exports have such pads. A reflection wider than the axis goes back and forth, as numpy.pad does.
 */
#include "base/checked.h"
#include "base/convert.h"
#include "base/simd.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/movement/block_copy.h"
#include "ops/movement/movement.h"

enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP };

struct pad_params {
    enum pad_mode mode;
    int count; /* of pads, the attribute before opset 11 */
    int64_t pads[2 * MAX_RANK];
    float value;
};

/* One axis: output index i is source position i - before, where 0..extent-1 are elements from `crop` on. */
struct pad_axis {
    int64_t before, extent, size; /* size: of the output */
    int64_t crop;                 /* input elements that nothing reads at the start */
    int64_t stride;               /* bytes, of the input */
    bool padded;
};

/* What run() does: rows of the output's last axis, each put together of runs of blocks. */
struct pad_state {
    enum pad_mode mode;
    int rank; /* >= 1 */
    struct pad_axis axes[MAX_RANK];
    size_t block;   /* bytes that lie together in input and output */
    size_t element; /* bytes of the value that fills */
    int64_t offset; /* bytes from the input's start to the first element that is not cropped */
    size_t rows;
    int64_t row_bytes; /* of the output */
};

/* ---- attributes ---- */

static void parse_mode(const struct op_call *call, struct attributes *attributes, struct pad_params *params) {
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap", NULL};
    /* From 19 on by the specification; PyTorch's exporter writes it at 18. */
    static const char *const old_modes[] = {"constant", "reflect", "edge", NULL};
    params->mode = (enum pad_mode)attribute_choice(attributes, "mode", call->opset >= 18 ? modes : old_modes, 0);
}

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)err;
    parse_mode(call, attributes, params);
    return STATUS_OK;
}

static status parse_pads(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct pad_params *params = out;
    const char *const name = call->opset < 2 ? "paddings" : "pads";
    parse_mode(call, attributes, params);
    attribute_ints(attributes, name, params->pads, 2 * MAX_RANK, &params->count);
    params->value = attribute_float(attributes, "value", 0);
    return movement_require(attributes, name, err);
}

/* ---- shapes ---- */

/* The pads before and after each axis of the data. */
static status find_pads(const struct op_call *call, int64_t before[MAX_RANK], int64_t after[MAX_RANK],
                        struct error *err) {
    const struct pad_params *params = call->params;
    int64_t pads[2 * MAX_RANK], given[MAX_RANK];
    int axes[MAX_RANK], count = params->count, axis_count = call->inputs[0]->shape.rank;
    status code = STATUS_OK;
    memcpy(pads, params->pads, sizeof pads);
    for (int i = 0; i < MAX_RANK; i++)
        given[i] = i, before[i] = after[i] = 0;
    if (call->opset >= 11)
        code = op_input_ints(call, 1, pads, 2 * MAX_RANK, &count, err);
    if (code == STATUS_OK && call->opset >= 18 && op_input(call, 3))
        code = op_input_ints(call, 3, given, MAX_RANK, &axis_count, err);
    if (code == STATUS_OK && count != 2 * axis_count)
        code = fail(err, STATUS_INVALID_MODEL, "pads has %d numbers, expected %d (two for each of %d axes)", count,
                    2 * axis_count, axis_count);
    if (code == STATUS_OK)
        code = movement_axes(given, axis_count, call->inputs[0]->shape.rank, axes, err);
    for (int i = 0; code == STATUS_OK && i < axis_count; i++) {
        before[axes[i]] = pads[i];
        after[axes[i]] = pads[i + axis_count];
    }
    return code;
}

/* How many of dim elements a negative pad takes away. */
static int64_t cropped(int64_t pad, int64_t dim) {
    return pad >= 0 ? 0 : pad < -dim ? dim : -pad;
}

/* What is repeated is what the pads leave. */
static void crop_axis(struct pad_axis *axis, int64_t before, int64_t after) {
    const int64_t dim = axis->extent;
    axis->crop = cropped(before, dim);
    axis->extent = dim - axis->crop - cropped(after, dim);
    if (axis->extent < 0)
        axis->extent = 0;
    axis->before = before > 0 ? before : 0;
}

/* The same positions from a cut that is no larger than it must be, so that they can be counted. */
static void shorten_cut(struct pad_axis *axis, enum pad_mode mode) {
    const int64_t dim = axis->extent;
    if (axis->before >= 0)
        return;
    if (mode == PAD_REFLECT)
        axis->before = dim > 1 ? axis->before % (2 * dim - 2) : 0;
    else
        axis->before = axis->before < -dim ? -dim : axis->before;
}

static status make_axis(const struct op_call *call, int i, int64_t before, int64_t after, struct pad_axis *axis,
                        struct error *err) {
    const struct pad_params *params = call->params;
    const struct shape *shape = &call->inputs[0]->shape;
    const int64_t dim = shape->dims[i];
    char text[SHAPE_TEXT_BYTES];
    *axis = (struct pad_axis){.before = before, .extent = dim, .padded = before != 0 || after != 0};
    if (!int64_add(dim, before, &axis->size) || !int64_add(axis->size, after, &axis->size) || axis->size < 0)
        return fail(err, STATUS_SHAPE, "pads %lld and %lld do not fit axis %d of %s", (long long)before,
                    (long long)after, i, shape_text(shape, text));
    if (params->mode == PAD_WRAP || params->mode == PAD_CONSTANT)
        crop_axis(axis, before, after);
    else
        shorten_cut(axis, params->mode);
    if (axis->extent == 0 && axis->size > 0 && params->mode != PAD_CONSTANT)
        return fail(err, STATUS_SHAPE, "pads %lld and %lld of axis %d of %s: nothing is there to repeat",
                    (long long)before, (long long)after, i, shape_text(shape, text));
    return STATUS_OK;
}

static status make_axes(const struct op_call *call, struct pad_axis axes[MAX_RANK], struct error *err) {
    int64_t before[MAX_RANK], after[MAX_RANK];
    status code = find_pads(call, before, after, err);
    for (int i = 0; code == STATUS_OK && i < call->inputs[0]->shape.rank; i++)
        code = make_axis(call, i, before[i], after[i], &axes[i], err);
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0], *value = op_input(call, 2);
    struct pad_axis axes[MAX_RANK];
    char text[SHAPE_TEXT_BYTES];
    const status code = make_axes(call, axes, err);
    if (code != STATUS_OK)
        return code;
    if (value && tensor_elements(value) != 1)
        return fail(err, STATUS_SHAPE, "input 2 (constant_value) has shape %s, expected one element",
                    shape_text(&value->shape, text));
    struct shape shape = {.rank = input->shape.rank};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = axes[i].size;
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

/* ---- the plan ---- */

/* Appends an axis outside the present ones; neighbours without pads become one. */
static void add_outside(struct pad_state *state, const struct pad_axis *axis) {
    struct pad_axis *last = state->rank ? &state->axes[state->rank - 1] : NULL;
    if (last && !last->padded && !axis->padded) {
        last->extent *= axis->extent;
        last->size *= axis->size;
    } else {
        state->axes[state->rank++] = *axis;
    }
}

static void reverse_axes(struct pad_state *state) {
    for (int i = 0, j = state->rank - 1; i < j; i++, j--) {
        const struct pad_axis axis = state->axes[i];
        state->axes[i] = state->axes[j];
        state->axes[j] = axis;
    }
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct pad_params *params = call->params;
    const struct tensor *input = call->inputs[0], *output = call->outputs[0];
    struct pad_state *state = call->state;
    struct pad_axis axes[MAX_RANK];
    int64_t strides[MAX_RANK];
    (void)workspace_bytes;
    const status code = make_axes(call, axes, err);
    if (code != STATUS_OK || output->bytes == 0)
        return code;
    const size_t element = dtype_size(input->dtype);
    *state = (struct pad_state){.mode = params->mode, .element = element, .block = element};
    strided_dense(&input->shape, element, strides);
    for (int i = input->shape.rank - 1; i >= 0; i--) {
        axes[i].stride = strides[i];
        if (axes[i].extent)
            state->offset += axes[i].crop * strides[i];
        add_outside(state, &axes[i]);
    }
    if (state->rank && !state->axes[0].padded) { /* whole inner axes move together; outer ones keep their place */
        state->block *= (size_t)state->axes[0].size;
        state->rank--;
        memmove(state->axes, state->axes + 1, sizeof state->axes[0] * (size_t)state->rank);
    }
    if (state->rank == 0)
        state->axes[state->rank++] = (struct pad_axis){.extent = 1, .size = 1};
    reverse_axes(state);
    state->row_bytes = state->axes[state->rank - 1].size * (int64_t)state->block;
    state->rows = output->bytes / (size_t)state->row_bytes;
    return STATUS_OK;
}

/* ---- copying ---- */

/* `count` blocks from the source at `index`, index + step, ...; index -1: the value. */
struct pad_run {
    int64_t index, step, count;
};

static int64_t modulo(int64_t a, int64_t b) {
    if (a >= -b && a < b) /* as a rule; saves the division */
        return a < 0 ? a + b : a;
    const int64_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

static struct pad_run reflected_run(int64_t position, int64_t extent) {
    if (extent == 1)
        return (struct pad_run){0, 0, INT64_MAX};
    const int64_t last = extent - 1, phase = modulo(position, 2 * last);
    if (phase < last)
        return (struct pad_run){phase, 1, last - phase};
    return (struct pad_run){2 * last - phase, -1, 2 * last - phase};
}

/* The longest run that is known to start at the position. */
static struct pad_run run_at(enum pad_mode mode, const struct pad_axis *axis, int64_t position) {
    const int64_t extent = axis->extent;
    if (position >= 0 && position < extent)
        return (struct pad_run){position, 1, extent - position};
    switch (mode) {
    case PAD_REFLECT:
        return reflected_run(position, extent);
    case PAD_WRAP:
        return (struct pad_run){modulo(position, extent), 1, extent - modulo(position, extent)};
    case PAD_EDGE:
        return (struct pad_run){position < 0 ? 0 : extent - 1, 0, position < 0 ? -position : INT64_MAX};
    default:
        return (struct pad_run){-1, 0, position < 0 ? -position : INT64_MAX};
    }
}

struct pad_copy {
    const struct pad_state *state;
    char *to;
    const char *from;
    char value[sizeof(struct text)];
};

static void copy_blocks(char *to, const char *from, int64_t step, size_t block, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        block_copy(to + i * (int64_t)block, from + i * step, block);
}

static void fill_value(const struct pad_copy *copy, char *to, int64_t bytes) {
    if (copy->state->element == sizeof(uint32_t)) { /* as a rule a few: without a division */
        uint32_t value, *words = (uint32_t *)(void *)to;
        memcpy(&value, copy->value, sizeof value);
        SIMD for (int64_t i = 0; i < bytes / (int64_t)sizeof value; i++) words[i] = value;
        return;
    }
    block_fill(to, copy->value, copy->state->element, bytes / (int64_t)copy->state->element);
}

static void copy_row(const struct pad_copy *copy, char *to, const char *from) {
    const struct pad_state *state = copy->state;
    const struct pad_axis *axis = &state->axes[state->rank - 1];
    const int64_t block = (int64_t)state->block;
    for (int64_t i = 0; i < axis->size;) {
        const struct pad_run run = run_at(state->mode, axis, i - axis->before);
        const int64_t count = run.count < axis->size - i ? run.count : axis->size - i;
        if (run.index < 0)
            fill_value(copy, to + i * block, count * block);
        else if (run.step == 1)
            memcpy(to + i * block, from + run.index * block, (size_t)(count * block));
        else
            copy_blocks(to + i * block, from + run.index * block, run.step * block, state->block, count);
        i += count;
    }
}

/* Bytes from the first element to the row of these outer indices, or -1 where all of it is the value. */
static int64_t row_offset(const struct pad_state *state, const int64_t *indices) {
    int64_t offset = 0;
    for (int i = 0; i < state->rank - 1; i++) {
        const struct pad_run run = run_at(state->mode, &state->axes[i], indices[i] - state->axes[i].before);
        if (run.index < 0)
            return -1;
        offset += run.index * state->axes[i].stride;
    }
    return offset;
}

static void copy_rows(void *context, size_t begin, size_t end) {
    const struct pad_copy *copy = context;
    const struct pad_state *state = copy->state;
    int64_t indices[MAX_RANK];
    size_t rest = begin;
    for (int i = state->rank - 2; i >= 0; i--) {
        indices[i] = (int64_t)(rest % (size_t)state->axes[i].size);
        rest /= (size_t)state->axes[i].size;
    }
    for (size_t row = begin; row < end; row++) {
        char *to = copy->to + (int64_t)row * state->row_bytes;
        const int64_t offset = row_offset(state, indices);
        if (offset < 0)
            fill_value(copy, to, state->row_bytes);
        else
            copy_row(copy, to, copy->from + offset);
        for (int i = state->rank - 2; i >= 0 && ++indices[i] == state->axes[i].size; i--)
            indices[i] = 0;
    }
}

/* The value in the data's type; absent: 0, false, "". */
static void find_value(const struct op_call *call, char value[sizeof(struct text)]) {
    const struct pad_params *params = call->params;
    const struct tensor *given = op_input(call, 2);
    const enum dtype dtype = call->inputs[0]->dtype;
    const struct text empty = {"", 0};
    const double wide = params->value;
    memset(value, 0, sizeof(struct text));
    if (given)
        memcpy(value, given->data, dtype_size(dtype));
    else if (dtype == DTYPE_STRING)
        memcpy(value, &empty, sizeof empty);
    else if (dtype == DTYPE_FLOAT)
        memcpy(value, &params->value, sizeof params->value);
    else if (dtype == DTYPE_DOUBLE)
        memcpy(value, &wide, sizeof wide);
    else if (dtype == DTYPE_FLOAT16) {
        uint16_t half;
        half_from_float(dtype, &params->value, &half, 1);
        memcpy(value, &half, sizeof half);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct pad_state *state = call->state;
    const struct tensor *input = call->inputs[0], *output = call->outputs[0];
    (void)err;
    if (output->bytes == 0)
        return STATUS_OK;
    struct pad_copy copy = {.state = state, .to = output->data, .from = input->data};
    if (input->bytes)
        copy.from += state->offset;
    find_value(call, copy.value);
    parallel_blocks(state->rows, strided_block(state->rows, output->bytes), call->threads, copy_rows, &copy);
    return STATUS_OK;
}

/* ---- what passes ask ---- */

/* The pads where they are fixed. */
static const int64_t *known_pads(const struct op_call *call, int64_t *count) {
    const struct pad_params *params = call->params;
    if (call->opset >= 11)
        return op_constant_ints(call, 1, count);
    *count = params->count;
    return params->pads;
}

static bool is_noop(const struct op_call *call) {
    int64_t count;
    const int64_t *pads = known_pads(call, &count);
    for (int64_t i = 0; pads && i < count; i++)
        if (pads[i] != 0)
            return false;
    return pads != NULL;
}

static bool fills_with_zero(const struct op_call *call) {
    const struct tensor *value = op_input(call, 2);
    if (!value)
        return ((const struct pad_params *)call->params)->value == 0.0f;
    return value->constant && value->data && value->dtype == DTYPE_FLOAT && tensor_elements(value) == 1 &&
           *(const float *)value->data == 0.0f;
}

static bool read_list(const int64_t *list, int64_t count, struct op_padding *padding) {
    if (!list || count < 6 || count > 2 * MAX_RANK || count % 2 != 0)
        return false;
    padding->rank = (int)(count / 2);
    for (int i = 0; i < padding->rank; i++) {
        padding->begin[i] = list[i];
        padding->end[i] = list[padding->rank + i];
        if (padding->begin[i] < 0 || padding->end[i] < 0 || padding->begin[i] > INT32_MAX ||
            padding->end[i] > INT32_MAX)
            return false;
    }
    return padding->begin[0] + padding->end[0] + padding->begin[1] + padding->end[1] == 0;
}

static bool known_padding(const struct op_call *call, struct op_padding *padding) {
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    const struct pad_params *params = call->params;
    int64_t count;
    const int64_t *pads = known_pads(call, &count);
    padding->mode = modes[params->mode];
    return !op_input(call, 3) && (params->mode != PAD_CONSTANT || fills_with_zero(call)) &&
           read_list(pads, pads ? count : 0, padding);
}

/* Elements lie as far beside their places as there are pads before them. */
static void reach(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    int64_t count = 0, axis_count = 0, offsets[MAX_RANK];
    const struct pad_params *params = call->params;
    const int64_t *pads = known_pads(call, &count), *axes = op_constant_ints(call, 3, &axis_count);
    (void)sees;
    *reach = (struct op_reach){.view = params->mode == PAD_WRAP ? VIEW_WHOLE : VIEW_WINDOW, .step = 1};
    count = pads ? count / 2 : 0;
    if (params->mode == PAD_WRAP || count > MAX_RANK || (op_input(call, 3) && axis_count != count))
        return;
    for (int64_t i = 0; i < count; i++)
        offsets[i] = -pads[i];
    op_reach_beside(axes, offsets, count, reach);
}

static const struct op_facts facts = {.is_noop = is_noop, .padding = known_padding, .reach = reach};

#define TYPES_OLD (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPE(DTYPE_FLOAT16))

static const struct op_arg inputs_attribute[] = {{"data", TYPES_OLD, ARG_T}, {0}};
static const struct op_arg inputs_pads[] = {{"data", TYPES_WHOLE, ARG_T},
                                            {"pads", TYPE(DTYPE_INT64), 0},
                                            {"constant_value", TYPES_WHOLE, ARG_T | ARG_OPTIONAL},
                                            {0}};
static const struct op_arg inputs_axes[] = {{"data", TYPES_WHOLE, ARG_T},
                                            {"pads", TYPE(DTYPE_INT64), 0},
                                            {"constant_value", TYPES_WHOLE, ARG_T | ARG_OPTIONAL},
                                            {"axes", TYPES_INDEX, ARG_T1 | ARG_OPTIONAL},
                                            {0}};
static const struct op_arg outputs_old[] = {{"output", TYPES_OLD, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_WHOLE, ARG_T}, {0}};

#define PAD(first, last, parse_function, input_list, output_list)                                                  \
    {                                                                                                              \
        .name = "Pad", .domain = "", .since = first, .until = last, .inputs = input_list, .outputs = output_list,  \
        .params_size = sizeof(struct pad_params), .state_size = sizeof(struct pad_state), .parse = parse_function, \
        .infer = infer, .prepare = prepare, .run = run, .facts = &facts                                            \
    }

const struct op ops_pad[] = {PAD(1, 10, parse_pads, inputs_attribute, outputs_old),
                             PAD(11, 17, parse, inputs_pads, outputs),
                             PAD(18, 0, parse, inputs_axes, outputs),
                             {.name = NULL}};
