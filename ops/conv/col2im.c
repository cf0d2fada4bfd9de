/* Col2Im (ONNX 18): columns of blocks are added up where the blocks lie in a picture, in any number of dimensions. */
#include "base/checked.h"
#include "base/simd.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/conv/window.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#include <string.h>

#define AXES (MAX_RANK - 2)

struct col_params {
    int stride_count, dilation_count, pad_count;
    int64_t strides[AXES], dilations[AXES], pads[2 * AXES];
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct col_params *params = result;
    (void)call;
    attribute_ints(attributes, "strides", params->strides, AXES, &params->stride_count);
    attribute_ints(attributes, "dilations", params->dilations, AXES, &params->dilation_count);
    attribute_ints(attributes, "pads", params->pads, 2 * AXES, &params->pad_count);
    for (int i = 0; i < AXES; i++)
        if ((i < params->stride_count && (params->strides[i] < 1 || params->strides[i] > WINDOW_LIMIT)) ||
            (i < params->dilation_count && (params->dilations[i] < 1 || params->dilations[i] > WINDOW_LIMIT)))
            return fail(err, STATUS_INVALID_MODEL, "attribute \"strides\" or \"dilations\"[%d] is not in 1..%lld", i,
                        (long long)WINDOW_LIMIT);
    for (int i = 0; i < params->pad_count; i++)
        if (params->pads[i] < 0 || params->pads[i] > WINDOW_LIMIT)
            return fail(err, STATUS_INVALID_MODEL, "attribute \"pads\"[%d] is %lld", i, (long long)params->pads[i]);
    return STATUS_OK;
}

struct col_axis {
    int64_t image, kernel, columns, stride, dilation, pad;
};

struct columns {
    int axes;
    struct col_axis axis[AXES];
    int64_t channels, kernel, columns, image; /* products of the axes */
};

static status resolve_axis(const struct col_params *params, int i, int axes, struct columns *c, struct error *err) {
    struct col_axis *axis = &c->axis[i];
    axis->stride = params->stride_count ? params->strides[i] : 1;
    axis->dilation = params->dilation_count ? params->dilations[i] : 1;
    axis->pad = params->pad_count ? params->pads[i] : 0;
    if (axis->image < 0 || axis->image > WINDOW_LIMIT || axis->kernel < 1 || axis->kernel > WINDOW_LIMIT)
        return fail(err, STATUS_INVALID_MODEL, "image_shape[%d] and block_shape[%d] are %lld and %lld", i, i,
                    (long long)axis->image, (long long)axis->kernel);
    const int64_t slack = axis->image + axis->pad + (params->pad_count ? params->pads[axes + i] : 0) -
                          axis->dilation * (axis->kernel - 1) - 1;
    axis->columns = slack < 0 ? 0 : slack / axis->stride + 1;
    if (!int64_mul(c->kernel, axis->kernel, &c->kernel) || !int64_mul(c->columns, axis->columns, &c->columns) ||
        !int64_mul(c->image, axis->image, &c->image))
        return fail(err, STATUS_LIMIT, "the picture of Col2Im is too large");
    return STATUS_OK;
}

static status check_list(const char *name, int count, int expected, struct error *err) {
    return count == 0 || count == expected
               ? STATUS_OK
               : fail(err, STATUS_SHAPE, "attribute \"%s\" has %d numbers, expected %d", name, count, expected);
}

static status resolve(const struct op_call *call, struct columns *c, struct error *err) {
    const struct col_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    int64_t image[AXES], block[AXES];
    int blocks;
    *c = (struct columns){.kernel = 1, .columns = 1, .image = 1};
    status code = op_input_ints(call, 1, image, AXES, &c->axes, err);
    if (code == STATUS_OK)
        code = op_input_ints(call, 2, block, AXES, &blocks, err);
    if (code == STATUS_OK && (blocks != c->axes || blocks == 0))
        code = fail(err, STATUS_SHAPE, "inputs 1 (image_shape) and 2 (block_shape) have %d and %d numbers", c->axes,
                    blocks);
    if (code == STATUS_OK)
        code = check_list("strides", params->stride_count, c->axes, err);
    if (code == STATUS_OK)
        code = check_list("dilations", params->dilation_count, c->axes, err);
    if (code == STATUS_OK)
        code = check_list("pads", params->pad_count, 2 * c->axes, err);
    for (int i = 0; code == STATUS_OK && i < c->axes; i++) {
        c->axis[i] = (struct col_axis){.image = image[i], .kernel = block[i]};
        code = resolve_axis(params, i, c->axes, c, err);
    }
    if (code != STATUS_OK)
        return code;
    if (x->rank != 3 || x->dims[1] % c->kernel != 0 || x->dims[2] != c->columns)
        return fail(err, STATUS_SHAPE, "input 0 (input) is %s, expected [N,C*%lld,%lld]", shape_text(x, text),
                    (long long)c->kernel, (long long)c->columns);
    c->channels = x->dims[1] / c->kernel;
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    struct columns c;
    const status code = resolve(call, &c, err);
    if (code != STATUS_OK)
        return code;
    struct shape shape = {.rank = c.axes + 2, .dims = {call->inputs[0]->shape.dims[0], c.channels}};
    for (int i = 0; i < c.axes; i++)
        shape.dims[2 + i] = c.axis[i].image;
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

/* What one tap adds along the last axis: columns first..end-1, to elements from `to` on. */
struct col_run {
    int64_t first, end, to;
};

static struct col_run run_of(const struct col_axis *axis, int64_t tap) {
    const int64_t start = tap * axis->dilation - axis->pad; /* of column 0 */
    const int64_t first = start < 0 ? divide_up(-start, axis->stride) : 0;
    const int64_t end = axis->image > start ? at_most(axis->columns, divide_up(axis->image - start, axis->stride)) : 0;
    return (struct col_run){first, end, start + first * axis->stride};
}

/* Rows of columns, one after the other, for one tap. */
struct col_rows {
    int64_t first[AXES]; /* of each axis but the last one: where the tap lies for column 0 */
    int64_t at[AXES];    /* the columns of this row */
    struct col_run run;
};

static void begin_rows(const struct columns *c, int64_t tap, struct col_rows *rows) {
    rows->run = run_of(&c->axis[c->axes - 1], tap % c->axis[c->axes - 1].kernel);
    tap /= c->axis[c->axes - 1].kernel;
    for (int i = c->axes - 2; i >= 0; i--) {
        rows->first[i] = tap % c->axis[i].kernel * c->axis[i].dilation - c->axis[i].pad;
        rows->at[i] = 0;
        tap /= c->axis[i].kernel;
    }
}

/* Where this row lies, in rows of the picture; -1: outside. */
static int64_t place_of(const struct columns *c, const struct col_rows *rows) {
    int64_t index = 0;
    for (int i = 0; i + 1 < c->axes; i++) {
        const int64_t at = rows->first[i] + rows->at[i] * c->axis[i].stride;
        if (at < 0 || at >= c->axis[i].image)
            return -1;
        index = index * c->axis[i].image + at;
    }
    return index;
}

static void next_row(const struct columns *c, struct col_rows *rows) {
    for (int i = c->axes - 2; i >= 0 && ++rows->at[i] == c->axis[i].columns; i--)
        rows->at[i] = 0;
}

typedef void add_loop(const void *from, void *to, int64_t count, int64_t stride);
#define ADD(T, DTYPE)                                                                \
    static void add_##T(const void *from, void *to, int64_t count, int64_t stride) { \
        const T *x = from;                                                           \
        T *y = to;                                                                   \
        if (stride == 1) {                                                           \
            SIMD for (int64_t i = 0; i < count; i++) y[i] = (T)(y[i] + x[i]);        \
            return;                                                                  \
        }                                                                            \
        for (int64_t i = 0; i < count; i++)                                          \
            y[i * stride] = (T)(y[i * stride] + x[i]);                               \
    }
/* Sums wrap: signed ones are added as unsigned ones, which have the same bits. */
#define EACH_TYPE(X) \
    X(float, FLOAT) X(double, DOUBLE) X(uint8_t, UINT8) X(uint16_t, UINT16) X(uint32_t, UINT32) X(uint64_t, UINT64)
EACH_TYPE(ADD)
#define ENTRY(T, DTYPE) [DTYPE_##DTYPE] = add_##T,
static add_loop *const loops[DTYPE_COUNT] = {EACH_TYPE(ENTRY)[DTYPE_INT8] = add_uint8_t, [DTYPE_INT16] = add_uint16_t,
                                             [DTYPE_INT32] = add_uint32_t, [DTYPE_INT64] = add_uint64_t};

struct col_work {
    const struct op_call *call;
    struct columns c;
};

static void add_planes(void *context, int64_t first, int64_t end) {
    const struct col_work *work = context;
    const struct columns *c = &work->c;
    const struct col_axis *axis = &c->axis[c->axes - 1];
    const size_t size = dtype_size(work->call->inputs[0]->dtype);
    const int64_t rows = axis->columns ? c->columns / axis->columns : 0;
    add_loop *const add = loops[work->call->inputs[0]->dtype];
    for (int64_t plane = first; plane < end; plane++) {
        const char *x = (const char *)work->call->inputs[0]->data + (size_t)(plane * c->kernel * c->columns) * size;
        char *y = (char *)work->call->outputs[0]->data + (size_t)(plane * c->image) * size;
        memset(y, 0, (size_t)c->image * size);
        for (int64_t tap = 0; tap < c->kernel; tap++) {
            struct col_rows at;
            begin_rows(c, tap, &at);
            for (int64_t row = 0; row < rows; row++, x += (size_t)axis->columns * size, next_row(c, &at)) {
                const int64_t to = place_of(c, &at);
                if (to >= 0 && at.run.end > at.run.first)
                    add(x + (size_t)at.run.first * size, y + (size_t)(to * axis->image + at.run.to) * size,
                        at.run.end - at.run.first, axis->stride);
            }
        }
    }
}

static status run(struct op_call *call, struct error *err) {
    struct col_work work = {.call = call};
    const status code = resolve(call, &work.c, err);
    if (code == STATUS_OK && call->outputs[0]->bytes > 0)
        team_for(tensor_elements(call->inputs[0]) > 16384 ? call->threads : 1,
                 call->inputs[0]->shape.dims[0] * work.c.channels, add_planes, &work);
    return code;
}

static const struct op_arg inputs[] = {{"input", TYPES_NUMBER, ARG_T},
                                       {"image_shape", TYPE(DTYPE_INT64), ARG_T1},
                                       {"block_shape", TYPE(DTYPE_INT64), ARG_T1},
                                       {0}};
static const struct op_arg outputs[] = {{"output", TYPES_NUMBER, ARG_T}, {0}};
static const struct op_facts facts = {.reach = op_reach_unknown};

const struct op ops_col2im[] = {{.name = "Col2Im",
                                 .domain = "",
                                 .since = 18,
                                 .inputs = inputs,
                                 .outputs = outputs,
                                 .params_size = sizeof(struct col_params),
                                 .parse = parse,
                                 .infer = infer,
                                 .run = run,
                                 .facts = &facts},
                                {0}};
