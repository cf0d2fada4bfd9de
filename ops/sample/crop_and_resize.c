/*
 * onnxruntime's CropAndResize (com.microsoft 1): boxes of pictures, given from 0 to 1, each brought to one size with
 * its corners on the corners. What lies outside has a fixed value.
 */
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"

#include <math.h>

struct crop_params {
    bool nearest;
    float outside;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    static const char *const modes[] = {"bilinear", "nearest", NULL};
    struct crop_params *params = result;
    (void)call, (void)err;
    params->nearest = attribute_choice(attributes, "mode", modes, 0) == 1;
    params->outside = attribute_float(attributes, "extrapolation_value", 0);
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape, *boxes = &call->inputs[1]->shape, *rows = &call->inputs[2]->shape;
    int64_t size[2];
    int count;
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES], c[SHAPE_TEXT_BYTES];
    if (x->rank != 4 || boxes->rank != 2 || boxes->dims[1] != 4 || rows->rank != 1 || rows->dims[0] != boxes->dims[0])
        return fail(err, STATUS_SHAPE, "inputs 0 to 2 are %s, %s and %s, expected [N,C,H,W], [R,4] and [R]",
                    shape_text(x, a), shape_text(boxes, b), shape_text(rows, c));
    const status code = op_input_ints(call, 3, size, 2, &count, err);
    if (code != STATUS_OK)
        return code;
    if (count != 2 || size[0] < 1 || size[1] < 1)
        return fail(err, STATUS_INVALID_MODEL, "input 3 (crop_size) must be two numbers of 1 or more");
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype,
                           &(struct shape){4, {boxes->dims[0], x->dims[1], size[0], size[1]}}, err);
}

/* Where position i of `count` lies along an axis of `size` elements, from `begin` to `end` of it. */
static double place_of(double begin, double end, int64_t size, int64_t i, int64_t count) {
    const double last = (double)(size - 1);
    return count > 1 ? begin * last + (double)i * ((end - begin) * last / (double)(count - 1))
                     : 0.5 * (begin + end) * last;
}

/* y and x lie in the plane. */
static double sample(const float *plane, int64_t width, double y, double x, bool nearest) {
    if (nearest)
        return (double)plane[(int64_t)round(y) * width + (int64_t)round(x)];
    const int64_t top = (int64_t)floor(y), left = (int64_t)floor(x);
    const float *upper = plane + top * width, *lower = plane + (int64_t)ceil(y) * width;
    const int64_t right = (int64_t)ceil(x);
    const double fx = x - (double)left, fy = y - (double)top;
    const double above = (double)upper[left] + ((double)upper[right] - (double)upper[left]) * fx;
    const double below = (double)lower[left] + ((double)lower[right] - (double)lower[left]) * fx;
    return above + (below - above) * fy;
}

/* Rows of the output. */
static void make_rows(void *context, int64_t first, int64_t end) {
    const struct op_call *call = context;
    const struct crop_params *params = call->params;
    const int64_t *x = call->inputs[0]->shape.dims, *y = call->outputs[0]->shape.dims;
    for (int64_t row = first; row < end; row++) {
        const int64_t box = row / y[2] / y[1], channel = row / y[2] % y[1];
        const float *at = (const float *)call->inputs[1]->data + box * 4;
        const float *plane =
            (const float *)call->inputs[0]->data + (int_of(call->inputs[2], box) * x[1] + channel) * x[2] * x[3];
        float *to = (float *)call->outputs[0]->data + row * y[3];
        const double down = place_of((double)at[0], (double)at[2], x[2], row % y[2], y[2]);
        for (int64_t i = 0; i < y[3]; i++) {
            const double along = place_of((double)at[1], (double)at[3], x[3], i, y[3]);
            const bool inside = down >= 0 && down <= (double)(x[2] - 1) && along >= 0 && along <= (double)(x[3] - 1);
            to[i] = inside ? (float)sample(plane, x[3], down, along, params->nearest) : params->outside;
        }
    }
}

static status run(struct op_call *call, struct error *err) {
    const int64_t *y = call->outputs[0]->shape.dims, batch = call->inputs[0]->shape.dims[0];
    for (int64_t i = 0; i < y[0]; i++)
        if (int_of(call->inputs[2], i) < 0 || int_of(call->inputs[2], i) >= batch)
            return fail(err, STATUS_INVALID_MODEL, "batch_indices[%lld] is %lld, for a batch of %lld", (long long)i,
                        (long long)int_of(call->inputs[2], i), (long long)batch);
    team_for(call->threads, y[0] * y[1] * y[2], make_rows, call);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};

const struct op ops_crop_and_resize[] = {
    {.name = "CropAndResize",
     .domain = "com.microsoft",
     .since = 1,
     .inputs = (const struct op_arg[]){{"X", TYPES_FLOAT, ARG_T},
                                       {"rois", TYPES_FLOAT, ARG_T},
                                       {"batch_indices", TYPE(DTYPE_INT32), ARG_T2},
                                       {"crop_size", TYPE(DTYPE_INT32), ARG_T2},
                                       {0}},
     .outputs = (const struct op_arg[]){{"Y", TYPES_FLOAT, ARG_T}, {0}},
     .params_size = sizeof(struct crop_params),
     .parse = parse,
     .infer = infer,
     .run = run,
     .facts = &facts},
    {0}};
