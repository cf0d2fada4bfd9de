/* MaxRoiPool (ONNX 1, 22): the largest element of each bin of regions of interest; 0 for bins without one. */
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"

#include <math.h>

#define MOST_OUTPUT (1 << 20)

struct roi_params {
    float scale;
    int count;
    int64_t pooled[2];
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct roi_params *params = result;
    (void)call;
    params->scale = attribute_float(attributes, "spatial_scale", 1);
    attribute_ints(attributes, "pooled_shape", params->pooled, 2, &params->count);
    for (int i = 0; i < 2; i++)
        if (params->count != 2 || params->pooled[i] < 1 || params->pooled[i] > MOST_OUTPUT)
            return fail(err, STATUS_INVALID_MODEL, "attribute \"pooled_shape\" must be two numbers in 1..%d",
                        MOST_OUTPUT);
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct roi_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape, *rois = &call->inputs[1]->shape;
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != 5)
        return fail(err, STATUS_SHAPE, "inputs 0 (X) and 1 (rois) are %s and %s, expected [N,C,H,W] and [R,5]",
                    shape_text(x, a), shape_text(rois, b));
    const struct shape shape = {4, {rois->dims[0], x->dims[1], params->pooled[0], params->pooled[1]}};
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

/* Elements first..end-1 of a bin along one axis. */
struct range {
    int64_t first, end;
};

/* which: 0 for y, 1 for x. Numbers are bounded before they become integers. */
static struct range range_of(const struct op_call *call, int64_t roi, int which, int64_t bin) {
    const struct roi_params *params = call->params;
    const struct tensor *rois = call->inputs[1];
    const double size = (double)call->inputs[0]->shape.dims[2 + which];
    const double start = round(number_at(rois, roi * 5 + 2 - which) * (double)params->scale);
    const double end = round(number_at(rois, roi * 5 + 4 - which) * (double)params->scale);
    const double part = fmax(end - start + 1, 1) / (double)params->pooled[which];
    const double first = fmin(fmax(floor((double)bin * part) + start, 0), size);
    const double last = fmin(fmax(ceil((double)(bin + 1) * part) + start, 0), size);
    return (struct range){(int64_t)first, (int64_t)last};
}

#define LARGEST(NAME, T)                                                                           \
    static void NAME(const void *plane, int64_t width, struct range y, struct range x, void *to) { \
        T largest = 0;                                                                             \
        for (int64_t r = y.first; r < y.end; r++)                                                  \
            for (int64_t c = x.first; c < x.end; c++) {                                            \
                const T v = ((const T *)plane)[r * width + c];                                     \
                if ((r == y.first && c == x.first) || v > largest || v != v)                       \
                    largest = v;                                                                   \
            }                                                                                      \
        *(T *)to = largest;                                                                        \
    }
LARGEST(largest_float, float)
LARGEST(largest_double, double)

/* Planes of the output: a region, and a channel. */
static void make_planes(void *context, int64_t first, int64_t end) {
    const struct op_call *call = context;
    const struct roi_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    const size_t size = dtype_size(call->inputs[0]->dtype);
    for (int64_t unit = first; unit < end; unit++) {
        const int64_t roi = unit / x->dims[1], row = (int64_t)number_at(call->inputs[1], roi * 5);
        const char *plane = (const char *)call->inputs[0]->data +
                            (size_t)((row * x->dims[1] + unit % x->dims[1]) * x->dims[2] * x->dims[3]) * size;
        char *to = (char *)call->outputs[0]->data + (size_t)(unit * params->pooled[0] * params->pooled[1]) * size;
        for (int64_t i = 0; i < params->pooled[0]; i++)
            for (int64_t k = 0; k < params->pooled[1]; k++, to += size)
                (call->inputs[0]->dtype == DTYPE_FLOAT ? largest_float : largest_double)(
                    plane, x->dims[3], range_of(call, roi, 0, i), range_of(call, roi, 1, k), to);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape;
    const int64_t rois = call->inputs[1]->shape.dims[0];
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    for (int64_t i = 0; i < rois * 5; i++) {
        const double v = number_at(call->inputs[1], i);
        if (!isfinite(v) || (i % 5 == 0 && !(v >= 0 && v < (double)x->dims[0])))
            return fail(err, STATUS_INVALID_MODEL, "rois[%lld][%lld] is %g, for a batch of %lld", (long long)(i / 5),
                        (long long)(i % 5), v, (long long)x->dims[0]);
    }
    team_for(call->threads, rois * x->dims[1], make_planes, call);
    return STATUS_OK;
}

#define REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {{"X", REAL, ARG_T}, {"rois", REAL, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"Y", REAL, ARG_T}, {0}};
static const struct op_facts facts = {.reach = op_reach_whole};

const struct op ops_max_roi_pool[] = {{.name = "MaxRoiPool",
                                       .domain = "",
                                       .since = 1,
                                       .inputs = inputs,
                                       .outputs = outputs,
                                       .params_size = sizeof(struct roi_params),
                                       .parse = parse,
                                       .infer = infer,
                                       .run = run,
                                       .facts = &facts},
                                      {0}};
